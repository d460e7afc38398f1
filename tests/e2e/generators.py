#!/usr/bin/env python3
"""Two generators in one study, two stubs: an axis of its results; each with its own model, key and rate, one budget over both; a kill, and one
endpoint that dies while the other goes on."""
import collections
import json
import subprocess
import time

import sg
from sg import ask

KEYS = {"FAST_KEY": "sk-fast-0123456789abcdef", "SLOW_KEY": "sk-slow-0123456789abcdef"}
STUDY = """
study: two
tasks: [sst2]
methods: [zero_shot]
sizes: [12]
raw: [20]
mixes: [raw, synthetic]
data: {dir: data/sample}
llm_eval: {shots: [0], rows: 6}
train: {encoder: tests/oracle/model/bert, steps: 2, max_length: 32}
generators:
  slow: {model: turtle, base_url: SLOW_URL, api_key_env: SLOW_KEY, requests_per_min: 600, connections: 2, usd_per_1m_input: 1000, usd_per_1m_output: 2000}
  fast: {model: hare, base_url: FAST_URL, api_key_env: FAST_KEY, usd_per_1m_input: 500, usd_per_1m_output: 500}
budget: {usd: 100}
"""


def billed(*stubs):
    return sum(r["usd"] for s in stubs for r in s.requests())


def twice(stub):
    count = collections.Counter(r["key"] for r in stub.requests() if r["usd"])
    return sum(n - 1 for n in count.values())


class Pair:
    """The two stubs and the study that names them. Each takes its own key alone."""

    def __init__(self, folder, name, slow=(), fast=()):
        self.folder = folder / name
        (self.folder / "slow").mkdir(parents=True)
        (self.folder / "fast").mkdir()
        self.slow = sg.Stub(self.folder / "slow", "--key", KEYS["SLOW_KEY"], "--price", "1000", "2000", *slow)
        self.fast = sg.Stub(self.folder / "fast", "--key", KEYS["FAST_KEY"], "--price", "500", "500", *fast)
        self.study = self.folder / "two.yaml"
        self.study.write_text(STUDY.replace("SLOW_URL", self.slow.url).replace("FAST_URL", self.fast.url))

    def run(self, command, results, *more, **how):
        out, err = sg.run(command, self.study, *more, f"results={self.folder / results}", env=KEYS, **how)
        sg.check(not any(k in out + err for k in KEYS.values()), "a key is in the output")
        return out, err

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.slow.stop()
        self.fast.stop()


with sg.Folder() as folder:

    digests, parts = {}, []  # of the same study, bought in different ways

    # 1 and 2 ranks: the same digest; each server has only its own model's requests, and the slow one not more than it allows.
    @parts.append
    def axis():
        with Pair(folder, "axis", slow=("--limit-requests", "60", "--window", "6")) as two:
            plan = json.loads(two.run("plan", "r1", "--json")[0])
            sg.check([(g["name"], g["model"]) for g in plan["generators"]] == [("fast", "hare"), ("slow", "turtle")], f"the plan: {plan}")
            sg.check(abs(sum(g["cost_usd_missing"] for g in plan["generators"]) - plan["cost_usd_missing"]) < 1e-9, f"the plan's cost: {plan}")
            text = two.run("plan", "r1")[0]
            sg.check("price    fast: 500 and 500 USD" in text and "price    slow: 1000 and 2000 USD" in text, "whose price is it?\n" + text)
            found = json.loads(two.run("doctor", "r1", "--json")[0].strip().splitlines()[-1])["findings"]
            for name in ("fast", "slow"):
                sg.check(any(f["topic"] == "answer" and f["health"] == "ok" and f["text"].startswith(name + ": ") for f in found), f"{name}: {found}")
            _, err = two.run("run", "r1", "--offline", code=2)
            sg.check("zero_shot by fast" in err and "classifier, 0 shots by slow" in err, "offline does not list both:\n" + err)
            before = {"slow": len(two.slow.requests()), "fast": len(two.fast.requests())}
            for ranks in (1, 2):
                out, _ = two.run("run", f"r{ranks}", ranks=ranks)
                digests[f"{ranks} ranks"] = sg.digest(out)
                tables = sg.run("report", two.folder / f"r{ranks}")[0]
                sg.check("zero_shot by fast" in tables and "zero_shot by slow" in tables, "no axis in the tables:\n" + tables)
            bought = ask(two.folder / "r2", "SELECT json_extract(request, '$.model'), source, count(*), total(cost_usd) FROM completions GROUP BY 1, 2")
            print(bought, {name: len(getattr(two, name).requests()) for name in ("slow", "fast")})
            sg.check([(m, s) for m, s, _, _ in bought] == [("hare", f"live {two.fast.url}"), ("turtle", f"live {two.slow.url}")], f"{bought}")
            for (_, _, n, usd), name in zip(bought, ("fast", "slow")):
                log = getattr(two, name).requests()[before[name]:]
                sg.check(len(log) == 2 * n and all(r["status"] == 200 for r in log), f"{name}: {len(log)} requests for twice {n} completions")
                sg.check(abs(sum(r["usd"] for r in log) - 2 * usd) < 1e-9, f"{name}: the bill is not what the ledger has")
            models = [json.loads(s)["generator"] for s, in ask(two.folder / "r2", "SELECT settings FROM pools ORDER BY ordinal")]
            sg.check(models == ["fast", "slow"], f"pools: {models}")
            cells = [json.loads(s).get("generator") for s, in ask(two.folder / "r2", "SELECT settings FROM cells ORDER BY ordinal")]
            sg.check(cells == [None, "fast", "slow"], f"cells: {cells}")
            evaluations = [json.loads(s)["model"] for s, in ask(two.folder / "r2", "SELECT settings FROM evaluations ORDER BY ordinal")]
            sg.check(evaluations == ["hare", "turtle"], f"evaluations: {evaluations}")
            for path in two.folder.rglob("*"):
                sg.check(not path.is_file() or not any(k.encode() in path.read_bytes() for k in KEYS.values()), f"a key is in {path}")
            # Sealed, and replayed without any server.
            two.run("bundle", "r2", two.folder / "two.bundle")
        out, _ = sg.run("run", folder / "axis" / "two.bundle", "--results", folder / "replay")
        digests["the bundle's replay"] = sg.digest(out)

    # One budget over both; a larger one goes on.
    @parts.append
    def budget():
        with Pair(folder, "budget") as two:
            for limit in (0.95, 100):
                code = 0 if limit == 100 else 3
                two.run("run", "r", f"budget.usd={limit}", "generators.slow.requests_per_min=", "generators.fast.connections=2", ranks=2, code=code)
                print(f"limit {limit} USD: {billed(two.slow):.3f} and {billed(two.fast):.3f} billed")
                sg.check(billed(two.slow, two.fast) <= limit, "over the budget")
            sg.check(billed(two.slow, two.fast) > 0.95, "the limit was no limit")

    # Killed while both are asked; what may have been bought twice is listed.
    @parts.append
    def killed():
        with Pair(folder, "killed", slow=("--latency", "0.1"), fast=("--latency", "0.1")) as two:
            process = subprocess.Popen(sg.command("run", two.study, f"results={two.folder / 'r'}", "generators.fast.connections=2", ranks=2),
                                          cwd=sg.ROOT, env=dict(sg.ENVIRONMENT, **KEYS), start_new_session=True, stdin=subprocess.DEVNULL,
                                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + 60
            while min(len(two.slow.requests()), len(two.fast.requests())) < 6 and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            sg.check(process.poll() is None, "it had ended before the kill")
            sg.kill_all(process, two.folder / "r")
            out, _ = two.run("run", "r", ranks=1)
            digests["killed and resumed"] = sg.digest(out)
            print(f"killed: {twice(two.slow)} and {twice(two.fast)} bought twice")
            sg.check(twice(two.slow) <= 2 and twice(two.fast) <= 2, "more was bought twice than was in flight")

    # A key that is taken back in the middle ends its own generator alone.
    @parts.append
    def dead():
        (folder / "script.json").write_text(json.dumps([{"from": 4, "fault": "status", "status": 401,
                                                         "body": json.dumps({"error": {"message": "revoked", "code": "invalid_api_key"}})}]))
        with Pair(folder, "dead", slow=("--script", str(folder / "script.json"))) as two:
            _, err = two.run("run", "r", ranks=2, code=2)
            sg.check("generators.slow: the server refuses the key" in err, "who is refused:\n" + err)
            sg.check(ask(two.folder / "r", "SELECT json_extract(settings, '$.generator'), status FROM pools") == [("fast", "complete")], "fast did not go on")
            sg.check(ask(two.folder / "r", "SELECT count(*) FROM cells WHERE status='done'") == [(2,)], "its cells were not trained")

    sg.at_once(*parts)
    sg.check(len(digests) == 4 and len(set(digests.values())) == 1, f"they differ: {digests}")
print("ok")

#!/usr/bin/env python3
"""`generate --batch` and `--collect`: the whole way to the pools of a live run, at half the price; the budget; what stands beside it; two generators."""
import json
import subprocess
import time

import batching
import sg
from batching import KEY, PRICED, SMALL, ask, batch, billed, calls, collect, generate, missing

KEYS = {"FAST_KEY": "sk-fast-0123456789abcdef", "SLOW_KEY": "sk-slow-0123456789abcdef"}
STUDY = """
study: two
tasks: [sst2]
methods: [zero_shot]
sizes: [6]
mixes: [synthetic]
data: {dir: data/sample}
llm_eval: {shots: [0], rows: 3}
train: {encoder: tests/oracle/model/bert, steps: 2, max_length: 32}
generators:
  fast: {model: hare, base_url: FAST_URL, api_key_env: FAST_KEY, usd_per_1m_input: 1000, usd_per_1m_output: 2000}
  slow: {model: turtle, base_url: SLOW_URL, api_key_env: SLOW_KEY, usd_per_1m_input: 1000, usd_per_1m_output: 2000}
budget: {usd: 100}
"""


class Pair:
    """Two stubs with batch APIs, each for its own key alone, and the study that names them."""

    def __init__(self, folder, name, fast=None, slow=None):
        self.folder = folder / name
        self.folder.mkdir()
        self.fast = batching.stub(self.folder / "fast", fast, "--key", KEYS["FAST_KEY"])
        self.slow = batching.stub(self.folder / "slow", slow, "--key", KEYS["SLOW_KEY"], "--vary")  # for anthropic, which has no seed
        self.study = self.folder / "two.yaml"
        self.write()
        self.forget()

    def write(self, old="", new=""):
        """The study, with something of it replaced."""
        text = STUDY.replace("FAST_URL", self.fast.url).replace("SLOW_URL", self.slow.url)
        self.study.write_text(text.replace(old, new) if old else text)

    def forget(self):
        """What was billed so far is not this test's."""
        self.n_billed = [len(billed(s)) for s in (self.fast, self.slow)]

    def generate(self, results, *options, env=None, **how):
        return sg.run("generate", self.study, *options, f"results={self.folder / results}", env=env or KEYS, **how)

    def ask(self, results, query):
        return ask(self.folder / results, query)

    def check(self, results, pools):
        sg.check(batching.pools(self.folder / results) == pools, f"{self.folder.name}: batches show in the pools")
        for name, stub, n in zip(("hare", "turtle"), (self.fast, self.slow), self.n_billed):
            usd = sum(r["usd"] for r in billed(stub)[n:])
            known = self.ask(results, f"SELECT total(cost_usd), min(source), max(source) FROM completions WHERE json_extract(request, '$.model')='{name}'")
            sg.check(abs(known[0][0] - usd) < 1e-9 and set(known[0][1:]) == {f"batch {stub.url}"}, f"{name}: {usd} USD were billed, the ledger says {known}")
        for path in self.folder.rglob("*"):
            sg.check(not path.is_file() or not any(k.encode() in path.read_bytes() for k in KEYS.values()), f"a key is in {path}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for stub in (self.fast, self.slow):
            if stub.process.poll() is None:
                stub.stop()


with sg.Folder() as folder:
    with batching.stub(folder / "alive") as stub:
        live, n_live = sg.digest(generate(stub, folder / "live")[0]), len(stub.requests())
    with Pair(folder, "pair") as two:
        two.generate("live")
        live_pair = batching.pools(two.folder / "live")
    parts = []

    # Sent and fetched by processes that share nothing but the results folder; the pools and the results are those of a live run.
    @parts.append
    def alone():
        with batching.stub(folder / "a", {"batches": [{"polls": 2}, {}], "page": 1}) as stub:
            results, free = folder / "results", ["generator.batch_requests=4"]
            _, err = generate(stub, results, *free, "--batch", code=3, env={"OPENAI_API_KEY": KEY}, ranks=2)
            sg.check("--collect" in err and "7 requests are with the batch API in 2 batches" in err, "what is next is not said:\n" + err)
            sg.check(len(calls(stub, "create")) == 2, "7 requests in batches of 4 are not two batches")
            sg.check([r[0] for r in ask(results, "SELECT state FROM batches")] == ["open", "open"], "the ledger does not know them")
            _, err = generate(stub, results, "--quiet", code=3)
            sg.check("would be bought twice" in err and "--abandon-batches" in err, "it buys live what is out:\n" + err)
            _, err = sg.run("run", *SMALL, f"generator.base_url={stub.url}", "--results", results, code=3)
            sg.check("would be bought twice" in err, "run buys what is out:\n" + err)
            generate(stub, results, "--batch", code=3)
            sg.check(len(calls(stub, "create")) == 2, "what is out was sent again")
            out, _ = sg.run("status", results)
            sg.check("batches  2 with the provider, 7 requests" in out, "status does not show them:\n" + out)
            out, _ = sg.run("plan", *SMALL, "--results", results)
            sg.check("7 of these are out in 2 batches" in out, "plan does not show them:\n" + out)
            out, _ = sg.run("plan", *SMALL, "--results", results, "--json")
            sg.check((json.loads(out)["n_batches"], json.loads(out)["n_batch_requests"]) == (2, 7), "plan --json: " + out)
            _, err = generate(stub, results, "--collect", code=3)
            sg.check("in_progress" in err and "requests are with the batch API in 1 batch (" in err, "the first collect:\n" + err)
            _, err = generate(stub, results, "--collect", "--wait", code=3, env={"OPENAI_API_KEY": KEY})
            sg.check("requests are missing" in err and "--batch` asks for them" in err, "the second collect:\n" + err)
            done, _ = generate(stub, results, "--batch", "--wait", env={"OPENAI_API_KEY": KEY})
            sg.check(sg.digest(done) == live, "batches give other results than a live run")
            sg.check(len(billed(stub)) == n_live, f"{len(billed(stub))} requests were paid for, not {n_live}")
            generate(stub, results, "--collect")
            generate(stub, results, "--batch")
            sg.check(len(billed(stub)) == n_live, "what is there was bought again")
            sg.check(not [p for p in results.iterdir() if "batch" in p.name or p.name.endswith("jsonl")], "files are left behind")
            sg.check(calls(stub, "delete") and len(calls(stub, "delete")) == len(calls(stub, "upload")), "requests stay with the provider")

    # Money: half the price, never over the limit, and the rest with a higher one.
    @parts.append
    def money():
        with batching.stub(folder / "b") as stub:
            results, limit = folder / "priced", 0.6
            _, err = generate(stub, results, *PRICED[:2], f"budget.usd={limit}", "--batch", code=3)
            reserved = ask(results, "SELECT n, usd FROM batches")[0]
            sg.check(0 < reserved[0] < 7 and reserved[1] <= limit and "--max-usd" in err, f"the limit: {reserved}\n{err}")
            _, err = generate(stub, results, *PRICED[:2], f"budget.usd={limit}", "--batch", code=3)
            sg.check(len(calls(stub, "create")) == 1 and "--max-usd" in err, "it went over the limit:\n" + err)
            while missing(results):
                before = len(billed(stub))
                generate(stub, results, *PRICED[:2], "--max-usd", limit, "--collect", code=None)
                if not missing(results):
                    break
                generate(stub, results, *PRICED[:2], "--max-usd", limit, "--batch", code=3)
                sg.check(sum(r["usd"] for r in billed(stub)) <= limit, "over the limit")
                limit *= 1 if len(billed(stub)) > before else 1.5
            batching.check_money(stub, results, "a budget")
            sg.check(batching.pools(results) == batching.pools(folder / "live"), "a budget shows in the pools")
            full = sum((r["tokens_in"] * 1000 + r["tokens_out"] * 2000) / 1e6 for r in billed(stub))
            spent = ask(results, "SELECT total(cost_usd) FROM completions")[0][0]
            sg.check(abs(spent - full / 2) < 1e-9, f"{spent} USD are not half of {full}")
            print(f"half the price: {spent:.4f} of {full:.4f} USD")

    # Given up on: bought live, and what the batch has answered all the same still counts.
    @parts.append
    def given_up():
        with batching.stub(folder / "c", {"batches": [{"polls": 3, "answered": 0.5}]}) as stub:
            results = folder / "abandoned"
            batch(stub, results)
            _, err = generate(stub, results, *PRICED, "--abandon-batches", code=3)
            sg.check("abandoned" in err and len(calls(stub, "cancel")) == 1, "it is not abandoned:\n" + err)
            generate(stub, results, *PRICED)
            sg.check(batching.pools(results) == batching.pools(folder / "live"), "abandoned batches show in the pools")
            worst = ask(results, "SELECT total(usd) FROM batches")[0][0]
            sg.check(worst > 0, "what an abandoned batch costs is forgotten")
            collect(stub, results, code=0)
            spent = ask(results, "SELECT (SELECT total(cost_usd) FROM completions) + (SELECT total(usd) FROM sent)")[0][0]
            sg.check(abs(spent - sum(r["usd"] for r in billed(stub))) < 1e-9, f"{spent} USD are not what was billed")

    # Two generators at two servers: each gets its own requests with its own key, under one budget, and the pools are those of a live run.
    @parts.append
    def two_generators():
        with Pair(folder, "two", fast={"batches": [{}, {"polls": 2}, {}]}) as two:
            two.generate("limit", "--batch", "budget.usd=0.8", code=3)
            reserved = two.ask("limit", "SELECT generator, usd FROM batches")
            sg.check(sum(usd for _, usd in reserved) <= 0.8 and len(reserved) == 1, f"a budget is over all of them: {reserved}")
            two.generate("limit", "--abandon-batches", code=3)
            two.forget()
            _, err = two.generate("r", "--batch", code=3)
            sg.check("requests are with the batch API in 2 batches" in err, "what is next is not said:\n" + err)
            sg.check(two.ask("r", "SELECT generator FROM batches ORDER BY part") == [("fast",), ("slow",)], "whose they are is not in the ledger")
            _, err = two.generate("r", "--collect", code=3)
            sg.check("with the batch API in 1 batch (" in err, "the first collect:\n" + err)
            two.generate("r", "--collect", "--wait", code=None)
            two.generate("r", "--batch", "--wait")
            two.check("r", live_pair)

            # The settings of a study may change while its batches are out: a batch stays its own generator's.
            two.generate("renamed", "--batch", code=3)
            two.write("slow:", "tardy:")
            two.generate("renamed", "--collect", "--wait", code=None)
            sg.check(two.ask("renamed", "SELECT count(*) FROM batches WHERE state<>'settled'") == [(0,)], "a name that changed loses a batch")
            two.write()
            two.generate("gone", "--batch", code=3)
            two.write("hare", "rabbit")
            _, err = two.generate("gone", "--collect", code=2)
            sg.check("batch 1 was sent for generators.fast, and a provider and model that no generator" in err and "hint: " in err, "an orphan:\n" + err)
            sg.check(two.ask("gone", "SELECT generator FROM batches WHERE state<>'settled'") == [("fast",)], "an orphan keeps the others")
            two.generate("gone", "--abandon-batches", code=3)
            two.write()

    # Killed while the second one is asked for its batch: --collect finds it, and nothing is paid twice. A list without an end is told of, and
    # keeps nobody from the other's.
    @parts.append
    def killed():
        faults = [{"call": "create", "to": 1, "fault": "hang", "seconds": 30}, {"call": "batches", "to": 1000, "fault": "endless"}]
        with Pair(folder, "killed", slow={"faults": faults}) as two:
            process = subprocess.Popen(sg.command("generate", two.study, "--batch", f"results={two.folder / 'r'}"), cwd=sg.ROOT,
                                       env=dict(sg.ENVIRONMENT, **KEYS), start_new_session=True, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + 60
            while not calls(two.slow, "create") and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            sg.check(process.poll() is None, "it had ended before the kill")
            sg.kill_all(process, two.folder / "r")
            _, err = two.generate("r", "--collect", code=2)
            sg.check("generators.slow: the list of batches has more than 1000 pages" in err, "a list without an end:\n" + err)
            sg.check(two.ask("r", "SELECT generator, state FROM batches ORDER BY part") == [("fast", "settled"), ("slow", "uploaded")],
                     "one that cannot be found keeps the others")
            two.generate("r", "--collect", code=None)
            two.generate("r", "--batch", "--wait")
            sg.check(len(calls(two.slow, "create")) == two.ask("r", "SELECT count(*) FROM batches WHERE generator='slow'")[0][0], "it was sent twice")
            two.check("r", live_pair)

    # One whose batch is gone, whose key is refused, whose server breaks off, that is down: the other's answers, which come behind it, are there,
    # and the exit code and the last line tell.
    @parts.append
    def one_ends():
        gone = {"call": "batch", "to": 1, "fault": "status", "status": 404}
        broken = {"call": "batch", "from": 3, "to": 3, "fault": "before"}
        with Pair(folder, "one", fast={"faults": [gone, broken]}) as two:
            out = "SELECT generator FROM batches WHERE state<>'settled'"
            two.generate("r", "--batch", code=3)
            for env, code, found in ((KEYS, 2, "batch batch_0001: HTTP 404"), ({**KEYS, "FAST_KEY": "sk-wrong-0123456789"}, 2, "FAST_KEY")):
                _, err = two.generate("r", "--collect", code=code, env=env)
                sg.check("generators.fast: " in err and found in err.splitlines()[-1], "which one it is:\n" + err)
                sg.check(two.ask("r", out) == [("fast",)], "the other's is not collected")
            two.generate("r", "--collect", code=None)
            two.generate("r", "--batch", "--wait")
            two.check("r", live_pair)
            two.generate("breaks", "--batch", code=3)
            _, err = two.generate("breaks", "--collect", "generators.fast.retries=0", code=3)
            sg.check("generators.fast: batch " in err and "run the same command again" in err, "who broke off:\n" + err)
            sg.check(two.ask("breaks", out) == [("fast",)], "the other's is not collected")
            two.generate("down", "--batch", code=3)
            two.fast.stop()
            n = missing(two.folder / "down")
            _, err = two.generate("down", "--collect", "--wait", code=2)
            sg.check("generators.fast: no LLM server answers" in err, "who is down:\n" + err)
            sg.check(two.ask("down", out) == [("fast",)] and missing(two.folder / "down") < n, "the other's is not collected")
            sg.check(two.ask("down", "SELECT json_extract(settings, '$.generator') FROM pools") == [("slow",)], "its pools are not stored")
            _, err = two.generate("down", "--abandon-batches", code=3)
            sg.check("no batch is cancelled: generators.fast: " in err, "abandoned:\n" + err)

    # One that refuses every batch, in the middle of waiting: the other's are sent, waited for and collected.
    @parts.append
    def half():
        with Pair(folder, "half", fast={"faults": [{"call": "upload", "fault": "status", "status": 404}]}) as two:
            _, err = two.generate("r", "--batch", "--wait", "generator.batch_requests=4", code=2)
            sg.check("generators.fast: the requests cannot be uploaded: HTTP 404" in err.splitlines()[-1] and "warning" not in err, "who refuses:\n" + err)
            sg.check(two.ask("r", "SELECT DISTINCT json_extract(settings, '$.generator'), status FROM pools") == [("slow", "complete")], "the other's are not there")
            sg.check(two.ask("r", "SELECT count(*) FROM batches WHERE state<>'settled'") == [(0,)], "refused batches are left in the ledger")

    # One without a batch API is left to a run, which buys that alone.
    @parts.append
    def mixed():
        with Pair(folder, "mixed") as two:
            mixed = ["generators.slow.provider=anthropic"]
            _, err = two.generate("r", *mixed, "--batch", "--wait", code=3)
            sg.check("of generators.slow, whose batch API (anthropic) is not spoken: `synthgrid generate" in err and not two.slow.requests(),
                     "what is left to a run:\n" + err)
            n = len(billed(two.fast))
            two.generate("r", *mixed)
            sg.check(n and len(billed(two.fast)) == n and billed(two.slow), "the run buys other than what is left")
            _, err = two.generate("none", *mixed, "generators.fast.provider=anthropic", "--batch", code=2)
            sg.check("none of generators has provider: openai" in err, err)

    # What cannot be.
    @parts.append
    def refused():
        _, err = sg.run("generate", *SMALL, "generator.provider=anthropic", "--batch", "--results", folder / "no", code=2)
        sg.check("only OpenAI's batch API is spoken, and generator.provider is anthropic" in err, err)
        for flags in (["--batch", "--collect"], ["--collect", "--abandon-batches"], ["--wait"]):
            sg.run("generate", *SMALL, *flags, "--results", folder / "no", code=2)
        out, _ = sg.run("generate", "--help")
        sg.check(all(flag in out for flag in ("--batch", "--collect", "--wait", "--abandon-batches")), "--help: " + out)

    sg.at_once(*parts)
    for path in folder.rglob("*"):
        if path.is_file():
            sg.check(KEY.encode() not in path.read_bytes(), f"the key is in {path}")
    print("ok")

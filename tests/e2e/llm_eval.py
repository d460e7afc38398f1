#!/usr/bin/env python3
"""The LLM as a classifier, against the stub: the same answers and digest on 1 and 2 ranks and after kills, bought once; offline; as JSON; a
study without it keeps its digest."""
import json
import os
import time

import sg

with sg.Folder() as folder:
    plain = [*sg.QUICKSTART, "tasks=[sst2,boolq]", "methods=[zero_shot]", "sizes=[4]", "mixes=[raw,synthetic]",
             "train.steps=2", "train.max_length=32",
             "generator.usd_per_1m_input=0.01", "generator.usd_per_1m_output=0.01", "budget.usd=10"]  # what costs is committed before the next request leaves
    study = [*plain, "llm_eval.shots=[0,1,5]", "llm_eval.rows=24", "llm_eval.seeds=2"]

    def evaluations(results):
        return json.loads(sg.run("report", results, "--format", "json")[0])["llm_eval"]

    def server(name, *studies):
        """A stub of one's own, and these studies with its address."""
        (folder / name).mkdir()
        stub = sg.Stub(folder / name, "--latency", "0.01")
        return stub, *([*study, f"generator.base_url={stub.url}"] for study in studies)

    digests, withouts, parts = {}, {}, []

    @parts.append
    def whole():
        stub, a_plain, a_study = server("whole", plain, study)
        without = withouts["before"] = sg.digest(sg.run("run", *a_plain, "--results", folder / "plain", ranks=2)[0])
        n_pools = len(stub.requests())

        plan = json.loads(sg.run("plan", *a_study, "--results", folder / "one", "--json")[0])
        sg.check(plan["n_evaluations"] == 10 and plan["n_requests_missing"] == 8 + 240, f"plan: {plan}")
        _, err = sg.run("run", *a_study, "--results", folder / "one", "--offline", code=2)
        sg.check("classifier, 5 shots" in err and "248 completions are missing" in err, "--offline does not list evaluations:\n" + err)

        out, _ = sg.run("run", *a_study, "--results", folder / "one", ranks=1)
        digest = digests["one rank"] = sg.digest(out)
        text, _ = sg.run("report", folder / "one", "--section", "llm")
        sg.check("The LLM as a classifier" in text, "not in the report:\n" + text)
        sg.check(digest != without, "the digest does not cover the evaluations")
        asked = [r["key"] for r in stub.requests()[n_pools:]]
        sg.check(len(asked) == 248 == len(set(asked)), f"{len(asked)} requests, {len(set(asked))} different ones")
        found = evaluations(folder / "one")
        sg.check([(e["task"], e["shots"], e["seed"]) for e in found] ==
                 [(t, n, s) for t in ("sst2", "boolq") for n, s in ((0, 0), (1, 0), (1, 1), (5, 0), (5, 1))], f"{found}")
        for e in found:
            sg.check(e["status"] == "complete" and e["n"] == 24 and e["n_requests"] == 24, f"{e}")
            right = round(e["accuracy"]["mean"] * 24)
            sg.check(abs(e["accuracy_parsed"] * (24 - e["n_unparsable"]) - right) < 1e-6, f"{e}")
            sg.check(e["accuracy"]["low"] <= e["accuracy"]["mean"] <= e["accuracy"]["high"], f"{e}")
        sg.check(sum(e["n_unparsable"] for e in found) > 0, "no answer was unparsable")
        sg.check(found[0]["encoder_raw_only"]["n_done"] == 1, "the encoder's accuracy is not beside it")

    # Killed in the middle, on another number of ranks: the same, and nothing is asked twice but what was in flight.
    @parts.append
    def killed():
        stub, a_study = server("killed", study)
        process = sg.begin("run", *a_study, "--results", folder / "two", ranks=2)
        deadline = time.monotonic() + 60
        while len(stub.requests()) < 100 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        sg.check(process.poll() is None, "the kill hit nothing")
        sg.kill_all(process, folder / "two")
        digests["two ranks and a kill"] = sg.digest(sg.run("run", *a_study, "--results", folder / "two", ranks=2)[0])
        again = [r["key"] for r in stub.requests()]
        sg.check(len(again) - len(set(again)) <= 4, f"{len(again) - len(set(again))} requests were sent twice")

        # Offline with all of it there; and without llm_eval the study is what it was before.
        nobody = "generator.base_url=http://127.0.0.1:9/v1"
        digests["offline"] = sg.digest(sg.run("run", *study, nobody, "--results", folder / "two", "--offline", ranks=2)[0])
        withouts["after"] = sg.digest(sg.run("run", *plain, nobody, "--results", folder / "two", ranks=1)[0])

    # By a schema, and generate alone.
    @parts.append
    def schema():
        stub, a_study = server("schema", study)
        out, _ = sg.run("generate", *a_study, "llm_eval.shots=[1]", "llm_eval.seeds=1", "generator.structured_output=true", "--results", folder / "json")
        sg.check(all("response_format" in r["fields"] for r in stub.requests()[-48:]), "no schema was sent")
        sg.check(all(e["n_unparsable"] == 0 for e in evaluations(folder / "json")), "JSON answers were not read")
        rows = [line.split() for line in out.splitlines() if "classifier, 1 shot " in line]
        sg.check(len(rows) == 2 and all(row[5:7] == ["24", "24"] for row in rows), "generate does not show the evaluations:\n" + out)

    # Refusals are counted, not averaged over.
    @parts.append
    def refusals():
        (folder / "refuses").mkdir()
        (folder / "refuses" / "script.json").write_text('[{"fault": "refuse"}]')
        with sg.Stub(folder / "refuses", "--script", str(folder / "refuses" / "script.json")) as refuses:
            poor = [*plain, f"generator.base_url={refuses.url}", "mixes=[raw]", "tasks=[sst2]", "llm_eval.shots=[0]", "llm_eval.rows=6"]
            sg.run("run", *poor, "--results", folder / "refused")
            e = evaluations(folder / "refused")[0]
            sg.check(e["n"] == 6 == e["n_unparsable"] and e["accuracy"]["mean"] == 0 and e["accuracy_parsed"] is None, f"{e}")

    # Of many long requests few are in memory at a time: 700 of 100 kB would be 70 MB. All are asked, after a kill too, and each once.
    @parts.append
    def many_requests():
        data = folder / "data" / "sst2"
        data.mkdir(parents=True)
        (data / "train.jsonl").write_text("".join(json.dumps({"text": f"film {i} " * 400, "label": ("negative", "positive")[i % 2]}) + "\n" for i in range(60)))
        (data / "test.jsonl").write_text("".join(json.dumps({"text": f"a test of film {i}", "label": ("negative", "positive")[i % 2]}) + "\n" for i in range(700)))
        stub, many = server("many", plain)
        many = [*many, "tasks=[sst2]", "mixes=[raw]", f"data.dir={folder / 'data'}", "llm_eval.shots=[30]"]

        def size(*more):
            process = sg.begin("generate", *many, *more)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            sg.check(process.returncode == 0, f"exit code {process.returncode}")
            return used.ru_maxrss / 1024

        few = size("llm_eval.rows=100", "--results", folder / "few_rows")
        before = len(stub.requests())
        process = sg.begin("generate", *many, "--results", folder / "many_rows")
        while len(stub.requests()) < before + 100 and process.poll() is None:
            time.sleep(0.02)
        sg.check(process.poll() is None, "the kill hit nothing")
        sg.kill_all(process, folder / "many_rows")
        grown = size("--results", folder / "many_rows") - few
        keys = [r["key"] for r in stub.requests()[before:]]
        sg.check(len(set(keys)) == 700 and len(keys) <= 700 + 16, f"{len(keys)} requests, {len(set(keys))} different ones of 700")
        print(f"700 requests take {grown:.0f} MiB more than 100")
        sg.check(grown < 50, f"700 requests take {grown:.0f} MiB more than 100")

    # What cannot be done is said before any work.
    @parts.append
    def too_few_rows():
        _, err = sg.run("run", *study, "generator.base_url=http://127.0.0.1:9/v1", "raw=[3]", "--results", folder / "few", code=2)
        sg.check("llm_eval shows 5 examples" in err and "hint" in err, err)

    sg.at_once(*reversed(parts))  # the longest first
    sg.check(len(digests) == 3 and len(set(digests.values())) == 1, f"digests: {digests}")
    sg.check(len(withouts) == 2 and len(set(withouts.values())) == 1, f"the evaluations do not go again: {withouts}")
    print("ok")

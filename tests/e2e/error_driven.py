#!/usr/bin/env python3
"""Pools that are made in rounds (error_driven): one digest on any number of ranks, after a kill between rounds and a stop, from what `generate` has bought, from
a recording, a cache and a bundle; nothing is asked twice; later prompts show the rows that were chosen; what is senseless is refused."""
import json
import signal
import time

import batching
import sg

ENDS = (4, 7, 10, 20)  # three rounds of the smallest size, then doublings
STUDY = [*sg.QUICKSTART, "tasks=[sst2,rte]", "methods=[zero_shot,error_driven]", "sizes=[10,20]", "classifiers=[probe]", "llm_eval.shots=[]",
         "generator.recording=", "generator.model=stub", "generator.usd_per_1m_output=0.01", "budget.usd=1"]
N = 2 * (20 + 20 - ENDS[0])  # the first round is what zero_shot has asked for


def computed(results):
    return [(json.loads(q), json.loads(a)) for q, a in sg.ask(results, "SELECT request, text FROM completions WHERE finish_reason='computed' ORDER BY key")]


def asked(stub):
    keys = [r["key"] for r in stub.requests()]
    return len(keys), len(set(keys))


with sg.Folder() as folder, sg.Stub(folder) as stub:
    live = [*STUDY, f"generator.base_url={stub.url}"]
    expected = sg.same(folder, live, (1, 2, 3))
    sg.check(asked(stub) == (3 * N, N), f"three runs have asked (all, different): {asked(stub)}")
    first, second = (computed(folder / r) for r in ("r1", "r3"))
    sg.check(first == second and len(first) == 2 * (len(ENDS) - 1), f"what classifiers have said: {first}, on three ranks: {second}")

    # Each example's round, and what the prompts of that round have shown: rows of its class that were chosen for it.
    for pool, settings, rejects in sg.ask(folder / "r1", "SELECT id, settings, rejects FROM pools"):
        settings, rejects = json.loads(settings), json.loads(rejects)
        sg.check(("round" in rejects) == (settings["method"] == "error_driven") == ("rounds" in settings), f"{settings} {rejects}")
        if "round" not in rejects:
            continue
        sg.check(rejects["round"] == [sum(j >= end for end in ENDS[:-1]) for j in range(20)], f"rounds: {rejects['round']}")
        rows = [json.loads(line) for line in open(sg.ROOT / "data" / "sample" / settings["task"] / "train.jsonl")]
        texts = {(r.get("text") or r.get("premise") or r.get("sentence1")): str(r["label"]) for r in rows}
        for position, label, request in sg.ask(folder / "r1", "SELECT e.position, e.label, c.request FROM examples e JOIN completions c ON c.key=e.completion "
                                                              f"WHERE e.pool='{pool}'"):
            prompt = json.loads(request)["messages"][-1]["content"]
            shown = {of for text, of in texts.items() if text in prompt}
            n = sum(text in prompt for text in texts)
            sg.check(n == (0 if position < ENDS[0] else 3) and len(shown) <= 1, f"position {position}, class {label}: {n} rows of {shown} in {prompt}")

    def generated():
        sg.run("generate", *live, "--results", folder / "bought", ranks=2)
        sg.check(sg.digest(sg.run("run", *live, "--offline", "--results", folder / "bought")[0]) == expected, "what was generated gives another digest")

    def replayed():
        sg.run("recording", folder / "r2", folder / "all.jsonl.gz")
        out, _ = sg.run("run", *STUDY, f"generator.recording={folder}/all.jsonl.gz", "--offline", "--results", folder / "replayed", ranks=2)
        sg.check(sg.digest(out) == expected, "a recording gives another digest")

    def bundled():
        sg.run("bundle", *STUDY[:1], folder / "b.jsonl.gz", *live[1:], "--results", folder / "r3")
        out, _ = sg.run("run", folder / "b.jsonl.gz", "--results", folder / "unpacked")
        sg.check(sg.digest(out) == expected, "a bundle gives another digest")

    def planned():
        plan = json.loads(sg.run("plan", *live, "--json")[0])
        sg.check(plan["n_requests_missing"] == plan["n_requests"] == N, f"planned: {plan['n_requests']}, {plan['n_requests_missing']}")
        plan = json.loads(sg.run("plan", *live, f"results={folder}/r1", "--json")[0])
        sg.check(plan["n_requests_missing"] == 0, f"planned when all is there: {plan['n_requests_missing']}")
        _, error = sg.run("plan", *live, "conditioning=[none]", code=2)
        sg.check("conditioning: [label]" in error, error)

    def batched():
        """A round is a batch: sent, fetched, and the next one sent by the same command again; or all of them by one that waits."""
        with batching.stub(folder / "batches") as other:
            generate = ["generate", *STUDY, f"generator.base_url={other.url}"]
            for action in ("--batch", "--collect", "--batch"):
                _, error = sg.run(*generate, action, "--results", folder / "batched", ranks=2, code=3)
            sg.check(len(batching.calls(other, "create")) == 2 and len(computed(folder / "batched")) == 2, "the second batch is not the second round:\n" + error)
            sg.run(*generate, "--batch", "--wait", "--results", folder / "batched", ranks=2)
            sg.check(len(batching.calls(other, "create")) == len(ENDS), "a round is no batch")
            sg.check(batching.pools(folder / "batched") == batching.pools(folder / "r1"), "batches give other pools")

    sg.at_once(generated, replayed, bundled, planned, batched)
    sg.check(asked(stub) == (4 * N, N), f"generate and the replays have asked (all, different): {asked(stub)}")

# Killed and stopped between rounds (what costs is in the ledger before it is asked for again); what other studies have bought is not bought again, nor is a classifier fitted that they have fitted.
with sg.Folder() as folder, sg.Stub(folder, "--latency", "0.12") as stub:
    live = [*STUDY, f"generator.base_url={stub.url}", f"cache={folder}/cache"]
    for ranks, n, how in ((0, N // 2, signal.SIGKILL), (3, 8, signal.SIGUSR1)):
        n += asked(stub)[0]  # of this run's own: mpirun must have started its ranks before it is sent a signal
        process = sg.begin("run", *live, "--results", folder / "killed", ranks=ranks)
        while asked(stub)[0] < n and process.poll() is None:
            time.sleep(0.005)
        sg.check(process.poll() is None, "the run was over before it could be ended")
        if how == signal.SIGKILL:
            sg.kill_all(process, folder / "killed")
        else:
            process.send_signal(how)
            sg.wait(process)
        print("ended", how.name, "after", asked(stub), "requests and", len(computed(folder / "killed")), "classifiers")
        if how == signal.SIGKILL:  # mpirun may take its time with the other
            sg.check(0 < len(computed(folder / "killed")) < 6, f"ended when {len(computed(folder / 'killed'))} classifiers were fitted, not between rounds")
    out, _ = sg.run("run", *live, "--results", folder / "killed", ranks=2)
    sg.check(sg.digest(out) == expected, "ended twice, it gives another digest")
    n_all, n_different = asked(stub)
    sg.check(n_different == N and n_all <= N + 4, f"asked {n_all} times for {n_different} answers: more than the four that were on their way are asked twice")
    sg.run("run", *live, "--results", folder / "cached")
    sg.check(asked(stub)[0] == n_all, "what is in the cache was asked for")
print("ok")

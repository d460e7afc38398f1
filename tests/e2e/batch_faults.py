#!/usr/bin/env python3
"""The batch API when things go wrong: SIGKILL at each step, connections that break before and after the work is done, batches that expire,
fail or are cancelled, answers that are damaged, missing, repeated or nobody's. The pools are always those of a live run, the ledger's
spend is the stub's bill, and nothing is paid twice but what the provider has lost."""
import json
import shutil
import signal
import subprocess
import time
import urllib.request

import batching
import sg
from batching import PRICED, SMALL, ask, batch, billed, calls, collect, generate, missing


def request(stub, path, data=None):
    return urllib.request.urlopen(urllib.request.Request(stub.url + path, data, {"Content-Type": "application/json"}))


with sg.Folder() as folder:
    with batching.stub(folder / "live") as stub:
        generate(stub, folder / "live" / "r")
        pools, n_live = batching.pools(folder / "live" / "r"), len(stub.requests())

    def check(stub, results, what, lost=0, foreign=0):
        batching.check_money(stub, results, what, lost)
        sg.check(batching.pools(results) == pools, f"{what}: it shows in the pools")
        sg.check(len(billed(stub)) == n_live + lost, f"{what}: {len(billed(stub))} answers were paid for, not {n_live} + {lost}")
        made = sum(c["status"] == 200 for c in calls(stub, "create"))
        known = ask(results, "SELECT count(*) FROM batches WHERE id<>''")[0][0]
        sg.check(made == known + foreign, f"{what}: {made} batches were made, the ledger knows {known}")

    def play(name, script, lost=0, options=()):
        """From nothing to the end, in as many rounds as it takes."""
        with batching.stub(folder / name, script) as stub:
            n = batching.to_the_end(stub, folder / name / "r", *options)
            check(stub, folder / name / "r", name, lost)
            print(f"{name}: {n} commands, {len(calls(stub, 'create'))} batches")

    # Killed while the server has heard (hang) or has not heard (stuck) a call, and nothing of it came back.
    def killed(call, kind):
        name = f"killed at {call}, {kind}"
        with batching.stub(folder / name, {"faults": [{"call": call, "to": 1, "fault": kind, "seconds": 30}], "page": 1}) as stub:
            results = folder / name / "r"
            arguments = ["generate", *SMALL, f"generator.base_url={stub.url}", *PRICED, "--batch", "--wait", "--results", results]
            process = sg.begin(*arguments)
            deadline = time.monotonic() + 60
            while not calls(stub, call) and time.monotonic() < deadline:
                time.sleep(0.01)
            sg.check(process.poll() is None and calls(stub, call), f"{name}: it did not come so far")
            sg.kill_all(process, results)
            batching.to_the_end(stub, results)
            check(stub, results, name)
            sg.check(len(calls(stub, "upload")) == (3 if (call, kind) == ("upload", "stuck") else 2), f"{name}: an orphan's file is sent again")

    parts = [lambda call=call, kind=kind: killed(call, kind) for call, kind in (
        ("upload", "stuck"), ("upload", "hang"), ("create", "stuck"), ("create", "hang"), ("batch", "hang"), ("content", "hang"))]

    # Killed between creating and storing, and then it is --collect that finds it.
    @parts.append
    def adopts():
        with batching.stub(folder / "adopts", {"faults": [{"call": "create", "to": 1, "fault": "hang", "seconds": 30}]}) as stub:
            results = folder / "adopts" / "r"
            process = sg.begin("generate", *SMALL, f"generator.base_url={stub.url}", *PRICED, "--batch", "--results", results)
            while not calls(stub, "create"):
                time.sleep(0.01)
            sg.kill_all(process, results)
            _, err = generate(stub, results, *PRICED, code=3)
            sg.check("would be bought twice" in err, "a batch whose id is not known is bought again:\n" + err)
            # Made twice, by whatever: the second one is cancelled.
            [made] = [b for b in json.load(request(stub, "/batches"))["data"]]
            again = {k: made[k] for k in ("input_file_id", "endpoint", "completion_window", "metadata")}
            request(stub, "/batches", json.dumps(again).encode())
            request(stub, "/batches", json.dumps({**again, "metadata": {"run_key": "of somebody else"}}).encode())
            # On another machine: a copy of the folder.
            shutil.copytree(results, folder / "adopts" / "copy", ignore=shutil.ignore_patterns("lock*"))
            collect(stub, folder / "adopts" / "copy")
            batching.to_the_end(stub, folder / "adopts" / "copy")
            check(stub, folder / "adopts" / "copy", "adopted by --collect", foreign=2)
            sg.check(len(calls(stub, "cancel")) == 1, "a batch that was made twice is not cancelled")

    # Connections that break, and servers that stumble, in one command.
    @parts.append
    def broken():
        play("broken", {"faults": [{"call": "upload", "to": 1, "fault": "after"}, {"call": "create", "to": 1, "fault": "after"},
                                   {"call": "create", "from": 2, "to": 2, "fault": "status", "status": 500},
                                   {"call": "batches", "from": 2, "to": 2, "fault": "status", "status": 503},
                                   {"call": "batch", "to": 1, "fault": "before"},
                                   {"call": "content", "to": 1, "fault": "after"},
                                   {"call": "content", "from": 3, "to": 3, "fault": "status", "status": 429, "headers": {"retry-after-ms": "50"}},
                                   {"call": "delete", "fault": "status", "status": 500}]})

    # Ends that are none: what was finished stays, and only the rest goes again.
    @parts.append
    def ends():
        play("ends", {"batches": [{"end": "expired", "answered": 0.5}, {"end": "failed"}, {"end": "cancelled", "answered": 0.4},
                                  {"end": "expired", "answered": 0}, {"failed": 1}, {}]}, options=["generator.batch_requests=3"])

    # Output in every condition. Two answers were charged for and cannot be read; one, where nobody counts.
    @parts.append
    def dirty():
        play("dirty", {"batches": [{"dropped": 1, "damaged": 1, "doubled": 2, "unknown": 3, "failed": 1}, {}]}, lost=2)
        play("uncounted", {"batches": [{"dropped": 1, "failed": 1, "uncounted": True}, {}]}, lost=1)

    others = json.dumps({"custom_id": "f" * 64, "response": {"status_code": 200, "body": {}}}) + "\n"

    # Another's file, a proxy's page, nothing: refused, and the answers are taken when they come. Who gives up finds them spent.
    @parts.append
    def foreign():
        texts = others, "<html>Sign in to this network</html>\n", ""
        faults = [{"call": "content", "from": i + 1, "to": i + 1, "fault": "text", "text": text} for i, text in enumerate(texts)]
        with batching.stub(folder / "foreign", {"faults": faults}) as stub:
            results = folder / "foreign" / "r"
            batch(stub, results)
            for found in ("1 line is of other requests, 0 are damaged", "0 lines are of other requests, 1 is damaged", "0 are damaged"):
                _, err = collect(stub, results, code=2)
                sg.check(found in err and "nothing of it is taken" in err and "hint: " in err, "a foreign file:\n" + err)
                sg.check(ask(results, "SELECT state FROM batches") == [("open",)], "a foreign file settles a batch")
                sg.check(ask(results, "SELECT count(*) FROM sent") == [(0,)], "a foreign file loses answers")
            batching.to_the_end(stub, results)
            check(stub, results, "foreign files")

    @parts.append
    def given():
        with batching.stub(folder / "given", {"faults": [{"call": "content", "fault": "text", "text": others}]}) as stub:
            results = folder / "given" / "r"
            batch(stub, results)
            collect(stub, results, code=2)
            generate(stub, results, *PRICED, "--abandon-batches", code=3)
            generate(stub, results, *PRICED)
            collect(stub, results, code=0)
            sg.check(ask(results, "SELECT total(usd) > 0 FROM sent") == [(1,)], "what was given up on is not spent")
            sg.check(batching.pools(results) == pools, "what was given up on shows in the pools")

    # Two bad batches of three are told of; the third one is collected.
    @parts.append
    def two_bad():
        bad = [{"call": "batch", "to": 2, "fault": "status", "status": 400}]
        with batching.stub(folder / "bad", {"faults": bad}) as stub:
            results, three = folder / "bad" / "r", "generator.batch_requests=3"
            batch(stub, results, three)
            _, err = collect(stub, results, three, code=2)
            lines = err.splitlines()
            sg.check("HTTP 400" in lines[-1] and any("warning: batch batch_0002: HTTP 400" in x for x in lines), "bad batches:\n" + err)
            sg.check(ask(results, "SELECT part FROM batches WHERE state<>'settled'") == [(1,), (2,)], "the third one is not collected")
            batching.to_the_end(stub, results, three)
            check(stub, results, "two bad batches")

    # The provider says why.
    @parts.append
    def says():
        with batching.stub(folder / "says", {"batches": [{"end": "failed"}, {"refused": 1}, {}]}) as stub:
            results = folder / "says" / "r"
            batch(stub, results)
            _, err = collect(stub, results)
            sg.check("Enqueued token limit reached" in err and not billed(stub), "why a batch failed is not said:\n" + err)
            batching.to_the_end(stub, results)
            failed = ask(results, "SELECT reason FROM completions WHERE status<>0")
            sg.check(len(failed) == 1 and "too long" in failed[0][0], f"a request that will never work: {failed}")

            # No such batch: another account's key, or long gone. It can be given up on, and stays spent.
            batch(stub, folder / "says" / "gone")
        with batching.stub(folder / "other") as stub:
            results = folder / "says" / "gone"
            _, err = collect(stub, results, code=2)
            sg.check("No batch found" in err and "hint: " in err, "a batch that is gone:\n" + err)
            _, err = generate(stub, results, *PRICED, "--abandon-batches", code=3)
            sg.check("could not be cancelled" in err, "a batch that is gone:\n" + err)
            generate(stub, results, *PRICED)
            sg.check(batching.pools(results) == pools, "a batch that is gone shows in the pools")
            sg.check(ask(results, "SELECT total(usd) > 0 FROM batches") == [(1,)], "what it may have cost is forgotten")

            # The provider itself is gone.
            batch(stub, folder / "other" / "r")
        _, err = generate(stub, folder / "other" / "r", *PRICED, "--abandon-batches", code=3)
        sg.check("no batch is cancelled" in err and "abandoned batch counts as spent" in err, "a provider that is gone:\n" + err)

    # A server without a batch API leaves nothing behind; one whose API is gone can be abandoned.
    @parts.append
    def no_batch_api():
        no_api = [{"call": call, "fault": "status", "status": 404} for call in ("upload", "batches")]
        with batching.stub(folder / "none", {"faults": no_api}) as stub:
            _, err = batch(stub, folder / "none" / "r", "generator.batch_requests=3", code=2)
            sg.check("batch API" in err and "404" in err and "warning" not in err, "no batch API:\n" + err)
            generate(stub, folder / "none" / "r", *PRICED)
            sg.check(batching.pools(folder / "none" / "r") == pools, "a server without a batch API shows in the pools")
            check(stub, folder / "none" / "r", "no batch API")

    # Parameters that are refused are left out of the next batch, and named in the results.
    @parts.append
    def adapts():
        with batching.stub(folder / "adapts", {"batches": [{"unsupported": "max_tokens"}]}) as stub:
            results = folder / "adapts" / "r"
            n = batching.to_the_end(stub, results)
            batching.check_money(stub, results, "a refused parameter")
            sg.check(ask(results, "SELECT value FROM meta WHERE name='generator_refused'") == [("max_tokens",)], "it is not in the ledger")
            sg.check(len(calls(stub, "create")) == 3, f"{len(calls(stub, 'create'))} batches in {n} commands")

    # Waiting ends at once when asked to, and is taken up again.
    @parts.append
    def patient():
        with batching.stub(folder / "patient", {"batches": [{"polls": 4}, {}]}) as stub:
            results = folder / "patient" / "r"
            waiting = subprocess.Popen(sg.command("generate", *SMALL, f"generator.base_url={stub.url}", *PRICED, "--batch", "--wait", "--results",
                                                  results), cwd=sg.ROOT, env=sg.ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            while len(calls(stub, "batch")) < 2:
                time.sleep(0.01)
            waiting.send_signal(signal.SIGINT)
            err = waiting.communicate(timeout=20)[1]
            sg.check(waiting.returncode == 3 and ("--collect" in err or "it goes on from there" in err), f"exit code {waiting.returncode}:\n{err}")
            sg.check(missing(results), "status.json does not tell what is missing")
            batching.to_the_end(stub, results)
            check(stub, results, "waited for twice")

    sg.at_once(*parts)
    print("ok")

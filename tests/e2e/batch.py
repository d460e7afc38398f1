#!/usr/bin/env python3
"""`generate --batch` and `--collect`: the whole way to the pools of a live run, at half the price; the budget; what stands beside it."""
import json

import batching
import sg
from batching import KEY, PRICED, SMALL, ask, batch, billed, calls, collect, generate, missing

sg.need_encoder()
with sg.Folder() as folder:
    # Sent and fetched by processes that share nothing but the results folder; the pools and the results are those of a live run.
    with batching.stub(folder / "a", {"batches": [{"polls": 2}, {}], "page": 1}) as stub:
        results, free = folder / "results", ["generator.batch_requests=4"]
        live, _ = generate(stub, folder / "live")
        n_live = len(stub.requests())
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
        sg.check("in_progress" in err and "requests are with the batch API in 1 batches" in err, "the first collect:\n" + err)
        _, err = generate(stub, results, "--collect", "--wait", code=3, env={"OPENAI_API_KEY": KEY})
        sg.check("requests are missing" in err and "--batch` asks for them" in err, "the second collect:\n" + err)
        done, _ = generate(stub, results, "--batch", "--wait", env={"OPENAI_API_KEY": KEY})
        sg.check(sg.digest(done) == sg.digest(live), "batches give other results than a live run")
        sg.check(len(billed(stub)) == 2 * n_live, f"{len(billed(stub))} requests were paid for, {n_live} of them live")
        generate(stub, results, "--collect")
        generate(stub, results, "--batch")
        sg.check(len(billed(stub)) == 2 * n_live, "what is there was bought again")
        for path in folder.rglob("*"):
            if path.is_file():
                sg.check(KEY.encode() not in path.read_bytes(), f"the key is in {path}")
        sg.check(not [p for p in results.iterdir() if "batch" in p.name or p.name.endswith("jsonl")], "files are left behind")
        sg.check(calls(stub, "delete") and len(calls(stub, "delete")) == len(calls(stub, "upload")), "requests stay with the provider")

    # Money: half the price, never over the limit, and the rest with a higher one.
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

    # What cannot be.
    _, err = sg.run("generate", *SMALL, "generator.provider=anthropic", "--batch", "--results", folder / "no", code=2)
    sg.check("only OpenAI's" in err, err)
    for flags in (["--batch", "--collect"], ["--collect", "--abandon-batches"], ["--wait"]):
        sg.run("generate", *SMALL, *flags, "--results", folder / "no", code=2)
    out, _ = sg.run("generate", "--help")
    sg.check(all(flag in out for flag in ("--batch", "--collect", "--wait", "--abandon-batches")), "--help: " + out)
    print("ok")

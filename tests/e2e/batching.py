"""What the tests of the batch API share."""
import collections
import json

import sg
from sg import ask

SMALL = [*sg.QUICKSTART, "tasks=[sst2]", "methods=[zero_shot,zero_shot_topic]", "mixes=[synthetic]", "sizes=[6]",
         "train.steps=2", "train.max_length=32"]
PRICE = 1000.0, 2000.0
PRICED = [f"generator.usd_per_1m_input={PRICE[0]}", f"generator.usd_per_1m_output={PRICE[1]}", "budget.usd=100"]
KEY = "sk-canary-0123456789abcdef"


def stub(folder, batches=None, *options):
    """A stub in a folder of its own, with a script for its batch API."""
    folder.mkdir()
    (folder / "batches.json").write_text(json.dumps(batches or {}))
    return sg.Stub(folder, "--batches", str(folder / "batches.json"), "--price", str(PRICE[0]), str(PRICE[1]), *options)


def generate(server, results, *options, **how):
    return sg.run("generate", *SMALL, f"generator.base_url={server.url}", *options, "--results", results, **how)


def batch(server, results, *options, code=3, **how):
    return generate(server, results, *PRICED, "--batch", *options, code=code, **how)


def collect(server, results, *options, code=3, **how):
    return generate(server, results, *PRICED, "--collect", *options, code=code, **how)


def to_the_end(server, results, *options):
    """--batch and --collect until nothing is missing; how many rounds it took."""
    for n in range(1, 12):
        generate(server, results, *PRICED, *options, "--batch", "--wait", code=None)
        if not missing(results):
            return n
    return sg.fail("it never ends")


def missing(results):
    return json.loads((results / "status.json").read_text())["n_requests_left"]


def pools(results):
    return ask(results, "SELECT id, status, n FROM pools ORDER BY id"), ask(results, "SELECT * FROM examples ORDER BY pool, position")


def billed(server):
    return [r for r in server.requests() if r["usd"]]


def calls(server, name):
    return [r for r in server.requests() if r.get("call") == name]


def check_money(server, results, what, lost=0):
    """The ledger's spend is the stub's bill, and no request was paid twice."""
    usd = sum(r["usd"] for r in billed(server))
    known = ask(results, "SELECT total(cost_usd) FROM completions")[0][0]
    sent = ask(results, "SELECT count(*), total(usd) FROM sent")[0]
    twice = sum(n - 1 for n in collections.Counter(r["key"] for r in billed(server)).values())
    sg.check(twice == lost == sent[0], f"{what}: {twice} requests were paid twice, {sent[0]} are listed as lost, not {lost}")
    sg.check(usd <= known + sent[1] + 1e-9, f"{what}: {usd} USD were billed, the ledger knows of {known} + {sent[1]}")
    sg.check(lost or abs(usd - known) < 1e-9, f"{what}: {usd} USD were billed, the ledger says {known}")
    sg.check(ask(results, "SELECT count(*) FROM batches WHERE state<>'settled'") == [(0,)], f"{what}: batches are left open")
    sg.check(ask(results, "SELECT count(*) FROM batch_requests") == [(0,)], f"{what}: requests of batches are left")

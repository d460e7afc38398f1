#!/usr/bin/env python3
"""The results folder: one study's, never written over by a command, and missed when it goes; what is shown fits its digests."""
import hashlib
import shutil
import time

import sg

GENERATOR = ["generator.usd_per_1m_input=0", "generator.usd_per_1m_output=0", "generator.connections=2"]


def content(folder):
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(folder.rglob("*")) if f.is_file()}


with sg.Folder() as folder:
    results = folder / "results"
    study = [*sg.SMALL, "tasks=[sst2]", "mixes=[raw,synthetic]", "train.steps=2"]
    results.mkdir()
    (results / "results.h5.tmp.4711").write_text("left by a killed run")
    sg.run("run", *study, "--results", results)
    sg.check(not list(results.glob("*.tmp.*")), "what a killed run left is still there")

    # Another study does not take it over.
    before = content(results)
    other = folder / "other.yaml"
    other.write_text((sg.ROOT / "experiments/grid.yaml").read_text().replace("study: grid", "study: another"))
    _, err = sg.run("run", other, *study[1:], "--results", results, code=2)
    sg.check('holds the results of the study "grid"' in err and "hint" in err, err)

    # Nothing that a run owns, and nothing that a command reads, is written over.
    rows = folder / "rows.jsonl"
    rows.write_text('{"text": "a fine film", "label": "positive"}\n{"text": "a dull film", "label": "negative"}\n')
    encoder = folder / "encoder"
    shutil.copytree(sg.ROOT / "tests/oracle/model/bert", encoder)
    (folder / "link.md").symlink_to(results / "ledger.sqlite")
    recording = folder / "used.jsonl.gz"
    shutil.copy(sg.ROOT / "data/recordings/quickstart.jsonl.gz", recording)
    used = folder / "used"
    sg.run("generate", *study, f"generator.recording={recording}", "--results", used)
    kept = {f: f.read_bytes() for f in [rows, other, recording, *encoder.iterdir()]}
    train = ["train", "--encoder", encoder, "--train", rows, "--eval", rows, "train.steps=1"]
    for arguments in (["report", results, "--output", results / "ledger.sqlite"], ["report", results, "--output", results / "results.h5"],
                      ["report", results / "results.h5", "--output", results / "status.json"],
                      ["report", results, "--output", folder / "link.md"], ["recording", results, results / "ledger.sqlite"],
                      ["recording", results, results / "ledger.sqlite-wal"], ["recording", used, recording],
                      ["bundle", *study, "--results", results, results / "ledger.sqlite"], ["bundle", other, *study[1:], "--results", results, other],
                      ["bundle", *study, "--results", results, encoder / "config.json"], ["bundle", *study, "--results", results, rows],
                      [*train, "--save", encoder], [*train, "--save", results], [*train, "--checkpoint", rows]):
        _, err = sg.run(*arguments, code=2)
        sg.check("hint" in err, f"{arguments}: {err}")
    sg.check(content(results) == before, "a refused command has changed the results folder")
    sg.check(all(f.read_bytes() == text for f, text in kept.items()), "a refused command has changed its input")
    for _ in range(2):  # again over the report of before
        sg.run("report", results, "--output", results / "report.txt")

    # HDF5 breaks down over lengths in its heap of texts that are none: that is told, as any other damage.
    heap, at, broken = bytearray((results / "results.h5").read_bytes()), -1, folder / "broken.h5"
    while (at := heap.find(b"GCOL", at + 1)) >= 0:
        heap[at + 24:at + 32] = (1 << 40).to_bytes(8, "little")
    broken.write_bytes(heap)
    _, err = sg.run("report", broken, code=2)
    sg.check("damaged" in err and "hint" in err, err)

    # A changed number is not shown (of results.h5: test_store).
    status = results / "status.json"
    status.write_text(status.read_text().replace('"n_cells_done": 5', '"n_cells_done": 6').replace('"n_cells_done": 4', '"n_cells_done": 6')
                      .replace('"n_cells_done": 3', '"n_cells_done": 6'))
    _, err = sg.run("status", results, code=2)
    sg.check("not those that a run wrote" in err, err)

    # A folder that is moved away under a run that buys: it stops within a few requests, and moved back, all of them are there.
    live, away = folder / "live", folder / "away"
    with sg.Stub(folder, "--latency", "0.1") as stub:
        bought = [*study, *GENERATOR, f"generator.base_url={stub.url}", "sizes=[60]", "--results", live]
        process = sg.begin("generate", *bought)
        for _ in range(300):
            time.sleep(0.05)
            if len(stub.requests()) > 10:
                break
        live.rename(away)
        code = process.wait(30)
        time.sleep(0.5)  # the stub writes down what is under way
        n = len(stub.requests())
        sg.check(code == 1, f"exit code {code} of a run whose folder was moved")
        time.sleep(0.5)
        sg.check(len(stub.requests()) == n, "requests leave after the end")
        away.rename(live)
        _, err = sg.run("generate", *bought)
        sg.check(sg.ask(live, "SELECT count(*) FROM completions")[0][0] >= n - 2, "what was bought is gone")
        total = len(stub.requests())
        keys = sg.ask(live, "SELECT count(*) FROM completions")[0][0]
        sg.check(total - keys <= 4, f"{total} requests for {keys} completions: bought twice")
print("ok")

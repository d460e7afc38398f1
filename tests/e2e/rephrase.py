#!/usr/bin/env python3
"""Pools that rephrase others, against the stub: bought after their sources, the same on any number of ranks and after a kill; sources without
cells; offline; a plan that knows of both."""
import contextlib
import fcntl
import json
import os
import pty
import re
import resource
import signal
import sqlite3
import struct
import subprocess
import termios
import time

import exported
import sg


def pools(results):
    return json.loads(sg.run("report", results, "--format", "json")[0])["pools"]


def texts(results):
    """{pool's method: [(label, text)]}"""
    with contextlib.closing(sqlite3.connect(results / "ledger.sqlite")) as ledger:
        pairs = ledger.execute("SELECT json_extract(rejects, '$.source') FROM pools WHERE json_extract(settings, '$.source') IS NOT NULL").fetchall()
        sg.check(pairs and all(json.loads(p) == list(range(len(json.loads(p)))) for (p,) in pairs), f"which text is whose: {pairs}")
        rows = ledger.execute("SELECT json_extract(p.settings, '$.task'), json_extract(p.settings, '$.method'), e.label, e.first, e.second FROM "
                              "examples e JOIN pools p ON p.id = e.pool ORDER BY p.ordinal, e.position").fetchall()
    found = {}
    for task, method, *example in rows:
        found.setdefault((task, method), []).append(tuple(example))
    return found


def terminal(*arguments, **env):
    """What the program writes on a terminal of 90 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 90, 0, 0))
    process = subprocess.Popen(sg.command(*arguments), cwd=sg.ROOT, env={**sg.ENVIRONMENT, "TERM": "xterm", "NO_COLOR": "", **env}, stdin=subprocess.DEVNULL,
                               stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while part := os.read(ours, 65536):
            said += part
    os.close(ours)
    _, error = process.communicate()
    sg.check(process.returncode == 0, f"{arguments}: {process.returncode} {error}")
    return said.decode().replace("\r\n", "\n")


def plain_text(text):
    return re.sub("\x1b\\[[0-9;]*m", "", text)


def on_a_terminal(folder):
    """Colours on a terminal alone, as wide as it is, and never with NO_COLOR or on a dumb one; this study beside another."""
    two = ("report", folder / "one", "--compare", folder / "plain", "--section", "compare")
    shown, piped = terminal(*two), sg.run(*two)[0]
    sg.check("\x1b[1m" in shown and "\x1b" not in piped, f"colours: {shown[:300]!r} {piped[:300]!r}")
    sg.check(all(len(line) <= 90 for line in plain_text(shown).split("\n")), "wider than the terminal:\n" + shown)
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        sg.check(terminal(*two, **env) == plain_text(shown), f"{env}: another text, or colours")
    (section,) = json.loads(sg.run(*two, "--format", "json")[0])["sections"]
    (table,) = section["tables"]
    methods = {row[2] for row in table["rows"]}
    sg.check({"zero_shot", "zero_shot_topic"} <= methods and not any("rephrased" in m for m in methods), f"compared: {methods}")
    # Tables as files: several go to a folder, one to a file of that name.
    _, err = sg.run("report", folder / "one", "--format", "csv", "--output", folder / "r.csv", code=2)
    sg.check("one file cannot hold" in err and "--output DIR" in err and not (folder / "r.csv").exists(), err)
    for name, section, begins in (("r.csv", "pools", b"task,method,seed,"), ("f.csv", "failed", b""), ("r.tex", "pools", b"% Pools")):
        sg.run("report", folder / "one", "--format", name[2:].replace("tex", "latex"), "--section", section, "--output", folder / name)
        sg.check((folder / name).is_file() and (folder / name).read_bytes().startswith(begins), name)
    sg.run("report", folder / "one", "--format", "csv", "--output", folder / "tables")

    # Where one of many files cannot be written (a limit of its size stands for a full disk) there are none, and an earlier report stays as it is.
    def limited(output):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest - 1, largest - 1))

        done = subprocess.run(sg.command("report", folder / "one", "--format", "csv", "--output", output), cwd=sg.ROOT, env=sg.ENVIRONMENT, preexec_fn=limit,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        sg.check(done.returncode == 3 and ".csv" in done.stderr, f"exit code {done.returncode}: {done.stderr}")

    files = {p.name: p.read_bytes() for p in (folder / "tables").iterdir()}
    largest = max(map(len, files.values()))
    limited(folder / "no_tables")
    sg.check(not (folder / "no_tables").exists(), "half of a report is left")
    for name in files:
        (folder / "tables" / name).write_text("earlier")
    limited(folder / "tables")
    sg.check({p.name: p.read_text() for p in (folder / "tables").iterdir()} == dict.fromkeys(files, "earlier"), "an earlier report is gone")
    for name, text in files.items():
        (folder / "tables" / name).write_bytes(text)
    sg.check((folder / "tables" / "table-confusion-sst2-raw.csv").is_file() is True, "a folder of tables")
    sg.check(sg.run("report", folder / "one", "--section", "failed")[0].rstrip().endswith("No cell has failed."), "failed")


with sg.Folder() as folder, sg.Stub(folder, "--latency", "0.01") as stub:
    plain = [*sg.QUICKSTART, "tasks=[sst2,boolq]", "methods=[zero_shot,zero_shot_topic]", "sizes=[6,14]", "mixes=[raw,synthetic]",
             "train.steps=2", "train.max_length=32", f"generator.base_url={stub.url}",
             "generator.usd_per_1m_input=0.01", "generator.usd_per_1m_output=0.01", "budget.usd=10"]  # what costs is committed before the next request leaves
    study = [*plain, "rephrase=[false,true]"]
    without = sg.digest(sg.run("run", *plain, "--results", folder / "plain", ranks=2)[0])
    n_plain = len(stub.requests())

    plan = json.loads(sg.run("plan", *study, "--results", folder / "one", "--json")[0])
    sg.check(plan["n_pools"] == 8 and plan["n_requests_missing"] == 2 * (14 + 15 + 28), f"plan: {plan}")
    _, err = sg.run("run", *study, "--results", folder / "one", "--offline", code=2)
    sg.check("zero_shot_topic rephrased" in err and "86 completions are missing" in err, "--offline does not list them:\n" + err)

    out, _ = sg.run("run", *study, "--results", folder / "one", ranks=1)
    digest = sg.digest(out)
    table, _ = sg.run("report", folder / "one", "--section", "accuracy")
    sg.check(digest != without and "zero_shot rephrased" in table, "no cells of rephrased pools:\n" + table)
    asked = [r["key"] for r in stub.requests()[n_plain:]]
    sg.check(len(asked) == len(set(asked)), "a request was sent twice")
    found, by_method = pools(folder / "one"), texts(folder / "one")
    sg.check(len(found) == 8 and all(p["status"] == "complete" and p["n"] == 14 for p in found), f"{found}")
    rephrased = [p for p in found if p["method"].endswith(" rephrased")]
    sg.check(len(rephrased) == 4 and sum(p["rejects"].get("echo", 0) for p in rephrased) > 0, f"no echo was rejected: {rephrased}")
    for (task, method), examples in by_method.items():
        if not method.endswith(" rephrased"):
            again = by_method[task, method + " rephrased"]
            sg.check([e[0] for e in examples] == [e[0] for e in again], f"{task} {method}: other labels")
            sg.check(not set(examples) & set(again), f"{task} {method}: a text came back as it was")
            sg.check(not any("<text>" in (t or "") for e in again for t in e[1:]), "marks are left in the texts")

    on_a_terminal(folder)

    # For others: pairs, topics and rephrased texts; the prompts as they were sent.
    (folder / "out").mkdir()
    card, lines = exported.check_export(folder / "one", folder / "out")
    sg.check(card.count("its first example:\n\n```text\nsystem: ") == 8 and "'1': \"positive\"" in card, card)
    sg.check({x["text_pair"] is None for x in lines if "text_pair" in x} == {False} and any(x["source"] is not None for x in lines), "pairs, sources")

    # Killed in the middle, on another number of ranks; without rephrase the study is what it was.
    before = len(stub.requests())
    process = sg.begin("run", *study, "--results", folder / "two", ranks=2)
    deadline = time.monotonic() + 60
    while len(stub.requests()) < before + 80 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    sg.check(process.poll() is None, "the kill hit nothing")
    sg.kill_all(process, folder / "two")
    sg.check(sg.digest(sg.run("run", *study, "--results", folder / "two", ranks=2)[0]) == digest, "two ranks and a kill give another digest")
    again = [r["key"] for r in stub.requests()[before:]]
    sg.check(len(again) - len(set(again)) <= 4, f"{len(again) - len(set(again))} requests were sent twice")
    sg.check(sg.digest(sg.run("run", *plain, "--results", folder / "two", ranks=1)[0]) == without, "the rephrased pools do not go again")

    # Sources alone are bought, have no cells, and show as pools; a larger size keeps the beginning.
    out, _ = sg.run("run", *plain, "rephrase=[true]", "methods=[zero_shot]", "tasks=[boolq]", "--results", folder / "alone", ranks=2)
    found = pools(folder / "alone")
    sg.check(sorted(p["method"] for p in found) == ["zero_shot", "zero_shot rephrased"], f"{found}")
    rows = json.loads(sg.run("report", folder / "alone", "--format", "json")[0])["tasks"][0]["rows"]
    sg.check({r["method"] for r in rows} == {"zero_shot rephrased"}, f"the source has cells: {rows}")
    small = texts(folder / "alone")
    sg.run("generate", *plain, "rephrase=[true]", "methods=[zero_shot]", "tasks=[boolq]", "sizes=[20]", "--results", folder / "alone")
    for method, examples in texts(folder / "alone").items():
        sg.check(len(examples) == 20 and examples[:14] == small[method], f"{method}: a larger size does not begin with the smaller")

    # By a schema.
    sg.run("generate", *plain, "rephrase=[true]", "methods=[zero_shot]", "generator.structured_output=true", "--results", folder / "json")
    found = pools(folder / "json")
    sg.check(len(found) == 4 and all(p["n"] == 14 for p in found), f"JSON rephrasings were not read: {found}")
    print("ok:", len(asked), "requests")

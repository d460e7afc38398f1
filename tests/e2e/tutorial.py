#!/usr/bin/env python3
"""docs/tutorial.md: its commands, one after the other in one shell, as a reader types them; the server on port 8080 is the stub's, home a folder of the test's."""
import os
import pathlib
import shlex
import subprocess

import sg

sg.need_encoder()
lines = (sg.ROOT / "docs/tutorial.md").read_text().split("\n")
commands = [line[4:] for before, line in zip([""] + lines, lines) if line.startswith("    ")]
sg.check(len(commands) >= 10 and any(c.startswith("mpirun") for c in commands), f"{len(commands)} commands in the tutorial")
with sg.Folder() as folder, sg.Stub(folder) as stub:
    program = pathlib.Path(sg.SYNTHGRID).resolve().parent
    script = "\n".join(["set -eu", f"cd {shlex.quote(str(sg.ROOT))}", *commands])
    script = script.replace("http://127.0.0.1:8080/v1", stub.url).replace("PATH=$PWD/build:", f"PATH={program}:").replace("mpirun ", f"{sg.MPIEXEC} ")
    scratch = folder / "tmp"
    scratch.mkdir()
    done = subprocess.run(["bash", "-c", script], env={**sg.ENVIRONMENT, **sg.AT_ONCE, "HOME": str(folder), "TMPDIR": str(scratch)}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=280)
    sg.check(done.returncode == 0, f"exit code {done.returncode}:\n{done.stdout[-3000:]}")
    for words in ("90 training rows", "one sentence of a film review", "cannot be told", "digest "):
        sg.check(words.lower() in done.stdout.lower(), f"no \"{words}\" in:\n{done.stdout[-5000:]}")
    asked = [r for r in stub.requests() if "film review" in str(r)]
    page = folder / "tutorial/reviews.html"
    sg.check(asked or stub.requests(), "the server was not asked")
    sg.check(page.stat().st_size > 50_000 and not os.path.exists(sg.ROOT / "results/reviews"), "no page, or results elsewhere")
    print(f"{len(commands)} commands, {len(stub.requests())} requests, {page.stat().st_size} bytes of page")

#!/usr/bin/env python3
"""A run answers at once: its first line, a Ctrl-C, a reader that has gone, and `status` of one that is gone."""
import json
import pathlib
import re
import signal
import subprocess
import time

import sg

BOUGHT = [*sg.SMALL, "tasks=[sst2]", "methods=[zero_shot]", "sizes=[200]", "mixes=[synthetic]", "train.steps=2", "generator.connections=2",
          "generator.usd_per_1m_input=0", "generator.usd_per_1m_output=0"]


class Running:
    """A run whose stderr is read line by line."""

    def __init__(self, *arguments, ranks=0):
        self.process = subprocess.Popen(sg.command(*arguments, ranks=ranks), cwd=sg.ROOT, env=sg.ENVIRONMENT, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def until(self, words):
        said = ""
        while words not in said:
            line = self.process.stderr.readline()
            sg.check(line, f"it ended without saying \"{words}\":\n{said}")
            said += line
        return said

    def end(self):
        rest = self.process.stderr.read()
        return self.process.wait(60), rest


with sg.Folder() as folder, sg.Stub(folder, "--latency", "0.3") as stub:
    study = [*BOUGHT, f"generator.base_url={stub.url}"]

    def begun(ranks, name):
        run = Running("run", *study, "--results", folder / name, ranks=ranks)
        said = run.until("results in")
        sg.check(f"on {max(ranks, 1)} rank" in said and "thread" in said and name in said, said)
        while not (folder / name / "status.json").exists() or '"phase": "generating"' not in (folder / name / "status.json").read_text():
            sg.check(run.process.poll() is None, "it ended before it asked anything")
            time.sleep(0.05)
        return run

    def watch(name, *options):
        return subprocess.Popen(sg.command("status", folder / name, "--watch", *options), cwd=sg.ROOT, env=sg.ENVIRONMENT, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ranks_of(name, words):
        """The rows of `status`, once they have these words."""
        for _ in range(200):
            out, _ = sg.run("status", folder / name)
            if re.search(words, out):
                return out
            time.sleep(0.1)
        sg.fail(f"status never said {words}:\n{out}")

    def once(_):
        """One Ctrl-C drains: the answer comes while requests are out, and the run can go on. Before it, the run is looked at."""
        run = begun(0, "once")
        ranks_of("once", r"ranks    0 are at work, 1 idle; [12] requests? in flight\n +0 \S+ +idle; [12] requests? in flight\n")
        out, _ = sg.run("report", folder / "once")
        sg.check("of 1 cell so far; a run is at work on it" in out, out)
        watching, as_json, cut = watch("once"), watch("once", "--json"), watch("once")
        first = [process.stdout.readline() for process in (watching, as_json, cut)]
        cut.send_signal(signal.SIGINT)
        sg.check(cut.wait(20) == 0, f"a Ctrl-C ends `status --watch` with {cut.returncode}")
        run.process.send_signal(signal.SIGINT)
        run.until("stopping after what runs; again to drop it")
        code, rest = run.end()
        sg.check(code == 3 and "the same command goes on" in rest, f"exit code {code}:\n{rest}")
        out, _ = sg.run("status", folder / "once")
        sg.check("phase    stopped" in out and "the same command goes on" in out and "left" not in out and "ranks" not in out, out)
        text = first[0] + watching.stdout.read()
        blocks = text.split("\n\n")
        ends = [b for b in blocks if "phase    stopped" in b]  # the end is written twice: before results.h5, and after
        sg.check(watching.wait(20) == 0 and len(blocks) >= 2 and ends == blocks[-1:] and "the same command goes on" in ends[0], f"status --watch:\n{text}")
        lines = [json.loads(line) for line in (first[1] + as_json.stdout.read()).splitlines()]
        sg.check(as_json.wait(20) == 0 and len(lines) >= 2 and lines[-1]["phase"] == "stopped" and lines[0]["ranks"][0]["rank"] == 0, str(lines))

    def twice(_):
        run = begun(0, "twice")
        for words in ("again to drop it", "stopping now"):
            run.process.send_signal(signal.SIGINT)
            run.until(words)
        code, rest = run.end()
        sg.check(code == 3, f"exit code {code}:\n{rest}")

    def launched(_):
        """Open MPI's mpirun (4.1.4) answers Ctrl-C with SIGTERM to its ranks, kills them a second later, and ends with 1 itself; from
        version 5 on (5.0.7) it passes on nothing more of what they say."""
        run = begun(2, "launched")
        run.process.send_signal(signal.SIGINT)
        if "(Open MPI) 4" in subprocess.run([sg.MPIEXEC, "--version"], capture_output=True, text=True).stdout:
            run.until("stopping now; what is finished is kept, and the same command goes on")
        code, _ = run.end()
        sg.check(code != 0, "exit code 0 of a run that was stopped")
        out, _ = sg.run("status", folder / "launched")
        sg.check("phase    stopped" in out or "it was told to stop" in out, out)
        out, _ = sg.run("report", folder / "launched")
        sg.check("still to do" in out, out)

    def forwarded(_):
        """SIGUSR1 is passed on by mpirun, and drains."""
        run = begun(2, "forwarded")
        ranks_of("forwarded", r"ranks    0 are at work, 2 idle; 2 requests in flight\n +0 \S+ +idle; 1 request in flight\n +1 \S+ +idle; 1 request in flight\n")
        run.process.send_signal(signal.SIGUSR1)
        run.until("stopping after what runs")
        code, rest = run.end()
        sg.check(code == 3 and "the same command goes on" in rest, f"exit code {code}:\n{rest}")

    def early(_):
        """SIGUSR1 while MPI starts: the run knows of it when it begins."""
        run = Running("run", *study, "--results", folder / "early")
        caught = 0
        while not caught >> (signal.SIGUSR1 - 1) & 1:
            status = pathlib.Path(f"/proc/{run.process.pid}/status").read_text()
            found = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.M)
            sg.check(found, "it ended before it caught the signal")
            caught = int(found.group(1), 16)
        sg.check(not (folder / "early").exists(), "it has begun already")
        run.process.send_signal(signal.SIGUSR1)
        run.until("stopping after what runs")
        code, rest = run.end()
        sg.check(code == 3 and "the same command goes on" in rest, f"exit code {code}:\n{rest}")

    def killed(_):
        run = begun(0, "killed")
        ranks_of("killed", "ranks  ")
        run.process.kill()
        run.process.wait()
        out, _ = sg.run("status", folder / "killed")
        sg.check("the run is gone" in out and "run it again to resume" in out and not re.search(r"about .* left", out), out)
        out, _ = sg.run("report", folder / "killed")
        sg.check("of 1 cell so far; its run was cut off" in out, out)

    sg.side_by_side(lambda part: part(None), [once, twice, launched, forwarded, early, killed])

    # What is cut by its reader says nothing; a disk that is full is an error still.
    sg.run("generate", *study, "sizes=[10]", "--results", folder / "small")
    done = subprocess.run(["bash", "-c", f"{sg.SYNTHGRID} report {folder}/small --format json | true; echo ${{PIPESTATUS[0]}}"], cwd=sg.ROOT,
                          env=sg.ENVIRONMENT, capture_output=True, text=True, timeout=60)
    sg.check(done.stderr == "", done.stderr)
    done = subprocess.run(["bash", "-c", f"{sg.SYNTHGRID} report {folder}/small > /dev/full"], cwd=sg.ROOT, env=sg.ENVIRONMENT,
                          capture_output=True, text=True, timeout=60)
    sg.check(done.returncode == 3 and "standard output" in done.stderr, done.stderr)
print("ok")

#!/usr/bin/env python3
"""A disk that is full: a small tmpfs, in a mount namespace of this test's own, which is filled while the program stands at a named place (base/crash.h).

Whatever was being written: exit code 3, one sentence that names the file, nothing half of it under its name; and with room again the same command
goes on to the digest of an undisturbed run."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import sg
from killing import state, visits

# Whose mount namespace is ours: as root, or as root of a user namespace.
if "SG_FULL_DISK" not in os.environ:
    alone = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if not shutil.which("unshare") or subprocess.run([*alone, "mount", "-t", "tmpfs", "none", "/mnt"], stderr=subprocess.DEVNULL).returncode:
        sg.skip("no file system can be mounted here (unshare -m)")
    os.execvpe(alone[0], [*alone, sys.executable, *sys.argv], {**os.environ, "SG_FULL_DISK": "1"})

# Whichever is written next: the ledger's log may have room in itself.
NEXT = ("ledger.sqlite", "results.h5")
# (place, what stands in the sentence, ranks): the disk is full from there on; None: from the start.
IN_A_RUN = [(None, "lock", 0), ("lease_enters", "ledger.sqlite", 0), ("ledger_commits:2", NEXT, 0), ("answer_recorded:5", NEXT, 2),
            ("cell_begins:1", NEXT, 0), ("cell_over:3", NEXT, 2), ("embeddings_half:1", NEXT, 0), ("embeddings_half:1", NEXT, 2), ("h5_half", "results.h5", 0), ("snapshot_half", NEXT, 0)]


class Disk:
    """A file system of this size."""

    def __init__(self, path, size="24m"):
        self.path, self.ballast = path, path / "ballast"
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(path)], check=True)

    def fill(self):
        with open(self.ballast, "wb", buffering=0) as file:
            for block in (1 << 20, 1 << 12):
                try:
                    while file.write(b"x" * block) == block:
                        pass
                except OSError:
                    pass
        sg.check(os.statvfs(self.path).f_bavail == 0, "the disk is not full")

    def free(self):
        self.ballast.unlink()


def run_until_full(disk, place, ranks, *arguments, env=None):
    """The program, for which the disk is full from that place on; exit code, standard error."""
    log = disk.path.with_suffix(".visits") if disk else None
    stop = {"SG_CRASH": f"{place}{'' if ':' in place else ':1'}:{int(signal.SIGSTOP)}", "SG_CRASH_RANK": "0", "SG_CRASH_LOG": str(log)} if place else {}
    began = time.monotonic()
    if disk and not place:
        disk.fill()
    scratch = tempfile.mkdtemp(prefix="sg-", dir=folder)
    run = subprocess.Popen(sg.command(*arguments, ranks=ranks), cwd=sg.ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           env={**sg.ENVIRONMENT, **sg.AT_ONCE, **stop, "TMPDIR": scratch, **(env or {})})
    while place and run.poll() is None:
        stands = [pid for pid in {pid for _, pid, _ in visits(log)} if state(pid) == "T"]
        if stands:
            disk.fill()
            os.kill(stands[0], signal.SIGCONT)
            break
        sg.check(time.monotonic() - began < 60, f"a minute, and it has not come to {place}")
        time.sleep(0.02)
    _, err = run.communicate(timeout=100)
    return run.returncode, err


def check_told(what, code, err, file):
    said = [line for line in err.splitlines() if line.startswith("synthgrid: ") and "warning" not in line and "hint:" in line]
    sg.check(code == 3, f"{what}: exit code {code}\n{err}")
    files = (file,) if isinstance(file, str) else file
    sg.check(len(said) == 1 and any(f in said[0] for f in files), f"{what}: not one sentence about {file}:\n{err}")


def run_case(place, file, ranks):
    def play():
        what = f"a disk full from {place or 'the start'} on"
        disk = Disk(folder / f"disk-{(place or 'start').partition(':')[0]}-{ranks}")
        results = disk.path / "results"
        code, err = run_until_full(disk, place, ranks, "run", *STUDY, "--results", results, env={"SG_SNAPSHOT_S": "0.1"} if place == "snapshot_half" else {})
        check_told(what, code, err, file)
        disk.free()
        out, _ = sg.run("run", *STUDY, "--results", results, ranks=2)
        sg.check(sg.digest(out) == calm, f"{what}: another digest when there is room")
        left = {p.name for p in results.iterdir()} ^ files
        sg.check(not left, f"{what}: left behind {left}")
        print(f"{what}: {[line for line in err.splitlines() if 'hint:' in line][-1][:240]}", flush=True)

    return play


def cache_case():
    """The cache is others' gain: a full disk there ends no run."""
    disk = Disk(folder / "disk-cache", "1m")
    code, err = run_until_full(disk, "cache_half", 0, "run", *STUDY, f"cache={disk.path}/cache", "--results", folder / "with-cache")
    sg.check(code == 0 and "warning: the cache" in err, f"a cache on a full disk: exit code {code}\n{err}")
    sg.check(not list((disk.path / "cache").glob("*")), "half a cache is left")
    disk.free()
    sg.run("run", *STUDY, f"cache={disk.path}/cache", "--results", folder / "with-cache")
    sg.check(list((disk.path / "cache").glob("*.gz")), "no cache when there is room")


def beside_case():
    """What is written beside a results folder."""
    disk = Disk(folder / "disk-beside")
    at = disk.path
    for name, *command in (("csv", "export", folder / "calm", "--format", "csv", "-o", at / "csv"), ("hf", "export", folder / "calm", "--format", "hf", "-o", at / "hf"),
                           ("merged", "merge", folder / "calm", folder / "again", "-o", at / "merged"),
                           ("r.html", "report", folder / "calm", "--format", "html", "--output", at / "r.html"),
                           ("tables", "report", folder / "calm", "--format", "csv", "--output", at / "tables"),
                           ("b.jsonl.gz", "bundle", STUDY[0], at / "b.jsonl.gz", *STUDY[1:], "--results", folder / "calm"),
                           ("r.jsonl.gz", "recording", folder / "calm", at / "r.jsonl.gz")):
        disk.fill()
        code, err = run_until_full(None, None, 0, *command)
        check_told(command[0], code, err, name)
        sg.check(os.listdir(at) == ["ballast"], f"{command[0]} leaves {os.listdir(at)}")
        disk.free()
        sg.run(*command)
        sg.check(os.listdir(at) == [name], f"{command[0]} makes {os.listdir(at)} when there is room")
        shutil.rmtree(at / name) if (at / name).is_dir() else (at / name).unlink()


with sg.Folder() as folder, sg.Stub(folder, "--latency", "0.01") as stub:
    STUDY = [*sg.QUICKSTART, "tasks=[sst2]", "methods=[zero_shot]", "sizes=[10]", "train.steps=100", f"generator.base_url={stub.url}", "generator.recording=",
             "generator.connections=4", "generator.usd_per_1m_input=1", "generator.usd_per_1m_output=1", "budget.usd=10"]
    calm = sg.digest(sg.run("run", *STUDY, "--results", folder / "calm", ranks=2)[0])
    files = {p.name for p in (folder / "calm").iterdir()}
    shutil.copytree(folder / "calm", folder / "again")
    sg.at_once(*(run_case(*c) for c in IN_A_RUN), cache_case, beside_case)
print("ok")

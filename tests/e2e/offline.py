#!/usr/bin/env python3
"""What says --offline opens no internet socket and starts no other program (strace sees all of it), and what lacks completions lists them before
any work; `generate` needs no MPI launcher, and talks to its endpoint alone."""
import re
import resource
import shutil
import subprocess

import sg

if not shutil.which("strace"):
    sg.skip("no strace; `apt install strace`")
if subprocess.run(["strace", "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL).returncode != 0:
    sg.skip("strace may not trace here (ptrace is forbidden)")

# Neither mpirun nor Open MPI's daemon can be found there.
ALONE = dict(sg.ENVIRONMENT, PATH="/nonexistent")


def traced(log, *arguments, code=0):
    """Runs the program without a launcher: stdout, stderr, and who was connected to."""
    done = subprocess.run([shutil.which("strace"), "-f", "--seccomp-bpf", "-e", "trace=socket,connect,execve", "-o", str(log),
                           *sg.command(*arguments)], cwd=sg.ROOT, env=ALONE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=280)
    sg.check(done.returncode == code, f"{arguments}: exit code {done.returncode}, not {code}:\n{done.stderr[-2000:]}")
    text = log.read_text()
    # It may start itself again, once, where OpenBLAS takes the CPU for an old one (mpi/blas_core.c).
    started = re.findall(r'execve\("([^"]*)"', text)
    sg.check(len(started) <= 2 and len(set(started)) == 1, "other programs were started:\n" + "\n".join(re.findall(".*execve.*", text)))
    return done.stdout, done.stderr, text


def no_network(text):
    found = re.findall(r".*(?:AF_INET|AF_NETLINK|AF_PACKET).*", text)
    sg.check(not found, "sockets of a run that says --offline:\n" + "\n".join(found[:20]))


STUDY = [*sg.SMALL, "mixes=[synthetic]", "train.steps=1"]

with sg.Folder() as folder:
    log = folder / "strace.txt"
    out, _, text = traced(log, "run", *STUDY, "--results", folder / "whole", "--offline")
    no_network(text)
    digest = sg.digest(out)
    sg.run("bundle", *STUDY, "--results", folder / "whole", folder / "b", "--with-data")
    out, _, text = traced(log, "run", folder / "b", "--results", folder / "replay")
    no_network(text)
    sg.check(sg.digest(out) == digest, "the replay differs")

    # What is missing is told before any work, for each pool.
    out, err, text = traced(log, "run", *STUDY, "generator.recording=", "--results", folder / "none", "--offline", code=2)
    no_network(text)
    sg.check("--offline, but 40 completions are missing" in err and "synthgrid generate" in err, err)
    for task in ("sst2", "rte"):
        for method in ("zero_shot", "few_shot_3"):
            sg.check(re.search(rf"^{task} +{method} ", out + err, re.M), f"{task} {method} is not in the list:\n{out}{err}")
    sg.check(not (folder / "none" / "results.h5").exists(), "a run without completions has results")
    # A missing key is told before hundreds of thousands of requests are made: in less than the seconds of processor time that these take.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _, err = sg.run("run", *STUDY, "generator.recording=", "sizes=[200000]", "--results", folder / "no_key", code=2)
    used = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - sum(before[:2])
    sg.check("800000 completions are needed" in err and "OPENAI_API_KEY is not set" in err, err)
    sg.check(used < 3, f"{used:.1f} s of processor time")

    # That end is told like any other; of a study that is refused there is nothing to tell in another's folder.
    out, _ = sg.run("status", folder / "none")
    sg.check("phase    stopped" in out and "40 completions are missing" in out, out)
    told = (folder / "whole" / "status.json").read_bytes()
    sg.run("run", *STUDY, "study=other", "--results", folder / "whole", "--offline", code=2)
    sg.check((folder / "whole" / "status.json").read_bytes() == told, "another study's status.json was written")

    with sg.Stub(folder) as stub:
        _, _, text = traced(log, "generate", *STUDY, "generator.recording=", f"generator.base_url={stub.url}", "generator.model=stub",
                            "--results", folder / "bought")
        port = stub.url.rsplit(":", 1)[1].split("/")[0]
        others = [x for x in re.findall(r"connect\(.*AF_INET.*", text) if f"htons({port})" not in x]
        sg.check(not others and f"htons({port})" in text, "connections to others:\n" + "\n".join(others[:20]))
    print("ok:", len(stub.requests()), "requests")

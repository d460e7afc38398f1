#!/usr/bin/env python3
"""train --checkpoint: a run that signals stop again and again, each time on another number of ranks, ends with the weights of one that
was left alone; a checkpoint that cannot be written, is damaged or is another run's gives one clear message."""
import json
import os
import pathlib
import re
import resource
import signal
import struct
import subprocess
import time

import sg

if not pathlib.Path("/proc/self/status").exists():
    sg.skip("no /proc, where one sees that a process is ready for a signal")
TINY = sg.ROOT / "tests" / "oracle" / "model"
N_STEPS = 3000


def rows(path, n):
    words = [word for word in (TINY / "bert" / "vocab.txt").read_text().split() if word.isalpha()]
    texts = [" ".join(words[(i * 7 + k * (i + 3)) % len(words)] for k in range(8)) for i in range(n)]
    path.write_text("".join(json.dumps({"text": text, "label": "abc"[i % 3]}) + "\n" for i, text in enumerate(texts)))
    return path


def catches(pid):
    """Whether the process has a handler for SIGUSR1: training with --checkpoint has begun."""
    found = re.search(r"^SigCgt:\s*([0-9a-f]+)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(found.group(1), 16) >> (signal.SIGUSR1 - 1) & 1


def ranks_of(launcher):
    """The ranks that an mpirun has started."""
    pids = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = re.fullmatch(r"\d+ \((.*)\) (.*)", stat.read_text().strip(), re.S).groups()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(rest.split()[1]) == launcher and name.startswith("synthgrid"):
            pids.append(int(stat.parent.name))
    return pids


def begin(arguments, ranks):
    """Starts train and waits until it trains; the process and its ranks."""
    process = subprocess.Popen(sg.command(*arguments, ranks=ranks), cwd=sg.ROOT, env=sg.ENVIRONMENT, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(6000):
        pids = ranks_of(process.pid) if ranks else [process.pid]
        if len(pids) == max(ranks, 1) and all(map(catches, pids)):
            return process, pids
        if process.poll() is not None:
            break
        time.sleep(0.01)
    process.kill()
    sg.fail(f"training on {ranks} ranks never began:\n{process.communicate()[1]}")


def steps_in(path):
    """Steps done, from a checkpoint's head (model/snapshot.h)."""
    return struct.unpack_from("<q", path.read_bytes(), 80)[0] if path.exists() else 0


def stop(arguments, ranks, signal_number, launcher, wait_s, max_file_bytes=None):
    """Stops train with a signal to its mpirun, or to each rank as Slurm does; exit code and messages. None in place of the code where
    the run was over before the signal came."""
    process, pids = begin(arguments, ranks)
    if max_file_bytes:  # as a full disk; MPI needs larger files for its start
        resource.prlimit(pids[0], resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))
    time.sleep(wait_s)
    for pid in [process.pid] if launcher else pids:
        os.kill(pid, signal_number)
    out, err = process.communicate(timeout=60)
    if out:
        # A signal that comes after the result, while MPI ends, finds no handler any more.
        ended = (0, -signal_number, 128 + signal_number)
        sg.check(launcher or process.returncode in ended, f"a stopped run has a result, exit code {process.returncode}:\n{out[:300]}")
        return None, err
    return process.returncode, err


def refused(arguments, words, ranks=0):
    out, err = sg.run(*arguments, ranks=ranks, code=2)
    said = [line for line in err.splitlines() if line.startswith("synthgrid: ")]
    sg.check(len(said) == 1 and not out, f"not one message:\n{err}\n{out}")
    for word in words:
        sg.check(word in said[0], f'no "{word}" in: {said[0]}')


with sg.Folder() as folder:
    data = ["--train", rows(folder / "train.jsonl", 60), "--eval", rows(folder / "eval.jsonl", 12)]
    settings = [f"train.steps={N_STEPS}", "train.batch=8", "train.lanes=4"]
    plain = ["train", "--encoder", TINY / "bert", *data, *settings]
    file = folder / "new" / "run"
    kept = [*plain, "--json", "--checkpoint", file]
    alone = json.loads(sg.run(*plain, "--json")[0])

    # One rank idles where there are three. mpirun hands SIGUSR1 on; at SIGTERM it lets its ranks train for another second and ends them
    # then, with a code of its own and without a word of theirs: a quick machine may be done by then.
    last = 0
    for ranks, signal_number, launcher, code in ((2, signal.SIGTERM, True, None), (0, signal.SIGTERM, False, 3),
                                                 (2, signal.SIGUSR1, True, 3), (3, signal.SIGTERM, False, 3)):
        wait_s = 0.05
        for _ in range(20):  # until the machine had time for a step, but not for all of them
            found, err = stop(kept, ranks, signal_number, launcher, wait_s)
            step = steps_in(file)
            wait_s *= 2
            if step > last:
                break
            if step == 0 and found is None:  # done, so its checkpoint is gone: from the start again, and sooner
                last, wait_s = 0, wait_s / 3
                if code is None:
                    break
            elif code:
                sg.check(found == code, f"{ranks} ranks end with exit code {found}:\n{err}")
        sg.check(step > last or code is None, f"{ranks} ranks went from step {last} to {step}: not on from the checkpoint")
        if code:
            sg.check(found == code, f"{ranks} ranks end with exit code {found}:\n{err}")
            sg.check(f"stopped before step {step + 1} of {N_STEPS}" in err and "the same command goes on" in err,
                     f"after step {step} it says:\n{err}")
        else:
            sg.check(found != 0, f"{ranks} ranks that mpirun ended have exit code 0:\n{err}")
        sg.check(os.listdir(file.parent) == ["run"] * (step > 0), f"not the checkpoint alone: {os.listdir(file.parent)}")
        last = step

    # Another run's, or damaged: told of, and not touched.
    good = file.read_bytes()
    for mine, other in (("train.batch=8", "train.batch=6"), (data[1], rows(folder / "more.jsonl", 61)),
                        (TINY / "bert", TINY / "roberta")):
        refused([other if a == mine else a for a in kept], [str(file), "other rows, settings or encoder", "hint: "])
    middle = len(good) // 2
    for ranks, bad, word in ((0, good[:-1], "damaged"), (0, b"notes\n" * 99, "no checkpoint"),
                             (2, good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1:], "damaged")):
        file.write_bytes(bad)
        refused(kept, [str(file), word, "hint: "], ranks)
        sg.check(file.read_bytes() == bad, "a checkpoint that was refused was changed")
    file.write_bytes(good)

    # A result that nobody gets keeps the checkpoint; with the result it goes.
    with open("/dev/full", "w") as full:
        done = subprocess.run(sg.command(*kept), cwd=sg.ROOT, env=sg.ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, timeout=280)
    sg.check(done.returncode == 3 and file.exists(), f"a full disk: exit code {done.returncode}, {done.stderr}")
    file.write_bytes(good)
    out, err = sg.run(*kept, ranks=3)
    result = json.loads(out)
    for key in ("digest", "loss", "accuracy", "macro_f1", "tokens", "steps"):
        sg.check(result[key] == alone[key], f"a run that was stopped has another {key}: {result[key]} {alone[key]}")
    sg.check(not os.listdir(file.parent), f"done, but there is {os.listdir(file.parent)}")

    # Places where none can be: refused before anything is trained.
    (folder / "blocked").write_text("")
    for ranks, place in ((0, folder / "blocked" / "run"), (2, folder / "blocked" / "run"), (0, folder / "new"), (0, "/dev/null")):
        refused([*plain, "--checkpoint", place], ["--checkpoint", "blocked" if "blocked" in str(place) else str(place), "hint: "], ranks)
    sg.check(not os.listdir(folder / "new"), "a refused place was written to")

    # A disk that is full when the run stops, by the limit on a file's size: what was trained is lost, and it says so.
    wait_s = 0.05
    for _ in range(20):
        code, err = stop(kept, 0, signal.SIGTERM, False, wait_s, max_file_bytes=50000)
        if code is not None and "before step 1 of" not in err:
            break
        wait_s = wait_s / 1.5 if code is None else wait_s * 2
    sg.check(code == 1 and "cannot be written" in err and "after step 0 is lost" in err and str(file) in err,
             f"a full disk at the end: exit code {code}:\n{err}")
    sg.check(not os.listdir(file.parent), f"a checkpoint that could not be written left {os.listdir(file.parent)}")
print("ok")

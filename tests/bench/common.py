"""What the benchmark drivers share: run a program, watch whether anything else runs, describe the machine, print tables."""
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SYNTHGRID = pathlib.Path(os.environ.get("SYNTHGRID", ROOT / "build" / "synthgrid"))
PROGRAMS = pathlib.Path(os.environ.get("SG_BENCH_BIN", SYNTHGRID.parent / "tests" / "bench"))
MPIEXEC = os.environ.get("MPIEXEC", "mpirun")
MINILM = ROOT / "data" / "encoders" / "minilm-l6"
HOW_TO_PEER = "python3 -m venv ~/peer && ~/peer/bin/pip install torch transformers, then --peer-python ~/peer/bin/python"
TITLE = {"sst2": "SST-2", "rte": "RTE", "boolq": "BoolQ", "emotion": "emotion"}

NOISY_CORES = 0.1      # others' share of a core during a run, from which a number is suspect
NOISY_SPREAD = 1.10    # between two runs of the same thing


class Failed(Exception):
    """A program that did not do what it should; the text says which and why."""


def stop(text):
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {text}")


def skip(reason):
    print("SKIPPED:", reason)
    sys.exit(77)


def say(*words):
    print(*words, flush=True)


def need(path, hint):
    if not pathlib.Path(path).exists():
        stop(f"{path} is not there; hint: {hint}")


def find_data(given):
    """The folder of <task>/train.jsonl."""
    for path in [pathlib.Path(given)] if given else [ROOT.parent / "shared" / "data", ROOT / "data" / "sample"]:
        if (path / "sst2" / "train.jsonl").exists():
            return path
    stop("no data; hint: --data DIR, with DIR/<task>/train.jsonl for sst2, rte and boolq")


def find_peer(given):
    """A Python that imports torch and transformers, with its versions; or None with the reason."""
    for python in [given] if given else [os.environ.get("SG_PEER_PYTHON"), sys.executable]:
        if not python:
            continue
        try:
            return python, run([python, HERE / "peer_train.py", "versions"]).result
        except Failed as error:
            reason = str(error)
    return None, reason


def environment():
    """Ours: threads are what each command is told, whatever the shell has set."""
    env = {key: value for key, value in os.environ.items() if not re.match("(OMP|GOMP|KMP|MKL|OPENBLAS|BLIS)_", key)}
    env.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", PYTHONDONTWRITEBYTECODE="1")
    if os.geteuid() == 0:  # Open MPI wants to be asked twice
        env.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    return env


def on_ranks(n):
    return [MPIEXEC, "-n", str(n)] if n else []


def busy_seconds():
    """CPU time of the whole machine, stolen time included: /proc/stat."""
    try:
        with open("/proc/stat") as file:
            user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    except (OSError, ValueError):
        return None
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


class Done:
    """What a program printed, and what else ran beside it."""

    def __init__(self, text, wall_s, others):
        self.text, self.wall_s, self.others = text, wall_s, others

    @property
    def result(self):
        return json.loads(self.text.strip().splitlines()[-1])


noise = []  # sentences for the end


def run(command, cwd=None):
    command = [str(word) for word in command]
    before, begin = busy_seconds(), time.monotonic()
    try:
        process = subprocess.Popen(command, cwd=cwd, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from None
    children = os.times()
    out, err = process.communicate()
    wall_s, after, ended = time.monotonic() - begin, busy_seconds(), os.times()
    if process.returncode != 0:
        said = [line for line in err.splitlines() if line.strip()]
        raise Failed(f"{' '.join(command[:4])} ...: exit code {process.returncode}: {said[-1] if said else 'no message'}")
    ours = ended.children_user + ended.children_system - children.children_user - children.children_system
    others = max(0.0, (after - before - ours) / wall_s) if before is not None and wall_s > 1 else 0.0
    return Done(out, wall_s, others)


def note_noise(what, rates, others):
    if others > NOISY_CORES:
        noise.append(f"{what}: other programs used {others:.2f} cores meanwhile")
    if len(rates) > 1 and max(rates) > NOISY_SPREAD * min(rates):
        noise.append(f"{what}: repetitions differ by {100 * (max(rates) / min(rates) - 1):.0f} % ({min(rates):.0f} to {max(rates):.0f})")


def use_cores(n):
    """Keeps this process, and so all that it starts, on n of its cores; returns how many it has."""
    cores = sorted(os.sched_getaffinity(0))
    if n:
        if n > len(cores):
            stop(f"--cores {n}: this process may use {len(cores)}")
        os.sched_setaffinity(0, cores[:n])
    return n or len(cores)


def cpu():
    model, flags = platform.machine(), ""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
        model = re.search(r"model name\s*: (.*)", text).group(1)
        flags = re.search(r"(?:flags|Features)\s*: (.*)", text).group(1)
    except (OSError, AttributeError):
        pass
    known = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve")
    return model, [flag for flag in known if flag in flags.split()]


def first_line(command):
    try:
        lines = run(command).text.strip().splitlines()
        return lines[0] if lines else "unknown"
    except Failed:
        return "unknown"


def header(n_cores, peer):
    model, sets = cpu()
    facts = {"cpu": model, "cores": n_cores, "instruction sets": " ".join(sets), "synthgrid": first_line([SYNTHGRID, "--version"]),
             "commit": first_line(["git", "-C", ROOT, "describe", "--always", "--dirty"]), "mpi": first_line([MPIEXEC, "--version"]),
             "peer": " ".join(f"{k} {v}" for k, v in peer.items()) if peer else "none",
             "load average": f"{os.getloadavg()[0]:.2f}"}
    for key, value in facts.items():
        say(f"{key + ':':18}{value}")
    if os.getloadavg()[0] > 0.5:
        noise.append(f"the load average was {os.getloadavg()[0]:.2f} at the start")
    return facts


def table(title, columns, rows):
    """columns: (head, width), the first ones to the left."""
    say(f"\n{title}")
    say("  ".join(f"{head:<{width}}" if i == 0 else f"{head:>{width}}" for i, (head, width) in enumerate(columns)))
    for row in rows:
        say("  ".join(f"{text:<{width}}" if i == 0 else f"{text:>{width}}" for i, (text, (_, width)) in enumerate(zip(row, columns))))


def finish_noise():
    if noise:
        say("\nWARNING: this machine is not quiet, so these numbers say little:")
        for line in noise:
            say("  " + line)


def write_json(path, value):
    part = pathlib.Path(str(path) + ".part")
    part.write_text(json.dumps(value, indent=1) + "\n")
    os.replace(part, path)


def temporary_copy(rows, path):
    path.write_text("".join(rows))
    return path


def need_programs():
    need(SYNTHGRID, "build it (cmake --workflow --preset release), or name it in $SYNTHGRID")
    if not shutil.which(MPIEXEC):
        stop(f"{MPIEXEC}: no such program; hint: name the launcher in $MPIEXEC")

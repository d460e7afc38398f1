"""What the end-to-end tests share: run the program, tell what went wrong, skip with a reason (exit code 77)."""
import atexit
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENCODER = ROOT / "data" / "encoders" / "minilm-l6"
SYNTHGRID = os.environ.get("SYNTHGRID", str(ROOT / "build" / "synthgrid"))
MPIEXEC = os.environ.get("MPIEXEC", "mpirun")

# As root, with more ranks than cores and unbound: Open MPI 4 reads OMPI_MCA_*, version 5 PRTE_MCA_*. Ranks that wait for others leave their
# core to who has work: by default two ranks of one small run take 1.9 s of processor time, and 0.9 s so.
ENVIRONMENT = dict(
    os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_rmaps_base_oversubscribe="1",
    OMPI_MCA_hwloc_base_binding_policy="none", OMPI_MCA_mpi_yield_when_idle="1", PRTE_MCA_rmaps_default_mapping_policy=":oversubscribe",
    PRTE_MCA_hwloc_default_binding_policy="none", OMP_NUM_THREADS="1", OMP_WAIT_POLICY="passive")
for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "SLURM_NTASKS", "SLURM_JOB_ID", "SYNTHGRID_CACHE"):
    ENVIRONMENT.pop(name, None)

# Where a rank ends with another code than 0, mpirun waits a second before it sends SIGKILL to those that run. For programs that are left
# to themselves: ours meet in MPI_Finalize with all said and done, so that there is nothing to wait for.
AT_ONCE = {"OMPI_MCA_odls_base_sigkill_timeout": "0", "PRTE_MCA_odls_base_sigkill_timeout": "0"}


def skip(reason):
    print("SKIPPED:", reason)
    sys.exit(77)


def need_encoder():
    if not (ENCODER / "model.safetensors").exists():
        skip(f"no encoder in {ENCODER}; ./setup fetches it")


def fail(text):
    print("FAILED:", text)
    sys.exit(1)


def check(condition, text):
    if not condition:
        fail(text)


_own = []  # the folder for results of studies that name none, made when it is needed


def own_results(arguments):
    """A study that names no results folder has one of this test's: never the user's, results/quickstart, which may hold anything."""
    words = [str(a) for a in arguments]
    if words[:1] not in (["plan"], ["run"], ["generate"], ["doctor"]) or not any(w.endswith((".yaml", ".yml")) for w in words[1:2]) or \
            any(w.startswith(("results=", "--results")) for w in words):
        return words
    if not _own:
        _own.append(tempfile.mkdtemp(prefix="sg-"))
        atexit.register(shutil.rmtree, _own[0], ignore_errors=True)
    return [*words, f"results={_own[0]}/results"]


def command(*arguments, ranks=0):
    launcher = [MPIEXEC, "-n", str(ranks)] if ranks else []
    return launcher + [SYNTHGRID] + own_results(arguments)


def run(*arguments, ranks=0, code=0, env=None, timeout=280, cwd=ROOT):
    """Runs the program; fails unless it exits with `code`, one or several (None: 0, 3 or 4). Returns stdout, stderr. In a folder for temporary files of its
    own: Open MPI's processes that begin while others of the user end may find the folder that they share gone."""
    with tempfile.TemporaryDirectory(prefix="sg-") as scratch:
        done = subprocess.run(command(*arguments, ranks=ranks), cwd=cwd, env=dict(ENVIRONMENT, TMPDIR=scratch, **AT_ONCE, **(env or {})),
                              timeout=timeout, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    allowed = (0, 3, 4) if code is None else code if isinstance(code, tuple) else (code,)
    if done.returncode not in allowed:
        print(done.stdout[-3000:], done.stderr[-3000:], sep="\n")
        fail(f"{' '.join(map(str, arguments))} on {ranks} ranks: exit code {done.returncode}, not {code}")
    return done.stdout, done.stderr


def side_by_side(function, items):
    """function(item) for each, four at a time: starting programs is waiting, most of the time."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(function, items))


def at_once(*functions):
    """What has nothing to do with each other, side by side: a function, or a tuple of functions that go one after the other."""
    side_by_side(lambda f: [g() for g in (f if isinstance(f, tuple) else (f,))], functions)


def begin(*arguments, ranks=0, env=None):
    """Starts the program in a session of its own, to be killed; what it prints goes nowhere. `run` tells why it has a folder of its own."""
    scratch = tempfile.mkdtemp(prefix="sg-")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    return subprocess.Popen(command(*arguments, ranks=ranks), cwd=ROOT, env=ENVIRONMENT | {"TMPDIR": scratch} | (env or {}), start_new_session=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def command_lines():
    """Of all processes, from /proc: a small system has no pgrep."""
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield path.read_bytes().replace(b"\0", b" ").decode(errors="replace")


def wait(process, timeout=120):
    """The exit code of what was told to end; what does not end is killed, with all that it started, and fails the test."""
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        fail(f"{' '.join(map(str, process.args))} has not ended in {timeout} s")


def kill_all(process, results):
    """SIGKILL for what `begin` has started, and waits until nothing runs that names the folder."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    wait(process)
    # mpirun puts the ranks into groups of their own: they end when it is gone, within seconds.
    for _ in range(100):
        if not any(str(results) in line for line in command_lines()):
            break
        time.sleep(0.1)


def ask(results, query):
    """The rows of a query of a results folder's ledger, which no run has open."""
    with contextlib.closing(sqlite3.connect(f"file:{results}/ledger.sqlite?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()


def digest(stdout):
    found = re.search(r"^digest +([0-9a-f]{64})$", stdout, re.M)
    check(found, "no digest in the output:\n" + stdout[-2000:])
    return found.group(1)


def same(folder, study, ranks):
    """The digest of the study, which each of these numbers of ranks must give."""
    found = {}

    def one(n):
        found[n] = digest(run("run", *study, "--results", folder / f"r{n}", ranks=n)[0])

    side_by_side(one, ranks)
    check(len(set(found.values())) == 1, f"{study}: digests by ranks {found}")
    print(f"{folder.name} on {ranks} ranks: {found[ranks[0]]}")
    return found[ranks[0]]


class Folder:
    """A temporary folder that goes away unless the test fails."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="synthgrid-test-"))
        return self.path

    def __exit__(self, kind, *_):
        if kind is None or (kind is SystemExit and _[0].code in (0, 77)):
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            print("left behind:", self.path)


# The quickstart, whose encoder (`need_encoder`) takes seconds a cell, with one that takes none: for what is about other things than training.
QUICKSTART = ["experiments/grid.yaml", "train.encoder=tests/oracle/model/bert", "train.max_length=48"]

# A study of 2 tasks and 10 cells, from the quickstart's recording.
SMALL = [*QUICKSTART, "tasks=[sst2,rte]", "methods=[zero_shot,few_shot_3]", "sizes=[10]", "train.steps=3"]


class Stub:
    """The stub LLM server of stub/, started on a free port and stopped by pid."""

    def __init__(self, folder, *options):
        self.log = folder / "stub.jsonl"
        # -S: without packages of the machine, which take as long to find as all of the stub's own
        self.process = subprocess.Popen([sys.executable, "-S", str(ROOT / "stub" / "llm_stub.py"), "--log", str(self.log),
                                         *options], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.url = re.search(r"(https?|unix)://\S+", line).group(0)
        atexit.register(self.stop)  # a test that fails must leave no server: ctest would wait for whoever holds its output

    def requests(self):
        return [json.loads(line) for line in open(self.log)] if self.log.exists() else []

    def stop(self):
        self.process.terminate()
        self.process.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

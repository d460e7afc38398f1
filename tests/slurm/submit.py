#!/usr/bin/env python3
"""`synthgrid submit` under a real Slurm of three nodes (with-slurm -n 3): a job that is disturbed in every way ends by itself with the digest of an
undisturbed run, a successor that is queued ahead goes on and is taken back, two phases, Slurm's own words where it refuses; no key anywhere.

    tests/slurm/with-slurm -n 3 -c 6 python3 tests/slurm/submit.py [CASE...]
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import sg

KEY = "sk-canary-0123456789abcdef"
SLURM = pathlib.Path(os.environ["SLURM_CONF"]).parent
# Raw data alone: cells that need no completions, and together some seconds.
STUDY = ["experiments/grid.yaml", "tasks=[sst2,rte]", "mixes=[raw]", "seeds.train=4", "train.encoder=tests/oracle/model/bert", "train.steps=1000",
         "train.max_length=48", "generator.recording="]


def shell(*words, check=True):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    sg.check(not check or done.returncode == 0, f"{' '.join(words)}: {done.stdout}")
    return done.stdout


def field(job, name):
    found = re.search(rf"(?:^| ){name}=(\S*)", shell("scontrol", "--oneliner", "show", "job", job, check=False))
    return found[1] if found else ""


def await_(seconds, what, condition):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            print(shell("scontrol", "show", "job", check=False))
            sg.fail(f"not within {seconds} s: {what}")
        time.sleep(0.1)


def submit(*words, code=0):
    env = {name: value for name, value in os.environ.items() if name.startswith("SLURM_")} | {"OPENAI_API_KEY": KEY, "SYNTHGRID_SITE": "/dev/null"}
    out, err = sg.run("submit", "--json", *words, env=env, code=code)
    sg.check(KEY not in out + err, "the key is in the output")
    return json.loads(out) if code == 0 else err


def status(results):
    try:
        return json.loads((results / "status.json").read_text())
    except (OSError, ValueError):
        return {}


def ended(job, restarts=0, state="COMPLETED"):
    await_(150, f"job {job} ends", lambda: field(job, "JobState") in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL"))
    found = field(job, "JobState"), field(job, "Restarts")
    sg.check(found == (state, str(restarts)), f"job {job}: {found}, not {(state, restarts)}")


def log(job):
    return "\n".join(path.read_text() for path in sorted(pathlib.Path(job["log"]).parent.glob("*.log")))


def trains(job, results, before, restarts=0):
    """Waits until the job trains, by another process than before; gives its pid."""
    await_(60, f"job {job} trains after {restarts} restarts",
           lambda: field(job, "JobState") == "RUNNING" and field(job, "Restarts") == str(restarts) and status(results).get("phase") == "training" and
           status(results).get("pid") != before)
    return status(results)["pid"]


def no_key(*folders):
    for folder in folders:
        for path in folder.rglob("*"):
            sg.check(not path.is_file() or KEY.encode() not in path.read_bytes(), f"the key is in {path}")


def digest_of(job):
    """Of the last run: one that was stopped tells that of the part that it has."""
    return sg.digest(log(job)[log(job).rfind("\ndigest ") + 1:])


def disturbed(folder):
    """A warning, scontrol requeue, TERM to the ranks, the node goes down: four times back into the queue, and the same digest."""
    results = folder / "disturbed"
    job = submit(*STUDY, "--offline", "--ntasks=1", "--cpus-per-task=1", "--time=10", f"results={results}", "--", "--exclude=n3")
    number, pid = job["job"], None
    pid = trains(number, results, pid, 0)
    no_key(SLURM, results)
    records = [p for p in (SLURM / "state").rglob("environment")]
    sg.check(records, "Slurm keeps no environment of the job: the test looks in the wrong place")
    shell("scancel", "--batch", "--signal=USR1", number)
    pid = trains(number, results, pid, 1)
    shell("scontrol", "requeue", number)
    pid = trains(number, results, pid, 2)
    shell("scancel", "--signal=TERM", number)
    pid = trains(number, results, pid, 3)
    node = field(number, "BatchHost")
    shell("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
    try:
        ended(number, 4)
    finally:
        shell("scontrol", "update", f"NodeName={node}", "State=RESUME")
    return digest_of(job)


def ahead(folder):
    """The next job waits for this one's end; the last of them is taken back; one that a person cancels takes its successor with it."""
    results = folder / "ahead"
    words = [*STUDY, "--offline", "--ahead", "--ntasks=1", "--cpus-per-task=1", "--time=10", f"results={results}"]
    elsewhere = ["--", "--nodelist=n3"]  # than the node that goes down
    job = submit(*words, *elsewhere)
    pid = trains(job["job"], results, None)
    second = successor(job)
    sg.check(field(second, "Dependency").startswith(f"afterany:{job['job']}"), f"it waits for {field(second, 'Dependency')}")
    shell("scancel", "--batch", "--signal=USR1", job["job"])
    trains(second, results, pid)
    ended(job["job"])
    ended(second)
    ended(successor(job, 1), state="CANCELLED")
    found = digest_of(job)

    # Again, with nothing left: no work, no successor. Then one that a person ends.
    job = submit(*words, *elsewhere)
    ended(job["job"])
    ended(successor(job, 2), state="CANCELLED")
    sg.check(digest_of(job) == found, "a run without work has another digest")
    job = submit(*words, "seeds.train=50", *elsewhere)
    await_(60, "it trains", lambda: field(job["job"], "JobState") == "RUNNING" and status(results).get("n_cells") == 100 and status(results).get("phase") == "training")
    shell("scancel", job["job"])
    ended(job["job"], state="CANCELLED")
    ended(successor(job, 3), state="CANCELLED")
    return found


def successor(job, i=0):
    """The number of the i-th job that was queued ahead, by the log."""
    pattern = re.compile(r"job (\d+) starts when this one has ended")
    await_(30, "a successor is named", lambda: len(pattern.findall(log(job))) > i)
    return pattern.findall(log(job))[i]


def phases(folder):
    """Bought in one job from the recording, trained offline behind it: the training starts when that has ended well, and not where it has failed."""
    results = folder / "phases"
    study = [*sg.SMALL, f"results={results}"]
    job = submit(*study, "--generate-on=main", "--ntasks=2", "--cpus-per-task=1", "--time=10", "--", "--nodelist=n3")
    ended(job["generate_job"])
    ended(job["job"])
    said = log(job)
    sg.check("synthgrid generate experiments/grid.yaml" in said and "synthgrid run experiments/grid.yaml --offline" in said, said)
    no_key(results, SLURM)
    broken = submit(*sg.SMALL, "generator.recording=", "generator.base_url=http://127.0.0.1:9/v1", "generator.retries=0", "--generate-on=main",
                    f"results={folder / 'broken'}", "--ntasks=1", "--cpus-per-task=1")
    ended(broken["generate_job"], state="FAILED")
    await_(30, "the training is given up", lambda: field(broken["job"], "JobState") in ("CANCELLED", ""))
    return None


def array(folder):
    """Shares of the cells as tasks of an array, one of which is requeued, and a job that joins them: the study's own folder as an undisturbed run leaves
    it. With data that is bought first, and more tasks than MaxArraySize allows."""
    job = submit(*STUDY, "--array=3", "--ntasks=1", "--cpus-per-task=1", "--time=10", f"results={folder / 'array'}", "--", "--nodelist=n3")
    task = f"{job['array_job']}_2"
    results = folder / "array/shares/2"
    await_(60, "the second task trains", lambda: status(results).get("phase") == "training")
    shell("scontrol", "requeue", task)
    ended(job["job"])
    sg.check(field(task, "Restarts") == "1", f"task {task} was not requeued alone: {field(task, 'Restarts')}")
    sg.check("nothing is left to do" in log(job) and log(job).count(" of 3: ") >= 3, log(job))

    more = submit(*sg.SMALL, "--array=9", "--generate-on=main", "--ntasks=1", "--cpus-per-task=1", f"results={folder / 'small'}", "--", "--nodelist=n3")
    ended(more["job"])
    tasks = sorted(p.name for p in (folder / "small/shares").iterdir() if p.is_dir())
    sg.check(tasks == ["1", "2", "3", "4"], f"an array of {tasks}")
    small = sg.digest(sg.run("run", *sg.SMALL, f"results={folder / 'small-plain'}")[0])
    sg.check(digest_of(more) == small, f"array of bought data: {digest_of(more)}, undisturbed {small}")
    err = submit(*sg.SMALL, "generator.recording=", "--array=2", f"results={folder / 'nothing'}", code=2)
    sg.check("completions are missing" in err and "--generate-on" in err, err)
    return sg.digest(sorted((folder / "array").glob("run-*.log"), key=lambda p: p.stat().st_mtime)[-1].read_text())


def refused(folder):
    """Slurm's own words, and exit code 1; options behind -- reach it."""
    err = submit(*STUDY, "--partition=nowhere", f"results={folder / 'refused'}", code=1)
    sg.check("sbatch refuses the job" in err and "invalid partition" in err, err)
    job = submit(*STUDY, "--offline", f"results={folder / 'held'}", "--", "--hold", "--comment", 'a "b" c', "--job-name=other")
    shown = shell("scontrol", "--oneliner", "show", "job", job["job"])
    sg.check('Comment=a "b" c' in shown and "JobName=other" in shown and "JobHeldUser" in shown, shown)
    shell("scancel", job["job"])
    return None


def doctor(folder):
    """In a job: which Slurm, whether its srun knows PMIx, and that all its tasks have met. (--mpi=none is Open MPI's own error.)"""
    out = shell("srun", "--ntasks=2", "--cpus-per-task=1", "--mpi=pmix", sg.SYNTHGRID, "doctor", check=False)
    for words in ("2 ranks, threads may all send", ", 2 tasks", "starts ranks by srun --mpi=pmix", " binding "):
        sg.check(words in out, f"no \"{words}\" in:\n{out}")
    return None


def beside(folder):
    """With an LLM server of the job's own: requeued, ended by TERM, the server killed. The digest is that of another server; what is in the ledger is
    not asked for again; nothing runs any more."""
    place = folder / "beside"
    place.mkdir()
    results, asked, n_flying = place / "r", place / "log", 2
    stub = f"{sys.executable} -S {sg.ROOT / 'stub/llm_stub.py'}"
    study = [*sg.QUICKSTART, "tasks=[sst2]", "methods=[zero_shot]", "sizes=[60]", "mixes=[synthetic]", "train.steps=1", "train.max_length=32", "generator.recording=",
             f"generator.connections={n_flying}"]

    def answered():
        return [r["key"] for r in map(json.loads, open(asked)) if r["status"] == 200] if asked.exists() else []

    def more_are_bought(job, restarts):
        await_(60, f"it buys after {restarts} restarts", lambda: field(job, "JobState") == "RUNNING" and field(job, "Restarts") == str(restarts))
        n = len(answered())
        await_(60, f"it buys after {restarts} restarts", lambda: len(answered()) > n + 3)

    job = submit(*study, "--ntasks=1", "--cpus-per-task=1", "--time=10", f"results={results}", "--with-llm",
                 f"echo pid $$ >> {place}/pids; exec {stub} --uds {{socket}} --latency 0.4 --log {asked}", "--", "--nodelist=n3")
    number = job["job"]
    more_are_bought(number, 0)
    shell("scontrol", "requeue", number)
    more_are_bought(number, 1)
    shell("scancel", "--signal=TERM", number)
    more_are_bought(number, 2)
    os.kill(int((place / "pids").read_text().split()[-1]), signal.SIGKILL)
    ended(number, 2)
    sg.check("it is started again (1 of 3)" in log(job), log(job))
    sg.check(not any(str(asked) in line for line in sg.command_lines()), "the server is left")
    no_key(place, SLURM)
    with sg.Stub(place) as other:
        plain = sg.digest(sg.run("run", *study, f"generator.base_url={other.url}", f"results={place / 'plain'}")[0])
        known = {r["key"] for r in other.requests()}
    sg.check(digest_of(job) == plain, "another digest than with a server of one's own")
    sg.check(set(answered()) == known and len(answered()) <= len(known) + 3 * n_flying, f"{len(answered())} answers for {len(known)} requests")
    return None


CASES = {f.__name__: f for f in (disturbed, ahead, phases, array, refused, doctor, beside)}
with sg.Folder() as folder:
    chosen = [CASES[name] for name in sys.argv[1:]] or list(CASES.values())
    found = []
    sg.side_by_side(lambda f: found.append((f.__name__, f(folder))), chosen)
    plain = sg.digest(sg.run("run", *STUDY, "--offline", f"results={folder / 'plain'}")[0])
    for name, digest in found:
        sg.check(digest in (None, plain), f"{name}: digest {digest}, undisturbed {plain}")
    print(f"{', '.join(name for name, _ in found)}: as an undisturbed run, {plain}")

#!/usr/bin/env python3
"""`synthgrid submit` without a batch system: scripts for each, site files, key files, wrong usage; and jobs of PBS and LSF, played by a qsub and a bsub
that start the script as these do."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

import sg

KEY = "sk-canary-0123456789abcdef"
TINY = ["experiments/grid.yaml", "tasks=[sst2,rte]", "mixes=[raw]", "seeds.train=2", "train.encoder=tests/oracle/model/bert", "train.steps=3",
        "train.max_length=48", "generator.recording="]

# Stands for qsub (argv[0] says which) and bsub, qdel, bkill: a job is a line in $FAKE/jobs; it starts at once, or when the one that it depends on
# has ended, with the little of the environment that PBS gives a job, or with all of it, as LSF does. And for sleep: a job's time is up when the
# test says so.
FAKE = r'''#!/usr/bin/env python3
import os, pathlib, re, subprocess, sys, time
me, folder = pathlib.Path(sys.argv[0]).name, pathlib.Path(sys.argv[0]).resolve().parent
if me in ("qdel", "bkill"):
    (folder / f"cancelled-{sys.argv[1].split('.')[0]}").touch()
    sys.exit(0)
if me == "sleep":
    job = os.environ.get("PBS_JOBID", os.environ.get("LSB_JOBID", "")).split(".")[0]
    end = time.monotonic() + float(sys.argv[1])
    while time.monotonic() < end and not (folder / f"time-is-up-{job}").exists():
        time.sleep(0.05)
    sys.exit(0)
script = pathlib.Path(sys.argv[-1]).read_text() if me == "qsub" else sys.stdin.read()
if "refuse" in script:
    print(f"{me}: Unknown queue", file=sys.stderr)
    sys.exit(171)
number = 1 + len(list(folder.glob("job-*")))
(folder / f"job-{number}").write_text(script)
(folder / f"arguments-{number}").write_text(" ".join(sys.argv[1:]))
(folder / f"environment-{number}").write_text(repr(dict(os.environ)))
after = re.search(r"(?:afterany:|ended\()(\d+)", " ".join(sys.argv[1:]))
if me == "qsub":
    env = {k: os.environ[k] for k in ("PATH", "HOME") if k in os.environ} | {"PBS_JOBID": f"{number}.fake", "PBS_NODEFILE": str(folder / "nodes")}
    env |= dict(v.split("=") for v in re.findall(r"SG_RESTARTS=\d+", " ".join(sys.argv[1:])))
    log = re.search(r"^#PBS -o (.*)$", script, re.M)[1] + f"grid.o{number}"
    print(f"{number}.fake")
else:
    env = dict(os.environ) | {"LSB_JOBID": str(number), "LSB_HOSTS": "here", "LSB_DJOB_HOSTFILE": str(folder / "nodes")}
    log = re.search(r"^#BSUB -o (.*)$", script, re.M)[1].replace("%J", str(number))
    print(f"Job <{number}> is submitted to default queue <normal>.")
sys.stdout.flush()
if os.fork():
    sys.exit(0)
os.setsid()
null = os.open(os.devnull, os.O_RDWR)
for fd in (0, 1, 2):
    os.dup2(null, fd)
while after and not (folder / f"ended-{after[1]}").exists():
    time.sleep(0.05)
env |= dict(v.split("=", 1) for v in (folder / "more").read_text().splitlines())
code = "cancelled"
if not (folder / f"cancelled-{number}").exists():
    with open(log, "a") as out:
        code = subprocess.run(["bash", str(folder / f"job-{number}")], cwd="/", env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out).returncode
(folder / f"ended-{number}.part").write_text(str(code))
(folder / f"ended-{number}.part").rename(folder / f"ended-{number}")
'''


def submit(*words, code=0, env=None, cwd=sg.ROOT):
    return sg.run("submit", *words, code=code, env={"SYNTHGRID_SITE": "", "HOME": "/nonexistent"} | (env or {}), cwd=cwd)


def printed(scheduler, *words, **more):
    out, _ = submit(*TINY, "--print", f"--scheduler={scheduler}", *words, **more)
    for script in re.split(r"\n# ---- .* ----\n", out):
        sg.check(subprocess.run(["bash", "-n"], input=script, text=True).returncode == 0, f"{scheduler}: not a script:\n{script}")
        if shutil.which("shellcheck"):
            checked = subprocess.run(["shellcheck", "-S", "warning", "-e", "SC1090,SC1091", "-"], input=script, text=True, stdout=subprocess.PIPE)
            sg.check(checked.returncode == 0, f"{scheduler}: shellcheck says:\n{checked.stdout}")
    return out


def head(script):
    return script.split("# ====")[0]


def has(script, *lines):
    for line in lines:
        sg.check(f"\n{line}\n" in script, f"no line {line} in:\n{head(script)}")


def scripts():
    """The same wishes in the words of each batch system, and what follows from `plan` and the site."""
    body = (sg.ROOT / "slurm/study.sbatch").read_text().split("# ==== every scheduler ====\n")[1]
    wish = ("--nodes=2", "--ntasks-per-node=3", "--cpus-per-task=4", "--mem-per-cpu=2G", "--time=1-02:30", "--partition=long", "--account=me")
    slurm = printed("slurm", *wish, "--qos=high", "--constraint=a&b", "--", "--gres", "gpu:1", "--exclusive")
    has(slurm, "#SBATCH --job-name=grid", "#SBATCH --nodes=2", "#SBATCH --ntasks-per-node=3", "#SBATCH --ntasks=6", "#SBATCH --cpus-per-task=4",
        "#SBATCH --mem-per-cpu=2000M", "#SBATCH --time=26:30:00", "#SBATCH --partition=long", "#SBATCH --account=me", "#SBATCH --qos=high",
        '#SBATCH --constraint="a&b"', "#SBATCH --signal=B:USR1@120", "#SBATCH --requeue", "#SBATCH --gres gpu:1", "#SBATCH --exclusive",
        f"cd '{sg.ROOT}' || exit 2", f"SYNTHGRID='{pathlib.Path(sg.SYNTHGRID).resolve()}'")
    sg.check("set -- " + " ".join(f"'{w}'" for w in TINY) + "\n" in slurm, head(slurm))
    pbs, lsf = printed("pbs", *wish), printed("lsf", *wish)
    has(pbs, "#PBS -N grid", "#PBS -l select=2:ncpus=12:mpiprocs=3:mem=24000mb", "#PBS -l walltime=26:30:00", "#PBS -q long", "#PBS -A me", "#PBS -r y",
        "SG_RANKS=6 SG_THREADS=4", "SG_TIME_S=95400 SG_WARN_S=120")
    has(lsf, "#BSUB -J grid", "#BSUB -n 6", '#BSUB -R "span[ptile=3]"', '#BSUB -R "affinity[core(4)]"', '#BSUB -R "rusage[mem=8000MB]"', "#BSUB -W 26:30",
        "#BSUB -q long", "#BSUB -P me", "#BSUB -r")
    for script in (slurm, pbs, lsf):
        sg.check(script.endswith(body), "the common part is another one than slurm/study.sbatch has")
    # Not said: `plan` says it; four ranks where nothing is known of a node, no more than cells.
    has(printed("slurm"), "#SBATCH --ntasks=4", "#SBATCH --cpus-per-task=4", "#SBATCH --time=0:10:00")
    has(printed("slurm", "seeds.train=1"), "#SBATCH --ntasks=2")
    has(printed("slurm", "--time=4", "--ahead"), "SG_TIME_S=240 SG_WARN_S=24", "SG_DRAIN_S=8", "SG_AHEAD=1", "#SBATCH --no-requeue")
    sg.check("--mem-per-cpu" not in printed("slurm", "--mem-per-cpu=0"), "memory is asked for")
    has(printed("slurm", "--offline", "--retry-failed", "--max-usd=2.5"),
        "set -- 'experiments/grid.yaml' '--offline' '--retry-failed' '--max-usd' '2.5' " + " ".join(f"'{w}'" for w in TINY[1:]))
    generate, shares, run = printed("slurm", "--array=3", "--generate-on=dtn").split("\n# ---- ")
    has(shares, "#SBATCH --array=1-3", f"SG_RESULTS='{sg.ROOT}/results/grid/shares'/$SLURM_ARRAY_TASK_ID", f"SG_FROM='{sg.ROOT}/results/grid'")
    sg.check(' "--share=$SLURM_ARRAY_TASK_ID/3" "results=$SG_RESULTS"\n' in shares and "'--offline'" in shares, head(shares))
    has(run, f"SG_SHARES='{sg.ROOT}/results/grid/shares'")
    sg.check("--array" not in head(run) and "--array" not in head(generate) and "--share" not in head(run), "what is an array")
    llm = "llama-server --host {socket}"
    has(printed("slurm", f"--with-llm={llm}", "--", "--gres=gpu:1"), "#SBATCH --gres=gpu:1", f"set -- '{TINY[0]}' '--with-llm' '{llm}' " + " ".join(f"'{w}'" for w in TINY[1:]))
    sg.check("--mem" not in head(printed("slurm", f"--with-llm={llm}")) and "--mem-per-cpu" not in head(printed("slurm", "--", "--mem=8G")), "memory is said twice")
    generate, run = printed("slurm", f"--with-llm={llm}", "--generate-on=gpu", "--max-usd=3", "--", "--gres=gpu:1").split("\n# ---- ")
    sg.check("--gres" in generate and "--gres" not in run and "'--with-llm'" in generate and "'--with-llm'" not in run, "where the server runs")
    sg.check("'--max-usd' '3'" in generate and "--mem" not in head(generate), head(generate))
    both = printed("slurm", "--generate-on=dtn", "--partition=long")
    generate, run = both.split("\n# ---- ")
    has(generate, "#SBATCH --partition=dtn", "#SBATCH --ntasks=1", "SG_COMMAND='generate'", "SG_LAUNCH='env'")
    has(run, "#SBATCH --partition=long", "SG_COMMAND='run'")
    sg.check("'--offline'" in run and "'--offline'" not in generate, "what buys and what does not")


def sites(folder):
    """A site's file says what need not be typed, and what a job may take; options win over it; what is wrong in it is told with its place."""
    key = folder / "key"
    key.write_text(KEY + "\n")
    site = folder / "site.yaml"
    site.write_text(f"""scheduler: pbs
partition: from-site
account: p1
mail: me@example.org
modules: [gcc/12, "open mpi"]
env_file: {folder}/it's here.sh
launcher: mpirun --map-by socket
options: ["-l software=x"]
key_file: {{OPENAI_API_KEY: {key}, OTHER: /nowhere}}
limits: {{time: "2:00:00", cores: 6, mem_gb: 12, nodes: 2}}
""")
    words = [*TINY, "--print", f"--site={site}"]
    err = submit(*words, code=2)[1]
    sg.check(f"chmod 600 {key}" in err, f"a key file that others can read: {err}")
    key.chmod(0o600)
    out, _ = submit(*words, "--account=p2")
    has(out, "#PBS -q from-site", "#PBS -A p2", "#PBS -M me@example.org", "#PBS -l software=x", "SG_MODULES='gcc/12 open mpi'",
        f"SG_ENV_FILE='{folder}/it'\\''s here.sh'", "SG_LAUNCH='mpirun --map-by socket'", f"export OPENAI_API_KEY_FILE='{key}'",
        "#PBS -l select=1:ncpus=6:mpiprocs=1:mem=600mb")
    sg.check(KEY not in out and "OTHER" not in out, "what the study needs not is in its job")
    has(submit(*words, "--scheduler=slurm", "--cpus-per-task=2")[0], "#SBATCH --ntasks=3")
    sg.check("OPENAI_API_KEY_FILE=" not in submit(*words, "--offline")[0], "a key for a job that buys nothing")
    generate, _ = submit(*words, "--scheduler=slurm", "--generate-on=dtn")[0].split("\n# ---- ")
    sg.check("#SBATCH --time=2:00:00\n" in generate, f"generate's time is not the site's limit:\n{head(generate)}")
    for wrong, said in ((["--cpus-per-task=7"], f"{site} allows 6 cores a node"), (["--nodes=3"], "allows 2 nodes"), (["--time=3:00:00"], "allows 7200 seconds"),
                        (["--mem-per-cpu=9G", "--cpus-per-task=6"], "allows 12000 MB a node")):
        err = submit(*words, *wrong, code=2)[1]
        sg.check(said in err, f"{wrong}: {err}")
    for text, said in (("partitoin: x\n", 'site.yaml:1:1: unknown setting "partitoin"; hint: did you mean "partition"?'),
                       ("limits: {time: soon}\n", "limits.time must be a time"), ("limits: {cores: 0}\n", "limits.cores"),
                       ("scheduler: sge\n", "scheduler must be"), (f"key_file: {{OPENAI_API_KEY: {KEY}}}\n", "looks like an API key"),
                       ("key_file: /a/b\n", "key_file must be a group"), ("account: \"a\\nb\"\n", "account must be one line")):
        site.write_text(text)
        err = submit(*words, code=2)[1]
        sg.check(said in err and KEY not in err, f"{text}: {err}")
    for env, more in (({"SYNTHGRID_SITE": str(folder / "none")}, []), ({}, [f"--site={folder / 'none'}"])):
        sg.check("No such file" in submit(*TINY, "--print", *more, code=2, env=env)[1], "a site file that is not there")
    (folder / "home/.config/synthgrid").mkdir(parents=True)
    (folder / "home/.config/synthgrid/site.yaml").write_text("partition: of-home\nscheduler: slurm\nkey_file: {OPENAI_API_KEY: ~/k}\n")
    shutil.copy(key, folder / "home/k")
    (folder / "home/k").chmod(0o600)
    out, _ = submit(*TINY, "--print", env={"HOME": str(folder / "home")})
    has(out, "#SBATCH --partition=of-home", f"export OPENAI_API_KEY_FILE='{folder}/home/k'")
    submit(*TINY, "--print", f"--site={sg.ROOT}/slurm/site.example.yaml", "--scheduler=slurm", env={"HOME": str(folder / "home")}, code=2)  # no such key file
    (folder / "home/.openai-key").write_text("k")
    (folder / "home/.openai-key").chmod(0o600)
    submit(*TINY, "--print", f"--site={sg.ROOT}/slurm/site.example.yaml", "--scheduler=slurm", env={"HOME": str(folder / "home")})


def wrong(folder):
    """One sentence, before anything is written."""
    for words, said in ((["--ntasks=9", "--nodes=2", "--ntasks-per-node=4"], "more than 2 nodes with 4 each"), (["--nodes=5", "--ntasks=2"], "more nodes than ranks"),
                        (["--time=soon"], "--time soon: must be like"), (["--mem-per-cpu=2T"], "--mem-per-cpu"), (["--scheduler=sge"], "must be auto, slurm"),
                        (["--generate-on=x", "--offline"], "only one of them"), (["--generate-on=x", "--scheduler=pbs"], "for Slurm alone"),
                        (["--array=2", "--ahead"], "do not go together"), (["--with-llm=x {port}", "--offline"], "asks nobody"), (["--with-llm=x {port}", "--array=2"], "asks nobody"), (["--array=2", "--scheduler=lsf"], "for Slurm alone"),
                        (["--array=2", "seeds.train=1", "tasks=[sst2]"], "no two cells"), (["--array=1"], "from 2 to"),
                        (["train.epoch=3"], "did you mean"), (["train.encoder=/nowhere/bert"], "--force"), (["data.dir=/nowhere"], "--force"),
                        (["--partition=a\nb"], "line's end"), (["--", "--comment=a\nb"], "line's end")):
        extra = words.index("--") if "--" in words else len(words)
        err = submit(*TINY, f"results={folder}/wrong", "--scheduler=slurm", "--print", *words[:extra], *words[extra:], code=2)[1]
        sg.check(said in err, f"{words}: {err}")
    bare = {"PATH": str(folder)}
    sg.check("neither sbatch nor qsub nor bsub" in submit(*TINY, code=2, env=bare)[1], "no batch system")
    submit(*TINY, f"results={folder}/forced", "--scheduler=slurm", "--print", "train.encoder=/nowhere/bert", "--force")
    sg.check(not (folder / "wrong").exists() and not (folder / "forced").exists(), "something is written")


# Stands for the program in study.sbatch: `merge` makes what $MERGED says, all else ends with $CODE; and for sleep.
PROGRAM = """#!/bin/sh
[ "$1" = merge ] || exit "${CODE:-0}"
echo "$@" >>"$0.merges"
for out; do :; done
mkdir "$out" && cp "$MERGED" "$out/ledger.sqlite"
[ -z "${BEGINS:-}" ] || { mkdir "$BEGINS" && echo 1 >"$BEGINS/beat"; }
"""


def killed(folder, rows, in_log):
    """A ledger as a run that is killed leaves it: rows in the file, and in_log in the log alone."""
    folder.mkdir(parents=True)
    with sg.Folder() as made:
        db = sqlite3.connect(made / "ledger.sqlite", isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA wal_autocheckpoint=0")
        db.execute("CREATE TABLE cells(name)")
        for row in rows:
            db.execute("INSERT INTO cells VALUES (?)", [row])
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for row in in_log:
            db.execute("INSERT INTO cells VALUES (?)", [row])
        for file in made.glob("ledger.sqlite*"):
            if not file.name.endswith("-shm") and (in_log or file.name == "ledger.sqlite"):
                shutil.copy(file, folder)
        db.close()


def rows_of(folder):
    db = sqlite3.connect(folder / "ledger.sqlite")
    sg.check(db.execute("PRAGMA integrity_check").fetchall() == [("ok",)], f"{folder}: a damaged ledger")
    found = [row for row, in db.execute("SELECT name FROM cells ORDER BY rowid")]
    db.close()
    return found


def jobs(folder):
    """study.sbatch without Slurm: what a task of an array copies, and what the job behind it joins, of runs that were killed or are at work; how buying
    ends."""
    bin_ = folder / "jobs/bin"
    bin_.mkdir(parents=True)
    for name, text in (("program", PROGRAM), ("sleep", "#!/bin/sh\nexec /bin/sleep 0.02\n"), ("sbatch", "#!/bin/sh\necho 7\n")):
        (bin_ / name).write_text(text)
        (bin_ / name).chmod(0o755)
    merges = bin_ / "program.merges"

    def job(code, **env):
        env = {"PATH": f"{bin_}:{os.environ['PATH']}", "SLURM_JOB_ID": "7", "SG_LAUNCH": "env", "SYNTHGRID": str(bin_ / "program")} | {k: str(v) for k, v in env.items()}
        done = subprocess.run(["bash", str(sg.ROOT / "slurm/study.sbatch"), "x.yaml"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        sg.check(done.returncode == code, f"ends with {done.returncode}, not {code}:\n{done.stdout}")
        return done.stdout

    def lock(at, beat=True):
        (at / "lock").mkdir()
        (at / "lock/holder").write_text("{}")
        if beat:
            (at / "lock/beat").write_text("1")

    @contextlib.contextmanager
    def beating(at):
        ends = threading.Event()

        def beats():
            n = 1
            while not ends.wait(0.05):
                (at / "lock/beat").write_text(str(n := n + 1))

        thread = threading.Thread(target=beats)
        thread.start()
        try:
            yield
        finally:
            ends.set()
            thread.join()

    # A task begins with all that was committed, of a folder that nobody works in.
    study = folder / "jobs/study"
    killed(study, ["a"], ["b", "c"])
    job(0, SG_FROM=study, SG_RESULTS=study / "shares/1")
    sg.check(rows_of(study / "shares/1") == ["a", "b", "c"], f"a task begins with {rows_of(study / 'shares/1')}")
    lock(study)
    said = job(0, SG_FROM=study, SG_RESULTS=study / "shares/2")
    sg.check("waits up to" in said and rows_of(study / "shares/2") == ["a", "b", "c"], said)
    with beating(study):
        said = job(2, SG_FROM=study, SG_RESULTS=study / "shares/3")
    sg.check("a run is at work" in said and not (study / "shares/3/ledger.sqlite").exists(), said)

    # The joined ledger takes the place of the old one and of its log; not that of a run that is at work, or begins meanwhile.
    killed(folder / "jobs/all", [f"joined {i}" for i in range(500)], [])
    join = {"SG_RESULTS": study, "SG_SHARES": study / "shares", "MERGED": folder / "jobs/all/ledger.sqlite"}
    before = [(study / f"ledger.sqlite{end}").read_bytes() for end in ("", "-wal")]

    def refuses(said):
        after = [(study / f"ledger.sqlite{end}").read_bytes() for end in ("", "-wal")]
        sg.check(before == after and not (study / "shares/joined").exists() and f"sbatch {study}/run.sbatch" in said, said)

    with beating(study):
        refuses(job(2, **join))
    shutil.rmtree(study / "lock")
    lock(study, beat=False)
    refuses(job(2, **join))
    sg.check(not merges.exists(), "shares are merged with what a run writes")
    shutil.rmtree(study / "lock")
    refuses(job(2, **join, BEGINS=study / "lock"))
    sg.check(not (study / "shares/all").exists(), "a join that was refused leaves its ledger, which is older than the run")
    job(0, **join)
    sg.check(merges.read_text().splitlines()[-1] == f"merge --live {study} {study}/shares/1 {study}/shares/2 -o {study}/shares/all", merges.read_text())
    sg.check(len(rows_of(study)) == 500 and (study / "shares/joined").exists(), f"joined: {len(rows_of(study))} rows")

    # A second array begins anew.
    study = folder / "jobs/again"
    (study / "shares").mkdir(parents=True)
    (study / "shares/joined").touch()
    array = [*TINY, "--scheduler=slurm", "--array=2", f"results={study}"]
    for n in (1, 2):
        submit(*array, env={"PATH": f"{bin_}:{os.environ['PATH']}"})
        sg.check((study / f"shares.{n}/joined").exists() and not (study / "shares").exists(), f"{n}: joined shares stay")
        (study / "shares/1").mkdir(parents=True)
        submit(*array, env={"PATH": f"{bin_}:{os.environ['PATH']}"})
        sg.check((study / "shares/1").exists() and not (study / f"shares.{n + 1}").exists(), "shares that are not joined are set aside")
        (study / "shares/joined").touch()

    said = job(0, SG_COMMAND="generate", CODE=4)
    sg.check("some pools are short or empty" in said and "synthgrid ended with 4" in said, said)
    for code in (1, 2, 3):
        job(code, SG_COMMAND="generate", CODE=code)
    job(4, CODE=4)


def play(kind, folder, *words, ahead):
    """A study in a job that is too short for it and in the next one, with a key in its file and another in the environment of who submits."""
    (folder / "bin").mkdir(parents=True)
    bin_ = folder / "bin"
    for name in ("qsub", "qdel", "sleep") if kind == "pbs" else ("bsub", "bkill", "sleep"):
        (bin_ / name).write_text(FAKE)
        (bin_ / name).chmod(0o755)
    (bin_ / "nodes").write_text("localhost\n" * 2)
    (bin_ / "more").write_text("".join(f"{k}={v}\n" for k, v in sg.ENVIRONMENT.items() if k.startswith(("OMPI_MCA_", "PRTE_", "OMPI_ALLOW"))))
    results = folder / "results"
    study = [*TINY[:3], "seeds.train=12", *TINY[4:5], "train.steps=150", *TINY[6:], f"results={results}"]
    path = f"{bin_}:{os.path.dirname(shutil.which('python3'))}:/usr/bin:/bin:{os.path.dirname(shutil.which(sg.MPIEXEC) or '/usr/bin/mpirun')}"
    env = {"PATH": path, "OPENAI_API_KEY": KEY}
    out, err = submit(*study, f"--scheduler={kind}", "--offline", f"--ntasks={1 + (kind == 'pbs')}", "--cpus-per-task=1", *(["--ahead"] if ahead else []), env=env)
    first = "1.fake" if kind == "pbs" else "1"
    sg.check(f"job      {first}\n" in out and not err, out + err)
    end = time.monotonic() + 250

    def await_(what, condition):
        while not condition():
            sg.check(time.monotonic() < end, f"{kind}: {what}")
            time.sleep(0.1)

    def n_done():
        with contextlib.suppress(OSError, ValueError):
            return json.loads((results / "status.json").read_text())["n_cells_done"]
        return 0

    n_jobs = 3 if ahead else 2
    await_("no cell is done", lambda: n_done() > 0)
    (bin_ / "time-is-up-1").touch()
    await_("the jobs do not end", lambda: (bin_ / f"ended-{n_jobs}").exists() and (bin_ / "ended-2").exists())
    said = "".join(p.read_text() for p in sorted(results.glob("*.o*" if kind == "pbs" else "*.log"), key=lambda p: p.stat().st_mtime))
    codes = [(bin_ / f"ended-{n}").read_text() for n in range(1, n_jobs + 1)]
    sg.check(codes == ["0", "0"] + ["cancelled"] * ahead and not (bin_ / f"job-{n_jobs + 1}").exists(), f"{kind}: the jobs end with {codes}\n{said}")
    sg.check("time is nearly up" in said and "restart 1," in said, said)
    sg.check(("starts when this one has ended" in said) == ahead and ("back into the queue" in said) != ahead, said)
    for file in [*bin_.iterdir(), *results.rglob("*")]:
        sg.check(not file.is_file() or KEY.encode() not in file.read_bytes(), f"the key is in {file}")
    sg.check("SG_RESTARTS" not in (bin_ / "environment-1").read_text(), "a job counts the restarts of another")
    sg.check(f"\n#{'PBS' if kind == 'pbs' else 'BSUB'} " in submit(*TINY, "--print", env={"PATH": str(bin_)})[0], f"{kind} is there alone, and is not found")
    refused = submit(*TINY, f"--scheduler={kind}", f"results={folder}/refuse", "--offline", env=env, code=1)[1]
    sg.check("Unknown queue" in refused and "exit code 171" in refused, refused)
    return study, sg.digest(said[said.rfind("\ndigest ") + 1:])


with sg.Folder() as folder:
    found = []
    sg.at_once(lambda: jobs(folder), lambda: found.append(play("pbs", folder / "pbs", ahead=False)),
               lambda: found.append(play("lsf", folder / "lsf", ahead=True)), (scripts, lambda: sites(folder), lambda: wrong(folder)))
    study, digest = found[0]
    plain = sg.digest(sg.run("run", *study[:-1], "--offline", f"results={folder / 'plain'}", ranks=2)[0])
    sg.check([d for _, d in found] == [plain, plain], f"digests {[d for _, d in found]}, without a batch system {plain}")
print("ok")

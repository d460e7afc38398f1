#!/usr/bin/env python3
"""Commands in README.md and docs/: each names a command, options and settings that there are; those that need no network, package or batch system run, a page
after the other in a folder of their own, on a small study in place of the page's. (docs/tutorial.md: tutorial.py.)"""
import os
import pathlib
import re
import shutil
import subprocess

import sg

PAGES = ["README.md", *sorted(str(p.relative_to(sg.ROOT)) for p in (sg.ROOT / "docs").glob("*.md"))]
STUDY = """
study: small
tasks: [sst2, rte]
methods: [zero_shot, few_shot_3]
sizes: [10]
raw: [40]
data: {dir: data/sample}
generator: {model: SmolLM2-135M-Instruct, recording: data/recordings/quickstart.jsonl.gz, usd_per_1m_input: 0, usd_per_1m_output: 0}
train: {encoder: tests/oracle/model/bert, max_length: 48, steps: 3}
results: results/paper
"""
REVIEWS = "review,stars\n" + "".join(f"\"text {i} of a {'good' if i % 2 else 'bad'} book, in words\",{i % 2 * 4 + 1}\n" for i in range(80))
# Pages whose commands run, in this order.
RUN = ["docs/bundles.md", "docs/buying.md", "docs/cluster.md", "docs/data.md", "docs/files.md", "docs/install.md", "docs/plan.md"]
# What a command needs that is not here.
ELSEWHERE = {"fetch": "the Hub (e2e_fetch)", "pip": "PyPI", "module": "a site's modules", "./setup": "an installation (cli_install)", "srun": "Slurm (tests/slurm)",
             "train_transformers": "PyTorch", "train_sklearn": "scikit-learn (e2e_external)", "/tmp": "an installation (cli_install)", "man": "man"}


def commands(page):
    """(line, words) of each indented command of a page; behind two blanks or a # comes a remark."""
    for number, line in enumerate((sg.ROOT / page).read_text().split("\n"), 1):
        found = re.match(r" {4}(?:cluster-\d\$ )?((?:cd |mpirun |srun |source |pip |python3 |\./setup|module |synthgrid )\S.*)", line)
        if found:
            yield number, re.split(r"   +(?=[a-z`][^ =]* )|(?<=[\]A-Z])  +(?=[a-z][^ =]* )|  #| #|  or: ", found.group(1))[0].strip()


def mentioned(page):
    """`synthgrid ...` within a sentence, beside the page's own lines."""
    text = (sg.ROOT / page).read_text()
    for found in re.finditer(r"`((?:mpirun -n \S+ |srun )?synthgrid [^`\n]+)`", text):
        yield text.count("\n", 0, found.start()) + 1, found.group(1)


def lint():
    usage = subprocess.run([sg.SYNTHGRID, "--help"], stdout=subprocess.PIPE, text=True).stdout
    known = re.findall(r"^  ([a-z]+) ", usage, re.M)
    help_of = {c: subprocess.run([sg.SYNTHGRID, c, "--help"], stdout=subprocess.PIPE, text=True, env=sg.ENVIRONMENT).stdout for c in known}
    keys = {"key", *re.findall(r"^  ([a-z_0-9.]+):", sg.run("settings")[0], re.M)}
    n = 0
    for page in PAGES:
        for number, text in [*commands(page), *mentioned(page)]:
            found = re.search(r"(?:^|[ /`])synthgrid ([^\"]*)", text)
            if not found or found.group(1).startswith(("-", "COMMAND")):
                continue
            n += 1
            words = re.sub(r"[\[\]|]", " ", found.group(1).split(" -- ")[0]).split()
            sg.check(words[0] in known, f"{page}:{number}: there is no command {words[0]}: {text}")
            for word in words[1:]:
                option, key = re.match(r"--[a-z-]+", word), re.match(r"([a-z_]+(?:\.[a-z_0-9]+)*)=", word)
                sg.check(not option or f"{option.group(0)} " in help_of[words[0]], f"{page}:{number}: `{words[0]}` has no option {word}: {text}")
                sg.check(not key or key.group(1) in keys or words[0] in ("train", "explain"), f"{page}:{number}: there is no setting {word}: {text}")
    sg.check(n > 60, f"{n} commands are found in the pages")
    return n


def a_copy(folder):
    """Of the study and what it needs, with a finished run in results/paper."""
    for name in ("tests", "data", "examples", "stub"):
        (folder / name).symlink_to(sg.ROOT / name)
    (folder / "experiments").mkdir()
    (folder / "experiments" / "tasks").symlink_to(sg.ROOT / "experiments" / "tasks")
    for name in ("paper", "grid", "quickstart"):
        (folder / "experiments" / f"{name}.yaml").write_text(STUDY)
    (folder / "study.yaml").write_text(STUDY)
    (folder / "reviews.csv").write_text(REVIEWS)


def run_page(page, first):
    folder = first.parent / page.replace("/", "-")
    shutil.copytree(first, folder, symlinks=True)
    if page == "docs/cluster.md":  # there is something left to submit
        shutil.rmtree(folder / "results")
    ran = 0
    for number, text in commands(page):
        if any(word in text.split()[0] or f"/{word}" in text or f" {word} " in text or text.startswith(word) for word in ELSEWHERE):
            continue
        script = re.sub(r"\[[^\]]*\.\.\.[^\]]*\]|\[--[^\]]*\]", "", text)  # what may be left out
        script = re.sub(r"\bSTUDY\b", "study.yaml", script).replace("mpirun -n 8", "mpirun -n 2").replace("mpirun -n 4", "mpirun -n 2").replace("mpirun", sg.MPIEXEC)
        if " submit " in script:
            head, _, tail = script.partition(" -- ")
            script = f"{head} --print --scheduler slurm" + (f" -- {tail}" if tail else "")
        if "--digest" in script:
            seal = re.search(r"seal +([0-9a-f]{64})", sealed[0]).group(1)
            script = re.sub(r"[0-9a-f]{64}", seal, script)
        if "tasks=[rte,boolq]" in script:
            script = script.replace("rte,boolq", "rte")
        if "tasks=[sst2,emotion]" in script:
            script = script.replace("sst2,emotion", "sst2")
        path = f"{pathlib.Path(sg.SYNTHGRID).resolve().parent}:{sg.ENVIRONMENT['PATH']}"
        done = subprocess.run(["bash", "-euc", script], cwd=folder, env={**sg.ENVIRONMENT, **sg.AT_ONCE, "PATH": path, "HOME": str(folder)}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        sg.check(done.returncode == 0, f"{page}:{number}: exit code {done.returncode} of {script}:\n{done.stdout[-3000:]}")
        if " bundle " in script or script.startswith("synthgrid plan paper.bundle"):
            sealed[:] = [done.stdout]
        ran += 1
    print(f"{page}: {ran} commands")
    return ran


sealed = []
with sg.Folder() as folder:
    n = lint()
    first = folder / "first"
    first.mkdir()
    a_copy(first)
    sg.run("run", "study.yaml", "--quiet", "--results", "results/paper", cwd=first)
    ran = []
    sg.side_by_side(lambda page: ran.append(run_page(page, first)), RUN)
    sg.check(sum(ran) >= 20, f"{sum(ran)} commands ran")
    print(f"{n} commands name what there is, {sum(ran)} ran")

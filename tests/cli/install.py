#!/usr/bin/env python3
"""`cmake --install`: all that belongs to it is there, and it runs from another folder, also after it was moved."""
import os
import pathlib
import shutil
import subprocess

import sg

BUILD = pathlib.Path(sg.SYNTHGRID).parent
EXPECTED = """bin/synthgrid share/synthgrid/experiments/quickstart.yaml share/synthgrid/experiments/tasks/sst2.yaml share/synthgrid/data/prices.yaml
share/synthgrid/data/sample/sst2/train.jsonl share/synthgrid/data/recordings/quickstart.jsonl.gz share/synthgrid/slurm/study.sbatch
share/synthgrid/stub/llm_stub.py share/synthgrid/modulefiles/synthgrid.lua share/synthgrid/modulefiles/synthgrid.tcl share/man/man1/synthgrid.1
share/man/man1/synthgrid-run.1 share/man/man5/synthgrid-study.5 share/bash-completion/completions/synthgrid share/zsh/site-functions/_synthgrid
share/fish/vendor_completions.d/synthgrid.fish share/doc/synthgrid/LICENSE share/doc/synthgrid/docs/install.md""".split()

MODULE = """
set ModulesCurrentModulefile [lindex $argv 0]
proc module-whatis args {}
proc conflict args {}
proc prepend-path {name value} { puts "$name=$value" }
source $ModulesCurrentModulefile
"""

MODULE_LUA = """
function help() end
function whatis() end
function conflict() end
function myFileName() return arg[1] end
function pathJoin(a, b) return a .. "/" .. b end
function isFile(name) local f = io.open(name); if f then f:close() end; return f ~= nil end
function LmodError(text) error(text) end
function prepend_path(name, value) print(name .. "=" .. value) end
dofile(arg[1])
"""


def modulefiles(prefix, folder):
    """Each says the folders of the moved tree, and refuses a tree that is not one. What its language lacks without a module system is made here."""
    for suffix, interpreter, text in ((".tcl", "tclsh", MODULE), (".lua", "lua5.3", MODULE_LUA)):
        if not shutil.which(interpreter):
            continue
        script, file = folder / f"module{suffix}", prefix / f"share/synthgrid/modulefiles/synthgrid{suffix}"
        script.write_text(text)
        out = subprocess.run([interpreter, script, file], stdout=subprocess.PIPE, text=True).stdout
        sg.check(f"PATH={prefix}/bin\n" in out and f"MANPATH={prefix}/share/man\n" in out, f"{file.name} says {out}")
        elsewhere = shutil.copy(file, folder)
        done = subprocess.run([interpreter, script, elsewhere], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        sg.check("PATH" not in done.stdout and "there is no bin/synthgrid in" in done.stderr, f"a copy of {file.name}: {done.stdout}{done.stderr}")


def installed_studies(prefix, elsewhere):
    """The study is found by its name, and so are its tasks, rows and recording; the encoder is one of the tests."""
    built, sg.SYNTHGRID = sg.SYNTHGRID, str(prefix / "bin/synthgrid")
    encoder = f"train.encoder={sg.ROOT}/tests/oracle/model/bert"
    out, _ = sg.run("plan", "experiments/quickstart.yaml", encoder, "train.max_length=48", cwd=elsewhere)
    sg.check("168 cells" in out and f"{prefix}/" in out.splitlines()[0], f"plan of an installed study:\n{out}")
    small = [encoder if a.startswith("train.encoder=") else a for a in sg.SMALL]
    theirs = sg.digest(sg.run("run", *small, "--results", elsewhere / "theirs", ranks=2, cwd=elsewhere)[0])
    out, err = sg.run("plan", "experiments/none.yaml", code=2, cwd=elsewhere)
    sg.check("experiments/none.yaml" in err, err)
    sg.SYNTHGRID = built
    ours = sg.digest(sg.run("run", *sg.SMALL, "--results", elsewhere / "ours")[0])
    sg.check(ours == theirs, f"digests: built {ours}, installed {theirs}")


def manuals(prefix):
    pages = sorted((prefix / "share/man").glob("man?/*"))
    commands = [line.split()[0] for line in sg.run("--help")[0].splitlines() if line.startswith("  ")]
    missing = [c for c in commands if not (prefix / f"share/man/man1/synthgrid-{c}.1").exists()]
    sg.check(len(commands) > 15 and not missing, f"no manual page of {missing}")
    if shutil.which("mandoc"):
        said = subprocess.run(["mandoc", "-Tlint", *pages], stdout=subprocess.PIPE, text=True).stdout.splitlines()
        said = [line for line in said if "referenced manual not found" not in line]  # they are not installed where man looks
        sg.check(not said, "\n".join(said[:20]))
        text = subprocess.run(["mandoc", "-Tutf8", prefix / "share/man/man5/synthgrid-study.5"], stdout=subprocess.PIPE, text=True).stdout
        sg.check("train.epochs" in text.replace("\b", "") or "t\bt" in text, "the study's page has no settings")


with sg.Folder() as folder:
    subprocess.run(["cmake", "--install", BUILD, "--component", "synthgrid", "--prefix", folder / "first"], check=True, stdout=subprocess.DEVNULL)
    prefix = folder / "moved" / "somewhere else"
    prefix.parent.mkdir()
    (folder / "first").rename(prefix)
    missing = [name for name in EXPECTED if not (prefix / name).exists()]
    sg.check(not missing, f"not installed: {missing}")
    code = [p for p in prefix.rglob("*") if (p.suffix in (".c", ".h", ".o", ".txt", ".pyc") and p.name != "requirements.txt") or p.name == "encoders"]
    sg.check(not code, f"what does not belong there is installed: {code}")
    (folder / "elsewhere").mkdir()
    installed_studies(prefix, folder / "elsewhere")
    manuals(prefix)
    modulefiles(prefix, folder)
    if shutil.which("man"):
        page = subprocess.run(["man", "-M", prefix / "share/man", "-w", "synthgrid-run"], stdout=subprocess.PIPE, text=True,
                              env=dict(os.environ, LC_ALL="C")).stdout
        sg.check(page.strip() == f"{prefix}/share/man/man1/synthgrid-run.1", f"man finds {page}")
print("ok")

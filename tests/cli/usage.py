#!/usr/bin/env python3
"""Help, versions and wrong usage: what is printed where, and the exit codes. Needs no encoder."""
import json
import subprocess

import sg

COMMANDS = ("run", "generate", "plan", "rehearse", "status", "explain", "report", "verify", "merge", "export", "recording", "bundle", "train", "predict", "tokenize",
            "doctor", "settings", "init", "fetch", "submit", "completion", "manual")

out, err = sg.run("--help")


def helps(name):
    sg.check(f"\n  {name} " in out, f"--help does not list {name}")
    text, err = sg.run(name, "--help")
    sg.check(text.startswith(f"Usage: synthgrid {name}"), f"{name} --help says: {text}")
    sg.check(err == "", f"{name} --help writes to stderr: {err}")


sg.side_by_side(helps, COMMANDS)

# All settings with their help; a study's with their values and where each comes from.
text, _ = sg.run("settings")
keys = [line.split(":")[0].strip() for line in text.splitlines() if line.startswith("  ") and not line.startswith("   ")]
sg.check(len(keys) > 50 and len(text.splitlines()) == 2 * len(keys), f"{len(keys)} settings")
values = json.loads(sg.run("settings", "experiments/grid.yaml", "train.batch=4", "--json")[0])
sg.check(set(values) == set(keys) - {"train.seed"}, f"not the same settings: {set(values) ^ set(keys)}")
sg.check(values["train.batch"] == {"value": 4, "from": "command line"}, str(values["train.batch"]))
sg.check(values["train.clip"] == {"value": 1, "from": "default"}, str(values["train.clip"]))
sg.check(values["study"]["value"] == "grid" and values["study"]["from"].startswith("experiments/grid.yaml:"), str(values["study"]))

out, err = sg.run("--version")
for library in ("synthgrid 0.", "MPI ", "BLAS ", "HDF5 ", "SQLite 3.", "libcurl/", "libyaml ", "jansson ", "utf8proc ", "OpenSSL ", "zlib "):
    sg.check(library in out, f"--version does not name {library}:\n{out}")
with open("/proc/cpuinfo") as file:
    flags = next((line.split() for line in file if line.startswith("flags")), [])
sg.check("avx2" not in flags or "fma" not in flags or " Prescott " not in out, f"OpenBLAS takes this CPU for one of 2004:\n{out}")

WRONG = [
    ([], "no command given"),
    (["trian"], "did you mean `synthgrid train`?"),
    (["xyzzy"], "`synthgrid --help` lists them"),
    (["--verison"], "`synthgrid --help`"),
    (["train"], "train needs --encoder DIR"),
    (["train", "--encodr", "x"], "did you mean --encoder?"),
    (["tokenize", "--encoder", "x", "--input", "y", "--max-length", "4"], "from 5 to"),
    (["tokenize", "--encoder", "/no/such/folder", "--input", "y"], "/no/such/folder"),
    (["predict", "--model", "/no/such/folder", "--input", "y"], "/no/such/folder"),
    (["run"], "run needs STUDY"),
    (["status"], "status needs DIR"),
    (["completion", "csh"], "there are none for csh; hint: bash, zsh or fish"),
    (["manual", "rnu"], "there is no page \"rnu\""),
    (["manual", "run", "-o", "/tmp"], "--output writes all pages"),
    (["verify"], "verify needs DIR|results.h5"),
    (["verify", "/no/such.h5"], "/no/such.h5: no such file"),
    (["merge", "a", "b"], "merge needs --output C"),
    (["merge", "a", "-o", "c"], "merge needs A B"),
    (["merge", "/no/such/a", "/no/such/b", "-o", "c"], "/no/such/a: no file there"),
    (["merge", "a", "b", "--prefer", "C", "-o", "c"], "is none of the inputs"),
    (["export", "x"], "export needs --format F"),
    (["export", "x", "--format", "csv"], "export needs --output OUT"),
    (["export", "/no/such.h5", "--format", "csv", "-o", "/tmp/no/such/out"], "/no/such.h5: no such file"),
    (["export", "x", "--format", "xml", "-o", "y"], "one of csv, hf, croissant"),
    (["doctor", "a.yaml", "b.yaml"], "one argument too many"),
    (["doctor", "train.epochs=3"], "no STUDY is given"),
    (["settings", "train.epochs=3"], "synthgrid settings STUDY"),
    (["settings", "experiments/grid.yaml", "train.epoch=3"], "did you mean"),
    (["plan", "a.yaml", "b.yaml"], "one argument too many"),
    (["bundle", "a.yaml"], "bundle needs STUDY FILE"),
    (["run", "experiments/grid.yaml", "--digest", "ab"], "--digest is for a bundle"),
    (["run", "experiments/grid.yaml", "--share", "3/2"], "must be I/N"),
    (["submit"], "submit needs STUDY"),
    (["train", "\x1b[31mred"], "train: \"?[31mred\" is one argument too many"),
]


def refused(case):
    (arguments, words), ranks = case
    out, err = sg.run(*arguments, ranks=ranks, code=2)
    said = [line for line in err.splitlines() if line.startswith("synthgrid: ")]
    sg.check(len(said) == 1 and words in said[0], f"{arguments} on {ranks} ranks: no \"{words}\" in:\n{err}")
    sg.check(out == "", f"{arguments}: writes to stdout: {out}")


sg.side_by_side(refused, [(wrong, ranks) for wrong in WRONG for ranks in ((0, 2) if wrong[0][:1] in (["train"], ["run"]) else (0,))])


# Under mpirun help comes once, and a command for one process works once.
def helped(name):
    out, _ = sg.run(name, "--help", ranks=3)
    sg.check(out.count("Usage:") == 1, "three ranks print the help more than once")


sg.side_by_side(helped, ["train", "tokenize"])

# A full disk is no success; with room there, the same command goes on.
with open("/dev/full", "w") as full:
    done = subprocess.run(sg.command("--help"), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
sg.check(done.returncode == 3 and "standard output: No space left" in done.stderr and "hint: make room" in done.stderr, f"/dev/full: {done}")
print("ok")

#!/usr/bin/env python3
"""Completions: each shell parses its file and completes commands, options, settings and their choices; a shell that is not here is left out."""
import shutil
import subprocess

import sg

# (words up to the one that is completed, what must be among the answers, what must not)
CASES = [
    (["pl"], "plan", "run"),
    (["run", "--ret"], "--retry-failed", "--results"),
    (["run", "x.yaml", "train.prec"], "train.precision=", "train.lr="),
    (["run", "x.yaml", "train.precision=b"], "bf16", "fp32"),
    (["run", "x.yaml", "mixes="], "[raw+synthetic]", "[bf16]"),
    (["train", "train.se"], "train.seed=", "seeds.train="),
    (["plan", "filter.duplicates="], "true", "bf16"),
    (["plan", "train.se"], "", "train.seed="),
    (["status", "notes"], "notes.txt", "plan"),
]

BASH = """
source "$1"; shift
COMP_WORDS=(synthgrid)
for word in "$@"; do # as readline splits them
    case $word in
    -*) COMP_WORDS+=("$word") ;;
    *=*) COMP_WORDS+=("${word%%=*}" =); [ -z "${word#*=}" ] || COMP_WORDS+=("${word#*=}") ;;
    *) COMP_WORDS+=("$word") ;;
    esac
done
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_synthgrid
printf '%s\\n' "${COMPREPLY[@]}"
"""

# What compsys would be told: its functions print what they are given.
ZSH = """
autoload -Uz compinit; compinit -D
source "$1"; shift
compadd() { local -a all=(); if [[ $1 = -a ]]; then all=(${(P)2}); else all=("${@[4,-1]}"); fi; print -l -- ${(M)all:#$PREFIX*} }
compset() { [[ $PREFIX = ${~2}* ]] && PREFIX=${PREFIX#${~2}} }
_describe() { local a; for a in "${(@P)2}"; do [[ $a = $PREFIX* ]] && print -r -- ${a%%:*}; done }
_files() { print -l -- $PREFIX*(N) }
_arguments() { local a; for a in "${@[2,-1]}"; do [[ $a = --$~{PREFIX#--}* || $a = $PREFIX* ]] && print -r -- ${a%%[=\\[]*}; done; [[ $PREFIX = -* ]] || _synthgrid_words }
words=(synthgrid "$@") CURRENT=$(( $# + 1 )) PREFIX=${@[-1]}
_synthgrid
"""


def ask(command, folder):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    sg.check(not done.stderr, f"{command[0]}: {done.stderr}")
    return done.stdout.split("\n")


def answers(shell, file, words, folder):
    if shell == "bash":
        return ask(["bash", "--norc", "-c", BASH, "bash", file, *words], folder)
    if shell == "zsh":
        return ask(["zsh", "-fc", ZSH, "zsh", file, *words], folder)
    line = "synthgrid " + " ".join(words)
    return [a.split("\t")[0] for a in ask(["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", file, line], folder)]


tried = []
with sg.Folder() as folder:
    (folder / "notes.txt").write_text("")
    for shell in ("bash", "zsh", "fish"):
        file = folder / f"completion.{shell}"
        file.write_text(sg.run("completion", shell)[0])
        if not shutil.which(shell):
            continue
        tried.append(shell)
        ask([shell, "-n", file], folder)
        for words, wanted, unwanted in CASES:
            found = answers(shell, file, words, folder)
            key = words[-1].split("=")[0] + "=" if "=" in words[-1] else ""
            found = [f.removeprefix(key) for f in found] if shell == "fish" and key else found
            is_there = any(f.startswith(wanted) for f in found) if shell == "fish" else wanted in found  # fish lists key=choice at once
            sg.check(not wanted or is_there, f"{shell}: synthgrid {words}: no {wanted!r} in {found[:20]}")
            sg.check(unwanted not in found, f"{shell}: synthgrid {words}: {unwanted!r} in {found[:20]}")
    if shutil.which("shellcheck"):
        ask(["shellcheck", "-s", "bash", "-S", "warning", folder / "completion.bash"], folder)
print("ok:", ", ".join(tried))

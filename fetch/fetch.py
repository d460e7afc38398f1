#!/usr/bin/env python3
"""What `synthgrid fetch` runs: one request from the Hugging Face Hub, through huggingface_hub.

    python3 fetch.py model|data < request.json

The request (experiments/fetch/fetch_impl.h draws it) comes on standard input, so that the token is on no command line and in no environment.
Answers are lines of JSON on standard output: {"say": sentence}, {"progress": line}, and last {"done": {...}} or {"fail": sentence, "code": n}.

Where huggingface_hub (and pyarrow for data) cannot be imported, requirements.txt is installed once with pip, into a virtual environment of its own
below $XDG_CACHE_HOME/synthgrid, and the request is answered from there.
"""
import hashlib
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
FAILED, INPUT = 1, 2  # base/err.h
secrets = []  # never said


class Failure(Exception):
    def __init__(self, sentence, code=INPUT):
        super().__init__(sentence)
        self.code = code


def answer(**what):
    text = json.dumps(what)
    for secret in secrets:
        text = text.replace(secret, "*" * 8)
    print(text, flush=True)


def needed(kind):
    return ["huggingface_hub"] + (["pyarrow"] if kind == "data" else [])


def applies(marker):
    """Of requirements.txt: python_version >= "3.10", or <."""
    found = re.fullmatch(r'\s*python_version (>=|<) "(\d+)\.(\d+)"\s*', marker)
    return (sys.version_info[:2] >= (int(found[2]), int(found[3]))) == (found[1] == ">=")


def lines_for(modules):
    wanted = [line.split(";") for line in (HERE / "requirements.txt").read_text().splitlines()]
    return [package.strip() for package, marker in wanted if package.split("==")[0] in modules and applies(marker)]


def quietly(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")


def make(target, requirements):
    """A virtual environment with the packages, by the pip that is here, else (none, or older than 22.3) by one of its own."""
    inside = str(target / "bin" / "python")
    pip, options = [sys.executable, "-m", "pip", "--python", inside], ["--without-pip"]
    version = re.match(r"pip (\d+)\.(\d+)", quietly(sys.executable, "-m", "pip", "--version").stdout)
    if not version or (int(version[1]), int(version[2])) < (22, 3):
        pip, options = [inside, "-m", "pip"], []
    made = quietly(sys.executable, "-m", "venv", "--clear", *options, str(target))
    if made.returncode != 0:
        raise Failure(f"{sys.executable} cannot make a virtual environment in {target}; hint: install python3-pip or python3-venv, or huggingface_hub for it",
                      FAILED)
    done = quietly(*pip, "--disable-pip-version-check", "install", "--quiet", *requirements)
    if done.returncode != 0:
        said = [line for line in done.stdout.splitlines() if line.strip()]
        raise Failure(f"pip cannot install {', '.join(requirements)}: {said[-1] if said else 'it says nothing'}; hint: install them yourself for "
                      f"{sys.executable} (SYNTHGRID_PYTHON names another), or fetch on a machine that reaches PyPI", FAILED)


def environment(kind):
    """The python of the environment, which is made where it is not there or not finished."""
    requirements = lines_for(needed(kind))
    name = hashlib.sha256("\n".join([*requirements, sys.version]).encode()).hexdigest()[:12]
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "synthgrid"
    target, mark = cache / f"fetch-{name}", cache / f"fetch-{name}" / "complete"
    if not mark.exists():
        answer(say=f"installs {' and '.join(requirements)} with pip into {target}, once")
        cache.mkdir(parents=True, exist_ok=True)
        make(target, requirements)
        mark.write_text("\n".join(requirements) + "\n")
    return str(target / "bin" / "python")


def has_modules(kind):
    return all(importlib.util.find_spec(name) for name in needed(kind))


def forget_pip():
    """An index's address may hold a password, which only pip needs."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        del os.environ[name]


def use_modules(kind):
    if has_modules(kind):
        return forget_pip()
    if os.environ.get("SYNTHGRID_FETCH_INSIDE"):
        raise Failure("the virtual environment of `synthgrid fetch` lacks its packages; hint: remove the folders fetch-* in ~/.cache/synthgrid", FAILED)
    python = environment(kind)
    forget_pip()
    os.environ["SYNTHGRID_FETCH_INSIDE"] = "1"
    os.execv(python, [python, *sys.argv])


def main(kind):
    try:
        use_modules(kind)
        request = json.load(sys.stdin)
        if request.get("token"):
            secrets.append(request["token"])
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # hub.py says why
        import hub
        answer(done=hub.answer_of(kind, request))
        return 0
    except Failure as e:
        answer(fail=str(e), code=e.code)
    except KeyboardInterrupt:
        answer(fail="interrupted; what has come so far is kept, and the next fetch goes on from there", code=FAILED)
    except BrokenPipeError:
        os._exit(1)
    except Exception as e:  # whatever a library or the disk comes up with
        answer(fail=f"{type(e).__name__}: {e}", code=FAILED)
    return 1


if __name__ == "__main__":
    sys.modules["fetch"] = sys.modules["__main__"]
    sys.exit(main(sys.argv[1]))

#!/usr/bin/env python3
"""./setup beside package managers that only write down what they are asked: which one it takes, as whom, and what is missing. The names
themselves are tried where a distribution can be had (tests/distros/run for Debian)."""
import pathlib
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ("bash", "env", "dirname", "true", "cat", "tail", "nproc")


def check(condition, text):
    if not condition:
        raise SystemExit(f"FAILED: {text}")


def script(path, text):
    path.write_text("#!/bin/bash\n" + text)
    path.chmod(0o755)


def setup(managers, *options, user=0, sudo=True, installed="gcc make"):
    """Exit code, what is printed, and what was run, a line each."""
    with tempfile.TemporaryDirectory(prefix="sg-setup-") as name:
        folder = pathlib.Path(name)
        log, tools = folder / "log", folder / "bin"
        tools.mkdir()
        for tool in TOOLS:
            (tools / tool).symlink_to(shutil.which(tool))
        for manager in managers:
            script(tools / manager, f'echo "{manager} $*" >>{log}\n')
        script(tools / "rpm", f'for p in {installed}; do [ "$p" != "${{@: -1}}" ] || exit 0; done\nexit 1\n')
        script(tools / "dpkg-query", f'for p in {installed}; do [ "$p" != "${{@: -1}}" ] || {{ echo installed; exit; }}; done\nexit 1\n')
        script(tools / "id", f"echo {user}\n")
        if sudo:
            script(tools / "sudo", f'echo "sudo" >>{log}\n"$@"\n')
        shutil.copy(ROOT / "setup", folder)
        done = subprocess.run([folder / "setup", "--no-encoder", "--no-build", *options], env={"PATH": str(tools)}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout, log.read_text().splitlines() if log.exists() else []


for manager, mpi, own in (("apt-get", "libscalapack-openmpi-dev", "libhdf5-openmpi-dev"), ("dnf", "scalapack-openmpi-devel", "hdf5-openmpi-devel"),
                          ("zypper", "libscalapack2-openmpi4-devel", "hdf5-openmpi4-devel")):
    code, out, log = setup([manager])
    check(code == 0 and log, f"{manager}: {code}: {out}")
    words = log[-1].split()
    check(words[0] == manager and "install" in words and mpi in words and own in words and "cmake" in words, f"{manager}: {log}")
    check("gcc" not in words and "make" not in words, f"{manager}: what is there is installed again: {log}")
    check("sudo" not in log, f"root needs no sudo: {log}")
    enabled = any("config-manager --set-enabled crb" in line for line in log) and any("epel-release" in line for line in log)
    check(enabled == (manager == "dnf"), f"{manager}: EPEL and CRB: {log}")

    code, out, log = setup([manager], user=1000)
    check(code == 0 and "sudo" in log and "(sudo)" in out, f"{manager} of a user: {code}: {out}: {log}")
    code, out, log = setup([manager], user=1000, sudo=False)
    check(code == 1 and not log and mpi in out and "--no-packages" in out, f"{manager} without sudo: {code}: {out}")

code, out, log = setup(["apt-get", "dnf"])
check(code == 0 and all(line.startswith("apt-get") for line in log), f"of two: {log}")
code, out, log = setup([])
check(code == 1 and "no apt-get, dnf or zypper" in out and "--no-packages" in out, f"none: {code}: {out}")
code, out, log = setup(["zypper"], "--dev")
check(code == 1 and not log and "Debian and Ubuntu" in out, f"--dev: {code}: {out}: {log}")
code, out, log = setup(["apt-get"], "--dev")
check(code == 0 and "libmpich-dev" in log[-1].split(), f"--dev: {log}")
if shutil.which("shellcheck"):
    done = subprocess.run(["shellcheck", "-S", "warning", *(ROOT / f for f in ("setup", ".ci/run", "tests/distros/run", "tests/distros/mpis"))],
                          stdout=subprocess.PIPE, text=True)
    check(done.returncode == 0, done.stdout)
print("ok")

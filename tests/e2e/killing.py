"""Ending a run from outside, at once or at a named place of the program (base/crash.h), and what the places say of it afterwards."""
import os
import pathlib
import signal
import time

import sg


def family(pid):
    """The processes below pid, their own descendants too; read from /proc, since a killed launcher leaves orphans."""
    parent = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, ValueError):
                pass
    found = [pid]
    for one in found:
        found += [child for child, of in parent.items() if of == one]
    return found[1:]


def name(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def rank_of(pid):
    """Of a process of an MPI program, or -1."""
    try:
        for entry in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            for variable in (b"OMPI_COMM_WORLD_RANK=", b"PMI_RANK="):
                if entry.startswith(variable):
                    return int(entry[len(variable):])
    except OSError:
        pass
    return -1


def send(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def state(pid):
    """As in /proc: "T" stands, "Z" has ended; "" there is none."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def is_alive(pid):
    return state(pid) not in ("", "Z", "X")


def wait_gone(pids, limit_s=30):
    """Seconds until none of them is there."""
    began = time.monotonic()
    while any(map(is_alive, pids)):
        sg.check(time.monotonic() - began < limit_s, f"processes outlive their run: {[(p, name(p)) for p in pids if is_alive(p)]}")
        time.sleep(0.01)
    return time.monotonic() - began


def visits(log, since_s=0.0):
    """(seconds of the monotonic clock, process, place) of the program's visits to its places (SG_CRASH_LOG), from then on."""
    if not log.exists():
        return []
    found = []
    for line in log.read_text().splitlines():
        at, pid, place = line.split(" ", 2)
        if float(at) >= since_s:
            found.append((float(at), int(pid), place))
    return found

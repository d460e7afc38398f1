#!/usr/bin/env python3
"""Several tests at once: together.py PROGRAM.py ... Each is a process of its own; all their outputs are shown. Fails where one fails, and is skipped where all are."""
import concurrent.futures
import pathlib
import subprocess
import sys
import time


def one(path):
    begin = time.monotonic()
    done = subprocess.run([sys.executable, path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return path, done.returncode, done.stdout, time.monotonic() - begin


paths = sys.argv[1:]
with concurrent.futures.ThreadPoolExecutor(len(paths)) as pool:
    ended = list(pool.map(one, paths))
for path, code, out, seconds in ended:
    print(f"== {pathlib.Path(path).stem}: exit code {code} after {seconds:.1f} s\n{out}", end="")
codes = {code for _, code, _, _ in ended}
sys.exit(1 if codes - {0, 77} else 77 if codes == {77} else 0)

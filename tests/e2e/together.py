#!/usr/bin/env python3
"""Several tests at once, which wait most of the time: together.py NAME ... Each is a program of its own; all their outputs are shown. Fails where one fails."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def one(name):
    done = subprocess.run([sys.executable, HERE / f"{name}.py"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)
    return name, done.returncode, done.stdout


names = sys.argv[1:]
with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
    ended = list(pool.map(one, names))
for name, code, out in ended:
    print(f"== {name}: exit code {code}\n{out}", end="")
codes = {code for _, code, _ in ended}
sys.exit(1 if codes - {0, 77} else 77 if codes == {77} else 0)

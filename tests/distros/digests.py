#!/usr/bin/env python3
"""digests.py [RANKS ...]: the digest of a small study on 1, 2, 3, 4 and 8 ranks, or on these, which must be one: to be compared with another
system's. Reads SYNTHGRID, MPIEXEC."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import sg

sg.need_encoder()
with sg.Folder() as folder:
    sg.same(folder / "digest", sg.SMALL, tuple(map(int, sys.argv[1:])) or (1, 2, 3, 4, 8))

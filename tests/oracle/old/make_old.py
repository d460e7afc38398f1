#!/usr/bin/env python3
"""Made the ledgers and the results.h5 here, which tests/e2e/old_files.py reads, with the build of commit a2806e1 (synthgrid 0.1.0; GNU 12.2.0, Release;
HDF5 1.10.8, SQLite 3.40.1, OpenBLAS 0.3.21): SYNTHGRID=BUILD/synthgrid tests/oracle/old/make_old.py. `full` is a finished run, `half` has bought and
trained nothing. Digests by that build: digests.json."""
import contextlib
import gzip
import json
import pathlib
import sqlite3
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "e2e"))
import sg

STUDY = ["experiments/grid.yaml", "study=quickstart", "train.encoder=tests/oracle/model/bert", "train.max_length=32", "train.steps=2", "tasks=[sst2]",
         "methods=[zero_shot,few_shot_3]", "sizes=[4]", "mixes=[raw,synthetic]", "generator.recording="]


def pack(data, name):
    (HERE / name).write_bytes(gzip.compress(data, mtime=0))


def main():
    digests = {}
    with sg.Folder() as folder, sg.Stub(folder) as stub:
        for name, command in (("full", "run"), ("half", "generate")):
            out, _ = sg.run(command, *STUDY, f"generator.base_url={stub.url}", "--results", folder / name)
            digests[name] = sg.digest(out)
            with contextlib.closing(sqlite3.connect(folder / name / "ledger.sqlite")) as db:
                db.execute("VACUUM INTO ?", (str(folder / f"{name}.sqlite"),))
            pack((folder / f"{name}.sqlite").read_bytes(), f"{name}.sqlite.gz")
        pack((folder / "full" / "results.h5").read_bytes(), "results.h5.gz")
    (HERE / "digests.json").write_text(json.dumps(digests) + "\n")


if __name__ == "__main__":
    main()

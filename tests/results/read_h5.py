#!/usr/bin/env python3
"""What store.h promises to Python: /cells is a data frame in two lines. Runs `make_results FOLDER`, then reads FOLDER/results.h5.

    read_h5.py make_results [PYTHON]

Goes on in PYTHON, where it is there, as .ci/run makes it. Exit code 77 (skipped) where a Python has no h5py or no pandas."""
import os
import subprocess
import sys
import tempfile

if len(sys.argv) > 2 and os.access(sys.argv[2], os.X_OK):
    os.execv(sys.argv[2], [sys.argv[2], *sys.argv[:2]])
try:
    import h5py
    import pandas
except ImportError as e:
    print(f"skipped: {e}; hint: python3 -m venv build/venv && build/venv/bin/pip install h5py pandas")
    sys.exit(77)

with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.argv[1], folder], check=True)
    f = h5py.File(f"{folder}/results.h5")
    # The very lines of the file's own attribute, on this file.
    names = {}
    exec(f.attrs["how_to_read"].replace('"results.h5"', repr(f"{folder}/results.h5")), names)
    cells = names["cells"]
    print(cells.iloc[:, :16].to_string())

    assert len(cells) == 8
    assert list(cells.columns[:6]) == ["cell", "task", "method", "mix", "size", "raw"]
    assert all(isinstance(x, str) for x in cells["task"]) and set(cells["task"]) == {"sst2", "rte"}
    assert set(cells["status"]) == {"done", "failed", "planned"}
    done = cells["status"] == "done"
    assert cells.loc[done, "accuracy"].notna().all() and cells.loc[~done, "accuracy"].isna().all()
    mean = cells[done].groupby(["task", "mix"])["accuracy"].mean()
    assert abs(mean["sst2", "raw"] - 0.55) < 1e-12 and abs(mean["sst2", "synthetic"] - 0.75) < 1e-12

    examples = pandas.DataFrame(f["examples"][:])
    assert examples["text"][0].decode() == "A café, dull." and examples["text"][1].decode() == "Fine 🙂"

    # Predictions and probabilities hang together, and with the metrics.
    p = pandas.DataFrame(f["predictions"][:])
    probability = f["probabilities"][:]
    assert probability.dtype == "float32" and len(probability) == 2 * len(p)
    for row in p.itertuples():
        mine = probability[row.first : row.first + 2]
        assert abs(mine.sum() - 1) < 1e-6 and mine.argmax() == row.predicted and mine[row.gold] == row.p_gold
    accuracy = (p["gold"] == p["predicted"]).groupby(p["cell"]).mean()
    assert (accuracy - cells.set_index("cell")["accuracy"].dropna()).abs().max() < 1e-12

    # Every column of every table says what it is.
    for name, table in f.items():
        assert table.attrs["description"] and len(table.attrs["sha256"]) == 64, name
        for column in table.dtype.names or ["probability"]:
            assert table.attrs[column], (name, column)
        assert set(table.attrs["volatile"].split()) <= set(table.dtype.names or []), name
        assert table.fletcher32, name
        # Probabilities hardly shrink, and are most of a file's bytes.
        assert name == "probabilities" or (table.shuffle and table.compression == "gzip"), name
    assert f.attrs["format"] == "synthgrid results" and f.attrs["study"] == "fake"
    # Superblock version 0: readable by every HDF5 since 1.0 (format specification, section II.A).
    with open(f"{folder}/results.h5", "rb") as raw:
        assert raw.read(9)[8] == 0
print("ok")

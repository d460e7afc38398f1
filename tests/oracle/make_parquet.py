#!/usr/bin/env python3
"""Two small splits as Hugging Face's `datasets` writes them to the Hub, for tests/e2e/fetch.py: Parquet whose schema names the classes.

    V/bin/pip install pyarrow==26.0.1 && V/bin/python tests/oracle/make_parquet.py
"""
import json
import pathlib

import pyarrow
import pyarrow.parquet

HERE = pathlib.Path(__file__).resolve().parent / "parquet"
FEATURES = {"idx": {"dtype": "int32", "_type": "Value"}, "sentence": {"dtype": "string", "_type": "Value"},
            "label": {"names": ["negative", "positive"], "_type": "ClassLabel"},
            "tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "Sequence"}}
SPLITS = {"train": [("a \"fine\" film", 1), ("dull, and long", 0), ("na\u00efve\nbut warm \U0001f600", 1), ("a mess", 0), ("it sings", 1), ("no", 0)],
          "validation": [("good", 1), ("bad", 0), ("fair enough", 1), ("never again", 0)]}

for split, rows in SPLITS.items():
    schema = pyarrow.schema([("idx", pyarrow.int32()), ("sentence", pyarrow.string()), ("label", pyarrow.int64()),
                             ("tokens", pyarrow.list_(pyarrow.string()))],
                            metadata={"huggingface": json.dumps({"info": {"features": FEATURES}})})
    table = pyarrow.table({"idx": list(range(len(rows))), "sentence": [t for t, _ in rows], "label": [k for _, k in rows],
                           "tokens": [t.split() for t, _ in rows]}, schema=schema)
    pyarrow.parquet.write_table(table, HERE / f"{split}-00000-of-00001.parquet")

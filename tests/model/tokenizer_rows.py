#!/usr/bin/env python3
"""Token ids of all rows of the real data sets, by print_ids, against digests made with `tokenizers`.

    tokenizer_rows.py PRINT_IDS DIGESTS.json ROWS_DIR NAME=ENCODER...

Exit 77 (skipped) where no rows or none of the encoders are there.
"""
import hashlib
import json
import pathlib
import subprocess
import sys

print_ids, digests, rows_dir = sys.argv[1:4]
encoders = dict(a.split("=", 1) for a in sys.argv[4:])
checked = failed = 0
for want in json.load(open(digests)):
    rows = pathlib.Path(rows_dir) / want["task"] / "train.jsonl"
    encoder = pathlib.Path(encoders[want["encoder"]])
    if not rows.is_file() or not (encoder / "tokenizer.json").is_file():
        continue
    out = subprocess.run([print_ids, encoder, rows, str(want["max_length"])], check=True, capture_output=True).stdout
    same = hashlib.sha256(out).hexdigest() == want["sha256"] and out.count(b"\n") == want["rows"]
    checked += 1
    failed += not same
    print("%-12s %-8s %5d tokens at most, %5d rows: %s" % (want["encoder"], want["task"], want["max_length"], want["rows"],
                                                         "equal" if same else "DIFFERENT"))
if not checked:
    print(f"skipped: no rows in {rows_dir}, or no encoders", list(encoders.values()))
    sys.exit(77)
sys.exit(failed > 0)

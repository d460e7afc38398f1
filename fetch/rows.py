"""Which files of a data set are a split, and their rows as JSON Lines that base/rows.h reads."""
import gzip
import json
import os
import posixpath
import re

from fetch import Failure

# In the order in which they are preferred.
FORMATS = (".parquet", ".jsonl", ".jsonl.gz", ".json", ".csv", ".csv.gz", ".tsv", ".tsv.gz")


def format_of(path):
    return next((i for i, end in enumerate(FORMATS) if path.endswith(end)), None)


def is_of(path, split, config):
    """data/train-00000-of-00001.parquet, rte/train-....parquet, en/train.jsonl, default/train/0000.parquet."""
    *folders, name = path.split("/")
    if config and config not in folders:
        return False
    return re.match(re.escape(split) + r"([-._].*)?$", name) is not None or (bool(folders) and folders[-1] == split)


def files_of(r, split, config):
    found = [p for p in r.files if format_of(p) is not None and is_of(p, split, config)]
    best = min(map(format_of, found), default=None)
    found = sorted(p for p in found if format_of(p) == best)
    folders = sorted({posixpath.dirname(p) for p in found})
    what = f'split "{split}"{f" of {config}" if config else ""}'
    if not found:
        has = sorted(p for p in r.files if format_of(p) is not None)
        raise Failure(f"{r.page} has no file of {what} at {r.commit[:12]}; hint: source.config, source.train and source.test of the task file choose; it has "
                      f"{', '.join(has[:6]) or 'no tables at all'}{', ...' if len(has) > 6 else ''}; @refs/convert/parquet often has tables")
    if len(folders) > 1:
        raise Failure(f"{r.page}: files of {what} are in {', '.join(folders[:6])}; hint: source.config of the task file says which")
    if len(found) > 1 and FORMATS[best].startswith((".csv", ".tsv", ".json")) and not FORMATS[best].startswith(".jsonl"):
        raise Failure(f"{r.page}: {what} is {len(found)} files, which only works for Parquet and JSON Lines")
    return found


def class_names(schema):
    """The names of the Hub's ClassLabel columns: {column: [name of 0, name of 1, ...]}."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return {c: f["names"] for c, f in features.items() if f.get("_type") == "ClassLabel" and all(isinstance(n, str) for n in f["names"])}
    except (ValueError, KeyError, AttributeError, TypeError):
        return {}


def write_parquet(r, path, out):
    """A row a line; columns that hold lists, structures or bytes are left out."""
    import pyarrow
    import pyarrow.parquet
    try:
        table = pyarrow.parquet.ParquetFile(path)
        names, kind = class_names(table.schema_arrow), pyarrow.types
        columns = [f.name for f in table.schema_arrow if kind.is_string(f.type) or kind.is_large_string(f.type) or kind.is_boolean(f.type) or
                   kind.is_integer(f.type) or kind.is_floating(f.type)]
        for batch in table.iter_batches(columns=columns):
            for row in batch.to_pylist():
                for column, known in names.items():
                    if isinstance(row.get(column), int) and 0 <= row[column] < len(known):
                        row[column] = known[row[column]]
                out.write(json.dumps(row).encode() + b"\n")
    except (pyarrow.ArrowException, OSError) as e:
        raise Failure(f"{r.page}: {os.path.basename(path)} cannot be read as Parquet: {e}; hint: another revision, TASK@REVISION, may be whole") from e


def write(r, cached, target):
    """The rows of a split's files as one file; a table of text stays as it is."""
    if not str(cached[0]).endswith((".parquet", ".jsonl", ".jsonl.gz")):
        return str(cached[0])
    with open(target, "wb") as out:
        for path in map(str, cached):
            if path.endswith(".parquet"):
                write_parquet(r, path, out)
                continue
            with (gzip.open if path.endswith(".gz") else open)(path, "rb") as f:
                for line in f:
                    out.write(line if line.endswith(b"\n") else line + b"\n")
    return str(target)

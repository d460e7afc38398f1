#!/usr/bin/env python3
"""The cache that studies share: nobody buys what another study has bought, two runs at once are fine, and nothing leaves it."""
import gzip
import json
import subprocess

import sg

KEY = "sk-canary-0123456789abcdef"
BASE = [*sg.QUICKSTART, "tasks=[sst2]", "mixes=[synthetic]", "train.steps=2", "train.max_length=32", "generator.recording="]


def study(folder, name, url, *more):
    return [*BASE, f"study={name}", f"cache={folder / 'deep' / 'cache'}", *([f"generator.base_url={url}"] if url else []), *more,
            "--results", folder / name]


def keys(stub):
    return [r["key"] for r in stub.requests() if r.get("path", "").endswith("/chat/completions")]


def texts(path):
    return [json.loads(line) for line in gzip.open(path, "rt")]


with sg.Folder() as folder:
    cache = folder / "deep" / "cache"
    with sg.Stub(folder) as stub:
        env = {"OPENAI_API_KEY": KEY}
        sg.run("run", *study(folder, "first", stub.url, "methods=[zero_shot]", "sizes=[8]"), ranks=2, env=env)
        first = keys(stub)
        files = list(cache.iterdir())
        sg.check(len(files) == 1 and files[0].name.startswith("first-") and files[0].name.endswith(".jsonl.gz"), f"in the cache: {files}")
        sg.check(files[0].stat().st_mode & 0o777 == 0o600 and cache.stat().st_mode & 0o777 == 0o700, "others may read the cache")
        sg.check(len(texts(files[0])) == len(first), "not all that was bought is in it")
        sg.check(KEY not in gzip.open(files[0], "rt").read(), "the key is in the cache")

        # Another study that needs these, and more: it buys the rest alone. `plan` knows.
        wider = ["methods=[zero_shot,zero_shot_topic]", "sizes=[4,8]"]
        plan, _ = sg.run("plan", *study(folder, "second", stub.url, *wider))
        sg.check(f"{len(first)} of them are in the cache" in plan, plan)
        out, err = sg.run("run", *study(folder, "second", stub.url, *wider), ranks=2, env=env)
        digest = sg.digest(out)
        second = keys(stub)[len(first):]
        sg.check(f"{len(first)} completions are in the cache" in err, err)
        sg.check(second and not set(second) & set(first), "it bought again what the first one has")
        own = [f for f in cache.iterdir() if f.name.startswith("second-")]
        sg.check(len(own) == 1 and len(texts(own[0])) == len(second), "its file does not hold what it bought, or more")

        # A results folder that was deleted: all of it is in the cache, nothing is bought, and its file loses nothing.
        for f in (folder / "second").iterdir():
            f.unlink()
        n = len(keys(stub))
        out, _ = sg.run("run", *study(folder, "second", stub.url, *wider), ranks=1, env=env)
        sg.check(sg.digest(out) == digest and len(keys(stub)) == n, "the cache does not bring it back")
        for f in (folder / "second").iterdir():
            f.unlink()
        sg.run("run", *study(folder, "second", stub.url, "methods=[zero_shot]", "sizes=[4]", "seeds.generation=2"), ranks=1, env=env)
        grown = len(texts(own[0]))
        sg.check(len(keys(stub)) > n and grown == len(second) + len(keys(stub)) - n, f"{grown} in its file: something paid for has left the cache")

        # Two at once, which want the same: each ends, each has its file, and both files are whole.
        n = len(keys(stub))
        more = ["methods=[one_shot]", "sizes=[12]"]
        twins = [subprocess.Popen(sg.command("run", *study(folder, name, stub.url, *more)), cwd=sg.ROOT, env=dict(sg.ENVIRONMENT, **env),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for name in ("left", "right")]
        outs = [p.communicate(timeout=100) for p in twins]
        sg.check(all(p.returncode == 0 for p in twins), f"{outs}")
        held = [len(texts(f)) for f in cache.glob("*.gz") if f.name.startswith(("left-", "right-"))]
        sg.check(max(held) >= 12 and sum(held) == len(keys(stub)) - n, f"the twins bought {len(keys(stub)) - n}, their files hold {held}")

    # No server, no key, no recording: the cache alone, named by the environment; a damaged file is told of and left out.
    (cache / "zz-broken.jsonl.gz").write_bytes(own[0].read_bytes()[:-20])
    (cache / "zz-text.jsonl.gz").write_text('{"key": "no"}\n')
    (cache / "left-over.tmp.1").write_text("x")
    alone = [a for a in study(folder, "second", None, *wider) if not str(a).startswith("cache=")][:-1] + [folder / "alone"]
    out, err = sg.run("run", *alone, "--offline", ranks=2, env={"SYNTHGRID_CACHE": str(cache)})
    sg.check(sg.digest(out) == digest, "from the cache alone, the digest is another")
    for name in ("zz-broken.jsonl.gz", "zz-text.jsonl.gz"):
        sg.check(f"{name}" in err and "left out" in err, f"no warning of {name}:\n{err}")
    sg.check(list(cache.glob("second-*")) == own, "what came from others is in its file")
    _, err = sg.run("run", *alone[:-1], folder / "none", "cache=", "--offline", env={"SYNTHGRID_CACHE": str(cache)}, code=2)
    sg.check("are missing" in err, err)

    # A cache that cannot be written ends nothing.
    (folder / "file").write_text("x")
    _, err = sg.run("run", *study(folder, "left", None, *more), f"cache={folder / 'file' / 'cache'}", "--offline")
    sg.check("warning: the cache" in err, err)
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "stub.jsonl":
            sg.check(KEY.encode() not in path.read_bytes(), f"the key is in {path}")
print("ok:", len(first), "and", len(second), "bought")

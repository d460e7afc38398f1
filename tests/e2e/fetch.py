#!/usr/bin/env python3
"""`synthgrid fetch` against a Hub on the loopback (tests/stub/hub.py): models and rows, what breaks off, what is wrong, who may, and what a study says before.

It needs a python with huggingface_hub and pyarrow: $SYNTHGRID_PYTHON, build/venv (.ci/run makes it), or this one."""
import concurrent.futures
import gzip
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import sg

sys.path.insert(0, str(sg.ROOT / "tests" / "stub"))
from hub import Fault, Hub  # noqa: E402

TOKEN = "hf_canary0123456789abcdef"
OTHER_KEY = "sk-canary-0123456789abcdef"
BERT = sg.ROOT / "tests/oracle/model/bert"
MODEL = {p.name: p.read_bytes() for p in BERT.iterdir() if p.name in ("config.json", "model.safetensors", "vocab.txt")}
PARQUET = {f"data/{p.name}": p.read_bytes() for p in (sg.ROOT / "tests/oracle/parquet").iterdir()}
TASK = """task: reviews
classes: {negative: bad, positive: good}
source: {hf: me/reviews, test: validation, train_rows: 6, test_rows: 4, licence: ours}
prompts:
  zero_shot: A {class} review.
"""


def find_python():
    for python in filter(None, (os.environ.get("SYNTHGRID_PYTHON"), str(sg.ROOT / "build/venv/bin/python"), sys.executable)):
        if pathlib.Path(python).exists() and subprocess.run([python, "-c", "import huggingface_hub, pyarrow"], capture_output=True).returncode == 0:
            return python
    sg.skip("no python here has huggingface_hub and pyarrow; hint: python3 -m venv build/venv && build/venv/bin/pip install -r fetch/requirements.txt")


PYTHON = find_python()


def without_model(*names, **more):
    return {k: v for k, v in {**MODEL, "README.md": b"# tiny\n", "pytorch_model.bin": b"x" * 5000, **more}.items() if k not in names}


# Several requests in one process, for what the Python alone decides.
ASK = """
import json, sys
sys.path.insert(0, sys.argv[1])
import fetch, hub
for kind, request in json.load(sys.stdin):
    try:
        print(json.dumps({"done": hub.answer_of(kind, request)}))
    except fetch.Failure as e:
        print(json.dumps({"fail": str(e), "code": e.code}))
"""


class Place:
    """A folder with a cache and a Hub of its own."""

    def __init__(self, name, folder, **hub):
        self.path = folder / name
        self.path.mkdir()
        self.hub = Hub(**hub)
        self.env = {"HF_ENDPOINT": self.hub.url, "HF_HOME": str(self.path / "hf"), "SYNTHGRID_PYTHON": PYTHON, "XDG_CACHE_HOME": str(self.path / "cache"),
                    "HF_TOKEN": "", "OPENAI_API_KEY": OTHER_KEY, "HF_HUB_ETAG_TIMEOUT": "60", "no_proxy": "*", "NO_PROXY": "*"}

    def fetch(self, *arguments, code=0, **env):
        """Its standard output, and what it said."""
        out, err = sg.run("fetch", *arguments, code=code, env={**self.env, **env}, cwd=self.path)
        sg.check(TOKEN not in out + err and OTHER_KEY not in out + err and "Traceback" not in err, f"{arguments}: {out}\n{err}")
        return out, err

    def expect(self, words, *arguments, code=2, **env):
        out, err = self.fetch(*arguments, code=code, **env)
        sg.check(all(w in err for w in words) and "hint: " in err and out == "", f"{arguments}: not {words} in: {err}")

    def ask(self, *cases, env={}):
        """(words, kind, request) each: the request fails with these words."""
        done = subprocess.run([PYTHON, "-c", ASK, sg.ROOT / "fetch"], input=json.dumps([case[1:] for case in cases]), stdout=subprocess.PIPE, text=True,
                              env={**sg.ENVIRONMENT, **self.env, **env}, timeout=280)
        answers = [a for a in map(json.loads, done.stdout.splitlines()) if "say" not in a]
        sg.check(len(answers) == len(cases), f"{len(cases)} requests: {done.stdout}")
        for (words, *_), a in zip(cases, answers):
            sg.check(all(w in a.get("fail", "") for w in (*words, "hint: ")) and a["code"] == 2, f"not {words} in: {a}")

    def cache(self, name="models--me--tiny"):
        return self.path / "hf/hub" / name

    def files(self):
        return sorted(str(p.relative_to(self.path)) for p in self.path.rglob("*") if p.is_file())


def same(folder, files):
    return all((pathlib.Path(folder) / name).read_bytes() == data for name, data in files.items())


def models(folder):
    p = Place("models", folder, token=TOKEN)
    commit = p.hub.put("model", "me/tiny", without_model(), licence="mit")
    # Before: a study that says what to do, and estimates all the same.
    study = ["experiments/grid.yaml", "generator.recording=", "train.encoder=me/tiny", f"results={p.path}/r"]
    text = sg.run("plan", *study, env=p.env)[0]
    sg.check("hint: `synthgrid fetch model me/tiny`" in text and str(p.path / "hf/hub") in text, text)
    _, err = sg.run("tokenize", "--encoder", "me/tiny", "--input", "/dev/null", env=p.env, code=2)
    sg.check("--encoder: no folder me/tiny" in err and "synthgrid fetch model me/tiny" in err, err)
    # Only what is needed comes; the token goes to the Hub and nowhere else, keys of LLMs to nobody.
    wrapper = p.path / "python"
    wrapper.write_text(f'#!/bin/sh\necho "$@" >{p.path}/arguments\nenv >{p.path}/environment\nexec {PYTHON} "$@"\n')
    wrapper.chmod(0o755)
    out, err = p.fetch("model", "me/tiny", SYNTHGRID_PYTHON=str(wrapper), HF_TOKEN=TOKEN, HF_TOKEN_OF_MINE="out", PIP_PASSWORD="out", HF_SECRET_X="out", HF_API_KEY="out",
                       HF_TOKEN_PATH=str(p.path / "none"), PIP_INDEX_URL="http://me:word@127.0.0.1:9/")
    given = (p.path / "arguments").read_text() + (p.path / "environment").read_text()
    sg.check(TOKEN not in given and OTHER_KEY not in given and "HF_HOME=" in given and "=out" not in given and "HF_TOKEN_PATH=" in given, given)
    at = pathlib.Path(out.strip())
    sg.check(at == p.cache() / "snapshots" / commit and same(at, MODEL) and sorted(f.name for f in at.iterdir()) == sorted(MODEL), f"{out} {list(at.iterdir())}")
    sg.check("licence: mit" in err and commit in err and "3 files" in err, err)
    sg.check((p.cache() / "refs/main").read_text() == commit and not list(p.path.rglob("*.part")), "refs/main, or a part is left")
    by_host = {host.split(":")[0]: {a for *_, a, h in p.hub.seen if h == host} for *_, host in p.hub.seen}
    sg.check(by_host["127.0.0.1"] == {f"Bearer {TOKEN}"} and by_host["localhost"] == {None}, f"the token went to {by_host}")
    # A study, and commands, find it through links.
    text = sg.run("plan", *study, env=p.env)[0]
    sg.check("missing  encoder" not in text and "assumed  the encoder" not in text, text)
    found = json.loads(sg.run("doctor", *study, "--json", env=p.env, code=(0, 1))[0].splitlines()[-1])["findings"]
    sg.check(any(f"encoder {at}" in f["text"] for f in found), str(found))
    rows = p.path / "rows.jsonl"
    rows.write_text('{"text": "a fine film", "label": "positive"}\n{"text": "a dull film", "label": "negative"}\n')
    one, two = (sg.run("train", "--encoder", e, "--train", rows, "--eval", rows, "--json", "train.steps=1", env=p.env)[0] for e in ("me/tiny", BERT))
    sg.check(json.loads(one.splitlines()[-1])["digest"] == json.loads(two.splitlines()[-1])["digest"], "the fetched encoder is another one")
    # Again: nobody is asked. A damaged file is found and fetched again; main stays what it was, until --update.
    n = len(p.hub.seen)
    sg.check("nobody was asked" in p.fetch("model", "me/tiny")[1] and "nobody was asked" in p.fetch("model", f"me/tiny@{commit}", HF_HUB_OFFLINE="1")[1] and
             len(p.hub.seen) == n, str(p.hub.seen[n:]))
    blob = (at / "model.safetensors").resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    newer = p.hub.put("model", "me/tiny", without_model(**{"README.md": b"newer"}), branches=("main", commit))
    _, err = p.fetch("model", "me/tiny")
    sg.check("is damaged, and is fetched again" in err and same(at, MODEL) and (p.cache() / "refs/main").read_text() == commit, err)
    sg.check(newer in p.fetch("model", "me/tiny", "--update")[0] and (p.cache() / "refs/main").read_text() == newer, "--update")
    # Shards by their index; a revision by its name.
    index = json.dumps({"metadata": {}, "weight_map": {"x": "model-00001-of-00001.safetensors"}}).encode()
    sharded = {**without_model("model.safetensors"), "model.safetensors.index.json": index, "model-00001-of-00001.safetensors": MODEL["model.safetensors"]}
    p.hub.put("model", "me/shards", sharded, branches=("main", "v1"))
    out, _ = p.fetch("model", "me/shards@v1")
    sg.check(same(out.strip(), {k: v for k, v in sharded.items() if k not in ("README.md", "pytorch_model.bin")}), out)
    sg.run("tokenize", "--encoder", "me/shards@v1", "--input", rows, env=p.env)
    # What cannot be used is refused before its weights come.
    p.hub.put("model", "me/torch", without_model("model.safetensors"))
    p.hub.put("model", "me/other", without_model(**{"config.json": b'{"model_type": "t5"}'}))
    p.hub.put("model", "me/data", {"README.md": b"x"})
    p.ask((["no model.safetensors", "it has pytorch_model.bin", "save_pretrained"], "model", {"repo": "me/torch"}),
          (["no config.json"], "model", {"repo": "me/data"}))
    p.expect(["model_type t5", "bert"], "model", "me/other")
    sg.check(not p.hub.ranges("me/other/resolve/main/model.safetensors") and not list(p.cache("models--me--other").rglob("config.json")), "weights of t5")
    p.expect(["is no name on the Hub"], "model", "roberta")
    p.expect(["neither model nor data"], "modle", "me/tiny")


def who_may(folder):
    p = Place("access", folder, token=TOKEN)
    p.hub.put("model", "me/gated", without_model(), gated=True)
    p.hub.put("model", "me/closed", without_model(), gated="closed")
    p.hub.put("model", "me/private", without_model(), private=True)
    p.ask(*((words, "model", {"repo": name, "revision": revision, "token": token}) for words, name, revision, token in (
        (["is gated", f"accept them at {p.hub.url}/me/gated", "set HF_TOKEN"], "me/gated", None, None),
        (["is gated", "check that HF_TOKEN is of that account"], "me/closed", None, TOKEN),
        (["knows no model me/private", "HF_TOKEN where it is private"], "me/private", None, None),
        (["knows no model me/nothing", "check the name"], "me/nothing", None, TOKEN),
        (["does not accept the token (401)"], "me/private", None, "hf_wrong0123456789"),
        (["no revision v9"], "me/gated", "v9", TOKEN))))
    p.ask((["HF_HUB_OFFLINE allows no look"], "model", {"repo": "me/gated"}), env={"HF_HUB_OFFLINE": "1"})
    p.expect(["is gated", "set HF_TOKEN"], "model", "me/gated")
    p.expect(["127.0.0.1:9 cannot be reached", "HF_ENDPOINT"], "model", "me/x", code=1, HF_ENDPOINT="http://127.0.0.1:9")
    sg.check(not list(p.path.rglob("config.json")), f"something was kept: {p.files()}")
    p.fetch("model", "me/gated", HF_TOKEN=TOKEN)
    (p.path / "hf/token").write_text(TOKEN)  # as `hf auth login` leaves it
    p.fetch("model", "me/private")


def breaks(folder):
    p = Place("breaks", folder)
    weights = os.urandom(3_000_000)  # in several pieces; no weights, but nobody reads them here
    p.hub.put("model", "me/tiny", without_model(**{"model.safetensors": weights}))
    blob = p.cache() / "blobs" / hashlib.sha256(weights).hexdigest()
    part = blob.with_name(blob.name + ".part")
    # Another digest than the Hub's listing: nothing is kept.
    for name, kind in (("vocab.txt", "sha1"), ("model.safetensors", "sha256")):
        p.hub.fault = {name: Fault(wrong=True)}
        p.expect([f"{name} came with another digest ({kind})", "nothing was kept"], "model", "me/tiny", code=1)
        sg.check(not blob.exists() and not list(p.cache().rglob("*.part")) and not list(p.cache().rglob("config.json")), f"something was kept: {p.files()}")
    # Killed: the next one goes on where it was.
    p.hub.fault["model.safetensors"] = Fault(stall_at=2_000_000)
    process = subprocess.Popen(sg.command("fetch", "model", "me/tiny"), cwd=p.path, env={**sg.ENVIRONMENT, **p.env}, start_new_session=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size >= 1_000_000):
        sg.check(time.monotonic() < until and process.poll() is None, f"no part grows: {p.files()}")
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    sg.check(not list(p.cache().rglob("snapshots/*/config.json")), "a snapshot that is not whole has a config.json")
    have, n = part.stat().st_size, len(p.hub.ranges("model.safetensors"))
    # The connection breaks twice more, and a server says it is busy: it goes on by itself.
    p.hub.fault["model.safetensors"] = Fault(cut_at=2_500_000, times=1)
    out, _ = p.fetch("model", "me/tiny")
    asked = p.hub.ranges("model.safetensors")[n:]
    sg.check(same(out.strip(), {"model.safetensors": weights}) and asked == [f"bytes={have}-", "bytes=2500000-"], f"{have}: {asked}")
    # A part of something else, and a server that knows no ranges.
    for fault, begin in ((Fault(), b"!" * 1000), (Fault(no_range=True), weights[:1000]), (Fault(code=503), b"")):
        for old in (blob, pathlib.Path(out.strip()) / "model.safetensors"):
            old.unlink()
        part.write_bytes(begin)
        p.hub.fault["model.safetensors"] = fault
        p.fetch("model", "me/tiny")
        sg.check(same(out.strip(), {"model.safetensors": weights}) and not part.exists(), f"{fault.__dict__} {p.files()}")


def killed_update(p):
    """An --update that ends between two of its files: what is there is known for what it is, and the next fetch goes on."""
    if not shutil.which("strace") or subprocess.run(["strace", "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        return print("fetch: strace may not trace here, so that no --update is killed between its files")
    (p.path / "moved.yaml").write_text(TASK.replace("reviews", "moved").replace("test: validation, train_rows: 6, test_rows: 4", "test: train"))
    lines = ["".join(json.dumps({"text": f"{kind} row {i}", "label": i % 2}) + "\n" for i in range(6)) for kind in ("old", "new")]
    p.hub.put("dataset", "me/moved", {"train.jsonl": lines[0].encode()})
    p.fetch("data", "moved.yaml")
    written = p.path / "data/moved"
    for n in (2, 3, 4):  # the renames: fetched.json, train.jsonl, test.jsonl, fetched.json
        old = {f: (written / f).read_bytes() for f in ("train.jsonl", "test.jsonl", "fetched.json")}
        p.hub.put("dataset", "me/moved", {"train.jsonl": lines[1].replace("new", f"new {n}").encode()})
        killed = subprocess.run(["strace", "-o", "/dev/null", "-e", "trace=/^rename", "-e", f"inject=/^rename:signal=KILL:when={n}", *sg.command("fetch", "data", "moved.yaml", "--update")],
                                cwd=p.path, env={**sg.ENVIRONMENT, **p.env}, capture_output=True, text=True)
        lock = json.loads((written / "fetched.json").read_text())
        sg.check(killed.returncode != 0 and lock["test"]["before"] == hashlib.sha256(old["test.jsonl"]).hexdigest(), f"{n}: {killed} {lock}")
        p.fetch("data", "moved.yaml")
        lock = json.loads((written / "fetched.json").read_text())
        sg.check(f"new {n} row 5" in (written / "train.jsonl").read_text() and f"new {n} row 5" in (written / "test.jsonl").read_text(), f"{n}: not gone on")
        sg.check("before" not in lock["train"] or n == 4, f"{n}: {lock}")


def data(folder):
    p = Place("data", folder)
    (p.path / "reviews.yaml").write_text(TASK)
    rows = [{"text": t, "label": k} for t, k in
            (("a \"fine\" film", "positive"), ("dull, and long", "negative"), ("na\u00efve\nbut warm \U0001f600", "positive"), ("a mess", "negative"),
             ("it sings", "positive"), ("no", "negative"))]
    commit = p.hub.put("dataset", "me/reviews", {**PARQUET, "data/test-00000-of-00001.parquet": b"none", "README.md": b"x"}, licence="cc0-1.0")
    study = p.path / "study.yaml"
    study.write_text(f"study: mine\ntasks: [reviews.yaml]\nmethods: [zero_shot]\nsizes: [2]\nraw: [4]\ntrain: {{encoder: {BERT}}}\ngenerator: {{base_url: 'http://127.0.0.1:9'}}\n")
    text = sg.run("plan", study, env=p.env, cwd=p.path)[0]
    sg.check("`synthgrid fetch data reviews` gets it" in text and "reviews: 4 training rows" in text and "reviews: 4 test rows" in text, text)
    out, err = p.fetch("data", "reviews.yaml")
    sg.check(re.match(f"reviews +6 training rows, 4 test rows in data/reviews, from me/reviews at {commit[:12]}; licence: ours\n$", out), out)
    sg.check("stays so until --update" in err, err)
    written = p.path / "data/reviews"
    sg.check([json.loads(line) for line in (written / "train.jsonl").read_text().split("\n")[:-1]] == rows, (written / "train.jsonl").read_text())
    lock = json.loads((written / "fetched.json").read_text())
    sg.check(lock["commit"] == commit and lock["test"]["rows"] == 4 and lock["licence"] == "ours" and
             lock["train"]["sha256"] == hashlib.sha256((written / "train.jsonl").read_bytes()).hexdigest() and
             {f["path"] for f in lock["files"]} == set(PARQUET), str(lock))
    sg.check("missing  rows" not in sg.run("plan", study, env=p.env, cwd=p.path)[0], "plan still misses the rows")
    # Again, with main moved: the lock says what is meant, and nobody is asked.
    p.hub.put("dataset", "me/reviews", {**PARQUET, "README.md": b"y"}, branches=("main", commit))
    n = len(p.hub.seen)
    sg.check(p.fetch("data", "reviews.yaml")[0] == out and len(p.hub.seen) == n, "asked again")
    sg.check(f"at {commit[:12]}" not in p.fetch("data", "reviews.yaml", "--update")[0], "--update")
    n = len(p.hub.seen)
    sg.check(p.fetch("data", "reviews.yaml@main")[0] and len(p.hub.seen) == n and p.fetch("data", "reviews.yaml@main", "--update") and len(p.hub.seen) > n,
             "@main")
    # A user's own files, and changed ones, are never written over.
    (written / "test.jsonl").write_text('{"text": "mine", "label": "negative"}\n')
    p.expect(["test.jsonl is there and is not what `fetch` wrote: it was changed since", "--dir"], "data", "reviews.yaml")
    (p.path / "own/reviews").mkdir(parents=True)
    (p.path / "own/reviews/train.jsonl").write_text("mine")
    p.expect(["own/reviews/train.jsonl is there and is not what `fetch` writes"], "data", "reviews.yaml", "--dir", "own")
    sg.check((p.path / "own/reviews/train.jsonl").read_text() == "mine" and not (p.path / "own/reviews/fetched.json").exists(), "written over")

    killed_update(p)

    # What does not fit the task file is not written; another revision than the file's has other counts.
    def task(**change):
        text = TASK
        for old, new in change.items():
            text = text.replace({"rows": "train_rows: 6", "names": "negative: bad", "hf": "me/reviews", "split": "validation", "more": "licence: ours"}[old], new)
        (p.path / "reviews.yaml").write_text(text)

    new = ("data", "reviews.yaml", "--dir", "new")
    for words, change in ((["has 6 training rows, and the task file says 7", "source.train_rows"], {"rows": "train_rows: 7"}),
                          (["do not fit the task file", 'unknown label "negative"'], {"names": "awful: bad"}),
                          (["have the digest", "source.test_sha256"], {"more": f"test_sha256: {'0' * 64}"}),
                          (["names no data set on the Hub"], {"hf": "null"})):
        task(**change)
        p.expect(words, *new)
    p.hub.put("dataset", "me/broken", {**PARQUET, "data/validation-00000-of-00001.parquet": b"PAR1 and no more"})
    p.hub.put("dataset", "me/reviews", {**PARQUET, **{k.replace("data", "other"): v for k, v in PARQUET.items()}})
    p.ask(*((words, "data", {"repo": name, "splits": {"train": "train", "test": split}, "scratch": str(p.path)}) for words, name, split in (
        (["knows no data set me/nothing"], "me/nothing", "validation"),
        (['no file of split "dev"', "source.config", "data/train-00000"], "me/broken", "dev"),
        (["cannot be read as Parquet"], "me/broken", "validation"),
        (["are in data, other", "source.config"], "me/reviews", "validation"))))
    sg.check(not (p.path / "new").exists(), "something was written")
    task(more="config: other, licence: ours")
    p.fetch(*new)
    # JSON Lines with numbers, gzip, two files; pairs of columns by their known names.
    lines = [json.dumps({"sentence": f"row {i}", "label": i % 2, "score": i / 7}) + "\n" for i in range(6)]
    p.hub.put("dataset", "me/reviews", {"en/train-1.jsonl": "".join(lines[:3]).encode(), "en/train-2.jsonl": "".join(lines[3:]).encode(),
                                        "de/train.jsonl": b"{}", "en/train.csv": b"x"})
    p.hub.put("dataset", "me/zipped", {"train.jsonl.gz": gzip.compress("".join(lines).encode()), "train-x.csv": b"x"})
    task(more="config: en, licence: ours", split="train", rows="train_rows: 6")
    (p.path / "reviews.yaml").write_text((p.path / "reviews.yaml").read_text().replace("test_rows: 4", "test_rows: 6"))
    (p.path / "zipped.yaml").write_text((p.path / "reviews.yaml").read_text().replace("me/reviews", "me/zipped").replace("config: en, ", ""))
    for name, dir in (("reviews.yaml", "many"), ("zipped.yaml", "zip")):
        out, err = p.fetch("data", name, "--dir", dir)
        got = [json.loads(x) for x in (p.path / dir / "reviews/train.jsonl").read_text().splitlines()]
        sg.check(got == [{"text": f"row {i}", "label": ["negative", "positive"][i % 2]} for i in range(6)] and "0 is negative, 1 is positive" in err, f"{got} {err}")


def shipped(folder):
    """The six tasks of the program, of which small sets stand for the Hub's."""
    p = Place("shipped", folder)
    commit = p.hub.put("dataset", "stanfordnlp/sst2", PARQUET)
    p.expect(["no revision 8d51e7e4887a"], "data", "sst2")
    sg.check("row counts are of another revision" in p.fetch("data", f"sst2@{commit}", "--dir", "full")[1], "counts of another revision")
    p.expect(["unknown task", "rte"], "data", "rtee")
    p.fetch("data", "nyt", code=2)
    # As the sets are on the Hub: folders, columns, labels. All but the commit and the numbers of rows.
    sets = {"emotion": ("dair-ai/emotion", "split/train.jsonl", "split/test.jsonl", [{"text": f"t {k}", "label": k} for k in range(6)], "surprise"),
            "amazon": ("mteb/amazon_reviews_multi", "en/train.jsonl", "en/test.jsonl",
                       [{"id": f"en_{k}", "text": f"a title\n\nthe text {k}", "label": k, "label_text": str(k)} for k in range(5)], "5 stars"),
            "rte": ("nyu-mll/glue", "rte/train.jsonl", "rte/validation.jsonl",
                    [{"sentence1": f"one {k}", "sentence2": "two", "label": k, "idx": k} for k in range(2)], "not_entailment"),
            "boolq": ("google/boolq", "data/train.jsonl", "data/validation.jsonl",
                      [{"question": f"is {k}", "answer": bool(k), "passage": "a passage"} for k in range(2)], "true")}
    for task, (name, train, test, rows, last) in sets.items():
        lines = "".join(json.dumps(r) + "\n" for r in rows).encode()
        p.hub.put("dataset", name, {train: lines, test: lines, "de/train.jsonl": lines, "unsplit/train.jsonl": lines, "mrpc/train.jsonl": b""} if task != "boolq" else
                  {train: lines, test: lines})
        p.fetch("data", f"{task}@main", "--dir", "full")
        got = [json.loads(line) for line in (p.path / "full" / task / "test.jsonl").read_text().splitlines()]
        sg.check(len(got) == len(rows) and got[-1]["label"] == last and not {"idx", "id", "answer"} & set(got[-1]), f"{task}: {got}")
    # All of them: what fails of one data set does not keep the next one away.
    pinned = "35b264d03638db9f4ce671b711558bf7ff0f80d5"
    p.hub.put("dataset", "google/boolq", p.hub.repositories["dataset", "google/boolq"].files, branches=("main", pinned))
    del p.hub.repositories["dataset", "nyu-mll/glue"]
    _, err = p.fetch("data", "all", code=4)
    sg.check("task nyt is left out: the rows are the front-page headlines" in err and err.count("has no revision") == 3 and "knows no data set nyu-mll/glue" in err and
             "has 2 training rows, and the task file says 9427" in err and "5 of 6 tasks were not fetched" in err, err)


def over_tls(folder):
    pem = folder / "tls.pem"
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=hub", "-addext",
                           "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", folder / "key", "-out", folder / "crt"], capture_output=True, text=True)
    sg.check(made.returncode == 0, made.stderr)
    pem.write_bytes((folder / "key").read_bytes() + (folder / "crt").read_bytes())
    p = Place("tls", folder, certificate=pem)
    p.hub.put("model", "me/tiny", without_model())
    p.expect(["cannot be reached", "SSL_CERT_FILE"], "model", "me/tiny", code=1)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        out, _ = p.fetch("model", "me/tiny", HF_HOME=str(p.path / name), **{"SSL_CERT_FILE": "", "REQUESTS_CA_BUNDLE": "", name: str(folder / "crt")})
        sg.check(same(out.strip(), MODEL), out)


def without_packages(folder):
    """A python that lacks the packages installs them with pip, which says here that it reaches nobody; nothing half-made is taken for whole."""
    p = Place("bare", folder)
    if subprocess.run([sys.executable, "-c", "import huggingface_hub"], capture_output=True).returncode == 0:
        return print("fetch: this python has huggingface_hub, so that what happens without it is not tried")
    for _ in range(2):
        _, err = p.fetch("model", "me/tiny", code=1, SYNTHGRID_PYTHON=sys.executable, PIP_INDEX_URL="http://127.0.0.1:9/", PIP_RETRIES="0", PIP_TIMEOUT="2")
        sg.check("installs huggingface_hub==" in err and "pyarrow" not in err and "pip cannot install" in err and "SYNTHGRID_PYTHON" in err, err)
    p.expect(["is not on $PATH", "SYNTHGRID_PYTHON"], "model", "me/tiny", SYNTHGRID_PYTHON="python-of-nowhere")


with sg.Folder() as folder:
    parts = [part for part in (models, who_may, breaks, data, shipped, over_tls, without_packages) if part.__name__ in sys.argv[1:] or not sys.argv[1:]]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(part, folder) for part in parts]:
            done.result()
print("fetch: models and rows, broken off, wrong, refused, over TLS, without packages")

#!/usr/bin/env python3
"""All ranks are the same study: a rank that finds other files at the encoder's path, is another build, or rounds otherwise is told of before any
work, by rank, host and what differs. Equal copies in different folders are the same. Ranks get working folders of their own, as
nodes have disks of their own."""
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile

import sg


def start(folders, arguments, code, programs=None, prefix=None):
    """One rank in each of the folders. Returns stdout, stderr."""
    with tempfile.TemporaryDirectory(prefix="sg-") as scratch:
        # Not by mpirun's --wdir: on a machine with much to do Open MPI 4.1 was seen to start a rank elsewhere. One program for
        # all, which picks its part by its rank: every mpirun can do that.
        each = pathlib.Path(scratch) / "each"
        each.write_text("case ${OMPI_COMM_WORLD_RANK:-$PMI_RANK} in\n" + "".join(
            f"{i}) exec " + shlex.join(["env", "-C", str(folder), *(prefix or {}).get(i, []), str((programs or {}).get(i, sg.SYNTHGRID)),
                                        *map(str, arguments)]) + " ;;\n" for i, folder in enumerate(folders)) + "esac\n")
        launch = [sg.MPIEXEC, "-n", str(len(folders)), "sh", str(each)]
        done = subprocess.run(launch, env=dict(sg.ENVIRONMENT, TMPDIR=scratch, **sg.AT_ONCE), timeout=120,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    sg.check(done.returncode == code, f"exit code {done.returncode}, not {code}:\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}")
    return done.stdout, done.stderr


def node(path):
    shutil.copytree(sg.ROOT / "tests/oracle/model/bert", path / "encoder")
    return path


def change_build(path):
    """A copy of the program that differs in its build id alone."""
    data = pathlib.Path(sg.SYNTHGRID).read_bytes()
    at = data.find(b"\x14\0\0\0\x03\0\0\0GNU\0")
    sg.check(at > 0, "the program has no build id")
    path.write_bytes(data[:at + 16] + bytes([data[at + 16] ^ 1]) + data[at + 17:])
    path.chmod(0o755)
    return path


with sg.Folder() as folder:
    one, two, three = (node(folder / name) for name in ("one", "two", "three"))
    study = [sg.ROOT / "experiments/grid.yaml", "train.encoder=encoder", "train.max_length=32", "train.steps=2", "tasks=[sst2]",
             "methods=[zero_shot]", "sizes=[4]", "mixes=[raw,synthetic]", f"data.dir={sg.ROOT}/data/sample",
             f"generator.recording={sg.ROOT}/data/recordings/quickstart.jsonl.gz"]
    results = ["--results", folder / "results"]
    calm = sg.digest(start([one], ["run", *study, "--results", folder / "calm"], 0)[0])
    same, _ = start([one, two], ["run", *study, "--results", folder / "same"], 0)
    sg.check(sg.digest(same) == calm, "equal copies give another digest")

    def refused(folders, who, *words, code=2, arguments=("run", *study, *results), **more):
        _, err = start(folders, arguments, code, **more)
        said = [line for line in err.splitlines() if "not all ranks are the same" in line]
        sg.check(len(said) == 1 and f"{who} (" in said[0] and all(w in said[0] for w in words), f"{who}, {words}, {arguments[0]}: {err}")
        sg.check(not (folder / "results").exists(), "work began")
        return said[0]

    def edited(name, edit):
        path = node(folder / name)
        for file in path.glob("encoder/*"):
            edit(file)
        return path

    def weights(file):
        if file.suffix == ".safetensors":
            data = bytearray(file.read_bytes())
            data[-1] ^= 1
            file.write_bytes(bytes(data))

    def vocabulary(file):  # two tokens change places: ids, and not one weight
        if file.name == "vocab.txt":
            lines = file.read_text().splitlines()
            lines[-1], lines[-2] = lines[-2], lines[-1]
            file.write_text("\n".join(lines) + "\n")
        elif file.name == "tokenizer.json":
            content = json.loads(file.read_text())
            vocab = content["model"]["vocab"]
            a, b = sorted(vocab, key=vocab.get)[-2:]
            vocab[a], vocab[b] = vocab[b], vocab[a]
            file.write_text(json.dumps(content))

    def dropout(file):
        if file.name == "config.json":
            file.write_text(json.dumps(json.loads(file.read_text()) | {"hidden_dropout_prob": 0.3}))

    other = edited("weights", weights)
    words, config, build = edited("vocabulary", vocabulary), edited("config", dropout), change_build(folder / "synthgrid")

    def two_builds():
        text = refused([one, two], "rank 1", "the program (", programs={1: build})
        names = re.findall(r"build [0-9a-f]{12}", text)
        sg.check(len(set(names)) == 2, f"both builds are named: {text}")

    # A training outside any study: its rows, too.
    rows = [json.dumps({"text": f"word {i} of many", "label": i % 2}) for i in range(8)]
    for path in (one, two, three, other):
        (path / "rows.jsonl").write_text("\n".join(rows if path != three else rows[:-1]) + "\n")
    train = ("train", "--encoder", "encoder", "--train", "rows.jsonl", "--eval", f"{one}/rows.jsonl", "train.steps=2")

    sg.at_once(lambda: refused([one, two, other], "rank 2", "the encoder's model.safetensors"),
               lambda: refused([one, other, two, other], "ranks 1, 3", "the encoder's model.safetensors"),
               lambda: refused([one, words], "rank 1", "the encoder's ", "vocab" if (one / "encoder/vocab.txt").exists() else "tokenizer"),
               lambda: refused([one, config], "rank 1", "the encoder's config.json"),
               two_builds,
               lambda: refused([one, two], "rank 1", "the rounding of products", prefix={1: ["SG_OPS=ref"]}),
               lambda: refused([one, other], "rank 1", "the encoder's model.safetensors", arguments=("generate", *study, *results)),
               lambda: start([one, two], train, 0),
               lambda: refused([one, other], "rank 1", "the encoder's model.safetensors", arguments=train),
               lambda: refused([one, three], "rank 1", "the rows of --train", arguments=train))
print("ok")

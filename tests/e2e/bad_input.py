#!/usr/bin/env python3
"""Bad input: one clear message (what, where, what to do), exit code 2, nothing lost, on 1 and on 2 ranks."""
import json
import pathlib
import shutil

import sg

sg.need_encoder()
with sg.Folder() as folder:
    rows = '{"text": "a fine film", "label": "positive"}\n{"text": "a dull film", "label": "negative"}\n'

    def study(name, text, **change):
        path = folder / name
        path.write_text(text)
        return path

    def data(name, train, test=rows):
        d = folder / name / "sst2"
        d.mkdir(parents=True)
        (d / "train.jsonl").write_text(train)
        (d / "test.jsonl").write_text(test)
        return folder / name

    def encoder(name, without=(), change=None):
        d = folder / name
        shutil.copytree(sg.ENCODER, d)
        for f in without:
            (d / f).unlink()
        if change:
            change(d)
        return d

    def cut_vocabulary(d):
        config = json.loads((d / "config.json").read_text())
        config["vocab_size"] = 1000
        (d / "config.json").write_text(json.dumps(config))

    quick = "experiments/grid.yaml"
    cases = [
        ([quick, "train.epoch=3"], ["train.epoch", "train.epochs"]),
        ([quick, "train.epochs=many"], ["train.epochs", "many"]),
        ([quick, "train.epochs=-1"], ["train.epochs", "-1"]),
        ([folder / "nowhere.yaml"], ["nowhere.yaml", "No such file"]),
        ([quick, "tasks=[sst3]"], ["sst3", "sst2"]),
        ([quick, "tasks=[sst2]", f"data.dir={data('unknown-label', rows.replace('negative', 'meh') * 30)}"], ["meh", "train.jsonl", "negative"]),
        ([quick, "tasks=[sst2]", f"data.dir={data('empty', '')}"], ["train.jsonl", "no rows"]),
        ([quick, "tasks=[sst2]", f"data.dir={data('no-json', 'hello')}"], ["train.jsonl:1", "JSON"]),
        ([quick, f"train.encoder={folder / 'no-folder'}"], ["no-folder", "hint"]),
        ([quick, f"train.encoder={encoder('no-weights', without=['model.safetensors'])}"], ["model.safetensors", "no-weights"]),
        ([quick, f"train.encoder={encoder('small-vocab', change=cut_vocabulary)}"], ["small-vocab"]),
        ([quick, "generator.recording="], ["OPENAI_API_KEY", "hint"]),
        ([study("dup.yaml", "study: a\nstudy: b\n")], ["dup.yaml:2", "study"]),
        ([study("not.yaml", "study: [\n")], ["not.yaml:"]),
    ]

    def one(case):
        arguments, words = case
        for ranks in (0, 2):
            out, err = sg.run("run", *arguments, "--results", folder / f"results{cases.index(case)}", ranks=ranks, code=2)
            lines = [line for line in err.splitlines() if line.startswith("synthgrid: ")]
            sg.check(len(lines) == 1, f"{arguments}: not one message but {len(lines)}:\n{err}")
            for word in words:
                sg.check(word in lines[0], f"{arguments}: no \"{word}\" in: {lines[0]}")
        print(lines[0])

    sg.side_by_side(one, cases)
print("ok")

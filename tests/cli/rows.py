#!/usr/bin/env python3
"""Rows as people have them: no half of a pair is lost, quotes are told apart, and what is no class or no text is refused or told; by
train's weights, tokenize's ids and plan's words."""
import json

import sg

ENCODER = sg.ROOT / "tests" / "oracle" / "model" / "bert"
STEPS = ["train.steps=2", "train.batch=2", "train.max_length=32"]
PAIRS = [("When did the bridge close?", "The bridge closed in May.", 0), ("Who built it?", "It spans two miles.", 1),
         ("Is it open?", "The bridge is open again.", 0), ("How long is it?", "Trucks cross it each day.", 1)]


def jsonl(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


with sg.Folder() as folder:
    def file(name, text):
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return folder / name

    def train(path, *arguments):
        out, err = sg.run("train", "--encoder", ENCODER, "--train", path, "--eval", path, "--json", *STEPS, *arguments)
        return json.loads(out.splitlines()[-1]), err

    def refused(words, command, *arguments):
        options = ["--train", arguments[0], "--eval", arguments[0]] if command == "train" else ["--input", arguments[0]]
        _, err = sg.run(command, "--encoder", ENCODER, *options, *arguments[1:], code=2)
        for word in words:
            sg.check(word in err, f"{command} {arguments}: no \"{word}\" in: {err}")

    def ids(path, *arguments):
        return sg.run("tokenize", "--encoder", ENCODER, "--input", path, *arguments)[0]

    # Pairs: known names give the weights of sentence1 and sentence2, and others than a file without the first column.
    def pairs(name, first, second, **more):
        return file(name, jsonl({first: a, second: b, "label": k, **more} for a, b, k in PAIRS))

    as_pair = pairs("pair.jsonl", "sentence1", "sentence2")
    pair, said = train(as_pair)
    sg.check(not said, f"a plain file is told of: {said}")
    single, _ = train(file("single.jsonl", jsonl({"sentence": b, "label": k} for _, b, k in PAIRS)))
    sg.check(pair["digest"] != single["digest"], "the first half of a pair changes nothing")
    for first, second in (("question", "sentence"), ("text", "text_pair"), ("premise", "hypothesis"), ("question1", "question2"),
                          ("sentence_A", "sentence_B"), ("#1 String", "#2 String")):
        other, said = train(pairs("other.jsonl", first, second, idx=7, guid="dev-1"))
        sg.check(other["digest"] == pair["digest"] and not said, f"{first} and {second} are not the pair: {other['digest']} {said}")
        sg.check(ids(folder / "other.jsonl") == ids(as_pair), f"tokenize loses half of {first} and {second}")
    titled = pairs("titled.jsonl", "title", "text")
    for command in ("train", "tokenize"):
        refused(["titled.jsonl", "(title, text)", "--fields first=NAME,second=NAME,label=NAME"], command, titled)
    sg.check(train(titled, "--fields", "first=title,second=text,label=label")[0]["digest"] == pair["digest"], "--fields for a pair")
    sg.check(train(titled, "--fields", "first=text")[0]["digest"] == single["digest"], "--fields for a single text")
    refused(["--fields", "is no list of columns"], "tokenize", titled, "--fields", "title,text")
    train(as_pair, "--save", folder / "saved")
    said = sg.run("predict", "--model", folder / "saved", "--input", as_pair)[0]
    sg.check(sg.run("predict", "--model", folder / "saved", "--input", folder / "other.jsonl")[0] == said, "predict loses half of a pair")
    sg.check(sg.run("predict", "--model", folder / "saved", "--input", titled, "--fields", "first=title,second=text")[0] == said,
             "predict --fields")
    _, err = sg.run("predict", "--model", folder / "saved", "--input", titled, code=2)
    sg.check("(title, text); hint: --fields" in err, err)

    # Quotes in TSV: as pandas writes them they are CSV's, as in GLUE's files they are characters; said once.
    texts = ['He said "go" and left', "tab\there", "line\nbreak", "plain"]
    wanted = ids(file("texts.jsonl", jsonl({"text": t, "label": k % 2} for k, t in enumerate(texts))))
    quoted = "text\tlabel\n" + "".join(('"' + t.replace('"', '""') + '"' if t != "plain" else t) + f"\t{k % 2}\n" for k, t in enumerate(texts))
    out, err = sg.run("tokenize", "--encoder", ENCODER, "--input", file("pandas.tsv", quoted))
    sg.check(out == wanted, f"pandas' TSV reads otherwise: {out}")
    sg.check(err.count("warning: ") == 1 and "quotes around fields are taken off" in err, err)
    glue = file("glue.tsv", 'text\tlabel\n"An open one\ta\nsays "no"\tb\n')
    wanted = ids(file("glue.jsonl", jsonl([{"text": '"An open one'}, {"text": 'says "no"'}])))
    sg.check(ids(glue) == wanted == ids(glue, "--quotes", "plain"), "GLUE's quotes are characters")
    refused(["--quotes", "must be csv, plain or auto"], "tokenize", glue, "--quotes", "none")

    # The same rows in other clothes train the same weights: old line ends, a list on many lines, semicolons, NaN beside, 1.0 for 1.
    rows = [{"text": f"{a} {b}", "label": k} for a, b, k in PAIRS]
    plain, _ = train(file("plain.jsonl", jsonl(rows)))
    table = [f'"{r["text"]}",{r["label"]}' for r in rows]
    for name, text in (("cr.csv", "text,label\r" + "".join(line + "\r" for line in table)),
                       ("list.json", json.dumps(rows, indent=2)),
                       ("bom.csv", b"\xef\xbb\xbftext,label\r\n" + "".join(line + "\r\n" for line in table).encode()),
                       ("nan.jsonl", "".join('{"score": NaN, "big": 1' + "0" * 400 + ', ' + json.dumps(r)[1:] + "\n" for r in rows)),
                       ("float.jsonl", jsonl({**r, "label": float(r["label"])} for r in rows)),
                       ("none.jsonl", jsonl(rows))):
        sg.check(train(file(name, text))[0]["digest"] == plain["digest"], f"{name} trains other weights")
    half, said = train(file("half.csv", "text;label\n" + "".join(f"{r['text']};{r['label']}\n" for r in rows)))
    sg.check(half["digest"] == plain["digest"] and "semicolons" in said, f"semicolons: {said}")
    snli = [{"premise": a, "hypothesis": b, "label": k} for k, (a, b, _) in enumerate(PAIRS[:3])]
    with_none = snli + [{"premise": "x y", "hypothesis": "z", "label": -1}]
    left, said = train(file("snli.jsonl", jsonl(with_none)))
    sg.check(left["digest"] == train(file("gold.jsonl", jsonl(snli)))[0]["digest"], "a row without a gold label trains")
    sg.check(left["rows_train"] == 3 and left["classes"] == 3 and said.count("1 of 4 rows have the label -1") == 2, said)
    refused(["all 2 rows have the label -1", "validation"], "train", file("test.jsonl", jsonl({**r, "label": -1} for r in snli[:2])))
    refused(["many.jsonl:1", "is a list: rows with several labels"], "train", file("many.jsonl", jsonl([{"text": "a b", "label": [0, 1]}])))
    refused(["Parquet", "read_parquet"], "train", file("rows.parquet", b"PAR1\x15\x04" + bytes(20)))

    # A study: columns and numbers as the Hub has them, told once; a task file whose classes are one name is refused.
    (folder / "hub").mkdir()
    for part in ("train", "test"):
        (folder / "hub" / f"{part}.jsonl").write_text(jsonl({"sentence": f"{part} row {i}", "label": i % 2, "idx": i} for i in range(6)))
    study = file("study.yaml", f"study: hub\ntasks: [{folder}/hub.yaml]\nmixes: [raw]\nraw: [4]\ntrain.steps: 1\ndata.dir: {folder}\n"
                               f"train.encoder: {ENCODER}\nresults: {folder}/results\n")
    head = "task: hub\nfields: {first: text, label: label}\nmarks: {first: Review}\nprompts: {zero_shot: Write one {class}.}\n"
    head = head.replace("{zero_shot: Write one {class}.}", "\n  zero_shot: Write one {class}.")
    file("hub.yaml", head + "classes: [negative, positive]\n")
    _, err = sg.run("plan", study)
    for word in ("has no column `text`: texts are read from `sentence`", "0 is negative, 1 is positive"):
        sg.check(err.count(word) == 2, f"plan: \"{word}\" is not said once a file:\n{err}")
    file("hub.yaml", head + 'classes: {"-1": bad, "1": good}\n')
    _, err = sg.run("plan", study, code=2)
    sg.check('"-1" and "1" are two classes, but one name' in err, err)

#!/usr/bin/env python3
"""Encoder folders as people upload them (tests/oracle/folders.py): the ids of AutoTokenizer and the numbers of transformers'
text-classification pipeline, or one clear sentence.

REFUSED names what is refused, by words of the sentence. Everything else is equal, or the test fails: also where transformers itself
fails, which must be refused here.
"""
import json
import pathlib
import sys

import sg

sys.path.insert(0, str(sg.ROOT / "tests" / "oracle"))
import folders  # noqa: E402

DUMP = json.loads((folders.HERE / "folders.json").read_text())
REFUSED = {
    "do_lower_case_null": "\"do_lower_case\" is null", "do_lower_case_text": "\"do_lower_case\" must be true or false",
    "unknown_class": "is a OurOwnTokenizer, which is not supported", "mpnet_class": "is a MPNetTokenizer",
    "roberta_class_of_wordpiece": "holds a WordPiece vocabulary", "roberta_model_of_wordpiece": "holds a WordPiece vocabulary",
    "bert_model_of_bpe": "holds a BPE vocabulary", "xlm_roberta_of_bpe": "is a XLMRobertaTokenizer",
    "fast_class_without_post_processor": "post_processor none", "added_twice": "there twice",
    "cls_not_in_vocabulary": "no token \"[START]\"", "unk_not_in_vocabulary": "unknown token \"<unk>\"", "cls_null": "\"cls_token\" is null",
    "vocab_without_cls": "no token \"[CLS]\"", "vocab_txt_of_roberta": "needs tokenizer.json, or vocab.json with merges.txt",
    "vocab_txt_fast_class": "needs tokenizer.json", "bpe_gpt2_class": "is a GPT2Tokenizer",
    "bpe_no_regex_fast_class": "without its pattern", "bpe_normalizer_nfc_fast_class": "normalizer NFC",
    "vocab_json_of_bert": "needs tokenizer.json or vocab.txt",

    "fewer_layers_than_config": "the weights lack bert.encoder.layer.2.", "bin_only": "pytorch_model.bin, which is not read",
    "bin_sharded": "pytorch_model.bin.index.json, which is not read", "tensorflow_only": "tf_model.h5, which is not read",
    "other_name": "model.fp16.safetensors, which is not read", "adapter_only": "holds an adapter",
    "lightning": "take \"model.\" off the names", "headless": "lack classifier.weight; hint: this is an encoder", "eight_bit": "is I8",
    "other_family": "config.json", "no_pooler": "the weights lack bert.pooler.dense.weight",
    "one_label_single": "with a sole class", "cross_encoder_tanh": "activation.Tanh\" of sentence-transformers is not supported",
    "problem_type_unknown": "problem_type \"ranking\" is not known",
    "id2label_missing": "means 2 classes (transformers' default without id2label), but classifier.weight has 3 rows",
    "id2label_missing_one": "has 1 rows", "num_labels_wrong": "means 4 classes", "num_labels_against_id2label": "which is right?",
    "label2id_only": "give config.json an \"id2label\"", "id2label_null_map": "but classifier.weight has 3 rows",
    "id2label_fewer": "means 2 classes (id2label or num_labels)", "id2label_more": "means 4 classes",
    "id2label_from_1": "none for class 0", "id2label_hole": "none for class 2", "id2label_null": "the name of class 0 must be a text",
    "id2label_bool": "the name of class 0 must be a text", "id2label_real": "the name of class 0 must be a text",
    "id2label_empty": "object of 1 to", "id2label_list": "object of 1 to", "id2label_no_number": "no class's number",
    "no_model_type": "no \"model_type\"",
}
# What transformers makes up, because it does not find the weights, stands behind these prefixes: the model itself.
UNWRAPPED = {"orig_mod": "plain", "module": "plain", "module_orig_mod": "plain", "orig_mod_roberta": "roberta"}
REFUSED |= {"act_" + a: "hidden_act \"%s\" is not supported" % a for a in (
    "gelu_10", "quick_gelu", "relu", "relu2", "relu6", "silu", "swish", "tanh", "sigmoid", "mish", "linear", "leaky_relu", "hardswish",
    "laplace", "GELU")}
REFUSED["act_relu_roberta"] = REFUSED["act_relu"]


def write(top, name, make):
    folder = top / name
    folder.mkdir()
    for file, content in make().items():
        (folder / file).write_bytes(content)
    return folder


def write_rows(path, rows):
    path.write_text("".join(json.dumps({"text": a} if b is None else {"sentence1": a, "sentence2": b}) + "\n" for a, b in rows))
    return path


def say(name, *arguments):
    """The rows that a command prints; None where it refuses with one sentence, as REFUSED says."""
    words = REFUSED.get(name)
    out, err = sg.run(*arguments, code=2 if words else 0)
    if words is None:
        return [json.loads(line) for line in out.splitlines()], err
    said = [line for line in err.splitlines() if line.startswith("synthgrid: ")]
    sg.check(len(said) == 1 and words in said[0], f"{name}: not refused with \"{words}\":\n{err}")
    return None, err


def close(a, b):
    return abs(a - b) <= 2e-5 * (1 + abs(b))  # fp32 in another order; the tanh form of GELU differs by 4e-7 a layer


def check_scores(name, row, logits, scores):
    """A row against what the pipeline prints: [name, score] in class order."""
    sg.check(len(row["logits"]) == len(logits) and all(map(close, row["logits"], logits)), f"{name}: {row}, not {logits}")
    numbers = row.get("probabilities") or row.get("values") or {scores[0][0]: row["value"]}
    sg.check(len(numbers) == len(scores), f"{name}: a number is lost: {row}")
    for k, (key, number) in enumerate(numbers.items()):
        sg.check(close(number, scores[k][1]), f"{name}: {row}, not {scores}")
        shared = sum(str(other) == str(scores[k][0]) for other, _ in scores) > 1
        sg.check(key.replace(f" (class {k})", "") == scores[k][0] if shared else key == str(scores[k][0]), f"{name}: {key} is not {scores[k]}")
    best = max(range(len(scores)), key=lambda k: scores[k][1])
    sg.check(row["label"] == str(scores[best][0]), f"{name}: {row['label']}, not {scores[best]}")


with sg.Folder() as top:
    texts, pairs = write_rows(top / "texts.jsonl", [(x, None) for x in folders.TEXTS]), write_rows(top / "pairs.jsonl", folders.PAIRS)
    rows = [write_rows(top / f"rows{b}.jsonl", [r for r in folders.ROWS if (r[1] is not None) == b]) for b in (False, True)]
    sg.check(sorted(DUMP["tokenizers"]) == sorted(folders.TOKENIZERS) and sorted(DUMP["models"]) == sorted(folders.MODELS),
             "folders.json is not of these cases: run make_folders.py")

    def tokenizer(name):
        folder, dump = write(top, "t_" + name, folders.TOKENIZERS[name]), DUMP["tokenizers"][name]
        want = DUMP["tokenizers"].get(dump.get("as"), dump).get("ids")
        sg.check(want or name in REFUSED, f"{name}: transformers fails, and it is not refused")
        n = len(folders.TEXTS)
        for f, length in [(texts, 512), (pairs, 9)] + [(texts, 6)] * ("truncation" in name):
            got = say(name, "tokenize", "--encoder", folder, "--input", f, "--max-length", length)[0]
            if name not in REFUSED:
                all_ids = want[folders.CUTS.index(length)]
                for text, a, b in zip(folders.TEXTS if f == texts else folders.PAIRS, got, all_ids[:n] if f == texts else all_ids[n:], strict=True):
                    sg.check(a == b, f"{name}: {text!r} cut to {length}: {a}, AutoTokenizer: {b}")

    def classifier(name):
        folder, dump = write(top, "m_" + name, folders.MODELS[name]), DUMP["models"][UNWRAPPED.get(name, name)]
        sg.check("logits" in dump or name in REFUSED, f"{name}: transformers fails, and it is not refused")
        found, err = [], ""
        for f in rows:
            part, err = say(name, "predict", "--model", folder, "--input", f)
            found += part or []
        if name in REFUSED:
            return
        sg.check(("share a name" in err) == ("twice" in name), f"{name}: {err}")
        for row, logits, scores in zip(found, dump["logits"], dump["scores"], strict=True):
            check_scores(name, row, logits, scores)
            if "labels" in row:
                sg.check(len(row["labels"]) == sum(s >= 0.5 for _, s in scores), f"{name}: {row}")
            sg.check(("labels" in row) == ("multi_label" in name), f"{name}: {row}")
            if len(logits) == 1 and "multi" not in name:
                value = scores[0][1] if "sigmoid" in name else logits[0]
                sg.check(close(row["value"], value), f"{name}: the value of {row} is not {value}")

    sg.side_by_side(tokenizer, sorted(folders.TOKENIZERS))
    sg.side_by_side(classifier, sorted(folders.MODELS))
print("ok", len(folders.TOKENIZERS), "tokenizers,", len(folders.MODELS), "classifiers")

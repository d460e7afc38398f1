"""Encoder folders as people upload them, made from the small ones beside this file; Python's standard library alone.

    TOKENIZERS[name]() -> {file name: bytes}     a folder whose tokenizer is asked for the ids of TEXTS and PAIRS
    MODELS[name]() -> {file name: bytes}         a classifier's folder, asked for what it says of ROWS

make_folders.py asks transformers and writes folders.json; tests/cli/encoder_folders.py asks synthgrid.
"""
import array
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
BERT = {"model_type": "bert", "vocab_size": 420}
ROBERTA = {"model_type": "roberta", "vocab_size": 420, "max_position_embeddings": 514, "pad_token_id": 1, "bos_token_id": 0,
           "eos_token_id": 2}

TEXTS = ["The old Harbour town wakes, doesn't it?", " Hello \n world ", "Café naïve ÀÉ cafe\u0301", "中文 bridge", "[ORG] met [Per] and [PER] in [MASK] town",
         "a[SEP]b [CLS] c", "a <mask> b<mask>c </s> <s> <pad>", "harbour towns x[ORG]y", "", "unforgettable wonderful 1998 İstanbul",
         "x <ent> y  <ent>z", "ORG] [UNK] <unk> [sep] \u200b\ufffd end"]
PAIRS = [("The bridge would sing", "when the wind came from the north"), ("A", "tram [ORG] line")]
CUTS = [6, 9, 512]  # tokens at most


def flags(content, special=False, **other):
    return dict(dict(content=content, single_word=False, lstrip=False, rstrip=False, normalized=not special, special=special), **other)


def read(name):
    return json.loads((HERE / name / "tokenizer.json").read_text(encoding="utf-8"))


def files(config=None, tokenizer=None, settings=None, **more):
    """The folder's files; None is left out. JSON where it is no text or bytes."""
    named = {"config.json": config, "tokenizer.json": tokenizer, "tokenizer_config.json": settings}
    named.update({name.replace("__", "."): value for name, value in more.items()})
    out = {}
    for name, value in named.items():
        if value is not None:
            text = value if isinstance(value, (str, bytes)) else json.dumps(value, ensure_ascii=False)
            out[name] = text if isinstance(text, bytes) else text.encode()
    return out


TOKENIZERS = {}


def tokenizer_case(make):
    TOKENIZERS[make.__name__] = make
    return make


def wordpiece(name, settings=None, change=None, config=BERT, **more):
    def make():
        j = read("wordpiece")
        if change:
            change(j)
        return files(config, j, settings, **more)
    TOKENIZERS[name] = make


def bpe(name, settings=None, change=None, config=ROBERTA, **more):
    def make():
        j = read("bpe")
        if change:
            change(j)
        return files(config, j, settings, **more)
    TOKENIZERS[name] = make


def vocab_txt(name, settings=None, change=lambda text: text, config=BERT, **more):
    TOKENIZERS[name] = lambda: files(config, None, settings, vocab__txt=change((HERE / "vocab_txt/vocab.txt").read_text(encoding="utf-8")), **more)


def vocab_json(name, settings=None, change=lambda text: text, config=ROBERTA, **more):
    merges = lambda: change((HERE / "vocab_json/merges.txt").read_text(encoding="utf-8"))
    TOKENIZERS[name] = lambda: files(config, None, settings, vocab__json=(HERE / "vocab_json/vocab.json").read_bytes(),
                                     merges__txt=merges(), **more)


def put(*path_and_value):
    *path, key, value = path_and_value

    def change(j):
        for step in path:
            j = j[step]
        j[key] = value
    return change


def both(*changes):
    def change(j):
        for one in changes:
            one(j)
    return change


def add(*tokens):
    """Tokens behind the vocabulary, in tokenizer.json."""
    return lambda j: j["added_tokens"].extend(dict(t, id=t.get("id", 420 + i)) for i, t in enumerate(tokens))


ORG, PER = flags("[ORG]", special=True), flags("[Per]")
DECODER = {"1": flags("[UNK]", special=True), "420": ORG, "421": PER}
BERT_CLASS, FAST = {"tokenizer_class": "BertTokenizer"}, {"tokenizer_class": "PreTrainedTokenizerFast"}

# Case and accents: tokenizer_config.json against tokenizer.json.
wordpiece("plain")
wordpiece("plain_with_settings", {"do_lower_case": True, "tokenizer_class": "BertTokenizer", "model_max_length": 512})
wordpiece("cased_in_settings", {"do_lower_case": False})
wordpiece("cased_in_tokenizer_alone", None, put("normalizer", "lowercase", False))
wordpiece("cased_in_both", {"do_lower_case": False}, put("normalizer", "lowercase", False))
wordpiece("accents_kept", {"strip_accents": False})
wordpiece("accents_stripped_cased", {"strip_accents": True, "do_lower_case": False})
wordpiece("accents_in_tokenizer_alone", {"tokenizer_class": "BertTokenizerFast"}, put("normalizer", "strip_accents", False))
wordpiece("chinese_whole", {"tokenize_chinese_chars": False})
wordpiece("chinese_whole_in_tokenizer_alone", None, put("normalizer", "handle_chinese_chars", False))
wordpiece("unclean_in_tokenizer", None, put("normalizer", "clean_text", False))
wordpiece("no_normalizer", None, put("normalizer", None))
wordpiece("normalizer_sequence", None, put("normalizer", {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]}))
wordpiece("do_lower_case_null", {"do_lower_case": None})
wordpiece("do_lower_case_text", {"do_lower_case": "false"})
wordpiece("max_chars_in_tokenizer", None, put("model", "max_input_chars_per_word", 5))
wordpiece("prefix_in_tokenizer", None, put("model", "continuing_subword_prefix", "@@"))
wordpiece("old_model_without_type", None, lambda j: j["model"].pop("type"))

# The class.
wordpiece("fast_class", FAST)
wordpiece("fast_class_cased_in_settings", dict(FAST, do_lower_case=False))
wordpiece("fast_class_cased_in_tokenizer", FAST, put("normalizer", "lowercase", False))
wordpiece("tokenizers_backend_class", {"tokenizer_class": "TokenizersBackend", "do_lower_case": False})
wordpiece("python_class", {"tokenizer_class": "PreTrainedTokenizer", "do_lower_case": False})
wordpiece("electra_class", {"tokenizer_class": "ElectraTokenizer", "do_lower_case": False})
wordpiece("distilbert_class", {"tokenizer_class": "DistilBertTokenizerFast", "do_lower_case": False})
wordpiece("class_in_config", {"do_lower_case": False}, config=dict(BERT, tokenizer_class="PreTrainedTokenizerFast"))
wordpiece("unknown_class", {"tokenizer_class": "OurOwnTokenizer", "do_lower_case": False})
wordpiece("mpnet_class", {"tokenizer_class": "MPNetTokenizer"})
wordpiece("bert_of_roberta", {"tokenizer_class": "BertTokenizer"}, config=ROBERTA)
wordpiece("roberta_class_of_wordpiece", {"tokenizer_class": "RobertaTokenizer"})
wordpiece("roberta_model_of_wordpiece", None, config=ROBERTA)
bpe("roberta_class_of_bert", {"tokenizer_class": "RobertaTokenizer"}, config=BERT)
bpe("bert_model_of_bpe", None, config=BERT)
bpe("xlm_roberta_of_bpe", None, config=dict(ROBERTA, model_type="xlm-roberta"))
bpe("xlm_roberta_fast_class", FAST, config=dict(ROBERTA, model_type="xlm-roberta"))
wordpiece("fast_class_without_post_processor", FAST, put("post_processor", None))

# Added tokens.
wordpiece("added_in_tokenizer", None, add(ORG, PER))
wordpiece("added_in_tokenizer_cased", {"do_lower_case": False}, add(ORG, PER))
wordpiece("added_in_decoder_alone", {"added_tokens_decoder": DECODER})
wordpiece("added_in_decoder_fast_class", dict(FAST, added_tokens_decoder=DECODER))
wordpiece("decoder_against_tokenizer", {"added_tokens_decoder": {"420": PER}}, add(ORG))
wordpiece("decoder_against_tokenizer_fast_class", dict(FAST, added_tokens_decoder={"420": PER}), add(ORG))
wordpiece("decoder_empty", {"added_tokens_decoder": {}}, add(ORG, PER))
wordpiece("decoder_with_a_hole", {"added_tokens_decoder": {"450": ORG, "430": PER}})
wordpiece("decoder_flags_left_out", {"added_tokens_decoder": {"420": {"content": "[ORG]"}, "421": {"content": "[Per]", "special": True}}})
wordpiece("decoder_changes_flags", {"added_tokens_decoder": {"4": flags("[MASK]", special=True, lstrip=True, rstrip=True), "3": flags("[SEP]", special=True, single_word=True)}})
wordpiece("flags", None, add(flags("<ent>", lstrip=True, rstrip=True), flags("town", single_word=True, normalized=False), flags("Harbour Town", normalized=True)))
wordpiece("added_hole_in_tokenizer", None, add(dict(ORG, id=425), dict(PER, id=421)))
wordpiece("added_hole_fast_class", FAST, add(dict(ORG, id=425), dict(PER, id=421)))
wordpiece("added_twice", FAST, add(ORG, PER, dict(flags("[ORG]", lstrip=True), id=420)))
wordpiece("extra_special_tokens", {"additional_special_tokens": ["[ORG]", "[Per]"]})
wordpiece("extra_special_tokens_new", {"extra_special_tokens": ["[ORG]"]})
wordpiece("extra_special_tokens_map", dict(FAST, extra_special_tokens={"org_token": "[ORG]"}))
wordpiece("own_token_key", {"org_token": "[ORG]"})
wordpiece("special_tokens_map", {}, special_tokens_map__json={"mask_token": flags("[MASK]", lstrip=True), "additional_special_tokens": ["[ORG]"]})
wordpiece("special_tokens_map_beside_decoder", {"added_tokens_decoder": DECODER}, special_tokens_map__json={"additional_special_tokens": ["<ent>"], "cls_token": "[UNK]"})
wordpiece("split_special", {"split_special_tokens": True})
wordpiece("added_tokens_json", None, None, added_tokens__json={"[ORG]": 420, "[Per]": 421})
vocab_txt("vocab_and_added_tokens_json", None, added_tokens__json={"[ORG]": 420, "[Per]": 421})
vocab_txt("added_tokens_json_special", {"additional_special_tokens": ["[ORG]"]}, added_tokens__json={"[ORG]": 420, "[Per]": 421})
vocab_txt("added_tokens_json_of_old_token", None, added_tokens__json={"[ORG]": 420, "town": 421, "[MASK]": 4})

# Special tokens under other names.
wordpiece("other_cls", {"cls_token": "[MASK]", "sep_token": "[UNK]"})
wordpiece("other_cls_object", {"cls_token": dict(flags("[MASK]", special=True), __type="AddedToken")})
wordpiece("cls_not_in_vocabulary", {"cls_token": "[START]"})
wordpiece("unk_of_settings", {"unk_token": "[MASK]"})
wordpiece("unk_not_in_vocabulary", {"unk_token": "<unk>"})
wordpiece("bos_and_eos", {"bos_token": "[BOS]", "eos_token": "[EOS]", "add_bos_token": True, "add_eos_token": True})
wordpiece("other_cls_in_special_tokens_map", {"cls_token": "[CLS]"}, special_tokens_map__json={"cls_token": "[MASK]"})
wordpiece("cls_null", {"cls_token": None})

# Template, truncation, padding, types.
OTHER = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"SpecialToken": {"id": "[MASK]", "type_id": 0}},
         {"Sequence": {"id": "A", "type_id": 0}}], "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
         {"Sequence": {"id": "B", "type_id": 0}}], "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
         "[MASK]": {"id": "[MASK]", "ids": [4], "tokens": ["[MASK]"]}}}
wordpiece("other_template", None, put("post_processor", OTHER))
wordpiece("other_template_fast_class", FAST, put("post_processor", OTHER))
wordpiece("short_model_max_length", {"model_max_length": 8})
wordpiece("truncation_left_in_tokenizer", None, put("truncation", "direction", "Left"))
wordpiece("truncation_left_in_settings", {"truncation_side": "left"})
bpe("truncation_left_fast_class", dict(FAST, truncation_side="left"))
wordpiece("padding_left", {"padding_side": "left"}, put("padding", "direction", "Left"))
wordpiece("no_types", {"model_input_names": ["input_ids", "attention_mask"]})

# vocab.txt alone.
vocab_txt("vocab_alone")
vocab_txt("vocab_cased", {"do_lower_case": False})
vocab_txt("vocab_crlf", None, lambda text: text.replace("\n", "\r\n"))
vocab_txt("vocab_bom", None, lambda text: "\ufeff" + text)
vocab_txt("vocab_blanks_behind", None, lambda text: text.replace("\n", " \u00a0\n"))
vocab_txt("vocab_without_last_newline", None, lambda text: text.rstrip("\n"))
vocab_txt("vocab_empty_lines_at_end", None, lambda text: text + "\n\n")
vocab_txt("vocab_token_twice", None, lambda text: text + "town\ntram\n")
vocab_txt("vocab_without_mask", None, lambda text: text.replace("[MASK]", "[unused]"))
vocab_txt("vocab_without_cls", None, lambda text: text.replace("[CLS]", "[unused]"))
vocab_txt("vocab_txt_of_roberta", None, config=ROBERTA)
vocab_txt("vocab_txt_of_roberta_by_class", BERT_CLASS, config=ROBERTA)
vocab_txt("vocab_txt_fast_class", FAST)
vocab_txt("vocab_special_tokens_map", None, special_tokens_map__json={"mask_token": flags("[MASK]", lstrip=True), "unk_token": "[UNK]"})
vocab_txt("vocab_never_split", {"never_split": ["Harbour"], "do_basic_tokenize": False})

# Byte-level BPE.
bpe("bpe_plain")
bpe("bpe_prefix_in_settings", {"add_prefix_space": True})
bpe("bpe_prefix_in_tokenizer_alone", {"tokenizer_class": "RobertaTokenizerFast"}, put("pre_tokenizer", "add_prefix_space", True))
bpe("bpe_prefix_in_both", {"add_prefix_space": True}, put("pre_tokenizer", "add_prefix_space", True))
bpe("bpe_fast_class_prefix_in_settings", dict(FAST, add_prefix_space=True))
bpe("bpe_fast_class_prefix_in_tokenizer", FAST, put("pre_tokenizer", "add_prefix_space", True))
bpe("bpe_merges_as_pairs", None, lambda j: j["model"].update(merges=[m.split(" ") if isinstance(m, str) else m for m in j["model"]["merges"]]))
bpe("bpe_merges_as_texts", FAST, lambda j: j["model"].update(merges=[m if isinstance(m, str) else " ".join(m) for m in j["model"]["merges"]]))
bpe("bpe_mask_settings_text", {"mask_token": "<mask>"})
bpe("bpe_mask_decoder", {"added_tokens_decoder": {"4": flags("<mask>", special=True, lstrip=True)}})
bpe("bpe_decoder_without_mask", {"added_tokens_decoder": {"0": flags("<s>", special=True, normalized=True)}})
bpe("bpe_mask_normalized", None, lambda j: j["added_tokens"][4].update(normalized=True))
bpe("bpe_bart_class", {"tokenizer_class": "BartTokenizer"})
bpe("bpe_gpt2_class", {"tokenizer_class": "GPT2Tokenizer"})
bpe("bpe_bert_post_processor", None, put("post_processor", {"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]}))
bpe("bpe_bert_post_processor_fast_class", FAST, put("post_processor", {"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]}))
bpe("bpe_no_regex", None, put("pre_tokenizer", "use_regex", False))
bpe("bpe_no_regex_fast_class", FAST, put("pre_tokenizer", "use_regex", False))
bpe("bpe_unk_in_tokenizer", None, both(put("model", "unk_token", "<unk>"), lambda j: j["model"]["vocab"].pop("Z")))
bpe("bpe_unk_fast_class", FAST, both(put("model", "unk_token", "<unk>"), lambda j: j["model"]["vocab"].pop("Ġ"),
    lambda j: j["model"].update(merges=[m for m in j["model"]["merges"] if "Ġ" not in m])))
bpe("bpe_normalizer_nfc", None, put("normalizer", {"type": "NFC"}))
bpe("bpe_normalizer_nfc_fast_class", FAST, put("normalizer", {"type": "NFC"}))
bpe("bpe_added", None, add(ORG, PER))
bpe("bpe_other_cls", {"cls_token": "<pad>", "sep_token": "<unk>"})
vocab_json("vocab_json_alone")
vocab_json("vocab_json_prefix", {"add_prefix_space": True})
vocab_json("vocab_json_crlf", None, lambda text: text.replace("\n", "\r\n"))
vocab_json("vocab_json_no_version_line", None, lambda text: text.split("\n", 1)[1])
vocab_json("vocab_json_special_tokens_map", {}, special_tokens_map__json={"mask_token": flags("<mask>", lstrip=True, normalized=False)})
vocab_json("vocab_json_mask_object", {"mask_token": dict(flags("<mask>", lstrip=True, normalized=False), __type="AddedToken")})
vocab_json("vocab_json_added", None, added_tokens__json={"[ORG]": 420})
vocab_json("vocab_json_of_bert", None, config=BERT)

# ---- Classifiers ----

ROWS = [("the film was bright", None), ("dull and bad plot of the actors", None), ("never again", None), ("", None),
        ("the plot was bright", "but the film is so dull"), ("good", "bad")]


def tensors(name):
    """{name: (shape, numbers)} of a float32 model.safetensors."""
    raw = (HERE / "model" / name / "model.safetensors").read_bytes()
    n = struct.unpack("<Q", raw[:8])[0]
    out = {}
    for key, about in json.loads(raw[8:8 + n]).items():
        if key != "__metadata__":
            begin, end = about["data_offsets"]
            out[key] = (about["shape"], array.array("f", raw[8 + n + begin:8 + n + end]))
    return out


def as_bytes(numbers, dtype):
    if dtype == "BF16":  # to nearest, ties to even
        bits = struct.unpack("<%dI" % len(numbers), struct.pack("<%df" % len(numbers), *numbers))
        return struct.pack("<%dH" % len(bits), *((b + 0x7fff + (b >> 16 & 1)) >> 16 for b in bits))
    code = {"F32": "f", "F16": "e", "F64": "d", "I64": "q", "I8": "b"}[dtype]
    return struct.pack("<%d%s" % (len(numbers), code), *numbers)


def safetensors(named, dtype="F32", metadata=True):
    """The bytes of a file; a tensor may have a type of its own: (shape, numbers, type)."""
    header, data = ({"__metadata__": {"format": "pt"}} if metadata else {}), b""
    for key, (shape, numbers, *own) in named.items():
        part = as_bytes(numbers, own[0] if own else dtype)
        header[key] = {"dtype": own[0] if own else dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def sharded(named):
    """Two files and their index."""
    keys = sorted(named)
    parts = [keys[:len(keys) // 2], keys[len(keys) // 2:]]
    names = ["model-0000%d-of-00002.safetensors" % i for i in (1, 2)]
    index = {"metadata": {"total_size": 1}, "weight_map": {k: n for p, n in zip(parts, names) for k in p}}
    out = {n: safetensors({k: named[k] for k in p}) for p, n in zip(parts, names)}
    return dict(out, **{"model.safetensors.index.json": json.dumps(index).encode()})


MODELS = {}
LOGITS = {"bert": ("classifier.weight", "classifier.bias"), "roberta": ("classifier.out_proj.weight", "classifier.out_proj.bias")}
NAMES = {"id2label": {"0": "toxic", "1": "insult", "2": "threat"}, "label2id": {"toxic": 0, "insult": 1, "threat": 2}}


def model(name, change=None, classes=3, family="bert", weights=None, rename=None, dtype="F32", metadata=True, drop=(), extra=None,
          files=None, also=None, **config):
    """A case: the classifier of tests/oracle/model with some keys of config.json changed (None takes one away)."""
    def make():
        folder = HERE / "model" / family
        j = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        for key in drop:
            j.pop(key, None)
        j.update(config)
        t = tensors(family)
        weight, bias = LOGITS[family]
        width = t[weight][0][1]
        rows = [i % 3 for i in range(classes)]
        t[weight] = ([classes, width], array.array("f", [3 * x for i in rows for x in t[weight][1][i * width:(i + 1) * width]]))
        t[bias] = ([classes], array.array("f", [3 * t[bias][1][i] for i in rows]))
        if rename:
            t = {rename(k): v for k, v in t.items()}
        if weights:
            weights(t)
        out = {f.name: f.read_bytes() for f in folder.iterdir() if f.name in ("vocab.txt", "vocab.json", "merges.txt")}
        out["config.json"] = json.dumps(j).encode()
        out.update(files(t) if files else {"model.safetensors": safetensors(t, dtype, metadata)})
        out.update(also or {})
        return out
    MODELS[name] = make


# Numbers and names of the tensors.
model("plain")
model("roberta", family="roberta")
model("fp16", dtype="F16")
model("bf16", dtype="BF16")
model("f64", dtype="F64")
model("sharded", files=sharded)
model("gamma", rename=lambda k: k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"))
model("position_ids", weights=lambda t: t.update({"bert.embeddings.position_ids": ([1, 64], list(range(64)), "I64")}))
model("more_layers_than_config", num_hidden_layers=1)
model("fewer_layers_than_config", num_hidden_layers=3)
model("no_metadata", metadata=False)
model("bin_only", files=lambda t: {"pytorch_model.bin": b"PK\3\4"})
model("bin_sharded", files=lambda t: {"pytorch_model.bin.index.json": b"{}", "pytorch_model-00001-of-00002.bin": b"PK\3\4"})
model("tensorflow_only", files=lambda t: {"tf_model.h5": b"\x89HDF\r\n"})
model("other_name", files=lambda t: {"model.fp16.safetensors": safetensors(t, "F16")})
model("adapter_only", files=lambda t: {"adapter_model.safetensors": safetensors({}), "adapter_config.json": b"{}"})
model("orig_mod", rename=lambda k: "_orig_mod." + k)
model("module", rename=lambda k: "module." + k)
model("module_orig_mod", rename=lambda k: "module._orig_mod." + k)
model("orig_mod_roberta", family="roberta", rename=lambda k: "_orig_mod." + k)
model("lightning", rename=lambda k: "model." + k)
model("headless", weights=lambda t: [t.pop(k) for k in LOGITS["bert"]])
model("eight_bit", weights=lambda t: t.update({"bert.encoder.layer.0.output.dense.weight": ([24, 40], [1] * 960, "I8")}))
model("other_family", family="roberta", model_type="bert")
model("no_pooler", weights=lambda t: [t.pop("bert.pooler.dense." + k) for k in ("weight", "bias")])

# What the numbers are.
model("multi_label", problem_type="multi_label_classification", **NAMES)
model("multi_label_two", classes=2, problem_type="multi_label_classification", id2label={"0": "a", "1": "b"}, label2id={"a": 0, "b": 1})
model("multi_label_one", classes=1, problem_type="multi_label_classification", id2label={"0": "toxic"}, label2id={"toxic": 0})
model("regression", classes=1, problem_type="regression", id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0})
model("regression_three", problem_type="regression", **NAMES)
model("regression_roberta", classes=1, family="roberta", problem_type="regression", id2label={"0": "score"}, label2id={"score": 0})
model("one_label", classes=1, id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0})
model("one_label_single", classes=1, problem_type="single_label_classification", id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0})
model("cross_encoder_identity", classes=1, id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0},
      sentence_transformers={"activation_fn": "torch.nn.modules.linear.Identity", "version": "5.1.0"})
model("cross_encoder_sigmoid", classes=1, id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0},
      sentence_transformers={"activation_fn": "torch.nn.modules.activation.Sigmoid", "version": "5.1.0"})
model("cross_encoder_old_key", classes=1, id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0},
      sbert_ce_default_activation_function="torch.nn.modules.linear.Identity")
model("cross_encoder_tanh", classes=1, id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0},
      sentence_transformers={"activation_fn": "torch.nn.modules.activation.Tanh"})
model("cross_encoder_three", sentence_transformers={"activation_fn": "torch.nn.modules.linear.Identity"}, **NAMES)
model("single_label", problem_type="single_label_classification", **NAMES)
model("problem_type_null", problem_type=None, **NAMES)
model("problem_type_unknown", problem_type="ranking", **NAMES)

# Names of the classes.
NONE = ("id2label", "label2id")
model("id2label_missing", drop=NONE)
model("id2label_missing_two", classes=2, drop=NONE)
model("id2label_missing_one", classes=1, drop=NONE)
model("num_labels_only", drop=NONE, num_labels=3)
model("num_labels_one", drop=NONE, classes=1, num_labels=1)
model("num_labels_wrong", drop=NONE, num_labels=4)
model("num_labels_against_id2label", num_labels=2, **NAMES)
model("label2id_only", drop=NONE, label2id={"neg": 0, "neu": 1, "pos": 2})
model("label2id_only_two", classes=2, drop=NONE, label2id={"neg": 0, "pos": 1})
model("id2label_null_map", drop=("label2id",), id2label=None)
model("id2label_fewer", id2label={"0": "neg", "1": "pos"}, label2id={"neg": 0, "pos": 1})
model("id2label_more", id2label={"0": "a", "1": "b", "2": "c", "3": "d"}, label2id={"a": 0, "b": 1, "c": 2, "d": 3})
model("id2label_twice", id2label={"0": "neg", "1": "neutral", "2": "neg"}, label2id={"neg": 2, "neutral": 1})
model("id2label_twice_multi_label", problem_type="multi_label_classification", id2label={"0": "neg", "1": "neg", "2": "neg"}, label2id={"neg": 2})
model("id2label_twice_and_like_a_mark", id2label={"0": "a", "1": "a", "2": "a (class 0)"}, label2id={"a": 0})
model("id2label_from_1", id2label={"1": "a", "2": "b", "3": "c"}, label2id={"a": 1, "b": 2, "c": 3})
model("id2label_hole", id2label={"0": "a", "1": "b", "3": "c"}, label2id={"a": 0, "b": 1, "c": 3})
model("id2label_other_order", id2label={"2": "c", "0": "a", "1": "b"}, label2id={"a": 0, "b": 1, "c": 2})
model("id2label_null", id2label={"0": None, "1": "b", "2": "c"})
model("id2label_bool", id2label={"0": False, "1": True, "2": "x"})
model("id2label_number", id2label={"0": 0, "1": 1, "2": 2}, label2id={"0": 0, "1": 1, "2": 2})
model("id2label_real", id2label={"0": 0.5, "1": 1.5, "2": 2.5})
model("id2label_empty_name", id2label={"0": "", "1": "b", "2": "c"}, label2id={"": 0, "b": 1, "c": 2})
model("id2label_empty", id2label={}, label2id={})
model("id2label_list", id2label=["a", "b", "c"])
model("id2label_leading_zero", id2label={"00": "a", "01": "b", "02": "c"}, label2id={"a": 0, "b": 1, "c": 2})
model("id2label_no_number", id2label={"a": "0", "b": "1", "c": "2"})
model("label2id_other", id2label=NAMES["id2label"], label2id={"toxic": 2, "insult": 0, "threat": 1})

# The rest of config.json.
model("no_model_type", drop=("model_type",))
for act in ("gelu_python", "gelu_new", "gelu_fast", "gelu_accurate", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_10", "quick_gelu", "relu",
            "relu2", "relu6", "silu", "swish", "tanh", "sigmoid", "mish", "linear", "leaky_relu", "hardswish", "laplace", "GELU"):
    model("act_" + act, hidden_act=act)
model("act_relu_roberta", family="roberta", hidden_act="relu")
model("eps", layer_norm_eps=0.01)
model("no_types_for_pairs", also={"tokenizer_config.json": b'{"model_input_names": ["input_ids", "attention_mask"]}'})
model("dtype_half", dtype="F16", torch_dtype="float16")

#!/usr/bin/env python3
"""Make the small tokenizers of tests/oracle/{wordpiece,bpe}*/ and what Hugging Face's tokenizers makes of tricky lines.

    make_tokenizer.py [ROWS ENCODER...]      (tokenizers 0.23.3)

Writes beside itself: wordpiece/, wordpiece_cased/, bpe/, bpe_prefix/ (tokenizer.json), vocab_txt/, vocab_json/ (the same
vocabularies in the older form), tokenizer.jsonl (one case a line: tokenizer, first, second, cut, max_length, ids, types).
With ROWS (a folder of <task>/train.jsonl) and ENCODERs: tokenizer_rows.json, SHA-256 of the ids of all rows, one JSON array a
line as tests/model/print_ids prints them. The lines are our own.
"""
import hashlib
import json
import pathlib
import random
import sys

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

here = pathlib.Path(__file__).resolve().parent
random.seed(7)

corpus = """The old harbour town wakes before the gulls do, and the first boat leaves at five.
Nobody had told the engineers that the bridge would sing when the wind came from the north.
She doesn't like the sequel; he'd have liked it, they're sure, if it weren't for the ending.
We'll measure the bread twice, bake it once, and write down what we've learnt.
I'm not saying that the lamp is bad, but its cable is 2 metres long and the table is 3 metres away.
The committee of 17 members voted 9 to 8 against the new tram line on 4 May 1998.
An honest review: the shoes fit, the laces do not, and the box smelled of oranges.
What a wonderful, wonderful film! What a dreadful, dreadful cinema.
Prices rose by 3.5 % in spring and fell by 12.25 % in autumn, said the bank.
The doctor's notes were unreadable, the nurse's were not, the patients' were missing.
Rain again. Rain tomorrow. Rain, it seems, until the end of the unforgettable season.
If the premise entails the hypothesis, the label is entailment; otherwise it is not.
Is the moon larger than the sun? No, though it can look so from a small planet.
My sister's neighbours' dog barks at bicycles, buses, boats and butterflies.
They were running, walking, talking, and re-reading the undoable agreement.""".splitlines()

tricky = [
    "", " ", "a", "   ", "\n", "\t\r\n", "Hello", " Hello", "Hello  world", "Hello \n\n world  ", "HELLO wOrLd", "don't", "DON'T",
    "we'll they've I'm he'd it's 's 't", "'", "''s", "can't've", "rock 'n' roll", "x" * 100, "x" * 101, "é" * 100, "é" * 101,
    "wonderful" * 20, "unforgettableunforgettable", "3.14159", "1,000,000", "12345678901234567890", "2nd 3rd 4th", "½ ² ٣ Ⅷ",
    "a-b_c+d=e", "...!?!", "(parentheses) [brackets] {braces}", "e-mail@example.org", "https://example.org/a?b=c&d=%20#e",
    "naïve café déjà vu", "nai\u0308ve cafe\u0301", "ÀÉÎÕÜ ÇÑ", "Straße STRASSE", "İstanbul ısı", "Ωμέγα ΣΊΣΥΦΟΣ", "ПРИВЕТ мир",
    "中文字符", "日本語とEnglish混在", "한국어 텍스트", "नमस्ते दुनिया", "مرحبا بالعالم", "שלום", "ไทย", "😀", "👨‍👩‍👧‍👦 family", "🇩🇪🇫🇷", "e😀e",
    "\u00a0nbsp\u00a0", "thin\u2009space", "ideographic\u3000space", "line\u2028sep para\u2029sep", "zero\u200bwidth", "soft\u00adhyphen",
    "bom\ufeff", "\u180emongolian\u180e vowel", "\x01control\x02", "\x7fdelete\x85next", "replacement\ufffd", "private\ue000use",
    "unassigned\u0378point", "tag\U000e0041", "\u0301leading mark", "ẛ̣ ẋ̣ ẍ", "ﬁ ﬂ ﬃ", "①②③", "㍿", "\U0001d4d7\U0001d4ee",
    "“quotes” ‘single’ «guillemets»", "dash – dash — dash", "… ellipsis", "¿Qué? ¡No!", "$5 £6 €7 ¥8 ₹9", "a\u0300\u0301\u0302b", "\U00011938",
    "\u1734", "Ǆ ǅ ǆ", "\u2126 \u212a \u212b", "\ua7cb", "\u1c89", "\uac00\u1100\u1161", "𠀀𪜀𰀀", "㐀䶿", "豈",
    "[CLS]", "[SEP]", "a[SEP]b", "a [SEP] b", "[sep]", "[MASK] [PAD] [UNK]", "[CLS", "[[SEP]]", "<s>", "</s>", "a<s>b</s>c", "<mask>",
    "a <mask> b", "a<mask>b", "  <mask>  ", "\u3000<mask>\n", "<mask><mask>", "<MASK>", "<pad><unk>", "< s >", "<s", "</s></s>",
    "tram", "trams", "retram", "the the the", "ABC abc", "one_two", "MixedCASEWords", "tab\tseparated\tvalues",
    "  leading", "trailing  ", " a  b   c    d ", "\n\na\n\nb\n\n", "a \u00a0 b", "a\u00a0\u00a0b",
]
tricky += corpus
for _ in range(40):
    a, b = random.choice(corpus), random.choice(tricky)
    at = random.randrange(len(a))
    tricky.append(a[:at] + b + a[at:])

options = dict(vocab_size=420, show_progress=False)
bert_specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
wordpiece = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
wordpiece.normalizer = normalizers.BertNormalizer()
wordpiece.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
letters = list("abcdefghijklmnopqrstuvwxyz0123456789.,!?'-") + ["中", "é", "ω", "😀"]
wordpiece.train_from_iterator(corpus, trainers.WordPieceTrainer(special_tokens=bert_specials, initial_alphabet=letters, **options))
ids = {t: wordpiece.token_to_id(t) for t in bert_specials}
wordpiece.post_processor = processors.TemplateProcessing(
    single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
    special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])])
wordpiece.enable_truncation(128)  # as MiniLM's file has it: must be ignored
wordpiece.enable_padding(length=128, pad_id=ids["[PAD]"], pad_token="[PAD]")

roberta_specials = ["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, special=True, normalized=False)]
bpe = Tokenizer(models.BPE())
bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
bpe.train_from_iterator(corpus, trainers.BpeTrainer(special_tokens=roberta_specials,
                                                    initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), **options))
bpe.decoder = decoders.ByteLevel()
bpe.post_processor = processors.RobertaProcessing(("</s>", bpe.token_to_id("</s>")), ("<s>", bpe.token_to_id("<s>")),
                                                  add_prefix_space=False)


def write(name, file, text):
    (here / name).mkdir(exist_ok=True)
    (here / name / file).write_text(text, encoding="utf-8")


def variant(base, name, change):
    """A copy of the tokenizer whose JSON `change` has altered, written and loaded again."""
    j = json.loads(base.to_str())
    change(j)
    text = json.dumps(j, ensure_ascii=False, separators=(",", ":"))
    write(name, "tokenizer.json", text + "\n")
    return Tokenizer.from_str(text)


def cased(j):
    j["normalizer"].update(lowercase=False, handle_chinese_chars=False)
    start = max(j["model"]["vocab"].values()) + 1
    for i, (text, flags) in enumerate([("[TRAM]", {}), ("trams", {"single_word": True}), ("harbour town", {"normalized": True}),
                                       ("e-mail", {"rstrip": True, "lstrip": True})]):
        j["added_tokens"].append(dict(id=start + i, content=text, single_word=False, lstrip=False, rstrip=False,
                                      normalized=False, special=False) | flags)


def prefix(j):
    j["pre_tokenizer"]["add_prefix_space"] = True
    j["model"]["merges"] = [m if isinstance(m, str) else " ".join(m) for m in j["model"]["merges"]]
    j["post_processor"] = {"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]}


made = {"wordpiece": variant(wordpiece, "wordpiece", lambda j: None), "wordpiece_cased": variant(wordpiece, "wordpiece_cased", cased),
        "bpe": variant(bpe, "bpe", lambda j: None), "bpe_prefix": variant(bpe, "bpe_prefix", prefix)}
vocab = sorted(wordpiece.get_vocab(), key=wordpiece.token_to_id)
write("vocab_txt", "vocab.txt", "\n".join(vocab) + "\n")
write("vocab_json", "vocab.json", json.dumps(json.loads(bpe.to_str())["model"]["vocab"], ensure_ascii=False) + "\n")
merges = [m if isinstance(m, str) else " ".join(m) for m in json.loads(bpe.to_str())["model"]["merges"]]
write("vocab_json", "merges.txt", "#version: 0.2\n" + "\n".join(merges) + "\n")
made["vocab_txt"] = made["wordpiece"]
# transformers 5 makes <mask> a token like any other where only these two files are there; up to version 4 it took the blank before it.
made["vocab_json"] = Tokenizer.from_str(json.dumps(json.loads(bpe.to_str()) | {"added_tokens": [
    t | {"lstrip": False} for t in json.loads(bpe.to_str())["added_tokens"]]}))

with open(here / "tokenizer.jsonl", "w", encoding="ascii") as out:
    for name, tokenizer in made.items():
        tokenizer.no_padding()
        cases = [(text, None, "longest_first", 512) for text in tricky]
        if not name.startswith("vocab"):
            for _ in range(60):
                a, b = random.choice(tricky + corpus * 5), random.choice(tricky + corpus * 5)
                cases.append((a, b, random.choice(["longest_first", "only_second"]), random.choice([5, 6, 7, 8, 11, 16, 23, 40, 512])))
            cases += [(random.choice(corpus), None, "longest_first", n) for n in (5, 6, 9)]
        for first, second, cut, max_length in cases:
            tokenizer.enable_truncation(max_length, strategy=cut)
            try:
                e = tokenizer.encode(first) if second is None else tokenizer.encode(first, second)
            except Exception:  # only_second, and the first text alone is too long
                continue
            out.write(json.dumps(dict(tokenizer=name, first=first, second=second, cut=cut, max_length=max_length, ids=e.ids,
                                      types=e.type_ids), separators=(",", ":")) + "\n")

if len(sys.argv) > 2:
    rows_dir, digests = pathlib.Path(sys.argv[1]), []
    for encoder in sys.argv[2:]:
        tokenizer = Tokenizer.from_file(encoder + "/tokenizer.json")
        tokenizer.no_padding()
        for path in sorted(rows_dir.glob("*/train.jsonl")):
            rows = [json.loads(line) for line in path.open(encoding="utf-8")]
            for max_length in (4096, 32):
                tokenizer.enable_truncation(max_length, strategy="only_second" if "passage" in rows[0] else "longest_first")
                digest = hashlib.sha256()
                for r in rows:
                    pair = [r[k] for k in ("text", "sentence1", "sentence2", "question", "passage") if k in r]
                    digest.update((json.dumps(tokenizer.encode(*pair).ids) + "\n").encode())
                digests.append(dict(encoder=pathlib.Path(encoder).name, task=path.parent.name, max_length=max_length,
                                    rows=len(rows), sha256=digest.hexdigest()))
    (here / "tokenizer_rows.json").write_text(json.dumps(digests, indent=1) + "\n")

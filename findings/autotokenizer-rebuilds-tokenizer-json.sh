#!/usr/bin/env bash
# transformers 5.24.0 with tokenizers 0.23.3: a folder's tokenizer.json is not what AutoTokenizer uses when tokenizer_config.json names
# BertTokenizer. Its normalizer, pre-tokenizer and post-processor are made anew with the class's defaults (lower case), so a cased model whose
# only word on case is in tokenizer.json gets other ids than `tokenizers` gives for the same file. PreTrainedTokenizerFast takes the file as
# it is. Neither says a word.
#
# For synthgrid: encoder folders are read as AutoTokenizer reads them (docs/encoders.md), not as tokenizer.json alone says.
#
# Seen:  tokenizer.json itself   [2, 6, 7, 3]
#        BertTokenizer           [2, 5, 7, 3]     "The" became "the"
#        PreTrainedTokenizerFast [2, 6, 7, 3]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.24.0 tokenizers==0.23.3
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - "$folder" 2>/dev/null <<'PYTHON' | tee "$folder/seen"
import json
import sys

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer

folder = sys.argv[1]
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "The", "film", "good"]
t = Tokenizer(models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
t.normalizer = normalizers.BertNormalizer(lowercase=False)
t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
                                                 special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
t.save(f"{folder}/tokenizer.json")
json.dump({"model_type": "bert"}, open(f"{folder}/config.json", "w"))
print("tokenizer.json", t.encode("The film").ids)
for name in ("BertTokenizer", "PreTrainedTokenizerFast"):
    json.dump({"tokenizer_class": name}, open(f"{folder}/tokenizer_config.json", "w"))
    print(name, AutoTokenizer.from_pretrained(folder)("The film")["input_ids"])
PYTHON
diff "$folder/seen" - <<'EXPECTED' && echo "as found"
tokenizer.json [2, 6, 7, 3]
BertTokenizer [2, 5, 7, 3]
PreTrainedTokenizerFast [2, 6, 7, 3]
EXPECTED

#!/usr/bin/env python3
"""The peer of `embed`: sentence-transformers, mean pooling, unit length, in its own order by length. Prints a JSON object."""
import argparse
import json
import time

p = argparse.ArgumentParser()
p.add_argument("encoder")
p.add_argument("rows")
p.add_argument("--threads", type=int, default=2)
p.add_argument("--max-length", type=int, default=256)
p.add_argument("--batch", type=int, default=32)
p.add_argument("--repeat", type=int, default=2)
p.add_argument("--output", help="(n,C) float32")
args = p.parse_args()

import sentence_transformers  # noqa: E402
import torch  # noqa: E402
from sentence_transformers import SentenceTransformer  # noqa: E402
from sentence_transformers.models import Pooling, Transformer  # noqa: E402

torch.set_num_threads(args.threads)
words = Transformer(args.encoder, max_seq_length=args.max_length)
model = SentenceTransformer(modules=[words, Pooling(words.get_word_embedding_dimension(), "mean")], device="cpu")
texts = [json.loads(line)["text"] for line in open(args.rows)]
best, best_cpu = 1e30, 1e30
model.encode(texts[:64], batch_size=args.batch, normalize_embeddings=True, show_progress_bar=False)
for _ in range(args.repeat):
    began, began_cpu = time.perf_counter(), time.process_time()
    vectors = model.encode(texts, batch_size=args.batch, normalize_embeddings=True, show_progress_bar=False)
    best, best_cpu = min(best, time.perf_counter() - began), min(best_cpu, time.process_time() - began_cpu)
if args.output:
    vectors.astype("<f4").tofile(args.output)
print(json.dumps({"rows": len(texts), "seconds": best, "cpu_seconds": best_cpu, "torch": torch.__version__,
                  "sentence_transformers": sentence_transformers.__version__}))

#!/usr/bin/env python3
"""The peer of tests/bits/run: PyTorch's DistributedDataParallel (gloo, CPU, deterministic algorithms) fine-tunes an encoder with transformers.

    ddp.py --encoder DIR --train F.jsonl --eval F.jsonl --processes N [--threads T] --save FILE

As careful as its users can be: use_deterministic_algorithms(True), one seed, no dropout, the same rows in the same global batches whatever the number of
processes (each takes an equal part of every batch, and DDP averages the gradients). What is left to differ is the order of sums. Prints a JSON object: the
SHA-256 of the final weights, losses, versions; FILE gets the weights and what they predict for the evaluation rows."""
import argparse
import hashlib
import json
import os
import sys
import tempfile

try:
    import torch
    import torch.distributed
    import torch.multiprocessing
    import transformers
except ImportError as error:
    sys.exit(f"ddp.py: {error}; hint: python3 -m venv peer && peer/bin/pip install torch transformers")


def read_rows(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def train(rank, a, meeting):
    torch.set_num_threads(a.threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=a.processes)
    rows, test = read_rows(a.train), read_rows(a.eval)
    names = sorted({r["label"] for r in rows})
    tokenizer = transformers.AutoTokenizer.from_pretrained(a.encoder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(a.encoder, num_labels=len(names), hidden_dropout_prob=0.0,
                                                                            attention_probs_dropout_prob=0.0)
    ddp = torch.nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.AdamW(ddp.parameters(), lr=a.lr, weight_decay=0.01)
    order = torch.Generator().manual_seed(1)
    losses = []

    def logits(net, batch):
        inputs = tokenizer([r["text"] for r in batch], truncation=True, max_length=a.max_length, padding="max_length", return_tensors="pt")
        return net(**inputs).logits

    while len(losses) < a.steps:
        at = torch.randperm(len(rows), generator=order).tolist()
        for start in range(0, len(at) - a.batch + 1, a.batch):
            if len(losses) == a.steps:
                break
            part = a.batch // a.processes
            mine = [rows[i] for i in at[start + rank * part:start + (rank + 1) * part]]
            loss = torch.nn.functional.cross_entropy(logits(ddp, mine), torch.tensor([names.index(r["label"]) for r in mine]))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(ddp.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
    if rank == 0:
        model.eval()
        weights = {name: tensor.detach().contiguous() for name, tensor in model.state_dict().items()}
        digest = hashlib.sha256()
        for name in sorted(weights):
            digest.update(weights[name].numpy().tobytes())
        with torch.no_grad():
            predicted = logits(model, test).argmax(1).tolist()  # not through DDP, whose forward is collective
        torch.save({"weights": weights, "predicted": predicted}, a.save)
        print(json.dumps({"digest": digest.hexdigest(), "loss": losses[-1], "torch": torch.__version__, "transformers": transformers.__version__}))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def compare(files):
    """Of the first file's weights and predictions, the others' largest difference, and how many rows they predict otherwise."""
    first, *others = [torch.load(f) for f in files]
    largest = [max((x["weights"][n].double() - w.double()).abs().max().item() for n, w in first["weights"].items()) for x in others]
    other = [sum(a != b for a, b in zip(first["predicted"], x["predicted"])) for x in others]
    print(json.dumps({"largest": largest, "predicted_otherwise": other, "n": len(first["predicted"])}))


def main():
    if sys.argv[1:2] == ["compare"]:
        return compare(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("encoder", "train", "eval", "save"):
        parser.add_argument(f"--{name}", required=True)
    for name, value in (("processes", 1), ("threads", 1), ("steps", 20), ("batch", 16), ("max-length", 48)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--lr", type=float, default=5e-5)
    a = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(train, (a, os.path.join(folder, "meeting")), nprocs=a.processes)


if __name__ == "__main__":
    main()

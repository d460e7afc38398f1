"""The two sides of each comparison: how synthgrid and the peer are started, and what is read from their JSON."""
import common
from common import HERE, PROGRAMS, SYNTHGRID, Failed, on_ranks, run

BATCH, MAX_LENGTH = 16, 256
PEER_VARIANTS = {"padded": [], "sorted": ["--sort"], "sorted+compile": ["--sort", "--compile"], "padded+compile": ["--compile"]}


class Work:
    """Rows to train on or to infer, as a file; `few` of them, for the evaluation that train asks for."""

    def __init__(self, folder, name, lines):
        self.n = len(lines)
        self.rows = common.temporary_copy(lines, folder / f"{name}.jsonl")
        self.few = common.temporary_copy(lines[:4], folder / f"{name}-few.jsonl")
        self.lengths_of = {}

    def lengths(self, encoder):
        """Tokens of each row, special ones included."""
        if encoder not in self.lengths_of:
            out = run([SYNTHGRID, "tokenize", "--encoder", encoder, "--input", self.rows, "--max-length", MAX_LENGTH]).text
            self.lengths_of[encoder] = [line.count(",") + 1 for line in out.splitlines()]
            if len(self.lengths_of[encoder]) != self.n:
                raise Failed(f"tokenize gives {len(self.lengths_of[encoder])} rows of {self.n}")
        return self.lengths_of[encoder]


def rate(result, tokens, seconds, done):
    return {"tokens_per_s": tokens / seconds, "seconds": seconds, "tokens": tokens, "others": done.others,
            "peak_rss_bytes": result.get("peak_rss_bytes")}


def ours_train(encoder, work, threads, ranks=0, epochs=2, settings=()):
    """Steady speed: the last epoch's, so with more than one, the first is the warm-up. Each epoch has the same rows."""
    done = run(on_ranks(ranks) + [SYNTHGRID, "train", "--encoder", encoder, "--train", work.rows, "--eval", work.few, "--json",
                                  f"train.epochs={epochs}", "train.min_steps=0", f"train.batch={BATCH}", f"train.max_length={MAX_LENGTH}",
                                  f"train.threads={threads}", *settings])
    result = done.result
    if result["tokens"] != epochs * sum(work.lengths(encoder)):
        raise Failed(f"train saw {result['tokens']} tokens in {epochs} epochs, tokenize {sum(work.lengths(encoder))} in one")
    n_steps = result["steps"] // epochs
    return rate(result, result["tokens"] // epochs, sum(result["step_seconds"][-n_steps:]), done)


def peer(python, *arguments):
    return run([python, HERE / "peer_train.py", *arguments, "--max-length", MAX_LENGTH])


def peer_train(python, encoder, work, threads, variant="padded", warm_up=True):
    """One epoch over the same rows, after the warm-up of peer_train.py."""
    done = peer(python, "train", "--encoder", encoder, "--train", work.rows, "--epochs", 1, "--batch", BATCH, "--threads",
                threads, *PEER_VARIANTS[variant], *(["--warm-up"] if warm_up else []))
    result = done.result
    if result["tokens"] != sum(work.lengths(encoder)):
        raise Failed(f"the peer saw {result['tokens']} tokens, tokenize {sum(work.lengths(encoder))}")
    return dict(rate(result, result["tokens"], result["seconds"], done), import_rss_bytes=result["import_rss_bytes"])


def save_classifier(encoder, work, threads, folder):
    run([SYNTHGRID, "train", "--encoder", encoder, "--train", work.rows, "--eval", work.few, "--json", "--save", folder,
         "train.steps=1", f"train.threads={threads}"])


def ours_predict(encoder, model, work, threads, precision="fp32"):
    done = run([SYNTHGRID, "predict", "--model", model, "--input", work.rows, "--max-length", MAX_LENGTH, "--threads", threads,
                "--precision", precision, "--json"])
    *rows, _ = done.text.strip().splitlines()
    return dict(rate(done.result, sum(work.lengths(encoder)), done.result["seconds"], done), rows=rows)


def peer_predict(python, encoder, model, work, threads, variant):
    done = peer(python, "predict", "--model", model, "--input", work.rows, "--threads", threads, "--warm-up",
                *PEER_VARIANTS[variant])
    result = done.result
    return dict(rate(result, sum(work.lengths(encoder)), result["seconds"], done), labels=result["labels"])


def step_seconds(encoder, work, n_steps, reduce):
    """Two ranks of one thread; seconds of n_steps steps that follow two others."""
    done = run(on_ranks(2) + [PROGRAMS / "fine_tune", encoder, work.rows, work.few, f"steps={n_steps + 2}", f"batch={BATCH}",
                              f"max_length={MAX_LENGTH}", "threads=1", f"reduce={reduce}"])
    seconds = sum(done.result["step_seconds"][2:])
    return {"seconds": seconds, "tokens_per_s": 1 / seconds, "others": done.others}


def sgemm(quick):
    return run([PROGRAMS / "sgemm", *(["--quick"] if quick else [])]).result["gflops"]

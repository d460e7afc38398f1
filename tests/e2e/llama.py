#!/usr/bin/env python3
"""generator.provider: llama. Without libllama: what is said. With it and a model (SG_LLAMA_MODEL=file.gguf): two tasks on 1 and 2 ranks; a run
on the ledger of the other asks nothing; what a small model writes is printed, not judged."""
import os
import sqlite3

import sg

STUDY = ["experiments/grid.yaml", "generator.provider=llama", "generator.model=small", "generator.recording=", "tasks=[sst2,rte]",
         "methods=[zero_shot,few_shot_3]", "sizes=[4]", "mixes=[synthetic]", "train.steps=2", "train.max_length=32"]
sg.need_encoder()
version, _ = sg.run("--version")
with sg.Folder() as folder:
    no_model = folder / "no.gguf"
    no_model.write_text("no model")
    _, err = sg.run("generate", *STUDY, f"generator.model_file={no_model}", "--results", folder / "r", code=2)
    sg.check("is no GGUF file" in err, f"a file that is no model is not told:\n{err}")
    no_model.write_bytes(b"GGUF" + bytes(60))
    _, err = sg.run("generate", *STUDY, f"generator.model_file={no_model}", "--results", folder / "r", ranks=2, code=2)
    words = "libllama cannot load it" if "libllama" in version else "built without libllama"
    sg.check(words in err, f"no \"{words}\" in:\n{err}")
    if "libllama" not in version:
        print("ok, as far as can be seen without libllama")
        raise SystemExit(0)
    model = os.environ.get("SG_LLAMA_MODEL") or sg.skip("SG_LLAMA_MODEL names no model in GGUF format")
    for ranks in (1, 2):
        out, err = sg.run("run", *STUDY, f"generator.model_file={model}", "--results", folder / str(ranks), ranks=ranks, timeout=570)
        print(out)
        db = sqlite3.connect(folder / str(ranks) / "ledger.sqlite")
        texts = db.execute("SELECT text, finish_reason, model, tokens_in, tokens_out FROM completions WHERE status = 0").fetchall()
        db.close()
        sg.check(len(texts) >= 16, f"{len(texts)} answers")
        sg.check(all(model_.split(" sha256:")[0] == os.path.basename(model) for _, _, model_, _, _ in texts), "answers do not name the file")
        sg.check(all(t.strip() or n == 0 for t, _, _, _, n in texts) and sum(len(t) for t, *_ in texts) > 500, "answers without text")
        sg.check({f for _, f, *_ in texts} <= {"stop", "length"}, "an answer without an end")
        for text, finish, *_ in texts[:10]:
            print(f"{finish}: {text!r}")
        again, _ = sg.run("run", *STUDY, f"generator.model_file={model}", "--offline", "--results", folder / str(ranks), ranks=3 - ranks)
        sg.check(sg.digest(again) == sg.digest(out), "the ledger gives another digest")
print("ok")

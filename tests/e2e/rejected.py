#!/usr/bin/env python3
"""Paid answers of which none counts: told after 20 in a row with one of them, and the buying ends after 50 (exit code 3); mended, the next run buys
the rest."""
import json

import fault
import sg
from fault import KEY, check

THOUGHT = json.dumps({"id": "c", "model": "stub-1", "choices": [{"index": 0, "message": {
    "role": "assistant", "content": None, "reasoning_content": "Let me think about it"}, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 30, "completion_tokens": 64}})
# What the server answers, settings, the reason, words of the hint.
CASES = {
    "reasoning": ({"fault": "body", "answered": True, "body": THOUGHT}, [], "reasoning", "enable_thinking"),
    "one_text": ({"fault": "say", "text": "The film drags\u001b[2J through two dull hours."}, [], "duplicate", "ignore temperature"),
    "no_examples": ({"fault": "say", "text": '{"examples": []}'}, ["generator.structured_output=true", "generator.examples_per_request=4",
                                                                  "sizes=[400]"], "empty", "structured_output"),
    # transformers serve 5.24.0 without do_sample, whose answer does not fit in max_tokens
    "one_text_cut": ({"fault": "say", "text": "The film drags through two dull hours and then goes on about the", "finish": "length"}, [], "cut_off",
                     "are the same text as before: the server may ignore temperature"),
    "blanks": ({"fault": "say", "text": " \n" * 40, "finish": "length"}, [], "cut_off", "max_tokens"),
    "one_class": ({"fault": "say", "text": "I am not sure."}, ["llm_eval.shots=[0]", "sizes=", "mixes=[raw]"], "unparsable", "doctor"),
}
SIZE = ["sizes=[60]"]


def rejected(name):
    entry, study, reason, hint = CASES[name]
    with sg.Folder() as folder:
        (folder / "script.json").write_text(json.dumps([entry | {"from": 1}]))
        with sg.Stub(folder, "--key", KEY, "--script", str(folder / "script.json")) as stub:
            o = fault.buy(folder / "r", stub.url, *SIZE, *study)
            n = len(stub.requests())
        check(o.code == 3, f"exit code {o.code}: {o.err[-800:]}")
        fault.check_message(o, "20 paid answers in a row", f"({reason}: ", hint, "buying ends after 50", "50 paid answers in a row", "max_rejected=0")
        check(50 <= n <= 56, f"{n} requests were paid for")
        if name in ("reasoning", "one_text"):
            fault.check_resumes(folder, folder / "r", None, *SIZE, *study, same=False)


def as_asked():
    """0 goes on whatever comes, to the end of the pool."""
    with sg.Folder() as folder:
        (folder / "script.json").write_text(json.dumps([CASES["reasoning"][0] | {"from": 1}]))
        with sg.Stub(folder, "--key", KEY, "--script", str(folder / "script.json")) as stub:
            o = fault.buy(folder / "r", stub.url, "generator.max_rejected=0")
            check(o.code == 4 and len(stub.requests()) > 56, f"exit code {o.code} after {len(stub.requests())} requests: {o.err[-800:]}")
            check("20 paid answers" in o.err and "buying ends" not in o.err, o.err)
        rejects = json.loads(fault.ask(folder / "r", "SELECT rejects FROM pools")[0][0])
        check(rejects["reasoning"] > 56 and not rejects["empty"], f"rejected: {rejects}")


def now_and_then():
    """One good one in ten is a poor model, and no reason to end."""
    script = [{"from": 10 * i + 1, "to": 10 * i + 9, "fault": "say", "text": "I'm sorry, but I cannot do that."} for i in range(20)]
    with sg.Folder() as folder:
        (folder / "script.json").write_text(json.dumps(script))
        with sg.Stub(folder, "--key", KEY, "--script", str(folder / "script.json")) as stub:
            o = fault.buy(folder / "r", stub.url, "sizes=[6]")
        check(o.code == 0 and "in a row" not in o.err, f"exit code {o.code}: {o.err[-800:]}")


fault.play([*((name, lambda name=name: rejected(name)) for name in CASES), ("as_asked", as_asked), ("now_and_then", now_and_then)])

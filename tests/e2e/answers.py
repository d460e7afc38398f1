#!/usr/bin/env python3
"""What becomes of answers that hold more than the text, in a whole run: reasoning in several forms, data, notes, labels, other scripts; in
single texts, pairs, lists of topics and several examples a request. The stub plays them, one a request; all is looked at in the ledger."""
import json

import sg

THOUGHT = "Okay, the user wants a review sentence. Let me think of something warm about the acting.\n- a draft\n"
NUMBERS = iter("two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty".split())


def review():
    return f"The film drags through {next(NUMBERS)} dull hours."


def around(before, behind=""):
    text = review()
    return before + text + behind, text


# What is played, and the example or the reason.
SINGLE = [
    around(THOUGHT + "</think>\n\n"),
    around("<|channel|>analysis<|message|>" + THOUGHT + "<|end|><|start|>assistant<|channel|>final<|message|>", "<|return|>"),
    around("[THINK]" + THOUGHT + "[/THINK]"),
    around("analysis" + THOUGHT + "assistantfinal"),
    around("<details><summary>Thinking</summary>" + THOUGHT + "</details>\n", "<|im_end|>"),
    around("<think>" + THOUGHT + "</think><answer>", "</answer>"),
    around("", "<|im_end|>"),
    around("Sure, here's one sentence: "),
    around("```json\n{\"text\": \"", "\"}\n```"),
    around("| # | Review |\n|---|---|\n| 1 | ", " |"),
    around("<review>", "</review>\n\nLet me know if you'd like another!"),
    around("", " This sentence conveys a strong feeling about the film."),
    ("این فیلم را نمی\u200cخواهم ببینم چون خسته\u200cکننده است.", "این فیلم را نمی\u200cخواهم ببینم چون خسته\u200cکننده است."),
    ("这部电影很无聊，我中途就走了。", "这部电影很无聊，我中途就走了。"),
    ("I can't help but smile at it.", "I can't help but smile at it."),
    (THOUGHT + "</think>", "reasoning"),
    ("<think>" + THOUGHT, "reasoning"),
    ("Dull.", "too_short"),
    ("{\"label\": \"negative\"}", "unparsable"),
    ("I cannot write such content.", "refused"),
]
LABELLED = [around('{"sentiment": "negative", "review": "', '"}'), around("[negative] "), around("", " (Sentiment: negative)")]
PAIR = [
    ("Okay, I need a premise and a hypothesis. Let me draft.\nPremise: A mayor opened something.\nHypothesis: Something opened.\n</think>\n\n"
     "Premise: The mayor of Alden opened the tram on Friday.\nHypothesis: Alden has a tram.",
     ("The mayor of Alden opened the tram on Friday.", "Alden has a tram.")),
    ('{"premise": "Rain fell on Bern all night.", "hypothesis": "Bern was wet."}', ("Rain fell on Bern all night.", "Bern was wet.")),
    ("Premise: As to the hypothesis: it was late when the ship left.\nHypothesis: A ship left.",
     ("As to the hypothesis: it was late when the ship left.", "A ship left.")),
]
TOPICS = "Okay, the user wants topics.\n- I should vary genres\n- No repeats\n</think>\n\n" + "\n".join(
    f"{i + 1}. {t} films" for i, t in enumerate("Western Space Heist Prison Wedding Courtroom Boxing Circus Pirate Robot".split()))


def play(folder, name, said, *study):
    """Buys with these answers in the order of the requests, one at a time. {answer: [request, examples]} and how many were rejected why."""
    (folder / name).mkdir()
    script = folder / f"{name}.json"
    script.write_text(json.dumps([{"from": i + 1, "to": i + 1, "fault": "say", "text": t} for i, t in enumerate(said)]))
    with sg.Stub(folder / name, "--script", str(script)) as stub:
        sg.run("generate", "experiments/grid.yaml", *study, "mixes=[synthetic]", "generator.connections=1", f"generator.base_url={stub.url}",
               "--results", folder / name / "r")
    results = folder / name / "r"
    found = {text: (request, []) for text, request in sg.ask(results, "SELECT text, request FROM completions")}
    for text, first, second in sg.ask(results, "SELECT c.text, e.first, e.second FROM examples e JOIN completions c ON c.key = e.completion "
                                               "ORDER BY e.pool, e.position"):
        found[text][1].append(first if second is None else (first, second))
    (rejects,) = sg.ask(results, "SELECT rejects FROM pools")[0]
    missing = [t for t in said if t not in found]
    sg.check(not missing, f"{name}: never asked for: {missing}")
    return found, json.loads(rejects)


def singles(folder):
    found, rejects = play(folder, "single", [t for t, _ in SINGLE], "tasks=[sst2]", "methods=[zero_shot]", "sizes=[20]")
    reasons = {}
    for text, expected in SINGLE:
        examples = found[text][1]
        if " " in expected or len(expected) > 12:
            sg.check(examples == [expected], f"{text!r} became {examples}, not {expected!r}")
        else:
            sg.check(not examples, f"{text!r} became {examples}")
            reasons[expected] = reasons.get(expected, 0) + 1
    sg.check({r: rejects[r] for r in reasons} == reasons, f"rejected {rejects}, not {reasons}")


def labelled(folder):
    found, rejects = play(folder, "labelled", [t for t, _ in LABELLED], "tasks=[sst2]", "methods=[zero_shot]", "sizes=[4]")
    wrong = 0
    for text, expected in LABELLED:
        request, examples = found[text]
        asked = "negative" in json.loads(request)["messages"][-1]["content"]
        sg.check(examples == ([expected] if asked else []), f"{text!r}, asked for negative: {asked}, became {examples}")
        wrong += not asked
    sg.check(wrong > 0 and rejects["wrong_label"] == wrong, f"{wrong} labels are wrong: {rejects}")


def pairs(folder):
    found, _ = play(folder, "pair", [t for t, _ in PAIR], "tasks=[rte]", "methods=[zero_shot]", "sizes=[6]")
    for text, expected in PAIR:
        sg.check(found[text][1] == [expected], f"{text!r} became {found[text][1]}")


def topics(folder):
    found, _ = play(folder, "topic", [TOPICS], "tasks=[sst2]", "methods=[zero_shot_topic]", "sizes=[4]")
    prompts = [json.loads(q)["messages"][-1]["content"] for t, (q, _) in found.items() if t != TOPICS]
    sg.check(prompts and all(" films" in p and "vary" not in p and "repeats" not in p for p in prompts), f"topics: {prompts}")


def several(folder):
    one, two, three, four = (review() for _ in range(4))
    said = [THOUGHT + "1. a first draft\n2. a second draft\n</think>\n1. " + one + "\n2. " + two + "<|im_end|>",
            "<think>" + THOUGHT + "</think>```json\n" + json.dumps({"reviews": [three, four]}) + "\n```"]
    found, _ = play(folder, "several", said, "tasks=[sst2]", "methods=[zero_shot]", "sizes=[8]", "generator.examples_per_request=2")
    sg.check(sorted(found[said[0]][1]) == sorted([one, two]) and sorted(found[said[1]][1]) == sorted([three, four]),
             f"several a request: {[found[s][1] for s in said]}")


with sg.Folder() as folder:
    several(folder)  # takes words from the end of the list first
    sg.side_by_side(lambda part: part(folder), [singles, labelled, pairs, topics])
    print("ok:", len(SINGLE) + len(LABELLED) + len(PAIR) + 3, "answers")

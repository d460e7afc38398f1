#!/usr/bin/env python3
"""Published prices: used at a provider's own address alone, told with day and source, kept in the results. Nothing is asked: a
proxy where nobody listens stands between the program and the world."""
import json
import sqlite3

import sg

STUDY = [*sg.SMALL, "generator.recording=", "tasks=[sst2]", "generator.model=gpt-4o-mini",
         "generator.usd_per_1m_input=", "generator.usd_per_1m_output="]
# 127.0.0.1:9 is the discard port: refused at once.
CLOSED = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "OPENAI_API_KEY": "sk-canary-prices-1234567890",
          "no_proxy": "", "NO_PROXY": ""}
SOURCE = "CommitBrief"  # a part of the source's address


def plan(*more, env=CLOSED):
    return json.loads(sg.run("plan", *STUDY, *more, "--json", env=env)[0])


with sg.Folder() as folder:
    there = ("--results", folder / "r")
    price = plan()["price"]
    sg.check((price["usd_per_1m_input"], price["usd_per_1m_output"], price["usd_per_1m_cached_input"]) == (0.15, 0.6, 0.075),
             f"the price is {price}")
    text = sg.run("plan", *STUDY, env=CLOSED)[0]
    sg.check(f"as of {price['as_of']}" in text and SOURCE in text and "about" in text, "the plan tells no price:\n" + text)
    sg.check("days old" in text, "an old price is no reason to warn:\n" + text)
    sg.check(plan("generator.base_url=https://llm.example.org/v1")["price"] is None, "another server has OpenAI's price")
    sg.check(plan("generator.usd_per_1m_input=1", "generator.usd_per_1m_output=2")["price"]["source"] is None,
             "the study's own price has a source")

    err = sg.run("run", *STUDY, *there, code=2, env=CLOSED)[1]
    sg.check("no limit" in err and "--max-usd" in err, "it buys at a published price without a limit:\n" + err)
    err = sg.run("run", *STUDY, "generator.model=new-model", *there, code=2, env=CLOSED)[1]
    sg.check("costs is not known" in err and "allow_unknown_price" in err, "it buys at an unknown price:\n" + err)
    unknown = ("generator.model=new-model", "generator.allow_unknown_price=true")
    err = sg.run("run", *STUDY, *unknown, "budget.usd=1", *there, code=2, env=CLOSED)[1]
    sg.check("budget.usd cannot be kept" in err and "leave out the limit" in err, "a budget without a price:\n" + err)
    err = sg.run("run", *STUDY, *unknown, *there, code=2, env=CLOSED)[1]
    sg.check("no LLM server answers" in err, "it does not get as far as the server:\n" + err)

    for ranks in (0, 2):
        results = folder / f"told{ranks}"
        err = sg.run("run", *STUDY, "--max-usd", "1", "--results", results, ranks=ranks, code=2, env=CLOSED)[1]
        sg.check("gpt-4o-mini at https://api.openai.com/v1: 0.15 and 0.6 USD" in err and SOURCE in err and "warning" in err,
                 "the run tells no price:\n" + err)
        kept = sqlite3.connect(results / "ledger.sqlite").execute("SELECT value FROM meta WHERE name='generator_price'").fetchall()
        sg.check(len(kept) == 1 and json.loads(kept[0][0]) == price, f"the results keep {kept}")
print("ok")

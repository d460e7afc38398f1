#!/usr/bin/env python3
"""One request is not the endpoint, and what ends a run is not the requests' own: a server that is set up wrongly leaves no failures, so that
after it was mended pools and digest are those of an undisturbed run; a request that the server does not take is given up on, and asked again
with --retry-refused alone. whose_failure.py [CASE...]"""
import json
import sys

import fault
import sg
from fault import ask, check


MODEL = "SmolLM2-135M-Instruct"  # of the quickstart


def error(message, **more):
    return json.dumps({"error": {"message": message, **more}})


def status(code, body, **more):
    return {"from": 1, "fault": "status", "status": code, "body": body} | more


PAGE = "<!DOCTYPE html><html><head><title>Access denied | example.com used Cloudflare to restrict access</title></head><body>Error 1020</body></html>"
TPM = ("Request too large for model `m` in organization org-x on tokens per min (TPM): Limit 6000, Requested 6500, please reduce your "
       "message size and try again.")
CONTEXT = error("request (731 tokens) exceeds the available context size (512 tokens), try increasing it", code=400,
                type="exceed_context_size_error", n_prompt_tokens=731, n_ctx=512)

# The server is wrong for all, from some request on; what the run says of it, and with which code it ends.
ENDPOINT = {
    "context too small": (status(400, CONTEXT), ["larger context"], 3),
    "context too small in the middle": (status(400, CONTEXT) | {"from": 4}, [], 3),
    "wrong key, LiteLLM": (status(400, error("No connected db.", type="no_db_connection", param=None, code="400")), ["No connected db.", "OPENAI_API_KEY"], 2),
    "wrong key in the middle": (status(401, error("no")) | {"from": 3}, ["OPENAI_API_KEY"], 2),
    "upstream down": (status(500, error("litellm.InternalServerError: Connection error.", type=None, param=None, code="500")),
                      ["Connection error", "in a row"], 3),
    "upstream down, plain text": (status(500, "Internal Server Error"), ["HTTP 500"], 3),
    "timeout": ({"from": 1, "fault": "hang", "seconds": 3}, [], 3),
    "upstream timeouts": (status(504, "upstream request timeout"), [], 3),
    "a parameter": (status(400, error("field is not to our liking", code="bad_request")), ["not to our liking"], 3),
    "another model, transformers serve": (status(400, json.dumps({"detail": f"Server is pinned to '/models/tiny'; requested '{MODEL}'."})),
                                          ["pinned to", "generator.model"], 2),
    "another model, LiteLLM": (status(400, error(f"/chat/completions: Invalid model name passed in model={MODEL}. Call `/v1/models` to view "
                                                 "available models for your key.", type="None", param="None", code="400")),
                               ["Invalid model name", "generator.model"], 2),
    "a firewall before all": (status(403, PAGE), ["OPENAI_API_KEY"], 2),
    "too much for the limit": (status(429, error(TPM, type="tokens", code="rate_limit_exceeded")), ["Request too large"], 3),
    "no such path": (status(404, "<html><head><title>404 Not Found</title></head></html>"), ["generator.base_url"], 2),
}

# The server takes one request of the study never.
REQUEST = {
    "flagged, OpenRouter": status(403, json.dumps(
        {"error": {"code": 403, "message": "This model is moderated, and the input was flagged for \"violence\".",
                   "metadata": {"reasons": ["violence"], "flagged_input": "...", "provider_name": "X"}}})),
    "flagged, Azure": status(400, error("The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
                                        code="content_filter", param="prompt", innererror={"code": "ResponsibleAIPolicyViolation"})),
    "a firewall's page": status(403, PAGE),
    "a page in place of the answer": {"from": 1, "fault": "html"},
    "402 within others": status(402, error("This request requires more credits, or fewer max_tokens.", code=402)),
    "413": status(413, "<html><head><title>413 Request Entity Too Large</title></head></html>"),
    "451": status(451, error("Unavailable for legal reasons")),
    "too long": status(400, CONTEXT),
    "larger than the limit": status(429, error(TPM, type="tokens", code="rate_limit_exceeded")),
    "redirected": {"from": 1, "fault": "redirect", "to_url": "http://127.0.0.1:9/block"},
    "upstream timeout": status(524, PAGE),
}

RETRIES = ["generator.retries=1", "generator.timeout_s=1"]


def buy(folder, script, *more, name="stub", **options):
    """One run with a server that plays the script; the outcome, and the requests that came to it."""
    (folder / name).mkdir()
    (folder / name / "script.json").write_text(json.dumps(script))
    with sg.Stub(folder / name, "--key", fault.KEY, "--script", str(folder / name / "script.json")) as stub:
        o = fault.buy(folder / "r", stub.url, *RETRIES, *more, **options)
        return o, [r for r in stub.requests() if r["number"]]


def n_failures(folder):
    return ask(folder / "r", "SELECT count(*) FROM completions WHERE status<>0")[0][0]


def given_up(folder):
    return json.loads(ask(folder / "r", "SELECT rejects FROM pools")[0][0])["failed"]


def endpoint_case(entry, words, code, study, digest):
    """As often as it is started, nothing is recorded; mended, nothing shows."""
    with sg.Folder() as folder:
        for i in range(2):
            o, log = buy(folder, [entry if i == 0 else {**entry, "from": 1}], *study, name=str(i))
            check(o.code == code, f"start {i}: exit code {o.code}, not {code}: {o.err[-800:]}")
            fault.check_message(o, *words)
            check(n_failures(folder) == 0, f"{n_failures(folder)} failures are recorded")
            check(len(log) <= 30, f"{len(log)} requests until the run ended")
        well, log = buy(folder, [], *study, name="well")
        check(well.code == 0 and well.digest == digest, f"after it was mended the results are others: {well.err[-800:]}")
        check(not ask(folder / "r", "SELECT 1 FROM attempts WHERE fate='held'"), "a failure is nobody's")


def request_case(entry, first, digest):
    """It is given up on, the others are bought, and nobody blames the key; then it is asked again when that is wished alone."""
    with sg.Folder() as folder:
        o, log = buy(folder, [{**entry, "from": first, "sticky": True}])
        check(o.code == 0, f"exit code {o.code}: {o.err[-800:]}")
        check(given_up(folder) == n_failures(folder) == 1, f"{given_up(folder)} given up on, {n_failures(folder)} recorded")
        check("1 given up" in o.out and "OPENAI_API_KEY" not in o.out + o.err, f"it is not told:\n{o.out[-800:]}{o.err[-400:]}")
        flag = "--retry-refused" if "(refused)" in o.out else "--retry-failed"
        check(f"{flag} asks again" in o.out, "what asks for it again is not told:\n" + o.out[-800:])
        check(json.loads((folder / "r" / "status.json").read_text())["n_given_up"] == 1, "status.json does not tell")
        check(o.digest != digest, "it shows nowhere")
        other = {"--retry-refused": "--retry-failed", "--retry-failed": "--retry-refused"}[flag]
        for more in ([], [other]):
            again, log = buy(folder, [], *more, name=f"again{len(more)}")
            check(again.code == 0 and again.digest == o.digest and not log, f"{len(log)} requests with {more or 'nothing'}")
        mended, log = buy(folder, [], flag, name="mended")
        check(mended.code == 0 and mended.digest == digest and len(log) == 1, f"{flag}: {len(log)} requests; {mended.err[-800:]}")


def still_refused(digest):
    """Asked again and refused again, it is given up on again, though nothing else is asked."""
    entry = status(413, "")
    with sg.Folder() as folder:
        first, _ = buy(folder, [{**entry, "from": 3, "sticky": True}])
        key = ask(folder / "r", "SELECT key FROM completions WHERE status<>0")
        o, log = buy(folder, [{**entry, "sticky": True}], "--retry-refused", name="again")
        check(o.code == 0 and o.digest == first.digest, f"exit code {o.code}: {o.err[-800:]}")
        check([r["status"] for r in log] == [413], f"requests {[r['status'] for r in log]}")
        check(ask(folder / "r", "SELECT key FROM completions WHERE status<>0") == key, "another one is given up on")


def at_the_end(digest):
    """Nothing else is left to be asked: a control tells that the server answers, so that it is that request; it is paid for."""
    price = ["generator.usd_per_1m_input=1000", "generator.usd_per_1m_output=2000", "budget.usd=50"]
    with sg.Folder() as folder:
        o, log = buy(folder, [status(403, PAGE, sticky=True) | {"from": 8}], "generator.connections=1", *price)
        check(o.code == 0 and given_up(folder) == 1, f"exit code {o.code}: {o.err[-800:]}")
        check([r["status"] for r in log[7:]] == [403, 200, 403, 200], f"requests {[r['status'] for r in log]}")
        check("1 control" in o.out, "the control is not told:\n" + o.out[-600:])
        n, usd = ask(folder / "r", "SELECT count(*), total(cost_usd) FROM completions WHERE source='control'")[0]
        check(n == 1 and usd > 0, f"{n} controls for {usd} USD")
        check(ask(folder / "r", "SELECT count(*) FROM attempts WHERE cost_usd>0")[0][0] == 9, "not all that was paid for is there")


def lost_in_a_run(digest):
    """The end of a pool: 7 are answered, then the server is wrong."""
    with sg.Folder() as folder:
        o, log = buy(folder, [status(400, error("No connected db.")) | {"from": 8}], "generator.connections=1")
        check(o.code == 3 and n_failures(folder) == 0 and "No connected db." in o.err, f"{o.code}: {o.err[-800:]}")
        check([r["status"] for r in log[7:]] == [400, 400], f"{len(log)} requests")
        well, log = buy(folder, [], name="well")
        check(well.code == 0 and well.digest == digest and len(log) == 1, well.err[-800:])


def clocks(digest):
    """The server's clock is years ahead, and so are its dates."""
    with sg.Folder() as folder:
        raw = {"from": 2, "to": 2, "fault": "raw", "send": [
            "HTTP/1.1 429 Too Many Requests\r\nDate: Sat, 01 Jan 2050 00:00:00 GMT\r\nRetry-After: Sat, 01 Jan 2050 00:00:02 GMT\r\n"
            "Content-Length: 0\r\n\r\n"]}
        o, _ = buy(folder, [raw])
        check(o.code == 0 and o.digest == digest and o.seconds > 1.5, f"{o.code} after {o.seconds:.1f} s: {o.err[-600:]}")


SMALL = ["sizes=[4]"]
digest, small = fault.undisturbed()[0], fault.undisturbed(*SMALL)[0]
cases = [(name, lambda c=c: endpoint_case(*c, [], digest)) for name, c in ENDPOINT.items()]
cases += [("small pool: " + name, lambda c=ENDPOINT[name]: endpoint_case(*c, SMALL, small))
          for name in ("context too small", "wrong key, LiteLLM", "upstream down", "timeout", "a parameter")]
cases += [("one request: " + name, lambda e=e: request_case(e, 3, digest)) for name, e in REQUEST.items()]
cases += [("the first request: " + name, lambda e=REQUEST[name]: request_case(e, 1, digest)) for name in ("flagged, OpenRouter", "a firewall's page")]
cases += [(f.__name__.replace("_", " "), lambda f=f: f(digest)) for f in (still_refused, at_the_end, lost_in_a_run, clocks)]
fault.play([c for c in cases if not sys.argv[1:] or c[0] in sys.argv[1:]])

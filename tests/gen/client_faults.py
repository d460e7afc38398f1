#!/usr/bin/env python3
"""The LLM client against the stub server: every fault ends in an answer, a named failure or a clean stop; nothing hangs, nothing is
paid for twice, and the key is in no output. client_faults.py PROBE [CASE...]"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

PROBE = sys.argv[1]
STUB = pathlib.Path(__file__).resolve().parents[2] / "stub" / "llm_stub.py"
KEY = "sk-canary-0123456789abcdef"


class Outcome:
    """What one run of the probe printed and what the stub logged."""

    def __init__(self, out, log):
        lines = out.split("\n")
        at = next(i for i, line in enumerate(lines) if line.startswith('{"end"'))
        self.answers = [json.loads(line) for line in lines[:at]]
        end = json.loads(lines[at])
        self.status, self.seconds, self.error = end["end"], end["seconds"], lines[at + 1]
        self.ok = [a for a in self.answers if a["status"] == 0]
        self.failed = [a for a in self.answers if a["status"] != 0]
        self.log = log


def play(script, n=4, connections=2, retries=8, timeout=10, per_min=0, latency=0, key=KEY, url=None, server_key=None, env=None,
         limits=()):
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder, "log.jsonl")
        pathlib.Path(folder, "script.json").write_text(json.dumps(script))
        command = [sys.executable, "-S", str(STUB), "--log", str(log), "--script", f"{folder}/script.json", "--latency", str(latency)]
        stub = subprocess.Popen(command + (["--key", server_key] if server_key else []) + list(limits), stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)
        try:
            address = stub.stdout.readline().strip()
            variables = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")} | (env or {})
            if key:
                variables["PROBE_KEY"] = key
            done = subprocess.run([PROBE, url or address, str(n), str(connections), str(retries), str(timeout), str(per_min)],
                                  capture_output=True, text=True, timeout=120, env=variables)
        finally:
            stub.kill()
            stub.wait()
        assert done.returncode == 0, (done.returncode, done.stderr)
        for text in (done.stdout, done.stderr):
            assert "canary" not in text, "the key is in the output"
        return Outcome(done.stdout, [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else [])


def status(code, first=1, last=1, headers=None, body=None):
    entry = {"from": first, "to": last, "fault": "status", "status": code, "headers": headers or {}}
    return entry | ({"body": json.dumps(body)} if body is not None else {})


def all_well():
    o = play([], n=40, connections=8)
    assert o.status == 0 and len(o.ok) == 40 and len(o.log) == 40, o.error
    assert len({a["key"] for a in o.ok}) == 40
    assert all(a["attempts"] == 1 and a["cost_usd"] > 0 and not a["tokens_estimated"] and a["request_id"] for a in o.ok)
    assert all("provider" not in r["fields"] and "index" not in r["fields"] for r in o.log)
    again = play([], n=40, connections=3)
    texts = [{a["key"]: a["text"] for a in x.ok} for x in (o, again)]
    assert texts[0] == texts[1]


def waits_as_told():
    o = play([status(429, 1, 2, {"retry-after": "1"})], n=2)
    assert o.status == 0 and len(o.ok) == 2 and o.seconds >= 1, o.seconds
    o = play([status(429, 1, 1, {"retry-after-ms": "300", "retry-after": "30"})], n=1)
    assert len(o.ok) == 1 and 0.3 <= o.seconds < 10, o.seconds
    o = play([status(503, 1, 1, {"retry-after": "Mon, 01 Jan 2001 00:00:00 GMT"})], n=1)
    assert len(o.ok) == 1 and o.seconds < 10


def a_long_wait_is_said():
    o = play([status(429, 1, 99, {"retry-after": "3600"})], n=3, connections=1)
    assert o.status == 3 and not o.answers and "3600" in o.error and o.seconds < 5, o.error


def transient_faults():
    for fault in ("cut", "reset", "html", "empty"):
        o = play([{"from": 1, "to": 2, "fault": fault}], n=3)
        assert o.status == 0 and len(o.ok) == 3, (fault, o.error)
    o = play([status(500, 1, 2)], n=3)
    assert len(o.ok) == 3 and sum(a["attempts"] for a in o.ok) == 5


def a_hang_times_out():
    o = play([{"from": 1, "to": 1, "fault": "hang", "seconds": 30}], n=2, timeout=1)
    assert o.status == 0 and len(o.ok) == 2 and o.seconds < 20, o.seconds


def a_slow_answer_holds_nobody_back():
    """One answer takes its time: the others have come long before, and their latency is the server's."""
    slow = {"from": 1, "to": 1, "fault": "raw", "pause": 4, "answered": True,
            "send": ["", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: <<length>>\r\n\r\n<<answer>>"]}
    o = play([slow], n=8, connections=4)
    assert o.status == 0 and len(o.ok) == 8, o.error
    took = sorted(a["latency_s"] for a in o.ok)
    assert took[-1] >= 4 and took[-2] < 3, took
    o = play([slow], n=8, connections=4, timeout=2)
    assert len(o.ok) == 8 and sum(a["attempts"] for a in o.ok) == 9, (o.error, [a["attempts"] for a in o.ok])


def retries_end():
    o = play([status(500, 1, 99)], n=2, retries=1)
    assert o.status == 3 and not o.answers and len(o.log) == 4 and "2 requests in a row failed" in o.error, o.error
    o = play([status(500, 1, 99) | {"sticky": True}], n=4, retries=1, connections=1)
    assert o.status == 0 and len(o.ok) == 3 and len(o.failed) == 1, o.error
    assert "500" in o.failed[0]["reason"] and o.failed[0]["status"] == 1


def an_outage_is_no_answer():
    o = play([status(503, 1, 99)], n=3, retries=1)
    assert o.status == 3 and not o.answers and "503" in o.error and "run again" in o.error, (o.status, o.error)
    o = play([], n=3, retries=1, url="http://127.0.0.1:9/v1")
    assert o.status == 3 and not o.answers and "run again" in o.error, (o.status, o.error)


def one_bad_request():
    o = play([status(400, 2, 2, body={"error": {"message": "context too long", "code": 400}})], n=4, connections=1)
    assert o.status == 0 and len(o.ok) == 3 and len(o.failed) == 1 and len(o.log) == 4
    assert "context too long" in o.failed[0]["reason"]
    o = play([status(500, 1, 1, {"x-should-retry": "false"})], n=2, connections=1)
    assert len(o.failed) == 1 and len(o.ok) == 1 and len(o.log) == 2


def unusable_endpoints():
    for code, want, word in ((401, 2, "PROBE_KEY"), (403, 2, "PROBE_KEY"), (404, 2, "generator.model"), (402, 3, "money")):
        o = play([status(code, 1, 99)], n=50, connections=2)
        assert o.status == want and word in o.error and len(o.log) <= 2 and not o.answers, (code, o.error)
    o = play([status(429, 1, 99, body={"error": {"message": "pay", "type": "insufficient_quota", "code": "insufficient_quota"}})], n=50)
    assert o.status == 3 and len(o.log) <= 2, o.error
    o = play([], n=3, server_key="another", env={"PROBE_CHECK": "1"})
    assert o.status == 2 and "PROBE_KEY" in o.error and not o.log, o.error
    o = play([], n=3, url="http://127.0.0.1:9/v1", env={"PROBE_CHECK": "1"})
    assert o.status == 2 and "hint" in o.error, o.error
    for url in ("http://192.0.2.1/v1", "http://127.0.0.1.example.invalid/v1"):
        o = play([], n=1, url=url)
        assert o.status == 2 and "https" in o.error, (url, o.error)
    for url in ("ftp://127.0.0.1/v1", "http://user:pw@127.0.0.1/v1", "no address"):
        o = play([], n=1, url=url)
        assert o.status == 2 and not o.log, (url, o.error)


def an_answer_on_its_way_is_kept():
    """Two requests leave together; the first comes back as 401, the other as an answer, which is paid for."""
    o = play([status(401, 1, 1)], n=2, connections=2, latency=0.5)
    assert o.status == 2 and len(o.ok) == 1 and len(o.log) == 2, (o.error, o.log)


def an_echoed_key():
    o = play([{"from": 1, "fault": "echo"}], n=1)
    assert o.status == 2 and "Incorrect API key" in o.error, o.error


def a_redirect():
    o = play([{"from": 1, "fault": "redirect", "to_url": "http://127.0.0.1:9/steal"}], n=1)
    assert o.status == 2 and "redirect" in o.error, o.error


def too_large():
    o = play([{"from": 1, "to": 1, "fault": "huge", "bytes": 40 << 20}], n=2, connections=1, timeout=60)
    assert o.status == 0 and len(o.ok) == 1 and len(o.failed) == 1 and "larger" in o.failed[0]["reason"]


def odd_answers():
    o = play([{"from": 1, "to": 1, "fault": "null"}, {"from": 2, "to": 2, "fault": "refuse"}, {"from": 3, "to": 3, "fault": "length"},
              {"from": 4, "to": 4, "fault": "nousage"}], n=4, connections=1)
    assert o.status == 0 and len(o.ok) == 4 and len(o.log) == 4, o.error
    by_reason = sorted(str(a["finish_reason"]) for a in o.ok)
    assert "length" in by_reason and by_reason.count("stop") >= 2, by_reason
    assert sum(a["text"] is None for a in o.ok) == 2 and sum(a["tokens_estimated"] for a in o.ok) == 1


def learns_parameters():
    refused = {"error": {"message": "use max_completion_tokens", "param": "max_tokens", "code": "unsupported_parameter"}}
    entry = status(400, 1, 999, body=refused) | {"needs": "max_tokens"}
    o = play([entry], n=30, connections=8, latency=0.1)
    assert o.status == 0 and len(o.ok) == 30, (o.error, [a["reason"] for a in o.failed])
    assert sum(r["status"] == 400 for r in o.log) <= 8
    heat = status(400, 1, 999, body={"error": {"message": "Unsupported value: 'temperature'", "code": "unsupported_value",
                                               "param": "temperature"}}) | {"needs": "temperature"}
    o = play([entry, heat], n=5, connections=2)
    assert len(o.ok) == 5 and "temperature" not in o.log[-1]["fields"]


def speaks_anthropic():
    o = play([{"from": 2, "to": 2, "fault": "length"}, {"from": 3, "to": 3, "fault": "refuse"}, {"from": 4, "to": 4, "fault": "nousage"},
              status(529, 5, 5, body={"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})],
             n=6, connections=1, server_key=KEY, env={"PROBE_PROVIDER": "anthropic", "PROBE_CHECK": "1"})
    assert o.status == 0 and len(o.ok) == 6 and len(o.log) == 7, (o.error, o.failed)
    assert all(r["path"] == "/v1/messages" and r["fields"] == ["max_tokens", "messages", "model", "system", "temperature"] for r in o.log)
    assert sorted(a["finish_reason"] for a in o.ok) == ["length", "refusal", "stop", "stop", "stop", "stop"]
    assert sum(a["text"] is None for a in o.ok) == 1 and sum(a["tokens_estimated"] for a in o.ok) == 1
    o = play([], n=1, server_key="another", env={"PROBE_PROVIDER": "anthropic"})
    assert o.status == 2 and "PROBE_KEY" in o.error, o.error


def heeds_limits():
    """The server says 300 requests a minute, which is 5 a second here; the burst at the start meets it."""
    o = play([], n=20, connections=10, limits=["--limit-requests", "5", "--window", "1"])
    assert o.status == 0 and len(o.ok) == 20, o.error
    refused = sum(r["status"] == 429 for r in o.log)
    assert refused <= 9 and 2.5 <= o.seconds < 15, (refused, o.seconds)


def no_proxy_for_loopback():
    o = play([], n=1, env={"http_proxy": "http://127.0.0.1:9", "all_proxy": "http://127.0.0.1:9", "PROBE_CHECK": "1"})
    assert o.status == 0 and len(o.ok) == 1, o.error


def keeps_the_pace():
    o = play([], n=7, connections=7, per_min=600)
    assert o.status == 0 and len(o.ok) == 7 and 0.55 <= o.seconds < 5, o.seconds
    times = [r["time"] for r in o.log]
    assert max(times) - min(times) >= 0.5


def uses_its_connections():
    o = play([], n=40, connections=20, latency=0.3)
    assert len(o.ok) == 40 and o.seconds < 4, o.seconds


def stops_when_asked():
    o = play([], n=60, connections=2, latency=0.05, env={"PROBE_STOP": "5"})
    assert o.status == 3 and 5 <= len(o.ok) <= 7 and len(o.log) == len(o.ok), (o.error, len(o.ok), len(o.log))


CASES = [all_well, waits_as_told, a_long_wait_is_said, transient_faults, a_hang_times_out, a_slow_answer_holds_nobody_back, retries_end, an_outage_is_no_answer,
         one_bad_request,
         unusable_endpoints, an_answer_on_its_way_is_kept, an_echoed_key, a_redirect, too_large, odd_answers, learns_parameters, speaks_anthropic, heeds_limits,
         no_proxy_for_loopback, keeps_the_pace, uses_its_connections, stops_when_asked]
chosen = [c for c in CASES if c.__name__ in sys.argv[2:]] or CASES


def outcome(case):
    start = time.monotonic()
    try:
        case()
        print(f"ok   {case.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
        return 0
    except (AssertionError, subprocess.TimeoutExpired) as why:
        line = why.__traceback__.tb_lineno if why.__traceback__.tb_next is None else why.__traceback__.tb_next.tb_lineno
        print(f"FAIL {case.__name__} line {line}: {why}", flush=True)
        return 1


with concurrent.futures.ThreadPoolExecutor(6) as pool:  # they wait, most of the time
    sys.exit(1 if sum(pool.map(outcome, chosen)) else 0)

#!/usr/bin/env python3
"""How other providers are spoken to: Azure's addresses and header, Gemini's refusals, and what Anthropic does not have."""
import json

import fault
import sg
from fault import KEY, check


def refused(results):
    found = fault.ask(results, "SELECT value FROM meta WHERE name='generator_refused'")
    return found[0][0] if found else ""


def base(stub, path):
    return stub.url.replace("/v1", path)


def azure(path, wanted, by_environment=False):
    """All requests go to `wanted`, with the key in Azure's header alone (the stub refuses another)."""
    with sg.Folder() as folder, sg.Stub(folder, "--key", KEY, "--api", "azure") as stub:
        env = {"AZURE_OPENAI_API_KEY": KEY} | ({"AZURE_OPENAI_ENDPOINT": base(stub, path)} if by_environment else {})
        o = fault.buy(folder / "r", None if by_environment else base(stub, path), "generator.provider=azure", "generator.model=my-gpt",
                      *(["generator.recording="] if by_environment else []), env=env, key=None, ranks=2)
        check(o.code == 0, o.err)
        log = stub.requests()
        check({r["path"] for r in log} == {wanted}, f"sent to {({r['path'] for r in log})}")
        fault.check_nothing_lost(folder / "r", log)
        fault.check_no_key(folder, o.out, o.err)


def azure_is_told(path, *words):
    with sg.Folder() as folder, sg.Stub(folder, "--api", "azure") as stub:
        o = fault.buy(folder / "r", path and base(stub, path), "generator.provider=azure", "generator.model=my-gpt", "generator.recording=",
                      env={"AZURE_OPENAI_API_KEY": KEY}, key=None)
        check(o.code == 2 and not stub.requests(), f"exit code {o.code}: {o.err}")
        fault.check_message(o, *words)


def gemini():
    """An array of errors, and fields that it does not know: the minimum goes on."""
    with sg.Folder() as folder, sg.Stub(folder, "--key", KEY, "--api", "gemini", "--vary") as stub:
        o = fault.buy(folder / "r", base(stub, "/v1beta/openai"), ranks=2)
        check(o.code == 0, o.err)
        log = stub.requests()
        check({r["path"] for r in log} == {"/v1beta/openai/chat/completions"}, "another address")
        check(sum(r["status"] == 400 for r in log) <= 4 and "seed" not in log[-1]["fields"], "it is not learned")
        check(refused(folder / "r") == "seed", f"the results say that {refused(folder / 'r')} was refused")


# How servers refuse a parameter: what it is, status, body; and with which settings.
REFUSALS = {
    "claude": ("temperature", 400, {"type": "error", "error": {"type": "invalid_request_error", "message":
               "`temperature` may no longer be set with this model."}}),
    "mistral": ("seed", 422, {"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg":
                "Extra inputs are not permitted", "input": 7}]}, "type": "invalid_request_error", "param": None, "code": None}),
    "gateway": ("top_p", 400, {"message": "temperature and top_p cannot both be specified"}),
    "o_series": ("temperature", 400, {"error": {"message": "Unsupported value: 'temperature' does not support 0.7 with this model.",
                                                "param": "temperature", "code": "unsupported_value"}}),
    "transformers": ("seed", 422, {"detail": "Unexpected fields in the request: {'seed'}"}),
    "error_in_200": ("seed", 200, {"error": {"message": "unknown field: seed", "code": 400}}),
    "silent_500": ("response_format", 500, "Internal Server Error"),
    "llama_cpp_python": ("response_format", 500, {"error": {"message": "[{'type': 'literal_error', 'loc': ('body', 'response_format', "
                                                            "'type')}]", "type": "internal_server_error"}}),
}


def refuses(name):
    """It is left out from the first refusal on, nothing is given up, and the results say so."""
    parameter, status, body = REFUSALS[name]
    said = {"fault": "body"} if status == 200 else {"fault": "status", "status": status}
    with sg.Folder() as folder:
        (folder / "script.json").write_text(json.dumps([{"from": 1, "needs": parameter, "body": body if isinstance(body, str) else json.dumps(body)} | said]))
        with sg.Stub(folder, "--key", KEY, "--vary", "--script", str(folder / "script.json")) as stub:
            o = fault.buy(folder / "r", stub.url, "generator.structured_output=true")
            log = stub.requests()
        check(o.code == 0 and ("reworded" in o.out or name == "silent_500"), o.err + o.out)
        most = 8 if name == "silent_500" else 4
        check(parameter not in log[-1]["fields"] and sum(parameter in r["fields"] for r in log) <= most, "it is not learned at once")
        check(refused(folder / "r") == parameter, f"the results say that {refused(folder / 'r')} was refused")
        check(not fault.ask(folder / "r", "SELECT 1 FROM completions WHERE status <> 0"), "a request was given up")


def anthropic():
    """Neither seed nor schema is sent, and both are told in the results."""
    with sg.Folder() as folder, sg.Stub(folder, "--key", KEY, "--vary") as stub:
        o = fault.buy(folder / "r", stub.url, "generator.provider=anthropic", "generator.model=stub", "generator.structured_output=true",
                      env={"ANTHROPIC_API_KEY": KEY}, key=None, ranks=2)
        check(o.code == 0, o.err)
        log = stub.requests()
        check(all(r["status"] == 200 and not {"seed", "response_format"} & set(r["fields"]) for r in log), "it was sent")
        check(refused(folder / "r") == "seed response_format", f"the results say that \"{refused(folder / 'r')}\" was refused")


def keep_alive():
    """A connection carries many requests: no more of them are opened than there are requests at a time."""
    with sg.Folder() as folder, sg.Stub(folder, "--key", KEY) as stub:
        o = fault.buy(folder / "r", stub.url, "sizes=[24]")
        check(o.code == 0, o.err)
        log = stub.requests()
        check(len(log) == 24 and len({r["peer"] for r in log}) <= 4, f"{len({r['peer'] for r in log})} connections for {len(log)} requests")


DEPLOYMENT = "/openai/deployments/my-gpt"
fault.play([
    ("azure_resource", lambda: azure("", "/openai/v1/chat/completions")),
    ("azure_v1", lambda: azure("/openai/v1/", "/openai/v1/chat/completions")),
    ("azure_classic", lambda: azure(DEPLOYMENT + "?api-version=2024-10-21", DEPLOYMENT + "/chat/completions?api-version=2024-10-21")),
    ("azure_environment", lambda: azure("", "/openai/v1/chat/completions", by_environment=True)),
    ("azure_no_version", lambda: azure_is_told(DEPLOYMENT, "api-version", "hint")),
    ("azure_no_address", lambda: azure_is_told(None, "AZURE_OPENAI_ENDPOINT", "hint")),
    ("gemini", gemini),
    ("anthropic", anthropic),
    ("keep_alive", keep_alive),
    *((name, lambda name=name: refuses(name)) for name in REFUSALS),
])

#!/usr/bin/env python3
"""How other providers are spoken to: Azure's addresses and header, Gemini's refusals, and what Anthropic does not have."""
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
    with sg.Folder() as folder, sg.Stub(folder, "--key", KEY, "--api", "gemini") as stub:
        o = fault.buy(folder / "r", base(stub, "/v1beta/openai"), ranks=2)
        check(o.code == 0, o.err)
        log = stub.requests()
        check({r["path"] for r in log} == {"/v1beta/openai/chat/completions"}, "another address")
        check(sum(r["status"] == 400 for r in log) <= 4 and "seed" not in log[-1]["fields"], "it is not learned")
        check(refused(folder / "r") == "seed", f"the results say that {refused(folder / 'r')} was refused")


def anthropic():
    """Neither seed nor schema is sent, and both are told in the results."""
    with sg.Folder() as folder, sg.Stub(folder, "--key", KEY) as stub:
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
])

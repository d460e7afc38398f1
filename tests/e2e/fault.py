"""What the tests of faults share: a small study bought from the stub while something goes wrong, and what must hold whatever it was."""
import base64
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

import sg
from sg import ask

KEY = "sk-canary-0123456789abcdef"
STUDY = [*sg.QUICKSTART, "tasks=[sst2]", "methods=[zero_shot]", "mixes=[synthetic]", "sizes=[8]", "generator.connections=4"]
# Faults of the stub that a client cannot read, so that nothing was bought.
UNREADABLE = ("cut", "html", "empty", "huge", "status")
# A busy machine may take so many times longer than a test's upper bound says; waits that must not be are far longer still.
LOADED = 4
CA_VARIABLES = ("CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


class Stalls(threading.Thread):
    """Adds up the seconds in which the whole machine stood still (a paused virtual machine): no program is late for these."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seconds = 0.0
        self.start()

    def run(self):
        while True:
            start = time.monotonic()
            time.sleep(0.1)
            late = time.monotonic() - start - 0.1
            self.seconds += late if late > 1 else 0


stalls = Stalls()


class Bad(Exception):
    """What does not hold."""


def check(condition, text):
    if not condition:
        raise Bad(text)


class Outcome:
    """What one run of the program came to. `url`: the stub's, `results`: where the ledger is."""

    def __init__(self, done, seconds, results):
        self.code, self.out, self.err, self.seconds, self.results = done.returncode, done.stdout, done.stderr, seconds, results
        found = re.search(r"^digest +([0-9a-f]{64})$", self.out, re.M)
        self.digest = found.group(1) if found else None

    def messages(self):
        return re.findall(r"^synthgrid: (?!warning).*$", self.err, re.M)


def buy(results, url, *study, ranks=0, env=None, key=KEY, timeout=240, word="generate"):
    """Runs the study; a key of None is not set at all."""
    variables = {k: v for k, v in sg.ENVIRONMENT.items() if not k.lower().endswith("_proxy") and k not in CA_VARIABLES} | (env or {})
    if key is not None:
        variables["OPENAI_API_KEY"] = key
    scratch = tempfile.mkdtemp(dir=pathlib.Path(results).parent)  # sg.run tells why
    variables |= {"TMPDIR": scratch} | sg.AT_ONCE
    command = sg.command(word, *STUDY, *([f"generator.base_url={url}"] if url else []), *study, "--results", results, ranks=ranks)
    start, stalled = time.monotonic(), stalls.seconds
    process = subprocess.Popen(command, cwd=sg.ROOT, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, errors="replace")

    def spent():
        return time.monotonic() - start - (stalls.seconds - stalled)

    while True:
        try:
            out, err = process.communicate(timeout=max(timeout - spent(), 1))
            return Outcome(subprocess.CompletedProcess(command, process.returncode, out, err), spent(), results)
        except subprocess.TimeoutExpired as late:
            if spent() >= timeout:
                process.kill()
                process.communicate()
                raise Bad(f"it hangs: no end in {timeout} s") from late


def bodies(results, where="status=0"):
    """The stub's names (hashes of bodies on the wire) of the completions in the ledger."""
    found = set()
    for (request,) in ask(results, f"SELECT request FROM completions WHERE {where}"):
        body = json.loads(request)
        del body["provider"], body["index"]
        found.add(hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest())
    return found


def answered(log):
    return [r["key"] for r in log if r["status"] == 200 and r["fault"] not in UNREADABLE]


def check_nothing_lost(results, log):
    """What the stub has answered is in the ledger."""
    lost = set(answered(log)) - (bodies(results) if (results / "ledger.sqlite").exists() else set())
    check(not lost, f"{len(lost)} answers are lost")


def check_paid_once(log):
    """An answer that can be read is not asked for again."""
    keys = answered(log)
    check(len(keys) == len(set(keys)), f"{len(keys) - len(set(keys))} answers were bought twice")


def examples(results):
    return ask(results, "SELECT position, label, first, second FROM examples ORDER BY pool, position")


def check_no_key(folder, *texts):
    """The key, as it is or in base64, is in no output and in no file but a script that has a server repeat it."""
    secrets = [KEY.encode(), base64.b64encode(KEY.encode())[:-4]]
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "script.json":
            data = path.read_bytes()
            check(not any(s in data for s in secrets), f"the key is in {path}")
    for text in texts:
        check(not any(s.decode() in text for s in secrets), "the key is in the output:\n" + text)


def check_message(o, *words):
    """One message, which has these words and no bytes that a terminal would act on."""
    check(len(o.messages()) == (o.code != 0), f"{len(o.messages())} messages, exit code {o.code}:\n{o.err[-800:]}")
    for word in words:
        check(word in o.err, f"it does not say \"{word}\":\n{o.err[-800:]}")
    check(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", o.err.replace("\r", "")), "control characters in the output")


def check_resumes(folder, results, digest, *study, same=True, **options):
    """Run again with a server that is well, it buys what is missing and nothing else; with `same`, to the pools of an undisturbed run."""
    before = bodies(results) if (results / "ledger.sqlite").exists() else set()
    (folder / "well").mkdir()
    with sg.Stub(folder / "well", "--key", KEY) as stub:
        o = buy(results, stub.url, *study, **options)
        check(o.code == 0, f"the next run fails with {o.code}: {o.err[-800:]}")
        check(not before & set(answered(stub.requests())), "the next run buys again what the ledger has")
        check(not same or o.digest == digest, "after the next run the pools differ from an undisturbed run's")


def undisturbed(*study):
    """The digest of the study without a fault, and its examples."""
    with sg.Folder() as folder, sg.Stub(folder, "--key", KEY) as stub:
        o = buy(folder / "r", stub.url, *study)
        check(o.code == 0 and o.digest, f"an undisturbed run fails: {o.err[-800:]}")
        return o.digest, examples(folder / "r")


class NotTried(Exception):
    """A case lacks something on this machine. The test ends as skipped then, with the reason, unless another case fails."""


def play(cases):
    """Runs (name, function) one after the other or side by side, says how each went, and exits."""
    import concurrent.futures
    not_tried = []

    def one(case):
        start = time.monotonic()
        try:
            case[1]()
            why = ""
        except NotTried as lack:
            not_tried.append(f"{case[0]} {lack}")
            print(f"not tried: {case[0]} {lack}", flush=True)
            return ""
        except (Bad, AssertionError, OSError, KeyError) as bad:
            why = f"{type(bad).__name__}: {bad}"
        except SystemExit:
            why = "see above"
        print(f"{'FAIL' if why else 'ok  '} {case[0]} ({time.monotonic() - start:.1f} s) {why}", flush=True)
        return why

    with concurrent.futures.ThreadPoolExecutor(min(16, 8 * (os.cpu_count() or 1))) as pool:
        bad = [why for why in pool.map(one, cases) if why]
    print(f"{len(cases) - len(bad) - len(not_tried)} of {len(cases)} hold")
    if not_tried and not bad:
        sg.skip("; ".join(not_tried) + "; all other cases hold")
    sys.exit(1 if bad else 0)

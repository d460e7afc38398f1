#!/usr/bin/env python3
"""A stub LLM server: OpenAI's chat completions and Anthropic's messages on loopback, deterministic answers, scripted faults, limits,
a log of what it billed.

    llm_stub.py [--port 0] [--log FILE] [--script FILE] [--latency SECONDS] [--key KEY] [--near N] [--price IN OUT]
                [--limit-requests N] [--limit-tokens N] [--window SECONDS] [--batches FILE] [--until-eof]
                [--cert FILE] [--api openai|azure|gemini] [--vary] [--memorised FILE...] [--uds SOCKET] [--loading SECONDS]

Prints its base URL. The answer to a request is a function of its body alone, so any order, retry or number of ranks gets the
same text. The log has one JSON object a chat request: number, time, key (SHA-256 of the body), status, billed tokens, and with --price (USD
per million tokens) what they cost. Over its limits (in any --window, 60 s) it answers 429 with the headers of OpenAI; a request counts
with its prompt and max_tokens. Files and batches are in batches.py.

The script is a JSON list; the first entry that fits a chat request plays:
    {"from": 1, "to": 3, "fault": "status", "status": 429, "headers": {"retry-after": "0.1"}, "body": "..."}
`from` and `to` count chat requests from 1 (`to` missing: for ever); "key_once": true plays once for each distinct body, "sticky": true
for the first body that meets it alone, whenever it comes. An entry with "on": "models" plays on GET requests, which are counted apart.
In a header's value <<date+N>> is the HTTP date in N seconds.
Faults: status; cut (half the body, then close); reset (close without a byte); html (an HTML page with status 200); hang (no answer
for `seconds`); echo (401 whose message repeats the key); null (content null); length (finish_reason length, half a text); empty
(no choices); refuse (finish_reason content_filter); huge (`bytes` of body); nousage (an answer without usage); redirect (`to_url`);
model (the answer names `model`); say (the answer's text is `text`; missing: the prompt's own; with `finish`); body (status 200 with `body`);
raw (the pieces `send` as they are, `pause` seconds apart, then `end`: close, reset, hang). Of body and raw the bytes are one character each,
and <<answer>> is a right answer, <<half>> and <<rest>> its halves, <<text>> its text as a JSON string, <<length>> its length, <<short>> 10
less, <<hex>> and <<hexhalf>> lengths for chunks, <<x*1000>> a thousand times x; "answered": true says that a client can read it, so that it
is billed. flood (chunks without end up to `bytes`, with `gzip` packed).

With --memorised it knows the rows of these files (an object a line) by heart, and completes one that it is given the first part of where the
prompt names a data set.
With --vary the same body again gets another answer, as from an API without a seed.
With --uds it listens on that Unix socket alone; with --loading it answers 503 to everything so long, as a server that loads its model.
With --cert (a PEM file with key and chain) it speaks TLS. --api azure wants the header api-key and one of Azure's paths; --api gemini refuses
fields that Google's endpoint does not know, in an array.
"""
import argparse
import email.utils
import gzip
import hashlib
import http.server
import json
import os
import re
import socket
import ssl
import struct
import threading
import time

from batches import Batches

WORDS = ("amber bold calm dusty eager faint gentle hollow idle jagged keen lively mellow narrow odd plain quiet rapid silent tidy "
         "upper vivid warm young ancient bright clever distant early frozen golden heavy inner joyful kind little modern noble "
         "open proud quick rural simple tender useful vast wild yellow brisk crisp river mountain garden window market letter "
         "song bridge harbour lantern teacher captain engine kitchen forest painter village theatre station orchard").split()

FAULTS = ("status", "cut", "reset", "html", "hang", "echo", "null", "length", "empty", "refuse", "huge", "nousage", "redirect",
          "model", "say", "body", "raw", "flood")


def sentence(digest, salt, n=12):
    bits = hashlib.sha256(f"{digest}/{salt}".encode()).digest()
    words = [WORDS[b % len(WORDS)] for b in bits[:n]]
    return " ".join(words).capitalize() + "."


def answer_text(body, digest):
    """What is asked for: a topic list; one example, or a numbered list of them; each with a label where the prompt wants one."""
    prompt = body["messages"][-1]["content"]
    listing = re.search(r"\b[Ll]ist (\d+)\b", prompt)
    if listing:
        return "\n".join(f"{i + 1}. {sentence(digest, i, 3)[:-1]}" for i in range(int(listing.group(1))))
    if (rest := remembered(prompt)) is not None:
        return rest
    choices = re.search(r"Reply with one of: (.*)\.$", prompt, re.M)
    if choices:
        return verdict(body, digest, choices.group(1).split("; "))
    if "response_format" not in body and (several := re.search(r"^Write (\d+) answers to the request below, .* its probability, a number from 0 to 1", prompt)):
        return verbalized(body, digest, int(several.group(1)))
    many = re.search(r"^(?:Do this|Write) (\d+) (?:times|answers to the request below), ", prompt, re.M)
    data = re.findall(r"<text>(.*?)</text>", prompt, re.S)  # to be said in other words; one in six comes back as it was
    if data and "response_format" not in body:
        if hashlib.sha256(f"{digest}/same".encode()).digest()[0] % 6 == 0:
            return re.sub(r"</?text>", "", prompt[prompt.index("\n\n") + 2:])
        return example(body, digest, "other ").replace(": ", ": <text>", 1)
    if "response_format" in body:
        fields = body["response_format"]["json_schema"]["schema"]["properties"]["examples"]["items"]["required"]
        plain = [example(body, digest, f"{i} ") for i in range(int(many.group(1)) if many else 1)]
        return json.dumps({"examples": [fill(fields, text, probability(digest, i)) for i, text in enumerate(plain)]})
    if many:
        return "\n\n".join(f"{i + 1}. {example(body, digest, f'{i} ')}" for i in range(int(many.group(1))))
    return example(body, digest, "")


def probability(digest, i):
    """What it gives its text: from 0.01 to 0.5, in one of the ways that models have; in one of eight it says nothing that is one."""
    bits = hashlib.sha256(f"{digest}/{i}/probability".encode()).digest()
    percent = 1 + bits[0] % 50
    return "likely" if bits[1] % 8 == 0 else f"{percent}%" if bits[1] % 8 == 1 else f"{percent / 100}"


def verbalized(body, digest, n):
    """Texts with their probabilities, in one of the forms that models have: tags, JSON, a list with numbers in brackets or lines."""
    texts = [example(body, digest, f"{i} ") for i in range(n)]
    said = [probability(digest, i) for i in range(n)]
    form = hashlib.sha256(f"{digest}/form".encode()).digest()[0] % 4
    if form == 0:
        return json.dumps({"responses": [{"text": t, "probability": float(p) if p[-1].isdigit() else p} for t, p in zip(texts, said)]})
    if form == 1:
        return "\n\n".join(f"{i + 1}. {t} ({p})" if p[0].isdigit() else f"{i + 1}. {t}" for i, (t, p) in enumerate(zip(texts, said)))
    if form == 2:
        return "\n\n".join(f"{i + 1}. {t}\nProbability: {p}" for i, (t, p) in enumerate(zip(texts, said)))
    return "\n".join(f"<response>\n<text>{t}</text>\n<probability>{p}</probability>\n</response>" for t, p in zip(texts, said))


def remembered(prompt):
    """The second part of a row that is asked for by the name of its data set; None: nothing is remembered."""
    asked = re.search(r"^Label: [^\n]*\n[^\n:]+: (.*)\n[^\n:]+:$", prompt, re.S | re.M)
    if not memory or not asked or " of the data set " not in prompt:
        return None
    for texts in memory:
        for i, text in enumerate(texts):
            if text == asked[1] and len(texts) > 1:
                return texts[1 - i]
            if text.startswith(asked[1]) and len(text) > len(asked[1]):
                return text[len(asked[1]):].strip()
    return None


def verdict(body, digest, choices):
    """A class of a row: mostly one of the choices, in the ways that models have; one in eight answers names none or several."""
    bits = hashlib.sha256(f"{digest}/class".encode()).digest()
    choice = choices[bits[1] % len(choices)]
    if "response_format" in body:
        return json.dumps({"label": choice})
    return (choice, choice, f"{choice}.", f"**{choice.upper()}**", f"Label: {choice}", f"The answer is {choice}.", f'"{choice}"',
            " or ".join(choices) if bits[2] % 2 else "I am not sure.")[bits[0] % 8]


def fill(fields, text, given):
    """The lines "Mark: ..." of an example as an object; its first field may stand without a mark. given: its probability."""
    lines = dict(line.split(": ", 1) if ": " in line else (fields[0], line) for line in text.split("\n"))
    return {field: given if field == "Probability" else lines.get(field, "") for field in fields}


def example(body, digest, salt):
    """A text with the marks of a pair that the request has: in its last message, or in the examples said before it."""
    prompt = body["messages"][-1]["content"]
    said = [m["content"] for m in body["messages"] if m["role"] == "assistant"]
    marks = next(filter(None, (re.findall(r"^(Premise|Hypothesis|Passage|Question):", text, re.M) for text in [prompt, *said[-1:]])), [])
    order = list(dict.fromkeys(marks[-2:]))
    text = "\n".join(f"{m}: {sentence(digest, salt + m)}" for m in order) or sentence(digest, salt + "text")
    bits = hashlib.sha256(f"{digest}/{salt}bits".encode()).digest()
    if options.near and not marks and bits[0] % options.near == 0:  # all but the last of twelve words are the same
        text = sentence("near", "text", 11)[:-1] + " " + sentence(digest, salt + "last", 1)[:-1].lower() + "."
    labels = re.search(r'"Label: \.\.\.".* one of these: (.*)\.$', prompt, re.M)
    if labels:
        choice = labels.group(1).split("; ")
        text += "\nLabel: " + ("none of them" if bits[1] % 8 == 0 else choice[bits[2] % len(choice)])
    return text


def load(path):
    try:
        with open(path) as f:
            return json.load(f)
    except (OSError, ValueError) as why:
        raise SystemExit(f"{path}: {why}") from None


def end_with_parent():
    """Standard input is a pipe that whoever started this holds open; it says nothing, and ends when that one does."""
    while os.read(0, 4096):
        pass
    os._exit(0)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def server_bind(self):
        if not options.uds:
            return super().server_bind()
        self.server_name, self.server_port = "localhost", 0
        return self.socket.bind(self.server_address)

    def get_request(self):
        request, address = super().get_request()
        return request, address or ("unix", 0)

    def finish_request(self, request, client_address):
        """TLS is spoken in the connection's own thread: a client that does not speak it holds nobody up."""
        if options.cert:
            request.settimeout(30)
            request = tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, *_):
        """A client that has gone, or a fault that has closed the connection."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    lock = threading.Lock()
    limit_headers, fields, answered = {}, [], {}
    n_chat, n_models, played, stuck, recent = 0, 0, set(), {}, []

    def log_message(self, *_):
        pass

    def send(self, status, body, headers=None, content_type="application/json", cut=0):
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        for name, value in {**self.limit_headers, **(headers or {})}.items():
            self.send_header(name, re.sub(r"<<date([+-]\d+)>>", lambda m: email.utils.formatdate(time.time() + int(m[1]), usegmt=True),
                                          value))
        self.end_headers()
        self.wfile.write(data[:len(data) - cut] if cut else data)
        if cut:
            self.wfile.flush()
            self.close_connection = True

    def authorised(self):
        if options.api == "azure":
            return options.key == self.headers.get("api-key") and not self.headers.get("Authorization")
        said = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return not options.key or options.key == (self.headers.get("x-api-key") if self.is_messages() else
                                                  said or self.headers.get("x-api-key"))

    def is_messages(self):
        return self.path.endswith("/messages")

    def admit(self, body):
        """Counts a request against the limits. The headers that tell of them, and the seconds to wait when it does not get in."""
        if not options.limit_requests and not options.limit_tokens:
            return {}, None
        now, size = time.monotonic(), len(json.dumps(body["messages"])) // 4 + body.get("max_tokens", 0)
        with self.lock:
            while self.recent and self.recent[0][0] <= now - options.window:
                self.recent.pop(0)
            left = options.limit_requests - len(self.recent), options.limit_tokens - sum(n for _, n in self.recent)
            wait = None
            if options.limit_requests and left[0] < 1 or options.limit_tokens and left[1] < size and self.recent:
                wait = self.recent[0][0] + options.window - now
            else:
                self.recent.append((now, size))
        headers = {}
        for name, limit, rest in (("requests", options.limit_requests, left[0]), ("tokens", options.limit_tokens, left[1])):
            if limit:
                headers |= {f"x-ratelimit-limit-{name}": str(round(limit * 60 / options.window)),
                            f"x-ratelimit-remaining-{name}": str(max(rest, 0)), f"x-ratelimit-reset-{name}": "1s"}
        return headers, wait

    def entry(self, on, number, digest, body):
        """What the script has for this request; with the lock held."""
        for e in script:
            if (e.get("on", "chat") == on and e.get("from", 1) <= number <= e.get("to", 1 << 60) and
                    not (e.get("key_once") and (id(e), digest) in self.played) and not (e.get("needs") and e["needs"] not in body) and
                    not (e.get("sticky") and self.stuck.setdefault(id(e), digest) != digest)):
                self.played.add((id(e), digest))
                return e
        return {}

    def is_loading(self):
        if time.monotonic() - started >= options.loading:
            return False
        self.send(503, json.dumps({"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}))
        return True

    def do_GET(self):
        if self.is_loading():
            return None
        if self.path == "/health":
            return self.send(200, json.dumps({"status": "ok"}))
        if batches.serve(self, "GET", b""):
            return None
        with self.lock:
            Handler.n_models += 1
            e = self.entry("models", self.n_models, "", {})
        if e:
            return self.reply(0, None, "", e)
        if not self.authorised():
            return self.send(401, json.dumps({"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}))
        if self.path.endswith("/models"):
            return self.send(200, json.dumps({"object": "list", "data": [{"id": "stub", "object": "model"}]}))
        return self.send(404, json.dumps({"error": {"message": "no such path", "code": 404}}))

    def note(self, number, digest, status, tokens=(0, 0), fault=None):
        if options.log:
            line = json.dumps({"number": number, "time": time.monotonic(), "path": self.path, "key": digest, "status": status,
                               "tokens_in": tokens[0], "tokens_out": tokens[1], "fault": fault,
                               "usd": (tokens[0] * options.price[0] + tokens[1] * options.price[1]) / 1e6,
                               "fields": self.fields, "peer": self.client_address[1]})
            with self.lock, open(options.log, "a") as f:
                f.write(line + "\n")

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        raw = b""
        while size := int(self.rfile.readline(), 16):
            raw += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return raw

    def do_DELETE(self):
        if not batches.serve(self, "DELETE", b""):
            self.send(404, json.dumps({"error": {"message": "no such path", "code": 404}}))

    def do_POST(self):
        raw = self.body()
        if self.is_loading() or batches.serve(self, "POST", raw):
            return None
        body = json.loads(raw)
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        self.fields = sorted(body)
        with self.lock:
            Handler.n_chat += 1
            number = Handler.n_chat
            entry = self.entry("chat", number, digest, body)
        if options.latency:
            time.sleep(options.latency)
        if not self.authorised():
            self.note(number, digest, 401)
            return self.send(401, json.dumps({"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}))
        self.limit_headers, wait = self.admit(body)
        if wait is not None:
            self.note(number, digest, 429)
            return self.send(429, json.dumps({"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}),
                             {"retry-after-ms": str(round(wait * 1000))})
        if self.is_messages() and (not self.headers.get("anthropic-version") or "max_tokens" not in body or {"seed", "response_format"} & set(body) or
                                   any(m["role"] == "system" for m in body["messages"])):
            self.note(number, digest, 400)
            return self.send(400, json.dumps({"type": "error", "error": {"type": "invalid_request_error",
                                                                         "message": "not a request for messages"}}))
        if options.api == "azure" and not re.fullmatch(r"(/[^?]*)?/openai/(v1/chat/completions|deployments/[^/?]+/chat/completions\?api-version=.+)", self.path):
            self.note(number, digest, 404)
            return self.send(404, json.dumps({"error": {"code": "404", "message": "Resource not found"}}))
        if options.api == "gemini" and (unknown := next((f for f in self.fields if f not in GEMINI), None)):
            self.note(number, digest, 400)
            return self.send(400, json.dumps([{"error": {
                "code": 400, "message": f'Invalid JSON payload received. Unknown name "{unknown}": Cannot find field.',
                "status": "INVALID_ARGUMENT"}}]))
        self.reply(number, body, digest, entry)

    def close(self, how):
        """Ends the connection: close (orderly), reset (RST), hang (open, and nothing comes)."""
        self.close_connection = True
        if how == "hang":
            time.sleep(60)
        if how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.wfile.close()
            self.connection.close()

    def odd(self, number, digest, answer, text, usage, e):
        """Bytes that the script has written."""
        half = len(answer) // 2
        names = {b"answer": answer, b"half": answer[:half], b"rest": answer[half:], b"text": json.dumps(text).encode(),
                 b"length": b"%d" % len(answer), b"short": b"%d" % (len(answer) - 10), b"hex": b"%x" % len(answer),
                 b"hexhalf": b"%x" % half}

        def filled(piece):
            piece = re.sub(rb"<<(\w+)>>", lambda m: names[m[1]], piece.encode("latin-1"))
            return re.sub(rb"<<(.+?)\*(\d+)>>", lambda m: m[1] * int(m[2]), piece)

        self.note(number, digest, 200 if e.get("answered") else 0, usage if e.get("answered") else (0, 0), e["fault"])
        if e["fault"] == "body":
            return self.send(200, filled(e["body"]), e.get("headers"))
        for piece in e["send"]:
            self.wfile.write(filled(piece))
            self.wfile.flush()
            time.sleep(e.get("pause", 0))
        return self.close(e.get("end", "close"))

    def flood(self, number, digest, e):
        """More than any completion, without a length."""
        self.note(number, digest, 0, fault="flood")
        body, n = b"x" * (1 << 20), e.get("bytes", 64 << 20)
        if e.get("gzip"):
            return self.send(200, gzip.compress(body * (n >> 20), 1), {"Content-Encoding": "gzip"})
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        for _ in range(n >> 20):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
        return None

    def again(self, digest):
        """What tells the second answer to a body from the first."""
        if not options.vary:
            return ""
        with self.lock:
            self.answered[digest] = self.answered.get(digest, -1) + 1
            return f"/{self.answered[digest]}" if self.answered[digest] else ""

    def reply(self, number, body, digest, e):
        fault = e.get("fault")
        if fault == "status":
            self.note(number, digest, e["status"], fault=fault)
            return self.send(e["status"], e.get("body", json.dumps({"error": {"message": "scripted", "code": None}})),
                             e.get("headers"))
        if fault == "echo":
            self.note(number, digest, 401, fault=fault)
            key = self.headers.get("Authorization", "").replace("Bearer ", "")
            return self.send(401, json.dumps({"error": {"message": f"Incorrect API key provided: {key}", "code": "invalid"}}))
        if fault == "redirect":
            self.note(number, digest, 307, fault=fault)
            return self.send(307, "", {"Location": e["to_url"]})
        if fault == "reset":
            self.note(number, digest, 0, fault=fault)
            self.close_connection = True
            return self.connection.close()
        if fault == "hang":
            self.note(number, digest, 0, fault=fault)
            time.sleep(e.get("seconds", 60))
            self.close_connection = True
            return None
        if fault == "html":
            self.note(number, digest, 200, fault=fault)
            return self.send(200, "<html><body>gateway</body></html>", content_type="text/html")
        if fault == "flood":
            return self.flood(number, digest, e)
        text = answer_text(body, digest + self.again(digest)) if body else ""
        if fault == "say":
            text = e.get("text", body["messages"][-1]["content"])
        usage = (len(json.dumps(body["messages"])) // 4 if body else 0, len(text) // 4 + 1)
        choice = {"index": 0, "message": {"role": "assistant", "content": text},
                  "finish_reason": e.get("finish", "stop")}
        if fault == "null":
            choice["message"]["content"] = None
        if fault == "length":
            choice["message"]["content"] = text[:len(text) // 2]
            choice["finish_reason"] = "length"
        if fault == "refuse":
            choice["message"]["content"] = None
            choice["message"]["refusal"] = "I cannot help with that."
            choice["finish_reason"] = "content_filter"
        answer = {"id": f"chatcmpl-{digest[:12]}", "object": "chat.completion", "created": 0, "model": e.get("model", "stub-1"),
                  "choices": [] if fault == "empty" else [choice],
                  "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}}
        if self.is_messages():
            text = choice["message"]["content"]
            stop = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}[choice["finish_reason"]]
            answer = {"id": f"msg_{digest[:12]}", "type": "message", "role": "assistant", "model": "stub-1",
                      "content": [] if text is None else [{"type": "text", "text": text}], "stop_reason": stop,
                      "usage": {"input_tokens": usage[0], "output_tokens": usage[1]}}
        if fault == "nousage":
            del answer["usage"]
        data = json.dumps(answer)
        if fault in ("body", "raw"):
            return self.odd(number, digest, data.encode(), text, usage, e)
        if fault == "huge":
            data = data[:-1] + ', "padding": "' + "x" * e.get("bytes", 32 << 20) + '"}'
        self.note(number, digest, 200, usage, fault)
        return self.send(200, data, {"x-request-id": f"req-{digest[:8]}"}, cut=len(data) // 2 if fault == "cut" else 0)


parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--log")
parser.add_argument("--script")
parser.add_argument("--latency", type=float, default=0)
parser.add_argument("--key")
parser.add_argument("--batches", help="a script for the batch API (batches.py)")
parser.add_argument("--near", type=int, default=0, help="about every N-th single text nearly repeats the others of its kind")
parser.add_argument("--price", type=float, nargs=2, default=(0, 0))
parser.add_argument("--limit-requests", type=int, default=0)
parser.add_argument("--limit-tokens", type=int, default=0)
parser.add_argument("--window", type=float, default=60)
parser.add_argument("--cert", help="speak TLS with this PEM file")
parser.add_argument("--api", choices=("openai", "azure", "gemini"), default="openai")
parser.add_argument("--memorised", nargs="+", default=[], help="files with rows that it knows by heart")
parser.add_argument("--vary", action="store_true")
parser.add_argument("--uds")
parser.add_argument("--loading", type=float, default=0)
parser.add_argument("--until-eof", action="store_true", help="end when standard input does")
options = parser.parse_args()
started = time.monotonic()
script = load(options.script) if options.script else []
if not isinstance(script, list) or not all(isinstance(e, dict) and e.get("fault") in FAULTS for e in script):
    raise SystemExit(f"{options.script}: must be a list of objects, each with a fault: {', '.join(FAULTS)}")
memory = [[v for k, v in json.loads(line).items() if k != "label" and isinstance(v, str)][:2]
          for path in options.memorised for line in open(path, encoding="utf-8")]
batches = Batches(load(options.batches) if options.batches else {}, options, answer_text)
GEMINI = ("model", "messages", "max_tokens", "temperature", "top_p", "n", "stop", "stream", "response_format")
if options.cert:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(options.cert)
if options.uds:
    Server.address_family, Handler.disable_nagle_algorithm = socket.AF_UNIX, False
server = Server(options.uds or ("127.0.0.1", options.port), Handler)
print(f"unix://{options.uds}" if options.uds else f"http{'s' if options.cert else ''}://127.0.0.1:{server.server_address[1]}/v1", flush=True)
if options.until_eof:
    threading.Thread(target=end_with_parent, daemon=True).start()
try:
    server.serve_forever()
except KeyboardInterrupt:
    pass

"""OpenAI's files and batches for the stub LLM server (llm_stub.py), in memory.

A batch is worked on by being looked at: it is over after `polls` GETs, and what it has answered is billed then, at half the price, one
line a request in the stub's log (custom_id beside key); every call has a line as well ("call": its name). The script (--batches FILE)
is a JSON object:
    {"batches": [{...}, {...}],     what becomes of the first, second, ... batch; the last one is for all that follow
     "faults": [{"call": "create", "from": 1, "to": 1, "fault": "after"}],
     "page": 100}                   the longest list
A batch: polls (1), end (completed; failed: nothing is asked; expired; cancelled), answered (share of the requests that are answered before
it expires: 1), and of the answers, the first N in an order of its own: dropped, doubled, damaged, unknown, failed (HTTP 500 in the error
file), refused (HTTP 400 there). unsupported: a parameter that no request may have. uncounted: true leaves out request_counts. Answers are always shuffled.
Calls: upload, files, delete, content, create, batches, batch, cancel. Faults: before (the connection closes, nothing is done), after (it
is done, but the connection closes), status (HTTP `status`, nothing is done), text (HTTP 200 and `text`,
nothing is done), hang (it is done, but no answer comes for `seconds`), stuck
(no answer for `seconds`, nothing is done), endless (a page of a list that
never ends).
"""
import hashlib
import json
import random
import re
import threading
import time
import urllib.parse


class Batches:
    def __init__(self, script, options, answer_text):
        self.script, self.options, self.answer_text = script, options, answer_text
        self.lock = threading.RLock()
        self.files, self.batches, self.calls = {}, {}, {}

    # ---- what a call is ----

    def name(self, method, path):
        for name, of, pattern in (("upload", "POST", "/files"), ("files", "GET", "/files"), ("delete", "DELETE", "/files/[^/]+"),
                                  ("content", "GET", "/files/[^/]+/content"), ("create", "POST", "/batches"),
                                  ("batches", "GET", "/batches"), ("batch", "GET", "/batches/[^/]+"),
                                  ("cancel", "POST", "/batches/[^/]+/cancel")):
            if method == of and re.fullmatch(f".*/v1{pattern}", path):
                return name
        return None

    def serve(self, handler, method, raw):
        """Answers the call when it is one of these; whether it is."""
        url = urllib.parse.urlsplit(handler.path)
        call = self.name(method, url.path)
        if not call:
            return False
        if not handler.authorised():
            handler.send(401, json.dumps({"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}))
            return True
        with self.lock:
            n = self.calls[call] = self.calls.get(call, 0) + 1
            fault = next((f for f in self.script.get("faults", []) if f["call"] == call and
                          f.get("from", 1) <= n <= f.get("to", 1 << 60)), {})
            kind = fault.get("fault")
            status, answer = 0, None
            if kind in (None, "after", "hang"):
                query = dict(urllib.parse.parse_qsl(url.query))
                status, answer = getattr(self, "do_" + call)(url.path.split("/v1/")[1].split("/"), query, handler, raw)
            self.log(call=call, path=url.path, key=None, usd=0, status=status, fault=kind)
        if kind in ("hang", "stuck"):
            time.sleep(fault.get("seconds", 60))
        if kind == "endless":
            handler.send(200, json.dumps({"object": "list", "data": [{"id": f"batch_of_others_{n}"}], "has_more": True}))
        elif kind == "text":
            handler.send(200, fault["text"].encode())
        elif kind == "status":
            handler.send(fault["status"], json.dumps({"error": {"message": "scripted", "code": None}}), fault.get("headers"))
        elif kind:
            handler.close_connection = True
            handler.connection.close()
        else:
            handler.send(status, answer if isinstance(answer, bytes) else json.dumps(answer))
        return True

    def log(self, **fields):
        if self.options.log:
            with open(self.options.log, "a") as f:
                f.write(json.dumps({"number": 0, "time": time.monotonic(), **fields}) + "\n")

    @staticmethod
    def error(status, message):
        return status, {"error": {"message": message, "type": "invalid_request_error", "code": None}}

    # ---- files ----

    def put(self, filename, data, purpose):
        file_id = f"file-{len(self.files) + 1:04d}"
        self.files[file_id] = {"id": file_id, "object": "file", "bytes": len(data), "filename": filename, "purpose": purpose,
                               "data": data}
        return file_id

    def show_file(self, f):
        return {k: v for k, v in f.items() if k != "data"}

    def do_upload(self, _path, _query, handler, raw):
        boundary = re.search(r"boundary=(\S+)", handler.headers["Content-Type"]).group(1).encode()
        form = {}
        for part in raw.split(b"--" + boundary)[1:-1]:
            head, _, data = part[2:].partition(b"\r\n\r\n")
            name = re.search(rb'name="([^"]*)"', head).group(1).decode()
            filename = re.search(rb'filename="([^"]*)"', head)
            form[name] = data[:-2], filename and filename.group(1).decode()
        if form.get("purpose", (b"",))[0] != b"batch" or not form.get("file", (0, None))[1]:
            return self.error(400, "not a file for a batch")
        return 200, self.show_file(self.files[self.put(form["file"][1], form["file"][0], "batch")])

    def page(self, items, query):
        """Newest first."""
        items = items[::-1]
        ids = [i["id"] for i in items]
        start = ids.index(query["after"]) + 1 if "after" in query else 0
        n = min(int(query.get("limit", 20)), self.script.get("page", 100))
        return 200, {"object": "list", "data": items[start:start + n], "has_more": start + n < len(items)}

    def do_files(self, _path, query, *_):
        return self.page([self.show_file(f) for f in self.files.values() if f["data"] is not None and
                          query.get("purpose") in (None, f["purpose"])], query)

    def file_of(self, path):
        f = self.files.get(path[1])
        return f if f and f["data"] is not None else None

    def do_delete(self, path, *_):
        f = self.file_of(path)
        if not f:
            return self.error(404, "No such File object")
        f["data"] = None
        return 200, {"id": f["id"], "object": "file", "deleted": True}

    def do_content(self, path, *_):
        f = self.file_of(path)
        return (200, f["data"]) if f else self.error(404, "No such File object")

    # ---- batches ----

    def do_create(self, _path, _query, _handler, raw):
        body = json.loads(raw)
        if body["endpoint"] != "/v1/chat/completions" or body["completion_window"] != "24h":
            return self.error(400, "not a batch")
        if not self.file_of(["", body["input_file_id"]]):
            return self.error(400, "No such File object: " + body["input_file_id"])
        plans = self.script.get("batches", [{}])
        batch_id = f"batch_{len(self.batches) + 1:04d}"
        b = {"id": batch_id, "object": "batch", "endpoint": body["endpoint"], "errors": None, "input_file_id": body["input_file_id"],
             "completion_window": "24h", "status": "validating", "output_file_id": None, "error_file_id": None, "created_at": 0,
             "request_counts": {"total": 0, "completed": 0, "failed": 0}, "metadata": body.get("metadata"),
             "plan": plans[min(len(self.batches), len(plans) - 1)], "n_looked": 0}
        self.batches[batch_id] = b
        return 200, self.show(b)

    def show(self, b):
        return {k: v for k, v in b.items() if k not in ("plan", "n_looked") and
                not (k == "request_counts" and b["plan"].get("uncounted"))}

    def do_batches(self, _path, query, *_):
        return self.page([self.show(b) for b in self.batches.values()], query)

    def do_batch(self, path, *_):
        b = self.batches.get(path[1])
        if not b:
            return self.error(404, "No batch found with id " + path[1])
        b["n_looked"] += 1
        if b["status"] in ("validating", "in_progress", "cancelling"):
            if b["status"] == "cancelling":
                self.end(b, "cancelled")
            elif b["n_looked"] >= b["plan"].get("polls", 1):
                self.end(b, b["plan"].get("end", "completed"))
            else:
                b["status"] = "in_progress"
        return 200, self.show(b)

    def do_cancel(self, path, *_):
        b = self.batches.get(path[1])
        if not b:
            return self.error(404, "No batch found with id " + path[1])
        if b["status"] not in ("validating", "in_progress"):
            return self.error(409, "Cannot cancel a batch with status " + b["status"])
        b["status"] = "cancelling"
        return 200, self.show(b)

    def answer(self, line):
        """The output line of a request, and its bill."""
        body = line["body"]
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        text = self.answer_text(body, digest)
        tokens = len(json.dumps(body["messages"])) // 4, len(text) // 4 + 1
        usd = (tokens[0] * self.options.price[0] + tokens[1] * self.options.price[1]) / 2e6
        self.log(path="/v1/batches", key=digest, custom_id=line["custom_id"], status=200, tokens_in=tokens[0], tokens_out=tokens[1],
                 usd=usd, fault=None)
        answer = {"id": f"chatcmpl-{digest[:12]}", "object": "chat.completion", "created": 0, "model": "stub-1",
                  "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                  "usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}}
        return self.line(line, 200, answer)

    @staticmethod
    def line(line, status, body):
        return {"id": "batch_req_" + line["custom_id"][:8], "custom_id": line["custom_id"], "error": None,
                "response": {"status_code": status, "request_id": "req-" + line["custom_id"][:8], "body": body}}

    def end(self, b, status):
        plan, data = b["plan"], self.files[b["input_file_id"]]["data"]
        lines = [json.loads(x) for x in data.splitlines()]
        b["status"], counts = status, b["request_counts"]
        if status == "failed":
            b["errors"] = {"object": "list", "data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached",
                                                       "line": None, "param": None}]}
            return
        rng = random.Random(7)
        rng.shuffle(lines)
        share = plan.get("answered", 1)
        n_done = len(lines) if status == "completed" else int(len(lines) * share)
        n_failed, n_refused = plan.get("failed", 0), plan.get("refused", 0)
        failed, refused, done = lines[:n_failed], lines[n_failed:n_failed + n_refused], lines[n_failed + n_refused:n_done]
        odd = [x for x in done if plan.get("unsupported") in x["body"]]
        done = [x for x in done if x not in odd]
        out = [json.dumps(self.answer(x)) for x in done]
        err = [self.line(x, 500, {"error": {"message": "The server had an error"}}) for x in failed]
        err += [self.line(x, 400, {"error": {"message": "The text is too long", "code": "context_length_exceeded"}}) for x in refused]
        err += [self.line(x, 400, {"error": {"message": "Unsupported parameter", "param": plan["unsupported"],
                                             "code": "unsupported_parameter"}}) for x in odd]
        if status == "expired":
            err += [{"id": "x", "custom_id": x["custom_id"], "response": None, "error": {
                "code": "batch_expired", "message": "This request could not be executed before the completion window expired."}}
                for x in lines[n_done:]]
        counts.update(total=len(lines), completed=len(done), failed=len(err))
        out = out[plan.get("dropped", 0):]
        n = plan.get("damaged", 0)
        out = [x[:len(x) // 2] for x in out[:n]] + out[n:]
        out += out[n:n + plan.get("doubled", 0)]
        out += [json.dumps(self.line({"custom_id": "f" * 64}, 200, {}))] * plan.get("unknown", 0)
        if out:
            b["output_file_id"] = self.put("output.jsonl", "".join(x + "\n" for x in out).encode(), "batch_output")
        if err:
            b["error_file_id"] = self.put("errors.jsonl", "".join(json.dumps(x) + "\n" for x in err).encode(), "batch_output")

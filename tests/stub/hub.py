"""A Hub on the loopback: as much of the Hugging Face Hub's HTTP interface as huggingface_hub 0.36 and 2.4 use to list and fetch.

    hub = Hub()                                     hub.url for HF_ENDPOINT; Hub(certificate=pem): over TLS
    hub.put("model", "me/tiny", {"config.json": b"{}"}, licence="mit")
    hub.fault["model.safetensors"] = ...            see Fault
    hub.seen                                        (method, path, Range, Authorization, host) of each request

Large files (LARGE bytes and more) are redirected to another host, as the Hub does with its content network: 127.0.0.1 and localhost are two.
A stopped test takes its threads along.
"""
import hashlib
import http.server
import json
import re
import ssl
import threading
import time
import urllib.parse

LARGE = 4096


class Fault:
    """Of a file's bytes: cut_at the answer ends there, `times` times; stall_at: it stops there and waits; wrong: a byte is another one; code: an
    error instead; no_range: all of it, whatever was asked for."""

    def __init__(self, cut_at=None, stall_at=None, times=1, wrong=False, code=None, no_range=False):
        self.cut_at, self.stall_at, self.times, self.wrong, self.code, self.no_range = cut_at, stall_at, times, wrong, code, no_range


class Repository:
    def __init__(self, files, licence, gated, private, branches):
        self.files, self.licence, self.gated, self.private = files, licence, gated, private
        self.branches = branches
        self.blob = {p: hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() for p, data in files.items()}
        self.digest = {p: hashlib.sha256(data).hexdigest() for p, data in files.items()}
        self.commit = hashlib.sha1(repr(sorted(self.digest.items())).encode()).hexdigest()


class Hub:
    def __init__(self, certificate=None, token="hf_right"):
        self.repositories, self.fault, self.seen, self.token, self.certificate = {}, {}, [], token, certificate
        self.served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"hub": self}))
        self.served.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.served.socket = context.wrap_socket(self.served.socket, server_side=True)
        self.at = f"http{'s' if certificate else ''}://%s:{self.served.server_port}"
        self.url = self.at % "127.0.0.1"
        threading.Thread(target=self.served.serve_forever, daemon=True).start()

    def put(self, kind, name, files, licence=None, gated=False, private=False, branches=("main",)):
        self.repositories[kind, name] = Repository(files, licence, gated, private, branches)
        return self.repositories[kind, name].commit

    def ranges(self, end):
        """What was asked of files whose path ends so, by GET: their Range headers, None for none."""
        return [r for method, path, r, _, _ in self.seen if method == "GET" and path.endswith(end)]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, code, body=b"", **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fail(self, code, error, message):
        self.reply(code, json.dumps({"error": message}).encode(), X_Error_Code=error, X_Error_Message=message)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = urllib.parse.unquote(self.path.split("?")[0])
        self.hub.seen.append((self.command, path, self.headers.get("Range"), self.headers.get("Authorization"), self.headers.get("Host")))
        if found := re.fullmatch("/content/([0-9a-f]{64})/(.*)", path):
            data = next((r.files[found[2]] for r in self.hub.repositories.values() if r.digest.get(found[2]) == found[1]), None)
            return self.file(found[2], data) if data is not None else self.reply(404)
        api = re.fullmatch("/api/(model|dataset)s/([^/]+/[^/]+)(?:/(revision|tree)/(.+?))?/?", path)
        if api:
            return self.api(api[1], api[2], api[3], api[4] or "main")
        resolve = re.fullmatch("/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+|refs/[^/]+/[^/]+)/(.+)", path)
        if resolve:
            return self.resolve("dataset" if resolve[1] else "model", resolve[2], resolve[3], resolve[4])
        return self.reply(404)

    def repository(self, kind, name, revision):
        """None after an error was sent. The Hub tells strangers of no private repository whether it is there (401)."""
        r, given = self.hub.repositories.get((kind, name)), self.headers.get("Authorization")
        if given and given != f"Bearer {self.hub.token}":
            return self.fail(401, "", "Invalid credentials in Authorization header")
        if not r or (r.private and not given):
            return self.fail(404 if given else 401, "RepoNotFound", "Repository not found")
        if r.gated and (not given or r.gated == "closed"):
            return self.fail(403 if given else 401, "GatedRepo", f"Access to {name} is restricted")
        if revision not in (*r.branches, r.commit):
            return self.fail(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        self.commit = revision if len(revision) == 40 else r.commit
        return r

    def api(self, kind, name, what, revision):
        r = self.repository(kind, name, revision)
        if not r:
            return
        if what != "tree":
            card = {"license": r.licence} if r.licence else {}
            about = {"id": name, "sha": self.commit, "cardData": card, "siblings": [{"rfilename": p} for p in r.files], "private": r.private,
                     "gated": r.gated, "tags": [], "downloads": 0, "likes": 0}
            return self.reply(200, json.dumps(about).encode(), Content_Type="application/json")
        recursive = "recursive=True" in self.path or "recursive=true" in self.path
        tree = []
        for path, data in r.files.items():
            if "/" in path and not recursive:
                continue
            entry = {"type": "file", "path": path, "size": len(data), "oid": r.blob[path]}
            if len(data) >= LARGE:
                entry["lfs"] = {"oid": r.digest[path], "size": len(data), "pointerSize": 130}
            tree.append(entry)
        return self.reply(200, json.dumps(tree).encode(), Content_Type="application/json")

    def resolve(self, kind, name, revision, path):
        r = self.repository(kind, name, revision)
        if not r:
            return
        if path not in r.files:
            return self.fail(404, "EntryNotFound", "Entry not found")
        data = r.files[path]
        if len(data) < LARGE:
            return self.file(path, data, X_Repo_Commit=self.commit, ETag=f'"{r.blob[path]}"')
        digest = r.digest[path]
        self.reply(302, X_Repo_Commit=self.commit, X_Linked_Etag=f'"{digest}"', X_Linked_Size=str(len(data)),
                   Location=f"{self.hub.at % 'localhost'}/content/{digest}/{urllib.parse.quote(path)}")

    def file(self, path, data, **headers):
        fault = self.hub.fault.get(path, Fault(times=0)) if self.command == "GET" else Fault(times=0)
        if fault.code and fault.times:
            fault.times -= 1
            return self.reply(fault.code)
        begin, asked = 0, re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if asked and not fault.no_range:
            begin = int(asked[1])
            if begin >= len(data):
                return self.reply(416, Content_Range=f"bytes */{len(data)}")
            headers["Content_Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        body = data[begin:]
        if fault.wrong:
            body = body[:-1] + bytes([body[-1] ^ 1])
        stop = fault.cut_at or fault.stall_at
        if stop is None or not fault.times:
            return self.reply(206 if begin else 200, body, **headers)
        fault.times -= 1
        self.reply(206 if begin else 200, body[:max(stop - begin, 0)], Content_Length=str(len(body)), **headers)
        self.wfile.flush()
        if fault.stall_at:
            time.sleep(60)
        self.close_connection = True

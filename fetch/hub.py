"""Models and data sets from the Hub into its cache, each file whole and checked.

huggingface_hub knows the Hub: names, tokens, listings, errors, and how its cache is laid out. The bytes are ours, for three reasons: since 1.x the
library begins a file anew when its process was killed (a name of its own for each process, huggingface_hub pull request 4228); it compares sizes, not
digests; and it reads at 0.2 to 0.4 of curl's rate on a fast line (tests/bench/README.md). So a file grows in the cache's blobs/ as <digest>.part,
whoever comes next goes on there, and it gets its name when its digest is the listing's: SHA-256 of large files, git's SHA-1 of small ones.
"""
import concurrent.futures
import contextlib
import fcntl
import functools
import hashlib
import http.client
import json
import os
import pathlib
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request

# 2.x reads SSL_CERT_FILE, 0.36 (requests) REQUESTS_CA_BUNDLE: whichever is set counts for both.
bundle = next(filter(None, map(os.environ.get, ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))), None)
if bundle:
    os.environ.update(SSL_CERT_FILE=bundle, REQUESTS_CA_BUNDLE=bundle)

import huggingface_hub  # noqa: E402
from huggingface_hub import constants, errors  # noqa: E402
from huggingface_hub.utils import build_hf_headers  # noqa: E402

import rows  # noqa: E402
from fetch import FAILED, Failure, answer  # noqa: E402

ATTEMPTS = 6  # without a byte in between
PIECE, N_PIECES = 1 << 18, 8  # what is read, written and digested stays in a core's cache: a quarter less processor time than 1 MiB
TIMEOUT_S = 30
TOKENIZER = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json", "merges.txt"}
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
COMMIT = re.compile("[0-9a-f]{40}")
FOLDER = {"model": "models", "dataset": "datasets"}


def mega(n):
    return f"{n / 1e6:.0f} MB" if n >= 1e7 else f"{n / 1e6:.1f} MB" if n >= 1e5 else f"{n / 1e3:.1f} kB"


class Digest:
    """Of a file as the Hub's listing names it: SHA-256, or the SHA-1 of a git blob."""

    def __init__(self, wanted, n_bytes):
        self.wanted = wanted
        self.hash = hashlib.sha256() if len(wanted) == 64 else hashlib.sha1(b"blob %d\0" % n_bytes)

    def add_file(self, path):
        with open(path, "rb", buffering=0) as f:
            piece = bytearray(PIECE)
            while n := f.readinto(piece):
                self.hash.update(memoryview(piece)[:n])

    def fits(self):
        return self.hash.hexdigest() == self.wanted


def digest_of(path, wanted):
    d = Digest(wanted, os.path.getsize(path))
    d.add_file(path)
    return d


class Progress:
    def __init__(self, what, n_bytes, is_terminal):
        self.what, self.n_bytes, self.done, self.begun = what, n_bytes, 0, time.monotonic()
        self.every = 0.5 if is_terminal else 20
        self.next = self.begun + self.every

    def add(self, n):
        self.done += n
        now = time.monotonic()
        if now >= self.next:
            self.next = now + self.every
            answer(progress=f"{self.what}: {mega(self.done)} of {mega(self.n_bytes)}, {mega(self.done / (now - self.begun))}/s")


@functools.cache
def opener():
    """With proxies as the environment says; certificates are read once."""
    context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or None)
    if not os.environ.get("SSL_CERT_FILE"):
        with contextlib.suppress(ImportError):  # where a system has no certificates of its own
            import certifi
            context.load_verify_locations(certifi.where())
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))


class Repository:
    """A model or data set in one state: what is listed, and how its files come."""

    def __init__(self, kind, request):
        self.kind, self.name, self.token = kind, request["repo"], request.get("token") or None
        self.asked = request.get("revision") or "main"
        self.is_terminal = request.get("terminal", False)
        self.folder = pathlib.Path(constants.HF_HUB_CACHE) / f"{FOLDER[kind]}--{self.name.replace('/', '--')}"
        self.page = f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{self.name}"
        self.n_fetched, self.seconds = 0, 0.0

    def look_up(self):
        """The commit and the licence; then the list of files."""
        api = huggingface_hub.HfApi(token=self.token)
        with self.words():
            info = api.repo_info(self.name, repo_type=self.kind, revision=self.asked)
            self.commit = info.sha
            card = getattr(info, "card_data", None) or {}
            licence = card.get("license") if hasattr(card, "get") else getattr(card, "license", None)
            self.licence = ", ".join(map(str, licence)) if isinstance(licence, list) else str(licence) if licence else None
            tree = api.list_repo_tree(self.name, repo_type=self.kind, revision=self.commit, recursive=self.kind == "dataset")
            self.files = {f.path: f for f in tree if getattr(f, "blob_id", None)}
        if not self.commit or not COMMIT.fullmatch(self.commit):
            raise Failure(f"{self.page}: the answer names no commit; hint: does HF_ENDPOINT name a Hub?", FAILED)

    @contextlib.contextmanager
    def words(self):
        """What the library throws, in one sentence."""
        try:
            yield
        except errors.GatedRepoError as e:
            raise Failure(f"{self.name} is gated: the Hub gives it to those who have accepted its terms; hint: accept them at {self.page}, then "
                          f"{'check that HF_TOKEN is of that account' if self.token else 'set HF_TOKEN to a token of that account'}") from e
        except errors.RevisionNotFoundError as e:
            raise Failure(f"{self.name} has no revision {self.asked}; hint: {self.page}/tree/main lists its branches and commits") from e
        except errors.RepositoryNotFoundError as e:
            hint = "check the name" + ("" if self.token else ", or set HF_TOKEN where it is private")
            raise Failure(f"the Hub knows no {'data set' if self.kind == 'dataset' else 'model'} {self.name} ({self.page}), or does not show it; "
                          f"hint: {hint}") from e
        except errors.HfHubHTTPError as e:
            code = getattr(getattr(e, "response", None), "status_code", None)
            if code in (401, 403):
                raise Failure(f"{self.page}: the Hub does not accept the token ({code}); hint: HF_TOKEN needs a valid one that may read this") from e
            raise Failure(f"{self.page}: the Hub answers with {code or e}; hint: try again later", FAILED) from e
        except errors.OfflineModeIsEnabled as e:
            raise Failure(f"{self.name} at {self.asked} is not whole in {self.folder}, and HF_HUB_OFFLINE allows no look at the Hub; "
                          "hint: unset it where there is a network") from e
        except Exception as e:
            if type(e).__module__.split(".")[0] not in ("httpx", "httpx2", "httpcore2", "requests", "urllib3", "ssl") and not isinstance(e, OSError):
                raise
            raise Failure(f"{constants.ENDPOINT} cannot be reached: {e}; hint: HF_ENDPOINT, HTTPS_PROXY and SSL_CERT_FILE say which way, or fetch where "
                          "there is a network", FAILED) from e

    # ---- what is in the cache ----

    def known_commit(self):
        """What the asked revision is by the cache, or None."""
        if COMMIT.fullmatch(self.asked):
            return self.asked
        with contextlib.suppress(OSError):
            commit = (self.folder / "refs" / self.asked).read_text().strip()
            return commit if COMMIT.fullmatch(commit) else None

    def snapshot(self, commit):
        return self.folder / "snapshots" / commit

    def check_cached(self, path):
        """Whether a file of a snapshot is what its blob's name says; one that is not goes."""
        wanted = os.path.basename(os.readlink(path)) if path.is_symlink() else ""
        if not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", wanted) or digest_of(path, wanted).fits():
            return True
        answer(say=f"{path} is damaged, and is fetched again")
        for bad in (path, self.folder / "blobs" / wanted):
            bad.unlink(missing_ok=True)
        return False

    # ---- files ----

    def fetch(self, paths, what):
        """All of them into the snapshot, in this order."""
        progress = Progress(what, sum(self.files[p].size for p in paths), self.is_terminal)
        for path in paths:
            self.fetch_blob(self.files[path], progress)
        for path in paths:
            with self.words():
                there = huggingface_hub.hf_hub_download(self.name, path, repo_type=self.kind, revision=self.commit, token=self.token)
            if os.path.islink(there) and os.path.basename(os.readlink(there)) != self.blob_name(self.files[path]):
                raise Failure(f"{self.page}: {path} has one digest in the listing and another where it lies; hint: try again later", FAILED)

    @staticmethod
    def blob_name(file):
        lfs = file.lfs
        return (lfs["sha256"] if isinstance(lfs, dict) else lfs.sha256) if lfs else file.blob_id

    def blob(self, file):
        return self.folder / "blobs" / self.blob_name(file)

    def fetch_blob(self, file, progress):
        blob = self.blob(file)
        if not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", blob.name):
            raise Failure(f"{self.page}: the listing gives no digest of {file.path}", FAILED)
        if blob.exists():
            if digest_of(blob, blob.name).fits():
                return progress.add(file.size)
            answer(say=f"{blob} is damaged, and is fetched again")
            blob.unlink()
        blob.parent.mkdir(parents=True, exist_ok=True)
        part = blob.with_name(blob.name + ".part")
        with open(part, "ab", buffering=0) as f:
            with contextlib.suppress(OSError):  # a file system without locks: the digest tells of two who write
                fcntl.flock(f, fcntl.LOCK_EX)
            if blob.exists():  # another process was at it
                part.unlink(missing_ok=True)
                return progress.add(file.size)
            opener()
            begun = time.monotonic()
            Download(self, file, part, f, progress).run()
            self.seconds += time.monotonic() - begun
            os.fsync(f.fileno())
            os.replace(part, blob)

    def set_ref(self):
        """What the asked revision is now: the cache's lock, written when all is there."""
        if COMMIT.fullmatch(self.asked):
            return
        ref = self.folder / "refs" / self.asked
        ref.parent.mkdir(parents=True, exist_ok=True)
        fresh = ref.with_name(f".{ref.name}.{os.getpid()}")
        fresh.write_text(self.commit)
        os.replace(fresh, ref)


class Download:
    """One file: from where its part ends to its digest."""

    def __init__(self, repository, file, part, f, progress):
        self.repository, self.file, self.part, self.f, self.progress = repository, file, part, f, progress

    def request(self, have):
        """The file's address comes from the library, which follows what stays on the Hub; the token goes to the Hub alone."""
        r = self.repository
        url = huggingface_hub.hf_hub_url(r.name, self.file.path, repo_type=r.kind, revision=r.commit)
        with r.words():
            location = huggingface_hub.get_hf_file_metadata(url, token=r.token).location
            headers = build_hf_headers(token=r.token, library_name="synthgrid")
        request = urllib.request.Request(location, headers={"User-Agent": headers["user-agent"], "Accept-Encoding": "identity"})
        if have:
            request.add_header("Range", f"bytes={have}-")
        if "authorization" in headers and urllib.parse.urlsplit(location).netloc == urllib.parse.urlsplit(url).netloc:
            request.add_unredirected_header("Authorization", headers["authorization"])
        return request

    def restart(self):
        self.f.truncate(0)
        self.digest = Digest(self.repository.blob(self.file).name, self.file.size)

    def have(self):
        return os.fstat(self.f.fileno()).st_size

    def receive(self, response):
        """Reads, writes and digests at the same time; the digest of a piece is taken while the next one comes."""
        pieces, jobs, i = [bytearray(PIECE) for _ in range(N_PIECES)], [None] * N_PIECES, 0
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            while True:
                if jobs[i]:
                    jobs[i].result()
                n = response.readinto(pieces[i])
                if not n:
                    return
                view = memoryview(pieces[i])[:n]
                self.write(view)
                jobs[i] = pool.submit(self.digest.hash.update, view)
                self.repository.n_fetched += n
                self.progress.add(n)
                i = (i + 1) % N_PIECES

    def write(self, view):
        try:
            while view:
                view = view[self.f.write(view):]
        except OSError as e:
            raise Failure(f"{self.part}: {e.strerror}; hint: what has come is kept, and the next fetch goes on from there; HF_HOME names another disk",
                          FAILED) from e

    def attempt(self):
        have = self.have()
        with opener().open(self.request(have), timeout=TIMEOUT_S) as response:
            if have and response.status != 206:
                self.restart()
            elif have and not (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
                self.restart()
                raise http.client.HTTPException("the server sends another part of the file than was asked for")
            self.receive(response)

    def run(self):
        r, have, resumed = self.repository, self.have(), False
        self.digest = Digest(r.blob(self.file).name, self.file.size)
        if have > self.file.size:
            self.restart()
        elif have:
            self.digest.add_file(self.part)
            self.progress.add(have)
            resumed = True
        tries, why = 0, None
        while True:
            have = self.have()
            if have == self.file.size:
                if self.digest.fits():
                    return
                self.restart()
                if not resumed:
                    self.part.unlink(missing_ok=True)
                    raise Failure(f"{r.page}: {self.file.path} came with another digest ({self.digest.hash.name}) than the Hub says, {self.digest.wanted}; "
                                  "nothing was kept; hint: try again; if it stays so, something between here and the Hub changes files", FAILED)
                resumed = False
            elif have > self.file.size:
                self.restart()
            if tries == ATTEMPTS:
                raise Failure(f"{r.page}: {self.file.path} broke off {tries} times at {mega(have)} of {mega(self.file.size)}: {why}; hint: what has come is "
                              "kept, and the next fetch goes on from there", FAILED)
            before = self.have()
            wait = min(0.5 * 2 ** tries, 20)
            try:
                self.attempt()
                why = "the connection was closed"
            except urllib.error.HTTPError as e:
                why = f"the server answers with {e.code}"
                if e.code in (401, 403):
                    raise Failure(f"{r.page}: {self.file.path} is refused ({e.code}); hint: HF_TOKEN needs a valid token that may read this") from e
                if e.code == 416:
                    self.restart()
                elif e.code < 500 and e.code not in (408, 429):
                    raise Failure(f"{r.page}: {self.file.path}: {why}", FAILED) from e
            except (OSError, http.client.HTTPException) as e:
                why = str(getattr(e, "reason", None) or e) or type(e).__name__
            tries = 0 if self.have() > before else tries + 1
            if self.have() != self.file.size:
                time.sleep(wait)


# ---- models ----

def is_whole(snapshot):
    """Whether a snapshot has what a model needs: its weights' shards, too."""
    if not (snapshot / "config.json").exists():
        return False
    if (snapshot / WEIGHTS).exists():
        return True
    try:
        shards = set(json.loads((snapshot / INDEX).read_text())["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False
    return all(isinstance(s, str) and (snapshot / s).exists() for s in shards)


def check_config(r, families):
    """Before half a gigabyte of weights comes."""
    try:
        config = json.loads(r.blob(r.files["config.json"]).read_bytes())
        kind = config.get("model_type")
    except (ValueError, AttributeError) as e:
        raise Failure(f"{r.page}: config.json is no JSON object") from e
    if families and kind not in families:
        raise Failure(f"{r.name} is of model_type {kind}, which is not trained here; hint: known are {', '.join(families)}")


def weights_of(r):
    """The names of the weights' files; an index is fetched to know."""
    if WEIGHTS in r.files:
        return [WEIGHTS]
    if INDEX not in r.files:
        other = sorted(p for p in r.files if p.endswith((".bin", ".h5", ".msgpack", ".onnx", ".gguf", ".safetensors")))
        raise Failure(f"{r.name} has no {WEIGHTS}{' (it has ' + ', '.join(other[:4]) + ')' if other else ''}; hint: transformers' save_pretrained writes one; "
                      f"some models have it in another revision: {r.name}@REVISION, {r.page}/tree/main")
    r.fetch_blob(r.files[INDEX], Progress(r.name, r.files[INDEX].size, False))
    try:
        shards = sorted(set(json.loads(r.blob(r.files[INDEX]).read_bytes())["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError) as e:
        raise Failure(f"{r.page}: {INDEX} lists no weights") from e
    missing = [s for s in shards if s not in r.files]
    if missing:
        raise Failure(f"{r.page}: {INDEX} lists {missing[0]}, which is not there")
    return [INDEX, *shards]


def fetch_model(request):
    r = Repository("model", request)
    commit = r.known_commit()
    if commit and not request.get("update") and is_whole(r.snapshot(commit)):
        files = [p for p in r.snapshot(commit).iterdir() if p.is_file()]
        if all([r.check_cached(p) for p in files]):
            return {"path": str(r.snapshot(commit)), "commit": commit, "kept": True, "files": len(files), "bytes": sum(p.stat().st_size for p in files)}
    if commit and not request.get("update"):
        r.asked, wanted = commit, r.asked  # what main was once stays, until --update
        r.look_up()
        r.asked = wanted
    else:
        r.look_up()
    if "config.json" not in r.files:
        raise Failure(f"{r.name} has no config.json: it is no model of transformers; hint: {r.page}/tree/main lists what it has")
    r.fetch_blob(r.files["config.json"], Progress(r.name, r.files["config.json"].size, False))
    check_config(r, request.get("families"))
    names = [*sorted(TOKENIZER & set(r.files)), *weights_of(r)]
    r.fetch([*names, "config.json"], r.name)  # a snapshot with a config.json is whole
    r.set_ref()
    paths = [*names, "config.json"]
    return {"path": str(r.snapshot(r.commit)), "commit": r.commit, "kept": False, "files": len(paths), "bytes": sum(r.files[p].size for p in paths),
            "fetched": r.n_fetched, "seconds": r.seconds, "licence": r.licence}


# ---- data sets ----

def fetch_data(request):
    r = Repository("dataset", request)
    r.look_up()
    chosen = {part: rows.files_of(r, split, request.get("config")) for part, split in request["splits"].items()}
    names = [p for paths in chosen.values() for p in paths]
    r.fetch(names, r.name)
    r.set_ref()
    written = {}
    for part, paths in chosen.items():
        cached = [r.snapshot(r.commit) / p for p in paths]
        written[part] = rows.write(r, cached, pathlib.Path(request["scratch"]) / f"{part}.jsonl")
    return {"commit": r.commit, "licence": r.licence, "fetched": r.n_fetched, "seconds": r.seconds, "rows": written,
            "files": [{"path": p, "digest": r.blob_name(r.files[p]), "bytes": r.files[p].size} for p in sorted(set(names))]}


def answer_of(kind, request):
    return fetch_model(request) if kind == "model" else fetch_data(request)

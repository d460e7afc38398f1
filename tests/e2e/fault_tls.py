#!/usr/bin/env python3
"""Row 21, and what redirects and proxies may see: certificates made here, a CONNECT proxy (tests/stub/proxy.py), HTTP/2 by nghttpx."""
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings

import fault
import sg
from fault import KEY, check

sys.path.insert(0, str(sg.ROOT / "tests" / "stub"))
from proxy import Proxy  # noqa: E402

# Somebody else's server: its prices must be known, and the money limited.
FOREIGN = ["generator.usd_per_1m_input=1", "generator.usd_per_1m_output=1", "budget.usd=1"]
NAMES = "DNS:localhost,DNS:llm.test,IP:127.0.0.1"
made = sg.Folder()
certificates = made.__enter__()


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], cwd=certificates, capture_output=True, text=True)
    check(done.returncode == 0, f"openssl {arguments[0]}: {done.stderr}")


def make_certificate(name, names=NAMES, dates=("-days", "2"), signed=True):
    """name.pem with key and certificate, by the CA of ca.pem unless it is its own."""
    openssl("req", "-x509", *(() if signed else ("-addext", f"subjectAltName={names}")), "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt")
    if signed and name != "ca":
        openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr")
        (certificates / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-set_serial", "7", *dates, "-extfile",
                f"{name}.ext", "-out", f"{name}.crt")
    (certificates / f"{name}.pem").write_text((certificates / f"{name}.key").read_text() + (certificates / f"{name}.crt").read_text())


def pem(name):
    return str(certificates / f"{name}.pem")


CA = f"generator.ca_file={certificates}/ca.crt"


def at(url, host="127.0.0.1"):
    return url.replace("127.0.0.1", host)


def trusted(study, env, host="127.0.0.1", ranks=0):
    with sg.Folder() as folder, sg.Stub(folder, "--key", KEY, "--cert", pem("good")) as stub:
        o = fault.buy(folder / "r", at(stub.url, host), *study, env=env, ranks=ranks)
        check(o.code == 0, o.err)
        check(o.digest == wanted[0], "other pools than over plain HTTP")


def refused(name, study, *words, host="127.0.0.1", env=None):
    """Exit code 2, the cause by name, and no request at all: neither with nor without TLS."""
    with sg.Folder() as folder, sg.Stub(folder, *(("--cert", pem(name)) if name else ())) as stub:
        url = stub.url if name else stub.url.replace("http:", "https:")
        o = fault.buy(folder / "r", at(url, host), *study, env=env)
        check(o.code == 2, f"exit code {o.code}: {o.err}")
        fault.check_message(o, *words)
        fault.check_no_key(folder, o.out, o.err)
        check(not stub.requests() and o.seconds < 10 * fault.LOADED, "a request was sent, or it took long")


def listener(serve):
    """A port of our own whose connections serve(connection) gets; its URL and a function that ends it."""
    s = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            try:
                connection = s.accept()[0]
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return f"https://127.0.0.1:{s.getsockname()[1]}/v1", s.close


def never_answers():
    """libcurl alone would wait five minutes."""
    url, end = listener(lambda connection: time.sleep(60))
    with sg.Folder() as folder:
        o = fault.buy(folder / "r", url, CA)
        check(o.code == 2 and o.seconds < 20 * fault.LOADED, f"exit code {o.code} after {o.seconds} s")
        fault.check_message(o, "hint")
    end()


def old_protocol():
    def serve(connection):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem("good"))
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        try:
            context.wrap_socket(connection, server_side=True).recv(1)
            spoken.append(1)
        except OSError:
            pass

    spoken = []
    url, end = listener(serve)
    with sg.Folder() as folder:
        o = fault.buy(folder / "r", url, CA)
        check(o.code == 2 and not spoken, f"exit code {o.code}, TLS 1.1 spoken: {bool(spoken)}")
        fault.check_message(o, "protocol")
    end()


# ---- proxies: only a server that is not on this machine is reached through one


def through_proxy(proxy, stub, folder, *more):
    return fault.buy(folder / "r", at(stub.url, "llm.test"), CA, *FOREIGN, *more, env={"https_proxy": proxy.url})


def served(folder, *options):
    return sg.Stub(folder, "--key", KEY, "--cert", pem("good"), *options)


def proxy_works():
    with sg.Folder() as folder, served(folder) as stub, Proxy() as proxy:
        o = through_proxy(proxy, stub, folder, "generator.model=stub")
        check(o.code == 0, o.err)
        fault.check_nothing_lost(folder / "r", stub.requests())
        check(proxy.asked and all(a.startswith("CONNECT llm.test:") for a in proxy.asked), f"the proxy was asked {proxy.asked}")
        check(not any("canary" in a or "Authorization" in a for a in proxy.asked), "the proxy has seen the key")
        # A server of other models is found out here, since one on this machine may serve its model under any name.
        o = fault.buy(folder / "other", at(stub.url, "llm.test"), CA, *FOREIGN, "generator.model=stubb", env={"https_proxy": proxy.url})
        check(o.code == 2, o.err)
        fault.check_message(o, "has no model", "did you mean stub")


def proxy_refuses(what, *words):
    with sg.Folder() as folder, served(folder) as stub, Proxy(lambda n: what) as proxy:
        o = through_proxy(proxy, stub, folder, "generator.model=stub")
        check(o.code == 2 and o.seconds < 10 * fault.LOADED, f"exit code {o.code} after {o.seconds} s")
        fault.check_message(o, *words)
        fault.check_no_key(folder, o.out, o.err)
        check(not stub.requests(), "it went around the proxy")


def proxy_fails_for_a_while(what):
    """From the second connection on, for some: nothing is lost, and nothing counts as paid that never left."""
    with sg.Folder() as folder, served(folder, "--price", "1", "1") as stub, Proxy(lambda n: what if 2 <= n <= 5 else "ok") as proxy:
        o = through_proxy(proxy, stub, folder, "generator.model=stub")
        log = [r for r in stub.requests() if r["number"]]
        check(o.code == 0, o.err)
        fault.check_nothing_lost(folder / "r", log)
        check(proxy.n > 5, "the fault was not met")
        sent = fault.ask(folder / "r", "SELECT count(*) FROM sent")[0][0]
        check(sent == 0 if what in ("cut", "refuse") else sent <= 4, f"{sent} requests count as perhaps paid")
        if what in ("cut", "refuse"):
            fault.check_paid_once(log)


def proxy_wants_a_login_later():
    with sg.Folder() as folder, served(folder) as stub, Proxy(lambda n: "407" if n > 1 else "ok") as proxy:
        o = through_proxy(proxy, stub, folder, "generator.model=stub")
        check(o.code == 2, f"exit code {o.code}: {o.err}")
        fault.check_message(o, "407", "https_proxy")


# ---- redirects


def redirect_sees_nothing(provider):
    """Another port gets no connection, whatever the header of the key is called."""
    met = []
    url, end = listener(lambda connection: met.append(connection.recv(4096)))
    thief = url.replace("https", "http")
    with sg.Folder() as folder:
        for on in ("models", "chat"):
            (folder / on).mkdir()
            script = folder / on / "script.json"
            script.write_text(f'[{{"on": "{on}", "from": 1, "fault": "redirect", "to_url": "{thief}"}}]')
            api = ["--api", "azure"] if provider == "azure" else []
            with sg.Stub(folder / on, "--key", KEY, "--script", str(script), *api) as stub:
                o = fault.buy(folder / on / "r", stub.url, f"generator.provider={provider}", "generator.model=stub",
                              "generator.api_key_env=OPENAI_API_KEY")
                check(o.code == 2, f"{on}: exit code {o.code}: {o.err}")
                fault.check_message(o, "redirects", "generator.base_url")
    check(not met, f"the other port was sent {met}")
    end()


# ---- HTTP/2


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def http2():
    nghttpx = shutil.which("nghttpx") or ("/usr/sbin/nghttpx" if os.path.exists("/usr/sbin/nghttpx") else None)
    if not nghttpx:
        raise fault.NotTried("needs nghttpx (Debian: nghttp2-proxy)")
    with sg.Folder() as folder:
        (folder / "script.json").write_text('[{"from": 3, "to": 4, "fault": "reset"}, {"from": 6, "to": 6, "fault": "cut"}, '
                                            '{"from": 8, "to": 8, "fault": "status", "status": 429}]')
        with sg.Stub(folder, "--key", KEY, "--script", str(folder / "script.json"), "--latency", "0.1") as stub:
            port, log = free_port(), folder / "access.log"
            front = subprocess.Popen(
                [nghttpx, "--conf=/dev/null", f"--frontend=127.0.0.1,{port}", f"--backend=127.0.0.1,{stub.url.split(':')[2].split('/')[0]}",
                 "--workers=1", f"--accesslog-file={log}", "--accesslog-format=$alpn $status $request", "--errorlog-file=/dev/null",
                 str(certificates / "good.key"), str(certificates / "good.crt")], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                for _ in range(100):
                    with socket.socket() as s:
                        if s.connect_ex(("127.0.0.1", port)) == 0:
                            break
                    time.sleep(0.05)
                o = fault.buy(folder / "r", f"https://127.0.0.1:{port}/v1", CA, ranks=2)
                check(o.code == 0, o.err)
                check(fault.examples(folder / "r") == wanted[1], "other examples than over HTTP/1.1")
                fault.check_nothing_lost(folder / "r", [r for r in stub.requests() if r["status"] == 200 and not r["fault"]])
                lines = log.read_text().splitlines()
                check(len(lines) >= 8 and all(line.startswith("h2 ") for line in lines), f"not HTTP/2: {lines}")
            finally:
                front.terminate()
                front.wait(10)


warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.1, which is what is to be refused
if not shutil.which("openssl"):
    sg.skip("no openssl command")
make_certificate("ca")
make_certificate("good")
make_certificate("expired", dates=("-days", "0"))  # it has when it is shown; OpenSSL 3.5 makes none that ends before it begins
make_certificate("elsewhere", names="DNS:elsewhere.test")
make_certificate("alone", signed=False)
wanted = fault.undisturbed()
file_of_ca = f"{certificates}/ca.crt"
try:
    fault.play([
        ("never_answers", never_answers),
        ("ca_file", lambda: trusted([CA], {})),
        ("ca_file_two_ranks", lambda: trusted([CA], {}, ranks=2)),
        ("SSL_CERT_FILE", lambda: trusted([], {"SSL_CERT_FILE": file_of_ca})),
        ("CURL_CA_BUNDLE", lambda: trusted([], {"CURL_CA_BUNDLE": file_of_ca})),
        ("ca_file_comes_first", lambda: trusted([CA], {"SSL_CERT_FILE": "/dev/null"})),
        ("by_name", lambda: trusted([CA], {}, host="localhost")),
        ("unknown_ca", lambda: refused("good", [], "not trusted", "generator.ca_file")),
        ("self_signed", lambda: refused("alone", [CA], "self-signed", "generator.ca_file")),
        ("expired", lambda: refused("expired", [CA], "expired")),
        ("wrong_host", lambda: refused("elsewhere", [CA], "not trusted", "127.0.0.1")),
        ("wrong_name", lambda: refused("elsewhere", [CA], "not trusted", "localhost", host="localhost")),
        ("no_ca_file", lambda: refused("good", ["generator.ca_file=/nowhere/ca.pem"], "cannot be read", "generator.ca_file")),
        ("no_ca_in_it", lambda: refused("good", [f"generator.ca_file={certificates}/ca.key"], "generator.ca_file")),
        ("plain_server", lambda: refused(None, [CA], "hint")),
        ("old_protocol", old_protocol),
        ("proxy_works", proxy_works),
        ("proxy_407", lambda: proxy_refuses("407", "407", "https_proxy")),
        ("proxy_403", lambda: proxy_refuses("refuse", "403", "https_proxy")),
        ("proxy_cut", lambda: proxy_refuses("cut", "https_proxy")),
        ("proxy_cut_for_a_while", lambda: proxy_fails_for_a_while("cut")),
        ("proxy_refuses_for_a_while", lambda: proxy_fails_for_a_while("refuse")),
        ("proxy_breaks_for_a_while", lambda: proxy_fails_for_a_while("break")),
        ("proxy_wants_a_login_later", proxy_wants_a_login_later),
        ("redirect_openai", lambda: redirect_sees_nothing("openai")),
        ("redirect_anthropic", lambda: redirect_sees_nothing("anthropic")),
        ("redirect_azure", lambda: redirect_sees_nothing("azure")),
        ("http2", http2),
    ])
finally:
    made.__exit__(None)

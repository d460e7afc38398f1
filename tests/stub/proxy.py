"""A CONNECT proxy on loopback, in threads of the test: every name is 127.0.0.1. It keeps what it was asked, so that a test sees what a
proxy sees.

    with Proxy() as p:  ... https_proxy=p.url ...  p.asked
`behave(n)` is called with the number of each connection, from 1, and says what happens: "ok", "407", "cut" (closed after CONNECT),
"refuse" (403), "break" (closed in the middle of the first answer)."""
import re
import socket
import threading


class Proxy:
    def __init__(self, behave=lambda n: "ok"):
        self.behave, self.asked, self.n, self.lock = behave, [], 0, threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, client):
        with self.lock:
            self.n += 1
            what = self.behave(self.n)
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(4096)
                if not data:
                    return
                head += data
            self.asked.append(head.decode("latin-1"))
            found = re.match(rb"CONNECT [^ ]+:(\d+) ", head)
            if what == "cut":
                return
            if what != "ok" and what != "break" or not found:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n"
                               if what == "407" else b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", int(found[1]))) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                up = threading.Thread(target=self.copy, args=(client, server, 1 << 60), daemon=True)
                up.start()
                self.copy(server, client, 1600 if what == "break" else 1 << 60)

    @staticmethod
    def copy(source, target, n):
        try:
            while n > 0 and (data := source.recv(65536)):
                target.sendall(data[:n])
                n -= len(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

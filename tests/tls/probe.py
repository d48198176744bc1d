#!/usr/bin/env python3
"""The ends of a stream, probed from outside with full control over every TCP segment.

    probe.py PROBE_SERVER [ECHO_TLS [PROXY_TLS CLIENT_TLS]]   the programs as they were built

The client is Python's ssl on memory BIOs: what a segment carries is decided here. Each probe
runs with TLS 1.2 and 1.3. A line per probe; the status is 0 when all hold.
"""
import atexit
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile

TIMEOUT_S = 30
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
HALF_BYTES = 4_000_000


class Client:
    """A TLS client whose segments are made by hand."""

    def __init__(self, port, version):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.step(self.tls.do_handshake)
        self.flush()

    def flush(self):
        data = self.outgoing.read()
        if data:
            self.socket.sendall(data)

    def feed(self):
        """One read; False at FIN."""
        data = self.socket.recv(65536)
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()
        return bool(data)

    def step(self, call, *arguments):
        while True:
            try:
                return call(*arguments)
            except ssl.SSLWantReadError:
                self.flush()
                self.feed()

    def say(self, data):
        self.tls.write(data)

    def notify(self):
        """Queues close_notify; the peer's answer is not waited for."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass

    def fin(self):
        self.socket.shutdown(socket.SHUT_WR)

    def read_to_end(self):
        """(bytes, how): close_notify, fin, reset."""
        total = 0
        while True:
            try:
                data = self.step(self.tls.read, 65536)
                if not data:
                    return total, "close_notify"
                total += len(data)
            except ssl.SSLZeroReturnError:
                return total, "close_notify"
            except ssl.SSLEOFError:
                return total, "fin"
            except ssl.SSLSyscallError:
                return total, "close_notify"  # after unwrap, Python says it this way
            except ConnectionResetError:
                return total, "reset"

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


class Program:
    """A server that prints its port first."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)  # also when a probe breaks off
        self.port = int(self.process.stdout.readline().split()[-1])

    def lines_until(self, last):
        """What it says, up to the first line that begins with `last`."""
        lines = []
        for line in self.process.stdout:
            lines.append(line.strip())
            if line.startswith(last):
                return lines
        raise AssertionError(f"it ended before saying {last}: {lines}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.stdout.close()
        return self.process.wait(TIMEOUT_S)


failures = 0


def check(name, wanted, got):
    global failures
    ok = wanted == got
    failures += not ok
    print(f"{'ok  ' if ok else 'FAIL'} {name}" + ("" if ok else f": wanted {wanted}, got {got}"))


def received(lines):
    return sum(int(line.split()[1]) for line in lines if line.startswith("received"))


def probe_ends(server, name, version):
    c = Client(server.port, version)
    c.say(b"hello")
    c.notify()
    c.flush()  # data and close_notify in one segment
    c.fin()
    lines = server.lines_until("closed")
    got = c.read_to_end()
    c.close()
    check(f"{name} data and close_notify together: delivered", 5, received(lines))
    check(f"{name} data and close_notify together: told", ["ended FOAL_CLEAN", "closed FOAL_CLEAN"],
          lines[-2:])
    check(f"{name} data and close_notify together: answered", (5, "close_notify"), got)

    c = Client(server.port, version)
    c.say(b"hello")
    c.flush()
    c.fin()
    lines = server.lines_until("closed")
    c.close()
    check(f"{name} bare FIN: delivered", 5, received(lines))
    check(f"{name} bare FIN: told", ["received 5", "closed FOAL_TRUNCATED"], lines[-2:])

    c = Client(server.port, version)
    c.say(f"send {HALF_BYTES}".encode())
    c.notify()
    c.flush()
    c.fin()
    got = c.read_to_end()
    lines = server.lines_until("closed")
    c.close()
    check(f"{name} half-close: answered", (HALF_BYTES, "close_notify"), got)
    check(f"{name} half-close: told", ["ended FOAL_CLEAN", "closed FOAL_CLEAN"], lines[-2:])

    c = Client(server.port, version)
    c.say(b"hello ")
    c.say(b"world")
    c.flush()  # two records in one segment
    echo = b""
    while len(echo) < 11:
        echo += c.step(c.tls.read, 100)
    check(f"{name} two records in one segment: answered", b"hello world", echo)
    c.reset()
    lines = server.lines_until("closed")
    check(f"{name} reset: told", "closed FOAL_RESET", lines[-1])


def probe_echo(port, name, version):
    c = Client(port, version)
    c.say(b"hello")
    c.notify()
    c.flush()
    c.fin()
    check(f"{name}", (5, "close_notify"), c.read_to_end())
    c.close()


def certificate(folder):
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days",
                    "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                   check=True, capture_output=True)
    os.chmod(key, 0o600)
    return cert, key


def probe_examples(echo_program, rest):
    with tempfile.TemporaryDirectory(prefix="foal_probe_") as folder:
        cert, key = certificate(folder)
        echo = Program(echo_program, "0", cert, key)
        for name, version in VERSIONS.items():
            probe_echo(echo.port, f"echo_tls {name}", version)
        if rest:
            probe_proxy(echo, rest[0], cert, key)
            probe_client(echo, rest[1], cert)
        check("echo_tls ends", 0, echo.stop())


def probe_proxy(echo, program, cert, key):
    proxy = Program(program, "0", cert, key, "localhost", str(echo.port), cert)
    for name, version in VERSIONS.items():
        probe_echo(proxy.port, f"proxy_tls {name}", version)
        c = Client(proxy.port, version)
        sent = os.urandom(16000) * 300
        echoed, at = b"", 0
        while len(echoed) < len(sent):
            if at < len(sent):
                c.say(sent[at:at + 16000])
                c.flush()
                at += 16000
            if at - len(echoed) > 200_000 or at >= len(sent):
                echoed += c.step(c.tls.read, 1 << 20)
        check(f"proxy_tls {name}: a stream through it", True, echoed == sent)
        c.reset()
    check("proxy_tls ends", 0, proxy.stop())
    dead = Program(program, "0", cert, key, "localhost", "1")
    c = Client(dead.port, VERSIONS["1.3"])
    check("proxy_tls without upstream", "reset", c.read_to_end()[1])
    check("proxy_tls ends", 0, dead.stop())


def probe_client(echo, program, cert):
    """Against the echo the answer is the request, which is enough to see."""
    def fetch(*arguments):
        return subprocess.run([program, *arguments], capture_output=True, timeout=TIMEOUT_S)

    port = str(echo.port)
    done = fetch("127.0.0.1", port, "/", cert)
    check("client_tls: another name than the certificate's", 1, done.returncode)
    done = fetch("localhost", port, "/")
    check("client_tls: an authority that is not trusted", 1, done.returncode)
    # The echo never ends first: a server that answers and closes stands in for it.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, cert.replace("cert", "key"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
        for clean in (True, False):
            page = tempfile.TemporaryFile()
            process = subprocess.Popen([program, "localhost", port, "/page", cert], stdout=page,
                                       stderr=subprocess.DEVNULL)
            peer = context.wrap_socket(listening.accept()[0], server_side=True,
                                       suppress_ragged_eofs=False)
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                request += peer.recv(1000)
            peer.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + b"z" * 100_000)
            if clean:
                peer = peer.unwrap()
            peer.close()
            process.wait(TIMEOUT_S)
            page.seek(0)
            out = page.read()
            name = "client_tls: " + ("a clean end" if clean else "a cut")
            check(name, (0 if clean else 1, True), (process.returncode, out.endswith(b"z" * 100_000)))
            check(f"{name}: the request", True, request.startswith(b"GET /page HTTP/1.0\r\n"))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    server = Program(sys.argv[1])
    for name, version in VERSIONS.items():
        probe_ends(server, f"TLS {name}", version)
    check("probe_server ends", 0, server.stop())
    if len(sys.argv) > 2:
        probe_examples(sys.argv[2], sys.argv[3:])
    sys.exit(failures != 0)


if __name__ == "__main__":
    main()

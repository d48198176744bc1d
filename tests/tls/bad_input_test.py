"""What the example programs do with bad files, bad command lines and bad peers.

At the start: one line on standard error that says what is wrong with which file or option, and
status 2 for a wrong command line, 1 for everything else. While serving: one line per bad peer,
the alert that the peer deserves, and nobody else notices."""

import contextlib
import os
import random
import select
import shutil
import socket
import struct
import subprocess
import time
import unittest

from programs import (CLIENT, ECHO, HTTPS, PROXY, SLOWNESS, TIMEOUT_S, VERSIONS, Folder, Program,
                      context, main, run, serve_once)

PLAIN_HTTP = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
SEED = 20
# What main still has when it gives up is the system's; a leak of a running program is not.
ENDS_AT_ONCE = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")
                + ":detect_leaks=0"}
UNPRIVILEGED = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
# RFC 8446, section 6.2
UNEXPECTED_MESSAGE, RECORD_OVERFLOW, HANDSHAKE_FAILURE, ILLEGAL_PARAMETER = 10, 22, 40, 47
PROTOCOL_VERSION, CERTIFICATE_REQUIRED = 70, 116


def record(kind, body):
    return struct.pack(">BHH", kind, 0x0301, len(body)) + body


def client_hello(length, present):
    """The first `present` bytes of a ClientHello that claims a length, in records."""
    message = b"\1" + struct.pack(">I", length)[1:] + b"\3\3" + bytes(present)
    return b"".join(record(22, message[i:i + 16384]) for i in range(0, len(message), 16384))


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.addClassCleanup(cls.folder.remove)
        cls.cert, cls.key = cls.folder.certificate("localhost")

    def servers(self):
        """name, command line of each program that listens"""
        pair = self.cert, self.key
        yield "echo_tls", (ECHO, "0", *pair)
        yield "https", (HTTPS, "--port", "0", "--cert", self.cert, "--key", self.key)
        yield "proxy_tls", (PROXY, "0", *pair, "localhost", "9")


class StartUp(Case):
    """One line, and a status that a script can tell apart."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.folder.certificate("other")[1]
        cls.none = cls.folder.file("none.pem")
        cls.bad = cls.folder.file("bad.pem", b"this is not PEM\n")
        cls.broken = cls.folder.file("broken.pem", cls.folder.read("localhost.pem")[:300])
        cls.exposed = cls.folder.file("exposed.key", cls.folder.read("localhost.key"))
        os.chmod(cls.bad, 0o600)
        os.chmod(cls.exposed, 0o640)
        if os.geteuid() == 0:  # root's own files may be 0640
            os.chown(cls.exposed, 65534, -1)

    def pairs(self):
        """name, a function that makes a command line of port, certificate and key"""
        yield "echo_tls", lambda port, cert, key: (ECHO, port, cert, key)
        yield "https", lambda port, cert, key: (HTTPS, "--port", port, "--cert", cert, "--key", key)
        yield "proxy_tls", lambda port, cert, key: (PROXY, port, cert, key, "localhost", "9")

    def fails(self, command, says, prefix=()):
        done = run(*prefix, *command, env=ENDS_AT_ONCE)
        text = done.stderr.decode()
        self.assertEqual(done.returncode, 1, f"status; it said {text!r}")
        self.assertEqual(len(text.splitlines()), 1, f"one line was expected, not {text!r}")
        self.assertEqual(done.stdout, b"")
        for word in says:
            self.assertIn(word, text)

    def each(self, says, port="0", cert=None, key=None, prefix=()):
        for name, command in self.pairs():
            with self.subTest(program=name):
                self.fails(command(port, cert or self.cert, key or self.key), says, prefix)

    def test_missing_certificate(self):
        self.each((self.none, "No such file"), cert=self.none)

    def test_missing_key(self):
        self.each((self.none, "No such file"), key=self.none)

    def test_bad_certificate(self):
        self.each((self.bad, "PEM"), cert=self.bad)
        self.each((self.broken, "PEM"), cert=self.broken)

    def test_bad_key(self):
        self.each((self.bad, "PEM"), key=self.bad)

    def test_folder_in_place_of_a_file(self):
        self.each((self.folder.www,), cert=self.folder.www)

    def test_key_of_another_certificate(self):
        self.each((self.other,), key=self.other)

    def test_key_that_others_may_read(self):
        self.each((self.exposed, "chmod 600"), key=self.exposed)

    def test_bad_authorities(self):
        for path in (self.none, self.bad):
            with self.subTest(path=path):
                self.fails((CLIENT, "localhost", "9", "/", path), (path,))
                self.fails((PROXY, "0", self.cert, self.key, "localhost", "9", path), (path,))

    def test_port_in_use(self):
        with socket.create_server(("0.0.0.0", 0)) as taken:
            port = str(taken.getsockname()[1])
            self.each((port, "in use", "another port"), port=port)

    def test_privileged_port(self):
        with open(UNPRIVILEGED, encoding="ascii") as first:
            if int(first.read()) <= 80:
                self.skipTest("this machine lets everybody bind ports below 1024")
        prefix = ()
        if os.geteuid() == 0:
            prefix = ("setpriv", "--bounding-set=-net_bind_service",
                      "--inh-caps=-net_bind_service", "--")
            if not shutil.which("setpriv") or run(*prefix, "true").returncode != 0:
                self.skipTest("root, and setpriv cannot take the right to bind away")
        self.each(("80", "below 1024", "root"), port="80", prefix=prefix)

    def test_usage(self):
        pair = self.cert, self.key
        for command in ((ECHO,), (ECHO, "--what"), (ECHO, "0", self.cert),
                        (ECHO, "0", *pair, "more"), (PROXY, "--what"), (CLIENT, "--what"),
                        (ECHO, "", *pair), (ECHO, "x", *pair), (ECHO, "-1", *pair),
                        (ECHO, "65536", *pair), (ECHO, "1x", *pair), (ECHO, "--what", *pair),
                        (ECHO, "99999999999999999999", *pair), (ECHO, "0", *pair, "--foal-what"),
                        (ECHO, "0", *pair, "--foal-workers=0"),
                        (ECHO, "0", *pair, "--foal-workers=many"),
                        (PROXY,), (PROXY, "0", *pair, "localhost"),
                        (PROXY, "0", *pair, "localhost", "x"),
                        (PROXY, "0", *pair, "localhost", "65536"),
                        (PROXY, "0", *pair, "localhost", "9", self.cert, "more"),
                        (PROXY, "0", *pair, "localhost", "9", "--foal-what"),
                        (CLIENT,), (CLIENT, "localhost"), (CLIENT, "localhost", "x"),
                        (CLIENT, "localhost", "0"), (CLIENT, "localhost", "65536"),
                        (CLIENT, "localhost", "9", "/", self.cert, "more"),
                        (CLIENT, "localhost", "9", "--foal-what"),
                        (HTTPS, "--what"), (HTTPS, "--port", "x"), (HTTPS, "--foal-what"),
                        (HTTPS, "--foal-workers=0"), (HTTPS, "--port")):
            with self.subTest(command=command[1:], program=os.path.basename(command[0])):
                done = run(*command, env=ENDS_AT_ONCE)
                text = done.stderr.decode()
                self.assertEqual(done.returncode, 2, f"status; it said {text!r}")
                self.assertEqual(done.stdout, b"")
                self.assertIn(len(text.splitlines()), (1, 2), text)
                self.assertRegex(text, "usage: |--help|known: |takes a number")

    def test_help(self):
        for program in (ECHO, PROXY, CLIENT, HTTPS):
            done = run(program, "--help", env=ENDS_AT_ONCE)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertIn(b"usage: ", done.stdout)


def talk(port, data, fin=False):
    """Sends and reads to the end: what came, and how it ended."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as tcp:
        try:
            tcp.sendall(data)
            if fin:
                tcp.shutdown(socket.SHUT_WR)
            while part := tcp.recv(4096):
                got += part
        except (ConnectionResetError, BrokenPipeError):
            return got, "reset"
    return got, "fin"


class Hostile(Case):
    """Bad peers, one after the other, beside one that has a connection already."""

    def each(self, attack, says):
        """attack(port), against each server; says is its line, exactly one."""
        for name, command in self.servers():
            with self.subTest(program=name), Program(*command) as server:
                friend = server.connect() if name != "proxy_tls" else None  # has no upstream
                attack(server.port)
                server.wait_line(says)
                if friend:
                    with friend:
                        friend.sendall(PLAIN_HTTP)
                        self.assertIn(b"HTTP/1.1", friend.recv(4096))
                        friend.unwrap()
                self.settled(server)
                self.assertEqual(len(server.complaints()), 1, "one line was expected, not "
                                 f"{server.complaints()}")
                self.assertIn("127.0.0.1:", server.complaints()[0], "the peer is not named")

    def settled(self, server):
        """Whoever spins uses far more than this in the time."""
        before = server.ticks()
        select.select([], [], [], 0.3)
        used = server.ticks() - before
        self.assertLessEqual(used, 3, f"it used {used} ticks of CPU with nothing to do")

    def alert(self, port, data, wanted):
        got, how = talk(port, data)
        self.assertEqual(got[:1], b"\x15", f"no alert came, but {got[:50]} and {how}")
        self.assertEqual((got[5], got[6]), (2, wanted), "another alert than was expected")

    def test_plain_http(self):
        def attack(port):
            got, _ = talk(port, PLAIN_HTTP)
            self.assertIn(got[:1], (b"", b"\x15"))

        self.each(attack, "broken by it .*http request")

    def test_random_bytes(self):
        noise = random.Random(SEED).randbytes(2000)

        def attack(port):
            got, _ = talk(port, noise)
            self.assertIn(got[:1], (b"", b"\x15"))

        self.each(attack, "broken by it")

    def test_random_records(self):
        noise = record(22, b"\x77" + random.Random(SEED).randbytes(16383))
        self.each(lambda port: self.alert(port, noise, UNEXPECTED_MESSAGE),
                  "broken by it .*sent alert 10")

    def test_many_random_peers(self):
        """Whatever comes, the next one is served."""
        chance = random.Random(SEED)
        with Program(ECHO, "0", self.cert, self.key) as echo:
            for _ in range(100):
                start = chance.choice((b"", b"\x16\x03\x01", b"\x16\x03\x01\x00\x30\x01\x00\x00"))
                talk(echo.port, start + chance.randbytes(chance.randrange(1, 600)), fin=True)
            with echo.connect(ca=self.cert) as friend:
                friend.sendall(b"still there?")
                self.assertEqual(friend.recv(100), b"still there?")
                friend.unwrap()
            echo.wait_line("127.0.0.1:", count=100)
            self.settled(echo)

    def test_oversized_client_hello(self):
        self.each(lambda port: self.alert(port, client_hello(0xffffff, 1 << 18), ILLEGAL_PARAMETER),
                  "excessive message size.*sent alert 47")

    def test_oversized_record(self):
        data = struct.pack(">BHH", 22, 0x0301, 0xffff) + bytes(0xffff)
        self.each(lambda port: self.alert(port, data, RECORD_OVERFLOW), "sent alert 22")

    def test_half_a_client_hello(self):
        self.each(lambda port: talk(port, client_hello(500, 100), fin=True),
                  "ended during the handshake")

    def test_no_common_version(self):
        body = (b"\3\1" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0")  # TLS 1.0, nothing else
        hello = record(22, b"\1" + struct.pack(">I", len(body))[1:] + body)
        self.each(lambda port: self.alert(port, hello, PROTOCOL_VERSION), "sent alert 70")

    def test_data_before_the_handshake(self):
        self.each(lambda port: self.alert(port, record(23, bytes(100)), UNEXPECTED_MESSAGE),
                  "sent alert 10")


class BadServer(Case):
    """client_tls before servers that speak no TLS, or badly."""

    def check(self, data, says, alert=None):
        heard = []

        def handle(tcp):
            tcp.recv(65536)
            tcp.sendall(data)
            with contextlib.suppress(ConnectionError):
                while part := tcp.recv(4096):
                    heard.append(part)

        with serve_once(handle) as port:
            done = run(CLIENT, "localhost", str(port), "/", self.cert)
        text = done.stderr.decode()
        self.assertEqual((done.returncode, done.stdout), (1, b""), text)
        self.assertEqual(len(text.splitlines()), 1, f"one line was expected, not {text!r}")
        self.assertRegex(text, f"127.0.0.1:{port}: .*{says}")
        if alert is not None:
            self.assertEqual(b"".join(heard)[-2:], bytes((2, alert)), "another alert")

    def test_plain_text(self):
        self.check(b"HTTP/1.1 400 Bad Request\r\n\r\n", "broken by it")
        self.check(b"220 mail.test ESMTP\r\n", "broken by it")

    def test_random_bytes(self):
        self.check(random.Random(SEED).randbytes(2000), "broken by it")

    def test_oversized_record(self):
        self.check(struct.pack(">BHH", 22, 0x0303, 0xffff) + bytes(0xffff), "sent alert 22",
                   RECORD_OVERFLOW)

    def test_data_before_the_handshake(self):
        self.check(record(23, bytes(100)), "sent alert 10", UNEXPECTED_MESSAGE)

    def test_alert(self):
        self.check(record(21, bytes((2, HANDSHAKE_FAILURE))), "the peer sent alert 40")


class ClientCertificate(Case):
    """A client without the certificate that https demands."""

    def test_alert_by_version(self):
        authority = self.folder.certificate("authority")[0]
        command = (HTTPS, "--port", "0", "--cert", self.cert, "--key", self.key, "--client-ca",
                   authority)
        wanted = {"1.2": HANDSHAKE_FAILURE, "1.3": CERTIFICATE_REQUIRED}
        friend = self.folder.certificate("friend", issuer="authority")
        for version in VERSIONS:
            with self.subTest(tls=version), Program(*command) as https:
                with https.connect(cert=friend) as other:
                    self.refused(https, version, wanted[version])
                    other.sendall(PLAIN_HTTP)
                    self.assertIn(b"200 OK", other.recv(4096))
                    other.unwrap()
                https.wait_line("127.0.0.1:.*could not prove.*sent no certificate")
                self.assertEqual(len(https.complaints()), 1, https.complaints())

    def refused(self, https, version, number):
        peer = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{https.port}",
                                 "-quiet", "-tls" + version.replace(".", "_")],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
        out, errors = peer.communicate(timeout=TIMEOUT_S)
        self.assertIn(f"SSL alert number {number}", errors)
        self.assertEqual(out, "")


class Crowd(Case):
    """More connections than descriptors: they wait, and each is served in the end."""

    def test_few_descriptors(self):
        prefix = ("prlimit", "--nofile=64:64", "--")
        if run(*prefix, "true").returncode != 0:
            self.skipTest("prlimit cannot lower the limit of open files here")
        for name, command in (("echo_tls", (ECHO, "0", self.cert, self.key)),
                              ("https", (HTTPS, "--port", "0", "--echo"))):
            with self.subTest(program=name), Program(*command, prefix=prefix) as server:
                self.crowd(server, PLAIN_HTTP if name == "https" else b"hello")

    def crowd(self, server, request):
        first = server.connect()
        first.settimeout(TIMEOUT_S)
        waiting = [socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S)
                   for _ in range(199)]
        server.wait_line("wait")
        before = server.ticks()
        select.select([], [], [], 0.5)
        used = server.ticks() - before
        self.assertLessEqual(used, 3, f"it used {used} ticks while connections wait")
        first.sendall(request)
        self.assertNotEqual(first.recv(4096), b"")
        first.close()
        for tcp in waiting:
            with context(alpn=()).wrap_socket(tcp) as peer:
                peer.sendall(request)
                self.assertNotEqual(peer.recv(4096), b"", "a waiting connection was dropped")
                peer.unwrap()
        lines = [line for line in server.complaints() if "wait" in line]
        self.assertLessEqual(len(lines), 2, f"the log must not flood: {lines}")


class Silence(Case):
    """Who says nothing is sent away by the handshake timeout; ten seconds, so this is slow."""

    def test_silent_clients(self):
        with contextlib.ExitStack() as stack:
            servers = {name: stack.enter_context(Program(*command))
                       for name, command in self.servers()}
            begin = time.monotonic()
            peers = []
            for server in servers.values():
                for data in (b"", client_hello(500, 100)):
                    tcp = socket.create_connection(("127.0.0.1", server.port), 3 * TIMEOUT_S)
                    peers.append(stack.enter_context(tcp))
                    tcp.sendall(data)
            used = {name: server.ticks() for name, server in servers.items()}
            for tcp in peers:
                self.assertEqual(tcp.recv(100), b"", "nothing can be said to a silent peer")
                waited = time.monotonic() - begin
                self.assertGreater(waited, 9, "sent away too early")
                self.assertLess(waited, 12 * SLOWNESS, "sent away too late")
            for name, server in servers.items():
                with self.subTest(program=name):
                    server.wait_line("127.0.0.1:.*handshake took too long", count=2)
                    self.assertEqual(len(server.complaints()), 2, server.complaints())
                    self.assertLessEqual(server.ticks() - used[name], 3, "it spins while it waits")

    def test_client_of_a_silent_server(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = str(silent.getsockname()[1])
            done = run(CLIENT, "localhost", port, "/", self.cert, timeout=3 * TIMEOUT_S)
        text = done.stderr.decode()
        self.assertEqual((done.returncode, len(text.splitlines())), (1, 1), text)
        self.assertRegex(text, f"127.0.0.1:{port}: the TLS handshake took too long")


if __name__ == "__main__":
    main()

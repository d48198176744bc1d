"""What the acceptance tests of the example programs share: the programs as processes whose
every line is kept, peers made of Python's ssl, and what the kernel knows of a process.

A test file is run as: python3 x_test.py HTTPS ECHO_TLS CLIENT_TLS PROXY_TLS [unittest options].
Ports are always chosen by the kernel; what is waited for is a line, a socket or an end."""

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import unittest

from https_server import PROGRAM as HTTPS
from https_server import SANITIZER, TIMEOUT_S, Folder, context, run
from probe import Client as Segments

ECHO, CLIENT, PROXY = ((os.path.abspath(sys.argv.pop(1)) for _ in range(3))
                       if len(sys.argv) > 3 else (None, None, None))
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
KINDS = ("ec", "rsa")
SLOWNESS = 5 if os.environ.get("FOAL_SANITIZE") else 1
ORDINARY = re.compile(r"signal \d+: finishing what is open|throw-away certificate")

__all__ = ["CLIENT", "Case", "Crumbs", "ECHO", "Folder", "HTTPS", "KINDS", "PROXY", "Program",
           "SLOWNESS", "Segments", "TIMEOUT_S", "VERSIONS", "context", "listening_port", "main",
           "needs", "run", "serve_once", "server_context"]


def needs(tool):
    return unittest.skipUnless(shutil.which(tool), f"{tool} is not installed")


class Program:
    """A program that listens. All that it says is kept; leaving the with statement ends it and
    checks that it ended well."""

    def __init__(self, *command, prefix=()):
        self.lines = []
        self.news = threading.Condition()
        self.process = subprocess.Popen([*prefix, *command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self.read_errors, daemon=True)
        self.reader.start()
        first = self.first = self.process.stdout.readline()
        found = re.search(r":?(\d+)/?\n$", first)
        if not found:
            self.process.wait(TIMEOUT_S)
            self.reader.join(TIMEOUT_S)
            raise AssertionError(f"{command[0]} did not say that it listens, but {first!r} and "
                                 f"{self.lines} (status {self.process.returncode})")
        self.port = int(found.group(1))

    def read_errors(self):
        for line in self.process.stderr:
            with self.news:
                self.lines.append(line.rstrip("\n"))
                self.news.notify_all()
        self.process.stderr.close()

    def wait_line(self, pattern, since=0, count=1):
        """Waits until `count` lines on standard error match, from line number `since` on."""
        def found():
            return [line for line in self.lines[since:] if re.search(pattern, line)]
        with self.news:
            if not self.news.wait_for(lambda: len(found()) >= count, TIMEOUT_S):
                raise AssertionError(f"{count} lines with '{pattern}' were expected on standard "
                                     f"error; it said {self.lines[since:]}")
            return found()

    def complaints(self):
        with self.news:
            return [line for line in self.lines if not ORDINARY.search(line)]

    def end(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join(TIMEOUT_S)
        self.process.stdout.close()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        status = self.end()
        if kind is None:
            assert not any(SANITIZER.search(line.encode()) for line in self.lines), \
                f"a sanitizer spoke: {self.lines}"
            assert status == 0, f"it ended with {status} after SIGTERM; it said {self.lines}"

    def ticks(self):
        """CPU time used up to now, in ticks of the kernel, all threads."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def connect(self, version=None, **options):
        """A blocking TLS connection; checks nothing unless asked to."""
        tcp = socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S)
        try:
            return context(version=version, alpn=(), **options).wrap_socket(
                tcp, server_hostname="localhost", suppress_ragged_eofs=False)
        except BaseException:
            tcp.close()
            raise


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.addClassCleanup(cls.folder.remove)
        cls.certs = {kind: cls.folder.certificate(kind, kind=kind, host="localhost")
                     for kind in KINDS}
        cls.ec = cls.certs["ec"]

    def quiet(self, program, peer):
        self.assertEqual(program.complaints(), [], f"{peer} behaved, but the program complained")

    def each(self, check):
        """check(kind of certificate, TLS version), for all combinations."""
        for kind in KINDS:
            for version in VERSIONS:
                with self.subTest(certificate=kind, tls=version):
                    check(kind, version)


class Crumbs(Segments):
    """A client that sends its TLS in pieces of this many bytes, one segment each."""

    def __init__(self, port, version, crumb_bytes=1 << 20):
        self.crumb_bytes = crumb_bytes
        super().__init__(port, version)

    def flush(self):
        data = self.outgoing.read()
        for at in range(0, len(data), self.crumb_bytes):
            self.socket.sendall(data[at:at + self.crumb_bytes])

    def exactly(self, count):
        got = b""
        while len(got) < count:
            part = self.step(self.tls.read, count - len(got))
            if not part:
                raise EOFError(f"closed after {len(got)} of {count} bytes")
            got += part
        return got


def listening_port(pid):
    """The port on which a process listens that does not say it."""
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        target = os.readlink(f"/proc/{pid}/fd/{fd}")
        inodes.add(target.removeprefix("socket:[").removesuffix("]"))
    with open("/proc/net/tcp") as table:
        for line in table:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                return int(fields[1].split(":")[1], 16)
    raise AssertionError(f"process {pid} does not listen")


def server_context(cert, version=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*cert)
    if version:
        made.minimum_version = made.maximum_version = version
    return made


@contextlib.contextmanager
def serve_once(handle):
    """Accepts one connection on a thread and hands the socket to `handle`; gives the port.
    What the handler raises is raised at the end of the with statement."""
    failed = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(TIMEOUT_S)

        def serve():
            try:
                accepted = listening.accept()[0]
                accepted.settimeout(TIMEOUT_S)
                with accepted:
                    handle(accepted)
            except Exception as error:  # told by the main thread
                failed.append(error)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(TIMEOUT_S)
        assert not thread.is_alive(), "the peer's thread did not come to an end"
        if failed:
            raise failed[0]


def main():
    if PROXY is None:
        sys.exit("usage: test HTTPS ECHO_TLS CLIENT_TLS PROXY_TLS [test...]")
    unittest.main(verbosity=1)

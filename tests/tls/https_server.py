"""What the end-to-end tests of the HTTPS example share: certificates, the server as a process,
and a client that speaks HTTP/1.1 byte by byte over TLS.

A test file is run as: python3 https_x_test.py <path of the https program> [unittest options].
Ports are always chosen by the kernel; nothing sleeps to wait for something."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else None
TIMEOUT_S = 30
SANITIZER = re.compile(rb"Sanitizer|runtime error:")


def run(*command, **options):
    """Runs a command to its end; its output is captured."""
    options.setdefault("timeout", TIMEOUT_S)
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(command, capture_output=True, **options)


class Folder:
    """A scratch folder with certificates and a folder to serve."""

    def __init__(self):
        self.temp = tempfile.TemporaryDirectory(prefix="foal_https_")
        self.path = self.temp.name
        self.www = self.file("www")
        os.mkdir(self.www)

    def file(self, name, content=None):
        path = os.path.join(self.path, name)
        if content is not None:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as out:
                out.write(content)
        return path

    def read(self, name):
        with open(self.file(name), "rb") as file:
            return file.read()

    def openssl(self, *arguments):
        done = run("openssl", *arguments, cwd=self.path)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.decode())

    def certificate(self, name, issuer=None, kind="ec", days=30, host=None):
        """Makes NAME.pem and NAME.key for HOST; without an issuer it signs itself."""
        host = host or name
        subject = ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host},IP:127.0.0.1"]
        size = "ec_paramgen_curve:P-256" if kind == "ec" else "rsa_keygen_bits:2048"
        key = ["-newkey", kind, "-pkeyopt", size, "-nodes", "-keyout", f"{name}.key"]
        if issuer is None:
            self.openssl("req", "-x509", *key, *subject, "-days", str(days), "-out", f"{name}.pem")
        else:
            self.openssl("req", *key, *subject, "-new", "-out", f"{name}.csr")
            self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.pem", "-CAkey",
                         f"{issuer}.key", "-CAcreateserial", "-days", str(days),
                         "-copy_extensions", "copyall", "-out", f"{name}.pem")
        os.chmod(self.file(f"{name}.key"), 0o600)
        return self.file(f"{name}.pem"), self.file(f"{name}.key")

    def remove(self):
        self.temp.cleanup()


class Server:
    """The example, running. Use it in a with statement; leaving it checks a clean end."""

    def __init__(self, *arguments, workers=2, prefix=()):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*prefix, PROGRAM, "--port", "0", "--workers", str(workers), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors)
        line = self.line()
        found = re.fullmatch(r"listening on https://localhost:(\d+)/\n", line)
        if not found:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            text = self.error_text()
            self.errors.close()
            raise RuntimeError(f"unexpected first line {line!r}; {text}")
        self.port = int(found.group(1))

    def error_text(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        status = self.end()
        text = self.error_text()
        self.errors.close()
        self.process.stdout.close()
        if text and (kind or status != 0 or SANITIZER.search(text.encode())):
            sys.stderr.write(text)
        if kind is None:
            assert status == 0, f"the server ended with {status}"
            assert not SANITIZER.search(text.encode()), "a sanitizer spoke"

    def end(self, how=signal.SIGTERM):
        """Ends it and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            status = self.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        return status

    def line(self):
        """The next line of its output; waits for it."""
        return self.process.stdout.readline().decode()

    def status_kib(self, field):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(rf"{field}:\s+(\d+)", status.read()).group(1))

    def url(self, path="/"):
        return f"https://127.0.0.1:{self.port}{path}"

    def client(self, **options):
        return Client(self.port, **options)


def context(version=None, ca=None, cert=None, alpn=("http/1.1",)):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED if ca else ssl.CERT_NONE
    if ca:
        made.load_verify_locations(ca)
    if cert:
        made.load_cert_chain(*cert)
    if alpn:
        made.set_alpn_protocols(list(alpn))
    if version:
        made.minimum_version = made.maximum_version = version
    return made


class Response:
    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ", 2)[1])
        self.line = lines[0]
        self.fields = {}
        for line in lines[1:]:
            name, value = line.split(": ", 1)
            assert name.lower() not in self.fields, f"{name} twice"
            self.fields[name.lower()] = value
        self.body = b""

    def __getitem__(self, name):
        return self.fields.get(name.lower())


class Client:
    """One TLS connection. Reads exactly what belongs to an answer."""

    def __init__(self, port, **options):
        resume = options.pop("session", None)
        self.kept = b""
        self.tcp = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        made = options.pop("context", None) or context(**options)
        self.tls = made.wrap_socket(self.tcp, suppress_ragged_eofs=False, session=resume)

    def __enter__(self):
        return self

    def __exit__(self, *rest):
        self.tls.close()

    def send(self, data):
        self.tls.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def more(self):
        data = self.tls.recv(65536)
        self.kept += data
        return len(data) > 0

    def until(self, end):
        while end not in self.kept:
            if not self.more():
                raise EOFError(f"closed after {self.kept!r}")
        found, self.kept = self.kept.split(end, 1)
        return found

    def exactly(self, count):
        parts = [self.kept[:count]]
        self.kept = self.kept[count:]
        count -= len(parts[0])
        while count > 0:
            data = self.tls.recv(min(count, 1 << 20))
            if not data:
                raise EOFError(f"closed with {count} bytes missing")
            parts.append(data)
            count -= len(data)
        return b"".join(parts)

    def chunks(self):
        body = b""
        while True:
            size = int(self.until(b"\r\n"), 16)
            body += self.exactly(size)
            assert self.exactly(2) == b"\r\n"
            if size == 0:
                return body

    def answer(self, body=True):
        made = Response(self.until(b"\r\n\r\n"))
        if not body or made.status in (100, 204, 304):
            return made
        if made["Transfer-Encoding"] == "chunked":
            made.body = self.chunks()
        else:
            made.body = self.exactly(int(made["Content-Length"]))
        return made

    def ask(self, line, *fields, body=b"", host=True):
        """Sends a request and reads the answer."""
        lines = [f"{line} HTTP/1.1", *(["Host: localhost"] if host else []), *fields, "", ""]
        self.send("\r\n".join(lines).encode("latin-1") + body)
        return self.answer(body=not line.startswith("HEAD "))

    def closed(self):
        """Whether the server has ended the connection properly, with nothing more to say."""
        assert self.kept == b"", self.kept
        return self.tls.recv(1) == b""


class Case(unittest.TestCase):
    """A test case with one folder and one server for all its tests."""

    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.prepare()
        cls.server = Server(*cls.arguments)

    @classmethod
    def prepare(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        try:
            cls.server.__exit__(None)
        finally:
            cls.folder.remove()

    def client(self, **options):
        made = self.server.client(**options)
        self.addCleanup(made.tls.close)
        return made


def main():
    if PROGRAM is None:
        sys.exit("usage: test <https program>")
    unittest.main(verbosity=1)

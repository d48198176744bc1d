"""Peers that are asked what they know of each other: our probe programs, and OpenSSL, GnuTLS, Node
and curl as clients of peer_server.

A test file is run as: python3 x_test.py HTTPS ECHO_TLS CLIENT_TLS PROXY_TLS PEER_SERVER PEER_CLIENT
[unittest options]."""

import contextlib
import getpass
import hashlib
import os
import re
import socket
import ssl
import subprocess
import sys
import threading

from programs import TIMEOUT_S, Folder, Program, listening_port, run

PEER_SERVER, PEER_CLIENT = ((os.path.abspath(sys.argv.pop(1)) for _ in range(2))
                            if len(sys.argv) > 2 else (None, None))
GET = b"GET / HTTP/1.0\r\n\r\n"
PATTERN = bytes((7 * i + (i >> 8)) & 255 for i in range(65536))

NODE_CLIENT = """
const tls = require('tls'), fs = require('fs');
const o = JSON.parse(process.argv[1]);
for (const f of ['ca', 'cert', 'key', 'session', 'request'])
  if (o[f]) o[f] = fs.readFileSync(o[f]);
o.host = '127.0.0.1';
let session, answer = [];
const c = tls.connect(o, () => {
  const k = c.getPeerCertificate();
  console.error('version', c.getProtocol());
  console.error('cipher', c.getCipher().standardName);
  console.error('alpn', c.alpnProtocol || '-');
  console.error('resumed', +c.isSessionReused());
  console.error('fingerprint', k.fingerprint256 ?
    k.fingerprint256.replace(/:/g, '').toLowerCase() : '-');
  c.write(o.request);
});
if (o.keylog) c.on('keylog', line => fs.appendFileSync(o.keylog, line));
c.on('session', s => session = s);
c.on('data', d => answer.push(d));
c.on('error', e => { console.error('error', e.message); process.exitCode = 1; });
c.on('close', () => {
  if (o.keep && session) fs.writeFileSync(o.keep, session);
  process.stdout.write(Buffer.concat(answer));
});
"""


def post(body):
    return b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def facts_of(text):
    """Lines "name value" as a dictionary."""
    return dict(line.split(" ", 1) for line in text.splitlines() if " " in line)


class Answer:
    """What a client got from peer_server: the facts that the server knew, and the body."""

    def __init__(self, output):
        head, _, rest = output.partition(b"HTTP/1.1 200 OK\r\n")
        fields, _, rest = rest.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", fields)
        self.good = length is not None and len(rest) >= int(length.group(1))
        text, _, self.body = (rest[:int(length.group(1))] if self.good else b"").partition(b"\n\n")
        self.facts = facts_of(text.decode())

    def __getitem__(self, name):
        return self.facts.get(name)


class PeerServer(Program):
    """tests/tls/peer_server.c, running."""

    def __init__(self, *words):
        super().__init__(PEER_SERVER, *words)
        found = re.fullmatch(r"port (\d+) control (\d+)\n", self.first)
        self.port, self.control = map(int, found.groups())

    def reload(self, path):
        """Lets it build another context from the words in a file; its answer."""
        with socket.create_connection(("127.0.0.1", self.control), TIMEOUT_S) as tcp:
            tcp.sendall(f"reload {path}\n".encode())
            answer = b""
            while not answer.endswith(b"\n"):
                part = tcp.recv(4096)
                if not part:
                    raise EOFError(f"the control connection ended after {answer!r}")
                answer += part
        return answer.decode().rstrip("\n")

    def next_end(self):
        """The next line on how a connection ended."""
        return self.process.stdout.readline().rstrip("\n")


def peer_client(name, port, *words, request, answers, count=1, env=None):
    """Runs tests/tls/peer_client.c; gives the finished process, the facts of each connection and
    the answers. `answers` is a path to be used as a prefix."""
    done = run(PEER_CLIENT, name, str(port), str(count), request, answers, *words, env=env)
    parts = re.split(r"^closed .*\n", done.stdout.decode(), flags=re.M)
    facts = [facts_of(part) for part in parts if part]
    got = []
    for i in range(1, count + 1):
        if os.path.exists(f"{answers}.{i}"):
            with open(f"{answers}.{i}", "rb") as file:
                got.append(file.read())
            os.remove(f"{answers}.{i}")
    return done, facts, got


class SClient:
    """openssl s_client, run to its end. `certificate` is what the server showed, as PEM."""

    def __init__(self, port, *arguments, request=GET, env=None):
        done = run("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-ign_eof", *arguments,
                   input=request, stdin=None, env=env)
        self.status, self.errors = done.returncode, done.stderr.decode()
        self.text = done.stdout.decode("latin-1")
        self.answer = Answer(done.stdout)
        found = re.search(r"Server certificate\n(-----BEGIN.*?-----END CERTIFICATE-----\n)",
                          self.text, re.S)
        self.certificate = found.group(1) if found else None
        found = re.search(r"^(New|Reused), ", self.text, re.M)
        self.resumed = found.group(1) == "Reused" if found else None


def with_authority(folder, name="authority"):
    """An authority that can revoke: makes NAME.pem, NAME.key and what `openssl ca` needs."""
    folder.certificate(name)
    folder.file(f"{name}.index", b"")
    folder.file(f"{name}.cnf", f"""[ca]
default_ca = this
[this]
database = {name}.index
certificate = {name}.pem
private_key = {name}.key
default_md = sha256
default_crl_days = 1
""".encode())
    return folder.file(f"{name}.pem")


def revoke(folder, authority, *names):
    """Revokes certificates; the path of the list."""
    for name in names:
        folder.openssl("ca", "-config", f"{authority}.cnf", "-revoke", f"{name}.pem")
    folder.openssl("ca", "-config", f"{authority}.cnf", "-gencrl", "-out", f"{authority}.crl")
    return folder.file(f"{authority}.crl")


def fingerprint(path):
    """SHA-256 of the first certificate in a file, as lower-case hexadecimal digits."""
    with open(path, encoding="ascii") as file:
        text = re.search("-----BEGIN CERT.*?-----END CERTIFICATE-----", file.read(), re.S).group(0)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).hexdigest()


class Port:
    """What the with statement of a server gives that says nothing."""

    def __init__(self, port):
        self.port = port


@contextlib.contextmanager
def nginx(folder, cert, *directives, name="nginx"):
    """nginx with one certificate. GET / is answered with its view of the client in the field
    X-Facts, and with "the page", or with what www/index.html holds. It gets its socket from here,
    listening: no port is chosen twice, and nobody has to wait for it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        if not os.path.exists(folder.file("www/index.html")):
            folder.file("www/index.html", b"the page")
        scratch = " ".join(f"{what}_temp_path {folder.path}/{name}_{what};" for what in
                           ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = folder.file(f"{name}.conf", f"""
daemon off; user {getpass.getuser()}; worker_processes 1; pid {folder.path}/{name}.pid;
error_log stderr; events {{ worker_connections 64; }}
http {{
  access_log off; {scratch}
  server {{
    listen 127.0.0.1:{port} ssl; root {folder.www};
    ssl_certificate {cert[0]}; ssl_certificate_key {cert[1]};
    ssl_protocols TLSv1.2 TLSv1.3; {" ".join(directives)}
    add_header X-Facts "$ssl_protocol|$ssl_cipher|$ssl_session_reused|$ssl_client_s_dn";
  }}
}}
""".encode())
        fd = listening.fileno()
        with open(folder.file(f"{name}.log"), "wb") as log:
            process = subprocess.Popen(
                ["nginx", "-p", folder.path, "-e", "stderr", "-c", config], pass_fds=(fd,), stderr=log,
                stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                env={**os.environ, "NGINX": f"{fd};"})
    try:
        yield Port(port)
    except BaseException:
        sys.stderr.write(folder.read(f"{name}.log").decode())
        raise
    finally:
        process.terminate()
        process.wait(TIMEOUT_S)


class Listening:
    """Another's server as a process: ends with the with statement, all that it said is kept."""

    def __init__(self, *command, env=None, ready=None):
        """`ready`: a line that says that it listens, with the port as its last group or without
        one, when the kernel has to be asked."""
        self.said = []
        self.news = threading.Condition()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors="replace",
                                        env=env)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        found = self.wait_for(ready)
        self.port = int(found[found.re.groups]) if found.re.groups else \
            listening_port(self.process.pid)

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.said.append(line)
                self.news.notify_all()
        with self.news:
            self.said.append("the end")
            self.news.notify_all()

    def text(self, since=0):
        with self.news:
            return "".join(self.said[since:])

    def wait_for(self, pattern, since=0):
        """Waits until what it said since line `since` matches; the match."""
        def look():
            return re.search(pattern, "".join(self.said[since:]), re.M)
        with self.news:
            if not self.news.wait_for(look, TIMEOUT_S):
                raise AssertionError(f"'{pattern}' was expected, not {self.said[since:]}")
            return look()

    def say(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *rest):
        self.process.kill()
        self.process.wait(TIMEOUT_S)
        self.reader.join(TIMEOUT_S)
        self.process.stdin.close()
        self.process.stdout.close()


def s_server(cert, *arguments, page=("-www",)):
    return Listening("openssl", "s_server", "-accept", "0", "-cert", cert[0], "-key", cert[1],
                     *page, *arguments, ready=r"^ACCEPT .*:(\d+)$")


def gnutls_serv(cert, *arguments, env=None):
    return Listening("gnutls-serv", "--http", "-p", "0", "--x509certfile", cert[0],
                     "--x509keyfile", cert[1], *arguments, env=env,
                     ready=r"HTTP Server listening on IPv4.*done")


__all__ = ["Answer", "Folder", "GET", "Listening", "NODE_CLIENT", "PATTERN", "PEER_CLIENT", "PEER_SERVER",
           "PeerServer", "SClient", "facts_of", "fingerprint", "gnutls_serv", "nginx", "peer_client", "post", "revoke", "s_server",
           "with_authority"]

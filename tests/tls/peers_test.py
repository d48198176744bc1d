"""The example programs against other people's TLS: OpenSSL, GnuTLS, Node, curl, Python.

Every combination of TLS 1.2 and 1.3 with RSA and ECDSA certificates, in both directions. A peer
that behaves must leave no word on the standard error of our side."""

import os
import re
import socket
import ssl
import subprocess
import threading
import unittest

from programs import (CLIENT, ECHO, HTTPS, KINDS, TIMEOUT_S, VERSIONS, Case, Crumbs, Program,
                      listening_port, main, needs, run, serve_once, server_context)

MEGABYTE = os.urandom(524288).hex().encode()
PAGE = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nthe page\n"
AHEAD_BYTES = 131072

NODE_ECHO = """
const tls = require('tls'), fs = require('fs');
const [port, ca, version, size] = process.argv.slice(1);
const sent = require('crypto').randomBytes(+size);
const got = [];
const c = tls.connect({port, host: '127.0.0.1', servername: 'localhost', ca: fs.readFileSync(ca),
    minVersion: 'TLSv' + version, maxVersion: 'TLSv' + version}, () => { c.write(sent); });
let bytes = 0;
c.on('data', d => { got.push(d); bytes += d.length; if (bytes >= sent.length) c.end(); });
c.on('error', e => { console.log('error ' + e.message); process.exit(1); });
c.on('close', () => console.log(bytes, Buffer.concat(got).equals(sent) ? 'same' : 'different'));
"""
NODE_GET = """
const https = require('https'), fs = require('fs');
const [port, ca, version, cert, key] = process.argv.slice(1);
https.get({port, host: '127.0.0.1', servername: 'localhost', ca: fs.readFileSync(ca), path: '/',
    agent: false, cert: cert && fs.readFileSync(cert), key: key && fs.readFileSync(key),
    minVersion: 'TLSv' + version, maxVersion: 'TLSv' + version}, answer => {
  let body = '', protocol = answer.socket.getProtocol();
  answer.on('data', d => body += d);
  answer.on('end', () => console.log(protocol, answer.statusCode, body));
}).on('error', e => { console.log('error ' + e.message); process.exit(1); });
"""
NODE_SERVER = """
const https = require('https'), fs = require('fs');
const [cert, key, version] = process.argv.slice(1);
const s = https.createServer({cert: fs.readFileSync(cert), key: fs.readFileSync(key),
    minVersion: 'TLSv' + version, maxVersion: 'TLSv' + version},
  (request, answer) => answer.end('the page\\n'));
s.listen(0, '127.0.0.1', () => console.log('port ' + s.address().port));
"""


def there_and_back(peer, sent, read_bytes):
    """What an echo makes of `sent`. One thread: Python's ssl must not be used by two."""
    at, got = 0, []
    left = len(sent)
    while left:
        if at < len(sent) and at - (len(sent) - left) < AHEAD_BYTES:
            at += peer.send(sent[at:at + 16384])
            continue
        part = peer.recv(min(left, read_bytes))
        if not part:
            raise AssertionError(f"it closed with {left} bytes missing")
        got.append(part)
        left -= len(part)
    return b"".join(got)


class Echo(Case):
    """Everybody gets back what he has sent, to the last byte of a megabyte."""

    def each_server(self, peer, check):
        """check(program, its certificate, TLS version), for all combinations."""
        for kind in KINDS:
            with Program(ECHO, "0", *self.certs[kind]) as echo:
                for version in VERSIONS:
                    with self.subTest(peer=peer, certificate=kind, tls=version):
                        check(echo, self.certs[kind][0], version)
            self.quiet(echo, peer)

    @needs("openssl")
    def test_s_client(self):
        def check(echo, ca, version):
            command = ["openssl", "s_client", "-connect", f"127.0.0.1:{echo.port}", "-quiet",
                       "-no_ign_eof", "-CAfile", ca, "-verify_return_error", "-verify_hostname",
                       "localhost", "-tls" + version.replace(".", "_")]
            peer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE)
            writer = threading.Thread(target=lambda: (peer.stdin.write(MEGABYTE),
                                                      peer.stdin.flush()))
            writer.start()
            got = peer.stdout.read(len(MEGABYTE))
            writer.join(TIMEOUT_S)
            rest, errors = peer.communicate(timeout=TIMEOUT_S)
            self.assertEqual(peer.returncode, 0, errors)
            self.assertTrue(got + rest == MEGABYTE, f"{len(got + rest)} bytes came back, or others")

        self.each_server("openssl s_client", check)

    @needs("gnutls-cli")
    def test_gnutls_cli(self):
        lines = b"".join(MEGABYTE[i:i + 1000] + b"\n" for i in range(0, len(MEGABYTE), 1000))

        def check(echo, ca, version):
            peer = run("gnutls-cli", "--x509cafile", ca, "-p", str(echo.port), "localhost",
                       "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}", input=lines,
                       stdin=None)
            self.assertEqual(peer.returncode, 0, peer.stderr)
            self.assertIn(f"(TLS{version}".encode(), peer.stdout)
            self.assertTrue(lines in peer.stdout, "the answer is not what was sent")

        self.each_server("gnutls-cli", check)

    @needs("node")
    def test_node(self):
        def check(echo, ca, version):
            peer = run("node", "-e", NODE_ECHO, str(echo.port), ca, version, "1048577")
            self.assertEqual(peer.stdout, b"1048577 same\n", peer.stderr)

        self.each_server("node", check)

    def test_python(self):
        sent = os.urandom(1 << 20)

        def check(echo, ca, version):
            with echo.connect(version=VERSIONS[version], ca=ca) as peer:
                self.assertTrue(there_and_back(peer, sent, 65536) == sent, "other bytes came back")
                peer.unwrap()

        self.each_server("Python", check)


class SegmentSizes(Case):
    """TCP may cut and join as it likes."""

    def check(self, crumb_bytes, talk, kind="ec"):
        with Program(ECHO, "0", *self.certs[kind]) as echo:
            for version in VERSIONS:
                with self.subTest(tls=version):
                    peer = Crumbs(echo.port, VERSIONS[version], crumb_bytes)
                    talk(peer)
                    peer.notify()
                    peer.flush()
                    self.assertEqual(peer.read_to_end()[1], "close_notify")
                    peer.close()
        self.quiet(echo, f"a peer with segments of {crumb_bytes} bytes")

    def test_one_byte_at_a_time(self):
        """The handshake too."""
        def talk(peer):
            for byte in b"one byte a record":
                peer.say(bytes([byte]))
                peer.flush()
            self.assertEqual(peer.exactly(17), b"one byte a record")
        for kind in KINDS:
            self.check(1, talk, kind)

    def test_records_in_one_segment(self):
        def talk(peer):
            for part in (b"two records ", b"in one ", b"segment"):
                peer.say(part)
            peer.flush()
            self.assertEqual(peer.exactly(26), b"two records in one segment")
        self.check(1 << 20, talk)

    def test_one_record_in_many_segments(self):
        sent = os.urandom(16384)

        def talk(peer):
            peer.say(sent)
            peer.flush()
            self.assertTrue(peer.exactly(len(sent)) == sent, "other bytes came back")
        self.check(13, talk)

    def test_megabyte_in_small_reads(self):
        sent = os.urandom(1 << 20)

        with Program(ECHO, "0", *self.ec) as echo:
            for version in VERSIONS.values():
                with echo.connect(version=version) as peer:
                    self.assertTrue(there_and_back(peer, sent, 999) == sent,
                                    "other bytes came back")
                    peer.unwrap()
        self.quiet(echo, "a peer that reads little at a time")


class Https(Case):
    """The web server with both kinds of certificates, with and without those of clients."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.authority = cls.folder.certificate("authority")[0]
        cls.friend = cls.folder.certificate("friend", issuer="authority")
        cls.rsa_friend = cls.folder.certificate("rsa_friend", issuer="authority", kind="rsa",
                                                host="friend")

    def each_server(self, check):
        """check(port, its certificate, TLS version, the client's certificate or nothing)"""
        for kind, client in (("ec", ()), ("rsa", ()), ("ec", self.friend),
                             ("rsa", self.rsa_friend)):
            cert, key = self.certs[kind]
            wish = ("--client-ca", self.authority) if client else ()
            with Program(HTTPS, "--port", "0", "--cert", cert, "--key", key, *wish) as https:
                for version in VERSIONS:
                    with self.subTest(certificate=kind, client=bool(client), tls=version):
                        check(str(https.port), cert, version, client)
            self.quiet(https, "each client")

    @needs("curl")
    def test_curl(self):
        def check(port, ca, version, client):
            wish = ("--cert", client[0], "--key", client[1]) if client else ()
            peer = run("curl", "-sS", "--cacert", ca, "--max-time", str(TIMEOUT_S), *wish,
                       f"--tlsv{version}", "--tls-max", version, "-w", "%{ssl_verify_result}",
                       "--resolve", f"localhost:{port}:127.0.0.1", f"https://localhost:{port}/")
            self.assertEqual(peer.stdout, b"Hello, World!0", peer.stderr)

        self.each_server(check)

    @needs("openssl")
    def test_s_client(self):
        def check(port, ca, version, client):
            wish = ("-cert", client[0], "-key", client[1]) if client else ()
            peer = run("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-quiet", "-CAfile",
                       ca, "-verify_return_error", "-verify_hostname", "localhost", *wish,
                       "-tls" + version.replace(".", "_"), input=b"GET / HTTP/1.0\r\n\r\n",
                       stdin=None)
            self.assertTrue(peer.stdout.endswith(b"Hello, World!"), (peer.stdout, peer.stderr))

        self.each_server(check)

    @needs("gnutls-cli")
    def test_gnutls_cli(self):
        def check(port, ca, version, client):
            wish = ("--x509certfile", client[0], "--x509keyfile", client[1]) if client else ()
            peer = run("gnutls-cli", "--x509cafile", ca, "-p", port, "localhost", *wish,
                       "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}",
                       input=b"GET / HTTP/1.0\r\n\r\n", stdin=None)
            self.assertIn(b"Hello, World!", peer.stdout, peer.stderr)

        self.each_server(check)

    @needs("node")
    def test_node(self):
        def check(port, ca, version, client):
            peer = run("node", "-e", NODE_GET, port, ca, version, *client)
            self.assertEqual(peer.stdout.decode(), f"TLSv{version} 200 Hello, World!\n",
                             peer.stderr)

        self.each_server(check)


class Client(Case):
    """client_tls against other servers: what is good is fetched, everything else is refused
    with one line and a status that is not 0."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.expired = cls.folder.certificate("expired", issuer="ec", days=-1, host="localhost")
        cls.other = cls.folder.certificate("other.test")

    def fetch(self, *arguments):
        done = run(CLIENT, *map(str, arguments))
        return done.returncode, done.stdout, done.stderr.decode()

    def gets(self, ca, port, page=b"the page"):
        status, out, errors = self.fetch("localhost", port, "/", ca)
        self.assertEqual((status, errors), (0, ""), out)
        self.assertIn(page, out)

    def refuses(self, arguments, says, out=b""):
        status, got, errors = self.fetch(*arguments)
        self.assertEqual(status, 1, f"the status of a refusal; it said: {errors}")
        self.assertEqual(len(errors.splitlines()), 1, f"one line was expected, not: {errors!r}")
        for word in says:
            self.assertIn(word, errors)
        self.assertEqual(got, out)

    def spawn(self, *command):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)

        def end():
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        self.addCleanup(end)
        return process

    def first_match(self, process, pattern):
        seen = []
        for line in process.stdout:
            seen.append(line)
            if found := re.search(pattern, line):
                return found.group(found.re.groups)
        self.fail(f"the peer never said {pattern}, but {seen}")

    @needs("openssl")
    def test_s_server(self):
        def check(kind, version):
            cert, key = self.certs[kind]
            peer = self.spawn("openssl", "s_server", "-accept", "0", "-cert", cert, "-key", key,
                              "-www", "-tls" + version.replace(".", "_"))
            port = self.first_match(peer, rb"^ACCEPT .*:(\d+)").decode()
            self.gets(cert, port, b"s_server")

        self.each(check)

    @needs("gnutls-serv")
    def test_gnutls_serv(self):
        def check(kind, version):
            cert, key = self.certs[kind]
            peer = self.spawn("gnutls-serv", "--http", "-p", "0", "--x509certfile", cert,
                              "--x509keyfile", key, "--priority",
                              f"NORMAL:-VERS-ALL:+VERS-TLS{version}")
            self.first_match(peer, rb"(HTTP Server listening on IPv4.*done)")
            self.gets(cert, listening_port(peer.pid), b"<P>")

        self.each(check)

    @needs("node")
    def test_node(self):
        def check(kind, version):
            peer = self.spawn("node", "-e", NODE_SERVER, *self.certs[kind], version)
            self.gets(self.certs[kind][0], self.first_match(peer, rb"^port (\d+)").decode())

        self.each(check)

    def serve(self, cert, version=None, clean=True, after=PAGE):
        """A server for one request, which ends with or without close_notify."""
        def handle(tcp):
            try:
                with server_context(cert, version).wrap_socket(tcp, server_side=True) as tls:
                    request = b""
                    while b"\r\n\r\n" not in request and (part := tls.recv(4096)):
                        request += part
                    tls.sendall(after)
                    if clean:
                        tls.unwrap()
                    else:
                        tls.shutdown(socket.SHUT_WR)
                        tls.detach()
            except (ssl.SSLError, ConnectionError):
                pass  # the client refused, as it should
        return serve_once(handle)

    def test_good(self):
        def check(kind, version):
            with self.serve(self.certs[kind], VERSIONS[version]) as port:
                self.gets(self.certs[kind][0], port)

        self.each(check)

    def test_untrusted_authority(self):
        for version in VERSIONS.values():
            with self.serve(self.ec, version) as port:
                self.refuses(("localhost", port, "/", self.certs["rsa"][0]),
                             ("could not prove who it is", str(port), "self-signed"))
            with self.serve(self.ec, version) as port:  # the system's authorities
                self.refuses(("localhost", port), ("could not prove who it is", "self-signed"))

    def test_wrong_name(self):
        for version in VERSIONS.values():
            with self.serve(self.other, version) as port:
                self.refuses(("localhost", port, "/", self.other[0]),
                             ("could not prove who it is", "hostname mismatch"))

    def test_expired(self):
        for version in VERSIONS.values():
            with self.serve(self.expired, version) as port:
                self.refuses(("localhost", port, "/", self.ec[0]),
                             ("could not prove who it is", "expired"))

    def test_plain_http_server(self):
        def handle(tcp):
            tcp.recv(65536)
            tcp.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        with serve_once(handle) as port:
            self.refuses(("localhost", port, "/", self.ec[0]),
                         ("broken by it", str(port)))

    def test_silent_end(self):
        with serve_once(lambda tcp: None) as port:
            self.refuses(("localhost", port, "/", self.ec[0]), (f"{port}",))

    def test_closed_port(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        self.refuses(("localhost", port, "/", self.ec[0]), ("refused", "localhost", str(port)))

    def test_unknown_host(self):
        for host in ("no.such.host.invalid", "", "x" * 300, "a..b"):
            with self.subTest(host=host):
                self.refuses((host, 443, "/", self.ec[0]), ("cannot be resolved",))

    def test_truncation(self):
        """A bare FIN may be an attacker's: what came is shown, success is not claimed."""
        for version in VERSIONS.values():
            with self.serve(self.ec, version, clean=False) as port:
                self.refuses(("localhost", port, "/", self.ec[0]), ("without close_notify",),
                             out=PAGE)


if __name__ == "__main__":
    main()

"""TLS of the HTTPS example against other implementations: versions, resumption, client
certificates, KeyUpdate, plain HTTP on the TLS port; curl, openssl s_client, GnuTLS and node."""

import os
import shutil
import socket
import ssl
import subprocess
import unittest

from https_server import TIMEOUT_S, Case, Folder, Server, context, main, run

NODE = """
const https = require('https');
const agent = new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
let left = 5;
function next() {
  https.get(process.argv[1], { agent }, (res) => {
    let body = '';
    const version = res.socket.getProtocol();
    res.on('data', (d) => { body += d; });
    res.on('end', () => {
      if (body !== 'Hello, World!') process.exit(1);
      if (--left > 0) return next();
      console.log(version);
      agent.destroy();
    });
  });
}
next();
"""


def needs(tool):
    return unittest.skipUnless(shutil.which(tool), f"{tool} is not installed")


class Peers(Case):
    @classmethod
    def prepare(cls):
        cls.cert, cls.key = cls.folder.certificate("localhost")
        cls.folder.file("www/file.bin", os.urandom(3_000_000))
        cls.arguments = ("--root", cls.folder.www, "--cert", cls.cert, "--key", cls.key)

    def test_versions(self):
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                              (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            client = self.client(version=version, ca=self.cert)
            self.assertEqual(client.tls.version(), name)
            self.assertEqual(client.tls.selected_alpn_protocol(), "http/1.1")
            self.assertEqual(client.ask("GET /").body, b"Hello, World!")

    def test_old_versions_are_refused(self):
        done = run("openssl", "s_client", "-connect", f"127.0.0.1:{self.server.port}", "-tls1_1",
                   "-cipher", "ALL:@SECLEVEL=0")
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.client().ask("GET /").status, 200)

    def test_no_common_protocol(self):
        with self.assertRaises(ssl.SSLError) as caught:
            self.client(alpn=("nope",))
        self.assertIn("NO_APPLICATION_PROTOCOL", str(caught.exception).upper().replace(" ", "_"))
        self.assertEqual(self.client(alpn=()).ask("GET /").status, 200)

    def test_resumption(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            made = context(version=version, ca=self.cert)
            first = self.client(context=made)
            self.assertFalse(first.tls.session_reused)
            self.assertEqual(first.ask("GET /").status, 200)
            second = self.client(context=made, session=first.tls.session)
            self.assertTrue(second.tls.session_reused)
            self.assertEqual(second.ask("GET /").status, 200)

    def test_key_update(self):
        client = self.client(version=ssl.TLSVersion.TLSv1_3)
        for _ in range(5):
            self.assertEqual(client.ask("GET /keyupdate").body, b"key updated\n")
        self.assertEqual(client.ask("GET /").body, b"Hello, World!")
        old = self.client(version=ssl.TLSVersion.TLSv1_2)
        self.assertEqual(old.ask("GET /keyupdate").status, 503)
        self.assertEqual(old.ask("GET /").status, 200)

    def test_plain_http_on_the_tls_port(self):
        with socket.create_connection(("127.0.0.1", self.server.port), TIMEOUT_S) as tcp:
            tcp.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            got = b""
            try:
                while data := tcp.recv(4096):
                    got += data
            except ConnectionResetError:
                pass
            self.assertNotIn(b"HTTP/1.1 200", got)
        self.assertEqual(self.client().ask("GET /").status, 200)

    def test_truncation_and_reset_harm_nobody_else(self):
        for _ in range(20):
            client = self.server.client()
            client.send("GET /file.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            os.close(client.tls.detach())  # no close_notify, and a reset: input is unread
        self.assertEqual(self.client().ask("GET /").status, 200)

    @needs("curl")
    def test_curl(self):
        base = ("curl", "-sS", "--fail", "--cacert", self.cert, "--max-time", str(TIMEOUT_S))
        resolve = ("--resolve", f"localhost:{self.server.port}:127.0.0.1")
        url = f"https://localhost:{self.server.port}"
        for version in ("--tlsv1.3", "--tls-max=1.2"):
            version = version.replace("=", " ").split()
            done = run(*base, *resolve, *version, url + "/", url + "/", "-w", "%{num_connects}")
            self.assertEqual(done.stdout, b"Hello, World!1Hello, World!0", done.stderr)
        sent = self.folder.file("www/file.bin")
        got = self.folder.file("got")
        for way in ((), ("-H", "Transfer-Encoding: chunked"), ("-H", "Expect: 100-continue")):
            done = run(*base, *resolve, *way, "--data-binary", "@" + sent, "-o", got, url + "/echo")
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(sent, "rb") as one, open(got, "rb") as two:
                self.assertEqual(one.read(), two.read())
        os.remove(got)
        done = run(*base, *resolve, "-C", "1000000", "-o", got, url + "/file.bin")
        self.assertEqual((done.returncode, os.path.getsize(got)), (0, 2_000_000), done.stderr)

    @needs("openssl")
    def test_s_client(self):
        for version in ("-tls1_2", "-tls1_3"):
            done = run("openssl", "s_client", "-connect", f"127.0.0.1:{self.server.port}", "-quiet",
                       "-CAfile", self.cert, "-verify_return_error", version,
                       input=b"GET / HTTP/1.0\r\n\r\n", stdin=None)
            self.assertTrue(done.stdout.endswith(b"Hello, World!"), done.stderr)

    @needs("gnutls-cli")
    def test_gnutls(self):
        done = run("gnutls-cli", "--x509cafile", self.cert, "-p", str(self.server.port), "localhost",
                   "--sni-hostname", "localhost", "--verify-hostname", "localhost",
                   input=b"GET / HTTP/1.0\r\n\r\n", stdin=None)
        self.assertIn(b"Hello, World!", done.stdout, done.stderr)

    @needs("node")
    def test_node(self):
        done = run("node", "-e", NODE, self.server.url())
        self.assertEqual(done.stdout, b"TLSv1.3\n", done.stderr)


class ClientCertificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.ca = cls.folder.certificate("authority")[0]
        cls.good = cls.folder.certificate("friend", issuer="authority")
        cls.bad = cls.folder.certificate("stranger")

    @classmethod
    def tearDownClass(cls):
        cls.folder.remove()

    def status(self, server, version, cert):
        """200, or None when the connection was refused."""
        try:
            with server.client(version=version, cert=cert) as client:
                return client.ask("GET /").status
        except (ssl.SSLError, ConnectionError, EOFError):
            return None

    def check(self, arguments, none, good, bad):
        with Server(*arguments) as server:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                self.assertEqual(self.status(server, version, None), none)
                self.assertEqual(self.status(server, version, self.good), good)
                self.assertEqual(self.status(server, version, self.bad), bad)

    def test_required(self):
        self.check(("--client-ca", self.ca), None, 200, None)
        self.check(("--client-ca", self.ca, "--client-cert", "required"), None, 200, None)

    def test_optional(self):
        self.check(("--client-ca", self.ca, "--client-cert", "optional"), 200, 200, None)

    def test_off(self):
        self.check(("--client-ca", self.ca, "--client-cert", "off"), 200, 200, 200)


class Ciphers(unittest.TestCase):
    def test_lists_are_used(self):
        with Server("--ciphers", "ECDHE-ECDSA-CHACHA20-POLY1305",
                    "--suites", "TLS_AES_256_GCM_SHA384") as server:
            with server.client(version=ssl.TLSVersion.TLSv1_2) as client:
                self.assertEqual(client.tls.cipher()[0], "ECDHE-ECDSA-CHACHA20-POLY1305")
            with server.client(version=ssl.TLSVersion.TLSv1_3) as client:
                self.assertEqual(client.tls.cipher()[0], "TLS_AES_256_GCM_SHA384")


if __name__ == "__main__":
    main()

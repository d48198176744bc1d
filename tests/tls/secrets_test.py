"""What both sides of a session have to agree on: the secrets in key logs and exporters, and the
choice of protocol, suite and group. With openssl, GnuTLS, Node and curl on the other side."""

import json
import os
import re
import threading
import unittest

from peer_kit import (GET, NODE_CLIENT, Answer, Folder, PeerServer, SClient, gnutls_serv,
                      peer_client, s_server)
from programs import TIMEOUT_S, VERSIONS, main, needs, run

V = {"1.2": "-tls1_2", "1.3": "-tls1_3"}
LABEL = "EXPERIMENTAL-foal"
LINE = re.compile(r"([A-Z_0-9]+) ([0-9a-f]{64}) ([0-9a-f]{64,128})", re.I)
LABELS = {"1.2": {"CLIENT_RANDOM"},
          "1.3": {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
                  "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET"}}


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.addClassCleanup(cls.folder.remove)
        cls.cert = cls.folder.certificate("localhost")
        cls.get = cls.folder.file("get", GET)

    def connect(self, port, version, *words):
        return peer_client("localhost", port, "--trust", self.cert[0], "--versions", version,
                           version, *words, request=self.get, answers=self.folder.file("answer"))

    def fetch(self, *arguments):
        done, facts, _ = self.connect(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return facts[0]

    def node(self, port, version, **more):
        wish = {"port": port, "servername": "localhost", "ca": self.cert[0], "request": self.get,
                "minVersion": f"TLSv{version}", "maxVersion": f"TLSv{version}"}
        return run("node", "-e", NODE_CLIENT, json.dumps(wish | more))


def secrets(path):
    """The lines of a key log: {(label, client random): secret}. Comments are allowed, nothing else
    is: Wireshark and others skip what they do not know."""
    found = {}
    with open(path, encoding="ascii") as file:
        for line in file:
            if line.startswith("#") or not line.strip():
                continue
            label, random, secret = LINE.fullmatch(line.rstrip("\n")).groups()
            found[label, random.lower()] = secret.lower()
    return found


class KeyLog(Case):
    """The same secret under the same label and client random as the peer has written."""

    def compare(self, version, ours, theirs):
        ours, theirs = secrets(ours), secrets(theirs)
        self.assertEqual({label for label, _ in ours}, LABELS[version])
        common = set(ours) & set(theirs)
        self.assertGreaterEqual({label for label, _ in common}, LABELS[version] - {"EXPORTER_SECRET"})
        self.assertEqual({key: ours[key] for key in common}, {key: theirs[key] for key in common})

    def each_client(self, ask):
        """ask(port, version, path of its own log) for both versions."""
        for version in VERSIONS:
            with self.subTest(tls=version):
                ours, theirs = self.folder.file("ours"), self.folder.file("theirs")
                for path in (ours, theirs):
                    if os.path.exists(path):
                        os.remove(path)
                with PeerServer("--cert", *self.cert, "--keylog", ours) as server:
                    answer = ask(server.port, version, theirs)
                    self.assertTrue(answer.good)
                self.assertEqual(os.stat(ours).st_mode & 0o777, 0o600)
                self.compare(version, ours, theirs)

    def test_s_client(self):
        self.each_client(lambda port, version, log: SClient(port, V[version], "-keylogfile",
                                                            log).answer)

    @needs("curl")
    def test_curl(self):
        def ask(port, version, log):
            return Answer(run("curl", "-sSi", "--cacert", self.cert[0], f"--tlsv{version}",
                              "--tls-max", version, "--resolve", f"localhost:{port}:127.0.0.1",
                              f"https://localhost:{port}/",
                              env={**os.environ, "SSLKEYLOGFILE": log}).stdout)
        self.each_client(ask)

    @needs("gnutls-cli")
    def test_gnutls_cli(self):
        def ask(port, version, log):
            return Answer(run("gnutls-cli", "--x509cafile", self.cert[0], "-p", str(port), "localhost",
                              "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}", input=GET,
                              stdin=None, env={**os.environ, "SSLKEYLOGFILE": log}).stdout)
        self.each_client(ask)

    @needs("node")
    def test_node(self):
        self.each_client(lambda port, version, log: Answer(self.node(port, version,
                                                                     keylog=log).stdout))

    def each_server(self, serve):
        for version in VERSIONS:
            with self.subTest(tls=version):
                ours, theirs = (self.folder.file(f"{who}{version}") for who in ("ours", "theirs"))
                with serve(theirs) as server:
                    self.fetch(server.port, version, "--keylog", ours)
                self.compare(version, ours, theirs)

    def test_s_server(self):
        self.each_server(lambda log: s_server(self.cert, "-keylogfile", log))

    @needs("gnutls-serv")
    def test_gnutls_serv(self):
        self.each_server(lambda log: gnutls_serv(self.cert,
                                                 env={**os.environ, "SSLKEYLOGFILE": log}))


class Exporters(Case):
    """RFC 5705, RFC 8446 7.5: the same bytes for the same label and length."""

    LENGTHS = (20, 32, 61)

    def test_s_client(self):
        for length in self.LENGTHS:
            with PeerServer("--cert", *self.cert, "--export", LABEL, str(length)) as server:
                for version in VERSIONS:
                    with self.subTest(tls=version, length=length):
                        peer = SClient(server.port, V[version], "-keymatexport", LABEL,
                                       "-keymatexportlen", str(length))
                        theirs = re.search(r"Keying material: ([0-9A-F]+)", peer.text).group(1)
                        self.assertEqual(len(theirs), 2 * length)
                        self.assertEqual(peer.answer["export"], theirs.lower())

    def test_s_server(self):
        for length in self.LENGTHS:
            with s_server(self.cert, "-keymatexport", LABEL, "-keymatexportlen", str(length),
                          page=()) as server:
                for version in VERSIONS:
                    with self.subTest(tls=version, length=length):
                        since, got = len(server.said), []
                        client = threading.Thread(target=lambda: got.extend(self.connect(
                            server.port, version, "--export", LABEL, str(length))[1]))
                        client.start()
                        theirs = server.wait_for(r"Keying material: ([0-9A-F]+)$", since).group(1)
                        server.wait_for(r"GET / HTTP", since)
                        server.say("q\n")  # close, without close_notify
                        client.join(TIMEOUT_S)
                        self.assertEqual(got[0]["export"], theirs.lower())

    @needs("gnutls-cli")
    def test_gnutls_cli(self):
        with PeerServer("--cert", *self.cert, "--export", LABEL, "32") as server:
            for version in VERSIONS:
                peer = run("gnutls-cli", "--x509cafile", self.cert[0], "-p", str(server.port),
                           "localhost", "--keymatexport", LABEL, "--keymatexportsize", "32",
                           "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}", input=GET,
                           stdin=None)
                theirs = re.search(rb"Key material: ([0-9a-f]+)", peer.stdout)
                self.assertIsNotNone(theirs, peer.stdout)
                self.assertEqual(Answer(peer.stdout)["export"], theirs.group(1).decode())

    def test_other_labels_give_other_bytes(self):
        with PeerServer("--cert", *self.cert, "--export", LABEL, "32") as server:
            for version in VERSIONS:
                peer = SClient(server.port, V[version], "-keymatexport", LABEL + "x",
                               "-keymatexportlen", "32")
                self.assertNotIn(peer.answer["export"].upper(), peer.text.upper().split("HTTP/")[0])


class Choice(Case):
    """Lists of protocols, suites and groups."""

    def test_alpn(self):
        with PeerServer("--cert", *self.cert, "--alpn", "foal/1") as server:
            for version in VERSIONS:
                for offer, chosen in (("foal/1", "foal/1"), ("h2,foal/1", "foal/1"), (None, "-")):
                    with self.subTest(tls=version, offer=offer):
                        peer = SClient(server.port, V[version], *(("-alpn", offer) if offer else ()))
                        self.assertEqual(peer.answer["alpn"], chosen, peer.errors)
                peer = SClient(server.port, V[version], "-alpn", "h2")
                self.assertIn("no application protocol", peer.errors)
        with PeerServer("--cert", *self.cert, "--alpn", "foal/1", "--alpn-required") as server:
            self.assertIn("no application protocol", SClient(server.port).errors)
            self.assertEqual(SClient(server.port, "-alpn", "foal/1").answer["alpn"], "foal/1")

    @needs("node")
    def test_alpn_of_node(self):
        with PeerServer("--cert", *self.cert, "--alpn", "foal/1") as server:
            for version in VERSIONS:
                peer = self.node(server.port, version, ALPNProtocols=["h2", "foal/1"])
                self.assertIn(b"alpn foal/1\n", peer.stderr)
                self.assertEqual(Answer(peer.stdout)["alpn"], "foal/1")

    def test_alpn_of_our_client(self):
        for version in VERSIONS:
            with s_server(self.cert, "-alpn", "h2,foal/1") as server:
                facts = self.fetch(server.port, version, "--alpn", "foal/1", "--alpn-required")
                self.assertEqual(facts["alpn"], "foal/1")
            with s_server(self.cert) as server:
                self.assertEqual(self.fetch(server.port, version, "--alpn", "foal/1")["alpn"], "-")

    def test_suites(self):
        for version, option, name, theirs in (
                ("1.2", "--ciphers", "ECDHE-ECDSA-CHACHA20-POLY1305",
                 "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
                ("1.3", "--suites", "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384")):
            with PeerServer("--cert", *self.cert, option, name) as server:
                peer = SClient(server.port, V[version])
                self.assertIn(f"Cipher is {name}", peer.text)
                self.assertEqual(peer.answer["cipher"], theirs)
            with s_server(self.cert) as server:
                self.assertEqual(self.fetch(server.port, version, option, name)["cipher"], theirs)

    def test_groups(self):
        """With an RSA certificate: an ECDSA one of TLS 1.2 wants its own group to be offered, too."""
        rsa = self.folder.certificate("rsa", kind="rsa", host="localhost")
        for group, shown in (("P-384", "ECDH, secp384r1"), ("P-256", "ECDH, prime256v1"),
                             ("X25519", "X25519")):
            with PeerServer("--cert", *rsa, "--groups", group) as server:
                for version in VERSIONS:
                    peer = SClient(server.port, V[version])
                    self.assertIn(f"Server Temp Key: {shown}", peer.text)
            with s_server(rsa, "-groups", group) as server:
                for version in VERSIONS:
                    self.fetch(server.port, version, "--groups", group, "--trust", rsa[0])

    def test_versions(self):
        for only, other in (("1.2", "1.3"), ("1.3", "1.2")):
            with PeerServer("--cert", *self.cert, "--versions", only, only) as server:
                self.assertEqual(SClient(server.port, V[only]).answer["version"], f"TLSv{only}")
                self.assertIn("alert protocol version", SClient(server.port, V[other]).errors)


if __name__ == "__main__":
    main()

"""Who is let in: identities, revocation lists, sources of trust, depth. Our server and our client
against other people's TLS, with both versions."""

import json
import os
import unittest

from peer_kit import (GET, NODE_CLIENT, Answer, Folder, PeerServer, SClient, fingerprint,
                      gnutls_serv, peer_client, revoke, s_server, with_authority)
from programs import KINDS, VERSIONS, main, needs, run

V = {"1.2": "-tls1_2", "1.3": "-tls1_3"}


class Case(unittest.TestCase):
    """One authority that has issued to two friends; the second one's certificate is revoked."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.addClassCleanup(cls.folder.remove)
        cls.get = cls.folder.file("get", GET)
        cls.ca = with_authority(cls.folder)
        cls.certs = {name: cls.folder.certificate(name, issuer="authority", kind=kind, host=host)
                     for name, kind, host in (("own", "ec", "localhost"),
                                              ("friend_ec", "ec", "friend"),
                                              ("friend_rsa", "rsa", "friend"),
                                              ("gone", "ec", "localhost"))}
        cls.stranger = cls.folder.certificate("stranger")
        cls.crl = revoke(cls.folder, "authority", "gone")

    def server(self, *words):
        return PeerServer("--cert", *self.certs["own"], "--trust", self.ca, *words)

    def fetch(self, port, *words, name="localhost", count=1, env=None):
        """What our client did: its status, its own facts, the answers, its words."""
        done, facts, got = peer_client(name, port, *words, request=self.get, count=count, env=env,
                                       answers=self.folder.file("answer"))
        return done.returncode, facts, got, done.stdout.decode() + done.stderr.decode()


def as_s_client(case, port, version, cert):
    wish = ("-cert", cert[0], "-key", cert[1]) if cert else ()
    return SClient(port, V[version], "-CAfile", case.ca, "-verify_return_error", *wish).answer


def as_gnutls_cli(case, port, version, cert):
    wish = ("--x509certfile", cert[0], "--x509keyfile", cert[1]) if cert else ()
    return Answer(run("gnutls-cli", "--x509cafile", case.ca, "-p", str(port), "localhost", *wish,
                      "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}", input=GET,
                      stdin=None).stdout)


def as_curl(case, port, version, cert):
    wish = ("--cert", cert[0], "--key", cert[1]) if cert else ()
    return Answer(run("curl", "-sSi", "--cacert", case.ca, f"--tlsv{version}", "--tls-max", version,
                      *wish, "--resolve", f"localhost:{port}:127.0.0.1",
                      f"https://localhost:{port}/").stdout)


def as_node(case, port, version, cert):
    wish = {"port": port, "servername": "localhost", "ca": case.ca, "request": case.get,
            "minVersion": f"TLSv{version}", "maxVersion": f"TLSv{version}"}
    if cert:
        wish |= {"cert": cert[0], "key": cert[1]}
    return Answer(run("node", "-e", NODE_CLIENT, json.dumps(wish)).stdout)


CLIENTS = {"openssl": as_s_client, "gnutls-cli": as_gnutls_cli, "curl": as_curl, "node": as_node}


class Clients(Case):
    """Our server reads who they are."""

    def each(self, server, check):
        """check(what `server` answers to a client certificate, or to none) for all clients."""
        for tool, ask in CLIENTS.items():
            for version in VERSIONS:
                with self.subTest(client=tool, tls=version):
                    check(lambda cert=None: ask(self, server.port, version, cert))

    @needs("gnutls-cli")
    @needs("curl")
    @needs("node")
    def test_identity(self):
        def check(ask):
            for kind in KINDS:
                cert = self.certs[f"friend_{kind}"]
                answer = ask(cert)
                self.assertTrue(answer.good)
                self.assertEqual(answer["verified"], "1")
                self.assertEqual(answer["subject"], "CN=friend")
                self.assertEqual(answer["names"], "DNS:friend, IP:127.0.0.1")
                self.assertEqual(answer["fingerprint"], fingerprint(cert[0]))
            self.assertFalse(ask().good, "nobody without a certificate")
            self.assertFalse(ask(self.stranger).good)

        with self.server("--client-cert", "required") as server:
            self.each(server, check)

    def test_wishes(self):
        """Optional, unverified and off; what is refused is so with an alert and a reason."""
        friend = self.certs["friend_ec"]
        for wish, none, stranger in (("optional", True, False), ("unverified", True, True),
                                     ("off", True, True)):
            with self.server("--client-cert", wish) as server:
                for version in VERSIONS:
                    with self.subTest(wish=wish, tls=version):
                        def ask(cert):
                            return as_s_client(self, server.port, version, cert)
                        self.assertEqual(ask(None).good, none)
                        self.assertEqual(ask(None)["subject"], "-" if none else None)
                        self.assertEqual(ask(self.stranger).good, stranger)
                        if wish == "unverified":
                            self.assertEqual(ask(self.stranger)["verified"], "0")
                            self.assertEqual(ask(self.stranger)["fingerprint"],
                                             fingerprint(self.stranger[0]))
                        self.assertEqual(ask(friend)["subject"],
                                         "-" if wish == "off" else "CN=friend")

    @needs("gnutls-cli")
    @needs("curl")
    @needs("node")
    def test_revoked(self):
        def check(ask):
            self.assertEqual(ask(self.certs["friend_ec"])["verified"], "1")
            self.assertFalse(ask(self.certs["gone"]).good)

        with self.server("--client-cert", "required", "--crl", self.crl) as server:
            self.each(server, check)
            refusals = len(CLIENTS) * len(VERSIONS)
            self.assertEqual(len(server.wait_line("certificate revoked", count=refusals)), refusals)
        with self.server("--client-cert", "required") as server:
            answer = as_s_client(self, server.port, "1.3", self.certs["gone"])
            self.assertEqual(answer["verified"], "1", "good but for the list")

    def test_names_of_authorities_are_shown(self):
        with self.server("--client-cert", "optional") as server:
            for version in VERSIONS.keys():
                peer = SClient(server.port, V[version])
                self.assertIn("Acceptable client certificate CA names\nCN = authority\n", peer.text)

    def test_resumed_clients_are_who_they_were(self):
        """Tickets and mTLS: a session id context is needed for that."""
        kept, cert = self.folder.file("kept"), self.certs["friend_rsa"]
        with self.server("--client-cert", "required") as server:
            for version in VERSIONS:
                wish = (V[version], "-cert", cert[0], "-key", cert[1])
                first = SClient(server.port, *wish, "-sess_out", kept)
                second = SClient(server.port, *wish, "-sess_in", kept)
                self.assertEqual((first.answer["resumed"], second.answer["resumed"]), ("0", "1"))
                self.assertEqual(second.answer["fingerprint"], fingerprint(cert[0]))
                self.assertEqual(second.answer["verified"], "1")


class Servers(Case):
    """Our client refuses whom it must."""

    def test_revoked(self):
        for version in VERSIONS:
            only = ("--versions", version, version)
            for name, refused in (("own", False), ("gone", True)):
                with s_server(self.certs[name]) as server, self.subTest(cert=name, tls=version):
                    status, facts, got, words = self.fetch(server.port, *only, "--trust", self.ca,
                                                           "--crl", self.crl)
                    self.assertEqual(status, int(refused), words)
                    self.assertEqual("closed FOAL_AUTH_FAILED" in words, refused, words)
                    self.assertEqual("certificate revoked" in words, refused, words)
                    self.assertEqual(bool(got), not refused)
                    if refused:
                        server.wait_for("alert certificate revoked")
                        status, _, _, words = self.fetch(server.port, *only, "--trust", self.ca)
                        self.assertEqual(status, 0, f"good but for the list: {words}")

    @needs("gnutls-serv")
    def test_revoked_of_gnutls(self):
        for version in VERSIONS:
            with gnutls_serv(self.certs["gone"]) as server:
                status, _, _, words = self.fetch(server.port, "--versions", version, version,
                                                 "--trust", self.ca, "--crl", self.crl)
                self.assertEqual(status, 1)
                self.assertIn("certificate revoked", words)

    def test_a_list_is_needed_for_every_authority(self):
        """Once there are lists, an authority without one is not trusted."""
        other = with_authority(self.folder, "other")
        cert = self.folder.certificate("of_other", issuer="other", host="localhost")
        with s_server(cert) as server:
            status, _, _, words = self.fetch(server.port, "--trust", other, "--crl", self.crl)
            self.assertEqual(status, 1)
            self.assertIn("CRL", words)

    def test_sources_of_trust(self):
        """A file, a text, a directory, the system; nothing unless told."""
        hashed = self.folder.file("hashed")
        os.mkdir(hashed)
        self.folder.file("hashed/ca.pem", self.folder.read("authority.pem"))
        self.folder.openssl("rehash", hashed)
        system = {**os.environ, "SSL_CERT_FILE": self.ca}
        with s_server(self.certs["own"]) as server:
            for words, env in ((("--trust", self.ca), None), (("--trust-pem", self.ca), None),
                               (("--trust-dir", hashed), None), (("--trust-system",), system)):
                status, facts, _, said = self.fetch(server.port, *words, env=env)
                self.assertEqual((status, facts[0]["verified"]), (0, "1"), (words, said))
            for words in ((), ("--trust", self.stranger[0]), ("--trust-system",)):
                status, _, _, said = self.fetch(server.port, *words)
                self.assertEqual(status, 1, words)
                self.assertIn("closed FOAL_AUTH_FAILED", said)
            status, facts, _, _ = self.fetch(server.port, "--no-verify")
            self.assertEqual((status, facts[0]["verified"]), (0, "0"))

    def test_certificates_from_memory(self):
        with PeerServer("--cert-pem", *self.certs["own"]) as server:
            self.assertTrue(as_s_client(self, server.port, "1.3", None).good)

    def test_names(self):
        with s_server(self.certs["own"]) as server:
            status, _, _, words = self.fetch(server.port, "--trust", self.ca, name="other.test")
            self.assertEqual(status, 1)
            self.assertIn("hostname mismatch", words)


class Depth(Case):
    """A chain of two intermediates, on both sides of a limit."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        above = "authority"
        for name in ("first", "second"):
            cls.folder.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                               "-nodes", "-keyout", f"{name}.key", "-subj", f"/CN={name}", "-addext",
                               "basicConstraints=critical,CA:TRUE", "-out", f"{name}.csr")
            cls.folder.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{above}.pem", "-CAkey",
                               f"{above}.key", "-CAcreateserial", "-copy_extensions", "copyall",
                               "-out", f"{name}.pem")
            above = name
        cls.folder.certificate("leaf", issuer="second", host="localhost")
        chain = b"".join(cls.folder.read(f"{name}.pem") for name in ("leaf", "second", "first"))
        cls.chain = cls.folder.file("chain.pem", chain), cls.folder.file("leaf.key")

    def test_our_client(self):
        with s_server(self.chain, "-cert_chain", self.chain[0]) as server:
            for depth, good in (("2", True), ("1", False), ("0", False)):
                status, _, _, words = self.fetch(server.port, "--trust", self.ca, "--depth", depth)
                self.assertEqual(status == 0, good, words)

    def test_our_server(self):
        """Shows its whole chain, and bounds that of its client."""
        for depth, good in (("2", True), ("1", False)):
            with PeerServer("--cert", *self.chain, "--trust", self.ca, "--client-cert", "required",
                            "--depth", depth) as server:
                for version in VERSIONS:
                    peer = SClient(server.port, V[version], "-CAfile", self.ca, "-cert",
                                   self.chain[0], "-key", self.chain[1], "-cert_chain",
                                   self.chain[0], "-verify_return_error", "-verify_hostname",
                                   "localhost")
                    self.assertEqual(peer.answer.good, good, peer.errors)


if __name__ == "__main__":
    main()

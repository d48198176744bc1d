"""Session tickets under keys in a file, between processes that share it: OpenSSL, GnuTLS and Node
resume at another process than the one that gave the ticket; rotated and removed keys."""

import hashlib
import hmac
import json
import os
import re
import socket
import unittest

from peer_kit import GET, NODE_CLIENT, Folder, PeerServer, SClient, facts_of, nginx
from programs import HTTPS, TIMEOUT_S, VERSIONS, Program, context, main, needs, run

V = {"1.2": "-tls1_2", "1.3": "-tls1_3"}
NAME, MAC_AT, CIPHER_AT, KEY = 16, 16, 48, 80
IV, DIGEST = 16, 32


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.addClassCleanup(cls.folder.remove)
        cls.cert, cls.key = cls.folder.certificate("localhost")
        cls.keys = [os.urandom(KEY) for _ in range(3)]

    def key_file(self, *which):
        """A file with these keys, the first in use."""
        path = self.folder.file("-".join(["keys", *map(str, which)]),
                                b"".join(self.keys[i] for i in which))
        os.chmod(path, 0o600)
        return path

    def https(self, keys=None):
        wish = ("--ticket-keys", keys) if keys else ()
        return Program(HTTPS, "--port", "0", "--cert", self.cert, "--key", self.key, *wish)

    def ask(self, port, version, **session):
        """What s_client did; `keep` and `use` are names of files with a session."""
        arguments = []
        for option, name in (("-sess_out", session.get("keep")), ("-sess_in", session.get("use"))):
            arguments += [option, self.folder.file(name)] if name else []
        peer = SClient(port, V[version], "-CAfile", self.cert, "-verify_return_error", "-servername",
                       "localhost", *arguments, request=b"GET / HTTP/1.0\r\n\r\n")
        self.assertIn("Hello, World!", peer.text, peer.errors)
        return peer

    def resumes(self, *arguments, **session):
        return self.ask(*arguments, **session).resumed

    def assert_made_with(self, key, peer):
        """The last ticket that s_client got. RFC 5077 4: the key's name, an IV, the state encrypted,
        and a MAC over them all."""
        dump = peer.text.rpartition("TLS session ticket:\n")[2].partition("\n\n")[0]
        ticket = bytes.fromhex("".join(re.findall(r"^ +[0-9a-f]{4} - ((?:[0-9a-f]{2}[ -]){1,16})",
                                                  dump, re.M)).replace("-", " "))
        self.assertEqual(ticket[:NAME], key[:NAME], "another key's name")
        mac = hmac.new(key[MAC_AT:CIPHER_AT], ticket[:-DIGEST], hashlib.sha256).digest()
        self.assertEqual(ticket[-DIGEST:], mac, "another MAC key, or another place of it")
        done = run("openssl", "enc", "-d", "-aes-256-cbc", "-K", key[CIPHER_AT:].hex(), "-iv",
                   ticket[NAME:NAME + IV].hex(), input=ticket[NAME + IV:-DIGEST], stdin=None)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout[:1], b"\x30", "a session in DER")


class Shared(Case):
    """Two processes with one file."""

    def test_s_client(self):
        keys = self.key_file(0)
        with self.https(keys) as one, self.https(keys) as two, self.https() as stranger:
            for version in VERSIONS:
                with self.subTest(tls=version):
                    first = self.ask(one.port, version, keep="one")
                    self.assertFalse(first.resumed)
                    self.assert_made_with(self.keys[0], first)
                    self.assertTrue(self.resumes(one.port, version, use="one"))
                    self.assertTrue(self.resumes(two.port, version, use="one"))
                    self.assertFalse(self.resumes(stranger.port, version, use="one"))
                    self.assertFalse(self.resumes(two.port, version, keep="two"))
                    self.assertTrue(self.resumes(one.port, version, use="two"))

    @needs("node")
    def test_node(self):
        keys = self.key_file(0)
        wish = {"servername": "localhost", "ca": self.cert,
                "request": self.folder.file("get", GET)}
        with self.https(keys) as one, self.https(keys) as two:
            for version in VERSIONS:
                wish |= {"minVersion": f"TLSv{version}", "maxVersion": f"TLSv{version}"}
                kept = self.folder.file("node.session")
                for step, resumed in ({"port": one.port, "keep": kept}, "0"), \
                                     ({"port": two.port, "session": kept}, "1"):
                    peer = run("node", "-e", NODE_CLIENT, json.dumps(wish | step))
                    self.assertIn(b"Hello, World!", peer.stdout, peer.stderr)
                    self.assertEqual(facts_of(peer.stderr.decode())["resumed"], resumed)

    def test_probe_servers(self):
        """The same between other programs, and the server says so itself."""
        words = ("--cert", self.cert, self.key, "--ticket-keys", self.key_file(1))
        with PeerServer(*words) as one, PeerServer(*words) as two:
            for version in VERSIONS:
                kept = self.folder.file("probe.session")
                first = SClient(one.port, V[version], "-sess_out", kept)
                second = SClient(two.port, V[version], "-sess_in", kept)
                self.assertEqual((first.answer["resumed"], second.answer["resumed"]), ("0", "1"))
                self.assertEqual((first.resumed, second.resumed), (False, True))


class Count(Case):
    """As many tickets as were asked for, and one more with each resumption."""

    def test_tickets(self):
        for count in (0, 1, 3):
            program = Program(HTTPS, "--port", "0", "--cert", self.cert, "--key", self.key,
                              "--tickets", str(count))
            with program as server, self.subTest(tickets=count):
                peer = self.ask(server.port, "1.3", keep="some")
                self.assertEqual(peer.text.count("New Session Ticket arrived"), count)
                if count > 0:
                    again = self.ask(server.port, "1.3", use="some")
                    self.assertTrue(again.resumed)
                    self.assertEqual(again.text.count("New Session Ticket arrived"), 1)

    def test_ten_in_a_row(self):
        """A session of TLS 1.3 is used once, so there is a new one each time."""
        for keys in (None, self.key_file(0)):
            with self.https(keys) as server:
                for version in VERSIONS:
                    self.assertFalse(self.resumes(server.port, version, keep="0"))
                    for n in range(10):
                        names = dict(use=str(n), keep=str(n + 1)) if version == "1.3" else \
                            dict(use="0")
                        self.assertTrue(self.resumes(server.port, version, **names), (version, n))


class Rotation(Case):
    """A new key in front, then the old one away."""

    def test_rotation(self):
        with self.https(self.key_file(0)) as before, self.https(self.key_file(1, 0)) as during, \
                self.https(self.key_file(1)) as after:
            for version in VERSIONS:
                with self.subTest(tls=version):
                    self.assertFalse(self.resumes(before.port, version, keep="old"))
                    second = self.ask(during.port, version, use="old")
                    self.assertTrue(second.resumed, "an old key behind the new one still opens")
                    self.assert_made_with(self.keys[1], second)
                    self.assertFalse(self.resumes(after.port, version, use="old"),
                                     "a removed key opens nothing")

    def test_a_client_follows(self):
        """It is resumed from the first key to the last, as each ticket is renewed."""
        def resumed(program, version, before):
            tcp = socket.create_connection(("127.0.0.1", program.port), TIMEOUT_S)
            with made.wrap_socket(tcp, server_hostname="localhost", session=before) as tls:
                tls.sendall(GET)
                while tls.recv(4096):
                    pass
                return tls.session_reused, tls.session

        with self.https(self.key_file(0)) as first, self.https(self.key_file(1, 0)) as second, \
                self.https(self.key_file(2, 1)) as third, self.https(self.key_file(2)) as last:
            for version in VERSIONS:
                session = None
                made = context(version=VERSIONS[version], ca=self.cert, alpn=())
                for step, program in enumerate((first, second, third, last)):
                    again, session = resumed(program, version, session)
                    self.assertEqual(again, step > 0, (version, step))

    def test_rotation_by_reload(self):
        """In one process, through the listener."""
        def words(*which):
            keys = self.key_file(*which)
            return ["--cert", self.cert, self.key, "--ticket-keys", keys]

        def ask(version, *arguments):
            return SClient(server.port, V[version], *arguments).resumed

        kept = self.folder.file("kept")
        for version in VERSIONS:
            with PeerServer(*words(0)) as server, self.subTest(tls=version):
                self.assertFalse(ask(version, "-sess_out", kept))
                for which, resumed in ((1, 0), True), ((2, 1, 0), True), ((2, 1), False):
                    path = self.folder.file("words", "\n".join([*words(*which), ""]).encode())
                    self.assertEqual(server.reload(path), "ok")
                    self.assertEqual(ask(version, "-sess_in", kept), resumed, which)

    def test_eight_keys(self):
        self.keys[3:] = [os.urandom(KEY) for _ in range(5)]
        with self.https(self.key_file(7)) as last, \
                self.https(self.key_file(*range(8))) as all_of_them:
            for version in VERSIONS:
                self.assertFalse(self.resumes(last.port, version, keep="last"))
                self.assertTrue(self.resumes(all_of_them.port, version, use="last"))


@needs("nginx")
class Nginx(Case):
    """nginx reads a file of one key as we do."""

    def test_the_same_file(self):
        wish = f"ssl_session_ticket_key {self.key_file(0)};"
        with nginx(self.folder, (self.cert, self.key), wish) as server:
            for version in VERSIONS:
                with self.subTest(tls=version):
                    peer = SClient(server.port, V[version])
                    self.assertIn("the page", peer.text, peer.errors)
                    self.assert_made_with(self.keys[0], peer)


if __name__ == "__main__":
    main()

"""Everything a TLS context can be told, seen from outside by other people's TLS."""

import hashlib
import socket
import threading
import unittest

from peer_kit import GET, PATTERN, Folder, PeerServer, SClient, fingerprint
from programs import KINDS, TIMEOUT_S, VERSIONS, context, main, needs, run

V = {"1.2": "-tls1_2", "1.3": "-tls1_3"}
SIGNS = {"ec": "ECDSA+SHA256", "rsa": "RSA-PSS+SHA256"}
GNUTLS_SIGNS = {"ec": "-SIGN-ALL:+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SECP256R1-SHA256",
                "rsa": "-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256"}


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.addClassCleanup(cls.folder.remove)
        cls.prepare()

    @classmethod
    def prepare(cls):
        pass

    @classmethod
    def pair(cls, name, host):
        """An ECDSA and an RSA certificate for one host, as words for peer_server."""
        words = []
        for kind in KINDS:
            words += ["--cert", *cls.folder.certificate(f"{name}_{kind}", kind=kind, host=host)]
        return words

    def shown(self, name):
        """The certificate NAME.pem, as s_client prints it."""
        return self.folder.read(f"{name}.pem").decode()


class Kinds(Case):
    """One name, two certificates: what the peer can verify decides which it gets."""

    @classmethod
    def prepare(cls):
        cls.words = cls.pair("own", "localhost")

    def test_s_client(self):
        with PeerServer(*self.words) as server:
            for version in VERSIONS:
                for kind in KINDS:
                    with self.subTest(tls=version, wants=kind):
                        peer = SClient(server.port, V[version], "-sigalgs", SIGNS[kind],
                                       "-CAfile", self.folder.file(f"own_{kind}.pem"),
                                       "-verify_return_error", "-verify_hostname", "localhost")
                        self.assertEqual(peer.certificate, self.shown(f"own_{kind}"), peer.errors)
                        self.assertEqual(peer.answer["version"], f"TLSv{version}")
                peer = SClient(server.port, V[version], "-sigalgs", ":".join(SIGNS.values()))
                self.assertEqual(peer.certificate, self.shown("own_ec"), "it takes both")
                peer = SClient(server.port, V[version], "-sigalgs", "ed25519")
                self.assertFalse(peer.answer.good)

    def test_ciphers_of_tls_1_2_decide_too(self):
        with PeerServer(*self.words) as server:
            for kind, name in (("ec", "ECDSA"), ("rsa", "RSA")):
                peer = SClient(server.port, V["1.2"], "-cipher", f"ECDHE-{name}-AES128-GCM-SHA256")
                self.assertEqual(peer.certificate, self.shown(f"own_{kind}"))
                self.assertEqual(peer.answer["cipher"],
                                 f"TLS_ECDHE_{name}_WITH_AES_128_GCM_SHA256")

    @needs("gnutls-cli")
    def test_gnutls_cli(self):
        with PeerServer(*self.words) as server:
            for version in VERSIONS:
                for kind in KINDS:
                    with self.subTest(tls=version, wants=kind):
                        peer = run("gnutls-cli", "-p", str(server.port), "localhost",
                                   "--x509cafile", self.folder.file(f"own_{kind}.pem"),
                                   "--print-cert", "--priority",
                                   f"NORMAL:-VERS-ALL:+VERS-TLS{version}:{GNUTLS_SIGNS[kind]}",
                                   input=GET, stdin=None)
                        self.assertIn(self.shown(f"own_{kind}").strip(), peer.stdout.decode(),
                                      peer.stderr)
                        self.assertIn(f"version TLSv{version}", peer.stdout.decode())

    @needs("curl")
    def test_curl(self):
        """It has a say over the ciphers of TLS 1.2 only."""
        with PeerServer(*self.words) as server:
            for kind, name in (("ec", "ECDSA"), ("rsa", "RSA")):
                peer = run("curl", "-sS", "--tls-max", "1.2", "--ciphers",
                           f"ECDHE-{name}-AES256-GCM-SHA384", "--cacert",
                           self.folder.file(f"own_{kind}.pem"), "--resolve",
                           f"localhost:{server.port}:127.0.0.1", f"https://localhost:{server.port}")
                self.assertIn(f"TLS_ECDHE_{name}_WITH_AES_256_GCM_SHA384", peer.stdout.decode(),
                              peer.stderr)


class Names(Case):
    """Several names, each with both kinds of certificates."""

    @classmethod
    def prepare(cls):
        cls.words = [*cls.pair("own", "localhost"), "--name", "a.test", *cls.pair("a", "a.test"),
                     "--name", "b.test", *cls.pair("b", "b.test"),
                     "--name", "*.c.test", *cls.pair("c", "*.c.test")]

    def served(self, server, name, version, kind):
        sni = ("-servername", name) if name else ("-noservername",)
        return SClient(server.port, V[version], "-sigalgs", SIGNS[kind], *sni)

    def test_each_name_has_its_own(self):
        with PeerServer(*self.words) as server:
            for version in VERSIONS:
                for kind in KINDS:
                    for name, wanted in (("a.test", "a"), ("b.test", "b"), ("x.c.test", "c"),
                                         ("B.TEST", "b"), ("localhost", "own"), (None, "own")):
                        with self.subTest(tls=version, wants=kind, name=name):
                            peer = self.served(server, name, version, kind)
                            self.assertEqual(peer.certificate, self.shown(f"{wanted}_{kind}"))
                            self.assertEqual(peer.answer["sni"], name or "-")

    def test_wildcards_stand_for_one_label(self):
        with PeerServer(*self.words) as server:
            for name in ("c.test", "x.y.c.test"):
                self.assertIn("unrecognized name", self.served(server, name, "1.3", "ec").errors)

    def test_unknown_names(self):
        """Refused where there are two names or more, unless told otherwise."""
        for policy, refused in (((), True), (("--unknown", "auto"), True),
                                (("--unknown", "reject"), True), (("--unknown", "default"), False)):
            with PeerServer(*policy, *self.words) as server:
                for version in VERSIONS:
                    with self.subTest(policy=policy, tls=version):
                        peer = self.served(server, "unknown.test", version, "rsa")
                        if refused:
                            self.assertIn("unrecognized name", peer.errors)
                            self.assertFalse(peer.answer.good)
                            self.assertIn("FOAL_TLS_FAILED", server.next_end())
                        else:
                            self.assertEqual(peer.certificate, self.shown("own_rsa"))

    @needs("gnutls-cli")
    def test_gnutls_cli(self):
        with PeerServer(*self.words) as server:
            for name, wanted in (("a.test", "a"), ("x.c.test", "c")):
                peer = run("gnutls-cli", "-p", str(server.port), "127.0.0.1", "--sni-hostname",
                           name, "--verify-hostname", name, "--x509cafile",
                           self.folder.file(f"{wanted}_ec.pem"), input=GET, stdin=None)
                self.assertIn(f"sni {name}", peer.stdout.decode(), peer.stderr)
            peer = run("gnutls-cli", "-p", str(server.port), "127.0.0.1", "--sni-hostname",
                       "unknown.test", "--insecure", input=GET, stdin=None)
            self.assertNotEqual(peer.returncode, 0)
            self.assertIn(b"not recognized", peer.stdout + peer.stderr)

    @needs("curl")
    def test_curl(self):
        with PeerServer(*self.words) as server:
            for name, wanted in (("a.test", "a"), ("b.test", "b"), ("www.c.test", "c")):
                peer = run("curl", "-sS", "--cacert", self.folder.file(f"{wanted}_ec.pem"),
                           "--resolve", f"{name}:{server.port}:127.0.0.1",
                           f"https://{name}:{server.port}/")
                self.assertIn(f"sni {name}\n", peer.stdout.decode(), peer.stderr)
            peer = run("curl", "-sSk", "--resolve", f"unknown.test:{server.port}:127.0.0.1",
                       f"https://unknown.test:{server.port}/")
            self.assertEqual(peer.returncode, 35, peer.stderr)


class Reload(Case):
    """A new context while others talk."""

    @classmethod
    def prepare(cls):
        cls.marks = {}
        for name in ("old", "new"):
            paths = cls.folder.certificate(name, host="localhost")
            cls.folder.file(f"{name}.words", "\n".join(["--cert", *paths, ""]).encode())
            cls.marks[fingerprint(paths[0])] = name
        cls.old = ("--cert", cls.folder.file("old.pem"), cls.folder.file("old.key"))
        cls.bad = {
            "missing": ("FOAL_FILE_UNREADABLE", ["--cert", "/nowhere/a.pem", "/nowhere/a.key"]),
            "foreign key": ("FOAL_KEY_MISMATCH", ["--cert", cls.folder.file("new.pem"),
                                                  cls.folder.file("old.key")]),
            "no PEM": ("FOAL_BAD_PEM", ["--cert", cls.folder.file("new.words"),
                                        cls.folder.file("new.key")]),
            "nothing to serve with": ("FOAL_BAD_STATE", ["--trust", cls.folder.file("new.pem")]),
        }

    def which(self, port, version=None):
        """Whose certificate a new connection gets."""
        tcp = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        with context(version=version, alpn=()).wrap_socket(tcp) as tls:
            tls.sendall(GET)
            while tls.recv(4096):
                pass
            return self.marks[hashlib.sha256(tls.getpeercert(True)).hexdigest()]

    def test_a_running_download_ends_on_the_old_one(self):
        size = 20_000_000
        for version in VERSIONS.values():
            with PeerServer(*self.old) as server:
                tcp = socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S)
                with context(version=version, alpn=()).wrap_socket(tcp) as download:
                    download.sendall(b"GET /%d HTTP/1.0\r\n\r\n" % size)
                    got = bytearray(download.recv(1000))
                    self.assertEqual(server.reload(self.folder.file("new.words")), "ok")
                    self.assertEqual(self.which(server.port, version), "new")
                    while part := download.recv(1 << 20):
                        got += part
                self.assertGreater(len(got), size)
                self.assertTrue(got.endswith((PATTERN * (size // 65536 + 1))[:size]),
                                "it was damaged")

    def test_a_bad_file_keeps_the_old_one_and_says_why(self):
        with PeerServer(*self.old) as server:
            for what, (code, words) in self.bad.items():
                with self.subTest(what):
                    path = self.folder.file("bad.words", "\n".join([*words, ""]).encode())
                    answer = server.reload(path)
                    self.assertTrue(answer.startswith(code), answer)
                    if "cert" in words[0]:
                        self.assertIn(words[1], answer)
                    self.assertEqual(self.which(server.port), "old")
            self.assertEqual(server.reload(self.folder.file("new.words")), "ok")
            self.assertEqual(self.which(server.port), "new")

    def test_traffic_notices_nothing(self):
        """Clients all the time; each is served, by the old certificate or by the new one."""
        with PeerServer(*self.old) as server:
            seen, failed, over = [], [], threading.Event()

            def come_and_go():
                try:
                    while not over.is_set():
                        seen.append(self.which(server.port))
                except Exception as error:  # told by the main thread
                    failed.append(error)
            crowd = [threading.Thread(target=come_and_go) for _ in range(2)]
            for one in crowd:
                one.start()
            for name in ("new", "old", "new", "old", "new"):
                before = len(seen)
                self.assertEqual(server.reload(self.folder.file(f"{name}.words")), "ok")
                while len(seen) < before + 20 and not failed:
                    self.assertEqual(self.which(server.port), name)
                path = self.folder.file("bad.words", b"--cert\nnothing\nnothing\n")
                self.assertIn("FOAL_FILE_UNREADABLE", server.reload(path))
            over.set()
            for one in crowd:
                one.join(TIMEOUT_S)
            self.assertEqual(failed, [])
            self.assertLessEqual(set(seen), {"old", "new"})
            self.assertEqual(self.which(server.port), "new")


if __name__ == "__main__":
    main()

"""A gigabyte up, down and back through the HTTPS example: every byte arrives, and the server's
memory does not grow with it."""

import hashlib
import json
import os
import subprocess

from https_server import Case, main

SIZE = int(os.environ.get("FOAL_BULK_BYTES", 1 << 30))
# ThreadSanitizer keeps several bytes about each byte: there the factor is not 1.
GROWTH_KIB_MAX = 32 * 1024 * int(os.environ.get("FOAL_MEMORY_FACTOR", 1))
PIECE = hashlib.shake_256(b"foal").digest(1 << 20)


class Bulk(Case):
    @classmethod
    def prepare(cls):
        cls.digest = hashlib.sha256()
        with open(cls.folder.file("www/big"), "wb") as out:
            for piece in cls.pieces():
                out.write(piece)
                cls.digest.update(piece)
        cls.arguments = ("--root", cls.folder.www)

    @staticmethod
    def pieces():
        for number in range(SIZE >> 20):
            yield number.to_bytes(8, "big") + PIECE[8:]

    def setUp(self):
        self.client().ask("GET /")
        self.before = self.server.status_kib("VmRSS")

    def tearDown(self):
        growth = self.server.status_kib("VmHWM") - self.before
        self.assertLess(growth, GROWTH_KIB_MAX, "KiB of memory more than before")

    def test_down(self):
        client = self.client()
        client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertIn(b"Content-Length: %d\r\n" % SIZE, client.until(b"\r\n\r\n") + b"\r\n")
        digest = hashlib.sha256(client.kept)
        left = SIZE - len(client.kept)
        while left > 0:
            data = client.tls.recv(min(left, 1 << 20))
            self.assertTrue(data)
            digest.update(data)
            left -= len(data)
        client.kept = b""
        self.assertEqual(digest.digest(), self.digest.digest())
        self.assertEqual(client.ask("GET /").status, 200)

    def test_up(self):
        client = self.client()
        client.send("POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in self.pieces():
            client.send(b"%x\r\n" % len(piece))
            client.send(piece)
            client.send("\r\n")
        client.send("0\r\n\r\n")
        self.assertEqual(json.loads(client.answer().body),
                         {"bytes": SIZE, "sha256": self.digest.hexdigest()})

    def test_echo(self):
        """curl sends and receives at the same time."""
        command = ("curl", "-sSk", "-T", self.folder.file("www/big"), "-X", "POST",
                   self.server.url("/echo"))
        digest = hashlib.sha256()
        with subprocess.Popen(command, stdout=subprocess.PIPE) as curl:
            while data := curl.stdout.read(1 << 20):
                digest.update(data)
        self.assertEqual(curl.returncode, 0)
        self.assertEqual(digest.digest(), self.digest.digest())

    def test_a_reader_that_stalls(self):
        """Somebody asks for it all, many times, and reads nothing."""
        client = self.client()
        client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n" * 100)
        for _ in range(1000):
            self.assertEqual(self.client().ask("GET /").status, 200)


if __name__ == "__main__":
    main()

"""The HTTPS example as a program: command line, start-up errors, access log, signals, limits."""

import os
import signal
import socket
import threading
import unittest

from https_server import PROGRAM, Folder, Server, main, run


class CommandLine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.cert, cls.key = cls.folder.certificate("localhost")
        cls.other = cls.folder.certificate("other")[1]
        cls.empty = cls.folder.file("empty.pem", b"")
        cls.exposed = cls.folder.file("exposed.key", cls.folder.read("localhost.key"))
        os.chmod(cls.exposed, 0o644)

    @classmethod
    def tearDownClass(cls):
        cls.folder.remove()

    def fails(self, status, *arguments, says=()):
        done = run(PROGRAM, *arguments)
        text = done.stderr.decode()
        self.assertEqual(done.returncode, status, text)
        lines = [line for line in text.splitlines() if "throw-away" not in line]
        self.assertEqual(len(lines), 1, text)
        self.assertTrue(lines[0].startswith("https: "), text)
        self.assertEqual(done.stdout, b"")
        for word in says:
            self.assertIn(word, text)

    def test_help(self):
        done = run(PROGRAM, "--help")
        self.assertEqual(done.returncode, 0)
        for option in ("port", "host", "cert", "key", "root", "workers", "echo", "ciphers",
                       "suites", "tickets", "ticket-keys", "client-ca", "client-cert", "header-timeout-ms",
                       "idle-timeout-ms", "max-body", "max-connections", "access-log"):
            self.assertIn(f"--{option} ", done.stdout.decode())

    def test_usage(self):
        for wrong in (("--nope",), ("x",), ("--port",), ("--port", "x"), ("--port", "65536"),
                      ("--port", "-1"), ("--port=",), ("--port", "1 "), ("--echo=1",),
                      ("--client-cert", "maybe"), ("--client-cert", "required"),
                      ("--key", "k"), ("--workers", "9999"), ("--header-timeout-ms", "0"),
                      ("--max-body", "99999999999999999999")):
            self.fails(2, *wrong)

    def test_bad_files(self):
        port = ("--port", "0")
        none = self.folder.file("none.pem")
        self.fails(1, *port, "--cert", none, says=(none,))
        self.fails(1, *port, "--cert", self.cert, "--key", none, says=(none,))
        self.fails(1, *port, "--cert", self.empty, "--key", self.key, says=(self.empty,))
        self.fails(1, *port, "--cert", self.cert, "--key", self.empty, says=(self.empty,))
        self.fails(1, *port, "--cert", self.cert, "--key", self.other, says=(self.other,))
        self.fails(1, *port, "--cert", self.cert, "--key", self.exposed, says=("chmod",))
        self.fails(1, *port, "--client-ca", none, says=(none,))
        self.fails(1, *port, "--client-ca", self.empty, says=(self.empty,))
        self.fails(1, *port, "--ticket-keys", none, says=(none,))
        self.fails(1, *port, "--ticket-keys", self.key, says=(self.key, "openssl rand"))
        self.fails(1, *port, "--ticket-keys", self.exposed, says=("chmod",))
        self.fails(1, *port, "--root", none, says=(none, "--root"))
        self.fails(1, *port, "--root", self.cert, says=(self.cert, "--root"))
        self.fails(1, *port, "--ciphers", "NONSENSE", says=("NONSENSE",))
        self.fails(1, *port, "--suites", "NONSENSE", says=("NONSENSE",))

    def test_address(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            self.fails(1, "--port", port, says=(port, "in use", "another port"))
        self.fails(1, "--port", "0", "--host", "192.0.2.1", says=("192.0.2.1",))
        self.fails(1, "--port", "0", "--host", "no.such.name.invalid", says=("no.such.name",))


class Running(unittest.TestCase):
    def test_access_log(self):
        with Server("--access-log") as server:
            with server.client() as client:
                client.ask("GET /?q=1")
                client.ask("POST /echo", "Content-Length: 2", body=b"hi")
                client.ask("GET /none")
                client.send("rubbish\r\n\r\n")
                client.answer()
            for wanted in ('"GET /?q=1 HTTP/1.1" 200 13', '"POST /echo HTTP/1.1" 200 2',
                           '"GET /none HTTP/1.1" 404 14', '"-" 400 '):
                line = server.line()
                self.assertRegex(line, r"^127\.0\.0\.1:\d+ \[\w{3}, .* GMT\] ")
                self.assertIn(wanted, line)

    def test_a_log_that_nobody_reads_stops_nobody(self):
        with Server("--access-log") as server:
            with server.client() as client:
                for _ in range(20):
                    client.send("GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % ("x" * 400) * 1000)
                    for _ in range(1000):
                        self.assertEqual(client.answer().status, 404)
            reader = threading.Thread(target=server.process.stdout.read)
            reader.start()
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(30)
            reader.join()

    def test_signals(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            with Server() as server, server.client() as idle:
                idle.ask("GET /")
                self.assertEqual(server.end(how), 0, server.error_text())
                self.assertTrue(idle.closed())

    def test_drain_finishes_what_was_begun(self):
        folder = Folder()
        self.addCleanup(folder.remove)
        content = os.urandom(20_000_000)
        folder.file("www/file.bin", content)
        with (Server("--root", folder.www) as server, server.client() as reader,
              server.client() as writer):
            reader.send("GET /file.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            reader.until(b"\r\n\r\n")
            writer.send("POST /upload HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                        "Content-Length: 6\r\n\r\n")
            writer.answer()
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(reader.exactly(len(content)), content)
            self.assertTrue(reader.closed())
            writer.send("abcdef")
            answer = writer.answer()
            self.assertIn(b'"bytes": 6', answer.body)
            self.assertEqual(answer["Connection"], "close")
            self.assertTrue(writer.closed())
            self.assertEqual(server.process.wait(30), 0, server.error_text())

    def test_connection_limit(self):
        with Server("--max-connections", "2") as server:
            one, two = server.client(), server.client()
            with one, two:
                one.ask("GET /")
                two.ask("GET /")
                waiting = socket.create_connection(("127.0.0.1", server.port), 30)
                waiting.close()
                one.ask("GET /", "Connection: close")
                one.closed()
            with server.client() as three:
                self.assertEqual(three.ask("GET /").status, 200)

    def test_few_descriptors(self):
        folder = Folder()
        self.addCleanup(folder.remove)
        folder.file("www/a", b"content")
        with Server("--root", folder.www, prefix=("prlimit", "--nofile=90:90")) as server:
            clients = [server.client() for _ in range(15)]
            for client in clients:
                self.assertIn(client.ask("GET /a").status, (200, 503))
            for client in clients:
                client.tls.close()
            with server.client() as client:
                self.assertEqual(client.ask("GET /a").body, b"content")


if __name__ == "__main__":
    main()

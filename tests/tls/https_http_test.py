"""HTTP/1.1 over TLS, end to end: keep-alive, pipelining, ranges, conditions, bodies, limits."""

import hashlib
import json
import os
import socket
import ssl
import time

from https_server import Case, Client, Response, context, main

GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Requests(Case):
    @classmethod
    def prepare(cls):
        cls.content = os.urandom(200_000)
        cls.folder.file("www/file.bin", cls.content)
        cls.folder.file("www/empty.txt", b"")
        cls.folder.file("www/page.html", b"<p>hello")
        cls.folder.file("www/sub/index.html", b"index of sub")
        cls.folder.file("secret", b"secret")
        os.symlink("../secret", cls.folder.file("www/link"))
        cls.arguments = ("--root", cls.folder.www, "--max-body", "1000000")

    def test_greeting(self):
        answer = self.client().ask("GET /")
        self.assertEqual((answer.status, answer.body), (200, b"Hello, World!"))
        self.assertEqual(answer["Content-Type"], "text/plain")
        self.assertEqual(answer["Content-Length"], "13")
        self.assertRegex(answer["Date"], r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")

    def test_keep_alive(self):
        client = self.client()
        for _ in range(100):
            self.assertEqual(client.ask("GET /").body, b"Hello, World!")
        self.assertEqual(client.ask("GET /", "Connection: close")["Connection"], "close")
        self.assertTrue(client.closed())

    def test_http_1_0(self):
        client = self.client()
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        self.assertEqual(client.answer()["Connection"], "keep-alive")
        client.send("GET / HTTP/1.0\r\n\r\n")
        answer = client.answer()
        self.assertEqual((answer.status, answer["Connection"]), (200, "close"))
        self.assertTrue(client.closed())

    def test_pipelining(self):
        client = self.client()
        mix = ("GET / HTTP/1.1\r\nHost: a\r\n\r\n"
               "HEAD /file.bin HTTP/1.1\r\nHost: a\r\n\r\n"
               "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
               "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
               "1\r\nx\r\n2;e=f\r\nyz\r\n0\r\nT: u\r\n\r\n"
               "GET /page.html HTTP/1.1\r\nHost: a\r\n\r\n")
        client.send(mix * 50)
        for _ in range(50):
            self.assertEqual(client.answer().body, b"Hello, World!")
            self.assertEqual(client.answer(body=False)["Content-Length"], "200000")
            self.assertIn(hashlib.sha256(b"abc").hexdigest().encode(), client.answer().body)
            self.assertEqual(client.answer().body, b"xyz")
            self.assertEqual(client.answer().body, b"<p>hello")

    def test_pipelined_files_wait_for_the_reader(self):
        client = self.client()
        client.send("GET /file.bin HTTP/1.1\r\nHost: a\r\n\r\n" * 100)
        for _ in range(100):
            self.assertEqual(client.answer().body, self.content)

    def test_byte_by_byte(self):
        client = self.client()
        for byte in GET + "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi":
            client.send(byte)
        self.assertEqual(client.answer().body, b"Hello, World!")
        self.assertEqual(client.answer().body, b"hi")

    def test_head(self):
        client = self.client()
        for path, length in (("/", "13"), ("/file.bin", "200000"), ("/empty.txt", "0")):
            answer = client.ask(f"HEAD {path}")
            self.assertEqual((answer.status, answer["Content-Length"]), (200, length))
        self.assertEqual(client.ask("HEAD /none").status, 404)
        self.assertEqual(client.ask("GET /").body, b"Hello, World!")

    def test_files(self):
        client = self.client()
        answer = client.ask("GET /file.bin")
        self.assertEqual(answer.body, self.content)
        self.assertEqual(answer["Accept-Ranges"], "bytes")
        self.assertEqual(client.ask("GET /page.html?x=1")["Content-Type"],
                         "text/html; charset=utf-8")
        self.assertEqual(client.ask("GET /empty.txt").body, b"")
        self.assertEqual(client.ask("GET /sub/").body, b"index of sub")
        moved = client.ask("GET /sub")
        self.assertEqual((moved.status, moved["Location"]), (301, "/sub/"))
        self.assertEqual(client.ask("GET https://localhost/page.html").body, b"<p>hello")

    def test_ranges(self):
        client = self.client()
        for asked, first, end in (("0-99", 0, 100), ("199990-", 199990, 200000),
                                  ("-10", 199990, 200000), ("70000-180000", 70000, 180001)):
            answer = client.ask("GET /file.bin", f"Range: bytes={asked}")
            self.assertEqual(answer.status, 206)
            self.assertEqual(answer["Content-Range"], f"bytes {first}-{end - 1}/200000")
            self.assertEqual(answer.body, self.content[first:end])
        answer = client.ask("GET /file.bin", "Range: bytes=200000-")
        self.assertEqual((answer.status, answer["Content-Range"]), (416, "bytes */200000"))
        answer = client.ask("GET /file.bin", "Range: bytes=0-1,5-6")
        self.assertEqual((answer.status, answer.body), (200, self.content))

    def test_conditions(self):
        client = self.client()
        first = client.ask("GET /page.html")
        tag, date = first["ETag"], first["Last-Modified"]
        for field in (f"If-None-Match: {tag}", "If-None-Match: *", f"If-Modified-Since: {date}"):
            answer = client.ask("GET /page.html", field)
            self.assertEqual((answer.status, answer["ETag"]), (304, tag))
        self.assertEqual(client.ask("GET /page.html", 'If-None-Match: "x"').status, 200)
        self.assertEqual(client.ask("GET /page.html", 'If-Match: "x"').status, 412)
        self.assertEqual(client.ask("GET /page.html", f"If-Match: {tag}").status, 200)
        partial = client.ask("GET /page.html", "Range: bytes=0-1", f"If-Range: {tag}")
        self.assertEqual((partial.status, partial.body), (206, b"<p"))
        whole = client.ask("GET /page.html", "Range: bytes=0-1", 'If-Range: "x"')
        self.assertEqual((whole.status, whole.body), (200, b"<p>hello"))

    def test_escapes(self):
        client = self.client()
        for path in ("/../secret", "/%2e%2e/secret", "/..%2fsecret", "/sub/../../secret",
                     "/%2fetc/passwd", "//etc/passwd", "/link", "/sub/%2e%2e/%2e%2e/secret",
                     "/file.bin%00", "/..%5csecret", "/.", "/./file.bin", "/file.bin/",
                     "https://localhost/../secret"):
            self.assertEqual(client.ask(f"GET {path}").status, 404, path)

    def test_methods(self):
        client = self.client()
        for method in ("PUT", "DELETE", "PATCH", "QUERY", "M-SEARCH", "TRACE", "get"):
            answer = client.ask(f"{method} /page.html")
            self.assertEqual((answer.status, answer["Allow"]), (405, "GET, HEAD, OPTIONS"))
            self.assertEqual(client.ask(f"{method} /none").status, 404)
        for target in ("*", "/page.html"):
            answer = client.ask(f"OPTIONS {target}")
            self.assertEqual((answer.status, answer["Allow"]), (204, "GET, HEAD, OPTIONS"))
        self.assertEqual(client.ask("GET /upload")["Allow"], "POST")
        self.assertEqual(client.ask("CONNECT localhost:443").status, 501)

    def test_uploads(self):
        client = self.client()
        body = os.urandom(300_000)
        wanted = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        answer = client.ask("POST /upload", f"Content-Length: {len(body)}", body=body)
        self.assertEqual(json.loads(answer.body), wanted)
        chunked = b"".join(b"%x\r\n%b\r\n" % (len(part), part)
                           for part in (body[i:i + 7777] for i in range(0, len(body), 7777)))
        answer = client.ask("POST /upload", "Transfer-Encoding: chunked",
                            body=chunked + b"0\r\n\r\n")
        self.assertEqual(json.loads(answer.body), wanted)
        empty = client.ask("POST /upload", "Content-Length: 0")
        self.assertIn(b'"bytes": 0', empty.body)

    def test_echo_streams(self):
        client = self.client()
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in (b"one", b"two", os.urandom(50_000)):
            client.send(b"%x\r\n%b\r\n" % (len(part), part))
            got = b""
            if part == b"one":
                self.assertEqual(Response(client.until(b"\r\n\r\n"))["Transfer-Encoding"], "chunked")
            while len(got) < len(part):
                size = int(client.until(b"\r\n"), 16)
                got += client.exactly(size)
                client.exactly(2)
            self.assertEqual(got, part)
        client.send("0\r\n\r\n")
        self.assertEqual(client.chunks(), b"")
        self.assertEqual(client.ask("POST /echo", "Content-Length: 4", body=b"four").body, b"four")

    def test_continue(self):
        client = self.client()
        client.send("POST /upload HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    "Content-Length: 3\r\n\r\n")
        self.assertEqual(client.answer().status, 100)
        client.send("abc")
        self.assertIn(b'"bytes": 3', client.answer().body)
        answer = client.ask("GET /", "Expect: 100-continue")
        self.assertEqual(answer.status, 200)
        answer = client.ask("GET /none", "Expect: 100-continue", "Content-Length: 5")
        self.assertEqual((answer.status, answer["Connection"]), (404, "close"))
        self.assertTrue(client.closed())

    def test_expectation_failed(self):
        client = self.client()
        self.assertEqual(client.ask("GET /", "Expect: wonders").status, 417)
        self.assertTrue(client.closed())

    def test_bad_requests(self):
        for request, status in (
                ("GET / HTTP/1.0\n\n", 400),
                ("GET /\r\n\r\n", 400),
                ("GET / HTTP/1.1\r\n\r\n", 400),
                ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
                ("GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400),
                ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
                ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n", 400),
                ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
                ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "1\r\nx\r\nwrong\r\n", 400),
                ("POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx", 400),
                ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\rx", 400),
                ("GET /" + "a" * 9000 + " HTTP/1.1\r\nHost: a\r\n\r\n", 414),
                ("GET / HTTP/1.1\r\nHost: a\r\nX: " + "y" * 40000 + "\r\n\r\n", 431),
                ("GET / HTTP/1.1\r\nHost: a\r\n" + "X: y\r\n" * 101 + "\r\n", 431),
                ("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000001\r\n\r\n", 413),
                ("POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "fffffff\r\n", 413),
                ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
                ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
                ("\x16\x03\x01\x00", 400)):
            with Client(self.server.port) as client:
                client.send(GET + request)
                self.assertEqual(client.answer().status, 200)
                answer = client.answer()
                self.assertEqual((answer.status, answer["Connection"]), (status, "close"), request)
                self.assertTrue(client.closed(), request)

    def test_unwanted_bodies(self):
        client = self.client()
        answer = client.ask("GET /", "Content-Length: 5", body=b"hello")
        self.assertEqual(answer.body, b"Hello, World!")
        answer = client.ask("GET /page.html", "Transfer-Encoding: chunked",
                            body=b"5\r\nhello\r\n0\r\n\r\n")
        self.assertEqual(answer.body, b"<p>hello")
        answer = client.ask("PUT /none", "Content-Length: 100000", body=b"x")
        self.assertEqual((answer.status, answer["Connection"]), (404, "close"))
        self.assertTrue(client.closed())

    def test_half_close(self):
        """Who has sent everything and said so still gets all answers."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context().wrap_bio(incoming, outgoing)
        with socket.create_connection(("127.0.0.1", self.server.port), 30) as tcp:
            def step(call, *arguments):
                while True:
                    try:
                        return call(*arguments)
                    except ssl.SSLWantReadError:
                        if outgoing.pending:
                            tcp.sendall(outgoing.read())
                        data = tcp.recv(65536)
                        incoming.write(data) if data else incoming.write_eof()
            step(tls.do_handshake)
            tls.write(b"GET /file.bin HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
            try:
                tls.unwrap()
            except ssl.SSLWantReadError:
                pass
            tcp.sendall(outgoing.read())
            tcp.shutdown(socket.SHUT_WR)
            got = b""
            try:
                while data := step(tls.read, 65536):
                    got += data
            except ssl.SSLZeroReturnError:
                pass
        self.assertEqual(got.count(self.content), 20)


class Echo(Case):
    arguments = ("--echo",)

    def test_everything_is_echoed(self):
        client = self.client()
        for method in ("GET", "POST", "QUERY", "X-OWN"):
            answer = client.ask(f"{method} /any/path?q", "Content-Length: 4", body=b"body")
            self.assertEqual((answer.status, answer.body), (200, b"body"))
        self.assertEqual(client.ask("GET /").body, b"")
        self.assertEqual(client.ask("HEAD /", "Content-Length: 2", body=b"xy")["Content-Length"],
                         "2")
        answer = client.ask("PUT /", "Transfer-Encoding: chunked", body=b"1\r\nx\r\n0\r\n\r\n")
        self.assertEqual(answer.body, b"x")
        self.assertEqual(client.ask("CONNECT localhost:443").status, 501)

    def test_bad_ones_are_not(self):
        client = self.client()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n")
        self.assertEqual(client.answer().status, 400)
        self.assertTrue(client.closed())

    def test_continue_comes_first(self):
        client = self.client()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    "Content-Length: 3\r\n\r\n")
        self.assertEqual(client.answer().status, 100)
        client.send("abc")
        self.assertEqual(client.answer().body, b"abc")


class Deadlines(Case):
    arguments = ("--header-timeout-ms", "400", "--idle-timeout-ms", "1500")

    def times_out(self, sent, status):
        client = self.client()
        begin = time.monotonic()
        client.send(sent)
        self.assertEqual(client.answer().status, status)
        self.assertTrue(client.closed())
        self.assertGreater(time.monotonic() - begin, 0.39)
        self.assertLess(time.monotonic() - begin, 10)

    def test_slow_head(self):
        self.times_out("GET / HTTP/1.1\r\nHost:", 408)

    def test_slow_body(self):
        self.times_out("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx", 408)

    def test_dripping_head(self):
        client = self.client()
        client.tls.settimeout(0.05)
        sent = 0
        try:
            for byte in ("GET / HTTP/1.1\r\nX: " + "y" * 1000):
                client.send(byte)
                sent += 1
                try:
                    if not client.more():
                        break
                except TimeoutError:
                    continue
        except OSError:
            pass
        self.assertLess(sent, 100)
        self.assertIn(b" 408 ", client.kept)

    def test_idle(self):
        client = self.client()
        client.ask("GET /")
        self.assertTrue(client.closed())


if __name__ == "__main__":
    main()

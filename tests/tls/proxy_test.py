"""The proxy example: curl through it, upstreams that are plain, encrypted, false or gone, and
streams that stall, end half or break off."""

import hashlib
import http.server
import itertools
import os
import select
import socket
import ssl
import threading
import unittest

from programs import (HTTPS, KINDS, PROXY, SLOWNESS, TIMEOUT_S, VERSIONS, Case, Crumbs, Program, main,
                      needs, run)

STALLED_GROWTH_KIB = 2048 * SLOWNESS  # a sanitizer's shadow grows too


class Pages(http.server.BaseHTTPRequestHandler):
    """A plain upstream."""

    def do_GET(self):
        body = b"plain " + self.path.encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@needs("curl")
class ProxyAndCurl(Case):
    """curl speaks HTTP through the proxy as if it were not there."""

    def get(self, proxy, ca, version, path, *more):
        url = f"https://localhost:{proxy.port}{path}"
        return run("curl", "-sS", "--cacert", ca, "--max-time", str(TIMEOUT_S), f"--tlsv{version}",
                   "--tls-max", version, "--resolve", f"localhost:{proxy.port}:127.0.0.1", *more,
                   url)

    def test_plain_upstream(self):
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as upstream:
            threading.Thread(target=upstream.serve_forever, daemon=True).start()
            port = str(upstream.server_address[1])
            for kind in KINDS:
                with Program(PROXY, "0", *self.certs[kind], "127.0.0.1", port) as proxy:
                    for version in VERSIONS:
                        with self.subTest(certificate=kind, tls=version):
                            peer = self.get(proxy, self.certs[kind][0], version, "/x")
                            self.assertEqual(peer.stdout, b"plain /x\n", peer.stderr)
                self.quiet(proxy, "curl")
            upstream.shutdown()

    def test_tls_upstream(self):
        content = os.urandom(3_000_000)
        self.folder.file("www/file.bin", content)
        cert, key = self.ec
        with (Program(HTTPS, "--port", "0", "--cert", cert, "--key", key, "--root",
                      self.folder.www) as https,
              Program(PROXY, "0", *self.certs["rsa"], "localhost", str(https.port), cert) as proxy):
            for version in VERSIONS:
                with self.subTest(tls=version):
                    peer = self.get(proxy, self.certs["rsa"][0], version, "/file.bin")
                    self.assertTrue(peer.stdout == content, f"{len(peer.stdout)} bytes came, or "
                                    f"others; {peer.stderr}")
                    peer = self.get(proxy, self.certs["rsa"][0], version, "/upload",
                                    "--data-binary", "@" + self.folder.file("www/file.bin"))
                    self.assertIn(hashlib.sha256(content).hexdigest(), peer.stdout.decode())
        self.quiet(proxy, "curl")
        self.quiet(https, "the proxy")

    def test_upstream_that_is_not_trusted(self):
        with (Program(HTTPS, "--port", "0") as https,
              Program(PROXY, "0", *self.ec, "localhost", str(https.port), self.ec[0]) as proxy):
            peer = self.get(proxy, self.ec[0], "1.3", "/")
            self.assertNotEqual(peer.returncode, 0)
            self.assertEqual(peer.stdout, b"")
            proxy.wait_line(rf"{https.port}: .*could not prove who it is")

    def test_upstream_that_is_not_there(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
        with Program(PROXY, "0", *self.ec, "localhost", port) as proxy:
            peer = self.get(proxy, self.ec[0], "1.3", "/")
            self.assertNotEqual(peer.returncode, 0)
            proxy.wait_line(r"localhost.*refused")


class ProxyStreams(Case):
    """What only a peer that controls its socket can see."""

    def pair(self, upstream, version, prefix=()):
        """A proxy in front of a plain listener, both ends of one connection through it."""
        proxy = Program(PROXY, "0", *self.ec, "127.0.0.1", str(upstream.getsockname()[1]),
                        "--foal-workers=2", prefix=prefix)
        client = proxy.connect(version=version)
        back = upstream.accept()[0]
        back.settimeout(TIMEOUT_S)
        return proxy, client, back

    def test_stalled_reader(self):
        """A client that does not read stops the upstream; the memory between stays small.
        Also when both sides share a core, and one may be far ahead before the other runs."""
        piece = os.urandom(65536)
        one_core = ("taskset", "-c", str(min(os.sched_getaffinity(0))))
        for version, prefix in itertools.product(VERSIONS.values(), ((), one_core)):
            with socket.create_server(("127.0.0.1", 0)) as upstream:
                upstream.settimeout(TIMEOUT_S)
                proxy, client, back = self.pair(upstream, version, prefix)
                with proxy, client, back:
                    before = proxy.resident_kib()
                    sent = fill(back, piece)
                    growth = proxy.resident_kib() - before
                    self.assertLess(growth, STALLED_GROWTH_KIB, f"the proxy grew by {growth} KiB "
                                    f"while {sent} bytes waited for a stalled reader")
                    busy = proxy.ticks()
                    select.select([], [back], [], 0.5)
                    self.assertLessEqual(proxy.ticks() - busy, 5, "it spins while it waits")
                    back.setblocking(True)
                    wanted, digest = hashlib.sha256(), hashlib.sha256()
                    for at in range(0, sent, len(piece)):
                        wanted.update(piece[:min(len(piece), sent - at)])
                    back.shutdown(socket.SHUT_WR)
                    while part := client.recv(1 << 20):
                        digest.update(part)
                    self.assertEqual(digest.digest(), wanted.digest(),
                                     "what waited did not arrive as it was")
                    client.unwrap()
                self.quiet(proxy, "a slow reader")

    def test_half_close(self):
        """A request that ends with the stream, an answer after it."""
        answer = os.urandom(2_000_000)
        for version in VERSIONS.values():
            with socket.create_server(("127.0.0.1", 0)) as upstream:
                upstream.settimeout(TIMEOUT_S)
                with Program(PROXY, "0", *self.ec, "127.0.0.1",
                             str(upstream.getsockname()[1])) as proxy:
                    peer = Crumbs(proxy.port, version)
                    back = upstream.accept()[0]
                    peer.say(b"the request")
                    peer.notify()
                    peer.flush()
                    peer.fin()
                    with back:
                        request = b""
                        while part := back.recv(4096):
                            request += part
                        self.assertEqual(request, b"the request")
                        back.sendall(answer)
                    self.assertTrue(peer.exactly(len(answer)) == answer, "other bytes came")
                    self.assertEqual(peer.read_to_end(), (0, "close_notify"))
                    peer.close()
                self.quiet(proxy, "half-close")

    def test_upstream_that_breaks_off(self):
        """A reset upstream must not look like the end of the stream."""
        with socket.create_server(("127.0.0.1", 0)) as upstream:
            upstream.settimeout(TIMEOUT_S)
            proxy, client, back = self.pair(upstream, None)
            with proxy, client:
                client.sendall(b"x")
                self.assertEqual(back.recv(1), b"x")
                back.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                back.close()
                with self.assertRaises((ssl.SSLEOFError, ConnectionResetError)):
                    client.recv(1)
                proxy.wait_line("the peer reset the connection")


def fill(tcp, piece):
    """Writes until nothing more is taken for a second; returns how much was."""
    sent = 0
    tcp.setblocking(False)
    while select.select([], [tcp], [], 1)[1]:
        try:
            sent += tcp.send(piece[sent % len(piece):])
        except ConnectionError as error:
            raise AssertionError(f"cut off after {sent} bytes instead of held back") from error
    return sent


if __name__ == "__main__":
    main()

"""An idle server costs nothing, and is there at once when it is needed again.

64 open TLS connections that say nothing use no CPU for some seconds, and the first request after
the pause is answered without delay. Time is what is tested here, so here it passes."""

import select
import time
import unittest

from programs import ECHO, HTTPS, SLOWNESS, Folder, Program, main

CONNECTIONS = 64
PAUSE_S = 3
TICKS_MAX = 1
ANSWER_MS_MAX = 50 * SLOWNESS
TRIES = 3  # a busy machine may be late once; a server that polls is late again and again
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Idle(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.remove)
        self.cert, self.key = self.folder.certificate("localhost")

    def ask(self, peer):
        """Milliseconds from a request to the first byte of its answer."""
        begin = time.monotonic()
        peer.sendall(REQUEST)
        self.assertIn(b"HTTP/1.1", peer.recv(4096))
        return (time.monotonic() - begin) * 1000

    def pause(self, server, seconds):
        """Ticks of CPU that the server used meanwhile."""
        before = server.ticks()
        select.select([], [], [], seconds)
        return server.ticks() - before

    def check(self, *command):
        with Program(*command) as server:
            peers = [server.connect() for _ in range(CONNECTIONS)]
            for peer in peers:
                self.addCleanup(peer.close)
                self.ask(peer)  # the handshake is over for the server too
            used = self.pause(server, PAUSE_S)
            took = [self.ask(peers[0])]
            self.assertLessEqual(used, TICKS_MAX, f"{CONNECTIONS} idle connections used {used} "
                                 f"ticks of CPU in {PAUSE_S} s")
            while min(took) > ANSWER_MS_MAX and len(took) < TRIES:
                self.pause(server, 1)
                took.append(self.ask(peers[len(took)]))
            self.assertLess(min(took), ANSWER_MS_MAX,
                            f"the first answers after a pause took {took} ms")
            for peer in peers:
                peer.unwrap()
        self.assertEqual(server.complaints(), [])

    def test_echo(self):
        self.check(ECHO, "0", self.cert, self.key)

    def test_https(self):
        self.check(HTTPS, "--port", "0", "--cert", self.cert, "--key", self.key)


if __name__ == "__main__":
    main()

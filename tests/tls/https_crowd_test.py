"""Many clients of the HTTPS example at once, each checking every answer it gets."""

import asyncio
import hashlib
import os
import resource

from https_server import Case, context, main

CLIENTS = int(os.environ.get("FOAL_CROWD", 400))
ROUNDS = 5

_, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(HARD, 4 * CLIENTS + 256), HARD))


class Crowd(Case):
    @classmethod
    def prepare(cls):
        cls.content = os.urandom(50_000)
        cls.folder.file("www/file.bin", cls.content)
        cls.arguments = ("--root", cls.folder.www)

    async def answer(self, reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        return head.split(" ")[1], await reader.readexactly(length)

    async def one(self, number, tls, start):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port, ssl=tls)
        self.open += 1
        if self.open == CLIENTS:
            start.set()
        await start.wait()  # all are connected at the same time
        body = b"%d " % number * 1000
        digest = hashlib.sha256(body).hexdigest().encode()
        for _ in range(ROUNDS):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
                         b"GET /file.bin HTTP/1.1\r\nHost: a\r\n\r\n"
                         b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
                         % len(body) + body)
            self.assertEqual(await self.answer(reader), ("200", b"Hello, World!"))
            self.assertEqual(await self.answer(reader), ("200", self.content))
            status, text = await self.answer(reader)
            self.assertEqual(status, "200")
            self.assertIn(digest, text)
        writer.close()

    async def all(self):
        self.open = 0
        start, tls = asyncio.Event(), context()
        await asyncio.wait_for(
            asyncio.gather(*(self.one(number, tls, start) for number in range(CLIENTS))), 120)

    def test_crowd(self):
        asyncio.run(self.all())
        self.assertEqual(self.client().ask("GET /").status, 200)


class Slow(Case):
    """Clients that never finish their request, while others are served."""

    arguments = ("--header-timeout-ms", "1500")

    def test_slow_heads(self):
        slow = [self.client() for _ in range(CLIENTS // 2)]
        for client in slow:
            client.send("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        good = self.client()
        for _ in range(200):
            self.assertEqual(good.ask("GET /").body, b"Hello, World!")
        for client in slow:
            self.assertEqual(client.answer().status, 408)
            self.assertTrue(client.closed())
        self.assertEqual(good.ask("GET /").status, 200)


if __name__ == "__main__":
    main()

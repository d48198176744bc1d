"""A real browser loads a page with an image from the HTTPS example.

Headless Chromium trusts the throw-away certificate by the hash of its key, and nothing else is
relaxed. The page's script writes the size of the image into the title, which the dump of the
document shows. Without Chromium the test is skipped."""

import base64
import hashlib
import os
import shutil
import struct
import sys
import tempfile
import unittest
import zlib

from programs import HTTPS, SLOWNESS, Folder, Program, main, run

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH, HEIGHT = 321, 123
PAGE = b"""<!doctype html><title>waiting</title>
<img src="picture.png" onload="document.title = 'loaded ' + naturalWidth + 'x' + naturalHeight
  + ' ' + location.protocol + ' ' + isSecureContext" onerror="document.title = 'broken'">
"""
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--virtual-time-budget=20000")
SKIPPED = 77


def picture():
    """A PNG of one colour."""
    def chunk(kind, body):
        return (struct.pack(">I", len(body)) + kind + body
                + struct.pack(">I", zlib.crc32(kind + body)))
    rows = (b"\0" + b"\x33\x66\x99" * WIDTH) * HEIGHT
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0,
                                                             0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def browser():
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


class Chromium(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.addCleanup(self.folder.remove)
        self.cert, self.key = self.folder.certificate("localhost")
        self.folder.file("www/index.html", PAGE)
        self.folder.file("www/picture.png", picture())

    def dump(self, url, *flags):
        """The document after its scripts have run."""
        with tempfile.TemporaryDirectory(prefix="foal_chromium_") as profile:
            done = run(browser(), *FLAGS, *flags, f"--user-data-dir={profile}", "--dump-dom", url,
                       timeout=120 * SLOWNESS, env={**os.environ, "HOME": profile})
        self.assertEqual(done.returncode, 0, f"the browser failed: {done.stderr.decode()[-2000:]}")
        return done.stdout.decode()

    def key_hash(self):
        pem = run("openssl", "x509", "-in", self.cert, "-noout", "-pubkey").stdout
        der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
        return base64.b64encode(hashlib.sha256(der).digest()).decode()

    def test_page_with_image(self):
        with Program(HTTPS, "--port", "0", "--cert", self.cert, "--key", self.key, "--root",
                     self.folder.www) as https:
            url = f"https://localhost:{https.port}/"
            page = self.dump(url, f"--ignore-certificate-errors-spki-list={self.key_hash()}")
            self.assertIn(f"<title>loaded {WIDTH}x{HEIGHT} https: true</title>", page,
                          f"the image did not load; the server said {https.lines}")
            untrusted = self.dump(url)
            self.assertNotIn("<title>loaded", untrusted, "an unknown certificate was accepted: the "
                             "test proves nothing")


if __name__ == "__main__":
    if browser() is None:
        print(f"SKIPPED: no Chromium here ({', '.join(BROWSERS)}); on Debian: apt-get install "
              "chromium")
        sys.exit(SKIPPED)
    main()

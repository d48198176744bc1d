"""Plays every dialogue of docs/tutorial.md, as it stands there, and what it says of the bounds.

    tutorial_test.py SOURCES EXAMPLES       the source folder, the folder of built examples

A block ```console is run from the first line to the last, and must answer what it says. With a
name behind it, ```console ann, it belongs to a terminal of that name, in which a program goes on
from block to block. `$ ` begins a command, `> ` a line that is typed into the program that runs,
^C is that key. `...` alone stands for any lines, within a line for anything. Port numbers of the
document (70xx) and seeds stand for whatever the programs say in their place."""

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

SOURCES, EXAMPLES = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))
SIMULATED = os.path.exists(os.path.join(EXAMPLES, "chat_sim"))
SLOWNESS = 5 if os.environ.get("FOAL_SANITIZE") else 1
TIMEOUT_S = 30 * SLOWNESS
BLOCK = re.compile(r"^```console(?:[ ](\w+))?\n(.*?)^```$", re.M | re.S)
VARIES = re.compile(r"\b70\d\d\b|(?<=seed[ =])\d+|\d+(?= days$)")
SANITIZER = re.compile(r"Sanitizer|runtime error:")
SERVER = "build/own/examples/tutorial/"


def system_bytes():
    """How much the system may keep of what was written to somebody who does not read."""
    with open("/proc/sys/net/ipv4/tcp_wmem", encoding="ascii") as file:
        return int(file.read().split()[2])


def place():
    """A folder that looks like the sources with build/own in it, and can be written to."""
    folder = tempfile.mkdtemp()
    for name in ("foal.h", "runtime", "ssl", "net", "examples", "tests"):
        os.symlink(os.path.join(SOURCES, name), os.path.join(folder, name))
    os.makedirs(os.path.join(folder, "build", "own"))
    os.symlink(EXAMPLES, os.path.join(folder, "build", "own", "examples"))
    return folder


class Terminal:
    """A program, and all the lines that it has said."""

    all = []

    def __init__(self, command, folder):
        self.command = command
        self.lines = []
        self.read = 0
        self.news = threading.Condition()
        self.ended = False
        self.process = subprocess.Popen(["bash", "-c", command], cwd=folder, bufsize=0,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        Terminal.all.append(self)
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append(line.decode(errors="replace").rstrip("\r\n"))
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def next(self):
        """The next line; None: there will be none."""
        with self.news:
            if not self.news.wait_for(lambda: self.read < len(self.lines) or self.ended,
                                      TIMEOUT_S):
                raise AssertionError(f"{self.command}: silent after {self.lines}")
            if self.read == len(self.lines):
                return None
            self.read += 1
            return self.lines[self.read - 1]

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\n")

    def signal(self, number):
        """As a terminal does it: to all that run in it."""
        os.killpg(self.process.pid, number)

    def finish(self):
        """Waits for the end of a server, ends anything else."""
        is_server = self.command.startswith("exec " + SERVER)
        if is_server:
            self.process.wait(TIMEOUT_S)
        status = self.kill()
        assert not SANITIZER.search("\n".join(self.lines)), self.lines
        assert not is_server or status == 0, (self.command, status, self.lines)

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGKILL)
        self.process.stdin.close()
        self.thread.join(TIMEOUT_S)
        self.process.stdout.close()
        return self.process.wait()

    @classmethod
    def kill_all(cls):
        while cls.all:
            cls.all.pop().kill()


class Player:
    """Plays the dialogues of a document in one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.terminals = {}
        self.known = {}

    def play(self, name, text):
        terminal = None if name is None else self.terminals.get(name)
        skipping = False
        for line in text.splitlines():
            if line.startswith("$ "):
                self.end_of_output(name, terminal, skipping)
                terminal, skipping = self.start(name, line[2:]), False
            elif line.startswith("> "):
                terminal.type(line[2:])
            elif line == "^C":
                terminal.signal(signal.SIGINT)
            elif line == "...":
                skipping = True
            else:
                self.hear(terminal, line, skipping)
                skipping = False
        self.end_of_output(name, terminal, skipping)

    def start(self, name, command):
        if name in self.terminals:
            self.terminals.pop(name).finish()
        free = command.startswith(SERVER)
        known = {} if free else self.known
        command = VARIES.sub(lambda m: known.get(m[0], "0" if free else m[0]), command)
        terminal = Terminal("exec " + command if name else command, self.folder)
        if name:
            self.terminals[name] = terminal
        return terminal

    def end_of_output(self, name, terminal, skipping):
        """A command without a terminal of its own runs to its end, and says no more."""
        if name is not None or terminal is None:
            return
        rest = iter(terminal.next, None)
        if skipping:
            rest = [line for line in rest if SANITIZER.search(line)]
        assert not list(rest), terminal.lines
        terminal.finish()

    def hear(self, terminal, expected, skipping):
        pattern, names = self.pattern(expected)
        while True:
            line = terminal.next()
            assert line is not None, f"'{expected}' was expected of {terminal.lines}"
            found = pattern.fullmatch(line)
            if found:
                self.known.update(zip(names, found.groups()))
                return
            assert skipping, f"'{expected}' was expected, not '{line}', of {terminal.lines}"

    def pattern(self, expected):
        """What a line must look like, and the names of the numbers that it tells."""
        names, parts, at = [], [], 0
        for match in VARIES.finditer(expected):
            parts += [expected[at:match.start()], None]
            names.append(match[0])
            at = match.end()
        parts.append(expected[at:])
        text = "".join(r"(\d+)" if part is None else re.escape(part) for part in parts)
        return re.compile(text.replace(re.escape("..."), ".*")), names

    def end(self):
        for terminal in self.terminals.values():
            terminal.finish()


class Tutorial(unittest.TestCase):
    def setUp(self):
        self.folder = place()
        self.addCleanup(shutil.rmtree, self.folder)
        self.addCleanup(Terminal.kill_all)

    def test_every_dialogue(self):
        with open(os.path.join(SOURCES, "docs", "tutorial.md"), encoding="utf-8") as file:
            blocks = BLOCK.findall(file.read())
        self.assertGreater(len(blocks), 20)
        player = Player(self.folder)
        for name, text in blocks:
            if ("chat_sim" in text and not SIMULATED) or (
                    text.startswith("$ clang") and not shutil.which("clang")):
                continue
            player.play(name or None, text)
        player.end()


class Bounds(unittest.TestCase):
    """What the tutorial promises, and a dialogue cannot show."""

    def setUp(self):
        self.folder = place()
        self.addCleanup(shutil.rmtree, self.folder)
        self.addCleanup(Terminal.kill_all)

    def serve(self, command):
        server = Terminal("exec " + SERVER + command, self.folder)
        port = int(re.match(r"listening on port (\d+)", server.next()).group(1))
        return server, port

    def visit(self, port, name, receive_bytes=0):
        tcp = socket.socket()
        self.addCleanup(tcp.close)
        if receive_bytes:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        tcp.settimeout(TIMEOUT_S)
        tcp.connect(("127.0.0.1", port))
        tcp.sendall(name + b"\n")
        return tcp

    def leave(self, server):
        server.signal(signal.SIGTERM)
        server.finish()

    def test_a_line_without_end_is_cut_off(self):
        server, port = self.serve("step4 0")
        ann = self.visit(port, b"ann")
        ann.sendall(b"x" * 300)
        with self.assertRaises(ConnectionResetError):
            while ann.recv(100):
                pass
        self.leave(server)

    def test_controls_do_not_reach_others(self):
        server, port = self.serve("step4 0")
        ann = self.visit(port, b"a\x1b[2Jnn\r")
        ann.sendall(b"\x07one\r\n\n")
        self.assertEqual(ann.makefile("rb").readline(), b"a[2Jnn: one\n")
        self.leave(server)

    def test_who_does_not_read_misses_lines_and_is_told(self):
        server, port = self.serve("step4 0")
        slow = self.visit(port, b"slow", receive_bytes=4096)
        slow.sendall(b"here\n")
        heard = slow.makefile("rb")
        self.assertEqual(heard.readline(), b"slow: here\n")
        loud = self.visit(port, b"loud")
        reader = threading.Thread(target=self.drink, args=(loud,))
        reader.start()
        line = b"y" * 190 + b"\n"
        for _ in range(3 * system_bytes() // len(line * 100)):
            loud.sendall(line * 100)
        loud.sendall(b"over\n")
        missed = b""
        while not missed.startswith(b"(you missed "):
            missed = heard.readline()
        self.assertRegex(missed, rb"^\(you missed \d+ lines\)$")
        loud.shutdown(socket.SHUT_WR)
        slow.close()
        heard.close()
        reader.join(TIMEOUT_S)
        self.leave(server)

    @staticmethod
    def drink(tcp):
        while tcp.recv(65536):
            pass

    def test_who_does_not_read_at_all_is_cut_off(self):
        subprocess.run(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
            "-subj /CN=localhost -keyout c.key -out c.pem 2> log", shell=True, check=True,
            cwd=self.folder)
        server, port = self.serve("step6 0 0 c.pem c.key")
        context = ssl.create_default_context(cafile=os.path.join(self.folder, "c.pem"))

        def tls(name, receive_bytes=0):
            tcp = socket.socket()
            if receive_bytes:
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            tcp.settimeout(TIMEOUT_S)
            tcp.connect(("127.0.0.1", port))
            wrapped = context.wrap_socket(tcp, server_hostname="localhost")
            self.addCleanup(wrapped.close)
            wrapped.sendall(name + b"\n")
            self.assertEqual(wrapped.recv(100), b"welcome\n")
            return wrapped

        tls(b"slow", receive_bytes=4096)
        loud = tls(b"loud")
        line = b"z" * 390 + b"\n"
        piece = b"loud: " + line
        heard = loud.makefile("rb")
        rounds = 0
        while not any("the peer passed a limit" in said for said in server.lines):
            rounds += 1
            self.assertLess(rounds, 20000, "a reader that reads nothing was not cut off")
            loud.sendall(line * 20)
            for _ in range(20):
                self.assertEqual(heard.readline(), piece)
        loud.sendall(b"still here\n")
        self.assertEqual(heard.readline(), b"loud: still here\n")
        self.leave(server)

    def test_usage(self):
        for step in ("step4", "step5", "step6"):
            for args in ([], ["nonsense"], ["70000"], ["1", "2", "3", "4", "5"]):
                done = subprocess.run([os.path.join(EXAMPLES, "tutorial", step), *args],
                                      capture_output=True, timeout=TIMEOUT_S, check=False)
                self.assertEqual(done.returncode, 2)
                self.assertRegex(done.stderr, b"^usage: ")


if __name__ == "__main__":
    unittest.main()

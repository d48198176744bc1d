#!/usr/bin/env python3
"""The load generator against servers that misbehave, and what is drawn and promised.

    test_load.py BUILD      with bench_load in BUILD/bench

A generator that overlooks a wrong byte, or a stall, would praise what it should blame.
"""
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import figures
import plots
import promises
import report
import servers
from messages import fields

LOAD = None
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """A plain server: one thread a connection, each runs serve(socket, number)."""

    def __init__(self, serve):
        self.serve = serve
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        number = 0
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.guard, args=(one, number), daemon=True).start()
            number += 1

    def guard(self, one, number):
        try:
            self.serve(one, number)
        except OSError:
            pass
        one.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def load(peer, mode, *arguments):
    """(exit status, its line, what it complained about)"""
    run = subprocess.run([LOAD, mode, "--plain", "--port", str(peer.port), *map(str, arguments)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=50,
                         check=False)
    lines = run.stdout.splitlines()
    return run.returncode, fields(lines[-1]) if lines else {}, run.stderr


def echo(one, spoil=None):
    """Sends everything back; spoil changes the bytes of the second and later pieces."""
    pieces = 0
    while True:
        data = one.recv(65536)
        if not data:
            return
        pieces += 1
        one.sendall(spoil(data) if spoil and pieces > 1 else data)


def web(one, before_answer=None):
    """Answers every request head."""
    text = b""
    while True:
        data = one.recv(65536)
        if not data:
            return
        text += data
        while b"\r\n\r\n" in text:
            _, text = text.split(b"\r\n\r\n", 1)
            if before_answer:
                before_answer()
            one.sendall(ANSWER)


class Load(unittest.TestCase):
    WINDOW = ("--warm-ms", 50, "--ms", 400)

    def refused(self, serve, why, *arguments):
        with Peer(serve) as peer:
            status, _, said = load(peer, *arguments)
        self.assertEqual(1, status)
        self.assertIn(why, said)

    def test_echo_counts_what_comes_back(self):
        with Peer(lambda one, _: echo(one)) as peer:
            status, line, _ = load(peer, "echo", "--connections", 4, "--in-flight", 3, "--size",
                                   1000, *self.WINDOW)
        self.assertEqual(0, status)
        self.assertGreater(line["answers"], 10)
        self.assertEqual(0, line["bad"])
        self.assertAlmostEqual(1, line["mb_per_s"] * 1e6 / (line["rate"] * 1000), delta=0.2)

    def test_a_changed_byte_is_seen(self):
        self.refused(lambda one, _: echo(one, lambda data: data[:-1] + bytes([data[-1] ^ 1])),
                     "not what was sent", "echo", "--connections", 1, *self.WINDOW)

    def test_a_doubled_piece_is_seen(self):
        self.refused(lambda one, _: echo(one, lambda data: data + data), "sent", "echo",
                     "--connections", 1, *self.WINDOW)

    def test_a_lost_byte_is_seen(self):
        self.refused(lambda one, _: echo(one, lambda data: data[1:] + data[:1]),
                     "not what was sent", "echo", "--connections", 1, *self.WINDOW)

    def test_an_answer_nobody_asked_for_is_seen(self):
        def twice(one, _):
            one.recv(65536)
            one.sendall(ANSWER + ANSWER + ANSWER)
            one.recv(65536)
        self.refused(twice, "nobody asked for", "http", "--connections", 1, "--rate", 1,
                     *self.WINDOW)

    def test_closed_loop_hides_a_stall_and_open_loop_does_not(self):
        stall = []

        def once():
            if not stall and time.monotonic() > begun + 0.35:
                stall.append(1)
                time.sleep(0.3)
        p99 = {}
        for arguments in ((), ("--rate", 1000)):
            stall.clear()
            begun = time.monotonic()
            with Peer(lambda one, _: web(one, once)) as peer:
                status, line, _ = load(peer, "http", "--connections", 1, *arguments, "--warm-ms",
                                       50, "--ms", 1000)
            self.assertEqual(0, status)
            p99[arguments] = line["p99_us"]
        # The open loop owes 300 requests for the stall, of about 1000.
        self.assertGreater(p99["--rate", 1000], 200000)
        self.assertLess(p99[()], p99["--rate", 1000])

    def test_open_loop_keeps_its_rate(self):
        with Peer(lambda one, _: web(one)) as peer:
            status, line, _ = load(peer, "http", "--connections", 8, "--rate", 500, "--warm-ms",
                                   100, "--ms", 1000)
        self.assertEqual(0, status)
        self.assertAlmostEqual(500, line["rate"], delta=150)

    def test_the_generator_tells_how_late_it_was_itself(self):
        with Peer(lambda one, _: web(one)) as peer:
            status, line, _ = load(peer, "http", "--connections", 8, "--rate", 500, "--windows", 3,
                                   "--warm-ms", 50, "--ms", 200)
        self.assertEqual(0, status)
        self.assertGreater(line["late_p99_us"], 0)
        self.assertLessEqual(line["late_p99_us"], line["late_max_us"])
        self.assertGreater(line["run_p99_us"], 0)

    def test_turns_are_passed_round_all_connections(self):
        served = {}

        def serve(one, number):
            def count():
                served[number] = served.get(number, 0) + 1
            web(one, count)
        with Peer(serve) as peer:
            status, _, _ = load(peer, "http", "--connections", 20, "--active", 2, *self.WINDOW)
        self.assertEqual(0, status)
        self.assertEqual(20, len(served))
        # One that is slow to answer falls behind; nobody gets ahead.
        self.assertLess(max(served.values()) - report.median(served.values()), 10)

    def test_slow_clients_send_a_byte_a_second(self):
        got = {}

        def serve(one, number):
            if number < 2:
                web(one)
                return
            while True:
                data = one.recv(100)
                if not data:
                    return
                got.setdefault(number, []).append(data)
        with Peer(serve) as peer:
            status, line, _ = load(peer, "http", "--connections", 2, "--slow", 5, "--warm-ms", 0,
                                   "--ms", 2500)
        self.assertEqual(0, status)
        self.assertGreater(line["answers"], 10)
        self.assertEqual(0, line["slow_lost"])
        self.assertEqual(5, len(got))
        for pieces in got.values():
            self.assertIn(b"".join(pieces), b"GET / HTTP/1.1\r\n")
            self.assertLessEqual(len(b"".join(pieces)), 4)

    def test_slow_clients_that_are_turned_away_are_counted(self):
        def serve(one, number):
            if number < 2:
                web(one)
            else:
                one.recv(1)
        with Peer(serve) as peer:
            status, line, _ = load(peer, "http", "--connections", 2, "--slow", 5, "--warm-ms", 0,
                                   "--ms", 1500)
        self.assertEqual(0, status)
        self.assertEqual(5, line["slow_lost"])

    def test_wrong_arguments(self):
        with Peer(lambda one, _: web(one)) as peer:
            for wrong in (["--size"], ["--size", "x"], ["--nonsense", "1"], ["--kind", "loud"],
                          ["size", "1"]):
                self.assertEqual(2, load(peer, "http", *wrong)[0], wrong)


class Tables(unittest.TestCase):
    def test_promises(self):
        self.assertTrue(promises.holds(1.05, ">=", 1.05))
        self.assertFalse(promises.holds(1.06, "<=", 1.05))
        self.assertFalse(promises.holds(1.0, "<", 1.0))
        for what, relation, bound, _ in promises.PROMISES.values():
            self.assertIn(promises.holds(bound, relation, bound), (True, False), what)

    def test_a_promise_says_whether_it_holds(self):
        with tempfile.TemporaryDirectory() as folder:
            out = report.Report(folder)
            promises.judge(out, "keepalive", 1.06)
            promises.judge(out, "keepalive512", 1.06)
            promises.judge(out, "bulk", None)
            promises.judge(out, "resumed", [])
            promises.judge(out, "workers", [1.95, 1.95, 1.96, 1.97], busy=True)
            text = out.claims_text()
            out.raw.close()
        self.assertEqual([1, 1, 2, 1], [text.count(word) for word in (
            "| holds |", "| NOT HELD |", "| not measured |", "the machine was busy |")])

    def test_a_promise_says_whether_it_is_resolved(self):
        with tempfile.TemporaryDirectory() as folder:
            out = report.Report(folder)
            promises.judge(out, "handshake", [1.02, 1.03, 1.03, 1.04, 0.9])
            promises.judge(out, "handshake_rsa", [0.9, 1.01, 1.02, 1.03, 0.95])
            promises.judge(out, "resumed", [0.9, 0.99, 1.02, 0.9, 1.3])
            text = out.claims_text()
            out.raw.close()
        self.assertEqual([1, 1, 1], [text.count(word) for word in (
            "| 1.02 – 1.03 | holds |", "| 0.950 – 1.02 | holds, within the error |",
            "| 0.900 – 1.02 | NOT HELD, within the error |")])

    def test_a_session_may_have_no_priority_of_its_own(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "autogroup")
            self.assertIsNone(servers.group_nice(path))
            for text, nice in (("", None), ("/autogroup-7 nice 0\n", 0),
                               ("/autogroup-7 nice -5\n", -5)):
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
                self.assertEqual(nice, servers.group_nice(path))
            servers.set_group_nice(3, path)
            with open(path, encoding="utf-8") as f:
                self.assertEqual("3", f.read())
            servers.set_group_nice(3, os.path.join(folder, "none", "autogroup"))

    def test_servers_are_compared_in_the_same_round(self):
        ours = [{"round": i, "rate": rate} for i, rate in enumerate((10, 20, 30))]
        theirs = [{"round": i, "rate": rate} for i, rate in ((0, 10), (2, 10))]
        self.assertEqual([1, 3], figures.beside(ours, theirs, "rate"))

    def test_results_go_between_the_markers(self):
        with tempfile.TemporaryDirectory() as folder:
            page, plot = os.path.join(folder, "page.md"), os.path.join(folder, "a.svg")
            for path, text in ((page, f"x\n{report.BEGIN}old{report.END}\ny\n"), (plot, "<svg/>")):
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
            report.write_into(page, "new", [plot])
            with open(page, encoding="utf-8") as f:
                text = f.read()
            self.assertTrue(os.path.exists(os.path.join(folder, "plots", "a.svg")))
        self.assertIn("![a](plots/a.svg)", text)
        self.assertIn("new", text)
        self.assertNotIn("old", text)

    def test_plots_are_the_same_every_time(self):
        found = {"keepalive": {"foal": 1.1, "nginx": 0.7}, "echo": {"foal": 1.2, "nginx": None}}
        grown = {("foal", n): (7.0, 15000) for n in (10, 1000, 10000)}
        seen = []
        for _ in range(2):
            with tempfile.TemporaryDirectory() as folder:
                drawn = plots.rates(folder, found) + plots.growth(folder, grown)
                if not drawn:
                    self.skipTest("gnuplot is not installed")
                texts = []
                for path in drawn:
                    with open(path, encoding="utf-8") as f:
                        texts.append(f.read())
                self.assertFalse([t for t in texts if folder in t or len(t) > 100000])
                seen.append(texts)
        self.assertEqual(seen[0], seen[1])


if __name__ == "__main__":
    LOAD = f"{sys.argv.pop(1)}/bench/bench_load"
    unittest.main()

#!/usr/bin/env python3
"""Runs examples/pingpong and examples/ring: what they print, and what they refuse.

    messages_test.py PINGPONG RING
"""
import re
import subprocess
import sys
import unittest


def run(program, *args):
    return subprocess.run([program, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60, check=False)


class Messages(unittest.TestCase):
    def prints(self, pattern, program, *args):
        done = run(program, *args)
        self.assertEqual((done.returncode, done.stderr), (0, ""), args)
        self.assertRegex(done.stdout, f"^{pattern}$", args)

    def refuses(self, program, *args):
        done = run(program, *args)
        self.assertEqual((done.returncode, done.stdout), (2, ""), args)
        self.assertRegex(done.stderr, "^(usage: |--foal-|unknown option)", args)

    def test_pingpong_counts_every_message(self):
        tail = r"in [\d.]+ s: [\d.]+ ns each\n"
        self.prints(rf"100001 messages, 50001 and 50000, {tail}", PINGPONG, "100001")
        self.prints(rf"100000 messages, 50000 and 50000, {tail}", PINGPONG, "100000",
                    "--foal-workers=3")
        self.prints(rf"1 messages, 1 and 0, {tail}", PINGPONG, "1")

    def test_ring_ends_where_it_must(self):
        tail = r"in [\d.]+ s: [\d.]+ ns each\n"
        self.prints(rf"100000 hops round 1000 actors, the last at actor 1, {tail}", RING, "1000",
                    "100000")
        self.prints(rf"104 hops round 5 actors, the last at actor 5, {tail}", RING, "5", "104",
                    "--foal-workers=2")
        self.prints(rf"7 hops round 1 actors, the last at actor 1, {tail}", RING, "1", "7")

    def test_help(self):
        for program in (PINGPONG, RING):
            done = run(program, "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(re.match(r"usage: \S+ \[", done.stdout), done.stdout)

    def test_nonsense_is_refused(self):
        for args in (["0"], ["-1"], ["many"], ["1x"], [""], [" 1"], ["1", "2", "3"],
                     ["99999999999999999999999"], ["--fast"], ["--foal-workers=0"],
                     ["--foal-wings=2"]):
            self.refuses(PINGPONG, *args)
            self.refuses(RING, *args)
        self.refuses(PINGPONG, "1", "2")
        self.refuses(RING, "5", "0")
        self.refuses(RING, "100000001", "5")


if __name__ == "__main__":
    PINGPONG, RING = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])

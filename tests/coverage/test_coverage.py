#!/usr/bin/env python3
"""The tests of tools/coverage.py: what it must be content with, and what it must refuse."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, "tools", "coverage.py")
SOURCE = ["int f(int a)", "{", "  foal_assert(a > 0);"] + [f"  step({i});" for i in range(97)]
ENTRY = "net/a.c: step(5);: nobody calls it\n"


class Coverage(unittest.TestCase):
    def run_tool(self, never, unrun=(), sides=(), options=()):
        """never: the list; unrun: lines that did not run; sides: (line, counts)."""
        lines = [{"line_number": i + 1, "count": 0 if i + 1 in unrun else 7, "branches": [],
                  "gcovr/noncode": i == 1} for i in range(len(SOURCE))]
        for number, counts in sides:
            lines[number - 1]["branches"] = [{"count": c} for c in counts]
        with tempfile.TemporaryDirectory() as root:
            os.mkdir(os.path.join(root, "net"))
            with open(os.path.join(root, "net", "a.c"), "w", encoding="utf-8") as f:
                f.write("\n".join(SOURCE) + "\n")
            never_path, path = os.path.join(root, "never.txt"), os.path.join(root, "c.json")
            with open(never_path, "w", encoding="utf-8") as f:
                f.write(never)
            with open(path, "w", encoding="utf-8") as f:
                json.dump({"files": [{"file": "net/a.c", "lines": lines},
                                     {"file": "tests/b.c", "lines": []}]}, f)
            done = subprocess.run(
                [sys.executable, TOOL, path, "--root", root, "--never", never_path, *options],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def accepts(self, *args, **kwargs):
        code, out, err = self.run_tool(*args, **kwargs)
        self.assertEqual((code, err), (0, ""))
        return out

    def refuses(self, words, *args, **kwargs):
        code, _, err = self.run_tool(*args, **kwargs)
        self.assertEqual(code, 1)
        self.assertIn(words, err)

    def test_content_when_all_ran(self):
        self.assertIn("100.0%", self.accepts(""))

    def test_a_line_needs_a_reason(self):
        self.accepts("# words\n\n" + ENTRY, unrun=[9])
        self.refuses("net/a.c:9: never run", "", unrun=[9])
        self.refuses("net/a.c:10: never run", ENTRY, unrun=[9, 10])

    def test_an_entry_needs_its_line(self):
        self.refuses("it runs, or is gone: step(5);", ENTRY)
        self.refuses("it runs, or is gone: step(5);", ENTRY + ENTRY, unrun=[9])
        self.refuses("it runs, or is gone: gone();", "net/a.c: gone();: nobody calls it\n")

    def test_sometimes_is_both(self):
        entry = "net/a.c: step(5);: sometimes, in a race\n"
        self.accepts(entry)
        self.accepts(entry, unrun=[9])
        self.refuses("or is gone", "net/a.c: gone();: sometimes, in a race\n")

    def test_entries_have_three_parts(self):
        self.refuses("never.txt:1: want", "net/a.c: step(5);\n", unrun=[9])

    def test_too_few_lines(self):
        never = "".join(f"net/a.c: step({i});: nobody calls it\n" for i in range(3))
        self.refuses("96.97 % of the lines", never, unrun=[4, 5, 6])

    def test_too_few_branches(self):
        self.accepts("", sides=[(4, [1] * 12 + [0])])
        self.refuses("50.00 % of the branches", "", sides=[(4, [1, 0])])

    def test_assertions_have_one_side(self):
        self.accepts("", sides=[(3, [1, 0])])

    def test_tells(self):
        self.assertIn("nobody calls it", self.accepts(ENTRY, unrun=[9], options=["--list"]))
        told = self.accepts("", sides=[(4, [1] * 12 + [0])], options=["--branches"])
        self.assertIn("net/a.c:4: ++++++++++++- step(0);", told)


if __name__ == "__main__":
    unittest.main()

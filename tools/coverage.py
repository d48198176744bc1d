#!/usr/bin/env python3
"""What the suite ran of runtime/, ssl/ and net/, judged. Exits with 1 when it is too little.

    tools/coverage.py JSON             a table, the totals, and what is wrong
    tools/coverage.py JSON --list      every line that never runs, with the reason
    tools/coverage.py JSON --branches  every decision of which one side was never taken
    options: --root DIR                where the sources are (default: this tree)
             --never FILE              the list (default: tests/coverage/never.txt)

JSON is gcovr's (`gcovr --json`). It is wrong when less than 98 % of the lines or 92 % of the
branches ran, when a line that never ran is not in the list, or when an entry of the list has
run or is gone. An entry is `file: text of the line: reason`; it stands for one line, wherever
it has moved to, and the reason has no ": " in it. A reason that begins with "sometimes" is for
lines that only some runs reach, because it needs two threads in the same moment: such a line
may run.

Branches are what gcov counts: each side of each && || ?: if while for and each case. Not
counted are those of foal_assert, foal_debug_assert and foal_check: their other side ends
the program, which is no behaviour of it but a bug in it (tests/unit/aborts.h provokes some).
Nothing else is left out, neither lines nor branches. Needs Python 3.8 or later.
"""
import argparse
import collections
import json
import os
import re
import sys

FOLDERS = ("runtime/", "ssl/", "net/")
LINES_MIN = 98.0
BRANCHES_MIN = 92.0
SOMETIMES = "sometimes"
ASSERTION = re.compile(r"\bfoal_(?:debug_)?(?:assert|check)\(")

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NEVER = os.path.join("tests", "coverage", "never.txt")

Count = collections.namedtuple("Count", "ran all")


def percent(count):
    return 100.0 * count.ran / count.all if count.all else 100.0


def add(counts):
    counts = list(counts)
    return Count(sum(c.ran for c in counts), sum(c.all for c in counts))


class File:
    """One source: which lines never ran, which branches were never taken."""

    def __init__(self, root, entry):
        self.path = entry["file"].replace(os.sep, "/")
        with open(os.path.join(root, self.path), encoding="utf-8") as f:
            source = f.read().split("\n")
        self.texts = {line.strip() for line in source}
        self.never = []  # (line number, text)
        self.one_sided = []  # (line number, sides as "+-", text)
        lines, branches = [], []
        for line in entry["lines"]:
            if line.get("gcovr/noncode") or line.get("gcovr/excluded"):
                continue
            number = line["line_number"]
            text = source[number - 1].strip() if number <= len(source) else ""
            lines.append(line["count"] > 0)
            if line["count"] == 0:
                self.never.append((number, text))
            if ASSERTION.search(text):
                continue
            sides = [branch["count"] > 0 for branch in line["branches"]]
            branches += sides
            if line["count"] > 0 and not all(sides):
                self.one_sided.append((number, "".join("-+"[s] for s in sides), text))
        self.lines = Count(sum(lines), len(lines))
        self.branches = Count(sum(branches), len(branches))


def read_files(root, path):
    with open(path, encoding="utf-8") as f:
        entries = json.load(f)["files"]
    files = [File(root, e) for e in entries
             if e["file"].replace(os.sep, "/").startswith(FOLDERS)]
    return sorted(files, key=lambda f: f.path)


def read_never(path):
    """(file, text) -> reasons, one for each line that has this text; and complaints."""
    reasons, wrong = collections.defaultdict(list), []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            file, found, rest = line.partition(": ")
            text, found_too, reason = rest.rpartition(": ")
            if not (found and found_too and text and reason):
                wrong.append(f"{path}:{number}: want `file: text of the line: reason`")
                continue
            reasons[file, text].append(reason)
    return reasons, wrong


def judge(files, reasons, never_path):
    """Pairs lines that never ran with their reasons: (told, complaints)."""
    left = {key: list(texts) for key, texts in reasons.items()}
    told, wrong = [], []
    for f in files:
        for number, text in f.never:
            key = f.path, text
            if left.get(key):
                told.append((f.path, number, text, left[key].pop(0)))
            else:
                wrong.append(f"{f.path}:{number}: never run, and not in {never_path}: {text}")
    texts_of = {f.path: f.texts for f in files}
    for (path, text), left_over in sorted(left.items()):
        there = text in texts_of.get(path, ())
        for reason in left_over:
            if there and reason.startswith(SOMETIMES):
                continue
            wrong.append(f"{never_path}: {path}: it runs, or is gone: {text}")
    return told, wrong


def print_table(files, lines, branches):
    wide = max((len(f.path) for f in files), default=5)
    print(f"{'':{wide}}  {'lines':>6} {'never':>5} {'':>7}  {'branch':>6} {'never':>5}")
    rows = [(f.path, f.lines, f.branches) for f in files] + [("all", lines, branches)]
    for name, line, branch in rows:
        print(f"{name:{wide}}  {line.all:6} {line.all - line.ran:5} {percent(line):6.1f}%"
              f"  {branch.all:6} {branch.all - branch.ran:5} {percent(branch):6.1f}%")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("json")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--branches", action="store_true")
    parser.add_argument("--root", default=ROOT)
    parser.add_argument("--never")
    args = parser.parse_args()

    never_path = args.never or os.path.join(args.root, NEVER)
    files = read_files(args.root, args.json)
    reasons, wrong = read_never(never_path)
    told, unjudged = judge(files, reasons, NEVER if args.never is None else args.never)
    wrong += unjudged
    lines, branches = add(f.lines for f in files), add(f.branches for f in files)

    if args.list:
        for path, number, text, reason in told:
            print(f"{path}:{number}: {text}\n    {reason}")
    elif args.branches:
        for f in files:
            for number, sides, text in f.one_sided:
                print(f"{f.path}:{number}: {sides} {text}")
    else:
        print_table(files, lines, branches)
    if percent(lines) < LINES_MIN:
        wrong.append(f"{percent(lines):.2f} % of the lines ran, less than {LINES_MIN:.0f} %")
    if percent(branches) < BRANCHES_MIN:
        wrong.append(f"{percent(branches):.2f} % of the branches ran, "
                     f"less than {BRANCHES_MIN:.0f} %")
    if not files:
        wrong.append(f"{args.json}: nothing of {' '.join(FOLDERS)} in it")
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

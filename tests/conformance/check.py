#!/usr/bin/env python3
"""Compares the lists of docs/pony-conformance.md and docs/pitfalls.md with the tests.

    check.py [--root DIR]

Both documents are tables; rows.txt names every row of Pony's own lists. It fails when

  - a row names a test that does not exist;
  - a test of tests/conformance/ stands in neither document, or two have one name;
  - a row of Pony's lists has no test and no "does not apply: <reason>", or a row of
    pitfalls.md has no test and no "cannot occur: <reason>";
  - none of a row's tests carries the row's name: conf_<area>.<name with _ for the rest>;
  - a row of rows.txt is missing in its section of pony-conformance.md or stands there twice,
    or a row there is not in rows.txt. Sections that rows.txt does not have are free: their
    rows say what they like, or nothing in two columns, and need tests that exist.

A test is written `suite.name` for Criterion, `program.name` for a program of its own,
`file.py:method` for Python, `foal-sim name` for a scenario of the simulator.
Exit status: 0 all agree, 1 not.
"""
import argparse
import collections
import glob
import os
import re
import sys

CRITERION = re.compile(r"^(?:FOAL_TRUSTED\s+)?Test\(\s*(\w+)\s*,\s*(\w+)", re.M)
PROGRAM = re.compile(r"foal_program_test\(\s*(\w+)")
METHOD = re.compile(r"^\s*def ((?:test|probe)_\w+)\(", re.M)
SCENARIO = re.compile(r"^\s*X\((\w+)\)", re.M)
APPLIES_NOT = re.compile(r"^does not apply: \S")
OCCURS_NOT = re.compile(r"^cannot occur: \S")

Row = collections.namedtuple("Row", "path line section cells")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def sources(root, pattern):
    return sorted(glob.glob(os.path.join(root, "tests", "**", pattern), recursive=True))


def criterion_tests(path):
    return [f"{suite}.{name}" for suite, name in CRITERION.findall(read(path))]


def all_tests(root):
    """Every name that a row may give."""
    tests = set()
    for path in sources(root, "*.c"):
        tests.update(criterion_tests(path))
    for path in sources(root, "CMakeLists.txt"):
        tests.update(f"program.{name}" for name in PROGRAM.findall(read(path)))
    for path in sources(root, "*.py"):
        file = os.path.basename(path)
        tests.update(f"{file}:{method}" for method in METHOD.findall(read(path)))
    scenarios = os.path.join(root, "tests", "sim", "scenarios.h")
    tests.update(f"foal-sim {name}" for name in SCENARIO.findall(read(scenarios)))
    return tests


def cells_of(line):
    return [cell.strip().replace(r"\|", "|")
            for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def rows_of(path, root):
    """The rows of all tables of a document, without their heads."""
    section, rows = "", []
    lines = read(path).split("\n") + [""]
    for number, line in enumerate(lines):
        if line.startswith("## "):
            section = line[3:].strip()
        is_head = lines[min(number + 1, len(lines) - 1)].startswith("|--")
        if line.startswith("|") and not line.startswith("|--") and not is_head:
            rows.append(Row(os.path.relpath(path, root), number + 1, section, cells_of(line)))
    return rows


def tests_in(cell):
    """The names in a cell; none when it holds a dash."""
    return [name.strip(" `") for name in cell.split(",") if name.strip(" `-")]


def test_name(row_name):
    return re.sub(r"[^A-Za-z0-9]+", "_", row_name).strip("_")


def wanted_rows(path):
    """Section and name of every row of Pony's lists."""
    section, wanted = "", []
    for line in read(path).split("\n"):
        if line.startswith("# "):
            section = line[2:].strip()
        elif line.strip():
            wanted.append((section, line.strip()))
    return wanted


class Check:
    def __init__(self, root):
        self.root = root
        self.known = all_tests(root)
        self.named = set()
        self.breaches = []

    def breach(self, where, what):
        self.breaches.append(f"{where}: {what}")

    def tests_of(self, row, cell, excuse):
        """Checks and returns the tests of a row; `excuse` is what stands for having none."""
        tests = tests_in(cell)
        for name in tests:
            self.named.add(name)
            if name not in self.known:
                self.breach(f"{row.path}:{row.line}", f"there is no test {name}")
        if not tests and not any(excuse.match(cell) for cell in row.cells):
            name = row.cells[0].strip("`")
            self.breach(f"{row.path}:{row.line}", f"{name}: no test and no reason")
        return tests

    def pony(self, path, wanted):
        """wanted: section and name of every row."""
        sections = {section for section, _ in wanted}
        listed = collections.Counter()
        for row in rows_of(path, self.root):
            where = f"{row.path}:{row.line}"
            free = row.section not in sections
            if len(row.cells) != 3 and not (free and len(row.cells) == 2):
                self.breach(where, f"{len(row.cells)} columns in place of 3")
                continue
            name = row.cells[0].strip("`")
            tests = self.tests_of(row, row.cells[1], APPLIES_NOT)
            if free:
                continue
            listed[row.section, name] += 1
            own = [t for t in tests if re.fullmatch(r"conf_\w+\." + test_name(name), t)]
            if tests and not own:
                self.breach(where, f"{name}: its test is to be conf_<area>.{test_name(name)}")
            if (row.section, name) not in wanted:
                self.breach(where, f"{name} is not in this section of rows.txt")
            elif listed[row.section, name] > 1:
                self.breach(where, f"{name} is listed twice")
        for section, name in wanted:
            if (section, name) not in listed:
                self.breach(os.path.relpath(path, self.root), f"{section}: {name} is missing")

    def pitfalls(self, path):
        for row in rows_of(path, self.root):
            if len(row.cells) != 3:
                self.breach(f"{row.path}:{row.line}", f"{len(row.cells)} columns in place of 3")
            elif row.cells[1]:  # otherwise a heading inside the table
                self.tests_of(row, row.cells[2], OCCURS_NOT)

    def listed(self, folder):
        """Every test of the folder stands in a document, and is one test."""
        places = {}
        for path in sorted(glob.glob(os.path.join(folder, "*.c"))):
            where = os.path.relpath(path, self.root)
            for name in criterion_tests(path):
                if name not in self.named:
                    self.breach(where, f"{name} is listed nowhere")
                if places.setdefault(name, where) != where:
                    self.breach(where, f"{name} is also in {places[name]}")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(here)))
    root = parser.parse_args().root
    folder = os.path.join(root, "tests", "conformance")
    wanted = wanted_rows(os.path.join(folder, "rows.txt"))
    check = Check(root)
    check.pony(os.path.join(root, "docs", "pony-conformance.md"), wanted)
    check.pitfalls(os.path.join(root, "docs", "pitfalls.md"))
    check.listed(folder)
    for section, count in collections.Counter(section for section, _ in wanted).items():
        print(f"{count:4} {section}")
    print(f"{len(wanted):4} rows of Pony's lists, {len(check.named)} tests named")
    for breach in check.breaches:
        print(breach)
    return 1 if check.breaches else 0


if __name__ == "__main__":
    sys.exit(main())

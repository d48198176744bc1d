#!/usr/bin/env python3
"""Compiles the C in the documentation, so that what it shows stays true.

A fenced block is judged when it is marked, or when it has a main:

    ```c                          with a main: as "compile"; without: a fragment, left alone
    ```c compile                  gcc and every clang accept it without a diagnostic
    ```c wrong "expression"       every clang refuses it and says this (regular expression)
    ```c from=<path>              these very lines stand in that file, in this order; a line
                                  ... leaves some out

and behind that, for examples that stand on one another,

    name=<word>                   the block can be built upon
    after=<word>                  the block of that name, of the same file, goes before it

A judged block without an #include gets foal.h. Functions that nobody calls are no breach.

    extract.py --root <source dir> [--compiler <path>]... [<file.md>...]

Without files: README.md and docs/*.md. Exit status: 0 true, 1 not, 77 no clang.
"""
import argparse
import glob
import os
import re
import shlex
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "ownership"))
from run import Compiler, pattern_of  # noqa: E402

FENCE = re.compile(r"^```c(?:[ \t]+(?P<marks>[^\n]*))?\n(?P<code>.*?)^```[ \t]*$", re.M | re.S)
# What an excerpt may leave open.
LENIENT = ("-Wno-unused-function", "-Wno-unused-parameter", "-Wno-missing-prototypes")


class Block:
    """One fenced block: where it stands, what is claimed about it, its code."""

    def __init__(self, path, text, match):
        self.path = path
        self.line = text.count("\n", 0, match.start("code")) + 1
        self.code = match["code"]
        self.kind = self.pattern = self.name = self.after = self.origin = None
        words = shlex.split(match["marks"] or "", posix=True)
        while words:
            word = words.pop(0)
            if word == "compile":
                self.kind = "compile"
            elif word == "wrong" and words:
                self.kind, self.pattern = "wrong", pattern_of(words.pop(0))
            elif word.startswith("from="):
                self.kind, self.origin = "excerpt", word[5:]
            elif word.startswith("name="):
                self.name = word[5:]
            elif word.startswith("after="):
                self.after = word[6:]
            else:
                sys.exit(f"{path}:{self.line}: unknown mark {word}")
        if self.kind is None and re.search(r"\bmain\s*\(", self.code):
            self.kind = "compile"

    def source(self, named):
        """The whole text for the compiler, with line numbers of the document."""
        text = f'#line {self.line} "{os.path.basename(self.path)}"\n{self.code}'
        before = self.after
        while before:
            if before not in named:
                sys.exit(f"{self.path}:{self.line}: there is no block {before} above")
            text = named[before].code + text
            before = named[before].after
        return text if "#include" in text else '#include "foal.h"\n' + text


def missing(block, root):
    """The first lines of an excerpt that the file it is from does not have, as sentences."""
    with open(os.path.join(root, block.origin), encoding="utf-8") as file:
        text = "\n" + file.read()
    at = 0
    for part in re.split(r"^[ ]*\.\.\.\n", block.code, flags=re.M):
        part = "\n" + part.strip("\n") + "\n"
        found = text.find(part, at) if part.strip() else at
        if found < 0:
            return [f"{block.origin} does not say, from there on: {part.strip()}"]
        at = found + len(part) - 1 if part.strip() else at
    return []


def blocks_of(path):
    """(block, its whole source) for every judged block of a file."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    named = {}
    for match in FENCE.finditer(text):
        block = Block(path, text, match)
        if block.kind:
            yield block, block.source(named)
        if block.name:
            named[block.name] = block


def judge(block, source, compiler):
    """What is not as the document claims, as sentences."""
    said = compiler.judge(source)
    if block.kind == "compile":
        return [f"refused: {sentence}" for sentence in said]
    if compiler.family == "gcc" or any(block.pattern.search(s) for s in said):
        return []
    return [f"not said: {block.pattern.pattern}; but: {said}"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--compiler", action="append", default=[])
    parser.add_argument("file", nargs="*")
    args = parser.parse_args()
    compilers = [Compiler(path, args.root, *LENIENT) for path in args.compiler]
    if not any(c.family == "clang" for c in compilers):
        print("no clang at hand: ownership cannot be judged")
        return 77
    files = args.file or sorted(glob.glob(os.path.join(args.root, "docs", "*.md")) +
                                glob.glob(os.path.join(args.root, "README.md")))
    count = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "block.c")
        for document in files:
            for block, source in blocks_of(document):
                count += 1
                if block.origin:
                    for sentence in missing(block, args.root):
                        failed += 1
                        print(f"{block.path}:{block.line}: {sentence}")
                    continue
                with open(path, "w", encoding="utf-8") as file:
                    file.write(source)
                for compiler in compilers:
                    for sentence in judge(block, path, compiler):
                        failed += 1
                        print(f"{block.path}:{block.line}: {compiler.name}: {sentence}")
    print(f"{count} blocks of {len(files)} documents judged by "
          f"{', '.join(c.name for c in compilers)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

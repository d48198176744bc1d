#!/usr/bin/env python3
"""Compiles ownership programs with every compiler at hand and judges what they say.

A program in wrong/ says in its first comment how it must be refused:

    expect clang: <regular expression>   some error of every clang must match it
    expect gcc: <regular expression>     some error of gcc must match it
    expect any: <regular expression>     both

and no error may be left that matches none of them: the program is wrong in this one way
only. Without a line for gcc, gcc must accept it: only ownership sees what is wrong.
In a pattern, iso ', val ' and role ' also stand for mutex ', as clang 14 calls them.

A program in right/ must be accepted by all, without a diagnostic; with "also: c++17" in its
first comment, as C++17 too. Everything is judged twice, without and with FOAL_DEBUG.

    run.py --root <source dir> [--compiler <path>]... [--show] <program>...
    run.py --root <source dir> --complete      programs.txt names every program there is

Exit status: 0 all as expected, 1 not, 77 no clang at hand.
"""
import argparse
import os
import re
import subprocess
import sys

WARNINGS = """-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wundef
-Wcast-qual -Wpointer-arith -Wvla -Wswitch-enum -Wformat=2 -Wdouble-promotion
-Wwrite-strings -Wimplicit-fallthrough -Wnull-dereference -Werror""".split()
C_WARNINGS = """-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition""".split()
CLANG_WARNINGS = """-Wthread-safety -Wthread-safety-beta -Wcomma -Wunreachable-code
-Wconditional-uninitialized -Wmissing-variable-declarations -Wassign-enum
-ferror-limit=0 -fno-color-diagnostics""".split()
GCC_WARNINGS = """-Wcast-align=strict -Wlogical-op -Wduplicated-cond -Wduplicated-branches
-Wuse-after-free=3 -fdiagnostics-color=never""".split()
HERE = os.path.dirname(os.path.abspath(__file__))
ERROR = re.compile(r"^[^ ].*?(?:fatal )?error: (.*)$", re.M)
WARNING = re.compile(r"^[^ ].*?warning: (.*)$", re.M)


class Compiler:
    """One C compiler: which family it is of, and how it is asked to judge a file."""

    def __init__(self, path, root, *extra):
        self.path = path
        self.root = root
        self.extra = list(extra)
        version = subprocess.run([path, "--version"], capture_output=True, text=True,
                                 check=True)
        self.family = "clang" if "clang" in version.stdout else "gcc"
        self.name = os.path.basename(path)

    def command(self, source, language, debug):
        flags = ["-x", language, "-D_GNU_SOURCE", "-I", self.root, "-I", HERE]
        flags += ["-DFOAL_DEBUG=1"] if debug else []
        flags += ["-std=c11"] + C_WARNINGS if language == "c" else ["-std=c++17"]
        flags += WARNINGS
        flags += CLANG_WARNINGS if self.family == "clang" else GCC_WARNINGS
        # gcc notices a missing handler only when it gets as far as generating code.
        flags += ["-fsyntax-only"] if self.family == "clang" else \
            ["-O2", "-S", "-o", os.devnull]
        return [self.path] + flags + self.extra + [source]

    def judge(self, source, language="c", debug=False):
        """All that the compiler has against the file, one message per entry."""
        done = subprocess.run(self.command(source, language, debug), capture_output=True,
                              text=True, env=dict(os.environ, LC_ALL="C"), check=False)
        said = ERROR.findall(done.stderr) + WARNING.findall(done.stderr)
        if done.returncode != 0 and not said:
            said = ["the compiler failed: " + done.stderr]
        return said


def pattern_of(text):
    """An expected message; clang 14 says mutex where later ones say iso, val or role."""
    return re.compile(re.sub(r"\b(iso|val|role) '", r"(?:\1|mutex) '", text))


def expectations(source):
    """The expect lines of the first comment: {"clang": [patterns], "gcc": [patterns]}."""
    with open(source, encoding="utf-8") as file:
        comment = file.read().split("*/")[0]
    found = {"clang": [], "gcc": []}
    for who, pattern in re.findall(r"expect (clang|gcc|any): (.*?)\s*$", comment, re.M):
        for family in found:
            if who in (family, "any"):
                found[family].append(pattern_of(pattern))
    return found, re.search(r"also: c\+\+17", comment) is not None


def wrong(source, compiler):
    """What is not as expected, as sentences."""
    patterns = expectations(source)[0][compiler.family]
    bad = []
    for debug in (False, True):
        said = compiler.judge(source, "c", debug)
        bad += [f"not said: {p.pattern}" for p in patterns
                if not any(p.search(s) for s in said)]
        bad += [f"not expected: {s}" for s in said
                if not any(p.search(s) for p in patterns)]
    if compiler.family == "clang" and not patterns:
        bad.append("the program does not say how clang must refuse it")
    return bad


def right(source, compiler):
    """What the compiler has against it, as sentences."""
    languages = ("c", "c++") if expectations(source)[1] else ("c",)
    return [f"refused as {language}: {sentence}" for language in languages
            for debug in (False, True)
            for sentence in compiler.judge(source, language, debug)]


def complete():
    """Whether programs.txt and the folders agree."""
    with open(os.path.join(HERE, "programs.txt"), encoding="utf-8") as file:
        named = set(file.read().split())
    found = {f"{folder}/{name}" for folder in ("wrong", "right")
             for name in os.listdir(os.path.join(HERE, folder)) if name.endswith(".c")}
    for program in sorted(named ^ found):
        print(f"{program}: {'not in programs.txt' if program in found else 'missing'}")
    print(f"{sum(p.startswith('wrong/') for p in found)} wrong programs, "
          f"{sum(p.startswith('right/') for p in found)} right ones")
    return 0 if named == found else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--compiler", action="append", default=[])
    parser.add_argument("--show", action="store_true", help="print what the compilers say")
    parser.add_argument("--complete", action="store_true")
    parser.add_argument("program", nargs="*")
    args = parser.parse_args()
    if args.complete:
        return complete()
    compilers = [Compiler(path, args.root) for path in args.compiler if path]
    if not any(c.family == "clang" for c in compilers):
        print("no clang at hand: ownership cannot be judged")
        return 77
    failed = False
    for source in args.program:
        check = wrong if os.path.basename(os.path.dirname(source)) == "wrong" else right
        for compiler in compilers:
            bad = check(source, compiler)
            failed |= bool(bad)
            for sentence in bad:
                print(f"{source}: {compiler.name}: {sentence}")
            if args.show:
                for sentence in compiler.judge(source):
                    print(f"{os.path.basename(source)}: {compiler.name}: {sentence}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

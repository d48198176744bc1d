#!/usr/bin/env python3
"""Checks the models of this folder with spin.

    run.py MODEL.pml...     all `check:` and `mutant:` lines in the head comment of each

A check must be exhaustive and find nothing; a mutant must be found. Each is compiled with the
options that its line gives. Needs spin and a C compiler ($CC or cc). Exits with 1 when a model
does not say what it should.
"""
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

DEPTH = 200000
SECONDS_MAX = 120


def cases_of(path):
    """(kind, options, what) of each line of the head comment."""
    with open(path, encoding="utf-8") as f:
        head = f.read().split("*/", 1)[0]
    for match in re.finditer(r"^ \* (check|mutant): +((?:-D\S+ *)+)(.*)$", head, re.M):
        yield match[1], shlex.split(match[2]), match[3].strip()


def run(command, folder):
    done = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=SECONDS_MAX, check=False)
    if done.returncode != 0 and command[0] != "./pan":
        sys.exit(f"{shlex.join(command)}\n{done.stdout}")
    return done.stdout


def verify(path, kind, options):
    """The report of the verifier. A mutant is found at once: compiling is what takes time."""
    with tempfile.TemporaryDirectory() as folder:
        run(["spin", *options, "-a", path], folder)
        run([*shlex.split(os.environ.get("CC", "cc")), "-O2" if kind == "check" else "-O0", "-w", "-DSAFETY", "-DCOLLAPSE",
             "-DMEMLIM=1500", "-o", "pan", "pan.c"], folder)
        return run(["./pan", f"-m{DEPTH}", "-w24"], folder)


def verdict(report):
    """'proved', 'found: ...' or what went wrong."""
    errors = re.search(r"errors: (\d+)", report)
    if errors is None:
        return "nothing"
    if int(errors[1]) == 0:
        cut = "Search not completed" in report or "max search depth too small" in report
        return "not searched to the end" if cut else "proved"
    what = re.search(r"pan:\d+: (.*?)(?: \(at depth|$)", report, re.M)
    return f"found: {what[1] if what else 'an error'}"


def states_of(report):
    match = re.search(r"^\s*([\d.e+]+) states, stored", report, re.M)
    return int(float(match[1])) if match else 0


def main():
    if shutil.which("spin") is None:
        sys.exit("spin is not installed; it proves the protocols (package: spin)")
    failed = 0
    for path in map(os.path.abspath, sys.argv[1:]):
        cases = list(cases_of(path))
        kinds = {kind for kind, _, _ in cases}
        if kinds != {"check", "mutant"}:
            sys.exit(f"{path}: no check: or no mutant: lines")
        for kind, options, what in cases:
            began = time.monotonic()
            report = verify(path, kind, options)
            said = verdict(report)
            ok = said == "proved" if kind == "check" else said.startswith("found")
            failed += not ok
            print(f"{'ok  ' if ok else 'FAIL'} {os.path.basename(path)} {shlex.join(options)}"
                  f" {what}: {said}, {states_of(report)} states,"
                  f" {time.monotonic() - began:.1f} s", flush=True)
            if not ok:
                print(report)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()

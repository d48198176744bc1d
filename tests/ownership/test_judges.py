#!/usr/bin/env python3
"""The judges judged: run.py, mutate.py and extract.py must notice what they exist to notice.

    test_judges.py --root <source dir> [--compiler <path>]...

Exit status: 0 they do, 1 they do not, 77 no clang.
"""
import argparse
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
RIGHT = '''#include "sink.h"
void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  sink_put(to, &b);
}
'''
LEAK = RIGHT.replace("sink_put(to, &b);", "sink_poke(to);")
TYPE = RIGHT.replace("(to, &b)", "(to, b)")
SAID = "/* expect clang: iso 'b' is not held on every path */\n"
OTHER = "/* expect clang: releasing iso 'b' that was not held */\n"
# A maker's body is not looked into, so breaking it must count as survived.
MAKER = '''#include "sink.h"
bool make(foal_buf **out) FOAL_MAKES(*out);
bool make(foal_buf **out)
{
  return foal_buf_new(out, 1);
}
'''
DOC = "```c compile\n%s```\n"
REFUSED = '```c wrong "is not held on every path"\n%s```\n'
# (judge, file, content, whether it must be content with it)
CASES = (
    ("run", "wrong/a.c", SAID + LEAK, True),
    ("run", "wrong/a.c", SAID + RIGHT, False),      # nothing wrong with it
    ("run", "wrong/a.c", OTHER + LEAK, False),      # wrong in another way
    ("run", "wrong/a.c", SAID + TYPE, False),       # gcc refuses it and was not expected to
    ("run", "wrong/a.c", LEAK, False),              # expects nothing
    ("run", "right/a.c", RIGHT, True),
    ("run", "right/a.c", LEAK, False),
    ("run", "right/a.c", TYPE, False),
    ("mutate", "a.c", RIGHT, True),
    ("mutate", "a.c", MAKER, False),                # survivors
    ("mutate", "a.c", LEAK, False),                 # broken before it was broken
    ("mutate", "a.c", '#include "sink.h"\n', False),  # nothing to break
    ("extract", "a.md", DOC % RIGHT, True),
    ("extract", "a.md", DOC % LEAK, False),
    ("extract", "a.md", REFUSED % LEAK, True),
    ("extract", "a.md", REFUSED % RIGHT, False),
    ("extract", "a.md", "```c compiled\n%s```\n" % RIGHT, False),
)


def command(judge, args, path):
    compilers = [word for c in args.compiler for word in ("--compiler", c)]
    clang = next(c for c in args.compiler if "clang" in os.path.basename(c))
    return {
        "run": [os.path.join(HERE, "run.py"), *compilers],
        "mutate": [os.path.join(HERE, "mutate.py"), "--clang", clang],
        "extract": [os.path.join(HERE, "..", "docs", "extract.py"), *compilers],
    }[judge] + ["--root", args.root, path]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--compiler", action="append", default=[])
    args = parser.parse_args()
    if not any("clang" in os.path.basename(c) for c in args.compiler):
        return 77
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for judge, name, content, good in CASES:
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
            done = subprocess.run([sys.executable, *command(judge, args, path)],
                                  capture_output=True, text=True, check=False)
            if (done.returncode == 0) != good or "Traceback" in done.stderr:
                failed += 1
                print(f"{judge} {'refused' if good else 'passed'} this:\n{content}\n"
                      f"{done.stdout}{done.stderr}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The tests of tools/tidy.py: one good small tree, and bad ones that must be refused.

Every rule is broken at least once, and the finding must name the file, the line and the rule.
"""
import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TIDY = os.path.join(ROOT, "tools", "tidy.py")

OWN = """/* own.h - words. */
#define FOAL_API
#define FOAL_TAKES(b)
"""
BUF = """/* buf.h - a buffer. */
#include "own.h"

typedef struct FOAL_ISO foal_buf foal_buf;

/** Gives it back.
 *  b      iso, moved; *b is NULL on return
 *  runs   anywhere */
FOAL_API void foal_buf_drop(foal_buf **b) FOAL_TAKES(*b);
"""
GOOD = {
    "foal.h": '/* foal.h - all. */\n#include "runtime/own.h"\n#include "runtime/buf.h"\n'
              '#include "net/conn.h"\n',
    "runtime/own.h": OWN,
    "runtime/buf.h": BUF,
    "runtime/buf.c": '/* buf.c - it. */\n#include "buf.h"\n#include "impl/pool.h"\n'
                     "#include <stdatomic.h>\n",
    "runtime/impl/pool.h": "/* pool.h - memory. */\n",
    "runtime/CMakeLists.txt": "foal_layer(runtime HEADERS own.h buf.h SOURCES buf.c)\n",
    "ssl/ssl.c": '/* ssl.c - it. */\n#include "../runtime/buf.h"\n#include <openssl/ssl.h>\n',
    "ssl/CMakeLists.txt": "foal_layer(ssl SOURCES ssl.c)\n",
    "net/conn.h": '/* conn.h - it. */\n#include "../runtime/buf.h"\n',
    "net/conn.c": '/* conn.c - it. */\n#include "conn.h"\n#include <uv.h>\n',
    "net/CMakeLists.txt": "foal_layer(net HEADERS conn.h SOURCES conn.c)\n",
    "examples/echo.c": "/* echo.c - echoes. */\n#include <foal.h>\n",
    "tests/buf_test.c": '/* buf_test.c - tests. */\n#include "runtime/impl/pool.h"\n',
}

LONG_FUNCTION = "int f(void)\n{\n" + "  g();\n" * 69 + "}\n"
SEVENTY_LINES = "int f(void)\n{\n" + "  g();\n" * 68 + "}\n"


def proto(comment, code="FOAL_API void foal_buf_drop(foal_buf **b) FOAL_TAKES(*b);"):
    """buf.h with this comment and prototype."""
    return {"runtime/buf.h": f'/* buf.h - it. */\n#include "own.h"\n'
            f"typedef struct FOAL_ISO foal_buf foal_buf;\n{comment}\n{code}\n"}


SLOTS = " *  b      iso, moved\n *  runs   anywhere */"

# name: (changes to the good tree, file:line: rule)
BAD = {
    "a tab": ({"tests/buf_test.c": "/* buf_test.c - x. */\n\tint x;\n"},
              "tests/buf_test.c:2: whitespace"),
    "trailing space": ({"NOTES.md": "a \n"}, "NOTES.md:1: whitespace"),
    "no newline at the end": ({"NOTES.md": "a"}, "NOTES.md:1: whitespace"),
    "a binary": ({"a.out": b"\x7fELF\0"}, "a.out:1: binary"),
    "too large": ({"big.txt": "a\n" * 200000}, "big.txt:1: binary"),
    "a machine path": ({"NOTES.md": "\nsee /ho" "me/me/x\n"}, "NOTES.md:2: forbidden-text"),
    "a registry": ({"NOTES.md": "from py" "pi.org\n"}, "NOTES.md:1: forbidden-text"),
    "a key": ({"key.txt": "-----BEGIN RSA PRIVATE " "KEY-----\n"},
              "key.txt:1: forbidden-text"),
    "a banned word": ({"NOTES.md": "TO" "DO: later\n"}, "NOTES.md:1: banned-word"),
    "script not executable": ({"run": "#!/bin/sh\n"}, "run:1: executable"),
    "a long line": ({"runtime/impl/pool.h": "/* pool.h - x. */\n/* " + "a" * 90 + " */\n"},
                    "runtime/impl/pool.h:2: columns"),
    "a long file": ({"tests/buf_test.c": "/* buf_test.c - x. */\n" + "int x;\n" * 500},
                    "tests/buf_test.c:500: file-length"),
    "a long line of Go": ({"bench/x.go": "// x.go - x.\n// " + "a" * 98 + "\n"},
                          "bench/x.go:2: columns"),
    "Go without a head comment": ({"bench/x.go": "package main\n"}, "bench/x.go:1: head-comment"),
    "Erlang without a head comment": ({"bench/x.erl": "-module(x).\n"},
                                      "bench/x.erl:1: head-comment"),
    "C++ without a head comment": ({"bench/x.cpp": "int x;\n"}, "bench/x.cpp:1: head-comment"),
    "a long file of Erlang": ({"bench/x.erl": "%% x.erl - x.\n" + "x() -> 1.\n" * 500},
                              "bench/x.erl:500: file-length"),
    "a long function": ({"net/conn.c": "/* conn.c - x. */\n" + LONG_FUNCTION},
                        "net/conn.c:3: function-length"),
    "no head comment": ({"net/conn.c": "int x;\n"}, "net/conn.c:1: head-comment"),
    "a head comment that is an essay": ({"net/conn.c": "/* conn.c - x." + "\n * y" * 30 + " */\n"},
                                        "net/conn.c:1: head-comment"),
    "an #ifdef for tests": ({"net/conn.c": "/* conn.c - x. */\n#ifdef FOAL_SIM\n#endif\n"},
                            "net/conn.c:2: test-ifdef"),
    "an unlisted source": ({"net/tcp.c": "/* tcp.c - x. */\n"}, "net/tcp.c:1: listed"),
    "a listed source that is not there": (
        {"net/CMakeLists.txt": "foal_layer(net HEADERS conn.h SOURCES conn.c tcp.c)\n"},
        "net/CMakeLists.txt:1: listed"),
    "a test that never runs": (
        {"tests/CMakeLists.txt": "foal_unit_test(x x_test.c)\n"},
        "tests/buf_test.c:1: listed"),
    "libuv in runtime": ({"runtime/buf.c": "/* buf.c - x. */\n#include <uv.h>\n"},
                         "runtime/buf.c:2: system-header"),
    "libuv in an example": ({"examples/echo.c": "/* echo.c - x. */\n#include <uv.h>\n"},
                            "examples/echo.c:2: system-header"),
    "OpenSSL in net": ({"net/conn.c": "/* conn.c - x. */\n#include <openssl/ssl.h>\n"},
                       "net/conn.c:2: system-header"),
    "threads in net": ({"net/conn.c": "/* conn.c - x. */\n#include <pthread.h>\n"},
                       "net/conn.c:2: system-header"),
    "atomics in ssl": ({"ssl/ssl.c": "/* ssl.c - x. */\n#include <stdatomic.h>\n"},
                       "ssl/ssl.c:2: system-header"),
    "libuv in a public header": ({"net/conn.h": "/* conn.h - x. */\n#include <uv.h>\n"},
                                 "net/conn.h:2: system-header"),
    "an upward include": ({"runtime/buf.c": '/* buf.c - x. */\n#include "../net/conn.h"\n'},
                          "runtime/buf.c:2: layer"),
    "the umbrella inside the library": ({"net/conn.c": '/* conn.c - x. */\n#include <foal.h>\n'},
                                        "net/conn.c:2: layer"),
    "a private header of another folder": (
        {"net/conn.c": '/* conn.c - x. */\n#include "../runtime/impl/pool.h"\n'},
        "net/conn.c:2: layer"),
    "a private header in an example": (
        {"examples/echo.c": '/* echo.c - x. */\n#include "runtime/impl/pool.h"\n'},
        "examples/echo.c:2: layer"),
    "ssl that sees an actor": (
        {"ssl/ssl.c": '/* ssl.c - x. */\n#include "../runtime/own.h"\n'
                      '#include "../runtime/actor.h"\n',
         "runtime/actor.h": "/* actor.h - x. */\n",
         "runtime/CMakeLists.txt": "foal_layer(x own.h buf.h actor.h buf.c)\n",
         "foal.h": GOOD["foal.h"] + '#include "runtime/actor.h"\n'},
        "ssl/ssl.c:3: layer"),
    "a header that is not there": ({"net/conn.c": '/* conn.c - x. */\n#include "no.h"\n'},
                                   "net/conn.c:2: layer"),
    "a cycle of files": (
        {"runtime/own.h": OWN + '#include "buf.h"\n'}, "include-cycle: include cycle: "),
    "an umbrella that forgets a header": (
        {"foal.h": '/* foal.h - all. */\n#include "runtime/own.h"\n#include "runtime/buf.h"\n'},
        "foal.h:1: umbrella"),
    "an umbrella in the wrong order": (
        {"foal.h": '/* foal.h - all. */\n#include "net/conn.h"\n#include "runtime/own.h"\n'
                   '#include "runtime/buf.h"\n'}, "foal.h:1: umbrella"),
    "no comment": (proto(""), "runtime/buf.h:5: doc"),
    "no sentence": (proto("/** \n" + SLOTS), "runtime/buf.h:7: doc"),
    "a parameter without a slot": (proto("/** Drops.\n *  runs   anywhere */"),
                                   "runtime/buf.h:6: doc"),
    "no runs slot": (proto("/** Drops.\n *  b   iso, moved */"), "runtime/buf.h:6: doc"),
    "moved without FOAL_TAKES": (
        proto("/** Drops.\n" + SLOTS, "FOAL_API void foal_buf_drop(foal_buf **b);"),
        "runtime/buf.h:7: doc"),
    "FOAL_TAKES without moved": (
        proto("/** Drops.\n *  b   iso, borrowed\n *  runs   anywhere */"),
        "runtime/buf.h:7: doc"),
    "out-owned without FOAL_MAKES": (
        proto("/** Makes.\n *  out   out-owned iso\n *  runs   anywhere */",
              "FOAL_API void foal_buf_new(foal_buf **out);"), "runtime/buf.h:7: doc"),
    "can fail without fails": (
        proto("/** Makes.\n *  out   out-owned iso\n *  runs   anywhere */",
              "FOAL_API bool foal_buf_new(foal_buf **out) FOAL_MAKES(*out);"),
        "runtime/buf.h:7: doc"),
    "a foreign name": (
        proto("/** Drops.\n *  runs   anywhere */", "FOAL_API void buf_drop(void);"),
        "runtime/buf.h:6: name"),
    "five parameters": (
        proto("/** Adds.\n *  a, b, c, d, e  values\n *  runs   anywhere */",
              "FOAL_API int foal_add(int a, int b, int c, int d, int e);"),
        "runtime/buf.h:7: name"),
    "a foreign macro": ({"runtime/own.h": OWN + "#define MAX 1\n"}, "runtime/own.h:4: name"),
    "a foreign type": ({"runtime/own.h": OWN + "typedef struct buf buf;\n"},
                       "runtime/own.h:4: name"),
}

# Right things that a careless rule would refuse.
FINE = {
    "a function of 70 lines": {"net/conn.c": "/* conn.c - x. */\n" + SEVENTY_LINES},
    "a long slot, a function pointer, an attribute": proto(
        "/** Sets where lines go.\n"
        " *  Default: standard error.\n"
        " *  sink   called from any worker;\n"
        " *         NULL: back to the default\n"
        " *  b, c   values\n"
        " *  returns the old one\n"
        " *  runs   anywhere */",
        "FOAL_API int foal_sink(void (*sink)(int level, const char *line), int b,\n"
        "                       int c) __attribute__((format(printf, 2, 3)));"),
    "an internal function that macros call": proto(
        "", "FOAL_API void foal__post(int a, int b, int c, int d);"),
    "moved, but of a type that the proof does not follow": proto(
        "/** Drops.\n" + SLOTS, "FOAL_API void foal_ctx_drop(foal_ctx **b);"),
    "a corpus of bytes": {"tests/fuzz/corpus/x/y": b"\0\t \xff"},
    "wrong programs without a head comment": {"tests/ownership/wrong/x.c": "int x;\n"},
}


def run_tidy(changes):
    with tempfile.TemporaryDirectory() as root:
        for path, content in {**GOOD, **changes}.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            data = content if isinstance(content, bytes) else content.encode()
            with open(os.path.join(root, path), "wb") as f:
                f.write(data)
        run = subprocess.run([sys.executable, TIDY, "--root", root], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, check=False)
        return run.returncode, run.stdout.decode()


class Tidy(unittest.TestCase):
    def test_accepts_the_good_tree(self):
        status, out = run_tidy({})
        self.assertEqual(status, 0, out)

    def test_accepts_what_is_fine(self):
        for name, changes in FINE.items():
            with self.subTest(name):
                status, out = run_tidy(changes)
                self.assertEqual(status, 0, out)

    def test_refuses_what_is_bad(self):
        for name, (changes, expected) in BAD.items():
            with self.subTest(name):
                status, out = run_tidy(changes)
                self.assertEqual(status, 1, out)
                self.assertIn(expected, out)

    def test_breaks_every_rule(self):
        rules = subprocess.run([sys.executable, TIDY, "--rules"], stdout=subprocess.PIPE,
                               check=True).stdout.decode().split()
        broken = {word for _, expected in BAD.values() for word in re.findall(r"[\w-]+", expected)}
        self.assertEqual(set(rules) - broken - {"symbol"}, set())

    def test_refuses_foreign_symbols(self):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "tests/tidy"))
            source, library = os.path.join(root, "x.c"), os.path.join(root, "libx.so")
            with open(source, "w", encoding="utf-8") as f:
                f.write("int puts(const char *);int foal_f(void){return puts(\"\");}\n"
                        "int leaked(void){return foal_f();}\n")
            subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
            command = [sys.executable, TIDY, "--root", root]
            subprocess.run([*command, "--write-imports", library], check=True,
                           stdout=subprocess.DEVNULL)
            exports = subprocess.run([*command, "--symbols", library], stdout=subprocess.PIPE,
                                     check=False)
            self.assertEqual(exports.returncode, 1)
            self.assertIn("exports leaked", exports.stdout.decode())
            self.assertNotIn("imports", exports.stdout.decode())
            with open(os.path.join(root, "tests/tidy/imports.txt"), "w", encoding="utf-8"):
                pass
            imports = subprocess.run([*command, "--symbols", library], stdout=subprocess.PIPE,
                                     check=False)
            self.assertIn("imports puts", imports.stdout.decode())


if __name__ == "__main__":
    unittest.main()

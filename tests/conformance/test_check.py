#!/usr/bin/env python3
"""The tests of check.py: what it must be content with, and what it must refuse."""
import os
import subprocess
import sys
import tempfile
import unittest

CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "check.py")
FILES = {
    "tests/conformance/rows.txt": "# tcp: send\nTCP.send/twice\n_list\n\n# tcp: other\nWindows\n",
    "tests/conformance/a_test.c": "Test(conf_tcp, TCP_send_twice)\n{\n}\n"
                                  "FOAL_TRUSTED Test(conf_tcp, list, .timeout = 3)\n{\n}\n"
                                  "Test(pitfall, a_trap)\n{\n}\n",
    "tests/conformance/other.c": "Test(conf_tcp, other)\n{\n}\n",
    "tests/unit/b_test.c": "Test(unit,\n     old)\n{\n}\n",
    "tests/tls/c_test.py": "class C:\n    def test_it(self):\n        pass\n",
    "tests/stress/CMakeLists.txt": "foal_program_test(mesh mesh.c)\n",
    "tests/sim/scenarios.h": "  X(net_echo)  \\\n  X(tls_echo)\n",
    "docs/pony-conformance.md": "# Rows\n\n## tcp: send\n\n| row | test | how |\n|---|---|---|\n"
                                "| `TCP.send/twice` | `conf_tcp.TCP_send_twice` | as Pony |\n"
                                "| `_list` | `conf_tcp.list`, `unit.old` | differs: so |\n\n"
                                "## tcp: other\n\n| row | test | how |\n|---|---|---|\n"
                                "| `Windows` | - | does not apply: no Windows |\n\n"
                                "## Traps\n\n| row | test | how |\n|---|---|---|\n"
                                "| Anything | `c_test.py:test_it`, `program.mesh`, `conf_tcp.other` | |\n",
    "docs/pitfalls.md": "| what | does | test |\n|---|---|---|\n| **Part** | | |\n"
                        "| It broke. | It does not. | `pitfall.a_trap`, `foal-sim tls_echo` |\n"
                        "| It sank. | cannot occur: no water | - |\n",
}
PONY, TRAPS, TESTS = "docs/pony-conformance.md", "docs/pitfalls.md", "tests/conformance/a_test.c"
OTHER = "tests/conformance/other.c"


class Check(unittest.TestCase):
    def run_check(self, edits):
        """edits: (file, old, new)."""
        files = dict(FILES)
        for path, old, new in edits:
            self.assertIn(old, files[path])
            files[path] = files[path].replace(old, new)
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            done = subprocess.run([sys.executable, CHECK, "--root", root], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout

    def refuses(self, words, *edits):
        code, out = self.run_check(edits)
        self.assertEqual(code, 1, out)
        self.assertIn(words, out)

    def test_content_when_all_agree(self):
        code, out = self.run_check([])
        self.assertEqual(code, 0, out)
        self.assertIn("2 tcp: send", out)
        self.assertIn("3 rows of Pony's lists", out)

    def test_a_test_must_exist(self):
        self.refuses("there is no test unit.olde", (PONY, "unit.old", "unit.olde"))
        self.refuses("there is no test c_test.py:test", (PONY, "test_it", "test"))
        self.refuses("there is no test program.mash", (PONY, "program.mesh", "program.mash"))
        self.refuses("there is no test foal-sim tls", (TRAPS, "tls_echo", "tls"))

    def test_a_test_must_be_listed(self):
        self.refuses("conf_tcp.more is listed nowhere",
                     (TESTS, "Test(pitfall", "Test(conf_tcp, more)\n{\n}\nTest(pitfall"))
        self.refuses("pitfall.a_trap is also in tests/conformance/a_test.c",
                     (OTHER, "Test(conf_tcp, other", "Test(pitfall, a_trap"))

    def test_a_row_needs_a_test_or_a_reason(self):
        self.refuses("Windows: no test and no reason", (PONY, "does not apply: no", "not on"))
        self.refuses("Windows: no test and no reason", (PONY, "apply: no Windows", "apply:"))
        self.refuses("It sank.: no test and no reason", (TRAPS, "cannot occur", "can occur"))

    def test_a_test_has_the_name_of_its_row(self):
        self.refuses("is to be conf_<area>.TCP_send_twice",
                     (PONY, "`conf_tcp.TCP_send_twice`", "`conf_tcp.list`"))
        self.refuses("is to be conf_<area>.list", (PONY, "`conf_tcp.list`, ", ""))

    def test_every_row_is_listed_once_where_it_belongs(self):
        row = "| `_list` | `conf_tcp.list`, `unit.old` | differs: so |\n"
        self.refuses("tcp: send: _list is missing", (PONY, row, ""))
        self.refuses("_list is listed twice", (PONY, row, row + row))
        self.refuses("Windows is not in this section",
                     (PONY, "## tcp: other\n\n", ""), (PONY, "|---|---|---|\n| `Win", "| `Win"))
        self.refuses("TCP.more is not in this section",
                     (PONY, row, row + "| TCP.more | unit.old | as Pony |\n"))

    def test_free_tables_may_have_two_columns(self):
        code, out = self.run_check([(PONY, "`conf_tcp.other` | |", "`conf_tcp.other` |")])
        self.assertEqual(code, 0, out)
        self.refuses("there is no test conf_tcp.others",
                     (PONY, "`conf_tcp.other` | |", "`conf_tcp.others` |"))
        self.refuses("1 columns in place of 3",
                     (PONY, "Anything | `c_test.py:test_it`, `program.mesh`, `conf_tcp.other` | |",
                      "Anything |"))

    def test_tables_have_three_columns(self):
        self.refuses("2 columns in place of 3", (PONY, " | differs: so |", " |"))
        self.refuses("4 columns in place of 3", (TRAPS, "It sank. |", "It | sank. |"))


if __name__ == "__main__":
    unittest.main()

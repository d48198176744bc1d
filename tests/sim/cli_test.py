#!/usr/bin/env python3
"""Runs foal-sim as a user does: what it finds, what it prints, what it refuses.

    cli_test.py FOAL_SIM

The scenarios called canary... have planted bugs.
"""
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest


def run(*args):
    return subprocess.run([SIM, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=240, check=False)


def replay_of(text):
    """The arguments of the line that replays a failure."""
    lines = [line for line in text.splitlines() if line.startswith(f"{SIM} --replay ")]
    assert len(lines) == 1, text
    return shlex.split(lines[0])[1:]


def reason_of(text):
    """What the last word on the failure is."""
    return [line for line in text.splitlines() if line.startswith("failed: ")][-1]


def words(line):
    """{"seed": "17", "off": "reset,fin", ...} of a replay line."""
    return dict(word.split("=", 1) for word in line.split()[1:])


class Base(unittest.TestCase):
    def fails(self, *args):
        done = run(*args)
        self.assertEqual(done.returncode, 1, (args, done.stdout, done.stderr))
        return done.stdout

    def passes(self, *args):
        done = run(*args)
        self.assertEqual(done.returncode, 0, (args, done.stdout, done.stderr))
        return done.stdout

    def refuses(self, pattern, *args):
        done = run(*args)
        self.assertEqual((done.returncode, done.stdout), (2, ""), args)
        self.assertRegex(done.stderr, pattern, args)
        self.assertIn("usage: ", done.stderr, args)


class Failures(Base):
    def test_a_bug_is_found_and_its_line_finds_it_again(self):
        text = self.fails("canary", "--jobs", "1")
        replay = replay_of(text)
        again = self.fails(*replay)
        self.assertEqual(reason_of(again), reason_of(text))
        self.assertIn("must hold: balance_last == paid", reason_of(text))
        self.assertEqual(replay_of(again), replay)
        self.assertIn("customer#2 -> account#1 put", text)
        self.assertRegex(text, r"note: a payment is lost: \d+")
        seed = words(replay[1])["seed"]
        self.assertEqual(reason_of(self.fails("canary", "--seed", seed)), reason_of(text))
        self.assertEqual(reason_of(self.fails("canary", f"--seed={int(seed):#x}")),
                         reason_of(text))

    def test_the_first_seed_that_fails_is_told_whatever_ran_before(self):
        first = replay_of(self.fails("canary", "--jobs", "1"))
        seed = int(words(first[1])["seed"])
        self.assertGreater(seed, 1)
        self.passes("canary", "--jobs", "1", "--seeds", str(seed - 1))
        self.assertEqual(replay_of(self.fails("canary", "--from", str(seed))), first)

    def test_shrinking_keeps_the_failure(self):
        text = self.fails("canary", "--jobs", "1", "--shrink")
        small = replay_of(text)
        self.assertLess(int(words(small[1])["scale"]), 100)
        self.assertRegex(text, r"made smaller in \d+ runs: \d+ steps")
        self.assertEqual(reason_of(self.fails(*small)), reason_of(text))
        self.assertNotIn("canary.second", small[1], "without it there is no bug")
        self.passes("canary", "--off", "canary.second")

    def test_a_crash_is_told_with_its_story(self):
        text = self.fails("canary_crash", "--jobs", "1")
        self.assertIn("crashed: signal 6 (Aborted)", reason_of(text))
        self.assertIn("hand#3 -> fuse#1 cut", text)
        again = self.fails(*replay_of(text), "--shrink")
        self.assertEqual(reason_of(again), reason_of(text))

    def test_a_run_that_remembers_others_is_told(self):
        self.passes("canary_state")
        text = self.fails("canary_state", "--check-replay")
        self.assertIn("not the same in a second run: hash ", text)
        self.assertEqual(replay_of(text)[-1], "--check-replay")

    def test_allocations_fail_one_after_another(self):
        self.passes("canary_memory", "--only", "memory", "--seeds", "1", "--off", "memory")
        text = self.fails("canary_memory", "--exhaust", "--jobs", "1")
        self.assertRegex(replay_of(text)[1], r" fail=[1-9]\d*\+?$")
        self.assertIn("fault: memory", text)
        self.assertEqual(reason_of(self.fails(*replay_of(text))), reason_of(text))

    def test_marks_must_be_met(self):
        self.passes("canary_mark", "--seeds", "199")
        text = self.fails("canary_mark", "--seeds", "200", "--verbose")
        self.assertIn("canary_mark: not met in 200 runs: edge", text)
        self.assertNotIn("runs: heads", text)
        self.assertRegex(text, r"(?m)^  heads +\d\d+ times$")
        self.passes("canary_mark", "--seeds", "300", "--scale", "50")

    def test_going_on_counts(self):
        text = self.fails("canary", "--seeds", "100", "--keep-going", "--quiet")
        lines = [line for line in text.splitlines() if " --replay " in line]
        self.assertGreater(len(lines), 1)
        self.assertEqual(len(set(lines)), len(lines))
        self.assertEqual(text.count("the story"), 1)

    def test_known_failures_run_first(self):
        replay = replay_of(self.fails("canary", "--jobs", "1"))[1]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "lines")
            with open(path, "w", encoding="utf-8") as out:
                out.write(f"# found by hand\n\n{replay}\n")
            text = self.fails("--regressions", path)
            self.assertEqual(replay_of(text)[1], replay)
            self.passes("--regressions", path, "canary_mark")
            with open(path, "a", encoding="utf-8") as out:
                out.write("canary seed=x\n")
            done = run("--regressions", path)
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"{path}:4: not understood in the replay line: seed=x", done.stderr)


class Usage(Base):
    def test_nonsense_is_refused(self):
        for args in (["--wings"], ["--quiet=yes"], ["-"], ["--seed"], ["--trace"]):
            self.refuses("unknown option|takes no value|needs a value", *args)
        for args in (["--seed", "1x"], ["--seed", ""], ["--seed", "-1"], ["--seeds", "0"],
                     ["--seed", "18446744073709551616"], ["--scale", "101"], ["--jobs=0"],
                     ["--from", "0x"], ["--steps", "4294967296"], ["--fail-at", " 1"]):
            self.refuses("not a number from", *args)
        self.refuses("unknown scenario nowhere", "nowhere")
        self.refuses("unknown switch or place nothing", "canary", "--off", "reset,nothing")
        self.refuses("not all are switches", "canary", "--only", "reset,nothing")
        for names in ("", ",", "a,,b", "a b", "x" * 40):
            self.refuses("--off", "canary", "--off", names)
        self.refuses("ending in .json", "canary", "--trace", "story.txt")

    def test_options_that_contradict_are_refused(self):
        self.refuses("says the scenario", "canary", "--replay", "canary seed=1")
        self.refuses("says what is off", "--replay", "canary seed=1", "--scale", "50")
        self.refuses("is one seed", "--seed", "1", "--seeds", "2")
        self.refuses("needs --fail-at", "--fail-on")
        self.refuses("at a time", "--bench", "--exhaust")
        self.refuses("bear failing allocations", "canary", "--exhaust")

    def test_replay_lines_are_checked(self):
        for line in ("", "canary", "nowhere seed=1", "canary seed=", "canary seed=1 scale=0",
                     "canary seed=1 fail=0", "canary seed=1 off=", "canary seed=1 up=1",
                     "canary seed=1 seed"):
            self.refuses("replay line", "--replay", line)
        self.passes("--replay", "canary seed=1 scale=50 off=fin,rare.place fail=99999+ steps=9999")

    def test_help(self):
        text = self.passes("--help")
        self.assertTrue(text.startswith("usage: "))
        for option in ("--seed", "--replay", "--check-replay", "--shrink", "--trace", "--bench"):
            self.assertIn(f"  {option}", text)

    def test_lists(self):
        text = self.passes("--list")
        names = [line.split()[0] for line in text.splitlines()]
        self.assertEqual(len(set(names)), len(names))
        self.assertIn("canary", names)
        with open(os.path.join(os.path.dirname(__file__), "../../sim/impl/draw.h"),
                  encoding="utf-8") as header:
            switches = re.findall(r"^  X\((\w+), (\d+), ", header.read(), re.M)
        text = self.passes("canary", "--list-faults")
        for name, rate in switches:
            self.assertRegex(text, rf"(?m)^{name} +{int(rate) / 10:.1f} %  \w")
        self.assertRegex(text, r"(?m)^canary\.second$")


class Replay(Base):
    def test_runs_are_the_same_again_and_in_any_number_of_processes(self):
        names = [line.split()[0] for line in self.passes("--list").splitlines()
                 if not line.startswith("canary")][:2] or ["canary_mark"]
        hashes = set()
        for jobs in ("1", "2", "3"):
            text = self.passes(*names, "--seeds", "150", "--check-replay", "--jobs", jobs)
            hashes.add(re.search(r"(?m)^hash of \d+ runs: [0-9a-f]{16}$", text).group())
        self.assertEqual(len(hashes), 1, hashes)
        text = self.passes(*names, "--seeds", "150")
        self.assertIn(hashes.pop(), text)

    def test_speed_is_told(self):
        text = self.passes("canary_mark", "--bench", "--seeds", "50")
        self.assertRegex(text, r"(?m)^canary_mark +50( +[\d.]+( [kMG])?){4}$")


class Traces(Base):
    def story(self, folder, name, *args):
        path = os.path.join(folder, name)
        text = run("canary", *args, "--trace", path).stdout
        self.assertIn(f"trace: {path}\n", text)
        with open(path, encoding="utf-8") as f:
            return f.read()

    def test_perfetto(self):
        with tempfile.TemporaryDirectory() as folder:
            events = json.loads(self.story(folder, "x.json", "--jobs", "1"))["traceEvents"]
        names = {e["args"]["name"]: e["tid"] for e in events if e["ph"] == "M"}
        self.assertLessEqual({"world", "account#1", "customer#2", "customer#3"}, set(names))
        self.assertEqual(len(set(names.values())), len(names))
        turns = [e for e in events if e["ph"] == "X"]
        self.assertEqual({e["name"] for e in turns}, {"pay", "ask", "put", "tell"})
        self.assertTrue(all(e["dur"] > 0 and e["tid"] in names.values() for e in turns))
        sent = {e["id"]: e for e in events if e["ph"] == "s"}
        for arrow in (e for e in events if e["ph"] == "f"):
            self.assertEqual(sent[arrow["id"]]["name"], arrow["name"])
            self.assertLessEqual(sent[arrow["id"]]["ts"], arrow["ts"])
        self.assertEqual(len([e for e in events if e["ph"] == "f"]), len(turns))
        self.assertTrue(any(e["ph"] == "i" and e["cat"] == "fault" for e in events))

    def test_mermaid_and_page(self):
        with tempfile.TemporaryDirectory() as folder:
            text = self.story(folder, "x.mmd", "--seed", "1")
            lines = text.splitlines()
            page = self.story(folder, "x.html", "--seed", "1")
        self.assertEqual(lines[0], "sequenceDiagram")
        self.assertIn("  participant a1 as account#35;1", lines)
        self.assertIn("  a2->>a1: ask", lines)
        for line in lines[1:]:
            self.assertRegex(line, r"^  (participant \w+ as |Note over \w+: |\w+->>\w+: )\S")
        self.assertIn("<pre>sequenceDiagram\n", page)
        self.assertIn("customer#2 -> account#1 ask", page.replace("&gt;", ">"))


if __name__ == "__main__":
    SIM = sys.argv.pop(1)
    unittest.main()

"""The chat server from outside, and its simulation: the right one holds, the hasty one is found.

    chat_test.py CHAT [CHAT_SIM]     (or as the other tests of this folder, see programs.py)"""

import os
import re
import sys
import unittest

SIMULATION = os.path.abspath(sys.argv.pop()) if len(sys.argv) > 2 else None
CHAT = os.path.abspath(sys.argv[1])

from programs import TIMEOUT_S, Folder, Program, run  # noqa: E402  (reads sys.argv too)


class Visitor:
    def __init__(self, server, name):
        self.tls = server.connect()
        self.tls.settimeout(TIMEOUT_S)
        self.lines = self.tls.makefile("r", encoding="utf-8", newline="\n")
        self.say(name)

    def say(self, line):
        self.tls.sendall(line.encode() + b"\n")

    def hear(self):
        return self.lines.readline().rstrip("\n")

    def leave(self):
        self.lines.close()
        self.tls.close()


class Chat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.addClassCleanup(cls.folder.remove)
        cls.cert = cls.folder.certificate("chat", host="localhost")

    def test_all_hear_what_one_says(self):
        with Program(CHAT, "0", *self.cert) as server:
            ann = Visitor(server, "ann")
            self.assertEqual(ann.hear(), "welcome")
            bob = Visitor(server, "bob")
            self.assertEqual(bob.hear(), "welcome")
            ann.say("hello")
            self.assertEqual([ann.hear(), bob.hear()], ["ann: hello"] * 2)
            bob.leave()
            ann.say("anyone?")
            self.assertEqual(ann.hear(), "ann: anyone?")
            ann.leave()

    def test_a_name_is_taken_once_and_free_again(self):
        with Program(CHAT, "0", *self.cert) as server:
            first = Visitor(server, "ann")
            self.assertEqual(first.hear(), "welcome")
            second = Visitor(server, "ann")
            self.assertEqual(second.hear(), "sorry, that name is taken")
            self.assertEqual(second.hear(), "")
            second.leave()
            first.say("still here")
            self.assertEqual(first.hear(), "ann: still here")
            first.tls.unwrap()
            first.leave()

    def test_usage(self):
        done = run(CHAT)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"usage:", done.stderr)


@unittest.skipUnless(SIMULATION, "built without the simulator")
class Simulation(unittest.TestCase):
    def test_the_chat_holds(self):
        done = run(SIMULATION, "chat", "--seeds", "500", "--quiet")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_mistake_is_found_and_replayed(self):
        done = run(SIMULATION, "hasty", "--seeds", "50000", "--jobs", "1", "--quiet")
        said = (done.stdout + done.stderr).decode()
        self.assertEqual(done.returncode, 1, said)
        self.assertIn("must hold: chat_left_behind() == 0", said)
        line = re.search(r"--replay '([^']+)'", said).group(1)
        again = run(SIMULATION, "--replay", line)
        self.assertEqual(again.returncode, 1)
        self.assertIn(b"must hold: chat_left_behind() == 0", again.stdout + again.stderr)


if __name__ == "__main__":
    unittest.main()

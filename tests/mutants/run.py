#!/usr/bin/env python3
"""Plants the mistakes of this folder into the library, one at a time, and looks who finds them.

    run.py                         every mutant, until its first killer
    run.py 01 27 order             only those whose names begin so
    run.py --checks sim,baton      only these checks; see below
    run.py --all-checks            every check on every mutant: the whole matrix
    run.py --sample N              N of them, always the same
    run.py --docs FILE             writes the table as Markdown, too
    run.py --apply                 only whether all of them still fit the code

A mutant is NN-name.patch: a small mistake that somebody might make. Its head says which one, which
rule it breaks, who is expected to find it, and where the checks below look (`unit: names`,
`scenarios: names` for many more seeds, `model: file MUTANT`, `tsan: program names`). The
order-*.patch weaken one memory order each.

The tree is copied to a folder of its own (--build); a mutant is applied there, what its checks
need is built incrementally, and they run until one fails: those first that are expected to find
it, then the others, both in this order:

    sim     foal-sim, seeds in order, the scenarios whose names do not begin with baton_ (nor canary,
            which must fail)
    baton   foal-sim, the scenarios whose names do: workers interleave at every shared word
    own     clang's proof of ownership over the files that are changed
    unit    the unit tests that the mutant names
    model   the mutant of a Spin model that makes the same mistake; the model is not made from
            the C code, so this counts only for mutants that say which one
    tsan    the stress program, and what the mutant names, under ThreadSanitizer

Before the first mutant every check runs on the tree as it is and must find nothing. Exits with 1
when a mutant survives, does not apply or does not build, or a check is red without any.
"""
import argparse
import importlib.util
import json
import os
import queue
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CHECKS = ("sim", "baton", "own", "unit", "model", "tsan")
CPU_SECONDS_MAX = 60
WALL_SECONDS_MAX = 90       # for programs that wait for what never comes
UNIT_SECONDS_MAX = 40
STRESS_SECONDS = 20
SIM_SECONDS_MAX = 150
FIRST_SEEDS = 20
SEEDS_AT_A_TIME = 150       # fewer than foal-sim asks for before it insists on its marks
DEEP_FACTOR = 50           # times as many seeds of the scenarios that a mutant names
PRESETS = {"sim": "dev", "baton": "dev", "unit": "dev", "tsan": "tsan"}
SPARED = ("build", "__pycache__", ".git")


class Failed(Exception):
    """The tools did not do what they should; says what."""


# ---- mutants ----

class Mutant:
    """One patch file."""

    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path)[:-len(".patch")]
        with open(path, encoding="utf-8") as f:
            text = f.read()
        head, at, self.diff = text.partition("--- a/")
        self.diff = at + self.diff
        self.head = {}
        for key, value in re.findall(r"^(\w+): (.*(?:\n  .*)*)", head, re.M):
            self.head[key] = " ".join(value.split())
        for key in ("mistake", "breaks", "killers"):
            if key not in self.head or not self.diff:
                raise Failed(f"{path}: no `{key}:` in its head, or no diff")
        self.files = re.findall(r"^\+\+\+ b/(\S+)", self.diff, re.M)
        self.expected = re.split(r"[, ]+", self.head["killers"])
        self.scenarios = self.head.get("scenarios", "").split()
        self.unit = self.head.get("unit", "").split()
        self.model = self.head.get("model", "").split()
        self.tsan = self.head.get("tsan", "mesh").split()


def all_mutants():
    names = sorted(n for n in os.listdir(HERE) if n.endswith(".patch"))
    return [Mutant(os.path.join(HERE, n)) for n in names]


def chosen(mutants, args):
    names = args.names + (args.only.split(",") if args.only else [])
    if names:
        for name in names:
            if not any(m.name.startswith(name) for m in mutants):
                raise Failed(f"there is no mutant {name}")
        mutants = [m for m in mutants if m.name.startswith(tuple(names))]
    if args.sample and args.sample < len(mutants):
        mutants = [mutants[i * len(mutants) // args.sample] for i in range(args.sample)]
    return mutants


# ---- running ----

class Outcome:
    """What a command came to."""

    def __init__(self, status, output, cpu, wall):
        self.status, self.output, self.cpu, self.wall = status, output, cpu, wall


spent = threading.local()     # .cpu: seconds of what this thread has run


def run(command, folder, env=None, wall_max=WALL_SECONDS_MAX, cpu_max=None):
    """Runs; kills it and all it started when it takes too long. Status None: it did."""
    def limit():
        if cpu_max:
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_max, cpu_max + 5))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    began = time.monotonic()
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(command, cwd=folder, env={**os.environ, **(env or {})}, stdout=out,
                                 stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                 start_new_session=True, preexec_fn=limit)
        late = []

        def end():
            late.append(True)
            os.killpg(child.pid, signal.SIGKILL)
        timer = threading.Timer(wall_max, end)
        timer.start()
        _, status, usage = os.wait4(child.pid, 0)
        timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status) \
            if hasattr(os, "waitstatus_to_exitcode") else status
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except OSError:
            pass
        out.seek(0)
        text = out.read().decode(errors="replace")
    cpu = usage.ru_utime + usage.ru_stime
    spent.cpu = getattr(spent, "cpu", 0.0) + cpu
    return Outcome(None if late else child.returncode, text, cpu, time.monotonic() - began)


def must(command, folder, what):
    done = run(command, folder, wall_max=3600)
    if done.status != 0:
        raise Failed(f"{what}\n{done.output[-4000:]}")
    return done.output


# ---- the copy ----

def tracked(root):
    """As tools/tidy.py: what git tracks or would track; without git everything but build/."""
    paths = []
    if os.path.exists(os.path.join(root, ".git")):
        done = run(["git", "ls-files", "-co", "--exclude-standard"], root)
        paths = done.output.splitlines() if done.status == 0 else []
    if not paths:
        for folder, folders, names in os.walk(root):
            folders[:] = [f for f in folders if f not in SPARED]
            paths += [os.path.relpath(os.path.join(folder, n), root) for n in names]
    return {p for p in paths if os.path.isfile(os.path.join(root, p))}


def put(path, content):
    if os.path.exists(path):
        with open(path, "rb") as f:
            if f.read() == content:
                return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(content)


class Slot:
    """A copy of the tree with a build folder for each preset."""

    def __init__(self, folder):
        self.folder = folder
        self.tree = os.path.join(folder, "tree")
        self.tests = {}

    def sync(self):
        """Makes the copy the same as the tree; what is the same already keeps its time."""
        paths = tracked(ROOT)
        for path in paths:
            source, copy = os.path.join(ROOT, path), os.path.join(self.tree, path)
            with open(source, "rb") as f:
                put(copy, f.read())
            shutil.copymode(source, copy)
        for folder, folders, names in os.walk(self.tree):
            folders[:] = [f for f in folders if f not in SPARED]
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), self.tree)
                if path not in paths:
                    os.unlink(os.path.join(self.tree, path))

    def keep(self, files):
        """What is in these files now."""
        kept = {}
        for path in files:
            with open(os.path.join(self.tree, path), "rb") as f:
                kept[path] = f.read()
        return kept

    def restore(self, kept):
        for path, content in kept.items():
            put(os.path.join(self.tree, path), content)

    def configure(self, preset):
        where = os.path.join(self.folder, preset)
        must(["cmake", "--preset", preset, "-G", "Ninja", "-S", self.tree, "-B", where,
              "-DFOAL_WERROR=OFF", "-DFOAL_BENCH=OFF"], self.tree, f"cannot configure {preset}")
        self.list_tests(preset)

    def list_tests(self, preset):
        """A test that is not built yet is listed without its command."""
        listing = must(["ctest", "--show-only=json-v1"], os.path.join(self.folder, preset),
                       "ctest lists no tests")
        self.tests[preset] = {t["name"]: t for t in json.loads(listing)["tests"]}

    def targets(self, preset):
        done = must(["ninja", "-t", "targets", "all"], os.path.join(self.folder, preset), "ninja")
        return {line.split(":")[0] for line in done.splitlines()}

    def build(self, preset, targets):
        done = run(["ninja", *targets], os.path.join(self.folder, preset), wall_max=3600)
        if done.status != 0:
            raise Failed("does not build\n" + done.output[-3000:])

    def apply(self, mutant):
        done = run(["patch", "-p1", "-N", "-F0", "--no-backup-if-mismatch", "-i", mutant.path],
                   self.tree)
        if done.status != 0:
            raise Failed("does not apply: the code has changed; make the patch anew\n" + done.output)


# ---- checks: each says what it found, or None ----

class Found:
    """A check that failed."""

    def __init__(self, what, replay=""):
        self.what, self.replay = what, replay


class Checker:
    """The checks, on one slot."""

    def __init__(self, slot, args):
        self.slot, self.args = slot, args
        self.model_says = {}

    def why(self, done):
        if done.status is None or done.status in (-signal.SIGXCPU, -signal.SIGKILL):
            return "hangs"
        for pattern in (r"^\w+ seed \d+ failed: .*", r"this must hold: .*", r"buffer misused: .*", r"must hold: .*",
                        r"WARNING: ThreadSanitizer: .*", r"SUMMARY: .*", r"^.*: failed.*",
                        r"\[----\] .*?:\d+: .*", r"mesh: .*", r"FAIL.*"):
            match = re.search(pattern, done.output, re.M)
            if match:
                return match[0].strip()[:120]
        return f"status {done.status}"

    # foal-sim

    def sim_path(self):
        for folder in ("tests/sim", "sim"):
            path = os.path.join(self.slot.folder, "dev", folder, "foal-sim")
            if os.path.exists(path):
                return path
        raise Failed("foal-sim was not built")

    def foal_sim(self, mutant, fine):
        """Few seeds of every scenario first: most mistakes need no more. At last many seeds of
        those that the mutant names."""
        self.slot.build("dev", ["foal-sim"])
        listed = must([self.sim_path(), "--list"], self.slot.folder, "foal-sim --list")
        names = [line.split()[0] for line in listed.splitlines() if line.strip()]
        names = [n for n in names
                 if n.startswith("baton_") == fine and not n.startswith("canary")]
        named = [n for n in names if n in mutant.scenarios]
        deep = self.args.seeds * (DEEP_FACTOR if named else 1)
        until, begin = time.monotonic() + SIM_SECONDS_MAX, 1
        while begin <= deep and time.monotonic() < until:
            some = names if begin <= self.args.seeds else named
            last = FIRST_SEEDS if begin == 1 else begin + SEEDS_AT_A_TIME - 1
            last = min(last, self.args.seeds if begin <= self.args.seeds else deep)
            done = run([self.sim_path(), *some, "--quiet", "--jobs", "1", "--from", str(begin),
                        "--seeds", str(last - begin + 1)], self.slot.folder,
                       wall_max=SIM_SECONDS_MAX)
            # It notices itself when a run hangs; more time than that proves nothing.
            if done.status not in (0, None):
                replay = re.search(r"--replay '.*'", done.output)
                return Found(self.why(done), f"foal-sim {replay[0]}" if replay else "")
            begin = last + 1
        return None

    def sim(self, mutant):
        return self.foal_sim(mutant, False)

    def baton(self, mutant):
        return self.foal_sim(mutant, True)

    # tests of the tree

    def program(self, preset, name, wall_max):
        test = self.slot.tests[preset].get(name)
        if test is None:
            raise Failed(f"there is no test {name} in preset {preset}")
        env = {}
        for entry in test.get("properties", []):
            if entry["name"] == "ENVIRONMENT":
                env = dict(e.split("=", 1) for e in entry["value"] if "=" in e)
        env.update(FOAL_STRESS_SECONDS=str(STRESS_SECONDS), FOAL_STRESS_SEED="1")
        if preset == "tsan":
            env["TSAN_OPTIONS"] = "exitcode=66:halt_on_error=1"
        done = run(test["command"], os.path.join(self.slot.folder, preset), env, wall_max,
                   CPU_SECONDS_MAX)
        if done.status == 77:
            return None
        bad = done.status != 0 or "Sanitizer" in done.output
        return Found(f"{name.split('.')[-1]}: {self.why(done)}") if bad else None

    def build_tests(self, preset, names):
        have = self.slot.tests[preset]
        tests = [n for name in names for n in (f"unit.{name}", f"program.{name}") if n in have]
        for name in names:
            if not any(t.endswith("." + name) for t in tests):
                raise Failed(f"there is no test {name} in preset {preset}")
        self.slot.build(preset, ["test_" + t.split(".", 1)[1] for t in tests])
        if not all("command" in have[t] for t in tests):
            self.slot.list_tests(preset)
        return tests

    def unit(self, mutant):
        for test in self.build_tests("dev", mutant.unit):
            found = self.program("dev", test, UNIT_SECONDS_MAX)
            if found:
                return found
        return None

    def tsan(self, mutant):
        for test in self.build_tests("tsan", mutant.tsan):
            found = self.program("tsan", test, WALL_SECONDS_MAX)
            if found:
                return found
        return None

    def own(self, mutant):
        files = [f for f in mutant.files if f.endswith(".c")]
        if not files:
            return None
        done = run(["tools/own.sh", *files], self.slot.tree)
        if done.status in (0, 77):
            return None
        match = re.search(r"error: (.*)", done.output)
        return Found(match[1][:120] if match else "refused")

    def model(self, mutant):
        if not mutant.model:
            return None
        if shutil.which("spin") is None:
            return None
        folder = os.path.join(ROOT, "tests", "model")
        spec = importlib.util.spec_from_file_location("models", os.path.join(folder, "run.py"))
        models = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(models)
        name, bug = mutant.model
        path = os.path.join(folder, name)
        for kind, options, what in models.cases_of(path):
            if kind == "mutant" and f"-D{bug}" in options:
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                said = models.verdict(models.verify(path, kind, options))
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                spent.cpu += after.ru_utime - before.ru_utime
                if said.startswith("found"):
                    return Found(f"{name} {bug}: {what}")
        return None

    def presets(self, checks):
        return sorted({PRESETS[c] for c in checks if c in PRESETS})


# ---- one mutant ----

class Result:
    """Of one mutant: for each check that ran, what it found, and its seconds."""

    def __init__(self, mutant):
        self.mutant, self.ran, self.broken = mutant, {}, ""

    def killer(self):
        return next((c for c in self.ran if self.ran[c][0]), None)


def usable(check, mutant):
    if check == "unit":
        return bool(mutant.unit)
    if check == "model":
        return bool(mutant.model)
    if check in ("sim", "baton", "own"):
        # Weaker orders change nothing that one thread, or a proof, can see.
        return not mutant.name.startswith("order-")
    return True


def try_mutant(slot, mutant, checks, args):
    result = Result(mutant)
    checker = Checker(slot, args)
    kept = slot.keep(mutant.files)
    try:
        slot.apply(mutant)
        for check in sorted(checks, key=lambda c: c not in mutant.expected):
            if not usable(check, mutant):
                continue
            prepare(slot, checker, check, mutant)
            began, spent.cpu = time.monotonic(), 0.0
            found = getattr(checker, check)(mutant)
            result.ran[check] = (found, spent.cpu, time.monotonic() - began)
            if found and not args.all_checks:
                break
    except Failed as error:
        result.broken = str(error)
    finally:
        slot.restore(kept)
    return result


def prepare(slot, checker, check, mutant):
    """Builds, so that the time of the check is its own."""
    if check in ("sim", "baton"):
        slot.build("dev", ["foal-sim"])
    elif check == "unit":
        checker.build_tests("dev", mutant.unit)
    elif check == "tsan":
        checker.build_tests("tsan", mutant.tsan)


# ---- the tree without a mutant ----

def baseline(slot, mutants, checks, args):
    checker = Checker(slot, args)
    whole = all_mutants()[0]
    whole.unit = sorted({u for m in mutants for u in m.unit})
    whole.tsan = sorted({t for m in mutants if m.name.startswith("order-") for t in m.tsan})
    whole.tsan = whole.tsan or ["mesh"]
    whole.scenarios = []
    whole.files = sorted({f for m in mutants for f in m.files})
    for check in checks:
        if check == "model":
            continue
        prepare(slot, checker, check, whole)
        found = getattr(checker, check)(whole)
        if found:
            raise Failed(f"{check} is red without any mutant: {found.what}\n{found.replay}")


# ---- telling ----

def line_of(result):
    name = result.mutant.name
    if result.broken:
        return f"BROKEN   {name}: {result.broken}"
    parts = [f"{c} {cpu:.1f}/{wall:.1f} s" + (f" {found.what}" if found else " nothing")
             for c, (found, cpu, wall) in result.ran.items()]
    killer = result.killer()
    text = f"{'killed  ' if killer else 'SURVIVED'} {name}: " + "; ".join(parts)
    if killer and result.ran[killer][0].replay:
        text += "\n         " + result.ran[killer][0].replay
    return text


def cell(text):
    return text.replace("|", "\\|")


def table(results, checks, args):
    """Markdown."""
    killed = sum(1 for r in results if r.killer())
    lines = [f"{killed} of {len(results)} mutants are found. Seconds are CPU and wall time of the "
             "check that found it, without building.", ""]
    if args.all_checks:
        lines += ["| mutant | " + " | ".join(checks) + " |", "|---" * (len(checks) + 1) + "|"]
        for r in results:
            row = [("yes" if r.ran[c][0] else "no") if c in r.ran else "" for c in checks]
            lines.append(f"| {r.mutant.name} | " + " | ".join(row) + " |")
        lines.append("")
    lines += ["| mutant | the mistake | found by | CPU s | wall s | how |",
              "|---|---|---|---:|---:|---|"]
    for r in results:
        killer = r.killer()
        found, cpu, wall = r.ran[killer] if killer else (None, 0.0, 0.0)
        how = ""
        if found:
            how = f"`{cell(found.replay)}`" if found.replay else cell(found.what)
        lines.append(f"| {r.mutant.name} | {cell(r.mutant.head['mistake'])} | "
                     f"{killer or 'nobody'} | {cpu:.1f} | {wall:.1f} | {how} |")
    return "\n".join(lines) + "\n"


def work(slot, todo, results, checks, args):
    while True:
        try:
            index, mutant = todo.get_nowait()
        except queue.Empty:
            return
        result = try_mutant(slot, mutant, checks, args)
        results[index] = result
        print(line_of(result), flush=True)


def apply_only(mutants):
    stale = 0
    for mutant in mutants:
        done = run(["patch", "-p1", "-N", "-F0", "--dry-run", "-i", mutant.path], ROOT)
        if done.status != 0:
            stale += 1
            print(f"{mutant.name} does not apply: the code has changed; make the patch anew\n"
                  + done.output)
    print(f"mutants: {len(mutants) - stale} of {len(mutants)} apply")
    return 1 if stale else 0


def set_up(args, checks, mutants):
    slots = [Slot(os.path.join(args.build, f"slot{i}")) for i in range(args.jobs)]
    for slot in slots:
        os.makedirs(slot.tree, exist_ok=True)
        if not args.no_sync:
            slot.sync()
        for preset in Checker(slot, args).presets(checks):
            slot.configure(preset)
    if "sim" in checks or "baton" in checks:
        if "foal-sim" not in slots[0].targets("dev"):
            raise Failed("there is no target foal-sim; leave out --checks sim,baton")
    if not args.no_baseline:
        baseline(slots[0], mutants, checks, args)
        print(f"baseline: {', '.join(checks)} find nothing without a mutant", flush=True)
    return slots


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="beginnings of names")
    parser.add_argument("--only", metavar="NAME,...", help="the same")
    parser.add_argument("--checks", default=",".join(CHECKS), metavar="CHECK,...")
    parser.add_argument("--all-checks", action="store_true", help="do not stop at the first killer")
    parser.add_argument("--seeds", type=int, default=300, help="of each scenario (%(default)s)")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="try N of them only")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at the same time (%(default)s)")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "mutants"), metavar="DIR")
    parser.add_argument("--docs", metavar="FILE", help="write the table there")
    parser.add_argument("--no-baseline", action="store_true",
                        help="do not try the checks without a mutant first")
    parser.add_argument("--no-sync", action="store_true",
                        help="use the copy of the tree that is there")
    parser.add_argument("--apply", action="store_true", help="only look whether they apply")
    parser.add_argument("--list", action="store_true", help="name the mutants and their mistakes")
    return parser.parse_args()


def main():
    args = options()
    args.build = os.path.abspath(args.build)
    mutants = chosen(all_mutants(), args)
    if args.list:
        for m in mutants:
            print(f"{m.name}: {m.head['mistake']}")
        return 0
    if args.apply:
        return apply_only(mutants)
    wanted = args.checks.split(",")
    if not set(wanted) <= set(CHECKS):
        raise Failed(f"there are these checks: {', '.join(CHECKS)}")
    checks = [c for c in CHECKS if c in wanted]
    slots = set_up(args, checks, mutants)
    todo, results = queue.Queue(), {}
    for index, mutant in enumerate(mutants):
        todo.put((index, mutant))
    threads = [threading.Thread(target=work, args=(s, todo, results, checks, args)) for s in slots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ordered = [results[i] for i in sorted(results)]
    alive = [r.mutant.name for r in ordered if not r.killer()]
    print(f"mutants: {len(ordered) - len(alive)} of {len(ordered)} found"
          + (f"; not found: {', '.join(alive)}" if alive else ""))
    if args.docs:
        with open(args.docs, "w", encoding="utf-8") as f:
            f.write(table(ordered, checks, args))
    return 1 if alive else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(f"mutants: {error}")

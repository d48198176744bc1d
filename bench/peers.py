"""The message benchmarks in other runtimes: where their sources are, how they are built and run.

    python3 bench/peers.py --check DIR    builds them into DIR; each must give a line per benchmark

A peer whose tools are not installed is skipped, with a line that says which package is missing.
"""
import argparse
import glob
import os
import shutil
import subprocess
import sys

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers")


class Peer:
    """One runtime. compiler(folder, sources) and program(folder, workers, bench) are commands;
    probe is the line of C++ that tells whether its headers are there."""

    def __init__(self, name, title, packages, compiler, program, probe=None):
        self.name = name
        self.title = title
        self.packages = packages
        self.compiler = compiler
        self.program = program
        self.probe = probe

    def missing(self):
        """Why it cannot be built; None: it can."""
        tool = self.compiler("", [])[0]
        if shutil.which(tool) is None:
            return f"{tool} is not installed (Debian packages: {self.packages})"
        if self.probe and subprocess.run(
                [tool, "-E", "-x", "c++", "-"], input=self.probe, text=True, check=False,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            return f"its headers are not installed (Debian packages: {self.packages})"
        return None

    def folder(self, within):
        return os.path.join(os.path.abspath(within), self.name)

    def build(self, within):
        """Builds it if it is older than a source; raises RuntimeError with what the compiler
        said."""
        folder, sources = self.folder(within), sorted(glob.glob(f"{SOURCES}/{self.name}/*"))
        stamp = os.path.join(folder, "built")
        if os.path.exists(stamp) and \
                os.path.getmtime(stamp) > max(os.path.getmtime(s) for s in sources):
            return
        os.makedirs(folder, exist_ok=True)
        command = self.compiler(folder, [s for s in sources if not s.endswith(".h")])
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             check=False, env=environment(folder))
        if run.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}\n{run.stdout.strip()}")
        open(stamp, "w", encoding="utf-8").close()

    def command(self, within, workers, bench=""):
        return self.program(self.folder(within), workers, bench)


def environment(folder):
    """Compilers and programs leave nothing outside of their folder."""
    return dict(os.environ, GOCACHE=os.path.join(folder, "cache"),
                GOPATH=os.path.join(folder, "go"),
                GOFLAGS="", GO111MODULE="off", HOME=os.environ.get("HOME", folder),
                ERL_CRASH_DUMP="/dev/null", ERL_CRASH_DUMP_SECONDS="0")


def compiled(folder, workers, _):
    return [f"{folder}/messages", "--workers", str(workers)]


def beam(folder, workers, bench):
    # The table of processes is made beforehand; a larger one would count as memory of all.
    processes = ["+P", "2000000"] if bench == "skynet" else []
    return ["erl", "+S", f"{workers}:{workers}", *processes, "-noshell", "-noinput", "-pa", folder,
            "-s", "beam", "-extra"]


PEERS = {peer.name: peer for peer in (
    Peer("caf", "CAF", "g++ libcaf-dev",
         lambda folder, sources: ["g++", "-std=c++14", "-O2", "-w", "-o", f"{folder}/messages",
                                  *sources, "-lcaf_core", "-pthread"],
         compiled, "#include <caf/config.hpp>\n"),
    Peer("go", "Go", "golang-go",
         lambda folder, sources: ["go", "build", "-o", f"{folder}/messages", *sources], compiled),
    Peer("erlang", "Erlang/OTP", "erlang-base",
         lambda folder, sources: ["erlc", "-o", folder, *sources], beam),
)}


def output(command, folder, timeout_s):
    """What it prints; raises RuntimeError with its last words."""
    run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, timeout=timeout_s, check=False,
                         env=environment(folder))
    if run.returncode != 0:
        words = (run.stderr.strip() or run.stdout.strip()).splitlines()
        raise RuntimeError(words[-1] if words else f"status {run.returncode}")
    return run.stdout


def listed(command, folder):
    """{benchmark: {"places": [...], "fixed": bool}} of a program that understands --list."""
    found = {}
    for line in output([*command, "--list"], folder, 30).splitlines():
        words = dict(word.split("=", 1) for word in line.split())
        found[words["bench"]] = {"places": words["places"].split(","),
                                 "fixed": words["fixed"] == "1"}
    return found


def version(peer, within):
    return output([*peer.command(within, 1), "--version"], within, 30).strip()


# ---- the check that they work ----

NEEDED = ("bench", "unit", "workers", "ops", "elapsed_ns", "value", "cpu_ns", "peak_bytes")


def check_peer(peer, folder, ticker):
    """Yields what is wrong with it."""
    benches = listed(peer.command(folder, 1), folder)
    for name, bench in benches.items():
        workers = bench["places"][-1]
        command = [*peer.command(folder, workers, name), "--ms", "1", "--rounds", "1",
                   "--ops", "240"]
        if name == "skynet":
            command[-1] = "100"
        if name == "silence":
            command[-1:] = ["2", "--silence-ms", "20", "--ticker", ticker]
        try:
            lines = output([*command, name], folder, 60).splitlines()
        except (RuntimeError, subprocess.TimeoutExpired) as why:
            yield f"{peer.name} {name}: {why}"
            continue
        keys = dict(word.split("=", 1) for word in lines[0].split()) if lines else {}
        wrong = [key for key in NEEDED if key not in keys]
        if len(lines) != 1 or wrong or keys["bench"] != name or float(keys["value"]) <= 0:
            yield f"{peer.name} {name}: {len(lines)} lines, without {wrong}: {lines[:1]}"
    if len(benches) < 15:
        yield f"{peer.name}: only {len(benches)} benchmarks"


def check(folder, ticker):
    failures, skipped = [], []
    for peer in PEERS.values():
        why = peer.missing()
        if why:
            skipped.append(peer.name)
            print(f"SKIPPED {peer.title}: {why}")
            continue
        try:
            peer.build(folder)
            wrong = list(check_peer(peer, folder, ticker))
        except RuntimeError as error:
            wrong = [f"{peer.name}: {error}"]
        failures += wrong
        print("\n".join(wrong) if wrong else f"{peer.title}: ok")
    if failures:
        return 1
    return 77 if len(skipped) == len(PEERS) else 0


def main():
    parser = argparse.ArgumentParser(description="Checks the peers of the message benchmarks.")
    parser.add_argument("--check", metavar="DIR", required=True)
    parser.add_argument("--ticker", metavar="FILE", required=True, help="bench_floor")
    options = parser.parse_args()
    return check(options.check, os.path.abspath(options.ticker))


if __name__ == "__main__":
    sys.exit(main())

"""What the TLS benchmarks share: the servers that exist here, one window of load, connections
that are held.

With one worker the server has core 0 and the load generator core 1.
"""
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time

import servers
from messages import fields
from report import median

ERRORS = (RuntimeError, OSError, subprocess.TimeoutExpired)
TOTALS = ("bad", "failed", "slow_lost", "run_p99_us")
WRITES = "write,writev,send,sendto,sendmsg,sendmmsg,sendfile,splice"


class Bench:
    """One run: options, report, site, and the servers that exist here."""

    def __init__(self, report, options):
        self.report = report
        self.options = options
        self.site = servers.Site(os.path.join(options.out, "site"))
        self.load = f"{options.build}/bench/bench_load"
        self.names = []
        for name in ["foal", "yardstick", *options.peers]:
            if servers.program_of(name, options.build):
                self.names.append(name)
            elif name in ("foal", "yardstick"):
                report.fail(name, "is not built")
            else:
                report.note(f"{name}: not here, measuring without it")
        self.peers = [name for name in self.names if name in servers.PEERS]

    def server(self, name, **more):
        return servers.Server(name, self.site, self.options.build, **more)

    def command(self, server, arguments):
        return [self.load, arguments[0], "--port", str(server.port), *arguments[1:]]

    def run_load(self, server, arguments):
        """One run of the load generator: its line as numbers, medians of several lines."""
        run = subprocess.run(self.command(server, arguments), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, timeout=90, check=False,
                             preexec_fn=pin_load)
        if run.returncode != 0:
            raise RuntimeError(f"{server.name}: {run.stderr.strip()[:200]}")
        return lines_of(run.stdout)

    def window(self, server, arguments, window_ms=None):
        """One measured window, with the server's CPU time. Without a length of its own that of
        the yardstick is shorter: there are twice as many of them."""
        options = self.options
        pids = ",".join(map(str, server.pids()))
        if window_ms is None:
            window_ms = options.window_ms
            window_ms = window_ms * 3 // 5 if server.name == "yardstick" else window_ms
        return self.run_load(server, [*arguments, "--warm-ms", str(options.warm_ms), "--ms",
                                      str(window_ms), "--pids", pids])

    def writes_per_mb(self, server, arguments):
        """Counted by strace in a window of its own, which it slows down: the kernel's account
        of a process knows no send(2). None where there is no strace."""
        strace = shutil.which("strace")
        if not strace:
            return None
        with tempfile.NamedTemporaryFile("r") as out:
            pids = [word for pid in server.pids() for word in ("-p", str(pid))]
            with subprocess.Popen([strace, "-f", "-qq", "-c", "-o", out.name, "-e",
                                   "trace=" + WRITES, *pids]) as tracer:
                try:
                    wait_until_traced(server.pids())
                    result = self.run_load(server, [*arguments, "--warm-ms", "0", "--ms", "400"])
                finally:
                    tracer.send_signal(signal.SIGINT)
            table = out.read().splitlines()
        calls = int(table[-1].split()[3]) if table else 0
        return calls / (result["mb_per_s"] * result["seconds"]) if calls else None


def lines_of(text):
    """What the load generator printed: medians of its windows, but totals of all of them."""
    lines = [fields(line) for line in text.strip().splitlines()]
    result = {key: median([line[key] for line in lines]) for key in lines[-1]}
    result.update({key: lines[-1][key] for key in TOTALS if key in result})
    if result.get("bad"):
        raise RuntimeError(f"{result['bad']:.0f} wrong answers")
    return result


def wait_until_traced(pids):
    for _ in range(100):
        untraced = 0
        for pid in pids:
            with open(f"/proc/{pid}/status", encoding="utf-8") as f:
                untraced += "TracerPid:\t0\n" in f.read()
        if untraced == 0:
            return
        time.sleep(0.02)
    raise RuntimeError("strace is not allowed to look at the servers")


def pin_load():
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})


@contextlib.contextmanager
def held(bench, server, kind, count, path="/"):
    """Connections held open by the load generator; gives its line."""
    command = bench.command(server, ["hold", "--kind", kind, "--connections", str(count),
                                     "--path", path])
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, preexec_fn=pin_load)
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{server.name}: {process.stderr.read().strip()[:200]}")
        result = fields(line)
        yield result
        rest, _ = process.communicate("", timeout=30)
        result.update(fields(rest))
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()

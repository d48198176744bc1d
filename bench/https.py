"""HTTPS side by side: Foal's example, the yardstick and the peers, in turn, on the same core.

With one worker the server has core 0 and the load generator core 1. The yardstick runs right
before and right after every measurement of another server: rates drift with the machine, the
ratio to the yardstick much less. "per server CPU" divides by the processor time the server
took, which is what counts when the load generator's core is full.
"""
import contextlib
import os
import random
import subprocess
import time

import servers
from messages import fields
from report import median, number, spread

RATES = {
    # figure: (title, unit, key of the rate, arguments of the load generator)
    "keepalive": ("HTTPS requests on connections that stay", "requests/s", "rate",
                  ["http", "--connections", "64"]),
    "handshake": ("New connections: handshake, one request, close", "connections/s", "rate",
                  ["handshake", "--connections", "64"]),
    "resumed": ("New connections that resume a session", "connections/s", "rate",
                ["handshake", "--connections", "64", "--resume"]),
    "bulk": (f"Download of {servers.BIG_BYTES >> 20} MiB bodies, one connection", "MB/s",
             "mb_per_s", ["http", "--connections", "1", "--path", "/big"]),
}
ERRORS = (RuntimeError, OSError, subprocess.TimeoutExpired)
FIGURES = [*RATES, "memory", "stalled", "workers", "idle", "pause"]


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
                report.note(f"{name} is not installed; measuring without it")

    def server(self, name, **more):
        return servers.Server(name, self.site, self.options.build, **more)

    def command(self, server, arguments):
        return [self.load, arguments[0], "--port", str(server.port), *arguments[1:]]

    def run_load(self, server, arguments, pinned=True):
        """One run of the load generator: its line as numbers."""
        run = subprocess.run(self.command(server, arguments), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, timeout=90, check=False,
                             preexec_fn=pin_load if pinned else None)
        if run.returncode != 0:
            raise RuntimeError(f"{server.name}: {run.stderr.strip()[:200]}")
        result = fields(run.stdout.strip().splitlines()[-1])
        if result.get("bad"):
            raise RuntimeError(f"{server.name}: {result['bad']:.0f} wrong answers")
        return result

    def window(self, server, arguments, pinned=True):
        """One measured window, with the server's CPU time and its write calls."""
        calls, size = server.written()
        options = self.options
        pids = ",".join(map(str, server.pids()))
        window_ms = options.window_ms if pinned else max(options.window_ms, 500)
        result = self.run_load(server, [*arguments, "--warm-ms", str(options.warm_ms), "--ms",
                                        str(window_ms), "--pids", pids], pinned)
        calls_after, size_after = server.written()
        if size_after - size > 1e6:
            result["writes_per_mb"] = (calls_after - calls) / ((size_after - size) / 1e6)
        return result


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


# ---- rates ----

def compare(result, before, after, key):
    """Ratios to the yardstick's two runs around it."""
    near = [r for r in (before, after) if r]
    yard = sum(r[key] for r in near) / len(near)
    yard_cpu = sum(r["server_cpu"] for r in near) / len(near)
    result["ratio"] = result[key] / yard if yard else None
    if result["server_cpu"] and yard_cpu and yard:
        result["cpu_ratio"] = result[key] / result["server_cpu"] / (yard / yard_cpu)


def one_round(bench, running, figure, order, results):
    """yardstick, A, yardstick, B, yardstick ...; the yardstick's own row is against itself."""
    _, _, key, arguments = RATES[figure]
    yard, yards = running["yardstick"], []
    last = bench.window(yard, arguments)
    yards.append(last)
    for name in order:
        result = bench.window(running[name], arguments)
        after = bench.window(yard, arguments)
        compare(result, last, after, key)
        yards.append(after)
        last = after
        results.setdefault(name, []).append(result)
        bench.report.keep(what="https", figure=figure, server=name, **result)
    for i, result in enumerate(yards):
        if len(yards) > 1:
            compare(result, yards[i - 1] if i else None,
                    yards[i + 1] if i + 1 < len(yards) else None, key)
        results.setdefault("yardstick", []).append(result)
        bench.report.keep(what="https", figure=figure, server="yardstick", **result)


def rate_table(bench, figure, results):
    title, unit, key, _ = RATES[figure]
    bulk = figure == "bulk"
    heads = ["server", unit, "p50 us", "p99 us", "server CPU %", "client CPU %",
             "x yardstick", "per server CPU x yardstick", "spread %"]
    heads += ["write calls/MB"] if bulk else []
    rows = []
    for name in sorted(results, key=lambda n: -(of(results[n], "cpu_ratio") or 0)):
        r = results[name]
        row = [name, of(r, key), None if bulk else of(r, "p50_us"),
               None if bulk else of(r, "p99_us"), percent(r, "server_cpu"),
               percent(r, "client_cpu"), of(r, "ratio"), of(r, "cpu_ratio"),
               spread([x.get("cpu_ratio") for x in r])]
        rows.append(row + ([of(r, "writes_per_mb")] if bulk else []))
    others = median([x["other_cpu"] for r in results.values() for x in r])
    resumed = sum(x["resumed"] for r in results.values() for x in r)
    below = f"Other programs took {others:.2f} cores meanwhile (median)."
    if figure == "resumed" and resumed == 0:
        bench.report.fail(figure, "no server resumed a session")
    if figure == "resumed":
        low = [n for n, r in results.items() if of(r, "resumed") < 0.9 * of(r, "answers")]
        below += f" Full handshakes among them: {', '.join(low)}." if low else ""
    bench.report.table(title, heads, rows, below)


def of(results, key):
    return median([r.get(key) for r in results])


def percent(results, key):
    value = of(results, key)
    return None if value is None else value * 100


def rates(bench, figures):
    """All figures that are rates, with one set of running servers."""
    if not figures or "yardstick" not in bench.names:
        return
    with contextlib.ExitStack() as stack:
        running = {}
        for name in bench.names:
            try:
                running[name] = stack.enter_context(bench.server(name))
            except ERRORS as why:
                bench.report.fail(name, why)
        others = [name for name in running if name != "yardstick"]
        for figure in figures:
            results = {}
            count = bench.options.keepalive_rounds if figure == "keepalive" else \
                bench.options.rounds
            for i in range(count):
                random.Random(i).shuffle(others)
                try:
                    one_round(bench, running, figure, others, results)
                except ERRORS as why:
                    bench.report.fail(figure, why)
                bench.report.note(f"{figure}: round {i + 1} of {count}")
            if results:
                rate_table(bench, figure, results)
            claim_rate(bench, figure, results.get("foal", []))


def claim_rate(bench, figure, results):
    if figure == "keepalive":
        value = of(results, "cpu_ratio")
        bench.report.claim("HTTPS keep-alive requests per server CPU second, x yardstick",
                           ">= 0.85", value, value is not None and value >= 0.85)
    if figure == "bulk":
        value = of(results, "writes_per_mb")
        bench.report.claim("write calls per MB of a download", "<= 16", value,
                           value is not None and value <= 16)


# ---- memory ----

def growth(bench, name, kind, count, path="/"):
    """Bytes of the server per held connection, or None."""
    with bench.server(name) as server:
        bench.run_load(server, ["handshake", "--connections", "8", "--warm-ms", "0", "--ms",
                                "200"])
        time.sleep(0.3)
        before = server.memory_bytes()
        with held(bench, server, kind, count, path) as line:
            if line["held"] < count:
                raise RuntimeError(f"{name}: only {line['held']:.0f} of {count} {kind} held")
            time.sleep(bench.options.settle_s)
            grown = (server.memory_bytes() - before) / count
        if line["lost"] > 0:
            raise RuntimeError(f"{name}: {line['lost']:.0f} {kind} connections were closed")
    bench.report.keep(what="https", figure=kind, server=name, bytes=grown, count=count)
    return grown


def try_growth(bench, *arguments):
    try:
        return growth(bench, *arguments)
    except ERRORS as why:
        bench.report.fail(f"memory, {arguments[1]}", why)
        return None


def memory(bench):
    count = bench.options.connections
    rows = []
    for name in bench.names:
        rows.append([name] + [try_growth(bench, name, kind, count)
                              for kind in ("idle", "silent")])
        bench.report.note(f"memory: {name}")
    rows.sort(key=lambda row: row[1] or 1e12)
    bench.report.table("Memory of a connection", ["server", "idle after one request, bytes",
                                                  "silent, bytes"], rows,
                       f"Growth of the server's own memory over {count:,} connections; the "
                       "kernel's socket buffers are not in it. Silent: connected, not a byte "
                       "sent.")
    foal = next((row for row in rows if row[0] == "foal"), [None] * 3)
    bench.report.claim("an idle TLS connection", "<= 17 kB", foal[1],
                       (foal[1] or 0) <= 17000, "bytes")
    bench.report.claim("a silent connection", "<= 1 kB", foal[2],
                       (foal[2] or 0) <= 1000, "bytes")


def stalled(bench):
    count = bench.options.stalled
    rows = []
    for name in bench.names:
        rows.append([name, try_growth(bench, name, "stalled", count, "/50m")])
        bench.report.note(f"stalled: {name}")
    rows.sort(key=lambda row: row[1] or 1e12)
    bench.report.table("A reader that stalls in a reply of 50 MB", ["server", "bytes"], rows,
                       f"Per connection, over {count} that have asked and never read.")
    foal = next((row[1] for row in rows if row[0] == "foal"), None)
    bench.report.claim("a reader that stalls in a reply of 50 MB", "<= 128 kB", foal,
                       (foal or 0) <= 128000, "bytes")


# ---- workers ----

def workers(bench):
    """1 and 2 workers in turn, nothing pinned. With RSA of 4096 bits a handshake costs the
    server ten times what it costs the client, so that the client's core is no limit."""
    if (os.cpu_count() or 1) < 2:
        bench.report.note("workers: needs two cores")
        return
    kinds = {"full RSA handshakes": ("rsa4096", ["handshake", "--connections", "16"]),
             "keep-alive requests": ("ec", RATES["keepalive"][3])}
    rows, gain, others = [], {}, []
    for name in [n for n in bench.names if n in ("foal", "yardstick")]:
        for title, (kind, arguments) in kinds.items():
            try:
                one, two = scaled(bench, name, kind, arguments, others)
            except ERRORS as why:
                bench.report.fail(f"workers, {name}", why)
                continue
            gain[name, title] = two / one
            rows.append([name, title, one, two, two / one])
        bench.report.note(f"workers: {name}")
    bench.report.table("Two workers against one", ["server", "work", "1 worker, per s",
                                                   "2 workers, per s", "ratio"], rows,
                       "On two cores the load generator takes one of them with keep-alive "
                       "requests; with RSA handshakes it takes little. Other programs took "
                       f"{number(median(others))} cores meanwhile (median).")
    value = gain.get(("foal", "full RSA handshakes"))
    bench.report.claim("two workers serve more than one (RSA handshakes)", "> 1 x", value,
                       value is not None and value > 1, "x", busy=(median(others) or 0) > 0.2)


def scaled(bench, name, kind, arguments, others):
    """Median rates of 1 and of 2 workers, measured in turn; others: cores that were taken."""
    found = {1: [], 2: []}
    with bench.server(name, workers=1, pinned=False, kind=kind) as one, \
            bench.server(name, workers=2, pinned=False, kind=kind) as two:
        for _ in range(bench.options.rounds):
            for count, server in ((1, one), (2, two)):
                result = bench.window(server, arguments, pinned=False)
                found[count].append(result["rate"])
                others.append(result["other_cpu"])
                bench.report.keep(what="https", figure="workers", server=name, key=kind,
                                  workers=count, **result)
    if not median(found[1]) or not median(found[2]):
        raise RuntimeError("nothing was served")
    return median(found[1]), median(found[2])


# ---- idle ----

def idle(bench):
    """All servers at once: each has connections and nothing to do. First the time limits that
    began with the connections run out: Foal allows a handshake ten seconds, and looks once."""
    rows, before = [], {}
    seconds = bench.options.idle_s
    with contextlib.ExitStack() as stack:
        running = []
        for name in bench.names:
            try:
                server = stack.enter_context(bench.server(name))
                stack.enter_context(held(bench, server, "idle", 64))
                running.append(server)
            except ERRORS as why:
                bench.report.fail(f"idle, {name}", why)
        time.sleep(bench.options.calm_s)
        for server in running:
            before[server.name] = server.cpu_s(), server.wakeups()
        time.sleep(seconds)
        for server in running:
            cpu, wakeups = before[server.name]
            rows.append([server.name, (server.cpu_s() - cpu) * 1e6, server.wakeups() - wakeups])
            bench.report.keep(what="https", figure="idle", server=server.name, cpu_us=rows[-1][1],
                              wakeups=rows[-1][2], seconds=seconds)
    bench.report.note("idle")
    bench.report.table(f"{seconds} s with 64 idle connections",
                       ["server", "CPU us", "wake-ups"], rows)
    foal = next((row for row in rows if row[0] == "foal"), None)
    bench.report.claim(f"CPU of an idle server in {seconds} s", "none",
                       foal and f"{foal[1]:.0f} us, {foal[2]} wake-ups",
                       foal is not None and foal[2] == 0 and foal[1] < 1000)


# ---- pause ----

def pause(bench):
    """The first request after a pause: who polls, answers late."""
    rows = []
    for name in bench.names:
        try:
            with bench.server(name) as server:
                result = bench.run_load(server, ["pause", "--pauses", str(bench.options.pauses),
                                                 "--pause-ms", "300"])
        except ERRORS as why:
            bench.report.fail(f"pause, {name}", why)
            continue
        rows.append([name, result["p50_us"], result["max_us"], result["busy_p50_us"]])
        bench.report.keep(what="https", figure="pause", server=name, **result)
        bench.report.note(f"pause: {name}")
    bench.report.table("The first request after 300 ms of silence, one connection",
                       ["server", "p50 us", "max us", "p50 us without a pause"], rows)
    found = {row[0]: row[1] for row in rows}
    late = found["foal"] - found["yardstick"] if {"foal", "yardstick"} <= set(found) else None
    bench.report.claim("first request after a pause, later than the yardstick by", "<= 500 us",
                       late, late is not None and late <= 500, "us")


def run(report, options, figures):
    bench = Bench(report, options)
    rates(bench, [figure for figure in figures if figure in RATES])
    for figure, function in (("memory", memory), ("stalled", stalled), ("workers", workers),
                             ("idle", idle), ("pause", pause)):
        if figure in figures:
            function(bench)

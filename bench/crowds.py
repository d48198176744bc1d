"""Many connections: what an idle, a silent and a stalled one take, what slow clients do to the
others, what a request costs as connections become more, and what busy actors do to an echo.
"""
import contextlib
import random
import time

import promises
import servers
from figures import of, percent
from harness import ERRORS, held
from report import spread

# ---- memory ----


def grown_by(bench, name, kind, count, path="/"):
    """Bytes of the server per held connection."""
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


def try_grown_by(bench, *arguments):
    try:
        return grown_by(bench, *arguments)
    except ERRORS as why:
        bench.report.fail(f"memory, {arguments[1]}", why)
        return None


def memory(bench):
    count, rows = bench.options.connections, []
    for name in bench.names:
        rows.append([name] + [try_grown_by(bench, name, kind, count)
                              for kind in ("idle", "silent")])
        bench.report.note(f"memory: {name}")
    rows.sort(key=lambda row: row[1] or 1e12)
    bench.report.table("Memory of a connection", ["server", "idle after one request, bytes",
                                                  "silent, bytes"], rows,
                       f"Growth of the server's own memory over {count:,} connections; the "
                       "kernel's socket buffers are not in it. Silent: connected, not a byte "
                       "sent.")
    found = {row[0]: row[1:] for row in rows}
    idle, silent = found.get("foal", (None, None))
    promises.judge(bench.report, "idle_bytes", idle)
    if "nginx" in found:
        nginx = found["nginx"][0]
        promises.judge(bench.report, "idle_nginx", idle / nginx if idle and nginx else None)
    promises.judge(bench.report, "silent_bytes", silent)


def stalled(bench):
    count, rows = bench.options.stalled, []
    for name in bench.names:
        if name == "usockets":
            continue  # that program has no large answers
        rows.append([name, try_grown_by(bench, name, "stalled", count, "/50m")])
        bench.report.note(f"stalled: {name}")
    rows.sort(key=lambda row: row[1] or 1e12)
    bench.report.table("A reader that stalls in a reply of 50 MB", ["server", "bytes"], rows,
                       f"Per connection, over {count} that have asked and never read.")
    foal = next((row[1] for row in rows if row[0] == "foal"), None)
    promises.judge(bench.report, "stalled_bytes", foal)


# ---- slow clients ----

SLOW = {
    # case: (title, arguments)
    "fixed alone": ("10,000 requests/s", ["--rate", "10000"]),
    "fixed": ("10,000 requests/s, slow clients", ["--rate", "10000", "--slow"]),
    "closed alone": ("as fast as answered", []),
    "closed": ("as fast as answered, slow clients", ["--slow"]),
}


def slow(bench):
    """32 active connections, alone and beside those that send a byte a second."""
    count = str(bench.options.slow)
    results = {}
    with contextlib.ExitStack() as stack:
        running = {}
        for name in [n for n in bench.names if n in ("foal", "yardstick", "nginx", "h2o")]:
            try:
                running[name] = stack.enter_context(bench.server(name))
            except ERRORS as why:
                bench.report.fail(f"slow, {name}", why)
        names = list(running)
        for i in range(bench.options.slow_rounds):
            random.Random(i).shuffle(names)
            for case, (_, arguments) in SLOW.items():
                load = ["http", "--connections", "32", *arguments]
                load += [count] if "--slow" in load else []
                for name in names:
                    slow_window(bench, running[name], case, load, results)
            bench.report.note(f"slow: round {i + 1} of {bench.options.slow_rounds}")
    slow_table(bench, results)


def slow_window(bench, server, case, load, results):
    try:
        result = bench.window(server, load)
    except ERRORS as why:
        bench.report.fail(f"slow, {server.name}", why)
        return
    results.setdefault(case, {}).setdefault(server.name, []).append(result)
    bench.report.keep(what="https", figure="slow", case=case, server=server.name, **result)


def slow_table(bench, results):
    rows, count = [], bench.options.slow
    for case, (title, _) in SLOW.items():
        found = results.get(case, {})
        for name in sorted(found, key=lambda n: of(found[n], "p99_us")):
            r = found[name]
            rows.append([title, name, of(r, "rate"), of(r, "p50_us"), of(r, "p99_us"),
                         of(r, "p999_us"), percent(r, "server_cpu"), of(r, "cpu_us"),
                         spread([x["p99_us"] for x in r]), sum(x["slow_lost"] for x in r)])
        key = {"fixed": "slow_fixed", "closed": "slow_closed"}.get(case)
        best = min((of(r, "p99_us") for n, r in found.items() if n in servers.PEERS),
                   default=None)
        if key and best and "foal" in found:
            promises.judge(bench.report, key, of(found["foal"], "p99_us") / best)
    bench.report.table(f"32 active connections beside {count:,} slow clients",
                       ["load", "server", "requests/s", "p50 us", "p99 us", "p99.9 us",
                        "server CPU %", "CPU us each", "spread of p99 %", "slow ones closed"],
                       rows, "A slow client sends a byte a second of a request that never ends. At "
                       "a fixed rate latency counts from when the request was due.")
    lost = [x["slow_lost"] for case in results.values() for x in case.get("foal", [])]
    promises.judge(bench.report, "slow_lost", sum(lost) if lost else None)


# ---- growth ----

def growth(bench):
    """CPU of a request and memory of a connection as connections become more. 64 requests are
    in flight, and go round all connections: no server is helped by larger batches."""
    found = {}
    names = [n for n in ("foal", "yardstick") if n in bench.names]
    for i in range(bench.options.growth_rounds):
        for count in bench.options.growth:
            for name in names:
                grow_to(bench, name, count, found)
        bench.report.note(f"growth: round {i + 1} of {bench.options.growth_rounds}")
    rows = []
    for count in bench.options.growth:
        cells = [found.get((name, count), []) for name in names]
        rows.append([f"{count:,}", *(of(r, "cpu_us") for r in cells),
                     *(of(r, "bytes") for r in cells), *(of(r, "p99_us") for r in cells)])
    heads = [f"{name}, {what}" for what in ("CPU us a request", "bytes a connection", "p99 us")
             for name in names]
    bench.report.table("Growth", ["connections", *heads], rows,
                       "64 requests in flight, passed round all connections: the more of them, the "
                       "more of what they need has left the caches, of any server. With few "
                       "connections most have a request in flight, and OpenSSL's buffers with it.")
    claim_growth(bench, found)
    return {key: (of(r, "cpu_us"), of(r, "bytes")) for key, r in found.items()}


def grow_to(bench, name, count, found):
    active = min(64, count)
    try:
        with bench.server(name) as server:
            bench.run_load(server, ["handshake", "--connections", "8", "--warm-ms", "0", "--ms",
                                    "100"])
            result = bench.window(server, ["http", "--connections", str(count), "--active",
                                           str(active), "--windows", "3"])
    except ERRORS as why:
        bench.report.fail(f"growth, {name}, {count}", why)
        return
    result["bytes"] = result["grown_bytes"] / count
    found.setdefault((name, count), []).append(result)
    bench.report.keep(what="https", figure="growth", server=name, count=count, **result)


def claim_growth(bench, found):
    counts = sorted({count for _, count in found})
    cpu = [(of(found.get(("foal", n), []), "cpu_us"), of(found.get(("yardstick", n), []), "cpu_us"))
           for n in counts]
    over = [foal / yard for foal, yard in cpu if foal and yard]
    promises.judge(bench.report, "growth_cpu", over[-1] / over[0] if len(over) > 1 else None)
    sizes = {count: of(r, "bytes") for (name, count), r in found.items()
             if name == "foal" and count >= 1000}
    if len(sizes) > 1:
        least, most = sizes[min(sizes)], sizes[max(sizes)]
        promises.judge(bench.report, "growth_bytes", most / least if least else None)


# ---- busy actors ----

def busy(bench):
    """An echo whose process also has four actors that never rest, alone on its worker."""
    rows, worst = [], 0
    for mode, title in (("plain", "none"), ("brisk", "4, 1 us of work a message"),
                        ("busy", "4, 50 us of work a message")):
        try:
            with bench.server("foal", mode=mode) as server:
                results = [bench.window(server, ["echo", "--plain", "--connections", "16"])
                           for _ in range(bench.options.rounds)]
        except ERRORS as why:
            bench.report.fail(f"busy, {mode}", why)
            continue
        for result in results:
            bench.report.keep(what="https", figure="busy", mode=mode, **result)
        rows.append([title, of(results, "rate"), of(results, "p50_us"), of(results, "p99_us"),
                     of(results, "p999_us"), spread([r["p99_us"] for r in results])])
        worst = max(worst, of(results, "p99_us") if mode != "plain" else 0)
    bench.report.note("busy")
    bench.report.table("Plain echo of 32 bytes beside actors that never rest, 16 connections",
                       ["busy actors", "messages/s", "p50 us", "p99 us", "p99.9 us",
                        "spread of p99 %"], rows,
                       "They share the one worker, whose turns end after 50 us, or after the "
                       "message that took longer. The worse line is judged.")
    promises.judge(bench.report, "busy", worst / 1000 or None)

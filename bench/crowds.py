"""Many connections: what an idle, a silent and a stalled one take, what slow clients do to the
others, what a request costs as connections become more, and what busy actors do to an echo.
"""
import contextlib
import random
import time

import promises
import servers
from figures import beside, each, of, percent
from harness import ERRORS, held
from report import between, median, middle, spread

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

SHORT = 4  # windows at a fixed rate are so many times shorter: a stall of the machine spoils one
SLOW = {
    # case: (title, arguments); twenty of them are a second: each slow client sends its byte
    "fixed alone": ("10,000 requests/s", ["--windows", "20", "--rate", "10000"]),
    "fixed": ("10,000 requests/s, slow clients", ["--windows", "20", "--rate", "10000", "--slow"]),
    "closed alone": ("as fast as answered", ["--windows", "2"]),
    "closed": ("as fast as answered, slow clients", ["--windows", "2", "--slow"]),
}


def slow(bench):
    """32 active connections, alone and beside those that send a byte a second."""
    results, alone = {}, True
    with contextlib.ExitStack() as stack:
        running = {}
        for name in [n for n in bench.names if n in ("foal", "yardstick", "nginx", "h2o")]:
            try:
                running[name] = stack.enter_context(bench.server(name))
            except ERRORS as why:
                bench.report.fail(f"slow, {name}", why)
        names = list(running)
        for i in range(bench.options.rounds):
            random.Random(i).shuffle(names)
            for case in SLOW:
                for name in names:
                    alone &= slow_window(bench, running[name], case, results, i)
            bench.report.note(f"slow: round {i + 1} of {bench.options.rounds}")
    slow_table(bench, results, alone)
    slow_judge(bench, results)


def slow_window(bench, server, case, results, turn):
    """At a fixed rate the server sleeps between requests, and whoever has the core then would
    give it back only at the end of a slice, which may be milliseconds: the servers go before
    ordinary programs, where that is allowed. False: it was not."""
    load = ["http", "--connections", "32", *SLOW[case][1]]
    load += [str(bench.options.slow)] if "--slow" in load else []
    fixed = "--rate" in load
    allowed = server.hurry(True) if fixed else True
    try:
        window_ms = bench.options.slow_ms // (SHORT if fixed else 1)
        result = bench.window(server, load, window_ms=window_ms)
        result["round"] = turn
        results.setdefault(case, {}).setdefault(server.name, []).append(result)
        bench.report.keep(what="https", figure="slow", case=case, server=server.name, **result)
    except ERRORS as why:
        bench.report.fail(f"slow, {server.name}", why)
    if fixed and allowed:
        server.hurry(False)
    return allowed


def slow_table(bench, results, alone):
    rows, count = [], bench.options.slow
    for case, (title, arguments) in SLOW.items():
        found = results.get(case, {})
        for name in sorted(found, key=lambda n: of(found[n], "p99_us")):
            r = found[name]
            rows.append([title, name, of(r, "rate"), of(r, "p50_us"), of(r, "p99_us"),
                         between(middle(each(r, "p99_us"))), of(r, "run_p99_us"),
                         of(r, "p999_us"),
                         of(r, "late_p99_us") if "--rate" in arguments else None,
                         percent(r, "server_cpu"), of(r, "cpu_us"),
                         sum(x["slow_lost"] for x in r)])
    bench.report.table(
        f"32 active connections beside {count:,} slow clients",
        ["load", "server", "requests/s", "p50 us", "p99 us", "middle half of the rounds",
         "p99 us of all windows", "p99.9 us", "load generator late, p99 us", "server CPU %",
         "CPU us each", "slow ones closed"], rows,
        "A slow client sends a byte a second of a request that never ends. A round has several "
        f"windows of {bench.options.slow_ms} ms, at a fixed rate of "
        f"{bench.options.slow_ms // SHORT}; its p99 is their median, and beside it stands "
        "that of all their answers: a stall once a second would show there. At a fixed rate "
        "latency counts from when the request was due, "
        + ("and the servers go before all ordinary programs." if alone else
           "**and other programs' slices count as the server's: real time was not allowed.**"))


def slow_judge(bench, results):
    for case, key in (("fixed", "slow_fixed"), ("closed", "slow_closed")):
        found = results.get(case, {})
        peers = {n: of(r, "p99_us") for n, r in found.items() if n in servers.PEERS}
        if peers and "foal" in found:
            best = found[min(peers, key=peers.get)]
            promises.judge(bench.report, key, beside(found["foal"], best, "p99_us"))
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
    rows, worst = [], []
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
        if mode != "plain" and of(results, "p99_us") > (median(worst) or 0):
            worst = each(results, "p99_us")
    bench.report.note("busy")
    bench.report.table("Plain echo of 32 bytes beside actors that never rest, 16 connections",
                       ["busy actors", "messages/s", "p50 us", "p99 us", "p99.9 us",
                        "spread of p99 %"], rows,
                       "They share the one worker, whose turns end after 50 us, or after the "
                       "message that took longer. The worse line is judged.")
    promises.judge(bench.report, "busy", [us / 1000 for us in worst])

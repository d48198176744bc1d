"""The figures that are rates, each as a line of a table, and how they are measured.

The yardstick runs right before and right after every measurement of another server: rates
drift with the machine, the ratio to the yardstick much less. "Per server CPU" divides by the
processor time the server took, which is what counts when the load generator's core is full.
"""
import contextlib
import random

import promises
import servers
from harness import ERRORS
from report import median, spread

WEB = ("nginx", "h2o", "node", "usockets")
FAST = ("nginx", "h2o", "usockets")
HANDSHAKES = ("nginx", "h2o", "go", "usockets")
ECHO = ("go", "node", "usockets")
ONE_TICKET = ("foal, 1 ticket",)


class Figure:
    """What is asked, of whom, and which number counts.

    of: servers beside Foal and the yardstick; setup: (mode, kind of certificate);
    key: the rate; judged: cpu_ratio or ratio, both against the yardstick."""

    def __init__(self, title, unit, load, of=WEB, setup=("http", "ec"), key="rate",
                 judged="cpu_ratio", promise=None, also=()):
        self.title, self.unit, self.load, self.of = title, unit, load.split(), of
        self.setup, self.key, self.judged, self.promise = setup, key, judged, promise
        self.also = also  # Foal in other ways

    def names(self, bench):
        return ["foal", *self.also] + [name for name in bench.names if name in self.of]


FIGURES = {
    "keepalive": Figure("HTTPS requests on 64 connections that stay", "requests/s",
                        "http --connections 64", promise="keepalive"),
    "keepalive512": Figure("HTTPS requests on 512 connections that stay", "requests/s",
                           "http --connections 512", FAST, promise="keepalive512"),
    "handshake": Figure("New connections: handshake (ECDSA), one request, close",
                        "connections/s", "handshake --connections 64", HANDSHAKES,
                        promise="handshake", also=ONE_TICKET),
    "handshake-rsa": Figure("New connections: handshake (RSA-2048), one request, close",
                            "connections/s", "handshake --connections 64", HANDSHAKES,
                            ("http", "rsa2048"), promise="handshake_rsa", also=ONE_TICKET),
    "resumed": Figure("New connections that resume a session", "connections/s",
                      "handshake --connections 64 --resume", HANDSHAKES, promise="resumed",
                      also=ONE_TICKET),
    "bulk": Figure(f"Download of {servers.BIG_BYTES >> 20} MiB bodies, one connection", "MB/s",
                   "http --connections 1 --path /big", of=("nginx", "h2o", "node"),
                   key="mb_per_s", judged="ratio", also=("foal, from memory",)),
    "echo-pingpong": Figure("TLS echo of 32 bytes: ping-pong on one connection", "messages/s",
                            "echo --connections 1", ECHO, ("echo", "ec"), judged="ratio",
                            promise="echo_pingpong"),
    "echo": Figure("TLS echo of 32 bytes: 64 connections, 1 in flight", "messages/s",
                   "echo --connections 64", ECHO, ("echo", "ec"), promise="echo"),
    "echo-16": Figure("TLS echo of 32 bytes: 64 connections, 16 in flight", "messages/s",
                      "echo --connections 64 --in-flight 16", ECHO, ("echo", "ec"),
                      promise="echo_16"),
    "echo-16k": Figure("TLS echo of 16 KiB: 4 connections, 8 in flight", "MB/s",
                       "echo --connections 4 --in-flight 8 --size 16384", ECHO, ("echo", "ec"),
                       key="mb_per_s", judged="ratio", promise="echo_16k"),
    "plain": Figure("Plain echo of 32 bytes beside bare libuv callbacks: 64 connections",
                    "messages/s", "echo --plain --connections 64", ("go",), ("plain", "ec"),
                    promise="plain"),
    "plain-16k": Figure("Plain echo of 16 KiB beside bare libuv callbacks: 64 connections",
                        "messages/s", "echo --plain --connections 64 --size 16384", ("go",),
                        ("plain", "ec"), promise="plain_16k"),
}
# Shown as bars; the plain ones are no TLS.
PLOTTED = [name for name, figure in FIGURES.items() if figure.setup[0] != "plain"]


def compare(result, before, after, key):
    """Ratios to the yardstick's two runs around it."""
    near = [r for r in (before, after) if r]
    yard = sum(r[key] for r in near) / len(near)
    yard_cpu = sum(r["server_cpu"] for r in near) / len(near)
    result["ratio"] = result[key] / yard if yard else None
    if result["server_cpu"] and yard_cpu and yard:
        result["cpu_ratio"] = result[key] / result["server_cpu"] / (yard / yard_cpu)


def restart(running, names):
    for name in ["yardstick", *names]:
        running[name].begin_anew()


def one_round(bench, running, name, order, results, number):
    """yardstick, A, yardstick, B, yardstick ...; the yardstick's own row is against itself."""
    figure = FIGURES[name]
    yard, yards = running["yardstick"], []
    last = bench.window(yard, figure.load)
    yards.append(last)
    for server in order:
        try:
            result = bench.window(running[server], figure.load)
        except ERRORS as why:
            bench.report.fail(f"{name}, {server}", why)
            continue
        after = bench.window(yard, figure.load)
        compare(result, last, after, figure.key)
        yards.append(after)
        last = after
        result["round"] = number
        results.setdefault(server, []).append(result)
        bench.report.keep(what="https", figure=name, server=server, **result)
    for i, result in enumerate(yards):
        if len(yards) > 1:
            compare(result, yards[i - 1] if i else None,
                    yards[i + 1] if i + 1 < len(yards) else None, figure.key)
        results.setdefault("yardstick", []).append(result)
        bench.report.keep(what="https", figure=name, server="yardstick", **result)


def of(results, key):
    return median([r.get(key) for r in results])


def each(results, key):
    """One number for each round."""
    return [r.get(key) for r in results or ()]


def beside(results, others, key):
    """The ratios to another server in the same rounds."""
    theirs = {r["round"]: r.get(key) for r in others}
    return [r[key] / theirs[r["round"]] for r in results
            if r.get(key) and theirs.get(r["round"])]


def percent(results, key):
    value = of(results, key)
    return None if value is None else value * 100


def cost(figure, results):
    """Server CPU: microseconds an operation, or milliseconds a GB."""
    if figure.key == "rate":
        return of(results, "cpu_us")
    return median([r["server_cpu"] * 1e6 / r["mb_per_s"] for r in results if r["mb_per_s"]])


def rate_table(bench, name, results, memory):
    figure = FIGURES[name]
    bytes_count = figure.key == "mb_per_s"
    best = max((of(results[n], figure.judged) or 0 for n in results if n in servers.PEERS),
               default=0)
    heads = ["server", figure.unit, "x yardstick", "per server CPU x yardstick",
             "to the best peer", "spread %", "CPU ms/GB" if bytes_count else "CPU us each",
             "p50 us", "p99 us", "server CPU %", "client CPU %", "memory MB"]
    heads += ["write calls/MB"] if name == "bulk" else []
    rows, latency = [], name != "bulk"  # a download is no answer one waits for
    for server in sorted(results, key=lambda n: -(of(results[n], figure.judged) or 0)):
        r = results[server]
        value = of(r, figure.judged)
        row = [server, of(r, figure.key), of(r, "ratio"), of(r, "cpu_ratio"),
               value / best if value and best else None,
               spread([x.get(figure.judged) for x in r]), cost(figure, r),
               of(r, "p50_us") if latency else None, of(r, "p99_us") if latency else None,
               percent(r, "server_cpu"), percent(r, "client_cpu"), memory.get(server)]
        rows.append(row + ([of(r, "writes_per_mb")] if name == "bulk" else []))
    bench.report.table(figure.title, heads, rows, below(bench, name, results))


def count_writes(bench, running, results):
    for server, rounds in results.items():
        try:
            rounds[0]["writes_per_mb"] = bench.writes_per_mb(running[server],
                                                             FIGURES["bulk"].load)
        except ERRORS as why:
            bench.report.fail("write calls", why)


def below(bench, name, results):
    figure = FIGURES[name]
    others = median([x["other_cpu"] for r in results.values() for x in r])
    text = "Ordered, and compared with the best peer, by " + \
        ("what a second of server CPU does" if figure.judged == "cpu_ratio" else "the rate") + \
        f". Other programs took {others:.2f} cores meanwhile (median)."
    if name != "resumed":
        return text
    if sum(x["resumed"] for r in results.values() for x in r) == 0:
        bench.report.fail(name, "no server resumed a session")
    low = [n for n, r in results.items() if of(r, "resumed") < 0.9 * of(r, "answers")]
    return text + (f" Full handshakes among them: {', '.join(low)}." if low else "")


def claim(bench, name, results):
    figure = FIGURES[name]
    foal = results.get("foal", [])
    if not foal:
        return
    if figure.promise:
        promises.judge(bench.report, figure.promise, promised_value(figure, foal))
    if "foal, 1 ticket" in results:
        promises.judge(bench.report, figure.promise + "_1",
                       each(results["foal, 1 ticket"], "cpu_ratio"))
    if name == "bulk":
        promises.judge(bench.report, "writes", of(foal, "writes_per_mb"))
        if "foal, from memory" in results:
            promises.judge(bench.report, "bulk", each(results["foal, from memory"], "ratio"))
    rates = {n: of(r, figure.judged) for n, r in results.items() if n in servers.PEERS}
    rates = {n: value for n, value in rates.items() if value}
    if figure.setup[0] == "plain" or not rates:
        return
    best = max(rates, key=rates.get)
    promises.judge_beside(bench.report, figure.title, best,
                          beside(foal, results[best], figure.judged))


def promised_value(figure, foal):
    """Against bare callbacks CPU per message counts, a cost; elsewhere a rate."""
    values = each(foal, figure.judged)
    return [1 / v for v in values if v] if figure.setup[0] == "plain" else values


def measure_setup(bench, setup, names, found):
    """All figures of one set of running servers. found: figure -> server -> its results."""
    wanted = sorted({server for name in names for server in FIGURES[name].names(bench)})
    with contextlib.ExitStack() as stack:
        running = {}
        for server in ["yardstick", *wanted]:
            try:
                running[server] = stack.enter_context(
                    bench.server(server, mode=setup[0], kind=setup[1]))
            except ERRORS as why:
                bench.report.fail(server, why)
        if "yardstick" not in running:
            return
        for name in names:
            order = [server for server in FIGURES[name].names(bench) if server in running]
            results = found[name] = {}
            for i in range(bench.options.rounds):
                random.Random(i).shuffle(order)
                try:
                    if i > 0:
                        restart(running, order)
                    one_round(bench, running, name, order, results, i)
                except ERRORS as why:
                    bench.report.fail(name, why)
                bench.report.note(f"{name}: round {i + 1} of {bench.options.rounds}")
            if name == "bulk":
                count_writes(bench, running, results)
            memory = {server: running[server].memory_bytes() / 1e6 for server in results}
            if results:
                rate_table(bench, name, results, memory)
                claim(bench, name, results)


def run(bench, names):
    """Measures these figures; gives back figure -> server -> x yardstick."""
    found = {}
    if not names or "yardstick" not in bench.names:
        return {}
    for setup in dict.fromkeys(FIGURES[name].setup for name in names):
        measure_setup(bench, setup, [n for n in names if FIGURES[n].setup == setup], found)
    return {name: {server: of(r, FIGURES[name].judged) for server, r in results.items()}
            for name, results in found.items()}


def seconds(bench, names):
    """About how long that takes."""
    options, total = bench.options, 0
    window_s = (options.warm_ms + options.window_ms) / 1000 + 0.15
    yard_s = (options.warm_ms + options.window_ms * 3 // 5) / 1000 + 0.15
    for name in names:
        count = len(FIGURES[name].names(bench))
        total += options.rounds * (count * window_s + (count + 1) * (yard_s + 0.2))
    return total

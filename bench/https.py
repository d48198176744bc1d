"""HTTPS and TLS side by side: Foal's example, the yardstick and the peers, in turn, on the same
core. Which figures there are, how long they take, and those that are not rates.
"""
import contextlib
import time

import crowds
import figures
import plots
import promises
import sessions
import workers
from figures import FIGURES
from harness import ERRORS, held

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
    promises.judge(bench.report, "pause", late)


# ---- all of them ----

OTHERS = {"memory": crowds.memory, "stalled": crowds.stalled, "workers": workers.workers,
          "slow": crowds.slow, "growth": crowds.growth, "busy": crowds.busy, "idle": idle,
          "pause": pause, "session": sessions.sessions}
NAMES = [*FIGURES, *OTHERS]


def seconds(bench, names):
    """About how long it takes."""
    options, servers = bench.options, len(bench.names)
    window_s = (options.warm_ms + options.window_ms) / 1000 + 0.3
    handshakes = 2000  # a second, about
    each = {
        "memory": servers * (options.connections * 1.3 / handshakes + 2 * options.settle_s + 3),
        "stalled": servers * (options.settle_s + 2),
        "workers": options.rounds * 24 * (options.warm_ms / 1000 + options.workers_ms / 1000 + 0.1),
        "slow": options.rounds * min(servers, 4) * (14 * options.slow_ms / 1000 + 1.4 +
                                                    2 * options.slow / handshakes),
        "growth": options.growth_rounds * 2 * (sum(options.growth) / handshakes +
                                               len(options.growth) * (3 * window_s + 1)),
        "busy": options.rounds * 3 * window_s,
        "idle": options.calm_s + options.idle_s + 3,
        "pause": servers * (options.pauses * 0.3 + 1),
        "session": options.rounds * 0.5,
    }
    return figures.seconds(bench, [n for n in names if n in FIGURES]) + \
        sum(each[name] for name in names if name in each)


def run(bench, names):
    """Measures, and draws what there is to draw; gives back the paths of the plots."""
    options = bench.options
    rates = figures.run(bench, [name for name in names if name in FIGURES])
    drawn = plots.rates(options.out, {n: rates[n] for n in figures.PLOTTED if n in rates})
    for name, function in OTHERS.items():
        if name not in names:
            continue
        found = function(bench)
        if name == "growth":
            drawn += plots.growth(options.out, found)
    return drawn

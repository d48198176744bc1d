"""Two workers against one: does the second core bring as much as the first?

The load generator needs a part of the cores, too. So everything is doubled: one worker shares
one core with one load generator, two workers share two cores with two of them. No account of who
took how much is needed, and the ratio is 2 where nothing is lost. One worker is measured on
either core. Two servers of one worker, each on a core of its own, share nothing but the machine:
that is what it allows.
"""
import contextlib
import os
import subprocess

import promises
from figures import FIGURES
from harness import ERRORS, lines_of
from report import between, median, middle, number

CORES = (0, 1)
NAMES = ("foal", "yardstick", "nginx")
KINDS = {"full RSA handshakes": ("rsa4096", ["handshake", "--connections", "16"]),
         "keep-alive requests": ("ec", FIGURES["keepalive"].load)}


def together(bench, pairs, arguments):
    """A load generator on each of the cores at once, for the server beside it: the sum of their
    rates, and what other programs took."""
    options, running = bench.options, []
    try:
        for server, core in pairs:
            command = bench.command(server, [*arguments, "--warm-ms", str(options.warm_ms), "--ms",
                                             str(options.workers_ms), "--pids",
                                             ",".join(map(str, server.pids()))])
            running.append(subprocess.Popen(
                ["taskset", "-c", str(core), *command], stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True))
        results = []
        for process in running:
            out, said = process.communicate(timeout=90)
            if process.returncode != 0:
                raise RuntimeError(said.strip()[:200])
            results.append(lines_of(out))
    finally:
        for process in running:
            process.kill()
            process.wait()
    return sum(r["rate"] for r in results), results


def one_round(bench, servers, arguments):
    """Rates: alone (mean of both cores), two servers at once, two workers; raw results."""
    first, second, two = servers
    raw, alone = {}, []
    for core in CORES:
        first.move_to({core})
        rate, raw[f"core {core}"] = together(bench, [(first, core)], arguments)
        alone.append(rate)
    first.move_to({CORES[0]})
    apart, raw["apart"] = together(bench, [(first, CORES[0]), (second, CORES[1])], arguments)
    both, raw["two"] = together(bench, [(two, core) for core in CORES], arguments)
    return {"one": sum(alone) / 2, "apart": apart, "two": both}, raw


def scaled(bench, name, title, others):
    """One dict of rates for each round."""
    kind, arguments = KINDS[title]
    rounds = []
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(bench.server(name, workers=count, pinned=False, kind=kind))
                   for count in (1, 1, 2)]
        servers[1].move_to({CORES[1]})
        servers[2].move_to(set(CORES))
        for _ in range(bench.options.rounds):
            rates, raw = one_round(bench, servers, arguments)
            if rates["one"]:
                rounds.append(rates)
            for case, results in raw.items():
                for result in results:
                    bench.report.keep(what="https", figure="workers", server=name, key=kind,
                                      case=case, **result)
            others += [r["other_cpu"] for r in raw["core 0"]]
    return rounds


def workers(bench):
    if (os.cpu_count() or 1) < len(CORES):
        bench.report.note("workers: needs two cores")
        return
    rows, gain, others = [], {}, []
    for name in [n for n in bench.names if n in NAMES]:
        for title in KINDS:
            try:
                rounds = scaled(bench, name, title, others)
            except ERRORS as why:
                bench.report.fail(f"workers, {name}", why)
                continue
            ratios = gain[name, title] = [r["two"] / r["one"] for r in rounds]
            rows.append([name, title, median([r["one"] for r in rounds]),
                         median([r["two"] for r in rounds]), median(ratios),
                         between(middle(ratios)),
                         median([r["apart"] / r["one"] for r in rounds])])
        bench.report.note(f"workers: {name}")
    bench.report.table(
        "Two workers on two cores against one on one core",
        ["server", "work", "1 worker, per s", "2 workers, per s", "ratio",
         "middle half of the rounds", "two servers of one worker, ratio"], rows,
        "Each core also carries a load generator, so that the second core brings as much of "
        "everything as the first. Two servers of one worker share nothing: what the machine "
        f"allows. Other programs took {number(median(others))} cores meanwhile (median).")
    # Whoever has the other core takes caches and memory away from the one worker alone.
    promises.judge(bench.report, "workers", gain.get(("foal", "full RSA handshakes")),
                   busy=(median(others) or 0) > 0.2)

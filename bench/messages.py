"""The message benchmarks: Foal, the same in CAF, Go and Erlang, and what the machine itself takes.

Every program runs one benchmark at a time and prints a line per round. They take turns, so that a
machine that becomes slower in between becomes so for all of them: a ratio compares neighbours.
With one worker a process is bound to one core.
"""
import os
import subprocess
from functools import partial

import peers
import plots
import promises
from report import median, number, spread

PLACES = {"1": ("1 worker", ["--workers", "1"]), "2": ("2 workers", ["--workers", "2"]),
          "apart": ("2, apart", ["--workers", "2", "--apart"])}
FOAL, FLOOR = "foal", "plain C"
QUICK_OPS = {"skynet": 1000, "memory": 20000, "producer": 100000}
QUICK_ACTORS = 10000  # growth beyond that takes too long to be quick
SPREADS = ("coarse", "fanin")  # actors spread, or find together, which short windows would be full of


def arguments(parser):
    """What only these benchmarks understand."""
    parser.add_argument("--only", default="", metavar="A,B",
                        help="of the messages, those whose names begin so")
    parser.add_argument("--runtimes", default=",".join(peers.PEERS), metavar="A,B",
                        help="beside Foal's messages (%(default)s; none)")


def sizes(options):
    quick = options.quick
    options.message_ms = 4 if quick else 50
    options.spread_ms = 4 if quick else 200
    options.message_rounds = 1 if quick else 2
    options.silence_ms = 50 if quick else 1500
    options.processes = 1 if quick else options.rounds or 9
    options.silences = 1 if quick or options.processes > 3 else 3


def seconds(options):
    """About how long they take."""
    beside = len([name for name in options.runtimes.split(",") if name not in ("", "none")])
    turn = 8 + 8 * beside if options.quick else 22 + 19 * beside
    return options.processes * turn * (len(options.only.split(",")) / 20 if options.only else 1)


def fields(line):
    """key=value pairs; what looks like a number is one."""
    result = {}
    for word in line.split():
        key, _, value = word.partition("=")
        try:
            result[key] = float(value)
        except ValueError:
            result[key] = value
    return result


class Cell:
    """All rounds of one benchmark in one place by one runtime."""

    def __init__(self):
        self.rounds = []

    def of(self, key):
        return median([r.get(key) for r in self.rounds])

    def best(self, key):
        return min((r[key] for r in self.rounds), default=None)

    def peak_mb(self):
        return max((r["peak_bytes"] / 1e6 for r in self.rounds), default=None)

    def spread(self):
        return spread([r["value"] for r in self.rounds])

    def turns(self):
        """{number of the turn: median value}"""
        turns = {}
        for r in self.rounds:
            turns.setdefault(r["turn"], []).append(r["value"])
        return {turn: median(values) for turn, values in turns.items()}


class Runtime:
    """One program and what it can do."""

    def __init__(self, name, title, command, within):
        self.name = name
        self.title = title
        self.command = command
        self.within = within
        self.benches = peers.listed(command(1, ""), within)

    def run(self, bench, place, options):
        """The rounds of one process."""
        workers = 1 if place == "1" else 2
        ms = options.spread_ms if bench in SPREADS else options.message_ms
        command = [*self.command(workers, bench), "--ms", str(ms), "--rounds",
                   str(1 if self.benches[bench]["fixed"] else options.message_rounds)]
        if self.name == FOAL and place == "apart":
            command += ["--apart"]
        if options.quick and bench in QUICK_OPS:
            command += ["--ops", str(QUICK_OPS[bench])]
        if bench == "silence":
            command += ["--silence-ms", str(options.silence_ms), "--ops", str(options.silences)]
            if self.name in peers.PEERS:
                command += ["--ticker", f"{options.build}/bench/bench_floor"]
        elif workers == 1:
            command = ["taskset", "-c", str(max(os.sched_getaffinity(0))), *command]
        lines = peers.output([*command, bench], self.within, 120).splitlines()
        return [fields(line) for line in lines]


class Results:
    """Cells by runtime, benchmark and place."""

    def __init__(self):
        self.cells = {}

    def cell(self, runtime, bench, place):
        return self.cells.get((runtime, bench, place), Cell())

    def value(self, bench, place="1", runtime=FOAL, key="value"):
        return self.cell(runtime, bench, place).of(key)

    def ratios(self, over, under):
        """One cell's value by the other's, turn by turn."""
        a, b = over.turns(), under.turns()
        return [a[turn] / b[turn] for turn in a if b.get(turn)]

    def ratio(self, over, under):
        return median(self.ratios(over, under))


def runtimes(report, options):
    """Foal, plain C, and those peers that can be built."""
    within = os.path.join(options.build, "bench")

    def own(name, title, program):
        return Runtime(name, title, lambda workers, _: [f"{within}/{program}", "--workers",
                                                        str(workers)], within)

    found = [own(FOAL, "Foal", "bench_messages"), own(FLOOR, "plain C", "bench_floor")]
    for name in options.runtimes.split(","):
        if name in ("", "none"):
            continue
        if name not in peers.PEERS:
            report.fail(name, f"is not one of {', '.join(peers.PEERS)}")
            continue
        peer, folder = peers.PEERS[name], os.path.join(within, "peers")
        why = peer.missing()
        if why:
            report.note(f"messages without {peer.title}: {why}")
            report.text(f"Without {peer.title}: {why}.")
            continue
        try:
            report.note(f"messages: building {peer.title}")
            peer.build(folder)
            title = f"{peer.title} {peers.version(peer, folder)}"
            found.append(Runtime(name, title, partial(peer.command, folder), within))
        except (RuntimeError, subprocess.TimeoutExpired) as why:
            report.fail(peer.title, why)
    return found


def wanted(foal, options):
    """Yields (benchmark, place)."""
    only = [name for name in options.only.split(",") if name]
    for bench, about in foal.benches.items():
        actors = bench.rpartition("-")[2]
        if only and not bench.startswith(tuple(only)):
            continue
        if options.quick and bench.startswith("growth") and int(actors) > QUICK_ACTORS:
            continue
        for place in about["places"]:
            yield bench, place


def measure(report, options, found):
    """Every benchmark in every place by every runtime, options.processes times over."""
    results = Results()
    plan = list(wanted(found[0], options))
    for turn in range(options.processes):
        for bench, place in plan:
            for k in range(len(found)):
                runtime = found[(k + turn) % len(found)]
                # Nobody else can put the two sides on different workers.
                places = runtime.benches.get(bench, {"places": []})["places"]
                if place not in places and not (bench == "producer" and "2" in places):
                    continue
                cell = results.cells.setdefault((runtime.name, bench, place), Cell())
                try:
                    rounds = runtime.run(bench, place, options)
                except (RuntimeError, subprocess.TimeoutExpired) as why:
                    report.fail(f"{runtime.title}: {bench}, {PLACES[place][0]}", why)
                    continue
                cell.rounds += [{**r, "turn": turn} for r in rounds]
                for r in rounds:
                    report.keep(what="messages", runtime=runtime.name, place=PLACES[place][0],
                                turn=turn, **r)
        report.note(f"messages: {turn + 1} of {options.processes}")
    return results


def run(report, options):
    found = runtimes(report, options)
    results = measure(report, options, found)
    foal, rest = found[0], [r for r in found[2:]]
    ordinary = [b for b in foal.benches if not b.startswith("growth")
                and b not in ("producer", "silence") and (FOAL, b, "1") in results.cells]
    if ordinary:
        own_table(report, results, ordinary)
        for place in ("1", "2") if rest else ():
            peers_tables(report, results, ordinary, place, rest)
    producer_table(report, results, found)
    silence_table(report, results, found)
    growth_table(report, results, foal)
    judge(report, results)
    return draw(options.out, results, ordinary, rest)


# ---- tables ----

def unit_of(cell):
    unit = cell.rounds[0]["unit"] if cell.rounds else ""
    memory = cell.rounds and cell.rounds[0]["bench"] == "memory"
    return f"bytes/{unit}" if memory else f"ns/{unit}"


def own_table(report, results, benches):
    """Foal in all three places."""
    rows = []
    for bench in benches:
        one, two, apart = cells = [results.cell(FOAL, bench, place) for place in PLACES]
        if not one.rounds:
            continue
        of_memory = bench == "memory"
        ops = sum(r["ops"] for c in cells for r in c.rounds)
        allocs = [sum(r["allocations"] for r in c.rounds) / sum(r["ops"] for r in c.rounds)
                  for c in cells if c.rounds]
        rows.append([bench, unit_of(one), one.of("value"),
                     None if of_memory else one.of("cpu_ns"),
                     None if of_memory else one.best("cpu_ns"), one.spread(), two.of("value"),
                     apart.of("value"), max(allocs) if allocs and ops and not of_memory else None,
                     max(c.peak_mb() for c in cells if c.rounds)])
    report.table(
        "Messages", ["benchmark", "unit", "1 worker", "CPU ns", "CPU ns, best round", "spread %",
                     "2 workers", "2 workers, sides apart", "allocations per unit", "peak MB"],
        rows, "Medians over the rounds. CPU ns: processor time of the whole program with one "
              "worker, which other programs disturb less. Apart: the two sides are pinned to "
              "different workers. A wake is a message to a sleeping worker and its answer, with "
              "one worker to itself.")


def peers_tables(report, results, benches, place, rest):
    """Elapsed time, and what it took, of all runtimes side by side."""
    times, costs = [], []
    for bench in benches:
        foal = results.cell(FOAL, bench, place)
        cells = [results.cell(r.name, bench, place) for r in rest]
        known = [c for c in cells if c.rounds]
        if not known or not foal.rounds:
            continue
        best = min(known, key=lambda c: c.of("value"))
        times.append([bench, unit_of(foal), foal.of("value"), *[c.of("value") for c in cells],
                      results.ratio(best, foal), foal.spread(), best.spread()])
        costs.append([bench, foal.of("cpu_ns"), *[c.of("cpu_ns") for c in cells], foal.peak_mb(),
                      *[c.peak_mb() for c in cells]])
    titles = [r.title for r in rest]
    where = PLACES[place][0]
    report.table(f"Messages beside other runtimes, {where}",
                 ["benchmark", "unit", "Foal", *titles, "best peer / Foal", "spread % Foal",
                  "spread % best peer"], times,
                 "The ratio is the median of the ratios of neighbours. The same work in each: "
                 "bench/peers."
                 + (" Bound to one core." if place == "1" else ""))
    report.table(f"What the messages took, {where}",
                 ["benchmark", "CPU ns Foal", *[f"CPU ns {t}" for t in titles], "peak MB Foal",
                  *[f"peak MB {t}" for t in titles]], costs,
                 "CPU: processor time of the whole program per unit, garbage collectors and idle "
                 "spinning included.")


def producer_table(report, results, found):
    rows = []
    for runtime in found:
        cell = results.cell(runtime.name, "producer", "apart")
        if cell.rounds:
            rows.append([runtime.title, cell.of("value"), cell.of("cpu_ns"), cell.peak_mb(),
                         cell.spread()])
    if rows:
        ops = results.cell(FOAL, "producer", "apart").of("ops")
        report.table("A producer faster than its consumer, 2 workers",
                     ["runtime", "ns/message", "CPU ns/message", "peak MB", "spread %"], rows,
                     f"{number(ops)} messages; the consumer works 100 ns on each. In Foal the two "
                     "are pinned to different workers; in Go the channel holds 1,000 messages.")


def silence_table(report, results, found):
    rows = []
    floor = results.cell(FLOOR, "silence", "1")
    for place in ("1", "2"):
        for runtime in found:
            cell = results.cell(runtime.name, "silence", place)
            if cell.rounds:
                worst = max(r.get("worst_ns", r["value"]) for r in cell.rounds)
                cpu_ns = median([r.get("workers_cpu_ns", r["cpu_ns"]) for r in cell.rounds])
                rows.append([runtime.title, PLACES[place][0], cell.of("value") / 1e3, worst / 1e3,
                             results.ratio(cell, floor), cpu_ns / 1e3, cell.spread()])
    if rows:
        report.table("The first message after 1.5 s of silence",
                     ["runtime", "place", "us, median", "us, worst", "x plain C",
                      "CPU us per silence", "spread %"], rows,
                     "From the send by a foreign thread (Go, Erlang: the write into a pipe by "
                     "another process) until the behaviour runs. Plain C: a thread in epoll_wait "
                     "and one that writes to its eventfd.")


def growth_table(report, results, foal):
    rows = []
    for bench in foal.benches:
        if not bench.startswith("growth-") or bench.startswith("growth-random"):
            continue
        actors = int(bench.rpartition("-")[2])
        row = [f"{actors:,}"]
        for name in (bench, f"growth-random-{actors}"):
            cell, floor = (results.cell(who, name, "1") for who in (FOAL, FLOOR))
            value, below = cell.of("value"), floor.of("value")
            row += [value, below, value - below if value and below else None]
        if row[1] or row[4]:
            rows.append(row)
    if rows:
        report.table("A message among so many actors",
                     ["actors", "ns in order", "plain C", "difference", "ns in random order",
                      "plain C", "difference"], rows,
                     "One message on its way, from actor to actor, round all of them. Plain C "
                     "walks over as many lines of memory in the same order.")


def draw(folder, results, benches, rest):
    """Plots: the peers over Foal, and growth."""
    rows, lines = [], {}
    for bench in benches:
        foal = results.cell(FOAL, bench, "1")
        ratios = [results.ratio(results.cell(r.name, bench, "1"), foal) for r in rest]
        if any(ratios) and bench != "memory":
            rows.append([bench, *ratios])
    for who in (FOAL, FLOOR):
        for order, prefix in ((", in order", "growth-"), (", at random", "growth-random-")):
            points = [(n, results.value(f"{prefix}{n}", "1", who))
                      for n in (10 ** k for k in range(1, 7))]
            points = [(n, y) for n, y in points if y is not None]
            if points:
                lines[who + order] = points
    drawn = []
    if rows:
        drawn.append(plots.bars(os.path.join(folder, "messages.svg"), "Messages, 1 worker: time of "
                                "others / time of Foal", "x Foal", rows, [r.title for r in rest],
                                log_y=True))
    if lines:
        drawn.append(plots.curves(os.path.join(folder, "growth-messages.svg"), "A message among so "
                                  "many actors", "ns", "actors", lines, log_y=True))
    return [path for path in drawn if path]


# ---- what is promised ----

def two_over_one(results):
    """The benchmark that two workers slow down most: (ratio of each turn, name)."""
    found = []
    for (runtime, bench, place), two in results.cells.items():
        one = results.cell(FOAL, bench, "1")
        if runtime == FOAL and place == "2" and two.rounds and one.rounds and \
                bench not in ("memory", "wake", "silence", "coarse"):
            found.append((results.ratios(two, one), bench))
    return max(found, key=lambda pair: median(pair[0]) or 0, default=([], ""))


def peak(bench, place="1"):
    return lambda results: results.cell(FOAL, bench, place).peak_mb()


def value(bench, place="1"):
    return lambda results: [r["value"] for r in results.cell(FOAL, bench, place).rounds]


def allocations(results):
    rounds = [r for bench in ("pingpong", "threadring", "counting", "big", "iso-1k", "iso-64k")
              for r in results.cell(FOAL, bench, "1").rounds]
    return sum(r["allocations"] for r in rounds) if rounds else None


def coarse_gain(results):
    return results.ratios(results.cell(FOAL, "coarse", "1"), results.cell(FOAL, "coarse", "2"))


def over_plain(bench):
    return lambda results: results.ratios(results.cell(FOAL, bench, "1"),
                                          results.cell(FLOOR, bench, "1"))


# (what, relation, bound, unit, how it is found in Results: a number, or one for each round)
BARS = (
    ("ping-pong, a message", "<=", 10, "ns", value("pingpong")),
    ("ring of 1000 actors, a hop", "<=", 10, "ns", value("threadring")),
    ("counting, a message", "<=", 7, "ns", value("counting")),
    ("fan-in 8 to 1, a message", "<=", 7, "ns", value("fanin")),
    ("memory of counting", "<=", 8, "MB", peak("counting")),
    ("memory of fan-in", "<=", 8, "MB", peak("fanin")),
    ("big, a message", "<=", 20, "ns", value("big")),
    ("fork-join throughput, a message", "<=", 25, "ns", value("fjthrput")),
    ("create, message and end of an actor", "<=", 40, "ns", value("fjcreate")),
    ("skynet, a leaf of 1,000,000", "<=", 150, "ns", value("skynet")),
    ("memory of skynet", "<=", 100, "MB", peak("skynet")),
    ("an idle actor with one word of state", "<=", 192, "bytes", value("memory")),
    ("hand-over of a buffer of 1 KiB", "<=", 15, "ns", value("iso-1k")),
    ("hand-over of a buffer of 64 KiB", "<=", 15, "ns", value("iso-64k")),
    ("memory allocations while messages run", "<=", 0, "", allocations),
    ("the slowest benchmark with 2 workers over 1", "<=", 1.2, "x",
     lambda results: two_over_one(results)[0]),
    ("messages of 50 us, 2 workers over 1", ">=", 1.8, "x", coarse_gain),
    ("memory of 10,000,000 messages to a slower consumer", "<=", 16, "MB",
     peak("producer", "apart")),
    ("first message after 1.5 s of silence, over epoll and eventfd", "<=", 1.5, "x",
     over_plain("silence")),
    ("processor time while idle", "<=", 0, "ns",
     lambda results: results.value("silence", key="idle_cpu_ns")),
    ("a message among 1,000,000 actors, over plain C on the same lines", "<=", 1.5, "x",
     over_plain("growth-1000000")),
    ("the same in random order", "<=", 1.5, "x", over_plain("growth-random-1000000")),
)


def judge(report, results):
    """One line of the table of promises for each bar that this run measured."""
    for what, relation, bound, unit, find in BARS:
        found = find(results)
        if found in (None, []):
            continue
        if what.startswith("the slowest"):
            what = f"{what} ({two_over_one(results)[1]})"
        promises.judge_line(report, (what, relation, bound, unit), found)

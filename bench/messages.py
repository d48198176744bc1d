"""The message benchmarks: runs bench_messages once per benchmark and placement, in turn."""
import subprocess

from report import median, spread

PLACES = (("1 worker", ["--workers", "1"]), ("2 workers", ["--workers", "2"]),
          ("2, apart", ["--workers", "2", "--apart"]))


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
    """All rounds of one benchmark in one placement."""

    def __init__(self):
        self.rounds = []

    def of(self, key):
        return median([r[key] for r in self.rounds])

    def shown(self):
        return self.of("value") if self.rounds else None


def listed(program):
    """Yields (name, whether its sides can be apart)."""
    out = subprocess.run([program, "--list"], stdout=subprocess.PIPE, check=True, text=True)
    for line in out.stdout.splitlines():
        name, _, apart = line.partition(" ")
        yield name, apart == "apart"


def run_one(program, name, place, options):
    command = [program, "--ms", str(options.message_ms), "--rounds",
               str(options.message_rounds), *place, name]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         timeout=90, check=False)
    if run.returncode != 0:
        raise RuntimeError(run.stderr.strip() or f"status {run.returncode}")
    return [fields(line) for line in run.stdout.splitlines()]


def measure(report, options):
    """Every benchmark in every placement, options.processes times over."""
    program = f"{options.build}/bench/bench_messages"
    benches = list(listed(program))
    cells = {}
    for process in range(options.processes):
        for name, can_be_apart in benches:
            for place, arguments in PLACES:
                if place == "2, apart" and not can_be_apart:
                    continue
                cell = cells.setdefault((name, place), Cell())
                try:
                    rounds = run_one(program, name, arguments, options)
                except (RuntimeError, subprocess.TimeoutExpired) as why:
                    report.fail(f"{name}, {place}", why)
                    continue
                cell.rounds += rounds
                for result in rounds:
                    report.keep(what="messages", place=place, **result)
        report.note(f"messages: {process + 1} of {options.processes}")
    return benches, cells


def run(report, options):
    benches, cells = measure(report, options)
    rows = []
    for name, _ in benches:
        one, two, apart = (cells.get((name, place), Cell()) for place, _ in PLACES)
        if not one.rounds:
            continue
        unit = one.rounds[0]["unit"]
        of_memory = name == "memory"
        allocs = [] if of_memory else [
            sum(r["allocations"] for r in c.rounds) / sum(r["ops"] for r in c.rounds)
            for c in (one, two, apart) if c.rounds]
        peak = max(r["peak_bytes"] for c in (one, two, apart) for r in c.rounds) / 1e6
        rows.append([name, f"bytes/{unit}" if of_memory else f"ns/{unit}", one.shown(),
                     None if of_memory else one.of("cpu_ns"),
                     None if of_memory else min(r["cpu_ns"] for r in one.rounds),
                     spread([r["value"] for r in one.rounds]), two.shown(), apart.shown(),
                     max(allocs) if allocs else None, peak])
    report.table(
        "Messages", ["benchmark", "unit", "1 worker", "CPU ns", "CPU ns, best round", "spread %",
                     "2 workers", "2 workers, sides apart", "allocations per unit", "peak MB"],
        rows, "Medians over the rounds. CPU ns: processor time of the whole program with one worker, "
              "which other programs disturb less. Apart: the two sides are pinned to different "
              "workers. A wake is a message to a sleeping worker and its answer, with one worker "
              "to itself.")
    claim(report, cells)


def claim(report, cells):
    pingpong = cells.get(("pingpong", "1 worker"), Cell())
    cost = pingpong.of("cpu_ns") if pingpong.rounds else None
    report.claim("message between actors of one worker", "<= 20 ns", cost,
                 cost is not None and cost <= 20, "ns of CPU")
    rounds = [r for (name, place), c in cells.items() for r in c.rounds
              if place == "1 worker" and name in ("pingpong", "threadring", "counting", "big")]
    allocs = sum(r["allocations"] for r in rounds) if rounds else None
    ops = sum(r["ops"] for r in rounds)
    report.claim("memory allocations while messages run", "none",
                 None if allocs is None else f"{allocs:.0f} in {ops / 1e6:,.0f} M messages",
                 allocs == 0)

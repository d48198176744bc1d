"""What a TLS session of Foal costs the host beside OpenSSL alone, in memory, without a network.

bench_session lets its engines take turns round by round; the ratios are those of neighbours.
"""
import os
import subprocess

import promises
from harness import ERRORS
from messages import fields
from report import median, spread

FOAL, RAW = "foal", "raw"


def measure(options):
    """figure -> engine -> CPU ns of each round; and figure -> unit."""
    command = [f"{options.build}/bench/bench_session", "--ms", "2" if options.quick else "20",
               "--rounds", "2" if options.quick else str(max(options.rounds, 9))]
    if (os.cpu_count() or 1) > 1:
        command = ["taskset", "-c", "0", *command]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         timeout=120, check=False)
    if run.returncode != 0:
        raise RuntimeError(run.stderr.strip()[-300:] or f"status {run.returncode}")
    found, units = {}, {}
    for line in run.stdout.splitlines():
        result = fields(line)
        if result.get("bench") != "session":
            continue
        found.setdefault(result["figure"], {}).setdefault(result["engine"], []).append(
            result["cpu_ns"])
        units[result["figure"]] = result["unit"]
    return found, units


def ratios(engines):
    return [a / b for a, b in zip(engines.get(FOAL, []), engines.get(RAW, [])) if b]


def sessions(bench):
    if not os.path.exists(f"{bench.options.build}/bench/bench_session"):
        bench.report.note("session: is not built")
        return
    try:
        found, units = measure(bench.options)
    except ERRORS as why:
        bench.report.fail("session", why)
        return
    rows = []
    for figure, engines in found.items():
        rows.append([figure, units[figure], median(engines.get(FOAL, [])),
                     median(engines.get(RAW, [])), median(ratios(engines)),
                     spread(ratios(engines))])
        bench.report.keep(what="https", figure="session", key=figure, **engines)
    bench.report.note("session")
    bench.report.table("A session in memory beside OpenSSL alone",
                       ["figure", "unit", "Foal", "OpenSSL alone", "ratio", "spread %"], rows,
                       "CPU of both sides. OpenSSL alone: the same calls on a BIO of one's own, "
                       "the least a program can do.")
    for key, records in (("session_record", True), ("session_handshake", False)):
        worst = [ratios(engines) for figure, engines in found.items()
                 if figure.startswith("record") == records and ratios(engines)]
        promises.judge(bench.report, key, max(worst, key=median, default=None))

"""What is promised, in one place, and whether it holds.

A promise is judged when its figure was measured; a run of one figure judges only that. The
messages' promises stand in messages.py.
"""
from report import median, middle

PROMISES = {
    # key: (what, least or most, bound, unit)
    "keepalive": ("HTTPS requests, 64 connections, per server CPU, x yardstick", ">=", 1.05, ""),
    "keepalive512": ("HTTPS requests, 512 connections, per server CPU, x yardstick", ">=", 1.15,
                     ""),
    "handshake": ("full handshakes, ECDSA, per server CPU, x yardstick", ">=", 1.00, ""),
    "handshake_1": ("the same with one ticket", ">=", 1.05, ""),
    "handshake_rsa": ("full handshakes, RSA-2048, per server CPU, x yardstick", ">=", 1.00, ""),
    "handshake_rsa_1": ("the same with one ticket", ">=", 1.05, ""),
    "resumed": ("resumed handshakes per server CPU, x yardstick", ">=", 1.00, ""),
    "resumed_1": ("the same with one ticket", ">=", 1.05, ""),
    "workers": ("full handshakes of two workers on two cores for those of one on one", ">=", 1.9,
                "x"),
    "echo_pingpong": ("TLS echo, ping-pong, x yardstick", ">=", 1.00, ""),
    "echo": ("TLS echo, 64 x 1, per server CPU, x yardstick", ">=", 1.05, ""),
    "echo_16": ("TLS echo, 64 x 16 in flight, per server CPU, x yardstick", ">=", 1.60, ""),
    "bulk": ("download on one connection, from memory, x yardstick", ">=", 1.00, ""),
    "echo_16k": ("TLS echo of 16 KiB, 4 connections, x yardstick", ">=", 0.97, ""),
    "writes": ("write calls per MB of a download", "<=", 16, ""),
    "plain": ("plain echo of 32 B, CPU over bare libuv callbacks", "<=", 1.05, "x"),
    "plain_16k": ("plain echo of 16 KiB, CPU over bare libuv callbacks", "<=", 1.10, "x"),
    "busy": ("p99 of an echo beside 4 busy actors, turns of 50 us", "<=", 2.0, "ms"),
    "idle_bytes": ("an idle TLS connection", "<=", 14900, "bytes"),
    "idle_nginx": ("an idle TLS connection, x nginx", "<", 1.0, ""),
    "silent_bytes": ("a silent connection", "<=", 1000, "bytes"),
    "stalled_bytes": ("a reader that stalls in a reply of 50 MB", "<=", 128000, "bytes"),
    "slow_fixed": ("p99 beside 2,000 slow clients at 10,000 requests/s, x best peer", "<=", 1.0,
                   ""),
    "slow_closed": ("p99 beside 2,000 slow clients, closed loop, x best peer", "<=", 1.0, ""),
    "slow_lost": ("slow clients that were closed", "<=", 0, ""),
    "growth_cpu": ("CPU of a request over the yardstick's, among 19,000 connections over among 10",
                   "<=", 1.15, "x"),
    "growth_bytes": ("memory of a connection at 19,000 over 1,000", "<=", 1.05, "x"),
    "session_record": ("a session's record over OpenSSL alone, the worst size", "<=", 1.05, "x"),
    "session_handshake": ("a session's handshake over OpenSSL alone, full or resumed", "<=", 1.05, "x"),
    "pause": ("first request after a pause, later than the yardstick by", "<=", 500, "us"),
}


def holds(value, relation, bound):
    return {">=": value >= bound, "<=": value <= bound, "<": value < bound,
            ">": value > bound}[relation]


def judge_line(report, line, found, busy=False):
    """line: (what, relation, bound, unit). found: a number, a list with one for each round, of
    which the median is judged, or None: it was not measured."""
    what, relation, bound, unit = line
    rounds = found if isinstance(found, list) else [found]
    value, error = median(rounds), middle(rounds)
    report.claim(what, f"{relation} {bound:,} {unit}".strip(), value,
                 value is not None and holds(value, relation, bound), unit, error,
                 not error or not error[0] <= bound <= error[1], busy)


def judge(report, key, found, busy=False):
    """Into the table of promises."""
    judge_line(report, PROMISES[key], found, busy)


def judge_beside(report, title, best, found):
    """Foal beside the best peer, round by round."""
    judge_line(report, (f"{title}: x best peer ({best})", ">", 1, ""), found)

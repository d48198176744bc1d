"""Numbers into Markdown: medians, spreads, tables, and what was promised against what is."""
import json
import os
import platform
import re
import shutil
import statistics
import sys
import time


def median(values):
    """Of the numbers among the values; None without any."""
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def spread(values):
    """(largest - smallest) / median, in percent; None for fewer than two."""
    values = [v for v in values if v is not None]
    middle = median(values)
    return (max(values) - min(values)) / middle * 100 if len(values) > 1 and middle else None


def middle(values):
    """(first, third) quartile: where the middle half of the rounds lies; None for fewer than
    three. With nine rounds the true median is in it four times out of five."""
    values = [v for v in values or () if v is not None]
    if len(values) < 3:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def number(value, digits=3):
    """At least so many significant digits, no exponent, "-" for nothing."""
    if value is None:
        return "-"
    if value == 0 or abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    if abs(value) < 10 ** -digits:
        return f"<{10 ** -digits:.{digits}f}"
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    return f"{value:.{max(digits - whole, 0)}f}"


def between(quartiles):
    """What middle found."""
    return f"{number(quartiles[0])} – {number(quartiles[1])}" if quartiles else "-"


class Report:
    """Collects the text, the raw results and the claims of one run."""

    def __init__(self, folder, judging=True):
        self.folder = folder
        self.judging = judging  # whether it means anything that a claim holds
        self.parts = []
        self.claims = []
        self.failures = []
        os.makedirs(folder, exist_ok=True)
        self.raw = open(os.path.join(folder, "results.jsonl"), "w", encoding="utf-8")

    def note(self, what):
        """Progress, for the person who waits."""
        print(f"  {what}", file=sys.stderr, flush=True)

    def keep(self, **result):
        """One raw result."""
        self.raw.write(json.dumps(result) + "\n")
        self.raw.flush()

    def fail(self, what, why):
        """Something did not run: the rest goes on, the exit status tells."""
        self.failures.append(f"{what}: {why}")
        self.note(f"FAILED {what}: {why}")

    def text(self, text):
        self.parts.append(text)

    def table(self, title, heads, rows, below=""):
        """rows: lists of cells; numbers are formatted here."""
        lines = [f"### {title}", "", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
        for row in rows:
            cells = [cell if isinstance(cell, str) else number(cell) for cell in row]
            lines.append("| " + " | ".join(cells) + " |")
        if below:
            lines += ["", below]
        self.parts.append("\n".join(lines))

    def claim(self, what, promised, value, holds, unit="", error=None, resolved=True, busy=False):
        """A promise and whether it holds; value None: not measured. error: as from middle;
        resolved: the bound is not within it; busy: other programs had what it takes."""
        if value is None:
            shown, verdict = "-", "not measured"
        else:
            shown = value if isinstance(value, str) else f"{number(value)} {unit}".strip()
            verdict = "holds" if holds else "NOT HELD"
            verdict += "" if resolved else ", within the error"
            if not self.judging:
                verdict = "not judged"
            elif busy:
                verdict = "not judged: the machine was busy"
        self.claims.append((what, promised, shown, between(error), verdict))

    def claims_text(self):
        if not self.claims:
            return ""
        lines = ["### What is promised", "",
                 "| | promised | measured | middle half of the rounds | |", "|---|---|---|---|---|"]
        lines += [f"| {' | '.join(claim)} |" for claim in self.claims]
        lines += ["", "Within the error: the bound lies in the middle half of the rounds, so that "
                  "another run may find the opposite. Without a middle half: measured once or "
                  "twice, or the largest of all rounds."]
        return "\n".join(lines)

    def markdown(self, head):
        parts = [head, self.claims_text(), *self.parts]
        if self.failures:
            parts.append("Did not run:\n\n" + "\n".join(f"- {line}" for line in self.failures))
        return "\n\n".join(part for part in parts if part) + "\n"


# ---- where it was measured ----

def cpu_model():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            match = re.search(r"^model name\s*:\s*(.*)$", f.read(), re.M)
    except OSError:
        match = None
    return match.group(1) if match else platform.machine()


def head(versions, options):
    """What one must know to read the numbers."""
    load = os.getloadavg()[0]
    lines = [
        f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} cores of {cpu_model()}, "
        f"Linux {platform.release()}, load average {load:.1f} before the run."
        + (" **Other programs were running: read the ratios, not the rates.**"
           if load > 0.7 else ""),
        "", "; ".join(f"{name} {version}" for name, version in versions.items() if version) + ".",
    ]
    if options:
        lines += ["", options]
    return "\n".join(lines)


BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def write_into(path, markdown, plots):
    """Replaces what stands between the two markers of a page; the plots go beside it."""
    with open(path, encoding="utf-8") as f:
        page = f.read()
    if BEGIN not in page or END not in page:
        raise ValueError(f"{path} has no place for results")
    folder = os.path.join(os.path.dirname(path), "plots")
    shown = ""
    for plot in plots:
        os.makedirs(folder, exist_ok=True)
        name = os.path.basename(plot)
        shutil.copyfile(plot, os.path.join(folder, name))
        shown += f"![{os.path.splitext(name)[0]}](plots/{name})\n\n"
    before, rest = page.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"{before}{BEGIN}\n\n{shown}{markdown}\n{END}{after}")

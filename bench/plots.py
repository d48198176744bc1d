"""Plots as SVG, drawn by gnuplot. Nothing in them tells when or where they were made; sizes are
fixed. Without gnuplot there are none.
"""
import os
import re
import shutil
import subprocess

# Told apart without red and green; Foal first.
COLOURS = {"foal": "#0b5fa5", "foal, 1 ticket": "#7fb2dd", "foal, from memory": "#7fb2dd",
           "yardstick": "#555555",
           "nginx": "#e69f00", "h2o": "#cc79a7", "go": "#117733", "node": "#999933", "usockets": "#882255"}
MORE_COLOURS = ("#0b5fa5", "#e69f00", "#cc79a7", "#999933", "#882255", "#555555")
HEAD = """
set terminal svg size {width},{height} fixed font "sans-serif,12" background "white"
set output "{path}"
set border 3 lc rgb "#555555"
set tics nomirror tc rgb "#222222"
set grid y lc rgb "#dddddd" lt 1 lw 0.5
set key outside right top
set title "{title}"
set ylabel "{label}"
"""


def draw(path, script, **words):
    """Runs gnuplot; gives back the path, or None."""
    program = shutil.which("gnuplot")
    if program is None:
        return None
    text = HEAD.format(path=path, **words) + script
    run = subprocess.run([program], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, check=False)
    if run.returncode != 0 or not os.path.exists(path):
        raise RuntimeError(f"gnuplot: {run.stdout.strip()[-300:]}")
    with open(path, encoding="utf-8") as f:
        svg = f.read()
    svg = re.sub(r"[ \t]+$", "", svg.replace("\t", " "), flags=re.M).rstrip("\n")
    with open(path, "w", encoding="utf-8") as f:
        f.write(svg + "\n")
    return path


def block(name, rows):
    """A table that the script can refer to; None is a gap."""
    lines = [" ".join("NaN" if cell is None else f'"{cell}"' if isinstance(cell, str) else
                      f"{cell:.6g}" for cell in row) for row in rows]
    return "\n".join([f"${name} << END", *lines, "END", ""])


def colour(name, index=0):
    return COLOURS.get(name, MORE_COLOURS[index % len(MORE_COLOURS)])


def bars(path, title, label, rows, names, log_y=False):
    """rows: [group, value per name...]; a line marks 1."""
    script = block("bars", rows) + """
set style data histograms
set style histogram clustered gap 1.5
set style fill solid 0.9 border rgb "white"
""" + ("set logscale y\nset yrange [0.5:*]" if log_y else "set yrange [0:*]") + """
set xtics rotate by -25
set arrow from graph 0, first 1 to graph 1, first 1 nohead lc rgb "#222222" dt 2 front
plot """ + ", ".join(f'$bars using {i + 2}:xtic(1) title "{name}" lc rgb "{colour(name, i)}"'
                     for i, name in enumerate(names)) + "\n"
    return draw(path, script, title=title, label=label, width=960, height=400)


def curves(path, title, label, xlabel, lines, log_y=False):
    """lines: name -> [(x, y)...]; x is logarithmic."""
    tables = "".join(block(f"line{i}", points) for i, points in enumerate(lines.values()))
    script = tables + f"""
set logscale x
{"set logscale y" if log_y else "set yrange [0:*]"}
set xlabel "{xlabel}"
set format x "%.0s%c"
plot """ + ", ".join(f'$line{i} using 1:2 with linespoints pt 7 ps 0.6 lw 2 '
                     f'lc rgb "{colour(name, i)}" title "{name}"'
                     for i, name in enumerate(lines)) + "\n"
    return draw(path, script, title=title, label=label, width=640, height=360)


def rates(folder, found):
    """found: figure -> server -> x yardstick."""
    names = [n for n in COLOURS if n != "yardstick" and any(n in r for r in found.values())]
    if not found or not names:
        return []
    rows = [[figure, *(servers.get(name) for name in names)] for figure, servers in
            found.items()]
    path = bars(os.path.join(folder, "tls.svg"), "TLS on one core, x yardstick (dashed); more is "
                "better", "x yardstick", rows, names)
    return [path] if path else []


def growth(folder, found):
    """found: (server, connections) -> (CPU us, bytes)."""
    drawn = []
    # Among few connections the memory is that of the requests in flight.
    for index, (name, title, label, least) in enumerate((
            ("growth-cpu", "CPU of a request, 64 in flight", "us", 0),
            ("growth-memory", "Memory of a connection", "bytes", 100))):
        lines = {}
        for (server, count), values in sorted(found.items(), key=lambda item: item[0][1]):
            if count >= least:
                lines.setdefault(server, []).append((count, values[index]))
        if lines:
            drawn.append(curves(os.path.join(folder, f"{name}.svg"), title, label, "connections",
                                lines))
    return [path for path in drawn if path]

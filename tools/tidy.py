#!/usr/bin/env python3
"""The house rules, checked. Exits with 1 and one `file:line: rule: what to do` per breach.

    tools/tidy.py                          check the tree
    tools/tidy.py --root DIR               check another tree (used by the tests of this file)
    tools/tidy.py --symbols LIB            check what libfoal.so exports and imports
    tools/tidy.py --write-imports LIB...   rewrite the list of allowed imports
    tools/tidy.py --rules                  name the rules

The rules stand in CONTRIBUTING.md. Needs Python 3.8 or later and nothing else; --symbols
needs nm.
"""
import argparse
import os
import re
import subprocess
import sys

import tidy_prototypes
from tidy_prototypes import line_of

LIBRARY = ("runtime", "ssl", "net")
USERS = ("examples", "tests", "bench")
# Who may include whom: a higher number may include lower ones. foal.h stands above the library.
LAYER = {"runtime": 1, "ssl": 2, "net": 3, "foal.h": 4, "sim": 5, "examples": 6, "bench": 6,
         "tests": 7}
# The simulator stands in for parts of the library, so it sees the private headers; its one
# public header is not part of foal.h.
SIMULATOR_HEADER = "sim/sim.h"
SEE_PRIVATE = ("sim", "tests", "bench")
SSL_MAY_SEE = {"runtime/own.h", "runtime/err.h", "runtime/buf.h", "runtime/bufq.h"}
# Private headers of runtime/ that are its contract with the folder above.
SHARED_PRIVATE = {f"runtime/impl/{name}.h": "net"
                  for name in ("alloc", "assert", "clock", "poller", "worker")}
# System headers and the folders that may see them.
FENCED = (
    (re.compile(r"^uv(/.*)?\.h$"), ("net", "tests", "bench")),
    (re.compile(r"^openssl/"), ("ssl", "sim/tls_random.c", "examples", "tests", "bench")),
    (re.compile(r"^(pthread|threads)\.h$"), ("runtime", "tests", "bench")),
    (re.compile(r"^stdatomic\.h$"), ("runtime", "sim", "tests", "bench")),
)

FILE_LINES_MAX = 500
PUBLIC_HEADER_LINES_WARN = 150
FUNCTION_LINES_MAX = 70
LINE_COLUMNS_MAX = 90
OTHER_COLUMNS_MAX = 100
HEAD_COMMENT_LINES_MAX = 30
FILE_BYTES_MAX = 256 * 1024

# Split, so that this file does not hold what it forbids.
BANNED_WORDS = ("TO" "DO", "FIX" "ME", "X" "XX", "HA" "CK")
FORBIDDEN_TEXT = (
    (r"(?<![\w.])/(?:wo" r"rk|home|root)/", "a path of one machine"),
    (r"(?:registry\.npm" r"js\.org|py" r"pi\.org|crates\." r"io|deb\.deb" r"ian\.org"
     r"|security\.deb" r"ian\.org|proxy\.gol" r"ang\.org)", "a package registry"),
    (r"^-----BEGIN [A-Z ]*(?:PRIVATE KEY|CERTIFICATE)-----", "a key or certificate: generate it"),
)

# Programs beside C, and how their head comments begin.
OTHER_CODE = {".cpp": "/*", ".go": "//", ".erl": "%%"}

# Bytes for fuzzers are bytes; programs that must not compile are named by their files.
CORPUS = "tests/fuzz/corpus/"
PROOF_CASES = "tests/ownership/"

IMPORTS_FILE = "tests/tidy/imports.txt"

RULES = {}


def rule(name):
    """Registers a check; it gets a Tree and calls tree.report."""
    def register(function):
        RULES[name] = function
        return function
    return register


class File:
    """One text file of the tree."""

    def __init__(self, root, path):
        self.path = path
        self.folder = path.split("/")[0] if "/" in path else ""
        self.name = path.rsplit("/", 1)[-1]
        with open(os.path.join(root, path), "rb") as f:
            self.bytes = f.read()
        self.executable = os.access(os.path.join(root, path), os.X_OK)
        self.is_text = b"\0" not in self.bytes
        try:
            self.text = self.bytes.decode("utf-8")
        except UnicodeDecodeError:
            self.is_text = False
        if not self.is_text:
            self.text = ""
        self.lines = self.text.splitlines()
        self.is_c = path.endswith((".c", ".h"))
        self.comment = "/*" if self.is_c else OTHER_CODE.get(os.path.splitext(path)[1])
        self.is_library = self.folder in LIBRARY
        self.is_private = "/impl/" in path
        self.is_public_header = path in ("foal.h", SIMULATOR_HEADER) or (
            self.is_library and path.endswith(".h") and not self.is_private)


class Tree:
    """All files, and what was found."""

    def __init__(self, root):
        self.root = root
        self.findings = []
        self.warnings = []
        self.rule = ""
        self.files = [File(root, path) for path in list_files(root)]
        self.by_path = {f.path: f for f in self.files}

    def report(self, file, line, what):
        self.findings.append((file.path, line, self.rule, what))

    def c_files(self):
        return [f for f in self.files if f.is_c and f.is_text]

    def code_files(self):
        """C and other languages that are compiled."""
        return [f for f in self.files if f.comment and f.is_text]

    def text_files(self):
        return [f for f in self.files if f.is_text]


def git_files(root):
    """Empty where git is missing, refuses, or does not know the tree."""
    if not os.path.exists(os.path.join(root, ".git")):
        return []
    try:
        run = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return []
    return run.stdout.decode().splitlines() if run.returncode == 0 else []


def list_files(root):
    """What git tracks or would track; without git everything but build/."""
    paths = git_files(root)
    if not paths:
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(set(folders) - {"build", "__pycache__", ".git"})
            paths += [os.path.relpath(os.path.join(folder, n), root) for n in sorted(names)]
    return sorted({p for p in paths if os.path.isfile(os.path.join(root, p))})


# ---- text ----

@rule("binary")
def check_binary(tree):
    for f in tree.files:
        if not f.is_text and not f.path.startswith(CORPUS):
            tree.report(f, 1, "not UTF-8 text; generate it in the build instead")
        elif len(f.bytes) > FILE_BYTES_MAX:
            tree.report(f, 1, f"larger than {FILE_BYTES_MAX} bytes; generate it instead")


@rule("whitespace")
def check_whitespace(tree):
    for f in tree.text_files():
        if f.path.startswith(CORPUS):
            continue
        for number, line in enumerate(f.lines, 1):
            if "\t" in line:
                tree.report(f, number, "a tab; use spaces")
            if line != line.rstrip():
                tree.report(f, number, "trailing space; remove it")
        if f.text and not f.text.endswith("\n"):
            tree.report(f, len(f.lines), "no newline at the end; add one")


@rule("forbidden-text")
def check_forbidden_text(tree):
    for f in tree.text_files():
        for pattern, what in FORBIDDEN_TEXT:
            for match in re.finditer(pattern, f.text, re.M):
                tree.report(f, line_of(f.text, match.start()), f"{what}; take it out")


@rule("banned-word")
def check_banned_words(tree):
    pattern = re.compile(r"\b(" + "|".join(BANNED_WORDS) + r")\b")
    for f in tree.text_files():
        for match in pattern.finditer(f.text):
            tree.report(f, line_of(f.text, match.start()),
                        f"{match.group(1)}: do it now or write an issue")


@rule("executable")
def check_executable(tree):
    for f in tree.text_files():
        if f.text.startswith("#!") and not f.executable:
            tree.report(f, 1, "has a #! line but is not executable; chmod +x")
        elif f.executable and not f.text.startswith("#!"):
            tree.report(f, 1, "is executable without a #! line; chmod -x")


# ---- C files, and some other code ----

@rule("columns")
def check_columns(tree):
    for f in tree.code_files():
        most = LINE_COLUMNS_MAX if f.comment == "/*" else OTHER_COLUMNS_MAX
        for number, line in enumerate(f.lines, 1):
            if len(line) > most:
                tree.report(f, number, f"{len(line)} columns; at most {most}")


@rule("file-length")
def check_file_length(tree):
    for f in tree.code_files():
        if len(f.lines) > FILE_LINES_MAX:
            tree.report(f, FILE_LINES_MAX, f"{len(f.lines)} lines; split it, at most "
                        f"{FILE_LINES_MAX}")
        elif f.is_public_header and len(f.lines) > PUBLIC_HEADER_LINES_WARN:
            tree.warnings.append(f"{f.path}: {len(f.lines)} lines; aim at "
                                 f"{PUBLIC_HEADER_LINES_WARN} for a public header")


@rule("function-length")
def check_function_length(tree):
    for f in tree.c_files():
        start = None
        for number, line in enumerate(f.lines, 1):
            if line == "{":
                start = number
            elif line.startswith("}") and start is not None:
                length = number - start + 1
                if length > FUNCTION_LINES_MAX:
                    tree.report(f, start, f"a function of {length} lines; split it, at most "
                                f"{FUNCTION_LINES_MAX}")
                start = None


@rule("head-comment")
def check_head_comment(tree):
    for f in tree.code_files():
        if f.path.startswith(PROOF_CASES):
            continue
        if not f.text.startswith(f"{f.comment} {f.name} - "):
            tree.report(f, 1, f"begin with `{f.comment} {f.name} - what it is, the invariant, who "
                        "may touch it`")
            continue
        lines = f.text[:f.text.index("*/")].count("\n") + 1 if "*/" in f.text and \
            f.comment == "/*" else 0
        if lines > HEAD_COMMENT_LINES_MAX:
            tree.report(f, 1, f"a head comment of {lines} lines; move the essay to docs/")


@rule("test-ifdef")
def check_test_ifdef(tree):
    pattern = re.compile(r"^\s*#\s*(?:if|elif|ifdef|ifndef)\b.*\b(\w*(?:SIM|TEST)\w*)\b", re.M)
    for f in tree.c_files():
        if not f.is_library:
            continue
        for match in pattern.finditer(f.text):
            tree.report(f, line_of(f.text, match.start(1)),
                        f"{match.group(1)}: tests replace object files at link time instead")


@rule("listed")
def check_listed(tree):
    for folder in (*LIBRARY, "sim"):
        cmake = tree.by_path.get(f"{folder}/CMakeLists.txt")
        if cmake is None:
            continue
        listed = set(re.findall(r"[\w./-]+\.[ch]\b", re.sub(r"#.*|\$\{\w+\}/\S+", "",
                                                            cmake.text)))
        for f in tree.c_files():
            name = f.path[len(folder) + 1:]
            if f.folder != folder or f.path == SIMULATOR_HEADER \
                    or (f.path.endswith(".h") and f.is_private):
                continue
            if name not in listed:
                tree.report(f, 1, f"not listed in {cmake.path}; add it")
        for name in sorted(listed):
            if f"{folder}/{name}" not in tree.by_path:
                tree.report(cmake, 1, f"lists {name}, which does not exist")
    lists = "".join(f.text for f in tree.files
                    if f.folder in ("tests", "cmake") and f.name.startswith(("CMake", "Foal")))
    for f in tree.c_files():
        if f.folder == "tests" and re.search(r"_(test|fuzz)\.c$", f.name) \
                and lists and not re.search(rf"\b{f.name}\b", lists):
            tree.report(f, 1, "no CMakeLists.txt of tests/ names it; it never runs")


# ---- includes ----

def includes(f):
    """Yields (line, name, is_quoted)."""
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', f.text, re.M):
        yield line_of(f.text, match.start(1 if match.group(1) else 2)), \
            match.group(1) or match.group(2), match.group(1) is not None


def resolve(tree, f, name):
    """The path of a project header, or None: beside the file, or in a folder above it."""
    folder = os.path.dirname(f.path)
    while True:
        path = os.path.normpath(os.path.join(folder, name))
        if path in tree.by_path:
            return path
        if not folder:
            return None
        folder = os.path.dirname(folder)


def layer(path):
    return LAYER.get(path, LAYER.get(path.split("/")[0], 0))


@rule("system-header")
def check_system_headers(tree):
    for f in tree.c_files():
        for line, name, _ in includes(f):
            for pattern, folders in FENCED:
                if not pattern.match(name):
                    continue
                if f.folder not in folders and f.path not in folders:
                    tree.report(f, line, f"<{name}> belongs into {', '.join(folders)} only")
                elif f.is_public_header:
                    tree.report(f, line, f"<{name}> in a public header; hide it in the .c file")


@rule("layer")
def check_layers(tree):
    for f in tree.c_files():
        for line, name, quoted in includes(f):
            target = resolve(tree, f, name) if quoted or name == "foal.h" else None
            if target is None:
                if quoted:
                    tree.report(f, line, f'"{name}" does not exist')
                continue
            what = forbidden_include(f, target)
            if what:
                tree.report(f, line, what)


def forbidden_include(f, target):
    folder = target.split("/")[0]
    if f.folder == folder:
        return None
    if "/impl/" in target and f.folder not in SEE_PRIVATE \
            and SHARED_PRIVATE.get(target) != f.folder:
        return f"{target} is private to {folder}/; use its public headers"
    if layer(f.path) < layer(target):
        return f"{f.path} lies below {target}; turn the dependency round"
    if f.folder == "ssl" and target not in SSL_MAY_SEE:
        return f"ssl/ sees only {', '.join(sorted(SSL_MAY_SEE))}; not {target}"
    return None


@rule("include-cycle")
def check_include_cycles(tree):
    graph, folders = {}, {}
    for f in tree.c_files():
        for line, name, quoted in includes(f):
            target = resolve(tree, f, name) if quoted else None
            if target is None:
                continue
            graph.setdefault(f.path, []).append((target, f, line))
            folder = target.split("/")[0]
            if f.folder and "/" in target and folder != f.folder:
                folders.setdefault(f.folder, []).append((folder, f, line))
    report_cycles(tree, graph)
    report_cycles(tree, folders)


def report_cycles(tree, graph):
    done, path = set(), []

    def visit(node):
        if node in done:
            return
        path.append(node)
        for target, f, line in graph.get(node, ()):
            if target in path:
                cycle = path[path.index(target):] + [target]
                tree.report(f, line, f"include cycle: {' -> '.join(cycle)}")
            else:
                visit(target)
        path.pop()
        done.add(node)

    for node in sorted(graph):
        visit(node)


@rule("umbrella")
def check_umbrella(tree):
    umbrella = tree.by_path.get("foal.h")
    if umbrella is None:
        return
    seen = [name for _, name, quoted in includes(umbrella) if quoted]
    for f in tree.files:
        if f.is_public_header and f is not umbrella and f.path not in seen \
                and f.path != SIMULATOR_HEADER:
            tree.report(umbrella, 1, f"does not include {f.path}")
    if [layer(name) for name in seen] != sorted(layer(name) for name in seen):
        tree.report(umbrella, 1, "its headers are not in layer order")


# ---- public prototypes ----

rule("doc")(tidy_prototypes.check_docs)
rule("name")(tidy_prototypes.check_names)


# ---- symbols of the built library ----

def dynamic_symbols(library, which):
    out = subprocess.run(["nm", "-D", which, library], stdout=subprocess.PIPE,
                         check=True).stdout.decode()
    for line in out.splitlines():
        kind, name = line.split()[-2:]
        yield kind, name.split("@")[0]


def imports_of(library):
    """Imported names; fortified variants count as the plain function."""
    names = {name for kind, name in dynamic_symbols(library, "--undefined-only") if kind == "U"}
    return {re.sub(r"^__(\w+)_chk$", r"\1", name) for name in names}


def read_imports(root):
    if not os.path.exists(os.path.join(root, IMPORTS_FILE)):
        return set()
    with open(os.path.join(root, IMPORTS_FILE), encoding="utf-8") as f:
        return {line.strip() for line in f if line.strip() and not line.startswith("#")}


def check_symbols(root, library):
    failures = [f"{library}: symbol: exports {name}; hide it or call it foal_..."
                for kind, name in dynamic_symbols(library, "--defined-only")
                if kind != "A" and not name.startswith("foal_")]
    failures += [f"{library}: symbol: imports {name}, which {IMPORTS_FILE} does not allow; "
                 "use something else or run tools/tidy.py --write-imports"
                 for name in sorted(imports_of(library) - read_imports(root))]
    return failures


def write_imports(root, libraries):
    names = set().union(*(imports_of(library) for library in libraries))
    with open(os.path.join(root, IMPORTS_FILE), "w", encoding="utf-8") as f:
        f.write("# What libfoal.so may import. `tools/tidy.py --write-imports LIB...` rewrites "
                "this list.\n")
        f.writelines(f"{name}\n" for name in sorted(names))
    print(f"tidy: {len(names)} imports written to {IMPORTS_FILE}")


# ---- main ----

def check_tree(root):
    tree = Tree(root)
    for name, function in RULES.items():
        tree.rule = name
        function(tree)
    for warning in tree.warnings:
        print(f"note: {warning}")
    for path, line, name, what in sorted(set(tree.findings)):
        print(f"{path}:{line}: {name}: {what}")
    count = len(set(tree.findings))
    print(f"tidy: {len(tree.files)} files, {count} findings" if count else
          f"tidy: {len(tree.files)} files, no findings")
    return 1 if count or not tree.files else 0


def main():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description="Checks the house rules.")
    parser.add_argument("--root", default=here)
    parser.add_argument("--symbols", metavar="LIB")
    parser.add_argument("--write-imports", metavar="LIB", nargs="+")
    parser.add_argument("--rules", action="store_true")
    args = parser.parse_args()
    if args.rules:
        print("\n".join([*RULES, "symbol"]))
        return 0
    if args.write_imports:
        write_imports(args.root, args.write_imports)
        return 0
    if args.symbols:
        failures = check_symbols(args.root, args.symbols)
        print("\n".join([*failures, f"tidy: {len(failures)} findings in {args.symbols}"]))
        return 1 if failures else 0
    return check_tree(args.root)


if __name__ == "__main__":
    sys.exit(main())

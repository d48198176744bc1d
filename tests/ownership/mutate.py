#!/usr/bin/env python3
"""Breaks ownership in right programs by machine and counts how many mutants clang refuses.

clang's own syntax tree says which calls move (FOAL_TAKES) and which make (FOAL_MAKES,
FOAL_GIVES) a buffer or a val. Each of them is broken in every way that a tired person would:

    a call that moves     deleted; made twice; followed by a use; done on one path only;
                          skipped by an early return
    a call that makes     deleted; made twice; preceded by a use; its answer thrown away;
                          its answer inverted

A mutant is killed when -Wthread-safety alone, with everything else silenced, has an error for
it. One that does not compile for another reason is not counted.

    mutate.py --clang <path> --root <source dir> [--flag <flag>]... [--require <percent>]
              [--jobs <n>] [--list] <file.c or folder>...

Exit status: 0 the score is high enough, 1 not, 77 no clang.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

TAKES = "ReleaseCapabilityAttr"
MAKES = "TryAcquireCapabilityAttr"
GIVES = "AcquireCapabilityAttr"
LOOK = {"foal_buf": "foal_buf_len", "foal_val": "foal_val_len"}
PROOF = "-Wthread-safety"
# What a mutant asks where a program would ask something sensible.
COIN = "foal_mutant_coin"


class Source:
    """A file, its syntax tree, and how to compile a changed text of it."""

    def __init__(self, path, args):
        self.path = path
        with open(path, "rb") as file:
            self.text = file.read()
        self.command = [args.clang, "-x", "c", "-std=c11", "-D_GNU_SOURCE",
                        "-I", args.root, "-I", os.path.dirname(os.path.abspath(path)),
                        "-I", os.path.dirname(os.path.abspath(__file__)),
                        "-fsyntax-only", "-Wno-everything", PROOF, "-Werror=thread-safety",
                        "-fno-color-diagnostics"] + args.flag

    def tree(self):
        done = subprocess.run(self.command + ["-Xclang", "-ast-dump=json", self.path],
                              capture_output=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{self.path} is refused as it stands:\n{done.stderr.decode()}")
        return json.loads(done.stdout)

    def judge(self, text):
        """"killed", "alive", or "stillborn"."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "mutant.c")
            with open(path, "wb") as file:
                file.write(f"extern int {COIN};\n#line 1\n".encode() + text)
            done = subprocess.run(self.command + [path], capture_output=True, text=True,
                                  check=False)
        errors = re.findall(r" error: .*", done.stderr)
        if any(PROOF in error for error in errors):
            return "killed"
        return "stillborn" if errors else "alive"

    def line_of(self, offset):
        return self.text.count(b"\n", 0, offset) + 1


def children(node):
    return [c for c in node.get("inner", []) if c]


def walk(node):
    yield node
    for child in children(node):
        yield from walk(child)


def span(node):
    """(begin, end) of a node that stands in the file itself, else None."""
    begin, end = node.get("range", {}).get("begin", {}), node.get("range", {}).get("end", {})
    if "offset" not in begin or "offset" not in end or "includedFrom" in begin:
        return None
    return begin["offset"], end["offset"] + end["tokLen"]


def moves_of(function):
    """What a prototype does: [(attribute, parameter index, member path)]."""
    names = [c["id"] for c in children(function) if c["kind"] == "ParmVarDecl"]
    found = []
    for attribute in children(function):
        if attribute["kind"] not in (TAKES, MAKES, GIVES):
            continue
        for argument in children(attribute):
            nodes = list(walk(argument))
            refs = [n["referencedDecl"]["id"] for n in nodes if n["kind"] == "DeclRefExpr"]
            member = [n["name"] for n in nodes if n["kind"] == "MemberExpr"]
            if len(refs) == 1 and refs[0] in names:
                found.append((attribute["kind"], names.index(refs[0]), member))
    return found


class Call:
    """One call that moves or makes something: where it stands and what it is about."""

    def __init__(self, source, node, attribute, argument, member):
        self.span = span(node)
        self.attribute = attribute
        begin, end = span(argument)
        text = source.text[begin:end].decode()
        owner = text[1:] if text.startswith("&") else f"*{text}"
        self.what = f"({text})->{member[0]}" if member else owner
        base = argument["type"]["qualType"].replace("const ", "").split()[0]
        self.look = f"{LOOK['foal_buf' if member else base]}({self.what})"


def calls_of(source, body, prototypes):
    """Every call in a function body that moves or makes."""
    for node in walk(body):
        if node["kind"] != "CallExpr" or span(node) is None:
            continue
        callee = next((n for n in walk(children(node)[0]) if n["kind"] == "DeclRefExpr"), None)
        if callee is None:
            continue
        moves = prototypes.get(callee["referencedDecl"]["name"], [])
        for attribute, index, member in moves:
            argument = children(node)[1:][index]
            base = argument["type"]["qualType"].replace("const ", "").split()[0]
            if span(argument) and (member or base in LOOK):
                yield node, Call(source, node, attribute, argument, member)


def statements(body):
    """The spans of calls that are statements of their own, with their semicolons."""
    holders = {"CompoundStmt": None, "IfStmt": 1, "WhileStmt": 1, "ForStmt": -1, "DoStmt": 0,
               "CaseStmt": -1, "DefaultStmt": -1, "LabelStmt": -1}
    found = set()
    for node in walk(body):
        if node["kind"] not in holders:
            continue
        inner = children(node)
        if node["kind"] == "IfStmt":
            inner = inner[1:]
        elif node["kind"] != "CompoundStmt":
            inner = inner[holders[node["kind"]]:][:1]
        found |= {n["id"] for n in inner if n["kind"] == "CallExpr"}
    return found


def mutants(source):
    """All (line, kind, text) of a file."""
    tree = source.tree()
    prototypes, bodies = {}, []
    for node in children(tree):
        if node["kind"] != "FunctionDecl":
            continue
        moves = moves_of(node)
        if moves:
            prototypes[node["name"]] = moves
        body = next((c for c in children(node) if c["kind"] == "CompoundStmt"), None)
        if body and span(body) and source.text[slice(*span(body))][:1] == b"{":
            bodies.append((node, body))
    for function, body in bodies:
        void = function["type"]["qualType"].startswith("void ")
        alone = statements(body)
        for node, call in calls_of(source, body, prototypes):
            begin, end = call.span
            text = source.text[begin:end].decode()
            line = source.line_of(begin)
            if call.attribute == MAKES:
                variants = answers(call, text)
            elif node["id"] in alone:
                end = source.text.index(b";", end) + 1
                variants = changes(call, text, void)
            else:
                variants = uses(call, text)
            for kind, new in variants:
                yield line, kind, source.text[:begin] + new.encode() + source.text[end:]


def answers(call, text):
    """A call that makes, as an expression with an answer."""
    return [("deleted", COIN), ("made twice", f"({text} && {text})"),
            ("used before", f"({call.look} && {text})"),
            ("answer thrown away", f"((void){text}, {COIN})"),
            ("answer inverted", f"!{text}")]


def changes(call, text, void):
    """A call that moves or gives, as a statement."""
    variants = [("deleted", ";"), ("done twice", f"{{ {text}; {text}; }}"),
                ("on one path only", f"if ({COIN}) {text};")]
    if call.attribute == TAKES:
        variants.append(("used after", f"{{ {text}; (void){call.look}; }}"))
        leave = "return;" if void else "return 0;"
        variants.append(("skipped by a return", f"{{ if ({COIN}) {leave} {text}; }}"))
    else:
        variants.append(("used before", f"{{ (void){call.look}; {text}; }}"))
    return variants


def uses(call, text):
    """A call that moves, inside a larger expression: what can be done to it without a value."""
    return [("done twice", f"((void){text}, {text})")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--clang", default="")
    parser.add_argument("--root", required=True)
    parser.add_argument("--flag", action="append", default=[])
    parser.add_argument("--require", type=float, default=95.0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="name the killed ones too")
    parser.add_argument("file", nargs="+")
    args = parser.parse_args()
    if not args.clang:
        print("no clang at hand: ownership cannot be judged")
        return 77
    files = [path for name in args.file for path in
             (sorted(glob.glob(os.path.join(name, "*.c"))) if os.path.isdir(name) else [name])]
    killed = total = stillborn = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for path in files:
            source = Source(path, args)
            found = list(mutants(source))
            verdicts = list(pool.map(lambda m, s=source: s.judge(m[2]), found))
            for (line, kind, _), verdict in zip(found, verdicts):
                if verdict != "killed" or args.list:
                    print(f"{path}:{line}: {kind}: {verdict}")
            killed += verdicts.count("killed")
            stillborn += verdicts.count("stillborn")
            total += len(verdicts) - verdicts.count("stillborn")
    if total == 0:
        print("no ownership statement to break")
        return 1
    score = 100.0 * killed / total
    print(f"{killed} of {total} mutants refused: {score:.1f} % (needed: {args.require:g} %); "
          f"{stillborn} stillborn")
    return 0 if score >= args.require else 1


if __name__ == "__main__":
    sys.exit(main())

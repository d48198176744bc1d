"""Reads the public prototypes of a header and checks their comments and names.

A prototype begins with FOAL_API at the start of a line and has a comment right above it: a
sentence, then one slot per parameter, `runs`, and `fails` where it can fail. The words
`moved` and `out-owned` must agree with FOAL_TAKES, FOAL_MAKES and FOAL_GIVES.
"""
import re

PARAMETERS_MAX = 4
SLOTS = ("runs", "fails", "returns", "cost", "source", "see")


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


class Prototype:
    """One FOAL_API function of a header, and the comment right above it."""

    def __init__(self, text, start):
        end = text.index(";", start)
        self.line = line_of(text, start)
        self.code = re.sub(r"/\*.*?\*/", " ", text[start:end], flags=re.S)
        self.code = " ".join(self.code.split())
        match = re.search(r"(\w+) ?\(", strip_attributes(self.code))
        self.name = match.group(1) if match else ""
        self.is_data = match is None or " extern " in self.code
        self.parameters = [] if self.is_data else parameter_names(self.code, self.name)
        self.text = "" if self.is_data else parameter_list(self.code, self.name)
        self.comment = comment_above(text, start)


def strip_attributes(code):
    return re.sub(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)", " ", code)


def parameter_list(code, name):
    """The text between the parentheses behind the function's name."""
    start = re.search(re.escape(name) + r" ?\(", code).end()
    depth, end = 1, start
    while end < len(code) and depth:
        depth += {"(": 1, ")": -1}.get(code[end], 0)
        end += 1
    return code[start:end - 1]


def parameter_names(code, name):
    names, depth, part = [], 0, ""
    for c in parameter_list(code, name) + ",":
        depth += {"(": 1, ")": -1}.get(c, 0)
        if c == "," and depth == 0:
            pointer = re.search(r"\(\s*\*\s*(\w+)", part)
            plain = re.search(r"(\w+)(\[[^]]*\])*$", part.strip())
            if pointer:
                names.append(pointer.group(1))
            elif plain and plain.group(1) != "void":
                names.append(plain.group(1))
            part = ""
        else:
            part += c
    return names


def comment_above(text, start):
    """The lines of a /** comment that ends on the line above, without stars; or None."""
    before = text[:start]
    match = re.search(r"/\*\*((?:[^*]|\*(?!/))*)\*/[ \t]*\n\Z", before)
    if match is None:
        return None
    return [re.sub(r"^\s*\* ?", "", line).rstrip() for line in match.group(1).splitlines()]


def parse_slots(comment, parameters):
    """The summary, and {name: text} of the slots that follow it."""
    known, summary, slots, current = set(parameters) | set(SLOTS), [], {}, []
    for line in comment:
        match = re.match(r"^ ?(\w+(?:, \w+)*)(?: +(.*))?$", line)
        names = match.group(1).split(", ") if match else []
        if names and all(n in known for n in names):
            current = names
            for name in names:
                slots[name] = match.group(2) or ""
        elif current:
            for name in current:
                slots[name] += " " + line.strip()
        else:
            summary.append(line.strip())
    return " ".join(summary).strip(), slots


def prototypes(f):
    for match in re.finditer(r"^FOAL_API\b", f.text, re.M):
        yield Prototype(f.text, match.start())


def owned_types(tree):
    """The types that the ownership proof follows: struct FOAL_ISO x, struct FOAL_VAL x."""
    found = set()
    for f in tree.files:
        if f.is_public_header:
            found.update(re.findall(r"struct FOAL_(?:ISO|VAL) (\w+)", f.text))
    return found


def check_docs(tree):
    owned = owned_types(tree)
    for f in tree.files:
        if not f.is_public_header:
            continue
        for p in prototypes(f):
            if not p.is_data and not p.name.startswith("foal__"):
                check_doc(tree, f, p, owned)


def check_doc(tree, f, p, owned):
    if p.comment is None:
        tree.report(f, p.line, f"{p.name} has no /** comment right above it")
        return
    summary, slots = parse_slots(p.comment, p.parameters)
    if not re.match(r"^[A-Z`0-9].*[.:?]$", summary, re.S):
        tree.report(f, p.line, f"{p.name}: begin the comment with a sentence")
    for name in p.parameters:
        if name not in slots:
            tree.report(f, p.line, f"{p.name}: add a slot for the parameter {name}")
        else:
            words = slots[name]
            for word, marks in (("moved", ("TAKES",)), ("out-owned", ("MAKES", "GIVES"))):
                check_ownership(tree, f, p, (name, words, word, marks), owned)
    if "runs" not in slots:
        tree.report(f, p.line, f"{p.name}: add the slot `runs`")
    if ("FOAL_MAKES" in p.code or re.match(r"FOAL_API foal_err\b.*FOAL_MUST", p.code)) \
            and "fails" not in slots:
        tree.report(f, p.line, f"{p.name}: it can fail; add the slot `fails`")


def check_ownership(tree, f, p, slot, owned):
    """The word in the slot and the attribute of the prototype must agree."""
    name, words, word, marks = slot
    attributes = p.code[p.code.index(p.text):]
    said = re.search(rf"\b{word}\b", words) is not None
    marked = any(re.search(rf"FOAL_{m}\(\*?{name}\)", attributes) for m in marks)
    followed = re.search(rf"\b({'|'.join(owned) or '-'})\b[ *]*{name}\b", p.text) is not None
    macro = " or ".join(f"FOAL_{m}(*{name})" for m in marks)
    if said and followed and not marked:
        tree.report(f, p.line, f"{p.name}: {name} is called {word} but not {macro}")
    if marked and not said:
        tree.report(f, p.line, f"{p.name}: {name} is {macro}; say `{word}` in its slot")


def check_names(tree):
    for f in tree.files:
        if not f.is_public_header:
            continue
        for p in prototypes(f):
            if not p.is_data and not p.name.startswith("foal_"):
                tree.report(f, p.line, f"{p.name}: public functions begin with foal_")
            if len(p.parameters) > PARAMETERS_MAX:
                tree.report(f, p.line, f"{p.name}: {len(p.parameters)} parameters; take an "
                            f"options struct beyond {PARAMETERS_MAX}")
        for match in re.finditer(r"^[ \t]*#[ \t]*define[ \t]+(?!FOAL_|foal_)(\w+)", f.text, re.M):
            tree.report(f, line_of(f.text, match.start(1)),
                        f"{match.group(1)}: public macros begin with FOAL_ or foal_")
        for match in re.finditer(r"^typedef\b[^;{]*?(\w+);", f.text, re.M):
            if not match.group(1).startswith("foal_"):
                tree.report(f, line_of(f.text, match.start()),
                            f"{match.group(1)}: public types begin with foal_")

#!/usr/bin/env python3
"""What no compiler checks: includes point one way, banned functions, file length, one place that resumes Lua.

layers.py [ROOT]   prints "file:line: what" for each breach; exit status 1 when there is one.
"""
import os
import re
import sys

RANKS = {"base": 0, "loop": 1, "json": 2, "config": 3, "metrics": 3, "http": 4, "store": 4,
         "lanes": 5, "lua": 6, "worker": 7, "cli": 8}
MAX_LINES = 600
BANNED = re.compile(r"\b(sprintf|strcpy|strcat|strtok|atoi|gets|alloca|system)\s*\(")
ALLOCATION = re.compile(r"\b(malloc|calloc|realloc)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s+"(\w+)/')
COMMENT_OR_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
RESUME = re.compile(r"\blua_resume\b")
RESUMING_FILE = "core/lua/task.c"
ALLOCATING_FILE = "core/base/mem.c"


def code_of(text):
    """the text without comments and literals, line numbers kept"""
    return COMMENT_OR_TEXT.sub(lambda m: "\n" * m.group().count("\n"), text)


def check_include(path, layer, target):
    if target not in RANKS:
        return "includes \"%s/...\", which is no layer" % target
    if target != layer and RANKS[target] >= RANKS[layer]:
        return "layer %s must not include %s" % (layer, target)
    return None


def check_c(path, text):
    parts = path.split("/")
    layer = parts[1] if len(parts) > 2 else None
    if layer is not None and layer not in RANKS:
        yield 1, "folder core/%s is no layer" % layer
        return
    if layer:
        for number, line in enumerate(text.split("\n"), 1):
            found = INCLUDE.match(line)
            breach = found and check_include(path, layer, found.group(1))
            if breach:
                yield number, breach
    for number, line in enumerate(code_of(text).split("\n"), 1):
        for found in BANNED.finditer(line):
            yield number, "%s() is banned" % found.group(1)
        found = ALLOCATION.search(line)
        if found and path != ALLOCATING_FILE:
            yield number, "%s() outside %s" % (found.group(1), ALLOCATING_FILE)
        if RESUME.search(line) and path != RESUMING_FILE:
            yield number, "lua_resume outside %s" % RESUMING_FILE


def sources(root):
    for top in ("core", "scripts", "adapters"):
        for folder, folders, names in os.walk(os.path.join(root, top)):
            folders.sort()
            for name in sorted(names):
                if name.endswith((".c", ".h", ".lua")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def check(root):
    for path in sources(root):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read()
        lines = text.count("\n")
        if lines > MAX_LINES and not path.endswith(".d.lua"):  # those are generated
            yield path, MAX_LINES, "%d lines: two ideas?" % lines
        if not path.endswith(".lua"):
            for number, what in check_c(path, text):
                yield path, number, what


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "..")
    breaches = list(check(root))
    for breach in breaches:
        print("%s:%d: %s" % breach)
    print("layers: %d files, %d breaches" % (len(list(sources(root))), len(breaches)))
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())

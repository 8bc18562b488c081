#!/usr/bin/env python3
"""Runs the suites one after the other and sums them up: run.py test | soak | check [SUITE...].

One line per suite while it runs; the output of each goes to build/logs/SUITE.log, and its end is
shown when something failed. The last line is "N passed, N failed, N skipped".
"""
import glob
import os
import re
import subprocess
import sys
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
LOGS = os.path.join(ROOT, "build", "logs")
VENV = os.path.join(ROOT, "build", "deps", "venv", "bin")
JOBS = str(os.cpu_count() or 2)
TAIL = 120

ENVIRONMENT = {
    "PYTHONPYCACHEPREFIX": os.path.join(ROOT, "build", "pycache"),
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


class Count:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return "%d passed, %d failed, %d skipped" % (self.passed, self.failed, self.skipped)


def total(pattern, text):
    return sum(int(n) for n in re.findall(pattern, text))


# ---- what the tools print ----------------------------------------------------------------------
def count_cmocka(text):
    return Count(total(r"\[  PASSED  \] (\d+) test", text), total(r"\[  FAILED  \] (\d+) test", text),
                 total(r"\[  SKIPPED \] (\d+) test", text))


def count_pytest(text):
    last = (re.findall(r"^=* ?(.*\b(?:passed|failed|error|errors|skipped|no tests ran)\b.* in [\d.]+s.*)$",
                       text, re.M) or [""])[-1]
    failed = total(r"(\d+) failed", last) + total(r"(\d+) errors?", last)
    return Count(total(r"(\d+) passed", last), failed, total(r"(\d+) skipped", last))


def count_busted(text):
    failed = total(r"(\d+) failures?", text) + total(r"(\d+) errors?", text)
    return Count(total(r"(\d+) success", text), failed, total(r"(\d+) pending", text))


def one(_text):
    return Count(passed=1)


# ---- running -----------------------------------------------------------------------------------
class Suite:
    """A name, and steps that run in order until one fails; a step is (command, counter or None)."""

    def __init__(self, name, steps, env=None):
        self.name, self.steps, self.env = name, steps, env or {}

    def run(self):
        path = os.path.join(LOGS, self.name.replace(" ", "-") + ".log")
        env = dict(os.environ, **ENVIRONMENT, **self.env)
        count, start, began = Count(), 0, time.monotonic()
        with open(path, "wb") as log:
            for command, counter in self.steps:
                log.write(("$ %s\n" % " ".join(command)).encode())
                log.flush()
                status = subprocess.call(command, cwd=ROOT, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
                with open(path, "r", encoding="utf-8", errors="replace") as written:
                    written.seek(start)
                    text = written.read()
                    start = written.tell()
                if counter and (status == 0 or counter is not one):
                    count.add(counter(text))
                if status != 0:
                    count.failed = max(count.failed, 1)
                    break
        print("%-16s %-44s %4.0f s" % (self.name, count, time.monotonic() - began), flush=True)
        if count.failed:
            with open(path, encoding="utf-8", errors="replace") as written:
                print("".join("    " + line for line in written.readlines()[-TAIL:]))
            print("    all of it: %s\n" % os.path.relpath(path, ROOT), flush=True)
        return count


def configured(preset):
    with_tests = "OFF" if preset in ("release", "fuzz") else "ON"  # release: as `make build` does
    return ["cmake", "--preset", preset, "-DTIDEGATE_TESTS=" + with_tests]


def built(preset, *targets):
    command = ["cmake", "--build", "--preset", preset, "-j", JOBS]
    return command + (["--target", *targets] if targets else [])


def binary(preset):
    return {"TIDEGATE_BIN": os.path.join(ROOT, "build", preset, "tidegate")}


def c_suite(preset):
    test = ["ctest", "--test-dir", "build/" + preset, "--verbose", "--timeout", "300", "-j", JOBS]
    return Suite("core " + preset, [(configured(preset), None), (built(preset), None), (test, count_cmocka)])


def pytest_suite(name, preset, *args):
    command = [os.path.join(VENV, "python"), "-m", "pytest", "spec/e2e", "-q", "-n", JOBS, *args]
    return Suite(name, [(configured(preset), None), (built(preset, "tidegate"), None), (command, count_pytest)],
                 binary(preset))


def count_tap(text):
    return Count(len(re.findall(r"^ok \d", text, re.M)), len(re.findall(r"^not ok \d", text, re.M)))


def test_suite():
    """the shipped policies and middleware, tested by the program itself"""
    return Suite("tidegate test", [(configured("release"), None), (built("release", "tidegate"), None),
                                   (["build/release/tidegate", "test", ".", "--tap"], count_tap)])


def lua_suite():
    return Suite("lua", [(["busted"], count_busted)])


def fuzz_suite(seconds):
    return Suite("fuzz", [(configured("fuzz"), None), (built("fuzz"), None),
                          ([sys.executable, "spec/fuzz_all.py", str(seconds)], count_pytest)])


def c_files():
    found = []
    for top in ("core", "spec"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            if "bench" not in folder.split(os.sep):
                found += [os.path.relpath(os.path.join(folder, n), ROOT) for n in names if n.endswith((".c", ".h"))]
    return sorted(found)


def style_suite():
    lua = [d for d in ("scripts", "adapters", "examples", "spec") if glob.glob(ROOT + "/" + d + "/**/*.lua", recursive=True)]
    steps = [([sys.executable, "spec/lint/layers.py"], one),
             (["luajit", "spec/lint/reference.lua"], one),
             (["clang-format", "--dry-run", "-Werror", *c_files()], one)]
    if lua:
        steps.append((["luacheck", "-q", *lua], one))
    return Suite("style", steps)


def tidy_suite():
    files = [f for f in c_files() if f.startswith("core/") and f.endswith(".c")]
    per_core = ["sh", "-c", 'printf "%s\\n" "$@" | xargs -P ' + JOBS + " -n 4 clang-tidy -quiet -p build/dev", "sh", *files]
    return Suite("clang-tidy", [(configured("dev"), None), (per_core, one)])


def suites(what):
    if what == "check":
        return [style_suite(), tidy_suite()]
    if what == "soak":
        return [pytest_suite("e2e release", "release", "-m", "soak", "-rP", "--timeout", "1800", "-n", "0"),
                pytest_suite("e2e full", "release", "-m", "full"),
                pytest_suite("e2e asan", "asan", "-m", "not soak"), fuzz_suite(60)]
    return [style_suite(), lua_suite(), test_suite(), c_suite("asan"), c_suite("tsan"),
            pytest_suite("e2e release", "release", "-m", "not soak and not full"),
            pytest_suite("e2e asan", "asan", "-m", "not soak and not full and not sdk and not slow"),
            pytest_suite("e2e tsan", "tsan", "-m", "workers"), fuzz_suite(5)]


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in ("test", "soak", "check"):
        print(__doc__.split("\n")[0], file=sys.stderr)
        return 2
    os.makedirs(LOGS, exist_ok=True)
    wanted, sum_of_all = sys.argv[2:], Count()
    for suite in suites(sys.argv[1]):
        if not wanted or suite.name in wanted:
            sum_of_all.add(suite.run())
    print(sum_of_all)
    return 1 if sum_of_all.failed or not sum_of_all.passed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Runs every fuzzer in build/fuzz for some seconds each, as many at once as there are cores: fuzz_all.py SECONDS."""
import glob
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
SEED = b"POST /v1/x?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"  # a target without seeds begins here


def run(path, seconds):
    name = os.path.basename(path)
    work = os.path.join(ROOT, "build", "fuzz", "corpus", name)
    os.makedirs(work, exist_ok=True)
    with open(os.path.join(work, "first"), "wb") as file:
        file.write(SEED)
    seeds = os.path.join(ROOT, "spec", "fuzz", "corpus", name.removesuffix("_fuzz"))
    command = [path, "-max_total_time=%d" % seconds, "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1",
               "-artifact_prefix=%s/found-" % work, work] + ([seeds] if os.path.isdir(seeds) else [])
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return name, done.returncode, done.stdout.decode(errors="replace")


def main():
    seconds, began, failed = int(sys.argv[1]), time.monotonic(), 0
    fuzzers = sorted(p for p in glob.glob(os.path.join(ROOT, "build", "fuzz", "**", "*_fuzz"), recursive=True)
                     if os.path.isfile(p) and os.access(p, os.X_OK))
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for name, status, text in pool.map(lambda p: run(p, seconds), fuzzers):
            executions = [line.split()[-1] for line in text.split("\n") if "number_of_executed_units" in line]
            print("%s %s: %s executions" % ("FAILED" if status else "ok", name, (executions or ["?"])[0]))
            if status:
                failed += 1
                print(text[-6000:])
    print("%d passed, %d failed in %.1fs" % (len(fuzzers) - failed, failed, time.monotonic() - began))
    return 1 if failed or not fuzzers else 0


if __name__ == "__main__":
    sys.exit(main())

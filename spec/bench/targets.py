#!/usr/bin/env python3
"""The targets of this project, measured: tidegate (one worker) and nginx alternately on one mock upstream.

targets.py [--rounds 5] [--secs 3] [--quick]    prints one table; raw records go to build/bench/raw.json
"""
import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import bench

SCENARIOS = "small-max,large-max,stream-50,idle-streams"
RAW = os.path.join(bench.TOOLS, "raw.json")
PROGRAM = os.path.join(bench.TOOLS, "..", "release", "tidegate")
STREAMS = 2000
STARTS = 10
CONFIG = """return {
  listen = "127.0.0.1:%d",
  workers = %d,
  providers = { upstream = { extends = "openai", base_url = "http://127.0.0.1:%d/v1", keys = { "sk-bench" } } },
  models = { ["mock-1"] = { "upstream/mock-1" } },
}
"""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


# ---- tidegate against nginx --------------------------------------------------------------------
def compare(o):
    """runs bench.py and returns its raw records"""
    env = dict(os.environ, PATH="%s:/usr/sbin:%s" % (
        os.environ["PATH"], os.path.join(bench.TOOLS, "..", "deps", "nginx", "usr", "sbin")))
    if not shutil.which("nginx", path=env["PATH"]):
        sys.exit("no nginx to compare with: make deps brings it on Debian")
    command = [sys.executable, os.path.join(bench.HERE, "bench.py"), "--peers", "nginx,tidegate", "--scenarios", SCENARIOS,
               "--rounds", str(o.rounds), "--secs", str(o.secs), "--idle", str(o.streams), "--out", RAW,
               "--port", str(o.port)]
    running = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    try:
        status = running.wait()
    except KeyboardInterrupt:
        running.send_signal(signal.SIGTERM)
        running.wait()
        raise
    if status:
        sys.exit(status)
    with open(RAW, encoding="utf-8") as file:
        return json.load(file)["runs"]


def of(runs, scenario, peer):
    return [r for r in runs if r["scenario"] == scenario and r["peer"] == peer]


def best_cpu(runs, scenario, peer):
    return min((r["cpu_us"] for r in of(runs, scenario, peer) if r["cpu_us"]), default=None)


def added_ttft(runs, peer):
    values = [bench.added(r, "ttft", "p50") for r in of(runs, "stream-50", peer)]
    return statistics.median(v for v in values if v is not None) if values else None


def per_stream(runs, peer):
    values = [r["kb_per_stream"] for r in of(runs, "idle-streams", peer) if r["kb_per_stream"]]
    return min(values, default=None)


def failures(runs):
    return sum(r["load"]["total"]["errors"] for r in runs if r["peer"] == "tidegate" and r["scenario"] != "idle-streams")


# ---- tidegate alone ----------------------------------------------------------------------------
class Program:
    """tidegate from its start; `took` is the time to its first answer, in seconds"""

    def __init__(self, mock_port, workers):
        self.folder = tempfile.mkdtemp(prefix="targets.")
        self.port = free_port()
        with open(os.path.join(self.folder, "gateway.lua"), "w", encoding="utf-8") as file:
            file.write(CONFIG % (self.port, workers, mock_port))
        began = time.monotonic()
        with open(os.path.join(self.folder, "output"), "wb") as out:
            self.process = subprocess.Popen([PROGRAM, "run", self.folder, "--admin", "off", "--no-watch"],
                                            stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() - began > 20:
                with open(os.path.join(self.folder, "output"), encoding="utf-8") as file:
                    sys.exit("tidegate did not start:\n" + file.read())
            time.sleep(.0005)
        self.took = time.monotonic() - began

    def answers(self):
        body = json.dumps({"model": "mock-1", "messages": [{"role": "user", "content": "hi"}]})
        try:
            return bench.http_call(self.port, "POST", "/v1/chat/completions", body,
                                   {"Content-Type": "application/json"})[0] == 200
        except OSError:
            return False

    def anonymous_mb(self):
        with open("/proc/%d/smaps_rollup" % self.process.pid, encoding="ascii") as file:
            return int(re.search(r"^Anonymous:\s+(\d+)", file.read(), re.M).group(1)) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def alone(port):
    """(best milliseconds to the first answer, MB at rest with two workers)"""
    mock = bench.Mock(port, None)
    try:
        times = []
        for _ in range(STARTS):
            program = Program(port, 1)
            times.append(program.took * 1000)
            program.stop()
        program = Program(port, 2)
        time.sleep(1)
        memory = program.anonymous_mb()
        program.stop()
        return min(times), memory
    finally:
        mock.group.stop()


# ---- the table ---------------------------------------------------------------------------------
def row(what, unit, target, mine, reference, relative):
    """`target` bounds mine / reference when `relative`, else mine; None: for information"""
    if mine is None or (relative and not reference):
        return [what, "-", "-", "-", "-", "not measured"]
    ratio = mine / reference if reference else None
    value = ratio if relative else mine
    met = "" if target is None else "yes" if round(value, 2) <= target else "NO"
    wanted = "" if target is None else ("<= %.2f x nginx" % target if relative else "<= %g %s" % (target, unit))
    return [what, wanted, "%.1f %s" % (mine, unit), "%.1f %s" % (reference, unit) if reference else "",
            "%.2f" % ratio if ratio else "", met]


def table(runs, start_ms, memory_mb):
    def cpu(what, scenario, target):
        return row(what, "us", target, best_cpu(runs, scenario, "tidegate"), best_cpu(runs, scenario, "nginx"), True)
    return [
        cpu("CPU per request, 1 KB", "small-max", 1.0),
        cpu("CPU per request, 64 KB prompt", "large-max", None),
        cpu("CPU per streamed chunk", "stream-50", 1.1),
        row("added time to first token, p50", "us", None, added_ttft(runs, "tidegate"), added_ttft(runs, "nginx"), False),
        row("memory per idle stream", "KB", 12, per_stream(runs, "tidegate"), per_stream(runs, "nginx"), False),
        row("start to first answer, best of %d" % STARTS, "ms", 50, start_ms, None, False),
        row("anonymous memory at rest, 2 workers", "MB", 6, memory_mb, None, False),
    ]


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--secs", type=float, default=3)
    ap.add_argument("--streams", type=int, default=STREAMS, help="idle streams for the memory of one (%d)" % STREAMS)
    ap.add_argument("--port", type=int, default=19000, help="first port to use (19000)")
    ap.add_argument("--quick", action="store_true", help="one short round: does it run at all?")
    o = ap.parse_args()
    if o.quick:
        o.rounds, o.secs, o.streams = 1, 1, 200
    start_ms, memory_mb = alone(o.port)
    runs = compare(o)
    rows = table(runs, start_ms, memory_mb)
    facts = bench.facts()
    print("\n%s, %d cores, kernel %s; %d rounds of %g s, best of tidegate / best of nginx\n" % (
        facts["cpu"], facts["cpus"], facts["kernel"], o.rounds, o.secs))
    print(bench.table(["what", "target", "tidegate", "nginx", "ratio", "met"], rows))
    print("failed requests of tidegate: %d" % failures(runs))
    missed = [r[0] for r in rows if r[5] in ("NO", "not measured")]
    print("all targets met" if not missed else "not met: " + "; ".join(missed))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The targets of this project, measured: tidegate (one worker) and nginx alternately on one mock upstream.

targets.py [--rounds 5] [--secs 3] [--quick]    prints one table; raw records go to build/bench/raw.json
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys

from actors import HERE, TOOLS
from alone import STARTS, alone
from machine import facts
from reloads import SAVES, measure_reloads
from tables import added, quant, table

PEERS = "nginx,tidegate,tidegate-policy,nginx-tls,tidegate-tls,nginx-log,tidegate-log,nginx-unbuffered," \
    "tidegate-anthropic,tidegate-gemini,tidegate-responses,tidegate-bedrock,tidegate-ollama"
SCENARIOS = "small-max,small-tls,small-translated,small-log,large-max,large-translated,big-max,embed-max,paced-2000,stream-50," \
    "stream-translated,small-beside,idle-streams,idle-tls"
DIRECT = "paced-2000"  # also without a gateway: its rows are the latency that one adds
RAW = os.path.join(TOOLS, "raw.json")
STREAMS = 2000
BESIDE = 8000
IDLE_ROUNDS = 3
WHOLE = dict(rounds=5, secs=3, streams=STREAMS, beside=BESIDE)
QUICK = dict(rounds=1, secs=1, streams=200, beside=400)


# ---- the measurements --------------------------------------------------------------------------
def compare(o):
    """runs bench.py and returns its raw records"""
    env = dict(os.environ, PATH="%s:/usr/sbin:%s" % (
        os.environ["PATH"], os.path.join(TOOLS, "..", "deps", "nginx", "usr", "sbin")))
    if not shutil.which("nginx", path=env["PATH"]):
        print("no nginx to compare with: make deps brings it on Debian", file=sys.stderr)
    command = [sys.executable, os.path.join(HERE, "bench.py"), "--peers", PEERS, "--scenarios", SCENARIOS,
               "--rounds", str(o.rounds), "--secs", str(o.secs), "--idle", str(o.streams), "--idle-tls", str(o.streams),
               "--idle-rounds", str(IDLE_ROUNDS), "--beside", str(o.beside), "--direct", DIRECT, "--out", RAW,
               "--port", str(o.port)]
    running = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    try:
        status = running.wait()
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGTERM)
            running.wait()
    if status:
        sys.exit(status)
    with open(RAW, encoding="utf-8") as file:
        return json.load(file)["runs"]


class Runs:
    """the raw records, asked for what a row needs; None where there is none"""

    def __init__(self, runs):
        self.runs = runs

    def of(self, scenario, peer):
        return [r for r in self.runs if r["scenario"] == scenario and r["peer"] == peer]

    def best(self, scenario, peer, key):
        """the least of all rounds: noise only ever adds"""
        return min((r[key] for r in self.of(scenario, peer) if r.get(key) is not None), default=None)

    def cpu(self, scenario, peer):
        return self.best(scenario, peer, "cpu_us")

    def added(self, scenario, peer, q):
        values = [added(r, "latency", q) for r in self.of(scenario, peer)]
        return statistics.median(values) if values else None

    def ttft(self, peer):
        """of each round, the median"""
        return {r["round"]: quant(r, "ttft", "p50") for r in self.of("stream-50", peer) if r["load"]["us"]["ttft"]["n"]}

    def held(self):
        """idle streams that were open beside the load"""
        return self.best("small-beside", "tidegate", "held")

    def failures(self):
        return sum(r["load"]["total"]["errors"] for r in self.runs if r["peer"].startswith("tidegate") and "held" not in r
                   and "streams" not in r)


# ---- the rows ----------------------------------------------------------------------------------
HEAD = ["what", "target", "tidegate", "nginx", "ratio", "met"]
NOT_MEASURED = "not measured"


def amount(value, unit):
    return "" if value is None else "%.1f %s" % (value, unit)


def verdict(value, limit):
    return "" if limit is None else "yes" if round(value, 2) <= limit else "NO"


def relative(what, limit, mine, reference, unit="us"):
    """`limit` bounds mine / reference; None: for information"""
    wanted = "" if limit is None else "<= %.2f x nginx" % limit
    if not mine or not reference:
        return [what, wanted, amount(mine, unit), amount(reference, unit), "", NOT_MEASURED]
    ratio = mine / reference
    return [what, wanted, amount(mine, unit), amount(reference, unit), "%.2f" % ratio, verdict(ratio, limit)]


def absolute(what, limit, mine, reference, unit):
    """`limit` bounds mine; the other is for information"""
    wanted = "" if limit is None else "<= %g %s" % (limit, unit)
    if mine is None:
        return [what, wanted, "", amount(reference, unit), "", NOT_MEASURED]
    return [what, wanted, amount(mine, unit), amount(reference, unit),
            "%.2f" % (mine / reference) if reference and reference > 0 else "", verdict(mine, limit)]


def beside_row(runs, limit):
    """a request's CPU while idle streams are open, over the same without them"""
    def of(peer):
        with_them, without = runs.cpu("small-beside", peer), runs.cpu("small-max", peer)
        return (with_them, with_them / without) if with_them and without else (None, None)
    (mine, ratio), (others, others_ratio) = of("tidegate"), of("nginx")
    what = "the same with %d idle streams open" % (runs.held() or 0)
    theirs = "%s (%.2f)" % (amount(others, "us"), others_ratio) if others else ""
    if not mine:
        return [what, "<= %.2f x its own" % limit, "", theirs, "", NOT_MEASURED]
    return [what, "<= %.2f x its own" % limit, "%s (%.2f)" % (amount(mine, "us"), ratio), theirs,
            "%.2f" % (mine / others) if others else "", verdict(ratio, limit)]


def policy_row(runs, limit):
    """what a request costs more with a policy; both programs take turns within a round"""
    without, with_it = runs.cpu("small-max", "tidegate"), runs.cpu("small-max", "tidegate-policy")
    return absolute("a policy of 30 lines adds to it", limit, with_it - without if with_it and without else None, None, "us")


def translated_row(runs, what, limit, scenario, dialect):
    """what a request costs more than one that is passed through"""
    passed, mine = runs.cpu(scenario + "-max", "tidegate"), runs.cpu(scenario + "-translated", "tidegate-" + dialect)
    return absolute(what, limit, mine - passed if passed and mine else None, None, "us")


def framed_row(runs, what, limit, dialect):
    """a chunk of a stream that is framed in another way, over one of anthropic's, both from the same rounds"""
    mine, usual = (runs.cpu("stream-translated", "tidegate-" + name) for name in (dialect, "anthropic"))
    wanted = "<= %.2f x anthropic" % limit
    if not mine or not usual:
        return [what, wanted, amount(mine, "us"), "", "", NOT_MEASURED]
    return [what, wanted, amount(mine, "us"), "", "%.2f" % (mine / usual), verdict(mine / usual, limit)]


def middle_half(values):
    """how far apart the middle half of the values lies; one value has no spread"""
    if len(values) < 2:
        return 0.0
    quarters = statistics.quantiles(values, n=4, method="inclusive")
    return quarters[2] - quarters[0]


def ttft_row(runs):
    """within a round tidegate minus nginx; noise is what nginx differs from itself, from round to round"""
    what, wanted = "time to first token against nginx", "<= 0 within noise"
    mine, theirs = runs.ttft("tidegate"), runs.ttft("nginx")
    both = sorted(set(mine) & set(theirs))
    if not both:
        return [what, wanted, "", "", "", NOT_MEASURED]
    difference = statistics.median(mine[r] - theirs[r] for r in both)
    noise = middle_half([theirs[r] for r in both])
    return [what, wanted, amount(statistics.median(mine.values()), "us"), amount(statistics.median(theirs.values()), "us"),
            "%+.1f us, noise %.1f" % (difference, noise), "yes" if difference <= noise else "NO"]


def stall_row(runs, streams, limit):
    """the round with the least; where others took the core meanwhile, that is in it"""
    row = absolute("longest stall of the loop while %d TLS streams connect" % streams, limit,
                   runs.best("idle-tls", "tidegate-tls", "stall_ms"), None, "ms")
    every = sorted((r["stall_ms"], r["waited_ms"]) for r in runs.of("idle-tls", "tidegate-tls") if r["stall_ms"] is not None)
    if every:
        row[2] += " (to %.1f)" % every[-1][0]
        row[4] = "%.0f ms without a core" % every[0][1]
    return row


def rows(runs, start_ms, memory_mb, reloads, o):
    def cpu(what, limit, scenario, kind="", other=None):
        return relative(what, limit, runs.cpu(scenario, "tidegate" + kind), runs.cpu(scenario, other or "nginx" + kind))

    def per_stream(what, limit, scenario, kind=""):
        return absolute(what, limit, runs.best(scenario, "tidegate" + kind, "kb_per_stream"),
                        runs.best(scenario, "nginx" + kind, "kb_per_stream"), "KB")

    def paced(q):
        return absolute("added latency at 2000 requests/s, " + q, None, runs.added("paced-2000", "tidegate", q),
                        runs.added("paced-2000", "nginx", q), "us")
    return [
        cpu("CPU per request, 1 KB", .85, "small-max"),
        policy_row(runs, 3),
        cpu("the same, TLS to the upstream", .95, "small-tls", "-tls"),
        beside_row(runs, 1.05),
        cpu("the same, both with a log line for each", None, "small-log", "-log"),
        cpu("the same at 2000 requests/s", None, "paced-2000"),
        paced("p50"),
        paced("p99"),
        cpu("CPU per request, 64 KB prompt", None, "large-max"),
        cpu("CPU per request, 1 MB prompt", 1.2, "big-max"),
        cpu("the same, nginx without a second try", None, "big-max", other="nginx-unbuffered"),
        cpu("CPU per request, embeddings of 2048 texts", 1.2, "embed-max"),
        cpu("CPU per streamed chunk", 1.0, "stream-50"),
        ttft_row(runs),
        absolute("CPU per streamed chunk, openai-chat from anthropic", 12, runs.cpu("stream-translated", "tidegate-anthropic"),
                 None, "us"),
        absolute("the same from gemini", None, runs.cpu("stream-translated", "tidegate-gemini"), None, "us"),
        absolute("the same from openai-responses", None, runs.cpu("stream-translated", "tidegate-responses"), None, "us"),
        framed_row(runs, "the same from bedrock-converse", 1.5, "bedrock"),
        framed_row(runs, "the same from ollama", 1.5, "ollama"),
        translated_row(runs, "that translation adds to a request, 1 KB", 60, "small", "anthropic"),
        translated_row(runs, "the same from gemini", None, "small", "gemini"),
        translated_row(runs, "the same from openai-responses", None, "small", "responses"),
        translated_row(runs, "that translation adds to a request, 64 KB prompt", 1000, "large", "anthropic"),
        per_stream("memory per idle stream", 9, "idle-streams"),
        per_stream("memory per idle stream, TLS to the upstream", 64, "idle-tls", "-tls"),
        stall_row(runs, o.streams, 5),
        absolute("a saved script is in force after, longest of %d" % SAVES, 200, reloads.longest_ms, None, "ms"),
        absolute("longest stall of the loop by those reloads", 2, reloads.stall_ms, None, "ms"),
        absolute("start to first answer, best of %d" % STARTS, 50, start_ms, None, "ms"),
        absolute("anonymous memory at rest, 2 workers", 6, memory_mb, None, "MB"),
    ]


def options():
    ap = argparse.ArgumentParser(description=__doc__)
    for name, text in (("rounds", "rounds"), ("secs", "measured seconds of a run"),
                       ("streams", "idle streams for the memory of one"), ("beside", "idle streams beside a load")):
        ap.add_argument("--" + name, type=type(WHOLE[name]) if name != "secs" else float, help="%s (%g)" % (text, WHOLE[name]))
    ap.add_argument("--port", type=int, default=19000, help="first port to use (19000)")
    ap.add_argument("--quick", action="store_true", help="one short round: does it run at all?")
    o = ap.parse_args()
    for name, value in (QUICK if o.quick else WHOLE).items():
        if getattr(o, name) is None:
            setattr(o, name, value)
    return o


def main():
    o = options()
    signal.signal(signal.SIGTERM, lambda *a: sys.exit("ended by SIGTERM"))  # so that what was started is ended as well
    start_ms, memory_mb = alone(o.port)
    reloads = measure_reloads(o.port)
    runs = Runs(compare(o))
    lines = rows(runs, start_ms, memory_mb, reloads, o)
    where = facts()
    print("\n%s, %d cores, kernel %s; %d rounds of %g s, best of tidegate / best of nginx\n" % (
        where["cpu"], where["cpus"], where["kernel"], o.rounds, o.secs))
    print(table(HEAD, lines))
    print("failed requests of tidegate: %d" % runs.failures())
    missed = [line[0] for line in lines if line[1] and line[5] in ("NO", NOT_MEASURED)]
    print("all targets met" if not missed else "not met: " + "; ".join(missed))


if __name__ == "__main__":
    main()

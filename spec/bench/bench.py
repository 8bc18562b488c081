#!/usr/bin/env python3
"""bench.py: measure AI gateways ("peers") side by side against a mock OpenAI upstream. See README.md.

Standard library only. Needs mockup and loadgen in build/bench (make -C spec/bench).
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from actors import HERE, Mock, Peer
from machine import NCPU, allow_files, facts
from measures import load_args, measure, measure_beside, measure_idle, settle
from tables import added, report

IDLE = "200,2000,8000"
BESIDE = 8000

# ---- scenarios ---------------------------------------------------------------------------------
# mock: keys of mockup; load: arguments of loadgen (connections c, rate r, prompt bytes b, ...); kinds: of the peers that
# it is for, the first with the reference among them (plain); beside: so many idle streams are open meanwhile


def scenarios(idle=IDLE, idle_tls="2000", beside=BESIDE):
    small = dict(mock=dict(body=1024), load=["-c", "32", "-b", "1024", "-v", "@@mock@@"])
    held = dict(chunks=1000, gap=30000)
    s = [
        dict(small, name="small-max", kinds=["plain", "policy"],
             text="1 KB prompt, 1 KB answer, no upstream delay, 32 connections, closed loop"),
        dict(small, name="small-tls", text="the same, TLS to the upstream", kinds=["tls"]),
        dict(small, name="small-log", text="the same, with a line for each request in a file", kinds=["log"]),
        dict(small, name="small-translated", text="the same, the upstream speaks another dialect", kinds=["translated"]),
        dict(name="large-max", text="64 KB prompt, 1 KB answer, no upstream delay, 32 connections, closed loop",
             mock=dict(body=1024), load=["-c", "32", "-b", "65536", "-v", "@@mock@@"]),
        dict(name="large-translated", text="the same, the upstream speaks another dialect", kinds=["translated"],
             mock=dict(body=1024), load=["-c", "32", "-b", "65536", "-v", "@@mock@@"]),
        dict(name="big-max", text="1 MB prompt, 1 KB answer, no upstream delay, 8 connections, closed loop",
             kinds=["plain", "unbuffered"], mock=dict(body=1024), load=["-c", "8", "-b", "1048576", "-v", "@@mock@@"]),
    ]
    s.append(dict(name="embed-max", mock=dict(embeds=2048, dims=256),
                  text="embeddings of 2048 texts of 100 bytes, 256 numbers each (6 MB), 4 connections, closed loop",
                  load=["-c", "4", "-u", "/v1/embeddings", "-e", "2048", "-b", "100"]))
    for rate in (1000, 2000):
        s.append(dict(name="paced-%d" % rate, rate=rate, mock=dict(body=1024),
                      text="1 KB prompt, 1 KB answer, no upstream delay, %d requests/s, open loop" % rate,
                      load=["-c", "1000", "-r", str(rate), "-b", "1024", "-v", "@@mock@@"]))
    for rate in (500, 1000, 2000, 5000):
        s.append(dict(name="typical-%d" % rate, rate=rate,
                      text="8 KB prompt, 4 KB answer, 60 ms upstream delay, %d requests/s, open loop" % rate,
                      mock=dict(body=4096, ttfb=60),
                      load=["-c", "3000", "-r", str(rate), "-b", "8192", "-v", "@@mock@@"]))
    s += [
        dict(name="big-prompt", text="1 MB prompt, 1 KB answer, 50 requests/s, open loop",
             mock=dict(body=1024), load=["-c", "200", "-r", "50", "-b", "1048576", "-v", "@@mock@@"]),
        dict(name="stream-50", stream=True, text="50 concurrent streams, 200 chunks, 5 ms apart (10 000 chunks/s)",
             mock=dict(chunks=200, gap=5), load=["-s", "-c", "50", "-n", "200", "-R", "0.5", "-D", "0.05"]),
        dict(name="stream-translated", stream=True, text="the same, the upstream speaks another dialect", kinds=["translated"],
             mock=dict(chunks=200, gap=5), load=["-s", "-c", "50", "-n", "200", "-R", "0.5", "-D", "0.05"]),
        dict(name="stream-500", stream=True, text="500 concurrent streams, 40 chunks, 50 ms apart (10 000 chunks/s)",
             mock=dict(chunks=40, gap=50), load=["-s", "-c", "500", "-n", "40", "-R", "1", "-D", "0.05"]),
        dict(name="stream-500-hot", stream=True,
             text="500 concurrent streams, 200 chunks, 5 ms apart (100 000 chunks/s offered: overload)",
             mock=dict(chunks=200, gap=5), load=["-s", "-c", "500", "-n", "200", "-R", "0.5", "-D", "0.05"]),
        dict(name="flaky", text="upstream resets 15 % of requests before answering, 2.5 % 429, 2.5 % 503; 5 ms, 500 requests/s",
             mock=dict(body=1024, ttfb=5, prst=.15, p429=.025, p503=.025, retry_after=0),
             load=["-c", "1000", "-r", "500", "-b", "1024", "-v", "@@mock@@"]),
        dict(small, name="small-beside", beside=beside, mock=dict(held, body=1024),
             text="as small-max, while %d streams are open that have had one chunk and now wait" % beside),
        dict(name="idle-streams", idle=[int(n) for n in idle.split(",")], mock=held,
             text="open streams that have had one chunk and now wait: memory"),
        dict(name="idle-tls", idle=[int(n) for n in idle_tls.split(",")], kinds=["tls"], ramp=2, mock=held,
             text="the same, TLS to the upstream; all opened within 2 s"),
    ]
    return s


# ---- rounds ------------------------------------------------------------------------------------
def warm_up(peer, mock):
    """JIT, pools, lazily loaded code"""
    for cfg, load in ((dict(body=1024), ["-d", "0.8"]), (dict(chunks=50, gap=5), ["-s", "-d", "0.5"])):
        mock.set(**cfg)
        subprocess.run(load_args(peer, dict(name=""), ["-c", "16", "-w", "0"] + load), stdout=subprocess.DEVNULL)


class Bench:
    """the peers, alternately, on one mock; `runs` gathers a record of each measurement"""

    def __init__(self, o, scs, mock, rundir):
        self.o, self.scs, self.mock, self.rundir = o, scs, mock, rundir
        self.peer_cpus = {NCPU - 1} if o.tool_cpus else None
        self.direct = Peer("direct", 0, mock, rundir, None)
        self.names = [x for x in o.peers.split(",") if x and x != "direct"]
        self.runs, self.versions, self.live = [], {}, []

    def round(self, rnd):
        self.live = peers = [Peer(n, self.o.port + 10 + i, self.mock, self.rundir, self.peer_cpus)
                             for i, n in enumerate(self.names)]
        self.versions = {p.name: p.spec.get("title", "") for p in peers}
        self.mock.set()
        ok = [p for p in peers if p.start()]
        for p in ok:
            warm_up(p, self.mock)
        limit = {}  # of the open-loop rate, once a peer could not keep up
        for sc in self.scs:
            mine = [p for p in ok if p.kind() in sc.get("kinds", ["plain"])]
            self.mock.set(**sc["mock"])
            if sc.get("idle"):
                if rnd < (self.o.idle_rounds or self.o.rounds):
                    self.idle(rnd, sc, mine)
            else:
                self.load(rnd, sc, [p for p in mine if sc.get("rate", 0) <= limit.get(p.name, 1e9)], limit)
        self.stop()

    def idle(self, rnd, sc, peers):
        for p in peers:
            for n in sc["idle"]:  # each time a fresh process: memory at rest is then its own
                p.stop()
                self.mock.set()
                if not p.start():
                    continue
                subprocess.run(load_args(p, dict(name=""), ["-c", "16", "-w", "0", "-d", "1"]), stdout=subprocess.DEVNULL)
                self.mock.set(**sc["mock"])
                r = measure_idle(p, sc, n, self.mock, self.o)
                r["round"] = rnd
                self.runs.append(r)
                print("# %d %-15s %-10s %5d streams (%d open): %.1f KB each, %d still open upstream 2 s after the clients left%s" % (
                    rnd, sc["name"], p.name, n, r["opened"], r["kb_per_stream"] or -1, r["leaked"],
                    "" if r["stall_ms"] is None else "; longest turn %.2f ms, waited %.0f ms for a core" % (
                        r["stall_ms"], r["waited_ms"])), file=sys.stderr)
            p.stop()

    def load(self, rnd, sc, peers, limit):
        with_direct = self.o.direct == "all" or sc["name"] in self.o.direct.split(",")
        before = measure(self.direct, sc, self.mock, self.o) if with_direct and peers else None
        for p in peers:
            r = (measure_beside if sc.get("beside") else measure)(p, sc, self.mock, self.o)
            r["round"] = rnd
            if sc.get("rate") and r["load"]["rps"] < .9 * sc["rate"]:
                limit[p.name] = sc["rate"]
            settle(p)
            if with_direct:
                after = measure(self.direct, sc, self.mock, self.o)
                before["round"] = after["round"] = rnd
                r["direct"] = [dict(us=x["load"]["us"]) for x in (before, after)]
                self.runs += [before, r]
                before = after
            else:
                self.runs.append(r)
            print("# %d %-15s %-10s cpu %7.1f us  %8.1f/s  core %3.0f%%  p50 %+.0f us  err %d  foreign %.2f%s" % (
                rnd, sc["name"], p.name, r["cpu_us"] or -1, r["load"]["chunks_per_s"] if sc.get("stream") else r["load"]["rps"],
                100 * r["peer_core"], added(r, "transit" if sc.get("stream") else "latency", "p50") or 0,
                r["load"]["total"]["errors"], r["foreign"], "  beside %d streams" % r["held"] if "held" in r else ""),
                file=sys.stderr)
        if before:
            self.runs.append(before)

    def save(self):
        d = dict(facts=facts(), options=vars(self.o) | {"tool_cpus": sorted(self.o.tool_cpus or [])}, versions=self.versions,
                 peers=["direct"] + self.names, scenarios=self.scs, runs=self.runs)
        if self.o.out:
            with open(self.o.out, "w") as f:
                json.dump(d, f)
        return d

    def stop(self):
        for p in self.live:
            try:
                p.stop()
            except Exception as e:  # leave nothing running
                print(e, file=sys.stderr)
        self.live = []


# ---- main --------------------------------------------------------------------------------------
def options():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--peers", default="nginx,haproxy,node", help="folders in peers/, by comma (nginx,haproxy,node)")
    ap.add_argument("--ref", default="nginx", help="the peer that ratios are taken against (nginx)")
    ap.add_argument("--scenarios", default="", help="names by comma, a prefix will do (all)")
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--secs", type=float, default=3, help="measured seconds of a run (3)")
    ap.add_argument("--warmup", type=float, default=.5)
    ap.add_argument("--idle", default=IDLE, help="numbers of idle streams, by comma (%s)" % IDLE)
    ap.add_argument("--idle-tls", default="2000", help="the same with TLS to the upstream (2000)")
    ap.add_argument("--idle-rounds", type=int, default=0, help="in how many rounds idle streams are measured (all)")
    ap.add_argument("--beside", type=int, default=BESIDE, help="idle streams in small-beside (%d)" % BESIDE)
    ap.add_argument("--direct", default="all", help="scenarios, by comma, that also run without a gateway, or none (all)")
    ap.add_argument("--port", type=int, default=19000, help="first port to use: the mock; peers follow (19000)")
    ap.add_argument("--no-pin", action="store_true", help="do not give the peer the last core and the tools the others")
    ap.add_argument("--out", default="", help="write the raw records there as JSON")
    ap.add_argument("--report", default="", help="only print the tables of this earlier JSON file")
    ap.add_argument("--list", action="store_true", help="list scenarios and peers")
    return ap.parse_args()


def show_list():
    for s in scenarios():
        print("%-16s %s" % (s["name"], s["text"]))
    for d in sorted(os.listdir(HERE + "/peers")):
        if os.path.exists("%s/peers/%s/adapter.json" % (HERE, d)):
            print("peer %-16s %s" % (d, Peer.adapter(d)["title"]))


def chosen(o):
    """the scenarios asked for; no more idle streams than descriptors allow: two each in the peer"""
    beside = min(o.beside, (allow_files(2 * o.beside + 400) - 400) // 2)
    if beside < o.beside:
        print("# only %d idle streams beside the load: more descriptors are not allowed" % beside, file=sys.stderr)
    every = scenarios(o.idle, o.idle_tls, beside)
    names = [s["name"] for s in every]
    want = [x for x in o.scenarios.split(",") if x]
    return [s for s in every
            if not want or any(s["name"] == w if w in names else s["name"].startswith(w) for w in want)]


def main():
    o = options()
    if o.report:
        with open(o.report) as f:
            print(report(json.load(f), o.ref))
        return
    if o.list:
        show_list()
        return
    scs = chosen(o)
    o.tool_cpus = set(range(NCPU - 1)) if NCPU >= 2 and not o.no_pin else None
    signal.signal(signal.SIGTERM, lambda *a: sys.exit("ended by SIGTERM"))  # so that the clean-up below runs
    rundir = tempfile.mkdtemp(prefix="bench.")
    mock = Mock(o.port, rundir, o.tool_cpus)
    bench = Bench(o, scs, mock, rundir)
    try:
        for rnd in range(o.rounds):
            bench.round(rnd)
            bench.save()
    finally:
        bench.stop()
        mock.group.stop()
        shutil.rmtree(rundir, ignore_errors=True)
    print(report(bench.save(), o.ref))


if __name__ == "__main__":
    main()

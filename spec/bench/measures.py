"""One measurement each: a timed load, a load beside idle streams, the memory of idle streams."""
import contextlib
import json
import os
import subprocess
import sys
import time

from actors import LOADGEN
from machine import cpu_total

OPENED_PER_S = 2500  # idle streams, unless a scenario says otherwise


def load_args(peer, scenario, extra):
    a = [LOADGEN, "-p", str(peer.port), "-u", peer.path(), "-m", peer.spec.get("model", "mock-1")]
    for k, v in peer.headers(scenario["name"]).items():
        a += ["-H", "%s: %s" % (k, v)]
    return a + extra


def start_load(args, o):
    pin = (lambda: os.sched_setaffinity(0, o.tool_cpus)) if o.tool_cpus else None
    return subprocess.Popen(args, stdout=subprocess.PIPE, preexec_fn=pin)


def measure(peer, sc, mock, o):
    """one timed run; everything needed later is in the returned record"""
    mock.reset()
    args = load_args(peer, sc, sc["load"] + ["-w", str(o.warmup), "-d", str(o.secs)])
    c0, m0, (b0, s0), t0 = peer.cpu(), mock.group.cpu(), cpu_total(), time.time()
    p = start_load(args, o)
    out = p.communicate()[0]
    c1, m1, (b1, s1), t1 = peer.cpu(), mock.group.cpu(), cpu_total(), time.time()
    if p.returncode:
        sys.exit("loadgen failed: %s" % " ".join(args))
    rep = json.loads(out)
    lg, wall = rep["total"]["cpu_s"], t1 - t0
    rec = dict(scenario=sc["name"], peer=peer.name, wall=wall, cpu=c1 - c0, cpu_mock=m1 - m0, cpu_loadgen=lg,
               peer_core=(c1 - c0) / wall, foreign=max(0.0, (b1 - b0) - (c1 - c0) - (m1 - m0) - lg) / wall,
               steal=(s1 - s0) / wall, mock=mock.stats(), load=rep)
    n = rep["total"]["chunks"] if sc.get("stream") else rep["total"]["completed"]
    rec["units"] = n
    rec["cpu_us"] = (c1 - c0) / n * 1e6 if n else None
    rec["tool_us"] = (lg + m1 - m0) / n * 1e6 if n else None
    rec["pss_kb"], rec["rss_kb"] = peer.memory()
    return rec


def settle(peer):
    """wait until the peer has worked off what an overload left in its queues"""
    for _ in range(50):
        c = peer.cpu()
        time.sleep(.1)
        if peer.cpu() - c < .005:
            return


@contextlib.contextmanager
def open_streams(peer, sc, n, mock, o):
    """n streams through the peer that have had one chunk and now wait; gives how many are open upstream, by a function"""
    held = mock.stats()["streams_open"]  # left behind by others: must not count
    ramp = sc.get("ramp") or n / OPENED_PER_S
    args = load_args(peer, sc, ["-s", "-c", str(n), "-R", str(max(.2, ramp)), "-w", "0", "-d", "120", "-D", "0", "-T", "300"])
    streams = Streams(start_load(args, o), lambda: mock.stats()["streams_open"] - held)
    try:
        streams.wait(n)
        yield streams
    finally:
        streams.close()


class Streams:
    def __init__(self, process, upstream):
        self.process, self.upstream, self.load = process, upstream, None

    def wait(self, n):
        """until n are open, or no more come"""
        last, since, end = -1, time.time(), time.time() + 20
        while time.time() < end:
            k = self.upstream()
            if k != last:
                last, since = k, time.time()
            if k >= n or time.time() - since > 3:
                return
            time.sleep(.1)

    def close(self):
        """the clients leave; their report is then in `load`"""
        if self.load is None:
            self.process.terminate()
            self.load = json.loads(self.process.communicate()[0])

    def leaked(self):
        """how many the peer still holds upstream, up to 2 s after its clients left"""
        left = -1
        for _ in range(20):
            left = self.upstream()
            if left <= 0:
                break
            time.sleep(.1)
        return left


def measure_beside(peer, sc, mock, o):
    """a timed run while idle streams are open"""
    with open_streams(peer, sc, sc["beside"], mock, o) as streams:
        time.sleep(.5)
        held = streams.upstream()
        rec = measure(peer, sc, mock, o)
    rec["held"] = held
    streams.leaked()
    return rec


def longest_turn(before, after):
    """seconds of the longest turn of the loop between the two: exact when it was the longest ever, else the upper bound
    of its bucket"""
    if not before or not after:
        return None
    if after[1] > before[1]:
        return after[1]
    done, longest = 0, 0.0
    for (bound, n0), (_, n1) in zip(before[0], after[0]):
        if n1 - n0 > done:
            done, longest = n1 - n0, bound
    return min(longest, after[1])


def measure_idle(peer, sc, n, mock, o):
    """memory of a fresh process with n open streams that have had one chunk and now wait"""
    turns, base, before, waited = peer.turns(), peer.memory(), mock.stats(), peer.waited()
    with open_streams(peer, sc, n, mock, o) as streams:
        stall, waited = longest_turn(turns, peer.turns()), peer.waited() - waited
        after = mock.stats()
        time.sleep(.7)
        c0, t0 = peer.cpu(), time.time()
        time.sleep(.5)
        idle_core = (peer.cpu() - c0) / (time.time() - t0)
        pss, rss = peer.memory()
    opened = min(n, streams.load["total"]["chunks"])  # first chunks that reached the client
    return dict(scenario=sc["name"], peer=peer.name, streams=n, opened=opened, base_pss_kb=base[0], pss_kb=pss, rss_kb=rss,
                kb_per_stream=(pss - base[0]) / opened if opened else None, idle_core=idle_core, leaked=streams.leaked(),
                stall_ms=stall * 1000 if stall is not None else None, waited_ms=waited * 1000, load=streams.load,
                handshakes=after["handshakes"] - before["handshakes"], resumed=after["resumed"] - before["resumed"])

#!/usr/bin/env python3
"""bench.py: measure AI gateways ("peers") side by side against a mock OpenAI upstream. See README.md.

Standard library only. Needs mockup and loadgen in build/bench (make -C spec/bench).
"""
import argparse
import http.client
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.abspath(os.path.join(HERE, "..", "..", "build", "bench"))
MOCK = os.path.join(TOOLS, "mockup")
LOADGEN = os.path.join(TOOLS, "loadgen")
NCPU = os.cpu_count() or 1

# ---- scenarios ---------------------------------------------------------------------------------
# mock: keys of mockup; load: arguments of loadgen (connections c, rate r, prompt bytes b, ...)


IDLE = "200,2000,8000"


def scenarios(idle=IDLE):
    s = [
        dict(name="small-max", text="1 KB prompt, 1 KB answer, no upstream delay, 32 connections, closed loop",
             mock=dict(body=1024), load=["-c", "32", "-b", "1024", "-v", "@@mock@@"]),
        dict(name="large-max", text="64 KB prompt, 1 KB answer, no upstream delay, 32 connections, closed loop",
             mock=dict(body=1024), load=["-c", "32", "-b", "65536", "-v", "@@mock@@"]),
        dict(name="small-paced", text="the same at 1000 requests/s, open loop",
             mock=dict(body=1024), load=["-c", "1000", "-r", "1000", "-b", "1024", "-v", "@@mock@@"]),
    ]
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
        dict(name="stream-500", stream=True, text="500 concurrent streams, 40 chunks, 50 ms apart (10 000 chunks/s)",
             mock=dict(chunks=40, gap=50), load=["-s", "-c", "500", "-n", "40", "-R", "1", "-D", "0.05"]),
        dict(name="stream-500-hot", stream=True,
             text="500 concurrent streams, 200 chunks, 5 ms apart (100 000 chunks/s offered: overload)",
             mock=dict(chunks=200, gap=5), load=["-s", "-c", "500", "-n", "200", "-R", "0.5", "-D", "0.05"]),
        dict(name="flaky", text="upstream resets 15 % of requests before answering, 2.5 % 429, 2.5 % 503; 5 ms, 500 requests/s",
             mock=dict(body=1024, ttfb=5, prst=.15, p429=.025, p503=.025, retry_after=0),
             load=["-c", "1000", "-r", "500", "-b", "1024", "-v", "@@mock@@"]),
        dict(name="idle-streams", idle=[int(n) for n in idle.split(",")], text="open streams that have had one chunk and now wait: memory",
             mock=dict(chunks=1000, gap=30000)),
    ]
    return s


# ---- the system --------------------------------------------------------------------------------
def cpu_total():
    """busy and stolen seconds of the whole machine"""
    with open("/proc/stat") as f:
        v = [int(x) for x in f.readline().split()[1:]]
    hz = os.sysconf("SC_CLK_TCK")
    return (v[0] + v[1] + v[2] + v[5] + v[6]) / hz, v[7] / hz


class Group:
    """A process tree whose CPU time and memory can be read: a cgroup where the machine allows one (exact to the
    nanosecond, and counts children that ended), else a walk over /proc."""

    def __init__(self, name):
        self.dir = self.kind = None
        self.root = None
        for kind, base, probe in (("v1", "/sys/fs/cgroup/cpuacct", "cpuacct.usage"),
                                  ("v2", "/sys/fs/cgroup", "cpu.stat")):
            d = "%s/bench.%d.%s" % (base, os.getpid(), name)
            try:
                os.mkdir(d)
                if os.path.exists(d + "/" + probe):
                    self.dir, self.kind = d, kind
                    break
                os.rmdir(d)
            except OSError:
                pass

    def spawn(self, argv, cpus=None, **kw):
        def enter():
            if self.dir:
                with open(self.dir + "/cgroup.procs", "w") as f:
                    f.write(str(os.getpid()))
            if cpus:
                os.sched_setaffinity(0, cpus)
        p = subprocess.Popen(argv, preexec_fn=enter, start_new_session=True, **kw)
        if self.root is None:
            self.root = p
        return p

    def pids(self):
        if self.dir:
            with open(self.dir + "/cgroup.procs") as f:
                return [int(x) for x in f]
        kids = {}
        for d in os.listdir("/proc"):
            if d.isdigit():
                try:
                    with open("/proc/%s/stat" % d) as f:
                        kids.setdefault(int(f.read().rsplit(")", 1)[1].split()[1]), []).append(int(d))
                except OSError:
                    pass
        out, todo = [], [self.root.pid] if self.root else []
        while todo:
            p = todo.pop()
            out.append(p)
            todo += kids.get(p, [])
        return out

    def cpu(self):
        """seconds of CPU used so far"""
        if self.kind == "v1":
            with open(self.dir + "/cpuacct.usage") as f:
                return int(f.read()) / 1e9
        if self.kind == "v2":
            with open(self.dir + "/cpu.stat") as f:
                return int(dict(x.split() for x in f)["usage_usec"]) / 1e6
        t = 0
        for p in self.pids():
            try:
                for task in os.listdir("/proc/%d/task" % p):
                    with open("/proc/%d/task/%s/schedstat" % (p, task)) as f:
                        t += int(f.read().split()[0])
            except OSError:
                pass
        return t / 1e9

    def memory(self):
        """(PSS, RSS) in KB, summed over the tree"""
        pss = rss = 0
        for p in self.pids():
            try:
                with open("/proc/%d/smaps_rollup" % p) as f:
                    for line in f:
                        if line.startswith("Pss:"):
                            pss += int(line.split()[1])
                        elif line.startswith("Rss:"):
                            rss += int(line.split()[1])
            except OSError:
                pass
        return pss, rss

    def stop(self):
        if self.root and self.root.poll() is None:
            self.root.terminate()
            try:
                self.root.wait(3)
            except subprocess.TimeoutExpired:
                pass
        for p in self.pids() if self.root else []:
            try:
                os.kill(p, signal.SIGKILL)
            except OSError:
                pass
        if self.root:
            self.root.wait()
        if self.dir:
            for _ in range(50):
                try:
                    os.rmdir(self.dir)
                    break
                except OSError:
                    time.sleep(.02)


def http_call(port, method, path, body=None, headers=None, timeout=20):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        c.request(method, path, body, headers or {})
        r = c.getresponse()
        return r.status, r.read()
    finally:
        c.close()


# ---- mock, peers, load -------------------------------------------------------------------------
class Mock:
    def __init__(self, port, cpus):
        self.port = port
        self.group = Group("mock")
        self.group.spawn([MOCK, "-l", str(port)], cpus, stdout=subprocess.DEVNULL)
        for _ in range(100):
            try:
                self.stats()
                return
            except OSError:
                time.sleep(.02)
        sys.exit("mockup did not start")

    def set(self, **cfg):
        q = "&".join("%s=%s" % kv for kv in cfg.items())
        st, body = http_call(self.port, "POST", "/__mock/set?default=1" + ("&" + q if q else ""))
        if st != 200:
            sys.exit("mockup refused %s: %s" % (q, body))

    def stats(self):
        d = json.loads(http_call(self.port, "GET", "/__mock/stats")[1].rstrip(b"\0"))
        return d["ports"][0]

    def reset(self):
        http_call(self.port, "POST", "/__mock/reset")


class Peer:
    def __init__(self, name, port, mock_port, rundir, cpus):
        self.name, self.port, self.mock_port, self.cpus = name, port, mock_port, cpus
        self.dir = os.path.join(HERE, "peers", name)
        self.run = os.path.join(rundir, name)
        self.group = None
        if name == "direct":
            self.spec = dict(title="no gateway: the load generator talks to the mock")
            self.port = mock_port
        else:
            with open(os.path.join(self.dir, "adapter.json")) as f:
                self.spec = json.loads(self.fill(f.read()))

    def fill(self, text):
        for k, v in (("PORT", self.port), ("MOCK", self.mock_port), ("RUN", self.run), ("DIR", self.dir), ("BENCH", HERE)):
            text = text.replace("@%s@" % k, str(v))
        return text

    def headers(self, scenario=None):
        h = dict(self.spec.get("headers", {}))
        h.update(self.spec.get("scenario_headers", {}).get(scenario, {}))
        return h

    def start(self):
        if self.name == "direct":
            return True
        os.makedirs(self.run, exist_ok=True)
        for t in self.spec.get("templates", []):
            with open(os.path.join(self.dir, t)) as f, open(os.path.join(self.run, t), "w") as g:
                g.write(self.fill(f.read()))
        env = dict(os.environ)
        env.update(self.spec.get("env", {}))
        self.group = Group(self.name)
        self.log = open(os.path.join(self.run, "log"), "w")
        try:
            self.group.spawn(self.spec["start"], self.cpus, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
                             env=env, cwd=self.run)
        except OSError as e:
            print("# %s: %s" % (self.name, e), file=sys.stderr)
            return False
        for cmd in self.spec.get("after_start", []):  # e.g. create a channel by the admin API
            time.sleep(1)
            subprocess.run(cmd, stdout=self.log, stderr=self.log, env=env, cwd=self.run)
        why = ""
        end = time.time() + self.spec.get("start_timeout", 20)
        while time.time() < end and self.group.root.poll() is None:
            try:
                why = self.check()
                if not why:
                    return True
            except (OSError, http.client.HTTPException) as e:
                why = str(e)
            time.sleep(.1)
        print("# %s is not usable: %s (log: %s/log)" % (self.name, why, self.run), file=sys.stderr)
        return False

    def path(self):
        return self.spec.get("path", "/v1/chat/completions")

    def check(self):
        """one answer and one stream must come through"""
        h = dict({"Content-Type": "application/json", "Authorization": "Bearer sk-mock"}, **self.headers())
        body = {"model": self.spec.get("model", "mock-1"), "messages": [{"role": "user", "content": "hi"}]}
        st, data = http_call(self.port, "POST", self.path(), json.dumps(body), h, 5)
        if st != 200 or b"@@mock@@" not in data:
            return "status %d: %r" % (st, data[:200])
        body["stream"] = True
        st, data = http_call(self.port, "POST", self.path(), json.dumps(body), h, 5)
        if st != 200 or b"[DONE]" not in data or b"@@000019:" not in data:
            return "stream: status %d: %r" % (st, data[-200:])
        return ""

    def stop(self):
        if self.group:
            self.group.stop()
            self.group = None
            self.log.close()

    def cpu(self):
        return self.group.cpu() if self.group else 0.0

    def memory(self):
        return self.group.memory() if self.group else (0, 0)


def load_args(peer, scenario, extra):
    a = [LOADGEN, "-p", str(peer.port), "-u", peer.path(), "-m", peer.spec.get("model", "mock-1")]
    for k, v in peer.headers(scenario["name"]).items():
        a += ["-H", "%s: %s" % (k, v)]
    return a + extra


def measure(peer, sc, mock, o):
    """one timed run; everything needed later is in the returned record"""
    mock.reset()
    args = load_args(peer, sc, sc["load"] + ["-w", str(o.warmup), "-d", str(o.secs)])
    c0, m0, (b0, s0), t0 = peer.cpu(), mock.group.cpu(), cpu_total(), time.time()
    p = subprocess.Popen(args, stdout=subprocess.PIPE, preexec_fn=(lambda: os.sched_setaffinity(0, o.tool_cpus)) if o.tool_cpus else None)
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


def measure_idle(peer, sc, n, mock):
    """memory of a fresh process with n open streams that have had one chunk and now wait"""
    base = peer.memory()
    held = mock.stats()["streams_open"]  # left behind by others: must not count
    args = load_args(peer, sc, ["-s", "-c", str(n), "-R", str(max(.2, n / 2500)), "-w", "0", "-d", "120", "-D", "0", "-T", "300"])
    p = subprocess.Popen(args, stdout=subprocess.PIPE)
    last, since, end = -1, time.time(), time.time() + 20
    while time.time() < end:
        k = mock.stats()["streams_open"] - held
        if k != last:
            last, since = k, time.time()
        if k >= n or time.time() - since > 3:
            break
        time.sleep(.1)
    time.sleep(.7)
    c0, t0 = peer.cpu(), time.time()
    time.sleep(.5)
    idle_core = (peer.cpu() - c0) / (time.time() - t0)
    pss, rss = peer.memory()
    p.terminate()
    rep = json.loads(p.communicate()[0])
    opened = min(n, rep["total"]["chunks"])  # first chunks that reached the client
    leaked = -1
    for _ in range(20):  # does the peer let go of the upstream when the client is gone?
        leaked = mock.stats()["streams_open"] - held
        if leaked <= 0:
            break
        time.sleep(.1)
    return dict(scenario=sc["name"], peer=peer.name, streams=n, opened=opened, base_pss_kb=base[0], pss_kb=pss, rss_kb=rss,
                kb_per_stream=(pss - base[0]) / opened if opened else None, idle_core=idle_core, leaked=leaked, load=rep)


# ---- report ------------------------------------------------------------------------------------
def mmm(v, fmt="%.1f"):
    """median (min..max)"""
    v = [x for x in v if x is not None]
    if not v:
        return "-"
    if len(v) == 1:
        return fmt % v[0]
    return "%s (%s..%s)" % (fmt % statistics.median(v), fmt % min(v), fmt % max(v))


def quant(rec, what, q):
    return rec["load"]["us"][what][q]


def added(rec, what, q):
    d = rec.get("direct")
    if not d or not rec["load"]["us"][what]["n"]:
        return None
    return quant(rec, what, q) - statistics.mean(x["us"][what][q] for x in d)


def error_share(rec, sc):
    """of the requests that ended; outside streams, those that never ended count as failed"""
    t = rec["load"]["total"]
    bad = t["errors"] + (0 if sc.get("stream") else t["unfinished"])
    return bad / max(1, t["completed"] + bad - t["errors"])


def overloaded(rec, sc):
    return bool(sc.get("rate") or "paced" in sc["name"]) and ((added(rec, "latency", "p50") or 0) > 2e5 or rec["load"]["total"]["unfinished"] > 0) \
        or sc["name"].endswith("-hot")


def table(head, rows):
    out = ["| " + " | ".join(head) + " |", "|" + "|".join("---" if i == 0 else "---:" for i in range(len(head))) + "|"]
    return "\n".join(out + ["| " + " | ".join(r) + " |" for r in rows]) + "\n"


def ratios(recs, peer, ref, key):
    """peer / reference, both from the same round"""
    by = {}
    for r in recs:
        by.setdefault(r["round"], {})[r["peer"]] = key(r)
    return [v[peer] / v[ref] for v in by.values() if v.get(peer) and v.get(ref)]


def best_ratio(recs, peer, ref):
    """best round of the peer / best round of the reference: noise only ever adds CPU time"""
    b = [min([r["cpu_us"] for r in recs if r["peer"] == x and r["cpu_us"]], default=None) for x in (peer, ref)]
    return "%.2f" % (b[0] / b[1]) if all(b) else "-"


def report(data, ref):
    out = []
    for sc in data["scenarios"]:
        recs = [r for r in data["runs"] if r["scenario"] == sc["name"]]
        peers = [p for p in data["peers"] if any(r["peer"] == p for r in recs)]
        if not recs:
            continue
        out.append("### %s\n\n%s\n" % (sc["name"], sc["text"]))
        rows = []
        for p in peers:
            mine = [r for r in recs if r["peer"] == p]
            if sc.get("idle"):
                row = [p, mmm([r["base_pss_kb"] / 1024 for r in mine if r["streams"] == sc["idle"][0]])]
                for n in sc["idle"]:
                    at = [r for r in mine if r["streams"] == n]
                    cell = mmm([r["kb_per_stream"] for r in at])
                    low = min([r["opened"] for r in at], default=0)
                    row.append(cell + (" [only %d open]" % low if low < n else ""))
                row.append(mmm([r["pss_kb"] / 1024 for r in mine if r["streams"] == sc["idle"][-1]]))
                row.append(mmm([100 * r["leaked"] / max(1, r["opened"]) for r in mine if r["streams"] == sc["idle"][-1]], "%.0f"))
                rows.append(row)
                continue
            err = [error_share(r, sc) for r in mine]
            cpu = mmm([r["cpu_us"] for r in mine]) if p != "direct" else "-"
            rat = mmm(ratios(recs, p, ref, lambda r: r["cpu_us"]), "%.2f") if p != "direct" else "-"
            best = best_ratio(recs, p, ref) if p != "direct" else "-"
            core = mmm([100 * r["peer_core"] for r in mine], "%.0f") if p != "direct" else "-"
            if not sc.get("stream") and any(overloaded(r, sc) for r in mine):
                p += " (overload)"
            if sc.get("stream"):
                rows.append([p, cpu, rat, best, mmm([r["load"]["chunks_per_s"] for r in mine], "%.0f"), core,
                             mmm([added(r, "ttft", "p50") if p != "direct" else quant(r, "ttft", "p50") for r in mine], "%.0f"),
                             mmm([added(r, "transit", "p50") if p != "direct" else quant(r, "transit", "p50") for r in mine], "%.0f"),
                             mmm([added(r, "transit", "p99") if p != "direct" else quant(r, "transit", "p99") for r in mine], "%.0f"),
                             mmm([r["load"]["total"]["chunks"] / max(1, r["load"]["total"]["stream_reads"]) for r in mine], "%.2f"),
                             mmm([100 * e for e in err], "%.2f")])
            else:
                row = [p, cpu, rat, best, mmm([r["load"]["rps"] for r in mine], "%.0f"), core]
                row += [mmm([added(r, "latency", q) if p != "direct" else quant(r, "latency", q) for r in mine], "%.0f") for q in ("p50", "p99")]
                row.append(mmm([100 * e for e in err], "%.2f"))
                if sc["name"] == "flaky":
                    row.append(mmm([r["mock"]["requests"] / max(1, r["load"]["total"]["completed"]) for r in mine], "%.2f"))
                rows.append(row)
        if sc.get("idle"):
            head = ["peer", "PSS at rest, MB"] + ["KB per stream at %d" % n for n in sc["idle"]] + ["PSS at %d, MB" % sc["idle"][-1], "upstream still open 2 s after clients left, %"]
        elif sc.get("stream"):
            head = ["peer", "CPU us/chunk", "CPU / " + ref, "best / best", "chunks/s", "core %", "added TTFT p50 us", "added chunk delay p50 us",
                    "p99 us", "chunks per read", "errors %"]
        else:
            head = ["peer", "CPU us/req", "CPU / " + ref, "best / best", "requests/s", "core %", "added p50 us", "added p99 us", "errors %"]
            if sc["name"] == "flaky":
                head.append("upstream tries per request")
        out.append(table(head, rows))
        if "direct" in peers and not sc.get("idle"):
            out.append("(the row *direct* gives absolute latencies, the others what they add to it)\n")
    out.append(stability(data, ref))
    loads = [r for r in data["runs"] if "foreign" in r]
    if loads:
        f = [r["foreign"] for r in loads]
        s = [r["steal"] for r in loads]
        out.append("Noise: CPU used by other processes (and the kernel on nobody's account) during the runs, in cores: median %.2f, max %.2f; "
                   "stolen by the host: median %.2f, max %.2f.\n" % (statistics.median(f), max(f), statistics.median(s), max(s)))
    return "\n".join(out)


def stability(data, ref):
    """how far the rounds of one and the same measurement lie apart: (max - min) / median, over all peers and scenarios"""
    def spread(v):
        v = [x for x in v if x is not None]
        m = statistics.median(v) if v else 0
        return (max(v) - min(v)) / abs(m) if len(v) > 1 and m else None
    got = {}

    def add(metric, v):
        x = spread(v)
        if x is not None:
            got.setdefault(metric, []).append(x)
    for sc in data["scenarios"]:
        recs = [r for r in data["runs"] if r["scenario"] == sc["name"]]
        for p in data["peers"]:
            mine = [r for r in recs if r["peer"] == p]
            if sc.get("idle"):
                for n in sc["idle"]:
                    add("KB per open stream, %d streams" % n, [r["kb_per_stream"] for r in mine if r["streams"] == n])
                continue
            if p == "direct" or not mine or any(overloaded(r, sc) for r in mine):
                continue
            what = "transit" if sc.get("stream") else "latency"
            add("CPU per request or chunk", [r["cpu_us"] for r in mine])
            if p != ref:
                add("CPU relative to " + ref + ", same round", ratios(recs, p, ref, lambda r: r["cpu_us"]))
            add("absolute p50", [quant(r, what, "p50") for r in mine])
            add("absolute p99", [quant(r, what, "p99") for r in mine])
            add("added p50", [added(r, what, "p50") for r in mine])
            add("added p99", [added(r, what, "p99") for r in mine])
            if sc["name"].endswith("-max"):
                add("maximum throughput", [r["load"]["rps"] for r in mine])
    if not got:
        return ""
    rows = [[k, "%.0f %%" % (100 * statistics.median(v)), "%.0f %%" % (100 * max(v)), str(len(v))] for k, v in got.items()]
    return "### Stability\n\nDistance between rounds, (max - min) / median, over all peers and scenarios without overload:\n\n" + \
        table(["metric", "typical", "worst", "cases"], rows)


# ---- main --------------------------------------------------------------------------------------
def facts():
    model = ""
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return dict(cpus=NCPU, cpu=model, kernel=os.uname().release, loadavg=os.getloadavg(), when=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--peers", default="nginx,haproxy,node", help="folders in peers/, by comma (nginx,haproxy,node)")
    ap.add_argument("--ref", default="nginx", help="the peer that ratios are taken against (nginx)")
    ap.add_argument("--scenarios", default="", help="names by comma, a prefix will do (all)")
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--secs", type=float, default=3, help="measured seconds of a run (3)")
    ap.add_argument("--warmup", type=float, default=.5)
    ap.add_argument("--idle", default=IDLE, help="numbers of idle streams, by comma (%s)" % IDLE)
    ap.add_argument("--port", type=int, default=19000, help="first port to use: the mock; peers follow (19000)")
    ap.add_argument("--no-pin", action="store_true", help="do not give the peer the last core and the tools the others")
    ap.add_argument("--out", default="", help="write the raw records there as JSON")
    ap.add_argument("--report", default="", help="only print the tables of this earlier JSON file")
    ap.add_argument("--list", action="store_true", help="list scenarios and peers")
    o = ap.parse_args()
    if o.report:
        with open(o.report) as f:
            print(report(json.load(f), o.ref))
        return
    if o.list:
        for s in scenarios():
            print("%-16s %s" % (s["name"], s["text"]))
        for d in sorted(os.listdir(HERE + "/peers")):
            if os.path.exists("%s/peers/%s/adapter.json" % (HERE, d)):
                print("peer %-12s %s" % (d, json.load(open("%s/peers/%s/adapter.json" % (HERE, d)))["title"]))
        return
    want = [x for x in o.scenarios.split(",") if x]
    names = [s["name"] for s in scenarios(o.idle)]
    scs = [s for s in scenarios(o.idle)
           if not want or any(s["name"] == w if w in names else s["name"].startswith(w) for w in want)]
    pin = NCPU >= 2 and not o.no_pin
    peer_cpus = {NCPU - 1} if pin else None
    o.tool_cpus = set(range(NCPU - 1)) if pin else None
    signal.signal(signal.SIGTERM, lambda *a: sys.exit("ended by SIGTERM"))  # so that the clean-up below runs
    rundir = tempfile.mkdtemp(prefix="bench.")
    mock = Mock(o.port, o.tool_cpus)
    direct = Peer("direct", 0, o.port, rundir, None)
    names = [x for x in o.peers.split(",") if x and x != "direct"]
    runs, data_peers, versions = [], ["direct"] + names, {}

    def save():
        if o.out:
            d = dict(facts=facts(), options=vars(o) | {"tool_cpus": sorted(o.tool_cpus or [])}, versions=versions,
                     peers=data_peers, scenarios=scs, runs=runs)
            with open(o.out, "w") as f:
                json.dump(d, f)

    live = []
    try:
        for rnd in range(o.rounds):
            peers = [Peer(n, o.port + 10 + i, o.port, rundir, peer_cpus) for i, n in enumerate(names)]
            live = peers
            mock.set()
            ok = [p for p in peers if p.start()]
            for p in peers:
                versions[p.name] = p.spec.get("title", "")
            for p in ok:  # warm up: JIT, pools, lazily loaded code
                mock.set(body=1024)
                subprocess.run(load_args(p, dict(name=""), ["-c", "16", "-w", "0", "-d", "1.5"]), stdout=subprocess.DEVNULL)
                mock.set(chunks=50, gap=5)
                subprocess.run(load_args(p, dict(name=""), ["-s", "-c", "16", "-w", "0", "-d", "1"]), stdout=subprocess.DEVNULL)
            limit = {}
            for sc in scs:
                mock.set(**sc["mock"])
                if sc.get("idle"):
                    for p in ok:
                        for n in sc["idle"]:  # each time a fresh process: memory at rest is then its own
                            p.stop()
                            mock.set()
                            if not p.start():
                                continue
                            subprocess.run(load_args(p, dict(name=""), ["-c", "16", "-w", "0", "-d", "1"]), stdout=subprocess.DEVNULL)
                            mock.set(**sc["mock"])
                            r = measure_idle(p, sc, n, mock)
                            r["round"] = rnd
                            runs.append(r)
                            print("# %d %-15s %-10s %5d streams (%d open): %.1f KB each, %d still open upstream 2 s after the clients left" % (
                                rnd, sc["name"], p.name, n, r["opened"], r["kb_per_stream"] or -1, r["leaked"]), file=sys.stderr)
                        p.stop()
                    continue
                before = measure(direct, sc, mock, o)
                for p in ok:
                    if sc.get("rate", 0) > limit.get(p.name, 1e9):
                        continue  # it could not keep up with a lower rate
                    r = measure(p, sc, mock, o)
                    if sc.get("rate") and r["load"]["rps"] < .9 * sc["rate"]:
                        limit[p.name] = sc["rate"]
                    settle(p)
                    after = measure(direct, sc, mock, o)
                    r["round"] = before["round"] = after["round"] = rnd
                    r["direct"] = [dict(us=x["load"]["us"]) for x in (before, after)]
                    runs += [before, r]
                    before = after
                    print("# %d %-15s %-10s cpu %7.1f us  %8.1f/s  core %3.0f%%  p50 %+.0f us  err %d  foreign %.2f" % (
                        rnd, sc["name"], p.name, r["cpu_us"] or -1, r["load"]["chunks_per_s"] if sc.get("stream") else r["load"]["rps"],
                        100 * r["peer_core"], added(r, "transit" if sc.get("stream") else "latency", "p50") or 0,
                        r["load"]["total"]["errors"], r["foreign"]), file=sys.stderr)
                runs.append(before)
            for p in peers:
                p.stop()
            save()
    finally:
        for p in live:
            try:
                p.stop()
            except Exception as e:  # leave nothing running
                print(e, file=sys.stderr)
        mock.group.stop()
        shutil.rmtree(rundir, ignore_errors=True)
    print(report(dict(peers=data_peers, scenarios=scs, runs=runs), o.ref))


if __name__ == "__main__":
    main()

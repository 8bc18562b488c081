"""The machine as a bench sees it: processors, descriptors, and what a process tree takes of them."""
import http.client
import os
import resource
import signal
import subprocess
import time

NCPU = os.cpu_count() or 1


def facts():
    model = ""
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return dict(cpus=NCPU, cpu=model, kernel=os.uname().release, loadavg=os.getloadavg(), when=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))


def allow_files(wanted):
    """lets the processes that are started from here open so many files, as far as that is allowed; how many it is"""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, wanted))
            return wanted
        except (OSError, ValueError):
            return hard
    return wanted


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

    def waited(self):
        """seconds that its threads were ready to run and had no core"""
        t = 0
        for p in self.pids():
            try:
                for task in os.listdir("/proc/%d/task" % p):
                    with open("/proc/%d/task/%s/schedstat" % (p, task)) as f:
                        t += int(f.read().split()[1])
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


def http_call(port, method, path, body=None, headers=None, timeout=20, tls=None):
    if tls:
        c = http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout, context=tls)
    else:
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        c.request(method, path, body, headers or {})
        r = c.getresponse()
        return r.status, r.read()
    finally:
        c.close()

"""Those who take part in a bench: the mock upstream and the gateways ("peers"), each in a group of its own."""
import http.client
import json
import os
import re
import ssl
import subprocess
import sys
import time

from machine import Group, http_call

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.abspath(os.path.join(HERE, "..", "..", "build", "bench"))
MOCK = os.path.join(TOOLS, "mockup")
LOADGEN = os.path.join(TOOLS, "loadgen")
ADMIN_PORTS = 50  # so far behind its port is the admin listener of a peer


class Mock:
    """one process that behaves the same on a plain port and, behind it, on one with TLS"""

    def __init__(self, port, rundir, cpus):
        self.port, self.tls_port = port, port + 1
        self.certificate = os.path.join(rundir, "mock.pem")
        self.group = Group("mock")
        self.group.spawn([MOCK, "-C", self.certificate, "-l", str(port), "-t", str(self.tls_port)], cpus,
                         stdout=subprocess.DEVNULL)
        for _ in range(100):
            try:
                self.stats()
                return
            except OSError:
                time.sleep(.02)
        sys.exit("mockup did not start")

    def both(self, path):
        trust = ssl.create_default_context(cafile=self.certificate)
        for port, tls in ((self.port, None), (self.tls_port, trust)):
            status, body = http_call(port, "POST", "/__mock/" + path, tls=tls)
            if status != 200:
                sys.exit("mockup refused %s: %s" % (path, body))

    def set(self, **cfg):
        self.both("set?default=1" + "".join("&%s=%s" % kv for kv in cfg.items()))

    def stats(self):
        """both ports together"""
        total = {}
        for port in json.loads(http_call(self.port, "GET", "/__mock/stats")[1].rstrip(b"\0"))["ports"]:
            for k, v in port.items():
                if k not in ("port", "faults"):
                    total[k] = total.get(k, 0) + v
        return total

    def reset(self):
        self.both("reset")


class Peer:
    def __init__(self, name, port, mock, rundir, cpus):
        self.name, self.port, self.mock, self.cpus = name, port, mock, cpus
        self.dir = os.path.join(HERE, "peers", name)
        self.run = os.path.join(rundir, name)
        self.group = None
        if name == "direct":
            self.spec = dict(title="no gateway: the load generator talks to the mock")
            self.port = mock.port
        else:
            self.spec = self.adapter(name)
            if "extends" in self.spec:  # the same program with other values, from the same folder
                base = self.adapter(self.spec["extends"])
                self.dir = os.path.join(HERE, "peers", self.spec["extends"])
                self.spec = base | self.spec | {"values": base.get("values", {}) | self.spec.get("values", {})}
            self.spec = json.loads(self.fill(json.dumps(self.spec)))

    @staticmethod
    def adapter(name):
        with open(os.path.join(HERE, "peers", name, "adapter.json")) as f:
            return json.load(f)

    def fill(self, text):
        known = dict(PORT=self.port, ADMIN=self.port + ADMIN_PORTS, MOCK=self.mock.port, MOCK_TLS=self.mock.tls_port,
                     CERTIFICATE=self.mock.certificate, RUN=self.run, DIR=self.dir, BENCH=HERE)
        for k, v in list(self.spec.get("values", {}).items()) + list(known.items()):
            text = text.replace("@%s@" % k, str(v))
        return text

    def kind(self):
        """what sets it apart, so that it is only measured where that matters"""
        return self.spec.get("kind", "plain")

    def turns(self):
        """([(bound in seconds, turns of its loop up to that long)], the longest), if it tells"""
        if not self.spec.get("metrics"):
            return None
        page = http_call(self.port + ADMIN_PORTS, "GET", self.spec["metrics"])[1].decode()
        bounds = re.findall(r'^tidegate_loop_turn_seconds_bucket\{le="(.+)"\} (\d+)$', page, re.M)
        longest = re.search(r"^tidegate_loop_turn_max_seconds (\S+)$", page, re.M)
        return [(float(b), int(n)) for b, n in bounds], float(longest.group(1))

    def headers(self, scenario=None):
        h = dict(self.spec.get("headers", {}))
        h.update(self.spec.get("scenario_headers", {}).get(scenario, {}))
        return h

    def start(self):
        if self.name == "direct":
            return True
        os.makedirs(self.run, exist_ok=True)
        for t in self.spec.get("templates", []):
            os.makedirs(os.path.dirname(os.path.join(self.run, t)), exist_ok=True)
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

    def waited(self):
        return self.group.waited() if self.group else 0.0

    def memory(self):
        return self.group.memory() if self.group else (0, 0)


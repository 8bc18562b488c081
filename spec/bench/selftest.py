#!/usr/bin/env python3
"""Does the yardstick itself measure right? Checks mockup and loadgen against each other and against known truths."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import types
import zlib

from actors import Peer
from measures import longest_turn
from targets import middle_half

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(HERE, "..", "..", "build", "bench")
PORT = int(os.environ.get("PORT", "19800"))
TLS_PORT = PORT + 1
CERTIFICATE = os.path.join(tempfile.mkdtemp(prefix="selftest."), "mock.pem")
bad = 0


def check(what, ok, detail=""):
    global bad
    bad += not ok
    print("%s %s %s" % ("ok  " if ok else "FAIL", what, detail if not ok else ""))


def call(method, path, body=None, headers=None, **kw):
    c = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    c.request(method, path, body, headers or {}, **kw)
    r = c.getresponse()
    data = r.read()
    c.close()
    return r, data


def setup(**cfg):
    call("POST", "/__mock/set?default=1" + "".join("&%s=%s" % kv for kv in cfg.items()))
    call("POST", "/__mock/reset")


def stats():
    return json.loads(call("GET", "/__mock/stats")[1].rstrip(b"\0"))["ports"][0]


def load(*args, during=None):
    p = subprocess.Popen([TOOLS + "/loadgen", "-p", str(PORT)] + [str(a) for a in args], stdout=subprocess.PIPE)
    if during:
        during()
    return json.loads(p.communicate()[0])


def trusting(version=None):
    """a client's TLS that trusts the certificate of the mock and nothing else"""
    context = ssl.create_default_context(cafile=CERTIFICATE)
    if version:
        context.maximum_version = version
    return context


def tls_call(method, path, body=None, host="localhost"):
    c = http.client.HTTPSConnection(host, TLS_PORT, timeout=10, context=trusting())
    c.request(method, path, body)
    r = c.getresponse()
    data = r.read()
    c.close()
    return r, data


def tls_stats():
    return json.loads(tls_call("GET", "/__mock/stats")[1].rstrip(b"\0"))["ports"][1]


def resumes(version):
    """does a second connection get by with the ticket of the first?"""
    context, session, resumed = trusting(version), None, []
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", TLS_PORT)) as s, \
                context.wrap_socket(s, server_hostname="localhost", session=session) as t:
            t.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
            t.recv(1000)
            session = t.session
            resumed.append(t.session_reused)
    return resumed == [False, True]


def test_turns():
    """what is read off the metrics of a gateway"""
    old = [(.001, 10), (.002, 12), (float("inf"), 12)], .0018
    check("the longest turn ever is exact", longest_turn(old, ([(.001, 10), (.002, 12), (float("inf"), 13)], .007)) == .007)
    check("a shorter one is its bucket's bound", longest_turn(old, ([(.001, 20), (.002, 22), (float("inf"), 22)], .0018)) == .001)
    check("but no more than the longest ever", longest_turn(old, ([(.001, 20), (.002, 23), (float("inf"), 23)], .0018)) == .0018)
    check("a peer that tells nothing", longest_turn(None, None) is None)
    check("noise is the middle half", (middle_half([5, 1, 4, 2, 100]), middle_half([7])) == (3, 0))


def test_adapters():
    """an adapter that extends another one differs in what it names"""
    upstream = types.SimpleNamespace(port=1, tls_port=2, certificate="/x/mock.pem")
    plain, tls = (Peer(name, 3, upstream, "/run", None) for name in ("nginx", "nginx-tls"))
    with open(os.path.join(HERE, "peers", "nginx", "nginx.conf")) as f:
        template = f.read()
    texts = [p.fill(template) for p in (plain, tls)]
    check("an adapter extends another one", (plain.kind(), tls.kind()) == ("plain", "tls") and tls.spec["start"][2] == "/run/nginx-tls")
    check("both keep the one log setting", all("access_log off;" in t for t in texts))
    check("only one verifies an upstream", ["proxy_ssl_trusted_certificate /x/mock.pem;" in t for t in texts] == [False, True])
    check("every word is filled in", not any(re.search("@[A-Z_]+@", t) for t in texts))


def test_dialects():
    """the same knobs and the same marks, whatever the path speaks"""
    for path, stream, last in (("/v1/messages", "/v1/messages", "message_stop"), ("/v1/responses", "/v1/responses", "response.completed"),
                               ("/v1beta/models/m:generateContent", "/v1beta/models/m:streamGenerateContent?alt=sse", None)):
        r, d = call("POST", path, "{}")
        check("%s: exact size, with the mark" % path, len(d) == 4096 and json.loads(d) and b"@@mock@@" in d, len(d))
        r, d = call("POST", stream, '{"stream":true}')
        ev = re.findall(rb"data: (.*)\n\n", d)
        marks = re.findall(rb"@@(\d{6}):[0-9a-f]{16}@@", d)
        check("%s: marked chunks in order" % stream, marks == [b"%06d" % i for i in range(20)], marks)
        check("%s: every event is JSON, the last one ends it" % stream, json.loads(ev[-1]).get("type") == last and all(map(json.loads, ev)), ev[-1])


def frames(data):
    """[(type, payload)] of AWS frames, each checksum verified"""
    found = []
    while data:
        total, length, crc = struct.unpack(">III", data[:12])
        ends = struct.unpack(">I", data[total - 4:total])[0]
        found.append((crc == zlib.crc32(data[:8]) and ends == zlib.crc32(data[:total - 4]) and
                      re.search(rb":(?:event|exception)-type\x07..(\w+)", data[12:12 + length], re.S)[1].decode(),
                      json.loads(data[12 + length:total - 4])))
        data = data[total:]
    return found


def test_framings():
    r, d = call("POST", "/model/m/converse", "{}")
    check("bedrock: exact size, with the mark", len(d) == 4096 and json.loads(d) and b"@@mock@@" in d, len(d))
    r, d = call("POST", "/model/m/converse-stream", "{}")
    events = frames(d)
    check("bedrock: frames with right checksums", [n for n, _ in events] == ["messageStart"] + ["contentBlockDelta"] * 20 + [
        "contentBlockStop", "messageStop", "metadata"], events)
    check("bedrock: marked chunks in order", re.findall(rb"@@(\d{6}):[0-9a-f]{16}@@", d) == [b"%06d" % i for i in range(20)])
    check("bedrock: the type of its streams", r.headers["Content-Type"] == "application/vnd.amazon.eventstream")
    r, d = call("POST", "/api/chat", '{"stream":true}')
    lines = [json.loads(line) for line in d.split(b"\n")[:-1]]
    check("ollama: lines of JSON, the last one ends it", [line["done"] for line in lines] == [False] * 20 + [True], lines)
    call("POST", "/__mock/set?perrmid=1", "")
    r, d = call("POST", "/model/m/converse-stream", "{}")
    check("bedrock: an exception half-way", frames(d)[-1][0] == "internalServerException" and len(frames(d)) == 12, d)
    call("POST", "/__mock/set?perrmid=0", "")


def test_tls():
    tls_call("POST", "/__mock/set?default=1&body=3000000&chunks=1000&gap=5")
    tls_call("POST", "/__mock/reset")
    for host in ("localhost", "127.0.0.1"):
        r, d = tls_call("POST", "/v1/chat/completions", json.dumps({"model": "m", "x": "y" * 3000000}), host)
        check("TLS: large bodies both ways, verified as %s" % host, r.status == 200 and len(d) == 3000000 and json.loads(d), len(d))
    try:
        ssl.create_default_context().wrap_socket(socket.create_connection(("127.0.0.1", TLS_PORT)), server_hostname="localhost")
        check("TLS: nobody else trusts the certificate", False)
    except ssl.SSLCertVerificationError:
        check("TLS: nobody else trusts the certificate", True)
    before = tls_stats()
    check("TLS 1.3 sessions are resumed", resumes(None))
    check("TLS 1.2 sessions are resumed", resumes(ssl.TLSVersion.TLSv1_2))
    st = tls_stats()
    check("resumed sessions are counted", (st["resumed"] - before["resumed"], st["handshakes"] - before["handshakes"]) == (2, 5), st)
    c = http.client.HTTPSConnection("localhost", TLS_PORT, timeout=10, context=trusting())
    for _ in range(3):
        c.request("POST", "/v1/chat/completions", "{}")
        c.getresponse().read()
    check("TLS: connections are kept alive", tls_stats()["handshakes"] == st["handshakes"] + 2)
    c.request("POST", "/v1/chat/completions", '{"stream":true}')
    r = c.getresponse()
    r.read(1000)
    check("TLS: a stream comes as it is made", tls_stats()["streams_open"] == 1)
    r.close()
    c.close()
    for _ in range(50):
        st = tls_stats()
        if not st["streams_open"]:
            break
        time.sleep(.05)
    check("TLS: clients that leave are counted", st["aborted"] == 1 and st["streams_open"] == 0, st)


mock = subprocess.Popen([TOOLS + "/mockup", "-C", CERTIFICATE, "-l", str(PORT), "-t", str(TLS_PORT)], stdout=subprocess.DEVNULL)
try:
    for _ in range(50):
        try:
            stats()
            break
        except OSError:
            time.sleep(.05)

    setup(body=4096)
    r, d = call("POST", "/v1/chat/completions", '{"model":"m"}')
    check("answer has the length asked for and is JSON", len(d) == 4096 and json.loads(d)["choices"][0]["message"]["content"], len(d))
    r, d = call("POST", "/v1/chat/completions", '{"model":"m", "x":"\\"stream\\": true"}')
    check("an escaped stream flag inside a string is not a flag", r.getheader("content-type") == "application/json")
    r, d = call("POST", "/v1/chat/completions", '{"model":"m", "stream" : true, "stream_options":{"include_usage":true}}')
    ev = [x[6:] for x in d.decode().split("\n\n") if x]
    check("stream: 20 chunks, finish, usage, [DONE]", len(ev) == 23 and ev[-1] == "[DONE]" and json.loads(ev[-2])["usage"], len(ev))
    check("every event is JSON", all(json.loads(x) for x in ev[:-1]))
    r, d = call("POST", "/v1/embeddings", '{"input":"x"}')
    check("embeddings", len(json.loads(d)["data"][0]["embedding"]) == 256)
    check("models, unknown path, wrong method", (call("GET", "/v1/models")[0].status, call("GET", "/nope")[0].status, call("GET", "/v1/chat/completions")[0].status) == (200, 404, 405))
    test_dialects()
    test_framings()
    r, d = call("POST", "/v1/chat/completions", iter([b'{"stream"', b':tr', b'ue}']), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    check("request body in chunked coding", d.endswith(b"data: [DONE]\n\n"))
    s = socket.create_connection(("127.0.0.1", PORT))
    s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    check("Expect: 100-continue", s.recv(100).startswith(b"HTTP/1.1 100"))
    for b in b"{}":
        s.sendall(bytes([b]))
        time.sleep(.01)
    check("body byte by byte", s.recv(100).startswith(b"HTTP/1.1 200"))
    s.close()

    setup(ttfb=50)
    r = load("-c", 100, "-r", 200, "-w", .3, "-d", 2)
    check("latency: 50 ms is measured as 50..53 ms", 50000 <= r["us"]["latency"]["p50"] < 53000, r["us"]["latency"])
    check("open loop: rate kept, nothing lost", abs(r["rps"] - 200) < 2 and r["started"] == r["ok"], r["rps"])
    st = stats()
    check("connections are kept alive", st["accepted"] < 60, st["accepted"])

    def freeze():
        time.sleep(1.5)
        mock.send_signal(signal.SIGSTOP)
        time.sleep(1)
        mock.send_signal(signal.SIGCONT)
    setup()
    r = load("-c", 4, "-r", 200, "-w", .5, "-d", 4, during=freeze)
    l, s = r["us"]["latency"], r["us"]["service"]
    check("open loop: a 1 s stall shows in a quarter of the requests (no coordinated omission)",
          l["p90"] > 400e3 and l["max"] > 900e3 and s["p90"] < 100e3, (l, s))

    setup(p429=.1, p503=.1, prst=.1, prstmid=.1, pcut=.1, body=2000)
    r = load("-c", 20, "-w", 0, "-d", 1.5, "-v", "@@mock@@")
    n = r["total"]["completed"]
    st = stats()
    share = {k: v / st["chat"] for k, v in st["faults"].items()}
    check("faults come in the shares asked for", all(abs(share[k] - .1) < .02 for k in ("429", "503", "rst", "rstmid", "cut")), share)
    e = r["errors"]
    check("every fault is seen by the client, once", abs(sum(e.values()) - sum(st["faults"].values())) <= 20 and e.get("status", 0) == r["status"]["429"] + r["status"]["503"], (e, st["faults"]))
    r, d = call("POST", "/__mock/set?default=1&p429=1&retry_after=7")
    r, d = call("POST", "/v1/chat/completions", "{}")
    check("429 with Retry-After", r.status == 429 and r.getheader("Retry-After") == "7")

    setup(chunks=100, gap=5)
    r = load("-s", "-c", 20, "-n", 100, "-R", .2, "-w", .5, "-d", 2)
    check("streams complete and in order", r["ok"] == r["completed"] and not r["errors"] and r["ok"] > 40, r["errors"])
    check("gap of 5 ms is measured as such", 4900 < r["us"]["gap"]["mean"] < 5100, r["us"]["gap"])
    check("transit on loopback is short", r["us"]["transit"]["p50"] < 2000, r["us"]["transit"])
    setup(chunks=20, gap=1, ttft=80)
    r = load("-s", "-c", 5, "-n", 20, "-w", 0, "-d", 1)
    check("time to first token", 80e3 <= r["us"]["ttft"]["p50"] < 84e3, r["us"]["ttft"])
    for key, kinds in (("perrmid", {"stream_error_event"}), ("pcut", {"eof"}), ("prstmid", {"eof", "reset"}), ("pstall", {"timeout"})):
        setup(chunks=10, gap=1, **{key: 1})
        r = load("-s", "-c", 5, "-w", 0, "-d", 1, "-T", .3)
        check("stream fault %s is told apart" % key, r["ok"] == 0 and r["errors"] and set(r["errors"]) <= kinds, r["errors"])
    setup(chunks=1000, gap=50)
    load("-s", "-c", 30, "-w", 0, "-d", .5, "-D", 0)
    time.sleep(.2)
    st = stats()
    check("clients that leave are counted", st["aborted"] == 30 and st["streams_open"] == 0, st)
    setup(body=2000000)
    r = load("-c", 4, "-b", 1000000, "-w", 0, "-d", 1, "-v", "@@mock@@")
    check("large bodies both ways", r["ok"] > 20 and not r["errors"], r["errors"])
    r = load("-c", 4, "-u", "/nope", "-w", 0, "-d", .3)
    check("404 is an error of kind status", set(r["errors"]) == {"status"} and set(r["status"]) == {"404"}, r["errors"])
    setup(ttfb=100)
    r = load("-c", 10, "-r", 1000, "-w", .5, "-d", 1, "-D", 1)
    check("overload shows as less than the rate asked for", 80 <= r["rps"] <= 110 and r["total"]["unfinished"] > 300, (r["rps"], r["total"]))
    r = load("-p", 1, "-c", 2, "-w", 0, "-d", .3)
    check("refused connections", set(r["errors"]) == {"connect"}, r["errors"])
    test_tls()
    test_turns()
    test_adapters()
finally:
    mock.send_signal(signal.SIGCONT)
    mock.terminate()
    shutil.rmtree(os.path.dirname(CERTIFICATE))
print("%d failed" % bad)
sys.exit(bad > 0)

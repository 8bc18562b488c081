"""Lantern, an invented AI service with a protocol of its own: python3 lantern.py [PORT].

It says what it hears. Some words do more: "weather" asks for an act where there is an ability, "long" is cut
short, "busy" fails before a word, "break" behind some; "no oil", "wait" and "too long" are refused."""
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REFUSALS = {"no oil": (402, {}), "wait": (429, {"X-Lantern-Wait": "7"}), "prompt too long": (418, {})}


def lines_of(asked):
    """what a stream tells, a line each"""
    last = asked["turns"][-1]
    yield {"k": "hello", "brain": asked["brain"]}
    if "busy" in last["says"]:
        yield {"k": "oops", "what": "busy", "t": "too many moths"}
        return
    yield {"k": "muse", "t": "Let me "}
    yield {"k": "muse", "t": "see."}
    why = "long" if "long" in last["says"] else "done"
    if last["who"] == "human" and "weather" in last["says"] and "abilities" in asked:
        why = "act"
        yield {"k": "act", "id": "a1", "called": asked["abilities"][0]["called"], "with": {"city": "Oslo"}}
    else:
        for word in "You said: ", last["says"]:
            yield {"k": "say", "t": word}
    if "break" in last["says"]:
        yield {"k": "oops", "what": "broken", "t": "the wick is gone"}
        return
    yield {"k": "cost", "in": 12, "out": 7}
    yield {"k": "bye", "why": why}


def whole_of(lines):
    """the same as one object"""
    said = {kind: [line for line in lines if line["k"] == kind] for kind in ("hello", "muse", "say", "act", "cost", "bye")}
    return {"brain": said["hello"][0]["brain"], "said": "".join(line["t"] for line in said["say"]),
            "mused": "".join(line["t"] for line in said["muse"]),
            "acts": [{name: act[name] for name in ("id", "called", "with")} for act in said["act"]],
            "cost": {name: said["cost"][0][name] for name in ("in", "out")}, "why": said["bye"][0]["why"]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v3/speak":
            return self.answer(404, {"oops": "no such door"})
        if self.headers["X-Lantern-Key"] != self.server.key:
            return self.answer(401, {"oops": "this is not your lantern"})
        self.server.asked.append(asked)
        for words, (status, headers) in REFUSALS.items():
            if words in asked["turns"][-1]["says"]:
                return self.answer(status, {"oops": words}, headers)
        lines = list(lines_of(asked))
        if asked["flow"]:
            return self.flow(lines)
        if lines[-1]["k"] == "oops":
            return self.answer(503, {"oops": lines[-1]["t"]})
        return self.answer(200, whole_of(lines))

    def answer(self, status, body, headers=None):
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(data), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)

    def flow(self, lines):
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in lines:
            data = json.dumps(line).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.write(b"0\r\n\r\n")


class Lantern(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port=0, key="wick"):
        super().__init__(("127.0.0.1", port), Handler)
        self.key, self.asked = key, []  # what was asked, for tests


if __name__ == "__main__":
    lantern = Lantern(int(sys.argv[1]) if len(sys.argv) > 1 else 9008)
    print("Lantern shines at http://127.0.0.1:%d, its key is %s" % (lantern.server_port, lantern.key), flush=True)
    lantern.serve_forever()

"""Streams that are no server-sent events: lines of JSON and AWS event streams, as a mock writes them and a client reads
them, and a small dialect of a user's own for each."""
import json
import struct
import zlib

import upstream as mock

NDJSON, AWS = "ndjson", "aws-eventstream"
BOTH = (NDJSON, AWS)
TYPES = {NDJSON: "application/x-ndjson", AWS: "application/vnd.amazon.eventstream"}

# The names are those of dialects that have endpoints; what stands here replaces the shipped ones.
NAMES = {NDJSON: "ollama", AWS: "bedrock-converse"}
PATHS = {NDJSON: "/api/chat", AWS: "/model/smart/converse-stream"}
WHOLE_PATHS = {NDJSON: "/api/chat", AWS: "/model/smart/converse"}

# Events {"said": text}, {"why": reason}, {"counts": {...}}, {"wrong": {...}}: text, finish, usage (the last), error.
DIALECT = """
return tide.dialect {
  name = "%(name)s",
  framing = "%(framing)s",
  watch = {
    content = { "said" }, finish = { "why" }, usage = { "counts" }, error = { "wrong" },
    terminal = { %(terminal)s },
  },
  usage = { input = "read", output = "written" },
  paths = { chat = "/whole" }, stream_paths = { chat = "/stream" },
  request = %(request)s,
  decode_request = function(body)
    return {
      op = "chat", model = body.model, stream = body.stream, system = {},
      messages = { { role = "user", content = { { type = "text", text = body.ask or "" } } } },
    }
  end,
  encode_request = function(rq) return { ask = rq.messages[1].content[1].text, model = rq.model, stream = rq.stream } end,
  decode_answer = function(body, emit)
    emit("text", { delta = body.said })
    emit("finish", { reason = "stop" })
    emit("usage", { input = 1, output = 2 })
  end,
  encode_answer = function(answer) return { said = answer.choices[1].content[1].text } end,
  decode_event = function(event, emit, state)
    local data = event.data
    if data.said then emit("text", { delta = data.said }) end
    if data.why then emit("finish", { reason = data.why }) end
    if data.counts then emit("usage", { input = data.counts.read, output = data.counts.written }) end
    if event.name then state.named = event.name end
  end,
  encode_event = function(event, write)
    if event.type == "text" then write({ said = event.delta }, "delta") end
    if event.type == "finish" then write(tide.json.encode { why = event.reason }, "stop") end
    if event.type == "usage" then write({ counts = { read = event.input, written = event.output } }, "metadata") end
  end,
  error_body = function(err) return tide.json.encode { wrong = { message = err.message, kind = err.kind } } end,
  error_event = function(err)
    return tide.json.encode { wrong = { message = err.message, kind = err.kind } }, err.kind .. "Exception"
  end,
  read_error = function(body)
    local err = type(body.error) == "table" and body.error or body
    return { message = err.message, type = err.__type or err.kind }
  end,
}
"""
REQUESTS = {
    NDJSON: '{ model = "model", stream = "stream", needs = { "ask" } }',
    AWS: '{ needs = { "ask" } }',
}
TERMINALS = {NDJSON: '"counts"', AWS: '{ event = "metadata" }'}

ADAPTER = """
return tide.adapter {
  dialect = "%s",
  auth = { type = "bearer", secret = "X" },
  errors = { map = { throttlingException = "rate_limited", modelStreamErrorException = "upstream_5xx" } },
}
"""


def files(*framings):
    """the dialects, and an adapter "mine_..." of each"""
    found = {}
    for framing in framings or BOTH:
        name = NAMES[framing]
        found["adapters/dialects/%s.lua" % name] = DIALECT % {
            "name": name, "framing": framing, "request": REQUESTS[framing], "terminal": TERMINALS[framing]}
        found["adapters/%s.lua" % adapter(framing)] = ADAPTER % name
    return found


def adapter(framing):
    return "mine_" + framing.replace("-", "_")


# ---- bytes -------------------------------------------------------------------------------------
def header(name, value, kind=7):
    value = value.encode() if isinstance(value, str) else value
    return bytes([len(name)]) + name.encode() + bytes([kind]) + (struct.pack(">H", len(value)) if kind in (6, 7) else b"") + value


def frame(headers, payload=b""):
    lines = b"".join(headers)
    prelude = struct.pack(">II", 16 + len(lines) + len(payload), len(lines))
    head = prelude + struct.pack(">I", zlib.crc32(prelude)) + lines + payload
    return head + struct.pack(">I", zlib.crc32(head))


def event(framing, value, name="delta"):
    data = value if isinstance(value, bytes) else mock.dumps(value)
    if framing == NDJSON:
        return data + b"\n"
    return frame([header(":event-type", name), header(":content-type", "application/json"), header(":message-type", "event")], data)


def exception(name, value):
    data = value if isinstance(value, bytes) else mock.dumps(value)
    return frame([header(":exception-type", name), header(":content-type", "application/json"),
                  header(":message-type", "exception")], data)


def said(framing, text):
    return event(framing, {"said": text})


def stop(framing, reason="stop"):
    return event(framing, {"why": reason}, "stop")


def counts(framing, read=11, written=7):
    return event(framing, {"counts": {"read": read, "written": written}}, "metadata")


def stream(framing, *pieces, headers=None, **more):
    reply = mock.stream(*pieces, **more)
    reply.headers = {"content-type": TYPES[framing], **(headers or {})}
    return reply


def tokens(framing, *texts):
    """a whole, good stream"""
    return stream(framing, *[said(framing, text) for text in texts], stop(framing), counts(framing))


# ---- reading -----------------------------------------------------------------------------------
def frames(data):
    """[({header: text}, payload)]; what is no frame fails"""
    found = []
    while data:
        total, length, crc = struct.unpack(">III", data[:12])
        assert crc == zlib.crc32(data[:8]) and total <= len(data), data
        assert struct.unpack(">I", data[total - 4:total])[0] == zlib.crc32(data[:total - 4])
        at, named = 12, {}
        while at < 12 + length:
            name = data[at + 1:at + 1 + data[at]].decode()
            at += 1 + data[at]
            assert data[at] == 7
            size = struct.unpack(">H", data[at + 1:at + 3])[0]
            named[name] = data[at + 3:at + 3 + size].decode()
            at += 3 + size
        found.append((named, data[at:total - 4]))
        data = data[total:]
    return found


def events(framing, data):
    """[(name, value)] of a client's stream"""
    if framing == NDJSON:
        assert data == b"" or data.endswith(b"\n"), data
        return [(None, json.loads(line)) for line in data.split(b"\n")[:-1]]
    return [(named.get(":event-type") or "!" + named[":exception-type"], json.loads(payload))
            for named, payload in frames(data)]


def text_of(framing, data):
    return "".join(value.get("said", "") for _, value in events(framing, data))

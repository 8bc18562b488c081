"""Bedrock's Converse and ConverseStream, as a client must get them."""
import base64
import json

from . import BadWire, Call, Facts, Usage, cite, frames
from .check import counted, maybe, member, need, only

FINISHES = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "model_context_window_exceeded": "length",
            "tool_use": "tool_calls", "guardrail_intervened": "content_filter", "content_filtered": "content_filter"}
EXCEPTIONS = ("throttlingException", "modelStreamErrorException", "internalServerException", "validationException",
              "serviceUnavailableException")
OF_EVENT = {":event-type", ":content-type", ":message-type"}
OF_EXCEPTION = {":exception-type", ":content-type", ":message-type"}
FORMATS = {"image": ("png", "jpeg", "gif", "webp"), "audio": ("mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "m4a",
                                                              "mka", "mpeg", "mpga", "pcm", "webm", "x-aac")}
PLACES = {"web": ("url", "domain"), "documentChar": ("documentIndex", "start", "end"),
          "documentPage": ("documentIndex", "start", "end"), "documentChunk": ("documentIndex", "start", "end"),
          "searchResultLocation": ("searchResultIndex", "start", "end")}


def union(value, *kinds):
    """the one member of it that there must be"""
    need(isinstance(value, dict) and len(value) == 1 and set(value) <= set(kinds), "no one of %s:" % (kinds,), value)
    return next(iter(value.items()))


class Bedrock:
    def __init__(self):
        self.facts, self.state = Facts(), "new"
        self.blocks, self.open = 0, None  # the open block: [kind, text or arguments]

    # ---- whole
    def answer(self, value):
        only(value, "output", "stopReason", "usage", "metrics", "additionalModelResponseFields", "trace",
             "performanceConfig", "serviceTier")
        message = member(member(value, "output", dict), "message", dict)
        only(message, "role", "content")
        need(member(message, "role", str) == "assistant", "a role:", message)
        for block in member(message, "content", list):
            kind, inner = union(block, "text", "citationsContent", "reasoningContent", "toolUse", "toolResult", "image", "audio")
            getattr(self, kind)(inner)
        self.finish(value)
        self.end(value)
        return self.facts

    def text(self, text):
        need(isinstance(text, str), "a text:", text)
        self.facts.choice().text += text

    def citationsContent(self, value):  # named so by the protocol, as those below
        only(value, "content", "citations")
        for one in member(value, "content", list):
            self.text(member(one, "text", str))
        for one in member(value, "citations", list):
            self.cite(one)

    def cite(self, one):
        only(one, "title", "source", "sourceContent", "location")
        for piece in maybe(one, "sourceContent", list) or ():
            member(piece, "text", str)
        place = maybe(one, "location", dict) or {"web": {}}
        kind, inner = union(place, *PLACES)
        only(inner, *PLACES[kind])
        cite(self.facts, maybe(inner, "url", str), maybe(one, "title", str), maybe(one, "source", str), "a document")

    def reasoningContent(self, value):
        kind, inner = union(value, "reasoningText", "redactedContent")
        if kind == "redactedContent":
            self.seal(inner)
            return
        only(inner, "text", "signature")
        self.facts.choice().reasoning += member(inner, "text", str)
        self.sign(maybe(inner, "signature", str))

    def seal(self, data):
        need(isinstance(data, str) and base64.b64decode(data, validate=True), "sealed reasoning:", data)
        self.sign(data)

    def sign(self, text):
        if text:
            self.facts.signatures.append(text)

    def toolUse(self, value):
        only(value, "toolUseId", "name", "input", "type")
        self.call(value, json.dumps(member(value, "input", dict)))

    def call(self, value, arguments):
        calls = self.facts.choice().calls
        calls.append(Call(member(value, "name", str), member(value, "toolUseId", str), arguments))
        need(calls[-1].name and calls[-1].id, "a call without a name or an id:", value)
        need(len({c.id for c in calls}) == len(calls), "calls of one id:", calls)

    def toolResult(self, value):
        self.facts.server.append(member(value, "toolUseId", str))

    def media(self, kind, value, found):
        only(value, "format", "source")
        need(member(value, "format", str) in FORMATS[kind], "a format:", value)
        data = member(member(value, "source", dict), "bytes", str)
        base64.b64decode(data, validate=True)
        found.append(data)

    def image(self, value):
        self.media("image", value, self.facts.images)

    def audio(self, value):
        self.media("audio", value, self.facts.sounds)

    def finish(self, value):
        choice = self.facts.choice()
        choice.word = member(value, "stopReason", str)
        need(choice.word in FINISHES, "a stopReason:", choice.word)
        choice.finish = FINISHES[choice.word]
        need((choice.word == "tool_use") <= bool(choice.calls), "tool_use without a call")
        maybe(value, "additionalModelResponseFields", dict)

    def end(self, value):
        usage = member(value, "usage", dict)
        only(usage, "inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens", "cacheWriteInputTokens",
             "cacheDetails", "serverToolUsage")
        sent, out, total = (member(usage, n, int) for n in ("inputTokens", "outputTokens", "totalTokens"))
        cached, written = counted(usage, "cacheReadInputTokens"), counted(usage, "cacheWriteInputTokens")
        need(min(sent, out) >= 0, "a count below 0:", usage)
        need(total == sent + out + (cached or 0) + (written or 0), "a total that is no sum:", usage)
        self.facts.usage = Usage(sent + (cached or 0) + (written or 0), out, cached, written, None)
        member(member(value, "metrics", dict), "latencyMs", int)
        tier = maybe(value, "serviceTier", dict)
        need(tier is None or member(tier, "type", str) in ("priority", "default", "flex", "reserved"), "a tier:", tier)
        self.facts.ended = True

    # ---- streams
    def stream(self, body):
        for headers, payload in frames.strict(body):
            need(self.state not in ("done", "failed"), "something behind the end:", headers, payload)
            kind = headers.get(":message-type")
            need(kind in ("event", "exception"), "a :message-type:", headers)
            need(set(headers) == (OF_EVENT if kind == "event" else OF_EXCEPTION), "headers:", headers)
            need(headers[":content-type"] == "application/json", "a content-type:", headers)
            try:
                value = json.loads(payload)
            except ValueError:
                raise BadWire("no JSON: %r" % payload) from None
            need(isinstance(value, dict), "no object:", payload)
            if kind == "exception":
                self.fail(headers[":exception-type"], value)
                continue
            name = headers[":event-type"]
            need((self.state == "new") == (name == "messageStart"), "an event in a %s:" % self.state, name)
            take = {"messageStart": self.start, "contentBlockStart": self.open_block, "contentBlockDelta": self.delta,
                    "contentBlockStop": self.shut, "messageStop": self.stop, "metadata": self.metadata}.get(name)
            need(take, "no event of the protocol:", name)
            take(value)
        need(self.state in ("done", "failed"), "neither metadata nor an exception at the end")
        return self.facts

    def start(self, value):
        only(value, "role")
        need(member(value, "role", str) == "assistant", "a role:", value)
        self.state = "open"

    def place(self, value, is_new):
        need(self.state == "open", "a block in a %s:" % self.state, value)
        index = member(value, "contentBlockIndex", int)
        need((self.open is None) == is_new and index == self.blocks, "the index of a block:", value)

    def open_block(self, value):
        only(value, "contentBlockIndex", "start")
        self.place(value, True)
        kind, inner = union(member(value, "start", dict), "toolUse", "image")
        if kind == "toolUse":
            only(inner, "toolUseId", "name", "type")
            self.call(inner, "")
        else:
            need(member(inner, "format", str) in FORMATS["image"], "a format:", inner)
        self.open = [kind, ""]

    def delta(self, value):
        only(value, "contentBlockIndex", "delta")
        kind, inner = union(member(value, "delta", dict), "text", "toolUse", "reasoningContent", "citation", "image")
        block = {"citation": "text"}.get(kind, kind)
        if self.open is None:
            need(block in ("text", "reasoningContent"), "a block without its start:", value)
            self.place(value, True)
            self.open = [block, ""]
        self.place(value, False)
        need(self.open[0] == block, "a %s in a block of" % kind, self.open[0])
        if kind == "text":
            self.text(inner)
        elif kind == "citation":
            self.cite(inner)
        elif kind == "toolUse":
            only(inner, "input")
            self.facts.first.calls[-1].arguments += member(inner, "input", str)
        elif kind == "reasoningContent":
            self.think(*union(inner, "text", "signature", "redactedContent"))
        else:
            self.media("image", {"format": "png", "source": member(inner, "source", dict)}, self.facts.images)

    def think(self, kind, text):
        need(isinstance(text, str), "reasoning:", text)
        need(self.open[1] not in ("signature", "redactedContent"), "reasoning behind its signature:", text)
        self.open[1] = kind
        if kind == "text":
            self.facts.choice().reasoning += text
        elif kind == "signature":
            self.sign(text)
        else:
            self.seal(text)

    def shut(self, value):
        only(value, "contentBlockIndex")
        self.place(value, False)
        self.open, self.blocks = None, self.blocks + 1

    def stop(self, value):
        only(value, "stopReason", "additionalModelResponseFields")
        need(self.open is None and self.state == "open", "messageStop in a %s, within a block:" % self.state, self.open)
        self.finish(value)
        for call in self.facts.first.calls if value["stopReason"] == "tool_use" else ():
            need(isinstance(call.value, dict), "arguments that are no object:", call)
        self.state = "stopped"

    def metadata(self, value):
        only(value, "usage", "metrics", "trace", "performanceConfig", "serviceTier")
        need(self.state == "stopped", "metadata in a %s" % self.state)
        self.end(value)
        self.state = "done"

    def fail(self, name, value):
        need(name in EXCEPTIONS, "an exception:", name)
        only(value, "message", *(("originalMessage", "originalStatusCode") if name == "modelStreamErrorException" else ()))
        maybe(value, "originalStatusCode", int)
        need(member(value, "message", str), "an exception without words:", value)
        self.state, self.facts.error = "failed", {"message": value["message"], "type": name, "code": None}

    # ---- errors
    def error(self, _status, value):
        only(value, "message")
        need(member(value, "message", str), "an error without words:", value)
        return {"message": value["message"], "type": None, "code": None}

"""Recorded streams, made wrong in every way that providers get them wrong: for test_malformed_streams.py."""
import bisect
import copy
import json
import re
from dataclasses import dataclass

import framings
from facts import frames, provider

BLOCK = re.compile(rb".*?(?:\r\n\r\n|\n\n|\r\r)|.+\Z", re.S)


@dataclass
class Variant:
    name: str
    body: bytes
    fails: bool = None  # True: it must not look like a success; None: the bytes say it
    cut: bool = False   # the connection ends before the framing says so


class Events:
    """server-sent events: how a stream is taken apart, and put together"""
    def __init__(self, dialect):
        self.named = dialect in ("anthropic-messages", "openai-responses", "cohere-v2")

    @staticmethod
    def blocks(body):
        return BLOCK.findall(body)

    @staticmethod
    def data(block):
        return b"\n".join(line[5:].strip() for line in re.split(rb"\r\n|\n|\r", block) if line.startswith(b"data:"))

    def block(self, value, _old=None):
        head = b"event: %s\n" % value["type"].encode() if self.named and value.get("type") else b""
        return head + b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"

    @staticmethod
    def spoiled(block):
        """half of its data"""
        return re.sub(rb"(?m)^data: ?(.+?)\r?$", lambda m: b"data: " + m.group(1)[:len(m.group(1)) // 2], block, count=1)


class Lines(Events):
    """of JSON, one for each event"""
    @staticmethod
    def blocks(body):
        return re.findall(rb"[^\n]+\n|[^\n]+\Z", body)

    @staticmethod
    def data(block):
        return block

    def block(self, value, _old=None):
        return json.dumps(value, ensure_ascii=False).encode() + b"\n"

    @staticmethod
    def spoiled(block):
        return block[:len(block) // 2] + b"\n"


class Frames(Events):
    """of AWS; those that are added are named by what they hold"""
    @staticmethod
    def blocks(body):
        found = []
        while body:
            size = int.from_bytes(body[:4], "big")
            found.append(body[:size])
            body = body[size:]
        return found

    @staticmethod
    def read(block):
        return frames.strict(block)[0]

    def data(self, block):
        return self.read(block).payload

    def framed(self, payload, name):
        return framings.frame([framings.header(":event-type", name), framings.header(":content-type", "application/json"),
                               framings.header(":message-type", "event")], payload)

    def block(self, value, old=None):
        name = self.read(old).headers[":event-type"] if old else next(
            (n for m, n in (("delta", "contentBlockDelta"), ("usage", "metadata")) if m in value), "hologram")
        return self.framed(json.dumps(value).encode(), name)

    def spoiled(self, block):
        read = self.read(block)
        return self.framed(read.payload[:len(read.payload) // 2], read.headers[":event-type"])


FRAMINGS = {"ollama": Lines, "bedrock-converse": Frames}


class Stream:
    def __init__(self, recording):
        self.dialect, self.body = recording.dialect, recording.body
        self.framing = FRAMINGS.get(self.dialect, Events)(self.dialect)
        self.blocks = self.framing.blocks(recording.body)
        self.values = [self.value(b) for b in self.blocks]

    def value(self, block):
        try:
            value = json.loads(self.framing.data(block))
        except ValueError:
            return None
        return value if isinstance(value, dict) else None

    @property
    def envelope(self):
        """what all chunks of openai-chat have"""
        first = next(v for v in self.values if v and v.get("model"))
        return {k: first[k] for k in ("id", "object", "created", "model") if k in first}

    def joined(self, values):
        """the stream with other values; None leaves a block as it is, False leaves it out"""
        out = []
        for block, value, old in zip(self.blocks, values, self.values):
            if value is False:
                continue
            out.append(block if value is None or value == old else self.framing.block(value, block))
        return b"".join(out)

    def edited(self, edit):
        """`edit` changes a copy of each value in place"""
        values = copy.deepcopy(self.values)
        for value in values:
            if value is not None:
                edit(value)
        return self.joined(values)

    def inserted(self, place, *values):
        new = [self.framing.block(v) for v in values]
        return b"".join(self.blocks[:place] + new + self.blocks[place:])

    def is_ended(self, body):
        return provider.read(self.dialect, body, True).ended


def cuts(stream, places):
    """behind each event, with and without the end of the framing; and in the middle of each"""
    for place in places:
        body = b"".join(stream.blocks[:place])
        fails = not stream.is_ended(body)
        yield Variant("ends behind event %d" % place, body, fails)
        yield Variant("cut behind event %d" % place, body, fails, cut=True)
        half = stream.blocks[place][:max(6, len(stream.blocks[place]) // 2)]
        if stream.values[place] is not None and fails:
            yield Variant("cut in event %d" % place, body + half, True, cut=True)


def no_json(stream, places):
    whole = provider.read(stream.dialect, stream.body, True)
    for place in places:
        if stream.values[place] is None:
            continue
        bad = stream.framing.spoiled(stream.blocks[place])
        before = b"".join(stream.blocks[:place])
        try:
            rest = provider.read(stream.dialect, before + b"".join(stream.blocks[place + 1:]), True)
        except (IndexError, KeyError, TypeError):
            rest = None  # a sequence that the dialect does not have
        if rest != whole and not stream.is_ended(before):
            yield Variant("no JSON in event %d" % place, before + bad + b"".join(stream.blocks[place + 1:]), True)
        if stream.dialect == "bedrock-converse" and not stream.is_ended(before):
            block, after = stream.blocks[place], b"".join(stream.blocks[place + 1:])
            for what, at in (("prelude", 9), ("header", 14), ("payload", len(block) - 6), ("sum", len(block) - 1)):
                wrong = block[:at] + bytes([block[at] ^ 1]) + block[at + 1:]
                yield Variant("a wrong %s in frame %d" % (what, place), before + wrong + after, True)


UNKNOWN = {
    "openai-chat": {"object": "chat.completion.chunk", "hologram": {"a": [1]}},
    "openai-responses": {"type": "response.hologram.delta", "sequence_number": 999, "delta": "x"},
    "anthropic-messages": {"type": "hologram_delta", "delta": {"type": "x"}},
    "cohere-v2": {"type": "hologram-delta", "delta": {"message": {"hologram": "x"}}},
    "gemini": {"hologram": {"a": [1]}},
    "bedrock-converse": {"hologram": {"a": [1]}},
    "ollama": {"hologram": {"a": [1]}},
}


def unknown_events(stream, places):
    unknown = {**UNKNOWN[stream.dialect]}
    if stream.dialect == "openai-chat":
        unknown |= stream.envelope
    for place in places:
        yield Variant("an unknown event at %d" % place, stream.inserted(place, unknown))
    yield Variant("unknown members", stream.edited(lambda v: v.update(hologram={"a": [None, {"b": 1}]})))


def finishes(stream):
    calls_made = provider.read(stream.dialect, stream.body, True).first.calls
    if any(isinstance(call.value, str) for call in calls_made):
        return  # cut off by its length: that it ended well would be a lie
    def edit(value):
        for one in value.get("choices") or ():
            if one.get("finish_reason"):
                one["finish_reason"] = "hologram_reached"
        for one in value.get("candidates") or ():
            if one.get("finishReason"):
                one["finishReason"] = "HOLOGRAM_REACHED"
        for name in ("stop_reason", "finish_reason"):
            if isinstance(value.get("delta"), dict) and value["delta"].get(name):
                value["delta"][name] = "hologram_reached"
        for name in ("stopReason", "done_reason"):
            if name in value:
                value[name] = "hologram_reached"
    body = stream.edited(edit)
    if body != stream.body:
        yield Variant("an unknown finish reason", body)


def empty(stream, places):
    for place in places:
        if stream.dialect == "openai-chat":
            chunk = stream.envelope
            for name, more in (("empty choices", {"choices": []}), ("null choices", {"choices": None}), ("no choices", {}),
                               ("a null delta", {"choices": [{"index": 0, "delta": None, "finish_reason": None}]}),
                               ("no delta", {"choices": [{"index": 0, "finish_reason": None}]}),
                               ("null contents", {"choices": [{"index": 0, "finish_reason": None, "delta": {
                                   "content": None, "tool_calls": None, "reasoning": None, "refusal": None}}]}),
                               ("a null choice", {"choices": [None]})):
                yield Variant("%s at %d" % (name, place), stream.inserted(place, {**chunk, **more}))
        elif stream.dialect == "gemini":
            for name, value in (("empty candidates", {"candidates": []}), ("null candidates", {"candidates": None}),
                                ("no content", {"candidates": [{"index": 0}]}),
                                ("null content", {"candidates": [{"content": None}]}),
                                ("null parts", {"candidates": [{"content": {"role": "model", "parts": None}}]}),
                                ("an empty part", {"candidates": [{"content": {"role": "model", "parts": [{}]}}]})):
                yield Variant("%s at %d" % (name, place), stream.inserted(place, value))
        elif stream.dialect == "bedrock-converse":
            index = next((v["contentBlockIndex"] for v in stream.values[place:] if "contentBlockIndex" in v), None)
            if index is not None and stream.values[place].get("delta"):
                for name, delta in (("no kind of delta", {}), ("a null delta", None), ("an unknown delta", {"hologram": {"a": 1}}),
                                    ("null reasoning", {"reasoningContent": None})):
                    yield Variant("%s at %d" % (name, place), stream.inserted(place, {"contentBlockIndex": index, "delta": delta}))
        elif stream.dialect == "ollama":
            for name, message in (("a null message", None), ("an empty message", {}), ("null members", {
                    "role": "assistant", "content": None, "thinking": None, "tool_calls": None, "images": None})):
                yield Variant("%s at %d" % (name, place), stream.inserted(place, {"model": "m", "done": False, "message": message}))


def null_deltas(stream):
    """every delta of text followed by one that says nothing"""
    out = []
    for block, value in zip(stream.blocks, stream.values):
        out.append(block)
        if not value or not isinstance(value.get("delta"), (dict, str)) or value.get("type") == "message_delta":
            continue
        if stream.dialect == "anthropic-messages":
            kind = value["delta"]["type"]
            for member in ("text", "thinking", "partial_json"):
                if member in value["delta"]:
                    out.append(stream.framing.block({**value, "delta": {"type": kind, member: ""}}))
                    out.append(stream.framing.block({**value, "delta": {"type": kind, member: None}}))
        elif stream.dialect == "openai-responses":
            out.append(stream.framing.block({**value, "delta": ""}))
        elif value.get("type") == "content-delta":
            for content in ({}, {"text": ""}, {"text": None}, {"thinking": ""}, None):
                out.append(stream.framing.block({**value, "delta": {"message": {"content": content}}}))
        elif stream.dialect == "bedrock-converse":
            for name in ("text", "toolUse", "reasoningContent"):
                for empty in ({"text": ("", None), "toolUse": ({}, {"input": ""}, None)}.get(name, ({"text": ""}, {}))):
                    if name in value["delta"]:
                        out.append(stream.framing.block({**value, "delta": {name: empty}}))
    body = b"".join(out)
    if body != stream.body:
        yield Variant("deltas that say nothing", body)


def calls(stream):
    """ids of tool calls: missing, empty, null, all the same"""
    def over(edit):
        def each(value):
            for one in value.get("choices") or ():
                for call in (one.get("delta") or {}).get("tool_calls") or ():
                    if (call.get("function") or {}).get("name"):
                        edit(call, "id")
            for one in value.get("candidates") or ():
                for part in (one.get("content") or {}).get("parts") or ():
                    if (part.get("functionCall") or {}).get("name"):
                        edit(part["functionCall"], "id")
            if (value.get("content_block") or {}).get("type") == "tool_use":
                edit(value["content_block"], "id")
            if stream.dialect == "bedrock-converse" and "toolUse" in value.get("start", {}):
                edit(value["start"]["toolUse"], "toolUseId")
            if isinstance(value.get("message"), dict):
                for call in value["message"].get("tool_calls") or ():
                    edit(call, "id")
            if value.get("type") == "tool-call-start":
                edit(value["delta"]["message"]["tool_calls"], "id")
            response = value["response"] if stream.dialect == "openai-responses" and value.get("response") else {}
            for item in [value.get("item")] + (response.get("output") or []):
                if (item or {}).get("type") == "function_call":
                    edit(item, "call_id")
        return each
    edits = {"calls without an id": lambda c, n: c.pop(n, None), "calls with an empty id": lambda c, n: c.update({n: ""}),
             "calls with a null id": lambda c, n: c.update({n: None}), "calls of one id": lambda c, n: c.update({n: "call_x"})}
    for name, edit in edits.items():
        body = stream.edited(over(edit))
        if body != stream.body:
            yield Variant(name, body)


def usages(stream):
    def drop(value):
        for name in ("usage", "usageMetadata", "x_groq", "prompt_eval_count", "eval_count"):
            value.pop(name, None)
        for name in ("message", "response", "delta"):
            if isinstance(value.get(name), dict):
                value[name].pop("usage", None)
        for one in value.get("choices") or ():
            one.pop("usage", None)
    yield Variant("no usage", stream.edited(drop))

    def null(value):
        for holder in (value, value.get("message"), value.get("response"), value.get("delta")):
            for name in ("usage", "usageMetadata", "prompt_eval_count", "eval_count"):
                if isinstance(holder, dict) and name in holder:
                    holder[name] = None
    yield Variant("null usage", stream.edited(null))
    told = [i for i, v in enumerate(stream.values) if v and (v.get("usage") or v.get("usageMetadata")) and not v.get("type")]
    if told and stream.dialect == "openai-chat":
        twice = {**stream.values[told[-1]], "choices": []}
        yield Variant("usage twice", stream.inserted(told[-1] + 1, twice))


def variants(recording, chosen, most):
    """the wrong variants of a recorded stream; at most `most` places each, picked by `chosen`"""
    stream = Stream(recording)
    every = range(len(stream.blocks))
    places = sorted(chosen.sample(every, min(most, len(every))))
    ended = bisect.bisect_left(every, True, key=lambda i: stream.is_ended(b"".join(stream.blocks[:i])))
    inner = [p for p in places if 0 < p < ended - 1]
    if stream.dialect == "openai-responses":
        inner = [p for p in inner if p > 1]
    return [*cuts(stream, places), *no_json(stream, places), *unknown_events(stream, inner), *finishes(stream),
            *empty(stream, inner[:3]), *null_deltas(stream), *calls(stream), *usages(stream)]


def whole_variants(recording):
    """of an answer that is no stream"""
    value = json.loads(recording.body)
    yield Variant("half of it", recording.body[:len(recording.body) // 2], True)
    for name, text in (("nothing", b""), ("null", b"null"), ("a string", b'"hello"'), ("a number", b"1"), ("an array", b"[]"),
                       ("no object at all", b"<html>hello</html>"), ("an empty object", b"{}")):
        yield Variant(name, text, True)
    if isinstance(value, dict):
        for name in ("usage", "usageMetadata"):
            if name in value:
                yield Variant("no usage", json.dumps({k: v for k, v in value.items() if k != name}).encode())
        yield Variant("unknown members", json.dumps({**value, "hologram": {"a": [None]}}).encode())
        for name in ("choices", "candidates", "content", "output", "message"):
            if name in value:
                fails = name in ("choices", "message") or name == "output" and recording.dialect == "bedrock-converse"
                yield Variant("null " + name, json.dumps({**value, name: None}).encode(), fails or None)

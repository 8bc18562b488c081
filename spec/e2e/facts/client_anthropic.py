"""Anthropic's messages as a client must get them."""
import json

from . import Call, Facts, Usage, cite, sse
from .check import counted, maybe, member, need

FINISHES = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls",
            "model_context_window_exceeded": "length", "refusal": "content_filter", "pause_turn": "stop"}
ERRORS = {400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
          404: "not_found_error", 409: "conflict_error", 413: "request_too_large", 422: "invalid_request_error",
          429: "rate_limit_error", 500: "api_error", 502: "api_error", 503: "overloaded_error", 504: "timeout_error",
          529: "overloaded_error"}
EMPTY = {"text": {"text": ""}, "thinking": {"thinking": ""}, "tool_use": {"input": {}}}
DELTAS = {"text_delta": ("text", "text"), "input_json_delta": ("tool_use", "partial_json"),
          "thinking_delta": ("thinking", "thinking"), "signature_delta": ("thinking", "signature"),
          "citations_delta": ("text", "citation")}
ORDER = ("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
         "message_stop", "ping", "error")


class Anthropic:
    def __init__(self):
        self.facts, self.counts, self.state = Facts(), {}, "new"
        self.open, self.blocks = None, 0

    # ---- whole
    def answer(self, value):
        self.envelope(value)
        for block in member(value, "content", list):
            self.take(self.block(block, whole=True))
        self.finish(value)
        self.count(member(value, "usage", dict), whole=True)
        self.facts.ended = True
        return self.facts

    def envelope(self, message):
        need(member(message, "type", str) == "message" and member(message, "role", str) == "assistant", "a message:",
             message)
        need(member(message, "id", str), "an id:", message)
        self.facts.model = member(message, "model", str)
        need("stop_reason" in message and "stop_sequence" in message, "a message without its stop:", message)

    def finish(self, value):
        choice = self.facts.choice()
        choice.word = member(value, "stop_reason", str)
        need(choice.word in FINISHES, "a stop_reason:", choice.word)
        choice.finish = FINISHES[choice.word]
        need((choice.word == "tool_use") <= bool(choice.calls), "tool_use without a call")
        need((choice.word == "stop_sequence") == (value.get("stop_sequence") is not None), "a stop_sequence:", value)

    def block(self, block, whole=False):
        kind = member(block, "type", str)
        if kind == "tool_use":
            need(member(block, "id", str) and member(block, "name", str), "a call without id or name:", block)
            member(block, "input", dict)
        elif kind == "redacted_thinking":
            member(block, "data", str)
        elif kind == "thinking":
            member(block, "thinking", str)
            need(not whole or "signature" in block, "thinking without a signature:", block)
        elif kind == "text":
            member(block, "text", str)
            need(not whole or block["text"], "an empty text block:", block)
        if not whole and kind in EMPTY:
            for name, empty in EMPTY[kind].items():
                need(block[name] == empty, "a block that starts with content:", block)
        return dict(block, kind=kind)

    def take(self, block):
        """a block that is complete"""
        choice, kind = self.facts.choice(), block["kind"]
        if kind == "text":
            choice.text += block["text"]
            for one in block.get("citations") or ():
                cite(self.facts, one.get("url"), one.get("document_title"), "a document")
        elif kind == "thinking":
            choice.reasoning += block["thinking"]
            if block.get("signature"):
                self.facts.signatures.append(block["signature"])
        elif kind == "redacted_thinking":
            self.facts.signatures.append(block["data"])
        elif kind == "tool_use":
            choice.calls.append(Call(block["name"], block["id"], block.get("partial") or json.dumps(block["input"])))
            need(len({c.id for c in choice.calls}) == len(choice.calls), "calls of one id:", choice.calls)
        else:
            self.facts.server.append(kind)

    def count(self, usage, whole=False):
        if whole:
            member(usage, "input_tokens", int)
        for name in ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"):
            if counted(usage, name) is not None:
                self.counts[name] = usage[name]
        member(usage, "output_tokens", int)
        self.counts["thinking"] = counted(maybe(usage, "output_tokens_details", dict) or {}, "thinking_tokens")
        got = self.counts.get
        cached, written = got("cache_read_input_tokens"), got("cache_creation_input_tokens")
        sent = got("input_tokens")
        self.facts.usage = Usage(None if sent is None else sent + (cached or 0) + (written or 0), got("output_tokens"),
                                 cached, written, got("thinking"))

    # ---- streams
    def stream(self, body):
        for event in sse.strict(body):
            need(isinstance(event.value, dict), "no JSON:", event.data)
            need(event.name == member(event.value, "type", str), "a name that is not the type:", event)
            need(event.name in ORDER, "no event of the protocol:", event.name)
            need(self.state not in ("stopped", "failed"), "something behind the end:", event)
            need(self.state != "new" or event.name in ("message_start", "ping", "error"), "before message_start:", event)
            getattr(self, event.name)(event.value)
        need(self.state in ("stopped", "failed"), "no message_stop at the end")
        return self.facts

    def message_start(self, value):
        need(self.state == "new", "a second message_start")
        message = member(value, "message", dict)
        self.envelope(message)
        need(member(message, "content", list) == [] and message["stop_reason"] is None, "a message that is not new:",
             message)
        usage = member(message, "usage", dict)
        member(usage, "input_tokens", int)
        self.start_input = usage["input_tokens"] + (usage.get("cache_read_input_tokens") or 0) + \
            (usage.get("cache_creation_input_tokens") or 0)
        self.count(usage)
        self.state = "between"

    def content_block_start(self, value):
        need(self.state == "between", "a block in a %s" % self.state, value)
        need(member(value, "index", int) == self.blocks, "the index of a block:", value)
        self.open = self.block(member(value, "content_block", dict))
        self.open["partial"], self.state = "", "block"

    def content_block_delta(self, value):
        need(self.state == "block" and member(value, "index", int) == self.blocks, "a delta of no open block:", value)
        delta = member(value, "delta", dict)
        need(member(delta, "type", str) in DELTAS, "a delta:", delta)
        kind, name = DELTAS[delta["type"]]
        need(self.open["kind"] == kind or (name == "partial_json" and kind not in EMPTY) or
             (name == "partial_json" and self.open["kind"].endswith("tool_use")),
             "a %s in a block of" % delta["type"], self.open["kind"])
        if name == "partial_json":
            self.open["partial"] += member(delta, name, str)
        elif name == "citation":
            self.open["citations"] = (self.open.get("citations") or []) + [member(delta, name, dict)]
        else:
            self.open[name] = (self.open.get(name) or "") + member(delta, name, str)

    def content_block_stop(self, value):
        need(self.state == "block" and member(value, "index", int) == self.blocks, "a stop of no open block:", value)
        self.take(self.open)
        self.open, self.state, self.blocks = None, "between", self.blocks + 1

    def message_delta(self, value):
        need(self.state == "between", "a message_delta in a %s" % self.state)
        delta = member(value, "delta", dict)
        self.finish(delta)
        self.count(member(value, "usage", dict))
        self.state = "ending"
        for call in self.facts.first.calls if delta["stop_reason"] == "tool_use" else ():
            need(isinstance(call.value, dict), "arguments that are no object:", call)

    def message_stop(self, _value):
        need(self.state == "ending", "a message_stop in a %s" % self.state)
        self.state, self.facts.ended = "stopped", True

    def ping(self, _value):
        """anywhere"""

    # named so by the protocol; unary errors come here too, with their status
    def error(self, value, body=None):
        status, value = (value, body) if body is not None else (None, value)
        need(member(value, "type", str) == "error", "an error:", value)
        error = member(value, "error", dict)
        need(member(error, "message", str), "an error without words:", error)
        need(member(error, "type", str) in ERRORS.values(), "an error's type:", error)
        if status is not None:
            need(error["type"] == ERRORS.get(status, "api_error"), "%d is not" % status, error["type"])
        self.state, self.facts.error = "failed", {"message": error["message"], "type": error["type"], "code": None}
        return self.facts.error

"""Ollama's /api/chat and /api/generate, as a client must get them."""
import json
import re

from . import BadWire, Call, Facts, Usage
from .check import counted, maybe, member, need, only

FINISHES = {"stop": "stop", "length": "length", "content_filter": "content_filter"}  # the last one is the gateway's own
TIMES = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
COUNTS = ("prompt_eval_count", "eval_count")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z")
MESSAGE = ("content", "thinking", "tool_calls", "images")
GENERATED = ("response", "thinking", "tool_calls", "images")


class Ollama:
    def __init__(self):
        self.facts, self.state, self.kind = Facts(), "open", None

    def answer(self, value):
        self.take(value, is_whole=True)
        need(self.state == "done", "a whole answer that is not done:", value)
        return self.facts

    def stream(self, body):
        need(body.endswith(b"\n"), "the last line has no end:", body[-80:])
        for line in body.split(b"\n")[:-1]:
            need(self.state == "open", "something behind the end:", line)
            try:
                value = json.loads(line)
            except ValueError:
                raise BadWire("no JSON: %r" % line[:200]) from None
            need(isinstance(value, dict), "no object:", line)
            if "error" in value:
                self.state, self.facts.error = "failed", self.error(None, value)
            else:
                self.take(value)
        need(self.state in ("done", "failed"), "neither a line that is done nor an error at the end")
        return self.facts

    def take(self, value, is_whole=False):
        kind = "chat" if "message" in value else "generate"
        need(self.kind in (None, kind), "a line of another kind:", value)
        self.kind = kind
        model = member(value, "model", str)
        need(model and self.facts.model in (None, model), "another model:", value)
        self.facts.model = model
        need(DATE.match(member(value, "created_at", str)), "a date:", value)
        is_done = member(value, "done", bool)
        names = ("model", "created_at", "done", "logprobs", *(("message",) if kind == "chat" else GENERATED))
        only(value, *names, *(("done_reason", "context", *TIMES, *COUNTS) if is_done else ()))
        self.say(self.message(value) if kind == "chat" else dict(value, content=member(value, "response", str)), is_whole)
        if is_done:
            self.finish(value)

    @staticmethod
    def message(value):
        message = member(value, "message", dict)
        only(message, "role", *MESSAGE)
        need(member(message, "role", str) == "assistant", "a role:", message)
        return message

    def say(self, message, is_whole):
        choice = self.facts.choice()
        choice.text += member(message, "content", str)
        choice.reasoning += maybe(message, "thinking", str) or ""
        self.facts.images += [member({"data": i}, "data", str) for i in maybe(message, "images", list) or ()]
        calls = maybe(message, "tool_calls", list)
        need(calls is None or calls, "calls, but none:", message)
        need(is_whole or calls is None or len(calls) == 1, "several calls in a line:", message)
        for call in calls or ():
            only(call, "id", "type", "function")
            function = member(call, "function", dict)
            only(function, "index", "name", "arguments")
            need(maybe(function, "index", int) in (None, len(choice.calls)), "the index of a call:", call)
            choice.calls.append(Call(member(function, "name", str), maybe(call, "id", str) or "",
                                     json.dumps(member(function, "arguments", dict))))
            need(choice.calls[-1].name, "a call without a name:", call)
        known = [c.id for c in choice.calls if c.id]
        need(len(set(known)) == len(known), "calls of one id:", choice.calls)

    def finish(self, value):
        choice = self.facts.choice()
        choice.word = member(value, "done_reason", str)
        need(choice.word in FINISHES, "a done_reason:", choice.word)
        choice.finish = FINISHES[choice.word]
        if choice.finish == "stop" and choice.calls:
            choice.finish = "tool_calls"
        for name in TIMES:
            need(member(value, name, int) >= 0, "a time below 0:", value)
        self.facts.usage = Usage(*(counted(value, name) for name in COUNTS))
        self.state, self.facts.ended = "done", True

    # ---- errors
    @staticmethod
    def error(_status, value):
        only(value, "error")
        need(member(value, "error", str), "an error without words:", value)
        return {"message": value["error"], "type": None, "code": None}

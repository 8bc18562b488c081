"""Cohere's chat, API v2, as a client must get it."""

from . import Call, Facts, Usage, cite, sse
from .check import maybe, member, need, only

FINISHES = {"COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls",
            "ERROR_TOXIC": "content_filter", "ERROR": "error", "TIMEOUT": "error"}
KINDS = ("text", "thinking")
ORDER = ("message-start", "content-start", "content-delta", "content-end", "tool-plan-delta", "tool-call-start",
         "tool-call-delta", "tool-call-end", "citation-start", "citation-end", "message-end")


def count(value, name):
    found = maybe(value, name, (int, float))
    need(found is None or found >= 0, "a count below 0:", value)
    return found


class Cohere:
    def __init__(self):
        self.facts, self.state = Facts(), "new"
        self.blocks, self.open, self.call, self.citation = [], None, None, None
        self.calls = self.cited = 0

    # ---- whole
    def answer(self, value):
        only(value, "id", "finish_reason", "message", "usage", "logprobs")
        member(value, "id", str)
        message = member(value, "message", dict)
        only(message, "role", "content", "tool_plan", "tool_calls", "citations")
        need(member(message, "role", str) == "assistant", "a role:", message)
        choice = self.facts.choice()
        choice.reasoning = maybe(message, "tool_plan", str) or ""
        content = maybe(message, "content", list)
        need(content is None or content, "content without a block:", message)
        for block in content or ():
            self.block(block)
        for call in maybe(message, "tool_calls", list) or ():
            self.new_call(call)
            choice.calls[-1].arguments = member(call["function"], "arguments", str)
        need(content or choice.calls, "a message that says nothing:", message)
        for one in maybe(message, "citations", list) or ():
            self.cite(one)
        self.finish(value)
        return self.facts

    def block(self, block):
        kind = member(block, "type", str)
        need(kind in KINDS, "a block:", block)
        text = member(block, kind, str)
        self.blocks.append([kind, text])
        if kind == "text":
            self.facts.choice().text += text
        else:
            self.facts.choice().reasoning += text
        self.sign(block)

    def sign(self, owner):
        """what another provider signed, in a member of our own"""
        if maybe(owner, "signature", str):
            self.facts.signatures.append(owner["signature"])

    def new_call(self, call):
        need(member(call, "type", str) == "function", "a call:", call)
        function = member(call, "function", dict)
        made = Call(member(function, "name", str), member(call, "id", str))
        need(made.name and made.id, "a call without a name or an id:", call)
        calls = self.facts.choice().calls
        calls.append(made)
        need(len({c.id for c in calls}) == len(calls), "calls of one id:", calls)
        self.sign(call)

    def cite(self, one):
        start, stop, text = member(one, "start", int), member(one, "end", int), member(one, "text", str)
        kind = member(one, "type", str)
        if kind == "TEXT_CONTENT":
            index = maybe(one, "content_index", int)
            at = index if index is not None else [i for i, b in enumerate(self.blocks) if b[0] == "text"][0]
            need(not text or self.blocks[at][1][start:stop] == text, "a citation of other words:", one, self.blocks)
        need(member(one, "sources", list), "a citation without a source:", one)
        for source in one["sources"]:
            said = member(source, {"tool": "tool_output", "document": "document"}[member(source, "type", str)], dict)
            cite(self.facts, said.get("url"), member(source, "id", str))

    def finish(self, value):
        choice = self.facts.choice()
        choice.word = member(value, "finish_reason", str)
        need(choice.word in FINISHES, "a finish_reason:", choice.word)
        choice.finish = FINISHES[choice.word]
        need((choice.word == "TOOL_CALL") <= bool(choice.calls), "TOOL_CALL without a call")
        usage = member(value, "usage", dict)
        only(usage, "billed_units", "tokens", "cached_tokens")
        tokens, billed = maybe(usage, "tokens", dict) or {}, maybe(usage, "billed_units", dict) or {}
        only(tokens, "input_tokens", "output_tokens", "reasoning_tokens", "image_tokens")
        count(billed, "input_tokens")
        self.facts.usage = Usage(count(tokens, "input_tokens"), count(tokens, "output_tokens"),
                                 count(usage, "cached_tokens"), None, count(tokens, "reasoning_tokens"))
        self.facts.ended = True

    # ---- streams
    def stream(self, body):
        for event in sse.strict(body):
            need(self.state not in ("done", "failed"), "something behind the end:", event)
            if event.data == "[DONE]":
                need(self.state == "ended" and event.name is None, "a [DONE] in a %s" % self.state)
                self.state = "done"
                continue
            need(isinstance(event.value, dict), "no JSON:", event.data)
            need(event.name == member(event.value, "type", str), "a name that is not the type:", event)
            need(event.name in ORDER, "no event of the protocol:", event.name)
            need((self.state == "new") == (event.name == "message-start") or self.state == "new" and
                 event.name == "message-end", "an event in a %s:" % self.state, event)
            getattr(self, event.name.replace("-", "_"))(event.value)
        need(self.state in ("done", "failed"), "no [DONE] at the end")
        return self.facts

    @staticmethod
    def said(value, name, kind):
        return member(member(member(value, "delta", dict), "message", dict), name, kind)

    def message_start(self, value):
        member(value, "id", str)
        need(self.said(value, "role", str) == "assistant" and self.said(value, "content", list) == [], "a start:", value)
        self.state = "open"

    def content_start(self, value):
        need(self.open is None and self.call is None, "a block within another:", value)
        need(member(value, "index", int) == len(self.blocks), "the index of a block:", value)
        content = self.said(value, "content", dict)
        kind = member(content, "type", str)
        need(kind in KINDS and content[kind] == "", "a block that starts with content:", value)
        self.open = kind
        self.blocks.append([kind, ""])

    def content_delta(self, value):
        need(self.open and member(value, "index", int) == len(self.blocks) - 1, "a delta of no open block:", value)
        content = self.said(value, "content", dict)
        only(content, self.open)
        text = member(content, self.open, str)
        self.blocks[-1][1] += text
        choice = self.facts.choice()
        if self.open == "text":
            choice.text += text
        else:
            choice.reasoning += text

    def content_end(self, value):
        need(self.open and member(value, "index", int) == len(self.blocks) - 1, "an end of no open block:", value)
        self.sign(value)
        self.open = None

    def tool_plan_delta(self, value):
        need(self.open is None and self.call is None, "a plan within a block:", value)
        self.facts.choice().reasoning += self.said(value, "tool_plan", str)

    def tool_call_start(self, value):
        need(self.open is None and self.call is None, "a call within a block:", value)
        need(member(value, "index", int) == self.calls, "the index of a call:", value)
        made = self.said(value, "tool_calls", dict)
        self.new_call(made)
        need(member(made["function"], "arguments", str) == "", "a call that starts with arguments:", made)
        self.call = self.facts.choice().calls[-1]

    def tool_call_delta(self, value):
        need(self.call and member(value, "index", int) == self.calls, "arguments of no open call:", value)
        self.call.arguments += member(member(self.said(value, "tool_calls", dict), "function", dict), "arguments", str)

    def tool_call_end(self, value):
        need(self.call and member(value, "index", int) == self.calls, "an end of no open call:", value)
        self.call, self.calls = None, self.calls + 1

    def citation_start(self, value):
        need(self.citation is None and member(value, "index", int) == self.cited, "the index of a citation:", value)
        self.citation = self.said(value, "citations", dict)
        self.cite(self.citation)

    def citation_end(self, value):
        need(self.citation is not None and member(value, "index", int) == self.cited, "no citation to end:", value)
        self.citation, self.cited = None, self.cited + 1

    def message_end(self, value):
        delta = member(value, "delta", dict)
        if delta.get("error") is not None:
            need(member(delta, "error", str) and delta.get("finish_reason") in ("ERROR", "TIMEOUT"), "an error:", value)
            self.state, self.facts.error = "failed", {"message": delta["error"], "type": None, "code": None}
            return
        need(self.open is None and self.call is None and self.citation is None, "an end within a block:", value)
        self.finish(delta)
        self.state = "ended"

    # ---- errors
    def error(self, _status, value):
        only(value, "id", "message", "error_type")
        need(member(value, "id", str) and member(value, "message", str), "an error without words:", value)
        return {"message": value["message"], "type": maybe(value, "error_type", str), "code": None}

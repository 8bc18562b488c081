"""OpenAI's chat completions as a client must get them."""
import json

from . import Call, Facts, Usage, cite, sse
from .check import counted, maybe, member, need

FINISHES = ("stop", "length", "tool_calls", "content_filter", "function_call")
DETAILS = ("reasoning.text", "reasoning.summary", "reasoning.encrypted")


class OpenAIChat:
    def __init__(self):
        self.facts, self.started, self.id, self.done = Facts(), set(), None, False

    # ---- whole
    def answer(self, value):
        self.envelope(value, "chat.completion")
        choices = member(value, "choices", list)
        need(choices, "an answer without choices")
        for position, one in enumerate(choices):
            need(member(one, "index", int) == position, "choices out of order:", one)
            message = member(one, "message", dict)
            need(member(message, "role", str) == "assistant", "a role:", message)
            need("content" in message, "a message without content:", message)
            choice = self.facts.choice(position)
            self.words(choice, message)
            for call in maybe(message, "tool_calls", list) or ():
                self.whole_call(choice, call)
            choice.word = choice.finish = member(one, "finish_reason", str)
            need(choice.finish in FINISHES, "a finish_reason:", choice.finish)
            need((choice.finish == "tool_calls") <= bool(choice.calls), "tool_calls without a call:", one)
        if value.get("usage") is not None:
            self.count(member(value, "usage", dict))
        self.facts.ended = True
        return self.facts

    def envelope(self, value, kind):
        need(member(value, "object", str) == kind, "an object:", value)
        self.facts.model = member(value, "model", str)
        name = (member(value, "id", str), member(value, "created", int))
        need(name[0] and self.id in (None, name), "another id or time:", name, self.id)
        self.id = name

    def words(self, choice, part):
        """text, reasoning, refusal, signatures, pictures and sound of a message or a delta"""
        choice.text += maybe(part, "content", str) or ""
        choice.reasoning += maybe(part, "reasoning_content", str) or ""
        choice.refusal += maybe(part, "refusal", str) or ""
        for one in maybe(part, "reasoning_details", list) or ():
            need(member(one, "type", str) in DETAILS, "a detail of reasoning:", one)
            self.sign(one.get("signature") or one.get("data"))
        self.sign(self.google(part))
        for one in maybe(part, "annotations", list) or ():
            kind = member(one, "type", str)  # a file's is no part of the protocol, but tells what there is to tell
            need(kind in ("url_citation", "file_citation"), "an annotation:", one)
            source = member(one, kind, dict)
            cite(self.facts, source.get("url"), source.get("file_id"), source.get("title"))
        audio = maybe(part, "audio", dict)
        if audio and audio.get("data"):
            self.facts.sounds.append(audio["data"])
        for one in maybe(part, "images", list) or ():
            self.facts.images.append(member(member(one, "image_url", dict), "url", str).rpartition("base64,")[2])

    @staticmethod
    def google(value):
        return ((value.get("extra_content") or {}).get("google") or {}).get("thought_signature")

    def sign(self, text):
        if text:
            self.facts.signatures.append(text)

    def whole_call(self, choice, call):
        need(member(call, "type", str) in ("function", "custom"), "a call's type:", call)
        function = member(call, "function", dict)
        choice.calls.append(Call(member(function, "name", str), member(call, "id", str),
                                 member(function, "arguments", str), self.google(call)))
        need(choice.calls[-1].id and choice.calls[-1].name, "a call without id or name:", call)
        need(len({c.id for c in choice.calls}) == len(choice.calls), "calls of one id:", choice.calls)
        self.sign(self.google(call))

    def count(self, usage):
        sent, out, total = (counted(usage, n) for n in ("prompt_tokens", "completion_tokens", "total_tokens"))
        need({"prompt_tokens", "completion_tokens", "total_tokens"} <= set(usage), "a usage without its counts:", usage)
        need(total == (None if None in (sent, out) else sent + out), "a total that is no sum:", usage)
        read, made = maybe(usage, "prompt_tokens_details", dict), maybe(usage, "completion_tokens_details", dict)
        self.facts.usage = Usage(sent, out, counted(read or {}, "cached_tokens"),
                                 counted(read or {}, "cache_write_tokens"), counted(made or {}, "reasoning_tokens"))

    # ---- streams
    def stream(self, body):
        for event in sse.strict(body):
            need(not self.done, "something behind the end:", event.data)
            need(event.name is None, "a chunk with an event's name:", event)
            if event.data == "[DONE]":
                self.done = self.facts.ended = True
                continue
            need(isinstance(event.value, dict), "no JSON:", event.data)
            if "error" in event.value:
                self.facts.error, self.done = self.body(event.value), True
                continue
            self.chunk(event.value)
        need(self.done, "neither [DONE] nor an error at the end")
        if self.facts.ended:
            need(self.facts.choices, "a stream without choices")
            for index, choice in self.facts.choices.items():
                need(choice.finish, "choice %d does not finish" % index)
                for call in choice.calls:
                    json.loads(call.arguments or "null") if choice.finish == "tool_calls" else None
        return self.facts

    def chunk(self, value):
        self.envelope(value, "chat.completion.chunk")
        for one in member(value, "choices", list):
            index = member(one, "index", int)
            delta = member(one, "delta", dict)
            choice = self.facts.choice(index)
            need("finish_reason" in one, "no finish_reason:", one)
            need(not choice.finish, "something behind the finish:", one)
            if index not in self.started:
                need(delta.get("role") == "assistant", "a first delta without role:", one)
                self.started.add(index)
            self.words(choice, delta)
            for piece in maybe(delta, "tool_calls", list) or ():
                self.piece(choice, piece)
            if one["finish_reason"] is not None:
                choice.word = choice.finish = member(one, "finish_reason", str)
                need(choice.finish in FINISHES, "a finish_reason:", one)
                need((choice.finish == "tool_calls") <= bool(choice.calls), "tool_calls without a call:", one)
        if value.get("usage") is not None:
            need(self.facts.usage.input is None, "usage twice:", value)
            need(all(c.finish for c in self.facts.choices.values()), "usage before the finish:", value)
            self.count(member(value, "usage", dict))

    def piece(self, choice, piece):
        index = member(piece, "index", int)
        need(0 <= index <= len(choice.calls), "a call's index:", piece)
        function = member(piece, "function", dict)
        if index == len(choice.calls):
            need(member(piece, "type", str) in ("function", "custom"), "a call's type:", piece)
            choice.calls.append(Call(member(function, "name", str), member(piece, "id", str)))
            need(choice.calls[-1].id and choice.calls[-1].name, "a call without id or name:", piece)
            need(len({c.id for c in choice.calls}) == len(choice.calls), "calls of one id:", choice.calls)
        else:
            need(not piece.get("id") or piece["id"] == choice.calls[index].id, "a call with two ids:", piece)
            need(index == len(choice.calls) - 1, "calls that interleave:", piece)
        choice.calls[index].arguments += maybe(function, "arguments", str) or ""
        choice.calls[index].signature = choice.calls[index].signature or self.google(piece)
        self.sign(self.google(piece))

    # ---- errors
    @staticmethod
    def body(value):
        error = member(value, "error", dict)
        need(member(error, "message", str) and member(error, "type", str), "an error:", error)
        maybe(error, "param", str)
        maybe(error, "code", (str, int))
        return {"message": error["message"], "type": error["type"], "code": error.get("code")}

    def error(self, _status, value):
        error = self.body(value)
        need(set(value["error"]) >= {"message", "type", "param", "code"}, "an error that lacks members:", value)
        return error

"""Gemini's generateContent and streamGenerateContent as a client must get them."""
import json

from . import BadWire, Call, Facts, Usage, cite, plus, sse
from .check import counted, maybe, member, need, only

FINISHES = {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter", "RECITATION": "content_filter",
            "BLOCKLIST": "content_filter", "PROHIBITED_CONTENT": "content_filter", "SPII": "content_filter",
            "LANGUAGE": "content_filter", "OTHER": "error", "MALFORMED_FUNCTION_CALL": "error",
            "UNEXPECTED_TOOL_CALL": "error"}
STATUSES = {400: ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE"), 401: ("UNAUTHENTICATED",),
            402: ("FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"), 403: ("PERMISSION_DENIED",), 404: ("NOT_FOUND",),
            409: ("ABORTED", "ALREADY_EXISTS"), 413: ("INVALID_ARGUMENT", "OUT_OF_RANGE"), 422: ("INVALID_ARGUMENT",),
            429: ("RESOURCE_EXHAUSTED",), 499: ("CANCELLED",), 500: ("INTERNAL", "UNKNOWN"),
            502: ("UNAVAILABLE", "INTERNAL"), 503: ("UNAVAILABLE",), 504: ("DEADLINE_EXCEEDED",)}
PARTS = ("text", "functionCall", "inlineData", "fileData", "executableCode", "codeExecutionResult", "toolCall",
         "toolResponse")


class Gemini:
    def __init__(self):
        self.facts = Facts()

    # ---- whole
    def answer(self, value):
        self.take(value)
        self.end()
        return self.facts

    def end(self):
        need(self.facts.choices, "an answer without candidates")
        for index, choice in self.facts.choices.items():
            need(choice.finish, "candidate %d does not finish" % index)
        self.facts.ended = True

    def take(self, value):
        only(value, "candidates", "promptFeedback", "usageMetadata", "modelVersion", "responseId", "createTime")
        self.facts.model = member(value, "modelVersion", str)
        member(value, "responseId", str)
        for one in maybe(value, "candidates", list) or ():
            choice = self.facts.choice(maybe(one, "index", int) or 0)
            need(not choice.finish, "something behind the finish:", one)
            content = maybe(one, "content", dict)
            if content is not None:
                need(content.get("role") == "model", "a role:", content)
                for part in maybe(content, "parts", list) or ():
                    self.part(choice, part)
            if one.get("finishReason") is not None:
                choice.word = member(one, "finishReason", str)
                choice.finish = FINISHES.get(choice.word)
                need(choice.finish, "a finishReason:", choice.word)
                if choice.finish == "stop" and choice.calls:
                    choice.finish = "tool_calls"
            self.sources(one)
        if value.get("usageMetadata") is not None:
            self.count(member(value, "usageMetadata", dict))

    def part(self, choice, part):
        need(isinstance(part, dict), "a part:", part)
        need(len([k for k in part if k in PARTS]) == 1, "a part of several kinds, or of none:", part)
        signature = maybe(part, "thoughtSignature", str)
        if "text" in part:
            text = member(part, "text", str)
            if part.get("thought"):
                choice.reasoning += text
            else:
                choice.text += text
        elif "functionCall" in part:
            call = member(part, "functionCall", dict)
            choice.calls.append(Call(member(call, "name", str), maybe(call, "id", str) or "",
                                     json.dumps(maybe(call, "args", dict) or {}), signature))
            need(choice.calls[-1].name, "a call without a name:", call)
        elif "inlineData" in part:
            is_sound = member(part["inlineData"], "mimeType", str).startswith("audio")
            (self.facts.sounds if is_sound else self.facts.images).append(member(part["inlineData"], "data", str))
        else:
            self.facts.server += [k for k in part if k in PARTS]
            return
        if signature:
            self.facts.signatures.append(signature)

    def sources(self, one):
        for source in (maybe(one, "citationMetadata", dict) or {}).get("citationSources") or ():
            self.facts.citations.append(source.get("uri"))
        for chunk in (maybe(one, "groundingMetadata", dict) or {}).get("groundingChunks") or ():
            need(len(chunk) == 1, "a source of several kinds, or of none:", chunk)
            place = member(chunk, "web" if "web" in chunk else "retrievedContext", dict)
            cite(self.facts, place.get("uri"), place.get("title"))

    def count(self, usage):
        sent, used = counted(usage, "promptTokenCount"), counted(usage, "toolUsePromptTokenCount")
        out, thoughts = counted(usage, "candidatesTokenCount"), counted(usage, "thoughtsTokenCount")
        total = counted(usage, "totalTokenCount")
        if total is not None:
            need(total == (plus(sent, used, out, thoughts) or 0), "a total that is no sum:", usage)
        self.facts.usage = Usage(plus(sent, used), plus(out, thoughts), counted(usage, "cachedContentTokenCount"), None,
                                 thoughts)

    # ---- streams
    def stream(self, body):
        return self.elements([self.element(e) for e in sse.strict(body)])

    @staticmethod
    def element(event):
        need(event.name is None, "an element with an event's name:", event)
        need(isinstance(event.value, dict), "no JSON:", event.data)
        return event.value

    def array(self, body):
        try:
            values = json.loads(body)
        except ValueError:
            raise BadWire("no JSON array: %r ... %r" % (body[:80], body[-80:])) from None
        need(isinstance(values, list), "no JSON array:", values)
        return self.elements(values)

    def elements(self, values):
        for value in values:
            need(self.facts.error is None, "something behind the error:", value)
            if "error" in value:
                self.facts.error = self.body(value)
            else:
                self.take(value)
        need(values, "nothing at all")
        if self.facts.error is None:
            self.end()
        return self.facts

    # ---- errors
    @staticmethod
    def body(value):
        only(value, "error")
        error = member(value, "error", dict)
        need(member(error, "message", str), "an error without words:", error)
        code, status = member(error, "code", int), member(error, "status", str)
        need(status in STATUSES.get(code, (status,)) and status.isupper(), "a status:", error)
        return {"message": error["message"], "type": status, "code": code}

    def error(self, status, value):
        if isinstance(value, list):  # streams without alt=sse
            need(len(value) == 1, "an array of errors:", value)
            value = value[0]
        error = self.body(value)
        need(error["code"] == status, "a code that is not the status %d:" % status, error)
        return error

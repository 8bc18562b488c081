"""What Cohere's bytes say."""
from . import Call, Usage, cite

ENDS = {"COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls",
        "ERROR_TOXIC": "content_filter", "ERROR": "error", "TIMEOUT": "error"}


def reader(base):
    """the class, of provider.Reader"""
    class Cohere(base):
        dialect = "cohere-v2"

        def whole(self, value):
            message = value.get("message") if isinstance(value, dict) else None
            if not isinstance(message, dict):
                self.facts.error = {"message": message, "type": None, "code": None}
                return
            choice = self.facts.choice()
            choice.reasoning = message.get("tool_plan") or ""
            for block in message.get("content") or ():
                choice.text += block.get("text") or ""
                choice.reasoning += block.get("thinking") or ""
            for call in message.get("tool_calls") or ():
                self.call(choice, call)
            for one in message.get("citations") or ():
                self.cite(one)
            self.finish(value)

        def call(self, choice, call):
            function = call.get("function") or {}
            choice.calls.append(Call(function.get("name"), call.get("id"), function.get("arguments") or ""))

        def cite(self, one):
            for source in one.get("sources") or ():
                said = source.get("document") or source.get("tool_output") or {}
                cite(self.facts, said.get("url"), source.get("id"))

        def finish(self, value):
            self.keep_usage(value.get("usage"))
            self.close(self.facts.choice(), value.get("finish_reason"))
            if value.get("error"):
                self.facts.error = {"message": value["error"], "type": None, "code": None}
            self.facts.ended = not self.facts.error

        def event(self, event):
            value, choice = event.value, self.facts.choice()
            delta = value.get("delta") or {}
            said = delta.get("message") or {}
            content, calls = said.get("content"), said.get("tool_calls")
            if value.get("type") in ("content-start", "content-delta") and isinstance(content, dict):
                choice.text += content.get("text") or ""
                choice.reasoning += content.get("thinking") or ""
            elif value.get("type") == "tool-plan-delta":
                choice.reasoning += said.get("tool_plan") or ""
            elif value.get("type") == "tool-call-start":
                self.call(choice, calls)
            elif value.get("type") == "tool-call-delta":
                choice.calls[-1].arguments += calls["function"]["arguments"]
            elif value.get("type") == "citation-start":
                self.cite(said.get("citations") or {})
            elif value.get("type") == "message-end":
                self.finish(delta)

        def count(self):
            self.facts.usage = Usage(
                self.detail("tokens", "input_tokens"), self.detail("tokens", "output_tokens"),
                self.detail("cached_tokens"), None, self.detail("tokens", "reasoning_tokens"))
    return Cohere

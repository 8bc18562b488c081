"""What Ollama says at /api/chat and /api/generate."""
import json

from . import Call, Usage
from .sse import Event

ENDS = {"stop": "stop", "length": "length"}


def events(body):
    made = []
    for line in body.split(b"\n"):
        if line.strip():
            try:
                value = json.loads(line)
            except ValueError:
                value = None
            made.append(Event(None, line.decode("utf-8", "replace"), value))
    return made


def reader(base):
    """the class, of provider.Reader"""
    class Ollama(base):
        dialect = "ollama"
        events = staticmethod(events)

        def whole(self, value):
            self.take(value if isinstance(value, dict) else {"error": None})
            self.facts.ended = not self.facts.error

        def event(self, event):
            if {"error", "message", "response"} & set(event.value):
                self.take(event.value)
            self.is_over = self.facts.ended or self.facts.error is not None

        def take(self, value):
            if value.get("error") or not ("message" in value or "response" in value):
                said = value.get("error")
                self.facts.error = {"message": said if isinstance(said, str) else None, "type": None, "code": None}
                return
            choice = self.facts.choice()
            self.facts.model = value.get("model") or self.facts.model
            message = value.get("message") or dict(value, content=value.get("response"))
            choice.text += message.get("content") or ""
            choice.reasoning += message.get("thinking") or ""
            self.facts.images += message.get("images") or ()
            for call in message.get("tool_calls") or ():
                function = call.get("function") or {}
                choice.calls.append(Call(function.get("name"), call.get("id") or "", json.dumps(function.get("arguments") or {})))
            if value.get("done"):
                self.keep_usage(value)
                self.close(choice, value.get("done_reason"))
                self.facts.ended = True

        def count(self):
            self.facts.usage = Usage(self.detail("prompt_eval_count"), self.detail("eval_count"))
    return Ollama

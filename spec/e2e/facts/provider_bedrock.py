"""What Bedrock's Converse says."""
import base64
import json

from . import BadWire, Call, Usage, cite, plus
from .frames import take
from .sse import Event

ENDS = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "model_context_window_exceeded": "length",
        "tool_use": "tool_calls", "guardrail_intervened": "content_filter", "content_filtered": "content_filter",
        "malformed_model_output": "error", "malformed_tool_use": "error"}


def events(body):
    """the frames as events; what an exception is called begins with a "!" """
    found, made = [], []
    try:
        take(body, found)
    except BadWire:
        pass  # what stands before it was said
    for headers, payload in found:
        name = headers.get(":event-type")
        if headers.get(":message-type") != "event":
            name = "!" + (headers.get(":exception-type") or headers.get(":error-code") or "")
        try:
            value = json.loads(payload or "{}")
        except ValueError:
            value = None
        made.append(Event(name, payload.decode("utf-8", "replace"), value))
    return made


def reader(base):
    """the class, of provider.Reader"""
    class Bedrock(base):
        dialect = "bedrock-converse"
        events = staticmethod(events)

        def __init__(self):
            super().__init__()
            self.blocks = {}

        # ---- whole
        def whole(self, value):
            output = value.get("output") if isinstance(value, dict) else None
            if not isinstance(output, dict):
                message = (value.get("message") or value.get("Message")) if isinstance(value, dict) else None
                self.facts.error = {"message": message, "type": None, "code": None}
                return
            for block in (output.get("message") or {}).get("content") or ():
                self.block(block)
            self.finish(value)
            self.keep_usage(value.get("usage"))
            self.facts.ended = True

        def finish(self, value):
            choice = self.facts.choice()
            self.close(choice, value.get("stopReason"))
            if choice.finish == "content_filter":
                choice.why = choice.text

        def block(self, block):
            choice = self.facts.choice()
            choice.text += block.get("text") or ""
            cited = block.get("citationsContent") or {}
            choice.text += "".join(p.get("text") or "" for p in cited.get("content") or ())
            for one in cited.get("citations") or ():
                self.cite(one)
            thought = block.get("reasoningContent") or {}
            choice.reasoning += (thought.get("reasoningText") or {}).get("text") or ""
            self.sign((thought.get("reasoningText") or {}).get("signature"))
            self.seal(thought.get("redactedContent"))
            use = block.get("toolUse")
            if use and use.get("type") == "server_tool_use":
                self.facts.server.append(use.get("name"))
            elif use:
                choice.calls.append(Call(use.get("name"), use.get("toolUseId"), json.dumps(use.get("input") or {})))
            for kind, found in (("image", self.facts.images), ("audio", self.facts.sounds)):
                data = ((block.get(kind) or {}).get("source") or {}).get("bytes")
                found += [data] if data else []

        def seal(self, data):
            """bytes, which are the text that others have of Claude where they are one"""
            try:
                text = base64.b64decode(data or "", validate=True).decode("ascii")
            except ValueError:
                text = ""
            self.sign(text if text and text.isprintable() and " " not in text else data)

        def cite(self, one):
            place = one.get("location") or {}
            cite(self.facts, (place.get("web") or {}).get("url"), one.get("title"), one.get("source"), "a document")

        # ---- streams
        def event(self, event):
            name, value = event.name or "", event.value
            if name.startswith("!"):
                self.facts.error = {"message": value.get("message"), "type": name[1:], "code": None}
                self.is_over = True
            elif name == "contentBlockStart":
                self.blocks[value.get("contentBlockIndex")] = dict(value.get("start") or {}, partial="")
            elif name == "contentBlockDelta":
                self.delta(self.blocks.setdefault(value.get("contentBlockIndex"), {"partial": ""}), value.get("delta") or {})
            elif name == "contentBlockStop":
                self.shut(self.blocks.pop(value.get("contentBlockIndex"), None))
            elif name == "messageStop":
                self.finish(value)
                self.facts.ended = True  # only the counts are missing yet
            elif name == "metadata":
                self.keep_usage(value.get("usage"))
                self.is_over = self.facts.ended

        def delta(self, block, delta):
            block["text"] = block.get("text", "") + (delta.get("text") or "")
            for name, text in (delta.get("reasoningContent") or {}).items():
                block[name + " of reasoning"] = block.get(name + " of reasoning", "") + (text or "")
            block["partial"] += (delta.get("toolUse") or {}).get("input") or ""
            if delta.get("citation"):
                block["citations"] = [*block.get("citations", ()), delta["citation"]]

        def shut(self, block):
            if block is None:
                return
            self.block({
                "citationsContent": {"content": [{"text": block.get("text")}], "citations": block.get("citations")},
                "reasoningContent": {"redactedContent": block.get("redactedContent of reasoning"), "reasoningText": {
                    "text": block.get("text of reasoning"), "signature": block.get("signature of reasoning")}}})
            if block.get("toolUse"):
                self.block({"toolUse": block["toolUse"]})
                if block["toolUse"].get("type") != "server_tool_use":
                    self.facts.first.calls[-1].arguments = block["partial"] or "{}"

        def count(self):
            sent, cached, written = (self.detail(n) for n in ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"))
            self.facts.usage = Usage(None if sent is None else plus(sent, cached, written), self.detail("outputTokens"),
                                     cached, written, None)
    return Bedrock

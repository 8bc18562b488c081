"""What a provider's bytes say: lenient, because providers are."""
import json
import re

from . import Call, Facts, Usage, cite, plus, provider_bedrock, provider_cohere, provider_ollama, sse

ENDS = {
    "openai-chat": {"stop": "stop", "eos": "stop", "length": "length", "model_length": "length",
                    "model_context_window_exceeded": "length", "tool_calls": "tool_calls",
                    "function_call": "tool_calls", "content_filter": "content_filter", "sensitive": "content_filter",
                    "error": "error", "network_error": "error", "insufficient_system_resource": "error"},
    "anthropic-messages": {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length",
                           "model_context_window_exceeded": "length", "tool_use": "tool_calls",
                           "refusal": "content_filter"},
    "cohere-v2": provider_cohere.ENDS,
    "bedrock-converse": provider_bedrock.ENDS,
    "ollama": provider_ollama.ENDS,
    "gemini": {"STOP": "stop", "MAX_TOKENS": "length",
               **dict.fromkeys(("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY",
                                "IMAGE_PROHIBITED_CONTENT", "LANGUAGE", "MODEL_ARMOR"), "content_filter"),
               **dict.fromkeys(("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MISSING_THOUGHT_SIGNATURE",
                                "TOO_MANY_TOOL_CALLS"), "error")},
}


def read(dialect, body, is_stream):
    """Facts of the bytes; `error` where they say one, or where they are no JSON at all"""
    reader = READERS[dialect]()
    if not is_stream:
        try:
            value = json.loads(body)
        except ValueError:
            value = None
        reader.whole(value)
    else:
        for event in reader.events(body):
            if reader.is_over:
                break  # nothing behind the protocol's own end is of this answer
            if event.data == "[DONE]":
                reader.facts.ended = reader.is_over = True
            elif isinstance(event.value, dict):
                reader.event(event)
    return reader.end()


def said(value):
    """the error of a body: {"message", "type", "code"}, or None"""
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return None
    error = value.get("error")
    if isinstance(error, dict):
        return {"message": error.get("message"), "type": error.get("type") or error.get("status"),
                "code": error.get("code")}
    if isinstance(error, str):
        return {"message": error, "type": None, "code": value.get("code")}
    base = value.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        return {"message": base.get("status_msg"), "type": None, "code": base["status_code"]}
    return None


def refused(body):
    """the error of a body with a status of an error: its message may stand anywhere"""
    try:
        value = json.loads(body)
    except ValueError:
        return {"message": None, "type": None, "code": None}
    error = said(value)
    if error is None and isinstance(value, dict):
        message = value.get("message") or value.get("detail")
        if isinstance(message, dict):
            message = json.dumps(message)
        error = {"message": message, "type": value.get("type"), "code": value.get("code")}
    return error or {"message": None, "type": None, "code": None}


class Reader:
    dialect = None
    events = staticmethod(sse.events)

    def __init__(self):
        self.facts = Facts()
        self.counts = {}
        self.is_over = False

    def keep_usage(self, usage):
        """fields told later win; a null tells nothing"""
        if isinstance(usage, dict):
            self.counts.update({k: v for k, v in usage.items() if v is not None})

    def detail(self, *path):
        value = self.counts
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def sign(self, text):
        if isinstance(text, str) and text:
            self.facts.signatures.append(text)

    def close(self, choice, word, why=None):
        choice.word, choice.why = word, why or ""
        choice.finish = ENDS[self.dialect].get(word, "stop")

    def end(self):
        for choice in self.facts.choices.values():
            if choice.finish in ("stop", "tool_calls"):
                choice.finish = "tool_calls" if choice.calls else "stop"
        self.count()
        return self.facts


class OpenAIChat(Reader):
    dialect = "openai-chat"

    def __init__(self):
        super().__init__()
        self.keys = {}  # of tool calls

    def whole(self, value):
        self.facts.error = said(value)
        if isinstance(value, dict):
            self.take(value, "message")
            self.facts.ended = not self.facts.error

    def event(self, event):
        if event.name == "error" or event.value.get("error"):
            self.facts.error = said(event.value) or {"message": event.data}
            return
        self.take(event.value, "delta")
        seen = self.facts.choices.values()
        self.facts.ended = self.facts.ended or (bool(seen) and all(c.finish for c in seen))

    def take(self, value, part):
        self.facts.model = value.get("model") or self.facts.model
        self.keep_usage(value.get("usage") or (value.get("x_groq") or {}).get("usage"))
        for address in value.get("citations") or ():
            if isinstance(address, str) and address not in self.facts.citations:
                self.facts.citations.append(address)
        for one in value.get("choices") or ():
            if not isinstance(one, dict):
                continue
            self.keep_usage(one.get("usage"))
            choice = self.facts.choice(one.get("index") or 0)
            body = one.get(part)
            if isinstance(body, dict):
                self.body(choice, one.get("index") or 0, body)
            if one.get("finish_reason"):
                self.close(choice, one["finish_reason"])

    def body(self, choice, index, body):
        content = body.get("content")
        if isinstance(content, str):
            choice.text += content
        for one in content if isinstance(content, list) else ():
            if one.get("type") == "thinking":
                choice.reasoning += "".join(t.get("text") or "" for t in one.get("thinking") or ())
            else:
                choice.text += one.get("text") or ""
        choice.refusal += body.get("refusal") or ""
        details = [d for d in body.get("reasoning_details") or () if isinstance(d, dict)]
        told = "".join(d.get("text") or d.get("summary") or "" for d in details)
        choice.reasoning += body.get("reasoning_content") or body.get("reasoning") or told
        for one in details:
            self.sign(one.get("signature") or one.get("data"))
        self.sign(self.google(body))
        for position, call in enumerate(body.get("tool_calls") or ()):
            self.call(choice, index, position, call)
        for one in body.get("annotations") or ():
            self.facts.citations.append((one.get("url_citation") or one).get("url"))
        if isinstance(body.get("audio"), dict) and body["audio"].get("data"):
            self.facts.sounds.append(body["audio"]["data"])
            self.facts.transcript += body["audio"].get("transcript") or ""
        for one in body.get("images") or ():
            self.facts.images.append((one.get("image_url") or {}).get("url", "").rpartition("base64,")[2])
        for one in body.get("executed_tools") or ():
            self.facts.server.append(one.get("type"))

    def google(self, value):
        return ((value.get("extra_content") or {}).get("google") or {}).get("thought_signature")

    def call(self, choice, index, position, piece):
        function = piece.get("function") or {}
        key = piece.get("index")
        if key is None:  # Mistral numbers none; each piece is a whole call then
            key = ("whole", len(choice.calls)) if function.get("name") else position
        slot = self.keys.setdefault((index, key), len(choice.calls))
        if slot == len(choice.calls):
            choice.calls.append(Call())
        call = choice.calls[slot]
        call.id = call.id or piece.get("id") or ""
        call.name += function.get("name") or ""
        arguments = function.get("arguments")
        call.arguments += arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""
        call.signature = self.google(piece) or call.signature
        self.sign(self.google(piece))

    def count(self):
        reasoning = self.detail("completion_tokens_details", "reasoning_tokens")
        sent, out, total = (self.detail(n) for n in ("prompt_tokens", "completion_tokens", "total_tokens"))
        if None not in (sent, out, total, reasoning) and total == sent + out + reasoning:
            out += reasoning  # some leave it out of the completion
        cached = self.detail("prompt_tokens_details", "cached_tokens")
        for name in ("cached_tokens", "prompt_cache_hit_tokens", "num_cached_tokens"):
            cached = self.detail(name) if cached is None else cached
        self.facts.usage = Usage(sent, out, cached, self.detail("prompt_tokens_details", "cache_write_tokens"), reasoning)


class OpenAIResponses(Reader):
    dialect = "openai-responses"

    def __init__(self):
        super().__init__()
        self.items = []

    def whole(self, value):
        if not isinstance(value, dict) or value.get("object") != "response":
            self.facts.error = said(value) or {"message": None}
            return
        self.items = value.get("output") or []
        self.finish(value)

    def event(self, event):
        value, kind = event.value, event.value.get("type")
        if kind == "response.output_item.done":
            self.items.append(value["item"])
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            self.items = self.items or value["response"].get("output") or []
            self.finish(value["response"])
            self.is_over = True
        elif kind == "error":
            self.facts.error = said(value) or {k: value.get(k) for k in ("message", "type", "code")}

    def finish(self, response):
        facts, choice = self.facts, self.facts.choice()
        facts.model, facts.ended = response.get("model"), True
        self.keep_usage(response.get("usage"))
        why = (response.get("incomplete_details") or {}).get("reason")
        choice.word = response.get("status")
        if response.get("status") == "failed":
            facts.error = said(response) or {"message": None}
        elif response.get("status") == "incomplete":
            choice.word = why
            choice.finish = "content_filter" if why == "content_filter" else "length"
        else:
            choice.finish = "stop"

    def end(self):
        for item in self.items:
            self.item(self.facts.choice(), item)
        return super().end()

    def item(self, choice, item):
        kind = item.get("type")
        if kind == "message":
            for part in item.get("content") or ():
                choice.text += part.get("text") or ""
                choice.refusal += part.get("refusal") or ""
                for one in part.get("annotations") or ():
                    cite(self.facts, one.get("url"), one.get("file_id"))
        elif kind == "reasoning":
            choice.reasoning += "".join(p.get("text") or "" for p in item.get("summary") or ())
            choice.reasoning += "".join(p.get("text") or "" for p in item.get("content") or ())
            self.sign(item.get("encrypted_content"))
        elif kind == "function_call":
            choice.calls.append(Call(item.get("name"), item.get("call_id"), item.get("arguments") or ""))
        elif kind == "image_generation_call" and item.get("result"):
            self.facts.images.append(item["result"])
        else:
            self.facts.server.append(kind)

    def count(self):
        self.facts.usage = Usage(self.detail("input_tokens"), self.detail("output_tokens"),
                                 self.detail("input_tokens_details", "cached_tokens"),
                                 self.detail("input_tokens_details", "cache_write_tokens"),
                                 self.detail("output_tokens_details", "reasoning_tokens"))


class Anthropic(Reader):
    dialect = "anthropic-messages"

    def __init__(self):
        super().__init__()
        self.blocks = {}

    def whole(self, value):
        self.facts.error = said(value)
        if self.facts.error or not isinstance(value, dict):
            self.facts.error = self.facts.error or {"message": None}
            return
        self.facts.model, self.facts.ended = value.get("model"), True
        self.keep_usage(value.get("usage"))
        for block in value.get("content") or ():
            self.block(block)
        self.close(self.facts.choice(), value.get("stop_reason"), self.why(value))

    def event(self, event):
        value, kind = event.value, event.value.get("type")
        if kind == "message_start":
            self.facts.model = value["message"].get("model")
            self.keep_usage(value["message"].get("usage"))
        elif kind == "content_block_start":
            self.blocks[value["index"]] = dict(value["content_block"], partial="")
        elif kind == "content_block_delta":
            self.delta(self.blocks[value["index"]], value["delta"])
        elif kind == "content_block_stop":
            self.block(self.blocks.pop(value["index"]))
        elif kind == "message_delta":
            self.keep_usage(value.get("usage"))
            if value["delta"].get("stop_reason"):
                self.close(self.facts.choice(), value["delta"]["stop_reason"], self.why(value["delta"]))
        elif kind == "message_stop":
            self.facts.ended = self.is_over = True
        elif kind == "error":
            self.facts.error = said(value)

    def why(self, value):
        details = value.get("stop_details") or {}
        return details.get("explanation") or details.get("category")

    @staticmethod
    def delta(block, delta):
        block["partial"] += delta.get("partial_json") or ""
        for name in ("text", "thinking", "signature"):
            if name in delta:
                block[name] = (block.get(name) or "") + (delta[name] or "")
        if "citation" in delta:
            block["citations"] = (block.get("citations") or []) + [delta["citation"]]

    def block(self, block):
        choice, kind = self.facts.choice(), block.get("type")
        if kind == "text":
            choice.text += block.get("text") or ""
            for one in block.get("citations") or ():
                cite(self.facts, one.get("url"), one.get("document_title"), "a document")
        elif kind == "thinking":
            choice.reasoning += block.get("thinking") or ""
            self.sign(block.get("signature"))
        elif kind == "redacted_thinking":
            self.sign(block.get("data"))
        elif kind == "tool_use":
            arguments = block.get("partial") or json.dumps(block.get("input") or {})
            choice.calls.append(Call(block.get("name"), block.get("id"), arguments))
        else:
            self.facts.server.append(kind)

    def count(self):
        cached, written = self.detail("cache_read_input_tokens"), self.detail("cache_creation_input_tokens")
        sent = self.detail("input_tokens")
        self.facts.usage = Usage(None if sent is None else plus(sent, cached, written), self.detail("output_tokens"),
                                 cached, written, self.detail("output_tokens_details", "thinking_tokens"))


class Gemini(Reader):
    dialect = "gemini"

    def __init__(self):
        super().__init__()
        self.open = None  # a call whose arguments come in pieces

    def whole(self, value):
        if isinstance(value, list):
            for one in value:
                self.take(one)
        else:
            self.take(value)
        self.facts.error = said(value) or (None if isinstance(value, (dict, list)) else {"message": None})

    def event(self, event):
        self.facts.error = said(event.value) or self.facts.error
        self.take(event.value)

    def take(self, value):
        if not isinstance(value, dict):
            return
        self.facts.model = value.get("modelVersion") or self.facts.model
        if "totalTokenCount" in (value.get("usageMetadata") or ()):
            self.counts = {}  # each total is told with all that it holds; a 0 is left out
        self.keep_usage(value.get("usageMetadata"))
        if (value.get("promptFeedback") or {}).get("blockReason") and not value.get("candidates"):
            choice = self.facts.choice()
            choice.finish, choice.word, self.facts.ended = "content_filter", value["promptFeedback"]["blockReason"], True
            choice.why = value["promptFeedback"].get("blockReasonMessage") or ""
        for one in value.get("candidates") or ():
            choice = self.facts.choice(one.get("index") or 0)
            for part in (one.get("content") or {}).get("parts") or ():
                self.part(choice, part)
            if one.get("finishReason"):
                self.close(choice, one["finishReason"], one.get("finishMessage"))
                self.facts.ended = True
            for source in (one.get("citationMetadata") or {}).get("citationSources") or ():
                self.facts.citations.append(source.get("uri"))
            for chunk in (one.get("groundingMetadata") or {}).get("groundingChunks") or ():
                place = chunk.get("web") or chunk.get("retrievedContext") or {}
                cite(self.facts, place.get("uri"), place.get("title"))

    def part(self, choice, part):
        if isinstance(part.get("text"), str):
            if part.get("thought"):
                choice.reasoning += part["text"]
            else:
                choice.text += part["text"]
        elif isinstance(part.get("functionCall"), dict):
            self.call(choice, part["functionCall"], part.get("thoughtSignature"))
        elif isinstance(part.get("inlineData"), dict):
            is_sound = (part["inlineData"].get("mimeType") or "").startswith("audio")
            (self.facts.sounds if is_sound else self.facts.images).append(part["inlineData"].get("data"))
        elif set(part) - {"thoughtSignature", "thought"}:
            self.facts.server += [k for k in part if k not in ("thoughtSignature", "thought")]
            return  # what signs it is of no use without it
        self.sign(part.get("thoughtSignature"))

    def call(self, choice, call, signature):
        if self.open is None or call.get("name"):
            choice.calls.append(Call(call.get("name"), call.get("id") or "", "", signature))
            self.open = {} if call.get("willContinue") else None
            if self.open is None:
                choice.calls[-1].arguments = json.dumps(call.get("args") or {})
                return
        for piece in call.get("partialArgs") or ():
            put(self.open, piece)
        choice.calls[-1].arguments = json.dumps(self.open)
        if not call.get("willContinue"):
            self.open = None

    def count(self):
        thoughts, total = self.detail("thoughtsTokenCount"), self.detail("totalTokenCount")
        sent = plus(self.detail("promptTokenCount"), self.detail("toolUsePromptTokenCount"))
        out = plus(self.detail("candidatesTokenCount"), thoughts)
        if total is not None and sent is not None and out is None:
            out = total - sent
        self.facts.usage = Usage(sent, out, self.detail("cachedContentTokenCount"), None, thoughts)


def put(arguments, piece):
    """one of Gemini's partialArgs: {"jsonPath": "$.a.b[0]", "stringValue": ...}; pieces of a string are joined"""
    steps = [int(i) if i else n for n, i in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", piece["jsonPath"])]
    at = arguments
    for step, following in zip(steps, steps[1:]):
        empty = [] if isinstance(following, int) else {}
        if isinstance(at, list):
            while len(at) <= step:
                at.append(None)
            at[step] = empty if at[step] is None else at[step]
            at = at[step]
        else:
            at = at.setdefault(step, empty)
    last = steps[-1]
    if isinstance(at, list):
        while len(at) <= last:
            at.append(None)
    before = at[last] if isinstance(at, list) else at.get(last)
    for name in ("stringValue", "numberValue", "boolValue"):
        if name in piece:
            value = piece[name]
            at[last] = before + value if name == "stringValue" and isinstance(before, str) else value
    if "nullValue" in piece:
        at[last] = None


READERS = {one.dialect: one for one in (
    OpenAIChat, OpenAIResponses, Anthropic, Gemini, *(m.reader(Reader) for m in (
        provider_bedrock, provider_cohere, provider_ollama)))}

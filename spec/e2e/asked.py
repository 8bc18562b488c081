"""What a request asks for, read from the bytes that a provider of each dialect receives: the protocols alone, nothing of the
gateway. All dialects give the same words, so that a test says once what must arrive."""
import base64
import json
import re
from dataclasses import dataclass, field

import asked_others
from asked_others import data_url
from dialects import ANTHROPIC, GEMINI, OPENAI, RESPONSES

TIERS = {"standard": "default", "standard_only": "default"}


@dataclass
class Asked:
    body: dict
    text: str
    system: str = ""
    turns: list = field(default_factory=list)    # [role, [piece, ...]], each role's neighbours as one
    tools: dict = field(default_factory=dict)    # name: {"description", "strict", "cache"}
    custom: list = field(default_factory=list)   # names of tools that take free text
    other_tools: int = 0                         # that the provider runs
    choice: object = None                        # "auto", "none", "required", ("tool", name), ("allowed", mode, names)
    parallel: bool = None
    format: str = None                           # "json", "json_schema"
    strict: bool = None
    stop: list = None
    effort: str = None
    budget: int = None
    cached: list = field(default_factory=list)   # what stands before each cache marker
    user: str = None
    metadata: dict = None
    service_tier: str = None
    values: dict = field(default_factory=dict)   # numbers and switches, by the names of openai-chat

    def say(self, role, *pieces):
        if not self.turns or self.turns[-1][0] != role:
            self.turns.append([role, []])
        self.turns[-1][1].extend(p for p in pieces if p is not None)

    def pieces(self, kind, role=None):
        return [p for who, pieces in self.turns for p in pieces if p[0] == kind and role in (None, who)]

    def said(self, role=None):
        return "\n".join(p[1] for p in self.pieces("text", role))

    @property
    def roles(self):
        return [role for role, _ in self.turns]

    @property
    def calls(self):
        """[(name, arguments)]"""
        return [(name, arguments) for _, _, name, arguments in self.pieces("call")]

    @property
    def results(self):
        """[(name of the tool that was called, text)], found by id, else by name and order as Gemini does"""
        named = {call_id: name for _, call_id, name, _ in self.pieces("call")}
        return [(name if i is None else named.get(i, name), text) for _, i, name, text, _ in self.pieces("result")]

    @property
    def has_failed_result(self):
        return any(p[4] for p in self.pieces("result"))

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return self.values.get(name)


def json_or_text(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def linked(kind, url):
    data = data_url(url)
    return (kind, "data", *data) if data else (kind, "url", url)


# ---- openai-chat -------------------------------------------------------------------------------
def chat_piece(part, asked):
    kind = part["type"]
    if part.get("cache_control"):
        asked.cached.append(part.get("text"))
    if kind == "text":
        return ("text", part["text"])
    if kind == "refusal":
        return ("refusal", part["refusal"])
    if kind == "image_url":
        asked.values["detail"] = part["image_url"].get("detail")
        return linked("image", part["image_url"]["url"])
    if kind == "input_audio":
        said = part["input_audio"]
        return ("audio", "wav", said) if isinstance(said, str) else ("audio", said["format"], said["data"])  # Mistral
    if kind == "document_url":  # Mistral
        asked.values["filename"] = part.get("document_name")
        return linked("file", part["document_url"])
    if kind == "file":
        file = part["file"]
        asked.values["filename"] = file.get("filename")
        assert file.get("file_id") or data_url(file["file_data"]), "file_data is no data: URL: %r" % file
        return linked("file", file["file_data"]) if "file_data" in file else ("file", "id", file["file_id"])
    return (kind, part)


def chat_pieces(content, asked):
    if isinstance(content, str):
        return [("text", content)] if content else []
    return [chat_piece(part, asked) for part in content or []]


def chat_call(call):
    if call["type"] == "custom":
        return ("call", call["id"], call["custom"]["name"], {"input": call["custom"]["input"]})
    return ("call", call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))


def chat_message(message, asked):
    role = message["role"]
    if role in ("system", "developer"):
        if not asked.turns:
            pieces = chat_pieces(message["content"], asked)
            asked.system += "\n" * bool(asked.system) + "\n".join(p[1] for p in pieces)
        else:
            asked.say("system", *chat_pieces(message["content"], asked))
    elif role == "tool":
        pieces = chat_pieces(message["content"], asked)
        text = "".join(p[1] for p in pieces if p[0] == "text")
        asked.say("user", ("result", message["tool_call_id"], None, text, False),
        *[p for p in pieces if p[0] != "text"])
    else:
        asked.values["name"] = message.get("name") or asked.values.get("name")
        if message.get("reasoning_content"):
            asked.say(role, ("thought", message["reasoning_content"], None))
        for detail in message.get("reasoning_details") or ():
            asked.say(role, ("thought", detail.get("text"), detail.get("signature") or detail.get("data")))
        asked.say(role, *chat_pieces(message.get("content"), asked))
        if message.get("refusal"):
            asked.say(role, ("refusal", message["refusal"]))
        asked.say(role, *[chat_call(call) for call in message.get("tool_calls") or ()])


def chat_choice(choice):
    if not isinstance(choice, dict):
        return choice
    if choice["type"] == "allowed_tools":
        allowed = choice["allowed_tools"]
        return ("allowed", allowed["mode"], sorted(t[t["type"]]["name"] for t in allowed["tools"]))
    return ("tool", choice[choice["type"]]["name"])


def read_chat(body, asked):
    for message in body["messages"]:
        chat_message(message, asked)
    for tool in body.get("tools", ()):
        inner = tool[tool["type"]]
        asked.tools[inner["name"]] = {"description": inner.get("description"), "strict": inner.get("strict")}
        if tool["type"] == "custom":
            asked.custom.append(inner["name"])
        if tool.get("cache_control"):
            asked.cached.append(inner["name"])
    asked.choice, asked.parallel = chat_choice(body.get("tool_choice")), body.get("parallel_tool_calls")
    form = body.get("response_format") or {}
    asked.format = {"json_object": "json"}.get(form.get("type"), form.get("type"))
    asked.strict = form.get("json_schema", {}).get("strict")
    stop = body.get("stop")
    asked.stop = [stop] if isinstance(stop, str) else stop
    asked.effort, asked.user, asked.metadata = body.get("reasoning_effort"), body.get("user"), body.get("metadata")
    thinking, more = body.get("thinking") or {}, body.get("reasoning") or {}  # DeepSeek, OpenRouter
    asked.effort = asked.effort or more.get("effort") or {"disabled": "none"}.get(thinking.get("type"))
    asked.budget = more.get("max_tokens")
    asked.service_tier = body.get("service_tier")
    for name in ("temperature", "top_p", "top_k", "n", "seed", "presence_penalty", "frequency_penalty", "logit_bias",
                 "logprobs", "top_logprobs", "verbosity", "modalities", "store", "prompt_cache_key", "prediction",
                 "safety_identifier", "audio"):
        asked.values[name] = body.get(name)
    asked.values["max_tokens"] = body.get("max_completion_tokens") or body.get("max_tokens")
    asked.values["seed"] = body.get("seed") or body.get("random_seed")


# ---- openai-responses --------------------------------------------------------------------------
def responses_piece(part, asked):
    kind = part["type"]
    if part.get("prompt_cache_breakpoint"):
        asked.cached.append(part.get("text"))
    if kind in ("input_text", "output_text"):
        return ("text", part["text"])
    if kind == "refusal":
        return ("refusal", part["refusal"])
    if kind == "input_image":
        asked.values["detail"] = part.get("detail")
        return linked("image", part["image_url"]) if part.get("image_url") else ("image", "id", part["file_id"])
    if kind == "input_file":
        asked.values["filename"] = part.get("filename")
        if part.get("file_data"):
            assert data_url(part["file_data"]), part
            return linked("file", part["file_data"])
        return ("file", "url", part["file_url"]) if part.get("file_url") else ("file", "id", part["file_id"])
    if kind == "input_audio":
        return ("audio", part["input_audio"]["format"], part["input_audio"]["data"])
    return (kind, part)


def responses_pieces(content, asked):
    if isinstance(content, str):
        return [("text", content)] if content else []
    return [responses_piece(part, asked) for part in content]


def responses_item(item, asked):
    kind = item.get("type", "message")
    if kind == "message":
        role = {"developer": "system"}.get(item["role"], item["role"])
        pieces = responses_pieces(item["content"], asked)
        if role == "system" and not asked.turns and len(asked.body["input"]) > 1:
            asked.system += "\n" * bool(asked.system) + "\n".join(p[1] for p in pieces)
        else:
            asked.say(role, *pieces)
    elif kind == "function_call":
        asked.say("assistant", ("call", item["call_id"], item["name"], json.loads(item["arguments"])))
    elif kind == "custom_tool_call":
        asked.say("assistant", ("call", item["call_id"], item["name"], {"input": item["input"]}))
    elif kind in ("function_call_output", "custom_tool_call_output"):
        pieces = responses_pieces(item["output"], asked)
        text = "".join(p[1] for p in pieces if p[0] == "text")
        asked.say("user", ("result", item["call_id"], None, text, False), *[p for p in pieces if p[0] != "text"])
    elif kind == "reasoning":
        text = "".join(p["text"] for p in [*item.get("summary", ()), *(item.get("content") or ())])
        asked.say("assistant", ("thought", text, item.get("encrypted_content")))
    else:
        asked.say("assistant", (kind, item))


def responses_choice(choice):
    if not isinstance(choice, dict):
        return choice
    if choice["type"] == "allowed_tools":
        return ("allowed", choice["mode"], sorted(t["name"] for t in choice["tools"]))
    return ("tool", choice["name"])


def read_responses(body, asked):
    asked.system = body.get("instructions") or ""
    items = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
    for item in items:
        responses_item(item, asked)
    for tool in body.get("tools", ()):
        if tool["type"] not in ("function", "custom"):
            asked.other_tools += 1
            continue
        asked.tools[tool["name"]] = {"description": tool.get("description"), "strict": tool.get("strict")}
        if tool["type"] == "custom":
            asked.custom.append(tool["name"])
    asked.choice, asked.parallel = responses_choice(body.get("tool_choice")), body.get("parallel_tool_calls")
    form = body.get("text", {}).get("format") or {}
    asked.format, asked.strict = {"json_object": "json"}.get(form.get("type"), form.get("type")), form.get("strict")
    asked.effort = (body.get("reasoning") or {}).get("effort")
    asked.user, asked.metadata, asked.service_tier = body.get("user"), body.get("metadata"), body.get("service_tier")
    for name in ("temperature", "top_p", "top_logprobs", "store", "prompt_cache_key", "safety_identifier"):
        asked.values[name] = body.get(name)
    asked.values["max_tokens"] = body.get("max_output_tokens")
    asked.values["verbosity"] = body.get("text", {}).get("verbosity")
    asked.values["logprobs"] = "message.output_text.logprobs" in (body.get("include") or ()) or None


# ---- anthropic-messages ------------------------------------------------------------------------
def anthropic_source(kind, source):
    if source["type"] == "base64":
        return (kind, "data", source["media_type"], source["data"])
    if source["type"] == "url":
        return (kind, "url", source["url"])
    if source["type"] == "text":
        return (kind, "data", source["media_type"], base64.b64encode(source["data"].encode()).decode())
    return (kind, "id", source["file_id"])


def anthropic_pieces(content, asked):
    if isinstance(content, str):
        return [("text", content)]
    return [piece for block in content for piece in anthropic_piece(block, asked)]


def anthropic_piece(block, asked):
    kind = block["type"]
    if block.get("cache_control"):
        asked.cached.append(block.get("text") or block.get("name") or kind)
    if kind == "text":
        assert block["text"].strip(), "a text without text is refused"
        return [("text", block["text"])]
    if kind == "image":
        return [anthropic_source("image", block["source"])]
    if kind == "document":
        asked.values["filename"] = block.get("title")
        return [anthropic_source("file", block["source"])]
    if kind == "tool_use":
        assert re.match(r"[a-zA-Z0-9_-]+$", block["id"]), block
        return [("call", block["id"], block["name"], block["input"])]
    if kind == "tool_result":
        pieces = anthropic_pieces(block.get("content", ()), asked)
        text = "".join(p[1] for p in pieces if p[0] == "text")
        rest = [p for p in pieces if p[0] != "text"]
        return [("result", block["tool_use_id"], None, text, block.get("is_error", False)), *rest]
    if kind == "thinking":
        return [("thought", block["thinking"], block["signature"])]
    if kind == "redacted_thinking":
        return [("thought", "", block["data"])]
    return [(kind, block)]


def read_anthropic(body, asked):
    assert isinstance(body["max_tokens"], int), "max_tokens is required"
    asked.system = "\n".join(p[1] for p in anthropic_pieces(body.get("system", ()), asked))
    before = None
    for message in body["messages"]:
        assert message["role"] != before, "roles alternate"
        before = message["role"]
        asked.say(message["role"], *anthropic_pieces(message["content"], asked))
    assert body["messages"][0]["role"] == "user", "the first turn is the user's"
    for tool in body.get("tools", ()):
        if "input_schema" not in tool:
            asked.other_tools += 1
            continue
        asked.tools[tool["name"]] = {"description": tool.get("description"), "strict": tool.get("strict")}
        if tool.get("cache_control"):
            asked.cached.append(tool["name"])
    choice = body.get("tool_choice") or {}
    asked.choice = {"any": "required", "tool": ("tool", choice.get("name"))}.get(choice.get("type"), choice.get("type"))
    if choice.get("disable_parallel_tool_use"):
        asked.parallel = False
    config = body.get("output_config") or {}
    asked.format = (config.get("format") or {}).get("type")
    asked.strict = True if asked.format else None
    asked.stop, asked.user = body.get("stop_sequences"), (body.get("metadata") or {}).get("user_id")
    asked.effort, thinking = config.get("effort"), body.get("thinking") or {}
    if thinking.get("type") == "disabled":
        asked.effort = "none"
    asked.budget = thinking.get("budget_tokens")
    asked.values["thinks"] = thinking.get("type") in ("enabled", "adaptive")
    tier = body.get("service_tier")
    asked.service_tier = TIERS.get(tier, tier)
    if body.get("cache_control"):
        asked.cached.append("the request")
    for name in ("temperature", "top_p", "top_k", "max_tokens"):
        asked.values[name] = body.get(name)


# ---- gemini ------------------------------------------------------------------------------------
def gemini_media(part):
    inline, file = part.get("inlineData"), part.get("fileData")
    mime = (inline or file).get("mimeType") or ""
    kind = mime.split("/")[0] if mime.split("/")[0] in ("image", "audio", "video") else "file"
    if file:
        return (kind, "url", file["fileUri"])
    if kind == "audio":
        return (kind, {"audio/wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}[mime], inline["data"])
    return (kind, "data", mime, inline["data"])


def gemini_part(part):
    signature = part.get("thoughtSignature")
    if "functionCall" in part:
        call = part["functionCall"]
        assert isinstance(call["args"], dict), call
        yield ("call", call.get("id"), call["name"], call["args"])
    elif "functionResponse" in part:
        answer = part["functionResponse"]
        response = answer["response"]
        assert isinstance(response, dict), "a response is an object"
        is_error = list(response) == ["error"]
        text = response.get("error" if is_error else "result") if len(response) == 1 else None
        text = text if isinstance(text, str) else json.dumps(response if text is None else text)
        yield ("result", answer.get("id"), answer["name"], text, is_error)
    elif part.get("thought"):
        yield ("thought", part["text"], signature)
        return
    elif "text" in part:
        yield ("text", part["text"])
    elif "inlineData" in part or "fileData" in part:
        yield gemini_media(part)
    if signature:
        yield ("signed", signature)


def gemini_choice(config):
    mode, names = config.get("mode"), config.get("allowedFunctionNames")
    if names and mode == "ANY" and len(names) == 1:
        return ("tool", names[0])
    if names:
        return ("allowed", "required" if mode == "ANY" else "auto", sorted(names))
    return {"AUTO": "auto", "NONE": "none", "ANY": "required", None: None}[mode]


def read_gemini(body, asked):
    asked.system = "\n".join(p["text"] for p in (body.get("systemInstruction") or {"parts": ()})["parts"])
    for content in body["contents"]:
        assert content["parts"], "a content has parts"
        role = {"model": "assistant"}.get(content["role"], content["role"])
        for part in content["parts"]:
            asked.say(role, *gemini_part(part))
    for tool in body.get("tools", ()):
        asked.other_tools += 0 if "functionDeclarations" in tool else 1
        for declared in tool.get("functionDeclarations", ()):
            asked.tools[declared["name"]] = {"description": declared.get("description"), "strict": None}
    asked.choice = gemini_choice((body.get("toolConfig") or {}).get("functionCallingConfig") or {})
    config = body.get("generationConfig") or {}
    if config.get("responseMimeType") == "application/json":
        has_schema = "responseJsonSchema" in config or "responseSchema" in config
        asked.format = "json_schema" if has_schema else "json"
        asked.strict = True if has_schema else None
    asked.stop = config.get("stopSequences")
    thinking = config.get("thinkingConfig") or {}
    asked.effort, asked.budget = thinking.get("thinkingLevel"), thinking.get("thinkingBudget")
    if asked.budget == 0:
        asked.effort = "none"
    asked.values["thinks"] = asked.budget not in (0, None) or asked.effort not in ("none", None)
    asked.metadata = body.get("labels")
    tier = body.get("serviceTier")
    asked.service_tier = TIERS.get(tier, tier)
    names = {"temperature": "temperature", "top_p": "topP", "top_k": "topK", "seed": "seed", "n": "candidateCount",
             "max_tokens": "maxOutputTokens", "presence_penalty": "presencePenalty",
             "frequency_penalty": "frequencyPenalty", "logprobs": "responseLogprobs", "top_logprobs": "logprobs"}
    for ours, theirs in names.items():
        asked.values[ours] = config.get(theirs)
    asked.values["modalities"] = [m.lower() for m in config.get("responseModalities", ())] or None
    asked.values["safety"] = body.get("safetySettings")


READERS = {OPENAI: read_chat, RESPONSES: read_responses, ANTHROPIC: read_anthropic, GEMINI: read_gemini,
           **asked_others.READERS}


def read(dialect, data):
    """the facts of a body as it was received"""
    text = data.decode()
    asked = Asked(json.loads(text), text)
    READERS[dialect](asked.body, asked)
    return asked

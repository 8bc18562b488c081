"""What providers of Bedrock's, Cohere's and Ollama's dialects are asked: readers for asked.py."""
import base64
import json
import re

MIMES = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "html": "text/html", "csv": "text/csv"}


# ---- bedrock-converse --------------------------------------------------------------------------
def bedrock_media(kind, value):
    source, form = value["source"], value["format"]
    name = "file" if kind == "document" else kind
    if "text" in source:
        return (name, "data", "text/plain", base64.b64encode(source["text"].encode()).decode())
    if "bytes" not in source:
        return (name, "url", source["s3Location"]["uri"])
    if kind == "audio":
        return (name, form, source["bytes"])
    return (name, "data", MIMES.get(form, "%s/%s" % (kind, form)), source["bytes"])


def bedrock_block(block, asked, state):
    kind, value = next(iter(block.items()))
    assert len(block) == 1, block
    if kind == "cachePoint":
        asked.cached.append(state["last"])
        return
    state["last"] = value if kind == "text" else kind
    if kind == "text":
        assert value.strip(), "a text without text is refused"
        yield ("text", value)
    elif kind in ("image", "document", "video", "audio"):
        if kind == "document":
            asked.values["filename"] = value["name"]
        yield bedrock_media(kind, value)
    elif kind == "toolUse":
        state["last"] = value["name"]
        yield ("call", value["toolUseId"], value["name"], value["input"])
    elif kind == "toolResult":
        said = "".join(p["text"] if "text" in p else json.dumps(p["json"]) for p in value["content"] if {"text", "json"} & set(p))
        yield ("result", value["toolUseId"], None, said, value.get("status") == "error")
        for part in value["content"]:
            if not {"text", "json"} & set(part):
                yield from bedrock_block(part, asked, state)
    elif kind == "reasoningContent":
        sealed = base64.b64decode(value.get("redactedContent") or "").decode("ascii")
        thought = value.get("reasoningText") or {"text": "", "signature": sealed}
        yield ("thought", thought["text"], thought.get("signature"))
    else:
        yield (kind, value)


def bedrock_thinking(fields, asked):
    thinking = fields.get("thinking") or {}
    nova = fields.get("reasoningConfig") or {}
    asked.effort = (fields.get("output_config") or {}).get("effort") or fields.get("reasoning_effort") or nova.get(
        "maxReasoningEffort") or (fields.get("reasoning") or {}).get("effort")
    if "disabled" in (thinking.get("type"), nova.get("type")):
        asked.effort = "none"
    asked.budget = thinking.get("budget_tokens")
    asked.values["thinks"] = thinking.get("type") in ("enabled", "adaptive")
    asked.values["top_k"] = fields.get("top_k") or (fields.get("inferenceConfig") or {}).get("topK") or fields.get("k")
    if (fields.get("tool_choice") or {}).get("disable_parallel_tool_use"):
        asked.parallel = False


def read_bedrock(body, asked):
    state = {"last": None}
    pieces = [p for block in body.get("system") or () for p in bedrock_block(block, asked, state)]
    asked.system = "\n".join(p[1] for p in pieces)
    before = None
    for message in body["messages"]:
        assert message["role"] != before and message["content"], "roles alternate, and say something"
        before = message["role"]
        for block in message["content"]:
            asked.say(message["role"], *bedrock_block(block, asked, state))
    assert body["messages"][0]["role"] == "user", "the first turn is the user's"
    tools = body.get("toolConfig") or {}
    for tool in tools.get("tools") or ():
        if "cachePoint" in tool:
            asked.cached.append(state["last"])
            continue
        spec = tool["toolSpec"]
        state["last"] = spec["name"]
        asked.tools[spec["name"]] = {"description": spec.get("description"), "strict": spec.get("strict")}
    choice = tools.get("toolChoice") or {}
    asked.choice = "required" if "any" in choice else "auto" if "auto" in choice else \
        ("tool", choice["tool"]["name"]) if choice else None
    if asked.choice == "required" and len(asked.tools) == 1:
        asked.choice = ("tool", next(iter(asked.tools)))
    limits = body.get("inferenceConfig") or {}
    for ours, theirs in (("temperature", "temperature"), ("top_p", "topP"), ("max_tokens", "maxTokens")):
        asked.values[ours] = limits.get(theirs)
    asked.stop = limits.get("stopSequences")
    bedrock_thinking(body.get("additionalModelRequestFields") or {}, asked)
    form = (body.get("outputConfig") or {}).get("textFormat") or {}
    asked.format = form.get("type")
    if asked.format:
        asked.strict = True
        asked.text += form["structure"]["jsonSchema"]["schema"]  # a text within the text
    asked.metadata = body.get("requestMetadata")
    asked.service_tier = (body.get("serviceTier") or {}).get("type")


# ---- cohere-v2 ---------------------------------------------------------------------------------
def data_url(url):
    match = re.match(r"data:([^;,]*);base64,(.*)$", url, re.S)
    return match.groups() if match else None


def cohere_piece(part, asked):
    if part["type"] == "text":
        return ("text", part["text"])
    if part["type"] == "thinking":
        assert set(part) == {"type", "thinking"}, part
        return ("thought", part["thinking"], None)
    if part["type"] == "image_url":
        asked.values["detail"] = part["image_url"].get("detail")
        data = data_url(part["image_url"]["url"])
        return ("image", "data", *data) if data else ("image", "url", part["image_url"]["url"])
    return (part["type"], part)


def cohere_document(document):
    data = document if isinstance(document, str) else document["data"]
    text = data if isinstance(data, str) else " ".join(str(v) for v in data.values())
    return ("file", "data", "text/plain", base64.b64encode(text.encode()).decode())


def cohere_message(message, asked):
    content = message.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) and content else content or ()
    if message["role"] == "system" and not asked.turns:
        asked.system += "\n" * bool(asked.system) + "\n".join(p["text"] for p in parts)
    elif message["role"] == "tool":
        text = "".join(p["text"] if p["type"] == "text" else str(p["document"]["data"]) for p in parts)
        asked.say("user", ("result", message["tool_call_id"], None, text, False))
    else:
        if message.get("tool_plan"):
            asked.say("assistant", ("thought", message["tool_plan"], None))
        asked.say(message["role"], *[cohere_piece(p, asked) for p in parts])
        asked.say(message["role"], *[("call", c["id"], c["function"]["name"], json.loads(c["function"]["arguments"]))
                                     for c in message.get("tool_calls") or ()])


def read_cohere(body, asked):
    for message in body["messages"]:
        cohere_message(message, asked)
    for document in body.get("documents") or ():
        asked.say("user", cohere_document(document))
    for tool in body.get("tools") or ():
        asked.tools[tool["function"]["name"]] = {
            "description": tool["function"].get("description"), "strict": body.get("strict_tools")}
    asked.choice = (body.get("tool_choice") or "").lower() or None
    if asked.choice == "required" and len(asked.tools) == 1:
        asked.choice = ("tool", next(iter(asked.tools)))
    form = body.get("response_format") or {}
    if form.get("type") == "json_object":
        asked.format = "json_schema" if form.get("json_schema") or form.get("schema") else "json"
        asked.strict = True if asked.format == "json_schema" else None
    thinking = body.get("thinking") or {}
    asked.effort = "none" if thinking.get("type") == "disabled" else "high" if thinking else None
    asked.budget = thinking.get("token_budget")
    asked.values["thinks"] = thinking.get("type") == "enabled"
    asked.stop = body.get("stop_sequences")
    for ours, theirs in (("top_p", "p"), ("top_k", "k")):
        asked.values[ours] = body.get(theirs)
    for name in ("temperature", "max_tokens", "seed", "frequency_penalty", "presence_penalty", "logprobs"):
        asked.values[name] = body.get(name)
    asked.values["safety"] = body.get("safety_mode")


# ---- ollama ------------------------------------------------------------------------------------
def ollama_media(data):
    assert not data.startswith("data:") and "://" not in data, "no bare base64: " + data[:40]
    if data.startswith("UklGR"):
        return ("audio", "wav", data)
    return ("image", "data", "image/png" if data.startswith("iVBOR") else None, data)


def ollama_message(message, asked):
    media = [ollama_media(d) for d in message.get("images") or ()]
    content = message.get("content")
    assert isinstance(content, str), message
    if message["role"] == "system" and not asked.turns:
        asked.system += "\n" * bool(asked.system) + content
    elif message["role"] == "tool":
        asked.say("user", ("result", None, message["tool_name"], content, False), *media)
    else:
        if message.get("thinking"):
            asked.say("assistant", ("thought", message["thinking"], None))
        asked.say(message["role"], ("text", content) if content else None, *media)
        for call in message.get("tool_calls") or ():
            assert isinstance(call["function"]["arguments"], dict), call
            asked.say("assistant", ("call", None, call["function"]["name"], call["function"]["arguments"]))


def read_ollama(body, asked):
    for message in body["messages"]:
        ollama_message(message, asked)
    for tool in body.get("tools") or ():
        asked.tools[tool["function"]["name"]] = {"description": tool["function"].get("description"), "strict": None}
    form = body.get("format")
    asked.format = "json_schema" if isinstance(form, dict) else form
    asked.strict = True if isinstance(form, dict) else None
    think, options = body.get("think"), body.get("options") or {}
    asked.effort = {True: "medium", False: "none", None: None}.get(think, think)
    asked.values["thinks"] = bool(think)
    asked.stop = options.get("stop")
    for name in ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty"):
        asked.values[name] = options.get(name)
    asked.values["max_tokens"] = options.get("num_predict")
    asked.values["logprobs"], asked.values["top_logprobs"] = body.get("logprobs"), body.get("top_logprobs")


READERS = {"bedrock-converse": read_bedrock, "cohere-v2": read_cohere, "ollama": read_ollama}

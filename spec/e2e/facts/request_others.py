"""What a request asks in the dialects of Bedrock, Cohere and Ollama: for facts/request.py, whose words it is given."""
import json


def names_of(schema):
    if isinstance(schema, str):
        schema = json.loads(schema)
    return sorted(schema.get("properties") or {}) if isinstance(schema, dict) else None


# ---- bedrock-converse --------------------------------------------------------------------------
def bedrock_block(asked, words, role, block):
    kind, inner = next(iter(block.items()))
    source = inner.get("source") or {} if isinstance(inner, dict) else {}
    if kind == "text":
        asked.say(role, inner)
    elif kind == "guardContent":
        asked.say(role, (inner.get("text") or {}).get("text"))
        words.keep(asked, ((inner.get("image") or {}).get("source") or {}).get("bytes"))
    elif kind in ("image", "document", "audio", "video"):
        asked.say(role, source.get("text"))
        words.keep(asked, source.get("bytes"))
    elif kind == "toolUse" and inner.get("type") != "server_tool_use":
        asked.calls.append((inner["name"], inner.get("input")))
    elif kind == "toolResult" and "type" not in inner:
        said = inner.get("content") or ()
        jsons = [p["json"] for p in said if "json" in p]
        asked.results.append(words.returned(jsons[0] if jsons else said))
        for part in said:
            if not {"text", "json"} & set(part):
                bedrock_block(asked, words, "user", part)


def bedrock(asked, body, words):
    for block in body.get("system") or ():
        asked.say("system", block.get("text"))
    for message in body.get("messages") or ():
        for block in message["content"]:
            bedrock_block(asked, words, message["role"], block)
    config = body.get("toolConfig") or {}
    for tool in config.get("tools") or ():
        if "toolSpec" in tool:
            spec = tool["toolSpec"]
            asked.tool(spec["name"], spec.get("description"), spec["inputSchema"]["json"])
    choice = config.get("toolChoice") or {}
    asked.choice = "required" if "any" in choice else "auto" if "auto" in choice else (choice.get("tool") or {}).get("name")
    limits = body.get("inferenceConfig") or {}
    for name, theirs in (("max_tokens", "maxTokens"), ("temperature", "temperature"), ("top_p", "topP"), ("stop", "stopSequences")):
        asked.limit(name, limits.get(theirs))
    form = ((body.get("outputConfig") or {}).get("textFormat") or {}).get("structure") or {}
    asked.schema = names_of((form.get("jsonSchema") or {}).get("schema"))


# ---- cohere-v2 ---------------------------------------------------------------------------------
def cohere_result(content, words):
    for part in content if isinstance(content, list) else ():
        if part.get("type") == "document":
            return words.returned(part["document"]["data"])
    return words.returned(content)


def cohere(asked, body, words):
    for message in body.get("messages") or ():
        role, content = message["role"], message.get("content")
        if role == "tool":
            asked.results.append(cohere_result(content, words))
            continue
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content or ():
            if part.get("type") == "text":
                asked.say(role, part.get("text"))
            elif part.get("type") == "image_url":
                words.keep(asked, words.data_of(part["image_url"].get("url")))
            elif part.get("type") == "document":
                data = part["document"].get("data")
                asked.say(role, data if isinstance(data, str) else (data or {}).get("text"))
        asked.calls += [(c["function"]["name"], words.loaded(c["function"].get("arguments"))) for c in message.get("tool_calls") or ()]
    for tool in body.get("tools") or ():
        asked.tool(tool["function"]["name"], tool["function"].get("description"), tool["function"].get("parameters"))
    asked.choice = (body.get("tool_choice") or "").lower() or None
    asked.limit("max_tokens", body.get("max_tokens"))
    for name, theirs in (("temperature", "temperature"), ("top_p", "p"), ("stop", "stop_sequences")):
        asked.limit(name, body.get(theirs))
    form = body.get("response_format") or {}
    asked.schema = names_of(form.get("json_schema") or form.get("schema"))


# ---- ollama ------------------------------------------------------------------------------------
def ollama(asked, body, words):
    if "prompt" in body:
        asked.say("system", body.get("system"))
        asked.say("user", body["prompt"])
        words.keep(asked, *(body.get("images") or ()))
    for message in body.get("messages") or ():
        role, content = message["role"], message.get("content")
        words.keep(asked, *(message.get("images") or ()))
        if role == "tool":
            asked.results.append(words.returned(content))
            continue
        asked.say(role, content)
        asked.calls += [(c["function"]["name"], c["function"].get("arguments")) for c in message.get("tool_calls") or ()]
    for tool in body.get("tools") or ():
        asked.tool(tool["function"]["name"], tool["function"].get("description"), tool["function"].get("parameters"))
    options = body.get("options") or {}
    for name, theirs in (("max_tokens", "num_predict"), ("temperature", "temperature"), ("top_p", "top_p"), ("stop", "stop")):
        asked.limit(name, options.get(theirs))
    asked.schema = names_of(body["format"]) if isinstance(body.get("format"), dict) else None


READERS = {"bedrock-converse": bedrock, "cohere-v2": cohere, "ollama": ollama}

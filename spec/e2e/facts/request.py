"""What a request asks, read from its body in any dialect: independent of the gateway, and lenient."""
import json
import re
import sys
from dataclasses import dataclass, field

from . import request_others


@dataclass
class Asked:
    texts: list = field(default_factory=list)    # (role, text): neighbours of one role joined, without white space
    calls: list = field(default_factory=list)    # (name, arguments)
    results: list = field(default_factory=list)  # what functions returned
    media: list = field(default_factory=list)    # base64
    tools: dict = field(default_factory=dict)    # name: (description, names of its arguments)
    choice: str = None                           # auto, none, required, or a function's name
    limits: dict = field(default_factory=dict)   # max_tokens, temperature, top_p, stop
    schema: list = None                          # names of the members that an answer is to have

    def say(self, role, text):
        text = re.sub(r"\s+", "", text or "")
        if not text:
            return
        if self.texts and self.texts[-1][0] == role:
            self.texts[-1] = (role, self.texts[-1][1] + text)
        else:
            self.texts.append((role, text))

    def tool(self, name, description, schema):
        self.tools[name] = (description or "", sorted((schema or {}).get("properties") or {}))

    def limit(self, name, value):
        if value not in (None, []):
            self.limits[name] = [value] if name == "stop" and isinstance(value, str) else value


def read(dialect, body):
    asked = Asked()
    if dialect in request_others.READERS:
        request_others.READERS[dialect](asked, body, sys.modules[__name__])
    else:
        READERS[dialect](asked, body)
    return asked


def returned(value):
    """what a function returned, without the wrapping that a dialect wants"""
    if isinstance(value, list):
        texts = [p.get("text") for p in value if isinstance(p, dict) and isinstance(p.get("text"), str)]
        value = "".join(texts) if texts else value if value and not isinstance(value[0], dict) else ""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if isinstance(value, dict) and len(value) == 1 and set(value) & {"result", "output", "error", "content"}:
        return returned(next(iter(value.values())))
    return value


def loaded(text):
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


PLAIN = str.maketrans("-_", "+/")  # Google takes both alphabets of base64


def data_of(url):
    return url.partition("base64,")[2] if isinstance(url, str) and url.startswith("data:") else None


def keep(asked, *found):
    asked.media += [f.translate(PLAIN) for f in found if f]


# ---- openai-chat -------------------------------------------------------------------------------
def chat_part(asked, role, part):
    kind = part.get("type")
    if kind in ("text", "refusal"):
        asked.say(role, part.get("text") or part.get("refusal"))
    elif kind == "image_url":
        image = part.get("image_url")
        keep(asked, data_of(image.get("url") if isinstance(image, dict) else image))
    elif kind == "input_audio":
        sound = part.get("input_audio")
        keep(asked, sound.get("data") if isinstance(sound, dict) else sound)
    elif kind == "file":
        keep(asked, data_of((part.get("file") or {}).get("file_data")))


def chat(asked, body):
    for message in body.get("messages") or ():
        role, content = message.get("role"), message.get("content")
        role = {"developer": "system"}.get(role, role)
        if role in ("tool", "function"):
            asked.results.append(returned(content))
            for part in content if isinstance(content, list) else ():
                if part.get("type") != "text":
                    chat_part(asked, "user", part)
            continue
        if isinstance(content, str):
            asked.say(role, content)
        for part in content if isinstance(content, list) else ():
            chat_part(asked, role, part)
        asked.say(role, message.get("refusal"))
        asked.calls += [(c["function"]["name"], loaded(c["function"].get("arguments")))
                        for c in message.get("tool_calls") or () if c.get("function")]
    for tool in body.get("tools") or ():
        if tool.get("type") == "function":
            asked.tool(tool["function"]["name"], tool["function"].get("description"), tool["function"].get("parameters"))
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        asked.choice = (choice.get("function") or {}).get("name")
    else:
        asked.choice = "required" if choice == "any" else choice  # as Mistral says it
    asked.limit("max_tokens", body.get("max_completion_tokens") or body.get("max_tokens"))
    for name in ("temperature", "top_p", "stop"):
        asked.limit(name, body.get(name))
    schema = ((body.get("response_format") or {}).get("json_schema") or {}).get("schema")
    asked.schema = sorted(schema.get("properties") or {}) if schema else None


# ---- openai-responses --------------------------------------------------------------------------
def responses_part(asked, role, part):
    kind = part.get("type")
    if kind in ("input_text", "output_text", "refusal", "text"):
        asked.say(role, part.get("text") or part.get("refusal"))
    elif kind == "input_image":
        image = part.get("image_url")
        keep(asked, data_of(image.get("url") if isinstance(image, dict) else image))
    elif kind == "input_file":
        keep(asked, data_of(part.get("file_data")))
    elif kind == "input_audio":
        keep(asked, (part.get("input_audio") or {}).get("data"))


def responses(asked, body):
    asked.say("system", body.get("instructions"))
    given = body.get("input")
    for item in [{"role": "user", "content": given}] if isinstance(given, str) else given or ():
        kind = item.get("type", "message")
        if kind == "function_call":
            asked.calls.append((item["name"], loaded(item.get("arguments"))))
        elif kind == "function_call_output":
            asked.results.append(returned(item.get("output")))
            for part in item["output"] if isinstance(item.get("output"), list) else ():
                if part.get("type") != "input_text":
                    responses_part(asked, "user", part)
        elif kind == "message":
            role = {"developer": "system"}.get(item.get("role"), item.get("role"))
            if isinstance(item.get("content"), str):
                asked.say(role, item["content"])
            for part in item["content"] if isinstance(item.get("content"), list) else ():
                responses_part(asked, role, part)
    for tool in body.get("tools") or ():
        if tool.get("type") == "function":
            asked.tool(tool["name"], tool.get("description"), tool.get("parameters"))
    choice = body.get("tool_choice")
    asked.choice = choice if isinstance(choice, str) else (choice or {}).get("name")
    asked.limit("max_tokens", body.get("max_output_tokens"))
    for name in ("temperature", "top_p"):
        asked.limit(name, body.get(name))
    schema = ((body.get("text") or {}).get("format") or {}).get("schema")
    asked.schema = sorted(schema.get("properties") or {}) if schema else None


# ---- anthropic-messages ------------------------------------------------------------------------
def anthropic_block(asked, role, block):
    kind = block.get("type")
    if kind == "text":
        asked.say(role, block.get("text"))
    elif kind in ("image", "document"):
        source = block.get("source") or {}
        if source.get("type") == "text":
            asked.say(role, source.get("data"))
        else:
            keep(asked, source.get("data"))
    elif kind == "tool_use":
        asked.calls.append((block["name"], block.get("input")))
    elif kind == "tool_result":
        asked.results.append(returned(block.get("content")))
        for part in block["content"] if isinstance(block.get("content"), list) else ():
            if part.get("type") != "text":
                anthropic_block(asked, "user", part)


def anthropic(asked, body):
    system = body.get("system")
    for block in [{"text": system}] if isinstance(system, str) else system or ():
        asked.say("system", block.get("text"))
    for message in body.get("messages") or ():
        content = message.get("content")
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content or ():
            anthropic_block(asked, message["role"], block)
    for tool in body.get("tools") or ():
        if "input_schema" in tool:
            asked.tool(tool["name"], tool.get("description"), tool["input_schema"])
    choice = body.get("tool_choice") or {}
    asked.choice = {"any": "required", "tool": choice.get("name")}.get(choice.get("type"), choice.get("type"))
    asked.limit("stop", body.get("stop_sequences"))
    for name in ("max_tokens", "temperature", "top_p"):
        asked.limit(name, body.get(name))
    schema = ((body.get("output_config") or {}).get("format") or {}).get("schema")
    asked.schema = sorted(schema.get("properties") or {}) if schema else None


# ---- gemini ------------------------------------------------------------------------------------
def either(value, camel):
    """a member in the one case or the other: Google takes both"""
    if not isinstance(value, dict):
        return None
    return value.get(camel, value.get(re.sub(r"[A-Z]", lambda m: "_" + m.group().lower(), camel)))


def gemini_part(asked, role, part):
    call, answer, inline = (either(part, n) for n in ("functionCall", "functionResponse", "inlineData"))
    if part.get("thought"):
        return
    if isinstance(part.get("text"), str):
        asked.say(role, part["text"])
    elif call:
        asked.calls.append((call["name"], call.get("args") or {}))
    elif answer:
        asked.results.append(returned(answer.get("response")))
        for inner in answer.get("parts") or ():
            gemini_part(asked, "user", inner)
    elif inline:
        keep(asked, inline.get("data"))


def gemini(asked, body):
    system = either(body, "systemInstruction")
    for part in (either(system, "parts") or ()) if isinstance(system, dict) else ({"text": system},):
        asked.say("system", part.get("text"))
    for content in body.get("contents") or ():
        role = {"model": "assistant"}.get(content.get("role"), "user")
        for part in content.get("parts") or ():
            gemini_part(asked, role, part)
    for tool in body.get("tools") or ():
        for one in either(tool, "functionDeclarations") or ():
            asked.tool(one["name"], one.get("description"), either(one, "parametersJsonSchema") or one.get("parameters"))
    calling = either(either(body, "toolConfig"), "functionCallingConfig") or {}
    names = either(calling, "allowedFunctionNames") or ()
    mode = str(calling.get("mode") or "").lower() or None
    asked.choice = names[0] if len(names) == 1 and mode == "any" else {"any": "required"}.get(mode, mode)
    config = either(body, "generationConfig") or {}
    asked.limit("max_tokens", either(config, "maxOutputTokens"))
    asked.limit("temperature", config.get("temperature"))
    asked.limit("top_p", either(config, "topP"))
    asked.limit("stop", either(config, "stopSequences"))
    schema = either(config, "responseJsonSchema") or either(config, "responseSchema")
    asked.schema = sorted(schema.get("properties") or {}) if isinstance(schema, dict) else None


READERS = {"openai-chat": chat, "openai-responses": responses, "anthropic-messages": anthropic, "gemini": gemini}

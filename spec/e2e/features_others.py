"""The features of features_settings.py and features_turns.py as clients of Bedrock, Cohere and Ollama write them, and those
that they alone have."""
import json

from dialects import ANTHROPIC, GEMINI, OPENAI, RESPONSES
from features import FEATURES, OPEN_SCHEMA, PDF, PNG, SCHEMA, WEATHER, feature, raw
from features_turns import ARGS, CLAUDE_SIG

NAMES = {"bedrock": "bedrock-converse", "cohere": "cohere-v2", "ollama": "ollama"}


def also(name, **bodies):
    one = next(f for f in FEATURES if f.name == name)
    one.bodies.update({NAMES[k]: v for k, v in bodies.items()})


def own(name, arrived, word="", to=(), silent=(), **bodies):
    feature(name, arrived, word, to, silent)
    also(name, **bodies)


# ---- turns -------------------------------------------------------------------------------------
def bedrock(*turns):
    """turns that begin with the user's: a text, or a list of blocks"""
    return {"messages": [{"role": ("user", "assistant")[i % 2], "content": [{"text": t}] if isinstance(t, str) else t}
                         for i, t in enumerate(turns)]}


def plain(*turns):
    """of Cohere and of Ollama: the text of each"""
    return {"messages": [{"role": ("user", "assistant")[i % 2], "content": t} for i, t in enumerate(turns)]}


def told(role, *texts):
    return {"messages": [{"role": role, "content": t} for t in texts] + [{"role": "user", "content": "hi"}]}


also("system", bedrock={"system": [{"text": "Be brief."}]}, cohere=told("system", "Be brief."), ollama=told("system", "Be brief."))
also("system in several pieces", bedrock={"system": [{"text": t} for t in ("One.", "Two.", "Three.")]},
     cohere=told("system", "One.", "Two.", "Three."), ollama=told("system", "One.", "Two.", "Three."))
for middle in ("cohere", "ollama"):
    also("system in mid-conversation", **{middle: {"messages": [
        {"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"},
        {"role": "system", "content": "Now in French."}, {"role": "user", "content": "go on"}]}})
also("several turns", bedrock=bedrock("one", "two", "three"), cohere=plain("one", "two", "three"), ollama=plain("one", "two", "three"))


def conversation(results, said="Let me see.", failed=None):
    """as in features_turns: two calls at once"""
    names, ids = ("weather", "time"), ("call_1", "call_2")
    calls = [{"id": i, "type": "function", "function": {"name": n, "arguments": json.dumps(a)}} for i, n, a in zip(ids, names, ARGS)]
    tools = [{"toolSpec": {"name": n, "inputSchema": {"json": {"type": "object"}}}} for n in names]
    blocks = [{"toolUse": {"toolUseId": i, "name": n, "input": a}} for i, n, a in zip(ids, names, ARGS)]
    given = [{"toolResult": {"toolUseId": ids[w], "content": [{"text": t}], "status": "error" if w == failed else "success"}}
             for w, t in results]
    bare = [{"function": {"name": n, "arguments": a}} for n, a in zip(names, ARGS)]
    return {
        "bedrock": {**bedrock("go", ([{"text": said}] if said else []) + blocks, given), "toolConfig": {"tools": tools}},
        "cohere": {"messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "tool_calls": calls, **({"content": [{"type": "text", "text": said}]} if said else {})},
            *[{"role": "tool", "tool_call_id": ids[w], "content": t} for w, t in results]]},
        "ollama": {"messages": [
            {"role": "user", "content": "go"}, {"role": "assistant", "content": said or "", "tool_calls": bare},
            *[{"role": "tool", "tool_name": names[w], "content": t} for w, t in results]]},
    }


both = [(0, "sun"), (1, "noon")]
also("parallel calls and results", **conversation(both))
also("results in another order", **{k: v for k, v in conversation(both[::-1]).items() if k != "ollama"})
also("calls without words", **conversation(both, said=None))
also("a result that is missing", **{k: v for k, v in conversation(both[:1]).items() if k != "ollama"})
also("a result that is JSON", **conversation([(0, '{"t":21,"l":[1,2]}'), (1, '[1,{"b":null}]')]))
also("a result that failed", bedrock=conversation([(0, "no such city"), (1, "noon")], failed=0)["bedrock"])
also("words behind the results", cohere={"messages": conversation(both)["cohere"]["messages"] + [{"role": "user", "content": "and?"}]},
     ollama={"messages": conversation(both)["ollama"]["messages"] + [{"role": "user", "content": "and?"}]})
in_result = conversation([(0, "sun")])["bedrock"]
in_result["messages"][1]["content"] = [{"toolUse": {"toolUseId": "call_1", "name": "weather", "input": {}}}]
in_result["messages"][2]["content"][0]["toolResult"]["content"].append({"image": {"format": "png", "source": {"bytes": PNG}}})
also("a result with a picture", bedrock=in_result)


# ---- tools -------------------------------------------------------------------------------------
def tool_bodies(schema, strict=None):
    of_cohere = {"type": "function", "function": {**WEATHER, **({"parameters": raw(schema)} if schema else {})}}
    spec = {**WEATHER, "inputSchema": {"json": raw(schema or '{"type":"object"}')}, **({"strict": True} if strict else {})}
    return {"bedrock": {"toolConfig": {"tools": [{"toolSpec": spec}]}},
            "cohere": {"tools": [of_cohere], **({"strict_tools": True} if strict else {})},
            "ollama": {"tools": [of_cohere]}}


also("a tool, its schema byte for byte", **tool_bodies(OPEN_SCHEMA))
also("a tool without parameters", **tool_bodies(None))
also("a strict tool", **{k: v for k, v in tool_bodies(SCHEMA, True).items() if k != "ollama"})
TOOLS = [{"type": "function", "function": {"name": n, "parameters": {"type": "object", "properties": {}}}}
         for n in ("weather", "time", "other")]
SPECS = [{"toolSpec": {"name": n, "inputSchema": {"json": {"type": "object", "properties": {}}}}} for n in ("weather", "time", "other")]
also("tool_choice auto", bedrock={"toolConfig": {"tools": SPECS, "toolChoice": {"auto": {}}}})
also("tool_choice required", bedrock={"toolConfig": {"tools": SPECS, "toolChoice": {"any": {}}}},
     cohere={"tools": TOOLS, "tool_choice": "REQUIRED"})
also("tool_choice none", cohere={"tools": TOOLS, "tool_choice": "NONE"})
also("tool_choice of a name", bedrock={"toolConfig": {"tools": SPECS, "toolChoice": {"tool": {"name": "time"}}}})
own("a tool of Bedrock's own", lambda a, _: a.other_tools, "nova_grounding|systemTool|tool",
    bedrock={"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}})

# ---- media and documents -----------------------------------------------------------------------
picture = {"image": {"format": "png", "source": {"bytes": PNG}}}
also("a picture as data", bedrock=bedrock([{"text": "look"}, picture]),
     cohere=plain([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}}]),
     ollama={"messages": [{"role": "user", "content": "look", "images": [PNG]}]})
also("a picture by URL", cohere=plain([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {
    "url": "@FILES@/cat.png"}}]))
also("how closely a picture is looked at", cohere=plain([{"type": "image_url", "image_url": {
    "url": "data:image/png;base64," + PNG, "detail": "low"}}]))
also("a PDF as data", bedrock=bedrock([{"text": "look"}, {"document": {"format": "pdf", "name": "r", "source": {"bytes": PDF}}}]))
also("a document of text", bedrock=bedrock([{"text": "look"}, {"document": {
    "format": "txt", "name": "r", "source": {"bytes": "c29tZSB3b3Jkcw=="}}}]),
    cohere={"documents": [{"id": "d", "data": {"text": "some words"}}]})
also("citations of a document", bedrock=bedrock([{"text": "look"}, {"document": {
    "format": "txt", "name": "r", "source": {"bytes": "c29tZSB3b3Jkcw=="}, "citations": {"enabled": True}}}]))
own("a film", lambda a, _: a.pieces("video") or a.pieces("video_url"), "video", to=(GEMINI,), bedrock=bedrock([{"text": "look"}, {"video": {
    "format": "mp4", "source": {"bytes": PDF}}}]))
own("a picture in S3", lambda a, _: "s3://a/b.png" in a.text, "image|s3", bedrock=bedrock([{"text": "look"}, {"image": {
    "format": "png", "source": {"s3Location": {"uri": "s3://a/b.png"}}}}]))
own("what is guarded", lambda a, _: "Kings." in a.said(), to=(OPENAI, RESPONSES, ANTHROPIC, GEMINI),
    bedrock=bedrock([{"guardContent": {"text": {"text": "Kings.", "qualifiers": ["query"]}}}]))


# ---- form of the answer ------------------------------------------------------------------------
also("json_schema, strict, byte for byte",
     bedrock={"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"name": "x", "schema": SCHEMA}}}}},
     cohere={"response_format": {"type": "json_object", "json_schema": raw(SCHEMA)}}, ollama={"format": raw(SCHEMA)})
also("json mode", cohere={"response_format": {"type": "json_object"}}, ollama={"format": "json"})


# ---- settings ----------------------------------------------------------------------------------
def limits(**values):
    return {"inferenceConfig": values}


def options(**values):
    return {"options": values}


STOPS = ["END", "\n\nHuman"]
also("stop", bedrock=limits(stopSequences=STOPS), cohere={"stop_sequences": STOPS}, ollama=options(stop=STOPS))
also("temperature", bedrock=limits(temperature=.3), cohere={"temperature": .3}, ollama=options(temperature=.3))
also("top_p", bedrock=limits(topP=.5), cohere={"p": .5}, ollama=options(top_p=.5))
also("top_k", bedrock={"additionalModelRequestFields": {"top_k": 20}}, cohere={"k": 20}, ollama=options(top_k=20))
also("max_tokens", bedrock=limits(maxTokens=321), cohere={"max_tokens": 321}, ollama=options(num_predict=321))
also("few tokens", bedrock=limits(maxTokens=5), cohere={"max_tokens": 5}, ollama=options(num_predict=5))
also("seed", cohere={"seed": 7}, ollama=options(seed=7))
also("penalties", cohere={"presence_penalty": .5, "frequency_penalty": .25}, ollama=options(presence_penalty=.5, frequency_penalty=.25))
also("logprobs", ollama={"logprobs": True, "top_logprobs": 3})
also("logprobs alone", cohere={"logprobs": True}, ollama={"logprobs": True})
also("metadata", bedrock={"requestMetadata": {"team": "blue"}})
also("service_tier flex", bedrock={"serviceTier": {"type": "flex"}})
also("members that nobody knows", bedrock={"zzz_unknown": 1}, cohere={"zzz_unknown": {"a": 1}}, ollama={"zzz_unknown": [1]})
for member, value in (("guardrailConfig", {"guardrailIdentifier": "g", "guardrailVersion": "1"}),
                      ("performanceConfig", {"latency": "optimized"}), ("promptVariables", {"a": {"text": "b"}}),
                      ("additionalModelResponseFieldPaths", ["/stop_sequence"])):
    own("Bedrock's " + member, lambda a, _: False, member, bedrock={member: value},
        silent=(OPENAI, RESPONSES, ANTHROPIC, GEMINI) if member.endswith("Paths") else ())
own("fields of a model that nobody knows", lambda a, _: False, "additionalModelRequestFields", bedrock={"additionalModelRequestFields": {"zzz": 1}})
for member, value in (("safety_mode", "STRICT"), ("priority", 3), ("citation_options", {"mode": "FAST"})):
    own("Cohere's " + member, lambda a, _: False, member, cohere={member: value})
for member, value in (("keep_alive", "5m"), ("options", {"num_ctx": 4096}), ("options", {"mirostat": 1})):
    name = next(iter(value)) if isinstance(value, dict) else member
    own("Ollama's " + name, lambda a, _: False, name, ollama={member: value})

# ---- thinking ----------------------------------------------------------------------------------
for level in ("low", "medium", "high"):
    also("effort " + level, ollama={"think": level},
         bedrock={"additionalModelRequestFields": {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": level}}})
also("effort none", cohere={"thinking": {"type": "disabled"}}, ollama={"think": False})
for tokens in (2000, 8192, 20000):
    also("a budget of %d tokens" % tokens, cohere={"thinking": {"type": "enabled", "token_budget": tokens}},
         bedrock={**limits(maxTokens=60000), "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": tokens}}})
own("a thought of Claude by Bedrock", lambda a, _: a.pieces("thought") == [("thought", "hm", CLAUDE_SIG)],
    to=(ANTHROPIC,), silent=(OPENAI, RESPONSES, GEMINI), bedrock=bedrock("a", [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": CLAUDE_SIG}}}, {"text": "b"}], "c"))
own("a thought of before", lambda a, _: [p[1] for p in a.pieces("thought")] == ["hm"],
    silent=(OPENAI, RESPONSES, ANTHROPIC, GEMINI),
    ollama={"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "thinking": "hm"},
                         {"role": "user", "content": "c"}]},
    cohere=plain("a", [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "b"}], "c"))

# ---- cache markers -----------------------------------------------------------------------------
POINT = {"cachePoint": {"type": "default"}}
also("a cache marker of the instructions", bedrock={"system": [{"text": "Be brief."}, POINT]})
also("a cache marker of a message", bedrock=bedrock([{"text": "look"}, POINT]))
also("a cache marker of a tool", bedrock={"toolConfig": {"tools": [{"toolSpec": {
    **WEATHER, "inputSchema": {"json": {"type": "object"}}}}, POINT]}})

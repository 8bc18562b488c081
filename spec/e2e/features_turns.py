"""Features of what stands in a conversation: instructions, turns, calls and results, thoughts and cache markers."""
import json

from dialects import ALL, ANTHROPIC, GEMINI, OPENAI, RESPONSES
from features import (OPEN_SCHEMA, PNG, SCHEMA, TEXT, WEATHER, chat_tools, feature, has_schema, is_, raw,
                      user)

# ---- instructions and turns --------------------------------------------------------------------
feature("system", is_("system", "Be brief."),
        chat={"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]},
        responses={"instructions": "Be brief."}, anthropic={"system": "Be brief."},
        gemini={"systemInstruction": {"parts": [{"text": "Be brief."}]}})
feature("developer", is_("system", "Be brief."),
        chat={"messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "hi"}]},
        responses={"input": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "hi"}]},
        gemini={"system_instruction": {"role": "system", "parts": [{"text": "Be brief."}]}})
feature("system in several pieces", lambda a, _: a.system.split() == ["One.", "Two.", "Three."],
        chat={"messages": [{"role": "system", "content": "One."},
                           {"role": "developer", "content": [{"type": "text", "text": "Two."},
                                                             {"type": "text", "text": "Three."}]},
                           {"role": "user", "content": "hi"}]},
        responses={"instructions": "One.",
                   "input": [{"role": "system", "content": [{"type": "input_text", "text": "Two."}]},
                             {"role": "developer", "content": "Three."}, {"role": "user", "content": "hi"}]},
        anthropic={"system": [{"type": "text", "text": t} for t in ("One.", "Two.", "Three.")]},
        gemini={"systemInstruction": {"parts": [{"text": t} for t in ("One.", "Two.", "Three.")]}})
feature("system in mid-conversation",
        lambda a, _: {"Now in French.", "go on"} <= set(a.said().split("\n")),
        word="system message",
        chat={"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"},
                           {"role": "system", "content": "Now in French."}, {"role": "user", "content": "go on"}]},
        responses={"input": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"},
                             {"role": "developer", "content": "Now in French."}, {"role": "user", "content": "go on"}]})
feature("several turns",
        lambda a, _: (a.roles, a.said().split()) == (["user", "assistant", "user"], ["one", "two", "three"]),
        chat={"messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"},
                           {"role": "user", "content": "three"}]},
        responses={"input": [{"role": "user", "content": "one"},
                             {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                              "content": [{"type": "output_text", "text": "two", "annotations": []}]},
                             {"role": "user", "content": [{"type": "input_text", "text": "three"}]}]},
        anthropic={"messages": [{"role": "user", "content": "one"},
                                {"role": "assistant", "content": [{"type": "text", "text": "two"}]},
                                {"role": "user", "content": "three"}]},
        gemini={"contents": [{"role": "user", "parts": [{"text": "one"}]},
        {"role": "model", "parts": [{"text": "two"}]},
                             {"role": "user", "parts": [{"text": "three"}]}]})
feature("several messages of one role",
        lambda a, _: a.said("user").split()[:2] == ["one", "two"] and a.said("assistant").split() == ["x", "y"],
        "prefill",
        chat={"messages": [{"role": "user", "content": "one"}, {"role": "user", "content": "two"},
                           {"role": "assistant", "content": "x"}, {"role": "assistant", "content": "y"},
                           {"role": "user", "content": ""}]},
        responses={"input": [{"role": "user", "content": "one"}, {"role": "user", "content": "two"},
                             {"role": "assistant", "content": "x"}, {"role": "assistant", "content": "y"},
                             {"role": "user", "content": ""}]},
        anthropic={"messages": [{"role": "user", "content": "one"}, {"role": "user", "content": "two"},
                                {"role": "assistant", "content": "x"}, {"role": "assistant", "content": "y"},
                                {"role": "user", "content": ""}]},
        gemini={"contents": [{"role": "user", "parts": [{"text": "one"}]}, {"role": "user", "parts": [{"text": "two"}]},
                             {"role": "model", "parts": [{"text": "x"}]}, {"role": "model", "parts": [{"text": " y"}]},
                             {"role": "user", "parts": [{"text": ""}]}]})
feature("assistant first",
        lambda a, _: a.pieces("text", "assistant") == [("text", "welcome")] and a.said("user").endswith("hi"),
        chat={"messages": [{"role": "assistant", "content": "welcome"}, {"role": "user", "content": "hi"}]},
        responses={"input": [{"role": "assistant", "content": "welcome"}, {"role": "user", "content": "hi"}]},
        anthropic={"messages": [{"role": "assistant", "content": "welcome"}, {"role": "user", "content": "hi"}]},
        gemini={"contents": [{"role": "model", "parts": [{"text": "welcome"}]},
        {"role": "user", "parts": [{"text": "hi"}]}]})
feature("a name of the speaker", is_("name", "ann"), "name", to=(OPENAI,),
        chat={"messages": [{"role": "user", "name": "ann", "content": "hi"}]})
feature("a refusal of before",
        lambda a, _: [p[1] for p in a.pieces("refusal") + a.pieces("text", "assistant")] == ["I will not."],
        chat={"messages": [{"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "refusal": "I will not."},
                           {"role": "user", "content": "b"}]},
        responses={"input": [{"role": "user", "content": "a"},
                             {"type": "message", "role": "assistant",
                             "content": [{"type": "refusal", "refusal": "I will not."}]},
                             {"role": "user", "content": "b"}]})

feature("instructions alone", lambda a, _: "Be brief." in a.system + a.said("user") + a.said("system"),
        chat={"messages": [{"role": "system", "content": "Be brief."}]},
        responses={"input": [{"role": "developer", "content": "Be brief."}]})

# ---- calls and results -------------------------------------------------------------------------
ARGS = ({"city": "Paris", "n": 1}, {"city": "Oslo"})
ARG_TEXTS = tuple(json.dumps(a) for a in ARGS)


def conversation(results, said="Let me see.", ids=("call_1", "call_2"), cities=ARG_TEXTS):
    """two calls at once, in each dialect; results = [(which, text, more of Anthropic)]"""
    names = ("weather", "time")
    chat_calls = [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n,
            a in zip(ids, names, cities)]
    return {
        "chat": {"tools": chat_tools(), "messages": [
            {"role": "user", "content": "go"}, {"role": "assistant", "content": said, "tool_calls": chat_calls},
            *[{"role": "tool", "tool_call_id": ids[w], "content": t} for w, t, *_ in results]]},
        "responses": {"input": [
            {"role": "user", "content": "go"}, *([{"role": "assistant", "content": said}] if said else []),
            *[{"type": "function_call", "call_id": i, "name": n, "arguments": a} for i, n,
            a in zip(ids, names, cities)],
            *[{"type": "function_call_output", "call_id": ids[w], "output": t} for w, t, *_ in results]]},
        "anthropic": {"messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [*([{"type": "text", "text": said}] if said else []), *[
                {"type": "tool_use", "id": i, "name": n, "input": json.loads(a)} for i, n,
                a in zip(ids, names, cities)]]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": ids[w], "content": t, **(m[0] if m else {})} for w, t,
                *m in results]}]},
        "gemini": {"contents": [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [*([{"text": said}] if said else []), *[
                {"functionCall": {"name": n, "args": json.loads(a)}} for n, a in zip(names, cities)]]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": names[w],
                "response": {"error" if m and m[0].get("is_error") else "result": t}}}
                for w, t, *m in results]}]},
    }


CALLS = [("weather", ARGS[0]), ("time", ARGS[1])]


def answered(*results):
    def look(asked, _):
        got = [(n, " ".join(t.split())) for n, t in asked.results]
        return asked.calls == CALLS and sorted(got) == sorted(results)
    return look


def in_order(asked, dialect):
    return answered(("weather", "sun"), ("time", "noon"))(asked, dialect) and asked.said("assistant") == "Let me see." \
        and asked.turns[1][1][0][0] == "text"


feature("parallel calls and results", in_order, **conversation([(0, "sun"), (1, "noon")]))
feature("results in another order", in_order, **conversation([(1, "noon"), (0, "sun")]))
feature("calls without words",
        lambda a, d: answered(("weather", "sun"), ("time", "noon"))(a, d) and not a.said("assistant"),
        **conversation([(0, "sun"), (1, "noon")], said=None))
feature("a result without words",
        lambda a, _: a.calls == CALLS and len(a.results) == 2 and ("time", "noon") in a.results,
        **conversation([(0, ""), (1, "noon")]))
feature("a result that is missing", lambda a, _: a.calls == CALLS and ("weather", "sun") in a.results,
        **conversation([(0, "sun")]))
feature("a result that came twice", lambda a, _: [n for n, _ in a.results].count("weather") == 1 and len(a.results) == 2
        and "sun" in a.text and "rain" in a.text,
        **{k: v for k, v in conversation([(0, "sun"), (0, "rain"), (1, "noon")]).items() if k != "gemini"})
feature("a result that is JSON",
        lambda a, _: {n: json.loads(t) for n, t in a.results} == {"weather": {"t": 21, "l": [1, 2]},
                                                                                          "time": [1, {"b": None}]},
        **conversation([(0, '{"t":21,"l":[1,2]}'), (1, '[1,{"b":null}]')]))
feature("a result that failed", lambda a, _: ("weather", "no such city") in a.results and a.has_failed_result,
        "is_error",
        to=(ANTHROPIC, GEMINI),
        **{k: v for k, v in conversation([(0, "no such city", {"is_error": True}), (1, "noon")]).items()
           if k in ("anthropic", "gemini")})
ODD_IDS = ("functions.weather:0", "functions.time:1" + "x" * 70)
feature("ids that others would refuse", lambda a, d: answered(("weather", "sun"), ("time", "noon"))(a, d),
        **{k: v for k, v in conversation([(0, "sun"), (1, "noon")], ids=ODD_IDS).items()
           if k != "gemini"})


def one_result(asked, _):
    shown = asked.pieces("image")
    return [n for n, _ in asked.results] == ["weather"] and "sun" in asked.results[0][1] + asked.said() \
        and shown == [("image", "data", "image/png", PNG)]


feature("a result with a picture", one_result, "image",
        responses={"input": [
            {"role": "user", "content": "go"},
            {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": [
                {"type": "input_text", "text": "sun"},
                {"type": "input_image", "image_url": "data:image/png;base64," + PNG}]}]},
        anthropic={"messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": [
                {"type": "text", "text": "sun"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]}]}]},
        gemini={"contents": [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {
                "name": "weather", "response": {"result": "sun"},
                "parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}]}}]}]})
feature("words behind the results",
        lambda a, d: answered(("weather", "sun"), ("time", "noon"))(a, d) and a.said("user") == "go\nand?"
        or a.results == [("weather", "sun"), ("time", "noonand?")],  # Mistral: no user behind results
        chat={"messages": conversation([(0, "sun"), (1, "noon")])["chat"]["messages"] + [{"role": "user",
        "content": "and?"}]},
        responses={"input": conversation([(0, "sun"), (1, "noon")])["responses"]["input"] + [{"role": "user",
        "content": "and?"}]},
        anthropic={"messages": [m if m["content"] == "go" or m["role"] == "assistant" else
                                {**m, "content": m["content"] + [{"type": "text", "text": "and?"}]}
                                for m in conversation([(0, "sun"), (1, "noon")])["anthropic"]["messages"]]},
        gemini={"contents": conversation([(0, "sun"), (1, "noon")])["gemini"]["contents"]
                + [{"role": "user", "parts": [{"text": "and?"}]}]})

# ---- tools -------------------------------------------------------------------------------------


def tool_bodies(schema, strict=None, **choice):
    more = {} if strict is None else {"strict": strict}
    given = {"parameters": raw(schema)} if schema else {}
    return {
        "chat": {"tools": [{"type": "function", "function": {**WEATHER, **given, **more}}]},
        "responses": {"tools": [{"type": "function", **WEATHER, **given, **more}]},
        "anthropic": {"tools": [{**WEATHER, "input_schema": raw(schema or '{"type":"object"}'), **more}]},
        "gemini": {"tools": [{"functionDeclarations": [{**WEATHER,
        **({"parametersJsonSchema": raw(schema)} if schema else {})}]}]},
    }


def has_tool(asked, _):
    tool = asked.tools.get("weather")
    return tool and tool["description"] == WEATHER["description"]


feature("a tool, its schema byte for byte", lambda a, d: has_tool(a, d) and has_schema(a, OPEN_SCHEMA),
        **tool_bodies(OPEN_SCHEMA))
feature("a tool without parameters", has_tool, **tool_bodies(None))
feature("a strict tool", lambda a, d: has_tool(a, d) and a.tools["weather"]["strict"] is True and SCHEMA in a.text,
        "strict",
        to=(OPENAI, RESPONSES, ANTHROPIC), **{k: v for k, v in tool_bodies(SCHEMA, True).items() if k != "gemini"})
feature("a tool that is not strict", lambda a, d: has_tool(a, d) and not a.tools["weather"]["strict"],
        **{k: v for k, v in tool_bodies(SCHEMA, False).items() if k != "gemini"})


def two_tools(**more):
    """per dialect: two tools, and what each says beside"""
    plain = {"type": "object", "properties": {}}
    chat = [{"type": "function", "function": {"name": n, "parameters": plain}} for n in ("weather", "time", "other")]
    flat = [{"type": "function", "name": n, "parameters": plain} for n in ("weather", "time", "other")]
    claude = [{"name": n, "input_schema": plain} for n in ("weather", "time", "other")]
    google = [{"functionDeclarations": [{"name": n} for n in ("weather", "time", "other")]}]
    tools = {"chat": chat, "responses": flat, "anthropic": claude, "gemini": google}
    return {name: {"tools": tools[name], **given} for name, given in more.items()}


def calling(**values):
    return {"toolConfig": {"functionCallingConfig": values}}


for word, claude, google in (("auto", "auto", "AUTO"), ("none", "none", "NONE"), ("required", "any", "ANY")):
    feature("tool_choice " + word, is_("choice", word), "tool_choice",
            **two_tools(chat={"tool_choice": word}, responses={"tool_choice": word},
                        anthropic={"tool_choice": {"type": claude}}, gemini=calling(mode=google)))
feature("tool_choice of a name", is_("choice", ("tool", "time")), "tool_choice",
        **two_tools(chat={"tool_choice": {"type": "function", "function": {"name": "time"}}},
                    responses={"tool_choice": {"type": "function", "name": "time"}},
                    anthropic={"tool_choice": {"type": "tool", "name": "time"}},
                    gemini=calling(mode="ANY", allowedFunctionNames=["time"])))


def allowed(mode):
    def look(asked, _):
        by_list = asked.choice == ("allowed", mode, ["time", "weather"])
        return by_list or sorted(asked.tools) == ["time", "weather"] and asked.choice == mode
    return look


for mode, google in (("auto", "VALIDATED"), ("required", "ANY")):
    feature("tool_choice of several, " + mode, allowed(mode), "tool_choice",
            **two_tools(chat={"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [
                {"type": "function", "function": {"name": n}} for n in ("weather", "time")]}}},
                        responses={"tool_choice": {"type": "allowed_tools", "mode": mode, "tools": [
                            {"type": "function", "name": n} for n in ("weather", "time")]}},
                        gemini=calling(mode=google, allowedFunctionNames=["weather", "time"])))
feature("one call at a time", is_("parallel", False), "parallel_tool_calls", to=(OPENAI, RESPONSES, ANTHROPIC),
        **two_tools(chat={"parallel_tool_calls": False}, responses={"parallel_tool_calls": False},
                    anthropic={"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}))
feature("a tool of free text", lambda a, _: "apply_patch" in a.tools, to=ALL,
        chat={"tools": [{"type": "custom", "custom": {"name": "apply_patch", "description": "Patches."}}]},
        responses={"tools": [{"type": "custom", "name": "apply_patch", "description": "Patches."}]})
feature("a grammar of a tool", lambda a, _: "start: word" in a.text, "grammar",
        chat={"tools": [{"type": "custom", "custom": {"name": "apply_patch", "format": {
            "type": "grammar", "grammar": {"syntax": "lark", "definition": "start: word"}}}}]},
        responses={"tools": [{"type": "custom", "name": "apply_patch", "format": {
            "type": "grammar", "syntax": "lark", "definition": "start: word"}}]})
feature("a call of a tool of free text",
        lambda a, _: a.calls == [("apply_patch", {"input": "*** Begin"})] and a.results == [("apply_patch", "done")],
        chat={"messages": [{"role": "user", "content": "go"},
                           {"role": "assistant",
                           "tool_calls": [{"id": "c1", "type": "custom",
                           "custom": {"name": "apply_patch", "input": "*** Begin"}}]},
                           {"role": "tool", "tool_call_id": "c1", "content": "done"}]},
        responses={"input": [{"role": "user", "content": "go"},
                             {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin"},
                             {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"}]})
feature("a tool that the provider runs", lambda a, _: a.other_tools, "web_search|google_search|googleSearch", to=(),
        chat={"web_search_options": {}}, responses={"tools": [{"type": "web_search"}]},
        anthropic={"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        gemini={"tools": [{"googleSearch": {}}]})

# ---- thoughts of before ------------------------------------------------------------------------
CLAUDE_SIG, GOOGLE_SIG, OPENAI_SIG = "Q2xhdWRlK3NpZw==", "R29vZ2xlL3NpZw==", "gAAAAABopenai-seal_="


def chat_thought(message):
    return {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", **message},
            {"role": "user", "content": "c"}]}


feature("a signature of Claude reaches nobody else", lambda a, d: CLAUDE_SIG not in a.text and "b" in a.said(), "",
        to=(OPENAI, RESPONSES, GEMINI),
        anthropic={"messages": [{"role": "user", "content": "a"},
                                {"role": "assistant",
                                "content": [{"type": "thinking", "thinking": "hm", "signature": CLAUDE_SIG},
                                                                  {"type": "redacted_thinking", "data": CLAUDE_SIG},
                                                                  {"type": "text", "text": "b"}]},
                                {"role": "user", "content": "c"}]})
feature("a signature of Gemini reaches nobody else", lambda a, d: GOOGLE_SIG not in a.text and "b" in a.said(), "",
        to=(OPENAI, RESPONSES, ANTHROPIC),
        gemini={"contents": [{"role": "user", "parts": [{"text": "a"}]},
                             {"role": "model", "parts": [{"text": "hm", "thought": True},
                                                         {"text": "b", "thoughtSignature": GOOGLE_SIG},
                                                         {"functionCall": {"name": "f", "args": {}},
                                                         "thoughtSignature": GOOGLE_SIG}]},
                             {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "c"}}}]}]})
feature("a seal of OpenAI reaches nobody else", lambda a, d: OPENAI_SIG not in a.text and "b" in a.said(), "",
        to=(OPENAI, ANTHROPIC, GEMINI),
        responses={"input": [{"role": "user", "content": "a"},
                             {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}],
                             "encrypted_content": OPENAI_SIG},
                             {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]})
feature("a thought of Claude by details",
        lambda a, _: a.pieces("thought") == [("thought", "hm", CLAUDE_SIG), ("thought", "", "ZGF0YQ==")],
        "", to=(ANTHROPIC,), silent=(RESPONSES, GEMINI), chat=chat_thought({"reasoning_details": [
            {"type": "reasoning.text", "text": "hm", "signature": CLAUDE_SIG, "format": "anthropic-claude-v1",
            "index": 0},
            {"type": "reasoning.encrypted", "data": "ZGF0YQ==", "format": "anthropic-claude-v1", "index": 1}]}))
feature("a thought of Claude by blocks", lambda a, _: a.pieces("thought") == [("thought", "hm", CLAUDE_SIG)],
        "", to=(ANTHROPIC,), silent=(RESPONSES, GEMINI), chat=chat_thought({"thinking_blocks": [
            {"type": "thinking", "thinking": "hm", "signature": CLAUDE_SIG}]}))
feature("a signature of Gemini by its field", lambda a, _: a.pieces("signed") == [("signed", GOOGLE_SIG)], "",
        to=(GEMINI,),
        silent=(RESPONSES, ANTHROPIC), chat={"messages": [
            {"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"},
                 "extra_content": {"google": {"thought_signature": GOOGLE_SIG}}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "d"}]})
feature("a seal of OpenAI by details", lambda a, _: [p[2] for p in a.pieces("thought")] == [OPENAI_SIG], "",
        to=(RESPONSES,),
        silent=(ANTHROPIC, GEMINI), chat=chat_thought({"reasoning_details": [
            {"type": "reasoning.encrypted", "data": OPENAI_SIG, "format": "openai-responses-v1", "id": "rs_1",
            "index": 0}]}))

# ---- cache markers -----------------------------------------------------------------------------
MARK = {"cache_control": {"type": "ephemeral"}}
feature("a cache marker of the instructions", lambda a, _: a.cached == ["Be brief."], "cache", to=(ANTHROPIC,),
        chat={"messages": [{"role": "system", "content": [{"type": "text", "text": "Be brief.", **MARK}]},
        {"role": "user", "content": "hi"}]},
        anthropic={"system": [{"type": "text", "text": "Be brief.", **MARK}]})
feature("a cache marker of a message", lambda a, _: a.cached == ["look"], "cache", to=(ANTHROPIC,),
        chat={"messages": user({**TEXT, **MARK})}, anthropic={"messages": user({**TEXT, **MARK})})
feature("a cache marker of a tool", lambda a, _: a.cached == ["weather"], "cache", to=(ANTHROPIC,),
        chat={"tools": [{**chat_tools()[0], **MARK}]},
        anthropic={"tools": [{**WEATHER, "input_schema": {"type": "object"}, **MARK}]})
feature("a cache marker of a result", lambda a, _: a.cached, "cache", to=(ANTHROPIC,),
        anthropic={"messages": [{"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]},
                                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "x", **MARK}]}]})
feature("a cache marker of a call", lambda a, _: a.cached, "cache", to=(ANTHROPIC,),
        anthropic={"messages": [{"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}, **MARK}]},
                                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "x"}]}]})
feature("a cache marker of the request", lambda a, _: a.cached == ["the request"], "cache", to=(ANTHROPIC,),
        chat=MARK, anthropic=MARK)

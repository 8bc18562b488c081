"""The readers of `facts`: what they find in samples written by hand, and what the strict ones refuse."""
import json

import pytest

import framings
from facts import BadWire, Usage, client, provider

pytestmark = pytest.mark.slow


def sse(*values, named=True):
    """events of values; `named`: each with the name that its type says"""
    text = ""
    for value in values:
        if named and isinstance(value, dict):
            text += "event: %s\n" % value["type"]
        text += "data: %s\n\n" % (value if isinstance(value, str) else json.dumps(value))
    return text.encode()


def without(values, *places):
    return [v for i, v in enumerate(values) if i not in places]


def swapped(values, a, b):
    values = list(values)
    values[a], values[b] = values[b], values[a]
    return values


def changed(values, place, **members):
    return [{**v, **members} if i == place else v for i, v in enumerate(values)]


# ---- openai-chat -------------------------------------------------------------------------------
def chunk(delta, finish=None, **more):
    return {"id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def piece(index, arguments, **more):
    function = {"arguments": arguments, **({"name": more.pop("name")} if "name" in more else {})}
    return chunk({"tool_calls": [{"index": index, "function": function, **more}]})


CHAT_USAGE = {"prompt_tokens": 10, "completion_tokens": 6, "total_tokens": 16,
              "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 2}}
CHAT = [chunk({"role": "assistant", "content": ""}), chunk({"reasoning_content": "hm"}), chunk({"content": "hello"}),
        piece(0, "", id="a", type="function", name="weather"), piece(0, "{\"city\":"), piece(0, "\"Oslo\"}"),
        piece(1, "{}", id="b", type="function", name="time"), chunk({}, "tool_calls"),
        {**chunk({}), "choices": [], "usage": CHAT_USAGE}, "[DONE]"]
CHAT_WHOLE = {"id": "c1", "object": "chat.completion", "created": 5, "model": "m", "usage": CHAT_USAGE, "choices": [
    {"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": "hello", "reasoning_content": "hm", "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}},
            {"id": "b", "type": "function", "function": {"name": "time", "arguments": "{}"}}]}}]}


# ---- anthropic-messages ------------------------------------------------------------------------
def start(index, **block):
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index, kind, **members):
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **members}}


def stop(index):
    return {"type": "content_block_stop", "index": index}


MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
           "stop_sequence": None, "usage": {"input_tokens": 6, "cache_read_input_tokens": 4, "output_tokens": 1}}
ANTHROPIC = [{"type": "message_start", "message": MESSAGE},
             start(0, type="thinking", thinking="", signature=""), {"type": "ping"},
             delta(0, "thinking_delta", thinking="hm"), delta(0, "signature_delta", signature="c2ln"), stop(0),
             start(1, type="text", text=""), delta(1, "text_delta", text="hello"), stop(1),
             start(2, type="tool_use", id="a", name="weather", input={}),
             delta(2, "input_json_delta", partial_json="{\"city\":"), delta(2, "input_json_delta", partial_json="\"Oslo\"}"),
             stop(2), start(3, type="tool_use", id="b", name="time", input={}), stop(3),
             {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None},
              "usage": {"output_tokens": 6, "output_tokens_details": {"thinking_tokens": 2}}},
             {"type": "message_stop"}]
ANTHROPIC_WHOLE = {**MESSAGE, "stop_reason": "tool_use", "content": [
    {"type": "thinking", "thinking": "hm", "signature": "c2ln"}, {"type": "text", "text": "hello"},
    {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Oslo"}},
    {"type": "tool_use", "id": "b", "name": "time", "input": {}}],
    "usage": {"input_tokens": 6, "cache_read_input_tokens": 4, "output_tokens": 6,
              "output_tokens_details": {"thinking_tokens": 2}}}


# ---- gemini ------------------------------------------------------------------------------------
def element(*parts, **more):
    usage = more.pop("usage", None)
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, "index": 0, **more}],
            "modelVersion": "m", "responseId": "r", **({"usageMetadata": usage} if usage else {})}


GEMINI_USAGE = {"promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": 4, "thoughtsTokenCount": 2,
                "totalTokenCount": 16}
CALLS = [{"functionCall": {"name": "weather", "args": {"city": "Oslo"}, "id": "a"}, "thoughtSignature": "c2ln"},
         {"functionCall": {"name": "time", "args": {}}}]
GEMINI = [element({"text": "hm", "thought": True}), element({"text": "hel"}), element({"text": "lo"}), element(*CALLS),
          element({"text": ""}, finishReason="STOP", usage=GEMINI_USAGE)]
GEMINI_WHOLE = element({"text": "hm", "thought": True}, {"text": "hello"}, *CALLS, finishReason="STOP",
                       usage=GEMINI_USAGE)


# ---- openai-responses --------------------------------------------------------------------------
def response(status="in_progress", output=(), **more):
    return {"id": "resp_1", "object": "response", "created_at": 5, "model": "m", "status": status, "output": list(output),
            "error": None, "incomplete_details": None, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
            "usage": None, **more}


ITEMS = [{"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}],
          "encrypted_content": "c2ln"},
         {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
          "content": [{"type": "output_text", "text": "hello", "annotations": [], "logprobs": []}]},
         {"id": "fc_1", "type": "function_call", "call_id": "a", "name": "weather", "arguments": "{\"city\":\"Oslo\"}",
          "status": "completed"},
         {"id": "fc_2", "type": "function_call", "call_id": "b", "name": "time", "arguments": "{}", "status": "completed"}]
RESPONSES_USAGE = {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 6,
                   "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 16}
RESPONSES_WHOLE = response("completed", ITEMS, usage=RESPONSES_USAGE)


def numbered(values):
    return [{**v, "sequence_number": i} for i, v in enumerate(values)]


def of(index, kind, **members):
    return {"type": "response." + kind, "output_index": index, "item_id": ITEMS[index]["id"], **members}


def item_events(index, added, inner):
    return [{"type": "response.output_item.added", "output_index": index, "item": {**ITEMS[index], **added}}, *inner,
            {"type": "response.output_item.done", "output_index": index, "item": ITEMS[index]}]


TEXT_PART = ITEMS[1]["content"][0]
RESPONSES = numbered([
    {"type": "response.created", "response": response()}, {"type": "response.in_progress", "response": response()},
    *item_events(0, {"summary": [], "encrypted_content": ""}, [
        of(0, "reasoning_summary_part.added", summary_index=0, part={"type": "summary_text", "text": ""}),
        of(0, "reasoning_summary_text.delta", summary_index=0, delta="hm"),
        of(0, "reasoning_summary_text.done", summary_index=0, text="hm"),
        of(0, "reasoning_summary_part.done", summary_index=0, part={"type": "summary_text", "text": "hm"})]),
    *item_events(1, {"content": [], "status": "in_progress"}, [
        of(1, "content_part.added", content_index=0, part={**TEXT_PART, "text": ""}),
        of(1, "output_text.delta", content_index=0, delta="hel", logprobs=[]),
        of(1, "output_text.delta", content_index=0, delta="lo", logprobs=[]),
        of(1, "output_text.done", content_index=0, text="hello", logprobs=[]),
        of(1, "content_part.done", content_index=0, part=TEXT_PART)]),
    *item_events(2, {"arguments": ""}, [
        of(2, "function_call_arguments.delta", delta="{\"city\":"), of(2, "function_call_arguments.delta", delta="\"Oslo\"}"),
        of(2, "function_call_arguments.done", arguments="{\"city\":\"Oslo\"}")]),
    *item_events(3, {"arguments": ""}, [of(3, "function_call_arguments.delta", delta="{}"),
                                        of(3, "function_call_arguments.done", arguments="{}")]),
    {"type": "response.completed", "response": RESPONSES_WHOLE}])

# ---- bedrock-converse --------------------------------------------------------------------------
def block(index, **delta):
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": delta}


def tool(index, name, use_id):
    return "contentBlockStart", {"contentBlockIndex": index, "start": {"toolUse": {"toolUseId": use_id, "name": name}}}


def ended(index):
    return "contentBlockStop", {"contentBlockIndex": index}


BEDROCK_COUNTS = {"usage": {"inputTokens": 6, "outputTokens": 6, "cacheReadInputTokens": 4, "totalTokens": 16},
                  "metrics": {"latencyMs": 1}}
BEDROCK = [("messageStart", {"role": "assistant"}), block(0, reasoningContent={"text": "hm"}),
           block(0, reasoningContent={"signature": "c2ln"}), ended(0), block(1, text="hel"), block(1, text="lo"), ended(1),
           tool(2, "weather", "a"), block(2, toolUse={"input": "{\"city\":"}), block(2, toolUse={"input": "\"Oslo\"}"}),
           ended(2), tool(3, "time", "b"), ended(3), ("messageStop", {"stopReason": "tool_use"}),
           ("metadata", BEDROCK_COUNTS)]
BEDROCK_WHOLE = {"stopReason": "tool_use", **BEDROCK_COUNTS, "output": {"message": {"role": "assistant", "content": [
    {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}}, {"text": "hello"},
    {"toolUse": {"toolUseId": "a", "name": "weather", "input": {"city": "Oslo"}}},
    {"toolUse": {"toolUseId": "b", "name": "time", "input": {}}}]}}}


def exception(name="modelStreamErrorException", **members):
    return "!" + name, {"message": "it broke", **members}


def framed(values):
    made = b""
    for name, value in values:
        kind, label = ("exception", ":exception-type") if name[0] == "!" else ("event", ":event-type")
        made += framings.frame([framings.header(label, name.strip("!")), framings.header(":content-type", "application/json"),
                                framings.header(":message-type", kind)], json.dumps(value).encode())
    return made


# ---- ollama ------------------------------------------------------------------------------------
def line(content="", done=False, **message):
    return {"model": "m", "created_at": "2026-08-17T08:22:53.078901Z", "done": done,
            "message": {"role": "assistant", "content": content, **message}}


def called(index, name, arguments, call_id):
    return {"id": call_id, "function": {"index": index, "name": name, "arguments": arguments}}


OLLAMA_END = {"done_reason": "stop", "total_duration": 5, "load_duration": 0, "prompt_eval_duration": 1, "eval_duration": 4,
              "prompt_eval_count": 10, "eval_count": 6}
OLLAMA_CALLS = [called(0, "weather", {"city": "Oslo"}, "a"), called(1, "time", {}, "b")]
OLLAMA = [line(thinking="hm"), line("hel"), line("lo"), *[line(tool_calls=[c]) for c in OLLAMA_CALLS],
          {**line(done=True), **OLLAMA_END}]
OLLAMA_WHOLE = {**line("hello", True, thinking="hm", tool_calls=OLLAMA_CALLS), **OLLAMA_END}

STREAMS = {"openai-chat": CHAT, "openai-responses": RESPONSES, "anthropic-messages": ANTHROPIC, "gemini": GEMINI,
           "bedrock-converse": BEDROCK, "ollama": OLLAMA}
WHOLE = {"openai-chat": CHAT_WHOLE, "openai-responses": RESPONSES_WHOLE, "anthropic-messages": ANTHROPIC_WHOLE,
         "gemini": GEMINI_WHOLE, "bedrock-converse": BEDROCK_WHOLE, "ollama": OLLAMA_WHOLE}
NAMED = ("openai-responses", "anthropic-messages")


def stream_of(dialect, values):
    if dialect == "bedrock-converse":
        return framed(values)
    if dialect == "ollama":
        return b"".join(json.dumps(v).encode() + b"\n" for v in values)
    return sse(*values, named=dialect in NAMED)


def check(dialect, facts):
    choice = facts.first
    assert (choice.text, choice.reasoning, choice.finish) == ("hello", "hm", "tool_calls")
    assert [(c.name, c.value) for c in choice.calls] == [("weather", {"city": "Oslo"}), ("time", {})]
    assert [c.id for c in choice.calls] == (["a", ""] if dialect == "gemini" else ["a", "b"])
    counts = {"bedrock-converse": Usage(10, 6, 4), "ollama": Usage(10, 6)}
    assert facts.usage == counts.get(dialect, Usage(10, 6, 4, None, 2))
    assert facts.signatures == ([] if dialect in ("openai-chat", "ollama") else ["c2ln"])
    assert facts.model == (None if dialect == "bedrock-converse" else "m") and facts.ended and facts.error is None


@pytest.mark.parametrize("dialect", STREAMS)
def test_both_readers_find_the_same_in_a_stream_and_in_a_whole_answer(dialect):
    body, whole = stream_of(dialect, STREAMS[dialect]), json.dumps(WHOLE[dialect]).encode()
    check(dialect, client.stream(dialect, body))
    check(dialect, client.answer(dialect, whole))
    check(dialect, provider.read(dialect, body, True))
    check(dialect, provider.read(dialect, whole, False))
    if dialect != "bedrock-converse":  # whose frames are no lines
        check(dialect, provider.read(dialect, body.replace(b"\n", b"\r\n"), True))


def test_gemini_streams_are_an_array_without_alt_sse():
    check("gemini", client.stream("gemini", json.dumps(GEMINI).encode(), array=True))
    with pytest.raises(BadWire):
        client.stream("gemini", json.dumps(GEMINI).encode()[:-1], array=True)


BROKEN = {
    "openai-chat": {
        "no [DONE]": CHAT[:-1], "two [DONE]": CHAT + ["[DONE]"], "no JSON": CHAT[:3] + ["{\"id\":"] + CHAT[3:],
        "no finish": without(CHAT, 7), "no role": CHAT[1:], "another id": changed(CHAT, 2, id="c2"),
        "content behind the finish": CHAT[:8] + CHAT[2:3] + CHAT[8:], "usage twice": CHAT[:9] + CHAT[8:],
        "a call that is skipped": without(CHAT, 3, 4, 5), "interleaved calls": swapped(CHAT, 5, 6),
        "a call without its start": without(CHAT, 3), "a finish that nobody knows": CHAT[:7] + [chunk({}, "done")] + CHAT[8:],
        "a wrong sum": changed(CHAT, 8, usage={**CHAT_USAGE, "total_tokens": 17}),
        "two ids": CHAT[:5] + [piece(0, "\"Oslo\"}", id="z")] + CHAT[6:]},
    "anthropic-messages": {
        "no message_stop": ANTHROPIC[:-1], "no message_start": ANTHROPIC[1:], "no message_delta": without(ANTHROPIC, 15),
        "a second message_start": ANTHROPIC[:1] + ANTHROPIC, "a block left open": without(ANTHROPIC, 14),
        "a block without start": without(ANTHROPIC, 6), "a wrong index": changed(ANTHROPIC, 6, index=2),
        "a delta of another kind": changed(ANTHROPIC, 7, delta={"type": "thinking_delta", "thinking": "x"}),
        "arguments that are no JSON": without(ANTHROPIC, 11), "an event behind the end": ANTHROPIC + [{"type": "ping"}],
        "text in the start": changed(ANTHROPIC, 6, content_block={"type": "text", "text": "x"}),
        "an unknown event": ANTHROPIC[:3] + [{"type": "content_block"}] + ANTHROPIC[3:],
        "an unknown stop_reason": changed(ANTHROPIC, 15, delta={"stop_reason": "x", "stop_sequence": None}),
        "a block behind message_delta": ANTHROPIC[:16] + [start(4, type="text", text="")] + ANTHROPIC[16:]},
    "gemini": {
        "no finish": GEMINI[:-1], "[DONE]": GEMINI + ["[DONE]"], "an event behind the finish": GEMINI + GEMINI[-1:],
        "a part of no kind": GEMINI[:1] + [element({})] + GEMINI[1:], "no role": [{**GEMINI[0], "candidates": [
            {"content": {"parts": []}}]}] + GEMINI[1:], "a member of ours": changed(GEMINI, 1, id="x"),
        "a wrong sum": GEMINI[:-1] + [element({"text": ""}, finishReason="STOP",
                                              usage={**GEMINI_USAGE, "totalTokenCount": 17})],
        "an unknown finish": GEMINI[:-1] + [element({"text": ""}, finishReason="DONE")],
        "a call without a name": GEMINI[:3] + [element({"functionCall": {"args": {}}})] + GEMINI[4:]},
    "openai-responses": {
        "no end": RESPONSES[:-1], "no start": RESPONSES[1:], "a number twice": changed(RESPONSES, 5, sequence_number=4),
        "a number left out": without(RESPONSES, 1), "[DONE]": RESPONSES + ["[DONE]"],
        "an item left open": numbered(without(RESPONSES, 7)), "an item without its start": numbered(without(RESPONSES, 8)),
        "a delta left out": numbered(without(RESPONSES, 10)), "another text": changed(RESPONSES, 12, text="hallo"),
        "a part left open": numbered(without(RESPONSES, 13)), "a part without its start": numbered(without(RESPONSES, 9)),
        "a wrong output_index": changed(RESPONSES, 15, output_index=3),
        "arguments that do not end": numbered(without(RESPONSES, 18)),
        "output that leaves out an item": changed(RESPONSES, -1 + len(RESPONSES),
                                                  response=response("completed", ITEMS[:-1])),
        "completed, with the status of another": changed(RESPONSES, -1 + len(RESPONSES), type="response.incomplete")},
    "bedrock-converse": {
        "no metadata": BEDROCK[:-1], "no messageStop": without(BEDROCK, 13), "no messageStart": BEDROCK[1:],
        "a second messageStart": BEDROCK[:1] + BEDROCK, "metadata before messageStop": swapped(BEDROCK, 13, 14),
        "metadata twice": BEDROCK + BEDROCK[-1:], "an event behind the end": BEDROCK + [ended(3)],
        "a block left open": without(BEDROCK, 3), "a block that was left open at the end": without(BEDROCK, 12),
        "an index that is skipped": BEDROCK[:4] + [block(2, text="x"), ended(2)] + BEDROCK[7:],
        "a tool without its start": without(BEDROCK, 7), "a start of text": BEDROCK[:4] + [
            ("contentBlockStart", {"contentBlockIndex": 1, "start": {"text": ""}})] + BEDROCK[4:],
        "a delta of another kind": BEDROCK[:5] + [block(1, toolUse={"input": "{}"})] + BEDROCK[5:],
        "a delta of two kinds": BEDROCK[:4] + [block(1, text="a", citation={})] + BEDROCK[5:],
        "reasoning behind its signature": swapped(BEDROCK, 1, 2), "arguments that are no JSON": without(BEDROCK, 9),
        "an unknown event": BEDROCK[:4] + [("contentBlock", {})] + BEDROCK[4:],
        "an unknown stopReason": BEDROCK[:13] + [("messageStop", {"stopReason": "stop"})] + BEDROCK[14:],
        "a wrong sum": BEDROCK[:-1] + [("metadata", {**BEDROCK_COUNTS, "usage": {**BEDROCK_COUNTS["usage"], "totalTokens": 12}})],
        "no latency": BEDROCK[:-1] + [("metadata", {"usage": BEDROCK_COUNTS["usage"]})],
        "an unknown exception": BEDROCK[:5] + [exception("modelError")],
        "an exception with members of another": BEDROCK[:5] + [exception("throttlingException", originalStatusCode=500)],
        "an exception without words": BEDROCK[:5] + [exception(message="")]},
    "ollama": {
        "no end": OLLAMA[:-1], "a line behind the end": OLLAMA + OLLAMA[:1], "another model": changed(OLLAMA, 1, model="x"),
        "no model": changed(OLLAMA, 1, model=None), "a date that is none": changed(OLLAMA, 1, created_at=1755418973),
        "no role": changed(OLLAMA, 1, message={"content": "hel"}), "a reason too early": changed(OLLAMA, 1, done_reason="stop"),
        "an unknown reason": changed(OLLAMA, 5, done_reason="tool_calls"), "no times": changed(OLLAMA, 5, total_duration=None),
        "a count below 0": changed(OLLAMA, 5, eval_count=-1), "done as a text": changed(OLLAMA, 5, done="true"),
        "a call's wrong index": changed(OLLAMA, 4, message=line(tool_calls=[called(2, "time", {}, "b")])["message"]),
        "calls of one id": changed(OLLAMA, 4, message=line(tool_calls=[called(1, "time", {}, "a")])["message"]),
        "arguments as a text": changed(OLLAMA, 4, message=line(tool_calls=[called(1, "time", "{}", "b")])["message"]),
        "a line of /api/generate": OLLAMA[:1] + [{"model": "m", "created_at": "2026-08-17T08:22:53Z", "done": False,
                                                  "response": "hel"}] + OLLAMA[2:]},
}


@pytest.mark.parametrize("dialect, what", [(d, w) for d, cases in BROKEN.items() for w in cases])
def test_a_broken_stream_is_refused(dialect, what):
    with pytest.raises(BadWire):
        client.stream(dialect, stream_of(dialect, BROKEN[dialect][what]))


@pytest.mark.parametrize("dialect", STREAMS)
def test_no_stream_may_be_cut(dialect):
    whole = STREAMS[dialect]
    for length in range(len(whole)):
        with pytest.raises(BadWire):
            client.stream(dialect, stream_of(dialect, whole[:length]))
    with pytest.raises(BadWire):
        client.stream(dialect, stream_of(dialect, whole)[:-1])


ERROR_EVENTS = {
    "openai-chat": (CHAT[:3], {"error": {"message": "it broke", "type": "server_error", "code": None}}),
    "anthropic-messages": (ANTHROPIC[:8], {"type": "error", "error": {"type": "api_error", "message": "it broke"}}),
    "gemini": (GEMINI[:2], {"error": {"code": 500, "message": "it broke", "status": "INTERNAL"}}),
    "openai-responses": (RESPONSES[:11], {"type": "error", "code": "server_error", "message": "it broke", "param": None,
                                          "sequence_number": 11}),
    "bedrock-converse": (BEDROCK[:6], exception(originalStatusCode=500)),
    "ollama": (OLLAMA[:3], {"error": "it broke"}),
}


@pytest.mark.parametrize("dialect", STREAMS)
def test_an_error_event_ends_a_stream(dialect):
    before, error = ERROR_EVENTS[dialect]
    facts = client.stream(dialect, stream_of(dialect, [*before, error]))
    assert facts.error["message"] == "it broke" and not facts.ended
    with pytest.raises(BadWire):
        client.stream(dialect, stream_of(dialect, [*before, error, STREAMS[dialect][-1]]))


def test_errors_have_the_shape_of_their_dialect_and_the_type_of_their_status():
    openai = {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": None}}
    for dialect in ("openai-chat", "openai-responses"):
        assert client.error(dialect, 400, json.dumps(openai))["message"] == "no"
        with pytest.raises(BadWire):
            client.error(dialect, 400, json.dumps({"error": {"message": "no", "type": "x"}}))
    anthropic = {"type": "error", "error": {"type": "not_found_error", "message": "no"}}
    assert client.error("anthropic-messages", 404, json.dumps(anthropic))["type"] == "not_found_error"
    gemini = {"error": {"code": 404, "message": "no", "status": "NOT_FOUND"}}
    assert client.error("gemini", 404, json.dumps(gemini))["type"] == "NOT_FOUND"
    assert client.error("bedrock-converse", 404, json.dumps({"message": "no"}))["message"] == "no"
    assert client.error("ollama", 404, json.dumps({"error": "no"}))["message"] == "no"
    for dialect, body in (("anthropic-messages", anthropic), ("gemini", gemini), ("openai-chat", gemini),
                          ("bedrock-converse", gemini), ("ollama", gemini), ("ollama", openai)):
        with pytest.raises(BadWire):
            client.error(dialect, 429, json.dumps(body))


# ---- the odd shapes of providers ---------------------------------------------------------------
def test_a_provider_may_count_reasoning_outside_of_the_completion():
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 18, "completion_tokens_details": {"reasoning_tokens": 3}}
    assert provider.read("openai-chat", json.dumps({"choices": [], "usage": usage}), False).usage == Usage(10, 8, None, None, 3)


def test_a_providers_reasoning_has_many_names():
    for part, text in (({"reasoning": "a"}, "a"), ({"reasoning_content": "a", "reasoning": "a"}, "a"),
                       ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]},
                                     {"type": "text", "text": "b"}]}, "a"),
                       ({"reasoning_details": [{"type": "reasoning.text", "text": "a", "signature": "s"}]}, "a")):
        facts = provider.read("openai-chat", sse(chunk(part), named=False), True)
        assert facts.first.reasoning == text


def test_mistrals_calls_have_no_index():
    calls = [{"id": "a", "function": {"name": "f", "arguments": "{}"}}, {"id": "b", "function": {"name": "g", "arguments": "{}"}}]
    facts = provider.read("openai-chat", sse(chunk({"tool_calls": calls}, "tool_calls"), named=False), True)
    assert [(c.id, c.name) for c in facts.first.calls] == [("a", "f"), ("b", "g")]


def test_vertex_streams_arguments_in_pieces():
    def call(**members):
        return element({"functionCall": members})
    facts = provider.read("gemini", sse(
        call(name="greet", willContinue=True),
        call(partialArgs=[{"jsonPath": "$.to.name", "stringValue": "Jo", "willContinue": True}], willContinue=True),
        call(partialArgs=[{"jsonPath": "$.to.name", "stringValue": "hn"}, {"jsonPath": "$.n[0]", "numberValue": 2},
                          {"jsonPath": "$.n[1]", "boolValue": True}], willContinue=True),
        call(), element(finishReason="STOP"), named=False), True)
    assert [(c.name, c.value) for c in facts.first.calls] == [("greet", {"to": {"name": "John"}, "n": [2, True]})]


def test_a_blocked_prompt_is_a_content_filter():
    facts = provider.read("gemini", json.dumps({"promptFeedback": {"blockReason": "SAFETY"}}), False)
    assert facts.first.finish == "content_filter" and facts.ended


def test_errors_of_providers_stand_anywhere():
    for body, message in (({"error": {"message": "no"}}, "no"), ({"error": "no", "code": "x"}, "no"), ({"detail": "no"}, "no"),
                          ({"object": "error", "message": "no"}, "no"), ([{"error": {"message": "no"}}], "no"), ("<html>", None)):
        text = body if isinstance(body, str) else json.dumps(body)
        assert provider.refused(text)["message"] == message


def test_ollamas_prompts_are_answered_in_a_response():
    values = [{"response": "hel"}, {"response": "lo", "thinking": "hm"}, {"response": "", "done": True, **OLLAMA_END, "context": [1]}]
    values = [{"model": "m", "created_at": "2026-08-17T08:22:53Z", "done": False, **v} for v in values]
    for facts in (client.stream("ollama", stream_of("ollama", values)), provider.read("ollama", stream_of("ollama", values), True)):
        assert (facts.first.text, facts.first.reasoning, facts.first.finish) == ("hello", "hm", "stop") and facts.ended


def test_frames_are_checked_by_both_of_their_sums():
    body = framed(BEDROCK)
    for place in (1, 9, 20, len(body) // 2, len(body) - 1):  # a length, a sum, a header, a payload, the last sum
        wrong = body[:place] + bytes([body[place] ^ 1]) + body[place + 1:]
        with pytest.raises(BadWire):
            client.stream("bedrock-converse", wrong)
        assert provider.read("bedrock-converse", wrong, True).usage == Usage()


def test_bedrocks_headers_are_texts_and_no_others():
    def with_header(*more):
        lines = [framings.header(":event-type", "messageStart"), framings.header(":content-type", "application/json"),
                 framings.header(":message-type", "event"), *more]
        return framings.frame(lines, b'{"role":"assistant"}') + framed(BEDROCK[1:])
    assert client.stream("bedrock-converse", with_header()).ended
    for more in (framings.header("x", "y"), framings.header("x", b"\0" * 4, 4), framings.header(":event-type", "messageStart")):
        with pytest.raises(BadWire):
            client.stream("bedrock-converse", with_header(more))

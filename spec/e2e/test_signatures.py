"""What a provider signs comes back to it byte for byte, whatever dialect the client speaks, and never reaches another: a
conversation of two requests, the second with the first one's answer as a client of that dialect keeps it."""
import json

import pytest

import upstream as mock
from asked import read
from config import config
from dialects import (ADAPTER, ALL, ANTHROPIC, GEMINI, OPENAI, RESPONSES, ask, body_of, events, gemini_chunk, named,
                      path_of, reply, response)

pytestmark = pytest.mark.full

NAMES = {OPENAI: "chat", RESPONSES: "responses", ANTHROPIC: "claude", GEMINI: "google"}
# Each with letters that differ between the alphabets of base64, and with padding.
CLAUDE, REDACTED, GOOGLE, SEALED = "ErUB+/Cla==", "EmwK+/red==", "CvcB+/Goo==", "gAAAAAB+/-_sea=="
THOUGHT = "First,\nlook \u2014 \U0001f440"


def claude(stream):
    blocks = [{"type": "thinking", "thinking": THOUGHT, "signature": CLAUDE},
            {"type": "redacted_thinking", "data": REDACTED},
              {"type": "text", "text": "Let me see."},
              {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}}]
    if not stream:
        return mock.json_reply({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": blocks,
            "stop_reason": "tool_use", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 2}})
    start, *_, end = events(ANTHROPIC, "x")
    deltas = [[{"type": "thinking_delta", "thinking": THOUGHT[:5]}, {"type": "thinking_delta", "thinking": THOUGHT[5:]},
               {"type": "signature_delta", "signature": CLAUDE}], [],
              [{"type": "text_delta", "text": "Let me see."}],
              [{"type": "input_json_delta", "partial_json": '{"a": 1}'}]]
    empty = [{"type": "thinking", "thinking": "", "signature": ""}, blocks[1], {"type": "text", "text": ""},
             {**blocks[3], "input": {}}]
    pieces = [start]
    for i, block in enumerate(empty):
        pieces.append(named("content_block_start", index=i, content_block=block))
        pieces += [named("content_block_delta", index=i, delta=d) for d in deltas[i]]
        pieces.append(named("content_block_stop", index=i))
    return mock.stream(*pieces, named("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 2}),
            end)


def google(stream):
    parts = [{"text": THOUGHT, "thought": True}, {"text": "Let me see."},
             {"functionCall": {"name": "f", "args": {"a": 1}, "id": "call_1"}, "thoughtSignature": GOOGLE}]
    chunks = []
    for part in parts if stream else [None]:
        chunk = gemini_chunk("", "STOP" if part in (None, parts[-1]) else None)
        chunk["candidates"][0]["content"]["parts"] = [part] if part else parts
        chunks.append(chunk)
    return mock.stream(*[mock.event(c) for c in chunks]) if stream else mock.json_reply(chunks[0])


def openai(stream):
    items = [{"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": THOUGHT}],
            "encrypted_content": SEALED},
             {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
              "content": [{"type": "output_text", "text": "Let me see.", "annotations": []}]},
             {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": '{"a": 1}',
             "status": "completed"}]
    whole = {**response("x"), "output": items}
    if not stream:
        return mock.json_reply(whole)
    pieces = [named("response.created", response=response("", "in_progress"))]
    begun = [{**items[0], "summary": []}, {**items[1], "content": []}, {**items[2], "arguments": ""}]
    middle = [("response.reasoning_summary_text.delta", THOUGHT, {"summary_index": 0}),
              ("response.output_text.delta", "Let me see.", {"content_index": 0}),
              ("response.function_call_arguments.delta", '{"a": 1}', {})]
    for i, item in enumerate(items):
        name, delta, more = middle[i]
        pieces += [named("response.output_item.added", output_index=i, item=begun[i]),
                   named(name, delta=delta, item_id=item["id"], output_index=i, **more),
                   named("response.output_item.done", output_index=i, item=item)]
    return mock.stream(*pieces, named("response.completed", response=whole))


SIGNED = {ANTHROPIC: claude, GEMINI: google, RESPONSES: openai}
OWN = {ANTHROPIC: (CLAUDE, REDACTED), GEMINI: (GOOGLE,), RESPONSES: (SEALED,)}


# ---- what a client keeps -----------------------------------------------------------------------
def kept_chat(answer, stream):
    """as those who join pieces do: details by their index, calls by theirs"""
    if not stream:
        return {k: v for k, v in answer.json["choices"][0]["message"].items() if v is not None}
    turn, details, calls = {"role": "assistant", "content": ""}, {}, {}
    for data in answer.events:
        for choice in json.loads(data)["choices"] if data != "[DONE]" else ():
            delta = choice["delta"]
            turn["content"] += delta.get("content") or ""
            for detail in delta.get("reasoning_details", ()):
                kept = details.setdefault(detail["index"], {})
                for name, value in detail.items():
                    kept[name] = kept.get(name, "") + value if name in ("text", "summary") else value
            for call in delta.get("tool_calls", ()):
                kept = calls.setdefault(call["index"], {"function": {"name": "", "arguments": ""}})
                for name, value in call.pop("function").items():
                    kept["function"][name] += value
                kept.update({k: v for k, v in call.items() if k != "index"})
    return {**turn, "reasoning_details": list(details.values()), "tool_calls": list(calls.values())}


def kept_claude(answer, stream):
    if not stream:
        return answer.json["content"]
    blocks = []
    for event in map(json.loads, answer.events):
        if event["type"] == "content_block_start":
            blocks.append({**event["content_block"]})
        for name, value in event.get("delta", {}).items() if event["type"] == "content_block_delta" else ():
            if name == "partial_json":
                blocks[-1]["json"] = blocks[-1].get("json", "") + value
            elif name != "type":
                blocks[-1][name] = blocks[-1].get(name, "") + value
    for block in blocks:
        if "json" in block:
            block["input"] = json.loads(block.pop("json"))
    return blocks


def kept_google(answer, stream):
    chunks = [json.loads(data) for data in answer.events] if stream else [answer.json]
    return [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]


def kept_openai(answer, stream):
    return (json.loads(answer.events[-1])["response"] if stream else answer.json)["output"]


def next_members(dialect, answer, stream):
    """of the next request: the question, the answer, and the result of its call"""
    question = {"role": "user", "content": "q"}
    if dialect == OPENAI:
        return {"messages": [question, kept_chat(answer, stream),
                {"role": "tool", "tool_call_id": "call_1", "content": "r"}]}
    if dialect == RESPONSES:
        return {"input": [question, *kept_openai(answer, stream),
                          {"type": "function_call_output", "call_id": "call_1", "output": "r"}]}
    if dialect == GEMINI:
        result = {"functionResponse": {"id": "call_1", "name": "f", "response": {"result": "r"}}}
        return {"contents": [{"role": "user", "parts": [{"text": "q"}]},
                             {"role": "model", "parts": kept_google(answer, stream)},
                             {"role": "user", "parts": [result]}]}
    return {"messages": [question, {"role": "assistant", "content": kept_claude(answer, stream)},
                         {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "r"}]}]}


# ---- tests -------------------------------------------------------------------------------------
@pytest.fixture
def bare(gateway, upstream):
    """the gateway in front of one mock that is a provider of each dialect"""
    providers = {name: {"base_url": upstream.origin, "keys": ["sk-canary-one"]} for name in NAMES.values()}
    files = {"adapters/%s.lua" % name: ADAPTER % (name, '"%s"' % dialect) for dialect, name in NAMES.items()}
    return gateway(config(providers), files=files)


def second(gateway, asks, model, members):
    answer = gateway.call({**body_of(asks, model), **members}, path_of(asks, model))
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("speaks", SIGNED)
@pytest.mark.parametrize("asks", ALL)
def test_what_is_signed_comes_back_byte_for_byte(bare, upstream, asks, speaks, stream):
    upstream.answer(SIGNED[speaks](stream), reply(speaks))
    members = next_members(asks, ask(bare, asks, NAMES[speaks] + "/m", stream=stream), stream)
    second(bare, asks, NAMES[speaks] + "/m", members)
    asked = read(speaks, upstream.last.body)
    turn, = [pieces for role, pieces in asked.turns if role == "assistant"]
    turn = [p for p in turn if p != ("thought", THOUGHT, None)]  # nobody needs what nobody signed
    call = ("call", "call_1", "f", {"a": 1})
    said = ("text", "Let me see.")
    assert turn == {
        ANTHROPIC: [("thought", THOUGHT, CLAUDE), ("thought", "", REDACTED), said, call],
        GEMINI: [said, call, ("signed", GOOGLE)],
        RESPONSES: [("thought", THOUGHT, SEALED), said, call],
    }[speaks]
    assert asked.results == [("f", "r")]


@pytest.mark.parametrize("speaks", SIGNED)
@pytest.mark.parametrize("asks", ALL)
def test_what_is_signed_reaches_no_other_provider(bare, upstream, asks, speaks):
    upstream.answer(SIGNED[speaks](False))
    members = next_members(asks, ask(bare, asks, NAMES[speaks] + "/m"), False)
    for other in ALL:
        if other in (speaks, asks):
            continue
        upstream.answer(reply(other))
        second(bare, asks, NAMES[other] + "/m", members)
        asked = read(other, upstream.last.body)
        assert not [p for p in asked.pieces("thought") if p[2]] and not asked.pieces("signed"), other
        for signature in OWN[speaks]:
            assert signature not in asked.text and "dGlkZWdhdGU6" not in asked.text
        assert asked.calls == [("f", {"a": 1})] and asked.results == [("f",
        "r")] and "Let me see." in asked.said("assistant")

"""What must survive on the way back, and over several turns: calls of custom tools, thoughts that a provider wants to see
again, why an answer was refused, signatures of several providers in one conversation, and what stands in headers."""
import json

import pytest

import upstream as mock
from asked import read
from config import config
from dialects import (ADAPTER, ALL, ANTHROPIC, GEMINI, OPENAI, RESPONSES, ask, body_of, events, gemini_chunk, named,
                      path_of, reply, response)
from facts import client

pytestmark = pytest.mark.full

NAMES = {OPENAI: "chat", RESPONSES: "responses", ANTHROPIC: "claude", GEMINI: "google"}
FILES = {"adapters/%s.lua" % name: ADAPTER % (name, '"%s"' % dialect) for dialect, name in NAMES.items()}
FILES["adapters/thinker.lua"] = """return tide.adapter {
  name = "thinker", dialects = { "openai-chat" }, auth = { type = "bearer" },
  families = { { models = { "*" }, traits = {
    reasoning_back = "reasoning_content", reasoning_when = "tools" } } },
}
"""


@pytest.fixture
def bare(gateway, upstream):
    """the gateway in front of one mock that is a provider of each dialect, and one that wants its thoughts back"""
    providers = {name: {"base_url": upstream.origin, "keys": ["sk-canary-one"]} for name in [*NAMES.values(),
            "thinker"]}
    return gateway(config(providers), files=FILES)


def facts_of(dialect, answer, stream):
    assert answer.status == 200, answer.body
    return client.stream(dialect, answer.body) if stream else client.answer(dialect, answer.body)


# ---- calls of custom tools ---------------------------------------------------------------------
PATCH = '*** Begin\n"caf\u00e9" \U0001f600 \\ {}'
WRITTEN = '{"input": "*** Begin\\n\\"caf\u00e9\\" \\ud83d\\ude00 \\\\ {}"}'
CUSTOM = {OPENAI: {"tools": [{"type": "custom", "custom": {"name": "patch"}}]},
          RESPONSES: {"tools": [{"type": "custom", "name": "patch"}]}}


def pieces(text, size=7):
    return [text[i:i + size] for i in range(0, len(text), size)]


def chat_delta(**fields):
    return mock.chunk([{"index": 0, "delta": fields, "finish_reason": None}])


def chat_call(stream, name="patch", arguments=WRITTEN, **more):
    if not stream:
        message = {"role": "assistant", "content": None, **more, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}]}
        return mock.json_reply({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "message": message, "finish_reason": "tool_calls"}]})
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
    return mock.stream(
        mock.role(), *([chat_delta(**more)] if more else []), chat_delta(tool_calls=[first]),
        *[chat_delta(tool_calls=[{"index": 0, "function": {"arguments": p}}]) for p in pieces(arguments)],
        mock.finish("tool_calls"), mock.DONE)


def claude_call(stream):
    if not stream:
        return mock.json_reply({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use",
            "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 2},
            "content": [{"type": "tool_use", "id": "call_1", "name": "patch", "input": json.loads(WRITTEN)}]})
    start, *_, end = events(ANTHROPIC, "x")
    block = {"type": "tool_use", "id": "call_1", "name": "patch", "input": {}}
    return mock.stream(
        start, named("content_block_start", index=0, content_block=block),
        *[named("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": p})
          for p in pieces(WRITTEN)],
        named("content_block_stop", index=0),
        named("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 2}), end)


def gemini_call(stream):
    chunk = gemini_chunk("", "STOP")
    chunk["candidates"][0]["content"]["parts"] = [{"functionCall": {"name": "patch", "args": json.loads(WRITTEN)}}]
    return mock.stream(mock.event(chunk)) if stream else mock.json_reply(chunk)


CALLS = {OPENAI: chat_call, ANTHROPIC: claude_call, GEMINI: gemini_call}


def custom_call(dialect, answer, stream):
    """(name, input) as the client reads it"""
    if dialect == OPENAI and stream:
        calls = [c for data in answer.events if data != "[DONE]" for choice in json.loads(data)["choices"]
                 for c in choice["delta"].get("tool_calls", ())]
        assert calls[0]["type"] == "custom" and {c["index"] for c in calls} == {0}
        return calls[0]["custom"]["name"], "".join(c["custom"].get("input", "") for c in calls)
    if dialect == OPENAI:
        call, = answer.json["choices"][0]["message"]["tool_calls"]
        return call["custom"]["name"], call["custom"]["input"]
    if stream:
        told = [json.loads(data) for data in answer.events]
        done = "".join(e["delta"] for e in told if e["type"] == "response.custom_tool_call_input.delta")
        item, = told[-1]["response"]["output"]
        assert item["input"] == done
    else:
        item, = answer.json["output"]
    assert item["type"] == "custom_tool_call"
    return item["name"], item["input"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("speaks", CALLS)
@pytest.mark.parametrize("asks", CUSTOM)
def test_a_call_of_a_custom_tool_comes_back_as_one(bare, upstream, asks, speaks, stream):
    if asks == speaks:
        pytest.skip("passed through")
    upstream.answer(CALLS[speaks](stream))
    answer = ask(bare, asks, NAMES[speaks] + "/m", stream=stream, **CUSTOM[asks])
    assert answer.status == 200, answer.body
    assert custom_call(asks, answer, stream) == ("patch", PATCH)


# ---- thoughts that go back ---------------------------------------------------------------------
def turn_of(dialect, answer, stream):
    """what a client keeps of an answer for its next request"""
    told = [json.loads(data) for data in answer.events if data != "[DONE]"] if stream else None
    if dialect == RESPONSES:
        return told[-1]["response"]["output"] if stream else answer.json["output"]
    if dialect == GEMINI:
        chunks = told if stream else [answer.json]
        return [p for chunk in chunks for p in chunk["candidates"][0]["content"]["parts"]]
    if not stream:
        return answer.json["content"]
    blocks = []
    for event in told:
        if event["type"] == "content_block_start":
            blocks.append({**event["content_block"]})
        if event["type"] == "content_block_delta":
            delta = event["delta"]
            for name in ("thinking", "signature", "text"):
                if name in delta:
                    blocks[-1][name] = blocks[-1].get(name, "") + delta[name]
    return blocks


def next_request(dialect, turn):
    """the members of the next request: the question, the turn, and the result of its call"""
    if dialect == RESPONSES:
        return {"input": [{"role": "user", "content": "q"}, *turn,
                          {"type": "function_call_output", "call_id": "call_1", "output": "r"}]}
    if dialect == GEMINI:
        return {"contents": [{"role": "user", "parts": [{"text": "q"}]}, {"role": "model", "parts": turn},
                             {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "r"}}}]}]}
    return {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": turn},
                         {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "r"}]}]}


def go_on(gateway, dialect, model, turn):
    return gateway.call({**body_of(dialect, model), **next_request(dialect, turn)}, path_of(dialect, model))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("asks", [RESPONSES, ANTHROPIC, GEMINI])
def test_a_provider_gets_its_thoughts_back_with_the_results_of_its_calls(bare, upstream, asks, stream):
    upstream.answer(chat_call(stream, "f", "{}", reasoning_content="I must look."), mock.chat())
    first = ask(bare, asks, "thinker/m", stream=stream)
    assert facts_of(asks, first, stream).first.reasoning == "I must look."
    assert go_on(bare, asks, "thinker/m", turn_of(asks, first, stream)).status == 200
    turn, = [m for m in upstream.last.json["messages"] if m["role"] == "assistant"]
    assert turn["reasoning_content"] == "I must look." and turn["tool_calls"][0]["id"] == "call_1"
    assert turn["content"] in (None, "")


def test_thoughts_that_nobody_signed_reach_no_provider_that_wants_signatures(bare, upstream):
    upstream.answer(chat_call(False, "f", "{}", reasoning_content="I must look."))
    turn = turn_of(ANTHROPIC, ask(bare, ANTHROPIC, "thinker/m"), False)
    for dialect in (RESPONSES, GEMINI):
        upstream.answer(reply(dialect))
        assert go_on(bare, ANTHROPIC, NAMES[dialect] + "/m", turn).status == 200
        assert not read(dialect, upstream.last.body).pieces("thought"), dialect


# ---- why it was refused ------------------------------------------------------------------------
WHY = "That is not for me to say."


def refusal(dialect, stream):
    if dialect == GEMINI:
        chunk = gemini_chunk("so", "SAFETY")
        chunk["candidates"][0]["finishMessage"] = WHY
        return mock.stream(mock.event(chunk)) if stream else mock.json_reply(chunk)
    if dialect == ANTHROPIC:
        why = {"stop_reason": "refusal", "stop_details": {"type": "refusal", "category": None, "explanation": WHY}}
        if not stream:
            return mock.json_reply({**json.loads(reply(ANTHROPIC, "so").pieces[0]), **why})
        *start, _, end = events(ANTHROPIC, "so")
        return mock.stream(*start, named("message_delta", delta=why, usage={"output_tokens": 2}), end)
    if dialect == OPENAI:
        if stream:
            return mock.stream(mock.role(), chat_delta(refusal=WHY[:9]), chat_delta(refusal=WHY[9:]), mock.finish(),
                    mock.DONE)
        body = json.loads(mock.chat().pieces[0])
        body["choices"][0]["message"] |= {"content": None, "refusal": WHY}
        return mock.json_reply(body)
    whole = response("x")
    whole["output"][0]["content"] = [{"type": "refusal", "refusal": WHY}]
    if not stream:
        return mock.json_reply(whole)
    created, added, *_ = events(RESPONSES, "x")
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    return mock.stream(created, added, named("response.refusal.delta", delta=WHY, **at),
                       named("response.refusal.done", refusal=WHY, **at),
                       named("response.output_item.done", output_index=0, item=whole["output"][0]),
                       named("response.completed", response=whole))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("speaks", ALL)
@pytest.mark.parametrize("asks", ALL)
def test_a_client_is_told_why_it_was_refused(bare, upstream, asks, speaks, stream):
    if asks == speaks:
        pytest.skip("passed through")
    upstream.answer(refusal(speaks, stream))
    answer = ask(bare, asks, NAMES[speaks] + "/m", stream=stream)
    found = facts_of(asks, answer, stream)
    assert WHY in answer.body.decode() or WHY in found.first.refusal + found.first.text, answer.body
    if speaks in (GEMINI, ANTHROPIC):
        assert found.first.finish == "content_filter" and found.first.text == "so"


# ---- headers -----------------------------------------------------------------------------------
LIMITS = {
    OPENAI: {"x-request-id": "req-77", "x-ratelimit-limit-requests": "50", "x-ratelimit-remaining-requests": "49",
             "x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-tokens": "149984"},
    ANTHROPIC: {"request-id": "req-77", "anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-remaining": "49",
                "anthropic-ratelimit-requests-reset": "2026-10-01T00:00:00Z",
                "anthropic-ratelimit-input-tokens-remaining": "9000"},
}
LIMITS[RESPONSES] = LIMITS[OPENAI]
IDS = {OPENAI: "x-request-id", RESPONSES: "x-request-id", ANTHROPIC: "request-id"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("speaks", LIMITS)
@pytest.mark.parametrize("asks", ALL)
def test_limits_and_the_id_of_the_request_are_told(bare, upstream, asks, speaks, stream):
    secret = {"openai-organization": "acme-inc", "anthropic-organization-id": "acme-inc", "set-cookie": "a=acme-inc"}
    told = reply(speaks) if not stream else mock.stream(*events(speaks, "hi"))
    told.headers.update({**LIMITS[speaks], **secret})
    upstream.answer(told)
    answer = ask(bare, asks, NAMES[speaks] + "/m", stream=stream)
    assert answer.status == 200
    if asks in IDS:
        assert answer.headers[IDS[asks]] == "req-77"
    for name, value in LIMITS[speaks].items():
        assert answer.headers[name] == value
    assert "acme-inc" not in str(answer.header_list)
    assert answer.headers["x-tidegate-target"] == NAMES[speaks] + "/m" and answer.headers["x-tidegate-request-id"]


@pytest.mark.parametrize("asks", ALL)
def test_a_limit_that_was_hit_says_when_to_come_back(bare, upstream, asks):
    for dialect, name in NAMES.items():
        if dialect != GEMINI:
            upstream.always(mock.error(429, headers={"retry-after": "7", IDS[dialect]: "req-78"}))
            answer = ask(bare, asks, name + "/m")
            assert answer.status == 429 and 6 <= int(answer.headers["retry-after"]) <= 7, (name, answer.header_list)


def test_the_warning_names_the_target_and_each_thing_once(bare, upstream):
    upstream.answer(reply(ANTHROPIC))
    answer = ask(bare, OPENAI, "claude/m", seed=1, logit_bias={"1": 2}, user="u", zzz=1)
    assert answer.headers["x-tidegate-warnings"] == "claude/m dropped seed, logit_bias, zzz"

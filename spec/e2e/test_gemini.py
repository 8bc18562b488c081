"""Gemini's API: its clients at /v1beta, its provider behind clients of other dialects."""
import json

import pytest

import upstream as mock
from config import config, provider
from dialects import ANTHROPIC, GEMINI, OPENAI, body_of, error_of, path_of, reply, stream

pytestmark = pytest.mark.slow

TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {
    "type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "integer"}}}}}


def behind(gateway, upstream, model="gemini-3-flash-preview", **more):
    """the model "smart" of a provider that speaks gemini"""
    return gateway(config({"g": provider(upstream.origin, extends="gemini", **more)},
                          models={"smart": ["g/" + model]}))


def before(gateway, upstream):
    """the model "smart" of a provider that speaks openai-chat"""
    return gateway(config({"one": provider(upstream)}, models={"smart": ["one/m"]}))


def generate(gateway, body, method="generateContent", **named):
    return gateway.call(body, "/v1beta/models/smart:" + method, **named)


def chunk(*parts, reason=None, **more):
    candidate = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    return mock.event({"candidates": [candidate], "modelVersion": "gemini-3", "responseId": "r1", **more}, b"\r\n\r\n")


def chat(gateway, **more):
    return gateway.call({"model": "smart", "messages": [{"role": "user", "content": "hi"}], **more})


# ---- a provider ----------------------------------------------------------------------------------
def test_the_key_goes_in_googles_header_and_the_model_in_the_path(gateway, upstream):
    upstream.always(reply(GEMINI))
    answer = chat(behind(gateway, upstream))
    assert answer.json["choices"][0]["message"]["content"] == "hello"
    assert upstream.last.headers["x-goog-api-key"] == "sk-canary-one"
    assert "authorization" not in upstream.last.headers
    assert upstream.last.target == "/v1beta/models/gemini-3-flash-preview:generateContent"


def test_a_request_is_said_in_geminis_words(gateway, upstream):
    upstream.always(reply(GEMINI))
    answer = chat(behind(gateway, upstream), messages=[
        {"role": "system", "content": "be brief"}, {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"z": "1"}'}},
            {"id": "c2", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {"role": "tool", "tool_call_id": "c1", "content": '{"one": 1}'}],
        tools=[TOOL], tool_choice="required", reasoning_effort="medium", max_completion_tokens=9, stop="x", seed=4,
        logit_bias={"1": 1})
    assert answer.status == 200, answer.body
    sent = upstream.last.json
    assert sent["systemInstruction"] == {"parts": [{"text": "be brief"}]}
    user, model, results = sent["contents"]
    assert user == {"role": "user", "parts": [{"text": "go"}]}
    assert model["parts"][0]["functionCall"] == {"id": "c1", "name": "f", "args": {"z": "1"}}
    assert "thoughtSignature" in model["parts"][0] and "thoughtSignature" not in model["parts"][1]
    assert [part["functionResponse"] for part in results["parts"]] == [
        {"id": "c1", "name": "f", "response": {"one": 1}}, {"id": "c2", "name": "f", "response": {"result": "two"}}]
    declared = sent["tools"][0]["functionDeclarations"][0]
    assert declared["parametersJsonSchema"] == TOOL["function"]["parameters"]
    assert sent["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}
    assert sent["generationConfig"] == {
        "maxOutputTokens": 9, "stopSequences": ["x"], "seed": 4,
        "thinkingConfig": {"thinkingLevel": "medium", "includeThoughts": True}}
    assert "logit_bias" in answer.headers["x-tidegate-warnings"]


@pytest.mark.parametrize("model, effort, expected", [
    ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
    ("gemini-2.5-flash", "low", {"thinkingBudget": 1024, "includeThoughts": True}),
    ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
    ("gemini-2.5-pro", "high", {"thinkingBudget": 24576, "includeThoughts": True}),
    ("gemini-3-pro-preview", "medium", {"thinkingLevel": "high", "includeThoughts": True}),
    ("gemini-3.1-pro-preview", "medium", {"thinkingLevel": "medium", "includeThoughts": True}),
    ("gemini-3.5-flash", "minimal", {"thinkingLevel": "minimal", "includeThoughts": True}),
    ("gemini-2.0-flash", "high", None),
])
def test_each_family_thinks_in_its_own_way(gateway, upstream, model, effort, expected):
    upstream.always(reply(GEMINI))
    answer = chat(behind(gateway, upstream, model), reasoning_effort=effort)
    assert answer.status == 200
    assert upstream.last.json.get("generationConfig", {}).get("thinkingConfig") == expected


def test_schemas_keep_their_order_and_older_models_get_the_older_kind(gateway, upstreams):
    new, old = upstreams(), upstreams()
    new.always(reply(GEMINI))
    old.always(reply(GEMINI))
    g = gateway(config({"new": provider(new.origin, extends="gemini"), "old": provider(old.origin, extends="gemini")}))
    for target in ("new/gemini-3-flash", "old/gemini-2.0-flash"):
        assert chat(g, model=target, tools=[TOOL]).status == 200
    assert b'"properties":{"z":{"type":"string"},"a"' in new.last.body.replace(b" ", b"")
    declared = old.last.json["tools"][0]["functionDeclarations"][0]
    assert declared["parameters"] == TOOL["function"]["parameters"] and "parametersJsonSchema" not in declared


def test_T33_T34_a_call_and_its_signature_go_through_a_conversation(gateway, upstream):
    upstream.answer(mock.stream(
        chunk({"text": "hm", "thought": True}),
        chunk({"functionCall": {"name": "f", "args": {"z": "1"}, "id": "i1"}, "thoughtSignature": "c2ln"}),
        chunk({"text": ""}, reason="STOP", usageMetadata={
            "promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 3, "totalTokenCount": 10})))
    g = behind(gateway, upstream)
    answer = chat(g, stream=True, stream_options={"include_usage": True}, tools=[TOOL])
    chunks = [json.loads(data) for data in answer.events if data != "[DONE]"]
    calls = [call for c in chunks for choice in c["choices"] for call in choice["delta"].get("tool_calls", ())]
    assert calls[0]["id"] == "i1" and calls[0]["function"]["name"] == "f"
    assert json.loads("".join(call["function"].get("arguments", "") for call in calls)) == {"z": "1"}
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]][-1] == "tool_calls"
    assert chunks[-1]["usage"]["completion_tokens"] == 5
    assert g.log(answer)["tokens"]["out"] == 5

    call = {"id": "i1", "type": "function", "function": {"name": "f", "arguments": '{"z":"1"}'},
            "extra_content": {"google": {"thought_signature": "c2ln"}}}
    upstream.answer(reply(GEMINI))
    assert chat(g, messages=[{"role": "user", "content": "go"},
                             {"role": "assistant", "content": None, "tool_calls": [call]},
                             {"role": "tool", "tool_call_id": "i1", "content": "ok"}]).status == 200
    part = upstream.last.json["contents"][1]["parts"][0]
    assert part == {"functionCall": {"id": "i1", "name": "f", "args": {"z": "1"}}, "thoughtSignature": "c2ln"}


def test_a_refused_prompt_is_a_content_filter(gateway, upstream):
    upstream.always(mock.json_reply({"promptFeedback": {"blockReason": "SAFETY"}}))
    answer = chat(behind(gateway, upstream))
    assert answer.status == 200
    assert answer.json["choices"][0]["finish_reason"] == "content_filter"
    upstream.always(mock.stream(mock.event({"promptFeedback": {"blockReason": "SAFETY"}})))
    events = [json.loads(data) for data in chat(behind(gateway, upstream), stream=True).events if data != "[DONE]"]
    assert events[-1]["choices"][0]["finish_reason"] == "content_filter"


# ---- its errors ----------------------------------------------------------------------------------
def failure(status, word, message="no", *details):
    return mock.json_reply({"error": {"code": status, "message": message, "status": word, "details": [
        {"@type": "type.googleapis.com/google.rpc." + kind, **more} for kind, more in details]}}, status)


def quota(name):
    return failure(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota",
                   ("QuotaFailure", {"violations": [{"quotaId": name}]}), ("RetryInfo", {"retryDelay": "34.07s"}))


@pytest.mark.parametrize("answer, status", [
    (failure(400, "INVALID_ARGUMENT", "API key not valid.", ("ErrorInfo", {"reason": "API_KEY_INVALID"})), 502),
    (quota("GenerateRequestsPerMinutePerProjectPerModel"), 429),
    (failure(503, "UNAVAILABLE", "overloaded"), 502),
    (failure(400, "INVALID_ARGUMENT", "no such field"), 400),
    (failure(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (8)."),
     400),
])
def test_T37_its_errors_mean_what_they_say(gateway, upstreams, answer, status):
    upstream, other = upstreams(), upstreams()
    upstream.always(answer)
    other.always(mock.chat("from the other"))
    g = gateway(config({"g": provider(upstream.origin, extends="gemini"), "other": provider(other)}, models={
        "alone": ["g/gemini-2.5-flash"],
        "both": {"targets": ["g/gemini-2.5-flash", "other/m"], "pick": "ordered"}}, retry={"max": 1}))
    error_of(OPENAI, chat(g, model="alone"), status)
    both = chat(g, model="both")
    assert both.status == (400 if status == 400 else 200)
    if "exceeds" in answer.pieces[0].decode():
        assert both.json["error"]["code"] == "context_length_exceeded"


def test_a_throttle_says_when_to_come_back(gateway, upstream):
    upstream.always(quota("GenerateRequestsPerMinutePerProjectPerModel"))
    answer = chat(behind(gateway, upstream))
    assert answer.status == 429 and 30 <= int(answer.headers["retry-after"]) <= 35


# ---- its clients ---------------------------------------------------------------------------------
def test_a_client_is_passed_through_byte_by_byte(gateway, upstream):
    upstream.always(stream(GEMINI, "hel", "lo"))
    g = behind(gateway, upstream)
    body = b'{ "contents": [{"parts":[{"text":"hi"}]}], "future": {"b": 1, "a": [ ] } }'
    answer = g.call(body, path_of(GEMINI, stream=True), headers={"content-type": "application/json"})
    assert upstream.last.body == body
    assert answer.body == b"".join(stream(GEMINI, "hel", "lo").pieces)


@pytest.mark.parametrize("dialect", [OPENAI, ANTHROPIC])
def test_a_client_reaches_providers_of_other_dialects(gateway, upstream, dialect):
    upstream.always(lambda r: stream(dialect, "hel", "lo") if r.json.get("stream") else reply(dialect))
    extends = {OPENAI: "openai", ANTHROPIC: "anthropic"}[dialect]
    url = upstream.url if dialect == OPENAI else upstream.origin
    g = gateway(config({"p": provider(url, extends=extends)}, models={"smart": ["p/m"]}))
    whole = generate(g, body_of(GEMINI))
    assert whole.json["candidates"][0]["content"] == {"parts": [{"text": "hello"}], "role": "model"}
    assert whole.json["candidates"][0]["finishReason"] == "STOP"
    array = generate(g, body_of(GEMINI), "streamGenerateContent")
    sse = generate(g, body_of(GEMINI), "streamGenerateContent?alt=sse")
    assert array.json == [json.loads(data) for data in sse.events]
    texts = [p["text"] for c in array.json for p in c["candidates"][0]["content"]["parts"] if p["text"]]
    assert texts == ["hel", "lo"]
    assert array.json[-1]["candidates"][0]["finishReason"] == "STOP"


def test_a_clients_request_is_said_in_openais_words(gateway, upstream):
    upstream.always(mock.chat())
    g = before(gateway, upstream)
    answer = generate(g, {
        "system_instruction": {"parts": [{"text": "be brief"}]},
        "contents": [{"role": "user", "parts": [{"text": "see"}, {"inline_data": {
            "mime_type": "image/png", "data": "AA-_"}}]},
            {"role": "model", "parts": [{"function_call": {"name": "f", "args": {"z": "1"}}}]},
            {"role": "user", "parts": [{"function_response": {"name": "f", "response": {"output": "ok"}}}]}],
        "tools": [{"function_declarations": [{"name": "f", "parameters": {
            "type": "OBJECT", "properties": {"z": {"type": "STRING"}}}}]}, {"google_search": {}}],
        "generation_config": {"max_output_tokens": 9, "top_k": 3, "response_mime_type": "application/json",
                              "response_schema": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}})
    assert answer.status == 200, answer.body
    sent = upstream.last.json
    assert [m["role"] for m in sent["messages"]] == ["system", "user", "assistant", "tool"]
    picture = sent["messages"][1]["content"][1]
    assert picture["type"] == "image_url" and picture["image_url"]["url"] == "data:image/png;base64,AA+/"
    call = sent["messages"][2]["tool_calls"][0]
    assert json.loads(call["function"]["arguments"]) == {"z": "1"}
    assert sent["messages"][3]["tool_call_id"] == call["id"] and sent["messages"][3]["content"] == "ok"
    assert sent["tools"][0]["function"]["parameters"] == {"type": "object", "properties": {"z": {"type": "string"}}}
    schema = sent["response_format"]["json_schema"]["schema"]
    assert schema == {"type": "object", "properties": {"a": {"type": "string"}}}
    warned = answer.headers["x-tidegate-warnings"]
    assert "google_search" in warned and "top_k" in warned


@pytest.mark.parametrize("body", [{}, {"contents": []}, {"contents": [{"role": "robot", "parts": [{"text": "x"}]}]}])
def test_a_request_that_is_none_is_refused_in_googles_words(gateway, upstream, body):
    upstream.always(mock.chat())
    answer = generate(before(gateway, upstream), body)
    assert "contents" in error_of(GEMINI, answer, 400)
    assert answer.json["error"]["status"] == "INVALID_ARGUMENT" and upstream.requests == []


def test_an_error_behind_the_commit_point_is_a_last_chunk(gateway, upstream):
    upstream.always(mock.stream(mock.role(), mock.delta("hel"), mock.ERROR_EVENT))
    answer = generate(before(gateway, upstream), body_of(GEMINI), "streamGenerateContent?alt=sse")
    last = json.loads(answer.events[-1])
    assert last["error"]["status"].isupper() and "candidates" not in last
    assert not any("finishReason" in data for data in answer.events)

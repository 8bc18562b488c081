"""Cohere's API v2: its clients at /v2, its provider behind clients of other dialects."""
import json

import pytest

import upstream as mock
from config import config, provider
from dialects import ALL, ANTHROPIC, GEMINI, OPENAI, RESPONSES, adapter_file, reply, stream

pytestmark = pytest.mark.slow

PARAMETERS = {"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "integer"}}, "required": ["z"]}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": PARAMETERS}}
USAGE = {"billed_units": {"input_tokens": 5, "output_tokens": 6}, "cached_tokens": 3,
         "tokens": {"input_tokens": 11, "output_tokens": 7}}
PENGUINS = [{"id": "tall", "data": {"title": "Tall penguins", "snippet": "Emperor penguins are the tallest."}},
            "Penguins live in Antarctica."]


def behind(gateway, upstream, model="command-a-03-2025", **more):
    """the model "smart" of a provider that speaks cohere-v2"""
    return gateway(config({"c": provider(upstream.origin, extends="cohere")}, models={"smart": ["c/" + model]}, **more))


def whole(text="hello", finish="COMPLETE", **message):
    content = [{"type": "text", "text": text}] if text else None
    return mock.json_reply({"id": "co-1", "finish_reason": finish, "usage": USAGE, "message": {
        "role": "assistant", **({"content": content} if content else {}), **message}})


def named(name, **data):
    return b"event: " + name.encode() + b"\n" + mock.event({"type": name, **data})


def said(**message):
    return {"delta": {"message": message}}


def text_events(*texts, index=0):
    return [named("content-start", index=index, **said(content={"type": "text", "text": ""})),
            *[named("content-delta", index=index, **said(content={"text": t})) for t in texts],
            named("content-end", index=index)]


START = named("message-start", id="co-1", **said(role="assistant", content=[], tool_plan="", tool_calls=[], citations=[]))


def end(finish="COMPLETE", **more):
    return named("message-end", delta={"finish_reason": finish, "usage": USAGE, **more})


def chat(gateway, **more):
    return gateway.call({"model": "smart", "messages": [{"role": "user", "content": "hi"}], **more})


def ask(gateway, **more):
    """a Cohere client's request"""
    return gateway.call({"model": "smart", "messages": [{"role": "user", "content": "hi"}], **more}, "/v2/chat")


def warnings_of(answer):
    """a header of the gateway's, which may come more than once"""
    return ", ".join(value for name, value in answer.header_list if name.lower() == "x-tidegate-warnings")


def chunks_of(answer):
    assert answer.events[-1] == "[DONE]", answer.body
    return [json.loads(data) for data in answer.events[:-1]]


# ---- a provider ----------------------------------------------------------------------------------
def test_a_request_is_said_in_coheres_words(gateway, upstream):
    upstream.always(whole())
    answer = chat(behind(gateway, upstream), messages=[
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "go"},
                                     {"type": "image_url", "image_url": {"url": "https://a.example/x.png", "detail": "low"}}]},
        {"role": "assistant", "content": None, "reasoning_content": "first f", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"z": "1"}'}},
            {"id": "c2", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {"role": "tool", "tool_call_id": "c1", "content": '{"one": 1}'}],
        tools=[TOOL], tool_choice={"type": "function", "function": {"name": "f"}}, max_completion_tokens=9, stop="x",
        seed=4, temperature=0.5, top_p=1, frequency_penalty=0.5, presence_penalty=0, user="u", logit_bias={"1": 1})
    assert answer.status == 200, answer.body
    assert upstream.last.target == "/v2/chat" and upstream.last.headers["authorization"] == "Bearer sk-canary-one"
    sent = upstream.last.json
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"z": "1"}'}}
    assert sent.pop("messages") == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "go"},
                                     {"type": "image_url", "image_url": {"url": "https://a.example/x.png", "detail": "low"}}]},
        {"role": "assistant", "tool_plan": "first f",
         "tool_calls": [call, {**call, "id": "c2", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {"role": "tool", "tool_call_id": "c1", "content": '{"one": 1}'}]
    assert sent == {"model": "command-a-03-2025", "stream": False, "tools": [TOOL], "tool_choice": "REQUIRED",
                    "max_tokens": 9, "stop_sequences": ["x"], "seed": 4, "temperature": 0.5, "p": 0.99,
                    "frequency_penalty": 0.5}
    warnings = warnings_of(answer)
    assert "logit_bias" in warnings and "user" in warnings and "clamped p" in warnings
    assert b'"properties":{"z":{"type":"string"},"a"' in upstream.last.body.replace(b" ", b"")


@pytest.mark.parametrize("model, asked, expected, warned", [
    ("command-a-reasoning-08-2025", {"reasoning_effort": "none"}, {"type": "disabled"}, None),
    ("command-a-plus-05-2026", {"reasoning_effort": "low"}, {"type": "enabled", "token_budget": 1024}, None),
    ("command-a-reasoning-08-2025", {"reasoning_effort": "high"}, {"type": "enabled"}, None),
    ("command-a-03-2025", {"reasoning_effort": "high"}, None, "reasoning"),
    ("command-r7b-12-2024", {"reasoning_effort": "none"}, None, None),
])
def test_each_family_thinks_in_its_own_way(gateway, upstream, model, asked, expected, warned):
    upstream.always(whole())
    answer = chat(behind(gateway, upstream, model), **asked)
    assert answer.status == 200 and upstream.last.json.get("thinking") == expected
    assert (warned in warnings_of(answer)) if warned else not warnings_of(answer)


def test_a_tool_plan_thoughts_and_calls_reach_an_openai_client(gateway, upstream):
    call = named("tool-call-start", index=0, **said(tool_calls={
        "id": "f_1", "type": "function", "function": {"name": "f", "arguments": ""}}))
    pieces = [named("tool-call-delta", index=0, **said(tool_calls={"function": {"arguments": a}})) for a in ('{"z"', ':"1"}')]
    upstream.always(mock.stream(
        START, named("tool-plan-delta", **said(tool_plan="I will")), named("tool-plan-delta", **said(tool_plan=" call")),
        call, *pieces, named("tool-call-end", index=0), end("TOOL_CALL"), mock.DONE))
    g = behind(gateway, upstream)
    answer = chat(g, stream=True, stream_options={"include_usage": True}, tools=[TOOL])
    chunks = chunks_of(answer)
    deltas = [c["choices"][0]["delta"] for c in chunks if c["choices"]]
    assert "".join(d.get("reasoning_content", "") for d in deltas) == "I will call"
    calls = [d["tool_calls"][0] for d in deltas if d.get("tool_calls")]
    assert calls[0]["id"] == "f_1" and calls[0]["function"]["name"] == "f"
    assert json.loads("".join(c["function"].get("arguments", "") for c in calls)) == {"z": "1"}
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]][-1] == "tool_calls"
    assert chunks[-1]["usage"] == {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
                                   "prompt_tokens_details": {"cached_tokens": 3}}
    assert g.log(answer)["tokens"] == {"in": 11, "out": 7, "cached": 3} | g.log(answer)["tokens"]


def test_T32_what_is_charged_is_what_cohere_bills(gateway, upstream):
    upstream.always(lambda r: mock.stream(START, *text_events("hi"), end(), mock.DONE) if r.json["stream"] else whole())
    g = gateway(config({"c": provider(upstream.origin, extends="cohere")}, models={"smart": ["c/command-a-03-2025"]},
                       prices={"c/command-a-03-2025": {"input": 2.5, "output": 10, "cached": 1}}))
    for client in (chat, ask):
        for stream_asked in (False, True):
            line = g.log(client(g, stream=stream_asked))
            assert line["tokens"]["in"] == 11 and line["cost_usd"] == pytest.approx((5 * 2.5 + 6 * 10) / 1e6)


def test_citations_say_where_they_stand_in_the_text(gateway, upstream):
    source = {"type": "document", "id": "tall", "document": {"id": "tall", "title": "Tall", "snippet": "They are."}}
    web = {"type": "tool", "id": "t:0", "tool_output": {"url": "https://p.example", "title": "Web"}}
    upstream.always(whole("Größe: Emperor penguins.", citations=[
        {"start": 7, "end": 24, "text": "Emperor penguins.", "sources": [source, web], "type": "TEXT_CONTENT"}]))
    message = chat(behind(gateway, upstream)).json["choices"][0]["message"]
    first, second = message["annotations"]
    assert first["type"] == "file_citation" and first["file_citation"]["file_id"] == "tall"
    assert first["file_citation"]["quote"] == "They are."
    assert second["url_citation"] == {"url": "https://p.example", "title": "Web", "start_index": 7, "end_index": 24}
    assert message["content"][7:24] == "Emperor penguins."


# ---- its errors ----------------------------------------------------------------------------------
def failure(status, message, **more):
    return mock.json_reply({"id": "e-1", "message": message, **more}, status)


@pytest.mark.parametrize("answer, status, code", [
    (failure(400, "too many tokens: size limit exceeded by 25836 tokens.", error_type="TOO_MANY_TOKENS"), 400,
     "context_length_exceeded"),
    (failure(400, "invalid request: no"), 400, None),
    (failure(401, "invalid api token"), 502, None),
    (failure(498, "invalid token"), 502, None),
    (failure(404, "model 'x' not found"), 404, "model_not_found"),
    (failure(429, "You are using a Trial key, which is limited to 20 API calls / minute."), 429, None),
    (failure(500, "internal server error"), 502, None),
])
def test_T37_its_errors_mean_what_they_say(gateway, upstreams, answer, status, code):
    upstream, other = upstreams(), upstreams()
    upstream.always(answer)
    other.always(mock.chat("from the other"))
    g = gateway(config({"c": provider(upstream.origin, extends="cohere"), "other": provider(other)}, models={
        "alone": ["c/command-a-03-2025"],
        "both": {"targets": ["c/command-a-03-2025", "other/m"], "pick": "ordered"}}, retry={"max": 1}))
    alone = chat(g, model="alone")
    assert alone.status == status, alone.body
    if code:
        assert alone.json["error"]["code"] == code
    assert chat(g, model="both").status == (400 if status == 400 else 200)


@pytest.mark.parametrize("finish", ["ERROR", "TIMEOUT"])
@pytest.mark.parametrize("client", [chat, ask])
def test_T23_a_finish_that_is_an_error_moves_on_before_any_content(gateway, upstreams, client, finish):
    upstream, other = upstreams(), upstreams()
    other.always(lambda r: mock.tokens("from ", "the other") if r.json.get("stream") else mock.chat("from the other"))
    g = gateway(config({"c": provider(upstream.origin, extends="cohere"), "other": provider(other)}, models={
        "smart": {"targets": ["c/command-a-03-2025", "other/m"], "pick": "ordered"}}))
    upstream.answer(whole("", finish))
    assert b"from the other" in client(g).body
    upstream.answer(mock.stream(START, end(finish, error="it broke"), mock.DONE))
    assert b"the other" in client(g, stream=True).body


@pytest.mark.parametrize("client", [chat, ask])
def test_T24_a_break_behind_content_is_told_and_never_a_success(gateway, upstream, client):
    upstream.always(mock.stream(START, *text_events("hel")[:2], end("ERROR", error="it broke"), mock.DONE))
    answer = client(behind(gateway, upstream, retry={"max": 0}), stream=True)
    assert "[DONE]" not in answer.events
    last = json.loads(answer.events[-1])
    if client is ask:
        assert last["type"] == "message-end" and last["delta"]["finish_reason"] == "ERROR" and last["delta"]["error"]
    else:
        assert "error" in last
    upstream.always(mock.stream(START, *text_events("hel")[:2]))
    answer = client(behind(gateway, upstream, retry={"max": 0}), stream=True)
    assert "[DONE]" not in answer.events and b"error" in answer.body


# ---- its clients ---------------------------------------------------------------------------------
def test_a_client_is_passed_through_byte_by_byte(gateway, upstream):
    sent = mock.stream(START, *text_events("hel", "lo"), end(), mock.DONE)
    upstream.always(sent)
    g = behind(gateway, upstream)
    body = b'{ "model": "smart", "messages": [{"role":"user","content":"hi"}], "stream": true, "future": {"b": 1, "a": [ ] } }'
    answer = g.call(body, "/v2/chat", headers={"content-type": "application/json"})
    assert upstream.last.body == body.replace(b'"smart"', b'"command-a-03-2025"')
    assert answer.body == b"".join(sent.pieces)
    assert {"in": 11, "out": 7, "cached": 3}.items() <= g.log(answer)["tokens"].items()


def test_T25_a_missing_done_is_added(gateway, upstream):
    upstream.always(mock.stream(START, *text_events("hello"), end()))
    answer = ask(behind(gateway, upstream), stream=True)
    assert answer.events[-1] == "[DONE]" and json.loads(answer.events[-2])["type"] == "message-end"


def provider_config(dialect, upstream):
    if dialect == RESPONSES:
        return provider(upstream.url, extends="responses_only")
    extends = {OPENAI: "openai", ANTHROPIC: "anthropic", GEMINI: "gemini"}[dialect]
    return provider(upstream.url if dialect == OPENAI else upstream.origin, extends=extends)


def before(gateway, upstream, dialect=OPENAI):
    """the model "smart" of a provider that speaks another dialect"""
    return gateway(config({"p": provider_config(dialect, upstream)}, models={"smart": ["p/m"]}),
                   files=adapter_file("responses_only", RESPONSES))


@pytest.mark.parametrize("dialect", ALL)
def test_a_client_reaches_providers_of_other_dialects(gateway, upstream, dialect):
    def answers(request):
        is_stream = "stream" in request.target if dialect == GEMINI else request.json.get("stream")
        return stream(dialect, "hel", "lo") if is_stream else reply(dialect)
    upstream.always(answers)
    g = before(gateway, upstream, dialect)
    body = ask(g).json
    assert body["message"] == {"role": "assistant", "content": [{"type": "text", "text": "hello"}]}
    assert body["finish_reason"] == "COMPLETE" and body["id"]
    assert body["usage"]["tokens"] == {"input_tokens": 11, "output_tokens": 7} == body["usage"]["billed_units"]
    answer = ask(g, stream=True)
    events = chunks_of(answer)
    assert [e["type"] for e in events] == ["message-start", "content-start", "content-delta", "content-delta",
                                           "content-end", "message-end"]
    assert "".join(e["delta"]["message"]["content"]["text"] for e in events[2:4]) == "hello"
    assert events[-1]["delta"]["finish_reason"] == "COMPLETE"
    if dialect != OPENAI:
        assert events[-1]["delta"]["usage"]["tokens"] == {"input_tokens": 11, "output_tokens": 7}


def test_a_request_is_understood(gateway, upstream):
    upstream.always(mock.chat("hello"))
    answer = ask(before(gateway, upstream), messages=[
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "go"}]},
        {"role": "assistant", "tool_plan": "first f", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"z": "1"}'}}]},
        {"role": "tool", "tool_call_id": "c1", "content": [
            {"type": "document", "document": {"id": "d", "data": {"title": "T", "text": "found"}}}]}],
        tools=[TOOL], tool_choice="REQUIRED", strict_tools=True, max_tokens=9, stop_sequences=["x"], p=0.5, k=3, seed=4,
        response_format={"type": "json_object", "json_schema": PARAMETERS}, thinking={"type": "disabled"},
        safety_mode="STRICT")
    assert answer.status == 200, answer.body
    sent = upstream.last.json
    assert [m["role"] for m in sent["messages"]] == ["system", "user", "assistant", "tool"]
    assert sent["messages"][2]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"z": "1"}'}
    assert sent["messages"][3]["content"] == "T\n\nfound"
    assert sent["tools"][0]["function"] == {**TOOL["function"], "strict": True}
    assert sent["tool_choice"] == "required" and sent["stop"] == ["x"] and sent["top_p"] == 0.5 and sent["seed"] == 4
    assert sent["response_format"]["json_schema"]["schema"] == PARAMETERS
    assert sent["reasoning_effort"] == "none"
    warnings = warnings_of(answer)
    assert "safety_mode" in warnings and "top_k" in warnings


def test_documents_are_cited_by_claude(gateway, upstream):
    upstream.always(mock.json_reply({
        "id": "m1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 4}, "content": [
            {"type": "text", "text": "The tallest are "},
            {"type": "text", "text": "Emperor penguins", "citations": [
                {"type": "char_location", "cited_text": "Emperor penguins are the tallest.", "document_index": 0,
                 "document_title": "Tall penguins", "start_char_index": 0, "end_char_index": 33}]},
            {"type": "text", "text": "."}]}))
    body = ask(before(gateway, upstream, ANTHROPIC), documents=PENGUINS).json
    content = upstream.last.json["messages"][0]["content"]
    assert [b["type"] for b in content] == ["document", "document", "text"]
    assert content[0]["title"] == "Tall penguins" and content[0]["citations"] == {"enabled": True}
    assert content[0]["source"]["data"] == "Emperor penguins are the tallest."
    text = "".join(b["text"] for b in body["message"]["content"])
    assert text == "The tallest are Emperor penguins."
    citation, = body["message"]["citations"]
    assert text[citation["start"]:citation["end"]] == citation["text"] == "Emperor penguins"
    assert citation["sources"] == [{"type": "document", "id": "tall", "document": {
        "id": "tall", "title": "Tall penguins", "snippet": "Emperor penguins are the tallest."}}]


@pytest.mark.parametrize("body, status, says", [
    ({"messages": "hi"}, 400, "messages"),
    ({"messages": [{"role": "robot", "content": "x"}]}, 400, "role"),
    ({"messages": [{"role": "tool", "content": "x"}]}, 400, "tool_call_id"),
    ({"tool_choice": "f"}, 400, "tool_choice"),
    ({"documents": [7]}, 400, "document"),
    ({"max_tokens": "9"}, 400, "max_tokens"),
    ({"model": "nope"}, 404, "nope"),
])
def test_T37_mistakes_are_told_in_coheres_shape(gateway, upstream, body, status, says):
    answer = ask(before(gateway, upstream), **body)
    assert answer.status == status, answer.body
    assert set(answer.json) == {"id", "message"} and says in answer.json["message"]
    assert answer.json["id"]

"""Clients of /v1/responses, and providers that speak it: passed through, translated, chosen by a model's family."""
import json

import pytest

import upstream as mock
from config import config, one, provider

pytestmark = pytest.mark.slow

PATH = "/v1/responses"


def item(text):
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]}


def response(*output, status="completed", **more):
    return {"id": "resp_up", "object": "response", "created_at": 1790000000, "model": "m-2026", "status": status,
            "output": list(output), "usage": {"input_tokens": 11, "input_tokens_details": {"cached_tokens": 4},
                                              "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 2},
                                              "total_tokens": 18}, **more}


def event(type_, **fields):
    data = json.dumps({"type": type_, **fields}, separators=(",", ":"))
    return ("event: %s\ndata: %s\n\n" % (type_, data)).encode()


def answer_events(*deltas):
    text = "".join(deltas)
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    pieces = [event("response.created", response=response(status="in_progress") | {"usage": None}),
              event("response.output_item.added", output_index=0, item=item("") | {"content": []})]
    pieces += [event("response.output_text.delta", delta=d, obfuscation="xy", **at) for d in deltas]
    pieces += [event("response.output_text.done", text=text, **at),
               event("response.output_item.done", output_index=0, item=item(text)),
               event("response.completed", response=response(item(text)))]
    return pieces


def call_events(name="f", arguments='{"a":1}'):
    call = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": name, "arguments": arguments}
    return [event("response.created", response=response(status="in_progress") | {"usage": None}),
            event("response.output_item.added", output_index=0, item=call | {"arguments": ""}),
            event("response.function_call_arguments.delta", output_index=0, item_id="fc_1", delta=arguments),
            event("response.output_item.done", output_index=0, item=call),
            event("response.completed", response=response(call))]


def native(gateway, upstream, name="openai", **settings):
    """the gateway in front of a provider whose adapter is this one"""
    return gateway(config({name: {"base_url": upstream.url, "keys": ["sk-canary-one"]}}, **settings))


def decoded(answer):
    return [json.loads(data) for data in answer.events]


def types(answer):
    return [e["type"] for e in decoded(answer)]


# ---- passed through ----------------------------------------------------------------------------
def test_T36_a_native_provider_gets_the_clients_bytes_and_the_client_its_own(gateway, upstream):
    whole = json.dumps(response(item("hello")), indent=1).encode()
    upstream.always(mock.Reply(pieces=[whole], headers={"content-type": "application/json"}))
    g = native(gateway, upstream)
    body = ('{ "model":"openai/gpt-4o", "input" : [{"role":"user","content":"hi"}],\n "previous_response_id":"resp_0",'
            ' "unknown": {"z":1,"a":[1.0]}, "store": true }').encode()
    answer = g.call(body, PATH)
    assert answer.status == 200 and answer.body == whole
    assert upstream.last.path == "/v1/responses"
    assert upstream.last.body == body.replace(b"openai/gpt-4o", b"gpt-4o")
    assert (g.log(answer)["tokens"]["in"], g.log(answer)["tokens"]["out"]) == (11, 7)


def test_T28_a_stream_is_passed_through_byte_by_byte_and_its_usage_known(gateway, upstream):
    pieces = answer_events("hel", "lo")
    upstream.always(mock.stream(*pieces))
    g = native(gateway, upstream)
    answer = g.call({"model": "openai/gpt-4o", "input": "hi", "stream": True}, PATH)
    assert answer.body == b"".join(pieces)
    assert "stream_options" not in upstream.last.json
    tokens = g.log(answer)["tokens"]
    assert (tokens["in"], tokens["out"], tokens["cached"]) == (11, 7, 4)


@pytest.mark.parametrize("events, kind", [
    ([event("error", code="rate_limit_exceeded", message="slow down", param=None, sequence_number=1)], "429"),
    ([event("error", error={"code": "rate_limit_exceeded", "message": "slow down"}, sequence_number=1)], "429"),
    ([event("response.failed", response=response(status="failed", error={"code": "server_error", "message": "no"}))],
     "upstream_5xx"),
    ([], "protocol"),
])
@pytest.mark.parametrize("client", ["responses", "chat"])
def test_T02_a_stream_that_fails_before_its_content_goes_to_the_next(gateway, upstream, events, kind, client):
    other = mock.Upstream()
    created = event("response.created", response=response(status="in_progress") | {"usage": None})
    upstream.always(mock.stream(created, *events))
    other.always(mock.stream(*answer_events("hello")))
    files = {"adapters/only.lua": 'return tide.adapter { extends = "openai", dialect = "openai-responses" }\n'}
    try:
        g = gateway(config({"a": provider(upstream.url, extends="only"), "b": provider(other.url, extends="only")},
                           models={"smart": {"targets": ["a/m", "b/m"], "pick": "ordered"}}), files=files)
        if client == "responses":
            answer = g.call({"model": "smart", "input": "hi", "stream": True}, PATH)
            assert types(answer)[-1] == "response.completed"
        else:
            answer = g.call({"model": "smart", "messages": [{"role": "user", "content": "hi"}], "stream": True})
            assert answer.body.endswith(b"data: [DONE]\n\n")
        assert answer.status == 200 and b"hello" in answer.body and b"slow down" not in answer.body
        assert kind in answer.headers["x-tidegate-attempts"] or kind in ("429", "upstream_5xx")
    finally:
        other.close()


def test_an_answer_that_thought_away_all_it_had_is_an_answer(gateway, upstream):
    thought = {"id": "rs_1", "type": "reasoning", "summary": []}
    last = response(thought, status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    pieces = [event("response.created", response=response(status="in_progress")),
              event("response.output_item.done", output_index=0, item=thought),
              event("response.incomplete", response=last)]
    upstream.always(mock.stream(*pieces))
    g = native(gateway, upstream)
    answer = g.call({"model": "openai/gpt-4o", "input": "hi", "stream": True}, PATH)
    assert answer.status == 200 and answer.body == b"".join(pieces)


# ---- translated --------------------------------------------------------------------------------
def test_a_chat_provider_answers_a_client_of_responses(gateway, upstream):
    upstream.always(mock.chat("hello"))
    g = gateway(one(upstream.url, models={"smart": ["one/m"]}))
    answer = g.call({"model": "smart", "input": "hi", "instructions": "Be brief", "temperature": 0.5,
                     "metadata": {"k": "v"}}, PATH)
    assert answer.status == 200, answer.body
    body = answer.json
    assert body["object"] == "response" and body["status"] == "completed" and body["store"] is False
    assert body["output"][0]["content"][0]["text"] == "hello"
    assert body["instructions"] == "Be brief" and body["temperature"] == 0.5 and body["metadata"] == {"k": "v"}
    assert [m["role"] for m in upstream.last.json["messages"]] == ["system", "user"]
    assert upstream.last.path == "/v1/chat/completions"


def test_a_chat_stream_is_told_in_the_events_of_responses(gateway, upstream):
    upstream.always(mock.tokens("hel", "lo", usage=mock.USAGE))
    g = gateway(one(upstream.url, models={"smart": ["one/m"]}))
    answer = g.call({"model": "smart", "input": "hi", "stream": True}, PATH)
    assert upstream.last.json["stream_options"] == {"include_usage": True}
    assert types(answer) == [
        "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
        "response.output_text.delta", "response.output_text.delta", "response.output_text.done",
        "response.content_part.done", "response.output_item.done", "response.completed"]
    events = decoded(answer)
    assert [e["sequence_number"] for e in events] == list(range(len(events)))
    assert events[-1]["response"]["usage"]["output_tokens"] == g.log(answer)["tokens"]["out"]


@pytest.mark.parametrize("name, value", [("previous_response_id", "resp_1"), ("conversation", "conv_1"),
                                         ("background", True)])
def test_what_a_provider_would_have_to_keep_is_refused_where_it_is_translated(gateway, upstream, name, value):
    g = gateway(one(upstream.url, models={"smart": ["one/m"]}))
    answer = g.call({"model": "smart", "input": "hi", name: value}, PATH)
    assert answer.status == 400, answer.body
    assert name in answer.json["error"]["message"]
    assert upstream.requests == []


def test_a_stream_that_breaks_ends_with_an_error_event(gateway, upstream):
    upstream.always(mock.stream(mock.role(), mock.delta("hel"), mock.Cut()))
    g = gateway(one(upstream.url, models={"smart": ["one/m"]}))
    answer = g.call({"model": "smart", "input": "hi", "stream": True}, PATH)
    last = decoded(answer)[-1]
    assert last["type"] == "error" and last["message"] and last["error"]["message"] == last["message"]
    assert "response.completed" not in types(answer)


# ---- a family's way ----------------------------------------------------------------------------
CHAT = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "z": 1, "a": 2}}}]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["gpt-5.4", "gpt-5.6-luna"])
def test_T20_a_chat_request_with_tools_goes_by_responses_where_its_model_needs_it(gateway, upstream, model, stream):
    call = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"a":1}'}
    upstream.always(mock.stream(*call_events()) if stream else mock.json_reply(response(call)))
    g = native(gateway, upstream)
    answer = g.call({"model": "openai/" + model, "tools": TOOLS, "stream": stream, **CHAT})
    sent = upstream.last.json
    assert upstream.last.path == "/v1/responses"
    assert sent["model"] == model and sent["store"] is False and sent["max_output_tokens"] == 16
    assert sent["tools"][0]["name"] == "f" and sent["tools"][0]["strict"] is False
    assert b'"parameters":{"type":"object","z":1,"a":2}' in upstream.last.body.replace(b" ", b"")
    assert answer.status == 200, answer.body
    if stream:
        assert b'"tool_calls"' in answer.body and answer.body.endswith(b"data: [DONE]\n\n")
    else:
        choice = answer.json["choices"][0]
        assert choice["finish_reason"] == "tool_calls"
        assert choice["message"]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":1}'}
    assert (g.log(answer)["tokens"]["in"], g.log(answer)["tokens"]["out"]) == (11, 7)


def test_without_tools_it_stays_what_it_is(gateway, upstream):
    upstream.always(mock.chat("hello"))
    g = native(gateway, upstream)
    answer = g.call({"model": "openai/gpt-5.6", **CHAT})
    assert answer.status == 200
    assert upstream.last.path == "/v1/chat/completions"
    assert upstream.last.json == {"model": "gpt-5.6", "messages": CHAT["messages"], "max_completion_tokens": 5}


# ---- azure -------------------------------------------------------------------------------------
def azure(gateway, upstream, **more):
    return gateway(config({"azure": {"base_url": upstream.origin, "keys": ["sk-canary-one"], **more}}))


def test_azure_v1_names_the_deployment_in_the_body(gateway, upstream):
    upstream.always(mock.chat("hello"))
    g = azure(gateway, upstream)
    assert g.call({"model": "azure/my-gpt", **CHAT}).status == 200
    assert upstream.last.target == "/openai/v1/chat/completions"
    assert upstream.last.json["model"] == "my-gpt"
    assert upstream.last.headers["api-key"] == "sk-canary-one" and "authorization" not in upstream.last.headers
    upstream.always(mock.json_reply(response(item("hello"))))
    assert g.call({"model": "azure/my-gpt", "input": "hi"}, PATH).status == 200
    assert upstream.last.target == "/openai/v1/responses"


def test_azure_classic_names_it_in_the_path(gateway, upstream):
    upstream.always(mock.chat("hello"))
    g = azure(gateway, upstream, api_version="2024-10-21")
    assert g.call({"model": "azure/my-gpt", **CHAT}).status == 200
    assert upstream.last.target == "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"
    answer = g.call({"model": "azure/my-gpt", "input": "hi"}, PATH)
    assert answer.json["output"][0]["content"][0]["text"] == "hello"
    assert upstream.last.target == "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"


def test_azures_filters_come_in_a_chunk_without_choices(gateway, upstream):
    first = mock.event({"id": "", "object": "", "created": 0, "model": "", "choices": [],
                        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]})
    upstream.always(mock.stream(first, mock.role(), mock.delta("hello"), mock.finish(), mock.event("[DONE]")))
    g = azure(gateway, upstream, api_version="2024-10-21")
    answer = g.call({"model": "azure/my-gpt", "input": "hi", "stream": True}, PATH)
    assert types(answer)[-1] == "response.completed"
    assert decoded(answer)[-1]["response"]["output"][0]["content"][0]["text"] == "hello"


def test_a_blocked_prompt_goes_back_to_the_client_and_to_nobody_else(gateway, upstream):
    upstream.always(mock.json_reply({"error": {"message": "blocked", "code": "content_filter", "status": 400,
                                               "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, status=400))
    g = azure(gateway, upstream, api_version="2024-10-21")
    answer = g.call({"model": "azure/my-gpt", "input": "hi"}, PATH)
    assert answer.status == 400 and answer.json["error"]["code"] in ("content_filter", "content_policy_violation")
    assert len(upstream.requests) == 1


# ---- the mock ----------------------------------------------------------------------------------
@pytest.mark.parametrize("stream", [False, True])
def test_the_mock_answers_clients_of_responses(gateway, stream):
    g = gateway(config({"mock": {}}))
    answer = g.call({"model": "mock/echo", "input": "hi there", "stream": stream}, PATH)
    assert answer.status == 200, answer.body
    body = decoded(answer)[-1]["response"] if stream else answer.json
    assert "hi there" in body["output"][0]["content"][0]["text"]

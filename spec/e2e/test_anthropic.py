"""Anthropic's Messages API: its clients with a provider of theirs and with others, and Claude for clients of others.
T-34, T-35, T-36, T-37."""
import json

import pytest

import upstream as mock
from config import config, provider
from dialects import ANTHROPIC, OPENAI, anthropic_events, ask, named
from facts import client
from test_passthrough import ODD

pytestmark = pytest.mark.slow

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
USER = [{"role": "user", "content": "hi"}]
MARKER = {"type": "ephemeral", "ttl": "1h"}
SIGNATURE = "EqQBCkYICBgCKkD0FDbo+ySPAIHSthLZXELz4IEKFcpQiE6cLATPYyiv8jjNjE/ysmqlEaIionNfswFNuCo8nG9EBaWMmBSGJg8d"


def claude(upstream, **more):
    """provider "claude" alone"""
    return config({"claude": provider(upstream.origin, extends="anthropic", **more)}, retry={"max": 0})


def open_ai(upstream):
    return config({"one": provider(upstream)}, retry={"max": 0})


def message(*content, stop="end_turn", **usage):
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": list(content),
            "stop_reason": stop, "stop_sequence": None,
            "usage": {"input_tokens": 11, "output_tokens": 7, **usage}}


def block(index, start, *deltas):
    return [named("content_block_start", index=index, content_block=start),
            *[named("content_block_delta", index=index, delta=d) for d in deltas],
            named("content_block_stop", index=index)]


def stream_of(*blocks, stop="end_turn", start=None):
    begun = {**message(), "stop_reason": None, "usage": start or {"input_tokens": 11, "output_tokens": 1}}
    pieces = [named("message_start", message=begun)]
    for index, (first, *deltas) in enumerate(blocks):
        pieces += block(index, first, *deltas)
    pieces += [named("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage={"output_tokens": 7}),
               named("message_stop")]
    return mock.stream(*pieces)


def names(answer):
    return [line[7:] for line in answer.body.decode().split("\n") if line.startswith("event: ")]


def datas(answer):
    return [json.loads(data) for data in answer.events]


# ---- a client and a provider of the same words --------------------------------------------------
def test_a_client_says_which_version_of_the_api_it_speaks_and_is_spoken_to_in_the_oldest(gateway, upstream):
    upstream.always(lambda _: mock.stream(*anthropic_events("hello")))
    g = gateway(claude(upstream))
    for version in ("2023-06-01", "2026-10-21"):
        ask(g, ANTHROPIC, "claude/m", stream=True, headers={"anthropic-version": version})
        assert upstream.last.headers["anthropic-version"] == version
    ask(g, OPENAI, "claude/m", stream=True)
    assert upstream.last.headers["anthropic-version"] == "2023-06-01"


def test_a_thread_needs_the_provider_that_holds_it(gateway, upstreams):
    """as the SDKs' tool runner asks; told so in this way, it sends the whole conversation"""
    plain, keeper = upstreams().always(mock.chat()), upstreams()
    keeper.always(lambda _: mock.stream(*anthropic_events("hello")))
    g = gateway(config({"plain": provider(plain), "keeper": provider(keeper.origin, extends="anthropic")},
                       models={"both": ["plain/m", "keeper/m"]}))
    for thread in ({"type": "create"}, {"type": "continue", "previous_message_id": "msg_1"}):
        answer = ask(g, ANTHROPIC, "plain/m", thread=thread)
        assert "thread" in client.error(ANTHROPIC, 400, answer.body)["message"] and answer.status == 400
        assert answer.json["error"]["details"]["error_code"] == "thread_unsupported_request"
        answer = ask(g, ANTHROPIC, "both", stream=True, thread=thread)
        assert answer.headers["x-tidegate-target"] == "keeper/m" and keeper.last.json["thread"] == thread
    assert plain.requests == []


def test_the_gateways_own_id_is_the_requests_where_the_provider_has_none(gateway, upstream):
    upstream.always(lambda _: mock.stream(*anthropic_events("hello")[:4]))
    g = gateway(claude(upstream))
    answer = ask(g, ANTHROPIC, "claude/m", stream=True)  # cut
    own = answer.headers["x-tidegate-request-id"]
    assert answer.headers["request-id"] == own == datas(answer)[-1]["request_id"]
    for answer in (ask(g, ANTHROPIC, "claude/m"), ask(g, ANTHROPIC, "nobody/m"), g.get("/v1/models")):
        own = answer.headers["x-tidegate-request-id"]
        assert answer.headers["request-id"] == own == answer.headers["x-request-id"]
        assert answer.status == 200 or answer.json["request_id"] == own


def test_T36_what_a_client_says_and_hears_is_not_touched(gateway, upstream):
    pieces = [p.replace(b"}\n", b"}        \n") for p in anthropic_events("he", "llo")]
    pieces.insert(2, b"event: ping\ndata: {\"type\": \"ping\"}\n\n")
    upstream.always(mock.stream(*pieces, headers={"request-id": "req_1"}))
    g = gateway(claude(upstream))
    body = ODD.replace(b"one/m", b"claude/claude-sonnet-4-5").replace(b'"n":1', b'"max_tokens" : 9,"stream" :true')
    answer = g.call(body, MESSAGES, headers={"anthropic-beta": "a-1,b-2", "anthropic-version": "2023-06-01"})
    assert answer.status == 200 and answer.body == b"".join(pieces)
    assert answer.headers["request-id"] == "req_1"
    assert upstream.last.body == body.replace(b'"claude/claude-sonnet-4-5" ,', b'"claude-sonnet-4-5" ,', 1)
    assert upstream.last.target == "/v1/messages"
    assert upstream.last.headers["anthropic-beta"] == "a-1,b-2"
    assert upstream.last.headers["anthropic-version"] == "2023-06-01"
    assert upstream.last.headers["x-api-key"] == "sk-canary-one"
    assert "authorization" not in upstream.last.headers


def test_sampling_that_a_model_refuses_is_left_out_and_said_so(gateway, upstream):
    upstream.always(mock.json_reply(message({"type": "text", "text": "x"})))
    g = gateway(claude(upstream))
    body = {"max_tokens": 9, "messages": USER, "temperature": 0.5, "top_k": 3}
    for model, is_refused in (("claude-opus-4-8", True), ("claude-sonnet-4-5", False)):
        answer = g.call({**body, "model": "claude/" + model}, MESSAGES)
        assert answer.status == 200
        assert ("temperature" not in upstream.last.json) == is_refused
        assert ("temperature" in answer.headers.get("x-tidegate-warnings", "")) == is_refused


def test_a_message_without_words_is_an_answer(gateway, upstreams):
    first, second = upstreams(), upstreams()
    first.always(stream_of(stop="refusal"))
    text = config({n: provider(u.origin, extends="anthropic") for n, u in (("a", first), ("b", second))},
                  models={"group": {"targets": ["a/m", "b/m"], "pick": "ordered"}})
    answer = gateway(text).call({"model": "group", "max_tokens": 9, "stream": True, "messages": USER}, MESSAGES)
    assert answer.status == 200 and "refusal" in answer.body.decode() and second.requests == []


def test_T37_a_stream_that_breaks_ends_with_an_error_of_the_protocol(gateway, upstream):
    upstream.always(mock.stream(*anthropic_events("he")[:3], mock.Cut()))
    answer = ask(gateway(claude(upstream)), ANTHROPIC, "claude/m", stream=True)
    assert answer.status == 200
    last = datas(answer)[-1]
    assert names(answer)[-1] == "error" and "message_stop" not in names(answer)
    assert last["type"] == "error" and last["error"]["type"] == "api_error" and last["error"]["message"]


# ---- Claude for clients of OpenAI's API ---------------------------------------------------------
def test_a_chat_request_is_asked_as_claude_wants_it(gateway, upstream):
    upstream.always(mock.json_reply(message({"type": "text", "text": "x"}, cache_read_input_tokens=4)))
    answer = gateway(claude(upstream)).call({
        "model": "claude/claude-sonnet-4-5", "temperature": 2, "seed": 1, "user": "u", "stop": "END",
        "parallel_tool_calls": False, "tools": [{"type": "function", "function": {
            "name": "f", "parameters": {"type": "object", "properties": {"z": {}, "a": {}}}}}],
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "s", "cache_control": MARKER}]},
            {"role": "user", "content": [{"type": "text", "text": "q", "cache_control": MARKER}]},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "call.1", "type": "function", "function": {"name": "f", "arguments": ""}},
                {"id": "call.2", "type": "function", "function": {"name": "f", "arguments": "{\"z\": 1}"}}]},
            {"role": "tool", "tool_call_id": "call.1", "content": "one"},
            {"role": "tool", "tool_call_id": "call.2", "content": "two"},
            {"role": "user", "content": "go on"}]}, CHAT)
    assert answer.status == 200, answer.body
    sent = upstream.last.json
    assert sent["system"] == [{"type": "text", "text": "s", "cache_control": MARKER}]
    assert [m["role"] for m in sent["messages"]] == ["user", "assistant", "user"]
    assert sent["messages"][0]["content"] == [{"type": "text", "text": "q", "cache_control": MARKER}]
    calls, results = sent["messages"][1]["content"], sent["messages"][2]["content"]
    assert [c["input"] for c in calls] == [{}, {"z": 1}]
    assert [r["tool_use_id"] for r in results[:2]] == [c["id"] for c in calls]
    assert [r["content"] for r in results[:2]] == ["one", "two"] and results[2] == {"type": "text", "text": "go on"}
    assert sent["max_tokens"] == 64000 and sent["temperature"] == 1 and sent["stop_sequences"] == ["END"]
    assert sent["metadata"] == {"user_id": "u"}
    assert sent["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert b'"properties": {"z": {}, "a": {}}' in upstream.last.body  # as the client wrote it
    assert "seed" in answer.headers["x-tidegate-warnings"]
    assert upstream.last.target == "/v1/messages" and upstream.last.headers["anthropic-version"] == "2023-06-01"
    usage = answer.json["usage"]
    assert usage["prompt_tokens"] == 15 and usage["prompt_tokens_details"]["cached_tokens"] == 4


@pytest.mark.parametrize("stream", (False, True))
def test_T34_thinking_comes_back_byte_for_byte_through_a_chat_client(gateway, upstream, stream):
    thinking = {"type": "thinking", "thinking": "step\none \u00e9", "signature": SIGNATURE}
    hidden, call = {"type": "redacted_thinking", "data": "b3BhcXVl+/=="}, {"type": "tool_use", "id": "toolu_1", "name": "f"}
    if stream:
        upstream.always(stream_of(
            ({**thinking, "thinking": "", "signature": ""}, {"type": "thinking_delta", "thinking": "step\n"},
             {"type": "thinking_delta", "thinking": "one \u00e9"}, {"type": "signature_delta", "signature": SIGNATURE}),
            (hidden,),
            ({**call, "input": {}}, {"type": "input_json_delta", "partial_json": "{\"a\": 1}"}), stop="tool_use"))
    else:
        upstream.always(mock.json_reply(message(thinking, hidden, {**call, "input": {"a": 1}}, stop="tool_use")))
    g = gateway(claude(upstream))
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    body = {"model": "claude/claude-sonnet-4-5", "stream": stream, "messages": list(USER), "tools": tools,
            "reasoning_effort": "low"}
    answer = g.call(body, CHAT)
    assert answer.status == 200, answer.body
    said = joined(answer) if stream else answer.json["choices"][0]["message"]
    assert said["reasoning_content"] == thinking["thinking"] and not said.get("content")
    assert upstream.last.json["thinking"]["type"] == "enabled"
    body["messages"] += [said, {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "done"}]
    g.call(body, CHAT)
    back = upstream.last.json["messages"][1]["content"]
    assert back == [thinking, hidden, {**call, "input": {"a": 1}}]
    assert upstream.last.json["thinking"]["type"] == "enabled"


def joined(answer):
    """the message that a client of OpenAI's puts together from a stream"""
    result = {"role": "assistant", "content": None, "reasoning_content": "", "reasoning_details": [], "tool_calls": []}
    for data in answer.events:
        for choice in json.loads(data)["choices"] if data != "[DONE]" else ():
            delta = choice["delta"]
            result["reasoning_content"] += delta.get("reasoning_content") or ""
            result["reasoning_details"] += delta.get("reasoning_details") or []
            for piece in delta.get("tool_calls") or ():
                if piece.get("id"):
                    result["tool_calls"].append({k: v for k, v in piece.items() if k != "index"})
                else:
                    result["tool_calls"][piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
    return result


@pytest.mark.parametrize("stream", (False, True))
def test_structured_output_of_a_model_that_has_none_is_text(gateway, upstream, stream):
    def reply(request):
        name = request.json["tool_choice"]["name"]
        if not stream:
            return mock.json_reply(message({"type": "tool_use", "id": "t", "name": name, "input": {"a": 1}}, stop="tool_use"))
        return stream_of(({"type": "tool_use", "id": "t", "name": name, "input": {}},
                          {"type": "input_json_delta", "partial_json": "{\"a\":"},
                          {"type": "input_json_delta", "partial_json": " 1}"}), stop="tool_use")
    upstream.always(reply)
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    answer = gateway(claude(upstream)).call({
        "model": "claude/claude-3-5-haiku-latest", "stream": stream, "messages": USER, "response_format": {
            "type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}, CHAT)
    assert upstream.last.json["tools"][0]["input_schema"] == schema
    facts = client.stream(OPENAI, answer.body) if stream else client.answer(OPENAI, answer.body)
    assert json.loads(facts.first.text) == {"a": 1} and facts.first.finish == "stop" and not facts.first.calls


# ---- other providers for clients of Anthropic's API ---------------------------------------------
def test_a_message_is_asked_of_another_provider_in_its_words(gateway, upstream):
    upstream.always(mock.chat("hello"))
    answer = gateway(open_ai(upstream)).call({
        "model": "one/gpt-4o", "max_tokens": 9, "system": [{"type": "text", "text": "s"}], "stop_sequences": ["END"],
        "metadata": {"user_id": "u"}, "top_k": 3, "container": "c", "thinking": {"type": "disabled"},
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "q"}, {"type": "image", "source": {
                "type": "base64", "media_type": "image/png", "data": "QUJD"}}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": SIGNATURE},
                                              {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"z": 1, "a": 2}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}]}],
        "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {"z": {}, "a": {}}}},
                  {"type": "web_search_20250305", "name": "web_search"}], "tool_choice": {"type": "any"}}, MESSAGES)
    facts = client.answer(ANTHROPIC, answer.body)
    assert facts.first.text == "hello" and facts.first.finish == "stop"
    sent = upstream.last.json
    assert [m["role"] for m in sent["messages"]] in (["system", "user", "assistant", "tool"],
                                                     ["developer", "user", "assistant", "tool"])
    assert sent["messages"][1]["content"][1]["image_url"]["url"] == "data:image/png;base64,QUJD"
    assert sent["messages"][2]["tool_calls"][0]["function"]["arguments"] == "{\"z\": 1, \"a\": 2}"
    assert sent["tool_choice"] == "required" and len(sent["tools"]) == 1 and sent["stop"] in ("END", ["END"])
    for lost in ("top_k", "container", "web_search"):
        assert lost in answer.headers["x-tidegate-warnings"]


def test_T35_a_stream_of_another_provider_has_the_events_of_the_protocol_in_order(gateway, upstream):
    usage = {"prompt_tokens": 15, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}}
    upstream.always(mock.stream(mock.role(), mock.delta("he"), mock.delta("llo"), mock.finish(),
                                mock.usage_chunk(usage), mock.event("[DONE]")))
    answer = ask(gateway(open_ai(upstream)), ANTHROPIC, "one/m", stream=True)
    assert names(answer) == ["message_start", "ping", "content_block_start", "content_block_delta",
                             "content_block_delta", "content_block_stop", "message_delta", "message_stop"]
    assert client.stream(ANTHROPIC, answer.body).first.text == "hello"
    assert upstream.last.json["stream_options"]["include_usage"] is True
    ending = datas(answer)[-2]
    assert ending["delta"]["stop_reason"] == "end_turn"
    assert (ending["usage"]["input_tokens"], ending["usage"]["cache_read_input_tokens"],
            ending["usage"]["output_tokens"]) == (10, 5, 4)


def test_T35_the_input_stands_in_the_only_message_start_when_the_provider_tells_it_by_then(gateway, upstream):
    usage = {"prompt_tokens": 15, "completion_tokens": 0}
    begun = mock.chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}}], usage=usage)
    upstream.always(mock.stream(begun, mock.delta("x"), mock.finish(usage={**usage, "completion_tokens": 1}),
                                mock.event("[DONE]")))
    answer = ask(gateway(open_ai(upstream)), ANTHROPIC, "one/m", stream=True)
    starts = [d for d in datas(answer) if d["type"] == "message_start"]
    assert len(starts) == 1 and starts[0]["message"]["usage"]["input_tokens"] == 15


@pytest.mark.parametrize("status, type_", [
    (400, "invalid_request_error"), (401, "api_error"), (404, "not_found_error"), (413, "request_too_large"),
    (429, "rate_limit_error"), (500, "api_error"), (503, "api_error")])
def test_T37_errors_of_another_provider_are_typed_for_the_client(gateway, upstream, status, type_):
    upstream.always(mock.error(status, "no such luck", headers={"x-request-id": "req_up"}))
    answer = ask(gateway(open_ai(upstream)), ANTHROPIC, "one/m")
    error = client.error(ANTHROPIC, answer.status, answer.body)
    assert answer.status >= 400 and answer.json["request_id"]
    assert error["type"] == type_ or answer.status != status


def test_T37_errors_of_claude_reach_a_chat_client_with_the_providers_request_id(gateway, upstream):
    body = {"type": "error", "request_id": "req_7", "error": {
        "type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 5 maximum"}}
    upstream.always(mock.json_reply(body, 400, headers={"request-id": "req_7"}))
    answer = ask(gateway(claude(upstream)), OPENAI, "claude/m")
    assert answer.status == 400 and answer.error["code"] == "context_length_exceeded"
    assert "prompt is too long" in answer.error["message"]
    assert "req_7" in (answer.headers.get("request-id"), answer.headers.get("x-request-id"))


def test_T37_an_error_amid_a_stream_reaches_a_chat_client_as_one(gateway, upstream):
    failure = named("error", error={"type": "overloaded_error", "message": "Overloaded"})
    upstream.always(mock.stream(*anthropic_events("he")[:3], failure))
    answer = ask(gateway(claude(upstream)), OPENAI, "claude/m", stream=True)
    assert answer.status == 200 and answer.text == "he" and "[DONE]" not in answer.events
    assert json.loads(answer.events[-1])["error"]["message"] == "Overloaded"


def test_an_overloaded_provider_is_left_before_the_first_word(gateway, upstreams):
    first, second = upstreams(), upstreams()
    failure = named("error", error={"type": "overloaded_error", "message": "Overloaded"})
    first.always(mock.stream(anthropic_events("x")[0], failure))
    second.always(mock.tokens("hello"))
    text = config({"a": provider(first.origin, extends="anthropic"), "b": provider(second)},
                  models={"group": {"targets": ["a/m", "b/m"], "pick": "ordered"}})
    answer = ask(gateway(text), ANTHROPIC, "group", stream=True)
    assert client.stream(ANTHROPIC, answer.body).first.text == "hello"


def test_T34_what_another_provider_thought_does_not_go_to_claude(gateway, upstreams):
    first, second = upstreams(), upstreams()
    thought = mock.chunk([{"index": 0, "delta": {"role": "assistant", "reasoning_content": "hm"}, "finish_reason": None}])
    first.answer(mock.stream(thought, mock.delta("hello"), mock.finish(), mock.DONE)).always(mock.error(500))
    second.always(mock.json_reply(message({"type": "text", "text": "x"})))
    text = config({"a": provider(first), "b": provider(second.origin, extends="anthropic")},
                  models={"group": {"targets": ["a/m", "b/m"], "pick": "ordered"}})
    g = gateway(text)
    body = {"model": "group", "max_tokens": 9, "messages": USER, "odd": {"z": 1}}
    said = [{"type": "thinking", "thinking": "", "signature": ""}, {"type": "text", "text": ""}]
    for data in datas(g.call({**body, "stream": True}, MESSAGES)):
        if data["type"] == "content_block_delta":
            for name in ("thinking", "signature", "text"):
                said[data["index"]][name] = said[data["index"]].get(name, "") + data["delta"].get(name, "")
    said[1] = {"type": "text", "text": said[1]["text"]}
    assert said[0]["thinking"] == "hm" and said[0]["signature"]
    body["messages"] = USER + [{"role": "assistant", "content": said}, {"role": "user", "content": "go on"}]
    answer = g.call(body, MESSAGES)
    assert answer.status == 200 and answer.json == message({"type": "text", "text": "x"})
    sent = second.last.json
    assert sent["messages"][1]["content"] == [{"type": "text", "text": "hello"}] and sent["odd"] == {"z": 1}
    assert "reasoning of another provider" in answer.headers["x-tidegate-warnings"]


def test_tokens_are_counted_by_claude_itself(gateway, upstream):
    upstream.always(mock.json_reply({"input_tokens": 77}))
    body = {"model": "claude/claude-sonnet-4-5", "messages": USER, "system": "s"}
    answer = gateway(claude(upstream)).call(body, "/v1/messages/count_tokens")
    assert answer.status == 200 and answer.json == {"input_tokens": 77}
    assert upstream.last.target == "/v1/messages/count_tokens"
    assert upstream.last.json == {**body, "model": "claude-sonnet-4-5"}

"""The built-in provider without a network: deterministic answers, tools, schemas, embeddings, errors on demand."""
import base64
import json
import math
import struct

import pytest

from expect import attempts, broken_stream, clean_stream, openai_error

pytestmark = pytest.mark.slow

WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "weather in a city", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}
TIME = {"type": "function", "function": {"name": "get_time", "parameters": {
    "type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]}}}


@pytest.fixture
def g(gateway):
    return gateway('return { providers = { mock = {} }, log = { file = "@LOG@" }, retry = { max = 1 }, '
                   'models = { both = { targets = { "mock/error-429", "mock/gpt" }, pick = "ordered" } } }\n')


def content(answer):
    return answer.json["choices"][0]["message"]["content"]


def test_the_same_prompt_gets_the_same_answer_streamed_or_not(g):
    first, again = g.chat("mock/gpt", text="tell me about tides"), g.chat("mock/gpt", text="tell me about tides")
    assert content(first) == content(again) and content(first)
    assert content(g.chat("mock/gpt", text="something else")) != content(first)
    clean_stream(g.chat("mock/gpt", stream=True, text="tell me about tides"), content(first))


def test_the_answer_has_the_whole_openai_shape(g):
    body = g.chat("mock/gpt").json
    assert body["object"] == "chat.completion" and body["choices"][0]["finish_reason"] == "stop" and body["id"]
    usage = body["usage"]
    assert usage["prompt_tokens"] > 0 and usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_usage_is_in_the_log_and_in_the_stream_when_asked_for(g):
    answer = g.chat("mock/gpt", stream=True, stream_options={"include_usage": True}).read()
    last = json.loads(answer.events[-2])
    assert last["choices"] == [] and last["usage"]["completion_tokens"] > 0
    assert g.log(answer)["tokens"]["out"] == last["usage"]["completion_tokens"]
    assert b"prompt_tokens" not in g.chat("mock/gpt", stream=True).read().body


def calls_of(answer):
    """tool calls of an answer or a stream: [(id, name, arguments)]"""
    if "json" in answer.headers["content-type"]:
        calls = answer.json["choices"][0]["message"]["tool_calls"]
        return [(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in calls]
    parts = {}
    for event in answer.events[:-1]:
        for choice in json.loads(event)["choices"]:
            for call in choice["delta"].get("tool_calls") or ():
                part = parts.setdefault(call["index"], ["", "", ""])
                part[0] += call.get("id") or ""
                part[1] += call["function"].get("name") or ""
                part[2] += call["function"].get("arguments") or ""
    return [(p[0], p[1], json.loads(p[2])) for _, p in sorted(parts.items())]


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_offered_tools_are_called(g, stream):
    answer = g.chat("mock/gpt", stream=stream, text="What is the weather in Paris?", tools=[WEATHER]).read()
    calls = calls_of(answer)
    assert [c[1] for c in calls] == ["get_weather"] and isinstance(calls[0][2]["city"], str) and calls[0][0]
    last = answer.json if not stream else [json.loads(e) for e in answer.events[:-1] if json.loads(e)["choices"]][-1]
    assert last["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_tools_are_called_in_parallel_when_the_prompt_names_several_things(g, stream):
    answer = g.chat("mock/gpt", stream=stream, text="What is the weather in Paris and in Tokyo?", tools=[WEATHER, TIME]).read()
    calls = calls_of(answer)
    assert len(calls) >= 2 and len({c[0] for c in calls}) == len(calls)


def test_a_tool_result_gets_an_answer_in_words(g):
    messages = [{"role": "user", "content": "What is the weather in Paris?"},
                {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": {
                    "name": "get_weather", "arguments": "{\"city\":\"Paris\"}"}}]},
                {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}]
    answer = g.call({"model": "mock/gpt", "messages": messages, "tools": [WEATHER]})
    assert content(answer) and answer.json["choices"][0]["finish_reason"] == "stop"


def test_tool_choice_none_calls_nothing(g):
    answer = g.chat("mock/gpt", text="What is the weather in Paris?", tools=[WEATHER], tool_choice="none")
    assert content(answer) and not answer.json["choices"][0]["message"].get("tool_calls")


SCHEMA = {"type": "object", "additionalProperties": False, "required": ["name", "age", "tags", "kind", "home"], "properties": {
    "name": {"type": "string"}, "age": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}},
    "kind": {"enum": ["a", "b"]}, "ok": {"type": "boolean"},
    "home": {"type": "object", "required": ["zip"], "properties": {"zip": {"type": "number"}}}}}


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_json_is_given_when_a_schema_is_asked_for(g, stream):
    answer = g.chat("mock/gpt", stream=stream, response_format={"type": "json_schema", "json_schema": {
        "name": "person", "schema": SCHEMA, "strict": True}}).read()
    value = json.loads(answer.text if stream else content(answer))
    assert isinstance(value["name"], str) and isinstance(value["age"], int) and isinstance(value["tags"], list)
    assert value["kind"] in ("a", "b") and isinstance(value["home"]["zip"], (int, float))


def test_json_object_gives_an_object(g):
    assert isinstance(json.loads(content(g.chat("mock/gpt", response_format={"type": "json_object"}))), dict)


def embed(g, *texts, **more):
    answer = g.call({"model": "mock/embed", "input": list(texts), **more}, "/v1/embeddings")
    assert answer.status == 200, answer.body
    return answer.json["data"]


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def test_embeddings_are_stable_and_similar_for_similar_texts(g):
    one, near, far, again = (d["embedding"] for d in embed(
        g, "the cat sat on the mat", "the cat sat on a mat", "quarterly revenue grew strongly", "the cat sat on the mat"))
    assert one == again and cosine(one, near) > cosine(one, far) + 0.2
    assert [d["index"] for d in embed(g, "a", "b")] == [0, 1]


def test_embeddings_in_base64_are_little_endian_floats(g):
    plain = embed(g, "hello")[0]["embedding"]
    data = base64.b64decode(embed(g, "hello", encoding_format="base64")[0]["embedding"])
    coded = struct.unpack("<%df" % (len(data) // 4), data)
    assert len(coded) == len(plain) and all(abs(a - b) < 1e-6 for a, b in zip(coded, plain))


def test_embeddings_take_one_text_and_a_number_of_dimensions(g):
    answer = g.call({"model": "mock/embed", "input": "one", "dimensions": 16}, "/v1/embeddings")
    assert len(answer.json["data"]) == 1 and len(answer.json["data"][0]["embedding"]) == 16
    assert answer.json["usage"]["prompt_tokens"] > 0


def test_completions_answer_too(g):
    answer = g.call({"model": "mock/gpt", "prompt": "Once"}, "/v1/completions")
    assert answer.json["object"] == "text_completion" and answer.json["choices"][0]["text"]
    stream = g.send({"model": "mock/gpt", "prompt": "Once", "stream": True}, "/v1/completions").read()
    assert stream.events[-1] == "[DONE]"
    assert "".join(c["text"] for e in stream.events[:-1] for c in json.loads(e)["choices"]) == answer.json["choices"][0]["text"]


@pytest.mark.parametrize("status,seen", [(429, 429), (400, 400), (500, 502), (503, 502), (401, 502)])
def test_errors_come_on_demand(g, status, seen):
    answer = g.chat("mock/error-%d" % status)
    openai_error(answer, seen)
    if seen == 429:
        assert int(answer.headers["retry-after"]) >= 0


def test_an_error_on_demand_moves_on_to_the_next_target(g):
    answer = g.chat("both")
    assert answer.status == 200 and attempts(answer)[0][1] == "429" and attempts(answer)[-1] == ("mock/gpt#1", "200")


def test_mock_slow_answers_slowly_but_well(g):
    answer = g.chat("mock/slow", stream=True)
    clean_stream(answer, answer.read().text)
    assert answer.text and len(answer.chunks) > 1


def test_mock_cut_breaks_off_and_is_no_success(g):
    answer = g.chat("mock/cut", stream=True).read()
    assert answer.text
    broken_stream(answer, answer.text)


def test_unary_requests_of_a_stream_only_fault_are_errors(g):
    openai_error(g.chat("mock/cut"), 502)


def test_unknown_mock_models_are_404(g):
    openai_error(g.chat("mock/none-such"), 404)


def test_n_answers_when_asked_for(g):
    answer = g.chat("mock/gpt", n=3)
    assert sorted(c["index"] for c in answer.json["choices"]) == [0, 1, 2]

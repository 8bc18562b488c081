"""Errors of providers of each dialect, as clients of each dialect get them; what passes between equals. T-36, T-37."""
import itertools
import json

import pytest

import framings
import upstream as mock
from config import config
from conformance import FRAMINGS, NEEDS, ask
from facts import ALL, client, provider
from facts.client_anthropic import ERRORS
from facts.client_gemini import STATUSES
from weather_others import PROVIDERS

pytestmark = pytest.mark.slow

FILES = {"adapters/only_responses.lua": "return tide.adapter { extends = 'openai', dialect = 'openai-responses' }\n",
         "adapters/only_chat.lua": "return tide.adapter { extends = 'openai', dialect = 'openai-chat' }\n"}
EXTENDS = {"openai-chat": "only_chat", "openai-responses": "only_responses", "anthropic-messages": "anthropic",
           "gemini": "gemini", "bedrock-converse": "bedrock", "cohere-v2": "cohere", "ollama": "ollama"}
PAIRS = [(a, s) for a in ALL for s in ALL]
EXCEPTIONS = {401: "UnrecognizedClient", 404: "ResourceNotFound", 429: "Throttling", 500: "InternalServer", 503: "ServiceUnavailable"}
WORDS = "the provider's own words"
PASSED = {400: 400, 404: 404, 413: 413, 422: 422, 429: 429, 500: 502, 503: 502}  # the provider's status, the client's
ID = {"openai-chat": "x-request-id", "openai-responses": "x-request-id", "anthropic-messages": "request-id",
      "gemini": None, "bedrock-converse": "x-amzn-requestid", "cohere-v2": None, "ollama": None}
SENT_ID = {"anthropic-messages": "request-id", "bedrock-converse": "x-amzn-requestid"}  # by providers; others: x-request-id


def body(speaks, status):
    """an error as providers of that dialect write it"""
    if speaks == "anthropic-messages":
        return {"type": "error", "error": {"type": ERRORS[status], "message": WORDS}, "request_id": "req_upstream"}
    if speaks == "gemini":
        return {"error": {"code": status, "message": WORDS, "status": STATUSES[status][0]}}
    if speaks == "bedrock-converse":
        return {"message": WORDS}
    if speaks == "cohere-v2":
        return {"id": "e-1", "message": WORDS}
    if speaks == "ollama":
        return {"error": WORDS}
    return {"error": {"message": WORDS, "type": "invalid_request_error", "param": None, "code": None}}


def failed(speaks, status, headers=None):
    more = {"x-amzn-errortype": EXCEPTIONS.get(status, "Validation") + "Exception"} if speaks == "bedrock-converse" else {}
    return mock.json_reply(body(speaks, status), status, {**(headers or {}), **more})


def name_of(asks, speaks):
    return "%s_on_%s" % (asks.replace("-", "_"), speaks.replace("-", "_"))


@pytest.fixture(scope="module")
def serving(lasting):
    """a gateway with a provider for each pair: what one has refused is nothing to the others"""
    upstream = lasting.upstream()
    table = {name_of(a, s): {"extends": EXTENDS[s], "keys": ["sk-canary-" + EXTENDS[s]], **NEEDS.get(EXTENDS[s], {}),
                             "base_url": upstream.url if s.startswith("openai") else upstream.origin} for a, s in PAIRS}
    return lasting(config(table, retry={"max": 0}), files=FILES), upstream, itertools.count()


@pytest.fixture
def served(serving):
    """the gateway, its mock, and a name for models that no other test has"""
    g, upstream, serial = serving
    upstream.requests.clear()
    return g, upstream, "m%d-" % next(serial)


def send(g, asks, speaks, model, stream, array=False):
    path, request = ask(asks, "%s/%s" % (name_of(asks, speaks), model), stream, array)
    return g.call(request, path)


@pytest.mark.parametrize("stream", (False, True), ids=("unary", "stream"))
@pytest.mark.parametrize("asks, speaks", PAIRS)
def test_T37_an_error_has_the_callers_shape_its_class_and_the_providers_id(served, asks, speaks, stream):
    g, upstream, model = served
    for status, expected in PASSED.items():
        headers = {SENT_ID.get(speaks, "x-request-id"): "req_upstream"}
        if status == 429:
            headers["retry-after"] = "7"
        upstream.always(failed(speaks, status, headers))
        answer = send(g, asks, speaks, "%s%d" % (model, status), stream)
        assert answer.status == expected, (status, answer.body)
        error = client.error(asks, expected, answer.body)  # the type is that of the status
        if status in (400, 413, 422):
            assert WORDS in error["message"]
        if status == 429:
            assert 1 <= int(answer.headers["retry-after"]) <= 7
        if ID[asks] and status in (400, 413, 422):
            assert answer.headers.get(ID[asks]) == "req_upstream", answer.headers


@pytest.mark.parametrize("asks", ALL)
def test_T37_a_key_that_the_provider_refuses_is_no_fault_of_the_clients_key(gateway, upstream, asks):
    """a gateway of its own: the keys are not asked again"""
    table = {name_of(asks, s): {"extends": EXTENDS[s], "keys": ["sk-canary-" + EXTENDS[s]], **NEEDS.get(EXTENDS[s], {}),
                                "base_url": upstream.url if s.startswith("openai") else upstream.origin} for s in ALL}
    g = gateway(config(table, retry={"max": 0}), files=FILES)
    for speaks in ALL:
        upstream.always(failed(speaks, 401))
        answer = send(g, asks, speaks, "m", False)
        client.error(asks, 502, answer.body)
        assert answer.status == 502


@pytest.mark.parametrize("asks, speaks, array", [(*p, False) for p in PAIRS] + [("gemini", s, True) for s in ALL])
def test_T01_a_stream_that_breaks_ends_with_an_error_in_the_callers_dialect(served, asks, speaks, array):
    g, upstream, model = served

    def cut(request):
        reply = PROVIDERS[speaks]().answer(request)
        reply.pieces = [*reply.pieces[:len(reply.pieces) // 2 + 1], mock.Cut()]
        return reply
    upstream.always(cut)
    answer = send(g, asks, speaks, model, True, array)
    assert answer.status == 200 and b"Two" in answer.body, answer.body
    facts = provider.read(asks, answer.body, True) if asks == speaks and not array else client.stream(asks, answer.body, array)
    assert facts.error["message"] and not facts.ended


@pytest.mark.parametrize("dialect", ALL)
def test_T36_between_equals_a_body_goes_through_byte_by_byte(served, dialect):
    g, upstream, model = served
    upstream.always(PROVIDERS[dialect]().answer)
    asked = "%s/%s" % (name_of(dialect, dialect), model)
    path, request = ask(dialect, asked, False)
    request["hologram"] = {"z": 1, "a": [None, 1.50, "\u00e9"]}
    text = json.dumps(request, indent=1, ensure_ascii=False).replace("1.5,", "1.50 ,")
    answer = g.call(text.encode(), path, headers={"content-type": "application/json"})
    assert answer.status == 200
    assert upstream.last.body.decode() == text.replace('"%s"' % asked, '"%s"' % model)


LAYOUTS = {
    "openai-chat, in a chunk of its own": ("openai-chat", [
        mock.delta("x"), mock.finish(), mock.usage_chunk(), mock.DONE], (11, 7, 3)),
    "openai-chat, with the finish": ("openai-chat", [mock.delta("x"), mock.finish(usage=mock.USAGE), mock.DONE], (11, 7, 3)),
    "openai-chat, in the choice": ("openai-chat", [
        mock.delta("x"), mock.chunk([{"index": 0, "delta": {}, "finish_reason": "stop", "usage": mock.USAGE}]), mock.DONE],
        (11, 7, 3)),
    "anthropic, in two events": ("anthropic-messages", [
        mock.event({"type": "message_start", "message": {
            "id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
            "stop_sequence": None, "usage": {"input_tokens": 5, "cache_read_input_tokens": 3,
                                             "cache_creation_input_tokens": 2, "output_tokens": 1}}}),
        mock.event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        mock.event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}}),
        mock.event({"type": "content_block_stop", "index": 0}),
        mock.event({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                    "usage": {"output_tokens": 7}}),
        mock.event({"type": "message_stop"})], (10, 7, 3)),
    "gemini, cumulative": ("gemini", [
        mock.event({"candidates": [{"content": {"role": "model", "parts": [{"text": "x"}]}, "index": 0}], "modelVersion": "m",
                    "responseId": "r", "usageMetadata": {"promptTokenCount": 8, "totalTokenCount": 8}}),
        mock.event({"candidates": [{"content": {"role": "model", "parts": [{"text": "y"}]}, "index": 0, "finishReason": "STOP"}],
                    "modelVersion": "m", "responseId": "r", "usageMetadata": {
                        "promptTokenCount": 8, "toolUsePromptTokenCount": 2, "cachedContentTokenCount": 3,
                        "candidatesTokenCount": 4, "thoughtsTokenCount": 3, "totalTokenCount": 17}})], (10, 7, 3)),
    "bedrock, behind the end": ("bedrock-converse", [framings.event(framings.AWS, v, n) for n, v in (
        ("messageStart", {"role": "assistant"}), ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "x"}}),
        ("contentBlockStop", {"contentBlockIndex": 0}), ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": {"inputTokens": 5, "cacheReadInputTokens": 3, "cacheWriteInputTokens": 2, "outputTokens": 7,
                                "totalTokens": 17}, "metrics": {"latencyMs": 1}}))], (10, 7, 3)),
    "cohere, with the finish": ("cohere-v2", [mock.event(v) for v in (
        {"type": "message-start", "id": "c", "delta": {"message": {"role": "assistant", "content": [], "tool_calls": []}}},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "x"}}}}, {"type": "content-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {
            "billed_units": {"input_tokens": 1, "output_tokens": 2}, "tokens": {"input_tokens": 10, "output_tokens": 7},
            "cached_tokens": 3}}})] + [mock.DONE], (10, 7, 3)),
    "ollama, in the last line": ("ollama", [framings.event(framings.NDJSON, {
        "model": "m", "created_at": "2026-08-17T08:22:53Z", "message": {"role": "assistant", "content": "x"}, "done": False}),
        framings.event(framings.NDJSON, {
            "model": "m", "created_at": "2026-08-17T08:22:53Z", "message": {"role": "assistant", "content": ""}, "done": True,
            "done_reason": "stop", "prompt_eval_count": 10, "eval_count": 7})], (10, 7, None)),
}


@pytest.mark.parametrize("asks", ALL)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_T28_usage_is_the_providers_in_each_layout(served, layout, asks):
    g, upstream, model = served
    speaks, pieces, (sent, out, cached) = LAYOUTS[layout]
    told = mock.stream(*pieces)
    told.headers = {"content-type": FRAMINGS.get(speaks, "text/event-stream")}
    upstream.always(told)
    answer = send(g, asks, speaks, model, True)
    line = g.log(answer)["tokens"]
    assert (line["in"], line["out"], line["cached"]) == (sent, out, cached)
    facts = provider.read(asks, answer.body, True) if asks == speaks else client.stream(asks, answer.body)
    if asks == "ollama":  # which does not tell what came from a cache
        cached = None
    assert (facts.usage.input, facts.usage.output, facts.usage.cached or None) == (sent, out, cached)

"""Errors of providers of each dialect, as clients of each dialect get them; what passes between equals. T-36, T-37."""
import json

import pytest

import upstream as mock
from config import config
from conformance import ask
from facts import DIALECTS, client, provider
from facts.client_anthropic import ERRORS
from facts.client_gemini import STATUSES
from weather import PROVIDERS

pytestmark = pytest.mark.slow

FILES = {"adapters/only_responses.lua": "return tide.adapter { extends = 'openai', dialect = 'openai-responses' }\n",
         "adapters/only_chat.lua": "return tide.adapter { extends = 'openai', dialect = 'openai-chat' }\n"}
EXTENDS = {"openai-chat": "only_chat", "openai-responses": "only_responses", "anthropic-messages": "anthropic",
           "gemini": "gemini"}
WORDS = "the provider's own words"
PASSED = {400: 400, 404: 404, 413: 413, 422: 422, 429: 429, 500: 502, 503: 502}  # the provider's status, the client's
ID = {"openai-chat": "x-request-id", "openai-responses": "x-request-id", "anthropic-messages": "request-id",
      "gemini": None}


def body(speaks, status):
    """an error as providers of that dialect write it"""
    if speaks == "anthropic-messages":
        return {"type": "error", "error": {"type": ERRORS[status], "message": WORDS}, "request_id": "req_upstream"}
    if speaks == "gemini":
        return {"error": {"code": status, "message": WORDS, "status": STATUSES[status][0]}}
    return {"error": {"message": WORDS, "type": "invalid_request_error", "param": None, "code": None}}


def start(gateway, upstream):
    table = {"on_" + d.replace("-", "_"): {"extends": EXTENDS[d], "keys": ["sk-canary-" + EXTENDS[d]],
                                           "base_url": upstream.url if d.startswith("openai") else upstream.origin}
             for d in DIALECTS}
    return gateway(config(table, retry={"max": 0}), files=FILES)


def send(g, asks, speaks, model, stream, array=False):
    path, request = ask(asks, "on_%s/%s" % (speaks.replace("-", "_"), model), stream, array)
    return g.call(request, path)


@pytest.mark.parametrize("stream", (False, True), ids=("unary", "stream"))
@pytest.mark.parametrize("speaks", DIALECTS)
@pytest.mark.parametrize("asks", DIALECTS)
def test_T37_an_error_has_the_callers_shape_its_class_and_the_providers_id(gateway, upstream, asks, speaks, stream):
    g = start(gateway, upstream)
    for status, expected in PASSED.items():
        headers = {"x-request-id" if speaks != "anthropic-messages" else "request-id": "req_upstream"}
        if status == 429:
            headers["retry-after"] = "7"
        upstream.always(mock.json_reply(body(speaks, status), status, headers))
        answer = send(g, asks, speaks, "m%d" % status, stream)
        assert answer.status == expected, (status, answer.body)
        error = client.error(asks, expected, answer.body)  # the type is that of the status
        if status in (400, 413, 422):
            assert WORDS in error["message"]
        if status == 429:
            assert 1 <= int(answer.headers["retry-after"]) <= 7
        if ID[asks] and status in (400, 413, 422):
            assert answer.headers.get(ID[asks]) == "req_upstream", answer.headers


@pytest.mark.parametrize("asks, speaks", [(a, s) for a in DIALECTS for s in DIALECTS])
def test_T37_a_key_that_the_provider_refuses_is_no_fault_of_the_clients_key(gateway, upstream, asks, speaks):
    upstream.always(mock.json_reply(body(speaks, 401), 401))
    answer = send(start(gateway, upstream), asks, speaks, "m", False)
    client.error(asks, 502, answer.body)
    assert answer.status == 502


@pytest.mark.parametrize("array", (False, True), ids=("events", "array"))
@pytest.mark.parametrize("asks, speaks", [(a, s) for a in DIALECTS for s in DIALECTS])
def test_T01_a_stream_that_breaks_ends_with_an_error_in_the_callers_dialect(gateway, upstream, asks, speaks, array):
    if array and asks != "gemini":
        pytest.skip("streams are arrays for Gemini's clients alone")

    def cut(request):
        reply = PROVIDERS[speaks]().answer(request)
        reply.pieces = [*reply.pieces[:len(reply.pieces) // 2 + 1], mock.Cut()]
        return reply
    upstream.always(cut)
    answer = send(start(gateway, upstream), asks, speaks, "m", True, array)
    assert answer.status == 200 and b"Two" in answer.body, answer.body
    facts = provider.read(asks, answer.body, True) if asks == speaks and not array else client.stream(asks, answer.body, array)
    assert facts.error["message"] and not facts.ended


@pytest.mark.parametrize("dialect", DIALECTS)
def test_T36_between_equals_a_body_goes_through_byte_by_byte(gateway, upstream, dialect):
    upstream.always(PROVIDERS[dialect]().answer)
    g = start(gateway, upstream)
    path, request = ask(dialect, "on_%s/m" % dialect.replace("-", "_"), False)
    request["hologram"] = {"z": 1, "a": [None, 1.50, "\u00e9"]}
    text = json.dumps(request, indent=1, ensure_ascii=False).replace("1.5,", "1.50 ,")
    answer = g.call(text.encode(), path, headers={"content-type": "application/json"})
    assert answer.status == 200
    expected = text if dialect == "gemini" else text.replace('"on_%s/m"' % dialect.replace("-", "_"), '"m"')
    assert upstream.last.body.decode() == expected


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
}


@pytest.mark.parametrize("asks", DIALECTS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_T28_usage_is_the_providers_in_each_layout(gateway, upstream, layout, asks):
    speaks, pieces, (sent, out, cached) = LAYOUTS[layout]
    upstream.always(mock.stream(*pieces))
    g = start(gateway, upstream)
    answer = send(g, asks, speaks, "m", True)
    line = g.log(answer)["tokens"]
    assert (line["in"], line["out"], line["cached"]) == (sent, out, cached)
    facts = provider.read(asks, answer.body, True) if asks == speaks else client.stream(asks, answer.body)
    assert (facts.usage.input, facts.usage.output, facts.usage.cached) == (sent, out, cached)

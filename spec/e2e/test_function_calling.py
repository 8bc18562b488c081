"""Function calling in full: two parallel calls, two results, the final words. Every client's dialect through every
provider's, unary and as a stream. T-33, T-34, T-35."""
import json
import re

import pytest

from config import config
from facts import ALL, client
from weather import ANSWER, ABOUT, CITIES, NAME, RESULTS, SCHEMA, THOUGHT, arguments
from weather_others import CLIENTS, PROVIDERS

pytestmark = pytest.mark.slow

EXTENDS = {"openai-chat": "deepseek", "openai-responses": "only_responses", "anthropic-messages": "anthropic",
           "gemini": "gemini", "bedrock-converse": "bedrock", "cohere-v2": "cohere", "ollama": "ollama"}
MODEL = {"openai-chat": "deepseek-v4-pro", "openai-responses": "gpt-5", "anthropic-messages": "claude-sonnet-4-5",
         "gemini": "gemini-3-pro-preview", "bedrock-converse": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
         "cohere-v2": "command-a-reasoning-08-2025", "ollama": "qwen3:4b"}
FILES = {"adapters/only_responses.lua": "return tide.adapter { extends = 'openai', dialect = 'openai-responses' }\n"}
IDS = {"openai-chat": "call_%s", "openai-responses": "call_%s", "anthropic-messages": "toolu_%s",
       "bedrock-converse": "tooluse_%s", "cohere-v2": "call_%s"}
CLAUDES = {"anthropic-messages", "bedrock-converse"}
NOT_SIGNED = {"gemini": {"skip_thought_signature_validator", "context_engineering_is_the_way_to_go",
                         "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="}}  # what stands for a signature that there is not


@pytest.fixture(scope="module")
def serving(lasting):
    """a gateway with a provider of each dialect: on_DIALECT/MODEL"""
    mocks, table = {}, {}
    for dialect, extends in EXTENDS.items():
        mocks[dialect] = lasting.upstream()
        mocks[dialect].always(PROVIDERS[dialect]().answer)
        url = mocks[dialect].url if dialect.startswith("openai") else mocks[dialect].origin
        table[target(dialect).split("/")[0]] = {"extends": extends, "keys": ["sk-canary-" + extends], "base_url": url}
    table["on_bedrock_converse"]["region"] = "us-east-1"
    return lasting(config(table, retry={"max": 0}), files=FILES), mocks


@pytest.fixture
def weather(serving):
    for one in serving[1].values():
        one.requests.clear()
    return serving


def target(dialect):
    return "on_%s/%s" % (dialect.replace("-", "_"), MODEL[dialect])


def client_of(asks, speaks, stream):
    one = CLIENTS[asks](target(speaks), stream)
    one.speaks = speaks
    return one


def turn(g, one):
    """the client asks once; the facts of what it is answered, and the bytes"""
    answer = g.call(one.body, one.path)
    assert answer.status == 200, answer.body
    read = client.stream if one.stream else client.answer
    return read(one.dialect, answer.body), answer.body


def results(calls, swapped):
    given = [(i, n, RESULTS[a["city"]]) for i, n, a in calls]
    return given[::-1] if swapped else given


def converse(g, one, swapped=False):
    """the whole conversation, as the client sees it"""
    facts, body = turn(g, one)
    assert facts.first.finish == "tool_calls" and facts.first.reasoning == THOUGHT
    assert [(c.name, c.value) for c in facts.first.calls] == [(NAME, arguments(c)) for c in CITIES]
    cached = None if "ollama" in (one.dialect, one.speaks) else 3
    assert (facts.usage.input, facts.usage.output, facts.usage.cached or None) == (11, 7, cached)
    one.give(results(one.take(body), swapped))
    facts, _ = turn(g, one)
    assert facts.first.text == ANSWER and facts.first.finish == "stop" and not facts.first.calls


def check_heard(provider, request):
    """what the provider was sent the second time; checked against what it had said the first time"""
    heard = provider.heard(request.json, request.body)
    assert [(n, v) for _, n, v in heard.calls] == [(NAME, arguments(c)) for c in CITIES]
    told = {i: v for i, _, v in heard.results} if heard.calls[0][0] else None
    wanted = [json.loads(RESULTS[c]) for c in CITIES]
    assert [n for _, n, _ in heard.results] == [NAME, NAME]
    if told:
        assert [told[i] for i, _, _ in heard.calls] == wanted
    if provider.dialect in ("gemini", "anthropic-messages", "bedrock-converse"):  # by their order, or together
        assert sorted(map(str, (v for _, _, v in heard.results))) == sorted(map(str, wanted))
    if provider.dialect in ("gemini", "ollama"):
        assert [v for _, _, v in heard.results] == wanted
    assert heard.tools == [(NAME, ABOUT, SCHEMA)]
    assert re.search(rb'"unit".*"city".*"at"', request.body.split(b"properties")[1]), "the schema's keys keep their order"
    return heard


@pytest.mark.parametrize("stream", (False, True), ids=("unary", "stream"))
@pytest.mark.parametrize("speaks", ALL)
@pytest.mark.parametrize("asks", ALL)
def test_T33_T34_two_parallel_calls_their_results_and_the_words(weather, asks, speaks, stream):
    g, mocks = weather
    converse(g, client_of(asks, speaks, stream))
    provider = PROVIDERS[speaks]()
    heard = check_heard(provider, mocks[speaks].requests[1])
    if speaks in IDS and asks != "ollama":  # whose clients do not say them
        assert [i for i, _, _ in heard.calls] == [IDS[speaks] % c for c in CITIES]
    if asks == "ollama" and provider.signature:  # it has no place for a signature
        assert set(heard.signatures) <= NOT_SIGNED.get(speaks, set())
        return
    if speaks != "gemini":  # which needs its signatures alone
        assert heard.reasoning == THOUGHT, "what it thought comes back to it"
    assert heard.signatures == ([provider.signature] if provider.signature else [])


@pytest.mark.parametrize("speaks", ALL)
@pytest.mark.parametrize("asks", [d for d in ALL if d not in ("gemini", "ollama")])
def test_results_in_another_order_belong_to_their_calls(weather, asks, speaks):
    g, mocks = weather
    if asks == speaks:
        pytest.skip("what the client says goes through as it is")
    converse(g, client_of(asks, speaks, True), swapped=True)
    check_heard(PROVIDERS[speaks](), mocks[speaks].requests[1])


@pytest.mark.parametrize("first, then", [(a, b) for a in ALL for b in ALL if a != b])
@pytest.mark.parametrize("asks", ALL)
def test_T34_a_conversation_that_goes_on_elsewhere_leaves_signatures_behind(weather, asks, first, then):
    g, mocks = weather
    one = client_of(asks, first, True)
    _, body = turn(g, one)
    one.give(results(one.take(body), False))
    other = client_of(asks, then, True)
    if asks in ("gemini", "bedrock-converse"):  # the model is in the path
        other.body = one.body
    else:
        one.body["model"] = other.body["model"]
        other.body = one.body
    if asks == then:
        return  # it speaks for itself, byte for byte
    facts, _ = turn(g, other)
    assert facts.first.text == ANSWER
    request = mocks[then].requests[0]
    heard = check_heard(PROVIDERS[then](), request)
    signature = PROVIDERS[first].signature
    if {first, then} == CLAUDES and asks != "ollama":  # it takes its own wherever it is served
        assert heard.signatures == [signature] and heard.reasoning == THOUGHT
        return
    assert set(heard.signatures) <= NOT_SIGNED.get(then, set())
    assert not signature or signature.encode() not in request.body


@pytest.mark.parametrize("asks", ALL)
def test_T35_a_message_starts_once_and_tells_the_input_when_it_is_known(weather, asks):
    g, _ = weather
    one = client_of("anthropic-messages", asks, True)
    _, body = turn(g, one)
    assert body.count(b"event: message_start") == 1
    if asks == "anthropic-messages":
        started = json.loads(re.search(rb"event: message_start\ndata: (.*)", body).group(1))["message"]["usage"]
        assert started["input_tokens"] + started["cache_read_input_tokens"] == 11

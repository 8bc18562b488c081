"""Counting tokens: by the provider where it speaks the client's dialect, else by the gateway's estimate."""
import pytest

import upstream as mock
from config import config, one, provider
from dialects import ANTHROPIC, GEMINI, body_of, error_of

pytestmark = pytest.mark.slow

MESSAGES, GENERATE = "/v1/messages/count_tokens", "/v1beta/models/smart:countTokens"
SMART = {"smart": ["one/m"]}


def counted(answer):
    assert answer.status == 200, answer.body
    return answer.json.get("input_tokens", answer.json.get("totalTokens"))


@pytest.mark.parametrize("path, dialect", [(MESSAGES, ANTHROPIC), (GENERATE, GEMINI)])
def test_without_a_provider_that_counts_it_is_an_estimate_and_says_so(gateway, upstream, path, dialect):
    g = gateway(one(upstream, models=SMART))
    short, long = (g.call(body_of(dialect, say=t), path) for t in ("x" * 40, "x" * 4000))
    assert 10 <= counted(short) <= 20 and 1000 <= counted(long) <= 1010
    assert "estimate" in long.headers["x-tidegate-warnings"]
    assert upstream.requests == []
    line = g.log(long)
    assert line["status"] == 200 and line["model"] == "smart"


def test_the_system_prompt_and_tools_count_too(gateway, upstream):
    g = gateway(one(upstream, models=SMART))
    plain = counted(g.call(body_of(ANTHROPIC), MESSAGES))
    tool = {"name": "now", "description": "y" * 400, "input_schema": {"type": "object"}}
    more = counted(g.call(body_of(ANTHROPIC, system="x" * 400, tools=[tool]), MESSAGES))
    assert more >= plain + 200
    plain = counted(g.call(body_of(GEMINI), GENERATE))
    more = counted(g.call(body_of(GEMINI, systemInstruction={"parts": [{"text": "x" * 400}]}), GENERATE))
    assert more >= plain + 100


@pytest.mark.parametrize("path, dialect, said, asked", [
    (MESSAGES, ANTHROPIC, {"input_tokens": 77}, "/v1/messages/count_tokens"),
    (GENERATE, GEMINI, {"totalTokens": 77}, "/v1beta/models/m:countTokens"),
])
def test_a_provider_of_the_clients_dialect_counts_itself(gateway, upstream, path, dialect, said, asked):
    upstream.always(mock.json_reply(said))
    name = {ANTHROPIC: "anthropic", GEMINI: "gemini"}[dialect]
    g = gateway(config({"one": provider(upstream.origin, extends=name)}, models=SMART))
    answer = g.call(body_of(dialect), path)
    assert counted(answer) == 77 and "x-tidegate-warnings" not in answer.headers
    assert answer.headers["x-tidegate-target"] == "one/m"
    assert upstream.last.target.split("?")[0] == asked
    if dialect == ANTHROPIC:
        assert upstream.last.json["model"] == "m"


def test_the_first_lane_that_counts_is_asked(gateway, upstreams):
    plain, counting = upstreams(), upstreams().always(mock.json_reply({"input_tokens": 5}))
    g = gateway(config({"plain": provider(plain), "one": provider(counting.origin, extends="anthropic")},
                       models={"smart": ["plain/m", "one/m"]}))
    assert counted(g.call(body_of(ANTHROPIC), MESSAGES)) == 5
    assert plain.requests == []


def test_a_provider_that_cannot_count_after_all_leaves_the_estimate(gateway, upstream):
    upstream.always(mock.json_reply({"type": "error", "error": {"type": "not_found_error", "message": "no"}}, 404))
    g = gateway(config({"one": provider(upstream.origin, extends="anthropic")}, models=SMART))
    answer = g.call(body_of(ANTHROPIC, say="x" * 400), MESSAGES)
    assert counted(answer) >= 100 and "estimate" in answer.headers["x-tidegate-warnings"]


def test_what_cannot_be_counted_is_refused_in_the_clients_words(gateway, upstream):
    g = gateway(one(upstream, models=SMART))
    error_of(ANTHROPIC, g.call({"model": "smart"}, MESSAGES), 400)
    error_of(ANTHROPIC, g.call(body_of(ANTHROPIC, model="nope"), MESSAGES), 404)
    error_of(GEMINI, g.call(body_of(GEMINI), "/v1beta/models/nope:countTokens"), 404)
    error_of(GEMINI, g.get(GENERATE), 405)

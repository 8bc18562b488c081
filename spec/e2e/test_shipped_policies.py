"""The policies that the program carries: each as it is, or as a copy beside gateway.lua with its constants changed."""
import os

import pytest

import upstream as mock
from config import config, provider
from expect import clean_stream, openai_error
from gateway import ROOT
from test_policies import text_of

pytestmark = pytest.mark.slow

NAMES = ("groq", "openai")


def shipped(name, **changes):
    """a copy of the file, with other values for some of the constants at its top"""
    with open(os.path.join(ROOT, "scripts", "policies", name + ".lua"), encoding="utf-8") as file:
        lines = file.read().split("\n")
    for constant, value in changes.items():
        found = [i for i, line in enumerate(lines) if line.startswith("local %s = " % constant)]
        assert len(found) == 1, constant
        lines[found[0]] = "local %s = %s" % (constant, value)
    return {"scripts/policies/%s.lua" % name: "\n".join(lines)}


@pytest.fixture
def three(upstreams):
    """mocks named as the shipped policies name their providers, each answering with its name"""
    made = {name: upstreams() for name in NAMES}
    for name, one in made.items():
        one.always(lambda r, name=name: mock.tokens("from ", name) if r.json.get("stream")
                   else mock.chat("from " + name))
    return made


def policed(three, name, **settings):
    return config({n: provider(u, "sk-canary-" + n) for n, u in three.items()}, policy=name, **settings)


def test_cheap_first_sends_short_plain_questions_to_cheap_models(gateway, three):
    g = gateway(policed(three, "cheap_first"))
    answer = g.chat("auto")
    assert text_of(answer) == "from groq" and answer.headers["x-tidegate-policy"] == "cheap_first@1"
    clean_stream(g.chat("auto", stream=True), "from groq")
    assert text_of(g.chat("auto", text="x" * 9000)) == "from openai"
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    assert text_of(g.chat("auto", tools=[tool])) == "from openai"
    three["groq"].always(mock.error(500))
    assert text_of(g.chat("auto")) == "from openai"


def test_by_header_lets_the_client_choose(gateway, three):
    g = gateway(policed(three, "by_header", models={"usual": ["openai/gpt-4o"]}))
    body = {"model": "usual", "messages": []}
    assert text_of(g.call(body)) == "from openai"
    assert text_of(g.call(body, headers={"x-tier": "fast"})) == "from groq"
    assert text_of(g.call(body, headers={"x-tier": "good"})) == "from openai"
    openai_error(g.call(body, headers={"x-tier": "best"}), 400, "fast or good")


def test_canary_takes_a_share_of_the_users_and_always_the_same(gateway, three):
    g = gateway(policed(three, "canary"), files=shipped("canary", PERCENT=30, NEW='"groq/new"'))
    users = ["user-%d" % i for i in range(150)]
    first = [text_of(g.chat("auto", user=user)) for user in users]
    assert 20 <= first.count("from groq") <= 70 and first.count("from openai") == 150 - first.count("from groq")
    assert [text_of(g.chat("auto", user=user)) for user in users[:20]] == first[:20]
    three["groq"].always(mock.error(500))
    assert text_of(g.chat("auto", user=users[first.index("from groq")])) == "from openai"


def test_canary_goes_by_the_client_where_there_is_no_user(gateway, three):
    g = gateway(policed(three, "canary", clients=[{"key": "k1", "name": "app"}]),
                files=shipped("canary", PERCENT=100, NEW='"groq/new"'))
    answer = g.call({"model": "auto", "messages": []}, headers={"Authorization": "Bearer k1"})
    assert text_of(answer) == "from groq"


def test_shadow_sends_a_copy_and_answers_as_usual(gateway, three):
    g = gateway(policed(three, "shadow", models={"usual": ["openai/gpt-4o"]}), files=shipped("shadow", RATIO=1))
    for _ in range(3):
        assert text_of(g.chat("usual")) == "from openai"
    from wire import wait_until
    wait_until("three copies", lambda: len(three["groq"].requests) == 3)
    assert three["groq"].last.json["model"] == "llama-3.3-70b-versatile"


def test_json_or_else_shows_only_json(gateway, three):
    wanted = {"response_format": {"type": "json_object"}}
    three["openai"].always(lambda r: mock.tokens('{"a":', "1}") if r.json.get("stream") else mock.chat('{"a":1}'))
    g = gateway(policed(three, "json_or_else", models={"usual": ["groq/x"]}))
    answer = g.chat("usual", **wanted)
    assert text_of(answer) == '{"a":1}' and answer.headers["x-tidegate-target"] == "openai/gpt-4o-mini"
    clean_stream(g.chat("usual", stream=True, **wanted), '{"a":1}')
    assert text_of(g.chat("usual")) == "from groq"

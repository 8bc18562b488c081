"""What must survive between two dialects, in requests: each feature from a client of each dialect to a provider of each.
What a provider cannot take is named in x-tidegate-warnings; nothing is dropped in silence."""
import base64
import re

import pytest

import upstream as mock
from asked import read
from config import config
from dialects import ALL, ANTHROPIC, GEMINI, OPENAI, RESPONSES, adapter_file, path_of, reply
import features_settings  # noqa: F401  they add to FEATURES
import features_turns  # noqa: F401
from features import FEATURES, PDF, PNG, dumps

pytestmark = pytest.mark.slow

BARE = {OPENAI: "chat", RESPONSES: "responses", ANTHROPIC: "claude", GEMINI: "google"}
# What each model takes is its family's matter, but it is carried, or warned of.
MODELS = {
    OPENAI: ("chat/m", "openai/gpt-4.1", "openai/gpt-5.1", "openai/o3", "deepseek/deepseek-v4-pro", "openrouter/x/y",
             "mistral/mistral-large", "groq/llama"),
    RESPONSES: ("responses/m", "openai/gpt-5.5-pro"),
    ANTHROPIC: ("claude/m", "anthropic/claude-sonnet-4-5", "anthropic/claude-opus-5-5", "anthropic/claude-3-haiku"),
    GEMINI: ("google/m", "gemini/gemini-2.5-flash", "gemini/gemini-3.5-flash", "gemini/gemini-2.0-flash"),
}
SHIPPED = {"openai": "/v1", "deepseek": "", "openrouter": "/v1", "mistral": "/v1", "groq": "/v1", "anthropic": "",
        "gemini": ""}


ENDS = ((OPENAI, "/chat/completions"), (RESPONSES, "/responses"), (ANTHROPIC, "/messages"))


def served(request):
    """the dialect that it speaks"""
    return next((dialect for dialect, end in ENDS if request.path.endswith(end)), GEMINI)


def answer_of(request):
    if request.method == "GET":
        data, mime = (PDF, "application/pdf") if request.path.endswith(".pdf") else (PNG, "image/png")
        return mock.Reply(headers={"content-type": mime}, pieces=[base64.b64decode(data)])
    return reply(served(request))


@pytest.fixture
def survey(gateway, upstream):
    """a function: one request of a client to a model; the answer, and the body that the provider got"""
    upstream.always(answer_of)
    files = {}
    for dialect, name in BARE.items():
        files |= adapter_file(name, dialect)
    providers = {name: {"base_url": upstream.origin, "keys": ["sk-canary-one"]} for name in BARE.values()}
    providers |= {name: {"base_url": upstream.origin + path, "keys": ["sk-canary-one"]} for name,
            path in SHIPPED.items()}
    one = gateway(config(providers, media={"allow": [upstream.origin]}), files=files)

    def ask(client, model, body):
        count = len(upstream.requests)
        data = dumps(body).replace(b"@FILES@", upstream.origin.encode())
        answer = one.call(data, path_of(client, model), headers={"content-type": "application/json"})
        posts = [r for r in upstream.requests[count:] if r.method == "POST"]
        return answer, posts[-1] if posts else None
    return ask


def body_for(client, model, members):
    body = {} if client == GEMINI else {"model": model}
    if client == GEMINI:
        body["contents"] = [{"role": "user", "parts": [{"text": "hi"}]}]
    elif client == RESPONSES:
        body["input"] = "hi"
    else:
        body["messages"] = [{"role": "user", "content": "hi"}]
    if client == ANTHROPIC:
        body["max_tokens"] = 64
    return body | members


def outcome(survey, feature, client, provider, model):
    """carried, warned, refused, silent, or what is wrong"""
    answer, request = survey(client, model, body_for(client, model, feature.bodies[client]))
    if answer.status == 400 and feature.word and re.search(feature.word, answer.body.decode()):
        return "refused"
    if answer.status != 200 or not request:
        return "status %d: %s" % (answer.status, answer.body[:300])
    warning = answer.headers.get("x-tidegate-warnings", "")
    if served(request) == client:
        return "passed"
    try:
        asked = read(served(request), request.body)
        arrived = feature.arrived(asked, served(request))
    except (AssertionError, KeyError, TypeError, IndexError, ValueError) as wrong:
        return "not to be read: %r in %s" % (wrong, request.body[:600])
    if arrived:
        return "carried"
    if feature.word and re.search(feature.word, warning):
        return "warned"
    if provider in feature.silent:
        return "silent"
    return "LOST (%s) in %s" % (warning, request.body.decode()[:700])


def wanted(feature, provider, model):
    if model != "%s/m" % BARE[provider]:
        return ("carried", "warned", "refused", "silent", "passed")
    return ("carried",) if provider in feature.to else ("carried", "warned", "refused", "silent")


@pytest.mark.parametrize("provider", ALL)
@pytest.mark.parametrize("client", ALL)
def test_nothing_is_dropped_in_silence(survey, client, provider, record_property):
    if client == provider:
        pytest.skip("passed through")
    wrong, table = [], []
    for feature in FEATURES:
        if client not in feature.bodies:
            continue
        for model in MODELS[provider]:
            seen = outcome(survey, feature, client, provider, model)
            table.append([feature.name, client, model, seen.split(" ")[0]])
            if seen not in wanted(feature, provider, model):
                wrong.append("%s to %s: %s: %s" % (client, model, feature.name, seen))
    record_property("survives", table)
    assert len(table) > 80
    assert not wrong, "%d are wrong:\n%s" % (len(wrong), "\n".join(wrong))

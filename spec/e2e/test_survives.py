"""What must survive between two dialects, in requests: each feature from a client of each dialect to a provider of each.
What a provider cannot take is named in x-tidegate-warnings; nothing is dropped in silence."""
import base64
import re

import pytest

import upstream as mock
from asked import read
from config import config
from conformance import NEEDS
from conformance import ask as least
from dialects import ANTHROPIC, GEMINI, OPENAI, RESPONSES, adapter_file, reply
from facts import ALL
from weather_others import PROVIDERS
import features_settings  # noqa: F401  they add to FEATURES
import features_others  # noqa: F401
import features_turns  # noqa: F401
from features import FEATURES, PDF, PNG, dumps

pytestmark = pytest.mark.slow

BEDROCK, COHERE, OLLAMA = "bedrock-converse", "cohere-v2", "ollama"
BARE = {OPENAI: "chat", RESPONSES: "responses", ANTHROPIC: "claude", GEMINI: "google", BEDROCK: "converse", COHERE: "command",
        OLLAMA: "llama"}
# What each model takes is its family's matter, but it is carried, or warned of.
MODELS = {
    OPENAI: ("chat/m", "openai/gpt-4.1", "openai/gpt-5.1", "openai/o3", "deepseek/deepseek-v4-pro", "openrouter/x/y",
             "mistral/mistral-large", "groq/llama"),
    RESPONSES: ("responses/m", "openai/gpt-5.5-pro"),
    ANTHROPIC: ("claude/m", "anthropic/claude-sonnet-4-5", "anthropic/claude-opus-5-5", "anthropic/claude-3-haiku"),
    GEMINI: ("google/m", "gemini/gemini-2.5-flash", "gemini/gemini-3.5-flash", "gemini/gemini-2.0-flash"),
    BEDROCK: ("converse/m", "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock/us.amazon.nova-2-lite-v1:0",
              "bedrock/openai.gpt-oss-120b-1:0", "bedrock/amazon.titan-text-lite-v1"),
    COHERE: ("command/m", "cohere/command-a-reasoning-08-2025", "cohere/command-a-03-2025", "cohere/command-a-vision-07-2025"),
    OLLAMA: ("llama/m", "ollama/qwen3:4b", "ollama/gpt-oss:20b", "ollama/llama3.2"),
}
SHIPPED = {"openai": "/v1", "deepseek": "", "openrouter": "/v1", "mistral": "/v1", "groq": "/v1", "anthropic": "",
        "gemini": "", "bedrock": "", "cohere": "", "ollama": ""}


ENDS = ((OPENAI, "/chat/completions"), (RESPONSES, "/responses"), (ANTHROPIC, "/messages"), (BEDROCK, "/converse"),
        (COHERE, "/v2/chat"), (OLLAMA, "/api/chat"))
TOLD = {BEDROCK: {"messages": [{"content": [{"toolResult": {}}]}]}}  # so that they say their last words


def served(request):
    """the dialect that it speaks"""
    return next((dialect for dialect, end in ENDS if request.path.endswith(end)), GEMINI)


def answer_of(request):
    if request.method == "GET":
        data, mime = (PDF, "application/pdf") if request.path.endswith(".pdf") else (PNG, "image/png")
        return mock.Reply(headers={"content-type": mime}, pieces=[base64.b64decode(data)])
    dialect = served(request)
    if dialect in (BEDROCK, COHERE, OLLAMA):
        asked = {**TOLD.get(dialect, {"messages": [{"role": "tool"}]}), "stream": False}
        return PROVIDERS[dialect]().answer(type("Asked", (), {"json": asked, "target": request.target}))
    return reply(dialect)


@pytest.fixture(scope="module")
def survey(lasting):
    """a function: one request of a client to a model; the answer, and the body that the provider got"""
    upstream = lasting.upstream()
    upstream.always(answer_of)
    files = {}
    for dialect, name in BARE.items():
        files |= adapter_file(name, dialect)
    providers = {name: {"base_url": upstream.origin, "keys": ["sk-canary-one"]} for name in BARE.values()}
    providers |= {name: {"base_url": upstream.origin + path, "keys": ["sk-canary-one"], **NEEDS.get(name, {})}
                  for name, path in SHIPPED.items()}
    one = lasting(config(providers, media={"allow": [upstream.origin]}), files=files)

    def ask(client, model, body):
        count = len(upstream.requests)
        data = dumps(body).replace(b"@FILES@", upstream.origin.encode())
        answer = one.call(data, least(client, model, False)[0], headers={"content-type": "application/json"})
        posts = [r for r in upstream.requests[count:] if r.method == "POST"]
        return answer, posts[-1] if posts else None
    return ask


def body_for(client, model, members):
    body = least(client, model, False)[1]
    if client != OLLAMA:
        body.pop("stream", None)
    return body | members


# What the three of few words leave out as everybody does, or cannot say otherwise.
SAME = {
    "service_tier default": lambda asked: asked.service_tier is None,
    "effort minimal": lambda asked: asked.effort == "low",
    "effort max": lambda asked: asked.effort == "high" and asked.thinks,  # there is none above it
    "effort xhigh": lambda asked: asked.effort in ("max", "high"),
    "tool_choice none": lambda asked: not asked.tools,
    "tool_choice auto": lambda asked: asked.choice is None and len(asked.tools) == 3,
    "tool_choice of several, auto": lambda asked: asked.choice is None and sorted(asked.tools) == ["time", "weather"],
    "a name of a file": lambda asked: asked.filename == "r",  # a name without dots
    "system": lambda asked: asked.said("user") == "Be brief.\nhi",
    "developer": lambda asked: asked.said("user") == "Be brief.\nhi",
    "system in several pieces": lambda asked: asked.said("user").split() == ["One.", "Two.", "Three.", "hi"],
}
SAME["a result that failed"] = lambda asked: any(t.startswith("Error:") and "no such city" in t for _, t in asked.results)
SAME["a cache marker of the request"] = lambda asked: asked.cached == ["hi"]  # behind the last of it
FOREIGN = re.compile("a (thought|signature|seal) of")  # what others have signed is left behind by everybody
DROPPED = (("picture|image", "image"), ("PDF|file|document", "document|file"), ("tool|call|result|ids", r"\btools\b"),
           ("sound", "audio"), ("schema", "response_format"))


def is_told(feature, warning):
    """what a model cannot take at all is named by its kind"""
    words = [feature.word] if feature.word else []
    words += [word for name, word in DROPPED if re.search(name, feature.name)]
    return any(re.search(word, warning) for word in words)


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
    if is_told(feature, warning):
        return "warned"
    is_newer = provider in (BEDROCK, COHERE, OLLAMA)
    if provider in feature.silent or is_newer and (len(feature.silent) == 4 or FOREIGN.match(feature.name)):
        return "silent"
    if is_newer and feature.name in SAME and SAME[feature.name](asked):
        return "carried"
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
    assert len(table) > 20
    assert not wrong, "%d are wrong:\n%s" % (len(wrong), "\n".join(wrong))

"""The official ollama package for Python against providers of each dialect, and against Ollama's server. T-38."""
import asyncio
import base64
import json

import pytest

import upstream as mock
from chain import KEY
from facts import DIALECTS
from gateway import LIMIT
from test_ollama import PNG, before, behind, end, line, lines

ollama = pytest.importorskip("ollama")

pytestmark = pytest.mark.sdk
each_dialect = pytest.mark.parametrize("speaks", DIALECTS)
CITIES = ["Paris", "Tokyo"]
WEATHER = "What is the weather in Paris and in Tokyo?"


def get_weather(city: str) -> str:
    """The weather of a city.

    Args:
      city: its name
    """
    return "fine in " + city


def user(text, **more):
    return {"role": "user", "content": text, **more}


def client_of(origin, kind=None):
    return (kind or ollama.Client)(host=origin, headers={"Authorization": "Bearer " + KEY}, timeout=LIMIT)


@pytest.fixture(scope="module")
def sdk(chain):
    return client_of(chain.origin)


@pytest.fixture
def model(chain, speaks):
    return chain.model(speaks)


def origin_of(g):
    return g.url.removesuffix("/v1")


@each_dialect
def test_T38_an_answer_and_its_stream_say_the_same(sdk, model):
    asked = {"model": model, "messages": [{"role": "system", "content": "Be brief."}, user("hello")],
             "options": {"temperature": 0.5, "num_predict": 200}, "keep_alive": "5m"}
    whole = sdk.chat(**asked)
    assert "hello" in whole.message.content and whole.done and whole.done_reason == "stop" and whole.created_at
    assert whole.prompt_eval_count > 0 and whole.eval_count > 0 and whole.eval_duration > 0 and whole.total_duration > 0
    parts = list(sdk.chat(**asked, stream=True))
    assert "".join(part.message.content for part in parts) == whole.message.content and len(parts) > 2
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].eval_count == whole.eval_count and parts[-1].done_reason == "stop"


@each_dialect
def test_T38_a_prompt_is_answered(sdk, model):
    whole = sdk.generate(model=model, prompt="hello", system="Be brief.")
    assert "hello" in whole.response and whole.done_reason == "stop" and whole.eval_count > 0
    assert "".join(part.response for part in sdk.generate(model=model, prompt="hello", system="Be brief.", stream=True)) \
        == whole.response


@each_dialect
def test_T38_a_limit_is_told(sdk, model):
    options = {"num_predict": 3}
    assert sdk.chat(model=model, messages=[user("hello")], options=options).done_reason == "length"
    assert list(sdk.generate(model=model, prompt="hello", options=options, stream=True))[-1].done_reason == "length"


@each_dialect
@pytest.mark.parametrize("stream", (False, True), ids=("unary", "stream"))
def test_T38_tools_are_called_and_their_results_read(sdk, model, stream):
    messages, calls = [user(WEATHER)], []
    answer = sdk.chat(model=model, messages=messages, tools=[get_weather], stream=stream)
    for part in answer if stream else [answer]:
        calls += part.message.tool_calls or []
        if part.message.tool_calls:
            messages.append(part.message)
    assert [call.function.arguments for call in calls] == [{"city": city} for city in CITIES]
    for call in calls:
        messages.append({"role": "tool", "tool_name": call.function.name, "content": get_weather(**call.function.arguments)})
    said = sdk.chat(model=model, messages=messages, tools=[get_weather]).message.content
    assert "fine in Paris" in said and "fine in Tokyo" in said


@each_dialect
def test_T38_an_answer_in_json(sdk, model):
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "people": {"type": "integer"}},
              "required": ["name", "people"]}
    city = json.loads(sdk.chat(model=model, messages=[user("a city, as JSON")], format=schema).message.content)
    assert isinstance(city["name"], str) and isinstance(city["people"], int)


@each_dialect
def test_T38_pictures_are_taken(sdk, model):
    picture = base64.b64decode(PNG)
    assert "look" in sdk.chat(model=model, messages=[user("look", images=[picture])]).message.content
    assert "look" in sdk.generate(model=model, prompt="look", images=[picture]).response


@each_dialect
def test_T38_asynchronous_clients(chain, model):
    async def both():
        client = client_of(chain.origin, ollama.AsyncClient)
        whole = await client.chat(model=model, messages=[user("hello")])
        parts = [part async for part in await client.chat(model=model, messages=[user("hello")], stream=True)]
        return whole.message.content, "".join(part.message.content for part in parts)
    whole, streamed = asyncio.run(both())
    assert "hello" in whole and whole == streamed


@each_dialect
def test_T38_T37_errors_are_the_sdks_own(chain, sdk, speaks):
    for status in (400, 429):
        for stream in (False, True):
            with pytest.raises(ollama.ResponseError) as raised:
                list(sdk.chat(model=chain.model(speaks, "error-%d" % status), messages=[user("hi")], stream=stream))
            assert raised.value.status_code == status and raised.value.error
    with pytest.raises(ollama.ResponseError) as raised:
        list(sdk.chat(model=chain.model(speaks, "cut"), messages=[user("hello")], stream=True))
    assert raised.value.error


def test_T38_T37_errors_of_the_gateway_are_the_sdks_own(chain, sdk):
    for ask in (lambda: sdk.chat(model="nope", messages=[user("hi")]), lambda: sdk.show("nope")):
        with pytest.raises(ollama.ResponseError) as raised:
            ask()
        assert raised.value.status_code == 404 and "model 'nope' not found" in raised.value.error
    with pytest.raises(ollama.ResponseError) as raised:
        sdk.chat(model=chain.model("openai-chat"), messages=[{"role": "robot", "content": "hi"}])
    assert raised.value.status_code == 400
    with pytest.raises(ollama.ResponseError) as raised:
        ollama.Client(host=chain.origin).chat(model="x", messages=[user("hi")])
    assert raised.value.status_code == 401


def test_T38_models_are_listed_and_shown(sdk):
    models = sdk.list().models
    assert "on_gemini/gemini-2.5-pro" in [m.model for m in models]
    assert all(m.digest and m.modified_at and m.details.family for m in models)
    shown = sdk.show("on_gemini/gemini-2.5-pro")
    assert shown.details.family == "on_gemini" and "completion" in shown.capabilities and shown.modelinfo
    assert sdk.ps().models == []


def test_T38_vectors(gateway, upstream):
    upstream.always(mock.embeddings(((0.5, -0.25), (1, 2))))
    sdk = client_of(origin_of(before(gateway, upstream)))
    answer = sdk.embed(model="smart", input=["a", "b"])
    assert [list(v) for v in answer.embeddings] == [[0.5, -0.25], [1, 2]] and answer.prompt_eval_count == 4
    upstream.always(mock.embeddings())
    assert list(sdk.embeddings(model="smart", prompt="a").embedding) == [0.5, -0.25]


def test_T38_a_model_is_loaded(gateway, upstream):
    sdk = client_of(origin_of(before(gateway, upstream)))
    assert sdk.generate(model="smart").done_reason == "load"
    assert sdk.chat(model="smart", messages=[], keep_alive=0).done_reason == "unload"
    assert [part.done_reason for part in sdk.generate(model="smart", stream=True)] == ["load"]


def test_T38_thoughts_and_probabilities_of_ollamas_server(gateway, upstream):
    upstream.always(lines(line(thinking="h"), line(thinking="m"),
                          line({"logprobs": [{"token": "hello", "logprob": -1.5}]}, content="hello"), end()))
    sdk = client_of(origin_of(behind(gateway, upstream)))
    parts = list(sdk.chat(model="smart", messages=[user("hi")], think="high", logprobs=True, stream=True))
    assert "".join(part.message.thinking or "" for part in parts) == "hm"
    assert parts[2].message.content == "hello" and parts[2].logprobs[0].logprob == -1.5
    assert upstream.last.json["think"] == "high" and upstream.last.json["logprobs"] is True


def test_T38_thoughts_of_others(gateway, upstream):
    upstream.always(mock.stream(mock.role(), mock.chunk([{"index": 0, "delta": {"reasoning_content": "hm"}, "finish_reason": None}]),
                                mock.delta("hello"), mock.finish(), mock.DONE))
    sdk = client_of(origin_of(before(gateway, upstream)))
    parts = list(sdk.chat(model="smart", messages=[user("hi")], think="low", stream=True))
    assert "".join(part.message.thinking or "" for part in parts) == "hm"
    assert "".join(part.message.content or "" for part in parts) == "hello"
    assert upstream.last.json["reasoning_effort"] == "low"

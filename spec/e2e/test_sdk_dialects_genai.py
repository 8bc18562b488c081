"""The official google-genai package for Python against providers of each dialect. T-38."""
import asyncio
import base64
from typing import Literal

import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from chain import KEY
from facts import DIALECTS
from gateway import LIMIT

pytestmark = [pytest.mark.sdk, pytest.mark.parametrize("speaks", DIALECTS)]
CITIES = ["Paris", "Tokyo"]
WEATHER = "What is the weather in Paris and in Tokyo?"
BRIEF = types.GenerateContentConfig(system_instruction="Be brief.", temperature=0.5, max_output_tokens=200)
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")


class City(BaseModel):
    name: str
    people: int
    kind: Literal["town", "city"]
    streets: list[str]


@pytest.fixture(scope="module")
def sdk(chain):
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=chain.origin, timeout=LIMIT * 1000))
    yield client
    client.close()


@pytest.fixture
def model(chain, speaks):
    return chain.model(speaks)


def test_T38_an_answer_and_its_stream_say_the_same(sdk, model):
    whole = sdk.models.generate_content(model=model, contents="hello", config=BRIEF)
    assert "hello" in whole.text and whole.candidates[0].finish_reason == types.FinishReason.STOP
    assert whole.usage_metadata.prompt_token_count > 0 and whole.usage_metadata.candidates_token_count > 0
    chunks = list(sdk.models.generate_content_stream(model=model, contents="hello", config=BRIEF))
    assert len(chunks) > 1 and "".join(c.text or "" for c in chunks) == whole.text
    reasons = [c.candidates[0].finish_reason for c in chunks if c.candidates and c.candidates[0].finish_reason]
    assert reasons == [types.FinishReason.STOP]
    assert chunks[-1].usage_metadata.candidates_token_count == whole.usage_metadata.candidates_token_count


def test_T38_a_limit_is_told(sdk, model):
    config = types.GenerateContentConfig(max_output_tokens=3)
    answer = sdk.models.generate_content(model=model, contents="hello", config=config)
    assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS


def test_T38_a_chat_keeps_its_history(sdk, model):
    chat = sdk.chats.create(model=model)
    assert "one" in chat.send_message("one").text
    said = "".join(chunk.text or "" for chunk in chat.send_message_stream("two"))
    assert "two" in said and chat.get_history()[2].role == "user" and chat.get_history()[-1].role == "model"
    assert "three" in chat.send_message("three").text


def test_T38_a_function_is_called_by_itself(sdk, model):
    seen = []

    def get_weather(city: str) -> str:
        """The weather of a city."""
        seen.append(city)
        return "fine in " + city
    config = types.GenerateContentConfig(tools=[get_weather])
    answer = sdk.models.generate_content(model=model, contents=WEATHER, config=config)
    assert seen == CITIES and "fine in Paris" in answer.text and "fine in Tokyo" in answer.text
    assert len(answer.automatic_function_calling_history) == 3
    seen.clear()
    chunks = list(sdk.models.generate_content_stream(model=model, contents=WEATHER, config=config))
    assert seen == CITIES and "fine in Tokyo" in "".join(c.text or "" for c in chunks)
    seen.clear()
    chat = sdk.chats.create(model=model, config=config)
    assert "fine in Tokyo" in chat.send_message(WEATHER).text and seen == CITIES
    assert "goodbye" in chat.send_message("goodbye", config=types.GenerateContentConfig()).text


@pytest.mark.parametrize("stream", (False, True), ids=("unary", "stream"))
def test_T38_function_declarations_and_their_results(sdk, model, stream):
    declared = types.FunctionDeclaration(name="get_weather", description="The weather of a city.", parameters=types.Schema(
        type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)}, required=["city"]))
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declared])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True))
    history = [types.Content(role="user", parts=[types.Part(text=WEATHER)])]
    if stream:
        chunks = list(sdk.models.generate_content_stream(model=model, contents=history, config=config))
    else:
        chunks = [sdk.models.generate_content(model=model, contents=history, config=config)]
    calls = [call for chunk in chunks for call in chunk.function_calls or ()]
    assert [c.args for c in calls] == [{"city": c} for c in CITIES] and {c.name for c in calls} == {"get_weather"}
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or ()]
    results = [types.Part(function_response=types.FunctionResponse(
        id=c.id, name=c.name, response={"result": "fine in " + c.args["city"]})) for c in calls]
    history += [types.Content(role="model", parts=parts), types.Content(role="user", parts=results)]
    answer = sdk.models.generate_content(model=model, contents=history, config=config)
    assert "fine in Paris" in answer.text and "fine in Tokyo" in answer.text


def test_T38_a_function_may_be_demanded_or_forbidden(sdk, model):
    declared = [types.FunctionDeclaration(name=n, description=d, parameters_json_schema={
        "type": "object", "properties": {"city": {"type": "string"}}}) for n, d in (("get_weather", "x"), ("other", "hello"))]

    def ask(**choice):
        return sdk.models.generate_content(model=model, contents="hello", config=types.GenerateContentConfig(
            tools=[types.Tool(function_declarations=declared)], tool_config=types.ToolConfig(
                function_calling_config=types.FunctionCallingConfig(**choice))))
    assert {c.name for c in ask(mode="ANY", allowed_function_names=["get_weather"]).function_calls} == {"get_weather"}
    assert not ask(mode="NONE").function_calls


@pytest.mark.parametrize("how", ("response_schema", "response_json_schema"))
def test_T38_parsed_output(sdk, model, how):
    schema = City if how == "response_schema" else City.model_json_schema()
    answer = sdk.models.generate_content(model=model, contents="a city", config=types.GenerateContentConfig(
        response_mime_type="application/json", **{how: schema}))
    assert isinstance(City.model_validate_json(answer.text), City)
    assert how == "response_json_schema" or isinstance(answer.parsed, City)


def test_T38_a_list_may_be_asked_for(sdk, model):
    answer = sdk.models.generate_content(model=model, contents="cities", config={
        "response_mime_type": "application/json", "response_schema": list[City]})
    assert answer.parsed and all(isinstance(one, City) for one in answer.parsed)


def test_T38_an_image_goes_in(sdk, model):
    contents = [types.Part.from_bytes(data=PNG, mime_type="image/png"), "what is this?"]
    assert "what is this?" in sdk.models.generate_content(model=model, contents=contents).text


def test_T38_thinking_may_be_asked_for(sdk, model):
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=1024),
                                         max_output_tokens=3000)
    assert "hello" in sdk.models.generate_content(model=model, contents="hello", config=config).text


def test_T38_tokens_are_counted(sdk, model):
    short = sdk.models.count_tokens(model=model, contents="hello").total_tokens
    assert 0 < short < sdk.models.count_tokens(model=model, contents="hello " * 200).total_tokens


def test_T38_the_list_of_models(sdk, speaks):
    names = [m.name for m in sdk.models.list(config={"page_size": 1})]
    assert len(names) == len(set(names)) > 1, speaks
    assert sdk.models.get(model=names[-1]).name == names[-1]


# ---- errors ------------------------------------------------------------------------------------
ERRORS = [(400, errors.ClientError), (404, errors.ClientError), (429, errors.ClientError), (500, errors.ServerError)]
STATUS = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 500: None}


@pytest.mark.parametrize("status, kind", ERRORS, ids=[str(s) for s, _ in ERRORS])
def test_T38_errors_are_typed(chain, sdk, speaks, status, kind):
    model = chain.model(speaks, "error-%d" % status)
    for ask in (sdk.models.generate_content, lambda **more: list(sdk.models.generate_content_stream(**more))):
        with pytest.raises(kind) as caught:
            ask(model=model, contents="hello")
        assert caught.value.code == (502 if status == 500 else status)
        assert STATUS[status] in (None, caught.value.status)
        assert "The mock was asked to answer" in caught.value.message


def test_T38_our_own_errors_are_typed(chain, sdk, speaks):
    with pytest.raises(errors.ClientError) as caught:
        sdk.models.generate_content(model="no-such-" + speaks, contents="hello")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
    stranger = genai.Client(api_key="wrong", http_options=types.HttpOptions(base_url=chain.origin))
    with pytest.raises(errors.ClientError) as caught:
        stranger.models.generate_content(model=chain.model(speaks), contents="hello")
    assert caught.value.code in (400, 401) and caught.value.status


def test_T38_a_stream_that_is_cut_is_an_exception_after_its_text(chain, sdk, speaks):
    text = []
    with pytest.raises(errors.APIError):
        for chunk in sdk.models.generate_content_stream(model=chain.model(speaks, "cut"), contents="hello"):
            text.append(chunk.text or "")
    assert any(text)


def test_T38_the_asynchronous_client(chain, model):
    async def ask():
        client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=chain.origin)).aio
        whole = await client.models.generate_content(model=model, contents="hello")
        pieces = [c.text or "" async for c in await client.models.generate_content_stream(model=model, contents="hello")]
        await client.aclose()
        return whole.text, "".join(pieces)
    whole, streamed = asyncio.run(ask())
    assert whole == streamed and "hello" in whole

"""The official openai package for Python against providers of each dialect. T-38."""
import json
from typing import Literal

import openai
import pytest
from pydantic import BaseModel

from chain import KEY
from facts import DIALECTS
from gateway import LIMIT

pytestmark = [pytest.mark.sdk, pytest.mark.parametrize("speaks", DIALECTS)]
HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
WEATHER = "What is the weather in Paris and in Tokyo?"
CITIES = ["Paris", "Tokyo"]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
IMAGE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


class Person(BaseModel):
    name: str
    age: int


class City(BaseModel):
    name: str
    people: int
    kind: Literal["town", "city"]
    mayor: Person | None
    streets: list[str]


class GetWeather(BaseModel):
    """The weather of a city."""
    city: str


@pytest.fixture(scope="module")
def sdk(chain):
    with openai.OpenAI(base_url=chain.url, api_key=KEY, max_retries=0, timeout=LIMIT) as client:
        yield client


@pytest.fixture
def model(chain, speaks):
    return chain.model(speaks)


def cities(calls):
    return [json.loads(c.arguments)["city"] for c in calls]


# ---- chat completions --------------------------------------------------------------------------
def test_T38_chat_and_its_stream_say_the_same(sdk, model):
    whole = sdk.chat.completions.create(model=model, messages=HELLO, max_completion_tokens=200, temperature=0.5)
    choice, usage = whole.choices[0], whole.usage
    assert "hello" in choice.message.content and choice.message.role == "assistant" and choice.finish_reason == "stop"
    assert usage.prompt_tokens > 0 and usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    chunks = list(sdk.chat.completions.create(model=model, messages=HELLO, max_completion_tokens=200, temperature=0.5,
                                              stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == choice.message.content
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert [c.usage.completion_tokens for c in chunks if c.usage] == [usage.completion_tokens]
    assert len({c.id for c in chunks}) == 1 and {c.object for c in chunks} == {"chat.completion.chunk"}


def test_T38_chat_that_reaches_its_limit_says_so(sdk, model):
    assert sdk.chat.completions.create(model=model, messages=HELLO, max_tokens=3).choices[0].finish_reason == "length"
    chunks = list(sdk.chat.completions.create(model=model, messages=HELLO, max_tokens=3, stream=True))
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "length"


def test_T38_the_stream_helper_of_chat(sdk, model):
    with sdk.chat.completions.stream(model=model, messages=HELLO) as stream:
        deltas = [e.delta for e in stream if e.type == "content.delta"]
        final = stream.get_final_completion()
    assert len(deltas) > 1 and "".join(deltas) == final.choices[0].message.content


def test_T38_chat_with_parsed_output(sdk, model):
    parsed = sdk.chat.completions.parse(model=model, messages=HELLO, response_format=City).choices[0].message.parsed
    assert isinstance(parsed, City)
    with sdk.chat.completions.stream(model=model, messages=HELLO, response_format=City) as stream:
        for _ in stream:
            pass
        assert stream.get_final_completion().choices[0].message.parsed == parsed


@pytest.mark.parametrize("stream", (False, True), ids=("unary", "stream"))
def test_T38_tools_in_chat_with_their_helper(sdk, model, stream):
    tools = [openai.pydantic_function_tool(GetWeather, name="get_weather")]
    messages = [{"role": "user", "content": WEATHER}]
    if stream:
        with sdk.chat.completions.stream(model=model, messages=messages, tools=tools) as helper:
            done = [e.parsed_arguments for e in helper if e.type == "tool_calls.function.arguments.done"]
            first = helper.get_final_completion().choices[0]
        assert [one.city for one in done] == CITIES
    else:
        first = sdk.chat.completions.parse(model=model, messages=messages, tools=tools).choices[0]
    assert first.finish_reason == "tool_calls"
    assert [c.function.parsed_arguments for c in first.message.tool_calls] == [GetWeather(city=c) for c in CITIES]
    messages += [first.message, *({"role": "tool", "tool_call_id": c.id, "content": "fine in %s" % n}
                                  for c, n in zip(first.message.tool_calls, CITIES))]
    second = sdk.chat.completions.create(model=model, messages=messages, tools=tools).choices[0]
    assert "fine in Paris; fine in Tokyo" in second.message.content and second.finish_reason == "stop"


def test_T38_a_tool_may_be_demanded_or_forbidden_in_chat(sdk, model):
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}},
             {"type": "function", "function": {"name": "other", "description": "hello hello", "parameters": SCHEMA}}]
    wanted = {"type": "function", "function": {"name": "get_weather"}}
    message = sdk.chat.completions.create(model=model, messages=HELLO, tools=tools, tool_choice=wanted).choices[0].message
    assert {c.function.name for c in message.tool_calls} == {"get_weather"}
    message = sdk.chat.completions.create(model=model, messages=HELLO, tools=tools, tool_choice="none").choices[0].message
    assert message.content and not message.tool_calls


def test_T38_an_image_goes_in(sdk, model):
    content = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": IMAGE}}]
    answer = sdk.chat.completions.create(model=model, messages=[{"role": "user", "content": content}])
    assert "what is this?" in answer.choices[0].message.content
    content = [{"type": "input_text", "text": "what is this?"}, {"type": "input_image", "image_url": IMAGE, "detail": "auto"}]
    assert "what is this?" in sdk.responses.create(model=model, input=[{"role": "user", "content": content}]).output_text


# ---- responses ---------------------------------------------------------------------------------
def test_T38_responses_and_their_stream_say_the_same(sdk, model):
    whole = sdk.responses.create(model=model, instructions="Be brief.", input="hello")
    assert "hello" in whole.output_text and whole.status == "completed" and whole.error is None
    assert whole.usage.total_tokens == whole.usage.input_tokens + whole.usage.output_tokens > 0
    events = list(sdk.responses.create(model=model, instructions="Be brief.", input="hello", stream=True))
    assert events[0].type == "response.created" and events[-1].type == "response.completed"
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == whole.output_text
    assert events[-1].response.output_text == whole.output_text
    assert events[-1].response.usage.output_tokens == whole.usage.output_tokens
    assert [e.sequence_number for e in events] == list(range(len(events)))


def test_T38_a_response_that_reaches_its_limit_is_incomplete(sdk, model):
    whole = sdk.responses.create(model=model, input="hello", max_output_tokens=3)
    assert whole.status == "incomplete" and whole.incomplete_details.reason == "max_output_tokens"


def test_T38_the_stream_helper_of_responses(sdk, model):
    with sdk.responses.stream(model=model, input="hello", text_format=City) as stream:
        deltas = [e.delta for e in stream if e.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert final.output_text == "".join(deltas) and isinstance(final.output_parsed, City)


def test_T38_responses_with_parsed_output(sdk, model):
    assert isinstance(sdk.responses.parse(model=model, input="hello", text_format=City).output_parsed, City)


@pytest.mark.parametrize("stream", (False, True), ids=("unary", "stream"))
def test_T38_tools_in_responses(sdk, model, stream):
    tools = [openai.pydantic_function_tool(GetWeather, name="get_weather")["function"] | {"type": "function"}]
    history = [{"role": "user", "content": WEATHER}]
    if stream:
        with sdk.responses.stream(model=model, input=history, tools=tools) as helper:
            done = [e.arguments for e in helper if e.type == "response.function_call_arguments.done"]
            first = helper.get_final_response()
        assert [json.loads(text)["city"] for text in done] == CITIES
    else:
        first = sdk.responses.create(model=model, input=history, tools=tools)
    calls = [item for item in first.output if item.type == "function_call"]
    assert cities(calls) == CITIES and {c.name for c in calls} == {"get_weather"}
    history += first.output
    history += [{"type": "function_call_output", "call_id": c.call_id, "output": "fine in " + n}
                for c, n in zip(calls, CITIES)]
    assert "fine in Paris; fine in Tokyo" in sdk.responses.create(model=model, input=history, tools=tools).output_text


# ---- errors ------------------------------------------------------------------------------------
ERRORS = [(400, openai.BadRequestError), (404, openai.NotFoundError), (422, (openai.BadRequestError, openai.UnprocessableEntityError)),
          (429, openai.RateLimitError), (500, openai.InternalServerError), (503, openai.InternalServerError)]


@pytest.mark.parametrize("status, kind", ERRORS, ids=[str(s) for s, _ in ERRORS])
def test_T38_errors_are_typed_and_have_their_request_id(chain, sdk, speaks, status, kind):
    model = chain.model(speaks, "error-%d" % status)
    for ask in (lambda: sdk.chat.completions.create(model=model, messages=HELLO),
                lambda: sdk.chat.completions.create(model=model, messages=HELLO, stream=True),
                lambda: sdk.responses.create(model=model, input="hello"),
                lambda: sdk.responses.create(model=model, input="hello", stream=True)):
        with pytest.raises(kind) as caught:
            ask()
        assert caught.value.request_id and "The mock was asked to answer" in str(caught.value.body["message"])


def test_T38_our_own_errors_have_a_request_id(sdk, speaks):
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.chat.completions.create(model="no-such-" + speaks, messages=HELLO)
    assert caught.value.request_id and caught.value.code == "model_not_found"


def test_T38_answers_have_a_request_id(sdk, model):
    assert sdk.chat.completions.create(model=model, messages=HELLO)._request_id
    assert sdk.responses.create(model=model, input="hello")._request_id


def test_T38_a_stream_that_is_cut_is_an_exception_after_its_text(chain, sdk, speaks):
    model, text = chain.model(speaks, "cut"), []
    with pytest.raises(openai.APIError):
        for chunk in sdk.chat.completions.create(model=model, messages=HELLO, stream=True):
            text += [c.delta.content for c in chunk.choices]
    assert any(text)
    text = []
    with pytest.raises(openai.APIError):
        for event in sdk.responses.create(model=model, input="hello", stream=True):
            text += [event.delta] if event.type == "response.output_text.delta" else []
            if event.type == "response.failed":  # an event as any other, to this package
                raise openai.APIError(event.response.error.message, None, body=None)
    assert any(text)

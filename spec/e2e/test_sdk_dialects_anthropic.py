"""The official anthropic package for Python against providers of each dialect. T-38."""
from typing import Literal

import anthropic
import pytest
from pydantic import BaseModel

from chain import KEY
from facts import DIALECTS
from gateway import LIMIT

pytestmark = [pytest.mark.sdk, pytest.mark.parametrize("speaks", DIALECTS)]
HELLO = [{"role": "user", "content": "hello"}]
ASKED = {"max_tokens": 200, "system": "Be brief.", "messages": HELLO}
WEATHER = [{"role": "user", "content": "What is the weather in Paris and in Tokyo?"}]
CITIES = ["Paris", "Tokyo"]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
TOOL = {"name": "get_weather", "description": "The weather of a city.", "input_schema": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}


class City(BaseModel):
    name: str
    people: int
    kind: Literal["town", "city"]


@pytest.fixture(scope="module")
def sdk(chain):
    with anthropic.Anthropic(base_url=chain.origin, api_key=KEY, max_retries=0, timeout=LIMIT) as client:
        yield client


@pytest.fixture
def model(chain, speaks):
    return chain.model(speaks)


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def test_T38_messages_and_their_stream_say_the_same(sdk, model):
    whole = sdk.messages.create(model=model, **ASKED)
    assert "hello" in text_of(whole) and whole.stop_reason == "end_turn" and whole.role == "assistant"
    assert whole.usage.input_tokens > 0 and whole.usage.output_tokens > 0 and whole._request_id
    with sdk.messages.stream(model=model, **ASKED) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
        assert stream.request_id
    assert len(pieces) > 1 and "".join(pieces) == text_of(final) == text_of(whole)
    assert final.stop_reason == "end_turn" and final.usage.output_tokens == whole.usage.output_tokens
    assert final.usage.input_tokens == whole.usage.input_tokens


def test_T38_the_events_of_a_stream_come_in_their_order(sdk, model):
    events = list(sdk.messages.create(model=model, stream=True, **ASKED))
    kinds = [e.type for e in events if e.type != "ping"]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
    with sdk.messages.stream(model=model, **ASKED) as stream:
        helped = [e.type for e in stream]
    assert {"text", "content_block_stop", "message_stop"} <= set(helped)


def test_T38_a_limit_and_a_stop_sequence_are_told(sdk, model, speaks):
    assert sdk.messages.create(model=model, max_tokens=3, messages=HELLO).stop_reason == "max_tokens"
    raw = sdk.messages.with_raw_response.create(model=model, max_tokens=200, messages=HELLO, stop_sequences=["mock"])
    if speaks == "openai-responses":  # which knows none
        assert "dropped stop" in raw.headers["x-tidegate-warnings"]
    else:
        assert text_of(raw.parse()).strip() == "Hello from tidegate's"


@pytest.mark.parametrize("stream", (False, True), ids=("unary", "stream"))
def test_T38_tools_and_their_results(sdk, model, stream):
    ask = {"model": model, "max_tokens": 200, "tools": [TOOL]}
    if stream:
        with sdk.messages.stream(messages=WEATHER, **ask) as helper:
            pieces = [e.partial_json for e in helper if e.type == "input_json"]
            first = helper.get_final_message()
        assert len(pieces) > 1
    else:
        first = sdk.messages.create(messages=WEATHER, **ask)
    calls = [block for block in first.content if block.type == "tool_use"]
    assert first.stop_reason == "tool_use" and [c.input for c in calls] == [{"city": c} for c in CITIES]
    results = [{"type": "tool_result", "tool_use_id": c.id, "content": "fine in " + c.input["city"]} for c in calls]
    second = sdk.messages.create(**ask, messages=[
        *WEATHER, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}])
    assert "fine in Paris; fine in Tokyo" in text_of(second) and second.stop_reason == "end_turn"


@pytest.mark.parametrize("stream", (False, True), ids=("unary", "stream"))
def test_T38_the_tool_runner(sdk, model, stream):
    seen = []

    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """The weather of a city.

        Args:
            city: its name
        """
        seen.append(city)
        return "fine in " + city
    runner = sdk.beta.messages.tool_runner(model=model, max_tokens=200, tools=[get_weather], messages=WEATHER,
                                           stream=stream)
    if stream:
        last = None
        for part in runner:
            for _ in part:
                pass
            last = part.get_final_message()
    else:
        last = runner.until_done()
    assert seen == CITIES and "fine in Paris; fine in Tokyo" in text_of(last)


def test_T38_a_tool_may_be_demanded_or_forbidden(sdk, model):
    ask = {"model": model, "max_tokens": 200, "tools": [TOOL, {**TOOL, "name": "other", "description": "hello hello"}],
           "messages": HELLO}
    message = sdk.messages.create(tool_choice={"type": "tool", "name": "get_weather"}, **ask)
    assert {b.name for b in message.content if b.type == "tool_use"} == {"get_weather"}
    assert sdk.messages.create(tool_choice={"type": "none"}, **ask).stop_reason == "end_turn"


def test_T38_parsed_output(sdk, model):
    parsed = sdk.messages.parse(model=model, max_tokens=200, messages=HELLO, output_format=City).parsed_output
    assert isinstance(parsed, City)
    with sdk.messages.stream(model=model, max_tokens=200, messages=HELLO, output_format=City) as stream:
        stream.until_done()
        assert stream.get_final_message().parsed_output == parsed


def test_T38_an_image_and_a_cached_prompt_go_in(sdk, model):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    answer = sdk.messages.create(model=model, max_tokens=200, system=system, messages=[
        {"role": "user", "content": [image, {"type": "text", "text": "what is this?"}]}])
    assert "what is this?" in text_of(answer)


def test_T38_thinking_may_be_asked_for(sdk, model):
    answer = sdk.messages.create(model=model, max_tokens=3000, messages=HELLO,
                                 thinking={"type": "enabled", "budget_tokens": 1024})
    assert "hello" in text_of(answer)


def test_T38_tokens_are_counted(sdk, model):
    short = sdk.messages.count_tokens(model=model, messages=HELLO)
    long = sdk.messages.count_tokens(model=model, system="word " * 400, messages=HELLO, tools=[TOOL])
    assert 0 < short.input_tokens < long.input_tokens


# ---- errors ------------------------------------------------------------------------------------
ERRORS = [(400, anthropic.BadRequestError), (404, anthropic.NotFoundError),
          (422, (anthropic.BadRequestError, anthropic.UnprocessableEntityError)),
          (429, anthropic.RateLimitError), (500, anthropic.InternalServerError), (503, anthropic.InternalServerError)]


@pytest.mark.parametrize("status, kind", ERRORS, ids=[str(s) for s, _ in ERRORS])
def test_T38_errors_are_typed_and_have_their_request_id(chain, sdk, speaks, status, kind):
    model = chain.model(speaks, "error-%d" % status)
    for stream in (False, True):
        with pytest.raises(kind) as caught:
            sdk.messages.create(model=model, stream=stream, **ASKED)
        error = caught.value
        assert error.request_id == error.body["request_id"] and error.body["type"] == "error"
        assert "The mock was asked to answer" in error.body["error"]["message"]


def test_T38_our_own_errors_are_typed_and_have_a_request_id(chain, sdk, speaks):
    with pytest.raises(anthropic.NotFoundError) as caught:
        sdk.messages.create(model="no-such-" + speaks, **ASKED)
    assert caught.value.request_id and caught.value.type == "not_found_error"
    stranger = anthropic.Anthropic(base_url=chain.origin, api_key="wrong", max_retries=0)
    with pytest.raises(anthropic.AuthenticationError) as caught:
        stranger.messages.create(model=chain.model(speaks), **ASKED)
    assert caught.value.request_id and caught.value.type == "authentication_error"
    with pytest.raises(anthropic.BadRequestError) as caught:
        sdk.messages.create(model=chain.model("openai-chat" if speaks == "anthropic-messages" else speaks), max_tokens=9,
                            messages=[{"role": "user", "content": [{"type": "tool_result"}]}])
    assert caught.value.request_id and caught.value.type == "invalid_request_error"


def test_T38_a_stream_that_is_cut_is_an_exception_after_its_text(chain, sdk, speaks):
    text = []
    with pytest.raises(anthropic.APIError) as caught:
        with sdk.messages.stream(model=chain.model(speaks, "cut"), **ASKED) as stream:
            for piece in stream.text_stream:
                text.append(piece)
    assert text and caught.value.request_id
    assert caught.value.body["error"]["type"] == "api_error" and caught.value.body["request_id"]


def test_T38_the_list_of_models(sdk, speaks):
    assert sdk.models.list(limit=1).data
    found = [m.id for m in sdk.models.list(limit=1)]  # page by page
    assert len(found) == len(set(found)) > 1, speaks
    assert sdk.models.retrieve(found[-1]).id == found[-1]

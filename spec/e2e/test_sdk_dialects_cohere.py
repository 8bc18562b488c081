"""The official cohere package for Python against providers of each dialect. T-38."""
import asyncio
import json

import pytest

from chain import INNER_KEY, KEY
from facts import DIALECTS
from gateway import LIMIT

cohere = pytest.importorskip("cohere")

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore:.*__fields__")]
each_dialect = pytest.mark.parametrize("speaks", DIALECTS)
CITIES = ["Paris", "Tokyo"]
WEATHER = "What is the weather in Paris and in Tokyo?"
TOOL = {"type": "function", "function": {
    "name": "get_weather", "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}
PNG = ("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5C"
       "YII=")


def user(text):
    return {"role": "user", "content": text}


@pytest.fixture(scope="module")
def sdk(chain):
    return cohere.ClientV2(api_key=KEY, base_url=chain.origin, timeout=LIMIT)


@pytest.fixture
def model(chain, speaks):
    return chain.model(speaks)


def text_of(answer):
    return "".join(block.text for block in answer.message.content if block.type == "text")


class Heard:
    """what the events of a stream add up to; their order must be Cohere's"""

    def __init__(self, events):
        self.types, self.text, self.calls, self.finish, self.usage, self.error = [], "", [], None, None, None
        opened, called = None, None
        for event in events:
            self.types.append(event.type)
            message = getattr(getattr(event, "delta", None), "message", None)
            if event.type == "content-start":
                assert opened is None and called is None
                opened = event.index
            elif event.type == "content-delta":
                assert event.index == opened
                self.text += message.content.text or ""
            elif event.type == "content-end":
                assert event.index == opened
                opened = None
            elif event.type == "tool-call-start":
                assert opened is None and called is None
                called = event.index
                assert called == len(self.calls) and message.tool_calls.type == "function"
                self.calls.append([message.tool_calls.id, message.tool_calls.function.name,
                                   message.tool_calls.function.arguments])
            elif event.type == "tool-call-delta":
                assert event.index == called
                self.calls[-1][2] += message.tool_calls.function.arguments
            elif event.type == "tool-call-end":
                assert event.index == called
                called = None
            elif event.type == "message-end":
                self.finish, self.usage, self.error = event.delta.finish_reason, event.delta.usage, event.delta.error
        assert self.types[0] == "message-start" and self.types[-1] == "message-end"
        assert self.error or opened is None and called is None


@each_dialect
def test_T38_an_answer_and_its_stream_say_the_same(sdk, model):
    asked = {"model": model, "messages": [{"role": "system", "content": "Be brief."}, user("hello")],
             "temperature": 0.5, "max_tokens": 200}
    whole = sdk.chat(**asked)
    assert "hello" in text_of(whole) and whole.finish_reason == "COMPLETE" and whole.id
    assert whole.usage.tokens.input_tokens > 0 and whole.usage.billed_units.output_tokens > 0
    heard = Heard(sdk.chat_stream(**asked))
    assert heard.text == text_of(whole) and heard.finish == "COMPLETE" and heard.types.count("content-delta") > 1
    assert heard.usage.tokens.output_tokens == whole.usage.tokens.output_tokens


@each_dialect
def test_T38_a_limit_is_told(sdk, model):
    assert sdk.chat(model=model, messages=[user("hello")], max_tokens=3).finish_reason == "MAX_TOKENS"
    assert Heard(sdk.chat_stream(model=model, messages=[user("hello")], max_tokens=3)).finish == "MAX_TOKENS"


@each_dialect
@pytest.mark.parametrize("stream", (False, True), ids=("unary", "stream"))
def test_T38_tools_are_called_and_their_results_read(sdk, model, stream):
    messages = [user(WEATHER)]
    if stream:
        heard = Heard(sdk.chat_stream(model=model, messages=messages, tools=[TOOL]))
        assert heard.finish == "TOOL_CALL"
        calls = heard.calls
        messages.append({"role": "assistant", "tool_calls": [
            {"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in calls]})
    else:
        answer = sdk.chat(model=model, messages=messages, tools=[TOOL])
        assert answer.finish_reason == "TOOL_CALL"
        calls = [[c.id, c.function.name, c.function.arguments] for c in answer.message.tool_calls]
        messages.append(answer.message)
    assert [json.loads(a) for _, _, a in calls] == [{"city": c} for c in CITIES]
    assert {n for _, n, _ in calls} == {"get_weather"} and len({i for i, _, _ in calls}) == 2
    for i, (call, _, arguments) in enumerate(calls):
        found = "fine in " + json.loads(arguments)["city"]
        content = found if i == 0 else [{"type": "document", "document": {"id": "d1", "data": {"text": found}}}]
        messages.append({"role": "tool", "tool_call_id": call, "content": content})
    said = text_of(sdk.chat(model=model, messages=messages, tools=[TOOL]))
    assert "fine in Paris" in said and "fine in Tokyo" in said


@each_dialect
def test_T38_a_tool_may_be_demanded_or_forbidden(sdk, model):
    demanded = sdk.chat(model=model, messages=[user("hello")], tools=[TOOL], tool_choice="REQUIRED")
    assert demanded.message.tool_calls[0].function.name == "get_weather"
    forbidden = sdk.chat(model=model, messages=[user(WEATHER)], tools=[TOOL], tool_choice="NONE")
    assert not forbidden.message.tool_calls and text_of(forbidden)


@each_dialect
def test_T38_an_answer_in_json(sdk, model):
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "people": {"type": "integer"}},
              "required": ["name", "people"]}
    answer = sdk.chat(model=model, messages=[user("a city, as JSON")],
                      response_format={"type": "json_object", "schema": schema})
    city = json.loads(text_of(answer))
    assert isinstance(city["name"], str) and isinstance(city["people"], int)


@each_dialect
def test_T38_pictures_and_documents_are_taken(sdk, model):
    answer = sdk.chat(model=model, documents=["Paris is in France.", {"id": "t", "data": {"title": "T", "text": "x"}}],
                      messages=[user([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": PNG}}])])
    assert "look" in text_of(answer)


@each_dialect
def test_T38_asynchronous_clients(chain, model):
    async def both():
        async with cohere.AsyncClientV2(api_key=KEY, base_url=chain.origin, timeout=LIMIT) as client:
            whole = await client.chat(model=model, messages=[user("hello")])
            heard = Heard([e async for e in client.chat_stream(model=model, messages=[user("hello")])])
            return text_of(whole), heard.text
    whole, streamed = asyncio.run(both())
    assert "hello" in whole and whole == streamed


@each_dialect
def test_T38_T37_errors_are_the_sdks_own(chain, sdk, speaks):
    options = {"max_retries": 0}
    for status, kind in ((400, cohere.BadRequestError), (429, cohere.TooManyRequestsError)):
        with pytest.raises(kind) as raised:
            sdk.chat(model=chain.model(speaks, "error-%d" % status), messages=[user("hi")], request_options=options)
        assert raised.value.body["message"] and raised.value.body["id"]
        with pytest.raises(kind):
            list(sdk.chat_stream(model=chain.model(speaks, "error-%d" % status), messages=[user("hi")],
                                 request_options=options))
    heard = Heard(sdk.chat_stream(model=chain.model(speaks, "cut"), messages=[user("hello")], request_options=options))
    assert heard.finish == "ERROR" and heard.error


def test_T38_T37_errors_of_the_gateway_are_the_sdks_own(chain, sdk):
    with pytest.raises(cohere.NotFoundError):
        sdk.chat(model="nope", messages=[user("hi")])
    with pytest.raises(cohere.BadRequestError):
        sdk.chat(model=chain.model("openai-chat"), messages=[{"role": "robot", "content": "hi"}])
    with pytest.raises(cohere.UnauthorizedError):
        cohere.ClientV2(api_key="ck-wrong", base_url=chain.origin).chat(model="x", messages=[user("hi")])


@pytest.fixture
def near(chain):
    """a client of the second gateway, whose only provider is the mock"""
    return cohere.ClientV2(api_key=INNER_KEY, base_url=chain.second.url.removesuffix("/v1"), timeout=LIMIT)


def test_T38_documents_are_ranked(near):
    documents = ["A recipe for bread.", "The tallest penguins are emperors.", "penguins swim"]
    answer = near.rerank(model="mock/rerank", query="tallest penguins", documents=documents, top_n=2)
    assert [r.index for r in answer.results] == [1, 2] and answer.results[0].relevance_score > 0.3
    assert answer.id and answer.meta.api_version.version == "2" and answer.meta.tokens.input_tokens > 0
    with pytest.raises(cohere.BadRequestError):
        near.rerank(model="mock/rerank", query="", documents=documents)


def test_T38_texts_are_embedded(near):
    answer = near.embed(model="mock/embed", texts=["one", "two"], input_type="search_document", embedding_types=["float"])
    first, second = answer.embeddings.float_
    assert len(first) == len(second) == 256 and first != second and answer.texts == ["one", "two"]
    assert near.embed(model="mock/embed", texts=["one"], input_type="search_query",
                      embedding_types=["float"]).embeddings.float_ == [first]


def test_T38_models_are_listed(sdk):
    found = sdk.models.list()
    assert "on_gemini/gemini-2.5-pro" in [m.name for m in found.models] and found.next_page_token is None
    assert found.models[0].endpoints == ["chat"]
    page = sdk.models.list(page_size=2)
    assert len(page.models) == 2
    after = sdk.models.list(page_size=2, page_token=page.next_page_token)
    assert [m.name for m in page.models + after.models] == [m.name for m in found.models[:4]]
    assert {m.name for m in sdk.models.list(endpoint="embed").models} < {m.name for m in found.models}
    one = sdk.models.get("on_gemini/gemini-2.5-pro")
    assert one.name == "on_gemini/gemini-2.5-pro" and one.context_length == 1048576

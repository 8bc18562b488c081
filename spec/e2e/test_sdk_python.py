"""The official openai package for Python, unpatched. T-38."""
import asyncio
import json
import os
import subprocess
import sys

import openai
import pytest
from pydantic import BaseModel

import upstream as mock
from config import config, provider
from gateway import LIMIT, clean_env

pytestmark = pytest.mark.sdk
HERE = os.path.dirname(os.path.abspath(__file__))
USER = [{"role": "user", "content": "What is the weather in Paris and in Tokyo?"}]
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]


@pytest.fixture
def gw(gateway, upstream):
    return gateway(config({"mock": {}, "one": provider(upstream)}, clients=[{"key": "ck-app-key-0001", "name": "app"}],
                          retry={"max": 0}))


@pytest.fixture
def sdk(gw):
    with openai.OpenAI(base_url=gw.url, api_key="ck-app-key-0001", max_retries=0, timeout=LIMIT) as client:
        yield client


def test_T38_chat(sdk):
    answer = sdk.chat.completions.create(model="mock/gpt", messages=USER)
    assert answer.choices[0].message.content and answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_T38_chat_stream(sdk):
    whole = sdk.chat.completions.create(model="mock/gpt", messages=USER).choices[0].message.content
    chunks = list(sdk.chat.completions.create(model="mock/gpt", messages=USER, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole
    assert chunks[-1].choices[0].finish_reason == "stop" and all(c.usage is None for c in chunks)


def test_T38_stream_with_usage(sdk):
    chunks = list(sdk.chat.completions.create(model="mock/gpt", messages=USER, stream=True,
                                              stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0


def test_T38_stream_helper_collects_parallel_tool_calls(sdk):
    with sdk.chat.completions.stream(model="mock/gpt", messages=USER, tools=TOOLS) as stream:
        for _ in stream:
            pass
        message = stream.get_final_completion().choices[0].message
    assert len(message.tool_calls) >= 2
    assert all("city" in json.loads(c.function.arguments) for c in message.tool_calls)


def test_T38_a_whole_tool_round(sdk):
    first = sdk.chat.completions.create(model="mock/gpt", messages=USER, tools=TOOLS).choices[0]
    assert first.finish_reason == "tool_calls"
    results = [{"role": "tool", "tool_call_id": c.id, "content": "sunny"} for c in first.message.tool_calls]
    second = sdk.chat.completions.create(model="mock/gpt", tools=TOOLS, messages=[*USER, first.message, *results])
    assert second.choices[0].message.content and second.choices[0].finish_reason == "stop"


def test_T38_parsed_output(sdk):
    class City(BaseModel):
        name: str
        people: int
    parsed = sdk.chat.completions.parse(model="mock/gpt", messages=USER, response_format=City)
    assert isinstance(parsed.choices[0].message.parsed, City)


def test_T38_embeddings_in_the_sdks_own_encoding(sdk):
    answer = sdk.embeddings.create(model="mock/embed", input=["a cat", "a dog"])  # base64 on the wire
    plain = sdk.embeddings.create(model="mock/embed", input=["a cat", "a dog"], encoding_format="float")
    for a, b in zip(answer.data, plain.data):
        assert len(a.embedding) == len(b.embedding) and all(abs(x - y) < 1e-6 for x, y in zip(a.embedding, b.embedding))


def test_T38_completions_and_models(sdk):
    assert sdk.completions.create(model="mock/gpt", prompt="Once").choices[0].text
    assert "mock/gpt" in [m.id for m in sdk.models.list()]


def test_T38_raw_responses_show_our_headers(sdk):
    raw = sdk.chat.completions.with_raw_response.create(model="mock/gpt", messages=USER)
    assert raw.headers["x-tidegate-target"] == "mock/gpt" and raw.headers["x-tidegate-request-id"]
    assert raw.headers["x-tidegate-attempts"].startswith("mock/gpt#1=200/")
    assert raw.parse().choices[0].message.content


ERRORS = [(400, openai.BadRequestError), (422, openai.UnprocessableEntityError), (429, openai.RateLimitError),
          (500, openai.InternalServerError), (503, openai.InternalServerError), (401, openai.InternalServerError)]


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("status,kind", ERRORS, ids=lambda x: str(getattr(x, "__name__", x)))
def test_T37_a_providers_error_is_a_typed_exception(sdk, upstream, status, kind, stream):
    upstream.always(mock.error(status, "so it said"))
    with pytest.raises(kind) as caught:
        sdk.chat.completions.create(model="one/m", messages=USER, stream=stream)
    assert caught.value.response.headers["x-tidegate-request-id"]


def test_T37_our_own_errors_are_typed_exceptions(gw, sdk):
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.chat.completions.create(model="no-such-model", messages=USER)
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.AuthenticationError) as caught:
        openai.OpenAI(base_url=gw.url, api_key="wrong", max_retries=0).models.list()
    assert caught.value.code == "invalid_api_key"
    with pytest.raises(openai.RateLimitError):
        sdk.chat.completions.create(model="mock/error-429", messages=USER)


def test_T37_an_error_in_a_stream_is_an_exception_after_the_text(sdk, upstream):
    upstream.always(mock.stream(mock.delta("so far"), mock.ERROR_EVENT))
    for model in ("one/m", "mock/cut"):
        text = ""
        with pytest.raises(openai.APIError):
            for chunk in sdk.chat.completions.create(model=model, messages=USER, stream=True):
                text += chunk.choices[0].delta.content or ""
        assert text


def test_T38_the_sdks_own_retries_work(gw, upstream):
    upstream.answer(mock.error(429, headers={"retry-after": "0"}), mock.chat("third time"))
    client = openai.OpenAI(base_url=gw.url, api_key="ck-app-key-0001", max_retries=3, timeout=LIMIT)
    assert client.chat.completions.create(model="one/m", messages=USER).choices[0].message.content == "third time"


def test_T38_a_stream_closed_early_leaves_the_connection_pool_usable(sdk):
    for _ in range(3):
        stream = sdk.chat.completions.create(model="mock/gpt", messages=USER, stream=True)
        next(iter(stream))
        stream.close()
    assert sdk.chat.completions.create(model="mock/gpt", messages=USER).choices


def test_T38_asynchronous_clients_in_parallel(gw):
    async def ask_all():
        async with openai.AsyncOpenAI(base_url=gw.url, api_key="ck-app-key-0001", max_retries=0) as client:
            async def ask(i):
                parts = []
                async for chunk in await client.chat.completions.create(
                        model="mock/gpt", stream=True, messages=[{"role": "user", "content": "number %d" % i}]):
                    parts.append(chunk.choices[0].delta.content or "")
                return "".join(parts)
            return await asyncio.gather(*(ask(i) for i in range(20)))
    assert all(asyncio.run(ask_all()))


# ---- programs that know nothing of us ----------------------------------------------------------
def run_client(name, folder, gw, model):
    (folder / ".env").write_text("OPENAI_BASE_URL=%s\nOPENAI_API_KEY=ck-app-key-0001\nMODEL=%s\n" % (gw.url, model))
    done = subprocess.run([sys.executable, os.path.join(HERE, "clients", name)], cwd=folder, env=clean_env(),
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_a_program_that_streams_and_measures_its_first_token_works_unchanged(gw, tmp_path):
    out = run_client("stream.py", tmp_path, gw, "mock/gpt")
    assert "time to first token" in out and int(out.split("chunks: ")[1].split()[0]) > 1


def test_a_program_that_retries_with_backoff_and_logs_usage_works_unchanged(gw, tmp_path, upstream):
    upstream.answer(mock.error(429, headers={"retry-after": "0"}), mock.error(500), mock.chat("the Oder"))
    out = run_client("retry.py", tmp_path, gw, "one/m")
    assert out.count("again in") == 2 and "answer: the Oder" in out and "usage: 11 in, 7 out" in out
    assert "answer:" in run_client("retry.py", tmp_path, gw, "mock/gpt")

"""Two parallel calls and their results by the official SDKs for Python, each keeping its history in its own objects,
against scripted providers of each dialect: what they thought and signed comes back to them. T-33, T-34, T-38."""
import json

import pytest

from facts import DIALECTS
from gateway import LIMIT
from test_function_calling import serving, target, weather  # noqa: F401 - fixtures
from weather import ABOUT, ANSWER, CITIES, NAME, PROVIDERS, QUESTION, RESULTS, SCHEMA, THOUGHT, arguments

STREAM = [pytest.param(False, marks=pytest.mark.sdk, id="unary"), pytest.param(True, id="stream")]  # under ASan: a sample
pytestmark = [pytest.mark.full, pytest.mark.parametrize("stream", STREAM), pytest.mark.parametrize("speaks", DIALECTS)]


def folded(body):
    """google-genai keeps each chunk of a stream as a content of its own, and so sends it back"""
    contents = []
    for content in body.get("contents", ()):
        if contents and contents[-1]["role"] == content["role"]:
            contents[-1]["parts"] += content["parts"]
        else:
            contents.append(content)
    return {**body, "contents": contents} if contents else body


def check_sent(mocks, speaks, thoughts=True, signatures=True):
    """the provider got all that it had said, and what it thought and signed as well where the package keeps that"""
    provider = PROVIDERS[speaks]()
    first, second = mocks[speaks].requests
    assert bool(first.json.get("stream") or "streamGenerateContent" in first.target) == bool(
        second.json.get("stream") or "streamGenerateContent" in second.target)
    heard = provider.heard(folded(second.json), second.body)
    assert [(n, v) for _, n, v in heard.calls] == [(NAME, arguments(c)) for c in CITIES]
    assert [v.get("content", v) for _, _, v in heard.results] == [json.loads(RESULTS[c]) for c in CITIES]
    if signatures:
        assert heard.signatures == ([provider.signature] if provider.signature else [])
    if thoughts and speaks != "gemini":  # which needs its signatures alone
        assert heard.reasoning == THOUGHT


def test_T38_chat_completions_of_openai(weather, speaks, stream):  # noqa: F811
    openai = pytest.importorskip("openai")
    g, mocks = weather
    sdk = openai.OpenAI(base_url=g.url, api_key="unused", max_retries=0, timeout=LIMIT)
    ask = {"model": target(speaks), "tools": [
        {"type": "function", "function": {"name": NAME, "description": ABOUT, "parameters": SCHEMA}}]}
    history = [{"role": "user", "content": QUESTION}]

    def turn():
        if not stream:
            return sdk.chat.completions.create(messages=history, **ask).choices[0].message
        with sdk.chat.completions.stream(messages=history, **ask) as helper:
            return helper.get_final_completion().choices[0].message
    message = turn()
    assert message.reasoning_content == THOUGHT and len(message.tool_calls) == 2
    history += [message, *({"role": "tool", "tool_call_id": c.id, "content": RESULTS[json.loads(c.function.arguments)["city"]]}
                           for c in message.tool_calls)]
    assert turn().content == ANSWER
    check_sent(mocks, speaks)


def test_T38_responses_of_openai(weather, speaks, stream):  # noqa: F811
    openai = pytest.importorskip("openai")
    g, mocks = weather
    sdk = openai.OpenAI(base_url=g.url, api_key="unused", max_retries=0, timeout=LIMIT)
    ask = {"model": target(speaks), "store": False, "include": ["reasoning.encrypted_content"],
           "tools": [{"type": "function", "name": NAME, "description": ABOUT, "parameters": SCHEMA, "strict": False}]}
    history = [{"role": "user", "content": QUESTION}]

    def turn():
        if not stream:
            return sdk.responses.create(input=history, **ask)
        with sdk.responses.stream(input=history, **ask) as helper:
            return helper.get_final_response()
    response = turn()
    calls = [item for item in response.output if item.type == "function_call"]
    history += [*response.output, *({"type": "function_call_output", "call_id": c.call_id,
                                     "output": RESULTS[json.loads(c.arguments)["city"]]} for c in calls)]
    assert turn().output_text == ANSWER
    check_sent(mocks, speaks)


def test_T38_messages_of_anthropic(weather, speaks, stream):  # noqa: F811
    anthropic = pytest.importorskip("anthropic")
    g, mocks = weather
    sdk = anthropic.Anthropic(base_url=g.url.removesuffix("/v1"), api_key="unused", max_retries=0, timeout=LIMIT)
    ask = {"model": target(speaks), "max_tokens": 8000, "thinking": {"type": "enabled", "budget_tokens": 2000},
           "tools": [{"name": NAME, "description": ABOUT, "input_schema": SCHEMA}]}
    history = [{"role": "user", "content": QUESTION}]

    def turn():
        if not stream:
            return sdk.messages.create(messages=history, **ask)
        with sdk.messages.stream(messages=history, **ask) as helper:
            return helper.get_final_message()
    message = turn()
    assert "".join(b.thinking for b in message.content if b.type == "thinking") == THOUGHT
    history += [{"role": "assistant", "content": message.content}, {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": b.id, "content": RESULTS[b.input["city"]]}
        for b in message.content if b.type == "tool_use"]}]
    assert "".join(b.text for b in turn().content if b.type == "text") == ANSWER
    check_sent(mocks, speaks)


def test_T38_chats_of_google(weather, speaks, stream):  # noqa: F811
    genai = pytest.importorskip("google.genai")
    from google.genai import types
    g, mocks = weather
    sdk = genai.Client(api_key="unused", http_options=types.HttpOptions(base_url=g.url.removesuffix("/v1")))
    chat = sdk.chats.create(model=target(speaks), config=types.GenerateContentConfig(
        thinking_config=types.ThinkingConfig(include_thoughts=True), tools=[types.Tool(function_declarations=[
            types.FunctionDeclaration(name=NAME, description=ABOUT, parameters_json_schema=SCHEMA)])]))

    def turn(message):
        return list(chat.send_message_stream(message)) if stream else [chat.send_message(message)]
    calls = [c for chunk in turn(QUESTION) for c in chunk.function_calls or ()]
    results = [types.Part(function_response=types.FunctionResponse(
        id=c.id, name=c.name, response=json.loads(RESULTS[c.args["city"]]))) for c in calls]
    assert "".join(chunk.text or "" for chunk in turn(results)) == ANSWER
    check_sent(mocks, speaks)

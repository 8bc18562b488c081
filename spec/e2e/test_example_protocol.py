"""examples/08-new-protocol: a service that nobody else speaks like, told by one file. T-45."""
import importlib.util
import json
import os
import shutil
import threading
from types import SimpleNamespace

import pytest

import gateway as program
from config import ADMIN, config
from wire import wait_until

pytestmark = pytest.mark.slow

FOLDER = os.path.join(program.ROOT, "examples", "08-new-protocol")
FILE = "adapters/lantern.lua"
ADDRESS = "http://127.0.0.1:9008"
KEY = "sk-canary-lantern"
ENV = {"LANTERN_API_KEY": KEY}
MODEL = "lantern/flame-1"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": []}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "The weather", "parameters": SCHEMA}}]


def user(text):
    return [{"role": "user", "content": text}]


@pytest.fixture
def lantern():
    spec = importlib.util.spec_from_file_location("lantern", os.path.join(FOLDER, "lantern.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    server = module.Lantern(key=KEY)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def text_of(path, lantern):
    with open(os.path.join(FOLDER, path), encoding="utf-8") as file:
        return file.read().replace(ADDRESS, "http://127.0.0.1:%d" % lantern.server_port)


@pytest.fixture
def example(gateway, lantern):
    return gateway(text_of("gateway.lua", lantern), env=ENV, files={FILE: text_of(FILE, lantern)})


@pytest.fixture
def openai(example):
    sdk = pytest.importorskip("openai")
    return sdk, sdk.OpenAI(base_url=example.url, api_key="unused", max_retries=0, timeout=program.LIMIT)


def told(client, messages, **more):
    """a stream, folded: what it says, thinks, calls, and how it ends"""
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=messages, stream=True, stream_options={"include_usage": True}, **more)
    result = SimpleNamespace(text="", thought="", calls=[], finish=None, usage=None,
                             warnings=raw.headers.get("x-tidegate-warnings"))
    for chunk in raw.parse():
        if chunk.usage:
            result.usage = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        for choice in chunk.choices:
            result.text += choice.delta.content or ""
            result.thought += getattr(choice.delta, "reasoning_content", None) or ""
            result.finish = choice.finish_reason or result.finish
            for call in choice.delta.tool_calls or ():
                if call.id:
                    result.calls.append({"id": call.id, "type": "function",
                                         "function": {"name": call.function.name, "arguments": ""}})
                result.calls[-1]["function"]["arguments"] += call.function.arguments or ""
    return result


def test_it_streams_to_the_sdk_of_openai(lantern, openai):
    _, client = openai
    answer = told(client, [{"role": "system", "content": "Be brief."}, *user("hello")], temperature=0.5, max_tokens=20)
    assert (answer.text, answer.thought, answer.finish) == ("You said: hello", "Let me see.", "stop")
    assert answer.usage == (12, 7) and answer.warnings is None
    assert lantern.asked == [{"brain": "flame-1", "flow": True, "knobs": {"heat": 0.5, "longest": 20}, "turns": [
        {"who": "rules", "says": "Be brief."}, {"who": "human", "says": "hello"}]}]
    assert told(client, user("a long story")).finish == "length"
    assert told(client, user("hello"), stop="x", temperature=2).warnings == MODEL + " dropped stop, temperature above 1"
    whole = client.chat.completions.create(model=MODEL, messages=user("hello"))
    assert whole.choices[0].message.content == "You said: hello" and whole.choices[0].finish_reason == "stop"
    assert whole.choices[0].message.reasoning_content == "Let me see." and whole.usage.total_tokens == 19


def test_a_tool_is_called_and_its_result_goes_back(lantern, openai):
    _, client = openai
    history = user("the weather?")
    answer = told(client, history, tools=TOOLS)
    assert answer.finish == "tool_calls" and [c["function"]["name"] for c in answer.calls] == ["get_weather"]
    assert json.loads(answer.calls[0]["function"]["arguments"]) == {"city": "Oslo"}
    history += [{"role": "assistant", "content": None, "tool_calls": answer.calls},
                {"role": "tool", "tool_call_id": answer.calls[0]["id"], "content": "rain"}]
    assert told(client, history, tools=TOOLS).text == "You said: rain"
    first, second = lantern.asked
    assert first["abilities"] == [{"called": "get_weather", "about": "The weather", "takes": SCHEMA}]
    assert second["turns"] == [{"who": "human", "says": "the weather?"}, {"who": "act", "id": "a1", "says": "rain"}]
    whole = client.chat.completions.create(model=MODEL, messages=user("the weather?"), tools=TOOLS).choices[0]
    assert whole.finish_reason == "tool_calls" and whole.message.tool_calls[0].function.name == "get_weather"


def test_an_error_before_a_word_is_failed_over_and_one_behind_it_is_told(gateway, lantern):
    g = gateway(config({"mock": {}}, models={"guide": [MODEL, "mock/echo"]}), env=ENV, files={FILE: text_of(FILE, lantern)})
    answer = g.chat("guide", stream=True, text="busy").read()
    assert answer.headers["x-tidegate-attempts"].split()[0].startswith("lantern/flame-1#1=overloaded/")
    assert answer.headers["x-tidegate-target"] == "mock/echo" and answer.events[-1] == "[DONE]"
    answer = g.chat("guide", stream=True, text="break").read()
    assert answer.headers["x-tidegate-target"] == MODEL and b"You said: " in answer.body
    assert b"the wick is gone" in answer.body and answer.events[-1] != "[DONE]"


def test_what_it_refuses_is_understood(openai):
    sdk, client = openai
    for text, status, code in (("no oil", 502, "quota"), ("wait", 429, "rate_limited"),
                               ("the prompt too long", 418, "context_length_exceeded")):
        with pytest.raises(sdk.APIStatusError) as raised:
            told(client, user(text))
        assert (raised.value.status_code, raised.value.code) == (status, code), text
        assert text.split()[-1] in raised.value.message
        assert raised.value.response.headers.get("retry-after") == ("7" if text == "wait" else None)


def test_the_file_is_dropped_in_broken_and_removed_while_it_runs(gateway, lantern):
    g = gateway(config({"mock": {}}, admin=ADMIN), env=ENV)
    path = os.path.join(g.folder, FILE)

    def models():
        return [model["id"] for model in g.get("/v1/models").json["data"]]

    def write(text):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    assert MODEL not in models() and g.chat(MODEL).status == 404
    good = text_of(FILE, lantern)
    write(good)
    wait_until("its model is listed", lambda: MODEL in models())
    assert g.chat(MODEL).json["choices"][0]["message"]["content"] == "You said: hi"
    write(good.replace('framing = "ndjson"', 'framing = "smoke"'))
    failure = wait_until("it is refused", lambda: g.admin("/admin/scripts").json["last_failure"])
    assert failure["file"].endswith(FILE) and "framing" in failure["message"]
    assert MODEL in models() and g.chat(MODEL).status == 200 and g.chat("mock/gpt").status == 200
    os.remove(path)
    wait_until("it has gone", lambda: MODEL not in models())
    assert g.chat(MODEL).status == 404 and g.chat("mock/gpt").status == 200


@pytest.mark.usefixtures("program_exists")
def test_it_passes_its_check_and_its_test(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(FOLDER, copy)
    status, out, errors = program.run("adapter", "check", "lantern", str(copy))
    assert status == 0 and "adapters/lantern.lua: ok" in out and "warning" not in out, out + errors
    status, out, errors = program.run("test", str(copy))
    assert status == 0 and " 0 failed" in out, out + errors


def test_what_is_recorded_of_it_passes_the_check(tmp_path, lantern, program_exists):
    (tmp_path / "adapters").mkdir()
    (tmp_path / FILE).write_text(text_of(FILE, lantern), encoding="utf-8")
    status, out, errors = program.run("adapter", "record", "lantern", str(tmp_path), env=ENV)
    assert status == 0, out + errors
    recorded = tmp_path / "adapters" / "fixtures" / "lantern"
    expected = json.loads((recorded / "stream.expected.json").read_text())
    assert expected["reasoning"] == "Let me see." and expected["text"].startswith("You said: ")
    status, out, errors = program.run("adapter", "check", "lantern", str(tmp_path))
    assert status == 0, out + errors

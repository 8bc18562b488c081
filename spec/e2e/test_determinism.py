"""The same request gives the same bytes upstream, in every process: providers' prompt caches depend on it. T-36."""
import glob
import json
import os
import re

import pytest

import upstream as mock
from config import config
from conformance import FOLDER, NEEDS, dialect_of, in_threads
from facts import ALL
from weather import NAME
from weather_others import CLIENTS, PROVIDERS

pytestmark = pytest.mark.slow

FILES = {"adapters/only_responses.lua": "return tide.adapter { extends = 'openai', dialect = 'openai-responses' }\n",
         "adapters/only_chat.lua": "return tide.adapter { extends = 'openai', dialect = 'openai-chat' }\n"}
EXTENDS = {"openai-chat": "only_chat", "openai-responses": "only_responses", "anthropic-messages": "anthropic",
           "gemini": "gemini", "bedrock-converse": "bedrock", "cohere-v2": "cohere", "ollama": "ollama"}
SCHEMA = {"type": "object", "$defs": {"z": {"type": "string"}, "a": {"enum": [3, 1, 2]}}, "properties": {
    "zeta": {"type": "string", "description": "last first", "minLength": 1}, "alpha": {"$ref": "#/$defs/a"},
    "mid": {"type": "object", "properties": {"y": {"type": "number"}, "b": {"type": "null"}}, "required": ["y", "b"],
            "additionalProperties": False}}, "required": ["zeta", "alpha"], "additionalProperties": False}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def providers(upstream):
    return {name(d): {"extends": EXTENDS[d], "keys": ["sk-canary-" + EXTENDS[d]], **NEEDS.get(EXTENDS[d], {}),
                      "base_url": upstream.url if d.startswith("openai") else upstream.origin} for d in ALL}


def start(gateway, upstream):
    return gateway(config(providers(upstream), retry={"max": 0}, limits={"body": "64MB"}), files=FILES)


@pytest.fixture(scope="module")
def processes(lasting):
    """two gateways that are the same, and their mock"""
    upstream = lasting.upstream()
    return start(lasting, upstream), start(lasting, upstream), upstream


def name(dialect):
    return "on_" + dialect.replace("-", "_")


def rich(dialect, model):
    """a request with everything that may come out in another order"""
    one = CLIENTS[dialect](model, False)
    if dialect == "bedrock-converse":
        one.body["inferenceConfig"] = {"temperature": .5, "stopSequences": ["b", "a"], "maxTokens": 100}
        one.body["messages"][0]["content"].append({"image": {"format": "png", "source": {"bytes": PIXEL}}})
        one.body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"] = SCHEMA
        one.body["messages"] += [
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t_1", "name": NAME, "input": {"z": 1, "a": {"c": 2, "b": 3}}}}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "t_1", "content": [{"json": {"z": 1, "a": 2}}]}}]}]
        return one
    one.body["temperature"] = .5
    if dialect == "ollama":
        one.body["options"] = {"temperature": one.body.pop("temperature"), "stop": ["b", "a"], "num_predict": 100, "top_k": 3}
        one.body["messages"][0]["images"] = [PIXEL]
        one.body["tools"][0]["function"]["parameters"] = SCHEMA
        one.body["messages"] += [{"role": "assistant", "content": "", "tool_calls": [
            {"function": {"name": NAME, "arguments": {"z": 1, "a": {"c": 2, "b": 3}}}}]},
            {"role": "tool", "tool_name": NAME, "content": "{\"z\": 1, \"a\": 2}"}]
        return one
    if dialect == "gemini":
        one.body.pop("temperature")
        one.body["generationConfig"] = {"temperature": .5, "stopSequences": ["b", "a"], "maxOutputTokens": 100}
        one.body["contents"][0]["parts"].append({"inlineData": {"mimeType": "image/png", "data": PIXEL}})
        one.body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] = SCHEMA
        one.body["contents"] += [{"role": "model", "parts": [{"functionCall": {"name": NAME, "args": {"z": 1, "a": {"c": 2, "b": 3}}}}]},
                                 {"role": "user", "parts": [{"functionResponse": {"name": NAME, "response": {"z": 1, "a": 2}}}]}]
        return one
    if dialect in ("openai-chat", "cohere-v2"):
        one.body["messages"][0]["content"] = [{"type": "text", "text": "look"}, {
            "type": "image_url", "image_url": {"url": "data:image/png;base64," + PIXEL}}]
        one.body["tools"][0]["function"]["parameters"] = SCHEMA
        one.body["stop_sequences" if dialect == "cohere-v2" else "stop"] = ["b", "a"]
        one.body["messages"] += [{"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": NAME, "arguments": "{\"z\": 1, \"a\": {\"c\": 2, \"b\": 3}}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "{\"z\": 1, \"a\": 2}"}]
    elif dialect == "openai-responses":
        one.body["input"][0]["content"] = [{"type": "input_text", "text": "look"}, {
            "type": "input_image", "image_url": "data:image/png;base64," + PIXEL}]
        one.body["tools"][0]["parameters"] = SCHEMA
        one.body["input"] += [{"type": "function_call", "call_id": "call_1", "name": NAME, "arguments": "{\"z\": 1, \"a\": {\"c\": 2}}"},
                              {"type": "function_call_output", "call_id": "call_1", "output": "{\"z\": 1, \"a\": 2}"}]
    else:
        one.body.pop("thinking")
        one.body["messages"][0]["content"] = [{"type": "text", "text": "look"}, {
            "type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}]
        one.body["tools"][0]["input_schema"] = SCHEMA
        one.body["stop_sequences"] = ["b", "a"]
        one.body["messages"] += [{"role": "assistant", "content": [
            {"type": "tool_use", "id": "toolu_1", "name": NAME, "input": {"z": 1, "a": {"c": 2, "b": 3}}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "{\"z\": 1, \"a\": 2}"}]}]
    return one


def orders(value, found=None):
    """the keys of each object in a value, in their order"""
    found = [] if found is None else found
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        orders(one, found)
    if isinstance(value, dict):
        found.append(list(value))
    return found


def find(value, key):
    """the first value under that key, wherever it stands"""
    if isinstance(value, dict):
        if key in value:
            return value[key]
        value = list(value.values())
    for one in value if isinstance(value, list) else ():
        found = find(one, key)
        if found is not None:
            return found
    return None


@pytest.mark.parametrize("speaks", ALL)
@pytest.mark.parametrize("asks", ALL)
def test_T36_a_request_gives_the_same_bytes_in_two_processes(processes, asks, speaks):
    *both, upstream = processes
    upstream.requests.clear()
    upstream.always(PROVIDERS[speaks]().answer)
    for g in both:
        for _ in range(2):
            one = rich(asks, name(speaks) + "/m")
            assert g.call(one.body, one.path).status == 200
    sent = {request.body for request in upstream.requests}
    assert len(upstream.requests) == 4 and len(sent) == 1, sent
    body = json.loads(sent.pop())
    properties = find(body, "properties")
    assert orders(properties) == orders(SCHEMA["properties"]), "the schema's keys keep their order"
    called = [c["function"]["arguments"] for m in body.get("messages", ()) for c in m.get("tool_calls", ())]
    called = [json.loads(c) if isinstance(c, str) else c for c in called]
    called += [i["arguments"] and json.loads(i["arguments"]) for i in body.get("input", ()) if i.get("type") == "function_call"]
    called = called or [find(body, "args") or find(body.get("messages"), "input")]
    assert list(called[0]) == ["z", "a"], "arguments keep the order of their keys"


def to(asks, stream, body, model):
    """(path, body) of a recorded request for another model"""
    if asks == "gemini":
        return "/v1beta/models/%s:%s" % (model, "streamGenerateContent?alt=sse" if stream else "generateContent"), body
    if asks == "bedrock-converse":
        return "/model/%s/converse%s" % (model.replace("/", "%2F"), "-stream" * stream), body
    paths = {"openai-chat": "/v1/chat/completions", "openai-responses": "/v1/responses", "anthropic-messages": "/v1/messages",
             "cohere-v2": "/v2/chat", "ollama": "/api/generate" if "prompt" in body else "/api/chat"}
    more = {"max_tokens": 100} if asks == "anthropic-messages" else {}
    return paths[asks], {**more, **body, "model": model}


ADDRESS = re.compile(r'"(image_url|url|file_url|document_url|fileUri|file_uri)": "https?://')  # of media to fetch


# ---- every recorded request --------------------------------------------------------------------
def recorded():
    """(client dialect, stream, body) of each recorded request that is one of ours"""
    found = []
    for path in sorted(glob.glob(os.path.join(FOLDER, "*", "*.meta.json"))):
        with open(path, encoding="utf-8") as file:
            meta = json.load(file)
        request, sent_to = meta.get("request_file"), (meta.get("path") or "").split("?")[0]
        if not dialect_of(meta) or not (request or "").endswith(".json"):
            continue
        with open(os.path.join(os.path.dirname(path), request), encoding="utf-8") as file:
            body = json.load(file)
        if isinstance(body, dict) and not ADDRESS.search(json.dumps(body)):
            found.append(("%s-%s" % (meta["provider"], meta["name"]), dialect_of(meta), "stream" in sent_to.lower(), body))
    return found


REQUESTS = recorded()
ANSWERS = {d: PROVIDERS[d]() for d in ALL}


def anything(request):
    """an answer of the dialect that was asked, whatever was asked"""
    if request.target.startswith("/v1/chat"):
        return mock.tokens("x", usage=mock.USAGE) if request.json.get("stream") else mock.chat("x")
    ends = (("/model/", "bedrock-converse"), ("/v2/", "cohere-v2"), ("/api/", "ollama"), ("Content", "gemini"),
            ("messages", "anthropic-messages"), ("", "openai-responses"))
    dialect = next(d for part, d in ends if part in request.target)
    last = {"openai-responses": {"input": [{"type": "function_call_output"}]},
            "anthropic-messages": {"messages": [{"content": [{"type": "tool_result"}]}]},
            "gemini": {"contents": [{"parts": [{"functionResponse": {}}]}]},
            "bedrock-converse": {"messages": [{"content": [{"toolResult": {}}]}]}}.get(dialect, {"messages": [{"role": "tool"}]})
    asked = dict(request.json, **last)
    return ANSWERS[dialect].answer(type("Asked", (), {"json": asked, "target": request.target}))


@pytest.mark.skipif(not REQUESTS, reason="no recordings in " + FOLDER)
@pytest.mark.parametrize("speaks", ALL)
def test_T36_recorded_requests_give_the_same_bytes_in_two_processes(processes, speaks):
    """and none of them is more than the gateway can take"""
    *both, upstream = processes
    upstream.always(anything)

    def replay(g):
        def one(item):
            label, asks, stream, body = item
            path, body = to(asks, stream, body, "%s/%d" % (name(speaks), REQUESTS.index(item)))
            answer = g.call(body, path)
            return label, answer.status, answer.body[:300]
        upstream.requests.clear()
        outcomes = in_threads(one, REQUESTS)
        models = [re.search(r"(?:models|model)/(\d+)", r.target).group(1) if speaks in ("gemini", "bedrock-converse")
                  else r.json["model"] for r in upstream.requests]
        return outcomes, dict(zip(models, (r.body for r in upstream.requests)))
    first, second = (replay(g) for g in both)
    assert first[1] == second[1]
    wrong = [o for o in first[0] if o[1] not in (200, 400)]
    assert not wrong, wrong[:20]
    refused = [o for o in first[0] if o[1] == 400]
    assert len(refused) <= len(REQUESTS) / 20, refused
    assert len(first[1]) == len(REQUESTS) - len(refused)

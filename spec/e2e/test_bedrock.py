"""Bedrock's Converse: its provider behind clients of other dialects, boto3 before providers of others."""
import base64
import json

import boto3
import botocore.config
import botocore.exceptions
import pytest

import upstream as mock
from config import config, provider
from dialects import ANTHROPIC, GEMINI, OPENAI, adapter_file, RESPONSES, reply, stream
from framings import AWS, event, events, exception
from framings import stream as frames

pytestmark = pytest.mark.slow

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
PAIR = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "sk-canary-secret"}
USAGE = {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}
PNG = b"\x89PNG\r\n\x1a\n" + b"0123456789" * 3
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {
    "type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "integer"}}}}}
SPEC = {"toolSpec": {"name": "f", "description": "d", "inputSchema": {"json": {
    "type": "object", "properties": {"z": {"type": "string"}}}}}}
HI = [{"role": "user", "content": [{"text": "hi"}]}]


# ---- a provider ----------------------------------------------------------------------------------
def whole(*content, reason="end_turn", usage=USAGE, **more):
    return mock.json_reply({"output": {"message": {"role": "assistant", "content": list(content)}}, "stopReason": reason,
                            "usage": usage, "metrics": {"latencyMs": 5}, **more})


def delta(index, **value):
    return event(AWS, {"contentBlockIndex": index, "delta": value, "p": "abcd"}, "contentBlockDelta")


def stop(index):
    return event(AWS, {"contentBlockIndex": index, "p": "ab"}, "contentBlockStop")


def begin():
    return event(AWS, {"p": "abc", "role": "assistant"}, "messageStart")


def tool(index, name="f", identity="tooluse_1"):
    return event(AWS, {"contentBlockIndex": index, "start": {"toolUse": {"toolUseId": identity, "name": name}}},
                 "contentBlockStart")


def end(reason="end_turn", usage=USAGE):
    return [event(AWS, {"p": "a", "stopReason": reason}, "messageStop"),
            event(AWS, {"metrics": {"latencyMs": 5}, "p": "abc", "usage": usage}, "metadata")]


def said(*texts, reason="end_turn"):
    return frames(AWS, begin(), *[delta(0, text=t) for t in texts], stop(0), *end(reason))


def behind(gateway, upstream, model=CLAUDE, keys=(PAIR,), **settings):
    """the model "smart" of Bedrock"""
    entry = {"extends": "bedrock", "base_url": upstream.origin, "region": "us-east-1", "keys": list(keys)}
    return gateway(config({"b": entry}, models={"smart": ["b/" + model]}, **settings))


def chat(gateway, **more):
    return gateway.call({"model": "smart", "messages": [{"role": "user", "content": "hi"}], **more})


def test_a_request_is_signed_and_its_model_stands_in_the_path(gateway, upstream):
    upstream.always(whole({"text": "hello"}))
    g = behind(gateway, upstream)
    answer = chat(g)
    assert answer.json["choices"][0]["message"]["content"] == "hello"
    assert answer.json["usage"]["prompt_tokens"] == 11 and answer.json["usage"]["completion_tokens"] == 7
    assert upstream.last.target == "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
    assert "/us-east-1/bedrock/aws4_request" in upstream.last.headers["authorization"]
    assert upstream.last.json == {"messages": HI}
    chat(behind(gateway, upstream, keys=["sk-canary-bearer"]))
    assert upstream.last.headers["authorization"] == "Bearer sk-canary-bearer"


def test_a_request_is_said_in_converses_words(gateway, upstream):
    upstream.always(whole({"text": "hello"}))
    answer = chat(behind(gateway, upstream), messages=[
        {"role": "system", "content": "be brief"}, {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"z": "1"}'}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"}],
        tools=[TOOL], tool_choice="required", reasoning_effort="none", max_completion_tokens=9, stop="x", seed=4)
    assert answer.status == 200, answer.body
    sent = upstream.last.json
    assert sent["system"] == [{"text": "be brief"}]
    assert sent["messages"] == [
        {"role": "user", "content": [{"text": "go"}]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c1", "name": "f", "input": {"z": "1"}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "status": "success", "content": [{"text": "one"}]}}]}]
    assert sent["toolConfig"] == {"toolChoice": {"any": {}}, "tools": [{"toolSpec": {
        "name": "f", "description": "d", "inputSchema": {"json": TOOL["function"]["parameters"]}}}]}
    assert sent["inferenceConfig"] == {"maxTokens": 9, "stopSequences": ["x"]}
    assert "seed" in answer.headers["x-tidegate-warnings"]
    assert b'"properties":{"z":{"type":"string"},"a"' in upstream.last.body.replace(b" ", b"")


def test_T33_a_stream_with_thinking_and_a_call_goes_through_a_conversation(gateway, upstream):
    upstream.answer(frames(
        AWS, begin(), delta(0, reasoningContent={"text": "h"}), delta(0, reasoningContent={"text": "m"}),
        delta(0, reasoningContent={"signature": "c2ln"}), stop(0), tool(1), delta(1, toolUse={"input": '{"z":'}),
        delta(1, toolUse={"input": ' "1"}'}), stop(1), *end("tool_use", {**USAGE, "cacheReadInputTokens": 5})))
    g = behind(gateway, upstream)
    answer = chat(g, stream=True, stream_options={"include_usage": True}, tools=[TOOL])
    assert upstream.last.target.endswith("/converse-stream")
    chunks = [json.loads(data) for data in answer.events if data != "[DONE]"]
    deltas = [choice["delta"] for c in chunks for choice in c["choices"]]
    assert "".join(d.get("reasoning_content") or "" for d in deltas) == "hm"
    details = [detail for d in deltas for detail in d.get("reasoning_details", ())]
    assert any(d.get("signature") == "c2ln" and d["format"] == "anthropic-claude-v1" for d in details), details
    calls = [call for d in deltas for call in d.get("tool_calls", ())]
    assert json.loads("".join(call["function"].get("arguments", "") for call in calls)) == {"z": "1"}
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]][-1] == "tool_calls"
    assert chunks[-1]["usage"]["prompt_tokens"] == 16
    assert chunks[-1]["usage"]["prompt_tokens_details"]["cached_tokens"] == 5
    assert g.log(answer)["tokens"]["in"] == 16
    upstream.answer(whole({"text": "so"}))
    messages = [{"role": "user", "content": "go"}, {
        "role": "assistant", "content": None, "reasoning_details": details,
        "tool_calls": [{"id": "tooluse_1", "type": "function", "function": {"name": "f", "arguments": '{"z": "1"}'}}]},
        {"role": "tool", "tool_call_id": "tooluse_1", "content": "ok"}]
    assert chat(g, messages=messages, tools=[TOOL], reasoning_effort="low").status == 200
    sent = upstream.last.json
    assert sent["messages"][1]["content"][0] == {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}}
    assert sent["additionalModelRequestFields"]["thinking"]["type"] == "enabled"


def test_a_picture_by_url_is_sent_as_bytes(gateway, upstreams):
    upstream, files = upstreams(), upstreams()
    files.always(mock.Reply(headers={"content-type": "image/png"}, pieces=[PNG]))
    upstream.always(whole({"text": "a dot"}))
    g = behind(gateway, upstream, media={"allow": [files.origin]})
    parts = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": files.origin + "/dot.png"}}]
    assert chat(g, messages=[{"role": "user", "content": parts}]).status == 200
    assert upstream.last.json["messages"][0]["content"][1] == {
        "image": {"format": "png", "source": {"bytes": base64.b64encode(PNG).decode()}}}


# ---- its errors ----------------------------------------------------------------------------------
def failure(status, name, message="no", **headers):
    kind = name + ":http://internal.amazon.com/coral/com.amazon.bedrock/"
    return mock.json_reply({"message": message}, status, {"x-amzn-ErrorType": kind, **headers})


# an answer, the status where nobody else could be asked, and where somebody can
FAILURES = [
    (failure(400, "ValidationException", "no such field"), 400, 400),
    (failure(400, "ValidationException", "Input Tokens Exceeded: Number of input tokens exceeds maximum length."), 400, 400),
    (failure(400, "ValidationException", "Invocation of model ID x with on-demand throughput isn\u2019t supported."), 404, 200),
    (failure(403, "ExpiredTokenException"), 502, 200),
    (failure(403, "AccessDeniedException"), 502, 200),
    (failure(404, "ResourceNotFoundException"), 404, 200),
    (failure(408, "ModelTimeoutException"), 504, 200),
    (failure(424, "ModelErrorException"), 502, 200),
    (failure(429, "ThrottlingException"), 429, 200),
    (failure(429, "ModelNotReadyException"), 502, 200),
    (failure(500, "InternalServerException"), 502, 200),
    (failure(503, "ServiceUnavailableException"), 502, 200),
    (frames(AWS, begin(), exception("throttlingException", {"message": "slow down"})), 429, 200),
    (frames(AWS, begin(), exception("modelStreamErrorException", {"message": "broke", "originalStatusCode": 500})), 502, 200),
]


def test_T37_its_errors_mean_what_they_say(gateway, upstreams):
    upstream, other = upstreams(), upstreams()
    upstream.always(lambda request: FAILURES[int(request.target.split("/")[2].split("-")[-1])][0])
    other.always(mock.tokens("from the other"))
    providers, models = {"other": provider(other)}, {}
    for number in range(len(FAILURES)):  # a refused credential is not asked again
        for how in ("alone", "both"):
            name = "%s%d" % (how, number)
            providers[name] = {"extends": "bedrock", "base_url": upstream.origin, "region": "eu-west-1", "keys": [PAIR]}
            target = "%s/anthropic.claude-%d" % (name, number)
            models[name] = {"targets": [target, *(["other/m"] if how == "both" else [])], "pick": "ordered"}
    g = gateway(config(providers, models=models, retry={"max": 1}))
    for number, (answer, alone, both) in enumerate(FAILURES):
        refused = chat(g, model="alone%d" % number, stream=True)
        assert refused.status == alone, (answer, refused.body)
        served = chat(g, model="both%d" % number, stream=True)
        assert served.status == both, (answer, served.body)
        if "Tokens Exceeded" in str(answer.pieces):
            assert served.json["error"]["code"] == "context_length_exceeded"


def test_T05_an_exception_behind_the_commit_point_is_an_error(gateway, upstream):
    upstream.always(frames(AWS, begin(), delta(0, text="hel"),
                           exception("modelStreamErrorException", {"message": "it broke", "originalStatusCode": 500})))
    answer = chat(behind(gateway, upstream), stream=True)
    assert answer.status == 200 and answer.text == "hel" and "[DONE]" not in answer.events
    assert "it broke" in json.loads(answer.events[-1])["error"]["message"]


def test_a_stream_that_stops_before_its_reason_is_an_error(gateway, upstream):
    upstream.always(frames(AWS, begin(), delta(0, text="hel"), stop(0)))
    answer = chat(behind(gateway, upstream), stream=True)
    assert answer.text == "hel" and "[DONE]" not in answer.events


# ---- its clients ---------------------------------------------------------------------------------
def converse(gateway, body=None, method="converse", model="smart", **named):
    return gateway.call(body or {"messages": HI}, "/model/%s/%s" % (model, method), **named)


def test_a_client_is_passed_through_byte_by_byte(gateway, upstream):
    upstream.always(lambda request: said("hel", "lo") if "stream" in request.target else whole(
        {"text": "Blocked."}, reason="guardrail_intervened", trace={"guardrail": {"x": 1}}))
    g = behind(gateway, upstream)
    body = b'{ "messages": [{"role":"user","content":[{"text":"hi"}]}], "guardrailConfig": {"b": 1, "a": [ ] } }'
    answer = converse(g, body, headers={"content-type": "application/json"})
    assert upstream.last.body == body and answer.json["trace"] == {"guardrail": {"x": 1}}
    assert answer.body == b"".join(whole({"text": "Blocked."}, reason="guardrail_intervened",
                                         trace={"guardrail": {"x": 1}}).pieces)
    streamed = converse(g, body, "converse-stream")
    assert upstream.last.body == body and streamed.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert streamed.body == b"".join(said("hel", "lo").pieces)
    assert g.log(streamed)["tokens"]["out"] == 7


def test_a_refusal_of_its_own_keeps_its_type(gateway, upstream):
    upstream.always(failure(400, "ValidationException", "no such field", **{"x-amzn-RequestId": "req-1"}))
    answer = converse(behind(gateway, upstream))
    assert answer.status == 400 and answer.json == {"message": "no such field"}
    assert answer.headers["x-amzn-errortype"].startswith("ValidationException")
    assert answer.headers["x-amzn-requestid"] == "req-1"


def sdk(gateway, **more):
    settings = botocore.config.Config(retries={"max_attempts": 0}, read_timeout=30, parameter_validation=True)
    return boto3.client("bedrock-runtime", endpoint_url=gateway.url.removesuffix("/v1"), region_name="us-east-1",
                        aws_access_key_id="a", aws_secret_access_key="b", config=settings, **more)


def streamed(dialect):
    return mock.tokens("hel", "lo", usage=mock.USAGE) if dialect == OPENAI else stream(dialect, "hel", "lo")


@pytest.fixture
def four(gateway, upstreams):
    """boto3 before one provider of each other dialect, and what each of them gets"""
    made, providers, models = {}, {}, {}
    for dialect, extends in ((OPENAI, "openai"), (ANTHROPIC, "anthropic"), (GEMINI, "gemini"), (RESPONSES, "only_responses")):
        upstream = upstreams()
        upstream.always(lambda request, d=dialect: streamed(d) if "treamG" in request.target
                        or request.json.get("stream") else reply(d))
        made[dialect] = upstream
        providers[extends] = provider(upstream.url if dialect == OPENAI else upstream.origin, extends=extends)
        models[dialect] = [extends + "/m"]
    g = gateway(config(providers, models=models), files=adapter_file("only_responses", RESPONSES))
    return sdk(g), made, g


def test_T38_boto3_reaches_providers_of_other_dialects(four):
    client, made, _ = four
    for dialect in made:
        answer = client.converse(modelId=dialect, messages=HI, system=[{"text": "be brief"}],
                                 inferenceConfig={"maxTokens": 64, "temperature": 0.5, "stopSequences": ["x"]})
        assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": "hello"}]}, dialect
        usage = answer["usage"]
        assert answer["stopReason"] == "end_turn" and usage["outputTokens"] == 7, dialect
        assert usage["inputTokens"] + usage.get("cacheReadInputTokens", 0) == 11 and usage["totalTokens"] == 18, dialect
        parts = list(client.converse_stream(modelId=dialect, messages=HI)["stream"])
        names = [next(iter(part)) for part in parts]
        assert names == ["messageStart", "contentBlockDelta", "contentBlockDelta", "contentBlockStop", "messageStop",
                         "metadata"], dialect
        assert "".join(p["contentBlockDelta"]["delta"]["text"] for p in parts if "contentBlockDelta" in p) == "hello"
        assert parts[-2]["messageStop"]["stopReason"] == "end_turn"
        assert parts[-1]["metadata"]["usage"]["outputTokens"] == 7, dialect


def test_T38_boto3_calls_tools_and_shows_pictures(four):
    client, made, _ = four
    upstream = made[OPENAI]
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"z": "1"}'}}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    upstream.answer(mock.json_reply(body))
    answer = client.converse(modelId=OPENAI, messages=HI, toolConfig={"tools": [SPEC], "toolChoice": {"any": {}}},
                             additionalModelRequestFields={"reasoning_effort": "low"})
    assert answer["stopReason"] == "tool_use"
    use = answer["output"]["message"]["content"][0]["toolUse"]
    assert use == {"toolUseId": "call_1", "name": "f", "input": {"z": "1"}}
    sent = upstream.last.json
    assert sent["tool_choice"] == "required" and sent["reasoning_effort"] == "low"
    assert sent["tools"][0]["function"]["parameters"] == SPEC["toolSpec"]["inputSchema"]["json"]
    client.converse(modelId=OPENAI, toolConfig={"tools": [SPEC]}, messages=[
        *HI, answer["output"]["message"],
        {"role": "user", "content": [
            {"toolResult": {"toolUseId": "call_1", "content": [{"json": {"n": 1}}], "status": "error"}},
            {"image": {"format": "png", "source": {"bytes": PNG}}},
            {"document": {"format": "pdf", "name": "report", "source": {"bytes": b"%PDF-1"}}}]}])
    messages = upstream.last.json["messages"]
    assert messages[1]["tool_calls"][0]["id"] == "call_1"
    assert messages[2]["role"] == "tool" and json.loads(messages[2]["content"]) == {"n": 1}
    parts = messages[3]["content"]
    assert parts[0]["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert parts[1]["file"]["filename"] == "report.pdf"
    assert base64.b64encode(b"%PDF-1").decode() in parts[1]["file"]["file_data"]
    upstream.answer(mock.stream(
        mock.role(), mock.chunk([{"index": 0, "delta": {"tool_calls": [{"index": 0, **call}]}, "finish_reason": None}]),
        mock.finish("tool_calls"), mock.usage_chunk(), mock.DONE))
    parts = list(client.converse_stream(modelId=OPENAI, messages=HI, toolConfig={"tools": [SPEC]})["stream"])
    assert parts[1]["contentBlockStart"]["start"]["toolUse"] == {"toolUseId": "call_1", "name": "f"}
    inputs = [p["contentBlockDelta"]["delta"]["toolUse"]["input"] for p in parts if "contentBlockDelta" in p]
    assert json.loads("".join(inputs)) == {"z": "1"}
    assert parts[-2]["messageStop"]["stopReason"] == "tool_use"


def test_T38_boto3_carries_thinking_and_its_signature(four):
    client, made, _ = four
    upstream = made[ANTHROPIC]
    thought = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    upstream.answer(mock.json_reply({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn", "stop_sequence": None,
        "content": [thought, {"type": "text", "text": "so"}], "usage": {"input_tokens": 1, "output_tokens": 2}}))
    answer = client.converse(modelId=ANTHROPIC, messages=HI, inferenceConfig={"maxTokens": 4096},
                             additionalModelRequestFields={"thinking": {"type": "enabled", "budget_tokens": 2000}})
    assert upstream.last.json["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    message = answer["output"]["message"]
    assert message["content"][0]["reasoningContent"]["reasoningText"] == {"text": "hm", "signature": "c2ln"}
    client.converse(modelId=ANTHROPIC, messages=[*HI, message, *HI])
    assert upstream.last.json["messages"][1]["content"][0] == thought
    client.converse(modelId=OPENAI, messages=[*HI, message, *HI])
    assert made[OPENAI].last.json["messages"][1]["content"] == "so"


def test_T33_what_nobody_signed_does_not_reach_claude_on_bedrock(gateway, upstream):
    upstream.always(whole({"text": "so"}))
    client = sdk(behind(gateway, upstream))
    unsigned = base64.b64encode(b"tidegate:none:").decode()
    client.converse(modelId="smart", messages=[*HI, {"role": "assistant", "content": [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": unsigned}}}, {"text": "so"}]}, *HI])
    assert upstream.last.json["messages"][1]["content"] == [{"text": "so"}]


REFUSALS = [
    (mock.error(400, "no such field"), 400, "ValidationException"),
    (mock.error(429), 429, "ThrottlingException"),
    (mock.error(401), 502, "ModelErrorException"),
    (mock.error(404), 404, "ResourceNotFoundException"),
    (mock.error(500), 502, "ModelErrorException"),
]


def test_T38_boto3_understands_errors(gateway, upstream):
    upstream.always(lambda request: REFUSALS[int(request.json["model"])][0])
    providers = {"p%d" % i: provider(upstream) for i in range(len(REFUSALS))}
    models = {"m%d" % i: ["p%d/%d" % (i, i)] for i in range(len(REFUSALS))}
    client = sdk(gateway(config(providers, models=models, retry={"max": 0})))
    for number, (_, status, name) in enumerate(REFUSALS):
        with pytest.raises(getattr(client.exceptions, name)) as raised:
            (client.converse, client.converse_stream)[number % 2](modelId="m%d" % number, messages=HI)
        error = raised.value.response
        assert error["ResponseMetadata"]["HTTPStatusCode"] == status and error["Error"]["Message"], name


def test_T38_boto3_understands_the_gateways_own_errors(gateway, upstream):
    upstream.always(mock.stream(mock.role(), mock.delta("hel"), mock.ERROR_EVENT))
    g = gateway(config({"one": provider(upstream)}, models={"smart": ["one/m"]}))
    client = sdk(g)
    with pytest.raises(client.exceptions.ResourceNotFoundException) as raised:
        client.converse(modelId="none-of-these", messages=HI)
    assert raised.value.response["ResponseMetadata"]["RequestId"]
    with pytest.raises(client.exceptions.ValidationException):
        client.converse(modelId="smart", messages=[])
    parts = iter(client.converse_stream(modelId="smart", messages=HI)["stream"])
    texts = []
    with pytest.raises(botocore.exceptions.EventStreamError) as raised:
        for part in parts:
            texts.append(part.get("contentBlockDelta", {}).get("delta", {}).get("text", ""))
    assert "".join(texts) == "hel" and "it broke half-way" in str(raised.value)
    answer = converse(g, method="converse-stream")
    assert events(AWS, answer.body)[-1][0] == "!modelStreamErrorException"

"""The four dialects as clients speak them, and as mock providers answer: small bodies, not whole protocols."""
import json

import upstream as mock
from config import provider

OPENAI, RESPONSES = "openai-chat", "openai-responses"
ANTHROPIC, GEMINI = "anthropic-messages", "gemini"
ALL = (OPENAI, RESPONSES, ANTHROPIC, GEMINI)
ADAPTERS = {OPENAI: "openai", RESPONSES: "openai", ANTHROPIC: "anthropic", GEMINI: "gemini"}


# ---- clients -----------------------------------------------------------------------------------
def path_of(dialect, model="smart", stream=False, query=""):
    if dialect == GEMINI:
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        path = "/v1beta/models/%s:%s" % (model, method)
        return path + (("&" if stream else "?") + query if query else "")
    paths = {OPENAI: "/v1/chat/completions", RESPONSES: "/v1/responses", ANTHROPIC: "/v1/messages"}
    return paths[dialect] + ("?" + query if query else "")


def body_of(dialect, model="smart", say="hi", stream=False, **more):
    if dialect == GEMINI:
        return {"contents": [{"role": "user", "parts": [{"text": say}]}], **more}
    body = {"model": model, **more}
    if dialect == RESPONSES:
        body["input"] = say
    else:
        body["messages"] = [{"role": "user", "content": say}]
    if dialect == ANTHROPIC:
        body.setdefault("max_tokens", 64)
    if stream:
        body["stream"] = True
    return body


def ask(gateway, dialect, model="smart", stream=False, headers=None, query="", **more):
    """one request of a client; the whole answer"""
    return gateway.call(body_of(dialect, model, stream=stream, **more), path_of(dialect, model, stream, query),
                        headers=headers)


def text_of(dialect, answer):
    """what a whole answer says"""
    assert answer.status == 200, answer.body
    body = answer.json
    if dialect == OPENAI:
        return body["choices"][0]["message"]["content"]
    if dialect == RESPONSES:
        return "".join(part["text"] for item in body["output"] if item["type"] == "message" for part in item["content"])
    if dialect == ANTHROPIC:
        return "".join(part["text"] for part in body["content"] if part["type"] == "text")
    return "".join(part["text"] for part in body["candidates"][0]["content"]["parts"])


def streamed_text(dialect, answer):
    """what a stream says"""
    events = [json.loads(data) for data in answer.events if data != "[DONE]"]
    if dialect == OPENAI:
        return answer.text
    if dialect == RESPONSES:
        return "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
    if dialect == ANTHROPIC:
        return "".join(e["delta"].get("text", "") for e in events if e["type"] == "content_block_delta")
    return "".join(part.get("text", "") for e in events for c in e.get("candidates", ())
                   for part in c.get("content", {}).get("parts", ()))


def error_of(dialect, answer, status):
    """the message of an error, which has the shape of its dialect"""
    assert answer.status == status, (answer.status, answer.body)
    assert answer.headers["content-type"].startswith("application/json")
    return check_error(dialect, answer.json, status)


def check_error(dialect, body, status):
    error = body["error"]
    assert isinstance(error["message"], str) and error["message"]
    for inside in ("traceback", ".lua:", "/scripts/"):
        assert inside not in error["message"]
    if dialect == ANTHROPIC:
        assert body["type"] == "error" and isinstance(error["type"], str) and "code" not in error
        assert body["request_id"]
    elif dialect == GEMINI:
        assert error["code"] == status and error["status"].isupper(), error
    else:
        assert set(error) >= {"message", "type", "param", "code"}, error
    return error["message"]


# ---- providers ---------------------------------------------------------------------------------
def provider_of(dialect, upstream, key="sk-canary-one", **more):
    """a mock provider that speaks this dialect, and for openai-chat no other"""
    if dialect == RESPONSES:
        raise ValueError("a provider of the Responses API needs an adapter of its own: see responses_adapter()")
    url = upstream.url if dialect == OPENAI else upstream.origin
    return provider(url, key, extends=ADAPTERS[dialect], **more)


ADAPTER = """return tide.adapter {
  name = "%s", dialects = { %s }, auth = { type = "bearer" },
}
"""


def adapter_file(name, *dialects):
    """a file for Gateway(files=): an adapter of these dialects, with their own paths"""
    return {"adapters/%s.lua" % name: ADAPTER % (name, ", ".join('"%s"' % one for one in dialects))}


def reply(dialect, text="hello"):
    """a whole answer of a provider"""
    if dialect == OPENAI:
        return mock.chat(text)
    if dialect == ANTHROPIC:
        return mock.json_reply({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "upstream-model",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": None,
            "usage": {"input_tokens": 11, "output_tokens": 7}})
    if dialect == GEMINI:
        return mock.json_reply(gemini_chunk(text, "STOP"))
    return mock.json_reply(response(text))


def gemini_chunk(text, reason=None):
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "modelVersion": "upstream-model", "responseId": "r1",
            "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}}


def response(text, status="completed"):
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}]}
    return {"id": "resp_1", "object": "response", "created_at": 1700000000, "status": status, "model": "upstream-model",
            "output": [item] if status == "completed" else [], "error": None, "incomplete_details": None,
            "usage": {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}}


def named(name, **data):
    return b"event: " + name.encode() + b"\n" + mock.event({"type": name, **data})


def anthropic_events(*texts):
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": "upstream-model", "content": [],
             "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 11, "output_tokens": 1}}
    return [named("message_start", message=start),
            named("content_block_start", index=0, content_block={"type": "text", "text": ""}),
            *[named("content_block_delta", index=0, delta={"type": "text_delta", "text": t}) for t in texts],
            named("content_block_stop", index=0),
            named("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None},
                  usage={"output_tokens": 7}),
            named("message_stop")]


def gemini_events(*texts):
    return [mock.event(gemini_chunk(t, "STOP" if t is texts[-1] else None), b"\r\n\r\n") for t in texts]


def responses_events(*texts):
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    return [named("response.created", response=response("", "in_progress")),
            named("response.output_item.added", output_index=0, item=item),
            *[named("response.output_text.delta", delta=t, **where) for t in texts],
            named("response.output_text.done", text="".join(texts), **where),
            named("response.output_item.done", output_index=0, item=response("".join(texts))["output"][0]),
            named("response.completed", response=response("".join(texts)))]


def events(dialect, *texts):
    """the pieces of a good stream of a provider"""
    if dialect == OPENAI:
        return mock.tokens(*texts).pieces
    makers = {ANTHROPIC: anthropic_events, GEMINI: gemini_events, RESPONSES: responses_events}
    return makers[dialect](*texts)


def stream(dialect, *texts):
    return mock.stream(*events(dialect, *texts))

"""The least of each dialect: what a client asks, what a provider answers. For tests of translation.

    ask("gemini", "smart", stream=True)            (path, body) of a request that says "hi"
    whole("anthropic-messages", "hello")           a Reply with the whole answer
    streamed("openai-chat", "hel", "lo")           a Reply with the stream
    failed("gemini", 429)                          a Reply with an error, in the provider's words
    send(g, "gemini", stream=True)                 the request, of the model "group" of the fixture `speaking`
    read("gemini", answer, True)                   the facts of its answer, which must be by the book
"""
import upstream as mock
from config import config, provider
from facts import client

DIALECTS = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")
PATHS = {"openai-chat": "/chat/completions", "openai-responses": "/responses", "anthropic-messages": "/v1/messages"}
ADAPTERS = {
    "openai-chat": 'return tide.adapter { extends = "openai", dialect = "openai-chat" }',
    "openai-responses": 'return tide.adapter { extends = "openai", dialect = "openai-responses" }',
    "anthropic-messages": 'return tide.adapter { dialect = "anthropic-messages" }',
    "gemini": 'return tide.adapter { dialect = "gemini" }',
}
FILES = {"adapters/speaks_%s.lua" % name.replace("-", "_"): text for name, text in ADAPTERS.items()}


def speaks(dialect):
    """the adapter of FILES that speaks this dialect and no other"""
    return "speaks_" + dialect.replace("-", "_")


# ---- clients -----------------------------------------------------------------------------------
def ask(dialect, model, stream=False, text="hi", array=False, **more):
    """(path, body) of a small request; `more` are members of the body"""
    if dialect == "openai-chat":
        body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}
        if stream:
            body["stream_options"] = {"include_usage": True}
        return "/v1/chat/completions", {**body, **more}
    if dialect == "openai-responses":
        return "/v1/responses", {"model": model, "input": text, "stream": stream, **more}
    if dialect == "anthropic-messages":
        return "/v1/messages", {"model": model, "max_tokens": 100, "stream": stream,
                                "messages": [{"role": "user", "content": text}], **more}
    method = "streamGenerateContent" + ("" if array else "?alt=sse") if stream else "generateContent"
    return "/v1beta/models/%s:%s" % (model, method), {"contents": [{"role": "user", "parts": [{"text": text}]}], **more}


def send(g, asks, stream=False, model="group", **more):
    """such a request, and its whole answer"""
    path, body = ask(asks, model, stream, **more)
    return g.call(body, path)


def read(asks, answer, stream, array=False):
    assert answer.status == 200, answer.body
    return client.stream(asks, answer.body, array) if stream else client.answer(asks, answer.body)


# ---- gateways ----------------------------------------------------------------------------------
def of(dialect, upstream, **more):
    """a provider that speaks this dialect"""
    url = upstream.url if dialect.startswith("openai") else upstream.origin
    return provider(url, extends=speaks(dialect), **more)


def group_of(dialects, mocks, model=None, **settings):
    """providers a, b ... of these dialects, tried in this order for the model "group"; needs FILES"""
    names = "abcdef"[:len(dialects)]
    table = {n: of(d, u, key="sk-canary-" + n) for n, d, u in zip(names, dialects, mocks)}
    targets = {"targets": [n + "/m" for n in names], "pick": "ordered", **(model or {})}
    return config(table, models={"group": targets, **settings.pop("models", {})}, **settings)


# ---- providers ---------------------------------------------------------------------------------
def named(name, value):
    return ("event: %s\n" % name).encode() + mock.event(value)


def response_object(text, status="completed"):
    item = {"type": "message", "id": "msg_1", "status": status, "role": "assistant",
            "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]}
    return {"id": "resp_1", "object": "response", "created_at": 1700000000, "model": "upstream-model",
            "status": status, "error": None, "incomplete_details": None, "instructions": None, "metadata": {},
            "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0,
            "output": [item], "usage": {
                "input_tokens": 11, "output_tokens": 7, "total_tokens": 18,
                "input_tokens_details": {"cached_tokens": 3}, "output_tokens_details": {"reasoning_tokens": 0}}}


CLAUDE_USAGE = {"input_tokens": 8, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 0}


def claude(content, stop, usage):
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "upstream-model", "content": content,
            "stop_reason": stop, "stop_sequence": None, "usage": usage}


def gemini_chunk(text, finish=None):
    candidate = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}
    chunk = {"candidates": [candidate], "modelVersion": "upstream-model", "responseId": "r1"}
    if finish:
        candidate["finishReason"] = finish
        chunk["usageMetadata"] = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18,
                                  "cachedContentTokenCount": 3}
    return chunk


def whole(dialect, text="hello", **more):
    """a whole answer: 11 tokens read, 3 of them cached, 7 written"""
    if dialect == "openai-chat":
        return mock.chat(text, **more)
    if dialect == "openai-responses":
        return mock.json_reply(response_object(text), **more)
    if dialect == "anthropic-messages":
        usage = {**CLAUDE_USAGE, "output_tokens": 7}
        return mock.json_reply(claude([{"type": "text", "text": text}], "end_turn", usage), **more)
    return mock.json_reply(gemini_chunk(text, "STOP"), **more)


def responses_pieces(texts):
    started = {**response_object("", "in_progress"), "output": [], "usage": None}
    item = {"type": "message", "id": "msg_1", "status": "in_progress", "role": "assistant", "content": []}
    events = [("response.created", {"response": started}),
              ("response.output_item.added", {"output_index": 0, "item": item}),
              ("response.content_part.added", {"item_id": "msg_1", "output_index": 0, "content_index": 0,
                                               "part": {"type": "output_text", "text": "", "annotations": [], "logprobs": []}})]
    events += [("response.output_text.delta", {"item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": t,
                                               "logprobs": []})
               for t in texts]
    done = response_object("".join(texts))
    events += [("response.output_text.done", {"item_id": "msg_1", "output_index": 0, "content_index": 0,
                                              "text": "".join(texts), "logprobs": []}),
               ("response.content_part.done", {"item_id": "msg_1", "output_index": 0, "content_index": 0,
                                               "part": done["output"][0]["content"][0]}),
               ("response.output_item.done", {"output_index": 0, "item": done["output"][0]}),
               ("response.completed", {"response": done})]
    return [named(n, {"type": n, "sequence_number": i, **v}) for i, (n, v) in enumerate(events)]


def claude_pieces(texts):
    started = claude([], None, {**CLAUDE_USAGE, "output_tokens": 1})
    events = [("message_start", {"message": started}),
              ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
              ("ping", {})]
    events += [("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": t}}) for t in texts]
    events += [("content_block_stop", {"index": 0}),
               ("message_delta", {"delta": {"stop_reason": "end_turn", "stop_sequence": None},
                                  "usage": {"output_tokens": 7}}),
               ("message_stop", {})]
    return [named(n, {"type": n, **v}) for n, v in events]


def pieces(dialect, *texts):
    """the events of a whole stream"""
    if dialect == "openai-chat":
        return [mock.role(), *[mock.delta(t) for t in texts], mock.finish(), mock.usage_chunk(), mock.DONE]
    if dialect == "openai-responses":
        return responses_pieces(texts)
    if dialect == "anthropic-messages":
        return claude_pieces(texts)
    return [mock.event(gemini_chunk(t, "STOP" if i == len(texts) - 1 else None)) for i, t in enumerate(texts)]


def streamed(dialect, *texts, **more):
    return mock.stream(*pieces(dialect, *texts), **more)


def failed(dialect, status, message="the provider says no", kind=None, **more):
    """an error as that provider words it"""
    if dialect == "anthropic-messages":
        words = {400: "invalid_request_error", 401: "authentication_error", 413: "request_too_large",
                 429: "rate_limit_error", 503: "overloaded_error"}
        body = {"type": "error", "error": {"type": kind or words.get(status, "api_error"), "message": message}}
    elif dialect == "gemini":
        words = {400: "INVALID_ARGUMENT", 413: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
        body = {"error": {"code": status, "message": message, "status": kind or words.get(status, "INTERNAL")}}
    else:
        body = {"error": {"message": message, "type": kind or "server_error", "param": None, "code": None}}
    return mock.json_reply(body, status, **more)

"""The least of each dialect: what a client asks, what a provider answers. For tests of translation.

    ask("gemini", "smart", stream=True)            (path, body) of a request that says "hi"
    whole("anthropic-messages", "hello")           a Reply with the whole answer
    streamed("openai-chat", "hel", "lo")           a Reply with the stream
    failed("gemini", 429)                          a Reply with an error, in the provider's words
    send(g, "gemini", stream=True)                 the request, of the model "group" of the fixture `speaking`
    read("gemini", answer, True)                   the facts of its answer, which must be by the book
"""
import string

import framings
import upstream as mock
from config import config, provider
from conformance import FRAMINGS
from conformance import ask as least
from facts import client

DIALECTS = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")
NEWER = ("bedrock-converse", "cohere-v2", "ollama")
ALL = DIALECTS + NEWER
PATHS = {"openai-chat": "/chat/completions", "openai-responses": "/responses", "anthropic-messages": "/v1/messages",
         "cohere-v2": "/v2/chat", "ollama": "/api/chat"}
ADAPTERS = {
    "openai-chat": 'return tide.adapter { extends = "openai", dialect = "openai-chat" }',
    "openai-responses": 'return tide.adapter { extends = "openai", dialect = "openai-responses" }',
    "anthropic-messages": 'return tide.adapter { dialect = "anthropic-messages" }',
    **{name: 'return tide.adapter { dialect = "%s" }' % name for name in ("gemini", *NEWER)},
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
    if dialect in NEWER:
        path, body = least(dialect, model, stream)
        said = [{"text": text}] if dialect == "bedrock-converse" else text
        return path, {**body, "messages": [{"role": "user", "content": said}], **more}
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
    names = string.ascii_lowercase[:len(dialects)]
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


COUNTS = {"bedrock-converse": {"usage": {"inputTokens": 8, "cacheReadInputTokens": 3, "outputTokens": 7, "totalTokens": 18},
                               "metrics": {"latencyMs": 5}},
          "cohere-v2": {"usage": {"billed_units": {"input_tokens": 11, "output_tokens": 7}, "cached_tokens": 3,
                                  "tokens": {"input_tokens": 11, "output_tokens": 7}}},
          "ollama": {"done": True, "done_reason": "stop", "total_duration": 9, "load_duration": 1, "prompt_eval_count": 11,
                     "prompt_eval_duration": 3, "eval_count": 7, "eval_duration": 5}}


def frame(name, value):
    return framings.event(framings.AWS, value, name)


def line(content="", **more):
    return {"model": "upstream-model", "created_at": "2026-08-17T08:22:53.078901Z", "done": False,
            "message": {"role": "assistant", "content": content}, **more}


def newer_whole(dialect, text):
    if dialect == "bedrock-converse":
        return {"output": {"message": {"role": "assistant", "content": [{"text": text}]}}, "stopReason": "end_turn", **COUNTS[dialect]}
    if dialect == "cohere-v2":
        return {"id": "co-1", "finish_reason": "COMPLETE", **COUNTS[dialect],
                "message": {"role": "assistant", "content": [{"type": "text", "text": text}]}}
    return line(text, **COUNTS[dialect])


def bedrock_pieces(texts):
    where = {"contentBlockIndex": 0}
    return [frame("messageStart", {"role": "assistant"}),
            *[frame("contentBlockDelta", {**where, "delta": {"text": t}}) for t in texts], frame("contentBlockStop", where),
            frame("messageStop", {"stopReason": "end_turn"}), frame("metadata", COUNTS["bedrock-converse"])]


def cohere_event(kind, **value):
    return named(kind, {"type": kind, **value})


def cohere_pieces(texts):
    def said(**content):
        return {"message": {"content": content}}
    return [cohere_event("message-start", id="co-1", delta={"message": {"role": "assistant", "content": [], "tool_plan": "",
                                                                        "tool_calls": [], "citations": []}}),
            cohere_event("content-start", index=0, delta=said(type="text", text="")),
            *[cohere_event("content-delta", index=0, delta=said(text=t)) for t in texts], cohere_event("content-end", index=0),
            cohere_event("message-end", delta={"finish_reason": "COMPLETE", **COUNTS["cohere-v2"]}), mock.DONE]


def ollama_pieces(texts):
    return [framings.event(framings.NDJSON, v) for v in (*[line(t) for t in texts], line(**COUNTS["ollama"]))]


def whole(dialect, text="hello", **more):
    """a whole answer: 11 tokens read, 3 of them cached, 7 written"""
    if dialect == "openai-chat":
        return mock.chat(text, **more)
    if dialect == "openai-responses":
        return mock.json_reply(response_object(text), **more)
    if dialect == "anthropic-messages":
        usage = {**CLAUDE_USAGE, "output_tokens": 7}
        return mock.json_reply(claude([{"type": "text", "text": text}], "end_turn", usage), **more)
    if dialect in NEWER:
        return mock.json_reply(newer_whole(dialect, text), **more)
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
    if dialect in NEWER:
        return {"bedrock-converse": bedrock_pieces, "cohere-v2": cohere_pieces, "ollama": ollama_pieces}[dialect](texts)
    return [mock.event(gemini_chunk(t, "STOP" if i == len(texts) - 1 else None)) for i, t in enumerate(texts)]


def stream_of(dialect, *given, **more):
    """these pieces as a stream of that dialect"""
    reply = mock.stream(*given, **more)
    reply.headers = {**reply.headers, "content-type": FRAMINGS.get(dialect, "text/event-stream")}
    return reply


def streamed(dialect, *texts, **more):
    return stream_of(dialect, *pieces(dialect, *texts), **more)


def failed(dialect, status, message="the provider says no", kind=None, **more):
    """an error as that provider words it"""
    if dialect == "anthropic-messages":
        words = {400: "invalid_request_error", 401: "authentication_error", 413: "request_too_large",
                 429: "rate_limit_error", 503: "overloaded_error"}
        body = {"type": "error", "error": {"type": kind or words.get(status, "api_error"), "message": message}}
    elif dialect == "gemini":
        words = {400: "INVALID_ARGUMENT", 413: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
        body = {"error": {"code": status, "message": message, "status": kind or words.get(status, "INTERNAL")}}
    elif dialect == "bedrock-converse":
        body = {"message": message} if status != 200 else {"__type": "ServiceUnavailableException", "message": message}
    elif dialect == "cohere-v2":
        body = {"id": "e-1", "message": message}
    elif dialect == "ollama":
        body = {"error": message}
    else:
        body = {"error": {"message": message, "type": kind or "server_error", "param": None, "code": None}}
    return mock.json_reply(body, status, **more)

"""What is promised of streams holds for those that are translated: each kind of client, with providers of the other
dialects. T-01 to T-07, T-29 to T-31."""
import re
import string
import threading
import time

import pytest

import framings
import upstream as mock
from config import ADMIN
from conformance import FRAMINGS
from expect import attempts, told
from facts import client
from gateway import is_sanitized
from speakers import (ALL, DIALECTS, FILES, ask, cohere_event, failed, frame, group_of, line, named, pieces, stream_of, streamed,
                      whole)
from wire import wait_until

pytestmark = pytest.mark.slow

ARRAY = "gemini-array"  # a Gemini client that does not ask for events gets one JSON array
CLIENTS = (*ALL, ARRAY)
ASKS = pytest.mark.parametrize("asks", CLIENTS)
OF_EVENTS = (*DIALECTS, "cohere-v2")  # whose streams have comments
ASKS_EVENTS = pytest.mark.parametrize("asks", (*OF_EVENTS, ARRAY))
EACH = pytest.mark.parametrize("every", (False, pytest.param(True, marks=pytest.mark.full)), ids=("some", "every"))
WHOLE_CALLS = ("gemini", "ollama")  # a call goes to their clients when it is whole
TEXT = b"hel"  # the first that each stream here says


def dialect_of(asks):
    return "gemini" if asks == ARRAY else asks


def others(asks, every=False):
    """the dialects of providers for a client: each is that of two clients or three, or all but its own"""
    own = ALL.index(dialect_of(asks))
    steps = range(1, 7) if every else (2, 6) if asks == ARRAY else (1, 4)
    return [ALL[(own + i) % len(ALL)] for i in steps]


def next_to(dialect, among=ALL):
    return among[(among.index(dialect) + 1) % len(among)]


def other(asks, among=ALL):
    """a provider's dialect for each client, a different one for each"""
    return next_to(dialect_of(asks), among) if asks != ARRAY else "anthropic-messages"


def begin(g, asks, model="group", connection=None, **more):
    """a stream of that client, up to its head"""
    path, body = ask(dialect_of(asks), model, True, array=asks == ARRAY, **more)
    connection = connection or g.connect()
    connection.request("POST", path, body)
    return connection.response()


def facts_of(asks, answer):
    answer.read()
    answer.connection.close()
    assert answer.status == 200, answer.body
    kind = "application/json" if asks == ARRAY else FRAMINGS.get(asks, "text/event-stream")
    assert answer.headers["content-type"].startswith(kind)
    return client.stream(dialect_of(asks), answer.body, asks == ARRAY)


def is_clean(asks, answer, text):
    facts = facts_of(asks, answer)
    assert facts.first.text == text and facts.first.finish == "stop" and not facts.error, answer.body
    return facts


def is_broken(asks, answer, text=TEXT):
    """what there was, then an error by the book, and no end that looks like one"""
    facts = facts_of(asks, answer)
    assert facts.error and facts.error["message"] and not facts.ended, answer.body
    assert text in answer.body and not any(c.finish for c in facts.choices.values()), answer.body
    return facts.error["message"]


def until_text(dialect, *texts):
    """the events before the first text, and with it"""
    keep = pieces(dialect, *(texts or ("hel", "lo")))
    at = next(i for i, piece in enumerate(keep) if b'"hel"' in piece)
    return keep[:at], keep[:at + 1]


def no_json(dialect):
    """an event whose data is none"""
    if dialect == "bedrock-converse":
        return framings.event(framings.AWS, b'{"delta":[{', "contentBlockDelta")
    return b'{"message":[{\n' if dialect == "ollama" else mock.event(b'{"type":"x","choices":[{')


def error_event(dialect):
    if dialect == "bedrock-converse":
        return framings.exception("serviceUnavailableException", {"message": "it broke"})
    if dialect == "cohere-v2":
        return cohere_event("message-end", delta={"finish_reason": "ERROR", "error": "it broke"})
    if dialect == "ollama":
        return framings.event(framings.NDJSON, {"error": "it broke"})
    if dialect == "openai-responses":
        return named("error", {"type": "error", "sequence_number": 9, "code": "server_error", "message": "it broke",
                               "param": None})
    if dialect == "anthropic-messages":
        return named("error", {"type": "error", "error": {"type": "overloaded_error", "message": "it broke"}})
    if dialect == "gemini":
        return mock.event({"error": {"code": 503, "message": "it broke", "status": "UNAVAILABLE"}})
    return mock.event({"error": {"message": "it broke", "type": "server_error", "code": 500}})


def call_pieces(dialect):
    """the beginning of a tool call whose arguments are not complete"""
    if dialect == "openai-chat":
        return [mock.chunk([{"index": 0, "delta": {"tool_calls": [{
            "index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"hel'}}]}}])]
    if dialect == "anthropic-messages":
        return [pieces(dialect, "x")[0],
                named("content_block_start", {"type": "content_block_start", "index": 0, "content_block": {
                    "type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}}),
                named("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": {
                    "type": "input_json_delta", "partial_json": '{"hel'}})]
    if dialect == "openai-responses":
        item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "",
                "status": "in_progress"}
        return [pieces(dialect, "x")[0],
                named("response.output_item.added", {"type": "response.output_item.added", "output_index": 0,
                                                     "item": item}),
                named("response.function_call_arguments.delta", {
                    "type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 0,
                    "delta": '{"hel'})]
    if dialect == "bedrock-converse":
        where = {"contentBlockIndex": 0}
        return [pieces(dialect, "x")[0],
                frame("contentBlockStart", {**where, "start": {"toolUse": {"toolUseId": "t1", "name": "f"}}}),
                frame("contentBlockDelta", {**where, "delta": {"toolUse": {"input": '{"hel'}}})]
    if dialect == "cohere-v2":
        call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"hel'}}
        return [pieces(dialect, "x")[0], cohere_event("tool-call-start", index=0, delta={"message": {"tool_calls": call}})]
    return None  # whose calls come whole


# ---- T-02: before the first content ------------------------------------------------------------
EARLY = {
    "closed": lambda d, before: stream_of(d, *before, mock.Cut()),
    "reset": lambda d, before: stream_of(d, *before, mock.Reset()),
    "an end without content": lambda d, before: stream_of(d, *before),
    "an event that is no JSON": lambda d, before: stream_of(d, *before, no_json(d)),
    "an event that breaks off": lambda d, before: stream_of(d, *before, pieces(d, "hel")[len(before)][:-30], mock.Cut()),
    "an error event": lambda d, before: stream_of(d, *before, error_event(d)),
    "an error inside a 200": lambda d, before: failed(d, 200, kind="overloaded_error"),
    "an error status": lambda d, before: failed(d, 503),
    "bytes that are no events": lambda d, before: stream_of(d, b"\x00\xff\xfe hello\n\nhow: do you do\n\n"),
    "no HTTP": lambda d, before: mock.garbage(),
    "a JSON value that is no answer": lambda d, before: mock.json_reply(b"[1, null]"),
    "half a JSON body": lambda d, before: mock.json_reply(b'{"id": "x", "choices": ['),
}


def pairs(gateway, upstreams, asks, dialects=None, **settings):
    """a gateway with a model for each dialect that is not the client's: a lane that fails, then one of another dialect;
    yields each with its mocks"""
    lanes = {d: (d, next_to(d), upstreams(), upstreams()) for d in dialects or others(asks)}
    texts = []
    for i, (first, second, a, b) in enumerate(lanes.values()):
        texts.append((first, second, a, b, "m%d" % i))
    flat, mocks, models = [], [], {}
    for first, second, a, b, model in texts:
        names = string.ascii_lowercase[len(flat):len(flat) + 2]
        models[model] = {"targets": [name + "/m" for name in names], "pick": "ordered"}
        flat, mocks = flat + [first, second], mocks + [a, b]
    g = gateway(group_of(flat, mocks, models=models, **settings), files=FILES)
    return g, texts


@EACH
@ASKS
def test_T02_a_fault_before_content_moves_on_to_a_lane_of_another_dialect(gateway, upstreams, asks, every):
    g, lanes = pairs(gateway, upstreams, asks, others(asks, every))
    for dialect, second, a, b, model in lanes:
        for name, fault in EARLY.items():
            a.answer(fault(dialect, until_text(dialect)[0]))
            b.answer(streamed(second, "from ", "b"))
            answer = begin(g, asks, model)
            assert answer.status == 200, (name, dialect, answer.read().body)
            facts = is_clean(asks, answer, "from b")
            assert facts.usage.output == 7 and b"never" not in answer.body, name
            outcomes = [outcome for _, outcome in attempts(answer)]
            assert len(outcomes) == 2 and outcomes[0] != "200" and outcomes[1] == "200", (name, dialect)
            assert len(a.requests) == len(b.requests), (name, dialect)


# ---- T-01: behind it ---------------------------------------------------------------------------
LATE = {
    "closed": lambda d, so_far: stream_of(d, *so_far, mock.Cut()),
    "reset": lambda d, so_far: stream_of(d, *so_far, mock.Pause(.02), mock.Reset()),
    "an end that was not announced": lambda d, so_far: stream_of(d, *so_far),
    "the end of a connection without framing": lambda d, so_far: stream_of(d, *so_far, framing="close"),
    "fewer bytes than said": lambda d, so_far: stream_of(d, *so_far, mock.Cut(), framing="length", length=99999),
    "an event that is no JSON": lambda d, so_far: stream_of(d, *so_far, no_json(d)),
    "an event that breaks off": lambda d, so_far: stream_of(d, *so_far, so_far[-1][:-30], mock.Cut()),
    "an error event": lambda d, so_far: stream_of(d, *so_far, error_event(d)),
    "an error event and a good end": lambda d, so_far: stream_of(d, *so_far, error_event(d),
                                                                    *pieces(d, "x")[-3:]),
    "within a call": lambda d, so_far: stream_of(d, *(call_pieces(d) or so_far), mock.Cut()),
    "an end within a call": lambda d, so_far: stream_of(d, *(call_pieces(d) or so_far)),
}


@EACH
@ASKS
def test_T01_a_fault_behind_content_is_an_error_and_never_an_end(gateway, upstreams, asks, every):
    g, lanes = pairs(gateway, upstreams, asks, others(asks, every), admin=ADMIN)
    count = 0
    for dialect, _, a, b, model in lanes:
        for name, fault in LATE.items():
            a.answer(fault(dialect, until_text(dialect)[1]))
            answer = begin(g, asks, model)
            is_call = "call" in name and call_pieces(dialect)
            message = is_broken(asks, answer, b"" if is_call and dialect_of(asks) in WHOLE_CALLS else TEXT)
            assert "sk-canary" not in message and g.log(answer)["error"], (name, dialect)
            count += 1
        assert not b.requests
    metrics = g.metrics()
    assert sum(v for k, v in metrics.items() if k.startswith("tidegate_requests_total") and "upstream_error" in k) == count
    assert metrics["tidegate_upstreams_in_flight"] == 0


@ASKS
def test_a_stream_that_is_complete_but_for_its_last_bytes_is_complete(gateway, upstreams, asks):
    """every choice has its finish reason; Anthropic's messages alone end with message_stop and nothing else"""
    g, lanes = pairs(gateway, upstreams, asks)
    for dialect, _, a, _, model in lanes:
        keep = pieces(dialect, "hel", "lo")
        if dialect in ("openai-chat", "cohere-v2", "bedrock-converse"):
            keep = keep[:-1]  # [DONE], the counts
        for end in ([], [mock.Cut()], [mock.Reset()]):
            a.answer(stream_of(dialect, *keep, *([mock.Pause(.02)] if end else []), *end))
            is_clean(asks, begin(g, asks, model), "hello")


# ---- T-03: what commits ------------------------------------------------------------------------
def blocks(kind, **fields):
    return named("content_block_start", {"type": "content_block_start", "index": 0,
                                         "content_block": {"type": kind, **fields}})


def block_delta(kind, **fields):
    return named("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": {"type": kind, **fields}})


def candidate(**fields):
    return mock.event({"candidates": [{"index": 0, **fields}], "modelVersion": "m"})


SAYS_NOTHING = {
    "openai-chat": [mock.role(), mock.delta(""), mock.chunk([{"index": 0, "delta": {}}]), mock.chunk([]),
                    mock.chunk([{"index": 0, "delta": {"role": "assistant", "content": None, "refusal": None}}]),
                    b": OPENROUTER PROCESSING\n\n", mock.usage_chunk()],
    "anthropic-messages": [named("ping", {"type": "ping"}), blocks("text", text=""), b": wait\n\n",
                           blocks("thinking", thinking="", signature=""), block_delta("text_delta", text=""),
                           block_delta("thinking_delta", thinking="")],
    "openai-responses": [named("response.in_progress", {"type": "response.in_progress"}),
                         *pieces("openai-responses", "x")[1:3], named("keepalive", {"type": "keepalive"}),
                         named("response.output_item.added", {
                             "type": "response.output_item.added", "output_index": 0,
                             "item": {"type": "reasoning", "id": "rs_1", "summary": []}})],
    "gemini": [candidate(), candidate(content={"role": "model", "parts": []}), mock.event({"candidates": []}),
               candidate(content={"role": "model", "parts": [{"text": ""}]}),
               mock.event({"usageMetadata": {"promptTokenCount": 4}})],
    "bedrock-converse": [frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": d})
                         for d in ({"text": ""}, {"reasoningContent": {"text": ""}}, {})] + [
        frame("messageStart", {"role": "assistant"}), frame("hologram", {"a": 1})],
    "cohere-v2": [cohere_event("content-start", index=0, delta={"message": {"content": {"type": "text", "text": ""}}}),
                  cohere_event("content-delta", index=0, delta={"message": {"content": {"text": ""}}}), b": wait\n\n",
                  cohere_event("tool-plan-delta", delta={"message": {"tool_plan": ""}})],
    "ollama": [framings.event(framings.NDJSON, line(v)) for v in ("", "")] + [
        framings.event(framings.NDJSON, {**line(), "message": {"role": "assistant", "content": "", "thinking": ""}})],
}
STARTS = ("anthropic-messages", "openai-responses", "bedrock-converse", "cohere-v2")  # with an event of its own


@pytest.mark.parametrize("dialect", ALL)
def test_T03_what_says_nothing_does_not_commit_a_translated_stream(speaking, dialect):
    g, a, b = speaking(dialect, next_to(dialect))
    for i, asks in enumerate(CLIENTS):
        if dialect_of(asks) == dialect:
            continue
        start = pieces(dialect, "x")[:1] if dialect in STARTS else []
        a.answer(stream_of(dialect, *start, *SAYS_NOTHING[dialect], mock.Cut()),
                 *[stream_of(dialect, *start, piece, mock.Cut()) for piece in SAYS_NOTHING[dialect][i::3]])
        for _ in range(1 + len(SAYS_NOTHING[dialect][i::3])):
            b.answer(streamed(next_to(dialect), "from ", "b"))
            is_clean(asks, begin(g, asks), "from b")
    assert len(a.requests) == len(b.requests)


SAYS = {
    "openai-chat": [mock.delta("x"), mock.chunk([{"index": 0, "delta": {"reasoning_content": "x"}}]),
                    mock.chunk([{"index": 0, "delta": {"refusal": "x"}}])],
    "anthropic-messages": [block_delta("text_delta", text="x"), block_delta("thinking_delta", thinking="x"),
                           blocks("tool_use", id="t1", name="x", input={})],
    "openai-responses": [named("response.reasoning_summary_text.delta", {
        "type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "output_index": 0, "summary_index": 0,
        "delta": "x"})],
    "gemini": [candidate(content={"role": "model", "parts": [{"text": "x", "thought": True}]}),
               candidate(content={"role": "model", "parts": [{"functionCall": {"name": "x", "args": {}}}]})],
    "bedrock-converse": [frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": d})
                         for d in ({"text": "x"}, {"reasoningContent": {"text": "x"}})] + [
        frame("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t1", "name": "x"}}})],
    "cohere-v2": [cohere_event("tool-plan-delta", delta={"message": {"tool_plan": "x"}}),
                  cohere_event("tool-call-start", index=0, delta={"message": {"tool_calls": {
                      "id": "c1", "type": "function", "function": {"name": "x", "arguments": ""}}}})],
    "ollama": [framings.event(framings.NDJSON, {**line(), "message": {"role": "assistant", "content": "", **more}})
               for more in ({"content": "x"}, {"thinking": "x"}, {"tool_calls": [{"function": {"name": "x", "arguments": {}}}]})],
}


@pytest.mark.parametrize("dialect", ALL)
def test_T03_a_first_thought_call_or_refusal_commits_a_translated_stream(speaking, dialect):
    g, a, b = speaking(dialect, next_to(dialect))
    openers = {"anthropic-messages": [pieces("anthropic-messages", "x")[0]],
               "openai-responses": [pieces("openai-responses", "x")[0], named("response.output_item.added", {
                   "type": "response.output_item.added", "output_index": 0,
                   "item": {"type": "reasoning", "id": "rs_1", "summary": []}})]}
    for i, piece in enumerate(SAYS[dialect]):
        asks = [c for c in CLIENTS if dialect_of(c) != dialect][i]
        start = openers.get(dialect, pieces(dialect, "x")[:1] if dialect in STARTS else [])
        if b"_delta" in piece and dialect == "anthropic-messages":
            start = start + [blocks("thinking", thinking="") if b"thinking" in piece else blocks("text", text="")]
        a.answer(stream_of(dialect, *start, piece, mock.Cut()))
        answer = begin(g, asks)
        is_call = re.search(b"tool_use|toolUse|tool-call", piece) and dialect_of(asks) in WHOLE_CALLS
        is_broken(asks, answer, b"" if is_call else b"x")
    assert not b.requests


# ---- T-05: deadlines ---------------------------------------------------------------------------
FAR = {"connect": 50, "first_token": 50, "head": 50, "idle": 50, "total": 100}


@ASKS
def test_T05_each_deadline_holds_for_translated_streams(gateway, upstream, asks):
    dialect = other(asks)
    model = {"targets": ["a/m"], "retry": {"max": 0}}
    times = {"first_token": .3, "idle": .3, "total": .5}
    models = {name: {**model, "timeout": {**FAR, name: limit}} for name, limit in times.items()}
    g = gateway(group_of([dialect], [upstream], models=models), files=FILES)
    before, so_far = until_text(dialect)
    wait = [b": wait\n\n"] if dialect in OF_EVENTS else []
    quiet = [piece for _ in range(1000) for piece in (SAYS_NOTHING[dialect][0], *wait, mock.Pause(.05))]
    talk = [piece for _ in range(1000) for piece in (so_far[-1], mock.Pause(.05))]
    for name, given in {"first_token": [*before, *quiet], "idle": [*so_far, mock.Stall()], "total": [*before, *talk]}.items():
        reply = stream_of(dialect, *given)
        upstream.answer(reply)
        began = time.monotonic()
        answer = begin(g, asks, name)
        if name == "first_token":
            answer.read()
            assert answer.status == 504 and client.error(dialect_of(asks), 504, answer.body)["message"]
            assert attempts(answer) == [("a/m#1", "timeout")]
        else:
            is_broken(asks, answer)
        assert time.monotonic() - began >= times[name]
        assert g.log(answer)["error"]["kind"] == "timeout" and upstream.last.gone.wait(mock.LIMIT)


def test_T05_a_stall_before_content_moves_on_to_another_dialect(speaking):
    g, a, b = speaking("anthropic-messages", "gemini", model={"timeout": {**FAR, "first_token": .3}})
    for asks in ("openai-chat", "openai-responses", ARRAY):
        a.answer(mock.stream(*until_text("anthropic-messages")[0], mock.Stall()))
        b.answer(streamed("gemini", "from ", "b"))
        answer = begin(g, asks)
        is_clean(asks, answer, "from b")
        assert attempts(answer) == [("a/m#1", "timeout"), ("b/m#1", "200")]


# ---- T-06: silence -----------------------------------------------------------------------------
def silence_of(asks):
    return b"\n" if asks == ARRAY else b": keep-alive\n\n"


@ASKS_EVENTS
def test_T06_silence_of_the_provider_is_filled_and_breaks_nothing(speaking, asks):
    dialect = other(asks, OF_EVENTS)
    g, a = speaking(dialect, more={"stream": {"keepalive": .1}})
    before, so_far = until_text(dialect)
    early, late = threading.Event(), threading.Event()
    a.answer(mock.stream(*before, b": from the provider\n\n", mock.Hold(early), so_far[-1], b": and again\n\n", mock.Hold(late),
                         *pieces(dialect, "hel", "lo")[len(so_far):]))
    answer = begin(g, asks)
    assert answer.status == 200 and "x-tidegate-target" not in answer.headers  # nobody knows yet
    while answer.body.count(silence_of(asks)) < 2:
        assert answer.read_some() and TEXT not in answer.body
    early.set()
    answer.read_until(TEXT)
    seen = answer.body.count(silence_of(asks))
    while answer.body.count(silence_of(asks)) < seen + 2:
        assert answer.read_some()
    late.set()
    is_clean(asks, answer, "hello")
    assert (b": and again" in answer.body) == (asks != ARRAY)


@ASKS_EVENTS
def test_T06_an_early_head_does_not_end_failover_to_another_dialect(speaking, asks):
    dialect, second = other(asks), next_to(other(asks))
    g, a, b = speaking(dialect, second, more={"stream": {"keepalive": .1}})
    fail = threading.Event()
    a.answer(stream_of(dialect, *until_text(dialect)[0], mock.Hold(fail), mock.Cut()))
    b.answer(streamed(second, "from ", "b"))
    answer = begin(g, asks).read_until(silence_of(asks))
    fail.set()
    is_clean(asks, answer, "from b")
    tried = g.log(answer)["lanes"].split()
    assert len(tried) == 2 and tried[1].split("=")[1].startswith("200/")


@ASKS_EVENTS
def test_T06_when_all_fails_behind_an_early_head_the_error_is_in_the_stream(speaking, asks):
    dialect, second = other(asks), next_to(other(asks))
    g, a, b = speaking(dialect, second, more={"stream": {"keepalive": .1}, "retry": {"max": 1}})
    for last in (failed(second, 500), failed(second, 400, "the provider says no"), failed(second, 200, kind="overloaded_error"),
                 mock.html(200)):
        fail = threading.Event()
        a.answer(stream_of(dialect, *until_text(dialect)[0], mock.Hold(fail), mock.Cut()))
        b.answer(last)
        answer = begin(g, asks).read_until(silence_of(asks))
        fail.set()
        is_broken(asks, answer, b"")
        assert g.log(answer)["error"]


# ---- T-07: clients that leave ------------------------------------------------------------------
@ASKS
def test_T07_a_client_that_leaves_frees_the_upstream(speaking, asks):
    dialect = other(asks)
    g, a = speaking(dialect, more={"admin": ADMIN})
    before, so_far = until_text(dialect)
    for i, (shown, leave) in enumerate(((so_far, "close"), (so_far, "reset"), (before, "close"))):
        a.answer(stream_of(dialect, *shown, mock.Stall()))
        path, body = ask(dialect_of(asks), "group", True, array=asks == ARRAY)
        connection = g.connect().request("POST", path, body)
        request = a.wait_requests(i + 1)
        if shown is so_far:
            connection.response().read_until(TEXT)
        getattr(connection, leave)()
        assert request.gone.wait(mock.LIMIT)
        wait_until("the gauge falls", lambda: g.metrics()["tidegate_upstreams_in_flight"] == 0)
        wait_until("its line", lambda: len([x for x in g.lines() if x.get("request_id")]) == i + 1)
        line = g.log()
        assert line["error"]["kind"] == "canceled"
        if shown is so_far and dialect == "anthropic-messages":
            assert told(line)[0] == 11 and told(line)[2] == 3  # told at the beginning
    assert sum(v for k, v in g.metrics().items() if k.startswith("tidegate_requests_total") and "canceled" in k) == 3


# ---- usage -------------------------------------------------------------------------------------
def test_T29_usage_that_no_provider_told_is_unknown_in_translated_streams(gateway, upstreams):
    for asks in ("openai-responses", "anthropic-messages", "bedrock-converse", "cohere-v2", "ollama"):
        g, lanes = pairs(gateway, upstreams, asks, ("openai-chat", "gemini"))
        for dialect, _, a, _, model in lanes:
            keep = [p for p in pieces(dialect, "hel", "lo") if b"completion_tokens" not in p]
            a.answer(mock.stream(*[p if b"usageMetadata" not in p else
                                   candidate(content={"role": "model", "parts": [{"text": "lo"}]}, finishReason="STOP")
                                   for p in keep]))
            answer = begin(g, asks, model)
            is_clean(asks, answer, "hello")
            assert told(g.log(answer)) == (None, None, None)


def test_T30_usage_that_the_client_did_not_ask_for_is_recorded_and_not_told(speaking):
    for dialect in others("openai-chat"):
        g, a = speaking(dialect)
        a.answer(streamed(dialect, "hel", "lo"))
        answer = begin(g, "openai-chat", stream_options={"include_usage": False})
        facts = is_clean("openai-chat", answer, "hello")
        assert facts.usage.input is None and b"prompt_tokens" not in answer.body
        assert told(g.log(answer)) == (11, 7, 3)


def test_T31_an_error_inside_a_200_is_no_success_and_its_usage_is_kept(speaking):
    g, a = speaking("anthropic-messages", more={"retry": {"max": 0}})
    a.answer(mock.stream(*until_text("anthropic-messages")[1], error_event("anthropic-messages")))
    answer = begin(g, "openai-chat")
    assert "it broke" in is_broken("openai-chat", answer)
    line = g.log(answer)
    assert line["error"]["kind"] in ("upstream_5xx", "overloaded") and told(line)[0] == 11


# ---- slow readers ------------------------------------------------------------------------------
@pytest.mark.full
@ASKS
def test_a_slow_reader_slows_the_provider_of_another_dialect_and_fills_no_memory(speaking, asks):
    dialect = "openai-chat" if asks in FRAMINGS else other(asks, OF_EVENTS)  # text is put into its events
    g, a = speaking(dialect, more={"limits": {"hold": "256MB"}, "timeout": {**FAR, "idle": 1}})
    before, so_far = until_text(dialect)
    flood = mock.Flood(so_far[-1].replace(TEXT, b"hel" + b"x" * 60000), 1200)  # 72 MB
    end = pieces(dialect, "hel")[len(so_far):]
    a.answer(mock.stream(*before, flood, *[p for p in end if b'"hel' not in p or dialect == "gemini"]))
    memory = g.resident_kb()
    answer = begin(g, asks, connection=g.connect(receive_buffer=16384)).read_until(b"xxx")

    def stands_still():
        seen = flood.written
        time.sleep(.5)
        return flood.written == seen and seen > 0
    wait_until("the provider's writes block", stands_still)
    assert flood.written < flood.times / 2
    if not is_sanitized():
        assert g.resident_kb() - memory < 40 * 1024
    time.sleep(1)  # longer than idle: it is the client who waits
    received = 0
    while not answer.ended:
        answer.read_some()
        received += answer.body.count(b"x")
        tail, answer.body = answer.body[-2000:], b"" if not answer.ended else answer.body
        answer.chunks.clear()
        answer.connection.reads.clear()
    assert received >= 60000 * flood.times and flood.written == flood.times
    assert b"error" not in tail.replace(b'"error":null', b""), tail[-500:]


def test_a_paused_client_that_leaves_frees_the_upstream(speaking):
    g, a = speaking("openai-chat")
    flood = mock.Flood(mock.delta("x" * 60000), 10000)
    a.answer(mock.stream(mock.role(), flood))
    answer = begin(g, "anthropic-messages", connection=g.connect(receive_buffer=16384)).read_until(b"xxx")
    answer.connection.reset()
    assert a.last.gone.wait(mock.LIMIT)


@ASKS
def test_the_bytes_are_the_same_however_the_provider_cuts_its_own(gateway, upstreams, asks):
    g, lanes = pairs(gateway, upstreams, asks)
    for dialect, _, a, _, model in lanes:
        body = b"".join(pieces(dialect, "hel", "l\u00f6 \U0001f30a"))
        if dialect == "anthropic-messages":
            body = body.replace(b"\n", b"\r\n")
        seen = set()
        for framing, sizes in (("chunked", [len(body)]), ("chunked", [1]), ("close", [7]), ("close", [64, 1])):
            a.answer(stream_of(dialect, body, framing=framing).split(sizes))
            answer = begin(g, asks, model)
            is_clean(asks, answer, "hell\u00f6 \U0001f30a")
            seen.add(normal(answer))
        assert len(seen) == 1, seen


DRAWN = re.compile(r'"(?:created|created_at|[a-z_]+_duration)":(?:\d+|"[^"]+")|[0-9a-f]{12,32}')


def normal(answer):
    """without what is drawn anew for each request"""
    text = answer.body.decode("latin-1")
    id_ = answer.headers["x-tidegate-request-id"]
    text = text.replace(id_, "ID").replace(id_.replace("-", ""), "ID")
    return DRAWN.sub("", text)


def test_a_whole_answer_is_framed_anyhow(speaking):
    g, a = speaking("gemini")
    body = whole("gemini").pieces[0]
    for reply in (mock.json_reply(body, framing="close"), mock.json_reply(body, framing="chunked").split([1]),
                  mock.gzipped(mock.json_reply(body)), mock.Reply(200, {}, [body])):
        for asks in ("openai-chat", "anthropic-messages", "openai-responses"):
            a.answer(reply)
            path, request = ask(asks, "group")
            answer = g.call(request, path)
            assert answer.status == 200 and client.answer(asks, answer.body).first.text == "hello", answer.body
            assert answer.headers["content-type"].startswith("application/json")
            assert "content-encoding" not in answer.headers

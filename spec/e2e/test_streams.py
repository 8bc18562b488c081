"""Streams: commit, end, usage, back-pressure, clients that leave. T-01, T-03, T-06, T-07, T-08, T-30."""
import itertools
import json
import socket
import threading
import time

import pytest

import upstream as mock
from config import ADMIN, config, group, one, provider
from expect import broken_stream, clean_stream, told
from gateway import is_sanitized
from wire import Closed, wait_until


def tool_delta(**function):
    return mock.chunk([{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "call_1", "type": "function",
                                                              "function": function}]}, "finish_reason": None}])


def test_tokens_reach_the_client_one_by_one(gateway, upstream):
    go = [threading.Event() for _ in range(3)]
    upstream.answer(mock.stream(mock.delta("one "), mock.Hold(go[0]), mock.delta("two "), mock.Hold(go[1]),
                                mock.delta("three"), mock.finish(), mock.DONE))
    answer = gateway(one(upstream)).chat("one/m", stream=True).read_until(b"one ")
    go[0].set()
    answer.read_until(b"two ")
    go[1].set()
    clean_stream(answer, "one two three")


def test_head_and_first_chunk_come_in_one_read(gateway, upstream):
    upstream.always(mock.tokens("hello"))
    g = gateway(one(upstream))
    together = 0
    for _ in range(20):
        with g.connect() as connection:
            connection.request(body={"model": "one/m", "stream": True, "messages": []})
            connection.response().read()
            together += b"\r\n\r\n" in connection.reads[0] and b"data:" in connection.reads[0]
    assert together > 0  # the kernel may split a write, but not each time


def test_events_pass_byte_for_byte_comments_and_odd_spacing_included(gateway, upstream):
    body = (b": welcome\n\n" + mock.role() + b'data:  {"choices" : [ {"index":0, "delta":{"content":"\\u00e9 x"} } ],"x":1e3}\n\n'
            + b'id: 7\nretry: 10\n' + mock.finish() + b": bye\n\n" + mock.DONE)
    upstream.answer(mock.stream(body))
    assert gateway(one(upstream)).chat("one/m", stream=True).read().body == body


# ---- T-01: an end that is none -----------------------------------------------------------------
ENDS = {
    "fin": lambda: mock.stream(mock.delta("so far"), mock.Cut()),
    "rst": lambda: mock.stream(mock.delta("so far"), mock.Reset()),
    "clean end without a terminal event": lambda: mock.stream(mock.delta("so far")),
    "close without framing": lambda: mock.stream(mock.delta("so far"), framing="close"),
    "short content-length": lambda: mock.stream(mock.delta("so far"), mock.Cut(), framing="length", length=9999),
    "malformed event": lambda: mock.stream(mock.delta("so far"), mock.event(b'{"choices":[{')),
    "error event": lambda: mock.stream(mock.delta("so far"), mock.ERROR_EVENT),
    "named error event": lambda: mock.stream(mock.delta("so far"), b"event: error\n" + mock.ERROR_EVENT),
    "error event, then done": lambda: mock.stream(mock.delta("so far"), mock.ERROR_EVENT, mock.DONE),
}


@pytest.mark.parametrize("end", list(ENDS), ids=lambda e: e.replace(" ", "-"))
def test_T01_an_upstream_that_ends_early_never_becomes_a_clean_done(gateway, upstream, end):
    upstream.answer(ENDS[end]())
    g = gateway(one(upstream, admin=ADMIN))
    answer = g.chat("one/m", stream=True)
    broken_stream(answer, "so far")
    line = g.log(answer)
    assert line["error"], line
    assert sum(v for k, v in g.metrics().items()
               if k.startswith("tidegate_requests_total") and 'outcome="upstream_error"' in k) == 1


def test_T01_only_part_of_the_choices_finished_is_no_end(gateway, upstream):
    upstream.answer(mock.stream(mock.delta("a", 0), mock.delta("b", 1), mock.finish(index=0)))
    broken_stream(gateway(one(upstream)).chat("one/m", stream=True, n=2), "ab")


def test_a_missing_done_is_added_when_every_choice_finished(gateway, upstream):
    body = mock.delta("a", 0) + mock.delta("b", 1) + mock.finish(index=1) + mock.finish("length", index=0)
    upstream.answer(mock.stream(body))
    answer = gateway(one(upstream)).chat("one/m", stream=True, n=2).read()
    assert answer.body == body + mock.DONE


def test_a_last_event_without_its_blank_line_is_completed(gateway, upstream):
    whole = mock.delta("a") + mock.finish() + mock.DONE
    upstream.always(lambda request: mock.stream(whole[:-1 - request.index]))
    g = gateway(one(upstream))
    for _ in range(2):
        clean_stream(g.chat("one/m", stream=True), "a")


# ---- T-03: what commits ------------------------------------------------------------------------
COMMIT = {
    "content": (mock.delta("x"), "x"),
    "tool call": (tool_delta(name="f", arguments=""), ""),
    "reasoning_content": (mock.chunk([{"index": 0, "delta": {"reasoning_content": "hm"}}]), ""),
    "reasoning": (mock.chunk([{"index": 0, "delta": {"reasoning": "hm"}}]), ""),
    "refusal": (mock.chunk([{"index": 0, "delta": {"refusal": "no"}}]), ""),
    "content of the second choice": (mock.delta("x", index=1), "x"),
}
NO_COMMIT = {
    "role": mock.role(),
    "empty delta": mock.chunk([{"index": 0, "delta": {}}]),
    "empty content": mock.delta(""),
    "null content": mock.chunk([{"index": 0, "delta": {"role": "assistant", "content": None}}]),
    "comment": b": OPENROUTER PROCESSING\n\n",
    "no choices": mock.chunk([], prompt_filter_results=[{"prompt_index": 0}]),
    "usage": mock.usage_chunk(),
}


@pytest.mark.parametrize("name", list(COMMIT), ids=lambda n: n.replace(" ", "-"))
def test_T03_a_first_content_event_commits(gateway, upstreams, name):
    a, b = upstreams(), upstreams().always(mock.tokens("from b"))
    piece, text = COMMIT[name]
    a.answer(mock.stream(piece, mock.Cut()))
    answer = gateway(group(a, b)).chat("group", stream=True)
    broken_stream(answer, text)
    assert piece in answer.body and b.requests == []


@pytest.mark.parametrize("name", list(NO_COMMIT), ids=lambda n: n.replace(" ", "-"))
def test_T03_what_is_not_content_does_not_commit(gateway, upstreams, name):
    a, b = upstreams(), upstreams().always(mock.tokens("from b"))
    a.answer(mock.stream(NO_COMMIT[name], mock.Cut()))
    answer = clean_stream(gateway(group(a, b)).chat("group", stream=True), "from b")
    assert answer.headers["x-tidegate-target"] == "b/m"


# ---- T-06: silence -----------------------------------------------------------------------------
def test_T06_a_silent_upstream_becomes_comments_to_the_client(gateway, upstream):
    go = threading.Event()
    upstream.answer(mock.stream(mock.delta("a"), mock.Hold(go), mock.delta("b"), mock.finish(), mock.DONE))
    answer = gateway(one(upstream, stream={"keepalive": 0.1})).chat("one/m", stream=True)
    while answer.body.count(b"\n:") < 3:
        assert answer.read_some()
    go.set()
    clean_stream(answer, "ab")


def test_T06_no_comments_when_they_are_off(gateway, upstream):
    upstream.answer(mock.stream(mock.delta("a"), mock.Pause(0.5), mock.finish(), mock.DONE))
    answer = clean_stream(gateway(one(upstream, stream={"keepalive": 0})).chat("one/m", stream=True), "a")
    assert b"\n:" not in answer.body and not answer.body.startswith(b":")


def test_an_early_head_does_not_end_failover(gateway, upstreams):
    a, b = upstreams(), upstreams().always(mock.tokens("from b"))
    fail = threading.Event()
    a.answer(mock.stream(mock.role(), mock.Hold(fail), mock.Cut()))
    g = gateway(group(a, b, stream={"keepalive": 0.1}))
    answer = g.chat("group", stream=True)
    assert answer.status == 200
    answer.read_until(b":")
    fail.set()
    clean_stream(answer, "from b")
    assert b.requests
    tried = g.log(answer)["lanes"].split()  # what would have been a header goes to the log
    assert len(tried) == 2 and tried[1].split("=")[1].startswith("200/")


def test_when_all_fails_behind_an_early_head_the_error_is_an_event(gateway, upstreams):
    a, b = upstreams(), upstreams().always(mock.error(500))
    fail = threading.Event()
    a.answer(mock.stream(mock.role(), mock.Hold(fail), mock.Cut()))
    g = gateway(group(a, b, stream={"keepalive": 0.1}, retry={"max": 1}))
    answer = g.chat("group", stream=True).read_until(b":")
    fail.set()
    broken_stream(answer)
    assert g.log(answer)["error"]


# ---- T-07: clients that leave ------------------------------------------------------------------
LEAVE = {
    "close": lambda c: c.close(),
    "reset": lambda c: c.reset(),
    "half-close": lambda c: c.sock.shutdown(socket.SHUT_WR),
}
WHEN = {
    "streaming": (lambda: mock.stream(mock.delta("a"), mock.Stall()), True, b"data:"),
    "before the first token": (lambda: mock.stream(mock.role(), mock.Stall()), True, None),
    "before the head": (mock.stall, False, None),
}


@pytest.mark.parametrize("when,leave", list(itertools.product(WHEN, LEAVE)), ids=lambda x: x.replace(" ", "-"))
def test_T07_a_client_that_leaves_frees_the_upstream(gateway, upstream, when, leave):
    reply, stream, until = WHEN[when]
    upstream.answer(reply())
    g = gateway(one(upstream, admin=ADMIN))
    connection = g.connect()
    connection.request(body={"model": "one/m", "stream": stream, "messages": []})
    request = upstream.wait_requests(1)
    if until:
        connection.response().read_until(until)
    LEAVE[leave](connection)
    assert request.gone.wait(mock.LIMIT)
    wait_until("the gauge falls", lambda: g.metrics()["tidegate_upstreams_in_flight"] == 0)
    assert g.log()["error"]["kind"] == "canceled"
    connection.close()


def test_T07_the_upstream_is_closed_within_100_ms_of_the_client(gateway, upstream):
    upstream.always(lambda _: mock.stream(mock.delta("a"), mock.Stall()))
    g = gateway(one(upstream))
    took = []
    for i in range(10):
        answer = g.chat("one/m", stream=True).read_until(b"data:")
        left = time.monotonic()
        answer.connection.close()
        request = upstream.wait_requests(i + 1)
        assert request.gone.wait(mock.LIMIT)
        took.append(request.gone_at - left)
    assert min(took) < .1, took  # the best of ten: the machine may be busy, the gateway may not wait


def test_T07_usage_seen_before_the_client_left_is_recorded(gateway, upstream):
    upstream.answer(mock.stream(mock.chunk([{"index": 0, "delta": {"content": "a"}}], mock.USAGE), mock.Stall()))
    g = gateway(one(upstream))
    answer = g.chat("one/m", stream=True).read_until(b"data:")
    answer.connection.close()
    line = g.log()
    assert told(line)[:2] == (11, 7) and line["error"]["kind"] == "canceled"


# ---- T-08: splits ------------------------------------------------------------------------------
ODD = (b"\xef\xbb\xbf: hi\r\n\r\n" + mock.role().replace(b"\n", b"\r\n")
       + b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"h\xc3\xa9\xf0\x9f\x8c\x8a"}}]}\n\n'
       + b": tick\r\revent: x\rdata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"!\"}}]}\r\r"
       + mock.finish().replace(b"\n", b"\r\n") + b"data: [DONE]\r\n")


def replay(g, upstream, reply):
    upstream.answer(reply)
    answer = g.chat("one/m", stream=True).read()
    answer.connection.close()
    return answer


def test_T08_a_stream_is_the_same_however_it_is_split(gateway, upstream):
    g = gateway(one(upstream))
    whole = replay(g, upstream, mock.stream(ODD))
    assert whole.text == "h\u00e9\U0001f30a!" and whole.events[-1] == "[DONE]"
    for sizes in ([1], [2], [3], [7], [16], [64]):
        for framing in ("chunked", "close"):
            reply = mock.stream(ODD, framing=framing).split(sizes)
            assert replay(g, upstream, reply).body == whole.body, (sizes, framing)


def test_T08_every_single_split_gives_the_same_bytes(gateway, upstream):
    g = gateway(one(upstream))
    whole = replay(g, upstream, mock.stream(ODD)).body
    upstream.answer(*[mock.stream(ODD[:i], ODD[i:]) for i in range(1, len(ODD))])
    with g.connect() as connection:
        for i in range(1, len(ODD)):
            connection.request(body={"model": "one/m", "stream": True, "messages": []})
            assert connection.response().read().body == whole, i


@pytest.mark.soak
def test_T08_every_pair_of_splits_gives_the_same_bytes(gateway, upstream):
    g = gateway(one(upstream))
    whole = replay(g, upstream, mock.stream(ODD)).body
    body = ODD
    with g.connect() as connection:
        for i, j in itertools.combinations(range(1, len(body)), 2):
            if (i + j) % 3:
                continue
            upstream.answer(mock.stream(body[:i], body[i:j], body[j:]))
            connection.request(body={"model": "one/m", "stream": True, "messages": []})
            assert connection.response().read().body == whole, (i, j)


# ---- T-30 and usage ----------------------------------------------------------------------------
def test_T30_usage_that_the_client_did_not_ask_for_is_recorded_and_hidden(gateway, upstream):
    upstream.answer(mock.stream(mock.delta("a"), mock.finish(), mock.usage_chunk(), mock.DONE))
    g = gateway(one(upstream))
    answer = clean_stream(g.chat("one/m", stream=True), "a")
    assert answer.body == mock.delta("a") + mock.finish() + mock.DONE
    assert upstream.last.json["stream_options"] == {"include_usage": True}
    line = g.log(answer)
    assert told(line) == (11, 7, 3)


def test_T30_usage_that_the_client_asked_for_is_passed_on(gateway, upstream):
    body = mock.delta("a") + mock.finish() + mock.usage_chunk() + mock.DONE
    upstream.answer(mock.stream(body))
    g = gateway(one(upstream))
    answer = g.chat("one/m", stream=True, stream_options={"include_usage": True}).read()
    assert answer.body == body and told(g.log(answer))[0] == 11


@pytest.mark.parametrize("options", [{"include_usage": False}, {"include_obfuscation": False}, {}, None],
                         ids=["false", "other", "empty", "null"])
def test_T30_other_stream_options_are_kept(gateway, upstream, options):
    upstream.answer(mock.stream(mock.delta("a"), mock.finish(), mock.usage_chunk(), mock.DONE))
    g = gateway(one(upstream))
    answer = clean_stream(g.chat("one/m", stream=True, stream_options=options), "a")
    assert upstream.last.json["stream_options"] == {**(options or {}), "include_usage": True}
    assert b"prompt_tokens" not in answer.body and told(g.log(answer))[0] == 11


LAYOUTS = {
    "own chunk": mock.delta("a") + mock.finish() + mock.usage_chunk() + mock.DONE,
    "with the finish reason": mock.delta("a") + mock.finish(usage=mock.USAGE) + mock.DONE,
    "on each chunk, growing": mock.chunk([{"index": 0, "delta": {"content": "a"}}],
                                         {"prompt_tokens": 11, "completion_tokens": 1}) + mock.finish(usage=mock.USAGE),
    "null before the last": mock.event({"choices": [{"index": 0, "delta": {"content": "a"}}], "usage": None})
    + mock.finish() + mock.usage_chunk() + mock.DONE,
}


@pytest.mark.parametrize("layout", list(LAYOUTS), ids=lambda x: x.replace(" ", "-"))
def test_T28_usage_is_what_the_provider_said_in_each_layout(gateway, upstream, layout):
    upstream.answer(mock.stream(LAYOUTS[layout]))
    g = gateway(one(upstream))
    answer = clean_stream(g.chat("one/m", stream=True), "a")
    line = g.log(answer)
    assert told(line) == (11, 7, 3)


def test_T29_unknown_usage_is_null_and_counted_as_unknown(gateway, upstream):
    upstream.answer(mock.tokens("a"))
    g = gateway(one(upstream, admin=ADMIN))
    answer = clean_stream(g.chat("one/m", stream=True), "a")
    line = g.log(answer)
    assert told(line) == (None, None, None)
    assert sum(v for k, v in g.metrics().items() if k.startswith("tidegate_usage_unknown_total")) == 1


# ---- slow readers, many clients ----------------------------------------------------------------
def test_a_slow_reader_slows_the_upstream_and_fills_no_memory(gateway, upstream):
    piece = mock.delta("x" * 60000)
    flood = mock.Flood(piece, 2000)  # 120 MB
    upstream.answer(mock.stream(flood, mock.finish(), mock.DONE))
    g = gateway(one(upstream))
    before = g.resident_kb()
    connection = g.connect(receive_buffer=16384)
    connection.request(body={"model": "one/m", "stream": True, "messages": []})
    answer = connection.response().read_until(b"xxx")

    def stands_still():
        seen = flood.written
        time.sleep(.5)
        return flood.written == seen and seen > 0
    wait_until("the upstream's writes block", stands_still)
    assert flood.written < flood.times / 2
    if not is_sanitized():
        assert g.resident_kb() - before < 16 * 1024
    received = len(answer.body)
    answer.body = b""
    while not answer.ended:
        answer.read_some()
        received += len(answer.body)
        if not answer.ended:
            tail, answer.body = answer.body, b""
    assert received == len(piece) * flood.times + len(mock.finish() + mock.DONE)
    assert tail.endswith(mock.DONE)


@pytest.mark.workers
def test_many_clients_on_several_workers_each_get_their_own_stream(gateway, upstream):
    upstream.always(lambda request: mock.tokens(*("%s-%d " % (request.json["user"], i) for i in range(20))))
    g = gateway(config({"one": provider(upstream)}, workers=4, admin=ADMIN))
    failures = []

    def client(name):
        try:
            for turn in range(5):
                user = "%d.%d" % (name, turn)
                answer = clean_stream(g.chat("one/m", stream=True, user=user),
                                      "".join("%s-%d " % (user, i) for i in range(20)))
                answer.connection.close()
        except Exception as problem:  # told in the main thread
            failures.append(problem)
    threads = [threading.Thread(target=client, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    # A request is counted behind its last byte.
    wait_until("all of them counted", lambda: 80 == sum(
        v for k, v in g.metrics().items() if k.startswith("tidegate_requests_total")))


@pytest.mark.workers
def test_clients_that_vanish_on_several_workers_leave_nothing_behind(gateway, upstream):
    upstream.always(lambda _: mock.stream(mock.delta("a"), mock.Pause(.05), mock.delta("b"), mock.Pause(.05),
                                          mock.finish(), mock.DONE))
    g = gateway(config({"one": provider(upstream)}, workers=2, admin=ADMIN))
    answers = [g.chat("one/m", stream=True) for _ in range(40)]
    for i, answer in enumerate(answers):
        if i % 2:
            answer.read_until(b"data:").connection.reset()
    for answer in answers[::2]:
        clean_stream(answer, "ab")
        answer.connection.close()
    wait_until("all are gone", lambda: g.metrics()["tidegate_upstreams_in_flight"] == 0)


def test_an_upstream_that_breaks_a_unary_answer_is_not_a_short_answer(gateway, upstream):
    upstream.answer(mock.chat(length=4000))
    with pytest.raises((Closed, AssertionError)):
        answer = gateway(one(upstream, retry={"max": 0})).chat("one/m")
        assert answer.status == 200, json.loads(answer.body)

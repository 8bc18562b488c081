"""Ordered failover before the commit point, and what the client sees when all fails. T-02, T-10, T-12, T-31, T-53."""
import os
import time

import pytest

import upstream as mock
from config import ADMIN, config, group, one, provider
from expect import attempts, broken_stream, clean_stream, openai_error, told

pytestmark = pytest.mark.slow

# (what the first provider does to a stream, its outcome in x-tidegate-attempts, or None for any)
FAULTS = {
    "cut before a byte": (mock.nothing, None),
    "reset before a byte": (mock.reset, None),
    "garbage": (mock.garbage, "protocol"),
    "half a head": (mock.half_a_head, "protocol"),
    "cut after the head": (lambda: mock.stream(mock.Cut()), "protocol"),
    "cut after the role": (lambda: mock.stream(mock.role(), mock.Cut()), "protocol"),
    "reset after the role": (lambda: mock.stream(mock.role(), mock.Reset()), None),
    "stall before the head": (mock.stall, "timeout"),
    "stall after the head": (lambda: mock.stream(b": wait\n\n", mock.Stall()), "timeout"),
    "stall after the role": (lambda: mock.stream(mock.role(), mock.Stall()), "timeout"),
    "malformed event": (lambda: mock.stream(mock.role(), mock.event(b'{"choices": [')), None),
    "error event": (lambda: mock.stream(mock.ERROR_EVENT), None),
    "error event after the role": (lambda: mock.stream(mock.role(), b"event: error\n" + mock.ERROR_EVENT), None),
    "error in 200": (lambda: mock.error(200), None),
    "empty stream": (lambda: mock.stream(), None),
    "done at once": (lambda: mock.stream(mock.DONE), None),
    "a page in 200": (lambda: mock.html(200), None),
    "400 of a proxy, as a page": (lambda: mock.html(502), "502"),
    "401": (lambda: mock.error(401), "401"),
    "402": (lambda: mock.error(402), "402"),
    "403": (lambda: mock.error(403), "403"),
    "404": (lambda: mock.error(404, "no such model", code="model_not_found"), "404"),
    "408": (lambda: mock.error(408), "408"),
    "429": (lambda: mock.error(429), "429"),
    "429 with Retry-After": (lambda: mock.error(429, headers={"retry-after": "20"}), "429"),
    "500": (lambda: mock.error(500), "500"),
    "503": (lambda: mock.error(503), "503"),
    "529": (lambda: mock.error(529), "529"),
    "unknown encoding": (lambda: mock.stream(mock.delta("x"), headers={"content-encoding": "br"}), "protocol"),
}
UNARY = {name: FAULTS[name] for name in FAULTS if "role" not in name and "after the head" not in name
         and "event" not in name and "stream" not in name and "done" not in name}
UNARY |= {"cut in the body": (lambda: mock.chat(length=4000, keep=False), None),
          "not JSON": (lambda: mock.json_reply(b'{"choices": [', 200), None),
          "empty body": (lambda: mock.json_reply(b"", 200), None)}
SHORT = {"first_token": 0.5, "head": 0.5}


def by_name(name):
    return name.replace(" ", "-").replace(",", "")


@pytest.mark.parametrize("fault", list(FAULTS), ids=by_name)
def test_T02_a_stream_that_fails_before_its_first_token_moves_on(gateway, upstreams, fault):
    a, b = upstreams(), upstreams().always(mock.tokens("from ", "b"))
    reply, outcome = FAULTS[fault]
    a.always(lambda _: reply())
    answer = clean_stream(gateway(group(a, b, timeout=SHORT)).chat("group", stream=True), "from b")
    assert answer.headers["x-tidegate-target"] == "b/m"
    tried = attempts(answer)
    assert tried[-1] == ("b/m#1", "200") and tried[0][0] == "a/m#1"
    assert outcome in (None, tried[0][1]), tried
    assert len(b.requests) == 1 and len(a.requests) >= 1


@pytest.mark.parametrize("fault", list(UNARY), ids=by_name)
def test_T02_a_unary_answer_that_fails_moves_on(gateway, upstreams, fault):
    a, b = upstreams(), upstreams().always(mock.chat("from b"))
    reply, outcome = UNARY[fault]
    if "cut" in fault and "body" in fault:
        a.always(lambda _: mock.Reply(200, {"content-type": "application/json"}, [b'{"id":', mock.Cut()], length=4000))
    else:
        a.always(lambda _: reply())
    answer = gateway(group(a, b, timeout=SHORT)).chat("group")
    assert answer.status == 200 and answer.json["choices"][0]["message"]["content"] == "from b"
    assert answer.headers["x-tidegate-target"] == "b/m"
    tried = attempts(answer)
    assert tried[-1] == ("b/m#1", "200") and outcome in (None, tried[0][1]), tried


def test_T02_a_refused_connection_moves_on(gateway, upstream, refused):
    upstream.always(mock.tokens("from b"))
    answer = clean_stream(gateway(group(refused, upstream)).chat("group", stream=True), "from b")
    assert attempts(answer) == [("a/m#1", "connect"), ("b/m#1", "200")]


def test_T02_a_name_that_does_not_resolve_moves_on(gateway, upstream):
    upstream.always(mock.chat("from b"))
    answer = gateway(group("http://nowhere.invalid/v1", upstream)).chat("group")
    assert answer.status == 200 and attempts(answer)[-1] == ("b/m#1", "200")
    assert attempts(answer)[0][1] in ("dns", "connect")


def test_T02_the_next_lane_gets_the_same_body_with_its_own_model_and_key(gateway, upstreams):
    a, b = upstreams().always(mock.error(500)), upstreams().always(mock.chat())
    g = gateway(config({"a": provider(a, "sk-canary-a"), "b": provider(b, "sk-canary-b")},
                       models={"group": {"targets": ["a/first", "b/second"], "pick": "ordered"}}))
    g.chat("group", user="u1", seed=7)
    assert a.last.json == {**b.last.json, "model": "first"} and b.last.json["model"] == "second"
    assert b.last.json["user"] == "u1" and b.last.json["seed"] == 7
    assert (a.last.headers["authorization"], b.last.headers["authorization"]) == \
        ("Bearer sk-canary-a", "Bearer sk-canary-b")


def test_T02_three_lanes_are_tried_in_order(gateway, upstreams):
    a, b, c = upstreams().always(mock.error(500)), upstreams().always(mock.error(429)), upstreams().always(mock.chat())
    answer = gateway(group(a, b, c)).chat("group")
    assert attempts(answer) == [("a/m#1", "500"), ("b/m#1", "429"), ("c/m#1", "200")]


def test_T02_embeddings_move_on_too(gateway, upstreams):
    a, b = upstreams().always(mock.error(503)), upstreams().always(mock.embeddings())
    answer = gateway(group(a, b)).call({"model": "group", "input": "x"}, "/v1/embeddings")
    assert answer.status == 200 and answer.json["data"][0]["embedding"] == [0.5, -0.25]
    assert b.last.path == "/v1/embeddings"


def test_a_pooled_connection_that_died_unheard_is_replaced_at_once(gateway, upstream):
    upstream.answer(mock.chat("one"), mock.nothing(), mock.chat("two"))
    g = gateway(one(upstream))
    assert g.chat("one/m").status == 200
    answer = g.chat("one/m")
    assert answer.json["choices"][0]["message"]["content"] == "two"
    assert [r.connection for r in upstream.requests] == [1, 1, 2]
    assert len(attempts(answer)) == 2


def test_a_connection_that_the_provider_closed_while_idle_is_not_used(gateway, upstream):
    upstream.always(lambda _: mock.chat("x", keep=False))
    g = gateway(one(upstream))
    for turn in range(3):
        answer = g.chat("one/m")
        assert answer.status == 200 and len(attempts(answer)) == 1
        upstream.wait_closed(turn + 1)


def test_connections_are_kept_between_requests(gateway, upstream):
    upstream.always(lambda r: mock.tokens("x") if r.json.get("stream") else mock.chat())
    g = gateway(one(upstream))
    for turn in range(6):
        if turn % 2:
            clean_stream(g.chat("one/m", stream=True), "x")
        else:
            g.chat("one/m")
    assert upstream.accepted <= 3  # the last bytes of a stream may still be on their way when the next request comes


def test_the_callers_own_mistakes_go_back_and_are_not_tried_elsewhere(gateway, upstreams):
    a, b = upstreams(), upstreams().always(mock.chat())
    g = gateway(group(a, b))
    for status in (400, 413, 422):
        a.answer(mock.error(status, "the request is wrong", kind="invalid_request_error", code="bad_thing"))
        answer = g.chat("group")
        assert openai_error(answer, status)["message"] == "the request is wrong"
        assert answer.error["code"] == "bad_thing"
    a.answer(mock.error(400, "filtered", code="content_filter"))
    assert openai_error(g.chat("group", stream=True).read(), 400)["code"] == "content_filter"
    assert b.requests == []


# ---- when all fails ----------------------------------------------------------------------------
ALL_FAIL = {
    "every lane limited": ([429, 429], 429),
    "one limited, one broken": ([429, 500], 502),
    "broken": ([500, 503], 502),
    "credentials refused": ([401, 403], 502),
    "no such model there": ([404, 404], 404),
}


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("case", list(ALL_FAIL), ids=by_name)
def test_when_all_fails_the_client_gets_the_status_that_helps(gateway, upstreams, case, stream):
    statuses, status = ALL_FAIL[case]
    ups = [upstreams().always(mock.error(s, headers={"retry-after": "7"} if s == 429 else None)) for s in statuses]
    g = gateway(group(*ups, retry={"max": len(ups) - 1}))
    answer = g.chat("group", stream=stream)
    openai_error(answer.read(), status)
    assert len(attempts(answer)) == len(ups)
    if status == 429:
        assert 0 < int(answer.headers["retry-after"]) <= 7
    assert g.log(answer)["status"] == status


def test_when_the_last_attempt_timed_out_it_is_504(gateway, upstreams):
    a, b = upstreams().always(mock.error(500)), upstreams().always(lambda _: mock.stall())
    g = gateway(group(a, b, timeout=SHORT, retry={"max": 1}))
    openai_error(g.chat("group"), 504)
    openai_error(g.chat("group", stream=True).read(), 504)


def test_attempts_end_at_the_configured_number(gateway, upstreams):
    ups = [upstreams().always(mock.error(500)) for _ in range(4)]
    g = gateway(group(*ups, model={"retry": {"max": 1}}))
    openai_error(g.chat("group"), 502)
    assert sum(len(u.requests) for u in ups) == 2


def test_T31_an_error_in_a_200_is_not_a_success(gateway, upstream):
    upstream.always(mock.error(200, "out of order"))
    g = gateway(one(upstream, admin=ADMIN, retry={"max": 0}))
    answer = g.chat("one/m")
    openai_error(answer, 502)
    line = g.log(answer)
    assert line["error"]["kind"] and told(line)[0] is None
    requests = {k: v for k, v in g.metrics().items() if k.startswith("tidegate_requests_total")}
    assert [k for k, v in requests.items() if v and 'outcome="upstream_error"' in k], requests
    assert not [k for k, v in requests.items() if v and 'outcome="ok"' in k], requests


def test_T31_an_error_event_in_a_stream_is_not_a_success(gateway, upstream):
    upstream.always(mock.stream(mock.delta("a"), mock.ERROR_EVENT))
    g = gateway(one(upstream, admin=ADMIN))
    broken_stream(g.chat("one/m", stream=True), "a")
    assert not [k for k, v in g.metrics().items() if v and k.startswith("tidegate_requests_total") and '"ok"' in k]


def cpu_ticks(g):
    """of all threads of the program: user and system"""
    with open("/proc/%d/stat" % g.process.pid, encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


LIMITED = mock.event({"error": {"message": "Rate limit reached", "type": "rate_limit_error", "code": 429}})


@pytest.mark.parametrize("how", ["kept open", "ended", "cut", "reset"])
def test_T10_a_429_in_the_middle_of_a_stream_is_an_error_event_and_leaves_nothing_running(gateway, upstream, how):
    end = {"kept open": [mock.Stall()], "ended": [], "cut": [mock.Cut()], "reset": [mock.Reset()]}[how]
    upstream.always(lambda _: mock.stream(mock.role(), mock.delta("so far"), LIMITED, *end))
    g = gateway(one(upstream, admin=ADMIN))
    answers = [g.chat("one/m", stream=True) for _ in range(20)]
    for answer in answers:
        error = broken_stream(answer, "so far")
        assert "Rate limit reached" in error["message"]
    assert len(upstream.requests) == 20  # committed: nothing is sent again
    metrics = g.metrics()
    assert metrics["tidegate_upstreams_in_flight"] == 0 and metrics["tidegate_requests_in_flight"] == 0
    for request in upstream.requests:
        assert request.gone.wait(mock.LIMIT)
    before = cpu_ticks(g)
    time.sleep(1)
    spent = (cpu_ticks(g) - before) / os.sysconf("SC_CLK_TCK")
    assert spent < .2, "%.2f s of CPU in one second of nothing to do" % spent  # a loop that spins: about 1
    assert g.log(answers[0])["error"]


def test_a_providers_error_text_is_scrubbed_of_its_own_key(gateway, upstream):
    upstream.always(mock.error(400, "Incorrect key provided: sk-canary-one."))
    g = gateway(one(upstream))
    error = openai_error(g.chat("one/m"), 400)
    assert "sk-canary" not in error["message"] and "Incorrect key" in error["message"]
    upstream.always(mock.stream(mock.delta("a"), mock.event({"error": {"message": "bad key sk-canary-one", "type": "x"}})))
    broken_stream(g.chat("one/m", stream=True), "a")


def test_T53_attempts_and_target_are_told_in_headers(gateway, upstreams):
    a, b = upstreams().always(mock.error(429)), upstreams().always(mock.chat())
    g = gateway(config({"a": provider(a, "sk-canary-a"), "b": provider(b)},
                       models={"group": {"targets": ["a/m", "b/m"], "pick": "ordered"}}))
    answer = g.chat("group")
    assert answer.headers["x-tidegate-target"] == "b/m" and len(answer.headers["x-tidegate-request-id"]) >= 16
    assert attempts(answer) == [("a/m#1", "429"), ("b/m#1", "200")]


def test_a_gzipped_answer_is_decoded(gateway, upstream):
    upstream.always(lambda _: mock.gzipped(mock.chat("zipped")))
    g = gateway(one(upstream))
    answer = g.chat("one/m")
    assert answer.json["choices"][0]["message"]["content"] == "zipped" and "content-encoding" not in answer.headers
    assert upstream.last.headers.get("accept-encoding", "identity") == "identity"
    upstream.always(lambda _: mock.gzipped(mock.tokens("zipped")))
    clean_stream(g.chat("one/m", stream=True), "zipped")


def test_interim_answers_are_skipped(gateway, upstream):
    early = mock.Raw(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
    upstream.answer(mock.chat("final", before=[early, early]))
    answer = gateway(one(upstream)).chat("one/m")
    assert answer.status == 200 and answer.json["choices"][0]["message"]["content"] == "final"

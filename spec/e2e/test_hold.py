"""Answers that are held until a policy has judged them, and events that go through a script. T-01, T-06."""
import json

import pytest

import upstream as mock
from config import ADMIN
from expect import attempts, broken_stream, clean_stream, openai_error, told
from scripted import policed, policy
from wire import wait_until

HELD = mock.tokens("hel", "lo")


def judged(body, **hooks):
    return policy(accept=body, **hooks)


def events_through(body):
    return policy(on_event=body)


def raw_body(reply):
    return b"".join(reply.pieces)


# ---- accept ------------------------------------------------------------------------------------
def test_an_answer_that_is_not_accepted_comes_from_the_next_lane(gateway, upstreams):
    a, b = upstreams().always(mock.chat("bad")), upstreams().always(mock.chat("good"))
    g = gateway(policed(a, b, admin=ADMIN), files=judged('return res.text ~= "bad"'))
    answer = g.chat("smart")
    assert answer.status == 200 and answer.json["choices"][0]["message"]["content"] == "good"
    assert answer.headers["x-tidegate-target"] == "b/m"
    assert attempts(answer) == [("a/m#1", "rejected"), ("b/m#1", "200")]
    line = g.log(answer)
    assert line["error"] is None and told(line) == (22, 14, 6)  # what was dropped has been paid for, too
    metrics = g.metrics()
    assert metrics['tidegate_attempts_total{target="a/m",outcome="rejected"}'] == 1
    assert metrics['tidegate_attempts_total{target="b/m",outcome="200"}'] == 1
    assert metrics['tidegate_tokens_total{model="smart",kind="output"}'] == 14


def test_when_no_answer_is_accepted_the_client_is_told_so(gateway, upstreams):
    a, b = upstreams().always(mock.chat()), upstreams().always(mock.chat())
    settings = {"smart": {"targets": ["a/m", "b/m"], "policy": "p", "retry": {"max": 1}}}
    g = gateway(policed(a, b, models=settings), files=judged("return false"))
    answer = g.chat("smart")
    error = openai_error(answer, 502, "no answer was accepted by the policy")
    assert error["code"] == "rejected"
    assert [outcome for _, outcome in attempts(answer)] == ["rejected", "rejected"]
    assert g.log(answer)["tokens"]["in"] == 22


def test_accept_sees_what_the_client_would_get(gateway, upstream):
    upstream.always(mock.chat("hello"))
    g = gateway(policed(upstream), files=judged(
        'local seen = { res.text, res.finish_reason, res.target, res.usage.input, res.status,\n'
        '      res.headers["content-type"], #res.body, res.message.role, #res.tool_calls, req.model }\n'
        '    for i, value in ipairs(seen) do seen[i] = tostring(value) end\n'
        '    req:set_header("x-saw", table.concat(seen, " "))\n'
        '    return true'))
    answer = g.chat("smart")
    assert answer.headers["x-saw"] == "hello stop a/m 11 200 application/json %d assistant 0 smart" % len(answer.body)
    assert answer.body == raw_body(mock.chat("hello"))


def test_a_stream_is_held_whole_and_released_byte_for_byte(gateway, upstreams):
    a, b = upstreams().always(HELD), upstreams().always(mock.tokens("good"))
    g = gateway(policed(a, b), files=judged('return res.text ~= "hello" and res.finish_reason == "stop"'))
    answer = clean_stream(g.chat("smart", stream=True), "good")
    assert attempts(answer) == [("a/m#1", "rejected"), ("b/m#1", "200")]
    assert answer.body == raw_body(mock.tokens("good"))


def test_T06_a_failure_of_a_held_stream_never_reaches_the_client(gateway, upstreams):
    a = upstreams().always(mock.stream(mock.delta("hel"), mock.delta("lo"), mock.ERROR_EVENT))
    b = upstreams().always(mock.tokens("good"))
    answer = gateway(policed(a, b), files=judged("return true")).chat("smart", stream=True)
    clean_stream(answer, "good")
    assert attempts(answer)[0] == ("a/m#1", "upstream_5xx")


def test_comments_keep_a_client_waiting_while_its_stream_is_held(gateway, upstream):
    upstream.always(mock.tokens("hello"))
    g = gateway(policed(upstream, stream={"keepalive": 0.05}), files=judged("tide.sleep(0.5)\n    return true"))
    answer = g.chat("smart", stream=True).read_until(b": keep-alive")
    clean_stream(answer, "hello")


def test_all_rejected_behind_an_early_head_is_an_error_event(gateway, upstream):
    upstream.always(mock.tokens("hello"))
    settings = {"smart": {"targets": ["a/m"], "policy": "p", "retry": {"max": 0}}}
    g = gateway(policed(upstream, models=settings, stream={"keepalive": 0.05}),
                files=judged("tide.sleep(0.5)\n    return false"))
    assert "no answer was accepted" in broken_stream(g.chat("smart", stream=True))["message"]


def test_an_answer_too_large_to_be_held_is_tried_elsewhere(gateway, upstreams):
    a, b = upstreams().always(mock.tokens(*["x" * 1000] * 80)), upstreams().always(mock.tokens("small"))
    g = gateway(policed(a, b, limits={"hold": "64KB"}), files=judged("return true"))
    answer = clean_stream(g.chat("smart", stream=True), "small")
    assert attempts(answer)[0] == ("a/m#1", "too_large")
    a.always(mock.chat("x" * 80000))
    b.always(mock.chat("small"))
    assert attempts(g.chat("smart"))[0] == ("a/m#1", "too_large")


def test_a_policy_may_ask_another_model_whether_to_accept(gateway, upstreams):
    a, b = upstreams().always(mock.chat("bad")), upstreams().always(mock.chat("yes"))
    judge = ('local verdict = tide.chat { model = "b/judge", messages = { { role = "user", content = res.text } } }\n'
             '    return verdict.text == "yes"')
    answer = gateway(policed(a, b), files=judged(judge)).chat("smart")
    assert answer.json["choices"][0]["message"]["content"] == "bad"
    assert attempts(answer) == [("b/judge#1", "200"), ("a/m#1", "200")]
    assert b.last.json["messages"][0]["content"] == "bad"


def test_a_client_that_leaves_while_a_policy_judges_ends_it(gateway, upstreams):
    a, b = upstreams().always(mock.chat("bad")), upstreams().always(mock.stall())
    judge = 'return tide.chat { model = "b/judge", messages = {} } ~= nil'
    g = gateway(policed(a, b), files=judged(judge))
    connection = g.connect()
    connection.request("POST", "/v1/chat/completions", {"model": "smart", "messages": []})
    wait_until("the judge is asked", lambda: b.requests)
    connection.close()
    assert b.last.gone.wait(mock.LIMIT)
    assert wait_until("a log line", lambda: [one for one in g.lines() if one.get("request_id")])[0]["error"]


@pytest.mark.parametrize("fault", ['error("oops")', "return 7", "return nil"])
def test_an_accept_that_fails_lets_the_answer_go(gateway, upstream, fault):
    upstream.always(mock.chat("hello"))
    answer = gateway(policed(upstream), files=judged("if res then %s end" % fault)).chat("smart")
    assert answer.status == 200 and answer.json["choices"][0]["message"]["content"] == "hello"
    assert "policy p failed" in answer.headers["x-tidegate-warnings"]


def test_an_accept_that_fails_is_a_500_where_that_is_wanted(gateway, upstreams):
    a, b = upstreams().always(mock.chat("hello")), upstreams().always(mock.chat("hello"))
    g = gateway(policed(a, b, scripts={"on_error": "fail"}), files=judged('error("oops")'))
    answer = g.chat("smart")
    openai_error(answer, 500, "request id")
    assert attempts(answer) == [("a/m#1", "script")] and not b.requests
    assert g.log(answer)["error"]["kind"] == "script"


# ---- hold = n ----------------------------------------------------------------------------------
def test_a_plan_may_hold_more_than_the_first_event(gateway, upstreams):
    a = upstreams().always(mock.stream(mock.delta("one"), mock.delta("two"), mock.Cut()))
    b = upstreams().always(mock.tokens("good"))
    g = gateway(policed(a, b), files=policy(route='return { targets = { "a/m", "b/m" }, hold = 3 }'))
    clean_stream(g.chat("smart", stream=True), "good")
    a.always(mock.tokens("one", "two", "three", "four"))
    clean_stream(g.chat("smart", stream=True), "onetwothreefour")
    a.always(mock.tokens("one"))
    clean_stream(g.chat("smart", stream=True), "one")  # shorter than that


def test_a_plan_may_hold_all_of_it_without_a_judge(gateway, upstreams):
    a = upstreams().always(mock.stream(*[mock.delta("x")] * 50, mock.Cut()))
    b = upstreams().always(mock.tokens("good"))
    g = gateway(policed(a, b), files=policy(route='return { targets = { "a/m", "b/m" }, hold = true }'))
    clean_stream(g.chat("smart", stream=True), "good")


# ---- on_event ----------------------------------------------------------------------------------
def test_events_that_a_script_leaves_alone_keep_their_bytes(gateway, upstream):
    odd = b'data:  {"choices": [{"index":0, "delta":{"content":"o\\u0064d"},"finish_reason":null}], "z":1, "a":2}\n\n'
    upstream.always(mock.stream(b": hi\n\n", odd, mock.finish(), mock.DONE))
    answer = gateway(policed(upstream), files=events_through("return event")).chat("smart", stream=True)
    clean_stream(answer, "odd")
    assert answer.body == b": hi\n\n" + odd + mock.finish() + mock.DONE


def test_events_change_and_go(gateway, upstream):
    upstream.always(mock.tokens("hello ", "secret ", "world"))
    answer = gateway(policed(upstream), files=events_through(
        'if event.delta == "secret " then return nil end\n'
        '    if event.delta then event.delta = event.delta:upper() end\n'
        '    return event')).chat("smart", stream=True)
    clean_stream(answer, "HELLO WORLD")
    first = json.loads(answer.events[1])
    assert first["id"] == "chatcmpl-1" and first["object"] == "chat.completion.chunk"


def test_an_event_that_is_dropped_does_not_commit(gateway, upstreams):
    a = upstreams().always(mock.stream(mock.delta("thinking"), mock.ERROR_EVENT))
    b = upstreams().always(mock.tokens("good"))
    answer = gateway(policed(a, b), files=events_through(
        'if event.delta == "thinking" then return nil end\n    return event')).chat("smart", stream=True)
    clean_stream(answer, "good")


def test_a_finish_cannot_be_dropped(gateway, upstream):
    upstream.always(mock.tokens("hello"))
    g = gateway(policed(upstream), files=events_through(
        'if event.type == "finish" then return nil end\n    return event'))
    clean_stream(g.chat("smart", stream=True), "hello")
    wait_until("the log says why", lambda: any(
        "on_event cannot drop a finish event" in line.get("message", "") for line in g.lines()))


def test_a_script_that_fails_at_an_event_lets_the_rest_go(gateway, upstream):
    upstream.always(mock.tokens("hel", "lo"))
    g = gateway(policed(upstream), files=events_through('error("oops")'))
    clean_stream(g.chat("smart", stream=True), "hello")


def test_a_script_that_fails_at_an_event_breaks_the_stream_where_that_is_wanted(gateway, upstreams):
    a, b = upstreams().always(mock.tokens("hel", "lo")), upstreams().always(mock.tokens("other"))
    g = gateway(policed(a, b, scripts={"on_error": "fail"}), files=events_through(
        'if event.delta == "lo" then error("oops") end\n    return event'))
    answer = g.chat("smart", stream=True)
    assert "oops" not in broken_stream(answer, "hel")["message"]
    files = events_through('error("oops")')
    answer = gateway(policed(a, b, scripts={"on_error": "fail"}), files=files).chat("smart", stream=True)
    openai_error(answer.read(), 500)
    assert not b.requests


def test_an_event_hook_cannot_wait(gateway, upstream):
    upstream.always(mock.tokens("hello"))
    g = gateway(policed(upstream), files=events_through("tide.sleep(1)\n    return event"))
    clean_stream(g.chat("smart", stream=True), "hello")
    wait_until("the log says why", lambda: any("cannot wait here" in line.get("message", "") for line in g.lines()))


def test_usage_and_tokens_are_counted_as_ever(gateway, upstream):
    upstream.always(mock.tokens("hello", usage=mock.USAGE))
    g = gateway(policed(upstream), files=events_through(
        'if event.delta then event.delta = "moo" end\n    return event'))
    answer = clean_stream(g.chat("smart", stream=True), "moo")
    assert told(g.log(answer)) == (11, 7, 3)
    assert "usage" not in answer.body.decode()  # the client has not asked for it


# ---- headers -----------------------------------------------------------------------------------
def test_a_plan_adds_headers_for_the_provider(gateway, upstreams):
    a, b = upstreams().always(mock.error(500)), upstreams().always(mock.chat())
    plan = 'return { targets = { "a/m", "b/m" }, headers = { ["X-Team"] = "blue", ["user-agent"] = "mine" } }'
    assert gateway(policed(a, b), files=policy(route=plan)).chat("smart").status == 200
    for one in (a, b):
        assert one.last.headers["x-team"] == "blue"
        assert [value for name, value in one.last.header_list if name.lower() == "user-agent"] == ["mine"]
        assert one.last.headers["authorization"].startswith("Bearer sk-canary-")


@pytest.mark.parametrize("line", ['Authorization = "x"', '["X-Api-Key"] = "x"', 'Host = "x"', 'TE = "x"',
                                  '["Content-Length"] = "1"', '["x-a"] = "b\\r\\nc: d"'])
def test_a_plan_does_not_touch_what_is_the_gateways(gateway, upstream, line):
    upstream.always(mock.chat())
    g = gateway(policed(upstream, scripts={"on_error": "fail"}),
                files=policy(route='return { targets = { "a/m" }, headers = { %s } }' % line))
    openai_error(g.chat("smart"), 500)
    assert not upstream.requests


def test_headers_that_fill_a_head_are_refused(gateway, upstream):
    upstream.always(mock.chat())
    plan = 'return { targets = { "a/m" }, headers = { ["x-a"] = ("x"):rep(40000) } }'
    openai_error(gateway(policed(upstream), files=policy(route=plan)).chat("smart"), 500)
    assert not upstream.requests

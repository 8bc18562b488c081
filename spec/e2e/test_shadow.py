"""T-55: a copy for another target never touches the request itself."""
import signal
import time

import pytest

import upstream as mock
from config import ADMIN
from expect import attempts, clean_stream
from scripted import policed, policy
from wire import wait_until

pytestmark = pytest.mark.slow


def mirrored(target="b/mirror", ratio=None):
    share = "" if ratio is None else ", ratio = %s" % ratio
    return policy(route='return { targets = { "a/m" }, shadow = { target = "%s"%s } }' % (target, share))


def shadows(gateway, outcome):
    return gateway.metrics().get('tidegate_shadows_total{outcome="%s"}' % outcome, 0)


def test_T55_the_mirror_gets_a_copy_and_nobody_sees_its_answer(gateway, upstreams):
    a, b = upstreams().always(mock.chat("real")), upstreams().always(mock.chat("mirror"))
    g = gateway(policed(a, b, admin=ADMIN), files=mirrored())
    answer = g.chat("smart", user="u")
    assert answer.json["choices"][0]["message"]["content"] == "real"
    assert attempts(answer) == [("a/m#1", "200")]
    wait_until("the copy", lambda: b.requests)
    assert b.last.json == {**a.last.json, "model": "mirror"}
    wait_until("its end", lambda: shadows(g, "ok") == 1)
    line = g.log(answer)
    assert line["tokens"]["in"] == 11 and line["target"] == "a/m"
    assert len([one for one in g.lines() if one.get("request_id")]) == 1
    metrics = g.metrics()
    assert metrics['tidegate_attempts_total{target="b/mirror",outcome="200"}'] == 1
    assert metrics['tidegate_requests_in_flight'] == 0


def test_T55_streams_are_copied_too(gateway, upstreams):
    a, b = upstreams().always(mock.tokens("re", "al")), upstreams().always(mock.tokens(*["x" * 1000] * 500))
    g = gateway(policed(a, b, admin=ADMIN), files=mirrored())
    clean_stream(g.chat("smart", stream=True), "real")
    wait_until("its end", lambda: shadows(g, "ok") == 1)


@pytest.mark.parametrize("fault", [mock.error(500), mock.error(401), mock.reset(), mock.garbage(), mock.nothing()],
                         ids=["500", "401", "reset", "garbage", "nothing"])
def test_T55_a_mirror_that_fails_is_not_noticed(gateway, upstreams, fault):
    a, b = upstreams().always(mock.chat("real")), upstreams().always(fault)
    models = {"mirror": {"targets": ["b/m"], "retry": {"max": 1}}}
    g = gateway(policed(a, b, models=models, admin=ADMIN), files=mirrored("mirror"))
    answer = g.chat("smart")
    assert answer.status == 200 and attempts(answer) == [("a/m#1", "200")]
    assert "x-tidegate-warnings" not in answer.headers
    wait_until("the mirror's end", lambda: shadows(g, "upstream_error") == 1)
    assert g.log(answer)["error"] is None


def test_T55_a_mirror_that_hangs_delays_neither_the_answer_nor_the_end(gateway, upstreams):
    a, b = upstreams().always(mock.chat("real")), upstreams().always(mock.stall())
    g = gateway(policed(a, b), files=mirrored())
    for _ in range(3):
        assert g.chat("smart").status == 200
    wait_until("three copies", lambda: len(b.requests) == 3)
    begin = time.monotonic()
    g.signal(signal.SIGTERM)
    assert g.wait() == 0
    assert time.monotonic() - begin < 15  # limits.drain_time is 30, the copies would run for 600


def test_T55_a_client_that_leaves_does_not_take_the_copy_along(gateway, upstreams):
    a, b = upstreams().always(mock.stall()), upstreams().always(mock.chat())
    g = gateway(policed(a, b, admin=ADMIN), files=mirrored())
    connection = g.connect()
    connection.request("POST", "/v1/chat/completions", {"model": "smart", "messages": []})
    wait_until("the request", lambda: a.requests)
    connection.close()
    wait_until("the copy's end", lambda: shadows(g, "ok") == 1)


def test_T55_a_share_of_the_requests_is_copied(gateway, upstreams):
    a, b = upstreams().always(mock.chat()), upstreams().always(mock.chat())
    g = gateway(policed(a, b, admin=ADMIN), files=mirrored(ratio=0.5))
    for _ in range(40):
        assert g.chat("smart").status == 200
    wait_until("the copies' end", lambda: shadows(g, "ok") == len(b.requests))
    assert 2 <= len(b.requests) <= 38  # one in a hundred million runs is beyond that


def test_T55_too_many_copies_are_dropped_and_counted(gateway, upstreams):
    a, b = upstreams().always(mock.chat()), upstreams().always(mock.stall())
    g = gateway(policed(a, b, admin=ADMIN), files=mirrored())
    for _ in range(70):
        assert g.chat("smart").status == 200
    assert shadows(g, "dropped") == 6
    assert len(b.requests) <= 64


def test_T55_the_mirrors_policy_is_not_asked(gateway, upstreams):
    a, b = upstreams().always(mock.chat()), upstreams().always(mock.chat())
    files = {**mirrored("mirror"), "scripts/policies/never.lua":
             'return tide.policy { route = function(req) error("asked") end }'}
    models = {"mirror": {"targets": ["b/m"], "policy": "never"}}
    g = gateway(policed(a, b, models=models, admin=ADMIN), files=files)
    assert g.chat("smart").status == 200
    wait_until("its end", lambda: shadows(g, "ok") == 1)
    assert b.last.json["model"] == "m"

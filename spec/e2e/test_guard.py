"""Scripts without measure: what they cost the others, and what is left of the gateway. T-42, T-43."""
import re
import threading
import time

import pytest

import upstream as mock
from scripted import policed, policy
from wire import wait_until

LOOP = "while true do end"
HOSTILE = {
    "a loop": (LOOP, "cpu"),
    "a loop of errors": ("while true do pcall(error, {}) end", "cpu"),
    "a loop in a handler": ("xpcall(function() %s end, function() %s end)" % (LOOP, LOOP), "cpu"),
    "a comparison that loops": ("table.sort({ 3, 2, 1 }, function() %s end)" % LOOP, "cpu"),
    "tables": ("local t = {} for i = 1, 1e9 do t[i] = { i } end", "memory|cpu"),  # whichever is used up first
    "a string that doubles": ("local s = 'x' while true do s = s .. s end", "memory|cpu"),
    "recursion": ("local function f() return 1 + f() end f()", "stack"),
}


def hostile_policy(lua):
    return policy(route='if req.model == "hostile" then\n%s\nend' % lua)


def hostile(upstream, lua, **settings):
    models = {"hostile": {"targets": ["a/m"], "policy": "p"}}
    settings.setdefault("workers", 1)
    return dict(text=policed(upstream, models=models, **settings), files=hostile_policy(lua))


def start(gateway, upstream, lua, **settings):
    made = hostile(upstream, lua, **settings)
    return gateway(made["text"], files=made["files"])


@pytest.mark.parametrize("name", HOSTILE)
def test_T43_a_hostile_script_is_stopped_with_its_line_and_the_request_is_served(gateway, upstream, name):
    lua, limit = HOSTILE[name]
    upstream.always(mock.chat())
    g = start(gateway, upstream, lua)
    answer = g.chat("hostile")
    assert answer.status == 200
    assert re.fullmatch("policy p failed: (%s)" % limit, answer.headers["x-tidegate-warnings"])
    wait_until("the log says where", lambda: [
        line for line in g.lines() if line["level"] == "error" and "scripts/policies/p.lua:5: " in line["message"]])
    assert g.chat("smart").status == 200


def test_T43_others_wait_for_one_slice_of_a_runaway_at_most(gateway, upstream):
    """Stopped at its limit of 50 ms: far from the seconds that a loop would take."""
    upstream.always(mock.chat())
    g = start(gateway, upstream, "while true do end")
    took = []

    def others():
        for _ in range(20):
            begun = time.monotonic()
            assert g.chat("smart").status == 200
            took.append(time.monotonic() - begun)

    thread = threading.Thread(target=others)
    thread.start()
    assert g.chat("hostile").status == 200
    thread.join(30)
    assert len(took) == 20


def test_scripts_that_hold_too_much_make_the_worker_refuse_and_the_largest_is_let_go(gateway, upstream):
    """What is held by a script's own variables stays: new requests are refused, with a hint when to come back."""
    upstream.always(mock.chat())
    lua = 'for i = 1, 3000 do held[#held + 1] = ("%08d"):format(#held):rep(128) end'
    files = policy(top="local held = {}", route='if req.model == "hostile" then\n%s\nend' % lua)
    made = hostile(upstream, "", scripts={"memory": "20MB", "slice_memory": "15MB"})
    g = gateway(made["text"], files=files)
    status, answer = 200, None
    until = time.monotonic() + 30
    while status == 200 and time.monotonic() < until:
        answer = g.chat("hostile")
        status = answer.status
    assert status == 503, answer.body
    assert answer.headers["retry-after"] == "1"
    assert "memory" in answer.json["error"]["message"]

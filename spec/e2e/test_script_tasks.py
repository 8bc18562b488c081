"""What scripts do at the same time, later, and with other servers: tide.spawn, tide.timer, tide.http. T-07."""
import os
import signal
import threading

import upstream as mock
from config import one
from gateway import run
from test_policies import errors_of
from test_script_values import around, before, reply_of
from wire import wait_until

TOOL = 'local TOOL = "%s"'


def tooled(upstream, tool, lua, top="", **scripts):
    """(configuration, files): a middleware that may ask the tool's origin"""
    settings = {"scripts": {"http": [tool.origin], **scripts}}
    return around(upstream, **settings), before(lua, "\n".join([TOOL % tool.origin, top]))


def start(gateway, upstream, tool, lua, top="", args=(), **scripts):
    config, files = tooled(upstream, tool, lua, top, **scripts)
    return gateway(config, files=files, args=args)


# ---- tide.http ---------------------------------------------------------------------------------
def test_a_script_asks_a_server_that_is_granted(gateway, upstreams):
    model, tool = upstreams(), upstreams().always(mock.json_reply({"verdict": "fine"}, headers={"X-Two": "b"}))
    g = start(gateway, model, tool, '''
      local res = assert(tide.http.request{
        url = TOOL .. "/check?q=1", headers = { ["X-Text"] = "t" }, body = tide.json.encode{ a = 1 } })
      return { status = 200, body = res.status .. res.headers["x-two"] .. assert(res:json()).verdict }''')
    assert reply_of(g.chat("one/m")) == "200bfine"
    request = tool.last
    assert (request.method, request.target, request.json) == ("POST", "/check?q=1", {"a": 1})
    assert request.headers["x-text"] == "t" and request.headers["accept-encoding"] == "identity"
    assert not model.requests


def test_no_server_is_asked_that_is_not_granted(gateway, upstreams):
    tool, other = upstreams(), upstreams()
    g = start(gateway, upstreams(), tool, '''
      local res, err = tide.http.request{ url = "%s/x" }
      return { status = 200, body = tostring(res) .. " " .. err.message }''' % other.origin)
    assert reply_of(g.chat("one/m")) == "nil tide.http: %s is not granted (scripts.http)" % other.origin
    assert not other.requests


def test_a_secret_goes_out_as_a_header_and_stays_one(gateway, upstreams):
    tool = upstreams().always(mock.json_reply({}))
    config, files = tooled(upstreams(), tool, '''
      local key = tide.secret("TOOL_KEY")
      tide.http.request{ url = TOOL, headers = { authorization = key } }
      return { status = 200, body = tostring(key) }''', secrets=["TOOL_KEY"])
    g = gateway(config, files=files, env={"TOOL_KEY": "sk-canary-tool"})
    assert reply_of(g.chat("one/m")) == "***"
    assert tool.last.headers["authorization"] == "sk-canary-tool"


def test_events_of_another_server_are_read_as_they_come(gateway, upstreams):
    tool = upstreams().always(mock.stream(mock.event({"n": 1}), mock.event({"n": 2}), mock.DONE))
    g = start(gateway, upstreams(), tool, '''
      local seen = {}
      local res = assert(tide.http.request{ url = TOOL, stream = true })
      for event in res:sse() do seen[#seen + 1] = event.data end
      return { status = 200, body = table.concat(seen, " ") .. tostring(res.err) }''')
    assert reply_of(g.chat("one/m")) == '{"n":1} {"n":2} [DONE]nil'


def test_a_server_that_is_silent_is_a_timeout(gateway, upstreams):
    tool = upstreams().always(mock.stall())
    g = start(gateway, upstreams(), tool, '''
      local _, err = tide.http.request{ url = TOOL, timeout = 0.05 }
      return { status = 200, body = err.kind }''')
    assert reply_of(g.chat("one/m")) == "timeout"
    assert tool.last.gone.wait(mock.LIMIT)


# ---- tasks -------------------------------------------------------------------------------------
def test_two_servers_are_asked_at_the_same_time(gateway, upstreams):
    tool = upstreams()
    # Neither answers before the other has been asked.
    both = threading.Barrier(2)

    def answer(request):
        both.wait(mock.LIMIT)
        return mock.json_reply({"path": request.path})
    tool.always(answer)
    g = start(gateway, upstreams(), tool, '''
      local function ask(path) return function() return tide.http.request{ url = TOOL .. path }:json().path end end
      local a, b = tide.all{ ask "/a", ask "/b" }
      return { status = 200, body = a .. b }''')
    assert reply_of(g.chat("one/m")) == "/a/b"


def test_the_loser_of_a_race_is_gone(gateway, upstreams):
    slow, fast = upstreams().always(mock.stall()), upstreams().always(mock.json_reply({"from": "fast"}))
    config, files = tooled(upstreams(), fast, '''
      local won = tide.race{
        function() return tide.http.request{ url = SLOW } end,
        function() tide.sleep(0.05) return tide.http.request{ url = TOOL } end }
      return { status = 200, body = won:json().from }''', 'local SLOW = "%s"' % slow.origin)
    g = gateway(config.replace('"%s"' % fast.origin, '"%s", "%s"' % (fast.origin, slow.origin)), files=files)
    assert reply_of(g.chat("one/m")) == "fast"
    assert slow.last.gone.wait(mock.LIMIT)


def test_T07_a_client_that_leaves_ends_all_that_its_request_had_begun(gateway, upstreams):
    tool = upstreams().always(mock.stall())
    g = start(gateway, upstreams(), tool, '''
      tide.spawn(function() tide.spawn(function() tide.http.request{ url = TOOL .. "/c" } end) tide.sleep(3600) end)
      tide.all{ function() tide.http.request{ url = TOOL .. "/a" } end,
                coroutine.wrap(function() tide.http.request{ url = TOOL .. "/b" } end) }''')
    client = g.connect()
    client.request(body={"model": "one/m", "messages": []})
    wait_until("three requests of the script", lambda: len(tool.requests) == 3)
    client.close()
    for request in tool.requests:
        assert request.gone.wait(mock.LIMIT)
    g.settle()


def test_what_a_hook_spawned_ends_with_its_request(gateway, upstreams):
    model, tool = upstreams().always(mock.chat("ok")), upstreams().always(mock.stall())
    g = start(gateway, model, tool, '''
      tide.spawn(function() tide.http.request{ url = TOOL } end)
      tide.yield()''')
    assert g.chat("one/m").status == 200
    wait_until("the script's request", lambda: tool.requests)
    assert tool.last.gone.wait(mock.LIMIT)


def test_a_failure_of_a_task_says_file_and_line(gateway, upstreams):
    g = start(gateway, upstreams(), upstreams(), '''
      local ok, err = tide.spawn(function() local nothing = nil return nothing.x end):wait()
      return { status = 200, body = tostring(ok) .. " " .. err.message }''')
    answer = reply_of(g.chat("one/m"))
    assert answer.startswith("false ") and "scripts/middleware/m.lua:6: attempt to index" in answer


def test_a_task_that_computes_for_ever_is_stopped_and_its_siblings_go_on(gateway, upstreams):
    g = start(gateway, upstreams(), upstreams(), '''
      local runaway = tide.spawn(function() while true do end end)
      local other = tide.spawn(function() tide.sleep(0.1) return "fine" end)
      local _, err = runaway:wait()
      return { status = 200, body = err.limit .. " " .. select(2, other:wait()) }''')
    assert reply_of(g.chat("one/m")) == "cpu fine"


def test_a_wait_where_none_is_possible_names_the_line(gateway, upstreams):
    g = start(gateway, upstreams(), upstreams(), "table.sort({ 1, 2 }, function()\n tide.sleep(1) end)")
    assert g.chat("one/m").status == 500
    assert "scripts/middleware/m.lua:6: cannot wait here" in errors_of(g, "cannot wait here")[0]


# ---- timers ------------------------------------------------------------------------------------
TICKS = '''tide.timer.every(0.02, function() tide.sleep(0.001) tide.dict("t"):incr("%s") end, { single = true })'''
COUNT = 'return { status = 200, body = tostring(tide.dict("t"):get("%s")) }'


def ticks(g):
    def read():
        text = reply_of(g.chat("one/m"))
        return 0 if text == "nil" else int(float(text))
    return read


def test_a_timer_made_while_loading_runs_without_a_request(gateway, upstream):
    g = gateway(around(upstream), files=before(COUNT % "a", TICKS % "a"))
    count = ticks(g)
    wait_until("three runs", lambda: count() >= 3)


def test_a_single_timer_runs_on_one_worker(gateway, upstream):
    # The file is loaded once for each worker.
    top = '''local me, d = tide.uuid(), tide.dict("t")
    tide.timer.every(0.01, function() d:set("single " .. me, 1) end, { single = true })
    tide.timer.every(0.01, function() d:set("each " .. me, 1) end)'''
    g = gateway(around(upstream, workers=2), files=before('''local n = { single = 0, each = 0 }
      for _, key in ipairs(d:keys()) do n[key:match("^%a+")] = n[key:match("^%a+")] + 1 end
      return { status = 200, body = n.single .. " " .. n.each }''', top))
    wait_until("runs on both workers", lambda: reply_of(g.chat("one/m")) == "1 2")


def test_an_error_of_a_timer_is_logged_with_its_line_and_it_goes_on(gateway, upstream):
    g = gateway(around(upstream), files=before("", 'tide.timer.every(0.01, function() error("oops") end)'))
    lines = errors_of(g, "oops", at_least=2)
    assert "scripts/middleware/m.lua:1: oops" in lines[0]


def test_a_changed_file_gets_new_timers_and_the_old_ones_end(gateway, upstream):
    g = gateway(around(upstream), files=before(COUNT % "old", TICKS % "old"))
    old = ticks(g)
    wait_until("a run", lambda: old() >= 1)
    text = before('return { status = 200, body = tide.dict("t"):get("old") .. " " .. tostring(tide.dict("t"):get("new")) }',
                  TICKS % "new")
    with open(os.path.join(g.folder, "scripts/middleware/m.lua"), "w", encoding="utf-8") as file:
        file.write(text["scripts/middleware/m.lua"])

    def counts():
        text = reply_of(g.chat("one/m"))
        return [float(n) for n in text.split()] if " " in text and "nil" not in text else None
    first = wait_until("runs of the new one", counts)
    later = wait_until("more of them", lambda: (lambda c: c if c and c[1] >= first[1] + 3 else None)(counts()))
    assert later[0] <= first[0] + 1  # one may have been under way


def test_a_timer_that_runs_does_not_hold_up_the_end(gateway, upstream):
    g = gateway(around(upstream), files=before(COUNT % "b", '''tide.timer.after(0, function()
      tide.dict("t"):incr("b")
      tide.all{ function() tide.sleep(3600) end, function() tide.sleep(3600) end }
    end)'''))
    count = ticks(g)
    wait_until("it runs", lambda: count() >= 1)
    g.signal(signal.SIGTERM)
    g.wait()


def test_too_many_timers_are_an_error_of_the_file(tmp_path, program_exists, upstream):
    (tmp_path / "gateway.lua").write_text(one(upstream, middleware=["m"], scripts={"timers": 2}))
    (tmp_path / "scripts/middleware").mkdir(parents=True)
    (tmp_path / "scripts/middleware/m.lua").write_text(
        "for _ = 1, 3 do\n  tide.timer.after(1, tide.yield)\nend\nreturn tide.middleware { before = function() end }\n")
    status, out, err = run("check", str(tmp_path))
    assert status == 1 and "m.lua:2:" in out + err and "scripts.timers" in out + err

"""Scripts that do harm, by mistake or on purpose: each is stopped, and nobody else notices. T-42, T-43, T-44."""
import os
import re
import threading
import time

import pytest

import upstream as mock
from config import config, provider
from expect import clean_stream, openai_error
from gateway import run
from wire import wait_until

pytestmark = pytest.mark.slow

EVIL = "scripts/policies/evil.lua"
LINE = 4  # where the body of a hook begins
CALM = """local worker = tostring({}):match("0x%x+")
return tide.policy {
  route = function(req)
    req:set_header("x-worker", worker)
    return { targets = { "a/m" } }
  end,
}
"""


def policy(lua, hook="route = function(req)", before=""):
    """a policy whose hook has this body, on line 4"""
    return "%s\nreturn tide.policy {\n  %s\n    %s\n  end,\n}\n" % (before, hook, lua)


def settings(upstream, **more):
    """two workers, the models "evil" and "calm", each with the policy of its name"""
    models = {name: {"targets": ["a/m"], "policy": name} for name in ("evil", "calm")}
    more.setdefault("workers", 2)
    return config({"a": provider(upstream, "sk-canary-a")}, **{"models": models, **more})


class Stage:
    """A gateway with a stream in flight on each worker, and two free connections to each."""

    def __init__(self, gateway, upstream, files, **more):
        self.go_on = threading.Event()
        upstream.always(self._answer)
        self.gateway = gateway(settings(upstream, **more), files={"scripts/policies/calm.lua": CALM, **files})
        self.workers = self._find_workers(more.get("workers", 2))
        self.streams = [self._begin_stream(connections.pop()) for connections in self.workers]

    def _answer(self, request):
        if not request.json.get("stream"):
            return mock.chat()
        return mock.stream(mock.role(), mock.delta("a"), mock.Hold(self.go_on), mock.delta("b"), mock.finish(),
                           mock.DONE)

    def _find_workers(self, count):
        """three connections to each; each policy file of each worker has a table of its own"""
        found = {}

        def is_complete():
            connection = self.gateway.connect()
            found.setdefault(self.ask(connection, "calm").headers["x-worker"], []).append(connection)
            return len(found) == count and min(map(len, found.values())) >= 3
        wait_until("three connections to each worker", is_complete)
        return list(found.values())

    @staticmethod
    def ask(connection, model, **more):
        Stage.send(connection, model, **more)
        return connection.response("POST").read()

    @staticmethod
    def send(connection, model, **more):
        connection.request("POST", "/v1/chat/completions", {"model": model, "messages": [], **more}, None)

    def _begin_stream(self, connection):
        self.send(connection, "calm", stream=True)
        return connection.response("POST").read_until(b'"a"')

    def harm(self, **more):
        """the answer to a request of the evil policy, on the first worker"""
        return self.ask(self.workers[0][0], "evil", **more)

    def check_others(self):
        """the streams end well, and both workers serve"""
        self.go_on.set()
        for stream in self.streams:
            clean_stream(stream, "ab")
        for connections in self.workers:
            assert self.ask(connections[1], "calm").status == 200

    def errors(self, about="evil"):
        """what the log says of it, each entry with its traceback"""
        def find():
            return [line["message"] for line in self.gateway.lines()
                    if line["level"] == "error" and about in line["message"]]
        return wait_until("an error about %r in the log" % about, find)


def falls_back(stage, limit, said, line=LINE):
    """the model's own plan serves the request, with a warning; the log has the place"""
    answer = stage.harm()
    assert answer.status == 200 and answer.json["choices"][0]["message"]["content"] == "hello", answer.body
    warning = answer.headers["x-tidegate-warnings"]
    assert re.fullmatch("policy evil failed: (%s)" % (limit or "script"), warning), (warning, stage.errors())
    told = [message.split("\n")[0] for message in stage.errors()]
    place = r"scripts/policies/evil\.lua:%d: " % line if line else "evil"
    assert any(re.search(place, one) and re.search(said, one) for one in told), told
    assert any(answer.headers["x-tidegate-request-id"] in one for one in told)


def is_stopped(gateway, upstream, lua, limit, said="", scripts=None, line=LINE, before=""):
    stage = Stage(gateway, upstream, {EVIL: policy(lua, before=before)}, scripts=scripts or {})
    falls_back(stage, limit, said, line)
    stage.check_others()


# ---- time --------------------------------------------------------------------------------------
FOR_EVER = "while true do end"
LOOPS = {
    "loop": FOR_EVER,
    "numeric for": "for _ = 1, 1e15 do end",
    "repeat": "repeat until false",
    "goto": "::again:: goto again",
    "tail calls": "local function f() return f() end f()",
    "iterator": "for _ in function() return 1 end do end",
    "allocating": "while true do local t = { 1, 2, 3 } t[4] = {} end",
    "strings": "local i = 0 while true do i = i + 1 tostring(i) end",
    "in pcall": "pcall(function() while true do end end)",
    "pcall in a loop": "while true do pcall(function() while true do end end) end",
    "pcalls in pcalls": "local function f() while true do pcall(f) end end f()",
    "failing for ever": "while true do pcall(error, {}) end",
    "xpcall handler": "xpcall(function() error('x') end, function() while true do end end)",
    "xpcall handler after the limit": "while true do xpcall(function() while true do end end, "
                                      "function() while true do end end) end",
    "sort comparator": "table.sort({ 3, 2, 1 }, function() while true do end end)",
    "sort": "local t = {} while true do for i = 1, 1e5 do t[i] = i * 7919 % 100003 end table.sort(t) end",
    "gsub callback": "string.gsub('x', '.', function() while true do end end)",
    "gsub as a method": "('x'):gsub('.', function() while true do end end)",
    "gsub in a loop": "local s = ('x'):rep(1e4) while true do s:gsub('x', 'y') end",
    "gsub with a table": "local s = ('x'):rep(1e4) while true do s:gsub('x', { x = 'y' }) end",
    "plain find": "local s, w = ('a'):rep(2 ^ 23), ('a'):rep(9999) .. 'b' while true do s:find(w, 1, true) end",
    "gmatch": "for _ in ('x'):rep(100):gmatch('x') do while true do end end",
    "table.move": "table.move({}, 1, 2e9, 2)",
    "table.insert far below": "table.insert({}, -2e9, 1)",
    "table.insert": "local t = {} while true do for i = 1, 1e5 do table.insert(t, 1, i) end t = {} end",
    "table.remove": "local t = {} for i = 1, 1e4 do t[i] = i end while true do table.remove(t, 1) t[#t + 1] = 1 end",
    "table.concat": "local t = {} for i = 1, 5e4 do t[i] = i + 0.5 end while true do table.concat(t) end",
    "format": "while true do string.format('%99.99f %s', 1 / 3, 'x') end",
    "json": "local t = { 1, { a = 'b' } } while true do tide.json.decode(tide.json.encode(t)) end",
    "log": "while true do tide.now() end",
    **{"metamethod " + event: "local o = setmetatable({}, { %s = function() while true do end end }) %s" % (event, use)
       for event, use in {"__index": "return o.x", "__newindex": "o.x = 1", "__call": "o()", "__add": "return o + 1",
                          "__concat": "return o .. 'x'", "__unm": "return -o", "__lt": "return o < o",
                          "__tostring": "tostring(o)"}.items()},
}


@pytest.mark.parametrize("case", list(LOOPS))
def test_T42_a_script_that_computes_for_ever_is_stopped(gateway, upstream, case):
    is_stopped(gateway, upstream, LOOPS[case], "cpu")


COROUTINES = {
    "wrap": "coroutine.wrap(function() while true do end end)()",
    "resume": "coroutine.resume(coroutine.create(function() while true do end end))",
    "one in another": "coroutine.wrap(function() coroutine.wrap(function() while true do end end)() end)()",
    "again and again": "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    "in pcall": "while true do pcall(coroutine.wrap(function() while true do end end)) end",
    "ping pong": "local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true do co() end",
    "yielding iterator": "for _ in coroutine.wrap(function() while true do coroutine.yield(1) end end) do end",
}


@pytest.mark.parametrize("case", list(COROUTINES))
def test_T42_a_coroutine_that_computes_for_ever_is_stopped(gateway, upstream, case):
    is_stopped(gateway, upstream, COROUTINES[case], "cpu")


def test_T42_others_go_on_while_a_script_computes(gateway, upstream):
    """both start together: the other worker has answered three times before the script is stopped"""
    stage = Stage(gateway, upstream, {EVIL: policy(FOR_EVER)}, scripts={"cpu": 3, "cpu_total": 9})
    evil = stage.workers[0][0]
    stage.send(evil, "evil")
    for _ in range(3):
        assert stage.ask(stage.workers[1][0], "calm").status == 200
    before = time.monotonic()
    answer = evil.response("POST").read()
    assert time.monotonic() - before > .5 and answer.headers["x-tidegate-warnings"] == "policy evil failed: cpu"
    stage.check_others()


def test_T42_computing_little_but_again_and_again_ends_too(gateway, upstream):
    is_stopped(gateway, upstream, "while true do for _ = 1, 1e4 do end tide.sleep(0) end", "cpu_total",
               scripts={"cpu_total": .2})


def test_T42_a_script_that_only_waits_ends_with_its_request(gateway, upstream):
    """timeout.total holds for what scripts wait for as well; then the loop around it is stopped"""
    files = {EVIL: policy("while true do tide.sleep(1000) end")}
    models = {"evil": {"targets": ["a/m"], "policy": "evil", "timeout": {"total": .5}},
              "calm": {"targets": ["a/m"], "policy": "calm"}}
    stage = Stage(gateway, upstream, files, models=models)
    answer = stage.harm()
    openai_error(answer, 504)
    assert answer.headers["x-tidegate-warnings"] == "policy evil failed: cpu"
    stage.check_others()


TASKS = {
    "spawned": "tide.spawn(function() while true do end end):wait() error('went on')",
    "all": "local ok, err = tide.all({ function() while true do end end, function() tide.sleep(9) end }) error(err)",
    "one after the other": "while true do tide.spawn(function() end) end",
    "waiting ones": "while true do tide.spawn(function() tide.sleep(9) end) end",
    "ones that spawn": "local function f() tide.spawn(f) tide.spawn(f) end f() while true do end",
    "timers": "while true do tide.timer.after(9, function() end) end",
}


@pytest.mark.parametrize("case", list(TASKS))
def test_T42_tasks_of_a_script_are_stopped_with_it(gateway, upstream, case):
    """nothing of them is left when the program drains"""
    stage = Stage(gateway, upstream, {EVIL: policy(TASKS[case])})
    assert stage.harm().headers["x-tidegate-warnings"].startswith("policy evil failed: ")
    assert stage.errors()
    stage.check_others()


STEPS = "the pattern took more than 5000000 steps"
PATTERNS = {
    "find": "string.find(('a'):rep(60), ('a-'):rep(25) .. 'b')",
    "find as a method": "local found = ('x'):rep(2000):find('.-.-.-y')",
    "match": "string.match(('x'):rep(2000), '(.-.-.-y)')",
    "gmatch": "for _ in string.gmatch(('x'):rep(2000), '.-.-.-y') do end",
    "gsub": "string.gsub(('x'):rep(2000), '(.-)(.-)(.-)y', '')",
    "long set": "string.find(('b'):rep(1e5), '[' .. ('a'):rep(1e5) .. ']*x')",
    "balanced": "string.find(('('):rep(1e5), '%b()')",
    "back reference": "string.find(('a'):rep(1e5), '(.*)%1b')",
    "in pcall": "error((select(2, pcall(string.find, ('x'):rep(2000), '.-.-.-y'))))",
}


@pytest.mark.parametrize("case", list(PATTERNS))
def test_T42_a_pattern_that_tries_too_many_ways_is_stopped(gateway, upstream, case):
    is_stopped(gateway, upstream, PATTERNS[case], "steps|cpu" if case == "in pcall" else "steps",
               STEPS if case != "in pcall" else "", {"cpu": 5}, line=None if case == "in pcall" else LINE)


# ---- memory ------------------------------------------------------------------------------------
BOMBS = {
    "tables": "local t = {} while true do t[#t + 1] = { 1 } end",
    "one table": "local t = {} for i = 1, 1e12 do t[i] = i end",
    "hash": "local t = {} for i = 1, 1e12 do t['k' .. i] = true end",
    "string doubling": "local s = 'x' while true do s = s .. s end",
    "rep": "local t = {} while true do t[#t + 1] = ('x'):rep(2 ^ 24 - #t) end",
    "concat": "local t = {} for i = 1, 1000 do t[i] = ('x'):rep(2 ^ 20) end local s = table.concat(t)",
    "closures": "local f while true do local last = f f = function() return last end end",
    "coroutines": "local t = {} for i = 1, 1e9 do t[i] = coroutine.create(function() end) end",
    "gsub": "local s = ('x'):rep(1e5):gsub('x', ('y'):rep(1e5))",
    "gsub by a function": "local y = ('y'):rep(1e5) local s = ('x'):rep(1e5):gsub('x', function() return y end)",
    "format": "local s = ('x'):rep(2 ^ 24) local r = string.format(('%s'):rep(9), " + ", ".join(["s"] * 9) + ")",
    "kept in an upvalue": "while true do KEPT[#KEPT + 1] = { 1 } end",
    "caught": "local s = 'x' local ok, err = pcall(function() while true do s = s .. s end end) error(err, 0)",
}


@pytest.mark.parametrize("case", list(BOMBS))
def test_T43_a_script_that_takes_memory_without_end_is_stopped(gateway, upstream, case):
    """it has time enough; what it had is given back, so that the next one can have it"""
    line = LINE if case not in ("caught",) else None
    is_stopped(gateway, upstream, BOMBS[case], "memory", "", {"cpu": 10, "cpu_total": 20, "slice_memory": "32MB"}, line,
               before="local KEPT = {}")


def test_T43_a_bomb_that_catches_its_error_is_stopped_all_the_same(gateway, upstream):
    lua = "while true do pcall(function() local s = 'x' while true do s = s .. s end end) end"
    is_stopped(gateway, upstream, lua, "memory|cpu")


def test_T43_memory_comes_back_after_many_bombs(gateway, upstream):
    """every bomb takes 32 MB: twenty of them on one worker fit into 256 MB only one after the other"""
    files = {EVIL: policy("if req.user == 'calm' then return nil end " + BOMBS["tables"])}
    stage = Stage(gateway, upstream, files, scripts={"cpu": 10, "cpu_total": 20, "slice_memory": "32MB"})
    for _ in range(10):
        for user, warning in (("bomb", "policy evil failed: memory"), ("bomb", "policy evil failed: memory"),
                              ("calm", None)):
            answer = stage.harm(user=user)
            assert answer.status == 200 and answer.headers.get("x-tidegate-warnings") == warning, stage.errors()
    stage.check_others()


def test_rep_of_an_absurd_length_is_refused_at_once(gateway, upstream):
    is_stopped(gateway, upstream, "local s = ('x'):rep(1e9)", None, "string.rep would have more than")


# ---- the stack ---------------------------------------------------------------------------------
RECURSIONS = {
    "function": "local function f() return 1 + f() end f()",
    "__index": "local m = {} m.__index = function(t, k) return t[k] .. '' end return setmetatable({}, m).x",
    "__tostring": "local o = setmetatable({}, { __tostring = function(o) return tostring(o) .. '' end }) tostring(o)",
    "gsub": "local function f() return (('x'):gsub('x', f)) end f()",
    "sort": "local function f() table.sort({ 1, 2 }, f) end f()",
    "coroutines": "local function f() coroutine.wrap(f)() end f()",
    "arguments": "return select('#', unpack({}, 1, 1e6))",
}


@pytest.mark.parametrize("case", list(RECURSIONS))
def test_T43_recursion_without_end_is_stopped(gateway, upstream, case):
    is_stopped(gateway, upstream, RECURSIONS[case], "stack|script|memory",
               "nest too deep|overflow|too many results", {"cpu": 10}, line=None)


# ---- errors ------------------------------------------------------------------------------------
ERRORS = {
    "text": ("error('the secret insides')", "the secret insides"),
    "table": ("error({})", "table"),
    "table with a message": ("error({ message = 'from a table' })", "from a table"),
    "nil": ("error(nil)", "nil"),
    "nothing": ("error()", "nil"),
    "boolean": ("error(false)", "boolean"),
    "function": ("error(error)", "function"),
    "number": ("error(17, 0)", "17"),
    "its __tostring loops": ("error(setmetatable({}, { __tostring = function() while true do end end }))", ""),
    "its __index loops": ("error(setmetatable({}, { __index = function() while true do end end }))", ""),
    "its message is a table": ("error({ message = {} })", ""),
    "long": ("error(('x'):rep(1e6))", "xxx"),
    "with zero bytes and lines": ("error('a\\0b\\nc\\r\\n{\"level\":\"info\"}')", "a"),
    "in pcall's handler": ("error(select(2, xpcall(error, error)))", ""),
    "assert": ("assert(false, {})", "table"),
    "call of nil": ("local x x()", "attempt to call"),
    "arithmetic": ("return 1 + {}", "attempt to perform arithmetic"),
    "in a coroutine": ("coroutine.wrap(function() error('deep inside') end)()", "deep inside"),
}


@pytest.mark.parametrize("case", list(ERRORS))
def test_whatever_is_raised_is_told_and_falls_back(gateway, upstream, case):
    lua, said = ERRORS[case]
    is_stopped(gateway, upstream, lua, None, said, line=None)


LIMITS = {"cpu": FOR_EVER, "memory": BOMBS["string doubling"], "steps": PATTERNS["match"],
          "stack": RECURSIONS["function"], "error": ERRORS["text"][0], "table": ERRORS["table"][0],
          "plan": "return { targets = 'secret insides' }"}


@pytest.mark.parametrize("case", list(LIMITS))
def test_on_error_fail_is_a_500_without_insides(gateway, upstream, case):
    scripts = {"on_error": "fail", **({"cpu": 5} if case != "cpu" else {})}
    stage = Stage(gateway, upstream, {EVIL: policy(LIMITS[case])}, scripts=scripts)
    answer = stage.harm()
    openai_error(answer, 500, "script")
    for inside in (b"insides", b"evil", b".lua", b"traceback", b"memory", b"steps"):
        assert inside not in answer.body
    assert answer.headers["x-tidegate-request-id"] in answer.json["error"]["message"]
    assert stage.errors()
    stage.check_others()


# ---- waiting where nothing may wait ------------------------------------------------------------
NO_WAITS = {
    "sort comparator": "table.sort({ 2, 1 }, function() tide.sleep(0) end)",
    "gsub callback": "('x'):gsub('x', function() tide.sleep(0) end)",
    "yield in a gsub callback": "coroutine.wrap(function() ('x'):gsub('x', coroutine.yield) end)()",
    "yield in a comparator": "coroutine.wrap(function() table.sort({ 2, 1 }, coroutine.yield) end)()",
}


@pytest.mark.parametrize("case", list(NO_WAITS))
def test_a_wait_where_none_is_possible_is_an_error(gateway, upstream, case):
    is_stopped(gateway, upstream, NO_WAITS[case], None, "yield|wait", line=None)


def test_a_yield_out_of_the_hook_is_an_error(gateway, upstream):
    is_stopped(gateway, upstream, "coroutine.yield(1)", None, "yield", line=None)


# ---- plans -------------------------------------------------------------------------------------
LOOPING = "setmetatable({}, { __index = function() while true do end end })"
PLANS = {
    "number": "return 17",
    "text": "return 'a/m'",
    "boolean": "return true",
    "function": "return function() end",
    "no targets": "return { targets = {} }",
    "targets of another type": "return { targets = 1 }",
    "target of another type": "return { targets = { {} } }",
    "itself": "local t = {} t.targets = t t[1] = t return t",
    "model of another type": "return { model = {} }",
    "unknown field": "return { model = 'calm', hax = 1 }",
    "number as a name": "return { 'a/m' }",
    "unknown pick": "return { model = 'calm', pick = 'hax' }",
    "not a number": "return { model = 'calm', timeout = { total = 0 / 0 } }",
    "for ever": "return { model = 'calm', timeout = { total = math.huge } }",
    "negative": "return { model = 'calm', retry = { max = -1 } }",
    "huge": "return { model = 'calm', retry = { max = 1e300 } }",
    "a request": "return req",
    "params that no JSON can say": "return { model = 'calm', params = { temperature = tostring } }",
    "header of two lines": "return { model = 'calm', headers = { ['x-a'] = 'b\\r\\nx-c: d' } }",
    "fields that loop": "return " + LOOPING,
    "targets that loop": "return { targets = %s }" % LOOPING,
    "error that loops": "return nil, " + LOOPING,
    "error of another type": "return nil, 17",
    "params in params": "local t = {} t.t = t return { model = 'calm', params = { metadata = t } }",
}


@pytest.mark.parametrize("case", list(PLANS))
def test_a_plan_that_is_garbage_falls_back(gateway, upstream, case):
    is_stopped(gateway, upstream, PLANS[case], "cpu|script", "", line=None)


def test_parameters_are_read_without_running_anything(gateway, upstream):
    lua = "return { model = 'calm', params = { stop = %s } }" % LOOPING
    stage = Stage(gateway, upstream, {EVIL: policy(lua)})
    assert stage.harm().status == 200 and upstream.last.json["stop"] == {}
    stage.check_others()


@pytest.mark.full
def test_a_plan_of_a_million_targets_is_refused(gateway, upstream):
    lua = "local t = {} for i = 1, 1e6 do t[i] = 'a/m' .. i end return { targets = t }"
    is_stopped(gateway, upstream, lua, None, "targets", {"cpu": 5, "slice_memory": "200MB"}, line=None)


# ---- every place where a script is called ------------------------------------------------------
def test_on_event_that_runs_away_leaves_the_stream_whole(gateway, upstream):
    stage = Stage(gateway, upstream, {EVIL: policy(FOR_EVER, "on_event = function(req, event)")})
    stage.send(stage.workers[0][0], "evil", stream=True)
    stage.go_on.set()
    clean_stream(stage.workers[0][0].response("POST"), "ab")
    assert re.search(r"evil\.lua:4: ", stage.errors()[0])
    stage.check_others()


def test_accept_that_runs_away_leaves_the_answer_whole(gateway, upstream):
    stage = Stage(gateway, upstream, {EVIL: policy(FOR_EVER, "accept = function(req, res)")})
    answer = stage.harm()
    assert answer.status == 200 and answer.json["choices"][0]["message"]["content"] == "hello"
    assert re.search(r"evil\.lua:4: ", stage.errors()[0])
    stage.check_others()


def test_on_finish_that_runs_away_is_told(gateway, upstream):
    stage = Stage(gateway, upstream, {EVIL: policy(FOR_EVER, "on_finish = function(req, sum)")})
    answer = stage.harm()
    assert answer.status == 200 and "x-tidegate-warnings" not in answer.headers
    assert re.search(r"on_finish.*evil\.lua:4: ", stage.errors()[0])
    stage.check_others()


def test_middleware_that_runs_away_is_a_500(gateway, upstream):
    """nothing takes the place of what it should have checked"""
    middle = 'return tide.middleware {\n  before = function(req)\n    if req.model == "evil" then\n' \
             '      while true do end\n    end\n  end,\n}\n'
    stage = Stage(gateway, upstream, {EVIL: CALM, "scripts/middleware/middle.lua": middle}, middleware=["middle"])
    openai_error(stage.harm(), 500, "script")
    assert re.search(r"middle\.lua:4: ", stage.errors("middle")[0])
    stage.check_others()


def test_after_that_runs_away_is_told(gateway, upstream):
    middle = 'return tide.middleware {\n  after = function(req, res)\n    if req.model == "evil" then\n' \
             '      while true do end\n    end\n  end,\n}\n'
    stage = Stage(gateway, upstream, {EVIL: CALM, "scripts/middleware/middle.lua": middle}, middleware=["middle"])
    assert stage.harm().status == 200
    assert re.search(r"middle\.lua:4: ", stage.errors("middle")[0])
    stage.check_others()


def test_three_runaways_in_a_row_take_a_script_out_of_service_on_its_worker(gateway, upstream):
    stage = Stage(gateway, upstream, {EVIL: policy(FOR_EVER)})
    warnings = [stage.harm().headers["x-tidegate-warnings"] for _ in range(5)]
    assert warnings == ["policy evil failed: cpu"] * 3 + ["policy evil failed: out_of_service"] * 2
    other = stage.ask(stage.workers[1][0], "evil")
    assert other.headers["x-tidegate-warnings"] == "policy evil failed: cpu"
    stage.check_others()


def test_a_crowd_of_runaways_is_served_by_fallbacks(gateway, upstream):
    """more at once than fit into one slice; none is lost, and the program drains"""
    stage = Stage(gateway, upstream, {EVIL: policy(FOR_EVER)})
    crowd = [stage.gateway.connect() for _ in range(20)]
    for connection in crowd:
        stage.send(connection, "evil")
    for connection in crowd:
        assert connection.response("POST").read().status == 200
    stage.check_others()


# ---- what a script may reach: T-44 -------------------------------------------------------------
FORBIDDEN = ["io", "os", "ffi", "debug", "package", "jit", "load", "loadstring", "loadfile", "dofile", "_G", "getfenv",
             "setfenv", "newproxy", "core", "module", "arg", "print"]


@pytest.mark.parametrize("name", FORBIDDEN)
def test_T44_a_script_cannot_name_what_is_not_for_it(gateway, upstream, name):
    is_stopped(gateway, upstream, "return %s.x" % name, None, "unknown global '%s'" % name)


MODULES = ["io", "os", "ffi", "jit", "jit.util", "debug", "package", "string.buffer", "table.new", "core",
           "tide.gateway", "tide.environment", "tide.api", "lfs", "socket", "../../../etc/passwd", "/etc/passwd", "",
           "tide/gateway", "scripts.policies.../gateway"]


@pytest.mark.parametrize("name", MODULES)
def test_T44_a_script_cannot_require_what_is_not_for_it(gateway, upstream, name):
    is_stopped(gateway, upstream, "local x = require(%r)" % name, None, re.escape(name))


UNREACHABLE = {
    "string.dump": "assert(string.dump == nil and ('').dump == nil)",
    "metatable of strings": "local ok, found = pcall(function() return getmetatable('') end) "
                            "assert(not ok or not found)",
    "string methods": "local ok = pcall(function() ('').find = 1 end) assert(not ok)",
    "environment": "local ok = pcall(function() hax = 1 end) assert(not ok)",
    "request": "local ok = pcall(function() req.hax = 1 end) assert(not ok)",
    "bytecode": "assert(not pcall(function() return loadstring('return 1') end))",
    "environment variables": "assert(not pcall(tide.env, 'HOST_SECRET'))",
    "secrets": "assert(not pcall(tide.secret, 'PROVIDER_KEY'))",
    "keys in the configuration": "local ok, keys = pcall(tide.config, 'providers.a.keys') "
                                 "assert(not ok or keys == nil or not tide.json.encode(keys):find('canary'))",
    "keys in headers": "for name, value in pairs(req.headers) do assert(not tostring(value):find('canary')) end",
    "patterns of others": "string.find = nil table.sort = nil math.floor = nil",
}


@pytest.mark.parametrize("case", list(UNREACHABLE))
def test_T44_a_script_cannot_reach_what_is_not_for_it(gateway, upstream, case):
    """the script itself checks it, and goes on"""
    stage = Stage(gateway, upstream, {EVIL: policy(UNREACHABLE[case] + " req:set_header('x-went', 'on')")})
    answer = stage.harm()
    assert answer.status == 200 and answer.headers.get("x-went") == "on", stage.errors()
    stage.check_others()


SPOILS = """string.find, string.format, table.concat, math.floor = nil, nil, nil, nil
tide.json.decode, tide.log.info, tide.now, tide.policy = nil, nil, nil, nil
tide.hash.sha256, tide.base64.encode = nil, nil
"""
NEEDS = """local found = ("x"):find("x") and string.find("x", "x") and string.format("%d", 1) and table.concat({ 1 })
    assert(tide.json.decode("[1]")[1] == 1 and tide.now() and tide.hash.sha256("x") and tide.base64.encode("x"))
    tide.log.info("still here")
    return nil"""


def test_T44_what_a_script_does_to_its_libraries_no_other_sees(gateway, upstream):
    evil = "local make = tide.policy\n" + SPOILS + "return make { route = function() return nil end }\n"
    files = {EVIL: evil, "scripts/policies/needs.lua": policy(NEEDS)}
    models = {name: {"targets": ["a/m"], "policy": name} for name in ("evil", "calm", "needs")}
    stage = Stage(gateway, upstream, files, models=models)
    assert stage.harm().status == 200
    answer = stage.ask(stage.workers[0][0], "needs")
    assert answer.status == 200 and "x-tidegate-warnings" not in answer.headers, stage.errors("needs")
    stage.check_others()


# ---- files -------------------------------------------------------------------------------------
def refused(folder, files, **more):
    """what the program says when it does not start"""
    text = settings("http://127.0.0.1:1/v1", **more).replace("@LOG@", str(folder / "log"))
    for name, content in {"scripts/policies/calm.lua": CALM, "gateway.lua": text, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    status, out, errors = run("run", str(folder), "--listen", "127.0.0.1:0")
    assert status == 1, out + errors
    assert "stack traceback" not in out + errors and "Sanitizer" not in errors
    return out + errors


AT_LOADING = {
    "loop": (FOR_EVER, 1),
    "loop in pcall": ("\nwhile true do pcall(function() while true do end end) end", 2),
    "memory": ("local t = {}\nwhile true do t[#t + 1] = { 1 } end", 2),
    "pattern": ("\n\nlocal found = ('x'):rep(2000):find('.-.-.-y')", 3),
    "recursion": ("local function f() return 1 + f() end f()", 1),
    "waiting": ("\ntide.sleep(1)", 2),
    "error": ("\nerror('no')", 2),
    "error without a text": ("error()", 1),
    "error table": ("error({})", 1),
    "nothing returned": ("local x = 1", 1),
    "another thing returned": ("return 17", 1),
    "misspelt global": ("\nlocal x = pirs({})", 2),
    "a global": ("\nhax = 1", 2),
    "a forbidden library": ("\n\nlocal x = io.open('/etc/passwd')", 3),
    "a forbidden module": ("\nlocal ffi = require('ffi')", 2),
    "a syntax error": ("return tide.policy {\n  route = function(\n}", 3),
    "too many locals": ("local " + ", ".join("v%d" % i for i in range(300)), 1),
    "deep nesting": ("return " + "(" * 5000 + "1" + ")" * 5000, 1),
}


@pytest.mark.parametrize("case", list(AT_LOADING))
def test_a_file_that_does_harm_while_it_is_loaded_refuses_the_start(tmp_path, program_exists, case):
    lua, line = AT_LOADING[case]
    told = refused(tmp_path, {EVIL: lua + "\n"}, scripts={"cpu": 1})
    assert "scripts/policies/evil.lua:%d: " % line in told, told


def test_bytecode_is_refused(tmp_path, program_exists):
    for content in (b"\x1bLJ\x02\x08\x00\x00", b"\x1bLua\x51\x00"):
        told = refused(tmp_path, {EVIL: content})
        assert "scripts/policies/evil.lua:1: " in told, told


def test_a_script_of_10_megabytes_is_refused(tmp_path, program_exists):
    told = refused(tmp_path, {EVIL: "-- " + "x" * (10 << 20) + "\nreturn tide.policy { route = function() end }\n"})
    assert "scripts/policies/evil.lua" in told and "scripts.source" in told and len(told) < 1000, told[:1000]


def test_a_file_that_is_no_text_is_refused(tmp_path, program_exists):
    for content in (b"\xff\xfe\x00r\x00e", b"x\xed\xa0\x80y z", b"\x00", b"\x7fELF\x02\x01", b"\x1b[31m z"):
        told = refused(tmp_path, {EVIL: b"return " + content})
        assert "scripts/policies/evil.lua:1: " in told and told.isascii() and told.replace("\n", "").isprintable()


def test_two_scripts_that_require_each_other_are_refused(tmp_path, program_exists):
    one = 'local other = require("scripts.lib.%s")\nreturn {}\n'
    files = {EVIL: 'local a = require("scripts.lib.a")\nreturn tide.policy { route = function() end }\n',
             "scripts/lib/a.lua": one % "b", "scripts/lib/b.lua": one % "a"}
    told = refused(tmp_path, files)
    assert re.search(r"scripts/(lib/[ab]|policies/evil)\.lua:1: ", told), told


def test_a_script_that_is_deleted_serves_on(gateway, upstream):
    """in memory is what was loaded; nothing is read again on the way of a request"""
    stage = Stage(gateway, upstream, {EVIL: CALM})
    os.remove(os.path.join(stage.gateway.folder, EVIL))
    for _ in range(5):
        assert stage.harm().status == 200
    stage.check_others()
    assert stage.harm().status == 200

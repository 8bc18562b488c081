"""What scripts share and keep, what they may know, and the body of a request as a document."""
import json
import re
import threading

import pytest

import upstream as mock
from config import ADMIN, one
from gateway import run
from wire import wait_until

pytestmark = pytest.mark.slow

MIDDLEWARE = "scripts/middleware/m.lua"


def before(lua, top=""):
    """a middleware whose `before` has this body, behind lines at the top of the file"""
    return {MIDDLEWARE: "%s\nreturn tide.middleware {\n  before = function(req)\n    %s\n  end,\n}\n" % (top, lua)}


def around(upstream, **settings):
    """provider "one" and the middleware "m" around everything"""
    return one(upstream, **{"middleware": ["m"], **settings})


def reply_of(answer):
    assert answer.status == 200, answer.body
    return answer.body.decode()


# ---- the body ----------------------------------------------------------------------------------
TEXT = (b'{ "model" : "one/m",\n "messages":[ {"role":"user", "content":"my key is 12\\u00333"} ],'
        b' "seed": 12345678901234567890 ,"x":[1.0, {} ] }')


def test_a_body_that_nobody_changes_goes_on_byte_for_byte(gateway, upstream):
    upstream.always(mock.chat("ok"))
    g = gateway(around(upstream), files=before('req.ctx.text = req.body:get("messages", 1, "content")'))
    assert g.call(TEXT).status == 200
    assert upstream.last.body == TEXT.replace(b'"one/m"', b'"m"')


def test_a_change_leaves_every_other_member_as_it_was(gateway, upstream):
    upstream.always(mock.chat("ok"))
    lua = '''for i, message in req.body:each("messages") do
      req.body:set("messages", i, "content", (message.content:gsub("%d", "*")))
    end
    req.body:set("user", "u1")'''
    g = gateway(around(upstream), files=before(lua))
    assert g.call(TEXT).status == 200
    changed = re.sub(rb'\[ \{.*?\} \]', b'[{"role":"user","content":"my key is ****"}]', TEXT, flags=re.S)
    assert upstream.last.body == changed.replace(b'"one/m"', b'"m"').replace(b'{} ] }', b'{} ],"user":"u1" }')


def test_a_changed_body_is_what_later_scripts_and_the_model_see(gateway, upstream):
    upstream.always(mock.chat("ok"))
    files = before('assert(req.model == "nobody/knows")\n'
                   'req.body:set("model", "one/other")\n'
                   'req.body:set("messages", { { role = "user", content = ("x"):rep(4000) } })')
    files["scripts/policies/p.lua"] = '''return tide.policy {
      route = function(req)
        assert(req.model == "one/other" and req.messages == 1 and req.tokens.prompt >= 1000)
      end,
    }'''
    g = gateway(around(upstream, policy="p"), files=files)
    answer = g.chat("nobody/knows")
    assert answer.status == 200, answer.body
    assert upstream.last.json["model"] == "other"
    assert g.log(answer)["model"] == "one/other"


def test_a_policy_may_change_the_body_before_it_is_sent_and_not_after(gateway, upstream):
    upstream.answer(mock.error(500)).always(mock.chat("ok"))
    policy = '''return tide.policy {
      route = function(req) req.body:set("temperature", 0.25) end,
      accept = function(req)
        local ok, message = pcall(req.body.set, req.body, "temperature", 1)
        req.ctx.said = message
        return true
      end,
    }'''
    g = gateway(one(upstream, policy="p"), files={"scripts/policies/p.lua": policy})
    assert g.chat("one/m").status == 200
    assert [sent.json["temperature"] for sent in upstream.requests] == [0.25, 0.25]


def test_a_script_that_makes_nonsense_of_the_body_has_failed(gateway, upstream):
    g = gateway(around(upstream), files=before('req.body:set("messages", "none")'))
    answer = g.chat("one/m")
    assert answer.status == 500 and answer.json["error"]["code"] == "gateway_script_error"
    assert not upstream.requests


def test_a_body_that_grows_over_its_limit_is_refused_to_the_script(gateway, upstream):
    upstream.always(mock.chat("ok"))
    lua = '''local ok, err = req.body:set("x", ("y"):rep(200))
      return req:reply(200, nil, tostring(ok) .. " " .. err.kind)'''
    g = gateway(around(upstream, limits={"body": 200}), files=before(lua))
    assert reply_of(g.chat("one/m")) == "nil too_large"


# ---- what workers share ------------------------------------------------------------------------
def ask_until_two_workers(g, most=200):
    """texts "worker rest" of requests on connections of their own, once two workers have answered"""
    texts = []
    for _ in range(most):
        texts.append(reply_of(g.chat("one/m")))
        if len({text.split()[0] for text in texts}) == 2:
            return texts
    raise AssertionError("one worker has served them all")


@pytest.mark.workers
def test_a_dictionary_is_one_for_all_workers(gateway, upstream):
    files = before('return req:reply(200, nil, worker .. " " .. seen:incr("n"))',
                   'local worker, seen = tide.uuid(), tide.dict("seen")')
    g = gateway(around(upstream, workers=2), files=files)
    texts = ask_until_two_workers(g)
    assert [int(text.split()[1]) for text in texts] == list(range(1, len(texts) + 1))


@pytest.mark.workers
def test_a_rate_counts_the_requests_of_all_workers(gateway, upstream):
    files = before('return req:reply(200, nil, worker .. " " .. tostring(limit:take("k")))',
                   'local worker, limit = tide.uuid(), tide.limit.window("w", { limit = 3, per = 600 })')
    g = gateway(around(upstream, workers=2), files=files)
    texts = ask_until_two_workers(g) + [reply_of(g.chat("one/m")) for _ in range(3)]
    assert [text.split()[1] for text in texts] == ["true"] * 3 + ["false"] * (len(texts) - 3)


def test_a_place_in_a_concurrency_is_given_back_when_its_request_ends(gateway, upstream):
    go_on, slow = threading.Event(), mock.chat("ok")
    slow.before = [mock.Hold(go_on)]
    upstream.always(slow)
    lua = '''local ok, wait = limit:take("k")
      if not ok then return req:reply(429, nil, "full " .. tostring(wait)) end'''
    files = before(lua, 'local limit = tide.limit.concurrency("c", { max = 1 })')
    g = gateway(around(upstream), files=files)
    first = g.connect()
    first.request("POST", "/v1/chat/completions", {"model": "one/m", "messages": []})
    upstream.wait_requests(1)
    assert g.chat("one/m").status == 429
    go_on.set()
    assert first.response("POST").read().status == 200
    assert wait_until("the place is free", lambda: g.chat("one/m").status == 200)


# ---- log, metrics, surroundings ----------------------------------------------------------------
def test_a_line_of_a_script_says_which_request_it_is_about(gateway, upstream):
    upstream.always(mock.chat("ok"))
    g = gateway(around(upstream), files=before('tide.log.warn("hm", { model = req.model, n = 2 })'))
    answer = g.chat("one/m")
    line = wait_until("the line", lambda: next((x for x in g.lines() if x.get("message") == "hm"), None))
    assert line["script"] == MIDDLEWARE and line["level"] == "warn"
    assert line["request_id"] == answer.headers["x-tidegate-request-id"]
    assert line["fields"] == {"model": "one/m", "n": 2}


def test_metrics_of_scripts_are_on_the_admin_page(gateway, upstream):
    upstream.always(mock.chat("ok"))
    files = before('seen:add(1, req.model)', 'local seen = tide.metric.counter("seen_total", { "model" })')
    g = gateway(around(upstream, admin=ADMIN), files=files)
    g.chat("one/m")
    g.chat("one/m")
    assert g.metrics()['tidegate_script_seen_total{model="one/m"}'] == 2


def test_a_variable_that_was_not_granted_keeps_the_script_from_being_loaded(tmp_path, program_exists):
    files = before("", 'local home = tide.env("HOME")')
    (tmp_path / "gateway.lua").write_text(around("http://127.0.0.1:9/v1"))
    (tmp_path / "scripts" / "middleware").mkdir(parents=True)
    (tmp_path / MIDDLEWARE).write_text(files[MIDDLEWARE])
    status, _, err = run("run", str(tmp_path), "--listen", "127.0.0.1:0")
    assert status == 1
    assert re.search(r"scripts/middleware/m\.lua:1: .*'HOME' is not granted", err), err


def test_granted_variables_and_configuration_are_read(gateway, upstream):
    lua = '''return req:reply(200, nil, tide.json.encode({
      tide.env("COLOUR"), tostring(tide.secret("PASS")), tide.config("retry.max"),
      tide.config("providers", "one", "keys") }))'''
    settings = {"scripts": {"env": ["COLOUR"], "secrets": ["PASS"]}}
    g = gateway(around(upstream, **settings), files=before(lua),
                env={"COLOUR": "green", "PASS": "sk-canary-pass"})
    assert json.loads(reply_of(g.chat("one/m"))) == ["green", "***", 5, [{}]]


# ---- what survives a reload --------------------------------------------------------------------
COUNTED = '''local state = tide.state("s", %d, function() return { n = 0 } end,
  function(old, version) old.n, old.was = old.n + 100, version return old end)
local metric, dict = tide.metric.counter("c"), tide.dict("d")'''
COUNT = '''state.n = state.n + 1
    metric:add(1)
    return req:reply(200, nil, tide.json.encode({ state.n, state.was or 0, dict:incr("n") }))'''


def reload(g, files):
    """puts the files in place and has them loaded: the answer of the admin page"""
    for path, text in files.items():
        with open("%s/%s" % (g.folder, path), "w", encoding="utf-8") as file:
            file.write(text)
    return g.admin("/admin/reload", method="POST")


def test_state_metrics_and_dictionaries_survive_a_reload(gateway, upstream):
    g = gateway(around(upstream, admin=ADMIN, reload={"watch": False}), files=before(COUNT, COUNTED % 1))
    assert json.loads(reply_of(g.chat("one/m"))) == [1, 0, 1]
    assert reload(g, before(COUNT + " -- changed", COUNTED % 1)).status == 200
    assert json.loads(reply_of(g.chat("one/m"))) == [2, 0, 2]
    assert reload(g, before(COUNT, COUNTED % 2)).status == 200
    assert json.loads(reply_of(g.chat("one/m"))) == [103, 1, 3]
    assert g.metrics()["tidegate_script_c"] == 3


def test_a_reload_that_fails_leaves_the_state_as_it_was(gateway, upstream):
    g = gateway(around(upstream, admin=ADMIN, reload={"watch": False}), files=before(COUNT, COUNTED % 1))
    assert json.loads(reply_of(g.chat("one/m"))) == [1, 0, 1]
    assert reload(g, before(COUNT, COUNTED % 2 + "\nerror('no')")).status == 422
    assert json.loads(reply_of(g.chat("one/m"))) == [2, 0, 2]
    bad = 'tide.state("s", 2, nil, function(old) old.f = tostring return old end)'
    answer = reload(g, before(COUNT, bad))
    assert answer.status == 422 and 'tide.state("s").f is a function' in answer.json["error"]["message"]
    assert json.loads(reply_of(g.chat("one/m"))) == [3, 0, 3]

"""Policies: where a request goes, and what happens when the script that decides is wrong. T-42, T-53."""
import os
import re

import pytest

import upstream as mock
from config import ADMIN, config, one, provider
from expect import attempts, clean_stream, openai_error
from gateway import run
from wire import wait_until

pytestmark = pytest.mark.slow

POLICY = "scripts/policies/p.lua"


def route(lua, **hooks):
    """a policy whose route has this body"""
    more = "".join("\n  %s = %s," % item for item in hooks.items())
    return {POLICY: "return tide.policy {\n  route = function(req)\n    %s\n  end,%s\n}\n" % (lua, more)}


def policed(*upstreams, **settings):
    """providers a, b, c ..., the model "smart" of all of them, and the policy "p" for everything"""
    names = [chr(ord("a") + i) for i in range(len(upstreams))]
    providers = {n: provider(u, "sk-canary-" + n) for n, u in zip(names, upstreams)}
    settings.setdefault("models", {"smart": {"targets": [n + "/m" for n in names]}})
    return config(providers, **{"policy": "p", **settings})


def text_of(answer):
    assert answer.status == 200, answer.body
    return answer.json["choices"][0]["message"]["content"]


def errors_of(gateway, about="", at_least=1):
    """the texts of the log's error lines that say this, once there are so many"""
    def find():
        found = [line["message"] for line in gateway.lines() if line["level"] == "error" and about in line["message"]]
        return found if len(found) >= at_least else None
    return wait_until("%d errors about %r" % (at_least, about), find)


# ---- plans -------------------------------------------------------------------------------------
def test_a_plan_names_targets_in_their_order(gateway, upstreams):
    a, b = upstreams().always(mock.chat("from a")), upstreams().always(mock.error(500))
    g = gateway(policed(a, b), files=route('return { targets = { "b/x", "a/y" } }'))
    answer = g.chat("auto", user="u")
    assert text_of(answer) == "from a"
    assert attempts(answer) == [("b/x#1", "500"), ("a/y#1", "200")]
    assert answer.headers["x-tidegate-target"] == "a/y"
    assert answer.headers["x-tidegate-policy"] == "p@1"
    assert a.last.json["model"] == "y" and a.last.json["user"] == "u"


def test_a_plan_holds_for_streams(gateway, upstreams):
    a, b = upstreams().always(mock.tokens("from ", "a")), upstreams().always(mock.error(500))
    g = gateway(policed(a, b), files=route('return { targets = { "b/x", "a/y" }, retry = { max = 1 } }'))
    answer = clean_stream(g.chat("auto", stream=True), "from a")
    assert answer.headers["x-tidegate-policy"] == "p@1"


def test_a_plans_model_is_resolved_without_another_policy(gateway, upstream):
    upstream.always(mock.chat())
    files = {**route('return { model = "other" }'),
             "scripts/policies/never.lua": 'return tide.policy { route = function() error("called") end }'}
    models = {"other": {"targets": ["a/m"], "policy": "never"}}
    answer = gateway(policed(upstream, models=models), files=files).chat("anything")
    assert text_of(answer) == "hello" and upstream.last.json["model"] == "m"
    assert "x-tidegate-warnings" not in answer.headers


def test_the_body_names_the_target_even_where_the_plans_model_has_its_name(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(policed(upstream, models={"m": ["a/m"]}), files=route('return { model = "m" }'))
    assert text_of(g.chat("auto")) == "hello" and upstream.last.json["model"] == "m"


def test_a_models_own_policy_wins_over_the_top_one(gateway, upstreams):
    a, b = upstreams().always(mock.chat("from a")), upstreams().always(mock.chat("from b"))
    files = {**route('return { targets = { "a/x" } }'),
             "scripts/policies/own.lua": 'return tide.policy { route = function() return { targets = { "b/x" } } end }'}
    g = gateway(policed(a, b, models={"mine": {"targets": ["a/m"], "policy": "own"}, "alias": "mine"}), files=files)
    assert text_of(g.chat("mine")) == "from b"
    assert text_of(g.chat("alias")) == "from b"
    assert text_of(g.chat("a/m")) == "from a"
    assert g.chat("mine").headers["x-tidegate-policy"] == "own@1"


def test_nothing_from_route_is_the_models_own_plan(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(policed(upstream), files=route("return nil"))
    answer = g.chat("smart")
    assert text_of(answer) == "hello" and answer.headers["x-tidegate-policy"] == "p@1"
    assert openai_error(g.chat("nope"), 404, "does not exist")["code"] == "model_not_found"


def test_fields_of_the_body_are_set(gateway, upstream):
    upstream.always(mock.chat())
    lua = 'return { model = "smart", params = { temperature = 0, seed = 7, user = "them", stop = { "a" } } }'
    gateway(policed(upstream), files=route(lua)).chat("auto", temperature=1, user="me", top_p=0.5)
    body = upstream.last.json
    assert (body["temperature"], body["seed"], body["user"], body["stop"], body["top_p"]) == (0, 7, "them", ["a"], 0.5)


def test_what_is_set_goes_through_the_adapters_rules(gateway, upstream):
    upstream.always(mock.chat())
    adapter = """return tide.adapter { name = "odd", extends = "openai", params = {
      rename = { max_completion_tokens = "max_tokens" }, drop = { "logit_bias" },
      clamp = { temperature = { 0, 1 } }, default = { top_p = 0.9 } } }"""
    lua = """return { model = "a/m", params = { max_completion_tokens = 9, logit_bias = {}, temperature = 2,
      top_p = 0.1 } }"""
    g = gateway(config({"a": provider(upstream, extends="odd")}, policy="p"),
                files={**route(lua), "adapters/odd.lua": adapter})
    answer = g.chat("auto", max_completion_tokens=5, temperature=0.5)
    body = upstream.last.json
    assert "max_completion_tokens" not in body and "logit_bias" not in body
    assert (body["max_tokens"], body["temperature"], body["top_p"]) == (9, 1, 0.1)
    assert answer.headers["x-tidegate-warnings"] == "a/m dropped logit_bias; clamped temperature"


def test_a_plans_timeouts_and_retries_hold(gateway, upstreams):
    a, b = upstreams().always(mock.stall()), upstreams().always(mock.chat("from b"))
    lua = 'return { targets = { "a/x", "b/x" }, timeout = { head = 0.2 }, retry = { max = %d } }'
    answer = gateway(policed(a, b), files=route(lua % 1)).chat("auto")
    assert text_of(answer) == "from b" and attempts(answer)[0] == ("a/x#1", "timeout")
    openai_error(gateway(policed(a, b), files=route(lua % 0)).chat("auto"), 504)


def test_embeddings_are_routed_too(gateway, upstream):
    upstream.always(mock.embeddings())
    g = gateway(policed(upstream), files=route('assert(req.op == "embed") return { targets = { "a/e" } }'))
    answer = g.call({"model": "auto", "input": "x"}, "/v1/embeddings")
    assert answer.status == 200 and upstream.last.json["model"] == "e"


def test_the_cheaper_of_two_lanes_goes_first(gateway, upstreams):
    a, b = upstreams().always(mock.chat("from a")), upstreams().always(mock.chat("from b"))
    cost = 'function(lane, req) return (lane.provider == "b" and req.model == "auto") and 1 or 2 end'
    g = gateway(policed(a, b), files=route('return { model = "smart", pick = "cost" }', cost=cost))
    for _ in range(5):
        assert text_of(g.chat("auto")) == "from b"


# ---- what a policy sees ------------------------------------------------------------------------
def test_what_a_policy_sees_of_a_request(gateway, upstream):
    upstream.always(mock.chat())
    seen = """
    local function say(name, value) req:set_header("x-saw-" .. name, tostring(value)) end
    say("id", req.id) say("method", req.method) say("path", req.path) say("query", req.query.tag)
    say("header", req.headers["X-Team"]) say("client", req.client.name) say("ip", req.client.ip)
    say("protocol", req.protocol) say("op", req.op) say("model", req.model) say("stream", req.stream)
    say("prompt", req.tokens.prompt) say("max", req.tokens.max_out) say("messages", req.messages)
    say("tools", req.has_tools) say("images", req.has_images) say("audio", req.has_audio)
    say("json", req.json_mode) say("user", req.user) say("left", math.floor(req.deadline - tide.now()))
    say("canceled", req:canceled()) say("none", req.headers.nope)
    return nil"""
    g = gateway(policed(upstream, clients=[{"key": "client-key", "name": "app"}], timeout={"total": 50}),
                files=route(seen))
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100000}}
    body = {"model": "smart", "max_tokens": 99, "user": "u1", "response_format": {"type": "json_object"},
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
            "messages": [{"role": "user", "content": [picture, {"type": "text", "text": "x" * 4000}]},
                         {"role": "assistant", "content": "\u4f60\u597d" * 100}]}
    answer = g.call(body, "/v1/chat/completions?tag=a%20b&key=client-key",
                    headers={"x-team": "blue", "Authorization": "Bearer client-key"})
    saw = {n[6:]: v for n, v in answer.headers.items() if n.startswith("x-saw-")}
    assert saw.pop("id") == answer.headers["x-tidegate-request-id"]
    assert 1200 <= int(saw.pop("prompt")) <= 1350
    assert int(saw.pop("left")) in (48, 49, 50)
    assert saw == {"method": "POST", "path": "/v1/chat/completions", "query": "a b", "header": "blue",
                   "client": "app", "ip": "127.0.0.1", "protocol": "openai-chat", "op": "chat", "model": "smart",
                   "stream": "false", "max": "99", "messages": "2", "tools": "true", "images": "true",
                   "audio": "false", "json": "true", "user": "u1", "canceled": "false", "none": "nil"}


MISUSES = {
    "req.model = 'x'": "req.model is read only",
    "return req.modle": "no field 'modle' .did you mean 'model'",
    "req.headers['x-a'] = 'b'": "req.headers is read only",
    "req:set_header('content-length', '1')": "written by the gateway itself",
    "req:set_header('x-a', 'b\\r\\nx-c: d')": "control characters",
    "req:reply(200)": "only `before` of a middleware may reply",
}


@pytest.mark.parametrize("lua", list(MISUSES))
def test_a_misuse_of_the_request_is_an_error_at_the_scripts_line(gateway, upstream, lua):
    upstream.always(mock.chat())
    g = gateway(policed(upstream), files=route(lua))
    assert g.chat("smart").headers["x-tidegate-warnings"] == "policy p failed: script"
    assert re.search(r"scripts/policies/p.lua:3: .*" + MISUSES[lua], errors_of(g)[-1]), errors_of(g)


# ---- failing -----------------------------------------------------------------------------------
FAILURES = {
    "error": ('error("secret insides")', "script", r"scripts/policies/p.lua:3: secret insides"),
    "nil index": ("local x = nil; return x.y", "script", r"p.lua:3: attempt to index"),
    "runaway": ("while true do end", "cpu", r"p.lua:3: "),
    "no plan": ("return 17", "script", "must be a table"),
    "nothing known": ('return { modl = "smart" }', "script", "unknown field 'modl'"),
    "misspelt": ('return { modle = "smart" }', "script", "did you mean 'model'"),
    "unknown target": ('return { targets = { "aa/x" } }', "script", "unknown provider 'aa'"),
    "later pick": ('return { model = "smart", pick = "fastest" }', "script", "not part of this version"),
    "unknown kind": ('return nil, { kind = "tired" }', "script", "one of these kinds"),
    "bad header": ('return { model = "smart", headers = { a = "b\\n" } }', "script", "control characters"),
}


@pytest.mark.parametrize("failure", list(FAILURES))
def test_T42_a_policy_that_fails_falls_back_to_the_models_own_plan(gateway, upstream, failure):
    upstream.always(lambda r: mock.tokens("a", "b") if r.json.get("stream") else mock.chat())
    lua, kind, said = FAILURES[failure]
    g = gateway(policed(upstream), files=route(lua))
    answer = g.chat("smart")
    assert text_of(answer) == "hello"
    assert answer.headers["x-tidegate-warnings"] == "policy p failed: " + kind
    assert answer.headers["x-tidegate-policy"] == "p@1"
    assert re.search(said, errors_of(g)[-1]), errors_of(g)
    assert answer.headers["x-tidegate-request-id"] in errors_of(g)[-1]
    answer = clean_stream(g.chat("smart", stream=True), "ab")
    assert answer.headers["x-tidegate-warnings"] == "policy p failed: " + kind


def test_a_policy_that_fails_without_anything_to_fall_back_to_is_a_500(gateway, upstream):
    g = gateway(policed(upstream), files=route('error("secret insides")'))
    answer = g.chat("auto")
    error = openai_error(answer, 500, "a script of the gateway failed; request id "
                         + answer.headers["x-tidegate-request-id"])
    assert error["code"] == "gateway_script_error" and b"insides" not in answer.body
    assert not upstream.requests
    assert g.log(answer)["error"]["kind"] == "script"


def test_on_error_fail_answers_500(gateway, upstream):
    g = gateway(policed(upstream, scripts={"on_error": "fail"}, admin=dict(ADMIN)), files=route("error('x')"))
    openai_error(g.chat("smart"), 500, "script")
    openai_error(g.chat("smart", stream=True).read(), 500, "script")
    assert not upstream.requests
    assert g.metrics()['tidegate_requests_total{model="other",outcome="script_error"}'] == 2


def test_a_policy_that_always_runs_away_is_taken_out_of_service(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(policed(upstream), files=route("while true do end"))
    warnings = [g.chat("smart").headers["x-tidegate-warnings"] for _ in range(5)]
    assert warnings == ["policy p failed: cpu"] * 3 + ["policy p failed: out_of_service"] * 2
    assert len(errors_of(g, "OUT OF SERVICE")) == 1


REFUSALS = {"rate_limited": 429, "bad_request": 400, "content_filter": 400, "auth": 401, "quota": 402, "budget": 402,
            "no_target": 404, "too_large": 413, "overloaded": 503, "timeout": 504, "connect": 502}


def test_route_can_refuse_with_a_kind_of_error(gateway, upstream):
    lua = 'return nil, { kind = req.headers["x-kind"], message = "not today", retry_after = 7 }'
    g = gateway(policed(upstream), files=route(lua))
    body = {"model": "smart", "messages": []}
    for kind, status in REFUSALS.items():
        answer = g.call(body, headers={"x-kind": kind})
        openai_error(answer, status, "^not today$")
        assert answer.headers["retry-after"] == "7"
        assert g.log(answer)["error"]["kind"] == kind
    assert not upstream.requests and not [line for line in g.lines() if line["level"] == "error"]


def test_a_request_is_over_for_a_script_that_keeps_it(gateway, upstream):
    upstream.always(mock.chat())
    lua = """local old = KEPT.req
    KEPT.req = req
    local ok, said = pcall(function() return old and old.model end)
    if old then return nil, { kind = "bad_request", message = said:match(": (.*)$") } end"""
    files = route(lua)
    files[POLICY] = "local KEPT = {}\n" + files[POLICY]
    g = gateway(policed(upstream), files=files)
    assert text_of(g.chat("smart")) == "hello"
    openai_error(g.chat("smart"), 400, "this request has ended")


# ---- hooks while the answer comes ---------------------------------------------------------------
BAD_HOOKS = {
    "accept raises": ("accept", "function() error('secret insides') end"),
    "accept says nothing": ("accept", "function() end"),
    "accept runs away": ("accept", "function() while true do end end"),
    "on_event raises": ("on_event", "function() error('secret insides') end"),
    "on_event runs away": ("on_event", "function() while true do end end"),
    "on_event waits": ("on_event", "function(_, ev) tide.sleep(1) return ev end"),
}


@pytest.mark.parametrize("bad", list(BAD_HOOKS))
def test_a_hook_that_fails_while_the_answer_comes_lets_it_through(gateway, upstream, bad):
    upstream.always(lambda r: mock.tokens("a", "b") if r.json.get("stream") else mock.chat())
    hook, lua = BAD_HOOKS[bad]
    g = gateway(policed(upstream), files=route("return nil", **{hook: lua}))
    clean_stream(g.chat("smart", stream=True), "ab")
    assert text_of(g.chat("smart")) == "hello"
    assert "policy 'p' failed" in errors_of(g, "scripts/policies/p.lua")[0]


@pytest.mark.parametrize("bad", list(BAD_HOOKS))
def test_a_hook_that_fails_while_the_answer_comes_ends_it_where_that_is_said(gateway, upstream, bad):
    upstream.always(lambda r: mock.tokens("a", "b") if r.json.get("stream") else mock.chat())
    hook, lua = BAD_HOOKS[bad]
    g = gateway(policed(upstream, scripts={"on_error": "fail"}), files=route("return nil", **{hook: lua}))
    answer = g.chat("smart", stream=True).read()
    openai_error(answer, 500, "script")
    assert b"insides" not in answer.body and len(upstream.requests) == 1
    assert g.log(answer)["error"]["kind"] == "script"


# ---- on_finish ---------------------------------------------------------------------------------
FINISH = """function(req, sum)
    local parts = { req.model, req.id, sum.outcome, tostring(sum.status), tostring(sum.target),
      tostring(sum.usage.input), tostring(sum.usage.output), tostring(sum.ttft ~= nil), tostring(sum.duration > 0),
      sum.err and sum.err.kind or "-", tostring(req.tokens.prompt) }
    for _, try in ipairs(sum.attempts) do parts[#parts + 1] = try.target .. "=" .. try.outcome end
    error(table.concat(parts, " "), 0)
  end"""


def finished(gateway, answer):
    """what FINISH put into the log"""
    message = errors_of(gateway, " " + answer.headers["x-tidegate-request-id"] + " ")[0]
    assert "on_finish of policy 'p' failed" in message
    return message.split("failed: ")[1].split("\n")[0].split(" ")


@pytest.mark.parametrize("stream", [False, True])
def test_on_finish_knows_how_it_ended(gateway, upstreams, stream):
    a = upstreams().always(mock.error(500))
    b = upstreams().always(mock.tokens("x", usage=mock.USAGE) if stream else mock.chat())
    g = gateway(policed(a, b), files=route("return nil", on_finish=FINISH))
    answer = g.chat("smart", stream=stream)
    answer.read()
    told = finished(g, answer)
    assert told[0] == "smart" and told[1] == answer.headers["x-tidegate-request-id"]
    assert told[2:10] == ["ok", "200", "b/m", "11", "7", "true", "true", "-"]
    assert told[11:] == ["a/m#1=500", "b/m#1=200"]


def test_on_finish_hears_of_failures_too(gateway, upstream):
    upstream.always(mock.error(400, "no"))
    g = gateway(policed(upstream), files=route("return nil", on_finish=FINISH))
    assert finished(g, g.chat("smart"))[2:5] == ["client_error", "400", "a/m"]
    assert finished(g, g.chat("nope"))[2:5] == ["client_error", "404", "nil"]


def test_on_finish_does_not_keep_the_client_waiting(gateway, upstream):
    """the second request on the same connection is served while on_finish of the first still sleeps"""
    upstream.always(mock.chat())
    g = gateway(policed(upstream), files=route("return nil", on_finish="function() tide.sleep(25) end"))
    connection = g.connect()
    for _ in range(3):
        connection.request("POST", "/v1/chat/completions", {"model": "smart", "messages": []}, None)
        assert connection.response("POST").read().status == 200


# ---- loading -----------------------------------------------------------------------------------
def refused(tmp_path, config_text, files):
    for name, text in {**files, "gateway.lua": config_text.replace("@LOG@", str(tmp_path / "log"))}.items():
        path = tmp_path / name
        os.makedirs(path.parent, exist_ok=True)
        path.write_text(text)
    status, out, err = run("run", str(tmp_path), "--listen", "127.0.0.1:0")
    assert status == 1
    return out + err


def test_an_unknown_policy_is_an_error_of_the_configuration(tmp_path, program_exists):
    text = refused(tmp_path, one("http://127.0.0.1:1", policy="cheap_frist"), {})
    assert "gateway.lua:" in text and "did you mean 'cheap_first'" in text


def test_a_broken_policy_that_nobody_names_refuses_the_start(tmp_path, program_exists):
    text = refused(tmp_path, one("http://127.0.0.1:1"), {POLICY: "return tide.policy {\n  rout = 1,\n}\n"})
    assert "scripts/policies/p.lua:2" in text and "did you mean 'route'" in text


def test_without_a_policy_there_is_no_trace_of_one(gateway, upstream):
    upstream.always(mock.chat())
    answer = gateway(one(upstream)).chat("one/m")
    assert "x-tidegate-policy" not in answer.headers

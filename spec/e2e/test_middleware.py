"""Middleware: code around every request, in order before it and in reverse after it."""
import pytest

import upstream as mock
from config import config, provider
from expect import clean_stream, openai_error
from test_policies import errors_of, text_of

pytestmark = pytest.mark.slow


def middleware(**scripts):
    """scripts/middleware/NAME.lua for each, with this text between the braces"""
    return {"scripts/middleware/%s.lua" % name: "return tide.middleware {\n%s\n}\n" % text
            for name, text in scripts.items()}


def before(lua):
    return "before = function(req)\n%s\nend," % lua


def after(lua):
    return "after = function(req, res)\n%s\nend," % lua


def around(upstream, *names, **settings):
    return config({"a": provider(upstream)}, middleware=list(names), **settings)


# ---- before ------------------------------------------------------------------------------------
def test_they_run_in_order_and_share_a_table(gateway, upstream):
    upstream.always(mock.chat())
    note = 'req.ctx.way = (req.ctx.way or "") .. "%s" req:set_header("x-way-%s", req.ctx.way)'
    g = gateway(around(upstream, "one", "two"),
                files=middleware(one=before(note % (1, 1)), two=before(note % (2, 2))))
    answer = g.chat("a/m")
    assert text_of(answer) == "hello"
    assert (answer.headers["x-way-1"], answer.headers["x-way-2"]) == ("1", "12")


REPLIES = {
    "returned": 'return { status = 403, headers = { ["x-a"] = "b" }, body = "no entry" }',
    "asked for": 'req:reply(403, { ["x-a"] = "b" }, "no entry")',
    "both": 'return req:reply(403, { ["x-a"] = "b" }, "no entry")',
}


@pytest.mark.parametrize("how", list(REPLIES))
def test_a_reply_ends_the_request(gateway, upstream, how):
    g = gateway(around(upstream, "one", "two"),
                files=middleware(one=before(REPLIES[how]), two=before('error("called")')))
    answer = g.chat("a/m")
    assert (answer.status, answer.body, answer.headers["x-a"]) == (403, b"no entry", "b")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-tidegate-request-id"]
    assert not upstream.requests and g.log(answer)["status"] == 403


def test_a_table_as_body_becomes_json(gateway, upstream):
    g = gateway(around(upstream, "one"), files=middleware(one=before('return { status = 200, body = { ok = true } }')))
    answer = g.chat("a/m", stream=True).read()
    assert answer.status == 200 and answer.json == {"ok": True}
    assert answer.headers["content-type"] == "application/json"


def test_an_error_comes_in_the_clients_dialect(gateway, upstream):
    lua = 'return nil, { kind = "rate_limited", message = "slow down", retry_after = 3 }'
    g = gateway(around(upstream, "one"), files=middleware(one=before(lua)))
    answer = g.chat("a/m")
    openai_error(answer, 429, "^slow down$")
    assert answer.headers["retry-after"] == "3" and not upstream.requests


FAILURES = {
    "error": 'error("secret insides")',
    "bad status": "return { status = 99 }",
    "no reply": "return 17",
    "bad header": 'return { status = 200, headers = { ["content-length"] = "5" } }',
    "bad body": "return { status = 200, body = print }" if False else "return { status = 200, body = 5 }",
    "unknown kind": 'return nil, { kind = "tired" }',
    "a broken body": 'req.body:del("model")',
}


@pytest.mark.parametrize("failure", list(FAILURES))
@pytest.mark.parametrize("on_error", ["fallback", "fail"])
def test_a_before_that_fails_lets_nothing_pass(gateway, upstream, failure, on_error):
    g = gateway(around(upstream, "guard", scripts={"on_error": on_error}),
                files=middleware(guard=before(FAILURES[failure])))
    answer = g.chat("a/m")
    error = openai_error(answer, 500, "a script of the gateway failed; request id")
    assert error["code"] == "gateway_script_error" and b"insides" not in answer.body
    openai_error(g.chat("a/m", stream=True).read(), 500, "script")
    assert not upstream.requests
    assert "middleware 'guard' failed" in errors_of(g, "scripts/middleware/guard.lua")[0]


def test_a_changed_body_is_what_goes_on(gateway, upstream):
    """the model, too: what comes after sees the new one"""
    upstream.always(lambda r: mock.tokens("a") if r.json.get("stream") else mock.chat())
    first = """req.body:set("model", "smart") req.body:set("user", "u" .. req.messages) req.body:del("top_p")
      assert(req.tokens.prompt > 0)"""
    second = 'req:set_header("x-saw", req.model .. " " .. req.user .. " " .. tostring(req.stream))'
    g = gateway(around(upstream, "one", "two", models={"smart": ["a/deep"]}),
                files=middleware(one=before(first), two=before(second)))
    answer = g.chat("nonsense", top_p=1, seed=3)
    assert text_of(answer) == "hello" and answer.headers["x-saw"] == "smart u1 false"
    body = upstream.last.json
    assert (body["model"], body["user"], body["seed"]) == ("deep", "u1", 3) and "top_p" not in body


def test_a_script_can_make_it_a_stream(gateway, upstream):
    upstream.always(lambda r: mock.tokens("a") if r.json.get("stream") else mock.chat())
    g = gateway(around(upstream, "one"), files=middleware(one=before('req.body:set("stream", true)')))
    clean_stream(g.chat("a/m"), "a")


def test_headers_for_the_provider(gateway, upstreams):
    a, b = upstreams().always(mock.error(500)), upstreams().always(mock.chat())
    files = middleware(one=before('req:set_upstream_header("X-Team", "blue")'))
    g = gateway(config({"a": provider(a), "b": provider(b)}, middleware=["one"], models={"m": ["a/m", "b/m"]}),
                files=files)
    assert text_of(g.chat("m")) == "hello"
    assert a.last.headers["x-team"] == b.last.headers["x-team"] == "blue"


def test_requests_that_are_no_model_calls_pass_it_by(gateway, upstream):
    g = gateway(around(upstream, "one"), files=middleware(one=before('error("called")')))
    assert g.get("/health").status == 200 and g.get("/v1/models").status == 200
    openai_error(g.call(b"{", "/v1/chat/completions"), 400)


# ---- after -------------------------------------------------------------------------------------
TELL = """error("told %s " .. table.concat({ res.status, tostring(res.usage and res.usage.output), tostring(res.target),
  req.model, tostring(req.tokens.prompt) }, " "), 0)"""


def test_after_runs_in_reverse_order_and_sees_the_end_of_a_stream(gateway, upstream):
    upstream.always(mock.tokens("a", "b", usage=mock.USAGE))
    g = gateway(around(upstream, "one", "two"),
                files=middleware(one=after(TELL % 1), two=after(TELL % 2)))
    clean_stream(g.chat("a/m", stream=True), "ab")
    told = [m.split("told ")[1].split("\n")[0].split(" ") for m in errors_of(g, "told", 2)]
    assert [t[0] for t in told] == ["2", "1"]
    assert told[0][1:5] == ["200", "7", "a/m", "a/m"] and int(told[0][5]) > 0


def test_after_can_add_headers_to_a_whole_answer(gateway, upstream):
    upstream.always(mock.chat("hello"))
    lua = """req:set_header("x-seen", table.concat({ res.text, res.finish_reason, res.status, res.usage.output, res.outcome,
      res.target, res.headers["content-type"], #res.body > 50 and "body" or "-" }, " "))"""
    twice = before('req.ctx.n = 0') + after('req.ctx.n = req.ctx.n + 1 req:set_header("x-times", tostring(req.ctx.n))')
    g = gateway(around(upstream, "one", "two"), files=middleware(one=after(lua), two=twice))
    answer = g.chat("a/m")
    assert text_of(answer) == "hello" and answer.headers["x-times"] == "1"
    assert answer.headers["x-seen"] == "hello stop 200 7 ok a/m application/json body"


def test_after_cannot_change_a_stream(gateway, upstream):
    upstream.always(mock.tokens("a"))
    g = gateway(around(upstream, "one"), files=middleware(one=after('req:set_header("x-a", "b")')))
    assert "x-a" not in clean_stream(g.chat("a/m", stream=True), "a").headers
    assert "the answer's head has gone" in errors_of(g, "after of middleware")[0]


def test_an_after_that_fails_harms_nobody(gateway, upstream):
    upstream.always(lambda r: mock.tokens("a") if r.json.get("stream") else mock.chat())
    g = gateway(around(upstream, "one", scripts={"on_error": "fail"}), files=middleware(one=after("error('x')")))
    assert text_of(g.chat("a/m")) == "hello"
    clean_stream(g.chat("a/m", stream=True), "a")
    assert len(errors_of(g, "after of middleware 'one' failed", 2)) == 2


def test_embeddings_are_not_held_for_after(gateway, upstream):
    """they may be larger than what can be held"""
    upstream.always(mock.embeddings(((0.5,) * 2000,)))
    g = gateway(around(upstream, "one", limits={"hold": "1KB"}),
                files=middleware(one=after('error("told " .. res.status .. res.outcome, 0)')))
    assert g.call({"model": "a/m", "input": "x"}, "/v1/embeddings").status == 200
    assert "told 200ok" in errors_of(g, "told")[0]


def test_after_sees_what_went_wrong(gateway, upstream):
    upstream.always(mock.error(400, "no"))
    g = gateway(around(upstream, "one"), files=middleware(one=after('error("told " .. res.status .. res.err.kind, 0)')))
    assert g.chat("a/m").status == 400
    assert "told 400bad_request" in errors_of(g, "told")[0]


def test_a_reply_is_seen_by_those_in_front_of_it_only(gateway, upstream):
    tell = 'error("told %s " .. res.status, 0)'
    files = middleware(one=after(tell % 1), two=before("return { status = 204 }") + after(tell % 2),
                       three=after(tell % 3))
    g = gateway(around(upstream, "one", "two", "three"), files=files)
    assert g.chat("a/m").status == 204
    g.chat("a/m")
    assert [m.split("told ")[1][:5] for m in errors_of(g, "told", 2)] == ["1 204", "1 204"]


# ---- what is shipped ---------------------------------------------------------------------------
def test_request_id_is_the_clients_or_a_new_one(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(around(upstream, "request_id"))
    body = {"model": "a/m", "messages": []}
    answer = g.call(body, headers={"X-Request-Id": "abc-123"})
    assert answer.headers["x-request-id"] == "abc-123" == upstream.last.headers["x-request-id"]
    for bad in (None, "a b", "x" * 200, "a\"b"):
        answer = g.call(body, headers={"X-Request-Id": bad} if bad else None)
        assert answer.headers["x-request-id"] == answer.headers["x-tidegate-request-id"]
        assert upstream.last.headers["x-request-id"] == answer.headers["x-request-id"]


def test_prompt_guard_masks_and_refuses(gateway, upstream):
    upstream.always(lambda r: mock.embeddings() if "input" in r.json else mock.chat())
    g = gateway(around(upstream, "prompt_guard"))
    answer = g.chat("a/m", text="my key is sk-abcDEF_123 and I am joe@example.org, hi")
    assert text_of(answer) == "hello"
    assert upstream.last.json["messages"][0]["content"] == "my key is [key] and I am [e-mail], hi"
    parts = [{"type": "text", "text": "joe@example.org"}, {"type": "image_url", "image_url": {"url": "http://x/a@b.c"}}]
    g.call({"model": "a/m", "messages": [{"role": "user", "content": parts}]})
    assert upstream.last.json["messages"][0]["content"] == [{"type": "text", "text": "[e-mail]"}, parts[1]]
    g.call({"model": "a/m", "input": "joe@example.org"}, "/v1/embeddings")
    assert upstream.last.json["input"] == "[e-mail]"
    seen = len(upstream.requests)
    answer = g.chat("a/m", text="-----BEGIN RSA PRIVATE KEY-----\nMIIE")
    assert openai_error(answer, 400, "private key")["code"] == "content_filter"
    assert len(upstream.requests) == seen
    plain = {"model": "a/m", "messages": [{"content": "nothing to hide", "role": "user"}], "z": 1, "a": 2}
    g.call(plain)
    assert list(upstream.last.json) == ["model", "messages", "z", "a"]


def test_system_prompt_is_put_in_front_where_there_is_none(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(around(upstream, "system_prompt"))
    g.chat("a/m", text="hi")
    first, second = upstream.last.json["messages"]
    assert first["role"] == "system" and first["content"].startswith("You are")
    assert second == {"role": "user", "content": "hi"}
    for role in ("system", "developer"):
        messages = [{"role": role, "content": "mine"}, {"role": "user", "content": "hi"}]
        g.call({"model": "a/m", "messages": messages})
        assert upstream.last.json["messages"] == messages


def test_a_copy_beside_the_configuration_replaces_what_is_shipped(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(around(upstream, "request_id"), files=middleware(request_id=before('req:set_header("x-mine", "1")')))
    answer = g.call({"model": "a/m", "messages": []}, headers={"X-Request-Id": "abc-123"})
    assert answer.headers["x-mine"] == "1" and answer.headers["x-request-id"] != "abc-123"

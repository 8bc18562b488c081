"""Paths, keys, bodies and errors of clients of all four dialects."""
import json

import pytest

import upstream as mock
from config import config, one, provider
from dialects import (ALL, ANTHROPIC, GEMINI, OPENAI, RESPONSES, adapter_file, ask, body_of, check_error, error_of,
                      events, path_of, reply, stream, streamed_text, text_of)
from gateway import run
from wire import wait_until

pytestmark = pytest.mark.slow

NATIVE = "native"  # an adapter of one dialect


def native(upstream, dialect, **settings):
    """the model "smart" of a provider that speaks this dialect: (configuration, files)"""
    url = upstream.url if dialect == OPENAI else upstream.origin
    settings.setdefault("models", {"smart": ["p/m"]})
    extends = "openai" if dialect == OPENAI else NATIVE
    return (config({"p": provider(url, extends=extends)}, **settings),
            {} if dialect == OPENAI else adapter_file(NATIVE, dialect))


def start(gateway, upstream, dialect, **settings):
    text, files = native(upstream, dialect, **settings)
    return gateway(text, files={**files, **settings.pop("files", {})})


# ---- the way through ---------------------------------------------------------------------------
@pytest.mark.parametrize("dialect", ALL)
def test_a_provider_of_the_same_dialect_is_passed_through(gateway, upstream, dialect):
    whole = reply(dialect)
    upstream.always(whole)
    g = start(gateway, upstream, dialect)
    answer = ask(g, dialect)
    assert text_of(dialect, answer) == "hello"
    assert answer.body == b"".join(whole.pieces)
    assert g.log(answer)["tokens"]["in"] == 11 and g.log(answer)["tokens"]["out"] == 7


@pytest.mark.parametrize("dialect", ALL)
def test_a_stream_is_passed_through_byte_by_byte(gateway, upstream, dialect):
    pieces = events(dialect, "hel", "lo")
    upstream.always(mock.stream(*pieces))
    answer = ask(start(gateway, upstream, dialect), dialect, stream=True)
    assert answer.status == 200 and streamed_text(dialect, answer) == "hello"
    assert answer.body == b"".join(pieces)


@pytest.mark.parametrize("model", ["p/m", "p%2Fm", "p/m%3Alatest", "p/m:latest"])
@pytest.mark.parametrize("version", ["v1beta", "v1"])
def test_a_model_in_a_path_may_have_slashes_and_colons(gateway, upstream, model, version):
    upstream.always(reply(GEMINI))
    g = start(gateway, upstream, GEMINI)
    answer = g.call(body_of(GEMINI), "/%s/models/%s:generateContent" % (version, model))
    assert text_of(GEMINI, answer) == "hello"
    name = "m:latest" if "latest" in model else "m"
    assert upstream.last.target.replace("%3A", ":") == "/v1beta/models/%s:generateContent" % name


def test_a_stream_without_alt_sse_is_one_array(gateway, upstream):
    upstream.always(stream(GEMINI, "hel", "lo"))
    g = start(gateway, upstream, GEMINI)
    answer = g.call(body_of(GEMINI), "/v1beta/models/smart:streamGenerateContent")
    assert answer.status == 200 and answer.headers["content-type"].startswith("application/json")
    parts = [c["candidates"][0]["content"]["parts"][0]["text"] for c in answer.json]
    assert parts == ["hel", "lo"]
    assert "alt=sse" in upstream.last.target


def test_an_array_that_breaks_ends_with_its_error(gateway, upstream):
    upstream.always(mock.stream(events(GEMINI, "hel", "lo")[0], mock.Cut()))
    g = start(gateway, upstream, GEMINI)
    answer = g.call(body_of(GEMINI), "/v1beta/models/smart:streamGenerateContent")
    assert answer.status == 200
    chunk, failure = answer.json
    assert chunk["candidates"][0]["content"]["parts"][0]["text"] == "hel"
    check_error(GEMINI, failure, failure["error"]["code"])


def test_an_array_that_fails_at_once_is_an_error_in_an_array(gateway, upstream):
    upstream.always(mock.error(500))
    g = start(gateway, upstream, GEMINI, retry={"max": 0})
    answer = g.call(body_of(GEMINI), "/v1beta/models/smart:streamGenerateContent")
    assert answer.status == 502
    check_error(GEMINI, answer.json[0], 502)


# ---- keys --------------------------------------------------------------------------------------
CLIENTS = [{"key": "client-key", "name": "app"}]


@pytest.mark.parametrize("dialect", ALL)
def test_a_client_key_is_found_wherever_clients_put_it(gateway, upstream, dialect):
    upstream.always(lambda _: reply(dialect))
    g = start(gateway, upstream, dialect, clients=CLIENTS)
    for headers in ({"Authorization": "Bearer client-key"}, {"x-api-key": "client-key"},
                    {"x-goog-api-key": "client-key"}):
        answer = ask(g, dialect, headers=headers)
        assert text_of(dialect, answer) == "hello" and g.log(answer)["client"] == "app"
    assert text_of(dialect, ask(g, dialect, query="key=client-key")) == "hello"
    assert "unauthorized" not in error_of(dialect, ask(g, dialect), 401)
    error_of(dialect, ask(g, dialect, headers={"x-api-key": "wrong"}), 401)
    for request in upstream.requests:
        assert b"client-key" not in request.raw, "the client's key was forwarded"


# ---- errors ------------------------------------------------------------------------------------
@pytest.mark.parametrize("dialect", ALL)
def test_what_the_gateway_refuses_is_an_error_of_the_paths_dialect(gateway, upstream, dialect):
    g = start(gateway, upstream, dialect, limits={"body": 2000})
    path = path_of(dialect)
    assert "JSON" in error_of(dialect, g.call(b"{", path), 400)
    assert "no body" in error_of(dialect, g.call(b"", path), 400)
    if dialect != RESPONSES:  # which may have its input in a stored prompt
        error_of(dialect, g.call({"model": "smart"}, path), 400)
    assert "DELETE" in error_of(dialect, g.call(None, path, "DELETE"), 405)
    assert "smrt" in error_of(dialect, ask(g, dialect, model="smrt"), 404)
    assert "smart" in error_of(dialect, ask(g, dialect, model="smrt"), 404)
    assert upstream.requests == []


def c_error(dialect, answer, status):
    """an error that was found before the request reached anything that has an id"""
    assert answer.status == status
    error = answer.json["error"]
    assert error["message"]
    if dialect == ANTHROPIC:
        assert answer.json["type"] == "error" and error["type"]
    elif dialect == GEMINI:
        assert error["code"] == status and error["status"].isupper()
    else:
        assert {"type", "param", "code"} <= set(error)


@pytest.mark.parametrize("dialect", ALL)
def test_a_body_that_is_too_large_is_refused_in_the_paths_dialect(gateway, upstream, dialect):
    g = start(gateway, upstream, dialect, limits={"body": 2000})
    answer = ask(g, dialect, say="x" * 3000)
    c_error(dialect, answer, 413)
    c_error(dialect, g.call(body_of(dialect), path_of(dialect), headers={"Content-Encoding": "gzip"}), 415)


@pytest.mark.parametrize("path, dialect", [
    ("/v1beta/models/m:embedContents", GEMINI), ("/v1beta/nothing", GEMINI), ("/v1/messages/batches", ANTHROPIC),
    ("/v1/responses/resp_1", RESPONSES), ("/v1/nothing", OPENAI),
])
def test_an_unknown_path_is_refused_in_its_dialect(gateway, upstream, path, dialect):
    g = start(gateway, upstream, OPENAI)
    answer = g.call({}, path)
    if path.startswith("/v1beta/models/"):
        error_of(dialect, answer, 405)
    else:
        assert path in error_of(dialect, answer, 404)


@pytest.mark.parametrize("dialect", ALL)
def test_when_every_lane_fails_the_error_is_in_the_clients_dialect(gateway, upstream, dialect):
    upstream.always(mock.error(500, "a provider's trouble"))
    g = start(gateway, upstream, dialect, retry={"max": 0})
    assert "a provider's trouble" in error_of(dialect, ask(g, dialect), 502)
    upstream.always(mock.error(429, headers={"retry-after": "7"}))
    answer = ask(g, dialect)
    error_of(dialect, answer, 429)
    assert answer.headers["retry-after"] == "7"


@pytest.mark.parametrize("client", [RESPONSES, ANTHROPIC, GEMINI])
def test_a_refusal_of_another_dialect_is_retold_with_what_helps(gateway, upstream, client):
    upstream.always(mock.error(400, "your sk-canary-one prompt is odd", code="odd_prompt", headers={
        "x-request-id": "req_abc", "openai-organization": "secret-org"}))
    g = gateway(one(upstream, models={"smart": ["one/m"]}))
    answer = ask(g, client)
    message = error_of(client, answer, 400)
    assert "prompt is odd" in message and "sk-canary" not in message
    assert "openai-organization" not in answer.headers
    if client == ANTHROPIC:
        assert answer.json["request_id"] == "req_abc" == answer.headers["request-id"]
        assert answer.json["error"]["type"] == "invalid_request_error"
    if client == RESPONSES:
        assert answer.headers["x-request-id"] == "req_abc"


def test_a_refusal_of_the_same_dialect_keeps_its_bytes(gateway, upstream):
    said = {"type": "error", "error": {"type": "invalid_request_error", "message": "odd", "details": {"more": 1}},
            "request_id": "req_1"}
    upstream.always(mock.json_reply(said, 400, {"request-id": "req_1"}))
    answer = ask(start(gateway, upstream, ANTHROPIC), ANTHROPIC)
    assert answer.status == 400 and answer.json == said and answer.headers["request-id"] == "req_1"


# ---- what only the provider of an earlier request understands -----------------------------------
@pytest.mark.parametrize("more", [
    {"previous_response_id": "resp_1"}, {"conversation": {"id": "conv_1"}}, {"background": True},
])
def test_a_request_that_builds_on_the_providers_memory_needs_a_provider_that_has_one(gateway, upstreams, more):
    plain, keeper = upstreams().always(mock.chat()), upstreams().always(lambda _: reply(RESPONSES))
    g = gateway(config({"plain": provider(plain), "keeper": provider(keeper.origin, extends=NATIVE)},
                       models={"plain-only": ["plain/m"], "both": ["plain/m", "keeper/m"]}),
                files=adapter_file(NATIVE, RESPONSES))
    message = error_of(RESPONSES, ask(g, RESPONSES, model="plain-only", **more), 400)
    assert next(iter(more)) in message
    answer = ask(g, RESPONSES, model="both", **more)
    assert text_of(RESPONSES, answer) == "hello" and answer.headers["x-tidegate-target"] == "keeper/m"
    assert plain.requests == []


def test_store_is_taken_for_false_where_there_is_no_store(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(one(upstream, models={"smart": ["one/m"]}))
    answer = ask(g, RESPONSES, store=True)
    assert text_of(RESPONSES, answer) == "hello"
    assert "store" in answer.headers["x-tidegate-warnings"]
    assert "store" not in upstream.last.json


# ---- scripts -----------------------------------------------------------------------------------
LOOK = """return tide.policy {
  route = function(req)
    tide.log.info("seen", { what = tide.json.encode { req.protocol, req.op, req.model, req.stream, req.messages,
      req.has_tools, req.has_images, req.json_mode, req.tokens.max_out or 0, req.user or "" } })
  end,
  accept = function(req, res)
    tide.log.info("heard", { what = tide.json.encode { res.text, res.finish_reason, #res.tool_calls } })
    return true
  end,
}
"""


def noted(gateway, message):
    def find():
        return [json.loads(line["fields"]["what"]) for line in gateway.lines() if line.get("message") == message]
    return wait_until("a line %r" % message, find)


SEEN = {
    OPENAI: {"max_tokens": 9, "user": "u", "response_format": {"type": "json_object"}},
    RESPONSES: {"max_output_tokens": 9, "user": "u", "text": {"format": {"type": "json_object"}}},
    ANTHROPIC: {"max_tokens": 9, "metadata": {"user_id": "u"},
                "output_config": {"format": {"type": "json_schema", "schema": {}}}},
    GEMINI: {"generationConfig": {"maxOutputTokens": 9, "responseMimeType": "application/json"}},
}


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("dialect", ALL)
def test_a_script_sees_request_and_answer_alike_in_every_dialect(gateway, upstream, dialect, is_stream):
    upstream.always(lambda _: stream(dialect, "hel", "lo") if is_stream else reply(dialect))
    text, files = native(upstream, dialect, policy="look")
    g = gateway(text, files={**files, "scripts/policies/look.lua": LOOK})
    answer = ask(g, dialect, stream=is_stream, **SEEN[dialect])
    assert (streamed_text if is_stream else lambda d, a: text_of(d, a))(dialect, answer) == "hello"
    user = "" if dialect == GEMINI else "u"
    assert noted(g, "seen")[0] == [dialect, "chat", "smart", is_stream, 1, False, False, True, 9, user]
    assert noted(g, "heard")[0] == ["hello", "stop", 0]


SHOUT = """return tide.policy {
  on_event = function(req, event)
    if event.type == "text" then return { type = "text", delta = event.delta:upper() } end
    return event
  end,
}
"""


@pytest.mark.parametrize("provider_dialect", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("client", ALL)
def test_on_event_changes_streams_of_every_dialect(gateway, upstream, client, provider_dialect):
    upstream.always(stream(provider_dialect, "hel", "lo"))
    text, files = native(upstream, provider_dialect, policy="shout")
    g = gateway(text, files={**files, "scripts/policies/shout.lua": SHOUT})
    answer = ask(g, client, stream=True)
    assert answer.status == 200 and streamed_text(client, answer) == "HELLO"


# Asks a model itself, whole and as a stream, and says what it got.
ASKS = """return tide.policy {
  route = function(req)
    local whole = assert(tide.chat { model = "p/m", messages = { { role = "user", content = "x" } } })
    local stream = assert(tide.chat { model = "p/m", stream = true, messages = { { role = "user", content = "x" } } })
    local types = {}
    for event in stream:events() do types[#types + 1] = event.type end
    local result = stream:result()
    tide.log.info("got", { what = tide.json.encode { whole.text, whole.finish_reason, whole.usage.input,
      result.text, types } })
  end,
}
"""


@pytest.mark.parametrize("dialect", [ANTHROPIC, GEMINI, RESPONSES])
def test_tide_chat_asks_providers_of_every_dialect(gateway, upstream, dialect):
    def answer(request):
        is_stream = b'"stream":true' in request.body or "stream" in request.target
        return stream(dialect, "hel", "lo") if is_stream else reply(dialect)
    upstream.always(answer)
    text, files = native(upstream, dialect, policy="asks")
    g = gateway(text, files={**files, "scripts/policies/asks.lua": ASKS})
    assert text_of(OPENAI, ask(g, OPENAI)) == "hello"
    assert noted(g, "got")[0] == ["hello", "stop", 11, "hello", ["text", "text", "usage", "finish"]]


AFTER = """return tide.middleware {
  after = function(req, res) req:set_header("x-said", res.text or "") end,
}
"""


@pytest.mark.parametrize("client", ALL)
def test_after_sees_a_whole_answer_before_its_client_does(gateway, upstream, client):
    upstream.always(reply(ANTHROPIC))
    text, files = native(upstream, ANTHROPIC, middleware=["after"])
    g = gateway(text, files={**files, "scripts/middleware/after.lua": AFTER})
    answer = ask(g, client)
    assert text_of(client, answer) == "hello" and answer.headers["x-said"] == "hello"


def test_kept_requests_of_every_dialect_can_be_decided_again(gateway, upstream, tmp_path):
    upstream.always(mock.chat())
    kept = tmp_path / "kept.jsonl"
    g = gateway(one(upstream, models={"smart": ["one/m"]}, log={"file": "@LOG@", "bodies": str(kept)}))
    for dialect in ALL:
        assert text_of(dialect, ask(g, dialect, headers={"x-api-key": "client-secret"})) == "hello"
    answer = g.call(body_of(ANTHROPIC), "/v1/messages/count_tokens")
    assert answer.status == 200
    wait_until("five lines", lambda: kept.exists() and kept.read_bytes().count(b"\n") == 5)
    assert b"client-secret" not in kept.read_bytes()
    status, out, err = run("replay", str(kept), "--new", g.folder)
    assert (status, out) == (0, "5 same, 0 different, 0 errors\n"), err


@pytest.mark.parametrize("dialect", ALL)
def test_explain_knows_a_body_by_what_only_its_api_has(gateway, upstream, tmp_path, dialect):
    g = gateway(one(upstream, models={"smart": ["one/m"]}))
    own = {ANTHROPIC: {"system": "x"}, RESPONSES: {"instructions": "x"}, GEMINI: {"model": "smart"}}
    body = {**body_of(dialect), **own.get(dialect, {})}
    (tmp_path / "request.json").write_text(json.dumps(body))
    status, out, err = run("explain", g.folder, str(tmp_path / "request.json"))
    assert status == 0 and "one/m#1" in out and "smart" in out, err

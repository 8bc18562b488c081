"""What surrounds a request - scripts, tools of the command line, errors - is the same for each dialect and operation."""
import json
import os
import signal
import threading
import urllib.parse

import pytest

import framings
import upstream as mock
from config import ADMIN, config, provider
from conformance import ask
from facts import ALL, client
from framings import AWS
from gateway import DRAINED, run
from wire import wait_until

pytestmark = pytest.mark.slow

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
URI = "data:image/png;base64," + PNG
LONG = "word " * 400  # 500 tokens
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
SPEC = {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}
SHOWN = [{"type": "text", "text": LONG}, {"type": "image_url", "image_url": {"url": URI}}]


def said(text):
    return [{"role": "user", "content": text}]


# ---- what scripts see of a request -----------------------------------------------------------------
# Says what it sees, and ends the request.
LOOK = """return tide.policy { route = function(req)
  local seen = { req.protocol, req.op, req.stream, req.messages, req.has_tools, req.has_images, req.json_mode,
    req.tokens.max_out or 0, req.user or "" }
  return nil, { kind = "bad_request", message = "seen" .. tide.json.encode(seen) .. " " .. req.tokens.prompt }
end }"""

SEEN = [
    ("/model/smart/converse", {"messages": said([{"text": LONG}])},
     ["bedrock-converse", "chat", False, 1, False, False, False, 0, ""]),
    ("/model/smart/converse-stream",
     {"messages": said([{"text": LONG}, {"image": {"format": "png", "source": {"bytes": PNG * 50}}}]),
      "inferenceConfig": {"maxTokens": 9}, "toolConfig": {"tools": [SPEC]},
      "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{}"}}}}},
     ["bedrock-converse", "chat", True, 1, True, True, True, 9, ""]),
    ("/v2/chat", {"messages": said(SHOWN), "tools": [TOOL], "max_tokens": 9, "response_format": {"type": "json_object"}},
     ["cohere-v2", "chat", False, 1, True, True, True, 9, ""]),
    ("/v2/chat", {"messages": said("hi"), "documents": [LONG]}, ["cohere-v2", "chat", False, 1, False, False, False, 0, ""]),
    ("/api/chat", {"messages": [{"role": "user", "content": LONG, "images": [PNG * 50]}], "tools": [TOOL],
                   "options": {"num_predict": 9}, "format": "json", "stream": False},
     ["ollama", "chat", False, 1, True, True, True, 9, ""]),
    ("/api/generate", {"prompt": LONG, "images": [PNG * 50]}, ["ollama", "chat", True, 1, False, True, False, 0, ""]),
    ("/v1/embeddings", {"input": [LONG, "x"], "user": "u"}, ["openai-chat", "embed", False, 0, False, False, False, 0, "u"]),
    ("/v2/embed", {"texts": [LONG, "x"]}, ["cohere-v2", "embed", False, 0, False, False, False, 0, ""]),
    ("/v2/embed", {"inputs": [{"content": SHOWN}]}, ["cohere-v2", "embed", False, 0, False, True, False, 0, ""]),
    ("/v2/embed", {"texts": [LONG], "images": [URI]}, ["cohere-v2", "embed", False, 0, False, True, False, 0, ""]),
    ("/api/embed", {"input": [LONG, "x"]}, ["ollama", "embed", False, 0, False, False, False, 0, ""]),
    ("/api/embeddings", {"prompt": LONG}, ["ollama", "embed", False, 0, False, False, False, 0, ""]),
    ("/v1beta/models/smart:embedContent", {"content": {"parts": [{"text": LONG}]}},
     ["gemini", "embed", False, 0, False, False, False, 0, ""]),
    ("/v1beta/models/smart:batchEmbedContents", {"requests": [{"content": {"parts": [{"text": LONG}]}}]},
     ["gemini", "embed", False, 0, False, False, False, 0, ""]),
    ("/v1/rerank", {"query": "q", "documents": [LONG, "b"]}, ["openai-chat", "rerank", False, 0, False, False, False, 0, ""]),
    ("/v2/rerank", {"query": "q", "documents": [LONG, "b"]}, ["cohere-v2", "rerank", False, 0, False, False, False, 0, ""]),
    ("/v1/moderations", {"input": SHOWN}, ["openai-chat", "moderate", False, 0, False, True, False, 0, ""]),
]


def test_scripts_see_the_same_of_each_dialect_and_operation(gateway, upstream):
    g = gateway(config({"one": provider(upstream)}, models={"smart": ["one/m"]}, policy="look"),
                files={"scripts/policies/look.lua": LOOK})
    for path, body, expected in SEEN:
        answer = g.call(body if path[1:6] in ("model", "v1bet") else {"model": "smart", **body}, path)
        assert answer.status == 400, (path, answer.body)
        told = g.log(answer)["error"]["message"].removeprefix("seen")
        seen, tokens = told.rsplit(" ", 1)
        assert json.loads(seen) == expected, path
        assert 500 <= int(tokens) <= 560, (path, tokens)  # a picture is no text


# ---- tools of the command line ---------------------------------------------------------------------
def sent(path, body, model):
    """path and body of such a request for another model"""
    is_named = path[1:6] in ("model", "v1bet")
    return (path.replace("smart", urllib.parse.quote(model, safe="")), body) if is_named else (path, {"model": model, **body})


MOCK_OF = {"chat": "mock/fast", "embed": "mock/embed", "rerank": "mock/rerank", "moderate": "mock/moderation"}


def test_kept_requests_of_each_endpoint_are_decided_again(gateway):
    g = gateway(config({"mock": {}}, log={"file": "@LOG@", "bodies": "bodies.jsonl"}))
    paths = []
    for path, body, (_, op, _, _, _, has_images, *_) in SEEN:
        if op == "embed" and has_images:  # of the mock there are none
            continue
        path, body = sent(path, body, MOCK_OF[op])
        paths.append(path)
        answer = g.call(body, path, headers={"Authorization": "Bearer client-secret", "X-Amz-Security-Token": "client-secret"})
        assert answer.status == 200, (path, answer.body)
    kept = os.path.join(g.folder, "bodies.jsonl")

    def lines():
        with open(kept, encoding="utf-8") as file:
            found = file.read().splitlines()
        return len(found) == len(paths) and found
    found = wait_until("kept requests", lines)
    assert "client-secret" not in "".join(found)
    assert [json.loads(line)["path"] for line in found] == paths
    status, out, errors = run("replay", kept, "--new", g.folder)
    assert (status, out) == (0, "%d same, 0 different, 0 errors\n" % len(paths)), out + errors


def test_explain_leaves_out_who_cannot_and_says_when_nobody_can(tmp_path, program_exists):
    (tmp_path / "gateway.lua").write_text(config(
        {"a": provider("http://127.0.0.1:1/v1"), "c": provider("http://127.0.0.1:1", extends="cohere")},
        models={"smart": {"targets": ["a/m", "c/rerank-v3.5"], "pick": "ordered"}, "plain": ["a/m"]}).replace("@LOG@", "-"))

    def explain(body):
        (tmp_path / "request.json").write_text(json.dumps(body))
        status, out, errors = run("explain", str(tmp_path), str(tmp_path / "request.json"))
        assert status == 0, errors
        return out
    ranked = {"query": "q", "documents": ["a"]}
    told = explain({"model": "smart", **ranked})
    assert "smart, for reranking" in told and "first     c/rerank-v3.5#1, because it is the only candidate" in told
    assert "400, the model `plain` offers no reranking here" in explain({"model": "plain", **ranked})
    told = explain({"modelId": "plain", "messages": said([{"text": "hi"}])})
    assert "first     a/m#1" in told
    assert "404, The model `none` does not exist" in explain({"model": "none", "max_tokens_per_doc": 9, **ranked})
    assert "404, model 'none' not found" in explain({"model": "none", "prompt": "a", "keep_alive": 0})


TESTED = """local t = tide.test
t.config { providers = { cohere = {}, ollama = {}, gemini = {}, openai = {}, mock = {}, voyage = {},
  bedrock = { region = "us-east-1", keys = { "k" } } } }
local function name_of(model) return model:match("^[^/]*") end
for _, model in ipairs { "cohere/embed-v4.0", "ollama/nomic-embed-text", "gemini/gemini-embedding-001", "voyage/voyage-3",
  "openai/text-embedding-3-small", "bedrock/amazon.titan-embed-text-v2:0", "bedrock/cohere.embed-v4:0",
  "bedrock/amazon.nova-2-multimodal-embeddings-v1:0" } do
  t.case("vectors of " .. model, function()
    local function ask(path, body)
      body.model = model
      return t.request { path = path, body = body }
    end
    local r = ask("/v1/embeddings", { input = { "a", "b" } })
    t.eq({ r.status, #r.json.data, r.json.data[2].embedding }, { 200, 2, { 0.1, 0.2, 0.3 } })
    t.eq(t.upstream(name_of(model)).requests[1].op, "embed")
    t.eq(#ask("/v2/embed", { texts = { "a" }, embedding_types = { "float" }, input_type = "search_query" })
      .json.embeddings.float, 1)
    t.eq(#ask("/api/embed", { input = "a" }).json.embeddings, 1)
    r = t.request { path = "/v1beta/models/" .. model .. ":embedContent", body = { content = { parts = { { text = "a" } } } } }
    t.eq(#r.json.embedding.values, 3)
    t.eq(tide.embed { model = model, input = { "x" } }.embeddings, { { 0.1, 0.2, 0.3 } })
    t.upstream(name_of(model)).default { status = 429 }
    r = ask("/api/embed", { input = "a" })
    t.eq(r.status, 429)
    t.ok(r.error.message:find("The test answers 429", 1, true), r.error.message)
  end)
end
t.case("ranks and judgements", function()
  for _, model in ipairs { "cohere/rerank-v3.5", "voyage/rerank-2" } do
    for _, path in ipairs { "/v1/rerank", "/v2/rerank" } do
      local r = t.request { path = path, body = { model = model, query = "a", documents = { "a", "b" }, top_n = 1 } }
      t.eq({ r.status, #r.json.results }, { 200, 1 })
    end
  end
  local r = t.request { path = "/v1/moderations", body = { model = "openai/omni-moderation-latest", input = { "a", "b" } } }
  t.eq({ r.status, #r.json.results }, { 200, 2 })
end)
t.case("a provider that answers by itself", function()
  t.upstream("mock").reply { text = "x" }.reply { usage = { prompt_tokens = 7 } }
  t.eq(t.chat { model = "mock/fast" }.text, "x")
  t.eq(t.request { path = "/api/embed", body = { model = "mock/embed", input = "a" } }.json.prompt_eval_count, 7)
end)
local function says_hello(r)
  t.eq({ r.status, r.text, r.finish_reason }, { 200, "hello", "stop" })
end
for _, model in ipairs { "cohere/command-a-03-2025", "ollama/qwen3", "bedrock/amazon.nova-lite-v1:0" } do
  t.case("chats with " .. model, function()
    for path, more in pairs { ["/v2/chat"] = {}, ["/api/chat"] = {}, ["/api/generate"] = { prompt = "x" } } do
      more.model, more.path = model, path
      for _, stream in ipairs { true, false } do
        more.stream = stream
        says_hello(t.chat(more))
      end
      t.upstream(name_of(model)).reply { status = 400 }
      local r = t.chat(more)
      t.eq(r.status, 400)
      t.ok(r.error.message:find("The test answers 400", 1, true), r.error.message)
    end
    local whole = assert(tide.chat { model = model, messages = { { role = "user", content = "x" } } })
    local stream = assert(tide.chat { model = model, stream = true, messages = { { role = "user", content = "x" } } })
    for _, r in ipairs { whole, assert(stream:result()) } do
      t.eq({ r.text, r.finish_reason, r.usage.input, r.target }, { "hello", "stop", 1, model })
    end
    for _, method in ipairs { "converse", "converse-stream" } do
      local name = model:gsub("/", "%%2F"):gsub(":", "%%3A")
      says_hello(t.request { path = "/model/" .. name .. "/" .. method,
        body = { messages = { { role = "user", content = { { text = "hi" } } } } } })
    end
  end)
end
t.case("a completion of Ollama's server", function()
  says_hello(t.request { path = "/v1/completions", body = { model = "ollama/qwen3", prompt = "x" } })
end)
"""


def test_mocks_of_tests_answer_in_each_dialect_and_operation(tmp_path, program_exists):
    (tmp_path / "scripts/policies").mkdir(parents=True)
    (tmp_path / "gateway.lua").write_text("return {}\n")
    (tmp_path / "scripts/policies/x_test.lua").write_text(TESTED)
    status, out, errors = run("test", str(tmp_path))
    assert (status, errors) == (0, "") and "14 passed, 0 failed" in out, out


# ---- lanes -----------------------------------------------------------------------------------------
NEW = ("bedrock-converse", "cohere-v2", "ollama")


def mixed(gateway, upstreams, **settings):
    """the model "group" of a provider of each of the newer dialects and one of OpenAI's, in this order; and their mocks"""
    mocks = [upstreams() for _ in range(4)]
    table = {"be": provider(mocks[0].origin, extends="bedrock", region="us-east-1"),
             "co": provider(mocks[1].origin, extends="cohere"), "ol": provider(mocks[2].origin, extends="ollama"),
             "oa": provider(mocks[3])}
    targets = {"targets": ["be/m", "co/m", "ol/m", "oa/m"], "pick": "ordered", "retry": {"max": 3}}
    return (gateway(config(table, models={"group": targets}, **settings)), *mocks)


def broken():
    """answers that fail before their first content: of Bedrock, Cohere, Ollama"""
    refused = {"delta": {"finish_reason": "ERROR", "error": "no"}, "type": "message-end"}
    return (framings.stream(AWS, framings.event(AWS, {"role": "assistant"}, "messageStart"),
                            framings.exception("modelStreamErrorException", {"message": "no"})),
            mock.stream(mock.event(refused)),
            mock.Reply(200, {"content-type": "application/x-ndjson"}, [b'{"error":"no"}\n'], "chunked"))


def test_T02_what_fails_before_its_first_content_moves_on_from_dialect_to_dialect(gateway, upstreams):
    g, *mocks, last = mixed(gateway, upstreams, timeout={"first_token": 20})
    for asks in ALL:
        for stream in (False, True):
            for one, answer in zip(mocks, broken() if stream else [mock.error(500)] * 3):
                one.answer(answer)
            last.answer(mock.tokens("hel", "lo", usage=mock.USAGE) if stream else mock.chat("hello"))
            path, body = ask(asks, "group", stream)
            answer = g.call(body, path)
            facts = client.stream(asks, answer.body) if stream else client.answer(asks, answer.body)
            assert facts.choices[0].text == "hello" and facts.choices[0].finish == "stop", (asks, answer.body)
            assert answer.headers["x-tidegate-target"] == "oa/m"
            tried = [one.split("#")[0] for one in answer.headers["x-tidegate-attempts"].split()]
            assert tried == ["be/m", "co/m", "ol/m", "oa/m"], (asks, tried)


def test_T37_timeouts_are_told_in_each_dialect(gateway, upstreams):
    silent = upstreams().always(lambda _: mock.stall())
    g = gateway(config({"one": provider(silent, timeout={"head": .2, "first_token": .2})}, retry={"max": 0}))
    for asks in NEW:
        for stream in (False, True):
            path, body = ask(asks, "one/m", stream)
            answer = g.call(body, path)
            assert answer.status == 504 and answer.headers["content-type"] == "application/json", answer.body
            told = client.error(asks, 504, answer.body)
            assert "timeout" in told["message"], told


def test_T07_a_client_that_leaves_frees_the_upstream_in_each_dialect(gateway, upstream):
    g = gateway(config({"one": provider(upstream)}, admin=ADMIN))
    for i, asks in enumerate(NEW):
        upstream.answer(mock.stream(mock.delta("so far"), mock.Stall()))
        path, body = ask(asks, "one/m", True)
        answer = g.send(body, path).read_until(b"so far")
        answer.connection.close()
        assert upstream.wait_requests(i + 1).gone.wait(mock.LIMIT)
        wait_until("the gauge falls", lambda: g.metrics()["tidegate_upstreams_in_flight"] == 0)
        assert g.log(answer)["error"]["kind"] == "canceled"


def test_streams_of_each_dialect_end_well_during_a_drain(gateway, upstream):
    gate = threading.Event()
    upstream.always(lambda _: mock.stream(mock.role(), mock.delta("hel"), mock.Hold(gate), mock.delta("lo"), mock.finish(),
                                          mock.usage_chunk(), mock.DONE))
    g = gateway(config({"one": provider(upstream)}))
    answers = {}
    for asks in NEW:
        path, body = ask(asks, "one/m", True)
        answers[asks] = g.send(body, path).read_until(b"hel")
    g.signal(signal.SIGTERM)
    gate.set()
    for asks, answer in answers.items():
        assert client.stream(asks, answer.read().body).choices[0].text == "hello", (asks, answer.body)
        answer.connection.close()
    assert g.wait() == 0 and g.stderr[-1] == DRAINED


# ---- scripts around a request ----------------------------------------------------------------------
SHOUT = """return tide.policy {
  route = function(req)
    return { model = "group", shadow = { target = "copy/s" }, hold = req.headers["x-hold"] and true or nil }
  end,
  on_event = function(req, event)
    if event.type == "text" then event.delta = event.delta:upper() end
    return event
  end,
  on_finish = function(req, sum)
    tide.log.info("sum", { what = tide.json.encode { req.protocol, req.op, sum.outcome, sum.usage.input, sum.target } })
  end,
}"""
AROUND = """return tide.middleware {
  before = function(req)
    if req.headers["x-deny"] then return nil, { kind = req.headers["x-deny"], message = "denied" } end
    if req.headers["x-fail"] then error("it broke") end
  end,
  after = function(req, res) req:set_header("x-said", req.op .. " " .. (res.text or "")) end,
}"""


def sums(g, count):
    def find():
        found = [json.loads(x["fields"]["what"]) for x in g.lines() if x.get("message") == "sum"]
        return found if len(found) >= count else None
    return wait_until("%d sums" % count, find)


def test_scripts_stand_around_each_dialect_and_operation(gateway, upstreams):
    one, copy = upstreams(), upstreams()
    one.always(lambda r: mock.embeddings() if "embed" in r.path else mock.json_reply(
        {"results": [{"index": 0, "relevance_score": .5}], "usage": {"total_tokens": 4}}) if "rerank" in r.path
        else mock.tokens("hel", "lo", usage=mock.USAGE) if r.json.get("stream") else mock.chat("hello"))
    copy.always(mock.error(400))
    g = gateway(config({"one": provider(one, extends="ranks"), "copy": provider(copy, extends="ranks")}, models={"group": ["one/m"]},
                       policy="shout", middleware=["around"]),
                files={"scripts/policies/shout.lua": SHOUT, "scripts/middleware/around.lua": AROUND,
                       "adapters/ranks.lua": 'return tide.adapter { extends = "openai", ops = { chat = true, embed = true, rerank = true } }'})
    asked = [(d, "chat", stream, *ask(d, "group", stream)) for d in NEW for stream in (False, True)]
    asked += [("cohere-v2", "embed", False, "/v2/embed", {"model": "group", "texts": ["a"], "embedding_types": ["float"]}),
              ("ollama", "embed", False, "/api/embed", {"model": "group", "input": "a"}),
              ("cohere-v2", "rerank", False, "/v2/rerank", {"model": "group", "query": "a", "documents": ["a"]})]
    expected = []
    for dialect, op, stream, path, body in asked:
        for headers in ({}, {"x-hold": "1"}):
            answer = g.call(body, path, headers=headers)
            assert answer.status == 200, (path, answer.body)
            expected.append([dialect, op, "ok", 11 if op == "chat" else 4, "one/m"])
            if stream:
                assert client.stream(dialect, answer.body).choices[0].text == "HELLO", answer.body
            elif op == "chat":
                assert answer.headers["x-said"] == "chat hello"
        for headers, status in (({"x-deny": "rate_limited"}, 429), ({"x-deny": "too_large"}, 413), ({"x-fail": "1"}, 500)):
            refused = g.call(body, path, headers=headers)
            assert refused.status == status, (path, refused.body)
            assert "denied" in client.error(dialect, status, refused.body)["message"] or status == 500
    assert sorted(sums(g, len(expected))) == sorted(expected)
    wait_until("copies", lambda: len(copy.requests) == len(expected))
    assert {r.json["model"] for r in copy.requests} == {"s"}

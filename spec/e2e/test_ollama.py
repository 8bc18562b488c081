"""Ollama's API: tools made for it at /api, its server behind clients of other dialects."""
import base64
import json

import pytest

import speakers
import upstream as mock
from config import config, provider
from dialects import ALL, OPENAI, body_of, path_of, streamed_text, text_of

pytestmark = pytest.mark.slow

MODEL = "qwen3:4b"
AT = "2026-08-17T08:22:53.078901Z"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {
    "type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "integer"}}}}}
COUNTS = {"total_duration": 9, "load_duration": 1, "prompt_eval_count": 11, "prompt_eval_duration": 3, "eval_count": 7,
          "eval_duration": 4}


def native(upstream, **more):
    """the provider "o", which is Ollama's server"""
    return {"o": provider(upstream.origin, extends="ollama", key=None, **more)}


def behind(gateway, upstream, model=MODEL, **more):
    """the model "smart" of such a server"""
    return gateway(config(native(upstream), models={"smart": ["o/" + model]}, **more))


def before(gateway, upstream, **more):
    """the model "smart" of a provider that speaks openai-chat"""
    return gateway(config({"one": provider(upstream)}, models={"smart": ["one/m"]}, **more))


def line(more=None, done=False, **message):
    said = {"role": "assistant", "content": "", **message}
    return {"model": MODEL, "created_at": AT, "message": said, "done": done, **(more or {})}


def end(reason="stop", **message):
    return line({"done_reason": reason, **COUNTS}, done=True, **message)


def lines(*values, status=200):
    """a stream"""
    return mock.Reply(status, {"content-type": "application/x-ndjson"}, [mock.dumps(v) + b"\n" for v in values], "chunked")


def spoken(*texts, reason="stop"):
    return lines(*[line(content=t) for t in texts], end(reason))


def chat(gateway, **more):
    return gateway.call({"model": "smart", "messages": [{"role": "user", "content": "hi"}], **more})


def ask(gateway, path="/api/chat", **more):
    """a request of a tool made for Ollama"""
    body = {"model": "smart", **more}
    if path == "/api/chat":
        body.setdefault("messages", [{"role": "user", "content": "hi"}])
    return gateway.call(body, path)


def read(answer):
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.body.endswith(b"\n")
    return [json.loads(text) for text in answer.body.decode().splitlines()]


def warnings_of(answer):
    return ", ".join(value for name, value in answer.header_list if name.lower() == "x-tidegate-warnings")


# ---- a server of Ollama's ------------------------------------------------------------------------
def test_a_request_is_said_in_ollamas_words(gateway, upstream):
    upstream.always(mock.json_reply(end(content="hello")))
    answer = chat(behind(gateway, upstream), messages=[
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "go"},
                                     {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}}]},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"z": "1"}'}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"}],
        tools=[TOOL], tool_choice="required", reasoning_effort="medium", max_completion_tokens=9, stop="x", seed=4,
        temperature=0, response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}})
    assert answer.status == 200, answer.body
    assert answer.json["choices"][0]["message"]["content"] == "hello"
    assert answer.json["usage"]["prompt_tokens"] == 11 and answer.json["usage"]["completion_tokens"] == 7
    assert upstream.last.target == "/api/chat" and "authorization" not in upstream.last.headers
    assert upstream.last.json == {
        "model": MODEL, "stream": False, "think": "medium", "format": {"type": "object"}, "tools": [TOOL],
        "options": {"num_predict": 9, "temperature": 0, "seed": 4, "stop": ["x"]},
        "messages": [
            {"role": "system", "content": "be brief"}, {"role": "user", "content": "go", "images": [PNG]},
            {"role": "assistant", "content": "", "tool_calls": [
                {"id": "c1", "function": {"name": "f", "arguments": {"z": "1"}}}]},
            {"role": "tool", "content": "one", "tool_name": "f", "tool_call_id": "c1"}]}
    assert b'"properties":{"z":{"type":"string"},"a"' in upstream.last.body.replace(b" ", b"")
    assert warnings_of(answer) == "o/qwen3:4b dropped tool_choice"


@pytest.mark.parametrize("model, effort, expected", [
    ("qwen3:4b", "high", "high"), ("qwen3:4b", "none", False), ("gpt-oss:20b", "xhigh", "high"),
    ("gpt-oss:20b", "none", "low"), ("llama3.2", "high", None), ("somebody/else", "minimal", "low"),
])
def test_each_family_is_asked_to_think_in_its_own_way(gateway, upstream, model, effort, expected):
    upstream.always(mock.json_reply(end(content="hello")))
    answer = chat(behind(gateway, upstream, model), reasoning_effort=effort)
    assert answer.status == 200
    assert upstream.last.json.get("think") == expected


def test_a_stream_is_told_to_each_client(gateway, upstream):
    g = behind(gateway, upstream)
    for dialect in ALL:
        upstream.answer(spoken("hel", "lo"))
        answer = g.call(body_of(dialect, stream=True), path_of(dialect, stream=True))
        assert answer.status == 200, answer.body
        assert streamed_text(dialect, answer) == "hello"
        assert upstream.last.json["stream"] is True
        assert g.log(answer)["tokens"]["in"] == 11 and g.log(answer)["tokens"]["out"] == 7


def test_thoughts_are_told_apart_from_the_answer(gateway, upstream):
    upstream.always(lines(line(thinking="h"), line(thinking="m"), line(content="hello"), end()))
    answer = chat(behind(gateway, upstream), stream=True)
    deltas = [json.loads(data)["choices"][0]["delta"] for data in answer.events if data != "[DONE]"]
    assert "".join(d.get("reasoning_content") or "" for d in deltas) == "hm" and answer.text == "hello"


def test_calls_without_ids_get_some_and_end_the_turn(gateway, upstream):
    call = {"function": {"name": "f", "arguments": {"z": "1", "a": 2}}}
    upstream.always(lines(line(tool_calls=[call]), line(tool_calls=[call]), end("stop")))
    answer = chat(behind(gateway, upstream), stream=True, tools=[TOOL])
    chunks = [json.loads(data) for data in answer.events if data != "[DONE]"]
    calls = [c for chunk in chunks for choice in chunk["choices"] for c in choice["delta"].get("tool_calls", ())]
    ids = {c["id"] for c in calls if c.get("id")}
    assert len(ids) == 2 and all(ids)
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]][-1] == "tool_calls"


def test_T28_a_count_that_is_not_told_is_unknown(gateway, upstream):
    counts = {name: value for name, value in COUNTS.items() if name != "prompt_eval_count"}
    upstream.always(mock.json_reply({**line(content="hi"), "done": True, "done_reason": "stop", **counts}))
    g = behind(gateway, upstream)
    answer = chat(g)
    assert answer.json["usage"]["completion_tokens"] == 7
    assert g.log(answer)["tokens"]["in"] is None and g.log(answer)["tokens"]["out"] == 7


def test_pictures_by_address_are_fetched(gateway, upstream, upstreams):
    pictures = upstreams()
    pictures.always(mock.Reply(200, {"content-type": "image/png"}, [base64.b64decode(PNG)]))
    upstream.always(mock.json_reply(end(content="hello")))
    g = behind(gateway, upstream, media={"allow": [pictures.origin]})
    answer = chat(g, messages=[{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": pictures.origin + "/a.png"}}]}])
    assert answer.status == 200, answer.body
    assert upstream.last.json["messages"] == [{"role": "user", "content": "", "images": [PNG]}]


def test_errors_are_known_by_their_words(gateway, upstreams):
    first, second = upstreams(), upstreams()
    second.always(mock.json_reply(end(content="hello")))
    for status, message in ((404, "model 'qwen3:4b' not found"), (503, "server busy, please try again"),
                            (500, "llama runner process has terminated: signal: killed")):
        first.always(mock.json_reply({"error": message}, status))
        g = gateway(config({"a": provider(first.origin, extends="ollama", key=None),
                            "b": provider(second.origin, extends="ollama", key=None)},
                           models={"smart": {"targets": ["a/m", "b/m"], "pick": "ordered"}}))
        assert text_of(OPENAI, chat(g)) == "hello"
        assert "a/m#1=%d/" % status in chat(g).headers["x-tidegate-attempts"]
    first.always(mock.json_reply({"error": "prompt too long; exceeded max context length by 9 tokens"}, 400))
    answer = chat(g, model="a/m")
    assert answer.status == 400 and answer.json["error"]["code"] == "context_length_exceeded"


def test_an_error_in_a_line_is_one(gateway, upstream):
    g = behind(gateway, upstream)
    upstream.answer(lines({"error": "it broke at once"}))
    upstream.answer(spoken("hel", "lo"))
    assert chat(g, stream=True).text == "hello"
    upstream.always(lines(line(content="hel"), {"error": "it broke half-way"}))
    answer = chat(g, stream=True)
    assert answer.text == "hel" and "it broke half-way" in answer.body.decode() and "[DONE]" not in answer.events


def test_a_stream_that_ends_without_done_is_cut(gateway, upstream):
    upstream.always(lines(line(content="hel")))
    g = behind(gateway, upstream)
    answer = ask(g)
    assert json.loads(answer.body.splitlines()[-1])["error"]
    assert "[DONE]" not in chat(g, stream=True).events


def test_a_key_goes_to_ollama_com(gateway, upstream):
    upstream.always(mock.json_reply(end(content="hello")))
    g = gateway(config({"c": provider(upstream.origin, extends="ollama_cloud")}, models={"smart": ["c/gpt-oss:120b"]}))
    assert chat(g).status == 200
    assert upstream.last.headers["authorization"] == "Bearer sk-canary-one"


def test_completions_go_by_the_path_that_openais_clients_know(gateway, upstream):
    told = b'{"id":"cmpl-1","object":"text_completion","choices":[{"text":"b","index":0,"finish_reason":"stop"}]}'
    upstream.always(mock.json_reply(told))
    g = gateway(config({"ollama": {"base_url": upstream.origin}}))
    answer = g.call({"model": "ollama/codellama", "prompt": "a", "suffix": "c"}, "/v1/completions")
    assert answer.body == told and upstream.last.target == "/v1/completions"
    assert upstream.last.json == {"model": "codellama", "prompt": "a", "suffix": "c"}
    upstream.always(mock.json_reply(end(content="hello")))
    assert text_of(OPENAI, chat(g, model="ollama/codellama")) == "hello" and upstream.last.target == "/api/chat"


# ---- Ollama to Ollama ----------------------------------------------------------------------------
@pytest.mark.parametrize("path, value", [
    ("/api/chat", line(content="hel")), ("/api/generate", {"model": MODEL, "created_at": AT, "response": "hel", "done": False}),
])
def test_bytes_go_through_in_both_directions(gateway, upstream, path, value):
    sent = (b'{"keep_alive" : "5m", "model":"o/qwen3:4b",  "options":{"num_ctx":8192,"mirostat":1},"prompt":"a",'
            b'"messages":[{"role":"user","content":"a"}], "raw":true,"suffix":"b"}')
    told = [mock.dumps(value) + b"\r\n", b' ' + mock.dumps(value) + b"\n", mock.dumps(end())]
    upstream.always(mock.Reply(200, {"content-type": "application/x-ndjson"}, told, "chunked"))
    g = gateway(config(native(upstream)))
    answer = g.call(sent, path)
    assert upstream.last.target == path and upstream.last.body == sent.replace(b"o/qwen3:4b", b"qwen3:4b")
    assert answer.status == 200 and answer.headers["content-type"] == "application/x-ndjson"
    assert answer.body == b"".join(told) + b"\n"
    assert g.log(answer)["tokens"]["in"] == 11 and g.log(answer)["tokens"]["out"] == 7


def test_a_whole_answer_goes_through_as_well(gateway, upstream):
    told = json.dumps(end(content="hello"), indent=1).encode()
    upstream.always(mock.json_reply(told))
    g = behind(gateway, upstream)
    answer = ask(g, stream=False)
    assert answer.body == told and g.log(answer)["tokens"]["out"] == 7


def test_models_are_loaded_and_unloaded_by_the_server_itself(gateway, upstream):
    told = mock.dumps(line({"done_reason": "load"}, done=True))
    upstream.always(mock.json_reply(told))
    g = behind(gateway, upstream)
    for path, more in (("/api/chat", {"messages": []}), ("/api/generate", {"keep_alive": 0}),
                       ("/api/generate", {"prompt": "", "stream": True})):
        answer = ask(g, path, **more)
        assert answer.status == 200 and answer.body == told
        assert upstream.last.target == path


def test_the_servers_own_error_is_passed_on(gateway, upstream):
    upstream.always(mock.json_reply({"error": '"m" does not support thinking'}, 400))
    answer = ask(behind(gateway, upstream), think=True)
    assert answer.status == 400 and answer.json == {"error": '"m" does not support thinking'}


# ---- tools made for Ollama -----------------------------------------------------------------------
def test_streams_are_what_there_is_unless_a_client_says_otherwise(gateway, upstream):
    upstream.answer(mock.tokens("hel", "lo", usage=mock.USAGE))
    g = before(gateway, upstream)
    said = read(ask(g))
    assert upstream.last.json["stream"] is True
    assert [part["message"]["content"] for part in said] == ["hel", "lo", ""]
    assert all(part["model"] == "upstream-model" and part["created_at"].endswith("Z") for part in said)
    assert [part["done"] for part in said] == [False, False, True]
    last = said[-1]
    assert last["done_reason"] == "stop" and last["prompt_eval_count"] == 11 and last["eval_count"] == 7
    assert last["total_duration"] >= last["prompt_eval_duration"] and last["eval_duration"] > 0
    upstream.answer(mock.chat("hello"))
    whole = ask(g, stream=False)
    assert whole.headers["content-type"].startswith("application/json")
    assert whole.json["message"] == {"role": "assistant", "content": "hello"} and whole.json["done"] is True


def test_a_prompt_is_answered_in_a_response(gateway, upstream):
    upstream.answer(mock.tokens("hel", "lo"))
    g = before(gateway, upstream)
    answer = ask(g, "/api/generate", prompt="go on", system="be brief", images=[PNG], suffix="x", options={"num_predict": 5})
    said = read(answer)
    assert [part["response"] for part in said] == ["hel", "lo", ""] and "message" not in said[0]
    assert "suffix" in warnings_of(answer)
    sent = upstream.last.json
    assert sent["messages"][0] == {"role": "system", "content": "be brief"}
    assert sent["messages"][1]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}}, {"type": "text", "text": "go on"}]
    assert sent["max_completion_tokens"] == 5
    upstream.answer(mock.chat("hello"))
    assert ask(g, "/api/generate", prompt="a", stream=False).json["response"] == "hello"


def test_what_only_ollama_has_is_named(gateway, upstream):
    upstream.always(mock.chat("hello"))
    answer = ask(before(gateway, upstream), stream=False, keep_alive="5m", options={"num_ctx": 8192, "temperature": 1})
    assert "keep_alive" in warnings_of(answer) and "options.num_ctx" in warnings_of(answer)
    assert "options.temperature" not in warnings_of(answer)
    assert upstream.last.json["temperature"] == 1


def test_each_provider_answers_such_a_tool(gateway, upstreams):
    mocks = {dialect: upstreams() for dialect in speakers.DIALECTS}
    table = {speakers.speaks(dialect): speakers.of(dialect, upstream) for dialect, upstream in mocks.items()}
    g = gateway(config(table), files=speakers.FILES)
    for dialect, upstream in mocks.items():
        upstream.answer(speakers.whole(dialect))
        whole = ask(g, model=speakers.speaks(dialect) + "/m", stream=False)
        assert whole.status == 200, whole.body
        upstream.answer(speakers.streamed(dialect, "hel", "lo"))
        said = read(ask(g, model=speakers.speaks(dialect) + "/m"))
        assert "".join(part["message"]["content"] for part in said) == whole.json["message"]["content"] == "hello", dialect
        for last in (said[-1], whole.json):
            assert last["prompt_eval_count"] == 11 and last["eval_count"] == 7 and last["done_reason"] == "stop"


def test_a_break_behind_the_first_words_is_a_line(gateway, upstream):
    upstream.always(mock.stream(mock.delta("hel"), mock.ERROR_EVENT))
    said = read(ask(before(gateway, upstream)))
    assert said[0]["message"]["content"] == "hel" and list(said[-1]) == ["error"] and len(said) == 2


def test_errors_have_the_shape_of_ollama(gateway, upstream):
    upstream.always(mock.error(429))
    g = before(gateway, upstream, limits={"body": "64KB"})
    answer = ask(g)
    assert answer.status == 429 and isinstance(answer.json["error"], str)
    assert ask(g, model="nope").status == 404
    assert ask(g, model="nope").json["error"].startswith("model 'nope' not found")
    for body in (b"{", b"[]", b"{}", b'{"model":"smart","messages":7}', b'{"model":"smart","messages":[{}],"stream":1}'):
        answer = g.call(body, "/api/chat")
        assert answer.status == 400 and isinstance(answer.json["error"], str)
    answer = g.call(b'{"model":"smart","x":"' + b"a" * 70000 + b'"}', "/api/chat")
    assert answer.status == 413 and isinstance(answer.json["error"], str)
    assert g.call({}, "/api/pull").status == 404
    assert g.get("/api/chat").status == 405


def test_models_are_listed_and_shown(gateway, upstream):
    g = gateway(config({"one": provider(upstream, models=["m"])}, models={"smart": ["one/m"]}))
    models = g.get("/api/tags").json["models"]
    assert [m["name"] for m in models] == [m["model"] for m in models] == ["smart", "one/m"]
    assert set(models[0]["details"]) >= {"parent_model", "format", "family", "families", "parameter_size",
                                         "quantization_level"}
    tagged = g.get("/api/tags", headers={"user-agent": "Python/3.12 aiohttp/3.11"}).json["models"]
    assert [m["model"] for m in tagged] == ["smart:latest", "one/m:latest"]
    shown = g.call({"model": "smart:latest"}, "/api/show")
    assert shown.status == 200 and "completion" in shown.json["capabilities"] and shown.json["details"]
    missing = g.call({"model": "nope"}, "/api/show")
    assert missing.status == 404 and missing.json["error"].startswith("model 'nope' not found")
    assert g.get("/api/ps").json == {"models": []}
    assert g.get("/api/version").json["version"]
    assert g.get("/").body == b"Ollama is running"
    assert g.call(None, "/", "HEAD").status == 200
    assert [m["id"] for m in g.get("/v1/models").json["data"]] == ["smart", "one/m"]


def test_a_tag_that_a_tool_adds_is_no_other_model(gateway, upstream):
    upstream.always(mock.chat("hello"))
    g = before(gateway, upstream)
    answer = ask(g, model="smart:latest", stream=False)
    assert answer.status == 200 and upstream.last.json["model"] == "m"
    assert ask(g, model="one/m:latest", stream=False).status == 200 and upstream.last.json["model"] == "m"
    assert g.call({"model": "smart:latest", "messages": [{"role": "user", "content": "a"}]}).status == 404


def test_a_key_is_asked_for_where_there_are_clients(gateway, upstream):
    upstream.always(mock.chat("hello"))
    g = gateway(config({"one": provider(upstream)}, models={"smart": ["one/m"]}, clients=[{"key": "app", "name": "app"}]))
    for path in ("/api/tags", "/api/version", "/api/ps"):
        answer = g.get(path)
        assert answer.status == 401 and isinstance(answer.json["error"], str)
        assert g.get(path, headers={"Authorization": "Bearer app"}).status == 200
    assert g.get("/").status == 200
    assert ask(g).status == 401


def test_scripts_see_what_a_request_asks(gateway, upstream):
    upstream.always(mock.chat("hello"))
    policy = ('return tide.policy { route = function(req) return { targets = { req.has_images and "one/sees"'
              ' or req.json_mode and "one/json" or req.has_tools and "one/tools" or "one/" .. req.model } } end }')
    g = gateway(config({"one": provider(upstream)}, models={"smart": ["one/m"]}, policy="p"),
                files={"scripts/policies/p.lua": policy})
    seen = []
    for more in ({}, {"model": "smart:latest"}, {"messages": [{"role": "user", "content": "a", "images": [PNG]}]},
                 {"format": "json"}, {"format": {"type": "object"}}, {"tools": [TOOL]}, {"format": ""}):
        answer = ask(g, stream=False, **more)
        assert answer.status == 200, answer.body
        seen.append(upstream.last.json["model"])
    assert seen == ["smart", "smart", "sees", "json", "json", "tools", "smart"]


def test_a_policy_judges_and_changes_what_such_a_tool_gets(gateway, upstreams):
    first, second = upstreams(), upstreams()
    policy = """return tide.policy {
      route = function(req) return { targets = { "a/m", "b/m" }, pick = "ordered" } end,
      accept = function(req, res) return res.text:lower() ~= "bad" and res.usage ~= nil end,
      on_event = function(req, ev)
        if ev.type == "text" then ev.delta = ev.delta:upper() end
        return ev
      end }"""
    g = gateway(config({"a": provider(first.origin, extends="ollama"), "b": provider(second)}, policy="p"),
                files={"scripts/policies/p.lua": policy})
    first.answer(spoken("go", "od"))
    assert "".join(part["message"]["content"] for part in read(ask(g))) == "GOOD"
    first.answer(lines({"model": MODEL, "created_at": AT, "response": "bad", "done": False}, {**end(), "response": ""}))
    second.answer(mock.tokens("go", "od", usage=mock.USAGE))
    said = read(ask(g, "/api/generate", prompt="a"))
    assert "".join(part["response"] for part in said) == "GOOD" and said[-1]["eval_count"] == 7


# ---- embeddings ----------------------------------------------------------------------------------
VECTORS = b'[[0.010071029,-1.7594862e-3, 0.05],[1,2,3]]'


def test_embeddings_of_a_server_are_told_to_openais_clients(gateway, upstream):
    upstream.always(mock.json_reply(b'{"model":"e","embeddings":%s,"prompt_eval_count":8}' % VECTORS))
    g = behind(gateway, upstream)
    answer = g.call({"model": "smart", "input": ["a", "b"], "dimensions": 3, "user": "u"}, "/v1/embeddings")
    assert answer.status == 200, answer.body
    assert upstream.last.target == "/api/embed"
    assert upstream.last.json == {"model": MODEL, "input": ["a", "b"], "dimensions": 3}
    assert [item["embedding"] for item in answer.json["data"]] == json.loads(VECTORS)
    assert answer.json["usage"]["prompt_tokens"] == 8 and g.log(answer)["tokens"]["in"] == 8
    assert "user" in warnings_of(answer)


@pytest.mark.parametrize("path, told", [
    ("/api/embed", b'{"model":"e", "embeddings":%s,"prompt_eval_count":8}' % VECTORS),
    ("/api/embeddings", b'{"embedding": [0.5, 1e-3]}'),
])
def test_embeddings_go_through_to_a_server(gateway, upstream, path, told):
    upstream.always(mock.json_reply(told))
    g = behind(gateway, upstream)
    answer = g.call({"model": "smart:latest", "input": ["a"], "prompt": "a", "keep_alive": "5m"}, path)
    assert upstream.last.target == path and upstream.last.json["keep_alive"] == "5m"
    assert answer.status == 200 and answer.body == told
    if path == "/api/embed":
        assert g.log(answer)["tokens"]["in"] == 8


def test_embeddings_of_others_are_told_to_ollamas_clients(gateway, upstream):
    upstream.always(mock.embeddings(((0.5, -0.25), (1, 2))))
    g = before(gateway, upstream)
    answer = g.call({"model": "smart:latest", "input": ["a", "b"], "truncate": True, "options": {"num_ctx": 9}}, "/api/embed")
    assert answer.status == 200, answer.body
    assert answer.json["embeddings"] == [[0.5, -0.25], [1, 2]] and answer.json["prompt_eval_count"] == 4
    assert upstream.last.json["input"] == ["a", "b"] and "options.num_ctx" in warnings_of(answer)
    upstream.always(mock.embeddings())
    older = g.call({"model": "smart", "prompt": "a"}, "/api/embeddings")
    assert older.json == {"embedding": [0.5, -0.25]} and upstream.last.json["input"] == "a"
    assert g.call({"model": "smart", "input": []}, "/api/embed").json["embeddings"] == []
    wrong = g.call({"model": "smart", "input": 7}, "/api/embed")
    assert wrong.status == 400 and "input" in wrong.json["error"]

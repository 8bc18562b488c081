"""Providers that speak several dialects, and Claude at others than Anthropic: who is asked where, and in which words."""
import json
import os

import pytest

import gateway as program
import upstream as mock
from config import config, provider
from conformance import FOLDER
from expect import attempts
from dialects import ANTHROPIC, GEMINI, OPENAI, RESPONSES, ask, body_of, reply, stream, streamed_text, text_of

pytestmark = pytest.mark.slow

CLAUDE = "vertex/claude-sonnet-4-5@20250929"
VERTEX = "/v1/projects/p-1/locations/us-east5/publishers/anthropic/models/"


def warnings(answer):
    return answer.headers.get("x-tidegate-warnings", "")


# ---- which dialect, and where ------------------------------------------------------------------
TOLD = {OPENAI: "/chat/completions", RESPONSES: "/responses"}
WHERE = {
    "deepseek": ("", {ANTHROPIC: "/anthropic/v1/messages", **TOLD}),
    "moonshot": ("/v1", {ANTHROPIC: "/anthropic/v1/messages", OPENAI: "/v1/chat/completions"}),
    "zhipu": ("/api/coding/paas/v4", {ANTHROPIC: "/api/anthropic/v1/messages", OPENAI: "/api/coding/paas/v4/chat/completions"}),
    "minimax": ("", {ANTHROPIC: "/anthropic/v1/messages", OPENAI: "/v1/chat/completions"}),
    "openrouter": ("/api/v1", {ANTHROPIC: "/api/v1/messages", OPENAI: "/api/v1/chat/completions",
                               RESPONSES: "/api/v1/responses"}),
    "groq": ("/openai/v1", {OPENAI: "/openai/v1/chat/completions", RESPONSES: "/openai/v1/responses"}),
    "xai": ("/v1", {OPENAI: "/v1/chat/completions", RESPONSES: "/v1/responses"}),
    "fireworks": ("/inference/v1", {OPENAI: "/inference/v1/chat/completions", RESPONSES: "/inference/v1/responses"}),
    "huggingface": ("/v1", {OPENAI: "/v1/chat/completions"}),
    "gpustack": ("/v1", {OPENAI: "/v1/chat/completions"}),
    "gemini_openai": ("/v1beta/openai", {OPENAI: "/v1beta/openai/chat/completions"}),
}


def dialect_at(paths, target):
    return next(dialect for dialect, path in paths.items() if target == path)


def test_clients_of_its_dialects_are_passed_through_and_others_told_in_the_first(gateway, upstreams):
    one = upstreams()
    g = gateway(config({name: {"base_url": one.origin + base, "keys": ["sk-canary-" + name]}
                        for name, (base, _) in WHERE.items()}))
    for name, (_, paths) in WHERE.items():
        one.always(lambda r, paths=paths: reply(dialect_at(paths, r.path)))
        for client in (OPENAI, RESPONSES, ANTHROPIC, GEMINI):
            answer = ask(g, client, model=name + "/m")
            assert text_of(client, answer) == "hello", (name, client)
            asked = dialect_at(paths, one.last.path)
            assert asked == (client if client in paths else OPENAI), (name, client, one.last.target)
            assert one.last.headers["authorization"] == "Bearer sk-canary-" + name
            assert one.last.json["model"] == "m"


def test_tokens_are_not_counted_where_nobody_counts_them(gateway, upstream):
    g = gateway(config({"openrouter": {"base_url": upstream.url, "keys": ["sk-canary-x"]}}))
    answer = g.call(body_of(ANTHROPIC, model="openrouter/m"), "/v1/messages/count_tokens")
    assert answer.status == 200 and "estimate" in warnings(answer) and upstream.requests == []


# ---- Claude on Vertex --------------------------------------------------------------------------
def vertex(gateway, upstream, **settings):
    return gateway(config({"vertex": {"base_url": upstream.origin, "project": "p-1", "location": "us-east5",
                                      "keys": ["sk-canary-given"]}}, **settings))


def test_claude_on_vertex_is_asked_by_anthropics_clients_in_their_own_bytes(gateway, upstream):
    upstream.always(lambda r: stream(ANTHROPIC, "hel", "lo") if r.json.get("stream") else reply(ANTHROPIC))
    g = vertex(gateway, upstream)
    answer = ask(g, ANTHROPIC, model=CLAUDE, temperature=0.5, headers={"anthropic-beta": "context-1m-2025-08-07"})
    assert text_of(ANTHROPIC, answer) == "hello" and not warnings(answer)
    request = upstream.last
    assert request.target == VERTEX + "claude-sonnet-4-5@20250929:rawPredict"
    assert request.headers["authorization"] == "Bearer sk-canary-given"
    assert request.headers["anthropic-beta"] == "context-1m-2025-08-07"
    assert request.json == {"messages": [{"role": "user", "content": "hi"}], "temperature": 0.5, "max_tokens": 64,
                            "anthropic_version": "vertex-2023-10-16"}
    assert streamed_text(ANTHROPIC, ask(g, ANTHROPIC, model=CLAUDE, stream=True)) == "hello"
    assert upstream.last.target == VERTEX + "claude-sonnet-4-5@20250929:streamRawPredict"
    assert upstream.last.json["stream"] is True and "model" not in upstream.last.json


def test_claude_on_vertex_is_told_what_others_ask(gateway, upstream):
    upstream.always(lambda r: stream(ANTHROPIC, "hel", "lo") if r.json.get("stream") else reply(ANTHROPIC))
    g = vertex(gateway, upstream, models={"smart": [CLAUDE]})
    for client in (OPENAI, RESPONSES, GEMINI):
        assert text_of(client, ask(g, client)) == "hello"
        assert upstream.last.target == VERTEX + "claude-sonnet-4-5@20250929:rawPredict"
        body = upstream.last.json
        assert body["anthropic_version"] == "vertex-2023-10-16" and body["max_tokens"] == 64000 and "model" not in body
        assert streamed_text(client, ask(g, client, stream=True)) == "hello"
        assert upstream.last.target == VERTEX + "claude-sonnet-4-5@20250929:streamRawPredict"


def test_claudes_own_rules_hold_on_vertex_too(gateway, upstream):
    upstream.always(reply(ANTHROPIC))
    g = vertex(gateway, upstream)
    answer = ask(g, OPENAI, model="vertex/claude-opus-5", temperature=0.5, reasoning_effort="high")
    assert answer.status == 200 and "temperature" in warnings(answer)
    assert upstream.last.json["thinking"]["type"] == "adaptive"
    assert upstream.last.json["output_config"] == {"effort": "high"}
    assert "temperature" not in upstream.last.json


def test_claude_on_vertex_counts_tokens(gateway, upstream):
    upstream.always(mock.json_reply({"input_tokens": 77}))
    g = vertex(gateway, upstream, models={"smart": [CLAUDE]})
    answer = g.call(body_of(ANTHROPIC), "/v1/messages/count_tokens")
    assert answer.json["input_tokens"] == 77 and not warnings(answer)
    assert upstream.last.target == VERTEX + "count-tokens:rawPredict"
    assert upstream.last.json["model"] == "claude-sonnet-4-5@20250929"


def test_vertex_has_geminis_models_beside_and_others_by_openais_protocol(gateway, upstream):
    upstream.always(lambda r: reply(GEMINI) if "generateContent" in r.target else
                    stream(OPENAI, "hel", "lo") if r.json.get("stream") else reply(OPENAI))
    g = vertex(gateway, upstream)
    assert text_of(ANTHROPIC, ask(g, ANTHROPIC, model="vertex/gemini-2.5-flash")) == "hello"
    assert upstream.last.target.endswith("/publishers/google/models/gemini-2.5-flash:generateContent")
    llama = "vertex/meta/llama-4-maverick-17b-128e-instruct-maas"
    assert text_of(ANTHROPIC, ask(g, ANTHROPIC, model=llama)) == "hello"
    assert upstream.last.target == "/v1/projects/p-1/locations/us-east5/endpoints/openapi/chat/completions"
    assert upstream.last.json["model"] == llama.replace("vertex/", "")
    assert streamed_text(OPENAI, ask(g, OPENAI, model=llama, stream=True)) == "hello"
    assert upstream.last.json["stream_options"] == {"include_usage": True}
    assert g.call({"model": CLAUDE, "input": "x"}, "/v1/embeddings").status == 400


def recorded(name):
    base = os.path.join(FOLDER, "vertex", name)
    found = {}
    for end in ("meta.json", "request.json", "response.json", "response.sse"):
        if os.path.exists(base + "." + end):
            with open(base + "." + end, "rb") as file:
                found[end] = file.read()
    return found


@pytest.mark.skipif(not os.path.isdir(FOLDER), reason="no recordings")
@pytest.mark.parametrize("name", ["chat-stream-tool-abffa4", "chat-unary-tool-19cc94", "chat-stream-toolresult-d58f52"])
def test_what_was_recorded_of_claude_on_vertex_is_what_is_sent(gateway, upstream, name):
    case = recorded(name)
    meta, request = json.loads(case["meta.json"]), json.loads(case["request.json"])
    answer = case.get("response.sse") or case["response.json"]
    upstream.always(mock.Reply(headers={"Content-Type": meta["content_type"]}, pieces=[answer]))
    g = vertex(gateway, upstream)
    told = {k: v for k, v in request.items() if k != "anthropic_version"}
    got = g.call({"model": "vertex/" + meta["model"], **told}, "/v1/messages")
    assert got.status == 200 and got.body == answer
    assert upstream.last.target == meta["path"].replace("PROJECT", "p-1")
    assert upstream.last.json == request


# ---- Claude on Foundry -------------------------------------------------------------------------
@pytest.mark.parametrize("name, header", [("azure_anthropic", "x-api-key"), ("azure_anthropic_entra", "authorization")])
def test_claude_on_foundry_has_anthropics_protocol_and_azures_keys(gateway, upstream, name, header):
    upstream.always(lambda r: reply(ANTHROPIC))
    g = gateway(config({name: {"base_url": upstream.origin + "/anthropic", "keys": ["sk-canary-azure"]}}))
    for client in (ANTHROPIC, OPENAI):
        assert text_of(client, ask(g, client, model=name + "/claude-sonnet-4-5")) == "hello"
        assert upstream.last.target == "/anthropic/v1/messages"
        assert upstream.last.headers[header].endswith("sk-canary-azure")
        assert upstream.last.headers["anthropic-version"] == "2023-06-01"
        assert upstream.last.json["model"] == "claude-sonnet-4-5"


def test_foundrys_models_have_an_address_of_their_own(gateway, upstream):
    upstream.always(reply(OPENAI))
    g = gateway(config({"azure_foundry": {"base_url": upstream.origin + "/models", "keys": ["sk-canary-azure"]}}))
    assert text_of(ANTHROPIC, ask(g, ANTHROPIC, model="azure_foundry/grok-4-1-fast")) == "hello"
    assert upstream.last.target == "/models/chat/completions?api-version=2024-05-01-preview"
    assert upstream.last.headers["api-key"] == "sk-canary-azure"
    assert upstream.last.headers["extra-parameters"] == "pass-through"


@pytest.mark.parametrize("name, address", [
    ("azure_anthropic", "https://res-1.services.ai.azure.com/anthropic"),
    ("azure_foundry", "https://res-1.services.ai.azure.com/models")])
def test_a_resource_is_all_that_foundry_needs(program_exists, tmp_path, name, address):
    (tmp_path / "gateway.lua").write_text(config({name: {"resource": "res-1", "keys": ["sk-canary-x"]}},
                                                 models={"x": [name + "/m"]}).replace("@LOG@", "-"))
    status, out, err = program.run("check", str(tmp_path))
    assert status == 0, out + err


def test_a_request_that_is_too_long_is_the_clients_whatever_its_status(gateway, upstream):
    said = {"error": {"code": 500, "message": "input (4002 tokens) is too large to process", "type": "server_error"}}
    upstream.always(mock.json_reply(said, 500))
    g = gateway(config({"llamacpp": {"base_url": upstream.url}}))
    answer = g.call({"model": "llamacpp/m", "input": "x"}, "/v1/embeddings")
    assert answer.status == 400 and "too large to process" in answer.body.decode() and len(upstream.requests) == 1


# ---- MiniMax -----------------------------------------------------------------------------------
def failed(code, text):
    """an answer of MiniMax that is an error"""
    return {"id": "", "choices": None, "created": 0, "model": "", "object": "", "usage": {"total_tokens": 0},
            "base_resp": {"status_code": code, "status_msg": text}}


def minimax(gateway, *upstreams, **settings):
    return gateway(config({"minimax": {"base_url": upstreams[0].origin, "keys": ["sk-canary-m"]},
                           **{"b": provider(u) for u in upstreams[1:]}}, **settings))


GROUP = {"x": {"targets": ["minimax/MiniMax-M2", "b/m"], "pick": "ordered"}}


@pytest.mark.parametrize("stream_it", [False, True])
def test_an_error_within_a_200_of_minimax_moves_on(gateway, upstreams, stream_it):
    a, b = upstreams(), upstreams()
    b.always(lambda r: stream(OPENAI, "from b") if stream_it else reply(OPENAI, "from b"))
    read = streamed_text if stream_it else text_of
    for code, text, kind in ((1002, "rate limit", "rate_limited"), (1008, "insufficient balance", "quota"),
                             (1004, "not authorized", "auth")):
        a.always(mock.stream(mock.event(failed(code, text))) if stream_it else mock.json_reply(failed(code, text)))
        g = minimax(gateway, a, b, models=GROUP)
        answer = ask(g, OPENAI, model="x", stream=stream_it)
        assert read(OPENAI, answer) == "from b"
        assert [lane for lane, _ in attempts(answer)] == ["minimax/MiniMax-M2#1", "b/m#1"]
        g = minimax(gateway, a)
        assert g.log(ask(g, OPENAI, model="minimax/MiniMax-M2", stream=stream_it))["error"]["kind"] == kind


def test_minimax_refusals_are_told_to_clients_as_errors(gateway, upstream):
    g = minimax(gateway, upstream)
    for code, text, kind in ((2013, "invalid params", "bad_request"), (1026, "input new_sensitive", "content_filter"),
                             (2013, "invalid params, context window exceeds limit", "context_length")):
        upstream.always(mock.json_reply(failed(code, text)))
        for client in (OPENAI, ANTHROPIC, GEMINI):
            answer = ask(g, client, model="minimax/MiniMax-M2")
            assert answer.status == 400 and text in answer.body.decode()
            assert g.log(answer)["error"]["kind"] == kind
    assert len(upstream.requests) == 9


def test_minimax_answers_with_a_code_of_0_are_no_errors(gateway, upstream):
    good = json.loads(b"".join(mock.chat("hello").pieces)) | {"base_resp": {"status_code": 0, "status_msg": ""}}
    upstream.always(mock.json_reply(good))
    answer = ask(minimax(gateway, upstream), OPENAI, model="minimax/MiniMax-M2")
    assert answer.status == 200 and answer.json == good


def test_minimax_is_asked_to_keep_thoughts_apart_in_its_own_dialect_alone(gateway, upstream):
    upstream.always(lambda r: reply(ANTHROPIC) if "anthropic" in r.target else reply(OPENAI))
    g = minimax(gateway, upstream)
    ask(g, OPENAI, model="minimax/MiniMax-M2")
    assert upstream.last.json["reasoning_split"] is True
    ask(g, GEMINI, model="minimax/MiniMax-M2")
    assert upstream.last.json["reasoning_split"] is True
    ask(g, OPENAI, model="minimax/MiniMax-M2", reasoning_split=False)
    assert upstream.last.json["reasoning_split"] is False
    ask(g, ANTHROPIC, model="minimax/MiniMax-M2")
    assert upstream.last.target == "/anthropic/v1/messages" and "reasoning_split" not in upstream.last.json

"""Ranking documents: /v1/rerank and /v2/rerank, to each provider that has it."""
import glob
import json
import os

import pytest

import upstream as mock
from config import config, provider
from test_recordings import FOLDER

pytestmark = pytest.mark.slow

QUERY = "which penguins are the tallest?"
DOCUMENTS = ["Kings are large.", {"text": "Emperors are the tallest."}, {"title": "Little", "text": "The smallest.", "n": 3}]
TEXTS = ["Kings are large.", "Emperors are the tallest.", "n: 3\ntext: The smallest.\ntitle: Little"]
PATHS = ("/v1/rerank", "/v2/rerank")
PROVIDERS = ("cohere", "voyage", "together", "vllm", "openrouter", "llamacpp")
SENT_TO = {"cohere": "/v2/rerank"}


def rank(index, score, **more):
    return {"index": index, "relevance_score": score, **more}


def answer_of(name, *results, **more):
    """as that provider words it"""
    if name == "voyage":
        return mock.json_reply({"object": "list", "data": list(results), "model": "rerank-2.5", "usage": {"total_tokens": 12}, **more})
    if name == "cohere":
        return mock.json_reply({"id": "r-1", "results": list(results), "meta": {
            "api_version": {"version": "2"}, "billed_units": {"search_units": 1}}, **more})
    return mock.json_reply({"id": "r-1", "model": "ranker", "results": list(results),
                            "usage": {"prompt_tokens": 12, "total_tokens": 12}, **more})


@pytest.fixture
def ranking(gateway, upstreams):
    """a gateway with all of them, each under its name, and their mocks"""
    mocks = {name: upstreams() for name in PROVIDERS}
    table = {name: provider(u.origin if name == "cohere" else u.url, extends=name) for name, u in mocks.items()}
    return gateway(config(table, retry={"max": 0})), mocks


def ask(g, name, path="/v1/rerank", **more):
    return g.call({"model": name + "/ranker", "query": QUERY, "documents": DOCUMENTS, **more}, path)


def results_of(answer):
    assert answer.status == 200, answer.body
    return [(r["index"], r["relevance_score"]) for r in answer.json["results"]]


def warnings_of(answer):
    return ", ".join(value for name, value in answer.header_list if name.lower() == "x-tidegate-warnings")


def test_each_provider_is_asked_in_its_words_by_clients_of_both_kinds(ranking):
    g, mocks = ranking
    for name, upstream in mocks.items():
        upstream.always(answer_of(name, rank(1, 0.9), rank(0, -2.5)))
        for path in PATHS:
            texts = DOCUMENTS if name == "together" else TEXTS
            if name == "cohere" and path == "/v2/rerank":
                texts = DOCUMENTS
            got = ask(g, name, path, top_n=2)
            assert results_of(got) == [(1, 0.9), (0, -2.5)], name
            sent = upstream.last.json
            assert upstream.last.target == SENT_TO.get(name, "/v1/rerank")
            assert upstream.last.headers["authorization"] == "Bearer sk-canary-one"
            assert sent == {"model": "ranker", "query": QUERY, "documents": texts,
                            "top_k" if name == "voyage" else "top_n": 2}
            body = got.json
            if path == "/v1/rerank":
                assert body["id"] and body["model"] == "ranker" or name == "voyage"
                units = {"meta": {"billed_units": {"search_units": 1}}}
                tokens = {"usage": {"prompt_tokens": 12, "total_tokens": 12}}
                assert {k: body[k] for k in ("usage", "meta") if k in body} == (units if name == "cohere" else tokens)
            else:
                assert set(body) == {"id", "results", "meta"} and body["meta"]["api_version"]["version"] == "2"
            logged = g.log(got)["tokens"]
            assert logged["in"] == (None if name == "cohere" else 12), name


def test_documents_come_back_as_the_client_sent_them(ranking):
    g, mocks = ranking
    for name, upstream in mocks.items():
        upstream.always(answer_of(name, rank(2, 0.9), rank(0, 0.2, document={"text": "an echo"})))
        first, second = ask(g, name, return_documents=True).json["results"]
        assert first["document"] == DOCUMENTS[2] and second["document"] == {"text": DOCUMENTS[0]}
        assert "return_documents" not in upstream.last.json
        first, second = ask(g, name).json["results"]
        assert "document" not in first and second["document"] == {"text": DOCUMENTS[0]}
        assert not any("document" in r for r in ask(g, name, return_documents=False).json["results"])


IMPOSSIBLE = [
    ("none", "no list"), ({"0": 1}, "no list"), (None, "no list"), ([], "no document"),
    ([rank(3, 0.5)], "document 3 of 3"), ([rank(-1, 0.5)], "document -1"), ([rank(0.5, 0.5)], "document 0.5"),
    ([{"relevance_score": 0.5}], "document"), (["x"], "document"),
    ([rank(1, 0.5), rank(1, 0.4)], "twice"), ([rank(0, "high")], "score"), ([rank(0, None)], "score"),
]


def test_ranks_that_cannot_be_fail_the_attempt(gateway, upstreams):
    bad, good = upstreams(), upstreams()
    good.always(answer_of("vllm", rank(0, 0.5)))
    g = gateway(config({"bad": provider(bad, extends="vllm"), "good": provider(good, extends="vllm")}, models={
        "both": {"targets": ["bad/m", "good/m"], "pick": "ordered"}, "alone": ["bad/m"]}, retry={"max": 1}))
    for results, why in IMPOSSIBLE:
        bad.always(mock.json_reply({"results": results}))
        asked = {"query": QUERY, "documents": DOCUMENTS}
        assert results_of(g.call({"model": "both", "top_n": 1, **asked}, "/v1/rerank")) == [(0, 0.5)], results
        alone = g.call({"model": "alone", **asked}, "/v1/rerank")
        assert alone.status == 502 and why in alone.json["error"]["message"], (results, alone.body)


def test_what_is_not_ranked_is_named_and_what_is_too_much_left_out(ranking):
    g, mocks = ranking
    mocks["vllm"].always(answer_of("vllm", rank(1, 12.5), rank(0, -3), rank(2, -4)))
    got = ask(g, "vllm", top_n=2)
    assert results_of(got) == [(1, 12.5), (0, -3)] and not warnings_of(got)
    assert len(results_of(ask(g, "vllm", top_n=50))) == 3 and mocks["vllm"].last.json["top_n"] == 3
    mocks["vllm"].always(answer_of("vllm", rank(1, 0.5)))
    assert "ranks of 2 documents" in warnings_of(ask(g, "vllm"))


MISTAKES = [
    ({"documents": []}, "documents"), ({"documents": "x"}, "documents"), ({"documents": [7]}, "documents[0]"),
    ({"documents": ["a", None]}, "documents[1]"), ({"query": ""}, "query"), ({"query": 7}, "query"),
    ({"top_n": 0}, "top_n"), ({"top_n": 1.5}, "top_n"), ({"top_n": "2"}, "top_n"),
]


def test_T37_mistakes_are_told(ranking):
    g, mocks = ranking
    for body, param in MISTAKES:
        error = ask(g, "voyage", **body)
        assert error.status == 400 and error.json["error"]["param"] == param, error.body
        error = ask(g, "voyage", "/v2/rerank", **body)
        assert error.status == 400 and set(error.json) == {"id", "message"}, error.body
        assert param.split("[")[0].rstrip("s") in error.json["message"]
    for path in PATHS:
        missing = g.call({"model": "voyage/x", "documents": ["a"]}, path)
        assert missing.status == 400 and b"query" in missing.body
    assert not mocks["voyage"].requests


def test_T37_more_documents_than_a_request_may_have_are_refused_by_name(ranking):
    g, mocks = ranking
    mocks["vllm"].always(answer_of("vllm", rank(0, 1)))
    for path in PATHS:
        for name in ("vllm", "cohere"):
            refused = ask(g, name, path, documents=["x"] * 100000)
            assert refused.status == 400 and b"limits.inputs" in refused.body
    assert not mocks["vllm"].requests and not mocks["cohere"].requests
    assert ask(g, "vllm", documents=["x"] * 2048).status == 200


def test_fields_are_ranked_in_the_order_that_the_client_names(ranking):
    g, mocks = ranking
    for name in ("vllm", "together"):
        mocks[name].always(answer_of(name, rank(0, 1)))
        documents = [{"title": "T", "body": {"b": 1}, "text": "x"}]
        assert ask(g, name, documents=documents, rank_fields=["title", "body", "none"]).status == 200
        sent = mocks[name].last.json
        if name == "vllm":
            assert sent["documents"] == ['title: T\nbody: {"b":1}'] and "rank_fields" not in sent
        else:
            assert sent["documents"] == documents and sent["rank_fields"] == ["title", "body", "none"]


def test_pictures_go_to_those_who_may_take_them(ranking):
    g, mocks = ranking
    documents = [{"image": "https://a.example/x.png"}, "text"]
    mocks["vllm"].always(answer_of("vllm", rank(0, 1), rank(1, 0.5)))
    assert ask(g, "vllm", documents=documents).status == 200 and mocks["vllm"].last.json["documents"] == documents
    refused = ask(g, "cohere", documents=documents)
    assert refused.status == 400 and "text only" in refused.json["error"]["message"] and not mocks["cohere"].requests


def test_members_that_nobody_knows_go_to_the_same_protocol_alone(ranking):
    g, mocks = ranking
    for name in ("vllm", "cohere"):
        mocks[name].always(answer_of(name, rank(0, 1), rank(1, 0.9), rank(2, 0.1)))
    got = ask(g, "vllm", truncate_prompt_tokens=5, max_tokens_per_doc=9)
    assert mocks["vllm"].last.json["truncate_prompt_tokens"] == 5 and "max_tokens_per_doc" in warnings_of(got)
    got = ask(g, "cohere", truncate_prompt_tokens=5, max_tokens_per_doc=9)
    assert mocks["cohere"].last.json["max_tokens_per_doc"] == 9 and "truncate_prompt_tokens" in warnings_of(got)


def test_a_cohere_client_is_passed_through_byte_by_byte(ranking):
    g, mocks = ranking
    reply = answer_of("cohere", rank(0, 0.5), future=[1])
    mocks["cohere"].always(reply)
    body = b'{ "model": "cohere/ranker", "query": "q", "documents": ["a"], "future": {"b": 1, "a": [ ] } }'
    answer = g.call(body, "/v2/rerank", headers={"content-type": "application/json"})
    assert answer.body == reply.pieces[0] and mocks["cohere"].last.body == body.replace(b"cohere/ranker", b"ranker")


def test_a_provider_without_ranks_is_not_asked(gateway, upstream):
    g = gateway(config({"o": provider(upstream), "a": provider(upstream.origin, extends="anthropic")}))
    for name in ("o", "a"):
        answer = g.call({"model": name + "/m", "query": "q", "documents": ["a"]}, "/v1/rerank")
        assert answer.status == 400 and answer.json["error"]["code"] == "unsupported_operation"
    assert not upstream.requests


def test_errors_of_providers_mean_what_they_say(ranking):
    g, mocks = ranking
    mocks["voyage"].always(mock.json_reply({"detail": "Provided API key is invalid."}, 401))
    assert ask(g, "voyage").status == 502
    mocks["voyage"].always(mock.json_reply({"detail": "Rate limit."}, 429, {"retry-after": "7"}))
    limited = ask(g, "voyage", "/v2/rerank")
    assert limited.status == 429 and limited.headers["retry-after"] == "7" and "message" in limited.json
    mocks["llamacpp"].always(mock.json_reply({"error": {"code": 400, "message": "no", "type": "invalid_request_error"}}, 400))
    assert ask(g, "llamacpp", "/v2/rerank").json["message"] == "no"


@pytest.mark.parametrize("path", PATHS)
def test_the_mock_ranks_by_words(gateway, path):
    g = gateway(config({"mock": {}}))
    asked = {"model": "mock/rerank", "query": "tallest penguins", "documents": [
        "A recipe for bread.", "The tallest penguins are emperors.", {"text": "penguins swim"}]}
    first = g.call({**asked, "return_documents": True}, path)
    order = [index for index, _ in results_of(first)]
    assert order == [1, 2, 0] and all(0 <= score <= 1 for _, score in results_of(first))
    assert results_of(g.call({**asked, "top_n": 1}, path)) == results_of(first)[:1]
    if path == "/v1/rerank":
        assert first.json["results"][1]["document"] == {"text": "penguins swim"}
        assert first.json["usage"]["total_tokens"] > 0
    assert g.call({**asked, "model": "mock/fast"}, path).status == 404


# ---- recordings ----------------------------------------------------------------------------------
def recordings():
    for name in PROVIDERS:
        for path in sorted(glob.glob(os.path.join(FOLDER, name, "rerank-*.meta.json"))):
            with open(path, encoding="utf-8") as file:
                meta = json.load(file)
            with open(os.path.join(os.path.dirname(path), meta["response_file"]), "rb") as file:
                meta["body"] = file.read()
            meta["request"] = {"query": "q", "documents": ["a", "b", "c", "d", "e", "f"]}
            if meta.get("request_file"):
                with open(os.path.join(os.path.dirname(path), meta["request_file"]), encoding="utf-8") as file:
                    meta["request"] = json.load(file)
            yield meta


RECORDED = list(recordings())


@pytest.mark.skipif(not RECORDED, reason="no recordings in " + FOLDER)
def test_every_recorded_answer_reaches_clients_of_both_kinds(ranking):
    g, mocks = ranking
    for meta in RECORDED:
        name, said = meta["provider"], json.loads(meta["body"])
        mocks[name].always(mock.Reply(meta["status"], {"content-type": "application/json"}, [meta["body"]], "chunked").split([1, 7]))
        for path in PATHS:
            answer = g.call({**meta["request"], "model": name + "/ranker"}, path)
            if meta["status"] != 200:
                assert answer.status == meta["status"]
                continue
            expected = [(r["index"], r["relevance_score"]) for r in said.get("results") or said["data"]]
            assert results_of(answer) == expected, meta["name"]
            if path == "/v1/rerank" and "usage" in said:
                assert answer.json["usage"]["total_tokens"] == said["usage"]["total_tokens"]
            if "meta" in said:
                assert answer.json["meta"]["billed_units"] == said["meta"]["billed_units"]

"""Embeddings of every provider, for the clients of every dialect: through one gateway."""
import json
import re
import threading

import openai
import pytest
from google import genai
from google.genai import types

import gateway as program
import upstream as mock
from config import config
from embedders import BELOW_V1, PROVIDERS, VECTORS, is_near, packed, target
from upstream import Upstream
from wire import LIMIT, Closed, wait_until

pytestmark = pytest.mark.slow

NAMES = list(PROVIDERS)


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """one gateway before all providers: (gateway, { provider: mock })"""
    mocks, providers = {}, {"mock": {}}
    for name, (fields, _, _, _) in PROVIDERS.items():
        mocks[name] = Upstream()
        base_url = mocks[name].url if name in BELOW_V1 else mocks[name].origin
        providers[name] = {"base_url": base_url, "keys": ["sk-canary-" + name], **fields}
    models = {"alias": {"targets": ["gemini/gemini-embedding-001"]},
              "pair": {"targets": ["gemini/gemini-embedding-001", "cohere/embed-v4.0"], "pick": "ordered"},
              "moderation": {"targets": ["one/omni"]}}
    folder = tmp_path_factory.mktemp("embeddings")
    text = config(providers, models=models, limits={"inputs": 500}).replace("@LOG@", str(folder / "gateway.log"))
    one = program.Gateway(folder, text)
    one.start()
    yield one, mocks
    one.settle()
    one.stop()
    one.check_canary()
    for upstream in mocks.values():
        upstream.close()


@pytest.fixture
def asked(serving):
    """asked(path, body) -> the answer, by fresh mocks: asked.mocks[name]"""
    gateway, mocks = serving
    for name, upstream in mocks.items():
        upstream.requests.clear()
        upstream.always(PROVIDERS[name][1])

    def ask(path, body):
        return gateway.call(body, path)
    ask.mocks, ask.gateway = mocks, gateway
    return ask


def embeddings_of(answer):
    assert answer.status == 200, answer.body
    return [d["embedding"] for d in sorted(answer.json["data"], key=lambda d: d["index"])]


# ---- clients --------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NAMES)
def test_openai_clients_get_floats_and_base64(asked, name):
    tokens = PROVIDERS[name][2]
    floats = asked("/v1/embeddings", {"model": target(name), "input": ["a", "b"]})
    assert all(is_near(e, v) for e, v in zip(embeddings_of(floats), VECTORS))
    assert floats.json["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
    assert asked.gateway.log(floats)["tokens"]["in"] == tokens
    coded = asked("/v1/embeddings", {"model": target(name), "input": ["a", "b"], "encoding_format": "base64"})
    assert embeddings_of(coded) == [packed(v) for v in VECTORS]


@pytest.mark.parametrize("name", NAMES)
def test_cohere_clients_get_types(asked, name):
    answer = asked("/v2/embed", {"model": target(name), "texts": ["a", "b"], "input_type": "search_query",
                                 "embedding_types": ["float", "base64"], "output_dimension": 3})
    assert answer.status == 200, answer.body
    said = answer.json["embeddings"]
    assert all(is_near(a, b) for a, b in zip(said["float"], VECTORS)) and said["base64"] == [packed(v) for v in VECTORS]
    assert answer.json["meta"]["billed_units"]["input_tokens"] == PROVIDERS[name][2]
    sent = asked.mocks[name].last.json
    assert {"one": lambda: sent["dimensions"] == 3, "mistral": lambda: sent["output_dimension"] == 3,
            "voyage": lambda: sent["output_dimension"] == 3 and sent["input_type"] == "query",
            "gemini": lambda: sent["requests"][0]["taskType"] == "RETRIEVAL_QUERY"
            and sent["requests"][0]["outputDimensionality"] == 3,
            "vertex": lambda: sent == {"instances": [{"content": c, "task_type": "RETRIEVAL_QUERY"} for c in "ab"],
                                       "parameters": {"outputDimensionality": 3}},
            "cohere": lambda: sent["input_type"] == "search_query",
            "bedrock": lambda: sent == {"texts": ["a", "b"], "input_type": "search_query", "output_dimension": 3,
                                        "embedding_types": ["float", "base64"]},
            "ollama": lambda: sent == {"model": "nomic-embed-text", "input": ["a", "b"], "dimensions": 3}}[name](), sent
    warned = answer.headers.get("x-tidegate-warnings", "")
    assert ("input_type" in warned) == (name in ("one", "mistral", "ollama")), warned


@pytest.mark.parametrize("name", NAMES)
def test_google_clients_ask_for_one_and_for_many(asked, name):
    part = {"content": {"parts": [{"text": "a"}]}, "taskType": "RETRIEVAL_DOCUMENT", "title": "T"}
    one = asked("/v1beta/models/%s:embedContent" % target(name), part)
    assert one.status == 200, one.body
    assert is_near(one.json["embedding"]["values"], VECTORS[0])
    many = asked("/v1beta/models/%s:batchEmbedContents" % target(name),
                 {"requests": [{"model": "models/" + target(name), **part} for _ in range(2)]})
    assert all(is_near(e["values"], v) for e, v in zip(many.json["embeddings"], VECTORS))
    assert many.json["usageMetadata"]["promptTokenCount"] == PROVIDERS[name][2]
    if name in ("gemini", "vertex"):
        return
    assert "title" in many.headers["x-tidegate-warnings"]


@pytest.mark.parametrize("name", NAMES)
def test_ollama_clients_get_lists(asked, name):
    answer = asked("/api/embed", {"model": target(name), "input": ["a", "b"], "truncate": True})
    assert answer.status == 200, answer.body
    assert all(is_near(e, v) for e, v in zip(answer.json["embeddings"], VECTORS))
    assert answer.json["prompt_eval_count"] == PROVIDERS[name][2]
    one = asked("/api/embed", {"model": target(name), "input": "a"})
    assert len(one.json["embeddings"]) == 1


def test_what_a_provider_names_inside_is_named_as_it_calls_it(asked):
    body = {"requests": [{"model": "models/alias", "content": {"parts": [{"text": "a"}]}}]}
    answer = asked("/v1beta/models/alias:batchEmbedContents", body)
    assert is_near(answer.json["embeddings"][0]["values"], VECTORS[0])
    request = asked.mocks["gemini"].last
    assert request.path == "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    assert request.json["requests"][0]["model"] == "models/gemini-embedding-001"


def test_newer_models_of_vertex_are_asked_for_one_content_at_a_time(asked):
    answer = asked("/v1/embeddings", {"model": "vertex/gemini-embedding-2", "input": ["a", "b"], "dimensions": 5})
    assert len(embeddings_of(answer)) == 2 and answer.json["usage"]["prompt_tokens"] == 10
    sent = [r.json for r in asked.mocks["vertex"].requests]
    assert {r.path for r in asked.mocks["vertex"].requests} == {
        "/v1/projects/p/locations/global/publishers/google/models/gemini-embedding-2:embedContent"}
    assert sorted(s["content"]["parts"][0]["text"] for s in sent) == ["a", "b"]
    assert all(s["embedContentConfig"] == {"outputDimensionality": 5} for s in sent)


BEDROCK = [
    ("amazon.titan-embed-text-v2:0", {"inputText": "a", "dimensions": 256},
     {"embedding": [0.5, 1], "embeddingsByType": {"float": [0.5, 1]}, "inputTextTokenCount": 2}),
    ("amazon.titan-embed-text-v1", {"inputText": "a"}, {"embedding": [0.5, 1], "inputTextTokenCount": 2}),
    ("amazon.nova-2-multimodal-embeddings-v1:0",
     {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {
         "embeddingPurpose": "GENERIC_INDEX", "embeddingDimension": 256,
         "text": {"truncationMode": "END", "value": "a"}}},
     {"embeddings": [{"embeddingType": "TEXT", "embedding": [0.5, 1]}]}),
    ("cohere.embed-english-v3", {"texts": ["a"], "input_type": "search_document", "output_dimension": 256},
     {"embeddings": [[0.5, 1]], "id": "x", "response_type": "embeddings_floats", "texts": ["a"]}),
]


@pytest.mark.parametrize("model,body,said", BEDROCK, ids=[b[0] for b in BEDROCK])
def test_models_of_bedrock_have_bodies_of_their_own(asked, model, body, said):
    asked.mocks["bedrock"].always(mock.json_reply(said, headers={"x-amzn-bedrock-input-token-count": "2"}))
    answer = asked("/v1/embeddings", {"model": "bedrock/" + model, "input": "a", "dimensions": 256})
    assert embeddings_of(answer) == [[0.5, 1]] and answer.json["usage"]["prompt_tokens"] == 2
    request = asked.mocks["bedrock"].last
    assert request.json == body and request.path == "/model/" + model.replace(":", "%3A") + "/invoke"


def test_types_of_vectors_that_only_cohere_has(asked):
    body = {"texts": ["a"], "input_type": "clustering", "embedding_types": ["int8"]}
    assert asked("/v2/embed", {"model": target("cohere"), **body}).json["embeddings"] == {"int8": [[1, -2, 3]]}
    answer = asked("/v2/embed", {"model": target("one"), **body})
    assert answer.status == 400 and "floats, not of int8" in answer.json["message"]


# ---- bad input ------------------------------------------------------------------------------------
BAD = {
    "empty list": ([], "empty list"), "empty text": ("", "empty text"), "empty item": (["a", ""], r"input\[1\]"),
    "mixed": (["a", 1], r"input\[1\]"), "mixed lists": (["a", [1]], r"input\[1\]"), "tokens first": ([1, "a"], "mixes"),
    "negative": ([-1], "neither"), "fractions": ([[1.5]], r"input\[0\]"), "number": (7, "a text or a list"), "object": ({"a": 1}, "a text or a list"),
    "null": (None, "a text or a list"), "tokens": ([1, 2, 3], "not lists of tokens"), "lists of tokens": ([[1], [2]], "not lists of tokens"),
}


@pytest.mark.parametrize("case", list(BAD))
@pytest.mark.parametrize("name", ["gemini", "cohere", "ollama", "bedrock"])
def test_inputs_that_cannot_be_are_refused_in_words(asked, name, case):
    value, words = BAD[case]
    answer = asked("/v1/embeddings", {"model": target(name), "input": value})
    error = answer.json["error"]
    assert answer.status == 400 and error["type"] == "invalid_request_error" and error["param"] == "input", answer.body
    assert re.search(words, error["message"]), error
    assert not asked.mocks[name].requests


@pytest.mark.parametrize("name", ["mistral", "voyage"])
def test_lists_of_tokens_are_refused_by_providers_of_texts(asked, name):
    answer = asked("/v1/embeddings", {"model": target(name), "input": [[1, 2]]})
    assert answer.status == 400 and "not lists of tokens" in answer.json["error"]["message"]
    assert len(embeddings_of(asked("/v1/embeddings", {"model": target("one"), "input": [1, 2]}))) == 1


OVER = [
    ("/v1/embeddings", {"input": ["a"] * 100000}, lambda b: b["error"]["message"]),
    ("/v1/embeddings", {"input": [[1]] * 501}, lambda b: b["error"]["message"]),
    ("/v2/embed", {"texts": ["a"] * 501}, lambda b: b["message"]),
    ("/api/embed", {"input": ["a"] * 501}, lambda b: b["error"]),
    ("/v1beta/models/%s:batchEmbedContents", {"requests": [{}] * 501}, lambda b: b["error"]["message"]),
]


@pytest.mark.parametrize("path,body,words", OVER, ids=[o[0] + str(i) for i, o in enumerate(OVER)])
def test_more_inputs_than_the_limit_are_refused_before_anything_is_sent(asked, path, body, words):
    answer = asked(path.replace("%s", target("one")), {"model": target("one"), **body})
    assert answer.status == 400 and "limits.inputs" in words(answer.json), answer.body
    assert not asked.mocks["one"].requests


def test_a_provider_that_answers_something_else_is_a_failure(asked):
    asked.mocks["gemini"].always(mock.json_reply({"embeddings": []}))
    assert asked("/v1/embeddings", {"model": target("gemini"), "input": "a"}).status == 502
    asked.mocks["gemini"].always(mock.json_reply({"embeddings": [{"values": [1, "a"]}]}))
    answer = asked("/v1/embeddings", {"model": target("gemini"), "input": "a", "encoding_format": "base64"})
    assert answer.status == 502


def test_errors_of_a_provider_come_in_the_clients_words(asked):
    asked.mocks["gemini"].always(mock.json_reply(
        {"error": {"code": 400, "message": "too long", "status": "INVALID_ARGUMENT"}}, 400))
    answer = asked("/v2/embed", {"model": target("gemini"), "texts": ["a"]})
    assert answer.status == 400 and "too long" in answer.json["message"]


# ---- more inputs than a provider takes ------------------------------------------------------------
def numbered(request):
    """each text "N" becomes the vector [N, -N]"""
    if "texts" in request.json:
        floats = [[float(t), -float(t)] for t in request.json["texts"]]
        return mock.json_reply({"id": "e", "embeddings": {"float": floats}, "response_type": "embeddings_by_type",
                                "meta": {"billed_units": {"input_tokens": len(floats)}}})
    texts = [r["content"]["parts"][0]["text"] for r in request.json["requests"]]
    return mock.json_reply({"embeddings": [{"values": [float(t), -float(t)]} for t in texts],
                            "usageMetadata": {"promptTokenCount": len(texts)}})


def texts_of(request):
    return request.json.get("texts") or [r["content"]["parts"][0]["text"] for r in request.json["requests"]]


def sizes(upstream):
    return sorted(len(texts_of(r)) for r in upstream.requests)


MANY = [str(i) for i in range(450)]


@pytest.mark.parametrize("name,expected", [("cohere", [66] + [96] * 4), ("gemini", [50] + [100] * 4)])
def test_many_inputs_are_asked_in_pieces_and_put_together(asked, name, expected):
    asked.mocks[name].always(numbered)
    answer = asked("/v1/embeddings", {"model": target(name), "input": MANY})
    assert answer.status == 200, answer.body
    assert [d["embedding"] for d in answer.json["data"]] == [[i, -i] for i in range(450)]
    assert answer.json["usage"]["prompt_tokens"] == 450
    assert sizes(asked.mocks[name]) == expected
    tried = answer.headers["x-tidegate-attempts"].split()
    assert len(tried) == len(expected) and all(t.startswith(target(name) + "#1=200/") for t in tried)
    assert answer.headers["x-tidegate-target"] == target(name)
    line = asked.gateway.log(answer)
    assert (line["tokens"]["in"], line["target"], line["status"]) == (450, target(name), 200)


def test_clients_of_the_providers_own_dialect_get_pieces_too(asked):
    asked.mocks["cohere"].always(numbered)
    answer = asked("/v2/embed", {"model": target("cohere"), "texts": MANY, "input_type": "search_query"})
    assert answer.json["embeddings"]["float"] == [[i, -i] for i in range(450)]
    assert answer.json["texts"] == MANY and sizes(asked.mocks["cohere"]) == [66] + [96] * 4


def test_as_many_inputs_as_a_provider_takes_are_one_request(asked):
    asked("/v1/embeddings", {"model": target("cohere"), "input": ["a"] * 96})
    assert sizes(asked.mocks["cohere"]) == [96]


def test_pieces_are_asked_at_the_same_time(asked):
    """none of the first four is answered before all of them have come"""
    barrier = threading.Barrier(4)

    def together(request):
        if len(texts_of(request)) == 100 and int(texts_of(request)[0]) < 400:
            barrier.wait(LIMIT)
        return numbered(request)
    asked.mocks["gemini"].always(together)
    answer = asked("/v1/embeddings", {"model": target("gemini"), "input": MANY})
    assert [d["embedding"][0] for d in answer.json["data"]] == list(range(450))


def test_when_a_piece_fails_the_next_lane_gets_all_of_it(asked):
    def failing(request):
        return mock.error(500) if "250" in texts_of(request) else numbered(request)
    asked.mocks["gemini"].always(failing)
    asked.mocks["cohere"].always(numbered)
    answer = asked("/v1/embeddings", {"model": "pair", "input": MANY})
    assert [d["embedding"][0] for d in answer.json["data"]] == list(range(450))
    assert answer.headers["x-tidegate-target"] == target("cohere")
    assert sizes(asked.mocks["cohere"]) == [66] + [96] * 4
    tried = answer.headers["x-tidegate-attempts"]
    assert target("gemini") + "#1=500/" in tried and tried.count(target("cohere") + "#1=200/") == 5


def test_a_piece_that_the_provider_refuses_goes_back_to_the_client(asked):
    def refusing(request):
        return mock.error(400, "no such text") if "250" in texts_of(request) else numbered(request)
    asked.mocks["gemini"].always(refusing)
    answer = asked("/v1/embeddings", {"model": "pair", "input": MANY})
    assert answer.status == 400 and "no such text" in answer.json["error"]["message"]
    assert not asked.mocks["cohere"].requests


def test_a_client_that_hangs_up_frees_all_pieces(asked):
    asked.mocks["gemini"].always(mock.stall())
    connection = asked.gateway.connect(None)
    texts = ["left %d" % i for i in range(450)]  # five pieces, none like those of another test
    connection.request("POST", "/v1/embeddings", {"model": target("gemini"), "input": texts}, None)

    def asked_for():
        return [r for r in list(asked.mocks["gemini"].requests) if b"left" in r.body]
    pieces = wait_until("the first four pieces", lambda: asked_for() if len(asked_for()) == 4 else None)
    connection.close()
    for request in pieces:
        assert request.gone.wait(LIMIT)
    assert len(asked_for()) == 4


# ---- moderations, and the mock --------------------------------------------------------------------
def test_moderations_are_passed_through(asked):
    said = {"id": "modr-1", "model": "omni", "results": [{"flagged": False, "categories": {}, "category_scores": {}}]}
    asked.mocks["one"].always(mock.json_reply(said))
    answer = asked("/v1/moderations", {"model": "one/omni", "input": [{"type": "text", "text": "hi"}]})
    assert answer.status == 200 and answer.json == said
    assert asked.mocks["one"].last.path == "/v1/moderations"
    assert asked.mocks["one"].last.json == {"model": "omni", "input": [{"type": "text", "text": "hi"}]}


def test_models_without_moderation_say_so(asked):
    for name in ("gemini", "cohere", "voyage"):
        answer = asked("/v1/moderations", {"model": target(name), "input": "hi"})
        assert answer.status == 400 and "offers no moderation" in answer.json["error"]["message"], answer.body
    answer = asked("/v1/moderations", {"input": "hi"})
    assert answer.status == 404 and "omni-moderation-latest" in answer.json["error"]["message"]
    assert "without a model" in answer.json["error"]["message"]


def test_the_mock_moderates(asked):
    good, bad = asked("/v1/moderations", {"model": "mock/moderation", "input": ["I like you", "I will kill you"]}).json["results"]
    assert not good["flagged"] and bad["flagged"] and bad["categories"]["violence"]
    assert set(good["categories"]) == set(good["category_scores"]) and len(good["categories"]) == 13
    assert asked("/v1/moderations", {"model": "mock/moderation", "input": [1]}).status == 400
    assert asked("/v1/chat/completions", {"model": "mock/moderation", "messages": []}).status == 404


def test_the_mock_embeds_for_all_clients(asked):
    one = embeddings_of(asked("/v1/embeddings", {"model": "mock/embed", "input": "tide", "dimensions": 8}))[0]
    cohere = asked("/v2/embed", {"model": "mock/embed", "texts": ["tide"], "output_dimension": 8}).json
    google = asked("/v1beta/models/mock/embed:embedContent",
                   {"content": {"parts": [{"text": "tide"}]}, "outputDimensionality": 8}).json
    ollama = asked("/api/embed", {"model": "mock/embed", "input": "tide", "dimensions": 8}).json
    assert cohere["embeddings"]["float"] == [one] and google["embedding"]["values"] == one
    assert ollama["embeddings"] == [one] and len(one) == 8
    assert asked("/v1/embeddings", {"model": "mock/embed", "input": ["a", 1]}).status == 400


# ---- the official libraries -----------------------------------------------------------------------
@pytest.mark.sdk
@pytest.mark.parametrize("name", NAMES)
def test_the_openai_package(asked, name):
    with openai.OpenAI(base_url=asked.gateway.url, api_key="x", max_retries=0, timeout=LIMIT) as client:
        answer = client.embeddings.create(model=target(name), input=["a", "b"])  # asks for base64
        assert all(is_near(d.embedding, v) for d, v in zip(sorted(answer.data, key=lambda d: d.index), VECTORS))
        assert answer.usage.prompt_tokens == PROVIDERS[name][2]
        one = client.embeddings.create(model=target(name), input="a", encoding_format="float")
        assert is_near(one.data[0].embedding, VECTORS[0])
        flagged = client.moderations.create(model="mock/moderation", input="I will kill you")
        assert flagged.results[0].flagged and flagged.results[0].categories.violence


@pytest.mark.sdk
@pytest.mark.parametrize("name", NAMES)
def test_the_google_genai_package(asked, name):
    options = types.HttpOptions(base_url=asked.gateway.url[:-3], timeout=LIMIT * 1000)
    client = genai.Client(api_key="x", http_options=options)
    answer = client.models.embed_content(model=target(name), contents=["a", "b"], config=types.EmbedContentConfig(
        task_type="RETRIEVAL_QUERY", output_dimensionality=3))
    assert all(is_near(e.values, v) for e, v in zip(answer.embeddings, VECTORS))


def test_scripts_embed_with_every_provider(gateway, upstreams):
    names = ("gemini", "cohere")
    mocks = {name: upstreams() for name in names}
    for name in names:
        mocks[name].always(PROVIDERS[name][1])
    script = """return tide.middleware { name = "m", before = function(req)
      local result, err = tide.embed { model = req.headers["x-model"], input = { "a", "b" } }
      local found = result and { v = result.embeddings, tokens = result.usage.input } or { err = err.message }
      return { status = 200, body = tide.json.encode(found) }
    end }"""
    g = gateway(config({n: {"base_url": mocks[n].origin, "keys": ["sk-canary-" + n]} for n in names},
                       middleware=["m"]), files={"scripts/middleware/m.lua": script})
    for name in names:
        answer = g.call({"model": "x", "messages": []}, headers={"x-model": target(name)})
        found = json.loads(answer.body)
        assert found.get("tokens") == PROVIDERS[name][2] and all(is_near(a, b) for a, b in zip(found["v"], VECTORS)), found


# ---- large answers --------------------------------------------------------------------------------
LARGE = {"object": "list", "model": "m", "data": [
    {"object": "embedding", "index": i, "embedding": [i + j / 1024 for j in range(256)]} for i in range(400)],
    "usage": {"prompt_tokens": 4321, "total_tokens": 4321}}


def test_a_large_answer_goes_through_byte_for_byte_and_is_counted(asked):
    body = json.dumps(LARGE).encode()
    assert len(body) > 512 * 1024
    asked.mocks["one"].always(mock.Reply(200, {"content-type": "application/json"}, [body], "chunked").split([65536]))
    answer = asked("/v1/embeddings", {"model": "one/m", "input": ["a"] * 400})
    assert answer.status == 200 and answer.body == body
    assert asked.gateway.log(answer)["tokens"]["in"] == 4321


def test_a_large_answer_that_breaks_off_does_not_look_whole(asked):
    body = json.dumps(LARGE).encode()
    asked.mocks["one"].always(mock.Reply(200, {"content-type": "application/json"}, [body[:600000], mock.Cut()],
                                         "length", length=len(body)))
    connection = asked.gateway.connect(None)
    connection.request("POST", "/v1/embeddings", {"model": "one/m", "input": ["a"] * 400}, None)
    answer = connection.response("POST")
    with pytest.raises(Closed):
        answer.read()
    assert answer.status == 200 and asked.gateway.log(answer)["error"]["kind"] == "protocol"


def test_a_small_answer_that_breaks_off_goes_to_the_next_lane(asked):
    asked.mocks["gemini"].always(mock.Reply(200, {"content-type": "application/json"},
                                            [b'{"embeddings":[{"values":[0.5', mock.Cut()], "length", length=100))
    answer = asked("/v1/embeddings", {"model": "pair", "input": ["a", "b"]})
    assert len(embeddings_of(answer)) == 2 and answer.headers["x-tidegate-target"] == target("cohere")

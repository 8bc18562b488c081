"""Embeddings of every provider, for the clients of every dialect: through one gateway."""
import base64
import json
import struct

import pytest

import upstream as mock
from config import config

VECTORS = [[0.5, -0.25, 1e-3], [1.5, 2.25, -3.125]]


def packed(vector):
    return base64.b64encode(struct.pack("<%df" % len(vector), *vector)).decode()


# ---- providers, as they answer --------------------------------------------------------------------
def as_openai(request, tokens=7):
    inputs = request.json["input"]
    count = 1 if isinstance(inputs, str) or isinstance(inputs[0], int) else len(inputs)
    data = []
    for i in range(count):
        vector = VECTORS[i % 2]
        is_64 = request.json.get("encoding_format") == "base64"
        data.append({"object": "embedding", "index": i, "embedding": packed(vector) if is_64 else vector})
    data.reverse()  # `index` says where each belongs
    return mock.json_reply({"object": "list", "data": data, "model": "upstream-model",
                            "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})


def as_gemini(request):
    if request.path.endswith(":predict"):
        count = len(request.json["instances"])
        return mock.json_reply({"predictions": [
            {"embeddings": {"statistics": {"token_count": 3, "truncated": False}, "values": VECTORS[i % 2]}}
            for i in range(count)]})
    if request.path.endswith(":embedContent"):
        return mock.json_reply({"embedding": {"values": VECTORS[0]}, "usageMetadata": {"promptTokenCount": 5}})
    count = len(request.json["requests"])
    return mock.json_reply({"embeddings": [{"values": VECTORS[i % 2]} for i in range(count)],
                            "usageMetadata": {"promptTokenCount": 9}})


def as_cohere(request):
    body = request.json
    count = len(body.get("texts") or body.get("images") or body.get("inputs"))
    floats = [VECTORS[i % 2] for i in range(count)]
    made = {"float": floats, "base64": [packed(v) for v in floats], "int8": [[1, -2, 3]] * count}
    return mock.json_reply({"id": "e-1", "embeddings": {t: made[t] for t in body["embedding_types"]},
                            "texts": body.get("texts", []), "response_type": "embeddings_by_type",
                            "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 6}}})


PROVIDERS = {
    "one": ({"extends": "openai"}, as_openai, 7),
    "gemini": ({}, as_gemini, 9),
    "vertex": ({"project": "p"}, as_gemini, 6),
    "cohere": ({}, as_cohere, 6),
    "mistral": ({}, as_openai, 7),
}
MODELS = {"one": "m", "gemini": "gemini-embedding-001", "vertex": "text-multilingual-embedding-002",
          "cohere": "embed-v4.0", "mistral": "mistral-embed"}


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """one gateway before all providers: (gateway, { provider: mock })"""
    import gateway as program
    from upstream import Upstream
    mocks, providers = {}, {}
    for name, (fields, answer, _) in PROVIDERS.items():
        mocks[name] = Upstream()
        mocks[name].always(answer)
        base_url = mocks[name].url if name in ("one", "mistral") else mocks[name].origin
        providers[name] = {"base_url": base_url, "keys": ["sk-canary-" + name], **fields}
    folder = tmp_path_factory.mktemp("embeddings")
    models = {"alias": ["=\"gemini/gemini-embedding-001\""], "pair": {
        "targets": ["vertex/gemini-embedding-001", "one/m"], "pick": "ordered"}}
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
    """asked(path, body) -> the answer; asked.upstream(name) -> the mock, its requests forgotten"""
    gateway, mocks = serving
    for name, upstream in mocks.items():
        upstream.requests.clear()
        upstream.always(PROVIDERS[name][1])

    def ask(path, body):
        return gateway.call(body, path)
    ask.mocks, ask.gateway = mocks, gateway
    return ask


def is_near(one, other):
    return len(one) == len(other) and all(abs(a - b) < 1e-6 for a, b in zip(one, other))


def target(name):
    return name + "/" + MODELS[name]


# ---- clients --------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", list(PROVIDERS))
def test_openai_clients_get_floats_and_base64(asked, name):
    tokens = PROVIDERS[name][2]
    floats = asked("/v1/embeddings", {"model": target(name), "input": ["a", "b"]})
    assert floats.status == 200, floats.body
    assert [d["index"] for d in floats.json["data"]] == [0, 1] or name == "one"
    by_index = sorted(floats.json["data"], key=lambda d: d["index"])
    assert all(is_near(d["embedding"], v) for d, v in zip(by_index, VECTORS))
    assert floats.json["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
    coded = asked("/v1/embeddings", {"model": target(name), "input": ["a", "b"], "encoding_format": "base64"})
    by_index = sorted(coded.json["data"], key=lambda d: d["index"])
    assert [d["embedding"] for d in by_index] == [packed(v) for v in VECTORS]


@pytest.mark.parametrize("name", list(PROVIDERS))
def test_cohere_clients_get_types(asked, name):
    answer = asked("/v2/embed", {"model": target(name), "texts": ["a", "b"], "input_type": "search_query",
                                 "embedding_types": ["float", "base64"], "output_dimension": 3})
    assert answer.status == 200, answer.body
    said = answer.json["embeddings"]
    assert all(is_near(a, b) for a, b in zip(said["float"], VECTORS)) and said["base64"] == [packed(v) for v in VECTORS]
    assert answer.json["meta"]["billed_units"]["input_tokens"] == PROVIDERS[name][2]
    sent = asked.mocks[name].last.json
    wanted = {"one": ("dimensions", None), "mistral": ("output_dimension", None), "cohere": ("input_type", "search_query")}
    if name in wanted:
        field, value = wanted[name]
        assert sent[field] == (value or 3)
    elif name == "gemini":
        assert sent["requests"][0]["taskType"] == "RETRIEVAL_QUERY" and sent["requests"][0]["outputDimensionality"] == 3
    else:
        assert sent == {"instances": [{"content": c, "task_type": "RETRIEVAL_QUERY"} for c in "ab"],
                        "parameters": {"outputDimensionality": 3}}


@pytest.mark.parametrize("name", list(PROVIDERS))
def test_google_clients_ask_for_one_and_for_many(asked, name):
    part = {"content": {"parts": [{"text": "a"}]}, "taskType": "RETRIEVAL_DOCUMENT", "title": "T"}
    one = asked("/v1beta/models/%s:embedContent" % target(name), part)
    assert one.status == 200, one.body
    assert is_near(one.json["embedding"]["values"], VECTORS[0])
    many = asked("/v1beta/models/%s:batchEmbedContents" % target(name),
                 {"requests": [{"model": "models/" + target(name), **part} for _ in range(2)]})
    assert all(is_near(e["values"], v) for e, v in zip(many.json["embeddings"], VECTORS))
    if name == "cohere":
        assert asked.mocks[name].last.json["input_type"] == "search_document"
        assert "dropped title" in many.headers["x-tidegate-warnings"]
    if name == "gemini":
        assert asked.mocks[name].last.json["requests"][1] == {"model": "models/" + MODELS[name], **part}


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


def sizes(upstream):
    return sorted(len(r.json.get("texts") or r.json["requests"]) for r in upstream.requests)


@pytest.mark.parametrize("name,most,expected", [("cohere", 96, [96] * 4 + [66]), ("gemini", 100, [100] * 4 + [50])])
def test_many_inputs_are_asked_in_pieces_and_put_together(asked, name, most, expected):
    asked.mocks[name].always(numbered)
    answer = asked("/v1/embeddings", {"model": target(name), "input": [str(i) for i in range(450)]})
    assert answer.status == 200, answer.body
    assert [d["embedding"] for d in answer.json["data"]] == [[i, -i] for i in range(450)]
    assert answer.json["usage"]["prompt_tokens"] == 450
    assert sizes(asked.mocks[name]) == sorted(expected)
    tried = answer.headers["x-tidegate-attempts"].split()
    assert len(tried) == len(expected) and all(t.startswith(target(name) + "#1=200/") for t in tried)
    assert answer.headers["x-tidegate-target"] == target(name)
    line = asked.gateway.log_of(answer)
    assert (line["tokens_in"], line["target"]) == (450, target(name))


def test_as_many_inputs_as_a_provider_takes_are_one_request(asked):
    asked("/v1/embeddings", {"model": target("cohere"), "input": ["a"] * 96})
    assert sizes(asked.mocks["cohere"]) == [96]

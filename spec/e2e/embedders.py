"""Mock providers of embeddings, each in its own protocol, and readers of what clients get. For test_embeddings*.py."""
import base64
import json
import struct

import upstream as mock

VECTORS = [[0.5, -0.25, 1e-3], [1.5, 2.25, -3.125]]


def packed(vector):
    return base64.b64encode(struct.pack("<%df" % len(vector), *vector)).decode()


def unpacked(text):
    data = base64.b64decode(text, validate=True)
    return list(struct.unpack("<%df" % (len(data) // 4), data))


def is_near(one, other):
    return len(one) == len(other) and all(abs(a - b) <= 1e-6 * max(1, abs(b)) for a, b in zip(one, other))


def vectors(count):
    return [VECTORS[i % 2] for i in range(count)]


def as_openai(request):
    inputs = request.json["input"]
    count = 1 if isinstance(inputs, str) or isinstance(inputs[0], int) else len(inputs)
    is_64 = request.json.get("encoding_format") == "base64"
    data = [{"object": "embedding", "index": i, "embedding": packed(v) if is_64 else v}
            for i, v in enumerate(vectors(count))]
    data.reverse()  # `index` says where each belongs
    return mock.json_reply({"object": "list", "data": data, "model": "upstream-model",
                            "usage": {"prompt_tokens": 7, "total_tokens": 7}})


def as_voyage(request):
    reply = as_openai(request)
    body = json.loads(reply.pieces[0])
    body["usage"] = {"total_tokens": 8}
    return mock.json_reply(body)


def as_gemini(request):
    if request.path.endswith(":predict"):
        return mock.json_reply({"predictions": [
            {"embeddings": {"statistics": {"token_count": 3, "truncated": False}, "values": v}}
            for v in vectors(len(request.json["instances"]))]})
    if request.path.endswith(":embedContent"):
        return mock.json_reply({"embedding": {"values": VECTORS[0]}, "usageMetadata": {"promptTokenCount": 5}})
    return mock.json_reply({"embeddings": [{"values": v} for v in vectors(len(request.json["requests"]))],
                            "usageMetadata": {"promptTokenCount": 9}})


def as_cohere(request):
    body = request.json
    floats = vectors(len(body.get("texts") or body.get("images") or body.get("inputs")))
    made = {"float": floats, "base64": [packed(v) for v in floats], "int8": [[1, -2, 3]] * len(floats)}
    return mock.json_reply({"id": "e-1", "embeddings": {t: made[t] for t in body.get("embedding_types", ["float"])},
                            "texts": body.get("texts", []), "response_type": "embeddings_by_type",
                            "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 6}}})


def as_bedrock(request):
    """Cohere's models there: the count stands in a header"""
    reply = as_cohere(request)
    body = json.loads(reply.pieces[0])
    del body["meta"]
    return mock.json_reply(body, headers={"X-Amzn-Bedrock-Input-Token-Count": "4"})


def as_ollama(request):
    inputs = request.json["input"]
    return mock.json_reply({"model": "m", "embeddings": vectors(1 if isinstance(inputs, str) else len(inputs)),
                            "total_duration": 1, "load_duration": 1, "prompt_eval_count": 5})


# name: fields of gateway.lua, how it answers, tokens of an answer to two texts, a model
PROVIDERS = {
    "one": ({"extends": "openai"}, as_openai, 7, "m"),
    "mistral": ({}, as_openai, 7, "mistral-embed"),
    "voyage": ({}, as_voyage, 8, "voyage-3.5"),
    "gemini": ({}, as_gemini, 9, "gemini-embedding-001"),
    "vertex": ({"project": "p"}, as_gemini, 6, "text-multilingual-embedding-002"),
    "cohere": ({}, as_cohere, 6, "embed-v4.0"),
    "bedrock": ({"region": "r"}, as_bedrock, 4, "us.cohere.embed-v4:0"),
    "ollama": ({}, as_ollama, 5, "nomic-embed-text"),
}
BELOW_V1 = ("one", "mistral", "voyage")


def target(name):
    return name + "/" + PROVIDERS[name][3]

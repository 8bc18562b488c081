"""Recorded embeddings of every provider, replayed to clients of every dialect: the numbers are those of the recording, as
floats and as base64. Judgements of moderations, too. What a recording says is read here, by its shape; nothing knows an adapter."""
import glob
import json
import os
import urllib.parse

import openai
import pytest

import gateway as program
import upstream as mock
from config import config
from embedders import is_near, packed, unpacked
from wire import LIMIT

FOLDER = os.environ.get("TIDEGATE_RECORDINGS", os.path.join(program.ROOT, "..", "shared", "recordings"))
FIELDS = {"azure": {}, "bedrock": {"region": "r"}, "vertex": {"project": "p"}}
BELOW_V1 = ("openai", "mistral", "voyage", "openrouter", "llamacpp")
NEVER_REPLAYED = ("transfer-encoding", "content-encoding", "content-length", "connection", "set-cookie")


class Case:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.meta = json.load(file)
        self.provider, self.status = self.meta["provider"], self.meta["status"]
        self.id = "%s-%s" % (self.provider, self.meta["name"])
        with open(os.path.join(os.path.dirname(path), self.meta["response_file"]), "rb") as file:
            self.body = file.read()
        self.said = json.loads(self.body)

    @property
    def model(self):
        """as the path names it, where it does"""
        path = urllib.parse.unquote(self.meta.get("path") or "")
        for mark in ("/models/", "/model/"):
            if mark in path:
                return path.split(mark)[1].rsplit(":", 1)[0].replace("/invoke", "")
        return self.meta.get("model") or "m"

    def reply(self):
        headers = {n: v for n, v in self.meta["response_headers"].items() if n.lower() not in NEVER_REPLAYED}
        headers.setdefault("content-type", self.meta["content_type"])
        return mock.Reply(self.status, headers, [self.body], "chunked").split([61, 4096])

    def vectors(self):
        return [unpacked(v) if isinstance(v, str) else v for v in find_vectors(self.said)]

    def tokens(self):
        found = find_count(self.said)
        header = {n.lower(): v for n, v in self.meta["response_headers"].items()}.get("x-amzn-bedrock-input-token-count")
        return found if found is not None else int(header) if header else None


def find_vectors(value):
    """every list of numbers, or text of base64 that is called an embedding, in order"""
    if isinstance(value, list):
        if value and all(isinstance(v, (int, float)) for v in value):
            return [value]
        return [found for item in value for found in find_vectors(item)]
    if isinstance(value, dict):
        return [found for name, item in value.items() if name not in ("texts", "images", "usage")
                for found in ([item] if name == "embedding" and isinstance(item, str) else find_vectors(item))]
    return []


def find_count(said):
    usage = said.get("usage") or {}
    units = (said.get("meta") or {}).get("billed_units") or {}
    texts = [p["embeddings"]["statistics"]["token_count"] for p in said.get("predictions", [])]
    for found in (usage.get("prompt_tokens"), usage.get("total_tokens"), units.get("input_tokens"),
                  (said.get("usageMetadata") or {}).get("promptTokenCount"), said.get("prompt_eval_count"),
                  said.get("inputTextTokenCount"), sum(texts) if texts else None):
        if found is not None:
            return found
    return None


def cases():
    found = []
    for path in sorted(glob.glob(os.path.join(FOLDER, "*", "embeddings-*.meta.json"))):
        case = Case(path)
        if case.meta["provenance"] in ("recorded", "raw"):
            found.append(case)
    return found


CASES = cases()


@pytest.fixture(scope="module")
def replaying(tmp_path_factory):
    """one gateway before a mock of each provider that there are recordings of"""
    from upstream import Upstream
    mocks, providers = {}, {}
    for name in sorted({c.provider for c in CASES}):
        mocks[name] = Upstream()
        base_url = mocks[name].url if name in BELOW_V1 else mocks[name].origin
        providers[name] = {"base_url": base_url, "keys": ["sk-canary-" + name], **FIELDS.get(name, {})}
    folder = tmp_path_factory.mktemp("recorded")
    text = config(providers, retry={"max": 0}).replace("@LOG@", str(folder / "gateway.log"))
    one = program.Gateway(folder, text)
    one.start()
    yield one, mocks
    one.settle()
    one.stop()
    for upstream in mocks.values():
        upstream.close()


def test_there_are_recordings_of_most_providers():
    if not os.path.isdir(FOLDER):
        pytest.skip("no recordings in " + FOLDER)
    assert len({c.provider for c in CASES}) >= 10


@pytest.mark.sdk
@pytest.mark.parametrize("case", [c for c in CASES if c.status == 200], ids=lambda c: c.id)
def test_vectors_are_those_of_the_recording(replaying, case):
    gateway, mocks = replaying
    mocks[case.provider].always(lambda request: case.reply())
    expected, model = case.vectors(), case.provider + "/" + case.model
    assert expected, case.said.keys()
    inputs = ["text %d" % i for i in range(len(expected))]
    with openai.OpenAI(base_url=gateway.url, api_key="x", max_retries=0, timeout=LIMIT) as client:
        plain = client.embeddings.create(model=model, input=inputs, encoding_format="float")
        whole = client.embeddings.create(model=model, input=inputs)
    said = sorted(plain.data, key=lambda d: d.index)
    if isinstance(said[0].embedding, str):  # passed through: the provider was asked for floats, and recorded otherwise
        assert [unpacked(d.embedding) for d in said] == expected
    else:
        assert all(is_near(d.embedding, v) for d, v in zip(said, expected)) and len(said) == len(expected)
    assert [packed(d.embedding) for d in sorted(whole.data, key=lambda d: d.index)] == [packed(v) for v in expected]
    assert case.tokens() is None or whole.usage.prompt_tokens == case.tokens()


CLIENTS = {  # path and body of clients of other dialects; the vectors and the count of what they get
    "cohere-v2": (lambda model, texts: ("/v2/embed", {"model": model, "texts": texts, "input_type": "search_document",
                                                      "embedding_types": ["float", "base64"]}),
                  lambda said: said["embeddings"]["float"], lambda said: said["meta"]["billed_units"].get("input_tokens")),
    "gemini": (lambda model, texts: ("/v1beta/models/%s:batchEmbedContents" % model, {"requests": [
        {"model": "models/" + model, "content": {"parts": [{"text": t}]}} for t in texts]}),
        lambda said: [e["values"] for e in said["embeddings"]],
        lambda said: (said.get("usageMetadata") or {}).get("promptTokenCount")),
    "ollama": (lambda model, texts: ("/api/embed", {"model": model, "input": texts}),
               lambda said: said["embeddings"], lambda said: said.get("prompt_eval_count")),
}
OWN = {"cohere": "cohere-v2", "gemini": "gemini", "vertex": "gemini", "ollama": "ollama"}  # which pass their clients through


@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize("case", [c for c in CASES if c.status == 200], ids=lambda c: c.id)
def test_clients_of_other_dialects_get_the_same_vectors(replaying, case, dialect):
    gateway, mocks = replaying
    mocks[case.provider].always(lambda request: case.reply())
    expected, (request, vectors_of, count_of) = case.vectors(), CLIENTS[dialect]
    path, body = request(case.provider + "/" + case.model, ["text %d" % i for i in range(len(expected))])
    answer = gateway.call(body, path)
    assert answer.status == 200, answer.body
    tokens = gateway.log(answer)["tokens"]["in"]
    assert case.tokens() is None or tokens == case.tokens()
    if OWN.get(case.provider) == dialect and answer.body == case.body:
        return  # its own words
    said = json.loads(answer.body)
    assert len(vectors_of(said)) == len(expected) and all(is_near(a, b) for a, b in zip(vectors_of(said), expected))
    if dialect == "cohere-v2":
        assert said["embeddings"]["base64"] == [packed(v) for v in expected]
    assert case.tokens() is None or count_of(said) == case.tokens()


MODERATIONS = sorted(glob.glob(os.path.join(FOLDER, "openai", "moderations-*.meta.json")))


@pytest.mark.parametrize("path", MODERATIONS, ids=lambda p: os.path.basename(p)[:-len(".meta.json")])
def test_judgements_are_passed_on_byte_by_byte(replaying, path):
    gateway, mocks = replaying
    case = Case(path)
    mocks["openai"].always(lambda request: case.reply())
    with open(path.replace(".meta.json", ".request.json"), encoding="utf-8") as file:
        asked = json.load(file)
    answer = gateway.call({**asked, "model": "openai/" + asked["model"]}, "/v1/moderations")
    assert answer.status == 200 and answer.body == case.body
    assert mocks["openai"].last.json == asked and mocks["openai"].last.path == "/v1/moderations"


@pytest.mark.parametrize("case", [c for c in CASES if c.status != 200], ids=lambda c: c.id)
def test_errors_are_told_in_openais_words(replaying, case):
    gateway, mocks = replaying
    mocks[case.provider].always(lambda request: case.reply())
    answer = gateway.call({"model": case.provider + "/" + case.model, "input": ["a"]}, "/v1/embeddings")
    assert answer.status >= 400
    message = case.said.get("message") or case.said["error"]["message"]
    assert message[:40] in answer.json["error"]["message"], answer.body

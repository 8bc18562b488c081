"""Recorded traffic of OpenAI-like providers, replayed whole, with its recorded chunk sizes and byte by byte: the
client's bytes are the provider's, and the usage in the log is what an extractor of the tests' own finds."""
import collections
import glob
import json
import os
import re

import pytest

import gateway as program
import upstream as mock
from config import config, provider
from expect import openai_error, told

FOLDER = os.environ.get("TIDEGATE_RECORDINGS", os.path.join(program.ROOT, "..", "shared", "recordings"))
SHIPPED = ("openai", "groq", "mistral", "deepseek", "xai", "openrouter", "together", "fireworks", "moonshot", "qwen",
           "zhipu", "perplexity", "cerebras", "vllm", "llamacpp")
OTHERS = ("azure", "huggingface", "gpustack", "ollama", "gemini", "bedrock-mantle", "voyage")  # as plain "openai"
PATHS = {"chat": "/chat/completions", "completions": "/completions", "embeddings": "/embeddings"}
DIALECT_PATHS = tuple(PATHS.values())
SMALL = 65536  # bytes; up to here byte by byte in `make test`, the rest in `make soak`
CHOSEN_SIZES = [1, 2, 3, 61, 1, 500, 17, 4, 97]  # for the larger ones
NEVER_PASSED = ("transfer-encoding", "content-encoding", "content-length", "connection", "set-cookie")


class Case:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.meta = json.load(file)
        base = os.path.dirname(path)
        self.provider, self.status = self.meta["provider"], self.meta["status"]
        self.id = "%s-%s" % (self.provider, self.meta["name"])
        with open(os.path.join(base, self.meta["response_file"]), "rb") as file:
            self.body = file.read()
        self.is_sse = self.meta["response_file"].endswith(".sse")
        self.request = self._request(base)
        self.request["stream"] = self.is_sse
        self.path = "/v1" + PATHS[self.meta["endpoint"]]

    def _request(self, base):
        name = self.meta.get("request_file")
        if name and name.endswith(".json"):
            with open(os.path.join(base, name), encoding="utf-8") as file:
                request = json.load(file)
            if isinstance(request, dict):
                request.setdefault("model", self.meta.get("model") or "m")
                return request
        return {"model": self.meta.get("model") or "m", "messages": [{"role": "user", "content": "hi"}], "input": "hi"}

    def reply(self, sizes):
        headers = {n: v for n, v in self.meta["response_headers"].items() if n.lower() not in NEVER_PASSED}
        headers.setdefault("content-type", self.meta["content_type"])
        return mock.Reply(self.status, headers, [self.body], "chunked").split(sizes)

    def sizes(self):
        """the ways to split the body in `make test`"""
        small = [1] if len(self.body) <= SMALL else CHOSEN_SIZES
        recorded = [self.meta["chunk_sizes"]] if self.meta.get("chunk_sizes") else []
        return [[max(1, len(self.body))], small, *recorded]


def load():
    cases = []
    for path in sorted(glob.glob(os.path.join(FOLDER, "*", "*.meta.json"))):
        with open(path, encoding="utf-8") as file:
            meta = json.load(file)
        sent_to = (meta.get("path") or "").split("?")[0]
        if meta["provider"] == "ollama" and sent_to.startswith("/api/"):
            continue  # in its own words: test_conformance.py, test_embeddings_recordings.py
        if meta["provider"] in SHIPPED + OTHERS and meta["endpoint"] in PATHS and sent_to.endswith(DIALECT_PATHS):
            cases.append(Case(path))
    return cases


CASES = load()
needs_recordings = pytest.mark.skipif(not CASES, reason="no recordings in " + FOLDER)


# ---- the tests' own reading of a body ----------------------------------------------------------
Block = collections.namedtuple("Block", "raw name data value")


def blocks(body):
    """the SSE blocks of a body, with their bytes"""
    found = []
    for raw in re.findall(rb".*?(?:\r\n\r\n|\n\n|\r\r|\n\r\n|\Z)", body, re.S):
        if not raw:
            continue
        lines = raw.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        data = [line[5:].removeprefix(" ") for line in lines if line.startswith("data:")]
        name = [line[6:].strip() for line in lines if line.startswith("event:")]
        text = "\n".join(data) if data else None
        value = json.loads(text) if text and text != "[DONE]" else None
        found.append(Block(raw, name[-1] if name else None, text, value))
    return found


def says_error(block):
    return block.name == "error" or (isinstance(block.value, dict) and bool(block.value.get("error")))


def has_content(block):
    for choice in (block.value or {}).get("choices") or ():
        part = {**(choice.get("message") or {}), **(choice.get("delta") or {})}
        if choice.get("text") or any(v for k, v in part.items() if k not in ("role", "provider_specific_fields")):
            return True
    return False


def usage_of(value):
    if not isinstance(value, dict):
        return None
    inside = [c.get("usage") for c in value.get("choices") or () if isinstance(c, dict)]
    return value.get("usage") or (value.get("x_groq") or {}).get("usage") or next(filter(None, inside), None)


def counted(case, usages):
    """(in, out, cached) of the last usage, each None when it was not told"""
    usage = ([u for u in usages if u] or [None])[-1]
    if usage is None:
        return None, None, None
    out = usage.get("completion_tokens")
    if case.provider == "xai" and out is not None:
        out += (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
    for name in ("cached_tokens", "prompt_cache_hit_tokens", "num_cached_tokens"):
        cached = usage.get(name) if cached is None else cached
    return usage.get("prompt_tokens"), out, cached


def finished(seen):
    choices = {c.get("index", 0) for b in seen for c in (b.value or {}).get("choices") or ()}
    ended = {c.get("index", 0) for b in seen for c in (b.value or {}).get("choices") or () if c.get("finish_reason")}
    return bool(choices) and choices == ended


def expected_stream(case):
    """the bytes that the client must get"""
    seen = blocks(case.body)
    hide = not (case.request.get("stream_options") or {}).get("include_usage")
    kept = [b.raw for b in seen if not (hide and usage_of(b.value) and not b.value.get("choices"))]
    done = any(b.data == "[DONE]" for b in seen)
    body = b"".join(kept)
    if kept and not re.search(rb"(\r\n\r\n|\n\n|\r\r)\Z", body):
        body += b"\n\n" if body[-1:] not in b"\r\n" else b"\n"
    return body if done else body + mock.DONE


# ---- replaying ---------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    """one gateway and one provider for all cases"""
    if not os.path.exists(program.BINARY):
        pytest.skip("build it first: " + program.BINARY)
    upstream = mock.Upstream()
    providers = {name: {"keys": ["sk-canary-" + name], "base_url": upstream.url} for name in SHIPPED}
    providers |= {name: provider(upstream, "sk-canary-" + name) for name in OTHERS}
    folder = tmp_path_factory.mktemp("recordings")
    text = config(providers, retry={"max": 0}, limits={"body": "64MB"}).replace("@LOG@", str(folder / "gateway.log"))
    gateway = program.Gateway(folder, text)
    try:
        yield gateway.start(), upstream
        gateway.stop()
        gateway.check_canary()
    finally:
        gateway.kill()
        upstream.close()


def replay(replayed, case, sizes):
    gateway, upstream = replayed
    upstream.always(case.reply(sizes))
    body = {**case.request, "model": "%s/%s" % (case.provider, case.request["model"])}
    with gateway.connect() as connection:
        connection.request(path=case.path, body=body)
        return connection.response().read()


REASONING = re.compile(r"gpt-5|o[134]")  # these models refuse some fields, and call one otherwise
BENT = {"max_tokens", "max_completion_tokens", "temperature", "top_p", "logprobs", "top_logprobs", "presence_penalty",
        "frequency_penalty", "logit_bias"}


def check_request(case, upstream):
    sent = upstream.last.json
    assert upstream.last.path == case.path and sent["model"] == case.request["model"]
    assert sent.get("messages") == case.request.get("messages") and sent.get("tools") == case.request.get("tools")
    if case.provider == "openai" or case.provider in OTHERS:
        left_out = {"stream_options"} | (BENT if REASONING.match(case.request["model"]) else set())
        assert {k: v for k, v in sent.items() if k not in left_out} == \
            {k: v for k, v in case.request.items() if k not in left_out}


def check_stream(gateway, case, answer):
    seen = blocks(case.body)
    if any(says_error(b) for b in seen):
        before = []
        for block in seen:
            if says_error(block):
                break
            before.append(block)
        if not any(has_content(b) for b in before):
            openai_error(answer, answer.status)
            assert answer.status >= 400
            return
        assert answer.body.startswith(b"".join(b.raw for b in before)) and b"[DONE]" not in answer.body
        assert says_error(blocks(answer.body)[-1])
        assert gateway.log(answer)["error"]
        return
    assert finished(seen) or any(b.data == "[DONE]" for b in seen), "this recording has no end"
    assert answer.status == 200 and answer.body == expected_stream(case)
    assert told(gateway.log(answer)) == counted(case, [usage_of(b.value) for b in seen])


def check_success(gateway, case, answer):
    if case.is_sse:
        check_stream(gateway, case, answer)
        return
    value = json.loads(case.body)
    if value.get("error"):  # a failure under status 200
        openai_error(answer, answer.status)
        assert answer.status >= 400
        return
    assert answer.status == 200 and answer.body == case.body
    assert told(gateway.log(answer)) == counted(case, [usage_of(value)])


NO_MODEL = re.compile(r"supported API model names|Model .* does not exist")
NO_MONEY = re.compile(r"quota|billing|suspended|balance|credit", re.I)


def check_error(case, answer):
    try:
        value = json.loads(case.body)
    except ValueError:
        value = None
    text = case.body.decode("utf-8", "replace")
    if case.status == 400 and NO_MODEL.search(text):  # some providers answer 400 where others say 404
        openai_error(answer, 404)
        return
    if case.status in (400, 413, 422) and not (case.provider == "xai" and "API key" in text):
        assert answer.status == case.status
        assert isinstance(value, dict) and answer.body == case.body
        return
    allowed = {502}
    if case.status == 429:
        allowed = {429, 502} if NO_MONEY.search(text) else {429}
    elif case.status == 404:
        allowed = {404}
    elif case.status == 403:
        allowed = {403, 502}  # 403 of a moderation goes back, of a key does not
    elif case.provider == "llamacpp":
        allowed = {400, 413, 502}  # "input is too large" under 500
    assert answer.status in allowed
    if answer.body != case.body:  # a moderation's own words go back as they are
        openai_error(answer, answer.status)


@needs_recordings
@pytest.mark.parametrize("case", CASES, ids=[c.id for c in CASES])
def test_a_recording_passes_unchanged_however_it_is_split(replayed, case):
    gateway, upstream = replayed
    for sizes in case.sizes():
        answer = replay(replayed, case, sizes)
        if case.status == 200:
            check_success(gateway, case, answer)
        else:
            check_error(case, answer)
        check_request(case, upstream)


@needs_recordings
@pytest.mark.soak
@pytest.mark.parametrize("case", [c for c in CASES if c.status == 200], ids=[c.id for c in CASES if c.status == 200])
def test_T08_a_recording_passes_unchanged_byte_by_byte_and_in_odd_sizes(replayed, case):
    for sizes in ([1], [2], [3], [5], [7], [64], [1000], [4096]):
        check_success(replayed[0], case, replay(replayed, case, sizes))


@needs_recordings
def test_there_are_recordings_of_many_providers():
    assert len({c.provider for c in CASES}) >= 15 and len(CASES) >= 150
    assert sum(bool(c.meta.get("chunk_sizes")) for c in CASES) >= 5

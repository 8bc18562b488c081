"""Recordings of every provider, replayed to clients of every dialect through one gateway: for test_conformance.py and
test_malformed_streams.py. What a client must get is read from the recording by `facts`; nothing here knows an adapter.
"""
import base64
import concurrent.futures
import glob
import itertools
import json
import os
import random
import re
import urllib.parse

import gateway as program
import upstream as mock
from config import config
from facts import Choice, Facts, client, provider
from wire import Closed, Connection, wait_until

FOLDER = os.environ.get("TIDEGATE_RECORDINGS", os.path.join(program.ROOT, "..", "shared", "recordings"))
SEED = int(os.environ.get("TIDEGATE_SEED", "1"))
JOBS = 6
DIALECT_OF = {"chat": "openai-chat", "responses": "openai-responses", "messages": "anthropic-messages",
              "generate": "gemini"}
ADAPTERS = {os.path.basename(p)[:-4] for p in glob.glob(os.path.join(program.ROOT, "adapters", "*.lua"))}
NATIVE = {"anthropic": "anthropic-messages", "gemini": "gemini", "vertex": "gemini", "bedrock": "bedrock-converse",
          "cohere": "cohere-v2", "ollama": "ollama"}  # what they speak alone
OWN_PATHS = {"bedrock": "/model/", "cohere": "/v2/", "ollama": "/api/"}  # where it is not OpenAI's
NEEDS = {"vertex": {"project": "p", "location": "l"}, "bedrock": {"region": "us-east-1"},
         "bedrock_mantle": {"region": "us-east-1"}}  # what must be configured besides a key
FRAMINGS = {"bedrock-converse": "application/vnd.amazon.eventstream", "ollama": "application/x-ndjson"}
STREAMS = (".sse", ".ndjson", ".eventstream.bin")
NEVER_REPLAYED = ("transfer-encoding", "content-encoding", "content-length", "connection", "set-cookie")


def dialect_of(meta):
    """the dialect of what was recorded; None for none of ours"""
    path = (meta.get("path") or "").split("?")[0]
    if meta.get("endpoint") not in DIALECT_OF:
        return None
    if "rawpredict" in path.lower() and ("anthropic" in path or "claude" in path):
        return "anthropic-messages"
    if path.startswith(OWN_PATHS.get(meta["provider"], "no path")):
        return NATIVE[meta["provider"]]
    return DIALECT_OF[meta["endpoint"]]


class Recording:
    def __init__(self, number, meta, base):
        self.number, self.meta = number, meta
        self.provider, self.status = meta["provider"], meta["status"]
        self.id = "%s-%s" % (self.provider, meta["name"])
        self.path = (meta.get("path") or "").split("?")[0]
        self.dialect = dialect_of(meta)
        self.is_claude = self.dialect == "anthropic-messages" and "rawpredict" in self.path.lower()
        with open(os.path.join(base, meta["response_file"]), "rb") as file:
            self.body = file.read()
        self.is_stream = meta["response_file"].endswith(STREAMS)
        self.reason = self._reason()
        if self.reason:
            return
        try:
            self.facts = self.read(self.body)
        except (AttributeError, KeyError, TypeError, IndexError) as problem:
            self.reason = "%s cannot be read by facts.provider: %r" % (self.id, problem)

    def read(self, body):
        if self.status == 200:
            return provider.read(self.dialect, body, self.is_stream)
        facts = Facts()
        facts.error = provider.refused(body)
        return facts

    def _reason(self):
        """why it cannot be replayed; None when it can"""
        if not self.meta["response_file"].endswith((".json", ".txt", ".bin", *STREAMS)):
            return "its framing is that of another protocol"
        if "stream" in self.path.lower() and not self.is_stream and self.status == 200:
            return "a stream that is one JSON array, which is never asked for"
        return None

    @property
    def adapter(self):
        """the adapter that its provider extends, with the dialect of the recording alone"""
        if self.is_claude:
            return "anthropic"
        name = self.provider.replace("-", "_")
        name = name if name in ADAPTERS else "openai"
        if NATIVE.get(name, self.dialect) != self.dialect:
            return name + "_openai" if name + "_openai" in ADAPTERS else "openai"
        return name

    @property
    def target(self):
        """the name of its provider in the gateway's configuration"""
        name = "on_%s_%s" % (self.provider, self.dialect)
        return name.replace("-", "_")

    @property
    def suffix(self):
        """of the model's name: on Bedrock it says whose signatures these are"""
        return "." + self.meta["model"] if self.provider == "bedrock" and self.meta.get("model") else ""

    def reply(self, body, sizes):
        told = self.meta.get("response_headers") or {}
        headers = {n: v for n, v in told.items() if n.lower() not in NEVER_REPLAYED}
        if "content-type" not in {n.lower() for n in headers}:
            usual = FRAMINGS.get(self.dialect, "text/event-stream") if self.is_stream else "application/json"
            headers["content-type"] = self.meta.get("content_type") or usual
        return mock.Reply(self.status, headers, [body], "chunked").split(sizes)


def load():
    found = []
    for path in sorted(glob.glob(os.path.join(FOLDER, "*", "*.meta.json"))):
        with open(path, encoding="utf-8") as file:
            meta = json.load(file)
        if dialect_of(meta) and meta.get("status") and meta.get("response_file"):
            found.append(Recording(len(found), meta, os.path.dirname(path)))
    return found


RECORDINGS = load()
USABLE = [r for r in RECORDINGS if not r.reason]


# ---- clients -----------------------------------------------------------------------------------
def ask(dialect, model, stream, other=False):
    """(path, body) of the least request that the dialect knows; `other`: of the other form that it has, Gemini's
    streams as an array and Ollama's /api/generate"""
    if dialect == "openai-chat":
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream}
        if stream:
            body["stream_options"] = {"include_usage": True}
        return "/v1/chat/completions", body
    if dialect == "openai-responses":
        return "/v1/responses", {"model": model, "input": "hi", "stream": stream}
    if dialect == "cohere-v2":
        return "/v2/chat", {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    if dialect == "anthropic-messages":
        return "/v1/messages", {"model": model, "max_tokens": 1000, "stream": stream,
                                "messages": [{"role": "user", "content": "hi"}]}
    if dialect == "bedrock-converse":
        path = "/model/%s/converse%s" % (urllib.parse.quote(model, safe=""), "-stream" * stream)
        return path, {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    if dialect == "ollama":
        if other:
            return "/api/generate", {"model": model, "prompt": "hi", "stream": stream}
        return "/api/chat", {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    method = "generateContent" if not stream else "streamGenerateContent" + ("" if other else "?alt=sse")
    return "/v1beta/models/%s:%s" % (model, method), {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


# ---- the gateway and its providers -------------------------------------------------------------
def providers(upstream, recordings):
    """(the configuration's providers, adapter files for those that would speak other dialects, too)"""
    table, files = {}, {}
    for one in recordings:
        has_version = one.adapter not in (*NATIVE, "azure")
        table[one.target] = {"keys": ["sk-canary-" + one.target],
                             "base_url": upstream.url if has_version else upstream.origin}
        table[one.target] |= NEEDS.get(one.adapter, {})
        if one.adapter in NATIVE:
            table[one.target]["extends"] = one.adapter
            continue
        files["adapters/%s.lua" % one.target] = "return tide.adapter { extends = %s, dialect = %s }\n" % (
            json.dumps(one.adapter), json.dumps(one.dialect))
    return table, files


class Bench:
    """One gateway, and a provider that answers each request with the reply that was registered under its model."""

    def __init__(self, folder, recordings, **settings):
        self.replies, self.sent = {}, {}
        self.serial = itertools.count()
        self.upstream = mock.Upstream().always(self._reply)
        table, files = providers(self.upstream, recordings)
        text = config(table, retry={"max": 0}, limits={"body": "64MB"}, **settings)
        self.gateway = program.Gateway(folder, text.replace("@LOG@", str(folder / "gateway.log")), files=files)
        try:
            self.gateway.start()
        except BaseException:
            self.close()
            raise

    def _reply(self, request):
        self.upstream.requests.clear()
        model = re.search(rb"rec-\d+", request.target.encode() + b" " + request.body)
        key = model.group().decode() if model else None
        self.sent[key] = request
        return self.replies.pop(key, None)

    def ask(self, recording, dialect, reply, other=False):
        """an answer of the gateway, read to its end; its `upstream` is what the provider was sent"""
        model = "rec-%d" % next(self.serial)
        self.replies[model] = reply
        path, body = ask(dialect, "%s/%s%s" % (recording.target, model, recording.suffix), recording.is_stream, other)
        with Connection(self.gateway.port, seen=self.gateway.seen) as connection:
            connection.request(path=path, body=body)
            answer = connection.response()
            try:
                answer.read()
                answer.cut = False
            except Closed:
                answer.cut = True
        answer.upstream = self.sent.pop(model, None)
        return answer

    def logged(self, ids):
        """{request id: line}, when the log has a line for each of them"""
        def read():
            lines = {line["request_id"]: line for line in self.gateway.lines() if line.get("request_id")}
            return [lines] if ids <= set(lines) else None
        return wait_until("the last lines of the log", read)[0]

    def stop(self):
        self.gateway.settle()
        self.gateway.stop()
        self.gateway.check_canary()

    def close(self):
        self.gateway.kill()
        self.upstream.close()


def in_threads(work, items):
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        return list(pool.map(work, items))


# ---- what must come out ------------------------------------------------------------------------
def squeezed(text):
    """reasoning may be cut into other paragraphs on its way"""
    return re.sub(r"\s+", "", text)


def is_carried(signature, found):
    """as it is, or wrapped in base64 with a mark of its owner"""
    for one in found:
        if signature == one:
            return True
        try:
            if signature.encode() in base64.b64decode(one + "=" * (-len(one) % 4), altchars=b"-_"):
                return True
        except ValueError:
            pass
    return False


# what a dialect has no place for: its clients do without, and are told so where there is a head to tell it in
CANNOT = {
    ("anthropic-messages", "choices"): "a message is one answer",
    ("openai-responses", "choices"): "a response is one answer",
    ("anthropic-messages", "images"): "no pictures in answers",
    ("anthropic-messages", "sounds"): "no sound in answers",
    ("openai-responses", "sounds"): "no sound in answers",
    ("gemini", "a cut call"): "arguments are an object: what was cut off is left out",
    ("anthropic-messages", "citations"): "a citation needs the provider's own index",
    ("anthropic-messages", "files"): "a citation needs the document's place in the request",
    ("anthropic-messages", "server"): "another provider's own tools",
    ("openai-chat", "server"): "no place for a provider's own tools",
    ("openai-responses", "server"): "another provider's own tools",
    ("gemini", "server"): "another provider's own tools",
    ("anthropic-messages", "refusal"): "a refusal is text",
    ("gemini", "refusal"): "a refusal is text",
    ("gemini", "cache_write"): "usageMetadata does not count what was written to a cache",
    ("cohere-v2", "choices"): "a message is one answer",
    ("cohere-v2", "images"): "no pictures in answers",
    ("cohere-v2", "sounds"): "no sound in answers",
    ("cohere-v2", "refusal"): "a refusal is text",
    ("cohere-v2", "server"): "no place for a provider's own tools",
    ("cohere-v2", "cache_write"): "its usage does not count what was written to a cache",
    ("cohere-v2", "model"): "its answers do not name the model",
    ("bedrock-converse", "choices"): "a message is one answer",
    ("bedrock-converse", "sounds"): "no sound in streams",
    ("bedrock-converse", "a cut call"): "the input is an object: what was cut off is left out",
    ("bedrock-converse", "refusal"): "a refusal is text",
    ("bedrock-converse", "server"): "another provider's own tools",
    ("bedrock-converse", "reasoning"): "its usage does not count reasoning",
    ("bedrock-converse", "model"): "its answers do not name the model",
    ("ollama", "choices"): "a message is one answer",
    ("ollama", "sounds"): "no sound in answers",
    ("ollama", "a cut call"): "arguments are an object: what was cut off is left out",
    ("ollama", "citations"): "no place for citations",
    ("ollama", "files"): "no place for citations",
    ("ollama", "server"): "no place for a provider's own tools",
    ("ollama", "refusal"): "a refusal is text",
    ("ollama", "signatures"): "no place for what a provider has signed",
    ("ollama", "cached"): "its counts do not tell what came from a cache",
    ("ollama", "cache_write"): "its counts do not tell what was written to a cache",
    ("ollama", "reasoning"): "its counts do not tell what was thought",
}
USAGE = ("input", "output", "cached", "cache_write", "reasoning")


def compare(want, got, dialect, lost):
    """what a client of `dialect` reads otherwise than the recording says it; `lost` collects what CANNOT allows"""
    wrong = []

    def check(what, expected, found):
        if expected != found:
            wrong.append("%s: %s, not %s" % (what, repr(found)[:160], repr(expected)[:160]))

    def cannot(what):
        if (dialect, what) in CANNOT:
            lost.add(what)
            return True
        return False

    count = len(want.choices) or 1
    if count > 1 and cannot("choices"):
        count = 1
    check("choices", count, len(got.choices))
    for index in range(count):
        a, b = want.choices.get(index) or Choice(finish="stop"), got.choices.get(index) or Choice()
        text, refusal = a.text, a.refusal
        if a.finish == "content_filter" and not refusal and b.refusal:  # where else they say why it ended
            refusal = a.why
        elif refusal and cannot("refusal"):
            text, refusal = text + refusal, ""
        if b.text != text + want.transcript:  # what was said may be written where it cannot be heard
            check("text", text, b.text)
        check("refusal", refusal, b.refusal)
        check("reasoning", squeezed(a.reasoning), squeezed(b.reasoning))
        check("calls", [(c.name, c.value) for c in a.calls if isinstance(c.value, dict)],
              [(c.name, c.value) for c, w in zip(b.calls, a.calls) if isinstance(w.value, dict)])
        if len(a.calls) != len(b.calls):
            is_cut = a.finish == "length" and a.calls and isinstance(a.calls[-1].value, str)
            if not (is_cut and len(b.calls) == len(a.calls) - 1 and cannot("a cut call")):
                check("number of calls", len(a.calls), len(b.calls))
        if not (a.refusal and not refusal and b.finish == "content_filter"):  # said so where there is no other word
            check("finish", a.finish or "stop", b.finish)
    usage = want.usage
    contradiction = (usage.cached or 0) > (usage.input or 0)
    overlap = (usage.cached or 0) + (usage.cache_write or 0) > (usage.input or 0)
    for name in USAGE:
        a, b = getattr(usage, name), getattr(got.usage, name)
        if (name == "cache_write" and overlap or name == "cached" and contradiction) and dialect in (
                "anthropic-messages", "bedrock-converse"):
            continue  # what was both written and read is told once: its three counts are added up
        if a and a != b and cannot(name):
            continue
        if name == "reasoning" and b is None and dialect == "anthropic-messages":
            continue  # output_tokens holds it; the details are optional
        if (a or 0) != (b or 0):
            check("usage." + name, a, b)
    missing = [s for s in want.signatures if not is_carried(s, got.signatures)]
    if not (missing and cannot("signatures")):
        check("signatures", [], missing)
    for name in ("citations", "images", "sounds"):
        a, b = getattr(want, name), getattr(got, name)
        if set(a) - set(b) and not cannot(name):
            wrong.append("%s: %d of %d" % (name, len(set(a) & set(b)), len(set(a))))
    if want.files and not got.files and not cannot("files"):
        wrong.append("no file is cited")
    if want.server:
        cannot("server")
    if want.model and not (got.model is None and cannot("model")):
        check("model", want.model, got.model)
    return wrong


# ---- errors ------------------------------------------------------------------------------------
NO_MODEL = re.compile(r"supported API model names|Model .*(does not exist|not found)|requested model .* does not exist|"
                      r"on-demand throughput|model .* was deprecated", re.I)
NO_KEY = re.compile(r"api.key", re.I)
NO_MONEY = re.compile(r"quota|billing|suspended|balance|credit|spend", re.I)
FINAL = (400, 413, 422)  # about the request itself: they go back with the provider's words


def statuses(status, message):
    """the statuses that a client may get for one of a provider's"""
    if status in FINAL:
        if NO_MODEL.search(message):
            return {status, 404}
        return {502} if NO_KEY.search(message) else {status}
    if status == 429:
        return {429, 502} if NO_MONEY.search(message) else {429}
    if status == 404:
        return {404}
    if status == 403:
        return {403, 502}
    if status in (408, 504):
        return {502, 504}
    if status >= 500 and "too large" in message or "too long" in message:
        return {400, 413, 502}
    return {502, 503} if status >= 500 else {502}


def compare_error(recording, answer, dialect):
    """an answer with a status of an error must be one in the client's dialect"""
    want = recording.facts.error or {}
    message = want.get("message") or ""
    wrong = []
    if recording.status == 200:
        if answer.status < 400:
            wrong.append("an error inside a 200 became %d" % answer.status)
    elif answer.status not in statuses(recording.status, message):
        wrong.append("%d for %d" % (answer.status, recording.status))
    if dialect == recording.dialect and answer.body.strip() == recording.body.strip():
        return wrong  # the provider's own words
    if not answer.headers.get("content-type", "").startswith("application/json"):
        wrong.append("an error of type %s" % answer.headers.get("content-type"))
    if dialect == "bedrock-converse" and not answer.headers.get("x-amzn-errortype", "").endswith("Exception"):
        wrong.append("an error that SDKs cannot name: %s" % answer.headers.get("x-amzn-errortype"))
    try:
        found = client.error(dialect, answer.status, answer.body)
    except AssertionError as problem:
        return wrong + [str(problem)]
    if answer.status == recording.status and answer.status in FINAL and message not in found["message"]:
        wrong.append("the provider's words are lost: %r, not %r" % (found["message"], message))
    wait = {n.lower(): v for n, v in (recording.meta.get("response_headers") or {}).items()}.get("retry-after")
    if answer.status == 429 and wait and wait.isdigit() and not answer.headers.get("retry-after"):
        wrong.append("no Retry-After")
    return wrong


# ---- one answer --------------------------------------------------------------------------------
def check(recording, dialect, answer, other=False, lost=None):
    """what is wrong with the answer to a replay; `other` as in `ask`"""
    array = other and dialect == "gemini"
    lost = set() if lost is None else lost
    want = recording.facts
    if answer.cut:
        return ["the connection was cut: %r" % answer.body[-200:]]
    if recording.status != 200:
        return compare_error(recording, answer, dialect)
    failed = want.error or not want.ended or any(c.finish == "error" for c in want.choices.values())
    if failed and answer.status >= 400:
        return compare_error(recording, answer, dialect)
    if answer.status != 200:
        return ["%d: %r" % (answer.status, answer.body[:300])]
    if dialect == recording.dialect:
        return passed(recording, answer, array)
    streamed = FRAMINGS.get(dialect, "text/event-stream")
    kind = streamed if recording.is_stream and not array else "application/json"
    if not answer.headers.get("content-type", "").startswith(kind):
        return ["content-type %s" % answer.headers.get("content-type")]
    try:
        got = client.stream(dialect, answer.body, array) if recording.is_stream else client.answer(dialect, answer.body)
    except (AssertionError, KeyError, TypeError, ValueError) as problem:
        return ["%s: %s" % (type(problem).__name__, problem)]
    if failed:
        if not got.error and not any(c.finish == "error" for c in got.choices.values()):
            return ["a false success"]
        told = (want.error or {}).get("message")
        return [] if not told or not got.error or told in got.error["message"] else ["the provider's words are lost"]
    if got.error:
        return ["an error: %r" % got.error]
    return compare(want, got, dialect, lost) + untold(lost, answer, dialect, recording.is_stream)


TOLD = ("choices", "images", "sounds", "citations", "files", "server")


def untold(lost, answer, dialect, is_stream):
    """what was left out is named in a header; in a comment of the stream where the head had gone"""
    has_comments = dialect not in FRAMINGS and answer.headers["content-type"].startswith("text/event-stream")
    if is_stream and not has_comments or not lost & set(TOLD):
        return []
    said = answer.headers.get("x-tidegate-warnings", "").encode() + b"".join(
        line for line in answer.body.split(b"\n") if line.startswith(b":"))
    return [] if b"dropped" in said else ["nothing says that there is no %s" % ", ".join(sorted(lost & set(TOLD)))]


def passed(recording, answer, array):
    """the client speaks the provider's dialect: the same facts, and the same bytes"""
    want = recording.facts
    got = recording.read(answer.body) if not array else provider.read(recording.dialect, answer.body, False)
    wrong = ["%s: %r" % (n, getattr(got, n)) for n in
             ("choices", "signatures", "usage", "error", "citations", "images", "sounds") if getattr(want, n) != getattr(got, n)]
    if (not recording.is_stream or recording.dialect in FRAMINGS) and answer.body != recording.body:
        wrong.append("the bytes are not the provider's")
    return wrong


def splits(recording, more=0):
    """[(name, sizes)]: whole, as recorded, and at random places"""
    chosen = random.Random("%d/%s" % (SEED, recording.id))
    found = [("whole", [max(1, len(recording.body))])]
    if recording.meta.get("chunk_sizes"):
        found.append(("recorded", recording.meta["chunk_sizes"]))
    most = max(2, len(recording.body) // 60)
    for n in range(1 + more):
        found.append(("random %d" % n, [chosen.randint(1, most) for _ in range(40)]))
    return found

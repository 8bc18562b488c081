"""Vertex AI: tokens of a service account, made on the fly, from a token endpoint on loopback."""
import base64
import json
import subprocess
import threading
import urllib.parse

import pytest

import gateway as program
import upstream as mock
from config import config, provider
from dialects import ANTHROPIC, GEMINI, OPENAI, ask, error_of, reply, streamed_text, stream, text_of

pytestmark = pytest.mark.slow

REFUSED = {"error": {"code": 401, "message": "Request had invalid authentication credentials.",
                     "status": "UNAUTHENTICATED"}}


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, capture_output=True, timeout=mock.LIMIT, check=True).stdout


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """(private key in PEM, path of the public one)"""
    private = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    path = tmp_path_factory.mktemp("key") / "public.pem"
    path.write_bytes(openssl("pkey", "-pubout", data=private))
    return private.decode(), str(path)


class Tokens:
    """a token endpoint; every token begins as all canaries do, so that one which is shown fails the test"""

    def __init__(self, upstream, seconds=3599):
        self.upstream, self.seconds, self.count = upstream, seconds, 0
        upstream.always(self.answer)

    def answer(self, _):
        self.count += 1
        return mock.json_reply({"access_token": "sk-canary-token-%d" % self.count, "expires_in": self.seconds,
                                "token_type": "Bearer"})

    @property
    def asked(self):
        return self.upstream.requests


@pytest.fixture
def tokens(upstreams):
    return Tokens(upstreams())


def account(key, tokens, **more):
    return {"sa.json": json.dumps({
        "type": "service_account", "project_id": "p-1", "private_key_id": "k1", "private_key": key[0],
        "client_email": "me@p-1.iam.gserviceaccount.com", "token_uri": tokens.upstream.origin + "/token", **more})}


def vertex(upstream, **more):
    return {"base_url": upstream.origin, "project": "p-1", "credentials": "sa.json", **more}


def start(gateway, upstream, key, tokens, **settings):
    settings.setdefault("models", {"smart": ["vertex/gemini-2.5-flash"]})
    return gateway(config({"vertex": vertex(upstream)}, **settings), files=account(key, tokens))


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


# ---- the way to a token ------------------------------------------------------------------------
def test_a_signed_claim_is_changed_for_a_token(gateway, upstream, key, tokens, tmp_path):
    upstream.always(reply(GEMINI))
    answer = ask(start(gateway, upstream, key, tokens), OPENAI)
    assert text_of(OPENAI, answer) == "hello"
    assert upstream.last.headers["authorization"] == "Bearer sk-canary-token-1"
    assert upstream.last.target == \
        "/v1/projects/p-1/locations/global/publishers/google/models/gemini-2.5-flash:generateContent"
    form = urllib.parse.parse_qs(tokens.asked[0].body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    head, claims, signature = form["assertion"][0].split(".")
    assert json.loads(decoded(head)) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    claims_said = json.loads(decoded(claims))
    assert claims_said["iss"] == "me@p-1.iam.gserviceaccount.com"
    assert claims_said["aud"] == tokens.upstream.origin + "/token"
    assert claims_said["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    assert claims_said["exp"] - claims_said["iat"] == 3600
    (tmp_path / "signature").write_bytes(decoded(signature))
    openssl("dgst", "-sha256", "-verify", key[1], "-signature", str(tmp_path / "signature"),
            data=("%s.%s" % (head, claims)).encode())


def test_a_token_serves_many_requests(gateway, upstream, key, tokens):
    upstream.always(lambda _: reply(GEMINI))
    g = start(gateway, upstream, key, tokens)
    for dialect in (OPENAI, ANTHROPIC, GEMINI):
        assert text_of(dialect, ask(g, dialect)) == "hello"
    assert tokens.count == 1 and len(upstream.requests) == 3


def test_requests_at_the_same_time_wait_for_one_token(gateway, upstream, key, tokens):
    upstream.always(lambda _: reply(GEMINI))
    may_answer = threading.Event()
    tokens.upstream.always(lambda r: [setattr(one := tokens.answer(r), "before", [mock.Hold(may_answer)]), one][1])
    g = start(gateway, upstream, key, tokens)
    sent = [g.connect() for _ in range(8)]
    for one in sent:
        one.request("POST", "/v1/chat/completions",
                    {"model": "smart", "messages": [{"role": "user", "content": "hi"}]})
    program.wait_until("the token has been asked for", lambda: tokens.asked)
    may_answer.set()
    for one in sent:
        assert text_of(OPENAI, one.response("POST").read()) == "hello"
    assert tokens.count == 1


def test_a_token_is_changed_five_minutes_before_its_end(gateway, upstream, key, tokens):
    tokens.seconds = 300
    upstream.always(lambda _: reply(GEMINI))
    g = start(gateway, upstream, key, tokens)
    for count in (1, 2):
        assert text_of(OPENAI, ask(g, OPENAI)) == "hello"
        assert upstream.last.headers["authorization"] == "Bearer sk-canary-token-%d" % count


# ---- refusals ----------------------------------------------------------------------------------
def test_a_token_that_is_refused_is_changed_once(gateway, upstream, key, tokens):
    upstream.answer(mock.json_reply(REFUSED, 401))
    upstream.always(lambda _: reply(GEMINI))
    g = start(gateway, upstream, key, tokens)
    answer = ask(g, OPENAI)
    assert text_of(OPENAI, answer) == "hello"
    assert [r.headers["authorization"] for r in upstream.requests] == \
        ["Bearer sk-canary-token-1", "Bearer sk-canary-token-2"]
    assert [one.split("=")[1].split("/")[0] for one in answer.headers["x-tidegate-attempts"].split()] == ["401", "200"]


def test_a_credential_that_is_refused_twice_is_given_up(gateway, upstream, key, tokens):
    upstream.always(lambda _: mock.json_reply(REFUSED, 401))
    g = start(gateway, upstream, key, tokens)
    error_of(OPENAI, ask(g, OPENAI), 502)
    assert len(upstream.requests) == 2 and tokens.count == 2


def test_an_account_that_is_refused_is_the_lanes_failure(gateway, upstream, key, tokens):
    tokens.upstream.always(lambda _: mock.json_reply(
        {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400))
    g = start(gateway, upstream, key, tokens)
    error_of(OPENAI, ask(g, OPENAI), 502)
    assert upstream.requests == []


@pytest.mark.parametrize("fault", [mock.nothing, mock.garbage, lambda: mock.error(503)])
def test_without_a_token_the_next_lane_serves(gateway, upstreams, key, tokens, fault):
    upstream, other = upstreams(), upstreams()
    tokens.upstream.always(lambda _: fault())
    other.always(mock.chat("from the other"))
    g = gateway(config({"vertex": vertex(upstream), "other": provider(other)}, models={
        "smart": {"targets": ["vertex/gemini-2.5-flash", "other/m"], "pick": "ordered"}}), files=account(key, tokens))
    assert text_of(OPENAI, ask(g, OPENAI)) == "from the other"
    assert upstream.requests == []


def test_a_token_is_never_shown(gateway, upstream, key, tokens):
    upstream.always(lambda r: mock.json_reply({"error": {
        "code": 400, "message": "bad " + r.headers["authorization"], "status": "INVALID_ARGUMENT"}}, 400))
    g = start(gateway, upstream, key, tokens)
    assert error_of(GEMINI, ask(g, GEMINI), 400) == "bad Bearer ***"
    assert error_of(OPENAI, ask(g, OPENAI), 400) == "bad Bearer ***"


# ---- addresses ---------------------------------------------------------------------------------
def test_a_location_is_part_of_the_path(gateway, upstream, key, tokens):
    upstream.always(lambda _: stream(GEMINI, "hel", "lo"))
    g = gateway(config({"vertex": vertex(upstream, location="us-east5")},
                       models={"smart": ["vertex/gemini-2.5-flash"]}), files=account(key, tokens))
    assert streamed_text(OPENAI, ask(g, OPENAI, stream=True)) == "hello"
    assert upstream.last.target == "/v1/projects/p-1/locations/us-east5/publishers/google/models/" \
        "gemini-2.5-flash:streamGenerateContent?alt=sse"


def test_tokens_of_a_prompt_are_counted_there(gateway, upstream, key, tokens):
    upstream.always(mock.json_reply({"totalTokens": 13}))
    g = start(gateway, upstream, key, tokens)
    answer = g.call({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}, "/v1beta/models/smart:countTokens")
    assert answer.status == 200 and answer.json["totalTokens"] == 13
    assert upstream.last.path.endswith("/models/gemini-2.5-flash:countTokens")
    assert upstream.last.headers["authorization"].startswith("Bearer ")


def test_a_token_will_do_as_a_key(gateway, upstream):
    upstream.always(reply(GEMINI))
    g = gateway(config({"vertex": {"base_url": upstream.origin, "project": "p-1", "keys": ["sk-canary-given"]}}))
    assert text_of(OPENAI, ask(g, OPENAI, model="vertex/gemini-2.5-flash")) == "hello"
    assert upstream.last.headers["authorization"] == "Bearer sk-canary-given"


# ---- what is wrong is said at once -------------------------------------------------------------
@pytest.mark.parametrize("file, message", [
    (None, "sa.json"), ("{}", "this is not the key file of a service account"),
    ('{"type":"service_account","client_email":"a","private_key":"x"}', "private_key is no RSA key in PEM"),
])
def test_check_reads_the_key_file(program_exists, tmp_path, file, message):
    (tmp_path / "gateway.lua").write_text(config({"vertex": {"project": "p", "credentials": "sa.json"}}).replace(
        "@LOG@", "-"))
    if file:
        (tmp_path / "sa.json").write_text(file)
    status, out, err = program.run("check", str(tmp_path))
    assert status == 1 and message in out + err and "gateway.lua:" in out + err


def test_check_asks_for_the_project(program_exists, tmp_path):
    (tmp_path / "gateway.lua").write_text(config({"vertex": {"keys": ["sk-canary-x"]}}).replace("@LOG@", "-"))
    status, out, err = program.run("check", str(tmp_path))
    assert status == 1 and "project" in out + err

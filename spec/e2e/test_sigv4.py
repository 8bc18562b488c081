"""AWS Signature Version 4 to providers: each request as the provider got it, signed again by botocore."""
import datetime
import email.utils
import json
import os
import re
import time

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import gateway as program
import upstream as mock
from config import ADMIN, config

SECRET, TOKEN, BEARER = "sk-canary-secret+/key", "sk-canary-session//token==", "sk-canary-bearer"
PAIR = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": SECRET}
STS = {**PAIR, "session_token": TOKEN}

# The wire of OpenAI at addresses of Bedrock: what is signed does not depend on what is said.
ADAPTER = """
return tide.adapter {
  dialect = "openai-chat", base_url = "%s", config = { region = "string?" },
  auth = { type = "sigv4", service = "bedrock", secret = "AWS_BEARER_TOKEN_BEDROCK",
           keys = { "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN?" } },
  forward_headers = { "x-amz-request-note", "x-amzn-trace-id" },
  params = { inject_stream = false },
  ops = { chat = { path = "/model/{model}/converse", stream_path = "/model/{model}/converse-stream" } },
}
"""
REGION = {"region": "us-west-2"}
MODELS = ["anthropic.claude-opus-4-5-20251101-v1:0", "us.meta/llama",
          "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a b~c", "m@1", "ü*()!'"]


def start(gateway, upstream, keys=(PAIR,), env=None, provider=None, **settings):
    """a gateway whose provider "aws" is the mock"""
    settings.setdefault("models", {"m%d" % i: ["aws/" + name] for i, name in enumerate(MODELS)})
    entry = {**REGION, **({"keys": list(keys)} if keys else {}), **(provider or {})}
    return gateway(config({"aws": entry}, **settings), env=env,
                   files={"adapters/aws.lua": ADAPTER % upstream.origin})


def signed_again(request, pair):
    """the Authorization that botocore gives to what the provider got, by the parts that were signed"""
    said = request.headers["authorization"]
    names = said.split("SignedHeaders=")[1].split(",")[0].split(";")
    _, _, region, service, _ = said.split("Credential=")[1].split(",")[0].split("/")
    again = AWSRequest("POST", "http://" + request.headers["host"] + request.target, data=request.body)
    for name in names:
        if name != "x-amz-security-token":  # which it adds itself
            again.headers[name] = request.headers[name]
    auth = SigV4Auth(Credentials(pair["access_key_id"], pair["secret_access_key"], pair.get("session_token")),
                     service, region)
    again.context["timestamp"] = request.headers["x-amz-date"]
    text = auth.string_to_sign(again, auth.canonical_request(with_token(again, pair)))
    return "AWS4-HMAC-SHA256 Credential=%s, SignedHeaders=%s, Signature=%s" % (
        auth.scope(again), ";".join(names), auth.signature(text, again))


def with_token(request, pair):
    if "session_token" in pair:
        request.headers["x-amz-security-token"] = pair["session_token"]
    return request


def check(request, pair=None):
    pair = pair or PAIR
    assert request.headers["authorization"] == signed_again(request, pair)
    assert request.headers.get("x-amz-security-token") == pair.get("session_token")
    names = request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    assert {"host", "x-amz-date", "content-type"} <= set(names)
    assert ("x-amz-security-token" in names) == ("session_token" in pair)
    date = datetime.datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%S%z")
    return date.timestamp()


# ---- what is signed ----------------------------------------------------------------------------
def test_every_request_is_signed_as_botocore_signs_it(gateway, upstream):
    """names of models with colons, slashes and more, whole answers and streams"""
    upstream.always(lambda r: mock.stream(mock.delta("hi"), mock.finish(), mock.DONE)
                    if r.target.endswith("stream") else mock.chat())
    g = start(gateway, upstream)
    before = time.time()
    for i in range(len(MODELS)):
        assert g.chat("m%d" % i).status == 200
        assert g.chat("m%d" % i, stream=True).read().status == 200
    for request in upstream.requests:
        assert before - 2 < check(request) < time.time() + 2
    targets = [r.target for r in upstream.requests[::2]]
    assert targets[0] == "/model/anthropic.claude-opus-4-5-20251101-v1%3A0/converse"
    assert "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication" in targets[2]
    assert targets[2].endswith("-profile%2Fa%20b~c/converse")
    assert "Credential=AKIDEXAMPLE/" in upstream.last.headers["authorization"]
    assert "/us-west-2/bedrock/aws4_request" in upstream.last.headers["authorization"]


def test_a_session_token_is_sent_and_signed(gateway, upstream):
    upstream.always(lambda _: mock.chat())
    g = start(gateway, upstream, [STS])
    assert g.chat("m0").status == 200
    check(upstream.last, STS)


def test_headers_for_aws_are_signed_too(gateway, upstream):
    upstream.always(lambda _: mock.chat())
    g = start(gateway, upstream)
    body = {"model": "m0", "messages": [{"role": "user", "content": "hi"}]}
    assert g.call(body, headers={"X-Amz-Request-Note": "  two   words ", "X-Amzn-Trace-Id": "t"}).status == 200
    check(upstream.last)
    assert "SignedHeaders=content-type;host;x-amz-date;x-amz-request-note," in upstream.last.headers["authorization"]
    assert upstream.last.headers["x-amzn-trace-id"] == "t"


@pytest.mark.parametrize("client", ["same", "other"])
def test_a_large_body_is_signed_as_it_goes_out(gateway, upstream, client):
    """passed through in segments around the new model, or translated"""
    upstream.always(lambda _: mock.chat())
    g = start(gateway, upstream)
    text = "x" * (8 << 20)
    body = {"model": "m1", "max_tokens": 5, "messages": [{"role": "user", "content": text}]}
    answer = g.call(body) if client == "same" else g.call(body, "/v1/messages")
    assert answer.status == 200
    check(upstream.last)
    assert len(upstream.last.body) > len(text)


def test_each_attempt_is_signed_anew(gateway, upstream):
    upstream.answer(mock.error(503, headers={"retry-after": "1"}))
    upstream.answer(mock.chat())
    g = start(gateway, upstream)
    assert g.chat("m0").status == 200
    first, second = upstream.requests
    check(first), check(second)
    assert first.headers["x-amz-date"] < second.headers["x-amz-date"]


CONVERSED = {"output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}}, "stopReason": "end_turn",
             "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}, "metrics": {"latencyMs": 1}}


def test_bedrock_gets_signed_requests(gateway, upstream):
    """translated ones, and those of Bedrock's clients with the gateway's signature instead of theirs"""
    upstream.always(lambda _: mock.json_reply(CONVERSED))
    g = gateway(config({"bedrock": {"base_url": upstream.origin, "keys": [STS], **REGION}},
                       models={MODELS[0]: ["bedrock/" + MODELS[0]]}))
    assert g.chat(MODELS[0]).json["choices"][0]["message"]["content"] == "hello"
    answer = g.call({"messages": [{"role": "user", "content": [{"text": "hi"}]}]},
                    "/model/%s/converse" % MODELS[0].replace(":", "%3A"),
                    headers={"Authorization": "AWS4-HMAC-SHA256 Credential=theirs", "X-Amz-Date": "20260101T000000Z",
                             "X-Amz-Security-Token": "theirs"})
    assert answer.json == CONVERSED
    for request in upstream.requests:
        assert request.target == "/model/%s/converse" % MODELS[0].replace(":", "%3A")
        check(request, STS)


# ---- where keys come from ----------------------------------------------------------------------
def test_keys_come_from_the_environment(gateway, upstream):
    upstream.always(lambda _: mock.chat())
    env = {"AWS_ACCESS_KEY_ID": PAIR["access_key_id"], "AWS_SECRET_ACCESS_KEY": SECRET}
    g = start(gateway, upstream, None, env)
    assert g.chat("m0").status == 200
    check(upstream.last)
    g = start(gateway, upstream, None, {**env, "AWS_SESSION_TOKEN": TOKEN})
    assert g.chat("m0").status == 200
    check(upstream.last, STS)


def test_a_bearer_token_of_the_environment_wins(gateway, upstream):
    upstream.always(lambda _: mock.chat())
    g = start(gateway, upstream, None, {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": SECRET,
                                        "AWS_BEARER_TOKEN_BEDROCK": BEARER})
    assert g.chat("m0").status == 200
    assert upstream.last.headers["authorization"] == "Bearer " + BEARER
    assert "x-amz-date" not in upstream.last.headers


def test_a_single_key_is_a_bearer_token(gateway, upstream):
    upstream.always(lambda _: mock.chat())
    g = start(gateway, upstream, [BEARER], provider={"region": "=nil"})
    assert g.chat("m0").status == 200
    assert upstream.last.headers["authorization"] == "Bearer " + BEARER


def test_keys_are_tried_in_turn(gateway, upstream):
    """a pair that AWS refuses gives way to the next, whichever model"""
    other = {**PAIR, "access_key_id": "AKIDOTHER", "name": "spare"}
    upstream.always(lambda r: mock.chat() if "AKIDOTHER" in r.headers["authorization"] else mock.json_reply(
        {"message": "The security token included in the request is invalid."}, 403,
        {"x-amzn-errortype": "UnrecognizedClientException:http://internal.amazon.com/coral/"}))
    g = start(gateway, upstream, [PAIR, other], models={"both": ["aws/a", "aws/b"]})
    answer = g.chat("both")
    assert answer.status == 200
    assert "#spare=200/" in answer.headers["x-tidegate-attempts"]
    assert len([r for r in upstream.requests if "AKIDEXAMPLE" in r.headers["authorization"]]) == 1


# ---- clocks ------------------------------------------------------------------------------------
class Service:
    """a provider whose clock is `ahead` of ours: it refuses signatures that are more than five minutes off"""

    def __init__(self, upstream, ahead, **refusal):
        self.ahead, self.refusal = ahead, refusal
        upstream.always(self.answer)

    def answer(self, request):
        date = check(request)
        now = time.time() + self.ahead
        headers = {"date": email.utils.formatdate(now, usegmt=True)}
        if abs(date - now) < 300:
            return mock.chat(headers=headers)
        return mock.json_reply(
            {"message": "Signature expired: 20250101T000000Z is now earlier than 20250101T010000Z (5 min.)"},
            self.refusal.get("status", 403), {**headers, **self.refusal.get("headers", {
                "x-amzn-errortype": "InvalidSignatureException"})})


@pytest.mark.parametrize("ahead", [3600, -86400])
def test_a_clock_that_is_wrong_is_learned_from_the_refusal(gateway, upstream, ahead):
    Service(upstream, ahead)
    g = start(gateway, upstream)
    answer = g.chat("m0")
    assert answer.status == 200
    assert re.findall(r"#1=(\d+)", answer.headers["x-tidegate-attempts"]) == ["403", "200"]
    assert g.chat("m1").status == 200
    assert len(upstream.requests) == 3  # once for all that come later


def test_a_clock_that_was_set_meanwhile_is_learned_again(gateway, upstream):
    service = Service(upstream, 3600, headers={}, status=403)
    service.refusal = {"headers": {"x-amzn-errortype": "RequestExpired"}, "status": 400}
    g = start(gateway, upstream)
    assert g.chat("m0").status == 200
    service.ahead = 0
    assert g.chat("m0").status == 200
    assert len(upstream.requests) == 4


def test_a_wrong_secret_is_not_tried_again(gateway, upstream):
    upstream.always(lambda _: mock.json_reply(
        {"message": "The request signature we calculated does not match the signature you provided."}, 403,
        {"x-amzn-errortype": "InvalidSignatureException", "date": email.utils.formatdate(usegmt=True)}))
    g = start(gateway, upstream)
    assert g.chat("m0").status == 502
    assert len(upstream.requests) == 1


def test_a_refusal_of_a_wrong_clock_is_tried_again_only_once(gateway, upstream):
    upstream.always(lambda _: mock.json_reply(
        {"message": "Signature expired"}, 403,
        {"x-amzn-errortype": "InvalidSignatureException",
         "date": email.utils.formatdate(time.time() + 7200, usegmt=True)}))
    g = start(gateway, upstream)
    assert g.chat("m0").status == 502
    assert len(upstream.requests) == 2


# ---- secrets -----------------------------------------------------------------------------------
def test_what_the_provider_repeats_is_not_told(gateway, upstream):
    """AWS quotes the canonical request in its refusals, session token included"""
    upstream.always(lambda r: mock.json_reply(
        {"message": "The Canonical String should have been 'POST x-amz-security-token:%s' not %s" % (
            r.headers["x-amz-security-token"], SECRET)}, 400, {"x-amzn-errortype": "ValidationException"}))
    g = start(gateway, upstream, [STS])
    answer = g.chat("m0")
    assert answer.status == 400
    assert "x-amz-security-token:*** not ***" in json.loads(answer.body)["message"].replace("'", "")


def test_keys_and_signatures_are_shown_nowhere(gateway, upstream):
    """the fixture looks for the canaries in all that was said; the signature is looked for here"""
    upstream.answer(mock.json_reply({"message": "no"}, 403, {"x-amzn-errortype": "AccessDeniedException"}))
    upstream.always(lambda _: mock.chat())
    g = start(gateway, upstream, [STS], admin=ADMIN, log={"file": "@LOG@", "level": "debug", "bodies": "bodies.log"})
    answers = [g.chat("m0"), g.chat("m0"), *(g.admin(p) for p in ("/metrics", "/admin/lanes", "/admin/scripts"))]
    assert [a.status for a in answers[:2]] == [502, 200]
    shown = b"".join(a.body + repr(a.headers).encode() for a in answers) + g.output.encode() + g.errors.encode()
    for name in ("gateway.log", "bodies.log"):
        with open(os.path.join(g.folder, name), "rb") as file:
            shown += file.read()
    for request in upstream.requests:
        assert request.headers["authorization"].split("Signature=")[1].encode() not in shown
    assert SECRET.encode() not in shown and TOKEN.encode() not in shown


# ---- what is wrong is named --------------------------------------------------------------------
@pytest.mark.parametrize("entry, message", [
    ({"keys": [PAIR]}, "providers.aws.region: needs `region`, which its signatures have"),
    ({"region": "r", "keys": [PAIR, {**PAIR, "=1": "k"}]},
     "providers.aws.keys.2: either a key or access_key_id and secret_access_key, not both"),
    ({"extends": "openai", "keys": [PAIR]}, "providers.aws.keys.1: takes a key, not a pair of keys to sign with"),
])
def test_wrong_keys_are_refused_with_their_line(program_exists, tmp_path, entry, message):
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "aws.lua").write_text(ADAPTER % "http://127.0.0.1:9")
    text = config({"aws": entry}).replace('["=1"]', "[1]").replace("@LOG@", "-")
    (tmp_path / "gateway.lua").write_text(text)
    status, _, errors = program.run("check", str(tmp_path))
    assert status == 1 and message in errors, errors

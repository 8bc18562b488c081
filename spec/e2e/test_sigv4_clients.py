"""Clients that sign their requests, as boto3 does: what is checked, and how a refusal reads."""
import datetime
import json
import os

import boto3
import botocore.auth
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

import gateway as program
import upstream as mock
from config import config, one
from expect import openai_error
from wire import wait_until

ID, SECRET = "AKIAGATEWAYCLIENT", "sk-canary-client+secret/key"
KEY = "sk-canary-key-of-app"
CLIENTS = [
    {"name": "sdk", "access_key_id": ID, "secret_access_key": SECRET},
    {"name": "both", "key": "sk-canary-key-of-both", "access_key_id": "AKIABOTH", "secret_access_key": SECRET + "2"},
    {"name": "app", "key": KEY},
]
BODY = json.dumps({"model": "one/m", "messages": [{"role": "user", "content": "hi"}]}).encode()
ORIGIN, PATH = "http://gateway", "/v1/chat/completions"  # the host that the client of the tests says


@pytest.fixture
def signing(gateway, upstream):
    upstream.always(lambda _: mock.chat())
    return gateway(one(upstream, clients=CLIENTS, log={"file": "@LOG@", "bodies": "bodies.log"}))


def signed(pair=(ID, SECRET), path=PATH, body=BODY, shift=0, how=SigV4Auth, headers=None, method="POST", token=None):
    """the target and the headers of a request as botocore signs it, by a clock that is `shift` seconds ahead"""
    request = AWSRequest(method, ORIGIN + path, data=body, headers=headers or {})
    auth = how(Credentials(*pair, token), "bedrock", "eu-central-1")
    if shift:
        when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=shift)
        request.context["timestamp"] = when.strftime("%Y%m%dT%H%M%SZ")
        request.headers["X-Amz-Date"] = request.context["timestamp"]
        token and request.headers.__setitem__("X-Amz-Security-Token", token)
        canonical = auth.canonical_request(request)
        auth._inject_signature_to_request(request, auth.signature(auth.string_to_sign(request, canonical), request))
    else:
        auth.add_auth(request)
    return request.url[len(ORIGIN):], dict(request.headers)


def send(g, target, headers, body=BODY, method="POST"):
    return g.call(body, target, method, headers)


def refused(answer, code, words):
    assert answer.status == 403
    error = openai_error(answer, 403)
    assert error["code"] == code and words in error["message"], error
    assert SECRET not in error["message"]
    return error


# ---- taken -------------------------------------------------------------------------------------
@pytest.mark.parametrize("case, more", {
    "plain": {},
    "another region's name is as good": {"headers": {"Content-Type": "application/json"}},
    "a session token": {"token": "any/token=="},
    "four minutes slow": {"shift": -240},
    "four minutes fast": {"shift": 240},
    "odd headers": {"headers": {"X-Odd": "  a   b  ", "Content-Type": "application/json; charset=utf-8"}},
    "a query": {"path": PATH + "?b=2&a=%20x%2F&a=1"},
    "a large body": {"body": json.dumps({"model": "one/m", "messages": [
        {"role": "user", "content": "x" * (4 << 20)}]}).encode()},
}.items(), ids=lambda v: v.replace(" ", "-") if isinstance(v, str) else "")
def test_a_signed_request_is_its_clients(signing, case, more):
    body = more.get("body", BODY)
    answer = send(signing, *signed(**more), body=body)
    assert answer.status == 200
    assert signing.log(answer)["client"] == "sdk"


def test_paths_are_encoded_as_sdks_encode_them(signing):
    """nothing is there, but the signature was good: the answer is 404, not 403"""
    for path in ("/model/arn%3Aaws%3Abedrock%3A%3A1%2Fx%20y/converse%2Dnot", "/v1/./models/../nothing//here/"):
        assert send(signing, *signed(path=path)).status == 404


def test_other_methods_are_signed_too(signing):
    target, headers = signed(path="/v1/models", body=b"", method="GET")
    assert signing.call(None, target, "GET", headers).status == 200


def test_a_client_with_a_key_alone_gives_it_as_its_access_key_id(signing):
    """an SDK that must sign signs with whatever; that is not looked at"""
    answer = send(signing, *signed((KEY, "whatever"), shift=-86400))
    assert answer.status == 200 and signing.log(answer)["client"] == "app"


def test_a_client_may_have_a_pair_and_a_key(signing):
    for headers in (signed(("AKIABOTH", SECRET + "2"))[1], {"Authorization": "Bearer sk-canary-key-of-both"}):
        answer = send(signing, PATH, headers)
        assert answer.status == 200 and signing.log(answer)["client"] == "both"
    refused(send(signing, *signed(("sk-canary-key-of-both", "x"))), "UnrecognizedClientException",
            "not known")


def test_without_clients_no_signature_is_checked(gateway, upstream):
    upstream.always(lambda _: mock.chat())
    g = gateway(one(upstream))
    assert send(g, *signed(("AKIANOBODY", "x"), shift=-86400)).status == 200
    assert "authorization" not in {k for k in upstream.last.headers if "AWS4" in upstream.last.headers[k]}


# ---- refused -----------------------------------------------------------------------------------
REFUSED = {
    "wrong secret": ({"pair": (ID, "wrong")}, "InvalidSignatureException", "does not match the request"),
    "unknown id": ({"pair": ("AKIANOBODY", SECRET)}, "UnrecognizedClientException", "not known here"),
    "six minutes slow": ({"shift": -360}, "InvalidSignatureException", "Signature expired"),
    "six minutes fast": ({"shift": 360}, "InvalidSignatureException", "Signature not yet current"),
    "unsigned body": ({"headers": {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}}, "InvalidSignatureException",
                      "body must be signed"),
    "hash of another body": ({"headers": {"X-Amz-Content-SHA256": "0" * 64}}, "InvalidSignatureException",
                             "not the one that x-amz-content-sha256"),
    "presigned": ({"how": SigV4QueryAuth}, "MissingAuthenticationTokenException", "in the URL is not taken"),
}


@pytest.mark.parametrize("case", list(REFUSED), ids=lambda c: c.replace(" ", "-"))
def test_a_signature_that_is_not_good_is_refused(signing, upstream, case):
    more, code, words = REFUSED[case]
    answer = send(signing, *signed(**more))
    refused(answer, code, words)
    assert upstream.requests == []
    assert ("date" in answer.headers) == ("minutes" in case)  # ours, for SDKs that learn from it


def edited(headers, edit):
    headers = dict(headers)
    edit(headers)
    return headers


def cut_claim(headers):
    headers["Authorization"] = headers["Authorization"].split(", Signature=")[0]


def other_day(headers):
    headers["X-Amz-Date"] = "20260101" + headers["X-Amz-Date"][8:]


def unsigned_host(headers):
    headers["Authorization"] = headers["Authorization"].replace("host;", "")


def more_signed(headers):
    headers["Authorization"] = headers["Authorization"].replace("=host;", "=host;not-there;")


def twice_signed(headers):
    headers["Authorization"] = headers["Authorization"].replace("=host;", "=host;host;")


CHANGED = {
    "body": (BODY.replace(b"hi", b"ho"), lambda h: None, "InvalidSignatureException", "does not match"),
    "no date": (BODY, lambda h: h.pop("X-Amz-Date"), "IncompleteSignatureException", "x-amz-date is missing"),
    "bad date": (BODY, lambda h: h.update({"X-Amz-Date": "yesterday"}), "IncompleteSignatureException", "x-amz-date"),
    "other day": (BODY, other_day, "InvalidSignatureException", "date in Credential"),
    "no signature": (BODY, cut_claim, "IncompleteSignatureException", "no whole signature"),
    "host unsigned": (BODY, unsigned_host, "InvalidSignatureException", "must have host"),
    "signed and not there": (BODY, more_signed, "InvalidSignatureException", "must have host"),
    "signed twice": (BODY, twice_signed, "InvalidSignatureException", "does not match"),
    "other algorithm": (BODY, lambda h: h.update({"Authorization": h["Authorization"].replace(
        "HMAC-SHA256", "ECDSA-P256-SHA256")}), "IncompleteSignatureException", "no whole signature"),
}


@pytest.mark.parametrize("case", list(CHANGED), ids=lambda c: c.replace(" ", "-"))
def test_what_was_changed_on_the_way_is_refused(signing, upstream, case):
    body, edit, code, words = CHANGED[case]
    target, headers = signed()
    refused(send(signing, target, edited(headers, edit), body), code, words)
    assert upstream.requests == []


def test_another_path_method_or_host_is_refused(signing):
    target, headers = signed()
    other = signing.connect().request("POST", target, BODY, headers, host="proxy").response().read()
    refused(other, "InvalidSignatureException", "a proxy must keep Host")
    refused(send(signing, "/v1/completions", headers), "InvalidSignatureException", "does not match")
    refused(send(signing, target + "?a=1", headers), "InvalidSignatureException", "does not match")
    target, headers = signed(path="/v1/models")
    refused(signing.call(BODY, target, "GET", headers), "InvalidSignatureException", "does not match")


def test_signatures_and_keys_are_told_nowhere(signing):
    target, headers = signed((ID, "wrong"), token="session-token-of-a-client")
    assert "does not match" in signing.log(send(signing, target, headers))["error"]["message"]
    signature = headers["Authorization"].split("Signature=")[1]
    assert send(signing, *signed(token="session-token-of-a-client")).status == 200

    def written():
        text = signing.errors
        for name in ("gateway.log", "bodies.log"):
            with open(os.path.join(signing.folder, name), encoding="utf-8") as file:
                text += file.read()
        return text if "amz-date" in text.lower() else None
    text = wait_until("the request in the log of bodies", written)
    for secret in (signature, SECRET, KEY, "session-token-of-a-client"):
        assert secret not in text


# ---- boto3 itself ------------------------------------------------------------------------------
MODELS = {"anthropic.claude-opus-4-5-20251101-v1:0": ["one/m"],
          "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2": ["one/m"]}
ASKED = [{"role": "user", "content": [{"text": "hi"}]}]


@pytest.fixture
def bedrock(gateway, upstream):
    upstream.always(lambda r: mock.stream(mock.role(), mock.delta("hel"), mock.delta("lo"), mock.finish(), mock.DONE)
                    if r.json.get("stream") else mock.chat())
    return gateway(one(upstream, clients=CLIENTS, models=MODELS))


def boto(g, pair=(ID, SECRET)):
    """a client of Bedrock as anybody makes one"""
    session = boto3.Session(*pair, region_name="us-east-1")
    return session.client("bedrock-runtime", endpoint_url="http://127.0.0.1:%d" % g.port,
                          config=Config(retries={"total_max_attempts": 1}, proxies={}))


def code_of(client, model=list(MODELS)[0], **more):
    with pytest.raises(ClientError) as caught:
        client.converse(modelId=model, messages=ASKED, **more)
    error = caught.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 403
    return error["Error"]["Code"]


@pytest.mark.sdk
@pytest.mark.parametrize("pair", [(ID, SECRET), (ID, SECRET, "session//token=="), (KEY, "whatever")])
def test_boto3_is_served(bedrock, pair):
    client = boto(bedrock, pair)
    for model in MODELS:
        answer = client.converse(modelId=model, messages=ASKED, inferenceConfig={"maxTokens": 9})
        assert answer["output"]["message"]["content"] == [{"text": "hello"}] and answer["stopReason"] == "end_turn"
        events = list(client.converse_stream(modelId=model, messages=ASKED)["stream"])
        assert "".join(e["contentBlockDelta"]["delta"]["text"] for e in events if "contentBlockDelta" in e) == "hello"


@pytest.mark.sdk
def test_boto3_is_refused_in_words_that_it_knows(bedrock, upstream, monkeypatch):
    assert code_of(boto(bedrock, (ID, "wrong"))) == "InvalidSignatureException"
    assert code_of(boto(bedrock, ("AKIANOBODY", SECRET))) == "UnrecognizedClientException"
    right = botocore.auth.get_current_datetime
    for ahead in (-400, 400):
        monkeypatch.setattr("botocore.auth.get_current_datetime",
                            lambda *a: right(*a) + datetime.timedelta(seconds=ahead))
        assert code_of(boto(bedrock)) == "InvalidSignatureException"
    assert upstream.requests == []


# ---- the configuration -------------------------------------------------------------------------
@pytest.mark.parametrize("clients, message", [
    ([{"name": "a", "access_key_id": "A"}], "'secret_access_key' is missing"),
    ([{"name": "a"}], "'key' is missing"),
    ([CLIENTS[0], {**CLIENTS[0], "name": "b"}], "clients.2.access_key_id: the same access key id as clients.1"),
])
def test_wrong_clients_are_refused_with_their_line(program_exists, tmp_path, clients, message):
    (tmp_path / "gateway.lua").write_text(config({"mock": {}}, clients=clients).replace("@LOG@", "-"))
    status, _, errors = program.run("check", str(tmp_path))
    assert status == 1 and message in errors, errors

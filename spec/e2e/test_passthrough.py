"""Bytes that nobody needs to change are not touched, and large ones pass. T-36, T-51; what is not forwarded."""
import json

import pytest

import upstream as mock
from config import config, one, provider
from expect import openai_error

ODD = (b' { "temperature" : 1.0e0 ,\t"zeta":{"b":[1 , 2],"a":{}},\n"model" : "one/m" , "messages":[{"role":"user",'
       b'"content":"\\u00e9\\/\xc3\xa9 \\"quoted\\" model"}],"model_x":"one/m","empty":[],"nested":{"model":"one/m"},'
       b'"n":1, "unknown_field":{"deep":[{"x":null}]} } ')


def test_T36_the_body_is_identical_but_for_the_model(gateway, upstream):
    upstream.always(mock.chat())
    assert gateway(one(upstream)).call(ODD).status == 200
    assert upstream.last.body == ODD.replace(b'"one/m" ,', b'"m" ,', 1)


def test_T36_a_streamed_body_is_identical_when_usage_is_asked_for(gateway, upstream):
    upstream.always(mock.tokens("x"))
    body = ODD.replace(b'"n":1', b'"n":1,"stream" :true, "stream_options": {"include_usage" : true,"x":1}')
    gateway(one(upstream)).call(body)
    assert upstream.last.body == body.replace(b'"one/m" ,', b'"m" ,', 1)


def test_T36_only_include_usage_is_added_to_a_streamed_body(gateway, upstream):
    upstream.always(mock.tokens("x"))
    body = ODD.replace(b'"n":1', b'"n":1,"stream" :true')
    gateway(one(upstream)).call(body)
    sent = json.loads(upstream.last.body)
    assert sent.pop("stream_options") == {"include_usage": True}
    assert sent == {**json.loads(body), "model": "m"}
    for part in (b'"zeta":{"b":[1 , 2],"a":{}},\n', b'"temperature" : 1.0e0 ,\t', b'\\u00e9\\/\xc3\xa9'):
        assert part in upstream.last.body


def test_T36_the_same_request_gives_the_same_bytes_each_time(gateway, upstream):
    upstream.always(mock.tokens("x"))
    g = gateway(one(upstream))
    body = ODD.replace(b'"n":1', b'"n":1,"stream":true')
    for _ in range(3):
        g.call(body)
    assert len({r.body for r in upstream.requests}) == 1


def test_T36_the_answer_is_identical(gateway, upstream):
    body = (b'\n {"choices" : [ {"index":0,"message":{"role":"assistant","content":"\\u00e9"},"finish_reason":"stop"} ],'
            b'"x_new":{"a":1.50},"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n')
    upstream.always(mock.json_reply(body, headers={"x-request-id": "req_1"}))
    answer = gateway(one(upstream)).chat("one/m")
    assert answer.body == body and answer.headers["x-request-id"] == "req_1"


def test_T36_completions_and_embeddings_pass_unchanged_too(gateway, upstream):
    g = gateway(one(upstream))
    for path, reply in (("/v1/completions", mock.json_reply({"choices": [{"text": "x", "index": 0, "finish_reason": "stop"}]})),
                        ("/v1/embeddings", mock.embeddings())):
        upstream.always(reply)
        body = b'{"model":"one/m", "prompt":"a", "input" : ["a","b"],"x":{}}'
        answer = g.call(body, path)
        assert answer.body == b"".join(reply.pieces) and upstream.last.path == path
        assert upstream.last.body == body.replace(b"one/m", b"m")


def test_a_model_name_may_hold_slashes_and_colons(gateway, upstream):
    upstream.always(mock.chat())
    gateway(one(upstream)).chat("one/org/name:free")
    assert upstream.last.json["model"] == "org/name:free"


@pytest.mark.parametrize("size", [32 << 10, 64 << 10, 120 << 10, 1 << 20, 4 << 20, 20 << 20],
                         ids=lambda n: "%dKiB" % (n >> 10))
def test_T51_bodies_of_many_sizes_pass_both_ways(gateway, upstream, size):
    upstream.always(lambda r: mock.chat(r.json["messages"][0]["content"]))
    text = "abcdefghij" * (size // 10)
    answer = gateway(one(upstream)).chat("one/m", text=text)
    assert answer.status == 200 and answer.json["choices"][0]["message"]["content"] == text


def test_T51_over_the_configured_limit_is_413_just_below_it_passes(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(one(upstream, limits={"body": "128KB"}))
    body = json.dumps({"model": "one/m", "messages": [], "x": ""}).encode()
    most = 128 * 1024
    padded = body[:-2] + b"x" * (most - len(body)) + body[-2:]
    assert len(padded) == most and g.call(padded).status == 200
    openai_error(g.call(padded[:-2] + b'x"}'), 413)


def test_client_credentials_cookies_and_hop_headers_are_not_forwarded(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(one(upstream, clients=[{"key": "ck-app-0001", "name": "app"}]))
    answer = g.call({"model": "one/m", "messages": []}, "/v1/chat/completions?key=ck-app-0001&x=1", headers={
        "Cookie": "session=1", "X-Api-Key": "ck-app-0001", "Connection": "x-hop", "X-Hop": "1", "Proxy-Authorization": "x"})
    assert answer.status == 200
    heard = upstream.last.raw
    for hidden in (b"ck-app", b"session=1", b"x-hop", b"X-Hop", b"proxy-authorization"):
        assert hidden.lower() not in heard.lower(), heard
    assert upstream.last.headers["authorization"] == "Bearer sk-canary-one"
    assert upstream.last.headers["host"] == "127.0.0.1:%d" % upstream.port


def test_a_providers_cookies_and_hop_headers_are_not_passed_on(gateway, upstream):
    upstream.always(mock.chat(headers={"set-cookie": "a=b", "keep-alive": "timeout=5", "x-request-id": "req_1"}))
    answer = gateway(one(upstream)).chat("one/m")
    assert "set-cookie" not in answer.headers and "keep-alive" not in answer.headers
    assert answer.headers["x-request-id"] == "req_1"


def test_a_base_url_may_have_a_path_a_slash_and_no_key(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(config({"a": provider(upstream.origin + "/deep/path/v9", None), "b": provider(upstream.url + "/", None)}))
    g.chat("a/m")
    assert upstream.last.path == "/deep/path/v9/chat/completions" and "authorization" not in upstream.last.headers
    g.chat("b/m")
    assert upstream.last.path == "/v1/chat/completions"

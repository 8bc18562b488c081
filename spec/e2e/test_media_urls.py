"""Pictures and files that a client gives by URL, for a provider that wants bytes: fetched from public addresses alone, with
limits, and put into the request as data."""
import base64

import pytest

import upstream as mock
from config import config

pytestmark = pytest.mark.slow

PNG = b"\x89PNG\r\n\x1a\n" + b"0123456789" * 3
ANSWER = {"candidates": [{"content": {"role": "model", "parts": [{"text": "a dot"}]}, "finishReason": "STOP", "index": 0}],
          "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 2, "totalTokenCount": 11}}


@pytest.fixture
def files(upstreams):
    """a server of files, on loopback as everything here"""
    server = upstreams()
    server.always(mock.Reply(headers={"content-type": "image/png"}, pieces=[PNG]))
    return server


def start(gateway, upstream, allow=(), **media):
    upstream.always(mock.json_reply(ANSWER))
    return gateway(config({"gemini": {"base_url": upstream.origin, "keys": ["sk-canary"]}},
                          media={"allow": [server.origin for server in allow], **media}))


def ask(g, *urls):
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return g.call({"model": "gemini/gemini-2.5-flash",
                   "messages": [{"role": "user", "content": [{"type": "text", "text": "what?"}, *parts]}]})


def pictures(request):
    return [part["inlineData"] for part in request.json["contents"][0]["parts"] if "inlineData" in part]


def refusal(answer, upstream):
    assert answer.status == 400, answer.body
    assert not upstream.requests, "the provider was asked all the same"
    error = answer.json["error"]
    assert error["type"] == "invalid_request_error"
    return error["message"]


def test_a_url_becomes_data(gateway, upstream, files):
    answer = ask(start(gateway, upstream, [files]), files.origin + "/dot.png?size=1")
    assert answer.status == 200 and answer.json["choices"][0]["message"]["content"] == "a dot"
    assert pictures(upstream.last) == [{"mimeType": "image/png", "data": base64.b64encode(PNG).decode()}]
    request = files.last
    assert (request.method, request.target) == ("GET", "/dot.png?size=1")
    assert "authorization" not in request.headers and "x-goog-api-key" not in request.headers


def test_data_is_left_as_it_is(gateway, upstream, files):
    data = base64.b64encode(PNG).decode()
    assert ask(start(gateway, upstream, [files]), "data:image/png;base64," + data).status == 200
    assert pictures(upstream.last) == [{"mimeType": "image/png", "data": data}] and not files.requests


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"])
def test_the_gateways_own_machine_is_not_asked(gateway, upstream, files, host):
    g = start(gateway, upstream)
    assert "is not a public address" in refusal(ask(g, "http://%s:%d/dot.png" % (host, files.port)), upstream)
    assert not files.requests


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[fd00::1]/x",
                                 "http://192.168.1.1/"])
def test_private_networks_are_not_asked(gateway, upstream, url):
    assert "is not a public address" in refusal(ask(start(gateway, upstream), url), upstream)


def test_a_redirect_does_not_lead_into_the_private_network(gateway, upstream, files, upstreams):
    secret = upstreams()
    files.always(mock.Reply(302, headers={"location": secret.origin + "/secret"}))
    g = start(gateway, upstream, [files])
    assert "is not a public address" in refusal(ask(g, files.origin + "/dot.png"), upstream)
    assert not secret.requests


def test_a_redirect_is_followed(gateway, upstream, files):
    files.answer(mock.Reply(301, headers={"location": "../moved.png"}))
    assert ask(start(gateway, upstream, [files]), files.origin + "/a/b/dot.png").status == 200
    assert [r.target for r in files.requests] == ["/a/b/dot.png", "/a/moved.png"]


def test_redirects_in_a_circle_end(gateway, upstream, files):
    files.always(mock.Reply(307, headers={"location": "/again"}))
    g = start(gateway, upstream, [files], redirects=2)
    assert "too many redirects (media.redirects)" in refusal(ask(g, files.origin + "/x"), upstream)
    assert len(files.requests) == 3


def test_no_other_scheme_is_fetched(gateway, upstream):
    for url in ("file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x"):
        assert "cannot fetch " + url in refusal(ask(start(gateway, upstream), url), upstream)


def test_a_file_may_not_be_larger_than_media_max(gateway, upstream, files):
    g = start(gateway, upstream, [files], max=len(PNG) - 1)
    assert "larger than" in refusal(ask(g, files.origin + "/x"), upstream)
    g = start(gateway, upstream, [files], max=len(PNG))
    assert ask(g, files.origin + "/x").status == 200


def test_all_files_together_may_not_be_larger_than_media_total(gateway, upstream, files):
    g = start(gateway, upstream, [files], total=2 * len(PNG) - 1)
    answer = ask(g, files.origin + "/1", files.origin + "/2")
    assert answer.status == 413 and "media.total" in answer.json["error"]["message"]


def test_no_more_urls_than_media_count(gateway, upstream, files):
    g = start(gateway, upstream, [files], count=1)
    assert "media.count" in refusal(ask(g, files.origin + "/1", files.origin + "/2"), upstream)
    assert not files.requests
    assert ask(g, files.origin + "/1", files.origin + "/1").status == 200, "the same URL counts once"


@pytest.mark.parametrize("reply, said", [
    (mock.Reply(404), "the answer has status 404"),
    (mock.Reply(200, headers={"content-type": "text/html"}, pieces=[b"<html>"]), "it is no image but 'text/html'"),
    (mock.Reply(200, headers={"content-type": "image/png"}), "the answer is empty"),
])
def test_the_client_is_told_why_a_picture_cannot_be_had(gateway, upstream, files, reply, said):
    files.always(reply)
    message = refusal(ask(start(gateway, upstream, [files]), files.origin + "/x?token=hidden"), upstream)
    assert said in message and files.origin + "/x" in message and "hidden" not in message


def test_a_second_attempt_does_not_fetch_again(gateway, upstream, files):
    g = start(gateway, upstream, [files])
    upstream.answer(mock.error(500))
    assert ask(g, files.origin + "/x").status == 200
    assert len(upstream.requests) == 2 and len(files.requests) == 1
    assert pictures(upstream.requests[0]) == pictures(upstream.requests[1])


def test_a_client_that_leaves_ends_the_fetch(gateway, upstream, files):
    files.always(mock.stall())
    g = start(gateway, upstream, [files])
    connection = g.connect()
    connection.request("POST", "/v1/chat/completions", {
        "model": "gemini/gemini-2.5-flash", "messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": files.origin + "/x"}}]}]}, None)
    files.wait_requests(1)
    connection.close()
    files.wait_closed(1)
    assert not upstream.requests

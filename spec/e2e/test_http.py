"""HTTP/1.1 on the client's side: connections, limits, methods, CORS. Odd framing: test_smuggling.py, test_framing.py."""
import pytest

import upstream as mock
from config import ADMIN, config, one, provider
from expect import clean_stream, openai_error
from wire import Closed

BODY = b'{"model":"one/m","messages":[]}'


def head(*lines, first=b"POST /v1/chat/completions HTTP/1.1", host=b"Host: x"):
    return b"\r\n".join([first, *([host] if host else []), *lines]) + b"\r\n\r\n"


WHOLE = head(b"Content-Type: application/json", b"Content-Length: %d" % len(BODY)) + BODY


@pytest.fixture
def ready(gateway, upstream):
    """a gateway before one good provider"""
    upstream.always(lambda r: mock.tokens("x") if r.json.get("stream") else mock.chat())
    return gateway(one(upstream, limits={"body": "1MB", "head": "8KB", "headers": 50}))


def raw_call(g, data):
    with g.connect() as connection:
        connection.send(data)
        answer = connection.response().read()
        answer.closed = connection.at_end() if answer.headers.get("connection") == "close" else False
        return answer


def test_a_connection_serves_many_requests(ready):
    with ready.connect() as connection:
        for stream in (False, True, False, True):
            connection.request(body={"model": "one/m", "stream": stream, "messages": []})
            answer = connection.response().read()
            assert answer.status == 200
            if stream:
                clean_stream(answer, "x")


def test_pipelined_requests_are_answered_in_order(ready):
    with ready.connect() as connection:
        connection.send(WHOLE + head(first=b"GET /health HTTP/1.1") + WHOLE)
        assert "choices" in connection.response().read().json
        assert "choices" not in connection.response().read().json
        assert "choices" in connection.response().read().json


def test_a_request_may_come_in_single_bytes(ready):
    with ready.connect() as connection:
        for i in range(len(WHOLE)):
            connection.send(WHOLE[i:i + 1])
        assert connection.response().read().status == 200


def test_a_chunked_request_reaches_the_provider_whole(ready, upstream):
    pieces = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(BODY[i:i + 7]), BODY[i:i + 7]) for i in range(0, len(BODY), 7))
    answer = raw_call(ready, head(b"Content-Type: application/json", b"Transfer-Encoding: chunked")
                      + pieces + b"0\r\nTrailer: x\r\n\r\n")
    assert answer.status == 200 and upstream.last.body == BODY.replace(b"one/m", b"m")


def test_expect_100_continue_is_answered_before_the_body(ready):
    with ready.connect() as connection:
        connection.send(head(b"Content-Type: application/json", b"Expect: 100-continue", b"Content-Length: %d" % len(BODY)))
        assert connection.response(keep_interim=True).status == 100
        connection.send(BODY)
        assert connection.response().read().status == 200


def test_expect_100_continue_for_too_large_a_body_is_refused_at_once(ready):
    with ready.connect() as connection:
        connection.send(head(b"Content-Type: application/json", b"Expect: 100-continue", b"Content-Length: 99999999"))
        openai_error(connection.response(keep_interim=True).read(), 413)


def test_http_1_0_gets_an_answer_that_ends_with_the_connection(ready):
    answer = raw_call(ready, head(b"Content-Length: %d" % len(BODY), b"Content-Type: application/json",
                                  first=b"POST /v1/chat/completions HTTP/1.0") + BODY)
    assert answer.status == 200 and "transfer-encoding" not in answer.headers
    stream = BODY.replace(b"{", b'{"stream":true,', 1)
    with ready.connect() as connection:
        connection.send(head(b"Content-Length: %d" % len(stream), first=b"POST /v1/chat/completions HTTP/1.0") + stream)
        answer = connection.response().read()
        assert "transfer-encoding" not in answer.headers and answer.events[-1] == "[DONE]"


def test_connection_close_is_honoured(ready):
    with ready.connect() as connection:
        connection.request("GET", "/health", headers={"Connection": "close"})
        assert connection.response("GET").read().headers["connection"].lower() == "close"
        assert connection.at_end()


def test_head_answers_as_get_without_a_body(ready):
    for path in ("/health", "/v1/models"):
        with ready.connect() as connection:
            connection.request("HEAD", path)
            without = connection.response("HEAD")
            connection.request("GET", path)
            whole = connection.response("GET").read()
        assert without.status == whole.status == 200
        assert without.headers["content-length"] == whole.headers["content-length"] == str(len(whole.body))


def test_a_long_request_target_is_414(ready):
    openai_error(ready.get("/v1/models?x=" + "y" * 20000), 414)


def test_large_or_many_headers_are_431(ready):
    openai_error(ready.get("/health", headers={"X-Large": "y" * 9000}), 431)
    openai_error(ready.get("/health", headers={"X-%d" % i: "y" for i in range(60)}), 431)


def test_a_body_over_the_limit_is_413_by_length_and_in_chunks(ready, upstream):
    openai_error(ready.call(b" " * (1024 * 1024 + 1)), 413)
    with ready.connect() as connection:
        connection.send(head(b"Transfer-Encoding: chunked"))
        try:
            for _ in range(40):
                connection.send(b"%x\r\n%s\r\n" % (65536, b" " * 65536))
        except OSError:
            pass  # refused while sending: as it should
        openai_error(connection.response().read(), 413)
    assert upstream.requests == []


def test_a_body_with_content_encoding_is_415(ready):
    openai_error(ready.call(BODY, headers={"Content-Encoding": "gzip"}), 415)


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_a_body_that_is_not_json_by_type_is_415_or_400(ready, kind):
    answer = ready.call(b"model=one/m", headers={"Content-Type": kind})
    openai_error(answer, answer.status)
    assert answer.status in (400, 415)


def test_an_unknown_path_is_404_and_a_wrong_method_405_or_404(ready):
    openai_error(ready.get("/v1/nothing"), 404)
    openai_error(ready.call({}, "/nothing"), 404)
    answer = ready.get("/v1/chat/completions")
    openai_error(answer, answer.status)
    assert answer.status in (404, 405)


def test_a_slow_head_is_408(gateway, upstream):
    g = gateway(one(upstream, limits={"head_time": 0.3}))
    with g.connect() as connection:
        connection.send(b"POST /v1/chat/completions HT")
        openai_error(connection.response().read(), 408)
        assert connection.at_end()


def test_a_slow_body_is_408(gateway, upstream):
    g = gateway(one(upstream, limits={"body_time": 0.3}))
    with g.connect() as connection:
        connection.send(head(b"Content-Length: 10") + b"{")
        openai_error(connection.response().read(), 408)
        assert connection.at_end()


def test_an_idle_connection_is_closed_in_silence(gateway, upstream):
    g = gateway(one(upstream, limits={"idle_time": 0.3}))
    with g.connect() as connection:
        connection.request("GET", "/health")
        assert connection.response("GET").read().status == 200
        assert connection.at_end()


def test_a_slow_client_does_not_hold_up_another(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(one(upstream))
    with g.connect() as slow:
        slow.send(b"POST /v1/chat")
        assert g.chat("one/m").status == 200


# ---- CORS --------------------------------------------------------------------------------------
ORIGIN = "https://app.example"


@pytest.fixture
def with_cors(gateway, upstream):
    upstream.always(lambda r: mock.tokens("x") if r.json.get("stream") else mock.chat())
    return gateway(config({"one": provider(upstream)}, cors={"origins": [ORIGIN]}, admin=ADMIN,
                          clients=[{"key": "ck-app-0001", "name": "app"}]))


def preflight(g, origin):
    return g.call(None, "/v1/chat/completions", "OPTIONS", {
        "Origin": origin, "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type"})


def test_a_preflight_of_an_allowed_origin_needs_no_key(with_cors):
    answer = preflight(with_cors, ORIGIN)
    assert answer.status in (200, 204) and answer.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert allowed == "*" or ("authorization" in allowed and "content-type" in allowed)


def test_another_origin_is_not_allowed(with_cors):
    assert "access-control-allow-origin" not in preflight(with_cors, "https://evil.example").headers


def test_answers_and_errors_tell_an_allowed_origin(with_cors):
    headers = {"Origin": ORIGIN, "Authorization": "Bearer ck-app-0001"}
    for body, status in (({"model": "one/m", "messages": []}, 200), ({"model": "no/such", "messages": []}, 404),
                         ({"model": "one/m", "messages": [], "stream": True}, 200)):
        answer = with_cors.call(body, headers=headers)
        assert answer.status == status and answer.headers["access-control-allow-origin"] == ORIGIN


def test_without_cors_settings_no_origin_is_allowed(ready):
    assert "access-control-allow-origin" not in preflight(ready, ORIGIN).headers


def test_a_client_that_sends_nothing_and_goes_disturbs_nobody(ready):
    for _ in range(20):
        ready.connect().close()
    with pytest.raises(Closed):
        connection = ready.connect()
        connection.sock.shutdown(1)
        connection.response()
    assert ready.get("/health").status == 200

"""Clients that send slowly, or never read: each wait has its own limit, and within it slowness is no fault."""
import select
import time

import pytest

import upstream as mock
from config import one
from expect import openai_error
from gateway import is_sanitized
from wire import wait_until

pytestmark = pytest.mark.slow

BODY = b'{"model":"one/m","messages":[]}'
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
SIZED = CHAT + b"Content-Length: %d\r\n\r\n" % len(BODY)
CHUNKED = CHAT + b"Transfer-Encoding: chunked\r\n\r\n"
FAR = {"head_time": 60, "body_time": 60, "idle_time": 60}


def limits(**named):
    return {"limits": {**FAR, **named}}


def trickle(connection, data, pace):
    """sends byte by byte, each after `pace` seconds, until all is sent or the other side speaks; how much it sent"""
    for i in range(len(data)):
        try:
            connection.send(data[i:i + 1])
        except OSError:  # it has just closed
            return i
        if select.select([connection.sock], [], [], pace)[0]:
            return i + 1
    return len(data)


@pytest.fixture
def good(upstream):
    return upstream.always(mock.chat())


@pytest.mark.parametrize("data", [SIZED, SIZED.replace(b"Host", b"X: %s\r\nHost" % (b"y" * 500)), b"\r\n" + SIZED],
                         ids=["plain", "long", "behind-an-empty-line"])
def test_a_head_that_trickles_for_longer_than_its_time_is_408(gateway, good, data):
    g = gateway(one(good, **limits(head_time=0.5)))
    with g.connect() as connection:
        began = time.monotonic()
        assert trickle(connection, data, .05) < len(data)
        openai_error(connection.response().read(), 408, "head")
        assert time.monotonic() - began >= 0.49 and connection.at_end()
    assert good.requests == []


def test_a_second_head_has_its_time_too(gateway, good):
    g = gateway(one(good, **limits(head_time=0.5)))
    with g.connect() as connection:
        connection.send(SIZED + BODY)
        assert connection.response().read().status == 200
        trickle(connection, SIZED, .05)
        openai_error(connection.response().read(), 408, "head")
        assert connection.at_end()
    assert len(good.requests) == 1


def test_a_head_that_trickles_but_comes_in_time_is_served(gateway, good):
    g = gateway(one(good, **limits(head_time=20, body_time=0.5, idle_time=0.5)))
    with g.connect() as connection:
        began = time.monotonic()
        assert trickle(connection, SIZED, .01) == len(SIZED)
        assert time.monotonic() - began >= 0.5  # longer than the times that do not count here
        connection.send(BODY)
        assert connection.response().read().status == 200


BODIES = {
    "sized": (SIZED, BODY),
    "in one chunk": (CHUNKED, b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)),
    "in chunks": (CHUNKED, b"".join(b"1;a=b\r\n%c\r\n" % c for c in BODY) + b"0\r\nX: y\r\n\r\n"),
}


@pytest.mark.parametrize("case", list(BODIES), ids=lambda c: c.replace(" ", "-"))
def test_a_body_whose_bytes_come_too_far_apart_is_408(gateway, good, case):
    g = gateway(one(good, **limits(body_time=0.3)))
    head, body = BODIES[case]
    with g.connect() as connection:
        connection.send(head)
        began = time.monotonic()
        assert trickle(connection, body, 3) < len(body)
        openai_error(connection.response().read(), 408, "body")
        assert time.monotonic() - began >= 0.29 and connection.at_end()
    assert good.requests == []


@pytest.mark.parametrize("case", list(BODIES), ids=lambda c: c.replace(" ", "-"))
def test_a_body_that_trickles_within_its_time_between_bytes_is_served(gateway, good, case):
    g = gateway(one(good, **limits(body_time=1, head_time=1, idle_time=1)))
    head, body = BODIES[case]
    pace = max(.005, 1.8 / len(body))
    with g.connect() as connection:
        connection.send(head)
        began = time.monotonic()
        assert trickle(connection, body, pace) == len(body)
        assert time.monotonic() - began >= 1.5  # longer than any one limit
        assert connection.response().read().status == 200
    assert good.last.body == BODY.replace(b"one/m", b"m")


def test_a_trailer_that_never_ends_is_408(gateway, good):
    g = gateway(one(good, **limits(body_time=0.3)))
    with g.connect() as connection:
        connection.send(CHUNKED + b"%x\r\n%s\r\n0\r\nX: y" % (len(BODY), BODY))
        openai_error(connection.response().read(), 408, "body")
        assert connection.at_end()
    assert good.requests == []


def test_empty_lines_do_not_keep_an_idle_connection(gateway, good):
    g = gateway(one(good, **limits(idle_time=0.5)))
    with g.connect() as connection:
        began = time.monotonic()
        assert trickle(connection, b"\r\n" * 1000, .02) < 2000
        assert connection.at_end() and time.monotonic() - began >= 0.49  # its clock has whole milliseconds


def test_a_request_that_waits_for_its_provider_is_not_idle(gateway, upstream):
    upstream.always(lambda _: mock.chat(before=[mock.Pause(1)]))
    g = gateway(one(upstream, **limits(head_time=0.2, body_time=0.2, idle_time=0.2)))
    with g.connect() as connection:
        connection.send(SIZED + BODY)
        assert connection.response().read().status == 200


# ---- clients that never read -------------------------------------------------------------------
def endless(is_stream):
    """an answer without end, and its flood"""
    if is_stream:
        flood = mock.Flood(mock.delta("x" * 60000), 100000)
        return mock.stream(mock.role(), flood), flood
    flood = mock.Flood(b"x" * 65536, 100000)
    return mock.Reply(200, {"content-type": "application/json"}, [b'{"x":"', flood], length=1 << 33), flood


@pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "unary"])
def test_a_client_that_never_reads_slows_its_provider_holds_little_and_is_given_up(gateway, upstream, is_stream):
    reply, flood = endless(is_stream)
    upstream.answer(reply)
    upstream.always(mock.chat())
    g = gateway(one(upstream, limits={"write_time": 2, "hold": "1MB"}))
    before = g.resident_kb()
    with g.connect(receive_buffer=16384) as connection:
        connection.request(body={"model": "one/m", "stream": is_stream, "messages": []})
        assert upstream.wait_requests(1).gone.wait(mock.LIMIT)
        assert flood.written * 60000 < 64 << 20
        if not is_sanitized():
            assert g.peak_kb() - before < 16 * 1024
        assert g.log()["error"]["kind"] == "canceled"
    assert g.chat("one/m").status == 200


def test_many_clients_that_never_read_do_not_hold_up_others(gateway, upstream):
    count, floods = 20, []

    def answer(request):
        if not request.json.get("stream"):
            return mock.chat()
        reply, flood = endless(True)
        floods.append(flood)
        return reply
    upstream.always(answer)
    g = gateway(one(upstream))
    before = g.resident_kb()
    connections = [g.connect(receive_buffer=16384) for _ in range(count)]
    for connection in connections:
        connection.request(body={"model": "one/m", "stream": True, "messages": []})

    def all_stand_still():
        seen = [flood.written for flood in floods]
        for _ in range(3):
            assert g.chat("one/m").status == 200
        time.sleep(.2)
        return len(seen) == count and min(seen) > 0 and seen == [flood.written for flood in floods]
    wait_until("all providers stand still", all_stand_still)
    if not is_sanitized():
        assert g.peak_kb() - before < count * 1024 + 4096
    for connection in connections:
        connection.close()
    for request in upstream.requests:
        if request.json.get("stream"):
            assert request.gone.wait(mock.LIMIT)


def test_a_client_that_reads_a_little_within_its_time_is_not_given_up(gateway, upstream):
    size = 24 << 20
    upstream.always(lambda _: mock.Reply(200, {"content-type": "application/json"},
                                         [b'{"x":"', mock.Flood(b"x" * 65536, size // 65536), b'"}'], length=size + 8))
    g = gateway(one(upstream, limits={"write_time": 1.5, "hold": "1MB"}))
    with g.connect(receive_buffer=65536) as connection:
        connection.request(body={"model": "one/m", "messages": []})
        answer = connection.response()
        began = time.monotonic()
        while time.monotonic() - began < 4:  # much longer than write_time
            assert connection.fill()
            select.select([], [], [], .03)
        assert len(connection.data) < size
        assert answer.read().body == b'{"x":"' + b"x" * size + b'"}'

"""Each deadline fires by itself and is told apart. T-05. No upper bounds of time: only what happened, and in what order."""
import socket
import time

import pytest

import upstream as mock
from config import group, one
from expect import attempts, broken_stream, openai_error

FAR = {"connect": 50, "first_token": 50, "head": 50, "idle": 50, "total": 100}


def only(**named):
    """all deadlines far away but these"""
    return {**FAR, **named}


@pytest.fixture
def deaf():
    """an address that takes no connection: its queue is full, so the handshake is never answered"""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(4):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(listener.getsockname())
        fillers.append(sock)
    yield "http://127.0.0.1:%d/v1" % listener.getsockname()[1]
    for sock in fillers + [listener]:
        sock.close()


def test_T05_connect(gateway, deaf):
    began = time.monotonic()
    answer = gateway(one(deaf, timeout=only(connect=0.4), retry={"max": 0})).chat("one/m")
    openai_error(answer, 504)
    assert attempts(answer) == [("one/m#1", "timeout")] and time.monotonic() - began >= 0.4


def test_T05_head_of_a_unary_answer(gateway, upstream):
    upstream.always(lambda _: mock.stall())
    began = time.monotonic()
    answer = gateway(one(upstream, timeout=only(head=0.4), retry={"max": 0})).chat("one/m")
    openai_error(answer, 504)
    assert time.monotonic() - began >= 0.4 and upstream.last.gone.wait(mock.LIMIT)


def test_T05_first_token_of_a_stream_comments_and_roles_do_not_count(gateway, upstream):
    ticking = [piece for _ in range(1000) for piece in (b": wait\n\n", mock.Pause(.05))]
    upstream.always(lambda _: mock.stream(mock.role(), *ticking))
    began = time.monotonic()
    answer = gateway(one(upstream, timeout=only(first_token=0.4), retry={"max": 0})).chat("one/m", stream=True)
    openai_error(answer.read(), 504)
    assert time.monotonic() - began >= 0.4 and upstream.last.gone.wait(mock.LIMIT)


def test_T05_first_token_does_not_bind_a_unary_answer(gateway, upstream):
    upstream.always(lambda _: mock.chat(before=[mock.Pause(0.8)]))
    assert gateway(one(upstream, timeout=only(first_token=0.2))).chat("one/m").status == 200


def test_T05_head_does_not_bind_a_stream_that_began(gateway, upstream):
    upstream.always(lambda _: mock.stream(mock.role(), mock.Pause(0.8), mock.delta("x"), mock.finish(), mock.DONE))
    assert gateway(one(upstream, timeout=only(head=0.2))).chat("one/m", stream=True).read().text == "x"


def test_T05_idle_between_bytes_after_the_commit(gateway, upstream):
    upstream.always(lambda _: mock.stream(mock.delta("x"), mock.Stall()))
    g = gateway(one(upstream, timeout=only(idle=0.4)))
    answer = g.chat("one/m", stream=True)
    broken_stream(answer, "x")
    assert g.log(answer)["error"]["kind"] == "timeout" and upstream.last.gone.wait(mock.LIMIT)


def test_T05_idle_in_a_unary_body(gateway, upstream):
    upstream.always(lambda _: mock.Reply(200, {"content-type": "application/json"}, [b'{"id":', mock.Stall()], length=99))
    openai_error(gateway(one(upstream, timeout=only(idle=0.4), retry={"max": 0})).chat("one/m"), 504)


def test_T05_comments_count_against_idle(gateway, upstream):
    ticking = [piece for _ in range(20) for piece in (b": wait\n\n", mock.Pause(.1))]
    upstream.always(lambda _: mock.stream(mock.delta("x"), *ticking, mock.finish(), mock.DONE))
    assert gateway(one(upstream, timeout=only(idle=1))).chat("one/m", stream=True).read().events[-1] == "[DONE]"


def test_T05_total_bounds_all_attempts_together(gateway, upstreams):
    a, b = (upstreams().always(lambda _: mock.stall()) for _ in range(2))
    began = time.monotonic()
    answer = gateway(group(a, b, timeout=only(head=0.6, total=0.9), retry={"max": 5})).chat("group")
    openai_error(answer, 504)
    assert time.monotonic() - began >= 0.9 and len(a.requests) == len(b.requests) == 1


def test_T05_total_ends_a_committed_stream_with_an_error_event(gateway, upstream):
    ticking = [piece for _ in range(1000) for piece in (mock.delta("x"), mock.Pause(.1))]
    upstream.always(lambda _: mock.stream(*ticking))
    answer = gateway(one(upstream, timeout=only(total=0.7))).chat("one/m", stream=True).read()
    assert "[DONE]" not in answer.events and '"error"' in answer.events[-1]


def test_T05_the_model_overrides_the_provider_and_that_the_top_level(gateway, upstreams):
    a, b = upstreams().always(lambda _: mock.stall()), upstreams().always(mock.chat("from b"))
    answer = gateway(group(a, b, model={"timeout": {"head": 0.3}}, timeout=FAR)).chat("group")
    assert answer.status == 200 and attempts(answer)[0] == ("a/m#1", "timeout")


def test_the_attempts_header_tells_milliseconds_in_the_order_of_the_deadlines(gateway, upstreams):
    a, b = (upstreams().always(lambda _: mock.stall()) for _ in range(2))
    answer = gateway(group(a, b, timeout=only(head=0.4), retry={"max": 1})).chat("group")
    times = [int(one_try.rsplit("/", 1)[1]) for one_try in answer.headers["x-tidegate-attempts"].split(" ")]
    assert len(times) == 2 and all(ms >= 390 for ms in times)

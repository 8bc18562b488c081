"""A name server that does not answer holds nobody but those who ask for its names. T-05, T-07.

The resolver of the C library is replaced by one that hangs for as long as the test wants (slow_resolver.c)."""
import os
import signal
import subprocess
import time

import pytest

import upstream as mock
from config import ADMIN, config, provider
from expect import attempts, clean_stream, openai_error
from gateway import DRAINED, is_sanitized
from wire import wait_until

HANGS = "http://api.hangs.test:%d/v1"


@pytest.fixture(scope="session")
def resolver(tmp_path_factory):
    """the library, built once"""
    if is_sanitized():
        pytest.skip("a sanitizer wants to be the first library")
    library = str(tmp_path_factory.mktemp("resolver") / "slow_resolver.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library,
                    os.path.join(os.path.dirname(__file__), "slow_resolver.c"), "-ldl"], check=True)
    return library


@pytest.fixture
def hanging(resolver, tmp_path):
    """the environment of a program whose resolver hangs, until `answer()` is called"""
    class Hanging:
        file = tmp_path / "hangs"
        env = {"LD_PRELOAD": resolver, "SLOW_RESOLVER": str(file)}

        def answer(self):
            self.file.unlink(missing_ok=True)
    one = Hanging()
    one.file.touch()
    yield one
    one.answer()


def two(upstream, connect, **more):
    """provider "lost", whose name hangs, and "near"; the group asks them in this order"""
    return config({"lost": provider(HANGS % upstream.port), "near": provider(upstream)}, timeout={"connect": connect},
                  models={"group": {"targets": ["lost/m", "near/m"], "pick": "ordered"}}, admin=ADMIN, **more)


def ask(g, model, **more):
    client = g.connect()
    client.request(body={"model": model, "messages": [], **more})
    return client


def in_flight(g):
    return g.metrics()["tidegate_upstreams_in_flight"]


def test_others_are_served_while_a_name_hangs(gateway, upstream, hanging):
    upstream.always(lambda r: mock.tokens("near") if r.json.get("stream") else mock.chat("near"))
    g = gateway(two(upstream, 60), env=hanging.env)
    waiting = [ask(g, "lost/m") for _ in range(20)]
    wait_until("all of them wait", lambda: in_flight(g) == 20)
    for turn in range(100):
        if turn % 2:
            assert g.chat("near/m").status == 200
        else:
            clean_stream(g.chat("near/m", stream=True), "near").connection.close()
    assert in_flight(g) == 20
    hanging.answer()
    for client in waiting:  # and when the name server wakes up, they go on
        assert client.response().read().status == 200
        client.close()


def test_T05_the_connect_time_ends_a_name_that_hangs_and_the_next_lane_serves(gateway, upstream, hanging):
    upstream.always(mock.chat("near"))
    g = gateway(two(upstream, 0.4), env=hanging.env)
    began = time.monotonic()
    got = g.chat("group")
    assert got.json["choices"][0]["message"]["content"] == "near"
    assert attempts(got) == [("lost/m#1", "timeout"), ("near/m#1", "200")] and time.monotonic() - began >= 0.4
    assert hanging.file.exists()  # the resolver still hangs


def test_T05_a_name_that_hangs_is_504_without_another_lane(gateway, upstream, hanging):
    g = gateway(two(upstream, 0.4, retry={"max": 0}), env=hanging.env)
    got = g.chat("lost/m")
    openai_error(got, 504)
    assert attempts(got) == [("lost/m#1", "timeout")] and in_flight(g) == 0
    assert hanging.file.exists()


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_T07_a_client_that_leaves_while_a_name_hangs_is_freed(gateway, upstream, hanging, leave):
    upstream.always(mock.chat("near"))
    g = gateway(two(upstream, 60), env=hanging.env)
    clients = [ask(g, "lost/m", stream=bool(i % 2)) for i in range(10)]
    wait_until("all of them wait", lambda: in_flight(g) == 10)
    for client in clients:
        getattr(client, leave)()
    wait_until("all of them are freed", lambda: in_flight(g) == 0)
    assert g.log()["error"]["kind"] == "canceled" and hanging.file.exists()
    assert g.chat("near/m").status == 200


@pytest.mark.parametrize("who", ["nobody waits any more", "a client waits"])
def test_the_end_of_the_program_does_not_wait_for_a_name_that_hangs(gateway, upstream, hanging, who):
    settings = two(upstream, 1 if who == "a client waits" else 60, retry={"max": 0})
    g = gateway(settings, env=hanging.env, clean=False)
    client = ask(g, "lost/m")
    wait_until("it waits", lambda: in_flight(g) == 1)
    if who == "nobody waits any more":
        client.close()
        wait_until("it is freed", lambda: in_flight(g) == 0)
    g.signal(signal.SIGTERM)
    if who == "a client waits":
        openai_error(client.response().read(), 504)
    assert g.wait() == 0 and g.stderr[-1] == DRAINED, g.errors
    assert hanging.file.exists()  # it still hung when the program had ended


def test_a_name_is_asked_for_anew_after_it_failed(gateway, upstream, hanging):
    upstream.always(mock.chat("woken"))
    g = gateway(two(upstream, 0.4, retry={"max": 0}), env=hanging.env)
    openai_error(g.chat("lost/m"), 504)
    hanging.answer()
    assert g.chat("lost/m").status == 200

"""Many streams at once: what each costs, and that all of it comes back. The large ones are in `make soak`."""
import socket

import pytest

import load
from gateway import is_sanitized
from wire import wait_until

IDLE_MS = 500  # the mock closes what the gateway keeps pooled, so that rest is rest


@pytest.fixture(scope="module", autouse=True)
def tools():
    load.build_tools()


@pytest.fixture
def mockup():
    one = load.Mockup()
    yield one
    one.end()


def half_vanish(gateway, mockup, count, chunks, per_stream, ramp):
    """`count` slow streams through one worker, of which half lose their client"""
    g = load.start(gateway, mockup)
    mockup.set(chunks=5, gap=20, idle=IDLE_MS)
    load.streams(g, max(count // 30, 20), 5).report()
    before, files = load.rest(g), load.descriptors(g)

    mockup.set(chunks=chunks, gap=500, idle=IDLE_MS)
    staying = load.streams(g, count // 2, chunks, ramp=ramp)
    leaving = load.streams(g, count // 2, chunks, ramp=ramp)
    wait_until("%d open streams" % count, lambda: mockup.streams() == count, 60)
    each = (load.resident(g) - before) / count
    leaving.vanish()
    wait_until("the upstreams of those who left are closed", lambda: mockup.streams() <= count // 2)

    result = staying.report()
    after = load.rest(g)
    print("%d streams: %.1f KiB each; at rest %.1f MiB, afterwards %.1f MiB" %
          (count, each / 1024, before / load.MIB, after / load.MIB))
    assert result["total"]["ok"] == count // 2 and result["total"]["errors"] == 0, result
    assert mockup.streams() == 0
    wait_until("descriptors are as before", lambda: load.descriptors(g) <= files)
    if not is_sanitized():
        assert each <= per_stream
        assert load.is_back(before, after), (before, after)


@pytest.mark.full
def test_T09_three_hundred_slow_streams_of_which_half_vanish(gateway, mockup):
    half_vanish(gateway, mockup, 300, 10, per_stream=32 * 1024, ramp=1)


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_T09_ten_thousand_slow_streams_through_one_worker_of_which_half_vanish(gateway, mockup):
    count = load.streams_that_fit(10000)
    if count < 5000:
        pytest.skip("the hard limit of open files leaves room for %d streams only" % count)
    half_vanish(gateway, mockup, count, 60, per_stream=32 * 1024, ramp=5)


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_ten_thousand_idle_connections_beside_load(gateway, mockup):
    g = load.start(gateway, mockup)
    mockup.set(body=1024, idle=IDLE_MS)
    load.Load(g, "-c", 32, "-d", 2).report()
    before, files, idle = load.rest(g), load.descriptors(g), []
    count = load.streams_that_fit(10000) - 100
    for _ in range(count):
        idle.append(socket.create_connection(("127.0.0.1", g.port)))
    wait_until("all accepted", lambda: load.descriptors(g) >= files + count)
    each = (load.resident(g) - before) / count
    result = load.Load(g, "-c", 32, "-d", 5).report()
    print("%d idle connections: %.1f KiB each; %d requests/s beside them" % (count, each / 1024, result["rps"]))
    assert result["total"]["errors"] == 0 and result["ok"] > 1000
    for sock in idle:
        sock.close()
    after = load.rest(g)
    wait_until("descriptors are as before", lambda: load.descriptors(g) <= files)
    if not is_sanitized():
        assert each <= 2048
        assert load.is_back(before, after), (before, after)

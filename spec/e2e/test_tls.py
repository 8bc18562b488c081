"""Upstreams over TLS: streams, reuse of connections and sessions, and peers that must be refused. T-02."""
import ssl
import time

import pytest

import upstream as mock
from config import config, provider
from expect import attempts, broken_stream, clean_stream, openai_error
from gateway import is_sanitized
from script import answer
from tls import Tunnel, make_certificate, make_expired, over, server_context
from wire import wait_until


@pytest.fixture
def tunnel(tmp_path, upstream):
    certificate, key = make_certificate(tmp_path)
    one = Tunnel(certificate, key, upstream.port)
    one.certificate = certificate
    yield one
    one.close()


def over_tls(tunnel, host="localhost", **more):
    return config({"one": provider("https://%s:%d/v1" % (host, tunnel.port), **more)}, retry={"max": 0})


def test_a_stream_comes_through_tls_with_a_ca_file_of_the_provider(gateway, upstream, tunnel):
    upstream.always(mock.tokens("se", "cure"))
    g = gateway(over_tls(tunnel, ca_file=tunnel.certificate))
    clean_stream(g.chat("one/m", stream=True), "secure")


def test_a_tls_connection_is_used_again(gateway, upstream, tunnel):
    upstream.always(mock.chat("secure"))
    g = gateway(over_tls(tunnel, ca_file=tunnel.certificate))
    for _ in range(5):
        assert g.chat("one/m").status == 200
    assert tunnel.accepted == 1


def test_large_bodies_pass_tls_both_ways(gateway, upstream, tunnel):
    text = "x" * (3 << 20)
    upstream.always(mock.chat(text))
    g = gateway(over_tls(tunnel, ca_file=tunnel.certificate))
    answer = g.chat("one/m", text=text)
    assert answer.json["choices"][0]["message"]["content"] == text
    assert len(upstream.last.body) > len(text)


@pytest.mark.parametrize("what", ["unknown issuer", "wrong name"])
def test_a_certificate_that_does_not_fit_is_refused(gateway, upstream, tunnel, what):
    upstream.always(mock.chat("never"))
    more = {} if what == "unknown issuer" else {"ca_file": tunnel.certificate}
    g = gateway(over_tls(tunnel, host="localhost" if what == "unknown issuer" else "127.0.0.1", **more))
    answer = g.chat("one/m")
    openai_error(answer, 502)
    assert "=tls/" in answer.headers["x-tidegate-attempts"]
    assert upstream.requests == []


# ---- certificates ------------------------------------------------------------------------------
HELLO = mock.chat("hello").pieces[0]


def serve(peer, kept=True):
    while True:
        peer.read_request()
        peer.send(answer(HELLO))
        if not kept:
            return


def https(server, **more):
    return provider("https://localhost:%d/v1" % server.port, **more)


def alone(server, **more):
    return config({"one": https(server, **more)}, retry={"max": 0})


def refused_by_tls(g, model="one/m"):
    got = g.chat(model)
    openai_error(got, 502)
    assert [outcome for _, outcome in attempts(got)] == ["tls"], got.body
    return got


def test_an_expired_certificate_is_refused(gateway, script, tmp_path):
    authority, certificate, key = make_expired(tmp_path)
    server = script(over(server_context(certificate, key), serve))
    refused_by_tls(gateway(alone(server, ca_file=authority)))


def test_a_certificate_of_another_authority_is_refused(gateway, script, tmp_path):
    server = script(over(server_context(*make_certificate(tmp_path)), serve))
    other, _ = make_certificate(tmp_path, file="other")
    refused_by_tls(gateway(alone(server, ca_file=other)))


@pytest.mark.parametrize("kept", [True, False], ids=["pooled", "session"])
def test_a_ca_file_counts_for_its_provider_alone(gateway, script, tmp_path, kept):
    """one server, asked by a provider that may trust it and by two that may not: neither the pooled connection nor
    the TLS session of the first is for the others"""
    certificate, key = make_certificate(tmp_path)
    other, _ = make_certificate(tmp_path, file="other")
    server = script(over(server_context(certificate, key), lambda peer: serve(peer, kept)))
    g = gateway(config({"trusting": https(server, ca_file=certificate), "system": https(server),
                        "other": https(server, ca_file=other)}, retry={"max": 0}))
    for _ in range(2):
        assert g.chat("trusting/m").status == 200
        refused_by_tls(g, "system/m")
        refused_by_tls(g, "other/m")


# ---- peers that are no TLS servers -------------------------------------------------------------
def old_context(certificate, key, version):
    context = server_context(certificate, key)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_a_peer_of_the_last_century_is_refused(gateway, script, tmp_path, version):
    certificate, key = make_certificate(tmp_path)
    server = script(over(old_context(certificate, key, ssl.TLSVersion[version]), serve))
    refused_by_tls(gateway(alone(server, ca_file=certificate)))


def answer_plainly(peer):
    peer.sock.recv(1)
    peer.send(answer(HELLO)).wait_gone()


def close_after_hello(peer):
    peer.sock.recv(1 << 16)


def reset_after_hello(peer):
    peer.sock.recv(1 << 16)
    peer.reset()


def reset_at_once(peer):
    peer.reset()


def half_a_hello(peer):
    peer.sock.recv(1 << 16)
    peer.send(b"\x16\x03\x03\x00\x7a\x02\x00").reset()


NO_TLS = [answer_plainly, close_after_hello, reset_after_hello, reset_at_once, half_a_hello]


@pytest.mark.parametrize("play", NO_TLS, ids=lambda play: play.__name__)
def test_T02_a_handshake_that_fails_moves_on(gateway, script, upstream, play):
    upstream.always(mock.chat("from b"))
    g = gateway(config({"a": https(script(play)), "b": provider(upstream)},
                       models={"group": {"targets": ["a/m", "b/m"], "pick": "ordered"}}))
    got = g.chat("group")
    assert got.status == 200 and [lane for lane, _ in attempts(got)] == ["a/m#1", "b/m#1"]
    assert attempts(got)[0][1] in ("tls", "connect")


def test_T05_a_handshake_that_hangs_counts_into_the_connect_time(gateway, script):
    server = script(lambda peer: peer.wait_gone())
    began = time.monotonic()
    g = gateway(config({"one": https(server)}, retry={"max": 0}, timeout={"connect": 0.4}))
    got = g.chat("one/m")
    openai_error(got, 504)
    assert attempts(got) == [("one/m#1", "timeout")] and time.monotonic() - began >= 0.4
    server.wait_ended(1)


def test_T07_a_client_that_leaves_during_the_handshake_frees_it(gateway, script):
    server = script(lambda peer: peer.wait_gone())
    g = gateway(config({"one": https(server)}, timeout={"connect": 60}))
    client = g.connect()
    client.request(body={"model": "one/m", "messages": []})
    server.wait_accepted(1)
    client.close()
    server.wait_ended(1)


# ---- reuse -------------------------------------------------------------------------------------
GOODBYES = {"close_notify": lambda peer: peer.sock.unwrap(), "fin": lambda peer: peer.cut(),
            "rst": lambda peer: peer.reset()}


@pytest.mark.parametrize("goodbye", list(GOODBYES))
def test_a_pooled_tls_connection_that_the_provider_closes_is_replaced(gateway, script, tmp_path, goodbye):
    certificate, key = make_certificate(tmp_path)

    def play(peer):
        peer.read_request()
        peer.send(answer(HELLO))
        GOODBYES[goodbye](peer)
    server = script(over(server_context(certificate, key), play))
    g = gateway(config({"one": https(server, ca_file=certificate)}))
    for turn in range(5):
        got = g.chat("one/m")
        assert got.status == 200 and attempts(got)[-1] == ("one/m#1", "200") and len(attempts(got)) <= 2
        server.wait_ended(turn + 1)


@pytest.mark.parametrize("goodbye", list(GOODBYES))
def test_a_pooled_tls_connection_that_dies_unheard_is_replaced_once(gateway, script, tmp_path, goodbye):
    certificate, key = make_certificate(tmp_path)

    def play(peer):
        peer.read_request()
        peer.send(answer(HELLO))
        peer.read_request()
        if peer.number == 1:
            GOODBYES[goodbye](peer)
        else:
            peer.send(answer(HELLO)).wait_gone()
    server = script(over(server_context(certificate, key), play))
    g = gateway(config({"one": https(server, ca_file=certificate)}))
    assert g.chat("one/m").status == 200
    got = g.chat("one/m")
    assert got.status == 200 and attempts(got) == [("one/m#1", "connect"), ("one/m#1", "200")]
    assert server.accepted == 2


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_new_connection_resumes_the_session_of_the_one_before(gateway, script, tmp_path, version):
    certificate, key = make_certificate(tmp_path)
    context = server_context(certificate, key)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    resumed = []

    def play(peer):
        peer.read_request()
        peer.send(answer(HELLO))
        peer.sock.unwrap()
    server = script(over(context, play, resumed))
    g = gateway(alone(server, ca_file=certificate))
    for turn in range(4):
        assert g.chat("one/m").status == 200
        server.wait_ended(turn + 1)
    assert resumed == [False, True, True, True]


# ---- answers -----------------------------------------------------------------------------------
@pytest.mark.parametrize("goodbye", list(GOODBYES))
def test_T01_a_stream_over_tls_that_is_cut_ends_with_an_error_event(gateway, script, tmp_path, goodbye):
    certificate, key = make_certificate(tmp_path)

    def play(peer):
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + mock.delta("so far"))
        GOODBYES[goodbye](peer)
    server = script(over(server_context(certificate, key), play))
    broken_stream(gateway(alone(server, ca_file=certificate)).chat("one/m", stream=True), "so far")


def test_a_slow_reader_slows_a_tls_upstream_and_fills_no_memory(gateway, script, tmp_path):
    certificate, key = make_certificate(tmp_path)
    piece, times = mock.delta("x" * 60000), 1000
    framed, written = b"%x\r\n%s\r\n" % (len(piece), piece), [0]
    end = mock.finish() + mock.DONE

    def play(peer):
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(times):
            peer.send(framed)
            written[0] += 1
        peer.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(end), end)).wait_gone()
    server = script(over(server_context(certificate, key), play))
    g = gateway(alone(server, ca_file=certificate))
    before = g.resident_kb()
    client = g.connect(receive_buffer=16384)
    client.request(body={"model": "one/m", "stream": True, "messages": []})
    got = client.response().read_until(b"xxx")

    def stands_still():
        seen = written[0]
        time.sleep(.3)
        return written[0] == seen and seen > 0
    wait_until("the upstream's writes block", stands_still)
    assert written[0] < times / 2
    assert is_sanitized() or g.resident_kb() - before < 16 * 1024
    received, tail = len(got.body), b""
    got.body = b""
    while got.read_some():
        received += len(got.body)
        tail, got.body, got.chunks, client.reads = got.body[-len(mock.DONE):], b"", [], []
    assert received == len(piece) * times + len(end) and tail == mock.DONE

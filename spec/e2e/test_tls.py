"""Upstreams over TLS: streams, reuse of the connection, and certificates that must be refused."""
import pytest

import upstream as mock
from config import config, provider
from expect import clean_stream, openai_error
from tls import Tunnel, make_certificate


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

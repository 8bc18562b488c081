"""Providers behind a proxy: what it is asked for, what it refuses, and that nobody is told its password."""
import os
import socket
import threading

import pytest

import upstream as mock
from config import config, provider
from expect import attempts, clean_stream, openai_error
from script import answer
from tls import Tunnel, make_certificate, pump

HELLO = mock.chat("hello").pieces[0]
PASSWORD = "proxy-pass-canary"
USER = "alice:%s@" % PASSWORD
BASIC = b"proxy-authorization: basic ywxpy2u6chjvehktcgfzcy1jyw5hcnk="  # of USER, in lower case


@pytest.fixture
def start(gateway):
    """the gateway; after the test its password must not be in the log, on stderr, or in what a client got"""
    made = []

    def start_one(*args, **named):
        made.append(gateway(*args, **named))
        return made[-1]
    yield start_one
    for g in made:
        log = open(g.log_path, "rb").read() if os.path.exists(g.log_path) else b""
        for place in (log, g.errors.encode(), g.output.encode(), *g.seen):
            assert PASSWORD.encode() not in place and BASIC.split()[-1] not in place.lower()


def through(server, user=""):
    return "http://%s127.0.0.1:%d" % (user, server.port)


class Proxy:
    """Tunnels CONNECT to whatever port is asked for, and answers absolute requests itself; keeps the heads."""

    def __init__(self, script, text="by proxy"):
        self.heads, self.text = [], text
        self.server = script(self.play)
        self.port = self.server.port

    def play(self, peer):
        while True:
            head = peer.read_head()
            self.heads.append(head)
            if head.startswith(b"CONNECT "):
                return self.tunnel(peer, int(head.split(b" ")[1].split(b":")[1]))
            size = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
            peer.read(int(size[0]))
            peer.send(answer(mock.chat(self.text).pieces[0]))

    @staticmethod
    def tunnel(peer, port):
        other = socket.create_connection(("127.0.0.1", port))
        peer.sock.settimeout(None)
        peer.send(b"HTTP/1.1 200 Go\r\n\r\n")
        back = threading.Thread(target=pump, args=(other, peer.sock), daemon=True)
        back.start()
        pump(peer.sock, other)
        back.join(mock.LIMIT)
        other.close()


def text_of(got):
    assert got.status == 200, got.body
    return got.json["choices"][0]["message"]["content"]


@pytest.fixture
def tunnel(tmp_path, upstream):
    certificate, key = make_certificate(tmp_path)
    one = Tunnel(certificate, key, upstream.port)
    one.certificate = certificate
    one.url = "https://localhost:%d/v1" % one.port
    yield one
    one.close()


# ---- what it is asked for ----------------------------------------------------------------------
def test_a_plain_request_goes_to_the_proxy_in_absolute_form_with_its_password(start, script):
    proxy = Proxy(script)
    g = start(config({"one": provider("http://api.test:8080/v1", proxy=through(proxy, USER))}))
    for _ in range(2):
        assert text_of(g.chat("one/m")) == "by proxy"
    assert proxy.server.accepted == 1 and len(proxy.heads) == 2
    for head in proxy.heads:
        assert head.startswith(b"POST http://api.test:8080/v1/chat/completions HTTP/1.1\r\nHost: api.test:8080\r\n")
        assert head.lower().count(BASIC) == 1
        assert b"Bearer sk-canary-one" in head  # for the provider, as without a proxy


def test_a_tls_request_goes_through_a_tunnel_that_its_provider_learns_nothing_of(start, script, upstream, tunnel):
    upstream.always(lambda r: mock.tokens("secure") if r.json.get("stream") else mock.chat("secure"))
    proxy = Proxy(script)
    g = start(config({"one": provider(tunnel.url, ca_file=tunnel.certificate, proxy=through(proxy, USER))}))
    assert text_of(g.chat("one/m")) == "secure"
    clean_stream(g.chat("one/m", stream=True), "secure")
    assert len(proxy.heads) == 1  # the tunnel was used again
    head = proxy.heads[0]
    assert head.startswith(b"CONNECT localhost:%d HTTP/1.1\r\n" % tunnel.port) and BASIC in head.lower()
    assert b"sk-canary" not in head
    for request in upstream.requests:
        assert request.target == "/v1/chat/completions" and "proxy-authorization" not in request.headers


def test_a_certificate_is_checked_through_the_tunnel_too(start, script, upstream, tunnel):
    g = start(config({"one": provider(tunnel.url, proxy=through(Proxy(script), USER))}, retry={"max": 0}))
    got = g.chat("one/m")
    openai_error(got, 502)
    assert attempts(got) == [("one/m#1", "tls")] and upstream.requests == []


# ---- which one ---------------------------------------------------------------------------------
def test_the_environment_names_a_proxy_and_no_proxy_is_honoured(start, script, upstream):
    upstream.always(mock.chat("direct"))
    proxy = Proxy(script)
    g = start(config({"far": provider("http://api.test/v1"), "near": provider(upstream),
                      "never": provider("http://other.test/v1", proxy=False)}, retry={"max": 0}),
              env={"http_proxy": through(proxy, USER), "no_proxy": "127.0.0.1,localhost"})
    assert text_of(g.chat("far/m")) == "by proxy" and text_of(g.chat("near/m")) == "direct"
    openai_error(g.chat("never/m"), 502)  # no such name, and no proxy that would know it
    assert len(proxy.heads) == 1 and b"POST http://api.test/v1/" in proxy.heads[0]


def test_the_https_proxy_of_the_environment_is_for_https_alone(start, script, upstream, tunnel):
    upstream.always(mock.chat("secure"))
    plain, secure = Proxy(script, "plain"), Proxy(script, "secure")
    g = start(config({"tls": provider(tunnel.url, ca_file=tunnel.certificate), "tcp": provider("http://api.test/v1")}),
              env={"http_proxy": through(plain), "https_proxy": through(secure)})
    assert text_of(g.chat("tls/m")) == "secure" and text_of(g.chat("tcp/m")) == "plain"
    assert [len(plain.heads), len(secure.heads)] == [1, 1]


def test_a_pooled_connection_belongs_to_its_proxy_and_its_user(start, script, upstream):
    """one provider's address, reached directly, through two proxies, and through one as two users"""
    upstream.always(mock.chat("direct"))
    first, second = Proxy(script, "first"), Proxy(script, "second")
    ways = {"direct": False, "first": through(first), "alice": through(first, USER), "second": through(second)}
    g = start(config({name: provider(upstream, proxy=way) for name, way in ways.items()}))
    for _ in range(3):
        assert [text_of(g.chat(name + "/m")) for name in ways] == ["direct", "first", "first", "second"]
    assert (upstream.accepted, first.server.accepted, second.server.accepted) == (1, 2, 1)
    assert sum(BASIC in head.lower() for head in first.heads) == 3


@pytest.mark.parametrize("kept", [True, False], ids=["pooled", "new"])
def test_a_tunnel_belongs_to_its_proxy(start, script, upstream, tunnel, kept):
    upstream.always(lambda _: mock.chat("secure", keep=kept))
    proxy = Proxy(script)
    g = start(config({"through": provider(tunnel.url, ca_file=tunnel.certificate, proxy=through(proxy)),
                      "direct": provider(tunnel.url, ca_file=tunnel.certificate, proxy=False)}))
    for _ in range(2):
        assert text_of(g.chat("through/m")) == "secure"
        seen = len(proxy.heads)
        assert text_of(g.chat("direct/m")) == "secure" and len(proxy.heads) == seen


# ---- proxies that do not do it -----------------------------------------------------------------
def refuse(status):
    def play(peer):
        peer.read_head()
        peer.send(b"HTTP/1.1 %d No\r\ncontent-type: text/html\r\nproxy-authenticate: Basic realm=\"x\"\r\n"
                  b"content-length: 18\r\n\r\n<h1>Forbidden</h1>" % status).wait_gone()
    return play


def close_early(peer):
    peer.read_head()


def reset_early(peer):
    peer.read_head()
    peer.reset()


def hang(peer):
    peer.wait_gone()


def talk_nonsense(peer):
    peer.read_head()
    peer.send(b"\x05\x00 this is no HTTP\r\n\r\n")


def speak_too_soon(peer):
    """bytes of its own in the tunnel, before the provider's"""
    peer.read_head()
    peer.send(b"HTTP/1.1 200 Go\r\n\r\n" + answer(HELLO)).wait_gone()


def endless_head(peer):
    peer.read_head()
    peer.send(b"HTTP/1.1 200 Go\r\n")
    while True:
        peer.send(b"x-header: " + b"y" * 1000 + b"\r\n")


BAD = {"403": refuse(403), "407": refuse(407), "502": refuse(502), "closes": close_early, "resets": reset_early,
       "hangs": hang, "talks nonsense": talk_nonsense, "speaks too soon": speak_too_soon, "never ends": endless_head}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("how", list(BAD), ids=lambda h: h.replace(" ", "-"))
def test_a_proxy_that_fails_is_a_failed_lane(start, script, upstream, scheme, how):
    if scheme == "http" and how == "speaks too soon":
        pytest.skip("what a proxy says to a plain request is the answer")
    server = script(BAD[how])
    upstream.always(mock.chat("from b"))
    g = start(config({"a": provider(scheme + "://api.test/v1", proxy=through(server, USER)), "b": provider(upstream)},
                     models={"group": {"targets": ["a/m", "b/m"], "pick": "ordered"}},
                     timeout={"connect": 0.3, "head": 0.3}, retry={"max": 1}))
    got = g.chat("group")
    assert text_of(got) == "from b" and [lane for lane, _ in attempts(got)] == ["a/m#1", "b/m#1"]
    single = g.chat("a/m")
    assert single.status in (502, 504) and b"Forbidden" not in single.body


def test_a_proxy_that_is_not_there_is_named_without_its_password(start, refused):
    dead = refused.replace("http://", "http://" + USER).removesuffix("/v1")
    g = start(config({"one": provider("http://api.test/v1", proxy=dead)}, retry={"max": 0}))
    got = g.chat("one/m")
    error = openai_error(got, 502)
    assert attempts(got) == [("one/m#1", "connect")] and "api.test" in error["message"]

"""Upstream connections that die at the wrong moment: pooled ones, half an answer, half a request. T-01, T-02, T-07."""
import random
import threading

import pytest

import upstream as mock
from config import ADMIN, group, one
from expect import attempts, broken_stream, clean_stream, openai_error
from script import answer, chunked
from wire import Connection, wait_until

HOW = {"fin": lambda peer: peer.cut(), "rst": lambda peer: peer.reset()}
BIG = 8 << 20  # bytes of a request that no socket buffer holds


def chat_text(text):
    return mock.chat(text).pieces[0]


def content(answer_):
    assert answer_.status == 200, answer_.body
    return answer_.json["choices"][0]["message"]["content"]


def serve(peer, text="hello"):
    """answers requests until the other side closes"""
    while True:
        peer.read_request()
        peer.send(answer(chat_text(text)))


# ---- pooled connections that die ---------------------------------------------------------------
@pytest.mark.parametrize("how", list(HOW))
@pytest.mark.parametrize("read", ["nothing", "the head", "the whole request"])
def test_a_pooled_connection_that_dies_unheard_is_replaced_once_on_the_same_lane(gateway, script, upstream, how, read):
    def play(peer):
        if peer.number > 1:
            serve(peer, "from the second")
        peer.read_request()
        peer.send(answer(chat_text("from the first")))
        if read == "nothing":
            peer.sock.recv(1)
        elif read == "the head":
            peer.read_head()
        else:
            peer.read_request()
        HOW[how](peer)
    server = script(play)
    upstream.always(mock.chat("from b"))
    g = gateway(group(server, upstream))
    assert content(g.chat("group")) == "from the first"
    second = g.chat("group", text="x" * 100000)
    assert content(second) == "from the second"
    assert attempts(second) == [("a/m#1", "connect"), ("a/m#1", "200")]
    assert server.accepted == 2 and upstream.requests == []


@pytest.mark.parametrize("how", list(HOW))
def test_the_replacement_of_a_pooled_connection_is_not_replaced_again(gateway, script, upstream, how):
    def play(peer):
        peer.read_request()
        if peer.number == 1:
            peer.send(answer(chat_text("from the first")))
            peer.read_request()
        HOW[how](peer)
    server = script(play)
    upstream.always(mock.chat("from b"))
    g = gateway(group(server, upstream))
    assert content(g.chat("group")) == "from the first"
    second = g.chat("group")
    assert content(second) == "from b"
    assert attempts(second) == [("a/m#1", "connect"), ("a/m#1", "connect"), ("b/m#1", "200")]
    assert server.accepted == 2


@pytest.mark.parametrize("how", list(HOW))
def test_a_fresh_connection_that_dies_unheard_is_a_failed_attempt_of_its_lane(gateway, script, upstream, how):
    def play(peer):
        peer.read_request()
        HOW[how](peer)
    server = script(play)
    upstream.always(mock.chat("from b"))
    failed = gateway(group(server, upstream)).chat("group")
    assert content(failed) == "from b" and attempts(failed) == [("a/m#1", "connect"), ("b/m#1", "200")]
    assert server.accepted == 1


@pytest.mark.parametrize("how", list(HOW))
def test_a_pooled_connection_that_dies_after_one_byte_is_not_sent_the_request_again(gateway, script, upstream, how):
    def play(peer):
        peer.read_request()
        peer.send(answer(chat_text("from the first")))
        peer.read_request()
        peer.send(b"H")
        HOW[how](peer)
    server = script(play)
    upstream.always(mock.chat("from b"))
    g = gateway(group(server, upstream))
    assert content(g.chat("group")) == "from the first"
    second = g.chat("group")
    assert content(second) == "from b"
    assert attempts(second) == [("a/m#1", "protocol"), ("b/m#1", "200")] and server.accepted == 1


@pytest.mark.parametrize("how", list(HOW))
def test_requests_race_with_the_end_of_their_pooled_connection(gateway, script, how):
    """whoever comes first, each request is answered, and only those that lost go twice"""
    leave = threading.Event()

    def play(peer):
        peer.read_request()
        peer.send(answer(chat_text("from %d" % peer.number)))
        leave.wait(mock.LIMIT)
        leave.clear()
        HOW[how](peer)
    g = gateway(group(script(play), "http://127.0.0.1:9/v1"))
    rng = random.Random(7)
    with g.connect() as client:
        for _ in range(150):
            client.request(body={"model": "group", "messages": []})
            first = client.response().read()
            assert content(first) and attempts(first)[-1] == ("a/m#1", "200")
            if rng.random() < .5:
                threading.Timer(rng.random() * .001, leave.set).start()
            else:
                leave.set()


# ---- cut at each byte --------------------------------------------------------------------------
UNARY = answer(chat_text("from a"))
EVENTS = [mock.role(), mock.delta("so"), mock.delta(" far"), mock.finish(), mock.DONE]
STREAM = chunked(*EVENTS)
COMMIT = STREAM.index(EVENTS[1]) + len(EVENTS[1])   # the first content event is whole
FINISH = STREAM.index(EVENTS[3]) + len(EVENTS[3])   # every choice has its finish reason


class Cutter:
    """a server that sends the first `at` bytes of an answer, and then goes as it is told"""

    def __init__(self, script, bytes_, how):
        self.at, self.bytes, self.how = 0, bytes_, how
        self.server = script(self.play)
        self.url = self.server.url

    def play(self, peer):
        peer.read_request()
        peer.send(self.bytes[:self.at])
        HOW[self.how](peer)


@pytest.mark.parametrize("how", list(HOW))
def test_T02_a_unary_answer_cut_at_any_byte_comes_from_the_next_lane(gateway, script, upstream, how):
    cutter = Cutter(script, UNARY, how)
    upstream.always(mock.chat("from b"))
    g = gateway(group(cutter, upstream))
    with g.connect() as client:
        for cutter.at in range(len(UNARY)):
            client.request(body={"model": "group", "messages": []})
            whole = client.response().read()
            assert content(whole) == "from b" and len(upstream.requests) == cutter.at + 1, cutter.at
    assert cutter.server.accepted == len(UNARY)


def expect_cut_stream(whole, at):
    """what a client may get of a stream of EVENTS that was cut behind `at` bytes, without another lane"""
    if at >= FINISH:
        clean_stream(whole, "so far")
    elif at >= COMMIT:
        broken_stream(whole, "so far" if STREAM.index(EVENTS[2]) + len(EVENTS[2]) <= at else "so")
    else:
        openai_error(whole.read(), 502)


@pytest.mark.parametrize("how", list(HOW))
def test_T01_a_stream_cut_at_any_byte_is_never_a_false_success(gateway, script, how):
    cutter = Cutter(script, STREAM, how)
    g = gateway(one(cutter, retry={"max": 0}))
    with g.connect() as client:
        for cutter.at in range(len(STREAM)):
            client.request(body={"model": "one/m", "stream": True, "messages": []})
            expect_cut_stream(client.response(), cutter.at)


@pytest.mark.parametrize("how", list(HOW))
def test_T02_a_stream_cut_before_its_first_token_comes_from_the_next_lane(gateway, script, upstream, how):
    cutter = Cutter(script, STREAM, how)
    upstream.always(mock.tokens("from ", "b"))
    g = gateway(group(cutter, upstream))
    with g.connect() as client:
        for cutter.at in range(COMMIT):
            client.request(body={"model": "group", "stream": True, "messages": []})
            clean_stream(client.response(), "from b")


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_T07_a_client_that_leaves_behind_any_byte_frees_the_upstream(gateway, script, stream):
    whole = STREAM if stream else UNARY
    cuts, gone = iter(range(0, len(whole), 7)), threading.Semaphore(0)
    sent = threading.Semaphore(0)

    def play(peer):
        peer.read_request()
        peer.send(whole[:next(cuts)])
        sent.release()
        peer.wait_gone()
        gone.release()
    g = gateway(one(script(play), admin=ADMIN, retry={"max": 0}))
    for at in range(0, len(whole), 7):
        client = g.connect()
        client.request(body={"model": "one/m", "stream": stream, "messages": []})
        assert sent.acquire(timeout=mock.LIMIT)
        (client.reset if at % 2 else client.close)()
        assert gone.acquire(timeout=mock.LIMIT), at
    wait_until("none is left", lambda: g.metrics()["tidegate_upstreams_in_flight"] == 0)


# ---- while the request is on its way -----------------------------------------------------------
@pytest.mark.parametrize("how", list(HOW))
@pytest.mark.parametrize("read", [0, 100, 1 << 20])
def test_an_upstream_that_dies_during_the_upload_is_replaced_by_the_next_lane(gateway, script, upstream, how, read):
    def play(peer):
        peer.read(read or 1)
        HOW[how](peer)
    upstream.always(mock.chat("from b"))
    g = gateway(group(script(play), upstream))
    text = "x" * BIG
    failed = g.chat("group", text=text)
    assert content(failed) == "from b" and attempts(failed) == [("a/m#1", "connect"), ("b/m#1", "200")]
    assert upstream.last.json["messages"][0]["content"] == text


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_T07_a_client_that_leaves_during_the_upload_to_the_provider_frees_it(gateway, script, leave):
    full, gone = threading.Event(), threading.Event()

    def play(peer):
        peer.read_head()
        full.set()  # and reads no more: the upload stands still
        released.wait(mock.LIMIT)
        peer.wait_gone()
        gone.set()
    released = threading.Event()
    g = gateway(one(script(play), admin=ADMIN))
    client = g.connect()
    client.request(body={"model": "one/m", "messages": [{"role": "user", "content": "x" * BIG}]})
    assert full.wait(mock.LIMIT)
    getattr(client, leave)()
    wait_until("none is left", lambda: g.metrics()["tidegate_upstreams_in_flight"] == 0)
    released.set()
    assert gone.wait(mock.LIMIT)


EARLY = {
    "413, closed": (b"413 Too Large", lambda peer: peer.cut()),
    "413, shut and drained": (b"413 Too Large", lambda peer: (peer.sock.shutdown(1), peer.wait_gone())),
    "400, kept": (b"400 Bad", lambda peer: peer.wait_gone()),
    "400, kept, all read": (b"400 Bad", lambda peer: (peer.read(BIG), peer.wait_gone())),
}


@pytest.mark.parametrize("case", list(EARLY), ids=lambda c: c.replace(" ", "-").replace(",", ""))
@pytest.mark.parametrize("size", [1000, BIG], ids=["small", "big"])
@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_an_answer_that_comes_before_the_request_is_sent_is_delivered(gateway, script, upstream, case, size, stream):
    status, then = EARLY[case]
    refusal = mock.error(int(status[:3]), "that is too much").pieces[0]

    def play(peer):
        peer.read_head()
        peer.send(answer(refusal, status=status))
        if size == BIG or "closed" in case:
            then(peer)
        else:
            peer.wait_gone()
    server = script(play)
    g = gateway(group(server, upstream))
    early = g.chat("group", stream=stream, text="x" * size)
    openai_error(early.read(), int(status[:3]), "too much")
    assert server.accepted == 1 and upstream.requests == []


def test_an_early_success_during_a_big_upload_is_delivered_and_its_connection_not_used_again(gateway, script):
    delivered = threading.Semaphore(0)

    def play(peer):
        peer.read_head()
        peer.send(answer(chat_text("early %d" % peer.number)))
        assert delivered.acquire(timeout=mock.LIMIT)  # nothing is read until then: the upload stands still
        peer.wait_gone()
    server = script(play)
    g = gateway(one(server))
    for number in (1, 2):
        assert content(g.chat("one/m", text="x" * BIG)) == "early %d" % number
        delivered.release()
        server.wait_ended(number)


# ---- bytes that nobody asked for ---------------------------------------------------------------
POISON = answer(chat_text("poison"))
EXCESS = {
    "garbage": b"\x16\x03\x01 garbage",
    "a whole answer": POISON,
    "an answer and a half": POISON + POISON[:50],
    "half a head": b"HTTP/1.1 200 OK\r\ncontent-",
    "an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n",
    "an empty line": b"\r\n",
    "a megabyte": b"x" * (1 << 20),
}
FRAMES = {
    "length": lambda text: answer(chat_text(text)),
    "chunks": lambda text: chunked(chat_text(text), head=b"content-type: application/json\r\n"),
}


@pytest.mark.parametrize("together", [True, False], ids=["in-one-packet", "a-packet-later"])
@pytest.mark.parametrize("excess", list(EXCESS), ids=lambda e: e.replace(" ", "-"))
@pytest.mark.parametrize("frame", ["length", "chunks"])
def test_bytes_behind_an_answer_never_become_the_next_answer(gateway, script, frame, excess, together):
    seen = threading.Semaphore(0)

    def play(peer):
        peer.read_request()
        whole = FRAMES[frame]("from %d" % peer.number)
        if together:
            peer.send(whole + EXCESS[excess])
        else:
            peer.send(whole)
            assert seen.acquire(timeout=mock.LIMIT)
            peer.send(EXCESS[excess])
        peer.wait_gone()
    server = script(play)
    g = gateway(one(server))
    for number in (1, 2, 3):
        got = g.chat("one/m")
        assert content(got) == "from %d" % number and "poison" not in got.body.decode()
        seen.release()
        server.wait_ended(number)  # closed by the gateway


def test_bytes_behind_an_answer_do_not_reach_another_client_either(gateway, script):
    """eight clients at once on one provider that says everything twice"""
    def play(peer):
        while True:
            _, body = peer.read_request()
            user = body.split(b'"user": "')[1].split(b'"')[0].decode()
            peer.send(answer(chat_text("for " + user)) * 2)
    g = gateway(one(script(play)))
    failures = []

    def client(name):
        try:
            with Connection(g.port, seen=g.seen) as connection:
                for turn in range(20):
                    user = "%d.%d" % (name, turn)
                    connection.request(body={"model": "one/m", "messages": [], "user": user})
                    assert content(connection.response().read()) == "for " + user
        except Exception as problem:  # told in the main thread
            failures.append(problem)
    threads = [threading.Thread(target=client, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]


def test_a_short_answer_is_not_filled_up_from_the_next_one(gateway, script, upstream):
    """a body that is one byte short of its length, and the next answer behind it"""
    def play(peer):
        peer.read_request()
        body = chat_text("from a")
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (len(body) + 1) + body + POISON)
        peer.wait_gone()
    server = script(play)
    upstream.always(mock.chat("from b"))
    assert content(gateway(group(server, upstream)).chat("group")) == "from b"
    server.wait_ended(1)

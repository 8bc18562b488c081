"""What the gateway holds for its clients is bounded, counted, and given back: request bodies, and connections that idle."""
import json
import resource
import threading

import pytest

import upstream as mock
from config import ADMIN, one
from expect import openai_error
from gateway import is_sanitized
from wire import wait_until

KB = 1024
BODY = 64 * KB
ROOM = 4  # bodies of that size that fit


def upload_of(size):
    body = {"model": "one/m", "messages": [{"role": "user", "content": ""}]}
    body["messages"][0]["content"] = "x" * (size - len(json.dumps(body)))
    return json.dumps(body).encode()


# ---- limits.bodies_total -----------------------------------------------------------------------
class Upload:
    """an upload that stops where its body begins; "100 Continue" tells that its bytes were granted"""

    def __init__(self, g, length=BODY, body=None):
        self.connection, self.body = g.connect(), body or upload_of(BODY)
        framing = {"Content-Length": length} if length else {"Transfer-Encoding": "chunked"}
        self.connection.request(headers={"Expect": "100-continue", **framing})
        self.answer = self.connection.response(keep_interim=True)
        self.granted = self.answer.status == 100

    def finish(self):
        self.connection.send(self.body)
        with self.connection:
            return self.connection.response().read()

    def is_refused_for_now(self):
        openai_error(self.answer.read(), 503, "held")
        assert int(self.answer.headers["retry-after"]) >= 1 and self.answer.headers["connection"] == "close"
        with self.connection:
            return self.connection.at_end()

    def leave(self):
        self.connection.send(self.body[:1000])
        self.connection.reset()


@pytest.fixture
def tight(gateway, upstream):
    upstream.always(mock.chat())
    limits = {"body": "128KB", "bodies_total": "%dKB" % (ROOM * BODY // KB)}
    return gateway(one(upstream, limits=limits, admin=ADMIN))


def all_room_is_free(g):
    """ROOM uploads are granted together, one more is not, and each granted one is served"""
    uploads = []

    def fill():
        while len(uploads) < ROOM:
            one_more = Upload(g)
            if not one_more.granted:
                return one_more.connection.close()
            uploads.append(one_more)
        return True
    wait_until("room for all uploads", fill)
    assert Upload(g).is_refused_for_now()
    for upload in uploads:
        assert upload.finish().status == 200


def test_uploads_over_the_total_are_503_and_the_others_complete(tight, upstream):
    all_room_is_free(tight)
    all_room_is_free(tight)
    assert len(upstream.requests) == 2 * ROOM


def test_room_comes_back_one_upload_at_a_time(tight):
    uploads = [Upload(tight) for _ in range(ROOM)]
    for _ in range(3):
        assert Upload(tight).is_refused_for_now()
        assert uploads.pop(0).finish().status == 200
        wait_until("room for one", lambda: uploads.append(Upload(tight)) or uploads[-1].granted or uploads.pop() is None)
    for upload in uploads:
        upload.leave()
    all_room_is_free(tight)


def test_requests_without_a_body_and_other_pages_need_no_room(tight):
    uploads = [Upload(tight) for _ in range(ROOM)]
    assert tight.get("/health").status == 200 and tight.get("/v1/models").status == 200
    openai_error(tight.chat("one/m"), 503)
    for upload in uploads:
        upload.leave()
    all_room_is_free(tight)


def test_room_comes_back_after_uploads_that_were_aborted(tight, upstream):
    for _ in range(3):
        uploads = [Upload(tight) for _ in range(ROOM)]
        assert all(upload.granted for upload in uploads)
        for upload in uploads:
            upload.leave()
        wait_until("room", lambda: Upload(tight).finish().status == 200)
    all_room_is_free(tight)


def test_room_comes_back_after_uploads_that_were_refused(tight):
    for _ in range(2 * ROOM):
        openai_error(Upload(tight, length=129 * KB).answer.read(), 413)
        chunked = Upload(tight, length=None, body=b"%x\r\n%s\r\n" % (100 * KB, b"x" * (100 * KB)) + b"%x\r\n" % (29 * KB))
        openai_error(chunked.finish(), 413)
        broken = Upload(tight, length=None, body=b"%x\r\n%s\r\n" % (60 * KB, b"x" * (60 * KB)) + b"no size\r\n")
        openai_error(broken.finish(), 400)
        openai_error(Upload(tight, body=b"x" * BODY).finish(), 400)
    all_room_is_free(tight)


def test_room_comes_back_after_uploads_that_took_too_long(gateway, upstream):
    upstream.always(mock.chat())
    limits = {"body": "128KB", "bodies_total": "%dKB" % (ROOM * BODY // KB), "body_time": 0.5}
    g = gateway(one(upstream, limits=limits))
    for upload in [Upload(g) for _ in range(ROOM)]:
        openai_error(upload.connection.response().read(), 408)
    assert all(upload.granted for upload in [Upload(g) for _ in range(ROOM)])


def test_a_body_of_unknown_length_takes_room_as_it_grows(tight):
    holders = [Upload(tight) for _ in range(ROOM - 1)]
    growing = Upload(tight, length=None)
    for _ in range(3):
        growing.connection.send(b"%x\r\n%s\r\n" % (16 * KB, b" " * (16 * KB)))
    growing.connection.send(b"%x\r\n%s\r\n" % (48 * KB, b" " * (48 * KB)))
    growing.answer = growing.connection.response()
    assert growing.is_refused_for_now()
    for holder in holders:
        assert holder.finish().status == 200
    all_room_is_free(tight)


def test_a_body_is_held_while_its_provider_may_still_need_it_again(tight, upstream):
    go_on = threading.Event()
    upstream.always(lambda _: mock.chat(before=[mock.Hold(go_on)]))
    waiting = [Upload(tight) for _ in range(ROOM)]
    for upload in waiting:
        upload.connection.send(upload.body)
    upstream.wait_requests(ROOM)
    assert Upload(tight).is_refused_for_now()
    go_on.set()
    for upload in waiting:
        assert upload.connection.response().read().status == 200
    all_room_is_free(tight)


def test_room_comes_back_when_clients_leave_while_their_provider_works(tight, upstream):
    upstream.always(lambda _: mock.stall())
    waiting = [Upload(tight) for _ in range(ROOM)]
    for upload in waiting:
        upload.connection.send(upload.body)
    upstream.wait_requests(ROOM)
    for upload in waiting:
        upload.connection.reset()
    for request in upstream.requests:
        assert request.gone.wait(mock.LIMIT)
    upstream.always(mock.chat())
    all_room_is_free(tight)


def test_all_workers_share_the_room(gateway, upstream):
    upstream.always(mock.chat())
    limits = {"body": "128KB", "bodies_total": "%dKB" % (ROOM * BODY // KB)}
    g = gateway(one(upstream, workers=3, limits=limits))
    for _ in range(3):
        all_room_is_free(g)


# ---- many bodies at once -----------------------------------------------------------------------
def test_T49_120_kib_bodies_on_64_connections_take_at_most_four_times_their_size_and_give_it_back(gateway, upstream):
    size, count = 120 * KB, 64
    together, text = threading.Event(), "x" * (120 * KB)
    upstream.always(lambda _: mock.chat(text, before=[mock.Hold(together)]))
    g = gateway(one(upstream))
    assert g.get("/health").status == 200
    before = g.resident_kb()
    connections = [g.connect() for _ in range(count)]
    for connection in connections:
        connection.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + upload_of(size))
    upstream.wait_requests(count)
    together.set()
    for connection in connections:
        assert connection.response().read().json["choices"][0]["message"]["content"] == text
    if not is_sanitized():
        peak = g.peak_kb() - before
        assert size * count / KB <= peak <= size * count * 4 / KB
        wait_until("the memory falls back", lambda: g.resident_kb() - before < size * count / KB / 2)
    for connection in connections:
        connection.close()


# ---- connections that idle ---------------------------------------------------------------------
CROWDS = [500, pytest.param(10000, marks=[pytest.mark.soak, pytest.mark.timeout(300)])]


def within_descriptors(count):
    """so many connections, or as many as the hard limit allows: beside each the gateway keeps one for an upstream"""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = 2 * count + 500
    if hard != resource.RLIM_INFINITY and files > hard:
        files = hard
    if soft != resource.RLIM_INFINITY and files > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return (files - 500) // 2


@pytest.mark.parametrize("count", CROWDS)
@pytest.mark.parametrize("kind", ["silent", "used"])
def test_idle_connections_cost_little_and_disturb_nobody(gateway, upstream, count, kind):
    count = within_descriptors(count)
    upstream.always(mock.chat())
    g = gateway(one(upstream, limits={"idle_time": 600}))
    assert g.chat("one/m").status == 200
    before, crowd = g.resident_kb(), []
    for _ in range(count):
        crowd.append(g.connect())
        if kind == "used":
            crowd[-1].request("GET", "/health").response("GET").read()
        if len(crowd) % 100 == 0:  # the accept queue is emptied before it is full
            assert g.get("/health").status == 200
    each = (g.resident_kb() - before) * KB / count
    print("%.0f bytes for each of %d idle connections" % (each, count))
    if not is_sanitized():
        assert each <= (5 if kind == "used" else 2) * KB + 2048 * KB / count
    for connection in crowd[::count // 10]:
        assert connection.request("GET", "/health").response("GET").read().status == 200
    assert g.chat("one/m").status == 200
    g.stop()
    for connection in crowd:
        assert connection.at_end()
        connection.close()


@pytest.mark.parametrize("count", CROWDS)
def test_idle_connections_are_all_closed_when_their_time_is_over(gateway, upstream, count):
    count = within_descriptors(count)
    g = gateway(one(upstream, limits={"idle_time": 2}))
    crowd = [g.connect() for _ in range(count)]
    for connection in crowd:
        assert connection.at_end()
    assert g.get("/health").status == 200
    for connection in crowd:
        connection.close()

"""log.bodies: whole requests, one JSON line each, without anybody's key."""
import json
import os

import pytest

import config
import upstream as mock
from gateway import run
from wire import wait_until

MESSAGES = [{"role": "user", "content": "hi"}]


@pytest.fixture
def kept(gateway, upstream, tmp_path):
    """a running gateway that keeps requests; its lines"""
    def start(answer=None, **settings):
        upstream.always(answer or mock.chat())
        log = {"file": "@LOG@", "bodies": "bodies.jsonl"}
        g = gateway(config.one(upstream, log=log, **settings))
        path = os.path.join(g.folder, "bodies.jsonl")

        def lines(count):
            def read():
                with open(path, encoding="utf-8") as file:
                    found = [json.loads(line) for line in file]
                return found if len(found) >= count else None
            return wait_until("%d kept requests" % count, read)
        return g, lines
    return start


def test_a_request_is_kept_as_it_came(kept):
    g, lines = kept()
    text = '{ "model":"one/m",\n "messages": [ {"role":"user","content":"h\\u00e9\\n"} ] }'
    answer = g.call(text.encode(), headers={"content-type": "application/json", "x-mine": "yes"})
    assert answer.status == 200
    line = lines(1)[0]
    assert line["body"] == text and line["model"] == "one/m" and line["target"] == "one/m"
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/chat/completions", 200)
    assert line["id"] == answer.headers["x-tidegate-request-id"]
    assert line["attempts"].startswith("one/m#1=200/") and line["headers"]["x-mine"] == "yes"
    assert line["time"].endswith("Z")


def test_the_body_of_a_stream_is_kept_too(kept):
    g, lines = kept(mock.tokens("x"))
    g.chat("one/m", stream=True).read()
    assert json.loads(lines(1)[0]["body"])["stream"] is True


def test_who_asks_is_not_kept_nor_any_secret(kept):
    g, lines = kept(clients=[{"key": "client-key-12345", "name": "app"}])
    for header in ("Authorization: Bearer client-key-12345", "X-API-Key: client-key-12345", "Cookie: a=b"):
        name, value = header.split(": ")
        g.call({"model": "one/m", "messages": [{"role": "user", "content": "my key is client-key-12345"}]},
               headers={"Authorization": "Bearer client-key-12345", name: value, "x-odd": "client-key-12345"})
    for line in lines(3):
        text = json.dumps(line)
        assert "client-key" not in text and "a=b" not in text and line["client"] == "app"
        assert line["headers"]["x-odd"] == "***" and "my key is ***" in line["body"]
        assert not {"authorization", "x-api-key", "cookie"} & {name.lower() for name in line["headers"]}


def test_a_refused_request_is_kept_with_its_status(kept):
    g, lines = kept()
    g.call({"model": "nobody/x", "messages": MESSAGES})
    line = lines(1)[0]
    assert line["status"] == 404 and line["target"] is None and line["attempts"] == ""


def test_a_body_that_is_too_long_to_keep_is_null(kept):
    g, lines = kept()
    g.call({"model": "one/m", "messages": [{"role": "user", "content": "x" * (1 << 20)}]})
    assert lines(1)[0]["body"] is None


def test_a_file_that_cannot_be_opened_refuses_the_start(tmp_path, program_exists):
    (tmp_path / "gateway.lua").write_text('return { log = { bodies = "/nonexistent/x" } }\n')
    status, _, errors = run("run", str(tmp_path), "--listen", "127.0.0.1:0")
    assert status == 1 and "log.bodies" in errors, errors

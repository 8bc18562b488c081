"""tidegate replay: kept requests are decided again by old and new scripts; the difference is told. T-46."""
import json
import os

import pytest

import config
import gateway as program
import upstream as mock
from wire import wait_until

pytestmark = [pytest.mark.usefixtures("program_exists"), pytest.mark.slow]

POLICY = """return tide.policy {
  route = function(req)
    if req.tokens.prompt < %d then return { targets = { "two/small" } } end
    return { targets = { "one/large", "two/large" } }
  end,
}
"""


def folder(path, limit, url="http://127.0.0.1:1/v1"):
    (path / "scripts/policies").mkdir(parents=True)
    (path / "gateway.lua").write_text(
        'return { providers = { one = { extends = "openai", base_url = "%s" }, two = { extends = "openai", base_url = "%s" } },'
        ' models = { auto = { "one/large" } }, policy = "mine" }\n' % (url, url))
    (path / "scripts/policies/mine.lua").write_text(POLICY % limit)
    return str(path)


def line(number, size, model="auto", status=200, attempts="", **more):
    body = {"model": model, "messages": [{"role": "user", "content": "x" * size}]}
    return {"time": "2026-01-01T00:00:00.000Z", "id": "id%d" % number, "method": "POST", "path": "/v1/chat/completions",
            "headers": {}, "client": None, "model": model, "body": json.dumps(body), "target": None, "status": status,
            "attempts": attempts, **more}


def record(path, lines):
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines))
    return str(path)


def test_T46_old_and_new_are_compared_and_no_upstream_is_called(tmp_path, upstream):
    old, new = folder(tmp_path / "old", 100, upstream.url), folder(tmp_path / "new", 1000, upstream.url)
    recorded = record(tmp_path / "r.jsonl", [line(1, 100), line(2, 2000), line(3, 8000)])
    status, out, errors = program.run("replay", recorded, "--old", old, "--new", new)
    assert (status, errors) == (1, "")
    assert out == ("id2 auto: one/large, two/large -> two/small (mine, as its route returned)\n"
                   "2 same, 1 different, 0 errors\n")
    assert not upstream.requests


def test_T46_the_same_scripts_decide_the_same(tmp_path):
    old = folder(tmp_path / "old", 100)
    recorded = record(tmp_path / "r.jsonl", [line(i, i * 37) for i in range(200)])
    status, out, _ = program.run("replay", recorded, "--old", old, "--new", old)
    assert status == 0 and out == "200 same, 0 different, 0 errors\n"


def test_T46_without_old_what_was_recorded_is_the_old(tmp_path):
    new = folder(tmp_path / "new", 100)
    recorded = record(tmp_path / "r.jsonl", [
        line(1, 10, attempts="two/small#1=200/5"), line(2, 10, attempts="one/large#1=500/5 two/large#1=200/9"),
        line(3, 4000, attempts="one/large#1=429/1 two/large#1=200/7"), line(4, 10, model="", status=400)])
    status, out, _ = program.run("replay", recorded, "--new", new)
    assert status == 1 and "3 same, 1 different, 0 errors" in out, out
    assert "id2 auto: one/large, two/large -> two/small" in out


def test_json_for_programs(tmp_path):
    old, new = folder(tmp_path / "old", 100), folder(tmp_path / "new", 1000)
    recorded = record(tmp_path / "r.jsonl", [line(1, 100), line(2, 2000)])
    status, out, _ = program.run("replay", recorded, "--old", old, "--new", new, "--json")
    found = json.loads(out)
    assert status == 1 and (found["same"], found["different"], found["errors"]) == (1, 1, 0)
    assert found["changes"] == [{"id": "id2", "model": "auto", "old": ["one/large", "two/large"], "new": ["two/small"],
                                 "policy": "mine", "reason": "as its route returned"}]


def test_a_line_that_cannot_be_read_is_an_error_and_the_others_are_replayed(tmp_path):
    new = folder(tmp_path / "new", 100)
    recorded = record(tmp_path / "r.jsonl", ["{", {**line(2, 10), "body": None}, line(3, 10, attempts="two/small#1=200/5")])
    status, out, _ = program.run("replay", recorded, "--new", new)
    assert status == 1 and "line 1: " in out and "line 2: its body was not kept" in out
    assert out.endswith("1 same, 0 different, 2 errors\n")


def test_use_without_a_file_or_with_a_broken_folder_is_wrong_use(tmp_path):
    (tmp_path / "gateway.lua").write_text("return {")
    recorded = record(tmp_path / "r.jsonl", [])
    assert program.run("replay")[0] == 2
    assert program.run("replay", str(tmp_path / "none"))[0] == 2
    assert program.run("replay", recorded, "--new", str(tmp_path))[0] == 2


def test_what_a_gateway_kept_is_replayed_as_it_was(gateway, upstream, tmp_path):
    upstream.always(mock.chat())
    text = config.one(upstream, log={"file": "@LOG@", "bodies": "bodies.jsonl"})
    g = gateway(text)
    for i in range(5):
        g.chat("one/m", text="x" * i)
    g.chat("one/none/", text="y")
    path = os.path.join(g.folder, "bodies.jsonl")
    wait_until("kept requests", lambda: open(path, encoding="utf-8").read().count("\n") == 6)
    status, out, errors = program.run("replay", path, "--new", g.folder)
    assert status == 0 and out == "6 same, 0 different, 0 errors\n", out + errors

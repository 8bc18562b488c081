"""Client keys, the admin listener, metrics and the log."""
import json
import os
import re

import pytest

import gateway as program
import upstream as mock
from config import ADMIN, config, group, one, provider
from expect import clean_stream, openai_error
from wire import wait_until

pytestmark = pytest.mark.slow

KEY = "ck-app-key-0001"
CLIENTS = [{"key": KEY, "name": "app"}, {"key": "ck-other-key-0002", "name": "other"}]


@pytest.fixture
def keyed(gateway, upstream):
    upstream.always(mock.chat())
    return gateway(one(upstream, clients=CLIENTS, admin=ADMIN))


CARRIED = {
    "bearer": ({"Authorization": "Bearer " + KEY}, ""),
    "bearer in lower case": ({"authorization": "bearer " + KEY}, ""),
    "x-api-key": ({"x-api-key": KEY}, ""),
    "x-goog-api-key": ({"x-goog-api-key": KEY}, ""),
    "query": ({}, "?key=" + KEY),
    "query among others": ({}, "?a=1&key=%s&b=2" % KEY),
}


@pytest.mark.parametrize("way", list(CARRIED), ids=lambda w: w.replace(" ", "-"))
def test_a_key_is_taken_in_each_way_it_may_come(keyed, way):
    headers, query = CARRIED[way]
    answer = keyed.call({"model": "one/m", "messages": []}, "/v1/chat/completions" + query, headers=headers)
    assert answer.status == 200 and keyed.log(answer)["client"] == "app"


REFUSED = {"none": {}, "wrong": {"Authorization": "Bearer nope"}, "empty": {"Authorization": "Bearer "},
           "a part": {"Authorization": "Bearer " + KEY[:-1]}, "longer": {"Authorization": "Bearer " + KEY + "x"},
           "basic": {"Authorization": "Basic " + KEY}, "case": {"x-api-key": KEY.upper()}}


@pytest.mark.parametrize("case", list(REFUSED), ids=lambda c: c.replace(" ", "-"))
def test_another_key_is_401_and_reaches_no_provider(keyed, upstream, case):
    error = openai_error(keyed.call({"model": "one/m", "messages": []}, headers=REFUSED[case]), 401)
    assert error["code"] == "invalid_api_key" and upstream.requests == []
    assert KEY not in error["message"] and "nope" not in error["message"]


def test_models_and_unknown_paths_ask_for_the_key_too_and_health_does_not(keyed):
    openai_error(keyed.get("/v1/models"), 401)
    assert keyed.get("/v1/models", headers={"x-api-key": KEY}).status == 200
    assert keyed.get("/health").status == 200


def test_client_keys_are_told_nowhere(keyed):
    for headers in ({"Authorization": "Bearer " + KEY}, {"x-api-key": "ck-wrong-key-0009"}):
        keyed.call({"model": "one/m", "messages": []}, "/v1/chat/completions?key=" + KEY, headers=headers)
    seen = keyed.errors + keyed.output + json.dumps(keyed.lines())
    assert KEY not in seen and "ck-wrong-key-0009" not in seen


def test_without_clients_no_key_is_asked_for(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(one(upstream))
    assert g.chat("one/m").status == 200
    assert g.log()["client"] is None


# ---- admin -------------------------------------------------------------------------------------
PAGES = ["/metrics", "/admin/lanes", "/admin/scripts"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("token", [None, "wrong", "admin-toke", "admin-token2", ""])
def test_admin_pages_need_the_token(keyed, page, token):
    openai_error(keyed.admin(page, token), 401)


def test_admin_pages_are_not_on_the_public_listener(keyed):
    for page in PAGES:
        answer = keyed.get(page, headers={"Authorization": "Bearer " + KEY})
        openai_error(answer, 404)
        assert keyed.get(page, headers={"Authorization": "Bearer admin-token"}).status in (401, 404)


def test_health_on_both_listeners(keyed):
    assert keyed.get("/health").status == 200 and keyed.admin("/health").status == 200
    assert keyed.get("/health").headers["content-type"].startswith("application/json")


def test_lanes_and_scripts_are_json(keyed):
    assert isinstance(keyed.admin("/admin/lanes").json, list)
    scripts = keyed.admin("/admin/scripts").json
    assert isinstance(scripts, dict) and isinstance(scripts["files"], list) and scripts["last_failure"] is None
    assert isinstance(scripts["generation"], int)


def test_models_are_not_served_on_the_admin_listener(keyed):
    openai_error(keyed.admin("/v1/models"), 404)


# ---- metrics -----------------------------------------------------------------------------------
def test_metrics_count_requests_attempts_and_tokens(gateway, upstreams):
    a, b = upstreams().always(mock.error(500)), upstreams().always(mock.chat())
    g = gateway(group(a, b, admin=ADMIN))
    assert g.chat("group").status == 200
    openai_error(g.chat("nobody"), 404)
    openai_error(g.call(b"{"), 400)
    m = g.metrics()
    assert m['tidegate_requests_total{model="group",outcome="ok"}'] == 1
    assert m['tidegate_requests_total{model="other",outcome="client_error"}'] >= 1
    assert sum(v for k, v in m.items() if k.startswith("tidegate_requests_total")) == 3
    assert m['tidegate_attempts_total{target="a/m",outcome="500"}'] == 1
    assert m['tidegate_attempts_total{target="b/m",outcome="200"}'] == 1
    assert m['tidegate_tokens_total{model="group",kind="input"}'] == 11
    assert m['tidegate_tokens_total{model="group",kind="output"}'] == 7
    assert m['tidegate_tokens_total{model="group",kind="cached"}'] == 3
    assert m["tidegate_requests_in_flight"] == 0 and m["tidegate_upstreams_in_flight"] == 0
    for name in ("tidegate_request_duration_seconds", "tidegate_time_to_first_token_seconds", "tidegate_overhead_seconds"):
        assert any(k.startswith(name + "_count") for k in m), name
        assert any(k.startswith(name + "_bucket") and 'le="+Inf"' in k for k in m), name


def test_metrics_tell_how_long_the_loops_turned(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(one(upstream, admin=ADMIN))
    assert g.chat("one/m").status == 200
    m = g.metrics()
    assert m["tidegate_loop_turn_seconds_count"] > 0
    assert m["tidegate_loop_turn_max_seconds"] > 0


def test_metrics_are_in_the_text_format(keyed):
    answer = keyed.admin("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.body.decode().split("\n")
    assert lines[-1] == ""
    for line in lines[:-1]:
        assert re.match(r"^(# (HELP|TYPE) tidegate_\w+ .+|tidegate_\w+(\{.*\})? [-+0-9.eEInfNa]+)$", line), line


def test_streams_count_their_first_token(gateway, upstream):
    upstream.always(mock.tokens("x", usage=mock.USAGE))
    g = gateway(one(upstream, admin=ADMIN))
    clean_stream(g.chat("one/m", stream=True), "x")
    # The record is made behind the last byte.
    wait_until("it is counted", lambda: g.metrics()["tidegate_time_to_first_token_seconds_count"] == 1)


def test_odd_names_do_not_break_the_metrics_page(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(config({"one": provider(upstream)}, models={'a"b\\c': ["one/m"]}, admin=ADMIN))
    assert g.chat('a"b\\c').status == 200
    assert 'tidegate_requests_total{model="a\\"b\\\\c",outcome="ok"} 1' in g.admin("/metrics").body.decode()


# ---- log ---------------------------------------------------------------------------------------
def test_a_request_is_one_line_with_all_its_fields(keyed):
    answer = keyed.call({"model": "one/m", "messages": []}, headers={"x-api-key": KEY})
    line = keyed.log(answer)
    assert re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", line["time"])
    assert (line["client"], line["model"], line["target"], line["status"], line["attempts"]) == \
        ("app", "one/m", "one/m", 200, 1)
    assert (line["method"], line["path"]) == ("POST", "/v1/chat/completions")
    assert line["tokens"] == {"in": 11, "out": 7, "cached": 3}
    assert line["duration_ms"] > 0 and line["bytes"] == len(answer.body) and line["error"] is None
    assert len([x for x in keyed.lines() if x.get("request_id") == line["request_id"]]) == 1


def test_a_stream_has_its_time_to_first_token_in_the_log(gateway, upstream):
    upstream.always(mock.tokens("a", "b"))
    g = gateway(one(upstream))
    answer = clean_stream(g.chat("one/m", stream=True), "ab")
    line = g.log(answer)
    assert 0 < line["ttft_ms"] <= line["duration_ms"] and line["bytes"] == len(answer.body)


def test_the_log_lists_the_lanes_tried(gateway, upstreams):
    a, b = upstreams().always(mock.error(429)), upstreams().always(mock.chat())
    g = gateway(group(a, b))
    answer = g.chat("group")
    line = g.log(answer)
    assert line["attempts"] == 2 and line["lanes"] == answer.headers["x-tidegate-attempts"]
    assert line["target"] == "b/m" and line["model"] == "group"


def test_a_refused_request_is_logged_with_its_kind(gateway, upstream):
    g = gateway(one(upstream))
    answer = g.chat("nobody")
    line = g.log(answer)
    assert line["status"] == 404 and line["error"]["kind"] == "no_target" and line["tokens"]["in"] is None


def test_the_log_goes_to_stdout_as_json_when_it_is_no_terminal(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(config({"one": provider(upstream)}, log={"file": "-"}))
    g.chat("one/m")
    g.stop()
    lines = [json.loads(line) for line in g.output.split("\n") if line.startswith("{")]
    assert [x for x in lines if x.get("target") == "one/m" and x["status"] == 200]


def test_what_a_client_puts_into_a_line_cannot_break_it(gateway, upstream):
    g = gateway(one(upstream))
    g.chat('evil"\n{"time":"x"}\x1b[31m')
    assert g.log()["model"] is None or "evil" in g.log()["model"]
    with open(g.log_path, "rb") as file:
        assert b"\x1b" not in file.read()


def test_each_request_has_an_id_of_its_own(keyed):
    ids = {keyed.chat("one/m").headers["x-tidegate-request-id"] for _ in range(5)}
    assert len(ids) == 5


def test_a_log_file_that_cannot_be_opened_refuses_the_start(program_exists, tmp_path):
    (tmp_path / "gateway.lua").write_text('return { log = { file = "%s" } }\n' % os.path.join(str(tmp_path), "no", "log"))
    status, _, errors = program.run("run", str(tmp_path), "--listen", "127.0.0.1:0")
    assert status == 1 and "log" in errors

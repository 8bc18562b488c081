"""tidegate explain: where a request would go, and why. No upstream is called."""
import json
import subprocess

import pytest

import config
import gateway as program
import upstream as mock

pytestmark = [pytest.mark.usefixtures("program_exists"), pytest.mark.slow]

CONFIG = """return {
  providers = { one = { extends = "openai", base_url = "%s", keys = { secret "NOT_SET" } }, two = { extends = "openai", base_url = "%s" } },
  models = { auto = { "one/a", "two/b" }, solo = "two/b" },
  %s
}
"""
POLICY = """return tide.policy {
  route = function(req)
%s
  end,
%s
}
"""
NOBODY = "http://127.0.0.1:1/v1"
CHAT = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}


def explain(folder, request=None, route=None, *args, more="", settings="", url=NOBODY):
    files = {"gateway.lua": CONFIG % (url, url, settings + (' policy = "mine",' if route else ""))}
    if route:
        files["scripts/policies/mine.lua"] = POLICY % (route, more)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    done = subprocess.run([program.BINARY, "explain", str(folder), "-", *args], input=json.dumps(request or CHAT).encode(),
                          capture_output=True, timeout=60, env=program.clean_env())
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.decode()


def decision(folder, request=None, route=None, **more):
    return json.loads(explain(folder, request, route, "--json", **more))


def labels(found):
    return [one["label"] for one in found["candidates"]]


def test_without_a_policy_the_targets_of_the_model_are_the_candidates(tmp_path):
    found = decision(tmp_path)
    assert labels(found) == ["one/a#1", "two/b#1"] and found["first"] == "one/a#1"
    assert "policy" not in found and found["plan"]["attempts"] == 6
    assert found["candidates"][0]["timeout"]["connect"] == 3


def test_the_policy_and_its_plan_are_named(tmp_path):
    found = decision(tmp_path, route='    return { targets = { "two/x", "one/y" }, retry = { max = 1 }, timeout = { total = 9 } }')
    assert (found["policy"]["name"], found["policy"]["file"].split("/")[-1], found["policy"]["line"]) == ("mine", "mine.lua", 2)
    assert found["returned"]["targets"] == ["two/x", "one/y"] and labels(found) == ["two/x#1", "one/y#1"]
    assert found["plan"]["attempts"] == 2 and found["plan"]["total"] == 9


def test_people_get_a_line_for_each_candidate_and_a_reason(tmp_path):
    told = explain(tmp_path, route='    return { model = "solo" }')
    assert "policy    mine  " in told and "mine.lua:2" in told and "1         two/b#1" in told
    assert "first     two/b#1, because it is the only candidate" in told


def test_costs_are_told(tmp_path):
    found = decision(tmp_path, route='    return { model = "auto", pick = "cost" }',
                     more='  cost = function(lane) return lane.provider == "one" and 2 or 1 end,')
    assert {one["label"]: one["cost"] for one in found["candidates"]} == {"one/a#1": 2, "two/b#1": 1}
    assert found["first"] == "two/b#1" and "cost" in found["reason"]


def test_why_the_cheapest_is_the_cheapest_is_told(tmp_path):
    prices = 'prices = { ["one/a"] = { input = 3, output = 6 }, ["two/b"] = { input = 1, output = 2 } },'
    found = decision(tmp_path, settings='pick = "cheapest", ' + prices)
    assert labels(found) == ["two/b#1", "one/a#1"] and "cheapest" in found["reason"]
    cheap, dear = found["candidates"]
    assert cheap["prices"] == {"input": 1, "output": 2} and dear["estimate"] == pytest.approx(3 * cheap["estimate"])
    told = explain(tmp_path, settings='pick = "cheapest", prices = { ["two/b"] = { input = 1, output = 2 } },')
    assert "($1 and $2 per million tokens)" in told and "no price is known" in told
    assert "first     two/b#1, because it is likely to be the cheapest, at about $0.00" in told


def test_a_request_that_goes_nowhere_is_explained_too(tmp_path):
    found = decision(tmp_path, {**CHAT, "model": "autp"})
    assert found["ended"]["status"] == 404 and "auto" in found["ended"]["message"]
    (tmp_path / "scripts/middleware").mkdir(parents=True)
    (tmp_path / "scripts/middleware/gate.lua").write_text(
        "return tide.middleware { before = function(req) return req:reply(418, nil, 'no') end }\n")
    found = decision(tmp_path, settings='middleware = { "gate" },')
    assert found["ended"]["status"] == 418 and found["ended"]["by"] == "gate"


def test_a_policy_that_fails_is_told_and_its_models_own_targets_follow(tmp_path):
    found = decision(tmp_path, route='    return req.nothing.at_all')
    assert labels(found) == ["one/a#1", "two/b#1"] and "policy mine failed" in " ".join(found["warnings"])


def test_no_upstream_is_called_not_by_the_policy_either(tmp_path, upstream):
    route = '    local r, err = tide.chat{ model = "solo", messages = { { role = "user", content = "which?" } } }\n' \
            '    return { targets = { r and "one/answered" or "one/refused" } }'
    found = decision(tmp_path, route=route, url=upstream.url)
    assert labels(found) == ["one/refused#1"] and "asked for solo" in " ".join(found["warnings"])
    assert not upstream.requests


def test_a_kept_line_is_a_request(tmp_path):
    line = {"time": "2026-01-01T00:00:00Z", "id": "abc", "method": "POST", "path": "/v1/chat/completions",
            "headers": {"x-tier": "two"}, "client": "app", "model": "auto", "body": json.dumps(CHAT), "target": None,
            "status": 200, "attempts": ""}
    found = decision(tmp_path, line, route='    return { targets = { req.headers["x-tier"] .. "/" .. tostring(req.client.name) } }',
                     settings='clients = { { key = secret "APP_KEY", name = "app" } },')
    assert found["id"] == "abc" and labels(found) == ["two/app#1"]


def test_what_is_no_request_is_an_error(tmp_path):
    (tmp_path / "gateway.lua").write_text("return {}\n")
    (tmp_path / "request.json").write_text("[1")
    status, out, errors = program.run("explain", str(tmp_path), str(tmp_path / "request.json"))
    assert status == 1 and not out and "cannot be read" in errors
    assert program.run("explain")[0] == 2
    assert program.run("explain", str(tmp_path), str(tmp_path / "none.json"))[0] == 1


# ---- the header ---------------------------------------------------------------------------------
def ask(gateway, upstream, value, files=None, **settings):
    upstream.always(mock.chat())
    g = gateway(config.one(upstream, **settings), files=files)
    return g.call({"model": "one/m", "messages": [{"role": "user", "content": "hi"}]}, headers={"x-tidegate-explain": value})


MINE = {"scripts/policies/mine.lua": 'return tide.policy { route = function() return { targets = { "one/m", "one/n" } } end }\n'}


def test_a_client_may_ask_where_that_is_allowed(gateway, upstream):
    answer = ask(gateway, upstream, "1", MINE, policy="mine", scripts={"explain": True})
    found = json.loads(answer.headers["x-tidegate-explain"])
    assert found["candidates"] == ["one/m#1", "one/n#1"] and found["policy"].startswith("mine@") and found["attempts"] == 6
    answer = ask(gateway, upstream, "1", scripts={"explain": True})
    assert json.loads(answer.headers["x-tidegate-explain"])["candidates"] == ["one/m#1"]


@pytest.mark.parametrize("value, settings", [("1", {}), ("0", {"scripts": {"explain": True}}), ("", {}), ("wrong", {"admin": config.ADMIN})])
def test_nobody_is_told_where_it_is_not_allowed(gateway, upstream, value, settings):
    answer = ask(gateway, upstream, value, MINE, policy="mine", **settings)
    assert answer.status == 200 and "x-tidegate-explain" not in answer.headers


def test_the_admin_token_is_enough(gateway, upstream):
    answer = ask(gateway, upstream, "admin-token", MINE, policy="mine", admin=config.ADMIN)
    assert json.loads(answer.headers["x-tidegate-explain"])["model"] == "one/m"

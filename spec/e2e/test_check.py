"""tidegate check: all that is wrong, with file, line and what to do, sorted; for programs as JSON."""
import json
import re

import pytest

import gateway as program

pytestmark = [pytest.mark.usefixtures("program_exists"), pytest.mark.slow]

OPENAI = 'extends = "openai", base_url = "http://127.0.0.1:1/v1"'


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def check(folder, files, *args, env=None):
    write(folder, files)
    status, out, errors = program.run("check", str(folder), *args, env=env)
    return status, (out + errors).replace(str(folder) + "/", "")


def problems(folder, files, env=None):
    """[(file, line, severity, message)]"""
    status, told = check(folder, files, "--json", env=env)
    report = json.loads(told)
    errors = [p for p in report["problems"] if p["severity"] == "error"]
    assert (status == 0) == report["ok"] == (not errors), told
    return [(p["file"], p["line"], p["severity"], p["message"]) for p in report["problems"]]


def test_every_problem_is_told_in_one_run_sorted_by_place(tmp_path):
    found = problems(tmp_path, {
        "gateway.lua": 'return {\n  lisen = 1,\n  providers = {\n    one = { extends = "opnai" },\n    two = { %s,\n'
                       '      keys = { secret "TWO_KEY" } } },\n  models = {\n    a = "b", b = "a", c = { "tow/m" } },\n}\n' % OPENAI,
        "adapters/bad.lua": "local function f()\n  return pirs({})\nend\nreturn tide.adapter { name = 'bad', extends = 'openai', base_url = 'http://x' }\n",
        "adapters/torn.lua": "return tide.adapter {\n",
    })
    places = [(file, line) for file, line, _, _ in found]
    assert places == [("adapters/bad.lua", 2), ("adapters/torn.lua", 2), ("gateway.lua", 2), ("gateway.lua", 4),
                      ("gateway.lua", 6), ("gateway.lua", 8), ("gateway.lua", 8), ("gateway.lua", 8)], found
    told = " ".join(message for _, _, _, message in found)
    for pattern in ("pirs.*did you mean 'pairs'", "lisen.*did you mean 'listen'", "opnai.*did you mean 'openai'",
                    "TWO_KEY is not set", "leads back to itself", "tow.*did you mean 'two'"):
        assert re.search(pattern, told), told


def test_text_for_people_has_one_line_each_and_the_status_is_1(tmp_path):
    status, told = check(tmp_path, {"gateway.lua": "return {\n  lisen = 1,\n  workrs = 1 }\n"})
    assert status == 1
    assert told == ("gateway.lua:2: unknown field 'lisen', did you mean 'listen'?\n"
                    "gateway.lua:3: unknown field 'workrs', did you mean 'workers'?\n")


def test_what_is_said_once_is_not_said_again_by_those_who_depend_on_it(tmp_path):
    found = problems(tmp_path, {
        "gateway.lua": 'return {\n  providers = { bad = {} },\n  models = { a = { "bad/m" } } }\n',
        "adapters/bad.lua": "return tide.adaptr {}\n",
    })
    assert [(file, line) for file, line, _, _ in found] == [("adapters/bad.lua", 1)], found


def test_warnings_alone_leave_the_status_0(tmp_path):
    found = problems(tmp_path, {"gateway.lua": "return {\n  providers = {\n    groq = {} } }\n"})
    assert [(line, severity) for _, line, severity, _ in found] == [(3, "warning")] and "GROQ_API_KEY" in found[0][3]


# what a line of an adapter says, and what is told about it
FORBIDDEN = {
    "io": ("io.open('/etc/passwd')", "no 'io' here"),
    "os": ("os.execute('true')", "os"),
    "require io": ("require('io')", "no module 'io'|not for"),
    "debug": ("debug.getinfo(1)", "no 'debug' here"),
    "loadstring": ("loadstring('x')", "no 'loadstring' here"),
    "a part of the API": ("tide.jsn.encode(1)", "no tide.jsn .did you mean 'json'"),
    "a part of a part": ("tide.json.encod(1)", "no tide.json.encod .did you mean 'encode'"),
    "a library": ("string.fnd('a', 'b')", "no string.fnd .did you mean 'find'"),
    "a new global": ("(function() made = 1 end)()", "'made' would be a global"),
}


@pytest.mark.parametrize("case", list(FORBIDDEN), ids=lambda c: c.replace(" ", "-"))
def test_what_no_script_may_do_is_found_in_functions_that_never_run(tmp_path, case):
    code, pattern = FORBIDDEN[case]
    found = problems(tmp_path, {
        "gateway.lua": "return {}\n",
        "adapters/mine.lua": "local function never()\n  local x\n  x = %s\n  return x\nend\n"
                             "return tide.adapter { name = 'mine', extends = 'openai', base_url = 'http://x' }\n"
                             % (code if not code.startswith("(") else code + " and 1"),
    })
    assert [(file, line) for file, line, _, _ in found] == [("adapters/mine.lua", 3)], found
    assert re.search(pattern, found[0][3]), found


def test_compiled_lua_is_refused(tmp_path):
    found = problems(tmp_path, {"gateway.lua": "return {}\n", "adapters/mine.lua": b"\x1bLJ\x02\x02"})
    assert found and found[0][0] == "adapters/mine.lua" and "compiled" in found[0][3], found


def test_no_folder_is_told_as_json_too(tmp_path):
    status, out, _ = program.run("check", str(tmp_path / "nowhere"), "--json")
    report = json.loads(out)
    assert status == 1 and not report["ok"] and "nowhere" in report["problems"][0]["message"]


def test_no_key_is_told(tmp_path):
    _, told = check(tmp_path, {"gateway.lua": 'return { providers = { one = { %s, keys = { "sk-canary-one" }, x = 1 } } }\n' % OPENAI})
    assert "sk-canary" not in told


# ---- policies and middleware --------------------------------------------------------------------
USES = 'return {\n  providers = { one = { %s } },\n  models = { auto = { "one/m" } },\n  policy = "mine",\n}\n' % OPENAI


def policy(body):
    return "return tide.policy {\n  route = function(req)\n    %s\n  end,\n}\n" % body


def test_a_good_policy_is_good(tmp_path):
    assert problems(tmp_path, {"gateway.lua": USES, "scripts/policies/mine.lua": policy('return { model = "auto" }')}) == []


@pytest.mark.parametrize("body, pattern", [
    ('return { targts = { "one/m" } }', "unknown field 'targts'.*did you mean 'targets'"),
    ('return { targets = { "oen/m" } }', "unknown provider 'oen'.*did you mean 'one'"),
    ('return { model = "aut" }', "'aut'.*did you mean 'auto'"),
    ('if req.has_tools then return { model = "aut" } end', "a chat with tools.*'aut'"),
    ('if req.op == "embed" then return { model = "auto", pick = "fasest" } end', "an embedding.*pick"),
    ('if req.op == "rerank" then return { model = "aut" } end', "a ranking.*'aut'"),
    ('if req.op == "moderate" then return { model = "aut" } end', "a moderation.*'aut'"),
    ('if req.protocol == "bedrock-converse" then return { model = "aut" } end', "a chat of Bedrock's API.*'aut'"),
    ('if req.protocol == "cohere-v2" then return { model = "aut" } end', "a chat of Cohere's API.*'aut'"),
    ('if req.protocol == "ollama" then return { model = "aut" } end', "a chat of Ollama's API.*'aut'"),
    ('return 5', "must be a table")])
def test_a_wrong_plan_is_found_where_route_begins(tmp_path, body, pattern):
    found = problems(tmp_path, {"gateway.lua": USES, "scripts/policies/mine.lua": policy(body)})
    assert [(file, line, severity) for file, line, severity, _ in found] == [("scripts/policies/mine.lua", 2, "error")], found
    assert re.search(pattern, found[0][3]), found


def test_what_raises_for_a_sample_is_a_warning_with_its_line(tmp_path):
    found = problems(tmp_path, {"gateway.lua": USES, "scripts/policies/mine.lua": policy(
        'local r = tide.chat { model = "auto", messages = {} }\n    return { model = r.text }')})
    assert [(file, line, severity) for file, line, severity, _ in found] == [("scripts/policies/mine.lua", 4, "warning")], found


def test_unknown_policies_and_middleware_are_named(tmp_path):
    found = problems(tmp_path, {
        "gateway.lua": 'return {\n  policy = "cheap_frist",\n  middleware = { "request_id",\n    "requst_id" },\n'
                       '  models = { a = { targets = { "mock/gpt" },\n    policy = "none" } },\n  providers = { mock = {} } }\n',
        "scripts/middleware/bad.lua": "return tide.middleware { befor = function() end }\n",
    })
    assert [(file, line) for file, line, _, _ in found] == [("gateway.lua", 2), ("gateway.lua", 4), ("gateway.lua", 6),
                                                            ("scripts/middleware/bad.lua", 1)], found
    assert "did you mean 'cheap_first'" in found[0][3] and "did you mean 'request_id'" in found[1][3], found


def test_libraries_and_tests_are_looked_at_too(tmp_path):
    found = problems(tmp_path, {
        "gateway.lua": "return {}\n",
        "scripts/lib/a.lua": 'local b = require("lib.b")\nreturn { b }\n',
        "scripts/lib/b.lua": 'local a = require("lib.a")\nreturn { a }\n',
        "scripts/lib/c.lua": 'local function f()\n  return require("lib.none")\nend\nreturn f\n',
        "scripts/policies/x_test.lua": "tide.test.case('x', function()\n  tide.test.chta{}\nend)\n",
    })
    told = {(file, line) for file, line, _, _ in found}
    assert ("scripts/lib/c.lua", 2) in told and ("scripts/policies/x_test.lua", 2) in told, found
    assert any("requires" in message and file.startswith("scripts/lib/") for file, _, _, message in found), found
    assert any("did you mean 'chat'" in message for _, _, _, message in found)

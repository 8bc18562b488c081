"""tidegate adapter new, check and record: what authors of adapters get from the program."""
import json
import re
from pathlib import Path

import pytest

import gateway as program
import upstream as mock
from config import config

pytestmark = [pytest.mark.usefixtures("program_exists"), pytest.mark.slow]

KEY = "sk-canary-odd"
DIALECTS = ["anthropic-messages", "gemini", "openai-chat", "openai-responses"]


def adapter(*args, env=None):
    status, out, errors = program.run("adapter", *[str(a) for a in args], env=env)
    return status, out, errors


@pytest.fixture
def odd(tmp_path):
    """a folder with the scaffold of an adapter with a protocol of its own"""
    status, _, errors = adapter("new", "odd", tmp_path, "--own")
    assert status == 0, errors
    return tmp_path / "adapters" / "odd.lua"


def change(file, *changes):
    text = file.read_text()
    for before, behind in changes:
        assert before in text
        text = text.replace(before, behind)
    file.write_text(text)


def report(file):
    """the report for programs"""
    status, out, errors = adapter("check", file, "--json")
    assert not errors, errors
    told = json.loads(out)
    assert told["ok"] == (status == 0) == (not [p for p in told["problems"] if p["severity"] == "error"]), out
    return told


def line_with(file, text):
    return next(i for i, line in enumerate(file.read_text().split("\n"), 1) if text in line)


# ---- new ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("options", [(), ("--extends", "groq"), ("--dialect", "anthropic-messages"), ("--own",)],
                         ids=("compatible", "extends", "dialect", "own"))
def test_a_new_adapter_passes_its_check_and_its_test(tmp_path, options):
    status, out, errors = adapter("new", "odd", tmp_path, *options)
    assert status == 0 and not errors, errors
    assert "adapters/odd_test.lua" in out and "tidegate adapter check odd" in out
    status, out, errors = adapter("check", "odd", tmp_path)
    assert status == 0 and "adapters/odd.lua: ok" in out, out + errors
    status, out, _ = program.run("test", str(tmp_path))
    assert status == 0 and "0 failed" in out, out
    status, out, _ = program.run("check", str(tmp_path))
    assert status == 0 and "ODD_API_KEY is set neither" in out, out


def test_a_compatible_adapter_is_five_lines(tmp_path):
    adapter("new", "odd", tmp_path)
    lines = (tmp_path / "adapters" / "odd.lua").read_text().strip().split("\n")
    assert len([line for line in lines if not line.startswith("--")]) <= 6


def test_nothing_is_ever_overwritten(tmp_path):
    adapter("new", "odd", tmp_path)
    file = tmp_path / "adapters" / "odd.lua"
    file.write_text("mine")
    status, _, errors = adapter("new", "odd", tmp_path)
    assert status == 1 and "odd.lua is there already: nothing was written" in errors
    file.unlink()
    status, _, errors = adapter("new", "odd", tmp_path, "--own")
    assert status == 1 and "odd_test.lua is there already" in errors
    assert not file.exists() and not (tmp_path / "adapters" / "fixtures").exists()


@pytest.mark.parametrize("name, options, told", [
    ("Odd", (), "small letters"), ("../odd", (), "small letters"), ("x" * 65, (), "small letters"),
    ("odd_test", (), "another meaning"), ("dialects", (), "another meaning"), ("groq", (), "shipped adapter"),
    ("odd", ("--extends", "opnai"), "did you mean 'openai'"), ("odd", ("--dialect", "gemin"), "did you mean 'gemini'"),
    ("odd", ("--own", "--extends", "openai"), "one of --extends, --dialect and --own"),
])
def test_a_name_or_option_that_cannot_be_is_refused(tmp_path, name, options, told):
    status, out, errors = adapter("new", name, tmp_path, *options)
    assert status == 1 and told in errors and not out, errors
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("args, told", [
    ((), "one of new, check and record"), (("nwe", "x"), "not nwe"), (("new",), "needs the NAME"),
    (("check", "nowhere/odd.lua"), "No such file"), (("check", "odd", "--model", "x"), "--model is for adapter record"),
    (("new", "odd", "--json"), "--json is for adapter check"),
])
def test_what_is_used_wrongly_has_the_status_2(args, told):
    status, _, errors = adapter(*args)
    assert status == 2 and told in errors, errors


def test_an_adapter_stands_in_a_folder_of_that_name(tmp_path):
    (tmp_path / "odd.lua").write_text("return tide.adapter {}")
    status, _, errors = adapter("check", tmp_path / "odd.lua")
    assert status == 2 and "stands in a folder adapters/" in errors


# ---- check: the report -------------------------------------------------------------------------
def test_the_report_for_programs_names_cases_and_clients(odd):
    told = report(odd)
    assert told["ok"] and told["adapter"] == "odd" and not told["problems"]
    assert set(DIALECTS) <= set(told["clients"])
    stream = next(case for case in told["cases"] if case["name"] == "stream")
    assert stream["ok"] and stream["framing"] == "ndjson" and stream["events"] == 3 and stream["from"] == "fixture"
    assert stream["runs"] > 100 and all(stream["clients"][name] for name in DIALECTS)


QUICK = {"bedrock", "minimax", "ollama", "vertex"}
SHIPPED = sorted(path.stem for path in Path(program.ROOT, "adapters").glob("*.lua"))


@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.soak) for name in SHIPPED])
def test_shipped_adapters_pass(tmp_path, name):
    status, out, errors = adapter("check", name, tmp_path)
    assert status == 0 and "adapters/%s.lua: ok" % name in out, out + errors


def test_other_broken_files_of_the_folder_do_not_matter(odd):
    (odd.parent / "torn.lua").write_text("return tide.adapter {")
    (odd.parent.parent / "gateway.lua").write_text("return { lisen = 1 }")
    assert report(odd)["ok"]


def test_what_the_adapter_extends_is_checked_with_it(odd):
    (odd.parent / "even.lua").write_text('return tide.adapter { extends = "odd", base_url = "http://127.0.0.1:9",\n'
                                         '  auth = { type = "none" } }\n')
    change(odd, ('if type(said) ~= "table" then return end', ""))
    told = report(odd.parent / "even.lua")
    problem = told["problems"][0]
    assert "even/ has none" in problem["message"] or "odd.lua" in problem["file"], told


# ---- check: the contract -----------------------------------------------------------------------
@pytest.mark.parametrize("before, behind, at, told", [
    ("framing =", "framng =", "framng", "unknown field 'framng' .did you mean 'framing'"),
    ('framing = "ndjson"', 'framing = "json"', "framing", 'must be "sse", "ndjson" or'),
    ("models =", "dialect = 'openai-chet', models =", "dialect", "unknown dialect .*did you mean 'openai-chat'"),
    ("models =", "extends = 'opnai', models =", "extends", "unknown adapter .*did you mean 'openai'"),
    ("models =", "errors = { map = { x = 'overloded' } }, models =", "errors", "did you mean 'overloaded'"),
    ("https://api.example.com", "https://{regoin}.example.com", "base_url", "{regoin} is no field of `config`"),
    ("models =", "headers = { authorization = 'Bearer abcdefghijkl' }, models =", "headers", "carries a key"),
    ("models =", "query = { k = 'sk-proj-0123456789abcdef' }, models =", "query", "looks like a key"),
    ('"ODD_API_KEY"', '"sk-proj-0123456789"', "secret =", "the NAME of a variable"),
    ("on_event = function", "on_end = function", "encode = function", "needs `dialect`.*or says with the hooks"),
    ("on_event = function(event, state, emit)", 'on_event = "x", on_status = function(event, state, emit)', 'on_event = "x"',
     "must be a function, not a string"),
    ("local texts", "texts", "texts = {}", "would be a global"),
    ("http.json = {", "http.json = tide.jsn and {", "tide.jsn", "there is no tide.jsn"),
])
def test_the_contract_is_held_with_file_and_line(odd, before, behind, at, told):
    change(odd, (before, behind))
    problems = report(odd)["problems"]
    found = [p for p in problems if re.search(told, p["message"])]
    assert found, problems
    assert found[0]["file"].endswith("adapters/odd.lua") and found[0]["line"] == line_with(odd, at)


# ---- check: the kit ----------------------------------------------------------------------------
SAID_TEXT = 'if type(said.text) == "string" then emit("text", { delta = said.text }) end'
ON_EVENT, ENCODE = "on_event = function", "encode = function"
HOOKS = {
    "raises": ([('if type(said) ~= "table" then return end', "local x = said.a.b")], "local x", "on_event fails"),
    "never ends": ([('if type(said) ~= "table"', 'while true do end\n    if type(said) ~= "table"')], ON_EVENT, "does not end"),
    "waits": ([('if type(said) ~= "table"', 'tide.sleep(1)\n    if type(said) ~= "table"')], "tide.sleep", "cannot wait here"),
    "loses the finish": ([('emit("finish"', 'local function _() end _("finish"')], ON_EVENT, "no hook has emitted a finish"),
    "finishes each time": ([(SAID_TEXT, SAID_TEXT + '\n    if said.text then emit("finish", { reason = "stop" }) end')],
                           ON_EVENT, "emits text behind the finish"),
    "finishes what was cut": ([(ON_EVENT, 'on_end = function(state, emit) emit("finish", { reason = "stop" }) end,\n  ' + ON_EVENT)],
                              "on_end = function", "on_end: stream, ended behind event 1 of 3: the client is told a success"),
    "unknown event": ([('emit("text"', 'emit("txt"')], ON_EVENT, "emits 'txt', which is no event .did you mean 'text'"),
    "null": ([('if type(said.text) == "string"', "if said.text")], ON_EVENT, "`delta` is null, not a string"),
    "0 for unknown": ([("input = said.tokens_in", "input = tonumber(said.tokens_in) or 0")], ON_EVENT,
                      "`input` was not told, and is 0 instead of unknown"),
    "unknown count": ([("input = said.tokens_in", "inputs = said.tokens_in")], ON_EVENT,
                      "usage with `inputs`, which is no count .did you mean 'input'"),
    "error as success": ([('type(said.error) == "table"', "false")], ON_EVENT, 'the error\'s kind is "protocol", not "upstream_5xx"'),
    "new events": ([(SAID_TEXT, SAID_TEXT + '\n    if not (said.text or said.done) then error("what?") end')], "what?",
                   "on_event fails: what"),
    "kept between answers": ([("return tide.adapter {", 'local all = ""\nreturn tide.adapter {'),
                              (SAID_TEXT, 'if said.text then all = all .. tostring(said.text) end\n    if said.done == true then '
                               'emit("text", { delta = all }) end')], ON_EVENT, "text is "),
    "encode: nothing": ([("http.json = {", "local _ = {")], ENCODE, "encode must set http.json or http.body"),
    "encode: garbage": ([("http.json = {", "http.body = 12\n    http.json = {")], ENCODE, "http.body must be a string"),
    "encode: another request": ([("max_tokens = rq.max_tokens", "max_tokens = 5")], ENCODE, "the body.max_tokens is 5, not 20"),
    "encode: not the same twice": ([("stream = call.stream", "stream = call.stream, at = call.id")], ENCODE, "in other bytes"),
    "decode: no table": ([(ON_EVENT, "decode = function() return 5 end,\n  " + ON_EVENT)], "decode = function",
                         "decode returns a number"),
    "decode: success of anything": ([(ON_EVENT, 'decode = function(body) return { text = "x" } end,\n  ' + ON_EVENT)],
                                    "decode = function", "the client is told a success; the answer was {\"error\":"),
    "on_status: no table": ([(ON_EVENT, 'on_status = function() return "x" end,\n  ' + ON_EVENT)], "on_status = function",
                            "on_status returns a string"),
    "on_status: kind": ([(ON_EVENT, 'on_status = function() return { kind = "ratelimited" } end,\n  ' + ON_EVENT)],
                        "on_status = function", "did you mean 'rate_limited'"),
    "prepare: garbage": ([(ON_EVENT, "prepare = function() return 1 end,\n  " + ON_EVENT)], "prepare = function",
                         "prepare returns a number"),
}


@pytest.mark.parametrize("name", HOOKS)
def test_a_bad_hook_is_named_with_file_and_line(odd, name):
    changes, at, pattern = HOOKS[name]
    change(odd, *changes)
    problems = report(odd)["problems"]
    found = [p for p in problems if re.search(pattern, p["message"])]
    assert found, problems
    assert found[0]["file"].endswith("adapters/odd.lua") and found[0]["line"] == line_with(odd, at), problems


def test_an_answer_that_is_otherwise_than_expected_is_told(odd):
    expected = odd.parent / "fixtures" / "odd" / "stream.expected.json"
    expected.write_text('{"text": "Hello there!", "finish_reason": "stop"}')
    problems = report(odd)["problems"]
    assert any('stream, in one piece: text is "Hello there.", not "Hello there!"' in p["message"] for p in problems)


def test_the_example_of_the_manual_passes_as_it_stands_there(tmp_path):
    manual = (Path(program.ROOT) / "adapters" / "README.md").read_text()
    folder = tmp_path / "adapters" / "fixtures" / "babel"
    folder.mkdir(parents=True)
    (tmp_path / "adapters" / "babel.lua").write_text(re.search(r"```lua\n(-- adapters/babel.lua\n.*?)```", manual, re.S)[1])
    for name, text in re.findall(r"^babel/(\S+) +(.*(?:\n +.*)*)", manual, re.M):
        (folder / name).write_text("\n".join(line.strip() for line in text.split("\n")) + "\n")
    told = report(tmp_path / "adapters" / "babel.lua")
    assert told["ok"] and not told["problems"] and len(told["cases"]) == 4, told


def test_a_protocol_of_its_own_needs_fixtures(odd):
    folder = odd.parent / "fixtures" / "odd"
    (folder / "stream.answer.ndjson").unlink()
    assert any("there is no stream.answer" in p["message"] for p in report(odd)["problems"])
    for file in list(folder.iterdir()):
        file.unlink()
    assert any("adapters/fixtures/odd/ has none" in p["message"] for p in report(odd)["problems"])


def test_fixtures_are_neither_loaded_nor_watched_as_scripts(odd):
    (odd.parent / "fixtures" / "odd" / "stray.lua").write_text("return nonsense(")
    status, out, errors = program.run("check", str(odd.parent.parent))
    assert status == 0 and "stray" not in out + errors
    assert report(odd)["ok"]


# ---- record ------------------------------------------------------------------------------------
ACCOUNT = "org-SECRETaccount1"
LEAKY = {"set-cookie": "session=SECRETcookie", "openai-organization": "SECRETorganisation", "x-request-id": "req_SECRET"}


def answers(upstream):
    """what the service says to the five questions of `record`"""
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    tools = mock.json_reply({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": message, "finish_reason": "tool_calls"}], "usage": mock.USAGE})
    upstream.answer(
        mock.chat("hello", headers=LEAKY),
        mock.stream(mock.role(), mock.delta("hel"), mock.delta("lo " + ACCOUNT), mock.finish(), mock.usage_chunk(), mock.DONE,
                    headers=LEAKY),
        tools,
        mock.error(400, "no tools in streams"),
        mock.error(404, "no such model for the key %s of %s, ask me@example.com" % (KEY, ACCOUNT)),
    )


@pytest.fixture
def recorded(tmp_path, upstream):
    """a folder whose adapter "odd" speaks to the mock"""
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "odd.lua").write_text(
        'return tide.adapter { extends = "openai", base_url = "%s", models = { ["m"] = {} },\n'
        '  auth = { type = "bearer", secret = "ODD_KEY" } }\n' % upstream.url)
    answers(upstream)
    return tmp_path


def record(folder, *args, env=None):
    return adapter("record", "odd", folder, *args, env=env if env is not None else {"ODD_KEY": KEY})


def test_answers_of_the_service_become_fixtures_that_pass(recorded, upstream):
    status, out, errors = record(recorded)
    assert status == 0, out + errors
    assert "ok    stream: 200" in out and "tools_stream: refused with 400" in out
    folder = recorded / "adapters" / "fixtures" / "odd"
    assert upstream.requests[0].headers["authorization"] == "Bearer " + KEY
    assert [r.json["model"] for r in upstream.requests] == ["m"] * 4 + ["tidegate-no-such-model"]
    meta = json.loads((folder / "stream.meta.json").read_text())
    assert meta["status"] == 200 and sum(meta["chunks"]) == (folder / "stream.answer.sse").stat().st_size
    assert set(meta["headers"]) == {"content-type"}
    expected = json.loads((folder / "stream.expected.json").read_text())
    assert expected["finish_reason"] == "stop" and expected["usage"]["input"] == 11
    assert json.loads((folder / "tools.expected.json").read_text())["tool_calls"][0]["name"] == "weather"
    assert json.loads((folder / "no_such_model.expected.json").read_text())["error"]["kind"] == "no_target"
    told = report(recorded / "adapters" / "odd.lua")
    assert told["ok"], told
    assert {"whole", "stream", "tools", "no_such_model"} <= {c["name"] for c in told["cases"] if c["from"] == "fixture"}


def test_lines_of_a_protocol_of_its_own_are_recorded_as_they_came(odd, upstream):
    for file in (odd.parent / "fixtures" / "odd").iterdir():
        file.unlink()
    change(odd, ("https://api.example.com", upstream.origin))
    lines = [b'{"text":"Hel', b'lo"}\n{"text":"."}\n', b'{"done":true,"why":"end","tokens_in":4,"tokens_out":3}\n']
    stream = mock.Reply(200, {"content-type": "application/json"}, lines, "chunked")
    whole = mock.json_reply({"text": "Hello.", "done": True, "why": "end", "tokens_in": 4, "tokens_out": 3})
    upstream.answer(whole, stream, whole, stream, mock.json_reply({"error": {"message": "no such voice"}}, 404))
    status, out, errors = record(odd.parent.parent, env={"ODD_API_KEY": KEY})
    assert status == 0, out + errors
    folder = odd.parent / "fixtures" / "odd"
    assert (folder / "stream.answer.ndjson").read_bytes() == b"".join(lines)
    assert sum(json.loads((folder / "stream.meta.json").read_text())["chunks"]) == len(b"".join(lines))
    sent = json.loads((folder / "stream.sent.json").read_text())
    assert sent["path"] == "/generate" and sent["body"]["turns"][0]["role"] == "user"
    told = report(odd)
    assert told["ok"] and {case["name"]: case["framing"] for case in told["cases"]}["stream"] == "ndjson", told


def test_neither_keys_nor_accounts_are_written(recorded):
    record(recorded)
    for file in (recorded / "adapters" / "fixtures" / "odd").iterdir():
        text = file.read_text()
        assert "canary" not in text and "SECRET" not in text and "me@" not in text, (file, text)


def test_recorded_fixtures_are_written_over_by_force_alone(recorded, upstream):
    record(recorded)
    asked = len(upstream.requests)
    status, _, errors = record(recorded)
    assert status == 1 and "--force writes over it" in errors and len(upstream.requests) == asked
    answers(upstream)
    assert record(recorded, "--force")[0] == 0
    answers(upstream)
    status, _, _ = record(recorded, "--out", recorded / "elsewhere", "--model", "other")
    assert status == 0 and (recorded / "elsewhere" / "whole.answer.json").exists()
    assert upstream.last.json["model"] == "tidegate-no-such-model" and upstream.requests[-2].json["model"] == "other"


def test_record_says_what_is_missing(recorded, upstream):
    status, _, errors = record(recorded, env={})
    assert status == 1 and "there is no provider 'odd'" in errors
    (recorded / "gateway.lua").write_text(config({"odd": {}}).replace("@LOG@", "x.log"))
    asked = len(upstream.requests)
    upstream.queue.clear()
    upstream.always(mock.error(401, "bad key " + KEY))
    status, _, errors = record(recorded)
    assert status == 1 and "nothing was recorded" in errors and "refused with 401" in errors and KEY not in errors
    assert len(upstream.requests) == asked + 1

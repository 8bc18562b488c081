"""tidegate test: *_test.lua beside the scripts, in the real program: virtual clock, mock upstreams, no network."""
import re
import subprocess
import time
import xml.etree.ElementTree

import pytest

import framings
import gateway as program

pytestmark = [pytest.mark.usefixtures("program_exists"), pytest.mark.slow]

CONFIG = """return {
  providers = { groq = { keys = { secret "NOBODY_HAS_THIS" } }, openai = {} },
  models = { auto = { targets = { "groq/llama", "openai/gpt-4o-mini" }, pick = "ordered" } },
}
"""
FILE = "scripts/policies/x_test.lua"


def run(folder, text, *args, files=None):
    for name, content in {"gateway.lua": CONFIG, FILE: text, **(files or {})}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    status, out, errors = program.run("test", str(folder), *args)
    assert not errors, errors
    return status, out.replace(str(folder) + "/", "")


def case(body, name="it"):
    return "local t = tide.test\nt.case(%r, function()\n%s\nend)\n" % (name, body)


def passes(folder, body, **more):
    status, told = run(folder, case(body), **more)
    assert status == 0 and "1 passed, 0 failed" in told, told


def fails(folder, body, *patterns):
    status, told = run(folder, case(body))
    assert status == 1 and "0 passed, 1 failed" in told, told
    for pattern in patterns:
        assert re.search(pattern, told), (pattern, told)


def test_a_request_falls_over_to_the_next_provider_without_a_network(tmp_path):
    passes(tmp_path, """
      t.upstream("groq").reply{ status = 429, headers = { ["retry-after"] = "7" } }
      local r = t.chat{ model = "auto", stream = true, messages = { { role = "user", content = "hi" } } }
      t.eq(r.status, 200)
      t.eq(r.text, "hello")
      t.eq(r.attempts, { "groq", "openai" })
      t.eq(r.finish_reason, "stop")
      t.eq(r.target, "openai/gpt-4o-mini")""")


@pytest.mark.parametrize("framing", framings.BOTH)
def test_streams_of_other_framings_are_written_and_read(tmp_path, framing):
    model, other = "smart", framings.BOTH[framing == framings.NDJSON]
    lines = """return { providers = { a = { extends = "%s", base_url = "http://a", keys = { secret "X" } } },
                          models = { smart = { targets = { "a/m" } } } }""" % framings.adapter(framing)
    body = """
      for _, path in ipairs({ "%s", "%s" }) do
        local r = t.chat{ path = path, model = "%s", stream = true, ask = "hi" }
        t.eq(r.status, 200)
        t.eq(r.text, "hello")
        t.eq(r.finish_reason, "stop")
        t.eq(r.events[#r.events].counts, { read = 1, written = 1 })
      end
      t.upstream("a").stream{ t_event }
      t.eq(t.chat{ model = "smart", stream = true }.text, "odd")""" % (framings.PATHS[framing], framings.PATHS[other], model)
    event = framings.said(framing, "odd") + framings.stop(framing) + framings.counts(framing)
    escaped = "".join("\\%03d" % byte for byte in event)
    passes(tmp_path, body.replace("t_event", '"%s"' % escaped), files={**framings.files(), "gateway.lua": lines})


def test_what_was_sent_is_seen_without_keys(tmp_path):
    passes(tmp_path, """
      t.chat{ model = "auto", temperature = 1 }
      local sent = t.upstream("groq").requests
      t.eq(#sent, 1)
      t.eq(sent[1].target, "groq/llama")
      t.eq(sent[1].body.model, "llama")
      t.eq(sent[1].body.temperature, 1)
      t.eq(sent[1].headers.authorization, "Bearer ***")
      t.eq(#t.upstream("openai").requests, 0)""")


def test_hours_of_waiting_take_no_time(tmp_path):
    began = time.monotonic()
    passes(tmp_path, """
      t.upstream("groq").reply{ fault = "timeout" }
      t.upstream("openai").reply{ delay = 5, text = "late" }
      local from = tide.now()
      t.eq(t.chat{ model = "auto" }.text, "late")
      t.near(tide.now() - from, 305, 0.01)
      t.advance(7 * 3600)
      t.near(tide.now() - from, 305 + 7 * 3600, 0.01)""")
    assert time.monotonic() - began < 300


@pytest.mark.parametrize("fault", ["reset", "cut", "timeout"])
def test_faults_before_the_commit_point_move_on(tmp_path, fault):
    passes(tmp_path, """
      t.upstream("groq").reply{ fault = "%s", text = "a b c d" }
      t.eq(t.chat{ model = "auto" }.attempts, { "groq", "openai" })""" % fault)


def test_a_stream_that_is_cut_is_no_success(tmp_path):
    passes(tmp_path, """
      t.upstream("groq").reply{ fault = "cut", text = "one two three four" }
      local r = t.chat{ model = "auto", stream = true }
      t.ok(r.text and #r.text < 18 and #r.text > 0)
      t.eq(r.outcome, "upstream_error")
      t.ok(r.error)
      t.eq(r.attempts, { "groq" })""")


def test_answers_are_queued_and_then_come_the_default(tmp_path):
    passes(tmp_path, """
      t.upstream("groq").reply{ text = "one" }.reply{ json = { choices = { { message = { content = "two" } } } } }
      t.upstream("groq").default{ text = "more" }
      for _, said in ipairs{ "one", "two", "more", "more" } do t.eq(t.chat{ model = "auto" }.text, said) end""")


def test_streams_come_from_files_and_from_lists(tmp_path):
    event = 'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":%s}]}\n\n'
    passes(tmp_path, """
      t.upstream("groq").stream("fixtures/one.sse")
      t.upstream("groq").stream{ 'data: {"choices":[{"index":0,"delta":{"content":"li', 3, 'st"}}]}\\n\\n', "data: [DONE]\\n\\n" }
      t.eq(t.chat{ model = "auto", stream = true }.text, "from a file")
      local from = tide.now()
      t.eq(t.chat{ model = "auto", stream = true }.text, "list")
      t.near(tide.now() - from, 3, 0.01)""",
           files={"scripts/policies/fixtures/one.sse": event % ("from a ", "null") + event % ("file", '"stop"') + "data: [DONE]\n\n"})


def test_other_endpoints_answer_too(tmp_path):
    passes(tmp_path, """
      t.eq(t.request{ path = "/health" }.json, { status = "ok" })
      local r = t.request{ method = "POST", path = "/v1/embeddings", body = { model = "auto", input = "x" } }
      t.eq(#r.json.data, 1)
      t.eq(t.request{ path = "/nowhere" }.status, 404)""")


def test_each_case_starts_anew(tmp_path):
    text = "local t, count = tide.test, 0\n" + "".join("""
t.case("%s", function()
  count = count + 1
  t.eq(count, 1)
  t.eq(#t.upstream("groq").requests, 0)
  t.chat{ model = "auto" }
  t.advance(60)
  t.near(tide.now(), 60, 0.5)
end)""" % name for name in ("one", "two"))
    status, told = run(tmp_path, text)
    assert status == 0 and "2 passed" in told, told


def test_a_difference_is_told_with_its_place_what_was_expected_and_what_came(tmp_path):
    fails(tmp_path, "t.eq({ a = { 1, { b = 2 } } }, { a = { 1, { b = 3 } } })",
          r"scripts/policies/x_test.lua:3: not equal at \.a\[2\]\.b", "expected: 3", "got:      2")


@pytest.mark.parametrize("body, pattern", [
    ("t.near(1, 2, 0.5)", "within 0.5"), ("t.ok(nil)", "something true"), ("t.fails(function() end, 'x')", "expected an error"),
    ("t.fails(function() error('a') end, 'b')", 'expected an error with "b"'), ("local x; return x.y", "attempt to index"),
    ("t.upstream('grok')", "no provider 'grok'.*did you mean 'groq'"), ("t.upstream('groq').reply{ staus = 1 }", "did you mean 'status'"),
    ("undefined()", "unknown global 'undefined'"), ("io.open('x')", "unknown global 'io'")])
def test_what_does_not_hold_fails_with_its_line(tmp_path, body, pattern):
    fails(tmp_path, body, r"x_test\.lua:3: ", pattern)


def test_a_failed_check_is_no_error_that_t_fails_accepts(tmp_path):
    fails(tmp_path, "t.fails(function() t.eq(1, 2) end)", "not equal")


def test_a_file_that_cannot_be_loaded_fails(tmp_path):
    for text, pattern in (("return {", "x_test.lua:1: "), ("tide.test.chat{ model = 'x' }", "x_test.lua:1: ")):
        status, told = run(tmp_path, text)
        assert status == 1 and re.search(pattern, told), told


def test_no_tests_are_no_success(tmp_path):
    (tmp_path / "gateway.lua").write_text(CONFIG)
    status, out, _ = program.run("test", str(tmp_path))
    assert status == 1 and "no test was run" in out


def test_the_configuration_of_a_test_replaces_that_of_the_folder(tmp_path):
    text = """local t = tide.test
t.config{ models = { mine = { "openai/x" } } }
t.case("it", function()
  t.eq(t.chat{ model = "mine" }.attempts, { "openai" })
  t.eq(t.chat{ model = "auto" }.status, 404)
end)
"""
    status, told = run(tmp_path, text)
    assert status == 0, told
    status, told = run(tmp_path, text.replace("models =", "modls ="))
    assert status == 1 and "t.config:1: unknown field 'modls', did you mean 'models'" in told, told


def test_a_configuration_that_is_wrong_with_that_of_a_test_is_told_once(tmp_path):
    cases = case("", name="one") + case("", name="two").split("\n", 1)[1]
    status, told = run(tmp_path, "tide.test.config { providers = { groq = {} } }\n" + cases)
    assert status == 1 and "0 passed, 1 failed" in told, told
    assert "FAIL  the configuration is right" in told and "unknown provider 'openai'" in told, told


def test_what_was_thought_is_seen(tmp_path):
    passes(tmp_path, """
      t.upstream("openai").reply{ json = { choices = { { index = 0, finish_reason = "stop",
        message = { role = "assistant", content = "42", reasoning_content = "Hm." } } } } }
      local r = t.chat{ model = "openai/gpt-4o-mini" }
      t.eq(r.reasoning, "Hm.")
      t.eq(r.text, "42")""")


def test_a_test_needs_no_configuration(tmp_path):
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "y_test.lua").write_text(case('t.eq(t.chat{ model = "groq/x" }.attempts, { "groq" })'))
    status, out, errors = program.run("test", str(tmp_path))
    assert status == 0 and "adapters/y_test.lua" in out, out + errors


def test_filter_chooses_cases_by_file_and_name(tmp_path):
    text = case("t.ok(true)", "first") + case("t.ok(false)", "second")
    status, told = run(tmp_path, text, "--filter", "first")
    assert status == 0 and "1 passed, 0 failed" in told, told


def test_tap_is_tap(tmp_path):
    status, told = run(tmp_path, case("t.ok(true)", "good") + case("t.eq(1, 2)", "bad # 1"), "--tap")
    lines = told.split("\n")
    assert status == 1 and lines[0] == "TAP version 14" and lines[-2] == "1..2", told
    assert lines[1] == "ok 1 - %s good" % FILE and lines[2] == "not ok 2 - %s bad \\# 1" % FILE, told
    assert lines[3] == "  ---" and lines[-3] == "  ..." and '  expected: "2"' in lines, told


def test_junit_is_xml(tmp_path):
    report = tmp_path / "report.xml"
    run(tmp_path, case("t.ok(true)", "good") + case("t.eq('<', '\"')", "bad & worse") + case("error('x')", "broken"), "--junit", str(report))
    suite = xml.etree.ElementTree.parse(report).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    good, bad, broken = suite.findall("testcase")
    assert good.find("failure") is None and bad.get("name") == "bad & worse" and bad.find("failure") is not None
    assert broken.find("error") is not None


def test_a_case_that_computes_for_ever_is_stopped_and_the_others_run(tmp_path):
    status, told = run(tmp_path, case("while true do end", "loops") + case("t.ok(true)", "after").replace("local t = tide.test\n", ""))
    assert status == 1 and "1 passed, 1 failed" in told and re.search(r"x_test\.lua:3: .*CPU", told), told


def test_a_case_that_waits_for_what_never_comes_fails(tmp_path):
    status, told = run(tmp_path, case("while true do t.advance(3600) end"))
    assert status == 1 and "0 passed, 1 failed" in told, told


def test_the_network_cannot_be_reached(tmp_path, upstream):
    passes(tmp_path, """
      local r = t.chat{ model = "auto" }
      t.eq(r.text, "hello")""", files={"gateway.lua": CONFIG.replace("openai = {}", 'openai = { base_url = "%s" }' % upstream.url)})
    assert not upstream.requests


def test_a_test_may_require_the_libraries_of_scripts(tmp_path):
    passes(tmp_path, "t.eq(require('tide.mock') ~= nil, true)", files={"scripts/lib/one.lua": "return { one = 1 }\n"})
    text = "local one = require('lib.one')\n" + case("t.eq(one.one, 1)")
    status, told = run(tmp_path, text)
    assert status == 0, told


ASKS = """return tide.policy { route = function()
  local res, err = tide.http.request { url = "https://router.example/pick", body = "{}", timeout = 2 }
  return { targets = { "openai/" .. (err and err.kind or res.status == 200 and res:json().model or "other") } }
end }
"""
ASKS_CONFIG = CONFIG.replace("models =", 'policy = "asks", scripts = { http = { "https://router.example" } },\n  models =')


def test_what_tide_http_asks_is_answered_by_the_test_or_by_nobody(tmp_path):
    passes(tmp_path, """
      local function target() return t.chat{ model = "auto" }.target end
      t.eq(target(), "openai/connect")
      t.http("https://router.example/").reply{ json = { model = "m1" } }.reply{ status = 500 }
      t.eq(target(), "openai/m1")
      t.eq(target(), "openai/other")
      t.eq(t.http("https://router.example/").requests[1].method, "POST")
      t.http("https://router.example/pick").reply{ fault = "timeout" }
      local from = tide.now()
      t.eq(target(), "openai/timeout")
      t.near(tide.now() - from, 2, 0.01)""", files={"gateway.lua": ASKS_CONFIG, "scripts/policies/asks.lua": ASKS})


def test_watch_runs_again_when_a_file_has_changed(tmp_path):
    run(tmp_path, case("t.ok(true)"))
    process = subprocess.Popen([program.BINARY, "test", str(tmp_path), "--watch"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                               env=program.clean_env(), text=True)
    try:
        told = iter(process.stdout.readline, "")
        assert next(line for line in told if "passed" in line) == "1 passed, 0 failed\n"
        (tmp_path / FILE).write_text(case("t.ok(false)"))
        assert next(line for line in told if "passed" in line) == "0 passed, 1 failed\n"
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def test_timers_of_scripts_run_on_the_clock_of_the_test_and_end_with_it(tmp_path):
    ticks = """local count = tide.dict("ticks")
tide.timer.every(60, function() count:incr("n", 1, 0) end)
return tide.policy { route = function() return { targets = { "openai/n" .. (count:get("n") or 0) } } end }
"""
    body = 't.advance(3601)\nt.eq(t.chat{ model = "auto" }.target, "openai/n60")'
    status, told = run(tmp_path, case(body, "one") + case(body, "two").replace("local t = tide.test\n", ""),
                       files={"gateway.lua": CONFIG.replace("models =", 'policy = "ticks",\n  models ='), "scripts/policies/ticks.lua": ticks})
    assert status == 0, told

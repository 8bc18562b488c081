"""The description of the scripting API against what the program really has."""
import json
import os
import subprocess

import pytest

import upstream as mock
from config import config, one
from gateway import ROOT, run

pytestmark = pytest.mark.slow

LUAJIT = "luajit"


def description():
    done = subprocess.run([LUAJIT, "spec/lint/reference.lua", "json"], cwd=ROOT, capture_output=True, check=True)
    return json.loads(done.stdout)


def expected(kind):
    """{"tide.dict": "function", ...} of what a file of this kind has"""
    said = description()
    names = {name: "function" for name, (_, files) in said["functions"].items() if files == "*" or kind in files.split()}
    return {**names, **said["values"]}


# Lines at the top of a file that raise when `tide` holds anything else than described.
COMPARE = """
local expected, found, wrong = tide.json.decode([==[%s]==]), {}, {}
local function walk(table_, prefix)
  for name, value in pairs(table_) do
    if type(value) == "table" then walk(value, prefix .. name .. ".") else found[prefix .. name] = type(value) end
  end
end
walk(tide, "tide.")
for name, kind in pairs(expected) do
  if found[name] ~= kind then wrong[#wrong + 1] = "described, not there: " .. name end
end
for name in pairs(found) do
  if not expected[name] then wrong[#wrong + 1] = "there, not described: " .. name end
end
table.sort(wrong)
if #wrong > 0 then error(table.concat(wrong, "; ")) end
"""
ENDS = {
    "adapter": ("adapters/x.lua", "return tide.adapter { extends = 'openai', base_url = 'http://127.0.0.1:9/v1' }"),
    "policy": ("scripts/policies/x.lua", "return tide.policy { route = function() end }"),
    "middleware": ("scripts/middleware/x.lua", "return tide.middleware { before = function() end }"),
    "lib": ("scripts/lib/x.lua", "return {}"),
    "test": ("scripts/policies/x_test.lua", "tide.test.case('nothing', function() end)"),
}


def place(folder, path, text):
    os.makedirs(os.path.dirname(folder / path), exist_ok=True)
    (folder / path).write_text(text)


def compared(folder, kind, names):
    """a folder with a file of this kind that compares"""
    path, end = ENDS[kind]
    place(folder, path, COMPARE % json.dumps(names) + end + "\n")
    place(folder, "scripts/policies/p.lua", "%sreturn tide.policy { route = function() end }\n"
          % ("require('lib.x')\n" if kind == "lib" else ""))
    place(folder, "gateway.lua", config({"mock": {}}, policy="x" if kind == "policy" else "p",
                                        middleware=["x"] if kind == "middleware" else []))
    return str(folder)


@pytest.mark.parametrize("kind", ENDS)
def test_every_kind_of_file_has_what_is_described_and_nothing_else(kind, tmp_path, program_exists):
    folder = compared(tmp_path, kind, expected(kind))
    status, out, err = run("test" if kind == "test" else "check", folder)
    assert status == 0, out + err


@pytest.mark.parametrize("kind", ENDS)
def test_a_difference_would_be_found(kind, tmp_path, program_exists):
    names = {**expected(kind), "tide.nothing": "function"}
    del names["tide.now"]
    status, out, err = run("test" if kind == "test" else "check", compared(tmp_path, kind, names))
    assert status == 1
    assert "described, not there: tide.nothing" in out + err and "there, not described: tide.now" in out + err


# Classes of which a middleware can have an object.
OBJECTS = {
    "tide.Dict": 'tide.dict("d")', "tide.Limit": 'tide.limit.bucket("b", { rate = 1 })', "tide.Body": "req.body",
    "tide.Metric": 'tide.metric.counter("c")', "tide.Request": "req",
    "tide.Stream": 'tide.chat { model = "one/m", messages = {}, stream = true }',
    "tide.Task": "tide.spawn(function() end)", "tide.Timer": "tide.timer.after(9, function() end)",
}


def test_described_methods_are_there(gateway, upstream):
    upstream.always(mock.tokens("a", "b"))
    said = description()
    checks = "".join('check(%s, [==[%s]==])\n' % (OBJECTS[name], json.dumps(sorted(said["methods"][name])))
                     for name in OBJECTS)
    middleware = '''local wrong = {}
local function check(object, names)
  for _, name in ipairs(tide.json.decode(names)) do
    if type(object[name]) ~= "function" then wrong[#wrong + 1] = name end
  end
end
return tide.middleware { before = function(req)
  %s
  return req:reply(200, nil, table.concat(wrong, " "))
end }''' % checks
    g = gateway(one(upstream, middleware=["x"]), files={"scripts/middleware/x.lua": middleware})
    answer = g.chat("one/m")
    assert answer.status == 200 and answer.body == b"", answer.body


def test_described_fields_of_a_request_are_there_and_no_others(gateway, upstream):
    upstream.always(mock.chat("ok"))
    fields = sorted(description()["fields"]["tide.Request"])
    middleware = '''return tide.middleware { before = function(req)
  for _, name in ipairs(tide.json.decode([==[%s]==])) do local _ = req[name] end
  local _, message = pcall(function() return req.no_such_field end)
  return req:reply(200, nil, message)
end }''' % json.dumps(fields)
    g = gateway(one(upstream, middleware=["x"]), files={"scripts/middleware/x.lua": middleware})
    answer = g.chat("one/m")
    assert answer.status == 200 and b"no field 'no_such_field'" in answer.body, answer.body
    source = open(os.path.join(ROOT, "scripts/tide/request_view.lua"), encoding="utf-8").read()
    table = source[source.index("local AT_HAND = {"):source.index("local OF_BODY")]
    there = {line.split("=")[0].strip() for line in table.split("\n") if line.startswith("  ") and " = " in line and line[2].isalpha()}
    assert there == set(fields)


def test_the_written_reference_is_what_the_description_says():
    done = subprocess.run([LUAJIT, "spec/lint/reference.lua"], cwd=ROOT, capture_output=True)
    assert done.returncode == 0, done.stdout.decode()

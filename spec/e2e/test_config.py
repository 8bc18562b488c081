"""gateway.lua: what is wrong is named with file, line and "did you mean". tidegate check."""
import re

import pytest

import gateway as program

pytestmark = pytest.mark.usefixtures("program_exists")

GOOD = """return {
  providers = {
    one = { extends = "openai", base_url = "http://127.0.0.1:1/v1", keys = { secret "ONE_KEY" } },
  },
  models = { fast = { "one/m" }, alias = "one/m2" },
}
"""


def check(folder, text, env=None, files=None):
    (folder / "gateway.lua").write_text(text)
    for name, content in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    status, out, errors = program.run("check", str(folder), env={"ONE_KEY": "sk-canary-one", **(env or {})})
    return status, out + errors


def test_a_good_file_is_good(tmp_path):
    status, told = check(tmp_path, GOOD)
    assert status == 0, told


def test_a_folder_without_a_file_is_good(tmp_path):
    status, out, errors = program.run("check", str(tmp_path))
    assert status == 0, out + errors


# (what stands on line 2, a pattern that the complaint must match)
WRONG = {
    "unknown field": ("lisen = \"127.0.0.1:0\",", r"lisen.*did you mean.*listen"),
    "unknown limit": ("limits = { bodi = 1 },", r"bodi.*did you mean.*body"),
    "unknown timeout": ("timeout = { frist_token = 1 },", r"frist_token.*did you mean.*first_token"),
    "unknown field of a provider": ("providers = { one = { extends = \"openai\", base_ur = \"http://x\" } },",
                                    r"base_ur.*did you mean.*base_url"),
    "unknown field of a model": ("models = { x = { targets = { \"mock/gpt\" }, pik = \"ordered\" } },", r"pik.*did you mean.*pick"),
    "unknown adapter": ("providers = { one = { extends = \"opnai\", base_url = \"http://x/v1\" } },",
                        r"opnai.*did you mean.*openai"),
    "provider that is no adapter": ("providers = { gorq = { keys = { \"k\" } } },", r"gorq.*did you mean.*groq"),
    "unknown target": ("models = { x = { \"nobody/m\" } },", r"nobody"),
    "unknown pick": ("pick = \"ordred\",", r"pick.*ordered"),
    "later setting: queue": ("queue = { max = 1 },", r"queue"),
    "later setting: breaker": ("breaker = { failures = 1 },", r"breaker"),
    "later setting: store": ("store = \"sqlite:x.db\",", r"store"),
    "later setting: alerts": ("alerts = { webhook = \"https://x\" },", r"alerts"),
    "type of workers": ("workers = \"two\",", r"workers.*number"),
    "workers not whole": ("workers = 1.5,", r"workers"),
    "workers out of range": ("workers = 0,", r"workers"),
    "type of listen": ("listen = 8080,", r"listen"),
    "listen without a port": ("listen = \"127.0.0.1\",", r"listen|port"),
    "port out of range": ("listen = \"127.0.0.1:70000\",", r"listen|port"),
    "negative time": ("timeout = { head = -1 },", r"head"),
    "size that is none": ("limits = { body = \"32XB\" },", r"body"),
    "type of keys": ("providers = { openai = { keys = \"k\" } },", r"keys"),
    "base_url that is none": ("providers = { one = { extends = \"openai\", base_url = \"nowhere\" } },", r"base_url|nowhere"),
    "alias to itself": ("models = { x = \"x\" },", r"x"),
    "alias cycle": ("models = { x = \"y\", y = \"x\" },", r"cycle|itself"),
    "empty group": ("models = { x = {} },", r"x"),
    "client without a key": ("clients = { { name = \"a\" } },", r"key"),
    "one key for two clients": ("clients = { { key = \"k1234567\", name = \"a\" }, { key = \"k1234567\", name = \"b\" } },", r"key"),
    "a list where names belong": ("providers = { \"openai\" },", r"providers"),
    "secret without a name": ("providers = { openai = { keys = { secret } } },", r"keys|secret"),
}


@pytest.mark.parametrize("case", list(WRONG), ids=lambda c: c.replace(" ", "-").replace(":", ""))
def test_a_mistake_is_named_with_file_and_line(tmp_path, case):
    line, pattern = WRONG[case]
    status, told = check(tmp_path, "return {\n  %s\n}\n" % line)
    assert status == 1, told
    assert re.search(r"gateway\.lua:2:", told), told
    assert re.search(pattern, told, re.S | re.I), told


def test_the_line_is_that_of_the_field_not_of_the_block(tmp_path):
    status, told = check(tmp_path, GOOD.replace('base_url = "', '\n\n      base_urk = "'))
    assert status == 1 and "gateway.lua:5:" in told, told


@pytest.mark.parametrize("text", ["return {", "retrun {}", "return { a = }", "x ="])
def test_a_syntax_error_is_told_with_its_line(tmp_path, text):
    status, told = check(tmp_path, text + "\n")
    assert status == 1 and re.search(r"gateway\.lua:\d+:", told), told


@pytest.mark.parametrize("text", ["", "return 1", "return nil", "error('boom')", "return { x.y }", "while true do end"])
def test_a_file_that_gives_no_table_is_an_error(tmp_path, text):
    status, told = check(tmp_path, text)
    assert status == 1 and "gateway.lua" in told, told


@pytest.mark.parametrize("call", ["io.open('/etc/passwd')", "os.execute('true')", "os.getenv('HOME')", "require('ffi')",
                                  "loadfile('x')", "dofile('x')", "debug.getinfo(1)", "package.path"])
def test_gateway_lua_reaches_no_files_and_no_processes(tmp_path, call):
    status, told = check(tmp_path, "local x = %s\nreturn {}\n" % call)
    assert status == 1 and "gateway.lua:1:" in told, told


def test_a_secret_that_is_not_set_is_named(tmp_path):
    status, told = check(tmp_path, GOOD, env={"ONE_KEY": ""})
    assert status == 1 and "ONE_KEY" in told, told


def test_a_plain_string_key_is_a_warning_that_does_not_tell_it(tmp_path):
    status, told = check(tmp_path, GOOD.replace('secret "ONE_KEY"', '"sk-canary-plain"'))
    assert status == 0 and "gateway.lua" in told and "sk-canary" not in told, told
    assert re.search(r"plain|secret", told)


def test_a_broken_adapter_beside_the_configuration_is_named(tmp_path):
    status, told = check(tmp_path, "return { providers = { mine = { keys = { 'k' } } } }\n",
                         files={"adapters/mine.lua": "return tide.adapter {\n  name = 'mine', extends = 'openai',\n  base_ulr = 'http://x',\n}\n"})
    assert status == 1 and "mine.lua" in told and re.search(r"base_ulr.*did you mean.*base_url", told, re.S), told


def test_run_refuses_what_check_refuses(tmp_path):
    (tmp_path / "gateway.lua").write_text("return { lisen = 1 }\n")
    status, _, errors = program.run("run", str(tmp_path), "--listen", "127.0.0.1:0")
    assert status == 1 and "gateway.lua:1:" in errors and "listen" in errors


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    for command in ("run", "check"):
        status, _, errors = program.run(command, str(tmp_path / "nowhere"))
        assert status in (1, 2) and "nowhere" in errors

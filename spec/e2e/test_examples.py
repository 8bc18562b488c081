"""Every folder in examples/ is started as it stands and does what its README says."""
import glob
import os
import re
import shlex
import shutil
import subprocess

import pytest

import gateway as program
from upstream import chat

pytestmark = pytest.mark.slow

EXAMPLES = sorted(glob.glob(os.path.join(program.ROOT, "examples", "[0-9]*")))
ENV = {"HARBOUR_API_KEY": "sk-canary-harbour", "APP_KEY": "app-key-of-tests", "CRON_KEY": "cron-key-of-tests",
       "TIDEGATE_ADMIN_TOKEN": "admin-token-of-tests", "LANTERN_API_KEY": "sk-canary-lantern"}


def name_of(path):
    return os.path.basename(path)


@pytest.fixture
def example(gateway, tmp_path):
    """starts a copy of an example's folder, so that nothing is written into the tree"""
    def start(name, replace=()):
        folder = os.path.join(program.ROOT, "examples", name)
        config = open(os.path.join(folder, "gateway.lua"), encoding="utf-8").read()
        files = {}
        for path in glob.glob(os.path.join(folder, "adapters", "*.lua")):
            files["adapters/" + os.path.basename(path)] = open(path, encoding="utf-8").read()
        for old, new in replace:
            config = config.replace(old, new)
            files = {file: text.replace(old, new) for file, text in files.items()}
        return gateway(config, env=ENV, files=files, args=("--admin", "127.0.0.1:0") if "admin" in config else ())
    return start


@pytest.mark.parametrize("folder", EXAMPLES, ids=name_of)
def test_an_example_passes_check(folder, tmp_path, program_exists):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    status, out, err = program.run("check", str(copy), env=ENV)
    assert status == 0, err
    assert "ok" in out


@pytest.mark.parametrize("folder", EXAMPLES, ids=name_of)
def test_an_example_has_a_readme_whose_commands_name_it(folder):
    text = open(os.path.join(folder, "README.md"), encoding="utf-8").read()
    blocks = re.findall(r"```\n(.*?)```", text, re.S)
    commands = [shlex.split(line, comments=True) for block in blocks
                for line in block.replace("\\\n", " ").splitlines() if line.strip()]
    assert any("examples/" + name_of(folder) in word for command in commands for word in command)


def test_the_tour_of_the_readme_passes_check(tmp_path, program_exists):
    text = open(os.path.join(program.ROOT, "README.md"), encoding="utf-8").read()
    tour = re.search(r"```lua\n(.*?)```", text, re.S).group(1)
    (tmp_path / "gateway.lua").write_text(tour, encoding="utf-8")
    env = {name: "sk-canary-" + name.lower() for name in re.findall(r'secret "(\w+)"', tour)}
    status, out, err = program.run("check", str(tmp_path), env=env)
    assert status == 0, err


def test_the_first_run_streams_without_a_key(example):
    answer = example("01-first-run").chat("assistant", stream=True).read()
    assert answer.status == 200 and answer.events[-1] == "[DONE]"


def test_failover_shows_one_clean_answer_and_all_attempts(example):
    answer = example("02-failover").chat("assistant", stream=True).read()
    assert answer.status == 200 and answer.events[-1] == "[DONE]"
    tried = answer.headers["x-tidegate-attempts"]
    assert tried.startswith("mock/error-429#1=429/")
    assert tried.split()[-1].startswith("mock/gpt#1=200/")


def test_an_own_provider_gets_its_key_and_its_quirks(example, upstream):
    upstream.always(chat("ahoy"))
    one = example("03-own-provider", replace=[("http://127.0.0.1:9000/v1", upstream.url)])
    answer = one.chat("assistant", max_completion_tokens=9, user="me")
    assert answer.status == 200, answer.body
    sent = upstream.last
    assert sent.headers["authorization"] == "Bearer " + ENV["HARBOUR_API_KEY"]
    assert sent.json["max_tokens"] == 9 and "user" not in sent.json and "max_completion_tokens" not in sent.json


def test_client_keys_are_asked_for(example):
    one = example("04-client-keys")
    assert one.chat("assistant").status == 401
    body = {"model": "assistant", "messages": [{"role": "user", "content": "hello"}]}
    good = one.call(body, headers={"Authorization": "Bearer " + ENV["APP_KEY"]})
    assert good.status == 200


def test_any_sdk_answers_each_protocol(example):
    """07: the commands of its README, as they stand there"""
    g = example("07-any-sdk")
    text = open(os.path.join(program.ROOT, "examples", "07-any-sdk", "README.md"), encoding="utf-8").read()
    block = re.search(r"```sh\n(.*?)```", text, re.S).group(1)
    commands = [shlex.split(c) for c in block.replace("\\\n", " ").splitlines() if c.strip()]
    ends = [b"data: [DONE]", b'"status":"completed"', b'"type":"message_stop"', b'"finishReason":"STOP"']
    assert len(commands) == len(ends)
    for command, end in zip(commands, ends):
        command = [word.replace("127.0.0.1:8080", "127.0.0.1:%d" % g.port) for word in command]
        said = subprocess.run(command, capture_output=True, timeout=30, check=True).stdout
        assert end in said and b"Hello" in said, said

"""The first steps of scripts/README.md, done as a newcomer would: every file and every edit is taken from the page."""
import os
import re

import pytest

import gateway as program
from wire import wait_until

PAGE = open(os.path.join(program.ROOT, "scripts", "README.md"), encoding="utf-8").read()
POLICY = "scripts/policies/by_size.lua"
FILES = {name: text for text, name in re.findall(r"```lua\n(-- mygate/(\S+)\n.*?)```", PAGE, re.S)}
EXAMPLE = os.path.join(program.ROOT, "examples", "06-policy")


@pytest.fixture
def walk(gateway):
    """the folder of the page, served"""
    others = {name: text for name, text in FILES.items() if name != "gateway.lua"}
    return gateway(FILES["gateway.lua"], files=others, args=("--admin", "127.0.0.1:0"))


def save(one, old, new):
    """as an editor does: beside the file, then in its place"""
    path = os.path.join(one.folder, POLICY)
    text = open(path, encoding="utf-8").read()
    assert old in text
    with open(path + "~", "w", encoding="utf-8") as file:
        file.write(text.replace(old, new))
    os.replace(path + "~", path)


def target(one):
    answer = one.chat("assistant")
    assert answer.status == 200
    return answer.headers["x-tidegate-target"], answer.headers["x-tidegate-policy"]


def test_the_example_is_the_folder_of_the_page():
    assert set(FILES) == {"gateway.lua", POLICY, "scripts/policies/by_size_test.lua"}
    for name, text in FILES.items():
        assert open(os.path.join(EXAMPLE, name), encoding="utf-8").read() == text


def test_the_folder_passes_check_and_its_own_tests(program_exists):
    assert program.run("check", EXAMPLE)[0] == 0
    status, out, err = program.run("test", EXAMPLE)
    assert status == 0, out + err
    assert "3 passed, 0 failed" in out


def test_a_policy_is_written_changed_broken_and_runs_wild_while_traffic_flows(walk):
    assert target(walk) == ("mock/fast", "by_size@1")

    save(walk, "< 100", "< 1")
    wait_until("the change", lambda: target(walk) == ("mock/gpt", "by_size@2"))
    assert "reloaded: generation 2 (%s)" % POLICY in walk.errors

    save(walk, "< 1 then", "< 1")
    told = re.search(r"^not reloaded: (.*)$", PAGE, re.M).group(0)
    wait_until("the refusal", lambda: told in walk.errors)
    assert target(walk) == ("mock/gpt", "by_size@2")
    failure = walk.admin("/admin/scripts").json["last_failure"]
    assert (failure["file"], failure["line"]) == (POLICY, 5)

    save(walk, "    if req.tokens.prompt < 1\n", "    while true do end\n    if req.tokens.prompt < 1 then\n")
    wait_until("the loop", lambda: "reloaded: generation 3" in walk.errors)
    warned = [walk.chat("assistant") for _ in range(3)]
    assert all(answer.status == 200 and answer.headers["x-tidegate-target"] == "mock/gpt" for answer in warned)
    assert any(answer.headers.get("x-tidegate-warnings") == "policy by_size failed: cpu" for answer in warned)
    wait_until("the version before", lambda: target(walk) == ("mock/gpt", "by_size@2"))
    assert re.search(r"^ROLLED BACK: .*$", PAGE, re.M).group(0) in walk.errors

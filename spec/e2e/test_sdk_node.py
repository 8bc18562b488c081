"""The official packages for Node: one test here for each file of node/. T-38."""
import json
import os
import re
import shutil
import subprocess

import pytest

from chain import KEY
from config import config
from facts import DIALECTS
from gateway import ROOT, clean_env
from test_function_calling import serving, target, weather  # noqa: F401 - fixtures
from test_sdk_tools import check_sent
from weather import ABOUT, ANSWER, NAME, QUESTION, RESULTS, SCHEMA

pytestmark = pytest.mark.sdk
HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.path.join(ROOT, "build", "deps", "node", "node_modules")


needs_modules = pytest.mark.skipif(not os.path.isdir(MODULES), reason="make deps brings the packages")


def run_node(folder, file, env):
    """runs the tests of a file of node/; how many there were, all of them good"""
    shutil.copy(os.path.join(HERE, "node", file), folder)
    os.symlink(MODULES, folder / "node_modules")
    done = subprocess.run(["node", "--test", "--test-reporter=tap", file], cwd=folder, capture_output=True, timeout=110,
                          env=clean_env({"API_KEY": KEY, "AI_SDK_LOG_WARNINGS": "false", **env}))
    out = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 0, "\n".join(re.findall(r"^(?!ok ).*", out, re.M))[-8000:]
    assert re.search(r"^# fail 0", out, re.M)
    return int(re.search(r"^# pass (\d+)", out, re.M).group(1))


@needs_modules
def test_T38_the_packages_for_node(gateway, tmp_path):
    g = gateway(config({"mock": {}}, clients=[{"key": KEY, "name": "app"}], retry={"max": 0}))
    assert run_node(tmp_path, "sdk.test.mjs", {"BASE_URL": g.url}) >= 18


@needs_modules
@pytest.mark.parametrize("file, count", [("dialects.test.mjs", 18 * 4), ("dialects_ai.test.mjs", 5 * 5 * 4),
                                         ("ollama.test.mjs", 5 * len(DIALECTS) + 1)])
def test_T38_the_packages_for_node_against_providers_of_each_dialect(chain, tmp_path, file, count):
    models = json.dumps({dialect: chain.model(dialect) for dialect in DIALECTS})
    assert run_node(tmp_path, file, {"ORIGIN": chain.origin, "MODELS": models}) == count


# Whether a package sends back what the model thought, and what it signed; most do both.
KEEPS = {
    ("openai", True): (False, True),  # of a thought that comes in pieces its stream helper keeps the last one
    "ai openai.chat": (False, False), "ai openai-compatible": (False, False),
    ("ai google", True): (False, False),  # signatures that follow a thought are dropped, and thoughts without one
}


@needs_modules
@pytest.mark.parametrize("stream", (False, True), ids=("unary", "stream"))
@pytest.mark.parametrize("sdk", ("openai", "responses", "anthropic", "google", "ai openai.chat", "ai openai.responses",
                                 "ai openai-compatible", "ai anthropic", "ai google"))
@pytest.mark.full
def test_T38_tools_of_the_packages_for_node(weather, tmp_path, sdk, stream):  # noqa: F811
    g, mocks = weather
    count = run_node(tmp_path, "tools.test.mjs", {
        "ORIGIN": g.url.removesuffix("/v1"), "MODELS": json.dumps({d: target(d) for d in DIALECTS}), "SDK": sdk,
        "STREAM": json.dumps(stream), "QUESTION": QUESTION, "ANSWER": ANSWER, "NAME": NAME, "ABOUT": ABOUT,
        "RESULTS": json.dumps(RESULTS), "SCHEMA": json.dumps(SCHEMA)})
    assert count == len(DIALECTS)
    for speaks in DIALECTS:
        check_sent(mocks, speaks, *KEEPS.get((sdk, stream), KEEPS.get(sdk, (True, True))))

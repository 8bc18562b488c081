"""The official packages for Node: one test here for each in node/sdk.test.mjs. T-38."""
import os
import re
import shutil
import subprocess

import pytest

from config import config
from gateway import ROOT, clean_env

pytestmark = pytest.mark.sdk
HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.path.join(ROOT, "build", "deps", "node", "node_modules")


@pytest.mark.skipif(not os.path.isdir(MODULES), reason="make deps brings the packages")
def test_T38_the_packages_for_node(gateway, tmp_path):
    g = gateway(config({"mock": {}}, clients=[{"key": "ck-app-key-0001", "name": "app"}], retry={"max": 0}))
    shutil.copy(os.path.join(HERE, "node", "sdk.test.mjs"), tmp_path)
    os.symlink(MODULES, tmp_path / "node_modules")
    done = subprocess.run(["node", "--test", "--test-reporter=tap", "sdk.test.mjs"], cwd=tmp_path, capture_output=True,
                          timeout=110, env=clean_env({"BASE_URL": g.url, "API_KEY": "ck-app-key-0001",
                                                      "AI_SDK_LOG_WARNINGS": "false"}))
    out = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 0, out[-8000:]
    assert int(re.search(r"^# pass (\d+)", out, re.M).group(1)) >= 18 and re.search(r"^# fail 0", out, re.M)

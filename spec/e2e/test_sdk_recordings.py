"""Recorded answers seen through the official SDKs: what they read is what the recording says. T-38."""
import json
import os
import shutil
import subprocess

import pytest

import upstream as mock
from config import config, provider
from gateway import ROOT, clean_env
from test_recordings import CASES, FOLDER, blocks, says_error

openai = pytest.importorskip("openai")

pytestmark = [pytest.mark.sdk, pytest.mark.skipif(not CASES, reason="no recordings in " + FOLDER)]
HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.path.join(ROOT, "build", "deps", "node", "node_modules")


def is_answer(case):
    """a chat that went well"""
    if case.meta["endpoint"] != "chat" or case.status != 200:
        return False
    if case.is_sse:
        return not any(says_error(b) for b in blocks(case.body))
    return not json.loads(case.body).get("error")


ANSWERS = [case for case in CASES if is_answer(case)]


def values_of(case):
    if case.is_sse:
        return [b.value for b in blocks(case.body) if b.value]
    return [json.loads(case.body)]


def facts(case):
    """text, tool calls and finish reason of the first choice, read without any SDK"""
    text, calls, finish = "", {}, None
    for value in values_of(case):
        for choice in value.get("choices") or ():
            if choice.get("index", 0) != 0:
                continue
            part = choice.get("delta" if case.is_sse else "message") or {}
            if isinstance(part.get("content"), str):
                text += part["content"]
            finish = choice.get("finish_reason") or finish
            for position, call in enumerate(part.get("tool_calls") or ()):
                one = calls.setdefault(call.get("index", position), ["", ""])
                one[0] += call["function"].get("name") or ""
                one[1] += call["function"].get("arguments") or ""
    return {"text": text, "calls": [calls[i] for i in sorted(calls)], "finish": finish}


@pytest.fixture
def recorded(gateway, upstream):
    """a gateway whose model rec/N answers with the N-th recording, cut into odd pieces"""
    upstream.always(lambda request: ANSWERS[int(request.json["model"])].reply([7, 130, 1, 2000]))
    return gateway(config({"rec": provider(upstream)}, retry={"max": 0}))


def read_whole(client, number):
    answer = client.chat.completions.create(model="rec/%d" % number, messages=[{"role": "user", "content": "hi"}])
    if not answer.choices:
        return {"text": "", "calls": [], "finish": None}
    choice = answer.choices[0]
    message = choice.message  # None in one recording
    text = message.content if message and isinstance(message.content, str) else ""
    calls = [[c.function.name, c.function.arguments] for c in message and message.tool_calls or ()]
    return {"text": text, "calls": calls, "finish": choice.finish_reason}


def read_stream(client, number):
    text, calls, finish = "", {}, None
    stream = client.chat.completions.create(model="rec/%d" % number, stream=True,
                                            messages=[{"role": "user", "content": "hi"}])
    for chunk in stream:
        for choice in chunk.choices or ():
            finish = choice.finish_reason or finish
            if (choice.index or 0) != 0 or not choice.delta:
                continue
            if isinstance(choice.delta.content, str):
                text += choice.delta.content
            for position, call in enumerate(choice.delta.tool_calls or ()):
                index = position if getattr(call, "index", None) is None else call.index
                one = calls.setdefault(index, ["", ""])
                one[0] += call.function.name or ""
                one[1] += call.function.arguments or ""
    return {"text": text, "calls": [calls[i] for i in sorted(calls)], "finish": finish}


def test_T38_openai_for_python_reads_every_recorded_answer(recorded):
    client = openai.OpenAI(base_url=recorded.url, api_key="unused", max_retries=0)
    for number, case in enumerate(ANSWERS):
        read = read_stream if case.is_sse else read_whole
        assert read(client, number) == facts(case), case.id


@pytest.mark.skipif(not os.path.isdir(MODULES), reason="make deps brings the packages")
def test_T38_the_packages_for_node_read_recorded_answers(recorded, tmp_path):
    manifest = [{"id": case.id, "model": "rec/%d" % number, "stream": case.is_sse, **facts(case)}
                for number, case in enumerate(ANSWERS)]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    shutil.copy(os.path.join(HERE, "node", "recordings.test.mjs"), tmp_path)
    os.symlink(MODULES, tmp_path / "node_modules")
    done = subprocess.run(["node", "--test", "--test-reporter=tap", "recordings.test.mjs"], cwd=tmp_path,
                          capture_output=True, timeout=110,
                          env=clean_env({"BASE_URL": recorded.url, "AI_SDK_LOG_WARNINGS": "false"}))
    out = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 0, out[-8000:]

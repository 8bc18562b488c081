"""Recorded traffic of Bedrock's Converse, replayed whole, in odd pieces and byte by byte: to its own clients byte for byte, to
others as the recording says."""
import glob
import json
import os

import pytest

import gateway as program
import upstream as mock
from config import config
from dialects import ANTHROPIC, GEMINI, RESPONSES, ask, streamed_text, text_of
from framings import frames

FOLDER = os.environ.get("TIDEGATE_RECORDINGS", os.path.join(program.ROOT, "..", "shared", "recordings"))
NEVER_PASSED = ("transfer-encoding", "content-encoding", "content-length", "connection", "set-cookie")
FINISH = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "model_context_window_exceeded": "length",
          "tool_use": "tool_calls", "guardrail_intervened": "content_filter", "content_filtered": "content_filter"}
SIZES = ([1 << 20], [1], [7, 130, 1, 2000])


class Case:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.meta = json.load(file)
        self.id, self.status = self.meta["name"], self.meta["status"]
        self.is_stream = self.meta["path"].endswith("-stream")
        with open(os.path.join(os.path.dirname(path), self.meta["response_file"]), "rb") as file:
            self.body = file.read()
        self.model = self.meta.get("model") or "anthropic.claude-sonnet-4-5-20250929-v1:0"

    def reply(self, sizes):
        headers = {n: v for n, v in self.meta["response_headers"].items() if n.lower() not in NEVER_PASSED}
        headers.setdefault("content-type", self.meta["content_type"])
        return mock.Reply(self.status, headers, [self.body], "chunked").split(sizes)

    def facts(self):
        """(text, thinking, calls, stop reason, usage), read without the gateway"""
        return streamed(self.body) if self.is_stream else whole(json.loads(self.body))


def whole(body):
    text, thinking, calls = "", "", []
    for block in body["output"]["message"]["content"]:
        text += block.get("text", "") + "".join(p["text"] for p in block.get("citationsContent", {}).get("content", ()))
        thinking += block.get("reasoningContent", {}).get("reasoningText", {}).get("text", "")
        use = block.get("toolUse", {})
        if use and use.get("type") != "server_tool_use":
            calls.append((use["toolUseId"], use["name"], use["input"]))
    return text, thinking, calls, body["stopReason"], body["usage"]


def streamed(data):
    text, thinking, calls, reason, usage = "", "", {}, None, None
    for _, payload in frames(data):
        value = json.loads(payload)
        index, delta = value.get("contentBlockIndex"), value.get("delta", {})
        text += delta.get("text", "")
        thinking += delta.get("reasoningContent", {}).get("text", "")
        if "start" in value:
            calls[index] = [value["start"]["toolUse"]["toolUseId"], value["start"]["toolUse"]["name"], ""]
        if "toolUse" in delta:
            calls[index][2] += delta["toolUse"]["input"]
        reason, usage = value.get("stopReason", reason), value.get("usage", usage)
    return text, thinking, [(i, name, json.loads(args or "{}")) for i, name, args in calls.values()], reason, usage


def load():
    found = [Case(path) for path in sorted(glob.glob(os.path.join(FOLDER, "bedrock", "*.meta.json")))
             if "/converse" in open(path, encoding="utf-8").read()]
    return [case for case in found if case.meta["endpoint"] == "chat"]


CASES = load()
GOOD = [case for case in CASES if case.status == 200]
needs_recordings = pytest.mark.skipif(not CASES, reason="no recordings in " + FOLDER)


def start(gateway, upstream):
    entry = {"extends": "bedrock", "base_url": upstream.origin, "region": "us-east-1", "keys": ["sk-canary-one"]}
    models = {"r%d" % i: ["b/" + case.model] for i, case in enumerate(CASES)}
    return gateway(config({"b": entry}, models=models, retry={"max": 0}))


def told_by_openai(case, answer):
    """the same facts of what an openai-chat client got"""
    chunks = [json.loads(d) for d in answer.events if d != "[DONE]"] if case.is_stream else [answer.json]
    text, thinking, calls, finish = "", "", {}, None
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        part = choice["delta" if case.is_stream else "message"]
        text += part.get("content") or ""
        thinking += part.get("reasoning_content") or ""
        for at, call in enumerate(part.get("tool_calls") or ()):
            one = calls.setdefault(call.get("index", at), ["", "", ""])
            one[0] += call.get("id") or ""
            one[1] += call["function"].get("name") or ""
            one[2] += call["function"].get("arguments") or ""
        finish = choice["finish_reason"] or finish
    return text, thinking, [(i, name, json.loads(args)) for i, name, args in calls.values()], finish, chunks[-1]["usage"]


@needs_recordings
def test_recorded_answers_say_the_same_to_clients_of_openai(gateway, upstream):
    g = start(gateway, upstream)
    for number, case in enumerate(CASES):
        if case.status != 200:
            continue
        for sizes in SIZES:
            upstream.answer(case.reply(sizes))
            more = {"stream": True, "stream_options": {"include_usage": True}} if case.is_stream else {}
            answer = g.call({"model": "r%d" % number, "messages": [{"role": "user", "content": "hi"}], **more})
            assert answer.status == 200, (case.id, answer.body)
            text, thinking, calls, reason, usage = case.facts()
            got = told_by_openai(case, answer)
            assert got[:3] == (text, thinking, calls), case.id
            assert got[3] == FINISH[reason], case.id
            cached = usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0)
            assert got[4]["prompt_tokens"] == usage["inputTokens"] + cached, case.id
            assert got[4]["completion_tokens"] == usage["outputTokens"], case.id
            assert got[4]["prompt_tokens"] + got[4]["completion_tokens"] == usage["totalTokens"], case.id
            if case.is_stream:
                assert answer.events[-1] == "[DONE]", case.id
            tokens = g.log(answer)["tokens"]
            assert (tokens["in"], tokens["out"]) == (got[4]["prompt_tokens"], usage["outputTokens"]), case.id


@needs_recordings
def test_recorded_answers_say_the_same_to_clients_of_the_others(gateway, upstream):
    g = start(gateway, upstream)
    for case in GOOD:
        for dialect in (ANTHROPIC, GEMINI, RESPONSES):
            upstream.answer(case.reply(SIZES[2]))
            answer = ask(g, dialect, "r%d" % CASES.index(case), case.is_stream)
            assert answer.status == 200, (case.id, dialect, answer.body)
            text = case.facts()[0]
            if not case.is_stream and dialect == GEMINI:
                got = "".join(p.get("text", "") for p in answer.json["candidates"][0]["content"]["parts"] if not p.get("thought"))
            elif case.is_stream and dialect == GEMINI:
                got = "".join(p.get("text", "") for d in answer.events for c in json.loads(d)["candidates"]
                              for p in c.get("content", {}).get("parts", ()) if not p.get("thought"))
            else:
                got = (streamed_text if case.is_stream else text_of)(dialect, answer)
            assert got == text, (case.id, dialect)


@needs_recordings
def test_recorded_answers_pass_through_byte_by_byte(gateway, upstream):
    g = start(gateway, upstream)
    for number, case in enumerate(GOOD):
        for sizes in SIZES[1:]:
            upstream.answer(case.reply(sizes))
            method = "converse-stream" if case.is_stream else "converse"
            answer = g.call({"messages": [{"role": "user", "content": [{"text": "hi"}]}]},
                            "/model/r%d/%s" % (CASES.index(case), method))
            assert answer.status == 200 and answer.body == case.body, (number, case.id)
            assert answer.headers["content-type"] == case.meta["content_type"]


STATUS = {400: 400, 403: 502, 404: 404, 408: 504, 429: 429, 500: 502}


@needs_recordings
def test_recorded_refusals_keep_their_meaning(gateway, upstream):
    g = start(gateway, upstream)
    for number, case in enumerate(CASES):
        if case.status == 200:
            continue
        upstream.answer(case.reply([1 << 20]))
        answer = g.call({"model": "r%d" % number, "messages": [{"role": "user", "content": "hi"}]})
        has_no_model = b"on-demand throughput" in case.body
        assert answer.status == (404 if has_no_model else STATUS[case.status]), (case.id, answer.body)
        message = json.loads(case.body)["message"]
        assert message in answer.json["error"]["message"] or answer.status in (404, 429), case.id
        if "context-length" in case.id:
            assert answer.json["error"]["code"] == "context_length_exceeded"

"""The weather in two cities (weather.py) for Bedrock, Cohere and Ollama; CLIENTS and PROVIDERS of all dialects."""
import base64
import json
import urllib.parse

import framings
import upstream as mock
import weather
from facts import sse
from facts.frames import strict
from weather import ABOUT, ANSWER, CITIES, NAME, QUESTION, SCHEMA, THOUGHT, Heard, arguments, text_of


def tool():
    return {"type": "function", "function": {"name": NAME, "description": ABOUT, "parameters": SCHEMA}}


# ---- clients -----------------------------------------------------------------------------------
class BedrockClient:
    dialect = "bedrock-converse"

    def __init__(self, model, stream):
        self.stream = stream
        self.path = "/model/%s/converse%s" % (urllib.parse.quote(model, safe=""), "-stream" * stream)
        self.body = {"messages": [{"role": "user", "content": [{"text": QUESTION}]}], "inferenceConfig": {"maxTokens": 8000},
                     "toolConfig": {"tools": [{"toolSpec": {"name": NAME, "description": ABOUT, "inputSchema": {"json": SCHEMA}}}]}}

    def take(self, body):
        content = self.joined(body) if self.stream else json.loads(body)["output"]["message"]["content"]
        self.body["messages"].append({"role": "assistant", "content": content})
        calls = [b["toolUse"] for b in content if "toolUse" in b]
        return [(c["toolUseId"], c["name"], c["input"]) for c in calls]

    @staticmethod
    def joined(body):
        blocks = {}
        for headers, payload in strict(body):
            value = json.loads(payload)
            block = blocks.setdefault(value.get("contentBlockIndex", -1), {"said": {}})
            if "start" in value:
                block["toolUse"] = {**value["start"]["toolUse"], "input": ""}
            for kind, inner in value.get("delta", {}).items():
                for member, text in (inner if isinstance(inner, dict) else {"text": inner}).items():
                    block["said"].setdefault(kind, {}).setdefault(member, "")
                    block["said"][kind][member] += text
        content = []
        for index in sorted(i for i in blocks if i >= 0):
            said, use = blocks[index]["said"], blocks[index].get("toolUse")
            if use:
                content.append({"toolUse": {**use, "input": json.loads(said.get("toolUse", {}).get("input") or "{}")}})
            elif "reasoningContent" in said:
                content.append({"reasoningContent": {"reasoningText": {"text": "", **said["reasoningContent"]}}})
            else:
                content.append({"text": said["text"]["text"]})
        return content

    def give(self, results):
        self.body["messages"].append({"role": "user", "content": [
            {"toolResult": {"toolUseId": i, "content": [{"json": json.loads(v)}], "status": "success"}} for i, _, v in results]})


class CohereClient:
    dialect = "cohere-v2"

    def __init__(self, model, stream):
        self.stream, self.path = stream, "/v2/chat"
        self.body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": QUESTION}], "tools": [tool()]}

    def take(self, body):
        message = self.joined(body) if self.stream else json.loads(body)["message"]
        self.body["messages"].append(message)
        return [(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in message["tool_calls"]]

    @staticmethod
    def joined(body):
        message = {"role": "assistant", "content": [], "tool_calls": []}
        for event in sse.events(body):
            said = ((event.value or {}).get("delta") or {}).get("message") or {}
            if event.name == "content-start":
                message["content"].append(dict(said["content"]))
            elif event.name == "content-delta":
                for kind, text in said["content"].items():
                    message["content"][-1][kind] += text
            elif event.name == "content-end" and event.value.get("signature"):
                message["content"][-1]["signature"] = event.value["signature"]
            elif event.name == "tool-plan-delta":
                message["tool_plan"] = message.get("tool_plan", "") + said["tool_plan"]
            elif event.name == "tool-call-start":
                message["tool_calls"].append(said["tool_calls"])
            elif event.name == "tool-call-delta":
                message["tool_calls"][-1]["function"]["arguments"] += said["tool_calls"]["function"]["arguments"]
        return {name: value for name, value in message.items() if value}

    def give(self, results):
        self.body["messages"] += [{"role": "tool", "tool_call_id": i, "content": v} for i, _, v in results]


class OllamaClient:
    """it knows its calls by their order"""
    dialect = "ollama"

    def __init__(self, model, stream):
        self.stream, self.path = stream, "/api/chat"
        self.body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": QUESTION}], "tools": [tool()]}

    def take(self, body):
        message = {"role": "assistant", "content": "", "thinking": "", "tool_calls": []}
        for line in body.strip().split(b"\n"):
            for name, value in json.loads(line)["message"].items():
                if name != "role":
                    message[name] += value
        self.body["messages"].append(message)
        return [(c.get("id"), c["function"]["name"], c["function"]["arguments"]) for c in message["tool_calls"]]

    def give(self, results):
        self.body["messages"] += [{"role": "tool", "tool_name": n, "content": v} for _, n, v in results]


CLIENTS = {**weather.CLIENTS, **{c.dialect: c for c in (BedrockClient, CohereClient, OllamaClient)}}


# ---- providers ---------------------------------------------------------------------------------
class BedrockProvider:
    """Claude, as it is served there"""
    dialect, signature = "bedrock-converse", base64.b64encode(b"a signature \x00 of Claude's").decode()
    usage = {"inputTokens": 8, "cacheReadInputTokens": 3, "outputTokens": 7, "totalTokens": 18}

    def answer(self, request):
        first = "toolResult" not in request.json["messages"][-1]["content"][0]
        content = [{"reasoningContent": {"reasoningText": {"text": THOUGHT, "signature": self.signature}}}] if first else [
            {"text": ANSWER}]
        content += [{"toolUse": {"toolUseId": "tooluse_" + c, "name": NAME, "input": arguments(c)}} for c in (CITIES if first else ())]
        end = "tool_use" if first else "end_turn"
        counts = {"usage": self.usage, "metrics": {"latencyMs": 5}}
        if not request.target.endswith("-stream"):
            return mock.json_reply({"output": {"message": {"role": "assistant", "content": content}}, "stopReason": end, **counts})
        values = [("messageStart", {"role": "assistant"})]
        for index, block in enumerate(content):
            values += self.block_events({"contentBlockIndex": index}, block)
        values += [("messageStop", {"stopReason": end}), ("metadata", counts)]
        return framings.stream(framings.AWS, *[framings.event(framings.AWS, v, n) for n, v in values])

    def block_events(self, where, block):
        made, deltas = [], []
        if "toolUse" in block:
            use, text = block["toolUse"], json.dumps(block["toolUse"]["input"])
            made = [("contentBlockStart", {**where, "start": {"toolUse": {k: use[k] for k in ("toolUseId", "name")}}})]
            deltas = [{"toolUse": {"input": t}} for t in (text[:9], text[9:])]
        elif "text" in block:
            deltas = [{"text": t} for t in (block["text"][:5], block["text"][5:])]
        else:
            deltas = [{"reasoningContent": {"text": t}} for t in (THOUGHT[:5], THOUGHT[5:])]
            deltas.append({"reasoningContent": {"signature": self.signature}})
        return [*made, *[("contentBlockDelta", {**where, "delta": d}) for d in deltas], ("contentBlockStop", where)]

    def heard(self, body, _text):
        assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]
        blocks, results = body["messages"][1]["content"], [b["toolResult"] for b in body["messages"][2]["content"]]
        assert [list(b) for b in blocks][-2:] == [["toolUse"]] * 2 and len(results) == 2, blocks
        calls = [(b["toolUse"]["toolUseId"], b["toolUse"]["name"], b["toolUse"]["input"]) for b in blocks if "toolUse" in b]
        names = {c[0]: c[1] for c in calls}
        thoughts = [b["reasoningContent"]["reasoningText"] for b in blocks if "reasoningContent" in b]
        return Heard(calls, [(r["toolUseId"], names[r["toolUseId"]], self.result(r)) for r in results],
                     "".join(t["text"] for t in thoughts), [t["signature"] for t in thoughts if t.get("signature")],
                     [(t["toolSpec"]["name"], t["toolSpec"]["description"], t["toolSpec"]["inputSchema"]["json"])
                      for t in body["toolConfig"]["tools"]])

    @staticmethod
    def result(one):
        assert one.get("status", "success") == "success" and len(one["content"]) == 1, one
        said = one["content"][0]
        return said["json"] if "json" in said else json.loads(said["text"])


class CohereProvider:
    """a model that thinks"""
    dialect, signature = "cohere-v2", None
    usage = {"billed_units": {"input_tokens": 5, "output_tokens": 6}, "tokens": {"input_tokens": 11, "output_tokens": 7},
             "cached_tokens": 3}

    def answer(self, request):
        first = request.json["messages"][-1]["role"] == "user"
        content = [{"type": "thinking", "thinking": THOUGHT}] if first else [{"type": "text", "text": ANSWER}]
        calls = [{"id": "call_%s" % c, "type": "function", "function": {"name": NAME, "arguments": json.dumps(arguments(c))}}
                 for c in (CITIES if first else ())]
        end = "TOOL_CALL" if first else "COMPLETE"
        if not request.json.get("stream"):
            message = {"role": "assistant", "content": content, **({"tool_calls": calls} if first else {})}
            return mock.json_reply({"id": "co-1", "finish_reason": end, "usage": self.usage, "message": message})
        kind = content[0]["type"]
        values = [{"type": "message-start", "id": "co-1", "delta": {"message": {
            "role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}}}]
        values += [{"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": kind, kind: ""}}}}]
        values += [{"type": "content-delta", "index": 0, "delta": {"message": {"content": {kind: t}}}}
                   for t in (content[0][kind][:5], content[0][kind][5:])]
        values += [{"type": "content-end", "index": 0}]
        for index, call in enumerate(calls):
            text = call["function"]["arguments"]
            start = {**call, "function": {"name": NAME, "arguments": ""}}
            values += [{"type": "tool-call-start", "index": index, "delta": {"message": {"tool_calls": start}}}]
            values += [{"type": "tool-call-delta", "index": index, "delta": {"message": {"tool_calls": {"function": {"arguments": t}}}}}
                       for t in (text[:9], text[9:])]
            values += [{"type": "tool-call-end", "index": index}]
        values += [{"type": "message-end", "delta": {"finish_reason": end, "usage": self.usage}}]
        return weather.events(*values, named=True, done=True)

    def heard(self, body, _text):
        roles = [m["role"] for m in body["messages"]]
        assert roles == ["user", "assistant", "tool", "tool"], roles
        assistant, results = body["messages"][1], body["messages"][2:]
        calls = [(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in assistant["tool_calls"]]
        names = {c[0]: c[1] for c in calls}
        blocks = assistant.get("content") or ()
        assert {b["type"] for b in blocks} <= {"thinking"} and all(set(b) == {"type", "thinking"} for b in blocks), blocks
        return Heard(calls, [(r["tool_call_id"], names[r["tool_call_id"]], self.result(r["content"])) for r in results],
                     "".join(b["thinking"] for b in blocks) or assistant.get("tool_plan"), [],
                     [(t["function"]["name"], t["function"]["description"], t["function"]["parameters"]) for t in body["tools"]])

    @staticmethod
    def result(content):
        if isinstance(content, list) and content[0]["type"] == "document":
            data = content[0]["document"]["data"]
            return json.loads(data) if isinstance(data, str) else data
        return json.loads(text_of(content))


class OllamaProvider:
    """its calls have no ids; it tells nothing of a cache"""
    dialect, signature = "ollama", None

    def answer(self, request):
        first = request.json["messages"][-1]["role"] == "user"
        calls = [{"function": {"index": i, "name": NAME, "arguments": arguments(c)}} for i, c in enumerate(CITIES if first else ())]
        end = {"done": True, "done_reason": "stop", "total_duration": 9, "load_duration": 1, "prompt_eval_count": 11,
               "prompt_eval_duration": 3, "eval_count": 7, "eval_duration": 5}
        kind, said = ("thinking", THOUGHT) if first else ("content", ANSWER)

        def line(more=None, **message):
            return {"model": "m", "created_at": "2026-08-17T08:22:53.078901Z", "done": False,
                    "message": {"role": "assistant", "content": "", **message}, **(more or {})}
        if request.json["stream"] is False:
            return mock.json_reply(line(end, **{kind: said}, **({"tool_calls": calls} if first else {})))
        lines = [line(**{kind: t}) for t in (said[:5], said[5:])] + [line(tool_calls=[c]) for c in calls] + [line(end)]
        return framings.stream(framings.NDJSON, *[framings.event(framings.NDJSON, v) for v in lines])

    def heard(self, body, _text):
        roles = [m["role"] for m in body["messages"]]
        assert roles == ["user", "assistant", "tool", "tool"], roles
        assistant, results = body["messages"][1], body["messages"][2:]
        calls = [(None, c["function"]["name"], c["function"]["arguments"]) for c in assistant["tool_calls"]]
        return Heard(calls, [(None, r["tool_name"], json.loads(r["content"])) for r in results], assistant.get("thinking"), [],
                     [(t["function"]["name"], t["function"]["description"], t["function"]["parameters"]) for t in body["tools"]])


PROVIDERS = {**weather.PROVIDERS, **{p.dialect: p for p in (BedrockProvider, CohereProvider, OllamaProvider)}}

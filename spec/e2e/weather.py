"""The weather in two cities, asked with a function: clients and providers of each dialect, for test_function_calling.py.

A client keeps its history as the SDKs do: what it was answered goes back as it came, with two results behind it.
A provider answers twice: two parallel calls, with whatever its dialect has of reasoning and signatures; then the words.
`heard` reads what a provider was sent, and insists on what its dialect demands.
"""
import base64
import json
from collections import namedtuple

import upstream as mock
from facts import sse

QUESTION = "What is the weather in Oslo and in Lima?"
ANSWER = "4 degrees in Oslo, 21 in Lima."
THOUGHT = "Two cities, two calls."
CITIES = ("Oslo", "Lima")
RESULTS = {"Oslo": "{\"degrees\": 4}", "Lima": "{\"degrees\": 21}"}
SCHEMA = {"type": "object", "properties": {"unit": {"type": "string", "enum": ["C", "F"]}, "city": {"type": "string"},
                                           "at": {"type": "string"}}, "required": ["city"]}  # in no order of letters
NAME, ABOUT = "get_weather", "The weather of a city."

Heard = namedtuple("Heard", "calls results reasoning signatures tools")  # calls, results: [(id, name, value)]


def arguments(city):
    return {"unit": "C", "city": city}


# ---- clients -----------------------------------------------------------------------------------
class ChatClient:
    dialect = "openai-chat"

    def __init__(self, model, stream):
        self.stream = stream
        self.path = "/v1/chat/completions"
        self.body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": QUESTION}], "tools": [
            {"type": "function", "function": {"name": NAME, "description": ABOUT, "parameters": SCHEMA}}]}
        if stream:
            self.body["stream_options"] = {"include_usage": True}

    def take(self, body):
        """appends the answer; [(id, name, arguments)] of its calls"""
        message = self.joined(body) if self.stream else json.loads(body)["choices"][0]["message"]
        self.body["messages"].append(message)
        return [(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"]))
                for c in message.get("tool_calls") or ()]

    @staticmethod
    def joined(body):
        message = {"role": "assistant", "content": None}
        for event in sse.events(body):
            for choice in (event.value or {}).get("choices") or ():
                delta = choice["delta"]
                for name in ("content", "reasoning_content"):
                    if delta.get(name):
                        message[name] = (message.get(name) or "") + delta[name]
                if delta.get("reasoning_details"):
                    message.setdefault("reasoning_details", []).extend(delta["reasoning_details"])
                for piece in delta.get("tool_calls") or ():
                    calls = message.setdefault("tool_calls", [])
                    if piece["index"] == len(calls):
                        calls.append({k: v for k, v in piece.items() if k != "index"})
                        calls[-1]["function"].setdefault("arguments", "")
                    else:
                        calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
        return message

    def give(self, results):
        self.body["messages"] += [{"role": "tool", "tool_call_id": i, "name": n, "content": v} for i, n, v in results]


class ResponsesClient:
    dialect = "openai-responses"

    def __init__(self, model, stream):
        self.stream = stream
        self.path = "/v1/responses"
        self.body = {"model": model, "stream": stream, "store": False, "include": ["reasoning.encrypted_content"],
                     "input": [{"role": "user", "content": QUESTION}],
                     "tools": [{"type": "function", "name": NAME, "description": ABOUT, "parameters": SCHEMA}]}

    def take(self, body):
        items = json.loads(body)["output"] if not self.stream else [
            e.value["item"] for e in sse.events(body) if (e.value or {}).get("type") == "response.output_item.done"]
        self.body["input"] += items
        return [(i["call_id"], i["name"], json.loads(i["arguments"])) for i in items if i["type"] == "function_call"]

    def give(self, results):
        self.body["input"] += [{"type": "function_call_output", "call_id": i, "output": v} for i, _, v in results]


class AnthropicClient:
    dialect = "anthropic-messages"

    def __init__(self, model, stream):
        self.stream = stream
        self.path = "/v1/messages"
        self.body = {"model": model, "stream": stream, "max_tokens": 8000, "messages": [{"role": "user", "content": QUESTION}],
                     "thinking": {"type": "enabled", "budget_tokens": 2000},
                     "tools": [{"name": NAME, "description": ABOUT, "input_schema": SCHEMA}]}

    def take(self, body):
        content = self.joined(body) if self.stream else json.loads(body)["content"]
        self.body["messages"].append({"role": "assistant", "content": content})
        return [(b["id"], b["name"], b["input"]) for b in content if b["type"] == "tool_use"]

    @staticmethod
    def joined(body):
        content = []
        for event in sse.events(body):
            value = event.value or {}
            if value.get("type") == "content_block_start":
                content.append({**value["content_block"], "partial": ""})
            elif value.get("type") == "content_block_delta":
                for name, text in value["delta"].items():
                    if name in ("text", "thinking", "signature"):
                        content[-1][name] = (content[-1].get(name) or "") + text
                    elif name == "partial_json":
                        content[-1]["partial"] += text
        for block in content:
            partial = block.pop("partial")
            if block["type"] == "tool_use":
                block["input"] = json.loads(partial or "{}")
        return content

    def give(self, results):
        self.body["messages"].append({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": i, "content": v} for i, _, v in results]})


class GeminiClient:
    dialect = "gemini"

    def __init__(self, model, stream):
        self.stream = stream
        self.path = "/v1beta/models/%s:%s" % (model, "streamGenerateContent?alt=sse" if stream else "generateContent")
        self.body = {"contents": [{"role": "user", "parts": [{"text": QUESTION}]}], "tools": [{"functionDeclarations": [
            {"name": NAME, "description": ABOUT, "parametersJsonSchema": SCHEMA}]}]}

    def take(self, body):
        values = [e.value for e in sse.events(body)] if self.stream else [json.loads(body)]
        parts = [p for v in values for c in v.get("candidates") or () for p in (c.get("content") or {}).get("parts") or ()]
        self.body["contents"].append({"role": "model", "parts": parts})
        return [(p["functionCall"].get("id"), p["functionCall"]["name"], p["functionCall"]["args"])
                for p in parts if "functionCall" in p]

    def give(self, results):
        self.body["contents"].append({"role": "user", "parts": [{"functionResponse": {
            **({"id": i} if i else {}), "name": n, "response": json.loads(v)}} for i, n, v in results]})


CLIENTS = {c.dialect: c for c in (ChatClient, ResponsesClient, AnthropicClient, GeminiClient)}


# ---- providers ---------------------------------------------------------------------------------
def events(*values, named=False, done=False):
    pieces = [(b"event: %s\n" % v["type"].encode() if named else b"") + mock.event(v) for v in values]
    return mock.stream(*pieces, *([mock.DONE] if done else []))


class ChatProvider:
    """as DeepSeek: it wants its reasoning back"""
    dialect, signature = "openai-chat", None

    def answer(self, request):
        body = request.json
        calls = [{"id": "call_%s" % c, "type": "function",
                  "function": {"name": NAME, "arguments": json.dumps(arguments(c))}} for c in CITIES]
        first = body["messages"][-1]["role"] == "user"
        message = {"role": "assistant", "content": "", "reasoning_content": THOUGHT, "tool_calls": calls} if first else \
            {"role": "assistant", "content": ANSWER}
        end = "tool_calls" if first else "stop"
        if not body.get("stream"):
            return mock.json_reply({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": mock.USAGE,
                                    "choices": [{"index": 0, "message": message, "finish_reason": end}]})
        deltas = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": THOUGHT[:7]}, {"reasoning_content": THOUGHT[7:]}] if first else [
            {"content": ANSWER[:5]}, {"content": ANSWER[5:]}]
        for index, call in enumerate(calls if first else ()):
            text = call["function"]["arguments"]
            deltas.append({"tool_calls": [{**call, "index": index, "function": {"name": NAME, "arguments": ""}}]})
            deltas += [{"tool_calls": [{"index": index, "function": {"arguments": t}}]} for t in (text[:9], text[9:])]
        chunks = [mock.chunk([{"index": 0, "delta": d, "finish_reason": None}]) for d in deltas]
        return mock.stream(*chunks, mock.finish(end), mock.usage_chunk(), mock.DONE)

    def heard(self, body, _text):
        roles = [m["role"] for m in body["messages"]]
        assert roles == ["user", "assistant", "tool", "tool"], roles
        assistant, results = body["messages"][1], body["messages"][2:]
        calls = [(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in assistant["tool_calls"]]
        names = {c[0]: c[1] for c in calls}
        return Heard(calls, [(r["tool_call_id"], names[r["tool_call_id"]], json.loads(text_of(r["content"]))) for r in results],
                     assistant.get("reasoning_content"), [],
                     [(t["function"]["name"], t["function"]["description"], t["function"]["parameters"]) for t in body["tools"]])


def text_of(content):
    return content if isinstance(content, str) else "".join(p["text"] for p in content)


class ResponsesProvider:
    dialect, signature = "openai-responses", "gAAAAABopaque-and_long=="

    def answer(self, request):
        body = request.json
        first = isinstance(body["input"], str) or body["input"][-1].get("type", "message") == "message"
        items = [{"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": THOUGHT}],
                  "encrypted_content": self.signature}] if first else [
            {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
             "content": [{"type": "output_text", "text": ANSWER, "annotations": [], "logprobs": []}]}]
        items += [{"id": "fc_" + c, "type": "function_call", "status": "completed", "call_id": "call_" + c, "name": NAME,
                   "arguments": json.dumps(arguments(c))} for c in (CITIES if first else ())]
        response = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed", "error": None,
                    "incomplete_details": None, "output": items, "tools": [], "tool_choice": "auto",
                    "parallel_tool_calls": True, "usage": {
                        "input_tokens": 11, "input_tokens_details": {"cached_tokens": 3}, "output_tokens": 7,
                        "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 18}}
        if not body.get("stream"):
            return mock.json_reply(response)
        new = {**response, "status": "in_progress", "output": [], "usage": None}
        values = [{"type": "response.created", "response": new}, {"type": "response.in_progress", "response": new}]
        for index, item in enumerate(items):
            values += self.item_events(index, item)
        values.append({"type": "response.completed", "response": response})
        return events(*[{**v, "sequence_number": i} for i, v in enumerate(values)], named=True)

    @staticmethod
    def item_events(index, item):
        where = {"output_index": index, "item_id": item["id"]}
        empty = {"reasoning": {"summary": [], "encrypted_content": ""}, "message": {"content": []},
                 "function_call": {"arguments": ""}}[item["type"]]
        if item["type"] == "function_call":
            inner = [{"type": "response.function_call_arguments.delta", **where, "delta": d}
                     for d in (item["arguments"][:9], item["arguments"][9:])]
            inner.append({"type": "response.function_call_arguments.done", **where, "arguments": item["arguments"]})
        else:
            is_text = item["type"] == "message"
            place, what = ("content_index", "output_text") if is_text else ("summary_index", "reasoning_summary_text")
            part = (item["content"] if is_text else item["summary"])[0]
            around = "response.content_part." if is_text else "response.reasoning_summary_part."
            where[place] = 0
            inner = [{"type": around + "added", **where, "part": {**part, "text": ""}},
                     *[{"type": "response.%s.delta" % what, **where, "delta": d, "logprobs": []}
                       for d in (part["text"][:5], part["text"][5:])],
                     {"type": "response.%s.done" % what, **where, "text": part["text"], "logprobs": []},
                     {"type": around + "done", **where, "part": part}]
        return [{"type": "response.output_item.added", "output_index": index, "item": {**item, **empty}}, *inner,
                {"type": "response.output_item.done", "output_index": index, "item": item}]

    def heard(self, body, _text):
        items = body["input"]
        kinds = [i.get("type", "message") for i in items]
        assert kinds[0] == "message" and kinds[-4:] == ["function_call"] * 2 + ["function_call_output"] * 2, kinds
        assert set(kinds[1:-4]) <= {"reasoning"}, kinds
        calls = [(i["call_id"], i["name"], json.loads(i["arguments"])) for i in items if i.get("type") == "function_call"]
        names = {c[0]: c[1] for c in calls}
        thoughts = [i for i in items if i.get("type") == "reasoning"]
        return Heard(calls, [(i["call_id"], names[i["call_id"]], json.loads(text_of(i["output"])))
                             for i in items if i.get("type") == "function_call_output"],
                     "".join(s["text"] for t in thoughts for s in t.get("summary") or ()),
                     [t["encrypted_content"] for t in thoughts if t.get("encrypted_content")],
                     [(t["name"], t["description"], t["parameters"]) for t in body["tools"]])


class AnthropicProvider:
    dialect, signature = "anthropic-messages", base64.b64encode(b"anthropic's own \x00\xff signature").decode()

    def answer(self, request):
        body = request.json
        last = body["messages"][-1]["content"]
        first = isinstance(last, str) or last[0]["type"] == "text"
        content = [{"type": "thinking", "thinking": THOUGHT, "signature": self.signature}] if first else [
            {"type": "text", "text": ANSWER}]
        content += [{"type": "tool_use", "id": "toolu_" + c, "name": NAME, "input": arguments(c)} for c in (CITIES if first else ())]
        end = "tool_use" if first else "end_turn"
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
                   "stop_reason": end, "stop_sequence": None,
                   "usage": {"input_tokens": 8, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 0, "output_tokens": 7}}
        if not body.get("stream"):
            return mock.json_reply(message)
        values = [{"type": "message_start", "message": {**message, "content": [], "stop_reason": None,
                                                        "usage": {**message["usage"], "output_tokens": 1}}}]
        for index, block in enumerate(content):
            values += self.block_events(index, block)
        values += [{"type": "message_delta", "delta": {"stop_reason": end, "stop_sequence": None}, "usage": {"output_tokens": 7}},
                   {"type": "message_stop"}]
        return events(*values, named=True)

    @staticmethod
    def block_events(index, block):
        kind = block["type"]
        if kind == "tool_use":
            text = json.dumps(block["input"])
            deltas = [{"type": "input_json_delta", "partial_json": t} for t in ("", text[:9], text[9:])]
            empty = {"input": {}}
        elif kind == "text":
            deltas, empty = [{"type": "text_delta", "text": t} for t in (block["text"][:5], block["text"][5:])], {"text": ""}
        else:
            deltas = [{"type": "thinking_delta", "thinking": t} for t in (block["thinking"][:5], block["thinking"][5:])]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
            empty = {"thinking": "", "signature": ""}
        return [{"type": "content_block_start", "index": index, "content_block": {**block, **empty}},
                *[{"type": "content_block_delta", "index": index, "delta": d} for d in deltas],
                {"type": "content_block_stop", "index": index}]

    def heard(self, body, _text):
        assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]
        blocks, results = body["messages"][1]["content"], body["messages"][2]["content"]
        assert [b["type"] for b in results] == ["tool_result"] * 2, results
        assert [b["type"] for b in blocks][-2:] == ["tool_use"] * 2, blocks
        calls = [(b["id"], b["name"], b["input"]) for b in blocks if b["type"] == "tool_use"]
        names = {c[0]: c[1] for c in calls}
        thoughts = [b for b in blocks if b["type"] == "thinking"]
        assert body["max_tokens"] > 0
        return Heard(calls, [(b["tool_use_id"], names[b["tool_use_id"]], json.loads(text_of(b["content"]))) for b in results],
                     "".join(b["thinking"] for b in thoughts), [b["signature"] for b in thoughts],
                     [(t["name"], t["description"], t["input_schema"]) for t in body["tools"]])


class GeminiProvider:
    """its calls have no ids, and the first of them carries the signature"""
    dialect, signature = "gemini", base64.b64encode(b"\x0a\x00gemini's own signature").decode()

    def answer(self, request):
        first = "functionResponse" not in request.json["contents"][-1]["parts"][0]
        parts = [{"text": THOUGHT, "thought": True}] if first else [{"text": ANSWER}]
        parts += [{"functionCall": {"name": NAME, "args": arguments(c)}} for c in (CITIES if first else ())]
        if first:
            parts[1]["thoughtSignature"] = self.signature
        usage = {"promptTokenCount": 11, "cachedContentTokenCount": 3, "candidatesTokenCount": 5, "thoughtsTokenCount": 2,
                 "totalTokenCount": 18}

        def element(*own, **more):
            return {"candidates": [{"content": {"role": "model", "parts": list(own)}, "index": 0, **more}], "modelVersion": "m",
                    "responseId": "r", "usageMetadata": usage}
        if "streamGenerateContent" not in request.target:
            return mock.json_reply(element(*parts, finishReason="STOP"))
        assert "alt=sse" in request.target
        return events(*[element(p) for p in parts], element({"text": ""}, finishReason="STOP"))

    def heard(self, body, text):
        assert [c["role"] for c in body["contents"]] in (["user", "model", "user"], ["user", "model", "function"])
        parts, results = body["contents"][1]["parts"], body["contents"][2]["parts"]
        assert [list(p)[0] for p in results] == ["functionResponse"] * 2, results
        asked = [p for p in parts if "functionCall" in p]
        calls = [(p["functionCall"].get("id"), p["functionCall"]["name"], p["functionCall"]["args"]) for p in asked]
        given = [p["functionResponse"] for p in results]
        assert [g.get("id") for g in given] == [c[0] for c in calls], "ids that are not the calls': %s" % text
        assert "thoughtSignature" in asked[0], "Gemini 3 refuses a call without its signature"
        declared = body["tools"][0]["functionDeclarations"]
        return Heard(calls, [(g.get("id"), g["name"], g["response"]) for g in given],
                     "".join(p["text"] for p in parts if p.get("thought")),
                     [p["thoughtSignature"] for p in parts if p.get("thoughtSignature")],
                     [(d["name"], d["description"], d.get("parametersJsonSchema") or d.get("parameters")) for d in declared])


PROVIDERS = {p.dialect: p for p in (ChatProvider, ResponsesProvider, AnthropicProvider, GeminiProvider)}

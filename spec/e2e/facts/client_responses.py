"""OpenAI's responses as a client must get them."""
from . import Call, Facts, Usage, cite, sse
from .check import counted, maybe, member, need

ENDS = {"response.completed": "completed", "response.incomplete": "incomplete", "response.failed": "failed"}
ITEMS = {"message": "msg_", "reasoning": "rs_", "function_call": "fc_"}


def plain(items):
    """without encrypted_content: OpenAI encrypts it anew for the last event"""
    return [{k: v for k, v in item.items() if k != "encrypted_content"} for item in items]


class OpenAIResponses:
    def __init__(self):
        self.facts = Facts()
        self.number, self.state, self.id = -1, "new", None
        self.items, self.open, self.part, self.held = [], None, None, {}

    # ---- whole
    def answer(self, value):
        status = self.envelope(value)
        need(status in ("completed", "incomplete"), "a status:", status)
        self.read(value)
        return self.facts

    def envelope(self, value):
        need(member(value, "object", str) == "response", "an object:", value)
        need(member(value, "id", str) and self.id in (None, value["id"]), "another id:", value["id"])
        self.id, self.facts.model = value["id"], member(value, "model", str)
        member(value, "created_at", (int, float))
        member(value, "output", list)
        for name in ("error", "incomplete_details", "parallel_tool_calls", "tool_choice", "tools"):
            need(name in value, "a response without %s" % name)
        return member(value, "status", str)

    def read(self, value):
        """the final object"""
        facts, choice = self.facts, self.facts.choice()
        status = value["status"]
        for item in value["output"]:
            self.item(choice, item)
        choice.word = choice.finish = status
        if status == "incomplete":
            choice.word = member(member(value, "incomplete_details", dict), "reason", str)
            need(choice.word in ("max_output_tokens", "content_filter"), "a reason:", choice.word)
            choice.finish = "content_filter" if choice.word == "content_filter" else "length"
        elif status == "completed":
            need(value["incomplete_details"] is None and value["error"] is None, "completed, with an error:", value)
            choice.finish = "tool_calls" if choice.calls else "stop"
        if value.get("usage") is not None:
            self.count(member(value, "usage", dict))
        facts.ended = True

    def item(self, choice, item):
        kind = member(item, "type", str)
        need(member(item, "id", str), "an item without id:", item)
        if kind == "message":
            need(member(item, "role", str) == "assistant", "a role:", item)
            need(member(item, "status", str) in ("completed", "incomplete"), "a status:", item)
            for part in member(item, "content", list):
                self.content(choice, part)
        elif kind == "reasoning":
            for part in member(item, "summary", list):
                need(member(part, "type", str) == "summary_text", "a summary:", part)
                choice.reasoning += member(part, "text", str)
            for part in maybe(item, "content", list) or ():
                need(member(part, "type", str) == "reasoning_text", "reasoning:", part)
                choice.reasoning += member(part, "text", str)
            if item.get("encrypted_content"):
                self.facts.signatures.append(member(item, "encrypted_content", str))
        elif kind == "function_call":
            choice.calls.append(Call(member(item, "name", str), member(item, "call_id", str),
                                     member(item, "arguments", str)))
            need(choice.calls[-1].id and choice.calls[-1].name, "a call without id or name:", item)
            need(len({c.id for c in choice.calls}) == len(choice.calls), "calls of one id:", choice.calls)
        elif kind == "image_generation_call":
            self.facts.images.append(member(item, "result", str))
        else:
            self.facts.server.append(kind)

    def content(self, choice, part):
        if member(part, "type", str) == "refusal":
            choice.refusal += member(part, "refusal", str)
            return
        need(part["type"] == "output_text", "a content part:", part)
        choice.text += member(part, "text", str)
        for one in member(part, "annotations", list):
            cite(self.facts, one.get("url"), one.get("file_id"), one.get("filename"))

    def count(self, usage):
        sent, out, total = (counted(usage, n) for n in ("input_tokens", "output_tokens", "total_tokens"))
        need({"input_tokens", "output_tokens", "total_tokens"} <= set(usage), "a usage without its counts:", usage)
        need(total == (None if None in (sent, out) else sent + out), "a total that is no sum:", usage)
        read, made = member(usage, "input_tokens_details", dict), member(usage, "output_tokens_details", dict)
        self.facts.usage = Usage(sent, out, counted(read, "cached_tokens"), counted(read, "cache_write_tokens"),
                                 counted(made, "reasoning_tokens"))

    # ---- streams
    def stream(self, body):
        for event in sse.strict(body):
            need(isinstance(event.value, dict), "no JSON (a [DONE] perhaps):", event.data)
            kind = member(event.value, "type", str)
            need(event.name == kind, "a name that is not the type:", event)
            need(self.state != "ended" and (self.state != "failed" or kind == "response.failed"),
                 "something behind the end:", event)
            number = member(event.value, "sequence_number", int)
            need(number == self.number + 1, "sequence number %d behind %d:" % (number, self.number), event)
            self.number = number
            need(self.number > 0 or kind in ("response.created", "error"), "the first event:", kind)
            handler = getattr(self, kind.replace(".", "_"), None)
            if kind in ENDS:
                self.close(kind, member(event.value, "response", dict))
            elif handler:
                handler(event.value)
            else:
                need(kind.split(".")[1].endswith("_call"), "no event of the protocol:", kind)
        need(self.state in ("ended", "failed"), "no end: %s" % self.state)
        return self.facts

    def response_created(self, value):
        need(self.number == 0, "created twice")
        need(self.envelope(member(value, "response", dict)) in ("in_progress", "queued"), "a status:", value)
        need(value["response"]["output"] == [], "a new response with output:", value)
        self.state = "between"

    def response_in_progress(self, value):
        need(self.number == 1, "response.in_progress at %d" % self.number)
        self.envelope(member(value, "response", dict))

    def response_output_item_added(self, value):
        need(self.state == "between", "an item in a %s:" % self.state, value)
        need(member(value, "output_index", int) == len(self.items), "the index of an item:", value)
        item = member(value, "item", dict)
        need(member(item, "id", str), "an item without id:", item)
        need(item["id"] not in [i["id"] for i in self.items], "two items of one id:", item)
        if item["type"] in ("message", "reasoning"):
            need(not item.get("content") and not item.get("summary"), "a new item with content:", item)
        if item["type"] == "function_call":
            need(member(item, "arguments", str) == "", "a new call with arguments:", item)
        self.open, self.state, self.part, self.parts, self.held = item, "item", None, 0, {}

    def of_item(self, value):
        need(self.state == "item" and member(value, "output_index", int) == len(self.items) and
             member(value, "item_id", str) == self.open["id"], "an event of no open item:", value)

    def begin(self, value, index):
        self.of_item(value)
        need(self.part is None, "a part in a part:", value)
        need(member(value, index, int) == self.parts, "the index of a part:", value)
        self.part, self.held = member(value, "part", dict), {}

    def more(self, value, kind, index):
        self.of_item(value)
        need(self.part is not None and self.part["type"] == kind, "a delta of no open part:", value)
        need(member(value, index, int) == self.parts, "the index of a part:", value)
        self.held[kind] = self.held.get(kind, "") + member(value, "delta", str)

    def whole(self, value, kind, index, name="text"):
        self.of_item(value)
        need(member(value, index, int) == self.parts, "the index of a part:", value)
        need(member(value, name, str) == self.held.get(kind, ""), "%s is not what its deltas were:" % name, value,
             self.held)

    def stop(self, value, index, name="text"):
        self.of_item(value)
        need(self.part is not None and member(value, index, int) == self.parts, "the end of no open part:", value)
        part = member(value, "part", dict)
        need(member(part, name if part["type"] != "refusal" else "refusal", str) == self.held.get(part["type"], ""),
             "a part that is not what its deltas were:", part, self.held)
        self.part, self.parts = None, self.parts + 1

    def response_content_part_added(self, value):
        self.begin(value, "content_index")

    def response_output_text_delta(self, value):
        self.more(value, "output_text", "content_index")
        need("logprobs" in value, "a delta without logprobs:", value)

    def response_output_text_annotation_added(self, value):
        self.of_item(value)
        member(value, "annotation", dict)
        member(value, "annotation_index", int)

    def response_output_text_done(self, value):
        self.whole(value, "output_text", "content_index")

    def response_refusal_delta(self, value):
        self.more(value, "refusal", "content_index")

    def response_refusal_done(self, value):
        self.whole(value, "refusal", "content_index", "refusal")

    def response_content_part_done(self, value):
        self.stop(value, "content_index")

    def response_reasoning_summary_part_added(self, value):
        self.begin(value, "summary_index")

    def response_reasoning_summary_text_delta(self, value):
        self.more(value, "summary_text", "summary_index")

    def response_reasoning_summary_text_done(self, value):
        self.whole(value, "summary_text", "summary_index")

    def response_reasoning_summary_part_done(self, value):
        self.stop(value, "summary_index")

    def response_reasoning_text_delta(self, value):
        self.of_item(value)
        if self.part is not None:
            self.more(value, "reasoning_text", "content_index")
        else:
            self.held["reasoning_text"] = self.held.get("reasoning_text", "") + member(value, "delta", str)

    def response_reasoning_text_done(self, value):
        self.of_item(value)
        need(member(value, "text", str) == self.held.get("reasoning_text", ""), "not what its deltas were:", value)

    def response_function_call_arguments_delta(self, value):
        self.of_item(value)
        self.held["arguments"] = self.held.get("arguments", "") + member(value, "delta", str)

    def response_function_call_arguments_done(self, value):
        self.of_item(value)
        need(member(value, "arguments", str) == self.held.get("arguments", ""), "not what its deltas were:", value)
        self.held["done"] = True

    def response_output_item_done(self, value):
        need(self.state == "item" and member(value, "output_index", int) == len(self.items), "no open item:", value)
        item = member(value, "item", dict)
        need(item.get("id") == self.open["id"] and item.get("type") == self.open["type"], "another item:", item)
        need(self.part is None, "an item that ends in a part:", item)
        if item["type"] == "function_call":
            need(self.held.get("done"), "arguments that do not end:", item)
            need(item["arguments"] == self.held.get("arguments", ""), "not what its deltas were:", item)
            need(item["call_id"] == self.open["call_id"], "another call:", item)
        if item["type"] == "message":
            need(len(item["content"]) == self.parts, "parts that were not told:", item)
        self.items.append(item)
        self.open, self.state = None, "between"

    def close(self, kind, response):
        need(self.envelope(response) == ENDS[kind], "%s has the status" % kind, response["status"])
        if kind == "response.failed":
            error = member(response, "error", dict)
            self.facts.error = {"message": member(error, "message", str), "type": None,
                                "code": member(error, "code", str)}
        else:
            need(self.state == "between", "an end in a %s" % self.state)
            need(plain(response["output"]) == plain(self.items), "output is not what its items were:", response["output"],
                 self.items)
            self.read(response)
        self.state = "ended"

    def error(self, value, body=None):
        """the body of an answer with the status `value`; or an event, flat or nested: OpenAI sends both"""
        error = member(body, "error", dict) if body is not None else value.get("error") or value
        need(set(error) >= {"message", "param", "code"}, "an error that lacks members:", error)
        need(member(error, "message", str), "an error without words:", error)
        need(body is None or member(error, "type", str), "an error without a type:", error)
        self.facts.error = {"message": error["message"], "type": error.get("type"), "code": error["code"]}
        self.state = "failed"
        return self.facts.error

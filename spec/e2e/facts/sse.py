"""Server-sent events, by the book."""
import json
import re
from collections import namedtuple

from . import BadWire

Event = namedtuple("Event", "name data value")  # value: the data as JSON; None where it is none
_BLOCK = re.compile(r"(?:[^\n]+\n?)+")


def lines_of(body):
    return body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def events(body):
    """the events that have data; what is no JSON has the value None"""
    found = []
    for block in _BLOCK.findall(lines_of(body)):
        name, data = None, []
        for line in block.split("\n"):
            label, _, rest = line.partition(":")
            rest = rest[1:] if rest.startswith(" ") else rest
            if label == "event":
                name = rest
            elif label == "data":
                data.append(rest)
        if data:
            text = "\n".join(data)
            try:
                value = json.loads(text)
            except ValueError:
                value = None
            found.append(Event(name, text, value))
    return found


def strict(body):
    """the events of a client's stream; raises where a line is no line of SSE, or the last event is not complete"""
    if b"\r" in body:
        raise BadWire("a CR in the stream")
    text = body.decode("utf-8")
    if text and not text.endswith("\n\n"):
        raise BadWire("the last event has no end: %r" % text[-80:])
    for line in text.split("\n"):
        if line and not re.match(r"(data|event|id|retry|):", line):
            raise BadWire("no line of SSE: %r" % line[:120])
    return events(body)

"""Event streams of AWS: frames, with both sums of each checked. What is no frame raises BadWire."""
import struct
import zlib
from collections import namedtuple

from . import BadWire

Frame = namedtuple("Frame", "headers payload")  # {name: text}
TEXT = 7           # the type of a header that is text
LEAST = 16         # a frame without headers and payload


def headers_of(data):
    found = {}
    while data:
        name, data = data[1:1 + data[0]].decode(), data[1 + data[0]:]
        if not name or data[:1] != bytes([TEXT]) or name in found:
            raise BadWire("a header %r of type %r" % (name, data[:1]))
        size = struct.unpack(">H", data[1:3])[0]
        if len(data) < 3 + size:
            raise BadWire("a header that ends behind the headers: %r" % name)
        found[name], data = data[3:3 + size].decode(), data[3 + size:]
    return found


def take(data, found):
    """puts the whole frames of a stream into `found`; what is left behind them: the beginning of one more"""
    while len(data) >= LEAST:
        total, length, crc = struct.unpack(">III", data[:12])
        if crc != zlib.crc32(data[:8]):
            raise BadWire("the sum of a prelude is wrong: %r" % data[:12])
        if total < LEAST + length:
            raise BadWire("a frame of %d bytes with headers of %d" % (total, length))
        if total > len(data):
            break
        if struct.unpack(">I", data[total - 4:total])[0] != zlib.crc32(data[:total - 4]):
            raise BadWire("the sum of a frame is wrong: %r" % data[:total][:200])
        try:
            found.append(Frame(headers_of(data[12:12 + length]), data[12 + length:total - 4]))
        except (struct.error, UnicodeDecodeError, IndexError):
            raise BadWire("headers that are none: %r" % data[12:12 + length]) from None
        data = data[total:]
    return data


def strict(data):
    """the frames of a stream that ends with one"""
    found = []
    rest = take(data, found)
    if rest:
        raise BadWire("the last frame has no end: %r" % rest[-80:])
    return found

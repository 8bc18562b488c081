"""Requests that two readers could understand differently: each is refused, and ends its connection, before anything of
it, or behind it in the same write, is taken for a request. RFC 9112, read strictly; odd but correct ones: test_framing.py."""
import pytest

import upstream as mock
from config import one
from expect import openai_error

BODY = b'{"model":"one/m","messages":[]}'
CHAT = b"POST /v1/chat/completions HTTP/1.1"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
LENGTH = b"Content-Length: %d" % len(BODY)
TE = b"Transfer-Encoding: chunked"


def request(*lines, first=CHAT, host=b"Host: x", body=BODY):
    return b"\r\n".join([first, *([host] if host else []), b"Content-Type: application/json", *lines]) + b"\r\n\r\n" + body


def get(first, host=b"Host: x"):
    return b"\r\n".join([first, *([host] if host else [])]) + b"\r\n\r\n"


def chunked(body):
    return request(TE, body=body)


WHOLE = request(LENGTH)
BEHIND = request(LENGTH, b"X-Smuggled: 1")  # in the same write behind each case: must never be served


def lines(*values, body=BODY):
    """one case for each header line (or several, joined by CRLF)"""
    return [(value, request(value, body=body), 400) for value in values]


def codings(*values):
    return lines(*[b"Transfer-Encoding:" + value for value in values], body=CHUNKS)


def firsts(status, *values):
    """one case for each request line"""
    return [(value, get(value), status) for value in values]


def hosts(*values):
    return [(value, get(b"GET /v1/models HTTP/1.1", value), 400) for value in values]


def bodies(status, *values):
    """one case for each body, said to be chunked"""
    return [(value, chunked(value), status) for value in values]


# Name of a group: [(what it is, bytes, status)]
REFUSED = {
    "length with coding": lines(
        LENGTH + b"\r\n" + TE, TE + b"\r\n" + LENGTH, b"Content-Length: 0\r\n" + TE, TE + b"\r\nContent-Length: 0",
        TE.lower() + b"\r\n" + LENGTH.upper(), b"Transfer-Encoding: identity\r\n" + LENGTH,
        LENGTH + b"\r\nTransfer-Encoding: xchunked", LENGTH + b"\r\nTransfer-Encoding:",
        LENGTH + b"\r\nTransfer-Encoding: ,",
        LENGTH + b"\r\nTransfer-Encoding:\tchunked", LENGTH + b"\r\nTransfer-Encoding: chunked\t",
        LENGTH + b"\r\nTransfer-Encoding: \"chunked\"", LENGTH + b"\r\nX: y\r\n" + TE, TE + b"\r\nX: y\r\n" + LENGTH,
        body=CHUNKS),
    "lengths": lines(
        LENGTH + b"\r\n" + LENGTH, LENGTH + b"\r\nContent-Length: 0", b"Content-Length: 0\r\n" + LENGTH,
        LENGTH + b"\r\nX: y\r\ncontent-length: 5", b"Content-Length: 31, 31", b"Content-Length: 31,", b"Content-Length: ,31",
        b"Content-Length: +31", b"Content-Length: -31", b"Content-Length: -0", b"Content-Length: 0x1f",
        b"Content-Length: 1f",
        b"Content-Length: 3 1", b"Content-Length: 3_1", b"Content-Length: 31;x", b"Content-Length: 31.0",
        b"Content-Length: 3e1", b"Content-Length: \"31\"", b"Content-Length: 31\0", b"Content-Length: \x0b31",
        b"Content-Length: 31\x0c", b"Content-Length: \xc2\xb2", b"Content-Length:", b"Content-Length: ", b"Content-Length",
        b"Content-Length: x", b"Content-Length: 18446744073709551616", b"Content-Length: 18446744073709551647",
        b"Content-Length: 9" + b"9" * 400, b"Content-Length : 31", b"Content-Length\t: 31", b"Content-Length\0: 31"),
    "codings": codings(
        b" xchunked", b" chunkedx", b" chunke", b" identity", b" gzip", b" gzip, chunked", b" chunked, gzip",
        b" chunked, identity", b" identity, chunked", b" chunked, chunked", b" chunked,", b" ,chunked", b" ,", b"", b" ",
        b" \x0bchunked", b" \x0cchunked", b" chunked\x0b", b" chunked\0", b"\0chunked", b" \x01chunked", b" chunked\x7f",
        b" \xa0chunked", b" chunked\xa0", b" \xef\xbb\xbfchunked", b" \"chunked\"", b" 'chunked'", b" chunked;q=1",
        b" chunked;", b" chunk\ted", b" c hunked", b" chunked x", b" x chunked", b" \xc4\x8dhunked",
        b" chunked\r\nTransfer-Encoding: chunked", b" chunked\r\nTransfer-Encoding: identity",
        b" identity\r\nTransfer-Encoding: chunked", b" chunked\r\ntransfer-encoding: x", b" x\r\nTRANSFER-ENCODING: chunked",
        b"\r\n chunked", b"\r\n\tchunked", b" chunked\r\n , identity", b" \rchunked", b" chunked\r", b" \nchunked") + [
            ("in HTTP/1.0", request(TE, first=CHAT[:-1] + b"0", body=CHUNKS), 400),
            ("in HTTP/1.0, kept alive", request(TE, b"Connection: keep-alive", first=CHAT[:-1] + b"0", body=CHUNKS), 400)],
    "names of fields": lines(
        b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked", b"Transfer-Encoding\x0b: chunked",
        b"Transfer-Encoding\0: chunked", b"Transfer\0Encoding: chunked", b"Transfer Encoding: chunked", b"X Y: z",
        b"Transfer-Encoding\xa0: chunked", b"\xff: x", b"X\x7f: y", b"X\x01Y: z", b"X(Y): z", b"X[]: y", b"X/Y: z", b"X@: y",
        b"X\"Y\": z", b"X{}: y", b"X,Y: z", b"X;Y: z", b"X=Y: z", b"X\\Y: z", b": x", b":", b"X", b"\0", b" X: y", b"\tX: y",
        b"X : y", b"X\t: y", b"GET / HTTP/1.1", body=CHUNKS),
    "values of fields": lines(
        *[b"X: a" + bad + b"b" for bad in (b"\0", b"\x01", b"\x07", b"\x08", b"\x0b", b"\x0c", b"\x1b", b"\x7f", b"\r",
        b"\n",
                                           b"\n ", b"\r\r", b"\rTransfer-Encoding: chunked", b"\nTransfer-Encoding: chunked",
                                           b"\n\r\n")],
        b"X: \rY: z", b"X:\rY: z", b"X: a\r", b"X: \n", b"X:\n", b"X: a\0"),
    "folded lines": lines(
        b"X: a\r\n b", b"X: a\r\n\tb", b"X: a\r\n ", b"X: a\r\n\t", b"X: a\r\n \r\n b", b"X: a\r\n Content-Length: 31",
        b"Content-Length:\r\n 31", b"Content-Length: 3\r\n 1", b"X: a\r\n : b") + [
            ("before the first field", get(CHAT, b" Host: x"), 400),
            ("before the first field, tab", get(CHAT, b"\tHost: x"), 400),
            ("behind the request line", get(CHAT + b"\r\n folded"), 400),
            ("the last line", b"GET /v1/models HTTP/1.1\r\nHost: x\r\n \r\n\r\n", 400),
            ("in Host", get(b"GET /v1/models HTTP/1.1", b"Host:\r\n x"), 400)],
    "line ends": [
        ("LF behind the request line", WHOLE.replace(b"\r\n", b"\n", 1), 400),
        ("LF behind Host", WHOLE.replace(b"x\r\n", b"x\n", 1), 400),
        ("LF behind the last field", WHOLE.replace(b"\r\n\r\n", b"\n\r\n", 1), 400),
        ("LF as the empty line", WHOLE.replace(b"\r\n\r\n", b"\r\n\n", 1), 400),
        ("LF everywhere", WHOLE.replace(b"\r\n", b"\n"), 400),
        ("LF before the request", b"\n" + WHOLE, 400), ("CR before the request", b"\r" + WHOLE, 400),
        ("CR CR LF before the request", b"\r\r\n" + WHOLE, 400), ("CR LF LF before the request", b"\r\n\n" + WHOLE, 400),
        ("CR behind the request line", WHOLE.replace(b"\r\n", b"\r", 1), 400),
        ("CR behind Host", WHOLE.replace(b"x\r\n", b"x\r", 1), 400),
        ("CR CR LF behind Host", WHOLE.replace(b"x\r\n", b"x\r\r\n", 1), 400),
        ("CR as the empty line", WHOLE.replace(b"\r\n\r\n", b"\r\n\r", 1), 400),
        ("LF CR", WHOLE.replace(b"x\r\n", b"x\n\r", 1), 400)],
    "sizes of chunks": bodies(
        400, *[size + b"\r\n" + BODY + b"\r\n0\r\n\r\n" for size in (
            b"-1f", b"+1f", b"0x1f", b"1f ", b" 1f", b"1f\t", b"\t1f", b"1 f", b"1_f", b"1fh", b"g", b"", b" ", b"\0",
            b"1f\0",
            b"\x0b1f", b"1f\x0b", b"1f,1f", b"\"1f\"", b"1f.0", b"\xbcf", b"-0", b"1ffffffffffffffff", b"f" * 17,
            b"1" + b"0" * 16,
            b"00x1f", b"1f\rx", b"\r1f", b"\n1f")],
        b"1f\n" + BODY + b"\r\n0\r\n\r\n", b"1f\r" + BODY + b"\r\n0\r\n\r\n", b"1f\r\r\n" + BODY + b"\r\n0\r\n\r\n",
        b"\r\n1f\r\n" + BODY + b"\r\n0\r\n\r\n") + bodies(413, *[size + b"\r\n" + BODY for size in (
            b"f" * 16, b"7" + b"f" * 15, b"8" + b"0" * 15, b"0" * 30 + b"f" * 16, b"100001")]),
    "ends of chunks": bodies(
        400, *[b"1f\r\n" + BODY + rest for rest in (
            b"\n0\r\n\r\n", b"\r0\r\n\r\n", b"0\r\n\r\n", b" \r\n0\r\n\r\n", b"x\r\n0\r\n\r\n", b"\r\n\r\n0\r\n\r\n",
            b"\r\n0\n\r\n", b"\r\n0\r\n\n", b"\r\n0\n\n", b"\r\n0\r\r\n\r\n", b"\r\n0\r\n\rX", b"\r\n0 \r\n\r\n", b"\r\n0")],
        b"1e\r\n" + BODY + b"\r\n0\r\n\r\n", b"20\r\n" + BODY + b"\r\n0\r\n\r\n", b"3\r\nabc\r\n-1\r\n\r\n"),
    "extensions of chunks": bodies(
        400, *[b"1f" + extension + b"\r\n" + BODY + b"\r\n0\r\n\r\n" for extension in (
            b";a\n", b";a\nb", b"\n;a", b";a\rb", b";a\r", b";\r", b";a\0b", b";a=\"\n\"", b";a=\"\r\"", b";a=\"\0\"",
            b";a=\x01",
            b";a=\x7f", b" a", b"\ta", b",a", b" \r;a", b" ")],
        b"1f\r\n" + BODY + b"\r\n0;a\n\r\n", b"1f;a\n" + BODY + b"\r\n0\r\n\r\n") + bodies(
            431, b"1f;" + b"a" * 9000 + b"\r\n" + BODY + b"\r\n0\r\n\r\n", b"1f\r\n" + BODY + b"\r\n0;" + b"a" * 9000),
    "trailers": bodies(
        400, *[b"1f\r\n" + BODY + b"\r\n0\r\n" + trailer + b"\r\n\r\n" for trailer in (
            b"X", b": y", b"X : y", b"X\t: y", b" X: y", b"\tX: y", b"X: y\r\n z", b"X: y\nZ: a", b"X: y\rZ: a", b"X: \0",
            b"X\0: y",
            b"X: \x01", b"X Y: z", b"\xff: y", b"X: \x7f", b"X: y\r", b"\0", b"GET / HTTP/1.1")],
        b"1f\r\n" + BODY + b"\r\n0\r\nX: y\n\r\n", b"1f\r\n" + BODY + b"\r\n0\r\nX: y\r\n\n") + bodies(
            431, b"1f\r\n" + BODY + b"\r\n0\r\nX: " + b"y" * 9000, b"1f\r\n" + BODY + b"\r\n0\r\n" + b"X: y\r\n" * 2000 + b"X: "),
    "hosts": hosts(
        None, b"Host: x\r\nHost: x", b"Host: x\r\nhost: y", b"Host: x\r\nX: y\r\nHost: z", b"Hosts: x", b"Host : x", b" Host: x",
        b"Host: x y", b"Host: x, y", b"Host: x/y", b"Host: x?y", b"Host: x#y", b"Host: u@x", b"Host: x\\y",
        b"Host: http://x",
        b"Host: x:y", b"Host: x:1:2", b"Host: x:-1", b"Host: [::1", b"Host: ::1", b"Host: [::1]x", b"Host: x]",
        b"Host: \"x\"",
        b"Host: <x>", b"Host: x\0", b"Host: x\x0b", b"Host: \xc3\xa9", b"Host: x\x7f", b"Host: x\ty"),
    "methods": firsts(
        400, b"get /v1/models HTTP/1.1", b"Get /v1/models HTTP/1.1", b"gET /v1/models HTTP/1.1", b"post /v1/models HTTP/1.1",
        b"G\0T /v1/models HTTP/1.1", b"G T /v1/models HTTP/1.1", b"GET\0 /v1/models HTTP/1.1",
        b"\"GET\" /v1/models HTTP/1.1",
        b"G@T /v1/models HTTP/1.1", b"G:T /v1/models HTTP/1.1", b"/v1/models HTTP/1.1", b" GET /v1/models HTTP/1.1",
        b"\tGET /v1/models HTTP/1.1", b"\0GET /v1/models HTTP/1.1", b"\xef\xbb\xbfGET /v1/models HTTP/1.1",
        b"xGET /v1/models HTTP/1.1", b"0GET /v1/models HTTP/1.1", b"CONNECT x:80 HTTP/1.1", b"CONNECT /v1/models HTTP/1.1",
        b"SOURCE / ICE/1.0", b"DESCRIBE / RTSP/1.0", b"HTTP/1.1 200 OK", b"USER anonymous", b"HELO mail", b"EHLO") + firsts(
            501, b"FOO /v1/models HTTP/1.1", b"GETS /v1/models HTTP/1.1", b"GETPOST /v1/models HTTP/1.1",
            b"X-Y /v1/models HTTP/1.1",
            b"G /v1/models HTTP/1.0", b"A" * 300 + b" / HTTP/1.1"),
    "versions": firsts(
        400, b"GET /v1/models", b"GET /v1/models ", b"GET /v1/models HTTP", b"GET /v1/models HTTP/",
        b"GET /v1/models HTTP/1",
        b"GET /v1/models HTTP/1.", b"GET /v1/models HTTP/.1", b"GET /v1/models HTTP/11", b"GET /v1/models HTTP/1,1",
        b"GET /v1/models HTTP/1.10", b"GET /v1/models HTTP/01.1", b"GET /v1/models HTTP/1.01", b"GET /v1/models HTTP/1.1 ",
        b"GET /v1/models HTTP/1.1\t", b"GET /v1/models HTTP/1.1x", b"GET /v1/models HTTP/1.1\0", b"GET /v1/models HTTP/1. 1",
        b"GET /v1/models HTTP/ 1.1", b"GET /v1/models HTTP /1.1", b"GET /v1/models http/1.1", b"GET /v1/models Http/1.1",
        b"GET /v1/models HTTPS/1.1", b"GET /v1/models XHTTP/1.1", b"GET /v1/models HTTP/+1.1",
        b"GET /v1/models HTTP/1.1 HTTP/1.1",
        b"GET /v1/models HTTP/2", b"GET /v1/models HTTP/x.y", b"GET /v1/models HTTP/\xb9.1",
        b"GET /v1/models HTTP/-1.1") + firsts(
            505, b"GET /v1/models HTTP/1.2", b"GET /v1/models HTTP/1.9", b"GET /v1/models HTTP/0.9", b"GET /v1/models HTTP/0.0",
            b"GET /v1/models HTTP/2.0", b"GET /v1/models HTTP/3.0", b"GET /v1/models HTTP/9.9", b"FOO /v1/models HTTP/9.9"),
    "targets": firsts(
        400, b"GET  /v1/models HTTP/1.1", b"GET /v1/models  HTTP/1.1", b"GET\t/v1/models HTTP/1.1",
        b"GET /v1/models\tHTTP/1.1",
        b"GET\x0b/v1/models HTTP/1.1", b"GET \x0b/v1/models HTTP/1.1", b"GET /v1/ models HTTP/1.1",
        b"GET /v1/models x HTTP/1.1",
        b"GET /v1/models\0 HTTP/1.1", b"GET /\x01 HTTP/1.1", b"GET /\x7f HTTP/1.1", b"GET /\x0b HTTP/1.1",
        b"GET /\r HTTP/1.1",
        b"GET /\xc3\xa9 HTTP/1.1", b"GET /?\xff HTTP/1.1", b"GET /v1/models#x HTTP/1.1", b"GET /?a#x HTTP/1.1",
        b"GET # HTTP/1.1",
        b"GET v1/models HTTP/1.1", b"GET ?x HTTP/1.1", b"GET * HTTP/1.1", b"POST * HTTP/1.1", b"OPTIONS ** HTTP/1.1",
        b"OPTIONS *? HTTP/1.1", b"GET x:80 HTTP/1.1", b"GET .. HTTP/1.1", b"GET \\v1\\models HTTP/1.1", b"GET HTTP/1.1",
        b"GET",
        b"GET /v1/models\nX: HTTP/1.1") + firsts(414, b"GET /" + b"x" * 9000 + b" HTTP/1.1", b"GET /?" + b"x" * 9000,
        b"GET /" + b"x" * 99999),
    "absolute targets": firsts(
        400, b"GET http:///v1/models HTTP/1.1", b"GET http://?x HTTP/1.1", b"GET http:/v1/models HTTP/1.1",
        b"GET http: HTTP/1.1",
        b"GET http:x/v1/models HTTP/1.1", b"GET ://x/v1/models HTTP/1.1", b"GET http//x/v1/models HTTP/1.1",
        b"GET ftp://x/v1/models HTTP/1.1", b"GET file:///v1/models HTTP/1.1", b"GET ws://x/v1/models HTTP/1.1",
        b"GET http://u@x/v1/models HTTP/1.1", b"GET http://u:p@x/v1/models HTTP/1.1", b"GET http://x:y/v1/models HTTP/1.1",
        b"GET http://x:1:2/v1/models HTTP/1.1", b"GET http://[::1/v1/models HTTP/1.1", b"GET http://x\\y/v1/models HTTP/1.1",
        b"GET http://x,y/v1/models HTTP/1.1", b"GET http://x y/v1/models HTTP/1.1", b"GET http://x#/v1/models HTTP/1.1",
        b"GET http://\xc3\xa9/v1/models HTTP/1.1", b"GET http://x\0/v1/models HTTP/1.1") + [
            ("without Host", get(b"GET http://x/v1/models HTTP/1.1", None), 400)],
    "other protocols": [
        ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 400),
        ("HTTP/2 preface without its end", b"PRI * HTTP/2.0\r\n\r\n", 400),
        ("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)), 400),
        ("old TLS hello", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", 400), ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n", 400),
        ("PROXY protocol", b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", 400), ("its second version",
        b"\r\n\r\n\0\r\nQUIT\n!\x11", 400),
        ("Redis", b"*1\r\n$4\r\nPING\r\n", 400), ("JSON", BODY + b"\r\n\r\n", 400), ("zeros", b"\0" * 64, 400),
        ("a chunk", CHUNKS, 400), ("HTML", b"<html></html>\r\n\r\n", 400), ("8-bit", b"\xff" * 64, 400)],
    "expectations": [
        (value, request(value, LENGTH), 417) for value in (
            b"Expect: 200-ok", b"Expect: 100-continue, x", b"Expect: x, 100-continue", b"Expect: 100-continue;q=1",
            b"Expect:",
            b"Expect: x\r\nExpect: 100-continue", b"Expect: 100-continue\r\nExpect: x")],
    "sizes": [
        ("a length over the limit", request(b"Content-Length: 1048577"), 413),
        ("the largest length", request(b"Content-Length: 18446744073709551615"), 413),
        ("a chunk over the limit", chunked(b"100001\r\n"), 413),
        ("a long field", request(LENGTH, b"X: " + b"y" * 9000), 431), ("a long name", request(LENGTH,
        b"X" * 9000 + b": y"), 431),
        ("many fields", request(LENGTH, *[b"X: y"] * 60), 431), ("a coded body", request(LENGTH,
        b"Content-Encoding: gzip"), 415),
        ("a second coding", request(LENGTH, b"Content-Encoding: gzip\r\nContent-Encoding: identity"), 415)],
}
SAMPLE = [("length with coding", 0), ("length with coding", 10), ("lengths", 1), ("codings", 3), ("folded lines", 1),
          ("line ends", 3), ("sizes of chunks", 2), ("ends of chunks", 0), ("extensions of chunks", 1), ("trailers", 8),
          ("hosts", 2), ("targets", 1), ("versions", 29), ("other protocols", 0)]


@pytest.fixture
def ready(gateway, upstream):
    upstream.always(mock.chat())
    return gateway(one(upstream, limits={"body": "1MB", "head": "8KB", "headers": 50}))


def refusal(g, upstream, status, *writes, served=0):
    """sends the writes: `served` good answers, then the refusal, then the end; nothing else reaches the provider"""
    heard = len(upstream.requests)
    with g.connect() as connection:
        for data in writes:
            connection.send(data)
        for _ in range(served):
            assert connection.response().read().status == 200
        answer = connection.response().read()
        openai_error(answer, status)
        assert answer.headers["connection"] == "close" and connection.at_end()
    assert len(upstream.requests) == heard + served


def failures(cases, check):
    """all cases that fail, so that one does not hide the others"""
    wrong = []
    for name, data, status in cases:
        try:
            check(data, status)
        except Exception as problem:  # pylint: disable=broad-except
            wrong.append("%r: %r" % (name, problem))
    return wrong


@pytest.mark.parametrize("group", list(REFUSED), ids=lambda g: g.replace(" ", "-"))
def test_a_doubtful_request_is_refused_and_nothing_behind_it_is_read(ready, upstream, group):
    assert failures(REFUSED[group], lambda data, status: refusal(ready, upstream, status, data + BEHIND)) == []
    assert ready.chat("one/m").status == 200


@pytest.mark.parametrize("group", list(REFUSED), ids=lambda g: g.replace(" ", "-"))
def test_behind_a_good_request_the_doubtful_one_is_refused_and_the_good_one_served(ready, upstream, group):
    assert failures(REFUSED[group],
                    lambda data, status: refusal(ready, upstream, status, WHOLE + data + BEHIND, served=1)) == []


@pytest.mark.parametrize("group,index", SAMPLE, ids=lambda part: str(part).replace(" ", "-"))
def test_a_doubtful_request_is_refused_wherever_it_is_split(ready, upstream, group, index):
    _, data, status = REFUSED[group][index]
    for at in range(1, len(data)):
        refusal(ready, upstream, status, data[:at], data[at:] + BEHIND)
    refusal(ready, upstream, status, *[data[i:i + 1] for i in range(len(data))], BEHIND)


def test_what_a_refused_upload_carries_is_never_a_request(ready, upstream):
    """the body of each is a whole request, as it is in an attack"""
    inner = BEHIND
    refusal(ready, upstream, 400, request(b"Content-Length: %d" % len(inner), TE, body=b"0\r\n\r\n" + inner))
    refusal(ready, upstream, 400, request(TE, b"Content-Length: 5", body=b"0\r\n\r\n" + inner))
    refusal(ready, upstream, 400, chunked(b"0\r\nContent-Length: 1\r\n\r" + inner))
    refusal(ready, upstream, 413, request(b"Content-Length: 99999999", body=inner * 20))
    refusal(ready, upstream, 417, request(b"Content-Length: %d" % len(inner), b"Expect: x", body=inner))
    refusal(ready, upstream, 431, request(*[b"X: y"] * 60, b"Content-Length: %d" % len(inner), body=inner))
    refusal(ready, upstream, 501, get(b"FOO / HTTP/1.1") + inner)


def test_a_good_upload_that_holds_a_request_is_one_request(ready, upstream):
    """no case of a tab or of letters makes the gateway lose sight of the body"""
    for line in (b"Content-Length: %d", b"Content-Length:\t%d", b"CONTENT-LENGTH:%d", b"Content-Length: %d   "):
        with ready.connect() as connection:
            connection.send(request(line % len(BEHIND), body=BEHIND) + get(b"GET /health HTTP/1.1"))
            openai_error(connection.response().read(), 400, "JSON")
            assert connection.response().read().status == 200
    for value in (b" chunked", b"\tchunked", b"chunked\t", b" chunked \t ", b"\t CHUNKED\t"):
        with ready.connect() as connection:
            connection.send(request(b"Transfer-Encoding:" + value, body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(BEHIND), BEHIND))
                            + get(b"GET /health HTTP/1.1"))
            openai_error(connection.response().read(), 400, "JSON")
            assert connection.response().read().status == 200
    assert upstream.requests == []

"""What several tests expect of an answer."""
import json
import re

ATTEMPT = re.compile(r"^\S+/\S+#\S+=(\d{3}|[a-z_0-9]+)/\d+$")


def openai_error(answer, status, about=None):
    """the OpenAI error shape: an object with message, type, param and code, and nothing of our insides"""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"].startswith("application/json")
    error = answer.json["error"]
    assert isinstance(error["message"], str) and error["message"]
    assert isinstance(error["type"], str) and error["type"]
    assert set(error) >= {"message", "type", "param", "code"}
    for inside in ("traceback", ".lua:", "/scripts/"):
        assert inside not in error["message"]
    if about:
        assert re.search(about, error["message"], re.I), error["message"]
    return error


def attempts(answer):
    """[(lane, outcome)] of x-tidegate-attempts"""
    header = answer.headers["x-tidegate-attempts"]
    for one in header.split(" "):
        assert ATTEMPT.match(one), header
    return [tuple(one.rsplit("/", 1)[0].split("=")) for one in header.split(" ")]


def clean_stream(answer, text):
    """one whole answer: that text, one [DONE], at the end"""
    answer.read()
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text == text
    assert answer.events.count("[DONE]") == 1 and answer.events[-1] == "[DONE]"
    return answer


def broken_stream(answer, text=""):
    """the text so far, then an error event in the client's dialect, properly ended, and no [DONE]"""
    answer.read()
    assert answer.status == 200 and answer.text == text
    assert "[DONE]" not in answer.events
    error = json.loads(answer.events[-1])["error"]
    assert error["message"] and error["type"]
    return error


def told(line):
    """the tokens of a log line: in, out, cached"""
    return tuple(line["tokens"][kind] for kind in ("in", "out", "cached"))

"""Every recorded request, sent to providers of the other dialects: nothing that it asks is lost without a warning.

What it asks is read by `facts.request` from the client's body and from the body that the provider gets.
"""
import json

import pytest

from conformance import FOLDER
from facts import ALL
from facts import request as asking
from test_determinism import REQUESTS, anything, name, start, to

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not REQUESTS, reason="no recordings in " + FOLDER)]
MODELS = [(d, "") for d in ALL] + [("bedrock-converse", ".us.anthropic.claude-sonnet-4-5-20250929-v1:0")]  # dialect, suffix
ANSWER_TOOL = "tidegate_answer"  # stands for an answer in JSON where a model knows no other way
ABOUT_MEDIA = ("audio", "image", "video", "file", "document", "container_upload")


def compare(want, got, warned, body):
    """what the provider is asked otherwise than the client asked it"""
    wrong = []

    def check(what, is_same, *excuses):
        if not is_same and not any(e in warned for e in excuses):
            wrong.append("%s: %s, not %s" % (what, repr(getattr(got, what))[:300], repr(getattr(want, what))[:300]))
    check("texts", follows(want.texts, got.texts))
    check("calls", want.calls == got.calls)
    has_same_media = want.media == got.media
    check("results", len(want.results) == len(got.results) and
          all(is_same_result(a, b, has_same_media, warned) for a, b in zip(want.results, got.results)))
    check("media", has_same_media, *ABOUT_MEDIA)
    check("tools", is_same_tools(want, got), "tool")
    check("choice", is_same_choice(want, got), "tool")
    for limit, value in want.limits.items():
        if isinstance(value, str) or isinstance(value, (int, float)) and value < 0:
            continue  # of no use to any provider
        found = got.limits.get(limit)
        is_nearest = limit == "max_tokens" and value < 16 == found or limit == "top_p" and value == 1 and found == .99
        check("limits", found == value or is_nearest, limit)
    check("schema", want.schema == got.schema or all(json.dumps(n) in body for n in want.schema or ()), "response_format")
    return wrong


def is_same_result(one, other, has_same_media, warned):
    """where results are text alone, it says that one has failed, and where its pictures are"""
    if one == "" and isinstance(other, str):
        return other == "(see below)" and has_same_media or "left out]" in other and any(w in warned for w in ABOUT_MEDIA) or not other
    return one == other or isinstance(other, str) and other.startswith("Error:") and other[6:].strip() == str(one).strip()


def is_same_tools(want, got):
    """where calls need their tools, those that the client left out are there by name"""
    called = {name for name, _ in want.calls}
    more = {n: t for n, t in got.tools.items() if n not in want.tools and n != ANSWER_TOOL}
    if want.choice == "none" and not got.tools:
        return True  # so they cannot be called
    return all(n in called and t == ("", []) for n, t in more.items()) and all(
        got.tools.get(n) == t for n, t in want.tools.items())


def is_same_choice(want, got):
    wanted = (want.choice if want.tools else None) or "auto"
    found = got.choice or "auto"
    if ANSWER_TOOL in got.tools and wanted == "auto":
        return found in ("required", ANSWER_TOOL)
    return wanted == found or found == "required" and list(got.tools) == [wanted] or wanted == "none" and not got.tools


def follows(texts, others):
    """each text stands, in this order and in its role, among the others; what the gateway says besides may stand between"""
    role_of = {"system": ("system", "user")}  # in the middle of a conversation the user says it
    at = offset = 0
    for role, text in texts:
        while at < len(others):
            found = others[at][1].find(text, offset) if others[at][0] in role_of.get(role, (role,)) else -1
            if found >= 0:
                offset = found + len(text)
                break
            at, offset = at + 1, 0
        else:
            return False
    return True


@pytest.fixture(scope="module")
def serving(lasting):
    upstream = lasting.upstream()
    upstream.always(anything)
    return start(lasting, upstream), upstream


@pytest.mark.parametrize("speaks, suffix", MODELS)
def test_what_is_asked_reaches_providers_of(serving, speaks, suffix):
    g, upstream = serving
    failures, count = [], 0
    for number, (label, asks, stream, body) in enumerate(REQUESTS):
        if asks == speaks:
            continue
        path, body = to(asks, stream, body, "%s/%d%s" % (name(speaks), number, suffix))
        answer = g.call(body, path)
        if answer.status == 400:
            continue  # said so to the client; test_determinism counts them
        count += 1
        sent = upstream.last.json
        wrong = compare(asking.read(asks, body), asking.read(speaks, sent), answer.headers.get("x-tidegate-warnings", ""),
                        json.dumps(sent))
        failures += ["%s: %s" % (label, w) for w in wrong]
    assert not failures, "%d of %d:\n%s" % (len(failures), count, "\n".join(failures[:60]))
    assert count >= 50

"""Every recorded request, sent to providers of the other dialects: nothing that it asks is lost without a warning.

What it asks is read by `facts.request` from the client's body and from the body that the provider gets.
"""
import json

import pytest

from conformance import FOLDER
from facts import DIALECTS
from facts import request as asking
from test_determinism import REQUESTS, anything, name, start

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not REQUESTS, reason="no recordings in " + FOLDER)]
ABOUT_MEDIA = ("audio", "image", "video", "file", "document", "container_upload")


def compare(want, got, warned, body):
    """what the provider is asked otherwise than the client asked it"""
    wrong = []

    def check(what, is_same, *excuses):
        if not is_same and not any(e in warned for e in excuses):
            wrong.append("%s: %s, not %s" % (what, repr(getattr(got, what))[:300], repr(getattr(want, what))[:300]))
    check("texts", follows(want.texts, got.texts))
    check("calls", want.calls == got.calls)
    check("results", want.results == got.results)
    check("media", want.media == got.media, *ABOUT_MEDIA)
    check("tools", want.tools == got.tools, "tool")
    wanted = want.choice if want.tools else None
    check("choice", (wanted or "auto") == (got.choice or "auto"), "tool")
    for limit, value in want.limits.items():
        if isinstance(value, str) or isinstance(value, (int, float)) and value < 0:
            continue  # of no use to any provider
        found = got.limits.get(limit)
        check("limits", found == value or limit == "max_tokens" and value < 16 == found, limit)
    check("schema", want.schema == got.schema or all(json.dumps(n) in body for n in want.schema or ()), "response_format")
    return wrong


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


@pytest.mark.parametrize("speaks", DIALECTS)
def test_what_is_asked_reaches_providers_of(gateway, upstream, speaks):
    upstream.always(anything)
    g = start(gateway, upstream)
    failures, count = [], 0
    for number, (label, asks, stream, body) in enumerate(REQUESTS):
        if asks == speaks:
            continue
        path, body = to(asks, stream, body, "%s/%d" % (name(speaks), number))
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


def to(asks, stream, body, model):
    """(path, body) of a recorded request for another model"""
    if asks == "gemini":
        return "/v1beta/models/%s:%s" % (model, "streamGenerateContent?alt=sse" if stream else "generateContent"), body
    path = {"openai-chat": "/v1/chat/completions", "openai-responses": "/v1/responses", "anthropic-messages": "/v1/messages"}
    body = {**body, "model": model}
    if asks == "anthropic-messages":
        body.setdefault("max_tokens", 100)
    return path[asks], body

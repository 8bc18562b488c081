"""Recorded streams that were made wrong: never a crash, never a false success, never something lost in silence. T-01."""
import copy
import functools
import os
import random

import pytest

import framings
import gateway as program
import upstream as mock
from conformance import FOLDER, SEED, USABLE, Bench, check, in_threads
from facts import ALL, client
from malformed import variants, whole_variants

pytestmark = [pytest.mark.skipif(not USABLE, reason="no recordings in " + FOLDER), pytest.mark.timeout(900)]
STREAMS = [r for r in USABLE if r.status == 200 and r.is_stream and not r.facts.error and r.facts.ended]
WHOLE = [r for r in USABLE if r.status == 200 and not r.is_stream and not r.facts.error and r.facts.ended]
SUCCESS = {"openai-chat": b"[DONE]", "anthropic-messages": b"event: message_stop", "openai-responses": b"response.completed",
           "cohere-v2": b"[DONE]", "bedrock-converse": framings.header(":event-type", "metadata"), "ollama": b'"done":true'}


@pytest.fixture
def bench(tmp_path):
    if not os.path.exists(program.BINARY):
        pytest.skip("build it first: " + program.BINARY)
    one = Bench(tmp_path, USABLE)
    try:
        yield one
        one.stop()  # it is alive, and nothing is left over
    finally:
        one.close()


def must_fail(recording, dialect, answer):
    """what is wrong with an answer that may not look like a success"""
    if answer.cut:
        return ["the connection was cut"]
    if answer.status >= 400:
        try:
            client.error(dialect, answer.status, answer.body)
        except AssertionError as problem:
            return [str(problem)]
        return []
    if not recording.is_stream:
        return ["a false success: %r" % answer.body[:200]]
    if SUCCESS.get(dialect, b"\0") in answer.body:
        return ["a false end: %r" % answer.body[-200:]]
    if dialect == recording.dialect:
        got = recording.read(answer.body)
    else:
        try:
            got = client.stream(dialect, answer.body)
        except (AssertionError, KeyError, TypeError) as problem:
            return ["%s: %s" % (type(problem).__name__, problem)]
    return [] if got.error else ["a false success: %r" % answer.body[-200:]]


def run(bench, dialect, items):
    def work(item):
        recording, variant = item
        reply = recording.reply(variant.body, [max(1, len(variant.body))])
        if variant.cut:
            reply.pieces.append(mock.Cut())
        one = copy.copy(recording)
        one.body = variant.body
        answer = bench.ask(one, dialect, reply)
        if variant.fails:
            wrong = must_fail(one, dialect, answer)
        elif variant.fails is None and answer.status >= 400 and one.dialect != dialect and not one.is_stream:
            wrong = must_fail(one, dialect, answer)
        else:
            one.facts = one.read(variant.body)
            wrong = check(one, dialect, answer)
        return ["%s to %s, %s: %s" % (one.id, dialect, variant.name, w) for w in wrong]
    return [w for wrong in in_threads(work, items) for w in wrong]


def show(failures):
    return "%d failures:\n%s" % (len(failures), "\n".join(sorted(failures)[:200]))


@functools.lru_cache
def of_streams(most, share=1.0):
    chosen = random.Random(SEED)
    found = [(r, v) for r in STREAMS for v in variants(r, chosen, most)]
    return [item for item in found if chosen.random() < share]


def of_whole(share=1.0):
    chosen = random.Random(SEED)
    return [(r, v) for r in WHOLE for v in whole_variants(r) if chosen.random() < share]


@pytest.mark.parametrize("dialect", ALL)
def test_T01_a_malformed_stream_never_looks_like_a_success_to_a_client_of(bench, dialect):
    items = of_streams(2, .1 if program.is_sanitized() else .3)
    failures = run(bench, dialect, items)
    assert not failures, show(failures)


@pytest.mark.parametrize("dialect", ALL)
def test_a_malformed_answer_never_looks_like_a_success_to_a_client_of(bench, dialect):
    items = [(r, v) for r, v in of_whole(.1 if program.is_sanitized() else .3) if r.dialect != dialect]
    failures = run(bench, dialect, items)
    assert not failures, show(failures)


@pytest.mark.soak
@pytest.mark.parametrize("dialect", ALL)
def test_every_malformed_variant_of_every_recording_to_a_client_of(bench, dialect):
    failures = run(bench, dialect, of_streams(60))
    failures += run(bench, dialect, [(r, v) for r, v in of_whole() if r.dialect != dialect])
    assert not failures, show(failures)

"""Every recorded answer, replayed to clients of all dialects: whole, as it was split, and split anew.

What a client must read is what `facts.provider` finds in the recording; the client's bytes are read by `facts.client`,
which knows the protocols alone. The matrix provider x client dialect is printed at the end of the run, with a reason
for everything that was not replayed or could not be carried. T-28, T-33, T-35, T-37.
"""
import os
from collections import Counter

import pytest

import gateway as program
from conformance import CANNOT, FOLDER, FRAMINGS, RECORDINGS, USABLE, Bench, check, in_threads, splits
from expect import told
from facts import ALL
from matrix import Matrix

pytestmark = [pytest.mark.skipif(not USABLE, reason="no recordings in " + FOLDER), pytest.mark.timeout(600)]


SMALL = 6000  # bytes of what has a framing of its own: always byte by byte, too


@pytest.fixture
def bench(tmp_path):
    if not os.path.exists(program.BINARY):
        pytest.skip("build it first: " + program.BINARY)
    one = Bench(tmp_path, USABLE)
    try:
        yield one
        one.stop()
    finally:
        one.close()


def replays(recordings, dialect, more=0, bytewise=0):
    """[(recording, split, sizes, whether in the other form of `ask`)]"""
    found = []
    for one in recordings:
        ways = splits(one, more) if one.status == 200 else splits(one)[:1]
        odd = SMALL if one.dialect in FRAMINGS and dialect in (one.dialect, "openai-chat") else 0
        if 0 < len(one.body) <= max(bytewise, odd) and one.status == 200:
            ways.append(("byte by byte", [1]))
        found += [(one, name, sizes, False) for name, sizes in ways]
        if dialect == "gemini" and one.is_stream or dialect == "ollama":  # an array, /api/generate
            found.append((one, "in the other form", ways[-1][1], True))
    return found


def run(bench, dialect, items, record_property):
    """replays them all; the failures as text"""
    matrix, lost, results = Matrix(), Counter(), {}

    def work(item):
        recording, split, sizes, other = item
        seen = set()
        answer = bench.ask(recording, dialect, recording.reply(recording.body, sizes), other)
        return item, check(recording, dialect, answer, other, seen), seen, answer
    done = in_threads(work, items)
    log = bench.logged({answer.headers["x-tidegate-request-id"] for _, _, _, answer in done})
    failures = []
    for (recording, split, _, _), wrong, seen, answer in done:
        wrong = wrong + logged(recording, answer, log)
        results[recording.id] = results.get(recording.id, True) and not wrong
        lost.update({(recording.id, what) for what in seen})
        failures += ["%s to %s, %s: %s" % (recording.id, dialect, split, w) for w in wrong]
    for one in {i[0].id: i[0] for i in items}.values():
        matrix.add(one.provider, dialect, results[one.id])
    for what, count in Counter(what for _, what in lost).items():
        matrix.notes["%s cannot carry %s: %s" % (dialect, what, CANNOT[dialect, what])] += count
    record_property("conformance", [[list(k), v] for k, v in matrix.cells.items()])
    record_property("conformance notes", dict(matrix.notes))
    return failures


def logged(recording, answer, log):
    """T-28: the usage in the log is the provider's"""
    line = log[answer.headers["x-tidegate-request-id"]]
    if recording.status != 200 or recording.facts.error or answer.status != 200:
        return []
    usage = recording.facts.usage
    if told(line) != (usage.input, usage.output, usage.cached):
        return ["the log says %s, not %s" % (told(line), (usage.input, usage.output, usage.cached))]
    return []


def show(failures):
    return "%d failures:\n%s" % (len(failures), "\n".join(sorted(failures)[:200]))


@pytest.mark.parametrize("dialect", ALL)
def test_every_recording_says_the_same_to_a_client_of(bench, dialect, record_property):
    failures = run(bench, dialect, replays(USABLE, dialect), record_property)
    assert not failures, show(failures)


@pytest.mark.soak
@pytest.mark.parametrize("dialect", ALL)
def test_T08_however_its_bytes_are_split_to_a_client_of(bench, dialect, record_property):
    failures = run(bench, dialect, replays(USABLE, dialect, more=8, bytewise=30000), record_property)
    assert not failures, show(failures)


def test_nothing_is_left_out_without_a_reason(record_property):
    reasons = Counter("%s was not replayed: %s" % (r.provider, r.reason) for r in RECORDINGS if r.reason)
    record_property("conformance notes", dict(reasons))
    assert len(USABLE) + sum(reasons.values()) == len(RECORDINGS)
    unread = [r.reason for r in RECORDINGS if r.reason and "cannot be read" in r.reason]
    assert not unread, "\n".join(unread)

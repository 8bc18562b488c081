"""How soon a saved script is in force, and how long the loop stands still for it."""
import collections
import os
import re
import shutil
import tempfile
import time

from actors import Mock
from alone import Program, free_port
from machine import http_call

SCRIPTS = 50
SAVES = 20
BETWEEN_S = .2  # so that each save is a reload of its own
POLICY = """-- version %d
return tide.policy {
  route = function(req)
    if req.tokens.prompt > 1000000 then return { targets = { "upstream/mock-2" } } end
    return { targets = { "upstream/mock-1" } }
  end,
}
"""

Reloads = collections.namedtuple("Reloads", "longest_ms stall_ms")


def name(i):
    return "scripts/policies/p%02d.lua" % i


def save(folder, path, text):
    """as an editor does: beside it, then in its place"""
    path = os.path.join(folder, path)
    with open(path + "~", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + "~", path)


def page(port):
    return http_call(port, "GET", "/metrics")[1].decode()


def generation(port):
    return int(re.search(r"^tidegate_generation (\d+)", page(port), re.M).group(1))


def turns(port):
    """[(bound in seconds, turns of the loop up to that long)]"""
    return [(float(b), int(n)) for b, n in
            re.findall(r'^tidegate_loop_turn_seconds_bucket\{le="(\d.+)"\} (\d+)$', page(port), re.M)]


def longest(before, after):
    """the upper bound of the longest turn between the two, in milliseconds"""
    total = after[-1][1] - before[-1][1]
    for (bound, now), (_, then) in zip(after, before):
        if now - then >= total:
            return bound * 1e3
    return None


def measure_reloads(port):
    """the longest of SAVES times to be in force, and the longest turn meanwhile; the worker is else at rest"""
    rundir = tempfile.mkdtemp(prefix="reloads.")
    mock = Mock(port, rundir, None)
    admin = free_port()
    program = Program(port, 1, {name(i): POLICY % 0 for i in range(SCRIPTS)}, ("--admin", "127.0.0.1:%d" % admin))
    try:
        before, times = turns(admin), []
        for i in range(SAVES):
            time.sleep(BETWEEN_S)
            old, began = generation(admin), time.monotonic()
            save(program.folder, name(i), POLICY % (i + 1))
            while generation(admin) == old and time.monotonic() - began < 20:
                time.sleep(.001)
            times.append(time.monotonic() - began)
        return Reloads(max(times) * 1e3, longest(before, turns(admin)))
    finally:
        program.stop()
        mock.group.stop()
        shutil.rmtree(rundir, ignore_errors=True)

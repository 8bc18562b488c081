import os

import pytest

import gateway as program
import speakers
from chain import Chain
from matrix import Matrix
from script import Script
from upstream import Upstream, refused_url

needs_program = pytest.mark.skipif(not os.path.exists(program.BINARY), reason="build it first: " + program.BINARY)


def pytest_collection_modifyitems(items):
    """tests that start the program are skipped, visibly, where it has not been built"""
    for item in items:
        if {"gateway", "program_exists"} & set(item.fixturenames):
            item.add_marker(needs_program)


@pytest.fixture
def program_exists():
    """for tests that start the program without the `gateway` fixture"""


@pytest.fixture
def upstreams():
    """makes mock providers; closed after the test"""
    made = []

    def make():
        made.append(Upstream())
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.fixture
def upstream(upstreams):
    return upstreams()


@pytest.fixture
def script():
    """makes servers whose connections are functions; closed after the test"""
    made = []

    def make(play):
        made.append(Script(play))
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.fixture
def refused():
    """a base_url where nobody listens"""
    url, sock = refused_url()
    yield url
    sock.close()


@pytest.fixture
def gateway(tmp_path):
    """starts the program; after the test it must drain clean and must not have told a provider's key"""
    made = []

    def start(config=None, clean=True, **named):
        folder = tmp_path / ("gateway%d" % len(made))
        folder.mkdir()
        if config is not None:
            config = config.replace("@LOG@", str(folder / "gateway.log"))
        one = program.Gateway(folder, config, **named)
        one.clean = clean  # False: the test itself ends it
        made.append(one)
        return one.start()
    yield start
    try:
        for one in made:
            if one.clean:
                one.settle()
                one.stop()
            one.check_canary()
    finally:
        for one in made:
            one.kill()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    """as `gateway`, for all the tests of a module; with mocks of their own from `lasting.upstream()`"""
    if not os.path.exists(program.BINARY):
        pytest.skip("build it first: " + program.BINARY)
    made, mocks = [], []

    def start(config, **named):
        folder = tmp_path_factory.mktemp("lasting")
        made.append(program.Gateway(folder, config.replace("@LOG@", str(folder / "gateway.log")), **named))
        return made[-1].start()

    def upstream():
        mocks.append(Upstream())
        return mocks[-1]
    start.upstream = upstream
    yield start
    try:
        for one in made:
            one.settle()
            one.stop()
            one.check_canary()
    finally:
        for one in [*made, *mocks]:
            one.kill() if one in made else one.close()


@pytest.fixture
def speaking(gateway, upstreams):
    """a gateway in front of providers a, b ... of these dialects, in order, as the model "group"; and their mocks"""
    def start(*dialects, more=None, files=None, model=None):
        mocks = [upstreams() for _ in dialects]
        text = speakers.group_of(dialects, mocks, model, **(more or {}))
        return (gateway(text, files={**speakers.FILES, **(files or {})}), *mocks)
    return start


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """two gateways in a row (chain.py), for all the tests of a module"""
    if not os.path.exists(program.BINARY):
        pytest.skip("build it first: " + program.BINARY)
    one = Chain(tmp_path_factory.mktemp("chain"))
    yield one
    one.close()


def pytest_terminal_summary(terminalreporter):
    """the matrix of test_conformance.py, put together from what its tests have reported"""
    matrix = Matrix()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()) if getattr(report, "when", "") == "call" else ():
                if name == "conformance":
                    for key, (good, total) in value:
                        cell = matrix.cells[tuple(key)]
                        cell[0], cell[1] = cell[0] + good, cell[1] + total
                elif name == "conformance notes":
                    matrix.notes.update(value)
    if matrix.cells:
        terminalreporter.section("conformance: recordings that passed / that were replayed")
        for line in matrix.lines():
            terminalreporter.write_line(line)

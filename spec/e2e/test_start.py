"""The program itself: first run, command line, start, drain, end."""
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

import gateway as program
import upstream as mock
from config import ADMIN, config, one, provider
from expect import clean_stream
from wire import Closed, wait_until

pytestmark = pytest.mark.slow


def test_without_any_configuration_mock_answers(gateway):
    g = gateway()
    assert g.chat("mock/gpt").json["choices"][0]["message"]["content"]
    clean_stream(g.chat("mock/gpt", stream=True), g.chat("mock/gpt").json["choices"][0]["message"]["content"])


def test_the_start_prints_a_curl_line_that_streams(gateway):
    g = gateway()
    curl = wait_until("a curl line", lambda: re.search(r"curl .*\n", g.errors + g.output + "\n")).group()
    assert "/v1/chat/completions" in curl and str(g.port) in curl and "mock/" in curl and "stream" in curl


def test_keys_in_the_environment_enable_their_providers(gateway):
    names = [m["id"] for m in gateway(env={"GROQ_API_KEY": "sk-canary-groq"}).get("/v1/models").json["data"]]
    assert any(n.startswith("groq/") for n in names) and any(n.startswith("mock/") for n in names)
    assert not any(n.startswith("mistral/") for n in names)


def test_keys_in_dot_env_enable_their_providers(gateway):
    g = gateway(files={".env": "# keys\nexport MISTRAL_API_KEY='sk-canary-mistral'\nGROQ_API_KEY=\"sk-canary-groq\"\n"})
    names = [m["id"] for m in g.get("/v1/models").json["data"]]
    assert any(n.startswith("groq/") for n in names) and any(n.startswith("mistral/") for n in names)


def test_secret_reads_the_environment_before_dot_env(gateway, upstream):
    upstream.always(mock.chat())
    text = config({"one": provider(upstream, "=secret \"ONE_KEY\""), "two": provider(upstream, "=secret \"TWO_KEY\"")})
    g = gateway(text, env={"ONE_KEY": "sk-canary-env"}, files={".env": "ONE_KEY=sk-canary-file\nTWO_KEY=sk-canary-two\n"})
    g.chat("one/m")
    g.chat("two/m")
    assert [r.headers["authorization"] for r in upstream.requests] == ["Bearer sk-canary-env", "Bearer sk-canary-two"]


def test_env_gives_values_with_a_default(gateway, upstream):
    upstream.always(mock.chat())
    text = config({"one": provider("=env(\"BASE\", \"http://127.0.0.1:1\") .. \"/v1\"")})
    gateway(text, env={"BASE": upstream.origin}).chat("one/m")
    assert upstream.requests


def test_a_file_may_be_named_instead_of_a_folder(program_exists, tmp_path, upstream):
    upstream.always(mock.chat())
    path = tmp_path / "other.lua"
    path.write_text(config({"one": provider(upstream)}).replace("@LOG@", str(tmp_path / "log")))
    again = program.Gateway(tmp_path)
    again.command = [program.BINARY, "run", str(path), "--listen", "127.0.0.1:0"]
    try:
        assert again.start().chat("one/m").status == 200
        again.stop()
    finally:
        again.kill()


def test_the_admin_address_may_come_from_the_command_line(gateway, upstream):
    g = gateway(one(upstream, admin={"listen": "127.0.0.1:1", "token": "admin-token"}), args=["--admin", "127.0.0.1:0"])
    assert g.admin("/health").status == 200


def test_admin_off_means_off(gateway, upstream):
    g = gateway(one(upstream, admin=ADMIN), args=["--admin", "off"])
    assert g.get("/health").status == 200 and "admin on" not in g.errors


def test_a_port_in_use_is_an_error(gateway, program_exists, tmp_path):
    g = gateway()
    status, _, errors = program.run("run", str(tmp_path), "--listen", "127.0.0.1:%d" % g.port)
    assert status == 1 and "in use" in errors and str(g.port) in errors
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert program.run("run", str(tmp_path), "--listen", "127.0.0.1:%d" % port)[0] == 1


def test_a_listener_beyond_loopback_needs_clients(program_exists, tmp_path):
    (tmp_path / "gateway.lua").write_text('return { listen = "0.0.0.0:0" }\n')
    status, _, errors = program.run("run", str(tmp_path))
    assert status == 1 and "clients" in errors


# ---- command line ------------------------------------------------------------------------------
def test_version(program_exists):
    status, out, _ = program.run("version")
    assert status == 0 and re.match(r"tidegate \d+\.\d+\.\d+", out)


@pytest.mark.parametrize("flag", [["--help"], ["-h"], ["help"]], ids=lambda f: f[0])
def test_help_names_the_commands(program_exists, flag):
    status, out, _ = program.run(*flag)
    assert status == 0
    for word in ("run", "check", "version", "--listen", "--admin", "--workers"):
        assert word in out


@pytest.mark.parametrize("args", [["nonsense"], ["run", "--nonsense"], ["run", "--listen"], ["run", "--workers", "x"],
                                  ["run", "--workers", "0"], ["run", "a", "b"], ["version", "x"], []], ids=" ".join)
def test_a_usage_error_ends_with_status_2(program_exists, args, tmp_path):
    status, _, errors = program.run(*args, cwd=str(tmp_path))
    assert status == 2 and errors


def test_output_that_cannot_be_written_does_not_crash(program_exists):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([program.BINARY, "--help"], stdout=full, stderr=subprocess.PIPE, timeout=program.LIMIT,
                              env=program.clean_env())
    assert done.returncode >= 0


# ---- drain -------------------------------------------------------------------------------------
def refuses(g):
    try:
        with g.connect() as connection:
            connection.request("GET", "/health")
            connection.response("GET")
        return False
    except (OSError, Closed):
        return True


def test_sigterm_lets_streams_finish_and_refuses_new_connections(gateway, upstream):
    go = threading.Event()
    upstream.answer(mock.stream(mock.delta("a"), mock.Hold(go), mock.delta("b"), mock.finish(), mock.DONE))
    g = gateway(one(upstream), clean=False)
    answer = g.chat("one/m", stream=True).read_until(b"data:")
    idle = g.connect()
    g.signal(signal.SIGTERM)
    wait_until("new connections are refused", lambda: refuses(g))
    assert idle.at_end()
    go.set()
    clean_stream(answer, "ab").connection.close()
    assert g.wait() == 0 and g.stderr[-1] == program.DRAINED


def test_a_request_that_is_being_answered_is_finished(gateway, upstream):
    go = threading.Event()
    upstream.answer(mock.chat(before=[mock.Hold(go)]))
    g = gateway(one(upstream), clean=False)
    connection = g.connect()
    connection.request(body={"model": "one/m", "messages": []})
    upstream.wait_requests(1)
    g.signal(signal.SIGTERM)
    wait_until("new connections are refused", lambda: refuses(g))
    go.set()
    answer = connection.response().read()
    assert answer.status == 200 and answer.headers["connection"].lower() == "close"
    connection.close()
    assert g.wait() == 0 and g.stderr[-1] == program.DRAINED


def test_sigint_drains_too(gateway):
    g = gateway(clean=False)
    g.signal(signal.SIGINT)
    assert g.wait() == 0 and g.stderr[-1] == program.DRAINED


def test_a_second_sigterm_ends_at_once(gateway, upstream):
    upstream.answer(mock.stream(mock.delta("a"), mock.Stall()))
    g = gateway(one(upstream), clean=False)
    answer = g.chat("one/m", stream=True).read_until(b"data:")
    g.signal(signal.SIGTERM)
    wait_until("new connections are refused", lambda: refuses(g))
    assert g.process.poll() is None
    g.signal(signal.SIGTERM)
    g.wait()
    try:
        assert "[DONE]" not in answer.read().events
    except Closed:
        pass
    assert upstream.last.gone.wait(mock.LIMIT)


@pytest.mark.workers
def test_several_workers_drain_clean(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(config({"one": provider(upstream)}, workers=4, admin=ADMIN), clean=False)
    for _ in range(20):
        assert g.chat("one/m").status == 200
    g.stop()


def test_workers_may_come_from_the_command_line(gateway):
    g = gateway(args=["--workers", "3"])
    tasks = os.listdir("/proc/%d/task" % g.process.pid)
    assert len(tasks) >= 3 and g.chat("mock/gpt").status == 200


def test_the_environments_keys_do_not_reach_the_log(gateway):
    g = gateway(env={"OPENAI_API_KEY": "sk-canary-openai"})
    g.chat("mock/gpt")
    assert "sk-canary" not in g.errors + g.output


def test_the_limit_of_open_files_is_raised_to_the_hard_one(gateway):
    g = gateway()
    with open("/proc/%d/limits" % g.process.pid, encoding="ascii") as file:
        soft, hard = re.search(r"Max open files\s+(\S+)\s+(\S+)", file.read()).groups()
    assert soft == hard


def test_connections_that_do_not_fit_into_the_open_files_are_named_at_the_start(gateway):
    g = gateway(config({}, limits={"connections": 500}), open_files=400)
    said = [line for line in g.stderr if line.startswith("limits.connections: 500")]
    assert said == ["limits.connections: 500 need 1064 open files and 400 are allowed: at most 168 clients are served at "
                    "once (ulimit -n, LimitNOFILE)"]
    assert not [line for line in gateway(config({}, limits={"connections": 100}), open_files=400).stderr if "ulimit" in line]


def test_settings_lists_every_field_with_its_default(program_exists):
    status, out, _ = program.run("settings")
    assert status == 0
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert "64MB" in lines["limits.body"] and "127.0.0.1:8080" in lines["listen"]
    assert program.run("settings", "x")[0] == 2


def test_annotations_are_those_of_the_program(program_exists):
    status, out, errors = program.run("annotations")
    assert (status, errors) == (0, "") and out.startswith("---@meta") and "tide.Policy" in out

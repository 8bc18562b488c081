"""A file in adapters/ is a provider, without a restart and without being named: T-45."""
import os

import pytest

import gateway as program
import upstream as mock
from config import ADMIN, config, provider
from expect import clean_stream
from wire import wait_until

pytestmark = pytest.mark.slow

HARBOUR = """return tide.adapter {
  extends = "openai", base_url = "%s",
  models = { ["small"] = {} },%s
}
"""
KEY = 'auth = { type = "bearer", secret = "HARBOUR_KEY" },'
ANTHROPIC = {"anthropic-version": "2023-06-01"}
GEMINI = {"x-goog-api-client": "google-genai-sdk/1.0"}


def put(g, name, text):
    path = os.path.join(g.folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("@LOG@", g.log_path))


def remove(g, name):
    os.remove(os.path.join(g.folder, name))


def models(g, headers=None):
    body = g.get("/v1/models", headers=headers or {}).json
    return [model.get("id") or model["name"] for model in body.get("data") or body["models"]]


def failure(g):
    return g.admin("/admin/scripts").json["last_failure"]


def wait_listed(g, name="harbour/small"):
    wait_until("%s in the list" % name, lambda: name in models(g))


@pytest.mark.workers
def test_T45_a_file_that_is_dropped_in_answers_and_goes_when_it_is_removed(gateway, upstream):
    upstream.always(mock.stream(mock.role(), mock.delta("from the harbour"), mock.finish(), b"data: [DONE]\n\n"))
    g = gateway(config({"mock": {}}, workers=2, admin=ADMIN))
    assert "harbour/small" not in models(g) and g.chat("harbour/small").status == 404
    put(g, "adapters/harbour.lua", HARBOUR % (upstream.url, ""))
    wait_listed(g)
    assert "harbour/small" in models(g, ANTHROPIC) and "models/harbour/small" in models(g, GEMINI)
    for _ in range(8):  # whatever worker answers
        clean_stream(g.chat("harbour/small", stream=True).read(), "from the harbour")
    assert g.chat("mock/gpt").status == 200
    remove(g, "adapters/harbour.lua")
    wait_until("it has gone", lambda: "harbour/small" not in models(g))
    assert g.chat("harbour/small").status == 404 and g.chat("mock/gpt").status == 200


def test_T45_a_broken_file_is_refused_and_the_rest_goes_on(gateway, upstream):
    upstream.always(mock.chat("from the harbour"))
    g = gateway(config({"mock": {}}, admin=ADMIN), files={"adapters/harbour.lua": HARBOUR % (upstream.url, "")})
    assert "harbour/small" in models(g)
    for text, line, what in (("return tide.adapter {\n  extends = 'openai'\n  base_url = 'x',\n}\n", 3, "expected"),
                             (HARBOUR.replace("models", "modles") % (upstream.url, ""), 3, "did you mean 'models'"),
                             (HARBOUR % ("nonsense", ""), 2, "must begin with http")):
        put(g, "adapters/pier.lua", text)
        told = wait_until("a failure", lambda: failure(g) if what in ((failure(g) or {}).get("message") or "") else None)
        assert told["file"].endswith("adapters/pier.lua") and told["line"] == line
        wait_until("the line on stderr", lambda: any("adapters/pier.lua:%d" % line in entry and what in entry
                                                     for entry in g.stderr))
        assert "harbour/small" in models(g) and g.chat("harbour/small").status == 200
    put(g, "adapters/pier.lua", HARBOUR % (upstream.url, ""))
    wait_listed(g, "pier/small")
    wait_until("no failure any more", lambda: failure(g) is None)


def test_a_file_waits_for_its_key_and_gets_it_from_the_env_file(gateway, upstream):
    upstream.always(mock.chat("from the harbour"))
    g = gateway(config({"mock": {}}, admin=ADMIN), files={"adapters/harbour.lua": HARBOUR % (upstream.url, KEY)})
    assert "harbour/small" not in models(g)
    status, out, err = program.run("check", g.folder)
    assert status == 0 and "adapters/harbour.lua:3: warning: harbour is not a provider: HARBOUR_KEY is set" in out, out + err
    put(g, ".env", "HARBOUR_KEY=sk-canary-harbour\n")
    wait_listed(g)
    assert g.chat("harbour/small").status == 200
    assert upstream.last.headers["authorization"] == "Bearer sk-canary-harbour"


def test_what_the_configuration_says_of_a_file_wins(gateway, upstream):
    upstream.always(mock.chat("from the harbour"))
    g = gateway(config({"mock": {}, "harbour": False}, admin=ADMIN),
                files={"adapters/harbour.lua": HARBOUR % (upstream.url, "")})
    assert "harbour/small" not in models(g) and g.chat("harbour/small").status == 404
    put(g, "gateway.lua", config({"mine": {"extends": "harbour"}}, admin=ADMIN))
    wait_listed(g, "mine/small")
    assert models(g) == ["mine/small"]
    put(g, "gateway.lua", config({"harbour": provider(upstream, extends="harbour", models=["big"])}, admin=ADMIN))
    wait_listed(g, "harbour/big")
    assert models(g) == ["harbour/big"]


def test_a_file_that_replaces_a_shipped_adapter_is_a_provider_where_it_is_named(gateway, upstream):
    upstream.always(mock.chat("from here"))
    g = gateway(config({"mock": {}}, admin=ADMIN), files={"adapters/vllm.lua": HARBOUR % (upstream.url, "")})
    assert "vllm/small" not in models(g)
    put(g, "gateway.lua", config({"vllm": {}}, admin=ADMIN))
    wait_listed(g, "vllm/small")
    assert g.chat("vllm/small").status == 200

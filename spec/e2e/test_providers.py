"""OpenAI-compatible providers are tables: each finds its path, its key and its quirks."""
import json

import pytest

import upstream as mock
from config import config, provider
from expect import clean_stream, told

pytestmark = pytest.mark.slow

HOSTED = ("openai", "deepseek", "groq", "mistral", "xai", "openrouter", "together", "fireworks", "moonshot", "qwen", "zhipu",
          "perplexity", "cerebras")
LOCAL = ("vllm", "llamacpp", "lmstudio")
SECRETS = {"openai": "OPENAI_API_KEY", "deepseek": "DEEPSEEK_API_KEY", "groq": "GROQ_API_KEY", "mistral": "MISTRAL_API_KEY",
           "xai": "XAI_API_KEY", "openrouter": "OPENROUTER_API_KEY", "together": "TOGETHER_API_KEY",
           "fireworks": "FIREWORKS_API_KEY", "perplexity": "PERPLEXITY_API_KEY", "cerebras": "CEREBRAS_API_KEY"}


@pytest.mark.parametrize("name", HOSTED + LOCAL)
def test_a_provider_is_reached_at_its_path_with_its_key(gateway, upstream, name):
    upstream.always(lambda r: mock.tokens("x") if r.json.get("stream") else mock.chat("x"))
    g = gateway(config({name: {"base_url": upstream.origin + "/base/v9", "keys": ["sk-canary-" + name]}}))
    answer = g.chat(name + "/some/model", temperature=0.5)
    assert answer.status == 200 and answer.headers["x-tidegate-target"] == name + "/some/model"
    request = upstream.last
    assert (request.method, request.target) == ("POST", "/base/v9/chat/completions")
    assert request.headers["authorization"] == "Bearer sk-canary-" + name
    assert request.headers["content-type"] == "application/json"
    assert request.json["model"] == "some/model" and request.json["temperature"] == 0.5
    clean_stream(g.chat(name + "/m", stream=True), "x")


@pytest.mark.parametrize("name", LOCAL)
def test_a_local_server_needs_no_key(gateway, upstream, name):
    upstream.always(mock.chat())
    g = gateway(config({name: {"base_url": upstream.url}}))
    assert g.chat(name + "/m").status == 200 and "authorization" not in upstream.last.headers


@pytest.mark.parametrize("name", list(SECRETS))
def test_a_key_in_the_environment_is_enough(gateway, name):
    names = [m["id"] for m in gateway(env={SECRETS[name]: "sk-canary-" + name}).get("/v1/models").json["data"]]
    assert any(n.startswith(name + "/") for n in names), names


def test_any_name_may_extend_openai(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(config({"my_own": provider(upstream)}))
    assert g.chat("my_own/m").headers["x-tidegate-target"] == "my_own/m"


def sent(gateway, upstream, name, **fields):
    upstream.always(lambda r: mock.tokens("x") if r.json.get("stream") else mock.chat())
    g = gateway(config({name: {"base_url": upstream.url, "keys": ["sk-canary-" + name]}}))
    g.chat(name + "/m", **fields).read()
    return upstream.last.json


def test_mistral_names_some_fields_otherwise_and_refuses_others(gateway, upstream):
    body = sent(gateway, upstream, "mistral", max_completion_tokens=5, seed=7, user="u", logit_bias={}, metadata={"a": "b"},
                stream=True, stream_options={"include_usage": True})
    assert body["max_tokens"] == 5 and body["random_seed"] == 7 and body["metadata"] == {"a": "b"}
    assert not {"max_completion_tokens", "seed", "user", "logit_bias", "stream_options"} & set(body)


def test_deepseek_knows_max_tokens_only(gateway, upstream):
    body = sent(gateway, upstream, "deepseek", max_completion_tokens=5)
    assert body["max_tokens"] == 5 and "max_completion_tokens" not in body


def test_groq_gets_no_logit_bias(gateway, upstream):
    body = sent(gateway, upstream, "groq", logit_bias={"1": 2}, logprobs=True, seed=1)
    assert "logit_bias" not in body and "logprobs" not in body and body["seed"] == 1


def test_openai_and_local_servers_get_everything(gateway, upstream):
    fields = {"logit_bias": {"1": 2}, "seed": 1, "max_completion_tokens": 5, "user": "u", "min_p": 0.1, "guided_json": {}}
    for name in ("openai", "vllm"):
        body = sent(gateway, upstream, name, **fields)
        assert {k: body[k] for k in fields} == fields


def test_xai_counts_reasoning_outside_of_its_completion_tokens(gateway, upstream):
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115,
             "completion_tokens_details": {"reasoning_tokens": 100}}
    upstream.always(mock.chat(usage=usage))
    g = gateway(config({"xai": {"base_url": upstream.url, "keys": ["sk-canary-xai"]}}))
    assert told(g.log(g.chat("xai/m")))[:2] == (10, 105)


def test_cerebras_and_perplexity_send_no_done_and_it_is_added(gateway, upstream):
    upstream.always(mock.stream(mock.delta("x"), mock.finish(usage=mock.USAGE)))
    for name in ("cerebras", "perplexity"):
        g = gateway(config({name: {"base_url": upstream.url, "keys": ["sk-canary-" + name]}}))
        clean_stream(g.chat(name + "/m", stream=True), "x")


def test_an_openrouter_error_chunk_before_content_moves_on(gateway, upstreams):
    a, b = upstreams(), upstreams().always(mock.tokens("from b"))
    failed = {"error": {"message": "Upstream error from Venice", "code": 502},
              "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "error"}]}
    a.always(mock.stream(b": OPENROUTER PROCESSING\n\n", mock.event(failed), mock.DONE))
    g = gateway(config({"openrouter": {"base_url": a.url, "keys": ["sk-canary-a"]}, "b": provider(b)},
                       models={"x": {"targets": ["openrouter/m", "b/m"], "pick": "ordered"}}))
    clean_stream(g.chat("x", stream=True), "from b")


SHAPES = {
    "mistral": [({"detail": "Unprocessable"}, 422, "Unprocessable"),
                ({"object": "error", "message": "Logprobs are not enabled", "code": "3051", "type": "x"}, 400, "Logprobs")],
    "xai": [({"code": "bad", "error": "This model does not support it"}, 400, "does not support it")],
    "vllm": [({"object": "error", "message": "too big", "type": "BadRequestError", "code": 400}, 400, "too big")],
}


@pytest.mark.parametrize("name", list(SHAPES))
def test_errors_of_odd_shapes_keep_their_status_and_text(gateway, upstream, name):
    g = gateway(config({name: {"base_url": upstream.url, "keys": ["sk-canary-" + name]}}))
    for body, status, text in SHAPES[name]:
        upstream.always(mock.json_reply(body, status))
        answer = g.chat(name + "/m")
        assert answer.status == status and text in answer.body.decode()


def test_an_adapter_beside_the_configuration_adds_a_provider(gateway, upstream):
    upstream.always(mock.chat())
    adapter = """return tide.adapter {
  name = "mine", extends = "openai", base_url = "%s",
  auth = { type = "header", name = "x-my-key", secret = "MINE_KEY" },
  headers = { ["x-client"] = "tidegate" },
  params = { rename = { max_tokens = "max_output" }, drop = { "user" }, default = { top_k = 5 } },
}
""" % upstream.url
    g = gateway(config({"mine": {"keys": ["=secret 'MINE_KEY'"]}}), files={"adapters/mine.lua": adapter},
                env={"MINE_KEY": "sk-canary-mine"})
    assert g.chat("mine/m", max_tokens=3, user="u").status == 200
    request = upstream.last
    assert request.headers["x-my-key"] == "sk-canary-mine" and "authorization" not in request.headers
    assert request.headers["x-client"] == "tidegate" and request.target == "/v1/chat/completions"
    assert request.json["max_output"] == 3 and request.json["top_k"] == 5
    assert not {"user", "max_tokens"} & set(request.json)


def test_a_key_pool_uses_its_keys(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(config({"one": {"extends": "openai", "base_url": upstream.url, "keys": ["sk-canary-1", "sk-canary-2"]}}))
    for _ in range(4):
        assert g.chat("one/m").status == 200
    assert {r.headers["authorization"] for r in upstream.requests} <= {"Bearer sk-canary-1", "Bearer sk-canary-2"}


def test_a_refused_key_is_followed_by_the_next_key_of_the_provider(gateway, upstream):
    upstream.always(lambda r: mock.chat() if r.headers["authorization"].endswith("-2") else mock.error(401))
    g = gateway(config({"one": {"extends": "openai", "base_url": upstream.url, "keys": ["sk-canary-1", "sk-canary-2"]}}))
    for _ in range(3):
        assert g.chat("one/m").status == 200


# ---- models ------------------------------------------------------------------------------------
def test_models_lists_aliases_and_groups_first_then_targets(gateway, upstream):
    g = gateway(config({"mock": {}, "one": provider(upstream)}, models={"fast": ["one/m"], "nick": "fast"}))
    answer = g.get("/v1/models")
    assert answer.json["object"] == "list"
    names = [m["id"] for m in answer.json["data"]]
    assert set(names[:2]) == {"fast", "nick"} and "mock/gpt" in names and len(names) == len(set(names))
    assert all(m["object"] == "model" and "owned_by" in m and isinstance(m["created"], int) for m in answer.json["data"])


def test_aliases_resolve_through_aliases(gateway, upstream):
    upstream.always(mock.chat())
    g = gateway(config({"one": provider(upstream)}, models={"a": "b", "b": "one/real"}))
    assert g.chat("a").status == 200 and upstream.last.json["model"] == "real"
    assert json.loads(upstream.last.body)["messages"]

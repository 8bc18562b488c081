"""What requests cost, the cheapest target, larger windows, and what lists say of models. T-22, T-32.

Costs are recomputed here, with decimals, from the counts that the provider sent and a table of the tests' own.
"""
import json
import os
import re
from decimal import ROUND_HALF_UP, Decimal

import pytest

import upstream as mock
from config import ADMIN, config, provider
from conformance import USABLE, Bench
from dialects import ANTHROPIC, OPENAI, error_of
from expect import attempts, openai_error
from scripted import policed, policy
from wire import wait_until

pytestmark = pytest.mark.slow

P = {"input": 0.7, "output": 2.3, "cached": 0.11, "cache_write": 0.93, "reasoning": 3.1}
KINDS = ("input", "output", "cached", "cache_write", "reasoning")
FOR_ANTHROPIC = {"anthropic-version": "2023-06-01"}


def cost(prices, input, output, cached=0, cache_write=0, reasoning=0):
    """USD, to the nano-dollar, half up"""
    of = {name: Decimal(str(value)) for name, value in prices.items()}
    of = {"cached": of["input"], "cache_write": of["input"], "reasoning": of["output"], **of}
    total = (max(0, input - cached - cache_write) * of["input"] + cached * of["cached"]
             + cache_write * of["cache_write"] + max(0, output - reasoning) * of["output"]
             + reasoning * of["reasoning"]) / 1000000
    return float(total.quantize(Decimal("1e-9"), ROUND_HALF_UP))


def costs(line):
    """(cost, whether a part of it is unknown) of a log line"""
    return line["cost_usd"], line.get("cost_unknown", False)


def priced(**of_model):
    return {"one/" + name: prices for name, prices in of_model.items()}


ONE = {"input": 2.5, "output": 10, "cached": 1.25}
OF_ONE = cost(ONE, 11, 7, 3)  # mock.USAGE


def put(g, name, text):
    path = os.path.join(g.folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("@LOG@", g.log_path))


def reload(g):
    answer = g.admin("/admin/reload", method="POST")
    assert answer.status == 200, answer.body


# ---- what an answer costs ----------------------------------------------------------------------
def test_T32_every_kind_of_answer_has_its_cost_in_the_log(gateway, upstream):
    g = gateway(config({"one": provider(upstream)}, prices=priced(m=ONE, e={"input": 0.02, "output": 0})))
    upstream.always(mock.chat())
    assert costs(g.log(g.chat("one/m"))) == (OF_ONE, False)
    to_claude = g.call({"model": "one/m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
                       "/v1/messages", headers=FOR_ANTHROPIC)
    assert costs(g.log(to_claude)) == (OF_ONE, False)
    upstream.always(mock.tokens("a", "b", usage=mock.USAGE))
    stream = g.chat("one/m", stream=True)
    stream.read()
    assert costs(g.log(stream)) == (OF_ONE, False)
    upstream.always(mock.embeddings())
    assert costs(g.log(g.call({"model": "one/e", "input": "hi"}, "/v1/embeddings"))) == (cost(
        {"input": 0.02, "output": 0}, 4, 0), False)
    for path, more in (("/v1/embeddings", {"input": "hi"}), ("/v2/embed", {"texts": ["hi"], "embedding_types": ["float"]})):
        answer = g.call({"model": "one/m", **more}, path)  # nothing is written, whatever that would cost
        assert costs(g.log(answer)) == (cost(ONE, 4, 0), False)


def test_T32_what_is_not_known_is_flagged_and_never_0(gateway, upstream):
    g = gateway(config({"one": provider(upstream)}, prices=priced(m=ONE, half={"input": 3})))
    upstream.always(mock.chat())
    assert costs(g.log(g.chat("one/nobody-knows"))) == (None, True)
    assert costs(g.log(g.chat("one/half"))) == (None, True)
    upstream.always(mock.chat(usage=None))
    assert costs(g.log(g.chat("one/m"))) == (None, True)
    upstream.always(mock.tokens("a", "b"))
    stream = g.chat("one/m", stream=True)
    stream.read()
    assert costs(g.log(stream)) == (None, True)
    upstream.always(mock.error(400))
    assert costs(g.log(g.chat("one/m"))) == (None, False)  # nothing was answered


@pytest.mark.parametrize("place", ["prices", "models of the provider", "adapters/models/one.lua"])
def test_T32_the_next_request_uses_prices_that_were_reloaded(gateway, upstream, place):
    upstream.always(mock.chat())

    def write(g, prices):
        entry = {"m": prices} if prices else {}
        provided = provider(upstream, **({"models": entry} if place.startswith("models") and prices else {}))
        more = {"prices": priced(**entry)} if place == "prices" and prices else {}
        text = config({"one": provided}, admin=ADMIN, reload={"watch": False}, **more)
        if g is None:
            return gateway(text)
        put(g, "gateway.lua", text)
        if place.startswith("adapters"):
            put(g, place, "return tide.models { models = { m = { input = %s, output = %s } } }" % (
                prices["input"], prices["output"]))
        reload(g)
        return g
    g = write(None, None)
    assert costs(g.log(g.chat("one/m"))) == (None, True)
    for prices in ({"input": 1, "output": 2}, {"input": 5, "output": 0.5}):
        write(g, prices)
        assert costs(g.log(g.chat("one/m"))) == (cost(prices, 11, 7), False)


def test_a_request_costs_what_all_its_attempts_and_branches_cost(gateway, upstreams):
    a, b = upstreams().always(mock.chat("no")), upstreams().always(mock.chat("yes"))
    prices = {"a/m": ONE, "b/m": P, "a/judge": {"input": 1, "output": 1}}
    files = policy(
        route='assert(tide.chat { model = "a/judge", messages = { { role = "user", content = "?" } } }.cost == %r)'
              % cost(prices["a/judge"], 11, 7, 3),
        accept='tide.log.info("held", { cost = res.cost })\n    return res.text == "yes"',
        on_finish='tide.log.info("sum", { cost = sum.cost, unknown = tostring(sum.cost_unknown) })')
    g = gateway(policed(a, b, prices=prices), files=files)
    answer = g.chat("smart")
    assert attempts(answer) == [("a/judge#1", "200"), ("a/m#1", "rejected"), ("b/m#1", "200")]
    parts = [cost(prices["a/judge"], 11, 7, 3), OF_ONE, cost(P, 11, 7, 3)]
    line = g.log(answer)
    assert costs(line) == (round(sum(parts), 9), False)
    noted = wait_until("what the hooks saw", lambda: [n for n in g.lines() if n.get("message") == "sum"])
    assert noted[0]["fields"] == {"cost": line["cost_usd"], "unknown": "nil"}
    held = [n["fields"]["cost"] for n in g.lines() if n.get("message") == "held"]
    assert held == parts[1:]


# ---- recorded answers --------------------------------------------------------------------------
def chosen(most=5):
    """of each provider and protocol some with every kind of count, and some without any"""
    found = {}
    for one in USABLE:
        if one.status == 200 and not one.facts.error and one.facts.ended:
            kinds = tuple(bool(getattr(one.facts.usage, kind)) for kind in KINDS)
            found.setdefault((one.target, kinds), []).append(one)
    return [one for some in found.values() for one in some[:most]]


def expected_of(recording):
    """what the log must say; Cohere charges for less than it reads"""
    counts = {kind: getattr(recording.facts.usage, kind) for kind in KINDS}
    billed = re.findall(rb'"billed_units":\s*(\{[^}]*\})', recording.body)
    if billed:
        units = json.loads(billed[-1])
        counts = {"input": int(units["input_tokens"]), "output": int(units["output_tokens"])}
    if counts["input"] is None or counts["output"] is None:
        return None, True
    return cost(P, **{kind: count or 0 for kind, count in counts.items()}), False


@pytest.mark.skipif(not USABLE, reason="no recordings")
def test_recorded_answers_cost_what_their_counts_say(tmp_path, program_exists):
    asks = [(one, dialect) for one in chosen() for dialect in {one.dialect, OPENAI, ANTHROPIC}]
    prices = {"%s/rec-%d%s" % (one.target, i, one.suffix): P for i, (one, _) in enumerate(asks)}
    bench = Bench(tmp_path, USABLE, prices=prices)
    try:
        done = [(one, dialect, bench.ask(one, dialect, one.reply(one.body, [len(one.body)]))) for one, dialect in asks]
        log = bench.logged({answer.headers["x-tidegate-request-id"] for _, _, answer in done})
        bench.stop()
    finally:
        bench.close()
    wrong, known = [], 0
    for one, dialect, answer in done:
        if answer.status != 200:
            continue
        expected, found = expected_of(one), costs(log[answer.headers["x-tidegate-request-id"]])
        known += not expected[1]
        if found != expected:
            wrong.append("%s to %s: %s, not %s, for %s" % (one.id, dialect, found, expected, one.facts.usage))
    assert not wrong, "\n".join(wrong)
    assert known > 20


# ---- the cheapest ------------------------------------------------------------------------------
def three(upstreams, prices, **more):
    mocks = [upstreams().always(mock.chat("from " + name)) for name in "abc"]
    table = {name: provider(one, "sk-canary-" + name) for name, one in zip("abc", mocks)}
    models = {"group": {"targets": ["a/m", "b/m", "c/m"], "pick": "cheapest"}, "plain": ["a/m", "b/m", "c/m"]}
    return config(table, models=models, prices=prices, scripts={"explain": True}, **more), mocks


def order(g, model="group", **more):
    answer = g.call({"model": model, "messages": [{"role": "user", "content": "hi"}], **more},
                    headers={"x-tidegate-explain": "1"})
    told = json.loads(answer.headers["x-tidegate-explain"])["candidates"]
    return answer, "".join(label[0] for label in told)


def test_the_cheapest_target_is_asked_first_then_the_next(gateway, upstreams):
    prices = {"a/m": {"input": 3, "output": 9}, "b/m": {"input": 1, "output": 30}, "c/m": {"input": 2, "output": 2}}
    text, (a, b, c) = three(upstreams, prices)
    g = gateway(text)
    answer, told = order(g)
    assert told == "cab" and answer.headers["x-tidegate-target"] == "c/m"
    long = {"max_tokens": 1, "messages": [{"role": "user", "content": "word " * 4000}]}
    assert order(g, **long)[1] == "bca"  # a long prompt and a short answer
    assert order(g, "plain")[1] == "abc"
    c.always(mock.error(500))
    a.always(mock.error(503))
    answer, _ = order(g)
    assert attempts(answer) == [("c/m#1", "500"), ("a/m#1", "503"), ("b/m#1", "200")]
    assert costs(g.log(answer)) == (cost(prices["b/m"], 11, 7), False)


def test_what_has_no_price_comes_last_and_the_top_level_may_say_so_for_all(gateway, upstreams):
    text, _ = three(upstreams, {"c/m": {"input": 50, "output": 50}}, pick="cheapest")
    g = gateway(text)
    for _ in range(3):
        assert order(g, "plain")[1] == "cab"


def test_a_plan_may_ask_for_the_cheapest(gateway, upstreams):
    a, b = upstreams().always(mock.chat()), upstreams().always(mock.chat())
    prices = {"a/m": {"input": 2, "output": 2}, "b/m": {"input": 1, "output": 1}}
    g = gateway(policed(a, b, prices=prices), files=policy(route='return { model = "smart", pick = "cheapest" }'))
    assert g.chat("smart").headers["x-tidegate-target"] == "b/m"


# ---- T-22 --------------------------------------------------------------------------------------
TOO_LONG = {"message": "This model's maximum context length is 8192 tokens", "type": "invalid_request_error",
            "param": "messages", "code": "context_length_exceeded"}


def too_long():
    return mock.json_reply({"error": TOO_LONG}, 400)


def windows(upstreams, *sizes, **more):
    mocks = [upstreams() for _ in sizes]
    table = {name: provider(one, "sk-canary-" + name, models={"m": {"context": size} if size else {}})
             for name, one, size in zip("abcd", mocks, sizes)}
    return config(table, models={"group": {"targets": [n + "/m" for n in table], "pick": "ordered"}}, **more), mocks


def test_T22_a_prompt_that_is_too_long_goes_to_a_larger_window(gateway, upstreams):
    text, (a, b, c, d) = windows(upstreams, 8192, 4096, None, 128000)
    a.always(too_long())
    d.always(mock.chat("from d"))
    g = gateway(text)
    for stream in (False, True):
        d.always(mock.tokens("from ", "d") if stream else mock.chat("from d"))
        answer = g.chat("group", stream=stream)
        if stream:
            answer.read()
        assert answer.status == 200 and attempts(answer) == [("a/m#1", "400"), ("d/m#1", "200")]
    assert not b.requests and not c.requests


def test_T22_without_a_larger_window_the_client_gets_the_providers_words(gateway, upstreams):
    text, (a, b, c) = windows(upstreams, 8192, 4096, None)
    a.always(too_long())
    g = gateway(text)
    answer = g.chat("group")
    assert openai_error(answer, 400)["code"] == "context_length_exceeded" and answer.json["error"] == TOO_LONG
    assert attempts(answer) == [("a/m#1", "400")] and not b.requests and not c.requests
    line = g.log(answer)
    assert line["error"]["kind"] == "context_length"


def test_T22_the_tables_know_the_windows(gateway, upstreams):
    a, b = upstreams().always(too_long()), upstreams().always(mock.chat("from b"))
    table = {"openai": {"base_url": a.url, "keys": ["sk-canary-a"]}, "groq": {"base_url": b.url, "keys": ["sk-canary-b"]},
             "mine": provider(b, "sk-canary-c")}
    models = {"up": ["openai/gpt-4", "mine/any", "groq/llama-3.3-70b-versatile"], "down": ["openai/gpt-4", "openai/gpt-4"]}
    g = gateway(config(table, models=models))
    assert attempts(g.chat("up")) == [("openai/gpt-4#1", "400"), ("groq/llama-3.3-70b-versatile#1", "200")]
    assert error_of(OPENAI, g.chat("down"), 400)


# ---- lists -------------------------------------------------------------------------------------
def test_lists_say_what_is_known_in_each_shape(gateway, refused):
    sizes = {"m": {"context": 64000, "max_output": 4000}}
    table = {"groq": {"base_url": refused, "keys": ["sk-canary-a"]}, "mine": provider(refused, models=sizes)}
    g = gateway(config(table, prices={"mine/m": {"input": 1}}))
    listed = {m["id"]: m for m in g.get("/v1/models").json["data"]}
    assert listed["mine/m"] == {"id": "mine/m", "object": "model", "created": 0, "owned_by": "mine",
                                "context_window": 64000, "max_completion_tokens": 4000}
    assert listed["groq/llama-3.3-70b-versatile"]["context_window"] == 128000
    assert [m for m in listed if m.startswith("mine/")] == ["mine/m"]
    one = g.get("/v1/models/mine%2Fm", headers=FOR_ANTHROPIC).json
    assert (one["max_input_tokens"], one["max_tokens"]) == (64000, 4000)
    one = g.get("/v1beta/models/mine/m").json
    assert (one["inputTokenLimit"], one["outputTokenLimit"]) == (64000, 4000)
    one = g.get("/v1/models/groq%2Fllama-3.3-70b-versatile-20260101").json
    assert one["context_window"] == 128000  # a date means no other model


# ---- what is wrong -----------------------------------------------------------------------------
WRONG = {
    "an unknown provider": ('prices = {\n ["opnai/x"] = { input = 1 } }', {}, r"gateway.lua:3: .*did you mean 'openai'"),
    "no provider": ('prices = {\n smart = { input = 1 } }', {}, r"gateway.lua:3: .*provider/model"),
    "an unknown field": ('prices = { ["openai/x"] = {\n inptu = 1 } }', {}, r"gateway.lua:3: .*did you mean 'input'"),
    "a price below 0": ('prices = { ["openai/x"] = {\n input = -1 } }', {}, r"gateway.lua:3: .*must be from 0"),
    "half a price": ('prices = { ["openai/x"] = {\n output = 1 } }', {}, r"gateway.lua:[23]: .*`input`"),
    "a table": ("", {"adapters/models/groq.lua": "return tide.models { models = {\n a = { contxt = 1 } } }"},
                r"adapters/models/groq.lua:2: .*did you mean 'context'"),
    "no table": ("", {"adapters/models/groq.lua": "return { a = {} }"}, r"adapters/models/groq.lua:1: .*tide.models"),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_what_is_wrong_is_named_with_its_line(tmp_path, program_exists, case):
    import subprocess

    import gateway as program
    settings, files, expected = WRONG[case]
    files = {"gateway.lua": "return { providers = { openai = { keys = { \"k\" } } },\n%s }\n" % settings, **files}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for command in ("check", "run"):
        done = subprocess.run([program.BINARY, command, str(tmp_path)], capture_output=True, timeout=60,
                              env=program.clean_env())
        told = (done.stdout + done.stderr).decode()
        assert done.returncode == 1 and re.search(expected, told), told

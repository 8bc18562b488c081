"""tide.chat and tide.embed: requests that a script asks while it serves another one."""
import threading

import upstream as mock
from config import ADMIN
from expect import attempts, clean_stream, openai_error
from scripted import policed, policy
from wire import wait_until

ASK = 'tide.chat { model = "a/judge", messages = { { role = "user", content = "which?" } } }'


def asks_first(then='return { targets = { "b/m" } }', options=ASK):
    return policy(route="local result, err = %s\n    %s" % (options, then))


def headers_of(*names):
    """lets a policy tell what it saw"""
    return "".join('req:set_header("x-saw-%s", tostring(%s)) ' % (name, value) for name, value in names)


def test_a_policy_asks_a_model_and_routes_by_what_it_says(gateway, upstreams):
    a, b = upstreams().always(mock.chat("b/special")), upstreams().always(mock.chat("from b"))
    g = gateway(policed(a, b), files=asks_first("return { targets = { result.text } }"))
    answer = g.chat("smart")
    assert answer.status == 200 and answer.json["choices"][0]["message"]["content"] == "from b"
    assert b.last.json["model"] == "special"
    assert a.last.json == {"model": "judge", "messages": [{"role": "user", "content": "which?"}]}


def test_its_attempts_and_tokens_are_those_of_the_request(gateway, upstreams):
    a, b = upstreams().always(mock.chat("x")), upstreams().always(mock.chat("y"))
    g = gateway(policed(a, b, admin=ADMIN), files=asks_first())
    answer = g.chat("smart")
    assert attempts(answer) == [("a/judge#1", "200"), ("b/m#1", "200")]
    line = g.log(answer)
    assert line["lanes"].split("=")[0] == "a/judge#1" and line["attempts"] == 2 and line["target"] == "b/m"
    assert line["tokens"]["in"] == 22 and line["tokens"]["out"] == 14
    metrics = g.metrics()
    assert metrics['tidegate_requests_total{model="smart",outcome="ok"}'] == 1
    assert metrics['tidegate_attempts_total{target="a/judge",outcome="200"}'] == 1
    assert metrics['tidegate_tokens_total{model="smart",kind="input"}'] == 11
    assert sum(n for name, n in metrics.items() if name.startswith("tidegate_requests_total")) == 1
    assert len([one for one in g.lines() if one.get("request_id")]) == 1  # an inner request has no line of its own


def test_no_key_and_no_client_list_stand_between_a_script_and_a_model(gateway, upstreams):
    a, b = upstreams().always(mock.chat("x")), upstreams().always(mock.chat("y"))
    g = gateway(policed(a, b, clients=[{"key": "app-key", "name": "app"}]), files=asks_first())
    assert g.call({"model": "smart", "messages": []}).status == 401 and not a.requests
    answer = g.call({"model": "smart", "messages": []}, headers={"Authorization": "Bearer app-key"})
    assert answer.status == 200 and len(a.requests) == 1


def test_it_fails_over_like_a_clients_request(gateway, upstreams):
    a, b = upstreams().always(mock.error(500)), upstreams().always(mock.chat("from b"))
    files = policy(route='local result = tide.chat { model = "both", messages = {} }\n'
                         + headers_of(("text", "result.text"), ("target", "result.target"))
                         + 'return { targets = { "b/m" } }')
    models = {"both": {"targets": ["a/m", "b/m"], "pick": "ordered"}}
    answer = gateway(policed(a, b, models=models), files=files).chat("smart")
    assert answer.headers["x-saw-text"] == "from b" and answer.headers["x-saw-target"] == "b/m"
    assert attempts(answer) == [("a/m#1", "500"), ("b/m#1", "200"), ("b/m#1", "200")]


def test_an_error_says_what_a_script_can_act_on(gateway, upstreams):
    a = upstreams().always(mock.error(429, "slow down", headers={"retry-after": "7"}))
    b = upstreams().always(mock.chat())
    saw = headers_of(("kind", "err.kind"), ("status", "err.status"), ("wait", "err.retry_after"),
                     ("retryable", "err.retryable"), ("target", "err.target"))
    files = policy(route='local result, err = tide.chat { model = "quick", messages = {} }\n'
                         + saw + 'return { targets = { "b/m" } }')
    models = {"quick": {"targets": ["a/judge"], "retry": {"max": 0}}}
    answer = gateway(policed(a, b, models=models), files=files).chat("smart")
    seen = {name[6:]: value for name, value in answer.headers.items() if name.startswith("x-saw-")}
    assert seen == {"kind": "rate_limited", "status": "429", "wait": "7", "retryable": "true", "target": "a/judge"}


def test_a_stream_comes_event_by_event(gateway, upstreams):
    a = upstreams().always(mock.tokens("hel", "lo", usage=mock.USAGE))
    b = upstreams().always(mock.chat())
    files = policy(route='local stream = tide.chat { model = "a/m", stream = true, messages = {} }\n'
                         'local seen = {}\n'
                         'for event in stream:events() do seen[#seen + 1] = event.type .. (event.delta or "") end\n'
                         + headers_of(("events", 'table.concat(seen, " ")'), ("text", "stream:result().text"),
                                      ("in", "stream:result().usage.input"))
                         + 'return { targets = { "b/m" } }')
    answer = gateway(policed(a, b), files=files).chat("smart")
    assert answer.headers["x-saw-events"] == "texthel textlo usage finish"
    assert answer.headers["x-saw-text"] == "hello" and answer.headers["x-saw-in"] == "11"


def test_a_stream_that_breaks_ends_with_an_error_event(gateway, upstreams):
    a = upstreams().always(mock.stream(mock.delta("hel"), mock.Cut()))
    b = upstreams().always(mock.chat())
    files = policy(route='local stream = tide.chat { model = "a/m", stream = true, messages = {} }\n'
                         'local last\n'
                         'for event in stream:events() do last = event end\n'
                         + headers_of(("type", "last.type"), ("kind", "last.error.kind"))
                         + 'return { targets = { "b/m" } }')
    answer = gateway(policed(a, b), files=files).chat("smart")
    assert answer.headers["x-saw-type"] == "error" and answer.headers["x-saw-kind"] == "protocol"


def test_a_long_stream_waits_for_its_reader(gateway, upstreams):
    flood = mock.Flood(mock.delta("x" * 1000), 4000)
    a = upstreams().always(mock.stream(mock.delta("first"), flood, mock.finish(), mock.DONE))
    b = upstreams().always(mock.chat())
    files = policy(route='local stream = tide.chat { model = "a/m", stream = true, messages = {} }\n'
                         'local next_event, count = stream:events(), 0\n'
                         'next_event(stream)\n'
                         'tide.sleep(0.5)\n'
                         'for _ in next_event, stream do count = count + 1 end\n'
                         + headers_of(("count", "count")) + 'return { targets = { "b/m" } }')
    g = gateway(policed(a, b, scripts={"cpu": 5, "cpu_total": 20}), files=files)
    assert g.chat("smart").headers["x-saw-count"] == "4001"


def test_embeddings_come_in_the_order_of_the_input(gateway, upstreams):
    a, b = upstreams().always(mock.embeddings(((1, 2), (3, 4)))), upstreams().always(mock.chat())
    files = policy(route='local result = tide.embed { model = "a/e", input = { "x", "y" } }\n'
                         + headers_of(("second", "result.embeddings[2][1]"), ("in", "result.usage.input"))
                         + 'return { targets = { "b/m" } }')
    answer = gateway(policed(a, b), files=files).chat("smart")
    assert answer.headers["x-saw-second"] == "3" and answer.headers["x-saw-in"] == "4"
    assert a.last.json == {"model": "e", "input": ["x", "y"]}


def test_a_client_that_leaves_frees_what_its_scripts_ask(gateway, upstreams):
    a, b = upstreams().always(mock.stall()), upstreams().always(mock.chat())
    g = gateway(policed(a, b), files=asks_first())
    connection = g.connect()
    connection.request("POST", "/v1/chat/completions", {"model": "smart", "messages": []})
    wait_until("the judge is asked", lambda: a.requests)
    connection.close()
    assert a.last.gone.wait(mock.LIMIT)
    assert not b.requests


def test_what_a_policy_asks_does_not_run_it_again(gateway, upstreams):
    a, b = upstreams().always(mock.chat("from a")), upstreams().always(mock.chat("from b"))
    files = policy(route='local result = tide.chat { model = "smart", messages = {} }\n'
                         + headers_of(("text", "result.text")) + 'return { targets = { "b/m" } }')
    for settings in ({}, {"policy": "p", "models": {"smart": ["a/m"]}}):  # the model's own policy, and everybody's
        answer = gateway(policed(a, b, **settings), files=files).chat("smart")
        assert answer.headers["x-saw-text"] == "from a"
        assert attempts(answer) == [("a/m#1", "200"), ("b/m#1", "200")]


def test_wrong_arguments_blame_the_scripts_line(gateway, upstreams):
    a = upstreams().always(mock.chat())
    g = gateway(policed(a), files=policy(route="tide.chat { messages = {} }"))
    assert g.chat("smart").status == 200  # on_error = "fallback"
    wait_until("the log names the line", lambda: any(
        "scripts/policies/p.lua:4: tide.chat: model must be a string" in line.get("message", "")
        for line in g.lines()))


def test_many_requests_ask_at_once(gateway, upstreams):
    a, b = upstreams().always(mock.chat("x")), upstreams().always(mock.tokens("hel", "lo"))
    g = gateway(policed(a, b), files=asks_first())
    threads = [threading.Thread(target=lambda: clean_stream(g.chat("smart", stream=True), "hello")) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(mock.LIMIT)
    assert len(a.requests) == 20 and len(b.requests) == 20

-- tide.test. Data of reference.lua.
return {
  title = "Tests",
  text = "`NAME_test.lua` beside what it tests; `tidegate test` runs each case in a Lua state of "
    .. "its own, with a clock that costs no time and providers that answer what the test says. "
    .. "`local t = tide.test` is how they begin.",
  files = { "test" },
  functions = {
    {
      name = "tide.test.case",
      text = "A case. It passes unless a check or the code fails.",
      params = { { "name", "string" }, { "fn", "fun()" } },
    },
    {
      name = "tide.test.config",
      text = "Fields of gateway.lua that hold for this file, in place of those that are there.",
      params = { { "fields", "table" } },
    },
    {
      name = "tide.test.upstream",
      text = "The provider of that name as the test has it. Until told otherwise it says "
        .. "hello, gives vectors that are all alike, ranks as the documents came, flags nothing.",
      params = { { "name", "string", "of the configuration" } },
      returns = { { "tide.TestUpstream", "upstream" } },
    },
    {
      name = "tide.test.chat", yields = true,
      text = "Sends a chat as a client would. What is neither `headers` nor `client` nor `path` is "
        .. "the body; without messages it says hi.",
      params = { { "request", "table" } },
      returns = { { "tide.TestAnswer", "answer" } },
    },
    {
      name = "tide.test.request", yields = true,
      text = "Sends any request.",
      params = { { "request", "{ path: string, method?: string, headers?: table<string, string>, "
        .. "body?: string|table, client?: string|false }" } },
      returns = { { "tide.TestAnswer", "answer" } },
    },
    {
      name = "tide.test.http",
      text = "The server that tide.http finds at URLs that begin so. No other can be reached.",
      params = { { "url", "string" } },
      returns = { { "tide.TestServer", "server" } },
    },
    {
      name = "tide.test.advance", yields = true,
      text = "Lets time pass.",
      params = { { "seconds", "number" } },
    },
    {
      name = "tide.test.eq", text = "Fails unless both are the same, through tables.",
      params = { { "got", "any" }, { "expected", "any" } },
    },
    {
      name = "tide.test.near", text = "Fails unless the numbers differ by at most `by`.",
      params = { { "got", "number" }, { "expected", "number" }, { "by?", "number", "1e-6" } },
    },
    {
      name = "tide.test.ok", text = "Fails for nil and false.",
      params = { { "value", "any" }, { "message?", "string" } },
    },
    {
      name = "tide.test.fails",
      text = "Fails unless the function raises an error with `text` in it; returns what it said.",
      params = { { "fn", "fun()" }, { "text?", "string" } },
      returns = { { "string", "said" } },
    },
  },
  classes = {
    {
      name = "tide.TestUpstream",
      text = "A provider that is not there. What is queued is answered in order.",
      fields = {
        { "requests", "table[]", "what it was sent: target, provider, model, method, path, "
          .. "headers, body, dialect, op" },
        { "reply", "fun(answer: tide.TestReply): tide.TestUpstream", "queues an answer" },
        { "stream", "fun(source: string|table, more?: tide.TestReply): tide.TestUpstream",
          "queues a stream: a file beside the test, or pieces; a number among them is a pause" },
        { "default", "fun(answer: tide.TestReply): tide.TestUpstream",
          "what it answers when nothing is queued" },
      },
    },
    {
      name = "tide.TestServer",
      text = "A server that is not there. What is queued is answered in order, the last one again "
        .. "and again.",
      fields = {
        { "requests", "table[]", "what it was asked: url, method, headers, body" },
        { "reply", "fun(answer: tide.TestReply): tide.TestServer", "queues an answer" },
      },
    },
    {
      name = "tide.TestReply", is_input = true,
      text = "One answer of a provider.",
      fields = {
        { "status?", "integer" },
        { "headers?", "table<string, string>" },
        { "body?", "string" },
        { "json?", "any" },
        { "text?", "string", "an answer that says this, in the provider's dialect" },
        { "delay?", "number", "seconds" },
        { "fault?", "\"reset\"|\"timeout\"|\"cut\"" },
        { "model?", "string", "only for requests of this model" },
        { "usage?", "table" },
        { "finish_reason?", "string" },
        { "tool_calls?", "table[]" },
      },
    },
    {
      name = "tide.TestAnswer",
      text = "What the client got, taken apart.",
      fields = {
        { "status", "integer" },
        { "headers", "table<string, string>" },
        { "body", "string" },
        { "json?", "any" },
        { "text?", "string" },
        { "reasoning?", "string" },
        { "events?", "table[]", "of a stream" },
        { "finish_reason?", "string" },
        { "tool_calls?", "table[]" },
        { "usage?", "table", "as OpenAI's chat has it; of other dialects in the gateway's words" },
        { "error?", "table" },
        { "kind?", "string" },
        { "outcome?", "string" },
        { "target?", "string" },
        { "targets", "string[]", "tried, in order" },
        { "attempts", "string[]", "their providers" },
        { "policy?", "string" },
        { "warnings", "string[]" },
      },
    },
  },
}

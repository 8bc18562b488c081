-- tide.chat and tide.embed. Data of reference.lua.
return {
  title = "Models",
  text = "A call goes the way of a client's request: resolution, policy, attempts; not through "
    .. "middleware. It is charged to the client whose request it serves, and ends with that.",
  functions = {
    {
      name = "tide.chat", yields = true,
      text = "Asks a model. Every other field of the options is one of the request, as the "
        .. "client's dialect has it. With `stream = true` the result is a stream.",
      params = { { "options", "tide.ChatOptions" } },
      returns = { { "tide.Result|tide.Stream", "result" } },
      errors = {
        "no_target", "rate_limited", "timeout", "upstream_5xx", "bad_request", "canceled", "budget",
        "script",
      },
      limits = "scripts.calls a request; nested at most scripts.depth deep; limits.hold an answer",
    },
    {
      name = "tide.embed", yields = true,
      text = "Asks a model for the vectors of one text or of several.",
      params = { { "options", "tide.EmbedOptions" } },
      returns = { { "tide.Embeddings", "result" } },
      errors = {
        "no_target", "rate_limited", "timeout", "upstream_5xx", "bad_request", "canceled",
      },
      limits = "as of tide.chat",
    },
  },
  classes = {
    {
      name = "tide.ChatOptions",
      text = "And what else the dialect knows: temperature, tools, response_format ...",
      fields = {
        { "model", "string", "a name of the configuration, or `provider/model`" },
        { "messages", "table[]" },
        { "stream?", "boolean" },
      },
    },
    {
      name = "tide.EmbedOptions",
      text = "And what else the dialect knows.",
      fields = { { "model", "string" }, { "input", "string|string[]" } },
    },
    {
      name = "tide.Result",
      text = "An answer of a model, of its first choice.",
      fields = {
        { "text", "string" },
        { "reasoning?", "string" },
        { "message?", "table", "as the next request of the conversation would send it" },
        { "tool_calls", "tide.ToolCall[]" },
        { "finish_reason?", "string",
          "`stop`, `length`, `tool_calls`, `content_filter` or `error`" },
        { "usage?", "tide.Usage" },
        { "cost?", "number", "USD; nil: not known" },
        { "target?", "string", "who answered" },
      },
    },
    {
      name = "tide.Embeddings",
      text = "Vectors in the order of the input.",
      fields = {
        { "embeddings", "number[][]" }, { "usage?", "tide.Usage" },
        { "cost?", "number", "USD; nil: not known" }, { "target?", "string" },
      },
    },
    {
      name = "tide.Stream",
      text = "An answer that is still coming.",
      methods = {
        {
          name = "events", yields = true, returns = { { "fun(): tide.Event?", "iterator" } },
          text = "For loops: `for event in stream:events() do`. A stream that fails ends with an "
            .. "event of type error.",
        },
        {
          name = "result", yields = true, returns = { { "tide.Result", "result" } },
          text = "Reads what is left and returns all of the answer.",
          errors = { "timeout", "protocol", "upstream_5xx", "canceled" },
        },
        { name = "cancel", text = "Gives the rest up; the provider stops." },
      },
    },
  },
}

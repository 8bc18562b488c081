-- What is known of answers and failures. Data of reference.lua.
return {
  title = "Answers and errors",
  text = "What can fail at run time returns nil and an err. Wrong arguments raise, with the line "
    .. "of the caller. Branch on `err.kind`, never on the text.",
  classes = {
    {
      name = "tide.Err",
      text = "An error value; `tostring(err)` prints `kind: message`.",
      fields = {
        { "kind", "tide.Kind" },
        { "message", "string", "for people" },
        { "status?", "integer", "of a provider's answer" },
        { "retryable?", "boolean", "a second try, or another target, may well succeed" },
        { "retry_after?", "number", "seconds" },
        { "phase?", "string", "`connect`, `head`, `first_token`, `idle`, `total` or `stream`" },
        { "target?", "string", "`provider/model`" },
        { "limit?", "string", "which limit was reached: `cpu`, `tasks` ..." },
        { "causes?", "tide.Err[]", "of tide.any" },
      },
    },
    {
      name = "tide.HeldAnswer",
      text = "A held answer, as `accept` and `after` see it: a result with the HTTP answer around "
        .. "it.",
      fields = {
        { "text", "string", "of the first choice" },
        { "reasoning?", "string" },
        { "message?", "table", "as the next request of the conversation would send it" },
        { "tool_calls", "tide.ToolCall[]" },
        { "finish_reason?", "string",
          "`stop`, `length`, `tool_calls`, `content_filter` or `error`" },
        { "usage?", "tide.Usage" },
        { "cost?", "number", "USD; nil: not known" },
        { "target", "string" },
        { "status", "integer" },
        { "headers", "table<string, string>", "names in lower case" },
        { "body", "string" },
        { "outcome?", "string", "`ok`, for `after`" },
      },
    },
    {
      name = "tide.Sum",
      text = "What is known at the end of a request.",
      fields = {
        { "outcome", "string", "as in tidegate_requests_total" },
        { "status", "integer", "that the client got; 0: none" },
        { "target?", "string", "the last one tried" },
        { "duration", "number", "seconds" },
        { "ttft?", "number", "seconds to the first content" },
        { "attempts", "{ target: string, outcome: string, ms: number }[]", "in order" },
        { "usage", "tide.Usage" },
        { "cost?", "number", "USD, of all attempts and of what the request has asked for" },
        { "cost_unknown?", "boolean", "true: `cost` is not all of it" },
        { "err?", "tide.Err" },
      },
    },
    {
      name = "tide.Usage",
      text = "Tokens as the provider counted them; nil is unknown.",
      fields = {
        { "input?", "integer", "everything read, cached and cache_write included" },
        { "output?", "integer", "reasoning included" },
        { "cached?", "integer" },
        { "cache_write?", "integer" },
        { "reasoning?", "integer" },
      },
    },
    {
      name = "tide.ToolCall",
      text = "A call of a tool that the model asks for.",
      fields = {
        { "id?", "string" },
        { "name?", "string" },
        { "arguments?", "table", "decoded; nil when they are no JSON object" },
        { "arguments_text", "string" },
      },
    },
    {
      name = "tide.Event",
      text = "A piece of a streamed answer. `type` says which of the other fields there are: text, "
        .. "refusal, reasoning: delta; tool_start: i, id, name; tool_args: i, delta; tool_end: i; "
        .. "usage: the counts; finish: reason; error: error.",
      fields = {
        { "type", "string",
          "`text refusal reasoning tool_start tool_args tool_end usage finish error`" },
        { "delta?", "string" },
        { "i?", "integer", "which tool call" },
        { "id?", "string" },
        { "name?", "string" },
        { "reason?", "string" },
        { "error?", "tide.Err" },
        { "choice?", "integer", "of the second and later answers: 2, 3 ..." },
        { "input?", "integer" },
        { "output?", "integer" },
        { "cached?", "integer" },
        { "cache_write?", "integer" },
        { "reasoning?", "integer" },
      },
    },
  },
  aliases = {
    {
      name = "tide.Kind",
      text = "The kinds of error.",
      words = {
        "dns", "connect", "tls", "timeout", "protocol", "upstream_4xx", "upstream_5xx",
        "rate_limited", "overloaded", "quota", "auth", "bad_request", "context_length",
        "content_filter", "canceled", "no_target", "breaker_open", "budget", "too_large",
        "rejected", "script",
      },
    },
  },
}

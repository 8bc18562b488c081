-- tide.http. Data of reference.lua.
return {
  title = "HTTP",
  text = "Requests to servers that `scripts = { http = { \"https://host\" } }` grants.",
  functions = {
    {
      name = "tide.http.request", yields = true,
      text = "Asks a server; connections are pooled. With `stream = true` it returns when the head "
        .. "is there, and the body is read from the answer.",
      params = { { "options", "tide.HttpOptions" } },
      returns = { { "tide.HttpResponse", "res" } },
      errors = {
        "no_target", "dns", "connect", "tls", "timeout", "protocol", "too_large", "budget",
        "canceled",
      },
      limits = "scripts.calls of a request; 16 MB a body unless max_body says otherwise",
    },
  },
  classes = {
    {
      name = "tide.HttpOptions", is_input = true,
      text = "Of the fields only `url` is needed.",
      fields = {
        { "url", "string" },
        { "method?", "string", "GET, or POST with a body" },
        { "headers?", "table<string, string|number|tide.Secret>" },
        { "body?", "string" },
        { "timeout?", "number|{ connect?: number, head?: number, idle?: number, total?: number }",
          "seconds; a number is the total" },
        { "max_body?", "integer", "bytes" },
        { "stream?", "boolean" },
      },
    },
    {
      name = "tide.HttpResponse",
      text = "The answer, whatever its status.",
      fields = {
        { "status", "integer" },
        { "headers", "table<string, string>", "names in lower case" },
        { "body?", "string", "of an answer that is no stream" },
        { "err?", "tide.Err", "why a stream broke off" },
      },
      methods = {
        {
          name = "text", yields = true, returns = { { "string", "text" } },
          text = "The whole body.", errors = { "timeout", "protocol", "too_large", "canceled" },
        },
        {
          name = "json", yields = true, returns = { { "any", "value" } },
          text = "The whole body, decoded.",
          errors = { "protocol", "timeout", "too_large", "canceled" },
        },
        {
          name = "chunks", yields = true, returns = { { "fun(): string?", "iterator" } },
          text = "For loops over the pieces of a stream as they come.",
        },
        {
          name = "sse", yields = true,
          returns = { { "fun(): { event: string, data: string }?", "iterator" } },
          text = "For loops over server-sent events.",
        },
        {
          name = "ndjson", yields = true, returns = { { "fun(): any", "iterator" } },
          text = "For loops over lines of JSON, decoded.",
        },
        { name = "close", text = "Ends a stream whose rest nobody needs." },
      },
    },
  },
}

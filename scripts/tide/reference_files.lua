-- What the files of users return: policies, middleware, adapters, dialects. Data of reference.lua.
return {
  title = "Files",
  text = "A file ends with `return` and one of these. An unknown field, a wrong type or a missing "
    .. "one is an error of `tidegate check`, and of the reload, with the line.",
  functions = {
    {
      name = "tide.policy",
      text = "Decides about requests: `scripts/policies/NAME.lua`, put to use by `policy = "
        .. "\"NAME\"`. It has at least one of `route`, `accept`, `on_event` and `on_finish`.",
      params = { { "policy", "tide.Policy" } },
      returns = { { "tide.Policy", "policy", "the same table" } },
    },
    {
      name = "tide.middleware",
      text = "Looks at every request of a client: `scripts/middleware/NAME.lua`, put to use by "
        .. "`middleware = { \"NAME\" }`.",
      params = { { "middleware", "tide.Middleware" } },
      returns = { { "tide.Middleware", "middleware", "the same table" } },
    },
    {
      name = "tide.adapter",
      text = "Says where a provider is and how it is spoken to: `adapters/NAME.lua`. "
        .. "adapters/README.md tells what each field does.",
      params = { { "adapter", "tide.Adapter" } },
      returns = { { "tide.Adapter", "adapter", "the same table" } },
    },
    {
      name = "tide.dialect",
      text = "Says how a wire protocol is to be read: `adapters/dialects/NAME.lua`.",
      params = { { "dialect", "tide.Dialect" } },
      returns = { { "tide.Dialect", "dialect", "the same table" } },
    },
    {
      name = "tide.models",
      text = "Says what is known of a service's models: `adapters/models/NAME.lua`, in place of "
        .. "the table that the program carries.",
      params = { { "models", "tide.Models" } },
      returns = { { "tide.Models", "models", "the same table" } },
    },
  },
  classes = {
    {
      name = "tide.Policy", is_input = true,
      text = "The hooks of a policy. All but `cost` and `on_event` may wait.",
      fields = {
        { "name?", "string", "the file's name; may be left out" },
        { "api?", "number", "1" },
        { "route?", "fun(req: tide.Request): tide.Plan?, tide.Err?",
          "asked once for each request; nothing: the model's own plan; nil and an err: the client "
            .. "gets that error" },
        { "accept?", "fun(req: tide.Request, res: tide.HeldAnswer): boolean",
          "judges a whole answer, streams too, before the client sees any of it; false: the next "
            .. "lane is tried. Answers are held up to limits.hold" },
        { "on_event?", "fun(req: tide.Request, event: tide.Event): tide.Event?",
          "sees each event of a stream; returns it, changed or not, or nil to leave it out. Must "
            .. "not wait" },
        { "on_finish?", "fun(req: tide.Request, sum: tide.Sum)",
          "runs when the answer has gone; nobody waits for it" },
        { "cost?", "fun(lane: tide.Lane, req: tide.Request): number",
          "what a lane would cost; called for two of them when the plan says `pick = \"cost\"`. "
            .. "Must not wait" },
      },
    },
    {
      name = "tide.Middleware", is_input = true,
      text = "Both hooks may wait. Each is run for the requests of clients, not for those of "
        .. "tide.chat.",
      fields = {
        { "name?", "string", "the file's name; may be left out" },
        { "api?", "number", "1" },
        { "before?", "fun(req: tide.Request): tide.Reply?, tide.Err?",
          "in the order of the list; a reply, or nil and an err, ends the request" },
        { "after?", "fun(req: tide.Request, res: tide.HeldAnswer|tide.Sum)",
          "in reverse order; a whole answer before the client gets it, so that headers can be "
            .. "added, of a stream the sum at its end" },
      },
    },
    {
      name = "tide.Plan", is_input = true,
      text = "What `route` returns; what it leaves out is as configured. Without `targets` and "
        .. "`model` it holds for the model that was asked for.",
      fields = {
        { "targets?", "string[]", "`provider/model`, at most 64" },
        { "model?", "string", "a name of the configuration, resolved without a policy" },
        { "pick?", "string", "`ordered`, `cheapest` or `cost`" },
        { "retry?", "{ max: integer }", "attempts after the first, 0 to 100" },
        { "timeout?", "{ connect?: number, first_token?: number, head?: number, idle?: number, "
          .. "total?: number }", "in seconds" },
        { "hold?", "integer|boolean",
          "release after so many content events; true: hold the whole answer" },
        { "headers?", "table<string, string>", "added to what the provider gets" },
        { "shadow?", "{ target: string, ratio?: number }",
          "a copy of so many of the requests (0 to 1) goes there as well, its answer is dropped" },
        { "params?", "table<string, any>", "top-level fields of the body to set" },
      },
    },
    {
      name = "tide.Lane",
      text = "A target with a credential, as `cost` sees it.",
      fields = {
        { "target", "string", "`provider/model`" },
        { "provider", "string" },
        { "model", "string", "as the provider calls it" },
        { "credential", "string", "its name or position, never its value" },
        { "context?", "integer", "tokens that the model can read, where that is known" },
        { "price?", "{ input?: number, output?: number, cached?: number, cache_write?: number, "
          .. "reasoning?: number, image?: number, second?: number }",
          "USD per million tokens, per picture and second, where they are known" },
      },
    },
    {
      name = "tide.Adapter", is_input = true,
      text = "See adapters/README.md.",
      fields = {
        { "name?", "string", "the file's name" },
        { "api?", "number", "1" },
        { "extends?", "string", "another adapter" },
        { "dialect?", "string", "the one dialect of the provider: a file in dialects/" },
        { "dialects?", "string[]", "all that it speaks, the one to translate to first" },
        { "framing?", "\"sse\"|\"ndjson\"|\"aws-eventstream\"", "of its streams" },
        { "base_url?", "string|fun(config: table): string" },
        { "auth?", "{ type: \"bearer\"|\"header\"|\"query\"|\"gcp\"|\"sigv4\"|\"none\", "
          .. "name?: string, secret?: string, service?: string, keys?: string[] }" },
        { "headers?", "table<string, string>" },
        { "variants?", "table<string, table>", "by fields of the configuration" },
        { "ops?", "{ chat?: table|false, complete?: table|false, embed?: table|false, "
          .. "count?: table|false, rerank?: table|false, moderate?: table|false }" },
        { "params?", "{ rename?: table, drop?: string[], clamp?: table, default?: table, "
          .. "inject_stream?: table|false }" },
        { "families?", "{ models: string[], reasoning?: boolean, params?: table, traits?: table, "
          .. "dialects?: string[], via?: { dialect: string, when: string } }[]",
          "rules by the model's name" },
        { "forward_headers?", "string[]", "of the client's, what the provider gets" },
        { "query?", "table<string, string>", "added to every path" },
        { "config?", "table<string, string>", "settings of the provider, with their types" },
        { "model_map?", "table<string, string>", "what the provider calls a model" },
        { "prepare?", "fun(rq: table, call: table): table?" },
        { "encode?", "fun(rq: table, call: table, http: table)" },
        { "decode?", "fun(body: table, call: table): table?" },
        { "on_event?", "fun(event: table, state: table, emit: function, call: table)" },
        { "on_end?", "fun(state: table, emit: function, call: table)" },
        { "on_status?",
          "fun(status: number, headers: table, body: table|string, call: table): table?" },
        { "models?", "table<string, tide.Model>", "by name" },
        { "models_of?", "string", "whose table of models holds, where that is another's" },
        { "errors?", "{ map?: table, status?: table, match?: table[], path?: string[], "
          .. "type?: string, code?: string, message?: string, retry_after?: string[], "
          .. "inside?: table[] }" },
        { "usage?", "table<string, string|string[]|boolean>" },
        { "serve?", "fun(call: table, out: table)", "answers itself, without a network" },
      },
    },
    {
      name = "tide.Models", is_input = true,
      text = "A table of models. See adapters/README.md.",
      fields = {
        { "date?", "string", "of what it says: 2026-12-31" },
        { "models", "table<string, tide.Model>", "by name" },
      },
    },
    {
      name = "tide.Model", is_input = true,
      text = "What is known of a model. Prices in USD, of a million tokens where nothing else is "
        .. "said.",
      fields = {
        { "kind?", "string", "`embed`, `rerank`, `moderate`, `image`, `transcribe` or `video`; "
          .. "without it: chat" },
        { "context?", "integer", "tokens that it can read" },
        { "max_output?", "integer", "tokens that it can write" },
        { "input?", "number", "read" },
        { "output?", "number", "written" },
        { "cached?", "number", "read from a cache; without it as `input`" },
        { "cache_write?", "number", "written to a cache; without it as `input`" },
        { "reasoning?", "number|boolean", "true: it thinks first; or what its thoughts cost where "
          .. "that is not as `output`" },
        { "image?", "number", "a picture" },
        { "second?", "number", "a second of sound or film" },
        { "tiers?", "{ above: integer, input: number, output?: number, cached?: number, "
          .. "cache_write?: number, reasoning?: number }[]",
          "what all tokens of a request cost whose input is larger than `above`" },
        { "caps?", "string[]", "`audio cache files json reasoning search tools vision`" },
        { "retires?", "string", "the day from which it is not listed: 2026-12-31" },
      },
    },
    {
      name = "tide.Dialect", is_input = true,
      text = "See adapters/dialects/openai-chat.lua.",
      fields = {
        { "name?", "string", "the file's name" },
        { "api?", "number", "1" },
        { "watch", "table<string, string|table>",
          "which events mean content, finish, usage, terminal and error" },
        { "usage?", "table<string, string|string[]|boolean>", "where its token counts stand" },
        { "terminal_bytes?", "string", "what ends a stream that has no end" },
        { "content_type?", "string", "of its streams" },
        { "framing?", "\"sse\"|\"ndjson\"|\"aws-eventstream\"", "of its streams" },
        { "operations?", "table<string, table>", "what it has besides chat" },
        { "paths?", "table<string, string>", "of a provider, by operation" },
        { "stream_paths?", "table<string, string>", "where streams have others" },
        { "headers?", "table<string, string>", "that every provider of it wants" },
        { "request?", "table", "the members of a body that the gateway itself looks at" },
        { "raw_members?", "string[]", "members that are not decoded" },
        { "decode_request?", "fun(body: table, call: table): table?, table?" },
        { "encode_request?", "fun(rq: table, call: table): table" },
        { "decode_answer?", "fun(body: table, emit: function, call: table)" },
        { "encode_answer?", "fun(answer: table, call: table): table" },
        { "decode_event?", "fun(event: table, emit: function, state: table, call: table)" },
        { "end_events?", "fun(emit: function, state: table, call: table)" },
        { "encode_event?", "fun(event: table, write: function, state: table, call: table)" },
        { "end_stream?", "fun(write: function, state: table, call: table)" },
        { "error_body", "fun(err: table, call?: table): string" },
        { "error_event", "fun(err: table, call?: table, state?: table): string, string?" },
        { "read_error?", "fun(body: table): table" },
        { "error_headers?", "fun(err: table): table<string, string>" },
        { "list_models?", "fun(models: table[], call: table): table" },
        { "show_model?", "fun(model: table): table" },
        { "needs_bytes?", "fun(part: table, call: table): boolean",
          "whether a part with a URL must be sent as data" },
        { "decode_count?", "fun(body: table): number?" },
        { "encode_count?", "fun(tokens: number, call: table): table" },
      },
    },
  },
}

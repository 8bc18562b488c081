-- `req` and its body. Data of reference.lua.
return {
  title = "Requests",
  text = "`req` is what the hooks get. Its fields are found out when they are first asked for; the "
    .. "names of fields are checked. After the request has ended every use of it raises.",
  classes = {
    {
      name = "tide.Request",
      text = "A request of a client, or of tide.chat.",
      fields = {
        { "id", "string", "as in the header x-tidegate-request-id" },
        { "method", "string" },
        { "path", "string", "without the query" },
        { "query", "table<string, string>", "of each name the first value" },
        { "headers", "table<string, string?>", "any case; read only" },
        { "client", "{ name?: string, ip?: string }", "whose key it has, and from where" },
        { "protocol", "string", "the client's dialect: `openai-chat`, `openai-responses`, "
          .. "`anthropic-messages` or `gemini`" },
        { "op", "string", "`chat`, `complete`, `embed` or `count`, the tokens of a chat" },
        { "model", "string", "as the client asked for it" },
        { "stream", "boolean" },
        { "tokens", "{ prompt: integer, max_out?: integer }", "prompt is an estimate" },
        { "messages", "integer", "how many there are" },
        { "has_tools", "boolean" },
        { "has_images", "boolean" },
        { "has_audio", "boolean" },
        { "json_mode", "boolean", "the answer is to be JSON" },
        { "user", "string?", "whom the body names as its user" },
        { "deadline", "number", "when it must have ended, on the clock of tide.now()" },
        { "ctx", "table", "yours: what one hook leaves for another" },
        { "body", "tide.Body", "the body, by paths, as the client's dialect has it" },
      },
      methods = {
        {
          name = "canceled", returns = { { "boolean" } },
          text = "True when the client has gone, or the request is to end for another reason.",
        },
        {
          name = "reply",
          text = "Ends the request with this answer; in `before` of a middleware only.",
          params = {
            { "status", "integer", "200 to 599" },
            { "headers?", "table<string, string>" },
            { "body?", "string|table", "a table becomes JSON" },
          },
          returns = { { "tide.Reply", "reply", "so that `return req:reply(...)` reads well" } },
        },
        {
          name = "set_header",
          text = "Adds a header to the answer; raises when its head has gone.",
          params = { { "name", "string" }, { "value", "string" } },
        },
        {
          name = "set_upstream_header",
          text = "Adds a header to what the provider gets, in every attempt; raises once the first "
            .. "has begun.",
          params = { { "name", "string" }, { "value", "string" } },
        },
      },
    },
    {
      name = "tide.Body",
      text = "The body of a request, a JSON object. A path is names and positions (from 1 on; -1 "
        .. "is the last), as in `body:get(\"messages\", -1, \"content\")`. Order and numbers are "
        .. "kept; members of the top level that nobody changes go out byte for byte. It can be "
        .. "read until the answer begins, and changed until the first attempt.",
      methods = {
        {
          name = "get",
          text = "The value there, or nil; arrays and objects as tables of their own. Without a "
            .. "path: all of it.",
          params = { { "...", "string|integer", "the path" } },
          returns = { { "any", "value" } },
        },
        {
          name = "set",
          text = "Puts a value there. Objects and arrays on the way are made; the position behind "
            .. "the last one appends. The model, the estimate of tokens and whatever else "
            .. "depends on it follow when the hook has returned.",
          params = { { "...", "any", "the path, then the value" } },
          returns = { { "boolean", "ok" } },
          errors = { "too_large", "bad_request" },
          limits = "limits.body, limits.json_depth, 32 steps, 10 000 members at the top",
        },
        {
          name = "del",
          text = "Removes what is there; false when there is nothing.",
          params = { { "...", "string|integer", "the path" } },
          returns = { { "boolean", "was_there" } },
          errors = { "too_large" },
        },
        {
          name = "len",
          text = "How many items an array or members an object has; nil for anything else.",
          params = { { "...", "string|integer", "the path" } },
          returns = { { "integer?", "count" } },
        },
        {
          name = "each",
          text = "For loops over the items of an array (position, value) or the members of an "
            .. "object (name, value), in order; the body may be changed in the loop.",
          params = { { "...", "string|integer", "the path" } },
          returns = { { "fun(): (string|integer, any)", "iterator" } },
        },
        {
          name = "table", returns = { { "table", "value" } },
          text = "All of it as a Lua table.",
        },
        {
          name = "raw",
          text = "The JSON text of what is there, or nil; without a path of all of it, as it will "
            .. "be sent.",
          params = { { "...", "string|integer", "the path" } },
          returns = { { "string?", "text" } },
        },
      },
    },
    {
      name = "tide.Reply", is_input = true,
      text = "An answer that a middleware gives itself.",
      fields = {
        { "status", "integer", "200 to 599" },
        { "headers?", "table<string, string>" },
        { "body?", "string|table", "a table becomes JSON" },
      },
    },
  },
}

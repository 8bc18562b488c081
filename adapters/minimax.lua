-- MiniMax, international. In China base_url is https://api.minimaxi.com, with other keys. Errors
-- come with the status 200, as a code in `base_resp`. Without reasoning_split thoughts stand in the
-- content, in tags.
local SPLIT = { default = { reasoning_split = true } }

return tide.adapter {
  name = "minimax",
  extends = "openai",
  dialects = { "openai-chat", "anthropic-messages" },
  base_url = "https://api.minimax.io",
  auth = { type = "bearer", secret = "MINIMAX_API_KEY" },
  ops = {
    chat = {
      path = "/v1/chat/completions",
      paths = { ["anthropic-messages"] = "/anthropic/v1/messages" },
    },
    complete = false, embed = false, count = false,
  },
  params = {
    rename = { max_completion_tokens = "max_tokens" }, clamp = { temperature = { 0.01, 1 } },
  },
  families = {
    -- Those of the third generation think as much as they want to, or not at all.
    {
      models = { "MiniMax-M3*", "minimax-m3*" }, reasoning = true, params = SPLIT,
      traits = {
        reasoning = "thinking", thinking_on = "adaptive", reasoning_back = "reasoning_details",
        structured = false, forced_tools = false,
      },
    },
    {
      models = { "MiniMax-M*", "minimax-m*" }, reasoning = true, params = SPLIT,
      traits = {
        reasoning = false, reasoning_back = "reasoning_details", structured = false,
        forced_tools = false,
      },
    },
    { models = { "*" }, traits = { reasoning = false, structured = false } },
  },
  errors = {
    inside = { { path = "base_resp.status_code", unless = 0 } },
    path = { "base_resp" }, code = "status_code", message = "status_msg",
    map = {
      ["1000"] = "upstream_5xx", ["1001"] = "timeout", ["1002"] = "rate_limited", ["1004"] = "auth",
      ["1008"] = "quota", ["1013"] = "upstream_5xx", ["1024"] = "upstream_5xx",
      ["1026"] = "content_filter", ["1027"] = "content_filter", ["1033"] = "upstream_5xx",
      ["1039"] = "rate_limited", ["1041"] = "rate_limited", ["1042"] = "bad_request",
      ["2049"] = "auth", ["2056"] = "quota", ["2061"] = "no_target",
      authorized_error = "auth", authentication_error = "auth", billing_error = "quota",
      insufficient_balance_error = "quota", rate_limit_error = "rate_limited",
      overloaded_error = "overloaded", not_found_error = "no_target",
    },
    -- 2013 is whatever is wrong with a request. Errors with a status have the code in the text.
    match = {
      { contains = "context window exceeds limit", kind = "context_length" },
      { contains = "invalid params", kind = "bad_request" },
      { contains = "(1008)", kind = "quota" }, { contains = "(2056)", kind = "quota" },
      { contains = "(1026)", kind = "content_filter" },
      { contains = "(1027)", kind = "content_filter" },
      { contains = "(2061)", kind = "no_target" },
    },
  },
  models = {
    ["MiniMax-M3"] = { reasoning = true }, ["MiniMax-M2.7"] = { reasoning = true },
    ["MiniMax-M2.5"] = { reasoning = true }, ["MiniMax-M2"] = { reasoning = true },
  },
}

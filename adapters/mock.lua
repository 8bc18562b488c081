-- The mock: answers without a network or a key, the same for the same request. Its models are
-- described in scripts/tide/mock.lua; any status can be had as mock/error-STATUS.
return tide.adapter {
  name = "mock",
  dialect = "openai-chat",
  ops = { chat = true, complete = true, embed = true, rerank = true, moderate = true },
  models = {
    ["gpt"] = {}, ["fast"] = {}, ["slow"] = {}, ["echo"] = {}, ["embed"] = {},
    ["rerank"] = {}, ["moderation"] = {},
    ["error-429"] = {}, ["error-500"] = {}, ["cut"] = {}, ["empty"] = {}, ["garbage"] = {},
    ["stall"] = {},
  },
  -- Loaded with the first request: a gateway that never asks the mock does not carry it.
  serve = function(call, out)
    return require("tide.mock").serve(call, out)
  end,
}

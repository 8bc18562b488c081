-- What reasoning models refuse: to be told how to pick words while they think. Pure.
--
-- Traits: sampling = "no_effort": only where nothing is thought; default_effort: how hard the model
-- thinks when it is not told.
local M = {}

local NAMES = {
  "temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs",
  "top_logprobs",
}

--- Whether the model takes them.
function M.is_free(effort, traits)
  return traits.sampling ~= "no_effort" or (effort or traits.default_effort) == "none"
end

--- Takes them out of a body.
-- @tparam table body changed
-- @tparam string|nil effort what the body says of it
-- @tparam table traits of the model's family
-- @tparam function warn called with each name
function M.fit(body, effort, traits, warn)
  if M.is_free(effort, traits) then return end
  for _, name in ipairs(NAMES) do
    if body[name] ~= nil then
      body[name] = nil
      warn(name)
    end
  end
end

return M

-- The mock: answers like OpenAI would, without a network or a key, the same for the same request.
--
-- Its models: gpt (20 ms a token), fast (no pauses), slow (1 s, then 200 ms a token), echo (repeats
-- the prompt), embed, rerank, moderation, and faults on demand: error-429 (any status; error-200 is
-- an error inside a 200), cut, empty, garbage, stall.
local core = require("core")
local chat = require("tide.mock_chat")
local embed = require("tide.mock_embed")
local faults = require("tide.mock_faults")
local moderation = require("tide.mock_moderation")
local rerank = require("tide.mock_rerank")
local stream = require("tide.mock_stream")

local M = {}

-- Seconds before the first token and between tokens.
local PACES = {
  gpt = { 0.02, 0.02 }, fast = { 0, 0 }, echo = { 0, 0.02 }, slow = { 1, 0.2 }, cut = { 0, 0.02 },
  embed = { 0, 0 }, rerank = { 0, 0 }, moderation = { 0, 0 },
}

local HANDLERS = {
  chat = chat.chat, complete = chat.complete, embed = embed.embed, rerank = rerank.rerank,
  moderate = moderation.moderate,
}

-- Models that are for one operation, and operations that have one model.
local ONLY = { embed = "embed", rerank = "rerank", moderate = "moderation" }
local ONLY_FOR = { embed = "embed", rerank = "rerank", moderation = "moderate" }

local function refuse(out, problem)
  local body = {
    error = {
      message = problem.message, type = "invalid_request_error",
      param = problem.param or core.null, code = problem.code or core.null,
    },
  }
  out:head(problem.status or 400, { ["content-type"] = "application/json" })
  out:write(core.encode(body))
end

local function check_model(call)
  if not PACES[call.model] then
    return {
      status = 404, param = "model", code = "model_not_found",
      message = "The model `" .. call.model .. "` does not exist in the mock.",
    }
  end
  if ONLY[call.op] and ONLY[call.op] ~= call.model
    or ONLY_FOR[call.model] and ONLY_FOR[call.model] ~= call.op then
    return {
      status = 404, param = "model", code = "model_not_found",
      message = "mock/" .. call.model .. " is not made for this endpoint.",
    }
  end
end

--- The adapter's `serve`.
-- @tparam table call op, stream, model, body
-- @param out head(), write(), cut()
function M.serve(call, out)
  local request = core.decode(call.body)
  local pace = PACES[call.model] or PACES.gpt
  if faults.serve(call, out) then return end
  local answer, problem = nil, check_model(call)
  if not problem then answer, problem = HANDLERS[call.op](call, request) end
  if problem then return refuse(out, problem) end
  local is_cut = call.model == "cut"
  if call.stream then return stream.send(out, answer, pace, is_cut) end
  if pace[1] > 0 then
    local _, err = core.sleep(pace[1])
    if err then return end
  end
  stream.send_whole(out, answer, is_cut)
end

return M

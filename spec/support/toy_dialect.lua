-- A small dialect for specs: as the text of a file of adapters/dialects/.
local M = {}

local FILE = [[
return tide.dialect {
  name = "%s",
  watch = { content = { "text" }, finish = { "finish" }, error = { "error" } },
  request = %s,
  paths = { chat = "/%s", count = "/%s/count" },
  decode_request = function(body, call)
    if body.wrong then return nil, { message = "it is wrong", param = "wrong" } end
    if body.bad then error("a bug") end
    call.warn("odd")
    return { messages = body, system = {} }
  end,
  encode_request = function(rq) return rq.messages end,
  decode_answer = function(body, emit)
    emit("start", { id = body.id })
    emit("text", { delta = body.text })
    emit("finish", { reason = body.finish })
  end,
  encode_answer = function(answer) return { text = answer.choices[1].content[1].text } end,
  decode_event = function(event, emit)
    local data = event.data
    if type(data) ~= "table" then return end
    if data.text then emit("text", { delta = data.text }) end
    if data.finish then emit("finish", { reason = data.finish }) end
  end,
  encode_event = function(event, write) write({ type = event.type, text = event.delta }) end,
  error_body = function(err)
    return tide.json.encode { toy = "%s", message = err.message, kind = err.kind,
      id = err.request_id }
  end,
  error_event = function(err)
    return "data: " .. tide.json.encode { message = err.message } .. "\n\n"
  end,
  list_models = function(models)
    local names = {}
    for i, model in ipairs(models) do names[i] = model.id end
    return { names = tide.json.array(names) }
  end,
  show_model = function(model) return { name = model.id } end,
  encode_count = function(tokens) return { tokens = tokens } end,
}
]]

-- As the real ones have it.
local REQUESTS = {
  ["openai-responses"] =
    '{ model = "model", stream = "stream", messages = "input", needs = { "input" } }',
  ["anthropic-messages"] =
    '{ model = "model", stream = "stream", messages = "messages", needs = { "messages" } }',
  gemini = '{ messages = "contents", needs = { "contents" }, '
    .. 'choices = "generationConfig.candidateCount" }',
}

--- Files of all three, for fake.install{ files = }.
function M.files()
  local files = {}
  for name, request in pairs(REQUESTS) do
    files["adapters/dialects/" .. name .. ".lua"] = FILE:format(name, request, name, name, name)
  end
  return files
end

return M

-- What the members of a client's request have to be. Pure.
local shapes = require("tide.shapes")

local M = {}

local text, list, object = shapes.text, shapes.list, shapes.object

local source = object({
  bytes = text, s3Location = object({ uri = text, bucketOwner = text }), text = text,
  content = list(object({ text = text })),
})
local media = object({ format = text, source = source })
local cited = object({ enabled = shapes.boolean })
local document = object({
  format = text, name = text, source = source, context = text, citations = cited,
})
local search = object({
  source = text, title = text, content = list(object({ text = text })), citations = cited,
})
local guard = object({
  text = object({ text = text, qualifiers = list(text) }), image = media,
})
local cache = object({ type = text, ttl = text })

local result = object({
  status = text,
  content = list(object({
    text = text, image = media, document = document, video = media, searchResult = search,
    cachePoint = cache,
  })),
  toolUseId = text,
}, { "toolUseId" })

local content = list(object({
  text = text, image = media, document = document, video = media, audio = media,
  searchResult = search, guardContent = guard, cachePoint = cache, toolResult = result,
  toolUse = object({ toolUseId = text, name = text }, { "toolUseId", "name" }),
  reasoningContent = object({
    reasoningText = object({ text = text, signature = text }), redactedContent = text,
  }),
  citationsContent = object({
    content = list(object({ text = text })), citations = list(object()),
  }),
}))

local tool = object({
  toolSpec = object({
    name = text, description = text, inputSchema = object({ json = object() }),
    strict = shapes.boolean,
  }, { "name" }),
  systemTool = object({ name = text }), cachePoint = cache,
})

local format = object({
  type = text,
  structure = object({ jsonSchema = object({ schema = text, name = text, description = text }) }),
})

local request = object({
  messages = list(object({ role = text, content = content })),
  system = list(object({ text = text, guardContent = guard, cachePoint = cache })),
  inferenceConfig = object({ stopSequences = list(text) }),
  toolConfig = object({
    tools = list(tool),
    toolChoice = object({ auto = object(), any = object(), tool = object({ name = text }) }),
  }),
  outputConfig = object({ textFormat = format, effort = text }),
  additionalModelRequestFields = object(), additionalModelResponseFieldPaths = list(text),
  requestMetadata = object(), serviceTier = object({ type = text }), guardrailConfig = object(),
  performanceConfig = object(), promptVariables = object(),
})

local function add(step, path)
  if type(step) == "number" then return path .. "." .. step .. ".member" end
  return path == "" and step or path .. "." .. step
end

--- The place of the first member that is something else, and what it must be; nil when all is well.
function M.wrong(body)
  local problem = shapes.problem(request, body, add)
  if not problem then return nil end
  if problem.is_missing then return problem.param, "Member must not be null" end
  return problem.param, "Member must be " .. problem.what
end

return M

-- The log, metrics, state, and what a script may know. Data of reference.lua.
local function log(level, text)
  return {
    name = "tide.log." .. level, text = text,
    params = {
      { "message", "string" },
      { "fields?", "table<string, any>", "at most 16; tables become JSON" },
    },
    limits = "scripts.log_lines of a request, then one line says that there were more",
  }
end

local function metric(kind, text)
  return {
    name = "tide.metric." .. kind, text = text,
    params = {
      { "name", "string", "lower-case letters, digits and `_`; gets `tidegate_script_` in front" },
      { "labels?", "string[]", "names of at most 4 labels" },
      { "help?", "string", "for the metrics page" },
    },
    returns = { { "tide.Metric", "metric" } },
    limits = "100 metrics; 2000 sets of label values together, then `other`",
  }
end

local VALUES = { "...", "string", "a value for each label" }

return {
  title = "Log, metrics, state, surroundings",
  text = "Lines of the log have the script, its generation and the request's id.",
  functions = {
    log("debug", "For finding faults; written when log.level is debug."),
    log("info", "Worth knowing."),
    log("warn", "Something is not as it should be."),
    log("error", "Something has failed."),
    metric("counter", "Declares a number that only grows."),
    metric("gauge", "Declares a number that goes up and down."),
    metric("histogram", "Declares a distribution of seconds."),
    {
      name = "tide.state",
      text = "A table of this worker that survives reloads. It is data alone: functions and "
        .. "userdata in it are refused when a file is loaded, with their place. Another version "
        .. "gets what migrate makes of a copy of the old table, or begins anew.",
      params = {
        { "key", "string" },
        { "version", "integer" },
        { "init?", "fun(): table", "makes the first one; `{}` without it" },
        { "migrate?", "fun(old: table, version: integer): table" },
      },
      returns = { { "table", "state" } },
      limits = "256 keys",
    },
    {
      name = "tide.env",
      text = "A variable of the environment or .env; nil when it is unset. It must be granted: "
        .. "`scripts = { env = { \"NAME\" } }`.",
      params = { { "name", "string" } },
      returns = { { "string?", "value" } },
    },
    {
      name = "tide.secret",
      text = "A secret of the environment or .env; nil when it is unset. It must be granted: "
        .. "`scripts = { secrets = { \"NAME\" } }`.",
      params = { { "name", "string" } },
      returns = { { "tide.Secret?", "secret" } },
    },
    {
      name = "tide.config",
      text = "A value of gateway.lua, or its default: `tide.config(\"retry.max\")`. Secrets are "
        .. "left out. With several arguments each is one name, dots and all.",
      params = { { "path", "string" }, { "...", "string|integer" } },
      returns = { { "any", "value" } },
    },
  },
  classes = {
    {
      name = "tide.Metric",
      text = "A metric of scripts. It survives reloads.",
      methods = {
        {
          name = "add", params = { { "n", "number" }, VALUES },
          text = "Of a counter or a gauge.",
        },
        { name = "set", params = { { "n", "number" }, VALUES }, text = "Of a gauge." },
        {
          name = "observe", params = { { "seconds", "number" }, VALUES },
          text = "Of a histogram.",
        },
      },
    },
    {
      name = "tide.Secret",
      text = "Its text is out of reach: it prints as `***` and cannot become part of a text. It is "
        .. "good as a header's value of tide.http and as a key of hmac_sha256.",
    },
  },
}

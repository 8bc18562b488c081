-- What scripts of all workers share. Data of reference.lua.
local function key_and(...)
  return { { "key", "string", "at most 64 KB" }, ... }
end

local TTL = { "ttl?", "number", "seconds; nothing or 0: for good" }
local VALUE = "string|number|boolean"

return {
  title = "Shared between workers",
  text = "A worker is a thread with Lua of its own. These are seen by all of them, and survive "
    .. "reloads; they end with the process.",
  functions = {
    {
      name = "tide.dict",
      text = "A dictionary by its name. It has the size `scripts.dict`; over it what was not used "
        .. "for longest is forgotten, or, with `safe = true`, writing fails instead.",
      params = {
        { "name", "string", "1 to 128 bytes" }, { "options?", "{ safe?: boolean }" },
      },
      returns = { { "tide.Dict", "dict" } },
      limits = "64 dictionaries",
    },
    {
      name = "tide.limit.bucket",
      text = "A bucket of tokens for each key: `rate` come back a second, up to `burst`.",
      params = {
        { "name", "string" }, { "terms", "{ rate: number, burst?: number }", "burst: rate" },
      },
      returns = { { "tide.Limit", "limit" } },
      limits = "256 limits, 65536 keys of each",
    },
    {
      name = "tide.limit.window",
      text = "At most `limit` for each key in any `per` seconds, exactly.",
      params = {
        { "name", "string" }, { "terms", "{ limit: number, per: number }", "per: up to a week" },
      },
      returns = { { "tide.Limit", "limit" } },
      limits = "256 limits, 65536 keys of each",
    },
    {
      name = "tide.limit.concurrency",
      text = "At most `max` at once for each key. What a request has taken is given back at "
        .. "its end if not before; it can be taken only while a request is served.",
      params = { { "name", "string" }, { "terms", "{ max: number }" } },
      returns = { { "tide.Limit", "limit" } },
      limits = "256 limits, 65536 keys of each",
    },
  },
  classes = {
    {
      name = "tide.Dict",
      text = "Each call is one step that no other worker sees half done.",
      methods = {
        {
          name = "get", params = key_and(), returns = { { VALUE .. "|nil", "value" } },
          text = "The value, or nil.", errors = { "bad_request" },
        },
        {
          name = "set", params = key_and({ "value", VALUE, "at most 1 MB" }, TTL),
          returns = { { "boolean", "ok" } }, text = "Writes.", errors = { "too_large" },
        },
        {
          name = "add", params = key_and({ "value", VALUE }, TTL),
          returns = { { "boolean", "is_new" } },
          text = "Writes where there is nothing; false where there is something.",
          errors = { "too_large" },
        },
        {
          name = "incr",
          params = key_and({ "by?", "number", "1" },
            { "init?", "number", "0: what it begins from" }, TTL),
          returns = { { "number", "sum" } },
          text = "Adds to a number and returns the sum. The time to live counts for a new one.",
          errors = { "bad_request", "too_large" },
        },
        {
          name = "cas", params = key_and({ "old", VALUE .. "|nil" }, { "new", VALUE .. "|nil" }),
          returns = { { "boolean", "is_done" } },
          text = "Writes `new` if the value is `old`; nil is none, on either side. The time to "
            .. "live stays.",
          errors = { "too_large" },
        },
        {
          name = "del", params = key_and(), returns = { { "boolean", "was_there" } },
          text = "Removes.",
        },
        {
          name = "ttl", params = key_and(), returns = { { "number?", "seconds" } },
          text = "How long it stays: math.huge for good, nil when there is none.",
        },
        {
          name = "expire", params = key_and({ "ttl", "number", "seconds; 0: for good" }),
          returns = { { "boolean", "was_there" } }, text = "Sets the time to live alone.",
        },
        {
          name = "lpush", params = key_and({ "value", VALUE }, TTL),
          returns = { { "integer", "length" } },
          text = "Puts a value in front of a list.", errors = { "bad_request", "too_large" },
        },
        {
          name = "rpop", params = key_and(), returns = { { VALUE .. "|nil", "value" } },
          text = "Takes the value at the end of a list; nil when there is none.",
          errors = { "bad_request" },
        },
        {
          name = "keys", params = { { "most?", "integer", "1000" } },
          returns = { { "string[]", "keys" } }, text = "Some of the keys, in no order.",
          limits = "100000 keys, 8 MB",
        },
      },
    },
    {
      name = "tide.Limit",
      text = "Counts for keys: clients, models, addresses, whatever you take for one.",
      methods = {
        {
          name = "take",
          params = { { "key", "string", "at most 512 bytes" }, { "n?", "number", "1" } },
          returns = { { "boolean", "ok" }, { "number", "wait" } },
          text = "Takes n, all or nothing. When there is not enough: false, and the seconds until "
            .. "there could be (math.huge: never, or nobody knows).",
          errors = { "too_large" },
        },
        {
          name = "refund", params = { { "key", "string" }, { "n?", "number", "1" } },
          text = "Gives n back: an estimate was too high. A number below 0 takes more without "
            .. "asking.",
        },
      },
    },
  },
}

-- JSON, digests and chance. Data of reference.lua.
local FORM = { "form?", "\"hex\"|\"base64\"|\"raw\"", "hex" }
local TEXT = { "text", "string" }
local RAW_NAMES = "a set, `{ parameters = true }`: members with these names, at any depth, whose "
  .. "value is an object or array are not decoded but become raw values"

return {
  title = "Values",
  text = "Nothing here waits.",
  functions = {
    {
      name = "tide.json.decode", params = { TEXT, { "raw?", "table", RAW_NAMES } },
      returns = { { "any", "value" } },
      text = "Strict JSON. Arrays are tagged, so that an empty one is written as one again; null "
        .. "is tide.json.null.",
      errors = { "bad_request" }, limits = "nested 128 deep",
    },
    {
      name = "tide.json.encode", params = { { "value", "any" } },
      returns = { { "string", "text" } },
      text = "JSON text, names sorted; a raw value as its own text. An empty table is `{}` unless "
        .. "it is tagged.",
      limits = "64 MB, nested 128 deep",
    },
    {
      name = "tide.json.array", params = { { "list", "table" } },
      returns = { { "table", "list", "the same table" } }, text = "Tags a table as an array.",
    },
    {
      name = "tide.json.raw", params = { TEXT }, returns = { { "table", "value" } },
      text = "A raw value: `{ raw = text }`, tagged. tide.json.encode writes its bytes as they "
        .. "are, with names in their order and numbers in their form.",
      errors = { "bad_request" },
    },
    {
      name = "tide.json.is_raw", params = { { "value", "any" } },
      returns = { { "boolean", "is_raw" } }, text = "Whether it is a raw value.",
    },
    {
      name = "tide.hash.sha256", params = { TEXT, FORM }, returns = { { "string", "digest" } },
      text = "SHA-256.",
    },
    {
      name = "tide.hash.hmac_sha256", params = { { "key", "string|tide.Secret" }, TEXT, FORM },
      returns = { { "string", "digest" } }, text = "HMAC with SHA-256; to sign, or to check.",
    },
    {
      name = "tide.hash.xxh64", params = { TEXT, { "seed?", "integer", "0" } },
      returns = { { "string", "digest", "16 hex digits" } },
      text = "XXH64: quick, for choosing and for names; proves nothing.",
    },
    {
      name = "tide.hash.crc32", params = { TEXT }, returns = { { "integer", "sum" } },
      text = "CRC-32.",
    },
    {
      name = "tide.base64.encode", params = { TEXT }, returns = { { "string", "code" } },
      text = "Base64.",
    },
    {
      name = "tide.base64.encode_url", params = { TEXT }, returns = { { "string", "code" } },
      text = "Base64 with `-` and `_`, without padding: for URLs.",
    },
    {
      name = "tide.base64.decode", params = { { "code", "string" } },
      returns = { { "string", "text" } }, text = "Either alphabet, with or without padding.",
      errors = { "bad_request" },
    },
    {
      name = "tide.uuid", returns = { { "string", "uuid" } },
      text = "A random UUID that nobody can guess.",
    },
    {
      name = "tide.rand", params = { { "n?", "integer" } }, returns = { { "number", "x" } },
      text = "A whole number from 1 to n; without n a number in [0, 1). Not for secrets.",
    },
  },
  values = { { "tide.json.null", "userdata", "JSON null" } },
}

-- Doing things at the same time, or later. Data of reference.lua.
return {
  title = "Tasks and time",
  text = "A waiting call lets other requests run. While a file is being loaded nothing may wait; "
    .. "neither may `on_event` and `cost`. When the client has gone, every wait fails with the "
    .. "kind canceled.",
  functions = {
    {
      name = "tide.sleep", yields = true,
      text = "Waits.",
      params = { { "seconds", "number" } },
      returns = { { "boolean", "ok" } },
      errors = { "canceled" },
    },
    {
      name = "tide.now",
      text = "Seconds of a clock that never goes back; the same until the script waits.",
      returns = { { "number", "seconds" } },
    },
    {
      name = "tide.time", text = "Seconds since 1970 UTC.", returns = { { "number", "seconds" } },
    },
    {
      name = "tide.clock",
      text = "The clock of tide.now(), read anew: to measure how long something takes.",
      returns = { { "number", "seconds" } },
    },
  },
}

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
      name = "tide.yield", yields = true,
      text = "Lets others run in the middle of long work.",
      returns = { { "boolean", "ok" } },
      errors = { "canceled" },
    },
    {
      name = "tide.spawn",
      text = "Runs a function beside the caller, from its next wait on. The task belongs to the "
        .. "request and ends with it.",
      params = { { "fn", "fun(...)" }, { "...", "any", "its arguments" } },
      returns = { { "tide.Task", "task" } },
      errors = { "budget" },
      limits = "scripts.tasks of a request at once",
    },
    {
      name = "tide.all", yields = true,
      text = "Runs all of them at once; the first result of each, in order. As soon as one fails "
        .. "(raises, or returns nil and an err) the others are canceled.",
      params = { { "functions", "(fun(): any)[]" } },
      returns = { { "any", "..." } },
      limits = "scripts.tasks of a request at once",
      errors = { "budget", "canceled", "script" },
    },
    {
      name = "tide.race", yields = true,
      text = "Runs all of them at once; what the first to end returns. The others are canceled.",
      params = { { "functions", "(fun(): any)[]" } },
      returns = { { "any", "..." } },
      errors = { "budget", "canceled", "script" },
    },
    {
      name = "tide.any", yields = true,
      text = "Runs all of them at once; what the first to succeed returns. The others are "
        .. "canceled. When all fail `err.causes` has the errors.",
      params = { { "functions", "(fun(): any)[]" } },
      returns = { { "any", "..." } },
      errors = { "budget", "canceled", "script" },
    },
    {
      name = "tide.timer.after",
      text = "Runs a function once, without a request. Timers of a file that is being loaded start "
        .. "when its generation serves, and end with it.",
      params = { { "seconds", "number" }, { "fn", "fun(...)" }, { "...", "any", "its arguments" } },
      returns = { { "tide.Timer", "timer" } },
      errors = { "budget" },
      limits = "scripts.timers of a worker, 256 running",
    },
    {
      name = "tide.timer.every",
      text = "Runs a function again and again. A run that has not ended lets the next be left out.",
      params = {
        { "seconds", "number", "0.01 at least" },
        { "fn", "fun()" },
        { "options?", "{ jitter?: number, single?: boolean }",
          "jitter: a share from 0 to 1; single: in one worker only" },
      },
      returns = { { "tide.Timer", "timer" } },
      errors = { "budget" },
      limits = "scripts.timers of a worker, 256 running",
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
  classes = {
    {
      name = "tide.Task",
      text = "A function at work.",
      methods = {
        {
          name = "wait", yields = true,
          text = "Waits for its end: true and what it returned, or false and the err it failed "
            .. "with. nil and an err when it has not ended in time.",
          params = { { "timeout?", "number", "seconds" } },
          returns = { { "boolean", "ok" }, { "any", "..." } },
          errors = { "timeout", "canceled" },
        },
        { name = "cancel", text = "Asks it to end: its waits fail with the kind canceled." },
      },
    },
    {
      name = "tide.Timer",
      text = "A function that will run.",
      methods = { { name = "cancel", text = "Ends it. A run that has begun goes on to its end." } },
    },
  },
}

local t = tide.test

t.case("a stream is told to the client", function()
  t.upstream("lantern").stream("fixtures/lantern/stream.answer.ndjson")
  local r = t.chat { model = "lantern/flame-1", stream = true }
  t.eq(r.text, "Good day.")
  t.eq(r.reasoning, "Hm.")
  t.eq(r.finish_reason, "stop")
end)

t.case("what it has no knob for is named to the client", function()
  t.upstream("lantern").stream("fixtures/lantern/stream.answer.ndjson")
  local r = t.chat { model = "lantern/flame-1", stream = true, temperature = 1.5, seed = 7 }
  t.ok(r.headers["x-tidegate-warnings"]:find("dropped seed, temperature above 1", 1, true))
  t.eq(t.upstream("lantern").requests[1].body.knobs, { heat = 1 })
end)

t.case("it says itself when to come back", function()
  t.upstream("lantern").default {
    status = 429, headers = { ["X-Lantern-Wait"] = "7" }, json = { oops = "wait" },
  }
  local r = t.chat { model = "lantern/flame-1" }
  t.eq(r.status, 429)
  t.eq(r.headers["retry-after"], "7")
end)

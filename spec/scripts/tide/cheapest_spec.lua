local fake = require("spec.support.fake_core")

local of_plan, core

local BODY = '{"model":"m","messages":[{"role":"user","content":"hi"}]%s}'

-- Lanes of the mock with these prices; false is none.
local function lanes_of(list)
  local result = {}
  for i, prices in ipairs(list) do
    result[i] = {
      label = tostring(i),
      facts = { price = prices and core.price(prices) or nil, max_output = prices and prices.most },
    }
  end
  return result
end

local function call_of(more, op)
  local req = fake.request({ body = BODY:format(more or "") })
  local form = require("tide.body_form").of({ name = "openai-chat" },
    { name = op or "chat", is_chat = true, streams = true })
  return { req = req, form = form, op = { name = op or "chat" } }
end

local function order(list, more, op)
  local plan = { pick = "cheapest", lanes = { [op or "chat"] = lanes_of(list) } }
  local result = {}
  for i, lane in ipairs(of_plan(call_of(more, op), plan)) do result[i] = lane.label end
  return table.concat(result, " ")
end

describe("tide.cheapest", function()
  before_each(function()
    core = fake.install()
    of_plan = require("tide.lanes").of_plan
  end)

  it("puts lanes in the order of what the request costs there", function()
    assert.equal("2 3 1",
      order({ { input = 3, output = 9 }, { input = 1, output = 1 }, { input = 2, output = 2 } }))
  end)

  it("puts what has no price last, and equal ones as they were", function()
    local same = { input = 1, output = 1 }
    assert.equal("2 4 1 3", order({ false, same, false, same }))
    assert.equal("2 1", order({ { input = 1 }, { input = 9, output = 9 } })) -- half a price is none
  end)

  it("expects a short answer, and none longer than may be written", function()
    local wordy, quiet = { input = 0, output = 10 }, { input = 0.001, output = 9 }
    assert.equal("2 1", order({ wordy, quiet }))
    local long, short = { input = 1, output = 1 }, { input = 1, output = 2, most = 10 }
    assert.equal("2 1", order({ long, short }))
    assert.equal("1 2", order({ { input = 1, output = 10 }, { input = 2, output = 1 } },
      ',"max_tokens":0'))
  end)

  it("expects no answer where nothing is written", function()
    local prices = { { input = 1, output = 9 }, { input = 2, output = 0 } }
    assert.equal("1 2", order(prices, nil, "embed"))
  end)

  it("leaves the order alone where it is not asked for", function()
    local lanes = lanes_of({ { input = 2, output = 2 }, { input = 1, output = 1 } })
    assert.equal(lanes, of_plan({ op = { name = "chat" } },
      { pick = "ordered", lanes = { chat = lanes } }))
    assert.same({}, of_plan({ op = { name = "embed" } }, { pick = "cheapest", lanes = {} }))
  end)
end)

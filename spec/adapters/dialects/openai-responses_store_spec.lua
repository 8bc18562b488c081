local fake = require("spec.support.fake_core")

describe("a request of the Responses API", function()
  local function read(store)
    fake.install()
    local lost = {}
    local call = { warn = function(what) lost[#lost + 1] = what end }
    local body = { model = "m", input = "hi", store = store }
    return require("dialects.openai-responses.client").request(body, call), lost
  end

  it("is not kept where it is translated, and the client is told", function()
    local rq, lost = read(true)
    assert.is_nil(rq.store)
    assert.same({ "store" }, lost)
  end)

  it("that is not to be kept says so", function()
    local rq, lost = read(false)
    assert.is_false(rq.store)
    assert.same({}, lost)
    assert.is_nil(read(nil).store)
  end)
end)

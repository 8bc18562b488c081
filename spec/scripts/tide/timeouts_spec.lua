local timeouts

describe("tide.timeouts", function()
  before_each(function()
    require("spec.support.fake_core").install()
    timeouts = require("tide.timeouts")
  end)

  it("takes each field from the model, else the provider, else the top level", function()
    local times = timeouts.of_lane({ idle = 5 }, { idle = 6, head = 7 }, { connect = 9 }, false)
    assert.same({ connect = 9, first_token = 60, head = 7, idle = 5 }, times)
  end)

  it("gives models that reason 300 seconds to their first token", function()
    assert.equal(300, timeouts.of_lane(nil, nil, { idle = 60 }, true).first_token)
  end)

  it("lets the user decide for reasoning models too", function()
    assert.equal(20, timeouts.of_lane(nil, { first_token = 20 }, nil, true).first_token)
    assert.equal(60, timeouts.of_lane({ first_token = 60 }, nil, nil, true).first_token)
    assert.equal(60, timeouts.of_lane(nil, nil, { first_token = 60 }, true).first_token)
    assert.equal(40, timeouts.of_lane(nil, nil, { first_token = 40 }, true).first_token)
  end)

  it("counts attempts as the first and retry.max after it", function()
    assert.equal(6, timeouts.attempts(nil, nil, nil))
    assert.equal(1, timeouts.attempts({ max = 0 }, { max = 3 }, { max = 5 }))
    assert.equal(4, timeouts.attempts(nil, { max = 3 }, { max = 5 }))
  end)

  it("has a total of ten minutes unless told otherwise", function()
    assert.equal(600, timeouts.total(nil, nil, nil))
    assert.equal(8, timeouts.total({ total = 8 }, { total = 9 }, nil))
  end)
end)

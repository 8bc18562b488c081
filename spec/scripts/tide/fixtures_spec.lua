local core, fixtures

local function install(files)
  core = require("spec.support.fake_core").install()
  function core.fixtures(folder)
    local names = {}
    for path in pairs(files) do names[#names + 1] = path:match("^" .. folder .. "/([^/]+)$") end
    return names
  end
  function core.fixture(path)
    if files[path] then return files[path] end
    return nil, path .. ": no such file"
  end
  fixtures = require("tide.fixtures")
end

local function read(files)
  local under = {}
  for name, text in pairs(files) do under["adapters/fixtures/odd/" .. name] = text end
  install(under)
  return fixtures.read("odd")
end

describe("tide.fixtures", function()
  it("puts the files of a case together", function()
    local list, problems = read({
      ["b.request.json"] = '{"stream":true}', ["b.answer.ndjson"] = "{}\n",
      ["b.meta.json"] = '{"status":201,"headers":{"a":"b"},"chunks":[1,2]}',
      ["b.expected.json"] = '{"text":"x"}', ["b.sent.json"] = '{"path":"/y"}',
      ["a.request.json"] = "{}", ["a.answer.json"] = "{}",
    })
    assert.same({}, problems)
    assert.same({ "a", "b" }, { list[1].name, list[2].name })
    assert.is_nil(list[1].framing)
    assert.equal(200, list[1].status)
    assert.equal("/v1/chat/completions", list[1].path)
    local b = list[2]
    assert.same({ "ndjson", 201, "x", "/y" }, { b.framing, b.status, b.expected.text, b.sent.path })
    assert.same({ 1, 2 }, b.sizes)
  end)

  it("has none without a folder, and leaves other files alone", function()
    assert.same({}, (read({})))
    local list, problems = read({ ["stray.lua"] = "x", ["README.md"] = "y", ["a.b.c"] = "z" })
    assert.same({}, list)
    assert.same({}, problems)
  end)

  it("says what is wrong with a case, and goes on with the others", function()
    local list, problems = read({
      ["a.request.json"] = "{", ["a.answer.json"] = "{}",
      ["b.request.json"] = "{}",
      ["c.answer.json"] = "{}",
      ["d.request.json"] = "{}", ["d.answer.sse"] = "abc", ["d.meta.json"] = '{"chunks":[1]}',
    })
    assert.equal(1, #list)
    assert.equal("d", list[1].name)
    assert.is_nil(list[1].sizes)
    local told = {}
    for i, problem in ipairs(problems) do told[i] = problem.file .. ": " .. problem.message end
    local text = table.concat(told, "\n")
    assert.matches("odd/a.request.json: ", text)
    assert.matches("odd/b.request.json: there is no b.answer.json", text)
    assert.matches("odd/c.request.json: is missing", text)
    assert.matches("odd/d.meta.json: chunks: the sizes do not add up", text)
  end)
end)

-- A module whose functions are loaded when one of them is called: most gateways need few of them.
-- It stands for modules that have functions alone.

--- @tparam string name as require() takes it
-- @treturn table whose members are functions
return function(name)
  return setmetatable({}, {
    __index = function(module, field)
      local call
      local function stub(...)
        call = call or require(name)[field]
        return call(...)
      end
      rawset(module, field, stub)
      return stub
    end,
  })
end

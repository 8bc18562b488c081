-- The scripting API as data: everything that `tide` holds, and every value that scripts get or
-- give. From it spec/lint/reference.lua writes the reference of scripts/README.md and
-- scripts/tide.d.lua; tests hold it against the program.
--
-- A section has a title, a text, and
--   functions   { name = "tide.dict", text =, params =, returns =, yields =, errors =, limits = }
--   values      { { name, type, text }, ... }: what is no function
--   classes     { name = "tide.Dict", text =, fields =, methods = (functions), is_input = }
-- params and fields are lists of { name, type, text }; a name that ends with "?" may be left out.
-- returns is a list of { type, name, text }. Types are LuaLS's. Of a function with `errors` (kinds
-- of error) every result may be nil, with an err behind it. `yields`: it may wait, and other
-- requests run meanwhile. `is_input`: a table that scripts write. `files`: the kinds of file that
-- have the functions of a section, where not all do.
return {
  require("tide.reference_files"),
  require("tide.reference_request"),
  require("tide.reference_answer"),
  require("tide.reference_models"),
  require("tide.reference_tasks"),
  require("tide.reference_http"),
  require("tide.reference_shared"),
  require("tide.reference_values"),
  require("tide.reference_surroundings"),
  require("tide.reference_tests"),
}

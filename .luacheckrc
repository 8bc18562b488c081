-- No project globals: everything is reached with require. That is the whole point of this file.
std = "luajit"
max_line_length = 100
max_cyclomatic_complexity = 12
ignore = { "212/_.*", "213/_.*" } -- unused arguments and loop variables named _something
files["spec/**/*.lua"] = { std = "luajit+busted" }
files["adapters/**/*.lua"] = { read_globals = { "tide" } }
-- One model a line.
files["adapters/models/*.lua"] = { read_globals = { "tide" }, max_line_length = false }
files["scripts/policies/*.lua"] = { read_globals = { "tide" } }
files["scripts/middleware/*.lua"] = { read_globals = { "tide" } }
files["examples/**/*.lua"] = { read_globals = { "tide", "secret", "env" } }
-- The corpus is broken on purpose, the configuration of the benchmark has places to fill in.
exclude_files = { "scripts/tide.d.lua", "build/**", "spec/fuzz/corpus/**", "spec/bench/peers/**" }

#!/x
--[==[ c
]] ]==] return { b = [=[
]] ]=], c = "\
\z  \x41\065", d = 1.5e-3, a == b, function() end }
-- The generation that new requests are served by: `current.gen`, set by gateway.lua. What runs for
-- a request takes the one that the request began with instead.
return { gen = nil }

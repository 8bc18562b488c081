---@meta
-- Types of the scripting API, for editors. Written by spec/lint/reference.lua, not by hand.

---The hooks of a policy. All but `cost` and `on_event` may wait.
---@class tide.Policy
---@field name? string the file's name; may be left out
---@field api? number 1
---@field route? fun(req: tide.Request): tide.Plan?, tide.Err? asked once for each request; nothing: the model's own plan; nil and an err: the client gets that error
---@field accept? fun(req: tide.Request, res: tide.HeldAnswer): boolean judges a whole answer, streams too, before the client sees any of it; false: the next lane is tried. Answers are held up to limits.hold
---@field on_event? fun(req: tide.Request, event: tide.Event): tide.Event? sees each event of a stream; returns it, changed or not, or nil to leave it out. Must not wait
---@field on_finish? fun(req: tide.Request, sum: tide.Sum) runs when the answer has gone; nobody waits for it
---@field cost? fun(lane: tide.Lane, req: tide.Request): number what a lane would cost; called for two of them when the plan says `pick = "cost"`. Must not wait

---Both hooks may wait. Each is run for the requests of clients, not for those of tide.chat.
---@class tide.Middleware
---@field name? string the file's name; may be left out
---@field api? number 1
---@field before? fun(req: tide.Request): tide.Reply?, tide.Err? in the order of the list; a reply, or nil and an err, ends the request
---@field after? fun(req: tide.Request, res: tide.HeldAnswer|tide.Sum) in reverse order; a whole answer before the client gets it, so that headers can be added, of a stream the sum at its end

---What `route` returns; what it leaves out is as configured. Without `targets` and `model` it holds
---for the model that was asked for.
---@class tide.Plan
---@field targets? string[] `provider/model`, at most 64
---@field model? string a name of the configuration, resolved without a policy
---@field pick? string `ordered`, `cheapest` or `cost`
---@field retry? { max: integer } attempts after the first, 0 to 100
---@field timeout? { connect?: number, first_token?: number, head?: number, idle?: number, total?: number } in seconds
---@field hold? integer|boolean release after so many content events; true: hold the whole answer
---@field headers? table<string, string> added to what the provider gets
---@field shadow? { target: string, ratio?: number } a copy of so many of the requests (0 to 1) goes there as well, its answer is dropped
---@field params? table<string, any> top-level fields of the body to set

---A target with a credential, as `cost` sees it.
---@class tide.Lane
---@field target string `provider/model`
---@field provider string
---@field model string as the provider calls it
---@field credential string its name or position, never its value
---@field context? integer tokens that the model can read, where that is known
---@field price? { input?: number, output?: number, cached?: number, cache_write?: number, reasoning?: number, image?: number, second?: number } USD per million tokens, per picture and second, where they are known

---See adapters/README.md.
---@class tide.Adapter
---@field name? string the file's name
---@field api? number 1
---@field extends? string another adapter
---@field dialect? string the one dialect of the provider: a file in dialects/
---@field dialects? string[] all that it speaks, the one to translate to first
---@field framing? "sse"|"ndjson"|"aws-eventstream" of its streams
---@field base_url? string|fun(config: table): string
---@field auth? { type: "bearer"|"header"|"query"|"gcp"|"sigv4"|"none", name?: string, secret?: string, service?: string, keys?: string[] }
---@field headers? table<string, string>
---@field variants? table<string, table> by fields of the configuration
---@field ops? { chat?: table|false, complete?: table|false, embed?: table|false, count?: table|false, rerank?: table|false, moderate?: table|false }
---@field params? { rename?: table, drop?: string[], clamp?: table, default?: table, inject_stream?: table|false }
---@field families? { models: string[], reasoning?: boolean, params?: table, traits?: table, dialects?: string[], via?: { dialect: string, when: string } }[] rules by the model's name
---@field forward_headers? string[] of the client's, what the provider gets
---@field query? table<string, string> added to every path
---@field config? table<string, string> settings of the provider, with their types
---@field model_map? table<string, string> what the provider calls a model
---@field prepare? fun(rq: table, call: table): table?
---@field encode? fun(rq: table, call: table, http: table)
---@field decode? fun(body: table, call: table): table?
---@field on_event? fun(event: table, state: table, emit: function, call: table)
---@field on_end? fun(state: table, emit: function, call: table)
---@field on_status? fun(status: number, headers: table, body: table|string, call: table): table?
---@field models? table<string, tide.Model> by name
---@field models_of? string whose table of models holds, where that is another's
---@field errors? { map?: table, status?: table, match?: table[], path?: string[], type?: string, code?: string, message?: string, retry_after?: string[], inside?: table[] }
---@field usage? table<string, string|string[]|boolean>
---@field serve? fun(call: table, out: table) answers itself, without a network

---A table of models. See adapters/README.md.
---@class tide.Models
---@field date? string of what it says: 2026-12-31
---@field models table<string, tide.Model> by name

---What is known of a model. Prices in USD, of a million tokens where nothing else is said.
---@class tide.Model
---@field kind? string `embed`, `rerank`, `moderate`, `image`, `transcribe` or `video`; without it: chat
---@field context? integer tokens that it can read
---@field max_output? integer tokens that it can write
---@field input? number read
---@field output? number written
---@field cached? number read from a cache; without it as `input`
---@field cache_write? number written to a cache; without it as `input`
---@field reasoning? number|boolean true: it thinks first; or what its thoughts cost where that is not as `output`
---@field image? number a picture
---@field second? number a second of sound or film
---@field tiers? { above: integer, input: number, output?: number, cached?: number, cache_write?: number, reasoning?: number }[] what all tokens of a request cost whose input is larger than `above`
---@field caps? string[] `audio cache files json reasoning search tools vision`
---@field retires? string the day from which it is not listed: 2026-12-31

---See adapters/dialects/openai-chat.lua.
---@class tide.Dialect
---@field name? string the file's name
---@field api? number 1
---@field watch table<string, string|table> which events mean content, finish, usage, terminal and error
---@field usage? table<string, string|string[]|boolean> where its token counts stand
---@field terminal_bytes? string what ends a stream that has no end
---@field content_type? string of its streams
---@field framing? "sse"|"ndjson"|"aws-eventstream" of its streams
---@field operations? table<string, table> what it has besides chat
---@field paths? table<string, string> of a provider, by operation
---@field stream_paths? table<string, string> where streams have others
---@field headers? table<string, string> that every provider of it wants
---@field request? table the members of a body that the gateway itself looks at
---@field raw_members? string[] members that are not decoded
---@field decode_request? fun(body: table, call: table): table?, table?
---@field encode_request? fun(rq: table, call: table): table
---@field decode_answer? fun(body: table, emit: function, call: table)
---@field encode_answer? fun(answer: table, call: table): table
---@field decode_event? fun(event: table, emit: function, state: table, call: table)
---@field end_events? fun(emit: function, state: table, call: table)
---@field encode_event? fun(event: table, write: function, state: table, call: table)
---@field end_stream? fun(write: function, state: table, call: table)
---@field error_body fun(err: table, call?: table): string
---@field error_event fun(err: table, call?: table, state?: table): string, string?
---@field read_error? fun(body: table): table
---@field error_headers? fun(err: table): table<string, string>
---@field list_models? fun(models: table[], call: table): table
---@field show_model? fun(model: table): table
---@field needs_bytes? fun(part: table, call: table): boolean whether a part with a URL must be sent as data
---@field decode_count? fun(body: table): number?
---@field encode_count? fun(tokens: number, call: table): table

tide = {}

---Decides about requests: `scripts/policies/NAME.lua`, put to use by `policy = "NAME"`. It has at
---least one of `route`, `accept`, `on_event` and `on_finish`.
---@param policy tide.Policy
---@return tide.Policy policy # the same table
function tide.policy(policy) end

---Looks at every request of a client: `scripts/middleware/NAME.lua`, put to use by `middleware = {
---"NAME" }`.
---@param middleware tide.Middleware
---@return tide.Middleware middleware # the same table
function tide.middleware(middleware) end

---Says where a provider is and how it is spoken to: `adapters/NAME.lua`. adapters/README.md tells
---what each field does.
---@param adapter tide.Adapter
---@return tide.Adapter adapter # the same table
function tide.adapter(adapter) end

---Says how a wire protocol is to be read: `adapters/dialects/NAME.lua`.
---@param dialect tide.Dialect
---@return tide.Dialect dialect # the same table
function tide.dialect(dialect) end

---Says what is known of a service's models: `adapters/models/NAME.lua`, in place of the table that
---the program carries.
---@param models tide.Models
---@return tide.Models models # the same table
function tide.models(models) end

---A request of a client, or of tide.chat.
---@class tide.Request
---@field id string as in the header x-tidegate-request-id
---@field method string
---@field path string without the query
---@field query table<string, string> of each name the first value
---@field headers table<string, string?> any case; read only
---@field client { name?: string, ip?: string } whose key it has, and from where
---@field protocol string the client's dialect: `openai-chat`, `openai-responses`, `anthropic-messages` or `gemini`
---@field op string `chat`, `complete`, `embed` or `count`, the tokens of a chat
---@field model string as the client asked for it
---@field stream boolean
---@field tokens { prompt: integer, max_out?: integer } prompt is an estimate
---@field messages integer how many there are
---@field has_tools boolean
---@field has_images boolean
---@field has_audio boolean
---@field json_mode boolean the answer is to be JSON
---@field user string? whom the body names as its user
---@field deadline number when it must have ended, on the clock of tide.now()
---@field ctx table yours: what one hook leaves for another
---@field body tide.Body the body, by paths, as the client's dialect has it
local Request = {}

---True when the client has gone, or the request is to end for another reason.
---@return boolean
function Request:canceled() end

---Ends the request with this answer; in `before` of a middleware only.
---@param status integer 200 to 599
---@param headers? table<string, string>
---@param body? string|table a table becomes JSON
---@return tide.Reply reply # so that `return req:reply(...)` reads well
function Request:reply(status, headers, body) end

---Adds a header to the answer; raises when its head has gone.
---@param name string
---@param value string
function Request:set_header(name, value) end

---Adds a header to what the provider gets, in every attempt; raises once the first has begun.
---@param name string
---@param value string
function Request:set_upstream_header(name, value) end

---The body of a request, a JSON object. A path is names and positions (from 1 on; -1 is the last),
---as in `body:get("messages", -1, "content")`. Order and numbers are kept; members of the top level
---that nobody changes go out byte for byte. It can be read until the answer begins, and changed
---until the first attempt.
---@class tide.Body
local Body = {}

---The value there, or nil; arrays and objects as tables of their own. Without a path: all of it.
---@param ... string|integer the path
---@return any value
function Body:get(...) end

---Puts a value there. Objects and arrays on the way are made; the position behind the last one
---appends. The model, the estimate of tokens and whatever else depends on it follow when the hook
---has returned.
---Limits: limits.body, limits.json_depth, 32 steps, 10 000 members at the top.
---@param ... any the path, then the value
---@return boolean|nil ok
---@return tide.Err? err
function Body:set(...) end

---Removes what is there; false when there is nothing.
---@param ... string|integer the path
---@return boolean|nil was_there
---@return tide.Err? err
function Body:del(...) end

---How many items an array or members an object has; nil for anything else.
---@param ... string|integer the path
---@return integer? count
function Body:len(...) end

---For loops over the items of an array (position, value) or the members of an object (name, value),
---in order; the body may be changed in the loop.
---@param ... string|integer the path
---@return fun(): (string|integer, any) iterator
function Body:each(...) end

---All of it as a Lua table.
---@return table value
function Body:table() end

---The JSON text of what is there, or nil; without a path of all of it, as it will be sent.
---@param ... string|integer the path
---@return string? text
function Body:raw(...) end

---An answer that a middleware gives itself.
---@class tide.Reply
---@field status integer 200 to 599
---@field headers? table<string, string>
---@field body? string|table a table becomes JSON

---The kinds of error.
---@alias tide.Kind
---| "dns"
---| "connect"
---| "tls"
---| "timeout"
---| "protocol"
---| "upstream_4xx"
---| "upstream_5xx"
---| "rate_limited"
---| "overloaded"
---| "quota"
---| "auth"
---| "bad_request"
---| "context_length"
---| "content_filter"
---| "canceled"
---| "no_target"
---| "breaker_open"
---| "budget"
---| "too_large"
---| "rejected"
---| "script"

---An error value; `tostring(err)` prints `kind: message`.
---@class tide.Err
---@field kind tide.Kind
---@field message string for people
---@field status? integer of a provider's answer
---@field retryable? boolean a second try, or another target, may well succeed
---@field retry_after? number seconds
---@field phase? string `connect`, `head`, `first_token`, `idle`, `total` or `stream`
---@field target? string `provider/model`
---@field limit? string which limit was reached: `cpu`, `tasks` ...
---@field causes? tide.Err[] of tide.any

---A held answer, as `accept` and `after` see it: a result with the HTTP answer around it.
---@class tide.HeldAnswer
---@field text string of the first choice
---@field reasoning? string
---@field message? table as the next request of the conversation would send it
---@field tool_calls tide.ToolCall[]
---@field finish_reason? string `stop`, `length`, `tool_calls`, `content_filter` or `error`
---@field usage? tide.Usage
---@field cost? number USD; nil: not known
---@field target string
---@field status integer
---@field headers table<string, string> names in lower case
---@field body string
---@field outcome? string `ok`, for `after`

---What is known at the end of a request.
---@class tide.Sum
---@field outcome string as in tidegate_requests_total
---@field status integer that the client got; 0: none
---@field target? string the last one tried
---@field duration number seconds
---@field ttft? number seconds to the first content
---@field attempts { target: string, outcome: string, ms: number }[] in order
---@field usage tide.Usage
---@field cost? number USD, of all attempts and of what the request has asked for
---@field cost_unknown? boolean true: `cost` is not all of it
---@field err? tide.Err

---Tokens as the provider counted them; nil is unknown.
---@class tide.Usage
---@field input? integer everything read, cached and cache_write included
---@field output? integer reasoning included
---@field cached? integer
---@field cache_write? integer
---@field reasoning? integer

---A call of a tool that the model asks for.
---@class tide.ToolCall
---@field id? string
---@field name? string
---@field arguments? table decoded; nil when they are no JSON object
---@field arguments_text string

---A piece of a streamed answer. `type` says which of the other fields there are: text, refusal,
---reasoning: delta; tool_start: i, id, name; tool_args: i, delta; tool_end: i; usage: the counts;
---finish: reason; error: error.
---@class tide.Event
---@field type string `text refusal reasoning tool_start tool_args tool_end usage finish error`
---@field delta? string
---@field i? integer which tool call
---@field id? string
---@field name? string
---@field reason? string
---@field error? tide.Err
---@field choice? integer of the second and later answers: 2, 3 ...
---@field input? integer
---@field output? integer
---@field cached? integer
---@field cache_write? integer
---@field reasoning? integer

---And what else the dialect knows: temperature, tools, response_format ...
---@class tide.ChatOptions
---@field model string a name of the configuration, or `provider/model`
---@field messages table[]
---@field stream? boolean

---And what else the dialect knows.
---@class tide.EmbedOptions
---@field model string
---@field input string|string[]

---An answer of a model, of its first choice.
---@class tide.Result
---@field text string
---@field reasoning? string
---@field message? table as the next request of the conversation would send it
---@field tool_calls tide.ToolCall[]
---@field finish_reason? string `stop`, `length`, `tool_calls`, `content_filter` or `error`
---@field usage? tide.Usage
---@field cost? number USD; nil: not known
---@field target? string who answered

---Vectors in the order of the input.
---@class tide.Embeddings
---@field embeddings number[][]
---@field usage? tide.Usage
---@field cost? number USD; nil: not known
---@field target? string

---An answer that is still coming.
---@class tide.Stream
local Stream = {}

---For loops: `for event in stream:events() do`. A stream that fails ends with an event of type
---error.
---@async
---@return fun(): tide.Event? iterator
function Stream:events() end

---Reads what is left and returns all of the answer.
---@async
---@return tide.Result|nil result
---@return tide.Err? err
function Stream:result() end

---Gives the rest up; the provider stops.
function Stream:cancel() end

---Asks a model. Every other field of the options is one of the request, as the client's dialect has
---it. With `stream = true` the result is a stream.
---Limits: scripts.calls a request; nested at most scripts.depth deep; limits.hold an answer.
---@async
---@param options tide.ChatOptions
---@return (tide.Result|tide.Stream)|nil result
---@return tide.Err? err
function tide.chat(options) end

---Asks a model for the vectors of one text or of several.
---Limits: as of tide.chat.
---@async
---@param options tide.EmbedOptions
---@return tide.Embeddings|nil result
---@return tide.Err? err
function tide.embed(options) end

---A function at work.
---@class tide.Task
local Task = {}

---Waits for its end: true and what it returned, or false and the err it failed with. nil and an err
---when it has not ended in time.
---@async
---@param timeout? number seconds
---@return boolean|nil ok
---@return any ...
function Task:wait(timeout) end

---Asks it to end: its waits fail with the kind canceled.
function Task:cancel() end

---A function that will run.
---@class tide.Timer
local Timer = {}

---Ends it. A run that has begun goes on to its end.
function Timer:cancel() end

---Waits.
---@async
---@param seconds number
---@return boolean|nil ok
---@return tide.Err? err
function tide.sleep(seconds) end

---Lets others run in the middle of long work.
---@async
---@return boolean|nil ok
---@return tide.Err? err
function tide.yield() end

---Runs a function beside the caller, from its next wait on. The task belongs to the request and
---ends with it.
---Limits: scripts.tasks of a request at once.
---@param fn fun(...)
---@param ... any its arguments
---@return tide.Task|nil task
---@return tide.Err? err
function tide.spawn(fn, ...) end

---Runs all of them at once; the first result of each, in order. As soon as one fails (raises, or
---returns nil and an err) the others are canceled.
---Limits: scripts.tasks of a request at once.
---@async
---@param functions (fun(): any)[]
---@return any ...
---@return tide.Err? err
function tide.all(functions) end

---Runs all of them at once; what the first to end returns. The others are canceled.
---@async
---@param functions (fun(): any)[]
---@return any ...
---@return tide.Err? err
function tide.race(functions) end

---Runs all of them at once; what the first to succeed returns. The others are canceled. When all
---fail `err.causes` has the errors.
---@async
---@param functions (fun(): any)[]
---@return any ...
---@return tide.Err? err
function tide.any(functions) end

tide.timer = {}

---Runs a function once, without a request. Timers of a file that is being loaded start when its
---generation serves, and end with it.
---Limits: scripts.timers of a worker, 256 running.
---@param seconds number
---@param fn fun(...)
---@param ... any its arguments
---@return tide.Timer|nil timer
---@return tide.Err? err
function tide.timer.after(seconds, fn, ...) end

---Runs a function again and again. A run that has not ended lets the next be left out.
---Limits: scripts.timers of a worker, 256 running.
---@param seconds number 0.01 at least
---@param fn fun()
---@param options? { jitter?: number, single?: boolean } jitter: a share from 0 to 1; single: in one worker only
---@return tide.Timer|nil timer
---@return tide.Err? err
function tide.timer.every(seconds, fn, options) end

---Seconds of a clock that never goes back; the same until the script waits.
---@return number seconds
function tide.now() end

---Seconds since 1970 UTC.
---@return number seconds
function tide.time() end

---The clock of tide.now(), read anew: to measure how long something takes.
---@return number seconds
function tide.clock() end

---Of the fields only `url` is needed.
---@class tide.HttpOptions
---@field url string
---@field method? string GET, or POST with a body
---@field headers? table<string, string|number|tide.Secret>
---@field body? string
---@field timeout? number|{ connect?: number, head?: number, idle?: number, total?: number } seconds; a number is the total
---@field max_body? integer bytes
---@field stream? boolean

---The answer, whatever its status.
---@class tide.HttpResponse
---@field status integer
---@field headers table<string, string> names in lower case
---@field body? string of an answer that is no stream
---@field err? tide.Err why a stream broke off
local HttpResponse = {}

---The whole body.
---@async
---@return string|nil text
---@return tide.Err? err
function HttpResponse:text() end

---The whole body, decoded.
---@async
---@return any value
---@return tide.Err? err
function HttpResponse:json() end

---For loops over the pieces of a stream as they come.
---@async
---@return fun(): string? iterator
function HttpResponse:chunks() end

---For loops over server-sent events.
---@async
---@return fun(): { event: string, data: string }? iterator
function HttpResponse:sse() end

---For loops over lines of JSON, decoded.
---@async
---@return fun(): any iterator
function HttpResponse:ndjson() end

---Ends a stream whose rest nobody needs.
function HttpResponse:close() end

tide.http = {}

---Asks a server; connections are pooled. With `stream = true` it returns when the head is there,
---and the body is read from the answer.
---Limits: scripts.calls of a request; 16 MB a body unless max_body says otherwise.
---@async
---@param options tide.HttpOptions
---@return tide.HttpResponse|nil res
---@return tide.Err? err
function tide.http.request(options) end

---Each call is one step that no other worker sees half done.
---@class tide.Dict
local Dict = {}

---The value, or nil.
---@param key string at most 64 KB
---@return string|number|boolean|nil value
---@return tide.Err? err
function Dict:get(key) end

---Writes.
---@param key string at most 64 KB
---@param value string|number|boolean at most 1 MB
---@param ttl? number seconds; nothing or 0: for good
---@return boolean|nil ok
---@return tide.Err? err
function Dict:set(key, value, ttl) end

---Writes where there is nothing; false where there is something.
---@param key string at most 64 KB
---@param value string|number|boolean
---@param ttl? number seconds; nothing or 0: for good
---@return boolean|nil is_new
---@return tide.Err? err
function Dict:add(key, value, ttl) end

---Adds to a number and returns the sum. The time to live counts for a new one.
---@param key string at most 64 KB
---@param by? number 1
---@param init? number 0: what it begins from
---@param ttl? number seconds; nothing or 0: for good
---@return number|nil sum
---@return tide.Err? err
function Dict:incr(key, by, init, ttl) end

---Writes `new` if the value is `old`; nil is none, on either side. The time to live stays.
---@param key string at most 64 KB
---@param old string|number|boolean|nil
---@param new string|number|boolean|nil
---@return boolean|nil is_done
---@return tide.Err? err
function Dict:cas(key, old, new) end

---Removes.
---@param key string at most 64 KB
---@return boolean was_there
function Dict:del(key) end

---How long it stays: math.huge for good, nil when there is none.
---@param key string at most 64 KB
---@return number? seconds
function Dict:ttl(key) end

---Sets the time to live alone.
---@param key string at most 64 KB
---@param ttl number seconds; 0: for good
---@return boolean was_there
function Dict:expire(key, ttl) end

---Puts a value in front of a list.
---@param key string at most 64 KB
---@param value string|number|boolean
---@param ttl? number seconds; nothing or 0: for good
---@return integer|nil length
---@return tide.Err? err
function Dict:lpush(key, value, ttl) end

---Takes the value at the end of a list; nil when there is none.
---@param key string at most 64 KB
---@return string|number|boolean|nil value
---@return tide.Err? err
function Dict:rpop(key) end

---Some of the keys, in no order.
---Limits: 100000 keys, 8 MB.
---@param most? integer 1000
---@return string[] keys
function Dict:keys(most) end

---Counts for keys: clients, models, addresses, whatever you take for one.
---@class tide.Limit
local Limit = {}

---Takes n, all or nothing. When there is not enough: false, and the seconds until there could be
---(math.huge: never, or nobody knows).
---@param key string at most 512 bytes
---@param n? number 1
---@return boolean|nil ok
---@return number|nil wait
function Limit:take(key, n) end

---Gives n back: an estimate was too high. A number below 0 takes more without asking.
---@param key string
---@param n? number 1
function Limit:refund(key, n) end

---A dictionary by its name. It has the size `scripts.dict`; over it what was not used for longest
---is forgotten, or, with `safe = true`, writing fails instead.
---Limits: 64 dictionaries.
---@param name string 1 to 128 bytes
---@param options? { safe?: boolean }
---@return tide.Dict dict
function tide.dict(name, options) end

tide.limit = {}

---A bucket of tokens for each key: `rate` come back a second, up to `burst`.
---Limits: 256 limits, 65536 keys of each.
---@param name string
---@param terms { rate: number, burst?: number } burst: rate
---@return tide.Limit limit
function tide.limit.bucket(name, terms) end

---At most `limit` for each key in any `per` seconds, exactly.
---Limits: 256 limits, 65536 keys of each.
---@param name string
---@param terms { limit: number, per: number } per: up to a week
---@return tide.Limit limit
function tide.limit.window(name, terms) end

---At most `max` at once for each key. What a request has taken is given back at its end if not
---before; it can be taken only while a request is served.
---Limits: 256 limits, 65536 keys of each.
---@param name string
---@param terms { max: number }
---@return tide.Limit limit
function tide.limit.concurrency(name, terms) end

tide.json = {}

---JSON null
---@type userdata
tide.json.null = nil

---Strict JSON. Arrays are tagged, so that an empty one is written as one again; null is
---tide.json.null.
---Limits: nested 128 deep.
---@param text string
---@param raw? table a set, `{ parameters = true }`: members with these names, at any depth, whose value is an object or array are not decoded but become raw values
---@return any value
---@return tide.Err? err
function tide.json.decode(text, raw) end

---JSON text, names sorted; a raw value as its own text. An empty table is `{}` unless it is tagged.
---Limits: 64 MB, nested 128 deep.
---@param value any
---@return string text
function tide.json.encode(value) end

---Tags a table as an array.
---@param list table
---@return table list # the same table
function tide.json.array(list) end

---A raw value: `{ raw = text }`, tagged. tide.json.encode writes its bytes as they are, with names
---in their order and numbers in their form.
---@param text string
---@return table|nil value
---@return tide.Err? err
function tide.json.raw(text) end

---Whether it is a raw value.
---@param value any
---@return boolean is_raw
function tide.json.is_raw(value) end

tide.hash = {}

---SHA-256.
---@param text string
---@param form? "hex"|"base64"|"raw" hex
---@return string digest
function tide.hash.sha256(text, form) end

---HMAC with SHA-256; to sign, or to check.
---@param key string|tide.Secret
---@param text string
---@param form? "hex"|"base64"|"raw" hex
---@return string digest
function tide.hash.hmac_sha256(key, text, form) end

---XXH64: quick, for choosing and for names; proves nothing.
---@param text string
---@param seed? integer 0
---@return string digest # 16 hex digits
function tide.hash.xxh64(text, seed) end

---CRC-32.
---@param text string
---@return integer sum
function tide.hash.crc32(text) end

tide.base64 = {}

---Base64.
---@param text string
---@return string code
function tide.base64.encode(text) end

---Base64 with `-` and `_`, without padding: for URLs.
---@param text string
---@return string code
function tide.base64.encode_url(text) end

---Either alphabet, with or without padding.
---@param code string
---@return string|nil text
---@return tide.Err? err
function tide.base64.decode(code) end

---A random UUID that nobody can guess.
---@return string uuid
function tide.uuid() end

---A whole number from 1 to n; without n a number in [0, 1). Not for secrets.
---@param n? integer
---@return number x
function tide.rand(n) end

---A metric of scripts. It survives reloads.
---@class tide.Metric
local Metric = {}

---Of a counter or a gauge.
---@param n number
---@param ... string a value for each label
function Metric:add(n, ...) end

---Of a gauge.
---@param n number
---@param ... string a value for each label
function Metric:set(n, ...) end

---Of a histogram.
---@param seconds number
---@param ... string a value for each label
function Metric:observe(seconds, ...) end

---Its text is out of reach: it prints as `***` and cannot become part of a text. It is good as a
---header's value of tide.http and as a key of hmac_sha256.
---@class tide.Secret

tide.log = {}

---For finding faults; written when log.level is debug.
---Limits: scripts.log_lines of a request, then one line says that there were more.
---@param message string
---@param fields? table<string, any> at most 16; tables become JSON
function tide.log.debug(message, fields) end

---Worth knowing.
---Limits: scripts.log_lines of a request, then one line says that there were more.
---@param message string
---@param fields? table<string, any> at most 16; tables become JSON
function tide.log.info(message, fields) end

---Something is not as it should be.
---Limits: scripts.log_lines of a request, then one line says that there were more.
---@param message string
---@param fields? table<string, any> at most 16; tables become JSON
function tide.log.warn(message, fields) end

---Something has failed.
---Limits: scripts.log_lines of a request, then one line says that there were more.
---@param message string
---@param fields? table<string, any> at most 16; tables become JSON
function tide.log.error(message, fields) end

tide.metric = {}

---Declares a number that only grows.
---Limits: 100 metrics; 2000 sets of label values together, then `other`.
---@param name string lower-case letters, digits and `_`; gets `tidegate_script_` in front
---@param labels? string[] names of at most 4 labels
---@param help? string for the metrics page
---@return tide.Metric metric
function tide.metric.counter(name, labels, help) end

---Declares a number that goes up and down.
---Limits: 100 metrics; 2000 sets of label values together, then `other`.
---@param name string lower-case letters, digits and `_`; gets `tidegate_script_` in front
---@param labels? string[] names of at most 4 labels
---@param help? string for the metrics page
---@return tide.Metric metric
function tide.metric.gauge(name, labels, help) end

---Declares a distribution of seconds.
---Limits: 100 metrics; 2000 sets of label values together, then `other`.
---@param name string lower-case letters, digits and `_`; gets `tidegate_script_` in front
---@param labels? string[] names of at most 4 labels
---@param help? string for the metrics page
---@return tide.Metric metric
function tide.metric.histogram(name, labels, help) end

---A table of this worker that survives reloads. It is data alone: functions and userdata in it are
---refused when a file is loaded, with their place. Another version gets what migrate makes of a
---copy of the old table, or begins anew.
---Limits: 256 keys.
---@param key string
---@param version integer
---@param init? fun(): table makes the first one; `{}` without it
---@param migrate? fun(old: table, version: integer): table
---@return table state
function tide.state(key, version, init, migrate) end

---A variable of the environment or .env; nil when it is unset. It must be granted: `scripts = { env
---= { "NAME" } }`.
---@param name string
---@return string? value
function tide.env(name) end

---A secret of the environment or .env; nil when it is unset. It must be granted: `scripts = {
---secrets = { "NAME" } }`.
---@param name string
---@return tide.Secret? secret
function tide.secret(name) end

---A value of gateway.lua, or its default: `tide.config("retry.max")`. Secrets are left out. With
---several arguments each is one name, dots and all.
---@param path string
---@param ... string|integer
---@return any value
function tide.config(path, ...) end

---A provider that is not there. What is queued is answered in order.
---@class tide.TestUpstream
---@field requests table[] what it was sent: target, provider, model, method, path, headers, body, dialect, op
---@field reply fun(answer: tide.TestReply): tide.TestUpstream queues an answer
---@field stream fun(source: string|table, more?: tide.TestReply): tide.TestUpstream queues a stream: a file beside the test, or pieces; a number among them is a pause
---@field default fun(answer: tide.TestReply): tide.TestUpstream what it answers when nothing is queued

---A server that is not there. What is queued is answered in order, the last one again and again.
---@class tide.TestServer
---@field requests table[] what it was asked: url, method, headers, body
---@field reply fun(answer: tide.TestReply): tide.TestServer queues an answer

---One answer of a provider.
---@class tide.TestReply
---@field status? integer
---@field headers? table<string, string>
---@field body? string
---@field json? any
---@field text? string an answer that says this, in the provider's dialect
---@field delay? number seconds
---@field fault? "reset"|"timeout"|"cut"
---@field model? string only for requests of this model
---@field usage? table
---@field finish_reason? string
---@field tool_calls? table[]

---What the client got, taken apart.
---@class tide.TestAnswer
---@field status integer
---@field headers table<string, string>
---@field body string
---@field json? any
---@field text? string
---@field reasoning? string
---@field events? table[] of a stream
---@field finish_reason? string
---@field tool_calls? table[]
---@field usage? table as OpenAI's chat has it; of other dialects in the gateway's words
---@field error? table
---@field kind? string
---@field outcome? string
---@field target? string
---@field targets string[] tried, in order
---@field attempts string[] their providers
---@field policy? string
---@field warnings string[]

tide.test = {}

---A case. It passes unless a check or the code fails.
---@param name string
---@param fn fun()
function tide.test.case(name, fn) end

---Fields of gateway.lua that hold for this file, in place of those that are there.
---@param fields table
function tide.test.config(fields) end

---The provider of that name as the test has it. Until told otherwise it says hello, gives vectors
---that are all alike, ranks as the documents came, flags nothing.
---@param name string of the configuration
---@return tide.TestUpstream upstream
function tide.test.upstream(name) end

---Sends a chat as a client would. What is neither `headers` nor `client` nor `path` is the body;
---without messages it says hi.
---@async
---@param request table
---@return tide.TestAnswer answer
function tide.test.chat(request) end

---Sends any request.
---@async
---@param request { path: string, method?: string, headers?: table<string, string>, body?: string|table, client?: string|false }
---@return tide.TestAnswer answer
function tide.test.request(request) end

---The server that tide.http finds at URLs that begin so. No other can be reached.
---@param url string
---@return tide.TestServer server
function tide.test.http(url) end

---Lets time pass.
---@async
---@param seconds number
function tide.test.advance(seconds) end

---Fails unless both are the same, through tables.
---@param got any
---@param expected any
function tide.test.eq(got, expected) end

---Fails unless the numbers differ by at most `by`.
---@param got number
---@param expected number
---@param by? number 1e-6
function tide.test.near(got, expected, by) end

---Fails for nil and false.
---@param value any
---@param message? string
function tide.test.ok(value, message) end

---Fails unless the function raises an error with `text` in it; returns what it said.
---@param fn fun()
---@param text? string
---@return string said
function tide.test.fails(fn, text) end

// The C functions that the gateway's own (trusted) Lua reaches as require("core"). This is the
// whole border between bytes and decisions. (y): the call waits, so only a task may make it. Wrong
// arguments raise; what can fail at run time returns nil (or false) and an error table
// { kind =, message = } with a kind of base/error.h.
//
// Loading. A generation (configuration, adapters, scripts) is loaded beside the one that serves:
// what follows speaks of the one that is being loaded. A request uses the table of scripts/tide/
// generation.lua that it began with, and none of these.
//   core.config             the configuration document as a table; a secret is a secret value
//   core.version            "0.1.0"
//   core.null               JSON null
//   core.env_secret(name)   -> secret value, or nil when the variable is unset. While requests are
//                           served: only those that loading asked for, and of scripts.secrets
//   core.modules(folder)    -> sorted names of the Lua files there: "adapters",
//   "adapters/dialects"...
//                           (the user's folder beside gateway.lua and the shipped ones together,
//                           without *_test.lua)
//   core.source(path)       -> text, chunk name, whether it is the user's, whether it replaces one
//                           that the program ships, of "adapters/groq.lua" (the user's file wins),
//                           or nil
//   core.place(path, message) -> "gateway.lua:12: message" for a field of the configuration, given
//                           as "models.smart.targets.2"; without a file the message alone
//   core.version_of(path)   -> something that is equal for equal bytes: a hash for a user's file,
//                           true for a shipped one, false for none
//   core.shipped(path, start | nil) -> text | nil   of a file that the program carries, at any time
//                           and whatever the user has; with `start`: what is behind it in the
//                           first line that begins so
//   core.next_turn() (y)    lets everything else have its turn of the loop. Outside a task, and in
//                           a canceled one, it returns at once
//   core.generation() -> generation, once for each; its methods raise when no request, and nothing
//                     new, uses it any more:
//     :number() -> 7        :config() -> the document, a new table each time
//     :settings() -> something that is equal for equal bytes of gateway.lua and .env
//     :files() -> { { path =, sha256 = }, ... } of the user's files, without tests and .env
//     :needs_client() -> true when the configuration has clients
//
// Reloading
//   core.reload() (y) -> number of the generation in force, or nil, failure: loads what is on disk
//   core.last_failure() -> failure { time =, file =, line =, message = }, or null: what is on disk
//                          is in force
//   core.report_bad_script(path)   a script of the running request's generation fails too often: a
//                          new generation is taken back
//
//   core.watch(rules, early) -> watch; rules = { content = {...}, finish = {...}, usage = {...},
//                           terminal = {...}, error = {...}, choices = "choices[]",
//                           index = "choices[].index" }; an entry is a path string or a table
//                           { path =, equals = text or true } | { path =, unless = text or
//                           number } | { event = } | { data = }; usage that is a number means
//                           the counts at the top of the event, an error likewise all of it.
//                           early: whole answers may be passed on before their end
//   core.usage(places, reasoning_excluded, cache_excluded) -> usage: how a provider writes its
//                           counts; places = { input = { path, ... }, output =, cached =,
//                           cache_write =, reasoning = }, the first place with a number counts;
//                           input_more = { path, ... } in it: all of them are added to the input;
//                           total = { path, ... } in it: where it is known with the input, the
//                           output is what the input leaves of it;
//                           billed_input, billed_output in it: what is charged, if not all;
//                           reasoning_excluded: output comes without it, so it is added;
//                           cache_excluded: input comes without cached and cache_write, likewise.
//                           Of a stream that tells its usage in parts the last known value of each
//                           count is taken
//   core.price{ input =, output =, cached =, cache_write =, reasoning =, tiers = { { above =
//               tokens, input = ... }, ... } } -> price: USD per million tokens; absent: not known.
//                           A tier has the prices of requests whose input is larger than `above`
//     price:cost(input, output, cached, cache_write, reasoning) -> whole nano-dollars | nil (not
//                           known), see core/http/price.h; nil: a count that is not known
//   core.endpoint{ url = base_url, path = "/chat/completions", method = "POST",
//                  ca_file = path or nil, proxy = URL, false (none) or nil (of the environment),
//                  headers = { { "name", "text or secret", ... }, ... },
//                  secret_query = { "name", text or secret } or nil,
//                  signer = signer or nil } -> endpoint, or nil, err.
//                           Header values are concatenated from strings and secrets.
//   core.signer{ access_key_id =, secret_access_key =, session_token = or nil (texts or secrets),
//                region =, service = } -> signer: an attempt at an endpoint with one is signed
//                           as AWS Signature Version 4 when its bytes are known; session_token is
//                           sent and signed
//     signer:offset(), signer:set_offset(seconds)   how far the provider's clock is ahead of ours;
//                           0 at first
//   core.fields{ "model", "stream" } -> fields: names of top-level members, for req:scan()
//
// User code: adapters, policies, middleware, pipelines; everything that is not tide.*
//   core.run(fn, ...) (y) -> true, results... | false, err
//                           calls a function of a script in a coroutine of its own. It runs at
//                           once; when it waits, the caller waits for it. Canceling the caller
//                           cancels it. err = { kind = "script", message =
//                           "scripts/policies/x.lua:3: ...",
//                             reason = message without the place, file =, line = (of the message,
//                             else where it failed; absent when unknown), traceback = text,
//                             limit = nil, "cpu", "cpu_total", "memory", "stack", "steps", or the
//                             `limit` of
//                             the error table that was raised, "tasks" for one;
//                             cause = the error object, when it was a table; its `message` is used
//                             }
//                           The first call starts the guard (guard.h): what the program carries is
//                           called without.
//   core.run_now(fn, ...) -> the same for places where nothing may wait (loading, on_event, cost):
//                           a function that would wait raises inside the script
//   core.run_shipped(fn, ...) -> the same for what the program carries: it is not guarded, and does
//                           not start the guard
//   core.wait_mark          what a function that waits yields when it was called in a coroutine of
//                           a script: whoever resumed that yields it further out, and passes what
//                           it is resumed with back in
//   core.check_stack()      raises when the C stack of a script's slice is used up: called before
//                           anything that nests C frames (coroutine.resume takes some each time)
//
//   core.background(fn, ...) -> true | nil, err (overloaded: LIMIT_BACKGROUND of them run)
//                           runs trusted code in a task of its own, with a budget of its own and no
//                           request, once the running task waits or has ended; an error is logged
//
//   core.safe_string        `string` for scripts: the same functions, errors and results but dump.
//                           find, match, gmatch and gsub raise after scripts.steps ("the pattern
//                           took more than 5000000 steps (scripts.steps)"), each call of an
//                           iterator of gmatch on its own; rep refuses more than 16 MB. Methods of
//                           strings are looked up here, in trusted code, too
//   core.safe_table         `table` for scripts: the same, but the guard can stop concat, insert,
//                           move and sort; foreach and foreachi are left out
//
// Tasks (scripts see them as tide.spawn and so on; the functions run as scripts do). A task that
// has been canceled gets nil, err (canceled) from this and every further wait, at once. A wait
// where none is possible raises, with the script's line.
//   core.sleep(seconds) (y) -> true | nil, err     0: until the loop's next turn
//   core.yield() (y)                               the same as core.sleep(0)
//   core.spawn(fn, ...) -> task | nil, err (budget: scripts.tasks)
//                           runs it once the running task waits. It belongs to the task that the
//                           running one serves: canceled with it, and gone before that one is
//     task:wait(seconds | nil) (y) -> true, results... | false, err (it failed: kind script; or was
//                           canceled) | nil, err (timeout; canceled: whoever waits)
//     task:cancel()
//   core.all{ fn, ... } (y) -> the first result of each | nil, err of the first that fails
//   core.race{ fn, ... } (y) -> the results of the first to end | nil, err when that failed
//   core.any{ fn, ... } (y) -> the results of the first success | nil, { kind = of the first,
//                           causes = { err, ... } }
//                           To fail is to raise, or to return nil and an error. The others are
//                           canceled, and gone when it returns or LIMIT_TASK_GRACE_MS later. When
//                           the budget does not allow all of them none runs: nil, err (budget)
//   core.gate() -> gate      where tasks wait for something that another one does for all of them
//     gate:wait() (y) -> true | nil, err (canceled)     at once when it is open
//     gate:open()           lets them all go on, and whoever comes later
//   core.is_loading() -> true while a file is being loaded
//   core.alarm(seconds, fn) -> alarm | nil, err (canceled: the gateway is about to end)
//                           runs trusted code later, once, in a task of its own without a request
//     alarm:cancel()        nothing once it has gone off
//   core.worker             the number of this worker, from 0
//   core.coroutines         what tide.coroutines is made of, see coroutine.h
//
// HTTP (scripts see it as tide.http)
//   core.url_origin(url) -> "https://host:443" | nil, err (bad_request)
//   core.fetch(url, method, { "name", text or secret, ... }, body | nil, connect, head, idle, total
//              (seconds, 0: no limit), max_body (0: no limit), is_stream, is_public) -> fetch
//                           | nil, err
//                           (bad_request; budget: scripts.calls; canceled). is_public: to addresses
//                           of the public Internet alone (bad_request). It is sent at once and
//                           ends with the task, or goes to the task that made that one, as tasks do
//     fetch:await("head" | "bytes" | "end") (y) -> true | nil, err (canceled)
//                           true also when it has failed or ended before that; one task at a time
//     fetch:failure() -> err | nil      dns, connect, tls, timeout, protocol, too_large, canceled
//     fetch:status(), fetch:headers() -> { [lower-case name] = value }; of the head
//     fetch:take(most | nil) -> text | nil      of the body that has come; a stream that is not
//                           taken stops its upstream at LIMIT_WRITE_PAUSE
//     fetch:items("events" | "lines") -> { { event =, data = } or line, ... } | nil     up to
//                           FETCH_BATCH_ITEMS of them, instead of fetch:take()
//     fetch:is_ended() -> boolean       nothing more comes; there may be more to take
//     fetch:close()         ends it (canceled)
//
// Values
//   core.decode(text, raw) -> value | nil, err   arrays are tagged (an empty one encodes as []),
//   null
//                           is core.null. `raw` = { name = true, ... } or nil: members with these
//                           names, at any depth, whose value is an object or array become raw
//                           values
//   core.encode(value) -> text                object keys are written sorted, a raw value as its
//   text core.raw(text) -> raw value { raw = text }   the text must be valid JSON
//   core.items(text or raw value) -> list | nil, err (bad_request)   the items of a JSON array:
//                           arrays and objects as raw values, all others decoded
//   core.floats_to_base64(text or raw value) -> text | nil, err (bad_request)   a JSON array of
//                           numbers as base64 of floats of 32 bits, little endian; at most
//                           LIMIT_VECTOR. A number that no float holds is an error
//   core.base64_to_floats(text) -> JSON text | nil, err (bad_request)   and back, each as short as
//                           it can be; NaN and infinite ones are errors, as is half a float
//   core.check_vector(text or raw value, is_base64) -> true | nil, err (bad_request)   whether JSON
//                           text is an array of numbers, or base64 that of floats: at least one,
//                           none beyond what a float holds
//   core.checked_raw(text) -> raw value | nil, err (bad_request)   of a text that may be none
//   core.is_raw(value) -> boolean
//   core.text_length(text) -> how many characters (code points) UTF-8 text has
//   core.event_data(text, framing) -> list of the data of each event in the bytes of a stream, and
//                           { [place in it] = name } of those that have one. framing: nil ("sse"),
//                           "ndjson" or "aws-eventstream"; what is broken ends the list
//   core.event_frame(name, payload, is_exception) -> one frame of an AWS event stream with JSON
//                           text as its payload: an event of that type, or an exception;
//                           raises over 32 MiB, or for a name over 65535 bytes
//   core.array(table) -> the same table, tagged as an array
//   core.now() monotonic seconds, core.time() wall seconds (both cached per loop turn)
//   core.uuid() -> 32 hex digits
//   core.redact(text) -> text with every known secret replaced by ***
//   core.add_secret(text, seconds)   from now on it is such a secret, until it is of no use any
//   more core.service_account(path) -> { client_email =, private_key_id = or nil, token_uri = or
//   nil,
//                           private_key = secret value } | nil, err (auth) of the file of a
//                           service account; a relative path is one of the working folder.
//                           Where secrets are made up (tidegate test): { is_fake = true }
//   core.sign_rs256(key, text) -> signature (bytes) | nil, err (auth)   RSA with SHA-256, PKCS #1
//                           v1.5; the key is a secret value with PEM
//   core.log(level, message)                  "debug" "info" "warn" "error"
//   core.note(level, script path, generation or 0, message, fields | nil)   a script's line: with
//   the
//                                             running request's id; nothing once its lines are used
//   core.fresh_now() -> monotonic seconds, not cached
//   core.rand(n) -> a whole number from 1 to n; without n a number in [0, 1)
//   core.uuid4() -> "8b9e...", as RFC 9562 writes them; cannot be guessed
//   core.env(name) -> text | nil              of the environment or .env
//   core.hash.sha256(text, form), .hmac_sha256(key or secret, text, form) -> text; form = "hex",
//   "base64" or "raw";  .xxh64(text, seed = 0) -> 16 hex digits;  .crc32(text) -> number
//   core.base64.encode(text), .encode_url(text), .decode(text) -> text (decode: | nil, bad_request)
//   core.metric.counter(name, { label, ... }, help), .gauge(...), .histogram(...) -> metric
//                                             "tidegate_script_" is put before the name
//     m:add(n, value, ...) m:set(n, value, ...) m:observe(seconds, value, ...)   a value per label
//   core.metrics() -> Prometheus text
//
// Shared by all workers (core/store/; scripts see them as tide.dict and tide.limit)
//   core.dict(name, { safe = bool } | nil) -> dict
//     d:get(k) -> value | nil             d:set(k, v, ttl) -> true
//     d:add(k, v, ttl) -> bool            d:incr(k, by = 1, init = 0, ttl) -> number
//     d:cas(k, old | nil, new | nil) -> bool   d:del(k) -> bool
//     d:ttl(k) -> seconds (math.huge: for good) | nil   d:expire(k, ttl) -> bool
//     d:lpush(k, v, ttl) -> length        d:rpop(k) -> value | nil
//     d:keys(most = 1000) -> array        each: or nil, err (too_large, bad_request)
//   core.limit.bucket(name, { rate =, burst = rate }), .window(name, { limit =, per = }),
//   core.limit.concurrency(name, { max = }) -> limit
//     l:take(key, n = 1) -> true, 0 | false, seconds to wait (math.huge: never, or unknown)
//                                        | nil, err (too_large: too many busy keys)
//     l:refund(key, n = 1)               n < 0 takes more without asking; what a request holds of a
//                                        concurrency is given back at its end
//
// A request, `req`: valid in its own task until the task ends
//   req:method() req:path() req:query() req:header(name) req:peer() req:ip() req:id() -> string |
//   nil req:find_client(key) -> name | nil      of the request's generation; constant time
//   req:verify_signature() -> name | nil, err { kind = "auth", message =, code = as AWS calls it,
//                       is_time = whether the clocks differ }    of the client that signed the
//                       request (AWS Signature Version 4 in the header Authorization); constant
//                       time. The signature must be at most five minutes old or ahead, cover host,
//                       x-amz-date and the body. A client without a pair of keys gives its key as
//                       the access key id: its signature is not looked at
//   req:is_admin(token) -> boolean          likewise; true when no token is configured
//   req:body() -> string (a copy);  req:size() -> bytes of the body;  req:holds(text) -> whether
//                       these bytes stand anywhere in the body
//   req:scan(fields) -> true, value... in the order of `fields` (nil: absent; small objects and
//                       arrays are decoded), or false, err (bad_request: not JSON, with the
//                       position; a repeated top-level model or stream)
//   req:raw(i, most) -> JSON text of the i-th field of the last scan, or nil; at most `most` bytes
//   req:count(i) -> items of the i-th field of the last scan, limits.inputs, has_tokens; it counts
//                       no further than one more, and a list of numbers (tokens) as 1. nil: it is
//                       no array
//   req:prompt(messages, prompt, input, tools, images, max_completion_tokens, max_tokens,
//   system)
//                       -> tokens, max_out or nil, messages, has_tools, has_images, has_audio: what
//                       the body asks of a model, by core/json/estimate.h. The arguments are
//                       positions of the last scan; 0 stands for what there is not. prompt, input
//                       and images (a list) count where there are no messages
//   req:document() -> document | nil, err (bad_request: no JSON object)    the body by paths:
//   names,
//                       and positions from 1 on (-1 is the last). Of a body that is sent on,
//                       members of the top level that nobody changed keep their bytes. Good until
//                       the body is dropped (when an answer has begun) or the request ends
//     d:get(path...) -> value (arrays and objects as tables of their own) | nil
//     d:set(path..., value) -> true | nil, err (too_large, bad_request)
//     d:del(path...) -> whether there was something    d:len(path...) -> items | nil
//     d:each(path...) -> iterator of name or position, value; in order
//     d:table() -> the whole as a table                d:raw(path...) -> JSON text | nil
//   req:replace_body(text) -> true | nil, err (too_large)
//   req:needs_scan() -> true when the body has been changed since the last scan (or there was none)
//                       set, del and replace_body raise while an attempt runs. They make the last
//                       req:scan() void
//   req:set_header(name, value)   adds a header to whatever answer follows
//   req:deadline(seconds) -> seconds          timeout.total, from now; an inner request gets no
//                                 more than what its parent has left
//   req:begin_scripts(seconds) -> seconds     the same, before the first script runs for it: later
//                                 calls of req:deadline() count from now, too, and what a script
//                                 waits for fails from the deadline on (kind canceled)
//   req:set_context(value)        what core.context() gives to everything that runs for it
//   req:depth() -> 0 for a client's request; of an inner one: how deep it is nested
//   req:attempt(options) (y) -> summary       one try of one lane; see below
//   req:set_stream_type(type, keepalive)   of the stream that the client asked for, before the
//                                 first attempt: what an early head (a keep-alive before the
//                                 commit) says its content-type is, instead of text/event-stream;
//                                 a keep-alive is then a "comment" or a "newline"; "none": there
//                                 is none, nor an early head
//   req:hold_limit() -> bytes     limits.hold: what may be kept of its answer
//   req:reply(status, body, headers)          a whole answer; headers is a table or nil
//   req:fail_stream(text)         the head is out already: ends the body with `text`, or, when that
//                                 is nil, by closing the connection before its end
//   req:is_started() -> true when the head has gone (an early keep-alive or a committed answer)
//   req:is_gone() -> true when the client has gone
//   req:record{ outcome =, client =, model =, metric_model =, target =, kind =, message = }
//                                 once: what the log line and the metrics say
//   req:record_values(..., is_answer)  the same, the values in that order without their names;
//                                 is_answer: with the usage of the last attempt
//
//   req:facts() -> status, duration, time to first token (seconds), attempts (text of the header),
//                                 input, output, cached, cache_write, reasoning tokens, cost (USD,
//                                 of all attempts and inner requests: what is known of it), whether
//                                 a part of the cost is not known; after the record. nil: unknown,
//                                 or there was none
//
//   req:attempt{
//     label = "openai/gpt-4o#1", target = "openai/gpt-4o",
//     endpoint = endpoint,            -- or serve = function(out) ... end: an answer made in Lua;
//                                        out:head(status, { ["content-type"] = ... }),
//                                        out:write(bytes) (y), core.sleep(s) (y), out:cut() ends
//                                        without an end, out:cut("connect") as a connection that
//                                        was lost before an answer; returning ends properly
//     edits = { "model", '"gpt-4o"', "user", false, ... },  -- name, JSON text (false removes); the
//                                        value { rename = "max_completion_tokens" } renames
//     body = text,                    -- instead of the client's body with edits
//     watch = watch, usage = usage, stream = bool, choices = n,
//     framing = "ndjson",             -- of the provider's stream: "sse" (nil), "ndjson" or
//                                        "aws-eventstream". What a frame itself calls an error is
//                                        one whatever `watch` says; its data is then an object
//                                        whose first member is "__type", the exception's name
//     price = price,                  -- nil: what the answer costs is not known
//     hide_usage = bool,              -- the client does not get events with usage without choices
//     add_terminal = "data: [DONE]\n\n",  -- appended when the upstream left it out
//     error_event = function(kind, message, id) -> bytes of the error event in the client's
//                                        dialect;
//                                        the message is the provider's own, redacted, when it told
//                                        one; id: that of the request
//     timeout = { connect =, first_token =, head =, idle = },      -- seconds
//     fresh = bool,                   -- not on a pooled connection
//   }, {                              -- nil, or what few requests have besides
//     hold = n,                       -- commit with the n-th content event instead of the first
//     hold = true,                    -- hold all of it, up to limits.hold (over it: too_large)
//     on_event = function(data)       -- each event of a stream that the client would get, but not
//                                        the terminal one: returns nil (it goes out as it is), text
//                                        (other data), false (it is left out), or true and why the
//                                        stream is to fail. It must not wait, nor fail
//     headers = text,                 -- complete lines that go to the provider as well
//     body = text,                    -- instead of the client's body, as above; it wins
//     path = "/v1/messages?beta=1",   -- instead of the endpoint's path, base path included; may
//                                        have a query
//     codec = {                       -- the answer is translated: instead of the provider's bytes
//                                        the client gets what these make. Trusted functions that do
//                                        not wait; scripts inside them go through core.run_now.
//                                        hide_usage, add_terminal and on_event have no effect then.
//                                        Each may return false, kind, message: the attempt fails
//                                        so, uncommitted (another lane may be tried) or as a stream
//                                        that breaks. One that raises, or returns anything else, is
//                                        logged and fails with protocol
//       event = function(data, name)  -- each event of a stream that has data, the terminal one
//                                        included, but not one that `watch` calls an error: text,
//                                        complete and framed, or nil ("" too) for none, or a list
//                                        of texts, which is emptied. `name` is nil where the event
//                                        has none
//       decode = { name = true, ... } -- or nil: `data` comes decoded as core.decode(data, set)
//       does;
//                                        text where it is no JSON
//       finish = function()           -- the last text of a stream that has ended properly, or nil
//       body = function(text, headers) -- the whole answer, when no stream was asked for: text
//       document = function(text)     -- or nil; of a whole JSON body where a stream was asked for
//                                        the text of the whole stream. Without it: protocol
//       type = "text/event-stream",   -- content-type of the client's answer
//       comments = bool,              -- false: comments of the upstream are left out
//       tells = bool,                 -- true: `watch` is not asked, and the data need not be JSON:
//                                        event returns behind its text whether that was content,
//                                        whether it finishes the answer, and each function as its
//                                        fourth value JSON text of the usage, or nil
//       counts = bool,                -- true: body returns the usage, too, while `watch` is asked
//       headers = bool,               -- true: body gets the answer's, { [small name] = value }
//       ends = bool,                  -- with it: a proper end of the bytes ends the stream, too
//       error_event = function(kind, message) -> text, or nil: instead of the option of that name,
//                                        where the last event depends on those before it
//     },
//   }
//   `watch` and `usage` are those of the provider's dialect, error_event that of the client's. An
//   answer that is translated is never relayed unseen: over limits.hold a unary one is too_large.
//   What is held is what was made.
//   The gateway itself commits and relays an answer with status 2xx that says no error; everything
//   else comes back uncommitted, for the attempt loop to decide. summary = {
//     committed = bool, complete = bool,  -- complete: a proper end was seen and sent
//     status =, headers = { [lower-case name] = value },  body = text up to 256 KB,   (uncommitted
//     only) kind =, message =, phase = "connect" "head" "first_token" "idle" "total" "stream",  (a
//     failure) error = decoded value of the provider's error inside a 200, or nil, reused = bool,
//     heard = bool }
//   An answer that was held comes back with held = true, status, headers, body (all of it) and
//   usage = { input = ... } and cost = USD or nil; the next attempt needs one of req:release() ->
//   true | nil, err    its bytes go to the client: the commit point. canceled: the
//                                 client has gone, and the answer with it
//   req:discard(outcome)          "rejected" unless given: what the list of attempts says
//   After a failure behind the commit point the error event has already been sent: that of the
//   provider itself, or, when there was none or the answer is translated, error_event's.
//
// An inner request: asked by a script instead of a client. It is served by serve_inner(req,
// context) of tide/gateway.lua in a task of its own. It has no line in the log and is not counted
// as a request; its attempts and tokens are, and at its end they join those of its parent.
//   core.context() -> value of req:set_context() of the request that the running task serves, or
//   nil core.inner{ method = "POST" unless given, path =, body = text, headers = { name = value }
//   or nil, context = any value,
//               parent = req or nil (the request of the running task, if it has one),
//               as_client = bool (nobody's: depth 0, and a budget of its own),
//               discard = bool } -> inner | nil, err
//                           kinds: canceled (the parent's client has gone), script (nested deeper
//                           than scripts.depth), overloaded (LIMIT_DETACHED of them are running).
//                           It ends with its parent at the latest, and when nobody holds it any
//                           more. discard: true is returned; nobody reads the answer, and it goes
//                           on whatever becomes of the parent
//   inner:wait() (y) -> status, headers, body | nil, err     the whole answer, up to limits.hold
//   inner:head() (y) -> status, headers | nil, err           once they are known
//   inner:read() (y) -> next piece of the body | nil         nil, err when it broke off
//   inner:event() (y) -> data of the next server-sent event | nil, likewise
//   inner:cancel()
//   inner:facts() -> { outcome =, kind =, message =, target =, usage = { input = ... }, cost = USD,
//                           cost_unknown = bool } | nil
//                           what its record says, at its end; counts that nobody told are absent,
//                           and so is a cost of which nothing is known
//
// Tests of scripts
//   core.mock_upstreams(function(sent) ... end)   from now on no attempt reaches a provider: the
//                           function, which may not wait, returns another one, function(out), that
//                           answers as `serve` does. sent = { target = "provider/model", method =,
//                           path =, headers = { name = value without secrets }, body = text }
//   core.fixture(path) -> text | nil, message     of a file beside gateway.lua or below it
//   core.record_upstreams()   from now on what attempts send and get is kept, the last one's alone
//   core.recorded() -> { sent = as above, status =, headers = { [lower-case name] = value },
//                           pieces = texts as they came, is_too_large = some is missing } of the
//                           last attempt at a provider, once; or nil
//   core.fixtures(folder) -> names of the files in such a folder, in no order; {} without one
#pragma once

struct vm;

// Registers "core" in package.loaded of the state. Called once by vm_new().
void api_open(struct vm *vm);

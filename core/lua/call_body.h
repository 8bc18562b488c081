// The body of a request as scripts see and change it.
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"
#include "json/json.h"

struct call;
struct document;

// The body as it would be sent now: what scripts have changed in its document has become its text.
// NULL data once it has been dropped. Borrowed until it is changed or dropped.
struct slice call_body(struct call *call);

// The body as a document, made at the first use; owned by the call. It is another one after
// call_body() of a changed body. NULL with `err` when the body is no JSON object, or is gone.
struct document *call_document(struct call *call, struct json_error *err);

// True while the body may be changed: it is there, and no attempt is sending it.
bool call_may_change_body(const struct call *call);

// True when the body has been changed since what is known of it was scanned (or never was).
bool call_is_rewritten(const struct call *call);

// Another text for the body (copied), whatever it says. Only while call_may_change_body(). Returns
// 0, or -1 with `err` when it is larger than limits.body.
int call_replace_body(struct call *call, struct slice text, struct error *err);

// Which header lines of a provider's answer the client gets.
#pragma once

#include "base/buf.h"
#include "http/headers.h"

// Appends, as complete lines, the fields that mean the same on the client's side: the type of the
// body, the ids to quote to the provider, and what is left of its rate limits. A provider that
// leaves out the type means `usual_type`: SDKs choose by it how to read an answer.
void forward_headers(const struct headers *headers, const char *usual_type, struct buf *out);

// The same for an answer that is translated: its type is `type`, and a request id goes on under
// every name that SDKs know: x-request-id, request-id and x-amzn-requestid.
void forward_translated_headers(const struct headers *headers, struct slice type, struct buf *out);

// Appends the gateway's own id under each of these names when the complete lines in `out` have an
// id under none of them: SDKs find there what they tell as the request's id.
void forward_own_id(struct slice id, struct buf *out);

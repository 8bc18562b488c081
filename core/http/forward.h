// Which header lines of a provider's answer the client gets.
#pragma once

#include "base/buf.h"
#include "http/headers.h"

// Appends, as complete lines, the fields that mean the same on the client's side: the type of the
// body and the ids to quote to the provider. Limits of the account there are not the client's. A
// provider that leaves out the type means `usual_type`: SDKs choose by it how to read an answer.
void forward_headers(const struct headers *headers, const char *usual_type, struct buf *out);

// Which header lines of a provider's answer the client gets.
#pragma once

#include "base/buf.h"
#include "http/headers.h"

// Appends, as complete lines, the fields that mean the same on the client's side: the type of the
// body and the ids to quote to the provider. Limits of the account there are not the client's.
void forward_headers(const struct headers *headers, struct buf *out);

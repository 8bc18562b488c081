// core.signer: signs requests to a provider with a pair of keys that scripts cannot read, as AWS
// Signature Version 4.
#pragma once

#include <stddef.h>

#include <lua.h>

#include "base/buf.h"
#include "base/slice.h"

struct vm;
struct signer;

// Adds core.signer to the table on top of the stack.
void signer_open(struct vm *vm);

// The signer at `index`; raises for anything else. Borrowed from the Lua value.
struct signer *signer_check(lua_State *L, int index);

enum { SIGNER_LINES_MAX = 32 * 1024 }; // of the header lines of a signature

// What is known of a request right before it is sent. All borrowed.
struct signer_request {
    struct slice method, target, host;
    struct slice headers; // complete lines, without Host
    const struct slice *body;
    size_t body_count;
};

// Appends the lines that the request needs besides, at most SIGNER_LINES_MAX bytes: x-amz-date,
// x-amz-security-token, authorization. They stand for lines of these names that it has. Signed are
// the host, content-type and all x-amz- headers.
void signer_sign(struct signer *signer, const struct signer_request *request, struct buf *lines);

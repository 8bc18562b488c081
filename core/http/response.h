// The bytes of an answer: status line, head, chunk framing, default error body. Pure: no sockets.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"

enum response_framing {
    RESPONSE_LENGTH,  // Content-Length
    RESPONSE_CHUNKED, // Transfer-Encoding: chunked
    RESPONSE_CLOSE,   // the body ends when the connection does
    RESPONSE_NONE,    // 204 and 304: no framing header at all
};

enum response_persistence {
    RESPONSE_PERSISTS,   // HTTP/1.1's default, nothing is said
    RESPONSE_CLOSES,     // "connection: close"
    RESPONSE_KEEP_ALIVE, // "connection: keep-alive", for HTTP/1.0 clients that asked for it
};

struct response_head {
    int status;
    struct slice headers; // complete "name: value\r\n" lines, may be empty
    enum response_framing framing;
    enum response_persistence persistence;
    size_t length; // of the body; for RESPONSE_LENGTH
};

// Appends the head with its empty line.
void response_add_head(const struct response_head *head, struct buf *out);

// False for statuses whose answers never have a body (1xx, 204, 304).
bool response_has_body(int status);

// "Not Found"; "Unknown" for a status without a registered phrase. Static storage.
const char *response_reason(int status);

enum { RESPONSE_CHUNK_LINE = 18 }; // sixteen hexadecimal digits, CR, LF

// Writes the line before a chunk ("1a\r\n"), returns its length.
size_t response_chunk_line(size_t len, char line[RESPONSE_CHUNK_LINE]);

// Appends an error as the service has it whose path was asked: Anthropic's below /v1/messages,
// Gemini's below /v1beta, that of AWS below /model, Cohere's below /v2, Ollama's below /api,
// everywhere else OpenAI's {"error":{"message":...,"type":...,"param":null,"code":...}}. `target`
// is that of the request line, or empty.
void response_error_body(struct slice target, int status, const char *message, struct buf *out);

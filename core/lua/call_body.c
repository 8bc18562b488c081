#include "lua/call_body.h"

#include <stdlib.h>

#include "base/mem.h"
#include "http/server.h"
#include "json/document.h"
#include "lua/call.h"
#include "lua/vm.h"

// What was found in the old text holds no longer.
static void take_body(struct call *call, char *bytes, size_t len)
{
    document_free(call->document);
    call->document = NULL;
    free(call->scan);
    call->scan = NULL;
    call->scan_count = 0;
    exchange_take_body(call->exchange, bytes, len);
}

struct slice call_body(struct call *call)
{
    struct buf text;
    size_t len;

    if (call->document && document_is_changed(call->document)) {
        buf_init(&text, SIZE_MAX / 2);
        document_print(call->document, &text);
        char *bytes = buf_take(&text, &len);
        take_body(call, bytes, len);
    }
    return exchange_request(call->exchange)->body;
}

struct document *call_document(struct call *call, struct json_error *err)
{
    struct slice body = exchange_request(call->exchange)->body;
    int max_depth = (int)call_config(call)->limits.json_depth;

    if (!call->document && !body.data)
        *err = (struct json_error){0, "the body is gone, for its answer has begun"};
    else if (!call->document)
        call->document = document_new(body, max_depth, call->documents++, err);
    return call->document;
}

bool call_may_change_body(const struct call *call)
{
    return !call->attempt && exchange_request(call->exchange)->body.data;
}

bool call_is_rewritten(const struct call *call)
{
    return !call->scan || (call->document && document_is_changed(call->document));
}

int call_replace_body(struct call *call, struct slice text, struct error *err)
{
    size_t most = call_config(call)->limits.body;

    if (text.len > most)
        return error_set(err, ERROR_TOO_LARGE, "the body would be larger than limits.body");
    take_body(call, mem_dup(text.data, text.len), text.len);
    return 0;
}

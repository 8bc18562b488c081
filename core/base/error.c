#include "base/error.h"

#include <stdio.h>

int error_set(struct error *err, enum error_kind kind, const char *format, ...)
{
    if (!err)
        return -1;
    va_list args;
    va_start(args, format);
    err->kind = kind;
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    return -1;
}

const char *error_kind_name(enum error_kind kind)
{
    static const char *const names[] = {"",
#define X(name, text) text,
                                        ERROR_KINDS(X)
#undef X
    };
    return names[kind];
}

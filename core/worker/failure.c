#include "worker/failure.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

// The ':' behind the place, where ":<digits>: " follows; NULL: there is none.
static const char *find_line(const char *text)
{
    for (const char *at = text; (at = strchr(at, ':')); at++) {
        const char *digit = at + 1;
        while (isdigit((unsigned char)*digit))
            digit++;
        if (digit > at + 1 && digit[0] == ':' && digit[1] == ' ')
            return at;
    }
    return NULL;
}

static const char *without_folder(const char *text, const char *folder)
{
    size_t len = strlen(folder);
    if (strncmp(text, folder, len) != 0)
        return text;
    if (len && folder[len - 1] == '/')
        return text + len;
    return text[len] == '/' ? text + len + 1 : text;
}

static void copy_redacted(const struct log *log, const char *text, char *to, size_t size)
{
    struct buf out;

    buf_init(&out, 4096);
    log_redact(log, slice_of(text), &out);
    snprintf(to, size, "%s", out.data ? out.data : "");
    buf_deinit(&out);
}

void failure_read(const struct error *err, const char *folder, const struct log *log,
                  struct reload_failure *failure)
{
    const char *text = without_folder(err->message, folder);
    const char *colon = find_line(text);
    const char *blank = strchr(text, ' ');

    *failure = (struct reload_failure){.time = (double)clock_wall_us() / 1e6, .line = 1};
    // A blank in front: the number belongs to the sentence.
    if (colon && (!blank || colon < blank)) {
        snprintf(failure->file, sizeof(failure->file), "%.*s", (int)(colon - text), text);
        failure->line = (int)strtol(colon + 1, NULL, 10);
        text = strchr(colon + 1, ':') + 2;
    } else if (text != err->message && blank && blank > text && blank[-1] == ':') {
        snprintf(failure->file, sizeof(failure->file), "%.*s", (int)(blank - 1 - text), text);
        text = blank + 1;
    }
    copy_redacted(log, text, failure->message, sizeof(failure->message));
}

void failure_print(const struct reload_failure *failure, struct buf *out)
{
    if (failure->file[0])
        buf_addf(out, "%s:%d: ", failure->file, failure->line);
    buf_add_text(out, failure->message);
}

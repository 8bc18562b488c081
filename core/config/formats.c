#include "config/formats.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "config/address.h"

static bool has_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            return true;
    }
    return false;
}

// True when every byte is a letter, a digit or one of `others`.
static bool has_only(const char *text, const char *others)
{
    for (; *text; text++) {
        if (!isalnum((unsigned char)*text) && !strchr(others, *text))
            return false;
    }
    return true;
}

// What stands behind one of the schemes (separated by spaces) and "://"; NULL when there is no
// such.
static const char *after_scheme(const char *text, const char *schemes)
{
    const char *mark = strstr(text, "://");

    while (mark && *schemes) {
        size_t len = strcspn(schemes, " ");
        if (len == (size_t)(mark - text) && strncasecmp(text, schemes, len) == 0)
            return mark + 3;
        schemes += len + strspn(schemes + len, " ");
    }
    return NULL;
}

// A host must stand there, and no white space.
static bool is_place(const char *text)
{
    return text && *text && !strchr("/:?#", *text) && !has_control(text) && !strchr(text, ' ');
}

const char *formats_text(const char *text)
{
    if (!*text)
        return "a text that is not empty";
    return has_control(text) ? "a text without control characters" : NULL;
}

const char *formats_name(const char *text)
{
    return *text && has_only(text, "_.-") ? NULL : "a name of letters, digits, '_', '.' and '-'";
}

const char *formats_header(const char *text)
{
    return *text && has_only(text, "!#$%&'*+-.^_`|~") ? NULL : "a header's name";
}

const char *formats_header_value(const char *text)
{
    return has_control(text) ? "a header's value, without control characters" : NULL;
}

const char *formats_base_url(const char *text)
{
    const char *place = after_scheme(text, "http https");
    return is_place(place) && !strpbrk(place, "?#") ? NULL
                                                    : "a URL like \"https://api.example.com/v1\"";
}

const char *formats_proxy(const char *text)
{
    return is_place(after_scheme(text, "http https socks5 socks5h"))
               ? NULL
               : "a URL like \"http://proxy.example.com:3128\"";
}

const char *formats_origin(const char *text)
{
    const char *place = after_scheme(text, "http https");
    return strcmp(text, "*") == 0 || (is_place(place) && !strpbrk(place, "/?#"))
               ? NULL
               : "an origin like \"https://app.example.com\", or \"*\"";
}

const char *formats_target(const char *text)
{
    const char *wrong = formats_text(text);
    const char *slash = strchr(text, '/');

    if (!wrong && slash && (slash == text || !slash[1]))
        wrong = "\"provider/model\" or a model's name";
    return wrong;
}

const char *formats_address(const char *text)
{
    return address_parse(text, NULL, NULL) == 0
               ? NULL
               : "an address like \"127.0.0.1:8080\" or \"[::1]:8080\"";
}

// What the strings and names of gateway.lua have to be. Each returns NULL when the text is fine,
// else what is expected instead ("a name of letters, ..."; static).
#pragma once

const char *formats_text(const char *text);   // not empty, no control characters
const char *formats_name(const char *text);   // of a provider or a key
const char *formats_header(const char *text); // an HTTP header's name
const char *formats_header_value(const char *text);
const char *formats_base_url(const char *text); // absolute, http or https, no query
const char *formats_proxy(const char *text);    // absolute, with a scheme of a proxy
const char *formats_origin(const char *text);   // of a browser: scheme and host, or "*"
const char *formats_target(const char *text);   // provider/model, or a model's name
const char *formats_address(const char *text);  // host:port, see address.h

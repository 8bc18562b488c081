// An address to listen on: "127.0.0.1:8080", "[::1]:8080", "localhost:8080".
#pragma once

#include <stdbool.h>

// Splits `text`. *host (owned by the caller, without brackets, numeric: localhost is 127.0.0.1) may
// be NULL, as may *port. Returns 0, or -1 when it is no address.
int address_parse(const char *text, char **host, int *port);

// True for 127.0.0.0/8, ::1 and their mapped forms.
bool address_is_loopback(const char *host);

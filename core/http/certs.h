// The certificates that upstreams are checked against: read once per process and file, shared by
// all connections (each libcurl handle would read and keep 144 of them again: 25 ms and 868 KB).
#pragma once

#include <openssl/x509_vfy.h>

#include "base/error.h"

// A shared reference to the store of `file` (PEM), or of the system when NULL; X509_STORE_free()
// gives it back. NULL with `err` (tls) when the file cannot be read. Any thread.
X509_STORE *certs_ref(const char *file, struct error *err);

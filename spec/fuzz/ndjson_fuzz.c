#include "framing_fuzz.h"

// The bytes as lines of JSON: however they are split the same events come out, and all bytes.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice bytes = {(const char *)data, len};

    if (len <= LIMIT && compare(FRAMING_NDJSON, bytes) != 0)
        abort();
    return 0;
}

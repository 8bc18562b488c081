// How many tokens a prompt may have, and what it is made of, from its JSON text alone.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct json_estimate {
    double tokens;   // bytes / 4, those of CJK characters and emoji / 2.5
    size_t elements; // of the array or object itself; 0 for anything else
    bool has_images; // a member "type" says image, image_url or input_image; a MIME type, image/;
                     // a list "images" has texts; an object "image" has an object "source"
    bool has_audio;  // ... audio or input_audio; audio/; "audio"
};

// Reads a value that json_scan() accepted. Names count like texts: they stand for what a provider
// puts around each message. Data (strings that begin with "data:", members named "data", members
// named "bytes", texts in lists named "images") does not count. Cost target: <= 0.5 us per KB.
struct json_estimate json_estimate(struct slice value);

// For the tests of configurations: a folder of its own, with a gateway.lua and a .env.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"

// A folder of its own for each test.
struct place {
    char folder[64], file[96], env[96];
};

static inline int make_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    snprintf(place->folder, sizeof(place->folder), "/tmp/tidegate-config-XXXXXX");
    if (!mkdtemp(place->folder))
        return -1;
    snprintf(place->file, sizeof(place->file), "%s/gateway.lua", place->folder);
    snprintf(place->env, sizeof(place->env), "%s/.env", place->folder);
    *state = place;
    return 0;
}

static inline int remove_place(void **state)
{
    struct place *place = *state;
    unlink(place->file);
    unlink(place->env);
    rmdir(place->folder);
    free(place);
    return 0;
}

static inline void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static inline struct config *load_with(const struct place *place, const char *source,
                                       const struct config_overrides *overrides)
{
    struct error err = {0};
    write_file(place->file, source);
    struct config *config = config_load(place->folder, overrides, &err);
    assert_string_equal(err.message, "");
    assert_non_null(config);
    return config;
}

static inline struct config *load(const struct place *place, const char *source)
{
    return load_with(place, source, NULL);
}

// `message` is what stands behind the path of gateway.lua.
static inline void check_refused(const struct place *place, const char *source, const char *message)
{
    struct error err = {0};
    write_file(place->file, source);
    struct config *config = config_load(place->folder, NULL, &err);
    assert_null(config);
    assert_memory_equal(err.message, place->file, strlen(place->file));
    assert_string_equal(err.message + strlen(place->file), message);
}

// What is in every document.
#define DEFAULTS                                                                                                                                                                                  \
    "\"defaults\":{\"media\":{\"count\":20,\"max\":20971520,\"redirects\":3,\"timeout\":20,\"total\":52428800},\"retry\":{\"max\":5},\"timeout\":{\"connect\":3,\"first_token\":60,\"head\":300," \
    "\"idle\":60,\"total\":600}}"

// A row of the table of tests.
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, make_place, remove_place)

// The two readers of a user's files that are ours: the lines of gateway.lua, and .env. (Running
// arbitrary Lua text is LuaJIT's matter.)
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/env.h"
#include "config/lines.h"

static int count_lines(struct slice text)
{
    int lines = 1;
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    return lines;
}

static void try_lines(struct slice source)
{
    static const char *const paths[] = {"", "a", "1", "a.b", "providers.p.keys.2.1", "models.x.1"};
    struct lines *lines = lines_new(source);
    int count = count_lines(source);

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int line = lines_find(lines, paths[i]);
        if (line < 1 || line > count)
            abort();
    }
    lines_free(lines);
}

static void try_env(struct slice text)
{
    struct error err = {0};
    struct env *env = env_parse(".env", text, &err);

    if (!env && strncmp(err.message, ".env:", 5) != 0)
        abort();
    if (env)
        env_get(env, "TIDEGATE_FUZZ_VARIABLE");
    env_free(env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice text = {(const char *)data, len};

    try_lines(text);
    try_env(text);
    return 0;
}

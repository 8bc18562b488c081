#include "lua/sources.h"

#include <stdlib.h>
#include <string.h>

static int by_path(const void *path, const void *file)
{
    return strcmp(path, ((const struct embedded_file *)file)->path);
}

const struct embedded_file *sources_find_embedded(const char *path)
{
    return bsearch(path, embedded_files, embedded_file_count, sizeof(embedded_files[0]), by_path);
}

static bool is_library(const char *path)
{
    return strncmp(path, "scripts/tide/", 13) == 0;
}

static const struct bundle_file *find_users(const struct bundle *bundle, const char *path)
{
    return is_library(path) ? NULL : bundle_find(bundle, path);
}

struct source sources_find(const struct bundle *bundle, const char *path)
{
    const struct bundle_file *own = find_users(bundle, path);
    if (own)
        return (struct source){.text = {own->text, own->len}, .hash = own->hash};
    const struct embedded_file *file = sources_find_embedded(path);
    if (file)
        return (struct source){.text = {file->text, file->len}};
    return (struct source){.text = {NULL, 0}};
}

// The name of a file directly in `folder`, without ".lua"; NULL data for anything else.
static struct slice module_name(const char *path, const char *folder)
{
    size_t prefix = strlen(folder);
    if (strncmp(path, folder, prefix) != 0 || path[prefix] != '/')
        return (struct slice){NULL, 0};
    const char *file = path + prefix + 1;
    size_t len = strlen(file);
    if (len <= 4 || strchr(file, '/') || strcmp(file + len - 4, ".lua") != 0)
        return (struct slice){NULL, 0};
    return (struct slice){file, len - 4};
}

void sources_list(const struct bundle *bundle, const char *folder,
                  void (*on_name)(void *owner, struct slice name), void *owner)
{
    for (size_t i = 0; i < bundle->count; i++) {
        const char *path = bundle->files[i].path;
        struct slice name = module_name(path, folder);
        if (name.data && !bundle->files[i].is_test && find_users(bundle, path))
            on_name(owner, name);
    }
    for (size_t i = 0; i < embedded_file_count; i++) {
        const char *path = embedded_files[i].path;
        struct slice name = module_name(path, folder);
        if (name.data && !find_users(bundle, path))
            on_name(owner, name);
    }
}

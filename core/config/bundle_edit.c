#include "config/bundle_edit.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/mem.h"
#include "config/walk.h"

static const char config_name[] = "gateway.lua";

static void drop(struct bundle_file *file)
{
    free(file->path);
    OPENSSL_cleanse(file->text, file->len); // keys may stand in it
    free(file->text);
}

void bundle_keep(struct bundle *bundle, bool (*is_kept)(void *owner, const char *path), void *owner)
{
    size_t kept = 0;

    for (size_t i = 0; i < bundle->count; i++) {
        if (is_kept(owner, bundle->files[i].path))
            bundle->files[kept++] = bundle->files[i];
        else
            drop(&bundle->files[i]);
    }
    bundle->count = kept;
    free(bundle->file);
    bundle->file = NULL;
}

void bundle_set_config(struct bundle *bundle, struct slice text)
{
    size_t at = 0;

    while (at < bundle->count && strcmp(bundle->files[at].path, config_name) < 0)
        at++;
    bundle->files = mem_realloc(bundle->files, (bundle->count + 1) * sizeof(*bundle->files));
    struct bundle_file *file = &bundle->files[at];
    memmove(file + 1, file, (bundle->count - at) * sizeof(*file));
    *file = (struct bundle_file){.path = mem_dup(config_name, strlen(config_name)),
                                 .text = mem_dup(text.data, text.len),
                                 .len = text.len};
    bundle->count++;
    free(bundle->file);
    bundle->file = walk_join(bundle->folder, config_name);
}

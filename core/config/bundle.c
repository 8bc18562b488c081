#include "config/bundle.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "config/env.h"
#include "config/walk.h"

static const char config_name[] = "gateway.lua";
static const char env_name[] = ".env";

struct reading {
    struct bundle *bundle;
    size_t total; // bytes
    struct error *err;
};

char *bundle_place(const struct bundle *bundle, const char *path)
{
    return walk_join(bundle->folder, path);
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void digest(const void *bytes, size_t len, unsigned char hash[BUNDLE_HASH])
{
    if (EVP_Digest(len ? bytes : "", len, hash, NULL, EVP_sha256(), NULL) != 1)
        abort(); // an OpenSSL without SHA-256
}

// ---- reading ----------------------------------------------------------------------------------

static void add_file(struct bundle *bundle, const char *path, struct buf *text)
{
    size_t size = (bundle->count + 1) * sizeof(*bundle->files);

    bundle->files = mem_realloc(bundle->files, size);
    struct bundle_file *file = &bundle->files[bundle->count++];
    *file = (struct bundle_file){.path = mem_dup(path, strlen(path))};
    file->is_test = ends_with(path, "_test.lua");
    if (!text->data)
        buf_add_text(text, "");
    file->text = buf_take(text, &file->len);
    digest(file->text, file->len, file->hash);
}

// Returns 0 also for a file that has gone since it was seen.
static int read_file(struct reading *reading, const char *path, size_t limit)
{
    char *place = bundle_place(reading->bundle, path);
    struct buf text;
    struct error unread;

    buf_init(&text, limit);
    int rc = file_read(place, &text, &unread);
    if (rc == 0 && reading->bundle->count == BUNDLE_FILES)
        rc = error_set(reading->err, ERROR_SCRIPT, "%s: more than %d files", place, BUNDLE_FILES);
    else if (rc == 0 && text.len > BUNDLE_TOTAL - reading->total)
        rc = error_set(reading->err, ERROR_SCRIPT, "%s: more than %d MB with all files before it",
                       place, BUNDLE_TOTAL / (1024 * 1024));
    else if (rc == 0)
        reading->total += text.len;
    else if (errno == ENOENT || errno == ENOTDIR || errno == ENXIO)
        rc = 1;
    else
        error_set(reading->err, ERROR_SCRIPT, "%s", unread.message);
    if (rc == 0)
        add_file(reading->bundle, path, &text);
    buf_deinit(&text);
    free(place);
    return rc < 0 ? -1 : 0;
}

static int on_file(void *owner, const char *path, const char *place)
{
    (void)place;
    return read_file(owner, path, BUNDLE_FILE_LIMIT);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct bundle_file *)a)->path, ((const struct bundle_file *)b)->path);
}

static void hash_all(struct bundle *bundle)
{
    struct buf all;

    buf_init(&all, SIZE_MAX / 2);
    for (size_t i = 0; i < bundle->count; i++) {
        const struct bundle_file *file = &bundle->files[i];
        if (file->is_test)
            continue;
        buf_add(&all, file->path, strlen(file->path) + 1);
        buf_add(&all, file->hash, BUNDLE_HASH);
    }
    digest(all.data, all.len, bundle->hash);
    buf_deinit(&all);
}

// Fills folder and file: `path` may name either.
static int locate(struct bundle *bundle, const char *path, struct error *err)
{
    struct stat entry;
    const char *given = path && *path ? path : ".";

    if (stat(given, &entry) != 0)
        return error_set(err, ERROR_SCRIPT, "%s: %s", given, strerror(errno));
    if (!S_ISDIR(entry.st_mode)) {
        const char *slash = strrchr(given, '/');
        bundle->file = mem_dup(given, strlen(given));
        if (!slash)
            bundle->folder = mem_dup(".", 1);
        else
            bundle->folder = mem_dup(given, slash == given ? 1 : (size_t)(slash - given));
        return 0;
    }
    bundle->folder = mem_dup(given, strlen(given));
    bundle->file = walk_join(given, config_name);
    return 0;
}

static const char *name_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

static int read_all(struct reading *reading)
{
    struct bundle *bundle = reading->bundle;
    const struct walker walker = {.on_file = on_file, .owner = reading};

    if (read_file(reading, name_of(bundle->file), BUNDLE_CONFIG_LIMIT) != 0 ||
        read_file(reading, env_name, ENV_FILE_LIMIT) != 0 ||
        walk_files(bundle->folder, &walker, reading->err) != 0)
        return -1;
    if (bundle->count)
        qsort(bundle->files, bundle->count, sizeof(*bundle->files), compare_paths);
    hash_all(bundle);
    if (bundle_find(bundle, name_of(bundle->file)))
        return 0;
    if (access(bundle->file, F_OK) == 0)
        return error_set(reading->err, ERROR_SCRIPT, "%s: not a regular file", bundle->file);
    free(bundle->file);
    bundle->file = NULL;
    return 0;
}

struct bundle *bundle_read(const char *path, struct error *err)
{
    struct bundle *bundle = mem_alloc(sizeof(*bundle));
    struct reading reading = {.bundle = bundle, .err = err};

    if (locate(bundle, path, err) == 0 && read_all(&reading) == 0)
        return bundle;
    bundle_free(bundle);
    return NULL;
}

void bundle_free(struct bundle *bundle)
{
    if (!bundle)
        return;
    for (size_t i = 0; i < bundle->count; i++) {
        free(bundle->files[i].path);
        OPENSSL_cleanse(bundle->files[i].text, bundle->files[i].len); // keys may stand in it
        free(bundle->files[i].text);
    }
    free(bundle->files);
    free(bundle->folder);
    free(bundle->file);
    free(bundle);
}

// ---- what was read ----------------------------------------------------------------------------

static int by_path(const void *path, const void *file)
{
    return strcmp(path, ((const struct bundle_file *)file)->path);
}

const struct bundle_file *bundle_find(const struct bundle *bundle, const char *path)
{
    if (!bundle->count)
        return NULL;
    return bsearch(path, bundle->files, bundle->count, sizeof(*bundle->files), by_path);
}

const struct bundle_file *bundle_config(const struct bundle *bundle)
{
    return bundle->file ? bundle_find(bundle, name_of(bundle->file)) : NULL;
}

int bundle_check_sizes(const struct bundle *bundle, size_t limit, struct error *err)
{
    for (size_t i = 0; i < bundle->count; i++) {
        const struct bundle_file *file = &bundle->files[i];
        if (file->len <= limit || !strchr(file->path, '/'))
            continue;
        char *place = bundle_place(bundle, file->path);
        error_set(err, ERROR_SCRIPT, "%s:1: larger than scripts.source allows (%zu bytes, not %zu)",
                  place, limit, file->len);
        free(place);
        return -1;
    }
    return 0;
}

void bundle_hash_text(const unsigned char hash[BUNDLE_HASH], char text[2 * BUNDLE_HASH + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < BUNDLE_HASH; i++) {
        *text++ = digits[hash[i] >> 4];
        *text++ = digits[hash[i] & 15];
    }
    *text = '\0';
}

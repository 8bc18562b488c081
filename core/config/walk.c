#include "config/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

struct walk {
    const char *root;
    const struct walker *walker;
    struct error *err;
};

char *walk_join(const char *folder, const char *name)
{
    struct buf path;

    if (strcmp(folder, ".") == 0)
        return mem_dup(name, strlen(name));
    buf_init(&path, SIZE_MAX / 2);
    size_t len = strlen(folder);
    buf_addf(&path, "%s%s%s", folder, len && folder[len - 1] == '/' ? "" : "/", name);
    return buf_take(&path, NULL);
}

static bool is_lua(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && strcmp(name + len - 4, ".lua") == 0;
}

static int walk_folder(const struct walk *walk, const char *folder, int depth);

static int walk_entry(const struct walk *walk, const char *folder, const char *name, int depth)
{
    const struct walker *walker = walk->walker;
    struct stat found;
    int rc = 0;

    if (name[0] == '.')
        return 0;
    char *path = walk_join(folder, name);
    char *place = walk_join(walk->root, path);
    bool is_folder = stat(place, &found) == 0 && S_ISDIR(found.st_mode);
    if (is_folder && depth > 0)
        rc = walk_folder(walk, path, depth - 1);
    else if (!is_folder && is_lua(name))
        rc = walker->on_file(walker->owner, path, place);
    free(place);
    free(path);
    return rc;
}

static DIR *open_folder(const char *place)
{
    int fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && !dir)
        close(fd);
    return dir;
}

// The Lua files in a folder, and in folders in it down to `depth`.
static int walk_folder(const struct walk *walk, const char *folder, int depth)
{
    const struct walker *walker = walk->walker;
    char *place = walk_join(walk->root, folder);
    DIR *dir = open_folder(place);
    struct dirent *entry;
    int rc = 0;

    if (!dir && errno != ENOENT && errno != ENOTDIR)
        rc = error_set(walk->err, ERROR_SCRIPT, "%s: %s", place, strerror(errno));
    else if (dir && walker->on_folder)
        rc = walker->on_folder(walker->owner, folder, place);
    while (dir && rc == 0 && (entry = readdir(dir)))
        rc = walk_entry(walk, folder, entry->d_name, depth);
    if (dir)
        closedir(dir);
    free(place);
    return rc;
}

int walk_files(const char *folder, const struct walker *walker, struct error *err)
{
    const struct walk walk = {folder, walker, err};
    int rc = walk_folder(&walk, "adapters", 0);

    if (rc == 0)
        rc = walk_folder(&walk, "adapters/dialects", 0);
    if (rc == 0)
        rc = walk_folder(&walk, "adapters/models", 0);
    return rc == 0 ? walk_folder(&walk, "scripts", WALK_DEPTH) : rc;
}

#include "worker/watch_files.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "config/walk.h"

enum {
    FOLDERS_MOST = 256, // whose events are asked for; looking finds what happens in others
};

struct watch_files {
    struct loop *loop;
    struct timers *timers;
    char *folder, *config_name; // owned
    void (*on_change)(void *owner);
    void *owner;
    uv_fs_event_t *events[FOLDERS_MOST]; // owned; made as they are needed, then kept
    size_t event_count;                  // made
    size_t used;                         // that watch a folder now
    struct timer due, look;
    uint64_t first_ms; // of the first event that has not been told; 0: none
    bool is_certain;   // one of our files was named
    bool must_rearm;   // a name came or went
    uint64_t files;    // what the last look saw, as a number
    uint64_t folders;  // likewise
    size_t handles;    // open, when closing
};

// ---- looking ----------------------------------------------------------------------------------

struct look {
    uint64_t files, folders;
};

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

// Of one file or folder; they are added up, since a walk has no order.
static uint64_t look_at(const char *place, bool is_file)
{
    struct stat found;
    uint64_t hash = mix(0xcbf29ce484222325u, place, strlen(place));

    if (stat(place, &found) != 0)
        return hash;
    hash = mix(hash, &found.st_ino, sizeof(found.st_ino));
    hash = mix(hash, &found.st_dev, sizeof(found.st_dev));
    if (!is_file)
        return hash;
    hash = mix(hash, &found.st_size, sizeof(found.st_size));
    return mix(hash, &found.st_mtim, sizeof(found.st_mtim));
}

static int look_at_file(void *owner, const char *path, const char *place)
{
    struct look *look = owner;
    (void)path;
    look->files += look_at(place, true);
    return 0;
}

static int look_at_folder(void *owner, const char *path, const char *place)
{
    struct look *look = owner;
    (void)path;
    look->folders += look_at(place, false);
    return 0;
}

static struct look look_around(const struct watch_files *watch)
{
    struct look look = {0};
    const struct walker walker = {look_at_file, look_at_folder, &look};
    const char *const names[] = {watch->config_name, ".env"};

    look_at_folder(&look, "", watch->folder);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char *place = walk_join(watch->folder, names[i]);
        look_at_file(&look, names[i], place);
        free(place);
    }
    walk_files(watch->folder, &walker, NULL);
    return look;
}

// ---- events -----------------------------------------------------------------------------------

static void come_due(struct watch_files *watch)
{
    uint64_t now = timers_now_ms(watch->timers);

    if (!watch->first_ms)
        watch->first_ms = now ? now : 1;
    uint64_t latest = watch->first_ms + WATCH_MOST_MS;
    uint64_t due = now + WATCH_QUIET_MS < latest ? now + WATCH_QUIET_MS : latest;
    timer_start(watch->timers, &watch->due, due > now ? due - now : 0);
}

static bool is_ours(const struct watch_files *watch, const char *name)
{
    size_t len = strlen(name);
    return (len > 4 && strcmp(name + len - 4, ".lua") == 0) || strcmp(name, ".env") == 0 ||
           strcmp(name, watch->config_name) == 0;
}

// The log and the store may stand in the folder: being written to is no change.
static void on_event(uv_fs_event_t *handle, const char *name, int events, int status)
{
    struct watch_files *watch = handle->data;
    bool is_named = status == 0 && name && is_ours(watch, name);

    loop_woke(watch->loop);
    if (!is_named && !(events & UV_RENAME))
        return;
    watch->is_certain |= is_named;
    watch->must_rearm |= (events & UV_RENAME) != 0;
    come_due(watch);
}

static uv_fs_event_t *next_event(struct watch_files *watch)
{
    if (watch->used < watch->event_count)
        return watch->events[watch->used];
    if (watch->event_count == FOLDERS_MOST)
        return NULL;
    uv_fs_event_t *event = mem_alloc(sizeof(*event));
    event->data = watch;
    uv_fs_event_init(&watch->loop->uv, event);
    watch->events[watch->event_count++] = event;
    return event;
}

static int arm_folder(void *owner, const char *path, const char *place)
{
    struct watch_files *watch = owner;
    uv_fs_event_t *event = next_event(watch);

    (void)path;
    if (event && uv_fs_event_start(event, on_event, place, 0) == 0)
        watch->used++;
    return 0;
}

static int ignore_file(void *owner, const char *path, const char *place)
{
    (void)owner;
    (void)path;
    (void)place;
    return 0;
}

// All of them anew: a folder that has gone and come back is another one, whatever its number says.
static void arm(struct watch_files *watch)
{
    const struct walker walker = {ignore_file, arm_folder, watch};

    for (size_t i = 0; i < watch->used; i++)
        uv_fs_event_stop(watch->events[i]);
    watch->used = 0;
    watch->must_rearm = false;
    arm_folder(watch, "", watch->folder);
    walk_files(watch->folder, &walker, NULL);
}

// ---- timers -----------------------------------------------------------------------------------

static void on_due(void *owner)
{
    struct watch_files *watch = owner;
    bool is_certain = watch->is_certain;

    watch->first_ms = 0;
    watch->is_certain = false;
    if (watch->must_rearm)
        arm(watch);
    struct look look = look_around(watch);
    bool is_other = look.files != watch->files;
    watch->files = look.files;
    watch->folders = look.folders;
    if (is_certain || is_other)
        watch->on_change(watch->owner);
}

static void on_look(void *owner)
{
    struct watch_files *watch = owner;
    struct look look = look_around(watch);

    if (look.folders != watch->folders)
        watch->must_rearm = true;
    if (look.folders != watch->folders || look.files != watch->files)
        come_due(watch);
    timer_start(watch->timers, &watch->look, WATCH_LOOK_MS);
}

struct watch_files *watch_files_new(struct loop *loop, struct timers *timers, const char *folder,
                                    const char *config_name, void (*on_change)(void *owner),
                                    void *owner)
{
    struct watch_files *watch = mem_alloc(sizeof(*watch));

    watch->loop = loop;
    watch->timers = timers;
    watch->folder = mem_dup(folder, strlen(folder));
    watch->config_name = mem_dup(config_name, strlen(config_name));
    watch->on_change = on_change;
    watch->owner = owner;
    watch->due = (struct timer){.on_due = on_due, .owner = watch};
    watch->look = (struct timer){.on_due = on_look, .owner = watch};
    arm(watch);
    struct look look = look_around(watch);
    watch->files = look.files;
    watch->folders = look.folders;
    timer_start(timers, &watch->look, WATCH_LOOK_MS);
    return watch;
}

// ---- the end ----------------------------------------------------------------------------------

static void release(struct watch_files *watch)
{
    if (watch->handles)
        return;
    free(watch->folder);
    free(watch->config_name);
    free(watch);
}

static void on_closed(uv_handle_t *handle)
{
    struct watch_files *watch = handle->data;
    free(handle);
    watch->handles--;
    release(watch);
}

void watch_files_close(struct watch_files *watch)
{
    timer_stop(watch->timers, &watch->due);
    timer_stop(watch->timers, &watch->look);
    watch->handles = watch->event_count;
    for (size_t i = 0; i < watch->event_count; i++)
        uv_close((uv_handle_t *)watch->events[i], on_closed);
    release(watch);
}

#include "worker/watch_files.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

enum { LIMIT_MS = 30 * 1000, CALM_MS = 4 * WATCH_MOST_MS };

struct place {
    char folder[64];
    struct loop *loop;
    struct timers *timers;
    struct watch_files *watch;
    int changes;
    int taken; // of them, by await_change()
};

static void on_change(void *owner)
{
    struct place *place = owner;
    place->changes++;
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    snprintf(place->folder, sizeof(place->folder), "/tmp/tidegate-watch-XXXXXX");
    if (!mkdtemp(place->folder) || chdir(place->folder) != 0)
        return -1;
    place->loop = loop_new();
    place->timers = timers_new(place->loop);
    *state = place;
    return 0;
}

static void start(struct place *place)
{
    place->watch =
        watch_files_new(place->loop, place->timers, place->folder, "gateway.lua", on_change, place);
}

static int remove_one(const char *path, const struct stat *found, int type, struct FTW *walk)
{
    (void)found;
    (void)type;
    (void)walk;
    return remove(path);
}

static int remove_all(const char *path)
{
    return nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int tear_down(void **state)
{
    struct place *place = *state;
    watch_files_close(place->watch);
    timers_close(place->timers);
    uv_run(&place->loop->uv, UV_RUN_DEFAULT);
    int rc = loop_free(place->loop) | chdir("/") | remove_all(place->folder);
    free(place);
    return rc;
}

static void write_file(const char *path, const char *text)
{
    char folder[256];

    for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
        mkdir(folder, 0700);
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void on_tick(void *owner)
{
    (void)owner;
}

// Turns the loop until `count` more changes were told than were taken, at most so long.
static bool turn_until(struct place *place, int count, uint64_t limit_ms)
{
    struct timer tick = {.on_due = on_tick};
    uint64_t end_ns = clock_monotonic_ns() + limit_ms * 1000000;

    while (place->changes < place->taken + count && clock_monotonic_ns() < end_ns) {
        timer_start(place->timers, &tick, 10); // the loop wakes to look at the limit
        uv_run(&place->loop->uv, UV_RUN_ONCE);
    }
    timer_stop(place->timers, &tick);
    return place->changes >= place->taken + count;
}

static void await_change(struct place *place)
{
    assert_true(turn_until(place, 1, LIMIT_MS));
    turn_until(place, 1000, CALM_MS); // an event may have come in two parts
    place->taken = place->changes;
}

static void assert_calm(struct place *place)
{
    assert_false(turn_until(place, 1, CALM_MS));
}

static void test_a_file_that_is_written_is_noticed(void **state)
{
    struct place *place = *state;
    static const char *const names[] = {"gateway.lua",           ".env",
                                        "adapters/x.lua",        "adapters/dialects/x.lua",
                                        "adapters/models/x.lua", "scripts/a/b/c.lua"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        write_file(names[i], "before");
    start(place);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        write_file(names[i], "behind");
        await_change(place);
    }
}

static void test_a_file_that_comes_goes_or_is_renamed_is_noticed(void **state)
{
    struct place *place = *state;
    start(place);
    write_file("gateway.lua", "first");
    await_change(place);
    write_file("gateway.lua~", "second");
    assert_int_equal(rename("gateway.lua~", "gateway.lua"), 0);
    await_change(place);
    assert_int_equal(remove("gateway.lua"), 0);
    await_change(place);
}

static void test_a_folder_that_is_new_is_watched(void **state)
{
    struct place *place = *state;
    start(place);
    write_file("scripts/lib/deep/x.lua", "first");
    await_change(place);
    write_file("scripts/lib/deep/x.lua", "second");
    await_change(place);
}

static void test_a_folder_that_goes_and_comes_back_is_watched(void **state)
{
    struct place *place = *state;
    write_file("scripts/x.lua", "first");
    start(place);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(remove_all("scripts"), 0);
        await_change(place);
        write_file("scripts/x.lua", "again");
        await_change(place);
        write_file("scripts/x.lua", "changed");
        await_change(place);
    }
}

static void test_the_whole_folder_may_go_and_come_back(void **state)
{
    struct place *place = *state;
    char away[80];
    write_file("gateway.lua", "first");
    start(place);
    snprintf(away, sizeof(away), "%s.away", place->folder);
    assert_int_equal(rename(place->folder, away), 0);
    await_change(place);
    assert_int_equal(rename(away, place->folder), 0);
    await_change(place);
    write_file("gateway.lua", "second");
    await_change(place);
}

static void test_many_writes_at_once_are_told_once(void **state)
{
    struct place *place = *state;
    char name[32];
    start(place);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "x%d.lua", i);
        write_file("gateway.lua", name);
    }
    assert_true(turn_until(place, 1, LIMIT_MS));
    assert_calm((place->taken = place->changes, place));
    assert_int_equal(place->changes, 1);
}

// As somebody does who never stops typing.
static void test_a_change_is_told_although_writing_goes_on(void **state)
{
    struct place *place = *state;
    uint64_t began_ns = clock_monotonic_ns();
    start(place);
    for (int i = 0; !place->changes; i++) {
        write_file("gateway.lua", i % 2 ? "one" : "other");
        assert_true(clock_monotonic_ns() - began_ns < LIMIT_MS * 1000000ull);
        turn_until(place, 1, WATCH_QUIET_MS / 4);
    }
    assert_true(clock_monotonic_ns() - began_ns >= WATCH_QUIET_MS * 1000000ull);
}

static void test_other_files_in_the_folder_are_nothing(void **state)
{
    struct place *place = *state;
    write_file("gateway.log", "");
    start(place);
    for (int i = 0; i < 10; i++) {
        write_file("gateway.log", "a line\n");
        write_file("tidegate.db-journal", "made");
        assert_int_equal(remove("tidegate.db-journal"), 0);
        write_file("adapters/.hidden.lua.swp", "typing");
    }
    turn_until(place, 1, CALM_MS); // a folder has come, at most
    place->taken = place->changes;
    write_file("gateway.log", "another line\n");
    assert_calm(place);
}

// Where no event comes from: the target of a link.
static void test_what_no_event_tells_is_found_by_looking(void **state)
{
    struct place *place = *state;
    char real[80];
    snprintf(real, sizeof(real), "%s.real", place->folder);
    write_file(real, "first");
    assert_int_equal(symlink(real, "gateway.lua"), 0);
    start(place);
    write_file(real, "second, and longer");
    await_change(place);
    assert_int_equal(remove(real), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_that_is_written_is_noticed),
        TEST(a_file_that_comes_goes_or_is_renamed_is_noticed),
        TEST(a_folder_that_is_new_is_watched),
        TEST(a_folder_that_goes_and_comes_back_is_watched),
        TEST(the_whole_folder_may_go_and_come_back),
        TEST(many_writes_at_once_are_told_once),
        TEST(a_change_is_told_although_writing_goes_on),
        TEST(other_files_in_the_folder_are_nothing),
        TEST(what_no_event_tells_is_found_by_looking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "config/bundle.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/walk.h"

static int set_up(void **state)
{
    char folder[] = "/tmp/tidegate-bundle-XXXXXX";
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return -1;
    *state = strdup(folder);
    return 0;
}

static int remove_one(const char *path, const struct stat *found, int type, struct FTW *walk)
{
    (void)found;
    (void)type;
    (void)walk;
    return remove(path);
}

static int tear_down(void **state)
{
    int rc = chdir("/") | nftw(*state, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(*state);
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

static struct bundle *read_here(void)
{
    struct error err = {0};
    struct bundle *bundle = bundle_read(NULL, &err);
    assert_string_equal(err.message, "");
    assert_non_null(bundle);
    return bundle;
}

static void check_refused(const char *path, const char *message)
{
    struct error err = {0};
    assert_null(bundle_read(path, &err));
    assert_string_equal(err.message, message);
}

static void test_reads_all_that_a_user_can_write_and_nothing_else(void **state)
{
    (void)state;
    static const char *const expected[] = {
        ".env",        "adapters/a.lua",         "adapters/dialects/d.lua", "adapters/models/m.lua",
        "gateway.lua", "scripts/lib/b/deep.lua", "scripts/policies/p.lua",  "scripts/x.lua",
    };
    static const char *const others[] = {
        "other.lua",           "tidegate.db",      "adapters/.#a.lua",      "adapters/a.lua~",
        "adapters/deep/x.lua", "scripts/notes.md", "scripts/.git/hook.lua", "scripts/.x.lua",
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
        write_file(expected[i], expected[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        write_file(others[i], "no");
    struct bundle *bundle = read_here();
    assert_int_equal(bundle->count, sizeof(expected) / sizeof(*expected));
    for (size_t i = 0; i < bundle->count; i++) {
        assert_string_equal(bundle->files[i].path, expected[i]);
        assert_string_equal(bundle->files[i].text, expected[i]);
        assert_int_equal(bundle->files[i].len, strlen(expected[i]));
    }
    assert_ptr_equal(bundle_config(bundle), bundle_find(bundle, "gateway.lua"));
    assert_null(bundle_find(bundle, "adapters/none.lua"));
    bundle_free(bundle);
}

static void test_an_empty_folder_is_an_empty_bundle(void **state)
{
    (void)state;
    struct bundle *bundle = read_here();
    assert_int_equal(bundle->count, 0);
    assert_null(bundle->file);
    assert_null(bundle_config(bundle));
    assert_null(bundle_find(bundle, "gateway.lua"));
    bundle_free(bundle);
}

static void test_a_file_has_the_hash_of_its_bytes(void **state)
{
    (void)state;
    char text[2 * BUNDLE_HASH + 1];
    write_file("scripts/x.lua", "abc");
    struct bundle *bundle = read_here();
    bundle_hash_text(bundle->files[0].hash, text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    bundle_free(bundle);
}

// Whether the bundle's hash is another after the change.
static bool changes(void (*change)(void))
{
    struct bundle *before = read_here();
    change();
    struct bundle *after = read_here();
    bool is_other = memcmp(before->hash, after->hash, BUNDLE_HASH) != 0;
    bundle_free(before);
    bundle_free(after);
    return is_other;
}

static void touch(void)
{
    write_file("gateway.lua", "return {}");
}

static void edit(void)
{
    write_file("gateway.lua", "return { }");
}

static void move(void)
{
    assert_int_equal(rename("scripts/a.lua", "scripts/b.lua"), 0);
}

static void edit_test(void)
{
    write_file("scripts/a_test.lua", "another");
}

static void test_the_hash_is_that_of_paths_and_bytes_without_tests(void **state)
{
    (void)state;
    write_file("gateway.lua", "return {}");
    write_file("scripts/a.lua", "return 1");
    write_file("scripts/a_test.lua", "one");
    assert_false(changes(touch));
    assert_true(changes(edit));
    assert_true(changes(move));
    assert_false(changes(edit_test));
    struct bundle *bundle = read_here();
    assert_true(bundle_find(bundle, "scripts/a_test.lua")->is_test);
    assert_false(bundle_find(bundle, "scripts/b.lua")->is_test);
    bundle_free(bundle);
}

static void test_a_path_may_be_a_file_of_any_name(void **state)
{
    char path[128];
    struct error err;
    write_file("other.lua", "return 1");
    write_file("gateway.lua", "return 2");
    snprintf(path, sizeof(path), "%s/other.lua", (const char *)*state);
    struct bundle *bundle = bundle_read(path, &err);
    assert_string_equal(bundle->folder, *state);
    assert_string_equal(bundle->file, path);
    assert_string_equal(bundle_config(bundle)->text, "return 1");
    char *place = bundle_place(bundle, "adapters/a.lua");
    assert_memory_equal(place, *state, strlen(*state));
    assert_string_equal(place + strlen(*state), "/adapters/a.lua");
    free(place);
    bundle_free(bundle);
}

static void test_names_what_cannot_be_read(void **state)
{
    (void)state;
    check_refused("/nonexistent/x", "/nonexistent/x: No such file or directory");
    assert_int_equal(mkdir("gateway.lua", 0700), 0);
    check_refused(NULL, "gateway.lua: not a regular file");
}

static void test_follows_links_but_not_in_circles(void **state)
{
    (void)state;
    write_file("real/p.lua", "linked");
    assert_int_equal(mkdir("scripts", 0700), 0);
    assert_int_equal(symlink("../real", "scripts/policies"), 0);
    assert_int_equal(symlink("../scripts", "real/again"), 0);
    assert_int_equal(symlink("nowhere", "scripts/gone.lua"), 0);
    struct bundle *bundle = read_here();
    assert_string_equal(bundle_find(bundle, "scripts/policies/p.lua")->text, "linked");
    assert_null(bundle_find(bundle, "scripts/gone.lua"));
    assert_in_range(bundle->count, 1, WALK_DEPTH + 1);
    bundle_free(bundle);
}

static void test_a_script_over_the_limit_is_named(void **state)
{
    (void)state;
    struct error err = {0};
    write_file("gateway.lua", "a long configuration is fine");
    write_file("scripts/long.lua", "12345678901");
    struct bundle *bundle = read_here();
    assert_int_equal(bundle_check_sizes(bundle, 11, &err), 0);
    assert_int_equal(bundle_check_sizes(bundle, 10, &err), -1);
    assert_string_equal(err.message,
                        "scripts/long.lua:1: larger than scripts.source allows (10 bytes, not 11)");
    bundle_free(bundle);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_all_that_a_user_can_write_and_nothing_else),
        TEST(an_empty_folder_is_an_empty_bundle),
        TEST(a_file_has_the_hash_of_its_bytes),
        TEST(the_hash_is_that_of_paths_and_bytes_without_tests),
        TEST(a_path_may_be_a_file_of_any_name),
        TEST(names_what_cannot_be_read),
        TEST(follows_links_but_not_in_circles),
        TEST(a_script_over_the_limit_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

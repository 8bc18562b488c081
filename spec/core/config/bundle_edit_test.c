#include "config/bundle_edit.h"

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

static int set_up(void **state)
{
    char folder[] = "/tmp/tidegate-bundle-edit-XXXXXX";
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
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static struct bundle *read_some(void)
{
    struct error err = {0};

    mkdir("adapters", 0700);
    write_file("gateway.lua", "return { old = 1 }");
    write_file(".env", "KEY=secret");
    write_file("adapters/a.lua", "a");
    write_file("adapters/b.lua", "b");
    struct bundle *bundle = bundle_read(NULL, &err);
    assert_non_null(bundle);
    assert_int_equal(bundle->count, 4);
    return bundle;
}

static bool is_wanted(void *owner, const char *path)
{
    return strcmp(path, owner) == 0;
}

static void test_what_is_not_kept_is_gone(void **state)
{
    (void)state;
    struct bundle *bundle = read_some();
    bundle_keep(bundle, is_wanted, "adapters/b.lua");
    assert_int_equal(bundle->count, 1);
    assert_string_equal(bundle_find(bundle, "adapters/b.lua")->text, "b");
    assert_null(bundle_find(bundle, ".env"));
    assert_null(bundle->file);
    assert_null(bundle_config(bundle));
    bundle_free(bundle);
}

static void test_a_configuration_takes_its_place_among_the_others(void **state)
{
    (void)state;
    struct bundle *bundle = read_some();
    bundle_keep(bundle, is_wanted, "adapters/a.lua");
    bundle_set_config(bundle, SLICE("return { new = 1 }"));
    assert_int_equal(bundle->count, 2);
    assert_string_equal(bundle_config(bundle)->text, "return { new = 1 }");
    assert_int_equal(bundle_config(bundle)->len, strlen("return { new = 1 }"));
    assert_string_equal(bundle->file, "gateway.lua");
    assert_string_equal(bundle_find(bundle, "adapters/a.lua")->text, "a");
    bundle_free(bundle);
}

static void test_nothing_may_be_left(void **state)
{
    (void)state;
    struct bundle *bundle = read_some();
    bundle_keep(bundle, is_wanted, "none");
    assert_int_equal(bundle->count, 0);
    bundle_set_config(bundle, SLICE("x"));
    assert_string_equal(bundle_config(bundle)->text, "x");
    bundle_free(bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_not_kept_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_configuration_takes_its_place_among_the_others,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_may_be_left, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "cli/adapter.h"

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

#include "base/file.h"

static int set_up(void **state)
{
    char folder[] = "/tmp/tidegate-adapter-XXXXXX";
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

static void assert_file(const char *path, const char *text, size_t len)
{
    struct error err = {0};
    struct buf found;

    buf_init(&found, 1000);
    assert_int_equal(file_read(path, &found, &err), 0);
    assert_int_equal(found.len, len);
    assert_memory_equal(found.data, text, len);
    buf_deinit(&found);
}

static const char two_files[] = "a/b/one.txt\0"
                                "3\0"
                                "o\0e"
                                "two.txt\0"
                                "4\0"
                                "four";

static struct slice files(void)
{
    return (struct slice){two_files, sizeof(two_files) - 1};
}

static void test_files_are_written_with_their_folders(void **state)
{
    struct error err = {0};
    (void)state;
    assert_int_equal(adapter_write("in/there", files(), false, &err), 0);
    assert_file("in/there/a/b/one.txt", "o\0e", 3);
    assert_file("in/there/two.txt", "four", 4);
}

static void test_nothing_is_written_where_one_is_there(void **state)
{
    struct error err = {0};
    (void)state;
    FILE *mine = fopen("two.txt", "w");
    fputs("mine", mine);
    fclose(mine);
    assert_int_equal(adapter_write(".", files(), false, &err), -1);
    assert_string_equal(err.message, "two.txt is there already: nothing was written");
    assert_int_equal(access("a", F_OK), -1);
    assert_file("two.txt", "mine", 4);
    assert_int_equal(adapter_write(".", files(), true, &err), 0);
    assert_file("two.txt", "four", 4);
}

static void test_a_folder_that_cannot_be_is_an_error(void **state)
{
    struct error err = {0};
    (void)state;
    fclose(fopen("file", "w"));
    assert_int_equal(adapter_write("file", files(), true, &err), -1);
    assert_non_null(strstr(err.message, "file"));
}

static void locate(const char *word, const char *folder, const char *name, const char *in)
{
    struct cli_options options = {.words = {"check", word, folder}, .word_count = folder ? 3 : 2};
    struct adapter_place place;

    assert_int_equal(adapter_locate(&options, &place), 0);
    assert_string_equal(place.name, name);
    assert_string_equal(place.folder, in);
    adapter_place_deinit(&place);
}

static void test_a_name_and_a_path_say_where_an_adapter_is(void **state)
{
    (void)state;
    locate("odd", NULL, "odd", ".");
    locate("odd", "/x/y", "odd", "/x/y");
    locate("adapters/odd.lua", NULL, "odd", ".");
    locate("x/adapters/odd.lua", NULL, "odd", "x");
    locate("/adapters/odd.lua", NULL, "odd", "/");
    locate("/x/adapters/odd.lua", NULL, "odd", "/x");
}

static void test_a_file_is_found_from_within_its_folder(void **state)
{
    char here[256];
    assert_int_equal(mkdir("adapters", 0700), 0);
    assert_int_equal(chdir("adapters"), 0);
    fclose(fopen("odd.lua", "w"));
    locate("odd.lua", NULL, "odd", realpath(*state, here));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_files_are_written_with_their_folders, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_is_written_where_one_is_there, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_folder_that_cannot_be_is_an_error, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_name_and_a_path_say_where_an_adapter_is, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_is_found_from_within_its_folder, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

// Writes `len` bytes of 'x' to a new file, whose name goes to `path`.
static void make_file(char *path, size_t len)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

static void test_reads_a_file_whole(void **state)
{
    (void)state;
    char path[] = "/tmp/tidegate-file-XXXXXX";
    struct error err;
    struct buf out;

    make_file(path, 20000);
    buf_init(&out, 20000);
    assert_int_equal(file_read(path, &out, &err), 0);
    assert_int_equal(out.len, 20000);
    assert_int_equal(out.data[19999], 'x');
    buf_deinit(&out);
    unlink(path);
}

static void test_refuses_a_file_over_the_limit(void **state)
{
    (void)state;
    char path[] = "/tmp/tidegate-file-XXXXXX";
    struct error err;
    struct buf out;

    make_file(path, 11);
    buf_init(&out, 10);
    assert_int_equal(file_read(path, &out, &err), -1);
    assert_int_equal(errno, EFBIG);
    assert_non_null(strstr(err.message, ": File too large"));
    buf_deinit(&out);
    unlink(path);
}

static void test_names_a_file_that_is_missing(void **state)
{
    (void)state;
    struct error err;
    struct buf out;

    buf_init(&out, 10);
    assert_int_equal(file_read("/nonexistent/x", &out, &err), -1);
    assert_int_equal(errno, ENOENT);
    assert_string_equal(err.message, "/nonexistent/x: No such file or directory");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_a_file_whole),
        cmocka_unit_test(test_refuses_a_file_over_the_limit),
        cmocka_unit_test(test_names_a_file_that_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

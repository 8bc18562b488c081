#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

static void test_does_not_wait_for_a_pipe(void **state)
{
    (void)state;
    char folder[] = "/tmp/tidegate-file-XXXXXX", path[64];
    struct buf out;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    buf_init(&out, 10);
    assert_int_equal(file_read(path, &out, NULL), -1);
    assert_int_equal(errno, ENOENT);
    buf_deinit(&out);
    unlink(path);
    rmdir(folder);
}

struct writer {
    char path[64];
    atomic_bool is_over;
};

static void *write_on(void *argument)
{
    struct writer *writer = argument;
    int fd = open(writer->path, O_WRONLY | O_APPEND);
    while (!atomic_load(&writer->is_over))
        (void)!write(fd, "more", 4);
    close(fd);
    return NULL;
}

static void test_does_not_take_a_file_that_is_being_written(void **state)
{
    (void)state;
    struct writer writer = {.path = "/tmp/tidegate-file-XXXXXX"};
    pthread_t thread;
    struct error err;
    struct buf out;

    make_file(writer.path, 0);
    assert_int_equal(truncate(writer.path, 32 << 20), 0);
    assert_int_equal(pthread_create(&thread, NULL, write_on, &writer), 0);
    buf_init(&out, 1 << 30);
    // On a busy machine the writer may stand still for as long as a file is read.
    int tries = 0;
    while (tries++ < 1000 && file_read(writer.path, &out, &err) == 0)
        buf_clear(&out);
    assert_int_equal(errno, EBUSY);
    assert_non_null(strstr(err.message, "it changes all the time"));
    atomic_store(&writer.is_over, true);
    pthread_join(thread, NULL);
    buf_clear(&out);
    assert_int_equal(file_read(writer.path, &out, &err), 0);
    buf_deinit(&out);
    unlink(writer.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_a_file_whole),
        cmocka_unit_test(test_refuses_a_file_over_the_limit),
        cmocka_unit_test(test_names_a_file_that_is_missing),
        cmocka_unit_test(test_does_not_wait_for_a_pipe),
        cmocka_unit_test(test_does_not_take_a_file_that_is_being_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

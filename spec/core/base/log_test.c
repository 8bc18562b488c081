#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
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
#include "base/limits.h"

static int make_path(void **state)
{
    char *path = strdup("/tmp/tidegate-log-XXXXXX");
    int fd = mkstemp(path);
    *state = path;
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    unlink(*state);
    free(*state);
    return 0;
}

static struct log *open_log(const char *path, enum log_level level)
{
    struct error err = {0};
    struct log *log = log_new(path, level, &err);
    assert_string_equal(err.message, "");
    assert_non_null(log);
    return log;
}

// The file's text, freed by the caller.
static char *read_text(const char *path)
{
    struct buf text;
    buf_init(&text, 64 << 20);
    assert_int_equal(file_read(path, &text, NULL), 0);
    buf_add_text(&text, "");
    return buf_take(&text, NULL);
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void test_freeing_writes_what_is_queued(void **state)
{
    struct log *log = open_log(*state, LOG_INFO);
    log_event(log, LOG_INFO, "hello %d", 42);
    log_request(log, &(struct log_request){.path = SLICE("/x"), .tokens_in = -1});
    log_free(log);
    char *text = read_text(*state);
    assert_int_equal(count_lines(text), 2);
    assert_non_null(strstr(text, "\"level\":\"info\",\"message\":\"hello 42\"}\n{\"time\":"));
    assert_non_null(strstr(text, "\"path\":\"/x\""));
    free(text);
}

static void test_whole_lines_go_out_as_they_are_and_missing_ones_count_as_dropped(void **state)
{
    struct log *log = open_log(*state, LOG_ERROR);
    log_line(log, SLICE("{\"a\":1}\n"));
    log_line(log, (struct slice){NULL, 0});
    assert_int_equal(log_dropped(log), 1);
    log_free(log);
    char *text = read_text(*state);
    assert_string_equal(text, "{\"a\":1}\n");
    free(text);
}

static void test_an_existing_file_is_appended_to(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct log *log = open_log(*state, LOG_INFO);
        log_event(log, LOG_INFO, "%s", "");
        log_free(log);
    }
    char *text = read_text(*state);
    assert_int_equal(count_lines(text), 2);
    free(text);
}

static void test_levels_below_the_threshold_are_left_out(void **state)
{
    struct log *log = open_log(*state, LOG_WARN);
    assert_false(log_wants(log, LOG_INFO));
    assert_true(log_wants(log, LOG_ERROR));
    log_event(log, LOG_DEBUG, "no");
    log_event(log, LOG_INFO, "no");
    log_event(log, LOG_WARN, "yes");
    log_request(log, &(struct log_request){.status = 200, .path = SLICE("/no")});
    log_free(log);
    char *text = read_text(*state);
    assert_int_equal(count_lines(text), 1);
    assert_non_null(strstr(text, "\"warn\",\"message\":\"yes\""));
    free(text);
}

static void test_a_failed_request_is_a_warning_and_a_canceled_one_is_not(void **state)
{
    struct log *log = open_log(*state, LOG_INFO);
    log_request(log, &(struct log_request){.error_kind = SLICE("timeout")});
    log_request(log, &(struct log_request){.error_kind = SLICE("canceled")});
    log_free(log);
    char *text = read_text(*state);
    const char *second = strchr(text, '\n') + 1;
    assert_true(strstr(text, "\"level\":\"warn\"") < second);
    assert_non_null(strstr(second, "\"level\":\"info\""));
    free(text);
}

static void test_secrets_never_appear(void **state)
{
    struct log *log = open_log(*state, LOG_INFO);
    struct buf out;

    log_add_secret(log, SLICE("sk-secret-1"));
    log_event(log, LOG_INFO, "the key is %s%s", "sk-sec", "ret-1");
    buf_init(&out, 100);
    log_redact(log, SLICE("Bearer sk-secret-1"), &out);
    assert_string_equal(out.data, "Bearer ***");
    buf_deinit(&out);
    log_free(log);
    char *text = read_text(*state);
    assert_null(strstr(text, "sk-"));
    assert_non_null(strstr(text, "the key is ***"));
    free(text);
}

enum { WRITERS = 4, LINES = 3000 };

struct writer {
    struct log *log;
    int number;
};

static void *write_lines(void *argument)
{
    const struct writer *writer = argument;
    for (int i = 0; i < LINES; i++)
        log_event(writer->log, LOG_INFO, "%d %d.", writer->number, i);
    return NULL;
}

static void test_lines_of_many_threads_stay_whole_and_in_order(void **state)
{
    struct log *log = open_log(*state, LOG_INFO);
    pthread_t threads[WRITERS];
    struct writer writers[WRITERS];

    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){log, i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(log_dropped(log), 0);
    log_free(log);

    int next[WRITERS] = {0}, number = 0, line = 0;
    char *text = read_text(*state);
    assert_int_equal(count_lines(text), WRITERS * LINES);
    for (const char *at = text; (at = strstr(at, "\"message\":\"")); at++) {
        assert_int_equal(sscanf(at, "\"message\":\"%d %d.\"}\n", &number, &line), 2);
        assert_in_range(number, 0, WRITERS - 1);
        assert_int_equal(line, next[number]++);
    }
    free(text);
}

static void test_a_message_of_any_length_is_one_line(void **state)
{
    struct log *log = open_log(*state, LOG_INFO);
    log_event(log, LOG_INFO, "%100000s", "x");
    log_event(log, LOG_INFO, "end");
    log_free(log);
    char *text = read_text(*state);
    assert_int_equal(count_lines(text), 2);
    free(text);
}

static void test_a_file_that_cannot_be_opened_is_an_error(void **state)
{
    (void)state;
    struct error err;
    assert_null(log_new("/nonexistent/x.log", LOG_INFO, &err));
    assert_string_equal(err.message, "log.file /nonexistent/x.log: No such file or directory");
}

static void test_a_full_disk_drops_and_counts(void **state)
{
    (void)state;
    struct log *log = open_log("/dev/full", LOG_INFO);
    for (int i = 0; i < 10; i++)
        log_event(log, LOG_INFO, "lost");
    while (log_dropped(log) < 10)
        usleep(1000); // the writer's own pace; only its count is awaited
    assert_int_equal(log_dropped(log), 10);
    log_free(log);
}

// A FIFO at the test's path, and its reading end.
static int open_reader(const char *path)
{
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void test_a_pipe_gets_all_lines(void **state)
{
    int fd = open_reader(*state);
    struct log *log = open_log(*state, LOG_INFO);
    char text[4096];
    log_event(log, LOG_INFO, "one");
    log_event(log, LOG_INFO, "two");
    log_free(log);
    ssize_t len = read(fd, text, sizeof(text) - 1);
    assert_true(len > 0);
    text[len] = '\0';
    assert_int_equal(count_lines(text), 2);
    assert_non_null(strstr(text, "\"two\""));
    close(fd);
}

static void test_a_reader_that_has_gone_kills_nobody(void **state)
{
    int fd = open_reader(*state);
    struct log *log = open_log(*state, LOG_INFO);
    close(fd);
    for (int i = 0; i < 10; i++)
        log_event(log, LOG_INFO, "lost");
    while (log_dropped(log) < 10)
        usleep(1000);
    assert_int_equal(log_dropped(log), 10);
    log_free(log);
}

static void test_a_reader_that_stalls_blocks_nobody(void **state)
{
    int fd = open_reader(*state);
    struct log *log = open_log(*state, LOG_INFO);
    uint64_t lines = 0;

    // The queue, the batch being written and the pipe hold no more than this.
    while (log_dropped(log) == 0 && lines < 3 * LIMIT_LOG_QUEUE / 1000) {
        log_event(log, LOG_INFO, "%1000d", 1);
        lines++;
    }
    assert_true(log_dropped(log) > 0);
    log_free(log); // gives up after a while
    close(fd);
}

static void test_a_pipe_that_nobody_reads_cannot_be_opened(void **state)
{
    struct error err;
    close(open_reader(*state));
    assert_null(log_new(*state, LOG_INFO, &err));
    assert_non_null(strstr(err.message, "No such device or address"));
}

static void test_a_terminal_gets_lines_for_people(void **state)
{
    (void)state;
    char text[256];
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(grantpt(fd), 0);
    assert_int_equal(unlockpt(fd), 0);
    struct log *log = open_log(ptsname(fd), LOG_INFO);
    log_event(log, LOG_WARN, "look");
    ssize_t len = read(fd, text, sizeof(text) - 1);
    assert_true(len > 8);
    text[len] = '\0';
    assert_memory_equal(text + 8, " warn   look", 12);
    log_free(log);
    close(fd);
}

static void test_no_file_is_standard_output(void **state)
{
    int saved = dup(STDOUT_FILENO);
    int fd = open(*state, O_WRONLY | O_CLOEXEC);
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    struct log *log = open_log("-", LOG_INFO);
    log_event(log, LOG_INFO, "out");
    log_free(log);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(fd);
    char *text = read_text(*state);
    assert_non_null(strstr(text, "\"out\""));
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, make_path, remove_path)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(freeing_writes_what_is_queued),
        TEST(whole_lines_go_out_as_they_are_and_missing_ones_count_as_dropped),
        TEST(an_existing_file_is_appended_to),
        TEST(levels_below_the_threshold_are_left_out),
        TEST(a_failed_request_is_a_warning_and_a_canceled_one_is_not),
        TEST(secrets_never_appear),
        TEST(lines_of_many_threads_stay_whole_and_in_order),
        TEST(a_message_of_any_length_is_one_line),
        TEST(a_file_that_cannot_be_opened_is_an_error),
        TEST(a_full_disk_drops_and_counts),
        TEST(a_pipe_gets_all_lines),
        TEST(a_reader_that_has_gone_kills_nobody),
        TEST(a_reader_that_stalls_blocks_nobody),
        TEST(a_pipe_that_nobody_reads_cannot_be_opened),
        TEST(a_terminal_gets_lines_for_people),
        TEST(no_file_is_standard_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

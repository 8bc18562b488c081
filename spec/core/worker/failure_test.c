#include "worker/failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

// How `message` is taken apart in the folder "/etc/gate".
static struct reload_failure taken(const char *message)
{
    struct error err, unused;
    struct reload_failure failure;
    struct log *log = log_new("/dev/null", LOG_ERROR, &unused);

    log_add_secret(log, SLICE("sk-canary-failure"));
    error_set(&err, ERROR_SCRIPT, "%s", message);
    failure_read(&err, "/etc/gate", log, &failure);
    log_free(log);
    assert_true(failure.time > 1e9);
    return failure;
}

static void check(const char *message, const char *file, int line, const char *text)
{
    struct reload_failure failure = taken(message);
    assert_string_equal(failure.file, file);
    assert_int_equal(failure.line, line);
    assert_string_equal(failure.message, text);
}

static void test_file_line_and_message_are_taken_apart(void **state)
{
    (void)state;
    check("/etc/gate/scripts/x.lua:12: no", "scripts/x.lua", 12, "no");
    check("/etc/gate/gateway.lua:3: a:4: b", "gateway.lua", 3, "a:4: b");
    check("adapters/groq.lua:7: shipped", "adapters/groq.lua", 7, "shipped");
    check("/etc/gatekeeper/x.lua:1: not ours", "/etc/gatekeeper/x.lua", 1, "not ours");
}

static void test_what_has_no_line_has_the_first(void **state)
{
    (void)state;
    check("/etc/gate/scripts/x.lua: Permission denied", "scripts/x.lua", 1, "Permission denied");
    check("2 of 3 workers could not", "", 1, "2 of 3 workers could not");
    check("it took long :5: times", "", 1, "it took long :5: times");
    check("", "", 1, "");
}

static void test_a_known_secret_is_left_out(void **state)
{
    (void)state;
    check("/etc/gate/gateway.lua:1: near 'sk-canary-failure'", "gateway.lua", 1, "near '***'");
}

static void test_it_is_printed_as_it_was(void **state)
{
    (void)state;
    struct reload_failure failure = taken("/etc/gate/scripts/x.lua:12: no");
    struct buf out;

    buf_init(&out, 100);
    failure_print(&failure, &out);
    assert_string_equal(out.data, "scripts/x.lua:12: no");
    buf_clear(&out);
    failure = taken("too late");
    failure_print(&failure, &out);
    assert_string_equal(out.data, "too late");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_line_and_message_are_taken_apart),
        cmocka_unit_test(test_what_has_no_line_has_the_first),
        cmocka_unit_test(test_a_known_secret_is_left_out),
        cmocka_unit_test(test_it_is_printed_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

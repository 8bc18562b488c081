#include "config/keep.h"

#include "place.h"

#define RUNNING "return { listen = '127.0.0.1:1', workers = 1, log = { file = 'a.log' } }"

// What config_keep() says about a new text while an old one runs; "" when nothing. `keep` gets the
// new configuration.
static void keep_from(const struct place *place, const char *running, const char *text,
                      const char *expected, struct config **kept)
{
    struct config *old = load(place, running), *new = load(place, text);
    struct error err = {0};
    struct buf notes;

    buf_init(&notes, 4096);
    assert_int_equal(config_keep(new, old, &notes, &err), 0);
    assert_string_equal(notes.data ? notes.data : "", expected);
    buf_deinit(&notes);
    config_free(old);
    *kept = new;
}

static void test_what_can_be_changed_is_the_new_value(void **state)
{
    struct config *config;
    keep_from(
        *state, RUNNING,
        "return { listen = '127.0.0.1:1', workers = 1, log = { file = 'a.log', level = 'warn' "
        "}, limits = { body = 5000 }, stream = { keepalive = 3 } }",
        "", &config);
    assert_int_equal(config->limits.body, 5000);
    assert_int_equal(config->keepalive_ms, 3000);
    config_free(config);
}

static void test_what_cannot_be_changed_is_told_and_stays(void **state)
{
    struct place *place = *state;
    struct config *config;
    char log_file[128];
    keep_from(place, RUNNING,
              "return { listen = '127.0.0.1:2', admin = { listen = '127.0.0.1:3' }, workers = 2, "
              "log = { file = 'b.log', bodies = 'c' }, limits = { connections = 9 } }",
              "listen changed: restart to apply it\n"
              "admin.listen changed: restart to apply it\n"
              "log.file changed: restart to apply it\n"
              "log.bodies changed: restart to apply it\n"
              "workers changed: restart to apply it\n"
              "limits.connections changed: restart to apply it\n",
              &config);
    assert_int_equal(config->listen_port, 1);
    assert_null(config->admin_host);
    assert_int_equal(config->workers, 1);
    assert_null(config->log_bodies);
    assert_int_equal(config->limits.connections, 20000);
    snprintf(log_file, sizeof(log_file), "%s/a.log", place->folder);
    assert_string_equal(config->log_file, log_file);
    config_free(config);
}

static void test_a_listener_that_goes_stays_until_the_restart(void **state)
{
    struct config *config;
    keep_from(*state, "return { admin = { listen = '127.0.0.1:3' } }", "return {}",
              "admin.listen changed: restart to apply it\n", &config);
    assert_string_equal(config->admin_host, "127.0.0.1");
    assert_int_equal(config->admin_port, 3);
    config_free(config);
}

static void check_kept_closed(const struct place *place, const char *running, const char *text,
                              const char *message)
{
    struct config *old = load(place, running), *new = load(place, text);
    struct error err = {0};
    struct buf notes;

    buf_init(&notes, 4096);
    assert_int_equal(config_keep(new, old, &notes, &err), -1);
    assert_non_null(strstr(err.message, message));
    buf_deinit(&notes);
    config_free(old);
    config_free(new);
}

// The new configuration is sound by itself: it would listen on loopback.
static void test_a_listener_that_stays_is_never_left_open(void **state)
{
    check_kept_closed(*state,
                      "return { listen = '0.0.0.0:1', clients = { { key = 'k', name = 'n' } } }",
                      "return { listen = '127.0.0.1:1' }", "`clients` must name who may ask");
    check_kept_closed(*state, "return { admin = { listen = '0.0.0.0:1', token = 'abc' } }",
                      "return { admin = { listen = '127.0.0.1:1' } }", "it needs a token");
    check_kept_closed(*state, "return { admin = { listen = '0.0.0.0:1', token = 'abc' } }",
                      "return {}", "it needs a token");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_can_be_changed_is_the_new_value),
        TEST(what_cannot_be_changed_is_told_and_stays),
        TEST(a_listener_that_goes_stays_until_the_restart),
        TEST(a_listener_that_stays_is_never_left_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

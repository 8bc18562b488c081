#include "config/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"

static void test_every_row_has_a_kind_and_a_help_line(void **state)
{
    (void)state;
    for (size_t i = 0; settings_at(i); i++) {
        const struct setting *row = settings_at(i);
        assert_true(row->kinds != 0);
        assert_non_null(row->help);
        assert_true(*row->help && !strchr(row->help, '\n'));
    }
}

static void test_every_path_stands_once_below_one_that_stands(void **state)
{
    (void)state;
    for (size_t i = 0; settings_at(i); i++) {
        const struct setting *row = settings_at(i);
        assert_ptr_equal(settings_find(row->path), row);
        assert_false(settings_is_later(row->path));
        char parent[128] = "";
        const char *dot = strrchr(row->path, '.');
        if (dot)
            memcpy(parent, row->path, (size_t)(dot - row->path));
        assert_non_null(settings_find(parent));
    }
}

static void test_every_default_is_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; settings_at(i); i++) {
        const struct setting *row = settings_at(i);
        if (!row->fallback)
            continue;
        if (row->kinds & (SETTING_NUMBER | SETTING_SIZE)) {
            double number = row->kinds & SETTING_SIZE ? settings_size(row->fallback)
                                                      : strtod(row->fallback, NULL);
            assert_true(number >= row->min && number <= row->max);
        } else {
            assert_true(!row->words || settings_word(row->words, row->fallback) >= 0);
            assert_true(!row->wrong_text || !row->wrong_text(row->fallback));
        }
    }
}

static void test_stores_the_defaults(void **state)
{
    (void)state;
    struct config config = {0};
    settings_store_defaults(&config);
    assert_int_equal(config.limits.body, 64 * 1024 * 1024);
    assert_int_equal(config.limits.head, 64 * 1024);
    assert_int_equal(config.limits.headers, 100);
    assert_int_equal(config.limits.json_depth, 128);
    assert_int_equal(config.limits.connections, 20000);
    assert_int_equal(config.limits.bodies_total, 1024 * 1024 * 1024);
    assert_int_equal(config.limits.hold, 16 * 1024 * 1024);
    assert_int_equal(config.limits.head_time, 10000);
    assert_int_equal(config.limits.body_time, 30000);
    assert_int_equal(config.limits.idle_time, 75000);
    assert_int_equal(config.limits.write_time, 60000);
    assert_int_equal(config.limits.drain_time, 30000);
    assert_int_equal(config.keepalive_ms, 15000);
    assert_string_equal(config.log_file, "-");
    assert_int_equal(config.log_level, LOG_INFO);
    free(config.log_file);
}

static void test_the_words_for_levels_are_in_the_order_of_the_log(void **state)
{
    (void)state;
    const char *words = settings_find("log.level")->words;
    assert_int_equal(settings_word(words, "debug"), LOG_DEBUG);
    assert_int_equal(settings_word(words, "info"), LOG_INFO);
    assert_int_equal(settings_word(words, "warn"), LOG_WARN);
    assert_int_equal(settings_word(words, "error"), LOG_ERROR);
    assert_int_equal(settings_word(words, "inf"), -1);
    assert_int_equal(settings_word(words, ""), -1);
    assert_int_equal(settings_word(NULL, "info"), -1);
}

static void test_rounds_short_times_up(void **state)
{
    (void)state;
    struct config config = {0};
    settings_store(settings_find("stream.keepalive"), &config, 0.0001, NULL);
    assert_int_equal(config.keepalive_ms, 1);
    settings_store(settings_find("stream.keepalive"), &config, 0, NULL);
    assert_int_equal(config.keepalive_ms, 0);
    settings_store(settings_find("stream.keepalive"), &config, 1.5, NULL);
    assert_int_equal(config.keepalive_ms, 1500);
}

static void test_reads_sizes(void **state)
{
    (void)state;
    assert_true(settings_size("300B") == 300);
    assert_true(settings_size("64KB") == 65536);
    assert_true(settings_size("1.5MB") == 1572864);
    assert_true(settings_size("2 GB") == 2147483648.0);
    assert_true(settings_size("1TB") == 1099511627776.0);
}

static void test_refuses_what_is_no_size(void **state)
{
    (void)state;
    const char *const wrong[] = {"",     "64",   "MB",    "64mb", "64M", "-1MB", "0x1B",
                                 " 1MB", "1MB ", "infMB", "nanB", "1e",  "64MBs"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_true(settings_size(wrong[i]) < 0);
}

static void test_knows_what_later_versions_have(void **state)
{
    (void)state;
    assert_true(settings_is_later("store"));
    assert_true(settings_is_later("providers.*.keys.#.weight"));
    assert_true(settings_is_later("clients.#.budget"));
    assert_false(settings_is_later("providers"));
    assert_false(settings_is_later("nonsense"));
}

static void test_suggests_a_name_of_the_same_table(void **state)
{
    (void)state;
    assert_string_equal(settings_suggest("", "provders"), "providers");
    assert_string_equal(settings_suggest("providers.*", "base-url"), "base_url");
    assert_string_equal(settings_suggest("providers.*.timeout", "conect"), "connect");
    assert_null(settings_suggest("providers.*", "temperature"));
}

static void test_suggests_where_a_misplaced_name_belongs(void **state)
{
    (void)state;
    assert_string_equal(settings_suggest("providers.*", "workers"), "workers");
    assert_string_equal(settings_suggest("", "keepalive"), "stream.keepalive");
    assert_string_equal(settings_suggest("timeout", "body"), "limits.body");
}

static void test_prints_each_setting_on_a_line(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 65536);
    settings_print(&out);
    assert_non_null(strstr(out.data, "limits.body "));
    assert_non_null(strstr(out.data, " 64MB "));
    size_t lines = 0, rows = 0;
    for (size_t i = 0; i < out.len; i++)
        lines += out.data[i] == '\n';
    while (settings_at(rows))
        rows++;
    assert_int_equal(lines, rows - 1);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_has_a_kind_and_a_help_line),
        cmocka_unit_test(test_every_path_stands_once_below_one_that_stands),
        cmocka_unit_test(test_every_default_is_allowed),
        cmocka_unit_test(test_stores_the_defaults),
        cmocka_unit_test(test_the_words_for_levels_are_in_the_order_of_the_log),
        cmocka_unit_test(test_rounds_short_times_up),
        cmocka_unit_test(test_reads_sizes),
        cmocka_unit_test(test_refuses_what_is_no_size),
        cmocka_unit_test(test_knows_what_later_versions_have),
        cmocka_unit_test(test_suggests_a_name_of_the_same_table),
        cmocka_unit_test(test_suggests_where_a_misplaced_name_belongs),
        cmocka_unit_test(test_prints_each_setting_on_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

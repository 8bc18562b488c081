#include "config/config.h"

#include "base/log.h"
#include "place.h"

static void test_an_empty_folder_has_all_defaults(void **state)
{
    struct place *place = *state;
    struct error err = {0};
    struct config *config = config_load(place->folder, NULL, &err);

    assert_non_null(config);
    assert_null(config->file);
    assert_string_equal(config->folder, place->folder);
    assert_string_equal(config->listen_host, "127.0.0.1");
    assert_int_equal(config->listen_port, 8080);
    assert_null(config->admin_host);
    assert_int_equal(config->admin_token, -1);
    assert_in_range(config->workers, 1, 4);
    assert_int_equal(config->limits.body, 64 << 20);
    assert_int_equal(config->keepalive_ms, 15000);
    assert_string_equal(config->log_file, "-");
    assert_int_equal(config->client_count, 0);
    assert_int_equal(config->warnings.len, 0);
    char expected[512];
    snprintf(expected, sizeof(expected), "{\"folder\":\"%s\",%s,\"zero\":true}", place->folder,
             DEFAULTS);
    assert_string_equal(config->document, expected);
    config_free(config);
}

static void test_no_path_is_the_current_folder(void **state)
{
    struct place *place = *state;
    struct error err = {0};
    char before[4096];

    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(place->folder), 0);
    write_file("gateway.lua", "return { log = { file = 'x.log' } }");
    struct config *config = config_load(NULL, NULL, &err);
    assert_non_null(config);
    assert_string_equal(config->folder, ".");
    assert_string_equal(config->file, "gateway.lua");
    assert_string_equal(config->log_file, "x.log");
    config_free(config);
    write_file("gateway.lua", "return { workers = 'two' }");
    assert_null(config_load(NULL, NULL, &err));
    assert_string_equal(err.message, "gateway.lua:1: workers: expected a number, got a string");
    assert_int_equal(chdir(before), 0);
}

static void test_a_path_may_be_the_file_itself(void **state)
{
    struct place *place = *state;
    struct error err = {0};

    write_file(place->file, "return { log = { file = 'x.log' } }");
    struct config *config = config_load(place->file, NULL, &err);
    assert_non_null(config);
    assert_string_equal(config->folder, place->folder);
    assert_string_equal(config->file, place->file);
    assert_string_equal(config->log_file + strlen(place->folder), "/x.log");
    config_free(config);
}

static void test_a_path_that_does_not_exist_is_an_error(void **state)
{
    (void)state;
    struct error err = {0};
    assert_null(config_load("/nonexistent/conf", NULL, &err));
    assert_string_equal(err.message, "/nonexistent/conf: No such file or directory");
}

static void test_settings_reach_the_configuration(void **state)
{
    struct config *config =
        load(*state, "return {\n"
                     "  listen = '[::1]:9000', workers = 3,\n"
                     "  limits = { body = '32MB', head = 2048, idle_time = 1.5 },\n"
                     "  stream = { keepalive = 0 },\n"
                     "  log = { file = '/var/log/tide.log', level = 'warn' },\n"
                     "}");
    assert_string_equal(config->listen_host, "::1");
    assert_int_equal(config->listen_port, 9000);
    assert_int_equal(config->workers, 3);
    assert_int_equal(config->limits.body, 32 << 20);
    assert_int_equal(config->limits.head, 2048);
    assert_int_equal(config->limits.idle_time, 1500);
    assert_int_equal(config->limits.headers, 100);
    assert_int_equal(config->keepalive_ms, 0);
    assert_string_equal(config->log_file, "/var/log/tide.log");
    assert_int_equal(config->log_level, LOG_WARN);
    config_free(config);
}

static void test_secrets_come_from_the_environment_first(void **state)
{
    struct place *place = *state;
    write_file(place->env, "TIDE_A=from-file\nTIDE_B=from-file\n");
    setenv("TIDE_A", "from-environment", 1);
    struct config *config =
        load(place, "return { providers = { p = { keys = { secret 'TIDE_A', secret 'TIDE_B',"
                    " secret 'TIDE_A' } } } }");
    unsetenv("TIDE_A");
    assert_int_equal(config->secret_count, 2);
    assert_string_equal(config->secrets[0].name, "TIDE_A");
    assert_string_equal(config->secrets[0].value, "from-environment");
    assert_string_equal(config->secrets[1].value, "from-file");
    config_free(config);
}

static void test_a_malformed_env_file_is_an_error(void **state)
{
    struct place *place = *state;
    struct error err = {0};
    char expected[160];
    write_file(place->env, "A=1\nwhat\n");
    snprintf(expected, sizeof(expected), "%s:2: expected NAME=value", place->env);
    assert_null(config_load(place->folder, NULL, &err));
    assert_string_equal(err.message, expected);
}

static void test_later_errors_have_the_line_too(void **state)
{
    struct place *place = *state;
    struct error err;
    char expected[200];
    struct config *config = load(place, "return {\n  models = {\n    a = { 'x/y',\n 'z/y' } } }");

    config_error_at(config, "models.a.2", "models.a.2: unknown provider 'z'", &err);
    snprintf(expected, sizeof(expected), "%s:4: models.a.2: unknown provider 'z'", place->file);
    assert_string_equal(err.message, expected);
    config_error_at(config, "models.a.timeout", "x", &err);
    snprintf(expected, sizeof(expected), "%s:3: x", place->file);
    assert_string_equal(err.message, expected);
    config_free(config);

    unlink(place->file);
    config = config_load(place->folder, NULL, &err);
    config_error_at(config, "models", "no file", &err);
    assert_string_equal(err.message, "no file");
    config_free(config);
}

static void test_secrets_of_the_environment_are_registered_once(void **state)
{
    struct place *place = *state;
    struct error err = {0};
    write_file(place->env, "TIDE_A=a\n");
    struct config *config = config_load(place->folder, NULL, &err);
    assert_string_equal(config_env(config, "TIDE_A"), "a");
    assert_null(config_env(config, "TIDE_NONE"));
    assert_int_equal(config_env_secret(config, "TIDE_A"), 0);
    assert_int_equal(config_env_secret(config, "TIDE_A"), 0);
    assert_int_equal(config_env_secret(config, "TIDE_NONE"), -1);
    assert_int_equal(config->secret_count, 1);
    config_free(config);
}

// Every value of the table's own defaults, written out, changes nothing.
static void test_the_example_of_the_manual_is_accepted(void **state)
{
    struct place *place = *state;
    write_file(place->env, "TIDE_ADMIN=t\nTIDE_OPENAI=o\nTIDE_APP=a\n");
    struct config *config =
        load(place,
             "return {\n"
             "  listen  = '127.0.0.1:8080',\n"
             "  admin   = { listen = '127.0.0.1:8081', token = secret 'TIDE_ADMIN' },\n"
             "  workers = 2,\n"
             "  providers = {\n"
             "    openai = { keys = { secret 'TIDE_OPENAI' }, timeout = { first_token = 30 } },\n"
             "    local_vllm = { extends = 'openai', base_url = 'http://127.0.0.1:8000/v1' },\n"
             "  },\n"
             "  models = { ['gpt-4o'] = { 'openai/gpt-4o', 'local_vllm/gpt-4o' } },\n"
             "  retry    = { max = 5 },\n"
             "  timeout  = { connect = 3, first_token = 60, head = 300, idle = 60, total = 600 },\n"
             "  stream   = { keepalive = 15 },\n"
             "  limits   = { body = '64MB', head = '64KB', headers = 100, json_depth = 128,\n"
             "    connections = 20000, bodies_total = '1GB', hold = '16MB', head_time = 10,\n"
             "    body_time = 30, idle_time = 75, write_time = 60, drain_time = 30 },\n"
             "  log      = { file = '-', level = 'info' },\n"
             "  cors     = { origins = { 'https://app.example' } },\n"
             "  clients = { { key = secret 'TIDE_APP', name = 'app' } },\n"
             "}");
    assert_int_equal(config->warnings.len, 0);
    assert_int_equal(config->limits.body, 64 << 20);
    assert_int_equal(config->workers, 2);
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_folder_has_all_defaults),
        TEST(no_path_is_the_current_folder),
        TEST(a_path_may_be_the_file_itself),
        TEST(a_path_that_does_not_exist_is_an_error),
        TEST(settings_reach_the_configuration),
        TEST(secrets_come_from_the_environment_first),
        TEST(a_malformed_env_file_is_an_error),
        TEST(later_errors_have_the_line_too),
        TEST(secrets_of_the_environment_are_registered_once),
        TEST(the_example_of_the_manual_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "config/check.h"

#include "place.h"

static void test_unknown_fields_are_errors_with_a_suggestion(void **state)
{
    struct place *place = *state;
    check_refused(place, "return {\n\n  provders = {} }",
                  ":3: unknown field 'provders', did you mean 'providers'?");
    check_refused(place, "return {\n  providers = {\n    openai = {\n      kyes = {} } } }",
                  ":4: providers.openai: unknown field 'kyes', did you mean 'keys'?");
    check_refused(place, "return { temperature = 1 }", ":1: unknown field 'temperature'");
    check_refused(place, "return { limits = {\n  workers = 1 } }",
                  ":2: limits: unknown field 'workers': it belongs at the top");
    check_refused(place, "return {\n  keepalive = 1 }",
                  ":2: unknown field 'keepalive', did you mean 'stream.keepalive'?");
    check_refused(place, "return { ['retry.max'] = 1 }", ":1: unknown field 'retry.max'");
    check_refused(place, "return { ['providers.*'] = {} }",
                  ":1: unknown field 'providers.*', did you mean 'providers'?");
    check_refused(place, "return { clients = { x = {} } }", ":1: clients: unknown field 'x'");
    check_refused(place, "return {\n  admin = {\n 'a:1' } }",
                  ":3: admin: item 1 has no name; here fields have names");
}

static void test_fields_of_later_versions_are_refused_as_such(void **state)
{
    struct place *place = *state;
    check_refused(place, "return {\n  store = 'x' }", ":2: 'store' is not part of this version");
    check_refused(
        place,
        "return { providers = { openai = {\n keys = { 'sk-1',\n { 'sk-2', weight = 2 } } } } }",
        ":3: providers.openai.keys.2: 'weight' is not part of this version");
    check_refused(place, "return { clients = { { key = 'k', name = 'n', rpm = 1 } } }",
                  ":1: clients.1: 'rpm' is not part of this version");
    check_refused(place, "return { pick =\n 'fastest' }",
                  ":1: pick: 'fastest' is not part of this version (it has: ordered cheapest)");
    check_refused(place, "return { models = { a = { targets = { 'x/y' }, hedge = {} } } }",
                  ":1: models.a: 'hedge' is not part of this version");
}

static void test_a_key_is_one_text_or_a_pair(void **state)
{
    struct place *place = *state;
    check_refused(place, "return { providers = { a = { keys = { { name = 'x' } } } } }",
                  ":1: providers.a.keys.1: '1' is missing: the key");
    check_refused(place, "return { providers = { a = { keys = { { access_key_id = 'A' } } } } }",
                  ":1: providers.a.keys.1: 'secret_access_key' is missing: what requests are "
                  "signed with");
    check_refused(place,
                  "return { providers = { a = { keys = { { secret_access_key = 's' } } } } }",
                  ":1: providers.a.keys.1: 'access_key_id' is missing: instead of a key, where "
                  "requests are signed");
    check_refused(place,
                  "return { providers = { a = { keys = { { 'k', session_token = 't' } } } } }",
                  ":1: providers.a.keys.1: 'access_key_id' is missing: instead of a key, where "
                  "requests are signed");
    check_refused(place, "return { clients = { { name = 'n', access_key_id = 'A' } } }",
                  ":1: clients.1: 'secret_access_key' is missing: what it signs with");
    check_refused(place, "return { clients = { { name = 'n', secret_access_key = 's' } } }",
                  ":1: clients.1: 'access_key_id' is missing: of a client that signs its "
                  "requests as for AWS");
}

static void test_prices_and_models_are_looked_at_field_by_field(void **state)
{
    struct place *place = *state;
    check_refused(place, "return { prices = {\n ['openai/gpt-4o'] = {\n inptu = 1 } } }",
                  ":3: prices.openai/gpt-4o: unknown field 'inptu', did you mean 'input'?");
    check_refused(place, "return { prices = { ['a/b'] = {\n input = -1 } } }",
                  ":2: prices.a/b.input: must be from 0 to 1000000, got -1");
    check_refused(place, "return { prices = { ['a/b'] = { input = '1' } } }",
                  ":1: prices.a/b.input: expected a number, got a string");
    check_refused(place, "return { prices = { ['a/b'] = 3 } }",
                  ":1: prices.a/b: expected a table, got a number");
    check_refused(
        place, "return { providers = { p = { models = {\n ['gpt-4.1'] = {\n context = 0 } } } } }",
        ":3: providers.p.models.gpt-4.1.context: must be from 1 to 1000000000, got 0");
    check_refused(place, "return { providers = { p = { models = { m = { caps = { 1 } } } } } }",
                  ":1: providers.p.models.m.caps.1: expected a string, got a number");
    check_refused(place, "return { providers = { p = { models = { 'a', m = {} } } } }",
                  ":1: providers.p.models: item 1 has no name; here fields have names");
}

static void test_wrong_types_are_named(void **state)
{
    struct place *place = *state;
    check_refused(place, "return {\n  workers = '2' }",
                  ":2: workers: expected a number, got a string");
    check_refused(place, "return { providers = true }",
                  ":1: providers: expected a table, got true");
    check_refused(place, "return { clients = 1 }", ":1: clients: expected a list, got a number");
    check_refused(place, "return { models = { a = 1 } }",
                  ":1: models.a: expected a string, a list or a table, got a number");
    check_refused(place, "return { listen = print_ or function() end }",
                  ":1: unknown name 'print_'");
    check_refused(place, "return { listen = function() end }",
                  ":1: listen: expected a string, got a function");
    check_refused(place, "return { limits = { body = {} } }",
                  ":1: limits.body: expected a size like \"64MB\", got a table");
    check_refused(place, "return { providers = { p = { proxy = true } } }",
                  ":1: providers.p.proxy: expected a string or false, got true");
    check_refused(place, "return { providers = { p = { keys = { 1 } } } }",
                  ":1: providers.p.keys.1: expected secret \"NAME\" or a table, got a number");
    check_refused(place, "return { listen = { '127.0.0.1:1' } }",
                  ":1: listen: expected a string, got a list");
}

static void test_numbers_have_a_range(void **state)
{
    struct place *place = *state;
    check_refused(place, "return { workers = 0 }", ":1: workers: must be from 1 to 64, got 0");
    check_refused(place, "return { workers = 65 }", ":1: workers: must be from 1 to 64, got 65");
    check_refused(place, "return { workers = 1.5 }",
                  ":1: workers: expected a whole number, got 1.5");
    check_refused(place, "return { workers = 0/0 }", ":1: workers: must be from 1 to 64, got nan");
    check_refused(place, "return { timeout = { idle = 1/0 } }",
                  ":1: timeout.idle: must be from 0.001 to 86400, got inf");
    check_refused(place, "return { timeout = { idle = 0 } }",
                  ":1: timeout.idle: must be from 0.001 to 86400, got 0");
    check_refused(place, "return { retry = { max = 101 } }",
                  ":1: retry.max: must be from 0 to 100, got 101");
    check_refused(place, "return { limits = { head = '2MB' } }",
                  ":1: limits.head: must be from 1KB to 1MB, got 2097152");
    check_refused(
        place, "return { limits = { head = '64 pages' } }",
        ":1: limits.head: expected bytes as a number or a size like \"64MB\", got \"64 pages\"");
}

static void test_texts_have_a_form(void **state)
{
    struct place *place = *state;
    check_refused(place, "return { listen = ':8080' }",
                  ":1: listen: expected an address like \"127.0.0.1:8080\" or \"[::1]:8080\", got "
                  "\":8080\"");
    check_refused(place, "return { log = { level = 'loud' } }",
                  ":1: log.level: expected one of: debug info warn error; got \"loud\"");
    check_refused(place, "return { providers = { ['a/b'] = {} } }",
                  ":1: providers.a/b: expected a name of letters, digits, '_', '.' and '-'");
    check_refused(
        place, "return { providers = { p = { base_url = 'example.com' } } }",
        ":1: providers.p.base_url: expected a URL like \"https://api.example.com/v1\", got "
        "\"example.com\"");
    check_refused(place, "return { providers = { p = { headers = { ['x y'] = 'z' } } } }",
                  ":1: providers.p.headers.x y: expected a header's name");
}

static void test_lists_have_no_holes_and_groups_a_target(void **state)
{
    struct place *place = *state;
    check_refused(place, "return { models = {\n a = { env('TIDE_NONE'), 'b/c' } } }",
                  ":2: models.a: item 1 is missing (nil)");
    check_refused(place, "return { models = { a = {} } }",
                  ":1: models.a: expected at least 1 in the list");
    check_refused(place, "return { models = { a = { pick = 'ordered' } } }",
                  ":1: models.a: 'targets' is missing: where requests go");
    check_refused(place, "return { models = { a = { 'b/c', pick = 'ordered' } } }",
                  ":1: models.a: item 1 has no name; here fields have names");
    check_refused(place, "return { providers = { p = { keys = { { name = 'x' } } } } }",
                  ":1: providers.p.keys.1: '1' is missing: the key");
}

static void test_plain_keys_are_secrets_with_a_warning(void **state)
{
    struct place *place = *state;
    char expected[512];
    struct config *config =
        load(place, "return {\n"
                    "  admin = { listen = '127.0.0.1:1', token = 'plain-token' },\n"
                    "  providers = { p = { keys = {\n"
                    "    'plain-1',\n"
                    "    { 'plain-2', name = 'second' } } } } }");
    snprintf(expected, sizeof(expected),
             "%s:2: admin.token is a plain string; use secret \"NAME\" and .env\n"
             "%s:4: providers.p.keys.1 is a plain string; use secret \"NAME\" and .env\n"
             "%s:5: providers.p.keys.2.1 is a plain string; use secret \"NAME\" and .env\n",
             place->file, place->file, place->file);
    assert_string_equal(config->warnings.data, expected);
    assert_int_equal(config->secret_count, 3);
    assert_string_equal(config->secrets[config->admin_token].value, "plain-token");
    assert_null(strstr(config->document, "plain-"));
    assert_non_null(strstr(config->document, "{\"name\":\"second\",\"value\":{\"$secret\":2}}"));
    config_free(config);
}

static void test_a_bad_key_is_refused_without_telling_it(void **state)
{
    struct place *place = *state;
    write_file(place->env, "TIDE_A=\"hidden\\nvalue\"\n");
    check_refused(place, "return { providers = { p = { keys = { 'hidden\\nvalue' } } } }",
                  ":1: providers.p.keys.1: expected a text without control characters");
    check_refused(
        place, "return { providers = { p = { keys = { secret 'TIDE_A' } } } }",
        ":1: providers.p.keys.1: secret TIDE_A: expected a text without control characters");
    check_refused(place, "return { providers = { p = { keys = { '' } } } }",
                  ":1: providers.p.keys.1: expected a text that is not empty");
}

// Each text that `source` gives, with a newline behind it and without the path of the file.
static void check_problems(const struct place *place, const char *source, const char *expected)
{
    struct buf problems, found;
    struct config_overrides overrides = {.problems = &problems};

    buf_init(&problems, 64 * 1024);
    buf_init(&found, 64 * 1024);
    struct config *config = load_with(place, source, &overrides);
    assert_true(config->is_broken);
    for (size_t at = 0; at < problems.len; at += strlen(problems.data + at) + 1) {
        const char *text = problems.data + at;
        assert_memory_equal(text, place->file, strlen(place->file));
        buf_addf(&found, "%s\n", text + strlen(place->file));
    }
    assert_string_equal(found.data, expected);
    config_free(config);
    buf_deinit(&problems);
    buf_deinit(&found);
}

static void test_all_problems_are_told_when_that_is_asked_for(void **state)
{
    struct place *place = *state;
    check_problems(place,
                   "return {\n  wokers = 2,\n  limits = {\n    body = true, head = 0,\n  },\n"
                   "  listen = 5 }",
                   ":4: limits.body: expected a size like \"64MB\", got true\n"
                   ":4: limits.head: must be from 1KB to 1MB, got 0\n"
                   ":6: listen: expected a string, got a number\n"
                   ":2: unknown field 'wokers', did you mean 'workers'?\n");
    check_problems(place, "return {", ":1: unexpected symbol near '<eof>'\n");
    check_problems(place, "return { listen = '0.0.0.0:80', clients = { { name = 'a', key = 5 } } }",
                   ":1: clients.1.key: expected secret \"NAME\", got a number\n"
                   ":1: listen: not on loopback, so gateway.lua must name the clients that may "
                   "ask: clients = { { key = secret \"APP_KEY\", name = \"app\" } }\n");
}

static void test_missing_secrets_are_told_once_each_and_the_rest_is_looked_at(void **state)
{
    struct place *place = *state;
    check_problems(place,
                   "local a = secret 'TIDE_NO'\nlocal b = secret 'TIDE_NO'\n"
                   "return { admin = { token = a },\n providers = { x = { keys = { b,\n"
                   "secret 'TIDE_NEITHER' }, colour = {} } } }",
                   ":1: secret TIDE_NO is not set: set it in the environment or in .env\n"
                   ":5: secret TIDE_NEITHER is not set: set it in the environment or in .env\n"
                   ":5: providers.x: unknown field 'colour'\n"
                   ":3: admin: 'listen' is missing: address for administrators\n");
}

static void test_plain_fields_of_a_provider_are_left_for_its_adapter(void **state)
{
    struct place *place = *state;
    struct config_overrides overrides = {.fakes_secrets = true};
    struct config *config = load_with(
        place, "return { providers = { x = { region = 'eu-1', depth = 3 } } }", &overrides);

    assert_false(config->is_broken);
    config_free(config);
    check_refused(place, "return { providers = { x = { base_ur = 'http://a' } } }",
                  ":1: providers.x: unknown field 'base_ur', did you mean 'base_url'?");
    check_refused(place, "return { providers = { x = { region = { 'eu-1' } } } }",
                  ":1: providers.x: unknown field 'region'");
    check_refused(place, "return { providers = { x = { region = '' } } }",
                  ":1: providers.x.region: expected a text that is not empty, got \"\"");
}

static void test_faked_secrets_say_so(void **state)
{
    struct place *place = *state;
    struct config_overrides overrides = {.fakes_secrets = true};
    struct config *config = load_with(
        place, "return { providers = { x = { keys = { secret 'TIDE_NO' } } } }", &overrides);

    assert_false(config->is_broken);
    assert_string_equal(config->secrets[0].value, "fake-TIDE_NO");
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unknown_fields_are_errors_with_a_suggestion),
        TEST(fields_of_later_versions_are_refused_as_such),
        TEST(a_key_is_one_text_or_a_pair),
        TEST(prices_and_models_are_looked_at_field_by_field),
        TEST(wrong_types_are_named),
        TEST(numbers_have_a_range),
        TEST(texts_have_a_form),
        TEST(lists_have_no_holes_and_groups_a_target),
        TEST(plain_keys_are_secrets_with_a_warning),
        TEST(a_bad_key_is_refused_without_telling_it),
        TEST(all_problems_are_told_when_that_is_asked_for),
        TEST(missing_secrets_are_told_once_each_and_the_rest_is_looked_at),
        TEST(plain_fields_of_a_provider_are_left_for_its_adapter),
        TEST(faked_secrets_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

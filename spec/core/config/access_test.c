#include "config/access.h"

#include "place.h"

static void check_override_refused(const struct place *place, const char *source,
                                   struct config_overrides overrides, const char *message)
{
    struct error err = {0};
    write_file(place->file, source);
    assert_null(config_load(place->folder, &overrides, &err));
    assert_memory_equal(err.message, message, strlen(message));
}

static const char two_clients[] = "return { listen = '0.0.0.0:0', clients = {\n"
                                  "  { key = 'key-of-app', name = 'app' },\n"
                                  "  { key = 'key-of-web', name = 'web' } } }";

static void test_clients_are_found_by_their_key(void **state)
{
    struct config *config = load(*state, two_clients);
    assert_int_equal(config->client_count, 2);
    assert_int_equal(config_find_client(config, SLICE("key-of-app")), 0);
    assert_int_equal(config_find_client(config, SLICE("key-of-web")), 1);
    assert_int_equal(config_find_client(config, SLICE("key-of-we")), -1);
    assert_int_equal(config_find_client(config, (struct slice){NULL, 0}), -1);
    assert_string_equal(config->clients[1].name, "web");
    assert_null(strstr(config->document, "clients"));
    assert_int_equal(config->secret_count, 2); // for the log to redact
    config_free(config);
}

static void test_clients_that_sign_are_found_by_their_access_key_id(void **state)
{
    struct config *config =
        load(*state, "return { clients = {\n"
                     "  { key = 'key-of-app', name = 'app' },\n"
                     "  { name = 'sdk', access_key_id = 'AKIA', secret_access_key = 'sk-2' },\n"
                     "  { name = 'both', key = 'key-of-both', access_key_id = 'AKIB',\n"
                     "    secret_access_key = 'sk-3' } } }");
    assert_int_equal(config_find_signer(config, SLICE("AKIA")), 1);
    assert_int_equal(config_find_signer(config, SLICE("AKIB")), 2);
    assert_int_equal(config_find_signer(config, SLICE("AKI")), -1);
    assert_int_equal(config_find_signer(config, SLICE("key-of-app")), -1);
    assert_int_equal(config_find_client(config, SLICE("AKIA")), -1);
    assert_int_equal(config_find_client(config, SLICE("key-of-both")), 2);
    int secret = config->clients[1].secret_access_key;
    assert_string_equal(config->secrets[secret].value, "sk-2");
    config_free(config);
}

static void test_a_key_is_kept_as_its_sha256(void **state)
{
    static const unsigned char hash_of_abc[4] = {0xba, 0x78, 0x16, 0xbf};
    struct config *config = load(*state, "return { clients = { { key = 'abc', name = 'x' } } }");
    assert_memory_equal(config->clients[0].key_hash, hash_of_abc, sizeof(hash_of_abc));
    config_free(config);
}

static void test_clients_must_differ(void **state)
{
    struct place *place = *state;
    check_refused(
        place, "return { clients = {\n { key = 'a', name = 'x' },\n { key = 'a', name = 'y' } } }",
        ":3: clients.2.key: the same key as clients.1");
    check_refused(
        place, "return { clients = {\n { key = 'a', name = 'x' },\n { key = 'b', name = 'x' } } }",
        ":3: clients.2.name: the same name as clients.1");
    check_refused(place,
                  "return { clients = {\n"
                  " { access_key_id = 'A', secret_access_key = 'x', name = 'x' },\n"
                  " { access_key_id = 'A', secret_access_key = 'y', name = 'y' } } }",
                  ":3: clients.2.access_key_id: the same access key id as clients.1");
    check_refused(place, "return { clients = { { key = '', name = 'x' } } }",
                  ":1: clients.1.key: expected a text that is not empty");
    check_refused(place, "return { clients = { { name = 'x' } } }",
                  ":1: clients.1: 'key' is missing: what it sends");
}

static void test_an_open_listener_needs_clients(void **state)
{
    struct place *place = *state;
    check_refused(place, "return {\n  listen = '0.0.0.0:8080' }",
                  ":2: listen: not on loopback, so gateway.lua must name the clients that may ask: "
                  "clients = { { key = secret \"APP_KEY\", name = \"app\" } }");
    check_refused(place, "return { listen = '[::]:8080', clients = {} }",
                  ":1: listen: not on loopback, so gateway.lua must name the clients that may ask: "
                  "clients = { { key = secret \"APP_KEY\", name = \"app\" } }");
    check_override_refused(place, "return {}", (struct config_overrides){.listen = "0.0.0.0:1"},
                           "--listen: not on loopback");
    config_free(load_with(place, two_clients, &(struct config_overrides){.listen = "0.0.0.0:1"}));
}

static void test_an_open_admin_listener_needs_a_token(void **state)
{
    struct place *place = *state;
    check_refused(place, "return { admin = {\n listen = '0.0.0.0:1' } }",
                  ":2: admin.listen: not on loopback, so it needs a token: "
                  "token = secret \"TIDEGATE_ADMIN_TOKEN\"");
    check_refused(place, "return { admin = { token = 'abc' } }",
                  ":1: admin: 'listen' is missing: address for administrators");
    struct config *config =
        load(place, "return { admin = { listen = '0.0.0.0:1', token = 'abc' } }");
    assert_string_equal(config->admin_host, "0.0.0.0");
    assert_string_equal(config->secrets[config->admin_token].value, "abc");
    config_free(config);
}

static void test_the_command_line_wins(void **state)
{
    struct place *place = *state;
    const char *source = "return { listen = '127.0.0.1:1', workers = 2,\n"
                         "  admin = { listen = '127.0.0.1:2', token = 'abc' } }";
    struct config *config = load_with(
        place, source,
        &(struct config_overrides){.listen = "127.0.0.1:3", .admin = "[::1]:4", .workers = 5});
    assert_int_equal(config->listen_port, 3);
    assert_string_equal(config->admin_host, "::1");
    assert_int_equal(config->admin_port, 4);
    assert_int_equal(config->admin_token, 0);
    assert_int_equal(config->workers, 5);
    config_free(config);

    config = load_with(place, source, &(struct config_overrides){.admin = "off"});
    assert_null(config->admin_host);
    config_free(config);
}

static void test_wrong_overrides_are_refused(void **state)
{
    struct place *place = *state;
    check_override_refused(place, "return {}", (struct config_overrides){.listen = "8080"},
                           "--listen: expected an address like 127.0.0.1:8080, got \"8080\"");
    check_override_refused(place, "return {}", (struct config_overrides){.admin = "on"},
                           "--admin: expected an address like 127.0.0.1:8080, got \"on\"");
    check_override_refused(place, "return {}", (struct config_overrides){.workers = 65},
                           "--workers: must be from 1 to 64, got 65");
    check_override_refused(place, "return {}", (struct config_overrides){.workers = -1},
                           "--workers: must be from 1 to 64, got -1");
    check_override_refused(place, "return {}", (struct config_overrides){.admin = "0.0.0.0:1"},
                           "--admin: not on loopback, so TIDEGATE_ADMIN_TOKEN must be set");
}

static void
test_an_admin_listener_of_the_command_line_takes_the_token_of_the_environment(void **state)
{
    struct place *place = *state;
    struct error err = {0};
    const struct config_overrides overrides = {.admin = "0.0.0.0:0"};
    write_file(place->env, "TIDEGATE_ADMIN_TOKEN=token-of-env\n");
    struct config *config = config_load(place->folder, &overrides, &err);
    assert_non_null(config);
    assert_string_equal(config->secrets[config->admin_token].value, "token-of-env");
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(clients_are_found_by_their_key),
        TEST(clients_that_sign_are_found_by_their_access_key_id),
        TEST(a_key_is_kept_as_its_sha256),
        TEST(clients_must_differ),
        TEST(an_open_listener_needs_clients),
        TEST(an_open_admin_listener_needs_a_token),
        TEST(the_command_line_wins),
        TEST(wrong_overrides_are_refused),
        TEST(an_admin_listener_of_the_command_line_takes_the_token_of_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

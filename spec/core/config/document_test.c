#include "config/document.h"

#include "place.h"

// The document, without the places that change from run to run.
static void check_document(const struct place *place, const char *source, const char *expected)
{
    char folder[256], file[256], document[8192] = "";
    struct config *config = load(place, source);
    const char *rest = config->document;

    assert_int_equal(strlen(rest), config->document_len);
    snprintf(file, sizeof(file), "\"file\":\"%s\",", place->file);
    snprintf(folder, sizeof(folder), "\"folder\":\"%s\",", place->folder);
    const char *const removed[] = {file, folder};
    for (size_t i = 0; i < 2; i++) {
        const char *at = strstr(rest, removed[i]);
        assert_non_null(at);
        strncat(document, rest, (size_t)(at - rest));
        rest = at + strlen(removed[i]);
    }
    strncat(document, rest, sizeof(document) - strlen(document) - 1);
    assert_string_equal(document, expected);
    config_free(config);
}

static void test_the_document_holds_what_was_written_sorted(void **state)
{
    check_document(*state, "return {}", "{" DEFAULTS "}");
    check_document(
        *state,
        "return { timeout = { first_token = 0.25, idle = 7 }, retry = { max = 0 },\n"
        "  cors = { origins = { '*' } }, pick = 'ordered', stream = { keepalive = 2.5 },\n"
        "  workers = 1, limits = { body = 1 } }",
        "{\"cors\":{\"origins\":[\"*\"]},\"pick\":\"ordered\"," DEFAULTS ",\"retry\":{\"max\":0},"
        "\"stream\":{\"keepalive\":2.5},\"timeout\":{\"first_token\":0.25,\"idle\":7}}");
}

static void test_the_document_holds_models_as_written(void **state)
{
    check_document(*state,
                   "return { models = {\n"
                   "  ['gpt-4o'] = { 'openai/gpt-4o', 'azure/gpt-4o' }, fast = 'groq/llama',\n"
                   "  smart = { targets = { 'a/b' }, pick = 'ordered', retry = { max = 3 },\n"
                   "            timeout = { first_token = 20 } } } }",
                   "{\"models\":{\"fast\":\"groq/llama\",\"gpt-4o\":[\"openai/gpt-4o\","
                   "\"azure/gpt-4o\"],\"smart\":{\"pick\":\"ordered\",\"retry\":{\"max\":3},"
                   "\"targets\":[\"a/b\"],\"timeout\":{\"first_token\":20}}}," DEFAULTS "}");
}

static void test_the_document_holds_prices_and_what_is_known_of_models(void **state)
{
    check_document(*state,
                   "return { prices = { ['a/b'] = { input = 0.15, output = 0 } },\n"
                   "  providers = { a = { models = { ['x.y'] = { context = 9, caps = { 'tools' },\n"
                   "    reasoning = true } } }, b = { models = { 'm' } } } }",
                   "{\"prices\":{\"a/b\":{\"input\":0.15,\"output\":0}},"
                   "\"providers\":{\"a\":{\"models\":{\"x.y\":{\"caps\":[\"tools\"],"
                   "\"context\":9,\"reasoning\":true}}},\"b\":{\"models\":[\"m\"]}}," DEFAULTS "}");
}

static void test_the_document_holds_references_to_secrets(void **state)
{
    struct place *place = *state;
    write_file(place->env, "TIDE_A=secret-a\nTIDE_B=secret-b\n");
    check_document(place,
                   "return { providers = { p = {\n"
                   "  base_url = 'http://127.0.0.1:1/v1', extends = 'openai', proxy = false,\n"
                   "  keys = { secret 'TIDE_B', { secret 'TIDE_A', name = 'first' },\n"
                   "           { name = 'again', secret 'TIDE_B' } },\n"
                   "  headers = { ['x-a'] = 'b', ['x-key'] = secret 'TIDE_A' },\n"
                   "  models = { 'm1', 'm2' } } } }",
                   "{\"providers\":{\"p\":{\"base_url\":\"http://127.0.0.1:1/v1\","
                   "\"extends\":\"openai\",\"headers\":{\"x-a\":\"b\",\"x-key\":{\"$secret\":1}},"
                   "\"keys\":[{\"value\":{\"$secret\":0}},{\"name\":\"first\",\"value\":"
                   "{\"$secret\":1}},{\"name\":\"again\",\"value\":{\"$secret\":0}}],"
                   "\"models\":[\"m1\",\"m2\"],\"proxy\":false}}," DEFAULTS "}");
}

static void test_the_document_holds_pairs_of_keys(void **state)
{
    struct place *place = *state;
    write_file(place->env, "TIDE_A=secret-a\n");
    check_document(place,
                   "return { providers = { p = { keys = {\n"
                   "  { access_key_id = 'AKIA', secret_access_key = secret 'TIDE_A' },\n"
                   "  { access_key_id = secret 'TIDE_A', secret_access_key = secret 'TIDE_A',\n"
                   "    session_token = secret 'TIDE_A', name = 'sts' } } } } }",
                   "{\"providers\":{\"p\":{\"keys\":["
                   "{\"access_key_id\":\"AKIA\",\"secret_access_key\":{\"$secret\":0}},"
                   "{\"access_key_id\":{\"$secret\":0},\"name\":\"sts\","
                   "\"secret_access_key\":{\"$secret\":0},"
                   "\"session_token\":{\"$secret\":0}}]}}," DEFAULTS "}");
}

static void test_empty_tables_keep_their_shape(void **state)
{
    check_document(
        *state,
        "return { providers = { mock = {}, b = { keys = {}, headers = {} } }, models = {},\n"
        "  cors = { origins = {} } }",
        "{\"cors\":{\"origins\":[]},\"models\":{},\"providers\":{\"b\":{\"headers\":{},"
        "\"keys\":[]},\"mock\":{}}," DEFAULTS "}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_document_holds_what_was_written_sorted),
        TEST(the_document_holds_models_as_written),
        TEST(the_document_holds_prices_and_what_is_known_of_models),
        TEST(the_document_holds_references_to_secrets),
        TEST(the_document_holds_pairs_of_keys),
        TEST(empty_tables_keep_their_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

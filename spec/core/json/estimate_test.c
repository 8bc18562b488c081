#include "json/estimate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

// A copy without a byte behind it, so that reading too far is seen.
static struct json_estimate estimate(const char *text)
{
    size_t len = strlen(text);
    char *copy = mem_dup(text, len);
    struct json_estimate result = json_estimate((struct slice){copy, len});
    free(copy);
    return result;
}

static void assert_tokens(const char *text, double tokens)
{
    double found = estimate(text).tokens;
    if (found != tokens)
        fail_msg("%s: %g tokens, not %g", text, found, tokens);
}

static void test_ascii_counts_four_bytes_a_token(void **state)
{
    (void)state;
    assert_tokens("\"\"", 0);
    assert_tokens("\"12345678\"", 2);
    assert_tokens("\"12345678901234567890123456789012\"", 8);
    assert_tokens("{\"role\":\"user\"}", 2);
    assert_tokens("[ \"1234\" , 17, true, \"1234\" ]", 2);
}

static void test_cjk_and_emoji_count_more(void **state)
{
    (void)state;
    assert_tokens("\"\xe4\xbd\xa0\xe5\xa5\xbd\"", 6 / 2.5);
    assert_tokens("\"\xf0\x9f\x98\x80\"", 4 / 2.5);
    assert_tokens("\"\xc3\xa9\xd0\x96\"", 1);
    assert_tokens("\"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\"", 3);
}

static void test_an_escape_counts_as_what_it_stands_for(void **state)
{
    (void)state;
    assert_tokens("\"\\n\\\"\\\\\\/\"", 1);
    assert_tokens("\"\\u4f60\\u597D\"", 6 / 2.5);
    assert_tokens("\"\\ud83d\\ude00\"", 4 / 2.5);
    assert_tokens("\"\\u0041\\u0041\\u00e9\"", 1);
}

static void test_data_does_not_count(void **state)
{
    (void)state;
    assert_tokens("{\"key1\":\"data:image/png;base64,iVBORw0KGgo\"}", 1);
    assert_tokens("{\"data\":\"iVBORw0KGgo\"}", 1);
    assert_tokens("[\"1234\",\"data:,x\",\"1234\"]", 2);
    assert_tokens("{\"data\":[\"1234\"]}", 2);
    assert_tokens("[{\"images\":[\"iVBORw0KGgoAAAA\"],\"text\":\"1234\"},\"12\"]", 4);
    assert_tokens("{\"images\":\"12\"}", 2);
    assert_tokens("[{\"png4\":{\"bytes\":\"iVBORw0KGgo\"}}]", 2.25);
}

static void test_elements_are_counted_at_the_top(void **state)
{
    (void)state;
    assert_int_equal(estimate("[]").elements, 0);
    assert_int_equal(estimate("[ ]").elements, 0);
    assert_int_equal(estimate("{ }").elements, 0);
    assert_int_equal(estimate("[[1,2],{\"a\":1,\"b\":2}, \"a,b\" ]").elements, 3);
    assert_int_equal(estimate("\"a,b\"").elements, 0);
    assert_int_equal(estimate("17").elements, 0);
}

static void test_pictures_and_sound_are_seen(void **state)
{
    (void)state;
    struct json_estimate found = estimate("[{\"content\":[{\"type\" : \"image_url\"}]}]");
    assert_true(found.has_images && !found.has_audio);
    found = estimate("[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"x\"}}]");
    assert_true(!found.has_images && found.has_audio);
    found =
        estimate("[{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"x\"}}]}]");
    assert_true(found.has_images && !found.has_audio);
    found = estimate("[{\"file_data\":{\"mime_type\":\"audio/mp3\",\"file_uri\":\"x\"}}]");
    assert_true(!found.has_images && found.has_audio);
    found = estimate("[{\"content\":\"a\",\"images\":[\"iVBORw0KGgo\"]}]");
    assert_true(found.has_images && !found.has_audio);
    assert_false(estimate("[{\"images\":[],\"x\":\"a\"},{\"images\":\"a\"}]").has_images);
    found = estimate("[{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"x\"}}}]");
    assert_true(found.has_images && !found.has_audio);
    found = estimate("[{\"audio\":{\"source\":{\"s3Location\":{}}}}]");
    assert_true(!found.has_images && found.has_audio);
    assert_false(estimate("[{\"image\":{},\"source\":{}},{\"a\":{\"source\":{}}}]").has_images);
    assert_false(estimate("[{\"image\":{\"a\":{\"source\":{}}}},{\"source\":{}}]").has_images);
    found = estimate("[{\"type\":\"text\",\"text\":\"image_url\"},[\"type\",\"image\"],"
                     "{\"name\":\"audio\"}]");
    assert_false(found.has_images || found.has_audio);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ascii_counts_four_bytes_a_token),
        cmocka_unit_test(test_cjk_and_emoji_count_more),
        cmocka_unit_test(test_an_escape_counts_as_what_it_stands_for),
        cmocka_unit_test(test_data_does_not_count),
        cmocka_unit_test(test_elements_are_counted_at_the_top),
        cmocka_unit_test(test_pictures_and_sound_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/xxh64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// The input of the specification's own vectors.
static void fill(unsigned char *bytes, size_t count)
{
    uint64_t generator = 2654435761u;
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (unsigned char)(generator >> 56);
        generator *= UINT64_C(11400714785074694797);
    }
}

static void test_published_vectors(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint64_t plain, seeded;
    } vectors[] = {
        {0, UINT64_C(0xEF46DB3751D8E999), UINT64_C(0xAC75FDA2929B17EF)},
        {1, UINT64_C(0xE934A84ADB052768), UINT64_C(0x5014607643A9B4C3)},
        {4, UINT64_C(0x9136A0DCA57457EE), UINT64_C(0xCAAB286BD8E9FDB5)},
        {14, UINT64_C(0x8282DCC4994E35C8), UINT64_C(0xC3BD6BF63DEB6DF0)},
        {222, UINT64_C(0xB641AE8CB691C174), UINT64_C(0x20CB8AB7AE10C14A)},
    };
    unsigned char bytes[222];
    fill(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
        struct slice text = {(const char *)bytes, vectors[i].len};
        assert_true(xxh64(text, 0) == vectors[i].plain);
        assert_true(xxh64(text, 2654435761u) == vectors[i].seeded);
    }
    assert_true(xxh64(SLICE("Nobody inspects the spammish repetition"), 0) ==
                UINT64_C(0xFBCEA83C8A378BF1));
}

static void test_no_text_is_the_empty_text(void **state)
{
    (void)state;
    assert_true(xxh64((struct slice){NULL, 0}, 7) == xxh64(SLICE(""), 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vectors),
        cmocka_unit_test(test_no_text_is_the_empty_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

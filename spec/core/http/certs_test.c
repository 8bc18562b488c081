#include "http/certs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/x509.h>

#include "tls_peer.h"

static int count(X509_STORE *store)
{
    return sk_X509_OBJECT_num(X509_STORE_get0_objects(store));
}

static void test_file_is_read_once_and_shared(void **state)
{
    (void)state;
    struct tls_peer peer;

    tls_peer_open(&peer, TLS_PEER_GOOD, false); // for its certificate file
    X509_STORE *store = certs_ref(peer.ca_file, NULL);
    assert_non_null(store);
    assert_int_equal(count(store), 1);
    assert_ptr_equal(certs_ref(peer.ca_file, NULL), store);
    X509_STORE_free(store);
    X509_STORE_free(store);
    tls_peer_close(&peer);
}

static void test_systems_place_can_be_set_in_the_environment(void **state)
{
    (void)state;
    struct tls_peer peer;

    tls_peer_open(&peer, TLS_PEER_GOOD, false);
    setenv("SSL_CERT_FILE", peer.ca_file, 1);
    X509_STORE *store = certs_ref(NULL, NULL);
    assert_int_equal(count(store), 1);
    X509_STORE_free(store);
    unsetenv("SSL_CERT_FILE");
    tls_peer_close(&peer);
}

static void test_missing_file_is_named(void **state)
{
    (void)state;
    struct error err = {.kind = ERROR_NONE};

    assert_null(certs_ref("/nonexistent/ca.pem", &err));
    assert_int_equal(err.kind, ERROR_TLS);
    assert_non_null(strstr(err.message, "/nonexistent/ca.pem"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_is_read_once_and_shared),
        cmocka_unit_test(test_systems_place_can_be_set_in_the_environment),
        cmocka_unit_test(test_missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

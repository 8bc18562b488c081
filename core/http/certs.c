#include "http/certs.h"

#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/mem.h"

struct certs {
    struct certs *next;
    char *file; // owned; "" for the system's
    X509_STORE *store;
};

// What the process has read so far; it stays until the process ends, like the certificates.
static struct certs *known;
static pthread_mutex_t known_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
};

static const char *from_environment(const char *name, const char *fallback)
{
    const char *value = getenv(name);
    return value && *value ? value : fallback;
}

static bool is_hashed(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 2 && strcmp(entry->d_name + len - 2, ".0") == 0;
}

// Whether OpenSSL's default places hold anything. The folder is only of use with hashed names,
// which an image made by copying one bundle does not have.
static bool has_default_certificates(void)
{
    const char *file =
        from_environment(X509_get_default_cert_file_env(), X509_get_default_cert_file());
    if (access(file, R_OK) == 0)
        return true;
    DIR *folder =
        opendir(from_environment(X509_get_default_cert_dir_env(), X509_get_default_cert_dir()));
    bool is_found = false;
    struct dirent *entry;
    while (folder && !is_found && (entry = readdir(folder)))
        is_found = is_hashed(entry);
    if (folder)
        closedir(folder);
    return is_found;
}

// A hashed folder is the cheap way: a certificate is read when a server's chain asks for it.
static void load_system(X509_STORE *store)
{
    X509_STORE_set_default_paths(store);
    if (has_default_certificates())
        return;
    for (size_t i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++) {
        if (X509_STORE_load_file(store, bundles[i]) == 1)
            return;
    }
}

static X509_STORE *load(const char *file, struct error *err)
{
    X509_STORE *store = X509_STORE_new();
    if (!store)
        abort();
    if (!*file) {
        load_system(store);
    } else if (X509_STORE_load_file(store, file) != 1) {
        error_set(err, ERROR_TLS, "cannot read certificates from %s", file);
        X509_STORE_free(store);
        store = NULL;
    }
    ERR_clear_error();
    return store;
}

X509_STORE *certs_ref(const char *file, struct error *err)
{
    X509_STORE *store = NULL;
    struct certs *certs;

    if (!file)
        file = "";
    pthread_mutex_lock(&known_lock);
    for (certs = known; certs && strcmp(certs->file, file) != 0;)
        certs = certs->next;
    if (certs) {
        store = certs->store;
    } else if ((store = load(file, err))) {
        certs = mem_alloc(sizeof(*certs));
        *certs = (struct certs){known, mem_dup(file, strlen(file)), store};
        known = certs;
    }
    if (store)
        X509_STORE_up_ref(store);
    pthread_mutex_unlock(&known_lock);
    return store;
}

#include "config/access.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/mem.h"
#include "config/address.h"
#include "config/settings.h"

void access_hash_key(struct slice key, unsigned char hash[32])
{
    if (EVP_Digest(key.len ? key.data : "", key.len, hash, NULL, EVP_sha256(), NULL) != 1)
        abort(); // an OpenSSL without SHA-256: no key could be checked
}

static const char *text_at(const struct field *table, const char *name)
{
    const struct field *field = field_find(table, name);
    return field ? field->text : NULL;
}

// An address of the command line (`option`), or else a checked one of the file.
static int set_listener(const char *override, const char *text, const char *option, char **host,
                        int *port, struct error *err)
{
    if (!override)
        return address_parse(text, host, port);
    if (address_parse(override, host, port) == 0)
        return 0;
    return error_set(err, ERROR_SCRIPT, "%s: expected an address like 127.0.0.1:8080, got \"%s\"",
                     option, override);
}

// A listener that is open to the network: the file's line when the address stands there.
static int refuse_open(const struct config *config, bool is_override, const char *path,
                       const char *message, struct error *err)
{
    if (is_override || !config->file)
        return error_set(err, ERROR_SCRIPT, "--%s: %s",
                         strcmp(path, "listen") == 0 ? path : "admin", message);
    struct buf text;
    buf_init(&text, sizeof(err->message));
    buf_addf(&text, "%s: %s", path, message);
    config_error_at(config, path, text.data ? text.data : message, err);
    buf_deinit(&text);
    return -1;
}

static int apply_listen(struct config *config, const struct field *root,
                        const struct config_overrides *overrides, struct error *err)
{
    const char *text = text_at(root, "listen");

    if (!text)
        text = settings_find("listen")->fallback;
    if (set_listener(overrides->listen, text, "--listen", &config->listen_host,
                     &config->listen_port, err) != 0)
        return -1;
    if (address_is_loopback(config->listen_host) || config->client_count)
        return 0;
    return refuse_open(config, overrides->listen, "listen",
                       "not on loopback, so gateway.lua must name the clients that may ask: "
                       "clients = { { key = secret \"APP_KEY\", name = \"app\" } }",
                       err);
}

static int apply_admin(struct config *config, const struct field *root,
                       const struct config_overrides *overrides, struct error *err)
{
    const struct field *admin = field_find(root, "admin");
    const struct field *token = field_find(admin, "token");
    const char *text = text_at(admin, "listen");

    if (overrides->admin ? strcmp(overrides->admin, "off") == 0 : !admin)
        return 0;
    if (!overrides->admin && !text) {
        config_error_at(config, "admin", "admin: 'listen' is missing: address for administrators",
                        err);
        return -1;
    }
    if (token)
        config->admin_token = (int)token->secret;
    else if (!admin)
        config->admin_token = config_env_secret(config, "TIDEGATE_ADMIN_TOKEN");
    if (set_listener(overrides->admin, text, "--admin", &config->admin_host, &config->admin_port,
                     err) != 0)
        return -1;
    if (address_is_loopback(config->admin_host) || config->admin_token >= 0)
        return 0;
    return refuse_open(config, overrides->admin, "admin.listen",
                       admin ? "not on loopback, so it needs a token: "
                               "token = secret \"TIDEGATE_ADMIN_TOKEN\""
                             : "not on loopback, so TIDEGATE_ADMIN_TOKEN must be set in the "
                               "environment or in .env",
                       err);
}

static int refuse_client(const struct config *config, size_t position, const char *name,
                         const char *what, size_t other, struct error *err)
{
    struct buf path, message;

    buf_init(&path, 256);
    buf_init(&message, 1024);
    buf_addf(&path, "clients.%zu.%s", position, name);
    buf_addf(&message, "%s: %s as clients.%zu", path.data, what, other);
    config_error_at(config, path.data, message.data, err);
    buf_deinit(&path);
    buf_deinit(&message);
    return -1;
}

// What a text or a secret says.
static const char *value_at(const struct config *config, const struct field *field)
{
    return field->type == FIELD_SECRET ? config->secrets[field->secret].value : field->text;
}

static void read_client(const struct config *config, const struct field *table,
                        struct config_client *client)
{
    const char *name = text_at(table, "name");
    const struct field *key = field_find(table, "key");
    const struct field *id = field_find(table, "access_key_id");

    client->name = mem_dup(name, strlen(name));
    client->has_key = key != NULL;
    if (key)
        access_hash_key(slice_of(value_at(config, key)), client->key_hash);
    if (id) {
        const char *text = value_at(config, id);
        client->access_key_id = mem_dup(text, strlen(text));
        client->secret_access_key = (int)field_find(table, "secret_access_key")->secret;
    }
}

static bool have_same_key(const struct config_client *one, const struct config_client *other)
{
    return one->has_key && other->has_key &&
           memcmp(one->key_hash, other->key_hash, sizeof(one->key_hash)) == 0;
}

static bool have_same_id(const struct config_client *one, const struct config_client *other)
{
    return one->access_key_id && other->access_key_id &&
           strcmp(one->access_key_id, other->access_key_id) == 0;
}

static int apply_clients(struct config *config, const struct field *clients, struct error *err)
{
    config->clients = mem_alloc((clients->count + 1) * sizeof(*config->clients));
    for (size_t i = 0; i < clients->count; i++) {
        struct config_client *client = &config->clients[i];
        read_client(config, &clients->items[i], client);
        config->client_count++;
        for (size_t before = 0; before < i; before++) {
            const struct config_client *other = &config->clients[before];
            if (have_same_key(other, client))
                return refuse_client(config, i + 1, "key", "the same key", before + 1, err);
            if (have_same_id(other, client))
                return refuse_client(config, i + 1, "access_key_id", "the same access key id",
                                     before + 1, err);
            if (strcmp(other->name, client->name) == 0)
                return refuse_client(config, i + 1, "name", "the same name", before + 1, err);
        }
    }
    return 0;
}

int access_apply(struct config *config, const struct field *root,
                 const struct config_overrides *overrides, struct error *err)
{
    static const struct config_overrides none;
    const struct field *clients = field_find(root, "clients");

    if (!overrides)
        overrides = &none;
    if (clients && apply_clients(config, clients, err) != 0)
        return -1;
    if (apply_listen(config, root, overrides, err) != 0)
        return -1;
    return apply_admin(config, root, overrides, err);
}

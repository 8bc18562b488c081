#include "config/keep.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/address.h"

static void note(struct buf *notes, const char *field)
{
    buf_addf(notes, "%s changed: restart to apply it\n", field);
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void copy_text(char **to, const char *from)
{
    free(*to);
    *to = from ? mem_dup(from, strlen(from)) : NULL;
}

static void keep_text(char **own, const char *running, const char *field, struct buf *notes)
{
    if (is_same(*own, running))
        return;
    note(notes, field);
    copy_text(own, running);
}

static void keep_address(char **host, int *port, const char *running_host, int running_port,
                         const char *field, struct buf *notes)
{
    if (is_same(*host, running_host) && *port == running_port)
        return;
    note(notes, field);
    copy_text(host, running_host);
    *port = running_port;
}

int config_keep(struct config *config, const struct config *running, struct buf *notes,
                struct error *err)
{
    keep_address(&config->listen_host, &config->listen_port, running->listen_host,
                 running->listen_port, "listen", notes);
    keep_address(&config->admin_host, &config->admin_port, running->admin_host, running->admin_port,
                 "admin.listen", notes);
    keep_text(&config->log_file, running->log_file, "log.file", notes);
    keep_text(&config->log_bodies, running->log_bodies, "log.bodies", notes);
    if (config->workers != running->workers)
        note(notes, "workers");
    config->workers = running->workers;
    if (config->limits.connections != running->limits.connections)
        note(notes, "limits.connections");
    config->limits.connections = running->limits.connections;
    if (!address_is_loopback(config->listen_host) && !config->client_count) {
        config_error_at(config, "listen",
                        "the gateway listens beyond loopback until it restarts: `clients` must "
                        "name who may ask",
                        err);
        return -1;
    }
    if (config->admin_host && !address_is_loopback(config->admin_host) && config->admin_token < 0) {
        config_error_at(config, "admin",
                        "the admin listener is open beyond loopback until the gateway restarts: "
                        "it needs a token",
                        err);
        return -1;
    }
    return 0;
}

#include "config/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int parse_port(const char *text)
{
    int port = 0;

    if (!*text || strlen(text) > 5)
        return -1;
    for (; *text; text++) {
        if (!isdigit((unsigned char)*text))
            return -1;
        port = port * 10 + (*text - '0');
    }
    return port <= 65535 ? port : -1;
}

// The numeric host, owned by the caller; NULL when it is none.
static char *parse_host(const char *text, size_t len)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    bool is_v6 = len >= 2 && text[0] == '[' && text[len - 1] == ']';
    char *host = is_v6 ? mem_dup(text + 1, len - 2) : mem_dup(text, len);

    if (!is_v6 && strcmp(host, "localhost") == 0) {
        free(host);
        return mem_dup("127.0.0.1", strlen("127.0.0.1"));
    }
    if (inet_pton(is_v6 ? AF_INET6 : AF_INET, host, bytes) != 1) {
        free(host);
        return NULL;
    }
    return host;
}

int address_parse(const char *text, char **host, int *port)
{
    const char *colon = strrchr(text, ':');
    int number = colon ? parse_port(colon + 1) : -1;
    char *parsed = number >= 0 ? parse_host(text, (size_t)(colon - text)) : NULL;

    if (!parsed)
        return -1;
    if (port)
        *port = number;
    if (host)
        *host = parsed;
    else
        free(parsed);
    return 0;
}

bool address_is_loopback(const char *host)
{
    struct in6_addr v6;
    struct in_addr v4;

    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) != 1)
        return false;
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

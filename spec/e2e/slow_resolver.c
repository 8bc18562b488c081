// Preloaded into the program by test_dns.py: names below "hangs.test" take until the file named by
// SLOW_RESOLVER is gone, as with a name server that does not answer; the others are resolved as
// ever.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STEP_US = 10 * 1000, MOST_STEPS = 6000 };

static int ends_with(const char *name, const char *end)
{
    size_t len = strlen(name), end_len = strlen(end);
    return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    const char *file = getenv("SLOW_RESOLVER");

    if (file && name && ends_with(name, "hangs.test")) {
        for (int i = 0; i < MOST_STEPS && access(file, F_OK) == 0; i++)
            usleep(STEP_US);
        name = "127.0.0.1";
    }
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(name, service, hints, found);
}

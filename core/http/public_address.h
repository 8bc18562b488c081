// Which addresses a stranger's URL may lead to: those of the public Internet, not the gateway's own
// machine or network. Pure.
#pragma once

#include <stdbool.h>

struct sockaddr;

// True for addresses that the IANA special-purpose address registries (RFC 6890 and its updates)
// call globally reachable. IPv4 inside IPv6 (mapped, NAT64, 6to4) counts as what it leads to.
// Anything that is neither IPv4 nor IPv6 is not public.
bool public_address_is(const struct sockaddr *address);

// The same for a literal address as it stands in a URL, without brackets; true for names, which say
// nothing before they are resolved.
bool public_address_is_host(const char *host);

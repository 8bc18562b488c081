#include "http/public_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

struct block4 {
    uint32_t network;
    int bits;
};

struct block6 {
    uint8_t network[16];
    int bits;
};

static bool is_public4(uint32_t address)
{
    static const struct block4 special[] = {
        {0x00000000, 8},  // this network
        {0x0A000000, 8},  // private
        {0x64400000, 10}, // carrier-grade NAT
        {0x7F000000, 8},  // loopback
        {0xA9FE0000, 16}, // link-local, where clouds serve credentials
        {0xAC100000, 12}, // private
        {0xC0000000, 24}, // protocol assignments
        {0xC0000200, 24}, // documentation
        {0xC0586300, 24}, // 6to4 relays
        {0xC0A80000, 16}, // private
        {0xC6120000, 15}, // benchmarks
        {0xC6336400, 24}, // documentation
        {0xCB007100, 24}, // documentation
        {0xE0000000, 4},  // multicast
        {0xF0000000, 4},  // reserved, broadcast
    };
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        uint32_t mask = 0xFFFFFFFFu << (32 - special[i].bits);
        if ((address & mask) == special[i].network)
            return false;
    }
    return true;
}

static uint32_t ipv4_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool begins_with(const uint8_t *address, const struct block6 *block)
{
    int whole = block->bits / 8, rest = block->bits % 8;
    if (memcmp(address, block->network, (size_t)whole) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xFF << (8 - rest));
    return rest == 0 || (address[whole] & mask) == block->network[whole];
}

// Global unicast is 2000::/3; all else but the two ways to IPv4 is special.
static bool is_public6(const uint8_t *address)
{
    static const struct block6 mapped = {{[10] = 0xFF, [11] = 0xFF}, 96};
    static const struct block6 nat64 = {{0x00, 0x64, 0xFF, 0x9B}, 96};
    static const struct block6 six_to_four = {{0x20, 0x02}, 16};
    static const struct block6 unicast = {{0x20}, 3};
    static const struct block6 special[] = {
        {{0x20, 0x01}, 23},             // protocol assignments, Teredo
        {{0x20, 0x01, 0x0D, 0xB8}, 32}, // documentation
        {{0x3F, 0xFF}, 20},             // documentation
    };

    if (begins_with(address, &mapped) || begins_with(address, &nat64))
        return is_public4(ipv4_at(address + 12));
    if (begins_with(address, &six_to_four))
        return is_public4(ipv4_at(address + 2));
    if (!begins_with(address, &unicast))
        return false;
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        if (begins_with(address, &special[i]))
            return false;
    }
    return true;
}

bool public_address_is(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const void *)address;
        return is_public4(ntohl(ipv4->sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = (const void *)address;
        return is_public6(ipv6->sin6_addr.s6_addr);
    }
    return false;
}

bool public_address_is_host(const char *host)
{
    struct in_addr ipv4;
    struct in6_addr ipv6;

    if (inet_pton(AF_INET, host, &ipv4) == 1)
        return is_public4(ntohl(ipv4.s_addr));
    if (inet_pton(AF_INET6, host, &ipv6) == 1)
        return is_public6(ipv6.s6_addr);
    return true;
}

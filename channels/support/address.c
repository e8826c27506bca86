#include "channels/support/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct block4 {
    uint32_t prefix;
    unsigned bits;
};

struct block6 {
    unsigned char prefix[16];
    unsigned bits;
};

/* Never one host: "this network", multicast, broadcast and reserved. */
static const struct block4 nowhere4[] = {
    {.prefix = 0x00000000u, .bits = 8},
    {.prefix = 0xe0000000u, .bits = 3},
};

/* Hosts, but not of the public internet. */
static const struct block4 private4[] = {
    {.prefix = 0x0a000000u, .bits = 8},  /* 10.0.0.0, private */
    {.prefix = 0x64400000u, .bits = 10}, /* 100.64.0.0, carrier NAT */
    {.prefix = 0x7f000000u, .bits = 8},  /* 127.0.0.0, loopback */
    {.prefix = 0xa9fe0000u, .bits = 16}, /* 169.254.0.0, link-local and cloud metadata */
    {.prefix = 0xac100000u, .bits = 12}, /* 172.16.0.0, private */
    {.prefix = 0xc0000000u, .bits = 24}, /* 192.0.0.0, protocol assignments */
    {.prefix = 0xc0000200u, .bits = 24}, /* 192.0.2.0, documentation */
    {.prefix = 0xc0586300u, .bits = 24}, /* 192.88.99.0, old 6to4 relays */
    {.prefix = 0xc0a80000u, .bits = 16}, /* 192.168.0.0, private */
    {.prefix = 0xc6120000u, .bits = 15}, /* 198.18.0.0, benchmarks */
    {.prefix = 0xc6336400u, .bits = 24}, /* 198.51.100.0, documentation */
    {.prefix = 0xcb007100u, .bits = 24}, /* 203.0.113.0, documentation */
};

static const struct block6 nowhere6[] = {
    {.prefix = {0}, .bits = 128}, {.prefix = {0xff}, .bits = 8}, /* multicast */
};

/* Everything outside 2000::/3 is refused before this list is read. */
static const struct block6 private6[] = {
    {.prefix = {0x20, 0x01}, .bits = 23}, /* protocol assignments, Teredo and ORCHID among them */
    {.prefix = {0x20, 0x01, 0x0d, 0xb8}, .bits = 32}, /* documentation */
    {.prefix = {0x20, 0x02}, .bits = 16},             /* 6to4: an IPv4 address in disguise */
    {.prefix = {0x3f, 0xff}, .bits = 20},             /* documentation */
};

static const struct block6 global6 = {.prefix = {0x20}, .bits = 3};
static const struct block6 mapped6 = {.prefix = {[10] = 0xff, [11] = 0xff}, .bits = 96};
static const struct block6 nat64 = {.prefix = {0x00, 0x64, 0xff, 0x9b}, .bits = 96};

static bool in_blocks4(uint32_t address, const struct block4 *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if ((address >> (32u - blocks[i].bits)) == (blocks[i].prefix >> (32u - blocks[i].bits))) {
            return true;
        }
    }
    return false;
}

static bool in_block6(const unsigned char *address, const struct block6 *block)
{
    size_t whole = block->bits / 8;
    unsigned rest = block->bits % 8;
    if (memcmp(address, block->prefix, whole) != 0) {
        return false;
    }
    return rest == 0 || (address[whole] >> (8 - rest)) == (block->prefix[whole] >> (8 - rest));
}

static bool in_blocks6(const unsigned char *address, const struct block6 *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (in_block6(address, &blocks[i])) {
            return true;
        }
    }
    return false;
}

static bool allowed4(uint32_t address, bool allow_private)
{
    if (in_blocks4(address, nowhere4, sizeof nowhere4 / sizeof nowhere4[0])) {
        return false;
    }
    return allow_private || !in_blocks4(address, private4, sizeof private4 / sizeof private4[0]);
}

static bool allowed6(const unsigned char *address, bool allow_private)
{
    if (in_block6(address, &mapped6) || in_block6(address, &nat64)) {
        uint32_t inner = (uint32_t)address[12] << 24 | (uint32_t)address[13] << 16 |
                         (uint32_t)address[14] << 8 | (uint32_t)address[15];
        return allowed4(inner, allow_private);
    }
    if (in_blocks6(address, nowhere6, sizeof nowhere6 / sizeof nowhere6[0])) {
        return false;
    }
    if (allow_private) {
        return true;
    }
    return in_block6(address, &global6) &&
           !in_blocks6(address, private6, sizeof private6 / sizeof private6[0]);
}

bool address_is_allowed(const struct sockaddr *address, socklen_t length, bool allow_private)
{
    if (address->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return allowed4(ntohl(in.sin_addr.s_addr), allow_private);
    }
    if (address->sa_family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        return allowed6(in6.sin6_addr.s6_addr, allow_private);
    }
    return false;
}

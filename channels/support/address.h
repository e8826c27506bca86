/*
 * address - which network addresses a transfer may open, decided when the socket is opened.
 *
 * Shape:   a socket address as the resolver gave it -> allowed or not. What name it came from does
 *          not matter, so a name that changes its address between the check and the call gains
 *          nothing.
 * Threads: any, pure.
 * Source:  IANA special-purpose address registries (RFC 6890), RFC 4291, RFC 6052, RFC 3056, RFC
 *          4380.
 */
#ifndef ESCALATED_CHANNELS_SUPPORT_ADDRESS_H
#define ESCALATED_CHANNELS_SUPPORT_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* allow_private false: only addresses of the public internet. True: any IPv4 or IPv6 address of one
 * host. */
bool address_is_allowed(const struct sockaddr *address, socklen_t length, bool allow_private);

#endif

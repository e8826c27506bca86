/*
 * retry_after - what a peer's Retry-After header asks for, as a wait.
 *
 * Shape:   seconds, or an HTTP-date in any of its three forms, against the wall clock ->
 *          milliseconds from now.
 * Limits:  0 .. RETRY_AFTER_MAX_MS: a longer wish is cut, so that no peer stalls an escalation.
 * Fails:   0 (no wish) for anything else, a date in the past included.
 * Source:  RFC 9110 sections 5.6.7 and 10.2.3.
 */
#ifndef ESCALATED_CHANNELS_SUPPORT_RETRY_AFTER_H
#define ESCALATED_CHANNELS_SUPPORT_RETRY_AFTER_H

#include <stddef.h>
#include <stdint.h>

#define RETRY_AFTER_MAX_MS (5 * 60 * 1000)

/* `value` need not be NUL-terminated; spaces around it do not count. */
int64_t retry_after_parse(const char *value, size_t length, int64_t wall_ms);

#endif

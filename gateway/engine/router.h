/*
 * router - finds the policies of an event without asking every policy.
 *
 * Shape:   router_set (a rulebook) -> router_find, the same answer as policies/route.h in the same order. Each line of
 *          matchers waits under one of its own: under a label's value for `=` and for a choice of plain texts, under a
 *          label alone for another pattern, else it is asked always. What waits under the labels of the event is asked, in
 *          reading order: of a line's matchers all but the one it waits under. A choice of plain texts is compared, no
 *          pattern runs for it. Which lines wait under a label's value is remembered once a pattern had to run.
 * Owns:    the index and what it remembers; the rulebook is borrowed and stays alive until the next router_set.
 * Threads: one at a time.
 * Limits:  ROUTER_MEMO_MAX values are remembered; past it all are forgotten.
 */
#ifndef ESCALATED_ENGINE_ROUTER_H
#define ESCALATED_ENGINE_ROUTER_H

#include "policies/route.h"

#define ROUTER_MEMO_MAX 4096

struct router;

struct router *router_create(const struct rulebook *book);
void router_destroy(struct router *router);
void router_set(struct router *router, const struct rulebook *book);
/* Is there a policy after which routing goes on? Without one an event comes to a single policy. */
bool router_goes_on(const struct router *router);

/* `key` is the event's own or the derived one. */
void router_find(struct router *router, const struct event *event, const char *key,
                 struct route *out_route);

#endif

/*
 * route - which policies an event belongs to, and the group of the incident it opens or joins.
 *
 * Shape:   event -> policies in reading order: the first that matches, further ones while `continue
 *          = yes`, `default` last.
 * Limits:  ROUTE_MAX policies an event.
 * Source:  Prometheus matchers: a missing label is the empty text; regular expressions match the
 *          whole value.
 */
#ifndef ESCALATED_POLICIES_ROUTE_H
#define ESCALATED_POLICIES_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/text.h"
#include "policies/event.h"
#include "policies/rulebook.h"

#define ROUTE_MAX 8

struct route {
    const struct policy *policies[ROUTE_MAX];
    size_t count; /* at least 1: `default` matches everything */
};

/* By name: an incident's policy is a version of its own. One too many is left out. */
bool route_has(const struct route *route, const char *policy);
void route_add(struct route *route, const struct policy *policy);

/* `key` is the event's own or the derived one. */
void route_find(const struct rulebook *book, const struct event *event, const char *key,
                struct route *out_route);

bool route_policy_matches(const struct policy *policy, const struct event *event, const char *key);

/* Does one of these lines match? */
bool route_any_line(const struct match_line *lines, size_t count, const struct event *event,
                    const char *key);

/* The first matcher of a line that does not hold; NULL: the line matches. */
const struct matcher *route_first_miss(const struct match_line *line, const struct event *event,
                                       const char *key);
/* `severity=~"critical|error"` */
void route_matcher_write(const struct matcher *matcher, struct strbuf *out);

/* Value of a label, or of the pseudo labels source, key and severity; "" when absent. A real label
 * of that name wins. */
const char *route_label(const struct event *event, const char *key, const char *label);

/* Canonical text of the group: `name="value"` pairs joined by ","; `source/key` of the alert when
 * the policy does not group. */
void route_group_key(const struct policy *policy, const struct event *event, const char *key,
                     struct strbuf *out);

#endif

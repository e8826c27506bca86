/*
 * route - which policies an event belongs to, and the group of the incident it opens or joins.
 *
 * Shape:   event -> policies in reading order: the first that matches, further ones while `continue
 *          = yes`, `default` last.
 *          A pattern that ran into its limits (gateway/base/regex.h) is undecided: a line with it does not match, unless
 *          another of its lines does; the search goes on, and whoever asked is told.
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

/* What has lines of matchers. */
enum match_use {
    MATCH_USE_POLICY,
    MATCH_USE_MAINTENANCE,
    MATCH_USE_SILENCE,
    MATCH_USE_INHIBITION,
    MATCH_USE_COUNT
};
const char *match_use_name(enum match_use use);

/* Those of one use that did not match only because a matcher is undecided. */
struct undecided {
    size_t count;
    const char *name; /* of the first, and its matcher */
    const struct matcher *matcher;
};
void undecided_note(struct undecided *undecided, const char *name, const struct matcher *matcher);

struct route {
    const struct policy *policies[ROUTE_MAX];
    size_t count; /* at least 1: `default` matches everything */
    struct undecided undecided;
};

/* By name: an incident's policy is a version of its own. One too many is left out. */
bool route_has(const struct route *route, const char *policy);
void route_add(struct route *route, const struct policy *policy);

/* `key` is the event's own or the derived one. */
void route_find(const struct rulebook *book, const struct event *event, const char *key,
                struct route *out_route);

/* Does one of these lines match? Where none does and one is undecided, *out_undecided_or_null is its matcher, else NULL. */
bool route_any_line(const struct match_line *lines, size_t count, const struct event *event,
                    const char *key, const struct matcher **out_undecided_or_null);

/* The first matcher of a line that does not hold; NULL: the line matches. *out_undecided: it ran into its limits, and no
 * other of the line says no. */
const struct matcher *route_first_miss(const struct match_line *line, const struct event *event,
                                       const char *key, bool *out_undecided);
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

/*
 * oracle_events - rules 1 and 2, naively: which incident an event is about.
 */
#ifndef ESCALATED_SIMULATION_ORACLE_EVENTS_H
#define ESCALATED_SIMULATION_ORACLE_EVENTS_H

#include "policies/event.h"
#include "policies/rulebook.h"

struct oracle;

void oracle_event(struct oracle *oracle, const struct event *event);

bool events_match(const struct policy *policy, const struct event *event, const char *key);

/* oracle_continue.c: the policies that an alert is part of, each once by its name. */
enum { ROUTES_MAX = 16 };
struct o_routes {
    const struct policy *policies[ROUTES_MAX];
    size_t count;
};
void routes_add(struct o_routes *routes, const struct policy *policy);
void routes_of(const struct oracle *oracle, const struct event *event, const char *key,
               struct o_routes *out_routes);
void routes_missing(const struct o_routes *wanted, const struct o_routes *has,
                    struct o_routes *out_missing);

/* oracle_heartbeats.c: rule 16. */
void oracle_heartbeat(struct oracle *oracle, const struct event *event);
void oracle_heartbeats_expected(struct oracle *oracle); /* what the configuration names */
void oracle_heartbeats_away(struct oracle *oracle, int64_t from_ms); /* nobody listened until now */
void oracle_heartbeats_time(struct oracle *oracle);                  /* what is missed by now */

#endif

/*
 * oracle_events - rules 1 and 2, naively: which incident an event is about.
 */
#ifndef ESCALATED_SIMULATION_ORACLE_EVENTS_H
#define ESCALATED_SIMULATION_ORACLE_EVENTS_H

#include "policies/event.h"

struct oracle;

void oracle_event(struct oracle *oracle, const struct event *event);

/* oracle_heartbeats.c: rule 16. */
void oracle_heartbeat(struct oracle *oracle, const struct event *event);
void oracle_heartbeats_expected(struct oracle *oracle); /* what the configuration names */
void oracle_heartbeats_away(struct oracle *oracle, int64_t from_ms); /* nobody listened until now */
void oracle_heartbeats_time(struct oracle *oracle);                  /* what is missed by now */

#endif

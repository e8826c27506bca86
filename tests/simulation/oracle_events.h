/*
 * oracle_events - rules 1 and 2, naively: which incident an event is about.
 */
#ifndef ESCALATED_SIMULATION_ORACLE_EVENTS_H
#define ESCALATED_SIMULATION_ORACLE_EVENTS_H

#include "policies/event.h"

struct oracle;

void oracle_event(struct oracle *oracle, const struct event *event);

#endif

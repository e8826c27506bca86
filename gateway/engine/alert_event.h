/*
 * alert_event - an alert as the event that a trigger like it would be: what matchers look at.
 *
 * Owns:    labels and their texts lie in the arena; the rest is the alert's.
 */
#ifndef ESCALATED_ENGINE_ALERT_EVENT_H
#define ESCALATED_ENGINE_ALERT_EVENT_H

#include "gateway/base/arena.h"
#include "policies/event.h"
#include "policies/incident.h"

void alert_event(const struct alert *alert, struct arena *arena, struct event *out_event);

#endif

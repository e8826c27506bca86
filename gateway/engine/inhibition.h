/*
 * inhibition - which alerts pair up by the rules of [inhibit]: those that fire and hold others back, and those that would be.
 *
 * Shape:   an alert enters with its labels and leaves again; a rule's two sides meet where the values of `equal` are the same.
 *          As Alertmanager has it, an alert that fits both sides of a rule is held back only by one that does not.
 * Owns:    the pairings, found at each alert.
 * Threads: one at a time.
 * Limits:  two pairings for each alert and rule.
 */
#ifndef ESCALATED_ENGINE_INHIBITION_H
#define ESCALATED_ENGINE_INHIBITION_H

#include <stdbool.h>

#include "gateway/engine/table.h"
#include "policies/event.h"
#include "policies/incident.h"
#include "policies/route.h"

struct inhibition {
    struct table sources; /* that fire */
    struct table targets;
    struct undecided undecided; /* of `when`, since whoever reads it has cleared it */
};

/* Told of each alert for which the answer of inhibition_holds may have changed. */
typedef void inhibition_touch(void *self, struct alert *alert);

/* The alert is as `event` says, and fires or not; NULL: it leaves. */
void inhibition_set(struct inhibition *inhibition, const struct rulebook *book, struct alert *alert,
                    const struct event *event_or_null, inhibition_touch *touch, void *self);
/* Forget the alert and tell nobody: everything is forgotten, or the rules are new. */
void inhibition_forget(struct alert *alert);
void inhibition_clear(struct inhibition *inhibition);

bool inhibition_holds(const struct inhibition *inhibition, const struct rulebook *book,
                      const struct inhibit *rule, const struct event *event, const char *key);

#endif

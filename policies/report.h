/*
 * report - an incident that a person knows of before any monitor says so: what `escalate known` reports.
 *
 * Shape:   JSON object text {summary, source, key, severity, labels{}} -> the event that a trigger with these would be.
 *          Only the summary is required.
 * Owns:    what is read lies in the arena.
 * Limits:  those of an event.
 * Fails:   "summary: missing, want …"; the text came from a person.
 * Source:  DESIGN section 4, rule 19.
 */
#ifndef ESCALATED_POLICIES_REPORT_H
#define ESCALATED_POLICIES_REPORT_H

#include <stdbool.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "policies/event.h"

struct report {
    struct event event;
    bool has_severity; /* without one, no alert that joins is worse than what was reported */
};

bool report_has_member(const char *name);
int report_read(const char *text, struct arena *arena, struct report *out_report, struct err *err);

#endif

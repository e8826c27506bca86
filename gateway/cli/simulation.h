/*
 * simulation - the real engine under a virtual clock: a scenario in, what would happen out.
 *
 * Shape:   JSON lines (event, reply, delivery, known, command, override, config, restart, clock, end; `at` is RFC 3339 or
 *          +duration) -> JSON lines: state changes, messages as their first attempt starts, and the ladder's own timeline
 *          entries. README of tests/scenarios has the format.
 * Owns:    `out` is the caller's; the rulebook is borrowed.
 * Limits:  100,000 lines in; a line of 1 MB.
 * Fails:   -1 with the line's number; nothing is printed for a scenario that cannot be read.
 */
#ifndef ESCALATED_CLI_SIMULATION_H
#define ESCALATED_CLI_SIMULATION_H

#include <stddef.h>

#include "gateway/base/err.h"
#include "gateway/base/text.h"
#include "policies/rulebook.h"

struct policy;
struct arena;

struct simulation_options {
    const struct rulebook *rulebook;
    /* For a config line: the rulebook of that folder, which lives as long as the run. */
    int (*load)(void *self, const char *folder, const struct rulebook **out_rulebook,
                struct err *err);
    void *self;
    int (*parse_policy)(const char *name, const char *text, struct arena *arena,
                        struct policy *out_policy, struct err *err);
    void (*clear_policy)(struct policy *policy);
};

int simulation_run(const struct simulation_options *options, const char *scenario, size_t count,
                   struct strbuf *out, struct err *err);

#endif

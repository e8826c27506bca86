/*
 * world - one run: the engine over a store that can fail, channels in every mood, people, a virtual clock; the oracle and the
 * checker look at every commit.
 *
 * Shape:   plan -> world_run -> report: held, or the first breach with the invariant's id and its time.
 * Owns:    the report's texts are the caller's (report_clear).
 * Threads: one run at a time in a process; a failed assertion of the product ends the run as a breach.
 */
#ifndef ESCALATED_SIMULATION_WORLD_H
#define ESCALATED_SIMULATION_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/text.h"
#include "tests/simulation/plan.h"

#define BREACH_BYTES 16384

struct report {
    bool broken;
    char id[16]; /* "I8", "oracle", "assert" … */
    char text[BREACH_BYTES];
    uint64_t trace_hash; /* over everything committed, in order */
    uint64_t commit_count;
    int64_t simulated_ms;
    struct strbuf trace; /* what happened, when asked for */
};

struct world_options {
    bool tells;         /* fill report.trace */
    int64_t dies_at;    /* the process dies around this commit; 0: only where a deed says so */
    bool dies_after;    /* when it is applied, else before */
    bool checks_reload; /* after every commit, not at random */
};

void world_run(const struct plan *plan, const struct world_options *options,
               struct report *out_report);
void report_clear(struct report *report);

#endif

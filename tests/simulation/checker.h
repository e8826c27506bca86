/*
 * checker - the invariants that can be seen from what is committed, by their ids, after every commit and at the end.
 *
 * Shape:   checker_commit for each applied batch, checker_answer for each answer given to a producer, checker_rest once the
 *          faults have stopped and everything must be over. A breach is told to the world.
 * Limits:  I2 I3 I6 I7 I8 I9 I10 I11 I13 I14 I15 I16 I17 I20 I22 I23 I32 I35 (timers) here; I12 I24 I30 I33 I34 in world.c; I1 I5 I18 I19
 *          by the oracle and the sums here; I36 by the trace's hash.
 */
#ifndef ESCALATED_SIMULATION_CHECKER_H
#define ESCALATED_SIMULATION_CHECKER_H

#include <stdbool.h>

#include "policies/effect.h"

struct world;
struct checker;
struct engine_counts;

struct checker *checker_create(struct world *world);
void checker_destroy(struct checker *checker);

struct checker_batch {
    const struct effects *effects;
    struct input *const *inputs;
    size_t count;
};
void checker_commit(struct checker *checker, const struct checker_batch *batch);
/* `input` was answered; it is durable or it is not. */
void checker_answer(struct checker *checker, const struct input *input, enum answer_status status,
                    bool durable);
void checker_counts(struct checker *checker, const struct engine_counts *counts);
void checker_started(struct checker *checker, int64_t at_ms); /* another process has begun */
void checker_excuse(struct checker *checker); /* nobody is promised anything in time from now on */
void checker_rest(struct checker *checker);

/* For people and channels that want to speak about something: the newest of each. */
uint64_t checker_last_incident(const struct checker *checker);
/* Of those whose first attempt has started, the newest or one before it; 0: there is none. */
uint64_t checker_last_digest(const struct checker *checker, uint64_t back);
/* False: a notice of no incident. */
bool checker_is_about_some(struct checker *checker, uint64_t notification);
uint64_t checker_last_notification(const struct checker *checker);

#endif

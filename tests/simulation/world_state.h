/*
 * world_state - the inside of a run, shared by its own files only.
 *
 * Shape:   world.c steps the engine and lets time pass; world_deeds.c does what the plan says; channels.c is delivery;
 *          tape.c the store in between; checker.c the invariants.
 */
#ifndef ESCALATED_SIMULATION_WORLD_STATE_H
#define ESCALATED_SIMULATION_WORLD_STATE_H

#include "gateway/base/arena.h"
#include "gateway/engine/engine.h"
#include "gateway/handoff/ticket.h"
#include "tests/simulation/channels.h"
#include "tests/simulation/checker.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/rng.h"
#include "tests/simulation/scene.h"
#include "tests/simulation/tape.h"
#include "tests/simulation/world.h"

#define WORLD_START_MS INT64_C(1772330400000) /* 2026-03-01T02:00:00Z */

struct world {
    const struct plan *plan;
    const struct world_options *options;
    struct report *report;
    struct arena arena; /* texts of the run */
    struct scene scene;
    const struct rulebook *book;
    struct tape *tape;
    struct engine *engine;
    int64_t now_ms;
    int64_t wall_offset_ms;
    int64_t started_at_ms;              /* of this process */
    const struct rulebook *engine_book; /* what the engine goes by */
    int64_t engine_offset_ms;
    uint64_t next_id;
    struct channels *channels;
    struct checker *checker;
    struct oracle *oracle;
    struct rng dice;           /* batching, reload checks */
    struct input *const *list; /* of the step under way */
    size_t list_count;
    uint64_t refused; /* how many commits, so that the engine has read the store anew */
    uint64_t life;    /* how many processes there have been */
};

bool world_is_broken(const struct world *world);
void world_breach(struct world *world, const char *id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void world_tell(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One step; its inputs must lie in the world's arena. True: it is committed. */
bool world_step(struct world *world, struct input *inputs, size_t count);
/* Everything that is due now, and what delivery and engine say to each other about it. */
void world_settle(struct world *world);
void world_pass_time(struct world *world, int64_t until_ms);
/* The process ends as by kill -9, and another one starts over what the store has. */
void world_restart(struct world *world, int64_t down_ms);
/* Over what the store has; world->engine is NULL before. */
void world_start_engine(struct world *world);
void world_number_input(struct world *world, struct input *input, const char *actor);

/* world_deeds.c */
void world_do(struct world *world, const struct deed *deed);
void world_end_well(struct world *world);

#endif

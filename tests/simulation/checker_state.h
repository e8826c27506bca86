/*
 * checker_state - what the checker remembers of everything committed.
 */
#ifndef ESCALATED_SIMULATION_CHECKER_STATE_H
#define ESCALATED_SIMULATION_CHECKER_STATE_H

#include "tests/simulation/checker.h"

struct sending { /* one notification */
    bool known;
    bool step_page; /* a page of a step; not one to the fallback or an owner */
    enum notification_kind kind;
    enum notification_state state;
    uint64_t incident;
    int64_t climb;
    int unknown_count; /* attempts that may have gone out or not */
    int rank;          /* of its step within the climb, from 1 */
    int64_t created_at_ms, due_at_ms, next_at_ms, horizon_ms, attempts;
    const char *key, *contact, *channel;
    uint64_t key_hash;
    uint64_t digest; /* in which it goes out */
    bool admitted;
    bool urgent;      /* a digest: it has a place of what is urgent */
    uint64_t made_in; /* which commit */
};

struct incident_case {
    bool known, live, moved, may_move;
    enum incident_state state; /* at the end of the last batch */
    enum incident_state walk;  /* as the timeline goes */
    const char *policy, *group, *hash;
    enum severity severity;
    int priority;
    bool was_urgent;
    int64_t ack_until_ms;
    int64_t page_rank, claimed_rank;
    int64_t anchor_ms, first_climb,
        moved_at_ms; /* of its last row: when its ladder was last looked at */
};

struct checker {
    struct world *world;
    struct sending *sendings;
    size_t sending_count, sending_capacity;
    uint64_t in_state[NOTIFICATION_STATE_COUNT]; /* known sendings */
    struct incident_case *cases;
    size_t case_count, case_capacity;
    uint64_t event_count, answered_count, highest_incident;
    int64_t started_at_ms;
    bool in_time;
    bool doubted;
    struct lettings *lettings; /* checker_storm.c */
};

struct sending *checker_sending(struct checker *checker, uint64_t id);
struct incident_case *checker_case(struct checker *checker, uint64_t number);

/* checker_storm.c: I22. The first after the incidents of the commit are known. */
void checker_gate(struct checker *checker, uint64_t id, uint64_t digest, bool admitted);
void checker_first_start(struct checker *checker, uint64_t id);
void checker_goes_in_digest(struct checker *checker, uint64_t id);
void checker_digest_ends(struct checker *checker, uint64_t id);
void checker_rest_digest(struct checker *checker, uint64_t id);

#endif

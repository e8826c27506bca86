/*
 * oracle_storm - the part of the oracle that puts single messages off: quiet hours (rule 14) and storms (rule 15).
 *
 * Shape:   sleep_out_ms when a message is made, sleep_release when what waits may come sooner; storm_settle after everything
 *          else of a step, when every message of it has its number.
 *          Buckets are levels that rise with time. Who joins a digest that may already have been shown to delivery is
 *          taken from the engine, everything else is expected.
 */
#ifndef ESCALATED_SIMULATION_ORACLE_STORM_H
#define ESCALATED_SIMULATION_ORACLE_STORM_H

#include "tests/simulation/oracle_state.h"

struct
    o_bucket { /* levels in milliseconds of refilling; below 0: tokens that are given away before they come */
    struct o_bucket *next;
    const char *contact, *channel;
    int64_t at_ms, calm_ms, urgent_ms;
};

struct o_digest {
    struct o_digest *next; /* older */
    uint64_t id;
    const char *contact, *channel;
    enum notification_state state;
    int attempts;
    int64_t next_ms;      /* by the rules */
    int64_t seen_next_ms; /* by the engine */
    bool is_lost;         /* its process has died, in this very step */
};

bool sleep_is_urgent(const struct o_incident *incident);
int64_t sleep_out_ms(const struct oracle *oracle, const char *contact, bool urgent, int64_t at_ms);
/* What waits for the morning comes forward as far as it may, the ladder below with it. */
void sleep_release(struct oracle *oracle, struct o_incident *incident);
void sleep_release_all(struct oracle *oracle);
/* What its owner was to be asked in the morning is no longer asked. */
void sleep_withdraw(struct oracle *oracle, struct o_incident *incident);
/* A request or question about one step that has not reached this person yet: of the same kind they get no second one. */
bool sleep_is_put_off(const struct o_incident *incident, enum notification_kind kind, int talk,
                      const char *contact);
/* Requests for parts that wait for the morning. */
void sleep_withdraw_request(struct oracle *oracle, struct o_incident *incident, int talk,
                            const char *but_not);
/* When the fallback is paged anew, from the first of its chain: what an earlier page to it has waiting. */
void sleep_withdraw_fallback(struct oracle *oracle, struct o_incident *incident, bool anew);
/* The next method of somebody whose last one has failed. */
void sleep_hasten(struct oracle *oracle, struct o_incident *incident, struct o_message *message);
/* A page step of which every message waits. */
void sleep_shift(struct oracle *oracle, struct o_incident *incident,
                 const struct o_planned *planned, int64_t first_ms);
/* From when the latest paging counts as unsent: when it was due where it was never tried, else when reach_within ran out. */
int64_t quiet_unsent_since_ms(const struct o_incident *incident);

struct o_digest *storm_digest(const struct oracle *oracle, uint64_t id);
void storm_hurry(struct oracle *oracle, uint64_t digest); /* one in it has become urgent */
/* False: it is no digest. */
bool storm_claim(struct oracle *oracle, const struct claim_row *row);
bool storm_outcome(struct oracle *oracle, const struct outcome_row *row);
/* Is it about which digest a message goes out in, or whether it may go out? */
bool storm_is_gate(const struct outcome_row *row);
void storm_begin(struct oracle *oracle); /* of a step */
void storm_forget_passed(struct oracle *oracle);
/* False: the engine let out or bundled otherwise; the complaint says what. */
bool storm_settle(struct oracle *oracle, const struct effects *effects_or_null);

/* The digest that a reply is bound to, 0: none; then the open incidents that were listed, oldest first. */
uint64_t storm_bound(const struct oracle *oracle, uint64_t notification);
size_t storm_listed(const struct oracle *oracle, uint64_t digest, bool only_open,
                    struct o_incident **out, size_t max);
struct o_message *storm_member(const struct o_incident *incident, uint64_t digest);

#endif

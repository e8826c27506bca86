/*
 * heartbeat - what is known of the jobs and devices that report by themselves: when each was last heard, last done,
 * and when its silence is too long.
 *
 * Shape:   signal or time -> changed row -> what the engine has to do about its alert. `struct heartbeats` keeps the rows
 *          by source and key.
 * Units:   *_ms engine time.
 * Owns:    the map owns rows and texts; what a look-up gives lives until its row is dropped.
 * Threads: one at a time.
 * Limits:  keys of a source: the engine's (`keys_max`).
 * Source:  DESIGN rule 16.
 */
#ifndef ESCALATED_POLICIES_HEARTBEAT_H
#define ESCALATED_POLICIES_HEARTBEAT_H

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/pairs.h"
#include "policies/row.h"
#include "policies/rulebook.h"

struct heartbeat {
    struct heartbeat_row row;
    bool is_dirty; /* changed in this batch */
};

/* What the incident of a heartbeat is called: text in which {source}, {key}, {what} ("no success from db in 26h") and {last}
 * ("last success Sun …") stand for what they say. */
#define HEARTBEAT_SUMMARY_DEFAULT "{source}: {what}; {last}"
struct heartbeat_facts {
    const char *source;
    const char *key;
    const char *what;
    const char *last;
};
/* -1: a brace that begins none of them. */
int heartbeat_summary_check(const char *pattern, struct err *err);
/* In the arena; NULL: the default. A pattern that was not checked is taken as it stands. */
const char *heartbeat_summary(const char *pattern_or_null, const struct heartbeat_facts *facts,
                              struct arena *arena);

/* A new one: expected from now on. */
struct heartbeat_row heartbeat_expected(const char *source, const char *key, int64_t now_ms);

enum heartbeat_news { HEARTBEAT_NO_NEWS, HEARTBEAT_IS_WELL, HEARTBEAT_IS_NOT_WELL };
/* Takes what was heard into the row, and says what follows for its alert. Not HEARTBEAT_FORGET. */
enum heartbeat_news heartbeat_hear(struct heartbeat_row *row, enum heartbeat_signal signal,
                                   const char *run, int32_t exit_status, int64_t now_ms);
/* When its silence is too long; INT64_MAX while nothing is expected of it. */
int64_t heartbeat_due_ms(const struct heartbeat_row *row, const struct source_rule *rule);
/* It has come to that: once now, and again after each further interval of silence. */
void heartbeat_miss(struct heartbeat_row *row, int64_t now_ms);

/* A daemon that is away for no longer than this has lost nothing: senders try again. */
#define HEARTBEAT_GAP_MS 30000
/* Nobody listened from lost_from_ms to now: what may have gone unheard meanwhile gets one full interval from now. True:
 * the row has changed. */
bool heartbeat_excuse(struct heartbeat_row *row, const struct source_rule *rule,
                      int64_t lost_from_ms, int64_t now_ms);

struct heartbeats {
    struct pairs rows; /* (source, key) -> struct heartbeat */
};

void heartbeats_clear(struct heartbeats *all);
/* Inserts, changes or, where the row says so, drops. NULL: dropped. */
struct heartbeat *heartbeats_put(struct heartbeats *all, const struct heartbeat_row *row);
struct heartbeat *heartbeats_find(const struct heartbeats *all, const char *source,
                                  const char *key); /* or NULL */

/* The last successes of all keys of a source. */
struct heartbeat_successes {
    size_t key_count;
    size_t never_count;     /* keys that have never reported success */
    int64_t oldest_at_ms;   /* of those that have; 0: none has */
    int64_t newest_at_ms;   /* the same */
    const char *oldest_key; /* whose the oldest is; "" */
};
struct heartbeat_successes heartbeats_successes(const struct heartbeats *all, const char *source);

#endif

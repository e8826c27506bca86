/*
 * world - what the engine keeps in memory: live incidents, their alerts and notifications, and how
 * to find them.
 *
 * Shape:   rows of the store -> items; items are found by number, by (policy, group), by (source,
 *          key), by id.
 * Owns:    every item and text in it; world_clear frees all.
 * Threads: one at a time.
 * Limits:  the engine bounds the incidents; about 390 bytes each with one alert, and 180 more with
 *          a notification, beside their texts.
 */
#ifndef ESCALATED_ENGINE_WORLD_H
#define ESCALATED_ENGINE_WORLD_H

#include "gateway/engine/frozen.h"
#include "gateway/engine/inhibition.h"
#include "gateway/engine/names.h"
#include "gateway/engine/pool.h"
#include "gateway/engine/silences.h"
#include "gateway/engine/table.h"
#include "policies/heartbeat.h"
#include "policies/incident.h"
#include "policies/marks.h"
#include "policies/override.h"

/* What a source has in memory. */
struct source_count {
    const char *source;
    uint64_t open_count;
    uint64_t alert_count;
    const struct source_rule *rule_or_null; /* of the rulebook, once it was looked for */
    bool has_looked;
};

/* What an alert is found by, with its hash: made once for all that an event asks about it. */
struct alert_name {
    const char *source;
    const char *key;
    uint64_t hash;
};

/* A digest that has not ended. */
struct digest {
    uint64_t id;
    const char *contact; /* as its notification has them */
    const char *channel;
    uint64_t *members; /* notifications, in the order they came */
    size_t member_count;
    size_t member_capacity;
    uint64_t offered_print; /* of the snapshot last offered */
    bool is_dirty;          /* somebody has left it since the batch began */
};

struct world {
    struct names names;
    struct frozen frozen;
    struct pool incident_pool;
    struct pool later_pool;
    struct pool alert_pool;
    struct pool notification_pool;
    struct table incidents;     /* by number */
    struct table groups;        /* open ones, by policy name and group key */
    struct table alerts;        /* by source and key: the newest, others behind it through `twin` */
    struct table notifications; /* by id */
    struct table digests;       /* by contact and channel: those that have not ended */
    struct ledger marks;
    struct silences silences;
    struct inhibition inhibition;
    struct overrides overrides; /* of the marks, read */
    struct heartbeats heartbeats;
    struct table sources;                /* by name, their counts */
    struct source_count *latest_or_null; /* the one asked for last: mostly the next one too */
    uint64_t open_count;
    uint64_t suppressed_count[SUPPRESSION_KIND_COUNT]; /* open ones that are held back, by what */
    uint64_t firing_count;
    uint64_t pending_count;
    uint64_t claimed_count;
};

/* The same for an open incident. */
struct group_name {
    const char *policy;
    const char *key;
    uint64_t hash;
};

void world_init(struct world *world);
void world_clear(struct world *world);

struct incident *world_incident(const struct world *world, uint64_t number);
struct group_name world_group_name(const char *policy, const char *group_key);
struct incident *world_group(const struct world *world, const struct group_name *name);
struct alert_name world_alert_name(const char *source, const char *key);
struct alert *world_alert(const struct world *world, const struct alert_name *name);
struct notification *world_notification(const struct world *world, uint64_t id);
struct source_count *world_source(struct world *world, const char *source); /* made if need be */
void world_forget_rules(struct world *world); /* before the rulebook changes */

/* A new incident takes over one use of `policy`. It counts as resolved until world_reindex. Without a title of its own it
 * has its first alert's summary, and none before that alert. */
struct incident *world_add_incident(struct world *world, uint64_t number,
                                    const struct policy *policy, const char *source,
                                    const char *group_key, const char *title_or_null);
/* A new one is open, in its group. */
void world_open(struct world *world, struct incident *incident, const struct group_name *name);
/* After the state changed from or to resolved: keeps the group table and the counts right. */
void world_reindex(struct world *world, struct incident *incident, bool was_open);
/* After its mark or state changed from one that was counted as `was`, SUPPRESSION_NONE at first. */
void world_count_mark(struct world *world, const struct incident *incident,
                      enum suppression_kind was);
enum suppression_kind world_mark_kind(const struct incident *incident);
void world_drop_incident(struct world *world, struct incident *incident); /* with all it has */
/* An open incident leaves its group before its policy or key changes, and enters the new one after.
 */
void world_leave_group(struct world *world, struct incident *incident);
void world_enter_group(struct world *world, struct incident *incident);
void world_set_group_key(struct incident *incident, const char *group_key);
/* One that had no alert gets that of its first. */
void world_set_source(struct world *world, struct incident *incident, const char *source);

struct alert *world_add_alert(struct world *world, uint64_t id, struct incident *incident,
                              const struct alert_name *name, const char *summary,
                              const char *labels);
void world_set_alert_text(struct alert *alert, const char *key, const char *summary,
                          const char *labels);
/* Keeps the incident's counts right. */
void world_set_firing(struct world *world, struct alert *alert, bool firing,
                      enum severity severity);

uint64_t world_pair_hash(const char *a, const char *b);

/* `incident` may be NULL: its incident is no longer live. */
struct notification *world_add_notification(struct world *world, struct incident *incident,
                                            const struct notification_row *row);
void world_set_state(struct world *world, struct notification *notification,
                     enum notification_state state);
/* One whose incident is no longer live and that has ended. */
void world_drop_notification(struct world *world, struct notification *notification);

#endif

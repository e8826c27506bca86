/*
 * engine_state - the inside of the engine, shared by its own files only.
 *
 * Shape:   engine.c drives a step; events.c, replies.c and attempts.c apply inputs; moves.c turns
 * decisions into rows; batch.c gathers the rows; load.c and hash.c read the world in and sum it up.
 * Owns:    the engine; what is valid for one step lies in `arena`.
 * Threads: one at a time.
 */
#ifndef ESCALATED_ENGINE_STATE_H
#define ESCALATED_ENGINE_STATE_H

#include "gateway/engine/engine.h"
#include "gateway/engine/heap.h"
#include "gateway/engine/lanes.h"
#include "gateway/engine/router.h"
#include "gateway/engine/world.h"
#include "policies/act.h"

#define ENGINE_CLAIM_START_MS 20000 /* no first byte later than this after the claim */
/* A claim without a result for so long (start, longest attempt, and some) has an unknown outcome.
 */
#define ENGINE_CLAIM_SILENT_MS 90000
#define ENGINE_BACKOFF_FIRST_MS INT64_C(2000)
#define ENGINE_BACKOFF_MAX_MS INT64_C(600000)
#define ENGINE_RETRY_AFTER_MAX_MS INT64_C(300000)
#define ENGINE_TOKEN_LIFE_MS (INT64_C(7) * 86400000)

enum timer_kind {
    TIMER_INCIDENT,
    TIMER_NOTIFICATION,
    TIMER_CLAIM,
    TIMER_EXPIRY,
    TIMER_ONCALL,
};

/* Offers and claims outlive a reload of the world: they mirror what delivery has been told. */
struct offer {
    uint64_t id;
    struct lane *lane;
    char *
        key; /* with its address behind it: what a START names and memory does not keep otherwise */
    const char *address;
};

struct claim {
    uint64_t id;
    int64_t attempt;
    int64_t deadline_ms; /* engine time */
};

/* What may change only once the commit has worked. */
enum after_kind { AFTER_OFFER_END, AFTER_OFFER_REFUSED, AFTER_CLAIM_START, AFTER_CLAIM_END };

struct after {
    enum after_kind kind;
    uint64_t id;
    int64_t attempt;
    int64_t deadline_ms;
};

struct batch_alert {
    struct alert *alert;
    bool written;                /* an event of this batch set the texts */
    const char *details, *links; /* as that event gave them */
};

struct batch_deliveries { /* of one session */
    struct deliveries_row row;
    unsigned char *marks;
    size_t capacity; /* of marks */
};

struct batch {
    struct effects head; /* policies, events; then incidents and alerts as they are at the end */
    struct effects
        tail; /* timeline, notifications, claims, outcomes in the order they were decided */
    struct incident **incidents;
    size_t incident_count, incident_capacity;
    struct batch_alert *alerts;
    size_t alert_count, alert_capacity;
    struct notification_row **notifications; /* made in this batch, ids without gaps */
    size_t notification_count, notification_capacity;
    struct notification **due; /* come due, to be let through or bundled at the end */
    size_t due_count, due_capacity;
    size_t dirty_digest_count;
    struct notification **ended; /* of incidents no longer live: leave the world after the commit */
    size_t ended_count, ended_capacity;
    struct batch_deliveries *deliveries;
    size_t delivery_count, delivery_capacity;
    struct after *afters;
    size_t after_count, after_capacity;
    struct order *orders;
    size_t order_count, order_capacity;
    struct engine_completed *completed;
    size_t completed_count;
    uint64_t *applied; /* items of the inbox that leave with this commit */
    size_t applied_count;
    uint64_t first_notification;
    struct heartbeat **heartbeats; /* changed; NULL: dropped since */
    size_t heartbeat_count, heartbeat_capacity;
    struct doubts doubts;
};

struct engine {
    struct engine_options options;
    const struct rulebook *book;
    struct router *router; /* over `book` */
    int64_t wall_offset_ms;
    bool is_loaded;
    int64_t now_ms;
    int64_t mono_ms;
    int64_t started_at_ms; /* the horizon of older notifications counts from here: an outage is not
                              their fault */
    struct store_meta meta;
    struct world world;
    struct heap timers;
    struct heap heartbeat_timers; /* of sources: what is missed comes before what incidents do */
    struct heap resolved;         /* resolved incidents, the oldest first */
    uint64_t resolved_count;
    bool *windows;           /* which maintenances hold, in their order */
    int64_t suppress_due_ms; /* when that, or a silence, changes next */
    uint64_t *unsettled;     /* incidents whose mark has changed */
    size_t unsettled_count, unsettled_capacity;
    uint32_t oncall_mark;     /* generation of its timer */
    bool oncall_is_due;       /* duty is looked at when this step ends */
    bool wakes;               /* its first step: quiet hours and clock may have changed meanwhile */
    int64_t lost_from_ms;     /* since then nothing can have been taken in; INT64_MAX: it is */
    uint32_t heartbeat_marks; /* generations of their timers */
    int64_t store_retry_at_ms; /* offers wait until then: the store did not answer */
    struct lanes lanes;
    struct table offers; /* by notification */
    struct table claims; /* by notification */
    uint64_t *orphans;   /* claims that nobody works on: their outcome is unknown */
    size_t orphan_count, orphan_capacity;
    struct alert_name name; /* of the event that is taken now, by its own key */
    struct arena arena;
    struct strbuf scratch;
    struct batch batch;
    struct moment moment;
};

/* batch.c */
void batch_begin(struct engine *engine, size_t input_count);
void *batch_grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t size);
void batch_touch_incident(struct engine *engine, struct incident *incident);
struct batch_alert *batch_touch_alert(struct engine *engine, struct alert *alert);
void batch_note(struct engine *engine, uint64_t incident, const struct note *note);
/* As router_find; notes what is undecided. */
void batch_route(struct engine *engine, const struct event *event, const char *key,
                 struct route *out_route);
void batch_policy(struct engine *engine, const struct policy *policy);
/* At now; MARK_HEARD goes to the store only. */
void batch_mark(struct engine *engine, const struct mark_row *mark);
void batch_silence(struct engine *engine, const struct silence_row *silence);
void batch_touch_heartbeat(struct engine *engine, struct heartbeat *heartbeat);
void batch_drop_heartbeat(struct engine *engine, struct heartbeat *heartbeat);
void batch_event(struct engine *engine, const struct input *input, const char *key,
                 enum disposition disposition, uint64_t incident);
void batch_quarantine(struct engine *engine, const struct input *input);
void batch_session(struct engine *engine, const struct input *input);
void batch_arrival(struct engine *engine, const struct arrival *arrival);
void batch_after(struct engine *engine, struct after after);
struct order *batch_order(struct engine *engine, enum order_kind kind, uint64_t notification);
/* One list in the order the store writes it; NULL when the batch changed nothing. */
struct effects *batch_finish(struct engine *engine);

/* moves.c */
void engine_move(struct engine *engine, struct incident *incident, const struct move *move);
void engine_set_timer(struct engine *engine, struct incident *incident);
/* Clock or configuration have changed: what waits for the end of quiet hours may come sooner. */
void engine_wake_all(struct engine *engine);
bool engine_has_waiting(const struct engine *engine);
void engine_pass_time(struct engine *engine, struct incident *incident);
/* Let go of the oldest resolved incidents where there are more than the limit of open ones. */
void engine_evict(struct engine *engine);

/* repolicy.c */
/* The policy an open incident would run under now, and its group there. */
struct repolicy_target {
    const struct policy *policy; /* a frozen copy, one use of it taken */
    const char *group_key;
};
/* "" or the reason why it cannot move. */
const char *repolicy_find(struct engine *engine, const struct incident *incident,
                          struct repolicy_target *out_target);
/* Decides `move`, a MOVE_REPOLICY to the target, and keeps the world's books right. */
void repolicy_move(struct engine *engine, struct incident *incident, struct move *move,
                   const struct repolicy_target *target);

/* attempts.c */
void attempts_send(struct engine *engine, struct incident *incident, const struct message *message);
/* About an incident that is no longer in memory: `closed` lives for this call. */
void attempts_send_closed(struct engine *engine, const struct incident *closed,
                          const struct message *message);
void attempts_queue(struct engine *engine, struct notification *notification);
void attempts_end(struct engine *engine, struct notification *notification,
                  enum notification_state state, const char *reason);
void attempts_hasten(struct engine *engine, struct notification *notification, int64_t at_ms,
                     const char *reason);
/* A row that is complete but for its number, its texts in the batch's arena. */
struct notification *attempts_insert(struct engine *engine, struct incident *incident_or_null,
                                     struct notification_row *row);
/* Moves it to `state`, which need not be another one. */
struct outcome_row *attempts_change(struct engine *engine, struct notification *notification,
                                    enum notification_state state, const char *reason);
/* After attempts_change to an end, or to pending: what follows from it. */
void attempts_note_end(struct engine *engine, struct notification *notification);
void attempts_tell_failed(struct engine *engine, struct notification *notification,
                          const char *reason);
void attempts_tell_accepted(struct engine *engine, struct notification *notification);
void attempts_end_as_failed(struct engine *engine, struct notification *notification,
                            enum notification_state state, const char *reason);
bool attempts_is_wanted(const struct notification *notification);
/* A page starts: what an upper step has not started by now will not start. */
void attempts_cancel_overtaken(struct engine *engine, const struct notification *claimed);
void attempts_prepared(struct engine *engine, const struct input *input);
void attempts_result(struct engine *engine, const struct input *input);
/* A receipt shows that the provider has the message although no answer said so. */
void attempts_confirm(struct engine *engine, struct notification *n, const char *provider_id);
/* An accepted one was delivered, or failed after all. */
void attempts_deliver(struct engine *engine, struct notification *n, bool delivered,
                      const char *reason);
void attempts_due(struct engine *engine, const struct heap_entry *entry);
void attempts_orphans(struct engine *engine);
int64_t attempts_expiry_ms(const struct engine *engine, const struct notification *notification);
/* After an ack or the end: asks delivery for what is claimed and has not begun. */
void attempts_recall(struct engine *engine, const struct incident *incident);
/* attempts_drop.c */
void attempts_drop_channels(struct engine *engine); /* after a new configuration */
/* A contact wants nothing by this way any more: what waits ends, and their next way comes forward. */
void attempts_drop_method(struct engine *engine, const char *contact, const char *channel);

/* receipts.c */
enum answer_status receipts_take(struct engine *engine, const struct input *input);
/* One that came before its result: does it show that the provider has the message? */
bool receipts_prove(const struct engine *engine, const struct notification *n);
/* Applies it, after the result. */
void receipts_settle(struct engine *engine, struct notification *n, const struct result *result);

/* offers.c */
void offers_ready(struct engine *engine, struct notification *notification);
void offers_make(struct engine *engine);
int64_t offers_next_ms(const struct engine *engine); /* when some can be made without any news */
void offers_settle(struct engine *engine);           /* after the commit */
void offers_clear(struct engine *engine);
bool offers_is_open(const struct engine *engine, uint64_t notification);
const struct offer *offers_entry(const struct engine *engine, uint64_t notification); /* or NULL */
const struct claim *offers_claim(const struct engine *engine, uint64_t notification,
                                 int64_t attempt); /* or NULL */

/* events.c, replies.c */
struct verdict {
    enum disposition disposition;
    uint64_t incident;
};
void events_take(struct engine *engine, const struct input *input, struct answer *out_answer);
/* An event of our own, with a key: it is applied and not recorded as one that came in. */
struct verdict events_apply(struct engine *engine, const struct input *input,
                            const struct event *event);
void replies_take(struct engine *engine, const struct input *input, struct answer *out_answer);

/* changes.c */
void changes_keep(struct engine *engine, const struct event *event);

/* An incident that nothing has happened to yet: its first move opens it. */
struct incident_wanted {
    const struct policy *policy; /* of the rulebook */
    const char *source;
    struct group_name group;
    const char *title_or_null; /* NULL: its first alert's summary */
    const unsigned char *id;   /* of the input, 16 bytes */
    uint64_t linked;
};
struct incident *events_add_incident(struct engine *engine, const struct incident_wanted *wanted,
                                     enum severity severity);
/* The incident that had this alert last; 0: none. */
uint64_t engine_last_of(const struct engine *engine, const char *source, const char *key);
/* The same of one that is not in memory. */
uint64_t engine_stored_last_of(const struct engine *engine, const struct alert_name *name);

/* reports.c: a command with a report; `by` is who knows. */
void reports_take(struct engine *engine, const struct input *input, const char *by,
                  struct answer *out_answer);

/* heartbeats.c */
struct verdict heartbeats_take(struct engine *engine, const struct input *input, const char *key,
                               struct answer *out_answer);
/* Any event of a source that is no list of jobs is a sign of life of the source itself. */
void heartbeats_note_event(struct engine *engine, const struct event *event);
/* After a load: nobody listened for a while; and what the rulebook expects is in the world, with its timers. */
void heartbeats_resume(struct engine *engine);
/* After a new configuration. */
void heartbeats_settle(struct engine *engine);
void heartbeats_run(struct engine *engine); /* what is due by now */
int64_t heartbeats_next_ms(const struct engine *engine);

/* load.c */
int engine_load(struct engine *engine, struct err *err);

#endif

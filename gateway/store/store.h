/*
 * store - state and outbox, one transaction per batch; the engine is its only writer.
 *
 * Shape:   store_open -> store_load (rows into the engine) -> store_commit for each batch -> store_close.
 * Owns:    the caller; rows given to a load sink are valid during the call only.
 * Threads: one thread, the engine's (open and load may run before it starts). Readers use store_read.h.
 * Limits:  one writer; the lease (owner, epoch) fences every commit where several nodes share a store.
 * Fails:   commit answers one of six verdicts, each with one meaning for the engine:
 *            committed   all of it is durable
 *            busy        nothing was applied; locked or serialisation failure: answer "try again", reload, go on
 *            full        nothing was applied; no space: the same, intake stays closed until a commit works
 *            lease lost  nothing was applied; another node is the engine: stand down
 *            unknown     the answer to COMMIT was lost: nobody is answered; reload and look
 *            broken      an I/O error: nobody is answered, nothing is repeated, the process ends with 74
 * Source:  GUARANTEES rules 1, 6; SQLite WAL with synchronous=FULL.
 */
#ifndef ESCALATED_STORE_STORE_H
#define ESCALATED_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "policies/effect.h"

enum store_verdict {
    STORE_COMMITTED,
    STORE_BUSY,
    STORE_FULL,
    STORE_LEASE_LOST,
    STORE_UNKNOWN,
    STORE_BROKEN,
    STORE_VERDICT_COUNT,
};
const char *store_verdict_name(enum store_verdict verdict);

/* Counters in one row, written with every commit. A new store starts at 1, its time at 0; each open raises the epoch. */
struct store_meta {
    int64_t engine_time_ms; /* last committed */
    uint64_t next_incident;
    uint64_t next_notification;
    uint64_t next_alert;
    uint64_t epoch;
};

/*
 * What an effect does to the rows beyond writing its own fields:
 *   claim    state claimed, attempt_count = attempt, a row of attempts; a body given is stored with its hash, type, subject
 *            and takes the place of the snapshot
 *   outcome  state, reason, next_at_ms; the attempt's row is closed. A state after claimed also sets ended_at_ms and drops
 *            body and snapshot (the hash stays)
 *   incident uuid is that of the insert for ever; policy (the name) and group_key change only where `moved` says so;
 *            of one that is no longer live find_alert knows the alerts from then on
 *   alert    source and key are those of the insert for ever
 * An update of a row that is not there is a bug of the caller, answered with broken.
 */
struct commit {
    const struct effects *effects;
    struct store_meta meta; /* meta.epoch must be the epoch this engine holds */
    /* Items of the inbox whose effects these are: they leave in this transaction, and only by it. One that is not there any
     * more: busy, nothing was applied. */
    const uint64_t *applied; /* sequences, each once */
    size_t applied_count;
};

/* How long an idle store keeps a MARK_HEARD behind the newest of them. */
#define STORE_HEARD_KEEP_MS (INT64_C(7) * 86400000)

/* Rows in this order: meta, policies (still referenced), live incidents, their alerts, their notifications, marks,
 * silences, heartbeats. */
struct store_sink {
    void *self;
    void (*meta)(void *self, const struct store_meta *meta);
    void (*policy)(void *self, const struct policy_row *row);
    void (*incident)(void *self, const struct incident_row *row); /* live ones, by number */
    void (*alert)(
        void *self,
        const struct alert_row *row); /* of live incidents, by id; details and links are "" */
    /* Of live incidents, by id, plus every one pending or claimed. body, snapshot are NULL/"". */
    void (*notification)(void *self, const struct notification_row *row);
    void (*silence)(void *self,
                    const struct silence_row *row); /* that hold, by id, and the last one made */
    void (*mark)(void *self, const struct mark_row *row);           /* all kinds but MARK_HEARD */
    void (*heartbeat)(void *self, const struct heartbeat_row *row); /* by source and key */
};

/* An input taken in by a node that does not hold the engine: kept as bytes until the engine takes it. */
struct store_inbox_item {
    uint64_t sequence; /* given by the store */
    unsigned char id[16];
    const void *bytes;
    size_t count;
};

/* A notification as delivery needs it. The details and links are those of the incident's oldest firing alert, or of its
 * oldest when none fires. */
struct stored_notification {
    bool found;
    struct notification_row row; /* whole: with snapshot and body */
    const char *details;
    const char *links;
};

/* What a contact was notified of. */
struct store_told {
    uint64_t notification;
    uint64_t incident;
    int64_t due_at_ms;
};

struct store;

struct store_ops {
    /* The counters alone, before anything else: engine time starts from what was committed last. */
    int (*read_meta)(void *self, struct store_meta *out_meta, struct err *err);
    int (*load)(void *self, const struct store_sink *sink, struct err *err);
    enum store_verdict (*commit)(void *self, const struct commit *commit, struct err *err);
    /* out_items[i] is that of ids[i], its texts in the arena, all of one state of the store. */
    int (*notifications)(void *self, const uint64_t *ids, size_t count, struct arena *arena,
                         struct stored_notification *out_items, struct err *err);
    /* The notification a receipt speaks of; the newest where a provider has used an id twice. */
    int (*find_provider_id)(void *self, const char *channel, const char *provider_id,
                            uint64_t *out_notification, struct err *err);
    /* The newest incident that is no longer live and has an alert with this source and key; 0 when there is none.
     * Asked for every new incident, so it must stay cheap. */
    int (*find_alert)(void *self, const char *source, const char *key, uint64_t *out_incident,
                      struct err *err);
    /* That alert itself, its texts in the arena; out_row->id 0 when there is none. Not on the way of every event. */
    int (*last_alert)(void *self, const char *source, const char *key, struct arena *arena,
                      struct alert_row *out_row, struct err *err);
    /* ERR_NOT_FOUND when there is none; its texts in the arena. */
    int (*find_mark)(void *self, enum mark_kind kind, const char *name, struct arena *arena,
                     struct mark_row *out_row, struct err *err);
    /* An incident that is no longer live, its texts in the arena. */
    int (*closed)(void *self, uint64_t number, struct arena *arena, struct incident_row *out_row,
                  bool *out_found, struct err *err);
    /* The newest notification of a contact that a provider has taken; its id is 0 when there is none. */
    int (*last_told)(void *self, const char *contact, struct store_told *out_told, struct err *err);
    int (*inbox_append)(void *self, const struct store_inbox_item *items, size_t count,
                        struct err *err);
    /* The oldest behind the sequence `after`. They stay in the store until a commit names them as applied. */
    int (*inbox_take)(void *self, uint64_t after, size_t max, struct arena *arena,
                      struct store_inbox_item **out_items, size_t *out_count, struct err *err);
    /* Housekeeping while idle: a short passive checkpoint; deletion of what is older than `keep_before_ms`. */
    void (*idle)(void *self, int64_t keep_before_ms);
    void (*close)(void *self);
    /*
     * Several nodes share the store: takes the engine lease when nobody holds it, renews it every third of its time when it
     * is ours, and says whether it is ours now. Cheap while nothing is due: the engine thread calls it at every turn, also as
     * a standby. Load and commit work only while it is held. -1: the store did not answer, nothing is known to have changed.
     * NULL: who has opened the store is its engine.
     */
    int (*lease)(void *self, int64_t lease_ms, bool *out_held, struct err *err);
    /* False while space is short: intake stays closed although outcomes can still be committed. NULL: always room. */
    bool (*has_room)(void *self);
};

struct store {
    const struct store_ops *ops;
    void *self;
};

/* url: `sqlite:FILE` (relative to state_dir), `postgresql://…` or `memory:`. Applies missing migrations; refuses a newer
 * database. A store with an op `lease` is opened without it. */
int store_open(const char *url, const char *state_dir, struct store **out_store, struct err *err);
void store_close(struct store *store);
bool store_has_room(const struct store *store);
/* For the configuration: -1 for a URL that this program cannot open, without trying it. */
int store_url_check(const char *url, struct err *err);
/* One of them; ERR_NOT_FOUND when it is not there. */
int store_notification(const struct store *store, uint64_t id, struct arena *arena,
                       struct stored_notification *out_item, struct err *err);

/* Counts the rows that left the quarantine before their time, one metric for every store. */
struct metric *quarantine_cut_metric(void);

/* The makers behind store_open, also for tests. */
int store_sqlite_open(const char *path, struct store **out_store, struct err *err);
int store_memory_open(struct store **out_store, struct err *err);
int store_postgres_open(const char *url, struct store **out_store, struct err *err);
int store_postgres_url_check(const char *url, struct err *err);

/* Wraps a store (owns it) so that the Nth commit from now answers `verdict`; `applied` says whether the inner commit
 * happened all the same (for `unknown`). For tests of all six answers. */
void store_fail_commit(struct store *store, int64_t nth, enum store_verdict verdict, bool applied);
int store_faulty_wrap(struct store *inner, struct store **out_store, struct err *err);

#endif

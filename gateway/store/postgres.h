/*
 * postgres - what the files of the PostgreSQL store share; nobody outside this folder includes it.
 *
 * Shape:   postgres.c opens, commits and closes; postgres_lease.c holds the engine lease;
 *          postgres_schema.c migrates; postgres_write.c turns effects into statements;
 *          postgres_load.c, postgres_inbox.c, postgres_idle.c and postgres_read.c do as named; all
 *          of them over postgres_link.h.
 * Threads: one at a time.
 * Fails:   -1 with *err and the link's verdict, or a verdict.
 */
#ifndef ESCALATED_STORE_POSTGRES_H
#define ESCALATED_STORE_POSTGRES_H

#include "gateway/store/over.h"
#include "gateway/store/postgres_pipe.h"
#include "gateway/store/row_decode.h"
#include "gateway/store/store.h"
#include "gateway/system/id.h"

#define PG_DELETE_MAX 100         /* incidents in one call of idle */
#define PG_SWEEP_MAX 5000         /* other rows looked at in one call of idle */
#define PG_IDLE_EVERY_MS 10000    /* between two looks for old rows that found none */
#define PG_SWEEP_AGAIN_MS 3600000 /* between two walks over a table */
#define PG_POLICIES_MAX 512       /* more versions than this are swept when the lease is taken */

#define PG_NOW "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

extern const char schema_0001_postgres[];
extern const char schema_0002_postgres[];
extern const char schema_0003_postgres[];
extern const char schema_0004_postgres[];
extern const char schema_0005_postgres[];
extern const char schema_0006_postgres[];
extern const char schema_0007_postgres[];
extern const char schema_0008_postgres[];
extern const char schema_0009_postgres[];
extern const char schema_0010_postgres[];
extern const char schema_0011_postgres[];
extern const char schema_0012_postgres[];

enum { SWEEP_EVENTS, SWEEP_TIMELINE, SWEEP_NOTIFICATIONS, SWEEP_QUARANTINE, SWEEP_COUNT };

/* Ids that a batch takes: one writer counts them, so that they are seen in their order. */
struct counters {
    uint64_t next_event;
    uint64_t next_timeline;
    uint64_t next_quarantine;
};

struct writer;

struct columns;

struct postgres_store {
    struct store store;
    struct link link;
    struct writer *writer;
    char owner[ID_TEXT_BYTES]; /* random for each open */
    char node[128];
    bool held; /* the lease, as far as we know: each commit asks again */
    uint64_t epoch;
    int64_t lease_ms;
    int64_t renew_at_mono_ms;
    bool counters_known; /* what follows is as stored */
    int64_t batch;
    struct counters next;
    struct metric *quarantine_cut_total;
    struct over over;
    int64_t idle_at_mono_ms;
    int64_t swept[SWEEP_COUNT]; /* up to here looked at by this walk */
    int64_t sweep_at_mono_ms[SWEEP_COUNT];
    bool broken;
};

/* Brings the schema to the newest this program knows; -1 also for a newer one and for a foreign
 * database. */
int postgres_migrate(struct link *link, struct err *err);
int postgres_schema_check(struct link *link, struct err *err); /* exactly ours? */

int postgres_lease(void *self, int64_t lease_ms, bool *out_held, struct err *err);
void postgres_lease_release(struct postgres_store *store);
/* Parameters of every statement that asks whether the lease is ours: owner $1, epoch $2. */
#define PG_OURS "realm = 'main' AND owner = $1 AND epoch = $2"
void params_ours(struct params *params, const struct postgres_store *store, uint64_t epoch);

struct writer *writer_create(void);
void writer_destroy(struct writer *writer);
/* Adds the statements of a batch to the pipe and takes ids from the counters. */
void writer_send(struct writer *writer, const struct effects *effects, struct counters *counters,
                 struct pipe *pipe);

int postgres_read_meta(void *self, struct store_meta *out_meta, struct err *err);
int postgres_load(void *self, const struct store_sink *sink, struct err *err);
/* The whole row, its body and texts in the arena; also what a reader answers. */
int postgres_read_notification(struct link *link, uint64_t id, struct arena *arena,
                               struct notification_row *out_row, struct err *err);
int postgres_notifications(void *self, const uint64_t *ids, size_t count, struct arena *arena,
                           struct stored_notification *out_items, struct err *err);
int postgres_find_alert(void *self, const char *source, const char *key, uint64_t *out_incident,
                        struct err *err);
/* After a commit: alerts of the incidents that have left memory with it are known to the filter. */
void postgres_note_over(struct postgres_store *store, const struct effects *effects);
int postgres_last_alert(void *self, const char *source, const char *key, struct arena *arena,
                        struct alert_row *out_row, struct err *err);
int postgres_closed(void *self, uint64_t number, struct arena *arena, struct incident_row *out_row,
                    bool *out_found, struct err *err);
int postgres_last_told(void *self, const char *contact, struct store_told *out_told,
                       struct err *err);
int postgres_find_provider_id(void *self, const char *channel, const char *provider_id,
                              uint64_t *out_notification, struct err *err);

void postgres_inbox_drop(const struct commit *commit, struct pipe *pipe);
int postgres_give_silence(void *self, PGresult *result, struct err *err);
int postgres_give_heartbeat(void *self, PGresult *result, struct err *err);
void postgres_add_heartbeat(struct columns *c, const struct heartbeat_row *row);
int postgres_give_mark(void *self, PGresult *result, struct err *err);
int postgres_find_mark(void *self, enum mark_kind kind, const char *name, struct arena *arena,
                       struct mark_row *out_row, struct err *err);

int postgres_inbox_append(void *self, const struct store_inbox_item *items, size_t count,
                          struct err *err);
int postgres_inbox_take(void *self, uint64_t after, size_t max, struct arena *arena,
                        struct store_inbox_item **out_items, size_t *out_count, struct err *err);

int postgres_sweep_policies(struct postgres_store *store, struct err *err);
void postgres_idle(void *self, int64_t keep_before_ms);

/* The cells of one row of an answer. Bytes are decoded into the arena; without one they are left
 * out. */
struct result_row {
    const PGresult *result;
    int row;
    struct arena *arena_or_null;
};
extern const struct cells_ops postgres_cells_ops;

/* Keyset paging by numbers that may be any uint64_t. */
static inline int64_t number_bound(uint64_t number)
{
    return number <= INT64_MAX ? (int64_t)number : INT64_MAX;
}

#endif

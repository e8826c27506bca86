/*
 * reader - what the implementations of store_read.h share; nobody outside this folder includes it.
 *
 * Shape:   store_read.c opens by URL and passes each call on; sqlite_read.c and postgres_read.c
 *          answer.
 */
#ifndef ESCALATED_STORE_READER_H
#define ESCALATED_STORE_READER_H

#include "gateway/store/store_read.h"

/* As the functions store_read_* of store_read.h. */
struct store_reader_ops {
    int (*incidents)(struct store_reader *reader, const struct incident_filter *filter,
                     struct arena *arena, struct incident_row **out_rows, size_t *out_count,
                     struct err *err);
    int (*incident)(struct store_reader *reader, uint64_t number, struct arena *arena,
                    struct incident_row *out_row, struct err *err);
    int (*alerts)(struct store_reader *reader, uint64_t incident, size_t limit, struct arena *arena,
                  struct alert_row **out_rows, size_t *out_count, struct err *err);
    int (*timeline)(struct store_reader *reader, uint64_t incident, size_t limit,
                    struct arena *arena, struct timeline_row **out_rows, size_t *out_count,
                    struct err *err);
    int (*notifications)(struct store_reader *reader, uint64_t incident, uint64_t before,
                         size_t limit, struct arena *arena, struct notification_row **out_rows,
                         size_t *out_count, struct err *err);
    int (*notification)(struct store_reader *reader, uint64_t id, struct arena *arena,
                        struct notification_row *out_row, struct err *err);
    int (*attempts)(struct store_reader *reader, uint64_t notification, struct arena *arena,
                    struct attempt_row **out_rows, size_t *out_count, struct err *err);
    int (*quarantine)(struct store_reader *reader, uint64_t before, size_t limit,
                      struct arena *arena, struct quarantine_row **out_rows, size_t *out_count,
                      struct err *err);
    int (*silences)(struct store_reader *reader, bool held_only, uint64_t before, size_t limit,
                    struct arena *arena, struct silence_row **out_rows, size_t *out_count,
                    struct err *err);
    int (*policy)(struct store_reader *reader, const char *hash, struct arena *arena,
                  struct policy_row *out_row, struct err *err);
    int (*heartbeats)(struct store_reader *reader, const struct heartbeat_filter *filter,
                      struct arena *arena, struct heartbeat_row **out_rows, size_t *out_count,
                      struct err *err);
    int (*session)(struct store_reader *reader, const char *broker, struct arena *arena,
                   struct known_session *out_session, struct err *err);
    int (*marks)(struct store_reader *reader, enum mark_kind kind, struct arena *arena,
                 struct mark_row **out_rows, size_t *out_count, struct err *err);
    int (*timeline_after)(struct store_reader *reader, uint64_t after, size_t limit,
                          struct arena *arena, struct timeline_row **out_rows, uint64_t **out_ids,
                          size_t *out_count, struct err *err);
    int (*timeline_last)(struct store_reader *reader, uint64_t *out_last, struct err *err);
    void (*close)(struct store_reader *reader);
};

/* The first member of each implementation's own struct. */
struct store_reader {
    const struct store_reader_ops *ops;
};

int store_sqlite_reader_open(const char *path, struct store_reader **out_reader, struct err *err);
int store_postgres_reader_open(const char *url, struct store_reader **out_reader, struct err *err);

#define HEARTBEATS_SQL(source, after_source, after_key)                                            \
    "SELECT " HEARTBEAT_COLUMNS " FROM heartbeats WHERE (source, key) > (" after_source            \
    ", " after_key ") AND (" source " = '' OR source = " source ") ORDER BY source, key"

/* Session, filters and marks, the oldest marks first; one row at least where there is a session. */
#define SESSION_SQL(broker)                                                                        \
    "SELECT s.session, s.filters, d.marks FROM mqtt_sessions AS s LEFT JOIN mqtt_deliveries AS d " \
    "ON d.broker = s.broker AND d.session = s.session WHERE s.broker = " broker                    \
    " ORDER BY d.sequence"
/* A row holds a batch of the engine at most. */
#define SESSION_MARK_BYTES_MAX ((size_t)DELIVERY_ROWS_MAX * 1024 * DELIVERY_MARK_BYTES)

static inline size_t reader_limit(size_t limit)
{
    return limit < STORE_READ_LIMIT_MAX ? limit : STORE_READ_LIMIT_MAX;
}

#endif

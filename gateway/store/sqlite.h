/*
 * sqlite - what the files of the SQLite store share; nobody outside this folder includes it.
 *
 * Shape:   sqlite.c opens, commits and closes; sqlite_schema.c migrates; sqlite_statement.c and sqlite_insert.c hold the prepared statements;
 *          sqlite_write.c turns effects into them; sqlite_log.c keeps the log ahead of the commits and
 *          sqlite_vfs.c writes it in large pieces;
 *          sqlite_load.c, sqlite_inbox.c and sqlite_idle.c do as named.
 * Threads: one at a time: the connection is opened without a mutex.
 * Fails:   functions that answer `int rc` give SQLite's extended result code, SQLITE_OK for success; SQLITE_NOTFOUND stands
 *          for a row to update that is not there. sqlite_verdict says what a code means for a batch.
 */
#ifndef ESCALATED_STORE_SQLITE_H
#define ESCALATED_STORE_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/store/ballast.h"
#include "gateway/store/over.h"
#include "gateway/store/sqlite_statement.h"
#include "gateway/store/sqlite_vfs.h"
#include "gateway/store/store.h"

#define SQLITE_STORE_BUSY_MS 200
#define SQLITE_STORE_WAL_PAGES_IDLE 1000              /* 4 MB: worth a checkpoint while idle */
#define SQLITE_STORE_WAL_PAGES_COMMIT 8192            /* 32 MB: one between two commits */
#define SQLITE_STORE_LOG_CHUNK_BYTES (1024 * 1024)    /* the log grows by so much at once */
#define SQLITE_STORE_LOG_LOW_BYTES (128 * 1024)       /* when so little of it is left */
#define SQLITE_STORE_LOG_MAX_BYTES (48 * 1024 * 1024) /* past the size at which it begins again */
#define SQLITE_STORE_LOG_WRITE_BYTES (64 * 1024)
#define SQLITE_STORE_DELETE_MAX 100   /* incidents in one call of idle */
#define SQLITE_STORE_SWEEP_MAX 5000   /* other rows looked at in one call of idle */
#define SQLITE_STORE_SWEEPS 4         /* tables swept by age */
#define SQLITE_STORE_POLICIES_MAX 512 /* more versions than this are swept at open */

extern const char schema_0001_sqlite[];
extern const char schema_0002_sqlite[];
extern const char schema_0003_sqlite[];
extern const char schema_0004_sqlite[];
extern const char schema_0005_sqlite[];
extern const char schema_0006_sqlite[];
extern const char schema_0007_sqlite[];
extern const char schema_0008_sqlite[];
extern const char schema_0009_sqlite[];
extern const char schema_0010_sqlite[];
extern const char schema_0011_sqlite[];
extern const char schema_0012_sqlite[];

struct sqlite_store {
    struct store store;
    sqlite3 *db;
    struct vfs vfs;
    char *path;
    int lock_fd;
    struct ballast ballast;
    struct over over;
    sqlite3_stmt *queries[QUERY_COUNT];
    sqlite3_stmt *inserts[INSERT_COUNT][SQLITE_STORE_ROW_SIZES];
    int wal_pages;                      /* in the log after the last commit */
    int checkpointed_pages;             /* of these, already in the database */
    int64_t log_bytes;                  /* of the log's file, written ahead */
    int64_t incidents_swept;            /* up to here looked at by this round of idle */
    int64_t swept[SQLITE_STORE_SWEEPS]; /* the same for each of its other tables */
    bool sweep_again;       /* incidents have left since the walk over the events began */
    int64_t quarantine_cut; /* rows that this batch pushes out */
    struct metric *quarantine_cut_total;
    bool broken;
};

/* Text of a failed call into *err, with the file and what was tried; returns -1. */
int sqlite_fail(sqlite3 *db, const char *path, int rc, const char *what, struct err *err);
/* which_file was written: the log (SQLITE_FCNTL_JOURNAL_POINTER) or the database (SQLITE_FCNTL_FILE_POINTER). */
enum store_verdict sqlite_verdict(sqlite3 *db, int rc, int which_file);
int sqlite_rollback(struct sqlite_store *store);

/* Brings the schema to the newest this program knows; -1 also for a newer one and for a foreign database. */
int schema_migrate(sqlite3 *db, const char *path, struct err *err);
int schema_check(sqlite3 *db, const char *path, struct err *err); /* exactly ours? */

int write_effects(struct sqlite_store *store, const struct effects *effects, struct err *err);

int sqlite_read_meta(void *self, struct store_meta *out_meta, struct err *err);
int sqlite_load(void *self, const struct store_sink *sink, struct err *err);
/* One step of a statement that selects a whole row by its id: the row with its body and texts in the arena. */
#define SQLITE_FIND_NOTIFICATION                                                                   \
    "SELECT " NOTIFICATION_COLUMNS NOTIFICATION_LONG " FROM notifications WHERE id = ?1"
int sqlite_step_notification(sqlite3_stmt *statement, const char *path, uint64_t id,
                             struct arena *arena, struct notification_row *out_row, bool *out_found,
                             struct err *err);
int sqlite_notifications(void *self, const uint64_t *ids, size_t count, struct arena *arena,
                         struct stored_notification *out_items, struct err *err);
int sqlite_find_provider_id(void *self, const char *channel, const char *provider_id,
                            uint64_t *out_notification, struct err *err);

int sqlite_find_alert(void *self, const char *source, const char *key, uint64_t *out_incident,
                      struct err *err);

int sqlite_last_alert(void *self, const char *source, const char *key, struct arena *arena,
                      struct alert_row *out_row, struct err *err);
int sqlite_closed(void *self, uint64_t number, struct arena *arena, struct incident_row *out_row,
                  bool *out_found, struct err *err);
int sqlite_last_told(void *self, const char *contact, struct store_told *out_told, struct err *err);

int write_mark(struct sqlite_store *store, const struct mark_row *row);
int write_silence(struct sqlite_store *store, const struct silence_row *row);
int sqlite_give_silence(sqlite3_stmt *statement, const struct store_sink *sink, struct err *err);
int write_heartbeat(struct sqlite_store *store, const struct heartbeat_row *row);
int sqlite_give_heartbeat(sqlite3_stmt *statement, const struct store_sink *sink, struct err *err);
int sqlite_give_mark(sqlite3_stmt *statement, const struct store_sink *sink, struct err *err);
int sqlite_read_marks(sqlite3 *db, const char *path, enum mark_kind kind, struct arena *arena,
                      struct mark_row **out_rows, size_t *out_count, struct err *err);
int sqlite_find_mark(void *self, enum mark_kind kind, const char *name, struct arena *arena,
                     struct mark_row *out_row, struct err *err);

int sqlite_inbox_append(void *self, const struct store_inbox_item *items, size_t count,
                        struct err *err);
int sqlite_inbox_take(void *self, uint64_t after, size_t max, struct arena *arena,
                      struct store_inbox_item **out_items, size_t *out_count, struct err *err);

void sqlite_checkpoint(struct sqlite_store *store);
void sqlite_log_reserve(struct sqlite_store *store); /* between two commits */
int sqlite_sweep_policies(struct sqlite_store *store);
void sqlite_idle(void *self, int64_t keep_before_ms);

#endif

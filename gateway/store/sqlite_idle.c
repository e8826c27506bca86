#include "gateway/store/sqlite.h"

/* A failure that is not about space or a lock ends the store: the next commit answers broken. */
static void note_failure(struct sqlite_store *store, int rc, int which_file)
{
    enum store_verdict verdict = sqlite_verdict(store->db, rc, which_file);
    if (verdict == STORE_FULL) {
        ballast_drop(&store->ballast);
    } else if (verdict == STORE_BROKEN) {
        store->broken = true;
    }
}

void sqlite_checkpoint(struct sqlite_store *store)
{
    int in_log = 0;
    int done = 0;
    int rc = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &done);
    if (rc == SQLITE_OK && in_log >= 0) {
        store->wal_pages = in_log;
        store->checkpointed_pages = done;
    }
    note_failure(store, rc, SQLITE_FCNTL_FILE_POINTER);
    ballast_watch(&store->ballast);
}

/* A statement with the parameters ?1 and ?2; not one that answers rows. */
static int run_range(sqlite3 *db, const char *sql, int64_t first, int64_t second)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    for (int i = 1; i <= 2 && rc == SQLITE_OK; i++) {
        if (i <= sqlite3_bind_parameter_count(statement)) {
            rc = sqlite3_bind_int64(statement, i, i == 1 ? first : second);
        }
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

struct old_incidents {
    int64_t numbers[SQLITE_STORE_DELETE_MAX];
    int count;
    int64_t looked_at; /* where the next round goes on; 0: from the oldest */
};

/* Incidents open in the order of their numbers, so the walk ends at the first that is young. The one with the newest entry
 * of the timeline stays, however old: SQLite would give the entry's id again, and a follower that has seen it would miss
 * the new one. */
static int find_old_incidents(struct sqlite_store *store, int64_t keep_before_ms,
                              struct old_incidents *out_old)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(store->db,
                                "SELECT number, opened_at_ms, resolved_at_ms, "
                                "live = 0 AND state = 'resolved' AND number IS NOT "
                                "(SELECT incident FROM timeline ORDER BY id DESC LIMIT 1) "
                                "FROM incidents "
                                "WHERE number > ?1 ORDER BY number LIMIT ?2",
                                -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_int64(statement, 1, store->incidents_swept);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_int64(statement, 2, SQLITE_STORE_SWEEP_MAX);
    }
    *out_old = (struct old_incidents){.looked_at = 0};
    int64_t last = 0;
    int seen = 0;
    bool more = false;
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        more = out_old->count == SQLITE_STORE_DELETE_MAX || seen == SQLITE_STORE_SWEEP_MAX;
        rc = more ? SQLITE_DONE : sqlite3_step(statement);
        if (rc != SQLITE_ROW || sqlite3_column_int64(statement, 1) >= keep_before_ms) {
            break;
        }
        seen++;
        last = sqlite3_column_int64(statement, 0);
        if (sqlite3_column_int(statement, 3) != 0 &&
            sqlite3_column_int64(statement, 2) < keep_before_ms) {
            out_old->numbers[out_old->count++] = last;
        }
    }
    out_old->looked_at = more ? last : 0;
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int delete_incidents(struct sqlite_store *store, const struct old_incidents *old)
{
    static const char *const deletions[] = {
        ("DELETE FROM attempts WHERE notification IN "
         "(SELECT id FROM notifications WHERE incident = ?1)"),
        "DELETE FROM notifications WHERE incident = ?1",
        "DELETE FROM alerts WHERE incident = ?1",
        "DELETE FROM timeline WHERE incident = ?1",
        "DELETE FROM incidents WHERE number = ?1",
    };
    int rc = SQLITE_OK;
    for (int i = 0; i < old->count && rc == SQLITE_OK; i++) {
        for (size_t j = 0; j < sizeof(deletions) / sizeof(deletions[0]) && rc == SQLITE_OK; j++) {
            rc = run_range(store->db, deletions[j], old->numbers[i], 0);
        }
    }
    return rc;
}

/*
 * Rows that belong to no incident, or whose incident has no index to find them by, leave by age.
 * Each table is walked once in the order of its ids, which is that of time; `find` answers id and
 * time.
 */
struct sweep {
    const char *find;
    const char *deletions[2];
};

enum { SWEEP_EVENTS, SWEEP_TIMELINE, SWEEP_NOTIFICATIONS, SWEEP_QUARANTINE };

static const struct sweep sweeps[SQLITE_STORE_SWEEPS] = {
    [SWEEP_EVENTS] = {.find = "SELECT id, at_ms FROM events WHERE id > ?1 ORDER BY id LIMIT ?2",
                      .deletions = {"DELETE FROM events WHERE id > ?1 AND id <= ?2 AND NOT EXISTS "
                                    "(SELECT 1 FROM incidents WHERE number = events.incident)"}},
    [SWEEP_TIMELINE] =
        {.find = "SELECT id, at_ms FROM timeline WHERE incident = 0 AND id > ?1 AND "
                 "id < (SELECT max(id) FROM timeline) ORDER BY id LIMIT ?2", /* see above */
         .deletions = {"DELETE FROM timeline WHERE incident = 0 AND id > ?1 AND id <= ?2"}},
    [SWEEP_NOTIFICATIONS] =
        {.find = "SELECT id, created_at_ms FROM notifications WHERE incident = 0 AND id > ?1 "
                 "ORDER BY id LIMIT ?2",
         .deletions =
             {"DELETE FROM attempts WHERE notification IN (SELECT id FROM notifications WHERE "
              "incident = 0 AND ended_at_ms <> 0 AND id > ?1 AND id <= ?2)",
              "DELETE FROM notifications WHERE incident = 0 AND ended_at_ms <> 0 AND "
              "id > ?1 AND id <= ?2"}},
    [SWEEP_QUARANTINE] = {.find =
                              "SELECT id, at_ms FROM quarantine WHERE id > ?1 ORDER BY id LIMIT ?2",
                          .deletions = {"DELETE FROM quarantine WHERE id > ?1 AND id <= ?2"}},
};

/* The last id of a run of old rows behind `after`; `after` itself when there is none. */
static int find_old_rows(struct sqlite_store *store, const char *sql, int64_t keep_before_ms,
                         int64_t after, int64_t *out_last)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_int64(statement, 1, after);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_int64(statement, 2, SQLITE_STORE_SWEEP_MAX);
    }
    *out_last = after;
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(statement);
        if (rc != SQLITE_ROW || sqlite3_column_int64(statement, 1) >= keep_before_ms) {
            break;
        }
        *out_last = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* Messages of providers that nobody will send again. */
#define OLD_HEARD                                                                                  \
    "kind = 'heard' AND at_ms < (SELECT max(at_ms) FROM marks WHERE kind = 'heard') - ?1"

/* Silences that ended long ago; the last one keeps its number taken. */
#define OLD_SILENCE "ended_at_ms <> 0 AND ended_at_ms < ?1 AND id < (SELECT max(id) FROM silences)"

static int find_any(struct sqlite_store *store, const char *sql, int64_t number, bool *out_any)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_int64(statement, 1, number);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    *out_any = rc == SQLITE_ROW;
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

struct old_rows {
    struct old_incidents incidents;
    int64_t last[SQLITE_STORE_SWEEPS];
    bool heard;
    bool silences;
    bool any;
};

static int find_old(struct sqlite_store *store, int64_t keep_before_ms, struct old_rows *out_old)
{
    int rc = find_old_incidents(store, keep_before_ms, &out_old->incidents);
    out_old->any = out_old->incidents.count > 0;
    for (int i = 0; i < SQLITE_STORE_SWEEPS && rc == SQLITE_OK; i++) {
        rc = find_old_rows(store, sweeps[i].find, keep_before_ms, store->swept[i],
                           &out_old->last[i]);
        out_old->any = out_old->any || out_old->last[i] != store->swept[i];
    }
    if (rc == SQLITE_OK) {
        rc = find_any(store, "SELECT 1 FROM marks WHERE " OLD_HEARD " LIMIT 1", STORE_HEARD_KEEP_MS,
                      &out_old->heard);
        out_old->any = out_old->any || out_old->heard;
    }
    if (rc == SQLITE_OK) {
        rc = find_any(store, "SELECT 1 FROM silences WHERE " OLD_SILENCE " LIMIT 1", keep_before_ms,
                      &out_old->silences);
        out_old->any = out_old->any || out_old->silences;
    }
    return rc;
}

static int delete_old(struct sqlite_store *store, const struct old_rows *old,
                      int64_t keep_before_ms)
{
    int rc = query_run(store, QUERY_BEGIN);
    if (rc == SQLITE_OK) {
        rc = delete_incidents(store, &old->incidents);
    }
    if (rc == SQLITE_OK && old->heard) {
        rc = run_range(store->db, "DELETE FROM marks WHERE " OLD_HEARD, STORE_HEARD_KEEP_MS, 0);
    }
    if (rc == SQLITE_OK && old->silences) {
        rc = run_range(store->db, "DELETE FROM silences WHERE " OLD_SILENCE, keep_before_ms, 0);
    }
    for (int i = 0; i < SQLITE_STORE_SWEEPS && rc == SQLITE_OK; i++) {
        if (old->last[i] != store->swept[i]) {
            rc = run_range(store->db, sweeps[i].deletions[0], store->swept[i], old->last[i]);
        }
        if (rc == SQLITE_OK && old->last[i] != store->swept[i] && sweeps[i].deletions[1] != NULL) {
            rc = run_range(store->db, sweeps[i].deletions[1], store->swept[i], old->last[i]);
        }
    }
    return rc == SQLITE_OK ? query_run(store, QUERY_COMMIT) : rc;
}

/* One small bite: the next call goes on. */
static void retain(struct sqlite_store *store, int64_t keep_before_ms)
{
    struct old_rows old;
    int rc = find_old(store, keep_before_ms, &old);
    if (rc == SQLITE_OK && old.any) {
        rc = delete_old(store, &old, keep_before_ms);
    }
    if (rc != SQLITE_OK) {
        note_failure(store, rc, SQLITE_FCNTL_JOURNAL_POINTER);
        if (sqlite_rollback(store) != SQLITE_OK) {
            store->broken = true;
        }
        return;
    }
    bool is_through = old.last[SWEEP_EVENTS] == store->swept[SWEEP_EVENTS];
    store->incidents_swept = old.incidents.looked_at;
    store->sweep_again = store->sweep_again || old.incidents.count > 0;
    for (int i = 0; i < SQLITE_STORE_SWEEPS; i++) {
        store->swept[i] = old.last[i];
    }
    if (is_through && store->sweep_again) {
        store->swept[SWEEP_EVENTS] = 0; /* events passed over may have lost their incident */
        store->sweep_again = false;
    }
}

int sqlite_sweep_policies(struct sqlite_store *store)
{
    int64_t limit = SQLITE_STORE_POLICIES_MAX;
    /* Only here: while it runs, the engine counts on every version that it has stored. */
    return run_range(store->db,
                     "DELETE FROM policies WHERE (SELECT count(*) FROM policies) > ?1 AND "
                     "hash NOT IN (SELECT policy_hash FROM incidents)",
                     limit, 0);
}

void sqlite_idle(void *self, int64_t keep_before_ms)
{
    struct sqlite_store *store = self;
    if (store->broken) {
        return;
    }
    retain(store, keep_before_ms);
    if (store->wal_pages < store->checkpointed_pages) {
        store->checkpointed_pages = 0;
    }
    if (!store->broken &&
        store->wal_pages - store->checkpointed_pages >= SQLITE_STORE_WAL_PAGES_IDLE) {
        sqlite_checkpoint(store);
    } else {
        ballast_watch(&store->ballast);
    }
}

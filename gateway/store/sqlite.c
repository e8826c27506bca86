#include "gateway/store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/system/metrics.h"

#define PID_BYTES 24

int sqlite_fail(sqlite3 *db, const char *path, int rc, const char *what, struct err *err)
{
    enum err_code code = ERR_SYSTEM;
    int primary = rc & 0xff;
    if (primary == SQLITE_NOMEM) {
        assert_out_of_memory(0);
    }
    if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED || primary == SQLITE_PROTOCOL) {
        code = ERR_BUSY;
    } else if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) {
        code = ERR_CORRUPT;
    }
    return err_set(err, code, "store %s: %s: %s (%d)", path, what,
                   db == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(db), rc);
}

/*
 * A write that found no space has changed nothing that counts. SQLite says "full" only for ENOSPC;
 * what else means the same is known to the file that was written. A failed sync has an unknown
 * effect, whatever its reason, and so has an index of the log that cannot grow
 * (SQLITE_IOERR_SHMSIZE): the log itself is written by then.
 */
static bool is_out_of_space(sqlite3 *db, int rc, int which_file)
{
    sqlite3_file *file = NULL;
    int number = 0;
    if (rc != SQLITE_IOERR_WRITE ||
        sqlite3_file_control(db, "main", which_file, &file) != SQLITE_OK || file == NULL ||
        file->pMethods == NULL ||
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number) != SQLITE_OK) {
        return false;
    }
    return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

enum store_verdict sqlite_verdict(sqlite3 *db, int rc, int which_file)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return STORE_COMMITTED;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return STORE_BUSY;
    case SQLITE_FULL:
        return STORE_FULL;
    case SQLITE_NOMEM:
        assert_out_of_memory(0);
    default:
        return is_out_of_space(db, rc, which_file) ? STORE_FULL : STORE_BROKEN;
    }
}

int sqlite_rollback(struct sqlite_store *store)
{
    if (sqlite3_get_autocommit(store->db) != 0) {
        return SQLITE_OK; /* SQLite has rolled back by itself */
    }
    return query_run(store, QUERY_ROLLBACK);
}

/* Commit. */

static int write_meta(struct sqlite_store *store, const struct store_meta *meta)
{
    struct binding b = binding_start(store, QUERY_META);
    bind_i64(&b, meta->engine_time_ms);
    bind_u64(&b, meta->next_incident);
    bind_u64(&b, meta->next_notification);
    bind_u64(&b, meta->next_alert);
    bind_u64(&b, meta->epoch);
    return binding_run(&b);
}

static int drop_applied(struct sqlite_store *store, const struct commit *commit, struct err *err)
{
    for (size_t i = 0; i < commit->applied_count; i++) {
        struct binding b = binding_start(store, QUERY_INBOX_DROP);
        bind_u64(&b, commit->applied[i]);
        int rc = binding_run(&b);
        if (rc != SQLITE_OK) {
            (void)sqlite_fail(store->db, store->path, rc, "inbox", err); /* the code says it */
            return rc;
        }
        if (sqlite3_changes(store->db) == 0) {
            (void)err_set(err, ERR_BUSY, "store %s: inbox %llu is not there any more", store->path,
                          (unsigned long long)commit->applied[i]); /* the code says it */
            return SQLITE_BUSY;
        }
    }
    return SQLITE_OK;
}

/* The transaction up to COMMIT; *out_fenced says that another engine has opened the store since. */
static int write_batch(struct sqlite_store *store, const struct commit *commit, bool *out_fenced,
                       struct err *err)
{
    *out_fenced = false;
    int rc = query_run(store, QUERY_BEGIN);
    if (rc == SQLITE_OK) {
        rc = write_meta(store, &commit->meta);
    }
    if (rc != SQLITE_OK) {
        (void)sqlite_fail(store->db, store->path, rc, "begin", err); /* the code says it */
        return rc;
    }
    if (sqlite3_changes(store->db) == 0) {
        *out_fenced = true;
        return SQLITE_OK;
    }
    rc = write_effects(store, commit->effects, err);
    if (rc != SQLITE_OK) {
        return rc;
    }
    rc = drop_applied(store, commit, err);
    if (rc != SQLITE_OK) {
        return rc;
    }
    rc = query_run(store, QUERY_COMMIT);
    if (rc != SQLITE_OK) {
        (void)sqlite_fail(store->db, store->path, rc, "commit", err); /* the code says it */
    }
    return rc;
}

static void after_commit(struct sqlite_store *store)
{
    if (store->wal_pages < store->checkpointed_pages) {
        store->checkpointed_pages = 0; /* the log has begun again */
    }
    if (store->wal_pages - store->checkpointed_pages >= SQLITE_STORE_WAL_PAGES_COMMIT) {
        sqlite_checkpoint(store);
    }
    sqlite_log_reserve(store);
}

static enum store_verdict sqlite_commit(void *self, const struct commit *commit, struct err *err)
{
    struct sqlite_store *store = self;
    if (store->broken) {
        (void)err_set(err, ERR_SYSTEM,
                      "store %s: an earlier write or sync failed; nothing is repeated",
                      store->path); /* the verdict says it */
        return STORE_BROKEN;
    }
    bool fenced = false;
    store->quarantine_cut = 0;
    int rc = write_batch(store, commit, &fenced, err);
    enum store_verdict verdict = sqlite_verdict(store->db, rc, SQLITE_FCNTL_JOURNAL_POINTER);
    if (fenced) {
        verdict = STORE_LEASE_LOST;
        (void)err_set(err, ERR_CONFLICT,
                      "store %s: epoch %llu has passed: another engine has opened it", store->path,
                      (unsigned long long)commit->meta.epoch); /* the verdict says it */
    }
    if (verdict != STORE_COMMITTED && sqlite_rollback(store) != SQLITE_OK) {
        verdict = STORE_BROKEN;
    }
    if (verdict == STORE_COMMITTED) {
        metric_add(store->quarantine_cut_total, store->quarantine_cut);
        after_commit(store);
    } else if (verdict == STORE_FULL) {
        ballast_drop(&store->ballast);
    } else if (verdict == STORE_BROKEN) {
        store->broken = true;
    }
    return verdict;
}

/* Open and close. */

static char *path_with(const char *path, const char *suffix)
{
    struct strbuf text;
    strbuf_init(&text, strlen(path) + strlen(suffix));
    strbuf_add(&text, path);
    strbuf_add(&text, suffix);
    return strbuf_steal(&text);
}

static int lock_refused(struct sqlite_store *store, struct err *err)
{
    char pid[PID_BYTES] = "";
    ssize_t count = pread(store->lock_fd, pid, sizeof(pid) - 1, 0);
    pid[count > 0 ? strcspn(pid, "\n") : 0] = '\0';
    return err_set(
        err, ERR_CONFLICT,
        "store %s: another process (pid %s) writes it; only one daemon may run on a store",
        store->path, pid[0] == '\0' ? "unknown" : pid);
}

/* A side file, because the locks on the database itself belong to SQLite. It stays: removing it
 * would race. */
static int lock_take(struct sqlite_store *store, struct err *err)
{
    char *path = path_with(store->path, ".lock");
    store->lock_fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    int result = 0;
    if (store->lock_fd < 0) {
        result = err_set_errno(err, errno, "store %s: cannot open %s", store->path, path);
    } else if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        result = errno == EWOULDBLOCK ? lock_refused(store, err)
                                      : err_set_errno(err, errno, "store %s: lock", store->path);
    } else if (ftruncate(store->lock_fd, 0) == 0) {
        (void)dprintf(store->lock_fd, "%ld\n", (long)getpid()); /* only for the sentence above */
    }
    free(path);
    return result;
}

/* SQLite would make the file readable for all, and gives log and index the mode of the database. */
static int create_file(struct sqlite_store *store, struct err *err)
{
    int fd = open(store->path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        /* An existing file is not opened here: closing it would drop SQLite's locks of this
         * process. */
        return errno == EEXIST ? 0
                               : err_set_errno(err, errno, "store %s: cannot create", store->path);
    }
    (void)close(fd); /* nothing was written */
    return 0;
}

static int note_wal_pages(void *self, sqlite3 *db, const char *schema, int pages)
{
    (void)db;
    (void)schema;
    ((struct sqlite_store *)self)->wal_pages = pages;
    return SQLITE_OK;
}

/* Foreign keys stay off: retention deletes in order, and each check would cost a look-up in every
 * insert. */
static int configure(struct sqlite_store *store, struct err *err)
{
    static const char settings[] = "PRAGMA page_size = 4096;"
                                   "PRAGMA journal_mode = WAL;"
                                   "PRAGMA synchronous = FULL;"
                                   "PRAGMA foreign_keys = OFF;"
                                   "PRAGMA temp_store = MEMORY;"
                                   "PRAGMA cache_size = -8192;"
                                   "PRAGMA journal_size_limit = 67108864;";
    int rc = sqlite3_extended_result_codes(store->db, 1);
    if (rc == SQLITE_OK) {
        rc = sqlite3_busy_timeout(store->db, SQLITE_STORE_BUSY_MS);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(store->db, settings, NULL, NULL, NULL);
    }
    if (rc != SQLITE_OK) {
        return sqlite_fail(store->db, store->path, rc, "settings", err);
    }
    (void)sqlite3_wal_hook(store->db, note_wal_pages, store); /* also ends automatic checkpoints */
    return 0;
}

static int raise_epoch(struct sqlite_store *store, struct err *err)
{
    int rc =
        sqlite3_exec(store->db, "UPDATE meta SET epoch = epoch + 1 WHERE id = 1", NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        return sqlite_fail(store->db, store->path, rc, "epoch", err);
    }
    if (sqlite3_changes(store->db) != 1) {
        return err_set(err, ERR_CORRUPT, "store %s: table meta has lost its row", store->path);
    }
    return 0;
}

static int database_open(struct sqlite_store *store, struct err *err)
{
    store->quarantine_cut_total = quarantine_cut_metric();
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    if (create_file(store, err) != 0) {
        return -1;
    }
    int rc = vfs_init(&store->vfs);
    if (rc == SQLITE_OK) {
        rc = sqlite3_open_v2(store->path, &store->db, flags, store->vfs.name);
    }
    if (rc != SQLITE_OK) {
        return sqlite_fail(store->db, store->path, rc, "open", err);
    }
    if (configure(store, err) != 0 || schema_migrate(store->db, store->path, err) != 0 ||
        raise_epoch(store, err) != 0 || queries_prepare(store, err) != 0) {
        return -1;
    }
    rc = sqlite_sweep_policies(store);
    sqlite_log_reserve(store);
    return rc == SQLITE_OK ? 0 : sqlite_fail(store->db, store->path, rc, "policies", err);
}

static void database_close(struct sqlite_store *store)
{
    queries_finalize(store);
    if (store->broken && store->db != NULL) {
        /* The checkpoint of a close would repeat a failed sync. */
        (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    (void)sqlite3_close(store->db); /* what is committed is in the log, whatever this answers */
    store->db = NULL;
    vfs_clear(&store->vfs);
}

static void sqlite_close(void *self)
{
    struct sqlite_store *store = self;
    database_close(store);
    ballast_clear(&store->ballast);
    over_clear(&store->over);
    if (store->lock_fd >= 0) {
        (void)close(store->lock_fd); /* the lock goes with it */
    }
    free(store->path);
    free(store);
}

static bool sqlite_has_room(void *self)
{
    return ballast_has_room(&((struct sqlite_store *)self)->ballast);
}

static const struct store_ops sqlite_ops = {
    .read_meta = sqlite_read_meta,
    .load = sqlite_load,
    .commit = sqlite_commit,
    .notifications = sqlite_notifications,
    .find_provider_id = sqlite_find_provider_id,
    .find_alert = sqlite_find_alert,
    .last_alert = sqlite_last_alert,
    .find_mark = sqlite_find_mark,
    .closed = sqlite_closed,
    .last_told = sqlite_last_told,
    .inbox_append = sqlite_inbox_append,
    .inbox_take = sqlite_inbox_take,
    .idle = sqlite_idle,
    .close = sqlite_close,
    .has_room = sqlite_has_room,
};

int store_sqlite_open(const char *path, struct store **out_store, struct err *err)
{
    /* Its count of all memory would cost a lock in each allocation; refused, harmlessly, once
     * SQLite runs. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    struct sqlite_store *store = heap_alloc(sizeof(*store));
    store->store = (struct store){.ops = &sqlite_ops, .self = store};
    store->path = heap_strdup(path);
    store->lock_fd = -1;
    if (lock_take(store, err) != 0) {
        goto failed;
    }
    ballast_init(&store->ballast, path);
    int result = database_open(store, err);
    if (result != 0 && store->ballast.held && store->ballast.low) {
        /* A start on a full disk: what was set aside is for this. */
        database_close(store);
        ballast_drop(&store->ballast);
        result = database_open(store, err);
    }
    if (result != 0) {
        goto failed;
    }
    *out_store = &store->store;
    return 0;
failed:
    sqlite_close(store);
    return -1;
}

/* What only the file has: versions, locks, modes, crashes, a full disk, checkpoints, retention. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/store/sqlite.h"
#include "tests/support/store_world.h"

#define URL "sqlite:test.db"

static int setup(void **state)
{
    *state = test_folder_make();
    return 0;
}

static int teardown(void **state)
{
    test_folder_remove(*state);
    return 0;
}

static struct store *open_ok(const char *folder)
{
    struct err err = {0};
    struct store *store = NULL;
    if (store_open(URL, folder, &store, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return store;
}

static const char *path_in(const char *folder, const char *name, char out[512])
{
    int length = snprintf(out, 512, "%s/%s", folder, name);
    assert_true(length > 0 && length < 512);
    return out;
}

static int64_t size_of(const char *folder, const char *name)
{
    char path[512];
    struct stat status;
    return stat(path_in(folder, name, path), &status) == 0 ? (int64_t)status.st_size : 0;
}

static sqlite3 *open_raw(const char *folder)
{
    char path[512];
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path_in(folder, "test.db", path), &db), SQLITE_OK);
    return db;
}

static void execute(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
}

static int64_t number_of(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    return number;
}

static void commit_ok(struct batch *batch, struct store *store)
{
    assert_int_equal(batch_commit(batch, store), STORE_COMMITTED);
}

static void open_incident(struct store *store, uint64_t number)
{
    struct batch batch;
    batch_begin(&batch, store);
    batch_incident(&batch, true, sample_incident(number));
    batch_timeline(&batch, sample_timeline(number));
    commit_ok(&batch, store);
}

static void test_reopened_store_is_the_same(void **state)
{
    struct store *store = open_ok(*state);
    open_incident(store, 1);
    char *before = world_text(store);
    struct store_meta meta;
    struct err err = {0};
    for (uint64_t start = 1; start <= 3; start++) {
        assert_int_equal(store->ops->read_meta(store->self, &meta, &err), 0);
        assert_int_equal(meta.epoch, start);
        store_close(store);
        store = open_ok(*state);
        char *after = world_text(store);
        assert_string_equal(after, before);
        free(after);
    }
    free(before);
    store_close(store);
}

static void test_files_are_ours_alone(void **state)
{
    static const char *const names[] = {"test.db", "test.db-wal", "test.db-shm", "test.db.lock",
                                        "test.db.ballast"};
    struct store *store = open_ok(*state);
    open_incident(store, 1);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[512];
        struct stat status;
        assert_int_equal(stat(path_in(*state, names[i], path), &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
    store_close(store);
}

static void test_rows_read_well_in_a_shell(void **state)
{
    struct store *store = open_ok(*state);
    struct batch batch;
    batch_begin(&batch, store);
    batch_incident(&batch, true, sample_incident(1));
    batch_alert(&batch, true, sample_alert(1, 1));
    batch_notification(&batch, sample_notification(1, 1));
    batch_claim(&batch, sample_claim(1, 1));
    batch_outcome(&batch, sample_outcome(1, NOTIFICATION_ACCEPTED));
    batch_event(&batch, sample_event(1));
    commit_ok(&batch, store);
    sqlite3 *db = open_raw(*state); /* while the daemon runs */
    static const char *const want[] = {
        "SELECT count(*) FROM incidents WHERE state = 'triggered' AND severity = 'critical' AND "
        "open = 1 AND uuid LIKE '01122334-4556-6778-%'",
        "SELECT count(*) FROM alerts WHERE state = 'firing' AND severity = 'error'",
        "SELECT count(*) FROM notifications WHERE state = 'accepted' AND kind = 'inform'",
        "SELECT count(*) FROM attempts WHERE outcome = 'accepted' AND boot_id = 'boot' AND "
        "ended_at_ms > started_at_ms AND deadline_mono_ms = 52 AND detail = 'It went well.'",
        "SELECT count(*) FROM events WHERE action = 'trigger' AND disposition = 'opened' AND "
        "uuid = '01020300-0000-0000-0000-000000000000'",
        "SELECT count(*) FROM schema_version WHERE version = 1 AND applied_at LIKE '20%Z'",
    };
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        if (number_of(db, want[i]) != 1) {
            fail_msg("no row: %s", want[i]);
        }
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    store_close(store);
}

/* Refusals. */

static void assert_refused(const char *folder, enum err_code code, const char *words)
{
    struct err err = {0};
    struct store *store = NULL;
    assert_int_equal(store_open(URL, folder, &store, &err), -1);
    assert_null(store);
    assert_int_equal(err.code, code);
    if (strstr(err.text, words) == NULL) {
        fail_msg("got '%s', want '%s' in it", err.text, words);
    }
}

/* What version 1 held: who owned a live incident has replied, and closed alerts are found by key.
 */
static void test_older_database_is_brought_up(void **state)
{
    static const char rows[] =
        "CREATE TEMP TABLE base AS SELECT 1 AS number, '01020304-0000-0000-0000-000000000000' AS "
        "uuid, 'shop' AS policy, 'h' AS policy_hash, 'g' AS group_key, 't' AS title, 'triggered' "
        "AS "
        "state, 'error' AS severity, 2 AS priority, 0 AS priority_set, 1 AS live, 1 AS opened, 0 "
        "AS "
        "acked, 0 AS resolved, 'ann' AS owner, 0 AS until, 0 AS eta, 0 AS slips, 0 AS known, 0 AS "
        "cleared, '' AS cause, 0 AS linked, 1 AS firing, 0 AS due, 1 AS updated, 1 AS open, "
        "'{\"climb\":1}' AS ladder;"
        "INSERT INTO incidents SELECT * FROM base;"
        "UPDATE base SET number = 2, group_key = 'g2', owner = 'source shop';"
        "INSERT INTO incidents SELECT * FROM base;"
        "UPDATE base SET number = 3, live = 0, open = 0, state = 'resolved', owner = 'bob';"
        "INSERT INTO incidents SELECT * FROM base;"
        "INSERT INTO alerts VALUES (1, 1, 'shop', 'k', 'firing', 'error', 1, 1, 0, 1, '', '{}', "
        "'', "
        "''), (2, 3, 'shop', 'k3', 'resolved', 'error', 1, 1, 1, 1, '', '{}', '', '');"
        "INSERT INTO schema_version (version) VALUES (1)";
    sqlite3 *db = open_raw(*state);
    execute(db, schema_0001_sqlite);
    execute(db, rows);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    struct store *store = open_ok(*state);
    char *world = world_text(store);
    uint64_t incident = 0;
    assert_non_null(strstr(world, "repliers=ann fields= talks=\n"));
    assert_non_null(strstr(world, "repliers= fields= talks=\n"));
    free(world);
    assert_int_equal(store->ops->find_alert(store->self, "shop", "k3", &incident, NULL), 0);
    assert_int_equal(incident, 3);
    assert_int_equal(store->ops->find_alert(store->self, "shop", "k", &incident, NULL), 0);
    assert_int_equal(incident, 0);
    store_close(store);
    db = open_raw(*state);
    assert_int_equal(number_of(db, "SELECT sum(number) FROM incidents INDEXED BY incidents_over "
                                   "WHERE live = 0 AND policy = 'shop'"),
                     3);
    assert_int_equal(number_of(db, "SELECT sum(number) FROM incidents INDEXED BY incidents_open "
                                   "WHERE open = 1 AND policy = 'shop'"),
                     1 + 2);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_newer_database_is_refused(void **state)
{
    store_close(open_ok(*state));
    sqlite3 *db = open_raw(*state);
    execute(db, "INSERT INTO schema_version (version) VALUES (99)");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_refused(*state, ERR_INVALID, "schema version 99 is newer than this program");
    db = open_raw(*state);
    assert_int_equal(number_of(db, "SELECT epoch FROM meta"), 1); /* left as it was */
    execute(db, "DELETE FROM schema_version WHERE version = 99");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    store_close(open_ok(*state));
}

static void test_foreign_database_is_refused(void **state)
{
    sqlite3 *db = open_raw(*state);
    execute(db, "CREATE TABLE recipes (name TEXT)");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_refused(*state, ERR_INVALID, "the database of something else");
}

static void test_garbage_is_refused(void **state)
{
    char path[512];
    FILE *file = fopen(path_in(*state, "test.db", path), "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        assert_true(fputs("no database ", file) >= 0);
    }
    assert_int_equal(fclose(file), 0);
    assert_refused(*state, ERR_CORRUPT, "file is not a database");
}

static void ignore_meta(void *self, const struct store_meta *meta)
{
    (void)self;
    (void)meta;
}

static void ignore_policy(void *self, const struct policy_row *row)
{
    (void)self;
    (void)row;
}

static void ignore_incident(void *self, const struct incident_row *row)
{
    (void)self;
    (void)row;
}

static void ignore_alert(void *self, const struct alert_row *row)
{
    (void)self;
    (void)row;
}

static void ignore_heartbeat(void *self, const struct heartbeat_row *row)
{
    (void)self;
    (void)row;
}

static void ignore_mark(void *self, const struct mark_row *row)
{
    (void)self;
    (void)row;
}

static void ignore_notification(void *self, const struct notification_row *row)
{
    (void)self;
    (void)row;
}

static void test_unknown_word_is_corrupt(void **state)
{
    static const struct {
        const char *spoil;
        const char *repair;
        const char *words;
    } cases[] = {
        {"UPDATE incidents SET state = 'molten'", "UPDATE incidents SET state = 'held'",
         "incident 1 has the state 'molten'"},
        {"UPDATE incidents SET severity = 'grave'", "UPDATE incidents SET severity = 'info'",
         "incident 1 has the severity 'grave'"},
        {"UPDATE incidents SET uuid = 'x'",
         "UPDATE incidents SET uuid = '01020300-0000-0000-0000-000000000000'",
         "incident 1 has the uuid 'x'"},
        {"UPDATE alerts SET state = ''", "UPDATE alerts SET state = 'resolved'",
         "alert 1 has the state ''"},
        {"UPDATE alerts SET severity = 'y'", "UPDATE alerts SET severity = 'info'",
         "alert 1 has the severity 'y'"},
        {"UPDATE notifications SET kind = 'shout'", "UPDATE notifications SET kind = 'page'",
         "notification 1 has the kind 'shout'"},
        {"UPDATE notifications SET severity = 'z'", "UPDATE notifications SET severity = 'info'",
         "notification 1 has the severity 'z'"},
        {"UPDATE notifications SET state = 'lost'", "UPDATE notifications SET state = 'pending'",
         "notification 1 has the state 'lost'"},
    };
    static const struct store_sink sink = {.meta = ignore_meta,
                                           .policy = ignore_policy,
                                           .incident = ignore_incident,
                                           .alert = ignore_alert,
                                           .notification = ignore_notification,
                                           .mark = ignore_mark,
                                           .heartbeat = ignore_heartbeat};
    struct store *store = open_ok(*state);
    struct batch batch;
    batch_begin(&batch, store);
    batch_incident(&batch, true, sample_incident(1));
    batch_alert(&batch, true, sample_alert(1, 1));
    batch_notification(&batch, sample_notification(1, 1));
    commit_ok(&batch, store);
    sqlite3 *db = open_raw(*state);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = {0};
        execute(db, cases[i].spoil);
        assert_int_equal(store->ops->load(store->self, &sink, &err), -1);
        assert_int_equal(err.code, ERR_CORRUPT);
        if (strstr(err.text, cases[i].words) == NULL) {
            fail_msg("got '%s', want '%s' in it", err.text, cases[i].words);
        }
        execute(db, cases[i].repair);
        assert_int_equal(store->ops->load(store->self, &sink, &err), 0);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    store_close(store);
}

static void test_second_writer_is_refused(void **state)
{
    struct store *store = open_ok(*state);
    char words[64];
    (void)snprintf(words, sizeof(words), "another process (pid %ld) writes it", (long)getpid());
    assert_refused(*state, ERR_CONFLICT, words);
    open_incident(store, 1); /* the first is not disturbed */
    store_close(store);
    store_close(open_ok(*state));
}

static void test_hand_in_a_shell_makes_busy(void **state)
{
    struct store *store = open_ok(*state);
    open_incident(store, 1);
    char *before = world_text(store);
    sqlite3 *db = open_raw(*state);
    execute(db, "BEGIN IMMEDIATE");
    struct batch batch;
    batch_begin(&batch, store);
    batch_incident(&batch, true, sample_incident(2));
    assert_int_equal(batch_commit(&batch, store), STORE_BUSY);
    struct err err = {0};
    const struct store_inbox_item item = {.bytes = "x", .count = 1};
    assert_int_equal(store->ops->inbox_append(store->self, &item, 1, &err), -1);
    assert_int_equal(err.code, ERR_BUSY);
    char *after = world_text(store);
    assert_string_equal(after, before);
    free(before);
    free(after);
    execute(db, "ROLLBACK");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    open_incident(store, 2);
    store_close(store);
}

/* A crash. */

enum { KILL_ROUNDS = 12, KILL_AFTER = 20, ROWS_A_BATCH = 3 };

/* Commits batch after batch and tells of each after its commit. */
_Noreturn static void child_writes(const char *folder, uint64_t first, int tell)
{
    struct store *store = open_ok(folder);
    for (uint64_t number = first;; number++) {
        struct batch batch;
        batch_begin(&batch, store);
        batch.meta.next_incident = number + 1;
        batch_incident(&batch, true, sample_incident(number));
        for (int i = 0; i < ROWS_A_BATCH; i++) {
            batch_timeline(&batch, sample_timeline(number));
            batch_event(&batch, sample_event(number));
        }
        commit_ok(&batch, store);
        if (write(tell, &number, sizeof(number)) != (ssize_t)sizeof(number)) {
            _exit(1);
        }
    }
}

static uint64_t run_until_killed(const char *folder, uint64_t first)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]); /* the parent's */
        child_writes(folder, first, ends[1]);
    }
    assert_int_equal(close(ends[1]), 0);
    uint64_t told = 0;
    uint64_t number = 0;
    for (int i = 0; i < KILL_AFTER; i++) {
        assert_int_equal(read(ends[0], &number, sizeof(number)), sizeof(number));
        told = number;
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(ends[0], &number, sizeof(number)) == (ssize_t)sizeof(number)) {
        told = number;
    }
    assert_int_equal(close(ends[0]), 0);
    return told;
}

static void test_killed_while_writing(void **state)
{
    uint64_t next = 1;
    for (int round = 0; round < KILL_ROUNDS; round++) {
        uint64_t told = run_until_killed(*state, next);
        struct store *store = open_ok(*state);
        struct store_meta meta;
        struct err err = {0};
        assert_int_equal(store->ops->read_meta(store->self, &meta, &err), 0);
        /* All that was told of is there, and at most the batch that was under way. */
        assert_true(meta.next_incident == told + 1 || meta.next_incident == told + 2);
        next = meta.next_incident;
        sqlite3 *db = open_raw(*state);
        int64_t batches = (int64_t)next - 1;
        assert_int_equal(number_of(db, "SELECT count(*) FROM incidents"), batches);
        assert_int_equal(number_of(db, "SELECT count(*) FROM timeline"), batches * ROWS_A_BATCH);
        assert_int_equal(number_of(db, "SELECT count(*) FROM events"), batches * ROWS_A_BATCH);
        assert_int_equal(number_of(db, "SELECT count(*) FROM pragma_integrity_check WHERE "
                                       "integrity_check <> 'ok'"),
                         0);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        store_close(store);
    }
}

/* A full disk, played by a limit on the size of files. */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static enum store_verdict commit_large(struct store *store, uint64_t number)
{
    static char text[400000];
    memset(text, 'x', sizeof(text) - 1);
    struct batch batch;
    batch_begin(&batch, store);
    struct incident_row row = sample_incident(number);
    struct timeline_row entry = sample_timeline(number);
    entry.data = text;
    batch_incident(&batch, true, row);
    batch_timeline(&batch, entry);
    return batch_commit(&batch, store);
}

/* The log is written ahead with zeros: where what counts ends. */
static int64_t used_of(const char *folder, const char *name)
{
    char path[512];
    FILE *file = fopen(path_in(folder, name, path), "rb");
    int64_t end = 0;
    assert_non_null(file);
    for (int64_t at = 1, c = getc(file); c != EOF; at++, c = getc(file)) {
        end = c != 0 ? at : end;
    }
    assert_int_equal(fclose(file), 0);
    return end;
}

/* With `room` bytes left: the large batch leaves no trace, the little that running notifications
 * need still fits. */
static void fill_disk(const char *folder, struct store *store, rlim_t room)
{
    char ballast[512];
    (void)path_in(folder, "test.db.ballast", ballast); /* used below */
    char *before = world_text(store);
    limit_files((rlim_t)used_of(folder, "test.db-wal") + room);
    assert_true(store_has_room(store));
    assert_int_equal(access(ballast, F_OK), 0);
    assert_int_equal(commit_large(store, 2), STORE_FULL);
    assert_false(store_has_room(store));
    assert_int_equal(access(ballast, F_OK), -1);
    char *after = world_text(store);
    assert_string_equal(after, before);
    free(before);
    free(after);
    struct batch batch;
    batch_begin(&batch, store);
    batch_event(&batch, sample_event(1));
    commit_ok(&batch, store);
    store->ops->idle(store->self, 0);
    assert_false(store_has_room(store));
    limit_files(RLIM_INFINITY);
    store->ops->idle(store->self, 0);
    assert_true(store_has_room(store));
}

static void test_full_disk_and_after(void **state)
{
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    struct store *store = open_ok(*state);
    open_incident(store, 1);
    for (rlim_t room = 30000; room < 400000; room += 51111) {
        store_close(store);
        store = open_ok(*state); /* with a fresh log: what did not fit stays behind its end */
        fill_disk(*state, store, room);
    }
    assert_int_equal(commit_large(store, 2), STORE_COMMITTED);
    store_close(store);
    store = open_ok(*state);
    sqlite3 *db = open_raw(*state);
    assert_int_equal(number_of(db, "SELECT count(*) FROM timeline WHERE incident = 2"), 1);
    assert_int_equal(number_of(db, "SELECT count(*) FROM events"), 8);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    store_close(store);
    assert_true(signal(SIGXFSZ, SIG_DFL) != SIG_ERR);
}

/* Housekeeping. */

static void test_the_log_stays_small(void **state)
{
    enum { BATCHES = 200 }; /* of 400 KB: 80 MB through a log of 32 MB */
    struct store *store = open_ok(*state);
    int64_t largest = 0;
    for (uint64_t i = 1; i <= BATCHES; i++) {
        assert_int_equal(commit_large(store, i), STORE_COMMITTED);
        int64_t size = size_of(*state, "test.db-wal");
        largest = size > largest ? size : largest;
    }
    assert_true(largest > 30000000);
    assert_true(largest < 40000000);
    int64_t before = size_of(*state, "test.db");
    store->ops->idle(store->self, 0);
    assert_true(size_of(*state, "test.db") > before);
    store_close(store);
    assert_int_equal(size_of(*state, "test.db-wal"), 0);
}

static void add_old_and_young(struct store *store)
{
    struct batch batch;
    batch_begin(&batch, store);
    for (uint64_t i = 1; i <= 500; i++) {
        struct incident_row row = sample_incident(i);
        struct notification_row notification = sample_notification(i, i);
        row.opened_at_ms = (int64_t)i;
        row.resolved_at_ms = (int64_t)i;
        row.state = i == 10 ? INCIDENT_TRIGGERED : INCIDENT_RESOLVED;
        row.live = i == 10;
        batch_incident(&batch, true, row);
        batch_alert(&batch, true, sample_alert(i, i));
        batch_notification(&batch, notification);
        batch_claim(&batch, sample_claim(i, 1));
        batch_outcome(&batch, sample_outcome(i, NOTIFICATION_FAILED));
        struct event_row event = sample_event(i);
        struct timeline_row entry = sample_timeline(i);
        event.at_ms = entry.at_ms = (int64_t)i;
        batch_event(&batch, event);
        batch_timeline(&batch, entry);
        event.incident = entry.incident = 0;
        batch_event(&batch, event);
        batch_timeline(&batch, entry);
        notification = sample_notification(i + 1000, 0);
        notification.created_at_ms = (int64_t)i;
        batch_notification(&batch, notification);
        batch_claim(&batch, sample_claim(i + 1000, 1));
        if (i != 20) {
            batch_outcome(&batch, sample_outcome(i + 1000, NOTIFICATION_DELIVERED));
        }
    }
    commit_ok(&batch, store);
}

static void test_idle_forgets_the_old(void **state)
{
    struct store *store = open_ok(*state);
    add_old_and_young(store);
    sqlite3 *db = open_raw(*state);
    store->ops->idle(store->self, 401);
    /* One bite takes no more than its share. */
    assert_int_equal(number_of(db, "SELECT count(*) FROM incidents"), 400);
    for (int i = 0; i < 10; i++) {
        store->ops->idle(store->self, 401);
    }
    /* 401..500 are young, 10 is open, the notification 1020 of no incident has not ended. */
    static const struct {
        const char *sql;
        int64_t want;
    } left[] = {
        {"SELECT count(*) FROM incidents", 101},
        {"SELECT count(*) FROM incidents WHERE number < 401", 1},
        {"SELECT count(*) FROM alerts", 101},
        {"SELECT count(*) FROM timeline", 201},
        {"SELECT count(*) FROM timeline WHERE incident = 0", 100},
        {"SELECT count(*) FROM events WHERE incident = 0", 100},
        {"SELECT count(*) FROM events WHERE incident > 0", 101},
        {"SELECT count(*) FROM notifications WHERE incident > 0", 101},
        {"SELECT count(*) FROM notifications WHERE incident = 0", 101},
        {"SELECT count(*) FROM attempts", 202},
        {"SELECT count(*) FROM attempts WHERE notification NOT IN (SELECT id FROM notifications)",
         0},
    };
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        int64_t got = number_of(db, left[i].sql);
        if (got != left[i].want) {
            fail_msg("%s: got %lld, want %lld", left[i].sql, (long long)got,
                     (long long)left[i].want);
        }
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    store_close(store);
}

static void add_timeline(struct store *store, uint64_t incident)
{
    struct batch batch;
    batch_begin(&batch, store);
    struct timeline_row entry = sample_timeline(incident);
    entry.at_ms = 1;
    batch_timeline(&batch, entry);
    commit_ok(&batch, store);
}

/* Followers of the timeline go by its ids: none may come twice, even when all there was is old. */
static void test_ids_of_the_timeline_are_never_given_again(void **state)
{
    struct store *store = open_ok(*state);
    struct batch batch;
    batch_begin(&batch, store);
    struct incident_row row = sample_incident(1);
    row.opened_at_ms = row.resolved_at_ms = 1;
    row.state = INCIDENT_RESOLVED;
    row.live = false;
    batch_incident(&batch, true, row);
    commit_ok(&batch, store);
    sqlite3 *db = open_raw(*state);
    static const uint64_t incidents[] = {1, 0};
    int64_t last = 0;
    for (size_t i = 0; i < 2 * sizeof(incidents) / sizeof(incidents[0]); i++) {
        add_timeline(store, incidents[i % 2]);
        for (int j = 0; j < 10; j++) {
            store->ops->idle(store->self, 1000);
        }
        int64_t newest = number_of(db, "SELECT max(id) FROM timeline");
        assert_true(newest > last);
        last = newest;
        assert_true(number_of(db, "SELECT count(*) FROM timeline") <= 2);
    }
    assert_int_equal(number_of(db, "SELECT count(*) FROM incidents"), 0);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    store_close(store);
}

static void test_unused_policies_leave_at_a_start(void **state)
{
    struct store *store = open_ok(*state);
    struct batch batch;
    batch_begin(&batch, store);
    batch_policy(&batch, sample_policy("hash-1"));
    batch_incident(&batch, true, sample_incident(1));
    for (int i = 0; i < SQLITE_STORE_POLICIES_MAX; i++) {
        batch_policy(&batch, sample_policy(arena_printf(&batch.arena, "version %d", i)));
    }
    commit_ok(&batch, store);
    char *before = world_text(store);
    store_close(store);
    store = open_ok(*state);
    sqlite3 *db = open_raw(*state);
    assert_int_equal(number_of(db, "SELECT count(*) FROM policies"), 1);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    char *after = world_text(store);
    assert_string_equal(after, before);
    free(before);
    free(after);
    store_close(store);
}

/* Few live ones among many take another way through the tables: the answer is the same. */
static void test_load_of_few_and_of_many(void **state)
{
    struct store *store = open_ok(*state);
    struct batch batch;
    batch_begin(&batch, store);
    for (uint64_t i = 1; i <= 60; i++) {
        struct incident_row row = sample_incident(i);
        row.live = i % 10 == 0;
        row.state = row.live ? INCIDENT_TRIGGERED : INCIDENT_RESOLVED;
        batch_incident(&batch, true, row);
        batch_alert(&batch, true, sample_alert(i, i));
        struct notification_row notification = sample_notification(i, i);
        notification.state = i % 3 == 0 ? NOTIFICATION_PENDING : NOTIFICATION_FAILED;
        notification.ended_at_ms = i % 3 == 0 ? 0 : 7;
        batch_notification(&batch, notification);
    }
    commit_ok(&batch, store);
    char *few = world_text(store);
    sqlite3 *db = open_raw(*state);
    execute(db, "DELETE FROM incidents WHERE live = 0");
    execute(db, "UPDATE incidents SET number = number / 10, updated_at_ms = number");
    execute(db, "UPDATE alerts SET incident = incident / 10 WHERE incident % 10 = 0");
    execute(db, "UPDATE notifications SET incident = incident / 10 WHERE incident % 10 = 0");
    execute(db, "UPDATE alerts SET incident = 999 WHERE id % 10 <> 0");
    execute(db, "UPDATE notifications SET incident = 999 WHERE id % 10 <> 0");
    assert_int_equal(number_of(db, "SELECT max(number) FROM incidents"), 6);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    char *many = world_text(store);
    static const char *const kinds[] = {"\nincident ", "\nalert ", "\nnotification "};
    static const int want[] = {6, 6, 24}; /* 20 pending, and 4 ended ones of live incidents */
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        int in_few = 0;
        int in_many = 0;
        for (const char *at = few; (at = strstr(at, kinds[i])) != NULL; at++) {
            in_few++;
        }
        for (const char *at = many; (at = strstr(at, kinds[i])) != NULL; at++) {
            in_many++;
        }
        assert_int_equal(in_few, want[i]);
        assert_int_equal(in_many, want[i]);
    }
    free(few);
    free(many);
    store_close(store);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_reopened_store_is_the_same),
        TEST(test_files_are_ours_alone),
        TEST(test_rows_read_well_in_a_shell),
        TEST(test_newer_database_is_refused),
        TEST(test_older_database_is_brought_up),
        TEST(test_foreign_database_is_refused),
        TEST(test_garbage_is_refused),
        TEST(test_unknown_word_is_corrupt),
        TEST(test_second_writer_is_refused),
        TEST(test_hand_in_a_shell_makes_busy),
        TEST(test_killed_while_writing),
        TEST(test_full_disk_and_after),
        TEST(test_the_log_stays_small),
        TEST(test_idle_forgets_the_old),
        TEST(test_ids_of_the_timeline_are_never_given_again),
        TEST(test_unused_policies_leave_at_a_start),
        TEST(test_load_of_few_and_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

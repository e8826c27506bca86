/* Every write, truncation and sync of a database's life fails once: nothing committed is lost,
 * nothing is half applied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/store/sqlite.h"
#include "tests/support/faulty_vfs.h"
#include "tests/support/store_world.h"

enum { BATCHES = 4, CHECKPOINT_AFTER = 2, FAULTS_MAX = 5000 };

/* Batch `number` opens incident `number` with all that belongs to it, and changes the one before.
 */
static void fill_batch(struct batch *batch, uint64_t number)
{
    struct notification_row notification = sample_notification(number, number);
    batch->meta.next_incident = number + 1;
    batch_policy(batch, sample_policy("hash-1"));
    batch_incident(batch, true, sample_incident(number));
    batch_alert(batch, true, sample_alert(number, number));
    batch_notification(batch, notification);
    batch_claim(batch, sample_claim(number, 1));
    batch_event(batch, sample_event(number));
    batch_timeline(batch, sample_timeline(number));
    if (number > 1) {
        struct incident_row before = sample_incident(number - 1);
        before.state = INCIDENT_ACKNOWLEDGED;
        batch_incident(batch, false, before);
        batch_outcome(batch, sample_outcome(number - 1, NOTIFICATION_DELIVERED));
    }
}

static enum store_verdict commit_number(struct store *store, uint64_t number)
{
    struct batch batch;
    batch_begin(&batch, store);
    fill_batch(&batch, number);
    return batch_commit(&batch, store);
}

/* How the world looks after each number of batches; [0] is the empty one. */
static char *worlds[BATCHES + 1];

static int remember_worlds(void **state)
{
    (void)state;
    struct err err = {0};
    struct store *store = NULL;
    faulty_vfs_install();
    assert_int_equal(store_memory_open(&store, &err), 0);
    worlds[0] = world_text(store);
    for (uint64_t i = 1; i <= BATCHES; i++) {
        assert_int_equal(commit_number(store, i), STORE_COMMITTED);
        worlds[i] = world_text(store);
    }
    store_close(store);
    return 0;
}

static int forget_worlds(void **state)
{
    (void)state;
    for (int i = 0; i <= BATCHES; i++) {
        free(worlds[i]);
    }
    return 0;
}

static struct store *open_store(const char *folder)
{
    struct err err = {0};
    struct store *store = NULL;
    if (store_open("sqlite:test.db", folder, &store, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return store;
}

struct life {
    uint64_t committed;
    enum store_verdict verdict; /* of the batch after those */
};

/* Four batches with a checkpoint between them, until one is refused; then the end of the process or
 * a close. */
static struct life live(struct store *store)
{
    struct life life = {.verdict = STORE_COMMITTED};
    while (life.committed < BATCHES && life.verdict == STORE_COMMITTED) {
        if (life.committed == CHECKPOINT_AFTER) {
            sqlite_checkpoint(store->self);
        }
        life.verdict = commit_number(store, life.committed + 1);
        life.committed += life.verdict == STORE_COMMITTED;
    }
    return life;
}

/* A broken store may have got its last batch to the disk or not, but all of it or nothing. */
static void check_reopened(const char *folder, struct life life, int64_t nth)
{
    struct store *store = open_store(folder);
    char *world = world_text(store);
    bool as_told = strcmp(world, worlds[life.committed]) == 0;
    bool one_more = life.verdict == STORE_BROKEN && life.committed < BATCHES &&
                    strcmp(world, worlds[life.committed + 1]) == 0;
    if (!as_told && !one_more) {
        fail_msg("fault %lld after %llu batches (%s): the reopened store has\n%s", (long long)nth,
                 (unsigned long long)life.committed, store_verdict_name(life.verdict), world);
    }
    uint64_t next = life.committed + (one_more ? 2 : 1);
    if (next <= BATCHES) {
        assert_int_equal(commit_number(store, next), STORE_COMMITTED);
    }
    free(world);
    store_close(store);
}

/* After busy or full the same store goes on: what was refused can be committed once there is space
 * again. */
static void check_goes_on(struct store *store, struct life life)
{
    char *world = world_text(store);
    assert_string_equal(world, worlds[life.committed]);
    free(world);
    assert_int_equal(commit_number(store, life.committed + 1), STORE_COMMITTED);
}

/* One life with the nth change failing; false when it came to its end without a failure. */
static bool run_life(int64_t nth, enum fault fault, bool lasting)
{
    char *folder = test_folder_make();
    struct store *store = open_store(folder);
    faulty_vfs_arm(nth, fault, lasting);
    struct life life = live(store);
    if (life.verdict != STORE_COMMITTED) {
        assert_int_equal(life.verdict, fault == FAULT_IO ? STORE_BROKEN : STORE_FULL);
        /* The disk may have no room for a while, or be gone: either way the same answer. */
        if (lasting) {
            assert_int_equal(commit_number(store, life.committed + 1), life.verdict);
        }
    }
    if (life.verdict == STORE_BROKEN) {
        store_close(store);
    }
    bool has_failed = faulty_vfs_disarm();
    if (life.verdict == STORE_FULL) {
        check_goes_on(store, life);
        life.committed++;
    }
    if (life.verdict != STORE_BROKEN) {
        store_close(store);
    }
    check_reopened(folder, life, nth);
    test_folder_remove(folder);
    return has_failed;
}

static void run_lives(enum fault fault, bool lasting)
{
    int64_t nth = 1;
    while (run_life(nth, fault, lasting)) {
        nth++;
        assert_true(nth < FAULTS_MAX);
    }
    assert_true(nth > BATCHES * 4); /* each batch writes several pages: the loop has seen them */
}

static void test_io_error_once(void **state)
{
    (void)state;
    run_lives(FAULT_IO, false);
}

static void test_io_error_for_ever(void **state)
{
    (void)state;
    run_lives(FAULT_IO, true);
}

static void test_disk_full_once(void **state)
{
    (void)state;
    run_lives(FAULT_FULL, false);
}

static void test_disk_full_for_a_while(void **state)
{
    (void)state;
    run_lives(FAULT_FULL, true);
}

/* The first start: every change on the way to an empty store fails, the next start succeeds. */
static bool run_start(int64_t nth, enum fault fault)
{
    char *folder = test_folder_make();
    struct err err = {0};
    struct store *store = NULL;
    faulty_vfs_arm(nth, fault, true);
    int result = store_open("sqlite:test.db", folder, &store, &err);
    if (result == 0) {
        store_close(store);
    } else {
        assert_true(strlen(err.text) > 0);
        assert_null(store);
    }
    bool has_failed = faulty_vfs_disarm();
    store = open_store(folder);
    char *world = world_text(store);
    assert_string_equal(world, worlds[0]);
    free(world);
    assert_int_equal(commit_number(store, 1), STORE_COMMITTED);
    store_close(store);
    test_folder_remove(folder);
    return has_failed;
}

static void test_a_failing_start(void **state)
{
    (void)state;
    static const enum fault faults[] = {FAULT_IO, FAULT_FULL};
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        int64_t nth = 1;
        while (run_start(nth, faults[i])) {
            nth++;
            assert_true(nth < FAULTS_MAX);
        }
        assert_true(nth > 10);
    }
}

/* A close that cannot checkpoint loses nothing: the log has it all. */
static void test_a_failing_close(void **state)
{
    (void)state;
    bool has_failed = true;
    for (int64_t nth = 1; has_failed && nth < FAULTS_MAX; nth++) {
        char *folder = test_folder_make();
        struct store *store = open_store(folder);
        const struct life life = live(store);
        assert_int_equal(life.committed, BATCHES);
        faulty_vfs_arm(nth, FAULT_IO, false);
        store_close(store);
        has_failed = faulty_vfs_disarm();
        check_reopened(folder, life, nth);
        test_folder_remove(folder);
    }
    assert_false(has_failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_io_error_once),   cmocka_unit_test(test_io_error_for_ever),
        cmocka_unit_test(test_disk_full_once),  cmocka_unit_test(test_disk_full_for_a_while),
        cmocka_unit_test(test_a_failing_start), cmocka_unit_test(test_a_failing_close),
    };
    return cmocka_run_group_tests(tests, remember_worlds, forget_worlds);
}

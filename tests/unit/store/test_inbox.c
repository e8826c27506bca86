/* What the engine takes out of the store besides its world: inputs that wait for it, and whom it has told; the same cases
 * against every implementation of store.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/store_kinds.h"

static void assert_told(struct store *store, const char *contact, uint64_t notification,
                        int64_t due_at_ms)
{
    struct err err = {0};
    struct store_told told = {.notification = 99};
    assert_int_equal(store->ops->last_told(store->self, contact, &told, &err), 0);
    assert_int_equal(told.notification, notification);
    if (notification != 0) {
        assert_int_equal(told.incident, 1000 + notification);
        assert_int_equal(told.due_at_ms, due_at_ms);
    }
}

static void add_told(struct store *store, uint64_t id, const char *contact,
                     enum notification_state state)
{
    struct batch batch;
    struct notification_row row = sample_notification(id, 1000 + id);
    char key[32];
    (void)snprintf(key, sizeof(key), "told %llu", (unsigned long long)id); /* fits */
    row.contact = contact;
    row.key = key;
    row.due_at_ms = (int64_t)id * 10;
    row.state = NOTIFICATION_PENDING;
    row.ended_at_ms = 0;
    batch_begin(&batch, store);
    batch_incident(&batch, true, sample_incident(1000 + id));
    batch_notification(&batch, row);
    commit_ok(&batch, store);
    if (state == NOTIFICATION_PENDING) {
        return;
    }
    batch_begin(&batch, store);
    batch_claim(&batch, sample_claim(id, 1));
    if (state != NOTIFICATION_CLAIMED) {
        batch_outcome(&batch, sample_outcome(id, state));
    }
    commit_ok(&batch, store);
}

static void test_the_last_notification_a_contact_was_told_of(void **state)
{
    struct store *store = store_of(state);
    assert_told(store, "ann", 0, 0);
    add_told(store, 1, "ann", NOTIFICATION_ACCEPTED);
    add_told(store, 2, "ann", NOTIFICATION_DELIVERED);
    add_told(store, 3, "bob", NOTIFICATION_ACCEPTED);
    add_told(store, 4, "ann", NOTIFICATION_PENDING);
    add_told(store, 5, "ann", NOTIFICATION_CLAIMED);
    add_told(store, 6, "ann", NOTIFICATION_FAILED);
    assert_told(store, "ann", 2, 20);
    assert_told(store, "bob", 3, 30);
    assert_told(store, "an", 0, 0);
    struct batch batch;
    batch_begin(&batch, store);
    batch_outcome(&batch, sample_outcome(5, NOTIFICATION_ACCEPTED));
    commit_ok(&batch, store);
    assert_told(store, "ann", 5, 50);
}

/* Inbox. */

/* Sequences of what was taken last. */
static uint64_t sequences[16];

static size_t take(struct store *store, uint64_t after, size_t max, char out[16])
{
    struct arena arena;
    struct err err = {0};
    struct store_inbox_item *items = NULL;
    size_t count = 0;
    arena_init(&arena);
    assert_int_equal(store->ops->inbox_take(store->self, after, max, &arena, &items, &count, &err),
                     0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(items[i].count, 1);
        assert_int_equal(items[i].id[15], *(const char *)items[i].bytes);
        assert_true(i == 0 || items[i].sequence > items[i - 1].sequence);
        out[i] = *(const char *)items[i].bytes;
        sequences[i] = items[i].sequence;
    }
    out[count] = '\0';
    arena_clear(&arena);
    return count;
}

static void append(struct store *store, const char *letters)
{
    struct err err = {0};
    struct store_inbox_item items[16] = {{0}};
    size_t count = strlen(letters);
    for (size_t i = 0; i < count; i++) {
        items[i].id[15] = (unsigned char)letters[i];
        items[i].bytes = &letters[i];
        items[i].count = 1;
    }
    assert_int_equal(store->ops->inbox_append(store->self, items, count, &err), 0);
}

static void test_inbox_items_leave_with_the_commit_that_names_them(void **state)
{
    struct store *store = store_of(state);
    char got[16];
    struct batch batch;
    assert_int_equal(take(store, 0, 5, got), 0);
    append(store, "abcde");
    (void)take(store, 0, 2, got); /* seen in the text */
    assert_string_equal(got, "ab");
    (void)take(store, sequences[1], 2, got); /* seen in the text */
    assert_string_equal(got, "cd");
    (void)take(store, 0, 9, got); /* nothing leaves by being taken */
    assert_string_equal(got, "abcde");
    batch_begin(&batch, store);
    batch.applied = sequences;
    batch.applied_count = 5;
    batch.meta.epoch++;
    assert_int_equal(batch_commit(&batch, store), STORE_LEASE_LOST);
    free(world_text(store));
    (void)take(store, 0, 9, got); /* seen in the text */
    assert_string_equal(got, "abcde");
    const uint64_t some[] = {sequences[3], sequences[0]};
    batch_begin(&batch, store);
    batch.applied = some;
    batch.applied_count = 2;
    commit_ok(&batch, store);
    (void)take(store, 0, 9, got); /* seen in the text */
    assert_string_equal(got, "bce");
    append(store, "f");
    batch_begin(&batch, store); /* names none */
    commit_ok(&batch, store);
    assert_int_equal(take(store, 0, 9, got), 4);
    batch_begin(&batch, store);
    batch.applied = sequences;
    batch.applied_count = 4;
    commit_ok(&batch, store);
    assert_int_equal(take(store, 0, 9, got), 0);
    append(store, "g"); /* its sequence is new although the table was empty */
    assert_int_equal(take(store, sequences[3], 9, got), 1);
}

/* Somebody else has applied it: once more would be twice. */
static void test_an_inbox_item_is_applied_once(void **state)
{
    struct store *store = store_of(state);
    char got[16];
    struct batch batch;
    append(store, "ab");
    assert_int_equal(take(store, 0, 9, got), 2);
    batch_begin(&batch, store);
    batch.applied = sequences;
    batch.applied_count = 1;
    commit_ok(&batch, store);
    char *before = world_text(store);
    batch_begin(&batch, store);
    batch.applied = sequences;
    batch.applied_count = 2;
    batch_incident(&batch, true, sample_incident(1));
    assert_int_equal(batch_commit(&batch, store), STORE_BUSY);
    char *after = world_text(store);
    assert_string_equal(before, after);
    free(before);
    free(after);
    assert_int_equal(take(store, 0, 9, got), 1);
    assert_string_equal(got, "b");
}

static const struct store_case cases[] = {
    STORE_CASE(test_the_last_notification_a_contact_was_told_of),
    STORE_CASE(test_inbox_items_leave_with_the_commit_that_names_them),
    STORE_CASE(test_an_inbox_item_is_applied_once),
};

int main(void)
{
    return store_kinds_run("inbox", cases, sizeof(cases) / sizeof(cases[0]));
}

/* Marks, in every implementation of store.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/support/postgres_world.h"
#include "tests/support/store_world.h"

static void commit_ok(struct batch *batch, struct store *store)
{
    assert_int_equal(batch_commit(batch, store), STORE_COMMITTED);
}

static void put_mark(struct store *store, enum mark_kind kind, const char *name, const char *value,
                     int64_t at_ms, bool gone)
{
    struct batch batch;
    batch_begin(&batch, store);
    batch_mark(&batch,
               (struct mark_row){
                   .kind = kind, .name = name, .value = value, .at_ms = at_ms, .gone = gone});
    commit_ok(&batch, store);
}

static const char *mark_value(struct store *store, enum mark_kind kind, const char *name,
                              struct arena *arena)
{
    struct mark_row row = {.value = NULL};
    struct err err = {0};
    if (store->ops->find_mark(store->self, kind, name, arena, &row, &err) != 0) {
        assert_int_equal(err.code, ERR_NOT_FOUND);
        return "";
    }
    assert_int_equal(row.kind, kind);
    assert_string_equal(row.name, name);
    return arena_printf(arena, "%s at %lld", row.value, (long long)row.at_ms);
}

static void test_marks_are_set_changed_and_taken_away(void **state)
{
    struct store *store = *state;
    struct arena arena;
    arena_init(&arena);
    put_mark(store, MARK_STOPPED, "ann sms", "+1", 5, false);
    put_mark(store, MARK_ERRORS, "sms +1", "1", 6, false);
    put_mark(store, MARK_ERRORS, "sms +1", "2", 7, false);
    put_mark(store, MARK_HEARD, "sms SM1", "1 yes", 8, false);
    put_mark(store, MARK_STOPPED, "bob sms", "+2", 9, false);
    put_mark(store, MARK_STOPPED, "bob sms", "", 9, true);
    put_mark(store, MARK_STOPPED, "none", "", 9, true); /* what is not there can go */
    assert_string_equal(mark_value(store, MARK_STOPPED, "ann sms", &arena), "+1 at 5");
    assert_string_equal(mark_value(store, MARK_ERRORS, "sms +1", &arena), "2 at 7");
    assert_string_equal(mark_value(store, MARK_HEARD, "sms SM1", &arena), "1 yes at 8");
    assert_string_equal(mark_value(store, MARK_STOPPED, "bob sms", &arena), "");
    assert_string_equal(mark_value(store, MARK_HEARD, "ann sms", &arena), "");
    char *text = world_text(store);
    assert_non_null(strstr(text, "mark stopped ann sms=+1 at=5\n"));
    assert_non_null(strstr(text, "mark errors sms +1=2 at=7\n"));
    assert_null(strstr(text, "heard")); /* of which there may be many */
    free(text);
    arena_clear(&arena);
}

static void test_a_mark_may_change_twice_in_a_batch(void **state)
{
    struct store *store = *state;
    struct arena arena;
    struct batch batch;
    arena_init(&arena);
    batch_begin(&batch, store);
    for (int i = 0; i < 4; i++) {
        batch_mark(&batch, (struct mark_row){.kind = MARK_ERRORS,
                                             .name = "sms +1",
                                             .value = i == 3 ? "last" : "first",
                                             .at_ms = i,
                                             .gone = i == 2});
    }
    commit_ok(&batch, store);
    assert_string_equal(mark_value(store, MARK_ERRORS, "sms +1", &arena), "last at 3");
    arena_clear(&arena);
}

static void test_idle_forgets_messages_heard_long_ago(void **state)
{
    struct store *store = *state;
    struct arena arena;
    arena_init(&arena);
    put_mark(store, MARK_HEARD, "sms SM1", "old", 1000, false);
    put_mark(store, MARK_STOPPED, "ann sms", "+1", 1000, false);
    put_mark(store, MARK_HEARD, "sms SM2", "young", 1001 + STORE_HEARD_KEEP_MS, false);
    store->ops->idle(store->self, 0);
    assert_string_equal(mark_value(store, MARK_HEARD, "sms SM1", &arena), "");
    assert_string_equal(mark_value(store, MARK_HEARD, "sms SM2", &arena), "young at 604801001");
    assert_string_equal(mark_value(store, MARK_STOPPED, "ann sms", &arena), "+1 at 1000");
    arena_clear(&arena);
}

static void on_every_store(void (*test)(void **state))
{
    static const char *const urls[] = {"memory:", "sqlite:test.db", NULL};
    /* PostgreSQL is the last kind, and may not be built in. */
    size_t count = 3 - (store_url_check("postgresql://db", NULL) != 0);
    for (size_t i = 0; i < count; i++) {
        char *folder = test_folder_make();
        char *url = urls[i] == NULL ? postgres_world_url(0) : heap_strdup(urls[i]);
        void *store = store_open_held(url, folder);
        test(&store);
        store_close(store);
        test_folder_remove(folder);
        free(url);
    }
}

static void marks_are_set_changed_and_taken_away(void **state)
{
    (void)state;
    on_every_store(test_marks_are_set_changed_and_taken_away);
}

static void a_mark_may_change_twice_in_a_batch(void **state)
{
    (void)state;
    on_every_store(test_a_mark_may_change_twice_in_a_batch);
}

static void idle_forgets_messages_heard_long_ago(void **state)
{
    (void)state;
    on_every_store(test_idle_forgets_messages_heard_long_ago);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_are_set_changed_and_taken_away),
        cmocka_unit_test(a_mark_may_change_twice_in_a_batch),
        cmocka_unit_test(idle_forgets_messages_heard_long_ago),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

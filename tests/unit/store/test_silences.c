/* Silences, in every implementation of store.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/support/postgres_world.h"
#include "tests/support/store_world.h"

static void put(struct store *store, uint64_t id, int64_t ended_at_ms)
{
    struct batch batch;
    batch_begin(&batch, store);
    batch_silence(&batch, (struct silence_row){.id = id,
                                               .match = "service=\"shop\"",
                                               .author = "ann",
                                               .reason = "deploy – ö",
                                               .from_ms = 100,
                                               .until_ms = 200,
                                               .ended_at_ms = ended_at_ms,
                                               .ended_by = ended_at_ms != 0 ? "bob" : ""});
    assert_int_equal(batch_commit(&batch, store), STORE_COMMITTED);
}

static void expect(struct store *store, const char *want)
{
    char *text = world_text(store);
    const char *at = strstr(text, "silence ");
    assert_string_equal(at == NULL ? "" : at, want);
    free(text);
}

#define LINE(id) "silence " #id " {service=\"shop\"} ann 'deploy – ö' 100..200 "

static void test_those_that_hold_come_back_and_the_last_one(void **state)
{
    struct store *store = *state;
    expect(store, "");
    put(store, 1, 0);
    put(store, 2, 0);
    put(store, 3, 0);
    put(store, 2, 150);
    expect(store, LINE(1) "ended=0 by=\n" LINE(3) "ended=0 by=\n");
    put(store, 3, 160);
    expect(store, LINE(1) "ended=0 by=\n" LINE(3) "ended=160 by=bob\n");
}

static void test_one_may_be_made_and_ended_in_a_batch(void **state)
{
    struct store *store = *state;
    struct batch batch;
    batch_begin(&batch, store);
    for (int64_t ended_at_ms = 0; ended_at_ms < 2; ended_at_ms++) {
        batch_silence(&batch, (struct silence_row){.id = 1,
                                                   .match = "a=\"b\"",
                                                   .author = "ann",
                                                   .reason = "",
                                                   .from_ms = 1,
                                                   .until_ms = 2,
                                                   .ended_at_ms = ended_at_ms,
                                                   .ended_by = ended_at_ms != 0 ? "time" : ""});
    }
    assert_int_equal(batch_commit(&batch, store), STORE_COMMITTED);
    expect(store, "silence 1 {a=\"b\"} ann '' 1..2 ended=1 by=time\n");
}

/* The last one stays, so that its number is not given again. */
static void test_idle_forgets_what_ended_long_ago(void **state)
{
    struct store *store = *state;
    put(store, 1, 0);
    put(store, 2, 150);
    put(store, 3, 150);
    store->ops->idle(store->self, 151);
    put(store, 2, 0); /* as new: it was forgotten */
    expect(store, LINE(1) "ended=0 by=\n" LINE(2) "ended=0 by=\n" LINE(3) "ended=150 by=bob\n");
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

static void those_that_hold_come_back_and_the_last_one(void **state)
{
    (void)state;
    on_every_store(test_those_that_hold_come_back_and_the_last_one);
}

static void one_may_be_made_and_ended_in_a_batch(void **state)
{
    (void)state;
    on_every_store(test_one_may_be_made_and_ended_in_a_batch);
}

static void idle_forgets_what_ended_long_ago(void **state)
{
    (void)state;
    on_every_store(test_idle_forgets_what_ended_long_ago);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_that_hold_come_back_and_the_last_one),
        cmocka_unit_test(one_may_be_made_and_ended_in_a_batch),
        cmocka_unit_test(idle_forgets_what_ended_long_ago),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Heartbeats, in every implementation of store.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "gateway/store/store_read.h"
#include "tests/support/postgres_world.h"
#include "tests/support/store_world.h"

static struct heartbeat_row row_of(const char *source, const char *key)
{
    return (struct heartbeat_row){.source = source,
                                  .key = key,
                                  .state = HEARTBEAT_FAILED,
                                  .first_at_ms = 1,
                                  .seen_at_ms = 2,
                                  .success_at_ms = 3,
                                  .started_at_ms = 4,
                                  .failed_at_ms = 5,
                                  .missed_at_ms = 6,
                                  .duration_ms = 7,
                                  .waits_from_ms = 8,
                                  .gone_at_ms = 9,
                                  .missed_count = 10,
                                  .exit_status = -1,
                                  .is_running = true,
                                  .run = "8b2c"};
}

static void put_rows(struct store *store, const struct heartbeat_row *rows, size_t count)
{
    struct batch batch;
    batch_begin(&batch, store);
    for (size_t i = 0; i < count; i++)
        batch_heartbeat(&batch, rows[i]);
    assert_int_equal(batch_commit(&batch, store), STORE_COMMITTED);
}

/* The part of the loaded world that is about heartbeats. */
static void assert_heartbeats(struct store *store, const char *want)
{
    char *text = world_text(store);
    const char *got = strstr(text, "heartbeat ");
    assert_string_equal(got == NULL ? "" : got, want);
    free(text);
}

static void test_rows_come_back_whole_and_in_order(void **state)
{
    struct store *store = *state;
    const struct heartbeat_row rows[] = {row_of("jobs", "b"), row_of("jobs", "a"),
                                         row_of("devices", "z")};
    put_rows(store, rows, 3);
    assert_heartbeats(store, "heartbeat devices z failed 1 2 3 4 5 6 7 8 9 10 -1 1 run=8b2c\n"
                             "heartbeat jobs a failed 1 2 3 4 5 6 7 8 9 10 -1 1 run=8b2c\n"
                             "heartbeat jobs b failed 1 2 3 4 5 6 7 8 9 10 -1 1 run=8b2c\n");
}

static void test_a_row_changes_and_leaves(void **state)
{
    struct store *store = *state;
    const struct heartbeat_row first[] = {row_of("jobs", "a"), row_of("jobs", "b")};
    const struct heartbeat_row changes[] = {
        {.source = "jobs", .key = "a", .state = HEARTBEAT_UP, .seen_at_ms = 20, .run = ""},
        {.source = "jobs", .key = "b", .forgotten = true},
        {.source = "jobs", .key = "none", .forgotten = true}, /* what is not there can go */
    };
    put_rows(store, first, 2);
    put_rows(store, changes, 3);
    assert_heartbeats(store, "heartbeat jobs a up 0 20 0 0 0 0 0 0 0 0 0 0 run=\n");
}

static void test_a_row_may_change_twice_in_a_batch(void **state)
{
    struct store *store = *state;
    struct heartbeat_row rows[] = {row_of("jobs", "a"), row_of("jobs", "a"), row_of("jobs", "a"),
                                   row_of("a", "jobs")};
    rows[1].forgotten = true;
    rows[2].missed_count = 99;
    put_rows(store, rows, 4);
    assert_heartbeats(store, "heartbeat a jobs failed 1 2 3 4 5 6 7 8 9 10 -1 1 run=8b2c\n"
                             "heartbeat jobs a failed 1 2 3 4 5 6 7 8 9 99 -1 1 run=8b2c\n");
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

static void rows_come_back_whole_and_in_order(void **state)
{
    (void)state;
    on_every_store(test_rows_come_back_whole_and_in_order);
}

static void a_row_changes_and_leaves(void **state)
{
    (void)state;
    on_every_store(test_a_row_changes_and_leaves);
}

static void a_row_may_change_twice_in_a_batch(void **state)
{
    (void)state;
    on_every_store(test_a_row_may_change_twice_in_a_batch);
}

/* What a reader is given behind a place in the list, as "jobs/a jobs/b ". */
static void assert_page(struct store_reader *reader, const struct heartbeat_filter *filter,
                        const char *want)
{
    struct arena arena;
    struct strbuf got;
    struct heartbeat_row *rows = NULL;
    size_t count = 0;
    struct err err = {0};
    arena_init(&arena);
    strbuf_init(&got, 4096);
    if (store_read_heartbeats(reader, filter, &arena, &rows, &count, &err) != 0)
        fail_msg("read: %s", err.text);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rows[i].missed_count, 10);
        strbuf_printf(&got, "%s/%s ", rows[i].source, rows[i].key);
    }
    assert_string_equal(strbuf_text(&got), want);
    strbuf_clear(&got);
    arena_clear(&arena);
}

static void check_pages(struct store *store, const char *url, const char *folder)
{
    const struct heartbeat_row rows[] = {row_of("jobs", "b"), row_of("jobs", "a"),
                                         row_of("devices", "z"), row_of("jobs", "c")};
    struct store_reader *reader = NULL;
    struct err err = {0};
    put_rows(store, rows, 4);
    if (store_reader_open(url, folder, &reader, &err) != 0)
        fail_msg("reader: %s", err.text);
    struct heartbeat_filter filter = {
        .source = "", .after_source = "", .after_key = "", .limit = 10};
    assert_page(reader, &filter, "devices/z jobs/a jobs/b jobs/c ");
    filter.limit = 2;
    assert_page(reader, &filter, "devices/z jobs/a ");
    filter.after_source = "jobs";
    filter.after_key = "a";
    assert_page(reader, &filter, "jobs/b jobs/c ");
    filter.source = "devices";
    assert_page(reader, &filter, "");
    filter.after_source = "";
    filter.after_key = "";
    assert_page(reader, &filter, "devices/z ");
    store_reader_close(reader);
}

static void readers_see_them_page_by_page(void **state)
{
    (void)state;
    size_t count = 2 - (store_url_check("postgresql://db", NULL) != 0);
    for (size_t i = 0; i < count; i++) {
        char *folder = test_folder_make();
        char *url = i == 0 ? heap_strdup("sqlite:test.db") : postgres_world_url(0);
        struct store *store = store_open_held(url, folder);
        check_pages(store, url, folder);
        store_close(store);
        test_folder_remove(folder);
        free(url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back_whole_and_in_order),
        cmocka_unit_test(a_row_changes_and_leaves),
        cmocka_unit_test(a_row_may_change_twice_in_a_batch),
        cmocka_unit_test(readers_see_them_page_by_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

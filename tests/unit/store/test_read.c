/* What readers get while the engine writes: committed state, whole, in order, cut at limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/store/store_read.h"
#include "gateway/system/metrics.h"
#include "tests/support/postgres_world.h"
#include "tests/support/store_world.h"

static const char *const kinds[] = {"sqlite", "postgres"};
enum { KIND_COUNT_TESTED = sizeof(kinds) / sizeof(kinds[0]) };

struct fixture {
    char *folder;
    char *url;
    struct store *store;
    struct store_reader *reader;
    struct arena arena;
};

static void commit_ok(struct batch *batch, struct store *store)
{
    assert_int_equal(batch_commit(batch, store), STORE_COMMITTED);
}

/* Incidents 1 to 6: 2 and 5 resolved and no longer live, 4 resolved and live, 6 of another policy.
 */
static void fill(struct store *store)
{
    struct batch batch;
    batch_begin(&batch, store);
    for (uint64_t i = 1; i <= 6; i++) {
        struct incident_row row = sample_incident(i);
        row.live = i != 2 && i != 5;
        row.state = i == 4 || !row.live ? INCIDENT_RESOLVED : INCIDENT_TRIGGERED;
        row.policy = i == 6 ? "plant" : "storefront";
        batch_incident(&batch, true, row);
        batch_alert(&batch, true, sample_alert(i, i % 2));
        batch_notification(&batch, sample_notification(i, 1 + i % 2));
        struct timeline_row entry = sample_timeline(1 + i % 2);
        entry.at_ms = (int64_t)i;
        batch_timeline(&batch, entry);
    }
    batch_claim(&batch, sample_claim(1, 1));
    batch_outcome(&batch, sample_outcome(1, NOTIFICATION_PENDING));
    batch_claim(&batch, sample_claim(1, 2));
    commit_ok(&batch, store);
}

static int setup(void **state)
{
    struct err err = {0};
    struct fixture *fixture = heap_alloc(sizeof(*fixture));
    bool is_sqlite = strcmp(*state, "sqlite") == 0;
    fixture->folder = test_folder_make();
    fixture->url = is_sqlite ? heap_strdup("sqlite:test.db") : postgres_world_url(0);
    arena_init(&fixture->arena);
    fixture->store = store_open_held(fixture->url, fixture->folder);
    if (store_reader_open(fixture->url, fixture->folder, &fixture->reader, &err) != 0) {
        fail_msg("%s", err.text);
    }
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    store_reader_close(fixture->reader);
    store_close(fixture->store);
    test_folder_remove(fixture->folder);
    arena_clear(&fixture->arena);
    free(fixture->url);
    free(fixture);
    return 0;
}

struct list_case {
    const char *name;
    struct incident_filter filter;
    const char *want; /* numbers, in order */
};

static void test_lists_of_incidents(void **state)
{
    static const struct list_case cases[] = {
        {"all", {.limit = 100}, "654321"},
        {"open", {.limit = 100, .open_only = true}, "631"},
        {"open, first page", {.limit = 2, .open_only = true}, "63"},
        {"open of a policy, first page",
         {.limit = 1, .policy_or_null = "storefront", .open_only = true},
         "3"},
        {"of a policy, from 5 down",
         {.limit = 9, .before = 5, .policy_or_null = "storefront"},
         "4321"},
        {"first page", {.limit = 2}, "65"},
        {"second page", {.limit = 2, .before = 5}, "43"},
        {"past the end", {.limit = 2, .before = 1}, ""},
        {"open, from 6 down", {.limit = 100, .before = 6, .open_only = true}, "31"},
        {"of a policy", {.limit = 3, .policy_or_null = "storefront"}, "543"},
        {"open of a policy", {.limit = 9, .policy_or_null = "plant", .open_only = true}, "6"},
        {"of no policy", {.limit = 9, .policy_or_null = ""}, ""},
        {"nothing asked", {.limit = 0}, ""},
        {"huge numbers", {.limit = SIZE_MAX, .before = UINT64_MAX}, "654321"},
    };
    struct fixture *fixture = *state;
    fill(fixture->store);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct incident_row *rows = NULL;
        size_t count = 0;
        struct err err = {0};
        assert_int_equal(store_read_incidents(fixture->reader, &cases[i].filter, &fixture->arena,
                                              &rows, &count, &err),
                         0);
        char got[16] = "";
        assert_true(count < sizeof(got));
        for (size_t j = 0; j < count; j++) {
            got[j] = (char)('0' + rows[j].number);
        }
        if (strcmp(got, cases[i].want) != 0) {
            fail_msg("%s: got '%s', want '%s'", cases[i].name, got, cases[i].want);
        }
    }
}

static void test_one_incident(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    struct incident_row row;
    struct strbuf got;
    struct strbuf want;
    fill(fixture->store);
    strbuf_init(&got, 65536);
    strbuf_init(&want, 65536);
    assert_int_equal(store_read_incident(fixture->reader, 1, &fixture->arena, &row, &err), 0);
    struct incident_row expected = sample_incident(1);
    dump_incident(&got, &row);
    dump_incident(&want, &expected);
    assert_string_equal(strbuf_text(&got), strbuf_text(&want));
    strbuf_clear(&got);
    strbuf_clear(&want);
    assert_int_equal(store_read_incident(fixture->reader, 7, &fixture->arena, &row, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(row.number, 1); /* untouched */
}

static void test_alerts_come_with_their_details(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    struct alert_row *rows = NULL;
    size_t count = 0;
    fill(fixture->store);
    assert_int_equal(store_read_alerts(fixture->reader, 1, 2, &fixture->arena, &rows, &count, &err),
                     0);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].id, 5);
    assert_int_equal(rows[1].id, 3);
    struct strbuf got;
    struct strbuf want;
    strbuf_init(&got, 65536);
    strbuf_init(&want, 65536);
    struct alert_row expected = sample_alert(5, 1);
    dump_alert(&got, &rows[0]);
    dump_alert(&want, &expected);
    assert_string_equal(strbuf_text(&got), strbuf_text(&want));
    strbuf_clear(&got);
    strbuf_clear(&want);
}

static void test_notifications(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    struct notification_row *rows = NULL;
    size_t count = 0;
    fill(fixture->store);
    assert_int_equal(
        store_read_notifications(fixture->reader, 2, 5, 10, &fixture->arena, &rows, &count, &err),
        0);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].id, 3);
    assert_int_equal(rows[1].id, 1);
    assert_int_equal(rows[1].state, NOTIFICATION_CLAIMED);
    assert_string_equal(rows[1].snapshot, "");
    assert_null(rows[1].body);
    assert_int_equal(
        store_read_notifications(fixture->reader, 0, 0, 4, &fixture->arena, &rows, &count, &err),
        0);
    assert_int_equal(count, 4);
    assert_int_equal(rows[0].id, 6);
    struct notification_row row;
    assert_int_equal(store_read_notification(fixture->reader, 1, &fixture->arena, &row, &err), 0);
    assert_int_equal(row.body_count, 11);
    assert_memory_equal(row.body, "hello\0there", 11);
    assert_string_equal(row.snapshot, "");
    assert_int_equal(store_read_notification(fixture->reader, 7, &fixture->arena, &row, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void test_attempts(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    struct attempt_row *rows = NULL;
    size_t count = 0;
    fill(fixture->store);
    assert_int_equal(store_read_attempts(fixture->reader, 1, &fixture->arena, &rows, &count, &err),
                     0);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].attempt, 2);
    assert_string_equal(rows[0].outcome, ""); /* under way */
    assert_int_equal(rows[0].ended_at_ms, 0);
    assert_int_equal(rows[1].attempt, 1);
    assert_string_equal(rows[1].outcome, "accepted");
    assert_string_equal(rows[1].reason, "because");
    assert_string_equal(rows[1].detail, "It went well.");
    assert_int_equal(rows[1].started_at_ms, 1700000000051);
    assert_int_equal(rows[1].ended_at_ms, 1700000000061);
    assert_int_equal(store_read_attempts(fixture->reader, 2, &fixture->arena, &rows, &count, &err),
                     0);
    assert_int_equal(count, 0);
}

static void test_timeline(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    struct timeline_row *rows = NULL;
    size_t count = 0;
    fill(fixture->store);
    assert_int_equal(
        store_read_timeline(fixture->reader, 2, 2, &fixture->arena, &rows, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].at_ms, 5); /* newest first */
    assert_int_equal(rows[1].at_ms, 3);
    const struct timeline_row want = sample_timeline(2);
    assert_int_equal(rows[0].incident, 2);
    assert_string_equal(rows[0].kind, want.kind);
    assert_string_equal(rows[0].actor, want.actor);
    assert_string_equal(rows[0].credential, want.credential);
    assert_string_equal(rows[0].text, want.text);
    assert_string_equal(rows[0].data, want.data);
}

static void test_following_the_timeline(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    struct timeline_row *rows = NULL;
    uint64_t *ids = NULL;
    size_t count = 0;
    uint64_t last = 99;
    assert_int_equal(store_read_timeline_last(fixture->reader, &last, &err), 0);
    assert_int_equal(last, 0);
    fill(fixture->store);
    int64_t seen = 0;
    do {
        assert_int_equal(store_read_timeline_after(fixture->reader, last, 4, &fixture->arena, &rows,
                                                   &ids, &count, &err),
                         0);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(rows[i].at_ms, ++seen); /* oldest first, none twice */
            assert_true(ids[i] > last);
            last = ids[i];
        }
    } while (count > 0);
    assert_int_equal(seen, 6);
    uint64_t end = 0;
    assert_int_equal(store_read_timeline_last(fixture->reader, &end, &err), 0);
    assert_int_equal(end, last);
}

static void test_limits_are_cut(void **state)
{
    struct fixture *fixture = *state;
    struct batch batch;
    batch_begin(&batch, fixture->store);
    for (int i = 0; i < STORE_READ_LIMIT_MAX + 5; i++) {
        batch_timeline(&batch, sample_timeline(1));
    }
    commit_ok(&batch, fixture->store);
    struct err err = {0};
    struct timeline_row *rows = NULL;
    size_t count = 0;
    assert_int_equal(
        store_read_timeline(fixture->reader, 1, SIZE_MAX, &fixture->arena, &rows, &count, &err), 0);
    assert_int_equal(count, STORE_READ_LIMIT_MAX);
}

static void test_readers_that_cannot_be(void **state)
{
    static const struct {
        const char *url;
        enum err_code code;
    } cases[] = {
        {"memory:", ERR_INVALID},
        {"sqlite:absent.db", ERR_NOT_FOUND},
        {"postgresql:db", ERR_INVALID},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct store_reader *reader = NULL;
        struct err err = {0};
        assert_int_equal(store_reader_open(cases[i].url, fixture->folder, &reader, &err), -1);
        assert_null(reader);
        assert_int_equal(err.code, cases[i].code);
    }
    store_reader_close(NULL);
}

static void test_silences_and_versions(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    struct batch batch;
    struct silence_row *rows = NULL;
    struct policy_row policy;
    size_t count = 0;
    batch_begin(&batch, fixture->store);
    batch_policy(&batch, (struct policy_row){.hash = "h9", .name = "shop", .text = "[policy]"});
    for (uint64_t id = 1; id <= 3; id++) {
        batch_silence(&batch, (struct silence_row){.id = id,
                                                   .match = "a=\"b\"",
                                                   .author = "ann",
                                                   .reason = "r",
                                                   .from_ms = 5,
                                                   .until_ms = 6,
                                                   .ended_at_ms = id == 2 ? 7 : 0,
                                                   .ended_by = id == 2 ? "bob" : ""});
    }
    commit_ok(&batch, fixture->store);
    assert_int_equal(
        store_read_silences(fixture->reader, true, 0, 10, &fixture->arena, &rows, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].id, 3);
    assert_int_equal(rows[1].id, 1);
    assert_int_equal(
        store_read_silences(fixture->reader, false, 3, 1, &fixture->arena, &rows, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].id, 2);
    assert_string_equal(rows[0].ended_by, "bob");
    assert_int_equal(rows[0].ended_at_ms, 7);
    assert_int_equal(store_read_policy(fixture->reader, "h9", &fixture->arena, &policy, &err), 0);
    assert_string_equal(policy.name, "shop");
    assert_string_equal(policy.text, "[policy]");
    assert_int_equal(store_read_policy(fixture->reader, "none", &fixture->arena, &policy, &err),
                     -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void test_marks(void **state)
{
    struct fixture *fixture = *state;
    struct batch batch;
    struct mark_row *rows = NULL;
    struct err err = {0};
    size_t count = 9;
    assert_int_equal(
        store_read_marks(fixture->reader, MARK_OVERRIDE, &fixture->arena, &rows, &count, &err), 0);
    assert_int_equal(count, 0);
    batch_begin(&batch, fixture->store);
    batch_mark(&batch, (struct mark_row){
                           .kind = MARK_OVERRIDE, .name = "2", .value = "{\"b\":2}", .at_ms = 20});
    batch_mark(&batch, (struct mark_row){
                           .kind = MARK_OVERRIDE, .name = "1", .value = "{\"a\":1}", .at_ms = 10});
    batch_mark(&batch, (struct mark_row){.kind = MARK_DUTY, .name = "lead", .value = "ann"});
    batch_mark(&batch, (struct mark_row){.kind = MARK_COUNTER, .name = "override", .value = "2"});
    commit_ok(&batch, fixture->store);
    assert_int_equal(
        store_read_marks(fixture->reader, MARK_OVERRIDE, &fixture->arena, &rows, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].name, "1");
    assert_string_equal(rows[0].value, "{\"a\":1}");
    assert_int_equal(rows[0].at_ms, 10);
    assert_string_equal(rows[1].name, "2");
    assert_int_equal(rows[1].kind, MARK_OVERRIDE);
    batch_begin(&batch, fixture->store);
    batch_mark(&batch,
               (struct mark_row){.kind = MARK_OVERRIDE, .name = "1", .value = "", .gone = true});
    commit_ok(&batch, fixture->store);
    assert_int_equal(
        store_read_marks(fixture->reader, MARK_OVERRIDE, &fixture->arena, &rows, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(
        store_read_marks(fixture->reader, MARK_DUTY, &fixture->arena, &rows, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].value, "ann");
}

static struct quarantine_row *read_quarantine(struct fixture *fixture, uint64_t before,
                                              size_t limit, size_t *out_count)
{
    struct quarantine_row *rows = NULL;
    struct err err = {0};
    if (store_read_quarantine(fixture->reader, before, limit, &fixture->arena, &rows, out_count,
                              &err) != 0) {
        fail_msg("%s", err.text);
    }
    return rows;
}

static void test_quarantine(void **state)
{
    static const char bytes[] = "a\0b\xff";
    struct fixture *fixture = *state;
    struct batch batch;
    size_t count = 0;
    (void)read_quarantine(fixture, 0, 10, &count); /* counted only */
    assert_int_equal(count, 0);
    batch_begin(&batch, fixture->store);
    batch_quarantine(&batch, (struct quarantine_row){.uuid = {1, [15] = 7},
                                                     .at_ms = 50,
                                                     .source = "press-line",
                                                     .origin = "topic plant/7/alarm",
                                                     .reason = "not JSON",
                                                     .bytes = bytes,
                                                     .byte_count = sizeof(bytes) - 1,
                                                     .size = 9000});
    batch_quarantine(&batch, (struct quarantine_row){.at_ms = 60, .reason = "empty", .bytes = ""});
    batch_quarantine(&batch, (struct quarantine_row){.at_ms = 70});
    commit_ok(&batch, fixture->store);
    const struct quarantine_row *rows = read_quarantine(fixture, 0, 10, &count);
    assert_int_equal(count, 3);
    assert_int_equal(rows[2].id, 1);
    assert_int_equal(rows[2].uuid[15], 7);
    assert_int_equal(rows[2].at_ms, 50);
    assert_string_equal(rows[2].source, "press-line");
    assert_string_equal(rows[2].origin, "topic plant/7/alarm");
    assert_string_equal(rows[2].reason, "not JSON");
    assert_int_equal(rows[2].byte_count, sizeof(bytes) - 1);
    assert_memory_equal(rows[2].bytes, bytes, sizeof(bytes) - 1);
    assert_int_equal(rows[2].size, 9000);
    assert_non_null(rows[1].bytes);
    assert_int_equal(rows[1].byte_count, 0);
    assert_null(rows[0].bytes);
    assert_string_equal(rows[0].source, "");
    rows = read_quarantine(fixture, 3, 1, &count);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].id, 2);
    fixture->store->ops->idle(fixture->store->self, 65);
    rows = read_quarantine(fixture, 0, 10, &count);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].id, 3);
}

static void test_quarantine_keeps_the_newest(void **state)
{
    enum { EACH = 500, BEYOND = 3 };
    struct fixture *fixture = *state;
    struct metric *cut = quarantine_cut_metric();
    int64_t before = metric_value(cut);
    for (int left = QUARANTINE_ROWS_MAX + BEYOND; left > 0; left -= EACH) {
        struct batch batch;
        batch_begin(&batch, fixture->store);
        for (int i = 0; i < EACH && i < left; i++) {
            batch_quarantine(&batch, (struct quarantine_row){.at_ms = 1, .bytes = "x"});
        }
        commit_ok(&batch, fixture->store);
    }
    size_t count = 0;
    const struct quarantine_row *rows = read_quarantine(fixture, 0, 1, &count);
    assert_int_equal(rows[0].id, QUARANTINE_ROWS_MAX + BEYOND);
    rows = read_quarantine(fixture, 10, 100, &count);
    assert_int_equal(count, 9 - BEYOND);
    assert_int_equal(rows[count - 1].id, BEYOND + 1);
    assert_int_equal(metric_value(cut) - before, BEYOND);
}

static void take_marks(struct store *store, const char *broker, unsigned char session,
                       const char *marks)
{
    struct batch batch;
    struct deliveries_row row = {
        .broker = broker, .session = {session}, .marks = marks, .mark_bytes = strlen(marks)};
    batch_begin(&batch, store);
    effects_add(&batch.effects, (struct effect){.kind = EFFECT_DELIVERIES, .u.deliveries = &row});
    commit_ok(&batch, store);
}

static void begin_session(struct store *store, const char *broker, unsigned char id,
                          const char *filters)
{
    struct batch batch;
    struct session session = {.broker = broker, .id = {id}, .filters = filters};
    batch_begin(&batch, store);
    effects_add(&batch.effects, (struct effect){.kind = EFFECT_SESSION, .u.session = &session});
    commit_ok(&batch, store);
}

static struct known_session read_session(struct fixture *fixture, const char *broker)
{
    struct known_session known = {.found = false};
    struct err err = {0};
    if (store_read_session(fixture->reader, broker, &fixture->arena, &known, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return known;
}

static void test_sessions_of_brokers(void **state)
{
    struct fixture *fixture = *state;
    assert_false(read_session(fixture, "plant").found);
    begin_session(fixture->store, "plant", 1, "a/#\nb");
    struct known_session known = read_session(fixture, "plant");
    assert_true(known.found);
    assert_int_equal(known.id[0], 1);
    assert_string_equal(known.filters, "a/#\nb");
    assert_int_equal(known.mark_count, 0);
    take_marks(fixture->store, "plant", 1, "0123456789");
    take_marks(fixture->store, "office", 9, "other-brok");
    take_marks(fixture->store, "plant", 1, "abcdefghijABCDEFGHIJ");
    known = read_session(fixture, "plant");
    assert_int_equal(known.mark_count, 3);
    assert_memory_equal(known.marks, "0123456789abcdefghijABCDEFGHIJ", 30);
    begin_session(fixture->store, "plant", 2, "c"); /* what was before it means nothing any more */
    known = read_session(fixture, "plant");
    assert_int_equal(known.id[0], 2);
    assert_string_equal(known.filters, "c");
    assert_int_equal(known.mark_count, 0);
}

static void test_old_deliveries_leave(void **state)
{
    struct fixture *fixture = *state;
    begin_session(fixture->store, "plant", 1, "");
    take_marks(fixture->store, "plant", 1, "the-oldest");
    take_marks(fixture->store, "office", 1, "is-another");
    enum { EACH = 256 };
    const struct deliveries_row row = {
        .broker = "plant", .session = {1}, .marks = "0123456789", .mark_bytes = 10};
    for (int i = 0; i < DELIVERY_ROWS_MAX; i += EACH) {
        struct batch batch;
        batch_begin(&batch, fixture->store);
        for (int j = 0; j < EACH; j++) {
            effects_add(&batch.effects,
                        (struct effect){.kind = EFFECT_DELIVERIES, .u.deliveries = &row});
        }
        commit_ok(&batch, fixture->store);
    }
    struct known_session known = read_session(fixture, "plant");
    assert_int_equal(known.mark_count, DELIVERY_ROWS_MAX);
    assert_memory_equal(known.marks, "0123456789", 10);
}

/* A reader beside the writer: every answer is a whole number of batches, and no fewer than before.
 */

enum { TWINS = 2, BATCHES = 400 };

struct writer {
    struct store *store;
    atomic_bool is_done;
};

static void *write_twins(void *self)
{
    struct writer *writer = self;
    struct err err = {0};
    struct store_meta meta;
    bool works = writer->store->ops->read_meta(writer->store->self, &meta, &err) == 0;
    for (int i = 0; i < BATCHES && works; i++) {
        struct arena arena;
        struct effects effects;
        arena_init(&arena);
        effects_init(&effects, &arena);
        const struct timeline_row row = sample_timeline(1);
        for (int twin = 0; twin < TWINS; twin++) {
            effects_add(&effects, (struct effect){.kind = EFFECT_TIMELINE, .u.timeline = &row});
        }
        const struct commit commit = {.effects = &effects, .meta = meta};
        works = writer->store->ops->commit(writer->store->self, &commit, &err) == STORE_COMMITTED;
        if (i % 50 == 0) {
            writer->store->ops->idle(writer->store->self, 0);
        }
        arena_clear(&arena);
    }
    atomic_store(&writer->is_done, true);
    return works ? self : NULL;
}

/* More rows of each kind than one statement takes, and neither a multiple of that nor of its parts. */
enum { MANY = 16 + 4 + 3 };

static void fill_many(struct store *store)
{
    struct batch batch;
    batch_begin(&batch, store);
    for (uint64_t i = 1; i <= MANY; i++) {
        struct timeline_row entry = sample_timeline(i);
        batch_event(&batch, sample_event(i));
        batch_incident(&batch, true, sample_incident(i));
        batch_alert(&batch, true, sample_alert(i, i));
        for (int64_t j = 0; j < 2; j++) {
            entry.at_ms = (int64_t)i * 2 + j;
            batch_timeline(&batch, entry);
        }
        batch_notification(&batch, sample_notification(i, i));
    }
    commit_ok(&batch, store);
    batch_begin(&batch, store);
    for (uint64_t i = 1; i <= MANY; i++) {
        batch_claim(&batch, sample_claim(i, 1));
        if (i % 3 == 0) {
            batch_outcome(&batch, sample_outcome(i, NOTIFICATION_ACCEPTED));
        }
    }
    commit_ok(&batch, store);
}

static void test_many_rows_of_one_batch(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct timeline_row *entries = NULL;
    uint64_t *ids = NULL;
    size_t count = 0;
    fill_many(f->store);
    assert_int_equal(
        store_read_timeline_after(f->reader, 0, 100, &f->arena, &entries, &ids, &count, &err), 0);
    assert_int_equal(count, 2 * MANY);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(entries[i].at_ms, i + 2); /* in the order given */
    }
    for (uint64_t i = 1; i <= MANY; i++) {
        struct incident_row incident;
        struct alert_row *alerts = NULL;
        struct notification_row notification;
        struct attempt_row *attempts = NULL;
        assert_int_equal(store_read_incident(f->reader, i, &f->arena, &incident, &err), 0);
        assert_int_equal(incident.uuid[0], i);
        assert_int_equal(store_read_alerts(f->reader, i, 5, &f->arena, &alerts, &count, &err), 0);
        assert_int_equal(count, 1);
        assert_int_equal(alerts[0].id, i);
        assert_int_equal(store_read_notification(f->reader, i, &f->arena, &notification, &err), 0);
        assert_int_equal(notification.state,
                         i % 3 == 0 ? NOTIFICATION_ACCEPTED : NOTIFICATION_CLAIMED);
        assert_int_equal(store_read_attempts(f->reader, i, &f->arena, &attempts, &count, &err), 0);
        assert_int_equal(count, 1);
        assert_int_equal(attempts[0].ended_at_ms != 0, i % 3 == 0);
    }
}

static void test_reading_while_writing(void **state)
{
    struct fixture *fixture = *state;
    struct writer writer = {.store = fixture->store};
    pthread_t thread;
    atomic_init(&writer.is_done, false);
    assert_int_equal(pthread_create(&thread, NULL, write_twins, &writer), 0);
    size_t before = 0;
    bool is_done = false;
    while (!is_done) {
        is_done = atomic_load(&writer.is_done); /* then one more look */
        struct err err = {0};
        struct timeline_row *rows = NULL;
        size_t count = 0;
        arena_reset(&fixture->arena);
        if (store_read_timeline(fixture->reader, 1, STORE_READ_LIMIT_MAX, &fixture->arena, &rows,
                                &count, &err) != 0) {
            fail_msg("%s", err.text);
        }
        assert_int_equal(count % TWINS, 0);
        assert_true(count >= before);
        before = count;
    }
    void *result = NULL;
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_non_null(result);
    assert_int_equal(before, TWINS * BATCHES);
}

static const struct {
    const char *name;
    CMUnitTestFunction run;
} cases[] = {
#define CASE(function)                                                                             \
    {                                                                                              \
#function, function                                                                        \
    }
    CASE(test_lists_of_incidents),
    CASE(test_one_incident),
    CASE(test_alerts_come_with_their_details),
    CASE(test_notifications),
    CASE(test_attempts),
    CASE(test_timeline),
    CASE(test_following_the_timeline),
    CASE(test_limits_are_cut),
    CASE(test_quarantine),
    CASE(test_silences_and_versions),
    CASE(test_marks),
    CASE(test_sessions_of_brokers),
    CASE(test_old_deliveries_leave),
    CASE(test_quarantine_keeps_the_newest),
    CASE(test_readers_that_cannot_be),
    CASE(test_many_rows_of_one_batch),
    CASE(test_reading_while_writing),
};
enum { CASE_COUNT = sizeof(cases) / sizeof(cases[0]) };

int main(void)
{
    static struct CMUnitTest tests[KIND_COUNT_TESTED * CASE_COUNT];
    static char names[KIND_COUNT_TESTED * CASE_COUNT][96];
    /* PostgreSQL is the last kind, and may not be built in. */
    size_t kind_count = KIND_COUNT_TESTED - (store_url_check("postgresql://db", NULL) != 0);
    for (size_t i = 0; i < kind_count * CASE_COUNT; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "%s: %s", kinds[i / CASE_COUNT],
                       cases[i % CASE_COUNT].name);
        tests[i] = (struct CMUnitTest){
            .name = names[i],
            .test_func = cases[i % CASE_COUNT].run,
            .setup_func = setup,
            .teardown_func = teardown,
            .initial_state = (void *)(uintptr_t)kinds[i / CASE_COUNT],
        };
    }
    return _cmocka_run_group_tests("read", tests, kind_count * CASE_COUNT, NULL, NULL);
}

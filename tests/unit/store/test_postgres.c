/* PostgreSQL: what happens to a batch when the server, the connection or the lease goes away at the
 * worst moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cut_proxy.h"
#include "tests/support/postgres_world.h"
#include "tests/support/store_world.h"

enum { LEASE_MS = 60000, SHORT_LEASE_MS = 1000 };

struct fixture {
    char *url;
    struct store *store;
};

static bool lease(struct store *store, int64_t lease_ms)
{
    struct err err = {0};
    bool held = false;
    if (store->ops->lease(store->self, lease_ms, &held, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return held;
}

static struct store *open_store(const char *url)
{
    struct store *store = NULL;
    struct err err = {0};
    if (store_open(url, "", &store, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return store;
}

static int setup(void **state)
{
    struct fixture *fixture = heap_alloc(sizeof(*fixture));
    fixture->url = postgres_world_url(0);
    fixture->store = open_store(fixture->url);
    assert_true(lease(fixture->store, LEASE_MS));
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    store_close(fixture->store);
    free(fixture->url);
    free(fixture);
    return 0;
}

static enum store_verdict commit_incident(struct store *store, uint64_t number)
{
    struct batch batch;
    batch_begin(&batch, store);
    batch_incident(&batch, true, sample_incident(number));
    batch_event(&batch, sample_event(number));
    batch_timeline(&batch, sample_timeline(number));
    return batch_commit(&batch, store);
}

/* batch_begin reads the store, which a broken connection would not survive: the counters of before
 * do as well. */
static enum store_verdict commit_blind(struct store *store, const struct store_meta *meta,
                                       uint64_t number)
{
    struct batch batch = {.meta = *meta};
    arena_init(&batch.arena);
    effects_init(&batch.effects, &batch.arena);
    batch_incident(&batch, true, sample_incident(number));
    batch_event(&batch, sample_event(number));
    return batch_commit(&batch, store);
}

static struct store_meta meta_of(struct store *store)
{
    struct store_meta meta = {0};
    struct err err = {0};
    if (store->ops->read_meta(store->self, &meta, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return meta;
}

static int64_t count_incidents(const struct fixture *fixture)
{
    return postgres_world_run(fixture->url, "SELECT count(*) FROM incidents");
}

/* Refusals of the server. */

struct refusal {
    const char *sqlstate;
    bool at_commit;
    enum store_verdict want;
};

/* A trigger of the test's own raises what a real server raises when it cannot go on. */
static void test_what_the_server_says_becomes_a_verdict(void **state)
{
    static const struct refusal cases[] = {
        {"40001", false, STORE_BUSY},   {"40P01", false, STORE_BUSY},
        {"40001", true, STORE_BUSY},    {"55P03", false, STORE_BUSY},
        {"57014", false, STORE_BUSY},   {"25006", false, STORE_BUSY},
        {"53100", false, STORE_FULL},   {"53100", true, STORE_FULL},
        {"53200", false, STORE_FULL},   {"58030", false, STORE_BROKEN},
        {"58030", true, STORE_BROKEN},  {"XX001", false, STORE_BROKEN},
        {"XX002", true, STORE_BROKEN},  {"23505", false, STORE_BROKEN},
        {"42501", false, STORE_BROKEN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char sql[512];
        char *url = postgres_world_url(0);
        struct store *store = open_store(url);
        assert_true(lease(store, LEASE_MS));
        assert_int_equal(commit_incident(store, 1), STORE_COMMITTED);
        (void)snprintf(sql, sizeof(sql),
                       "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'no' "
                       "USING ERRCODE = "
                       "'%s'; END $$ LANGUAGE plpgsql; CREATE CONSTRAINT TRIGGER refuse AFTER "
                       "INSERT ON events "
                       "DEFERRABLE INITIALLY %s FOR EACH ROW EXECUTE FUNCTION refuse()",
                       cases[i].sqlstate, cases[i].at_commit ? "DEFERRED" : "IMMEDIATE");
        (void)postgres_world_run(url, sql); /* DDL has no number */
        char *before = world_text(store);
        enum store_verdict got = commit_incident(store, 2);
        if (got != cases[i].want) {
            fail_msg("%s%s: got %s, want %s", cases[i].sqlstate,
                     cases[i].at_commit ? " at commit" : "", store_verdict_name(got),
                     store_verdict_name(cases[i].want));
        }
        (void)postgres_world_run(url, "DROP TRIGGER refuse ON events"); /* as above */
        char *after = world_text(store);
        assert_string_equal(before, after);
        assert_int_equal(commit_incident(store, 2),
                         cases[i].want == STORE_BROKEN ? STORE_BROKEN : STORE_COMMITTED);
        free(before);
        free(after);
        store_close(store);
        free(url);
    }
}

static void test_a_lock_of_somebody_else_is_busy(void **state)
{
    struct fixture *fixture = *state;
    struct store_meta meta = meta_of(fixture->store);
    PGconn *other = PQconnectdb(fixture->url);
    PQclear(PQexec(other, "BEGIN"));
    PQclear(PQexec(other, "SELECT epoch FROM lease FOR UPDATE"));
    assert_int_equal(commit_blind(fixture->store, &meta, 1), STORE_BUSY);
    PQclear(PQexec(other, "ROLLBACK"));
    PQfinish(other);
    assert_int_equal(count_incidents(fixture), 0);
    assert_int_equal(commit_incident(fixture->store, 1), STORE_COMMITTED);
}

/* The connection is cut. */

struct cut_case {
    const char *name;
    enum cut cut;
    const char *word;
    bool refuse;
    enum store_verdict want;
    int64_t incidents; /* afterwards */
};

static void check_cut(const struct cut_case *c)
{
    struct cut_proxy *proxy = cut_proxy_start(postgres_world_port());
    char *url = postgres_world_url(cut_proxy_port(proxy));
    char *direct = postgres_world_url_again(url, 0);
    struct store *store = open_store(url);
    assert_true(lease(store, LEASE_MS));
    assert_int_equal(commit_incident(store, 1), STORE_COMMITTED);
    struct store_meta meta = meta_of(store);
    cut_proxy_at(proxy, c->cut, c->word, 0, c->refuse);
    enum store_verdict got = commit_blind(store, &meta, 2);
    if (got != c->want) {
        fail_msg("%s: got %s, want %s", c->name, store_verdict_name(got),
                 store_verdict_name(c->want));
    }
    cut_proxy_at(proxy, CUT_NONE, NULL, 0, false);
    cut_proxy_allow(proxy);
    /* While nobody answers, the load fails; afterwards it tells what was committed, and that is
     * final. */
    struct err err;
    const int64_t deadline = 200;
    int64_t tries = 0;
    while (store->ops->read_meta(store->self, &meta, &err) != 0 && tries < deadline) {
        postgres_world_await(direct, "SELECT 1", 1);
        tries++;
    }
    free(world_text(store));
    if (postgres_world_run(direct, "SELECT count(*) FROM incidents") != c->incidents) {
        fail_msg("%s: another number of incidents than %lld", c->name, (long long)c->incidents);
    }
    assert_int_equal(postgres_world_run(direct, "SELECT count(*) FROM events"), c->incidents);
    assert_int_equal(commit_incident(store, 3), STORE_COMMITTED);
    store_close(store);
    cut_proxy_stop(proxy);
    free(direct);
    free(url);
}

static void test_a_cut_around_commit(void **state)
{
    static const struct cut_case cases[] = {
        {"COMMIT is lost", CUT_BEFORE, "COMMIT", false, STORE_BUSY, 1},
        {"COMMIT is lost, and nobody to ask", CUT_BEFORE, "COMMIT", true, STORE_UNKNOWN, 1},
        {"its answer is lost", CUT_AFTER, "COMMIT", false, STORE_COMMITTED, 2},
        {"its answer is lost, and nobody to ask", CUT_AFTER, "COMMIT", true, STORE_UNKNOWN, 2},
        {"the batch is lost", CUT_BEFORE, "BEGIN", false, STORE_BUSY, 1},
        {"the answer to the batch is lost", CUT_AFTER, "BEGIN", false, STORE_BUSY, 1},
        {"no answer to the batch", CUT_STALL, "BEGIN", false, STORE_BUSY, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_cut(&cases[i]);
    }
}

/* At every place of what the client sends: whatever the verdict, a batch is in whole or not at all.
 */
static void test_a_cut_anywhere(void **state)
{
    struct cut_proxy *proxy = cut_proxy_start(postgres_world_port());
    char *url = postgres_world_url(cut_proxy_port(proxy));
    char *direct = postgres_world_url_again(url, 0);
    struct store *store = open_store(url);
    int64_t committed = 0;
    int cuts = 0;
    (void)state;
    for (size_t bytes = 1; bytes < 8000; bytes += 397) {
        assert_true(lease(store, LEASE_MS));
        struct store_meta meta = meta_of(store);
        cut_proxy_at(proxy, CUT_BYTES, NULL, bytes, false);
        enum store_verdict verdict = commit_blind(store, &meta, (uint64_t)bytes);
        cut_proxy_at(proxy, CUT_NONE, NULL, 0, false);
        assert_true(verdict == STORE_COMMITTED || verdict == STORE_BUSY);
        committed += verdict == STORE_COMMITTED;
        cuts += verdict == STORE_BUSY;
        assert_int_equal(postgres_world_run(direct, "SELECT count(*) FROM incidents"), committed);
        assert_int_equal(postgres_world_run(direct, "SELECT count(*) FROM events"), committed);
        free(world_text(store));
    }
    assert_true(cuts > 5);
    store_close(store);
    cut_proxy_stop(proxy);
    free(direct);
    free(url);
}

/* The server is killed in the middle of commits. */

struct killer {
    int kills;
};

static void *kill_server(void *self)
{
    const struct killer *killer = self;
    for (int i = 0; i < killer->kills; i++) {
        postgres_world_await_server();
        postgres_world_crash();
    }
    return NULL;
}

static void test_the_server_is_killed(void **state)
{
    struct fixture *fixture = *state;
    struct killer killer = {.kills = 4};
    pthread_t thread;
    bool committed[4096] = {false};
    bool possible[4096] = {false};
    uint64_t number = 0;
    struct store_meta meta = meta_of(fixture->store);
    assert_int_equal(pthread_create(&thread, NULL, kill_server, &killer), 0);
    int refused = 0;
    while (refused < 50 && number < 4000) {
        number++;
        enum store_verdict verdict = commit_blind(fixture->store, &meta, number);
        assert_true(verdict == STORE_COMMITTED || verdict == STORE_BUSY ||
                    verdict == STORE_UNKNOWN);
        committed[number] = verdict == STORE_COMMITTED;
        possible[number] = committed[number] || verdict == STORE_UNKNOWN;
        refused += verdict != STORE_COMMITTED;
        if (verdict != STORE_COMMITTED) {
            postgres_world_await_server(); /* as the engine waits before it goes on */
        }
        if (verdict == STORE_COMMITTED && number % 64 == 0 &&
            pthread_tryjoin_np(thread, NULL) == 0) {
            thread = 0;
            break;
        }
    }
    if (thread != 0) {
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    postgres_world_await_server();
    for (uint64_t i = 1; i <= number; i++) {
        char sql[96];
        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM incidents WHERE number = %llu",
                       (unsigned long long)i);
        int64_t found = postgres_world_run(fixture->url, sql);
        if ((committed[i] && found != 1) || (!possible[i] && found != 0)) {
            fail_msg("batch %llu: committed %d, possible %d, found %lld", (unsigned long long)i,
                     committed[i], possible[i], (long long)found);
        }
    }
    assert_true(refused > 0);
}

/* The lease. */

static void test_a_deposed_engine_commits_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct store *first = open_store(fixture->url);
    struct store *second = open_store(fixture->url);
    store_close(fixture->store); /* which leaves the lease to the others */
    fixture->store = second;
    assert_true(lease(first, SHORT_LEASE_MS));
    assert_false(lease(second, LEASE_MS));
    uint64_t epoch = meta_of(first).epoch;
    assert_int_equal(commit_incident(first, 1), STORE_COMMITTED);
    struct store_meta meta = meta_of(first);
    struct err err = {0};
    const struct store_sink nowhere = {.self = NULL};
    assert_int_equal(second->ops->load(second->self, &nowhere, &err), -1);
    assert_int_equal(commit_blind(second, &meta, 9), STORE_LEASE_LOST);

    postgres_world_await(fixture->url,
                         "SELECT (until_ms < (extract(epoch FROM clock_timestamp()) * "
                         "1000)::bigint)::int FROM lease",
                         1);
    assert_true(lease(second, LEASE_MS));
    assert_int_equal(meta_of(second).epoch, epoch + 1);
    char *before = world_text(second);
    assert_int_equal(commit_blind(first, &meta, 2), STORE_LEASE_LOST);
    meta.epoch++; /* nor under the other's epoch */
    assert_int_equal(commit_blind(first, &meta, 2), STORE_LEASE_LOST);
    first->ops->idle(first->self, INT64_MAX);
    assert_int_equal(first->ops->load(first->self, &nowhere, &err), -1);
    assert_false(lease(first, LEASE_MS));
    char *after = world_text(second);
    assert_string_equal(before, after);
    assert_int_equal(commit_incident(second, 2), STORE_COMMITTED);
    free(before);
    free(after);
    store_close(first); /* releases nothing that is not its own */
    assert_true(lease(second, LEASE_MS));
    assert_int_equal(commit_incident(second, 3), STORE_COMMITTED);
}

/* Two nodes start on an empty schema. */

static void *open_one(void *url)
{
    struct store *store = NULL;
    return store_open(url, "", &store, NULL) == 0 ? store : NULL;
}

static void test_nodes_that_start_together_migrate_once(void **state)
{
    enum { NODES = 4 };
    char *url = postgres_world_url(0);
    pthread_t threads[NODES];
    int held = 0;
    (void)state;
    for (int i = 0; i < NODES; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, open_one, url), 0);
    }
    for (int i = 0; i < NODES; i++) {
        void *store = NULL;
        assert_int_equal(pthread_join(threads[i], &store), 0);
        assert_non_null(store);
        held += lease(store, LEASE_MS);
        if (i > 0) {
            store_close(store);
        } else {
            threads[0] = (pthread_t)(uintptr_t)store;
        }
    }
    assert_int_equal(held, 1);
    store_close((struct store *)(uintptr_t)threads[0]);
    free(url);
}

/* Inbox. */

enum { APPENDERS = 3, APPENDS = 60 };

struct appender {
    atomic_int *running;
    char *url;
    unsigned char number;
};

static void *append_many(void *self)
{
    const struct appender *appender = self;
    struct store *store = open_one(appender->url);
    int appended = 0;
    for (int i = 0; i < APPENDS && store != NULL; i++) {
        struct store_inbox_item items[2] = {{.bytes = "x", .count = 1}, {.bytes = "y", .count = 1}};
        for (int j = 0; j < 2; j++) {
            items[j].id[0] = appender->number;
            items[j].id[14] = (unsigned char)i;
            items[j].id[15] = (unsigned char)j;
        }
        appended += store->ops->inbox_append(store->self, items, 2, NULL) == 0;
    }
    store_close(store);
    (void)atomic_fetch_sub(appender->running, 1); /* read by the other side */
    return appended == APPENDS ? self : NULL;
}

static void test_items_of_several_nodes_are_taken_once(void **state)
{
    struct fixture *fixture = *state;
    static bool seen[APPENDERS][APPENDS][2];
    struct appender appenders[APPENDERS];
    pthread_t threads[APPENDERS];
    int total = 0;
    atomic_int running;
    memset(seen, 0, sizeof(seen));
    atomic_init(&running, APPENDERS);
    for (int i = 0; i < APPENDERS; i++) {
        appenders[i] =
            (struct appender){.running = &running, .url = fixture->url, .number = (unsigned char)i};
        assert_int_equal(pthread_create(&threads[i], NULL, append_many, &appenders[i]), 0);
    }
    for (bool more = true; more;) {
        bool is_last = atomic_load(&running) == 0; /* then one more look */
        struct arena arena;
        struct err err = {0};
        struct store_inbox_item *items = NULL;
        size_t count = 0;
        arena_init(&arena);
        assert_int_equal(fixture->store->ops->inbox_take(fixture->store->self, 0, 7, &arena, &items,
                                                         &count, &err),
                         0);
        for (size_t i = 0; i < count; i++) {
            bool *one = &seen[items[i].id[0]][items[i].id[14]][items[i].id[15]];
            assert_false(*one);
            *one = true;
        }
        total += (int)count;
        more = !is_last || count > 0;
        struct batch batch;
        batch_begin(&batch, fixture->store);
        uint64_t applied[7];
        for (size_t i = 0; i < count; i++) {
            applied[i] = items[i].sequence;
        }
        batch.applied = applied;
        batch.applied_count = count;
        assert_int_equal(batch_commit(&batch, fixture->store), STORE_COMMITTED);
        arena_clear(&arena);
    }
    for (int i = 0; i < APPENDERS; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_non_null(result);
    }
    assert_int_equal(total, APPENDERS * APPENDS * 2);
    assert_int_equal(postgres_world_run(fixture->url, "SELECT count(*) FROM inbox"), 0);
}

/* Batches. */

/* More than fits into any buffer between us and the server, both ways. */
static void test_a_large_batch(void **state)
{
    enum { ALERTS = 400, DETAIL_BYTES = 65536 };
    struct fixture *fixture = *state;
    struct batch batch;
    char *details = heap_alloc(DETAIL_BYTES + 1);
    memset(details, 'd', DETAIL_BYTES);
    batch_begin(&batch, fixture->store);
    for (uint64_t i = 1; i <= ALERTS; i++) {
        struct alert_row row = sample_alert(i, 1);
        row.details = details;
        batch_alert(&batch, true, row);
        batch_timeline(&batch, sample_timeline(1));
    }
    assert_int_equal(batch_commit(&batch, fixture->store), STORE_COMMITTED);
    assert_int_equal(postgres_world_run(fixture->url, "SELECT sum(length(details)) FROM alerts"),
                     (int64_t)ALERTS * DETAIL_BYTES);
    free(details);
}

static void test_text_that_is_no_utf8_is_repaired(void **state)
{
    struct fixture *fixture = *state;
    struct batch batch;
    batch_begin(&batch, fixture->store);
    struct incident_row row = sample_incident(1);
    row.title = "a\xff"
                "b\xc3";
    batch_incident(&batch, true, row);
    assert_int_equal(batch_commit(&batch, fixture->store), STORE_COMMITTED);
    assert_int_equal(
        postgres_world_run(fixture->url,
                           "SELECT count(*) FROM incidents WHERE title = E'a\\uFFFDb\\uFFFD'"),
        1);
}

/* The same random batches, full of rows touched again and again, on this store and on the one in
 * memory. */

struct model {
    uint32_t random;
    uint64_t incidents, alerts, notifications;
    uint64_t group_of[64];    /* incident that has the group open; 0: none */
    bool is_open[512];        /* of an incident */
    bool is_unfinished[2048]; /* of a notification */
    int64_t attempt[2048];
};

static uint32_t pick(struct model *model, uint32_t below)
{
    model->random = model->random * 1664525U + 1013904223U;
    return (model->random >> 8) % below;
}

static const char *group_text(uint64_t group)
{
    static char texts[64][8];
    (void)snprintf(texts[group], sizeof(texts[group]), "g%llu", (unsigned long long)group);
    return texts[group];
}

static void step_incident(struct model *model, struct batch *both[2])
{
    uint64_t group = pick(model, 8);
    uint64_t number = model->group_of[group];
    bool insert = number == 0;
    if (insert) {
        number = ++model->incidents;
    }
    struct incident_row row = sample_incident(number);
    row.group_key = group_text(group);
    row.slip_count = pick(model, 100);
    bool closes = !insert && pick(model, 3) == 0;
    row.state = closes ? INCIDENT_RESOLVED : INCIDENT_ACKNOWLEDGED;
    row.live = !closes || pick(model, 2) == 0;
    model->group_of[group] = closes ? 0 : number;
    for (int i = 0; i < 2; i++) {
        batch_incident(both[i], insert, row);
    }
}

static void step_alert(struct model *model, struct batch *both[2])
{
    bool insert = model->alerts == 0 || pick(model, 2) == 0;
    struct alert_row row =
        sample_alert(insert ? ++model->alerts : 1 + pick(model, (uint32_t)model->alerts),
                     1 + pick(model, (uint32_t)model->incidents));
    row.count = pick(model, 1000);
    row.firing = pick(model, 2) == 0;
    row.text_unchanged = !insert && pick(model, 2) == 0;
    row.summary = pick(model, 2) == 0 ? "one" : "two";
    for (int i = 0; i < 2; i++) {
        batch_alert(both[i], insert, row);
    }
}

static void step_notification(struct model *model, struct batch *both[2])
{
    uint64_t id = model->notifications == 0 ? 0 : 1 + pick(model, (uint32_t)model->notifications);
    if (id == 0 || !model->is_unfinished[id] || pick(model, 4) == 0) {
        struct notification_row row = sample_notification(
            ++model->notifications, 1 + pick(model, (uint32_t)model->incidents));
        model->is_unfinished[model->notifications] = true;
        for (int i = 0; i < 2; i++) {
            batch_notification(both[i], row);
        }
        return;
    }
    if (pick(model, 2) == 0) {
        struct claim_row claim = sample_claim(id, ++model->attempt[id]);
        for (int i = 0; i < 2; i++) {
            batch_claim(both[i], claim);
        }
        return;
    }
    static const enum notification_state states[] = {NOTIFICATION_PENDING, NOTIFICATION_ACCEPTED,
                                                     NOTIFICATION_FAILED};
    struct outcome_row outcome = sample_outcome(id, states[pick(model, 3)]);
    outcome.provider_id = pick(model, 2) == 0 ? "SM" : "";
    model->is_unfinished[id] = outcome.state == NOTIFICATION_PENDING;
    for (int i = 0; i < 2; i++) {
        batch_outcome(both[i], outcome);
    }
}

static void test_random_batches_as_in_memory(void **state)
{
    struct fixture *fixture = *state;
    struct store *memory = NULL;
    assert_int_equal(store_memory_open(&memory, NULL), 0);
    struct model *model = heap_alloc(sizeof(*model));
    model->random = 20260301;
    for (int i = 0; i < 60; i++) {
        struct batch ours;
        struct batch theirs;
        struct batch *both[2] = {&ours, &theirs};
        batch_begin(&ours, fixture->store);
        batch_begin(&theirs, memory);
        for (uint32_t steps = 1 + pick(model, 24); steps > 0; steps--) {
            uint32_t which = model->incidents == 0 ? 0 : pick(model, 4);
            (which == 0 ? step_incident : which == 1 ? step_alert : step_notification)(model, both);
        }
        assert_int_equal(batch_commit(&theirs, memory), STORE_COMMITTED);
        assert_int_equal(batch_commit(&ours, fixture->store), STORE_COMMITTED);
        char *got = world_text(fixture->store);
        char *want = world_text(memory);
        assert_string_equal(got, want);
        free(got);
        free(want);
    }
    free(model);
    store_close(memory);
}

/* Known from the load, from a commit, and to a store that has done neither: always the same answer. */

static uint64_t find(struct store *store, const char *key)
{
    struct err err = {0};
    uint64_t found = 99;
    if (store->ops->find_alert(store->self, "shop", key, &found, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return found;
}

static void test_alerts_that_are_over_are_found(void **state)
{
    struct fixture *fixture = *state;
    free(world_text(fixture->store));
    struct batch batch;
    batch_begin(&batch, fixture->store);
    for (uint64_t i = 1; i <= 2; i++) {
        struct alert_row alert = sample_alert(i, i);
        alert.key = i == 1 ? "one" : "two";
        batch_incident(&batch, true, sample_incident(i));
        batch_alert(&batch, true, alert);
    }
    assert_int_equal(batch_commit(&batch, fixture->store), STORE_COMMITTED);
    assert_int_equal(find(fixture->store, "one"), 0);
    struct incident_row over = sample_incident(1);
    over.state = INCIDENT_RESOLVED;
    over.live = false;
    batch_begin(&batch, fixture->store);
    batch_incident(&batch, false, over);
    assert_int_equal(batch_commit(&batch, fixture->store), STORE_COMMITTED);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(find(fixture->store, "one"), 1);
        assert_int_equal(find(fixture->store, "two"), 0);
        assert_int_equal(find(fixture->store, "three"), 0);
        free(world_text(fixture->store));
    }
    struct store *other = open_store(fixture->url);
    assert_int_equal(find(other, "one"), 1);
    assert_int_equal(find(other, "two"), 0);
    store_close(other);
}

/* URLs. */

static void test_urls(void **state)
{
    static const struct {
        const char *url;
        const char *want; /* NULL: good */
    } cases[] = {
        {"postgresql://u@db/escalated", NULL},
        {"postgres://u:p@db1:5432,db2:5433/escalated?sslmode=verify-full", NULL},
        {"postgresql://db/x?connect_timeout=5", NULL},
        {"postgresql://db/x?connect_timeout=0", "connect_timeout: got 0, want 2..30"},
        {"postgresql://u:hush@db/x?no_such_option=1", "no valid PostgreSQL URL"},
        {"postgresql://u:hush@db/%zz", "no valid PostgreSQL URL"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = {0};
        assert_int_equal(store_url_check(cases[i].url, &err), cases[i].want == NULL ? 0 : -1);
        assert_true(cases[i].want == NULL || strstr(err.text, cases[i].want) != NULL);
        assert_null(strstr(err.text, "hush"));
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_the_server_says_becomes_a_verdict),
        TEST(test_a_lock_of_somebody_else_is_busy),
        TEST(test_a_cut_around_commit),
        TEST(test_a_cut_anywhere),
        TEST(test_the_server_is_killed),
        TEST(test_a_deposed_engine_commits_nothing),
        TEST(test_nodes_that_start_together_migrate_once),
        TEST(test_items_of_several_nodes_are_taken_once),
        TEST(test_a_large_batch),
        TEST(test_text_that_is_no_utf8_is_repaired),
        TEST(test_random_batches_as_in_memory),
        TEST(test_alerts_that_are_over_are_found),
        TEST(test_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

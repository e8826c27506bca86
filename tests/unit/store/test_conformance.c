/* The same cases against every implementation of store.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/postgres_world.h"
#include "tests/support/store_kinds.h"

/* Incident 1 with alert 1 and notification 1. */
static void fill(struct store *store)
{
    struct batch batch;
    batch_begin(&batch, store);
    batch_incident(&batch, true, sample_incident(1));
    batch_alert(&batch, true, sample_alert(1, 1));
    batch_notification(&batch, sample_notification(1, 1));
    batch_policy(&batch, sample_policy("hash-1"));
    commit_ok(&batch, store);
}

static void assert_world(struct store *store, const char *want)
{
    char *got = world_text(store);
    assert_string_equal(got, want);
    free(got);
}

static void assert_world_same(struct store *store, char *before)
{
    assert_world(store, before);
    free(before);
}

static const char *notification_text(struct store *store, uint64_t id, struct strbuf *buf)
{
    struct arena arena;
    struct err err = {0};
    struct stored_notification item;
    arena_init(&arena);
    if (store_notification(store, id, &arena, &item, &err) != 0) {
        fail_msg("%s", err.text);
    }
    strbuf_reset(buf);
    dump_notification(buf, &item.row);
    arena_clear(&arena);
    return strbuf_text(buf);
}

static void assert_notification(struct store *store, const struct notification_row *want)
{
    struct strbuf got_text;
    struct strbuf want_text;
    strbuf_init(&got_text, 65536);
    strbuf_init(&want_text, 65536);
    (void)notification_text(store, want->id, &got_text); /* read below */
    dump_notification(&want_text, want);
    assert_int_equal(got_text.length, want_text.length);
    assert_memory_equal(got_text.data, want_text.data, want_text.length);
    strbuf_clear(&got_text);
    strbuf_clear(&want_text);
}

static void test_new_store_counts_from_one(void **state)
{
    struct store *store = store_of(state);
    struct store_meta meta = {0};
    struct err err = {0};
    assert_world(store, "meta time=0 incident=1 notification=1 alert=1\n");
    assert_int_equal(store->ops->read_meta(store->self, &meta, &err), 0);
    assert_int_equal(meta.epoch, 1);
    assert_true(store_has_room(store));
}

static void test_every_field_comes_back(void **state)
{
    struct store *store = store_of(state);
    struct batch batch;
    batch_begin(&batch, store);
    batch.meta.engine_time_ms = 1700000000099;
    batch.meta.next_incident = 3;
    batch.meta.next_notification = 4;
    batch.meta.next_alert = 5;
    struct incident_row second = sample_incident(2);
    second.state = INCIDENT_HELD;
    second.severity = SEVERITY_INFO;
    second.priority_set = second.known = second.cleared = false;
    struct strbuf want;
    strbuf_init(&want, 65536);
    strbuf_add(&want, "meta time=1700000000099 incident=3 notification=4 alert=5\n");
    strbuf_add(&want, "policy hash-1 storefront [policy storefront]\n\n");
    struct incident_row first = sample_incident(1);
    dump_incident(&want, &first);
    dump_incident(&want, &second);
    struct alert_row alert = sample_alert(4, 1);
    alert.details = alert.links = "";
    dump_alert(&want, &alert);
    struct notification_row notification = sample_notification(3, 2);
    notification.snapshot = "";
    dump_notification(&want, &notification);

    batch_policy(&batch, sample_policy("hash-1"));
    batch_policy(&batch, sample_policy("hash-of-nobody"));
    batch_notification(&batch, sample_notification(3, 2)); /* before its incident: any order goes */
    batch_incident(&batch, true, second);
    batch_incident(&batch, true, first);
    batch_alert(&batch, true, sample_alert(4, 1));
    batch_event(&batch, sample_event(1));
    batch_timeline(&batch, sample_timeline(1));
    commit_ok(&batch, store);
    assert_world(store, strbuf_text(&want));
    strbuf_clear(&want);
    notification = sample_notification(3, 2);
    assert_notification(store, &notification);
}

static void test_absent_text_may_be_null(void **state)
{
    struct store *store = store_of(state);
    struct batch batch;
    batch_begin(&batch, store);
    batch_incident(&batch, true, (struct incident_row){.number = 1, .live = true, .group_key = ""});
    batch_alert(&batch, true, (struct alert_row){.id = 1, .incident = 1});
    batch_notification(&batch, (struct notification_row){.id = 1, .incident = 1, .key = ""});
    batch_timeline(&batch, (struct timeline_row){.incident = 1});
    batch_event(&batch, (struct event_row){.incident = 1});
    batch_quarantine(&batch, (struct quarantine_row){.at_ms = 1}); /* no part of the world */
    commit_ok(&batch, store);
    free(world_text(store));
}

static void test_incident_update_keeps_its_identity(void **state)
{
    struct store *store = store_of(state);
    fill(store);
    struct incident_row want = sample_incident(1);
    want.state = INCIDENT_ACKNOWLEDGED;
    want.severity = SEVERITY_WARNING;
    want.policy_hash = "hash-2";
    want.title = "t";
    want.priority = 5;
    want.priority_set = false;
    want.opened_at_ms = 1;
    want.acked_at_ms = 2;
    want.resolved_at_ms = 3;
    want.owner = "bob";
    want.ack_until_ms = 4;
    want.eta_at_ms = 5;
    want.slip_count = 0;
    want.known = want.cleared = false;
    want.cause = "";
    want.linked = 0;
    want.firing_count = 0;
    want.next_due_at_ms = 0;
    want.ladder = "{}";
    want.repliers = "";
    want.mark = "";
    want.flap = "1700000000002 3 1700000000001";
    want.talks = "";
    want.fields = "";
    want.updated_at_ms = 9;
    struct incident_row given = want;
    given.policy = "another";
    given.group_key = "another";
    memset(given.uuid, 0xee, sizeof(given.uuid));
    struct batch batch;
    batch_begin(&batch, store);
    batch_incident(&batch, false, given);
    commit_ok(&batch, store);
    char *got = world_text(store);
    struct strbuf line;
    strbuf_init(&line, 65536);
    dump_incident(&line, &want);
    assert_non_null(strstr(got, strbuf_text(&line)));
    strbuf_clear(&line);
    free(got);
}

static void test_incident_moves_to_another_group(void **state)
{
    struct store *store = store_of(state);
    struct batch batch;
    struct incident_row first = sample_incident(1);
    struct incident_row second = sample_incident(2);
    fill(store);
    batch_begin(&batch, store);
    batch_incident(&batch, true, second);
    commit_ok(&batch, store);
    first.policy = "another";
    first.group_key = second.group_key; /* the same group, but of another policy */
    struct incident_row given = first;
    given.moved = true;
    batch_begin(&batch, store);
    batch_incident(&batch, false, given);
    commit_ok(&batch, store);
    char *got = world_text(store);
    struct strbuf line;
    strbuf_init(&line, 65536);
    dump_incident(&line, &first);
    assert_non_null(strstr(got, strbuf_text(&line)));
    strbuf_clear(&line);
    free(got);
    /* What it left is free again, what it took is not. */
    struct incident_row third = sample_incident(1);
    third.number = 3;
    batch_begin(&batch, store);
    batch_incident(&batch, true, third);
    commit_ok(&batch, store);
    third.number = 4;
    third.policy = first.policy;
    third.group_key = first.group_key;
    batch_begin(&batch, store);
    batch_incident(&batch, true, third);
    assert_int_equal(batch_commit(&batch, store), STORE_BROKEN);
}

static uint64_t found_alert(struct store *store, const char *source, const char *key)
{
    struct err err = {0};
    uint64_t incident = 99;
    assert_int_equal(store->ops->find_alert(store->self, source, key, &incident, &err), 0);
    return incident;
}

static int64_t closed_at(struct store *store, uint64_t number)
{
    struct err err = {0};
    struct arena arena;
    struct incident_row row;
    bool found = false;
    int64_t at_ms = 0;
    arena_init(&arena);
    assert_int_equal(store->ops->closed(store->self, number, &arena, &row, &found, &err), 0);
    if (found) {
        assert_int_equal(row.number, number);
        assert_false(row.live);
        assert_string_equal(row.title, sample_incident(number).title);
        assert_string_equal(row.owner, sample_incident(number).owner);
        at_ms = row.resolved_at_ms;
    }
    arena_clear(&arena);
    return at_ms;
}

static void add_keyed(struct store *store, uint64_t number, const char *key)
{
    struct batch batch;
    struct alert_row alert = sample_alert(number, number);
    alert.source = "shop";
    alert.key = key;
    batch_begin(&batch, store);
    batch_incident(&batch, true, sample_incident(number));
    batch_alert(&batch, true, alert);
    commit_ok(&batch, store);
}

static void close_one(struct store *store, uint64_t number)
{
    struct batch batch;
    struct incident_row over = sample_incident(number);
    over.state = INCIDENT_RESOLVED;
    over.resolved_at_ms = (int64_t)number;
    over.live = false;
    batch_begin(&batch, store);
    batch_incident(&batch, false, over);
    commit_ok(&batch, store);
}

static void test_alerts_of_closed_incidents_are_found_by_key(void **state)
{
    struct store *store = store_of(state);
    add_keyed(store, 1, "k");
    add_keyed(store, 2, "other");
    assert_int_equal(found_alert(store, "shop", "k"), 0); /* still live */
    assert_int_equal(closed_at(store, 2), 0);
    close_one(store, 1);
    close_one(store, 2);
    assert_int_equal(found_alert(store, "shop", "k"), 1);
    assert_int_equal(found_alert(store, "shop", "other"), 2);
    assert_int_equal(closed_at(store, 2), 2);
    assert_int_equal(closed_at(store, 9), 0);
    assert_int_equal(found_alert(store, "shop", "none"), 0);
    assert_int_equal(found_alert(store, "bakery", "k"), 0);
    add_keyed(store, 3, "k");
    assert_int_equal(found_alert(store, "shop", "k"), 1);
    close_one(store, 3);
    assert_int_equal(found_alert(store, "shop", "k"), 3);
    store->ops->idle(store->self, 1800000000000); /* all of it is past keeping */
    assert_int_equal(found_alert(store, "shop", "k"), 0);
    assert_int_equal(found_alert(store, "shop", "other"), 0);
}

struct alert_case {
    const char *name;
    bool firing;
    bool text_unchanged;
    int64_t last_at_ms;
    int64_t resolved_at_ms;
    uint64_t count;
    enum severity severity;
};

static void test_alert_updates(void **state)
{
    static const struct alert_case cases[] = {
        {"one more", true, true, 100, 0, 14, SEVERITY_ERROR},
        {"one more, worse", true, true, 101, 0, 15, SEVERITY_CRITICAL},
        {"resolved", false, true, 102, 102, 15, SEVERITY_CRITICAL},
        {"fires again", true, true, 103, 0, 16, SEVERITY_CRITICAL},
        {"new texts", true, false, 104, 0, 17, SEVERITY_INFO},
    };
    struct store *store = store_of(state);
    fill(store);
    struct alert_row want = sample_alert(1, 1);
    want.details = want.links = ""; /* load leaves them out */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        want.firing = cases[i].firing;
        want.last_at_ms = cases[i].last_at_ms;
        want.resolved_at_ms = cases[i].resolved_at_ms;
        want.count = cases[i].count;
        want.severity = cases[i].severity;
        struct alert_row given = want;
        given.text_unchanged = cases[i].text_unchanged;
        given.summary = given.labels = given.details = given.links = "new";
        if (!given.text_unchanged) {
            want.summary = want.labels = "new";
        }
        struct batch batch;
        batch_begin(&batch, store);
        batch_alert(&batch, false, given);
        commit_ok(&batch, store);
        char *got = world_text(store);
        struct strbuf line;
        strbuf_init(&line, 65536);
        dump_alert(&line, &want);
        if (strstr(got, strbuf_text(&line)) == NULL) {
            fail_msg("%s: got %swant %s", cases[i].name, got, strbuf_text(&line));
        }
        strbuf_clear(&line);
        free(got);
    }
}

static void test_only_live_or_unfinished_is_loaded(void **state)
{
    struct store *store = store_of(state);
    struct batch batch;
    struct incident_row over = sample_incident(1);
    over.live = false;
    over.state = INCIDENT_RESOLVED;
    batch_begin(&batch, store);
    batch_policy(&batch, sample_policy("hash-1"));
    batch_incident(&batch, true, over);
    batch_alert(&batch, true, sample_alert(1, 1));
    for (uint64_t i = 0; i < NOTIFICATION_STATE_COUNT; i++) {
        struct notification_row row = sample_notification(i + 1, i % 2);
        row.state = (enum notification_state)i;
        row.ended_at_ms = i > NOTIFICATION_CLAIMED ? 5 : 0;
        batch_notification(&batch, row);
    }
    commit_ok(&batch, store);
    struct strbuf want;
    strbuf_init(&want, 65536);
    strbuf_add(&want, "meta time=0 incident=1 notification=1 alert=1\n");
    for (uint64_t i = NOTIFICATION_PENDING; i <= NOTIFICATION_CLAIMED; i++) {
        struct notification_row row = sample_notification(i + 1, i % 2);
        row.state = (enum notification_state)i;
        row.snapshot = "";
        dump_notification(&want, &row);
    }
    assert_world(store, strbuf_text(&want));
    strbuf_clear(&want);
}

static void test_same_group_may_open_again(void **state)
{
    struct store *store = store_of(state);
    fill(store);
    struct incident_row first = sample_incident(1);
    struct incident_row second = sample_incident(2);
    first.state = INCIDENT_RESOLVED;
    second.group_key = first.group_key;
    struct batch batch;
    batch_begin(&batch, store);
    batch_incident(&batch, false, first);
    batch_incident(&batch, true, second);
    commit_ok(&batch, store);
}

static void test_claims(void **state)
{
    struct store *store = store_of(state);
    fill(store);
    struct notification_row want = sample_notification(1, 1);
    struct claim_row claim = sample_claim(1, 1);
    struct batch batch;
    batch_begin(&batch, store);
    batch_claim(&batch, claim);
    commit_ok(&batch, store);
    want.state = NOTIFICATION_CLAIMED;
    want.attempt_count = 1;
    want.body = claim.body;
    want.body_count = claim.body_count;
    want.body_hash = claim.body_hash;
    want.content_type = claim.content_type;
    want.subject = claim.subject;
    want.snapshot = ""; /* the body has taken its place */
    assert_notification(store, &want);

    /* The second attempt sends the stored bytes. */
    claim.attempt = 2;
    claim.body = NULL;
    claim.body_hash = claim.content_type = claim.subject = "";
    struct outcome_row outcome = sample_outcome(1, NOTIFICATION_PENDING);
    outcome.outcome = OUTCOME_TEMPORARY;
    batch_begin(&batch, store);
    batch_outcome(&batch, outcome);
    batch_claim(&batch, claim);
    commit_ok(&batch, store);
    want.attempt_count = 2;
    want.reason = outcome.reason;
    want.next_at_ms = outcome.next_at_ms;
    want.digest = outcome.digest;
    want.admitted = outcome.admitted;
    assert_notification(store, &want);
}

struct outcome_case {
    enum notification_state state;
    bool is_live;
    bool has_ended;
};

static void check_outcome(struct store *store, uint64_t number, const struct outcome_case *want)
{
    struct incident_row incident = sample_incident(number);
    incident.live = want->is_live;
    struct notification_row row = sample_notification(number, number);
    struct outcome_row outcome = sample_outcome(number, want->state);
    outcome.provider_id = "SM1";
    struct batch batch;
    batch_begin(&batch, store);
    batch_incident(&batch, true, incident);
    batch_notification(&batch, row);
    batch_claim(&batch, sample_claim(number, 1));
    commit_ok(&batch, store);
    batch_begin(&batch, store);
    batch_outcome(&batch, outcome);
    commit_ok(&batch, store);
    const struct claim_row claim = sample_claim(number, 1);
    row.state = want->state;
    row.reason = outcome.reason;
    row.next_at_ms = outcome.next_at_ms;
    row.attempt_count = 1;
    row.provider_id = "SM1";
    row.body_hash = claim.body_hash;
    row.content_type = claim.content_type;
    row.subject = claim.subject;
    row.snapshot = ""; /* the body has taken its place */
    row.ended_at_ms = want->has_ended ? outcome.at_ms : 0;
    if (!want->has_ended) { /* what has ended keeps them as they were */
        row.digest = outcome.digest;
        row.admitted = outcome.admitted;
    }
    row.body = want->has_ended ? NULL : claim.body;
    row.body_count = want->has_ended ? 0 : claim.body_count;
    assert_notification(store, &row);
}

static void test_outcomes(void **state)
{
    static const struct outcome_case cases[] = {
        {NOTIFICATION_PENDING, true, false},   {NOTIFICATION_CLAIMED, true, false},
        {NOTIFICATION_ACCEPTED, true, true},   {NOTIFICATION_ACCEPTED, false, true},
        {NOTIFICATION_DELIVERED, true, true},  {NOTIFICATION_FAILED, true, true},
        {NOTIFICATION_CANCELLED, false, true}, {NOTIFICATION_EXPIRED, true, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_outcome(store_of(state), i + 1, &cases[i]);
    }
}

static void test_receipt_finds_its_notification(void **state)
{
    struct store *store = store_of(state);
    fill(store);
    struct batch batch;
    struct outcome_row outcome = sample_outcome(1, NOTIFICATION_ACCEPTED);
    outcome.provider_id = "SM1";
    batch_begin(&batch, store);
    batch_outcome(&batch, outcome);
    commit_ok(&batch, store);
    static const struct {
        const char *channel;
        const char *provider_id;
        int want;
    } cases[] = {{"sms", "SM1", 0}, {"sms", "SM2", -1}, {"email", "SM1", -1}, {"sms", "", -1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t id = 0;
        struct err err = {0};
        assert_int_equal(store->ops->find_provider_id(store->self, cases[i].channel,
                                                      cases[i].provider_id, &id, &err),
                         cases[i].want);
        assert_int_equal(id, cases[i].want == 0 ? 1 : 0);
        assert_int_equal(err.code, cases[i].want == 0 ? ERR_NONE : ERR_NOT_FOUND);
    }
    /* The next outcome does not name it again: it stays. */
    batch_begin(&batch, store);
    batch_outcome(&batch, sample_outcome(1, NOTIFICATION_DELIVERED));
    commit_ok(&batch, store);
    uint64_t id = 0;
    struct err err = {0};
    assert_int_equal(store->ops->find_provider_id(store->self, "sms", "SM1", &id, &err), 0);
}

static void assert_details(struct store *store, uint64_t id, const char *details, const char *links)
{
    struct arena arena;
    struct err err = {0};
    struct stored_notification item;
    arena_init(&arena);
    assert_int_equal(store_notification(store, id, &arena, &item, &err), 0);
    assert_string_equal(item.details, details);
    assert_string_equal(item.links, links);
    arena_clear(&arena);
}

static void test_details_come_from_the_oldest_firing_alert(void **state)
{
    struct store *store = store_of(state);
    struct alert_row first = sample_alert(1, 1);
    struct alert_row second = sample_alert(2, 1);
    struct alert_row foreign = sample_alert(3, 2);
    first.details = "{\"n\":1}";
    second.key = "disk/2";
    second.details = "{\"n\":2}";
    second.links = "";
    foreign.key = "disk/3";
    struct batch batch;
    batch_begin(&batch, store);
    batch_incident(&batch, true, sample_incident(1));
    batch_notification(&batch, sample_notification(1, 1));
    batch_notification(&batch, sample_notification(2, 9));
    batch_alert(&batch, true, foreign);
    commit_ok(&batch, store);
    assert_details(store, 1, "", "");
    assert_details(store, 2, "", "");
    batch_begin(&batch, store);
    batch_alert(&batch, true, first);
    batch_alert(&batch, true, second);
    commit_ok(&batch, store);
    assert_details(store, 1, "{\"n\":1}", first.links);
    first.firing = false;
    batch_begin(&batch, store);
    batch_alert(&batch, false, first);
    commit_ok(&batch, store);
    assert_details(store, 1, "{\"n\":2}", "");
    second.firing = false;
    batch_begin(&batch, store);
    batch_alert(&batch, false, second);
    commit_ok(&batch, store);
    assert_details(store, 1, "{\"n\":1}", first.links);
}

static void test_unknown_notification_is_not_found(void **state)
{
    static const uint64_t ids[] = {0, 2, UINT64_MAX};
    struct store *store = store_of(state);
    fill(store);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct arena arena;
        struct err err = {0};
        struct stored_notification item = {.details = NULL};
        arena_init(&arena);
        assert_int_equal(store_notification(store, ids[i], &arena, &item, &err), -1);
        assert_int_equal(err.code, ERR_NOT_FOUND);
        assert_null(item.details);
        arena_clear(&arena);
    }
}

static void test_many_are_read_in_the_order_asked_for(void **state)
{
    static const uint64_t ids[] = {1, 99, 1};
    struct stored_notification items[3];
    struct store *store = store_of(state);
    struct arena arena;
    struct err err = {0};
    fill(store);
    arena_init(&arena);
    assert_int_equal(store->ops->notifications(store->self, ids, 3, &arena, items, &err), 0);
    assert_true(items[0].found);
    assert_int_equal(items[0].row.id, 1);
    assert_false(items[1].found);
    assert_true(items[2].found);
    assert_string_equal(items[2].row.key, items[0].row.key);
    assert_string_equal(items[2].details, items[0].details);
    arena_clear(&arena);
}

static void test_policy_is_stored_once(void **state)
{
    struct store *store = store_of(state);
    fill(store);
    struct policy_row again = sample_policy("hash-1");
    again.text = "changed";
    struct batch batch;
    char *before = world_text(store);
    batch_begin(&batch, store);
    batch_policy(&batch, again);
    commit_ok(&batch, store);
    assert_world_same(store, before);
}

static void test_old_epoch_changes_nothing(void **state)
{
    struct store *store = store_of(state);
    fill(store);
    char *before = world_text(store);
    struct batch batch;
    batch_begin(&batch, store);
    batch.meta.epoch++;
    batch.meta.next_incident = 77;
    batch_incident(&batch, true, sample_incident(2));
    assert_int_equal(batch_commit(&batch, store), STORE_LEASE_LOST);
    assert_world_same(store, before);
    batch_begin(&batch, store);
    batch_incident(&batch, true, sample_incident(2));
    commit_ok(&batch, store);
}

static void add_impossible(struct batch *batch, size_t which)
{
    switch (which) {
    case 0:
        batch_incident(batch, false, sample_incident(9));
        break;
    case 1:
        batch_alert(batch, false, sample_alert(9, 1));
        break;
    case 2:
        batch_claim(batch, sample_claim(9, 1));
        break;
    case 3:
        batch_outcome(batch, sample_outcome(9, NOTIFICATION_FAILED));
        break;
    case 4:
        batch_outcome(batch, sample_outcome(9, NOTIFICATION_PENDING));
        break;
    case 5:
        batch_incident(batch, true, sample_incident(1));
        break;
    case 6:
        batch_alert(batch, true, sample_alert(1, 1));
        break;
    case 7:
        batch_notification(batch, sample_notification(1, 1));
        break;
    case 8: { /* a group that is open already */
        struct incident_row row = sample_incident(2);
        row.group_key = sample_incident(1).group_key;
        batch_incident(batch, true, row);
        break;
    }
    default: { /* a key that is still to be sent */
        struct notification_row row = sample_notification(2, 1);
        row.key = sample_notification(1, 1).key;
        batch_notification(batch, row);
        break;
    }
    }
}

static void test_a_row_that_cannot_be_is_broken(void **state)
{
    enum { IMPOSSIBLE = 10 };
    struct store_kinds_fixture *fixture = *state;
    for (size_t i = 0; i < IMPOSSIBLE; i++) {
        char file[32];
        (void)snprintf(file, sizeof(file), "sqlite:%zu.db", i);
        bool is_sqlite = strcmp(fixture->kind->name, "sqlite") == 0;
        char *url = is_sqlite                    ? heap_strdup(file)
                    : fixture->kind->url == NULL ? postgres_world_url(0)
                                                 : heap_strdup(fixture->url);
        struct store *store = store_open_held(url, fixture->folder);
        fill(store);
        struct batch batch;
        batch_begin(&batch, store);
        add_impossible(&batch, i);
        assert_int_equal(batch_commit(&batch, store), STORE_BROKEN);
        /* Nothing is repeated, whatever comes. */
        batch_begin(&batch, store);
        batch_event(&batch, sample_event(1));
        assert_int_equal(batch_commit(&batch, store), STORE_BROKEN);
        store_close(store);
        free(url);
    }
}

/* What has ended may come again under the same key; what is over leaves its group to the next. */
static void test_keys_are_free_again_at_the_end(void **state)
{
    struct store *store = store_of(state);
    fill(store);
    struct notification_row again = sample_notification(1, 1);
    struct incident_row incident = sample_incident(1);
    const char *group_key = incident.group_key;
    const char *key = again.key;
    for (uint64_t i = 1; i <= 200; i++) {
        struct batch batch;
        batch_begin(&batch, store);
        batch_outcome(&batch, sample_outcome(i, NOTIFICATION_CANCELLED));
        incident = sample_incident(i);
        incident.state = INCIDENT_RESOLVED;
        batch_incident(&batch, false, incident);
        again = sample_notification(i + 1, 1);
        again.key = key;
        batch_notification(&batch, again);
        incident = sample_incident(i + 1);
        incident.group_key = group_key;
        batch_incident(&batch, true, incident);
        commit_ok(&batch, store);
    }
}

static void test_an_empty_body_is_a_body(void **state)
{
    struct store *store = store_of(state);
    fill(store);
    struct claim_row claim = sample_claim(1, 1);
    claim.body = "";
    claim.body_count = 0;
    struct batch batch;
    batch_begin(&batch, store);
    batch_claim(&batch, claim);
    commit_ok(&batch, store);
    struct arena arena;
    struct err err = {0};
    struct stored_notification item;
    arena_init(&arena);
    assert_int_equal(store_notification(store, 1, &arena, &item, &err), 0);
    assert_non_null(item.row.body);
    assert_int_equal(item.row.body_count, 0);
    arena_clear(&arena);
}

static void test_a_store_made_to_fail_gives_every_verdict(void **state)
{
    struct store_kinds_fixture *fixture = *state;
    struct err err = {0};
    struct store *store = NULL;
    assert_int_equal(store_faulty_wrap(fixture->store, &store, &err), 0);
    fixture->store = store; /* closes both */
    uint64_t number = 0;
    for (int verdict = STORE_BUSY; verdict < STORE_VERDICT_COUNT; verdict++) {
        for (int applied = 0; applied <= 1; applied++) {
            char *before = world_text(store);
            struct batch batch;
            store_fail_commit(store, 2, (enum store_verdict)verdict, applied != 0);
            batch_begin(&batch, store);
            commit_ok(&batch, store);
            batch_begin(&batch, store);
            batch_incident(&batch, true, sample_incident(++number));
            assert_int_equal(batch_commit(&batch, store), verdict);
            char *after = world_text(store);
            assert_int_equal(strcmp(before, after) != 0, applied);
            free(before);
            free(after);
            batch_begin(&batch, store);
            batch_incident(&batch, true, sample_incident(++number));
            commit_ok(&batch, store);
        }
    }
    struct store_meta meta;
    assert_int_equal(store->ops->read_meta(store->self, &meta, &err), 0);
    assert_true(store_has_room(store));
    assert_string_equal(store_verdict_name(STORE_LEASE_LOST), "lease lost");
}

static void test_idle_deletes_what_is_old(void **state)
{
    struct store *store = store_of(state);
    struct batch batch;
    batch_begin(&batch, store);
    for (uint64_t i = 1; i <= 4; i++) {
        struct incident_row row = sample_incident(i);
        row.opened_at_ms = (int64_t)i * 10;
        row.resolved_at_ms = (int64_t)i * 10 + 5;
        row.state = i == 2 ? INCIDENT_TRIGGERED : INCIDENT_RESOLVED;
        row.live = i == 2;
        struct notification_row notification = sample_notification(i, i);
        notification.state = NOTIFICATION_FAILED;
        notification.ended_at_ms = 1;
        batch_incident(&batch, true, row);
        batch_alert(&batch, true, sample_alert(i, i));
        batch_notification(&batch, notification);
    }
    commit_ok(&batch, store);
    char *before = world_text(store);
    for (int i = 0; i < 3; i++) {
        store->ops->idle(store->self, 36);
    }
    static const bool gone[] = {true, false, true, false};
    for (uint64_t i = 1; i <= 4; i++) {
        struct arena arena;
        struct stored_notification item;
        struct err err = {0};
        arena_init(&arena);
        assert_int_equal(store_notification(store, i, &arena, &item, &err), gone[i - 1] ? -1 : 0);
        arena_clear(&arena);
    }
    assert_world_same(store, before);
}

static void test_urls(void **state)
{
    static const struct {
        const char *url;
        const char *want;
    } cases[] = {
        {"sqlite:", "want sqlite:FILE or postgresql://USER@HOST/DATABASE"},
        {"", "want sqlite:FILE or postgresql:"},
        {"memory", "want sqlite:FILE or postgresql:"},
        {"postgresql:db", "want sqlite:FILE or postgresql:"},
        {"postgresql://u:secret@127.0.0.1:1/db", ""},
        {"sqlite:no/such/folder/x.db", "no/such/folder/x.db"},
    };
    struct store_kinds_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct store *store = NULL;
        struct err err = {0};
        assert_int_equal(store_open(cases[i].url, fixture->folder, &store, &err), -1);
        assert_null(store);
        assert_non_null(strstr(err.text, cases[i].want));
        assert_null(strstr(err.text, "secret"));
    }
}

static const struct store_case cases[] = {
    STORE_CASE(test_new_store_counts_from_one),
    STORE_CASE(test_every_field_comes_back),
    STORE_CASE(test_absent_text_may_be_null),
    STORE_CASE(test_incident_update_keeps_its_identity),
    STORE_CASE(test_alert_updates),
    STORE_CASE(test_only_live_or_unfinished_is_loaded),
    STORE_CASE(test_same_group_may_open_again),
    STORE_CASE(test_claims),
    STORE_CASE(test_outcomes),
    STORE_CASE(test_receipt_finds_its_notification),
    STORE_CASE(test_details_come_from_the_oldest_firing_alert),
    STORE_CASE(test_unknown_notification_is_not_found),
    STORE_CASE(test_many_are_read_in_the_order_asked_for),
    STORE_CASE(test_policy_is_stored_once),
    STORE_CASE(test_old_epoch_changes_nothing),
    STORE_CASE(test_a_row_that_cannot_be_is_broken),
    STORE_CASE(test_keys_are_free_again_at_the_end),
    STORE_CASE(test_an_empty_body_is_a_body),
    STORE_CASE(test_a_store_made_to_fail_gives_every_verdict),
    STORE_CASE(test_incident_moves_to_another_group),
    STORE_CASE(test_alerts_of_closed_incidents_are_found_by_key),
    STORE_CASE(test_idle_deletes_what_is_old),
    STORE_CASE(test_urls),
};

int main(void)
{
    return store_kinds_run("conformance", cases, sizeof(cases) / sizeof(cases[0]));
}

/* Offers, claims, results, retries, and what refused commits and restarts do to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/engine/rig.h"

static int setup(void **state)
{
    struct rig *rig = heap_alloc(sizeof(*rig));
    rig_init(rig);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    rig_clear(*state);
    free(*state);
    return 0;
}

static struct notification_row row_of(struct rig *rig, uint64_t id)
{
    struct stored_notification item;
    assert_int_equal(store_notification(rig->store, id, &rig->arena, &item, NULL), 0);
    return item.row;
}

static void a_page_is_claimed_and_accepted(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "blog");
    struct notification_row row = row_of(rig, 1);
    assert_int_equal(row.state, NOTIFICATION_ACCEPTED);
    assert_int_equal(row.attempt_count, 1);
    assert_int_equal(strlen(row.body_hash), 64);
    assert_null(row.body);
    rig_receipt(rig, 1, true);
    assert_int_equal(row_of(rig, 1).state, NOTIFICATION_DELIVERED);
}

static void temporary_failures_are_tried_as_often_as_the_channel_says(void **state)
{
    struct rig *rig = *state;
    static const struct channel_rule rules[4] = {{.attempts_max = 4, .horizon_ms = 1800000},
                                                 {.attempts_max = 1, .horizon_ms = 1800000},
                                                 {.attempts_max = 1, .horizon_ms = 1800000},
                                                 {.attempts_max = 1, .horizon_ms = 1800000}};
    rig->book.channel_rules = rules;
    rig->outcomes[0] = OUTCOME_TEMPORARY;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "blog");
    rig_run(rig, 300);
    struct notification_row row = row_of(rig, 1);
    assert_int_equal(row.state, NOTIFICATION_FAILED);
    assert_int_equal(row.attempt_count, 4);
    assert_string_equal(row.reason, "rig");
}

static void past_the_horizon_nothing_is_tried(void **state)
{
    struct rig *rig = *state;
    static const struct channel_rule rules[4] = {{.attempts_max = 100, .horizon_ms = 60000},
                                                 {.attempts_max = 1},
                                                 {.attempts_max = 1},
                                                 {.attempts_max = 1}};
    rig->book.channel_rules = rules;
    rig->outcomes[0] = OUTCOME_TEMPORARY;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "blog");
    rig_run(rig, 61);
    assert_int_equal(row_of(rig, 1).state, NOTIFICATION_EXPIRED);
    int64_t attempts = row_of(rig, 1).attempt_count;
    assert_true(attempts >= 2);
    rig->outcomes[0] = OUTCOME_ACCEPTED;
    rig_run(rig, 7200);
    assert_int_equal(row_of(rig, 1).attempt_count, attempts);
}

static void an_unknown_outcome_is_tried_again_with_the_same_bytes(void **state)
{
    struct rig *rig = *state;
    rig->outcomes[0] = OUTCOME_UNKNOWN;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "blog");
    const char *hash = row_of(rig, 1).body_hash;
    assert_int_equal(row_of(rig, 1).state, NOTIFICATION_PENDING);
    rig->outcomes[0] = OUTCOME_ACCEPTED;
    rig_run(rig, 30);
    assert_int_equal(row_of(rig, 1).state, NOTIFICATION_ACCEPTED);
    assert_int_equal(row_of(rig, 1).attempt_count, 2);
    assert_string_equal(row_of(rig, 1).body_hash, hash);
}

static void nothing_starts_after_an_ack(void **state)
{
    struct rig *rig = *state;
    rig->holds_offers = true;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "blog");
    rig_say(rig, "bob", 1, VERB_ACK);
    assert_int_equal(row_of(rig, 1).state, NOTIFICATION_CANCELLED);
    struct input prepared = {.kind = INPUT_PREPARED,
                             .actor = "delivery",
                             .u.prepared = {.notification = 1,
                                            .ready = true,
                                            .reason = "",
                                            .body = "body",
                                            .body_count = 4,
                                            .content_type = "",
                                            .subject = ""}};
    rig->orders[0].offered = false;
    rig->orders[0].ready = true;
    rig_apply(rig, &prepared, 1);
    assert_false(rig->orders[0].ready); /* dropped */
    assert_int_equal(rig->start_count, 0);
}

static void a_claimed_page_runs_out_but_is_not_repeated(void **state)
{
    struct rig *rig = *state;
    rig->holds_results = true;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "blog");
    assert_int_equal(row_of(rig, 1).state, NOTIFICATION_CLAIMED);
    assert_false(rig->orders[0].recalled);
    rig_say(rig, "carol", 1, VERB_ACK);
    assert_int_equal(row_of(rig, 1).state, NOTIFICATION_CLAIMED);
    assert_true(rig->orders[0].recalled); /* for the case that it has not begun */
    struct input result = {.kind = INPUT_RESULT,
                           .actor = "delivery",
                           .u.result = {.notification = 1,
                                        .attempt = 1,
                                        .outcome = OUTCOME_TEMPORARY,
                                        .reason = "x",
                                        .detail = "",
                                        .provider_id = ""}};
    rig_apply(rig, &result, 1);
    assert_int_equal(row_of(rig, 1).state, NOTIFICATION_CANCELLED);
    rig_apply(rig, &result, 1); /* late: ignored */
    assert_int_equal(row_of(rig, 1).state, NOTIFICATION_CANCELLED);
}

static void not_now_is_offered_again_at_its_time(void **state)
{
    struct rig *rig = *state;
    rig->holds_offers = true;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "blog");
    struct input busy = {.kind = INPUT_PREPARED,
                         .actor = "delivery",
                         .u.prepared = {.notification = 1,
                                        .retry_at_ms = rig->now_ms + 7000,
                                        .reason = "",
                                        .content_type = "",
                                        .subject = ""}};
    rig->orders[0].offered = false;
    rig_apply(rig, &busy, 1);
    rig->holds_offers = false;
    assert_int_equal(engine_next_due_ms(rig->engine), rig->now_ms + 7000);
    rig_run(rig, 6);
    assert_int_equal(rig->start_count, 0);
    rig_run(rig, 1);
    assert_int_equal(rig->start_count, 1);
}

static void what_cannot_be_rendered_fails(void **state)
{
    struct rig *rig = *state;
    rig->holds_offers = true;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "blog");
    (void)rig_log(rig);
    struct input failed = {.kind = INPUT_PREPARED,
                           .actor = "delivery",
                           .u.prepared = {.notification = 1,
                                          .failed = true,
                                          .reason = "template",
                                          .content_type = "",
                                          .subject = ""}};
    rig_apply(rig, &failed, 1);
    assert_int_equal(row_of(rig, 1).state, NOTIFICATION_FAILED);
    assert_string_equal(rig_log(rig),
                        "0 not-sent\n0 unreached\n0 fallback\n0 page fallback bob sms\n");
}

static void claims_of_an_earlier_process_are_unknown(void **state)
{
    struct rig *rig = *state;
    rig->holds_results = true;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "blog");
    assert_int_equal(row_of(rig, 1).state, NOTIFICATION_CLAIMED);
    const char *key = row_of(rig, 1).key;
    rig_restart(rig);
    rig->holds_results = false;
    rig_run(rig, 5);
    struct notification_row row = row_of(rig, 1);
    assert_int_equal(row.state, NOTIFICATION_ACCEPTED);
    assert_int_equal(row.attempt_count, 2);
    assert_string_equal(row.key, key);
}

static void a_silent_claim_is_given_up(void **state)
{
    struct rig *rig = *state;
    rig->holds_results = true;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "blog");
    rig->holds_results = false;
    rig_run(rig, 89);
    assert_int_equal(row_of(rig, 1).state, NOTIFICATION_CLAIMED);
    rig_run(rig, 5);
    assert_int_equal(row_of(rig, 1).state, NOTIFICATION_ACCEPTED);
    assert_int_equal(row_of(rig, 1).attempt_count, 2);
}

static void credits_bound_the_offers_and_the_worst_go_first(void **state)
{
    struct rig *rig = *state;
    enum { MANY = OUTBOX_CREDITS_PER_LANE + 10 };
    char key[16];
    rig->checks_reload = false;
    rig->sources[0].incidents_max = 1000;
    rig->holds_offers = true;
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        rig_event(rig, EVENT_TRIGGER, arena_strdup(&rig->arena, key), SEVERITY_INFO, "blog");
    }
    assert_int_equal(rig->order_count, OUTBOX_CREDITS_PER_LANE);
    rig_event(rig, EVENT_TRIGGER, "worst", SEVERITY_CRITICAL, "blog");
    assert_int_equal(rig->order_count, OUTBOX_CREDITS_PER_LANE);
    struct input busy = {.kind = INPUT_PREPARED,
                         .actor = "delivery",
                         .u.prepared = {.notification = 1,
                                        .retry_at_ms = rig->now_ms + 60000,
                                        .reason = "",
                                        .content_type = "",
                                        .subject = ""}};
    rig_apply(rig, &busy, 1);
    assert_int_equal(rig->order_count, OUTBOX_CREDITS_PER_LANE + 1);
    assert_int_equal(rig->orders[OUTBOX_CREDITS_PER_LANE].notification, MANY + 1);
}

static void refusals_leave_no_timers_behind(void **state)
{
    struct rig *rig = *state;
    struct engine_counts before, after;
    rig->checks_reload = false;
    rig->holds_offers = true;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_INFO, "blog");
    engine_counts(rig->engine, &before);
    for (int i = 0; i < 500; i++) {
        struct input busy = {.kind = INPUT_PREPARED,
                             .actor = "delivery",
                             .u.prepared = {.notification = 1,
                                            .retry_at_ms = rig->now_ms + 1000,
                                            .reason = "",
                                            .content_type = "",
                                            .subject = ""}};
        rig->orders[0].offered = false;
        rig_apply(rig, &busy, 1);
        rig->now_ms += 1000;
        rig_settle(rig);
        assert_true(rig->orders[0].offered);
    }
    engine_counts(rig->engine, &after);
    assert_in_range(after.timers, 1, before.timers + 2);
    rig_run(rig, 1800);
    assert_int_equal(row_of(rig, 1).state, NOTIFICATION_EXPIRED);
}

static void refused_commits_change_nothing(void **state)
{
    struct rig *rig = *state;
    static const struct {
        enum store_verdict verdict;
        enum answer_status status;
    } cases[] = {{STORE_BUSY, ANSWER_BUSY}, {STORE_FULL, ANSWER_FULL}};
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    for (size_t i = 0; i < 2; i++) {
        unsigned char before[32];
        unsigned char after[32];
        engine_hash(rig->engine, before);
        store_fail_commit(rig->store, 1, cases[i].verdict, false);
        rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_CRITICAL, "shop");
        assert_int_equal(rig->verdict, cases[i].verdict);
        assert_int_equal(rig->answer_status, cases[i].status);
        assert_true(engine_is_loaded(rig->engine));
        engine_hash(rig->engine, after);
        assert_memory_equal(before, after, sizeof(before));
    }
    rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_CRITICAL, "shop");
    assert_int_equal(rig->answer_incident, 2);
}

static void an_unknown_commit_and_its_retry_converge(void **state)
{
    struct rig *rig = *state;
    for (int applied = 0; applied < 2; applied++) {
        store_fail_commit(rig->store, 1, STORE_UNKNOWN, applied == 1);
        rig->answer_status = ANSWER_STATUS_COUNT;
        rig_event(rig, EVENT_TRIGGER, applied ? "k2" : "k1", SEVERITY_ERROR, "blog");
        assert_int_equal(rig->verdict, STORE_UNKNOWN);
        assert_int_equal(rig->answer_status, ANSWER_STATUS_COUNT); /* nobody is answered */
        rig_event(rig, EVENT_TRIGGER, applied ? "k2" : "k1", SEVERITY_ERROR, "blog");
        assert_int_equal(rig->answer_incident, applied + 1);
    }
    struct engine_counts counts;
    engine_counts(rig->engine, &counts);
    assert_int_equal(counts.open_incidents, 2);
    assert_int_equal(rig->start_count, 2); /* each page once */
}

static void unknown_claims_and_results_converge(void **state)
{
    struct rig *rig = *state;
    for (int64_t nth = 1; nth <= 3; nth++) {
        for (int applied = 0; applied < 2; applied++) {
            struct rig one;
            rig_init(&one);
            store_fail_commit(one.store, nth, STORE_UNKNOWN, applied == 1);
            rig_event(&one, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "blog");
            if (one.verdict != STORE_COMMITTED)
                rig_event(&one, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "blog");
            rig_run(&one, 30);
            assert_int_equal(row_of(&one, 1).state, NOTIFICATION_ACCEPTED);
            assert_true(one.start_count <= 2);
            rig_clear(&one);
        }
    }
    (void)rig;
}

static void a_vanished_channel_ends_its_notifications(void **state)
{
    struct rig *rig = *state;
    struct rulebook without = rig->book;
    rig->holds_offers = true;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "blog");
    without.channels = &rig->book.channels[1];
    without.channel_count = 3;
    struct input config = {.kind = INPUT_CONFIG, .actor = "user root", .u.rulebook = &without};
    rig->book = without;
    rig_apply(rig, &config, 1);
    assert_int_equal(row_of(rig, 1).state, NOTIFICATION_FAILED);
    assert_non_null(strstr(rig_log(rig), "fallback-unreachable"));
}

int main(void)
{
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_page_is_claimed_and_accepted),
        RIG_TEST(temporary_failures_are_tried_as_often_as_the_channel_says),
        RIG_TEST(past_the_horizon_nothing_is_tried),
        RIG_TEST(an_unknown_outcome_is_tried_again_with_the_same_bytes),
        RIG_TEST(nothing_starts_after_an_ack),
        RIG_TEST(a_claimed_page_runs_out_but_is_not_repeated),
        RIG_TEST(not_now_is_offered_again_at_its_time),
        RIG_TEST(what_cannot_be_rendered_fails),
        RIG_TEST(claims_of_an_earlier_process_are_unknown),
        RIG_TEST(a_silent_claim_is_given_up),
        RIG_TEST(credits_bound_the_offers_and_the_worst_go_first),
        RIG_TEST(refusals_leave_no_timers_behind),
        RIG_TEST(refused_commits_change_nothing),
        RIG_TEST(an_unknown_commit_and_its_retry_converge),
        RIG_TEST(unknown_claims_and_results_converge),
        RIG_TEST(a_vanished_channel_ends_its_notifications),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

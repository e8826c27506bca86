/* Replies that nobody waits for: recorded by another node, or come by a medium that answers by message; and what they may
 * mean once the incident has left memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/engine/rig.h"

enum { DAY_S = 86400, HOUR_S = 3600 };

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

static struct input reply_input(enum input_kind kind, const char *from, const char *via,
                                uint64_t incident, enum verb verb)
{
    struct input input = {.kind = kind, .actor = from[0] != '\0' ? from : "user root"};
    input.credential = "test";
    input.u.reply = (struct reply){
        .from = from, .via = via, .incident = incident, .raw = "", .command_count = 1};
    input.u.reply.commands[0] =
        (struct reply_command){.verb = verb, .text = "", .clock_minute = -1};
    return input;
}

static void apply(struct rig *rig, struct input *input)
{
    rig_apply(rig, input, 1);
    rig_settle(rig);
}

/* Puts an item of one byte there, as another node would. */
static void record(struct rig *rig, struct input *input, uint64_t sequence)
{
    const struct store_inbox_item item = {.bytes = "x", .count = 1};
    assert_int_equal(rig->store->ops->inbox_append(rig->store->self, &item, 1, NULL), 0);
    input->inbox_sequence = sequence;
}

static size_t recorded_count(struct rig *rig)
{
    struct arena arena;
    struct store_inbox_item *items = NULL;
    size_t count = 0;
    arena_init(&arena);
    assert_int_equal(
        rig->store->ops->inbox_take(rig->store->self, 0, 100, &arena, &items, &count, NULL), 0);
    arena_clear(&arena);
    return count;
}

static void keep_incident(void *self, const struct incident_row *row)
{
    struct incident_row *kept = self;
    *kept = *row; /* its numbers are looked at, no texts */
}

static void skip_meta(void *self, const struct store_meta *meta)
{
    (void)self;
    (void)meta;
}

static void skip_policy(void *self, const struct policy_row *row)
{
    (void)self;
    (void)row;
}

static void skip_alert(void *self, const struct alert_row *row)
{
    (void)self;
    (void)row;
}

static void skip_notification(void *self, const struct notification_row *row)
{
    (void)self;
    (void)row;
}

/* The only live one, as it is stored. */
static void read_incident(struct rig *rig, struct incident_row *out_row)
{
    const struct store_sink sink = {.self = out_row,
                                    .meta = skip_meta,
                                    .policy = skip_policy,
                                    .incident = keep_incident,
                                    .alert = skip_alert,
                                    .notification = skip_notification};
    assert_int_equal(rig->store->ops->load(rig->store->self, &sink, NULL), 0);
}

static void a_recorded_reply_leaves_with_its_effects(void **state)
{
    struct rig *rig = *state;
    struct input ack = reply_input(INPUT_REPLY, "bob", "link", 1, VERB_ACK);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    record(rig, &ack, 1);
    (void)rig_log(rig);
    store_fail_commit(rig->store, 1, STORE_BUSY, false);
    rig_apply(rig, &ack, 1);
    assert_int_equal(recorded_count(rig), 1);
    apply(rig, &ack);
    assert_int_equal(recorded_count(rig), 0);
    /* The link's page said "recorded" only: the answer follows by what reached him. */
    const char *log = rig_log(rig);
    assert_non_null(strstr(log, "0 ack\n"));
    assert_non_null(strstr(log, "0 answer crew bob sms\n"));
    rig_apply(rig, &ack, 1); /* once more would be twice */
    assert_int_equal(rig->verdict, STORE_BUSY);
}

/* It may have waited for an engine. */
static void a_promise_counts_from_when_it_was_said(void **state)
{
    struct rig *rig = *state;
    struct input ack = reply_input(INPUT_COMMAND, "ann", "cli", 1, VERB_ETA);
    struct input clock = reply_input(INPUT_COMMAND, "ann", "cli", 1, VERB_ETA);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_run(rig, 240);
    ack.u.reply.commands[0].duration_ms = 45 * INT64_C(60000);
    ack.u.reply.said_at_ms = RIG_START_MS + 120000;
    apply(rig, &ack);
    assert_int_equal(rig->verdict, STORE_COMMITTED);
    struct incident_row row;
    read_incident(rig, &row);
    assert_int_equal(row.eta_at_ms, RIG_START_MS + 47 * 60000);
    clock.u.reply.commands[0].clock_minute = 2 * 60 + 3; /* when it was said, that was to come */
    clock.u.reply.said_at_ms = RIG_START_MS + 120000;
    apply(rig, &clock);
    read_incident(rig, &row);
    assert_int_equal(row.eta_at_ms, rig->now_ms);                   /* now it has passed */
    ack.u.reply.said_at_ms = RIG_START_MS + HOUR_S * INT64_C(1000); /* that node's clock is ahead */
    apply(rig, &ack);
    read_incident(rig, &row);
    assert_int_equal(row.eta_at_ms, rig->now_ms + 45 * 60000);
}

static void an_event_without_effect_leaves_too(void **state)
{
    struct rig *rig = *state;
    struct input unusable = {.kind = INPUT_TIMER, .actor = "engine", .credential = ""};
    record(rig, &unusable, 1);
    apply(rig, &unusable);
    assert_int_equal(rig->verdict, STORE_COMMITTED);
    assert_int_equal(recorded_count(rig), 0);
}

static void whoever_was_paged_by_nothing_is_answered_as_they_are_paged(void **state)
{
    struct rig *rig = *state;
    struct input status = reply_input(INPUT_REPLY, "carol", "link", 1, VERB_STATUS);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    (void)rig_log(rig);
    record(rig, &status, 1);
    apply(rig, &status);
    assert_string_equal(rig_log(rig), "0 answer crew carol sms\n");
}

static void a_recorded_command_that_is_refused_stands_on_the_timeline(void **state)
{
    struct rig *rig = *state;
    struct input unknown = reply_input(INPUT_COMMAND, "", "cli", 9, VERB_RESOLVE);
    struct input twice = reply_input(INPUT_COMMAND, "", "cli", 1, VERB_ESCALATE);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_ERROR, "crew");
    (void)rig_log(rig);
    record(rig, &unknown, 1);
    apply(rig, &unknown);
    assert_string_equal(rig_log(rig), "0 refused\n");
    rig_run(rig, 6 * HOUR_S);
    (void)rig_log(rig);
    record(rig, &twice, 2);
    apply(rig, &twice);
    assert_string_equal(rig_log(rig), "21600 refused\n");
    /* Who waits for the answer needs no entry. */
    twice.inbox_sequence = 0;
    apply(rig, &twice);
    assert_string_equal(rig_log(rig), "");
}

static void close_and_forget(struct rig *rig)
{
    struct engine_counts counts;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_ERROR, "crew");
    rig_run(rig, 6 * HOUR_S);
    engine_counts(rig->engine, &counts);
    assert_int_equal(counts.live_incidents, 0);
    (void)rig_log(rig);
}

static void what_left_memory_is_answered_by_message(void **state)
{
    struct rig *rig = *state;
    struct input batch[3] = {reply_input(INPUT_REPLY, "ann", "sms", 1, VERB_ACK),
                             reply_input(INPUT_REPLY, "ann", "sms", 1, VERB_STATUS),
                             reply_input(INPUT_REPLY, "bob", "sms", 1, VERB_RESOLVE)};
    close_and_forget(rig);
    rig_apply(rig, batch, 3);
    rig_settle(rig);
    assert_string_equal(rig_log(rig), "21600 note\n21600 answer  ann sms\n21600 answer  ann sms\n"
                                      "21600 answer  bob sms\n");
    struct engine_counts counts;
    engine_counts(rig->engine, &counts);
    assert_int_equal(counts.pending_notifications, 0); /* all were sent */
    assert_int_equal(counts.live_incidents, 0);
    /* The voice has no answer, and nobody recorded it elsewhere. */
    struct input voice = reply_input(INPUT_REPLY, "bob", "voice", 1, VERB_STATUS);
    apply(rig, &voice);
    assert_string_equal(rig_log(rig), "");
}

static void an_answer_about_what_left_memory_outlives_a_restart(void **state)
{
    struct rig *rig = *state;
    struct input status = reply_input(INPUT_REPLY, "ann", "sms", 1, VERB_STATUS);
    close_and_forget(rig);
    rig->holds_results = true;
    rig_apply(rig, &status, 1);
    rig_restart(rig);
    struct engine_counts counts;
    engine_counts(rig->engine, &counts);
    assert_int_equal(counts.pending_notifications, 1);
}

static void the_last_they_were_told_of_within_a_day(void **state)
{
    struct rig *rig = *state;
    struct input status = reply_input(INPUT_REPLY, "ann", "sms", 0, VERB_STATUS);
    struct input late = status;
    struct input never = reply_input(INPUT_REPLY, "carol", "sms", 0, VERB_STATUS);
    close_and_forget(rig);
    apply(rig, &status);
    assert_string_equal(rig_log(rig), "21600 answer  ann sms\n");
    apply(rig, &never);
    assert_string_equal(rig_log(rig), "");
    rig_run(rig, DAY_S); /* since that answer, too, a day has passed */
    rig_run(rig, 1);
    apply(rig, &late);
    assert_string_equal(rig_log(rig), "");
}

static void what_is_in_memory_and_newer_comes_first(void **state)
{
    struct rig *rig = *state;
    struct input status = reply_input(INPUT_REPLY, "ann", "sms", 0, VERB_STATUS);
    close_and_forget(rig);
    rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_ERROR, "crew");
    rig_say(rig, "bob", 2, VERB_RESOLVE);
    (void)rig_log(rig);
    apply(rig, &status);
    assert_string_equal(rig_log(rig), "21600 answer crew ann sms\n");
}

int main(void)
{
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_recorded_reply_leaves_with_its_effects),
        RIG_TEST(a_promise_counts_from_when_it_was_said),
        RIG_TEST(an_event_without_effect_leaves_too),
        RIG_TEST(whoever_was_paged_by_nothing_is_answered_as_they_are_paged),
        RIG_TEST(a_recorded_command_that_is_refused_stands_on_the_timeline),
        RIG_TEST(what_left_memory_is_answered_by_message),
        RIG_TEST(an_answer_about_what_left_memory_outlives_a_restart),
        RIG_TEST(the_last_they_were_told_of_within_a_day),
        RIG_TEST(what_is_in_memory_and_newer_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

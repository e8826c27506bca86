/* What people say about an incident besides that they have it (DESIGN section 4, rule 19). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "policies/fields.h"
#include "tests/unit/engine/rig.h"

enum { CREW = 1, ALL_NEEDS = (1 << NEED_COUNT) - 1 };

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

static void expect_answer(struct rig *rig, const char *want)
{
    assert_string_equal(strbuf_text(&rig->answer), want);
}

static void say_text(struct rig *rig, const char *from, enum verb verb, const char *text)
{
    const struct reply_command command = {.verb = verb, .text = text, .clock_minute = -1};
    rig_reply(rig, from, 1, &command, 1);
}

static void an_answer_says_what_is_missing(void **state)
{
    struct rig *rig = *state;
    const struct reply_command some[] = {
        {.verb = VERB_ACK, .text = "", .clock_minute = -1},
        {.verb = VERB_CAUSE, .text = "db failover", .clock_minute = -1}};
    rig_ask_for(rig, CREW, ALL_NEEDS);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_reply(rig, "ann", 1, some, 2);
    expect_answer(
        rig, "#1 is yours until Sun 2026-03-01 02:30 (UTC). #1: cause recorded. Still missing: "
             "eta, priority, loss. Reply \"eta 45m; p2; loss WHAT\".");
    rig_say(rig, "bob", 1, VERB_ACK); /* not theirs to say */
    assert_null(strstr(strbuf_text(&rig->answer), "missing"));
    say_text(rig, "ann", VERB_NOTE, "looking");
    expect_answer(rig, "#1: note recorded.");
    say_text(rig, "ann", VERB_LOSS, "two orders");
    expect_answer(rig, "#1: loss recorded. Still missing: eta, priority. Reply \"eta 45m; p2\".");
    rig_say(rig, "bob", 1, VERB_TAKE);
    expect_answer(rig, "#1 is yours until Sun 2026-03-01 02:30 (UTC). Still missing: eta, "
                       "priority. Reply \"eta 45m; p2\".");
    rig_command(rig, 1, VERB_TAKE); /* an operator hears it too */
    assert_non_null(strstr(strbuf_text(&rig->answer), "Still missing: eta, priority."));
    rig_say(rig, "ann", 1, VERB_RESOLVE);
    expect_answer(rig, "#1 is resolved.");
}

/* The text in the snapshot of what waits for delivery. */
static void expect_waiting(struct rig *rig, const char *part)
{
    struct stored_notification stored;
    struct json *snapshot = NULL;
    struct arena arena;
    arena_init(&arena);
    assert_true(rig->order_count > 0);
    assert_int_equal(store_notification(rig->store, rig->orders[rig->order_count - 1].notification,
                                        &arena, &stored, NULL),
                     0);
    assert_int_equal(json_parse(stored.row.snapshot, strlen(stored.row.snapshot), &snapshot, NULL),
                     0);
    assert_non_null(strstr(json_string(json_get(snapshot, "text")), part));
    json_free(snapshot);
    arena_clear(&arena);
}

static void a_reminder_says_what_is_missing(void **state)
{
    struct rig *rig = *state;
    rig_ask_for(rig, CREW, 1 << NEED_CAUSE | 1 << NEED_ETA);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_say(rig, "ann", 1, VERB_ACK);
    (void)rig_log(rig);
    rig->holds_offers = true;
    rig_run(rig, 300);
    assert_string_equal(rig_log(rig), "300 missing\n300 reminder crew ann sms\n");
    expect_waiting(rig, "#1: Still missing: eta, cause. Reply \"eta 45m; cause WHY\".");
    rig_run(rig, 1200);
    assert_string_equal(rig_log(rig), "1500 reminder\n1500 reminder crew ann sms\n");
    expect_waiting(rig, "or \"ack\". Still missing: eta, cause. Reply");
}

static void what_was_said_survives_a_reload(void **state)
{
    struct rig *rig = *state;
    struct strbuf text;
    struct arena arena;
    const struct fields *fields = NULL;
    rig->checks_reload = true;
    rig_ask_for(rig, CREW, 1 << NEED_CAUSE);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_say(rig, "ann", 1, VERB_ACK);
    say_text(rig, "ann", VERB_LOSS, "two \"orders\"");
    say_text(rig, "ann", VERB_RESTORED, "the dump of 01:00");
    rig_restart(rig);
    (void)rig_log(rig);
    rig_run(rig, 300);
    assert_string_equal(rig_log(rig), "300 missing\n300 reminder crew ann sms\n");
    arena_init(&arena);
    strbuf_init(&text, 4096);
    const struct fields said = {
        .loss = "two \"orders\"", .restored = "", .restored_at_ms = 7, .ask_again_at_ms = 8};
    fields_write(&said, &text);
    assert_int_equal(fields_read(strbuf_text(&text), &arena, &fields, NULL), 0);
    assert_string_equal(fields->loss, said.loss);
    assert_string_equal(fields->restored, "");
    assert_int_equal(fields->restored_at_ms, 7);
    assert_int_equal(fields->ask_again_at_ms, 8);
    strbuf_clear(&text);
    arena_clear(&arena);
}

static void what_nobody_wrote_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"{", "[]", "7", "{\"ask_again_at_ms\":-1}",
                                        "{\"restored_at_ms\":-5}"};
    struct arena arena;
    struct err err;
    const struct fields *fields = NULL;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(fields_read(texts[i], &arena, &fields, &err), -1);
    assert_int_equal(fields_read("", &arena, &fields, &err), 0);
    assert_null(fields);
    assert_int_equal(fields_read("{}", &arena, &fields, &err), 0);
    assert_null(fields);
    arena_clear(&arena);
}

static void an_outage_past_the_end_asks_nobody(void **state)
{
    struct rig *rig = *state;
    rig_ask_for(rig, CREW, 1 << NEED_CAUSE);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_say(rig, "ann", 1, VERB_ACK);
    (void)rig_log(rig);
    rig_jump(rig, 1800);
    assert_null(strstr(rig_log(rig), "missing"));
}

/* The severity rose and the owner's time to answer is over as well. */
static void an_outage_past_an_answer_asks_nobody(void **state)
{
    struct rig *rig = *state;
    rig_ask_for(rig, CREW, 1 << NEED_CAUSE);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_WARNING, "crew");
    rig_say(rig, "ann", 1, VERB_ACK);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "crew");
    (void)rig_log(rig);
    rig_jump(rig, 600);
    const char *log = rig_log(rig);
    assert_null(strstr(log, "missing"));
    assert_non_null(strstr(log, "no-answer"));
}

static void an_outage_asks_once(void **state)
{
    struct rig *rig = *state;
    rig_ask_for(rig, CREW, 1 << NEED_CAUSE);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_say(rig, "ann", 1, VERB_ACK);
    (void)rig_log(rig);
    rig_jump(rig, 900);
    assert_string_equal(rig_log(rig), "900 missing\n900 reminder crew ann sms\n");
    rig_run(rig, 300);
    assert_string_equal(rig_log(rig), "");
}

/* Answers about what was lost name what there is to restore from. */
static void answers_state_the_last_good_backup(void **state)
{
    struct rig *rig = *state;
    rig->sources[0].backup = true;
    rig->sources[0].expect_every_ms = 86400000;
    rig->sources[0].keys_max = 10;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    say_text(rig, "ann", VERB_LOSS, "two orders");
    assert_non_null(
        strstr(strbuf_text(&rig->answer), "Last good backup: no backup known (monitor)."));
    rig_event(rig, EVENT_HEARTBEAT, "db1", SEVERITY_INFO, "");
    rig_say(rig, "ann", 1, VERB_STATUS);
    assert_non_null(
        strstr(strbuf_text(&rig->answer),
               "Last good backup: Sun 2026-03-01 02:00 (UTC), 0m before it began (monitor "
               "db1)."));
    rig_say(rig, "ann", 1, VERB_ACK);
    rig_say(rig, "ann", 1, VERB_STATUS);
    assert_non_null(strstr(strbuf_text(&rig->answer), "#1 is yours until"));
    assert_non_null(strstr(strbuf_text(&rig->answer), "Last good backup: Sun"));
}

static void a_priority_set_stays(void **state)
{
    struct rig *rig = *state;
    const struct reply_command priority = {
        .verb = VERB_PRIORITY, .text = "", .clock_minute = -1, .priority = 1};
    struct incident incident = {.severity = SEVERITY_WARNING, .priority = 3};
    assert_int_equal(incident_urgency(&incident), SEVERITY_WARNING);
    incident.priority = 1;
    assert_int_equal(incident_urgency(&incident), SEVERITY_CRITICAL);
    incident = (struct incident){.severity = SEVERITY_CRITICAL, .priority = 4};
    assert_int_equal(incident_urgency(&incident), SEVERITY_CRITICAL);

    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_WARNING, "crew");
    rig_say(rig, "ann", 1, VERB_STATUS);
    assert_non_null(strstr(strbuf_text(&rig->answer), "warning, p3"));
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_say(rig, "ann", 1, VERB_STATUS);
    assert_non_null(strstr(strbuf_text(&rig->answer), "error, p2"));
    rig_reply(rig, "ann", 1, &priority, 1);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_INFO, "crew");
    rig_say(rig, "ann", 1, VERB_STATUS);
    assert_non_null(strstr(strbuf_text(&rig->answer), "info, p1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_says_what_is_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reminder_says_what_is_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_said_survives_a_reload, setup, teardown),
        cmocka_unit_test(what_nobody_wrote_is_refused),
        cmocka_unit_test_setup_teardown(an_outage_past_the_end_asks_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(an_outage_past_an_answer_asks_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(an_outage_asks_once, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_state_the_last_good_backup, setup, teardown),
        cmocka_unit_test_setup_teardown(a_priority_set_stays, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

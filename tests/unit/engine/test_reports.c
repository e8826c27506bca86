/* What a person knows before any monitor says so (DESIGN section 4, rule 19). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "policies/report.h"
#include "tests/unit/engine/rig.h"

#define SHOP "{\"summary\":\"Shop is down\",\"labels\":{\"service\":\"shop\"}}"

static int setup(void **state)
{
    struct rig *rig = heap_alloc(sizeof(*rig));
    rig_init(rig);
    rig->checks_reload = true;
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    rig_clear(*state);
    free(*state);
    return 0;
}

static void expect(struct rig *rig, enum answer_status status, uint64_t incident, const char *text)
{
    if (rig->answer_status != status || rig->answer_incident != incident ||
        strstr(strbuf_text(&rig->answer), text) == NULL)
        fail_msg("status %d, #%llu: %s; want %d, #%llu: %s", (int)rig->answer_status,
                 (unsigned long long)rig->answer_incident, strbuf_text(&rig->answer), (int)status,
                 (unsigned long long)incident, text);
}

static void nobody_is_paged_and_alerts_join_silently(void **state)
{
    struct rig *rig = *state;
    rig_report(rig, "ann", SHOP, 2700000);
    expect(
        rig, ANSWER_DONE, 1,
        "#1 is yours until Sun 2026-03-01 02:50 (UTC), back expected Sun 2026-03-01 02:45 (UTC).");
    assert_string_equal(rig_log(rig), "0 opened\n0 ack\n0 known\n");
    rig_run(rig, 120);
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_CRITICAL, "shop");
    rig_event(rig, EVENT_TRIGGER, "k2", SEVERITY_CRITICAL, "shop");
    assert_string_equal(rig_log(rig), "120 alert\n120 severity\n120 alert\n");
    rig_restart(rig);
    rig_event(rig, EVENT_RESOLVE, "k1", SEVERITY_CRITICAL, "shop");
    rig_event(rig, EVENT_RESOLVE, "k2", SEVERITY_CRITICAL, "shop");
    assert_string_equal(rig_log(rig), "120 resolved\n");
}

static void what_is_open_is_acknowledged(void **state)
{
    struct rig *rig = *state;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "shop");
    rig_report(rig, "bob", SHOP, 0);
    expect(rig, ANSWER_DONE, 1, "#1 is yours until");
    assert_non_null(strstr(rig_log(rig), "note\n0 ack\n"));
    rig_report(rig, "ann", SHOP, 0);
    expect(rig, ANSWER_DONE, 1, "bob already has #1 until");
}

static void what_cannot_be_read_opens_nothing(void **state)
{
    struct rig *rig = *state;
    static const struct {
        const char *text;
        const char *why;
    } cases[] = {
        {"{", ""},
        {"[]", "got an array, want an object"},
        {"{}", "summary: missing"},
        {"{\"summary\":7}", "summary: got a whole number, want a text"},
        {"{\"summary\":\"a\\u0000b\"}", ""},
        {"{\"summary\":\"a\",\"severity\":\"bad\"}", "severity: got 'bad'"},
        {"{\"summary\":\"a\",\"labels\":[]}", "labels: got an array"},
        {"{\"summary\":\"a\",\"labels\":{\"1a\":\"x\"}}", "labels: got the name '1a'"},
        {"{\"summary\":\"a\",\"labels\":{\"\":\"x\"}}", "labels: got the name ''"},
        {"{\"summary\":\"a\",\"labels\":{\"a\":1}}", "labels.a: got a whole number"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rig_report(rig, "ann", cases[i].text, 0);
        expect(rig, ANSWER_REFUSED, 0, cases[i].why);
    }
    assert_string_equal(rig_log(rig), "");
}

static void labels_are_sorted(void **state)
{
    (void)state;
    struct arena arena;
    struct report report;
    arena_init(&arena);
    assert_int_equal(
        report_read("{\"summary\":\"a\",\"labels\":{\"b\":\"2\",\"a\":\"1\",\"c\":\"\"}}", &arena,
                    &report, NULL),
        0);
    assert_int_equal(report.event.label_count, 3);
    assert_string_equal(report.event.labels[0].name, "a");
    assert_string_equal(report.event.labels[2].name, "c");
    assert_false(report.has_severity);
    assert_string_equal(report.event.source, "");
    arena_clear(&arena);
}

static void past_the_limit_nothing_opens(void **state)
{
    struct rig *rig = *state;
    rig->book.incidents_max = 1;
    rig_event(rig, EVENT_TRIGGER, "k1", SEVERITY_ERROR, "crew");
    rig_report(rig, "ann", SHOP, 0);
    expect(rig, ANSWER_OVERLIMIT, 0, "Too many incidents are open");
    rig_say(rig, "ann", 1, VERB_RESOLVE);
    rig_report(rig, "ann", SHOP, 0);
    expect(rig, ANSWER_DONE, 2, "#2 is yours");
}

static void without_an_alert_and_a_policy_it_stays(void **state)
{
    struct rig *rig = *state;
    rig_report(rig, "ann", "{\"summary\":\"a\",\"labels\":{\"service\":\"crew\"}}", 0);
    rig_reload(rig, true);
    rig_command(rig, 1, VERB_REPOLICY);
    expect(rig, ANSWER_REFUSED, 1, "no alert says which policy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_is_paged_and_alerts_join_silently, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_open_is_acknowledged, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_opens_nothing, setup, teardown),
        cmocka_unit_test(labels_are_sorted),
        cmocka_unit_test_setup_teardown(past_the_limit_nothing_opens, setup, teardown),
        cmocka_unit_test_setup_teardown(without_an_alert_and_a_policy_it_stays, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Certificates that end: warned of at 30 days, an error at 7, critical at 1, each said once. */
#include "gateway/handoff/expiry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "gateway/handoff/ticket.h"

#define SECOND_MS INT64_C(1000)
#define DAY_MS (86400 * SECOND_MS)
#define ENDS_AT_MS INT64_C(1772330400000) /* 2026-03-01T02:00:00Z */

struct stage {
    struct inbox *inbox;
    struct troubles *troubles;
    int64_t mono_ms;
};

static const char *told(struct stage *stage)
{
    static char text[2 * TROUBLES_TEXT_BYTES];
    static const struct answer done = {.status = ANSWER_DONE, .text = ""};
    struct input *input = NULL;
    text[0] = '\0';
    stage->mono_ms += TROUBLES_PAUSE_MS;
    troubles_turn(stage->troubles, stage->mono_ms);
    if (inbox_take(stage->inbox, &input, 1, 0) == 0)
        return text;
    const struct event *event = &input->u.event;
    (void)snprintf(text, sizeof(text), "%s %s %s: %s", event_action_name(event->action), event->key,
                   severity_name(event->severity), event->summary);
    input->ticket->complete(input->ticket, 0, &done);
    input->release(input);
    return text;
}

static void at(struct stage *stage, int64_t ends_at_ms, int64_t left_ms)
{
    const struct expiry expiry = {
        .name = "http", .whose = "Ours", .advice = "renew it", .ends_at_ms = ends_at_ms};
    expiry_tell(stage->troubles, &expiry, ENDS_AT_MS - left_ms);
}

static void test_stages(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t left_ms;
        const char *want; /* "": nothing new */
    } cases[] = {
        {.name = "long before", .left_ms = 30 * DAY_MS + 1, .want = ""},
        {.name = "30 days",
         .left_ms = 30 * DAY_MS,
         .want = "trigger certificate http warning: Ours ends within 30 days, at "
                 "2026-03-01T02:00:00Z: renew it"},
        {.name = "29 days", .left_ms = 29 * DAY_MS, .want = ""},
        {.name = "just over 7", .left_ms = 7 * DAY_MS + 1, .want = ""},
        {.name = "7 days",
         .left_ms = 7 * DAY_MS,
         .want = "trigger certificate http error: Ours ends within 7 days, at "
                 "2026-03-01T02:00:00Z: renew it"},
        {.name = "just over 1", .left_ms = DAY_MS + 1, .want = ""},
        {.name = "1 day",
         .left_ms = DAY_MS,
         .want = "trigger certificate http critical: Ours ends within a day, at "
                 "2026-03-01T02:00:00Z: renew it"},
        {.name = "a second", .left_ms = SECOND_MS, .want = ""},
        {.name = "the end",
         .left_ms = 0,
         .want = "trigger certificate http critical: Ours ended at 2026-03-01T02:00:00Z: renew it"},
        {.name = "after it", .left_ms = -90 * DAY_MS, .want = ""},
    };
    struct stage stage = {.mono_ms = INT64_C(1) << 50};
    assert_int_equal(inbox_create(4, &stage.inbox, NULL), 0);
    stage.troubles = troubles_create(stage.inbox);
    troubles_load(stage.troubles, NULL, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        at(&stage, ENDS_AT_MS, cases[i].left_ms);
        const char *got = told(&stage);
        if (strncmp(got, cases[i].want, strlen(cases[i].want) + 1) != 0)
            fail_msg("%s: got '%s', want '%s'", cases[i].name, got, cases[i].want);
    }
    at(&stage, ENDS_AT_MS + 90 * DAY_MS, 0); /* renewed */
    assert_memory_equal(told(&stage), "resolve certificate http", 24);
    at(&stage, ENDS_AT_MS, DAY_MS);
    assert_memory_equal(told(&stage), "trigger", 7);
    at(&stage, 0, 0); /* none is shown any more */
    assert_memory_equal(told(&stage), "resolve", 7);
    inbox_destroy(stage.inbox);
    troubles_destroy(stage.troubles);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "gateway/handoff/troubles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "gateway/handoff/ticket.h"

enum { CAPACITY = 4, TEXT_BYTES = 1000 };

struct stage {
    struct inbox *inbox;
    struct troubles *troubles;
    int64_t mono_ms; /* far behind what the board has read itself, so that every pause is over */
};

static struct stage stage_make(void)
{
    struct stage stage = {.mono_ms = INT64_C(1) << 50};
    assert_int_equal(inbox_create(CAPACITY, &stage.inbox, NULL), 0);
    stage.troubles = troubles_create(stage.inbox);
    return stage;
}

static void stage_clear(struct stage *stage)
{
    inbox_destroy(stage->inbox);
    troubles_destroy(stage->troubles);
}

static void begin(struct stage *stage, enum trouble_kind kind, const char *name,
                  enum severity severity, const char *summary)
{
    troubles_begin(
        stage->troubles,
        &(struct trouble){.kind = kind, .name = name, .severity = severity, .summary = summary});
}

/* "trigger KEY severity: summary" or "resolve KEY"; "" when nothing was told. It is answered so. */
static const char *told(struct stage *stage, enum answer_status status)
{
    static char text[TEXT_BYTES * 2];
    struct input *input = NULL;
    text[0] = '\0';
    if (inbox_take(stage->inbox, &input, 1, 0) == 0)
        return text;
    const struct event *event = &input->u.event;
    assert_int_equal(input->kind, INPUT_EVENT);
    assert_string_equal(event->source, "escalated");
    assert_string_equal(event->labels[event->label_count - 1].name, "trouble");
    if (event->action == EVENT_TRIGGER)
        (void)snprintf(text, sizeof(text), "trigger %s %s: %s", event->key,
                       severity_name(event->severity), event->summary);
    else
        (void)snprintf(text, sizeof(text), "%s %s", event_action_name(event->action), event->key);
    const struct answer answer = {.status = status, .text = ""};
    input->ticket->complete(input->ticket, input->ticket_index, &answer);
    input->release(input);
    return text;
}

/* The same, when its time has come. */
static const char *told_later(struct stage *stage)
{
    stage->mono_ms += TROUBLES_PAUSE_MS;
    troubles_turn(stage->troubles, stage->mono_ms);
    return told(stage, ANSWER_DONE);
}

static void test_one_is_told_once_until_it_changes_and_ends(void **state)
{
    (void)state;
    struct stage stage = stage_make();
    troubles_load(stage.troubles, NULL, 0);
    begin(&stage, TROUBLE_BROKER, "plant", SEVERITY_ERROR, "it is away");
    assert_string_equal(told(&stage, ANSWER_DONE), "trigger broker plant error: it is away");
    begin(&stage, TROUBLE_BROKER, "plant", SEVERITY_ERROR, "it is away");
    assert_string_equal(told_later(&stage), "");
    begin(&stage, TROUBLE_BROKER, "plant", SEVERITY_CRITICAL, "it is away");
    assert_string_equal(told_later(&stage), "trigger broker plant critical: it is away");
    begin(&stage, TROUBLE_BROKER, "plant", SEVERITY_CRITICAL, "it is gone");
    assert_string_equal(told_later(&stage), "trigger broker plant critical: it is gone");
    troubles_end(stage.troubles, TROUBLE_BROKER, "other");
    troubles_end(stage.troubles, TROUBLE_CALENDAR, "plant");
    assert_string_equal(told_later(&stage), "");
    troubles_end(stage.troubles, TROUBLE_BROKER, "plant");
    assert_string_equal(told_later(&stage), "resolve broker plant");
    troubles_end(stage.troubles, TROUBLE_BROKER, "plant");
    assert_string_equal(told_later(&stage), "");
    stage_clear(&stage);
}

static void test_labels_are_sorted_and_a_lone_one_has_no_name(void **state)
{
    (void)state;
    struct stage stage = stage_make();
    struct input *input = NULL;
    troubles_load(stage.troubles, NULL, 0);
    begin(&stage, TROUBLE_CERTIFICATE, "http", SEVERITY_WARNING, "ends");
    assert_int_equal(inbox_take(stage.inbox, &input, 1, 0), 1);
    assert_int_equal(input->u.event.label_count, 2);
    assert_string_equal(input->u.event.labels[0].name, "name");
    assert_string_equal(input->u.event.labels[0].value, "http");
    assert_string_equal(input->u.event.labels[1].value, "certificate");
    input->release(input);
    begin(&stage, TROUBLE_DISK, "", SEVERITY_CRITICAL, "full");
    assert_string_equal(told(&stage, ANSWER_DONE), "trigger disk critical: full");
    stage_clear(&stage);
}

/* However often it comes and goes: one event at a time, and a pause before it is told again. */
static void test_flapping_is_bounded(void **state)
{
    (void)state;
    struct stage stage = stage_make();
    size_t count = 0;
    troubles_load(stage.troubles, NULL, 0);
    for (int i = 0; i < 1000; i++) {
        begin(&stage, TROUBLE_BROKER, "plant", SEVERITY_ERROR, "away");
        count += told(&stage, ANSWER_DONE)[0] != '\0';
        troubles_end(stage.troubles, TROUBLE_BROKER, "plant");
        count += told(&stage, ANSWER_DONE)[0] != '\0';
    }
    assert_int_equal(count,
                     2); /* the first and its end; our clock has not moved by a pause since */
    begin(&stage, TROUBLE_BROKER, "plant", SEVERITY_ERROR, "away");
    assert_string_equal(told(&stage, ANSWER_DONE), "");
    assert_string_equal(told_later(&stage), "trigger broker plant error: away");
    stage_clear(&stage);
}

static void test_what_was_not_committed_is_told_again(void **state)
{
    (void)state;
    static const enum answer_status refusals[] = {ANSWER_BUSY, ANSWER_FULL};
    for (size_t i = 0; i < 2; i++) {
        struct stage stage = stage_make();
        troubles_load(stage.troubles, NULL, 0);
        begin(&stage, TROUBLE_DISK, "", SEVERITY_CRITICAL, "full");
        assert_string_equal(told(&stage, refusals[i]), "trigger disk critical: full");
        assert_string_equal(told_later(&stage), "trigger disk critical: full");
        assert_string_equal(told_later(&stage), "");
        stage_clear(&stage);
    }
}

static void test_the_door_is_passed(void **state)
{
    (void)state;
    struct stage stage = stage_make();
    troubles_load(stage.troubles, NULL, 0);
    inbox_close_door(stage.inbox);
    begin(&stage, TROUBLE_DISK, "", SEVERITY_CRITICAL, "full");
    assert_string_equal(told(&stage, ANSWER_DONE), "trigger disk critical: full");
    inbox_stop(stage.inbox);
    begin(&stage, TROUBLE_RELOAD, "", SEVERITY_ERROR, "refused"); /* nobody is there any more */
    assert_string_equal(told(&stage, ANSWER_DONE), "");
    stage_clear(&stage);
}

static void test_nothing_is_told_before_what_fires_is_known(void **state)
{
    (void)state;
    struct stage stage = stage_make();
    begin(&stage, TROUBLE_RELOAD, "", SEVERITY_ERROR, "refused");
    begin(&stage, TROUBLE_BROKER, "plant", SEVERITY_ERROR, "away");
    troubles_end(stage.troubles, TROUBLE_BROKER, "plant");
    assert_string_equal(told_later(&stage), "");
    troubles_load(stage.troubles, NULL, 0);
    assert_string_equal(told_later(&stage), "trigger reload error: refused");
    assert_string_equal(told_later(&stage), "");
    stage_clear(&stage);
}

/* Nor is an end that was refused told again at once. */
static void test_a_refused_end_waits(void **state)
{
    (void)state;
    struct stage stage = stage_make();
    troubles_load(stage.troubles, NULL, 0);
    begin(&stage, TROUBLE_BROKER, "plant", SEVERITY_ERROR, "away");
    assert_string_equal(told(&stage, ANSWER_DONE), "trigger broker plant error: away");
    troubles_end(stage.troubles, TROUBLE_BROKER, "plant");
    assert_string_equal(told(&stage, ANSWER_BUSY), "resolve broker plant");
    troubles_end(stage.troubles, TROUBLE_BROKER, "plant");
    assert_string_equal(told(&stage, ANSWER_DONE), "");
    assert_string_equal(told_later(&stage), "resolve broker plant");
    stage_clear(&stage);
}

/* A restart: of what fired before, one is over, one goes on, one is watched no more, one has not been looked at. */
static void test_a_restart(void **state)
{
    (void)state;
    static const char *const keys[] = {"broker plant",
                                       "calendar lead",
                                       "calendar gone",
                                       "calendar other one",
                                       "disk",
                                       "overflow shop",
                                       "odd"};
    static const char *const names[] = {"lead", "other "};
    struct stage stage = stage_make();
    begin(&stage, TROUBLE_CALENDAR, "lead", SEVERITY_WARNING, "still old");
    troubles_load(stage.troubles, keys, sizeof(keys) / sizeof(keys[0]));
    assert_string_equal(told_later(&stage), "trigger calendar lead warning: still old");
    troubles_end(stage.troubles, TROUBLE_BROKER, "plant");
    assert_string_equal(told_later(&stage), "resolve broker plant");
    troubles_keep(stage.troubles, TROUBLE_CALENDAR, names, 2);
    assert_string_equal(told_later(&stage), "resolve calendar gone"); /* and "other one" stays */
    assert_string_equal(told_later(&stage), "");
    troubles_end(stage.troubles, TROUBLE_DISK, "");
    assert_string_equal(told_later(&stage), "resolve disk");
    stage_clear(&stage);
}

static void test_a_trouble_over_before_it_was_known_to_fire(void **state)
{
    (void)state;
    static const char *const keys[] = {"broker plant"};
    struct stage stage = stage_make();
    begin(&stage, TROUBLE_BROKER, "plant", SEVERITY_ERROR, "away");
    troubles_end(stage.troubles, TROUBLE_BROKER, "plant");
    troubles_load(stage.troubles, keys, 1);
    troubles_end(stage.troubles, TROUBLE_BROKER, "plant"); /* the next look */
    assert_string_equal(told_later(&stage), "resolve broker plant");
    stage_clear(&stage);
}

static void test_switched_off_all_end_and_none_begins(void **state)
{
    (void)state;
    static const char *const keys[] = {"disk"};
    struct stage stage = stage_make();
    troubles_load(stage.troubles, keys, 1);
    begin(&stage, TROUBLE_RELOAD, "", SEVERITY_ERROR, "refused");
    assert_string_equal(told_later(&stage), "trigger reload error: refused");
    troubles_enable(stage.troubles, false);
    stage.mono_ms += TROUBLES_PAUSE_MS;
    troubles_turn(stage.troubles, stage.mono_ms);
    char both[TEXT_BYTES];
    (void)snprintf(both, sizeof(both), "%s, ", told(&stage, ANSWER_DONE));
    (void)snprintf(both + strlen(both), sizeof(both) - strlen(both), "%s",
                   told(&stage, ANSWER_DONE));
    assert_string_equal(both, "resolve reload, resolve disk");
    begin(&stage, TROUBLE_RELOAD, "", SEVERITY_ERROR, "refused");
    assert_string_equal(told_later(&stage), "");
    troubles_enable(stage.troubles, true);
    begin(&stage, TROUBLE_RELOAD, "", SEVERITY_ERROR, "refused");
    assert_string_equal(told_later(&stage), "trigger reload error: refused");
    stage_clear(&stage);
}

static void test_texts_and_number_are_bounded(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    struct stage stage = stage_make();
    struct input *input = NULL;
    size_t count = 0;
    troubles_load(stage.troubles, NULL, 0);
    memset(text, 'x', sizeof(text));
    memcpy(text + TROUBLES_TEXT_BYTES - 2, "\xc3\xa9", 2); /* would be cut in half */
    text[sizeof(text) - 1] = '\0';
    begin(&stage, TROUBLE_CALENDAR, text, SEVERITY_ERROR, text);
    assert_int_equal(inbox_take(stage.inbox, &input, 1, 0), 1);
    assert_int_equal(strlen(input->u.event.summary), TROUBLES_TEXT_BYTES - 2);
    assert_int_equal(strlen(input->u.event.key), strlen("calendar ") + TROUBLES_TEXT_BYTES - 2);
    input->release(input);
    for (int i = 0; i < 2 * TROUBLES_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "%d", i);
        begin(&stage, TROUBLE_BROKER, name, SEVERITY_ERROR, "away");
    }
    while (told(&stage, ANSWER_DONE)[0] != '\0')
        count++;
    assert_int_equal(count, TROUBLES_MAX - 1);
    troubles_end(stage.troubles, TROUBLE_BROKER, "0");
    assert_string_equal(told_later(&stage), "resolve broker 0");
    assert_string_equal(told_later(&stage), ""); /* forgotten after its pause */
    begin(&stage, TROUBLE_BROKER, "late", SEVERITY_ERROR, "away");
    assert_string_equal(told(&stage, ANSWER_DONE), "trigger broker late error: away");
    stage_clear(&stage);
}

static void test_nobody_to_tell(void **state)
{
    (void)state;
    troubles_begin(NULL, &(struct trouble){.kind = TROUBLE_DISK, .name = "", .summary = ""});
    troubles_end(NULL, TROUBLE_DISK, "");
    troubles_keep(NULL, TROUBLE_DISK, NULL, 0);
    troubles_enable(NULL, true);
    troubles_load(NULL, NULL, 0);
    troubles_turn(NULL, 0);
    troubles_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_is_told_once_until_it_changes_and_ends),
        cmocka_unit_test(test_labels_are_sorted_and_a_lone_one_has_no_name),
        cmocka_unit_test(test_flapping_is_bounded),
        cmocka_unit_test(test_what_was_not_committed_is_told_again),
        cmocka_unit_test(test_the_door_is_passed),
        cmocka_unit_test(test_nothing_is_told_before_what_fires_is_known),
        cmocka_unit_test(test_a_refused_end_waits),
        cmocka_unit_test(test_a_restart),
        cmocka_unit_test(test_a_trouble_over_before_it_was_known_to_fire),
        cmocka_unit_test(test_switched_off_all_end_and_none_begins),
        cmocka_unit_test(test_texts_and_number_are_bounded),
        cmocka_unit_test(test_nobody_to_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

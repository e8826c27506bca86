/* What the engine's thread tells of ourselves: notifications that nobody takes, a full disk; and what fires when it begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/engine/self_watch.h"
#include "gateway/handoff/ticket.h"
#include "tests/unit/engine/rig.h"

enum { LIMIT_S = 300 };

struct scene {
    struct rig rig;
    struct inbox *inbox;
    struct self_watch watch;
    int64_t mono_ms;
};

static int setup(void **state)
{
    struct scene *scene = heap_alloc(sizeof(*scene));
    rig_init(&scene->rig);
    scene->rig.book.outbox_trouble_ms = (int64_t)LIMIT_S * 1000;
    scene->mono_ms = INT64_C(1) << 50;
    assert_int_equal(inbox_create(8, &scene->inbox, NULL), 0);
    scene->watch.troubles = troubles_create(scene->inbox);
    self_watch_load(&scene->watch, scene->rig.engine);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    inbox_destroy(scene->inbox);
    troubles_destroy(scene->watch.troubles);
    rig_clear(&scene->rig);
    free(scene);
    return 0;
}

/* What is told after a look: "trigger KEY"; "" nothing. */
static const char *told(struct scene *scene, bool has_room)
{
    static char text[1024];
    static const struct answer done = {.status = ANSWER_DONE, .text = ""};
    struct input *input = NULL;
    scene->mono_ms += SELF_WATCH_LOOK_MS;
    self_watch_turn(&scene->watch, scene->rig.engine, has_room, scene->mono_ms);
    text[0] = '\0';
    if (inbox_take(scene->inbox, &input, 1, 0) == 0)
        return text;
    (void)snprintf(text, sizeof(text), "%s %s", event_action_name(input->u.event.action),
                   input->u.event.key);
    input->ticket->complete(input->ticket, 0, &done);
    input->release(input);
    return text;
}

static void a_disk_without_room(void **state)
{
    struct scene *scene = *state;
    assert_string_equal(told(scene, true), "");
    assert_string_equal(told(scene, false), "trigger disk");
    assert_string_equal(told(scene, false), "");
    assert_string_equal(told(scene, true), "resolve disk");
}

static void pages_that_delivery_does_not_take(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = &scene->rig;
    rig->holds_offers = true;
    rig_event(rig, EVENT_TRIGGER, "a", SEVERITY_CRITICAL, "other");
    rig_run(rig, LIMIT_S - 1);
    assert_string_equal(told(scene, true), "");
    rig_run(rig, 1);
    assert_string_equal(told(scene, true), "trigger outbox sms");
    rig_run(rig, 60);
    assert_string_equal(told(scene, true), "");
    rig_event(rig, EVENT_RESOLVE, "a", SEVERITY_CRITICAL,
              "other"); /* its pages are not wanted any more */
    assert_string_equal(told(scene, true), "resolve outbox sms");
}

/* Twice within its time is often enough, however often the thread turns. */
static void it_is_not_looked_at_all_the_time(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = &scene->rig;
    struct input *input = NULL;
    assert_string_equal(told(scene, true), "");
    rig->holds_offers = true;
    rig_event(rig, EVENT_TRIGGER, "a", SEVERITY_CRITICAL, "other");
    rig_run(rig, LIMIT_S);
    self_watch_turn(&scene->watch, rig->engine, true, scene->mono_ms + SELF_WATCH_LOOK_MS - 1);
    assert_int_equal(inbox_take(scene->inbox, &input, 1, 0), 0);
    assert_string_equal(told(scene, true), "trigger outbox sms");
}

/* At night only what is not put off waits; the rest is due in the morning. */
static void what_is_put_off_does_not_wait(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = &scene->rig;
    rig_quiet(rig); /* it is 02:00 */
    rig->holds_offers = true;
    rig_event(rig, EVENT_TRIGGER, "a", SEVERITY_WARNING, "other");
    assert_non_null(strstr(rig_log(rig), "deferred"));
    rig_run(rig, 2 * LIMIT_S);
    assert_string_equal(told(scene, true), "");
}

/* Nobody wants it now. */
static void what_is_silenced_does_not_wait(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = &scene->rig;
    struct input input = {.kind = INPUT_COMMAND, .actor = "user root", .credential = ""};
    input.u.reply = (struct reply){.from = "", .via = "cli", .raw = "", .command_count = 1};
    input.u.reply.commands[0] = (struct reply_command){.verb = VERB_SILENCE,
                                                       .text = "why",
                                                       .duration_ms = INT64_C(4000) * LIMIT_S,
                                                       .match_or_null = "service=\"other\"",
                                                       .clock_minute = -1};
    rig->holds_offers = true;
    rig_event(rig, EVENT_TRIGGER, "a", SEVERITY_CRITICAL, "other");
    rig_apply(rig, &input, 1);
    assert_non_null(strstr(rig_log(rig), "suppressed"));
    rig_run(rig, 2 * LIMIT_S);
    assert_string_equal(told(scene, true), "");
}

/* Nobody could send while we were not there. */
static void an_outage_of_ours_is_no_waiting(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = &scene->rig;
    rig->holds_offers = true;
    rig_event(rig, EVENT_TRIGGER, "a", SEVERITY_CRITICAL, "other");
    rig->now_ms += 2 * LIMIT_S * 1000;
    rig_restart(rig);
    assert_string_equal(told(scene, true), "");
}

/* The world after a restart says what fires: what is over ends, what is not ours stays. */
static void what_fires_at_the_start_is_known(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = &scene->rig;
    static const char *const keys[] = {"outbox sms", "disk", "overflow shop"};
    for (size_t i = 0; i < 3; i++) {
        struct input input = rig_event_input(rig, EVENT_TRIGGER, keys[i], SEVERITY_ERROR, "other");
        input.u.event.source = TROUBLE_SOURCE;
        rig_apply(rig, &input, 1);
    }
    rig_event(rig, EVENT_TRIGGER, "reload", SEVERITY_ERROR, "other"); /* of another source */
    rig_restart(rig);
    troubles_destroy(scene->watch.troubles);
    scene->watch.troubles = troubles_create(scene->inbox);
    self_watch_load(&scene->watch, rig->engine);
    troubles_end(scene->watch.troubles, TROUBLE_RELOAD, "");
    assert_string_equal(told(scene, true), "resolve disk");
    assert_string_equal(told(scene, true), "resolve outbox sms");
    assert_string_equal(told(scene, true), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_disk_without_room, setup, teardown),
        cmocka_unit_test_setup_teardown(pages_that_delivery_does_not_take, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_not_looked_at_all_the_time, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_put_off_does_not_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_silenced_does_not_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(an_outage_of_ours_is_no_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(what_fires_at_the_start_is_known, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

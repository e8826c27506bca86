/* Each standing of a step and each state of an incident has its sentence, and it is what the engine acts by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "policies/climb.h"
#include "policies/why.h"

#define NOW INT64_C(1772330700000) /* 2026-03-01T02:05:00Z */
enum { MINUTE = 60000 };

static const struct step steps[] = {
    {.name = "lead", .kind = STEP_PAGE, .wait_ms = 5 * MINUTE},
    {.name = "vp", .kind = STEP_PAGE, .wait_ms = 10 * MINUTE},
    {.name = "acked", .kind = STEP_INFORM, .when = WHEN_ACKED},
    {.name = "told", .kind = STEP_INFORM, .when = WHEN_UNRESOLVED},
    {.name = "care", .kind = STEP_INFORM, .when = WHEN_RESOLVED},
};
static const struct policy policy = {
    .name = "p", .steps = steps, .step_count = 5, .reopen_within_ms = 5 * MINUTE};

struct place {
    struct zone *zone;
    struct rulebook book;
    struct arena arena;
    struct moment moment;
    struct incident incident;
    struct incident_later later;
    struct notification page;
    struct silence silence;
};

static void place_init(struct place *place)
{
    *place = (struct place){.zone = zone_utc()};
    place->book = (struct rulebook){.zone = place->zone};
    arena_init(&place->arena);
    moment_init(&place->moment, &place->book, &place->arena, NOW, 0);
    place->silence = (struct silence){
        .id = 7, .author = "bob", .reason = "deploy", .until_ms = NOW + 30 * MINUTE};
    place->page = (struct notification){.id = 1,
                                        .kind = KIND_PAGE,
                                        .contact = "ann",
                                        .channel = "sms",
                                        .step = "lead",
                                        .climb = 1,
                                        .state = NOTIFICATION_ACCEPTED,
                                        .due_at_ms = NOW - 5 * MINUTE,
                                        .next_at_ms = NOW - 5 * MINUTE};
    place->later = incident_blank;
    place->incident = (struct incident){.number = 3,
                                        .policy = &policy,
                                        .later = &place->later,
                                        .state = INCIDENT_TRIGGERED,
                                        .priority = 1,
                                        .live = true,
                                        .notifications = &place->page};
    place->incident.ladder.climb = place->incident.ladder.first_climb = 1;
    place->incident.ladder.left_held = true;
    place->incident.ladder.page_from = 1;
    place->incident.ladder.anchor_ms = place->incident.ladder.page_base_ms =
        NOW - 5 * MINUTE + 1000;
}

static void place_clear(struct place *place)
{
    arena_clear(&place->arena);
    zone_destroy(place->zone);
}

/* All sentences, a line each, behind the name of their decision. */
static void expect(struct place *place, const char *want)
{
    const struct suppression now = {
        .book = &place->book, .wall_ms = NOW, .silences = &place->silence, .silence_count = 1};
    struct decisions decisions;
    struct strbuf got;
    strbuf_init(&got, 65536);
    why_incident(&place->incident, &now, &place->moment, &decisions);
    for (size_t i = 0; i < decisions.count; i++)
        strbuf_printf(&got, "%s: %s\n", decision_kind_name(decisions.items[i].kind),
                      decisions.items[i].text);
    assert_string_equal(strbuf_text(&got), want);
    /* What is said to come next is what the engine will do next. */
    const struct due due = climb_due(&place->incident);
    const struct decision *last = &decisions.items[decisions.count - 1];
    assert_int_equal(last->kind, DECISION_NEXT);
    if (due.kind == DUE_STEP)
        assert_int_equal(last->at_ms, due.at_ms);
    strbuf_clear(&got);
}

static void a_running_ladder(void **state)
{
    (void)state;
    struct place place;
    place_init(&place);
    expect(&place, "step-ran: step lead ran at 02:00:00\n"
                   "step-due: step vp at 02:05:01\n"
                   "step-awaits-ack: step acked waits for the first acknowledgement\n"
                   "step-due: step told at 02:15:01\n"
                   "step-awaits-resolution: step care waits for the resolution\n"
                   "next: next: step vp at 02:05:01\n");
    place.incident.ladder.page_from = 2;
    place.incident.ladder.exhausted = true;
    place.incident.later->ladder.fallback_at_ms = NOW + 60 * MINUTE;
    place.page.state = NOTIFICATION_PENDING;
    place.page.attempt_count = 2;
    place.page.next_at_ms = NOW + 1000;
    expect(&place, "exhausted: the ladder has no step left and nobody has acknowledged\n"
                   "step-ran: step lead ran at 02:00:00\n"
                   "step-ran: step vp has had its turn\n"
                   "step-awaits-ack: step acked waits for the first acknowledgement\n"
                   "step-due: step told at 02:15:01\n"
                   "step-awaits-resolution: step care waits for the resolution\n"
                   "sending: page to ann by sms: tried 2 times, again at 02:05:01\n"
                   "next: next: step told at 02:15:01\n");
    place_clear(&place);
}

static void held_back_by_a_silence(void **state)
{
    (void)state;
    struct place place;
    place_init(&place);
    place.incident.later->mark = "silence 7";
    place.incident.later->flap = "1772331000000 4 1772330400000";
    expect(
        &place,
        "suppressed: suppressed by silence 7 (deploy, by bob) until 02:35:00\n"
        "flapping: flapping until 02:10:00 unless it changes again: 4 resolves were only counted\n"
        "step-ran: step lead ran at 02:00:00\n"
        "step-suppressed: step vp parked at 02:05:01: suppressed by silence 7 (deploy, by bob) "
        "until 02:35:00\n"
        "step-awaits-ack: step acked waits for the first acknowledgement\n"
        "step-suppressed: step told parked at 02:15:01: suppressed by silence 7 (deploy, by "
        "bob) until 02:35:00\n"
        "step-awaits-resolution: step care waits for the resolution\n"
        "next: next: it counts as calm at 02:10:00\n");
    place.incident.later->flap = "";
    place.incident.later->mark = "inhibition down";
    expect(&place, "suppressed: suppressed by inhibition down\n"
                   "step-ran: step lead ran at 02:00:00\n"
                   "step-suppressed: step vp parked at 02:05:01: suppressed by inhibition down\n"
                   "step-awaits-ack: step acked waits for the first acknowledgement\n"
                   "step-suppressed: step told parked at 02:15:01: suppressed by inhibition down\n"
                   "step-awaits-resolution: step care waits for the resolution\n"
                   "next: next: nothing while it is suppressed by inhibition down\n");
    place_clear(&place);
}

static void parked_by_an_answer(void **state)
{
    (void)state;
    struct place place;
    place_init(&place);
    place.incident.state = INCIDENT_ACKNOWLEDGED;
    place.incident.later->owner = "ann";
    place.incident.later->acked_at_ms = NOW;
    place.incident.later->ack_until_ms = NOW + 40 * MINUTE;
    place.incident.later->ladder.reminder_at_ms = NOW + 8 * MINUTE;
    expect(&place, "acknowledged: acknowledged by ann until 02:45:00\n"
                   "step-ran: step lead ran at 02:00:00\n"
                   "step-parked: step vp parked at 02:05:01: acknowledged by ann until 02:45:00\n"
                   "step-due: step acked at 02:15:01\n"
                   "step-due: step told at 02:15:01\n"
                   "step-awaits-resolution: step care waits for the resolution\n"
                   "next: next: ann is asked for a new estimate at 02:13:00\n");
    place_clear(&place);
}

/* The last two of the order hold back single messages. */
static void deferred_messages(void **state)
{
    (void)state;
    struct place place;
    place_init(&place);
    struct notification bundled = place.page;
    bundled.state = NOTIFICATION_PENDING;
    bundled.contact = "bob";
    bundled.digest = 9;
    bundled.next_at_ms = NOW + 10000;
    place.page.state = NOTIFICATION_PENDING;
    place.page.deferred = true;
    place.page.next_at_ms = NOW + 55 * MINUTE;
    place.page.next = &bundled;
    expect(&place,
           "step-ran: step lead ran at 02:00:00\n"
           "step-due: step vp at 02:05:01\n"
           "step-awaits-ack: step acked waits for the first acknowledgement\n"
           "step-due: step told at 02:15:01\n"
           "step-awaits-resolution: step care waits for the resolution\n"
           "deferred-quiet-hours: page to ann by sms waits for the end of quiet hours at 03:00:00\n"
           "deferred-rate-limit: page to bob by sms goes out in digest 9 at 02:05:10\n"
           "next: next: step vp at 02:05:01\n");
    place.page.next = NULL;
    expect(&place,
           "step-ran: step lead has had its turn\n"
           "step-due: step vp at 02:05:01\n"
           "step-awaits-ack: step acked waits for the first acknowledgement\n"
           "step-due: step told at 02:15:01\n"
           "step-awaits-resolution: step care waits for the resolution\n"
           "deferred-quiet-hours: page to ann by sms waits for the end of quiet hours at 03:00:00\n"
           "next: next: step vp at 02:05:01\n");
    place.page.next = &bundled;
    bundled.state = NOTIFICATION_CLAIMED;
    place.page.next_at_ms = NOW - 1; /* the morning has come: it is sent like any other */
    expect(&place, "step-ran: step lead ran at 02:00:00\n"
                   "step-due: step vp at 02:05:01\n"
                   "step-awaits-ack: step acked waits for the first acknowledgement\n"
                   "step-due: step told at 02:15:01\n"
                   "step-awaits-resolution: step care waits for the resolution\n"
                   "sending: page to ann by sms at 02:04:59\n"
                   "sending: page to bob by sms is being sent\n"
                   "next: next: step vp at 02:05:01\n");
    place_clear(&place);
}

static void before_and_after(void **state)
{
    (void)state;
    struct place place;
    place_init(&place);
    place.incident.notifications = NULL;
    place.incident.state = INCIDENT_HELD;
    place.incident.ladder.page_from = 0;
    place.incident.ladder.anchor_ms = place.incident.ladder.page_base_ms = NOW + MINUTE;
    expect(&place, "held: held until 02:06:00\n"
                   "step-due: step lead at 02:06:00\n"
                   "step-due: step vp at 02:11:00\n"
                   "step-awaits-ack: step acked waits for the first acknowledgement\n"
                   "step-due: step told at 02:21:00\n"
                   "step-awaits-resolution: step care waits for the resolution\n"
                   "next: next: the hold ends at 02:06:00\n");
    place.incident.state = INCIDENT_RESOLVED;
    place.incident.later->resolved_at_ms = NOW;
    expect(&place, "resolved: resolved at 02:05:00\n"
                   "step-over: step lead will not run: resolved\n"
                   "step-over: step vp will not run: resolved\n"
                   "step-over: step acked will not run: resolved\n"
                   "step-over: step told will not run: resolved\n"
                   "step-due: step care at 02:21:00\n"
                   "next: next: step care at 02:21:00\n");
    place_clear(&place);
}

static const struct step talk_steps[] = {
    {.name = "affected",
     .kind = STEP_INFORM,
     .when = WHEN_UNRESOLVED,
     .require = 1 << PART_WHAT | 1 << PART_AVOID,
     .then = APPROVE_ESCALATE},
    {.name = "roll-call", .kind = STEP_ASK, .when = WHEN_UNRESOLVED},
};
static const struct policy talk_policy = {
    .name = "p", .steps = talk_steps, .step_count = 2, .reopen_within_ms = 5 * MINUTE};

/* Each gate of an update and an open question say whom they wait for, and until when. */
static void updates_and_questions(void **state)
{
    (void)state;
    static const struct contact contacts[] = {{.name = "ann"}, {.name = "bob"}, {.name = "carol"}};
    struct place place;
    place_init(&place);
    struct notification approve = place.page;
    place.book.contacts = contacts;
    place.book.contact_count = 3;
    place.incident.policy = &talk_policy;
    place.incident.later->owner = "ann";
    place.incident.state = INCIDENT_ACKNOWLEDGED;
    place.incident.later->ack_until_ms = NOW + 40 * MINUTE;
    place.incident.ladder.ran = 3;
    struct talks *talks = talks_of(&place.incident);
    struct update *update = talks_add_update(talks, "affected");
    update->due_at_ms = NOW + 10 * MINUTE;
    talks_set_text(talks, &talks->parts[PART_AVOID], "more disks");
#define SO_FAR                                                                                     \
    "acknowledged: acknowledged by ann until 02:45:00\n"                                           \
    "step-ran: step affected has had its turn\n"                                                   \
    "step-ran: step roll-call has had its turn\n"
    expect(&place, SO_FAR
           "update-incomplete: update affected waits for what from ann, asked again at 02:15:00\n"
           "next: next: update affected at 02:15:00\n");
    update->state = UPDATE_CHANGED;
    expect(&place, SO_FAR "update-changed: update affected was changed: it goes on at 02:15:00\n"
                          "next: next: update affected at 02:15:00\n");
    update->state = UPDATE_RETURNED;
    expect(&place,
           SO_FAR "update-returned: update affected was returned to ann, asked again at 02:15:00\n"
                  "next: next: update affected at 02:15:00\n");
    approve.kind = KIND_APPROVE;
    approve.contact = "carol";
    approve.step = "affected";
    approve.repetition = 2;
    place.incident.notifications = &approve;
    update->state = UPDATE_HELD;
    update->round = 2;
    expect(&place, SO_FAR "update-held: update affected waits for approval by carol until "
                          "02:15:00, then the fallback is asked\n"
                          "next: next: update affected at 02:15:00\n");
    update->state = UPDATE_SENT;
    update->due_at_ms = 0;
    update->promised_at_ms = NOW + 20 * MINUTE;
    struct ask *ask = talks_add_ask(talks, "roll-call");
    ask->deadline_at_ms = NOW + 30 * MINUTE;
    ask->remind_at_ms = NOW + 9 * MINUTE;
    ask_add_person(talks, ask, "ann")->answered = true;
    (void)ask_add_person(talks, ask, "bob");
    (void)ask_add_person(talks, ask, "carol");
    expect(&place,
           SO_FAR "update-promised: update affected: the next one is promised for 02:25:00\n"
                  "ask-open: question roll-call is open until 02:35:00, silent: bob, carol, "
                  "reminded at 02:14:00\n"
                  "next: next: question roll-call at 02:14:00\n");
    talks_clear(talks);
    free(talks);
    place_clear(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_running_ladder),    cmocka_unit_test(held_back_by_a_silence),
        cmocka_unit_test(parked_by_an_answer), cmocka_unit_test(deferred_messages),
        cmocka_unit_test(before_and_after),    cmocka_unit_test(updates_and_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "gateway/base/text.h"
#include "policies/incident.h"

enum { MINUTE = 60000, NOW = 1000000 };

static const struct target ann_target = {.kind = TARGET_CONTACT, .name = "ann"};
static const struct step page_ann = {.name = "lead",
                                     .kind = STEP_PAGE,
                                     .wait_ms = 5 * MINUTE,
                                     .targets = &ann_target,
                                     .target_count = 1};
static const struct policy policy = {.name = "default",
                                     .steps = &page_ann,
                                     .step_count = 1,
                                     .hold_ms = MINUTE,
                                     .ack_timeout_ms = 30 * MINUTE,
                                     .eta_grace_ms = 5 * MINUTE,
                                     .eta_max_ms = 24 * 60 * MINUTE,
                                     .reach_within_ms = 2 * MINUTE,
                                     .reopen_within_ms = 5 * MINUTE,
                                     .fallback_every_ms = 60 * MINUTE};
static const struct method methods[] = {{"sms", "+1"}, {"email", "a@b"}};
static const struct reach_rule by_sms = {.method = 0};
static const char *const channels[] = {"sms", "email"};

/* A rulebook of one contact; the zone makes it not constant. */
struct place {
    struct contact contacts[2];
    struct rulebook book;
    struct zone *zone;
    struct arena arena;
    struct moment moment;
    struct incident incident;
    struct incident_later later;
    char text[16];
};

static void place_init(struct place *place)
{
    *place = (struct place){.zone = zone_utc(), .text = "g\0title"};
    static const char *const names[] = {"ann", "bob"};
    for (int i = 0; i < 2; i++)
        place->contacts[i] = (struct contact){.name = names[i],
                                              .full_name = names[i],
                                              .methods = methods,
                                              .method_count = 2,
                                              .page = &by_sms,
                                              .page_count = 1,
                                              .inform = &by_sms,
                                              .inform_count = 1,
                                              .zone = place->zone};
    place->book = (struct rulebook){.contacts = place->contacts,
                                    .contact_count = 2,
                                    .channels = channels,
                                    .channel_count = 2,
                                    .default_policy = &policy,
                                    .zone = place->zone,
                                    .site_name = "test",
                                    .public_url = ""};
    arena_init(&place->arena);
    moment_init(&place->moment, &place->book, &place->arena, NOW, 0);
    place->later = incident_blank;
    place->incident = (struct incident){.number = 7,
                                        .policy = &policy,
                                        .text = place->text,
                                        .title_offset = 2,
                                        .source = "monitor",
                                        .later = &place->later,
                                        .state = INCIDENT_HELD,
                                        .priority = 1,
                                        .live = true};
}

static void place_clear(struct place *place)
{
    arena_clear(&place->arena);
    zone_destroy(place->zone);
}

static void apply(struct place *place, struct move move)
{
    move.actor = "test";
    move.credential = "";
    move.text = move.text != NULL ? move.text : "";
    move.by = move.by != NULL ? move.by : "ann";
    moment_next(&place->moment);
    incident_apply(&place->incident, &move, &place->moment);
}

static void every_cell_is_filled(void **state)
{
    (void)state;
    for (int row = 0; row < INCIDENT_STATE_COUNT; row++) {
        for (int column = 0; column < MOVE_KIND_COUNT; column++) {
            if (!incident_has_transition((enum incident_state)row, (enum move_kind)column))
                fail_msg("%s, move %d", incident_state_name((enum incident_state)row), column);
        }
    }
}

/* Moves that lead to each state, then one more: where does that end? */
static const enum move_kind to_state[INCIDENT_STATE_COUNT][4] = {
    [INCIDENT_HELD] = {MOVE_OPEN, MOVE_KIND_COUNT},
    [INCIDENT_TRIGGERED] = {MOVE_OPEN, MOVE_ESCALATE, MOVE_KIND_COUNT},
    [INCIDENT_ACKNOWLEDGED] = {MOVE_OPEN, MOVE_ACK, MOVE_KIND_COUNT},
    [INCIDENT_RESOLVED] = {MOVE_OPEN, MOVE_ESCALATE, MOVE_RESOLVE, MOVE_KIND_COUNT},
};

static void moves_lead_where_the_rules_say(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum incident_state given;
        struct move move;
        enum incident_state want;
    } cases[] = {
        {"held: all clear, nobody told", INCIDENT_HELD, {.kind = MOVE_CLEAR}, INCIDENT_RESOLVED},
        {"held: an ack counts", INCIDENT_HELD, {.kind = MOVE_ACK}, INCIDENT_ACKNOWLEDGED},
        {"held: take is an ack", INCIDENT_HELD, {.kind = MOVE_TAKE}, INCIDENT_ACKNOWLEDGED},
        {"held: escalate ends the hold",
         INCIDENT_HELD,
         {.kind = MOVE_ESCALATE},
         INCIDENT_TRIGGERED},
        {"held: time alone does not", INCIDENT_HELD, {.kind = MOVE_TIME}, INCIDENT_HELD},
        {"held: a further alert waits", INCIDENT_HELD, {.kind = MOVE_FIRE}, INCIDENT_HELD},
        {"triggered: ack", INCIDENT_TRIGGERED, {.kind = MOVE_ACK}, INCIDENT_ACKNOWLEDGED},
        {"triggered: clear", INCIDENT_TRIGGERED, {.kind = MOVE_CLEAR}, INCIDENT_RESOLVED},
        {"triggered: a note changes nothing",
         INCIDENT_TRIGGERED,
         {.kind = MOVE_FIELD, .verb = VERB_NOTE},
         INCIDENT_TRIGGERED},
        {"acknowledged: escalate ends it",
         INCIDENT_ACKNOWLEDGED,
         {.kind = MOVE_ESCALATE},
         INCIDENT_TRIGGERED},
        {"acknowledged: the owner passes",
         INCIDENT_ACKNOWLEDGED,
         {.kind = MOVE_PASS},
         INCIDENT_TRIGGERED},
        {"acknowledged: another passes",
         INCIDENT_ACKNOWLEDGED,
         {.kind = MOVE_PASS, .by = "bob"},
         INCIDENT_ACKNOWLEDGED},
        {"acknowledged: a second ack",
         INCIDENT_ACKNOWLEDGED,
         {.kind = MOVE_ACK, .by = "bob"},
         INCIDENT_ACKNOWLEDGED},
        {"acknowledged: resolve", INCIDENT_ACKNOWLEDGED, {.kind = MOVE_RESOLVE}, INCIDENT_RESOLVED},
        {"resolved: a late ack is a note",
         INCIDENT_RESOLVED,
         {.kind = MOVE_ACK},
         INCIDENT_RESOLVED},
        {"resolved: escalate is refused",
         INCIDENT_RESOLVED,
         {.kind = MOVE_ESCALATE},
         INCIDENT_RESOLVED},
        {"resolved: opening again starts over",
         INCIDENT_RESOLVED,
         {.kind = MOVE_OPEN},
         INCIDENT_HELD},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct place place;
        place_init(&place);
        for (size_t m = 0; to_state[cases[i].given][m] != MOVE_KIND_COUNT; m++)
            apply(&place, (struct move){.kind = to_state[cases[i].given][m]});
        assert_int_equal(place.incident.state, cases[i].given);
        apply(&place, cases[i].move);
        if (place.incident.state != cases[i].want)
            fail_msg("%s: %s", cases[i].name,
                     incident_state_name((enum incident_state)place.incident.state));
        place_clear(&place);
    }
}

static void results_never_change_an_answer(void **state)
{
    (void)state;
    struct notification page = {
        .id = 1, .kind = KIND_PAGE, .step = "lead", .contact = "ann", .channel = "sms", .climb = 1};
    static const enum incident_state states[] = {INCIDENT_ACKNOWLEDGED, INCIDENT_RESOLVED};
    static const enum move_kind kinds[] = {MOVE_ACCEPTED, MOVE_FAILED};
    for (size_t s = 0; s < 2; s++) {
        for (size_t k = 0; k < 2; k++) {
            struct place place;
            place_init(&place);
            for (size_t m = 0; to_state[states[s]][m] != MOVE_KIND_COUNT; m++)
                apply(&place, (struct move){.kind = to_state[states[s]][m]});
            apply(&place, (struct move){.kind = kinds[k], .notification = &page});
            assert_int_equal(place.incident.state, states[s]);
            assert_int_equal(place.moment.act_count, 0);
            place_clear(&place);
        }
    }
}

static void an_eta_is_a_promise_with_a_limit(void **state)
{
    (void)state;
    struct place place;
    place_init(&place);
    apply(&place, (struct move){.kind = MOVE_OPEN});
    apply(&place, (struct move){.kind = MOVE_ACK, .eta_at_ms = NOW + 48LL * 60 * MINUTE});
    assert_int_equal(place.incident.later->eta_at_ms, NOW + policy.eta_max_ms);
    assert_int_equal(place.incident.later->ack_until_ms,
                     NOW + policy.eta_max_ms + policy.eta_grace_ms);
    assert_non_null(
        strstr(place.moment.answer, ". That ETA is too far: at most 1d ahead is taken here."));
    apply(&place, (struct move){.kind = MOVE_ACK, .eta_at_ms = NOW + 10 * MINUTE});
    assert_int_equal(place.incident.later->slip_count, 0);
    assert_null(strstr(place.moment.answer, "too far"));
    apply(&place, (struct move){.kind = MOVE_ACK, .eta_at_ms = NOW + 20 * MINUTE});
    assert_int_equal(place.incident.later->slip_count, 1);
    apply(&place, (struct move){.kind = MOVE_ACK, .by = "bob", .eta_at_ms = NOW + 90 * MINUTE});
    assert_string_equal(place.incident.later->owner, "ann");
    assert_int_equal(place.incident.later->eta_at_ms, NOW + 20 * MINUTE);
    assert_non_null(strstr(place.moment.answer, "ann already has #7 until"));
    apply(&place, (struct move){.kind = MOVE_TAKE, .by = "bob"});
    assert_string_equal(place.incident.later->owner, "bob");
    assert_int_equal(place.incident.later->eta_at_ms, NOW + 20 * MINUTE);
    place_clear(&place);
}

static void whoever_is_next_hears_what_was_promised(void **state)
{
    (void)state;
    struct place place;
    place_init(&place);
    apply(&place, (struct move){.kind = MOVE_OPEN});
    apply(&place, (struct move){.kind = MOVE_ESCALATE});
    apply(&place, (struct move){.kind = MOVE_ACK, .eta_at_ms = NOW + 10 * MINUTE});
    apply(&place, (struct move){.kind = MOVE_ACK, .eta_at_ms = NOW + 20 * MINUTE});
    place.moment.now_ms = NOW + 25 * MINUTE;
    apply(&place, (struct move){.kind = MOVE_TIME, .by = ""});
    const char *told = "";
    for (size_t i = 0; i < place.moment.act_count; i++) {
        const struct act *act = &place.moment.acts[i];
        if (act->kind == ACT_SEND && act->u.message.kind == KIND_PAGE)
            told = act->u.message.text;
    }
    assert_string_equal(told, "ann promised Thu 1970-01-01 00:36 (UTC), before that 00:26, "
                              "and it has passed (2 slips)");
    place_clear(&place);
}

/* A day further on, and more of them than are kept. */
static void every_promise_is_heard_up_to_a_bound(void **state)
{
    (void)state;
    struct place place;
    place_init(&place);
    apply(&place, (struct move){.kind = MOVE_OPEN});
    apply(&place, (struct move){.kind = MOVE_ESCALATE});
    for (int64_t i = 1; i <= LADDER_PROMISES_MAX + 1; i++)
        apply(&place, (struct move){.kind = MOVE_ACK, .eta_at_ms = NOW + i * 85 * MINUTE});
    place.moment.now_ms = NOW + (LADDER_PROMISES_MAX + 1) * 85 * MINUTE + 5 * MINUTE;
    apply(&place, (struct move){.kind = MOVE_TIME, .by = ""});
    const char *told = "";
    for (size_t i = 0; i < place.moment.act_count; i++) {
        const struct act *act = &place.moment.acts[i];
        if (act->kind == ACT_SEND && act->u.message.kind == KIND_PAGE)
            told = act->u.message.text;
    }
    assert_string_equal(
        told, "ann promised Fri 1970-01-02 00:16 (UTC), before that 1 earlier, Thu 1970-01-01 "
              "03:06 (UTC), 04:31, 05:56, 07:21, 08:46, 10:11, 11:36, 13:01, 14:26, 15:51, 17:16, "
              "18:41, 20:06, 21:31, 22:56, and it has passed (17 slips)");
    place_clear(&place);
}

static void a_bare_ack_renews_only_after_the_reminder(void **state)
{
    (void)state;
    struct place place;
    place_init(&place);
    apply(&place, (struct move){.kind = MOVE_OPEN});
    apply(&place, (struct move){.kind = MOVE_ACK});
    int64_t until_ms = place.incident.later->ack_until_ms;
    assert_int_equal(until_ms, NOW + 30 * MINUTE);
    assert_int_equal(incident_next_due_ms(&place.incident), until_ms - 5 * MINUTE);
    place.moment.now_ms += 10 * MINUTE;
    apply(&place, (struct move){.kind = MOVE_ACK});
    assert_int_equal(place.incident.later->ack_until_ms, until_ms);
    place.moment.now_ms = until_ms - 5 * MINUTE;
    apply(&place, (struct move){.kind = MOVE_TIME});
    assert_true(place.incident.ladder.reminded);
    apply(&place, (struct move){.kind = MOVE_ACK});
    assert_int_equal(place.incident.later->ack_until_ms, place.moment.now_ms + 30 * MINUTE);
    place_clear(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_is_filled),
        cmocka_unit_test(moves_lead_where_the_rules_say),
        cmocka_unit_test(results_never_change_an_answer),
        cmocka_unit_test(an_eta_is_a_promise_with_a_limit),
        cmocka_unit_test(whoever_is_next_hears_what_was_promised),
        cmocka_unit_test(every_promise_is_heard_up_to_a_bound),
        cmocka_unit_test(a_bare_ack_renews_only_after_the_reminder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

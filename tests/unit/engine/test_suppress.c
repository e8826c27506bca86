/* What holds incidents back, kept up step by step, against the same looked up anew each time; and what a refused commit or a
 * restart does to it (DESIGN section 4, rules 13 and 14). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/engine/alert_event.h"
#include "gateway/engine/engine_state.h"
#include "policies/route.h"
#include "policies/suppression.h"
#include "tests/unit/engine/rig.h"

enum { SEEDS = 40, STEPS = 150, SECOND = 1000, MINUTES = 60 * SECOND };

static const struct matcher is_critical = {
    .label = "severity", .op = MATCH_EQUAL, .value = "critical"};
static const struct matcher is_error = {.label = "severity", .op = MATCH_EQUAL, .value = "error"};
static const struct matcher is_warning = {
    .label = "severity", .op = MATCH_EQUAL, .value = "warning"};
static const struct matcher is_key_d = {.label = "key", .op = MATCH_EQUAL, .value = "d"};
static const struct match_line critical_line[] = {{.matchers = &is_critical, .matcher_count = 1}};
static const struct match_line bad_lines[] = {{.matchers = &is_critical, .matcher_count = 1},
                                              {.matchers = &is_error, .matcher_count = 1}};
static const struct match_line mild_lines[] = {{.matchers = &is_error, .matcher_count = 1},
                                               {.matchers = &is_warning, .matcher_count = 1}};
static const struct match_line key_d_line[] = {{.matchers = &is_key_d, .matcher_count = 1}};
static const char *const service[] = {"service"};
static const struct inhibit inhibits[] = {
    {.name = "worse",
     .when = bad_lines,
     .when_count = 2,
     .mute = mild_lines,
     .mute_count = 2,
     .equal = service,
     .equal_count = 1},
    {.name = "all", .when = key_d_line, .when_count = 1, .mute = critical_line, .mute_count = 1},
};
static const struct maintenance_window windows[] = {
    {.from_ms = RIG_START_MS + 20 * MINUTES, .until_ms = RIG_START_MS + 40 * MINUTES},
    {.from_ms = RIG_START_MS + 40 * MINUTES, .until_ms = RIG_START_MS + 50 * MINUTES},
    {.from_ms = RIG_START_MS + 100 * MINUTES, .until_ms = RIG_START_MS + 140 * MINUTES},
};
static const struct maintenance maintenances[] = {
    {.name = "work", .match = mild_lines, .match_count = 1, .windows = windows, .window_count = 3}};

static void use_rules(struct rig *rig)
{
    for (size_t i = 0; i < RIG_POLICIES; i++) {
        rig->policies[i].flap_count = 3;
        rig->policies[i].flap_ms = 10 * MINUTES;
    }
    rig->book.inhibits = inhibits;
    rig->book.inhibit_count = 2;
    rig->book.maintenances = maintenances;
    rig->book.maintenance_count = 1;
    rig_reload(rig, false);
}

static uint64_t pick(uint64_t *seed, uint64_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*seed >> 33) % below;
}

/* The naive answer: every other firing alert is looked at. */
static bool is_inhibited(void *self, const struct inhibit *rule, const struct event *event,
                         const char *key)
{
    const struct engine *engine = self;
    bool fits_both = route_any_line(rule->when, rule->when_count, event, key, NULL);
    size_t slot = 0;
    bool found = false;
    struct arena arena;
    arena_init(&arena);
    for (struct incident *incident = table_each(&engine->world.incidents, &slot); incident != NULL;
         incident = table_each(&engine->world.incidents, &slot)) {
        for (const struct alert *a = incident->alerts; a != NULL; a = a->next) {
            struct event other;
            alert_event(a, &arena, &other);
            bool is_source = incident_is_open(incident) && a->firing &&
                             route_any_line(rule->when, rule->when_count, &other, other.key, NULL);
            bool too = route_any_line(rule->mute, rule->mute_count, &other, other.key, NULL);
            bool equal = rule->equal_count == 0 || strcmp(route_label(&other, other.key, "service"),
                                                          route_label(event, key, "service")) == 0;
            found = found || (is_source && equal && !(fits_both && too));
        }
    }
    arena_clear(&arena);
    return found;
}

static const char *naive_mark(struct engine *engine, const struct alert *alert, struct arena *arena)
{
    bool holds[1] = {engine->book->maintenance_count > 0 &&
                     maintenance_holds(&maintenances[0], engine->now_ms + engine->wall_offset_ms)};
    const struct suppression now = {.book = engine->book,
                                    .wall_ms = engine->now_ms + engine->wall_offset_ms,
                                    .now_ms = engine->now_ms,
                                    .holds = holds,
                                    .silences = engine->world.silences.items,
                                    .silence_count = engine->world.silences.count,
                                    .is_inhibited = is_inhibited,
                                    .self = engine};
    struct event event;
    alert_event(alert, arena, &event);
    return suppression_mark(&now, &event, event.key, arena);
}

static void check_incident(struct engine *engine, const struct incident *incident)
{
    bool fires = incident_firing_count(incident) > 0;
    bool all = true;
    const char *first = "";
    struct arena arena;
    arena_init(&arena);
    for (const struct alert *a = incident->alerts; a != NULL; a = a->next) {
        const char *mark = naive_mark(engine, a, &arena);
        assert_string_equal(a->later->mark, mark);
        if (fires && !a->firing)
            continue;
        all = all && mark[0] != '\0';
        if (first[0] == '\0')
            first = mark;
    }
    assert_string_equal(incident->later->mark, all ? first : "");
    arena_clear(&arena);
}

/* Between two steps, with nothing due: everything is as looked up anew. */
static void check_marks(struct rig *rig)
{
    struct engine *engine = rig->engine;
    size_t slot = 0;
    if (rig->verdict != STORE_COMMITTED || engine_next_due_ms(engine) <= engine->now_ms)
        return;
    uint64_t held[SUPPRESSION_KIND_COUNT] = {0};
    struct engine_counts counts;
    assert_int_equal(engine->unsettled_count, 0);
    for (struct incident *incident = table_each(&engine->world.incidents, &slot); incident != NULL;
         incident = table_each(&engine->world.incidents, &slot)) {
        if (incident_is_open(incident))
            check_incident(engine, incident);
        if (incident_is_open(incident) && incident->later->mark[0] != '\0')
            held[suppression_kind(incident->later->mark)]++;
        for (const struct notification *n = incident->notifications; n != NULL; n = n->next)
            assert_false(incident->later->mark[0] != '\0' && n->kind == KIND_PAGE &&
                         n->state == NOTIFICATION_PENDING);
    }
    engine_counts(engine, &counts);
    assert_memory_equal(counts.suppressed_incidents, held, sizeof(held));
}

static void silence_input(struct input *input, enum verb verb, const char *match, int64_t for_ms)
{
    *input = (struct input){.kind = INPUT_COMMAND, .actor = "user root", .credential = ""};
    input->u.reply = (struct reply){.from = "", .via = "cli", .raw = "", .command_count = 1};
    input->u.reply.commands[0] = (struct reply_command){.verb = verb,
                                                        .text = "why",
                                                        .duration_ms = for_ms,
                                                        .match_or_null = match,
                                                        .clock_minute = -1};
}

static void silence(struct rig *rig, enum verb verb, const char *match, int64_t for_ms)
{
    struct input input;
    silence_input(&input, verb, match, for_ms);
    rig_apply(rig, &input, 1);
    if (rig->verdict == STORE_COMMITTED)
        rig_settle(rig);
}

/* `ahead_ms`: it begins so much later; 0: at once. */
static void silence_later(struct rig *rig, const char *match, int64_t for_ms, int64_t ahead_ms)
{
    struct input input;
    silence_input(&input, VERB_SILENCE, match, for_ms);
    if (ahead_ms != 0)
        input.u.reply.commands[0].from_at_ms =
            rig->engine->now_ms + rig->engine->wall_offset_ms + ahead_ms;
    rig_apply(rig, &input, 1);
    if (rig->verdict == STORE_COMMITTED)
        rig_settle(rig);
}

static void live_on(struct rig *rig, uint64_t *seed)
{
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f"};
    static const char *const services[] = {"shop", "crew", "manual", "blog"};
    static const char *const matches[] = {"service=\"shop\"", "key=~\"a|b\"",
                                          "severity!=\"critical\", service=~\".*\"", "bad"};
    static const char *const numbers[] = {"1", "2", "3", "4"};
    switch (pick(seed, 12)) {
    case 0:
        silence_later(rig, matches[pick(seed, 4)], (int64_t)pick(seed, 1200) * SECOND,
                      pick(seed, 2) == 0 ? 0 : (int64_t)pick(seed, 600) * SECOND);
        break;
    case 1:
        silence(rig, VERB_UNSILENCE, numbers[pick(seed, 4)], 0);
        break;
    case 2:
        if (pick(seed, 4) == 0)
            rig_reload(rig, rig->current == &rig->book);
        break;
    case 3:
        rig_say(rig, "ann", 1 + pick(seed, 8), pick(seed, 4) == 0 ? VERB_RESOLVE : VERB_ACK);
        break;
    case 4:
        if (pick(seed, 2) == 0)
            store_fail_commit(rig->store, (int64_t)(1 + pick(seed, 2)), STORE_BUSY, false);
        break;
    case 5:
        rig_jump(rig, (int64_t)pick(seed, 1500));
        break;
    case 6:
        if (pick(seed, 4) == 0)
            rig_restart(rig);
        break;
    case 7:
    case 8:
        rig_run(rig, (int64_t)pick(seed, 400));
        break;
    default:
        rig_event(rig, pick(seed, 3) == 0 ? EVENT_RESOLVE : EVENT_TRIGGER, keys[pick(seed, 6)],
                  (enum severity)pick(seed, SEVERITY_COUNT), services[pick(seed, 4)]);
        break;
    }
}

static void marks_are_what_looking_anew_gives(void **state)
{
    (void)state;
    size_t marked = 0;
    for (uint64_t start = 1; start <= SEEDS; start++) {
        uint64_t seed = start * 104729;
        struct rig rig;
        rig_init(&rig);
        use_rules(&rig);
        for (int i = 0; i < STEPS; i++) {
            live_on(&rig, &seed);
            check_marks(&rig);
            size_t slot = 0;
            for (struct incident *incident = table_each(&rig.engine->world.incidents, &slot);
                 incident != NULL; incident = table_each(&rig.engine->world.incidents, &slot))
                marked += incident->later->mark[0] != '\0' ? 1 : 0;
        }
        rig_clear(&rig);
    }
    assert_true(marked > 1000); /* or there was little to see */
}

static void expect(struct rig *rig, const char *want)
{
    const char *got = rig_log(rig);
    if (strcmp(got, want) != 0)
        fail_msg("got:\n%swant:\n%s", got, want);
}

static void a_refused_silence_holds_nothing(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig_event(&rig, EVENT_TRIGGER, "k", SEVERITY_CRITICAL, "blog");
    rig_run(&rig, 1);
    (void)rig_log(&rig);
    store_fail_commit(rig.store, 1, STORE_BUSY, false);
    silence(&rig, VERB_SILENCE, "service=\"blog\"", 60 * SECOND);
    assert_int_equal(rig.verdict, STORE_BUSY);
    assert_int_equal(rig.engine->world.silences.count, 0);
    silence(&rig, VERB_SILENCE, "service=\"blog\"", 60 * SECOND);
    assert_int_equal(rig.engine->world.silences.items[0].id, 1); /* no number is lost */
    expect(&rig, "1 silence\n1 suppressed\n");
    rig_clear(&rig);
}

/* The commit that would have ended it is refused: it ends with the next one. */
static void an_end_that_was_refused_comes_again(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    silence(&rig, VERB_SILENCE, "service=\"blog\"", 60 * SECOND);
    rig_event(&rig, EVENT_TRIGGER, "k", SEVERITY_CRITICAL, "blog");
    (void)rig_log(&rig);
    store_fail_commit(rig.store, 1, STORE_BUSY, false);
    rig_jump(&rig, 60);
    rig_run(&rig, 1);
    expect(&rig, "60 silence-ended\n60 unsuppressed\n60 climb\n60 step\n60 page only bob sms\n");
    rig_clear(&rig);
}

static void what_ended_while_we_were_down_ends_at_the_start(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    silence(&rig, VERB_SILENCE, "service=\"shop\"", 600 * SECOND);
    rig_event(&rig, EVENT_TRIGGER, "k", SEVERITY_CRITICAL, "shop");
    rig_run(&rig, 120);
    (void)rig_log(&rig);
    rig.now_ms += 3600 * SECOND;
    rig_restart(&rig);
    rig_run(&rig, 0);
    const char *log = rig_log(&rig);
    assert_non_null(strstr(log, "silence-ended\n3720 unsuppressed\n3720 climb\n3720 step\n"));
    assert_non_null(strstr(log, "3720 page lead ann sms\n"));
    rig_run(&rig, 301);
    assert_non_null(strstr(rig_log(&rig), "4020 page vp carol sms\n")); /* a full wait later */
    rig_clear(&rig);
}

/* A page step, the next climb and the calm all came due: what is over pages nobody, not even in passing. */
static void an_outage_pages_nobody_about_what_is_over(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    use_rules(&rig);
    for (int i = 0; i < 3; i++) {
        rig_event(&rig, EVENT_TRIGGER, "k", SEVERITY_CRITICAL, "shop");
        rig_run(&rig, 61);
        rig_event(&rig, EVENT_RESOLVE, "k", SEVERITY_CRITICAL, "shop");
    }
    assert_non_null(strstr(rig_log(&rig), "122 flapping\n"));
    rig.now_ms += 3600 * SECOND;
    rig_restart(&rig);
    rig_settle(&rig);
    expect(&rig, "3783 calm\n3783 cancelled 8\n3783 resolved\n3783 notice lead ann sms\n");
    rig_clear(&rig);
}

/* Maintenance has begun and it has calmed down: both end the call that waits, the first counts. */
static void a_moment_may_end_a_message_twice(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    use_rules(&rig);
    for (int i = 0; i < 3; i++) {
        rig_event(&rig, EVENT_TRIGGER, "k", SEVERITY_ERROR, "shop");
        rig_run(&rig, 61);
        rig_event(&rig, EVENT_RESOLVE, "k", SEVERITY_ERROR, "shop");
    }
    assert_non_null(strstr(rig_log(&rig), "122 flapping\n"));
    rig.now_ms = RIG_START_MS + 110 * MINUTES;
    rig_restart(&rig);
    rig_settle(&rig);
    expect(&rig, "6600 suppressed\n6600 cancelled 8\n6600 calm\n6600 resolved\n"
                 "6600 notice lead ann sms\n");
    rig_clear(&rig);
}

static void there_are_only_so_many(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    rig.checks_reload = false;
    for (int i = 0; i < SILENCES_MAX; i++)
        silence(&rig, VERB_SILENCE, "service=\"shop\"", 600 * SECOND);
    assert_int_equal(rig.engine->world.silences.count, SILENCES_MAX);
    silence(&rig, VERB_SILENCE, "service=\"shop\"", 600 * SECOND);
    assert_int_equal(rig.engine->world.silences.count, SILENCES_MAX);
    silence(&rig, VERB_UNSILENCE, "7", 0);
    silence(&rig, VERB_SILENCE, "service=\"shop\"", SILENCE_LONGEST_MS + 1);
    assert_int_equal(rig.engine->world.silences.count, SILENCES_MAX - 1);
    silence(&rig, VERB_SILENCE, "service=\"shop\"", SILENCE_LONGEST_MS);
    assert_int_equal(rig.engine->world.silences.count, SILENCES_MAX);
    rig_clear(&rig);
}

/* A step of the wall clock opens the window, and another one closes it. */
static void windows_go_by_the_wall_clock(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    use_rules(&rig);
    rig_event(&rig, EVENT_TRIGGER, "k", SEVERITY_ERROR, "blog");
    (void)rig_log(&rig);
    struct input clock = {.kind = INPUT_CLOCK, .actor = "engine"};
    clock.u.wall_offset_ms = 25 * MINUTES;
    rig_apply(&rig, &clock, 1);
    expect(&rig, "0 suppressed\n");
    rig_run(&rig, 25 * 60 - 1);
    expect(&rig, "");
    rig_run(&rig, 1);
    expect(&rig, "1500 unsuppressed\n1500 climb\n1500 step\n1500 page only bob sms\n");
    clock.u.wall_offset_ms = 0;
    rig_apply(&rig, &clock, 1);
    expect(&rig, "1500 suppressed\n");
    rig_clear(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_are_what_looking_anew_gives),
        cmocka_unit_test(a_refused_silence_holds_nothing),
        cmocka_unit_test(an_end_that_was_refused_comes_again),
        cmocka_unit_test(what_ended_while_we_were_down_ends_at_the_start),
        cmocka_unit_test(an_outage_pages_nobody_about_what_is_over),
        cmocka_unit_test(a_moment_may_end_a_message_twice),
        cmocka_unit_test(there_are_only_so_many),
        cmocka_unit_test(windows_go_by_the_wall_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

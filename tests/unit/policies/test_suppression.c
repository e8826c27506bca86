/* DESIGN section 4, rules 13 and 14: the order of marks, windows of maintenance, and the history of what flaps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"
#include "policies/flap.h"
#include "policies/route.h"
#include "policies/suppression.h"

enum { MINUTE = 60000, NOW = 600000000 };

static const struct matcher is_shop = {.label = "service", .op = MATCH_EQUAL, .value = "shop"};
static const struct match_line shop_line = {.matchers = &is_shop, .matcher_count = 1};
static const struct match_line all_line = {.matcher_count = 0};
static const struct maintenance_window window = {.from_ms = NOW - 1, .until_ms = NOW + MINUTE};
static const struct maintenance maintenances[] = {
    {.name = "one", .match = &shop_line, .match_count = 1, .windows = &window, .window_count = 1},
    {.name = "two", .match = &all_line, .match_count = 1, .windows = &window, .window_count = 1}};
static const struct inhibit inhibit = {
    .name = "rule", .when = &all_line, .when_count = 1, .mute = &shop_line, .mute_count = 1};
static const struct label shop_label = {.name = "service", .value = "shop"};
static const struct label blog_label = {.name = "service", .value = "blog"};

static bool always(void *self, const struct inhibit *rule, const struct event *event,
                   const char *key)
{
    (void)self;
    (void)rule;
    (void)event;
    (void)key;
    return true;
}

static void one_order_maintenance_silence_inhibition(void **state)
{
    (void)state;
    const struct silence silences[] = {{.id = 4, .line = shop_line}, {.id = 9, .line = all_line}};
    static const struct {
        bool one, two;
        size_t silence_count;
        bool inhibited;
        const char *shop, *blog;
    } cases[] = {
        {true, true, 2, true, "maintenance one", "maintenance two"},
        {false, true, 2, true, "maintenance two", "maintenance two"},
        {true, false, 2, true, "maintenance one", "silence 9"},
        {false, false, 2, true, "silence 4", "silence 9"},
        {false, false, 1, true, "silence 4", ""},
        {false, false, 0, true, "inhibition rule", ""},
        {false, false, 0, false, "", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const bool holds[] = {cases[i].one, cases[i].two};
        const struct rulebook book = {.maintenances = maintenances,
                                      .maintenance_count = 2,
                                      .inhibits = &inhibit,
                                      .inhibit_count = 1};
        const struct suppression now = {.book = &book,
                                        .holds = holds,
                                        .silences = silences,
                                        .silence_count = cases[i].silence_count,
                                        .is_inhibited = cases[i].inhibited ? always : NULL};
        const struct event shop = {
            .source = "s", .key = "k", .labels = &shop_label, .label_count = 1};
        const struct event blog = {
            .source = "s", .key = "k", .labels = &blog_label, .label_count = 1};
        struct arena arena;
        arena_init(&arena);
        assert_string_equal(suppression_mark(&now, &shop, "k", &arena), cases[i].shop);
        assert_string_equal(suppression_mark(&now, &blog, "k", &arena), cases[i].blog);
        arena_clear(&arena);
    }
}

/* Somebody must be told: what cannot be decided holds nothing back. */
static void what_is_undecided_holds_nothing_back(void **state)
{
    (void)state;
    struct regex *regex = NULL;
    assert_int_equal(regex_create("(d+)+x", &regex, NULL), 0);
    static char value[301];
    memset(value, 'd', sizeof(value) - 1);
    value[sizeof(value) - 3] = 'x'; /* without one the search ends at once */
    const struct label label = {.name = "service", .value = value};
    const struct event event = {.source = "s", .key = "k", .labels = &label, .label_count = 1};
    const struct matcher bad = {
        .label = "service", .op = MATCH_REGEX, .value = "(d+)+x", .regex = regex};
    const struct match_line line = {.matchers = &bad, .matcher_count = 1};
    const struct maintenance maintenance = {.name = "one", .match = &line, .match_count = 1};
    const struct silence silence = {.id = 4, .line = line, .match = "text"};
    const struct inhibit rule = {.name = "rule", .mute = &line, .mute_count = 1};
    const struct rulebook book = {.maintenances = &maintenance,
                                  .maintenance_count = 1,
                                  .inhibits = &rule,
                                  .inhibit_count = 1};
    static const bool holds = true;
    struct undecided undecided[MATCH_USE_COUNT] = {{.count = 0}};
    struct suppression now = {.book = &book,
                              .holds = &holds,
                              .silences = &silence,
                              .silence_count = 1,
                              .is_inhibited = always,
                              .undecided_or_null = undecided};
    struct arena arena;
    arena_init(&arena);
    assert_string_equal(suppression_mark(&now, &event, "k", &arena), "");
    assert_int_equal(undecided[MATCH_USE_POLICY].count, 0);
    assert_string_equal(undecided[MATCH_USE_MAINTENANCE].name, "one");
    assert_string_equal(undecided[MATCH_USE_SILENCE].name, "text");
    assert_string_equal(undecided[MATCH_USE_INHIBITION].name, "rule");
    for (int i = MATCH_USE_MAINTENANCE; i < MATCH_USE_COUNT; i++)
        assert_int_equal(undecided[i].count, 1);
    now.undecided_or_null = NULL;
    assert_string_equal(suppression_mark(&now, &event, "k", &arena), "");
    arena_clear(&arena);
    regex_destroy(regex);
}

static void windows_that_follow_each_other_are_one(void **state)
{
    (void)state;
    struct zone *zone = zone_utc();
    /* 600,000,000 ms is Thursday 1970-01-07 22:40. */
    const struct hours_span span = {
        .days = 0x7f, .from_minute = 22 * 60 + 50, .until_minute = 23 * 60};
    const struct hours hours = {.zone = zone, .spans = &span, .span_count = 1};
    const struct maintenance_window windows[] = {
        {.from_ms = NOW, .until_ms = NOW + 5 * MINUTE},
        {.from_ms = NOW + 5 * MINUTE, .until_ms = NOW + 10 * MINUTE},
        {.hours_or_null = &hours},
        {.from_ms = NOW + 21 * MINUTE, .until_ms = NOW + 30 * MINUTE}};
    const struct maintenance m = {.name = "m", .windows = windows, .window_count = 4};
    assert_false(maintenance_holds(&m, NOW - 1));
    assert_int_equal(maintenance_next_ms(&m, NOW - 1), NOW);
    assert_true(maintenance_holds(&m, NOW));
    assert_int_equal(maintenance_next_ms(&m, NOW), NOW + 5 * MINUTE);
    assert_true(maintenance_holds(&m, NOW + 5 * MINUTE));
    assert_int_equal(maintenance_until_ms(&m, NOW), NOW + 20 * MINUTE);
    assert_false(maintenance_holds(&m, NOW + 20 * MINUTE));
    assert_int_equal(maintenance_until_ms(&m, NOW + 21 * MINUTE), NOW + 30 * MINUTE);
    const struct hours_span always_span = {.days = 0x7f, .from_minute = 0, .until_minute = 1440};
    const struct hours every_hour = {.zone = zone, .spans = &always_span, .span_count = 1};
    const struct maintenance_window for_ever = {.hours_or_null = &every_hour};
    const struct maintenance endless = {.name = "m", .windows = &for_ever, .window_count = 1};
    assert_int_equal(maintenance_until_ms(&endless, NOW), INT64_MAX);
    const struct maintenance none = {.name = "m"};
    assert_int_equal(maintenance_next_ms(&none, NOW), INT64_MAX);
    zone_destroy(zone);
}

static void a_mark_is_told_with_its_reason_and_end(void **state)
{
    (void)state;
    const struct silence silences[] = {
        {.id = 4, .author = "ann", .reason = "deploy", .until_ms = 77},
        {.id = 5, .author = "bob", .reason = "", .until_ms = 78}};
    const struct rulebook book = {.maintenances = maintenances, .maintenance_count = 2};
    const struct suppression now = {
        .book = &book, .wall_ms = NOW, .silences = silences, .silence_count = 2};
    struct arena arena;
    arena_init(&arena);
    assert_string_equal(suppression_text("silence 4", &now, &arena), "silence 4 (deploy, by ann)");
    assert_string_equal(suppression_text("silence 5", &now, &arena), "silence 5 (by bob)");
    assert_string_equal(suppression_text("silence 6", &now, &arena), "silence 6");
    assert_string_equal(suppression_text("inhibition x", &now, &arena), "inhibition x");
    assert_int_equal(suppression_until_ms("silence 4", &now, 0), 77);
    assert_int_equal(suppression_until_ms("silence 6", &now, 0), 0);
    assert_int_equal(suppression_until_ms("maintenance one", &now, 7), NOW + MINUTE - 7);
    assert_int_equal(suppression_until_ms("maintenance gone", &now, 0), 0);
    assert_int_equal(suppression_until_ms("inhibition x", &now, 0), 0);
    assert_int_equal(suppression_until_ms("", &now, 0), 0);
    arena_clear(&arena);
}

static void only_the_window_counts(void **state)
{
    (void)state;
    const struct policy policy = {.name = "p", .flap_count = 2, .flap_ms = 10 * MINUTE};
    const struct policy off = {.name = "p"};
    struct incident_later later = incident_blank;
    struct incident incident = {.policy = &policy, .later = &later};
    struct arena arena;
    struct moment moment;
    arena_init(&arena);
    moment_init(&moment, NULL, &arena, 0, 0);
    static const struct {
        int64_t at_ms;
        bool flaps;
        int64_t calm_ms;
    } steps[] = {
        {1 * MINUTE, false, 0},           {2 * MINUTE, false, 0},
        {11 * MINUTE, false, 0}, /* the first has left: its window ends at 11m */
        {13 * MINUTE, false, 0},          {14 * MINUTE, true, 24 * MINUTE},
        {23 * MINUTE, true, 33 * MINUTE}, /* until it has been quiet, whatever the count */
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        moment.now_ms = steps[i].at_ms;
        assert_int_equal(flap_transition(&incident, &moment, true), steps[i].flaps);
        assert_int_equal(flap_calm_ms(&incident), steps[i].calm_ms);
    }
    assert_int_equal(flap_counted(&incident), 2);
    incident.policy = &off;
    assert_false(flap_transition(&incident, &moment, true));
    arena_clear(&arena);
}

static void a_history_that_nobody_wrote_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"",  "x",    "1",      "1 x",
                                        "-", "1  2", "1 2 -3", "99999999999999999999 1"};
    const struct policy policy = {.name = "p", .flap_count = 20, .flap_ms = 1000 * MINUTE};
    struct arena arena;
    struct moment moment;
    arena_init(&arena);
    moment_init(&moment, NULL, &arena, NOW, 0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct incident_later later = {.flap = texts[i]};
        struct incident incident = {.policy = &policy, .later = &later};
        (void)flap_calm_ms(&incident);
        (void)flap_counted(&incident);
        (void)flap_transition(&incident, &moment, false);
        assert_non_null(strstr(incident.later->flap, "600000000"));
    }
    struct incident_later later = {.flap = ""};
    struct incident incident = {.policy = &policy, .later = &later};
    for (int i = 0; i < 100; i++) {
        moment.now_ms += MINUTE;
        (void)flap_transition(&incident, &moment, i % 2 == 0);
        assert_true(strlen(incident.later->flap) < 512);
    }
    assert_int_equal(flap_calm_ms(&incident), moment.now_ms + 1000 * MINUTE);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_order_maintenance_silence_inhibition),
        cmocka_unit_test(what_is_undecided_holds_nothing_back),
        cmocka_unit_test(windows_that_follow_each_other_are_one),
        cmocka_unit_test(a_mark_is_told_with_its_reason_and_end),
        cmocka_unit_test(only_the_window_counts),
        cmocka_unit_test(a_history_that_nobody_wrote_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

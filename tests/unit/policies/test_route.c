#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "gateway/base/regex.h"
#include "policies/route.h"

static const struct label labels[] = {{"region", "eu"}, {"service", "shop"}};
static const struct event shop_down = {.severity = SEVERITY_CRITICAL,
                                       .source = "monitor",
                                       .key = "k1",
                                       .labels = labels,
                                       .label_count = 2};

static void matchers_follow_prometheus(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *label;
        enum match_op op;
        const char *value;
        bool want;
    } cases[] = {
        {"equal", "service", MATCH_EQUAL, "shop", true},
        {"equal is whole and exact", "service", MATCH_EQUAL, "sho", false},
        {"not equal", "service", MATCH_NOT_EQUAL, "blog", true},
        {"a missing label is empty", "team", MATCH_EQUAL, "", true},
        {"a missing label is not a value", "team", MATCH_NOT_EQUAL, "x", true},
        {"pattern", "service", MATCH_REGEX, "sh.*|blog", true},
        {"a pattern matches the whole value", "service", MATCH_REGEX, "ho", false},
        {"not pattern", "service", MATCH_NOT_REGEX, "blog", true},
        {"severity", "severity", MATCH_REGEX, "critical|error", true},
        {"source", "source", MATCH_EQUAL, "monitor", true},
        {"key", "key", MATCH_EQUAL, "k1", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct regex *regex = NULL;
        if (cases[i].op == MATCH_REGEX || cases[i].op == MATCH_NOT_REGEX)
            assert_int_equal(regex_create(cases[i].value, &regex, NULL), 0);
        const struct matcher matcher = {
            .label = cases[i].label, .op = cases[i].op, .value = cases[i].value, .regex = regex};
        const struct match_line line = {.matchers = &matcher, .matcher_count = 1};
        const struct policy policy = {.name = "p", .match = &line, .match_count = 1};
        const struct matcher *undecided = &matcher;
        if (route_any_line(policy.match, policy.match_count, &shop_down, "k1", &undecided) !=
            cases[i].want)
            fail_msg("%s", cases[i].name);
        assert_null(undecided);
        regex_destroy(regex);
    }
}

static const struct matcher is_shop = {.label = "service", .op = MATCH_EQUAL, .value = "shop"};
static const struct matcher is_eu = {.label = "region", .op = MATCH_EQUAL, .value = "eu"};
static const struct matcher is_us = {.label = "region", .op = MATCH_EQUAL, .value = "us"};
static const struct matcher shop_in_us[] = {
    {.label = "service", .op = MATCH_EQUAL, .value = "shop"},
    {.label = "region", .op = MATCH_EQUAL, .value = "us"}};
static const struct match_line shop_line = {.matchers = &is_shop, .matcher_count = 1};
static const struct match_line eu_line = {.matchers = &is_eu, .matcher_count = 1};
static const struct match_line both_line = {.matchers = shop_in_us, .matcher_count = 2};
static const struct match_line either[] = {{.matchers = &is_us, .matcher_count = 1},
                                           {.matchers = &is_shop, .matcher_count = 1}};

static void first_match_wins_and_default_is_last(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct policy policies[3]; /* the last is the default */
        const char *want;
    } cases[] = {
        {"reading order",
         {{.name = "a", .match = &shop_line, .match_count = 1},
          {.name = "b", .match = &eu_line, .match_count = 1},
          {.name = "default"}},
         "a"},
        {"continue goes on",
         {{.name = "a", .match = &shop_line, .match_count = 1, .goes_on = true},
          {.name = "b", .match = &eu_line, .match_count = 1},
          {.name = "default"}},
         "a b"},
        {"continue reaches the default",
         {{.name = "a", .match = &shop_line, .match_count = 1, .goes_on = true},
          {.name = "b"},
          {.name = "default"}},
         "a default"},
        {"all of a line",
         {{.name = "a", .match = &both_line, .match_count = 1}, {.name = "b"}, {.name = "default"}},
         "default"},
        {"any of several lines",
         {{.name = "a"}, {.name = "b", .match = either, .match_count = 2}, {.name = "default"}},
         "b"},
        {"no line matches nothing", {{.name = "a"}, {.name = "b"}, {.name = "default"}}, "default"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct rulebook book = {.policies = cases[i].policies,
                                      .policy_count = 3,
                                      .default_policy = &cases[i].policies[2]};
        struct route route;
        char got[64] = "";
        route_find(&book, &shop_down, "k1", &route);
        for (size_t r = 0; r < route.count; r++) {
            if (r > 0)
                memcpy(got + strlen(got), " ", 2);
            memcpy(got + strlen(got), route.policies[r]->name, strlen(route.policies[r]->name) + 1);
        }
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s: got %s, want %s", cases[i].name, got, cases[i].want);
    }
}

static void group_keys_hold_the_values(void **state)
{
    (void)state;
    static const char *const by[] = {"service", "team"};
    const struct policy grouped = {.name = "a", .group_by = by, .group_by_count = 2};
    const struct policy alone = {.name = "b"};
    struct strbuf text;
    strbuf_init(&text, 1000);
    route_group_key(&grouped, &shop_down, "k1", &text);
    assert_string_equal(strbuf_text(&text), "service=\"shop\",team=\"\"");
    strbuf_reset(&text);
    route_group_key(&alone, &shop_down, "k1", &text);
    assert_string_equal(strbuf_text(&text), "monitor/k1");
    strbuf_clear(&text);
}

/* A pattern that runs into its limits: neither it nor its opposite holds, and who asks is told where that alone decides. */
static void what_is_undecided_does_not_match_and_is_told(void **state)
{
    (void)state;
    struct regex *regex = NULL;
    assert_int_equal(regex_create("(d+)+x", &regex, NULL), 0);
    static char value[301];
    memset(value, 'd', sizeof(value) - 1);
    value[sizeof(value) - 3] = 'x'; /* without one the search ends at once */
    static const struct label both[] = {{.name = "name", .value = value},
                                        {.name = "service", .value = "shop"}};
    const struct event event = {.source = "monitor", .labels = both, .label_count = 2};
    const struct matcher is_bad = {
        .label = "name", .op = MATCH_REGEX, .value = "(d+)+x", .regex = regex};
    const struct matcher not_bad = {
        .label = "name", .op = MATCH_NOT_REGEX, .value = "(d+)+x", .regex = regex};
    const struct matcher no_then_bad[] = {is_eu, is_bad};
    const struct matcher bad_then_no[] = {is_bad, is_eu};
    const struct matcher shop_then_bad[] = {is_shop, is_bad};
    const struct match_line lines[] = {{.matchers = &is_bad, .matcher_count = 1},
                                       {.matchers = &not_bad, .matcher_count = 1},
                                       {.matchers = no_then_bad, .matcher_count = 2},
                                       {.matchers = bad_then_no, .matcher_count = 2},
                                       {.matchers = shop_then_bad, .matcher_count = 2}};
    static const bool want[] = {true, true, false, false, true};
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        bool is_undecided = !want[i];
        assert_non_null(route_first_miss(&lines[i], &event, "k1", &is_undecided));
        assert_int_equal(is_undecided, want[i]);
    }
    const struct match_line bad_or_shop[] = {lines[0], shop_line};
    const struct policy policies[] = {
        {.name = "a", .match = lines, .match_count = 2},
        {.name = "b", .match = &lines[3], .match_count = 1},
        {.name = "c", .match = bad_or_shop, .match_count = 2, .goes_on = true},
        {.name = "d", .match = &lines[4], .match_count = 1},
        {.name = "default"}};
    const struct rulebook book = {
        .policies = policies, .policy_count = 5, .default_policy = &policies[4]};
    struct route route;
    route_find(&book, &event, "k1", &route);
    assert_int_equal(route.count, 2);
    assert_string_equal(route.policies[0]->name, "c");
    assert_string_equal(route.policies[1]->name, "default");
    assert_int_equal(route.undecided.count,
                     2); /* a and d: of b and c another line or matcher decides */
    assert_string_equal(route.undecided.name, "a");
    assert_ptr_equal(route.undecided.matcher, &is_bad);
    regex_destroy(regex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matchers_follow_prometheus),
        cmocka_unit_test(first_match_wins_and_default_is_last),
        cmocka_unit_test(what_is_undecided_does_not_match_and_is_told),
        cmocka_unit_test(group_keys_hold_the_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

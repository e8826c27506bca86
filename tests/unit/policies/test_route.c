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
        if (route_policy_matches(&policy, &shop_down, "k1") != cases[i].want)
            fail_msg("%s", cases[i].name);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matchers_follow_prometheus),
        cmocka_unit_test(first_match_wins_and_default_is_last),
        cmocka_unit_test(group_keys_hold_the_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

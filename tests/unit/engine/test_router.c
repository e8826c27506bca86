/* The index gives what asking every policy gives, in the same order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "gateway/engine/pattern.h"
#include "gateway/engine/router.h"

enum { POLICIES = 24, LINES = 3, MATCHERS = 3, LABELS = 4 };

static uint32_t dice(uint32_t *seed, uint32_t sides)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % sides;
}

static const char *const names[] = {"host", "key", "service", "severity", "source", "team"};
#define LONG "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaax." /* (a+)+x runs into its limits */
static const char *const values[] = {"a",    "ab",     "b", "critical", "error",
                                     "shop", "shop-1", "",  LONG};
static const char *const patterns[] = {
    "a|ab",  "critical|error", "shop-[0-9]+", "ab?",         "a.*",      ".*",    "b|",
    "[ab]+", "(shop|b)",       "x{0}",        "shop-1|shop", "shop.?.?", "(a+)+x"};
enum {
    NAMES = sizeof(names) / sizeof(names[0]),
    VALUES = sizeof(values) / sizeof(values[0]),
    PATTERNS = sizeof(patterns) / sizeof(patterns[0])
};

struct book {
    struct rulebook rulebook;
    struct policy policies[POLICIES + 1];
    struct match_line lines[POLICIES][LINES];
    struct matcher matchers[POLICIES][LINES][MATCHERS];
};

static struct matcher some_matcher(uint32_t *seed, struct regex *const *regexes)
{
    struct matcher matcher = {.label = names[dice(seed, NAMES)],
                              .op = (enum match_op)dice(seed, 4)};
    if (matcher.op == MATCH_EQUAL || matcher.op == MATCH_NOT_EQUAL) {
        matcher.value = values[dice(seed, VALUES)];
        return matcher;
    }
    size_t which = dice(seed, PATTERNS);
    matcher.value = patterns[which];
    matcher.regex = regexes[which];
    return matcher;
}

static void some_book(uint32_t *seed, struct regex *const *regexes, struct book *book)
{
    *book = (struct book){.rulebook = {.policies = book->policies}};
    for (size_t p = 0; p < POLICIES; p++) {
        struct policy *policy = &book->policies[p];
        *policy = (struct policy){.name = "p",
                                  .goes_on = dice(seed, 3) == 0,
                                  .match = book->lines[p],
                                  .match_count = dice(seed, LINES + 1)};
        for (size_t l = 0; l < policy->match_count; l++) {
            struct match_line *line = &book->lines[p][l];
            *line = (struct match_line){.matchers = book->matchers[p][l],
                                        .matcher_count =
                                            dice(seed, 8) == 0 ? 0 : 1 + dice(seed, MATCHERS)};
            for (size_t m = 0; m < line->matcher_count; m++)
                book->matchers[p][l][m] = some_matcher(seed, regexes);
        }
    }
    book->rulebook.policy_count = POLICIES + 1;
    /* `default` counts as last wherever it stands. */
    size_t place = dice(seed, 2) == 0 ? POLICIES : dice(seed, POLICIES);
    book->policies[POLICIES] = (struct policy){.name = "last"};
    book->rulebook.default_policy = &book->policies[place];
}

static void some_event(uint32_t *seed, struct label labels[LABELS], struct event *out_event)
{
    size_t count = 0;
    for (size_t n = 0; n < NAMES && count < LABELS; n++) {
        if (dice(seed, 2) == 0)
            labels[count++] = (struct label){.name = names[n], .value = values[dice(seed, VALUES)]};
    }
    *out_event = (struct event){.severity = (enum severity)dice(seed, SEVERITY_COUNT),
                                .source = values[dice(seed, VALUES)],
                                .labels = labels,
                                .label_count = count};
}

static void compare(struct router *router, const struct rulebook *book, const struct event *event,
                    const char *key, uint32_t case_number)
{
    struct route want;
    struct route got;
    route_find(book, event, key, &want);
    router_find(router, event, key, &got);
    bool same = want.count == got.count;
    for (size_t i = 0; same && i < want.count; i++)
        same = want.policies[i] == got.policies[i];
    same = same && want.undecided.count == got.undecided.count &&
           want.undecided.matcher == got.undecided.matcher;
    if (!same)
        fail_msg("case %u: got %zu policies, want %zu", case_number, got.count, want.count);
}

static void the_index_agrees_with_asking_everyone(void **state)
{
    (void)state;
    static struct book book;
    struct regex *regexes[PATTERNS];
    uint32_t seed = 11;
    uint32_t several = 0;
    uint32_t undecided = 0;
    for (size_t i = 0; i < PATTERNS; i++)
        assert_int_equal(regex_create(patterns[i], &regexes[i], NULL), 0);
    some_book(&seed, regexes, &book);
    struct router *router = router_create(&book.rulebook);
    for (uint32_t round = 0; round < 400; round++) {
        some_book(&seed, regexes, &book);
        router_set(router, &book.rulebook);
        for (uint32_t i = 0; i < 50; i++) {
            struct label labels[LABELS];
            struct event event;
            struct route route;
            some_event(&seed, labels, &event);
            compare(router, &book.rulebook, &event, values[dice(&seed, VALUES)], round * 50 + i);
            route_find(&book.rulebook, &event, "k", &route);
            several += route.count > 1 ? 1 : 0;
            undecided += route.undecided.count > 0 ? 1 : 0;
        }
    }
    assert_true(several > 1000);
    assert_in_range(undecided, 20, 20000);
    router_destroy(router);
    for (size_t i = 0; i < PATTERNS; i++)
        regex_destroy(regexes[i]);
}

/* More values than it remembers, each more than once. */
static void values_past_the_limit_are_asked_again(void **state)
{
    (void)state;
    struct regex *regex = NULL;
    assert_int_equal(regex_create("[a-z]+-[0-9]*[13579]", &regex, NULL), 0);
    const struct matcher matcher = {
        .label = "host", .op = MATCH_REGEX, .value = "[a-z]+-[0-9]*[13579]", .regex = regex};
    const struct match_line line = {.matchers = &matcher, .matcher_count = 1};
    const struct policy policies[] = {{.name = "odd", .match = &line, .match_count = 1},
                                      {.name = "default"}};
    const struct rulebook book = {
        .policies = policies, .policy_count = 2, .default_policy = &policies[1]};
    struct router *router = router_create(&book);
    for (uint32_t i = 0; i < 3 * ROUTER_MEMO_MAX; i++) {
        char host[32];
        (void)snprintf(host, sizeof(host), "web-%u", i % 2 == 0 ? i : i / 2);
        const struct label label = {.name = "host", .value = host};
        const struct event event = {.source = "s", .labels = &label, .label_count = 1};
        compare(router, &book, &event, "k", i);
    }
    router_destroy(router);
    regex_destroy(regex);
}

static void choices_of_plain_texts_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        size_t choices;
        size_t prefix;
    } cases[] = {
        {"critical|error", 2, 0},
        {"shop", 1, 4},
        {"a|", 0, 0},
        {"|a", 0, 0},
        {"", 0, 0},
        {"a||b", 0, 0},
        {"a.b", 0, 1},
        {"ab?", 0, 1},
        {"ab*c", 0, 1},
        {"ab{2}", 0, 1},
        {"ab+", 0, 1},
        {"a?", 0, 0},
        {"db-[0-9]+", 0, 3},
        {"(?i)shop", 0, 0},
        {"a\\.b", 0, 1},
        {"sh(op)?", 0, 2},
        {"^a", 0, 0},
        {"a$", 0, 1},
        {"\xc3\xa4", 0, 0},
        {"?", 0, 0},
    };
    struct pattern_choice choices[PATTERN_CHOICES_MAX];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (pattern_choices(cases[i].pattern, choices) != cases[i].choices ||
            pattern_prefix(cases[i].pattern) != cases[i].prefix)
            fail_msg("%s: %zu choices, a prefix of %zu", cases[i].pattern,
                     pattern_choices(cases[i].pattern, choices), pattern_prefix(cases[i].pattern));
    }
    assert_int_equal(pattern_choices("up|down", choices), 2);
    assert_int_equal(choices[1].bytes, 4);
    assert_memory_equal(choices[1].text, "down", 4);
    char many[4 * PATTERN_CHOICES_MAX] = "a";
    for (size_t i = 1; i < PATTERN_CHOICES_MAX; i++)
        memcpy(many + 2 * i - 1, "|a", 3);
    assert_int_equal(pattern_choices(many, choices), PATTERN_CHOICES_MAX);
    memcpy(many + 2 * PATTERN_CHOICES_MAX - 1, "|a", 3);
    assert_int_equal(pattern_choices(many, choices), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_index_agrees_with_asking_everyone),
        cmocka_unit_test(values_past_the_limit_are_asked_again),
        cmocka_unit_test(choices_of_plain_texts_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

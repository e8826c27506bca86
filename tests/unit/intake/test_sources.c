/* Tokens and buckets, and what a reload keeps of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/intake/sources.h"

static unsigned char shop_token[] = "shop-token";
static unsigned char press_token[] = "press-token";

static struct config_source source_of(const char *name, unsigned char *token, int64_t rate,
                                      int64_t burst)
{
    return (struct config_source){
        .name = name,
        .format = "native",
        .token = {.bytes = token, .count = token ? strlen((const char *)token) : 0},
        .rate_per_minute = rate,
        .burst = burst,
    };
}

static void load(struct sources *sources, const struct config_source *items, size_t count)
{
    const struct config config = {.sources = items, .source_count = count};
    sources_load(sources, &config);
}

static void test_tokens(void **state)
{
    (void)state;
    const struct config_source items[] = {source_of("mute", NULL, 60, 10),
                                          source_of("shop", shop_token, 60, 10),
                                          source_of("press", press_token, 60, 10)};
    static const struct {
        const char *token;
        const char *source; /* "": nobody */
    } cases[] = {
        {.token = "shop-token", .source = "shop"},
        {.token = "press-token", .source = "press"},
        {.token = "", .source = ""},
        {.token = "shop-toke", .source = ""},
        {.token = "shop-token ", .source = ""},
        {.token = "Shop-token", .source = ""},
        {.token = "mute", .source = ""},
    };
    struct arena arena;
    arena_init(&arena);
    struct sources *sources = sources_create();
    load(sources, items, 3);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *name = sources_by_token(sources, cases[i].token, &arena);
        assert_string_equal(name ? name : "", cases[i].source);
    }
    assert_true(sources_has(sources, "mute"));
    assert_false(sources_has(sources, ""));
    /* A name given out survives the reload that removes it. */
    const char *name = sources_by_token(sources, "shop-token", &arena);
    load(sources, items, 1);
    assert_string_equal(name, "shop");
    assert_null(sources_by_token(sources, "shop-token", &arena));
    assert_int_equal(sources_take(sources, "shop", 1, 0), -1);
    sources_destroy(sources);
    sources_destroy(NULL);
    arena_clear(&arena);
}

struct taking {
    int64_t at_ms;
    size_t count; /* 0: only asks */
    int64_t wait_ms;
};

/* 60 a minute, so one a second; 3 at once. */
static const struct taking steps[] = {
    {.at_ms = 1000000, .count = 2, .wait_ms = 0},
    {.at_ms = 1000000, .count = 1, .wait_ms = 0},
    {.at_ms = 1000000, .count = 1, .wait_ms = 1000},
    {.at_ms = 1000600, .count = 1, .wait_ms = 400},
    {.at_ms = 1000999, .count = 0, .wait_ms = 1},
    {.at_ms = 1001000, .count = 0, .wait_ms = 0},
    {.at_ms = 1001000, .count = 5, .wait_ms = 0}, /* paid for afterwards */
    {.at_ms = 1001000, .count = 0, .wait_ms = 5000},
    {.at_ms = 1005999, .count = 1, .wait_ms = 1},
    {.at_ms = 1006000, .count = 1, .wait_ms = 0},
    {.at_ms = 9006000, .count = 3, .wait_ms = 0}, /* full again, not more than full */
    {.at_ms = 9006000, .count = 1, .wait_ms = 1000},
    {.at_ms = 9005000, .count = 1, .wait_ms = 1000}, /* time that goes back fills nothing */
};

static void test_bucket(void **state)
{
    (void)state;
    const struct config_source item = source_of("shop", shop_token, 60, 3);
    struct sources *sources = sources_create();
    load(sources, &item, 1);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        const struct taking *step = &steps[i];
        int64_t wait_ms = step->count ? sources_take(sources, "shop", step->count, step->at_ms)
                                      : sources_wait_ms(sources, "shop", step->at_ms);
        if (wait_ms != step->wait_ms) {
            fail_msg("step %zu: got %lld, want %lld", i, (long long)wait_ms,
                     (long long)step->wait_ms);
        }
    }
    sources_destroy(sources);
}

static void test_reload_keeps_the_level(void **state)
{
    (void)state;
    const struct config_source before = source_of("shop", shop_token, 60, 10);
    const struct config_source after[] = {source_of("new", press_token, 60, 1),
                                          source_of("shop", shop_token, 120, 5)};
    struct sources *sources = sources_create();
    load(sources, &before, 1);
    assert_int_equal(sources_take(sources, "shop", 10, 5000), 0);
    load(sources, after, 2);
    assert_int_equal(sources_wait_ms(sources, "shop", 5000), 500); /* empty still, twice the rate */
    assert_int_equal(sources_wait_ms(sources, "new", 5000), 0);
    load(sources, after, 2);
    assert_int_equal(sources_wait_ms(sources, "shop", 5500), 0);
    sources_destroy(sources);
}

static void test_extreme_rates(void **state)
{
    (void)state;
    const struct config_source items[] = {source_of("fast", shop_token, 1000000000, 1000000000),
                                          source_of("slow", press_token, 1, 1)};
    struct sources *sources = sources_create();
    load(sources, items, 2);
    assert_int_equal(sources_take(sources, "fast", 100, INT64_MAX / 2), 0);
    assert_int_equal(sources_take(sources, "fast", 100, INT64_MAX / 2 + 1), 0);
    assert_int_equal(sources_take(sources, "slow", 100, INT64_MAX / 2), 0);
    assert_int_equal(sources_wait_ms(sources, "slow", INT64_MAX / 2), 100 * 60000);
    sources_destroy(sources);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_bucket),
        cmocka_unit_test(test_reload_keeps_the_level),
        cmocka_unit_test(test_extreme_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

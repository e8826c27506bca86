#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "policies/schedule.h"

static const char *const one[] = {"ann"};
static const char *const two[] = {"ann", "bob"};
static const struct contact contacts[] = {
    {.name = "ann"}, {.name = "bob"}, {.name = "carol"}, {.name = "dave"}};
static const struct rulebook book = {.contacts = contacts, .contact_count = 4};
static const struct schedule plain = {.name = "lead", .members = one, .member_count = 1};
static const struct schedule pair = {.name = "lead", .members = two, .member_count = 2};
static const struct schedule nobody = {.name = "lead", .member_count = 0};
static const struct schedule *const layers[] = {&pair};
static const struct schedule layered = {
    .name = "all", .layers = layers, .layer_count = 1, .members = one, .member_count = 1};

struct case_of {
    const char *name;
    const struct schedule *schedule;
    struct override items[4]; /* number 0 ends them */
    int64_t at_ms;
    const char *want;
    int64_t next_ms;
};

#define ALL(id, at, name, start, end)                                                              \
    {                                                                                              \
        .number = (id), .schedule = (at), .who = (name), .instead_of = "", .from_ms = (start),     \
        .until_ms = (end)                                                                          \
    }
#define FOR(id, at, name, other, start, end)                                                       \
    {                                                                                              \
        .number = (id), .schedule = (at), .who = (name), .instead_of = (other),                    \
        .from_ms = (start), .until_ms = (end)                                                      \
    }

static const struct case_of cases[] = {
    {"none", &plain, {{0}}, 5, "ann", INT64_MAX},
    {"before it begins", &plain, {ALL(1, "lead", "bob", 10, 20)}, 9, "ann", 10},
    {"from its start", &plain, {ALL(1, "lead", "bob", 10, 20)}, 10, "bob", 20},
    {"up to its end", &plain, {ALL(1, "lead", "bob", 10, 20)}, 19, "bob", 20},
    {"not at its end", &plain, {ALL(1, "lead", "bob", 10, 20)}, 20, "ann", INT64_MAX},
    {"of another schedule", &plain, {ALL(1, "other", "bob", 10, 20)}, 15, "ann", INT64_MAX},
    {"by nobody known", &plain, {ALL(1, "lead", "eve", 10, 20)}, 15, "ann", 20},
    {"where nobody has duty", &nobody, {ALL(1, "lead", "bob", 10, 20)}, 15, "bob", 20},
    {"instead of nobody", &nobody, {FOR(1, "lead", "bob", "ann", 10, 20)}, 15, "", 20},
    {"the newest of two",
     &plain,
     {ALL(1, "lead", "bob", 10, 40), ALL(2, "lead", "carol", 20, 30)},
     25,
     "carol",
     30},
    {"the older one after it",
     &plain,
     {ALL(1, "lead", "bob", 10, 40), ALL(2, "lead", "carol", 20, 30)},
     30,
     "bob",
     40},
    {"instead of one of two", &pair, {FOR(1, "lead", "carol", "bob", 10, 20)}, 15, "ann,carol", 20},
    {"instead of the first", &pair, {FOR(1, "lead", "carol", "ann", 10, 20)}, 15, "carol,bob", 20},
    {"who has duty already", &pair, {FOR(1, "lead", "ann", "bob", 10, 20)}, 15, "ann", 20},
    {"the later one already", &pair, {FOR(1, "lead", "bob", "ann", 10, 20)}, 15, "bob", 20},
    {"instead of who has none",
     &pair,
     {FOR(1, "lead", "carol", "dave", 10, 20)},
     15,
     "ann,bob",
     20},
    {"instead of who stands in",
     &pair,
     {FOR(1, "lead", "carol", "bob", 10, 20), FOR(2, "lead", "dave", "carol", 10, 20)},
     15,
     "ann,dave",
     20},
    {"back again",
     &pair,
     {FOR(1, "lead", "carol", "bob", 10, 20), FOR(2, "lead", "bob", "carol", 12, 18)},
     15,
     "ann,bob",
     18},
    {"one, then all",
     &pair,
     {FOR(1, "lead", "carol", "bob", 10, 20), ALL(2, "lead", "bob", 10, 20)},
     15,
     "bob",
     20},
    {"all, then one",
     &pair,
     {ALL(1, "lead", "bob", 10, 20), FOR(2, "lead", "carol", "bob", 10, 20)},
     15,
     "carol",
     20},
    {"of a layer", &layered, {FOR(1, "lead", "carol", "bob", 10, 20)}, 15, "ann,carol", 20},
    {"above its layers", &layered, {ALL(1, "all", "dave", 10, 20)}, 15, "dave", 20},
    {"of both",
     &layered,
     {ALL(1, "lead", "carol", 10, 20), FOR(2, "all", "dave", "carol", 12, 18)},
     15,
     "dave",
     18},
};

static struct roster roster_of(const struct case_of *c, struct overrides *overrides,
                               struct arena *arena)
{
    struct override *items = arena_alloc_array(arena, 4, sizeof(*items));
    memcpy(items, c->items, sizeof(c->items));
    *overrides = (struct overrides){.items = items};
    while (overrides->count < 4 && items[overrides->count].number != 0)
        overrides->count++;
    return (struct roster){.overrides_or_null = overrides, .book = &book, .arena = arena};
}

static void overrides_are_applied_in_order(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct case_of *c = &cases[i];
        struct overrides overrides;
        char got[128] = "";
        const struct roster roster = roster_of(c, &overrides, &arena);
        const struct duty duty = schedule_duty(c->schedule, &roster, c->at_ms);
        for (size_t j = 0; j < duty.count; j++) {
            size_t used = strlen(got);
            (void)snprintf(got + used, sizeof(got) - used, "%s%s", j > 0 ? "," : "", duty.names[j]);
        }
        int64_t next_ms = schedule_next_change_ms(c->schedule, &roster, c->at_ms);
        if (strcmp(got, c->want) != 0 || next_ms != c->next_ms)
            fail_msg("%s: '%s', next %lld; want '%s', next %lld", c->name, got, (long long)next_ms,
                     c->want, (long long)c->next_ms);
        arena_reset(&arena);
    }
    arena_clear(&arena);
}

static void a_duty_lasts_over_changes_of_others(void **state)
{
    (void)state;
    const struct case_of c = {
        .items = {FOR(1, "lead", "carol", "bob", 10, 20), ALL(2, "lead", "bob", 40, 50)}};
    struct arena arena;
    struct overrides overrides;
    arena_init(&arena);
    const struct roster roster = roster_of(&c, &overrides, &arena);
    assert_int_equal(schedule_duty_until_ms(&pair, &roster, "ann", 5), 40);
    assert_int_equal(schedule_duty_until_ms(&pair, &roster, "bob", 5), 10);
    assert_int_equal(schedule_duty_until_ms(&pair, &roster, "bob", 20), INT64_MAX);
    assert_int_equal(schedule_duty_until_ms(&pair, &roster, "carol", 15), 20);
    arena_clear(&arena);
}

static void marks_come_back_as_they_were(void **state)
{
    (void)state;
    const struct override made = {.number = 17,
                                  .schedule = "lead",
                                  .who = "ann",
                                  .instead_of = "bob",
                                  .from_ms = 1772330400000,
                                  .until_ms = 1772334000001,
                                  .made_at_ms = 1772330400009,
                                  .made_by = "user \"root\""};
    struct arena arena;
    struct strbuf text;
    struct override got;
    struct err err = {0};
    arena_init(&arena);
    strbuf_init(&text, OVERRIDE_BYTES_MAX);
    override_write(&made, &text);
    struct mark_row mark = {
        .kind = MARK_OVERRIDE, .name = "17", .value = strbuf_text(&text), .at_ms = made.made_at_ms};
    assert_int_equal(override_read(&mark, &arena, &got, &err), 0);
    assert_true(got.number == made.number && got.from_ms == made.from_ms &&
                got.until_ms == made.until_ms && got.made_at_ms == made.made_at_ms);
    assert_string_equal(got.schedule, made.schedule);
    assert_string_equal(got.who, made.who);
    assert_string_equal(got.instead_of, made.instead_of);
    assert_string_equal(got.made_by, made.made_by);
    static const char *const bad[][2] = {
        {"0", "{}"},
        {"x", "{}"},
        {"1", ""},
        {"1", "[]"},
        {"1", "{\"schedule\":\"s\",\"who\":\"ann\",\"from\":\"2026-03-01T00:00:00Z\"}"},
        {"1",
         "{\"who\":\"ann\",\"from\":\"2026-03-01T00:00:00Z\",\"until\":\"2026-03-02T00:00:00Z\"}"},
        {"1", "{\"schedule\":\"s\",\"from\":\"2026-03-01T00:00:00Z\",\"until\":\"2026-03-02T00:00:"
              "00Z\"}"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        mark.name = bad[i][0];
        mark.value = bad[i][1];
        if (override_read(&mark, &arena, &got, &err) == 0)
            fail_msg("%s %s was taken", bad[i][0], bad[i][1]);
    }
    strbuf_clear(&text);
    arena_clear(&arena);
}

static void they_are_found_by_number(void **state)
{
    (void)state;
    struct override items[] = {{.number = 2}, {.number = 5}, {.number = 9}};
    const struct overrides overrides = {.items = items, .count = 3};
    assert_ptr_equal(overrides_find(&overrides, 5), &items[1]);
    assert_null(overrides_find(&overrides, 4));
    assert_null(overrides_find(&overrides, 10));
    assert_int_equal(overrides_place(&overrides, 1), 0);
    assert_int_equal(overrides_place(&overrides, 6), 2);
    assert_int_equal(overrides_place(&overrides, 10), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overrides_are_applied_in_order),
        cmocka_unit_test(a_duty_lasts_over_changes_of_others),
        cmocka_unit_test(marks_come_back_as_they_were),
        cmocka_unit_test(they_are_found_by_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

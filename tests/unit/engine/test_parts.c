/* The containers below the world. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "gateway/engine/frozen.h"
#include "gateway/engine/heap.h"
#include "gateway/engine/lanes.h"
#include "gateway/engine/names.h"
#include "gateway/engine/pool.h"
#include "gateway/engine/table.h"
#include "gateway/handoff/outbox.h"

static uint32_t dice(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void a_heap_gives_the_smallest_first(void **state)
{
    (void)state;
    struct heap heap = {0};
    uint32_t seed = 7;
    uint64_t id = 0;
    size_t popped = 0;
    for (; id < 5000; id++)
        heap_push(&heap, (struct heap_entry){.key = dice(&seed) % 500, .id = id});
    struct heap_entry before = heap_pop(&heap);
    while (heap_top(&heap) != NULL) {
        struct heap_entry next = heap_pop(&heap);
        assert_true(before.key < next.key || (before.key == next.key && before.id < next.id));
        before = next;
        popped++;
        if (popped < 2000 && popped % 3 == 0)
            heap_push(&heap, (struct heap_entry){.key = next.key + dice(&seed) % 100, .id = id++});
    }
    assert_int_equal(popped, id - 1);
    heap_clear(&heap);
}

static void a_table_finds_what_stands_in_it(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    static uint64_t items[COUNT];
    static bool inside[COUNT];
    struct table table = {0};
    uint32_t seed = 3;
    for (int round = 0; round < 40000; round++) {
        size_t i = dice(&seed) % COUNT;
        items[i] = i;
        /* Few hashes, so that runs collide and wrap around. */
        uint64_t hash = table_hash_number(i % 37);
        if (inside[i])
            table_remove(&table, hash, &items[i]);
        else
            table_add(&table, hash, &items[i]);
        inside[i] = !inside[i];
    }
    size_t count = 0;
    for (size_t i = 0; i < COUNT; i++) {
        struct table_walk walk;
        bool found = false;
        for (void *item = table_first(&table, table_hash_number(i % 37), &walk); item != NULL;
             item = table_next(&table, &walk))
            found = found || item == &items[i];
        assert_int_equal(found, inside[i]);
        count += inside[i] ? 1 : 0;
    }
    assert_int_equal(table.count, count);
    size_t slot = 0;
    while (table_each(&table, &slot) != NULL)
        count--;
    assert_int_equal(count, 0);
    table_clear(&table);
}

static void names_are_shared_and_counted(void **state)
{
    (void)state;
    struct names names = {0};
    char text[] = "ann";
    const char *first = names_keep(&names, text);
    const char *second = names_keep(&names, "ann");
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(first, text);
    names_drop(&names, first);
    assert_string_equal(second, "ann");
    names_drop(&names, second);
    assert_int_equal(names.table.count, 0);
    assert_string_equal(names_keep(&names, ""), "");
    names_drop(&names, "");
    (void)names_keep(&names, "left over");
    names_clear(&names);
}

static void a_pool_uses_its_memory_again(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static void *items[COUNT];
    struct pool pool;
    pool_init(&pool, 72);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            items[i] = pool_take(&pool);
            for (size_t b = 0; b < 72; b++)
                assert_int_equal(((unsigned char *)items[i])[b], 0);
            memset(items[i], 0xff, 72);
        }
        assert_int_equal(pool.used, COUNT);
        for (size_t i = 0; i < COUNT; i++)
            pool_give(&pool, items[i]);
    }
    pool_clear(&pool);
}

static void a_frozen_policy_outlives_its_rulebook(void **state)
{
    (void)state;
    struct frozen frozen = {0};
    char name[] = "shop";
    char target_name[] = "ann";
    struct target target = {.kind = TARGET_CONTACT, .name = target_name};
    struct step step = {.name = name,
                        .kind = STEP_ASK,
                        .wait_ms = 5,
                        .targets = &target,
                        .target_count = 1,
                        .approvers = &target,
                        .approver_count = 1,
                        .question = name};
    struct policy policy = {
        .name = name, .hash = "h1", .text = name, .steps = &step, .step_count = 1};
    const struct policy *first = frozen_add(&frozen, &policy);
    const struct policy *second = frozen_add(&frozen, &policy);
    assert_ptr_equal(first, second);
    memcpy(name, "gone", sizeof(name));
    memcpy(target_name, "bob", sizeof(target_name));
    assert_string_equal(first->name, "shop");
    assert_string_equal(first->steps[0].targets[0].name, "ann");
    assert_string_equal(first->steps[0].approvers[0].name, "ann");
    assert_string_equal(first->steps[0].question, "shop");
    assert_ptr_equal(frozen_keep(&frozen, "h1"), first);
    assert_null(frozen_keep(&frozen, "h2"));
    for (int i = 0; i < 3; i++)
        frozen_drop(&frozen, first);
    assert_int_equal(frozen.items.count, 0);
    frozen_clear(&frozen);
}

static void hosts_have_lanes_of_their_own(void **state)
{
    (void)state;
    struct lanes lanes = {.items = NULL};
    struct lane *shared = lanes_find(&lanes, "hook", "");
    assert_ptr_equal(lanes_find(&lanes, "hook", "+15550100"), shared);
    struct lane *a = lanes_find(&lanes, "hook", "https://a.example:8443/x?y#z");
    assert_string_equal(a->host, "a.example:8443");
    assert_ptr_equal(lanes_find(&lanes, "hook", "https://a.example:8443"), a);
    assert_ptr_not_equal(lanes_find(&lanes, "hook", "https://a.example/x"), a);
    struct lane *other = lanes_find(&lanes, "sms", "https://a.example:8443/x");
    assert_ptr_not_equal(other, a);
    assert_ptr_not_equal(other->channel, a->channel);
    for (int i = 0; i < LANES_PER_CHANNEL_MAX * 2; i++) {
        char url[64];
        (void)snprintf(url, sizeof(url), "http://host-%d/", i);
        struct lane *lane = lanes_find(&lanes, "hook", url);
        assert_ptr_equal(lanes.items[lane->number], lane);
        assert_int_equal(lane == shared, i >= LANES_PER_CHANNEL_MAX - 3);
    }
    assert_int_equal(a->channel->lane_count, LANES_PER_CHANNEL_MAX);
    lanes_clear(&lanes);
}

static void lanes_have_credits_and_pauses(void **state)
{
    (void)state;
    struct lanes lanes = {.items = NULL};
    struct lane *lane = lanes_find(&lanes, "hook", "http://a/");
    assert_true(lane_next_ms(lane, 5) == INT64_MAX); /* nothing waits */
    heap_push(&lane->ready, (struct heap_entry){.key = 1, .id = 1});
    assert_int_equal(lane_next_ms(lane, 5), 5);
    for (int i = 0; i < OUTBOX_CREDITS_PER_LANE; i++) {
        assert_int_equal(lane_room(lane, 5), OUTBOX_CREDITS_PER_LANE - i);
        lane_note_offer(lane);
    }
    assert_int_equal(lane_room(lane, 5), 0);
    assert_true(lane_next_ms(lane, 5) == INT64_MAX);
    for (int i = 0; i < LANE_REFUSALS_MAX; i++) {
        lane_note_answer(lane, true, 10 + i);
        assert_int_equal(lane_room(lane, 10 + i) > 0, i < LANE_REFUSALS_MAX - 1);
    }
    assert_int_equal(lane_next_ms(lane, 50), 10 + LANE_PAUSE_MS);
    assert_int_equal(lane_next_ms(lane, 10 + LANE_PAUSE_MS), 10 + LANE_PAUSE_MS);
    lane_note_answer(lane, true, 10 + LANE_PAUSE_MS); /* a new window */
    assert_true(lane_room(lane, 10 + LANE_PAUSE_MS) > 0);
    /* The channel's own bound, over all its hosts. */
    for (int i = 0; lane->channel->offer_count < OUTBOX_CREDITS_PER_CHANNEL; i++) {
        char url[64];
        (void)snprintf(url, sizeof(url), "http://host-%d/", i);
        struct lane *next = lanes_find(&lanes, "hook", url);
        while (lane_room(next, 2000) > 0)
            lane_note_offer(next);
    }
    assert_int_equal(lane_room(lane, 2000), 0);
    assert_true(lane_next_ms(lane, 2000) == INT64_MAX);
    lanes_forget_ready(&lanes);
    assert_int_equal(lane->ready.count, 0);
    lanes_clear(&lanes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_heap_gives_the_smallest_first),
        cmocka_unit_test(a_table_finds_what_stands_in_it),
        cmocka_unit_test(names_are_shared_and_counted),
        cmocka_unit_test(a_pool_uses_its_memory_again),
        cmocka_unit_test(a_frozen_policy_outlives_its_rulebook),
        cmocka_unit_test(hosts_have_lanes_of_their_own),
        cmocka_unit_test(lanes_have_credits_and_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

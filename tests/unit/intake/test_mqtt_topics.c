/* Topics and filters (MQTT 5.0, 4.7), which source has which, and topics that can be published to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/intake/mqtt_outgoing.h"
#include "gateway/intake/mqtt_topics.h"

static void test_matching(void **state)
{
    static const struct {
        const char *filter, *topic;
        bool want;
    } cases[] = {
        {"a", "a", true},
        {"a", "b", false},
        {"a", "a/b", false},
        {"a/b", "a", false},
        {"a", "A", false},
        {"ab", "a", false},
        {"a", "ab", false},
        {"+", "a", true},
        {"+", "a/b", false},
        {"+", "/a", false},
        {"/+", "/a", true},
        {"+/+", "/a", true},
        {"+/b", "a/b", true},
        {"a/+/c", "a/b/c", true},
        {"a/+/c", "a//c", true},
        {"a/+/c", "a/b/d", false},
        {"a/+", "a/", true},
        {"a/+", "a", false},
        {"a/", "a/", true},
        {"a/", "a", false},
        {"#", "a", true},
        {"#", "a/b/c", true},
        {"#", "/", true},
        {"a/#", "a", true},
        {"a/#", "a/", true},
        {"a/#", "a/b/c", true},
        {"a/#", "ab", false},
        {"a/#", "b", false},
        {"+/#", "a", true},
        {"+/#", "a/b", true},
        {"a/+/#", "a", false},
        {"a/+/#", "a/b", true},
        {"#", "$SYS/x", false},
        {"+/x", "$SYS/x", false},
        {"$SYS/#", "$SYS/x", true},
        {"$SYS/+", "$SYS/x", true},
        {"a/$x", "a/$x", true},
        {"+", "", true},
        {"a/b/c/d", "a/b/c/e", false},
        {"\xC3\xA4/+", "\xC3\xA4/b", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (topic_matches(cases[i].filter, cases[i].topic) != cases[i].want)
            fail_msg("'%s' and '%s': want %d", cases[i].filter, cases[i].topic, cases[i].want);
    }
}

static void test_the_first_source_in_reading_order_has_it(void **state)
{
    static const char *const first[] = {"plant/7/alarm"},
                             *const second[] = {"plant/+/alarm", "x/#"}, *const other[] = {"#"};
    static const struct config_source sources[] = {
        {.name = "one", .broker = "plant", .topics = first, .topic_count = 1},
        {.name = "elsewhere", .broker = "office", .topics = other, .topic_count = 1},
        {.name = "none", .broker = "", .topics = NULL, .topic_count = 0},
        {.name = "two", .broker = "plant", .topics = second, .topic_count = 2, .is_pings = true},
    };
    const struct config config = {.sources = sources, .source_count = 4};
    (void)state;
    struct topics *topics = topics_create(&config, "plant");
    assert_int_equal(topics_count(topics), 3);
    assert_string_equal(topics_filter(topics, 1), "plant/+/alarm");
    assert_true(topics_has(topics, "x/#"));
    assert_false(topics_has(topics, "#"));
    assert_string_equal(topics_source(topics, "plant/7/alarm"), "one");
    assert_string_equal(topics_source(topics, "plant/8/alarm"), "two");
    assert_string_equal(topics_source(topics, "x"), "two");
    assert_null(topics_source(topics, "y"));
    assert_true(topics_is_pings(topics, "x"));
    assert_false(topics_is_pings(topics, "plant/7/alarm"));
    assert_false(topics_is_pings(topics, "y"));
    topics_destroy(topics);
}

static void test_topics_to_publish_to(void **state)
{
    static const char *const good[] = {"a", "a/b", "incidents/142", "\xC3\xA4", "a//b"};
    static const char *const bad[] = {"", "a/#", "+/b", "a\x01", "\xFF", "a\x7F"};
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(outgoing_is_topic(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(outgoing_is_topic(bad[i]));
}

static void test_the_queue_is_bounded(void **state)
{
    struct outgoing_queue queue = {.first = NULL};
    static const char body[] = "x";
    struct mqtt_publication publication = {
        .broker = "", .topic = "t", .payload = body, .count = 1, .qos = 1};
    (void)state;
    for (int i = 0; i < MQTT_PUBLISH_MAX; i++)
        assert_true(outgoing_put(&queue, &publication));
    assert_false(outgoing_put(&queue, &publication));
    struct outgoing *first = outgoing_take(&queue);
    assert_string_equal(first->publication.topic, "t");
    assert_memory_equal(first->publication.payload, body, 1);
    outgoing_free(first);
    assert_true(outgoing_put(&queue, &publication));
    assert_int_equal(outgoing_drop(&queue), MQTT_PUBLISH_MAX);
    assert_null(outgoing_take(&queue));
    publication.count = OUTGOING_BYTES_MAX; /* never read: it does not fit */
    assert_false(outgoing_put(&queue, &publication));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_the_first_source_in_reading_order_has_it),
        cmocka_unit_test(test_topics_to_publish_to),
        cmocka_unit_test(test_the_queue_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

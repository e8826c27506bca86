#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "policies/effect.h"
#include "policies/event.h"
#include "policies/input.h"
#include "policies/row.h"

static void names_parse_back(void **state)
{
    (void)state;
    for (int i = 0; i < EVENT_ACTION_COUNT; i++) {
        enum event_action action = EVENT_ACTION_COUNT;
        assert_int_equal(event_action_parse(event_action_name((enum event_action)i), &action), 0);
        assert_int_equal(action, i);
    }
    for (int i = 0; i < SEVERITY_COUNT; i++) {
        enum severity severity = SEVERITY_COUNT;
        assert_int_equal(severity_parse(severity_name((enum severity)i), &severity), 0);
        assert_int_equal(severity, i);
    }
    for (int i = 0; i < INCIDENT_STATE_COUNT; i++) {
        enum incident_state found = INCIDENT_STATE_COUNT;
        assert_int_equal(incident_state_parse(incident_state_name((enum incident_state)i), &found),
                         0);
        assert_int_equal(found, i);
    }
    for (int i = 0; i < KIND_COUNT; i++) {
        enum notification_kind kind = KIND_COUNT;
        assert_int_equal(
            notification_kind_parse(notification_kind_name((enum notification_kind)i), &kind), 0);
        assert_int_equal(kind, i);
    }
    for (int i = 0; i < NOTIFICATION_STATE_COUNT; i++) {
        enum notification_state found = NOTIFICATION_STATE_COUNT;
        assert_int_equal(
            notification_state_parse(notification_state_name((enum notification_state)i), &found),
            0);
        assert_int_equal(found, i);
    }
}

static void unknown_names_leave_the_result(void **state)
{
    (void)state;
    enum severity severity = SEVERITY_ERROR;
    enum event_action action = EVENT_CHANGE;
    assert_int_equal(severity_parse("Critical", &severity), -1);
    assert_int_equal(severity, SEVERITY_ERROR);
    assert_int_equal(event_action_parse("", &action), -1);
    assert_int_equal(action, EVENT_CHANGE);
}

static void every_verb_and_outcome_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < VERB_COUNT; i++)
        assert_non_null(verb_name((enum verb)i));
    for (int i = 0; i < OUTCOME_COUNT; i++)
        assert_true(strlen(outcome_name((enum outcome)i)) > 0);
    for (int i = 0; i < DISPOSITION_COUNT; i++)
        assert_true(strlen(disposition_name((enum disposition)i)) > 0);
}

static void derived_keys_are_the_labels(void **state)
{
    (void)state;
    static const struct label labels[] = {{"a", "1"}, {"b", "2"}};
    char key[EVENT_DERIVED_KEY_BYTES];
    event_derive_key(labels, 2, key);
    assert_string_equal(key, "labels:a=\"1\",b=\"2\"");
    event_derive_key(NULL, 0, key);
    assert_string_equal(key, "labels:");
}

static void long_keys_differ_where_their_beginnings_do_not(void **state)
{
    (void)state;
    static char value[1000];
    memset(value, 'x', sizeof(value) - 1);
    struct label labels[] = {{"a", value}, {"b", "2"}};
    char first[EVENT_DERIVED_KEY_BYTES];
    char second[EVENT_DERIVED_KEY_BYTES];
    event_derive_key(labels, 2, first);
    labels[1].value = "3";
    event_derive_key(labels, 2, second);
    assert_true(strlen(first) < EVENT_DERIVED_KEY_BYTES);
    assert_memory_equal(first, second, 500);
    assert_string_not_equal(first, second);
}

static void effects_keep_their_order_while_growing(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    struct arena arena;
    struct effects effects;
    static struct timeline_row rows[MANY];
    arena_init(&arena);
    effects_init(&effects, &arena);
    for (size_t i = 0; i < MANY; i++)
        effects_add(&effects, (struct effect){.kind = EFFECT_TIMELINE, .u.timeline = &rows[i]});
    assert_int_equal(effects.count, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_ptr_equal(effects.items[i].u.timeline, &rows[i]);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_parse_back),
        cmocka_unit_test(unknown_names_leave_the_result),
        cmocka_unit_test(every_verb_and_outcome_has_a_name),
        cmocka_unit_test(derived_keys_are_the_labels),
        cmocka_unit_test(long_keys_differ_where_their_beginnings_do_not),
        cmocka_unit_test(effects_keep_their_order_while_growing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

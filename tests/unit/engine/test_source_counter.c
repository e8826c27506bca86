#include "gateway/engine/source_counter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/system/metrics.h"

static int64_t value_of(const char *source)
{
    return metric_value(metric_counter("things_total", "Things.", "source", source));
}

static void test_a_source_each_and_the_later_ones_together(void **state)
{
    struct source_counter counter;
    char name[16];
    (void)state;
    source_counter_init(&counter, "things_total", "Things.");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SOURCE_COUNTER_MAX + 2; i++) {
            assert_true(snprintf(name, sizeof(name), "s%d", i) > 0);
            source_counter_add(&counter, name, i + 1);
        }
    }
    assert_int_equal(counter.count, SOURCE_COUNTER_MAX);
    assert_int_equal(value_of("s0"), 3);
    assert_int_equal(value_of("s31"), 3 * SOURCE_COUNTER_MAX);
    assert_int_equal(value_of("other"), 3 * (2 * SOURCE_COUNTER_MAX + 3));
    source_counter_clear(&counter);
    metrics_clear();
}

/* A daemon that has lost nothing says so: the family stands at 0. */
static void test_stands_from_the_start(void **state)
{
    struct source_counter counter;
    struct strbuf out;
    (void)state;
    source_counter_init(&counter, "things_total", "Things.");
    strbuf_init(&out, 4096);
    metrics_write(&out);
    assert_string_equal(strbuf_text(&out),
                        "# HELP things_total Things.\n# TYPE things_total counter\n"
                        "things_total{source=\"other\"} 0\n");
    strbuf_clear(&out);
    source_counter_clear(&counter);
    metrics_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_source_each_and_the_later_ones_together),
        cmocka_unit_test(test_stands_from_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

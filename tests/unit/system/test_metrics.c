#include "gateway/system/metrics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OUTPUT_MAX (1 << 20)
#define THREADS 4
#define BUMPS 50000
#define SECOND_NS INT64_C(1000000000)

static int clear_all(void **state)
{
    (void)state;
    metrics_clear();
    return 0;
}

static void assert_output(const char *want)
{
    struct strbuf out;
    strbuf_init(&out, OUTPUT_MAX);
    metrics_write(&out);
    assert_false(out.overflowed);
    assert_string_equal(strbuf_text(&out), want);
    strbuf_clear(&out);
}

static void test_nothing(void **state)
{
    (void)state;
    assert_output("");
}

static void test_counters_and_gauges(void **state)
{
    (void)state;
    struct metric *open = metric_gauge("escalated_open", "Open incidents.", NULL, NULL);
    struct metric *http =
        metric_counter("escalated_alerts_received_total", "Alerts.", "format", "native");
    struct metric *other = metric_counter("escalated_z_total", "Last.", NULL, NULL);
    struct metric *mqtt =
        metric_counter("escalated_alerts_received_total", "Alerts.", "format", "mqtt");
    assert_ptr_not_equal(http, mqtt);
    assert_ptr_equal(
        http, metric_counter("escalated_alerts_received_total", "Alerts.", "format", "native"));
    assert_ptr_equal(open, metric_gauge("escalated_open", "Open incidents.", "", ""));
    metric_add(http, 3);
    metric_add(http, 0);
    metric_set(open, -5);
    metric_add(open, -2);
    metric_set(other, INT64_MAX);
    assert_true(metric_value(http) == 3);
    assert_true(metric_value(mqtt) == 0);
    assert_true(metric_value(open) == -7);
    /* A family stands together although another metric was made in between. */
    assert_output("# HELP escalated_alerts_received_total Alerts.\n"
                  "# TYPE escalated_alerts_received_total counter\n"
                  "escalated_alerts_received_total{format=\"native\"} 3\n"
                  "escalated_alerts_received_total{format=\"mqtt\"} 0\n"
                  "# HELP escalated_open Open incidents.\n"
                  "# TYPE escalated_open gauge\n"
                  "escalated_open -7\n"
                  "# HELP escalated_z_total Last.\n"
                  "# TYPE escalated_z_total counter\n"
                  "escalated_z_total 9223372036854775807\n");
}

static void test_escapes(void **state)
{
    (void)state;
    (void)metric_gauge("g", "back\\slash \"quote\"\nline", "l", "back\\slash \"quote\"\nline");
    assert_output("# HELP g back\\\\slash \"quote\"\\nline\n"
                  "# TYPE g gauge\n"
                  "g{l=\"back\\\\slash \\\"quote\\\"\\nline\"} 0\n");
}

static void test_histogram(void **state)
{
    (void)state;
    struct metric *lateness = metric_histogram("t_seconds", "Time.", "channel", "sms");
    static const int64_t observed_ns[] = {-1,
                                          0,
                                          100000,
                                          100001,
                                          2500000,
                                          SECOND_NS,
                                          60 * SECOND_NS,
                                          60 * SECOND_NS + 1,
                                          3600 * SECOND_NS};
    for (size_t i = 0; i < sizeof observed_ns / sizeof observed_ns[0]; i++) {
        metric_observe_ns(lateness, observed_ns[i]);
    }
    assert_true(metric_value(lateness) == 9);
    assert_output("# HELP t_seconds Time.\n"
                  "# TYPE t_seconds histogram\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"0.0001\"} 3\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"0.00025\"} 4\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"0.0005\"} 4\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"0.001\"} 4\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"0.0025\"} 5\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"0.005\"} 5\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"0.01\"} 5\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"0.025\"} 5\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"0.05\"} 5\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"0.1\"} 5\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"0.25\"} 5\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"0.5\"} 5\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"1\"} 6\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"2.5\"} 6\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"5\"} 6\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"10\"} 6\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"25\"} 6\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"50\"} 6\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"60\"} 7\n"
                  "t_seconds_bucket{channel=\"sms\",le=\"+Inf\"} 9\n"
                  "t_seconds_sum{channel=\"sms\"} 3721.002700002\n"
                  "t_seconds_count{channel=\"sms\"} 9\n");
}

static void test_histogram_without_label(void **state)
{
    (void)state;
    (void)metric_histogram("u_seconds", "Time.", NULL, NULL);
    struct strbuf out;
    strbuf_init(&out, OUTPUT_MAX);
    metrics_write(&out);
    assert_non_null(strstr(strbuf_text(&out), "\nu_seconds_bucket{le=\"0.0001\"} 0\n"));
    assert_non_null(strstr(strbuf_text(&out), "\nu_seconds_bucket{le=\"+Inf\"} 0\n"));
    assert_non_null(strstr(strbuf_text(&out), "\nu_seconds_sum 0.000000000\n"));
    assert_non_null(strstr(strbuf_text(&out), "\nu_seconds_count 0\n"));
    strbuf_clear(&out);
}

struct bump {
    struct metric *counter;
    struct metric *histogram;
};

static void *bump_many(void *argument)
{
    const struct bump *bump = argument;
    for (int i = 0; i < BUMPS; i++) {
        metric_add(bump->counter, 1);
        metric_observe_ns(bump->histogram, SECOND_NS);
        if (i % 1000 == 0) {
            (void)metric_counter("n_total", "Same.", NULL, NULL);
        }
    }
    return NULL;
}

/* The last `name value` of a line that begins with `name`. */
static long long sample_of(const char *text, const char *name)
{
    long long number = -1;
    const char *at = strstr(text, name);
    assert_non_null(at);
    assert_int_equal(sscanf(at + strlen(name), "%lld", &number), 1);
    return number;
}

static void test_bumps_from_threads(void **state)
{
    (void)state;
    struct bump bump = {.counter = metric_counter("n_total", "Same.", NULL, NULL),
                        .histogram = metric_histogram("n_seconds", "Same.", NULL, NULL)};
    pthread_t threads[THREADS];
    struct strbuf out;
    strbuf_init(&out, OUTPUT_MAX);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, bump_many, &bump), 0);
    }
    while (metric_value(bump.counter) < (int64_t)THREADS * BUMPS) {
        strbuf_reset(&out);
        metrics_write(&out);
        const char *text = strbuf_text(&out);
        assert_true(sample_of(text, "\nn_seconds_bucket{le=\"+Inf\"} ") ==
                    sample_of(text, "\nn_seconds_count "));
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_true(metric_value(bump.counter) == (int64_t)THREADS * BUMPS);
    assert_true(metric_value(bump.histogram) == (int64_t)THREADS * BUMPS);
    strbuf_clear(&out);
}

static void test_the_registry_holds_1024(void **state)
{
    (void)state;
    char name[32];
    for (int round = 0; round < 2; round++) {
        for (int i = 1023; i >= 0; i--) {
            assert_true(snprintf(name, sizeof name, "m%04d", i) == 5);
            metric_add(metric_counter(name, "", NULL, NULL), i);
        }
    }
    assert_true(metric_value(metric_counter("m0200", "", NULL, NULL)) == 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_nothing, clear_all),
        cmocka_unit_test_teardown(test_counters_and_gauges, clear_all),
        cmocka_unit_test_teardown(test_escapes, clear_all),
        cmocka_unit_test_teardown(test_histogram, clear_all),
        cmocka_unit_test_teardown(test_histogram_without_label, clear_all),
        cmocka_unit_test_teardown(test_bumps_from_threads, clear_all),
        cmocka_unit_test_teardown(test_the_registry_holds_1024, clear_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

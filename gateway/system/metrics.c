#include "gateway/system/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"

#define METRICS_MAX 1024
#define NS_PER_S INT64_C(1000000000)

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_TYPE_COUNT };

static const char *const type_names[METRIC_TYPE_COUNT] = {
    [METRIC_COUNTER] = "counter",
    [METRIC_GAUGE] = "gauge",
    [METRIC_HISTOGRAM] = "histogram",
};

/* Upper bounds, inclusive; what is longer than the last one counts under +Inf only. */
static const struct {
    int64_t ns;
    const char *text;
} bounds[] = {
    {.ns = 100000, .text = "0.0001"},    {.ns = 250000, .text = "0.00025"},
    {.ns = 500000, .text = "0.0005"},    {.ns = 1000000, .text = "0.001"},
    {.ns = 2500000, .text = "0.0025"},   {.ns = 5000000, .text = "0.005"},
    {.ns = 10000000, .text = "0.01"},    {.ns = 25000000, .text = "0.025"},
    {.ns = 50000000, .text = "0.05"},    {.ns = 100000000, .text = "0.1"},
    {.ns = 250000000, .text = "0.25"},   {.ns = 500000000, .text = "0.5"},
    {.ns = NS_PER_S, .text = "1"},       {.ns = 2500000000, .text = "2.5"},
    {.ns = 5 * NS_PER_S, .text = "5"},   {.ns = 10 * NS_PER_S, .text = "10"},
    {.ns = 25 * NS_PER_S, .text = "25"}, {.ns = 50 * NS_PER_S, .text = "50"},
    {.ns = 60 * NS_PER_S, .text = "60"},
};
#define BOUND_COUNT (sizeof bounds / sizeof bounds[0])

struct metric {
    enum metric_type type;
    char *name;
    char *help;
    char *label; /* "": none */
    char *value;
    _Atomic int64_t number;                   /* of a histogram: the sum in ns */
    _Atomic int64_t buckets[BOUND_COUNT + 1]; /* not cumulative; the last passed every bound */
};

/* Sorted by name, then by age, so that a family stands together in the output. */
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct metric *registry[METRICS_MAX];
static size_t registry_count;

static void registry_enter(void)
{
    int status = pthread_mutex_lock(&registry_lock);
    ASSERT(status == 0);
}

static void registry_leave(void)
{
    int status = pthread_mutex_unlock(&registry_lock);
    ASSERT(status == 0);
}

static bool is_word(const char *text, bool colons)
{
    for (const char *c = text; *c != '\0'; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';
        bool digit = *c >= '0' && *c <= '9' && c > text;
        if (!letter && !digit && !(colons && *c == ':')) {
            return false;
        }
    }
    return *text != '\0';
}

/* A place in the registry: where `name` (and the label value) is, or where it goes. */
static size_t registry_find(const char *name, const char *value, struct metric **out_found)
{
    size_t at = 0;
    *out_found = NULL;
    while (at < registry_count && strcmp(registry[at]->name, name) <= 0) {
        struct metric *metric = registry[at];
        if (text_equal(metric->name, name) && text_equal(metric->value, value)) {
            *out_found = metric;
            return at;
        }
        at++;
    }
    return at;
}

static struct metric *registry_insert(size_t at, enum metric_type type, const char *name,
                                      const char *help, const char *label, const char *value)
{
    ASSERT(registry_count < METRICS_MAX);
    ASSERT(is_word(name, true));
    ASSERT(label[0] == '\0' ? value[0] == '\0' : is_word(label, false));
    if (at > 0 && text_equal(registry[at - 1]->name, name)) {
        ASSERT(registry[at - 1]->type == type);
        ASSERT(text_equal(registry[at - 1]->label, label));
    }
    struct metric *metric = heap_alloc(sizeof *metric);
    metric->type = type;
    metric->name = heap_strdup(name);
    metric->help = heap_strdup(help);
    metric->label = heap_strdup(label);
    metric->value = heap_strdup(value);
    memmove(&registry[at + 1], &registry[at], (registry_count - at) * sizeof registry[0]);
    registry[at] = metric;
    registry_count++;
    return metric;
}

static struct metric *metric_make(enum metric_type type, const char *name, const char *help,
                                  const char *label_or_null, const char *value_or_null)
{
    const char *label = label_or_null == NULL ? "" : label_or_null;
    const char *value = value_or_null == NULL ? "" : value_or_null;
    struct metric *metric = NULL;
    registry_enter();
    size_t at = registry_find(name, value, &metric);
    if (metric == NULL) {
        metric = registry_insert(at, type, name, help, label, value);
    }
    ASSERT(metric->type == type);
    ASSERT(text_equal(metric->label, label));
    registry_leave();
    return metric;
}

struct metric *metric_counter(const char *name, const char *help, const char *label,
                              const char *value)
{
    return metric_make(METRIC_COUNTER, name, help, label, value);
}

struct metric *metric_gauge(const char *name, const char *help, const char *label,
                            const char *value)
{
    return metric_make(METRIC_GAUGE, name, help, label, value);
}

struct metric *metric_histogram(const char *name, const char *help, const char *label,
                                const char *value)
{
    return metric_make(METRIC_HISTOGRAM, name, help, label, value);
}

void metric_add(struct metric *metric, int64_t amount)
{
    ASSERT(metric->type == METRIC_GAUGE || (metric->type == METRIC_COUNTER && amount >= 0));
    atomic_fetch_add_explicit(&metric->number, amount, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t value)
{
    ASSERT(metric->type != METRIC_HISTOGRAM);
    atomic_store_explicit(&metric->number, value, memory_order_relaxed);
}

void metric_observe_ns(struct metric *metric, int64_t duration_ns)
{
    ASSERT(metric->type == METRIC_HISTOGRAM);
    /* A duration taken from two clocks may come out a little below zero. */
    int64_t ns = duration_ns < 0 ? 0 : duration_ns;
    size_t at = 0;
    while (at < BOUND_COUNT && ns > bounds[at].ns) {
        at++;
    }
    atomic_fetch_add_explicit(&metric->buckets[at], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->number, ns, memory_order_relaxed);
}

int64_t metric_value(const struct metric *metric)
{
    if (metric->type != METRIC_HISTOGRAM) {
        return atomic_load_explicit(&metric->number, memory_order_relaxed);
    }
    int64_t count = 0;
    for (size_t i = 0; i <= BOUND_COUNT; i++) {
        count += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
    }
    return count;
}

static void escaped_write(struct strbuf *out, const char *text, bool quotes)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\n') {
            strbuf_add(out, "\\n");
        } else if (*c == '\\') {
            strbuf_add(out, "\\\\");
        } else if (*c == '"' && quotes) {
            strbuf_add(out, "\\\"");
        } else {
            strbuf_add_char(out, *c);
        }
    }
}

/* `name_suffix{label="value",le="bound"} `, without what there is not. */
static void sample_begin(struct strbuf *out, const struct metric *metric, const char *suffix,
                         const char *bound)
{
    strbuf_add(out, metric->name);
    strbuf_add(out, suffix);
    if (metric->label[0] == '\0' && bound[0] == '\0') {
        strbuf_add_char(out, ' ');
        return;
    }
    strbuf_add_char(out, '{');
    if (metric->label[0] != '\0') {
        strbuf_add(out, metric->label);
        strbuf_add(out, "=\"");
        escaped_write(out, metric->value, true);
        strbuf_add_char(out, '"');
    }
    if (bound[0] != '\0') {
        strbuf_add(out, metric->label[0] != '\0' ? ",le=\"" : "le=\"");
        strbuf_add(out, bound);
        strbuf_add_char(out, '"');
    }
    strbuf_add(out, "} ");
}

static void sample_write(struct strbuf *out, const struct metric *metric, const char *suffix,
                         const char *bound, int64_t number)
{
    sample_begin(out, metric, suffix, bound);
    strbuf_add_i64(out, number);
    strbuf_add_char(out, '\n');
}

/* The count is what the buckets add up to at this moment, so that `+Inf` and `_count` agree in
 * every scrape. */
static void histogram_write(struct strbuf *out, const struct metric *metric)
{
    int64_t count = 0;
    for (size_t i = 0; i <= BOUND_COUNT; i++) {
        count += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        sample_write(out, metric, "_bucket", i < BOUND_COUNT ? bounds[i].text : "+Inf", count);
    }
    int64_t sum_ns = atomic_load_explicit(&metric->number, memory_order_relaxed);
    sample_begin(out, metric, "_sum", "");
    strbuf_printf(out, "%" PRId64 ".%09" PRId64 "\n", sum_ns / NS_PER_S, sum_ns % NS_PER_S);
    sample_write(out, metric, "_count", "", count);
}

static void family_write(struct strbuf *out, const struct metric *metric)
{
    strbuf_add(out, "# HELP ");
    strbuf_add(out, metric->name);
    strbuf_add_char(out, ' ');
    escaped_write(out, metric->help, false);
    strbuf_add(out, "\n# TYPE ");
    strbuf_add(out, metric->name);
    strbuf_add_char(out, ' ');
    strbuf_add(out, type_names[metric->type]);
    strbuf_add_char(out, '\n');
}

void metrics_write(struct strbuf *out)
{
    registry_enter();
    for (size_t i = 0; i < registry_count; i++) {
        const struct metric *metric = registry[i];
        if (i == 0 || !text_equal(registry[i - 1]->name, metric->name)) {
            family_write(out, metric);
        }
        if (metric->type == METRIC_HISTOGRAM) {
            histogram_write(out, metric);
        } else {
            sample_write(out, metric, "", "", metric_value(metric));
        }
    }
    registry_leave();
}

void metrics_clear(void)
{
    registry_enter();
    for (size_t i = 0; i < registry_count; i++) {
        free(registry[i]->name);
        free(registry[i]->help);
        free(registry[i]->label);
        free(registry[i]->value);
        free(registry[i]);
        registry[i] = NULL;
    }
    registry_count = 0;
    registry_leave();
}

/*
 * metrics - counters, gauges and histograms, and their Prometheus text.
 *
 * Shape:   modules make a metric once at start (process-wide registry, freed at exit by
 *          metrics_clear) and bump it from any thread; GET /metrics writes all of them. Families
 *          with one label take their values at creation, so that every combination stands at 0 from
 *          the start; unknown values at run time are not made.
 * Units:   names end in _total, _seconds, _bytes as Prometheus asks; histograms observe
 *          nanoseconds, print seconds.
 * Threads: bumping is lock-free from any thread; creating takes a lock.
 * Limits:  1024 metrics; no ids, addresses or names of people in labels.
 * Source:  Prometheus text format 0.0.4.
 * Fails:   a wrong name, a type that changes or one metric too many is an ASSERT.
 */
#ifndef ESCALATED_SYSTEM_METRICS_H
#define ESCALATED_SYSTEM_METRICS_H

#include <stdint.h>

#include "gateway/base/text.h"

struct metric;

/* The same (name, label, value) gives the same metric again. label and value may be NULL. Texts are
 * copied. */
struct metric *metric_counter(const char *name, const char *help, const char *label,
                              const char *value);
struct metric *metric_gauge(const char *name, const char *help, const char *label,
                            const char *value);
/* Buckets 100 us .. 60 s in 1-2.5-5 steps. */
struct metric *metric_histogram(const char *name, const char *help, const char *label,
                                const char *value);

void metric_add(struct metric *metric, int64_t amount);
void metric_set(struct metric *metric, int64_t value);
void metric_observe_ns(struct metric *metric, int64_t duration_ns);
/* The number of a counter or gauge; the count of a histogram. */
int64_t metric_value(const struct metric *metric);

void metrics_write(struct strbuf *out);
void metrics_clear(void);

#endif

/*
 * engine_metrics - what the engine counts and shows at /metrics.
 *
 * Shape:   after each commit its effects; after each turn how things stand. config/manual/metrics.md lists them all.
 * Threads: the engine's.
 */
#ifndef ESCALATED_ENGINE_ENGINE_METRICS_H
#define ESCALATED_ENGINE_ENGINE_METRICS_H

#include "gateway/engine/engine.h"
#include "gateway/engine/source_counter.h"
#include "policies/effect.h"
#include "policies/suppression.h"

struct metric;

struct engine_metrics {
    struct metric *commit_seconds;
    struct metric *inputs_total;
    struct metric *batches_total;
    struct metric *refused[STORE_VERDICT_COUNT];
    struct metric *timer_lag_seconds;
    struct metric *inbox_depth;
    struct metric *outbox_depth;
    struct metric *open_incidents;
    struct metric *firing_alerts;
    struct metric *pending;
    struct metric *claimed;
    struct metric *timers;
    struct metric *intake_open;
    struct metric *exhausted;
    struct metric *quarantined;
    struct source_counter overflowed;
    struct metric *bundled;
    struct metric *deferred;
    struct metric *suppressions[SUPPRESSION_KIND_COUNT];
    struct metric *suppressed[SUPPRESSION_KIND_COUNT];
    struct metric *undecided[MATCH_USE_COUNT];
};

void engine_metrics_init(struct engine_metrics *m);
void engine_metrics_clear(struct engine_metrics *m);
void engine_metrics_note(struct engine_metrics *m, const struct effects *effects_or_null);
void engine_metrics_doubt(struct engine_metrics *m, const struct doubts *doubts);
void engine_metrics_tell(struct engine_metrics *m, const struct engine_counts *counts);

#endif

/*
 * heartbeat_metrics - missed heartbeats and last successes, by source.
 *
 * Shape:   after each commit its effects; after a load everything.
 * Owns:    copies of the names.
 * Threads: the engine's.
 * Limits:  HEARTBEAT_METRICS_MAX sources have metrics of their own, in the order in which they are first seen; what others
 *          miss counts as "other".
 */
#ifndef ESCALATED_ENGINE_HEARTBEAT_METRICS_H
#define ESCALATED_ENGINE_HEARTBEAT_METRICS_H

#include "policies/effect.h"
#include "policies/heartbeat.h"

#define HEARTBEAT_METRICS_MAX 32

struct metric;

struct heartbeat_metrics {
    char *names[HEARTBEAT_METRICS_MAX];
    struct metric *missed[HEARTBEAT_METRICS_MAX];
    struct metric *success[HEARTBEAT_METRICS_MAX];
    size_t count;
    struct metric *missed_other;
    struct metric *refused;
};

void heartbeat_metrics_init(struct heartbeat_metrics *metrics);
void heartbeat_metrics_clear(struct heartbeat_metrics *metrics);
void heartbeat_metrics_load(struct heartbeat_metrics *metrics, const struct heartbeats *all);
void heartbeat_metrics_note(struct heartbeat_metrics *metrics, const struct heartbeats *all,
                            const struct effects *effects_or_null, int64_t now_ms);

#endif

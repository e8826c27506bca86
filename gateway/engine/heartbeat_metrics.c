#include "gateway/engine/heartbeat_metrics.h"

#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"
#include "gateway/system/metrics.h"

#define MISSED_NAME "escalated_heartbeats_missed_total"
#define MISSED_HELP "Heartbeats that did not come in time, by source."

void heartbeat_metrics_init(struct heartbeat_metrics *metrics)
{
    *metrics = (struct heartbeat_metrics){.count = 0};
    metrics->missed_other = metric_counter(MISSED_NAME, MISSED_HELP, "source", "other");
    metrics->refused = metric_counter("escalated_heartbeats_refused_total",
                                      "Heartbeats with a key beyond keys_max of their source, or "
                                      "unknown.",
                                      NULL, NULL);
}

void heartbeat_metrics_clear(struct heartbeat_metrics *metrics)
{
    for (size_t i = 0; i < metrics->count; i++)
        free(metrics->names[i]);
    metrics->count = 0;
}

/* HEARTBEAT_METRICS_MAX: it has none of its own. */
static size_t place_of(struct heartbeat_metrics *metrics, const char *source)
{
    size_t i = 0;
    while (i < metrics->count && !text_equal(metrics->names[i], source))
        i++;
    if (i < metrics->count || i == HEARTBEAT_METRICS_MAX)
        return i;
    metrics->names[i] = heap_strdup(source);
    metrics->missed[i] = metric_counter(MISSED_NAME, MISSED_HELP, "source", source);
    metrics->success[i] =
        metric_gauge("escalated_heartbeat_last_success_seconds",
                     "Unix time of the last success of a source, that of its key with the oldest "
                     "one; 0: none has ever succeeded.",
                     "source", source);
    metrics->count++;
    return i;
}

static void tell_success(struct heartbeat_metrics *metrics, const struct heartbeats *all,
                         const char *source)
{
    size_t place = place_of(metrics, source);
    if (place == HEARTBEAT_METRICS_MAX)
        return;
    struct heartbeat_successes sum = heartbeats_successes(all, source);
    metric_set(metrics->success[place], sum.oldest_at_ms / 1000);
}

void heartbeat_metrics_load(struct heartbeat_metrics *metrics, const struct heartbeats *all)
{
    for (size_t i = 0; i < all->rows.count; i++)
        tell_success(metrics, all, all->rows.groups[i]->name);
}

void heartbeat_metrics_note(struct heartbeat_metrics *metrics, const struct heartbeats *all,
                            const struct effects *effects_or_null, int64_t now_ms)
{
    const char *told = ""; /* those of one source stand together mostly */
    for (size_t i = 0; effects_or_null != NULL && i < effects_or_null->count; i++) {
        const struct effect *effect = &effects_or_null->items[i];
        if (effect->kind == EFFECT_EVENT && effect->u.event->disposition == DISPOSITION_REFUSED)
            metric_add(metrics->refused, 1);
        if (effect->kind != EFFECT_HEARTBEAT)
            continue;
        const struct heartbeat_row *row = effect->u.heartbeat;
        size_t place = place_of(metrics, row->source);
        if (!row->forgotten && row->state == HEARTBEAT_MISSED && row->missed_at_ms == now_ms)
            metric_add(
                place < HEARTBEAT_METRICS_MAX ? metrics->missed[place] : metrics->missed_other, 1);
        if (!text_equal(told, row->source))
            tell_success(metrics, all, row->source);
        told = row->source;
    }
}

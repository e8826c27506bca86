#include "gateway/engine/engine_metrics.h"

#include "gateway/base/text.h"
#include "gateway/system/metrics.h"

static void make_suppressions(struct engine_metrics *m)
{
    for (int i = SUPPRESSION_NONE + 1; i < SUPPRESSION_KIND_COUNT; i++) {
        const char *kind = suppression_kind_name((enum suppression_kind)i);
        m->suppressions[i] = metric_gauge("escalated_suppressions",
                                          "What holds alerts back now: silences, maintenances, and "
                                          "alerts that inhibit others.",
                                          "kind", kind);
        m->suppressed[i] =
            metric_gauge("escalated_suppressed_incidents",
                         "Incidents not resolved that are held back, by what.", "kind", kind);
    }
}

void engine_metrics_init(struct engine_metrics *m)
{
    m->commit_seconds = metric_histogram("escalated_commit_seconds",
                                         "Time of one engine step with its commit.", NULL, NULL);
    m->inputs_total =
        metric_counter("escalated_engine_inputs_total", "Inputs applied.", NULL, NULL);
    m->batches_total =
        metric_counter("escalated_engine_batches_total", "Engine steps.", NULL, NULL);
    for (int i = 0; i < STORE_VERDICT_COUNT; i++)
        m->refused[i] = metric_counter("escalated_commits_total", "Commits by the store's answer.",
                                       "verdict", store_verdict_name((enum store_verdict)i));
    m->timer_lag_seconds =
        metric_histogram("escalated_timer_lag_seconds",
                         "How late due timers and notifications were taken up.", NULL, NULL);
    m->inbox_depth =
        metric_gauge("escalated_inbox_depth", "Inputs waiting for the engine.", NULL, NULL);
    m->outbox_depth =
        metric_gauge("escalated_outbox_depth", "Orders waiting for delivery.", NULL, NULL);
    m->open_incidents =
        metric_gauge("escalated_open_incidents", "Incidents not resolved.", NULL, NULL);
    m->firing_alerts = metric_gauge("escalated_firing_alerts", "Alerts that fire.", NULL, NULL);
    m->pending = metric_gauge("escalated_notifications", "Unfinished notifications by state.",
                              "state", "pending");
    m->claimed = metric_gauge("escalated_notifications", "Unfinished notifications by state.",
                              "state", "claimed");
    m->exhausted =
        metric_counter("escalated_ladders_exhausted_total",
                       "Times a ladder had no step left and nobody had acknowledged.", NULL, NULL);
    m->quarantined = metric_counter("escalated_quarantined_total",
                                    "Inputs that no event could be made of.", NULL, NULL);
    source_counter_init(
        &m->overflowed, "escalated_overflow_events_total",
        "Alerts past the limits of their source, counted in its overflow incident.");
    m->bundled = metric_counter("escalated_bundled_total",
                                "Messages that go out in a digest, past the limit of their reader.",
                                NULL, NULL);
    m->deferred =
        metric_counter("escalated_deferred_total",
                       "Messages put off to the end of their reader's quiet hours.", NULL, NULL);
    make_suppressions(m);
    for (int i = 0; i < MATCH_USE_COUNT; i++)
        m->undecided[i] =
            metric_counter("escalated_matcher_limit_total",
                           "Times nothing matched because a pattern ran into its limits, by what "
                           "it is a matcher of.",
                           "use", match_use_name((enum match_use)i));
    m->timers = metric_gauge("escalated_timers", "Timers set.", NULL, NULL);
    m->intake_open = metric_gauge("escalated_intake_open",
                                  "1 while there is space for what comes in.", NULL, NULL);
    metric_set(m->intake_open, 1);
}

void engine_metrics_clear(struct engine_metrics *m)
{
    source_counter_clear(&m->overflowed);
}

void engine_metrics_note(struct engine_metrics *m, const struct effects *effects_or_null)
{
    for (size_t i = 0; effects_or_null != NULL && i < effects_or_null->count; i++) {
        const struct effect *effect = &effects_or_null->items[i];
        const char *entry = effect->kind == EFFECT_TIMELINE ? effect->u.timeline->kind : "";
        if (text_equal(entry, "exhausted"))
            metric_add(m->exhausted, 1);
        else if (text_equal(entry, "bundled"))
            metric_add(m->bundled, 1);
        else if (effect->kind == EFFECT_QUARANTINE)
            metric_add(m->quarantined, 1);
        else if (effect->kind == EFFECT_EVENT &&
                 effect->u.event->disposition == DISPOSITION_OVERFLOW)
            source_counter_add(&m->overflowed, effect->u.event->source, 1);
        else if (effect->kind == EFFECT_NOTIFICATION && effect->u.notification->deferred)
            metric_add(m->deferred, 1);
    }
}

void engine_metrics_doubt(struct engine_metrics *m, const struct doubts *doubts)
{
    for (int i = 0; i < MATCH_USE_COUNT; i++) {
        if (doubts->of[i].count > 0)
            metric_add(m->undecided[i], (int64_t)doubts->of[i].count);
    }
}

void engine_metrics_tell(struct engine_metrics *m, const struct engine_counts *counts)
{
    metric_set(m->open_incidents, (int64_t)counts->open_incidents);
    metric_set(m->firing_alerts, (int64_t)counts->firing_alerts);
    metric_set(m->pending, (int64_t)counts->pending_notifications);
    metric_set(m->claimed, (int64_t)counts->claimed_notifications);
    metric_set(m->timers, (int64_t)counts->timers);
    for (int i = SUPPRESSION_NONE + 1; i < SUPPRESSION_KIND_COUNT; i++) {
        metric_set(m->suppressions[i], (int64_t)counts->suppressions[i]);
        metric_set(m->suppressed[i], (int64_t)counts->suppressed_incidents[i]);
    }
}

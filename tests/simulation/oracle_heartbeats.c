/* Rule 16, naively: every key with the instant from which its silence counts. */
#include "gateway/base/text.h"
#include "tests/simulation/oracle_events.h"
#include "tests/simulation/oracle_state.h"

enum { MOMENT_MS = 30000 /* away for no longer is not away */ };

/* NULL: nothing is expected of it now. */
static const struct source_rule *rule_of(const struct oracle *oracle, const char *source)
{
    for (size_t i = 0; i < oracle->book->source_count; i++) {
        const struct source_rule *rule = &oracle->book->sources[i];
        if (text_equal(rule->name, source) && rule->expect_every_ms > 0)
            return rule;
    }
    return NULL;
}

static struct o_beat *find_beat(const struct oracle *oracle, const char *source, const char *key)
{
    struct o_beat *beat = oracle->beats;
    while (beat != NULL && !(text_equal(beat->source, source) && text_equal(beat->key, key)))
        beat = beat->next;
    return beat;
}

/* In the order of source and key, in which those of one instant are missed. */
static struct o_beat *add_beat(struct oracle *oracle, const char *source, const char *key)
{
    struct o_beat **place = &oracle->beats;
    while (*place != NULL &&
           (strcmp((*place)->source, source) < 0 ||
            (text_equal((*place)->source, source) && strcmp((*place)->key, key) < 0)))
        place = &(*place)->next;
    struct o_beat *beat = arena_alloc(&oracle->arena, sizeof(*beat));
    *beat = (struct o_beat){.next = *place,
                            .source = arena_strdup(&oracle->arena, source),
                            .key = arena_strdup(&oracle->arena, key),
                            .run = "",
                            .counts_from_ms = oracle->now_ms};
    *place = beat;
    return beat;
}

static void drop_beat(struct oracle *oracle, const struct o_beat *beat)
{
    struct o_beat **place = &oracle->beats;
    while (*place != beat)
        place = &(*place)->next;
    *place = beat->next;
}

static bool is_named(const struct source_rule *rule, const char *key)
{
    for (size_t i = 0; i < rule->expect_count; i++) {
        if (text_equal(rule->expect[i], key))
            return true;
    }
    return false;
}

static int64_t missed_at_ms(const struct oracle *oracle, const struct o_beat *beat)
{
    const struct source_rule *rule = rule_of(oracle, beat->source);
    if (rule == NULL || beat->is_gone)
        return INT64_MAX;
    int64_t silent_ms = beat->counts_from_ms + rule->expect_every_ms + rule->grace_ms;
    int64_t late_ms = beat->started_at_ms + rule->grace_ms;
    bool is_limited = beat->is_running && !beat->is_troubled && rule->grace_ms > 0;
    return is_limited && late_ms < silent_ms ? late_ms : silent_ms;
}

static void tell(struct oracle *oracle, const struct o_beat *beat, enum event_action action)
{
    const struct source_rule *rule = rule_of(oracle, beat->source);
    struct label *labels = arena_alloc_array(&oracle->arena, 2, sizeof(*labels));
    labels[0] = (struct label){.name = "key", .value = beat->key};
    labels[1] = (struct label){.name = "source", .value = beat->source};
    const struct event event = {.action = action,
                                .severity = rule != NULL ? rule->severity : SEVERITY_ERROR,
                                .source = beat->source,
                                .key = beat->key,
                                .labels = labels,
                                .label_count = 2};
    oracle_event(oracle, &event);
}

static void end_run(struct o_beat *beat, const char *run)
{
    if (run[0] == '\0' || beat->run[0] == '\0' || text_equal(run, beat->run))
        beat->is_running = false;
}

static void hear(struct oracle *oracle, struct o_beat *beat, const struct event *event)
{
    const char *run = event->run_or_null != NULL ? event->run_or_null : "";
    beat->was_heard = true;
    if (event->signal == HEARTBEAT_START) {
        beat->is_running = true;
        beat->started_at_ms = oracle->now_ms;
        beat->run = arena_strdup(&oracle->arena, run);
    }
    if (event->signal != HEARTBEAT_SUCCESS && event->signal != HEARTBEAT_FAIL)
        return;
    end_run(beat, run);
    beat->counts_from_ms = oracle->now_ms;
    beat->is_troubled = event->signal == HEARTBEAT_FAIL;
    tell(oracle, beat, beat->is_troubled ? EVENT_TRIGGER : EVENT_RESOLVE);
}

void oracle_heartbeat(struct oracle *oracle, const struct event *event)
{
    const struct source_rule *rule = rule_of(oracle, event->source);
    struct o_beat *beat = find_beat(oracle, event->source, event->key);
    int64_t count = 0;
    for (const struct o_beat *other = oracle->beats; other != NULL; other = other->next)
        count += text_equal(other->source, event->source);
    if (event->signal == HEARTBEAT_FORGET) {
        if (beat == NULL || (rule != NULL && is_named(rule, event->key)))
            return;
        tell(oracle, beat, EVENT_RESOLVE);
        drop_beat(oracle, beat);
        return;
    }
    if (rule == NULL || (beat == NULL && event->signal == HEARTBEAT_LOG))
        return;
    if (beat == NULL && count < rule->keys_max)
        beat = add_beat(oracle, event->source, event->key);
    if (beat != NULL)
        hear(oracle, beat, event);
}

/* A source that is gone, or is back: it has a full interval then. What nobody has heard of goes with its name. */
static void settle(struct oracle *oracle, struct o_beat *beat)
{
    const struct source_rule *rule = rule_of(oracle, beat->source);
    if (rule != NULL && !beat->was_heard && !is_named(rule, beat->key)) {
        drop_beat(oracle, beat);
        return;
    }
    if (beat->is_gone != (rule == NULL)) {
        beat->counts_from_ms = oracle->now_ms;
        beat->is_running = false;
    }
    beat->is_gone = rule == NULL;
}

void oracle_heartbeats_expected(struct oracle *oracle)
{
    for (struct o_beat *beat = oracle->beats; beat != NULL; beat = beat->next)
        settle(oracle, beat);
    for (size_t i = 0; i < oracle->book->source_count; i++) {
        const struct source_rule *rule = &oracle->book->sources[i];
        for (size_t j = 0; j < rule->expect_count; j++) {
            if (find_beat(oracle, rule->name, rule->expect[j]) == NULL)
                (void)add_beat(oracle, rule->name, rule->expect[j]);
        }
    }
}

void oracle_heartbeats_away(struct oracle *oracle, int64_t from_ms)
{
    if (oracle->now_ms - from_ms <= MOMENT_MS)
        return;
    for (struct o_beat *beat = oracle->beats; beat != NULL; beat = beat->next) {
        const struct source_rule *rule = rule_of(oracle, beat->source);
        if (rule == NULL || missed_at_ms(oracle, beat) <= from_ms)
            continue;
        int64_t earliest_ms = beat->counts_from_ms + rule->expect_every_ms - rule->grace_ms;
        if (!beat->is_running && earliest_ms >= oracle->now_ms)
            continue;
        beat->is_running = false;
        beat->counts_from_ms = oracle->now_ms;
    }
}

void oracle_heartbeats_time(struct oracle *oracle)
{
    for (struct o_beat *beat = oracle->beats; beat != NULL; beat = beat->next) {
        if (missed_at_ms(oracle, beat) > oracle->now_ms)
            continue;
        beat->counts_from_ms = oracle->now_ms;
        beat->is_troubled = true;
        tell(oracle, beat, EVENT_TRIGGER);
    }
}

/* Heartbeats: what is heard, what is expected, and the alert of what is not (DESIGN section 4, rule 16). */
#include <string.h>

#include "gateway/base/text.h"
#include "gateway/engine/engine_state.h"

enum {
    TIMER_SEED = 0x6862,
    MISSES_MAX = 500, /* of a source in one step, so that a batch keeps a bounded size */
};

static uint64_t timer_id(const char *source)
{
    return text_hash(TIMER_SEED, source, strlen(source));
}

/* NULL: nothing is expected of it. */
static const struct source_rule *rule_of(const struct engine *engine, const char *source)
{
    const struct source_rule *rule = rulebook_source(engine->book, source);
    return rule != NULL && rule->expect_every_ms > 0 ? rule : NULL;
}

static int64_t due_ms(const struct engine *engine, const struct heartbeat_row *row,
                      const struct source_rule *rule_or_null)
{
    if (row->gone_at_ms == 0)
        return rule_or_null != NULL ? heartbeat_due_ms(row, rule_or_null) : INT64_MAX;
    return engine->book->keep_ms > 0 ? row->gone_at_ms + engine->book->keep_ms : INT64_MAX;
}

/* One entry a source: an earlier due time makes a new one, a later one waits for the old to come up. */
static void set_timer(struct engine *engine, struct pair_group *group, int64_t at_ms)
{
    if (at_ms == INT64_MAX || (group->user_at_ms != 0 && group->user_at_ms <= at_ms))
        return;
    group->user_at_ms = at_ms;
    group->user_mark = ++engine->heartbeat_marks;
    heap_push(
        &engine->heartbeat_timers,
        (struct heap_entry){.key = at_ms, .id = timer_id(group->name), .mark = group->user_mark});
}

static void watch(struct engine *engine, const struct heartbeat_row *row,
                  const struct source_rule *rule_or_null)
{
    set_timer(engine, pairs_group(&engine->world.heartbeats.rows, row->source),
              due_ms(engine, row, rule_or_null));
}

/* A UUIDv7 of its own for what no input has opened: the same whenever the same step is taken again. */
static void make_id(const struct engine *engine, const struct heartbeat_row *row,
                    unsigned char out[16])
{
    enum { SEED_A = 0x6862a, SEED_B = 0x6862b };
    int64_t at_ms = engine->now_ms + engine->wall_offset_ms;
    uint64_t a = text_hash(SEED_A ^ (uint64_t)engine->now_ms, row->source, strlen(row->source) + 1);
    uint64_t b = text_hash(SEED_B ^ a, row->key, strlen(row->key) + 1);
    for (int i = 0; i < 6; i++)
        out[i] = (unsigned char)((uint64_t)at_ms >> (40 - 8 * i));
    for (int i = 0; i < 8; i++)
        out[8 + i] = (unsigned char)(b >> (8 * i));
    out[6] = (unsigned char)(0x70 | (a & 0x0f));
    out[7] = (unsigned char)(a >> 8);
    out[8] = (unsigned char)(0x80 | (out[8] & 0x3f));
}

static struct event alert_event(struct engine *engine, const struct heartbeat_row *row,
                                enum event_action action, const char *summary)
{
    const struct source_rule *rule = rulebook_source(engine->book, row->source);
    struct label *labels = arena_alloc_array(&engine->arena, 2, sizeof(*labels));
    const char *key = arena_strdup(&engine->arena, row->key);
    const char *source = arena_strdup(&engine->arena, row->source);
    labels[0] = (struct label){.name = "key", .value = key};
    labels[1] = (struct label){.name = "source", .value = source};
    return (struct event){.action = action,
                          .severity = rule != NULL ? rule->severity : SEVERITY_ERROR,
                          .source = source,
                          .key = key,
                          .summary = summary,
                          .labels = labels,
                          .label_count = 2,
                          .details = "",
                          .links = ""};
}

static const char *said_how(struct engine *engine, const struct heartbeat_row *row)
{
    const struct zone *zone = engine->book->zone;
    if (row->success_at_ms != 0)
        return arena_printf(&engine->arena, "last success %s",
                            moment_local_time(&engine->moment, zone, row->success_at_ms));
    return arena_printf(&engine->arena, "never a success since %s",
                        moment_local_time(&engine->moment, zone, row->first_at_ms));
}

/* As the source's `summary` has it. */
static const char *summary_of(struct engine *engine, const struct heartbeat_row *row,
                              const struct source_rule *rule, const char *what)
{
    const struct heartbeat_facts facts = {
        .source = row->source, .key = row->key, .what = what, .last = said_how(engine, row)};
    return heartbeat_summary(rule->summary, &facts, &engine->arena);
}

static const char *missed_what(struct engine *engine, const struct heartbeat_row *row,
                               const struct source_rule *rule)
{
    char span[TEXT_RFC3339_BYTES];
    if (row->is_running &&
        heartbeat_due_ms(row, rule) < row->waits_from_ms + rule->expect_every_ms + rule->grace_ms)
        return arena_printf(
            &engine->arena, "%s was started at %s and is not done within %s", row->key,
            moment_local_time(&engine->moment, engine->book->zone, row->started_at_ms),
            text_duration(rule->grace_ms, span));
    text_duration(rule->expect_every_ms + rule->grace_ms, span);
    return arena_printf(&engine->arena, "no success from %s in %s", row->key, span);
}

static void miss(struct engine *engine, struct heartbeat *heartbeat, const struct source_rule *rule)
{
    struct heartbeat_row *row = &heartbeat->row;
    struct event event = alert_event(engine, row, EVENT_TRIGGER,
                                     summary_of(engine, row, rule, missed_what(engine, row, rule)));
    struct input input = {.kind = INPUT_TIMER,
                          .actor = arena_printf(&engine->arena, "source %s", row->source),
                          .credential = "silence"};
    make_id(engine, row, input.id);
    heartbeat_miss(row, engine->now_ms);
    batch_touch_heartbeat(engine, heartbeat);
    (void)events_apply(engine, &input, &event); /* it came in by no one who could be told */
}

static struct verdict clear(struct engine *engine, const struct input *input,
                            const struct heartbeat_row *row)
{
    struct event event = alert_event(engine, row, EVENT_RESOLVE, "");
    struct verdict verdict = events_apply(engine, input, &event);
    if (verdict.disposition == DISPOSITION_UNKNOWN_KEY)
        verdict.disposition = DISPOSITION_HEARTBEAT;
    return verdict;
}

/* Nothing is expected of it any more, and nothing remembered. */
static struct verdict forget(struct engine *engine, const struct input *input,
                             struct heartbeat *heartbeat)
{
    struct verdict verdict = clear(engine, input, &heartbeat->row);
    batch_drop_heartbeat(engine, heartbeat);
    return verdict;
}

static void forget_by_itself(struct engine *engine, struct heartbeat *heartbeat)
{
    struct input input = {.kind = INPUT_TIMER, .actor = "engine", .credential = "configuration"};
    make_id(engine, &heartbeat->row, input.id);
    (void)forget(engine, &input, heartbeat);
}

/* The next due time of those that are missed now, in the order of their keys. */
static int64_t miss_group(struct engine *engine, struct pair_group *group,
                          const struct source_rule *rule)
{
    int64_t next_ms = INT64_MAX;
    int misses = 0;
    for (size_t i = 0; i < group->count; i++) {
        struct heartbeat *heartbeat = group->items[i].value;
        int64_t at_ms = due_ms(engine, &heartbeat->row, rule);
        if (at_ms <= engine->now_ms && misses++ < MISSES_MAX) {
            miss(engine, heartbeat, rule);
            at_ms = due_ms(engine, &heartbeat->row, rule);
        }
        next_ms = at_ms < next_ms ? at_ms : next_ms;
    }
    return next_ms;
}

/* The source is not configured any more: all of its rows have been kept for as long as is due, or none. */
static void forget_group(struct engine *engine, struct pair_group *group)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = group->count; i > 0; i--) {
        struct heartbeat *heartbeat = group->items[i - 1].value;
        bool is_last = group->count == 1; /* which takes the group along */
        int64_t at_ms = due_ms(engine, &heartbeat->row, NULL);
        if (at_ms <= engine->now_ms) {
            forget_by_itself(engine, heartbeat);
            if (is_last)
                return;
            continue;
        }
        next_ms = at_ms < next_ms ? at_ms : next_ms;
    }
    set_timer(engine, group, next_ms);
}

static void run_group(struct engine *engine, const struct heap_entry *entry)
{
    const struct pairs *rows = &engine->world.heartbeats.rows;
    struct pair_group *group = NULL;
    for (size_t i = 0; i < rows->count && group == NULL; i++)
        group = rows->groups[i]->user_mark == entry->mark ? rows->groups[i] : NULL;
    if (group == NULL)
        return;
    const struct source_rule *rule = rule_of(engine, group->name);
    group->user_at_ms = 0;
    if (rule == NULL) {
        forget_group(engine, group);
        return;
    }
    int64_t next_ms = miss_group(engine, group, rule);
    /* Where there were too many for one step the rest is for the next. */
    set_timer(engine, group, next_ms > engine->now_ms ? next_ms : engine->now_ms + 1);
}

void heartbeats_run(struct engine *engine)
{
    for (;;) {
        const struct heap_entry *top = heap_top(&engine->heartbeat_timers);
        if (top == NULL || top->key > engine->now_ms)
            return;
        const struct heap_entry entry = heap_pop(&engine->heartbeat_timers);
        run_group(engine, &entry);
    }
}

int64_t heartbeats_next_ms(const struct engine *engine)
{
    const struct heap_entry *top = heap_top(&engine->heartbeat_timers);
    return top != NULL ? top->key : INT64_MAX;
}

static bool is_configured(const struct source_rule *rule, const char *key)
{
    for (size_t i = 0; i < rule->expect_count; i++) {
        if (text_equal(rule->expect[i], key))
            return true;
    }
    return false;
}

/* NULL: the source has as many as it may have. */
static struct heartbeat *add(struct engine *engine, const struct source_rule *rule, const char *key)
{
    const struct pair_group *group = pairs_group(&engine->world.heartbeats.rows, rule->name);
    if (group != NULL && (int64_t)group->count >= rule->keys_max)
        return NULL;
    const struct heartbeat_row row = heartbeat_expected(rule->name, key, engine->now_ms);
    struct heartbeat *heartbeat = heartbeats_put(&engine->world.heartbeats, &row);
    batch_touch_heartbeat(engine, heartbeat);
    return heartbeat;
}

/* Rows of one source, against what is configured for it now. */
static void settle_group(struct engine *engine, struct pair_group *group)
{
    const struct source_rule *rule = rule_of(engine, group->name);
    for (size_t i = group->count; i > 0; i--) {
        struct heartbeat *heartbeat = group->items[i - 1].value;
        struct heartbeat_row *row = &heartbeat->row;
        bool is_last = group->count == 1;
        if (rule != NULL && row->seen_at_ms == 0 && !is_configured(rule, row->key)) {
            forget_by_itself(engine, heartbeat); /* the configuration alone had named it */
            if (is_last)
                return;
            continue;
        }
        if ((rule == NULL) != (row->gone_at_ms != 0)) {
            row->gone_at_ms = rule == NULL ? engine->now_ms : 0;
            row->waits_from_ms = engine->now_ms;
            batch_touch_heartbeat(engine, heartbeat);
        }
        watch(engine, row, rule);
    }
}

void heartbeats_settle(struct engine *engine)
{
    struct pairs *rows = &engine->world.heartbeats.rows;
    for (size_t i = rows->count; i > 0; i--)
        settle_group(engine, rows->groups[i - 1]);
    for (size_t i = 0; engine->book->expects_heartbeats && i < engine->book->source_count; i++) {
        const struct source_rule *rule = &engine->book->sources[i];
        for (size_t j = 0; j < rule->expect_count; j++) {
            if (heartbeats_find(&engine->world.heartbeats, rule->name, rule->expect[j]) != NULL)
                continue;
            const struct heartbeat *added = add(engine, rule, rule->expect[j]);
            if (added != NULL)
                watch(engine, &added->row, rule);
        }
    }
}

void heartbeats_resume(struct engine *engine)
{
    struct pairs *rows = &engine->world.heartbeats.rows;
    for (size_t i = 0; i < rows->count; i++) {
        struct pair_group *group = rows->groups[i];
        const struct source_rule *rule = rule_of(engine, group->name);
        for (size_t j = 0; rule != NULL && j < group->count; j++) {
            struct heartbeat *heartbeat = group->items[j].value;
            if (heartbeat_excuse(&heartbeat->row, rule, engine->lost_from_ms, engine->now_ms))
                batch_touch_heartbeat(engine, heartbeat);
        }
    }
    heartbeats_settle(engine);
}

/* A failure that says something itself is called that. */
static struct verdict fail(struct engine *engine, const struct input *input,
                           const struct source_rule *rule, const struct heartbeat_row *row)
{
    const struct event *said = &input->u.event;
    const char *summary = said->summary;
    if (summary[0] == '\0' && said->exit_status > 0)
        summary = summary_of(engine, row, rule,
                             arena_printf(&engine->arena, "%s failed with exit status %d", row->key,
                                          said->exit_status));
    else if (summary[0] == '\0')
        summary = summary_of(engine, row, rule,
                             arena_printf(&engine->arena, "%s reports a failure", row->key));
    struct event event = alert_event(engine, row, EVENT_TRIGGER, summary);
    event.details = said->details;
    event.links = said->links;
    return events_apply(engine, input, &event);
}

static struct verdict hear(struct engine *engine, const struct input *input,
                           const struct source_rule *rule, struct heartbeat *heartbeat)
{
    const struct event *event = &input->u.event;
    const char *run = event->run_or_null != NULL ? event->run_or_null : "";
    enum heartbeat_news news =
        heartbeat_hear(&heartbeat->row, event->signal, run, event->exit_status, engine->now_ms);
    batch_touch_heartbeat(engine, heartbeat);
    watch(engine, &heartbeat->row, rule);
    if (news == HEARTBEAT_IS_WELL)
        return clear(engine, input, &heartbeat->row);
    if (news == HEARTBEAT_IS_NOT_WELL)
        return fail(engine, input, rule, &heartbeat->row);
    return (struct verdict){.disposition = DISPOSITION_HEARTBEAT};
}

static struct verdict refuse(struct engine *engine, struct answer *out_answer,
                             enum answer_status status, const char *format, const char *key,
                             const char *source)
{
    out_answer->status = status;
    out_answer->text = arena_printf(&engine->arena, "%s '%s' of %s", format, key, source);
    return (struct verdict){.disposition = DISPOSITION_REFUSED};
}

struct verdict heartbeats_take(struct engine *engine, const struct input *input, const char *key,
                               struct answer *out_answer)
{
    const struct event *event = &input->u.event;
    const struct source_rule *rule = rule_of(engine, event->source);
    struct heartbeat *heartbeat = heartbeats_find(&engine->world.heartbeats, event->source, key);
    if (event->signal == HEARTBEAT_FORGET) {
        if (heartbeat == NULL)
            return refuse(engine, out_answer, ANSWER_UNKNOWN, "no heartbeat is known by the key",
                          key, event->source);
        if (rule != NULL && is_configured(rule, key))
            return refuse(engine, out_answer, ANSWER_REFUSED,
                          "the configuration expects it (take it out of `expect` first):", key,
                          event->source);
        out_answer->text =
            arena_printf(&engine->arena, "'%s' of %s is forgotten", key, event->source);
        return forget(engine, input, heartbeat);
    }
    if (rule == NULL)
        return (struct verdict){.disposition = DISPOSITION_HEARTBEAT};
    if (heartbeat == NULL && event->signal == HEARTBEAT_LOG)
        return refuse(engine, out_answer, ANSWER_UNKNOWN, "no heartbeat is known by the key", key,
                      event->source);
    if (heartbeat == NULL)
        heartbeat = add(engine, rule, key);
    if (heartbeat == NULL)
        return refuse(engine, out_answer, ANSWER_REFUSED,
                      "the source has as many keys as keys_max allows, so there is no room for",
                      key, event->source);
    return hear(engine, input, rule, heartbeat);
}

void heartbeats_note_event(struct engine *engine, const struct event *event)
{
    const struct source_rule *rule = rule_of(engine, event->source);
    if (rule == NULL || rule->is_pings || event->action == EVENT_HEARTBEAT)
        return;
    struct heartbeat *heartbeat =
        heartbeats_find(&engine->world.heartbeats, rule->name, rule->name);
    heartbeat = heartbeat != NULL ? heartbeat : add(engine, rule, rule->name);
    if (heartbeat == NULL)
        return;
    (void)heartbeat_hear(&heartbeat->row, HEARTBEAT_SUCCESS, "", 0, engine->now_ms); /* it lives */
    batch_touch_heartbeat(engine, heartbeat);
    watch(engine, &heartbeat->row, rule);
    struct event ours = alert_event(engine, &heartbeat->row, EVENT_RESOLVE, "");
    if (!text_equal(event->key, rule->name)) {
        struct input input = {.kind = INPUT_TIMER,
                              .actor = arena_printf(&engine->arena, "source %s", rule->name),
                              .credential = "heard"};
        (void)events_apply(engine, &input, &ours); /* nothing fires mostly */
    }
}

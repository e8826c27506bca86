#include "policies/heartbeat.h"

#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "policies/event.h"

struct heartbeat_row heartbeat_expected(const char *source, const char *key, int64_t now_ms)
{
    return (struct heartbeat_row){.source = source,
                                  .key = key,
                                  .state = HEARTBEAT_NEW,
                                  .first_at_ms = now_ms,
                                  .waits_from_ms = now_ms,
                                  .exit_status = -1};
}

/* An end without a name ends whatever runs; with one only the run of that name. */
static void end_run(struct heartbeat_row *row, const char *run, int64_t now_ms)
{
    bool is_other = run[0] != '\0' && row->run[0] != '\0' && !text_equal(run, row->run);
    if (!row->is_running || is_other)
        return;
    int64_t duration_ms = now_ms - row->started_at_ms;
    row->duration_ms = duration_ms > 0 ? duration_ms : 1; /* 0 says that it is not known */
    row->is_running = false;
    row->run[0] = '\0';
}

enum heartbeat_news heartbeat_hear(struct heartbeat_row *row, enum heartbeat_signal signal,
                                   const char *run, int32_t exit_status, int64_t now_ms)
{
    size_t length = strnlen(run, sizeof(row->run) - 1);
    row->seen_at_ms = now_ms;
    switch (signal) {
    case HEARTBEAT_SUCCESS:
        end_run(row, run, now_ms);
        row->success_at_ms = now_ms;
        row->waits_from_ms = now_ms;
        row->state = HEARTBEAT_UP;
        return HEARTBEAT_IS_WELL;
    case HEARTBEAT_START:
        row->started_at_ms = now_ms;
        row->is_running = true;
        memcpy(row->run, run, length);
        row->run[length] = '\0';
        return HEARTBEAT_NO_NEWS;
    case HEARTBEAT_FAIL:
        end_run(row, run, now_ms);
        row->failed_at_ms = now_ms;
        row->waits_from_ms = now_ms;
        row->exit_status = exit_status > 0 ? exit_status : -1;
        row->state = HEARTBEAT_FAILED;
        return HEARTBEAT_IS_NOT_WELL;
    case HEARTBEAT_LOG:
    case HEARTBEAT_FORGET:
    case HEARTBEAT_SIGNAL_COUNT:
        break;
    }
    ASSERT(signal == HEARTBEAT_LOG);
    return HEARTBEAT_NO_NEWS;
}

/* A run has the grace to end in; without any it has no limit of its own. Who is missed already is not missed sooner. */
static bool has_limit(const struct heartbeat_row *row, const struct source_rule *rule)
{
    bool is_well = row->state == HEARTBEAT_NEW || row->state == HEARTBEAT_UP;
    return row->is_running && is_well && rule->grace_ms > 0;
}

int64_t heartbeat_due_ms(const struct heartbeat_row *row, const struct source_rule *rule)
{
    if (rule->expect_every_ms == 0 || row->gone_at_ms != 0)
        return INT64_MAX;
    int64_t due_ms = row->waits_from_ms + rule->expect_every_ms + rule->grace_ms;
    int64_t run_due_ms = row->started_at_ms + rule->grace_ms;
    return has_limit(row, rule) && run_due_ms < due_ms ? run_due_ms : due_ms;
}

void heartbeat_miss(struct heartbeat_row *row, int64_t now_ms)
{
    row->state = HEARTBEAT_MISSED;
    row->missed_at_ms = now_ms;
    row->waits_from_ms = now_ms;
    row->missed_count++;
}

bool heartbeat_excuse(struct heartbeat_row *row, const struct source_rule *rule,
                      int64_t lost_from_ms, int64_t now_ms)
{
    int64_t due_ms = heartbeat_due_ms(row, rule);
    if (now_ms - lost_from_ms <= HEARTBEAT_GAP_MS || due_ms == INT64_MAX || due_ms <= lost_from_ms)
        return false;
    /* It may come as much before its time as it may come after. */
    int64_t earliest_ms = row->waits_from_ms + rule->expect_every_ms - rule->grace_ms;
    if (!row->is_running && earliest_ms >= now_ms)
        return false;
    row->waits_from_ms = now_ms;
    row->is_running = false;
    row->run[0] = '\0';
    return true;
}

/* The fact that begins at `text`, or NULL. */
static const char *find_fact(const char *text, const struct heartbeat_facts *facts,
                             size_t *out_length)
{
    const struct {
        const char *name;
        const char *value;
    } all[] = {{"{source}", facts->source},
               {"{key}", facts->key},
               {"{what}", facts->what},
               {"{last}", facts->last}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (text_starts_with(text, all[i].name)) {
            *out_length = strlen(all[i].name);
            return all[i].value;
        }
    }
    return NULL;
}

int heartbeat_summary_check(const char *pattern, struct err *err)
{
    const struct heartbeat_facts none = {.source = "", .key = "", .what = "", .last = ""};
    size_t length = 0;
    for (const char *at = pattern; (at = strpbrk(at, "{}")) != NULL; at += length) {
        char got[TEXT_EXCERPT_BYTES];
        if (find_fact(at, &none, &length) == NULL)
            return err_set(err, ERR_INVALID, "got '%s', want {source}, {key}, {what} or {last}",
                           text_excerpt(at, got));
    }
    return 0;
}

const char *heartbeat_summary(const char *pattern_or_null, const struct heartbeat_facts *facts,
                              struct arena *arena)
{
    struct strbuf text;
    strbuf_init(&text, EVENT_SUMMARY_BYTES_MAX);
    const char *at = pattern_or_null != NULL ? pattern_or_null : HEARTBEAT_SUMMARY_DEFAULT;
    while (*at != '\0' && !text.overflowed) {
        size_t length = 1;
        const char *value = find_fact(at, facts, &length);
        if (value != NULL)
            strbuf_add(&text, value);
        else
            strbuf_add_char(&text, *at);
        at += length;
    }
    /* Past what a summary may have, only what happened is said. */
    const char *summary = arena_strdup(arena, text.overflowed ? facts->what : strbuf_text(&text));
    strbuf_clear(&text);
    return summary;
}

void heartbeats_clear(struct heartbeats *all)
{
    pairs_clear(&all->rows);
}

struct heartbeat *heartbeats_put(struct heartbeats *all, const struct heartbeat_row *row)
{
    const char *source;
    const char *key;
    if (row->forgotten) {
        pairs_drop(&all->rows, row->source, row->key);
        return NULL;
    }
    struct heartbeat *heartbeat =
        pairs_put(&all->rows, row->source, row->key, sizeof(*heartbeat), &source, &key);
    heartbeat->row = *row;
    heartbeat->row.source = source;
    heartbeat->row.key = key;
    return heartbeat;
}

struct heartbeat *heartbeats_find(const struct heartbeats *all, const char *source, const char *key)
{
    return pairs_find(&all->rows, source, key);
}

struct heartbeat_successes heartbeats_successes(const struct heartbeats *all, const char *source)
{
    const struct pair_group *group = pairs_group(&all->rows, source);
    struct heartbeat_successes sum = {.oldest_key = ""};
    for (size_t i = 0; group != NULL && i < group->count; i++) {
        const struct heartbeat_row *row = &((struct heartbeat *)group->items[i].value)->row;
        sum.key_count++;
        if (row->success_at_ms == 0) {
            sum.never_count++;
            continue;
        }
        if (sum.oldest_at_ms == 0 || row->success_at_ms < sum.oldest_at_ms) {
            sum.oldest_at_ms = row->success_at_ms;
            sum.oldest_key = row->key;
        }
        if (row->success_at_ms > sum.newest_at_ms)
            sum.newest_at_ms = row->success_at_ms;
    }
    return sum;
}

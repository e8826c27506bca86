#include "policies/heartbeat.h"

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

#include "gateway/engine/digests.h"
#include "policies/marks.h"

void digests_hurry(struct engine *engine, struct notification *self, struct storm_bucket *bucket,
                   const struct channel_rule *rule)
{
    struct storm_bucket after = *bucket;
    int64_t at_ms = storm_is_limited(rule, true) ? storm_reserve(&after, rule, true, engine->now_ms)
                                                 : engine->now_ms;
    if (at_ms >= self->next_at_ms)
        return;
    *bucket = after;
    attempts_hasten(engine, self, at_ms, "something urgent goes out in it");
}

void digests_has_urgent(struct engine *engine, const struct notification *member)
{
    char name[MARK_NAME_BYTES];
    char value[STORM_BUCKET_BYTES];
    struct notification *self = world_notification(&engine->world, member->digest);
    if (self == NULL || self->state != NOTIFICATION_PENDING || self->attempt_count > 0)
        return;
    const struct channel_rule rule = rulebook_channel_rule(engine->book, self->channel);
    const struct ledger_entry *mark = ledger_find(&engine->world.marks, MARK_BUCKET,
                                                  mark_pair(self->contact, self->channel, name));
    struct storm_bucket bucket = storm_read(mark != NULL ? mark->value : "");
    int64_t was_ms = self->next_at_ms;
    digests_hurry(engine, self, &bucket, &rule);
    if (self->next_at_ms == was_ms || !storm_is_limited(&rule, true))
        return;
    storm_write(&bucket, value);
    batch_mark(engine, &(struct mark_row){.kind = MARK_BUCKET,
                                          .name = mark_pair(self->contact, self->channel, name),
                                          .value = value});
}

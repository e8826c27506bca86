#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/engine/digests.h"
#include "gateway/engine/engine_state.h"
#include "gateway/engine/later.h"
#include "gateway/engine/oncall.h"
#include "policies/fields.h"

/* Policies of stored incidents stay alive during the load; each is given back at its end. */
struct loader {
    struct engine *engine;
    const struct policy **policies;
    size_t policy_count;
    struct arena arena; /* of the row at hand */
    int verdict;
    struct err *err;
};

static void load_meta(void *self, const struct store_meta *meta)
{
    struct loader *loader = self;
    loader->engine->meta = *meta;
}

static const struct policy *find_in_rulebook(const struct rulebook *book, const char *hash)
{
    for (size_t i = 0; i < book->policy_count; i++) {
        if (text_equal(book->policies[i].hash, hash))
            return &book->policies[i];
    }
    return text_equal(book->default_policy->hash, hash) ? book->default_policy : NULL;
}

static const struct policy *parse_policy(struct loader *loader, const struct policy_row *row)
{
    const struct engine_options *options = &loader->engine->options;
    struct policy parsed = {.name = row->name};
    struct arena arena;
    if (options->parse_policy == NULL) {
        loader->verdict = err_set(loader->err, ERR_CORRUPT,
                                  "policy %s: its version is not known here", row->name);
        return NULL;
    }
    arena_init(&arena);
    const struct policy *kept = NULL;
    if (options->parse_policy(row->name, row->text, &arena, &parsed, loader->err) != 0) {
        loader->verdict = err_wrap(loader->err, "stored policy %s", row->name);
    } else {
        (void)memccpy(parsed.hash, row->hash, '\0', sizeof(parsed.hash));
        parsed.hash[sizeof(parsed.hash) - 1] = '\0';
        parsed.text = row->text;
        kept = frozen_add(&loader->engine->world.frozen, &parsed);
        if (options->clear_policy != NULL)
            options->clear_policy(&parsed);
    }
    arena_clear(&arena);
    return kept;
}

static void load_policy(void *self, const struct policy_row *row)
{
    struct loader *loader = self;
    struct engine *engine = loader->engine;
    if (loader->verdict != 0)
        return;
    const struct policy *current = find_in_rulebook(engine->book, row->hash);
    const struct policy *kept =
        current != NULL ? frozen_add(&engine->world.frozen, current) : parse_policy(loader, row);
    if (kept == NULL)
        return;
    loader->policies =
        heap_realloc(loader->policies, (loader->policy_count + 1) * sizeof(*loader->policies));
    loader->policies[loader->policy_count++] = kept;
}

static void load_repliers(struct engine *engine, struct incident *incident, const char *list)
{
    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        if (length > 0)
            later_add_replier(&engine->world, incident,
                              arena_strndup(&engine->arena, list, length));
        list += length + (list[length] == ',' ? 1 : 0);
    }
}

static void load_incident(void *self, const struct incident_row *row)
{
    struct loader *loader = self;
    struct engine *engine = loader->engine;
    if (loader->verdict != 0)
        return;
    struct ladder ladder;
    struct incident_later read = incident_blank; /* its texts are borrowed */
    arena_reset(&loader->arena);
    const struct policy *policy = frozen_keep(&engine->world.frozen, row->policy_hash);
    if (policy == NULL) {
        loader->verdict =
            err_set(loader->err, ERR_CORRUPT, "incident %llu: policy %s is not stored",
                    (unsigned long long)row->number, row->policy);
        return;
    }
    if (ladder_read(row->ladder, &loader->arena, &ladder, &read.ladder, loader->err) != 0) {
        frozen_drop(&engine->world.frozen, policy);
        loader->verdict = err_wrap(loader->err, "incident %llu", (unsigned long long)row->number);
        return;
    }
    if (fields_read(row->fields, &engine->arena, &read.fields, loader->err) != 0) {
        frozen_drop(&engine->world.frozen, policy);
        loader->verdict = err_wrap(loader->err, "incident %llu", (unsigned long long)row->number);
        return;
    }
    struct incident *incident =
        world_add_incident(&engine->world, row->number, policy, "", row->group_key, row->title);
    memcpy(incident->uuid, row->uuid, sizeof(incident->uuid));
    incident->opened_at_ms = row->opened_at_ms;
    incident->updated_at_ms = row->updated_at_ms;
    incident->state = (uint8_t)row->state;
    incident->severity = (uint8_t)row->severity;
    incident->priority = (uint8_t)row->priority;
    incident->priority_set = row->priority_set;
    incident->known = row->known;
    incident->cleared = row->cleared;
    incident->ladder = ladder;
    read.owner = row->owner;
    read.cause = row->cause;
    read.mark = row->mark;
    read.flap = row->flap;
    read.acked_at_ms = row->acked_at_ms;
    read.resolved_at_ms = row->resolved_at_ms;
    read.ack_until_ms = row->ack_until_ms;
    read.eta_at_ms = row->eta_at_ms;
    read.linked = row->linked;
    read.slip_count = (uint32_t)row->slip_count;
    if (row->talks[0] != '\0' && talks_read(row->talks, &read.talks, loader->err) != 0)
        loader->verdict = err_wrap(loader->err, "incident %llu", (unsigned long long)row->number);
    later_keep(&engine->world, &read, &incident_blank);
    *later_own(&engine->world, incident) = read;
    load_repliers(engine, incident, row->repliers);
    later_settle(&engine->world, incident);
}

static void load_alert(void *self, const struct alert_row *row)
{
    struct loader *loader = self;
    struct engine *engine = loader->engine;
    struct incident *incident = world_incident(&engine->world, row->incident);
    if (loader->verdict != 0 || incident == NULL)
        return;
    if (incident->alerts == NULL)
        incident->source = names_keep(&engine->world.names, row->source);
    struct alert_name name = world_alert_name(row->source, row->key);
    struct alert *alert =
        world_add_alert(&engine->world, row->id, incident, &name, row->summary, row->labels);
    alert->first_at_ms = row->first_at_ms;
    alert->last_at_ms = row->last_at_ms;
    later_set_resolved(alert, row->resolved_at_ms);
    alert->count = row->count < UINT32_MAX ? (uint32_t)row->count : UINT32_MAX;
    world_set_firing(&engine->world, alert, row->firing, row->severity);
}

static void add_orphan(struct engine *engine, uint64_t id)
{
    if (engine->orphan_count == engine->orphan_capacity) {
        engine->orphan_capacity = engine->orphan_capacity == 0 ? 64 : engine->orphan_capacity * 2;
        engine->orphans =
            heap_realloc(engine->orphans, engine->orphan_capacity * sizeof(*engine->orphans));
    }
    engine->orphans[engine->orphan_count++] = id;
}

static void load_notification(void *self, const struct notification_row *row)
{
    struct loader *loader = self;
    struct engine *engine = loader->engine;
    if (loader->verdict != 0)
        return;
    struct notification *n =
        world_add_notification(&engine->world, world_incident(&engine->world, row->incident), row);
    n->offered = offers_is_open(engine, n->id);
    n->lane = lanes_find(&engine->lanes, row->channel, row->address)->number;
    digests_load(engine, n);
    if (n->state == NOTIFICATION_CLAIMED && n->digest != 0)
        return; /* its digest's claim is its own */
    if (n->state != NOTIFICATION_CLAIMED) {
        attempts_queue(engine, n);
        return;
    }
    const struct claim *claim = offers_claim(engine, n->id, n->attempt_count);
    if (claim == NULL) {
        add_orphan(engine, n->id);
        return;
    }
    heap_push(&engine->timers, (struct heap_entry){.key = claim->deadline_ms,
                                                   .id = n->id,
                                                   .mark = (uint32_t)claim->attempt,
                                                   .kind = TIMER_CLAIM});
}

static void load_mark(void *self, const struct mark_row *row)
{
    struct loader *loader = self;
    if (loader->verdict != 0)
        return;
    marks_put(&loader->engine->world.marks, row);
    loader->verdict = oncall_mark(&loader->engine->world, row, loader->err);
}

static void load_silence(void *self, const struct silence_row *row)
{
    struct loader *loader = self;
    struct silences *silences = &loader->engine->world.silences;
    if (loader->verdict != 0)
        return;
    if (row->ended_at_ms == 0)
        loader->verdict = silences_add(silences, row, loader->err);
    else if (row->id > silences->last_id)
        silences->last_id = row->id;
}

static void load_heartbeat(void *self, const struct heartbeat_row *row)
{
    struct loader *loader = self;
    (void)heartbeats_put(&loader->engine->world.heartbeats, row); /* none is forgotten here */
}

static void forget_world(struct engine *engine)
{
    engine->unsettled_count = 0;
    world_clear(&engine->world);
    heap_clear(&engine->timers);
    heap_clear(&engine->heartbeat_timers);
    heap_clear(&engine->resolved);
    engine->resolved_count = 0;
    engine->orphan_count = 0;
    lanes_forget_ready(&engine->lanes);
}

/* Counts, groups and timers, once every incident has its alerts and notifications. */
static void start_incident(struct engine *engine, struct incident *incident)
{
    world_reindex(&engine->world, incident, false);
    world_count_mark(&engine->world, incident, SUPPRESSION_NONE);
    if (!incident_is_open(incident)) {
        engine->resolved_count++;
        heap_push(&engine->resolved, (struct heap_entry){.key = incident->later->resolved_at_ms,
                                                         .id = incident->number});
    }
    engine_set_timer(engine, incident);
}

int engine_load(struct engine *engine, struct err *err)
{
    struct loader loader = {.engine = engine, .err = err};
    const struct store_sink sink = {.self = &loader,
                                    .meta = load_meta,
                                    .policy = load_policy,
                                    .incident = load_incident,
                                    .alert = load_alert,
                                    .notification = load_notification,
                                    .mark = load_mark,
                                    .silence = load_silence,
                                    .heartbeat = load_heartbeat};
    const struct store *store = engine->options.store;
    arena_init(&loader.arena);
    forget_world(engine);
    engine->is_loaded = false;
    int verdict = store->ops->load(store->self, &sink, err);
    if (verdict == 0)
        verdict = loader.verdict;
    for (size_t i = 0; i < loader.policy_count; i++)
        frozen_drop(&engine->world.frozen, loader.policies[i]);
    free(loader.policies);
    arena_clear(&loader.arena);
    if (verdict != 0) {
        forget_world(engine);
        return -1;
    }
    size_t slot = 0;
    for (struct incident *incident = table_each(&engine->world.incidents, &slot); incident != NULL;
         incident = table_each(&engine->world.incidents, &slot))
        start_incident(engine, incident);
    oncall_start(engine);
    engine->is_loaded = true;
    return 0;
}

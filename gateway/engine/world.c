#include "gateway/engine/world.h"

#include "gateway/engine/oncall.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/engine/digests.h"
#include "gateway/engine/later.h"

enum { SEED_ALERT = 0x616c, SEED_GROUP = 0x6772, SEED_PAIR = 0x7072, SEED_SOURCE = 0x736f };

void world_init(struct world *world)
{
    *world = (struct world){0};
    pool_init(&world->incident_pool, sizeof(struct incident));
    pool_init(&world->later_pool, sizeof(struct incident_later));
    pool_init(&world->alert_pool, sizeof(struct alert));
    pool_init(&world->notification_pool, sizeof(struct notification));
}

static void free_incident_texts(struct incident *incident)
{
    free(incident->text);
    for (struct alert *alert = incident->alerts; alert != NULL; alert = alert->next) {
        inhibition_forget(alert);
        later_clear_alert(alert);
        free(alert->text);
    }
}

static void clear_sources(struct world *world)
{
    size_t slot = 0;
    for (struct source_count *count = table_each(&world->sources, &slot); count != NULL;
         count = table_each(&world->sources, &slot))
        free(count);
    table_clear(&world->sources);
}

void world_clear(struct world *world)
{
    size_t slot = 0;
    for (struct incident *incident = table_each(&world->incidents, &slot); incident != NULL;
         incident = table_each(&world->incidents, &slot)) {
        free_incident_texts(incident);
        later_clear(incident->later);
    }
    table_clear(&world->incidents);
    table_clear(&world->groups);
    table_clear(&world->alerts);
    table_clear(&world->notifications);
    digests_clear(world);
    pool_clear(&world->incident_pool);
    pool_clear(&world->later_pool);
    pool_clear(&world->alert_pool);
    pool_clear(&world->notification_pool);
    frozen_clear(&world->frozen);
    names_clear(&world->names);
    ledger_clear(&world->marks);
    silences_clear(&world->silences);
    inhibition_clear(&world->inhibition);
    oncall_clear(&world->overrides);
    heartbeats_clear(&world->heartbeats);
    clear_sources(world);
    world_init(world);
}

static uint64_t pair_hash(uint64_t seed, const char *a, const char *b)
{
    return text_hash(text_hash(seed, a, strlen(a) + 1), b, strlen(b));
}

uint64_t world_pair_hash(const char *a, const char *b)
{
    return pair_hash(SEED_PAIR, a, b);
}

struct incident *world_incident(const struct world *world, uint64_t number)
{
    struct table_walk walk;
    struct incident *incident = table_first(&world->incidents, table_hash_number(number), &walk);
    while (incident != NULL && incident->number != number)
        incident = table_next(&world->incidents, &walk);
    return incident;
}

struct group_name world_group_name(const char *policy, const char *group_key)
{
    return (struct group_name){
        .policy = policy, .key = group_key, .hash = pair_hash(SEED_GROUP, policy, group_key)};
}

struct incident *world_group(const struct world *world, const struct group_name *name)
{
    struct table_walk walk;
    struct incident *incident = table_first(&world->groups, name->hash, &walk);
    while (incident != NULL && !(text_equal(incident_group_key(incident), name->key) &&
                                 text_equal(incident->policy->name, name->policy)))
        incident = table_next(&world->groups, &walk);
    return incident;
}

struct alert_name world_alert_name(const char *source, const char *key)
{
    return (struct alert_name){
        .source = source, .key = key, .hash = pair_hash(SEED_ALERT, source, key)};
}

struct alert *world_alert(const struct world *world, const struct alert_name *name)
{
    struct table_walk walk;
    struct alert *alert = table_first(&world->alerts, name->hash, &walk);
    while (alert != NULL &&
           !(text_equal(alert_key(alert), name->key) && text_equal(alert->source, name->source)))
        alert = table_next(&world->alerts, &walk);
    return alert;
}

struct notification *world_notification(const struct world *world, uint64_t id)
{
    struct table_walk walk;
    struct notification *n = table_first(&world->notifications, table_hash_number(id), &walk);
    while (n != NULL && n->id != id)
        n = table_next(&world->notifications, &walk);
    return n;
}

struct source_count *world_source(struct world *world, const char *source)
{
    struct source_count *count = world->latest_or_null;
    struct table_walk walk;
    if (count != NULL && text_equal(count->source, source))
        return count;
    uint64_t hash = text_hash(SEED_SOURCE, source, strlen(source));
    count = table_first(&world->sources, hash, &walk);
    while (count != NULL && !text_equal(count->source, source))
        count = table_next(&world->sources, &walk);
    if (count == NULL) {
        count = heap_alloc(sizeof(*count));
        count->source = names_keep(&world->names, source);
        table_add(&world->sources, hash, count);
    }
    world->latest_or_null = count;
    return count;
}

void world_forget_rules(struct world *world)
{
    size_t slot = 0;
    for (struct source_count *count = table_each(&world->sources, &slot); count != NULL;
         count = table_each(&world->sources, &slot)) {
        count->rule_or_null = NULL;
        count->has_looked = false;
    }
}

/* Without a title of its own the incident has its first alert's summary (incident_title). */
static void set_incident_text(struct incident *incident, const char *group_key,
                              const char *title_or_null)
{
    size_t group_bytes = strlen(group_key) + 1;
    size_t title_bytes = title_or_null != NULL ? strlen(title_or_null) + 1 : 0;
    char *text = heap_take(group_bytes + title_bytes);
    memcpy(text, group_key, group_bytes);
    if (title_or_null != NULL)
        memcpy(text + group_bytes, title_or_null, title_bytes);
    free(incident->text);
    incident->text = text;
    incident->title_offset = title_or_null != NULL ? (uint32_t)group_bytes : 0;
}

/* The first alert's summary mostly is the title: one copy is enough. */
static void lend_title(struct incident *incident, const char *summary)
{
    if (incident->title_offset == 0 || !text_equal(incident_title(incident), summary))
        return;
    incident->text = heap_realloc(incident->text, incident->title_offset);
    incident->title_offset = 0;
}

/* The first alert's summary is about to change. */
static void keep_title(struct incident *incident)
{
    char *group_key = incident->text;
    const char *title = incident_title(incident);
    incident->text = NULL;
    set_incident_text(incident, group_key, title);
    free(group_key);
}

struct incident *world_add_incident(struct world *world, uint64_t number,
                                    const struct policy *policy, const char *source,
                                    const char *group_key, const char *title_or_null)
{
    struct incident *incident = pool_take(&world->incident_pool);
    incident->number = number;
    incident->policy = policy;
    incident->source = names_share(world_source(world, source)->source);
    incident->later = incident_without_later();
    set_incident_text(incident, group_key, title_or_null);
    incident->state = INCIDENT_RESOLVED;
    incident->priority = 5;
    incident->live = true;
    incident->timer_due_ms = INT64_MAX;
    table_add(&world->incidents, table_hash_number(number), incident);
    return incident;
}

static uint64_t group_hash(const struct incident *incident)
{
    return pair_hash(SEED_GROUP, incident->policy->name, incident_group_key(incident));
}

void world_leave_group(struct world *world, struct incident *incident)
{
    table_remove(&world->groups, group_hash(incident), incident);
}

void world_enter_group(struct world *world, struct incident *incident)
{
    table_add(&world->groups, group_hash(incident), incident);
}

void world_set_group_key(struct incident *incident, const char *group_key)
{
    char *old = incident->text;
    const char *title = incident->title_offset != 0 ? incident_title(incident) : NULL;
    incident->text = NULL; /* the old one is read meanwhile */
    set_incident_text(incident, group_key, title);
    free(old);
}

void world_open(struct world *world, struct incident *incident, const struct group_name *name)
{
    table_add(&world->groups, name->hash, incident);
    world_source(world, incident->source)->open_count++;
    world->open_count++;
}

void world_reindex(struct world *world, struct incident *incident, bool was_open)
{
    bool is_open = incident_is_open(incident);
    if (is_open == was_open)
        return;
    struct source_count *count = world_source(world, incident->source);
    if (is_open) {
        const struct group_name name =
            world_group_name(incident->policy->name, incident_group_key(incident));
        world_open(world, incident, &name);
        return;
    }
    world_leave_group(world, incident);
    ASSERT(count->open_count > 0 && world->open_count > 0);
    count->open_count--;
    world->open_count--;
}

enum suppression_kind world_mark_kind(const struct incident *incident)
{
    return incident_is_open(incident) ? suppression_kind(incident->later->mark) : SUPPRESSION_NONE;
}

void world_count_mark(struct world *world, const struct incident *incident,
                      enum suppression_kind was)
{
    enum suppression_kind now = world_mark_kind(incident);
    if (was != SUPPRESSION_NONE) {
        ASSERT(world->suppressed_count[was] > 0);
        world->suppressed_count[was]--;
    }
    if (now != SUPPRESSION_NONE)
        world->suppressed_count[now]++;
}

/* Takes the alert out of its chain of twins; the next one takes its place in the table. */
static void unlink_alert(struct world *world, struct alert *alert)
{
    struct alert_name name = world_alert_name(alert->source, alert_key(alert));
    struct alert *head = world_alert(world, &name);
    ASSERT(head != NULL);
    if (head == alert) {
        table_remove(&world->alerts, name.hash, alert);
        if (alert->later->twin != NULL)
            table_add(&world->alerts, name.hash, alert->later->twin);
        return;
    }
    while (head->later->twin != alert) {
        head = head->later->twin;
        ASSERT(head != NULL);
    }
    later_set_twin(head, alert->later->twin);
}

static void forget_notification(struct world *world, struct notification *n)
{
    table_remove(&world->notifications, table_hash_number(n->id), n);
    names_drop(&world->names, n->contact);
    names_drop(&world->names, n->channel);
    names_drop(&world->names, n->step);
    pool_give(&world->notification_pool, n);
}

void world_drop_incident(struct world *world, struct incident *incident)
{
    ASSERT(!incident_is_open(incident) && incident->unfinished == 0);
    for (struct alert *alert = incident->alerts; alert != NULL; alert = alert->next) {
        world->firing_count -= alert->firing ? 1 : 0;
        world_source(world, alert->source)->alert_count--;
        unlink_alert(world, alert);
        names_drop(&world->names, alert->source);
        names_drop(&world->names, alert->later->mark);
        ASSERT(alert->later->pairings == NULL); /* it left them when its incident ended */
    }
    struct notification *n = incident->notifications;
    while (n != NULL) {
        struct notification *next = n->next;
        forget_notification(world, n);
        n = next;
    }
    table_remove(&world->incidents, table_hash_number(incident->number), incident);
    free_incident_texts(incident);
    struct alert *alert = incident->alerts;
    while (alert != NULL) {
        struct alert *next = alert->next;
        pool_give(&world->alert_pool, alert);
        alert = next;
    }
    names_drop(&world->names, incident->source);
    later_drop(world, incident);
    frozen_drop(&world->frozen, incident->policy);
    pool_give(&world->incident_pool, incident);
}

void world_drop_notification(struct world *world, struct notification *notification)
{
    ASSERT(notification->incident == NULL && notification->state != NOTIFICATION_PENDING &&
           notification->state != NOTIFICATION_CLAIMED);
    forget_notification(world, notification);
}

void world_set_source(struct world *world, struct incident *incident, const char *source)
{
    if (incident_is_open(incident)) {
        world_source(world, incident->source)->open_count--;
        world_source(world, source)->open_count++;
    }
    const char *before = incident->source;
    incident->source = names_share(world_source(world, source)->source);
    names_drop(&world->names, before);
}

static void set_alert_text(struct alert *alert, const char *key, const char *summary,
                           const char *labels)
{
    size_t key_bytes = strlen(key) + 1;
    size_t summary_bytes = strlen(summary) + 1;
    size_t labels_bytes = strlen(labels) + 1;
    char *text = heap_take(key_bytes + summary_bytes + labels_bytes);
    memcpy(text, key, key_bytes);
    memcpy(text + key_bytes, summary, summary_bytes);
    memcpy(text + key_bytes + summary_bytes, labels, labels_bytes);
    free(alert->text);
    alert->text = text;
    alert->summary_offset = (uint32_t)key_bytes;
    alert->labels_offset = (uint32_t)(key_bytes + summary_bytes);
}

void world_set_alert_text(struct alert *alert, const char *key, const char *summary,
                          const char *labels)
{
    struct incident *incident = alert->incident;
    bool lends_title = incident->title_offset == 0 && incident->alerts == alert;
    if (lends_title && !text_equal(summary, alert_summary(alert)))
        keep_title(incident);
    set_alert_text(alert, key, summary, labels);
}

struct alert *world_add_alert(struct world *world, uint64_t id, struct incident *incident,
                              const struct alert_name *name, const char *summary,
                              const char *labels)
{
    struct source_count *count = world_source(world, name->source);
    struct alert *twin = world_alert(world, name);
    struct alert *alert = pool_take(&world->alert_pool);
    alert->id = id;
    alert->incident = incident;
    alert->source = names_share(count->source);
    alert->later = alert_without_later();
    set_alert_text(alert, name->key, summary, labels);
    if (twin != NULL) {
        table_remove(&world->alerts, name->hash, twin);
        later_set_twin(alert, twin);
    }
    table_add(&world->alerts, name->hash, alert);
    if (incident->last_alert != NULL) {
        incident->last_alert->next = alert;
    } else {
        incident->alerts = alert;
        lend_title(incident, summary);
    }
    incident->last_alert = alert;
    incident->alert_count++;
    count->alert_count++;
    return alert;
}

void world_set_firing(struct world *world, struct alert *alert, bool firing, enum severity severity)
{
    struct incident *incident = alert->incident;
    if (alert->firing) {
        ASSERT(incident->firing[alert->severity] > 0);
        incident->firing[alert->severity]--;
        world->firing_count--;
    }
    alert->firing = firing;
    alert->severity = (uint8_t)severity;
    if (firing) {
        incident->firing[severity]++;
        world->firing_count++;
    }
}

static void count_state(struct world *world, struct notification *n, uint64_t amount)
{
    bool unfinished = n->state == NOTIFICATION_PENDING || n->state == NOTIFICATION_CLAIMED;
    if (n->state == NOTIFICATION_PENDING)
        world->pending_count += amount;
    if (n->state == NOTIFICATION_CLAIMED)
        world->claimed_count += amount;
    if (unfinished && n->incident != NULL)
        n->incident->unfinished += (uint32_t)amount;
}

struct notification *world_add_notification(struct world *world, struct incident *incident,
                                            const struct notification_row *row)
{
    struct notification *n = pool_take(&world->notification_pool);
    *n = (struct notification){
        .id = row->id,
        .incident = incident,
        .contact = names_keep(&world->names, row->contact),
        .channel = names_keep(&world->names, row->channel),
        .step = names_keep(&world->names, row->step),
        .due_at_ms = row->due_at_ms,
        .next_at_ms = row->next_at_ms,
        .expires_at_ms = row->expires_at_ms,
        .climb = (int32_t)row->climb,
        .repetition = (int32_t)row->repetition,
        .attempt_count = (uint32_t)row->attempt_count,
        .kind = (uint8_t)row->kind,
        .state = (uint8_t)row->state,
        .severity = (uint8_t)row->severity,
        .admitted = row->admitted,
        .deferred = row->deferred,
        .digest = row->digest,
    };
    table_add(&world->notifications, table_hash_number(n->id), n);
    if (incident != NULL) {
        if (incident->last_notification != NULL)
            incident->last_notification->next = n;
        else
            incident->notifications = n;
        incident->last_notification = n;
    }
    count_state(world, n, 1);
    return n;
}

void world_set_state(struct world *world, struct notification *notification,
                     enum notification_state state)
{
    count_state(world, notification, (uint64_t)-1);
    notification->state = (uint8_t)state;
    count_state(world, notification, 1);
}

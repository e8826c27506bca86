/* Events: which alert and incident they are about, and what they do to them (DESIGN section 4,
 * rules 1, 2, 11, 12). */
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/engine/engine_state.h"
#include "gateway/engine/later.h"
#include "gateway/engine/suppress.h"
#include "policies/route.h"

enum { DETAILS_SEED = 0x6474 };

/* What one trigger is about. */
struct firing {
    struct engine *engine;
    const struct input *input;
    const struct event *event;
    struct alert_name name; /* of its alert */
    struct alert *known;    /* of a trigger, the newest of its twins; NULL: it is new */
    const char *labels;     /* JSON, built when first needed */
    bool unlimited;         /* our own overflow incident opens past every limit */
};

static const char *labels_json(struct firing *firing)
{
    const struct event *event = firing->event;
    struct strbuf *text = &firing->engine->scratch;
    if (firing->labels != NULL)
        return firing->labels;
    strbuf_reset(text);
    for (size_t i = 0; i < event->label_count; i++)
        strbuf_add_json_member(text, i == 0 ? '{' : ',', event->labels[i].name,
                               event->labels[i].value);
    strbuf_add(text, event->label_count == 0 ? "{}" : "}");
    ASSERT(!text->overflowed);
    firing->labels = arena_copy_text(&firing->engine->arena, strbuf_text(text), text->length);
    return firing->labels;
}

static bool is_bare(const struct event *event)
{
    return event->details[0] == '\0' && event->links[0] == '\0';
}

static uint32_t details_hash(const struct event *event)
{
    if (is_bare(event))
        return 1;
    uint64_t hash = text_hash(DETAILS_SEED, event->details, strlen(event->details) + 1);
    hash = text_hash(hash, event->links, strlen(event->links));
    return (uint32_t)(hash ^ hash >> 32) | 1;
}

/* Takes over the event's texts unless they are what is known already; an equal repetition writes
 * only counts. True: the labels may be others. */
static bool update_text(struct firing *firing, struct alert *alert)
{
    const struct event *event = firing->event;
    uint32_t hash = details_hash(event);
    struct batch_alert *entry = batch_touch_alert(firing->engine, alert);
    bool is_made_of_it = alert->count == 1;
    bool same = is_made_of_it || (text_equal(alert_summary(alert), event->summary) &&
                                  text_equal(alert_labels(alert), labels_json(firing)));
    if (same && !alert->fresh && (is_bare(event) || hash == alert->details_hash))
        return false;
    if (!same)
        world_set_alert_text(alert, firing->name.key, event->summary, labels_json(firing));
    alert->details_hash = hash;
    alert->text_changed = true;
    *entry = (struct batch_alert){
        .alert = alert, .written = true, .details = event->details, .links = event->links};
    return !same;
}

static struct move event_move(const struct firing *firing, enum move_kind kind)
{
    const char *const parts[] = {"source ", firing->event->source};
    bool is_answer = kind == MOVE_ACK || kind == MOVE_CLEAR; /* somebody's; others are nobody's */
    const char *by = is_answer ? arena_join(&firing->engine->arena, parts, 2) : "";
    return (struct move){.kind = kind,
                         .actor = firing->input->actor,
                         .credential = firing->input->credential,
                         .by = by,
                         .by_source = true,
                         .text = firing->event->summary};
}

/* The incident's severity is that of its worst firing alert and stays when nothing fires. True: it
 * rose. */
static bool refresh_severity(struct engine *engine, struct incident *incident)
{
    enum severity before = (enum severity)incident->severity;
    enum severity worst = before;
    for (int i = SEVERITY_COUNT - 1; i >= 0; i--) {
        if (incident->firing[i] > 0) {
            worst = (enum severity)i;
            break;
        }
    }
    if (worst == before)
        return false;
    incident->severity = (uint8_t)worst;
    if (!incident->priority_set)
        incident->priority = (uint8_t)incident_default_priority(worst);
    batch_touch_incident(engine, incident);
    return worst > before;
}

static void rise(struct firing *firing, struct incident *incident)
{
    if (!refresh_severity(firing->engine, incident) || !incident_is_open(incident))
        return;
    struct move move = event_move(firing, MOVE_RISE);
    engine_move(firing->engine, incident, &move);
}

static void fire_alert(struct firing *firing, struct alert *alert)
{
    struct engine *engine = firing->engine;
    alert->count += alert->count < UINT32_MAX ? 1 : 0;
    alert->last_at_ms = engine->now_ms;
    later_set_resolved(alert, 0);
    bool changes = !alert->firing || alert->severity != firing->event->severity;
    if (changes)
        world_set_firing(&engine->world, alert, true, firing->event->severity);
    if (update_text(firing, alert) || changes)
        suppress_alert(engine, alert);
}

/* One more occurrence of what is firing already: only the alert changes, unless the severity does.
 */
static void count_alert(struct firing *firing, struct alert *alert)
{
    fire_alert(firing, alert);
    rise(firing, alert->incident);
}

static struct alert *add_alert(struct firing *firing, struct incident *incident)
{
    struct engine *engine = firing->engine;
    struct alert *alert =
        world_add_alert(&engine->world, engine->meta.next_alert++, incident, &firing->name,
                        firing->event->summary, labels_json(firing));
    alert->fresh = true;
    alert->first_at_ms = engine->now_ms;
    firing->known = alert;
    return alert;
}

static struct alert *alert_in(const struct firing *firing, const struct incident *incident)
{
    struct alert *alert = firing->known;
    while (alert != NULL && alert->incident != incident)
        alert = alert->later->twin;
    return alert;
}

static void join_incident(struct firing *firing, struct incident *incident)
{
    struct alert *alert = alert_in(firing, incident);
    if (incident->alerts == NULL) /* a person reported it */
        world_set_source(&firing->engine->world, incident, firing->event->source);
    if (alert == NULL)
        alert = add_alert(firing, incident);
    fire_alert(firing, alert);
    struct move move = event_move(firing, MOVE_FIRE);
    engine_move(firing->engine, incident, &move);
    rise(firing, incident);
}

struct incident *events_add_incident(struct engine *engine, const struct incident_wanted *wanted,
                                     enum severity severity)
{
    const struct policy *frozen = frozen_keep(&engine->world.frozen, wanted->policy->hash);
    if (frozen == NULL) {
        frozen = frozen_add(&engine->world.frozen, wanted->policy);
        batch_policy(engine, frozen);
    }
    struct incident *incident =
        world_add_incident(&engine->world, engine->meta.next_incident++, frozen, wanted->source,
                           wanted->group.key, wanted->title_or_null);
    memcpy(incident->uuid, wanted->id, sizeof(incident->uuid));
    incident->fresh = true;
    incident->state = INCIDENT_HELD;
    incident->opened_at_ms = incident->updated_at_ms = engine->now_ms;
    later_link(&engine->world, incident, wanted->linked);
    incident->severity = (uint8_t)severity;
    incident->priority = (uint8_t)incident_default_priority(severity);
    world_open(&engine->world, incident, &wanted->group);
    return incident;
}

static struct incident *open_incident(struct firing *firing, const struct policy *policy,
                                      const struct group_name *group, uint64_t linked)
{
    struct engine *engine = firing->engine;
    const struct event *event = firing->event;
    const struct incident_wanted wanted = {.policy = policy,
                                           .source = event->source,
                                           .group = *group,
                                           .id = firing->input->id,
                                           .linked = linked};
    struct incident *incident = events_add_incident(engine, &wanted, event->severity);
    fire_alert(firing, add_alert(firing, incident));
    struct move move = event_move(firing, MOVE_OPEN);
    engine_move(engine, incident, &move);
    return incident;
}

static void reopen_incident(struct firing *firing, struct alert *alert)
{
    fire_alert(firing, alert);
    (void)refresh_severity(firing->engine, alert->incident);
    struct move move = event_move(firing, MOVE_OPEN);
    engine_move(firing->engine, alert->incident, &move);
}

static struct source_count *source_of(const struct firing *firing)
{
    struct source_count *source = world_source(&firing->engine->world, firing->name.source);
    if (!source->has_looked)
        source->rule_or_null = rulebook_source(firing->engine->book, source->source);
    source->has_looked = true;
    return source;
}

static bool past_limits(const struct firing *firing, const struct source_count *source)
{
    const struct engine *engine = firing->engine;
    const struct source_rule *rule = source->rule_or_null;
    if (firing->unlimited)
        return false;
    return engine->world.open_count >= (uint64_t)engine->book->incidents_max ||
           (rule != NULL && source->open_count >= (uint64_t)rule->incidents_max);
}

/* A label that nobody groups by can make any number of alerts in few incidents: they are bounded by themselves. */
static bool past_alert_limits(const struct firing *firing, const struct source_count *source,
                              const struct incident *incident_or_null)
{
    const struct source_rule *rule = source->rule_or_null;
    uint64_t most = (uint64_t)firing->engine->book->incident_alerts_max;
    if (firing->unlimited)
        return false;
    if (incident_or_null != NULL && most != 0 && incident_or_null->alert_count >= most)
        return true;
    return rule != NULL && rule->alerts_max != 0 &&
           source->alert_count >= (uint64_t)rule->alerts_max;
}

static struct verdict trigger(struct firing *firing);

/* What was only counted is at least named, as far as anybody would read. */
static void note_overflow(struct firing *firing, uint64_t incident, const char *overflow_key)
{
    enum { NAMED_MAX = 100 };
    struct engine *engine = firing->engine;
    const struct event *event = firing->event;
    const struct alert_name name = world_alert_name("escalated", overflow_key);
    const struct alert *alert = world_alert(&engine->world, &name);
    if (incident == 0 || alert == NULL || alert->count > NAMED_MAX)
        return;
    const char *text = arena_printf(&engine->arena, "%s %s: %s", severity_name(event->severity),
                                    firing->name.key, event->summary);
    batch_note(engine, incident,
               &(struct note){.kind = "overflowed",
                              .actor = firing->input->actor,
                              .credential = firing->input->credential,
                              .text = text,
                              .data = ""});
}

static void note_full(struct firing *firing, struct incident *incident)
{
    if (incident->told_full)
        return;
    incident->told_full = true;
    batch_note(firing->engine, incident->number,
               &(struct note){.kind = "full",
                              .actor = "engine",
                              .credential = "",
                              .text = "too many alerts: new ones are counted in the overflow "
                                      "incident of their source",
                              .data = ""});
}

/* Past the limit nothing new opens but one incident for the source that says so; what it counts is
 * answered like any other. */
static struct verdict overflow(struct firing *firing)
{
    struct engine *engine = firing->engine;
    const char *source = firing->event->source;
    struct event event = {
        .action = EVENT_TRIGGER,
        .severity = SEVERITY_CRITICAL,
        .source = "escalated",
        .key = arena_printf(&engine->arena, "overflow %s", source),
        .summary = arena_printf(&engine->arena,
                                "Too many alerts from %s: new ones are only counted here", source),
        .details = "",
        .links = ""};
    struct firing ours = {.engine = engine,
                          .input = firing->input,
                          .event = &event,
                          .name = world_alert_name(event.source, event.key),
                          .unlimited = true};
    struct verdict verdict = trigger(&ours);
    verdict.disposition = DISPOSITION_OVERFLOW;
    note_overflow(firing, verdict.incident, event.key);
    return verdict;
}

static struct verdict open_or_join(struct firing *firing, const struct policy *policy,
                                   uint64_t linked)
{
    struct engine *engine = firing->engine;
    struct strbuf *group = &engine->scratch;
    strbuf_reset(group);
    if (firing->unlimited)
        strbuf_add(group, firing->name.key);
    else
        route_group_key(policy, firing->event, firing->name.key, group);
    ASSERT(!group->overflowed);
    const struct group_name name = world_group_name(
        policy->name, arena_copy_text(&engine->arena, strbuf_text(group), group->length));
    struct verdict verdict = {.disposition = DISPOSITION_JOINED};
    table_expect(&engine->world.groups, name.hash);
    (void)labels_json(firing); /* meanwhile: they are needed anyway */
    const struct source_count *source = source_of(firing);
    struct incident *incident = world_group(&engine->world, &name);
    bool is_new = incident == NULL || alert_in(firing, incident) == NULL;
    if (is_new && past_alert_limits(firing, source, incident)) {
        if (incident != NULL)
            note_full(firing, incident);
        verdict = overflow(firing);
    } else if (incident != NULL) {
        join_incident(firing, incident);
        verdict.incident = incident->number;
    } else if (past_limits(firing, source)) {
        verdict = overflow(firing);
    } else {
        incident = open_incident(firing, policy, &name, linked);
        verdict = (struct verdict){DISPOSITION_OPENED, incident->number};
    }
    return verdict;
}

static struct verdict route_new(struct firing *firing, const struct alert *known)
{
    struct engine *engine = firing->engine;
    struct route route = {.policies = {engine->book->default_policy}, .count = 1};
    table_expect(&engine->world.incidents, table_hash_number(engine->meta.next_incident));
    if (!firing->unlimited)
        batch_route(engine, firing->event, firing->name.key, &route);
    uint64_t linked =
        known != NULL ? known->incident->number : engine_stored_last_of(engine, &firing->name);
    struct verdict first = {.incident = 0};
    for (size_t i = 0; i < route.count; i++) {
        struct verdict verdict = open_or_join(firing, route.policies[i], linked);
        if (i == 0)
            first = verdict;
    }
    return first;
}

static bool within_reopening(const struct engine *engine, const struct incident *incident)
{
    return engine->now_ms - incident->later->resolved_at_ms <= incident->policy->reopen_within_ms;
}

/* Firing in an open incident, or under a person's resolve: it only counts. */
static void count_known(struct firing *firing, struct alert *alert, struct route *has,
                        struct verdict *out_verdict)
{
    for (; alert != NULL; alert = alert->later->twin) {
        struct incident *incident = alert->incident;
        bool stays = incident_is_open(incident) && alert->firing;
        bool settled = !incident_is_open(incident) && incident->ladder.by_person &&
                       within_reopening(firing->engine, incident);
        if (!stays && !settled)
            continue;
        count_alert(firing, alert);
        route_add(has, incident->policy);
        *out_verdict = (struct verdict){DISPOSITION_COUNTED, incident->number};
    }
}

/* The newest of its resolved incidents that may open again, of this policy if one is given. */
static bool reopen_known(struct firing *firing, struct alert *alert, const char *policy_or_null,
                         struct route *has, struct verdict *out_verdict)
{
    struct engine *engine = firing->engine;
    for (; alert != NULL; alert = alert->later->twin) {
        struct incident *incident = alert->incident;
        const char *policy = incident->policy->name;
        const struct group_name group = world_group_name(policy, incident_group_key(incident));
        bool is_over = !incident_is_open(incident) && !incident->ladder.by_person &&
                       within_reopening(engine, incident);
        /* The group may be open again by another alert: there is one open incident for each. */
        if (!is_over || (policy_or_null != NULL && !text_equal(policy, policy_or_null)) ||
            world_group(&engine->world, &group) != NULL)
            continue;
        route_add(has, incident->policy);
        reopen_incident(firing, alert);
        *out_verdict = (struct verdict){DISPOSITION_REOPENED, incident->number};
        return true;
    }
    return false;
}

/* With `continue` an alert is part of several incidents, and each goes its own way. One whose policy does not have the alert any
 * more opens beside the others; an alert that routing would now take from one of them stays where it is. */
static void route_rest(struct firing *firing, struct alert *known, struct route *has)
{
    struct verdict ignored;
    struct route route;
    bool agrees = true;
    if (firing->unlimited || !router_goes_on(firing->engine->router))
        return;
    batch_route(firing->engine, firing->event, firing->name.key, &route);
    for (size_t i = 0; i < has->count; i++)
        agrees = agrees && route_has(&route, has->policies[i]->name);
    for (size_t i = 0; agrees && i < route.count; i++) {
        const char *policy = route.policies[i]->name;
        const struct alert *twin = known;
        if (route_has(has, policy) || reopen_known(firing, known, policy, has, &ignored))
            continue;
        while (twin != NULL && !text_equal(twin->incident->policy->name, policy))
            twin = twin->later->twin;
        (void)open_or_join(firing, route.policies[i], twin != NULL ? twin->incident->number : 0);
    }
}

static struct verdict trigger(struct firing *firing)
{
    struct verdict verdict = {.incident = 0};
    struct route has = {.count = 0};
    struct alert *known = world_alert(&firing->engine->world, &firing->name);
    firing->known = known;
    count_known(firing, known, &has, &verdict);
    if (has.count == 0 && !reopen_known(firing, known, NULL, &has, &verdict))
        return route_new(firing, known);
    route_rest(firing, known, &has);
    return verdict;
}

/* After a load the details of an alert are not in memory: the rest decides. */
static bool same_content(struct firing *firing, const struct alert *alert)
{
    const struct event *event = firing->event;
    return (enum severity)alert->severity == event->severity &&
           text_equal(alert_summary(alert), event->summary) &&
           text_equal(alert_labels(alert), labels_json(firing)) &&
           (is_bare(event) || alert->details_hash == 0 ||
            details_hash(event) == alert->details_hash);
}

static bool same_as_row(struct firing *firing, const struct alert_row *row)
{
    const struct event *event = firing->event;
    return row->severity == event->severity && text_equal(row->summary, event->summary) &&
           text_equal(row->labels, labels_json(firing)) &&
           (is_bare(event) ||
            (text_equal(row->details, event->details) && text_equal(row->links, event->links)));
}

/*
 * A broker shows a retained trigger again. It is no news when the alert is known with this content
 * and the source has said nothing else since: whoever has resolved it, it stays resolved. If the
 * source has cleared it since, and messages may have been lost in between, then the state that is
 * shown now is the newer word.
 */
static bool is_known_state(struct firing *firing, struct verdict *out_verdict)
{
    struct engine *engine = firing->engine;
    const struct store *store = engine->options.store;
    bool has_gap = firing->event->standing == EVENT_IS_REPLAYED_AFTER_GAP;
    struct alert_row row = {.id = 0};
    struct alert *alert = world_alert(&engine->world, &firing->name);
    if (alert != NULL) { /* the newest of its twins */
        *out_verdict = (struct verdict){DISPOSITION_REPLAYED, alert->incident->number};
        return same_content(firing, alert) && (alert->firing || !has_gap);
    }
    /* A store that does not answer now will say so at the commit. */
    if (store->ops->last_alert(store->self, firing->event->source, firing->name.key, &engine->arena,
                               &row, NULL) != 0 ||
        row.id == 0)
        return false;
    *out_verdict = (struct verdict){DISPOSITION_REPLAYED, row.incident};
    return same_as_row(firing, &row) && (row.firing || !has_gap);
}

/* Shown again, only triggers and resolves are states; the others were acts, and happen once. */
static bool is_no_news(struct firing *firing, struct verdict *out_verdict)
{
    if (firing->event->standing == EVENT_IS_NEWS || firing->event->action == EVENT_RESOLVE)
        return false;
    *out_verdict = (struct verdict){.disposition = DISPOSITION_REPLAYED};
    return firing->event->action != EVENT_TRIGGER || is_known_state(firing, out_verdict);
}

static void clear_alert(struct firing *firing, struct alert *alert)
{
    struct engine *engine = firing->engine;
    struct incident *incident = alert->incident;
    world_set_firing(&engine->world, alert, false, (enum severity)alert->severity);
    later_set_resolved(alert, engine->now_ms);
    (void)batch_touch_alert(engine, alert);
    batch_touch_incident(engine, incident);
    suppress_alert(engine, alert);
    (void)refresh_severity(engine, incident);
    if (incident_firing_count(incident) > 0 || !incident_is_open(incident))
        return;
    struct move move = event_move(firing, MOVE_CLEAR);
    engine_move(engine, incident, &move);
}

static struct verdict resolve(struct firing *firing)
{
    struct verdict verdict = {.disposition = DISPOSITION_UNKNOWN_KEY};
    struct alert *alert = world_alert(&firing->engine->world, &firing->name);
    for (; alert != NULL; alert = alert->later->twin) {
        if (!alert->firing)
            continue;
        clear_alert(firing, alert);
        if (verdict.incident == 0) /* the newest one is the answer */
            verdict = (struct verdict){DISPOSITION_RESOLVED, alert->incident->number};
    }
    return verdict;
}

static struct verdict acknowledge(struct firing *firing)
{
    struct verdict verdict = {.disposition = DISPOSITION_UNKNOWN_KEY};
    struct alert *alert = world_alert(&firing->engine->world, &firing->name);
    for (; alert != NULL; alert = alert->later->twin) {
        if (!alert->firing || !incident_is_open(alert->incident))
            continue;
        struct move move = event_move(firing, MOVE_ACK);
        engine_move(firing->engine, alert->incident, &move);
        if (verdict.incident == 0)
            verdict = (struct verdict){DISPOSITION_ACKED, alert->incident->number};
    }
    return verdict;
}

static struct verdict apply(struct firing *firing)
{
    switch (firing->event->action) {
    case EVENT_TRIGGER:
        return trigger(firing);
    case EVENT_ACKNOWLEDGE:
        return acknowledge(firing);
    case EVENT_RESOLVE:
        return resolve(firing);
    case EVENT_HEARTBEAT: /* heartbeats.c */
    case EVENT_CHANGE:
        changes_keep(firing->engine, firing->event);
        break;
    case EVENT_ACTION_COUNT:
        break;
    }
    return (struct verdict){.disposition = DISPOSITION_CHANGE};
}

struct verdict events_apply(struct engine *engine, const struct input *input,
                            const struct event *event)
{
    struct firing firing = {.engine = engine,
                            .input = input,
                            .event = event,
                            .name = world_alert_name(event->source, event->key)};
    return apply(&firing);
}

void events_take(struct engine *engine, const struct input *input, struct answer *out_answer)
{
    const struct event *event = &input->u.event;
    char derived[EVENT_DERIVED_KEY_BYTES];
    struct firing firing = {.engine = engine, .input = input, .event = event};
    const char *key = event->key;
    struct verdict verdict = {.disposition = DISPOSITION_CHANGE};
    *out_answer = (struct answer){.status = ANSWER_DONE, .text = ""};
    if (event->key[0] == '\0')
        key = arena_strdup(&engine->arena, event_identity(event, derived));
    firing.name = key == engine->name.key ? engine->name : world_alert_name(event->source, key);
    if (!is_no_news(&firing, &verdict)) {
        if (event->action == EVENT_HEARTBEAT)
            verdict = heartbeats_take(engine, input, key, out_answer);
        else
            verdict = apply(&firing);
        if (engine->book->expects_heartbeats)
            heartbeats_note_event(engine, event);
    }
    batch_event(engine, input, key, verdict.disposition, verdict.incident);
    out_answer->incident = verdict.incident;
}

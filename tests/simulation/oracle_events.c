#include "tests/simulation/oracle_events.h"

#include "gateway/base/assert.h"
#include "tests/simulation/oracle_storm.h"

static const char *value_of(const struct event *event, const char *key, const char *name)
{
    for (size_t i = 0; i < event->label_count; i++) {
        if (text_equal(event->labels[i].name, name))
            return event->labels[i].value;
    }
    if (text_equal(name, "source"))
        return event->source;
    if (text_equal(name, "key"))
        return key;
    return text_equal(name, "severity") ? severity_name(event->severity) : "";
}

bool events_match(const struct policy *policy, const struct event *event, const char *key)
{
    for (size_t l = 0; l < policy->match_count; l++) {
        bool all = true;
        for (size_t m = 0; m < policy->match[l].matcher_count; m++) {
            const struct matcher *matcher = &policy->match[l].matchers[m];
            ASSERT(matcher->op == MATCH_EQUAL); /* scene.c writes no other */
            all = all && text_equal(value_of(event, key, matcher->label), matcher->value);
        }
        if (all)
            return true;
    }
    return false;
}

static const struct policy *choose(const struct oracle *oracle, const struct event *event,
                                   const char *key)
{
    for (size_t i = 0; i < oracle->book->policy_count; i++) {
        if (events_match(&oracle->book->policies[i], event, key))
            return &oracle->book->policies[i];
    }
    return oracle->book->default_policy;
}

static const char *group_of(struct oracle *oracle, const struct policy *policy,
                            const struct event *event, const char *key)
{
    const char *group = "";
    if (policy->group_by_count == 0)
        return arena_printf(&oracle->arena, "alert %s/%s", event->source, key);
    for (size_t i = 0; i < policy->group_by_count; i++)
        group =
            arena_printf(&oracle->arena, "%s/%s", group, value_of(event, key, policy->group_by[i]));
    return group;
}

static struct o_incident *open_in_group(const struct oracle *oracle, const char *policy,
                                        const char *group)
{
    for (struct o_incident *o = oracle->incidents; o != NULL; o = o->next) {
        if (o->live && o->state != INCIDENT_RESOLVED && text_equal(o->policy->name, policy) &&
            text_equal(o->group, group))
            return o;
    }
    return NULL;
}

/* The worst of what fires; it stays where nothing does. True: it rose. */
static bool find_severity(const struct oracle *oracle, struct o_incident *o)
{
    enum severity before = o->severity;
    bool fires = false;
    enum severity worst = SEVERITY_INFO;
    for (const struct o_alert *a = oracle->alerts; a != NULL; a = a->next) {
        if (a->incident == o && a->firing) {
            fires = true;
            worst = a->severity > worst ? a->severity : worst;
        }
    }
    o->severity = fires ? worst : before;
    o->was_urgent = o->was_urgent || sleep_is_urgent(o);
    return o->severity > before;
}

static bool is_about(const struct o_alert *alert, const struct event *event, const char *key)
{
    return alert->incident->live && text_equal(alert->source, event->source) &&
           text_equal(alert->key, key);
}

static void fire(struct oracle *oracle, struct o_alert *alert, const struct event *event)
{
    alert->firing = true;
    alert->severity = event->severity;
    alert->service = arena_strdup(&oracle->arena, value_of(event, "", "service"));
    alert->region = arena_strdup(&oracle->arena, value_of(event, "", "region"));
    alert->count++;
}

static struct o_alert *add_alert(struct oracle *oracle, struct o_incident *o,
                                 const struct event *event, const char *key)
{
    struct o_alert *alert = arena_alloc(&oracle->arena, sizeof(*alert));
    *alert = (struct o_alert){.next = oracle->alerts,
                              .source = arena_strdup(&oracle->arena, event->source),
                              .key = key,
                              .incident = o};
    oracle->alerts = alert;
    fire(oracle, alert, event);
    return alert;
}

static struct o_incident *add_incident(struct oracle *oracle, const struct policy *policy,
                                       const char *group, const struct event *event,
                                       const char *source)
{
    ASSERT(policy->step_count <= STEPS_MAX);
    struct o_incident *o = arena_alloc(&oracle->arena, sizeof(*o));
    *o = (struct o_incident){.next = oracle->incidents,
                             .number = oracle->next_number++,
                             .policy = policy,
                             .group = group,
                             .source = source,
                             .watched = true,
                             .live = true,
                             .owner = "",
                             .mark = "",
                             .last_message = NULL};
    o->last_message = &o->messages;
    oracle->incidents = o;
    o->severity = event->severity;
    o->was_urgent = sleep_is_urgent(o);
    return o;
}

static void open_new(struct oracle *oracle, const struct policy *policy, const char *group,
                     const struct event *event, const char *key)
{
    struct o_incident *o =
        add_incident(oracle, policy, group, event, arena_strdup(&oracle->arena, event->source));
    (void)add_alert(oracle, o, event, key);
    ladder_begin(oracle, o, false);
}

/* What a trigger would open, or has opened, without an alert. */
struct o_incident *events_report(struct oracle *oracle, const struct report *report,
                                 bool *out_is_new)
{
    char derived[EVENT_DERIVED_KEY_BYTES];
    const char *key = report->event.key;
    if (key[0] == '\0') {
        event_derive_key(report->event.labels, report->event.label_count, derived);
        key = arena_strdup(&oracle->arena, derived);
    }
    const struct policy *policy = choose(oracle, &report->event, key);
    const char *group = group_of(oracle, policy, &report->event, key);
    struct o_incident *o = open_in_group(oracle, policy->name, group);
    *out_is_new = o == NULL;
    return o != NULL ? o : add_incident(oracle, policy, group, &report->event, "");
}

static bool is_full(const struct oracle *oracle, const char *source)
{
    const struct source_rule *rule = rulebook_source(oracle->book, source);
    int64_t count = 0;
    for (const struct o_incident *o = oracle->incidents; o != NULL; o = o->next)
        count += o->live && o->state != INCIDENT_RESOLVED && text_equal(o->source, source);
    return rule != NULL && count >= rule->incidents_max;
}

static bool is_recent(const struct oracle *oracle, const struct o_incident *o)
{
    return oracle->now_ms - o->resolved_at_ms <= o->policy->reopen_within_ms;
}

static void add_to_ladder(struct oracle *oracle, struct o_incident *o)
{
    ladder_look_back(oracle, o);
    bool again = o->state != INCIDENT_HELD && flapping_is_again(oracle, o);
    if (!again || !flapping_change(oracle, o))
        oracle_expect(oracle, o, "note alert");
    if (o->state == INCIDENT_TRIGGERED && o->exhausted && o->mark[0] == '\0')
        ladder_new_climb(oracle, o, 0);
    ladder_time(oracle, o);
}

static void get_worse(struct oracle *oracle, struct o_incident *o)
{
    if (o->state == INCIDENT_RESOLVED)
        return;
    ladder_look_back(oracle, o);
    oracle_expect(oracle, o, "note severity");
    if (sleep_is_urgent(o))
        sleep_release(oracle, o);
    if (o->state == INCIDENT_ACKNOWLEDGED)
        ladder_page_owner(oracle, o);
    ladder_time(oracle, o);
}

/* Already firing, or still under a person's resolve: only counted, unless it gets worse. */
static void count_known(struct oracle *oracle, const struct event *event, const char *key,
                        struct o_routes *has)
{
    for (struct o_alert *a = oracle->alerts; a != NULL; a = a->next) {
        struct o_incident *o = a->incident;
        if (!is_about(a, event, key))
            continue;
        bool open = o->state != INCIDENT_RESOLVED;
        if (!(open && a->firing) && !(!open && o->by_person && is_recent(oracle, o)))
            continue;
        routes_add(has, o->policy);
        fire(oracle, a, event);
        if (find_severity(oracle, o)) {
            suppression_look(oracle, o);
            get_worse(oracle, o);
        }
    }
}

/* The newest that may open again, of this policy where one is named. */
static bool reopen_known(struct oracle *oracle, const struct event *event, const char *key,
                         const char *policy_or_null, struct o_routes *has)
{
    for (struct o_alert *a = oracle->alerts; a != NULL; a = a->next) {
        struct o_incident *o = a->incident;
        if (!is_about(a, event, key) || o->state != INCIDENT_RESOLVED || o->by_person ||
            !is_recent(oracle, o) || open_in_group(oracle, o->policy->name, o->group) != NULL)
            continue;
        if (policy_or_null != NULL && !text_equal(policy_or_null, o->policy->name))
            continue;
        routes_add(has, o->policy);
        fire(oracle, a, event);
        (void)find_severity(oracle, o);
        ladder_begin(oracle, o, true);
        return true;
    }
    return false;
}

static void join(struct oracle *oracle, struct o_incident *o, const struct event *event,
                 const char *key)
{
    struct o_alert *alert = oracle->alerts;
    while (alert != NULL && (alert->incident != o || !is_about(alert, event, key)))
        alert = alert->next;
    if (o->source[0] == '\0')
        o->source = arena_strdup(&oracle->arena, event->source);
    if (alert != NULL)
        fire(oracle, alert, event);
    else
        (void)add_alert(oracle, o, event, key);
    suppression_look(oracle, o);
    add_to_ladder(oracle, o);
    if (find_severity(oracle, o))
        get_worse(oracle, o);
}

/* The first hundred are named on the timeline. */
static void name_overflow(struct oracle *oracle, const struct event *ours)
{
    const struct o_alert *alert = oracle->alerts;
    while (alert != NULL && !is_about(alert, ours, ours->key))
        alert = alert->next;
    if (alert != NULL && alert->count <= 100)
        oracle_expect(oracle, alert->incident, "note overflowed");
}

static void trigger(struct oracle *oracle, const struct event *event, const char *key,
                    bool overflows);

static void open_or_join(struct oracle *oracle, const struct policy *policy,
                         const struct event *event, const char *key, bool overflows)
{
    const char *group = overflows ? arena_printf(&oracle->arena, "overflow %s", key)
                                  : group_of(oracle, policy, event, key);
    struct o_incident *o = open_in_group(oracle, policy->name, group);
    if (o != NULL) {
        join(oracle, o, event, key);
    } else if (!overflows && is_full(oracle, event->source)) {
        struct event ours = {
            .action = EVENT_TRIGGER, .severity = SEVERITY_CRITICAL, .source = "escalated"};
        ours.key = arena_printf(&oracle->arena, "overflow %s", event->source);
        trigger(oracle, &ours, ours.key, true);
        name_overflow(oracle, &ours);
    } else {
        open_new(oracle, policy, group, event, key);
    }
}

static void trigger(struct oracle *oracle, const struct event *event, const char *key,
                    bool overflows)
{
    struct o_routes has = {.count = 0}, wanted = {.count = 0}, missing;
    count_known(oracle, event, key, &has);
    if (has.count == 0)
        (void)reopen_known(oracle, event, key, NULL, &has);
    if (!overflows)
        routes_of(oracle, event, key, &wanted);
    else if (has.count == 0)
        routes_add(&wanted, oracle->book->default_policy);
    routes_missing(&wanted, &has, &missing);
    if (overflows && has.count > 0)
        return;
    for (size_t i = 0; i < missing.count; i++) {
        const struct policy *policy = missing.policies[i];
        if (has.count == 0 || !reopen_known(oracle, event, key, policy->name, &has))
            open_or_join(oracle, policy, event, key, overflows);
    }
}

static void clear(struct oracle *oracle, const struct event *event, const char *key)
{
    for (struct o_alert *a = oracle->alerts; a != NULL; a = a->next) {
        if (!is_about(a, event, key) || !a->firing)
            continue;
        struct o_incident *o = a->incident;
        bool fires = false;
        a->firing = false;
        for (const struct o_alert *other = oracle->alerts; other != NULL; other = other->next)
            fires = fires || (other->incident == o && other->firing);
        (void)find_severity(oracle, o);
        if (!fires)
            suppression_look(oracle, o);
        if (fires || o->state == INCIDENT_RESOLVED)
            continue;
        ladder_look_back(oracle, o);
        ladder_quiet(oracle, o, arena_printf(&oracle->arena, "source %s", event->source));
    }
}

static void acknowledge(struct oracle *oracle, const struct event *event, const char *key)
{
    for (struct o_alert *a = oracle->alerts; a != NULL; a = a->next) {
        if (!is_about(a, event, key) || !a->firing || a->incident->state == INCIDENT_RESOLVED)
            continue;
        struct o_reply reply = {.by = arena_printf(&oracle->arena, "source %s", event->source)};
        ladder_ack(oracle, a->incident, &reply);
    }
}

void oracle_event(struct oracle *oracle, const struct event *event)
{
    char derived[EVENT_DERIVED_KEY_BYTES];
    const char *key = event->key;
    if (key[0] == '\0') {
        event_derive_key(event->labels, event->label_count, derived);
        key = derived;
    }
    key = arena_strdup(&oracle->arena, key);
    if (event->action == EVENT_TRIGGER)
        trigger(oracle, event, key, false);
    else if (event->action == EVENT_RESOLVE)
        clear(oracle, event, key);
    else if (event->action == EVENT_ACKNOWLEDGE)
        acknowledge(oracle, event, key);
    else if (event->action == EVENT_HEARTBEAT)
        oracle_heartbeat(oracle, event);
}

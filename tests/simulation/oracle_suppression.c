/* Rules 13 and 14 as they are written in policies/README.md: everything is looked up anew, whenever anything has happened. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/parse.h"
#include "tests/simulation/oracle_state.h"

enum { DAY_MINUTES = 1440, MINUTE_MS = 60000 };

/* What scene.c and world_deeds.c write: labels with =, windows of every day in UTC. */
static const char *value_of(const struct o_alert *alert, const char *label)
{
    if (text_equal(label, "service"))
        return alert->service;
    if (text_equal(label, "region"))
        return alert->region;
    if (text_equal(label, "key"))
        return alert->key;
    ASSERT(text_equal(label, "severity"));
    return severity_name(alert->severity);
}

static bool fits(const struct match_line *lines, size_t count, const struct o_alert *alert)
{
    for (size_t l = 0; l < count; l++) {
        bool all = true;
        for (size_t m = 0; m < lines[l].matcher_count; m++) {
            ASSERT(lines[l].matchers[m].op == MATCH_EQUAL);
            all = all && text_equal(value_of(alert, lines[l].matchers[m].label),
                                    lines[l].matchers[m].value);
        }
        if (all)
            return true;
    }
    return false;
}

static bool window_is_open(const struct oracle *oracle, const struct maintenance_window *window)
{
    const struct hours_span *span = &window->hours_or_null->spans[0];
    int64_t minute = (oracle->now_ms + oracle->wall_offset_ms) / MINUTE_MS % DAY_MINUTES;
    ASSERT(window->hours_or_null->span_count == 1 && span->from_minute < span->until_minute);
    return minute >= span->from_minute && minute < span->until_minute;
}

static bool is_muted(const struct oracle *oracle, const struct inhibit *rule,
                     const struct o_alert *alert)
{
    bool both = fits(rule->when, rule->when_count, alert);
    if (!fits(rule->mute, rule->mute_count, alert))
        return false;
    for (const struct o_alert *other = oracle->alerts; other != NULL; other = other->next) {
        bool fires = other->firing && other->incident->state != INCIDENT_RESOLVED &&
                     fits(rule->when, rule->when_count, other);
        bool too = fits(rule->mute, rule->mute_count, other);
        for (size_t i = 0; i < rule->equal_count; i++)
            fires = fires &&
                    text_equal(value_of(alert, rule->equal[i]), value_of(other, rule->equal[i]));
        if (fires && !(both && too))
            return true;
    }
    return false;
}

static const char *mark_of_alert(struct oracle *oracle, const struct o_alert *alert)
{
    const struct rulebook *book = oracle->book;
    for (size_t i = 0; i < book->maintenance_count; i++) {
        const struct maintenance *m = &book->maintenances[i];
        for (size_t w = 0; w < m->window_count; w++) {
            if (window_is_open(oracle, &m->windows[w]) && fits(m->match, m->match_count, alert))
                return arena_printf(&oracle->arena, "maintenance %s", m->name);
        }
    }
    for (const struct o_silence *s = oracle->silences; s != NULL; s = s->next) {
        if (!s->ended && text_equal(value_of(alert, s->label), s->value))
            return arena_printf(&oracle->arena, "silence %llu", (unsigned long long)s->id);
    }
    for (size_t i = 0; i < book->inhibit_count; i++) {
        if (is_muted(oracle, &book->inhibits[i], alert))
            return arena_printf(&oracle->arena, "inhibition %s", book->inhibits[i].name);
    }
    return "";
}

static bool fires(const struct oracle *oracle, const struct o_incident *o)
{
    for (const struct o_alert *a = oracle->alerts; a != NULL; a = a->next) {
        if (a->incident == o && a->firing)
            return true;
    }
    return false;
}

/* Alerts stand with the newest first: the last one looked at is the oldest. */
static const char *mark_of(struct oracle *oracle, const struct o_incident *o)
{
    const char *mark = "";
    bool any_fires = fires(oracle, o);
    for (const struct o_alert *a = oracle->alerts; a != NULL; a = a->next) {
        if (a->incident != o || (any_fires && !a->firing))
            continue;
        mark = mark_of_alert(oracle, a);
        if (mark[0] == '\0')
            return "";
    }
    return mark;
}

static void begin(struct oracle *oracle, struct o_incident *o)
{
    oracle_expectf(oracle, o, "note suppressed %s", o->mark);
    ladder_cancel(oracle, o, KIND_PAGE, NULL);
    o->reach_until_ms = 0;
    if (o->answer_until_ms != 0) {
        o->answer_until_ms = 0;
        o->acked_severity = (int)o->severity - 1;
    }
}

static void climb_anew(struct oracle *oracle, struct o_incident *o)
{
    if (o->state == INCIDENT_HELD) {
        o->state = INCIDENT_TRIGGERED;
        o->left_held = true;
        oracle_expect(oracle, o, "note triggered");
    }
    int64_t left = 0;
    for (size_t i = 0; i < o->plan_count; i++) {
        if (o->plan[i].step != OPEN_END && o->plan[i].climb - o->climb > left)
            left = o->plan[i].climb - o->climb;
    }
    ladder_new_climb(oracle, o, left);
    if (o->state == INCIDENT_ACKNOWLEDGED)
        ladder_page_owner(oracle, o);
}

static void end(struct oracle *oracle, struct o_incident *o, const char *was)
{
    int64_t now_ms = oracle->now_ms;
    oracle_expectf(oracle, o, "note unsuppressed %s", was);
    for (size_t i = 0; i < o->policy->step_count; i++) {
        if (!o->told[i] && o->told_at_ms[i] < now_ms)
            o->told_at_ms[i] = now_ms;
    }
    if (fires(oracle, o)) {
        climb_anew(oracle, o);
        return;
    }
    if (o->plan_count > 0 && o->plan[0].at_ms < now_ms) {
        int64_t by_ms = now_ms - o->plan[0].at_ms;
        for (size_t i = 0; i < o->plan_count; i++)
            o->plan[i].at_ms += by_ms;
    }
    /* An exhausted ladder was acknowledged, and the mark has kept the lapse from exhausting it again. */
    if (o->plan_count == 0 && !o->exhausted)
        o->plan[o->plan_count++] = (struct o_planned){now_ms, OPEN_END, 0};
    if (o->exhausted && o->fallback_at_ms < now_ms)
        o->fallback_at_ms = now_ms;
}

void suppression_look(struct oracle *oracle, struct o_incident *o)
{
    if (!o->live || o->state == INCIDENT_RESOLVED)
        return;
    const char *mark = mark_of(oracle, o);
    const char *was = o->mark;
    if (text_equal(mark, was))
        return;
    o->mark = mark;
    if (mark[0] == '\0')
        end(oracle, o, was);
    else
        begin(oracle, o);
}

void suppression_look_at_all(struct oracle *oracle)
{
    /* The newest first; what one does to itself changes another's mark only by ending. */
    for (int round = 0; round < 3; round++) {
        for (struct o_incident *o = oracle->incidents; o != NULL; o = o->next) {
            const char *was = o->mark;
            suppression_look(oracle, o);
            if (!text_equal(was, o->mark))
                ladder_time(oracle, o);
        }
    }
}

void suppression_time(struct oracle *oracle)
{
    for (struct o_silence *s = oracle->silences; s != NULL; s = s->next)
        s->ended = s->ended || s->until_ms <= oracle->now_ms;
}

/* Has anybody heard of this opening, or is about to? */
void suppression_resolved(struct o_incident *o)
{
    for (const struct o_message *m = o->messages; m != NULL; m = m->next) {
        bool informs = m->kind == KIND_INFORM || m->kind == KIND_ASK;
        bool taken = m->state == NOTIFICATION_CLAIMED || m->state == NOTIFICATION_ACCEPTED ||
                     m->state == NOTIFICATION_DELIVERED ||
                     (m->attempts > 0 && m->state != NOTIFICATION_FAILED);
        if (m->climb >= o->first_climb && (taken || (informs && m->state == NOTIFICATION_PENDING)))
            o->mark = "";
    }
}

void suppression_command(struct oracle *oracle, const struct reply_command *command)
{
    struct o_silence **place = &oracle->silences;
    uint64_t id = 0;
    if (command->verb == VERB_UNSILENCE) {
        (void)parse_u64(command->match_or_null, 1, 1000000, &id, NULL); /* 0: none of ours */
        for (struct o_silence *s = oracle->silences; s != NULL; s = s->next)
            s->ended = s->ended || s->id == id;
        return;
    }
    while (*place != NULL) {
        id = (*place)->id;
        place = &(*place)->next;
    }
    const char *match = command->match_or_null;
    size_t label = strcspn(match, "=");
    *place = arena_alloc(&oracle->arena, sizeof(**place));
    **place = (struct o_silence){
        .id = id + 1,
        .label = arena_strndup(&oracle->arena, match, label),
        .value = arena_strndup(&oracle->arena, match + label + 2, strlen(match) - label - 3),
        .until_ms = oracle->now_ms + command->duration_ms};
}

bool flapping_change(struct oracle *oracle, struct o_incident *o)
{
    const struct policy *policy = o->policy;
    int64_t count = 0;
    if (policy->flap_count == 0)
        return false;
    struct o_change *change = arena_alloc(&oracle->arena, sizeof(*change));
    *change = (struct o_change){.next = o->changes, .at_ms = oracle->now_ms};
    o->changes = change;
    for (; change != NULL && change->at_ms > oracle->now_ms - policy->flap_ms;
         change = change->next)
        count++;
    if (o->calm_at_ms == 0 && count <= policy->flap_count)
        return false;
    if (o->calm_at_ms == 0)
        oracle_expect(oracle, o, "note flapping");
    o->calm_at_ms = oracle->now_ms + policy->flap_ms;
    return true;
}

void flapping_calm(struct oracle *oracle, struct o_incident *o)
{
    o->calm_at_ms = 0;
    o->changes = NULL;
    oracle_expect(oracle, o, "note calm");
    if (!fires(oracle, o))
        ladder_clear(oracle, o, arena_printf(&oracle->arena, "source %s", o->source));
}

bool flapping_is_again(const struct oracle *oracle, const struct o_incident *o)
{
    int firing = 0;
    bool has_fired = false;
    for (const struct o_alert *a = oracle->alerts; a != NULL; a = a->next) {
        if (a->incident != o)
            continue;
        firing += a->firing;
        has_fired = has_fired || !a->firing || a->count > 1;
    }
    return firing == 1 && has_fired;
}

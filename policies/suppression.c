#include "policies/suppression.h"

#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/parse.h"
#include "policies/climb.h"
#include "policies/owner.h"
#include "policies/reach.h"
#include "policies/route.h"

#define MAINTENANCE_WORD "maintenance "
#define SILENCE_WORD "silence "
#define INHIBITION_WORD "inhibition "

enum {
    FOLLOWING_MAX = 16
}; /* windows that follow each other without a gap, looked at: each costs 10 us */

static bool window_holds(const struct maintenance_window *window, int64_t wall_ms)
{
    if (window->hours_or_null != NULL)
        return hours_contain(window->hours_or_null, wall_ms);
    return wall_ms >= window->from_ms && wall_ms < window->until_ms;
}

enum suppression_kind suppression_kind(const char *mark)
{
    if (mark[0] == '\0')
        return SUPPRESSION_NONE;
    if (text_starts_with(mark, MAINTENANCE_WORD))
        return SUPPRESSION_MAINTENANCE;
    return text_starts_with(mark, SILENCE_WORD) ? SUPPRESSION_SILENCE : SUPPRESSION_INHIBITION;
}

const char *suppression_kind_name(enum suppression_kind kind)
{
    static const char *const names[SUPPRESSION_KIND_COUNT] = {
        [SUPPRESSION_NONE] = "none",
        [SUPPRESSION_MAINTENANCE] = "maintenance",
        [SUPPRESSION_SILENCE] = "silence",
        [SUPPRESSION_INHIBITION] = "inhibition",
    };
    return names[kind];
}

bool maintenance_holds(const struct maintenance *maintenance, int64_t wall_ms)
{
    for (size_t i = 0; i < maintenance->window_count; i++) {
        if (window_holds(&maintenance->windows[i], wall_ms))
            return true;
    }
    return false;
}

static int64_t window_next_ms(const struct maintenance_window *window, int64_t wall_ms)
{
    if (window->hours_or_null != NULL)
        return hours_next_change_ms(window->hours_or_null, wall_ms);
    if (wall_ms < window->from_ms)
        return window->from_ms;
    return wall_ms < window->until_ms ? window->until_ms : INT64_MAX;
}

int64_t maintenance_next_ms(const struct maintenance *maintenance, int64_t wall_ms)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < maintenance->window_count; i++) {
        int64_t at_ms = window_next_ms(&maintenance->windows[i], wall_ms);
        if (at_ms < next_ms)
            next_ms = at_ms;
    }
    return next_ms;
}

int64_t maintenance_until_ms(const struct maintenance *maintenance, int64_t wall_ms)
{
    int64_t at_ms = wall_ms;
    for (int i = 0; i < FOLLOWING_MAX && at_ms != INT64_MAX; i++) {
        if (!maintenance_holds(maintenance, at_ms))
            return at_ms;
        at_ms = maintenance_next_ms(maintenance, at_ms);
    }
    return INT64_MAX;
}

void inhibit_values(const struct inhibit *rule, const struct event *event, const char *key,
                    struct strbuf *out)
{
    for (size_t i = 0; i < rule->equal_count; i++) {
        strbuf_add_json_string(out, route_label(event, key, rule->equal[i]));
        strbuf_add_char(out, ',');
    }
}

/* Does one of the lines match? What is undecided holds nothing back. */
static bool fits(const struct suppression *now, enum match_use use, const char *name,
                 const struct match_line *lines, size_t count, const struct event *event,
                 const char *key)
{
    const struct matcher *undecided = NULL;
    bool matches = route_any_line(lines, count, event, key, &undecided);
    if (undecided != NULL && now->undecided_or_null != NULL)
        undecided_note(&now->undecided_or_null[use], name, undecided);
    return matches;
}

const char *suppression_mark(const struct suppression *now, const struct event *event,
                             const char *key, struct arena *arena)
{
    for (size_t i = 0; i < now->book->maintenance_count; i++) {
        const struct maintenance *m = &now->book->maintenances[i];
        if (now->holds[i] &&
            fits(now, MATCH_USE_MAINTENANCE, m->name, m->match, m->match_count, event, key))
            return arena_printf(arena, MAINTENANCE_WORD "%s", m->name);
    }
    for (size_t i = 0; i < now->silence_count; i++) {
        const struct silence *silence = &now->silences[i];
        if (silence->from_ms <= now->now_ms &&
            fits(now, MATCH_USE_SILENCE, silence->match, &silence->line, 1, event, key))
            return arena_printf(arena, SILENCE_WORD "%llu", (unsigned long long)silence->id);
    }
    for (size_t i = 0; now->is_inhibited != NULL && i < now->book->inhibit_count; i++) {
        const struct inhibit *rule = &now->book->inhibits[i];
        if (fits(now, MATCH_USE_INHIBITION, rule->name, rule->mute, rule->mute_count, event, key) &&
            now->is_inhibited(now->self, rule, event, key))
            return arena_printf(arena, INHIBITION_WORD "%s", rule->name);
    }
    return "";
}

bool suppression_holds(const struct incident *incident)
{
    return incident->later->mark[0] != '\0';
}

static const struct maintenance *find_maintenance(const struct rulebook *book, const char *name)
{
    for (size_t i = 0; i < book->maintenance_count; i++) {
        if (text_equal(book->maintenances[i].name, name))
            return &book->maintenances[i];
    }
    return NULL;
}

static const struct silence *find_silence(const struct suppression *now, const char *number)
{
    uint64_t id = 0;
    if (parse_u64(number, 1, INT64_MAX, &id, NULL) != 0)
        return NULL;
    for (size_t i = 0; i < now->silence_count; i++) {
        if (now->silences[i].id == id)
            return &now->silences[i];
    }
    return NULL;
}

/* What stands behind the word, or NULL. */
static const char *name_behind(const char *mark, const char *word)
{
    return text_starts_with(mark, word) ? mark + strlen(word) : NULL;
}

int64_t suppression_until_ms(const char *mark, const struct suppression *now,
                             int64_t wall_offset_ms)
{
    const char *name = name_behind(mark, MAINTENANCE_WORD);
    if (name != NULL) {
        const struct maintenance *m = find_maintenance(now->book, name);
        int64_t until_ms = m != NULL ? maintenance_until_ms(m, now->wall_ms) : INT64_MAX;
        return until_ms != INT64_MAX ? until_ms - wall_offset_ms : 0;
    }
    name = name_behind(mark, SILENCE_WORD);
    const struct silence *silence = name != NULL ? find_silence(now, name) : NULL;
    return silence != NULL ? silence->until_ms : 0;
}

const char *suppression_text(const char *mark, const struct suppression *now, struct arena *arena)
{
    const char *name = name_behind(mark, SILENCE_WORD);
    const struct silence *silence = name != NULL ? find_silence(now, name) : NULL;
    if (silence == NULL)
        return mark;
    return silence->reason[0] != '\0'
               ? arena_printf(arena, "%s (%s, by %s)", mark, silence->reason, silence->author)
               : arena_printf(arena, "%s (by %s)", mark, silence->author);
}

/* Has anything of this opening reached, or been made for, anybody? */
static bool was_anybody_told(const struct incident *incident)
{
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
        bool is_told = n->kind == KIND_INFORM || n->kind == KIND_ASK;
        if (n->climb >= incident->ladder.first_climb &&
            (reach_was_handed_over(n) || (is_told && n->state == NOTIFICATION_PENDING)))
            return true;
    }
    return false;
}

/* Pages that wait stop: the climb after the mark pages anew. What informs still goes out, for its step is not repeated. */
static void begin(struct incident *incident, struct moment *moment)
{
    struct ladder *ladder = &incident->ladder;
    struct facts facts = {.by = incident->later->mark, .until_ms = moment->mark_until_ms};
    moment_notef(moment, "suppressed", &facts, "no steps run: %s", moment->mark_text);
    climb_cancel(incident, moment, KIND_PAGE, "suppressed");
    ladder->reach_until_ms = 0;
    if (incident->later->ladder.answer_until_ms == 0)
        return;
    /* The owner's page about a higher severity, which they need not answer now: it comes again. */
    incident->later->ladder.answer_until_ms = 0;
    ladder->acked_severity = (int8_t)(incident->severity - 1);
}

/* A new climb without hold; one that an acknowledgement parks begins with its end. */
static void climb_anew(struct incident *incident, struct moment *moment)
{
    struct ladder *ladder = &incident->ladder;
    if (incident->state == INCIDENT_HELD)
        climb_trigger(incident, moment);
    if (ladder_first_page(incident->policy) >= 0) {
        ladder_climb(ladder, &incident->later->ladder, incident->policy, moment->now_ms);
        moment_notef(moment, "climb", &(struct facts){.climb = ladder->climb}, "climb %d starts",
                     ladder->climb);
    }
    if (incident->state == INCIDENT_ACKNOWLEDGED)
        owner_page(incident, moment);
}

/* The source has cleared and a person must resolve: the ladder goes on where it was. What was due meanwhile runs now. */
static void go_on(struct incident *incident, struct moment *moment)
{
    struct ladder *ladder = &incident->ladder;
    const struct policy *policy = incident->policy;
    int32_t page = ladder_next_page(ladder, policy);
    if (page >= 0 &&
        ladder_due_ms(ladder, &incident->later->ladder, policy, (size_t)page) < moment->now_ms)
        ladder_move_pages(ladder, policy, (size_t)page, moment->now_ms);
    int64_t repeat_ms = page < 0 ? ladder_repeat_ms(ladder, policy) : INT64_MAX;
    if (repeat_ms < moment->now_ms)
        ladder->page_base_ms += moment->now_ms - repeat_ms;
    if (ladder->exhausted && incident->later->ladder.fallback_at_ms < moment->now_ms)
        incident->later->ladder.fallback_at_ms = moment->now_ms;
}

static void end(struct incident *incident, struct moment *moment, const char *was)
{
    moment_notef(moment, "unsuppressed", &(struct facts){.by = was}, "%s holds it no longer", was);
    incident->later->ladder.told_from_ms = moment->now_ms;
    if (incident_firing_count(incident) > 0)
        climb_anew(incident, moment);
    else
        go_on(incident, moment);
}

/* What nobody has heard of has no after-care either: its mark stays, whatever is said about the opening before. */
void suppression_close(struct incident *incident)
{
    if (was_anybody_told(incident))
        incident->later->mark = "";
}

void suppression_settle(struct incident *incident, struct moment *moment)
{
    const char *was = incident->later->mark;
    if (!incident_is_open(incident) || text_equal(was, moment->mark))
        return;
    incident->later->mark = moment->mark;
    if (incident->later->mark[0] == '\0')
        end(incident, moment, was);
    else
        begin(incident, moment);
}

#include "tests/simulation/oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "tests/simulation/oracle_events.h"
#include "tests/simulation/oracle_storm.h"

enum { LINE_BYTES = 600, COMPLAINT_BYTES = 1 << 14 };

struct oracle *oracle_create(const struct rulebook *book)
{
    struct oracle *oracle = heap_alloc(sizeof(*oracle));
    arena_init(&oracle->arena);
    strbuf_init(&oracle->complaint, COMPLAINT_BYTES);
    oracle->book = book;
    oracle->next_number = 1;
    duty_begin(oracle);
    return oracle;
}

void oracle_destroy(struct oracle *oracle)
{
    if (oracle == NULL)
        return;
    free(oracle->by_id);
    free(oracle->expected.items);
    free(oracle->expected.whose);
    free(oracle->observed.items);
    free(oracle->observed.whose);
    strbuf_clear(&oracle->complaint);
    arena_clear(&oracle->arena);
    free(oracle);
}

static void add_line(struct o_lines *lines, const struct o_incident *whose, const char *line)
{
    if (lines->count == lines->capacity) {
        lines->capacity = lines->capacity == 0 ? 64 : lines->capacity * 2;
        lines->items = heap_realloc(lines->items, lines->capacity * sizeof(*lines->items));
        lines->whose = heap_realloc(lines->whose, lines->capacity * sizeof(*lines->whose));
    }
    lines->whose[lines->count] = whose;
    lines->items[lines->count++] = line;
}

void oracle_expect(struct oracle *oracle, const struct o_incident *incident, const char *line)
{
    if (incident->watched)
        add_line(&oracle->expected, incident, line);
}

void oracle_expectf(struct oracle *oracle, const struct o_incident *incident, const char *format,
                    ...)
{
    char text[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    ASSERT(length > 0 && (size_t)length < sizeof(text));
    oracle_expect(oracle, incident, arena_strdup(&oracle->arena, text));
}

/* Steps and the fallback: every word. What follows somebody (notices, reminders, the page to an owner): to whom. */
static const char *send_line(struct oracle *oracle, enum notification_kind kind, const char *step,
                             int64_t climb, const char *contact, const char *channel,
                             const char *address, int64_t due_ms)
{
    const char *name = notification_kind_name(kind);
    if (step == NULL)
        return arena_printf(&oracle->arena, "send %s %s +%lld", name, contact,
                            (long long)(due_ms - oracle->now_ms));
    return arena_printf(&oracle->arena, "send %s %s %lld %s %s %s +%lld", name, step,
                        (long long)climb, contact, channel, address,
                        (long long)(due_ms - oracle->now_ms));
}

/* `message->line` comes in as the step's name, or NULL for what follows somebody. */
struct o_message *oracle_send(struct oracle *oracle, struct o_incident *incident,
                              const struct o_message *message)
{
    struct o_message *m = arena_alloc(&oracle->arena, sizeof(*m));
    *m = *message;
    m->next_ms = m->due_ms;
    m->severity = incident->severity;
    m->move = oracle->moves;
    m->line = send_line(oracle, m->kind, message->line, m->climb, m->contact, m->channel,
                        m->address, m->due_ms);
    *incident->last_message = m;
    incident->last_message = &m->next;
    oracle_expect(oracle, incident, m->line);
    return m;
}

void oracle_unsend(struct oracle *oracle, const struct o_incident *incident, struct o_message *m)
{
    struct o_lines *lines = &oracle->expected;
    size_t at = 0;
    while (at < lines->count && !(lines->whose[at] == incident && lines->items[at] == m->line))
        at++;
    ASSERT(at < lines->count);
    for (lines->count--; at < lines->count; at++) {
        lines->items[at] = lines->items[at + 1];
        lines->whose[at] = lines->whose[at + 1];
    }
    m->state = NOTIFICATION_CANCELLED;
    m->line = ""; /* no message of the engine is this one */
}

struct o_incident *oracle_incident(struct oracle *oracle, uint64_t number)
{
    struct o_incident *o = oracle->incidents;
    while (o != NULL && o->number != number)
        o = o->next;
    return number == 0 ? &oracle->nobodys : o;
}

struct o_found oracle_message(const struct oracle *oracle, uint64_t id)
{
    return id < oracle->by_id_count ? oracle->by_id[id] : (struct o_found){NULL, NULL};
}

static void keep_by_id(struct oracle *oracle, uint64_t id, struct o_found found)
{
    if (id >= oracle->by_id_count) {
        size_t count = (size_t)(id + 1) * 2;
        oracle->by_id = heap_realloc(oracle->by_id, count * sizeof(*oracle->by_id));
        memset(oracle->by_id + oracle->by_id_count, 0,
               (count - oracle->by_id_count) * sizeof(*oracle->by_id));
        oracle->by_id_count = count;
    }
    oracle->by_id[id] = found;
}

/* What channels and housekeeping do is taken as it comes. */
static bool is_given_note(const struct timeline_row *row)
{
    return text_equal(row->kind, "not-sent") || text_equal(row->kind, "linked") ||
           text_equal(row->kind, "forgotten") || text_equal(row->kind, "silence") ||
           text_equal(row->kind, "silence-ended");
}

static bool is_decided(const struct outcome_row *row)
{
    static const char *const reasons[] = {"acknowledged",
                                          "resolved",
                                          "answered",
                                          "passed",
                                          "suppressed",
                                          "the acknowledgement has ended",
                                          "the update is complete",
                                          "the update goes out",
                                          "the update was changed",
                                          "rejected",
                                          "the list is closed",
                                          "the incident opened again",
                                          "nobody has approved it in time",
                                          "nobody has approved it, and no fallback can be asked",
                                          "it was incomplete at the resolution",
                                          "it was with its author at the resolution",
                                          "nobody has completed it since the resolution",
                                          "somebody else has it",
                                          "nothing is missing any more",
                                          "the reminder asks for it as well",
                                          "somebody else is asked",
                                          "a part of it has come",
                                          "the fallback is paged anew"};
    if (row->attempt != 0 || storm_is_gate(row))
        return false;
    if (row->state == NOTIFICATION_PENDING)
        return true;
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (row->state == NOTIFICATION_CANCELLED && text_equal(row->reason, reasons[i]))
            return true;
    }
    return false;
}

static const char *outcome_line(struct oracle *oracle, const struct outcome_row *row,
                                const struct effects *effects, struct o_incident **out_whose)
{
    struct o_found found = oracle_message(oracle, row->notification);
    *out_whose = found.incident;
    const char *contact = "";
    uint64_t id = row->notification;
    for (size_t i = 0; found.message == NULL && i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        if (effect->kind != EFFECT_NOTIFICATION || effect->u.notification->id != id)
            continue;
        *out_whose = oracle_incident(oracle, effect->u.notification->incident);
        contact = effect->u.notification->contact;
        id = 0;
        break;
    }
    if (row->state == NOTIFICATION_PENDING)
        return arena_printf(&oracle->arena, "hasten %llu +%lld", (unsigned long long)id,
                            (long long)(row->next_at_ms - oracle->now_ms));
    return arena_printf(&oracle->arena, "cancel %llu %s", (unsigned long long)id, contact);
}

static size_t count_lines(const struct o_lines *lines, const struct o_incident *whose,
                          const char *line)
{
    size_t count = 0;
    for (size_t i = 0; i < lines->count; i++)
        count += lines->whose[i] == whose && text_equal(lines->items[i], line);
    return count;
}

static void observe_sent(struct oracle *oracle, const struct notification_row *row)
{
    struct o_incident *whose = oracle_incident(oracle, row->incident);
    const char *to_owner =
        send_line(oracle, KIND_PAGE, NULL, 0, row->contact, "", "", row->due_at_ms);
    bool follows =
        row->kind == KIND_NOTICE || row->kind == KIND_REMINDER || row->kind == KIND_ANSWER;
    /* A page to an owner whom the fallback had reached carries its name as well. */
    if (row->kind == KIND_PAGE && row->repetition > 0)
        follows = !text_equal(row->step, "fallback") ||
                  count_lines(&oracle->expected, whose, to_owner) >
                      count_lines(&oracle->observed, whose, to_owner);
    add_line(&oracle->observed, whose,
             send_line(oracle, row->kind, follows ? NULL : row->step, row->climb,
                       arena_strdup(&oracle->arena, row->contact), row->channel, row->address,
                       row->due_at_ms));
}

/* One message's own channel and number are known once the engine has made it. */
static void bind_message(struct oracle *oracle, const struct notification_row *row,
                         const char *line)
{
    struct o_incident *o = oracle_incident(oracle, row->incident);
    for (struct o_message *m = o != NULL ? o->messages : NULL; m != NULL; m = m->next) {
        if (m->id == 0 && text_equal(m->line, line)) {
            m->id = row->id;
            keep_by_id(oracle, row->id, (struct o_found){o, m});
            m->channel = arena_strdup(&oracle->arena, row->channel);
            m->severity = row->severity;
            m->horizon_ms = row->expires_at_ms - row->due_at_ms;
            m->step = arena_strdup(&oracle->arena, row->step);
            return;
        }
    }
}

static void apply_claim(struct oracle *oracle, const struct claim_row *row)
{
    struct o_found found = oracle_message(oracle, row->notification);
    if (storm_claim(oracle, row) || found.message == NULL)
        return;
    found.message->state = NOTIFICATION_CLAIMED;
    found.message->attempts = (int)row->attempt;
    found.message->claimed_at_ms = oracle->now_ms;
}

/* When a message ended by time itself: what was due before that ran before it. */
static int64_t ended_at_ms(const struct oracle *oracle, const struct o_message *m,
                           const struct outcome_row *row)
{
    enum { SILENT_MS = 90000 };
    int64_t base_ms = m->due_ms > oracle->started_at_ms ? m->due_ms : oracle->started_at_ms;
    if (text_equal(row->reason, "silent"))
        return m->claimed_at_ms + SILENT_MS;
    return text_equal(row->reason, "its time was over") ? base_ms + m->horizon_ms : 0;
}

/* What was claimed by a process that has died: the first thing that a new one settles. */
static bool is_orphan(const struct outcome_row *row)
{
    return row->attempt != 0 && text_equal(row->reason, "restart");
}

static void apply_given(struct oracle *oracle, const struct outcome_row *row, bool timed)
{
    struct o_found found = oracle_message(oracle, row->notification);
    if (storm_outcome(oracle, row) || found.message == NULL)
        return;
    struct o_message *m = found.message;
    if (storm_is_gate(row) && m->state == NOTIFICATION_PENDING)
        return;
    if (timed && found.incident->live &&
        ladder_next_ms(found.incident) < ended_at_ms(oracle, m, row))
        ladder_time(oracle, found.incident);
    m->state = row->state;
    if (!found.incident->live)
        return;
    /* What goes back to where it waited moves no incident: orphans are settled before marks are. */
    bool goes_back = is_orphan(row) || storm_is_gate(row);
    if (!goes_back || row->state != NOTIFICATION_PENDING)
        suppression_look(oracle, found.incident);
    if (row->state == NOTIFICATION_ACCEPTED && m->kind == KIND_PAGE)
        ladder_accepted(oracle, found.incident, m);
    else if (row->state == NOTIFICATION_FAILED || row->state == NOTIFICATION_EXPIRED)
        ladder_failed(oracle, found.incident, m);
}

/* What went out in a digest that is lost is lost with it. */
static bool follows_lost(const struct oracle *oracle, const struct outcome_row *row)
{
    const struct o_message *m = oracle_message(oracle, row->notification).message;
    const struct o_digest *d = m != NULL && m->digest != 0 ? storm_digest(oracle, m->digest) : NULL;
    return d != NULL && d->is_lost && row->attempt == 0 && m->state == NOTIFICATION_CLAIMED;
}

static void give_orphans(struct oracle *oracle, const struct effects *effects_or_null)
{
    oracle->was_given = NULL;
    for (size_t i = 0; effects_or_null != NULL && i < effects_or_null->count; i++) {
        const struct effect *effect = &effects_or_null->items[i];
        if (effect->kind != EFFECT_OUTCOME ||
            (!is_orphan(effect->u.outcome) && !follows_lost(oracle, effect->u.outcome)))
            continue;
        if (oracle->was_given == NULL)
            oracle->was_given =
                arena_alloc_array(&oracle->arena, effects_or_null->count, sizeof(bool));
        oracle->was_given[i] = true;
        apply_given(oracle, effect->u.outcome, false);
        struct o_digest *d = storm_digest(oracle, effect->u.outcome->notification);
        if (d != NULL)
            d->is_lost = true;
    }
}

static void run_due(struct oracle *oracle, struct o_incident *o)
{
    if (o != NULL && o->watched && o->live)
        ladder_time(oracle, o);
}

/* The effects in the order in which they were decided. Where time moves the incidents, an entry that nobody expects yet
 * says that its incident's due things ran before the outcomes behind it. */
static void observe(struct oracle *oracle, const struct effects *effects, bool timed)
{
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        struct o_incident *whose = NULL;
        const char *line = NULL;
        switch ((int)effect->kind) {
        case EFFECT_CLAIM:
            apply_claim(oracle, effect->u.claim);
            break;
        case EFFECT_OUTCOME:
            if (oracle->was_given != NULL && oracle->was_given[i])
                break; /* before anything else */
            if (!is_decided(effect->u.outcome)) {
                apply_given(oracle, effect->u.outcome, timed);
                break;
            }
            line = outcome_line(oracle, effect->u.outcome, effects, &whose);
            add_line(&oracle->observed, whose, line);
            break;
        case EFFECT_TIMELINE:
            if (is_given_note(effect->u.timeline))
                break;
            whose = oracle_incident(oracle, effect->u.timeline->incident);
            line = oracle_note_line(oracle, effect->u.timeline);
            add_line(&oracle->observed, whose, line);
            break;
        case EFFECT_NOTIFICATION:
            if (effect->u.notification->kind == KIND_DIGEST)
                break;
            whose = oracle_incident(oracle, effect->u.notification->incident);
            observe_sent(oracle, effect->u.notification);
            line = oracle->observed.items[oracle->observed.count - 1];
            break;
        default:
            break;
        }
        if (timed && line != NULL && whose != NULL && whose->number != 0 &&
            count_lines(&oracle->expected, whose, line) == 0)
            run_due(oracle, whose);
    }
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t lines_of(struct oracle *oracle, const struct o_lines *lines,
                       const struct o_incident *whose, const char ***out)
{
    const char **items = arena_take_array(&oracle->arena, lines->count + 1, sizeof(*items));
    size_t count = 0;
    for (size_t i = 0; i < lines->count; i++) {
        if (lines->whose[i] == whose)
            items[count++] = lines->items[i];
    }
    if (count > 1)
        qsort(items, count, sizeof(*items), compare_lines);
    *out = items;
    return count;
}

static bool compare_incident(struct oracle *oracle, const struct o_incident *o)
{
    const char **want = NULL, **got = NULL;
    size_t want_count = lines_of(oracle, &oracle->expected, o, &want);
    size_t got_count = lines_of(oracle, &oracle->observed, o, &got);
    size_t i = 0;
    while (i < want_count && i < got_count && text_equal(want[i], got[i]))
        i++;
    if (i == want_count && i == got_count)
        return true;
    strbuf_printf(&oracle->complaint, "incident %llu: the rules want \"%s\", the engine did \"%s\"",
                  (unsigned long long)o->number, i < want_count ? want[i] : "nothing more",
                  i < got_count ? got[i] : "nothing more");
    for (size_t k = 0; k < want_count; k++)
        strbuf_printf(&oracle->complaint, "\n    want %s", want[k]);
    for (size_t k = 0; k < got_count; k++)
        strbuf_printf(&oracle->complaint, "\n    got  %s", got[k]);
    return false;
}

static bool compare_row(struct oracle *oracle, const struct incident_row *row)
{
    struct o_incident *o = oracle_incident(oracle, row->number);
    if (o == NULL || !o->watched) {
        if (o == NULL)
            strbuf_printf(&oracle->complaint, "incident %llu: the rules open none",
                          (unsigned long long)row->number);
        else if (!row->live)
            o->live = false;
        return o != NULL;
    }
    int priority = o->priority != 0 ? o->priority : (int)SEVERITY_CRITICAL - (int)o->severity + 1;
    bool same = o->state == row->state && o->severity == row->severity &&
                priority == row->priority && text_equal(o->owner, row->owner) &&
                o->acked_at_ms == row->acked_at_ms && o->resolved_at_ms == row->resolved_at_ms &&
                o->eta_ms == row->eta_at_ms && o->slips == row->slip_count &&
                o->ack_until_ms == row->ack_until_ms && text_equal(o->policy->name, row->policy);
    if (!same)
        strbuf_printf(
            &oracle->complaint,
            "incident %llu: the rules have it %s, %s, owner \"%s\" until %lld eta %lld slips %lld; "
            "the engine %s, %s, \"%s\" until %lld eta %lld slips %lld",
            (unsigned long long)o->number, incident_state_name(o->state),
            severity_name(o->severity), o->owner, (long long)o->ack_until_ms, (long long)o->eta_ms,
            (long long)o->slips, incident_state_name(row->state), severity_name(row->severity),
            row->owner, (long long)row->ack_until_ms, (long long)row->eta_at_ms,
            (long long)row->slip_count);
    if (!row->live)
        o->live = false;
    o->row_at_ms = row->updated_at_ms;
    return same;
}

static bool compare(struct oracle *oracle, const struct effects *effects_or_null)
{
    for (struct o_incident *o = oracle->incidents; o != NULL; o = o->next) {
        if (o->watched && !compare_incident(oracle, o))
            return false;
    }
    if (!compare_incident(oracle, &oracle->nobodys))
        return false;
    for (size_t i = 0; i < oracle->observed.count; i++) {
        if (oracle->observed.whose[i] == NULL) {
            strbuf_printf(&oracle->complaint, "the engine did \"%s\" to an incident of no rule",
                          oracle->observed.items[i]);
            return false;
        }
    }
    for (size_t i = 0; effects_or_null != NULL && i < effects_or_null->count; i++) {
        const struct effect *effect = &effects_or_null->items[i];
        if (effect->kind == EFFECT_INCIDENT && !compare_row(oracle, effect->u.incident))
            return false;
    }
    return true;
}

static void bind_all(struct oracle *oracle, const struct effects *effects)
{
    size_t line = 0;
    for (size_t i = 0; i < effects->count; i++) {
        if (effects->items[i].kind != EFFECT_NOTIFICATION ||
            effects->items[i].u.notification->kind == KIND_DIGEST)
            continue;
        while (!text_starts_with(oracle->observed.items[line], "send "))
            line++;
        bind_message(oracle, effects->items[i].u.notification, oracle->observed.items[line++]);
    }
}

static void take_input(struct oracle *oracle, const struct input *input)
{
    if (input->kind == INPUT_EVENT)
        oracle_event(oracle, &input->u.event);
    else if (input->kind == INPUT_REPLY || input->kind == INPUT_COMMAND)
        oracle_reply(oracle, input);
    else if (input->kind == INPUT_CLOCK)
        oracle->wall_offset_ms = input->u.wall_offset_ms;
    else if (input->kind == INPUT_CONFIG)
        oracle->book = input->u.rulebook;
    if (input->kind != INPUT_CONFIG && input->kind != INPUT_CLOCK)
        return;
    suppression_look_at_all(oracle);
    sleep_release_all(oracle);
    if (input->kind == INPUT_CONFIG)
        oracle_heartbeats_expected(oracle);
}

/* Where an incident goes on under another version, this oracle has nothing to say. */
static bool has_repolicy(const struct effects *effects_or_null)
{
    for (size_t i = 0; effects_or_null != NULL && i < effects_or_null->count; i++) {
        const struct effect *effect = &effects_or_null->items[i];
        if (effect->kind == EFFECT_TIMELINE && text_equal(effect->u.timeline->kind, "repolicy"))
            return true;
    }
    return false;
}

const char *oracle_judge(struct oracle *oracle, const struct oracle_step *step)
{
    bool timed = step->count == 0;
    bool is_first = oracle->process != step->process + 1; /* of this process */
    int64_t away_from_ms = oracle->committed_at_ms;
    oracle->now_ms = step->now_ms;
    oracle->started_at_ms = step->started_at_ms;
    oracle->process = step->process + 1;
    bool is_loaded = oracle->load != step->load; /* a commit has failed */
    if (is_first || is_loaded) {
        oracle->book = step->book;
        oracle->wall_offset_ms = step->wall_offset_ms;
        storm_forget_passed(oracle);
    }
    oracle->load = step->load;
    if (step->effects_or_null != NULL)
        oracle->committed_at_ms = step->now_ms;
    oracle->is_off = oracle->is_off || has_repolicy(step->effects_or_null);
    if (oracle->is_off)
        return NULL;
    oracle->expected.count = oracle->observed.count = 0;
    strbuf_reset(&oracle->complaint);
    storm_begin(oracle);
    suppression_time(oracle);
    if (is_first)
        oracle_heartbeats_away(oracle, away_from_ms);
    if (is_first || is_loaded)
        oracle_heartbeats_expected(oracle);
    oracle_heartbeats_time(oracle);
    give_orphans(oracle, step->effects_or_null);
    suppression_look_at_all(oracle);
    if (is_first)
        sleep_release_all(oracle);
    for (size_t i = 0; i < step->count; i++) {
        take_input(oracle, step->inputs[i]);
        suppression_look_at_all(oracle);
    }
    if (step->effects_or_null != NULL)
        observe(oracle, step->effects_or_null, timed);
    for (struct o_incident *o = oracle->incidents; timed && o != NULL; o = o->next)
        run_due(oracle, o);
    duty_settle(oracle);
    if (step->effects_or_null != NULL)
        bind_all(oracle, step->effects_or_null);
    bool agrees = storm_settle(oracle, step->effects_or_null);
    if (!compare(oracle, step->effects_or_null) || !agrees)
        return strbuf_text(&oracle->complaint);
    return NULL;
}

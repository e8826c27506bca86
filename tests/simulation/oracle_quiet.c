/* Quiet hours, the fourth of rule 14, as they are written in policies/README.md: looked up minute by minute, by clocks that
 * show UTC. */
#include "gateway/base/assert.h"
#include "tests/simulation/oracle_storm.h"

enum { MINUTE_MS = 60000, DAY_MINUTES = 1440, WEEK_DAYS = 7, FIRST_WEEKDAY = 4 /* of 1970 */ };

static bool is_night(const struct hours *quiet, int64_t wall_ms)
{
    int64_t minute = wall_ms / MINUTE_MS % DAY_MINUTES;
    int64_t day = wall_ms / MINUTE_MS / DAY_MINUTES + FIRST_WEEKDAY;
    int today = (int)(day % WEEK_DAYS);
    int yesterday = (int)((day - 1) % WEEK_DAYS);
    for (size_t i = 0; i < quiet->span_count; i++) {
        const struct hours_span *span = &quiet->spans[i];
        bool wraps = span->until_minute <= span->from_minute;
        bool begun = (span->days >> today & 1) != 0 && minute >= span->from_minute;
        bool left = (span->days >> yesterday & 1) != 0 && minute < span->until_minute;
        if ((begun && (wraps || minute < span->until_minute)) || (wraps && left))
            return true;
    }
    return false;
}

bool sleep_is_urgent(const struct o_incident *o)
{
    return o->severity == SEVERITY_CRITICAL || o->priority == 1;
}

int64_t sleep_out_ms(const struct oracle *oracle, const char *name, bool urgent, int64_t at_ms)
{
    const struct contact *contact = rulebook_contact(oracle->book, name);
    int64_t wall_ms = at_ms + oracle->wall_offset_ms;
    if (contact == NULL || contact->quiet == NULL || urgent || !is_night(contact->quiet, wall_ms))
        return at_ms;
    while (is_night(contact->quiet, wall_ms))
        wall_ms += MINUTE_MS - wall_ms % MINUTE_MS;
    return wall_ms - oracle->wall_offset_ms;
}

/* For the morning: not for another attempt, nor for the next token of a bucket. What this very move lets go still waits. */
static bool waits(const struct oracle *oracle, const struct o_message *m)
{
    return m->deferred && m->state == NOTIFICATION_PENDING && m->attempts == 0 && m->digest == 0 &&
           (m->next_ms > oracle->now_ms || m->let_go == oracle->moves + 1);
}

static void withdraw(struct oracle *oracle, const struct o_incident *o, struct o_message *m)
{
    m->state = NOTIFICATION_CANCELLED;
    oracle_expectf(oracle, o, "cancel %llu %s", (unsigned long long)m->id,
                   m->id == 0 ? m->contact : "");
}

void sleep_withdraw(struct oracle *oracle, struct o_incident *o)
{
    for (struct o_message *m = o->messages; m != NULL; m = m->next) {
        if (m->kind == KIND_REMINDER && m->talk == 0 && waits(oracle, m)) {
            if (m->id == 0 && m->move == oracle->moves)
                oracle_unsend(oracle, o, m);
            else
                withdraw(oracle, o, m);
        }
    }
}

bool sleep_is_put_off(const struct o_incident *o, enum notification_kind kind, int talk,
                      const char *contact)
{
    for (const struct o_message *m = o->messages; m != NULL; m = m->next) {
        if (m->kind == kind && m->talk == talk && text_equal(m->contact, contact) && m->deferred &&
            m->state == NOTIFICATION_PENDING && m->attempts == 0)
            return true;
    }
    return false;
}

void sleep_withdraw_request(struct oracle *oracle, struct o_incident *o, int talk,
                            const char *but_not)
{
    for (struct o_message *m = o->messages; m != NULL; m = m->next) {
        if (m->kind == KIND_REMINDER && m->talk == talk && waits(oracle, m) &&
            !text_equal(m->contact, but_not))
            withdraw(oracle, o, m);
    }
}

/* Also what this very moment has let go. */
void sleep_withdraw_fallback(struct oracle *oracle, struct o_incident *o, bool anew)
{
    for (struct o_message *m = o->messages; anew && m != NULL; m = m->next) {
        if (m->kind == KIND_PAGE && m->step != NULL && text_equal(m->step, "fallback") &&
            m->deferred && m->state == NOTIFICATION_PENDING && m->attempts == 0 && m->digest == 0) {
            if (m->id == 0 && m->move == oracle->moves)
                oracle_unsend(oracle, o, m);
            else
                withdraw(oracle, o, m);
        }
    }
}

static void hasten(struct oracle *oracle, struct o_incident *o, struct o_message *m, int64_t at_ms)
{
    m->next_ms = at_ms;
    m->let_go = oracle->moves + 1;
    oracle_expectf(oracle, o, "hasten %llu +%lld", (unsigned long long)m->id,
                   (long long)(at_ms - oracle->now_ms));
}

void sleep_hasten(struct oracle *oracle, struct o_incident *o, struct o_message *m)
{
    int64_t at_ms = sleep_out_ms(oracle, m->contact, sleep_is_urgent(o), oracle->now_ms);
    if (m->digest == 0 && at_ms < m->next_ms)
        hasten(oracle, o, m, at_ms);
}

void sleep_shift(struct oracle *oracle, struct o_incident *o, const struct o_planned *planned,
                 int64_t first_ms)
{
    ladder_move_plan(o, first_ms - planned->at_ms);
    oracle_expectf(oracle, o, "note deferred %s %lld", o->policy->steps[planned->step].name,
                   (long long)first_ms);
}

/* By how much what waits for this person comes sooner; 0: not at all. What is not urgent keeps the distance of its way. */
static int64_t gain_of(const struct oracle *oracle, const struct o_incident *o, const char *contact)
{
    const struct o_message *first = NULL;
    bool urgent = sleep_is_urgent(o);
    for (const struct o_message *m = o->messages; m != NULL; m = m->next) {
        if (waits(oracle, m) && text_equal(m->contact, contact) &&
            (first == NULL || m->next_ms < first->next_ms))
            first = m;
    }
    if (first == NULL)
        return 0;
    int64_t out_ms = sleep_out_ms(oracle, contact, urgent, oracle->now_ms);
    bool is_earlier = first->step != NULL && text_equal(first->step, "fallback") &&
                      (first->paging != o->paging || first->climb != o->climb);
    out_ms += urgent || is_earlier ? 0 : first->after_ms;
    out_ms = sleep_out_ms(oracle, contact, urgent, out_ms);
    return out_ms < first->next_ms ? first->next_ms - out_ms : 0;
}

void sleep_release(struct oracle *oracle, struct o_incident *o)
{
    int64_t first_ms = INT64_MAX;
    int64_t answer_gain_ms = 0;
    for (struct o_message *m = o->messages; m != NULL; m = m->next) {
        if (sleep_is_urgent(o) && m->digest != 0 && m->state == NOTIFICATION_PENDING)
            storm_hurry(oracle, m->digest);
    }
    for (struct o_message *m = o->messages; m != NULL; m = m->next)
        /* What was made in this very step goes by the hours that are in force already. */
        m->gain_ms = waits(oracle, m) && (m->id != 0 || sleep_is_urgent(o))
                         ? gain_of(oracle, o, m->contact)
                         : 0;
    for (struct o_message *m = o->messages; m != NULL; m = m->next) {
        int64_t at_ms =
            sleep_out_ms(oracle, m->contact, sleep_is_urgent(o), m->next_ms - m->gain_ms);
        m->gain_ms = at_ms < m->next_ms ? m->next_ms - at_ms : 0;
        if (m->gain_ms == 0 || !waits(oracle, m))
            continue;
        hasten(oracle, o, m, at_ms);
        talks_sooner(o, m);
        if (m->paging != 0 && m->paging == o->paging && m->climb == o->climb &&
            m->next_ms < first_ms)
            first_ms = m->next_ms;
        if (m->kind == KIND_PAGE)
            answer_gain_ms = m->gain_ms;
    }
    if (o->answer_until_ms != 0)
        o->answer_until_ms -= answer_gain_ms;
    if (first_ms == INT64_MAX || o->state != INCIDENT_TRIGGERED)
        return;
    if (o->latest_level < 0 && o->latest_at_ms > oracle->now_ms)
        ladder_move_plan(o, first_ms - o->latest_at_ms);
    if (o->reach_until_ms > first_ms + o->policy->reach_within_ms)
        o->reach_until_ms = first_ms + o->policy->reach_within_ms;
}

void sleep_release_all(struct oracle *oracle)
{
    for (struct o_incident *o = oracle->incidents; o != NULL; o = o->next) {
        bool any = false;
        for (const struct o_message *m = o->messages; m != NULL; m = m->next)
            any = any || waits(oracle, m);
        if (!any || !o->live)
            continue;
        ladder_look_back(oracle, o);
        sleep_release(oracle, o);
        ladder_time(oracle, o);
    }
    for (struct o_message *m = oracle->nobodys.messages; m != NULL; m = m->next) {
        int64_t at_ms = sleep_out_ms(oracle, m->contact, false, oracle->now_ms);
        if (waits(oracle, m) && at_ms < m->next_ms)
            hasten(oracle, &oracle->nobodys, m, at_ms);
    }
}

/* "One that was never tried counts from when it was due." */
int64_t quiet_unsent_since_ms(const struct o_incident *o)
{
    int64_t due_ms = INT64_MAX;
    for (const struct o_message *m = o->messages; m != NULL; m = m->next) {
        if (m->paging != o->paging)
            continue;
        if (m->attempts > 0 || m->digest != 0)
            return o->reach_until_ms;
        due_ms = m->next_ms < due_ms ? m->next_ms : due_ms;
    }
    return due_ms > o->row_at_ms ? due_ms : o->row_at_ms;
}

/* The rules of policies/README.md, each as it is written there: slow, plain, and without a look at how the engine does it. */
#include <string.h>

#include "gateway/base/assert.h"
#include "tests/simulation/oracle_storm.h"

#define LATE_MS 30000
#define NEVER_MS INT64_MAX

static int64_t at_least(int64_t value, int64_t least)
{
    return value > least ? value : least;
}

static int64_t at_most(int64_t value, int64_t most)
{
    return value < most ? value : most;
}

static bool is_under_way(const struct o_message *m)
{
    return m->state == NOTIFICATION_PENDING || m->state == NOTIFICATION_CLAIMED;
}

static bool was_taken(const struct o_message *m)
{
    return m->state == NOTIFICATION_ACCEPTED || m->state == NOTIFICATION_DELIVERED;
}

static bool was_handed_over(const struct o_message *m)
{
    return was_taken(m) || m->state == NOTIFICATION_CLAIMED ||
           (m->attempts > 0 && m->state != NOTIFICATION_FAILED);
}

/* Rule 4: absolute times, for every page step of every climb, and what follows the last one. */
static void write_plan(struct o_incident *o, int64_t anchor_ms, int64_t climbs)
{
    const struct policy *policy = o->policy;
    int64_t first_ms = -1;
    int64_t start_ms = anchor_ms;
    o->plan_count = 0;
    for (int64_t c = 0; c < climbs; c++) {
        int64_t at_ms = anchor_ms;
        int64_t end_ms = 0;
        for (size_t i = 0; i < policy->step_count; i++) {
            if (policy->steps[i].kind == STEP_PAGE) {
                first_ms = first_ms < 0 ? at_ms - anchor_ms : first_ms;
                int64_t run_ms = start_ms + (at_ms - anchor_ms) - (c > 0 ? first_ms : 0);
                ASSERT(o->plan_count < PLAN_MAX - 1);
                o->plan[o->plan_count++] =
                    (struct o_planned){run_ms, (int)i, o->climb + (int32_t)c};
                end_ms = run_ms + at_least(policy->steps[i].wait_ms, 1000);
            }
            at_ms += policy->steps[i].wait_ms;
        }
        start_ms = end_ms;
    }
    o->plan[o->plan_count++] = (struct o_planned){start_ms, OPEN_END, 0};
}

void ladder_move_plan(struct o_incident *o, int64_t by_ms)
{
    o->latest_at_ms += by_ms;
    for (size_t i = 0; i < o->plan_count; i++)
        o->plan[i].at_ms += by_ms;
}

static void drop_first(struct o_incident *o)
{
    ASSERT(o->plan_count > 0);
    o->plan_count--;
    memmove(o->plan, o->plan + 1, o->plan_count * sizeof(o->plan[0]));
}

void ladder_prepare(struct o_incident *o, int64_t anchor_ms)
{
    o->state = INCIDENT_HELD;
    o->mark = "";
    o->owner = "";
    o->acked_at_ms = o->resolved_at_ms = o->ack_until_ms = o->eta_ms = o->slips = 0;
    o->by_person = o->left_held = o->reminded = o->exhausted = false;
    o->reach_until_ms = o->fallback_at_ms = o->reminder_at_ms = o->answer_until_ms = 0;
    fields_end(o);
    for (int part = 0; part < PART_COUNT; part++)
        o->parts[part] = o->parts[part] != NULL ? o->parts[part] : "";
    o->author = o->author != NULL ? o->author : "";
    o->acked_severity = SEVERITY_INFO;
    o->hold_until_ms = anchor_ms;
    o->climb = o->first_climb = o->climb + 1;
    o->paging = 0;
    o->was_paged = false;
    o->passed = NULL;
    write_plan(o, anchor_ms, o->policy->repeat + 1);
    int64_t at_ms = anchor_ms;
    for (size_t i = 0; i < o->policy->step_count; i++) {
        o->told_at_ms[i] = at_ms;
        o->told[i] = o->policy->steps[i].kind == STEP_PAGE;
        at_ms += o->policy->steps[i].wait_ms;
    }
}

void ladder_begin(struct oracle *oracle, struct o_incident *o, bool again)
{
    talks_reopen(oracle, o);
    bool flaps = again && flapping_change(oracle, o);
    ladder_prepare(o, oracle->now_ms + (flaps ? 0 : o->policy->hold_ms));
    oracle_expect(oracle, o, again ? "note reopened" : "note opened");
    suppression_look(oracle, o);
    ladder_time(oracle, o);
}

void ladder_start_now(struct oracle *oracle, struct o_incident *o)
{
    int64_t at_ms = oracle->now_ms;
    write_plan(o, at_ms, o->policy->repeat + 1);
    for (size_t i = 0; i < o->policy->step_count; i++) {
        o->told_at_ms[i] = at_ms;
        at_ms += o->policy->steps[i].wait_ms;
    }
    o->state = INCIDENT_TRIGGERED;
    o->left_held = true;
}

static void start_paging(struct oracle *oracle, struct o_incident *o, const struct o_people *people,
                         const char *step, int level)
{
    o->paging = ++oracle->pagings;
    o->was_paged = true;
    o->passed = NULL;
    o->latest_level = level;
    int64_t first_ms = ladder_send_all(oracle, o, people, KIND_PAGE, step);
    o->reach_until_ms = first_ms + o->policy->reach_within_ms;
}

/* Answers when it goes out: now, or in the morning where all of them sleep. */
static int64_t page_fallback(struct oracle *oracle, struct o_incident *o, int from)
{
    o->reach_until_ms = 0;
    for (int level = from; level < 3; level++) {
        struct o_people people = people_of_level(oracle, o, level);
        if (people_is_empty(&people))
            continue;
        oracle_expectf(oracle, o, "note fallback %d", o->climb);
        sleep_withdraw_fallback(oracle, o, from == 0);
        start_paging(oracle, o, &people, "fallback", level);
        return oracle->all_wait ? o->reach_until_ms - o->policy->reach_within_ms : oracle->now_ms;
    }
    oracle_expect(oracle, o, "note fallback-unreachable");
    return oracle->now_ms;
}

static bool next_is_in_climb(const struct o_incident *o)
{
    return o->plan_count > 0 && o->plan[0].step != OPEN_END && o->plan[0].climb == o->climb;
}

/* The first planned page step runs now; where it names nobody the fallback hears of it, and the ladder moves on at once. */
static void run_page(struct oracle *oracle, struct o_incident *o)
{
    bool fallback_knows = false;
    for (;;) {
        struct o_planned planned = o->plan[0];
        const struct step *step = &o->policy->steps[planned.step];
        struct o_people people = {0};
        drop_first(o);
        o->reach_until_ms = 0;
        people_find(oracle, o, step->targets, step->target_count, &people);
        if (!people_is_empty(&people)) {
            oracle_expectf(oracle, o, "note step %s %d", step->name, o->climb);
            o->latest_step = planned.step;
            o->latest_at_ms = planned.at_ms;
            start_paging(oracle, o, &people, step->name, -1);
            if (oracle->all_wait)
                sleep_shift(oracle, o, &planned, o->reach_until_ms - o->policy->reach_within_ms);
            return;
        }
        oracle_expectf(oracle, o, "note nobody %s %d", step->name, o->climb);
        if (!fallback_knows)
            (void)page_fallback(oracle, o, 0);
        fallback_knows = true;
        if (!next_is_in_climb(o))
            return;
        ladder_move_plan(o, oracle->now_ms - o->plan[0].at_ms);
    }
}

static void exhaust(struct oracle *oracle, struct o_incident *o)
{
    o->plan_count = 0;
    o->exhausted = true;
    oracle_expectf(oracle, o, "note exhausted %d", o->climb);
    o->fallback_at_ms = page_fallback(oracle, o, 0) + at_least(o->policy->fallback_every_ms, 1000);
}

/* Nobody of a new climb has been paged yet. */
static void forget_paging(struct o_incident *o)
{
    o->paging = 0;
    o->passed = NULL;
}

static void start_climb(struct oracle *oracle, struct o_incident *o)
{
    o->climb = o->plan[0].climb;
    forget_paging(o);
    oracle_expectf(oracle, o, "note climb %d", o->climb);
}

/* Rules 8 to 10: the next page step now, in this climb or the next; else exhaustion. */
void ladder_advance(struct oracle *oracle, struct o_incident *o)
{
    if (o->mark[0] != '\0')
        return;
    if (o->plan_count == 0 || o->plan[0].step == OPEN_END) {
        exhaust(oracle, o);
        return;
    }
    if (!next_is_in_climb(o))
        start_climb(oracle, o);
    ladder_move_plan(o, oracle->now_ms - o->plan[0].at_ms);
    run_page(oracle, o);
}

/* Nobody of the latest step is left: the one below, or the fallback; no new climb before its time. */
static void run_below(struct oracle *oracle, struct o_incident *o)
{
    o->reach_until_ms = 0;
    if (o->mark[0] != '\0')
        return;
    if (!next_is_in_climb(o)) {
        (void)page_fallback(oracle, o, 0);
        return;
    }
    ladder_move_plan(o, oracle->now_ms - o->plan[0].at_ms);
    run_page(oracle, o);
}

static void run_unreached(struct oracle *oracle, struct o_incident *o)
{
    o->reach_until_ms = 0;
    if (o->mark[0] != '\0')
        return;
    if (o->latest_level >= 0) {
        (void)page_fallback(oracle, o, o->latest_level + 1);
        return;
    }
    oracle_expectf(oracle, o, "note unreached %s %d", o->policy->steps[o->latest_step].name,
                   o->climb);
    run_below(oracle, o);
}

/* Rules 7 and 12: everybody who was paged (or informed) is told once. */
void ladder_tell_all(struct oracle *oracle, struct o_incident *o, bool informed,
                     const char *but_not)
{
    struct o_name *done = NULL;
    const struct o_message *end = NULL;
    for (const struct o_message *m = o->messages; m != NULL; m = m->next)
        end = m;
    for (struct o_message *m = o->messages; m != NULL; m = m->next) {
        bool informs = m->kind == KIND_INFORM || m->kind == KIND_ASK;
        bool paged = m->kind == KIND_PAGE && was_handed_over(m);
        bool is_told =
            informed && informs && (was_handed_over(m) || m->state == NOTIFICATION_PENDING);
        if (m->climb >= o->first_climb && (paged || is_told) && !text_equal(m->contact, but_not) &&
            !names_have(done, m->contact)) {
            names_add(oracle, &done, m->contact);
            ladder_tell(oracle, o, KIND_NOTICE, m->contact);
        }
        if (m == end)
            break;
    }
}

void ladder_end_ack(struct oracle *oracle, struct o_incident *o)
{
    o->state = INCIDENT_TRIGGERED;
    o->owner = "";
    o->ack_until_ms = o->eta_ms = o->reminder_at_ms = o->answer_until_ms = 0;
    fields_end(o);
    o->reminded = false;
    ladder_cancel(oracle, o, KIND_REMINDER, NULL);
    oracle_expect(oracle, o, "note triggered");
}

static void remind(struct oracle *oracle, struct o_incident *o)
{
    const char *whom = o->owner;
    o->reminder_at_ms = 0;
    /* Nobody is asked to renew what ends in the same moment. */
    if (o->ack_until_ms <= oracle->now_ms ||
        (o->answer_until_ms != 0 && o->answer_until_ms <= oracle->now_ms))
        return;
    o->reminded = true;
    fields_promised(oracle, o);
    if (rulebook_contact(oracle->book, whom) == NULL) {
        whom = "";
        for (const struct o_message *m = o->messages; m != NULL; m = m->next)
            whom = m->kind == KIND_PAGE && was_handed_over(m) ? m->contact : whom;
    }
    if (whom[0] == '\0') {
        oracle_expect(oracle, o, "note nobody");
        return;
    }
    if (o->ask_at_ms <= oracle->now_ms)
        fields_end(o); /* the reminder asks for all of it */
    oracle_expectf(oracle, o, "note reminder %s", whom);
    ladder_tell(oracle, o, KIND_REMINDER, whom);
}

static void lapse(struct oracle *oracle, struct o_incident *o)
{
    if (o->eta_ms != 0)
        oracle_expectf(oracle, o, "note eta-missed %s %lld", o->owner, (long long)++o->slips);
    else
        oracle_expectf(oracle, o, "note ack-timeout %s", o->owner);
    ladder_end_ack(oracle, o);
    ladder_advance(oracle, o);
}

enum thing {
    NOTHING,
    HOLD_OVER,
    PAGE,
    TOLD,
    UNREACHED,
    FALLBACK,
    ANSWER,
    LAPSE,
    REMINDER,
    MISSING,
    CALM,
    TALK
};

struct next {
    enum thing thing;
    int64_t at_ms;
    size_t step;
};

static void consider(struct next *next, enum thing thing, int64_t at_ms, size_t step)
{
    if (at_ms < next->at_ms)
        *next = (struct next){thing, at_ms, step};
}

static int64_t told_ms(const struct o_incident *o, size_t i)
{
    bool resolved = o->state == INCIDENT_RESOLVED;
    if (o->told[i] || o->state == INCIDENT_HELD || o->mark[0] != '\0')
        return NEVER_MS;
    switch (o->policy->steps[i].when) {
    case WHEN_UNACKED:
        return NEVER_MS; /* the configuration lets no inform step be so */
    case WHEN_UNRESOLVED:
        return resolved ? NEVER_MS : o->told_at_ms[i];
    case WHEN_ACKED:
        return resolved || o->acked_at_ms == 0 ? NEVER_MS
                                               : at_least(o->told_at_ms[i], o->acked_at_ms);
    case WHEN_RESOLVED:
        return !resolved || !o->left_held
                   ? NEVER_MS
                   : at_least(o->told_at_ms[i], o->resolved_at_ms + o->policy->reopen_within_ms);
    }
    return NEVER_MS;
}

static struct next find_next(const struct o_incident *o)
{
    struct next next = {NOTHING, NEVER_MS, 0};
    bool triggered = o->state == INCIDENT_TRIGGERED && o->mark[0] == '\0';
    bool acked = o->state == INCIDENT_ACKNOWLEDGED;
    if (o->state == INCIDENT_HELD)
        consider(&next, HOLD_OVER, o->hold_until_ms, 0);
    bool is_running = o->state == INCIDENT_TRIGGERED || acked;
    if (is_running && o->calm_at_ms != 0)
        consider(&next, CALM, o->calm_at_ms, 0);
    if (acked && o->answer_until_ms != 0)
        consider(&next, ANSWER, o->answer_until_ms, 0);
    if (acked)
        consider(&next, LAPSE, o->ack_until_ms, 0);
    if (acked && o->reminder_at_ms != 0)
        consider(&next, REMINDER, o->reminder_at_ms, 0);
    if (acked && o->ask_at_ms != 0)
        consider(&next, MISSING, o->ask_at_ms, 0);
    for (size_t i = 0; i < o->policy->step_count; i++) {
        bool is_next = triggered && next_is_in_climb(o) && o->plan[0].step == (int)i;
        consider(&next, is_next ? PAGE : TOLD, is_next ? o->plan[0].at_ms : told_ms(o, i), i);
    }
    if (triggered && !next_is_in_climb(o) && o->plan_count > 0)
        consider(&next, PAGE, o->plan[0].at_ms, 0);
    if (triggered && o->reach_until_ms != 0)
        consider(&next, UNREACHED, o->reach_until_ms, 0);
    if (triggered && o->exhausted && o->fallback_at_ms != 0)
        consider(&next, FALLBACK, o->fallback_at_ms, 0);
    consider(&next, TALK, talks_next_ms(o), 0);
    return next;
}

static void run_planned(struct oracle *oracle, struct o_incident *o)
{
    if (o->plan[0].step == OPEN_END) {
        exhaust(oracle, o);
        return;
    }
    if (!next_is_in_climb(o))
        start_climb(oracle, o);
    run_page(oracle, o);
}

static void run_told(struct oracle *oracle, struct o_incident *o, size_t index)
{
    const struct step *step = &o->policy->steps[index];
    struct o_people people = {0};
    o->told[index] = true;
    people_find(oracle, o, step->targets, step->target_count, &people);
    bool empty = people_is_empty(&people);
    if (!empty && (step->kind == STEP_ASK || step->require != 0)) {
        talks_begin(oracle, o, index, &people);
        return;
    }
    oracle_expectf(oracle, o, "note %s %s %d", empty ? "nobody" : "step", step->name, o->climb);
    if (!empty)
        (void)ladder_send_all(oracle, o, &people, KIND_INFORM, step->name);
}

static bool paging_is_open(const struct o_incident *o)
{
    bool open = false;
    for (const struct o_message *m = o->messages; m != NULL; m = m->next) {
        if (m->paging != o->paging || o->paging == 0)
            continue;
        if (was_taken(m))
            return false;
        open = open || is_under_way(m);
    }
    return open;
}

static void run_one(struct oracle *oracle, struct o_incident *o, struct next next)
{
    bool late = oracle->now_ms - next.at_ms > LATE_MS;
    switch (next.thing) {
    case NOTHING:
        break;
    case HOLD_OVER:
        o->state = INCIDENT_TRIGGERED;
        o->left_held = true;
        oracle_expect(oracle, o, "note triggered");
        break;
    case PAGE:
        run_planned(oracle, o);
        break;
    case TOLD:
        run_told(oracle, o, next.step);
        break;
    case UNREACHED:
        run_unreached(oracle, o);
        break;
    case FALLBACK: {
        int64_t out_ms = page_fallback(oracle, o, 0);
        o->fallback_at_ms = (late || oracle->all_wait ? out_ms : next.at_ms) +
                            at_least(o->policy->fallback_every_ms, 1000);
        break;
    }
    case ANSWER:
        oracle_expectf(oracle, o, "note no-answer %s", o->owner);
        ladder_end_ack(oracle, o);
        ladder_advance(oracle, o);
        break;
    case LAPSE:
        lapse(oracle, o);
        break;
    case REMINDER:
        remind(oracle, o);
        break;
    case CALM:
        flapping_calm(oracle, o);
        break;
    case TALK:
        talks_time(oracle, o);
        break;
    case MISSING:
        fields_ask(oracle, o);
        break;
    }
}

/* "The first says how late it is": a hold, a step, the next climb, a paging still to be sent. */
static int64_t first_overdue_ms(const struct o_incident *o, int64_t now_ms)
{
    int64_t first_ms = o->state == INCIDENT_HELD ? o->hold_until_ms : NEVER_MS;
    for (size_t i = 0; i < o->policy->step_count; i++)
        first_ms = at_most(first_ms, told_ms(o, i));
    if (o->state != INCIDENT_TRIGGERED || o->mark[0] != '\0')
        return first_ms;
    if (o->plan_count > 0 && o->plan[0].step != OPEN_END)
        first_ms = at_most(first_ms, o->plan[0].at_ms);
    if (o->reach_until_ms != 0 && now_ms - o->reach_until_ms > LATE_MS && paging_is_open(o))
        first_ms = at_most(first_ms, quiet_unsent_since_ms(o));
    return first_ms;
}

/* After an outage, once: what has ended is over, and the plan moves by what its first overdue thing is late. */
void ladder_look_back(struct oracle *oracle, struct o_incident *o)
{
    int64_t now_ms = oracle->now_ms;
    if (o->looked_at_ms == now_ms)
        return;
    o->looked_at_ms = now_ms;
    if ((o->state == INCIDENT_TRIGGERED || o->state == INCIDENT_ACKNOWLEDGED) &&
        o->calm_at_ms != 0 && o->calm_at_ms <= now_ms) {
        o->looks_back = true; /* nothing is due before it is known how late it all is */
        flapping_calm(oracle, o);
        o->looks_back = false;
    }
    int64_t late_ms = now_ms - first_overdue_ms(o, now_ms);
    if (late_ms <= LATE_MS)
        return;
    ladder_move_plan(o, late_ms);
    for (size_t i = 0; i < o->policy->step_count; i++)
        o->told_at_ms[i] += late_ms;
    if (o->state == INCIDENT_HELD)
        o->hold_until_ms = now_ms;
    if (o->reach_until_ms != 0 && now_ms - o->reach_until_ms > LATE_MS && paging_is_open(o))
        o->reach_until_ms = now_ms + o->policy->reach_within_ms;
}

int64_t ladder_next_ms(const struct o_incident *o)
{
    return find_next(o).at_ms;
}

void ladder_time(struct oracle *oracle, struct o_incident *o)
{
    if (o->looks_back)
        return;
    ladder_look_back(oracle, o);
    for (int i = 0; i < 1000; i++) {
        struct next next = find_next(o);
        if (next.at_ms > oracle->now_ms) {
            oracle->moves++;
            return;
        }
        run_one(oracle, o, next);
    }
    ASSERT(o == NULL); /* the rules go in circles */
}

void ladder_new_climb(struct oracle *oracle, struct o_incident *o, int64_t left)
{
    int64_t first_ms = 0;
    for (size_t i = 0; o->policy->steps[i].kind != STEP_PAGE; i++)
        first_ms += o->policy->steps[i].wait_ms;
    o->exhausted = false;
    o->fallback_at_ms = 0;
    o->climb++;
    forget_paging(o);
    write_plan(o, oracle->now_ms - first_ms, left + 1);
    oracle_expectf(oracle, o, "note climb %d", o->climb);
}

void ladder_failed(struct oracle *oracle, struct o_incident *o, struct o_message *failed)
{
    ladder_look_back(oracle, o);
    talks_failed(oracle, o, failed);
    if (failed->kind != KIND_PAGE || o->state != INCIDENT_TRIGGERED) {
        ladder_time(oracle, o);
        return;
    }
    struct o_message *next = NULL;
    bool taken = false;
    for (struct o_message *m = o->messages; m != NULL; m = m->next) {
        if (m->paging == 0 || m->paging != failed->paging)
            continue;
        taken = taken || was_taken(m);
        if (text_equal(m->contact, failed->contact) && m->state == NOTIFICATION_PENDING &&
            m->attempts == 0 && (next == NULL || m->due_ms < next->due_ms))
            next = m;
    }
    if (next != NULL)
        sleep_hasten(oracle, o, next);
    if (failed->paging == o->paging && o->paging != 0) {
        if (!taken && !paging_is_open(o))
            run_unreached(oracle, o);
        else if (o->passed != NULL && o->latest_level < 0 && !ladder_is_somebody_left(o))
            run_below(oracle, o);
        else if (!taken && o->reach_until_ms == 0)
            o->reach_until_ms = oracle->now_ms + o->policy->reach_within_ms;
    }
    ladder_time(oracle, o);
}

#include <string.h>

#include "gateway/base/assert.h"
#include "tests/simulation/oracle_storm.h"

bool names_have(const struct o_name *names, const char *name)
{
    for (; names != NULL; names = names->next) {
        if (text_equal(names->name, name))
            return true;
    }
    return false;
}

void names_add(struct oracle *oracle, struct o_name **names, const char *name)
{
    if (names_have(*names, name))
        return;
    struct o_name *added = arena_alloc(&oracle->arena, sizeof(*added));
    *added = (struct o_name){.next = *names, .name = name};
    *names = added;
}

static void add_contact(const struct oracle *oracle, struct o_people *people, const char *name)
{
    const struct contact *contact = rulebook_contact(oracle->book, name);
    for (size_t i = 0; i < people->contact_count; i++) {
        if (people->contacts[i] == contact)
            return;
    }
    ASSERT(people->contact_count < 32);
    if (contact != NULL)
        people->contacts[people->contact_count++] = contact;
}

static void add_one(const struct oracle *oracle, struct o_people *people,
                    const struct target *target)
{
    if (target->kind == TARGET_CONTACT)
        add_contact(oracle, people, target->name);
    const struct team *team =
        target->kind == TARGET_TEAM ? rulebook_team(oracle->book, target->name) : NULL;
    for (size_t i = 0; team != NULL && i < team->member_count; i++)
        add_contact(oracle, people, team->members[i]);
    const struct schedule *schedule =
        target->kind == TARGET_SCHEDULE ? rulebook_schedule(oracle->book, target->name) : NULL;
    if (schedule == NULL)
        return;
    struct o_duty duty;
    duty_find(oracle, schedule, oracle->now_ms + oracle->wall_offset_ms, &duty);
    for (size_t i = 0; i < duty.count; i++)
        add_contact(oracle, people, duty.names[i]);
}

/* Rule 5: those whom the policy and its fallback name, who was notified, who replied. */
static void add_everyone(const struct oracle *oracle, const struct o_incident *incident,
                         struct o_people *people)
{
    for (size_t s = 0; s < incident->policy->step_count; s++) {
        for (size_t t = 0; t < incident->policy->steps[s].target_count; t++)
            add_one(oracle, people, &incident->policy->steps[s].targets[t]);
    }
    for (size_t t = 0; t < incident->policy->fallback_count; t++)
        add_one(oracle, people, &incident->policy->fallback[t]);
    for (const struct o_message *m = incident->messages; m != NULL; m = m->next)
        add_contact(oracle, people, m->contact);
    for (const struct o_name *n = incident->repliers; n != NULL; n = n->next)
        add_contact(oracle, people, n->name);
}

void people_find(struct oracle *oracle, const struct o_incident *incident,
                 const struct target *targets, size_t count, struct o_people *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct audience *audience = NULL;
        switch (targets[i].kind) {
        case TARGET_CONTACT:
        case TARGET_TEAM:
        case TARGET_SCHEDULE:
            add_one(oracle, out, &targets[i]);
            break;
        case TARGET_EVERYONE:
            add_everyone(oracle, incident, out);
            break;
        case TARGET_AUDIENCE:
            audience = rulebook_audience(oracle->book, targets[i].name);
            ASSERT(out->audience_count < 8);
            if (audience != NULL)
                out->audiences[out->audience_count++] = audience;
            break;
        case TARGET_CHANNEL:
            ASSERT(out->channel_count < 8);
            if (rulebook_has_channel(oracle->book, targets[i].name))
                out->channels[out->channel_count++] = targets[i].name;
            break;
        }
    }
}

bool people_is_empty(const struct o_people *people)
{
    return people->contact_count + people->audience_count + people->channel_count == 0;
}

/* Rule 5: the policy's own fallback, the default's, the default's page targets. */
struct o_people people_of_level(struct oracle *oracle, const struct o_incident *o, int level)
{
    const struct policy *last = oracle->book->default_policy;
    struct o_people people = {0};
    if (level == 0)
        people_find(oracle, o, o->policy->fallback, o->policy->fallback_count, &people);
    if (level == 1 && !text_equal(o->policy->name, last->name))
        people_find(oracle, o, last->fallback, last->fallback_count, &people);
    for (size_t i = 0; level == 2 && i < last->step_count; i++) {
        if (last->steps[i].kind == STEP_PAGE)
            people_find(oracle, o, last->steps[i].targets, last->steps[i].target_count, &people);
    }
    return people;
}

bool ladder_fallback(struct oracle *oracle, const struct o_incident *o, struct o_people *out_people)
{
    for (int level = 0; level < 3; level++) {
        *out_people = people_of_level(oracle, o, level);
        if (!people_is_empty(out_people))
            return true;
    }
    return false;
}

/* Rule 6: each contact by its own rules; audiences and channels at once. */
int64_t ladder_send_all(struct oracle *oracle, struct o_incident *o, const struct o_people *people,
                        enum notification_kind kind, const char *step)
{
    int64_t first_ms = INT64_MAX;
    struct o_message m = {.kind = kind,
                          .climb = o->climb,
                          .paging = kind == KIND_PAGE ? o->paging : 0,
                          .is_new = true,
                          .batch = ++oracle->batches};
    oracle->all_wait = true;
    for (size_t i = 0; i < people->contact_count; i++) {
        const struct contact *contact = people->contacts[i];
        bool page = kind == KIND_PAGE || kind == KIND_APPROVE;
        size_t count = page ? contact->page_count : contact->inform_count;
        bool urgent = sleep_is_urgent(o);
        int64_t out_ms = sleep_out_ms(oracle, contact->name, urgent, oracle->now_ms);
        for (size_t r = 0; r < count; r++) {
            const struct reach_rule *rule = page ? &contact->page[r] : &contact->inform[r];
            m.contact = contact->name;
            m.channel = contact->methods[rule->method].channel;
            m.address = contact->methods[rule->method].address;
            int64_t after_ms = page ? rule->after_ms : 0;
            m.due_ms = sleep_out_ms(oracle, contact->name, urgent, out_ms + after_ms);
            m.after_ms = after_ms;
            m.deferred = m.due_ms > oracle->now_ms + after_ms;
            oracle->all_wait = oracle->all_wait && m.deferred;
            first_ms = m.due_ms < first_ms ? m.due_ms : first_ms;
            m.step = step;
            m.line = step;
            (void)oracle_send(oracle, o, &m);
        }
    }
    oracle->all_wait =
        oracle->all_wait && people->audience_count == 0 && people->channel_count == 0;
    m.due_ms = oracle->now_ms;
    m.deferred = false;
    m.after_ms = 0;
    m.line = step;
    m.step = step;
    for (size_t i = 0; i < people->audience_count; i++) {
        m.contact = arena_printf(&oracle->arena, "&%s", people->audiences[i]->name);
        m.channel = people->audiences[i]->channel;
        for (size_t a = 0; a < people->audiences[i]->address_count; a++) {
            m.address = people->audiences[i]->addresses[a];
            (void)oracle_send(oracle, o, &m);
            first_ms = oracle->now_ms;
        }
    }
    for (size_t i = 0; i < people->channel_count; i++) {
        m.contact = arena_printf(&oracle->arena, "channel:%s", people->channels[i]);
        m.channel = people->channels[i];
        m.address = "";
        (void)oracle_send(oracle, o, &m);
        first_ms = oracle->now_ms;
    }
    return first_ms;
}

/* One message, in the morning where its receiver sleeps. */
void ladder_send_to(struct oracle *oracle, struct o_incident *o, struct o_message *m)
{
    m->due_ms = sleep_out_ms(oracle, m->contact, sleep_is_urgent(o), oracle->now_ms);
    m->deferred = m->due_ms > oracle->now_ms;
    (void)oracle_send(oracle, o, m);
}

/* A message of its own to one receiver, by whatever way that receiver was reached. */
void ladder_tell(struct oracle *oracle, struct o_incident *o, enum notification_kind kind,
                 const char *receiver)
{
    struct o_message m = {
        .kind = kind, .climb = o->climb, .contact = receiver, .channel = "", .address = ""};
    const struct audience *audience =
        receiver[0] == '&' ? rulebook_audience(oracle->book, receiver + 1) : NULL;
    if (audience != NULL) {
        for (size_t a = 0; a < audience->address_count; a++)
            ladder_send_to(oracle, o, &m);
    } else if (text_starts_with(receiver, "channel:") ||
               rulebook_contact(oracle->book, receiver) != NULL) {
        ladder_send_to(oracle, o, &m);
    }
}

void ladder_cancel(struct oracle *oracle, struct o_incident *o, enum notification_kind kind,
                   const char *contact_or_null)
{
    for (struct o_message *m = o->messages; m != NULL; m = m->next) {
        if (m->kind != kind || m->state != NOTIFICATION_PENDING || m->talk != 0 ||
            (contact_or_null != NULL && !text_equal(m->contact, contact_or_null)))
            continue;
        m->state = NOTIFICATION_CANCELLED;
        oracle_expectf(oracle, o, "cancel %llu %s", (unsigned long long)m->id,
                       m->id == 0 ? m->contact : "");
    }
}

void ladder_stop_pages(struct oracle *oracle, struct o_incident *o)
{
    ladder_cancel(oracle, o, KIND_PAGE, NULL);
    ladder_cancel(oracle, o, KIND_REMINDER, NULL);
    o->reach_until_ms = 0;
    o->fallback_at_ms = 0;
}

bool reply_has(const struct reply *reply, enum verb verb)
{
    for (size_t i = 0; i < reply->command_count; i++) {
        if (reply->commands[i].verb == verb)
            return true;
    }
    return false;
}

void ladder_page_owner(struct oracle *oracle, struct o_incident *o)
{
    if ((int)o->severity <= o->acked_severity || o->mark[0] != '\0')
        return;
    size_t first = 0;
    while (o->policy->steps[first].kind != STEP_PAGE)
        first++;
    const char *whom = fields_whom_of(oracle, o);
    o->acked_severity = (int)o->severity;
    o->answer_until_ms = sleep_out_ms(oracle, whom, sleep_is_urgent(o), oracle->now_ms) +
                         o->policy->steps[first].wait_ms;
    ladder_tell(oracle, o, KIND_PAGE, whom);
}

void ladder_accepted(struct oracle *oracle, struct o_incident *o, const struct o_message *m)
{
    ladder_look_back(oracle, o);
    if (o->state == INCIDENT_TRIGGERED && m->paging != 0 && m->paging == o->paging)
        o->reach_until_ms = 0;
    ladder_time(oracle, o);
}

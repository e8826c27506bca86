/* Overrides and hand-overs, told naively: every override that was ever made is kept and tried in order, and after every step
 * it is looked who has duty now. */
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "policies/schedule.h"
#include "tests/simulation/oracle_storm.h"

enum { MINUTE_MS = 60000 };

void duty_begin(struct oracle *oracle)
{
    oracle->nobodys = (struct o_incident){.watched = true};
    oracle->nobodys.last_message = &oracle->nobodys.messages;
}

static bool has(const struct o_duty *duty, const char *name)
{
    for (size_t i = 0; i < duty->count; i++) {
        if (text_equal(duty->names[i], name))
            return true;
    }
    return false;
}

static void without(struct o_duty *duty, size_t index)
{
    duty->count--;
    memmove(&duty->names[index], &duty->names[index + 1],
            (duty->count - index) * sizeof(duty->names[0]));
}

static void stand_in(struct o_duty *duty, const struct o_override *o)
{
    if (o->instead_of[0] == '\0') {
        *duty = (struct o_duty){.names = {o->who}, .count = 1};
        return;
    }
    for (size_t i = 0; i < duty->count; i++) {
        if (!text_equal(duty->names[i], o->instead_of))
            continue;
        if (has(duty, o->who))
            without(duty, i);
        else
            duty->names[i] = o->who;
        return;
    }
}

void duty_find(const struct oracle *oracle, const struct schedule *schedule, int64_t wall_ms,
               struct o_duty *out)
{
    struct duty configured = schedule_on_call(schedule, wall_ms); /* has a reference of its own */
    *out = (struct o_duty){.count = 0};
    for (size_t i = 0; i < configured.count; i++)
        out->names[out->count++] = configured.names[i];
    for (size_t i = 0; i < oracle->override_count; i++) {
        const struct o_override *o = &oracle->overrides[i];
        bool is_now = !o->gone && o->from_ms <= wall_ms && wall_ms < o->until_ms;
        if (is_now && text_equal(o->schedule, schedule->name) &&
            rulebook_contact(oracle->book, o->who) != NULL)
            stand_in(out, o);
    }
}

/* Somebody whose place is taken must have duty at some minute of the time. */
static bool is_possible(const struct oracle *oracle, const struct o_override *o, int64_t wall_ms)
{
    const struct schedule *schedule = rulebook_schedule(oracle->book, o->schedule);
    bool is_known =
        rulebook_contact(oracle->book, o->who) != NULL &&
        (o->instead_of[0] == '\0' || rulebook_contact(oracle->book, o->instead_of) != NULL);
    if (schedule == NULL || !is_known || o->until_ms <= wall_ms || o->from_ms >= o->until_ms ||
        text_equal(o->who, o->instead_of))
        return false;
    if (o->instead_of[0] == '\0')
        return true;
    int64_t at_ms =
        o->from_ms > wall_ms ? o->from_ms : wall_ms; /* what is past cannot be taken over */
    for (; at_ms < o->until_ms; at_ms += MINUTE_MS - at_ms % MINUTE_MS) {
        struct o_duty duty;
        duty_find(oracle, schedule, at_ms, &duty);
        if (has(&duty, o->instead_of))
            return true;
    }
    return false;
}

static struct o_override read(struct oracle *oracle, const struct json *object)
{
    struct o_override o = {
        .schedule = arena_strdup(&oracle->arena, json_string(json_get(object, "schedule"))),
        .who = arena_strdup(&oracle->arena, json_string(json_get(object, "who"))),
        .instead_of = arena_strdup(&oracle->arena, json_string(json_get(object, "instead_of")))};
    ASSERT(parse_rfc3339(json_string(json_get(object, "from")), &o.from_ms, NULL) == 0);
    ASSERT(parse_rfc3339(json_string(json_get(object, "until")), &o.until_ms, NULL) == 0);
    return o;
}

static void take_away(struct oracle *oracle, int64_t number, int64_t wall_ms)
{
    for (size_t i = 0; i < oracle->override_count; i++) {
        struct o_override *o = &oracle->overrides[i];
        if ((int64_t)o->number == number && !o->gone && o->until_ms > wall_ms) {
            o->gone = true;
            oracle_expect(oracle, &oracle->nobodys, "note override-removed");
        }
    }
}

void duty_command(struct oracle *oracle, const char *text)
{
    struct json *root = NULL;
    struct o_override items[2];
    int64_t wall_ms = oracle->now_ms + oracle->wall_offset_ms;
    ASSERT(json_parse(text, strlen(text), &root, NULL) == 0);
    const struct json *list = json_get(root, "overrides");
    size_t count = list != NULL ? json_count(list) : 1;
    int64_t number = json_integer(json_get(root, "remove"));
    if (number != 0) {
        take_away(oracle, number, wall_ms);
        json_free(root);
        return;
    }
    bool is_good = true;
    for (size_t i = 0; i < count; i++) {
        items[i] = read(oracle, list != NULL ? json_at(list, i) : root);
        is_good = is_good && is_possible(oracle, &items[i], wall_ms);
    }
    if (count == 2 && text_equal(items[0].schedule, items[1].schedule) &&
        items[0].from_ms < items[1].until_ms && items[1].from_ms < items[0].until_ms)
        is_good = false;
    for (size_t i = 0; i < count && is_good; i++) {
        ASSERT(oracle->override_count < O_OVERRIDES_MAX);
        items[i].number = oracle->override_count + 1;
        oracle->overrides[oracle->override_count++] = items[i];
        oracle_expect(oracle, &oracle->nobodys, "note override");
    }
    json_free(root);
}

static void tell(struct oracle *oracle, const char *name)
{
    const struct contact *contact = rulebook_contact(oracle->book, name);
    for (size_t i = 0; contact != NULL && i < contact->inform_count; i++) {
        struct o_message m = {.kind = KIND_NOTICE, .contact = name, .channel = "", .address = ""};
        ladder_send_to(oracle, &oracle->nobodys, &m);
    }
}

static void compare_duty(struct oracle *oracle, const struct o_duty *before,
                         const struct o_duty *after)
{
    bool is_same = before->count == after->count;
    for (size_t i = 0; i < before->count; i++)
        is_same = is_same && has(after, before->names[i]);
    if (is_same)
        return;
    oracle_expect(oracle, &oracle->nobodys, "note handover");
    for (size_t i = 0; i < before->count; i++) {
        if (!has(after, before->names[i]))
            tell(oracle, before->names[i]);
    }
    for (size_t i = 0; i < after->count; i++) {
        if (!has(before, after->names[i]))
            tell(oracle, after->names[i]);
    }
}

/* One that has ended is over, whatever the clock shows later. */
static void end_overrides(struct oracle *oracle)
{
    for (size_t i = 0; i < oracle->override_count; i++) {
        struct o_override *o = &oracle->overrides[i];
        o->gone = o->gone || o->until_ms <= oracle->now_ms + oracle->wall_offset_ms;
    }
}

void duty_settle(struct oracle *oracle)
{
    end_overrides(oracle);
    ASSERT(oracle->book->schedule_count <= O_SCHEDULES_MAX);
    for (size_t i = 0; i < oracle->book->schedule_count; i++) {
        const struct schedule *schedule = &oracle->book->schedules[i];
        struct o_duty now;
        if (!schedule->tells_handover)
            continue;
        duty_find(oracle, schedule, oracle->now_ms + oracle->wall_offset_ms, &now);
        if (oracle->is_told[i])
            compare_duty(oracle, &oracle->told[i], &now);
        oracle->told[i] = now;
        oracle->is_told[i] = true;
    }
}

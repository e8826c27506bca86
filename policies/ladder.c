#include "policies/ladder.h"

#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/json.h"

size_t ladder_step_count(const struct policy *policy)
{
    return policy->step_count < LADDER_STEPS_MAX ? policy->step_count : LADDER_STEPS_MAX;
}

int64_t ladder_offset_ms(const struct policy *policy, size_t index)
{
    int64_t offset_ms = 0;
    for (size_t i = 0; i < index; i++)
        offset_ms += policy->steps[i].wait_ms;
    return offset_ms;
}

/* A page step that an older version of the policy has run in this climb. */
static bool is_passed_over(const struct ladder *ladder, const struct policy *policy, size_t index)
{
    return policy->steps[index].kind == STEP_PAGE && ladder_has_run(ladder, index);
}

/* As ladder_offset_ms, for page steps: what is passed over takes no time. */
static int64_t page_offset_ms(const struct ladder *ladder, const struct policy *policy,
                              size_t index)
{
    int64_t offset_ms = ladder_offset_ms(policy, index);
    for (size_t i = 0; i < index && ladder->ran != 0; i++)
        offset_ms -= is_passed_over(ladder, policy, i) ? policy->steps[i].wait_ms : 0;
    return offset_ms;
}

int32_t ladder_first_page(const struct policy *policy)
{
    for (size_t i = 0; i < ladder_step_count(policy); i++) {
        if (policy->steps[i].kind == STEP_PAGE)
            return (int32_t)i;
    }
    return LADDER_NOBODY;
}

int32_t ladder_next_page(const struct ladder *ladder, const struct policy *policy)
{
    ASSERT(ladder->page_from >= 0);
    for (size_t i = (size_t)ladder->page_from; i < ladder_step_count(policy); i++) {
        if (policy->steps[i].kind == STEP_PAGE && !ladder_has_run(ladder, i))
            return (int32_t)i;
    }
    return LADDER_NOBODY;
}

int32_t ladder_find_step(const struct policy *policy, const char *name)
{
    for (size_t i = 0; i < ladder_step_count(policy); i++) {
        if (text_equal(policy->steps[i].name, name))
            return (int32_t)i;
    }
    return LADDER_NOBODY;
}

/* The last one that takes time in this climb. */
static int32_t last_page(const struct ladder *ladder, const struct policy *policy)
{
    int32_t passed_over = LADDER_NOBODY;
    for (size_t i = ladder_step_count(policy); i > 0; i--) {
        if (policy->steps[i - 1].kind != STEP_PAGE)
            continue;
        if (!ladder_has_run(ladder, i - 1))
            return (int32_t)(i - 1);
        if (passed_over < 0)
            passed_over = (int32_t)(i - 1);
    }
    return passed_over;
}

void ladder_open(struct ladder *ladder, struct ladder_later *later, const struct policy *policy,
                 int64_t anchor_ms)
{
    *later = (struct ladder_later){.fallback_count = later->fallback_count};
    *ladder = (struct ladder){
        .anchor_ms = anchor_ms,
        .page_base_ms = anchor_ms,
        .climb = ladder->climb + 1,
        .first_climb = ladder->climb + 1,
        .climbs_left = policy->repeat > INT32_MAX ? INT32_MAX : (int32_t)policy->repeat,
        .serial = ladder->serial,
        .latest = LADDER_NOBODY,
    };
}

void ladder_climb(struct ladder *ladder, struct ladder_later *later, const struct policy *policy,
                  int64_t at_ms)
{
    int32_t first = ladder_first_page(policy);
    ASSERT(first >= 0);
    for (size_t i = 0; i < ladder_step_count(policy); i++) {
        if (policy->steps[i].kind == STEP_PAGE)
            ladder->ran &= ~(UINT64_C(1) << i);
    }
    ladder->climb++;
    ladder->page_from = (int8_t)first;
    ladder->page_base_ms = at_ms - ladder_offset_ms(policy, (size_t)first);
    ladder->exhausted = false;
    later->fallback_at_ms = 0;
}

static int64_t page_due_ms(const struct ladder *ladder, const struct policy *policy, size_t index)
{
    return ladder->page_base_ms + page_offset_ms(ladder, policy, index);
}

int64_t ladder_due_ms(const struct ladder *ladder, const struct ladder_later *later,
                      const struct policy *policy, size_t index)
{
    if (policy->steps[index].kind == STEP_PAGE)
        return page_due_ms(ladder, policy, index);
    int64_t due_ms = ladder->anchor_ms + ladder_offset_ms(policy, index);
    return due_ms > later->told_from_ms ? due_ms : later->told_from_ms;
}

int64_t ladder_repeat_ms(const struct ladder *ladder, const struct policy *policy)
{
    int32_t last = last_page(ladder, policy);
    if (last < 0)
        return INT64_MAX;
    int64_t last_ms = page_due_ms(ladder, policy, (size_t)last);
    int64_t wait_ms = policy->steps[last].wait_ms;
    return last_ms + (wait_ms > LADDER_REPEAT_MIN_MS ? wait_ms : LADDER_REPEAT_MIN_MS);
}

void ladder_move_pages(struct ladder *ladder, const struct policy *policy, size_t index,
                       int64_t now_ms)
{
    ladder->page_base_ms = now_ms - page_offset_ms(ladder, policy, index);
}

void ladder_shift(struct ladder *ladder, int64_t late_ms)
{
    ASSERT(late_ms > 0);
    ladder->anchor_ms += late_ms;
    ladder->page_base_ms += late_ms;
}

/* The page step whose run the times below it count from; LADDER_NOBODY before the first. */
static int32_t page_that_ran_last(const struct ladder *ladder, const struct policy *policy)
{
    int32_t index = ladder->page_from - 1;
    bool is_page = index >= 0 && index < (int32_t)ladder_step_count(policy) &&
                   policy->steps[index].kind == STEP_PAGE;
    return is_page ? index : LADDER_NOBODY;
}

static bool has_had_turn(const struct ladder *ladder, const struct policy *policy, int32_t index)
{
    bool above = policy->steps[index].kind == STEP_PAGE && index < ladder->page_from;
    return above || ladder_has_run(ladder, (size_t)index);
}

/* `here`: where the page step that ran last now stands. Where the next one stands below it, its
 * distance from that run is the new one; otherwise it is due by its place, which is past mostly. */
static void place_pages(struct ladder *ladder, const struct policy *policy, int32_t here,
                        int64_t ran_at_ms, int64_t now_ms)
{
    ladder->page_from = 0;
    int32_t next = ladder_next_page(ladder, policy);
    if (here >= 0 && (next < 0 || next > here)) {
        ladder->page_from = (int8_t)(here + 1);
        for (int32_t i = 0; i <= here; i++) {
            if (policy->steps[i].kind == STEP_PAGE)
                ladder->ran &= ~(UINT64_C(1) << i);
        }
        ladder_move_pages(ladder, policy, (size_t)here, ran_at_ms);
    }
    int64_t due_ms =
        next >= 0 ? page_due_ms(ladder, policy, (size_t)next) : ladder_repeat_ms(ladder, policy);
    if (due_ms < now_ms)
        ladder->page_base_ms += now_ms - due_ms;
}

void ladder_repolicy(struct ladder *ladder, struct ladder_later *later, const struct policy *old,
                     const struct policy *policy, uint64_t sent, int64_t now_ms)
{
    const struct ladder before = *ladder;
    int64_t used = old->repeat - before.climbs_left;
    int64_t left = policy->repeat - (used > 0 ? used : 0);
    int32_t last = page_that_ran_last(&before, old);
    int32_t here = last >= 0 ? ladder_find_step(policy, old->steps[last].name) : LADDER_NOBODY;
    if (here >= 0 && policy->steps[here].kind != STEP_PAGE)
        here = LADDER_NOBODY;
    ladder->ran = sent;
    for (size_t i = 0; i < ladder_step_count(policy); i++) {
        int32_t then = ladder_find_step(old, policy->steps[i].name);
        if (then >= 0 && has_had_turn(&before, old, then))
            ladder_mark_run(ladder, i);
    }
    if (before.latest >= 0) {
        int32_t latest = ladder_find_step(policy, old->steps[before.latest].name);
        bool is_page = latest >= 0 && policy->steps[latest].kind == STEP_PAGE;
        ladder->latest = (int8_t)(is_page ? latest : LADDER_NOBODY);
    }
    ladder->climbs_left = left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int32_t)left;
    later->told_from_ms = now_ms;
    place_pages(ladder, policy, here, last >= 0 ? page_due_ms(&before, old, (size_t)last) : 0,
                now_ms);
    bool goes_on = ladder_next_page(ladder, policy) >= 0 ||
                   (ladder->climbs_left > 0 && ladder_first_page(policy) >= 0);
    if (ladder->exhausted && goes_on) {
        ladder->exhausted = false;
        later->fallback_at_ms = 0;
    }
}

enum { MINUTE_MS = 60000 };

size_t ladder_promise_count(const struct ladder_later *later)
{
    size_t count = 0;
    while (later->promises != NULL && count < LADDER_PROMISES_MAX &&
           later->promises->minutes[count] != 0)
        count++;
    return count;
}

int32_t ladder_promise_drops(const struct ladder_later *later)
{
    return later->promises != NULL ? later->promises->drops : 0;
}

int64_t ladder_promise_ms(const struct ladder_later *later, size_t index)
{
    ASSERT(index < LADDER_PROMISES_MAX && later->promises != NULL);
    return (int64_t)later->promises->minutes[index] * MINUTE_MS;
}

void ladder_promise(struct ladder_later *later, struct arena *arena, int64_t eta_at_ms)
{
    int64_t minute = eta_at_ms / MINUTE_MS;
    size_t count = ladder_promise_count(later);
    bool is_new = count == 0 || later->promises->minutes[count - 1] != minute;
    if (!is_new || minute <= 0 || minute > INT32_MAX) /* no clock shows the years 1969 and 6054 */
        return;
    struct promises *promises = arena_alloc(arena, sizeof(*promises));
    if (later->promises != NULL)
        *promises = *later->promises;
    if (count == LADDER_PROMISES_MAX) {
        memmove(promises->minutes, promises->minutes + 1,
                (LADDER_PROMISES_MAX - 1) * sizeof(promises->minutes[0]));
        promises->drops++;
        count--;
    }
    promises->minutes[count] = (int32_t)minute;
    later->promises = promises;
}

bool ladder_has_run(const struct ladder *ladder, size_t index)
{
    return (ladder->ran >> index & 1) != 0;
}

void ladder_mark_run(struct ladder *ladder, size_t index)
{
    ASSERT(index < LADDER_STEPS_MAX);
    ladder->ran |= UINT64_C(1) << index;
}

enum field_type { FIELD_I64, FIELD_I32, FIELD_I8, FIELD_BOOL };

/* What is read: the promises stand apart until it is known whether there are any. */
struct reading {
    struct ladder ladder;
    struct ladder_later later;
    struct promises promises;
};

struct ladder_field {
    const char *name;
    enum field_type type;
    size_t offset; /* in a reading */
};

/* Where each one stands, in the order in which they are written. */
#define LADDER_FIELDS(FIELD)                                                                       \
    FIELD("anchor", ladder, anchor_ms, FIELD_I64)                                                  \
    FIELD("page_base", ladder, page_base_ms, FIELD_I64)                                            \
    FIELD("reach_until", ladder, reach_until_ms, FIELD_I64)                                        \
    FIELD("fallback_at", later, fallback_at_ms, FIELD_I64)                                         \
    FIELD("reminder_at", later, reminder_at_ms, FIELD_I64)                                         \
    FIELD("answer_until", later, answer_until_ms, FIELD_I64)                                       \
    FIELD("told_from", later, told_from_ms, FIELD_I64)                                             \
    FIELD("ran", ladder, ran, FIELD_I64)                                                           \
    FIELD("passed", later, passed, FIELD_I64)                                                      \
    FIELD("climb", ladder, climb, FIELD_I32)                                                       \
    FIELD("first_climb", ladder, first_climb, FIELD_I32)                                           \
    FIELD("climbs_left", ladder, climbs_left, FIELD_I32)                                           \
    FIELD("serial", ladder, serial, FIELD_I32)                                                     \
    FIELD("fallback_count", later, fallback_count, FIELD_I32)                                      \
    FIELD("page_from", ladder, page_from, FIELD_I8)                                                \
    FIELD("latest", ladder, latest, FIELD_I8)                                                      \
    FIELD("fallback_level", ladder, fallback_level, FIELD_I8)                                      \
    FIELD("acked_severity", ladder, acked_severity, FIELD_I8)                                      \
    FIELD("exhausted", ladder, exhausted, FIELD_BOOL)                                              \
    FIELD("left_held", ladder, left_held, FIELD_BOOL)                                              \
    FIELD("reminded", ladder, reminded, FIELD_BOOL)                                                \
    FIELD("by_person", ladder, by_person, FIELD_BOOL)

/* Behind those. */
#define PROMISE_FIELDS(FIELD)                                                                      \
    FIELD("eta_drops", promises, drops, FIELD_I32)                                                 \
    FIELD("eta_1", promises, minutes[0], FIELD_I32)                                                \
    FIELD("eta_2", promises, minutes[1], FIELD_I32)                                                \
    FIELD("eta_3", promises, minutes[2], FIELD_I32)                                                \
    FIELD("eta_4", promises, minutes[3], FIELD_I32)                                                \
    FIELD("eta_5", promises, minutes[4], FIELD_I32)                                                \
    FIELD("eta_6", promises, minutes[5], FIELD_I32)                                                \
    FIELD("eta_7", promises, minutes[6], FIELD_I32)                                                \
    FIELD("eta_8", promises, minutes[7], FIELD_I32)                                                \
    FIELD("eta_9", promises, minutes[8], FIELD_I32)                                                \
    FIELD("eta_10", promises, minutes[9], FIELD_I32)                                               \
    FIELD("eta_11", promises, minutes[10], FIELD_I32)                                              \
    FIELD("eta_12", promises, minutes[11], FIELD_I32)                                              \
    FIELD("eta_13", promises, minutes[12], FIELD_I32)                                              \
    FIELD("eta_14", promises, minutes[13], FIELD_I32)                                              \
    FIELD("eta_15", promises, minutes[14], FIELD_I32)                                              \
    FIELD("eta_16", promises, minutes[15], FIELD_I32)

#define FIELD_ENTRY(field_name, part, field, field_type)                                           \
    {.name = (field_name), .type = (field_type), .offset = offsetof(struct reading, part.field)},

static const struct ladder_field ladder_fields[] = {LADDER_FIELDS(FIELD_ENTRY)
                                                        PROMISE_FIELDS(FIELD_ENTRY)};

enum { LADDER_FIELD_COUNT = sizeof(ladder_fields) / sizeof(ladder_fields[0]) };

static int field_set(struct reading *reading, const struct ladder_field *field, int64_t value,
                     struct err *err)
{
    char *place = (char *)reading + field->offset;
    int32_t narrow = (int32_t)value;
    int8_t tiny = (int8_t)value;
    bool flag = value != 0;
    switch (field->type) {
    case FIELD_I64:
        memcpy(place, &value, sizeof(value));
        return 0;
    case FIELD_I32:
        if (value < INT32_MIN || value > INT32_MAX)
            break;
        memcpy(place, &narrow, sizeof(narrow));
        return 0;
    case FIELD_I8:
        if (value < INT8_MIN || value > INT8_MAX)
            break;
        memcpy(place, &tiny, sizeof(tiny));
        return 0;
    case FIELD_BOOL:
        if (value != 0 && value != 1)
            break;
        memcpy(place, &flag, sizeof(flag));
        return 0;
    }
    return err_set(err, ERR_CORRUPT, "ladder: %s is %lld, out of range", field->name,
                   (long long)value);
}

static inline char *put_field(char *to, const char *lead, size_t lead_bytes, int64_t value)
{
    if (value == 0)
        return to;
    memcpy(to, lead, lead_bytes);
    return text_put_i64(to + lead_bytes, value);
}

#define FIELD_BYTES(field_name, part, field, type) +sizeof(field_name) + 3 + TEXT_I64_BYTES
#define PUT_FIELD(field_name, part, field, type)                                                   \
    to = put_field(to, ",\"" field_name "\":", sizeof(field_name) + 3, (int64_t)part->field);

void ladder_write(const struct ladder *ladder, const struct ladder_later *later, struct strbuf *out)
{
    enum { LADDER_BYTES = sizeof("{}") LADDER_FIELDS(FIELD_BYTES) PROMISE_FIELDS(FIELD_BYTES) };
    const struct promises *promises = later->promises;
    char *begin = strbuf_room(out, LADDER_BYTES);
    char *to = begin;
    if (begin == NULL)
        return;
    LADDER_FIELDS(PUT_FIELD)
    if (promises != NULL) {
        PROMISE_FIELDS(PUT_FIELD)
    }
    if (to == begin)
        to++;
    *begin = '{'; /* the first field's comma makes place for it */
    *to = '}';
    strbuf_wrote(out, to + 1);
}

/* One `"name":number` as ladder_write gives it, a field at or behind *which; NULL when it is
 * anything else. */
static const char *read_plain_field(const char *text, size_t *which, struct reading *reading)
{
    enum { DIGITS_MAX = 18 };
    const char *name = text + 1;
    size_t length = text[0] == '"' ? strcspn(name, "\"") : 0;
    const char *c = name + length;
    size_t at = *which;
    while (at < LADDER_FIELD_COUNT && (strncmp(ladder_fields[at].name, name, length) != 0 ||
                                       ladder_fields[at].name[length] != '\0'))
        at++;
    *which = at + 1;
    if (length == 0 || at == LADDER_FIELD_COUNT || c[0] != '"' || c[1] != ':')
        return NULL;
    c += 2;
    bool negative = *c == '-';
    c += negative ? 1 : 0;
    int64_t value = 0;
    int digit_count = 0;
    for (; *c >= '0' && *c <= '9' && digit_count < DIGITS_MAX; c++, digit_count++)
        value = value * 10 + (*c - '0');
    struct err ignored;
    if (digit_count == 0 ||
        field_set(reading, &ladder_fields[at], negative ? -value : value, &ignored) != 0)
        return NULL;
    return c;
}

/* A store of a hundred thousand ladders is read at every start, nearly all as they were written. */
static bool read_plain(const char *text, struct reading *reading)
{
    const char *c = text;
    size_t which = 0;
    if (*c != '{')
        return false;
    do {
        c = read_plain_field(c + 1, &which, reading);
    } while (c != NULL && *c == ',');
    return c != NULL && c[0] == '}' && c[1] == '\0';
}

static int read_tree(const char *text, struct reading *reading, struct err *err)
{
    struct json *root = NULL;
    if (json_parse(text, strlen(text), &root, err) != 0)
        return err_wrap(err, "ladder");
    int verdict = 0;
    for (size_t i = 0; i < LADDER_FIELD_COUNT && verdict == 0; i++) {
        const struct json *value = json_get(root, ladder_fields[i].name);
        if (json_kind(value) == JSON_INTEGER)
            verdict = field_set(reading, &ladder_fields[i], json_integer(value), err);
        else if (json_kind(value) != JSON_ABSENT)
            verdict = err_set(err, ERR_CORRUPT, "ladder: %s is no integer", ladder_fields[i].name);
    }
    json_free(root);
    return verdict;
}

int ladder_read(const char *text, struct arena *arena, struct ladder *out_ladder,
                struct ladder_later *out_later, struct err *err)
{
    struct reading reading = {.ladder = {0}};
    if (!read_plain(text, &reading)) {
        reading = (struct reading){.ladder = {0}};
        if (read_tree(text, &reading, err) != 0)
            return -1;
    }
    struct ladder *ladder = &reading.ladder;
    if (ladder->climb < 1 || ladder->page_from < 0 || ladder->page_from > LADDER_STEPS_MAX ||
        ladder->latest < LADDER_FALLBACK || ladder->latest >= LADDER_STEPS_MAX)
        return err_set(err, ERR_CORRUPT, "ladder: climb or step out of range");
    if (reading.promises.minutes[0] != 0 || reading.promises.drops != 0)
        reading.later.promises = arena_copy(arena, &reading.promises, sizeof(reading.promises));
    *out_ladder = *ladder;
    *out_later = reading.later;
    return 0;
}

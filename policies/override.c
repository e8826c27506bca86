#include "policies/override.h"

#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "policies/schedule.h"

size_t overrides_place(const struct overrides *overrides, uint64_t number)
{
    size_t place = overrides->count;
    while (place > 0 && overrides->items[place - 1].number >= number)
        place--;
    return place;
}

const struct override *overrides_find(const struct overrides *overrides, uint64_t number)
{
    size_t place = overrides_place(overrides, number);
    bool is_there = place < overrides->count && overrides->items[place].number == number;
    return is_there ? &overrides->items[place] : NULL;
}

int override_read(const struct mark_row *mark, struct arena *arena, struct override *out_override,
                  struct err *err)
{
    struct json *root = NULL;
    struct override override = {.made_at_ms = mark->at_ms};
    if (parse_u64(mark->name, 1, UINT64_MAX, &override.number, err) != 0 ||
        json_parse(mark->value, strlen(mark->value), &root, err) != 0)
        return err_wrap(err, "override %s", mark->name);
    override.schedule = arena_strdup(arena, json_string(json_get(root, "schedule")));
    override.who = arena_strdup(arena, json_string(json_get(root, "who")));
    override.instead_of = arena_strdup(arena, json_string(json_get(root, "instead_of")));
    override.made_by = arena_strdup(arena, json_string(json_get(root, "by")));
    int verdict =
        parse_rfc3339(json_string(json_get(root, "from")), &override.from_ms, err) != 0 ||
                parse_rfc3339(json_string(json_get(root, "until")), &override.until_ms, err) != 0
            ? -1
            : 0;
    json_free(root);
    if (verdict != 0)
        return err_wrap(err, "override %s", mark->name);
    if (override.schedule[0] == '\0' || override.who[0] == '\0')
        return err_set(err, ERR_CORRUPT, "override %s: it names no schedule or nobody", mark->name);
    *out_override = override;
    return 0;
}

void override_write(const struct override *override, struct strbuf *out)
{
    struct json_out json;
    json_out_begin(&json, out);
    json_add_object_begin(&json, NULL);
    json_add_string(&json, "schedule", override->schedule);
    json_add_string(&json, "who", override->who);
    if (override->instead_of[0] != '\0')
        json_add_string(&json, "instead_of", override->instead_of);
    json_add_time(&json, "from", override->from_ms);
    json_add_time(&json, "until", override->until_ms);
    json_add_string(&json, "by", override->made_by);
    json_add_object_end(&json);
}

static bool is_in_force(const struct override *override, const struct rulebook *book,
                        const char *schedule, int64_t at_ms)
{
    return at_ms >= override->from_ms && at_ms < override->until_ms &&
           text_equal(override->schedule, schedule) &&
           rulebook_contact(book, override->who) != NULL;
}

/* In the place of one person; who has duty already stays once. */
static void replace(struct duty *duty, const struct override *override, struct arena *arena)
{
    size_t place = 0;
    while (place < duty->count && !text_equal(duty->names[place], override->instead_of))
        place++;
    if (place == duty->count)
        return;
    const char **names = arena_alloc_array(arena, duty->count, sizeof(*names));
    size_t count = 0;
    bool stands = false;
    for (size_t i = 0; i < duty->count; i++) {
        const char *name = i == place ? override->who : duty->names[i];
        bool is_who = text_equal(name, override->who);
        if (!is_who || !stands)
            names[count++] = name;
        stands = stands || is_who;
    }
    *duty = (struct duty){.names = names, .count = count};
}

void overrides_apply(const struct overrides *overrides, const struct rulebook *book,
                     const char *schedule, int64_t at_ms, struct arena *arena, struct duty *duty)
{
    for (size_t i = 0; i < overrides->count; i++) {
        const struct override *override = &overrides->items[i];
        if (!is_in_force(override, book, schedule, at_ms))
            continue;
        if (override->instead_of[0] != '\0')
            replace(duty, override, arena);
        else
            *duty = (struct duty){.names = arena_copy(arena, &override->who, sizeof(override->who)),
                                  .count = 1};
    }
}

int64_t overrides_next_change_ms(const struct overrides *overrides, const char *schedule,
                                 int64_t at_ms)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < overrides->count; i++) {
        const struct override *override = &overrides->items[i];
        if (override->until_ms <= at_ms || !text_equal(override->schedule, schedule))
            continue;
        int64_t change_ms = override->from_ms > at_ms ? override->from_ms : override->until_ms;
        next_ms = change_ms < next_ms ? change_ms : next_ms;
    }
    return next_ms;
}

#include "policies/rulebook.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"

const char *part_name(enum part part)
{
    static const char *const names[PART_COUNT] = {
        [PART_WHAT] = "what", [PART_DOING] = "doing", [PART_AVOID] = "avoid"};
    ASSERT(part < PART_COUNT);
    return names[part];
}
const char *const need_names[NEED_COUNT + 1] = {
    [NEED_ETA] = "eta",
    [NEED_CAUSE] = "cause",
    [NEED_PRIORITY] = "priority",
    [NEED_LOSS] = "loss",
};

/* The other lists are short and seldom asked, so a walk is enough. */
#define RULEBOOK_FIND(list, list_count, wanted)                                                    \
    do {                                                                                           \
        for (size_t i = 0; i < (list_count); i++) {                                                \
            if (text_equal((list)[i].name, (wanted)))                                              \
                return &(list)[i];                                                                 \
        }                                                                                          \
        return NULL;                                                                               \
    } while (0)

/* The first of a name, as a walk would find it. */
#define RULEBOOK_SEARCH(list, order, list_count, wanted)                                           \
    do {                                                                                           \
        size_t low = 0;                                                                            \
        size_t high = (list_count);                                                                \
        while (low < high) {                                                                       \
            size_t middle = low + (high - low) / 2;                                                \
            if (strcmp((list)[(order)[middle]].name, (wanted)) < 0)                                \
                low = middle + 1;                                                                  \
            else                                                                                   \
                high = middle;                                                                     \
        }                                                                                          \
        bool is_there = low < (list_count) && text_equal((list)[(order)[low]].name, (wanted));     \
        return is_there ? &(list)[(order)[low]] : NULL;                                            \
    } while (0)

struct named {
    const char *name;
    uint32_t place;
};

static int compare_named(const void *a, const void *b)
{
    const struct named *left = a;
    const struct named *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : (left->place > right->place) - (left->place < right->place);
}

static const uint32_t *sort(struct named *items, size_t count, struct arena *arena)
{
    uint32_t *order = arena_alloc_array(arena, count + 1, sizeof(*order));
    qsort(items, count, sizeof(*items), compare_named);
    for (size_t i = 0; i < count; i++)
        order[i] = items[i].place;
    return order;
}

void rulebook_sort(struct rulebook *book, struct arena *arena)
{
    ASSERT(book->contact_count < UINT32_MAX && book->source_count < UINT32_MAX);
    struct named *items =
        arena_alloc_array(arena, book->contact_count + book->source_count + 1, sizeof(*items));
    for (size_t i = 0; i < book->contact_count; i++)
        items[i] = (struct named){.name = book->contacts[i].name, .place = (uint32_t)i};
    book->contact_order = sort(items, book->contact_count, arena);
    for (size_t i = 0; i < book->source_count; i++)
        items[i] = (struct named){.name = book->sources[i].name, .place = (uint32_t)i};
    book->source_order = sort(items, book->source_count, arena);
}

const struct contact *rulebook_contact(const struct rulebook *book, const char *name)
{
    if (book->contact_order != NULL)
        RULEBOOK_SEARCH(book->contacts, book->contact_order, book->contact_count, name);
    RULEBOOK_FIND(book->contacts, book->contact_count, name);
}

const struct team *rulebook_team(const struct rulebook *book, const char *name)
{
    RULEBOOK_FIND(book->teams, book->team_count, name);
}

const struct schedule *rulebook_schedule(const struct rulebook *book, const char *name)
{
    RULEBOOK_FIND(book->schedules, book->schedule_count, name);
}

const struct audience *rulebook_audience(const struct rulebook *book, const char *name)
{
    RULEBOOK_FIND(book->audiences, book->audience_count, name);
}

const struct source_rule *rulebook_source(const struct rulebook *book, const char *name)
{
    if (book->source_order != NULL)
        RULEBOOK_SEARCH(book->sources, book->source_order, book->source_count, name);
    RULEBOOK_FIND(book->sources, book->source_count, name);
}

const struct policy *rulebook_policy(const struct rulebook *book, const char *name)
{
    RULEBOOK_FIND(book->policies, book->policy_count, name);
}

struct channel_rule rulebook_channel_rule(const struct rulebook *book, const char *name)
{
    for (size_t i = 0; book->channel_rules != NULL && i < book->channel_count; i++) {
        if (text_equal(book->channels[i], name))
            return book->channel_rules[i];
    }
    return (struct channel_rule){.attempts_max = CHANNEL_ATTEMPTS_DEFAULT,
                                 .horizon_ms = CHANNEL_HORIZON_DEFAULT_MS};
}

bool rulebook_has_channel(const struct rulebook *book, const char *name)
{
    for (size_t i = 0; i < book->channel_count; i++) {
        if (text_equal(book->channels[i], name))
            return true;
    }
    return false;
}

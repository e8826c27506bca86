#include "policies/rulebook.h"

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

/* The lists are short (people, not alerts) and looked up when a step runs, so a walk is enough. */
#define RULEBOOK_FIND(list, list_count, wanted)                                                    \
    do {                                                                                           \
        for (size_t i = 0; i < (list_count); i++) {                                                \
            if (text_equal((list)[i].name, (wanted)))                                              \
                return &(list)[i];                                                                 \
        }                                                                                          \
        return NULL;                                                                               \
    } while (0)

const struct contact *rulebook_contact(const struct rulebook *book, const char *name)
{
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

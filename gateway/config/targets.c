#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/config/build.h"

/* How a kind of target is written; the plain signs of the manual first, then what the canonical
 * text uses so that it reads back without knowing who is a contact and who a team. */
static const struct {
    const char *sign;
    enum target_kind kind;
} signs[] = {
    {.sign = "@", .kind = TARGET_SCHEDULE},       {.sign = "&", .kind = TARGET_AUDIENCE},
    {.sign = "channel:", .kind = TARGET_CHANNEL}, {.sign = "contact:", .kind = TARGET_CONTACT},
    {.sign = "team:", .kind = TARGET_TEAM},
};

static const char *const kind_words[] = {
    [TARGET_CONTACT] = "contact",   [TARGET_TEAM] = "team",       [TARGET_SCHEDULE] = "schedule",
    [TARGET_AUDIENCE] = "audience", [TARGET_CHANNEL] = "channel", [TARGET_EVERYONE] = "everyone",
};

static bool book_has(const struct rulebook *book, enum target_kind kind, const char *name)
{
    switch (kind) {
    case TARGET_CONTACT:
        return rulebook_contact(book, name) != NULL;
    case TARGET_TEAM:
        return rulebook_team(book, name) != NULL;
    case TARGET_SCHEDULE:
        return rulebook_schedule(book, name) != NULL;
    case TARGET_AUDIENCE:
        return rulebook_audience(book, name) != NULL;
    case TARGET_CHANNEL:
        return rulebook_has_channel(book, name);
    case TARGET_EVERYONE:
        return true;
    }
    return false;
}

struct name_list {
    const char **items;
    size_t count;
};

/* All names of a kind, for a suggestion. */
static struct name_list names_of(struct arena *arena, const struct rulebook *book,
                                 enum target_kind kind)
{
    size_t most = book->contact_count + book->team_count + book->schedule_count +
                  book->audience_count + book->channel_count;
    struct name_list names = {.items = arena_alloc_array(arena, most + 1, sizeof(char *))};
    for (size_t i = 0; kind == TARGET_CONTACT && i < book->contact_count; i++) {
        names.items[names.count++] = book->contacts[i].name;
    }
    for (size_t i = 0; (kind == TARGET_CONTACT || kind == TARGET_TEAM) && i < book->team_count;
         i++) {
        names.items[names.count++] = book->teams[i].name;
    }
    for (size_t i = 0; kind == TARGET_SCHEDULE && i < book->schedule_count; i++) {
        names.items[names.count++] = book->schedules[i].name;
    }
    for (size_t i = 0; kind == TARGET_AUDIENCE && i < book->audience_count; i++) {
        names.items[names.count++] = book->audiences[i].name;
    }
    for (size_t i = 0; kind == TARGET_CHANNEL && i < book->channel_count; i++) {
        names.items[names.count++] = book->channels[i];
    }
    return names;
}

/* The text alone; a bare name is a contact until the rulebook knows better. */
static int target_parse(const char *item, struct arena *arena, struct target *out_target,
                        struct err *err)
{
    if (text_equal(item, "everyone")) {
        *out_target = (struct target){.kind = TARGET_EVERYONE, .name = ""};
        return 0;
    }
    enum target_kind kind = TARGET_CONTACT;
    const char *name = item;
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (text_starts_with(item, signs[i].sign)) {
            kind = signs[i].kind;
            name = item + strlen(signs[i].sign);
            break;
        }
    }
    if (!text_is_name(name)) {
        char got[TEXT_EXCERPT_BYTES];
        return err_set(err, ERR_INVALID,
                       "got '%s', want CONTACT, TEAM, @SCHEDULE, &AUDIENCE, channel:NAME or "
                       "everyone",
                       text_excerpt(item, got));
    }
    *out_target = (struct target){.kind = kind, .name = arena_strdup(arena, name)};
    return 0;
}

/* A name that exists with another sign is the likeliest mistake: `tech-lead` for `@tech-lead`. */
static const char *other_sign(const struct rulebook *book, const struct target *target,
                              struct arena *arena)
{
    for (size_t i = 0; i < 3; i++) {
        if (signs[i].kind != target->kind && book_has(book, signs[i].kind, target->name)) {
            return arena_printf(arena, "%s%s", signs[i].sign, target->name);
        }
    }
    bool is_person =
        book_has(book, TARGET_CONTACT, target->name) || book_has(book, TARGET_TEAM, target->name);
    return is_person ? target->name : NULL;
}

static bool target_find(struct build *build, const struct ini_section *section,
                        const struct ini_entry *entry, const char *item, struct target *target)
{
    const struct rulebook *book = &build->config->rulebook;
    bool is_bare = target->kind == TARGET_CONTACT && !text_starts_with(item, "contact:");
    if (is_bare && rulebook_team(book, target->name) != NULL) {
        target->kind = TARGET_TEAM;
    }
    if (book_has(book, target->kind, target->name)) {
        return true;
    }
    const char *meant = other_sign(book, target, build->arena);
    const char *word = is_bare ? "contact or team" : kind_words[target->kind];
    if (meant != NULL) {
        build_problem(build, section, entry, "there is no %s %s (did you mean %s?)", word,
                      target->name, meant);
        return false;
    }
    struct name_list names = names_of(build->arena, book, target->kind);
    build_unknown(build, section, entry, word, target->name, names.items, names.count);
    return false;
}

/* Why the channel itself cannot be a destination: mail and text messages go to somebody's address. NULL where it can. */
static const char *wanted_instead(const struct config_channel *channel)
{
    if (text_equal(channel->plugin, "email") || text_equal(channel->plugin, "sms")) {
        return "";
    }
    bool is_open = text_equal(channel->plugin, "webhook") && channel->ops != NULL &&
                   config_channel_value(channel, "url")[0] == '\0';
    return is_open ? ", or a url in its section" : NULL;
}

static bool channel_fits(struct build *build, const struct ini_section *section,
                         const struct ini_entry *entry, const char *name)
{
    const struct config_channel *channel = config_find_channel(build->config, name);
    const char *wanted =
        channel != NULL && channel->plugin != NULL ? wanted_instead(channel) : NULL;
    if (wanted == NULL) {
        return true;
    }
    build_problem(build, section, entry,
                  "channel:%s has no address of its own (want a contact with %s = ADDRESS%s)", name,
                  name, wanted);
    return false;
}

static bool target_fits(struct build *build, const struct ini_section *section,
                        const struct ini_entry *entry, const struct target *target,
                        enum target_use use)
{
    bool is_asked = use == TARGETS_ASK;
    if (is_asked && (target->kind == TARGET_CHANNEL || target->kind == TARGET_AUDIENCE)) {
        build_problem(build, section, entry,
                      "%s%s cannot answer (want CONTACT, TEAM, @SCHEDULE or everyone)",
                      target->kind == TARGET_CHANNEL ? "channel:" : "&", target->name);
        return false;
    }
    if (target->kind == TARGET_CHANNEL && build->config != NULL) {
        return channel_fits(build, section, entry, target->name);
    }
    if (use == TARGETS_INFORM || target->kind != TARGET_AUDIENCE) {
        return true;
    }
    build_problem(build, section, entry,
                  "&%s cannot be paged: nobody there can answer (want inform = &%s in a step)",
                  target->name, target->name);
    return false;
}

static bool is_among(const struct target *targets, size_t count, const struct target *target)
{
    for (size_t i = 0; i < count; i++) {
        if (targets[i].kind == target->kind && text_equal(targets[i].name, target->name)) {
            return true;
        }
    }
    return false;
}

void targets_build(struct build *build, const struct ini_section *section, const char *key,
                   const struct option_list *items, enum target_use use,
                   const struct target **out_targets, size_t *out_count)
{
    const struct ini_entry *entry = section_entry(section, key);
    struct target *targets = arena_alloc_array(build->arena, items->count, sizeof(*targets));
    size_t count = 0;
    for (size_t i = 0; i < items->count; i++) {
        struct err err;
        struct target target;
        if (target_parse(items->items[i], build->arena, &target, &err) != 0) {
            build_problem(build, section, entry, "%s", err.text);
        } else if (build->config != NULL &&
                   !target_find(build, section, entry, items->items[i], &target)) {
            continue; /* reported */
        } else if (is_among(targets, count, &target)) {
            build_problem(build, section, entry, "%s stands twice", items->items[i]);
        } else if (target_fits(build, section, entry, &target, use)) {
            targets[count++] = target;
        }
    }
    *out_targets = targets;
    *out_count = count;
}

void target_write(const struct target *target, struct strbuf *out)
{
    if (target->kind == TARGET_EVERYONE) {
        strbuf_add(out, "everyone");
        return;
    }
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (signs[i].kind == target->kind) {
            strbuf_add(out, signs[i].sign);
            strbuf_add(out, target->name);
            return;
        }
    }
    ASSERT(target->kind <= TARGET_EVERYONE);
}

static bool any_reachable(const struct rulebook *book, const char *const *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct contact *contact = rulebook_contact(book, members[i]);
        if (contact != NULL && contact->method_count > 0) {
            return true;
        }
    }
    return false;
}

/* At some time at least. */
static bool schedule_reaches(const struct rulebook *book, const struct schedule *schedule)
{
    for (size_t i = 0; i < schedule->layer_count; i++) {
        if (schedule_reaches(book, schedule->layers[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < schedule->shift_count; i++) {
        if (any_reachable(book, schedule->shifts[i].names, schedule->shifts[i].name_count)) {
            return true;
        }
    }
    if (schedule->is_remote) {
        return true; /* what a server says today is no reason to refuse to start */
    }
    return !schedule->has_calendar &&
           any_reachable(book, schedule->members, schedule->member_count);
}

bool target_reaches(const struct rulebook *book, const struct target *target)
{
    const struct team *team = NULL;
    const struct schedule *schedule = NULL;
    switch (target->kind) {
    case TARGET_CONTACT:
        return any_reachable(book, &target->name, 1);
    case TARGET_TEAM:
        team = rulebook_team(book, target->name);
        return team != NULL && any_reachable(book, team->members, team->member_count);
    case TARGET_SCHEDULE:
        schedule = rulebook_schedule(book, target->name);
        return schedule != NULL && schedule_reaches(book, schedule);
    case TARGET_CHANNEL:
    case TARGET_EVERYONE: /* holds at least whom [policy default] pages */
        return true;
    case TARGET_AUDIENCE:
        return false;
    }
    return false;
}

#include <string.h>

#include "gateway/config/build.h"

#define METHODS_MAX 32

struct methods {
    struct method items[METHODS_MAX];
    size_t count;
};

/* A key that is no option of [contact] is the name of a channel; its value is the address there. */
static bool take_method(struct build *build, const struct ini_section *section,
                        const struct ini_entry *entry, void *context)
{
    struct methods *methods = context;
    const struct ini_entry *first = section_entry(section, entry->key);
    const char *address = "";
    struct err err;
    if (!rulebook_has_channel(&build->config->rulebook, entry->key)) {
        if (later_find(section_types[SECTION_CONTACT].later, entry->key) != NULL) {
            return false;
        }
        section_unknown_key(build, section, entry, SECTION_CONTACT,
                            build->config->rulebook.channels,
                            build->config->rulebook.channel_count);
    } else if (first != entry) {
        build_problem(build, section, entry, "stands twice (first in line %u)", first->line);
    } else if (entry->value[0] == '\0') {
        build_problem(build, section, entry, "has no value (give one or remove the line)");
    } else if (methods->count == METHODS_MAX) {
        build_problem(build, section, entry, "more than %d addresses", METHODS_MAX);
    } else if (address_read(build, entry->value, address_kind_of(build, entry->key), &address,
                            &err) != 0) {
        build_problem(build, section, entry, "%s", err.text);
    } else {
        methods->items[methods->count++] =
            (struct method){.channel = arena_strdup(build->arena, entry->key), .address = address};
    }
    return true;
}

static void build_contact(struct build *build, const struct ini_section *section,
                          struct contact *contact)
{
    struct contact_values values = {.full_name = NULL};
    struct methods methods = {.count = 0};
    section_apply(build, section, SECTION_CONTACT, &values, take_method, &methods);
    if (text_equal(section->name, "everyone")) {
        build_problem(build, section, NULL,
                      "everyone is a target of its own (want another name for the contact)");
    }
    contact->name = arena_strdup(build->arena, section->name);
    contact->full_name = values.full_name[0] == '\0' ? contact->name : values.full_name;
    contact->methods =
        arena_copy(build->arena, methods.items, methods.count * sizeof(methods.items[0]));
    contact->method_count = methods.count;
    contact->zone =
        values.time_zone[0] == '\0'
            ? build->config->rulebook.zone
            : build_zone(build, section, section_entry(section, "time_zone"), values.time_zone);
    reach_build(build, section, "page", &values.page, contact, &contact->page,
                &contact->page_count);
    reach_build(build, section, "inform", &values.inform, contact, &contact->inform,
                &contact->inform_count);
}

static void build_contacts(struct build *build)
{
    size_t count = document_count(build->document, "contact");
    struct contact *contacts = arena_alloc_array(build->arena, count, sizeof(*contacts));
    const struct ini_section *section = NULL;
    for (size_t i = 0; i < count; i++) {
        section = document_next(build->document, section, "contact");
        build_contact(build, section, &contacts[i]);
    }
    build->config->rulebook.contacts = contacts;
    build->config->rulebook.contact_count = count;
}

static void check_members(struct build *build, const struct ini_section *section,
                          const struct option_list *members)
{
    const struct rulebook *book = &build->config->rulebook;
    const struct ini_entry *entry = section_entry(section, "members");
    const char **known = NULL;
    for (size_t i = 0; i < members->count; i++) {
        const char *name = members->items[i];
        bool again = false;
        for (size_t j = 0; j < i; j++) {
            again = again || text_equal(members->items[j], name);
        }
        if (again) {
            build_problem(build, section, entry, "%s stands twice", name);
        }
        if (rulebook_contact(book, name) != NULL) {
            continue;
        }
        if (known == NULL) {
            known = arena_alloc_array(build->arena, book->contact_count + 1, sizeof(*known));
            for (size_t j = 0; j < book->contact_count; j++) {
                known[j] = book->contacts[j].name;
            }
        }
        build_unknown(build, section, entry, "contact", name, known, book->contact_count);
    }
}

static void build_teams(struct build *build)
{
    size_t count = document_count(build->document, "team");
    struct team *teams = arena_alloc_array(build->arena, count, sizeof(*teams));
    const struct ini_section *section = NULL;
    for (size_t i = 0; i < count; i++) {
        struct team_values values = {.members = {.count = 0}};
        section = document_next(build->document, section, "team");
        section_apply(build, section, SECTION_TEAM, &values, NULL, NULL);
        check_members(build, section, &values.members);
        if (text_equal(section->name, "everyone") ||
            rulebook_contact(&build->config->rulebook, section->name) != NULL) {
            build_problem(build, section, NULL,
                          "a contact or target is called %s too (want another name for the team)",
                          section->name);
        }
        teams[i] = (struct team){.name = arena_strdup(build->arena, section->name),
                                 .members = values.members.items,
                                 .member_count = values.members.count};
    }
    build->config->rulebook.teams = teams;
    build->config->rulebook.team_count = count;
}

static void build_schedules(struct build *build)
{
    size_t count = document_count(build->document, "schedule");
    struct schedule *schedules = arena_alloc_array(build->arena, count, sizeof(*schedules));
    const struct ini_section *section = NULL;
    for (size_t i = 0; i < count; i++) {
        struct schedule_values values = {.rotate = NULL};
        section = document_next(build->document, section, "schedule");
        section_apply(build, section, SECTION_SCHEDULE, &values, NULL, NULL);
        check_members(build, section, &values.members);
        schedules[i] = (struct schedule){.name = arena_strdup(build->arena, section->name),
                                         .members = values.members.items,
                                         .member_count = values.members.count,
                                         .zone = build->config->rulebook.zone};
        if (values.rotate[0] != '\0') {
            rotate_build(build, section, values.rotate, &schedules[i]);
        }
    }
    build->config->rulebook.schedules = schedules;
    build->config->rulebook.schedule_count = count;
}

static void audience_inline(struct build *build, const struct ini_section *section,
                            enum address_kind kind, const struct option_list *addresses,
                            struct audience *audience)
{
    const char **read = arena_alloc_array(build->arena, addresses->count, sizeof(*read));
    for (size_t i = 0; i < addresses->count; i++) {
        struct err err;
        read[i] = addresses->items[i];
        if (address_read(build, addresses->items[i], kind, &read[i], &err) != 0) {
            build_problem(build, section, section_entry(section, "addresses"), "%s", err.text);
        }
        for (size_t j = 0; j < i; j++) {
            if (text_equal(read[i], read[j])) {
                build_problem(build, section, section_entry(section, "addresses"),
                              "%s stands twice", addresses->items[i]);
                break;
            }
        }
    }
    audience->addresses = read;
    audience->address_count = addresses->count;
}

static void build_audience(struct build *build, const struct ini_section *section,
                           struct audience *audience)
{
    const struct rulebook *book = &build->config->rulebook;
    struct audience_values values = {.channel = NULL};
    section_apply(build, section, SECTION_AUDIENCE, &values, NULL, NULL);
    const struct ini_entry *file = section_entry(section, "addresses_file");
    const struct ini_entry *list = section_entry(section, "addresses");
    enum address_kind kind = address_kind_of(build, values.channel);
    *audience = (struct audience){.name = arena_strdup(build->arena, section->name),
                                  .channel = values.channel};
    if (!rulebook_has_channel(book, values.channel)) {
        build_unknown(build, section, section_entry(section, "channel"), "channel", values.channel,
                      book->channels, book->channel_count);
    }
    if ((file == NULL) == (list == NULL)) {
        build_problem(build, section, file, "want one of addresses and addresses_file");
    } else if (list != NULL) {
        audience_inline(build, section, kind, &values.addresses, audience);
    } else if (file->value[0] != '\0') {
        addresses_read(build, section, file, kind, audience);
    }
}

static void build_audiences(struct build *build)
{
    size_t count = document_count(build->document, "audience");
    struct audience *audiences = arena_alloc_array(build->arena, count, sizeof(*audiences));
    const struct ini_section *section = NULL;
    for (size_t i = 0; i < count; i++) {
        section = document_next(build->document, section, "audience");
        build_audience(build, section, &audiences[i]);
    }
    build->config->rulebook.audiences = audiences;
    build->config->rulebook.audience_count = count;
}

void build_people(struct build *build)
{
    build_contacts(build);
    build_teams(build);
    build_schedules(build);
    build_audiences(build);
}

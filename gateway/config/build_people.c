#include <string.h>

#include "gateway/config/build.h"
#include "policies/schedule.h"

#define METHODS_MAX 32

struct methods {
    struct method items[METHODS_MAX];
    size_t count;
};

/* A key that is like no option and no channel is meant for a channel that is not there; so is the usual name of one. */
static bool is_way(const struct build *build, const char *key)
{
    static const char *const usual[] = {"email", "sms", "voice", "webhook", "mqtt", "signal"};
    const struct rulebook *book = &build->config->rulebook;
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (text_equal(key, usual[i])) {
            return true;
        }
    }
    const struct option *row = section_types[SECTION_CONTACT].options;
    bool is_near = text_nearest(key, book->channels, book->channel_count) != NULL;
    for (; row->key != NULL && !is_near; row++) {
        is_near = text_nearest(key, &row->key, 1) != NULL;
    }
    return text_is_name(key) && !is_near;
}

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
        if (is_way(build, entry->key)) {
            build_problem(build, section, entry,
                          "there is no [channel %s] that could use this address (want that "
                          "section, or the name of another channel)",
                          entry->key);
        } else {
            section_unknown_key(build, section, entry, SECTION_CONTACT,
                                build->config->rulebook.channels,
                                build->config->rulebook.channel_count);
        }
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

/* Nobody may be silent for good: then nothing that is not critical would ever reach them. */
static const struct hours *build_quiet(struct build *build, const struct ini_section *section,
                                       const char *text, const struct zone *zone)
{
    const struct hours *quiet = hours_build(build, section, "quiet", text, zone);
    if (quiet == NULL || !hours_cover_the_week(quiet)) {
        return quiet;
    }
    build_problem(build, section, section_entry(section, "quiet"),
                  "these hours never end (want some time in which the person can be reached)");
    return NULL;
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
    if (values.quiet[0] != '\0') {
        contact->quiet = build_quiet(build, section, values.quiet, contact->zone);
    }
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

static void build_schedule(struct build *build, const struct ini_section *section,
                           const struct schedule_values *values, struct schedule *schedule)
{
    bool has_calendar = values->calendar[0] != '\0' || values->calendar_url[0] != '\0' ||
                        section_entry(section, "calendar_url_file") != NULL;
    check_members(build, section, &values->members);
    *schedule = (struct schedule){.name = arena_strdup(build->arena, section->name),
                                  .members = values->members.items,
                                  .member_count = values->members.count,
                                  .tells_handover = values->handover,
                                  .zone = build->config->rulebook.zone};
    if (values->time_zone[0] != '\0') {
        schedule->zone =
            build_zone(build, section, section_entry(section, "time_zone"), values->time_zone);
    }
    if (values->during[0] != '\0') {
        schedule->during = hours_build(build, section, "during", values->during, schedule->zone);
    }
    if (has_calendar && values->rotate[0] != '\0') {
        build_problem(build, section, section_entry(section, "rotate"),
                      "calendar says already whose turn it is (want one of the two)");
    } else if (has_calendar) {
        calendar_build(build, section, values, schedule);
    } else if (values->rotate[0] != '\0') {
        rotate_build(build, section, values->rotate, schedule);
    }
    if (values->members.count == 0 && !has_calendar && values->layers.count == 0) {
        build_problem(build, section, NULL,
                      "nobody can have duty (want members, calendar or layers)");
    }
}

/* The names of all schedules, for suggestions. */
static void unknown_layer(struct build *build, const struct ini_section *section, const char *name)
{
    const struct rulebook *book = &build->config->rulebook;
    const char **known = arena_alloc_array(build->arena, book->schedule_count + 1, sizeof(*known));
    for (size_t i = 0; i < book->schedule_count; i++) {
        known[i] = book->schedules[i].name;
    }
    build_unknown(build, section, section_entry(section, "layers"), "schedule", name, known,
                  book->schedule_count);
}

static void build_layers(struct build *build, const struct ini_section *section,
                         const struct option_list *names, struct schedule *schedule)
{
    const struct schedule **layers =
        arena_alloc_array(build->arena, names->count + 1, sizeof(*layers));
    for (size_t i = 0; i < names->count; i++) {
        const struct schedule *layer = rulebook_schedule(&build->config->rulebook, names->items[i]);
        if (layer == NULL) {
            unknown_layer(build, section, names->items[i]);
        } else {
            layers[schedule->layer_count++] = layer;
        }
    }
    schedule->layers = layers;
}

/* How deep the layers under it go; SCHEDULE_DEPTH_MAX + 1 when deeper, or in a circle. */
static int depth_of(const struct schedule *schedule, int above)
{
    int deepest = above;
    for (size_t i = 0; i < schedule->layer_count && deepest <= SCHEDULE_DEPTH_MAX; i++) {
        int depth = depth_of(schedule->layers[i], above + 1);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

static void build_schedules(struct build *build)
{
    size_t count = document_count(build->document, "schedule");
    struct schedule *schedules = arena_alloc_array(build->arena, count, sizeof(*schedules));
    struct schedule_values *values = arena_alloc_array(build->arena, count, sizeof(*values));
    const struct ini_section *section = NULL;
    for (size_t i = 0; i < count; i++) {
        section = document_next(build->document, section, "schedule");
        section_apply(build, section, SECTION_SCHEDULE, &values[i], NULL, NULL);
        build_schedule(build, section, &values[i], &schedules[i]);
    }
    build->config->rulebook.schedules = schedules;
    build->config->rulebook.schedule_count = count;
    section = NULL;
    for (size_t i = 0; i < count; i++) {
        section = document_next(build->document, section, "schedule");
        build_layers(build, section, &values[i].layers, &schedules[i]);
    }
    section = NULL;
    for (size_t i = 0; i < count; i++) {
        section = document_next(build->document, section, "schedule");
        if (depth_of(&schedules[i], 0) > SCHEDULE_DEPTH_MAX) {
            build_problem(build, section, section_entry(section, "layers"),
                          "the layers go round in a circle, or more than %d deep",
                          SCHEDULE_DEPTH_MAX);
        }
    }
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
            if (address_is_same(kind, read[i], read[j])) {
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

/* Who comes on duty hears it with what is open, who goes hears who has it now. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/json.h"
#include "gateway/engine/oncall.h"
#include "policies/reach.h"

enum { TITLE_BYTES_MAX = 80, NAMES_MAX = 256 };

/* One schedule whose duty has changed. */
struct change {
    struct engine *engine;
    const struct schedule *schedule;
    struct duty before;
    struct duty after;
    const struct incident **open; /* whose policy pages the schedule, by number */
    size_t open_count;
};

static const char *join(struct engine *engine, const struct duty *duty)
{
    const char *text = "";
    for (size_t i = 0; i < duty->count; i++)
        text = arena_printf(&engine->arena, "%s%s%s", text, i > 0 ? "," : "", duty->names[i]);
    return text;
}

static struct duty split(struct engine *engine, const char *text)
{
    const char **names = arena_alloc_array(&engine->arena, NAMES_MAX, sizeof(*names));
    size_t count = 0;
    while (*text != '\0' && count < NAMES_MAX) {
        size_t length = strcspn(text, ",");
        names[count++] = arena_strndup(&engine->arena, text, length);
        text += length + (text[length] == ',' ? 1 : 0);
    }
    return (struct duty){.names = names, .count = count};
}

static const char *full_names(struct engine *engine, const struct duty *duty)
{
    const char *text = duty->count == 0 ? "nobody" : "";
    for (size_t i = 0; i < duty->count; i++) {
        const struct contact *contact = rulebook_contact(engine->book, duty->names[i]);
        const char *between = i == 0 ? "" : i + 1 == duty->count ? " and " : ", ";
        text = arena_printf(&engine->arena, "%s%s%s", text, between,
                            contact != NULL ? contact->full_name : duty->names[i]);
    }
    return text;
}

static bool includes(const struct schedule *whole, const struct schedule *part)
{
    if (whole == part)
        return true;
    for (size_t i = 0; i < whole->layer_count; i++) {
        if (includes(whole->layers[i], part))
            return true;
    }
    return false;
}

static bool names_schedule(const struct change *change, const struct target *targets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct schedule *named =
            targets[i].kind == TARGET_SCHEDULE
                ? rulebook_schedule(change->engine->book, targets[i].name)
                : NULL;
        if (named != NULL && includes(named, change->schedule))
            return true;
    }
    return false;
}

static bool pages_schedule(const struct change *change, const struct policy *policy)
{
    if (names_schedule(change, policy->fallback, policy->fallback_count))
        return true;
    for (size_t i = 0; i < policy->step_count; i++) {
        const struct step *step = &policy->steps[i];
        if (step->kind == STEP_PAGE && names_schedule(change, step->targets, step->target_count))
            return true;
    }
    return false;
}

static int by_number(const void *a, const void *b)
{
    uint64_t left = (*(const struct incident *const *)a)->number;
    uint64_t right = (*(const struct incident *const *)b)->number;
    return (left > right) - (left < right);
}

static void find_open(struct change *change)
{
    struct engine *engine = change->engine;
    size_t capacity = 0;
    size_t slot = 0;
    for (struct incident *incident = table_each(&engine->world.incidents, &slot); incident != NULL;
         incident = table_each(&engine->world.incidents, &slot)) {
        if (!incident_is_open(incident) || !pages_schedule(change, incident->policy))
            continue;
        change->open = batch_grow(&engine->arena, change->open, change->open_count, &capacity,
                                  sizeof(*change->open));
        change->open[change->open_count++] = incident;
    }
    if (change->open_count > 0)
        qsort(change->open, change->open_count, sizeof(*change->open), by_number);
}

static size_t fitting(const char *title)
{
    size_t length = strlen(title);
    size_t keep = 0;
    for (;;) {
        size_t step = text_utf8_step(title + keep, length - keep);
        if (step == 0 || keep + step > TITLE_BYTES_MAX)
            return keep;
        keep += step;
    }
}

/* "#12 disk full (acknowledged by Bob)" */
static const char *one_open(struct engine *engine, const struct incident *incident)
{
    const char *title = incident_title(incident);
    size_t keep = fitting(title);
    bool is_owned = incident->later->owner[0] != '\0' && incident->state == INCIDENT_ACKNOWLEDGED;
    const struct contact *owner = rulebook_contact(engine->book, incident->later->owner);
    return arena_printf(
        &engine->arena, "#%llu %.*s%s (%s%s%s)", (unsigned long long)incident->number, (int)keep,
        title, title[keep] != '\0' ? "..." : "",
        incident_state_name((enum incident_state)incident->state), is_owned ? " by " : "",
        !is_owned       ? ""
        : owner != NULL ? owner->full_name
                        : incident->later->owner);
}

/* The open incidents, or of those the ones that this person owns. */
static const char *list_open(const struct change *change, const char *owner_or_null)
{
    struct engine *engine = change->engine;
    const char *text = "";
    size_t listed = 0;
    size_t more = 0;
    for (size_t i = 0; i < change->open_count; i++) {
        const struct incident *incident = change->open[i];
        if (owner_or_null != NULL && !text_equal(incident->later->owner, owner_or_null))
            continue;
        if (listed == HANDOVER_LISTED_MAX) {
            more++;
            continue;
        }
        text = arena_printf(&engine->arena, "%s%s%s", text, listed > 0 ? "; " : "",
                            one_open(engine, incident));
        listed++;
    }
    return more == 0 ? text : arena_printf(&engine->arena, "%s; and %zu more", text, more);
}

static const char *coming_text(const struct change *change, const char *name)
{
    struct engine *engine = change->engine;
    const struct roster roster = moment_roster(&engine->moment);
    int64_t until_ms = schedule_duty_until_ms(change->schedule, &roster, name,
                                              engine->now_ms + engine->wall_offset_ms);
    const struct zone *zone = moment_zone_of(&engine->moment, name);
    const char *until = until_ms == INT64_MAX
                            ? ""
                            : arena_printf(&engine->arena, ", until %s",
                                           moment_local_time(&engine->moment, zone,
                                                             until_ms - engine->wall_offset_ms));
    const char *open = list_open(change, NULL);
    return arena_printf(&engine->arena, "You have duty for %s now%s. %s%s.", change->schedule->name,
                        until, open[0] != '\0' ? "Open: " : "Nothing is open", open);
}

static const char *going_text(const struct change *change, const char *name)
{
    struct engine *engine = change->engine;
    const char *owned = list_open(change, name);
    return arena_printf(
        &engine->arena, "Your duty for %s is over; %s %s it now.%s%s%s", change->schedule->name,
        full_names(engine, &change->after), change->after.count > 1 ? "have" : "has",
        owned[0] != '\0' ? " Still yours: " : "", owned, owned[0] != '\0' ? "." : "");
}

/* The notice belongs to no incident; its snapshot takes its title and little else from this. */
static void send(const struct change *change, const char *name, const char *text)
{
    struct engine *engine = change->engine;
    const struct contact *contact = rulebook_contact(engine->book, name);
    const struct policy nothing = {.name = ""};
    char *texts = arena_printf(&engine->arena, "-Hand-over of %s", change->schedule->name);
    texts[0] = '\0'; /* no group key stands before the title */
    if (contact == NULL)
        return;
    const struct incident none = {.policy = &nothing,
                                  .text = texts,
                                  .title_offset = 1,
                                  .source = "",
                                  .later = incident_without_later(),
                                  .severity = SEVERITY_INFO};
    struct receiver receiver = {.contact_or_null = contact};
    const struct receivers receivers = {.items = &receiver, .count = 1, .arena = &engine->arena};
    const struct message message = {.kind = KIND_NOTICE,
                                    .step =
                                        arena_printf(&engine->arena, "@%s", change->schedule->name),
                                    .climb = 1,
                                    .text = text};
    moment_next(&engine->moment);
    (void)reach_send(&receivers, &message, &engine->moment);
    for (size_t i = 0; i < engine->moment.act_count; i++) {
        ASSERT(engine->moment.acts[i].kind == ACT_SEND);
        attempts_send_closed(engine, &none, &engine->moment.acts[i].u.message);
    }
    moment_next(&engine->moment);
}

static void note(const struct change *change)
{
    struct engine *engine = change->engine;
    struct json_out json;
    strbuf_reset(&engine->scratch);
    json_out_begin(&json, &engine->scratch);
    json_add_object_begin(&json, NULL);
    json_add_string(&json, "schedule", change->schedule->name);
    json_add_string(&json, "from", join(engine, &change->before));
    json_add_string(&json, "to", join(engine, &change->after));
    json_add_object_end(&json);
    const char *data = arena_strdup(&engine->arena, strbuf_text(&engine->scratch));
    batch_note(engine, 0,
               &(struct note){.kind = "handover",
                              .actor = "engine",
                              .credential = "",
                              .text = arena_printf(&engine->arena, "duty for %s went from %s to %s",
                                                   change->schedule->name,
                                                   full_names(engine, &change->before),
                                                   full_names(engine, &change->after)),
                              .data = data});
}

static void tell(struct change *change)
{
    find_open(change);
    note(change);
    for (size_t i = 0; i < change->before.count; i++) {
        const char *name = change->before.names[i];
        if (!duty_has(&change->after, name))
            send(change, name, going_text(change, name));
    }
    for (size_t i = 0; i < change->after.count; i++) {
        const char *name = change->after.names[i];
        if (!duty_has(&change->before, name))
            send(change, name, coming_text(change, name));
    }
}

static bool is_same(const struct duty *a, const struct duty *b)
{
    for (size_t i = 0; i < a->count; i++) {
        if (!duty_has(b, a->names[i]))
            return false;
    }
    return a->count == b->count;
}

static void look_at(struct engine *engine, const struct schedule *schedule)
{
    const struct roster roster = moment_roster(&engine->moment);
    const struct ledger_entry *known = ledger_find(&engine->world.marks, MARK_DUTY, schedule->name);
    struct change change = {
        .engine = engine,
        .schedule = schedule,
        .after = schedule_duty(schedule, &roster, engine->now_ms + engine->wall_offset_ms)};
    const char *now = join(engine, &change.after);
    /* From now on: who has duty when notices are switched on knows it. */
    if (known != NULL) {
        change.before = split(engine, known->value);
        if (is_same(&change.before, &change.after))
            return;
        tell(&change);
    }
    batch_mark(engine, &(struct mark_row){.kind = MARK_DUTY, .name = schedule->name, .value = now});
}

/* Schedules that tell nothing any more, or are gone. */
static void forget_others(struct engine *engine)
{
    const struct ledger *marks = &engine->world.marks;
    for (size_t i = marks->count; i > 0; i--) {
        const struct ledger_entry *entry = &marks->items[i - 1];
        const struct schedule *schedule =
            entry->kind == MARK_DUTY ? rulebook_schedule(engine->book, entry->name) : NULL;
        if (entry->kind != MARK_DUTY || (schedule != NULL && schedule->tells_handover))
            continue;
        batch_mark(engine, &(struct mark_row){.kind = MARK_DUTY,
                                              .name = arena_strdup(&engine->arena, entry->name),
                                              .value = "",
                                              .gone = true});
    }
}

void handover_tell(struct engine *engine)
{
    forget_others(engine);
    for (size_t i = 0; i < engine->book->schedule_count; i++) {
        const struct schedule *schedule = &engine->book->schedules[i];
        if (schedule->tells_handover && !schedule->awaits_calendar)
            look_at(engine, schedule);
    }
}

const char *handover_line(struct engine *engine, const struct notification *notice)
{
    const char *name = notice->step[0] == '@' ? notice->step + 1 : notice->step;
    const struct schedule *schedule = rulebook_schedule(engine->book, name);
    const struct roster roster = moment_roster(&engine->moment);
    struct duty duty = {.count = 0};
    if (schedule != NULL)
        duty = schedule_duty(schedule, &roster, engine->now_ms + engine->wall_offset_ms);
    return arena_printf(&engine->arena, "Hand-over of %s: %s.", name,
                        duty_has(&duty, notice->contact) ? "you have duty now"
                                                         : "your duty is over");
}

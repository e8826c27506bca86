/* Silences are made and ended: by a command, by a reply about an incident, and by time (DESIGN section 4, rule 14). */
#include <string.h>

#include "gateway/base/parse.h"
#include "gateway/base/text.h"
#include "gateway/engine/alert_event.h"
#include "gateway/engine/suppress.h"
#include "policies/matchers.h"
#include "policies/route.h"

enum { MATCH_BYTES_MAX = 16384 };

/* What was asked for, and by whom. */
struct asking {
    struct engine *engine;
    const struct input *input;
    const char *by;
    const struct reply_command *command;
    const char *match;
};

static const char *who(const struct input *input)
{
    return input->u.reply.from[0] != '\0' ? input->u.reply.from : input->actor;
}

/* "eta 45m" and this are from when it was said, also where it waited in the shared inbox. */
static int64_t from_of(const struct asking *asking)
{
    const struct engine *engine = asking->engine;
    int64_t from_ms = asking->command->from_at_ms - engine->wall_offset_ms;
    return asking->command->from_at_ms != 0 && from_ms > engine->now_ms ? from_ms : engine->now_ms;
}

static int64_t until_of(const struct asking *asking)
{
    const struct engine *engine = asking->engine;
    const struct reply *reply = &asking->input->u.reply;
    int64_t said_ms = reply->said_at_ms - engine->wall_offset_ms;
    if (reply->said_at_ms == 0 || said_ms > engine->now_ms)
        said_ms = engine->now_ms;
    if (asking->command->at_ms != 0)
        return asking->command->at_ms - engine->wall_offset_ms;
    int64_t from_ms = from_of(asking);
    return (from_ms > engine->now_ms ? from_ms : said_ms) + asking->command->duration_ms;
}

static const char *refusal(const struct asking *asking, int64_t until_ms)
{
    struct engine *engine = asking->engine;
    struct err err;
    if (engine->world.silences.count >= SILENCES_MAX)
        return arena_printf(&engine->arena, "There are %d silences already: end some first.",
                            SILENCES_MAX);
    if (until_ms <= engine->now_ms)
        return "A silence needs an end that is still to come.";
    if (until_ms <= from_of(asking))
        return "A silence needs an end after its beginning.";
    if (from_of(asking) - engine->now_ms > SILENCE_LONGEST_MS)
        return "A silence begins at most 366 days ahead.";
    if (until_ms - from_of(asking) > SILENCE_LONGEST_MS)
        return "A silence lasts at most 366 days.";
    if (strlen(asking->match) > SILENCE_TEXT_BYTES_MAX ||
        strlen(asking->command->text) > SILENCE_TEXT_BYTES_MAX)
        return arena_printf(&engine->arena, "Matchers and reason have at most %d bytes each.",
                            SILENCE_TEXT_BYTES_MAX);
    if (silences_check(asking->match, &engine->arena, &err) != 0)
        return arena_printf(&engine->arena, "The matchers cannot be read: %s.", err.text);
    return "";
}

static size_t held_back(const struct engine *engine, const struct silence *silence)
{
    size_t count = 0;
    size_t slot = 0;
    for (const struct incident *incident = table_each(&engine->world.incidents, &slot);
         incident != NULL; incident = table_each(&engine->world.incidents, &slot)) {
        bool fits = incident_is_open(incident) && incident->alerts != NULL;
        for (const struct alert *a = incident->alerts; fits && a != NULL; a = a->next) {
            struct arena arena;
            struct event event;
            arena_init(&arena);
            alert_event(a, &arena, &event);
            fits = route_any_line(&silence->line, 1, &event, event.key, NULL);
            arena_clear(&arena);
        }
        count += fits ? 1 : 0;
    }
    return count;
}

/* The number of the silence; 0: *out_text says why there is none. */
static uint64_t make(const struct asking *asking, const char **out_text)
{
    struct engine *engine = asking->engine;
    struct moment *moment = &engine->moment;
    int64_t until_ms = until_of(asking);
    struct err err;
    *out_text = refusal(asking, until_ms);
    if ((*out_text)[0] != '\0')
        return 0;
    const struct silence_row row = {.id = engine->world.silences.last_id + 1,
                                    .match = asking->match,
                                    .author = asking->by,
                                    .reason = asking->command->text,
                                    .from_ms = from_of(asking),
                                    .until_ms = until_ms,
                                    .ended_by = ""};
    if (silences_add(&engine->world.silences, &row, &err) != 0) {
        *out_text = arena_strdup(&engine->arena, err.text);
        return 0;
    }
    batch_silence(engine, &row);
    const struct zone *zone = moment_zone_of(moment, asking->by);
    bool is_later = row.from_ms > engine->now_ms;
    const char *from = is_later ? arena_printf(&engine->arena, "from %s ",
                                               moment_local_time(moment, zone, row.from_ms))
                                : "";
    const char *until =
        arena_printf(&engine->arena, "%suntil %s", from, moment_local_time(moment, zone, until_ms));
    const char *reason =
        row.reason[0] != '\0' ? arena_printf(&engine->arena, ": %s", row.reason) : "";
    batch_note(engine, 0,
               &(struct note){.kind = "silence",
                              .actor = asking->input->actor,
                              .credential = asking->input->credential,
                              .text = arena_printf(&engine->arena, "%s silences %s %s as %llu%s",
                                                   asking->by, row.match, until,
                                                   (unsigned long long)row.id, reason),
                              .data = ""});
    size_t count = held_back(engine, silences_find(&engine->world.silences, row.id));
    suppress_refresh(engine);
    *out_text =
        arena_printf(&engine->arena, "Silence %llu holds %s; %zu open incident%s it now.",
                     (unsigned long long)row.id, until, count, count == 1 ? " fits" : "s fit");
    return row.id;
}

void silence_end(struct engine *engine, const struct silence *silence, const char *by,
                 const char *actor, const char *credential)
{
    uint64_t id = silence->id;
    const struct silence_row row = {.id = id,
                                    .match = silence->match,
                                    .author = silence->author,
                                    .reason = silence->reason,
                                    .from_ms = silence->from_ms,
                                    .until_ms = silence->until_ms,
                                    .ended_at_ms = engine->now_ms,
                                    .ended_by = by};
    batch_silence(engine, &row);
    batch_note(
        engine, 0,
        &(struct note){.kind = "silence-ended",
                       .actor = actor,
                       .credential = credential,
                       .text = arena_printf(&engine->arena, "silence %llu of %s has ended: %s",
                                            (unsigned long long)id, silence->author,
                                            text_equal(by, "time") ? "its time is over" : by),
                       .data = ""});
    silences_drop(&engine->world.silences, id);
}

bool silence_is_command(const struct input *input)
{
    const struct reply *reply = &input->u.reply;
    if (input->kind != INPUT_COMMAND || reply->command_count != 1)
        return false;
    enum verb verb = reply->commands[0].verb;
    return (verb == VERB_SILENCE || verb == VERB_UNSILENCE) &&
           reply->commands[0].match_or_null != NULL;
}

static void take_end(struct engine *engine, const struct input *input, struct answer *out_answer)
{
    const char *number = input->u.reply.commands[0].match_or_null;
    uint64_t id = 0;
    const struct silence *silence = NULL;
    if (parse_u64(number[0] == '#' ? number + 1 : number, 1, INT64_MAX, &id, NULL) == 0)
        silence = silences_find(&engine->world.silences, id);
    if (silence == NULL) {
        *out_answer = (struct answer){
            .status = ANSWER_UNKNOWN,
            .text = arena_printf(&engine->arena, "No silence %.40s holds.", number)};
        return;
    }
    silence_end(engine, silence, who(input), input->actor, input->credential);
    suppress_refresh(engine);
    *out_answer = (struct answer){
        .status = ANSWER_DONE,
        .silence = id,
        .text = arena_printf(&engine->arena, "Silence %llu has ended.", (unsigned long long)id)};
}

void silence_command(struct engine *engine, const struct input *input, struct answer *out_answer)
{
    const struct reply_command *command = &input->u.reply.commands[0];
    if (command->verb == VERB_UNSILENCE) {
        take_end(engine, input, out_answer);
        return;
    }
    const struct asking asking = {.engine = engine,
                                  .input = input,
                                  .by = arena_strdup(&engine->arena, who(input)),
                                  .command = command,
                                  .match = command->match_or_null};
    const char *text = "";
    uint64_t id = make(&asking, &text);
    *out_answer = (struct answer){
        .status = id != 0 ? ANSWER_DONE : ANSWER_REFUSED, .silence = id, .text = text};
}

/* Its group, or its one alert. */
static const char *matchers_of(struct engine *engine, const struct incident *incident)
{
    struct matcher matchers[16];
    struct match_line line = {.matchers = matchers};
    struct event event;
    struct strbuf text;
    const struct policy *policy = incident->policy;
    alert_event(incident->alerts, &engine->arena, &event);
    for (size_t i = 0; i < policy->group_by_count && i < sizeof(matchers) / sizeof(matchers[0]);
         i++)
        matchers[line.matcher_count++] =
            (struct matcher){.label = policy->group_by[i],
                             .value = route_label(&event, event.key, policy->group_by[i])};
    if (line.matcher_count == 0) {
        matchers[line.matcher_count++] = (struct matcher){.label = "source", .value = event.source};
        matchers[line.matcher_count++] = (struct matcher){.label = "key", .value = event.key};
    }
    strbuf_init(&text, MATCH_BYTES_MAX);
    matchers_write(&line, &text);
    const char *copy = arena_strdup(&engine->arena, strbuf_text(&text));
    strbuf_clear(&text);
    return copy;
}

const char *silence_incident(struct engine *engine, const struct input *input,
                             const struct incident *incident, const char *by,
                             const struct reply_command *command, bool *out_refused)
{
    if (!incident_is_open(incident) || incident->alerts == NULL) {
        *out_refused = true;
        return arena_printf(&engine->arena, "#%llu is resolved: there is nothing to silence.",
                            (unsigned long long)incident->number);
    }
    const struct asking asking = {.engine = engine,
                                  .input = input,
                                  .by = by,
                                  .command = command,
                                  .match = matchers_of(engine, incident)};
    const char *text = "";
    *out_refused = make(&asking, &text) == 0 || *out_refused;
    return text;
}

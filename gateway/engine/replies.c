/* Replies and commands: which incident they mean, who may, and the answer (DESIGN section 4, rules
 * 7 to 9; section 7). */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/gsm.h"
#include "gateway/base/text.h"
#include "gateway/engine/addressed.h"
#include "gateway/engine/later.h"
#include "gateway/engine/oncall.h"
#include "gateway/engine/replies_internal.h"
#include "gateway/engine/suppress.h"
#include "policies/answer.h"
#include "policies/fields.h"
#include "policies/follow.h"
#include "policies/reach.h"

enum { LISTED_MAX = 8, LIST_PARTS_MAX = 2, RECENT_MS = 86400000 };

static void say(struct saying *saying, const char *text)
{
    if (text[0] == '\0')
        return;
    if (saying->text[0] == '\0')
        saying->text = text;
    else
        saying->text = arena_printf(&saying->engine->arena, "%s %s", saying->text, text);
}

/* An ETA in engine time: a duration from now, a clock time in the person's zone, or an instant of
 * the wall clock. */
static int64_t eta_of(const struct saying *saying, const struct reply_command *command)
{
    const struct engine *engine = saying->engine;
    int64_t said_ms = saying->reply->said_at_ms - engine->wall_offset_ms;
    if (saying->reply->said_at_ms == 0 || said_ms > engine->now_ms)
        said_ms = engine->now_ms;
    if (command->at_ms != 0)
        return command->at_ms - engine->wall_offset_ms;
    if (command->clock_minute >= 0 && command->duration_ms == 0) {
        const struct zone *zone = moment_zone_of(&engine->moment, saying->by);
        int64_t wall_ms = said_ms + engine->wall_offset_ms;
        return zone_next_clock(zone, wall_ms, command->clock_minute / 60,
                               command->clock_minute % 60) -
               engine->wall_offset_ms;
    }
    return said_ms + command->duration_ms;
}

void replies_gather(struct saying *saying)
{
    for (size_t i = 0; i < saying->reply->command_count; i++) {
        const struct reply_command *command = &saying->reply->commands[i];
        if (command->verb == VERB_ACK || command->verb == VERB_KNOWN || command->verb == VERB_ETA ||
            command->verb == VERB_SNOOZE || command->verb == VERB_ALL_ACK)
            saying->acks = true;
        if (command->verb == VERB_KNOWN)
            saying->known = true;
        if (command->verb == VERB_TAKE)
            saying->takes = true;
        if (command->verb == VERB_ETA || command->verb == VERB_SNOOZE)
            saying->eta_at_ms = eta_of(saying, command);
    }
}

static void complete_move(const struct saying *saying, struct move *move)
{
    move->by_operator = rulebook_contact(saying->engine->book, saying->by) == NULL;
    move->actor = saying->input->actor;
    move->credential = saying->input->credential;
    move->by = saying->by;
    move->answers = saying->answers;
    if (move->text == NULL)
        move->text = "";
}

static void hear_answer(struct saying *saying)
{
    saying->refused = saying->refused || saying->engine->moment.refused;
    say(saying, saying->engine->moment.answer);
}

static void move_incident(struct saying *saying, struct move move)
{
    complete_move(saying, &move);
    engine_move(saying->engine, saying->incident, &move);
    hear_answer(saying);
}

/* What this build cannot do is said and kept, not swallowed. */
static void refuse_verb(struct saying *saying, enum verb verb)
{
    struct engine *engine = saying->engine;
    const char *text =
        arena_printf(&engine->arena, "%s: \"%s\" was asked for, which is not possible here",
                     saying->by, verb_name(verb));
    batch_note(engine, saying->incident->number,
               &(struct note){.kind = "note",
                              .actor = saying->input->actor,
                              .credential = saying->input->credential,
                              .text = text,
                              .data = ""});
    saying->refused = true;
    say(saying, arena_printf(&engine->arena, "#%llu: \"%s\" is not possible here; it was noted.",
                             (unsigned long long)saying->incident->number, verb_name(verb)));
}

static void change_policy(struct saying *saying)
{
    struct repolicy_target target;
    if (!incident_is_open(saying->incident)) {
        move_incident(saying, (struct move){.kind = MOVE_REPOLICY}); /* says so */
        return;
    }
    const char *reason = repolicy_find(saying->engine, saying->incident, &target);
    if (reason[0] != '\0') {
        saying->refused = true;
        say(saying, reason);
        return;
    }
    struct move move = {.kind = MOVE_REPOLICY};
    complete_move(saying, &move);
    repolicy_move(saying->engine, saying->incident, &move, &target);
    hear_answer(saying);
}

static void switch_method(struct saying *saying, bool on)
{
    const char *channel = saying->answers != NULL ? saying->answers->channel : "";
    say(saying,
        methods_switch(saying->engine, saying->input, saying->by, channel, on, &saying->refused));
}

static void apply_command(struct saying *saying, const struct reply_command *command)
{
    switch (command->verb) {
    case VERB_ACK:
    case VERB_KNOWN:
    case VERB_ETA:
    case VERB_SNOOZE:
    case VERB_TAKE:
    case VERB_ALL_ACK:
    case VERB_WHAT:
    case VERB_DOING:
    case VERB_AVOID:
        break; /* one move for all of them, before */
    case VERB_PRIORITY:
        if (command->priority < 1 || command->priority > 5) {
            saying->refused = true;
            say(saying, "A priority is p1 to p5.");
            break;
        }
        move_incident(saying, (struct move){.kind = MOVE_FIELD,
                                            .verb = VERB_PRIORITY,
                                            .priority = command->priority});
        break;
    case VERB_CAUSE:
    case VERB_LOSS:
    case VERB_RESTORED:
    case VERB_NOTE:
        move_incident(
            saying,
            (struct move){.kind = MOVE_FIELD, .verb = command->verb, .text = command->text});
        break;
    case VERB_APPROVE:
        move_incident(saying, (struct move){.kind = MOVE_APPROVE});
        break;
    case VERB_REJECT:
        move_incident(saying, (struct move){.kind = MOVE_REJECT, .text = command->text});
        break;
    case VERB_ESCALATE:
        move_incident(saying, (struct move){.kind = MOVE_ESCALATE});
        break;
    case VERB_PASS:
        move_incident(saying, (struct move){.kind = MOVE_PASS});
        break;
    case VERB_RESOLVE:
        move_incident(saying, (struct move){.kind = MOVE_RESOLVE});
        break;
    case VERB_REPOLICY:
        change_policy(saying);
        break;
    case VERB_STATUS:
        say(saying, answer_status(saying->incident, &saying->engine->moment, saying->by));
        break;
    case VERB_HELP:
        say(saying, answer_help());
        break;
    case VERB_STOP:
    case VERB_START:
        switch_method(saying, command->verb == VERB_START);
        break;
    case VERB_SILENCE:
        say(saying, silence_incident(saying->engine, saying->input, saying->incident, saying->by,
                                     command, &saying->refused));
        break;
    case VERB_UNSILENCE:
    case VERB_NONE:
    case VERB_OVERRIDE:
    case VERB_COUNT:
        refuse_verb(saying, command->verb);
        break;
    }
}

/* Whoever replies belongs to `everyone` from then on; who has been told of it does already. */
void replies_note_replier(struct saying *saying)
{
    struct incident *incident = saying->incident;
    if (rulebook_contact(saying->engine->book, saying->by) == NULL)
        return;
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (text_equal(n->contact, saying->by))
            return;
    }
    for (const struct replier *r = incident->later->repliers; r != NULL; r = r->next) {
        if (text_equal(r->contact, saying->by))
            return;
    }
    later_add_replier(&saying->engine->world, incident, saying->by);
    batch_touch_incident(saying->engine, incident);
}

/* Whoever acknowledges, or says one of the things asked for, hears what is still missing. */
static bool gives_something(const struct reply *reply)
{
    for (size_t i = 0; i < reply->command_count; i++) {
        enum verb verb = reply->commands[i].verb;
        if ((verb >= VERB_ACK && verb <= VERB_LOSS) || verb == VERB_TAKE || verb == VERB_SNOOZE ||
            verb == VERB_ALL_ACK)
            return true;
    }
    return false;
}

void replies_apply(struct saying *saying)
{
    const char *answer = replies_read_answer(saying);
    const struct reply *reply = saying->reply;
    replies_note_replier(saying);
    move_incident(saying, (struct move){.kind = MOVE_HEARD});
    replies_gather(saying);
    /* Taking over comes first: the new owner may promise. Where nobody has it, it is an ack. */
    if (saying->takes && (!saying->acks || saying->incident->state == INCIDENT_ACKNOWLEDGED))
        move_incident(saying, (struct move){.kind = MOVE_TAKE});
    bool acks = saying->acks && !saying->has_reported;
    if (acks)
        saying->text = ""; /* its answer says it all */
    if (acks)
        move_incident(saying, (struct move){.kind = MOVE_ACK,
                                            .known = saying->known,
                                            .eta_at_ms = saying->eta_at_ms});
    struct move parts = {.kind = MOVE_PARTS};
    if (replies_gather_parts(reply, &parts))
        move_incident(saying, parts);
    for (size_t i = 0; i < reply->command_count; i++)
        apply_command(saying, &reply->commands[i]);
    saying->answered = answer[0] != '\0';
    if (saying->answered)
        move_incident(saying, (struct move){.kind = MOVE_ANSWER, .text = answer});
    if (gives_something(reply))
        say(saying, fields_answer(saying->incident, &saying->engine->moment, saying->by));
    if (reply->command_count > 0 || answer[0] != '\0')
        return;
    move_incident(saying, (struct move){.kind = MOVE_FIELD, .verb = VERB_NONE, .text = reply->raw});
    if (saying->incident->state == INCIDENT_TRIGGERED || saying->incident->state == INCIDENT_HELD)
        say(saying, "It did not acknowledge: reply \"ack\" for that.");
}

/* Which incidents an unbound reply may mean, by how the sender stands to them. */
struct standing {
    uint64_t paged[LISTED_MAX]; /* unacknowledged, the sender was paged for it */
    size_t paged_count;
    uint64_t owned[LISTED_MAX];
    size_t owned_count;
    uint64_t told[LISTED_MAX];
    size_t told_count;
    uint64_t last; /* the last one they were notified of */
    uint64_t last_notification;
    int64_t last_at_ms;
};

/* Keeps the newest, whatever order the world is walked in. */
static void add_listed(uint64_t *list, size_t *count, uint64_t number)
{
    size_t lowest = 0;
    if (*count < LISTED_MAX) {
        list[(*count)++] = number;
        return;
    }
    for (size_t i = 1; i < *count; i++) {
        if (list[i] < list[lowest])
            lowest = i;
    }
    if (number > list[lowest])
        list[lowest] = number;
}

static void look_at(struct standing *standing, const struct incident *incident, const char *by)
{
    bool paged = false;
    bool told = false;
    for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
        if (!text_equal(n->contact, by) || !reach_was_handed_over(n))
            continue;
        told = true;
        paged = paged || n->kind == KIND_PAGE;
        if (n->id > standing->last_notification) {
            standing->last_notification = n->id;
            standing->last = incident->number;
            standing->last_at_ms = n->due_at_ms;
        }
    }
    if (!incident_is_open(incident))
        return;
    if (paged && incident->state != INCIDENT_ACKNOWLEDGED)
        add_listed(standing->paged, &standing->paged_count, incident->number);
    if (text_equal(incident->later->owner, by))
        add_listed(standing->owned, &standing->owned_count, incident->number);
    if (told)
        add_listed(standing->told, &standing->told_count, incident->number);
}

/* Incidents leave memory within the day. A store that does not answer now will say so at the commit. */
static void look_into_store(struct standing *standing, const struct engine *engine, const char *by)
{
    const struct store *store = engine->options.store;
    struct store_told told;
    if (store->ops->last_told(store->self, by, &told, NULL) != 0 ||
        told.notification <= standing->last_notification)
        return;
    standing->last = told.incident;
    standing->last_notification = told.notification;
    standing->last_at_ms = told.due_at_ms;
}

static bool wants_unacknowledged(const struct reply *reply)
{
    for (size_t i = 0; i < reply->command_count; i++) {
        enum verb verb = reply->commands[i].verb;
        if (verb == VERB_ACK || verb == VERB_KNOWN || verb == VERB_PASS || verb == VERB_ESCALATE ||
            verb == VERB_ALL_ACK)
            return true;
    }
    return false;
}

/* As much of a title as `most` bytes hold, up to the end of a character. */
static size_t title_bytes_that_fit(const char *title, size_t most)
{
    size_t length = strlen(title);
    size_t keep = 0;
    for (;;) {
        size_t step = text_utf8_step(title + keep, length - keep);
        if (step == 0 || keep + step > most)
            return keep;
        keep += step;
    }
}

static const char *list_with(struct engine *engine, const uint64_t *numbers, size_t count,
                             size_t title_bytes)
{
    const char *text = "Which one? Put its number first:";
    for (size_t i = 0; i < count; i++) {
        const char *title = incident_title(world_incident(&engine->world, numbers[i]));
        size_t keep = title_bytes_that_fit(title, title_bytes);
        text = arena_printf(&engine->arena, "%s%s #%llu%s%.*s%s", text, i > 0 ? ";" : "",
                            (unsigned long long)numbers[i], keep > 0 ? " " : "", (int)keep, title,
                            keep > 0 && title[keep] != '\0' ? "..." : "");
    }
    return text;
}

/* Every number has to be in an answer of two short messages: titles take what is left. */
static const char *list_text(struct engine *engine, const uint64_t *numbers, size_t count)
{
    static const size_t budgets[] = {240, 160, 100, 60, 30};
    for (size_t i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
        const char *text = list_with(engine, numbers, count, budgets[i] / count);
        if (gsm_measure(text, strlen(text)).parts <= LIST_PARTS_MAX)
            return text;
    }
    return list_with(engine, numbers, count, 0);
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* One: that. None: the last they were notified of within a day. Several: the list is the answer,
 * nothing is guessed. */
static uint64_t guess_incident(struct saying *saying)
{
    struct engine *engine = saying->engine;
    struct standing standing = {.last = 0};
    size_t slot = 0;
    for (struct incident *incident = table_each(&engine->world.incidents, &slot); incident != NULL;
         incident = table_each(&engine->world.incidents, &slot))
        look_at(&standing, incident, saying->by);
    bool first = wants_unacknowledged(saying->reply);
    uint64_t *list = first ? standing.paged : standing.owned;
    size_t count = first ? standing.paged_count : standing.owned_count;
    if (count == 0) {
        list = first ? standing.owned : standing.told;
        count = first ? standing.owned_count : standing.told_count;
    }
    if (count == 0)
        look_into_store(&standing, engine, saying->by);
    if (count == 0 && standing.last != 0 && engine->now_ms - standing.last_at_ms <= RECENT_MS)
        return standing.last;
    if (count == 1)
        return list[0];
    qsort(list, count, sizeof(*list), compare_numbers);
    saying->text = count > 0 ? list_text(engine, list, count)
                             : "No open incident of yours was found; put #N first to name one.";
    return 0;
}

static uint64_t bound_incident(struct saying *saying)
{
    struct engine *engine = saying->engine;
    const struct reply *reply = saying->reply;
    const struct store *store = engine->options.store;
    saying->answers = world_notification(&engine->world, reply->notification);
    if (reply->incident != 0)
        return reply->incident;
    if (saying->answers != NULL && saying->answers->incident != NULL)
        return saying->answers->incident->number;
    struct stored_notification stored;
    if (reply->notification == 0 ||
        store_notification(store, reply->notification, &engine->arena, &stored, NULL) != 0)
        return 0;
    bool is_of_none = stored.row.incident == 0 && stored.row.kind != KIND_DIGEST &&
                      saying->input->kind == INPUT_REPLY;
    if (!is_of_none)
        return stored.row.incident;
    saying->answers = NULL; /* what answers a notice of no incident may mean any */
    return guess_incident(saying);
}

static uint64_t find_number(struct saying *saying)
{
    const struct reply *reply = saying->reply;
    const struct notification *coded = codes_find(saying->engine, reply, saying->by);
    if (coded != NULL && (reply->incident == 0 || reply->incident == coded->incident->number)) {
        saying->answers = coded;
        saying->code_fits = true;
        return coded->incident->number;
    }
    uint64_t listed = replies_find_listed(saying);
    if (listed != 0)
        return listed;
    if (reply->incident != 0 || reply->notification != 0)
        return bound_incident(saying);
    if (saying->input->kind == INPUT_COMMAND)
        return 0;
    uint64_t asking = replies_find_ask(saying);
    return asking != 0 ? asking : guess_incident(saying);
}

static bool asks_only_for_help(const struct reply *reply)
{
    return reply->command_count == 1 && reply->commands[0].verb == VERB_HELP;
}

static void finish_without(struct saying *saying, uint64_t number, struct answer *out_answer)
{
    struct engine *engine = saying->engine;
    enum answer_status status = ANSWER_UNKNOWN;
    if (asks_only_for_help(saying->reply)) {
        status = ANSWER_DONE;
        saying->text = answer_help();
    } else if (number != 0 && replies_note_on_closed(saying, number)) {
        status = saying->refused ? ANSWER_REFUSED : ANSWER_DONE;
    } else if (number != 0) {
        saying->text =
            arena_printf(&engine->arena, "There is no incident #%llu.", (unsigned long long)number);
    } else if (saying->text[0] == '\0') {
        saying->text = "That message names no incident; put #N first.";
    }
    if (status == ANSWER_UNKNOWN) {
        saying->refused = true;
        replies_note_unheard(saying, 0);
    }
    *out_answer = (struct answer){.status = status, .incident = number, .text = saying->text};
}

/* stop and start alone are about a way of being reached, not about an incident. */
static bool is_switch(const struct reply *reply)
{
    return reply->command_count == 1 &&
           (reply->commands[0].verb == VERB_STOP || reply->commands[0].verb == VERB_START);
}

static enum answer_status switch_alone(struct saying *saying)
{
    struct engine *engine = saying->engine;
    const struct reply *reply = saying->reply;
    const char *channel = "";
    struct stored_notification stored;
    bool code_fits = codes_find(engine, reply, saying->by) != NULL;
    saying->text = codes_judge(engine, reply, saying->by, NULL, code_fits);
    if (saying->text[0] != '\0')
        return ANSWER_REFUSED;
    if (reply->notification != 0 && store_notification(engine->options.store, reply->notification,
                                                       &engine->arena, &stored, NULL) == 0)
        channel = stored.row.channel;
    saying->text = methods_switch(engine, saying->input, saying->by, channel,
                                  reply->commands[0].verb == VERB_START, &saying->refused);
    return saying->refused ? ANSWER_REFUSED : ANSWER_DONE;
}

static void take(struct saying *saying, struct answer *out_answer)
{
    if (is_switch(saying->reply)) {
        *out_answer = (struct answer){.status = switch_alone(saying), .text = saying->text};
        return;
    }
    if (replies_take_all(saying, out_answer))
        return;
    uint64_t number = find_number(saying);
    saying->incident = number != 0 ? world_incident(&saying->engine->world, number) : NULL;
    const char *why =
        codes_judge(saying->engine, saying->reply, saying->by, saying->incident, saying->code_fits);
    if (number != 0 && why[0] != '\0') {
        *out_answer = (struct answer){.status = ANSWER_REFUSED, .text = why};
        return;
    }
    if (saying->incident == NULL) {
        finish_without(saying, number, out_answer);
        return;
    }
    if (saying->answers != NULL && saying->answers->incident != saying->incident)
        saying->answers = NULL;
    replies_apply(saying);
    replies_answer_by_message(saying);
    *out_answer = (struct answer){.status = saying->refused ? ANSWER_REFUSED : ANSWER_DONE,
                                  .incident = number,
                                  .text = saying->text};
}

void replies_take(struct engine *engine, const struct input *input, struct answer *out_answer)
{
    const struct reply *reply = &input->u.reply;
    struct saying saying = {.engine = engine,
                            .input = input,
                            .reply = reply,
                            .by = reply->from[0] != '\0' ? reply->from : input->actor,
                            .text = ""};
    if (silence_is_command(input)) {
        silence_command(engine, input, out_answer);
        return;
    }
    if (overrides_is_command(input)) {
        overrides_take(engine, input, out_answer);
        return;
    }
    if (input->kind != INPUT_REPLY && reply->report_or_null != NULL) {
        reports_take(engine, input, saying.by, out_answer);
        return;
    }
    if (input->kind != INPUT_REPLY) {
        take(&saying, out_answer);
        return;
    }
    saying.by = arena_strdup(&engine->arena, addressed_sender(engine, reply));
    /* A stranger changes nothing and hears nothing, so that probing tells nothing. */
    if (saying.by[0] == '\0') {
        *out_answer = (struct answer){.status = ANSWER_REFUSED, .text = ""};
        return;
    }
    if (heard_before(engine, input, out_answer))
        return;
    saying.reply = addressed_read(engine, reply, saying.by);
    take(&saying, out_answer);
    heard_after(engine, input,
                out_answer->status == ANSWER_DONE &&
                    (saying.reply->command_count > 0 || saying.answered),
                out_answer);
}

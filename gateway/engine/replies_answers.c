/* Answers by message, where no ticket carries them back, and what is said about an incident that has left memory. */
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/engine/replies_internal.h"
#include "policies/fields.h"
#include "policies/follow.h"

/* Whoever heard only "recorded" and cannot be sent a message finds on the timeline that it was refused. */
void replies_note_unheard(struct saying *saying, uint64_t number)
{
    bool was_told_so = saying->input->inbox_sequence == 0 || !saying->refused;
    if (was_told_so || saying->text[0] == '\0')
        return;
    batch_note(saying->engine, number,
               &(struct note){.kind = "refused",
                              .actor = saying->input->actor,
                              .credential = saying->input->credential,
                              .text = saying->text,
                              .data = ""});
}

/* Is there nobody whom the ticket tells? A link or the command line could have answered at once; where another node
 * recorded the reply, only a message can. */
static bool wants_message(const struct saying *saying)
{
    const struct input *input = saying->input;
    if (saying->text[0] == '\0')
        return false;
    return input->inbox_sequence != 0 || (input->kind == INPUT_REPLY && input->ticket == NULL);
}

/* The answer by message, where no ticket carries it back. */
void replies_answer_by_message(struct saying *saying)
{
    struct engine *engine = saying->engine;
    struct incident *incident = saying->incident;
    bool by_any = saying->input->inbox_sequence != 0;
    if (!wants_message(saying))
        return;
    moment_next(&engine->moment);
    if (!follow_answer(incident, &engine->moment, saying->by, saying->reply->via, by_any,
                       saying->text)) {
        replies_note_unheard(saying, incident->number);
        return;
    }
    ASSERT(engine->moment.act_count == 1);
    batch_touch_incident(engine, incident);
    attempts_send(engine, incident, &engine->moment.acts[0].u.message);
}

/* What a message states about an incident, from its row. */
static struct incident *closed_incident(struct engine *engine, const struct incident_row *row)
{
    struct err ignored;
    struct policy *policy = arena_alloc(&engine->arena, sizeof(*policy));
    struct incident *incident = arena_alloc(&engine->arena, sizeof(*incident));
    struct incident_later *later = arena_alloc(&engine->arena, sizeof(*later));
    *policy = (struct policy){.name = row->policy};
    size_t key_bytes = strlen(row->group_key) + 1;
    size_t title_bytes = strlen(row->title) + 1;
    char *text = arena_alloc(&engine->arena, key_bytes + title_bytes);
    memcpy(text, row->group_key, key_bytes);
    memcpy(text + key_bytes, row->title, title_bytes);
    *later = (struct incident_later){.owner = row->owner,
                                     .cause = row->cause,
                                     .mark = "",
                                     .flap = "",
                                     .acked_at_ms = row->acked_at_ms,
                                     .resolved_at_ms = row->resolved_at_ms,
                                     .ack_until_ms = row->ack_until_ms,
                                     .eta_at_ms = row->eta_at_ms,
                                     .linked = row->linked,
                                     .slip_count = (uint32_t)row->slip_count};
    *incident = (struct incident){.number = row->number,
                                  .policy = policy,
                                  .text = text,
                                  .title_offset = (uint32_t)key_bytes,
                                  .source = "",
                                  .later = later,
                                  .opened_at_ms = row->opened_at_ms,
                                  .state = (uint8_t)row->state,
                                  .severity = (uint8_t)row->severity,
                                  .priority = (uint8_t)row->priority,
                                  .known = row->known,
                                  .cleared = row->cleared};
    memcpy(incident->uuid, row->uuid, sizeof(incident->uuid));
    /* Only its climb is stated: a ladder that cannot be read is none, and so are such fields. */
    (void)ladder_read(row->ladder, &engine->arena, &incident->ladder, &later->ladder, &ignored);
    (void)fields_read(row->fields, &engine->arena, &later->fields, &ignored);
    return incident;
}

static void answer_closed_by_message(struct saying *saying, const struct incident_row *row)
{
    struct engine *engine = saying->engine;
    bool by_any = saying->input->inbox_sequence != 0;
    if (!wants_message(saying))
        return;
    const struct incident *closed = closed_incident(engine, row);
    /* Higher than the serial of any message it had. */
    int32_t serial = (int32_t)(engine->meta.next_notification & INT32_MAX);
    moment_next(&engine->moment);
    if (!follow_answer_closed(closed, serial, &engine->moment, saying->by, saying->reply->via,
                              by_any, saying->text)) {
        replies_note_unheard(saying, row->number);
        return;
    }
    ASSERT(engine->moment.act_count == 1);
    attempts_send_closed(engine, closed, &engine->moment.acts[0].u.message);
}

static void note_closed(struct saying *saying, uint64_t number, const char *kind, const char *text)
{
    const struct input *input = saying->input;
    batch_note(saying->engine, number,
               &(struct note){.kind = kind,
                              .actor = input->actor,
                              .credential = input->credential,
                              .text = text,
                              .data = ""});
}

/* The incident has left memory; what is said about it still belongs on its timeline. False: it is
 * no longer kept at all. */
bool replies_note_on_closed(struct saying *saying, uint64_t number)
{
    struct engine *engine = saying->engine;
    const struct store *store = engine->options.store;
    const struct reply *reply = saying->reply;
    struct incident_row row;
    bool found = false;
    if (store->ops->closed(store->self, number, &engine->arena, &row, &found, NULL) != 0 || !found)
        return false;
    replies_gather(saying);
    if (saying->acks)
        note_closed(
            saying, number, "note",
            arena_printf(&engine->arena, "%s acknowledged after the resolution", saying->by));
    if (reply->command_count == 0)
        note_closed(saying, number, "note", reply->raw);
    for (size_t i = 0; i < reply->command_count; i++) {
        const struct reply_command *command = &reply->commands[i];
        if (command->text[0] != '\0')
            note_closed(saying, number, verb_name(command->verb), command->text);
        else if (command->verb == VERB_ESCALATE || command->verb == VERB_PASS ||
                 command->verb == VERB_TAKE || command->verb == VERB_RESOLVE ||
                 command->verb == VERB_REPOLICY)
            saying->refused = true;
    }
    const struct zone *zone = moment_zone_of(&engine->moment, saying->by);
    saying->text =
        arena_printf(&engine->arena, "#%llu was resolved at %s.", (unsigned long long)number,
                     moment_local_time(&engine->moment, zone, row.resolved_at_ms));
    answer_closed_by_message(saying, &row);
    return true;
}

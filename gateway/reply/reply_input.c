#include "gateway/reply/reply_input.h"

#include <string.h>

#include "gateway/reply/grammar.h"
#include "gateway/system/id.h"

void reply_bound(const struct notification_row *row, const char *via, const char *text,
                 struct arena *arena, struct reply *out_reply)
{
    *out_reply = (struct reply){
        .from = row->contact, .via = via, .notification = row->id, .incident = row->incident};
    grammar_parse(text, grammar_context_of(row->kind), arena, out_reply);
}

static char *place(char **at, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = memcpy(*at, text, bytes);
    *at += bytes;
    return copy;
}

/* NULL stays NULL. */
static const char *place_or_null(char **at, const char *text_or_null)
{
    return text_or_null != NULL ? place(at, text_or_null) : NULL;
}

static size_t bytes_or_none(const char *text_or_null)
{
    return text_or_null != NULL ? strlen(text_or_null) + 1 : 0;
}

size_t reply_input_bytes(const struct reply *reply, const char *actor, const char *credential)
{
    size_t bytes = strlen(reply->from) + strlen(reply->via) + strlen(reply->raw) + strlen(actor) +
                   strlen(credential) + 5 + bytes_or_none(reply->address_or_null) +
                   bytes_or_none(reply->message_id_or_null) + bytes_or_none(reply->code_or_null) +
                   bytes_or_none(reply->report_or_null);
    for (size_t i = 0; i < reply->command_count; i++)
        bytes +=
            strlen(reply->commands[i].text) + 1 + bytes_or_none(reply->commands[i].match_or_null);
    return bytes;
}

void reply_input_fill(struct input *out_input, enum input_kind kind, const struct reply *reply,
                      const char *actor, const char *credential, char *texts)
{
    struct id id = id_make();
    *out_input = (struct input){.kind = kind};
    memcpy(out_input->id, id.bytes, sizeof(out_input->id));
    out_input->actor = place(&texts, actor);
    out_input->credential = place(&texts, credential);
    out_input->u.reply = *reply;
    out_input->u.reply.from = place(&texts, reply->from);
    out_input->u.reply.via = place(&texts, reply->via);
    out_input->u.reply.raw = place(&texts, reply->raw);
    out_input->u.reply.address_or_null = place_or_null(&texts, reply->address_or_null);
    out_input->u.reply.message_id_or_null = place_or_null(&texts, reply->message_id_or_null);
    out_input->u.reply.code_or_null = place_or_null(&texts, reply->code_or_null);
    out_input->u.reply.report_or_null = place_or_null(&texts, reply->report_or_null);
    for (size_t i = 0; i < reply->command_count; i++) {
        struct reply_command *command = &out_input->u.reply.commands[i];
        command->text = place(&texts, reply->commands[i].text);
        command->match_or_null = place_or_null(&texts, reply->commands[i].match_or_null);
    }
}

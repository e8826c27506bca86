/* A provider's message is applied once, however often it comes; and nobody is told for ever that they were not understood:
 * two machines would go on talking. */
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"
#include "gateway/engine/addressed.h"

static const char *message_name(const struct reply *reply, char out[MARK_NAME_BYTES])
{
    return mark_pair(reply->via, reply->message_id_or_null, out);
}

/* What this very batch has heard is not in the store yet. */
static const struct mark_row *heard_in_batch(const struct engine *engine, const char *name)
{
    const struct effects *tail = &engine->batch.tail;
    for (size_t i = tail->count; i > 0; i--) {
        const struct effect *effect = &tail->items[i - 1];
        if (effect->kind == EFFECT_MARK && effect->u.mark->kind == MARK_HEARD &&
            text_equal(effect->u.mark->name, name))
            return effect->u.mark;
    }
    return NULL;
}

/* "INCIDENT TEXT", as heard_after writes it. */
static struct answer answer_again(struct engine *engine, const char *value)
{
    struct answer answer = {.status = ANSWER_DONE, .text = ""};
    const char *blank = strchr(value, ' ');
    if (blank == NULL)
        return answer;
    const char *number = arena_strndup(&engine->arena, value, (size_t)(blank - value));
    answer.text = blank + 1;
    if (parse_u64(number, 0, UINT64_MAX, &answer.incident, NULL) != 0)
        answer.incident = 0;
    return answer;
}

bool heard_before(struct engine *engine, const struct input *input, struct answer *out_answer)
{
    const struct reply *reply = &input->u.reply;
    const struct store *store = engine->options.store;
    char name[MARK_NAME_BYTES];
    if (reply->message_id_or_null == NULL || reply->message_id_or_null[0] == '\0')
        return false;
    const struct mark_row *found = heard_in_batch(engine, message_name(reply, name));
    struct mark_row stored;
    struct err err = {.code = ERR_NONE};
    if (found == NULL) {
        if (store->ops->find_mark(store->self, MARK_HEARD, name, &engine->arena, &stored, &err) ==
            0)
            found = &stored;
    }
    if (found != NULL) {
        *out_answer = answer_again(engine, found->value);
        return true;
    }
    if (err.code == ERR_NOT_FOUND)
        return false;
    *out_answer = (struct answer){.status = ANSWER_BUSY, .text = "try again"};
    return true;
}

/* How many answers in a row have said that nothing was understood. */
static uint64_t errors_of(const struct engine *engine, const char *name)
{
    const struct ledger_entry *mark = ledger_find(&engine->world.marks, MARK_ERRORS, name);
    uint64_t count = 0;
    if (mark != NULL && parse_u64(mark->value, 0, UINT64_MAX, &count, NULL) != 0)
        count = 0;
    return count;
}

static void count_errors(struct engine *engine, const struct reply *reply, bool is_valid,
                         struct answer *answer)
{
    char name[MARK_NAME_BYTES];
    const char *address = reply->address_or_null != NULL ? reply->address_or_null : reply->from;
    uint64_t count = errors_of(engine, mark_pair(reply->via, address, name));
    if (is_valid) {
        if (count > 0)
            batch_mark(engine, &(struct mark_row){.kind = MARK_ERRORS, .name = name, .gone = true});
        return;
    }
    if (answer->text[0] == '\0')
        return;
    if (count >= ERROR_ANSWERS_MAX) {
        answer->text = "";
        return;
    }
    batch_mark(engine, &(struct mark_row){.kind = MARK_ERRORS,
                                          .name = name,
                                          .value = arena_printf(&engine->arena, "%llu",
                                                                (unsigned long long)(count + 1))});
}

void heard_after(struct engine *engine, const struct input *input, bool is_valid,
                 struct answer *answer)
{
    const struct reply *reply = &input->u.reply;
    char name[MARK_NAME_BYTES];
    if (reply->address_or_null != NULL)
        count_errors(engine, reply, is_valid, answer);
    if (reply->message_id_or_null == NULL || reply->message_id_or_null[0] == '\0')
        return;
    const char *value =
        arena_printf(&engine->arena, "%llu %s", (unsigned long long)answer->incident, answer->text);
    batch_mark(engine, &(struct mark_row){
                           .kind = MARK_HEARD, .name = message_name(reply, name), .value = value});
}

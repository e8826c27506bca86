/* Answers to asks: which reply is one, and what of it (DESIGN section 7). */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/text.h"
#include "gateway/engine/addressed.h"
#include "gateway/engine/replies_internal.h"
#include "policies/asks.h"

static const char *raw_of(const struct reply *reply)
{
    return reply->raw != NULL ? reply->raw : "";
}

bool replies_gather_parts(const struct reply *reply, struct move *out_move)
{
    bool any = false;
    for (size_t i = 0; i < reply->command_count; i++) {
        const struct reply_command *command = &reply->commands[i];
        if (command->verb != VERB_WHAT && command->verb != VERB_DOING &&
            command->verb != VERB_AVOID)
            continue;
        enum part part = command->verb == VERB_WHAT    ? PART_WHAT
                         : command->verb == VERB_DOING ? PART_DOING
                                                       : PART_AVOID;
        out_move->parts[part] = command->text;
        any = true;
    }
    return any;
}

uint64_t replies_find_ask(const struct saying *saying)
{
    const struct engine *engine = saying->engine;
    const struct reply *reply = saying->reply;
    const struct ask *latest = NULL;
    uint64_t number = 0;
    size_t slot = 0;
    if (reply->command_count > 0 || raw_of(reply)[0] == '\0')
        return 0;
    /* As the answer to a page it is a note. */
    if (addressed_answers_page(addressed_last(engine, reply, saying->by)))
        return 0;
    for (struct incident *incident = table_each(&engine->world.incidents, &slot); incident != NULL;
         incident = table_each(&engine->world.incidents, &slot)) {
        const struct ask *ask = asks_latest_of(incident, saying->by);
        bool later = ask != NULL && (latest == NULL || ask->asked_at_ms > latest->asked_at_ms);
        bool same = ask != NULL && latest != NULL && ask->asked_at_ms == latest->asked_at_ms;
        if (later || (same && incident->number > number)) {
            latest = ask;
            number = incident->number;
        }
    }
    return number;
}

static size_t trimmed(const char *line, size_t length, size_t *out_from)
{
    size_t from = 0;
    while (from < length && isspace((unsigned char)line[from]))
        from++;
    while (length > from && isspace((unsigned char)line[length - 1]))
        length--;
    *out_from = from;
    return length - from;
}

/* In answer to an ask only `stop`, `help`, `status` and lines that begin with #N are commands. */
static bool is_command_line(const char *line, size_t length)
{
    static const char *const words[] = {"stop", "help", "status", "?"};
    size_t from = 0;
    size_t count = trimmed(line, length, &from);
    if (count > 1 && line[from] == '#' && isdigit((unsigned char)line[from + 1]))
        return true;
    while (count > 1 && strchr(".,!", line[from + count - 1]) != NULL)
        count--;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i]) == count && strncasecmp(line + from, words[i], count) == 0)
            return true;
    }
    return false;
}

/* The lines of the reply that answer; *out_commands says whether there are others. */
static const char *answer_lines(const struct saying *saying, bool *out_commands)
{
    const char *raw = raw_of(saying->reply);
    struct strbuf text;
    strbuf_init(&text, strlen(raw) + 1);
    *out_commands = false;
    while (*raw != '\0') {
        size_t length = strcspn(raw, "\n");
        size_t from = 0;
        size_t count = trimmed(raw, length, &from);
        if (is_command_line(raw, length)) {
            *out_commands = true;
        } else if (count > 0) {
            strbuf_add(&text, text.length > 0 ? "\n" : "");
            strbuf_add_bytes(&text, raw + from, count);
        }
        raw += length + (raw[length] == '\n' ? 1 : 0);
    }
    const char *copy = arena_strndup(&saying->engine->arena, strbuf_text(&text), text.length);
    strbuf_clear(&text);
    return copy;
}

/* Unbound, or in answer to what only tells: somebody took the latest mail of the thread. */
static bool may_be_about_anything(const struct notification *answers_or_null)
{
    return answers_or_null == NULL || answers_or_null->kind == KIND_NOTICE ||
           answers_or_null->kind == KIND_INFORM || answers_or_null->kind == KIND_ANSWER;
}

const char *replies_read_answer(struct saying *saying)
{
    const struct reply *reply = saying->reply;
    bool bound = asks_answered_by(saying->incident, saying->answers) != NULL;
    bool has_commands = false;
    if (saying->input->kind != INPUT_REPLY)
        return "";
    if (!bound) {
        bool free_text = reply->command_count == 0 && may_be_about_anything(saying->answers);
        bool asked = free_text && asks_latest_of(saying->incident, saying->by) != NULL;
        bool to_page = asked && saying->answers == NULL &&
                       addressed_answers_page(addressed_last(saying->engine, reply, saying->by));
        return asked && !to_page ? answer_lines(saying, &has_commands) : "";
    }
    const char *answer = answer_lines(saying, &has_commands);
    /* The reminder of an ask looks like that of a page to who has read the words of the reply. */
    if (!has_commands && reply->command_count > 0) {
        struct reply *read = arena_copy(&saying->engine->arena, reply, sizeof(*reply));
        read->command_count = 0;
        saying->reply = read;
    }
    return answer;
}

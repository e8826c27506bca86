#include "gateway/engine/addressed.h"

#include <string.h>
#include <strings.h>

#include "gateway/base/assert.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"
#include "gateway/system/digest.h"
#include "gateway/system/token.h"
#include "policies/asks.h"
#include "policies/reach.h"

static bool has_address(const struct contact *contact, const char *channel, const char *address)
{
    for (size_t i = 0; i < contact->method_count; i++) {
        if (text_equal(contact->methods[i].channel, channel) &&
            text_equal(contact->methods[i].address, address))
            return true;
    }
    return false;
}

/* Which notifications a search is about; texts are the names kept by the world or any others. */
struct sought {
    const char *channel;
    const char *address_or_null; /* of the contact, by the rulebook */
    const char *contact_or_null;
    uint64_t incident; /* 0: any */
    bool pages_only;
};

static bool fits(const struct engine *engine, const struct sought *sought,
                 const struct notification *n)
{
    if (!text_equal(n->channel, sought->channel) || !reach_was_handed_over(n) ||
        (sought->pages_only && n->kind != KIND_PAGE && n->kind != KIND_REMINDER))
        return false;
    if (sought->contact_or_null != NULL)
        return text_equal(n->contact, sought->contact_or_null);
    const struct contact *contact = rulebook_contact(engine->book, n->contact);
    return contact != NULL && has_address(contact, sought->channel, sought->address_or_null);
}

/* What somebody got in a digest came when that did. */
static uint64_t sent_order(const struct notification *n)
{
    return n->digest != 0 ? n->digest : n->id;
}

/* The newest that was handed over, of the incidents in memory. */
static const struct notification *last_sent(const struct engine *engine,
                                            const struct sought *sought)
{
    const struct notification *last = NULL;
    size_t slot = 0;
    for (struct incident *incident = table_each(&engine->world.incidents, &slot); incident != NULL;
         incident = table_each(&engine->world.incidents, &slot)) {
        if (sought->incident != 0 && incident->number != sought->incident)
            continue;
        for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
            if ((last == NULL || sent_order(n) > sent_order(last)) && fits(engine, sought, n))
                last = n;
        }
    }
    return last;
}

const char *addressed_sender(const struct engine *engine, const struct reply *reply)
{
    const struct rulebook *book = engine->book;
    const char *first = "";
    size_t count = 0;
    if (reply->address_or_null == NULL)
        return rulebook_contact(book, reply->from) != NULL ? reply->from : "";
    for (size_t i = 0; i < book->contact_count; i++) {
        if (!has_address(&book->contacts[i], reply->via, reply->address_or_null))
            continue;
        first = count == 0 ? book->contacts[i].name : first;
        count++;
    }
    if (count < 2)
        return first;
    const struct sought sought = {.channel = reply->via, .address_or_null = reply->address_or_null};
    const struct notification *last = last_sent(engine, &sought);
    return last != NULL ? last->contact : first;
}

static bool answers_a_page(const struct notification *last)
{
    if (last == NULL || (last->kind == KIND_REMINDER && asks_answered_by(last->incident, last)))
        return false;
    return last->digest != 0 || last->kind == KIND_PAGE || last->kind == KIND_REMINDER ||
           last->kind == KIND_DIGEST;
}

const struct notification *addressed_last_page(const struct engine *engine, const char *by,
                                               const char *channel)
{
    const struct sought sought = {.channel = channel, .contact_or_null = by, .pages_only = true};
    return last_sent(engine, &sought);
}

const struct notification *addressed_last(const struct engine *engine, const struct reply *reply,
                                          const char *by)
{
    const struct sought sought = {
        .channel = reply->via, .contact_or_null = by, .incident = reply->incident};
    return last_sent(engine, &sought);
}

bool addressed_answers_page(const struct notification *last_or_null)
{
    return answers_a_page(last_or_null);
}

/* "Yes" and "no" in answer to a request to approve. */
static enum verb decision_of(const char *raw)
{
    static const struct {
        const char *word;
        enum verb verb;
    } words[] = {{"yes", VERB_APPROVE}, {"ok", VERB_APPROVE}, {"no", VERB_REJECT}};
    size_t from = strspn(raw, " \t\r\n\"'");
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t length = strlen(words[i].word);
        const char *rest = raw + from + length;
        if (strncasecmp(raw + from, words[i].word, length) == 0 &&
            rest[strspn(rest, " \t\r\n.,!\"'")] == '\0')
            return words[i].verb;
    }
    return VERB_NONE;
}

const struct reply *addressed_read(struct engine *engine, const struct reply *reply, const char *by)
{
    bool depends = false;
    for (size_t i = 0; i < reply->command_count; i++)
        depends = depends || reply->commands[i].answers_page;
    enum verb decision = reply->address_or_null != NULL ? decision_of(reply->raw) : VERB_NONE;
    if (!depends && decision == VERB_NONE)
        return reply;
    const struct notification *last = addressed_last(engine, reply, by);
    if (answers_a_page(last))
        return reply;
    struct reply *read = arena_copy(&engine->arena, reply, sizeof(*reply));
    read->command_count = 0;
    if (last != NULL && last->kind == KIND_APPROVE && decision != VERB_NONE) {
        read->commands[0] =
            (struct reply_command){.verb = decision, .text = "", .clock_minute = -1};
        read->command_count = 1;
        read->incident = last->incident->number;
        read->notification = last->id;
        return read;
    }
    for (size_t i = 0; i < reply->command_count; i++) {
        if (!reply->commands[i].answers_page)
            read->commands[read->command_count++] = reply->commands[i];
    }
    if (read->incident == 0)
        read->incident = reply->incident_else;
    return read;
}

/* Codes. */

static bool has_code(const struct reply *reply)
{
    return reply->code_or_null != NULL && reply->code_or_null[0] != '\0';
}

const struct notification *codes_find(const struct engine *engine, const struct reply *reply,
                                      const char *by)
{
    const struct secret *key = engine->options.token_key_or_null;
    const struct sought sought = {.channel = reply->via, .contact_or_null = by};
    const struct notification *found = NULL;
    size_t slot = 0;
    if (key == NULL || !has_code(reply))
        return NULL;
    for (struct incident *incident = table_each(&engine->world.incidents, &slot); incident != NULL;
         incident = table_each(&engine->world.incidents, &slot)) {
        for (const struct notification *n = incident->notifications; n != NULL; n = n->next) {
            char code[TOKEN_CODE_BYTES];
            if (!fits(engine, &sought, n) ||
                (reply->incident != 0 && n->digest != 0 && incident->number != reply->incident))
                continue;
            token_code(key, sent_order(n), n->contact, code);
            bool same =
                digest_equal(code, strlen(code), reply->code_or_null, strlen(reply->code_or_null));
            if (same && (found == NULL || n->id > found->id))
                found = n;
        }
    }
    return found;
}

/* What asks for nothing but words needs no code. */
static bool needs_code(const struct engine *engine, const struct reply *reply,
                       const struct incident *incident_or_null)
{
    enum channel_code rule = rulebook_channel_rule(engine->book, reply->via).code;
    bool only_asks = reply->command_count > 0;
    bool stops = false;
    for (size_t i = 0; i < reply->command_count; i++) {
        enum verb verb = reply->commands[i].verb;
        only_asks = only_asks && (verb == VERB_STATUS || verb == VERB_HELP || verb == VERB_START);
        stops = stops || verb == VERB_STOP;
    }
    if (rule == CHANNEL_CODE_OFF || only_asks)
        return false;
    if (rule == CHANNEL_CODE_ALWAYS || stops)
        return true;
    return incident_or_null != NULL &&
           (incident_or_null->severity == SEVERITY_CRITICAL || incident_or_null->priority == 1);
}

struct tries {
    uint64_t count;
    int64_t since_ms;
};

/* "COUNT SINCE", of the tries that still count. */
static struct tries tries_of(const struct engine *engine, const char *name)
{
    struct tries tries = {.since_ms = engine->now_ms};
    const struct ledger_entry *mark = ledger_find(&engine->world.marks, MARK_CODES, name);
    const char *blank = mark != NULL ? strchr(mark->value, ' ') : NULL;
    char count[24] = "";
    int64_t since_ms = 0;
    uint64_t number = 0;
    if (blank == NULL || (size_t)(blank - mark->value) >= sizeof(count))
        return tries;
    memcpy(count, mark->value, (size_t)(blank - mark->value));
    if (parse_u64(count, 0, UINT64_MAX, &number, NULL) != 0 ||
        parse_i64(blank + 1, 0, INT64_MAX, &since_ms, NULL) != 0 ||
        engine->now_ms - since_ms >= CODE_TRIES_MS)
        return tries;
    return (struct tries){.count = number, .since_ms = since_ms};
}

const char *codes_judge(struct engine *engine, const struct reply *reply, const char *by,
                        const struct incident *incident_or_null, bool code_fits)
{
    char name[MARK_NAME_BYTES];
    if (reply->address_or_null == NULL || !needs_code(engine, reply, incident_or_null))
        return "";
    struct tries tries = tries_of(engine, mark_pair(by, reply->via, name));
    if (tries.count >= CODE_TRIES_MAX) {
        int64_t left_ms = tries.since_ms + CODE_TRIES_MS - engine->now_ms;
        return arena_printf(&engine->arena, "Too many wrong codes. Try again in %lldm.",
                            (long long)((left_ms + 59999) / 60000));
    }
    if (code_fits) {
        if (tries.count > 0)
            batch_mark(engine, &(struct mark_row){.kind = MARK_CODES, .name = name, .gone = true});
        return "";
    }
    if (!has_code(reply))
        return "Put the code of the message first, then what to do.";
    batch_mark(engine,
               &(struct mark_row){.kind = MARK_CODES,
                                  .name = name,
                                  .value = arena_printf(&engine->arena, "%llu %lld",
                                                        (unsigned long long)(tries.count + 1),
                                                        (long long)tries.since_ms)});
    return "That code is of no message to you here. Put the code of the message first.";
}

#include "policies/talks.h"

#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/json.h"
#include "policies/incident.h"

static const char *const state_names[UPDATE_STATE_COUNT] = {
    [UPDATE_INCOMPLETE] = "incomplete", [UPDATE_CHANGED] = "changed", [UPDATE_HELD] = "held",
    [UPDATE_RETURNED] = "returned",     [UPDATE_SENT] = "sent",       [UPDATE_DROPPED] = "dropped",
};

const char *update_state_name(enum update_state state)
{
    ASSERT(state < UPDATE_STATE_COUNT);
    return state_names[state];
}

void talks_set_text(struct talks *talks, const char **place, const char *text)
{
    talks->spare_bytes += strlen(*place) + 1;
    *place = arena_strdup(&talks->arena, text);
}

static struct talks *talks_create(void)
{
    struct talks *talks = heap_alloc(sizeof(*talks));
    arena_init(&talks->arena);
    for (int i = 0; i < PART_COUNT; i++)
        talks->parts[i] = "";
    talks->author = "";
    return talks;
}

struct talks *talks_of(struct incident *incident)
{
    if (incident->later->talks == NULL)
        incident->later->talks = talks_create();
    return incident->later->talks;
}

void talks_clear(struct talks *talks)
{
    arena_clear(&talks->arena);
}

void talks_forget_updates(struct talks *talks)
{
    for (const struct update *update = talks->updates; update != NULL; update = update->next)
        talks->spare_bytes += sizeof(*update) + strlen(update->step) + 1;
    talks->updates = NULL;
    for (int i = 0; i < PART_COUNT; i++)
        talks_set_text(talks, &talks->parts[i], "");
    talks_set_text(talks, &talks->author, "");
}

struct update *talks_update(const struct talks *talks_or_null, const char *step)
{
    struct update *update = talks_or_null != NULL ? talks_or_null->updates : NULL;
    while (update != NULL && !text_equal(update->step, step))
        update = update->next;
    return update;
}

struct update *talks_add_update(struct talks *talks, const char *step)
{
    struct update **place = &talks->updates;
    while (*place != NULL)
        place = &(*place)->next;
    *place = arena_alloc(&talks->arena, sizeof(**place));
    (*place)->step = arena_strdup(&talks->arena, step);
    return *place;
}

struct ask *talks_ask(const struct talks *talks_or_null, const char *step)
{
    struct ask *ask = talks_or_null != NULL ? talks_or_null->asks : NULL;
    while (ask != NULL && !text_equal(ask->step, step))
        ask = ask->next;
    return ask;
}

struct ask *talks_add_ask(struct talks *talks, const char *step)
{
    struct ask **place = &talks->asks;
    while (*place != NULL)
        place = &(*place)->next;
    *place = arena_alloc(&talks->arena, sizeof(**place));
    (*place)->step = arena_strdup(&talks->arena, step);
    (*place)->question = "";
    return *place;
}

struct asked *ask_find_person(const struct ask *ask, const char *name)
{
    struct asked *person = ask->asked;
    while (person != NULL && !text_equal(person->name, name))
        person = person->next;
    return person;
}

struct asked *ask_add_person(struct talks *talks, struct ask *ask, const char *name)
{
    struct asked **place = &ask->asked;
    while (*place != NULL)
        place = &(*place)->next;
    *place = arena_alloc(&talks->arena, sizeof(**place));
    (*place)->name = arena_strdup(&talks->arena, name);
    return *place;
}

struct answer_line *ask_add_line(struct talks *talks, struct ask *ask, const char *by,
                                 const char *text, size_t length)
{
    struct answer_line *line = arena_alloc(&talks->arena, sizeof(*line));
    line->by = arena_strdup(&talks->arena, by);
    line->text = arena_strndup(&talks->arena, text, length);
    if (ask->last_line != NULL)
        ask->last_line->next = line;
    else
        ask->lines = line;
    ask->last_line = line;
    ask->line_count++;
    talks->answer_bytes += length + TALKS_LINE_BYTES;
    return line;
}

static void take_earlier(int64_t *due_ms, int64_t at_ms)
{
    if (at_ms != 0 && at_ms < *due_ms)
        *due_ms = at_ms;
}

int64_t talks_due_ms(const struct talks *talks_or_null)
{
    int64_t due_ms = INT64_MAX;
    if (talks_or_null == NULL)
        return due_ms;
    for (const struct update *update = talks_or_null->updates; update != NULL;
         update = update->next) {
        take_earlier(&due_ms, update->due_at_ms);
        take_earlier(&due_ms, update->remind_at_ms);
        take_earlier(&due_ms, update->promised_at_ms);
    }
    for (const struct ask *ask = talks_or_null->asks; ask != NULL; ask = ask->next) {
        if (ask->closed_at_ms != 0)
            continue;
        take_earlier(&due_ms, ask->deadline_at_ms);
        take_earlier(&due_ms, ask->remind_at_ms);
    }
    return due_ms;
}

bool talks_are_open(const struct talks *talks_or_null)
{
    if (talks_or_null == NULL)
        return false;
    for (const struct update *update = talks_or_null->updates; update != NULL;
         update = update->next) {
        if (update->state != UPDATE_SENT && update->state != UPDATE_DROPPED)
            return true;
    }
    for (const struct ask *ask = talks_or_null->asks; ask != NULL; ask = ask->next) {
        if (ask->closed_at_ms == 0)
            return true;
    }
    return false;
}

bool talks_own(const struct talks *talks_or_null, const struct notification *notification)
{
    bool may = notification->kind == KIND_REMINDER || notification->kind == KIND_APPROVE ||
               notification->kind == KIND_ASK;
    return may && (talks_update(talks_or_null, notification->step) != NULL ||
                   talks_ask(talks_or_null, notification->step) != NULL);
}

bool talks_want(const struct talks *talks, const struct notification *notification)
{
    const struct update *update = talks_update(talks, notification->step);
    const struct ask *ask = talks_ask(talks, notification->step);
    if (update != NULL && notification->kind == KIND_APPROVE)
        return update->state == UPDATE_HELD && notification->repetition >= update->round;
    if (ask == NULL)
        return update != NULL && update->state != UPDATE_DROPPED;
    const struct asked *person = ask_find_person(ask, notification->contact);
    bool answered = person != NULL && person->answered;
    return ask->closed_at_ms == 0 && !(answered && notification->kind == KIND_REMINDER);
}

/* Writing and reading. */

static void add_text(struct json_out *json, const char *key, const char *text)
{
    if (text[0] != '\0')
        json_add_string(json, key, text);
}

static void add_number(struct json_out *json, const char *key, int64_t number)
{
    if (number != 0)
        json_add_integer(json, key, number);
}

static void write_update(struct json_out *json, const struct update *update)
{
    json_add_object_begin(json, NULL);
    json_add_string(json, "step", update->step);
    json_add_string(json, "state", update_state_name(update->state));
    if (update->escalated)
        json_add_bool(json, "escalated", true);
    add_number(json, "round", update->round);
    add_number(json, "due_at", update->due_at_ms);
    add_number(json, "remind_at", update->remind_at_ms);
    add_number(json, "promised_at", update->promised_at_ms);
    add_number(json, "sent_at", update->sent_at_ms);
    add_number(json, "sent", update->sent_count);
    json_add_object_end(json);
}

static void write_ask(struct json_out *json, const struct ask *ask)
{
    json_add_object_begin(json, NULL);
    json_add_string(json, "step", ask->step);
    json_add_string(json, "question", ask->question);
    add_number(json, "asked_at", ask->asked_at_ms);
    add_number(json, "deadline_at", ask->deadline_at_ms);
    add_number(json, "remind_at", ask->remind_at_ms);
    add_number(json, "closed_at", ask->closed_at_ms);
    json_add_array_begin(json, "asked");
    for (const struct asked *person = ask->asked; person != NULL; person = person->next) {
        json_add_object_begin(json, NULL);
        json_add_string(json, "name", person->name);
        if (person->answered)
            json_add_bool(json, "answered", true);
        json_add_object_end(json);
    }
    json_add_array_end(json);
    json_add_array_begin(json, "answers");
    for (const struct answer_line *line = ask->lines; line != NULL; line = line->next) {
        json_add_object_begin(json, NULL);
        json_add_string(json, "by", line->by);
        json_add_integer(json, "at", line->at_ms);
        if (line->sort_ms != line->at_ms)
            json_add_integer(json, "of", line->sort_ms);
        json_add_string(json, "text", line->text);
        json_add_object_end(json);
    }
    json_add_array_end(json);
    json_add_object_end(json);
}

void talks_write(const struct talks *talks, struct strbuf *out)
{
    struct json_out json;
    json_out_begin(&json, out);
    json_add_object_begin(&json, NULL);
    for (int i = 0; i < PART_COUNT; i++)
        add_text(&json, part_name((enum part)i), talks->parts[i]);
    add_text(&json, "author", talks->author);
    json_add_array_begin(&json, "updates");
    for (const struct update *update = talks->updates; update != NULL; update = update->next)
        write_update(&json, update);
    json_add_array_end(&json);
    json_add_array_begin(&json, "asks");
    for (const struct ask *ask = talks->asks; ask != NULL; ask = ask->next)
        write_ask(&json, ask);
    json_add_array_end(&json);
    json_add_object_end(&json);
}

static const char *text_of(const struct json *object, const char *key)
{
    return json_string(json_get(object, key));
}

static int64_t number_of(const struct json *object, const char *key)
{
    return json_integer(json_get(object, key));
}

static int read_update(struct talks *talks, const struct json *object, struct err *err)
{
    const char *state = text_of(object, "state");
    int found = 0;
    while (found < UPDATE_STATE_COUNT && !text_equal(state_names[found], state))
        found++;
    if (found == UPDATE_STATE_COUNT || text_of(object, "step")[0] == '\0')
        return err_set(err, ERR_CORRUPT, "talks: an update has the state '%s', which nobody wrote",
                       state);
    struct update *update = talks_add_update(talks, text_of(object, "step"));
    update->state = (enum update_state)found;
    update->escalated = json_bool(json_get(object, "escalated"));
    update->round = (int32_t)number_of(object, "round");
    update->due_at_ms = number_of(object, "due_at");
    update->remind_at_ms = number_of(object, "remind_at");
    update->promised_at_ms = number_of(object, "promised_at");
    update->sent_at_ms = number_of(object, "sent_at");
    update->sent_count = number_of(object, "sent");
    return 0;
}

static int read_ask(struct talks *talks, const struct json *object, struct err *err)
{
    const struct json *asked = json_get(object, "asked");
    const struct json *answers = json_get(object, "answers");
    if (text_of(object, "step")[0] == '\0' || number_of(object, "deadline_at") == 0)
        return err_set(err, ERR_CORRUPT, "talks: an ask has no step or deadline");
    struct ask *ask = talks_add_ask(talks, text_of(object, "step"));
    talks_set_text(talks, &ask->question, text_of(object, "question"));
    ask->asked_at_ms = number_of(object, "asked_at");
    ask->deadline_at_ms = number_of(object, "deadline_at");
    ask->remind_at_ms = number_of(object, "remind_at");
    ask->closed_at_ms = number_of(object, "closed_at");
    for (size_t i = 0; i < json_count(asked); i++) {
        const struct json *person = json_at(asked, i);
        ask_add_person(talks, ask, text_of(person, "name"))->answered =
            json_bool(json_get(person, "answered"));
    }
    for (size_t i = 0; i < json_count(answers); i++) {
        const struct json *row = json_at(answers, i);
        const char *text = text_of(row, "text");
        struct answer_line *line = ask_add_line(talks, ask, text_of(row, "by"), text, strlen(text));
        line->at_ms = number_of(row, "at");
        line->sort_ms = number_of(row, "of") != 0 ? number_of(row, "of") : line->at_ms;
    }
    return 0;
}

int talks_read(const char *text, struct talks **out_talks, struct err *err)
{
    struct json *root = NULL;
    int verdict = 0;
    if (json_parse(text, strlen(text), &root, err) != 0)
        return err_wrap(err, "talks");
    struct talks *talks = talks_create();
    for (int i = 0; i < PART_COUNT; i++)
        talks_set_text(talks, &talks->parts[i], text_of(root, part_name((enum part)i)));
    talks_set_text(talks, &talks->author, text_of(root, "author"));
    const struct json *updates = json_get(root, "updates");
    const struct json *asks = json_get(root, "asks");
    for (size_t i = 0; i < json_count(updates) && verdict == 0; i++)
        verdict = read_update(talks, json_at(updates, i), err);
    for (size_t i = 0; i < json_count(asks) && verdict == 0; i++)
        verdict = read_ask(talks, json_at(asks, i), err);
    json_free(root);
    if (verdict != 0) {
        *out_talks = talks; /* for the caller to free */
        return -1;
    }
    *out_talks = talks;
    return 0;
}

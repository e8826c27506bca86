/* Commands about overrides: checked whole, then made as marks. */
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/base/when.h"
#include "gateway/engine/oncall.h"

enum { DUTY_TURNS_MAX = 5000 };

#define COUNTER_NAME "override"

struct taking {
    struct engine *engine;
    const struct input *input;
    struct override items[OVERRIDE_AT_ONCE_MAX];
    size_t count;
    struct err err;
};

bool overrides_is_command(const struct input *input)
{
    return input->kind == INPUT_COMMAND && input->u.reply.command_count == 1 &&
           input->u.reply.commands[0].verb == VERB_OVERRIDE;
}

static int refuse_member(struct err *err, const char *key)
{
    return err_set(err, ERR_INVALID,
                   "unknown field '%s', want schedule, who, instead_of, from, until or for", key);
}

/* The times of one, as they were written; "" and 0: not given. */
struct span_text {
    const char *from;
    const char *until;
    int64_t for_ms;
};

static int read_member(struct override *item, const char *key, const struct json *value,
                       struct span_text *span, struct err *err)
{
    const char *text = json_string(value);
    if (json_kind(value) != JSON_STRING)
        return err_set(err, ERR_INVALID, "%s: got %s, want a text", key,
                       json_kind_name(json_kind(value)));
    if (text_equal(key, "schedule"))
        item->schedule = text;
    else if (text_equal(key, "who"))
        item->who = text;
    else if (text_equal(key, "instead_of"))
        item->instead_of = text;
    else if (text_equal(key, "from"))
        span->from = text;
    else if (text_equal(key, "until"))
        span->until = text;
    else if (text_equal(key, "for"))
        return parse_duration(text, 1000, OVERRIDE_SPAN_MAX_MS, &span->for_ms, err) == 0
                   ? 0
                   : err_wrap(err, "for");
    else
        return refuse_member(err, key);
    return 0;
}

static int check_names(const struct engine *engine, const struct override *item, struct err *err)
{
    if (item->schedule[0] == '\0' || item->who[0] == '\0')
        return err_set(err, ERR_INVALID, "want \"schedule\" and \"who\": its name, and a contact");
    if (rulebook_schedule(engine->book, item->schedule) == NULL)
        return err_set(err, ERR_INVALID, "schedule: there is no schedule '%s'", item->schedule);
    if (rulebook_contact(engine->book, item->who) == NULL)
        return err_set(err, ERR_INVALID, "who: there is no contact '%s'", item->who);
    if (item->instead_of[0] != '\0' && rulebook_contact(engine->book, item->instead_of) == NULL)
        return err_set(err, ERR_INVALID, "instead_of: there is no contact '%s'", item->instead_of);
    if (text_equal(item->who, item->instead_of))
        return err_set(err, ERR_INVALID, "who: %s cannot stand in for themselves", item->who);
    return 0;
}

/* As when it was said, also where it waited in the shared inbox. A time of day is the schedule's, and the end's is the first
 * one after the start. */
static int read_times(const struct taking *taking, struct override *item,
                      const struct span_text *span, struct err *err)
{
    const struct engine *engine = taking->engine;
    int64_t wall_ms = engine->now_ms + engine->wall_offset_ms;
    int64_t said_ms = taking->input->u.reply.said_at_ms;
    struct when when = {.zone = rulebook_schedule(engine->book, item->schedule)->zone};
    when.now_ms = said_ms != 0 && said_ms < wall_ms ? said_ms : wall_ms;
    when.after_ms = when.now_ms;
    item->from_ms = when.now_ms;
    if (span->from[0] != '\0' && when_parse(span->from, &when, &item->from_ms, err) != 0)
        return err_wrap(err, "from");
    when.after_ms = item->from_ms;
    item->until_ms = item->from_ms + span->for_ms;
    if (span->until[0] != '\0' && when_parse(span->until, &when, &item->until_ms, err) != 0)
        return err_wrap(err, "until");
    return 0;
}

static int check_times(const struct taking *taking, struct override *item,
                       const struct span_text *span, struct err *err)
{
    const struct engine *engine = taking->engine;
    int64_t wall_ms = engine->now_ms + engine->wall_offset_ms;
    if ((span->until[0] == '\0') == (span->for_ms == 0))
        return err_set(err, ERR_INVALID, "want one of \"until\" and \"for\"");
    if (read_times(taking, item, span, err) != 0)
        return -1;
    if (item->until_ms <= item->from_ms)
        return err_set(err, ERR_INVALID, "until: it ends before it begins");
    if (item->until_ms <= wall_ms)
        return err_set(err, ERR_INVALID, "until: it is over already");
    if (item->until_ms - item->from_ms > OVERRIDE_SPAN_MAX_MS)
        return err_set(err, ERR_INVALID, "until: want at most 366 days from its start");
    if (item->from_ms > wall_ms + OVERRIDE_AHEAD_MAX_MS)
        return err_set(err, ERR_INVALID, "from: want at most two years ahead");
    return 0;
}

/* An override in somebody's stead who has no duty then would do nothing, and nobody would notice. What calendars do not
 * know yet may still come. */
static int check_stead(const struct engine *engine, const struct override *item, struct err *err)
{
    const struct schedule *schedule = rulebook_schedule(engine->book, item->schedule);
    const struct roster roster = moment_roster(&engine->moment);
    int64_t wall_ms = engine->now_ms + engine->wall_offset_ms;
    int64_t at_ms = item->from_ms > wall_ms ? item->from_ms : wall_ms;
    if (item->instead_of[0] == '\0')
        return 0;
    for (int turns = 0; at_ms < item->until_ms; turns++) {
        struct duty duty = schedule_duty(schedule, &roster, at_ms);
        if (duty_has(&duty, item->instead_of) || turns == DUTY_TURNS_MAX)
            return 0;
        at_ms = schedule_next_change_ms(schedule, &roster, at_ms);
    }
    if (!schedule_knows(schedule, item->until_ms))
        return 0;
    return err_set(err, ERR_INVALID,
                   "instead_of: %s has no duty for %s in that time (want somebody who has, or "
                   "leave it out)",
                   item->instead_of, item->schedule);
}

static int read_item(struct taking *taking, const struct json *object)
{
    void *position = NULL;
    const char *key = NULL;
    const struct json *value = NULL;
    struct span_text span = {.from = "", .until = ""};
    struct err *err = &taking->err;
    struct override item = {.schedule = "", .who = "", .instead_of = ""};
    if (json_kind(object) != JSON_OBJECT)
        return err_set(err, ERR_INVALID, "got %s, want an object with schedule, who and until",
                       json_kind_name(json_kind(object)));
    while (json_next(object, &position, &key, &value)) {
        if (read_member(&item, key, value, &span, err) != 0)
            return -1;
    }
    if (check_names(taking->engine, &item, err) != 0 ||
        check_times(taking, &item, &span, err) != 0 || check_stead(taking->engine, &item, err) != 0)
        return -1;
    for (size_t i = 0; i < taking->count; i++) {
        const struct override *other = &taking->items[i];
        if (text_equal(other->schedule, item.schedule) && other->from_ms < item.until_ms &&
            item.from_ms < other->until_ms)
            return err_set(err, ERR_INVALID,
                           "the times of two overrides made at once overlap (want them apart)");
    }
    taking->items[taking->count++] = item;
    return 0;
}

static int read_items(struct taking *taking, const struct json *root)
{
    const struct json *list = json_get(root, "overrides");
    if (list == NULL)
        return read_item(taking, root);
    if (json_kind(list) != JSON_ARRAY || json_count(list) < 1 ||
        json_count(list) > OVERRIDE_AT_ONCE_MAX || json_count(root) != 1)
        return err_set(&taking->err, ERR_INVALID,
                       "overrides: want a list of 1 to %d, and nothing beside it",
                       OVERRIDE_AT_ONCE_MAX);
    for (size_t i = 0; i < json_count(list); i++) {
        if (read_item(taking, json_at(list, i)) != 0)
            return -1;
    }
    return 0;
}

static uint64_t last_number(const struct engine *engine)
{
    uint64_t number = 0;
    const struct ledger_entry *counter =
        ledger_find(&engine->world.marks, MARK_COUNTER, COUNTER_NAME);
    if (counter != NULL && parse_u64(counter->value, 0, UINT64_MAX, &number, NULL) != 0)
        number = 0;
    return number;
}

static const char *number_text(struct engine *engine, uint64_t number)
{
    return arena_printf(&engine->arena, "%llu", (unsigned long long)number);
}

static const char *full_name(const struct engine *engine, const char *name)
{
    const struct contact *contact = rulebook_contact(engine->book, name);
    return contact != NULL ? contact->full_name : name;
}

/* "Ann Lee has duty for tech-lead instead of Bob from … until …" */
static const char *sentence(struct engine *engine, const struct override *item)
{
    const struct schedule *schedule = rulebook_schedule(engine->book, item->schedule);
    const struct zone *zone = schedule != NULL ? schedule->zone : engine->book->zone;
    bool is_all = item->instead_of[0] == '\0';
    return arena_printf(
        &engine->arena, "%s has duty for %s%s%s from %s until %s", full_name(engine, item->who),
        item->schedule, is_all ? "" : " instead of ",
        is_all ? "" : full_name(engine, item->instead_of),
        moment_local_time(&engine->moment, zone, item->from_ms - engine->wall_offset_ms),
        moment_local_time(&engine->moment, zone, item->until_ms - engine->wall_offset_ms));
}

static const char *facts_of(struct engine *engine, const struct override *item)
{
    struct json_out json;
    strbuf_reset(&engine->scratch);
    json_out_begin(&json, &engine->scratch);
    json_add_object_begin(&json, NULL);
    json_add_integer(&json, "override", (int64_t)item->number);
    json_add_string(&json, "schedule", item->schedule);
    json_add_string(&json, "by", item->who);
    if (item->instead_of[0] != '\0')
        json_add_string(&json, "instead_of", item->instead_of);
    json_add_time(&json, "from", item->from_ms);
    json_add_time(&json, "until", item->until_ms);
    json_add_object_end(&json);
    return arena_strdup(&engine->arena, strbuf_text(&engine->scratch));
}

static void note(struct engine *engine, const struct input *input, const char *kind,
                 const struct override *item, const char *text)
{
    batch_note(engine, 0,
               &(struct note){.kind = kind,
                              .actor = input->actor,
                              .credential = input->credential,
                              .text = text,
                              .data = facts_of(engine, item)});
}

static void make(struct taking *taking, struct override *item, uint64_t number)
{
    struct engine *engine = taking->engine;
    item->number = number;
    item->made_at_ms = engine->now_ms;
    item->made_by = taking->input->actor;
    strbuf_reset(&engine->scratch);
    override_write(item, &engine->scratch);
    batch_mark(engine, &(struct mark_row){.kind = MARK_OVERRIDE,
                                          .name = number_text(engine, number),
                                          .value = strbuf_text(&engine->scratch)});
    note(engine, taking->input, "override", item,
         arena_printf(&engine->arena, "override %llu: %s", (unsigned long long)number,
                      sentence(engine, item)));
}

static void add(struct taking *taking, const struct json *root, struct answer *out_answer)
{
    struct engine *engine = taking->engine;
    const char *text = "";
    if (read_items(taking, root) != 0)
        return;
    if (engine->world.overrides.count + taking->count > OVERRIDES_MAX) {
        (void)err_set(&taking->err, ERR_TOO_LARGE,
                      "there are %zu overrides already, want at most %d (remove some)",
                      engine->world.overrides.count, OVERRIDES_MAX);
        return;
    }
    uint64_t last = last_number(engine);
    for (size_t i = 0; i < taking->count; i++) {
        make(taking, &taking->items[i], last + 1 + i);
        text =
            arena_printf(&engine->arena, "%s%sOverride %llu: %s.", text, i > 0 ? " " : "",
                         (unsigned long long)(last + 1 + i), sentence(engine, &taking->items[i]));
    }
    batch_mark(engine, &(struct mark_row){.kind = MARK_COUNTER,
                                          .name = COUNTER_NAME,
                                          .value = number_text(engine, last + taking->count)});
    *out_answer = (struct answer){.status = ANSWER_DONE, .incident = last + 1, .text = text};
}

static void take_away(struct engine *engine, uint64_t number)
{
    batch_mark(engine, &(struct mark_row){.kind = MARK_OVERRIDE,
                                          .name = number_text(engine, number),
                                          .value = "",
                                          .gone = true});
}

static void remove_one(struct taking *taking, const struct json *root, struct answer *out_answer)
{
    struct engine *engine = taking->engine;
    int64_t number = json_integer(json_get(root, "remove"));
    const struct override *found =
        number > 0 ? overrides_find(&engine->world.overrides, (uint64_t)number) : NULL;
    if (json_count(root) != 1 || number <= 0) {
        (void)err_set(&taking->err, ERR_INVALID, "remove: want the number of an override, alone");
        return;
    }
    if (found == NULL) {
        *out_answer = (struct answer){
            .status = ANSWER_UNKNOWN,
            .text = arena_printf(&engine->arena,
                                 "There is no override %lld; it is over, or was removed before.",
                                 (long long)number)};
        return;
    }
    const char *text = arena_printf(&engine->arena, "Override %lld is removed: no longer that %s.",
                                    (long long)number, sentence(engine, found));
    note(engine, taking->input, "override-removed", found, text);
    take_away(engine, (uint64_t)number);
    *out_answer =
        (struct answer){.status = ANSWER_DONE, .incident = (uint64_t)number, .text = text};
}

void overrides_take(struct engine *engine, const struct input *input, struct answer *out_answer)
{
    const char *text = input->u.reply.commands[0].text;
    struct taking taking = {.engine = engine, .input = input};
    struct json *root = NULL;
    if (json_parse(text, strlen(text), &root, &taking.err) == 0) {
        if (json_get(root, "remove") != NULL)
            remove_one(&taking, root, out_answer);
        else
            add(&taking, root, out_answer);
    }
    if (taking.err.code != ERR_NONE)
        *out_answer = (struct answer){.status = ANSWER_REFUSED,
                                      .text = arena_strdup(&engine->arena, taking.err.text)};
    else
        engine->oncall_is_due = true;
    json_free(root);
}

void overrides_end(struct engine *engine)
{
    int64_t wall_ms = engine->now_ms + engine->wall_offset_ms;
    for (size_t i = engine->world.overrides.count; i > 0; i--) {
        const struct override *override = &engine->world.overrides.items[i - 1];
        if (override->until_ms <= wall_ms)
            take_away(engine, override->number);
    }
}

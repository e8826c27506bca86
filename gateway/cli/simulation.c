#include "gateway/cli/simulation.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/json.h"
#include "gateway/cli/scenario.h"
#include "gateway/engine/engine.h"
#include "gateway/reply/grammar.h"
#include "gateway/store/store.h"
#include "policies/trouble.h"

enum {
    /* A ladder that never rests within one instant is a bug; this many steps at one time end the run. */
    STEPS_AT_ONCE_MAX = 100000,
    LISTING_BYTES_MAX = 4096,
};

/* A message that was sent, for receipts and for what a reply answers. */
struct sent {
    uint64_t notification;
    uint64_t incident;
    enum notification_kind kind;
    const char *to;
    const char *via;
    bool accepted;
};

/* Which incidents a digest was last said to list, as JSON text. */
struct listing {
    uint64_t notification;
    const char *numbers;
};

struct simulation {
    const struct simulation_options *options;
    const struct rulebook *rulebook; /* in force now */
    struct arena arena;              /* lives as long as the run */
    struct store *store;
    struct engine *engine;
    struct scenario scenario;
    size_t at_line;
    int64_t now_ms;
    int64_t wall_offset_ms; /* the wall clock minus now_ms, as clock lines set it */
    struct input **waiting; /* of this instant, in order */
    size_t waiting_count, waiting_capacity;
    struct sent *sent;
    size_t sent_count, sent_capacity;
    struct listing *listings;
    size_t listing_count, listing_capacity;
    const struct scenario_line **rules;
    size_t rule_count;
    uint64_t input_count;
    struct strbuf *out;
};

static void *grown(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity == 0 ? 64 : *capacity * 2;
    return heap_realloc(items, *capacity * size);
}

static struct input *add_input(struct simulation *s, enum input_kind kind, const char *actor)
{
    struct input *input = arena_alloc(&s->arena, sizeof(*input));
    input->kind = kind;
    input->actor = actor;
    input->credential = "scenario";
    /* Ids count up, so that the same scenario gives the same bytes. */
    uint64_t number = ++s->input_count;
    for (int i = 0; i < 8; i++)
        input->id[15 - i] = (unsigned char)(number >> (8 * i));
    s->waiting = grown(s->waiting, s->waiting_count, &s->waiting_capacity, sizeof(struct input *));
    s->waiting[s->waiting_count++] = input;
    return input;
}

static void print_begin(struct simulation *s, struct json_out *out, int64_t at_ms,
                        uint64_t incident)
{
    json_out_begin(out, s->out);
    json_add_object_begin(out, NULL);
    json_add_time(out, "at", at_ms);
    json_add_integer(out, "incident", (int64_t)incident);
}

static void print_end(struct simulation *s, struct json_out *out)
{
    json_add_object_end(out);
    strbuf_add_char(s->out, '\n');
}

/* The ladder's own words; what people did and what messages say is told by other lines. */
static bool is_ladder_fact(const char *kind)
{
    static const char *const kinds[] = {
        "eta-missed",      "eta-slipped",      "ack-timeout", "no-answer",
        "nobody",          "unreached",        "exhausted",   "fallback-unreachable",
        "climb",           "reopened",         "cleared",     "linked",
        "cleared-in-hold", "repolicy",         "missing",     "restored",
        "override",        "override-removed", "handover",    "deferred",
        "approved",        "rejected",         "unapproved",  "update-escalated",
        "update-dropped",  "update-overdue",   "ask-closed",  "suppressed",
        "unsuppressed",    "flapping",         "calm"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i], kind) == 0)
            return true;
    return false;
}

static void add_fact(struct json_out *out, const struct json *facts, const char *key)
{
    const struct json *value = json_get(facts, key);
    if (json_kind(value) == JSON_STRING)
        json_add_string(out, key, json_string(value));
    else if (json_kind(value) == JSON_INTEGER)
        json_add_integer(out, key, json_integer(value));
}

/* Of the others an end is seen when it comes. */
static bool has_until(const char *kind)
{
    return strcmp(kind, "suppressed") == 0 || strcmp(kind, "flapping") == 0;
}

static void print_timeline(struct simulation *s, const struct timeline_row *row)
{
    struct json *facts = NULL;
    struct json_out out;
    if (row->data[0] != '\0')
        ASSERT(json_parse(row->data, strlen(row->data), &facts, NULL) == 0);
    bool is_state = json_get(facts, "state") != NULL;
    if (is_state || is_ladder_fact(row->kind)) {
        print_begin(s, &out, row->at_ms, row->incident);
        if (is_state)
            add_fact(&out, facts, "state");
        else
            json_add_string(&out, "timeline", row->kind);
        static const char *const keys[] = {"policy",    "step",     "by",      "eta",
                                           "slips",     "follows",  "missing", "backup",
                                           "backup_at", "override", "schedule"};
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
            add_fact(&out, facts, keys[i]);
        if (has_until(row->kind))
            add_fact(&out, facts, "until");
        print_end(s, &out);
    }
    json_free(facts);
}

static void print_message(struct simulation *s, uint64_t notification, int64_t at_ms)
{
    struct stored_notification stored;
    struct arena arena;
    arena_init(&arena);
    ASSERT(store_notification(s->store, notification, &arena, &stored, NULL) == 0);
    const struct notification_row row = stored.row;
    struct json_out out;
    print_begin(s, &out, at_ms, row.incident);
    json_add_string(&out, "step", row.step);
    json_add_string(&out, "kind", notification_kind_name(row.kind));
    json_add_string(&out, "to", row.contact);
    json_add_string(&out, "via", row.channel);
    for (size_t i = s->listing_count; row.kind == KIND_DIGEST && i > 0; i--) {
        if (s->listings[i - 1].notification == row.id) {
            json_add_raw(&out, "incidents", s->listings[i - 1].numbers);
            break;
        }
    }
    print_end(s, &out);
    s->sent = grown(s->sent, s->sent_count, &s->sent_capacity, sizeof(*s->sent));
    s->sent[s->sent_count++] = (struct sent){.notification = notification,
                                             .incident = row.incident,
                                             .kind = row.kind,
                                             .to = arena_strdup(&s->arena, row.contact),
                                             .via = arena_strdup(&s->arena, row.channel)};
    arena_clear(&arena);
}

static void print_effects(struct simulation *s, const struct effects *effects)
{
    for (size_t i = 0; effects != NULL && i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        if (effect->kind == EFFECT_TIMELINE)
            print_timeline(s, effect->u.timeline);
        else if (effect->kind == EFFECT_CLAIM && effect->u.claim->attempt == 1)
            print_message(s, effect->u.claim->notification, effect->u.claim->at_ms);
    }
}

static bool rule_fits(const struct scenario_line *rule, const struct order *order, int64_t now_ms)
{
    if (strcmp(rule->to, order->contact) != 0 ||
        (rule->via[0] != '\0' && strcmp(rule->via, order->channel) != 0))
        return false;
    return rule->until_ms == 0 || now_ms < rule->until_ms;
}

/* What becomes of a send: accepted, unless a rule says otherwise; a rule without an end serves once. */
static enum outcome outcome_of(struct simulation *s, const struct order *order)
{
    for (size_t i = s->rule_count; i > 0; i--) {
        const struct scenario_line *rule = s->rules[i - 1];
        if (!rule_fits(rule, order, s->now_ms))
            continue;
        if (rule->until_ms == 0) {
            s->rule_count--;
            memmove(&s->rules[i - 1], &s->rules[i],
                    (s->rule_count - (i - 1)) * sizeof(s->rules[0]));
        }
        return rule->outcome;
    }
    return OUTCOME_ACCEPTED;
}

static struct sent *find_sent(struct simulation *s, uint64_t notification)
{
    for (size_t i = s->sent_count; i > 0; i--)
        if (s->sent[i - 1].notification == notification)
            return &s->sent[i - 1];
    return NULL;
}

static void keep_listing(struct simulation *s, const struct order *order)
{
    struct json *snapshot = NULL;
    struct strbuf text;
    ASSERT(json_parse(order->snapshot, strlen(order->snapshot), &snapshot, NULL) == 0);
    const struct json *incidents = json_get(snapshot, "incidents");
    strbuf_init(&text, LISTING_BYTES_MAX);
    for (size_t i = 0; i < json_count(incidents); i++)
        strbuf_printf(&text, "%s%lld", i > 0 ? "," : "[",
                      (long long)json_integer(json_get(json_at(incidents, i), "incident")));
    strbuf_add_char(&text, ']');
    s->listings = grown(s->listings, s->listing_count, &s->listing_capacity, sizeof(*s->listings));
    s->listings[s->listing_count++] =
        (struct listing){.notification = order->notification,
                         .numbers = arena_strdup(&s->arena, strbuf_text(&text))};
    strbuf_clear(&text);
    json_free(snapshot);
}

static void obey(struct simulation *s, const struct order *order)
{
    if (order->kind == ORDER_OFFER) {
        if (order->notification_kind == KIND_DIGEST && !order->rendered)
            keep_listing(s, order);
        struct prepared *prepared = &add_input(s, INPUT_PREPARED, "delivery")->u.prepared;
        *prepared = (struct prepared){.notification = order->notification,
                                      .ready = true,
                                      .reason = "",
                                      .content_type = "text/plain",
                                      .subject = ""};
        if (!order->rendered) {
            prepared->body = "simulated";
            prepared->body_count = sizeof("simulated") - 1;
        }
    } else if (order->kind == ORDER_START) {
        enum outcome outcome = outcome_of(s, order);
        struct sent *sent = find_sent(s, order->notification);
        ASSERT(sent != NULL);
        sent->accepted = outcome == OUTCOME_ACCEPTED;
        struct result *result = &add_input(s, INPUT_RESULT, "delivery")->u.result;
        *result = (struct result){.notification = order->notification,
                                  .attempt = order->attempt,
                                  .outcome = outcome,
                                  .reason = outcome == OUTCOME_ACCEPTED ? "" : "scenario",
                                  .detail = "",
                                  .provider_id = ""};
    }
}

static int by_notification(const void *a, const void *b)
{
    const struct input *left = *(struct input *const *)a, *right = *(struct input *const *)b;
    uint64_t left_id = left->u.prepared.notification, right_id = right->u.prepared.notification;
    return (left_id > right_id) - (left_id < right_id);
}

/* Channels are offered work one after the other; people read a ladder in the order in which its messages were made. */
static void order_prepared(struct simulation *s, size_t from)
{
    size_t first = from;
    while (first < s->waiting_count && s->waiting[first]->kind != INPUT_PREPARED)
        first++;
    size_t end = first;
    while (end < s->waiting_count && s->waiting[end]->kind == INPUT_PREPARED)
        end++;
    if (end > first)
        qsort(s->waiting + first, end - first, sizeof(struct input *), by_notification);
}

/* Everything that happens at this instant, until nothing more follows. */
static int settle(struct simulation *s, struct err *err)
{
    for (int step = 0; step < STEPS_AT_ONCE_MAX; step++) {
        struct engine_out out = {0};
        struct input *batch[ENGINE_BATCH_MAX];
        size_t count = s->waiting_count < ENGINE_BATCH_MAX ? s->waiting_count : ENGINE_BATCH_MAX;
        if (count == 0 && engine_next_due_ms(s->engine) > s->now_ms)
            return 0;
        if (count > 0)
            memcpy(batch, s->waiting, count * sizeof(batch[0]));
        s->waiting_count -= count;
        if (s->waiting_count > 0)
            memmove(s->waiting, s->waiting + count, s->waiting_count * sizeof(s->waiting[0]));
        if (engine_step(s->engine, batch, count, s->now_ms, s->now_ms, &out, err) !=
            STORE_COMMITTED)
            return err_wrap(err, "the engine");
        print_effects(s, out.effects);
        size_t before = s->waiting_count;
        for (size_t i = 0; i < out.order_count; i++)
            obey(s, &out.orders[i]);
        order_prepared(s, before);
    }
    return err_set(err, ERR_INVALID, "the ladder never rests at this instant");
}

static const struct sent *last_sent_to(const struct simulation *s, const char *to, const char *via)
{
    for (size_t i = s->sent_count; i > 0; i--)
        if (strcmp(s->sent[i - 1].to, to) == 0 &&
            (via[0] == '\0' || strcmp(s->sent[i - 1].via, via) == 0))
            return &s->sent[i - 1];
    return NULL;
}

/* A reply through the medium of a message answers that message, as its token would say. */
static void add_reply(struct simulation *s, const struct scenario_line *line)
{
    const struct sent *answers = last_sent_to(s, line->from, line->via);
    enum grammar_context context =
        answers != NULL ? grammar_context_of(answers->kind) : GRAMMAR_UNBOUND;
    struct reply reply = {.via = line->via[0] != '\0' ? line->via : "scenario"};
    grammar_parse(line->text, context, &s->arena, &reply);
    bool is_contact = rulebook_contact(s->rulebook, line->from) != NULL;
    reply.from = is_contact ? line->from : "";
    if (answers != NULL && is_contact) {
        reply.notification = answers->notification;
        if (reply.incident == 0)
            reply.incident = answers->incident;
    }
    const char *actor =
        arena_printf(&s->arena, "%s %s", is_contact ? "contact" : "stranger", line->from);
    add_input(s, INPUT_REPLY, actor)->u.reply = reply;
}

static void add_delivery(struct simulation *s, const struct scenario_line *line)
{
    const struct sent *sent = last_sent_to(s, line->to, line->via);
    if (line->until_ms != 0 || sent == NULL || !sent->accepted) {
        s->rules[s->rule_count++] = line;
        return;
    }
    struct receipt *receipt = &add_input(s, INPUT_RECEIPT, "delivery")->u.receipt;
    *receipt = (struct receipt){.notification = sent->notification,
                                .channel = sent->via,
                                .provider_id = "",
                                .delivered = line->outcome == OUTCOME_ACCEPTED,
                                .reason = "scenario"};
}

static void add_command(struct simulation *s, const struct scenario_line *line)
{
    bool is_contact = rulebook_contact(s->rulebook, line->from) != NULL;
    const char *actor =
        arena_printf(&s->arena, "%s %s", is_contact ? "contact" : "user", line->from);
    struct reply *reply = &add_input(s, INPUT_COMMAND, actor)->u.reply;
    *reply = (struct reply){.from = is_contact ? line->from : "",
                            .via = "cli",
                            .raw = "",
                            .incident = line->incident,
                            .command_count = 1};
    reply->commands[0] = (struct reply_command){.verb = line->verb,
                                                .text = line->text,
                                                .duration_ms = line->for_ms,
                                                .at_ms = line->until_ms,
                                                .from_at_ms = line->from_ms,
                                                .match_or_null = line->match_or_null,
                                                .clock_minute = -1};
}

static void add_override(struct simulation *s, const struct scenario_line *line)
{
    const char *by = line->from[0] != '\0' ? line->from : "scenario";
    struct reply *reply =
        &add_input(s, INPUT_COMMAND, arena_printf(&s->arena, "user %s", by))->u.reply;
    *reply = (struct reply){.from = "", .via = "cli", .raw = "", .command_count = 1};
    reply->commands[0] =
        (struct reply_command){.verb = VERB_OVERRIDE, .text = line->text, .clock_minute = -1};
}

static void add_known(struct simulation *s, const struct scenario_line *line)
{
    bool is_contact = rulebook_contact(s->rulebook, line->from) != NULL;
    const char *actor =
        arena_printf(&s->arena, "%s %s", is_contact ? "contact" : "user", line->from);
    struct reply *reply = &add_input(s, INPUT_COMMAND, actor)->u.reply;
    *reply = (struct reply){.via = "cli", .raw = ""};
    if (line->text[0] != '\0')
        grammar_parse(line->text, GRAMMAR_UNBOUND, &s->arena, reply);
    reply->from = is_contact ? line->from : "";
    reply->report_or_null = line->report;
    ASSERT(reply->command_count < REPLY_COMMANDS_MAX);
    reply->commands[reply->command_count++] =
        (struct reply_command){.verb = VERB_KNOWN, .text = "", .clock_minute = -1};
}

static int add_config(struct simulation *s, const struct scenario_line *line, struct err *err)
{
    if (s->options->load(s->options->self, line->text, &s->rulebook, err) != 0)
        return -1;
    add_input(s, INPUT_CONFIG, "engine")->u.rulebook = s->rulebook;
    return 0;
}

static void add_clock(struct simulation *s, const struct scenario_line *line)
{
    s->wall_offset_ms += line->for_ms;
    add_input(s, INPUT_CLOCK, "engine")->u.wall_offset_ms = s->wall_offset_ms;
}

/* A name that nobody has would play another scenario than the one that is meant. */
static int check_names(const struct simulation *s, const struct scenario_line *line,
                       struct err *err)
{
    const struct rulebook *book = s->rulebook;
    const char *to = line->kind == SCENARIO_DELIVERY ? line->to : NULL;
    if (line->kind == SCENARIO_EVENT && !text_equal(line->event.source, TROUBLE_SOURCE) &&
        rulebook_source(book, line->event.source) == NULL)
        return err_set(err, ERR_INVALID, "event.source: there is no [source %.80s]",
                       line->event.source);
    if (to == NULL)
        return 0;
    bool found = to[0] == '&' ? rulebook_audience(book, to + 1) != NULL
                 : text_starts_with(to, "channel:")
                     ? rulebook_has_channel(book, to + strlen("channel:"))
                     : rulebook_contact(book, to) != NULL;
    if (!found)
        return err_set(err, ERR_INVALID,
                       "delivery.to: got '%.80s', want a contact, &audience or channel:NAME of the "
                       "configuration",
                       to);
    if (line->via[0] != '\0' && !rulebook_has_channel(book, line->via))
        return err_set(err, ERR_INVALID, "delivery.via: there is no [channel %.80s]", line->via);
    return 0;
}

static int start_engine(struct simulation *s, struct err *err)
{
    const struct engine_options engine = {.store = s->store,
                                          .rulebook = s->rulebook,
                                          .boot_id = "simulation",
                                          .wall_offset_ms = s->wall_offset_ms,
                                          .parse_policy = s->options->parse_policy,
                                          .clear_policy = s->options->clear_policy};
    return engine_create(&engine, s->now_ms, &s->engine, err);
}

/* An orderly end and, after a while in which nothing can come in, another start on the same store. */
static int restart(struct simulation *s, const struct scenario_line *line, struct err *err)
{
    if (engine_rest(s->engine, s->now_ms, err) != STORE_COMMITTED)
        return err_wrap(err, "the engine");
    engine_destroy(s->engine);
    s->engine = NULL;
    s->now_ms += line->down_ms;
    return start_engine(s, err);
}

static int apply_line(struct simulation *s, const struct scenario_line *line, struct err *err)
{
    if (check_names(s, line, err) != 0)
        return -1;
    switch (line->kind) {
    case SCENARIO_EVENT:
        add_input(s, INPUT_EVENT, arena_printf(&s->arena, "source %s", line->event.source))
            ->u.event = line->event;
        break;
    case SCENARIO_REPLY:
        add_reply(s, line);
        break;
    case SCENARIO_DELIVERY:
        add_delivery(s, line);
        break;
    case SCENARIO_COMMAND:
        add_command(s, line);
        break;
    case SCENARIO_OVERRIDE:
        add_override(s, line);
        break;
    case SCENARIO_KNOWN:
        add_known(s, line);
        break;
    case SCENARIO_CONFIG:
        return add_config(s, line, err);
    case SCENARIO_RESTART:
        return restart(s, line, err);
    case SCENARIO_CLOCK:
        add_clock(s, line);
        break;
    case SCENARIO_END:
        break;
    }
    return 0;
}

static int run(struct simulation *s, struct err *err)
{
    while (s->at_line < s->scenario.count) {
        const struct scenario_line *line = &s->scenario.lines[s->at_line];
        int64_t due_ms = engine_next_due_ms(s->engine);
        if (due_ms < line->at_ms) {
            s->now_ms = due_ms > s->now_ms ? due_ms : s->now_ms;
        } else {
            s->now_ms = line->at_ms;
            /* What was due at this very time happened before the line was said. */
            if (settle(s, err) != 0)
                return -1;
            if (apply_line(s, line, err) != 0)
                return err_wrap(err, "stdin:%zu", line->number);
            s->at_line++;
        }
        if (settle(s, err) != 0)
            return -1;
    }
    return 0;
}

static void simulation_clear(struct simulation *s)
{
    engine_destroy(s->engine);
    store_close(s->store);
    free(s->waiting);
    free(s->sent);
    free(s->listings);
    arena_clear(&s->arena);
}

int simulation_run(const struct simulation_options *options, const char *scenario, size_t count,
                   struct strbuf *out, struct err *err)
{
    struct simulation s = {.options = options, .rulebook = options->rulebook, .out = out};
    int result = -1;
    arena_init(&s.arena);
    if (scenario_read(scenario, count, &s.arena, &s.scenario, err) != 0 ||
        store_memory_open(&s.store, err) != 0)
        goto done;
    s.rules = arena_alloc_array(&s.arena, s.scenario.count, sizeof(*s.rules));
    s.now_ms = s.scenario.lines[0].at_ms;
    if (start_engine(&s, err) == 0)
        result = run(&s, err);
    if (result == 0 && out->overflowed)
        result =
            err_set(err, ERR_TOO_LARGE, "the output is longer than %zu bytes", out->max_length);
done:
    simulation_clear(&s);
    return result;
}

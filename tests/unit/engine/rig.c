#include "tests/unit/engine/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { MINUTE = 60000 };

static const char *const channels[] = {"sms", "voice", "email", "room"};
static const struct method ann_methods[] = {{"sms", "+1"}, {"voice", "+1"}, {"email", "ann@x"}};
static const struct reach_rule ann_page[] = {{.method = 0}, {.method = 1, .after_ms = 3 * MINUTE}};
static const struct reach_rule ann_inform[] = {{.method = 2}};
static const struct method bob_methods[] = {{"sms", "+2"}};
static const struct method carol_methods[] = {{"sms", "+3"}, {"email", "carol@x"}};
static const struct reach_rule first_only[] = {{.method = 0}};
static const struct reach_rule carol_inform[] = {{.method = 1}};

static const char *const both[] = {"ann", "bob"};
static const struct team teams[] = {{.name = "crew", .members = both, .member_count = 2}};
static const char *const addresses[] = {"x@y", "z@y"};
static const struct audience audiences[] = {
    {.name = "fans", .channel = "email", .addresses = addresses, .address_count = 2}};

static const struct target to_ann[] = {{.kind = TARGET_CONTACT, .name = "ann"}};
static const struct target to_bob[] = {{.kind = TARGET_CONTACT, .name = "bob"}};
static const struct target to_carol[] = {{.kind = TARGET_CONTACT, .name = "carol"}};
static const struct target to_crew[] = {{.kind = TARGET_TEAM, .name = "crew"}};
static const struct target to_nobody[] = {{.kind = TARGET_SCHEDULE, .name = "gone"}};
static const struct target to_everyone[] = {{.kind = TARGET_EVERYONE, .name = ""}};
static const struct target to_fans[] = {{.kind = TARGET_AUDIENCE, .name = "fans"}};

static const struct step default_steps[] = {{.name = "only",
                                             .kind = STEP_PAGE,
                                             .wait_ms = 5 * MINUTE,
                                             .targets = to_bob,
                                             .target_count = 1}};
static const struct step shop_steps[] = {{.name = "lead",
                                          .kind = STEP_PAGE,
                                          .wait_ms = 5 * MINUTE,
                                          .targets = to_ann,
                                          .target_count = 1},
                                         {.name = "vp",
                                          .kind = STEP_PAGE,
                                          .wait_ms = 10 * MINUTE,
                                          .targets = to_carol,
                                          .target_count = 1},
                                         {.name = "tell",
                                          .kind = STEP_INFORM,
                                          .when = WHEN_ACKED,
                                          .targets = to_fans,
                                          .target_count = 1},
                                         {.name = "next",
                                          .kind = STEP_ASK,
                                          .when = WHEN_RESOLVED,
                                          .targets = to_ann,
                                          .target_count = 1,
                                          .question = "What next?",
                                          .remind_ms = 10 * MINUTE,
                                          .deadline_ms = 30 * MINUTE,
                                          .answers = 2}};
static const struct step crew_steps[] = {{.name = "crew",
                                          .kind = STEP_PAGE,
                                          .wait_ms = 5 * MINUTE,
                                          .targets = to_crew,
                                          .target_count = 1},
                                         {.name = "empty",
                                          .kind = STEP_PAGE,
                                          .wait_ms = 5 * MINUTE,
                                          .targets = to_nobody,
                                          .target_count = 1},
                                         {.name = "vp",
                                          .kind = STEP_PAGE,
                                          .wait_ms = 5 * MINUTE,
                                          .targets = to_carol,
                                          .target_count = 1}};

/* The shop's second version: another step first, one gone, one moved up, other waits. */
static const struct step shop_steps_again[] = {
    {.name = "vp",
     .kind = STEP_PAGE,
     .wait_ms = 2 * MINUTE,
     .targets = to_carol,
     .target_count = 1},
    {.name = "next",
     .kind = STEP_ASK,
     .when = WHEN_RESOLVED,
     .targets = to_carol,
     .target_count = 1,
     .question = "What next, \\(.incident.owner)?",
     .deadline_ms = 20 * MINUTE,
     .answers = 1},
    {.name = "lead",
     .kind = STEP_PAGE,
     .wait_ms = 3 * MINUTE,
     .targets = to_bob,
     .target_count = 1},
    {.name = "boss", .kind = STEP_PAGE, .wait_ms = MINUTE, .targets = to_carol, .target_count = 1},
    {.name = "all",
     .kind = STEP_INFORM,
     .when = WHEN_UNRESOLVED,
     .targets = to_everyone,
     .target_count = 1},
    {.name = "news",
     .kind = STEP_INFORM,
     .when = WHEN_UNRESOLVED,
     .targets = to_fans,
     .target_count = 1,
     .require = 1 << PART_WHAT | 1 << PART_DOING,
     .approvers = to_carol,
     .approver_count = 1,
     .within_ms = 5 * MINUTE,
     .then = APPROVE_ESCALATE,
     .every_ms = 20 * MINUTE},
    {.name = "roll-call",
     .kind = STEP_ASK,
     .when = WHEN_UNRESOLVED,
     .targets = to_everyone,
     .target_count = 1,
     .question = "What happened?",
     .remind_ms = 10 * MINUTE,
     .deadline_ms = 40 * MINUTE,
     .answers = 3}};

static const struct matcher is_shop = {.label = "service", .op = MATCH_EQUAL, .value = "shop"};
static const struct matcher is_crew = {.label = "service", .op = MATCH_EQUAL, .value = "crew"};
static const struct matcher is_manual = {.label = "service", .op = MATCH_EQUAL, .value = "manual"};
static const struct match_line shop_line = {.matchers = &is_shop, .matcher_count = 1};
static const struct match_line crew_line = {.matchers = &is_crew, .matcher_count = 1};
static const struct match_line manual_line = {.matchers = &is_manual, .matcher_count = 1};
static const char *const by_service[] = {"service"};

static struct policy make_policy(const char *name, const struct match_line *line,
                                 const struct step *steps, size_t step_count)
{
    struct policy policy = {.name = name,
                            .text = name,
                            .match = line,
                            .match_count = line != NULL ? 1 : 0,
                            .steps = steps,
                            .step_count = step_count,
                            .ack_timeout_ms = 30 * MINUTE,
                            .eta_grace_ms = 5 * MINUTE,
                            .eta_max_ms = 24 * 60 * MINUTE,
                            .reach_within_ms = 2 * MINUTE,
                            .reopen_within_ms = 5 * MINUTE,
                            .fallback_every_ms = 60 * MINUTE};
    (void)memccpy(policy.hash, name, '\0', sizeof(policy.hash) - 1);
    return policy;
}

static void make_policies(struct policy policies[RIG_POLICIES])
{
    policies[0] = make_policy("shop", &shop_line, shop_steps, 4);
    policies[0].group_by = by_service;
    policies[0].group_by_count = 1;
    policies[0].hold_ms = MINUTE;
    policies[0].repeat = 1;
    policies[1] = make_policy("crew", &crew_line, crew_steps, 3);
    policies[2] = make_policy("manual", &manual_line, default_steps, 1);
    policies[2].resolve = RESOLVE_MANUAL;
    policies[3] = make_policy("default", NULL, default_steps, 1);
}

/* The shop has other steps, and `crew` has another name. */
static void make_policies_again(struct policy policies[RIG_POLICIES])
{
    make_policies(policies);
    policies[0].steps = shop_steps_again;
    policies[0].step_count = 7;
    policies[0].repeat = 2;
    policies[0].text = "shop again";
    (void)memccpy(policies[0].hash, policies[0].text, '\0', sizeof(policies[0].hash) - 1);
    policies[1] = make_policy("team", &crew_line, crew_steps, 3);
    policies[2].steps = &shop_steps_again[4]; /* `manual` pages nobody any more */
    policies[2].text = "manual again";
    (void)memccpy(policies[2].hash, policies[2].text, '\0', sizeof(policies[2].hash) - 1);
}

static int parse_policy(const char *name, const char *text, struct arena *arena,
                        struct policy *out_policy, struct err *err)
{
    struct policy known[2 * RIG_POLICIES];
    (void)arena;
    make_policies(known);
    make_policies_again(known + RIG_POLICIES);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].text, text) == 0) {
            *out_policy = known[i];
            return 0;
        }
    }
    return err_set(err, ERR_CORRUPT, "policy %s: '%s'", name, text);
}

static void make_book(struct rig *rig)
{
    rig->zone = zone_utc();
    rig->contacts[0] = (struct contact){.name = "ann",
                                        .full_name = "Ann",
                                        .methods = ann_methods,
                                        .method_count = 3,
                                        .page = ann_page,
                                        .page_count = 2,
                                        .inform = ann_inform,
                                        .inform_count = 1,
                                        .zone = rig->zone};
    rig->contacts[1] = (struct contact){.name = "bob",
                                        .full_name = "Bob",
                                        .methods = bob_methods,
                                        .method_count = 1,
                                        .page = first_only,
                                        .page_count = 1,
                                        .inform = first_only,
                                        .inform_count = 1,
                                        .zone = rig->zone};
    rig->contacts[2] = (struct contact){.name = "carol",
                                        .full_name = "Carol",
                                        .methods = carol_methods,
                                        .method_count = 2,
                                        .page = first_only,
                                        .page_count = 1,
                                        .inform = carol_inform,
                                        .inform_count = 1,
                                        .zone = rig->zone};
    make_policies(rig->policies);
    rig->sources[0] = (struct source_rule){.name = "monitor", .incidents_max = 20};
    rig->sources[1] = (struct source_rule){.name = "other", .incidents_max = 1000000};
    rig->book = (struct rulebook){.contacts = rig->contacts,
                                  .contact_count = 3,
                                  .teams = teams,
                                  .team_count = 1,
                                  .audiences = audiences,
                                  .audience_count = 1,
                                  .sources = rig->sources,
                                  .source_count = 2,
                                  .channels = channels,
                                  .channel_count = 4,
                                  .policies = rig->policies,
                                  .policy_count = RIG_POLICIES,
                                  .default_policy = &rig->policies[3],
                                  .zone = rig->zone,
                                  .site_name = "test",
                                  .public_url = "",
                                  .incidents_max = 1000000};
    make_policies_again(rig->policies_again);
    rig->book_again = rig->book;
    rig->book_again.policies = rig->policies_again;
    rig->book_again.default_policy = &rig->policies_again[3];
}

static void start_engine(struct rig *rig)
{
    struct err err = {0};
    const struct engine_options options = {.store = rig->store,
                                           .rulebook = rig->current,
                                           .boot_id = "rig",
                                           .token_key_or_null = &rig->token_key,
                                           .parse_policy = parse_policy};
    if (engine_create(&options, rig->now_ms, &rig->engine, &err) != 0)
        fail_msg("engine: %s", err.text);
}

void rig_init(struct rig *rig)
{
    struct store *memory = NULL;
    static unsigned char key[] = "a key of the rig, 32 bytes long ";
    *rig = (struct rig){.now_ms = RIG_START_MS, .checks_reload = true};
    rig->token_key = (struct secret){.bytes = key, .count = sizeof(key) - 1};
    make_book(rig);
    rig->current = &rig->book;
    arena_init(&rig->arena);
    strbuf_init(&rig->log, 1 << 24);
    strbuf_init(&rig->answer, 1 << 16);
    assert_int_equal(store_memory_open(&memory, NULL), 0);
    assert_int_equal(store_faulty_wrap(memory, &rig->store, NULL), 0);
    start_engine(rig);
}

void rig_clear(struct rig *rig)
{
    engine_destroy(rig->engine);
    store_close(rig->store);
    free(rig->orders);
    free(rig->waiting);
    free(rig->keys);
    strbuf_clear(&rig->log);
    strbuf_clear(&rig->answer);
    arena_clear(&rig->arena);
    zone_destroy(rig->zone);
}

static void number_input(struct rig *rig, struct input *input)
{
    uint64_t id = ++rig->next_id;
    memcpy(input->id + 8, &id, sizeof(id));
    if (input->actor == NULL)
        input->actor = "delivery";
    input->credential = "test";
}

static void add_waiting(struct rig *rig, struct input input)
{
    number_input(rig, &input);
    rig->waiting = heap_realloc(rig->waiting, (rig->waiting_count + 1) * sizeof(*rig->waiting));
    rig->waiting[rig->waiting_count++] = input;
}

static struct rig_order *find_order(struct rig *rig, uint64_t notification)
{
    for (size_t i = 0; i < rig->order_count; i++) {
        if (rig->orders[i].notification == notification)
            return &rig->orders[i];
    }
    rig->orders = heap_realloc(rig->orders, (rig->order_count + 1) * sizeof(*rig->orders));
    rig->orders[rig->order_count] = (struct rig_order){.notification = notification};
    return &rig->orders[rig->order_count++];
}

static enum outcome outcome_of(const struct rig *rig, const char *channel)
{
    for (size_t i = 0; i < rig->book.channel_count; i++) {
        if (strcmp(rig->book.channels[i], channel) == 0)
            return rig->outcomes[i];
    }
    return OUTCOME_ACCEPTED;
}

/* Delivery's side of the protocol in handoff/outbox.h, and a check that the engine keeps its own.
 */
static void take_order(struct rig *rig, const struct order *order)
{
    struct rig_order *held = find_order(rig, order->notification);
    if (order->kind == ORDER_OFFER) {
        assert_false(held->offered || held->ready);
        assert_true(order->rendered || order->snapshot[0] == '{');
        assert_true(order->key[0] != '\0');
        held->offered = !rig->holds_offers ? false : true;
        held->ready = !rig->holds_offers;
        if (!rig->holds_offers)
            add_waiting(rig, (struct input){.kind = INPUT_PREPARED,
                                            .u.prepared = {.notification = order->notification,
                                                           .ready = true,
                                                           .reason = "",
                                                           .body = order->rendered ? NULL : "body",
                                                           .body_count = 4,
                                                           .content_type = "text/plain",
                                                           .subject = "s"}});
        return;
    }
    if (order->kind == ORDER_DROP && !held->ready) {
        assert_true(held->started);
        held->recalled = true;
        return;
    }
    assert_true(held->ready);
    held->ready = false;
    if (order->kind == ORDER_DROP)
        return;
    assert_true(order->attempt >
                held->attempt); /* a claim whose commit was unknown has used a number up */
    assert_int_equal(order->body_count, 4);
    assert_memory_equal(order->body, "body", 4);
    held->attempt = order->attempt;
    held->started = true;
    rig->start_count++;
    if (!rig->holds_results)
        add_waiting(rig, (struct input){.kind = INPUT_RESULT,
                                        .u.result = {.notification = order->notification,
                                                     .attempt = order->attempt,
                                                     .outcome = outcome_of(rig, order->channel),
                                                     .reason = "rig",
                                                     .detail = "",
                                                     .provider_id = ""}});
}

static void log_effects(struct rig *rig, const struct effects *effects)
{
    long long at_s = (long long)(rig->now_ms - RIG_START_MS) / 1000;
    for (size_t i = 0; effects != NULL && i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        if (effect->kind == EFFECT_TIMELINE) {
            strbuf_printf(&rig->log, "%lld %s\n", at_s, effect->u.timeline->kind);
        } else if (effect->kind == EFFECT_NOTIFICATION) {
            const struct notification_row *row = effect->u.notification;
            strbuf_printf(&rig->log, "%lld %s %s %s %s", at_s, notification_kind_name(row->kind),
                          row->step, row->contact, row->channel);
            if (row->due_at_ms > rig->now_ms)
                strbuf_printf(&rig->log, " +%lld",
                              (long long)(row->due_at_ms - rig->now_ms) / 1000);
            strbuf_add_char(&rig->log, '\n');
            for (size_t k = 0; k < rig->key_count; k++)
                assert_string_not_equal(rig->keys[k], row->key);
            rig->keys = heap_realloc(rig->keys, (rig->key_count + 1) * sizeof(*rig->keys));
            rig->keys[rig->key_count++] = arena_strdup(&rig->arena, row->key);
        } else if (effect->kind == EFFECT_OUTCOME &&
                   effect->u.outcome->state == NOTIFICATION_CANCELLED) {
            strbuf_printf(&rig->log, "%lld cancelled %llu\n", at_s,
                          (unsigned long long)effect->u.outcome->notification);
        }
    }
}

/* Invariant I33: what a fresh engine reads from the store is what this one has in memory. */
static void check_reload(struct rig *rig)
{
    unsigned char here[32];
    unsigned char there[32];
    struct engine *other = NULL;
    struct err err = {0};
    const struct engine_options options = {.store = rig->store,
                                           .rulebook = rig->current,
                                           .boot_id = "other",
                                           .parse_policy = parse_policy};
    if (engine_create(&options, rig->now_ms, &other, &err) != 0)
        fail_msg("reload: %s", err.text);
    engine_hash(rig->engine, here);
    engine_hash(other, there);
    engine_destroy(other);
    assert_memory_equal(here, there, sizeof(here));
}

static void complete(struct ticket *ticket, uint32_t index, const struct answer *answer)
{
    (void)ticket;
    (void)index;
    (void)answer;
}

static struct ticket the_ticket = {.complete = complete};

static void step(struct rig *rig, struct input **list, size_t count)
{
    struct engine_out out = {0};
    struct err err = {0};
    rig->verdict = engine_step(rig->engine, list, count, rig->now_ms, rig->now_ms, &out, &err);
    for (size_t i = 0; i < out.completed_count; i++) {
        strbuf_reset(&rig->answer);
        strbuf_add(&rig->answer, out.completed[i].answer.text);
        rig->answer_status = out.completed[i].answer.status;
        rig->answer_incident = out.completed[i].answer.incident;
    }
    if (rig->verdict != STORE_COMMITTED) {
        assert_int_equal(out.order_count, 0);
        return;
    }
    log_effects(rig, out.effects);
    for (size_t i = 0; i < out.order_count; i++)
        take_order(rig, &out.orders[i]);
    if (rig->checks_reload)
        check_reload(rig);
}

void rig_apply(struct rig *rig, struct input *inputs, size_t count)
{
    struct input *list[ENGINE_BATCH_MAX];
    for (size_t i = 0; i < count; i++)
        list[i] = &inputs[i];
    step(rig, list, count);
}

/* What delivery said stays said: a refused step hears it again, as engine_thread does it. */
void rig_settle(struct rig *rig)
{
    for (int round = 0; round < 1000; round++) {
        if (rig->waiting_count == 0 && engine_next_due_ms(rig->engine) > rig->now_ms)
            return;
        struct input *inputs = rig->waiting;
        size_t count = rig->waiting_count;
        size_t taken = count < ENGINE_BATCH_MAX ? count : ENGINE_BATCH_MAX;
        rig->waiting = NULL;
        rig->waiting_count = 0;
        for (size_t i = 0; i < taken; i++) {
            if (inputs[i].kind == INPUT_RESULT)
                find_order(rig, inputs[i].u.result.notification)->started = false;
        }
        rig_apply(rig, inputs, taken);
        size_t first = rig->verdict == STORE_COMMITTED ? taken : 0;
        for (size_t i = first; i < count; i++)
            add_waiting(rig, inputs[i]);
        free(inputs);
    }
    fail_msg("the engine never rests");
}

void rig_run(struct rig *rig, int64_t seconds)
{
    int64_t until_ms = rig->now_ms + seconds * 1000;
    rig_settle(rig);
    for (;;) {
        int64_t due_ms = engine_next_due_ms(rig->engine);
        if (due_ms > until_ms)
            break;
        if (due_ms > rig->now_ms)
            rig->now_ms = due_ms;
        rig_settle(rig);
    }
    rig->now_ms = until_ms;
}

void rig_jump(struct rig *rig, int64_t seconds)
{
    rig->now_ms += seconds * 1000;
    rig_settle(rig);
}

void rig_restart(struct rig *rig)
{
    engine_destroy(rig->engine);
    rig->engine = NULL;
    free(rig->waiting);
    rig->waiting = NULL;
    rig->waiting_count = 0;
    for (size_t i = 0; i < rig->order_count; i++)
        rig->orders[i].offered = rig->orders[i].ready = rig->orders[i].started = false;
    start_engine(rig);
}

struct input rig_event_input(struct rig *rig, enum event_action action, const char *key,
                             enum severity severity, const char *service)
{
    struct label *label = arena_alloc(&rig->arena, sizeof(*label));
    *label = (struct label){.name = "service", .value = service};
    struct input input = {.kind = INPUT_EVENT, .actor = "source monitor", .ticket = &the_ticket};
    input.u.event = (struct event){.action = action,
                                   .severity = severity,
                                   .source = "monitor",
                                   .key = key,
                                   .summary = "something broke",
                                   .labels = label,
                                   .label_count = 1,
                                   .details = "",
                                   .links = ""};
    number_input(rig, &input);
    return input;
}

void rig_event(struct rig *rig, enum event_action action, const char *key, enum severity severity,
               const char *service)
{
    struct input input = rig_event_input(rig, action, key, severity, service);
    rig_apply(rig, &input, 1);
    if (rig->verdict == STORE_COMMITTED)
        rig_settle(rig);
}

void rig_reply(struct rig *rig, const char *from, uint64_t incident,
               const struct reply_command *commands, size_t count)
{
    struct input input = {.kind = INPUT_REPLY, .actor = from, .ticket = &the_ticket};
    input.u.reply = (struct reply){
        .from = from, .via = "sms", .incident = incident, .raw = "text", .command_count = count};
    for (size_t i = 0; i < count; i++)
        input.u.reply.commands[i] = commands[i];
    number_input(rig, &input);
    rig_apply(rig, &input, 1);
    if (rig->verdict == STORE_COMMITTED)
        rig_settle(rig);
}

void rig_tell(struct rig *rig, const char *from, uint64_t notification, const char *text)
{
    struct input input = {.kind = INPUT_REPLY, .actor = from, .ticket = &the_ticket};
    input.u.reply =
        (struct reply){.from = from, .via = "email", .notification = notification, .raw = text};
    number_input(rig, &input);
    rig_apply(rig, &input, 1);
    if (rig->verdict == STORE_COMMITTED)
        rig_settle(rig);
}

void rig_say(struct rig *rig, const char *from, uint64_t incident, enum verb verb)
{
    const struct reply_command command = {.verb = verb, .text = "", .clock_minute = -1};
    rig_reply(rig, from, incident, &command, 1);
}

void rig_ask_for(struct rig *rig, size_t policy, uint8_t needs)
{
    struct policy *asking = &rig->policies[policy];
    struct step *steps = arena_alloc_array(&rig->arena, asking->step_count, sizeof(*steps));
    for (size_t i = 0; i < asking->step_count; i++) {
        steps[i] = asking->steps[i];
        steps[i].ask_for = needs;
    }
    asking->steps = steps;
    asking->ask_for = needs;
}

void rig_reload(struct rig *rig, bool again)
{
    struct input input = {.kind = INPUT_CONFIG, .actor = "engine"};
    input.u.rulebook = again ? &rig->book_again : &rig->book;
    number_input(rig, &input);
    rig_apply(rig, &input, 1);
    if (rig->verdict != STORE_COMMITTED)
        return;
    rig->current = input.u.rulebook;
    rig_settle(rig);
}

void rig_clock(struct rig *rig, int64_t wall_offset_ms)
{
    struct input input = {.kind = INPUT_CLOCK, .actor = "engine"};
    input.u.wall_offset_ms = wall_offset_ms;
    number_input(rig, &input);
    rig_apply(rig, &input, 1);
    if (rig->verdict == STORE_COMMITTED)
        rig_settle(rig);
}

static void command(struct rig *rig, uint64_t incident, enum verb verb, const char *text)
{
    struct input input = {.kind = INPUT_COMMAND, .actor = "user root", .ticket = &the_ticket};
    input.u.reply = (struct reply){
        .from = "", .via = "cli", .incident = incident, .raw = "", .command_count = 1};
    input.u.reply.commands[0] =
        (struct reply_command){.verb = verb, .text = text, .clock_minute = -1};
    number_input(rig, &input);
    rig_apply(rig, &input, 1);
    if (rig->verdict == STORE_COMMITTED)
        rig_settle(rig);
}

void rig_command(struct rig *rig, uint64_t incident, enum verb verb)
{
    command(rig, incident, verb, "");
}

void rig_override(struct rig *rig, const char *text)
{
    command(rig, 0, VERB_OVERRIDE, text);
}

void rig_report(struct rig *rig, const char *from, const char *report, int64_t eta_ms)
{
    bool is_contact = rulebook_contact(rig->current, from) != NULL;
    struct input input = {.kind = INPUT_COMMAND,
                          .actor = is_contact ? "contact" : "user root",
                          .ticket = &the_ticket};
    input.u.reply = (struct reply){.from = is_contact ? from : "",
                                   .via = "cli",
                                   .raw = "",
                                   .report_or_null = report,
                                   .command_count = eta_ms != 0 ? 2 : 1};
    input.u.reply.commands[0] =
        (struct reply_command){.verb = VERB_KNOWN, .text = "", .clock_minute = -1};
    input.u.reply.commands[1] = (struct reply_command){
        .verb = VERB_ETA, .text = "", .duration_ms = eta_ms, .clock_minute = -1};
    number_input(rig, &input);
    rig_apply(rig, &input, 1);
    if (rig->verdict == STORE_COMMITTED)
        rig_settle(rig);
}

void rig_receipt(struct rig *rig, uint64_t notification, bool delivered)
{
    struct input input = {.kind = INPUT_RECEIPT,
                          .u.receipt = {.notification = notification,
                                        .channel = "",
                                        .provider_id = "",
                                        .delivered = delivered,
                                        .reason = "rig"}};
    number_input(rig, &input);
    rig_apply(rig, &input, 1);
    rig_settle(rig);
}

struct input rig_sms_input(struct rig *rig, const char *from, const char *address, const char *id,
                           enum verb verb)
{
    struct input input = {.kind = INPUT_REPLY, .actor = from, .ticket = &the_ticket};
    input.u.reply = (struct reply){.from = from,
                                   .via = "sms",
                                   .raw = "text",
                                   .address_or_null = address,
                                   .message_id_or_null = id,
                                   .code_or_null = "",
                                   .command_count = verb != VERB_NONE};
    input.u.reply.commands[0] =
        (struct reply_command){.verb = verb, .text = "", .clock_minute = -1};
    number_input(rig, &input);
    return input;
}

void rig_sms(struct rig *rig, const char *from, const char *address, const char *id, enum verb verb)
{
    struct input input = rig_sms_input(rig, from, address, id, verb);
    rig_apply(rig, &input, 1);
    if (rig->verdict == STORE_COMMITTED)
        rig_settle(rig);
}

void rig_limit(struct rig *rig, int64_t per_contact, int64_t critical)
{
    for (size_t i = 0; i < 4; i++)
        rig->rules[i] = (struct channel_rule){.attempts_max = CHANNEL_ATTEMPTS_DEFAULT,
                                              .horizon_ms = CHANNEL_HORIZON_DEFAULT_MS,
                                              .per_contact = per_contact,
                                              .per_contact_critical = critical};
    rig->book.channel_rules = rig->rules;
    rig->book_again.channel_rules = rig->rules;
}

void rig_quiet(struct rig *rig)
{
    static const struct hours_span night = {
        .days = 0x7f, .from_minute = 22 * 60, .until_minute = 7 * 60};
    struct hours *hours = arena_alloc(&rig->arena, sizeof(*hours));
    *hours = (struct hours){.zone = rig->zone, .spans = &night, .span_count = 1};
    rig->contacts[0].quiet = hours;
    rig->contacts[1].quiet = hours;
}

void rig_receipt_input(struct rig *rig, struct receipt receipt)
{
    struct input input = {.kind = INPUT_RECEIPT, .ticket = &the_ticket, .u.receipt = receipt};
    number_input(rig, &input);
    rig_apply(rig, &input, 1);
    if (rig->verdict == STORE_COMMITTED)
        rig_settle(rig);
}

const char *rig_log(struct rig *rig)
{
    const char *text = arena_strdup(&rig->arena, strbuf_text(&rig->log));
    strbuf_reset(&rig->log);
    return text;
}

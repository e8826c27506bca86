/* What the plan says, done: monitors, people, operators, and what goes wrong. */
#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"
#include "tests/simulation/memory.h"
#include "tests/simulation/world_state.h"
#include "tests/support/faulty_vfs.h"

/* The longest that anything stays after its end: an update that nobody completes, 8h after the resolution and `reopen_within`. */
enum { EVENTS_MAX = 4, COMMANDS_MAX = 3, REST_HOURS = 9, NIGHT_HOURS = 72 };

#define HOUR_MS INT64_C(3600000)

static const char *const people[] = {"ann", "bob", "carol", "dave", "olga"};

static struct input make_event(struct world *world, struct rng *dice)
{
    static const enum event_action actions[] = {EVENT_TRIGGER,     EVENT_TRIGGER,   EVENT_TRIGGER,
                                                EVENT_TRIGGER,     EVENT_TRIGGER,   EVENT_RESOLVE,
                                                EVENT_RESOLVE,     EVENT_RESOLVE,   EVENT_RESOLVE,
                                                EVENT_ACKNOWLEDGE, EVENT_HEARTBEAT, EVENT_CHANGE};
    static const char *const keys[] = {"a", "b", "c", "d", "e", ""};
    static const char *const services[] = {"shop", "shop", "blog", "bank", "none"};
    static const char *const regions[] = {"east", "west"};
    struct label *labels = arena_alloc_array(&world->arena, 2, sizeof(*labels));
    labels[0] = (struct label){.name = "region", .value = regions[rng_below(dice, 2)]};
    labels[1] = (struct label){.name = "service", .value = services[rng_below(dice, 5)]};
    enum event_action action = actions[rng_below(dice, 12)];
    enum severity severity = (enum severity)rng_below(dice, SEVERITY_COUNT);
    const char *source = rng_chance(dice, 75) ? "monitor" : "other";
    struct input input = {.kind = INPUT_EVENT};
    input.u.event = (struct event){.action = action,
                                   .severity = severity,
                                   .source = source,
                                   .key = keys[rng_below(dice, 6)],
                                   .summary = "something broke",
                                   .labels = labels,
                                   .label_count = 2,
                                   .details = "",
                                   .links = ""};
    world_number_input(world, &input,
                       arena_printf(&world->arena, "source %s", input.u.event.source));
    const struct event *event = &input.u.event;
    world_tell(world, "  %s %s/%s %s service=%s region=%s", event_action_name(event->action),
               event->source, event->key, severity_name(event->severity), labels[1].value,
               labels[0].value);
    return input;
}

static struct reply_command make_command(struct rng *dice)
{
    static const enum verb verbs[] = {VERB_ACK,      VERB_ACK,    VERB_ACK,      VERB_KNOWN,
                                      VERB_ETA,      VERB_ETA,    VERB_ESCALATE, VERB_ESCALATE,
                                      VERB_PASS,     VERB_PASS,   VERB_TAKE,     VERB_SNOOZE,
                                      VERB_RESOLVE,  VERB_NOTE,   VERB_CAUSE,    VERB_PRIORITY,
                                      VERB_RESTORED, VERB_STATUS, VERB_LOSS,     VERB_HELP};
    static const int64_t minutes[] = {0, 1, 5, 20, 60, 600};
    enum verb verb = verbs[rng_below(dice, sizeof(verbs) / sizeof(verbs[0]))];
    int64_t duration_ms = minutes[rng_below(dice, 6)] * 60000;
    return (struct reply_command){.verb = verb,
                                  .text = verb == VERB_NOTE || verb == VERB_CAUSE ? "words" : "",
                                  .duration_ms = duration_ms,
                                  .clock_minute = -1,
                                  .priority = 1 + (int)rng_below(dice, 5)};
}

/* Words of updates; few, so that one is said again. */
static struct reply_command make_talk(struct rng *dice)
{
    static const enum verb verbs[] = {VERB_WHAT,    VERB_WHAT,    VERB_DOING,
                                      VERB_DOING,   VERB_AVOID,   VERB_AVOID,
                                      VERB_APPROVE, VERB_APPROVE, VERB_REJECT};
    static const char *const words[] = {"this", "that", "nothing", ""};
    enum verb verb = verbs[rng_below(dice, sizeof(verbs) / sizeof(verbs[0]))];
    const char *text = words[rng_below(dice, 4)];
    return (struct reply_command){
        .verb = verb, .text = verb == VERB_APPROVE ? "" : text, .clock_minute = -1};
}

/* Mostly about what is newest, to a message or by number. */
static struct input make_reply(struct world *world, struct rng *dice, const char *from)
{
    uint64_t incidents = checker_last_incident(world->checker);
    uint64_t messages = checker_last_notification(world->checker);
    bool command = rng_chance(dice, 10);
    bool talks = profile_has(world->plan->profile, TRAIT_TALKS);
    struct input input = {.kind = command ? INPUT_COMMAND : INPUT_REPLY};
    struct reply reply = {.from = command ? "" : from, .via = "sms", .raw = "free text"};
    uint64_t most = 1 + rng_below(dice, 6);
    uint64_t back = rng_below(dice, most);
    bool to_message = !command && messages > back && rng_chance(dice, 50);
    if (to_message && checker_is_about_some(world->checker, messages - back))
        reply.notification = messages - back;
    else
        reply.incident = incidents > back ? incidents - back : 1 + rng_below(dice, 3);
    reply.command_count = command ? 1 : (size_t)rng_below(dice, COMMANDS_MAX);
    if (reply.command_count == 0 && rng_chance(dice, talks ? 30 : 80))
        reply.command_count = 1;
    for (size_t i = 0; i < reply.command_count; i++)
        reply.commands[i] = talks && rng_chance(dice, 60) ? make_talk(dice) : make_command(dice);
    input.u.reply = reply;
    world_number_input(world, &input, command ? "user root" : from);
    world_tell(world, "  %s says to #%llu or message %llu:", input.actor,
               (unsigned long long)reply.incident, (unsigned long long)reply.notification);
    for (size_t i = 0; i < reply.command_count; i++)
        world_tell(world, "    \"%s\" %lld min", verb_name(reply.commands[i].verb),
                   (long long)reply.commands[i].duration_ms / 60000);
    return input;
}

/* Events, with a reply among them now and then: one commit for all. */
static void do_events(struct world *world, struct rng *dice)
{
    struct input inputs[EVENTS_MAX + 1];
    size_t count = 1 + (size_t)rng_below(dice, EVENTS_MAX);
    for (size_t i = 0; i < count; i++)
        inputs[i] = make_event(world, dice);
    if (rng_chance(dice, 15))
        inputs[count++] = make_reply(world, dice, people[rng_below(dice, 5)]);
    (void)world_step(world, inputs, count);
}

static void do_pings(struct world *world, struct rng *dice)
{
    enum { PINGS_MAX = 3 };
    static const enum heartbeat_signal signals[] = {
        HEARTBEAT_SUCCESS, HEARTBEAT_SUCCESS, HEARTBEAT_SUCCESS, HEARTBEAT_START,
        HEARTBEAT_START,   HEARTBEAT_FAIL,    HEARTBEAT_LOG,     HEARTBEAT_FORGET};
    static const char *const keys[] = {"hb1", "hb2", "hb3", "hb4"};
    static const char *const runs[] = {"", "r1", "r2"};
    struct input inputs[PINGS_MAX];
    size_t count = 1 + (size_t)rng_below(dice, PINGS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct event *event = &inputs[i].u.event;
        inputs[i] = (struct input){.kind = INPUT_EVENT};
        *event = (struct event){.action = EVENT_HEARTBEAT,
                                .severity = SEVERITY_ERROR,
                                .source = "jobs",
                                .key = keys[rng_below(dice, 4)],
                                .summary = "",
                                .details = "",
                                .links = "",
                                .signal = signals[rng_below(dice, 8)],
                                .run_or_null = runs[rng_below(dice, 3)]};
        world_number_input(world, &inputs[i], "source jobs");
        world_tell(world, "  %s of %s run \"%s\"", heartbeat_signal_name(event->signal), event->key,
                   event->run_or_null);
    }
    (void)world_step(world, inputs, count);
}

static void do_reply(struct world *world, struct rng *dice)
{
    struct input input = make_reply(world, dice, people[rng_below(dice, 5)]);
    (void)world_step(world, &input, 1);
}

/* I24: who is no contact changes nothing. */
static void do_stranger(struct world *world, struct rng *dice)
{
    unsigned char before[32], after[32];
    struct input input = make_reply(world, dice, "mallory");
    if (input.kind == INPUT_COMMAND)
        return;
    engine_hash(world->engine, before);
    if (!world_step(world, &input, 1))
        return;
    engine_hash(world->engine, after);
    if (memcmp(before, after, sizeof(before)) != 0)
        world_breach(world, "I24", "a stranger changed something");
}

static void do_receipt(struct world *world, struct rng *dice)
{
    uint64_t messages = checker_last_notification(world->checker);
    uint64_t id = 1 + rng_below(dice, messages + 2);
    struct input input = {.kind = INPUT_RECEIPT,
                          .u.receipt = {.notification = id,
                                        .channel = "",
                                        .provider_id = "",
                                        .delivered = rng_chance(dice, 50),
                                        .reason = "receipt"}};
    world_number_input(world, &input, "delivery");
    if (input.u.receipt.delivered)
        channels_vouch(world->channels, input.u.receipt.notification);
    world_tell(world, "  receipt for %llu: %s", (unsigned long long)input.u.receipt.notification,
               input.u.receipt.delivered ? "delivered" : "failed");
    (void)world_step(world, &input, 1);
}

static void do_mood(struct world *world, struct rng *dice)
{
    static const char *const names[] = {"sms", "voice", "email", "room"};
    const char *channel = names[rng_below(dice, 4)];
    enum mood mood = (enum mood)rng_below(dice, MOOD_COUNT);
    if (rng_chance(dice, 25))
        mood = MOOD_MIXED;
    world_tell(world, "  channel %s: %s", channel, mood_name(mood));
    if (mood != MOOD_WORKS)
        checker_excuse(world->checker);
    channels_set_mood(world->channels, channel, mood);
}

static void do_outage(struct world *world, struct rng *dice)
{
    static const int64_t most_ms[] = {1, 31000, 600000, 3 * HOUR_MS, 30 * HOUR_MS};
    uint64_t most = (uint64_t)most_ms[rng_below(dice, 5)];
    int64_t down_ms = (int64_t)rng_below(dice, most);
    world_tell(world, "  the process dies and is down for %lld s", (long long)down_ms / 1000);
    if (profile_has(world->plan->profile, TRAIT_QUIET) && rng_chance(dice, 30)) {
        bool second = world->book == &world->scene.configs[0]->rulebook;
        world_tell(world, "  meanwhile the configuration changes");
        world->book = &world->scene.configs[second ? 1 : 0]->rulebook;
    }
    world_restart(world, down_ms);
}

static void do_stall(struct world *world, struct rng *dice)
{
    uint64_t most = rng_chance(dice, 50) ? 40000 : 4000000;
    int64_t late_ms = (int64_t)rng_below(dice, most);
    world_tell(world, "  the process is held up for %lld s", (long long)late_ms / 1000);
    checker_excuse(world->checker);
    world->now_ms += late_ms;
}

static void do_crash(struct world *world, struct rng *dice)
{
    int64_t nth = 1 + (int64_t)rng_below(dice, 4);
    bool applied = rng_chance(dice, 50);
    world_tell(world, "  the process will die %s commit %lld from now",
               applied ? "after" : "before", (long long)nth);
    tape_fail(world->tape, nth, STORE_BROKEN, applied);
}

static void do_refuse(struct world *world, struct rng *dice)
{
    static const enum store_verdict verdicts[] = {STORE_BUSY, STORE_FULL, STORE_UNKNOWN};
    enum store_verdict verdict = verdicts[rng_below(dice, 3)];
    int64_t nth = 1 + (int64_t)rng_below(dice, 4);
    bool applied = verdict == STORE_UNKNOWN && rng_chance(dice, 50);
    world_tell(world, "  commit %lld from now will answer %s%s", (long long)nth,
               store_verdict_name(verdict), applied ? ", and be there" : "");
    tape_fail(world->tape, nth, verdict, applied);
}

static void do_disk(struct world *world, struct rng *dice)
{
    int64_t nth = 1 + (int64_t)rng_below(dice, 12);
    enum fault fault = rng_chance(dice, 60) ? FAULT_IO : FAULT_FULL;
    world_tell(world, "  the %lldth change to a file will fail: %s", (long long)nth,
               fault == FAULT_IO ? "I/O" : "no space");
    faulty_vfs_arm(nth, fault, false);
}

/* Half of the cuts come while a commit is written. Whoever takes power away also stops the engine; the machine may be back soon. */
static void do_power(struct world *world, struct rng *dice)
{
    struct err err = {0};
    bool applied = false, now = rng_chance(dice, 30);
    int64_t nth = 1 + (int64_t)rng_below(dice, 40);
    int64_t down_ms = (int64_t)rng_below(dice, 600000);
    uint64_t which = rng_next(dice);
    faulty_vfs_cut_power(now ? 0 : nth, which);
    if (!now) {
        world_tell(world, "  the power will fail at the %lldth change to a file", (long long)nth);
        return;
    }
    world_tell(world, "  the power fails for %lld s", (long long)down_ms / 1000);
    tape_rewind(world->tape);
    if (tape_reopen(world->tape, &applied, &err) != 0)
        world_breach(world, "I34", "the store does not open after a power cut: %s", err.text);
    world_restart(world, down_ms);
}

/* Only `all ack`: to one of the last digests that went out, or to what went out in it. */
static void do_all_ack(struct world *world, struct rng *dice)
{
    struct input input = {.kind = INPUT_REPLY};
    uint64_t back = rng_below(dice, 3);
    uint64_t digest = checker_last_digest(world->checker, back);
    const char *from = people[rng_below(dice, 5)];
    if (digest == 0)
        return;
    input.u.reply = (struct reply){
        .from = from, .via = "sms", .notification = digest, .raw = "all ack", .command_count = 1};
    input.u.reply.commands[0] =
        (struct reply_command){.verb = VERB_ALL_ACK, .text = "", .clock_minute = -1};
    if (rng_chance(dice, 30))
        input.u.reply.commands[input.u.reply.command_count++] =
            (struct reply_command){.verb = VERB_ETA,
                                   .text = "",
                                   .duration_ms = 60000 * (int64_t)(1 + rng_below(dice, 40)),
                                   .clock_minute = -1};
    world_number_input(world, &input, from);
    world_tell(world, "  %s answers digest %llu: all ack", from, (unsigned long long)digest);
    (void)world_step(world, &input, 1);
}

/* I12: a new configuration changes nothing of what runs; but people may sleep at other hours, and jobs be expected. */
static void do_config(struct world *world)
{
    unsigned char before[32], after[32];
    bool second = world->book == &world->scene.configs[0]->rulebook;
    struct input input = {.kind = INPUT_CONFIG};
    input.u.rulebook = &world->scene.configs[second ? 1 : 0]->rulebook;
    world_number_input(world, &input, "engine");
    world_tell(world, "  the %s configuration", second ? "second" : "first");
    engine_hash(world->engine, before);
    const struct rulebook *book = world->book;
    uint64_t life = world->life;
    world->book = input.u.rulebook; /* whoever starts now reads it, too */
    if (!world_step(world, &input, 1) && life == world->life)
        world->book = book;
    if (life != world->life || world->book == book)
        return;
    if (profile_has(world->plan->profile, TRAIT_QUIET) ||
        profile_has(world->plan->profile, TRAIT_JOBS))
        return;
    engine_hash(world->engine, after);
    if (memcmp(before, after, sizeof(before)) != 0)
        world_breach(world, "I12", "a reload changed running incidents");
}

static void do_repolicy(struct world *world, struct rng *dice)
{
    uint64_t incidents = checker_last_incident(world->checker);
    struct input input = {.kind = INPUT_COMMAND};
    input.u.reply = (struct reply){.from = "",
                                   .via = "cli",
                                   .incident = 1 + rng_below(dice, incidents + 1),
                                   .raw = "",
                                   .command_count = 1};
    input.u.reply.commands[0] =
        (struct reply_command){.verb = VERB_REPOLICY, .text = "", .clock_minute = -1};
    world_number_input(world, &input, "user root");
    world_tell(world, "  repolicy #%llu", (unsigned long long)input.u.reply.incident);
    (void)world_step(world, &input, 1);
}

static const char *an_override(struct world *world, struct rng *dice)
{
    int64_t now_ms = world->now_ms + world->wall_offset_ms;
    int64_t minute_ms =
        now_ms - now_ms % 60000; /* on the minute, as turns are: the oracle looks there */
    char from[TEXT_RFC3339_BYTES], until[TEXT_RFC3339_BYTES];
    int64_t from_ms = minute_ms + ((int64_t)rng_below(dice, 40) - 10) * 60000;
    int64_t until_ms = from_ms + (1 + (int64_t)rng_below(dice, 240)) * 60000;
    const char *who = people[rng_below(dice, 5)];
    const char *instead_of = rng_chance(dice, 50) ? people[rng_below(dice, 5)] : NULL;
    return arena_printf(
        &world->arena,
        "{\"schedule\":\"%s\",\"who\":\"%s\"%s%s%s,\"from\":\"%s\",\"until\":\"%s\"}",
        rng_chance(dice, 60) ? "duty" : "office", who,
        instead_of != NULL ? ",\"instead_of\":\"" : "", instead_of != NULL ? instead_of : "",
        instead_of != NULL ? "\"" : "", text_rfc3339(from_ms, from), text_rfc3339(until_ms, until));
}

static void do_override(struct world *world, struct rng *dice)
{
    struct input input = {.kind = INPUT_COMMAND};
    const char *text = NULL;
    if (rng_chance(dice, 25)) {
        text = arena_printf(&world->arena, "{\"remove\":%u}", 1 + (unsigned)rng_below(dice, 8));
    } else if (rng_chance(dice, 20)) {
        const char *second = an_override(world, dice);
        text = arena_printf(&world->arena, "{\"overrides\":[%s,%s]}", an_override(world, dice),
                            second);
    } else {
        text = an_override(world, dice);
    }
    input.u.reply = (struct reply){.from = "", .via = "cli", .raw = "", .command_count = 1};
    input.u.reply.commands[0] =
        (struct reply_command){.verb = VERB_OVERRIDE, .text = text, .clock_minute = -1};
    world_number_input(world, &input, "user root");
    world_tell(world, "  %s", text);
    (void)world_step(world, &input, 1);
}

/* I30: waits are immune to steps of the wall clock. */
static void do_clock(struct world *world, struct rng *dice)
{
    int64_t before_ms = engine_next_due_ms(world->engine);
    struct input input = {.kind = INPUT_CLOCK};
    input.u.wall_offset_ms = (int64_t)rng_below(dice, 20 * 86400000ULL) - 10 * 86400000LL;
    world_number_input(world, &input, "engine");
    world_tell(world, "  the wall clock is off by %lld s",
               (long long)input.u.wall_offset_ms / 1000);
    int64_t offset_ms = world->wall_offset_ms;
    uint64_t life = world->life;
    world->wall_offset_ms = input.u.wall_offset_ms;
    bool is_told = world_step(world, &input, 1);
    if (!is_told && life == world->life)
        world->wall_offset_ms = offset_ms;
    if (!is_told || life != world->life)
        return;
    if (world->book->maintenance_count > 0 || profile_has(world->plan->profile, TRAIT_QUIET) ||
        profile_has(world->plan->profile, TRAIT_DUTY))
        return; /* windows, nights and turns do go by the wall clock */
    if (engine_next_due_ms(world->engine) != before_ms)
        world_breach(world, "I30", "a step of the wall clock moved what is due");
}

static void do_silence(struct world *world, struct rng *dice)
{
    static const char *const matches[] = {"service=\"shop\"", "region=\"west\"", "key=\"a\"",
                                          "severity=\"critical\""};
    static const char *const numbers[] = {"1", "2", "3", "4", "5"};
    struct input input = {.kind = INPUT_COMMAND};
    bool ends = rng_chance(dice, 25);
    int64_t minutes = ends ? 0 : 1 + (int64_t)rng_below(dice, 40);
    input.u.reply = (struct reply){.from = "", .via = "cli", .raw = "", .command_count = 1};
    input.u.reply.commands[0] = (struct reply_command){
        .verb = ends ? VERB_UNSILENCE : VERB_SILENCE,
        .text = "",
        .duration_ms = minutes * 60000,
        .match_or_null = ends ? numbers[rng_below(dice, 5)] : matches[rng_below(dice, 4)],
        .clock_minute = -1};
    world_number_input(world, &input, "user root");
    world_tell(world, "  %s %s for %lld min", ends ? "unsilence" : "silence",
               input.u.reply.commands[0].match_or_null,
               (long long)input.u.reply.commands[0].duration_ms / 60000);
    (void)world_step(world, &input, 1);
}

/* Rule 19: what a person knows before any monitor does. */
static void do_known(struct world *world, struct rng *dice)
{
    static const char *const services[] = {"shop", "blog", "bank", "none"};
    static const char *const severities[] = {"", ",\"severity\":\"warning\"",
                                             ",\"severity\":\"critical\""};
    static const char *const alerts[] = {"", ",\"source\":\"monitor\",\"key\":\"a\"",
                                         ",\"source\":\"other\",\"key\":\"b\""};
    const char *by = people[rng_below(dice, 5)];
    bool is_contact = rulebook_contact(world->book, by) != NULL;
    struct input input = {.kind = INPUT_COMMAND};
    struct reply *reply = &input.u.reply;
    *reply = (struct reply){.from = is_contact ? by : "", .via = "cli", .raw = ""};
    const char *alert = alerts[rng_below(dice, 3)];
    const char *severity = severities[rng_below(dice, 3)];
    const char *service = services[rng_below(dice, 4)];
    reply->report_or_null = arena_printf(
        &world->arena,
        "{\"summary\":\"down\",\"labels\":{\"service\":\"%s\",\"region\":\"east\"}%s%s}", service,
        severity, alert);
    reply->commands[reply->command_count++] =
        (struct reply_command){.verb = VERB_KNOWN, .text = "", .clock_minute = -1};
    if (rng_chance(dice, 50))
        reply->commands[reply->command_count++] =
            (struct reply_command){.verb = VERB_ETA,
                                   .text = "",
                                   .duration_ms = 60000 * (int64_t)(1 + rng_below(dice, 40)),
                                   .clock_minute = -1};
    world_number_input(world, &input, is_contact ? by : "user root");
    world_tell(world, "  %s knows: %s", input.actor, reply->report_or_null);
    (void)world_step(world, &input, 1);
}

void world_do(struct world *world, const struct deed *deed)
{
    struct rng dice = {.state = deed->dice};
    world_tell(world, "%s", deed_kind_name(deed->kind));
    switch (deed->kind) {
    case DEED_EVENTS:
        do_events(world, &dice);
        break;
    case DEED_REPLY:
        do_reply(world, &dice);
        break;
    case DEED_STRANGER:
        do_stranger(world, &dice);
        break;
    case DEED_RECEIPT:
        do_receipt(world, &dice);
        break;
    case DEED_MOOD:
        do_mood(world, &dice);
        break;
    case DEED_OUTAGE:
        do_outage(world, &dice);
        break;
    case DEED_STALL:
        do_stall(world, &dice);
        break;
    case DEED_CRASH:
        do_crash(world, &dice);
        break;
    case DEED_REFUSE:
        do_refuse(world, &dice);
        break;
    case DEED_DISK:
        do_disk(world, &dice);
        break;
    case DEED_POWER:
        do_power(world, &dice);
        break;
    case DEED_CONFIG:
        do_config(world);
        break;
    case DEED_REPOLICY:
        do_repolicy(world, &dice);
        break;
    case DEED_CLOCK:
        do_clock(world, &dice);
        break;
    case DEED_SILENCE:
        do_silence(world, &dice);
        break;
    case DEED_ALL_ACK:
        do_all_ack(world, &dice);
        break;
    case DEED_OVERRIDE:
        do_override(world, &dice);
        break;
    case DEED_KNOWN:
        do_known(world, &dice);
        break;
    case DEED_PINGS:
        do_pings(world, &dice);
        break;
    case DEED_KIND_COUNT:
        break;
    }
    if (!world_is_broken(world))
        world_settle(world);
}

static void resolve_all(struct world *world)
{
    uint64_t incidents = checker_last_incident(world->checker);
    for (uint64_t number = 1; number <= incidents && !world_is_broken(world); number++) {
        struct input input = {.kind = INPUT_REPLY};
        input.u.reply = (struct reply){
            .from = "ann", .via = "sms", .incident = number, .raw = "", .command_count = 1};
        input.u.reply.commands[0] =
            (struct reply_command){.verb = VERB_RESOLVE, .text = "", .clock_minute = -1};
        world_number_input(world, &input, "ann");
        if (!world_step(world, &input, 1)) /* the process died: it is said once more */
            (void)world_step(world, &input, 1);
        world_settle(world);
    }
}

/* Jobs that are expected would be missed for ever: the second configuration has none. */
static void expect_nothing(struct world *world)
{
    struct input input = {.kind = INPUT_CONFIG};
    input.u.rulebook = &world->scene.configs[1]->rulebook;
    world_number_input(world, &input, "engine");
    world->book = input.u.rulebook;
    if (!world_step(world, &input, 1)) /* the process died, and whoever starts reads it */
        world->engine_book = world->book;
    world_settle(world);
}

/* I13: the faults have stopped; everything comes to rest. */
void world_end_well(struct world *world)
{
    struct engine_counts counts;
    world_tell(world, "the faults stop");
    tape_calm(world->tape);
    (void)faulty_vfs_disarm();
    channels_work_again(world->channels);
    world_settle(world);
    if (profile_has(world->plan->profile, TRAIT_JOBS))
        expect_nothing(world);
    resolve_all(world);
    world_pass_time(world, world->now_ms + REST_HOURS * HOUR_MS);
    engine_counts(world->engine, &counts);
    /* What is told at the end may wait for a morning; duty goes on turning. */
    for (int i = 0; i < NIGHT_HOURS && counts.live_incidents + counts.pending_notifications > 0;
         i++) {
        if (world_is_broken(world) || (!profile_has(world->plan->profile, TRAIT_DUTY) &&
                                       !profile_has(world->plan->profile, TRAIT_QUIET)))
            break;
        world_pass_time(world, world->now_ms + HOUR_MS);
        engine_counts(world->engine, &counts);
    }
    if (world_is_broken(world))
        return;
    if (counts.open_incidents + counts.live_incidents + counts.pending_notifications +
            counts.claimed_notifications !=
        0)
        world_breach(world, "I13", "%llu incidents are open, %llu live, %llu notifications pending",
                     (unsigned long long)counts.open_incidents,
                     (unsigned long long)counts.live_incidents,
                     (unsigned long long)counts.pending_notifications);
    checker_rest(world->checker);
    memory_at_rest(world);
}

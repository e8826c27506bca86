#include "tests/simulation/world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/assert.h"
#include "gateway/store/store.h"
#include "tests/simulation/world_state.h"
#include "tests/support/faulty_vfs.h"

enum {
    TRACE_BYTES_MAX = 1 << 24,
    BATCH_MAX = 24,
    ROUNDS_MAX = 20000,
    PATH_BYTES = 400,
    LINGER_MS = 3600000,
};

bool world_is_broken(const struct world *world)
{
    return world->report->broken;
}

void world_breach(struct world *world, const char *id, const char *format, ...)
{
    struct report *report = world->report;
    if (report->broken)
        return; /* the first one is the cause */
    report->broken = true;
    (void)snprintf(report->id, sizeof(report->id), "%s", id);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(report->text, sizeof(report->text), format, arguments);
    va_end(arguments);
    world_tell(world, "  broken: %s: %s", id, report->text);
}

void world_tell(struct world *world, const char *format, ...)
{
    char text[BREACH_BYTES];
    if (!world->options->tells)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    long long ms = (long long)(world->now_ms - WORLD_START_MS);
    strbuf_printf(&world->report->trace, "%4lld:%02lld:%02lld.%03lld %s\n", ms / 3600000,
                  ms / 60000 % 60, ms / 1000 % 60, ms % 1000, text);
}

void world_start_engine(struct world *world)
{
    struct err err = {0};
    const struct engine_options options = {.store = tape_store(world->tape),
                                           .rulebook = world->book,
                                           .boot_id = "simulation",
                                           .wall_offset_ms = world->wall_offset_ms,
                                           .parse_policy = config_policy_parse,
                                           .clear_policy = config_policy_clear};
    if (engine_create(&options, world->now_ms, &world->engine, &err) != 0)
        world_breach(world, "I34", "the engine does not start: %s", err.text);
    world->started_at_ms = world->now_ms;
    world->engine_book = world->book;
    world->engine_offset_ms = world->wall_offset_ms;
    checker_started(world->checker, world->now_ms);
}

static void trace_effects(struct world *world, const struct effects *effects)
{
    struct report *report = world->report;
    uint64_t hash = text_hash(report->trace_hash, &world->now_ms, sizeof(world->now_ms));
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        char line[512] = "";
        switch ((int)effect->kind) {
        case EFFECT_TIMELINE:
            (void)snprintf(line, sizeof(line), "#%llu %s: %.300s",
                           (unsigned long long)effect->u.timeline->incident,
                           effect->u.timeline->kind, effect->u.timeline->text);
            break;
        case EFFECT_NOTIFICATION:
            (void)snprintf(line, sizeof(line), "#%llu makes %llu %s due %lld",
                           (unsigned long long)effect->u.notification->incident,
                           (unsigned long long)effect->u.notification->id,
                           effect->u.notification->key,
                           (long long)(effect->u.notification->due_at_ms - world->now_ms));
            break;
        case EFFECT_CLAIM:
            (void)snprintf(line, sizeof(line), "claims %llu attempt %lld",
                           (unsigned long long)effect->u.claim->notification,
                           (long long)effect->u.claim->attempt);
            break;
        case EFFECT_OUTCOME:
            (void)snprintf(line, sizeof(line), "%llu is %s: %s",
                           (unsigned long long)effect->u.outcome->notification,
                           notification_state_name(effect->u.outcome->state),
                           effect->u.outcome->reason);
            break;
        case EFFECT_INCIDENT:
            hash = text_hash(hash, effect->u.incident->ladder, strlen(effect->u.incident->ladder));
            continue;
        default:
            continue;
        }
        hash = text_hash(hash, line, strlen(line));
        world_tell(world, "    %s", line);
    }
    report->trace_hash = hash;
}

/* I33: what a fresh engine reads from the store is what this one has in memory. */
static void check_reload(struct world *world, const struct store *store, const char *id)
{
    unsigned char here[32], there[32];
    struct engine *other = NULL;
    struct err err = {0};
    const struct engine_options options = {.store = (struct store *)(uintptr_t)store,
                                           .rulebook = world->book,
                                           .boot_id = "reader",
                                           .parse_policy = config_policy_parse,
                                           .clear_policy = config_policy_clear};
    if (engine_create(&options, world->now_ms, &other, &err) != 0) {
        world_breach(world, id, "a reload fails: %s", err.text);
        return;
    }
    engine_hash(world->engine, here);
    engine_hash(other, there);
    engine_destroy(other);
    if (memcmp(here, there, sizeof(here)) != 0)
        world_breach(world, id, "what is stored is not what is in memory");
}

static void judge(struct world *world, const struct effects *effects_or_null)
{
    const char *complaint =
        oracle_judge(world->oracle, &(struct oracle_step){.now_ms = world->now_ms,
                                                          .started_at_ms = world->started_at_ms,
                                                          .process = world->life,
                                                          .load = world->life + world->refused,
                                                          .book = world->engine_book,
                                                          .wall_offset_ms = world->engine_offset_ms,
                                                          .inputs = world->list,
                                                          .count = world->list_count,
                                                          .effects_or_null = effects_or_null});
    if (complaint != NULL)
        world_breach(world, "oracle", "%s", complaint);
}

/* Called in the middle of a commit: everything that the effects name is still there. */
static void see_commit(void *self, const struct effects *effects)
{
    struct world *world = self;
    world->report->commit_count++;
    trace_effects(world, effects);
    checker_commit(world->checker,
                   &(struct checker_batch){effects, world->list, world->list_count});
    judge(world, effects);
}

static void hear_answers(struct world *world, const struct engine_out *out,
                         struct input *const *list, bool durable)
{
    for (size_t i = 0; i < out->completed_count; i++)
        checker_answer(world->checker, list[out->completed[i].index],
                       out->completed[i].answer.status, durable);
}

static void after_commit(struct world *world, const struct engine_out *out)
{
    struct engine_counts counts;
    channels_take(world->channels, out->orders, out->order_count);
    engine_counts(world->engine, &counts);
    checker_counts(world->checker, &counts);
    bool drawn =
        rng_chance(&world->dice, 3); /* always: a life that is looked at is the same life */
    bool checks = world->options->checks_reload || drawn;
    if (checks && tape_was_applied(world->tape))
        check_reload(world, tape_store(world->tape), "I33");
}

static struct ticket the_ticket; /* nobody calls it: answers are read from the step's output */

/* Over a disk no two commits share an instant, so that one can be told from the one before. What comes due by that runs
 * first. False: the process died meanwhile. */
static bool tick(struct world *world, size_t count)
{
    uint64_t life = world->life;
    if (!profile_is_on_disk(world->plan->profile))
        return true;
    world->now_ms++;
    for (int i = 0; count > 0 && i < ROUNDS_MAX && !world_is_broken(world); i++) {
        if (engine_next_due_ms(world->engine) > world->now_ms)
            break;
        (void)world_step(world, NULL, 0);
        world->now_ms++;
    }
    return life == world->life && !world_is_broken(world);
}

bool world_step(struct world *world, struct input *inputs, size_t count)
{
    struct input *list[BATCH_MAX];
    struct engine_out out = {0};
    struct err err = {0};
    ASSERT(count <= BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        list[i] = &inputs[i];
        inputs[i].ticket = &the_ticket;
        inputs[i].ticket_index = (uint32_t)i;
    }
    if (!tick(world, count))
        return false;
    world->list = list;
    world->list_count = count;
    tape_rewind(world->tape);
    enum store_verdict verdict =
        engine_step(world->engine, list, count, world->now_ms, world->now_ms, &out, &err);
    bool durable = tape_was_applied(world->tape) ||
                   (verdict == STORE_COMMITTED && !tape_was_asked(world->tape));
    hear_answers(world, &out, list, durable);
    if (verdict == STORE_BROKEN) {
        world_tell(world, "  the store is broken: %s", err.text);
        bool applied = false;
        /* A disk that fails at the start as well: the supervisor tries again. */
        if (tape_reopen(world->tape, &applied, &err) != 0 && faulty_vfs_disarm() &&
            tape_reopen(world->tape, &applied, &err) != 0)
            world_breach(world, "I34", "the store does not open again: %s", err.text);
        world_restart(world, 0);
        return durable || applied;
    }
    if (durable && !tape_was_applied(world->tape))
        judge(world, NULL);
    if (verdict != STORE_COMMITTED) {
        world_tell(world, "  the commit answers %s", store_verdict_name(verdict));
        checker_excuse(world->checker);
        world->refused++;
        if (out.order_count > 0)
            world_breach(world, "orders", "there are orders without a commit");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (inputs[i].kind == INPUT_CONFIG)
            world->engine_book = inputs[i].u.rulebook;
        else if (inputs[i].kind == INPUT_CLOCK)
            world->engine_offset_ms = inputs[i].u.wall_offset_ms;
    }
    after_commit(world, &out);
    return true;
}

void world_number_input(struct world *world, struct input *input, const char *actor)
{
    uint64_t id = ++world->next_id;
    memcpy(input->id + 8, &id, sizeof(id));
    input->actor = actor;
    input->credential = "simulation";
}

static void hear_channels(struct world *world)
{
    struct input inputs[BATCH_MAX];
    size_t most = 1 + (size_t)rng_below(&world->dice, BATCH_MAX);
    size_t count = channels_speak(world->channels, inputs, most);
    for (size_t i = 0; i < count; i++)
        world_number_input(world, &inputs[i], "delivery");
    uint64_t life = world->life;
    if (world_step(world, inputs, count) && life == world->life)
        channels_heard(world->channels, count);
}

void world_settle(struct world *world)
{
    for (int round = 0; !world_is_broken(world); round++) {
        if (engine_next_due_ms(world->engine) <= world->now_ms)
            (void)world_step(world, NULL, 0);
        else if (channels_next_ms(world->channels) <= world->now_ms)
            hear_channels(world);
        else
            return;
        if (round > ROUNDS_MAX)
            world_breach(world, "P5", "the engine never rests");
    }
}

void world_pass_time(struct world *world, int64_t until_ms)
{
    world_settle(world);
    while (!world_is_broken(world)) {
        int64_t due_ms = engine_next_due_ms(world->engine);
        int64_t said_ms = channels_next_ms(world->channels);
        int64_t next_ms = due_ms < said_ms ? due_ms : said_ms;
        if (next_ms > until_ms)
            break;
        world->now_ms = next_ms > world->now_ms ? next_ms : world->now_ms;
        world_settle(world);
    }
    world->now_ms = until_ms > world->now_ms ? until_ms : world->now_ms;
}

void world_restart(struct world *world, int64_t down_ms)
{
    engine_destroy(world->engine);
    world->engine = NULL;
    world->life++;
    channels_die(world->channels);
    checker_excuse(world->checker);
    world->now_ms += down_ms;
    if (world_is_broken(world))
        return;
    world_start_engine(world);
    if (!world_is_broken(world) && tape_mirror(world->tape) != NULL)
        check_reload(world, tape_mirror(world->tape), "I34");
}

static void begin(struct world *world, char *path)
{
    struct err err = {0};
    scene_make(world->plan->seed, world->plan->profile, &world->scene);
    world->book = &world->scene.configs[0]->rulebook;
    world->dice = rng_stream(world->plan->seed, "world");
    bool disk = profile_is_on_disk(world->plan->profile);
    (void)faulty_vfs_disarm(); /* the life before may have broken with a fault still to come */
    faulty_vfs_remember_unsynced(world->plan->profile == PROFILE_POWER);
    (void)snprintf(path, PATH_BYTES, "%s/run.db", scene_folder());
    world->checker = checker_create(world);
    world->channels = channels_create(world);
    world->oracle = oracle_create(world->book);
    if (tape_open(disk ? path : NULL, &world->tape, &err) != 0)
        world_breach(world, "store", "the store does not open: %s", err.text);
    else
        world_start_engine(world);
    if (world->tape != NULL)
        tape_watch(world->tape, see_commit, world);
    if (world->tape != NULL && world->options->dies_at > 0)
        tape_die(world->tape, world->options->dies_at, world->options->dies_after);
}

static void remove_database(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".lock", ".ballast"};
    char name[PATH_BYTES + 16];
    faulty_vfs_power_returns();
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        (void)unlink(name);
    }
    (void)snprintf(name, sizeof(name), "%s/ballast", scene_folder());
    (void)unlink(name);
}

static void end(struct world *world, const char *path)
{
    engine_destroy(world->engine);
    tape_close(world->tape);
    oracle_destroy(world->oracle);
    channels_destroy(world->channels);
    checker_destroy(world->checker);
    scene_clear(&world->scene);
    arena_clear(&world->arena);
    if (profile_is_on_disk(world->plan->profile))
        remove_database(path);
}

static void live(struct world *world)
{
    for (size_t i = 0; i < world->plan->count && !world_is_broken(world); i++) {
        const struct deed *deed = &world->plan->deeds[i];
        world_pass_time(world, WORLD_START_MS + deed->at_ms);
        if (!world_is_broken(world))
            world_do(world, deed);
    }
    if (!world_is_broken(world))
        world_pass_time(world, world->now_ms + LINGER_MS);
    if (!world_is_broken(world))
        world_end_well(world);
    world->report->simulated_ms = world->now_ms - WORLD_START_MS;
}

/* A failed assertion of the product is a breach like any other; what it held is lost with it. */
static sigjmp_buf abort_point;

static void catch_abort(int signal)
{
    siglongjmp(abort_point, signal);
}

void world_run(const struct plan *plan, const struct world_options *options,
               struct report *out_report)
{
    static struct world world;
    static char path[PATH_BYTES];
    struct sigaction action = {.sa_handler = catch_abort, .sa_flags = SA_NODEFER}, before;
    *out_report = (struct report){.trace_hash = plan->seed};
    strbuf_init(&out_report->trace, TRACE_BYTES_MAX);
    world = (struct world){
        .plan = plan, .options = options, .report = out_report, .now_ms = WORLD_START_MS};
    arena_init(&world.arena);
    (void)sigaction(SIGABRT, &action, &before);
    if (sigsetjmp(abort_point, 1) == 0) {
        begin(&world, path);
        live(&world);
        end(&world, path);
    } else {
        world_breach(&world, "assert", "the product's own assertion failed");
        if (profile_is_on_disk(plan->profile))
            remove_database(path);
    }
    (void)sigaction(SIGABRT, &before, NULL);
}

void report_clear(struct report *report)
{
    strbuf_clear(&report->trace);
}

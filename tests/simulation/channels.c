#include "tests/simulation/channels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"
#include "tests/simulation/world_state.h"

enum { CHANNEL_COUNT = 4, BODY_BYTES = 64 };

static const char *const channel_names[CHANNEL_COUNT] = {"sms", "voice", "email", "room"};

static const char *const mood_names[MOOD_COUNT] = {
    [MOOD_WORKS] = "works",     [MOOD_SLOW] = "slow",       [MOOD_TEMPORARY] = "temporary",
    [MOOD_UNKNOWN] = "unknown", [MOOD_FAILS] = "fails",     [MOOD_SILENT] = "silent",
    [MOOD_REFUSES] = "refuses", [MOOD_REPEATS] = "repeats", [MOOD_LIES] = "lies",
    [MOOD_MIXED] = "mixed",
};

struct held { /* what delivery holds for one notification */
    bool offered, ready, started, vouched;
    int64_t attempt;
    char body[BODY_BYTES];
    char key[NOTIFICATION_KEY_BYTES];
    int sent;
    const char *snapshot; /* of a digest, as it was offered last */
};

struct saying {
    int64_t at_ms;
    uint64_t order; /* those of one instant in the order in which they were said */
    struct input input;
};

struct channels {
    struct world *world;
    enum mood moods[CHANNEL_COUNT];
    struct held *held; /* by notification */
    size_t held_count, held_capacity;
    struct saying *sayings; /* by time and order */
    size_t count, capacity;
    uint64_t order;
};

const char *mood_name(enum mood mood)
{
    return mood_names[mood];
}

struct channels *channels_create(struct world *world)
{
    struct channels *channels = heap_alloc(sizeof(*channels));
    channels->world = world;
    return channels;
}

void channels_destroy(struct channels *channels)
{
    if (channels == NULL)
        return;
    free(channels->held);
    free(channels->sayings);
    free(channels);
}

void channels_set_mood(struct channels *channels, const char *channel, enum mood mood)
{
    for (int i = 0; i < CHANNEL_COUNT; i++) {
        if (text_equal(channel_names[i], channel))
            channels->moods[i] = mood;
    }
}

void channels_work_again(struct channels *channels)
{
    memset(channels->moods, 0, sizeof(channels->moods));
}

static struct held *held_of(struct channels *channels, uint64_t id)
{
    if (id >= channels->held_capacity) {
        size_t capacity = (size_t)(id + 1) * 2;
        channels->held = heap_realloc(channels->held, capacity * sizeof(struct held));
        memset(channels->held + channels->held_capacity, 0,
               (capacity - channels->held_capacity) * sizeof(struct held));
        channels->held_capacity = capacity;
    }
    channels->held_count = id >= channels->held_count ? (size_t)id + 1 : channels->held_count;
    return &channels->held[id];
}

static void say(struct channels *channels, int64_t at_ms, struct input input)
{
    if (channels->count == channels->capacity) {
        channels->capacity = channels->capacity == 0 ? 32 : channels->capacity * 2;
        channels->sayings =
            heap_realloc(channels->sayings, channels->capacity * sizeof(*channels->sayings));
    }
    size_t at = channels->count++;
    while (at > 0 && channels->sayings[at - 1].at_ms > at_ms) {
        channels->sayings[at] = channels->sayings[at - 1];
        at--;
    }
    channels->sayings[at] =
        (struct saying){.at_ms = at_ms, .order = channels->order++, .input = input};
}

static enum mood mood_of(const struct channels *channels, const char *channel, struct rng *dice)
{
    static const enum mood mixed[] = {MOOD_WORKS,   MOOD_WORKS, MOOD_SLOW,   MOOD_TEMPORARY,
                                      MOOD_UNKNOWN, MOOD_FAILS, MOOD_SILENT, MOOD_REFUSES,
                                      MOOD_REPEATS, MOOD_LIES};
    enum mood mood = MOOD_WORKS;
    for (int i = 0; i < CHANNEL_COUNT; i++) {
        if (text_equal(channel_names[i], channel))
            mood = channels->moods[i];
    }
    return mood == MOOD_MIXED ? mixed[rng_below(dice, sizeof(mixed) / sizeof(mixed[0]))] : mood;
}

static struct rng dice_for(const struct channels *channels, const char *what, const char *key,
                           int64_t attempt)
{
    char part[NOTIFICATION_KEY_BYTES + 40];
    (void)snprintf(part, sizeof(part), "%s %s %lld", what, key, (long long)attempt);
    return rng_stream(channels->world->plan->seed, part);
}

static void take_offer(struct channels *channels, const struct order *order)
{
    struct world *world = channels->world;
    struct held *held = held_of(channels, order->notification);
    struct rng dice = dice_for(channels, "offer", order->key, order->attempt);
    enum mood mood = mood_of(channels, order->channel, &dice);
    if (held->offered || held->ready)
        world_breach(world, "orders", "notification %llu is offered twice",
                     (unsigned long long)order->notification);
    if (held->key[0] != '\0' && !text_equal(held->key, order->key))
        world_breach(world, "I14", "notification %llu: key %s, then %s",
                     (unsigned long long)order->notification, held->key, order->key);
    (void)snprintf(held->key, sizeof(held->key), "%s", order->key);
    (void)snprintf(held->body, sizeof(held->body), "body of %.40s", order->key);
    held->offered = true;
    if (order->notification_kind == KIND_DIGEST && !order->rendered)
        held->snapshot = arena_strdup(&world->arena, order->snapshot);
    bool refuses = mood == MOOD_REFUSES && rng_chance(&dice, 70);
    bool fails = mood == MOOD_FAILS && rng_chance(&dice, 10); /* cannot be rendered */
    int64_t wait_ms = mood == MOOD_SLOW ? (int64_t)rng_below(&dice, 5000) : 0;
    char *body = order->rendered ? NULL : arena_strdup(&world->arena, held->body);
    say(channels, world->now_ms + wait_ms,
        (struct input){
            .kind = INPUT_PREPARED,
            .u.prepared = {.notification = order->notification,
                           .ready = !refuses && !fails,
                           .failed = fails,
                           .retry_at_ms =
                               refuses ? world->now_ms + 1 + (int64_t)rng_below(&dice, 60000) : 0,
                           .reason = fails ? "render" : "",
                           .body = body,
                           .body_count = body != NULL ? strlen(body) : 0,
                           .content_type = "text/plain",
                           .subject = "s"}});
}

static enum outcome outcome_in(enum mood mood, struct rng *dice)
{
    switch (mood) {
    case MOOD_TEMPORARY:
        return OUTCOME_TEMPORARY;
    case MOOD_UNKNOWN:
        return OUTCOME_UNKNOWN;
    case MOOD_FAILS:
        return rng_chance(dice, 80) ? OUTCOME_FAILED : OUTCOME_TEMPORARY;
    case MOOD_WORKS:
    case MOOD_SLOW:
    case MOOD_SILENT:
    case MOOD_REFUSES:
    case MOOD_REPEATS:
    case MOOD_LIES:
    case MOOD_MIXED:
    case MOOD_COUNT:
        break;
    }
    return OUTCOME_ACCEPTED;
}

static void answer_attempt(struct channels *channels, const struct order *order, enum mood mood,
                           struct rng *dice)
{
    struct world *world = channels->world;
    struct held *held = held_of(channels, order->notification);
    enum outcome outcome = outcome_in(mood, dice);
    bool went_out =
        outcome == OUTCOME_ACCEPTED || (outcome == OUTCOME_UNKNOWN && rng_chance(dice, 50));
    held->sent += went_out ? 1 : 0;
    if (mood == MOOD_SILENT)
        return;
    int64_t wait_ms = mood == MOOD_SLOW ? (int64_t)rng_below(dice, 60000) : 0;
    struct input input = {.kind = INPUT_RESULT,
                          .u.result = {.notification = order->notification,
                                       .attempt = order->attempt,
                                       .outcome = outcome,
                                       .reason = mood_names[mood],
                                       .detail = "",
                                       .provider_id = "",
                                       .retry_after_ms = outcome == OUTCOME_TEMPORARY
                                                             ? (int64_t)rng_below(dice, 30000)
                                                             : 0}};
    say(channels, world->now_ms + wait_ms, input);
    if (mood == MOOD_REPEATS) {
        input.u.result.outcome = (enum outcome)rng_below(dice, OUTCOME_COUNT);
        say(channels, world->now_ms + (int64_t)rng_below(dice, 2) * 1000, input);
    }
    if (mood != MOOD_LIES || outcome != OUTCOME_ACCEPTED)
        return;
    int64_t later_ms = (int64_t)rng_below(dice, 600000);
    bool delivered = rng_chance(dice, 30);
    say(channels, world->now_ms + later_ms,
        (struct input){.kind = INPUT_RECEIPT,
                       .u.receipt = {.notification = order->notification,
                                     .channel = "",
                                     .provider_id = "",
                                     .delivered = delivered,
                                     .reason = "receipt"}});
}

static void take_start(struct channels *channels, const struct order *order)
{
    struct world *world = channels->world;
    struct held *held = held_of(channels, order->notification);
    unsigned long long id = order->notification;
    if (!held->ready)
        world_breach(world, "orders", "notification %llu starts without being prepared", id);
    if (order->attempt <= held->attempt)
        world_breach(world, "orders", "notification %llu: attempt %lld after %lld", id,
                     (long long)order->attempt, (long long)held->attempt);
    if (order->body_count != strlen(held->body) ||
        memcmp(order->body, held->body, order->body_count) != 0)
        world_breach(world, "I14", "notification %llu: attempt %lld has another body", id,
                     (long long)order->attempt);
    if (!text_equal(held->key, order->key))
        world_breach(world, "I14", "notification %llu starts with key %s instead of %s", id,
                     order->key, held->key);
    held->ready = false;
    held->started = true;
    held->attempt = order->attempt;
    struct rng dice = dice_for(channels, "attempt", order->key, order->attempt);
    world_tell(world, "    sends %s attempt %lld", order->key, (long long)order->attempt);
    answer_attempt(channels, order, mood_of(channels, order->channel, &dice), &dice);
}

/* An attempt that has begun is left alone; every attempt here begins at once. */
static void take_drop(struct channels *channels, const struct order *order)
{
    struct held *held = held_of(channels, order->notification);
    if (!held->ready && !held->started)
        world_breach(channels->world, "orders", "notification %llu is dropped without being held",
                     (unsigned long long)order->notification);
    held->ready = false;
}

void channels_take(struct channels *channels, const struct order *orders, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        switch (orders[i].kind) {
        case ORDER_OFFER:
            take_offer(channels, &orders[i]);
            break;
        case ORDER_START:
            take_start(channels, &orders[i]);
            break;
        case ORDER_DROP:
            take_drop(channels, &orders[i]);
            break;
        }
    }
}

int64_t channels_next_ms(const struct channels *channels)
{
    return channels->count > 0 ? channels->sayings[0].at_ms : INT64_MAX;
}

size_t channels_speak(struct channels *channels, struct input *out_inputs, size_t max)
{
    size_t count = 0;
    while (count < max && count < channels->count &&
           channels->sayings[count].at_ms <= channels->world->now_ms) {
        const struct input *input = &channels->sayings[count].input;
        out_inputs[count++] = *input;
        if (input->kind == INPUT_PREPARED) {
            struct held *held = held_of(channels, input->u.prepared.notification);
            held->offered = false;
            held->ready = input->u.prepared.ready && !input->u.prepared.failed;
        }
    }
    return count;
}

void channels_heard(struct channels *channels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct input *input = &channels->sayings[i].input;
        if (input->kind != INPUT_RESULT)
            continue;
        struct held *held = held_of(channels, input->u.result.notification);
        held->started = held->started && input->u.result.attempt != held->attempt;
    }
    channels->count -= count;
    memmove(channels->sayings, channels->sayings + count,
            channels->count * sizeof(*channels->sayings));
}

void channels_die(struct channels *channels)
{
    channels->count = 0;
    for (size_t i = 0; i < channels->held_count; i++) {
        struct held *held = &channels->held[i];
        held->offered = held->ready = held->started = false;
    }
}

int channels_sent_count(const struct channels *channels, uint64_t notification)
{
    return notification < channels->held_count ? channels->held[notification].sent : 0;
}

bool channels_has_named(const struct channels *channels, uint64_t digest, uint64_t incident)
{
    char mark[64];
    const char *snapshot = digest < channels->held_count ? channels->held[digest].snapshot : NULL;
    (void)snprintf(mark, sizeof(mark), "{\"incident\":%llu,", (unsigned long long)incident);
    if (incident == 0)
        (void)snprintf(mark, sizeof(mark), "Hand-over of ");
    return snapshot != NULL && strstr(snapshot, mark) != NULL;
}

void channels_vouch(struct channels *channels, uint64_t notification)
{
    held_of(channels, notification)->vouched = true;
}

bool channels_was_vouched(const struct channels *channels, uint64_t notification)
{
    return notification < channels->held_count && channels->held[notification].vouched;
}

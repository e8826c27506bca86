#include "gateway/engine/lanes.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/handoff/outbox.h"

void lanes_clear(struct lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++) {
        heap_clear(&lanes->items[i]->ready);
        free(lanes->items[i]->host);
        free(lanes->items[i]);
    }
    for (size_t i = 0; i < lanes->channel_count; i++) {
        free(lanes->channels[i]->name);
        free(lanes->channels[i]);
    }
    free(lanes->items);
    free(lanes->channels);
    table_clear(&lanes->by_name);
    *lanes = (struct lanes){.items = NULL};
}

void lanes_forget_ready(struct lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++)
        heap_clear(&lanes->items[i]->ready);
}

/* "host:port" of a URL as it stands there; anything else has no host of its own. Delivery knows
 * better which addresses lead to one place; here it only has to be likely. */
static size_t host_of(const char *address, const char **out_host)
{
    static const char mark[] = "://";
    const char *start = strstr(address, mark);
    if (start == NULL) {
        *out_host = "";
        return 0;
    }
    *out_host = start + sizeof(mark) - 1;
    return strcspn(*out_host, "/?#");
}

static uint64_t name_hash(const char *channel, const char *host, size_t host_bytes)
{
    return text_hash(text_hash(0, channel, strlen(channel)), host, host_bytes);
}

static bool is_named(const struct lane *lane, const char *channel, const char *host,
                     size_t host_bytes)
{
    return strlen(lane->host) == host_bytes && memcmp(lane->host, host, host_bytes) == 0 &&
           text_equal(lane->channel->name, channel);
}

static struct lane *add_lane(struct lanes *lanes, struct lane_channel *channel, const char *host,
                             size_t host_bytes)
{
    ASSERT(lanes->count < UINT32_MAX);
    if (lanes->count == lanes->capacity) {
        lanes->capacity = lanes->capacity == 0 ? 16 : lanes->capacity * 2;
        lanes->items = heap_realloc(lanes->items, lanes->capacity * sizeof(struct lane *));
    }
    struct lane *lane = heap_alloc(sizeof(*lane));
    lane->number = (uint32_t)lanes->count;
    lane->channel = channel;
    lane->host = heap_alloc(host_bytes + 1);
    memcpy(lane->host, host, host_bytes);
    lane->host[host_bytes] = '\0';
    channel->lane_count++;
    table_add(&lanes->by_name, name_hash(channel->name, host, host_bytes), lane);
    lanes->items[lanes->count++] = lane;
    return lane;
}

static struct lane_channel *channel_named(struct lanes *lanes, const char *name)
{
    for (size_t i = 0; i < lanes->channel_count; i++) {
        if (text_equal(lanes->channels[i]->name, name))
            return lanes->channels[i];
    }
    struct lane_channel *channel = heap_alloc(sizeof(*channel));
    channel->name = heap_strdup(name);
    lanes->channels =
        heap_realloc(lanes->channels, (lanes->channel_count + 1) * sizeof(struct lane_channel *));
    lanes->channels[lanes->channel_count++] = channel;
    channel->shared_lane = add_lane(lanes, channel, "", 0);
    return channel;
}

struct lane *lanes_find(struct lanes *lanes, const char *channel, const char *address)
{
    const char *host = "";
    size_t host_bytes = host_of(address, &host);
    struct table_walk walk;
    for (struct lane *lane =
             table_first(&lanes->by_name, name_hash(channel, host, host_bytes), &walk);
         lane != NULL; lane = table_next(&lanes->by_name, &walk)) {
        if (is_named(lane, channel, host, host_bytes))
            return lane;
    }
    struct lane_channel *owner = channel_named(lanes, channel);
    if (host_bytes == 0 || owner->lane_count >= LANES_PER_CHANNEL_MAX)
        return owner->shared_lane;
    return add_lane(lanes, owner, host, host_bytes);
}

size_t lane_room(const struct lane *lane, int64_t now_ms)
{
    size_t own = OUTBOX_CREDITS_PER_LANE - lane->offer_count;
    size_t all = OUTBOX_CREDITS_PER_CHANNEL - lane->channel->offer_count;
    if (lane->refusal_count >= LANE_REFUSALS_MAX && now_ms < lane->pause_end_ms)
        return 0;
    return own < all ? own : all;
}

int64_t lane_next_ms(const struct lane *lane, int64_t now_ms)
{
    if (lane->ready.count == 0 || lane->offer_count >= OUTBOX_CREDITS_PER_LANE ||
        lane->channel->offer_count >= OUTBOX_CREDITS_PER_CHANNEL)
        return INT64_MAX;
    return lane_room(lane, now_ms) > 0 ? now_ms : lane->pause_end_ms;
}

void lane_note_offer(struct lane *lane)
{
    ASSERT(lane->offer_count < OUTBOX_CREDITS_PER_LANE);
    ASSERT(lane->channel->offer_count < OUTBOX_CREDITS_PER_CHANNEL);
    lane->offer_count++;
    lane->channel->offer_count++;
}

void lane_note_answer(struct lane *lane, bool refused, int64_t now_ms)
{
    ASSERT(lane->offer_count > 0 && lane->channel->offer_count > 0);
    lane->offer_count--;
    lane->channel->offer_count--;
    if (!refused)
        return;
    if (now_ms >= lane->pause_end_ms) {
        lane->refusal_count = 0;
        lane->pause_end_ms = now_ms + LANE_PAUSE_MS;
    }
    lane->refusal_count++;
}

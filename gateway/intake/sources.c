#include "gateway/intake/sources.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/system/digest.h"

#define MINUTE_MS 60000
#define PARTS_PER_EVENT MINUTE_MS /* so that rate_per_minute is parts a millisecond */

struct source {
    char *name;
    bool has_token;
    bool is_watched;
    unsigned char token_hash[DIGEST_BYTES];
    int64_t rate_per_minute;
    int64_t level_max; /* parts */
    int64_t level;     /* may be below 0: a large request is paid for afterwards */
    int64_t filled_at_ms;
};

struct sources {
    pthread_mutex_t sources_lock; /* guards what follows */
    struct source *items;
    size_t count;
};

static void lock(struct sources *sources)
{
    ASSERT(pthread_mutex_lock(&sources->sources_lock) == 0);
}

static void unlock(struct sources *sources)
{
    ASSERT(pthread_mutex_unlock(&sources->sources_lock) == 0);
}

struct sources *sources_create(void)
{
    struct sources *sources = heap_alloc(sizeof(*sources));
    ASSERT(pthread_mutex_init(&sources->sources_lock, NULL) == 0);
    return sources;
}

static void items_free(struct source *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(items[i].name);
    }
    free(items);
}

void sources_destroy(struct sources *sources)
{
    if (sources) {
        items_free(sources->items, sources->count);
        ASSERT(pthread_mutex_destroy(&sources->sources_lock) == 0);
        free(sources);
    }
}

static struct source *find(struct source *items, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(items[i].name, name) == 0) {
            return &items[i];
        }
    }
    return NULL;
}

static void source_init(struct source *source, const struct config_source *config)
{
    source->name = heap_strdup(config->name);
    source->has_token = config->token.count > 0;
    if (source->has_token) {
        digest_sha256(config->token.bytes, config->token.count, source->token_hash);
    }
    source->is_watched = config->is_watched;
    source->rate_per_minute = config->rate_per_minute;
    source->level_max = config->burst * PARTS_PER_EVENT;
    source->level = source->level_max;
}

void sources_load(struct sources *sources, const struct config *config)
{
    struct source *items = heap_alloc((config->source_count + 1) * sizeof(*items));
    for (size_t i = 0; i < config->source_count; i++) {
        source_init(&items[i], &config->sources[i]);
    }
    lock(sources);
    struct source *old = sources->items;
    size_t old_count = sources->count;
    for (size_t i = 0; i < config->source_count; i++) {
        const struct source *same = find(old, old_count, items[i].name);
        if (same) {
            items[i].filled_at_ms = same->filled_at_ms;
            items[i].level = same->level < items[i].level_max ? same->level : items[i].level_max;
        }
    }
    sources->items = items;
    sources->count = config->source_count;
    unlock(sources);
    items_free(old, old_count);
}

const char *sources_by_token(struct sources *sources, const char *token, struct arena *arena)
{
    unsigned char hash[DIGEST_BYTES];
    const struct source *found = NULL;
    if (token[0] == '\0') {
        return NULL;
    }
    digest_sha256(token, strlen(token), hash);
    lock(sources);
    /* Every source is compared, so that time tells neither which one it was nor how near a guess
     * came. */
    for (size_t i = 0; i < sources->count; i++) {
        const struct source *source = &sources->items[i];
        bool is_equal = digest_equal(hash, sizeof(hash), source->token_hash, sizeof(hash));
        found = is_equal && source->has_token ? source : found;
    }
    const char *name = found ? arena_strdup(arena, found->name) : NULL;
    unlock(sources);
    return name;
}

bool sources_has(struct sources *sources, const char *name)
{
    lock(sources);
    bool is_there = find(sources->items, sources->count, name) != NULL;
    unlock(sources);
    return is_there;
}

bool sources_is_watched(struct sources *sources, const char *name)
{
    lock(sources);
    const struct source *source = find(sources->items, sources->count, name);
    bool is_watched = source != NULL && source->is_watched;
    unlock(sources);
    return is_watched;
}

static void fill(struct source *source, int64_t mono_ms)
{
    int64_t passed_ms = mono_ms - source->filled_at_ms;
    /* Longer than it takes to fill from the lowest level: no overflow below. */
    int64_t missing = source->level_max - source->level;
    if (source->rate_per_minute <= 0 || passed_ms >= missing / source->rate_per_minute + 1) {
        source->level = source->level_max;
    } else if (passed_ms > 0) {
        source->level += passed_ms * source->rate_per_minute;
    }
    source->filled_at_ms = mono_ms;
}

/* A rate of 0 is no limit. */
static int64_t take(struct sources *sources, const char *name, size_t count, int64_t mono_ms)
{
    int64_t wait_ms = -1;
    lock(sources);
    struct source *source = find(sources->items, sources->count, name);
    if (source) {
        fill(source, mono_ms);
        int64_t missing = PARTS_PER_EVENT - source->level;
        bool is_free = source->rate_per_minute <= 0 || missing <= 0;
        wait_ms = is_free ? 0 : (missing + source->rate_per_minute - 1) / source->rate_per_minute;
        source->level -= is_free ? (int64_t)count * PARTS_PER_EVENT : 0;
    }
    unlock(sources);
    return wait_ms;
}

int64_t sources_wait_ms(struct sources *sources, const char *name, int64_t mono_ms)
{
    return take(sources, name, 0, mono_ms);
}

int64_t sources_take(struct sources *sources, const char *name, size_t count, int64_t mono_ms)
{
    return take(sources, name, count, mono_ms);
}

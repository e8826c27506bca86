#include "policies/storm.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/parse.h"

enum { MINUTE_MS = 60000 };

static int64_t later_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* One token in so many milliseconds. */
static int64_t interval_ms(int64_t per_minute)
{
    return per_minute >= MINUTE_MS ? 1 : MINUTE_MS / per_minute;
}

/* When there is, or was, a token. */
static int64_t ready_ms(int64_t full_ms, int64_t per_minute)
{
    return full_ms - (per_minute - 1) * interval_ms(per_minute);
}

static int64_t taken(int64_t full_ms, int64_t per_minute, int64_t now_ms)
{
    return later_of(full_ms, now_ms) + interval_ms(per_minute);
}

/* Takes what is there: an empty bucket stays empty, so that it fills again from now on. */
static int64_t drained(int64_t full_ms, int64_t per_minute, int64_t now_ms)
{
    int64_t empty_ms = now_ms + per_minute * interval_ms(per_minute);
    int64_t next_ms = taken(full_ms, per_minute, now_ms);
    return next_ms > empty_ms ? later_of(full_ms, empty_ms) : next_ms;
}

bool storm_is_limited(const struct channel_rule *rule, bool urgent)
{
    return rule->per_contact > 0 && (!urgent || rule->per_contact_critical > 0);
}

static void take_both(struct storm_bucket *bucket, const struct channel_rule *rule, bool urgent,
                      int64_t now_ms)
{
    if (urgent)
        bucket->calm_full_ms = drained(bucket->calm_full_ms, rule->per_contact, now_ms);
    else
        bucket->calm_full_ms = taken(bucket->calm_full_ms, rule->per_contact, now_ms);
    if (rule->per_contact_critical == 0)
        return;
    if (urgent)
        bucket->urgent_full_ms = taken(bucket->urgent_full_ms, rule->per_contact_critical, now_ms);
    else
        bucket->urgent_full_ms =
            drained(bucket->urgent_full_ms, rule->per_contact_critical, now_ms);
}

static int64_t next_token_ms(const struct storm_bucket *bucket, const struct channel_rule *rule,
                             bool urgent)
{
    return urgent ? ready_ms(bucket->urgent_full_ms, rule->per_contact_critical)
                  : ready_ms(bucket->calm_full_ms, rule->per_contact);
}

bool storm_take(struct storm_bucket *bucket, const struct channel_rule *rule, bool urgent,
                int64_t now_ms)
{
    ASSERT(storm_is_limited(rule, urgent));
    if (next_token_ms(bucket, rule, urgent) > now_ms)
        return false;
    take_both(bucket, rule, urgent, now_ms);
    return true;
}

int64_t storm_reserve(struct storm_bucket *bucket, const struct channel_rule *rule, bool urgent,
                      int64_t now_ms)
{
    ASSERT(storm_is_limited(rule, urgent));
    int64_t at_ms = later_of(next_token_ms(bucket, rule, urgent), now_ms);
    take_both(bucket, rule, urgent, now_ms);
    return at_ms;
}

struct storm_bucket storm_read(const char *text)
{
    struct storm_bucket bucket = {0};
    char first[STORM_BUCKET_BYTES];
    const char *blank = strchr(text, ' ');
    size_t length = blank != NULL ? (size_t)(blank - text) : sizeof(first);
    if (length >= sizeof(first))
        return bucket;
    memcpy(first, text, length);
    first[length] = '\0';
    if (parse_i64(first, 0, INT64_MAX, &bucket.calm_full_ms, NULL) != 0 ||
        parse_i64(blank + 1, 0, INT64_MAX, &bucket.urgent_full_ms, NULL) != 0)
        return (struct storm_bucket){0};
    return bucket;
}

void storm_write(const struct storm_bucket *bucket, char out[STORM_BUCKET_BYTES])
{
    int length = snprintf(out, STORM_BUCKET_BYTES, "%lld %lld", (long long)bucket->calm_full_ms,
                          (long long)bucket->urgent_full_ms);
    ASSERT(length > 0 && length < STORM_BUCKET_BYTES);
}

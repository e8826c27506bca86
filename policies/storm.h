/*
 * storm - how many messages a minute one person is sent by one channel; what exceeds it goes out in a digest.
 *
 * Shape:   a bucket for each contact and channel; storm_take for one message that is due, storm_reserve for the digest
 *          that waits for the next token.
 * Units:   *_ms engine time, milliseconds; a bucket is told by the times at which it would be full again, so that it
 *          needs no timer and is the same after a restart.
 * Limits:  a bucket holds as many tokens as come in a minute. There are two: every message takes a token of the calm one
 *          where there is one, and of the urgent one; what is not urgent waits for the first, what is urgent for the
 *          second only. So urgent messages crowd out the others, never the other way round.
 * Source:  DESIGN section 4, rule 15; GUARANTEES I22.
 */
#ifndef ESCALATED_POLICIES_STORM_H
#define ESCALATED_POLICIES_STORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/rulebook.h"

#define STORM_BUCKET_BYTES 48

struct storm_bucket {
    int64_t calm_full_ms;
    int64_t urgent_full_ms;
};

/* Is there a limit for what is so urgent? */
bool storm_is_limited(const struct channel_rule *rule, bool urgent);
/* A message goes out now, and has taken its tokens; false: there is none. */
bool storm_take(struct storm_bucket *bucket, const struct channel_rule *rule, bool urgent,
                int64_t now_ms);
/* Takes the next token that comes; answers when that is, never before now. */
int64_t storm_reserve(struct storm_bucket *bucket, const struct channel_rule *rule, bool urgent,
                      int64_t now_ms);

/* "CALM URGENT"; what cannot be read is a full bucket. */
struct storm_bucket storm_read(const char *text);
void storm_write(const struct storm_bucket *bucket, char out[STORM_BUCKET_BYTES]);

#endif

#include "gateway/system/id.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "gateway/base/assert.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"
#include "gateway/system/clock.h"

#define NS_PER_MS 1000000
#define FRACTION_BITS 12
#define RANDOM_BYTES 8
#define POOL_BYTES (64 * RANDOM_BYTES)

/* The last 60 bits of time handed out: milliseconds, then 1/4096 of one. */
static _Atomic uint64_t last_tick;

void id_random(void *out, size_t count)
{
    unsigned char *bytes = out;
    while (count > 0) {
        ssize_t got = getrandom(bytes, count, 0);
        ASSERT(got > 0 || errno == EINTR);
        if (got > 0) {
            bytes += got;
            count -= (size_t)got;
        }
    }
}

/* Random bits for ids only, fetched for 64 ids at a time: a system call for each would be most of
 * an id's cost. A forked child must not make ids before it executes a program: it would draw its
 * parent's bits again. */
static void pool_draw(unsigned char out[RANDOM_BYTES])
{
    static _Thread_local unsigned char pool[POOL_BYTES];
    static _Thread_local size_t left;
    if (left == 0) {
        id_random(pool, sizeof pool);
        left = sizeof pool;
    }
    left -= RANDOM_BYTES;
    memcpy(out, pool + left, RANDOM_BYTES);
}

/* The present time in 1/4096 ms, or one more than the last when the clock has not moved on: that is
 * the counter. */
static uint64_t tick_next(void)
{
    int64_t now_ns = clock_wall_ns();
    ASSERT(now_ns >= 0);
    uint64_t whole_ms = (uint64_t)now_ns / NS_PER_MS;
    uint64_t fraction = (((uint64_t)now_ns % NS_PER_MS) << FRACTION_BITS) / NS_PER_MS;
    uint64_t now = (whole_ms << FRACTION_BITS) | fraction;
    uint64_t last = atomic_load_explicit(&last_tick, memory_order_relaxed);
    uint64_t next;
    do {
        next = now > last ? now : last + 1;
    } while (!atomic_compare_exchange_weak_explicit(&last_tick, &last, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    return next;
}

struct id id_make(void)
{
    struct id id;
    uint64_t tick = tick_next();
    uint64_t ms = tick >> FRACTION_BITS;
    for (size_t i = 0; i < 6; i++) {
        id.bytes[i] = (unsigned char)(ms >> (8 * (5 - i)));
    }
    id.bytes[6] = (unsigned char)(0x70U | ((tick >> 8) & 0x0fU));
    id.bytes[7] = (unsigned char)tick;
    pool_draw(id.bytes + 8);
    id.bytes[8] = (unsigned char)(0x80U | (id.bytes[8] & 0x3fU));
    return id;
}

const char *id_text(const struct id *id, char out[ID_TEXT_BYTES])
{
    _Static_assert(ID_TEXT_BYTES == TEXT_UUID_BYTES, "an id is a UUID");
    return text_uuid(id->bytes, out);
}

static unsigned hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : ((unsigned)c | 0x20U) - 'a' + 10;
}

int id_parse(const char *text, struct id *out_id)
{
    if (!parse_is_uuid(text)) {
        return -1;
    }
    for (size_t i = 0; i < sizeof out_id->bytes; i++) {
        text += *text == '-';
        out_id->bytes[i] = (unsigned char)((hex_value(text[0]) << 4) | hex_value(text[1]));
        text += 2;
    }
    return 0;
}

/*
 * clock - the only place that asks the operating system what time it is.
 *
 * Units:   wall: Unix UTC milliseconds; mono: CLOCK_BOOTTIME milliseconds or nanoseconds, counted
 *          from boot.
 * Threads: any.
 * Fails:   never (a failing clock is an ASSERT).
 */
#ifndef ESCALATED_SYSTEM_CLOCK_H
#define ESCALATED_SYSTEM_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

int64_t clock_wall_ms(void);
int64_t clock_wall_ns(void);
int64_t clock_mono_ms(void);
int64_t clock_mono_ns(void);

/* The CLOCK_MONOTONIC instant `timeout_ms` from now, for timed waits on a condition variable made
 * with that clock (condition variables know no CLOCK_BOOTTIME). At most a year ahead. */
struct timespec clock_wait_until(int64_t timeout_ms);

/*
 * Engine time: max(last committed, wall at start) + monotonic since start; never goes back.
 * `clock_engine_ms` may be called from any thread after init.
 */
struct clock_engine {
    _Atomic int64_t base_ms; /* engine time at init, and what it was raised by since */
    int64_t mono_at_ms;      /* monotonic at init */
    int64_t wall_at_ms;      /* wall at init, to notice later steps of the wall clock */
};

void clock_engine_init(struct clock_engine *clock, int64_t last_committed_ms);
int64_t clock_engine_ms(const struct clock_engine *clock);
/* For a node that becomes the engine: on to what another has committed last, if that is ahead. From one thread at a time. */
void clock_engine_raise(struct clock_engine *clock, int64_t committed_ms);
/* How far the wall clock now stands ahead of engine time (negative: behind). */
int64_t clock_engine_wall_offset_ms(const struct clock_engine *clock);

#endif

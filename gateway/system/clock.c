#include "gateway/system/clock.h"

#include "gateway/base/assert.h"

#define NS_PER_MS 1000000
#define NS_PER_S 1000000000
#define MS_PER_S 1000
#define WAIT_MAX_MS (INT64_C(366) * 24 * 3600 * MS_PER_S)

static int64_t read_ns(clockid_t which)
{
    struct timespec now;
    int status = clock_gettime(which, &now);
    ASSERT(status == 0);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t clock_wall_ns(void)
{
    return read_ns(CLOCK_REALTIME);
}

int64_t clock_wall_ms(void)
{
    return clock_wall_ns() / NS_PER_MS;
}

int64_t clock_mono_ns(void)
{
    return read_ns(CLOCK_BOOTTIME);
}

int64_t clock_mono_ms(void)
{
    return clock_mono_ns() / NS_PER_MS;
}

struct timespec clock_wait_until(int64_t timeout_ms)
{
    if (timeout_ms < 0) {
        timeout_ms = 0;
    } else if (timeout_ms > WAIT_MAX_MS) {
        timeout_ms = WAIT_MAX_MS;
    }
    int64_t at_ns = read_ns(CLOCK_MONOTONIC) + timeout_ms * NS_PER_MS;
    return (struct timespec){.tv_sec = (time_t)(at_ns / NS_PER_S),
                             .tv_nsec = (long)(at_ns % NS_PER_S)};
}

void clock_engine_init(struct clock_engine *clock, int64_t last_committed_ms)
{
    clock->mono_at_ms = clock_mono_ms();
    clock->wall_at_ms = clock_wall_ms();
    clock->base_ms = last_committed_ms > clock->wall_at_ms ? last_committed_ms : clock->wall_at_ms;
}

int64_t clock_engine_ms(const struct clock_engine *clock)
{
    return clock->base_ms + (clock_mono_ms() - clock->mono_at_ms);
}

void clock_engine_raise(struct clock_engine *clock, int64_t committed_ms)
{
    int64_t behind_ms = committed_ms - clock_engine_ms(clock);
    if (behind_ms > 0) {
        clock->base_ms += behind_ms;
    }
}

int64_t clock_engine_wall_offset_ms(const struct clock_engine *clock)
{
    return clock_wall_ms() - clock_engine_ms(clock);
}

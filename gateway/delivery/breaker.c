#include "gateway/delivery/breaker.h"

#include <limits.h>

enum breaker_word breaker_ask(struct breaker *breaker, int64_t now_mono_ms)
{
    if (!breaker->open) {
        return BREAKER_PASS;
    }
    if (breaker->probing || now_mono_ms < breaker->probe_mono_ms) {
        return BREAKER_WAIT;
    }
    breaker->probing = true;
    return BREAKER_PROBE;
}

void breaker_probe_cancelled(struct breaker *breaker)
{
    breaker->probing = false;
}

bool breaker_succeeded(struct breaker *breaker)
{
    bool was_open = breaker->open;
    *breaker = (struct breaker){.failures = 0};
    return was_open;
}

bool breaker_failed(struct breaker *breaker, bool was_probe, int64_t now_mono_ms)
{
    bool was_open = breaker->open;
    if (breaker->failures < INT_MAX) {
        breaker->failures++;
    }
    if (!was_open && breaker->failures < BREAKER_FAILURES) {
        return false;
    }
    /* Attempts that were under way when it opened fail after it; only the probe makes the wait
     * longer. */
    if (was_open && !was_probe) {
        return false;
    }
    int64_t longer_ms = breaker->open_ms * 2;
    breaker->open_ms = !was_open                         ? BREAKER_OPEN_FIRST_MS
                       : longer_ms < BREAKER_OPEN_MAX_MS ? longer_ms
                                                         : BREAKER_OPEN_MAX_MS;
    breaker->open = true;
    breaker->probing = false;
    breaker->probe_mono_ms = now_mono_ms + breaker->open_ms;
    return !was_open;
}

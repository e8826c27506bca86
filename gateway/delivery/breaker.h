/*
 * breaker - leaves a failing destination alone, and asks it again at growing intervals.
 *
 * Shape:   closed -> BREAKER_FAILURES in a row -> open for 1 s -> one probe -> closed, or open for
 *          twice as long (to 60 s).
 * Units:   *_mono_ms on the boot clock.
 * Threads: one at a time; pure.
 */
#ifndef ESCALATED_DELIVERY_BREAKER_H
#define ESCALATED_DELIVERY_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_FAILURES 5
#define BREAKER_OPEN_FIRST_MS 1000
#define BREAKER_OPEN_MAX_MS 60000

struct breaker {  /* all zero: closed */
    int failures; /* in a row */
    bool open;
    bool probing; /* the one attempt that an open breaker lets through is under way */
    int64_t open_ms;
    int64_t probe_mono_ms; /* when the next probe may go */
};

enum breaker_word { BREAKER_PASS, BREAKER_PROBE, BREAKER_WAIT };

/* May an attempt go now? PROBE: as the only one, and its outcome decides; breaker_probe_cancelled
 * if it never starts. */
enum breaker_word breaker_ask(struct breaker *breaker, int64_t now_mono_ms);
void breaker_probe_cancelled(struct breaker *breaker);

/* True when this outcome opened a closed breaker or closed an open one. */
bool breaker_succeeded(struct breaker *breaker);
bool breaker_failed(struct breaker *breaker, bool was_probe, int64_t now_mono_ms);

#endif

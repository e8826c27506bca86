/*
 * source_counter - a counter with a value for each source, at most SOURCE_COUNTER_MAX of them.
 *
 * Shape:   source_counter_add makes the value of a source when it is first counted; at the start there is "other" alone.
 * Owns:    copies of the names.
 * Threads: the engine's.
 * Limits:  the first SOURCE_COUNTER_MAX sources have values of their own, those after them count as "other".
 */
#ifndef ESCALATED_ENGINE_SOURCE_COUNTER_H
#define ESCALATED_ENGINE_SOURCE_COUNTER_H

#include <stddef.h>
#include <stdint.h>

#define SOURCE_COUNTER_MAX 32

struct metric;

struct source_counter {
    const char *name; /* static, as is help */
    const char *help;
    char *sources[SOURCE_COUNTER_MAX];
    struct metric *counters[SOURCE_COUNTER_MAX];
    size_t count;
    struct metric *other;
};

void source_counter_init(struct source_counter *counter, const char *name, const char *help);
void source_counter_clear(struct source_counter *counter);
void source_counter_add(struct source_counter *counter, const char *source, int64_t amount);

#endif

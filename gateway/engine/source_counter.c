#include "gateway/engine/source_counter.h"

#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"
#include "gateway/system/metrics.h"

void source_counter_init(struct source_counter *counter, const char *name, const char *help)
{
    *counter = (struct source_counter){.name = name, .help = help};
    counter->other = metric_counter(name, help, "source", "other");
}

void source_counter_clear(struct source_counter *counter)
{
    for (size_t i = 0; i < counter->count; i++)
        free(counter->sources[i]);
    counter->count = 0;
}

static struct metric *metric_of(struct source_counter *counter, const char *source)
{
    size_t i = 0;
    while (i < counter->count && !text_equal(counter->sources[i], source))
        i++;
    if (i == SOURCE_COUNTER_MAX)
        return counter->other;
    if (i == counter->count) {
        counter->sources[i] = heap_strdup(source);
        counter->counters[i] = metric_counter(counter->name, counter->help, "source", source);
        counter->count++;
    }
    return counter->counters[i];
}

void source_counter_add(struct source_counter *counter, const char *source, int64_t amount)
{
    metric_add(metric_of(counter, source), amount);
}

#include "gateway/intake/mqtt_window.h"

#include <stdlib.h>

#include "gateway/base/assert.h"

struct window {
    struct letters *batches[WINDOW_BATCHES];
    size_t submitted_count; /* the next one is being read */
    bool is_broken;         /* the engine's, until settled */
};

struct window *window_create(const struct letters_options *options)
{
    struct window *window = heap_alloc(sizeof(*window));
    struct letters_options own = *options;
    own.is_broken = &window->is_broken;
    for (size_t i = 0; i < WINDOW_BATCHES; i++)
        window->batches[i] = letters_create(&own);
    return window;
}

void window_destroy(struct window *window)
{
    if (window == NULL)
        return;
    for (size_t i = 0; i < WINDOW_BATCHES; i++)
        letters_destroy(window->batches[i]);
    free(window);
}

struct letters *window_reading(struct window *window)
{
    ASSERT(window->submitted_count < WINDOW_BATCHES);
    return window->batches[window->submitted_count];
}

bool window_is_full(const struct window *window)
{
    return window->submitted_count + 1 >= WINDOW_BATCHES &&
           letters_is_full(window->batches[WINDOW_BATCHES - 1]);
}

size_t window_count(const struct window *window)
{
    size_t count = window->submitted_count;
    return count + (count < WINDOW_BATCHES && letters_count(window->batches[count]) > 0);
}

bool window_is_empty(const struct window *window)
{
    return window_count(window) == 0;
}

enum inbox_verdict window_submit(struct window *window, struct inbox *inbox)
{
    if (window_count(window) == window->submitted_count)
        return INBOX_TAKEN;
    enum inbox_verdict verdict = letters_submit(window_reading(window), inbox);
    window->submitted_count += verdict == INBOX_TAKEN;
    return verdict;
}

bool window_is_settled(const struct window *window)
{
    bool settled = true;
    for (size_t i = 0; i < window->submitted_count; i++)
        settled = settled && letters_is_settled(window->batches[i]);
    return settled;
}

bool window_is_committed(const struct window *window)
{
    bool committed = window_count(window) == window->submitted_count;
    for (size_t i = 0; i < window->submitted_count; i++)
        committed = committed && letters_is_committed(window->batches[i]);
    return committed;
}

struct letters *window_at(struct window *window, size_t index)
{
    ASSERT(index < window_count(window));
    return window->batches[index];
}

void window_reset(struct window *window)
{
    ASSERT(window_is_settled(window));
    for (size_t i = 0; i < WINDOW_BATCHES; i++)
        letters_reset(window->batches[i]);
    window->submitted_count = 0;
    window->is_broken = false;
}

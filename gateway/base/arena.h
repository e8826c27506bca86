/*
 * arena - memory with one lifetime: many small allocations, freed together.
 *
 * Owns:    everything allocated lives until arena_reset or arena_clear.
 * Threads: one at a time.
 * Limits:  none of its own; callers bound what peers control before they allocate.
 * Fails:   out of memory ends the process (assert_out_of_memory). Results are zeroed and aligned to
 * 16 bytes.
 */
#ifndef ESCALATED_BASE_ARENA_H
#define ESCALATED_BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *head; /* newest first */
    size_t used_bytes;        /* handed out since init or reset */
};

void arena_init(struct arena *arena);

/* Forget everything but keep one chunk for the next round. */
void arena_reset(struct arena *arena);

/* Free everything; the arena may be used again. */
void arena_clear(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t size);
void *arena_alloc_array(struct arena *arena, size_t count, size_t size); /* checks the product */
void *arena_copy(struct arena *arena, const void *data, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
/* All `length` bytes, also after a NUL, and a NUL behind them. */
char *arena_copy_text(struct arena *arena, const char *text, size_t length);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Not zeroed: for what is written as a whole anyway. */
void *arena_take(struct arena *arena, size_t size);
void *arena_take_array(struct arena *arena, size_t count, size_t size);
/* What was taken last grows or shrinks where it lies; anything else moves to grow and stays to shrink. NULL: takes anew. */
void *arena_resize(struct arena *arena, void *old_or_null, size_t old_size, size_t size);
#define ARENA_PARTS_MAX 16
/* The parts one behind the other. */
char *arena_join(struct arena *arena, const char *const *parts, size_t count);

/* malloc, realloc and strdup that end the process when memory is out. Freed with free(). */
void *heap_alloc(size_t size); /* zeroed */
void *heap_take(size_t size);  /* not zeroed: for what is written as a whole anyway */
void *heap_realloc(void *old, size_t size);
char *heap_strdup(const char *text);

#endif

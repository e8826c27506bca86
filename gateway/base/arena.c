#include "gateway/base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"

#define ALIGNMENT 16
#define CHUNK_BYTES_MIN ((size_t)4096)
#define CHUNK_BYTES_MAX ((size_t)256 * 1024)

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    size_t used;
    _Alignas(ALIGNMENT) unsigned char bytes[];
};

_Static_assert(offsetof(struct arena_chunk, bytes) % ALIGNMENT == 0, "results are aligned");

void arena_init(struct arena *arena)
{
    *arena = (struct arena){.head = NULL, .used_bytes = 0};
}

static void free_chunks(struct arena_chunk *chunk)
{
    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *kept = arena->head;
    if (kept != NULL && kept->size > CHUNK_BYTES_MAX) {
        /* One huge round must not pin its memory for ever. */
        kept = NULL;
    }
    if (kept != NULL) {
        free_chunks(kept->next);
        kept->next = NULL;
        kept->used = 0;
    } else {
        free_chunks(arena->head);
    }
    arena->head = kept;
    arena->used_bytes = 0;
}

void arena_clear(struct arena *arena)
{
    free_chunks(arena->head);
    arena_init(arena);
}

static size_t next_chunk_size(const struct arena *arena, size_t size)
{
    size_t wanted = CHUNK_BYTES_MIN;
    if (arena->head != NULL) {
        wanted = arena->head->size < CHUNK_BYTES_MAX / 2 ? arena->head->size * 2 : CHUNK_BYTES_MAX;
    }
    return size > wanted ? size : wanted;
}

static struct arena_chunk *add_chunk(struct arena *arena, size_t size)
{
    size_t chunk_size = next_chunk_size(arena, size);
    struct arena_chunk *chunk = malloc(sizeof(*chunk) + chunk_size);
    if (chunk == NULL) {
        assert_out_of_memory(chunk_size);
    }
    chunk->size = chunk_size;
    chunk->used = 0;
    if (arena->head != NULL && size > CHUNK_BYTES_MAX) {
        /* A large item fills its own chunk; the head still has room for small ones. */
        chunk->next = arena->head->next;
        arena->head->next = chunk;
    } else {
        chunk->next = arena->head;
        arena->head = chunk;
    }
    return chunk;
}

static size_t rounded_size(size_t size)
{
    return (size + (size == 0) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

void *arena_take(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2) {
        assert_out_of_memory(size);
    }
    size_t rounded = rounded_size(size);
    struct arena_chunk *chunk = arena->head;
    if (chunk == NULL || chunk->size - chunk->used < rounded) {
        chunk = add_chunk(arena, rounded);
    }
    void *result = chunk->bytes + chunk->used;
    chunk->used += rounded;
    arena->used_bytes += rounded;
    return result;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    void *result = arena_take(arena, size);
    memset(result, 0, size);
    return result;
}

void *arena_resize(struct arena *arena, void *old_or_null, size_t old_size, size_t size)
{
    if (old_or_null == NULL || size > SIZE_MAX / 2) {
        return arena_take(arena, size);
    }
    unsigned char *old = old_or_null;
    size_t before = rounded_size(old_size);
    size_t after = rounded_size(size);
    struct arena_chunk *chunk = arena->head;
    bool is_last = chunk != NULL && old + before == chunk->bytes + chunk->used;
    if (is_last && after <= before + (chunk->size - chunk->used)) {
        chunk->used = chunk->used - before + after;
        arena->used_bytes = arena->used_bytes - before + after;
        return old;
    }
    if (after <= before) {
        return old;
    }
    void *result = arena_take(arena, size);
    memcpy(result, old, old_size);
    return result;
}

static size_t array_bytes(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        assert_out_of_memory(SIZE_MAX);
    }
    return total;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    return arena_alloc(arena, array_bytes(count, size));
}

void *arena_take_array(struct arena *arena, size_t count, size_t size)
{
    return arena_take(arena, array_bytes(count, size));
}

void *arena_copy(struct arena *arena, const void *data, size_t size)
{
    void *result = arena_take(arena, size);
    if (size > 0) {
        memcpy(result, data, size);
    }
    return result;
}

char *arena_copy_text(struct arena *arena, const char *text, size_t length)
{
    char *result = arena_take(arena, length + 1);
    if (length > 0) {
        memcpy(result, text, length);
    }
    result[length] = '\0';
    return result;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_copy(arena, text, strlen(text) + 1);
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    size_t kept = length > 0 ? strnlen(text, length) : 0;
    char *result = arena_take(arena, kept + 1);
    if (kept > 0)
        memcpy(result, text, kept);
    result[kept] = '\0';
    return result;
}

char *arena_join(struct arena *arena, const char *const *parts, size_t count)
{
    size_t lengths[ARENA_PARTS_MAX];
    size_t length = 0;
    ASSERT(count <= ARENA_PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        lengths[i] = strlen(parts[i]);
        length += lengths[i];
    }
    char *result = arena_take(arena, length + 1);
    char *end = result;
    for (size_t i = 0; i < count; i++) {
        memcpy(end, parts[i], lengths[i]);
        end += lengths[i];
    }
    *end = '\0';
    return result;
}

/* Most texts are short: written once, then copied, instead of counted first. */
char *arena_printf(struct arena *arena, const char *format, ...)
{
    enum { SHORT_BYTES = 256 };
    char text[SHORT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    ASSERT(length >= 0);
    size_t size = (size_t)length + 1;
    if (size <= sizeof(text))
        return arena_copy(arena, text, size);
    char *result = arena_take(arena, size);
    va_start(arguments, format);
    int written = vsnprintf(result, size, format, arguments);
    va_end(arguments);
    ASSERT(written == length);
    return result;
}

void *heap_alloc(size_t size)
{
    void *result = calloc(1, size + (size == 0));
    if (result == NULL) {
        assert_out_of_memory(size);
    }
    return result;
}

void *heap_take(size_t size)
{
    void *result = malloc(size + (size == 0));
    if (result == NULL) {
        assert_out_of_memory(size);
    }
    return result;
}

void *heap_realloc(void *old, size_t size)
{
    void *result = realloc(old, size + (size == 0));
    if (result == NULL) {
        assert_out_of_memory(size);
    }
    return result;
}

char *heap_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *result = malloc(size);
    if (result == NULL) {
        assert_out_of_memory(size);
    }
    memcpy(result, text, size);
    return result;
}

#include "gateway/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"

#define ARENA_ALIGNMENT 16u
#define ARENA_CHUNK_MIN_BYTES ((size_t)4096)
#define ARENA_CHUNK_MAX_BYTES ((size_t)65536)

struct arena_chunk {
    struct arena_chunk *older;
    size_t capacity;
    size_t used;
    alignas(ARENA_ALIGNMENT) unsigned char data[];
};

void *heap_alloc(size_t size)
{
    void *memory = calloc(1, size == 0 ? 1 : size);
    if (memory == NULL) {
        assert_out_of_memory(size);
    }
    return memory;
}

void *heap_realloc(void *old, size_t size)
{
    void *memory = realloc(old, size == 0 ? 1 : size);
    if (memory == NULL) {
        assert_out_of_memory(size);
    }
    return memory;
}

char *heap_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = heap_alloc(size);
    memcpy(copy, text, size);
    return copy;
}

static struct arena_chunk *chunk_create(size_t capacity)
{
    if (capacity > SIZE_MAX - sizeof(struct arena_chunk)) {
        assert_out_of_memory(capacity);
    }
    struct arena_chunk *chunk = NULL;
    if (posix_memalign((void **)&chunk, ARENA_ALIGNMENT, sizeof(*chunk) + capacity) != 0) {
        assert_out_of_memory(capacity);
    }
    *chunk = (struct arena_chunk){.capacity = capacity};
    return chunk;
}

static void chunks_free(struct arena_chunk *chunk)
{
    while (chunk != NULL) {
        struct arena_chunk *older = chunk->older;
        free(chunk);
        chunk = older;
    }
}

void arena_init(struct arena *arena)
{
    *arena = (struct arena){.head = NULL};
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *kept = arena->head;
    if (kept != NULL) {
        chunks_free(kept->older);
        kept->older = NULL;
        kept->used = 0;
    }
    arena->used_bytes = 0;
}

void arena_clear(struct arena *arena)
{
    chunks_free(arena->head);
    arena_init(arena);
}

/* Chunks double up to a maximum, so that a small arena stays small and a large one needs few calls
 * to malloc. */
static size_t next_capacity(const struct arena *arena)
{
    if (arena->head == NULL) {
        return ARENA_CHUNK_MIN_BYTES;
    }
    size_t doubled = arena->head->capacity * 2;
    return doubled > ARENA_CHUNK_MAX_BYTES ? ARENA_CHUNK_MAX_BYTES : doubled;
}

/* A piece larger than a chunk gets its own behind the head, so that the room left in the head stays
 * in use and a reset does not keep an unusually large chunk. */
static struct arena_chunk *chunk_for(struct arena *arena, size_t rounded)
{
    struct arena_chunk *head = arena->head;
    if (head != NULL && rounded <= head->capacity - head->used) {
        return head;
    }
    if (rounded > ARENA_CHUNK_MAX_BYTES / 4) {
        if (head == NULL) {
            head = arena->head = chunk_create(ARENA_CHUNK_MIN_BYTES);
        }
        struct arena_chunk *large = chunk_create(rounded);
        large->older = head->older;
        head->older = large;
        return large;
    }
    size_t capacity = next_capacity(arena);
    while (capacity < rounded) {
        capacity *= 2;
    }
    struct arena_chunk *chunk = chunk_create(capacity);
    chunk->older = head;
    arena->head = chunk;
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX - ARENA_ALIGNMENT) {
        assert_out_of_memory(size);
    }
    size_t wanted = size == 0 ? 1 : size;
    size_t rounded = (wanted + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    struct arena_chunk *chunk = chunk_for(arena, rounded);
    void *memory = chunk->data + chunk->used;
    chunk->used += rounded;
    arena->used_bytes += rounded;
    memset(memory, 0, rounded);
    return memory;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        assert_out_of_memory(SIZE_MAX);
    }
    return arena_alloc(arena, bytes);
}

void *arena_copy(struct arena *arena, const void *data, size_t size)
{
    void *copy = arena_alloc(arena, size);
    if (size != 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_copy(arena, text, strlen(text) + 1);
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    size_t kept = strnlen(text, length);
    ASSERT(kept < SIZE_MAX);
    char *copy = arena_alloc(arena, kept + 1);
    memcpy(copy, text, kept);
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(length >= 0);
    char *text = arena_alloc(arena, (size_t)length + 1);
    int written = vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    ASSERT(written == length);
    return text;
}

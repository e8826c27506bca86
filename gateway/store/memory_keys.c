#include "gateway/store/memory_keys.h"

#include <stdlib.h>

#include "gateway/base/arena.h"

/* FNV-1a, finished by a multiply and shift so that the low bits, which choose the slot, depend on
 * all others. */
static uint64_t add_text(uint64_t sum, const char *text_or_null)
{
    const char *text = text_or_null == NULL ? "" : text_or_null;
    for (size_t i = 0; text[i] != '\0'; i++) {
        sum = (sum ^ (unsigned char)text[i]) * 1099511628211U;
    }
    return (sum ^ 0x100U) * 1099511628211U; /* the end of the text: no byte has this value */
}

uint64_t memory_key(const char *first_or_null, const char *second_or_null)
{
    uint64_t sum = add_text(add_text(14695981039346656037U, first_or_null), second_or_null);
    sum = (sum ^ (sum >> 32)) * 0x9e3779b97f4a7c15U;
    sum ^= sum >> 29;
    return sum == 0 ? 1 : sum;
}

/* The slot of the key, or the free one where it would go. */
static size_t slot_of(const struct memory_keys *keys, uint64_t key)
{
    size_t slot = key & (keys->capacity - 1);
    while (keys->slots[slot] != 0 && keys->slots[slot] != key) {
        slot = (slot + 1) & (keys->capacity - 1);
    }
    return slot;
}

static void grow(struct memory_keys *keys)
{
    struct memory_keys old = *keys;
    keys->capacity = old.capacity == 0 ? 64 : old.capacity * 2;
    keys->slots = heap_alloc(keys->capacity * sizeof(uint64_t));
    keys->numbers = heap_alloc(keys->capacity * sizeof(uint64_t));
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i] != 0) {
            size_t slot = slot_of(keys, old.slots[i]);
            keys->slots[slot] = old.slots[i];
            keys->numbers[slot] = old.numbers[i];
        }
    }
    free(old.slots);
    free(old.numbers);
}

uint64_t *memory_keys_find(const struct memory_keys *keys, uint64_t key)
{
    if (keys->capacity == 0) {
        return NULL;
    }
    size_t slot = slot_of(keys, key);
    return keys->slots[slot] == key ? &keys->numbers[slot] : NULL;
}

bool memory_keys_add(struct memory_keys *keys, uint64_t key, uint64_t number)
{
    if (keys->count * 2 >= keys->capacity) {
        grow(keys);
    }
    size_t slot = slot_of(keys, key);
    if (keys->slots[slot] == key) {
        return false;
    }
    keys->slots[slot] = key;
    keys->numbers[slot] = number;
    keys->count++;
    return true;
}

/* Those behind the gap move up, unless that would put them before their own place. */
void memory_keys_remove(struct memory_keys *keys, uint64_t key)
{
    if (keys->capacity == 0) {
        return;
    }
    size_t mask = keys->capacity - 1;
    size_t gap = slot_of(keys, key);
    if (keys->slots[gap] == 0) {
        return;
    }
    for (size_t next = (gap + 1) & mask; keys->slots[next] != 0; next = (next + 1) & mask) {
        size_t home = keys->slots[next] & mask;
        if (((next - home) & mask) >= ((next - gap) & mask)) {
            keys->slots[gap] = keys->slots[next];
            keys->numbers[gap] = keys->numbers[next];
            gap = next;
        }
    }
    keys->slots[gap] = 0;
    keys->count--;
}

void memory_keys_clear(struct memory_keys *keys)
{
    free(keys->slots);
    free(keys->numbers);
    *keys = (struct memory_keys){.slots = NULL};
}

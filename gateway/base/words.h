/*
 * words - eight bytes of a text looked at together; for the files of base that walk over much text.
 *
 * Shape:   a function says whether any of the eight bytes is of a kind; which one is left to a walk
 *          byte by byte.
 * Source:  Bit Twiddling Hacks: "Determine if a word has a zero byte", "a byte less than n".
 */
#ifndef ESCALATED_BASE_WORDS_H
#define ESCALATED_BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WORD_BYTES sizeof(uint64_t)
#define WORD_ONES UINT64_C(0x0101010101010101)
#define WORD_TOPS UINT64_C(0x8080808080808080)

static inline uint64_t word_load(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* The last eight bytes of a text of at least four; of a shorter one than eight, its first and its last four. */
static inline uint64_t word_load_end(const char *text, size_t length)
{
    uint32_t first;
    uint32_t last;
    if (length >= WORD_BYTES)
        return word_load(text + length - WORD_BYTES);
    memcpy(&first, text, sizeof(first));
    memcpy(&last, text + length - sizeof(last), sizeof(last));
    return (uint64_t)last << 32 | first;
}

/* `limit` is at most 128. */
static inline bool word_has_below(uint64_t word, unsigned char limit)
{
    return ((word - WORD_ONES * limit) & ~word & WORD_TOPS) != 0;
}

static inline bool word_has(uint64_t word, char byte)
{
    return word_has_below(word ^ (WORD_ONES * (unsigned char)byte), 1);
}

static inline bool word_has_top(uint64_t word)
{
    return (word & WORD_TOPS) != 0;
}

#endif

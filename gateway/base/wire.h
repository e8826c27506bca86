/*
 * wire - numbers and texts in a row of bytes, for what two of our own programs tell each other.
 *
 * Shape:   written into a strbuf, read back in the same order: 32-bit numbers, big endian, and texts as their length, their
 *          bytes and a NUL, so that a reader can use them where they stand.
 * Owns:    a text that was read points into the bytes given to wire_begin.
 * Threads: one at a time per object; pure.
 * Fails:   reading past the end, or what is no text, sets `is_bad`, and from then on everything reads as 0 and "".
 */
#ifndef ESCALATED_BASE_WIRE_H
#define ESCALATED_BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/text.h"

void wire_put_number(struct strbuf *out, uint32_t number);
void wire_put_bytes(struct strbuf *out, const void *bytes, size_t count);
void wire_put_text(struct strbuf *out, const char *text);

struct wire {
    const unsigned char *at;
    size_t left;
    bool is_bad;
};

void wire_begin(struct wire *wire, const void *bytes, size_t count);
uint32_t wire_number(struct wire *wire);
const char *wire_bytes(struct wire *wire, size_t *out_count);
/* As wire_bytes, and a NUL within is bad. */
const char *wire_text(struct wire *wire);
/* Everything was read, and nothing was bad. */
bool wire_is_over(const struct wire *wire);

#endif

/*
 * id - UUIDv7 and random bytes.
 *
 * Threads: any.
 * Fails:   never; a kernel without randomness is an ASSERT.
 * Source:  RFC 9562 section 5.7; monotonic within a process (method 3: 12 bits of sub-millisecond
 *          time, then a counter).
 */
#ifndef ESCALATED_SYSTEM_ID_H
#define ESCALATED_SYSTEM_ID_H

#include <stddef.h>

#define ID_TEXT_BYTES 37 /* with NUL */

struct id {
    unsigned char bytes[16];
};

struct id id_make(void);
const char *id_text(const struct id *id, char out[ID_TEXT_BYTES]);
int id_parse(const char *text, struct id *out_id); /* -1: not a UUID */
void id_random(void *out, size_t count);

#endif

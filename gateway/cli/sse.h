/*
 * sse - reading server-sent events, in whatever pieces they come.
 *
 * Shape:   bytes -> events; the id of the last whole event, which is where to go on after a cut.
 * Owns:    an event's texts are valid during the call of `take`.
 * Limits:  8 MB an event; what belongs to a larger one is refused.
 * Fails:   sse_read: false when `take` wants no more, or an event is too large (`too_large`).
 * Source:  HTML Living Standard, section 9.2.6.
 */
#ifndef ESCALATED_CLI_SSE_H
#define ESCALATED_CLI_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/text.h"

#define SSE_EVENT_BYTES_MAX (8u << 20)
#define SSE_ID_BYTES_MAX 64

struct sse {
    struct strbuf line, data;
    bool after_cr;
    bool has_data;
    bool too_large;
    char pending_id[SSE_ID_BYTES_MAX]; /* becomes `id` with the end of its event */
    char id[SSE_ID_BYTES_MAX];         /* "": none yet */
    bool (*take)(void *self, const char *data);
    void *self;
};

void sse_init(struct sse *sse, bool (*take)(void *self, const char *data), void *self);
void sse_clear(struct sse *sse);
bool sse_read(struct sse *sse, const char *bytes, size_t count);
/* The connection was cut: what is not whole is forgotten, and comes again behind `id`. */
void sse_restart(struct sse *sse);

#endif

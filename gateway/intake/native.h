/*
 * native - our own event format: JSON of POST /v1/events -> struct event.
 *
 * Shape:   one object, an array of objects, or one object a line (NDJSON) -> events in their order.
 * Owns:    everything lives in the arena given; `source` is left "" for the caller.
 * Threads: pure.
 * Limits:  `events_max` events; those of policies/event.h; a link's href 2 KB and text 256 bytes;
 *          strict types, no unknown fields, no control bytes in texts except tab and line feed.
 * Fails:   -1; *error names the first wrong field and says what was got and what is wanted.
 *          ERR_TOO_LARGE only for too many events.
 * Source:  DESIGN section 8.
 */
#ifndef ESCALATED_INTAKE_NATIVE_H
#define ESCALATED_INTAKE_NATIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "policies/event.h"

#define NATIVE_HREF_BYTES_MAX 2048
#define NATIVE_LINK_TEXT_BYTES_MAX 256
#define NATIVE_FIELD_BYTES 128

struct native_body {
    const char *bytes;
    size_t count;
    bool is_ndjson; /* by its content type; several objects on lines are recognised anyway */
    size_t events_max;
};

struct native_events {
    struct event *items;
    size_t count;
};

struct native_error {
    struct err err;
    char field[NATIVE_FIELD_BYTES]; /* "events[3].severity"; "" when no field is to blame */
};

int native_parse(const struct native_body *body, struct arena *arena,
                 struct native_events *out_events, struct native_error *error);

#endif

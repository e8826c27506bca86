/*
 * row_shape - which fields of a stored row are text, so that any row can be copied without a
 * function for each.
 *
 * Shape:   a row with borrowed texts -> the same row with texts of its own.
 * Owns:    row_copy_heap: one block, freed with free(); row_keep: the arena.
 * Threads: any; the shapes are constant.
 * Limits:  a NULL text is copied as "". The body of a notification is no text and stays as it is;
 *          bytes of other rows are moved where the shape says so.
 */
#ifndef ESCALATED_STORE_ROW_SHAPE_H
#define ESCALATED_STORE_ROW_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/arena.h"

struct row_shape {
    size_t size;
    const size_t *texts; /* offsets of the `const char *` fields */
    size_t text_count;
    bool has_bytes; /* a pointer and a count at these offsets; moved by row_keep only */
    size_t bytes, byte_count;
};

extern const struct row_shape incident_shape;
extern const struct row_shape alert_shape;
extern const struct row_shape notification_shape;
extern const struct row_shape timeline_shape;
extern const struct row_shape attempt_shape;
extern const struct row_shape policy_shape;
extern const struct row_shape silence_shape;
extern const struct row_shape quarantine_shape;
extern const struct row_shape heartbeat_shape;

/* A copy in one heap block, texts behind the struct. */
void *row_copy_heap(const struct row_shape *shape, const void *row);

/* Replace every text of the row by a copy in the arena. */
void row_keep(const struct row_shape *shape, void *row, struct arena *arena);

#endif

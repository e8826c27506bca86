/*
 * row_shape - which fields of a stored row are text, so that any row can be copied without a
 * function for each.
 *
 * Shape:   a row with borrowed texts -> the same row with texts of its own.
 * Owns:    row_copy_heap: one block, freed with free(); row_keep: the arena.
 * Threads: any; the shapes are constant.
 * Limits:  a NULL text is copied as "". The body of a notification is no text and stays as it is.
 */
#ifndef ESCALATED_STORE_ROW_SHAPE_H
#define ESCALATED_STORE_ROW_SHAPE_H

#include <stddef.h>

#include "gateway/base/arena.h"

struct row_shape {
    size_t size;
    const size_t *texts; /* offsets of the `const char *` fields */
    size_t text_count;
};

extern const struct row_shape incident_shape;
extern const struct row_shape alert_shape;
extern const struct row_shape notification_shape;
extern const struct row_shape timeline_shape;
extern const struct row_shape attempt_shape;
extern const struct row_shape policy_shape;

/* A copy in one heap block, texts behind the struct. */
void *row_copy_heap(const struct row_shape *shape, const void *row);

/* Replace every text of the row by a copy in the arena. */
void row_keep(const struct row_shape *shape, void *row, struct arena *arena);

#endif

/*
 * ladder_table - lines of a simulation as rows: when, how long after the event, step, what, whom.
 *
 * Shape:   ladder_table_add for each line, then ladder_table_end. Times are on the site's clock; rows that are the same, as
 *          those of an audience, become one.
 * Owns:    nothing; the table is the caller's.
 * Fails:   not 0: the table could not take a row.
 */
#ifndef ESCALATED_CLI_LADDER_TABLE_H
#define ESCALATED_CLI_LADDER_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/json.h"
#include "gateway/base/zone.h"
#include "gateway/cli/table.h"

enum { LADDER_CELL_BYTES = 512, LADDER_CELL_COUNT = 5 };

struct ladder_table {
    struct table *table;
    const struct zone *zone;
    int64_t from_ms;
    char cells[LADDER_CELL_COUNT][LADDER_CELL_BYTES]; /* of the row that is not written yet */
    size_t repeats;                                   /* 0: there is none */
};

/* `self` is the ladder_table. */
int ladder_table_add(void *self, const struct json *line, int64_t at_ms);
int ladder_table_end(struct ladder_table *ladder);

#endif

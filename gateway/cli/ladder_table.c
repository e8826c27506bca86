#include "gateway/cli/ladder_table.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/text.h"

int ladder_table_end(struct ladder_table *ladder)
{
    char who[LADDER_CELL_BYTES + 32];
    const char *cells[LADDER_CELL_COUNT];
    if (ladder->repeats == 0)
        return 0;
    for (size_t i = 0; i < LADDER_CELL_COUNT; i++)
        cells[i] = ladder->cells[i];
    (void)snprintf(who, sizeof(who), "%s (%zu messages)", cells[LADDER_CELL_COUNT - 1],
                   ladder->repeats);
    if (ladder->repeats > 1)
        cells[LADDER_CELL_COUNT - 1] = who;
    ladder->repeats = 0;
    return table_row(ladder->table, cells);
}

int ladder_table_add(void *self, const struct json *line, int64_t at_ms)
{
    static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
    struct ladder_table *ladder = self;
    struct civil civil;
    char cells[LADDER_CELL_COUNT][LADDER_CELL_BYTES], after[TEXT_RFC3339_BYTES];
    const char *kind = json_string(json_get(line, "kind"));
    const char *state = json_string(json_get(line, "state"));
    const char *to = json_string(json_get(line, "to"));
    const char *event = state[0] != '\0' ? state : json_string(json_get(line, "timeline"));
    zone_civil(ladder->zone, at_ms, &civil);
    memset(cells, 0, sizeof(cells));
    (void)snprintf(cells[0], LADDER_CELL_BYTES, "%s %04d-%02d-%02d %02d:%02d:%02d",
                   days[civil.weekday], civil.year, civil.month, civil.day, civil.hour,
                   civil.minute, civil.second);
    (void)snprintf(cells[1], LADDER_CELL_BYTES, "%s",
                   text_duration(at_ms - ladder->from_ms, after));
    (void)snprintf(cells[2], LADDER_CELL_BYTES, "%s", json_string(json_get(line, "step")));
    (void)snprintf(cells[3], LADDER_CELL_BYTES, "%s", kind[0] != '\0' ? kind : event);
    const char *by = to[0] == '\0' ? json_string(json_get(line, "by")) : "";
    const char *until = json_string(json_get(line, "until"));
    (void)snprintf(cells[4], LADDER_CELL_BYTES, "%s%s%s%s%s%s", to, to[0] != '\0' ? " via " : "",
                   json_string(json_get(line, "via")), by, until[0] != '\0' ? " until " : "",
                   until);
    if (ladder->repeats > 0 && memcmp(cells, ladder->cells, sizeof(cells)) != 0 &&
        ladder_table_end(ladder) != 0)
        return -1;
    memcpy(ladder->cells, cells, sizeof(cells));
    ladder->repeats++;
    return 0;
}

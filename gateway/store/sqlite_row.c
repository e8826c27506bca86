#include "gateway/store/sqlite_row.h"

static const char *cell_text(void *self, int place)
{
    const unsigned char *text = sqlite3_column_text(self, place);
    return text == NULL ? "" : (const char *)text;
}

static int64_t cell_number(void *self, int place)
{
    return sqlite3_column_int64(self, place);
}

static const void *cell_bytes(void *self, int place, size_t *out_count)
{
    /* The pointer first, then the size: that is the order in which SQLite promises both. */
    const void *bytes = sqlite3_column_blob(self, place);
    *out_count = (size_t)sqlite3_column_bytes(self, place);
    if (bytes == NULL && sqlite3_column_type(self, place) == SQLITE_BLOB) {
        return ""; /* stored, with no bytes in it: not the same as absent */
    }
    return bytes;
}

static const struct cells_ops cells_ops = {
    .text = cell_text, .number = cell_number, .bytes = cell_bytes};

int row_decode_incident(sqlite3_stmt *statement, struct incident_row *out_row, struct err *err)
{
    struct cells cells = {.ops = &cells_ops, .self = statement};
    return cells_incident(&cells, out_row, err);
}

int row_decode_alert(sqlite3_stmt *statement, struct alert_row *out_row, struct err *err)
{
    struct cells cells = {.ops = &cells_ops, .self = statement};
    return cells_alert(&cells, out_row, err);
}

int row_decode_notification(sqlite3_stmt *statement, struct notification_row *out_row,
                            struct err *err)
{
    struct cells cells = {.ops = &cells_ops, .self = statement};
    return cells_notification(&cells, out_row, err);
}

int row_decode_timeline(sqlite3_stmt *statement, struct timeline_row *out_row, struct err *err)
{
    struct cells cells = {.ops = &cells_ops, .self = statement};
    return cells_timeline(&cells, out_row, err);
}

int row_decode_attempt(sqlite3_stmt *statement, struct attempt_row *out_row, struct err *err)
{
    struct cells cells = {.ops = &cells_ops, .self = statement};
    return cells_attempt(&cells, out_row, err);
}

int row_decode_silence(sqlite3_stmt *statement, struct silence_row *out_row, struct err *err)
{
    struct cells cells = {.ops = &cells_ops, .self = statement};
    return cells_silence(&cells, out_row, err);
}

int row_decode_quarantine(sqlite3_stmt *statement, struct quarantine_row *out_row, struct err *err)
{
    struct cells cells = {.ops = &cells_ops, .self = statement};
    return cells_quarantine(&cells, out_row, err);
}

int row_decode_heartbeat(sqlite3_stmt *statement, struct heartbeat_row *out_row, struct err *err)
{
    struct cells cells = {.ops = &cells_ops, .self = statement};
    return cells_heartbeat(&cells, out_row, err);
}

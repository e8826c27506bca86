#include "gateway/cli/table.h"

#include <libsmartcols/libsmartcols.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"

#include <stdlib.h>
#include <string.h>

struct table {
    struct libscols_table *lines;
    size_t column_count;
};

struct table *table_create(const char *const *headings, size_t count)
{
    ASSERT(count > 0 && count <= TABLE_COLUMNS_MAX);
    struct table *table = heap_alloc(sizeof(*table));
    table->column_count = count;
    table->lines = scols_new_table();
    for (size_t i = 0; table->lines != NULL && i < count; i++) {
        int flags = i + 1 == count ? SCOLS_FL_TRUNC : 0;
        if (scols_table_new_column(table->lines, headings[i], 0, flags) == NULL) {
            table_destroy(table);
            return NULL;
        }
    }
    if (table->lines == NULL) {
        free(table);
        return NULL;
    }
    return table;
}

/* A cell may come from anybody, and what turns the direction of writing would turn the rest of the line. */
static int set_cell(struct libscols_line *line, size_t column, const char *text)
{
    struct strbuf seen;
    size_t left = strlen(text);
    strbuf_init(&seen, left + 1);
    while (left > 0) {
        size_t unseen = text_unseen_step(text, left);
        size_t step = unseen > 0 ? unseen : 1;
        strbuf_add_bytes(&seen, unseen > 0 ? "?" : text, 1);
        text += step;
        left -= step;
    }
    int code = scols_line_set_data(line, column, strbuf_text(&seen));
    strbuf_clear(&seen);
    return code;
}

int table_row(struct table *table, const char *const *cells)
{
    struct libscols_line *line = scols_table_new_line(table->lines, NULL);
    for (size_t i = 0; line != NULL && i < table->column_count; i++)
        if (set_cell(line, i, cells[i]) != 0)
            return -1;
    return line == NULL ? -1 : 0;
}

int table_print(struct table *table)
{
    return scols_print_table(table->lines);
}

void table_destroy(struct table *table)
{
    if (table == NULL)
        return;
    scols_unref_table(table->lines);
    free(table);
}

#include "gateway/store/sqlite_question.h"

#include <string.h>

#include "gateway/store/sqlite.h"
#include "gateway/store/sqlite_row.h"

int sqlite_question_prepare(const struct question *question, const char *sql,
                            sqlite3_stmt **out_statement, struct err *err)
{
    int rc = sqlite3_prepare_v2(question->reader->db, sql, -1, out_statement, NULL);
    if (rc != SQLITE_OK) {
        return sqlite_fail(question->reader->db, question->reader->path, rc, question->what, err);
    }
    return 0;
}

static char *rows_grow(const struct question *question, char *rows, size_t count, size_t *capacity)
{
    if (count < *capacity) {
        return rows;
    }
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    char *grown = arena_alloc_array(question->arena, *capacity, question->shape->size);
    if (count > 0) {
        memcpy(grown, rows, count * question->shape->size);
    }
    return grown;
}

int sqlite_question_collect(const struct question *question, sqlite3_stmt *statement,
                            void **out_rows, size_t *out_count, struct err *err)
{
    char *rows = NULL;
    size_t count = 0;
    size_t capacity = 0;
    int result = 0;
    int rc = SQLITE_ROW;
    while (result == 0 && count < question->limit && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        rows = rows_grow(question, rows, count, &capacity);
        void *row = rows + count * question->shape->size;
        result = question->decode(statement, row, err);
        if (result == 0) {
            row_keep(question->shape, row, question->arena);
            if (question->ids != NULL) {
                question->ids[count] =
                    (uint64_t)sqlite3_column_int64(statement, question->id_column);
            }
            count++;
        }
    }
    if (result == 0 && rc != SQLITE_ROW && rc != SQLITE_DONE) {
        result = sqlite_fail(question->reader->db, question->reader->path, rc, question->what, err);
    }
    (void)sqlite3_finalize(statement); /* repeats the step's code */
    if (result == 0) {
        *out_rows = rows;
        *out_count = count;
    }
    return result;
}

int sqlite_question_ask(const struct question *question, const char *sql, const uint64_t numbers[3],
                        void **out_rows, size_t *out_count, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite_question_prepare(question, sql, &statement, err) != 0) {
        return -1;
    }
    for (int i = 0; i < sqlite3_bind_parameter_count(statement); i++) {
        uint64_t number = numbers[i] <= INT64_MAX ? numbers[i] : INT64_MAX;
        (void)sqlite3_bind_int64(statement, i + 1,
                                 (sqlite3_int64)number); /* in range: cannot fail */
    }
    return sqlite_question_collect(question, statement, out_rows, out_count, err);
}

/*
 * sqlite_question - how the reader of the SQLite store asks for rows: SQL with parameters, rows of
 * one shape, cut at a limit.
 */
#ifndef STORE_SQLITE_QUESTION_H
#define STORE_SQLITE_QUESTION_H

#include <sqlite3.h>

#include "gateway/store/reader.h"
#include "gateway/store/row_shape.h"

struct sqlite_reader {
    struct store_reader reader; /* first: one is the other */
    sqlite3 *db;
    char *path;
};

struct question {
    struct sqlite_reader *reader;
    struct arena *arena;
    const char *what;
    const struct row_shape *shape;
    int (*decode)(sqlite3_stmt *statement, void *out_row, struct err *err);
    size_t limit;
    uint64_t *ids; /* NULL: not wanted; else the column `id_column` of each row, `limit` of them */
    int id_column;
};

int sqlite_question_prepare(const struct question *question, const char *sql,
                            sqlite3_stmt **out_statement, struct err *err);

/* Steps the bound statement to its end and finalizes it. */
int sqlite_question_collect(const struct question *question, sqlite3_stmt *statement,
                            void **out_rows, size_t *out_count, struct err *err);

/* The usual question: up to three numbers as parameters. */
int sqlite_question_ask(const struct question *question, const char *sql, const uint64_t numbers[3],
                        void **out_rows, size_t *out_count, struct err *err);

#endif

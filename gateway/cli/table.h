/*
 * table - columns that fit the terminal (libsmartcols behind it); control characters and what turns the direction of writing
 *         never reach the screen, a "?" does.
 *
 * Shape:   table_create(headings) -> table_row(cells) … -> table_print.
 * Limits:  8 columns.
 */
#ifndef ESCALATED_CLI_TABLE_H
#define ESCALATED_CLI_TABLE_H

#include <stddef.h>

#define TABLE_COLUMNS_MAX 8

struct table;

/* The last column gives way when the terminal is too narrow. NULL: out of memory. */
struct table *table_create(const char *const *headings, size_t count);
int table_row(struct table *table, const char *const *cells);
int table_print(struct table *table);
void table_destroy(struct table *table);

#endif

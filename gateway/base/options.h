/*
 * options - one table row per configuration option; parser, --check, --print-defaults and the manual read it.
 *
 * Shape:   a table of rows + one key and text -> the field at `offset` of the caller's struct is set.
 * Owns:    text fields are copied into the arena given.
 * Limits:  min and max are inclusive: milliseconds for durations, bytes for sizes and text, items for lists.
 *          A text or list row with max 0 is limited to OPTION_TEXT_BYTES_MAX.
 * Fails:   -1 with *err: "got '...', want ...".
 */
#ifndef ESCALATED_BASE_OPTIONS_H
#define ESCALATED_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/text.h"

#define OPTION_TEXT_BYTES_MAX 65536

enum option_type {
    OPTION_TEXT,     /* const char *, "" when absent */
    OPTION_NAME,     /* const char *, text_is_name */
    OPTION_INTEGER,  /* int64_t */
    OPTION_DURATION, /* int64_t, ms */
    OPTION_SIZE,     /* int64_t, bytes */
    OPTION_BOOL,     /* bool */
    OPTION_CHOICE,   /* int64_t index into choices */
    OPTION_FILE,     /* const char *, path made absolute against the config folder by the caller */
    OPTION_SECRET,   /* const char *; never printed; `KEY_file` reads it from a file */
    OPTION_LIST,     /* struct option_list, comma separated, trimmed, no empty items */
    OPTION_TYPE_COUNT,
};

struct option_list {
    const char *const *items;
    size_t count;
};

struct option {
    const char *key; /* NULL ends a table */
    enum option_type type;
    size_t offset;
    int64_t min;
    int64_t max;
    const char *const *choices; /* NULL-terminated, for OPTION_CHOICE */
    const char *default_text;   /* NULL: required; "" for text: absent */
    const char *help;           /* one sentence for the manual */
    bool repeats; /* each further `key =` line is kept (the caller reads them itself) */
};

const struct option *options_find(const struct option *table, const char *key);

/* The nearest known key for a suggestion, or NULL. */
const char *options_nearest(const struct option *table, const char *key);

int options_set(const struct option *option, void *object, const char *text, struct arena *arena,
                struct err *err);

/* Set every field that has a default, and a required text or list to "" or empty. A table's defaults parse: a failure
 * is an ASSERT. */
void options_defaults(const struct option *table, void *object, struct arena *arena);

/* `; help` and `key = default` lines as --print-defaults shows them; required ones are commented `; key = (required)`,
 * absent ones `; key =`. */
void options_print(const struct option *table, struct strbuf *out);

#endif

/*
 * problems - everything wrong with one folder, collected first and shown together.
 *
 * Shape:   problems_add(place, sentence) in any order -> problems_write: by file, line, order of
 *          discovery.
 * Owns:    the list; places borrow their file name, which must outlive the list.
 * Threads: one at a time.
 * Limits:  1,000 problems are kept, 512 bytes each; what is left out is counted in the last line.
 */
#ifndef ESCALATED_CONFIG_PROBLEMS_H
#define ESCALATED_CONFIG_PROBLEMS_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/text.h"

#define PROBLEMS_MAX 1000
#define PROBLEM_ORDER_LAST 0xFFFFFFFFu /* of the folder as a whole: after all files */

/* Where a problem is. A file that an option names is shown by its own name but sorted where that
 * option stands. */
struct place {
    const char *file;
    unsigned line; /* 0: the file as a whole */
    unsigned order;
    unsigned order_line;
};

struct problem {
    struct place place;
    size_t sequence;
    const char *text;
};

struct problems {
    struct arena arena;
    struct problem *items;
    size_t count;
    size_t left_out;
};

void problems_init(struct problems *problems);
void problems_clear(struct problems *problems);
void problems_add(struct problems *problems, struct place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool problems_any(const struct problems *problems);

/* One line each, ended by a newline. */
void problems_write(struct problems *problems, struct strbuf *out);

#endif

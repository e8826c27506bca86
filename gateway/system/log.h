/*
 * log - one line per event on stderr, logfmt or JSON, with the fixed keys.
 *
 * Shape:   log_line(LOG_WARNING, "delivery refused", "channel", "ops", "attempt", "3", NULL):
 *          level, message, then key/value text pairs ended by NULL. Values are escaped; a NULL
 *          value is written as "".
 * Threads: any; one write(2) per line.
 * Limits:  4 KiB a line, then visibly cut with "...".
 * Fails:   never; a line that cannot be written is counted (log_lost_count).
 *
 * Fixed keys: incident notification attempt channel source. A `struct secret` is never an argument
 * here.
 */
#ifndef ESCALATED_SYSTEM_LOG_H
#define ESCALATED_SYSTEM_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_LEVEL_COUNT };

/* Call once before threads. Lines get a `<n>` journal prefix when JOURNAL_STREAM names stderr. */
void log_init(enum log_level highest, bool json);
void log_set(enum log_level highest, bool json); /* after a reload */
void log_line(enum log_level level, const char *message, ...) __attribute__((sentinel));
uint64_t log_lost_count(void);

/* Decimal text of a number in a small ring of thread-local buffers (8), for use as a value of
 * log_line. */
const char *log_i64(int64_t number);

/* A repeated failure: true for the 1st, 10th, 100th … and once a minute; the caller logs and adds
 * `count=`. */
struct log_burst {
    uint64_t count;
    int64_t last_logged_mono_ms;
};
bool log_burst_due(struct log_burst *burst, int64_t mono_ms);

#endif

/*
 * parse - whole-string, range-checked readers for numbers, durations and times.
 *
 * Shape:   text in, value out; out-parameters stay untouched on failure.
 * Units:   durations and instants in milliseconds; instants are Unix UTC.
 * Fails:   -1 with *err naming what was got and what was expected ("got '5 x', want a duration like 90s, 5m, 2h, 3d").
 */
#ifndef ESCALATED_BASE_PARSE_H
#define ESCALATED_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

int parse_i64(const char *text, int64_t min, int64_t max, int64_t *out_value, struct err *err);
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out_value, struct err *err);
int parse_bool(const char *text, bool *out_value, struct err *err); /* yes/no, true/false, on/off */

/* `90s 5m 2h 3d 1h30m 250ms`, or a bare `0`. */
int parse_duration(const char *text, int64_t min_ms, int64_t max_ms, int64_t *out_ms,
                   struct err *err);

/* `4096`, `64k`, `1M`, `2G` (powers of 1024). */
int parse_size(const char *text, uint64_t min, uint64_t max, uint64_t *out_bytes, struct err *err);

/* RFC 3339 section 5.6; fraction cut to milliseconds; years 1970..9999; leap second 60 read as 59.999. */
int parse_rfc3339(const char *text, int64_t *out_at_ms, struct err *err);

/* As TLS libraries print it: `Dec  1 23:59:59 2026 GMT` or `2026-12-01 23:59:59 GMT`. -1: neither. */
int parse_certificate_time(const char *text, int64_t *out_at_ms);

/* `9:05`, `14:30`: minutes after midnight. */
bool parse_clock(const char *text, int *out_minute);

/* Whole text is 32 lower- or upper-case hex digits with the four dashes of RFC 9562. */
bool parse_is_uuid(const char *text);

#endif

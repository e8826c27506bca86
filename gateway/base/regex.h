/*
 * regex - anchored regular expressions with hard limits (PCRE2 behind it).
 *
 * Shape:   a pattern is compiled once at configuration load; matching is whole-text, as Prometheus matchers are.
 * Owns:    the caller, regex_destroy.
 * Threads: a compiled pattern may be used by any number of threads at once.
 * Limits:  match 10,000, depth 4,000, heap 2 MiB; pattern at most 1,000 bytes; no back-references or callouts.
 * Fails:   compile: -1 with the offset. Match past a limit counts as no match and sets *out_limited.
 */
#ifndef ESCALATED_BASE_REGEX_H
#define ESCALATED_BASE_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/err.h"

struct regex;

int regex_create(const char *pattern, struct regex **out_regex, struct err *err);
void regex_destroy(struct regex *regex);
bool regex_matches(const struct regex *regex, const char *text, size_t length, bool *out_limited);

#endif

/*
 * matchers - a line of matchers as text: service="storefront", severity=~"critical|error".
 *
 * Shape:   text -> match_line; match_line -> the same text in one form.
 * Owns:    the line lies in the arena; compiled patterns are the keeper's.
 * Limits:  32 matchers a line.
 * Fails:   -1: what was got and what is wanted.
 * Source:  Prometheus matchers.
 */
#ifndef ESCALATED_POLICIES_MATCHERS_H
#define ESCALATED_POLICIES_MATCHERS_H

#include <stdbool.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/text.h"
#include "policies/rulebook.h"

/* Who compiles patterns and keeps them for as long as the line lives. */
struct matchers_keeper {
    void *self;
    int (*regex)(void *self, const char *pattern, const struct regex **out_regex, struct err *err);
};

int matchers_parse(const char *text, struct arena *arena, const struct matchers_keeper *keeper,
                   struct match_line *out_line, struct err *err);
void matchers_write(const struct match_line *line, struct strbuf *out);
bool matchers_label_is_valid(const char *label);

#endif

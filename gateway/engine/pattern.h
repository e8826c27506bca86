/*
 * pattern - what can be told of a regular expression without running it: the few texts it is a choice of, or how every match
 * begins.
 *
 * Shape:   the pattern as configured (regex.h: whole-text, case matters) -> pieces of it. Plain characters only; at the first
 *          other one nothing more is told.
 * Limits:  PATTERN_CHOICES_MAX choices.
 */
#ifndef ESCALATED_ENGINE_PATTERN_H
#define ESCALATED_ENGINE_PATTERN_H

#include <stddef.h>

#define PATTERN_CHOICES_MAX 32

struct pattern_choice { /* a piece of the pattern */
    const char *text;
    size_t bytes;
};

/* `critical|error`: how many; 0 when it is something else, one of them is empty, or there are too many. */
size_t pattern_choices(const char *pattern, struct pattern_choice out_choices[PATTERN_CHOICES_MAX]);
/* `db-[0-9]+`: every text that matches begins with so many bytes of the pattern. */
size_t pattern_prefix(const char *pattern);

#endif

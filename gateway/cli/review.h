/*
 * review - what a configuration may say and is still likely to be a mistake.
 *
 * Shape:   rulebook -> one line a finding: `[schedule lead] nobody has duty from … to …`.
 * Units:   now_ms is the wall clock.
 * Limits:  REVIEW_DAYS ahead; REVIEW_GAPS_MAX gaps a schedule are told.
 * Finds:   schedules with gaps; people who are named and have no address; policies that another hides; page steps that give
 *          nobody time; heartbeats that a restart looks like, and jobs that need never have reported; patterns that give up on hostile texts; people, teams, schedules and audiences nobody names.
 */
#ifndef ESCALATED_CLI_REVIEW_H
#define ESCALATED_CLI_REVIEW_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/text.h"
#include "policies/rulebook.h"

#define REVIEW_DAYS 30
#define REVIEW_GAPS_MAX 5

/* The number of findings. */
size_t review_config(const struct rulebook *book, int64_t now_ms, struct strbuf *out);

#endif

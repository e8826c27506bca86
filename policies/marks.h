/*
 * marks - small facts that outlive a restart: a method that is switched off, answers given in vain, a receipt that came
 * too early. Their kinds stand in row.h; the engine keeps them as `struct ledger`.
 *
 * Limits:  what the engine marks is bounded by the contact methods and the claims; MARK_HEARD, which is not, stays in the
 *          store.
 * Source:  DESIGN section 7; GUARANTEES rule 4, I20, I24.
 */
#ifndef ESCALATED_POLICIES_MARKS_H
#define ESCALATED_POLICIES_MARKS_H

#include "gateway/base/ledger.h"
#include "policies/row.h"

#define MARK_NAME_BYTES 512

/* "FIRST SECOND", the name of a mark about a pair. */
const char *mark_pair(const char *first, const char *second, char out[MARK_NAME_BYTES]);

/* Sets, changes or takes away what the row says. */
void marks_put(struct ledger *marks, const struct mark_row *row);

#define MARK_NUMBER_BYTES 21
/* The name of the mark of the next change, after those that are there. */
const char *marks_next_change(const struct ledger *marks, char out[MARK_NUMBER_BYTES]);
/* The oldest change when there are CHANGES_MAX, or NULL. */
const struct ledger_entry *marks_spare_change(const struct ledger *marks);

/* Has the contact switched this method off? The mark holds for one address: a new one is not switched off. */
bool marks_is_stopped(const struct ledger *marks_or_null, const char *contact, const char *channel,
                      const char *address);

#endif

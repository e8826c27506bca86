/*
 * ics - the lines of an iCalendar text.
 *
 * Shape:   one content line a call, ended by CRLF and folded after 75 bytes, never within a character.
 * Limits:  the buffer's.
 * Source:  RFC 5545 sections 3.1 (folding), 3.3.5 (times), 3.3.11 (text).
 */
#ifndef ESCALATED_API_ICS_H
#define ESCALATED_API_ICS_H

#include <stdint.h>

#include "gateway/base/text.h"

/* `value` as it is: it must be one line. */
void ics_line(struct strbuf *out, const char *name, const char *value);
/* Any text: what has a meaning is escaped, control characters are left out. */
void ics_text(struct strbuf *out, const char *name, const char *text);
void ics_time(struct strbuf *out, const char *name, int64_t at_ms); /* UTC, to the second */

#define ICS_TIME_BYTES 17
const char *ics_time_text(int64_t at_ms, char out[ICS_TIME_BYTES]);

#endif

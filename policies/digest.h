/*
 * digest - the message that stands for many: which incidents it lists, in words and for programs.
 *
 * Shape:   entries in the order of incidents -> one flat JSON object, the keys of a snapshot (policies/message.h) as far as
 *          they make sense, title and text for people ("Disk full" a line each), and `numbers` ("#12-14, #18") and
 *          incidents [{incident title severity priority state kind}] with every one of them; what is about no incident (a
 *          hand-over) is a line of the text behind them; tells_only where none of them wants an answer.
 * Units:   times are RFC 3339.
 * Limits:  DIGEST_INCIDENTS_MAX incidents, so that their numbers fit a short message whole.
 * Source:  DESIGN section 4, rule 15.
 */
#ifndef ESCALATED_POLICIES_DIGEST_H
#define ESCALATED_POLICIES_DIGEST_H

#include "gateway/base/text.h"
#include "policies/act.h"
#include "policies/incident.h"

#define DIGEST_INCIDENTS_MAX 100
#define DIGEST_TITLE_BYTES 64 /* of a title as it is listed; past it the cut is visible */

/* One message that goes out in it. */
struct digest_entry {
    const struct incident *incident; /* NULL: of none; such entries come first */
    enum notification_kind kind;
    const char *text; /* the line of what is about no incident */
};

/* `out` is emptied first. Several entries of one incident are one line; so are several with one text that follow each
 * other. */
void digest_write(const struct digest_entry *entries, size_t count, const char *contact,
                  const char *channel, const struct moment *moment, struct strbuf *out);

/* "#12-14, #18" of rising numbers. */
void digest_numbers(const uint64_t *numbers, size_t count, struct strbuf *out);

#endif

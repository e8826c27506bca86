/*
 * troubles - what is wrong with ourselves, told to the engine as events of the source `escalated`.
 *
 * Shape:   a room that watches something says troubles_begin again and again while it is wrong, and troubles_end when it is
 *          not: a trigger, another one when severity or summary change, a resolve. The alert's key is "KIND NAME", its labels
 *          are trouble="KIND" and name="NAME". Nothing leaves before troubles_load has told what fires already, which makes
 *          that it survives a restart: what is over by then is resolved, what goes on is not opened twice.
 * Units:   mono_ms is the boot clock.
 * Owns:    all texts are copied.
 * Threads: any; one lock, held for a look-up. Tickets are told on the engine's thread.
 * Limits:  TROUBLES_MAX at once, TROUBLES_TEXT_BYTES a text (cut), of each trouble one trigger and one resolve in
 *          TROUBLES_PAUSE_MS and one of them on its way. They pass the door of the inbox, so that a full disk is told as well.
 * Fails:   what was not committed is told again by a later troubles_turn. A node that stands by tells nothing.
 * Source:  GUARANTEES P7, T21.
 */
#ifndef ESCALATED_HANDOFF_TROUBLES_H
#define ESCALATED_HANDOFF_TROUBLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/handoff/inbox.h"
#include "policies/event.h"
#include "policies/trouble.h"

#define TROUBLES_MAX 256
#define TROUBLES_TEXT_BYTES 600
#define TROUBLES_PAUSE_MS 10000

struct troubles;

struct trouble {
    enum trouble_kind kind;
    const char *name; /* of the schedule, broker …; "" where there is only one */
    enum severity severity;
    const char *summary; /* what is wrong and what to do; the same as long as nothing changes */
};

struct troubles *troubles_create(struct inbox *inbox); /* which outlives it */
void troubles_destroy(struct troubles *troubles);      /* after the engine has ended; takes NULL */

/* All of these take NULL: nobody is told. */
void troubles_begin(struct troubles *troubles, const struct trouble *trouble);
void troubles_end(struct troubles *troubles, enum trouble_kind kind, const char *name);
/* All of this kind end but those of these names: the others are watched no more. A name that ends with a blank is that of
 * all that begin so. */
void troubles_keep(struct troubles *troubles, enum trouble_kind kind, const char *const *names,
                   size_t count);
/* False: all end and none begins, until it is true again and somebody says so anew. */
void troubles_enable(struct troubles *troubles, bool is_enabled);

/* From now on this node tells. These alerts of TROUBLE_SOURCE fire; keys that are no trouble's are none of ours. */
void troubles_load(struct troubles *troubles, const char *const *keys, size_t count);
/* What is still to be told goes out, as far as its pause is over. Cheap: for every turn of the engine's thread. */
void troubles_turn(struct troubles *troubles, int64_t mono_ms);

#endif

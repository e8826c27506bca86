/*
 * expiry - a certificate that ends soon, as trouble of our own.
 *
 * Shape:   expiry_tell again and again, daily at least: 30 days before the end a warning, 7 an error, 1 critical; the end of
 *          the trouble when there is more time again.
 * Units:   *_at_ms and now_ms wall clock.
 * Threads: any.
 * Source:  GUARANTEES T21.
 */
#ifndef ESCALATED_HANDOFF_EXPIRY_H
#define ESCALATED_HANDOFF_EXPIRY_H

#include "gateway/handoff/troubles.h"

struct expiry {
    const char *name;   /* of the trouble: "http", "calendar lead" */
    const char *whose;  /* begins the sentence: "The certificate that we serve" */
    const char *advice; /* ends it: "renew it and reload" */
    int64_t ends_at_ms; /* 0: no certificate is known */
};

void expiry_tell(struct troubles *troubles, const struct expiry *expiry, int64_t now_ms);

#endif

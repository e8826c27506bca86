/*
 * result - writing what came of one message, in the words the daemon expects.
 *
 * Owns:    `struct result_note` carries the texts its `result` points to; it must live until
 *          `finish` has returned.
 * Threads: any.
 */
#ifndef ESCALATED_CHANNELS_SUPPORT_RESULT_H
#define ESCALATED_CHANNELS_SUPPORT_RESULT_H

#include "channels/channel.h"

#define RESULT_REASON_BYTES 32
#define RESULT_DETAIL_BYTES 256

struct http_reply; /* channels/support/http_transport.h */

struct result_note {
    struct channel_result result;
    char reason[RESULT_REASON_BYTES];
    char detail[RESULT_DETAIL_BYTES];
};

/* detail is cut to fit, visibly; control bytes become spaces. */
void result_set(struct result_note *out_note, enum channel_outcome outcome, const char *reason,
                const char *detail);

/*
 * The usual judgement over HTTP: 2xx is sent; 408, 425, 429, 500, 502, 503, 504 and trouble before
 * the request was written wait; trouble after it was written is unknown; everything else is
 * rejected.
 */
void result_set_http(struct result_note *out_note, const struct http_reply *reply);

void result_finish(const struct channel_host *host, struct channel_ticket *ticket,
                   enum channel_outcome outcome, const char *reason, const char *detail);

#endif

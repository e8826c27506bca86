/*
 * http_parts - what the routes of intake_http.h share: http_events.c has /v1/events, ping.c has /ping/.
 *
 * Shape:   who sends and how much (sources), one batch for the events of a request, the answers of refusals.
 * Threads: the server's I/O thread.
 */
#ifndef ESCALATED_INTAKE_HTTP_PARTS_H
#define ESCALATED_INTAKE_HTTP_PARTS_H

#include <stdatomic.h>

#include "gateway/base/text.h"
#include "gateway/intake/batch.h"
#include "gateway/intake/intake_http.h"
#include "gateway/intake/sources.h"
#include "gateway/system/metrics.h"

#define OVERLIMIT_RETRY_S 60
#define INTAKE_TOO_MANY_KEYS                                                                       \
    "this source has as many heartbeat keys as keys_max allows; forget one (escalate heartbeats "  \
    "--forget) or raise the limit"

enum refusal {
    REFUSED_TOKEN,
    REFUSED_SOURCE,
    REFUSED_TYPE,
    REFUSED_RATE,
    REFUSED_INVALID,
    REFUSED_TOO_MANY,
    REFUSED_FULL,
    REFUSED_CLOSED,
    REFUSED_BUSY,
    REFUSED_DISK,
    REFUSED_OVERLIMIT,
    REFUSED_KEYS, /* of heartbeats: keys_max */
    REFUSED_COUNT,
};

struct intake_http {
    struct batches *batches;
    struct sources *sources;
    _Atomic size_t events_max;
    struct metric *events[EVENT_ACTION_COUNT];
    struct metric *refused[REFUSED_COUNT];
    struct metric *commit_seconds;
    struct strbuf results; /* of answers, on the I/O thread; kept for its memory */
};

/* Counts it, and gives the status back. */
int intake_refuse(struct intake_http *intake, enum refusal why, int status);
int intake_refuse_rate(struct intake_http *intake, struct http_request *request, int64_t wait_ms);
/* An error with Retry-After. */
void intake_answer_wait(struct http_request *request, int status, int64_t wait_s, const char *text);

/* ping.c */
int ping_register(struct intake_http *intake, struct http_server *server, struct err *err);

#endif

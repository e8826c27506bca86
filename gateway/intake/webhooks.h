/*
 * webhooks - what providers of short messages post to us: POST /reply/CHANNEL (what people said) and POST /receipt/CHANNEL
 * (what became of a message, `?n=` its notification).
 *
 * Shape:   create -> register -> (server runs) -> reload at will -> destroy.
 * Owns:    the configuration in force is retained.
 * Threads: create, register, destroy: main. The routes run on the server's I/O thread, answers on the engine's. reload from
 *          any thread.
 * Limits:  WEBHOOK_BYTES_MAX a body, FORM_FIELDS_MAX fields; WEBHOOK_RATE a second and channel with bursts (429).
 * Fails:   404 no such channel, or one whose provider posts nothing; 405, 413, 415 as they mean; 400 no form of this
 *          provider; 403 the signature does not fit. None of these changes anything. 503: not stored. 200 or 204 only after
 *          the commit. A stranger's message is answered with nothing and counted. An answer that comes later than
 *          WEBHOOK_LATE_MS may find nobody listening: it is empty, and a message says how the incident stands.
 * Source:  DESIGN sections 7 and 8; GUARANTEES T2, T6.
 */
#ifndef ESCALATED_INTAKE_WEBHOOKS_H
#define ESCALATED_INTAKE_WEBHOOKS_H

#include "gateway/base/err.h"
#include "gateway/config/config.h"
#include "gateway/handoff/inbox.h"
#include "gateway/http/server.h"

#define WEBHOOK_BYTES_MAX 65536
#define WEBHOOK_RATE 50
#define WEBHOOK_BURST 1000
#define WEBHOOK_ANSWER_PARTS_MAX 2
#define WEBHOOK_LATE_MS 8000 /* providers wait about twice as long */

struct webhooks;

struct webhooks_options {
    struct config *config; /* retained */
    struct inbox *inbox;   /* outlives the server */
    int64_t late_ms;       /* 0: WEBHOOK_LATE_MS; below: every answer is late, for tests */
    int64_t rate, burst;   /* 0: WEBHOOK_RATE, WEBHOOK_BURST */
};

int webhooks_create(const struct webhooks_options *options, struct webhooks **out_webhooks,
                    struct err *err);
int webhooks_register(struct webhooks *webhooks, struct http_server *server, struct err *err);
void webhooks_reload(struct webhooks *webhooks, struct config *config);
/* After the server and the engine have stopped; takes NULL. */
void webhooks_destroy(struct webhooks *webhooks);

#endif

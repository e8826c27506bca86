/*
 * intake_http - POST /v1/events: checks who sends, reads the events, answers after the commit.
 *
 * Shape:   create -> register -> (server runs) -> reload at will -> destroy.
 * Owns:    nothing of the configuration is kept: names, token hashes and rates are copied.
 * Threads: create, register, destroy: main. The route runs on the server's I/O thread. reload from
 *          any thread.
 * Limits:  one bucket of events per source: 429 with Retry-After; the inbox full or shut: 503 with
 *          Retry-After.
 * Fails:   202 only when every event is committed; 400 names the field; 401 token, 413 size or
 *          number, 415 type.
 */
#ifndef ESCALATED_INTAKE_INTAKE_HTTP_H
#define ESCALATED_INTAKE_INTAKE_HTTP_H

#include "gateway/base/err.h"
#include "gateway/config/config.h"
#include "gateway/handoff/inbox.h"
#include "gateway/http/server.h"

struct intake_http;

struct intake_http_options {
    const struct config *config; /* read during the call */
    struct inbox *inbox;         /* outlives the server */
};

int intake_http_create(const struct intake_http_options *options, struct intake_http **out_intake,
                       struct err *err);
int intake_http_register(struct intake_http *intake, struct http_server *server, struct err *err);
/* Sources, tokens and rates of `config` from the next request on. */
void intake_http_reload(struct intake_http *intake, const struct config *config);
/* After the server has stopped; batches still with the engine may end later. */
void intake_http_destroy(struct intake_http *intake);

#endif

/*
 * batch - the events of one request on their way through the engine and back.
 *
 * Shape:   batch_submit puts one input per event into the inbox; when the last answer has come,
 * `answered` is called on the server's I/O thread and answers the request. Owns:    one heap block
 * holds inputs, texts and the ticket; it is freed when the engine has released every input and
 *          `answered` has returned.
 * Threads: submit on the I/O thread; the ticket on the engine's.
 * Fails:   the inbox's verdict; anything but INBOX_TAKEN leaves nothing behind. Inputs that are
 * released unanswered (the engine has ended) count as busy.
 */
#ifndef ESCALATED_INTAKE_BATCH_H
#define ESCALATED_INTAKE_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/handoff/inbox.h"
#include "gateway/http/server.h"
#include "gateway/system/id.h"
#include "policies/event.h"

struct batch;

struct batch_order {
    const struct event *events; /* copied, `source` set by the caller */
    size_t count;
    const char *actor;
    const char *credential;
    struct http_request *request; /* will be deferred */
    void (*answered)(void *self, struct http_request *request, const struct batch *batch);
    void *self;
};

/* On INBOX_TAKEN the request must not be touched any more; otherwise it is still the caller's, but
 * deferred. */
enum inbox_verdict batch_submit(const struct batch_order *order, struct inbox *inbox);

/* What `answered` may ask. */
size_t batch_count(const struct batch *batch);
enum answer_status
batch_status(const struct batch *batch); /* the worst: busy, full, over limit, else done */
int64_t batch_elapsed_ns(const struct batch *batch);
const struct event *batch_event_at(const struct batch *batch, size_t index);
uint64_t batch_incident(const struct batch *batch, size_t index); /* 0: none */
const char *batch_id(const struct batch *batch, size_t index, char out[ID_TEXT_BYTES]);

#endif

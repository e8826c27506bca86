/*
 * batch - the events of one request on their way through the engine and back.
 *
 * Shape:   batches_add makes one input per event; batches_submit puts those of all requests of a
 *          round into the inbox at once, so that the engine wakes once and commits them together.
 *          When the last answer of a request has come, `answered` is called on the server's I/O
 *          thread and answers it.
 * Owns:    one heap block a request holds inputs, texts and the ticket; it is freed when the
 *          engine has released every input and `answered` has returned.
 * Threads: add and submit on the I/O thread; the ticket on the engine's.
 * Fails:   what the inbox does not take is told to `refused`, for each request alone, and leaves
 *          nothing behind. Inputs that are released unanswered (the engine has ended) count as
 *          busy.
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
struct batches;

struct batch_order {
    const struct event *events; /* copied, `source` set by the caller */
    size_t count;
    const char *actor;
    const char *credential;
    struct http_request *request; /* will be deferred */
    void (*answered)(void *self, struct http_request *request, const struct batch *batch);
    /* Answers the request: not INBOX_TAKEN. */
    void (*refused)(void *self, struct http_request *request, enum inbox_verdict verdict);
    void *self;
};

struct batches *batches_create(struct inbox *inbox); /* the inbox outlives it */
void batches_destroy(struct batches *batches);       /* nothing may wait in it */

/* The request must not be touched any more. */
void batches_add(struct batches *batches, const struct batch_order *order);
void batches_submit(struct batches *batches);

/* What `answered` may ask. */
size_t batch_count(const struct batch *batch);
enum answer_status batch_status(
    const struct batch *batch); /* the worst: busy, full, over limit, refused, unknown, else done */
int64_t batch_elapsed_ns(const struct batch *batch);
const struct event *batch_event_at(const struct batch *batch, size_t index);
uint64_t batch_incident(const struct batch *batch, size_t index); /* 0: none */
const char *batch_id(const struct batch *batch, size_t index, char out[ID_TEXT_BYTES]);

#endif

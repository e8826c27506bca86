/*
 * worker - one thread and a short queue, for a channel whose work blocks but is quick (a file, a
 * local program).
 *
 * Shape:   worker_send queues; `handle` does the work on the worker's thread and calls the host's
 *          `finish` itself.
 * Owns:    messages stay the daemon's; they are valid until `finish`.
 * Threads: send from any one thread at a time; create and destroy from one.
 * Limits:  `in_flight_max` messages wait beside the one being handled; one more is CHANNEL_BUSY.
 * Fails:   create: -1 with a sentence.
 */
#ifndef ESCALATED_CHANNELS_SUPPORT_WORKER_H
#define ESCALATED_CHANNELS_SUPPORT_WORKER_H

#include <stddef.h>

#include "channels/channel.h"

struct worker;

struct worker_options {
    const struct channel_host *host;
    size_t in_flight_max;
    void *context;
    void (*handle)(void *context, const struct channel_message *message,
                   struct channel_ticket *ticket);
};

int worker_create(const struct worker_options *options, struct worker **out_worker, char *why,
                  size_t why_size);
enum channel_accept worker_send(struct worker *worker, const struct channel_message *message,
                                struct channel_ticket *ticket);
/* What still waits is finished as CHANNEL_RETRY; what is being handled ends by itself. Takes NULL.
 */
void worker_destroy(struct worker *worker);

#endif

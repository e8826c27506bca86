/*
 * webhooks_internal - what the files of the webhooks share: webhooks.c checks who posts, webhook_inputs.c makes the input
 * and answers.
 *
 * Threads: as webhooks.h.
 */
#ifndef ESCALATED_INTAKE_WEBHOOKS_INTERNAL_H
#define ESCALATED_INTAKE_WEBHOOKS_INTERNAL_H

#include "gateway/intake/provider.h"
#include "gateway/intake/webhooks.h"
#include "gateway/system/metrics.h"

enum webhook_count {
    WEBHOOK_REPLY,
    WEBHOOK_RECEIPT,
    WEBHOOK_STRANGER,
    WEBHOOK_UNKNOWN, /* a receipt for a message that is not ours */
    WEBHOOK_FORGED,
    WEBHOOK_INVALID,
    WEBHOOK_LIMITED,
    WEBHOOK_BUSY,
    WEBHOOK_COUNT,
};

/* One request whose signature fits. Texts live as long as the request. */
struct webhook_call {
    const struct provider *provider;
    const struct config *config;
    const struct config_channel *channel;
    const struct form *form;
    struct inbox *inbox;
    int64_t late_ms;
    struct metric *const *counts;
};

/* Both answer the request, now or when the engine has. */
void webhook_reply(const struct webhook_call *call, struct http_request *request);
void webhook_receipt(const struct webhook_call *call, struct http_request *request);

#endif

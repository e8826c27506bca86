/*
 * shared_item - one input of the shared inbox as bytes: what a standby writes and the engine reads, perhaps in another
 * version of this program.
 *
 * Shape:   struct input (event, reply, command, receipt, quarantine) <-> JSON object text.
 * Owns:    an input that was decoded owns its texts; its `release` frees it.
 * Limits:  SHARED_ITEM_BYTES_MAX.
 * Fails:   -1 with *err: ERR_BUSY for an item of a newer version, which a node that knows it will read; anything else for
 *          bytes that no node writes.
 */
#ifndef ESCALATED_ENGINE_SHARED_ITEM_H
#define ESCALATED_ENGINE_SHARED_ITEM_H

#include <stdbool.h>

#include "gateway/base/err.h"
#include "gateway/base/text.h"
#include "gateway/store/store.h"
#include "policies/input.h"

/* Raised when older programs would misread what is written. Items without it are from before there were replies. */
#define SHARED_ITEM_VERSION 3      /* of a silence that begins later */
#define SHARED_ITEM_VERSION_SAID 2 /* of a report or another silence */
#define SHARED_ITEM_VERSION_PLAIN                                                                  \
    1 /* of an item without a report or a silence: older programs read it too */
#define SHARED_ITEM_BYTES_MAX (4 * 1024 * 1024)

/* Can it wait for another node's engine? What mirrors a node's own deliveries cannot. */
bool shared_item_fits(enum input_kind kind);

int shared_item_encode(const struct input *input, struct strbuf *out, struct err *err);
int shared_item_decode(const struct store_inbox_item *item, struct input **out_input,
                       struct err *err);

#endif

/*
 * answer - what delivery tells the engine, as inputs for the inbox.
 *
 * Owns:    every text and the body are copied; success hands the input to the engine, a stopped
 *          inbox frees it.
 * Threads: any.
 */
#ifndef ESCALATED_DELIVERY_ANSWER_H
#define ESCALATED_DELIVERY_ANSWER_H

#include "gateway/handoff/inbox.h"

/* Texts of *prepared may be NULL for "". False: the inbox has stopped, nobody will hear it. */
bool answer_prepared(struct inbox *inbox, const struct prepared *prepared);
bool answer_result(struct inbox *inbox, const struct result *result);

#endif

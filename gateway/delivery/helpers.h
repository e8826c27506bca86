/*
 * helpers - the calls of the host table through which a plugin reaches a helper program; worker/crew.h does the work.
 *
 * Owns:    a channel_helper is the plugin's until helper_close.
 * Threads: helper_ask and helper_stop from any; open and close as the plugin's create and destroy.
 * Limits:  CHANNEL_HELPER_REQUEST_MAX bytes a request, HELPERS_ANSWER_MAX an answer. A program's name is one word, so that it
 *          cannot leave the folder.
 * Fails:   open: -1 with a sentence; a program that is missing is found at the first request, which then is ABSENT.
 */
#ifndef ESCALATED_DELIVERY_HELPERS_H
#define ESCALATED_DELIVERY_HELPERS_H

#include "channels/channel.h"

#define HELPERS_ANSWER_MAX ((size_t)64 << 10)

/* folder: NULL or "" when there are no helper programs. */
int helper_open(const char *folder_or_null, const char *program, uint32_t process_max,
                struct channel_helper **out_helper, char *why, size_t why_size);
enum channel_helped helper_ask(struct channel_helper *helper,
                               const struct channel_exchange *exchange, char *why, size_t why_size);
void helper_stop(struct channel_helper *helper);
void helper_close(struct channel_helper *helper); /* takes NULL */

#endif

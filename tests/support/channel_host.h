/*
 * channel_host - the daemon's side of one channel, for tests of plugins: opens the built .so, keeps
 * every result.
 *
 * Threads: the plugin finishes on its own; the rest is the test's.
 */
#ifndef ESCALATED_TESTS_CHANNEL_HOST_H
#define ESCALATED_TESTS_CHANNEL_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "channels/channel.h"

#define HOST_TICKETS_MAX 128

struct host_result {
    int count; /* how often it was finished: 1 */
    enum channel_outcome outcome;
    char reason[64];
    char detail[512];
    char provider_id[256];
    int64_t retry_after_ms;
    bool peer_is_well;
};

struct channel_host_fake;

const struct channel_ops *plugin_ops(const char *path); /* ends the test program when it cannot */

/* Options are "key", "value" pairs ended by NULL; the rest has its default (durations already in
 * milliseconds). NULL with *why filled when the plugin refuses. */
struct channel_host_fake *host_open(const struct channel_ops *ops, const char *name,
                                    const char *state_dir, const char *const *options, char *why,
                                    size_t why_size);
void host_close(struct channel_host_fake *host); /* destroys the instance first */
void host_destroy_instance(struct channel_host_fake *host);

/* Sends a copy of the message with ticket number `ticket`. */
enum channel_accept host_send(struct channel_host_fake *host, size_t ticket,
                              const struct channel_message *message);
/* Waits for that ticket's result; count is 0 when none came in time. */
struct host_result host_wait(struct channel_host_fake *host, size_t ticket, int64_t timeout_ms);
int64_t host_mono_ms(void);
void *host_self(struct channel_host_fake *host); /* the plugin's */

#endif

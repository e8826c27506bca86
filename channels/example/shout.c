/*
 * shout - the smallest useful plugin: every message becomes one line of the daemon's log.
 *
 * It is built outside the project against the installed header, and it shows the whole contract:
 * check the values, take a message, finish it exactly once, refuse what can never work. A plugin
 * that has to wait for something does so on a thread of its own and calls `finish` from there.
 */
#include <escalated/channel.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_PREFIX, OPTION_COUNT };

static const struct channel_option options[OPTION_COUNT + 1] = {
    [OPTION_PREFIX] = {.key = "prefix",
                       .type = CHANNEL_OPTION_TEXT,
                       .min = 0,
                       .max = 40,
                       .default_text = "ATTENTION",
                       .help = "What stands before each message."},
    [OPTION_COUNT] = {.key = NULL},
};

struct shout {
    const struct channel_host *host;
    const char *prefix; /* valid until destroy */
};

static int shout_create(const struct channel_host *host, const struct channel_config *config,
                        void **out_self, char *why, size_t why_size)
{
    if (strchr(config->values[OPTION_PREFIX], '%') != NULL) {
        snprintf(why, why_size, "prefix: a percent sign looks like a mistake");
        return -1;
    }
    struct shout *shout = calloc(1, sizeof *shout);
    if (shout == NULL) {
        snprintf(why, why_size, "out of memory");
        return -1;
    }
    shout->host = host;
    shout->prefix = config->values[OPTION_PREFIX];
    *out_self = shout;
    return 0;
}

static enum channel_accept shout_send(void *self, const struct channel_message *message,
                                      struct channel_ticket *ticket)
{
    struct shout *shout = self;
    struct channel_result result = {
        .size = sizeof result, .outcome = CHANNEL_SENT, .reason = "shouted"};
    char line[512];

    if (message->address[0] == '\0') {
        result.outcome = CHANNEL_REJECTED;
        result.reason = "no-address";
        result.detail = "somebody must be named to be shouted at";
    } else {
        snprintf(line, sizeof line, "%s %s: %s", shout->prefix, message->address, message->subject);
        shout->host->log(shout->host->self, CHANNEL_LOG_WARNING, line);
    }
    shout->host->finish(shout->host->self, ticket, &result);
    return CHANNEL_TAKEN;
}

static void shout_destroy(void *self)
{
    free(self); /* nothing can be in flight: `send` finishes by itself */
}

const struct channel_ops escalated_channel = {
    .abi = CHANNEL_ABI,
    .size = sizeof(struct channel_ops),
    .name = "shout",
    .format = "text",
    .options = options,
    .in_flight_max = 16,
    .create = shout_create,
    .send = shout_send,
    .destroy = shout_destroy,
};

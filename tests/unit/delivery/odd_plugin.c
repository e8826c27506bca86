/* Plugins that the loader must refuse, one per ODD_… definition; without any it is a good one. */
#include "channels/channel.h"

#if defined(ODD_NO_SYMBOL)
extern const int something_else;
const int something_else = 1;
#elif defined(ODD_FUNCTION)
void escalated_channel(void);
void escalated_channel(void)
{
}
#elif defined(ODD_SMALL)
extern const int escalated_channel[2];
const int escalated_channel[2] = {CHANNEL_ABI, 4096};
#else

static int odd_create(const struct channel_host *host, const struct channel_config *config,
                      void **out_self, char *why, size_t why_size)
{
    (void)config;
    (void)why;
    (void)why_size;
    *out_self = (void *)(uintptr_t)host;
    return 0;
}

static enum channel_accept odd_send(void *self, const struct channel_message *message,
                                    struct channel_ticket *ticket)
{
    (void)self;
    (void)message;
    (void)ticket;
    return CHANNEL_BUSY;
}

static void odd_destroy(void *self)
{
    (void)self;
}

static const struct channel_option no_options[] = {{.key = NULL}};

extern const struct channel_ops escalated_channel;
const struct channel_ops escalated_channel = {
#if defined(ODD_ABI)
    .abi = CHANNEL_ABI + 1,
#else
    .abi = CHANNEL_ABI,
#endif
#if defined(ODD_SIZE)
    .size = 4096,
#else
    .size = sizeof(struct channel_ops),
#endif
#if defined(ODD_NAME)
    .name = "another",
#else
    .name = "odd",
#endif
    .format = "text",
    .options = no_options,
    .in_flight_max = 1,
    .create = odd_create,
    .send = odd_send,
    .destroy = odd_destroy,
};
#endif

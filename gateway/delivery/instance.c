#include "gateway/delivery/instance.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/delivery/helpers.h"
#include "gateway/handoff/expiry.h"
#include "gateway/system/clock.h"
#include "gateway/system/log.h"

#define WHY_BYTES 256
#define PEER_BYTES_MAX 300
#define RECEIPT_URL_BYTES_MAX 1024 /* [gateway] public_url has 500 at most, a name 49 */

enum ticket_state { TICKET_FREE, TICKET_SENT, TICKET_ENDED, TICKET_TAKEN };

struct channel_ticket {
    enum ticket_state state;     /* tickets_lock */
    struct channel_ticket *next; /* tickets_lock: in `ended`; delivery's: in `unused` */
    struct attempt
        attempt; /* its outcome under tickets_lock until TICKET_TAKEN, the rest delivery's thread */
    struct channel_message message; /* constant while the plugin has it */
};

struct instance {
    struct config *config;
    const struct config_channel *channel;
    struct channel_host host;
    const char *helper_dir;
    struct troubles *troubles;
    const struct channel_ops *ops;
    void *self; /* the plugin's */
    void *waker;
    void (*wake)(void *waker);
    struct limits limits;
    size_t ticket_count;
    size_t used_count;
    struct channel_ticket *unused; /* delivery's thread */
    /* The last address and the name of its destination: a plugin parses to find it. */
    char *named_address;
    char *receipt_url;
    char destination_name[LIMITS_NAME_BYTES];

    pthread_mutex_t tickets_lock;
    struct channel_ticket *tickets;
    struct channel_ticket *ended_first, *ended_last; /* tickets_lock */
};

static void lock_tickets(struct instance *instance)
{
    ASSERT(pthread_mutex_lock(&instance->tickets_lock) == 0);
}

static void unlock_tickets(struct instance *instance)
{
    ASSERT(pthread_mutex_unlock(&instance->tickets_lock) == 0);
}

/* --- what the plugin calls --- */

static void host_log(void *self, enum channel_log_level level, const char *text)
{
    static const enum log_level levels[] = {[CHANNEL_LOG_ERROR] = LOG_ERROR,
                                            [CHANNEL_LOG_WARNING] = LOG_WARNING,
                                            [CHANNEL_LOG_INFO] = LOG_INFO,
                                            [CHANNEL_LOG_DEBUG] = LOG_DEBUG};
    const struct instance *instance = self;
    bool known = (unsigned)level <= CHANNEL_LOG_DEBUG;
    log_line(known ? levels[level] : LOG_WARNING, "channel says", "channel",
             instance->channel->name, "text", text == NULL ? "" : text, NULL);
}

static int64_t host_wall_ms(void *self)
{
    (void)self;
    return clock_wall_ms();
}

static int64_t host_mono_ms(void *self)
{
    (void)self;
    return clock_mono_ms();
}

/* Outside text, possibly from a peer: cut, and anything that is not plain text becomes a question
 * mark. */
static void copy_text(const char *text, char *out, size_t out_size)
{
    size_t count = text == NULL ? 0 : strnlen(text, out_size - 1);
    bool cut = text != NULL && text[count] != '\0';
    while (cut && count > 0 && ((unsigned char)text[count] & 0xc0) == 0x80) {
        count--;
    }
    bool utf8 = text_is_utf8(text == NULL ? "" : text, count);
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)text[i];
        out[i] = c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8) ? '?' : text[i];
    }
    out[count] = '\0';
}

/* A plugin may hand back anything: NULL for what is not one of ours. */
static struct channel_ticket *find_ticket(const struct instance *instance,
                                          const struct channel_ticket *ticket)
{
    uintptr_t first = (uintptr_t)instance->tickets;
    uintptr_t offset = (uintptr_t)ticket - first;
    if ((uintptr_t)ticket < first || offset >= instance->ticket_count * sizeof *ticket ||
        offset % sizeof *ticket != 0) {
        return NULL;
    }
    return &instance->tickets[offset / sizeof *ticket];
}

static void read_result(struct attempt *attempt, const struct channel_result *result)
{
    bool known = result != NULL && (unsigned)result->outcome <= CHANNEL_REJECTED &&
                 result->size >= offsetof(struct channel_result, retry_after_ms) +
                                     sizeof result->retry_after_ms;
    if (!known) {
        attempt->outcome = CHANNEL_UNKNOWN;
        copy_text("bad-result", attempt->reason, sizeof attempt->reason);
        copy_text("the plugin's answer cannot be read", attempt->detail, sizeof attempt->detail);
        return;
    }
    int64_t wait_ms = result->retry_after_ms;
    attempt->outcome = result->outcome;
    attempt->peer_is_well = result->size >= offsetof(struct channel_result, peer_is_well) +
                                                sizeof result->peer_is_well &&
                            result->peer_is_well != 0;
    attempt->retry_after_ms = wait_ms < 0                             ? 0
                              : wait_ms < INSTANCE_RETRY_AFTER_MAX_MS ? wait_ms
                                                                      : INSTANCE_RETRY_AFTER_MAX_MS;
    copy_text(result->reason, attempt->reason, sizeof attempt->reason);
    copy_text(result->detail, attempt->detail, sizeof attempt->detail);
    copy_text(result->provider_id, attempt->provider_id, sizeof attempt->provider_id);
}

static void host_finish(void *self, struct channel_ticket *given,
                        const struct channel_result *result)
{
    struct instance *instance = self;
    struct channel_ticket *ticket = find_ticket(instance, given);
    bool mine = false;

    lock_tickets(instance);
    if (ticket != NULL && ticket->state == TICKET_SENT) {
        mine = true;
        read_result(&ticket->attempt, result);
        ticket->state = TICKET_ENDED;
        ticket->next = NULL;
        if (instance->ended_last != NULL) {
            instance->ended_last->next = ticket;
        } else {
            instance->ended_first = ticket;
        }
        instance->ended_last = ticket;
    }
    unlock_tickets(instance);
    if (mine) {
        instance->wake(instance->waker);
    } else {
        log_line(LOG_ERROR, "a plugin finished what it was not given, ignored", "channel",
                 instance->channel->name, NULL);
    }
}

static int host_helper_open(void *self, const char *program, uint32_t process_max,
                            struct channel_helper **out_helper, char *why, size_t why_size)
{
    const struct instance *instance = self;
    return helper_open(instance->helper_dir, program, process_max, out_helper, why, why_size);
}

static enum channel_helped host_helper_ask(void *self, struct channel_helper *helper,
                                           const struct channel_exchange *exchange, char *why,
                                           size_t why_size)
{
    (void)self;
    return helper_ask(helper, exchange, why, why_size);
}

static void host_helper_stop(void *self, struct channel_helper *helper)
{
    (void)self;
    helper_stop(helper);
}

static void host_helper_close(void *self, struct channel_helper *helper)
{
    (void)self;
    helper_close(helper);
}

/* A plugin's text: "host:port" and nothing else. */
static bool is_peer(const char *text)
{
    size_t i = 0;
    while (text[i] > ' ' && text[i] < 0x7f && i <= PEER_BYTES_MAX) {
        i++;
    }
    return i > 0 && i <= PEER_BYTES_MAX && text[i] == '\0';
}

static void host_peer_certificate(void *self, const char *peer, int64_t ends_at_ms)
{
    const struct instance *instance = self;
    if (!is_peer(peer)) {
        return;
    }
    char name[TROUBLES_TEXT_BYTES];
    char whose[TROUBLES_TEXT_BYTES];
    (void)snprintf(name, sizeof name, "channel %s %s", instance->channel->name, peer);
    (void)snprintf(whose, sizeof whose, "The TLS certificate of %s, where channel %s sends to,",
                   peer, instance->channel->name);
    const struct expiry expiry = {.name = name,
                                  .whose = whose,
                                  .advice = "tell who runs it; from then on no message gets there",
                                  .ends_at_ms = ends_at_ms};
    expiry_tell(instance->troubles, &expiry, clock_wall_ms());
}

/* --- delivery's side --- */

static int create_self(struct instance *instance, struct err *err)
{
    char why[WHY_BYTES] = "";
    const struct channel_config config = {
        .size = sizeof config,
        .name = instance->channel->name,
        .values = instance->channel->values,
        .value_count = instance->channel->value_count,
    };
    if (instance->ops->create(&instance->host, &config, &instance->self, why, sizeof why) != 0) {
        why[sizeof why - 1] = '\0';
        return err_set(err, ERR_INVALID, "[channel %s] plugin %s: %s", instance->channel->name,
                       instance->channel->plugin, why[0] != '\0' ? why : "no reason given");
    }
    return 0;
}

static char *make_receipt_url(const char *public_url, const char *channel)
{
    struct strbuf url;
    strbuf_init(&url, RECEIPT_URL_BYTES_MAX);
    if (public_url[0] != '\0') {
        strbuf_printf(&url, "%s/receipt/%s", public_url, channel);
    }
    char *text = heap_strdup(strbuf_text(&url));
    strbuf_clear(&url);
    return text;
}

int instance_create(const struct instance_options *options, struct instance **out_instance,
                    struct err *err)
{
    const struct config_channel *channel = options->channel;
    if (channel->ops == NULL) {
        return err_set(err, ERR_NOT_FOUND, "[channel %s] plugin %s is not loaded", channel->name,
                       channel->plugin);
    }
    struct instance *instance = heap_alloc(sizeof *instance);
    size_t in_flight = channel->in_flight > 0 ? (size_t)channel->in_flight : 1;
    instance->config = config_retain(options->config);
    instance->channel = channel;
    instance->ops = channel->ops;
    instance->receipt_url = make_receipt_url(options->config->public_url, channel->name);
    instance->helper_dir = options->helper_dir;
    instance->troubles = options->troubles;
    instance->waker = options->waker;
    instance->wake = options->wake;
    instance->ticket_count =
        in_flight < channel->ops->in_flight_max ? in_flight : channel->ops->in_flight_max;
    instance->tickets = heap_alloc(instance->ticket_count * sizeof *instance->tickets);
    for (size_t i = instance->ticket_count; i > 0; i--) {
        instance->tickets[i - 1].next = instance->unused;
        instance->unused = &instance->tickets[i - 1];
    }
    limits_init(&instance->limits, instance->ticket_count,
                channel->per_target > 0 ? (size_t)channel->per_target : 1);
    ASSERT(pthread_mutex_init(&instance->tickets_lock, NULL) == 0);
    instance->host = (struct channel_host){
        .abi = CHANNEL_ABI,
        .size = sizeof instance->host,
        .self = instance,
        .log = host_log,
        .wall_ms = host_wall_ms,
        .mono_ms = host_mono_ms,
        .state_dir = options->state_dir,
        .finish = host_finish,
        .receipt_url = instance->receipt_url,
        .helper_open = host_helper_open,
        .helper_ask = host_helper_ask,
        .helper_stop = host_helper_stop,
        .helper_close = host_helper_close,
        .peer_certificate = host_peer_certificate,
    };
    if (create_self(instance, err) != 0) {
        instance->self = NULL;
        instance_destroy(instance);
        return -1;
    }
    *out_instance = instance;
    return 0;
}

void instance_destroy(struct instance *instance)
{
    if (instance == NULL) {
        return;
    }
    /* NULL where `create` failed: the contract allows it, but there is nothing to end. */
    if (instance->self != NULL) {
        instance->ops->destroy(instance->self);
    }
    for (size_t i = 0; i < instance->ticket_count; i++) {
        if (instance->tickets[i].state != TICKET_FREE) {
            order_free(instance->tickets[i].attempt.order);
            order_free(instance->tickets[i].attempt.offered_or_null);
        }
    }
    limits_clear(&instance->limits);
    ASSERT(pthread_mutex_destroy(&instance->tickets_lock) == 0);
    free(instance->tickets);
    free(instance->named_address);
    free(instance->receipt_url);
    config_release(instance->config);
    free(instance);
}

const char *instance_name(const struct instance *instance)
{
    return instance->channel->name;
}

const struct config_channel *instance_channel(const struct instance *instance)
{
    return instance->channel;
}

struct limits *instance_limits(struct instance *instance)
{
    return &instance->limits;
}

const char *instance_format(const struct instance *instance)
{
    return instance->ops->format;
}

struct destination *instance_destination(struct instance *instance, const char *address)
{
    char *name = instance->destination_name;
    if (instance->named_address == NULL || !text_equal(instance->named_address, address)) {
        free(instance->named_address);
        instance->named_address = heap_strdup(address);
        name[0] = '\0';
        if (instance->ops->destination != NULL) {
            instance->ops->destination(instance->self, address, name, LIMITS_NAME_BYTES);
            name[LIMITS_NAME_BYTES - 1] = '\0';
        }
    }
    return limits_destination(&instance->limits, name[0] != '\0' ? name : address);
}

static const char *first_text(const char *text, const char *else_text)
{
    return text[0] != '\0' ? text : else_text;
}

static void fill_ticket(struct channel_ticket *ticket, const struct launch *launch)
{
    const struct order *order = launch->order;
    const struct order *offered = launch->offered_or_null != NULL ? launch->offered_or_null : order;
    ticket->attempt = (struct attempt){
        .order = launch->order,
        .offered_or_null = launch->offered_or_null,
        .destination = launch->destination,
        .was_probe = launch->was_probe,
        .began_mono_ms = launch->began_mono_ms,
        .give_up_mono_ms = launch->deadline_mono_ms + INSTANCE_PATIENCE_MS,
    };
    ticket->message = (struct channel_message){
        .size = sizeof ticket->message,
        .notification = order->notification,
        .attempt = order->attempt,
        .deadline_mono_ms = launch->deadline_mono_ms,
        .key = first_text(order->key, offered->key),
        .kind = notification_kind_name(order->notification_kind),
        .severity = severity_name(order->severity),
        .incident = order->incident,
        .contact = first_text(order->contact, offered->contact),
        .address = first_text(order->address, offered->address),
        .subject = order->subject,
        .content_type = order->content_type,
        .body = order->body == NULL ? "" : order->body,
        .body_count = order->body_count,
        .useful_ms = launch->useful_ms > 0 ? launch->useful_ms : 0,
    };
}

static void give_ticket_back(struct instance *instance, struct channel_ticket *ticket)
{
    ticket->next = instance->unused;
    instance->unused = ticket;
    instance->used_count--;
}

bool instance_send(struct instance *instance, const struct launch *launch)
{
    struct channel_ticket *ticket = instance->unused;
    if (ticket == NULL) {
        return false;
    }
    instance->unused = ticket->next;
    fill_ticket(ticket, launch);
    lock_tickets(instance);
    ticket->state = TICKET_SENT;
    unlock_tickets(instance);
    instance->used_count++;
    if (instance->ops->send(instance->self, &ticket->message, ticket) == CHANNEL_TAKEN) {
        return true;
    }
    lock_tickets(instance);
    /* A plugin that finished it all the same has taken it, whatever it returned. */
    bool taken = ticket->state != TICKET_SENT;
    if (!taken) {
        ticket->state = TICKET_FREE;
    }
    unlock_tickets(instance);
    if (!taken) {
        give_ticket_back(instance, ticket);
    }
    return taken;
}

static struct channel_ticket *ticket_of(struct attempt *attempt)
{
    return (struct channel_ticket *)(void *)((char *)attempt -
                                             offsetof(struct channel_ticket, attempt));
}

struct attempt *instance_take_ended(struct instance *instance)
{
    lock_tickets(instance);
    struct channel_ticket *ticket = instance->ended_first;
    if (ticket != NULL) {
        instance->ended_first = ticket->next;
        instance->ended_last = ticket->next == NULL ? NULL : instance->ended_last;
        ticket->state = TICKET_TAKEN;
    }
    unlock_tickets(instance);
    return ticket == NULL ? NULL : &ticket->attempt;
}

void instance_forget(struct instance *instance, struct attempt *attempt)
{
    struct channel_ticket *ticket = ticket_of(attempt);
    order_free(attempt->order);
    order_free(attempt->offered_or_null);
    lock_tickets(instance);
    ASSERT(ticket->state == TICKET_TAKEN);
    ticket->state = TICKET_FREE;
    unlock_tickets(instance);
    give_ticket_back(instance, ticket);
}

struct attempt *instance_next_attempt(struct instance *instance, size_t *position)
{
    struct attempt *found = NULL;
    lock_tickets(instance);
    while (*position < instance->ticket_count && found == NULL) {
        struct channel_ticket *ticket = &instance->tickets[(*position)++];
        found = ticket->state == TICKET_SENT ? &ticket->attempt : NULL;
    }
    unlock_tickets(instance);
    return found;
}

size_t instance_attempt_count(const struct instance *instance)
{
    return instance->used_count;
}

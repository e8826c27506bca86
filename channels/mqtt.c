/*
 * mqtt - each message published to a topic of an MQTT broker, sent when the broker has acknowledged it.
 *
 * A contact's address is the topic; `default`, or no address at all, means the section's. The body is the stored envelope; a
 * version 5 broker is also told what it is, how long it is worth anything and where an answer may go.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channels/channel.h"
#include "channels/support/mqtt_transport.h"
#include "channels/support/result.h"
#include "gateway/base/arena.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"

#define IN_FLIGHT_MAX 64
#define CONTACT_WORD "{contact}"
#define REASON_BYTES RESULT_REASON_BYTES

enum {
    OPTION_URL,
    OPTION_USERNAME,
    OPTION_PASS,
    OPTION_CA_FILE,
    OPTION_CLIENT_ID,
    OPTION_TOPIC,
    OPTION_QOS,
    OPTION_RETAIN,
    OPTION_VERSION,
    OPTION_REQUIRE_SUBSCRIBER,
    OPTION_REPLY_TOPIC,
    OPTION_EXPIRE,
    OPTION_CONNECT_TIMEOUT,
    OPTION_KEEPALIVE,
    OPTION_COUNT,
};

static const struct channel_option options[OPTION_COUNT + 1] = {
    [OPTION_URL] = {.key = "url",
                    .type = CHANNEL_OPTION_TEXT,
                    .min = 1,
                    .max = 300,
                    .default_text = NULL,
                    .help = "The broker: mqtt://HOST:PORT, or mqtts://HOST:PORT over TLS."},
    [OPTION_USERNAME] = {.key = "username",
                         .type = CHANNEL_OPTION_TEXT,
                         .max = 256,
                         .default_text = "",
                         .help = "The name to log in with."},
    [OPTION_PASS] = {.key = "password",
                     .type = CHANNEL_OPTION_SECRET,
                     .max = 1024,
                     .default_text = "",
                     .help = "The password to log in with."},
    [OPTION_CA_FILE] = {.key = "ca_file",
                        .type = CHANNEL_OPTION_FILE,
                        .max = 4096,
                        .default_text = "",
                        .help = "Certificates to trust instead of the system's."},
    [OPTION_CLIENT_ID] = {.key = "client_id",
                          .type = CHANNEL_OPTION_TEXT,
                          .max = 60,
                          .default_text = "",
                          .help = "The client identifier, for a broker that wants a certain one; "
                                  "else one is made up for each start."},
    [OPTION_TOPIC] = {.key = "topic",
                      .type = CHANNEL_OPTION_TEXT,
                      .min = 1,
                      .max = 512,
                      .default_text = "escalated/notify/" CONTACT_WORD,
                      .help = "Where messages go whose contact has the address `default`; "
                              "{contact} is the contact's name."},
    [OPTION_QOS] = {.key = "qos",
                    .type = CHANNEL_OPTION_INTEGER,
                    .min = 0,
                    .max = 2,
                    .default_text = "1",
                    .help = "Quality of service; at 0 nobody acknowledges anything."},
    [OPTION_RETAIN] = {.key = "retain",
                       .type = CHANNEL_OPTION_BOOL,
                       .max = 1,
                       .default_text = "no",
                       .help = "Whether the broker keeps the latest message of each topic for who "
                               "subscribes later."},
    [OPTION_VERSION] = {.key = "version",
                        .type = CHANNEL_OPTION_TEXT,
                        .min = 1,
                        .max = 8,
                        .default_text = "5",
                        .help = "Of the protocol: 5, or 3.1.1 for a broker that is no further."},
    [OPTION_REQUIRE_SUBSCRIBER] =
        {.key = "require_subscriber",
         .type = CHANNEL_OPTION_BOOL,
         .max = 1,
         .default_text = "yes",
         .help = "Whether a message that the broker took while nobody subscribes counts as not "
                 "sent; needs version 5 and qos 1."},
    [OPTION_REPLY_TOPIC] = {.key = "reply_topic",
                            .type = CHANNEL_OPTION_TEXT,
                            .max = 512,
                            .default_text = "",
                            .help = "Told to readers as the Response Topic; name the PREFIX/reply "
                                    "of an [mqtt] section. Needs version 5."},
    [OPTION_EXPIRE] = {.key = "expire",
                       .type = CHANNEL_OPTION_DURATION,
                       .min = 0,
                       .max = INT64_C(30) * 24 * 3600 * 1000,
                       .default_text = "0",
                       .help = "After how long the broker drops a message that its reader has not "
                               "fetched; 0: never. Needs version 5."},
    [OPTION_CONNECT_TIMEOUT] = {.key = "connect_timeout",
                                .type = CHANNEL_OPTION_DURATION,
                                .min = 100,
                                .max = 60000,
                                .default_text = "5s",
                                .help = "How long a connection may take to open, TLS and login "
                                        "included."},
    [OPTION_KEEPALIVE] = {.key = "keepalive",
                          .type = CHANNEL_OPTION_DURATION,
                          .min = 5000,
                          .max = 3600000,
                          .default_text = "30s",
                          .help = "After how much silence the connection is tested."},
    [OPTION_COUNT] = {.key = NULL},
};

struct mqtt_channel {
    const struct channel_host *host;
    struct mqtt_transport *transport;
    const char *topic;
    const char *reply_topic;
    int qos;
    bool retain;
    bool require_subscriber;
    int64_t expire_s;
    char destination[BROKER_HOST_BYTES + 8];
};

/* --- what the broker's word means --- */

static enum channel_outcome outcome_of(const struct mqtt_channel *channel, int code)
{
    switch (code) {
    case 0x00:
        return CHANNEL_SENT;
    case 0x10: /* taken, but nobody subscribes: unless it is kept, nobody will ever see it */
        return channel->require_subscriber && !channel->retain ? CHANNEL_RETRY : CHANNEL_SENT;
    case 0x87: /* not authorized */
    case 0x90: /* the topic's name is refused */
    case 0x99: /* the payload is refused */
        return CHANNEL_REJECTED;
    case 0x92: /* the broker forgot the packet half-way */
        return CHANNEL_UNKNOWN;
    default: /* quota exceeded, packet identifier in use, unspecified and whatever is new */
        return code >= 0x80 ? CHANNEL_RETRY : CHANNEL_SENT;
    }
}

static void judge_answer(const struct mqtt_channel *channel, int code, struct result_note *out_note)
{
    char reason[REASON_BYTES];
    char detail[RESULT_DETAIL_BYTES];
    enum channel_outcome outcome = outcome_of(channel, code);
    if (code == 0x10) {
        (void)snprintf(reason, sizeof reason, "no-subscribers");
        (void)snprintf(detail, sizeof detail, "nobody subscribes to the topic");
    } else if (channel->qos == 0) {
        (void)snprintf(reason, sizeof reason, "written");
        (void)snprintf(detail, sizeof detail, "written; at qos 0 nobody acknowledges it");
    } else {
        (void)snprintf(reason, sizeof reason, "mqtt-%d", code);
        (void)snprintf(detail, sizeof detail, "the broker answered: %s", mqtt_reason_text(code));
    }
    result_set(out_note, outcome, reason, detail);
}

static void mqtt_done(void *context, struct channel_ticket *ticket, const struct mqtt_reply *reply)
{
    static const char *const reasons[] = {
        [MQTT_TROUBLE_NONE] = "",           [MQTT_TROUBLE_MESSAGE] = "bad-message",
        [MQTT_TROUBLE_REFUSED] = "refused", [MQTT_TROUBLE_TLS] = "tls",
        [MQTT_TROUBLE_NETWORK] = "network", [MQTT_TROUBLE_TIMEOUT] = "timeout",
        [MQTT_TROUBLE_STOPPED] = "stopped",
    };
    struct mqtt_channel *channel = context;
    struct result_note note;
    if (reply->trouble == MQTT_TROUBLE_NONE) {
        judge_answer(channel, reply->reason_code, &note);
    } else {
        enum channel_outcome outcome = reply->written ? CHANNEL_UNKNOWN : CHANNEL_RETRY;
        outcome = reply->trouble == MQTT_TROUBLE_MESSAGE ? CHANNEL_REJECTED : outcome;
        result_set(&note, outcome, reasons[reply->trouble], reply->trouble_text);
    }
    channel->host->finish(channel->host->self, ticket, &note.result);
}

/* --- options --- */

static bool read_integer(const char *const *values, int option, int64_t *out, char *why,
                         size_t why_size)
{
    struct err err = {0};
    if (parse_i64(values[option], options[option].min, options[option].max, out, &err) == 0) {
        return true;
    }
    (void)snprintf(why, why_size, "%s: %.200s", options[option].key, err.text);
    return false;
}

static bool check_topics(const char *const *values, char *why, size_t why_size)
{
    static const int keys[] = {OPTION_TOPIC, OPTION_REPLY_TOPIC};
    char reason[160];
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *topic = values[keys[i]];
        if (topic[0] != '\0' && mqtt_topic_check(topic, reason, sizeof reason) != 0) {
            (void)snprintf(why, why_size, "%s: %s", options[keys[i]].key, reason);
            return false;
        }
    }
    return true;
}

static bool read_options(struct mqtt_channel *channel, const char *const *values,
                         struct mqtt_transport_options *out, char *why, size_t why_size)
{
    int64_t qos, expire_ms;
    bool is_v5 = text_equal(values[OPTION_VERSION], "5");
    char reason[160];
    if (broker_url_parse(values[OPTION_URL], &out->broker, reason, sizeof reason) != 0) {
        (void)snprintf(why, why_size, "url: got %s", reason);
        return false;
    }
    if (!read_integer(values, OPTION_QOS, &qos, why, why_size) ||
        !read_integer(values, OPTION_EXPIRE, &expire_ms, why, why_size) ||
        !read_integer(values, OPTION_CONNECT_TIMEOUT, &out->connect_timeout_ms, why, why_size) ||
        !read_integer(values, OPTION_KEEPALIVE, &out->keepalive_ms, why, why_size) ||
        !check_topics(values, why, why_size)) {
        return false;
    }
    if (!is_v5 && !text_equal(values[OPTION_VERSION], "3.1.1")) {
        (void)snprintf(why, why_size, "version: got %.8s, want 5 or 3.1.1", values[OPTION_VERSION]);
        return false;
    }
    if (values[OPTION_PASS][0] != '\0' && values[OPTION_USERNAME][0] == '\0') {
        (void)snprintf(why, why_size, "password: want a username beside it");
        return false;
    }
    out->is_v5 = is_v5;
    channel->qos = (int)qos;
    channel->expire_s = (expire_ms + 999) / 1000;
    channel->topic = values[OPTION_TOPIC];
    channel->reply_topic = values[OPTION_REPLY_TOPIC];
    channel->retain = text_equal(values[OPTION_RETAIN], "yes");
    channel->require_subscriber = text_equal(values[OPTION_REQUIRE_SUBSCRIBER], "yes");
    (void)snprintf(channel->destination, sizeof channel->destination, "%s:%d", out->broker.host,
                   out->broker.port);
    return true;
}

static void mqtt_destroy(void *self)
{
    struct mqtt_channel *channel = self;
    if (channel == NULL) {
        return;
    }
    mqtt_transport_destroy(channel->transport);
    free(channel);
}

static int mqtt_create(const struct channel_host *host, const struct channel_config *config,
                       void **out_self, char *why, size_t why_size)
{
    const char *const *values = config->values;
    if (config->value_count != OPTION_COUNT) {
        (void)snprintf(why, why_size, "got %zu values, want %d", config->value_count, OPTION_COUNT);
        return -1;
    }
    struct mqtt_channel *channel = heap_alloc(sizeof *channel);
    channel->host = host;
    struct mqtt_transport_options transport = {
        .host = host,
        .in_flight_max = IN_FLIGHT_MAX,
        .client_id = values[OPTION_CLIENT_ID],
        .username = values[OPTION_USERNAME],
        .password = values[OPTION_PASS],
        .ca_file = values[OPTION_CA_FILE],
        .context = channel,
        .done = mqtt_done,
    };
    if (!read_options(channel, values, &transport, why, why_size) ||
        mqtt_transport_create(&transport, &channel->transport, why, why_size) != 0) {
        mqtt_destroy(channel);
        return -1;
    }
    *out_self = channel;
    return 0;
}

/* --- messages --- */

/* False: it does not fit. */
static bool topic_for(const struct mqtt_channel *channel, const struct channel_message *message,
                      struct strbuf *out)
{
    bool is_own = message->address[0] != '\0' && !text_equal(message->address, "default");
    const char *at = is_own ? message->address : channel->topic;
    const char *word;
    while (!is_own && (word = strstr(at, CONTACT_WORD)) != NULL) {
        strbuf_add_bytes(out, at, (size_t)(word - at));
        strbuf_add(out, message->contact);
        at = word + strlen(CONTACT_WORD);
    }
    strbuf_add(out, at);
    return !out->overflowed;
}

static enum channel_accept publish(struct mqtt_channel *channel, const char *topic,
                                   const struct channel_message *message,
                                   struct channel_ticket *ticket)
{
    char incident[24];
    (void)snprintf(incident, sizeof incident, "%" PRIu64, message->incident);
    const char *const properties[] = {"key",  message->key,    "severity", message->severity,
                                      "kind", message->kind,   "incident", incident,
                                      "to",   message->contact};
    const struct mqtt_publish publish = {
        .topic = topic,
        .payload = message->body,
        .payload_count = message->body_count,
        .qos = channel->qos,
        .retain = channel->retain,
        .deadline_mono_ms = message->deadline_mono_ms,
        .content_type = message->content_type,
        .response_topic = channel->reply_topic,
        .expiry_s = channel->expire_s,
        .user_properties = properties,
        .user_property_count = sizeof properties / sizeof properties[0] / 2,
    };
    return mqtt_transport_send(channel->transport, &publish, ticket);
}

static enum channel_accept mqtt_send(void *self, const struct channel_message *message,
                                     struct channel_ticket *ticket)
{
    struct mqtt_channel *channel = self;
    struct strbuf topic;
    char why[160] = "the topic is too long";
    enum channel_accept accept = CHANNEL_TAKEN;
    strbuf_init(&topic, MQTT_TOPIC_BYTES - 1);
    if (!topic_for(channel, message, &topic) ||
        mqtt_topic_check(strbuf_text(&topic), why, sizeof why) != 0) {
        result_finish(channel->host, ticket, CHANNEL_REJECTED, "bad-topic", why);
    } else {
        accept = publish(channel, strbuf_text(&topic), message, ticket);
    }
    strbuf_clear(&topic);
    return accept;
}

static void mqtt_destination(void *self, const char *address, char *out, size_t out_size)
{
    const struct mqtt_channel *channel = self;
    (void)address;
    (void)snprintf(out, out_size, "%s", channel->destination);
}

extern const struct channel_ops escalated_channel;
const struct channel_ops escalated_channel = {
    .abi = CHANNEL_ABI,
    .size = sizeof(struct channel_ops),
    .name = "mqtt",
    .format = "webhook",
    .options = options,
    .in_flight_max = IN_FLIGHT_MAX,
    .create = mqtt_create,
    .send = mqtt_send,
    .destroy = mqtt_destroy,
    .destination = mqtt_destination,
};

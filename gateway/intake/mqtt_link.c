#include "gateway/intake/mqtt_link.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"

#define KEEPALIVE_REFUSED 1 /* seconds: the library takes none below 5 */
#define SECOND_MS 1000
#define DUP_LINE_BYTES 64 /* without the client's id */
#define EXPIRY_NEVER UINT32_MAX

struct link {
    const struct config_broker *broker; /* until link_connect: a reload may take it away later */
    bool is_v5;
    struct link_events events;
    struct mosquitto *client;
    size_t unsettled;
    char *dup_line; /* how the library's log begins that tells the DUP flag of a message */
    bool is_dup;    /* of the message that comes next */
    bool watches_dup;
    bool has_message; /* since the last look */
    bool is_down;     /* said so already, or going down by ourselves */
};

void link_library_begin(void)
{
    ASSERT(mosquitto_lib_init() == MOSQ_ERR_SUCCESS);
}

void link_library_end(void)
{
    (void)mosquitto_lib_cleanup(); /* always answers success */
}

/* What the library calls, always from within link_read, link_flush, link_tick or link_connect. */

static bool is_lasting(const struct link *link, int code)
{
    if (!link->is_v5)
        return code >= 1 && code <= 5 && code != 3; /* 3: the server is unavailable */
    return code == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION || code == MQTT_RC_CLIENTID_NOT_VALID ||
           code == MQTT_RC_BAD_USERNAME_OR_PASSWORD || code == MQTT_RC_NOT_AUTHORIZED ||
           code == MQTT_RC_BANNED || code == MQTT_RC_BAD_AUTHENTICATION_METHOD;
}

static void go_down(struct link *link, const char *why, bool is_refused)
{
    bool was_down = link->is_down;
    link->is_down = true;
    if (!was_down)
        link->events.down(link->events.self, why, is_refused);
}

static void on_connect(struct mosquitto *client, void *self, int code, int flags,
                       const mosquitto_property *properties)
{
    struct link *link = self;
    (void)client;
    (void)properties;
    if (code == 0) {
        link->events.up(link->events.self, (flags & 1) != 0); /* session present */
        return;
    }
    const char *why = link->is_v5 ? mosquitto_reason_string(code) : mosquitto_connack_string(code);
    go_down(link, why, is_lasting(link, code));
}

static void on_disconnect(struct mosquitto *client, void *self, int code,
                          const mosquitto_property *properties)
{
    struct link *link = self;
    (void)client;
    (void)properties;
    bool is_reason = link->is_v5 && code >= 0x80; /* the broker's own word */
    go_down(link, is_reason ? mosquitto_reason_string(code) : mosquitto_strerror(code), false);
}

/* The library shows the DUP flag in its log only, right before the message itself. Where it does not any more, nothing is
 * taken for a repetition: messages that come again then count again, and none is lost. */
static void on_log(struct mosquitto *client, void *self, int level, const char *text)
{
    struct link *link = self;
    (void)client;
    if (level == MOSQ_LOG_DEBUG && text_starts_with(text, link->dup_line))
        link->is_dup = text[strlen(link->dup_line)] == '1';
}

static void on_message(struct mosquitto *client, void *self, const struct mosquitto_message *from,
                       const mosquitto_property *properties)
{
    struct link *link = self;
    char *response_topic = NULL;
    void *correlation = NULL;
    uint16_t correlation_count = 0;
    (void)client;
    (void)mosquitto_property_read_string(properties, MQTT_PROP_RESPONSE_TOPIC, &response_topic,
                                         false); /* NULL: there is none */
    (void)mosquitto_property_read_binary(properties, MQTT_PROP_CORRELATION_DATA, &correlation,
                                         &correlation_count, false);
    const struct link_message message = {
        .topic = from->topic,
        .payload = from->payload,
        .count = from->payloadlen > 0 ? (size_t)from->payloadlen : 0,
        .packet_id = from->qos > 0 ? (uint16_t)from->mid : 0,
        .is_retained = from->retain,
        .is_dup = link->is_dup,
        .response_topic = response_topic != NULL ? response_topic : "",
        .correlation = correlation,
        .correlation_count = correlation_count,
    };
    link->is_dup = false;
    link->has_message = true;
    link->unsettled += from->qos > 0;
    link->events.message(link->events.self, &message);
    free(response_topic);
    free(correlation);
}

static void on_subscribe(struct mosquitto *client, void *self, int number, int count,
                         const int *granted, const mosquitto_property *properties)
{
    struct link *link = self;
    (void)client;
    (void)properties;
    bool is_granted = count > 0 && granted[0] >= 0 && granted[0] < 0x80;
    link->events.subscribed(link->events.self, number, is_granted ? granted[0] : -1);
}

static void on_publish(struct mosquitto *client, void *self, int number, int code,
                       const mosquitto_property *properties)
{
    struct link *link = self;
    (void)client;
    (void)number;
    (void)code;
    (void)properties;
    link->events.published(link->events.self);
}

/* Making. */

static const char *file_or_null(const char *path)
{
    return path[0] != '\0' ? path : NULL;
}

static int set_tls(struct link *link)
{
    const struct config_broker *b = link->broker;
    if (!b->is_tls)
        return MOSQ_ERR_SUCCESS;
    if (b->ca_file[0] == '\0') {
        int code = mosquitto_int_option(link->client, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
        /* The call below wants a place of authorities in any case; without our own certificate it is not needed. */
        if (code != MOSQ_ERR_SUCCESS || b->cert_file[0] == '\0')
            return code;
    }
    const char *folder = b->ca_file[0] == '\0' ? X509_get_default_cert_dir() : NULL;
    /* Without a version it is 1.2 or newer; the host's name is checked. */
    return mosquitto_tls_set(link->client, file_or_null(b->ca_file), folder,
                             file_or_null(b->cert_file), file_or_null(b->key_file), NULL);
}

static int configure(struct link *link, const struct link_will *will)
{
    const struct config_broker *b = link->broker;
    struct mosquitto *client = link->client;
    int code = mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION,
                                    b->is_v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_int_option(client, MOSQ_OPT_RECEIVE_MAXIMUM, (int)b->in_flight);
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    /* The PUBACK is queued instead of written at once. */
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_threaded_set(client, true);
    if (code == MOSQ_ERR_SUCCESS && b->username[0] != '\0')
        code = mosquitto_username_pw_set(client, b->username, file_or_null(b->password));
    if (code == MOSQ_ERR_SUCCESS)
        code = set_tls(link);
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_will_set(client, will->topic, (int)will->count, will->payload, 1, true);
    return code;
}

static char *dup_line_of(const struct config_broker *broker)
{
    struct strbuf text;
    strbuf_init(&text, strlen(broker->client_id) + DUP_LINE_BYTES);
    strbuf_printf(&text, "Client %s received PUBLISH (d", broker->client_id);
    return strbuf_steal(&text);
}

int link_create(const struct config_broker *broker, const struct link_will *will,
                const struct link_events *events, struct link **out_link, struct err *err)
{
    struct link *link = heap_alloc(sizeof(*link));
    link->broker = broker;
    link->is_v5 = broker->is_v5;
    link->events = *events;
    link->client = mosquitto_new(broker->client_id, false, link);
    if (link->client == NULL) {
        free(link);
        return err_set_errno(err, errno, "mqtt %s", broker->name);
    }
    link->dup_line = dup_line_of(broker);
    int code = configure(link, will);
    if (code != MOSQ_ERR_SUCCESS) {
        link_destroy(link);
        return err_set(err, ERR_INVALID, "mqtt %s: %s", broker->name, mosquitto_strerror(code));
    }
    mosquitto_connect_v5_callback_set(link->client, on_connect);
    mosquitto_disconnect_v5_callback_set(link->client, on_disconnect);
    mosquitto_log_callback_set(link->client, on_log);
    link->watches_dup = true;
    mosquitto_message_v5_callback_set(link->client, on_message);
    mosquitto_subscribe_v5_callback_set(link->client, on_subscribe);
    mosquitto_publish_v5_callback_set(link->client, on_publish);
    *out_link = link;
    return 0;
}

void link_destroy(struct link *link)
{
    if (link == NULL)
        return;
    link->is_down = true;
    mosquitto_destroy(link->client); /* closes the socket */
    free(link->dup_line);
    free(link);
}

/* Connecting. */

static uint32_t expiry_s(const struct config_broker *broker)
{
    int64_t seconds = broker->session_expiry_ms / SECOND_MS;
    return seconds < EXPIRY_NEVER ? (uint32_t)seconds : EXPIRY_NEVER;
}

/* The call that does not block takes no properties, but uses those of the last one that did. That one is stopped before it
 * touches the network by a keepalive which the library refuses; the tests show that the session then outlives the
 * connection, which it does not without these properties. */
static int leave_properties(struct link *link)
{
    const struct config_broker *b = link->broker;
    mosquitto_property *properties = NULL;
    int code =
        mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, expiry_s(b));
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_property_add_int32(&properties, MQTT_PROP_MAXIMUM_PACKET_SIZE,
                                            LINK_PACKET_BYTES_MAX);
    if (code == MOSQ_ERR_SUCCESS) {
        code = mosquitto_connect_bind_v5(link->client, b->host, b->port, KEEPALIVE_REFUSED, NULL,
                                         properties);
        code = code == MOSQ_ERR_INVAL ? MOSQ_ERR_SUCCESS : MOSQ_ERR_INVAL;
    }
    mosquitto_property_free_all(&properties);
    return code;
}

int link_connect(struct link *link, struct err *err)
{
    const struct config_broker *b = link->broker;
    ASSERT(b != NULL); /* once */
    int code = b->is_v5 ? leave_properties(link) : MOSQ_ERR_SUCCESS;
    errno = 0;
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_connect_async(link->client, b->host, b->port,
                                       (int)(b->keepalive_ms / SECOND_MS));
    link->broker = NULL;
    if (code == MOSQ_ERR_SUCCESS)
        return 0;
    return code == MOSQ_ERR_ERRNO
               ? err_set_errno(err, errno, "%s:%d", b->host, b->port)
               : err_set(err, ERR_BUSY, "%s:%d: %s", b->host, b->port, mosquitto_strerror(code));
}

int link_fd(const struct link *link)
{
    return link->is_down ? -1 : mosquitto_socket(link->client);
}

bool link_wants_write(const struct link *link)
{
    return mosquitto_want_write(link->client);
}

/* The library calls `down` itself, but not for every way in which a call can fail. */
static void judge(struct link *link, int code)
{
    if (code != MOSQ_ERR_SUCCESS)
        go_down(link, mosquitto_strerror(code), false);
}

/* Whether there was something shows by what came of it, never by errno: the library's own wake byte leaves EAGAIN
 * behind. */
bool link_read(struct link *link)
{
    link->has_message = false;
    judge(link, mosquitto_loop_read(link->client, 1));
    return link->has_message;
}

void link_forget_dup(struct link *link)
{
    if (link->watches_dup)
        mosquitto_log_callback_set(link->client, NULL); /* it writes no line that nobody reads */
    link->watches_dup = false;
}

/* The library writes each packet by itself; between cork and uncork the kernel makes segments of them. */
static void set_cork(const struct link *link, int is_corked)
{
    int fd = link_fd(link);
    if (fd >= 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_CORK, &is_corked,
                         sizeof(is_corked)); /* or it is slower */
}

size_t link_unsettled(const struct link *link)
{
    return link->unsettled;
}

void link_settled(struct link *link)
{
    link->unsettled = 0;
}

void link_flush(struct link *link)
{
    ASSERT(link->unsettled == 0); /* or a PUBACK would leave before its message is durable */
    set_cork(link, 1);
    judge(link, mosquitto_loop_write(link->client, 1));
    set_cork(link, 0);
}

void link_tick(struct link *link)
{
    judge(link, mosquitto_loop_misc(link->client));
}

void link_goodbye(struct link *link)
{
    (void)mosquitto_disconnect(link->client); /* refused only where there is nobody to say it to */
    link->is_down = true;                     /* its end is no news */
}

/* Sending. */

int link_subscribe(struct link *link, const char *filter, int qos, int *out_number)
{
    /* v5: nothing of our own comes back, and what is retained comes with a new subscription only; but what we just watch
     * is asked for to see what is retained there. */
    int retained = qos > 0 ? MQTT_SUB_OPT_SEND_RETAIN_NEW : MQTT_SUB_OPT_SEND_RETAIN_ALWAYS;
    int options = link->is_v5 ? MQTT_SUB_OPT_NO_LOCAL | retained : 0;
    return mosquitto_subscribe_v5(link->client, out_number, filter, qos, options, NULL) ==
                   MOSQ_ERR_SUCCESS
               ? 0
               : -1;
}

int link_unsubscribe(struct link *link, const char *filter)
{
    return mosquitto_unsubscribe(link->client, NULL, filter) == MOSQ_ERR_SUCCESS ? 0 : -1;
}

int link_publish(struct link *link, const struct link_publication *publication)
{
    mosquitto_property *properties = NULL;
    int code = MOSQ_ERR_SUCCESS;
    if (link->is_v5 && publication->correlation != NULL)
        code = mosquitto_property_add_binary(&properties, MQTT_PROP_CORRELATION_DATA,
                                             publication->correlation,
                                             (uint16_t)publication->correlation_count);
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_publish_v5(link->client, NULL, publication->topic, (int)publication->count,
                                    publication->payload, publication->qos, publication->retain,
                                    properties);
    mosquitto_property_free_all(&properties);
    return code == MOSQ_ERR_SUCCESS ? 0 : -1;
}

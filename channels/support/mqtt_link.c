/* One connection after the other, and all that is asked of libmosquitto, in its unthreaded mode: one thread calls it. */
#include <errno.h>
#include <fcntl.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

#include "channels/support/mqtt_parts.h"
#include "gateway/base/assert.h"
#include "gateway/base/err.h"

#define BACKOFF_MAX_MS 60000
/* A 3.1.1 broker has a limit too and cannot tell it; mosquitto's cuts off who passes this one. */
#define WINDOW_UNTOLD 20

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_init(void)
{
    ASSERT(mosquitto_lib_init() == MOSQ_ERR_SUCCESS); /* never undone: others use it too */
}

void mqtt_library_init(void)
{
    ASSERT(pthread_once(&library_once, library_init) == 0);
}

/* --- what the library calls back; all on the transport's thread, from inside its functions --- */

static void on_connect(struct mosquitto *client, void *context, int code, int flags,
                       const mosquitto_property *properties)
{
    struct mqtt_transport *transport = context;
    uint16_t receive_maximum = transport->options.is_v5 ? UINT16_MAX : WINDOW_UNTOLD;
    (void)client;
    (void)flags;
    if (code != 0) {
        transport->trouble = MQTT_TROUBLE_REFUSED;
        (void)snprintf(transport->trouble_text, sizeof transport->trouble_text,
                       "the broker refused the connection: %s",
                       transport->options.is_v5 ? mosquitto_reason_string(code)
                                                : mosquitto_connack_string(code));
        return;
    }
    (void)mosquitto_property_read_int16(properties, MQTT_PROP_RECEIVE_MAXIMUM, &receive_maximum,
                                        false);
    transport->link = LINK_UP;
    transport->window = transport->options.in_flight_max;
    if (receive_maximum > 0 && receive_maximum < transport->window) {
        transport->window = receive_maximum;
    }
}

static void on_publish(struct mosquitto *client, void *context, int packet, int code,
                       const mosquitto_property *properties)
{
    struct mqtt_transport *transport = context;
    (void)client;
    (void)properties;
    for (struct job *job = transport->active; job != NULL; job = job->next) {
        if (job->written && job->packet == packet) {
            struct mqtt_reply reply = {.reason_code = code};
            mqtt_job_end(transport, job, &reply);
            return;
        }
    }
}

static void on_disconnect(struct mosquitto *client, void *context, int code,
                          const mosquitto_property *properties)
{
    struct mqtt_transport *transport = context;
    (void)client;
    (void)properties;
    if (transport->trouble == MQTT_TROUBLE_NONE) {
        transport->trouble = MQTT_TROUBLE_NETWORK;
        (void)snprintf(transport->trouble_text, sizeof transport->trouble_text,
                       "the connection to the broker ended%s%s", code >= 0x80 ? ": " : "",
                       code >= 0x80 ? mosquitto_reason_string(code) : "");
    }
}

/* TLS says what it dislikes only here; the first words are the nearest to the cause. */
static void on_log(struct mosquitto *client, void *context, int level, const char *text)
{
    struct mqtt_transport *transport = context;
    (void)client;
    if (level == MOSQ_LOG_ERR && transport->trouble_text[0] == '\0') {
        (void)snprintf(transport->trouble_text, sizeof transport->trouble_text, "%s", text);
    }
}

/* --- the connection --- */

void mqtt_link_close(struct mqtt_transport *transport)
{
    if (transport->link == LINK_UP) {
        (void)mosquitto_disconnect_v5(transport->client, 0, NULL); /* a courtesy */
    }
    mosquitto_destroy(transport->client);
    transport->client = NULL;
    transport->link = LINK_DOWN;
}

void mqtt_link_lose(struct mqtt_transport *transport, enum mqtt_trouble trouble, const char *text)
{
    const struct channel_host *host = transport->options.host;
    char kept[MQTT_TROUBLE_BYTES];
    char line[MQTT_TROUBLE_BYTES + BROKER_HOST_BYTES + 64];
    (void)snprintf(kept, sizeof kept, "%s", text);
    (void)snprintf(line, sizeof line, "no connection to %s:%d: %s", transport->options.broker.host,
                   transport->options.broker.port, kept);
    if (!transport->is_troubled) {
        host->log(host->self, CHANNEL_LOG_WARNING, line);
    }
    transport->is_troubled = true;
    /* Without anything to send, a broker that cannot be had is tried ever more rarely. */
    transport->backoff_ms =
        transport->link == LINK_UP ? MQTT_BACKOFF_MIN_MS : transport->backoff_ms * 2;
    transport->backoff_ms =
        transport->backoff_ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : transport->backoff_ms;
    transport->next_connect_mono_ms = mqtt_now_ms(transport) + transport->backoff_ms;
    transport->link = LINK_DOWN; /* no courtesies: they would push out what still waits */
    mqtt_link_close(transport);
    mqtt_fail_all(transport, trouble, kept);
}

/* `code` is of the call that failed, errno its own. */
static void mqtt_link_lose_by(struct mqtt_transport *transport, int code)
{
    struct err err = {0};
    int number = errno;
    enum mqtt_trouble trouble = transport->trouble;
    if (trouble == MQTT_TROUBLE_NONE) {
        trouble = code == MOSQ_ERR_TLS ? MQTT_TROUBLE_TLS : MQTT_TROUBLE_NETWORK;
    }
    if (code == MOSQ_ERR_ERRNO && number != 0 && trouble == MQTT_TROUBLE_NETWORK) {
        (void)err_set_errno(&err, number, "the broker");
    } else if (code == MOSQ_ERR_EAI) {
        (void)err_set(&err, ERR_SYSTEM, "the broker's name cannot be resolved");
    } else {
        (void)err_set(&err, ERR_SYSTEM, "%s",
                      transport->trouble_text[0] != '\0' ? transport->trouble_text
                                                         : mosquitto_strerror(code));
    }
    mqtt_link_lose(transport, trouble, err.text);
}

/* -1: the library's code is in *out_code. */
static int client_set_up(struct mqtt_transport *transport, int *out_code)
{
    const struct mqtt_transport_options *options = &transport->options;
    struct mosquitto *client = transport->client;
    int version = options->is_v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311;
    int code = mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, version);
    if (code == MOSQ_ERR_SUCCESS) {
        code = mosquitto_int_option(client, MOSQ_OPT_SEND_MAXIMUM, (int)options->in_flight_max);
    }
    if (code == MOSQ_ERR_SUCCESS) {
        code = mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    }
    if (code == MOSQ_ERR_SUCCESS && options->username[0] != '\0') {
        code = mosquitto_username_pw_set(client, options->username, options->password);
    }
    if (code == MOSQ_ERR_SUCCESS && options->broker.is_tls) {
        code = options->ca_file[0] != '\0'
                   ? mosquitto_tls_set(client, options->ca_file, NULL, NULL, NULL, NULL)
                   : mosquitto_int_option(client, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
    }
    mosquitto_connect_v5_callback_set(client, on_connect);
    mosquitto_publish_v5_callback_set(client, on_publish);
    mosquitto_disconnect_v5_callback_set(client, on_disconnect);
    mosquitto_log_callback_set(client, on_log);
    *out_code = code;
    return code == MOSQ_ERR_SUCCESS ? 0 : -1;
}

void mqtt_link_open(struct mqtt_transport *transport, int64_t now_ms)
{
    const struct mqtt_transport_options *options = &transport->options;
    int code = MOSQ_ERR_SUCCESS;
    transport->trouble = MQTT_TROUBLE_NONE;
    transport->trouble_text[0] = '\0';
    transport->link = LINK_CONNECTING;
    transport->is_reached = false;
    transport->connect_deadline_mono_ms = now_ms + options->connect_timeout_ms;
    transport->client = mosquitto_new(transport->client_id, true, transport);
    if (transport->client == NULL) {
        assert_out_of_memory(0);
    }
    errno = 0;
    if (client_set_up(transport, &code) == 0) {
        code = mosquitto_connect_async(transport->client, options->broker.host,
                                       options->broker.port, (int)(options->keepalive_ms / 1000));
    }
    if (code != MOSQ_ERR_SUCCESS) {
        mqtt_link_lose_by(transport, code);
        return;
    }
    /* Helper programs of the daemon must not inherit it. */
    (void)fcntl(mosquitto_socket(transport->client), F_SETFD, FD_CLOEXEC);
}

/* The first sign of the socket: does the TCP connection stand? The library does not look behind TLS. */
static int socket_error(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

/*
 * While connecting, any sign means: go on. loop_read takes the next step of a TLS handshake, also when that waits for the
 * socket to become writable, and loop_write then sends what waited for its end.
 */
static void drive_connecting(struct mqtt_transport *transport, short signs)
{
    struct err err = {0};
    int error = transport->is_reached ? 0 : socket_error(mosquitto_socket(transport->client));
    if (error != 0) {
        (void)err_set_errno(&err, error, "the broker");
        mqtt_link_lose(transport, MQTT_TROUBLE_NETWORK, err.text);
        return;
    }
    transport->is_reached = true;
    errno = 0;
    int code = mosquitto_loop_read(transport->client, 1);
    if (code == MOSQ_ERR_SUCCESS) {
        errno = 0;
        code = mosquitto_loop_write(transport->client, 1);
    }
    if (code != MOSQ_ERR_SUCCESS || transport->trouble != MQTT_TROUBLE_NONE) {
        mqtt_link_lose_by(transport, code);
    } else if (transport->link == LINK_CONNECTING &&
               (signs & (POLLERR | POLLHUP | POLLRDHUP)) != 0) {
        mqtt_link_lose(transport, MQTT_TROUBLE_NETWORK, "the broker closed before it let us in");
    }
    if (transport->link == LINK_UP && transport->is_troubled) {
        const struct channel_host *host = transport->options.host;
        host->log(host->self, CHANNEL_LOG_INFO, "connected to the broker again");
        transport->is_troubled = false;
    }
}

static void drive_up(struct mqtt_transport *transport, short signs)
{
    int code = MOSQ_ERR_SUCCESS;
    errno = 0;
    if ((signs & (POLLIN | POLLERR | POLLHUP)) != 0) {
        code = mosquitto_loop_read(transport->client, 1);
    }
    if (code == MOSQ_ERR_SUCCESS && (signs & POLLOUT) != 0) {
        errno = 0;
        code = mosquitto_loop_write(transport->client, 1);
    }
    if (code == MOSQ_ERR_SUCCESS && transport->trouble == MQTT_TROUBLE_NONE) {
        errno = 0;
        code = mosquitto_loop_misc(transport->client);
    }
    if (code != MOSQ_ERR_SUCCESS || transport->trouble != MQTT_TROUBLE_NONE) {
        mqtt_link_lose_by(transport, code);
    }
}

void mqtt_link_drive(struct mqtt_transport *transport, short signs)
{
    if (transport->link == LINK_UP) {
        drive_up(transport, signs);
    } else if (transport->link == LINK_CONNECTING && signs != 0) {
        drive_connecting(transport, signs);
    }
}

int mqtt_link_socket(const struct mqtt_transport *transport)
{
    return mosquitto_socket(transport->client);
}

short mqtt_link_signs(const struct mqtt_transport *transport)
{
    if (transport->link == LINK_CONNECTING) {
        return transport->is_reached ? POLLIN | POLLRDHUP : POLLIN | POLLOUT | POLLRDHUP;
    }
    return mosquitto_want_write(transport->client) ? POLLIN | POLLOUT : POLLIN;
}

static bool is_about_message(int code)
{
    return code == MOSQ_ERR_INVAL || code == MOSQ_ERR_MALFORMED_UTF8 ||
           code == MOSQ_ERR_PAYLOAD_SIZE || code == MOSQ_ERR_OVERSIZE_PACKET ||
           code == MOSQ_ERR_QOS_NOT_SUPPORTED || code == MOSQ_ERR_NOT_SUPPORTED;
}

/* At QoS 0 the callback may end the job inside the call. */
void mqtt_link_write(struct mqtt_transport *transport, struct job *job)
{
    job->written = true;
    transport->written_count++;
    errno = 0;
    int code =
        mosquitto_publish_v5(transport->client, &job->packet, job->topic, (int)job->payload_count,
                             job->payload, job->qos, job->retain, job->properties);
    if (is_about_message(code)) {
        job->written = false;
        transport->written_count--;
        mqtt_job_fail(transport, job, MQTT_TROUBLE_MESSAGE, mosquitto_strerror(code));
    } else if (code != MOSQ_ERR_SUCCESS) {
        mqtt_link_lose_by(transport, code);
    }
}

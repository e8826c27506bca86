/*
 * bare_mqtt - the consumer of gateway/intake/mqtt without a store: the same library, the same loop, batches that
 * nobody commits.
 *
 * usage: bench_bare_mqtt PORT TOPIC COUNT: says "ready" when it has subscribed, takes so many messages, says
 * messages a second and CPU microseconds a message. With 0 it leaves a session behind.
 */
#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH_MAX = 1000, EXPIRY_S = 3600 };

struct consumer {
    const char *topic;
    unsigned char *bytes; /* a copy of what a batch brings, as intake makes one */
    size_t length;
    long count;
    double began_s, seconds; /* from the first to the last */
    bool is_subscribed;
    bool has_failed;
};

static void on_connect(struct mosquitto *client, void *self, int code, int flags,
                       const mosquitto_property *properties)
{
    struct consumer *consumer = self;
    (void)flags;
    (void)properties;
    consumer->has_failed =
        code != 0 || mosquitto_subscribe(client, NULL, consumer->topic, 1) != MOSQ_ERR_SUCCESS;
}

static void on_subscribe(struct mosquitto *client, void *self, int number, int count,
                         const int *granted)
{
    (void)client;
    (void)number;
    (void)count;
    (void)granted;
    ((struct consumer *)self)->is_subscribed = true;
    (void)puts("ready");
    (void)fflush(stdout);
}

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void on_message(struct mosquitto *client, void *self,
                       const struct mosquitto_message *message)
{
    struct consumer *consumer = self;
    (void)client;
    size_t size = (size_t)message->payloadlen;
    memcpy(consumer->bytes + consumer->length % (1 << 20), message->payload, size);
    consumer->length += size;
    if (consumer->count++ == 0)
        consumer->began_s = now_s();
    consumer->seconds = now_s() - consumer->began_s;
}

static bool is_readable(int fd)
{
    struct pollfd slot = {.fd = fd, .events = POLLIN};
    return poll(&slot, 1, 0) == 1;
}

static int connect_to(struct mosquitto *client, int port)
{
    mosquitto_property *properties = NULL;
    int code = mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_int_option(client, MOSQ_OPT_RECEIVE_MAXIMUM, BATCH_MAX);
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_threaded_set(client, true);
    if (code == MOSQ_ERR_SUCCESS)
        code =
            mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, EXPIRY_S);
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_connect_bind_v5(client, "127.0.0.1", port, 60, NULL, properties);
    mosquitto_property_free_all(&properties);
    return code;
}

static int consume(struct mosquitto *client, struct consumer *consumer, long wanted)
{
    int code = MOSQ_ERR_SUCCESS;
    while (code == MOSQ_ERR_SUCCESS && !consumer->has_failed &&
           (consumer->count < wanted || !consumer->is_subscribed)) {
        struct pollfd slot = {.fd = mosquitto_socket(client),
                              .events =
                                  (short)(POLLIN | (mosquitto_want_write(client) ? POLLOUT : 0))};
        if (poll(&slot, 1, 1000) < 0)
            return MOSQ_ERR_ERRNO;
        for (int i = 0; i < BATCH_MAX && code == MOSQ_ERR_SUCCESS && is_readable(slot.fd); i++)
            code = mosquitto_loop_read(client, 1);
        if (code == MOSQ_ERR_SUCCESS)
            code = mosquitto_loop_write(client, 1);
        if (code == MOSQ_ERR_SUCCESS)
            code = mosquitto_loop_misc(client);
    }
    return code;
}

int main(int argc, char **argv)
{
    struct consumer consumer = {.topic = argc == 4 ? argv[2] : NULL};
    if (consumer.topic == NULL)
        return 64;
    consumer.bytes = malloc(2 << 20);
    struct mosquitto *client =
        mosquitto_lib_init() == MOSQ_ERR_SUCCESS ? mosquitto_new("bare", false, &consumer) : NULL;
    if (consumer.bytes == NULL || client == NULL)
        return 70;
    mosquitto_connect_v5_callback_set(client, on_connect);
    mosquitto_subscribe_callback_set(client, on_subscribe);
    mosquitto_message_callback_set(client, on_message);
    int code = connect_to(client, (int)strtol(argv[1], NULL, 10));
    if (code == MOSQ_ERR_SUCCESS)
        code = consume(client, &consumer, strtol(argv[3], NULL, 10));
    struct timespec cpu;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    if (code == MOSQ_ERR_SUCCESS && consumer.count > 0)
        (void)printf("%.0f %.2f\n", (double)consumer.count / consumer.seconds,
                     ((double)cpu.tv_sec * 1e9 + (double)cpu.tv_nsec) / 1e3 /
                         (double)consumer.count);
    mosquitto_destroy(client);
    (void)mosquitto_lib_cleanup();
    free(consumer.bytes);
    return code == MOSQ_ERR_SUCCESS && !consumer.has_failed ? 0 : 69;
}

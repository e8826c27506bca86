#include "tests/support/fake_broker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKET_BYTES 65536
#define PENDING_MAX 256
#define TURN_MS 20
#define BATCH_TURNS 5

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __LINE__))

static void check_failed(const char *text, int line)
{
    (void)fprintf(stderr, "fake_broker.c:%d: %s\n", line, text);
    abort();
}

struct fake_broker {
    struct fake_broker_options options;
    int listener;
    int port;
    int client; /* -1: none */
    pthread_t thread;
    uint16_t pending[PENDING_MAX]; /* of `batch` */
    int pending_count;
    int quiet_turns;
    pthread_mutex_t lock; /* guards what follows */
    struct fake_publish last;
    int publish_count, connection_count, unacknowledged_max;
    bool stopping;
};

static void lock_broker(struct fake_broker *broker)
{
    CHECK(pthread_mutex_lock(&broker->lock) == 0);
}

static void unlock_broker(struct fake_broker *broker)
{
    CHECK(pthread_mutex_unlock(&broker->lock) == 0);
}

static void drop(struct fake_broker *broker)
{
    if (broker->client >= 0) {
        (void)close(broker->client); /* the end is the purpose */
    }
    broker->client = -1;
    broker->pending_count = 0;
}

static void put(struct fake_broker *broker, const unsigned char *bytes, size_t count)
{
    if (send(broker->client, bytes, count, MSG_NOSIGNAL) != (ssize_t)count) {
        drop(broker);
    }
}

static bool get(struct fake_broker *broker, unsigned char *bytes, size_t count)
{
    while (count > 0) {
        struct pollfd fd = {.fd = broker->client, .events = POLLIN};
        ssize_t got = poll(&fd, 1, 2000) == 1 ? recv(broker->client, bytes, count, 0) : -1;
        if (got <= 0) {
            drop(broker);
            return false;
        }
        bytes += got;
        count -= (size_t)got;
    }
    return true;
}

static void acknowledge(struct fake_broker *broker, uint16_t packet, int code)
{
    const unsigned char bytes[] = {0x40, 3, (unsigned char)(packet >> 8), (unsigned char)packet,
                                   (unsigned char)code};
    put(broker, bytes, sizeof bytes);
}

static void acknowledge_slowly(struct fake_broker *broker, uint16_t packet)
{
    const unsigned char bytes[] = {0x40, 2, (unsigned char)(packet >> 8), (unsigned char)packet};
    for (size_t i = 0; i < sizeof bytes && broker->client >= 0; i++) {
        (void)poll(NULL, 0, TURN_MS);
        put(broker, &bytes[i], 1);
    }
}

static void answer(struct fake_broker *broker, const char *topic, uint16_t packet)
{
    int number = 0;
    if (sscanf(topic, "code/%d", &number) == 1) {
        acknowledge(broker, packet, number);
    } else if (sscanf(topic, "end/%d", &number) == 1) {
        const unsigned char bytes[] = {0xe0, 2, (unsigned char)number, 0};
        put(broker, bytes, sizeof bytes);
    } else if (strcmp(topic, "close") == 0) {
        drop(broker);
    } else if (strcmp(topic, "drip") == 0) {
        acknowledge_slowly(broker, packet);
    } else if (strcmp(topic, "batch") == 0) {
        CHECK(broker->pending_count < PENDING_MAX);
        broker->pending[broker->pending_count++] = packet;
        lock_broker(broker);
        if (broker->pending_count > broker->unacknowledged_max) {
            broker->unacknowledged_max = broker->pending_count;
        }
        unlock_broker(broker);
    } else if (strcmp(topic, "silent") != 0) {
        acknowledge(broker, packet, 0);
    }
}

static void copy_text(char *out, size_t out_size, const unsigned char *bytes, size_t count)
{
    size_t kept = count < out_size - 1 ? count : out_size - 1;
    for (size_t i = 0; i < kept; i++) {
        out[i] = bytes[i] == 0 ? '.' : (char)bytes[i];
    }
    out[kept] = '\0';
}

static void take_publish(struct fake_broker *broker, int flags, const unsigned char *bytes,
                         size_t count)
{
    struct fake_publish publish = {
        .qos = (flags >> 1) & 3, .retain = (flags & 1) != 0, .dup = (flags & 8) != 0};
    size_t length = (size_t)(bytes[0] << 8 | bytes[1]);
    size_t at = 2 + length;
    uint16_t packet = 0;
    CHECK(count > at + 2);
    copy_text(publish.topic, sizeof publish.topic, bytes + 2, length);
    if (publish.qos > 0) {
        packet = (uint16_t)(bytes[at] << 8 | bytes[at + 1]);
        at += 2;
    }
    size_t properties = bytes[at++];
    if (properties >= 128) { /* two bytes are enough here */
        properties = (properties & 127) + (size_t)bytes[at++] * 128;
    }
    CHECK(count >= at + properties);
    copy_text(publish.properties, sizeof publish.properties, bytes + at, properties);
    at += properties;
    copy_text(publish.payload, sizeof publish.payload, bytes + at, count - at);
    lock_broker(broker);
    broker->last = publish;
    broker->publish_count++;
    unlock_broker(broker);
    answer(broker, publish.topic, packet);
}

static void take_connect(struct fake_broker *broker)
{
    const unsigned char plain[] = {0x20, 3, 0, (unsigned char)broker->options.connack_code, 0};
    const unsigned char limited[] = {0x20, 6,    0, 0,
                                     3,    0x21, 0, (unsigned char)broker->options.receive_maximum};
    if (broker->options.receive_maximum > 0) {
        put(broker, limited, sizeof limited);
    } else {
        put(broker, plain, sizeof plain);
    }
}

static void take_packet(struct fake_broker *broker)
{
    static const unsigned char pong[] = {0xd0, 0};
    unsigned char first, byte;
    unsigned char *bytes;
    size_t count = 0;
    int shift = 0;
    if (!get(broker, &first, 1)) {
        return;
    }
    do {
        if (!get(broker, &byte, 1)) {
            return;
        }
        count |= (size_t)(byte & 127) << shift;
        shift += 7;
    } while ((byte & 128) != 0 && shift < 28);
    CHECK(count <= PACKET_BYTES);
    bytes = calloc(1, count + 1);
    CHECK(bytes != NULL);
    if (get(broker, bytes, count) && !broker->options.is_mute) {
        if (first >> 4 == 1) {
            take_connect(broker);
        } else if (first >> 4 == 3) {
            take_publish(broker, first & 15, bytes, count);
        } else if (first >> 4 == 12) {
            put(broker, pong, sizeof pong);
        }
    }
    free(bytes);
}

static void end_batch(struct fake_broker *broker)
{
    int count = broker->pending_count;
    broker->pending_count = 0;
    for (int i = 0; i < count && broker->client >= 0; i++) {
        acknowledge(broker, broker->pending[i], 0);
    }
}

static void *serve(void *context)
{
    struct fake_broker *broker = context;
    for (;;) {
        struct pollfd fds[] = {{.fd = broker->listener, .events = POLLIN},
                               {.fd = broker->client, .events = POLLIN}};
        int ready = poll(fds, 2, TURN_MS);
        lock_broker(broker);
        bool stopping = broker->stopping;
        broker->connection_count += fds[0].revents != 0 ? 1 : 0;
        unlock_broker(broker);
        if (stopping) {
            return NULL;
        }
        if (fds[0].revents != 0) {
            drop(broker);
            broker->client = accept(broker->listener, NULL, NULL);
        } else if (fds[1].revents != 0) {
            take_packet(broker);
        }
        broker->quiet_turns = ready == 0 ? broker->quiet_turns + 1 : 0;
        if (broker->quiet_turns >= BATCH_TURNS) {
            end_batch(broker);
        }
    }
}

struct fake_broker *fake_broker_start(const struct fake_broker_options *options)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    struct fake_broker *broker = calloc(1, sizeof *broker);
    CHECK(broker != NULL);
    broker->options = *options;
    broker->client = -1;
    broker->listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(broker->listener >= 0);
    CHECK(bind(broker->listener, (const struct sockaddr *)&address, size) == 0);
    CHECK(listen(broker->listener, 16) == 0);
    CHECK(getsockname(broker->listener, (struct sockaddr *)&address, &size) == 0);
    broker->port = ntohs(address.sin_port);
    CHECK(pthread_mutex_init(&broker->lock, NULL) == 0);
    CHECK(pthread_create(&broker->thread, NULL, serve, broker) == 0);
    return broker;
}

int fake_broker_port(const struct fake_broker *broker)
{
    return broker->port;
}

static int read_count(struct fake_broker *broker, const int *count)
{
    lock_broker(broker);
    int value = *count;
    unlock_broker(broker);
    return value;
}

int fake_broker_publish_count(struct fake_broker *broker)
{
    return read_count(broker, &broker->publish_count);
}

int fake_broker_connection_count(struct fake_broker *broker)
{
    return read_count(broker, &broker->connection_count);
}

int fake_broker_unacknowledged_max(struct fake_broker *broker)
{
    return read_count(broker, &broker->unacknowledged_max);
}

struct fake_publish fake_broker_last(struct fake_broker *broker)
{
    lock_broker(broker);
    struct fake_publish last = broker->last;
    unlock_broker(broker);
    return last;
}

void fake_broker_stop(struct fake_broker *broker)
{
    lock_broker(broker);
    broker->stopping = true;
    unlock_broker(broker);
    CHECK(pthread_join(broker->thread, NULL) == 0);
    drop(broker);
    (void)close(broker->listener); /* nobody listens any more */
    CHECK(pthread_mutex_destroy(&broker->lock) == 0);
    free(broker);
}

/*
 * fake_broker - an MQTT 5 broker on loopback that answers as the topic says, also badly.
 *
 * Shape:   a PUBLISH at QoS 1 to
 *          code/N   PUBACK with reason code N         silent   nothing
 *          drip     PUBACK, a byte at a time          close    the connection ends
 *          end/N    DISCONNECT with reason code N     batch    PUBACK when nothing else comes for a while
 *          anything else is acknowledged.
 * Threads: start, stop and the questions from the test; one of its own serves.
 * Limits:  one connection at a time; packets up to 64 KB.
 */
#ifndef ESCALATED_TESTS_FAKE_BROKER_H
#define ESCALATED_TESTS_FAKE_BROKER_H

#include <stdbool.h>
#include <stddef.h>

struct fake_broker;

struct fake_broker_options {
    int connack_code;
    int receive_maximum; /* 0: not told */
    bool is_mute;        /* it takes connections and never answers */
};

struct fake_publish {
    char topic[128];
    char payload[256];
    char properties[512]; /* raw; NULs as dots */
    int qos;
    bool retain, dup;
};

struct fake_broker *fake_broker_start(const struct fake_broker_options *options);
int fake_broker_port(const struct fake_broker *broker);
int fake_broker_publish_count(struct fake_broker *broker);
int fake_broker_connection_count(struct fake_broker *broker);
int fake_broker_unacknowledged_max(struct fake_broker *broker); /* ever, of `batch` */
struct fake_publish fake_broker_last(struct fake_broker *broker);
void fake_broker_stop(struct fake_broker *broker);

#endif

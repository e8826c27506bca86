/*
 * mqtt_outgoing - publications that wait for a broker's thread.
 *
 * Owns:    what is put in is copied; outgoing_take hands one over, freed with outgoing_free.
 * Threads: any, under the lock of whoever holds the queue.
 * Limits:  MQTT_PUBLISH_MAX publications and OUTGOING_BYTES_MAX.
 */
#ifndef ESCALATED_INTAKE_MQTT_OUTGOING_H
#define ESCALATED_INTAKE_MQTT_OUTGOING_H

#include "gateway/intake/mqtt.h"

#define OUTGOING_BYTES_MAX ((size_t)32 * 1024 * 1024)

struct outgoing { /* one publication */
    struct outgoing *next;
    struct mqtt_publication publication;
    size_t bytes;
};

struct outgoing_queue {
    struct outgoing *first, *last;
    size_t count;
    size_t bytes;
};

bool outgoing_put(struct outgoing_queue *queue, const struct mqtt_publication *publication);
struct outgoing *outgoing_take(struct outgoing_queue *queue); /* NULL: empty */
void outgoing_free(struct outgoing *outgoing);
size_t outgoing_drop(struct outgoing_queue *queue); /* all; how many they were */

/* No wildcards, no control characters, UTF-8, neither empty nor longer than MQTT allows. */
bool outgoing_is_topic(const char *topic);

#endif

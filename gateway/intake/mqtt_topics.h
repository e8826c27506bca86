/*
 * mqtt_topics - which source a topic of one broker belongs to.
 *
 * Shape:   topics_create(config, broker) -> topics_source for each message.
 * Owns:    names and filters are those of the configuration, which outlives the object.
 * Threads: one.
 * Source:  MQTT 5.0, 4.7.
 */
#ifndef ESCALATED_INTAKE_MQTT_TOPICS_H
#define ESCALATED_INTAKE_MQTT_TOPICS_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/config/config.h"

struct topics;

struct topics *topics_create(const struct config *config, const char *broker);
void topics_destroy(struct topics *topics);

/* The first in reading order whose filter matches; NULL: nobody's. */
const char *topics_source(const struct topics *topics, const char *topic);
/* Its source takes bare heartbeats. */
bool topics_is_pings(const struct topics *topics, const char *topic);
size_t topics_count(const struct topics *topics);
const char *topics_filter(const struct topics *topics, size_t index);
bool topics_has(const struct topics *topics, const char *filter);

/* Wildcards at the first level match no topic that begins with $. */
bool topic_matches(const char *filter, const char *topic);

#endif

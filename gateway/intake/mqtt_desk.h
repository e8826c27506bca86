/*
 * mqtt_desk - the brokers with what goes over them beside events: replies in, answers and incidents
 * out.
 *
 * Shape:   mqtt_desk_start -> reload at will -> stop -> destroy; mqtt_desk_committed after each
 *          commit.
 * Threads: start, reload, stop, destroy: main. committed: any, never waits.
 * Fails:   as mqtt.h; without a broker in the configuration it does nothing.
 */
#ifndef ESCALATED_INTAKE_MQTT_DESK_H
#define ESCALATED_INTAKE_MQTT_DESK_H

#include "gateway/intake/mqtt.h"
#include "gateway/system/clock.h"
#include "gateway/system/secret.h"

struct mqtt_desk;

struct mqtt_desk_options {
    struct config *config; /* retained */
    struct inbox *inbox;
    struct troubles *troubles; /* of our own; NULL: none is told */
    const char *state_dir;
    const struct secret *token_key;
    const struct clock_engine *clock;
    bool (*is_engine)(void *self);
    void *self;
};

int mqtt_desk_start(const struct mqtt_desk_options *options, struct mqtt_desk **out_desk,
                    struct err *err);
void mqtt_desk_reload(struct mqtt_desk *desk, struct config *config);
void mqtt_desk_committed(struct mqtt_desk *desk);              /* takes NULL */
void mqtt_desk_stop(struct mqtt_desk *desk, int64_t grace_ms); /* idempotent, takes NULL */
void mqtt_desk_destroy(struct mqtt_desk *desk); /* after the engine has ended; takes NULL */

#endif

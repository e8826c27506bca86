/*
 * mqtt_incidents - what stands retained at the brokers: PREFIX/incidents/N for each open incident.
 *
 * Shape:   follows the commits; the latest row of an incident wins, so steps in between may be left out. A resolved one
 *          stands for [mqtt] show_resolved, then its topic is cleared with an empty payload. Whenever a broker lets us in,
 *          everything is published anew, and what stands there of incidents that are gone is cleared.
 * Owns:    a thread, a reader of the store, and for each broker a table of what stands there.
 * Threads: create, start, reload, stop, destroy: main. The rest from any thread, never waits.
 * Limits:  ARRIVALS_MAX messages of the brokers waiting; past it what stands at a broker is cleared at a later connection.
 * Fails:   a store that is busy or a broker that takes nothing more is tried again; what a lost connection
 *          swallowed is published at the next.
 * Source:  DESIGN sections 8 and 10.
 */
#ifndef ESCALATED_INTAKE_MQTT_INCIDENTS_H
#define ESCALATED_INTAKE_MQTT_INCIDENTS_H

#include "gateway/intake/mqtt.h"
#include "gateway/system/clock.h"

struct mqtt_incidents;

struct mqtt_incidents_options {
    struct config *config; /* retained */
    const char *state_dir;
    const struct clock_engine *clock;
    enum mqtt_verdict (*publish)(void *self, const struct mqtt_publication *publication);
    void *self;
};

int mqtt_incidents_create(const struct mqtt_incidents_options *options,
                          struct mqtt_incidents **out_incidents, struct err *err);
/* From now on it publishes; what `connected` said before is not forgotten. */
int mqtt_incidents_start(struct mqtt_incidents *incidents, struct err *err);
void mqtt_incidents_reload(struct mqtt_incidents *incidents, struct config *config);
/* What stands stays. Idempotent; takes NULL. */
void mqtt_incidents_stop(struct mqtt_incidents *incidents);
void mqtt_incidents_destroy(struct mqtt_incidents *incidents); /* takes NULL */

/* The broker has let us in. */
void mqtt_incidents_connected(struct mqtt_incidents *incidents, const char *broker);
/* Something stands there retained: `name` is the last level of its topic. */
void mqtt_incidents_found(struct mqtt_incidents *incidents, const char *broker, const char *name);
/* Something was committed. Takes NULL. */
void mqtt_incidents_committed(struct mqtt_incidents *incidents);

#endif

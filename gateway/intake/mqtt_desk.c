#include "gateway/intake/mqtt_desk.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/intake/mqtt_incidents.h"
#include "gateway/intake/mqtt_reply.h"

struct mqtt_desk {
    _Atomic(struct mqtt *) mqtt; /* the brokers' threads run before it is known here */
    struct mqtt_replies *replies;
    struct mqtt_incidents *incidents;
};

static enum mqtt_verdict publish(void *self, const struct mqtt_publication *publication)
{
    struct mqtt_desk *desk = self;
    struct mqtt *mqtt = atomic_load(&desk->mqtt);
    return mqtt != NULL ? mqtt_publish(mqtt, publication) : MQTT_NOT_CONNECTED;
}

static int on_reply(void *self, const struct mqtt_message *message, struct input **out_input,
                    struct err *err)
{
    struct mqtt_desk *desk = self;
    return mqtt_replies_take(desk->replies, message, out_input, err);
}

static void on_replied(void *self, const struct mqtt_message *message,
                       const struct mqtt_answer *answer)
{
    struct mqtt_desk *desk = self;
    mqtt_replies_answer(desk->replies, message, answer);
}

static void on_standing(void *self, const char *broker, const char *name)
{
    struct mqtt_desk *desk = self;
    mqtt_incidents_found(desk->incidents, broker, name);
}

static void on_connected(void *self, const char *broker)
{
    struct mqtt_desk *desk = self;
    mqtt_incidents_connected(desk->incidents, broker);
}

static int start_brokers(struct mqtt_desk *desk, const struct mqtt_desk_options *options,
                         struct err *err)
{
    struct mqtt *mqtt;
    const struct mqtt_options brokers = {.config = options->config,
                                         .inbox = options->inbox,
                                         .troubles = options->troubles,
                                         .store_url = options->config->store_url,
                                         .state_dir = options->state_dir,
                                         .hooks = {.self = desk,
                                                   .reply = on_reply,
                                                   .replied = on_replied,
                                                   .standing = on_standing,
                                                   .connected = on_connected},
                                         .is_engine = options->is_engine,
                                         .self = options->self};
    if (mqtt_start(&brokers, &mqtt, err) != 0)
        return -1;
    atomic_store(&desk->mqtt, mqtt);
    return mqtt_incidents_start(desk->incidents, err);
}

int mqtt_desk_start(const struct mqtt_desk_options *options, struct mqtt_desk **out_desk,
                    struct err *err)
{
    struct mqtt_desk *desk = heap_alloc(sizeof(*desk));
    const struct mqtt_replies_options replies = {.store_url = options->config->store_url,
                                                 .state_dir = options->state_dir,
                                                 .token_key = options->token_key,
                                                 .clock = options->clock,
                                                 .publish = publish,
                                                 .self = desk};
    const struct mqtt_incidents_options incidents = {.config = options->config,
                                                     .state_dir = options->state_dir,
                                                     .clock = options->clock,
                                                     .publish = publish,
                                                     .self = desk};
    desk->replies = mqtt_replies_create(&replies);
    if (mqtt_incidents_create(&incidents, &desk->incidents, err) != 0 ||
        start_brokers(desk, options, err) != 0) {
        mqtt_desk_stop(desk, 0);
        mqtt_desk_destroy(desk);
        return -1;
    }
    *out_desk = desk;
    return 0;
}

void mqtt_desk_reload(struct mqtt_desk *desk, struct config *config)
{
    mqtt_incidents_reload(desk->incidents, config);
    mqtt_reload(atomic_load(&desk->mqtt), config);
}

void mqtt_desk_committed(struct mqtt_desk *desk)
{
    if (desk != NULL)
        mqtt_incidents_committed(desk->incidents);
}

void mqtt_desk_stop(struct mqtt_desk *desk, int64_t grace_ms)
{
    if (desk == NULL)
        return;
    mqtt_incidents_stop(desk->incidents);
    mqtt_stop(atomic_load(&desk->mqtt), grace_ms);
}

void mqtt_desk_destroy(struct mqtt_desk *desk)
{
    if (desk == NULL)
        return;
    mqtt_destroy(atomic_load(&desk->mqtt));
    mqtt_incidents_destroy(desk->incidents);
    mqtt_replies_destroy(desk->replies);
    free(desk);
}

/* What stands around a message: its topic, its properties, and what a broker's answer is called. */
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <string.h>

#include "channels/support/mqtt_parts.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"

struct mqtt5__property *mqtt_properties_make(const struct mqtt_publish *publish)
{
    mosquitto_property *list = NULL;
    int code = MOSQ_ERR_SUCCESS;
    if (publish->content_type[0] != '\0') {
        code = mosquitto_property_add_string(&list, MQTT_PROP_CONTENT_TYPE, publish->content_type);
    }
    if (publish->response_topic[0] != '\0' && code == MOSQ_ERR_SUCCESS) {
        code =
            mosquitto_property_add_string(&list, MQTT_PROP_RESPONSE_TOPIC, publish->response_topic);
    }
    if (publish->expiry_s > 0 && code == MOSQ_ERR_SUCCESS) {
        code = mosquitto_property_add_int32(&list, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL,
                                            (uint32_t)publish->expiry_s);
    }
    for (size_t i = 0; i < publish->user_property_count && code == MOSQ_ERR_SUCCESS; i++) {
        code = mosquitto_property_add_string_pair(&list, MQTT_PROP_USER_PROPERTY,
                                                  publish->user_properties[2 * i],
                                                  publish->user_properties[2 * i + 1]);
    }
    if (code == MOSQ_ERR_NOMEM) {
        assert_out_of_memory(0);
    }
    return list; /* a text that MQTT cannot carry ends the list: properties are an extra */
}

void mqtt_properties_free(struct mqtt5__property **properties)
{
    mosquitto_property_free_all(properties);
}

int mqtt_topic_check(const char *topic, char *why, size_t why_size)
{
    size_t length = strlen(topic);
    const char *what = NULL;
    if (length == 0) {
        what = "an empty topic";
    } else if (length >= MQTT_TOPIC_BYTES) {
        what = "a topic that is too long";
    } else if (topic[0] == '$') {
        what = "a topic of the broker's own ($)";
    } else if (strpbrk(topic, "+#") != NULL) {
        what = "a wildcard (+ or #)";
    } else if (!text_is_utf8(topic, length) || mosquitto_validate_utf8(topic, (int)length) != 0) {
        what = "control characters or bad UTF-8";
    }
    if (what == NULL) {
        return 0;
    }
    (void)snprintf(why, why_size, "got %s, want a topic like escalated/notify/ann of 1..%d bytes",
                   what, MQTT_TOPIC_BYTES - 1);
    return -1;
}

const char *mqtt_reason_text(int reason_code)
{
    return mosquitto_reason_string(reason_code);
}

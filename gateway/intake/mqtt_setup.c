/* What of the configuration one broker goes by. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/intake/mqtt_parts.h"

bool setup_is_same(const struct config_broker *a, const struct config_broker *b)
{
    return text_equal(a->host, b->host) && a->port == b->port && a->is_tls == b->is_tls &&
           text_equal(a->username, b->username) && text_equal(a->password, b->password) &&
           text_equal(a->ca_file, b->ca_file) && text_equal(a->cert_file, b->cert_file) &&
           text_equal(a->key_file, b->key_file) && a->is_v5 == b->is_v5 &&
           text_equal(a->client_id, b->client_id) && text_equal(a->prefix, b->prefix) &&
           a->keepalive_ms == b->keepalive_ms && a->session_expiry_ms == b->session_expiry_ms &&
           a->in_flight == b->in_flight;
}

char *setup_topic(const struct config_broker *broker, const char *topic)
{
    struct strbuf text;
    strbuf_init(&text, strlen(broker->prefix) + strlen(topic) + 1);
    strbuf_printf(&text, "%s/%s", broker->prefix, topic);
    return strbuf_steal(&text);
}

/* Filters point into the old one until the new ones are made. */
void setup_use(struct mqtt_broker *broker, struct config *config)
{
    struct config *old = broker->config;
    char *old_state = broker->state_topic, *old_reply = broker->reply_topic;
    char *old_standing = broker->standing_filter;
    struct topics *old_topics = broker->topics;
    const struct config_broker *own = config_find_broker(config, broker->name);
    ASSERT(own != NULL);
    broker->config = config;
    broker->broker = own;
    broker->topics = topics_create(config, broker->name);
    broker->state_topic = setup_topic(own, "state");
    broker->reply_topic = setup_topic(own, "reply");
    broker->standing_filter = setup_topic(own, BROKER_STANDING_FOLDER "+");
    session_set_filters(broker);
    topics_destroy(old_topics);
    free(old_state);
    free(old_reply);
    free(old_standing);
    config_release(old);
}

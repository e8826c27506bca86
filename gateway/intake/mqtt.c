#include "gateway/intake/mqtt.h"

#include <stdlib.h>

#include "gateway/base/arena.h"
#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/intake/mqtt_parts.h"
#include "gateway/system/clock.h"

enum {
    RELOAD_GRACE_MS = 5000, /* for a broker that is no longer configured */
    METRIC_NAMES_MAX = 32,  /* different brokers with numbers of their own; later ones share */
};

struct mqtt {
    struct mqtt_options options;
    char *store_url, *state_dir;
    pthread_mutex_t mqtt_lock; /* guards the list; reload alone changes it */
    struct mqtt_broker *brokers[CONFIG_BROKERS_MAX];
    size_t count;
    struct mqtt_broker *retired; /* gone from the configuration; see retire */
    char *metric_names[METRIC_NAMES_MAX];
    size_t metric_name_count;
};

static void lock(struct mqtt *mqtt)
{
    ASSERT(pthread_mutex_lock(&mqtt->mqtt_lock) == 0);
}

static void unlock(struct mqtt *mqtt)
{
    ASSERT(pthread_mutex_unlock(&mqtt->mqtt_lock) == 0);
}

static struct mqtt_broker *find(struct mqtt *mqtt, const char *name)
{
    for (size_t i = 0; i < mqtt->count; i++) {
        if (text_equal(mqtt->brokers[i]->name, name))
            return mqtt->brokers[i];
    }
    return NULL;
}

/* Metrics live as long as the process: names that come and go with reloads must not use them up. */
static const char *metric_name(struct mqtt *mqtt, const char *name)
{
    for (size_t i = 0; i < mqtt->metric_name_count; i++) {
        if (text_equal(mqtt->metric_names[i], name))
            return mqtt->metric_names[i];
    }
    if (mqtt->metric_name_count == METRIC_NAMES_MAX)
        return "other";
    return mqtt->metric_names[mqtt->metric_name_count++] = heap_strdup(name);
}

static void make_metrics(struct broker_metrics *m, const char *name)
{
    m->connected = metric_gauge("escalated_mqtt_connected", "1 while the broker has let us in.",
                                "broker", name);
    m->messages =
        metric_counter("escalated_mqtt_messages_total", "Messages received.", "broker", name);
    m->repeated =
        metric_counter("escalated_mqtt_repeated_total",
                       "Messages delivered again that had been committed before.", NULL, NULL);
    m->reconnects =
        metric_counter("escalated_mqtt_connects_total", "Connections tried.", "broker", name);
    m->ignored = metric_counter("escalated_mqtt_ignored_total",
                                "Messages without a payload, and our own.", NULL, NULL);
    m->dead_letters = metric_counter("escalated_mqtt_dead_letters_total",
                                     "Unusable messages told on PREFIX/dead-letter.", NULL, NULL);
    m->dead_letters_dropped = metric_counter(
        "escalated_mqtt_dead_letters_dropped_total",
        "Unusable messages not told there, for want of room or a connection.", NULL, NULL);
    m->publications_dropped =
        metric_counter("escalated_mqtt_publications_dropped_total",
                       "Publications that waited when the connection ended.", NULL, NULL);
    m->dropped_at_broker = metric_gauge(
        "escalated_mqtt_broker_dropped",
        "What the broker says it has dropped, for any of its clients.", "broker", name);
    m->refused_topics = metric_gauge(
        "escalated_mqtt_refused_topics",
        "Topics of sources that the broker does not let us subscribe to.", "broker", name);
    m->commits_refused =
        metric_counter("escalated_mqtt_refused_batches_total",
                       "Batches that were not stored and left with the broker.", NULL, NULL);
    for (int i = 0; i < EVENT_ACTION_COUNT; i++)
        m->events[i] = metric_counter("escalated_events_total", "Events committed.", "action",
                                      event_action_name((enum event_action)i));
}

static int start_broker(struct mqtt *mqtt, struct config *config, const char *name, struct err *err)
{
    struct mqtt_broker *broker = NULL;
    struct broker_metrics metrics;
    make_metrics(&metrics, metric_name(mqtt, name));
    if (broker_start(&mqtt->options, config, name, &metrics, &broker, err) != 0)
        return -1;
    lock(mqtt);
    mqtt->brokers[mqtt->count++] = broker;
    unlock(mqtt);
    return 0;
}

/* A broker's object stays until mqtt_destroy, so that whoever publishes may hold on to it; what it needs memory for goes as
 * soon as the engine is through with its last batch. */
static void retire(struct mqtt *mqtt, size_t index)
{
    struct mqtt_broker *broker = mqtt->brokers[index];
    lock(mqtt);
    mqtt->brokers[index] = mqtt->brokers[--mqtt->count];
    unlock(mqtt);
    broker_ask_to_stop(broker, clock_mono_ms() + RELOAD_GRACE_MS);
    broker_join(broker);
    broker_shrink(broker);
    broker->next_retired = mqtt->retired;
    mqtt->retired = broker;
    log_line(LOG_INFO, "the broker is no longer configured", "broker", broker->name, NULL);
}

int mqtt_start(const struct mqtt_options *options, struct mqtt **out_mqtt, struct err *err)
{
    struct mqtt *mqtt = heap_alloc(sizeof(*mqtt));
    mqtt->store_url = heap_strdup(options->store_url);
    mqtt->state_dir = heap_strdup(options->state_dir);
    mqtt->options = *options;
    mqtt->options.config = NULL;
    mqtt->options.store_url = mqtt->store_url;
    mqtt->options.state_dir = mqtt->state_dir;
    ASSERT(pthread_mutex_init(&mqtt->mqtt_lock, NULL) == 0);
    link_library_begin();
    for (size_t i = 0; i < options->config->broker_count; i++) {
        if (start_broker(mqtt, options->config, options->config->brokers[i].name, err) != 0) {
            mqtt_stop(mqtt, 0);
            mqtt_destroy(mqtt);
            return -1;
        }
    }
    *out_mqtt = mqtt;
    return 0;
}

void mqtt_reload(struct mqtt *mqtt, struct config *config)
{
    for (size_t i = mqtt->count; i > 0; i--) {
        if (config_find_broker(config, mqtt->brokers[i - 1]->name) == NULL)
            retire(mqtt, i - 1);
    }
    for (size_t i = 0; i < config->broker_count; i++) {
        struct mqtt_broker *broker = find(mqtt, config->brokers[i].name);
        struct err err = {0};
        if (broker != NULL)
            broker_reload(broker, config);
        else if (start_broker(mqtt, config, config->brokers[i].name, &err) != 0)
            log_line(LOG_ERROR, "the broker's thread cannot be started", "broker",
                     config->brokers[i].name, "error", err.text, NULL);
    }
}

void mqtt_stop(struct mqtt *mqtt, int64_t grace_ms)
{
    int64_t deadline_mono_ms = clock_mono_ms() + grace_ms;
    if (mqtt == NULL)
        return;
    for (size_t i = 0; i < mqtt->count; i++)
        broker_ask_to_stop(mqtt->brokers[i], deadline_mono_ms);
    for (size_t i = 0; i < mqtt->count; i++)
        broker_join(mqtt->brokers[i]);
}

void mqtt_destroy(struct mqtt *mqtt)
{
    if (mqtt == NULL)
        return;
    for (size_t i = 0; i < mqtt->count; i++)
        broker_destroy(mqtt->brokers[i]);
    while (mqtt->retired != NULL) {
        struct mqtt_broker *broker = mqtt->retired;
        mqtt->retired = broker->next_retired;
        broker_destroy(broker);
    }
    link_library_end();
    for (size_t i = 0; i < mqtt->metric_name_count; i++)
        free(mqtt->metric_names[i]);
    ASSERT(pthread_mutex_destroy(&mqtt->mqtt_lock) == 0);
    free(mqtt->store_url);
    free(mqtt->state_dir);
    free(mqtt);
}

enum mqtt_verdict mqtt_publish(struct mqtt *mqtt, const struct mqtt_publication *publication)
{
    struct mqtt_broker *brokers[CONFIG_BROKERS_MAX];
    size_t count = 0;
    enum mqtt_verdict best = MQTT_UNKNOWN;
    if (!outgoing_is_topic(publication->topic))
        return MQTT_UNKNOWN;
    lock(mqtt);
    for (size_t i = 0; i < mqtt->count; i++) {
        if (publication->broker[0] == '\0' ||
            text_equal(publication->broker, mqtt->brokers[i]->name))
            brokers[count++] = mqtt->brokers[i];
    }
    unlock(mqtt);
    for (size_t i = 0; i < count; i++) {
        enum mqtt_verdict verdict = broker_publish(brokers[i], publication);
        best = verdict < best ? verdict : best;
    }
    return best;
}

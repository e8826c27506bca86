#include "gateway/intake/mqtt_topics.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"

struct rule {
    const char *filter;
    const char *source;
    bool is_pings; /* format = heartbeat */
};

struct topics {
    size_t count;
    struct rule rules[];
};

struct topics *topics_create(const struct config *config, const char *broker)
{
    size_t count = 0;
    for (size_t i = 0; i < config->source_count; i++) {
        if (text_equal(config->sources[i].broker, broker))
            count += config->sources[i].topic_count;
    }
    struct topics *topics = heap_alloc(sizeof(*topics) + count * sizeof(struct rule));
    for (size_t i = 0; i < config->source_count; i++) {
        const struct config_source *source = &config->sources[i];
        for (size_t j = 0; text_equal(source->broker, broker) && j < source->topic_count; j++)
            topics->rules[topics->count++] = (struct rule){
                .filter = source->topics[j], .source = source->name, .is_pings = source->is_pings};
    }
    return topics;
}

void topics_destroy(struct topics *topics)
{
    free(topics);
}

bool topic_matches(const char *filter, const char *topic)
{
    if (topic[0] == '$' && filter[0] != '$')
        return false;
    for (;;) {
        if (filter[0] == '#')
            return true;
        size_t length = strcspn(topic, "/");
        if (filter[0] == '+') {
            filter++;
        } else if (strcspn(filter, "/") != length || strncmp(filter, topic, length) != 0) {
            return false;
        } else {
            filter += length;
        }
        topic += length;
        if (topic[0] == '\0') /* a/# matches a as well */
            return filter[0] == '\0' || strcmp(filter, "/#") == 0;
        if (filter[0] == '\0')
            return false;
        filter++;
        topic++;
    }
}

static const struct rule *rule_of(const struct topics *topics, const char *topic)
{
    for (size_t i = 0; i < topics->count; i++) {
        if (topic_matches(topics->rules[i].filter, topic))
            return &topics->rules[i];
    }
    return NULL;
}

const char *topics_source(const struct topics *topics, const char *topic)
{
    const struct rule *rule = rule_of(topics, topic);
    return rule != NULL ? rule->source : NULL;
}

bool topics_is_pings(const struct topics *topics, const char *topic)
{
    const struct rule *rule = rule_of(topics, topic);
    return rule != NULL && rule->is_pings;
}

size_t topics_count(const struct topics *topics)
{
    return topics->count;
}

const char *topics_filter(const struct topics *topics, size_t index)
{
    return topics->rules[index].filter;
}

bool topics_has(const struct topics *topics, const char *filter)
{
    for (size_t i = 0; i < topics->count; i++) {
        if (text_equal(topics->rules[i].filter, filter))
            return true;
    }
    return false;
}

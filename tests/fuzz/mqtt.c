/* A message of a broker, in lines: a filter, another one, a topic, and the rest is the payload. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/intake/mqtt_outgoing.h"
#include "gateway/intake/mqtt_topics.h"
#include "gateway/intake/native.h"
#include "tests/fuzz/fuzz.h"

#define EVENTS_MAX 100

/* Up to the next line's end; what follows a NUL is left out, as of every topic. */
static char *next_line(const uint8_t **data, size_t *count)
{
    const uint8_t *end = *count > 0 ? memchr(*data, '\n', *count) : NULL;
    size_t length = end != NULL ? (size_t)(end - *data) : *count;
    size_t step = length + (end != NULL);
    char *line = fuzz_text(*data, length);
    *data += step;
    *count -= step;
    return line;
}

/* By recursion over levels, to be compared: filter and topic point at the beginning of a level, NULL behind the last. */
static bool levels_match(const char *filter, const char *topic)
{
    if (filter == NULL || (topic == NULL && filter[0] != '#'))
        return filter == NULL && topic == NULL;
    if (filter[0] == '#')
        return true;
    const char *filter_end = strchr(filter, '/');
    const char *topic_end = strchr(topic, '/');
    size_t filter_length = filter_end != NULL ? (size_t)(filter_end - filter) : strlen(filter);
    size_t topic_length = topic_end != NULL ? (size_t)(topic_end - topic) : strlen(topic);
    bool fits = (filter_length == 1 && filter[0] == '+') ||
                (filter_length == topic_length && memcmp(filter, topic, topic_length) == 0);
    return fits && levels_match(filter_end != NULL ? filter_end + 1 : NULL,
                                topic_end != NULL ? topic_end + 1 : NULL);
}

/* As the configuration lets it in: wildcards are whole levels, # the last one. */
static bool is_filter(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        bool begins = at == text || at[-1] == '/';
        if ((*at == '#' && (!begins || at[1] != '\0')) ||
            (*at == '+' && (!begins || (at[1] != '\0' && at[1] != '/'))))
            return false;
    }
    return text[0] != '\0';
}

static void match(const char *first, const char *second, const char *topic)
{
    const char *const one[] = {first}, *const two[] = {second};
    const struct config_source sources[] = {
        {.name = "one", .broker = "plant", .topics = one, .topic_count = 1},
        {.name = "two", .broker = "plant", .topics = two, .topic_count = 1}};
    const struct config config = {.sources = sources, .source_count = 2};
    bool is_one = topic_matches(first, topic), is_two = topic_matches(second, topic);
    struct topics *topics = topics_create(&config, "plant");
    const char *source = topics_source(topics, topic);
    ASSERT((source == NULL) == (!is_one && !is_two));
    ASSERT(source == NULL || text_equal(source, is_one ? "one" : "two"));
    ASSERT(!is_filter(first) ||
           is_one == ((topic[0] != '$' || first[0] == '$') && levels_match(first, topic)));
    ASSERT(!outgoing_is_topic(topic) || topic_matches("#", topic) == (topic[0] != '$'));
    topics_destroy(topics);
}

static void read_payload(const uint8_t *data, size_t count)
{
    struct arena arena;
    struct native_events events = {0};
    struct native_error error = {0};
    const struct native_body body = {
        .bytes = (const char *)data, .count = count, .events_max = EVENTS_MAX};
    arena_init(&arena);
    if (native_parse(&body, &arena, &events, &error) == 0)
        ASSERT(events.count <= EVENTS_MAX);
    else
        ASSERT(error.err.text[0] != '\0'); /* the quarantine's reason */
    arena_clear(&arena);
}

int fuzz_one(const uint8_t *data, size_t count)
{
    char *first = next_line(&data, &count);
    char *second = next_line(&data, &count);
    char *topic = next_line(&data, &count);
    match(first, second, topic);
    read_payload(data, count);
    free(first);
    free(second);
    free(topic);
    return 0;
}

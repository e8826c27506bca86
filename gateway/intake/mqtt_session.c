/* What a broker keeps for us: our subscriptions, and the messages that it has not seen confirmed. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/text.h"
#include "gateway/intake/mqtt_parts.h"
#include "gateway/store/store_read.h"
#include "gateway/system/id.h"

#define FILTERS_BYTES_MAX (4 * 1024 * 1024)

static const struct broker_filter *find_filter(const struct broker_filter *filters, size_t count,
                                               const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equal(filters[i].text, text))
            return &filters[i];
    }
    return NULL;
}

static void add_filter(struct mqtt_broker *broker, const char *text, int qos,
                       const struct broker_filter *old, size_t old_count)
{
    const struct broker_filter *same = find_filter(old, old_count, text);
    broker->filters[broker->filter_count++] = (struct broker_filter){
        .text = text, .qos = qos, .is_granted = same != NULL && same->is_granted};
}

void session_set_filters(struct mqtt_broker *broker)
{
    struct broker_filter *old = broker->filters;
    size_t old_count = broker->filter_count;
    size_t count = topics_count(broker->topics);
    broker->filters = heap_alloc((count + 3) * sizeof(*broker->filters));
    broker->filter_count = 0;
    for (size_t i = 0; i < count; i++)
        add_filter(broker, topics_filter(broker->topics, i), 1, old, old_count);
    if (broker->options.hooks.reply != NULL)
        add_filter(broker, broker->reply_topic, 1, old, old_count);
    if (broker->options.hooks.standing != NULL)
        add_filter(broker, broker->standing_filter, 0, old, old_count);
    add_filter(broker, BROKER_DROPPED_TOPIC, 0, old, old_count);
    free(old);
    broker->must_subscribe = true;
}

/* The recorded filters that are no longer ours; the broker would go on sending what matches them. */
static void unsubscribe_gone(struct mqtt_broker *broker)
{
    for (char *line = broker->session_filters; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        bool is_last = line[length] == '\0';
        line[length] = '\0';
        if (find_filter(broker->filters, broker->filter_count, line) == NULL)
            (void)link_unsubscribe(broker->link, line); /* the next connection tries again */
        line[length] = is_last ? '\0' : '\n';
        line += length + !is_last;
    }
}

static char *filters_text(const struct mqtt_broker *broker)
{
    struct strbuf text;
    strbuf_init(&text, FILTERS_BYTES_MAX);
    for (size_t i = 0; i < broker->filter_count; i++) {
        strbuf_add(&text, text.length > 0 ? "\n" : "");
        strbuf_add(&text, broker->filters[i].text);
    }
    ASSERT(!text.overflowed); /* the configuration bounds them */
    return strbuf_steal(&text);
}

static void set_recorded(struct mqtt_broker *broker, const char *filters)
{
    free(broker->session_filters);
    broker->session_filters = heap_strdup(filters);
}

/* Once for each process: from then on the thread itself knows. */
static int learn(struct mqtt_broker *broker, bool *out_found, struct err *err)
{
    struct store_reader *reader = NULL;
    struct known_session known = {.filters = ""};
    struct arena arena;
    int result = 0;
    *out_found = broker->knows_session;
    if (broker->knows_session || broker->store_url[0] == '\0')
        return 0;
    arena_init(&arena);
    if (store_reader_open(broker->store_url, broker->state_dir, &reader, err) != 0)
        result = -1;
    else
        result = store_read_session(reader, broker->name, &arena, &known, err);
    if (result == 0 && known.found) {
        memcpy(broker->session, known.id, sizeof(broker->session));
        taken_begin(broker->taken, known.marks, known.mark_count);
        set_recorded(broker, known.filters);
        *out_found = true;
    }
    store_reader_close(reader);
    arena_clear(&arena);
    return result;
}

int session_up(struct mqtt_broker *broker, bool has_session, struct err *err)
{
    bool is_known = false;
    bool is_first = !broker->knows_session;
    if (learn(broker, &is_known, err) != 0)
        return -1;
    broker->is_new_session = !has_session || !is_known;
    if (broker->is_new_session) {
        struct id id = id_make();
        memcpy(broker->session, id.bytes, sizeof(broker->session));
        taken_begin(broker->taken, NULL, 0);
        set_recorded(broker, "");
    }
    broker->is_after_gap = !has_session;
    broker->knows_session = true;
    taken_resume(broker->taken);
    for (size_t i = 0; i < broker->filter_count; i++) {
        broker->filters[i].number = 0;
        /* What an earlier process was granted is asked for again: it may not have come so far. What is only
         * watched is, each time, for what is retained there. */
        if (is_first || !has_session || broker->filters[i].qos == 0)
            broker->filters[i].is_granted = false;
    }
    broker->must_subscribe = true;
    broker->is_announced = false;
    return 0;
}

void session_record(struct mqtt_broker *broker)
{
    char *filters = filters_text(broker);
    if (broker->is_new_session || !text_equal(filters, broker->session_filters)) {
        struct letters *letters = window_reading(broker->window);
        struct session session = {.broker = broker->name,
                                  .filters = arena_strdup(letters_arena(letters), filters)};
        memcpy(session.id, broker->session, sizeof(session.id));
        letters_add_session(letters, &session);
    }
    free(filters);
}

void session_recorded(struct mqtt_broker *broker)
{
    char *filters = filters_text(broker);
    unsubscribe_gone(broker);
    set_recorded(broker, filters);
    broker->is_new_session = false;
    free(filters);
}

/* Once for each connection, when everything has been answered: from then on nothing is missed. */
static void announce(struct mqtt_broker *broker)
{
    for (size_t i = 0; i < broker->filter_count; i++) {
        if (broker->filters[i].number > 0)
            return;
    }
    if (!broker->is_announced)
        log_line(LOG_INFO, "connected to the broker", "broker", broker->name, "session",
                 broker->is_after_gap ? "new" : "kept", NULL);
    broker->is_announced = true;
}

void session_subscribe(struct mqtt_broker *broker)
{
    for (size_t i = 0; i < broker->filter_count; i++) {
        struct broker_filter *filter = &broker->filters[i];
        if (!filter->is_granted && filter->number == 0 &&
            link_subscribe(broker->link, filter->text, filter->qos, &filter->number) != 0)
            log_line(LOG_ERROR, "a topic cannot be subscribed to", "broker", broker->name, "topic",
                     filter->text, NULL);
    }
    broker->must_subscribe = false;
    announce(broker);
}

void session_subscribed(struct mqtt_broker *broker, int number, int granted_qos)
{
    bool is_granted = granted_qos >= 0;
    int64_t refused = 0;
    for (size_t i = 0; i < broker->filter_count; i++) {
        struct broker_filter *filter = &broker->filters[i];
        bool is_watch = filter->qos == 0; /* a broker need not show its own numbers */
        if (filter->number == number) {
            filter->is_granted = is_granted;
            if (!is_granted && !is_watch)
                log_line(LOG_ERROR, "the broker does not let us subscribe: nothing comes in there",
                         "broker", broker->name, "topic", filter->text, NULL);
            else if (is_granted && granted_qos < filter->qos)
                log_line(LOG_WARNING,
                         "the broker grants QoS 0 only: what comes there while we are away is lost",
                         "broker", broker->name, "topic", filter->text, NULL);
            filter->number = is_granted ? 0 : -1; /* asked again at the next connection */
        }
        refused += filter->number == -1 && !is_watch;
    }
    metric_set(broker->metrics.refused_topics, refused);
    announce(broker);
}

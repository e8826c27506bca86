/* Messages into inputs, and what follows from their commit. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"
#include "gateway/intake/mqtt_parts.h"
#include "gateway/intake/native_parts.h"
#include "gateway/system/clock.h"
#include "gateway/system/digest.h"

#define DEAD_LETTER_BYTES_MAX ((size_t)8 * QUARANTINE_BYTES_MAX)

static uint64_t hash_of(const struct link_message *message)
{
    uint64_t hash = text_hash(0, message->topic, strlen(message->topic) + 1);
    return text_hash(hash, message->payload, message->count);
}

/* Of itself the broker tells how much it had to drop; what it drops we never see. */
static void watch_dropped(struct mqtt_broker *broker, const struct link_message *message)
{
    char text[24] = "";
    int64_t dropped = 0;
    if (message->count == 0 || message->count >= sizeof(text))
        return;
    memcpy(text, message->payload, message->count);
    if (parse_i64(text, 0, INT64_MAX, &dropped, NULL) != 0)
        return;
    metric_set(broker->metrics.dropped_at_broker, dropped);
    if (broker->dropped_at_broker >= 0 && dropped > broker->dropped_at_broker &&
        log_burst_due(&broker->dropped_burst, clock_mono_ms()))
        log_line(LOG_WARNING,
                 "the broker drops messages: some client's queue is full there, perhaps ours; see "
                 "max_queued_messages",
                 "broker", broker->name, "dropped", log_i64(dropped), "before",
                 log_i64(broker->dropped_at_broker), NULL);
    broker->dropped_at_broker = dropped;
}

static void quarantine(struct mqtt_broker *broker, const struct link_message *message,
                       const char *source, const char *reason, bool with_payload,
                       const struct arrival *arrival)
{
    letters_add_quarantine(window_reading(broker->window), message, source, reason, with_payload,
                           arrival);
    if (log_burst_due(&broker->unusable_burst, clock_mono_ms()))
        log_line(LOG_WARNING, "a message that is no event goes into quarantine", "broker",
                 broker->name, "source", source, "topic", message->topic, "reason", reason, "count",
                 log_i64((int64_t)broker->unusable_burst.count), NULL);
}

static void take_reply(struct mqtt_broker *broker, const struct link_message *message,
                       const struct arrival *arrival)
{
    const struct mqtt_message seen = {.broker = broker->name,
                                      .topic = message->topic,
                                      .payload = message->payload,
                                      .count = message->count,
                                      .is_retained = message->is_retained,
                                      .response_topic = message->response_topic,
                                      .correlation = message->correlation,
                                      .correlation_count = message->correlation_count};
    struct input *input = NULL;
    struct err err = {0};
    int result =
        message->is_retained
            ? err_set(&err, ERR_INVALID,
                      "a retained reply would be given again and again, want it not retained")
            : broker->options.hooks.reply(broker->options.hooks.self, &seen, &input, &err);
    if (result == 0 && input != NULL)
        letters_add_reply(window_reading(broker->window), message, input, arrival);
    else if (result != 0 && err.code == ERR_BUSY)
        broker_give_back(broker, err.text);
    else if (result !=
             0) /* without the payload: it may hold a token, and others may read the quarantine */
        quarantine(broker, message, "", err.text, false, arrival);
}

static enum event_standing standing_of(const struct mqtt_broker *broker,
                                       const struct link_message *message)
{
    if (!message->is_retained)
        return EVENT_IS_NEWS;
    return broker->is_after_gap ? EVENT_IS_REPLAYED_AFTER_GAP : EVENT_IS_REPLAYED;
}

/* What a job or device says in a word, an exit status among them; anything else says that it is there. */
static void read_ping(const char *payload, size_t count, struct event *event)
{
    enum { WORD_BYTES = 16, EXIT_STATUS_MAX = 255 };
    char word[WORD_BYTES] = "";
    int64_t exit_status = 0;
    while (count > 0 && (payload[count - 1] == '\n' || payload[count - 1] == '\r'))
        count--;
    if (count == 0 || count >= sizeof(word))
        return;
    memcpy(word, payload, count);
    if (parse_i64(word, 0, EXIT_STATUS_MAX, &exit_status, NULL) == 0) {
        event->signal = exit_status == 0 ? HEARTBEAT_SUCCESS : HEARTBEAT_FAIL;
        event->exit_status = (int32_t)exit_status;
    } else if (text_equal(word, "offline") || text_equal(word, "down")) {
        event->signal = HEARTBEAT_FAIL; /* as devices have it in their last will */
    } else if (heartbeat_signal_parse(word, &event->signal) != 0 ||
               event->signal == HEARTBEAT_FORGET) {
        event->signal = HEARTBEAT_SUCCESS;
    }
}

/* The topic is the key. */
static void take_ping(struct mqtt_broker *broker, const struct link_message *message,
                      const char *source, const struct arrival *arrival)
{
    struct letters *letters = window_reading(broker->window);
    struct event event = native_event();
    event.action = EVENT_HEARTBEAT;
    event.key = arena_strdup(letters_arena(letters), message->topic);
    event.standing = standing_of(broker, message);
    read_ping(message->payload, message->count, &event);
    letters_add_events(letters, message, source, &event, 1, arrival);
}

static void take_event(struct mqtt_broker *broker, const struct link_message *message,
                       const char *source, const struct arrival *arrival)
{
    struct letters *letters = window_reading(broker->window);
    struct native_events events = {0};
    struct native_error error = {0};
    const struct native_body body = {
        .bytes = message->payload, .count = message->count, .events_max = LETTERS_EVENTS_MAX};
    if (native_parse(&body, letters_arena(letters), &events, &error) != 0) {
        quarantine(broker, message, source, error.err.text, true, arrival);
        return;
    }
    for (size_t i = 0; i < events.count; i++)
        events.items[i].standing = standing_of(broker, message);
    letters_add_events(letters, message, source, events.items, events.count, arrival);
}

static void take(struct mqtt_broker *broker, const struct link_message *message,
                 const struct arrival *arrival)
{
    const char *source = topics_source(broker->topics, message->topic);
    struct err err;
    if (text_equal(message->topic, broker->reply_topic)) {
        take_reply(broker, message, arrival);
    } else if (source == NULL) {
        quarantine(broker, message, "", "no source has this topic (any more)", true, arrival);
    } else if (message->count > (size_t)broker->broker->message_bytes_max) {
        (void)err_set(&err, ERR_TOO_LARGE, "got %zu bytes, want at most %" PRId64, message->count,
                      broker->broker->message_bytes_max);
        quarantine(broker, message, source, err.text, true, arrival);
    } else if (topics_is_pings(broker->topics, message->topic) &&
               ((const char *)message->payload)[0] != '{') {
        take_ping(broker, message, source, arrival);
    } else {
        take_event(broker, message, source, arrival);
    }
}

/* What we publish ourselves, unless it is the way in for replies. */
static bool is_own(const struct mqtt_broker *broker, const char *topic)
{
    size_t length = strlen(broker->broker->prefix);
    bool is_under = text_starts_with(topic, broker->broker->prefix) && topic[length] == '/';
    bool is_reply = broker->options.hooks.reply != NULL && text_equal(topic, broker->reply_topic);
    return is_under && !is_reply;
}

/* What we have published ourselves, in this life or an earlier one, comes back but once. */
static void tell_standing(struct mqtt_broker *broker, const struct link_message *message)
{
    const char *name = message->topic + strlen(broker->broker->prefix) + 1;
    if (broker->options.hooks.standing != NULL && message->is_retained && message->count > 0 &&
        text_starts_with(name, BROKER_STANDING_FOLDER))
        broker->options.hooks.standing(broker->options.hooks.self, broker->name,
                                       name + strlen(BROKER_STANDING_FOLDER));
}

void message_take(struct mqtt_broker *broker, const struct link_message *message)
{
    if (text_equal(message->topic, BROKER_DROPPED_TOPIC))
        watch_dropped(broker, message);
    metric_add(broker->metrics.messages, 1);
    if (is_own(broker, message->topic))
        tell_standing(broker, message);
    /* An empty payload takes a retained one away: it says nothing itself. */
    if (is_own(broker, message->topic) || message->count == 0 ||
        (text_equal(message->topic, BROKER_DROPPED_TOPIC) &&
         topics_source(broker->topics, message->topic) == NULL)) {
        metric_add(broker->metrics.ignored, 1);
        return;
    }
    struct arrival arrival = {
        .broker = broker->name, .packet_id = message->packet_id, .hash = hash_of(message)};
    memcpy(arrival.session, broker->session, sizeof(arrival.session));
    bool is_known = message->packet_id != 0 &&
                    taken_is_again(broker->taken, arrival.packet_id, arrival.hash, message->is_dup);
    if (taken_is_over(broker->taken))
        link_forget_dup(broker->link);
    if (is_known)
        metric_add(broker->metrics.repeated, 1);
    else
        take(broker, message, message->packet_id != 0 ? &arrival : NULL);
}

/* After the commit. */

static void write_payload(struct json_out *out, const struct link_message *message)
{
    struct strbuf text;
    size_t count = message->count < QUARANTINE_BYTES_MAX ? message->count : QUARANTINE_BYTES_MAX;
    strbuf_init(&text, (size_t)2 * QUARANTINE_BYTES_MAX);
    if (text_is_utf8(message->payload, count)) {
        strbuf_add_bytes(&text, message->payload, count);
        json_add_string(out, "payload", strbuf_text(&text));
    } else {
        digest_base64(message->payload, count, &text);
        json_add_string(out, "payload_base64", strbuf_text(&text));
    }
    strbuf_clear(&text);
}

static void publish_dead_letter(struct mqtt_broker *broker, const struct letter *letter)
{
    struct strbuf text;
    struct json_out out;
    strbuf_init(&text, DEAD_LETTER_BYTES_MAX);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    json_add_time(&out, "at", clock_wall_ms());
    json_add_string(&out, "source", letter->source);
    json_add_string(&out, "topic", letter->message.topic);
    json_add_string(&out, "reason", letter->reason);
    json_add_integer(&out, "size", (int64_t)letter->message.count);
    json_add_bool(&out, "truncated", letter->message.count > QUARANTINE_BYTES_MAX);
    if (letter->message.payload != NULL)
        write_payload(&out, &letter->message);
    json_add_object_end(&out);
    const struct mqtt_publication publication = {.broker = "",
                                                 .topic = "dead-letter",
                                                 .payload = strbuf_text(&text),
                                                 .count = text.length,
                                                 .qos = 1};
    bool is_taken = !text.overflowed && broker_publish(broker, &publication) == MQTT_TAKEN;
    metric_add(is_taken ? broker->metrics.dead_letters : broker->metrics.dead_letters_dropped, 1);
    strbuf_clear(&text);
}

static void tell_reply(struct mqtt_broker *broker, const struct letters *letters,
                       const struct letter *letter)
{
    struct mqtt_answer answer;
    const struct mqtt_message message = {.broker = broker->name,
                                         .topic = letter->message.topic,
                                         .payload = letter->message.payload,
                                         .count = letter->message.count,
                                         .response_topic = letter->message.response_topic,
                                         .correlation = letter->message.correlation,
                                         .correlation_count = letter->message.correlation_count};
    letters_answer(letters, letter, &answer);
    if (broker->options.hooks.replied != NULL)
        broker->options.hooks.replied(broker->options.hooks.self, &message, &answer);
}

/* Its packet id was free, so what was taken under it before has been confirmed for good. */
void message_give_up(struct mqtt_broker *broker, const struct letter *letter)
{
    if (letter->arrival != NULL)
        taken_forget(broker->taken, letter->arrival->packet_id);
}

void message_settle(struct mqtt_broker *broker, const struct letters *letters,
                    const struct letter *letter)
{
    if (letter->arrival != NULL)
        taken_add(broker->taken, letter->arrival->packet_id, letter->arrival->hash);
    for (size_t i = 0; i < letter->event_count; i++)
        metric_add(broker->metrics.events[letters_event(letters, letter, i)->action], 1);
    if (letter->kind == LETTER_QUARANTINE)
        publish_dead_letter(broker, letter);
    else if (letter->kind == LETTER_REPLY)
        tell_reply(broker, letters, letter);
}

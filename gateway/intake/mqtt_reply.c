#include "gateway/intake/mqtt_reply.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/json.h"
#include "gateway/reply/binding.h"
#include "gateway/reply/reply_input.h"
#include "gateway/store/store_read.h"
#include "gateway/system/digest.h"

#define ANSWER_BYTES_MAX 16384
#define ANSWERS_FOLDER "answers/"
#define REPLY_TOPIC_END "/reply"
/* The same payload within so long is the publisher's client sending once more what it does not know
 * to have arrived. */
#define REPEAT_MS 60000
#define LOOK_BACK_ROWS 1000
#define CREDENTIAL_BYTES 24 /* "mqtt " and 16 hex digits of the payload's digest */

struct broker_reader {
    char *broker; /* NULL: free */
    struct store_reader *reader;
};

struct mqtt_replies {
    struct mqtt_replies_options options;
    pthread_mutex_t readers_lock;
    struct broker_reader
        readers[CONFIG_BROKERS_MAX * 2]; /* readers_lock; a reload may bring others */
};

/* What a payload says; texts lie in the arena. */
struct said {
    const char *token;
    const char *text;
};

/* --- payload --- */

static int read_text(const struct json *value, const char *key, size_t bytes_max,
                     struct arena *arena, const char **out_text, struct err *err)
{
    if (json_kind(value) != JSON_STRING)
        return err_set(err, ERR_INVALID, "%s: got %s, want a string", key,
                       json_kind_name(json_kind(value)));
    if (json_string_length(value) > bytes_max)
        return err_set(err, ERR_TOO_LARGE, "%s: got %zu bytes, want at most %zu", key,
                       json_string_length(value), bytes_max);
    *out_text = arena_strdup(arena, json_string(value));
    return 0;
}

static int read_members(const struct json *root, struct arena *arena, struct said *out,
                        struct err *err)
{
    void *position = NULL;
    const char *key, *id;
    const struct json *value;
    char excerpt[TEXT_EXCERPT_BYTES];
    if (json_kind(root) != JSON_OBJECT)
        return err_set(err, ERR_INVALID,
                       "got %s, want an object {\"token\":\"...\",\"text\":\"ack eta 30m\"}",
                       json_kind_name(json_kind(root)));
    while (json_next(root, &position, &key, &value)) {
        int failed;
        if (text_equal(key, "token"))
            failed = read_text(value, key, REPLY_TEXT_BYTES_MAX, arena, &out->token, err);
        else if (text_equal(key, "text"))
            failed = read_text(value, key, REPLY_TEXT_BYTES_MAX, arena, &out->text, err);
        else if (text_equal(key, "id")) /* it only tells one message from the next */
            failed = read_text(value, key, REPLY_TEXT_BYTES_MAX, arena, &id, err);
        else
            failed = err_set(err, ERR_INVALID, "got a field %s, want token, text and perhaps id",
                             text_excerpt(key, excerpt));
        if (failed != 0)
            return -1;
    }
    if (out->token == NULL || out->text == NULL)
        return err_set(err, ERR_INVALID, "%s is missing", out->token == NULL ? "token" : "text");
    if (out->text[strspn(out->text, " \t\r\n")] == '\0')
        return err_set(err, ERR_INVALID, "text: got nothing, want an answer such as ack eta 30m");
    return 0;
}

static int read_payload(const struct mqtt_message *message, struct arena *arena, struct said *out,
                        struct err *err)
{
    struct json *root;
    if (message->count > REPLY_PAYLOAD_BYTES_MAX)
        return err_set(err, ERR_TOO_LARGE, "got %zu bytes, want at most %d", message->count,
                       REPLY_PAYLOAD_BYTES_MAX);
    if (json_parse(message->payload, message->count, &root, err) != 0)
        return -1;
    int result = read_members(root, arena, out, err);
    json_free(root);
    return result;
}

/* --- the store --- */

/* The place's reader is used by its broker's thread alone; only finding the place is shared. */
static struct broker_reader *find_place(struct mqtt_replies *replies, const char *broker)
{
    struct broker_reader *found = NULL;
    pthread_mutex_lock(&replies->readers_lock);
    for (size_t i = 0; i < sizeof(replies->readers) / sizeof(replies->readers[0]); i++) {
        struct broker_reader *place = &replies->readers[i];
        if (place->broker == NULL)
            place->broker = heap_strdup(broker);
        if (text_equal(place->broker, broker)) {
            found = place;
            break;
        }
    }
    pthread_mutex_unlock(&replies->readers_lock);
    return found;
}

static struct store_reader *reader_of(struct mqtt_replies *replies, const char *broker,
                                      struct err *err)
{
    struct broker_reader *place = find_place(replies, broker);
    if (place == NULL) {
        (void)err_set(err, ERR_BUSY, "too many brokers have come and gone; restart the daemon");
        return NULL;
    }
    if (place->reader == NULL &&
        store_reader_open(replies->options.store_url, replies->options.state_dir, &place->reader,
                          err) != 0) {
        err->code = ERR_BUSY; /* whatever it is, the reply is not to blame */
        return NULL;
    }
    return place->reader;
}

static const char *credential_of(const struct mqtt_message *message, char out[CREDENTIAL_BYTES])
{
    char hex[DIGEST_HEX_BYTES];
    (void)snprintf(out, CREDENTIAL_BYTES, "mqtt %.16s",
                   digest_sha256_hex(message->payload, message->count, hex));
    return out;
}

/*
 * Whether the incident's timeline has this very message from just now: "eta 30m" said twice by a client that did not hear its
 * broker is one promise, not a promise and a slip. What the broker repeats to us never gets here.
 */
static int was_recorded(struct mqtt_replies *replies, struct store_reader *reader,
                        const struct mqtt_message *message, uint64_t incident, bool *out_recorded,
                        struct err *err)
{
    struct arena arena;
    struct timeline_row *rows;
    char credential[CREDENTIAL_BYTES];
    size_t count;
    int64_t now_ms = clock_engine_ms(replies->options.clock);
    arena_init(&arena);
    (void)credential_of(message, credential);
    int result = store_read_timeline(reader, incident, LOOK_BACK_ROWS, &arena, &rows, &count, err);
    *out_recorded = false;
    for (size_t i = 0; result == 0 && i < count; i++) {
        bool is_fresh = now_ms - rows[i].at_ms < REPEAT_MS;
        *out_recorded = *out_recorded || (is_fresh && text_equal(rows[i].credential, credential));
    }
    arena_clear(&arena);
    return result;
}

/* --- answers --- */

/* Only below PREFIX/answers/: whoever may publish a reply must not make us publish where we may and he may not. */
static bool answer_is_wanted(const struct mqtt_message *message)
{
    size_t length = strlen(message->topic);
    size_t end = strlen(REPLY_TOPIC_END);
    const char *to = message->response_topic;
    if (to[0] == '\0' || length <= end ||
        !text_equal(message->topic + length - end, REPLY_TOPIC_END))
        return false;
    size_t prefix = length - end + 1; /* with its slash */
    return strncmp(to, message->topic, prefix) == 0 &&
           text_starts_with(to + prefix, ANSWERS_FOLDER) &&
           to[prefix + strlen(ANSWERS_FOLDER)] != '\0';
}

void mqtt_replies_answer(struct mqtt_replies *replies, const struct mqtt_message *message,
                         const struct mqtt_answer *answer)
{
    static const char *const words[ANSWER_STATUS_COUNT] = {
        [ANSWER_DONE] = "done", [ANSWER_REFUSED] = "refused", [ANSWER_UNKNOWN] = "unknown",
        [ANSWER_BUSY] = "busy", [ANSWER_FULL] = "busy",       [ANSWER_OVERLIMIT] = "busy",
    };
    struct strbuf text;
    struct json_out out;
    if (!answer_is_wanted(message))
        return;
    ASSERT(answer->status < ANSWER_STATUS_COUNT);
    strbuf_init(&text, ANSWER_BYTES_MAX);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    json_add_string(&out, "status", words[answer->status]);
    if (answer->incident != 0)
        json_add_integer(&out, "incident", (int64_t)answer->incident);
    json_add_string(&out, "text", answer->text);
    json_add_object_end(&out);
    const struct mqtt_publication publication = {
        .broker = message->broker,
        .topic = message->response_topic,
        .is_whole_topic = true,
        .payload = strbuf_text(&text),
        .count = text.length,
        .qos = 1,
        .correlation = message->correlation,
        .correlation_count = message->correlation_count,
    };
    /* The reply stands; an answer that the connection has no room for is only a courtesy. */
    if (!text.overflowed)
        (void)replies->options.publish(replies->options.self, &publication);
    strbuf_clear(&text);
}

/* --- binding --- */

static int bind(struct mqtt_replies *replies, struct store_reader *reader,
                const struct mqtt_message *message, const char *token, struct arena *arena,
                struct notification_row *out_row, struct err *err)
{
    const struct mqtt_answer expired = {
        .status = ANSWER_REFUSED,
        .text = "The token has expired; answer a newer message about this incident."};
    switch (binding_find(reader, replies->options.token_key, token,
                         clock_engine_ms(replies->options.clock), arena, out_row)) {
    case BINDING_BOUND:
        if (binding_is_person(out_row))
            return 0;
        return err_set(err, ERR_INVALID,
                       "token: it was given to %s, want that of a message to a person",
                       out_row->contact);
    case BINDING_EXPIRED:
        mqtt_replies_answer(replies, message, &expired); /* no stranger: the token was ours */
        return err_set(err, ERR_INVALID, "token: it has expired, want that of a newer message");
    case BINDING_UNAVAILABLE:
        return err_set(err, ERR_BUSY, "the store did not answer");
    case BINDING_FORGED:
        break;
    }
    return err_set(err, ERR_INVALID, "token: it is none of ours, want that of a notification");
}

static void release(struct input *input)
{
    free(input);
}

static struct input *make_input(const struct mqtt_message *message,
                                const struct notification_row *row, const char *text,
                                struct arena *arena)
{
    struct reply reply;
    char credential[CREDENTIAL_BYTES];
    const char *actor = arena_printf(arena, "contact %s", row->contact);
    (void)credential_of(message, credential);
    reply_bound(row, "mqtt", text, arena, &reply);
    struct input *input = heap_alloc(sizeof(*input) + reply_input_bytes(&reply, actor, credential));
    reply_input_fill(input, INPUT_REPLY, &reply, actor, credential, (char *)(input + 1));
    input->release = release;
    return input;
}

int mqtt_replies_take(struct mqtt_replies *replies, const struct mqtt_message *message,
                      struct input **out_input, struct err *err)
{
    struct arena arena;
    struct said said = {.token = NULL};
    struct notification_row row;
    bool is_recorded = false;
    struct store_reader *reader;
    arena_init(&arena);
    int result = read_payload(message, &arena, &said, err);
    reader = result == 0 ? reader_of(replies, message->broker, err) : NULL;
    if (reader == NULL || bind(replies, reader, message, said.token, &arena, &row, err) != 0) {
        result = -1;
    } else if (was_recorded(replies, reader, message, row.incident, &is_recorded, err) != 0) {
        err->code = ERR_BUSY;
        result = -1;
    } else {
        *out_input = is_recorded ? NULL : make_input(message, &row, said.text, &arena);
    }
    arena_clear(&arena);
    return result;
}

struct mqtt_replies *mqtt_replies_create(const struct mqtt_replies_options *options)
{
    struct mqtt_replies *replies = heap_alloc(sizeof(*replies));
    replies->options = *options;
    ASSERT(pthread_mutex_init(&replies->readers_lock, NULL) == 0);
    return replies;
}

void mqtt_replies_destroy(struct mqtt_replies *replies)
{
    if (replies == NULL)
        return;
    for (size_t i = 0; i < sizeof(replies->readers) / sizeof(replies->readers[0]); i++) {
        store_reader_close(replies->readers[i].reader);
        free(replies->readers[i].broker);
    }
    (void)pthread_mutex_destroy(&replies->readers_lock);
    free(replies);
}

#include "gateway/engine/shared_item.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/base/json.h"

/* One input that was read: its texts are those of the JSON tree. */
struct read_input {
    struct input input;
    struct json *root;
    struct label labels[EVENT_LABELS_MAX];
    unsigned char *bytes; /* of what is unusable; NULL: none */
};

struct kind_word {
    const char *word;
    enum input_kind kind;
};

static const struct kind_word kind_words[] = {
    {.word = "event", .kind = INPUT_EVENT},           {.word = "reply", .kind = INPUT_REPLY},
    {.word = "command", .kind = INPUT_COMMAND},       {.word = "receipt", .kind = INPUT_RECEIPT},
    {.word = "quarantine", .kind = INPUT_QUARANTINE},
};

enum { KIND_WORD_COUNT = sizeof(kind_words) / sizeof(kind_words[0]) };

bool shared_item_fits(enum input_kind kind)
{
    for (size_t i = 0; i < KIND_WORD_COUNT; i++) {
        if (kind_words[i].kind == kind) {
            return true;
        }
    }
    return false;
}

/* Writing. */

static void write_event(struct json_out *out, const struct event *event)
{
    json_add_string(out, "action", event_action_name(event->action));
    json_add_string(out, "severity", severity_name(event->severity));
    json_add_string(out, "source", event->source);
    json_add_string(out, "key", event->key);
    json_add_string(out, "summary", event->summary);
    json_add_object_begin(out, "labels");
    for (size_t i = 0; i < event->label_count; i++) {
        json_add_string(out, event->labels[i].name, event->labels[i].value);
    }
    json_add_object_end(out);
    json_add_string(out, "details", event->details);
    json_add_string(out, "links", event->links);
    json_add_integer(out, "at_ms", event->at_ms);
    if (event->action == EVENT_HEARTBEAT) {
        json_add_string(out, "signal", heartbeat_signal_name(event->signal));
        json_add_string(out, "run", event->run_or_null != NULL ? event->run_or_null : "");
        json_add_integer(out, "exit_status", event->exit_status);
    }
}

/* What only replies by address have; absent where it is NULL. */
static void write_address(struct json_out *out, const struct reply *reply)
{
    if (reply->address_or_null == NULL) {
        return;
    }
    json_add_string(out, "address", reply->address_or_null);
    json_add_string(out, "code", reply->code_or_null != NULL ? reply->code_or_null : "");
    json_add_integer(out, "incident_else", (int64_t)reply->incident_else);
}

static void write_reply(struct json_out *out, const struct reply *reply)
{
    json_add_string(out, "from", reply->from);
    json_add_string(out, "via", reply->via);
    json_add_integer(out, "notification", (int64_t)reply->notification);
    json_add_integer(out, "incident", (int64_t)reply->incident);
    json_add_string(out, "raw", reply->raw);
    json_add_integer(out, "said_at_ms", reply->said_at_ms);
    write_address(out, reply);
    if (reply->message_id_or_null != NULL) {
        json_add_string(out, "message_id", reply->message_id_or_null);
    }
    if (reply->report_or_null != NULL) {
        json_add_string(out, "report", reply->report_or_null);
    }
    json_add_array_begin(out, "commands");
    for (size_t i = 0; i < reply->command_count; i++) {
        const struct reply_command *command = &reply->commands[i];
        json_add_object_begin(out, NULL);
        json_add_string(out, "verb", verb_name(command->verb));
        json_add_string(out, "text", command->text);
        json_add_integer(out, "duration_ms", command->duration_ms);
        json_add_integer(out, "clock_minute", command->clock_minute);
        json_add_integer(out, "at_ms", command->at_ms);
        json_add_integer(out, "priority", command->priority);
        json_add_bool(out, "answers_page", command->answers_page);
        if (command->from_at_ms != 0) {
            json_add_integer(out, "from_at_ms", command->from_at_ms);
        }
        if (command->match_or_null != NULL) {
            json_add_string(out, "match", command->match_or_null);
        }
        json_add_object_end(out);
    }
    json_add_array_end(out);
}

static void write_receipt(struct json_out *out, const struct receipt *receipt)
{
    json_add_integer(out, "notification", (int64_t)receipt->notification);
    json_add_string(out, "channel", receipt->channel);
    json_add_string(out, "provider_id", receipt->provider_id);
    json_add_bool(out, "delivered", receipt->delivered);
    json_add_bool(out, "underway", receipt->is_underway);
    json_add_string(out, "reason", receipt->reason);
}

/* The bytes may be anything, so that they stand as hexadecimal digits. */
static void write_unusable(struct json_out *out, const struct unusable *unusable)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = unusable->bytes;
    ASSERT(unusable->byte_count <= QUARANTINE_BYTES_MAX);
    char *hex = heap_alloc(unusable->byte_count * 2 + 1);
    for (size_t i = 0; i < unusable->byte_count; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    json_add_string(out, "source", unusable->source);
    json_add_string(out, "origin", unusable->origin);
    json_add_string(out, "reason", unusable->reason);
    json_add_string(out, "bytes", hex);
    json_add_integer(out, "size", (int64_t)unusable->size);
    free(hex);
}

static const char *word_of(enum input_kind kind)
{
    for (size_t i = 0; i < KIND_WORD_COUNT; i++) {
        if (kind_words[i].kind == kind) {
            return kind_words[i].word;
        }
    }
    return "";
}

static bool has_report(const struct input *input)
{
    return input->kind == INPUT_COMMAND && input->u.reply.report_or_null != NULL;
}

/* The lowest that can read it, so that a node of an older program still reads the rest. */
static int version_of(const struct input *input)
{
    if (has_report(input)) {
        return SHARED_ITEM_VERSION_SAID;
    }
    bool is_said = input->kind == INPUT_REPLY || input->kind == INPUT_COMMAND;
    for (size_t i = 0; is_said && i < input->u.reply.command_count; i++) {
        enum verb verb = input->u.reply.commands[i].verb;
        if (input->u.reply.commands[i].from_at_ms != 0) {
            return SHARED_ITEM_VERSION;
        }
        if (verb == VERB_SILENCE || verb == VERB_UNSILENCE) {
            return SHARED_ITEM_VERSION_SAID;
        }
    }
    return SHARED_ITEM_VERSION_PLAIN;
}

int shared_item_encode(const struct input *input, struct strbuf *buf, struct err *err)
{
    struct json_out out;
    ASSERT(shared_item_fits(input->kind));
    json_out_begin(&out, buf);
    json_add_object_begin(&out, NULL);
    json_add_integer(&out, "version", version_of(input));
    json_add_string(&out, "kind", word_of(input->kind));
    json_add_string(&out, "actor", input->actor);
    json_add_string(&out, "credential", input->credential);
    if (input->kind == INPUT_EVENT) {
        write_event(&out, &input->u.event);
    } else if (input->kind == INPUT_RECEIPT) {
        write_receipt(&out, &input->u.receipt);
    } else if (input->kind == INPUT_QUARANTINE) {
        write_unusable(&out, &input->u.unusable);
    } else {
        write_reply(&out, &input->u.reply);
    }
    json_add_object_end(&out);
    return buf->overflowed ? err_set(err, ERR_TOO_LARGE, "%s: more than %d bytes as JSON",
                                     word_of(input->kind), SHARED_ITEM_BYTES_MAX)
                           : 0;
}

/* Reading. */

static int bad(struct err *err, const char *what, const char *got)
{
    return err_set(err, ERR_CORRUPT, "shared inbox: got %s '%.80s', which nobody writes", what,
                   got);
}

/* Nodes of an earlier version wrote none: then it is a success. */
static int read_heartbeat(const struct json *root, struct event *event, struct err *err)
{
    const struct json *signal = json_get(root, "signal");
    int64_t exit_status = json_integer(json_get(root, "exit_status"));
    if (signal != NULL && heartbeat_signal_parse(json_string(signal), &event->signal) != 0) {
        return bad(err, "signal", json_string(signal));
    }
    event->run_or_null = json_string(json_get(root, "run"));
    event->exit_status = exit_status >= 0 && exit_status <= 255 ? (int32_t)exit_status : 0;
    return 0;
}

static int read_event(struct read_input *read, struct err *err)
{
    const struct json *root = read->root;
    struct event *event = &read->input.u.event;
    const char *action = json_string(json_get(root, "action"));
    const char *severity = json_string(json_get(root, "severity"));
    const char *name = NULL;
    const struct json *value = NULL;
    if (event_action_parse(action, &event->action) != 0) {
        return bad(err, "action", action);
    }
    if (severity_parse(severity, &event->severity) != 0) {
        return bad(err, "severity", severity);
    }
    event->source = json_string(json_get(root, "source"));
    event->key = json_string(json_get(root, "key"));
    event->summary = json_string(json_get(root, "summary"));
    event->details = json_string(json_get(root, "details"));
    event->links = json_string(json_get(root, "links"));
    event->at_ms = json_integer(json_get(root, "at_ms"));
    for (void *position = NULL; json_next(json_get(root, "labels"), &position, &name, &value);) {
        if (event->label_count == EVENT_LABELS_MAX) {
            return err_set(err, ERR_TOO_LARGE, "shared inbox: an event with more than %d labels",
                           EVENT_LABELS_MAX);
        }
        read->labels[event->label_count++] =
            (struct label){.name = name, .value = json_string(value)};
    }
    event->labels = read->labels;
    return read_heartbeat(root, event, err);
}

static int read_number(const struct json *root, const char *name, int64_t least, int64_t most,
                       int64_t *out_number, struct err *err)
{
    const struct json *value = json_get(root, name);
    int64_t number = json_integer(value);
    if (json_kind(value) != JSON_INTEGER || number < least || number > most) {
        return err_set(err, ERR_CORRUPT, "shared inbox: %s: got %s, want a number %lld..%lld", name,
                       json_kind(value) == JSON_INTEGER ? "one out of range"
                                                        : json_kind_name(json_kind(value)),
                       (long long)least, (long long)most);
    }
    *out_number = number;
    return 0;
}

/* NULL where the text is absent. */
static const char *read_or_null(const struct json *root, const char *name)
{
    const struct json *value = json_get(root, name);
    return json_kind(value) == JSON_STRING ? json_string(value) : NULL;
}

static int read_command(const struct json *object, struct reply_command *command, struct err *err)
{
    enum { MINUTES_A_DAY = 1440, PRIORITY_MAX = 5 };
    const char *verb = json_string(json_get(object, "verb"));
    int64_t minute = 0;
    int64_t priority = 0;
    if (verb_parse(verb, &command->verb) != 0) {
        return bad(err, "verb", verb);
    }
    if (read_number(object, "duration_ms", 0, INT64_MAX, &command->duration_ms, err) != 0 ||
        read_number(object, "at_ms", 0, INT64_MAX, &command->at_ms, err) != 0 ||
        read_number(object, "clock_minute", -1, MINUTES_A_DAY - 1, &minute, err) != 0 ||
        read_number(object, "priority", 0, PRIORITY_MAX, &priority, err) != 0 ||
        (json_get(object, "from_at_ms") != NULL &&
         read_number(object, "from_at_ms", 0, INT64_MAX, &command->from_at_ms, err) != 0)) {
        return -1;
    }
    command->text = json_string(json_get(object, "text"));
    command->match_or_null = read_or_null(object, "match");
    command->clock_minute = (int)minute;
    command->priority = (int)priority;
    command->answers_page = json_bool(json_get(object, "answers_page"));
    return 0;
}

static int read_address(const struct json *root, struct reply *reply, struct err *err)
{
    int64_t incident_else = 0;
    reply->message_id_or_null = read_or_null(root, "message_id");
    reply->address_or_null = read_or_null(root, "address");
    if (reply->address_or_null == NULL) {
        return 0;
    }
    reply->code_or_null = read_or_null(root, "code");
    if (read_number(root, "incident_else", 0, INT64_MAX, &incident_else, err) != 0) {
        return -1;
    }
    reply->incident_else = (uint64_t)incident_else;
    return 0;
}

static int read_reply(struct read_input *read, struct err *err)
{
    const struct json *root = read->root;
    const struct json *commands = json_get(root, "commands");
    struct reply *reply = &read->input.u.reply;
    int64_t notification = 0;
    int64_t incident = 0;
    if (read_number(root, "notification", 0, INT64_MAX, &notification, err) != 0 ||
        read_number(root, "incident", 0, INT64_MAX, &incident, err) != 0 ||
        read_number(root, "said_at_ms", 0, INT64_MAX, &reply->said_at_ms, err) != 0) {
        return -1;
    }
    if (json_kind(commands) != JSON_ARRAY || json_count(commands) > REPLY_COMMANDS_MAX) {
        return err_set(err, ERR_CORRUPT, "shared inbox: commands: want an array of at most %d",
                       REPLY_COMMANDS_MAX);
    }
    reply->notification = (uint64_t)notification;
    reply->incident = (uint64_t)incident;
    reply->from = json_string(json_get(root, "from"));
    reply->via = json_string(json_get(root, "via"));
    reply->raw = json_string(json_get(root, "raw"));
    reply->report_or_null = read_or_null(root, "report");
    if (read_address(root, reply, err) != 0) {
        return -1;
    }
    reply->command_count = json_count(commands);
    for (size_t i = 0; i < reply->command_count; i++) {
        if (read_command(json_at(commands, i), &reply->commands[i], err) != 0) {
            return -1;
        }
    }
    return 0;
}

static int read_receipt(struct read_input *read, struct err *err)
{
    const struct json *root = read->root;
    struct receipt *receipt = &read->input.u.receipt;
    int64_t notification = 0;
    if (read_number(root, "notification", 0, INT64_MAX, &notification, err) != 0) {
        return -1;
    }
    if (json_kind(json_get(root, "delivered")) != JSON_BOOL) {
        return err_set(err, ERR_CORRUPT, "shared inbox: delivered: want true or false");
    }
    receipt->notification = (uint64_t)notification;
    receipt->channel = json_string(json_get(root, "channel"));
    receipt->provider_id = json_string(json_get(root, "provider_id"));
    receipt->delivered = json_bool(json_get(root, "delivered"));
    receipt->is_underway = json_bool(json_get(root, "underway"));
    receipt->reason = json_string(json_get(root, "reason"));
    return 0;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static int read_unusable(struct read_input *read, struct err *err)
{
    const struct json *root = read->root;
    const struct json *value = json_get(root, "bytes");
    const char *hex = json_string(value);
    size_t digit_count = json_string_length(value);
    struct unusable *unusable = &read->input.u.unusable;
    int64_t size = 0;
    if (read_number(root, "size", 0, INT64_MAX, &size, err) != 0) {
        return -1;
    }
    if (json_kind(value) != JSON_STRING || digit_count % 2 != 0 ||
        digit_count / 2 > QUARANTINE_BYTES_MAX) {
        return err_set(err, ERR_CORRUPT, "shared inbox: bytes: want at most %d as hexadecimal",
                       QUARANTINE_BYTES_MAX);
    }
    read->bytes = heap_alloc(digit_count / 2 + 1);
    for (size_t i = 0; i < digit_count / 2; i++) {
        int high = hex_value(hex[2 * i]);
        int low = hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            return bad(err, "bytes", hex);
        }
        read->bytes[i] = (unsigned char)(high * 16 + low);
    }
    *unusable = (struct unusable){.source = json_string(json_get(root, "source")),
                                  .origin = json_string(json_get(root, "origin")),
                                  .reason = json_string(json_get(root, "reason")),
                                  .bytes = read->bytes,
                                  .byte_count = digit_count / 2,
                                  .size = (uint64_t)size};
    return 0;
}

/* By the kind that was read. */
static int read_fields(struct read_input *read, struct err *err)
{
    if (read->input.kind == INPUT_EVENT) {
        return read_event(read, err);
    }
    if (read->input.kind == INPUT_RECEIPT) {
        return read_receipt(read, err);
    }
    return read->input.kind == INPUT_QUARANTINE ? read_unusable(read, err) : read_reply(read, err);
}

static int check_version(const struct json *root, struct err *err)
{
    const struct json *value = json_get(root, "version");
    int64_t version = json_integer(value);
    if (value == NULL) {
        return 0;
    }
    if (json_kind(value) != JSON_INTEGER || version < 1) {
        return bad(err, "version", json_string(value));
    }
    return version <= SHARED_ITEM_VERSION
               ? 0
               : err_set(err, ERR_BUSY,
                         "shared inbox: an item of version %lld, this program reads up to %d",
                         (long long)version, SHARED_ITEM_VERSION);
}

static int read_all(struct read_input *read, const struct store_inbox_item *item, struct err *err)
{
    if (json_parse(item->bytes, item->count, &read->root, err) != 0) {
        return err_wrap(err, "shared inbox");
    }
    const struct json *root = read->root;
    if (json_kind(root) != JSON_OBJECT) {
        return bad(err, "a value of kind", json_kind_name(json_kind(root)));
    }
    if (check_version(root, err) != 0) {
        return -1;
    }
    read->input.actor = json_string(json_get(root, "actor"));
    read->input.credential = json_string(json_get(root, "credential"));
    const char *word = json_string(json_get(root, "kind"));
    for (size_t i = 0; i < KIND_WORD_COUNT; i++) {
        if (text_equal(kind_words[i].word, word)) {
            read->input.kind = kind_words[i].kind;
            return read_fields(read, err);
        }
    }
    return bad(err, "kind", word);
}

static void release(struct input *input)
{
    struct read_input *read = (struct read_input *)input;
    json_free(read->root);
    free(read->bytes);
    free(read);
}

int shared_item_decode(const struct store_inbox_item *item, struct input **out_input,
                       struct err *err)
{
    struct read_input *read = heap_alloc(sizeof(*read));
    read->input.release = release;
    read->input.inbox_sequence = item->sequence;
    memcpy(read->input.id, item->id, sizeof(read->input.id));
    if (read_all(read, item, err) != 0) {
        release(&read->input);
        return -1;
    }
    *out_input = &read->input;
    return 0;
}

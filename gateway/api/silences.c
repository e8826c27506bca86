/* Silences: made, listed, ended. */
#include <string.h>

#include "gateway/api/api_internal.h"
#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"
#include "gateway/base/when.h"
#include "policies/suppression.h"

static void write_row(struct json_out *out, const struct silence_row *row, int64_t now_ms)
{
    json_add_object_begin(out, NULL);
    json_add_integer(out, "id", (int64_t)row->id);
    json_add_bool(out, "holds", row->ended_at_ms == 0 && row->from_ms <= now_ms);
    json_add_string(out, "match", row->match);
    json_add_string(out, "reason", row->reason);
    json_add_string(out, "author", row->author);
    json_add_time(out, "from", row->from_ms);
    json_add_time(out, "until", row->until_ms);
    if (row->ended_at_ms != 0) {
        json_add_time(out, "ended_at", row->ended_at_ms);
        json_add_string(out, "ended_by", row->ended_by);
    }
    json_add_object_end(out);
}

static void read_silences(struct api *api, struct store_reader *reader,
                          struct http_request *request)
{
    (void)api; /* the store has it all */
    struct err err = {0};
    size_t limit, count;
    uint64_t before;
    struct silence_row *rows;
    bool held_only = !text_equal(http_query(request, "state"), "all");
    if (!api_read_page(request, &limit, &before))
        return;
    if (store_read_silences(reader, held_only, before, limit, http_arena(request), &rows, &count,
                            &err) != 0) {
        api_error_of(request, &err);
        return;
    }
    struct strbuf text;
    struct json_out out;
    strbuf_init(&text, API_ANSWER_BYTES_MAX);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    json_add_array_begin(&out, "silences");
    for (size_t i = 0; i < count; i++)
        write_row(&out, &rows[i], clock_wall_ms());
    json_add_array_end(&out);
    if (count == limit)
        json_add_integer(&out, "before", (int64_t)rows[count - 1].id);
    json_add_object_end(&out);
    api_answer_json(request, &text);
}

static void handle_silences(void *self, struct http_request *request)
{
    api_read_if_allowed(self, request, read_silences);
}

struct span { /* as written; "" where it is not given */
    const char *from, *until;
};

/* One member of the body; unknown ones are refused by name. */
static int read_member(struct api *api, const char *key, const struct json *value,
                       struct reply *reply, struct span *out_span, struct err *err)
{
    struct reply_command *command = &reply->commands[0];
    if (json_kind(value) != JSON_STRING || json_string_length(value) > SILENCE_TEXT_BYTES_MAX)
        return err_set(err, ERR_INVALID, "%s: got %s, want a text of at most %d bytes", key,
                       json_kind_name(json_kind(value)), SILENCE_TEXT_BYTES_MAX);
    const char *text = json_string(value);
    if (text_equal(key, "match")) {
        command->match_or_null = text;
    } else if (text_equal(key, "reason")) {
        command->text = text;
    } else if (text_equal(key, "for")) {
        if (parse_duration(text, 1000, SILENCE_LONGEST_MS, &command->duration_ms, err) != 0)
            return err_wrap(err, "for");
    } else if (text_equal(key, "until")) {
        out_span->until = text;
    } else if (text_equal(key, "from")) {
        out_span->from = text;
    } else if (text_equal(key, "as")) {
        struct config *config = api_config(api);
        bool known = rulebook_contact(&config->rulebook, text) != NULL;
        config_release(config);
        if (!known)
            return err_set(err, ERR_INVALID, "as: no contact '%s'", text);
        reply->from = text;
    } else {
        return err_set(err, ERR_INVALID,
                       "unknown field '%s', want match, from, for or until, reason, as", key);
    }
    return 0;
}

/* Times of day are in the zone of whom the silence is made for, else the site's; of the end the next one after the start. */
static int read_span(struct api *api, const struct span *span, struct reply *reply, struct err *err)
{
    struct config *config = api_config(api);
    const struct contact *contact = rulebook_contact(&config->rulebook, reply->from);
    int64_t now_ms = clock_wall_ms();
    struct when when = {.now_ms = now_ms,
                        .after_ms = now_ms,
                        .zone = contact != NULL ? contact->zone : config->rulebook.zone};
    struct reply_command *command = &reply->commands[0];
    int verdict = 0;
    if (span->from[0] != '\0' && when_parse(span->from, &when, &command->from_at_ms, err) != 0)
        verdict = err_wrap(err, "from");
    if (command->from_at_ms > now_ms)
        when.after_ms = command->from_at_ms;
    if (verdict == 0 && span->until[0] != '\0' &&
        when_parse(span->until, &when, &command->at_ms, err) != 0)
        verdict = err_wrap(err, "until");
    config_release(config);
    return verdict;
}

static int read_body(struct api *api, const struct json *body, struct reply *reply, struct err *err)
{
    struct reply_command *command = &reply->commands[0];
    void *position = NULL;
    const char *key;
    const struct json *value;
    struct span span = {.from = "", .until = ""};
    if (json_kind(body) != JSON_OBJECT)
        return err_set(err, ERR_INVALID, "got %s, want a JSON object",
                       json_kind_name(json_kind(body)));
    while (json_next(body, &position, &key, &value)) {
        if (read_member(api, key, value, reply, &span, err) != 0)
            return -1;
    }
    if (command->match_or_null == NULL || command->match_or_null[0] == '\0')
        return err_set(err, ERR_INVALID, "match is missing (want matchers like service=\"shop\")");
    if ((command->duration_ms == 0) == (span.until[0] == '\0'))
        return err_set(err, ERR_INVALID, "want one of for (2h) and until (+2h, 14:30, RFC 3339)");
    return read_span(api, &span, reply, err);
}

static void answered(struct http_request *request, const struct answer *answer)
{
    static const int statuses[ANSWER_STATUS_COUNT] = {
        [ANSWER_DONE] = 200, [ANSWER_REFUSED] = 409,   [ANSWER_UNKNOWN] = 404,  [ANSWER_BUSY] = 503,
        [ANSWER_FULL] = 503, [ANSWER_OVERLIMIT] = 429, [ANSWER_RECORDED] = 202,
    };
    bool taken = answer->status == ANSWER_DONE || answer->status == ANSWER_RECORDED;
    struct strbuf text;
    struct json_out out;
    strbuf_init(&text, 16384);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    if (taken)
        json_add_string(&out, "status", answer->status == ANSWER_DONE ? "done" : "recorded");
    if (answer->silence != 0)
        json_add_integer(&out, "silence", (int64_t)answer->silence);
    json_add_string(&out, taken ? "text" : "error", answer->text);
    json_add_object_end(&out);
    const struct http_response response = {
        .status = statuses[answer->status],
        .body = strbuf_text(&text),
        .body_count = text.length,
        .retry_after = statuses[answer->status] == 503 ? "1" : NULL,
    };
    http_answer(request, &response);
    strbuf_clear(&text);
}

static void handle_silence(void *self, struct http_request *request)
{
    struct api *api = self;
    struct api_caller caller;
    if (!api_authorize(api, request, true, &caller))
        return;
    size_t count;
    const char *bytes = http_body(request, &count);
    struct json *body = NULL;
    struct err err = {0};
    struct reply reply = {.from = "", .via = caller.via, .raw = "", .command_count = 1};
    reply.commands[0] =
        (struct reply_command){.verb = VERB_SILENCE, .text = "", .clock_minute = -1};
    if (json_parse(bytes, count, &body, &err) != 0 || read_body(api, body, &reply, &err) != 0) {
        http_answer_error(request, 400, "%s", err.text);
    } else {
        reply.raw = arena_strndup(http_arena(request), bytes, count);
        http_defer(request);
        api_submit(api, request, INPUT_COMMAND, &reply, &caller, answered);
    }
    json_free(body);
}

static void handle_end(void *self, struct http_request *request)
{
    struct api *api = self;
    struct api_caller caller;
    if (!api_authorize(api, request, true, &caller))
        return;
    const char *number =
        arena_printf(http_arena(request), "%llu", (unsigned long long)http_path_number(request));
    struct reply reply = {.from = "", .via = caller.via, .raw = "", .command_count = 1};
    reply.commands[0] = (struct reply_command){
        .verb = VERB_UNSILENCE, .text = "", .match_or_null = number, .clock_minute = -1};
    http_defer(request);
    api_submit(api, request, INPUT_COMMAND, &reply, &caller, answered);
}

int api_register_silences(struct api *api, struct http_server *server, struct err *err)
{
    const struct http_route routes[] = {
        {.method = HTTP_GET, .path = "/v1/silences", .handle = handle_silences, .self = api},
        {.method = HTTP_POST,
         .path = "/v1/silences",
         .handle = handle_silence,
         .self = api,
         .body_bytes_max = API_BODY_BYTES_MAX},
        {.method = HTTP_DELETE, .path = "/v1/silences/{n}", .handle = handle_end, .self = api},
        {.method = HTTP_POST, .path = "/v1/silences/{n}/end", .handle = handle_end, .self = api},
    };
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (http_server_route(server, &routes[i], err) != 0)
            return -1;
    return 0;
}

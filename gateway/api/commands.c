/* Writing: POST /v1/incidents/N/VERB with a small JSON object becomes one INPUT_COMMAND; so does POST /v1/incidents, by which
 * somebody reports what no monitor has said yet. */
#include <string.h>

#include "gateway/api/api_internal.h"
#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "policies/report.h"

enum {
    TEXT_BYTES_MAX = 4096,
    ETA_MAX_DAYS = 366,
};

static const int64_t eta_longest_ms = (int64_t)ETA_MAX_DAYS * 86400000;

struct command_route {
    const char *path;
    enum verb verb;
};

static const struct command_route command_routes[] = {
    {"/v1/incidents/{n}/ack", VERB_ACK},           {"/v1/incidents/{n}/resolve", VERB_RESOLVE},
    {"/v1/incidents/{n}/escalate", VERB_ESCALATE}, {"/v1/incidents/{n}/pass", VERB_PASS},
    {"/v1/incidents/{n}/take", VERB_TAKE},         {"/v1/incidents/{n}/snooze", VERB_SNOOZE},
    {"/v1/incidents/{n}/notes", VERB_NOTE},        {"/v1/incidents/{n}/repolicy", VERB_REPOLICY},
    {"/v1/incidents/{n}/updates", VERB_WHAT},
};

static struct reply_command *add_command(struct reply *reply, enum verb verb)
{
    struct reply_command *command = &reply->commands[reply->command_count++];
    *command = (struct reply_command){.verb = verb, .text = "", .clock_minute = -1};
    return command;
}

static int set_eta(struct reply_command *command, const char *text, struct err *err)
{
    if (parse_duration(text, 1000, eta_longest_ms, &command->duration_ms, NULL) == 0 ||
        parse_rfc3339(text, &command->at_ms, NULL) == 0 ||
        parse_clock(text, &command->clock_minute))
        return 0;
    return err_set(err, ERR_INVALID,
                   "eta: got '%s', want a duration like 45m, a time like 14:30 or RFC 3339", text);
}

/* One member of the body; unknown ones are refused by name. */
static int add_member(struct reply *reply, const char *key, const struct json *value,
                      struct err *err)
{
    static const struct {
        const char *key;
        enum verb verb;
    } texts[] = {{"note", VERB_NOTE},         {"cause", VERB_CAUSE},  {"loss", VERB_LOSS},
                 {"restored", VERB_RESTORED}, {"what", VERB_WHAT},    {"doing", VERB_DOING},
                 {"avoid", VERB_AVOID},       {"reject", VERB_REJECT}};
    if (text_equal(key, "known") || text_equal(key, "approve")) {
        if (json_kind(value) != JSON_BOOL)
            return err_set(err, ERR_INVALID, "%s: got %s, want true or false", key,
                           json_kind_name(json_kind(value)));
        if (json_bool(value))
            add_command(reply, text_equal(key, "known") ? VERB_KNOWN : VERB_APPROVE);
        return 0;
    }
    if (text_equal(key, "priority")) {
        int64_t priority = json_integer(value);
        if (json_kind(value) != JSON_INTEGER || priority < 1 || priority > 5)
            return err_set(err, ERR_INVALID, "priority: want a number from 1 to 5");
        add_command(reply, VERB_PRIORITY)->priority = (int)priority;
        return 0;
    }
    if (json_kind(value) != JSON_STRING || json_string_length(value) > TEXT_BYTES_MAX)
        return err_set(err, ERR_INVALID, "%s: got %s, want a text of at most %d bytes", key,
                       json_kind_name(json_kind(value)), TEXT_BYTES_MAX);
    if (text_equal(key, "eta"))
        return set_eta(add_command(reply, VERB_ETA), json_string(value), err);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (text_equal(key, texts[i].key)) {
            add_command(reply, texts[i].verb)->text = json_string(value);
            return 0;
        }
    }
    return err_set(
        err, ERR_INVALID,
        "unknown field '%s', want eta, known, priority, cause, loss, restored, note, what, doing, "
        "avoid, approve, reject or as",
        key);
}

static int add_body(struct api *api, struct reply *reply, const struct json *body, struct err *err)
{
    void *position = NULL;
    const char *key;
    const struct json *value;
    while (json_next(body, &position, &key, &value)) {
        if (reply->report_or_null != NULL && report_has_member(key))
            continue;
        if (reply->command_count == REPLY_COMMANDS_MAX)
            return err_set(err, ERR_INVALID, "more than %d fields", REPLY_COMMANDS_MAX - 1);
        if (!text_equal(key, "as")) {
            if (add_member(reply, key, value, err) != 0)
                return -1;
            continue;
        }
        struct config *config = api_config(api);
        const struct contact *contact = rulebook_contact(&config->rulebook, json_string(value));
        config_release(config);
        if (contact == NULL)
            return err_set(err, ERR_INVALID, "as: no contact '%s'", json_string(value));
        reply->from = json_string(value);
    }
    return 0;
}

/* Parts and decisions, without the verb that the path stands for. */
static int check_update(struct reply *reply, struct err *err)
{
    for (size_t i = 1; i < reply->command_count; i++) {
        enum verb verb = reply->commands[i].verb;
        if (verb != VERB_WHAT && verb != VERB_DOING && verb != VERB_AVOID && verb != VERB_APPROVE &&
            verb != VERB_REJECT)
            return err_set(err, ERR_INVALID, "%s: an update has no such field", verb_name(verb));
    }
    if (reply->command_count < 2)
        return err_set(err, ERR_INVALID,
                       "an update needs \"what\", \"doing\" or \"avoid\": its parts; or "
                       "\"approve\": true, or \"reject\": why");
    reply->command_count--;
    memmove(&reply->commands[0], &reply->commands[1],
            reply->command_count * sizeof(reply->commands[0]));
    return 0;
}

/* `snooze` takes its ETA as its own argument, and a note is nothing but its text. */
static int check_shape(struct reply *reply, enum verb verb, struct err *err)
{
    if (verb == VERB_WHAT)
        return check_update(reply, err);
    if (verb == VERB_SNOOZE) {
        for (size_t i = 1; i < reply->command_count; i++) {
            if (reply->commands[i].verb != VERB_ETA)
                continue;
            reply->commands[0].duration_ms = reply->commands[i].duration_ms;
            reply->commands[0].clock_minute = reply->commands[i].clock_minute;
            reply->commands[0].at_ms = reply->commands[i].at_ms;
            reply->command_count--;
            memmove(&reply->commands[i], &reply->commands[i + 1],
                    (reply->command_count - i) * sizeof(reply->commands[0]));
            return 0;
        }
        return err_set(err, ERR_INVALID, "snooze needs \"eta\": for how long, like 30m");
    }
    if (verb == VERB_NOTE) {
        if (reply->command_count != 2 || reply->commands[1].verb != VERB_NOTE)
            return err_set(err, ERR_INVALID, "a note needs exactly \"note\": its text");
        reply->commands[0] = reply->commands[1];
        reply->command_count = 1;
    }
    return 0;
}

void api_answer_command(struct http_request *request, const struct answer *answer)
{
    static const int statuses[ANSWER_STATUS_COUNT] = {
        [ANSWER_DONE] = 200, [ANSWER_REFUSED] = 409,   [ANSWER_UNKNOWN] = 404,  [ANSWER_BUSY] = 503,
        [ANSWER_FULL] = 503, [ANSWER_OVERLIMIT] = 429, [ANSWER_RECORDED] = 202,
    };
    struct strbuf text;
    struct json_out out;
    strbuf_init(&text, 16384);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    if (answer->status == ANSWER_DONE) {
        json_add_string(&out, "status", "done");
        json_add_integer(&out, "incident", (int64_t)answer->incident);
        json_add_string(&out, "text", answer->text);
    } else if (answer->status == ANSWER_RECORDED) {
        json_add_string(&out, "status", "recorded");
        json_add_string(&out, "text", answer->text);
    } else {
        json_add_string(&out, "error", answer->text);
    }
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

static enum verb verb_of(const struct http_request *request)
{
    const char *path = http_path(request);
    const char *last = strrchr(path, '/');
    for (size_t i = 0; i < sizeof(command_routes) / sizeof(command_routes[0]); i++)
        if (text_equal(strrchr(command_routes[i].path, '/'), last))
            return command_routes[i].verb;
    return VERB_NONE;
}

static void handle_command(void *self, struct http_request *request)
{
    struct api *api = self;
    struct api_caller caller;
    if (!api_authorize(api, request, true, &caller))
        return;
    size_t count;
    const char *bytes = http_body(request, &count);
    struct json *body = NULL;
    struct err err = {0};
    enum verb verb = verb_of(request);
    struct reply reply = {
        .from = "", .via = caller.via, .raw = "", .incident = http_path_number(request)};
    add_command(&reply, verb);
    if (count > 0 && json_parse(bytes, count, &body, &err) != 0) {
        http_answer_error(request, 400, "%s", err.text);
        return;
    }
    if (body != NULL && json_kind(body) != JSON_OBJECT)
        (void)err_set(&err, ERR_INVALID, "got %s, want a JSON object",
                      json_kind_name(json_kind(body)));
    else if (body == NULL || add_body(api, &reply, body, &err) == 0)
        (void)check_shape(&reply, verb, &err);
    if (err.code != ERR_NONE) {
        http_answer_error(request, 400, "%s", err.text);
    } else {
        reply.raw = arena_strndup(http_arena(request), count > 0 ? bytes : "", count);
        http_defer(request);
        api_submit(api, request, INPUT_COMMAND, &reply, &caller, api_answer_command);
    }
    json_free(body);
}

/* The members of the body that say what is reported, as a text of their own. */
static int take_report(struct api *api, struct reply *reply, const struct json *body,
                       struct arena *arena, struct err *err)
{
    struct strbuf text;
    struct json_out out;
    struct report report;
    void *position = NULL;
    const char *key;
    const struct json *value;
    strbuf_init(&text, API_BODY_BYTES_MAX * 2);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    while (json_next(body, &position, &key, &value)) {
        struct strbuf one;
        strbuf_init(&one, API_BODY_BYTES_MAX * 2);
        if (report_has_member(key)) {
            json_write(value, &one);
            json_add_raw(&out, key, strbuf_text(&one));
        }
        strbuf_clear(&one);
    }
    json_add_object_end(&out);
    reply->report_or_null = arena_strndup(arena, strbuf_text(&text), text.length);
    strbuf_clear(&text);
    if (report_read(reply->report_or_null, arena, &report, err) != 0)
        return -1;
    struct config *config = api_config(api);
    const char *source = report.event.source;
    bool is_known = source[0] == '\0' || rulebook_source(&config->rulebook, source) != NULL;
    config_release(config);
    return is_known ? 0 : err_set(err, ERR_INVALID, "source: there is no [source %.80s]", source);
}

static void handle_report(void *self, struct http_request *request)
{
    struct api *api = self;
    struct api_caller caller;
    if (!api_authorize(api, request, true, &caller))
        return;
    size_t count;
    const char *bytes = http_body(request, &count);
    struct json *body = NULL;
    struct err err = {0};
    struct reply reply = {.from = "", .via = caller.via};
    add_command(&reply, VERB_KNOWN);
    if (json_parse(bytes, count, &body, &err) == 0 && json_kind(body) != JSON_OBJECT)
        (void)err_set(&err, ERR_INVALID, "got %s, want a JSON object with \"summary\"",
                      json_kind_name(json_kind(body)));
    else if (err.code == ERR_NONE && take_report(api, &reply, body, http_arena(request), &err) == 0)
        (void)add_body(api, &reply, body, &err);
    if (err.code != ERR_NONE) {
        http_answer_error(request, 400, "%s", err.text);
    } else {
        reply.raw = arena_strndup(http_arena(request), bytes, count);
        http_defer(request);
        api_submit(api, request, INPUT_COMMAND, &reply, &caller, api_answer_command);
    }
    json_free(body);
}

int api_register_commands(struct api *api, struct http_server *server, struct err *err)
{
    const struct http_route report = {.method = HTTP_POST,
                                      .path = "/v1/incidents",
                                      .handle = handle_report,
                                      .self = api,
                                      .body_bytes_max = API_BODY_BYTES_MAX};
    if (http_server_route(server, &report, err) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(command_routes) / sizeof(command_routes[0]); i++) {
        const struct http_route route = {.method = HTTP_POST,
                                         .path = command_routes[i].path,
                                         .handle = handle_command,
                                         .self = api,
                                         .body_bytes_max = API_BODY_BYTES_MAX};
        if (http_server_route(server, &route, err) != 0)
            return -1;
    }
    return 0;
}

/* Writing overrides: POST /v1/oncall/overrides, DELETE /v1/oncall/overrides/N. The engine reads the object and judges it. */
#include "gateway/api/api_internal.h"
#include "gateway/base/json.h"

enum { ANSWER_BYTES_MAX = 65536 };

static void answered(struct http_request *request, const struct answer *answer)
{
    static const int statuses[ANSWER_STATUS_COUNT] = {
        [ANSWER_DONE] = 200, [ANSWER_REFUSED] = 400,   [ANSWER_UNKNOWN] = 404,  [ANSWER_BUSY] = 503,
        [ANSWER_FULL] = 503, [ANSWER_OVERLIMIT] = 429, [ANSWER_RECORDED] = 202,
    };
    struct strbuf text;
    struct json_out out;
    int status = statuses[answer->status];
    strbuf_init(&text, ANSWER_BYTES_MAX);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    if (answer->status == ANSWER_DONE || answer->status == ANSWER_RECORDED) {
        json_add_string(&out, "status", answer->status == ANSWER_DONE ? "done" : "recorded");
        if (answer->status == ANSWER_DONE)
            json_add_integer(&out, "override", (int64_t)answer->incident);
        json_add_string(&out, "text", answer->text);
    } else {
        json_add_string(&out, "error", answer->text);
    }
    json_add_object_end(&out);
    const struct http_response response = {.status = status,
                                           .body = strbuf_text(&text),
                                           .body_count = text.length,
                                           .retry_after = status == 503 ? "1" : NULL};
    http_answer(request, &response);
    strbuf_clear(&text);
}

static void submit(struct api *api, struct http_request *request, const struct api_caller *caller,
                   const char *text)
{
    struct reply reply = {.from = "", .via = caller->via, .raw = text, .command_count = 1};
    reply.commands[0] =
        (struct reply_command){.verb = VERB_OVERRIDE, .text = text, .clock_minute = -1};
    http_defer(request);
    api_submit(api, request, INPUT_COMMAND, &reply, caller, answered);
}

static void handle_make(void *self, struct http_request *request)
{
    struct api_caller caller;
    size_t count = 0;
    const char *bytes = http_body(request, &count);
    struct json *body = NULL;
    struct err err = {0};
    if (!api_authorize(self, request, true, &caller))
        return;
    int verdict = json_parse(bytes, count, &body, &err);
    json_free(body);
    if (verdict != 0)
        http_answer_error(request, 400, "%s", err.text);
    else
        submit(self, request, &caller, arena_strndup(http_arena(request), bytes, count));
}

static void handle_remove(void *self, struct http_request *request)
{
    struct api_caller caller;
    if (api_authorize(self, request, true, &caller))
        submit(self, request, &caller,
               arena_printf(http_arena(request), "{\"remove\":%llu}",
                            (unsigned long long)http_path_number(request)));
}

int api_register_overrides(struct api *api, struct http_server *server, struct err *err)
{
    const struct http_route make = {.method = HTTP_POST,
                                    .path = "/v1/oncall/overrides",
                                    .handle = handle_make,
                                    .self = api,
                                    .body_bytes_max = API_BODY_BYTES_MAX};
    const struct http_route remove = {.method = HTTP_DELETE,
                                      .path = "/v1/oncall/overrides/{n}",
                                      .handle = handle_remove,
                                      .self = api};
    return http_server_route(server, &make, err) != 0 ||
                   http_server_route(server, &remove, err) != 0
               ? -1
               : 0;
}

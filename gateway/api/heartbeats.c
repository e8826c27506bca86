/* Jobs and devices that report by themselves: reading what is known of them, and forgetting one. */
#include <stdlib.h>
#include <string.h>

#include "gateway/api/api_internal.h"
#include "gateway/base/json.h"
#include "gateway/base/text.h"
#include "gateway/handoff/ticket.h"
#include "gateway/system/id.h"
#include "policies/heartbeat.h"

static void add_number_or_null(struct json_out *out, const char *key, int64_t number, bool is_known)
{
    if (is_known)
        json_add_integer(out, key, number);
    else
        json_add_null(out, key);
}

static void write_row(struct json_out *out, const struct heartbeat_row *row,
                      const struct rulebook *book)
{
    const struct source_rule *rule = rulebook_source(book, row->source);
    json_add_object_begin(out, NULL);
    json_add_string(out, "source", row->source);
    json_add_string(out, "key", row->key);
    json_add_string(out, "state", heartbeat_state_name(row->state));
    json_add_bool(out, "running", row->is_running);
    json_add_string(out, "run", row->run);
    json_add_time_or_null(out, "due_at", rule != NULL ? heartbeat_due_ms(row, rule) : 0);
    json_add_time_or_null(out, "first_at", row->first_at_ms);
    json_add_time_or_null(out, "seen_at", row->seen_at_ms);
    json_add_time_or_null(out, "success_at", row->success_at_ms);
    json_add_time_or_null(out, "started_at", row->started_at_ms);
    json_add_time_or_null(out, "failed_at", row->failed_at_ms);
    json_add_time_or_null(out, "missed_at", row->missed_at_ms);
    json_add_time_or_null(out, "gone_at", row->gone_at_ms);
    add_number_or_null(out, "duration_ms", row->duration_ms, row->duration_ms > 0);
    add_number_or_null(out, "exit_status", row->exit_status, row->exit_status >= 0);
    json_add_integer(out, "missed_count", row->missed_count);
    json_add_object_end(out);
}

/* after=SOURCE/KEY: a key may have slashes of its own, a source has none. */
static bool read_filter(struct http_request *request, struct heartbeat_filter *out_filter)
{
    uint64_t before = 0;
    const char *after = http_query(request, "after");
    size_t length = strcspn(after, "/");
    *out_filter =
        (struct heartbeat_filter){.source = http_query(request, "source"),
                                  .after_source = arena_strndup(http_arena(request), after, length),
                                  .after_key = after[length] == '/' ? after + length + 1 : ""};
    if (!api_read_page(request, &out_filter->limit, &before))
        return false;
    if (after[0] == '\0' || after[length] == '/')
        return true;
    http_answer_error(request, 400, "after: want SOURCE/KEY, as the answer before gave it");
    return false;
}

static void read_heartbeats(struct api *api, struct store_reader *reader,
                            struct http_request *request)
{
    struct err err = {0};
    struct heartbeat_filter filter;
    struct heartbeat_row *rows = NULL;
    size_t count = 0;
    struct strbuf text;
    struct json_out out;
    if (!read_filter(request, &filter))
        return;
    if (store_read_heartbeats(reader, &filter, http_arena(request), &rows, &count, &err) != 0) {
        api_error_of(request, &err);
        return;
    }
    struct config *config = api_config(api);
    strbuf_init(&text, API_ANSWER_BYTES_MAX);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    json_add_array_begin(&out, "heartbeats");
    for (size_t i = 0; i < count; i++)
        write_row(&out, &rows[i], &config->rulebook);
    json_add_array_end(&out);
    if (count == filter.limit)
        json_add_string(&out, "after",
                        arena_printf(http_arena(request), "%s/%s", rows[count - 1].source,
                                     rows[count - 1].key));
    json_add_object_end(&out);
    config_release(config);
    api_answer_json(request, &text);
}

static void handle_list(void *self, struct http_request *request)
{
    api_read_if_allowed(self, request, read_heartbeats);
}

/* One command on its way to the engine and back; freed by the engine's release, with its texts behind it. */
struct order {
    struct input input;
    struct ticket ticket;
    struct http_request *request;
    bool is_answered;
};

static void order_complete(struct ticket *ticket, uint32_t index, const struct answer *answer)
{
    (void)index; /* one input, one answer */
    struct order *order = (struct order *)((char *)ticket - offsetof(struct order, ticket));
    /* A node that stands by has an event in the store and knows nothing of what comes of it. */
    static const struct answer recorded = {
        .status = ANSWER_RECORDED, .text = "Recorded: the node that holds the engine forgets it."};
    bool is_told = answer->status != ANSWER_DONE || answer->text[0] != '\0';
    order->is_answered = true;
    api_answer_command(order->request, is_told ? answer : &recorded);
}

static void order_release(struct input *input)
{
    struct order *order = (struct order *)((char *)input - offsetof(struct order, input));
    const struct answer busy = {.status = ANSWER_BUSY,
                                .text = "the engine has ended; send it again"};
    if (!order->is_answered)
        api_answer_command(order->request, &busy);
    free(order);
}

static const char *put_text(char **place, const char *text)
{
    size_t size = strlen(text) + 1;
    const char *copy = memcpy(*place, text, size);
    *place += size;
    return copy;
}

static struct order *order_make(struct http_request *request, const struct api_caller *caller,
                                const char *source, const char *key)
{
    size_t bytes =
        strlen(caller->actor) + strlen(caller->credential) + strlen(source) + strlen(key) + 4;
    struct order *order = heap_alloc(sizeof(*order) + bytes);
    char *place = (char *)(order + 1);
    struct id id = id_make();
    order->request = request;
    order->ticket.complete = order_complete;
    order->input = (struct input){.kind = INPUT_EVENT,
                                  .ticket = &order->ticket,
                                  .actor = put_text(&place, caller->actor),
                                  .credential = put_text(&place, caller->credential),
                                  .release = order_release};
    order->input.u.event = (struct event){.action = EVENT_HEARTBEAT,
                                          .signal = HEARTBEAT_FORGET,
                                          .severity = SEVERITY_ERROR,
                                          .source = put_text(&place, source),
                                          .key = put_text(&place, key),
                                          .summary = "",
                                          .details = "",
                                          .links = ""};
    memcpy(order->input.id, id.bytes, sizeof(order->input.id));
    return order;
}

static void submit(struct api *api, struct http_request *request, const struct api_caller *caller,
                   const char *source, const char *key)
{
    struct order *order = order_make(request, caller, source, key);
    struct input *input = &order->input;
    http_defer(request);
    if (inbox_put(api->options.inbox, &input, 1) == INBOX_TAKEN)
        return;
    const struct answer busy = {.status = ANSWER_BUSY, .text = "too much is waiting; try again"};
    api_answer_command(request, &busy);
    free(order);
}

/* {"source": "...", "key": "..."} */
static void handle_forget(void *self, struct http_request *request)
{
    struct api *api = self;
    struct api_caller caller;
    struct json *body = NULL;
    struct err err = {0};
    size_t count = 0;
    if (!api_authorize(api, request, true, &caller))
        return;
    const char *bytes = http_body(request, &count);
    if (json_parse(bytes, count, &body, &err) != 0) {
        http_answer_error(request, 400, "%s", err.text);
        return;
    }
    const char *source = json_string(json_get(body, "source"));
    const char *key = json_string(json_get(body, "key"));
    if (source[0] == '\0' || key[0] == '\0' || strlen(key) > EVENT_KEY_BYTES_MAX)
        http_answer_error(request, 400, "want {\"source\":\"...\",\"key\":\"...\"}");
    else
        submit(api, request, &caller, source, key);
    json_free(body);
}

int api_register_heartbeats(struct api *api, struct http_server *server, struct err *err)
{
    const struct http_route routes[] = {
        {.method = HTTP_GET, .path = "/v1/heartbeats", .handle = handle_list, .self = api},
        {.method = HTTP_POST,
         .path = "/v1/heartbeats/forget",
         .handle = handle_forget,
         .self = api,
         .body_bytes_max = API_BODY_BYTES_MAX},
    };
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (http_server_route(server, &routes[i], err) != 0)
            return -1;
    return 0;
}

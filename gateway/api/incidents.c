/* Reading: incidents, their timeline and notifications, as JSON. */
#include <string.h>

#include "gateway/api/api_internal.h"
#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/system/id.h"
#include "gateway/system/log.h"
#include "policies/incident_json.h"

enum {
    LIST_LIMIT_DEFAULT = 200,
    DETAIL_LIMIT = 1000,
};

/* Many are held back by the same. */
struct mark_text {
    const char *mark;
    const char *text;
};

/* What cannot be read of it is missing in the answer and told in the log: the rest is what people look for now. */
static int write_incident(struct api *api, struct store_reader *reader, struct json_out *out,
                          const struct incident_row *row, struct mark_text *known,
                          struct arena *arena, struct err *err)
{
    struct err why = {0};
    if (!text_equal(known->mark, row->mark) &&
        store_read_mark_text(reader, row->mark, arena, &known->text, err) != 0)
        return -1;
    known->mark = row->mark;
    if (incident_json_add(out, row, known->text, arena, &why) != 0 &&
        log_burst_due(&api->unreadable, clock_mono_ms()))
        log_line(LOG_WARNING, "an incident has fields that cannot be read; it is shown without",
                 "incident", log_i64((int64_t)row->number), "error", why.text, "count",
                 log_i64((int64_t)api->unreadable.count), NULL);
    return 0;
}

static void write_alert(struct json_out *out, const struct alert_row *row)
{
    json_add_object_begin(out, NULL);
    json_add_string(out, "source", row->source);
    json_add_string(out, "key", row->key);
    json_add_bool(out, "firing", row->firing);
    json_add_string(out, "severity", severity_name(row->severity));
    json_add_string(out, "summary", row->summary);
    json_add_raw(out, "labels", row->labels[0] != '\0' ? row->labels : "{}");
    if (row->details[0] != '\0')
        json_add_raw(out, "details", row->details);
    if (row->links[0] != '\0')
        json_add_raw(out, "links", row->links);
    json_add_integer(out, "count", (int64_t)row->count);
    json_add_time_or_null(out, "first_at", row->first_at_ms);
    json_add_time_or_null(out, "last_at", row->last_at_ms);
    json_add_time_or_null(out, "resolved_at", row->resolved_at_ms);
    json_add_object_end(out);
}

static void write_notification(struct json_out *out, const struct notification_row *row)
{
    json_add_object_begin(out, NULL);
    json_add_integer(out, "id", (int64_t)row->id);
    json_add_integer(out, "incident", (int64_t)row->incident);
    json_add_string(out, "kind", notification_kind_name(row->kind));
    json_add_string(out, "step", row->step);
    json_add_integer(out, "climb", row->climb);
    json_add_string(out, "to", row->contact);
    json_add_string(out, "via", row->channel);
    json_add_string(out, "address", row->address);
    json_add_string(out, "key", row->key);
    json_add_string(out, "state", notification_state_name(row->state));
    json_add_string(out, "reason", row->reason);
    json_add_integer(out, "attempts", row->attempt_count);
    json_add_string(out, "body_sha256", row->body_hash);
    json_add_string(out, "provider_id", row->provider_id);
    json_add_time_or_null(out, "created_at", row->created_at_ms);
    json_add_time_or_null(out, "due_at", row->due_at_ms);
    json_add_time_or_null(out, "next_at", row->next_at_ms);
    json_add_time_or_null(out, "ended_at", row->ended_at_ms);
    if (row->digest != 0)
        json_add_integer(out, "digest", (int64_t)row->digest);
    if (row->deferred)
        json_add_bool(out, "deferred", true);
    json_add_object_end(out);
}

void api_write_timeline(struct json_out *out, const struct timeline_row *row, uint64_t id_or_zero)
{
    json_add_object_begin(out, NULL);
    if (id_or_zero != 0)
        json_add_integer(out, "id", (int64_t)id_or_zero);
    json_add_time(out, "at", row->at_ms);
    json_add_integer(out, "incident", (int64_t)row->incident);
    json_add_string(out, "kind", row->kind);
    json_add_string(out, "actor", row->actor);
    json_add_string(out, "credential", row->credential);
    json_add_string(out, "text", row->text);
    if (row->data[0] != '\0')
        json_add_raw(out, "data", row->data);
    json_add_object_end(out);
}

void api_answer_json(struct http_request *request, struct strbuf *text)
{
    if (text->overflowed) {
        http_answer_error(request, 500,
                          "the answer would be larger than 16 MB; ask for fewer with limit=");
    } else {
        const struct http_response response = {
            .status = 200, .body = strbuf_text(text), .body_count = text->length};
        http_answer(request, &response);
    }
    strbuf_clear(text);
}

bool api_read_page(struct http_request *request, size_t *out_limit, uint64_t *out_before)
{
    struct err err = {0};
    uint64_t limit = LIST_LIMIT_DEFAULT, before = 0;
    const char *limit_text = http_query(request, "limit");
    const char *before_text = http_query(request, "before");
    if (limit_text[0] != '\0' &&
        parse_u64(limit_text, 1, STORE_READ_LIMIT_MAX, &limit, &err) != 0) {
        (void)err_wrap(&err, "limit");
    } else if (before_text[0] != '\0' && parse_u64(before_text, 1, INT64_MAX, &before, &err) != 0) {
        (void)err_wrap(&err, "before");
    } else {
        *out_limit = (size_t)limit;
        *out_before = before;
        return true;
    }
    http_answer_error(request, 400, "%s", err.text);
    return false;
}

static void read_incidents(struct api *api, struct store_reader *reader,
                           struct http_request *request)
{
    struct err err = {0};
    struct incident_filter filter = {.open_only = !text_equal(http_query(request, "state"), "all"),
                                     .policy_or_null = NULL};
    if (!api_read_page(request, &filter.limit, &filter.before))
        return;
    if (http_query(request, "policy")[0] != '\0')
        filter.policy_or_null = http_query(request, "policy");
    struct incident_row *rows;
    size_t count;
    if (store_read_incidents(reader, &filter, http_arena(request), &rows, &count, &err) != 0) {
        api_error_of(request, &err);
        return;
    }
    struct strbuf text;
    struct json_out out;
    strbuf_init(&text, API_ANSWER_BYTES_MAX);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    json_add_array_begin(&out, "incidents");
    struct mark_text known = {.mark = "", .text = ""};
    int failed = 0;
    for (size_t i = 0; i < count && failed == 0; i++) {
        json_add_object_begin(&out, NULL);
        failed = write_incident(api, reader, &out, &rows[i], &known, http_arena(request), &err);
        json_add_object_end(&out);
    }
    if (failed != 0) {
        strbuf_clear(&text);
        api_error_of(request, &err);
        return;
    }
    json_add_array_end(&out);
    if (count == filter.limit)
        json_add_integer(&out, "before", (int64_t)rows[count - 1].number);
    json_add_object_end(&out);
    api_answer_json(request, &text);
}

struct incident_detail {
    struct incident_row incident;
    struct alert_row *alerts;
    struct notification_row *notifications;
    struct timeline_row *timeline;
    size_t alert_count, notification_count, timeline_count;
};

static int read_detail(struct store_reader *reader, uint64_t number, struct arena *arena,
                       struct incident_detail *out, struct err *err)
{
    if (store_read_incident(reader, number, arena, &out->incident, err) != 0 ||
        store_read_alerts(reader, number, DETAIL_LIMIT, arena, &out->alerts, &out->alert_count,
                          err) != 0 ||
        store_read_notifications(reader, number, 0, DETAIL_LIMIT, arena, &out->notifications,
                                 &out->notification_count, err) != 0 ||
        store_read_timeline(reader, number, DETAIL_LIMIT, arena, &out->timeline,
                            &out->timeline_count, err) != 0)
        return -1;
    return 0;
}

static void read_incident(struct api *api, struct store_reader *reader,
                          struct http_request *request)
{
    struct err err = {0};
    struct incident_detail detail = {0};
    if (read_detail(reader, http_path_number(request), http_arena(request), &detail, &err) != 0) {
        api_error_of(request, &err);
        return;
    }
    struct strbuf text;
    struct json_out out;
    strbuf_init(&text, API_ANSWER_BYTES_MAX);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    struct mark_text known = {.mark = "", .text = ""};
    if (write_incident(api, reader, &out, &detail.incident, &known, http_arena(request), &err) !=
            0 ||
        api_write_backup(api, reader, &detail.incident, http_arena(request), &out, &err) != 0) {
        strbuf_clear(&text);
        api_error_of(request, &err);
        return;
    }
    incident_json_add_talks(&out, detail.incident.talks, http_arena(request));
    json_add_array_begin(&out, "alerts");
    for (size_t i = 0; i < detail.alert_count; i++)
        write_alert(&out, &detail.alerts[i]);
    json_add_array_end(&out);
    json_add_array_begin(&out, "notifications");
    for (size_t i = 0; i < detail.notification_count; i++)
        write_notification(&out, &detail.notifications[i]);
    json_add_array_end(&out);
    json_add_array_begin(&out, "timeline");
    for (size_t i = 0; i < detail.timeline_count; i++)
        api_write_timeline(&out, &detail.timeline[i], 0);
    json_add_array_end(&out);
    json_add_object_end(&out);
    api_answer_json(request, &text);
}

static void read_updates(struct api *api, struct store_reader *reader, struct http_request *request)
{
    (void)api; /* the store has it all */
    struct err err = {0};
    struct incident_row row;
    if (store_read_incident(reader, http_path_number(request), http_arena(request), &row, &err) !=
        0) {
        api_error_of(request, &err);
        return;
    }
    struct strbuf text;
    struct json_out out;
    strbuf_init(&text, API_ANSWER_BYTES_MAX);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    json_add_integer(&out, "number", (int64_t)row.number);
    json_add_string(&out, "state", incident_state_name(row.state));
    incident_json_add_talks(&out, row.talks, http_arena(request));
    json_add_object_end(&out);
    api_answer_json(request, &text);
}

static void read_notifications(struct api *api, struct store_reader *reader,
                               struct http_request *request)
{
    (void)api; /* the store has it all */
    struct err err = {0};
    size_t limit, count;
    uint64_t before;
    struct notification_row *rows;
    if (!api_read_page(request, &limit, &before))
        return;
    if (store_read_notifications(reader, 0, before, limit, http_arena(request), &rows, &count,
                                 &err) != 0) {
        api_error_of(request, &err);
        return;
    }
    struct strbuf text;
    struct json_out out;
    strbuf_init(&text, API_ANSWER_BYTES_MAX);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    json_add_array_begin(&out, "notifications");
    for (size_t i = 0; i < count; i++)
        write_notification(&out, &rows[i]);
    json_add_array_end(&out);
    if (count == limit)
        json_add_integer(&out, "before", (int64_t)rows[count - 1].id);
    json_add_object_end(&out);
    api_answer_json(request, &text);
}

/* Everything that happened after `after`; without it, only where "now" is. */
static void read_timeline(struct api *api, struct store_reader *reader,
                          struct http_request *request)
{
    (void)api; /* the store has it all */
    struct err err = {0};
    const char *after_text = http_query(request, "after");
    uint64_t after = 0, *ids = NULL;
    struct timeline_row *rows = NULL;
    size_t count = 0;
    int failed;
    if (after_text[0] == '\0') {
        failed = store_read_timeline_last(reader, &after, &err);
    } else if (parse_u64(after_text, 0, INT64_MAX, &after, &err) != 0) {
        failed = err_wrap(&err, "after");
    } else {
        failed = store_read_timeline_after(reader, after, LIST_LIMIT_DEFAULT, http_arena(request),
                                           &rows, &ids, &count, &err);
    }
    if (failed != 0) {
        api_error_of(request, &err);
        return;
    }
    struct strbuf text;
    struct json_out out;
    strbuf_init(&text, API_ANSWER_BYTES_MAX);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    json_add_array_begin(&out, "timeline");
    for (size_t i = 0; i < count; i++)
        api_write_timeline(&out, &rows[i], ids[i]);
    json_add_array_end(&out);
    json_add_integer(&out, "after", (int64_t)(count > 0 ? ids[count - 1] : after));
    json_add_object_end(&out);
    api_answer_json(request, &text);
}

void api_read_if_allowed(struct api *api, struct http_request *request, api_read_fn *run)
{
    struct api_caller caller;
    if (api_authorize(api, request, false, &caller))
        api_read_later(api, request, run);
}

static void handle_incidents(void *self, struct http_request *request)
{
    api_read_if_allowed(self, request, read_incidents);
}

static void handle_incident(void *self, struct http_request *request)
{
    api_read_if_allowed(self, request, read_incident);
}

static void handle_updates(void *self, struct http_request *request)
{
    api_read_if_allowed(self, request, read_updates);
}

static void handle_notifications(void *self, struct http_request *request)
{
    api_read_if_allowed(self, request, read_notifications);
}

static void handle_timeline(void *self, struct http_request *request)
{
    api_read_if_allowed(self, request, read_timeline);
}

int api_register_incidents(struct api *api, struct http_server *server, struct err *err)
{
    const struct http_route routes[] = {
        {.method = HTTP_GET, .path = "/v1/incidents", .handle = handle_incidents, .self = api},
        {.method = HTTP_GET, .path = "/v1/incidents/{n}", .handle = handle_incident, .self = api},
        {.method = HTTP_GET,
         .path = "/v1/incidents/{n}/updates",
         .handle = handle_updates,
         .self = api},
        {.method = HTTP_GET,
         .path = "/v1/notifications",
         .handle = handle_notifications,
         .self = api},
        {.method = HTTP_GET, .path = "/v1/timeline", .handle = handle_timeline, .self = api},
    };
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (http_server_route(server, &routes[i], err) != 0)
            return -1;
    return 0;
}

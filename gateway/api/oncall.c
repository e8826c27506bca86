/* Who has duty, and when that changes. */
#include <string.h>

#include "gateway/api/api_internal.h"
#include "gateway/api/roster.h"
#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/base/text.h"
#include "gateway/base/when.h"
#include "gateway/config/config.h"
#include "gateway/system/clock.h"

enum { STRETCHES_MAX = 5000 /* in one answer */ };

static const int64_t LONGEST_MS = INT64_C(90) * 86400000;

/* What one request asks for. */
struct span {
    int64_t from_ms;
    int64_t until_ms;
    size_t left; /* stretches that still fit */
};

static bool is_same_duty(const struct duty *a, const struct duty *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!text_equal(a->names[i], b->names[i]))
            return false;
    }
    return true;
}

static void write_stretch(struct json_out *out, const struct rulebook *book,
                          const struct schedule *schedule, const struct duty *duty, int64_t from_ms,
                          int64_t until_ms)
{
    json_add_object_begin(out, NULL);
    json_add_string(out, "schedule", schedule->name);
    json_add_time(out, "from", from_ms);
    if (until_ms != INT64_MAX)
        json_add_time(out, "until", until_ms);
    json_add_array_begin(out, "contacts");
    for (size_t i = 0; i < duty->count; i++)
        json_add_string(out, NULL, duty->names[i]);
    json_add_array_end(out);
    json_add_array_begin(out, "names");
    for (size_t i = 0; i < duty->count; i++) {
        const struct contact *contact = rulebook_contact(book, duty->names[i]);
        json_add_string(out, NULL, contact != NULL ? contact->full_name : duty->names[i]);
    }
    json_add_array_end(out);
    json_add_object_end(out);
}

/* Stretches of the same people are one, and the last one is told to its end. A stretch without contacts is a gap. */
static void write_schedule(struct json_out *out, const struct roster *roster,
                           const struct schedule *schedule, struct span *span)
{
    int64_t from_ms = span->from_ms;
    while (from_ms <= span->until_ms && span->left > 0) {
        const struct duty duty = schedule_duty(schedule, roster, from_ms);
        int64_t until_ms = schedule_next_change_ms(schedule, roster, from_ms);
        for (int turns = 0; until_ms != INT64_MAX && turns < STRETCHES_MAX; turns++) {
            const struct duty next = schedule_duty(schedule, roster, until_ms);
            if (!is_same_duty(&duty, &next))
                break;
            until_ms = schedule_next_change_ms(schedule, roster, until_ms);
        }
        write_stretch(out, roster->book, schedule, &duty, from_ms, until_ms);
        span->left--;
        if (until_ms == INT64_MAX)
            return;
        from_ms = until_ms;
    }
}

/* A time of day is the schedule's where one is named, else the site's. */
static bool read_span(struct http_request *request, const struct rulebook *book,
                      struct span *out_span)
{
    const struct schedule *schedule = rulebook_schedule(book, http_query(request, "schedule"));
    const char *at = http_query(request, "at");
    const char *ahead = http_query(request, "for");
    struct err err = {0};
    int64_t ahead_ms = 0;
    *out_span = (struct span){.from_ms = clock_wall_ms(), .left = STRETCHES_MAX};
    const struct when when = {.now_ms = out_span->from_ms,
                              .after_ms = out_span->from_ms,
                              .zone = schedule != NULL ? schedule->zone : book->zone};
    if (at[0] != '\0' && when_parse(at, &when, &out_span->from_ms, &err) != 0) {
        http_answer_error(request, 400, "at: %s", err.text);
        return false;
    }
    if (ahead[0] != '\0' && parse_duration(ahead, 0, LONGEST_MS, &ahead_ms, &err) != 0) {
        http_answer_error(request, 400, "for: %s", err.text);
        return false;
    }
    out_span->until_ms = out_span->from_ms + ahead_ms;
    return true;
}

static void write_override(struct json_out *out, const struct override *override)
{
    json_add_object_begin(out, NULL);
    json_add_integer(out, "number", (int64_t) override->number);
    json_add_string(out, "schedule", override->schedule);
    json_add_string(out, "who", override->who);
    if (override->instead_of[0] != '\0')
        json_add_string(out, "instead_of", override->instead_of);
    json_add_time(out, "from", override->from_ms);
    json_add_time(out, "until", override->until_ms);
    json_add_string(out, "by", override->made_by);
    json_add_time(out, "made_at", override->made_at_ms);
    json_add_object_end(out);
}

/* All that are made, also those of a later time or of a schedule that is not there. */
static void write_overrides(struct json_out *out, const struct overrides *overrides,
                            const char *schedule)
{
    json_add_array_begin(out, "overrides");
    for (size_t i = 0; i < overrides->count; i++) {
        if (schedule[0] == '\0' || text_equal(schedule, overrides->items[i].schedule))
            write_override(out, &overrides->items[i]);
    }
    json_add_array_end(out);
}

static void answer_oncall(struct http_request *request, const struct config *config,
                          const struct roster *roster, const char *name, struct span *span)
{
    const struct rulebook *book = &config->rulebook;
    struct strbuf text;
    struct json_out out;
    strbuf_init(&text, API_ANSWER_BYTES_MAX);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    json_add_array_begin(&out, "oncall");
    for (size_t i = 0; i < book->schedule_count; i++) {
        if (name[0] == '\0' || text_equal(name, book->schedules[i].name))
            write_schedule(&out, roster, &book->schedules[i], span);
    }
    json_add_array_end(&out);
    write_overrides(&out, roster->overrides_or_null, name);
    if (config->calendars_until_ms != 0)
        json_add_time(&out, "calendars_until", config->calendars_until_ms);
    json_add_object_end(&out);
    api_answer_json(request, &text);
}

static void read_oncall(struct api *api, struct store_reader *reader, struct http_request *request)
{
    struct config *config = api_config(api);
    const char *name = http_query(request, "schedule");
    struct roster roster;
    struct span span;
    struct err err = {0};
    if (!read_span(request, &config->rulebook, &span)) {
        config_release(config);
        return;
    }
    if (name[0] != '\0' && rulebook_schedule(&config->rulebook, name) == NULL)
        http_answer_error(request, 404, "there is no schedule of that name");
    else if (roster_read(reader, &config->rulebook, http_arena(request), &roster, &err) != 0)
        api_error_of(request, &err);
    else
        answer_oncall(request, config, &roster, name, &span);
    config_release(config);
}

static void handle_oncall(void *self, struct http_request *request)
{
    api_read_if_allowed(self, request, read_oncall);
}

int api_register_oncall(struct api *api, struct http_server *server, struct err *err)
{
    const struct http_route route = {
        .method = HTTP_GET, .path = "/v1/oncall", .handle = handle_oncall, .self = api};
    return http_server_route(server, &route, err);
}

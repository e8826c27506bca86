/* GET /v1/incidents/N/why: what holds an incident, its steps and its messages back, as the engine decides it. */
#include <stdlib.h>
#include <string.h>

#include "gateway/api/api_internal.h"
#include "gateway/base/json.h"
#include "policies/fields.h"
#include "policies/talks.h"
#include "policies/why.h"

enum { NOTIFICATIONS_MAX = STORE_READ_LIMIT_MAX };

/* An incident out of the store, as far as its decisions need it. */
struct stored {
    struct incident incident;
    struct incident_later later;
    struct policy parsed; /* a version that is no longer configured */
    struct silence *silences;
    size_t silence_count;
};

static int find_policy(struct store_reader *reader, const struct rulebook *book,
                       const struct incident_row *row, struct arena *arena, struct stored *out,
                       struct err *err)
{
    struct policy_row policy;
    for (size_t i = 0; i < book->policy_count; i++) {
        if (text_equal(book->policies[i].hash, row->policy_hash)) {
            out->incident.policy = &book->policies[i];
            return 0;
        }
    }
    if (store_read_policy(reader, row->policy_hash, arena, &policy, err) != 0 ||
        config_policy_parse(policy.name, policy.text, arena, &out->parsed, err) != 0)
        return -1;
    out->incident.policy = &out->parsed;
    return 0;
}

static int read_notifications(struct store_reader *reader, struct arena *arena, struct stored *out,
                              struct err *err)
{
    struct notification_row *rows;
    size_t count;
    if (store_read_notifications(reader, out->incident.number, 0, NOTIFICATIONS_MAX, arena, &rows,
                                 &count, err) != 0)
        return -1;
    struct notification *items = arena_alloc_array(arena, count + 1, sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        const struct notification_row *row = &rows[i]; /* newest first */
        items[i] = (struct notification){.id = row->id,
                                         .incident = &out->incident,
                                         .next = out->incident.notifications,
                                         .contact = row->contact,
                                         .channel = row->channel,
                                         .step = row->step,
                                         .due_at_ms = row->due_at_ms,
                                         .next_at_ms = row->next_at_ms,
                                         .expires_at_ms = row->expires_at_ms,
                                         .climb = (int32_t)row->climb,
                                         .repetition = (int32_t)row->repetition,
                                         .attempt_count = (uint32_t)row->attempt_count,
                                         .kind = (uint8_t)row->kind,
                                         .state = (uint8_t)row->state,
                                         .digest = row->digest,
                                         .deferred = row->deferred,
                                         .severity = (uint8_t)row->severity};
        out->incident.notifications = &items[i];
        out->incident.unfinished +=
            row->state == NOTIFICATION_PENDING || row->state == NOTIFICATION_CLAIMED ? 1 : 0;
    }
    return 0;
}

static int read_silences(struct store_reader *reader, struct arena *arena, struct stored *out,
                         struct err *err)
{
    struct silence_row *rows;
    if (store_read_silences(reader, true, 0, SILENCES_MAX, arena, &rows, &out->silence_count,
                            err) != 0)
        return -1;
    out->silences = arena_alloc_array(arena, out->silence_count + 1, sizeof(*out->silences));
    for (size_t i = 0; i < out->silence_count; i++)
        out->silences[i] = (struct silence){.id = rows[i].id,
                                            .match = rows[i].match,
                                            .author = rows[i].author,
                                            .reason = rows[i].reason,
                                            .from_ms = rows[i].from_ms,
                                            .until_ms = rows[i].until_ms};
    return 0;
}

static int read_stored(struct store_reader *reader, const struct rulebook *book, uint64_t number,
                       struct arena *arena, struct stored *out, struct err *err)
{
    struct incident_row row;
    *out = (struct stored){.later = incident_blank};
    out->incident.later = &out->later;
    if (store_read_incident(reader, number, arena, &row, err) != 0 ||
        ladder_read(row.ladder, arena, &out->incident.ladder, &out->later.ladder, err) != 0 ||
        (row.talks[0] != '\0' && talks_read(row.talks, &out->later.talks, err) != 0) ||
        fields_read(row.fields, arena, &out->later.fields, err) != 0 ||
        find_policy(reader, book, &row, arena, out, err) != 0)
        return -1;
    struct incident *incident = &out->incident;
    incident->number = row.number;
    incident->later->owner = row.owner;
    incident->later->cause = row.cause;
    incident->later->mark = row.mark;
    incident->later->flap = row.flap;
    incident->state = (uint8_t)row.state;
    incident->severity = (uint8_t)row.severity;
    incident->priority = (uint8_t)row.priority;
    incident->live = row.live;
    incident->opened_at_ms = row.opened_at_ms;
    incident->later->acked_at_ms = row.acked_at_ms;
    incident->later->resolved_at_ms = row.resolved_at_ms;
    incident->later->ack_until_ms = row.ack_until_ms;
    incident->later->eta_at_ms = row.eta_at_ms;
    incident->updated_at_ms = row.updated_at_ms;
    return read_notifications(reader, arena, out, err) != 0 ||
                   read_silences(reader, arena, out, err) != 0
               ? -1
               : 0;
}

static void write_decision(struct json_out *out, const struct decision *d)
{
    json_add_object_begin(out, NULL);
    json_add_string(out, "decision", decision_kind_name(d->kind));
    if (d->step[0] != '\0')
        json_add_string(out, "step", d->step);
    if (d->to[0] != '\0') {
        json_add_string(out, "to", d->to);
        json_add_string(out, "via", d->via);
    }
    if (d->by[0] != '\0')
        json_add_string(out, "by", d->by);
    if (d->at_ms != 0)
        json_add_time(out, "at", d->at_ms);
    if (d->until_ms != 0)
        json_add_time(out, "until", d->until_ms);
    json_add_string(out, "text", d->text);
    json_add_object_end(out);
}

static void answer(struct api *api, struct http_request *request, const struct rulebook *book,
                   const struct stored *stored)
{
    struct moment moment;
    struct decisions decisions;
    struct strbuf text;
    struct json_out out;
    moment_init(&moment, book, http_arena(request), clock_engine_ms(api->options.clock),
                clock_engine_wall_offset_ms(api->options.clock));
    const struct suppression now = {.book = book,
                                    .wall_ms = moment.now_ms + moment.wall_offset_ms,
                                    .silences = stored->silences,
                                    .silence_count = stored->silence_count};
    why_incident(&stored->incident, &now, &moment, &decisions);
    strbuf_init(&text, API_ANSWER_BYTES_MAX);
    json_out_begin(&out, &text);
    json_add_object_begin(&out, NULL);
    json_add_integer(&out, "incident", (int64_t)stored->incident.number);
    json_add_string(&out, "state",
                    incident_state_name((enum incident_state)stored->incident.state));
    json_add_time(&out, "at", moment.now_ms);
    json_add_string(&out, "time_zone", zone_name(book->zone));
    json_add_array_begin(&out, "decisions");
    for (size_t i = 0; i < decisions.count; i++)
        write_decision(&out, &decisions.items[i]);
    json_add_array_end(&out);
    json_add_object_end(&out);
    api_answer_json(request, &text);
}

static void read_why(struct api *api, struct store_reader *reader, struct http_request *request)
{
    struct err err = {0};
    struct stored stored;
    struct config *config = api_config(api);
    if (read_stored(reader, &config->rulebook, http_path_number(request), http_arena(request),
                    &stored, &err) == 0)
        answer(api, request, &config->rulebook, &stored);
    else
        api_error_of(request, &err);
    if (stored.incident.later->talks != NULL)
        talks_clear(stored.incident.later->talks);
    free(stored.incident.later->talks);
    config_policy_clear(&stored.parsed);
    config_release(config);
}

static void handle_why(void *self, struct http_request *request)
{
    api_read_if_allowed(self, request, read_why);
}

int api_register_why(struct api *api, struct http_server *server, struct err *err)
{
    const struct http_route route = {
        .method = HTTP_GET, .path = "/v1/incidents/{n}/why", .handle = handle_why, .self = api};
    return http_server_route(server, &route, err);
}

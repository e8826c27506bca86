#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/assert.h"
#include "gateway/base/json.h"
#include "gateway/intake/http_parts.h"
#include "gateway/intake/native.h"
#include "gateway/system/clock.h"

#define RESULT_BYTES_MAX                                                                           \
    (6 * EVENT_KEY_BYTES_MAX + 128) /* a key of nothing but escapes, id, number */
#define RESULTS_KEPT_BYTES_MAX 65536
#define ERROR_BYTES_MAX 4096
#define SECONDS_TEXT_BYTES 24

/* What `begin` found out, for `handle`. */
struct grant {
    const char *source;
    const char *credential;
    bool is_ndjson;
};

static void metrics_make(struct intake_http *intake)
{
    static const char *const reasons[REFUSED_COUNT] = {
        [REFUSED_TOKEN] = "token",         [REFUSED_SOURCE] = "source",
        [REFUSED_TYPE] = "type",           [REFUSED_RATE] = "rate",
        [REFUSED_INVALID] = "invalid",     [REFUSED_TOO_MANY] = "too-many",
        [REFUSED_FULL] = "full",           [REFUSED_CLOSED] = "closed",
        [REFUSED_BUSY] = "busy",           [REFUSED_DISK] = "disk-full",
        [REFUSED_OVERLIMIT] = "overlimit", [REFUSED_KEYS] = "keys",
    };
    for (int i = 0; i < EVENT_ACTION_COUNT; i++) {
        intake->events[i] = metric_counter("escalated_events_total", "Events committed.", "action",
                                           event_action_name((enum event_action)i));
    }
    for (size_t i = 0; i < REFUSED_COUNT; i++) {
        intake->refused[i] = metric_counter("escalated_intake_refused_total",
                                            "Requests with events refused.", "reason", reasons[i]);
    }
    intake->commit_seconds =
        metric_histogram("escalated_intake_commit_seconds",
                         "From the inbox to the committed answer, per request.", NULL, NULL);
}

int intake_refuse(struct intake_http *intake, enum refusal why, int status)
{
    metric_add(intake->refused[why], 1);
    return status;
}

void intake_answer_wait(struct http_request *request, int status, int64_t wait_s, const char *text)
{
    char seconds[SECONDS_TEXT_BYTES];
    char body[ERR_TEXT_BYTES];
    (void)snprintf(seconds, sizeof(seconds), "%lld", (long long)wait_s);
    int count =
        snprintf(body, sizeof(body), "{\"error\":\"%s\"}\n", text); /* our own short texts */
    const struct http_response response = {
        .status = status, .body = body, .body_count = (size_t)count, .retry_after = seconds};
    http_answer(request, &response);
}

int intake_refuse_rate(struct intake_http *intake, struct http_request *request, int64_t wait_ms)
{
    intake_answer_wait(request, 429, (wait_ms + 999) / 1000,
                       "this source sends more than its rate allows");
    return intake_refuse(intake, REFUSED_RATE, 429);
}

static int refuse_token(struct intake_http *intake, struct http_request *request, const char *token)
{
    static const struct http_field challenge = {.name = "WWW-Authenticate", .value = "Bearer"};
    static const char missing[] =
        "{\"error\":\"want Authorization: Bearer with the token of a source\"}\n";
    static const char unknown[] = "{\"error\":\"no source has this token\"}\n";
    const char *body = token[0] ? unknown : missing;
    const struct http_response response = {.status = 401,
                                           .body = body,
                                           .body_count = strlen(body),
                                           .body_is_static = true,
                                           .fields = &challenge,
                                           .field_count = 1};
    http_answer(request, &response);
    return intake_refuse(intake, REFUSED_TOKEN, 401);
}

/* On the control socket the peer's credentials are the login, and the sender says which source it
 * is. */
static int authorize_local(struct intake_http *intake, struct http_request *request,
                           const struct http_peer *peer, struct grant *out_grant)
{
    const char *name = http_header(request, "X-Escalated-Source");
    name = name[0] ? name : http_query(request, "source");
    if (name[0] == '\0') {
        return intake_refuse(
            intake, REFUSED_SOURCE,
            http_early_error(request, 400,
                             "source: missing, want the name of a [source] section (escalate "
                             "send --source NAME; else the header X-Escalated-Source, or "
                             "?source=)"));
    }
    if (!sources_has(intake->sources, name)) {
        return intake_refuse(
            intake, REFUSED_SOURCE,
            http_early_error(request, 400, "source: got '%s', want the name of a [source] section",
                             text_is_name(name) ? name : "no name"));
    }
    struct arena *arena = http_arena(request);
    out_grant->source = arena_strdup(arena, name);
    out_grant->credential = arena_printf(arena, "peer uid %u", peer->uid);
    return 0;
}

static int authorize(struct intake_http *intake, struct http_request *request,
                     struct grant *out_grant)
{
    struct http_peer peer;
    const char *token = http_bearer(request);
    http_peer(request, &peer);
    if (peer.is_local && token[0] == '\0') {
        return authorize_local(intake, request, &peer, out_grant);
    }
    const char *source = sources_by_token(intake->sources, token, http_arena(request));
    if (!source) {
        return refuse_token(intake, request, token);
    }
    out_grant->source = source;
    out_grant->credential = "token";
    return 0;
}

static bool type_is(const char *type, size_t length, const char *wanted)
{
    return length == strlen(wanted) && strncasecmp(type, wanted, length) == 0;
}

static int check_type(struct intake_http *intake, struct http_request *request,
                      struct grant *out_grant)
{
    const char *type = http_header(request, "Content-Type");
    size_t length = strcspn(type, "; \t");
    if (type_is(type, length, "application/x-ndjson") ||
        type_is(type, length, "application/ndjson")) {
        out_grant->is_ndjson = true;
    } else if (length > 0 && !type_is(type, length, "application/json")) {
        return intake_refuse(
            intake, REFUSED_TYPE,
            http_early_error(request, 415,
                             "Content-Type: want application/json or application/x-ndjson"));
    }
    return 0;
}

static int begin(void *self, struct http_request *request)
{
    struct intake_http *intake = self;
    struct grant *grant = arena_alloc(http_arena(request), sizeof(*grant));
    int status = authorize(intake, request, grant);
    if (status == 0) {
        status = check_type(intake, request, grant);
    }
    if (status == 0) {
        int64_t wait_ms = sources_wait_ms(intake->sources, grant->source, clock_mono_ms());
        status = wait_ms > 0 ? intake_refuse_rate(intake, request, wait_ms) : 0;
    }
    http_set_data(request, grant);
    return status;
}

static void answer_invalid(struct intake_http *intake, struct http_request *request,
                           const struct native_error *error)
{
    bool is_too_many = error->err.code == ERR_TOO_LARGE;
    struct strbuf body;
    struct json_out out;
    strbuf_init(&body, ERROR_BYTES_MAX);
    json_out_begin(&out, &body);
    json_add_object_begin(&out, NULL);
    json_add_string(&out, "error", error->err.text);
    if (error->field[0]) {
        json_add_string(&out, "field", error->field);
    }
    json_add_object_end(&out);
    strbuf_add_char(&body, '\n');
    const struct http_response response = {
        .status = intake_refuse(intake, is_too_many ? REFUSED_TOO_MANY : REFUSED_INVALID,
                                is_too_many ? 413 : 400),
        .body = strbuf_text(&body),
        .body_count = body.length,
    };
    http_answer(request, &response);
    strbuf_clear(&body);
}

static void add_result(struct strbuf *body, const struct batch *batch, size_t index)
{
    const struct event *event = batch_event_at(batch, index);
    uint64_t incident = batch_incident(batch, index);
    char id[ID_TEXT_BYTES];
    char derived[EVENT_DERIVED_KEY_BYTES];
    const char *key = event_identity(event, derived);
    strbuf_add(body, index > 0 ? ",{\"key\":" : "{\"key\":");
    strbuf_add_json_string(body, key);
    strbuf_add(body, ",\"id\":\"");
    strbuf_add(body, batch_id(batch, index, id));
    strbuf_add_char(body, '"');
    if (incident) {
        strbuf_add(body, ",\"incident\":");
        strbuf_add_i64(body, (int64_t)incident);
    }
    strbuf_add_char(body, '}');
}

static void answer_accepted(struct intake_http *intake, struct http_request *request,
                            const struct batch *batch)
{
    struct strbuf *body = &intake->results;
    body->max_length = batch_count(batch) * RESULT_BYTES_MAX + 128;
    strbuf_add(body, "{\"status\":\"accepted\",\"results\":[");
    for (size_t i = 0; i < batch_count(batch); i++) {
        add_result(body, batch, i);
        metric_add(intake->events[batch_event_at(batch, i)->action], 1);
    }
    strbuf_add(body, "]}\n");
    ASSERT(!body->overflowed);
    const struct http_response response = {
        .status = 202, .body = strbuf_text(body), .body_count = body->length};
    http_answer(request, &response);
    if (body->capacity > RESULTS_KEPT_BYTES_MAX) {
        strbuf_clear(body);
    }
    strbuf_reset(body);
}

/* Every event has its answer: on the I/O thread. */
static void answered(void *self, struct http_request *request, const struct batch *batch)
{
    struct intake_http *intake = self;
    switch (batch_status(batch)) {
    case ANSWER_REFUSED: /* recorded, with nothing to do: the sender need not send it again */
        if (batch_count(batch) == 1 && batch_event_at(batch, 0)->action == EVENT_HEARTBEAT) {
            (void)intake_refuse(intake, REFUSED_KEYS, 409);
            http_answer_error(request, 409, INTAKE_TOO_MANY_KEYS);
            return;
        }
        answer_accepted(intake, request, batch);
        return;
    case ANSWER_DONE:
    case ANSWER_UNKNOWN:
    case ANSWER_RECORDED:
        metric_observe_ns(intake->commit_seconds, batch_elapsed_ns(batch));
        answer_accepted(intake, request, batch);
        return;
    case ANSWER_OVERLIMIT:
        (void)intake_refuse(intake, REFUSED_OVERLIMIT, 429);
        intake_answer_wait(request, 429, OVERLIMIT_RETRY_S, "too many open incidents");
        return;
    case ANSWER_FULL:
        (void)intake_refuse(intake, REFUSED_DISK, 503);
        intake_answer_wait(request, 503, 1, "the disk is full");
        return;
    case ANSWER_BUSY:
    case ANSWER_STATUS_COUNT:
        break;
    }
    (void)intake_refuse(intake, REFUSED_BUSY, 503);
    intake_answer_wait(request, 503, 1, "not stored, send it again");
}

/* The inbox takes nothing now. */
static void refused(void *self, struct http_request *request, enum inbox_verdict verdict)
{
    struct intake_http *intake = self;
    bool is_full = verdict == INBOX_IS_FULL;
    (void)intake_refuse(intake, is_full ? REFUSED_FULL : REFUSED_CLOSED, 503);
    intake_answer_wait(request, 503, 1,
                       is_full ? "the inbox is full" : "no events are taken at the moment");
}

static const char *actor_of(const struct grant *grant, struct arena *arena)
{
    static const char kind[] = "source ";
    size_t name_bytes = strlen(grant->source) + 1;
    char *actor = arena_alloc(arena, sizeof(kind) - 1 + name_bytes);
    memcpy(actor, kind, sizeof(kind) - 1);
    memcpy(actor + sizeof(kind) - 1, grant->source, name_bytes);
    return actor;
}

static void submit(struct intake_http *intake, struct http_request *request,
                   const struct grant *grant, const struct native_events *events)
{
    const struct batch_order order = {
        .events = events->items,
        .count = events->count,
        .actor = actor_of(grant, http_arena(request)),
        .credential = grant->credential,
        .request = request,
        .answered = answered,
        .refused = refused,
        .self = intake,
    };
    batches_add(intake->batches, &order);
}

static void end_round(void *self)
{
    struct intake_http *intake = self;
    batches_submit(intake->batches);
}

static void handle(void *self, struct http_request *request)
{
    struct intake_http *intake = self;
    const struct grant *grant = http_data(request);
    struct native_events events = {0};
    struct native_error error = {0};
    size_t count;
    const char *bytes = http_body(request, &count);
    const struct native_body body = {.bytes = bytes,
                                     .count = count,
                                     .is_ndjson = grant->is_ndjson,
                                     .events_max = atomic_load(&intake->events_max)};
    if (native_parse(&body, http_arena(request), &events, &error) < 0) {
        answer_invalid(intake, request, &error);
        return;
    }
    int64_t wait_ms = sources_take(intake->sources, grant->source, events.count, clock_mono_ms());
    if (wait_ms > 0) {
        (void)intake_refuse_rate(intake, request, wait_ms);
        return;
    }
    if (wait_ms < 0) { /* a reload has removed it while the body came in */
        (void)refuse_token(intake, request, grant->source);
        return;
    }
    for (size_t i = 0; i < events.count; i++) {
        events.items[i].source = grant->source;
    }
    submit(intake, request, grant, &events);
}

int intake_http_create(const struct intake_http_options *options, struct intake_http **out_intake,
                       struct err *err)
{
    (void)err; /* as every create has one; nothing here can fail */
    struct intake_http *intake = heap_alloc(sizeof(*intake));
    intake->batches = batches_create(options->inbox);
    intake->sources = sources_create();
    strbuf_init(&intake->results, 0);
    metrics_make(intake);
    intake_http_reload(intake, options->config);
    *out_intake = intake;
    return 0;
}

int intake_http_register(struct intake_http *intake, struct http_server *server, struct err *err)
{
    const struct http_route route = {.method = HTTP_POST,
                                     .path = "/v1/events",
                                     .begin = begin,
                                     .handle = handle,
                                     .self = intake};
    http_server_on_round(server, end_round, intake);
    return http_server_route(server, &route, err) != 0 ? -1 : ping_register(intake, server, err);
}

void intake_http_reload(struct intake_http *intake, const struct config *config)
{
    sources_load(intake->sources, config);
    atomic_store(&intake->events_max, (size_t)config->http.events_per_request_max);
}

void intake_http_destroy(struct intake_http *intake)
{
    if (intake) {
        batches_destroy(intake->batches);
        sources_destroy(intake->sources);
        strbuf_clear(&intake->results);
        free(intake);
    }
}

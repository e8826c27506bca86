/*
 * Heartbeats by bare URLs, as cron jobs call them: GET, HEAD or POST /ping/WHO/KEY, then nothing, /start, /fail, /log or an
 * exit status. WHO is the token of a source, or its name with the token as a bearer.
 */
#include <string.h>

#include "gateway/base/parse.h"
#include "gateway/intake/http_parts.h"
#include "gateway/system/clock.h"
#include "gateway/system/id.h"

#define LOG_BYTES_MAX 10000 /* of a body, kept with the alert of a failure */
#define LOG_BYTES_TEXT "10000"
#define EXIT_STATUS_MAX 255

static const char bad_url[] = "invalid url format: want /ping/TOKEN/KEY, or /ping/SOURCE/KEY with "
                              "Authorization: Bearer TOKEN; then /start, /fail, /log or an exit "
                              "status from 0 to 255";
static const char not_found[] = "not found";

struct ping {
    const char *source;
    const char *credential;
    struct event event;
};

static void answer(struct http_request *request, int status, const char *text)
{
    static const struct http_field fields[] = {
        {.name = "Access-Control-Allow-Origin", .value = "*"},
        {.name = "Cache-Control", .value = "no-store"},
        {.name = "Ping-Body-Limit", .value = LOG_BYTES_TEXT},
    };
    const struct http_response response = {.status = status,
                                           .content_type = "text/plain; charset=utf-8",
                                           .body = text,
                                           .body_count = strlen(text),
                                           .body_is_static = true,
                                           .fields = fields,
                                           .field_count = sizeof(fields) / sizeof(fields[0])};
    http_answer(request, &response);
}

static int refuse(struct intake_http *intake, struct http_request *request, enum refusal why,
                  int status, const char *text)
{
    answer(request, status, text);
    return intake_refuse(intake, why, status);
}

/* What stands behind the key. */
static int read_verb(const char *verb, struct event *event)
{
    int64_t exit_status = 0;
    if (verb[0] == '\0')
        return 0;
    if (heartbeat_signal_parse(verb, &event->signal) == 0)
        return event->signal == HEARTBEAT_FORGET || event->signal == HEARTBEAT_SUCCESS ? -1 : 0;
    if (parse_i64(verb, 0, EXIT_STATUS_MAX, &exit_status, NULL) != 0)
        return -1;
    event->signal = exit_status == 0 ? HEARTBEAT_SUCCESS : HEARTBEAT_FAIL;
    event->exit_status = (int32_t)exit_status;
    return 0;
}

/* WHO/KEY[/VERB] */
static int read_path(struct http_request *request, const char **out_who, struct event *event)
{
    const char *who = http_path_rest(request);
    size_t who_length = strcspn(who, "/");
    const char *key = who[who_length] == '/' ? who + who_length + 1 : "";
    size_t key_length = strcspn(key, "/");
    bool has_verb = key[key_length] == '/';
    if (who_length == 0 || key_length == 0 || key_length > CONFIG_PING_KEY_BYTES_MAX ||
        text_has_control(key, key_length) || !text_is_utf8(key, key_length) ||
        memchr(key, '\n', key_length) != NULL || memchr(key, '\t', key_length) != NULL ||
        (has_verb && key[key_length + 1] == '\0') ||
        read_verb(has_verb ? key + key_length + 1 : "", event) != 0)
        return -1;
    *out_who = arena_strndup(http_arena(request), who, who_length);
    event->key = arena_strndup(http_arena(request), key, key_length);
    return 0;
}

/* False: whoever it is, nothing is said about which sources there are. */
static bool authorize(struct intake_http *intake, struct http_request *request, const char *who,
                      struct ping *ping)
{
    struct http_peer peer;
    struct arena *arena = http_arena(request);
    const char *bearer = http_bearer(request);
    http_peer(request, &peer);
    ping->credential = "token";
    if (bearer[0] != '\0') {
        ping->source = sources_by_token(intake->sources, bearer, arena);
        return ping->source != NULL && text_equal(ping->source, who);
    }
    if (peer.is_local && sources_has(intake->sources, who)) {
        ping->source = who;
        ping->credential = arena_printf(arena, "peer uid %u", peer.uid);
        return true;
    }
    ping->source = sources_by_token(intake->sources, who, arena);
    return ping->source != NULL;
}

static int begin(void *self, struct http_request *request)
{
    struct intake_http *intake = self;
    struct ping *ping = arena_alloc(http_arena(request), sizeof(*ping));
    const char *who = "";
    const char *run = http_query(request, "rid");
    struct id id;
    *ping = (struct ping){.event = {.action = EVENT_HEARTBEAT,
                                    .severity = SEVERITY_ERROR,
                                    .summary = "",
                                    .details = "",
                                    .links = ""}};
    if (read_path(request, &who, &ping->event) != 0)
        return refuse(intake, request, REFUSED_INVALID, 400, bad_url);
    if (run[0] != '\0' && id_parse(run, &id) != 0)
        return refuse(intake, request, REFUSED_INVALID, 400, "invalid uuid format");
    if (!authorize(intake, request, who, ping))
        return refuse(intake, request, REFUSED_TOKEN, 404, not_found);
    if (!sources_is_watched(intake->sources, ping->source))
        return refuse(intake, request, REFUSED_SOURCE, 404,
                      "nothing is expected of this source (want expect_every in its section)");
    int64_t wait_ms = sources_wait_ms(intake->sources, ping->source, clock_mono_ms());
    if (wait_ms > 0)
        return intake_refuse_rate(intake, request, wait_ms);
    ping->event.source = ping->source;
    ping->event.run_or_null = run[0] != '\0' ? arena_strdup(http_arena(request), run) : NULL;
    http_set_data(request, ping);
    return 0;
}

/* On the I/O thread, after the commit. */
static void answered(void *self, struct http_request *request, const struct batch *batch)
{
    struct intake_http *intake = self;
    switch (batch_status(batch)) {
    case ANSWER_DONE:
    case ANSWER_RECORDED:
        metric_observe_ns(intake->commit_seconds, batch_elapsed_ns(batch));
        metric_add(intake->events[EVENT_HEARTBEAT], 1);
        answer(request, 200, "OK");
        return;
    case ANSWER_UNKNOWN:
        (void)refuse(intake, request, REFUSED_INVALID, 404, not_found);
        return;
    case ANSWER_REFUSED:
        (void)refuse(intake, request, REFUSED_KEYS, 409, INTAKE_TOO_MANY_KEYS);
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

static void refused(void *self, struct http_request *request, enum inbox_verdict verdict)
{
    bool is_full = verdict == INBOX_IS_FULL;
    (void)intake_refuse(self, is_full ? REFUSED_FULL : REFUSED_CLOSED, 503);
    intake_answer_wait(request, 503, 1,
                       is_full ? "the inbox is full" : "no events are taken at the moment");
}

/* The output of a job that failed, whatever its bytes are. */
static const char *log_details(struct arena *arena, const char *bytes, size_t count)
{
    struct strbuf text;
    struct strbuf json;
    size_t kept = count < LOG_BYTES_MAX ? count : LOG_BYTES_MAX;
    strbuf_init(&text, (size_t)LOG_BYTES_MAX * 3);
    strbuf_init(&json, EVENT_DETAILS_BYTES_MAX);
    for (size_t i = 0; i < kept;) {
        size_t step = text_utf8_step(bytes + i, kept - i);
        bool is_good = step > 0 && bytes[i] != '\0';
        strbuf_add_bytes(&text, is_good ? bytes + i : "\xef\xbf\xbd", is_good ? step : 3);
        i += step > 0 ? step : 1;
    }
    strbuf_add(&json, "{\"log\":");
    strbuf_add_json_string(&json, strbuf_text(&text));
    strbuf_add_char(&json, '}');
    const char *details =
        json.overflowed ? "" : arena_strndup(arena, strbuf_text(&json), json.length);
    strbuf_clear(&text);
    strbuf_clear(&json);
    return details;
}

static void handle(void *self, struct http_request *request)
{
    struct intake_http *intake = self;
    struct ping *ping = http_data(request);
    size_t count = 0;
    const char *body = http_body(request, &count);
    int64_t wait_ms = sources_take(intake->sources, ping->source, 1, clock_mono_ms());
    if (wait_ms > 0) {
        (void)intake_refuse_rate(intake, request, wait_ms);
        return;
    }
    if (wait_ms < 0) { /* a reload has removed it while the body came in */
        (void)refuse(intake, request, REFUSED_TOKEN, 404, not_found);
        return;
    }
    if (ping->event.signal == HEARTBEAT_FAIL && count > 0)
        ping->event.details = log_details(http_arena(request), body, count);
    const struct batch_order order = {
        .events = &ping->event,
        .count = 1,
        .actor = arena_printf(http_arena(request), "source %s", ping->source),
        .credential = ping->credential,
        .request = request,
        .answered = answered,
        .refused = refused,
        .self = intake,
    };
    batches_add(intake->batches, &order);
}

int ping_register(struct intake_http *intake, struct http_server *server, struct err *err)
{
    static const enum http_method methods[] = {HTTP_GET, HTTP_POST};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        const struct http_route route = {.method = methods[i],
                                         .path = "/ping/*",
                                         .begin = begin,
                                         .handle = handle,
                                         .self = intake};
        if (http_server_route(server, &route, err) != 0)
            return -1;
    }
    return 0;
}

/* The only file that knows libmicrohttpd. Its own threads and its own time-outs are not used: the
 * thread stalls when 128 sockets are ready at once, and the time-outs start again with every byte.
 */
#include <microhttpd.h>

#include <string.h>
#include <strings.h>

#include "gateway/base/assert.h"
#include "gateway/base/parse.h"
#include "gateway/http/parts.h"

#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define PAGE_POLICY                                                                                \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "        \
    "'self'; "                                                                                     \
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for "      \
    "'script'"

static const char gave_up_text[] =
    "{\"error\":\"no answer in time; whether it was done is not known, "
    "send it again\"}\n";

static struct connection *connection_of(struct MHD_Connection *handle)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    ASSERT(info && info->socket_context);
    return info->socket_context;
}

static void on_connection(void *self, struct MHD_Connection *handle, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        connection_close(*context);
        *context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD);
    ASSERT(info);
    int fd = info->connect_fd;
    info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    *context = connection_open(self, handle, fd, info ? info->client_addr : NULL);
}

/* The request line is there, unchanged: the library's own decoding comes after this and is not
 * used. */
static void *on_target(void *self, const char *target, struct MHD_Connection *handle)
{
    (void)self;
    struct connection *connection = connection_of(handle);
    if (connection->deadline_kind == DEADLINE_IDLE) {
        deadline_set(connection, DEADLINE_HEADER);
    }
    return request_open(connection, target ? target : "");
}

static void on_completed(void *self, struct MHD_Connection *handle, void **context,
                         enum MHD_RequestTerminationCode code)
{
    (void)self;
    (void)code;
    if (*context) {
        request_close(*context);
        *context = NULL;
        deadline_set(connection_of(handle), DEADLINE_IDLE);
    }
}

/* What the headers say about the body, counted by us: the library takes the first of several
 * without a word. */
struct framing {
    unsigned lengths;
    unsigned encodings;
    bool is_chunked;
    bool is_bad;
    bool expects_continue;
};

static bool is_token(const char *name, size_t count)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < count; i++) {
        char c = (char)(name[i] | 0x20);
        bool is_word = (c >= 'a' && c <= 'z') || (name[i] >= '0' && name[i] <= '9');
        if (!is_word && (name[i] == '\0' || !strchr(others, name[i]))) {
            return false;
        }
    }
    return count > 0;
}

static bool name_is(const char *name, size_t count, const char *wanted, size_t wanted_count)
{
    return count == wanted_count && strncasecmp(name, wanted, count) == 0;
}

static enum MHD_Result on_header(void *self, enum MHD_ValueKind kind, const char *name,
                                 size_t name_count, const char *value, size_t value_count)
{
    (void)kind;
    struct framing *framing = self;
    if (!is_token(name, name_count) || (value && memchr(value, '\0', value_count))) {
        framing->is_bad = true;
    } else if (name_is(name, name_count, "Content-Length", 14)) {
        framing->lengths++;
    } else if (name_is(name, name_count, "Transfer-Encoding", 17)) {
        framing->encodings++;
        framing->is_chunked = value && strcasecmp(value, "chunked") == 0;
    } else if (name_is(name, name_count, "Expect", 6)) {
        framing->expects_continue = true;
    }
    return MHD_YES;
}

static bool framing_is_clear(const struct framing *framing, const char *version)
{
    if (framing->is_bad || framing->lengths + framing->encodings > 1) {
        return false;
    }
    /* HTTP/1.0 has no chunks, and no other coding is understood. */
    return framing->encodings == 0 || (framing->is_chunked && strcmp(version, "HTTP/1.1") == 0);
}

static bool method_read(const char *text, enum http_method *out_method)
{
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {
        {.name = "POST", .method = HTTP_POST},     {.name = "GET", .method = HTTP_GET},
        {.name = "HEAD", .method = HTTP_GET},      {.name = "PUT", .method = HTTP_PUT},
        {.name = "DELETE", .method = HTTP_DELETE},
    };
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(text, methods[i].name) == 0) {
            *out_method = methods[i].method;
            return true;
        }
    }
    return false;
}

static uint64_t content_length(const struct http_request *request)
{
    uint64_t count = 0;
    const char *text = mhd_header(request, "Content-Length");
    if (text[0] && parse_u64(text, 0, UINT64_MAX, &count, NULL) < 0) {
        return UINT64_MAX;
    }
    return count;
}

static size_t header_bytes(struct MHD_Connection *handle)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(handle, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info ? info->header_size : 0;
}

/* Who may not even ask. 0, or the status; the answer is set. */
static int refuse_early(struct http_request *request, struct MHD_Connection *handle,
                        const struct framing *framing, const char *version)
{
    if (request->connection->is_refused) {
        return request_fail(request, 503, "too many connections", NULL, true);
    }
    if (request->server->is_stopping) {
        return request_fail(request, 503, "stopping", NULL, true);
    }
    if (!framing_is_clear(framing, version)) {
        return request_fail(request, 400, "the headers are malformed or give two body lengths",
                            NULL, true);
    }
    if (header_bytes(handle) > HTTP_HEADER_BYTES_MAX) {
        return request_fail(request, 431, "the header is longer than 16 KB", NULL, true);
    }
    return request_read_target(request);
}

static int refuse_by_route(struct http_request *request, const char *method)
{
    const char *allow = NULL;
    bool is_known = method_read(method, &request->method);
    int status = routes_find(request->server, request->method, is_known, request, &allow);
    if (status) {
        return request_fail(request, status,
                            status == 404 ? "there is nothing at this path"
                                          : "this path does not take that method",
                            allow, false);
    }
    const struct http_route *route = request->route;
    request->body_bytes_max =
        route->body_bytes_max ? route->body_bytes_max : request->server->options.body_bytes_max;
    request->body.max_length = request->body_bytes_max;
    status = route->begin ? route->begin(route->self, request) : 0;
    if (status && !request->has_answer) {
        (void)request_fail(request, status, request->early_text ? request->early_text : "refused",
                           NULL, false);
    }
    if (!status && content_length(request) > request->body_bytes_max) {
        status = request_fail(request, 413, "the body is too large", NULL, false);
    }
    return status;
}

static enum MHD_Result queue_gave_up(struct http_request *request)
{
    /* The request belongs to the thread that still holds it: nothing of it is read here. */
    struct MHD_Connection *handle = request->connection->handle;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        sizeof(gave_up_text) - 1, (void *)(uintptr_t)gave_up_text, MHD_RESPMEM_PERSISTENT);
    if (!response) {
        return MHD_NO;
    }
    bool is_good =
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json") &&
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1") &&
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") &&
        MHD_queue_response(handle, MHD_HTTP_SERVICE_UNAVAILABLE, response);
    MHD_destroy_response(response);
    deadline_set(request->connection, DEADLINE_SEND);
    return is_good ? MHD_YES : MHD_NO;
}

/* False: the library refuses it, because a value holds CR or LF. */
static bool add_field(struct MHD_Response *response, const char *name, const char *value)
{
    return !value || MHD_add_response_header(response, name, value) == MHD_YES;
}

static bool add_fields(struct MHD_Response *response, const struct http_response *answer)
{
    bool is_good =
        add_field(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                  answer->content_type ? answer->content_type : "application/json") &&
        add_field(response, MHD_HTTP_HEADER_RETRY_AFTER, answer->retry_after) &&
        add_field(response, MHD_HTTP_HEADER_LOCATION, answer->location) &&
        add_field(response, MHD_HTTP_HEADER_ALLOW, answer->allow) &&
        /* JSON is never guessed to be anything else. */
        add_field(response, "X-Content-Type-Options", answer->content_type ? "nosniff" : NULL);
    if (is_good && answer->is_page) {
        is_good = add_field(response, "Content-Security-Policy", PAGE_POLICY) &&
                  add_field(response, "Referrer-Policy", "no-referrer") &&
                  add_field(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    }
    for (size_t i = 0; is_good && i < answer->field_count; i++) {
        is_good = add_field(response, answer->fields[i].name, answer->fields[i].value);
    }
    return is_good && (!answer->close || add_field(response, MHD_HTTP_HEADER_CONNECTION, "close"));
}

static enum MHD_Result queue_answer(struct http_request *request)
{
    const struct http_response *answer = &request->answer;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer->body_count, (void *)(uintptr_t)answer->body, MHD_RESPMEM_PERSISTENT);
    if (!response) {
        return MHD_NO;
    }
    bool is_good = add_fields(response, answer) &&
                   MHD_queue_response(request->connection->handle, (unsigned)answer->status,
                                      response) == MHD_YES;
    MHD_destroy_response(response);
    metric_add(request->server->requests_metric, 1);
    deadline_set(request->connection, DEADLINE_SEND);
    return is_good ? MHD_YES : MHD_NO;
}

static ssize_t on_read(void *self, uint64_t position, char *out, size_t max)
{
    (void)position;
    struct http_request *request = self;
    struct http_stream *stream = request->stream;
    size_t count;
    if (!stream_read(stream, out, max, &count)) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (count == 0) {
        deadline_set(request->connection, DEADLINE_COMMENT);
        MHD_suspend_connection(request->connection->handle);
    } else if (!stream_is_ended(stream)) { /* the end has one deadline for all that is left */
        deadline_set(request->connection, DEADLINE_SEND);
    }
    return (ssize_t)count;
}

static enum MHD_Result queue_stream(struct http_request *request)
{
    struct http_server *server = request->server;
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, HTTP_STREAM_BLOCK_BYTES, on_read, request, NULL);
    if (!response) {
        return MHD_NO;
    }
    bool is_good =
        add_field(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream") &&
        add_field(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") &&
        add_field(response, "X-Accel-Buffering", "no") && /* a proxy must hold nothing back */
        add_field(response, MHD_HTTP_HEADER_CONNECTION, "close") &&
        MHD_queue_response(request->connection->handle, MHD_HTTP_OK, response) == MHD_YES;
    MHD_destroy_response(response);
    metric_add(server->requests_metric, 1);
    metric_set(server->streams_metric, (int64_t)++server->stream_count);
    deadline_set(request->connection, DEADLINE_SEND);
    if (server->is_stopping) {
        (void)stream_farewell(request->stream, "closed: the daemon stops");
        deadline_set(request->connection, DEADLINE_LAST_WORDS);
    }
    return is_good ? MHD_YES : MHD_NO;
}

static void begin_active(struct http_request *request)
{
    request->is_active = true;
    request->server->active_count++;
}

/* The headers are there. */
static enum MHD_Result on_headers(struct http_request *request, struct MHD_Connection *handle,
                                  const char *method, const char *version)
{
    struct framing framing = {0};
    (void)MHD_get_connection_values_n(handle, MHD_HEADER_KIND, on_header, &framing);
    begin_active(request);
    int status = refuse_early(request, handle, &framing, version);
    if (!status) {
        status = refuse_by_route(request, method);
    }
    request->stage = status ? REQUEST_SWALLOW : REQUEST_BODY;
    /* An answer queued now ends the connection: right when the body will not come or is not worth
     * reading. */
    if (status && (framing.expects_continue || request->answer.close ||
                   content_length(request) > HTTP_SWALLOW_BYTES_MAX)) {
        return queue_answer(request);
    }
    deadline_set(request->connection, DEADLINE_BODY);
    return MHD_YES;
}

static enum MHD_Result on_body(struct http_request *request, const char *bytes, size_t count)
{
    if (request->stage == REQUEST_BODY && count <= request->body_bytes_max - request->body.length) {
        strbuf_add_bytes(&request->body, bytes, count);
        ASSERT(!request->body.overflowed);
        return MHD_YES;
    }
    if (request->stage == REQUEST_BODY) { /* chunked, and more than was allowed */
        (void)request_fail(request, 413, "the body is too large", NULL, false);
        request->stage = REQUEST_SWALLOW;
        request->swallowed_bytes = request->body.length;
    }
    request->swallowed_bytes += count;
    return request->swallowed_bytes <= HTTP_SWALLOW_BYTES_MAX ? MHD_YES : MHD_NO;
}

static enum MHD_Result on_whole(struct http_request *request)
{
    if (request->abandoned) {
        return queue_gave_up(request);
    }
    if (request->stage == REQUEST_BODY && request->server->is_over) {
        (void)request_fail(request, 503, "stopping", NULL, true);
    } else if (request->stage == REQUEST_BODY) {
        request->stage = REQUEST_HANDLED;
        deadline_none(request->connection);
        request->route->handle(request->route->self, request);
        if (request->is_deferred) {
            /* Its answer may be in the list already; the list is read after this. */
            deadline_set(request->connection, DEADLINE_ANSWER);
            MHD_suspend_connection(request->connection->handle);
            return MHD_YES;
        }
    }
    if (!request->has_answer) {
        (void)request_fail(request, 500, "the request was not answered", NULL, true);
    }
    return request->stream ? queue_stream(request) : queue_answer(request);
}

static enum MHD_Result on_request(void *self, struct MHD_Connection *handle, const char *url,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *count, void **context)
{
    (void)self;
    (void)url;
    struct http_request *request = *context;
    ASSERT(request);
    if (request->stage == REQUEST_HEADERS) {
        return on_headers(request, handle, method, version);
    }
    if (*count > 0) {
        enum MHD_Result result = on_body(request, bytes, *count);
        *count = 0;
        return result;
    }
    return on_whole(request);
}

int mhd_start(struct listener *listener, struct err *err)
{
    const unsigned limit = (unsigned)listener->server->options.connections_max +
                           HTTP_LOCAL_CONNECTIONS_MAX + 2 * HTTP_REFUSED_MAX;
    struct MHD_OptionItem tls[] = {
        {.option = MHD_OPTION_HTTPS_CERT_CALLBACK2, .ptr_value = identity_callback()},
        {.option = MHD_OPTION_HTTPS_PRIORITIES, .ptr_value = (void *)(uintptr_t)TLS_PRIORITIES},
        {.option = MHD_OPTION_END},
    };
    struct MHD_OptionItem none[] = {{.option = MHD_OPTION_END}};
    const unsigned flags =
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (listener->is_tls ? MHD_USE_TLS : 0);
    listener->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, NULL, MHD_OPTION_LISTEN_SOCKET, listener->fd,
        MHD_OPTION_CONNECTION_LIMIT, limit, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CONNECTION_MEMORY_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, NULL, MHD_OPTION_URI_LOG_CALLBACK, on_target, NULL, MHD_OPTION_ARRAY,
        listener->is_tls ? tls : none, MHD_OPTION_END);
    if (!listener->daemon) {
        return err_set(err, ERR_SYSTEM, "the HTTP library does not start%s",
                       listener->is_tls ? "; was it built with TLS?" : "");
    }
    return 0;
}

int mhd_poll_fd(const struct listener *listener)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    ASSERT(info && info->epoll_fd >= 0);
    return info->epoll_fd;
}

bool mhd_wants_run(const struct listener *listener)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
    return MHD_get_timeout(listener->daemon, &timeout_ms) == MHD_YES && timeout_ms == 0;
}

void mhd_run(struct listener *listener)
{
    identity_serve(listener->server); /* whose handshakes these are */
    (void)MHD_run(listener->daemon);  /* MHD_NO: the epoll descriptor is gone, an ASSERT below */
}

void mhd_quiesce(struct listener *listener)
{
    (void)MHD_quiesce_daemon(listener->daemon); /* gives back the descriptor that is ours anyway */
}

void mhd_stop(struct listener *listener)
{
    if (listener->daemon) {
        MHD_stop_daemon(listener->daemon);
        listener->daemon = NULL;
    }
}

void mhd_resume(struct http_request *request)
{
    request->connection->listener->needs_run = true;
    MHD_resume_connection(request->connection->handle);
}

const char *mhd_header(const struct http_request *request, const char *name)
{
    const char *value =
        MHD_lookup_connection_value(request->connection->handle, MHD_HEADER_KIND, name);
    return value ? value : "";
}

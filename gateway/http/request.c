#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/assert.h"
#include "gateway/http/parts.h"

struct http_request *request_open(struct connection *connection, const char *target)
{
    struct http_server *server = connection->listener->server;
    struct http_request *request = server->pool;
    if (request) {
        server->pool = request->next;
        server->pool_count--;
    } else {
        request = heap_alloc(sizeof(*request));
        arena_init(&request->arena);
        strbuf_init(&request->scratch, HTTP_ERROR_BYTES_MAX);
        strbuf_init(&request->body, 0);
    }
    request->server = server;
    request->answers = server->answers;
    request->connection = connection;
    size_t length = strnlen(target, HTTP_TARGET_BYTES_MAX + 1);
    request->target = arena_strndup(&request->arena, target, length);
    request->path = request->query_text = request->path_rest = "";
    connection->request = request;
    return request;
}

void request_free(struct http_request *request)
{
    arena_clear(&request->arena);
    strbuf_clear(&request->body);
    strbuf_clear(&request->scratch);
    free(request);
}

/* Back to the pool, with its memory, unless that has grown. */
static void request_recycle(struct http_server *server, struct http_request *request)
{
    struct http_request kept = {
        .arena = request->arena, .body = request->body, .scratch = request->scratch};
    bool is_big = kept.body.capacity > HTTP_POOL_BODY_BYTES_MAX ||
                  kept.arena.used_bytes > HTTP_POOL_BODY_BYTES_MAX;
    if (is_big || server->pool_count >= HTTP_POOL_REQUESTS_MAX) {
        request_free(request);
        return;
    }
    arena_reset(&kept.arena);
    strbuf_reset(&kept.body);
    *request = kept;
    request->next = server->pool;
    server->pool = request;
    server->pool_count++;
}

void request_close(struct http_request *request)
{
    struct http_server *server = request->server;
    request->connection->request = NULL;
    if (request->is_active) {
        server->active_count--;
    }
    if (request->stream && !request->abandoned) {
        server->stream_count--;
        metric_set(server->streams_metric, (int64_t)server->stream_count);
        stream_detach(request->stream);
    }
    if (request->done) {
        request->done(request->done_self, request);
    }
    request->connection = NULL;
    if (!request->abandoned) {
        request_recycle(server, request);
    } else if (answers_settle(request)) {
        request_free(request);
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoding, once. NULL: a broken escape, a NUL, or no UTF-8. */
static char *decode(struct arena *arena, const char *text, size_t count, bool plus_is_space)
{
    char *out = arena_alloc(arena, count + 1);
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        char c = text[i];
        if (c == '%') {
            int high = count - i > 2 ? hex_value(text[i + 1]) : -1;
            int low = high >= 0 ? hex_value(text[i + 2]) : -1;
            if (low < 0) {
                return NULL;
            }
            c = (char)(high << 4 | low);
            i += 2;
        } else if (plus_is_space && c == '+') {
            c = ' ';
        }
        out[length++] = c;
    }
    return text_is_utf8(out, length) ? out : NULL;
}

/* The part of an absolute target ("http://host/path") that is the path. */
static const char *target_path(const char *target)
{
    bool is_absolute =
        strncasecmp(target, "http://", 7) == 0 || strncasecmp(target, "https://", 8) == 0;
    if (!is_absolute) {
        return target;
    }
    const char *slash = strchr(strstr(target, "//") + 2, '/');
    return slash ? slash : "/";
}

int request_read_target(struct http_request *request)
{
    if (strlen(request->target) > HTTP_TARGET_BYTES_MAX) {
        return request_fail(request, 414, "the target is longer than 8192 bytes", NULL, true);
    }
    const char *path = target_path(request->target);
    size_t count = strcspn(path, "?#");
    const char *decoded = decode(&request->arena, path, count, false);
    bool has_control = decoded == NULL;
    for (const char *c = decoded; c && *c; c++) {
        has_control = has_control || (unsigned char)*c < 0x20 || *c == 0x7f;
    }
    if (has_control) {
        return request_fail(request, 400, "the path has a broken escape or a control byte", NULL,
                            false);
    }
    request->path = decoded;
    request->query_text = path[count] == '?' ? path + count + 1 : "";
    return 0;
}

/* The value of `name` in a=b&c=d; "" when absent or not decodable. */
static const char *pair_value(struct arena *arena, const char *text, size_t count, const char *name)
{
    const char *end = text + count;
    while (text < end) {
        const char *stop = memchr(text, '&', (size_t)(end - text));
        stop = stop ? stop : end;
        const char *equals = memchr(text, '=', (size_t)(stop - text));
        const char *name_end = equals ? equals : stop;
        const char *found = decode(arena, text, (size_t)(name_end - text), true);
        if (found && strcmp(found, name) == 0) {
            const char *value =
                equals ? decode(arena, equals + 1, (size_t)(stop - equals - 1), true) : "";
            return value ? value : "";
        }
        text = stop < end ? stop + 1 : end;
    }
    return "";
}

enum http_method http_method(const struct http_request *request)
{
    return request->method;
}

const char *http_path(const struct http_request *request)
{
    return request->path;
}

const char *http_target(const struct http_request *request)
{
    return target_path(request->target);
}

const char *http_path_rest(const struct http_request *request)
{
    return request->path_rest;
}

uint64_t http_path_number(const struct http_request *request)
{
    return request->path_number;
}

const char *http_query(const struct http_request *request, const char *name)
{
    /* Only the arena grows: for the caller the request stays as it was. */
    struct arena *arena = &((struct http_request *)request)->arena;
    return pair_value(arena, request->query_text, strcspn(request->query_text, "#"), name);
}

const char *http_header(const struct http_request *request, const char *name)
{
    return mhd_header(request, name);
}

const void *http_body(const struct http_request *request, size_t *out_count)
{
    *out_count = request->body.length;
    return strbuf_text(&request->body);
}

const char *http_form(struct http_request *request, const char *name)
{
    return pair_value(&request->arena, strbuf_text(&request->body), request->body.length, name);
}

const char *http_bearer(const struct http_request *request)
{
    const char *value = mhd_header(request, "Authorization");
    if (strncasecmp(value, "Bearer ", 7) != 0) {
        return "";
    }
    return value + 7 + strspn(value + 7, " ");
}

struct arena *http_arena(struct http_request *request)
{
    return &request->arena;
}

void http_set_data(struct http_request *request, void *data)
{
    request->data = data;
}

void *http_data(const struct http_request *request)
{
    return request->data;
}

void http_peer(const struct http_request *request, struct http_peer *out_peer)
{
    const struct connection *connection = request->connection;
    *out_peer = (struct http_peer){
        .is_local = connection->listener->port == 0,
        .uid = connection->uid,
        .gid = connection->gid,
        .pid = connection->pid,
        .address = connection->address,
    };
}

void http_on_done(struct http_request *request,
                  void (*done)(void *self, struct http_request *request), void *self)
{
    request->done = done;
    request->done_self = self;
}

static const char *copy_or_null(struct arena *arena, const char *text)
{
    return text ? arena_strdup(arena, text) : NULL;
}

void request_set_answer(struct http_request *request, const struct http_response *response)
{
    struct arena *arena = &request->arena;
    struct http_response *answer = &request->answer;
    *answer = *response;
    answer->content_type = copy_or_null(arena, response->content_type);
    answer->retry_after = copy_or_null(arena, response->retry_after);
    answer->location = copy_or_null(arena, response->location);
    answer->allow = copy_or_null(arena, response->allow);
    if (!response->body_is_static && response->body_count > 0) {
        answer->body = arena_copy(arena, response->body, response->body_count);
    }
    if (response->field_count > 0) {
        struct http_field *fields =
            arena_alloc_array(arena, response->field_count, sizeof(*fields));
        for (size_t i = 0; i < response->field_count; i++) {
            fields[i].name = arena_strdup(arena, response->fields[i].name);
            fields[i].value = arena_strdup(arena, response->fields[i].value);
        }
        answer->fields = fields;
    }
    request->has_answer = true;
}

/* The body of an error answer, in the scratch buffer. */
static struct http_response error_response(struct http_request *request, int status,
                                           const char *text)
{
    struct strbuf *buf = &request->scratch;
    bool is_page = request->route && request->route->is_page;
    strbuf_reset(buf);
    if (is_page) {
        strbuf_printf(buf, "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>%d",
                      status);
        strbuf_add(buf, "</title><p>");
        strbuf_add_html(buf, text);
        strbuf_add(buf, "</p></html>\n");
    } else {
        strbuf_add(buf, "{\"error\":");
        strbuf_add_json_string(buf, text);
        strbuf_add(buf, "}\n");
    }
    return (struct http_response){
        .status = status,
        .content_type = is_page ? "text/html; charset=utf-8" : NULL,
        .body = strbuf_text(buf),
        .body_count = buf->length,
        .is_page = is_page,
        .retry_after = status == 503 || status == 429 ? "1" : NULL,
    };
}

int request_fail(struct http_request *request, int status, const char *text, const char *allow,
                 bool close)
{
    struct http_response response = error_response(request, status, text);
    response.allow = allow;
    response.close = close;
    request_set_answer(request, &response);
    return status;
}

static const char *format_text(struct http_request *request, const char *format, va_list values)
    __attribute__((format(printf, 2, 0)));

static const char *format_text(struct http_request *request, const char *format, va_list values)
{
    char text[ERR_TEXT_BYTES];
    (void)vsnprintf(text, sizeof(text), format, values); /* a longer sentence is cut */
    return arena_strdup(&request->arena, text);
}

void http_answer_error(struct http_request *request, int status, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    const char *text = format_text(request, format, values);
    va_end(values);
    struct http_response response = error_response(request, status, text);
    http_answer(request, &response);
}

int http_early_error(struct http_request *request, int status, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    request->early_text = format_text(request, format, values);
    va_end(values);
    return status;
}

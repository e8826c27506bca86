/*
 * server - HTTP/1.1 in: one I/O thread, several listeners (TCP, TLS, the control socket), routes registered by rooms.
 *
 * Shape:   http_server_create -> http_server_route for each route -> http_server_listen_* -> http_server_start.
 *          A request is handled on the I/O thread once its body is whole: the handler answers now (http_answer) or keeps the
 *          request (http_defer) and answers later from any thread. stream.h: answers that never end.
 * Owns:    the request and everything read from it live until its answer was sent; the request's arena is the handler's.
 * Threads: handlers run on the I/O thread and never block. http_answer may be called from any thread for a deferred
 *          request, exactly once; many answers cost one wake.
 * Limits:  header 16 KB in 10 s (431/408), body as configured in 30 s (413/408), connections in all and per address (503),
 *          ambiguous lengths (two Content-Length, or with Transfer-Encoding) are 400 and close. A deferred request that
 *          nobody answers within HTTP_ANSWER_MS is answered 503; the late http_answer is then taken and dropped.
 * Fails:   404 unknown path, 405 with Allow; errors are JSON {"error":"…"} unless the route is a page.
 * Source:  RFC 9110, 9112; libmicrohttpd driven from our own loop (see DEPENDENCIES: never its internal epoll thread).
 */
#ifndef ESCALATED_HTTP_SERVER_H
#define ESCALATED_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "gateway/base/text.h"

#define HTTP_ANSWER_MS 60000
#define HTTP_SEND_MS 30000 /* for a client to take what was sent */

struct http_server;
struct http_request;

enum http_method {
    HTTP_GET,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_METHOD_COUNT
}; /* HEAD runs as GET */

struct http_route {
    enum http_method method;
    const char
        *path; /* "/v1/events"; a trailing "*" matches the rest, "{n}" one segment of digits */
    /* Called when the headers are there, before the body: 0 goes on, else the status to answer at once with
     * http_early_error's text, or with what `begin` gave to http_answer. May be NULL. Checks token, length, type. */
    int (*begin)(void *self, struct http_request *request);
    void (*handle)(void *self, struct http_request *request);
    void *self;
    size_t body_bytes_max; /* 0: the server's limit */
    bool local_only;       /* only over the control socket */
    bool is_page;          /* errors as HTML */
};

struct http_server_options {
    size_t connections_max;
    size_t connections_per_ip_max;
    size_t body_bytes_max;
    int64_t header_timeout_ms;
    int64_t body_timeout_ms;
    int64_t send_timeout_ms;   /* for a client to take what was sent; 0: HTTP_SEND_MS */
    int64_t stream_comment_ms; /* a stream is silent for no longer; 0: HTTP_STREAM_COMMENT_MS */
};

int http_server_create(const struct http_server_options *options, struct http_server **out_server,
                       struct err *err);
int http_server_route(struct http_server *server, const struct http_route *route, struct err *err);

/* `round` is called on the I/O thread after each round of requests, before it waits again: what the handlers have
 * collected can then be handed on at once. One for the server, before its start. */
void http_server_on_round(struct http_server *server, void (*round)(void *self), void *self);

/* host:port; port 0 takes any free one (http_server_port tells). cert and key PEM text both NULL: plain.
 * identity.h renews them. */
int http_server_listen_tcp(struct http_server *server, const char *host, int port,
                           const char *cert_pem, const char *key_pem, struct err *err);
/* A Unix socket, 0660, group by name ("" keeps the group); an old socket file is replaced unless somebody answers on it. */
int http_server_listen_unix(struct http_server *server, const char *path, const char *group,
                            struct err *err);
int http_server_port(const struct http_server *server); /* of the first TCP listener */

int http_server_start(struct http_server *server, struct err *err);
/* No new connections; deferred requests get up to grace_ms to be answered, then 503. Idempotent; joins. */
void http_server_stop(struct http_server *server, int64_t grace_ms);
void http_server_destroy(struct http_server *server);

/* What a handler may ask. Texts are never NULL: absent is "". */
enum http_method http_method(const struct http_request *request);
const char *http_path(const struct http_request *request);      /* decoded once, no query */
const char *http_target(const struct http_request *request);    /* path and query as they came */
const char *http_path_rest(const struct http_request *request); /* what "*" matched */
uint64_t http_path_number(const struct http_request *request);  /* what "{n}" matched */
const char *http_query(const struct http_request *request, const char *name);  /* decoded */
const char *http_header(const struct http_request *request, const char *name); /* any case */
const void *http_body(const struct http_request *request, size_t *out_count);
/* A field of an application/x-www-form-urlencoded body, decoded, into the request's arena. */
const char *http_form(struct http_request *request, const char *name);
/* The token of `Authorization: Bearer …`, else "". */
const char *http_bearer(const struct http_request *request);
struct arena *http_arena(struct http_request *request);
/* For the handler's own state of this request. */
void http_set_data(struct http_request *request, void *data);
void *http_data(const struct http_request *request);

struct http_peer {
    bool is_local; /* over the control socket: uid, gid, pid are its peer credentials */
    unsigned uid, gid;
    int pid;
    const char *address; /* numeric, "" when local */
};
void http_peer(const struct http_request *request, struct http_peer *out_peer);

struct http_field { /* one more header of an answer: Set-Cookie, ETag, Content-Disposition */
    const char *name, *value;
};

struct http_response {
    int status;
    const char *content_type; /* NULL: application/json */
    const void *body;         /* copied unless body_is_static */
    size_t body_count;
    bool body_is_static;
    const char *retry_after;         /* seconds as text, or NULL */
    const char *location;            /* or NULL */
    const char *allow;               /* or NULL */
    const struct http_field *fields; /* copied */
    size_t field_count;
    bool
        is_page; /* adds Content-Security-Policy, Referrer-Policy: no-referrer, Cache-Control: no-store */
    bool close;
};

/* Call it before the request becomes visible to another thread. From then on only http_answer, http_resume, http_arena
 * and http_data may be used with it. */
void http_defer(struct http_request *request);
void http_answer(struct http_request *request, const struct http_response *response);
/* Instead of http_answer on a deferred request: `answer` is called soon on the I/O thread and calls http_answer there, so
 * that the caller's thread builds no text. False: the server has given up on the request; nothing will be called and
 * the request must not be touched again. */
bool http_resume(struct http_request *request,
                 void (*answer)(void *self, struct http_request *request), void *self);
/* {"error":"…"} with the status. */
void http_answer_error(struct http_request *request, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* For `begin`: keeps the text for the error answer, returns status. */
int http_early_error(struct http_request *request, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Called on the I/O thread when the client has gone or the answer was sent. A deferred request that was given up comes
 * here first and is still to be answered once. */
void http_on_done(struct http_request *request,
                  void (*done)(void *self, struct http_request *request), void *self);

#endif

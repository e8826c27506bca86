/*
 * parts - what the files of gateway/http share with each other and with nobody else.
 *
 * Shape:   a listener has connections, a connection has at most one request; mhd.c turns the
 *          library's callbacks into calls of request.c, routes.c and limits.c; loop.c drives
 *          everything; answers.c is the way back in.
 * Threads: everything belongs to the I/O thread, but `struct answers` and the two request fields it
 *          guards.
 */
#ifndef ESCALATED_HTTP_PARTS_H
#define ESCALATED_HTTP_PARTS_H

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "gateway/http/identity.h"
#include "gateway/http/server.h"
#include "gateway/http/stream.h"
#include "gateway/system/metrics.h"

#define HTTP_LISTENERS_MAX 8
#define HTTP_HEADER_BYTES_MAX 16384
#define HTTP_TARGET_BYTES_MAX 8192
/* Holds a header of the full size, its index and the head of the answer; larger ones are refused by
 * the library. */
#define HTTP_CONNECTION_MEMORY_BYTES 24576
#define HTTP_LOCAL_CONNECTIONS_MAX 256
/* Connections over the limit that may exist just to be told so. */
#define HTTP_REFUSED_MAX 64
#define HTTP_REFUSED_MS 1000
#define HTTP_IDLE_MS 60000      /* between two requests */
#define HTTP_LAST_WORDS_MS 1000 /* of a stop, for a client to take what is said last */
#define HTTP_STREAM_BLOCK_BYTES 16384
/* An emptied queue larger than this gives its memory back. */
#define HTTP_STREAM_KEPT_BYTES 4096
/* A body nobody wants is read up to here, so that the client gets to read why. */
#define HTTP_SWALLOW_BYTES_MAX (4u << 20)
#define HTTP_POOL_REQUESTS_MAX 256
#define HTTP_POOL_BODY_BYTES_MAX 65536
#define HTTP_ADDRESS_BUCKETS 1024
#define HTTP_ADDRESS_TEXT_BYTES 64
#define HTTP_ERROR_BYTES_MAX 8192

enum deadline_kind {
    DEADLINE_HEADER,
    DEADLINE_BODY,
    DEADLINE_ANSWER,
    DEADLINE_SEND,
    DEADLINE_IDLE,
    DEADLINE_REFUSED,
    DEADLINE_COMMENT,    /* a stream with nothing to say, suspended */
    DEADLINE_LAST_WORDS, /* a stream at a stop */
    DEADLINE_KIND_COUNT, /* also: none */
};

struct address_count {
    struct address_count *next;
    unsigned char key[16];
    size_t count;
};

struct listener {
    struct http_server *server;
    void *daemon; /* of the library */
    int fd;
    int port;        /* 0: a Unix socket */
    char *unix_path; /* "" for TCP */
    bool is_tls;
    bool needs_run;
};

struct connection {
    struct listener *listener;
    void *handle; /* of the library */
    int fd;
    struct http_request *request; /* NULL between requests */
    struct address_count *address_count;
    char address[HTTP_ADDRESS_TEXT_BYTES];
    unsigned uid, gid;
    int pid;
    bool is_refused;
    enum deadline_kind deadline_kind;
    int64_t deadline_ms;
    struct connection *earlier, *later; /* in the list of its deadline_kind */
};

/* One timeout for all members, so the list is in order by itself. */
struct deadline_list {
    struct connection *first, *last;
    int64_t timeout_ms;
};

/* How threads hand answers to the I/O thread. Outlives the server while an abandoned request is
 * unanswered. */
struct answers {
    /* Guards what follows, `abandoned` and `settled` of requests, and streams. */
    pthread_mutex_t answers_lock;
    struct http_request *first, *last;
    struct http_stream *first_news, *last_news; /* suspended streams that have something to say */
    bool is_sleeping;                           /* the I/O thread waits: a wake is needed */
    bool is_stopping;
    int64_t stop_grace_ms;
    size_t users;
    int wake_fd;
};

enum request_stage { REQUEST_HEADERS, REQUEST_BODY, REQUEST_SWALLOW, REQUEST_HANDLED };

struct http_request {
    struct http_server *server;
    struct answers
        *answers; /* the server's; valid longer than the server for an abandoned request */
    struct connection *connection;
    struct arena arena;
    struct strbuf body;
    struct strbuf scratch; /* for error texts */
    enum request_stage stage;
    enum http_method method;
    const struct http_route *route;
    const char *target; /* as it came, in the arena */
    const char *path;
    const char *query_text; /* undecoded */
    const char *path_rest;
    uint64_t path_number;
    size_t body_bytes_max;
    size_t swallowed_bytes;
    bool has_answer;
    bool is_deferred;
    bool is_active; /* counted in server->active_count */
    bool abandoned; /* the client was told 503; somebody still holds the request */
    bool settled;   /* of an abandoned one: the first of the two sides has finished with it */
    struct http_response answer; /* everything in the arena, or static */
    void (*resume)(void *self, struct http_request *request);
    void *resume_self;
    const char *early_text;
    struct http_stream *stream; /* instead of a body; its own reference */
    void *data;
    void (*done)(void *self, struct http_request *request);
    void *done_self;
    struct http_request *next; /* in the pool or the list of answers */
};

/* Bytes on their way to one client. Guarded by answers_lock but for `answers`, `options`. */
struct http_stream {
    struct answers *answers; /* one of its users */
    struct http_stream_options options;
    struct http_request *request; /* NULL: the client has gone; the I/O thread's */
    size_t references;            /* the holder, the request, the list of news */
    char *bytes;
    size_t begin, end, capacity;
    bool is_waiting; /* suspended, because there was nothing to send */
    bool is_listed;  /* in the list of news */
    bool is_full;    /* somebody was refused and waits for room */
    bool is_ended;   /* nothing is added any more */
    struct http_stream *next;
};

struct http_server {
    struct http_server_options options;
    struct listener listeners[HTTP_LISTENERS_MAX];
    size_t listener_count;
    struct http_route *routes;
    size_t route_count;
    const struct http_route *recent_route; /* the I/O thread's */
    void (*round)(void *self);
    void *round_self;
    struct answers *answers;
    struct http_identity *identity; /* of the TLS listeners; guarded by answers_lock */
    pthread_t thread;
    bool is_started;
    bool is_stopped;
    bool is_stopping; /* as the I/O thread sees it */
    bool is_over;     /* the last words are being said */
    int64_t now_ms;   /* monotonic, read once a round */
    int64_t stop_deadline_ms;
    struct deadline_list deadlines[DEADLINE_KIND_COUNT];
    struct address_count *addresses[HTTP_ADDRESS_BUCKETS];
    uint64_t address_seed;
    size_t network_count, local_count, refused_count;
    size_t active_count; /* requests between headers and the last byte of the answer */
    struct http_request *pool;
    size_t pool_count;
    size_t stream_count;
    struct metric *connections_metric, *requests_metric, *streams_metric;
    struct metric *refused_metrics[DEADLINE_KIND_COUNT];
};

/* listener.c: sockets, bound and listening. */
int listener_bind_tcp(const struct sockaddr *address, socklen_t size, struct listener *listener,
                      struct err *err);
int listener_bind_unix(const char *path, const char *group, struct listener *listener,
                       struct err *err);
void listener_close(struct listener *listener);

/* limits.c: who may stay, and for how long. */
void limits_prepare(struct http_server *server);
struct connection *connection_open(struct listener *listener, void *handle, int fd,
                                   const struct sockaddr *address);
void connection_close(struct connection *connection);
void deadline_set(struct connection *connection, enum deadline_kind kind);
void deadline_none(struct connection *connection);
struct connection *deadline_due(struct http_server *server); /* NULL: none is due at now_ms */
int64_t deadline_wait_ms(const struct http_server *server);  /* -1: none */

/* routes.c: which handler. 0, or the status (404, 405 with *out_allow in the arena). */
int routes_find(struct http_server *server, enum http_method method, bool is_known_method,
                struct http_request *request, const char **out_allow);

/* request.c: one request from its first header to its end. */
struct http_request *request_open(struct connection *connection, const char *target);
void request_close(struct http_request *request);
void request_free(struct http_request *request);
int request_read_target(struct http_request *request);
int request_fail(struct http_request *request, int status, const char *text, const char *allow,
                 bool close);
void request_set_answer(struct http_request *request, const struct http_response *response);

/* answers.c */
struct answers *answers_create(struct err *err);
void answers_release(struct answers *answers);
bool answers_sleep(struct answers *answers); /* false: there is something to take */
struct http_request *answers_take(struct answers *answers, bool is_woken, bool *out_stopping,
                                  int64_t *out_grace_ms);
void answers_stop(struct answers *answers, int64_t grace_ms);
bool answers_abandon(struct http_request *request); /* false: the answer is already on its way */
bool answers_settle(
    struct http_request *request); /* true: the caller is the last and frees the request */
void answers_lock(struct answers *answers);
void answers_unlock(struct answers *answers);
void answers_wake_locked(struct answers *answers); /* when the I/O thread sleeps */
/* False: nobody waits for the request any more, and it may be gone. */
bool answers_put(struct answers *answers, struct http_request *request);

/* stream.c: the I/O thread's side of streams. */
/* False: all was read and there will be no more. A count of 0: the stream now waits, to be
 * suspended. */
bool stream_read(struct http_stream *stream, char *out, size_t max, size_t *out_count);
bool stream_is_ended(struct http_stream *stream);
/* Ends it with a comment that says why; false: it had ended. */
bool stream_farewell(struct http_stream *stream, const char *why);
void stream_comment(struct http_stream *stream); /* a waiting one says that it is alive */
void stream_detach(struct http_stream *stream);  /* the client has gone or has it all */
/* Streams with news, no longer waiting; each with a reference that the caller lets go of. */
struct http_stream *streams_take(struct answers *answers);
void stream_release(struct http_stream *stream);

/* identity.c: what the TLS library calls in handshakes, which happen on the thread that serves. */
void *identity_callback(void);
void identity_serve(struct http_server *server);

/* mhd.c: the library. */
int mhd_start(struct listener *listener, struct err *err);
int mhd_poll_fd(const struct listener *listener);
bool mhd_wants_run(const struct listener *listener);
void mhd_run(struct listener *listener);
void mhd_quiesce(struct listener *listener);
void mhd_stop(struct listener *listener);
void mhd_resume(struct http_request *request);
const char *mhd_header(const struct http_request *request, const char *name);

/* loop.c */
void *loop_run(void *server);

#endif

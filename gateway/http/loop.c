#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/http/parts.h"
#include "gateway/system/clock.h"

#define WAIT_MS_MAX 3600000
#define TIMEOUT_TEXT "{\"error\":\"the request did not arrive in time\"}\n"

/* The library has sent nothing while a request still comes in, so the answer may be written past
 * it. TLS just ends. */
static void say_timeout(const struct connection *connection)
{
    static const char text[] = "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\n"
                               "Connection: close\r\nContent-Length: 47\r\n\r\n" TIMEOUT_TEXT;
    _Static_assert(sizeof(TIMEOUT_TEXT) - 1 == 47, "Content-Length of the 408");
    if (!connection->listener->is_tls) {
        /* A client that does not read gets no answer. */
        (void)!send(connection->fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

static void give_up(struct http_request *request)
{
    if (answers_abandon(request)) {
        mhd_resume(request);
    }
}

static struct http_stream *stream_of(const struct connection *connection)
{
    struct http_request *request = connection->request;
    return request && !request->abandoned ? request->stream : NULL;
}

/* A waiting stream shows that it is alive; one whose client takes nothing is told so, and has the
 * same time once more to hear it. */
static bool stream_expire(struct connection *connection, enum deadline_kind kind)
{
    struct http_stream *stream = stream_of(connection);
    if (kind == DEADLINE_COMMENT) {
        stream_comment(stream);
        deadline_set(connection, DEADLINE_COMMENT);
        return true;
    }
    if (kind != DEADLINE_SEND || !stream ||
        !stream_farewell(stream, "closed: you read too slowly; go on after your last id")) {
        return false;
    }
    deadline_set(connection, DEADLINE_SEND);
    return true;
}

static void connection_expire(struct http_server *server, struct connection *connection)
{
    enum deadline_kind kind = connection->deadline_kind;
    if (stream_expire(connection, kind)) {
        return;
    }
    if (server->refused_metrics[kind]) {
        metric_add(server->refused_metrics[kind], kind == DEADLINE_REFUSED ? 0 : 1);
    }
    deadline_none(connection);
    if (kind == DEADLINE_ANSWER) {
        give_up(connection->request);
        return;
    }
    if (kind == DEADLINE_HEADER || kind == DEADLINE_BODY) {
        say_timeout(connection);
    }
    /* The library finds the end of the stream, tells us and closes. */
    (void)shutdown(connection->fd, SHUT_RDWR);
}

static void expire(struct http_server *server)
{
    struct connection *connection;
    while ((connection = deadline_due(server)) != NULL) {
        connection_expire(server, connection);
    }
}

/* Answers that other threads have left. */
static void deliver(struct http_request *request)
{
    while (request) {
        struct http_request *next = request->next;
        if (request->resume) {
            request->is_deferred = false;
            request->resume(request->resume_self, request);
        }
        deadline_none(request->connection);
        mhd_resume(request);
        request = next;
    }
}

/* Streams that have something to say go on being sent. */
static void resume_streams(struct http_server *server, struct http_stream *stream)
{
    enum deadline_kind kind = server->is_stopping ? DEADLINE_LAST_WORDS : DEADLINE_SEND;
    while (stream) {
        struct http_stream *next = stream->next;
        if (stream->request) {
            deadline_set(stream->request->connection, kind);
            mhd_resume(stream->request);
        }
        stream_release(stream);
        stream = next;
    }
}

static void stop_streams_of(struct http_server *server, enum deadline_kind kind)
{
    struct connection *connection = server->deadlines[kind].first;
    while (connection) {
        struct connection *later = connection->later;
        struct http_stream *stream = stream_of(connection);
        if (stream) {
            (void)stream_farewell(stream, "closed: the daemon stops");
            deadline_set(connection, DEADLINE_LAST_WORDS);
        }
        connection = later;
    }
}

/* Streams would never end by themselves: they hear why, and have a second to hear it. */
static void stop_streams(struct http_server *server)
{
    stop_streams_of(server, DEADLINE_SEND);
    stop_streams_of(server, DEADLINE_COMMENT);
    resume_streams(server, streams_take(server->answers));
}

static void stop_begin(struct http_server *server, int64_t grace_ms)
{
    if (server->is_stopping) {
        return;
    }
    server->is_stopping = true;
    server->stop_deadline_ms = server->now_ms + grace_ms;
    for (size_t i = 0; i < server->listener_count; i++) {
        mhd_quiesce(&server->listeners[i]);
        listener_close(&server->listeners[i]);
    }
    stop_streams(server);
}

/* Grace is over: every request that still waits is told 503. */
static void stop_waiting(struct http_server *server)
{
    struct connection *connection;
    while ((connection = server->deadlines[DEADLINE_ANSWER].first) != NULL) {
        deadline_none(connection);
        give_up(connection->request);
    }
}

static bool stop_is_done(struct http_server *server)
{
    if (!server->is_stopping) {
        return false;
    }
    if (server->now_ms >= server->stop_deadline_ms) {
        stop_waiting(server);
    }
    return server->active_count == 0 ||
           server->now_ms >= server->stop_deadline_ms + HTTP_LAST_WORDS_MS;
}

static int wait_ms(struct http_server *server)
{
    int64_t wait = deadline_wait_ms(server);
    if (server->is_stopping) {
        int64_t end_ms = server->stop_deadline_ms;
        end_ms += server->now_ms >= end_ms ? HTTP_LAST_WORDS_MS : 0;
        int64_t left_ms = end_ms > server->now_ms ? end_ms - server->now_ms : 0;
        wait = wait < 0 || left_ms < wait ? left_ms : wait;
    }
    for (size_t i = 0; i < server->listener_count; i++) {
        struct listener *listener = &server->listeners[i];
        listener->needs_run = listener->needs_run || mhd_wants_run(listener);
        wait = listener->needs_run ? 0 : wait;
    }
    if (wait != 0 && !answers_sleep(server->answers)) {
        wait = 0;
    }
    return wait < 0 || wait > WAIT_MS_MAX ? WAIT_MS_MAX : (int)wait;
}

static void listeners_run(struct http_server *server, const struct pollfd *fds)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        struct listener *listener = &server->listeners[i];
        if (listener->needs_run || fds[i].revents) {
            listener->needs_run = false;
            mhd_run(listener);
        }
    }
}

static void round_run(struct http_server *server, struct pollfd *fds)
{
    bool stopping = false;
    int64_t grace_ms = 0;
    int ready = poll(fds, (nfds_t)server->listener_count + 1, wait_ms(server));
    ASSERT(ready >= 0 || errno == EINTR);
    server->now_ms = clock_mono_ms();
    struct http_request *answered = answers_take(
        server->answers, fds[server->listener_count].revents != 0, &stopping, &grace_ms);
    if (stopping) {
        stop_begin(server, grace_ms);
    }
    deliver(answered);
    resume_streams(server, streams_take(server->answers));
    /* What has arrived is read before the clock is held against it: when this thread itself came late, the client did not. */
    listeners_run(server, fds);
    if (server->round) {
        server->round(server->round_self);
    }
    expire(server);
}

void *loop_run(void *self)
{
    struct http_server *server = self;
    struct pollfd fds[HTTP_LISTENERS_MAX + 1] = {0};
    for (size_t i = 0; i < server->listener_count; i++) {
        fds[i] = (struct pollfd){.fd = mhd_poll_fd(&server->listeners[i]), .events = POLLIN};
        server->listeners[i].needs_run = true; /* the first run opens the door */
    }
    fds[server->listener_count] = (struct pollfd){.fd = server->answers->wake_fd, .events = POLLIN};
    server->now_ms = clock_mono_ms();
    while (!stop_is_done(server)) {
        round_run(server, fds);
    }
    server->is_over = true;
    stop_waiting(server); /* none may be suspended when the library stops */
    for (size_t i = 0; i < server->listener_count; i++) {
        mhd_run(&server->listeners[i]);
        mhd_stop(&server->listeners[i]);
    }
    return NULL;
}

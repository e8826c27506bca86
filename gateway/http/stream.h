/*
 * stream - an answer that does not end: server-sent events.
 *
 * Shape:   http_stream_open instead of http_answer; the head goes out at once, then what is put,
 *          until the stream is closed, the client leaves, or the server stops.
 * Owns:    the stream is the caller's until http_stream_close; bytes are copied.
 * Threads: open in the handler, or on a deferred request from any thread; put, state and close from
 *          any thread. Whoever puts never waits: a full queue is an answer.
 * Limits:  `queue_bytes_max` waiting for one client, or one larger item. A silent stream says a
 *          comment every 15 s, which is also how a client that has left is noticed. A client that
 *          takes nothing for 30 s although something waits, and every client at a stop (then for
 *          one second), hears a last comment that says why before the end.
 * Source:  HTML Living Standard, section 9.2 (server-sent events).
 */
#ifndef ESCALATED_HTTP_STREAM_H
#define ESCALATED_HTTP_STREAM_H

#include "gateway/http/server.h"

#define HTTP_STREAM_COMMENT_MS 15000

struct http_stream;

enum http_stream_state {
    HTTP_STREAM_READY, /* taken, or there is room */
    HTTP_STREAM_FULL, /* nothing was taken; `wake` is called when half of the queue is free again */
    HTTP_STREAM_GONE, /* ended or left: close it */
};

struct http_stream_options {
    size_t queue_bytes_max;
    /* On the I/O thread: a full queue has room again, or the stream is gone. It must not block. The
     * server may call it until it has stopped, also for a stream that was closed. */
    void (*wake)(void *self);
    void *self;
};

/* NULL: the server had given up on the request, which must not be touched again. */
struct http_stream *http_stream_open(struct http_request *request,
                                     const struct http_stream_options *options);
/* All or nothing. */
enum http_stream_state http_stream_put(struct http_stream *stream, const void *bytes, size_t count);
enum http_stream_state http_stream_state(struct http_stream *stream);
/* Lets go of the stream. If it still lives, the client gets what waits, then `why` as a last
 * comment, then the end. Takes NULL. */
void http_stream_close(struct http_stream *stream, const char *why);

#endif

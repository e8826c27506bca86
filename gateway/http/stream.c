/* A stream is a queue of bytes between whoever puts and the I/O thread. One lock guards all of
 * them: the answers' own, so that news and answers share one list of wakes. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/assert.h"
#include "gateway/http/parts.h"

#define FIRST_BYTES 1024

static size_t waiting_bytes(const struct http_stream *stream)
{
    return stream->end - stream->begin;
}

static void drop_bytes(struct http_stream *stream)
{
    free(stream->bytes);
    stream->bytes = NULL;
    stream->begin = stream->end = stream->capacity = 0;
}

static void add_bytes(struct http_stream *stream, const void *bytes, size_t count)
{
    size_t used = waiting_bytes(stream);
    if (stream->begin > 0 && used > 0) {
        memmove(stream->bytes, stream->bytes + stream->begin, used);
    }
    stream->begin = 0;
    stream->end = used;
    if (stream->capacity - used < count) {
        size_t capacity = stream->capacity ? stream->capacity : FIRST_BYTES;
        while (capacity - used < count) {
            capacity *= 2;
        }
        stream->bytes = heap_realloc(stream->bytes, capacity);
        stream->capacity = capacity;
    }
    memcpy(stream->bytes + stream->end, bytes, count);
    stream->end += count;
}

static void add_comment(struct http_stream *stream, const char *text)
{
    add_bytes(stream, ": ", 2);
    add_bytes(stream, text, strlen(text));
    add_bytes(stream, "\n\n", 2);
}

/* A suspended stream has something to say: once in the list until the I/O thread has seen it. */
static void announce(struct http_stream *stream)
{
    struct answers *answers = stream->answers;
    if (!stream->is_waiting || stream->is_listed) {
        return;
    }
    stream->is_listed = true;
    stream->references++;
    stream->next = NULL;
    *(answers->last_news ? &answers->last_news->next : &answers->first_news) = stream;
    answers->last_news = stream;
    answers_wake_locked(answers);
}

void stream_release(struct http_stream *stream)
{
    struct answers *answers = stream->answers;
    answers_lock(answers);
    bool is_last = --stream->references == 0;
    answers_unlock(answers);
    if (is_last) {
        drop_bytes(stream);
        free(stream);
        answers_release(answers);
    }
}

struct http_stream *http_stream_open(struct http_request *request,
                                     const struct http_stream_options *options)
{
    ASSERT(!request->has_answer && options->queue_bytes_max > 0);
    struct answers *answers = request->answers;
    struct http_stream *stream = heap_alloc(sizeof(*stream));
    stream->answers = answers;
    stream->options = *options;
    stream->request = request;
    stream->references = 2; /* the caller's and the request's */
    request->stream = stream;
    request->has_answer = true;
    answers_lock(answers);
    answers->users++;
    answers_unlock(answers);
    if (request->is_deferred && !answers_put(answers, request)) {
        stream_release(stream); /* nobody will read it */
        stream_release(stream);
        return NULL;
    }
    return stream;
}

enum http_stream_state http_stream_put(struct http_stream *stream, const void *bytes, size_t count)
{
    enum http_stream_state state = HTTP_STREAM_READY;
    answers_lock(stream->answers);
    size_t used = waiting_bytes(stream);
    if (stream->is_ended) {
        state = HTTP_STREAM_GONE;
    } else if (used > 0 && used + count > stream->options.queue_bytes_max) {
        stream->is_full = true;
        state = HTTP_STREAM_FULL;
    } else {
        add_bytes(stream, bytes, count);
        announce(stream);
    }
    answers_unlock(stream->answers);
    return state;
}

enum http_stream_state http_stream_state(struct http_stream *stream)
{
    answers_lock(stream->answers);
    enum http_stream_state state = stream->is_ended  ? HTTP_STREAM_GONE
                                   : stream->is_full ? HTTP_STREAM_FULL
                                                     : HTTP_STREAM_READY;
    answers_unlock(stream->answers);
    return state;
}

bool stream_farewell(struct http_stream *stream, const char *why)
{
    answers_lock(stream->answers);
    bool is_first = !stream->is_ended;
    if (is_first) {
        add_comment(stream, why);
        stream->is_ended = true;
        announce(stream);
    }
    answers_unlock(stream->answers);
    return is_first;
}

void http_stream_close(struct http_stream *stream, const char *why)
{
    if (stream) {
        (void)stream_farewell(stream, why);
        stream_release(stream);
    }
}

bool stream_is_ended(struct http_stream *stream)
{
    answers_lock(stream->answers);
    bool is_ended = stream->is_ended;
    answers_unlock(stream->answers);
    return is_ended;
}

void stream_comment(struct http_stream *stream)
{
    answers_lock(stream->answers);
    if (waiting_bytes(stream) == 0) { /* else news are in the list already, and say the same */
        add_bytes(stream, ":\n\n", 3);
        announce(stream);
    }
    answers_unlock(stream->answers);
}

bool stream_read(struct http_stream *stream, char *out, size_t max, size_t *out_count)
{
    answers_lock(stream->answers);
    size_t used = waiting_bytes(stream);
    size_t count = used < max ? used : max;
    if (count > 0) {
        memcpy(out, stream->bytes + stream->begin, count);
        stream->begin += count;
    }
    if (count == used && stream->capacity > HTTP_STREAM_KEPT_BYTES) {
        drop_bytes(stream);
    }
    bool is_over = count == 0 && stream->is_ended;
    bool has_room = stream->is_full && used - count <= stream->options.queue_bytes_max / 2;
    stream->is_full = stream->is_full && !has_room;
    stream->is_waiting = count == 0 && !is_over;
    answers_unlock(stream->answers);
    if (has_room) {
        stream->options.wake(stream->options.self);
    }
    *out_count = count;
    return !is_over;
}

void stream_detach(struct http_stream *stream)
{
    answers_lock(stream->answers);
    stream->is_ended = true;
    stream->is_waiting = false;
    drop_bytes(stream);
    answers_unlock(stream->answers);
    stream->request = NULL;
    stream->options.wake(stream->options.self);
    stream_release(stream);
}

struct http_stream *streams_take(struct answers *answers)
{
    answers_lock(answers);
    struct http_stream *first = answers->first_news;
    for (struct http_stream *stream = first; stream; stream = stream->next) {
        stream->is_listed = false;
        stream->is_waiting = false;
    }
    answers->first_news = answers->last_news = NULL;
    answers_unlock(answers);
    return first;
}

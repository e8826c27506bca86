/*
 * GET /v1/stream: the timeline as server-sent events. One thread reads the store once for all who are equally far and hands
 * on; what a slow client has no room for stays in the store, and its place in the timeline is all that is kept for it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/api/api_internal.h"
#include "gateway/base/assert.h"
#include "gateway/base/json.h"
#include "gateway/base/parse.h"
#include "gateway/http/stream.h"
#include "gateway/system/clock.h"
#include "gateway/system/log.h"

enum {
    QUEUE_BYTES_MAX = 64 * 1024, /* waiting for one client */
    PAGE_ROWS = 200,             /* of the timeline, read at once */
    PAGE_BYTES = 1024 * 1024,    /* a page ends with the entry that passes this */
    EVENT_BYTES_MAX = 4 * 1024 * 1024,
    LOCAL_STREAMS_MAX = 128, /* of the control socket's connections, so that commands find one */
    LOOK_MS = 1000,          /* news without a wake: the commits of another node */
};

/* One client. */
struct follower {
    struct follower *next;
    struct http_request *request; /* NULL once the stream is open */
    struct http_stream *stream;
    uint64_t after; /* the last entry it was given */
    bool is_new;    /* it starts with what comes next */
    bool is_local;
};

/* The entries behind `after` as events, up to `last`. */
struct page {
    bool is_valid;
    bool is_end; /* there were no more */
    uint64_t after, last;
    size_t count;
    uint64_t ids[PAGE_ROWS];
    size_t ends[PAGE_ROWS]; /* of each event in the text */
    struct strbuf text;
};

struct feed {
    struct api *api;
    struct store_reader *reader;
    struct queue *arrivals; /* followers whose request is deferred */
    pthread_t thread;
    bool runs;
    atomic_size_t count, local_count;
    atomic_bool must_return; /* who came over the network comes again */
    struct follower *followers;
    struct page page;
    struct log_burst failures;
};

static void note_failure(struct feed *feed, const struct err *err)
{
    if (log_burst_due(&feed->failures, clock_mono_ms()))
        log_line(LOG_WARNING, "the stream cannot read the store, trying again", "error", err->text,
                 "count", log_i64((int64_t)feed->failures.count), NULL);
}

/* id, kind and the entry as one line of JSON. */
static void write_event(struct strbuf *text, const struct timeline_row *row, uint64_t id)
{
    struct strbuf data;
    struct json_out out;
    strbuf_init(&data, EVENT_BYTES_MAX);
    json_out_begin(&out, &data);
    api_write_timeline(&out, row, id);
    strbuf_printf(text, "id: %llu\n", (unsigned long long)id);
    if (data.overflowed) {
        strbuf_printf(text, ": this entry is too large, see /v1/incidents/%llu\n",
                      (unsigned long long)row->incident);
    } else {
        strbuf_printf(text, "event: %s\ndata: ", row->kind);
        strbuf_add_bytes(text, strbuf_text(&data), data.length);
        strbuf_add(text, "\n");
    }
    strbuf_add(text, "\n");
    strbuf_clear(&data);
}

static int page_read(struct feed *feed, uint64_t after)
{
    struct page *page = &feed->page;
    struct arena arena;
    struct err err = {0};
    struct timeline_row *rows;
    uint64_t *ids;
    size_t count;
    arena_init(&arena);
    page->is_valid = false;
    int result = store_read_timeline_after(feed->reader, after, PAGE_ROWS, &arena, &rows, &ids,
                                           &count, &err);
    if (result == 0) {
        strbuf_reset(&page->text);
        page->count = 0;
        while (page->count < count && page->text.length < PAGE_BYTES) {
            write_event(&page->text, &rows[page->count], ids[page->count]);
            page->ids[page->count] = ids[page->count];
            page->ends[page->count++] = page->text.length;
        }
        ASSERT(!page->text.overflowed);
        page->after = after;
        page->last = page->count > 0 ? ids[page->count - 1] : after;
        page->is_end = page->count == count && count < PAGE_ROWS;
        page->is_valid = true;
        feed->failures = (struct log_burst){0};
    } else {
        note_failure(feed, &err);
    }
    arena_clear(&arena);
    return result;
}

/* Whether the page says all there is to say next to who has got `after`. */
static bool page_covers(const struct page *page, uint64_t after)
{
    return page->is_valid && after >= page->after && (after < page->last || page->is_end);
}

/* As much of the next page as there is room for. True: something was given. */
static bool follower_feed(struct feed *feed, struct follower *follower)
{
    struct page *page = &feed->page;
    bool given = false;
    if (!page_covers(page, follower->after) && page_read(feed, follower->after) != 0)
        return false;
    for (size_t i = 0; i < page->count; i++) {
        size_t begin = i > 0 ? page->ends[i - 1] : 0;
        if (page->ids[i] <= follower->after)
            continue;
        if (http_stream_put(follower->stream, strbuf_text(&page->text) + begin,
                            page->ends[i] - begin) != HTTP_STREAM_READY)
            break;
        follower->after = page->ids[i];
        given = true;
    }
    return given;
}

static void follower_end(struct feed *feed, struct follower *follower, const char *why)
{
    http_stream_close(follower->stream, why);
    atomic_fetch_sub(&feed->count, 1);
    if (follower->is_local)
        atomic_fetch_sub(&feed->local_count, 1);
    free(follower);
}

/* Rounds until nobody gets anything more: those in the same place share one reading of the store. */
static void serve(struct feed *feed)
{
    bool must_return = atomic_exchange(&feed->must_return, false);
    bool given = true;
    feed->page.is_valid = false; /* what was the end may not be any more */
    while (given) {
        given = false;
        for (struct follower **link = &feed->followers; *link != NULL;) {
            struct follower *follower = *link;
            enum http_stream_state state = http_stream_state(follower->stream);
            if (state == HTTP_STREAM_GONE || (must_return && !follower->is_local)) {
                *link = follower->next;
                follower_end(feed, follower,
                             "closed: the configuration was reloaded; connect again");
                continue;
            }
            given = (state == HTTP_STREAM_READY && follower_feed(feed, follower)) || given;
            link = &follower->next;
        }
        must_return = false;
    }
}

static void on_wake(void *self)
{
    struct feed *feed = self;
    queue_nudge(feed->arrivals);
}

/* Where it begins; false: answered with an error. */
static bool find_place(struct feed *feed, struct follower *follower)
{
    struct err err = {0};
    uint64_t last;
    if (store_read_timeline_last(feed->reader, &last, &err) != 0) {
        api_error_of(follower->request, &err);
    } else if (!follower->is_new && follower->after > last) {
        http_answer_error(follower->request, 400,
                          "after: got %llu, want at most %llu, the newest entry",
                          (unsigned long long)follower->after, (unsigned long long)last);
    } else {
        follower->after = follower->is_new ? last : follower->after;
        return true;
    }
    return false;
}

static void admit(struct feed *feed, struct follower *follower)
{
    char opening[64];
    if (find_place(feed, follower)) {
        const struct http_stream_options options = {
            .queue_bytes_max = QUEUE_BYTES_MAX, .wake = on_wake, .self = feed};
        follower->stream = http_stream_open(follower->request, &options);
    }
    follower->request = NULL;
    if (follower->stream == NULL) {
        follower_end(feed, follower, "");
        return;
    }
    /* With an id from the start, who comes again before anything happened has a place too. */
    int length = snprintf(opening, sizeof(opening), "retry: 1000\nid: %llu\n\n",
                          (unsigned long long)follower->after);
    ASSERT(length > 0 && (size_t)length < sizeof(opening));
    (void)http_stream_put(follower->stream, opening,
                          (size_t)length); /* gone: noticed in the next round */
    follower->next = feed->followers;
    feed->followers = follower;
}

static void *run(void *self)
{
    struct feed *feed = self;
    for (;;) {
        void *item;
        size_t count = queue_take(feed->arrivals, &item, 1, feed->followers != NULL ? LOOK_MS : -1);
        if (count > 0)
            admit(feed, item);
        else if (queue_is_stopped(feed->arrivals))
            break;
        serve(feed);
    }
    while (feed->followers != NULL) {
        struct follower *follower = feed->followers;
        feed->followers = follower->next;
        follower_end(feed, follower, "closed: the daemon stops");
    }
    return NULL;
}

int feed_start(struct api *api, struct err *err)
{
    struct feed *feed = heap_alloc(sizeof(*feed));
    api->feed = feed;
    feed->api = api;
    strbuf_init(&feed->page.text, PAGE_BYTES + 2 * EVENT_BYTES_MAX);
    if (queue_create(API_READS_WAITING_MAX, &feed->arrivals, err) != 0 ||
        store_reader_open(api->config->store_url, api->options.state_dir, &feed->reader, err) != 0)
        return -1;
    int code = pthread_create(&feed->thread, NULL, run, feed);
    if (code != 0)
        return err_set_errno(err, code, "stream thread");
    feed->runs = true;
    return 0;
}

void feed_stop(struct feed *feed)
{
    if (feed == NULL)
        return;
    if (feed->arrivals != NULL)
        queue_stop(feed->arrivals);
    if (feed->runs)
        (void)pthread_join(feed->thread, NULL);
    queue_destroy(feed->arrivals);
    store_reader_close(feed->reader);
    strbuf_clear(&feed->page.text);
    free(feed);
}

void feed_wake(struct feed *feed)
{
    /* A follower that is counted later reads the store later, and so sees this commit by itself. */
    if (atomic_load(&feed->count) > 0)
        queue_nudge(feed->arrivals);
}

void feed_reload(struct feed *feed)
{
    atomic_store(&feed->must_return, true);
    feed_wake(feed);
}

/* Last-Event-ID, with which a browser comes again, is newer than the address it came with. False: answered with 400. */
static bool read_place(struct http_request *request, struct follower *out)
{
    struct err err = {0};
    const char *name = "Last-Event-ID";
    const char *text = http_header(request, name);
    if (text[0] == '\0') {
        name = "after";
        text = http_query(request, name);
    }
    out->is_new = text[0] == '\0';
    if (out->is_new || parse_u64(text, 0, INT64_MAX, &out->after, &err) == 0)
        return true;
    http_answer_error(request, 400, "%s: %s", name, err.text);
    return false;
}

/* False: answered with 503. */
static bool take_place(struct feed *feed, struct http_request *request, bool is_local)
{
    struct config *config = api_config(feed->api);
    size_t most = (size_t)config->http.streams_max;
    config_release(config);
    if (atomic_fetch_add(&feed->count, 1) >= most) {
        atomic_fetch_sub(&feed->count, 1);
        http_answer_error(request, 503,
                          "%zu streams are open already ([http] streams_max); try again later",
                          most);
        return false;
    }
    if (is_local && atomic_fetch_add(&feed->local_count, 1) >= LOCAL_STREAMS_MAX) {
        atomic_fetch_sub(&feed->local_count, 1);
        atomic_fetch_sub(&feed->count, 1);
        http_answer_error(request, 503,
                          "%d streams are open on the control socket already; try again later",
                          LOCAL_STREAMS_MAX);
        return false;
    }
    return true;
}

static void handle_stream(void *self, struct http_request *request)
{
    struct api *api = self;
    struct feed *feed = api->feed;
    struct api_caller caller;
    struct follower asked = {.request = request};
    if (!api_authorize(api, request, false, &caller) || !read_place(request, &asked) ||
        !take_place(feed, request, caller.is_local))
        return;
    asked.is_local = caller.is_local;
    struct follower *follower = heap_alloc(sizeof(*follower));
    *follower = asked;
    http_defer(request);
    if (queue_put(feed->arrivals, follower))
        return;
    http_answer_error(request, 503, "too many streams are being opened; try again");
    follower_end(feed, follower, "");
}

int api_register_stream(struct api *api, struct http_server *server, struct err *err)
{
    const struct http_route route = {
        .method = HTTP_GET, .path = "/v1/stream", .handle = handle_stream, .self = api};
    return http_server_route(server, &route, err);
}

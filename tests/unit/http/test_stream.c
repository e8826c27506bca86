/* Answers that do not end: order, bounds, slow readers, silence, leaving, stopping. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/arena.h"
#include "gateway/http/stream.h"
#include "gateway/system/clock.h"
#include "gateway/system/queue.h"
#include "tests/unit/http/client.h"

#define QUEUE_BYTES 4096
#define COMMENT_MS 100
#define SEND_MS 3000
#define STREAMS_MAX 300
#define READ_BYTES_MAX (16 << 20)
#define ITEM "data: %08d\n\n"
#define ITEM_BYTES 16

struct fixture {
    struct http_server *server;
    struct queue *opened;   /* streams */
    struct queue *deferred; /* requests */
    atomic_int wake_count;
};

static struct fixture fixture;

static void count_wake(void *self)
{
    struct fixture *of = self;
    atomic_fetch_add(&of->wake_count, 1);
}

static struct http_stream *open_stream(struct http_request *request)
{
    const struct http_stream_options options = {
        .queue_bytes_max = QUEUE_BYTES, .wake = count_wake, .self = &fixture};
    return http_stream_open(request, &options);
}

static void handle_now(void *self, struct http_request *request)
{
    struct fixture *of = self;
    assert_true(queue_put(of->opened, open_stream(request)));
}

static void handle_later(void *self, struct http_request *request)
{
    struct fixture *of = self;
    http_defer(request);
    assert_true(queue_put(of->deferred, request));
}

static int set_up(void **state)
{
    (void)state;
    const struct http_server_options options = {.connections_max = 2 * STREAMS_MAX,
                                                .connections_per_ip_max = 2 * STREAMS_MAX,
                                                .body_bytes_max = 1000,
                                                .header_timeout_ms = 10000,
                                                .body_timeout_ms = 10000,
                                                .send_timeout_ms = SEND_MS,
                                                .stream_comment_ms = COMMENT_MS};
    const struct http_route routes[] = {
        {.method = HTTP_GET, .path = "/now", .handle = handle_now, .self = &fixture},
        {.method = HTTP_GET, .path = "/later", .handle = handle_later, .self = &fixture},
    };
    struct err err = {0};
    fixture = (struct fixture){0};
    assert_int_equal(queue_create(STREAMS_MAX, &fixture.opened, &err), 0);
    assert_int_equal(queue_create(STREAMS_MAX, &fixture.deferred, &err), 0);
    assert_int_equal(http_server_create(&options, &fixture.server, &err), 0);
    assert_int_equal(http_server_route(fixture.server, &routes[0], &err), 0);
    assert_int_equal(http_server_route(fixture.server, &routes[1], &err), 0);
    assert_int_equal(http_server_listen_tcp(fixture.server, "127.0.0.1", 0, NULL, NULL, &err), 0);
    assert_int_equal(http_server_start(fixture.server, &err), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_destroy(fixture.server);
    queue_stop(fixture.opened);
    queue_stop(fixture.deferred);
    queue_destroy(fixture.opened);
    queue_destroy(fixture.deferred);
    return 0;
}

static int ask(const char *path)
{
    char text[128];
    int fd = client_connect(http_server_port(fixture.server));
    (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    client_send(fd, text);
    return fd;
}

static void *next_of(struct queue *queue)
{
    void *item = NULL;
    assert_int_equal(queue_take(queue, &item, 1, CLIENT_WAIT_MS), 1);
    return item;
}

static void put_item(struct http_stream *stream, int number, enum http_stream_state want)
{
    char item[32];
    (void)snprintf(item, sizeof(item), ITEM, number);
    assert_int_equal(http_stream_put(stream, item, ITEM_BYTES), want);
}

/* Puts until it is refused; the number of the item that was. */
static int fill(struct http_stream *stream, int number)
{
    char item[32];
    do {
        (void)snprintf(item, sizeof(item), ITEM, number++);
    } while (http_stream_put(stream, item, ITEM_BYTES) == HTTP_STREAM_READY);
    return number - 1;
}

/* What the kernel has taken is not ours; from the moment it takes no more, neither do we. */
static int fill_until_stuck(struct http_stream *stream)
{
    int next = fill(stream, 0);
    for (int quiet = 0; quiet < 20;) {
        int before = next;
        (void)poll(NULL, 0, 5);
        next = fill(stream, next);
        quiet = next == before ? quiet + 1 : 0;
    }
    return next;
}

static void wait_until_gone(struct http_stream *stream)
{
    int64_t deadline_ms = clock_mono_ms() + CLIENT_WAIT_MS;
    while (http_stream_state(stream) != HTTP_STREAM_GONE) {
        assert_true(clock_mono_ms() < deadline_ms);
        (void)poll(NULL, 0, 5);
    }
}

/* One client's view: the head once, then what the chunks held. */
struct reading {
    int fd;
    char *raw, *text;
    size_t raw_count, raw_done, count;
    bool has_head, is_over;
};

static struct reading reading_begin(int fd)
{
    return (struct reading){
        .fd = fd, .raw = heap_alloc(READ_BYTES_MAX), .text = heap_alloc(READ_BYTES_MAX)};
}

static void reading_end(struct reading *reading)
{
    close(reading->fd);
    free(reading->raw);
    free(reading->text);
}

static void take_chunks(struct reading *reading)
{
    for (;;) {
        char *at = reading->raw + reading->raw_done;
        size_t left = reading->raw_count - reading->raw_done;
        char *line_end = memmem(at, left, "\r\n", 2);
        if (!line_end) {
            return;
        }
        size_t size = strtoul(at, NULL, 16);
        size_t whole = (size_t)(line_end + 2 - at) + size + 2;
        if (left < whole) {
            return;
        }
        memcpy(reading->text + reading->count, line_end + 2, size);
        reading->count += size;
        reading->text[reading->count] = '\0';
        reading->raw_done += whole;
        reading->is_over = reading->is_over || size == 0;
    }
}

/* False at the end of the connection. */
static bool read_more(struct reading *reading)
{
    struct pollfd wait = {.fd = reading->fd, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, CLIENT_WAIT_MS), 1);
    size_t room = READ_BYTES_MAX - 1 - reading->raw_count;
    assert_true(room > 0);
    ssize_t count = recv(reading->fd, reading->raw + reading->raw_count, room, 0);
    if (count <= 0) {
        return false;
    }
    reading->raw_count += (size_t)count;
    reading->raw[reading->raw_count] = '\0';
    if (!reading->has_head) {
        char *end = strstr(reading->raw, "\r\n\r\n");
        if (!end) {
            return true;
        }
        reading->has_head = true;
        reading->raw_done = (size_t)(end + 4 - reading->raw);
    }
    take_chunks(reading);
    return true;
}

static void read_until(struct reading *reading, const char *text)
{
    while (!strstr(reading->text, text)) {
        assert_true(read_more(reading));
    }
}

static void read_all(struct reading *reading)
{
    while (read_more(reading)) {
    }
}

/* Items 0..count-1, each once and in order; other lines are comments. */
static void assert_items(const struct reading *reading, int count)
{
    int seen = 0;
    for (const char *at = reading->text; *at; at = strchr(at, '\n') + 1) {
        if (strncmp(at, "data: ", 6) == 0) {
            assert_int_equal(strtol(at + 6, NULL, 10), seen);
            seen++;
        } else {
            assert_true(at[0] == ':' || at[0] == '\n');
        }
        assert_non_null(strchr(at, '\n'));
    }
    assert_int_equal(seen, count);
}

static void test_items_then_the_end(void **state)
{
    (void)state;
    struct reading reading = reading_begin(ask("/now"));
    struct http_stream *stream = next_of(fixture.opened);
    for (int i = 0; i < 100; i++) {
        put_item(stream, i, HTTP_STREAM_READY);
    }
    read_until(&reading, "data: 00000099\n\n");
    assert_non_null(strstr(reading.raw, "Content-Type: text/event-stream\r\n"));
    assert_non_null(strstr(reading.raw, "Cache-Control: no-store\r\n"));
    put_item(stream, 100, HTTP_STREAM_READY);
    http_stream_close(stream, "enough");
    read_all(&reading);
    assert_true(reading.is_over);
    assert_items(&reading, 101);
    assert_non_null(strstr(reading.text, "data: 00000100\n\n: enough\n\n"));
    reading_end(&reading);
}

static void test_silence_is_commented(void **state)
{
    (void)state;
    struct reading reading = reading_begin(ask("/now"));
    struct http_stream *stream = next_of(fixture.opened);
    read_until(&reading, ":\n\n:\n\n:\n\n");
    put_item(stream, 0, HTTP_STREAM_READY);
    read_until(&reading, "data: 00000000\n\n");
    http_stream_close(stream, "enough");
    reading_end(&reading);
}

static void test_a_slow_reader_bounds_the_queue(void **state)
{
    (void)state;
    struct reading reading = reading_begin(ask("/now"));
    struct http_stream *stream = next_of(fixture.opened);
    int next = fill_until_stuck(stream);
    int last = next + 20000;
    assert_int_equal(http_stream_state(stream), HTTP_STREAM_FULL);
    atomic_store(&fixture.wake_count, 0);
    int64_t deadline_ms = clock_mono_ms() + 5 * CLIENT_WAIT_MS;
    while (next < last) {
        assert_true(clock_mono_ms() < deadline_ms); /* comments alone would go on for ever */
        assert_true(read_more(&reading));
        if (http_stream_state(stream) == HTTP_STREAM_READY) {
            assert_true(atomic_load(&fixture.wake_count) > 0);
            next = fill(stream, next);
        }
    }
    http_stream_close(stream, "enough");
    read_all(&reading);
    assert_items(&reading, next);
    reading_end(&reading);
}

static void test_a_reader_that_takes_nothing_is_closed(void **state)
{
    (void)state;
    struct reading reading = reading_begin(ask("/now"));
    struct http_stream *stream = next_of(fixture.opened);
    int next = 0;
    int64_t deadline_ms = clock_mono_ms() + CLIENT_WAIT_MS;
    while (http_stream_state(stream) != HTTP_STREAM_GONE) {
        assert_true(clock_mono_ms() < deadline_ms);
        next = fill(stream, next);
        (void)poll(NULL, 0, 5);
    }
    read_all(&reading); /* what had been put, and why there is no more */
    assert_true(reading.is_over);
    assert_items(&reading, next);
    assert_non_null(
        strstr(reading.text, ": closed: you read too slowly; go on after your last id\n"));
    http_stream_close(stream, "not heard any more");
    reading_end(&reading);
}

static void test_a_client_that_leaves_is_noticed(void **state)
{
    (void)state;
    int fd = ask("/now");
    struct http_stream *stream = next_of(fixture.opened);
    close(fd);
    wait_until_gone(stream); /* by the comments */
    assert_true(atomic_load(&fixture.wake_count) > 0);
    put_item(stream, 0, HTTP_STREAM_GONE);
    http_stream_close(stream, "nobody hears it");
}

static void test_an_item_larger_than_the_queue(void **state)
{
    (void)state;
    static char large[10 * QUEUE_BYTES];
    struct reading reading = reading_begin(ask("/now"));
    struct http_stream *stream = next_of(fixture.opened);
    memset(large, 'x', sizeof(large));
    large[0] = ':';
    memcpy(large + sizeof(large) - 2, "\n\n", 2);
    assert_int_equal(http_stream_put(stream, large, sizeof(large)), HTTP_STREAM_READY);
    while (reading.count < sizeof(large)) {
        assert_true(read_more(&reading));
    }
    http_stream_close(stream, "enough");
    read_all(&reading);
    assert_memory_equal(reading.text, large, sizeof(large));
    reading_end(&reading);
}

static void test_opened_by_another_thread(void **state)
{
    (void)state;
    struct reading reading = reading_begin(ask("/later"));
    struct http_stream *stream = open_stream(next_of(fixture.deferred));
    assert_non_null(stream);
    put_item(stream, 0, HTTP_STREAM_READY);
    http_stream_close(stream, "enough");
    read_all(&reading);
    assert_items(&reading, 1);
    reading_end(&reading);
}

static void test_opened_after_the_server_gave_up(void **state)
{
    (void)state;
    int fd = ask("/later");
    struct http_request *request = next_of(fixture.deferred);
    http_server_stop(fixture.server, 0);
    assert_null(open_stream(request));
    assert_int_equal(atomic_load(&fixture.wake_count), 0);
    close(fd);
}

static void test_head_and_old_clients(void **state)
{
    (void)state;
    struct client_answer answer;
    int fd = client_connect(http_server_port(fixture.server));
    client_send(fd, "HEAD /now HTTP/1.1\r\nHost: x\r\n\r\n");
    struct http_stream *stream = next_of(fixture.opened);
    client_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    wait_until_gone(stream);
    http_stream_close(stream, "no body");
    close(fd);
    fd = client_connect(http_server_port(fixture.server));
    client_send(fd, "GET /now HTTP/1.0\r\n\r\n");
    stream = next_of(fixture.opened);
    put_item(stream, 0, HTTP_STREAM_READY);
    http_stream_close(stream, "enough");
    struct reading reading = reading_begin(fd); /* no chunks: the text as it is, until the end */
    read_all(&reading);
    assert_non_null(strstr(reading.raw, "\r\n\r\ndata: 00000000\n\n: enough\n\n"));
    reading_end(&reading);
}

static void test_stop_tells_everybody(void **state)
{
    (void)state;
    struct reading reading = reading_begin(ask("/now"));
    struct http_stream *told = next_of(fixture.opened);
    read_until(&reading, ":\n\n");
    int deaf = ask("/now"); /* never reads */
    struct http_stream *stuck = next_of(fixture.opened);
    (void)fill_until_stuck(stuck);
    int64_t start_ms = clock_mono_ms();
    http_server_stop(fixture.server, CLIENT_WAIT_MS); /* streams do not use up the grace */
    assert_true(clock_mono_ms() - start_ms < CLIENT_WAIT_MS);
    read_all(&reading);
    assert_true(reading.is_over);
    assert_non_null(strstr(reading.text, ": closed: the daemon stops\n\n"));
    put_item(told, 0, HTTP_STREAM_GONE);
    put_item(stuck, 0, HTTP_STREAM_GONE);
    http_server_destroy(fixture.server);
    fixture.server = NULL;
    put_item(told, 0, HTTP_STREAM_GONE); /* the holder may be late */
    http_stream_close(told, "late");
    http_stream_close(stuck, "late");
    close(deaf);
    reading_end(&reading);
}

static void *put_all(void *self)
{
    struct http_stream **streams = self;
    for (int i = 0; i < 50; i++) {
        for (size_t j = 0; j < STREAMS_MAX; j++) {
            put_item(streams[j], i, HTTP_STREAM_READY);
        }
    }
    return NULL;
}

static void test_many_streams(void **state)
{
    (void)state;
    static int fds[STREAMS_MAX];
    static struct http_stream *streams[STREAMS_MAX];
    pthread_t putter;
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        fds[i] = ask("/now");
        streams[i] = next_of(fixture.opened);
    }
    assert_int_equal(pthread_create(&putter, NULL, put_all, streams), 0);
    assert_int_equal(pthread_join(putter, NULL), 0);
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        struct reading reading = reading_begin(fds[i]);
        http_stream_close(streams[i], "enough");
        read_all(&reading);
        assert_items(&reading, 50);
        reading_end(&reading);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_items_then_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_silence_is_commented, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_slow_reader_bounds_the_queue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_reader_that_takes_nothing_is_closed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_client_that_leaves_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_item_larger_than_the_queue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_opened_by_another_thread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_opened_after_the_server_gave_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_head_and_old_clients, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_tells_everybody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_streams, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

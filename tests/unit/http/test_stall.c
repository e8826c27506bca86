/* Many sockets ready at once: the HTTP library's own thread stops serving at 128, ours must not. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/http/server.h"
#include "gateway/system/clock.h"
#include "gateway/system/queue.h"
#include "tests/unit/http/client.h"

#define CONNECTIONS_MAX 1024
#define ROUNDS 3

static struct http_server *server;
static struct queue *waiting; /* deferred requests */
static pthread_t worker;

static void answer_ok(struct http_request *request)
{
    const struct http_response response = {
        .status = 200, .body = "ok", .body_count = 2, .body_is_static = true};
    http_answer(request, &response);
}

static void handle_now(void *self, struct http_request *request)
{
    (void)self;
    answer_ok(request);
}

static void handle_later(void *self, struct http_request *request)
{
    (void)self;
    http_defer(request);
    assert_true(queue_put(waiting, request));
}

static void *work(void *self)
{
    (void)self;
    void *items[64];
    size_t count;
    while ((count = queue_take(waiting, items, 64, -1)) > 0) {
        for (size_t i = 0; i < count; i++) {
            answer_ok(items[i]);
        }
    }
    return NULL;
}

static int set_up(void **state)
{
    (void)state;
    const struct rlimit files = {.rlim_cur = 8192, .rlim_max = 8192};
    (void)setrlimit(RLIMIT_NOFILE, &files); /* too few of them fail the connects below */
    const struct http_server_options options = {.connections_max = 2 * CONNECTIONS_MAX,
                                                .connections_per_ip_max = 2 * CONNECTIONS_MAX,
                                                .body_bytes_max = 1000,
                                                .header_timeout_ms = 60000,
                                                .body_timeout_ms = 60000};
    const struct http_route routes[] = {
        {.method = HTTP_POST, .path = "/now", .handle = handle_now},
        {.method = HTTP_POST, .path = "/later", .handle = handle_later},
    };
    struct err err = {0};
    assert_int_equal(queue_create(2 * CONNECTIONS_MAX, &waiting, &err), 0);
    assert_int_equal(pthread_create(&worker, NULL, work, NULL), 0);
    assert_int_equal(http_server_create(&options, &server, &err), 0);
    assert_int_equal(http_server_route(server, &routes[0], &err), 0);
    assert_int_equal(http_server_route(server, &routes[1], &err), 0);
    assert_int_equal(http_server_listen_tcp(server, "127.0.0.1", 0, NULL, NULL, &err), 0);
    assert_int_equal(http_server_start(server, &err), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_stop(server, 1000);
    queue_stop(waiting);
    assert_int_equal(pthread_join(worker, NULL), 0);
    queue_destroy(waiting);
    http_server_destroy(server);
    return 0;
}

/* Reads what is there; true when the whole answer, which ends in "\nok", has come. */
static bool answer_is_whole(int fd)
{
    char bytes[512];
    ssize_t count = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    assert_true(count > 2);
    return memcmp(bytes + count - 3, "\nok", 3) == 0;
}

static size_t wait_for_answers(struct pollfd *fds, size_t count)
{
    size_t answered = 0;
    int64_t deadline_ms = clock_mono_ms() + CLIENT_WAIT_MS;
    while (answered < count) {
        int64_t left_ms = deadline_ms - clock_mono_ms();
        if (left_ms <= 0 || poll(fds, (nfds_t)count, (int)left_ms) <= 0) {
            break;
        }
        for (size_t i = 0; i < count; i++) {
            if (fds[i].revents && answer_is_whole(fds[i].fd)) {
                answered++;
                fds[i].events = 0;
                fds[i].revents = 0;
            }
        }
    }
    return answered;
}

static void serve_at_once(const char *path, size_t count)
{
    static struct pollfd fds[CONNECTIONS_MAX];
    char text[128];
    (void)snprintf(text, sizeof(text),
                   "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody", path);
    for (size_t i = 0; i < count; i++) {
        fds[i].fd = client_connect(http_server_port(server));
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < count; i++) {
            fds[i].events = POLLIN;
            client_send(fds[i].fd, text);
        }
        assert_int_equal(wait_for_answers(fds, count), count);
    }
    for (size_t i = 0; i < count; i++) {
        close(fds[i].fd);
    }
}

static const size_t counts[] = {1, 127, 128, 129, 256, CONNECTIONS_MAX};

static void test_no_stall_when_answered_now(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        serve_at_once("/now", counts[i]);
    }
}

static void test_no_stall_when_answered_later(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        serve_at_once("/later", counts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_stall_when_answered_now),
        cmocka_unit_test(test_no_stall_when_answered_later),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
